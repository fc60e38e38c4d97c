//! The outsole: rubber with lugs, a tray with a lip.

use std::f32::consts::TAU;

use glam::{Mat4, Quat, Vec2, Vec3};

use super::last::{AROUND, Sole, spring};
use super::midsole::{FOAM, wall_out};
use crate::kit::curve::spline;
use crate::kit::loft::{Grid, table};
use crate::kit::{Cap, Mesh, at, loft};

/// The rubber underneath: a thin tray with a lip that climbs at toe and heel.
pub(super) fn outsole(sole: &Sole) -> Mesh {
    let columns = 152;
    let lip = |p: Vec3| {
        spring(p.z)
            + FOAM
            + table(
                &[
                    (-0.146, 0.0105),
                    (-0.128, 0.0080),
                    (-0.1, 0.0042),
                    (0.05, 0.0038),
                    (0.1, 0.0046),
                    (0.125, 0.0062),
                    (0.146, 0.0090),
                ],
                p.z,
            )
    };
    let base = 4;
    let lines: Vec<Vec<Vec2>> = (0..columns)
        .map(|i| {
            let u = i as f32 / columns as f32;
            let p = sole.point(u);
            let low = spring(p.z) + 0.0021;
            let top = lip(p);
            let out = |y: f32| wall_out(sole, u, y);
            let mid = spring(p.z) + FOAM + 0.0030;
            let corners = [
                Vec2::new(-7.5e-3, low),
                Vec2::new(-1.6e-3, low + 0.1e-3),
                Vec2::new(out(mid) + 0.2e-3, low + 2.2e-3),
                Vec2::new(out(mid) + 1.1e-3, mid),
                Vec2::new(out((mid + top) * 0.5) + 1.1e-3, (mid + top) * 0.5),
                Vec2::new(out(top - 0.6e-3) + 1.05e-3, top - 0.6e-3),
                Vec2::new(out(top) + 0.55e-3, top + 0.05e-3),
                Vec2::new(out(top) - 1.2e-3, top - 0.1e-3),
                Vec2::new(out(mid) - 0.8e-3, mid + 0.2e-3),
                Vec2::new(-7.5e-3, spring(p.z) + FOAM + 0.3e-3),
            ];
            spline(&corners, 2, false)
        })
        .collect();
    let n = lines.first().map_or(0, Vec::len);
    let rows = base + n - 1 + base;
    let grid = Grid::new(columns, rows, true, |i, j| {
        let u = (i % columns) as f32 / columns as f32;
        let (p, out) = (sole.point(u), sole.out(u));
        let line = lines.get(i % columns).map(Vec::as_slice).unwrap_or_default();
        let place = |w: Vec2| p + out * w.x + Vec3::Y * w.y;
        let q = if j < base {
            let e = place(at(line, 0));
            let q = e.lerp(sole.spine(e), 1.0 - j as f32 / base as f32);
            Vec3::new(q.x, spring(q.z) + 0.0021, q.z)
        } else if j - base < n {
            place(at(line, j - base))
        } else {
            let e = place(at(line, n - 1));
            let q = e.lerp(sole.spine(e), (j + 1 - base - n) as f32 / base as f32);
            Vec3::new(q.x, spring(q.z) + FOAM + 0.3e-3, q.z)
        };
        let uv = if j <= base + 2 || j + base >= rows {
            Vec2::new(q.x, -q.z)
        } else {
            Vec2::new(
                i as f32 / columns as f32 * (sole.length / 0.008).round() * 0.008,
                q.y,
            )
        };
        (q, uv)
    });
    grid.mesh()
}

/// A block of tread: an outline pulled down by `depth`, chamfered.
fn lug(outline: &[Vec2], depth: f32, root: f32, turn: Quat, origin: Vec3) -> Mesh {
    let ring = |shrink: f32, y: f32| -> Vec<Vec3> {
        outline
            .iter()
            .map(|p| {
                let q = *p * (1.0 - shrink / p.length().max(1.0e-6));
                Vec3::new(q.x, y, q.y)
            })
            .collect()
    };
    let rings = [
        ring(-0.0004, root),
        ring(0.0, -depth + 0.0007),
        ring(0.00035, -depth + 0.00018),
        ring(0.0010, -depth),
    ];
    loft(&rings, true, Cap::Open, Cap::Flat)
        .smooth(50.0)
        .uv_planar(1)
        .transformed(Mat4::from_rotation_translation(turn, origin))
}

/// The tread: blocks along the edge, chevrons and hexagons within.
pub(super) fn tread(sole: &Sole) -> Mesh {
    let mut mesh = Mesh::new();
    let tilt = |z: f32| {
        let slope = (spring(z + 0.002) - spring(z - 0.002)) / 0.004;
        Quat::from_rotation_x(-slope.atan())
    };
    let n = 62;
    for i in 0..n {
        let u = (i as f32 + 0.5) / n as f32;
        let (p, out) = (sole.point(u), sole.out(u));
        let c = p - out * table(&[(-0.146, 0.0046), (0.06, 0.0056), (0.146, 0.0078)], p.z);
        let along = Vec3::new(-out.z, 0.0, out.x);
        let w = |a: f32, b: f32| {
            let q = along * a + out * b;
            Vec2::new(q.x, q.z)
        };
        // Broad at the edge, cut back inside.
        let shape = [
            w(0.0038, 0.0058),
            w(-0.0038, 0.0058),
            w(-0.0043, 0.0046),
            w(-0.0034, -0.0035),
            w(-0.0024, -0.0044),
            w(0.0024, -0.0044),
            w(0.0034, -0.0035),
            w(0.0043, 0.0046),
        ];
        let shape: Vec<Vec2> = shape.iter().rev().copied().collect();
        mesh.merge(&lug(
            &shape,
            0.0022,
            0.0026,
            tilt(p.z),
            Vec3::new(c.x, spring(c.z) + 0.0022, c.z),
        ));
    }
    let step = 0.0125;
    for row in -12..=11_i32 {
        for column in -4..=4_i32 {
            let z = row as f32 * step * 0.92;
            let x = (column as f32 + if row.rem_euclid(2) == 0 { 0.0 } else { 0.5 }) * step;
            let p = Vec3::new(x + 0.002, 0.0, z);
            let clear = (0..AROUND)
                .step_by(8)
                .map(|k| {
                    let d = p - at(&sole.edge, k);
                    (d.length(), d.dot(at(&sole.outward, k)))
                })
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .map_or(0.0, |(d, s)| if s > 0.0 { -d } else { d });
            // The arch stays bare, and a line of bending runs along the middle.
            if clear < 0.0165 || (z > -0.062 && z < -0.004) || (p.x - 0.002).abs() < 0.002 && z < 0.02 {
                continue;
            }
            let hex: Vec<Vec2> = (0..6)
                .map(|k| {
                    Vec2::from_angle(-TAU * (k as f32 + 0.5) / 6.0) * if k % 3 == 1 { 0.0058 } else { 0.0051 }
                })
                .collect();
            mesh.merge(&lug(
                &hex,
                0.0022,
                0.0012,
                tilt(z),
                Vec3::new(p.x, spring(z) + 0.0022, z),
            ));
        }
    }
    mesh
}
