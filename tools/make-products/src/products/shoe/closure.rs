//! What closes the shoe: eyelets, tongue, laces and their bow.

use std::f32::consts::{PI, TAU};

use glam::{Vec2, Vec3};

use super::upper::Upper;
use crate::kit::curve::{ramp, spline};
use crate::kit::loft::{facing, flat_oval, table, tape};
use crate::kit::{Cap, Mesh, Vertex, at, loft, tube};

/// Eyelets: (z of the rib, side) from the toe upwards.
const EYELETS: [f32; 6] = [74.0, 57.0, 43.0, 30.0, 18.0, 7.0];

fn eyelet(up: &Upper, row: usize, side: f32) -> (Vec3, Vec3, Vec3) {
    let u = up.sole.find(at(&EYELETS, row) * 0.001, side);
    let v = 1.0 - 0.0062 / up.height(u);
    let (p, q) = up.place(u, v);
    let n = q * Vec3::Z;
    let inward = (up.skin(u, 1.0) - up.skin(u, 0.96)).normalize_or(Vec3::X * -side);
    (p, n, inward)
}

/// The tongue's middle line: what lies under the throat and out at the top.
pub(super) fn tongue_line(t: f32) -> Vec3 {
    table(
        &[
            (0.0, Vec3::new(0.0, 0.0715, 0.088)),
            (0.16, Vec3::new(-0.0012, 0.0835, 0.068)),
            (0.32, Vec3::new(-0.001, 0.0955, 0.048)),
            (0.48, Vec3::new(-0.0005, 0.1075, 0.028)),
            (0.64, Vec3::new(0.0, 0.1195, 0.008)),
            (0.78, Vec3::new(0.0, 0.1310, -0.0085)),
            (0.9, Vec3::new(0.0, 0.1425, -0.0200)),
            (1.0, Vec3::new(0.0, 0.1530, -0.0265)),
        ],
        t,
    )
}

/// The tongue's outer face at (s, t): s from -1 to 1 across.
pub(super) fn tongue_face(s: f32, t: f32) -> Vec3 {
    let e = 0.01;
    let p = tongue_line(t);
    let along = (tongue_line((t + e).min(1.0)) - tongue_line((t - e).max(0.0))).normalize_or(Vec3::Y);
    let up = along.cross(Vec3::X).normalize_or(Vec3::Y);
    let up = if up.y < 0.0 { -up } else { up };
    let half = table(&[(0.0, 0.020), (0.3, 0.027), (0.7, 0.0305), (1.0, 0.0312)], t);
    // Rounded off at the top.
    let end = ((t - 0.86) / 0.14).clamp(0.0, 1.0);
    let half = half * (1.0 - end.powf(2.4)).max(0.0).powf(1.0 / 2.4).max(0.06);
    let bend = 0.040;
    let a = s * half / bend;
    p + Vec3::X * (bend * a.sin()) - up * (bend * (1.0 - a.cos()))
}

pub(super) fn tongue() -> Mesh {
    let rows = 40;
    let across = 20;
    let rim = 5;
    let ring = |t: f32, grow: f32, out: f32| -> Vec<Vec3> {
        let e = 0.01;
        let along = (tongue_line((t + e).min(1.0)) - tongue_line((t - e).max(0.0))).normalize_or(Vec3::Y);
        let thick = table(
            &[
                (0.0, 0.0025),
                (0.5, 0.0040),
                (0.72, 0.0068),
                (0.90, 0.0080),
                (0.97, 0.0066),
                (1.0, 0.0034),
            ],
            t,
        );
        let normal = |s: f32| {
            let d = tongue_face((s + 0.02).min(1.0), t) - tongue_face((s - 0.02).max(-1.0), t);
            let n = d.cross(along).normalize_or(Vec3::Y);
            if n.y + n.z * 0.3 < 0.0 { -n } else { n }
        };
        let place = |s: f32, h: f32, o: f32| {
            // Padding swells between the sewn edges.
            let body = (1.0 - s.abs().powi(4)).max(0.0).sqrt() * 0.5 + 0.5;
            tongue_face(s * (1.0 - 0.02 * (1.0 - grow)), t)
                + normal(s) * (thick * 0.5 * h * body * grow - thick * 0.5)
                + Vec3::X * o
                + along * out
        };
        let mut points = Vec::new();
        // Counter-clockwise seen from the top end: the outer face from the inner side over.
        for i in 0..=across {
            points.push(place(1.0 - 2.0 * i as f32 / across as f32, 1.0, 0.0));
        }
        for k in 1..rim {
            let a = PI * k as f32 / rim as f32;
            points.push(place(-1.0, a.cos(), -a.sin() * thick * 0.25));
        }
        for i in 0..=across {
            points.push(place(-1.0 + 2.0 * i as f32 / across as f32, -1.0, 0.0));
        }
        for k in 1..rim {
            let a = PI * k as f32 / rim as f32;
            points.push(place(1.0, -a.cos(), a.sin() * thick * 0.25));
        }
        points
    };
    let straight = 22;
    let mut rings: Vec<Vec<Vec3>> = (0..=rows)
        .map(|j| {
            // Even steps along, then even steps round the rounded top.
            let t = if j <= straight {
                0.86 * j as f32 / straight as f32
            } else {
                let a = PI * 0.5 * (j - straight) as f32 / (rows - straight) as f32;
                0.86 + 0.14 * a.sin().powf(2.0 / 2.4)
            };
            ring(t, 1.0, 0.0)
        })
        .collect();
    for k in 1..=3 {
        let (s, c) = (PI * 0.5 * k as f32 / 3.0).sin_cos();
        rings.push(ring(1.0, c.max(0.03), s * 0.0014));
    }
    loft(&rings, true, Cap::Open, Cap::Flat)
        .flipped()
        .smooth(60.0)
        .map(|v| Vertex {
            uv: Vec2::new(v.position.x, v.position.y * 0.7 - v.position.z),
            ..v
        })
}

/// Laces that cross over the tongue, and the bow.
pub(super) fn laces(up: &Upper) -> Mesh {
    let mut mesh = Mesh::new();
    let width = 0.0068;
    let band = |t: f32| {
        // Drawn together where it goes through an eyelet.
        let e = (t.min(1.0 - t) / 0.13).min(1.0);
        let k = 0.45 + 0.55 * ramp(0.0, 1.0, e);
        flat_oval(width * k, 0.0015 + 0.0006 * (1.0 - e), 10)
    };
    let rows = EYELETS.len();
    for row in 0..rows {
        let crossing: Vec<(f32, usize)> = if row == 0 {
            vec![(0.0, 0)]
        } else {
            vec![(1.0, row), (-1.0, row)]
        };
        for (side, to) in crossing {
            let (from_row, from_side) = if row == 0 { (0, -1.0) } else { (row - 1, side) };
            let to_side = if row == 0 { 1.0 } else { -side };
            let (a, na, ia) = eyelet(up, from_row, from_side);
            let (b, nb, ib) = eyelet(up, to, to_side);
            let lift = if side > 0.0 { 0.0026 } else { 0.0010 };
            let mid = (a + b) * 0.5;
            let over = tongue_top(mid.z) + Vec3::Y * lift;
            let mid = Vec3::new(mid.x, over.y.max(mid.y + 0.001), mid.z);
            let points = spline(
                &[
                    a - na * 0.0024,
                    a + na * 0.0006,
                    a + na * 0.0020 + ia * 0.0030,
                    a.lerp(mid, 0.55) + (na * 0.0022),
                    mid,
                    b.lerp(mid, 0.55) + (nb * 0.0022),
                    b + nb * 0.0020 + ib * 0.0030,
                    b + nb * 0.0006,
                    b - nb * 0.0024,
                ],
                4,
                false,
            );
            let n = points.len();
            let tilt = (Vec3::Y + Vec3::Z * 0.55).normalize();
            let sides: Vec<Vec3> = (0..n)
                .map(|i| {
                    let t = i as f32 / (n - 1) as f32;
                    let end = if t < 0.5 { na + ia } else { nb + ib };
                    end.normalize_or(tilt)
                        .lerp(tilt, ramp(0.12, 0.35, t.min(1.0 - t)))
                        .normalize_or(tilt)
                })
                .collect();
            mesh.merge(&tape(&points, &sides, band, false));
        }
    }
    mesh.merge(&bow(up));
    mesh
}

/// The tongue's ridge at z.
fn tongue_top(z: f32) -> Vec3 {
    let (mut a, mut b) = (0.0_f32, 1.0_f32);
    for _ in 0..20 {
        let m = (a + b) * 0.5;
        if tongue_line(m).z > z {
            a = m;
        } else {
            b = m;
        }
    }
    tongue_line(a)
}

/// The knot, its two loops and its two ends.
fn bow(up: &Upper) -> Mesh {
    let mut mesh = Mesh::new();
    let section = |_: f32| flat_oval(0.0066, 0.0015, 10);
    let knot = tongue_top(-0.004) + Vec3::new(0.0, 0.0048, 0.0022);
    let tilt = (Vec3::Y + Vec3::Z * 0.6).normalize();
    // From the last eyelets to the knot.
    for s in [-1.0_f32, 1.0] {
        let (a, n, inward) = eyelet(up, EYELETS.len() - 1, s);
        let points = spline(
            &[
                a - n * 0.0045,
                a + n * 0.0006,
                a + n * 0.0024 + inward * 0.003,
                a.lerp(knot, 0.6) + tilt * 0.0012,
                knot + Vec3::X * (-s * 0.002),
            ],
            5,
            false,
        );
        let sides: Vec<Vec3> = (0..points.len())
            .map(|i| {
                (n + inward)
                    .normalize_or(tilt)
                    .lerp(tilt, ramp(0.1, 0.5, i as f32 / 20.0))
                    .normalize_or(tilt)
            })
            .collect();
        mesh.merge(&tape(
            &points,
            &sides,
            |t| flat_oval(0.0066 * (0.45 + 0.55 * ramp(0.0, 0.25, t)), 0.0016, 12),
            false,
        ));
    }
    // Loops hang to the sides over the eyestay, ends fall forwards.
    for s in [-1.0_f32, 1.0] {
        let p = |x: f32, y: f32, z: f32| knot + Vec3::new(s * x, y, z) * 0.001;
        let lop = if s > 0.0 { 1.0 } else { 0.93 };
        let points = spline(
            &[
                p(-1.0, 0.6, 0.5),
                p(7.0, 5.0, 0.0),
                p(18.0 * lop, 6.5, 1.0),
                p(30.0 * lop, 0.0, 4.0),
                p(37.5 * lop, -10.5, 9.0),
                p(37.0 * lop, -15.0, 15.5),
                p(29.0 * lop, -8.5, 16.5),
                p(17.0, -0.6, 11.0),
                p(7.0, 1.4, 5.0),
                p(0.5, 0.8, 2.4),
            ],
            7,
            false,
        );
        // The broad face looks out of the loop: away from its middle.
        let middle = p(21.0, -3.5, 7.5);
        let axis = Vec3::new(s * 0.25, 0.55, 0.8).normalize();
        let sides: Vec<Vec3> = points
            .iter()
            .map(|q| {
                let d = *q - middle;
                let radial = (d - axis * d.dot(axis)).normalize_or(Vec3::Y);
                (radial + axis * 0.35).normalize_or(Vec3::Y)
            })
            .collect();
        mesh.merge(&tape(&points, &sides, section, false));
        let end = spline(
            &[
                p(-1.5, 0.4, 1.0),
                p(4.0, 2.2, 6.0),
                p(11.0, -1.0, 14.0),
                p(20.0 * lop, -10.5, 24.0),
                p(27.0 * lop, -20.5, 33.0),
                p(33.0 * lop, -32.0, 38.0),
            ],
            7,
            false,
        );
        let sides: Vec<Vec3> = (0..end.len())
            .map(|i| {
                let t = i as f32 / (end.len() - 1) as f32;
                tilt.lerp(Vec3::new(s * 0.7, 0.55, 0.45), t).normalize_or(tilt)
            })
            .collect();
        mesh.merge(&tape(
            &end,
            &sides,
            |t| {
                flat_oval(
                    0.0066 * (1.0 - 0.62 * ramp(0.90, 0.97, t)),
                    0.0015 + 0.0007 * ramp(0.9, 0.97, t),
                    12,
                )
            },
            true,
        ));
    }
    // The knot itself: a turn of lace round all of it.
    let round: Vec<Vec3> = (0..=26)
        .map(|i| {
            let a = TAU * (i as f32 / 26.0) * 1.02 - 2.2;
            knot + Vec3::new(
                0.0006 * (a * 2.0).sin() + (i as f32 / 26.0 - 0.5) * 0.0016,
                0.0002 + 0.0036 * a.sin(),
                0.0014 + 0.0042 * a.cos(),
            )
        })
        .collect();
    let sides: Vec<Vec3> = round
        .iter()
        .map(|p| {
            let d = *p - knot - Vec3::new(0.0, 0.0002, 0.0014);
            Vec3::new(0.0, d.y, d.z).normalize_or(Vec3::Y)
        })
        .collect();
    mesh.merge(&tape(&round, &sides, |_| flat_oval(0.0074, 0.0018, 14), true));
    mesh
}

/// The aglets on the ends of the laces.
pub(super) fn aglets() -> Mesh {
    let mut mesh = Mesh::new();
    let knot = tongue_top(-0.004) + Vec3::new(0.0, 0.0048, 0.0022);
    for s in [-1.0_f32, 1.0] {
        let lop = if s > 0.0 { 1.0 } else { 0.93 };
        let p = |x: f32, y: f32, z: f32| knot + Vec3::new(s * x, y, z) * 0.001;
        let (a, b) = (p(27.0 * lop, -20.5, 33.0), p(33.0 * lop, -32.0, 38.0));
        let d = (b - a).normalize_or(Vec3::Y);
        mesh.merge(&tube(
            &[b - d * 0.0022, b, b + d * 0.004, b + d * 0.0105],
            0.00145,
            14,
            false,
        ));
    }
    mesh
}

/// Rings round the eyelets, and the dark within.
pub(super) fn eyelets(up: &Upper) -> (Mesh, Mesh) {
    let (mut rings, mut holes) = (Mesh::new(), Mesh::new());
    for side in [-1.0_f32, 1.0] {
        for row in 0..EYELETS.len() {
            let (p, n, inward) = eyelet(up, row, side);
            let turn = facing(inward, n);
            let ring: Vec<Vec3> = (0..18)
                .map(|i| {
                    let a = TAU * i as f32 / 18.0;
                    p + n * 0.0008 + turn * Vec3::new(a.cos(), a.sin(), 0.0) * 0.0026
                })
                .collect();
            rings.merge(&tube(&ring, 0.00062, 6, true));
            let disc: Vec<Vec3> = (0..20)
                .map(|i| {
                    let a = TAU * i as f32 / 20.0;
                    p + n * 0.00082 + turn * Vec3::new(a.cos(), a.sin(), 0.0) * 0.0025
                })
                .collect();
            holes.merge(&loft(
                &[disc.clone(), disc.iter().map(|q| *q + n * 1.0e-6).collect()],
                true,
                Cap::Open,
                Cap::Rings(1),
            ));
        }
    }
    (rings, holes)
}
