//! The midsole: two foams with a groove between them, and the bed under the foot.

use glam::{Vec2, Vec3};

use super::last::{Sole, rim, spring};
use crate::kit::curve::{ramp, spline};
use crate::kit::loft::{Grid, table};
use crate::kit::{Mesh, at};

/// The lowest face of the foam over the floor, where it isn't lifted.
pub(super) const FOAM: f32 = 0.0052;

/// The foam's wall at u: (outwards, height) from the bottom to inside the rim, and which corner is the groove's.
fn wall(sole: &Sole, u: f32) -> Vec<Vec2> {
    let p = sole.point(u);
    let z = p.z;
    let low = spring(z) + FOAM;
    let top = rim(p);
    let high = top - low;
    let flare = table(
        &[
            (-0.146, 0.0065),
            (-0.12, 0.0070),
            (-0.08, 0.0050),
            (-0.03, 0.0028),
            (0.03, 0.0030),
            (0.07, 0.0034),
            (0.12, 0.0022),
            (0.146, 0.0012),
        ],
        z,
    );
    let part = table(
        &[
            (-0.146, 0.47),
            (-0.11, 0.40),
            (-0.05, 0.50),
            (0.0, 0.56),
            (0.05, 0.42),
            (0.1, 0.40),
            (0.146, 0.50),
        ],
        z,
    );
    let deep = table(
        &[
            (-0.146, 0.0062),
            (-0.11, 0.0048),
            (-0.05, 0.0028),
            (0.02, 0.0022),
            (0.1, 0.0018),
            (0.128, 0.0006),
            (0.146, 0.0),
        ],
        z,
    );
    let wide = table(&[(-0.146, 1.5), (-0.09, 1.25), (0.0, 1.0), (0.146, 0.8)], z);
    let y = low + high * part;
    let w = 0.0013 * wide;
    let waist = table(
        &[
            (-0.146, -0.001),
            (-0.06, -0.0012),
            (0.0, -0.0005),
            (0.146, -0.0004),
        ],
        z,
    );
    let mm = 0.001;
    vec![
        Vec2::new(-7.5 * mm, low),
        Vec2::new(-2.6 * mm, low + 0.5 * mm),
        Vec2::new(flare - 1.6 * mm, low + 3.4 * mm),
        Vec2::new(flare, low + high * part * 0.45),
        Vec2::new(flare * 0.84, y - w - 2.6 * mm),
        Vec2::new(flare * 0.62 - 0.5 * mm, y - w),
        Vec2::new(flare * 0.5 - deep, y),
        Vec2::new(flare * 0.5 - 0.3 * mm, y + w),
        Vec2::new(flare * 0.55, y + w + 2.4 * mm),
        Vec2::new(flare * 0.28 + waist, y + (top - y) * 0.62),
        Vec2::new(-0.5 * mm, top - 3.0 * mm),
        Vec2::new(-1.7 * mm, top - 0.6 * mm),
        Vec2::new(-2.8 * mm, top),
        Vec2::new(-4.2 * mm, top - 1.0 * mm),
        Vec2::new(-5.0 * mm, top - 5.0 * mm),
    ]
}

/// Pieces between two corners of the wall.
const WALL: [usize; 14] = [2, 3, 2, 2, 2, 3, 3, 2, 3, 2, 2, 3, 3, 2];

/// The row at the bottom of the groove.
fn groove_row() -> usize {
    WALL.iter().take(6).sum()
}

/// The wall, finely.
fn wall_fine(sole: &Sole, u: f32) -> Vec<Vec2> {
    let corners = wall(sole, u);
    let fine = spline(&corners, 6, false);
    let mut out = vec![at(&fine, 0)];
    for (k, n) in WALL.iter().enumerate() {
        for i in 1..=*n {
            let x = 6.0 * i as f32 / *n as f32;
            let (a, f) = (x.floor() as usize, x.fract());
            out.push(at(&fine, k * 6 + a).lerp(at(&fine, (k * 6 + a + 1).min(fine.len() - 1)), f));
        }
    }
    out
}

/// The foam's outer wall at u and height y.
pub(super) fn wall_out(sole: &Sole, u: f32, y: f32) -> f32 {
    let line = wall_fine(sole, u);
    let mut last = at(&line, 0);
    for &p in line.iter().skip(1) {
        if p.y >= y {
            let t = ((y - last.y) / (p.y - last.y).max(1.0e-6)).clamp(0.0, 1.0);
            return last.x + (p.x - last.x) * t;
        }
        last = p;
    }
    last.x
}

/// The foam: below and above the groove, each a mesh.
pub(super) fn midsole(sole: &Sole) -> (Mesh, Mesh, Mesh) {
    let columns = 224;
    let base = 3;
    let floor = 4;
    let rows = base + WALL.iter().sum::<usize>() + floor;
    let walls: Vec<Vec<Vec2>> = (0..columns)
        .map(|i| wall_fine(sole, i as f32 / columns as f32))
        .collect();
    let point = |i: usize, j: usize| -> Vec3 {
        let u = (i % columns) as f32 / columns as f32;
        let (p, out) = (sole.point(u), sole.out(u));
        let line = walls.get(i % columns).map(Vec::as_slice).unwrap_or_default();
        let last = line.len() - 1;
        let place = |w: Vec2| p + out * w.x + Vec3::Y * w.y;
        if j < base {
            let e = place(at(line, 0));
            let t = 1.0 - j as f32 / base as f32;
            let q = e.lerp(sole.spine(e), t);
            Vec3::new(q.x, spring(q.z) + FOAM, q.z)
        } else if j - base <= last {
            place(at(line, j - base))
        } else {
            let e = place(at(line, last));
            let t = ((j - base - last) as f32 / floor as f32).powi(2);
            let q = e.lerp(sole.spine(e), t);
            let y = e.y + (bed(q) - 0.003 - e.y) * ramp(0.0, 0.0625, t);
            Vec3::new(q.x, y, q.z)
        }
    };
    let grid = Grid::new(columns, rows, true, |i, j| {
        let p = point(i, j);
        let uv = if j <= base || j >= rows - floor {
            Vec2::new(p.x, -p.z)
        } else {
            Vec2::new(
                i as f32 / columns as f32 * (sole.length / 0.012).round() * 0.012,
                p.y,
            )
        };
        (p, uv)
    });
    let split = base + groove_row();
    let inside = rows - floor - 4;
    (
        grid.rows(0..split),
        grid.rows(split..inside),
        grid.rows(inside..rows),
    )
}

/// The foot's bed: what the insole lies on.
pub(super) fn bed(p: Vec3) -> f32 {
    let dish = (p.x / 0.045).powi(2) * 0.004;
    table(
        &[
            (-0.14, 0.0415),
            (-0.1, 0.0390),
            (-0.03, 0.0365),
            (0.03, 0.0325),
            (0.08, 0.0305),
            (0.12, 0.0320),
            (0.145, 0.0360),
        ],
        p.z,
    ) + dish
}
