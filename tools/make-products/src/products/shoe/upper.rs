//! The upper: knit over the last, with welded films and the side marks.

use std::f32::consts::{PI, TAU};

use glam::{Quat, Vec2, Vec3};

use super::last::{Sole, rim};
use super::ribs::ribs;
use crate::kit::curve::{ramp, spline};
use crate::kit::loft::{Grid, facing, table, table_round};
use crate::kit::texture;
use crate::kit::{Mesh, at};

/// The upper's skin: u round the sole, v from the foam to the top edge.
pub(super) struct Upper {
    pub(super) sole: Sole,
    pub(super) tops: Vec<(f32, Vec3)>,
    pub(super) rises: Vec<(f32, Vec3)>,
    pub(super) falls: Vec<(f32, Vec3)>,
    pub(super) pads: Vec<(f32, f32)>,
}

impl Upper {
    pub(super) fn new() -> Self {
        let sole = Sole::new();
        let (mut tops, mut rises, mut falls, mut pads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for r in ribs() {
            let u = if r.side == 0.0 && r.z < 0.0 {
                0.0
            } else if r.side == 0.0 {
                sole.find(1.0, -1.0)
            } else {
                sole.find(r.z, r.side)
            };
            tops.push((u, r.top));
            rises.push((u, r.rise.extend(0.0)));
            falls.push((u, r.fall));
            pads.push((u, r.pad));
        }
        Self {
            sole,
            tops,
            rises,
            falls,
            pads,
        }
    }

    pub(super) fn pad(&self, u: f32) -> f32 {
        table_round(&self.pads, 1.0, u).clamp(0.0, 1.0)
    }

    /// The four handles of the rib at u.
    pub(super) fn handles(&self, u: f32) -> [Vec3; 4] {
        let (p, out) = (self.sole.point(u), self.sole.out(u));
        let foot = p - out * 0.0050 + Vec3::Y * (rim(p) - 0.004);
        let rise = table_round(&self.rises, 1.0, u);
        let top = table_round(&self.tops, 1.0, u);
        [
            foot,
            foot + Vec3::Y * rise.x + out * rise.y,
            top + table_round(&self.falls, 1.0, u),
            top,
        ]
    }

    /// The bare curve, before padding.
    pub(super) fn bare(&self, u: f32, v: f32) -> Vec3 {
        let [a, b, c, d] = self.handles(u);
        let w = 1.0 - v;
        a * (w * w * w) + b * (3.0 * w * w * v) + c * (3.0 * w * v * v) + d * (v * v * v)
    }

    pub(super) fn bare_normal(&self, u: f32, v: f32) -> Vec3 {
        let e = 0.002;
        let du = self.bare(u + e, v) - self.bare(u - e, v);
        let dv = self.bare(u, (v + e).min(1.0)) - self.bare(u, (v - e).max(0.0));
        du.cross(dv).normalize_or(Vec3::Y)
    }

    /// How long the rib is.
    pub(super) fn height(&self, u: f32) -> f32 {
        (0..12)
            .map(|k| {
                self.bare(u, k as f32 / 12.0)
                    .distance(self.bare(u, (k + 1) as f32 / 12.0))
            })
            .sum()
    }

    /// The outer skin.
    pub(super) fn skin(&self, u: f32, v: f32) -> Vec3 {
        let p = self.bare(u, v);
        let pad = self.pad(u);
        // The collar's padding swells above a sewn line; cloth is never quite even.
        let swell = pad * 0.0030 * (PI * ((v - 0.60) / 0.44).clamp(0.0, 1.0)).sin().powf(0.8);
        let seam = -pad * 0.0009 * (-((v - 0.575) / 0.022).powi(2)).exp();
        let uneven = 0.00035
            * texture::fractal(u.rem_euclid(1.0), v * 0.3, 14, 3, 5)
            * ramp(0.05, 0.25, v)
            * (1.0 - ramp(0.85, 1.0, v));
        p + self.bare_normal(u, v) * (swell + seam + uneven)
    }

    pub(super) fn normal(&self, u: f32, v: f32) -> Vec3 {
        let e = 0.0025;
        let du = self.skin(u + e, v) - self.skin(u - e, v);
        let dv = self.skin(u, (v + e).min(1.0)) - self.skin(u, (v - e).max(0.0));
        du.cross(dv).normalize_or(Vec3::Y)
    }

    /// Texture coordinates by place: across over the ridge, along the foot.
    pub(super) fn uv(p: Vec3) -> Vec2 {
        let ridge = table(
            &[
                (-0.14, 0.122),
                (-0.05, 0.125),
                (0.0, 0.122),
                (0.05, 0.099),
                (0.08, 0.083),
                (0.11, 0.073),
                (0.13, 0.062),
                (0.145, 0.05),
            ],
            p.z,
        );
        let drop = ridge - p.y;
        let s = (p.x / 0.03).clamp(-1.0, 1.0);
        let s = s * (1.5 - 0.5 * s * s);
        let ahead = if p.z > 0.0 { 1.0 } else { -1.0 };
        Vec2::new(p.x + s * drop, -p.z - (1.0 - s.abs()) * drop * ahead)
    }

    /// A place on the skin `lift` above it, and how a film lies there.
    pub(super) fn place(&self, u: f32, v: f32) -> (Vec3, Quat) {
        let n = self.normal(u, v);
        let e = 0.002;
        let along = self.skin(u + e, v) - self.skin(u - e, v);
        (self.skin(u, v), facing(along, n))
    }

    /// Where the rib at u passes the height y.
    pub(super) fn at_height(&self, u: f32, y: f32) -> f32 {
        let (mut a, mut b) = (0.0_f32, 1.0_f32);
        for _ in 0..24 {
            let m = (a + b) * 0.5;
            if self.bare(u, m).y < y {
                a = m;
            } else {
                b = m;
            }
        }
        (a + b) * 0.5
    }
}

const UPPER_COLUMNS: usize = 248;

/// The knit outside, and the lining from the top edge down inside.
pub(super) fn upper(up: &Upper) -> (Mesh, Mesh) {
    let columns = UPPER_COLUMNS;
    let outer = 32;
    let roll = 9;
    let inner = 8;
    let rows = outer + roll + inner;
    let u_at = |i: usize| (i % columns) as f32 / columns as f32;
    let thick = |u: f32, v: f32| {
        let pad = up.pad(u);
        let full = 0.0016 + 0.0072 * pad;
        0.0016 + (full - 0.0016) * ramp(0.35, 0.8, v)
    };
    // Rows crowd where the skin bends: at the sewn line and the edge.
    let v_at = |j: usize| {
        let t = j as f32 / outer as f32;
        1.0 - (1.0 - t).powf(1.15)
    };
    let point = |i: usize, j: usize| {
        let u = u_at(i);
        if j <= outer {
            return up.skin(u, v_at(j));
        }
        let n = up.normal(u, 0.995);
        let top = up.skin(u, 1.0);
        let along = (top - up.skin(u, 0.985)).normalize_or(Vec3::Y);
        let half = thick(u, 1.0) * 0.5;
        if j <= outer + roll {
            let a = PI * (j - outer) as f32 / roll as f32;
            return top - n * (half * (1.0 - a.cos())) + along * (half * a.sin());
        }
        let t = (j - outer - roll) as f32 / inner as f32;
        let v = 1.0 - t * 0.99;
        let bulge = up.pad(u) * 0.0028 * (PI * (t / 0.45).min(1.0)).sin();
        up.bare(u, v) - up.bare_normal(u, v.min(0.995)) * (thick(u, v) + bulge)
            + (top - up.bare(u, 1.0)) * ramp(0.9, 1.0, v)
    };
    let split = outer + roll * 3 / 10;
    let outside = Grid::new(columns, rows, true, |i, j| {
        let p = point(i, j);
        (p, Upper::uv(p))
    });
    // The lining is mapped round the collar and down.
    let tile = 0.0072;
    let round = (up.sole.length * 0.8 / tile).round() * tile;
    let inside = Grid::new(columns, rows, true, |i, j| {
        let down = (split.min(j)..j)
            .map(|k| point(i, k).distance(point(i, k + 1)))
            .sum::<f32>();
        (point(i, j), Vec2::new(i as f32 / columns as f32 * round, -down))
    });
    (outside.rows(0..split), inside.rows(split..rows))
}

/// A film on the skin: `f(column, t)` says where it lies (u, v) for t from 0 to 1 across; its far edge is bevelled, and the
/// near one too when `both`.
fn film(
    up: &Upper,
    columns: usize,
    round: bool,
    both: bool,
    fine: bool,
    rise: f32,
    f: impl Fn(usize, f32) -> Vec2,
) -> Mesh {
    // Part of the way across, and part of the rise.
    let inner: &[(f32, f32)] = if fine {
        &[(0.0, 1.0), (0.2, 1.0), (0.4, 1.0), (0.6, 1.0), (0.8, 1.0)]
    } else {
        &[(0.0, 1.0), (0.5, 1.0)]
    };
    let edge = [
        (0.0011, 1.0),
        (0.0007, 0.96),
        (0.00035, 0.78),
        (0.0001, 0.40),
        (0.0, -0.5),
    ];
    let mut across: Vec<(f32, f32, f32)> = Vec::new();
    if both {
        across.extend(edge.iter().rev().map(|&(d, h)| (0.0, d, h)));
        across.extend(inner.iter().skip(1).map(|&(t, h)| (t, 0.0, h)));
    } else {
        across.extend(inner.iter().map(|&(t, h)| (t, 0.0, h)));
    }
    across.extend(edge.iter().map(|&(d, h)| (1.0, -d, h)));
    let grid = Grid::new(columns, across.len() - 1, round, |i, j| {
        let (t, d, h) = at(&across, j);
        let (a, b) = (f(i, 0.0), f(i, 1.0));
        let long = up.skin(a.x, a.y).distance(up.skin(b.x, b.y)).max(0.0004);
        let t = t + (d / long).clamp(-0.5, 0.5);
        let w = f(i, t);
        let (o, q) = up.place(w.x, w.y);
        let thin = (long / 0.002).clamp(0.1, 1.0);
        let p = o + q * Vec3::Z * (rise * h * thin);
        (p, Upper::uv(p))
    });
    grid.mesh()
}

/// The welded films: the foxing with toe cap and heel counter, and the eyestay.
pub(super) fn films(up: &Upper) -> Mesh {
    let toe = up.sole.find(1.0, -1.0);
    // How high the foxing climbs, by the part of the way round; 0 is the heel, `toe` the toe.
    let (inner, outer) = (
        |z: f32| up.sole.find(z * 0.001, -1.0),
        |z: f32| up.sole.find(z * 0.001, 1.0),
    );
    let mut climbs: Vec<(f32, f32)> = vec![
        (0.0, 0.046),
        (inner(-124.0), 0.042),
        (inner(-98.0), 0.025),
        (inner(-72.0), 0.0135),
        (inner(-44.0), 0.0098),
        (inner(-10.0), 0.0095),
        (inner(40.0), 0.0095),
        (inner(70.0), 0.012),
        (inner(98.0), 0.018),
        (inner(124.0), 0.026),
        (toe, 0.031),
        (outer(126.0), 0.028),
        (outer(98.0), 0.020),
        (outer(66.0), 0.0125),
        (outer(30.0), 0.0095),
        (outer(-10.0), 0.0095),
        (outer(-44.0), 0.0098),
        (outer(-72.0), 0.0135),
        (outer(-98.0), 0.026),
        (outer(-124.0), 0.043),
    ];
    climbs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut films = film(up, UPPER_COLUMNS, true, false, true, 0.0007, |i, t| {
        let u = (i % UPPER_COLUMNS) as f32 / UPPER_COLUMNS as f32;
        let v = table_round(&climbs, 1.0, u) / up.height(u);
        Vec2::new(u, 0.03 + (v - 0.03) * t)
    });
    // The eyestay runs along the throat's edge, measured from the top.
    let (a, b) = (inner(-9.0), outer(-9.0));
    let columns = 170;
    films.merge(
        &film(up, columns, false, true, true, 0.0007, |i, t| {
            let s = i as f32 / columns as f32;
            // Columns crowd at the rounded ends.
            let s = s - (TAU * s).sin() / TAU * 0.6;
            let u = a + (b - a) * s;
            let end = ((u - a).min(b - u) * up.sole.length / 0.010).clamp(0.0, 1.0);
            let round = (1.0 - (1.0 - end).powi(2)).max(0.0).sqrt();
            let width = 0.0030
                + round
                    * table(
                        &[
                            (a, 0.0095),
                            (inner(40.0), 0.0105),
                            (toe, 0.0085),
                            (outer(40.0), 0.0105),
                            (b, 0.0095),
                        ],
                        u,
                    );
            let h = up.height(u);
            Vec2::new(u, 1.0 - (width * t + 0.0004) / h)
        })
        .flipped(),
    );
    films
}

/// The mark on the sides: three meridians that part at the pole.
pub(super) fn side_mark(up: &Upper, side: f32) -> Mesh {
    // In the side's view: z along, y up, half the width.
    let lines: [&[(f32, f32, f32)]; 3] = [
        &[
            (47.0, 50.2, 0.4),
            (30.0, 54.5, 1.9),
            (12.0, 62.0, 3.1),
            (-4.0, 71.0, 3.4),
            (-14.0, 79.0, 2.9),
        ],
        &[
            (44.0, 49.2, 0.4),
            (16.0, 52.2, 1.8),
            (-10.0, 58.2, 3.0),
            (-29.0, 64.0, 3.2),
            (-42.0, 68.2, 2.5),
        ],
        &[
            (40.0, 48.2, 0.4),
            (6.0, 49.0, 1.4),
            (-28.0, 52.4, 2.4),
            (-56.0, 57.4, 2.7),
            (-76.0, 61.8, 1.9),
        ],
    ];
    let mut mesh = Mesh::new();
    for line in lines {
        let fine = spline(
            &line
                .iter()
                .map(|&(z, y, w)| Vec3::new(z, y, w) * 0.001)
                .collect::<Vec<_>>(),
            24,
            false,
        );
        // Columns crowd towards the rounded end.
        let long = fine.len() - 1;
        let fine: Vec<Vec3> = (0..=34)
            .map(|k| {
                let t = 1.0 - (1.0 - k as f32 / 34.0).powf(2.0);
                let x = t * long as f32;
                at(&fine, x as usize).lerp(at(&fine, (x as usize + 1).min(long)), x.fract())
            })
            .collect();
        let n = fine.len();
        // The ends are rounded off.
        let half = |i: usize| {
            let w = at(&fine, i).z.max(0.0004);
            let left = at(&fine, i).truncate().distance(at(&fine, n - 1).truncate());
            let end = (left / w).clamp(0.0, 1.0);
            w * (1.0 - (1.0 - end).powi(2)).sqrt().max(0.02)
        };
        let ribbon = film(up, n - 1, false, true, false, 0.0009, |i, t| {
            let (p, q) = (at(&fine, i.saturating_sub(1)), at(&fine, (i + 1).min(n - 1)));
            let d = (q - p).truncate().normalize_or(Vec2::X).perp();
            let c = at(&fine, i).truncate() + d * (half(i) * (t * 2.0 - 1.0) * side);
            // The rib that passes this place: ribs lean a little, so look again.
            let mut u = up.sole.find(c.x, side);
            for _ in 0..6 {
                let v = up.at_height(u, c.y);
                let off = c.x - up.bare(u, v).z;
                u -= side * off / up.sole.length;
            }
            Vec2::new(u, up.at_height(u, c.y))
        });
        mesh.merge(&ribbon.flipped());
    }
    mesh
}
