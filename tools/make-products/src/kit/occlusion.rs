//! How much of the sky each corner sees, by rays against the whole product.

use std::collections::HashMap;
use std::f32::consts::TAU;

use glam::{Quat, Vec3};

use super::at;
use super::mesh::{Mesh, key};

#[derive(Clone, Copy, Default)]
struct Triangle {
    a: Vec3,
    e1: Vec3,
    e2: Vec3,
}

#[derive(Clone, Copy, Default)]
struct Box3 {
    low: Vec3,
    high: Vec3,
    // A leaf holds `count` triangles from `first`; an inner node its second child at `first`, its first right behind.
    first: u32,
    count: u32,
}

/// A tree of boxes over triangles.
#[derive(Default)]
pub struct Tree {
    triangles: Vec<Triangle>,
    boxes: Vec<Box3>,
}

impl Tree {
    /// Over those triangles.
    pub fn new(corners: impl Iterator<Item = [Vec3; 3]>) -> Self {
        let mut items: Vec<(Vec3, Triangle)> = corners
            .map(|[a, b, c]| {
                (
                    (a + b + c) / 3.0,
                    Triangle {
                        a,
                        e1: b - a,
                        e2: c - a,
                    },
                )
            })
            .collect();
        let mut tree = Tree::default();
        let n = items.len();
        tree.split(&mut items, 0, n);
        tree.triangles = items.into_iter().map(|(_, t)| t).collect();
        tree
    }

    fn split(&mut self, items: &mut [(Vec3, Triangle)], offset: usize, n: usize) {
        let (mut low, mut high) = (Vec3::splat(f32::MAX), Vec3::splat(f32::MIN));
        let (mut cl, mut ch) = (low, high);
        for (c, t) in items.iter() {
            for p in [t.a, t.a + t.e1, t.a + t.e2] {
                low = low.min(p);
                high = high.max(p);
            }
            cl = cl.min(*c);
            ch = ch.max(*c);
        }
        let index = self.boxes.len();
        self.boxes.push(Box3 {
            low,
            high,
            first: offset as u32,
            count: n as u32,
        });
        if n <= 4 {
            return;
        }
        let d = ch - cl;
        let axis = if d.x >= d.y && d.x >= d.z {
            0
        } else if d.y >= d.z {
            1
        } else {
            2
        };
        items.sort_by(|(a, _), (b, _)| {
            a.to_array()
                .get(axis)
                .zip(b.to_array().get(axis))
                .map_or(std::cmp::Ordering::Equal, |(a, b)| a.total_cmp(b))
        });
        let half = n / 2;
        let (left, right) = items.split_at_mut(half);
        self.split(left, offset, half);
        let second = self.boxes.len() as u32;
        if let Some(b) = self.boxes.get_mut(index) {
            b.first = second;
            b.count = 0;
        }
        self.split(right, offset + half, n - half);
    }

    /// The distance to the first hit along a ray, below `limit`.
    pub fn hit(&self, origin: Vec3, way: Vec3, limit: f32) -> Option<f32> {
        let inverse = way.recip();
        let mut best = limit;
        let mut stack = [0u32; 64];
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let index = at(&stack, depth);
            let b = at(&self.boxes, index as usize);
            let (t0, t1) = ((b.low - origin) * inverse, (b.high - origin) * inverse);
            let near = t0.min(t1).max_element().max(0.0);
            let far = t0.max(t1).min_element();
            if near > far || near >= best {
                continue;
            }
            if b.count == 0 {
                if let Some(pair) = stack.get_mut(depth..depth + 2) {
                    pair.copy_from_slice(&[b.first, index + 1]);
                    depth += 2;
                }
                continue;
            }
            for t in self
                .triangles
                .iter()
                .skip(b.first as usize)
                .take(b.count as usize)
            {
                let p = way.cross(t.e2);
                let det = t.e1.dot(p);
                if det.abs() < 1.0e-18 {
                    continue;
                }
                let s = origin - t.a;
                let u = s.dot(p) / det;
                let q = s.cross(t.e1);
                let v = way.dot(q) / det;
                let far = t.e2.dot(q) / det;
                if u >= -1.0e-5 && v >= -1.0e-5 && u + v <= 1.00001 && far > 0.0 && far < best {
                    best = far;
                }
            }
        }
        (best < limit).then_some(best)
    }
}

/// How occlusion is baked.
#[derive(Clone, Copy, Debug)]
pub struct Bake {
    /// Rays from each corner.
    pub rays: usize,
    /// How far an occluder counts, in metres; it counts less the farther it is.
    pub reach: f32,
    /// Whether the floor at y = 0 shades too.
    pub floor: bool,
}

impl Default for Bake {
    fn default() -> Self {
        Self {
            rays: 128,
            reach: 0.035,
            floor: true,
        }
    }
}

/// Writes the occlusion of every corner of `mesh` (in the tree's space).
pub fn bake(mesh: &mut Mesh, tree: &Tree, how: &Bake) {
    // One fixed set for all corners: no noise between neighbours.
    let set: Vec<Vec3> = (0..how.rays)
        .map(|i| {
            let u = (i as f32 + 0.5) / how.rays as f32;
            let a = TAU * (i as f32 * 0.618_034).fract();
            let r = u.sqrt();
            Vec3::new(r * a.cos(), r * a.sin(), (1.0 - u).sqrt())
        })
        .collect();
    let mut known: HashMap<([i64; 3], [i64; 3]), f32> = HashMap::new();
    for v in &mut mesh.vertices {
        let id = (key(v.position), key(v.normal * 0.001));
        let value = *known.entry(id).or_insert_with(|| {
            let turn = Quat::from_rotation_arc(Vec3::Z, v.normal);
            let origin = v.position + v.normal * 0.000_25;
            let mut shut = 0.0;
            for s in &set {
                let way = turn * *s;
                let mut far = tree.hit(origin, way, how.reach).unwrap_or(how.reach);
                if how.floor && way.y < -1.0e-4 {
                    far = far.min((origin.y / -way.y).max(0.0));
                }
                let near = 1.0 - far / how.reach;
                shut += near * near.sqrt().max(0.0);
            }
            1.0 - shut / how.rays as f32
        });
        v.occlusion = value.clamp(0.0, 1.0);
    }
}
