//! Which triangle a ray meets first: a tree of boxes over a model's triangles, to tell what is hidden and what is touched.

use glam::Vec3;

const LEAF: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Branch {
    min: Vec3,
    max: Vec3,
    /// First child (its sister follows), or first triangle of a leaf.
    first: u32,
    /// Triangles of a leaf; 0 for a branch.
    count: u32,
}

/// A tree of boxes over triangles.
#[derive(Debug, Clone, Default)]
pub struct Bvh {
    branches: Vec<Branch>,
    triangles: Vec<[Vec3; 3]>,
}

fn bounds(triangles: &[[Vec3; 3]]) -> (Vec3, Vec3) {
    triangles
        .iter()
        .flatten()
        .fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), point| {
            (min.min(*point), max.max(*point))
        })
}

impl Bvh {
    /// Over triangles given by their corners and indices, three each; indices out of range are passed over.
    pub fn new(positions: &[Vec3], indices: &[u32]) -> Self {
        let mut triangles: Vec<[Vec3; 3]> = indices
            .chunks_exact(3)
            .filter_map(|corner| match corner {
                [a, b, c] => Some([
                    *positions.get(*a as usize)?,
                    *positions.get(*b as usize)?,
                    *positions.get(*c as usize)?,
                ]),
                _ => None,
            })
            .collect();
        let mut branches = vec![Branch {
            min: Vec3::ZERO,
            max: Vec3::ZERO,
            first: 0,
            count: 0,
        }];
        let mut open = vec![(0_usize, 0_usize, triangles.len())];
        while let Some((at, from, to)) = open.pop() {
            let part = triangles.get_mut(from..to).unwrap_or_default();
            let (min, max) = bounds(part);
            let (first, count) = if part.len() <= LEAF {
                (from as u32, part.len() as u32)
            } else {
                let size = max - min;
                let axis = if size.x >= size.y && size.x >= size.z {
                    0
                } else if size.y >= size.z {
                    1
                } else {
                    2
                };
                let middle = part.len() / 2;
                part.select_nth_unstable_by(middle, |a, b| {
                    let centre = |triangle: &[Vec3; 3]| {
                        triangle.iter().map(|point| point.to_array()[axis]).sum::<f32>()
                    };
                    centre(a).total_cmp(&centre(b))
                });
                let child = branches.len();
                let empty = Branch {
                    min,
                    max,
                    first: 0,
                    count: 0,
                };
                branches.extend([empty, empty]);
                open.push((child, from, from + middle));
                open.push((child + 1, from + middle, to));
                (child as u32, 0)
            };
            if let Some(branch) = branches.get_mut(at) {
                *branch = Branch {
                    min,
                    max,
                    first,
                    count,
                };
            }
        }
        Self { branches, triangles }
    }

    /// How far along a ray the first triangle is (in lengths of `direction`), if nearer than `limit`.
    pub fn hit(&self, origin: Vec3, direction: Vec3, limit: f32) -> Option<f32> {
        if self.triangles.is_empty() {
            return None;
        }
        let inverse = direction.recip();
        let mut nearest = limit;
        let mut stack = vec![0_usize];
        while let Some(branch) = stack.pop().and_then(|at| self.branches.get(at)) {
            let (a, b) = ((branch.min - origin) * inverse, (branch.max - origin) * inverse);
            let (enter, leave) = (a.min(b).max_element(), a.max(b).min_element());
            if enter > leave || leave < 0.0 || enter > nearest {
                continue;
            }
            if branch.count == 0 {
                stack.extend([branch.first as usize, branch.first as usize + 1]);
                continue;
            }
            let from = branch.first as usize;
            for [a, b, c] in self
                .triangles
                .get(from..from + branch.count as usize)
                .unwrap_or_default()
            {
                let (ab, ac) = (*b - *a, *c - *a);
                let across = direction.cross(ac);
                let volume = ab.dot(across);
                if volume.abs() < 1e-20 {
                    continue;
                }
                let from_a = origin - *a;
                let u = from_a.dot(across) / volume;
                let aside = from_a.cross(ab);
                let v = direction.dot(aside) / volume;
                let along = ac.dot(aside) / volume;
                if u >= 0.0 && v >= 0.0 && u + v <= 1.0 && along > 0.0 && along < nearest {
                    nearest = along;
                }
            }
        }
        (nearest < limit).then_some(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meets_what_testing_every_triangle_meets() {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut point = || Vec3::new(next(), next(), next());
        let positions: Vec<Vec3> = (0..900)
            .map(|at| if at % 3 == 0 { point() } else { point() * 0.2 })
            .collect();
        let indices: Vec<u32> = (0..900).collect();
        let tree = Bvh::new(&positions, &indices);
        for _ in 0..200 {
            let (origin, direction) = (point() * 3.0, point());
            let every = indices
                .chunks_exact(3)
                .filter_map(|corner| Bvh::new(&positions, corner).hit(origin, direction, 100.0))
                .min_by(f32::total_cmp);
            assert_eq!(tree.hit(origin, direction, 100.0), every);
        }
        assert_eq!(Bvh::new(&[], &[]).hit(Vec3::ZERO, Vec3::X, 1.0), None);
    }
}
