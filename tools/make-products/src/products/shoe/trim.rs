//! Pull tab, labels and insole.

use glam::{Vec2, Vec3};

use super::closure::{tongue_face, tongue_line};
use super::last::{Sole, rim, spring};
use super::midsole::{FOAM, bed, wall_out};
use super::upper::Upper;
use crate::kit::curve::{ramp, spline};
use crate::kit::loft::{Grid, facing, flat_oval, tape};
use crate::kit::relief::Figure;
use crate::kit::{Mesh, at};

/// The tab at the heel: a loop of webbing.
pub(super) fn pull_tab(up: &Upper) -> Mesh {
    let top = up.skin(0.0, 1.0);
    let p = |y: f32, z: f32| Vec3::new(0.0, top.y + y * 0.001, top.z + z * 0.001);
    let points = spline(
        &[
            up.skin(0.0, 0.44) - up.normal(0.0, 0.44) * 0.0002,
            up.skin(0.0, 0.50) + up.normal(0.0, 0.50) * 0.0006,
            up.skin(0.0, 0.55) + up.normal(0.0, 0.55) * 0.0013,
            up.skin(0.0, 0.60) + up.normal(0.0, 0.60) * 0.0017,
            up.skin(0.0, 0.67) + up.normal(0.0, 0.67) * 0.0014,
            up.skin(0.0, 0.74) + up.normal(0.0, 0.74) * 0.0012,
            up.skin(0.0, 0.81) + up.normal(0.0, 0.81) * 0.0012,
            up.skin(0.0, 0.88) + up.normal(0.0, 0.88) * 0.0013,
            up.skin(0.0, 0.95) + up.normal(0.0, 0.95) * 0.0016,
            p(2.0, -3.2),
            p(9.0, -5.0),
            p(16.0, -5.6),
            p(19.2, -3.0),
            p(16.0, -0.6),
            p(9.0, 1.2),
            p(2.0, 3.6),
            p(-5.0, 8.6),
            p(-12.0, 11.2),
        ],
        4,
        false,
    );
    let sides: Vec<Vec3> = (0..points.len())
        .map(|i| {
            let (a, b) = (
                at(&points, i.saturating_sub(1)),
                at(&points, (i + 1).min(points.len() - 1)),
            );
            // Out of the loop: up the back, over, and down inside.
            (b - a).normalize_or(Vec3::Y).cross(Vec3::X)
        })
        .collect();
    tape(&points, &sides, |_| flat_oval(0.0135, 0.0014, 14), true)
}

/// The house mark and name, in relief: on the tongue, and sunk into the foam's outer wall.
pub(super) fn labels(up: &Upper) -> (Mesh, Mesh) {
    let tongue = Figure::mark(0.0150, 0.0024)
        .stamp(0.0009, 0.0005, 0.0006)
        .wrapped(|p| {
            let t = 0.872 + p.y / 0.108;
            let e = 0.01;
            let along = (tongue_line(t + e) - tongue_line(t - e)).normalize_or(Vec3::Y);
            // The foremost face looks to +Z: right is +X.
            let s = p.x / 0.030;
            let across = tongue_face(s + 0.05, t) - tongue_face(s - 0.05, t);
            let n = across.cross(along).normalize_or(Vec3::Z);
            (tongue_face(s, t) + n * 0.0002, facing(across, n))
        });
    let sole = &up.sole;
    let middle = sole.find(-0.088, 1.0);
    let name = Figure::text("MERIDIAN", 0.0058, 0.0009, 0.0016)
        .stamp(0.0006, 0.0003, -0.0002)
        .wrapped(|p| {
            let q = |x: f32, y: f32| {
                let u = middle + x / sole.length;
                let base = sole.point(u);
                let low = spring(base.z) + FOAM;
                let y = low + (rim(base) - low) * 0.72 + y;
                base + sole.out(u) * wall_out(sole, u, y) + Vec3::Y * y
            };
            let along = q(p.x + 0.001, p.y) - q(p.x - 0.001, p.y);
            let n = along
                .cross(q(p.x, p.y + 0.001) - q(p.x, p.y - 0.001))
                .normalize_or(Vec3::X);
            (q(p.x, p.y) + n * 0.00012, facing(along, n))
        });
    (tongue, name)
}

/// The insole.
pub(super) fn insole(sole: &Sole) -> Mesh {
    let columns = 104;
    let edge = |i: usize, inset: f32| {
        let u = (i % columns) as f32 / columns as f32;
        sole.point(u) - sole.out(u) * inset
    };
    let rings = 7;
    let rows = rings * 2 + 3;
    Grid::new(columns, rows, true, |i, j| {
        let e = edge(i, 0.0064);
        // From the middle below, out round the edge, to the middle above.
        let (t, lift) = if j < rings {
            (1.0 - j as f32 / rings as f32, -0.0016)
        } else if j < rings + 3 {
            (0.0, -0.0016 + 0.0052 * (j - rings) as f32 / 3.0)
        } else {
            ((j - rings - 3) as f32 / rings as f32, 0.0036)
        };
        let q = e.lerp(sole.spine(e), t);
        // A raised cup round the heel.
        let cup = 0.006 * (1.0 - ramp(0.0, 0.45, t)) * (1.0 - ramp(-0.09, -0.02, q.z))
            + 0.003 * (1.0 - ramp(0.0, 0.3, t));
        let round = if j == rings || j == rings + 3 {
            -0.0004
        } else {
            0.0
        };
        let q = Vec3::new(q.x, bed(q) + lift + cup + round, q.z);
        let out = sole.out((i % columns) as f32 / columns as f32) * (q.y - bed(q)) * (1.0 - t);
        (q, Vec2::new(q.x + out.x, -q.z - out.z))
    })
    .mesh()
}
