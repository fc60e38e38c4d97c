//! Renders the sheet as a camera would see it, to measure accuracy.

use glam::{DMat3, DVec2, DVec3};
use rand::{Rng, SeedableRng};

use super::geometry::Pose;
use super::intrinsics::Intrinsics;
use super::sheet::Raster;

/// How a picture is rendered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Samples across and down a pixel.
    pub samples: usize,
    /// The blur's standard deviation, pixels. Light is blurred, as lenses do, before the camera makes shades of it.
    pub blur: f64,
    /// The noise's standard deviation, shades of 255.
    pub noise: f64,
    /// The shade of black ink and of white paper.
    pub levels: (f64, f64),
    /// The table's shade.
    pub table: f64,
    /// By how much the light falls off from the picture's left to its right edge, a share.
    pub falloff: f64,
    /// What the noise is drawn from.
    pub seed: u64,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            samples: 3,
            blur: 0.0,
            noise: 0.0,
            levels: (28.0, 214.0),
            table: 96.0,
            falloff: 0.0,
            seed: 0,
        }
    }
}

/// The sheet on a table, in shades of grey, row by row.
pub fn grey(sheet: &Raster, lens: &Intrinsics, pose: &Pose, look: &Look) -> Vec<u8> {
    let (width, height) = (lens.width as usize, lens.height as usize);
    let to_board = pose.inverse();
    let turn = DMat3::from_quat(to_board.rotation);
    let eye = to_board.translation;
    let half = DVec2::new(sheet.width as f64, sheet.height as f64) / 2.0;
    let metres = sheet.scale * 1000.0;
    // Light adds up before the camera makes shades of it.
    let (black, white) = (to_light(look.levels.0), to_light(look.levels.1));
    let inks: Vec<f32> = (0..=255_u8)
        .map(|shade| black + (white - black) * to_light(f64::from(shade)))
        .collect();
    let ink = |shade: u8| inks.get(usize::from(shade)).copied().unwrap_or(white);
    let table = to_light(look.table);
    // Where a direction of the camera meets the board's plane, in the sheet's pixels.
    let meet = |direction: DVec2| -> Option<DVec2> {
        let ray = turn * direction.extend(1.0);
        let far = -eye.y / ray.y;
        (far > 0.0).then(|| {
            let at = eye + ray * far;
            DVec2::new(at.x, at.z) * metres + half
        })
    };
    let sample = |at: DVec2| -> f32 {
        if at.x < 0.0 || at.y < 0.0 || at.x >= sheet.width as f64 || at.y >= sheet.height as f64 {
            return table;
        }
        sheet
            .shades
            .get(at.y as usize * sheet.width + at.x as usize)
            .map_or(table, |shade| ink(*shade))
    };
    let (low, high) = extent(sheet, lens, pose);
    let bent = lens.is_distorted();
    let samples = look.samples.clamp(1, 8);
    let share = ((samples * samples) as f32).recip();
    let mut picture = vec![table; width * height];
    let rows = picture
        .chunks_exact_mut(width.max(1))
        .enumerate()
        .skip(low.1)
        .take(high.1.saturating_sub(low.1));
    /// Pixels between two places where the lens's distortion is undone; in between it is as good as straight.
    const STRIDE: usize = 8;
    let mut seen: Vec<DVec2> = Vec::new();
    for (y, row) in rows {
        for j in 0..samples {
            let v = y as f64 + (j as f64 + 0.5) / samples as f64;
            let straight = |u: f64| DVec2::new((u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy);
            if bent {
                seen.clear();
                let places = (low.0..high.0 + 2 * STRIDE).step_by(STRIDE);
                seen.extend(places.map(|u| lens.direction(DVec2::new(u as f64, v))));
            }
            for (x, pixel) in row
                .iter_mut()
                .enumerate()
                .skip(low.0)
                .take(high.0.saturating_sub(low.0))
            {
                if j == 0 {
                    *pixel = 0.0;
                }
                for i in 0..samples {
                    let u = x as f64 + (i as f64 + 0.5) / samples as f64;
                    let direction = if bent {
                        let place = (u - low.0 as f64) / STRIDE as f64;
                        let index = place as usize;
                        match (seen.get(index), seen.get(index + 1)) {
                            (Some(from), Some(to)) => from.lerp(*to, place - index as f64),
                            _ => straight(u),
                        }
                    } else {
                        straight(u)
                    };
                    *pixel += meet(direction).map_or(table, sample) * share;
                }
            }
        }
    }
    if look.falloff != 0.0 {
        for row in picture.chunks_exact_mut(width.max(1)) {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel *= (1.0 - look.falloff * x as f64 / width as f64) as f32;
            }
        }
    }
    blur(&mut picture, width, height, look.blur);
    finish(&picture, look.noise, look.seed)
}

/// The part of the picture in which the sheet can be: from (left, upper) to (right, lower), pixels.
fn extent(sheet: &Raster, lens: &Intrinsics, pose: &Pose) -> ((usize, usize), (usize, usize)) {
    let whole = ((0, 0), (lens.width as usize, lens.height as usize));
    let half = DVec2::new(sheet.width as f64, sheet.height as f64) / (2000.0 * sheet.scale);
    let mut low = DVec2::INFINITY;
    let mut high = DVec2::NEG_INFINITY;
    // Along the edges too: a lens may bend them outwards.
    for step in 0..=8 {
        let t = f64::from(step) / 4.0 - 1.0;
        for (x, z) in [(t, -1.0), (t, 1.0), (-1.0, t), (1.0, t)] {
            let Some(pixel) = lens.project(pose, DVec3::new(x * half.x, 0.0, z * half.y)) else {
                return whole;
            };
            low = low.min(pixel);
            high = high.max(pixel);
        }
    }
    let clip = |value: f64, most: u32| value.clamp(0.0, f64::from(most)) as usize;
    (
        (clip(low.x - 8.0, lens.width), clip(low.y - 8.0, lens.height)),
        (clip(high.x + 8.0, lens.width), clip(high.y + 8.0, lens.height)),
    )
}

/// A Gaussian blur, pixels; the edges repeat.
fn blur(picture: &mut [f32], width: usize, height: usize, sigma: f64) {
    if sigma < 0.05 || width == 0 {
        return;
    }
    let reach = (sigma * 3.0).ceil() as i64;
    let weights: Vec<f32> = (-reach..=reach)
        .map(|i| (-(i * i) as f64 / (2.0 * sigma * sigma)).exp() as f32)
        .collect();
    let total: f32 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|weight| weight / total).collect();
    let mut line = Vec::new();
    for row in picture.chunks_exact_mut(width) {
        line.clear();
        let edge = |value: Option<&f32>| value.copied().unwrap_or(0.0);
        line.extend(std::iter::repeat_n(edge(row.first()), reach as usize));
        line.extend_from_slice(row);
        line.extend(std::iter::repeat_n(edge(row.last()), reach as usize));
        for (pixel, window) in row.iter_mut().zip(line.windows(weights.len())) {
            *pixel = window
                .iter()
                .zip(&weights)
                .map(|(value, weight)| value * weight)
                .sum();
        }
    }
    let old = picture.to_vec();
    for (y, row) in picture.chunks_exact_mut(width).enumerate() {
        row.fill(0.0);
        for (index, weight) in weights.iter().enumerate() {
            let from = (y as i64 + index as i64 - reach).clamp(0, height as i64 - 1) as usize;
            if let Some(other) = old.get(from * width..(from + 1) * width) {
                for (pixel, value) in row.iter_mut().zip(other) {
                    *pixel += value * weight;
                }
            }
        }
    }
}

/// A shade of 0 to 255 (sRGB) as light of 0 to 1.
fn to_light(shade: f64) -> f32 {
    let value = shade.clamp(0.0, 255.0) / 255.0;
    let light = if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    };
    light as f32
}

/// Light as shades, rounded, with noise.
fn finish(picture: &[f32], noise: f64, seed: u64) -> Vec<u8> {
    const FINE: f32 = 16_383.0;
    let shades: Vec<f32> = (0..=FINE as u32)
        .map(|light| {
            let light = light as f32 / FINE;
            let value = if light <= 0.003_130_8 {
                light * 12.92
            } else {
                1.055 * light.powf(1.0 / 2.4) - 0.055
            };
            value * 255.0
        })
        .collect();
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
    let noise = noise as f32;
    picture
        .iter()
        .map(|light| {
            let mut value = shades
                .get((light * FINE + 0.5) as usize)
                .copied()
                .unwrap_or(255.0);
            if noise > 0.0 {
                // The sum of eight bytes is as good as normal.
                let bits: u64 = rng.random();
                let sum: u32 = bits.to_le_bytes().iter().map(|byte| u32::from(*byte)).sum();
                value += (sum as f32 - 1020.0) / 209.0 * noise;
            }
            value.round().clamp(0.0, 255.0) as u8
        })
        .collect()
}

/// A pose from which the board is seen: how far its middle is (metres), how the line of sight leans from straight above
/// (radians), from which side (radians about the board's normal, 0 is the reader's), how the camera is rolled
/// (radians), and by which direction (x and y where z is 1) the board is off the picture's middle.
pub fn viewpoint(distance: f64, tilt: f64, side: f64, roll: f64, off: DVec2) -> Pose {
    let eye = DVec3::new(tilt.sin() * side.sin(), tilt.cos(), tilt.sin() * side.cos()) * distance;
    let up = if tilt.sin().abs() < 1e-3 {
        DVec3::NEG_Z
    } else {
        DVec3::Y
    };
    let straight = Pose::looking_at(eye, DVec3::ZERO, up);
    // Rolls about the line of sight, then turns the camera so that the board moves off the middle.
    let rolled = glam::DQuat::from_rotation_z(roll) * straight.rotation;
    let aside = glam::DQuat::from_rotation_arc(DVec3::Z, off.extend(1.0).normalize());
    Pose::new((aside * rolled).normalize(), aside * straight.translation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector;
    use crate::sheet;
    use crate::{board, pose};

    #[test]
    fn what_is_rendered_is_found() {
        let lens = Intrinsics {
            distortion: [-0.12, 0.03, 0.0005, -0.0005, 0.0],
            ..Intrinsics::plain(1280, 720, 1000.0)
        };
        let mut detector = Detector::default();
        for (index, (distance, tilt)) in [(0.4, 0.2), (0.6, 0.8), (1.2, 0.5)].into_iter().enumerate() {
            let truth = viewpoint(distance, tilt, 0.7, 1.9 * index as f64, DVec2::new(0.02, -0.03));
            let look = Look {
                blur: 0.7,
                noise: 3.0,
                ..Look::default()
            };
            let picture = grey(sheet::fine(), &lens, &truth, &look);
            let found = detector.detect(1280, 720, &picture, Some(&lens)).unwrap();
            assert!(found.len() >= 3, "{found:?}");
            for tag in &found {
                let corners = board::tag(tag.id).unwrap().corners();
                for (point, pixel) in corners.into_iter().zip(tag.corners) {
                    let off = lens.project(&truth, point).unwrap().distance(pixel);
                    assert!(off < 0.4, "tag {} is {off} px off", tag.id);
                }
            }
            let solved = pose::solve(&found, &lens, None).unwrap();
            let (metres, radians) = solved.pose.distance(&truth);
            assert!(metres < 0.004 * distance && radians < 0.01, "{metres} {radians}");
        }
    }

    #[test]
    fn hostile_poses_render() {
        let lens = Intrinsics::plain(64, 48, 60.0);
        for pose in [
            Pose::new(glam::DQuat::IDENTITY, DVec3::ZERO),
            Pose::new(glam::DQuat::IDENTITY, DVec3::NAN),
            Pose::looking_at(DVec3::new(0.0, -0.3, 0.0), DVec3::ZERO, DVec3::Y),
            Pose::looking_at(DVec3::new(0.01, 1e-6, 0.0), DVec3::ZERO, DVec3::Y),
        ] {
            assert_eq!(grey(sheet::fine(), &lens, &pose, &Look::default()).len(), 64 * 48);
        }
    }
}
