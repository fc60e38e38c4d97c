//! The shadow where a product meets the ground: how much light from above the things over each point keep away.

use glam::{Vec2, Vec3};

use super::model::{Model, Trs};

/// Pixels of a side.
pub const SIDE: usize = 192;

/// A shadow on the ground, seen from above: rows go from the back (−Z) to the front.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// The middle of the square on the ground, x and z, in metres.
    pub centre: Vec2,
    /// Half the square's side, in metres.
    pub half: f32,
    /// Height of the ground, in metres.
    pub ground: f32,
    /// Darkness of each pixel, 0 to 255.
    pub dark: Vec<u8>,
}

/// Blurs rows, then columns, three times with a box: close to a Gaussian of that radius in pixels.
fn blur(map: &mut Vec<f32>, radius: usize) {
    if radius == 0 {
        return;
    }
    let width = (2 * radius + 1) as f32;
    for _ in 0..3 {
        for transposed in [false, true] {
            let index = |line: usize, at: usize| {
                if transposed {
                    at * SIDE + line
                } else {
                    line * SIDE + at
                }
            };
            let mut out = vec![0.0; SIDE * SIDE];
            for line in 0..SIDE {
                let value = |at: isize| -> f32 {
                    usize::try_from(at)
                        .ok()
                        .filter(|at| *at < SIDE)
                        .and_then(|at| map.get(index(line, at)))
                        .copied()
                        .unwrap_or(0.0)
                };
                let mut sum: f32 = (0..=radius as isize).map(value).sum();
                for at in 0..SIDE {
                    if let Some(slot) = out.get_mut(index(line, at)) {
                        *slot = sum / width;
                    }
                    sum += value(at as isize + radius as isize + 1) - value(at as isize - radius as isize);
                }
            }
            *map = out;
        }
    }
}

/// The shadow of a model as its nodes stand now. What is hidden from the ground by nothing darkens it by how near it is.
pub fn shadow(model: &Model, local: &[Trs]) -> Contact {
    let bounds = model.bounds_of(local);
    let size = bounds.size();
    let reach = size.x.max(size.z).max(1e-4);
    let half = reach * 0.5 * 1.5;
    let centre = Vec2::new(bounds.centre().x, bounds.centre().z);
    let ground = bounds.min.y;
    // The lowest height over each pixel.
    let mut lowest = vec![f32::INFINITY; SIDE * SIDE];
    let to_pixel = |point: Vec3| {
        let flat = (Vec2::new(point.x, point.z) - centre + Vec2::splat(half)) / (2.0 * half) * SIDE as f32;
        (flat, point.y - ground)
    };
    let worlds = model.worlds(local);
    for (at, node) in model.nodes.iter().enumerate() {
        for primitive in node
            .mesh
            .and_then(|mesh| model.meshes.get(mesh))
            .iter()
            .flat_map(|mesh| &mesh.primitives)
        {
            let clear = model
                .materials
                .get(primitive.material)
                .is_some_and(|material| material.transmission > 0.5);
            let placed = model.placed(at, primitive, &worlds);
            for corner in primitive.indices.chunks_exact(3) {
                let points: Vec<(Vec2, f32)> = corner
                    .iter()
                    .filter_map(|index| placed.get(*index as usize))
                    .map(|point| to_pixel(*point))
                    .collect();
                if let ([a, b, c], false) = (points.as_slice(), clear) {
                    raster(&mut lowest, *a, *b, *c);
                }
            }
        }
    }
    let layer = |fade: f32, radius: f32| -> Vec<f32> {
        let mut map: Vec<f32> = lowest
            .iter()
            .map(|height| {
                if height.is_finite() {
                    (-height / fade).exp()
                } else {
                    0.0
                }
            })
            .collect();
        blur(&mut map, (radius * SIDE as f32).round() as usize);
        map
    };
    let near = layer(reach * 0.02, 0.008);
    let wide = layer(reach * 0.22, 0.035);
    let dark = near
        .iter()
        .zip(&wide)
        .map(|(near, wide)| {
            let open = (1.0 - 0.72 * near.min(1.0)) * (1.0 - 0.62 * wide.min(1.0));
            ((1.0 - open) * 255.0).round().clamp(0.0, 255.0) as u8
        })
        .collect();
    Contact {
        centre,
        half,
        ground,
        dark,
    }
}

fn raster(lowest: &mut [f32], a: (Vec2, f32), b: (Vec2, f32), c: (Vec2, f32)) {
    let min = a.0.min(b.0).min(c.0).floor().max(Vec2::ZERO);
    let max = a.0.max(b.0).max(c.0).ceil().min(Vec2::splat(SIDE as f32 - 1.0));
    if !(min.is_finite() && max.is_finite()) || min.x > max.x || min.y > max.y {
        return;
    }
    let area = (b.0 - a.0).perp_dot(c.0 - a.0);
    let mut put = |x: usize, y: usize, height: f32| {
        if let Some(slot) = lowest.get_mut(y * SIDE + x) {
            *slot = slot.min(height);
        }
    };
    if area.abs() < 1e-3 {
        // Thinner than a pixel: its corners stand for it.
        for (at, height) in [a, b, c] {
            let at = at.clamp(Vec2::ZERO, Vec2::splat(SIDE as f32 - 1.0));
            put(at.x as usize, at.y as usize, height);
        }
        return;
    }
    for y in min.y as usize..=max.y as usize {
        for x in min.x as usize..=max.x as usize {
            let at = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            let u = (at - a.0).perp_dot(c.0 - a.0) / area;
            let v = (b.0 - a.0).perp_dot(at - a.0) / area;
            if u >= -0.01 && v >= -0.01 && u + v <= 1.01 {
                put(x, y, a.1 + (b.1 - a.1) * u + (c.1 - a.1) * v);
            }
        }
    }
}
