//! Buttoned cushions with piping.

use glam::{Mat4, Quat, Vec2, Vec3};

use super::shell::{Bend, normal, place};
use crate::kit::curve::{mm, ramp, spline};
use crate::kit::loft::Grid;
use crate::kit::{Lathe, Mesh, at, inset, path, texture, tube};

/// How a cushion is made.
pub(super) struct Cushion<'a> {
    pub(super) shape: Vec<Vec2>,
    pub(super) thickness: f32,
    /// How broad its rounding is.
    pub(super) edge: f32,
    pub(super) rings: usize,
    pub(super) buttons: Vec<Vec2>,
    pub(super) bend: Bend<'a>,
    pub(super) seed: u32,
}

impl Cushion<'_> {
    /// Padding above the profile: buttons pull it in, and it creases towards them.
    fn soft(&self, p: Vec2, t: f32) -> f32 {
        let mut h = 0.0;
        for (k, b) in self.buttons.iter().enumerate() {
            let d = p - *b;
            let r = d.length();
            let angle = d.y.atan2(d.x) + k as f32;
            let folds = (angle * 5.0 + 1.3 * (angle * 2.0).sin()).sin();
            h -= self.thickness * 0.36 * (-(r / 0.036)).exp();
            h += 0.0026 * folds * (-((r - 0.028) / 0.022).powi(2)).exp();
        }
        let (u, v) = (p.x * 1.3 + 0.5, p.y * 1.3 + 0.5);
        h += 0.0045 * self.edge * texture::fractal(u.rem_euclid(1.0), v.rem_euclid(1.0), 5, 2, self.seed);
        h * ramp(0.0, 0.25, t)
    }

    /// The cushion's cover, and the piping round its seam.
    pub(super) fn make(&self) -> (Mesh, Mesh) {
        let n = self.shape.len();
        let middle = self.shape.iter().copied().sum::<Vec2>() / n as f32;
        let (t, w) = (self.thickness, self.edge);
        // Inset and height, from underneath over the seam onto the top.
        let profile = spline(
            &[
                Vec2::new(0.020 * w, 0.0006),
                Vec2::new(0.007 * w, t * 0.03),
                Vec2::new(0.0015 * w, t * 0.16),
                Vec2::new(-0.0008 * w, t * 0.34),
                Vec2::new(0.0030 * w, t * 0.455),
                Vec2::new(-0.0006 * w, t * 0.57),
                Vec2::new(0.0026 * w, t * 0.76),
                Vec2::new(0.0110 * w, t * 0.90),
                Vec2::new(0.0260 * w, t * 0.975),
                Vec2::new(0.0460 * w, t),
            ],
            2,
            false,
        );
        let last = profile.len() - 1;
        let (below, above) = (2, self.rings);
        let rows = below + last + above;
        let rings: Vec<Vec<Vec2>> = profile
            .iter()
            .map(|p| {
                let ring = inset(&self.shape, p.x.min(0.02));
                // Further in by scaling, so that corners don't cross.
                let more = (p.x - 0.02).max(0.0);
                ring.iter()
                    .map(|q| *q + (middle - *q).normalize_or_zero() * more)
                    .collect()
            })
            .collect();
        let pick = |row: usize, i: usize| rings.get(row).map(|r| at(r, i % n)).unwrap_or_default();
        let grid = Grid::new(n, rows, true, |i, j| {
            let (p, h) = if j < below {
                (pick(0, i).lerp(middle, 1.0 - j as f32 / below as f32), 0.0006)
            } else if j <= below + last {
                let p = pick(j - below, i);
                let q = at(&profile, j - below);
                let up = ramp(0.0, 0.03 * w, q.x) * if q.y > t * 0.5 { 1.0 } else { 0.0 };
                // The cover pulls a little along the seam.
                let pull = 0.0012
                    * texture::noise(i as f32 / n as f32, 0.5, 46, 2, self.seed)
                    * (-((q.y / t - 0.455) / 0.22).powi(2)).exp();
                (p, q.y + pull * w + self.soft(p, up * 0.25))
            } else {
                let s = (j - below - last) as f32 / above as f32;
                let p = pick(last, i).lerp(middle, s);
                let crown = t * (1.0 + 0.13 * (1.0 - (1.0 - s).powi(2)));
                (p, crown + self.soft(p, 0.25 + s))
            };
            (place(self.bend, p, h), Vec2::new(p.x, p.y + h * 0.9))
        });
        let ring = inset(&self.shape, 0.0006);
        let cord: Vec<Vec3> = ring.iter().map(|p| place(self.bend, *p, t * 0.455)).collect();
        (grid.mesh(), tube(&cord, 0.0042, 8, true))
    }

    /// The buttons, covered in the same cloth.
    pub(super) fn buttons(&self) -> Mesh {
        let mut mesh = Mesh::new();
        let middle = self.shape.iter().copied().sum::<Vec2>() / self.shape.len() as f32;
        for b in &self.buttons {
            let far = self
                .shape
                .iter()
                .map(|p| p.distance(middle))
                .fold(0.0_f32, f32::max);
            let s = (1.0 - b.distance(middle) / far * 1.25).clamp(0.0, 1.0);
            let h = self.thickness * (1.0 + 0.13 * (1.0 - (1.0 - s).powi(2))) + self.soft(*b, 1.0);
            let dome = Lathe::full(22).spin(&path(&mm(&[
                (0.0, -6.0, 0.0),
                (9.0, -6.0, 1.0),
                (11.0, -1.0, 4.0),
                (9.0, 3.2, 5.0),
                (0.0, 4.6, 0.0),
            ])));
            let n = normal(self.bend, b.x, b.y);
            let origin = (self.bend)(b.x, b.y) + n * (h + 0.0012);
            let turn = Quat::from_rotation_arc(Vec3::Y, n);
            mesh.merge(&dome.transformed(Mat4::from_rotation_translation(turn, origin)));
        }
        mesh
    }
}
