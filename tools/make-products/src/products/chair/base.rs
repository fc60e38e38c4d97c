//! What carries the shells: the five-star base, its column, and the straps to the back.

use std::f32::consts::PI;

use glam::{Mat4, Quat, Vec2, Vec3};

use crate::kit::curve::{mm, spline};
use crate::kit::loft::{Grid, flat_oval, table, tape};
use crate::kit::{Lathe, Mesh, Vertex, around, at, frames, path, rounded_rect, tube};

/// The star, the dark column with the spider on it, and the glides.
pub(super) fn five_star() -> (Mesh, Mesh, Mesh) {
    let (mut star, mut dark, mut glide) = (Mesh::new(), Mesh::new(), Mesh::new());
    for i in 0..5 {
        let angle = around(i, 5) + PI * 0.2;
        // An arm that rises to the hub, its back rounded, its end a nose.
        let rings: Vec<Vec<Vec3>> = (0..=28)
            .map(|k| {
                let t = k as f32 / 28.0;
                let s = if t < 0.86 {
                    t / 0.86 * 0.94
                } else {
                    0.94 + 0.06 * ((t - 0.86) / 0.14 * PI * 0.5).sin()
                };
                let x = 0.020 + 0.3178 * s;
                let nose = if t < 0.86 {
                    1.0
                } else {
                    ((t - 0.86) / 0.14 * PI * 0.5).cos().max(0.02)
                };
                let width =
                    table(&[(0.0, 0.050), (0.25, 0.040), (0.7, 0.033), (1.0, 0.036)], s) * nose.powf(0.8);
                let height =
                    table(&[(0.0, 0.062), (0.3, 0.040), (0.8, 0.022), (1.0, 0.020)], s) * nose.powf(0.8);
                let y = table(&[(0.0, 0.083), (0.3, 0.070), (0.7, 0.044), (1.0, 0.0285)], s);
                crate::kit::superellipse(width, height, 2.7, 24)
                    .into_iter()
                    .map(|p| Vec3::new(-p.x, y + p.y, x))
                    .collect()
            })
            .collect();
        let arm = Grid::new(24, rings.len() - 1, true, |i, j| {
            let p = rings.get(j).map(|r| at(r, i % 24)).unwrap_or_default();
            (p, Vec2::new(p.z, p.x + p.y))
        })
        .mesh();
        let arm = if arm.triangles.first().is_some_and(|t| {
            let [a, b, c] = arm.corners(*t);
            (b - a).cross(c - a).dot(a - Vec3::new(0.0, 0.083, a.z)) < 0.0
        }) {
            arm.flipped().map(|v| Vertex {
                normal: v.normal,
                ..v
            })
        } else {
            arm
        };
        let turn = Quat::from_rotation_y(angle);
        star.merge(&arm.turned(turn));
        let foot = Lathe::full(20).spin(&path(&mm(&[
            (0.0, 0.0, 0.0),
            (15.0, 0.0, 1.6),
            (17.0, 5.0, 2.0),
            (16.0, 9.0, 1.5),
            (7.0, 10.0, 1.5),
            (6.0, 24.0, 0.0),
        ])));
        glide.merge(&foot.moved(0.0, 0.0, 0.315).turned(turn));
    }
    star.merge(&Lathe::full(56).spin(&path(&mm(&[
        (0.0, 54.0, 0.0),
        (26.0, 54.0, 3.0),
        (34.0, 62.0, 6.0),
        (36.0, 104.0, 5.0),
        (31.0, 116.0, 3.0),
        (0.0, 116.0, 0.0),
    ]))));
    dark.merge(&Lathe::full(44).spin(&path(&mm(&[
        (0.0, 112.0, 0.0),
        (27.5, 112.0, 1.0),
        (27.5, 121.0, 1.0),
        (24.0, 122.0, 0.5),
        (24.0, 214.0, 0.5),
        (28.0, 215.0, 1.0),
        (30.0, 236.0, 2.0),
        (44.0, 246.0, 4.0),
        (44.0, 254.0, 1.0),
        (0.0, 254.0, 0.0),
    ]))));
    // The spider under the seat: a plate and four arms to the shell.
    let spider = crate::kit::extrude(&rounded_rect(0.20, 0.17, 0.03), 0.010, 0.0015, 0.0015).uv_box();
    dark.merge(&spider.moved(0.0, 0.250, 0.0));
    for (x, z) in [(0.15, 0.13), (-0.15, 0.13), (0.15, -0.13), (-0.15, -0.13)] {
        let y = if z > 0.0 { 0.3178 } else { 0.300 };
        let rod = spline(
            &[
                Vec3::new(x * 0.35, 0.257, z * 0.35),
                Vec3::new(x * 0.7, 0.261, z * 0.7),
                Vec3::new(x * 0.92, 0.272, z * 0.92),
                Vec3::new(x, y, z),
            ],
            6,
            false,
        );
        dark.merge(&tube(&rod, 0.0085, 10, false));
        dark.merge(
            &Lathe::full(20)
                .spin(&path(&mm(&[
                    (0.0, 0.0, 0.0),
                    (17.0, 0.0, 1.5),
                    (22.0, 12.0, 2.0),
                    (22.0, 20.0, 1.0),
                    (0.0, 20.0, 0.0),
                ])))
                .moved(x, y - 0.018, z),
        );
    }
    (star, dark, glide)
}

/// The straps that carry the back.
pub(super) fn straps() -> (Mesh, Mesh) {
    let (mut steel, mut mounts) = (Mesh::new(), Mesh::new());
    for s in [-1.0_f32, 1.0] {
        let x = s * 0.105;
        let points = spline(
            &[
                (272.0, -20.0),
                (276.0, -90.0),
                (278.0, -170.0),
                (288.0, -226.0),
                (318.0, -262.0),
                (365.0, -272.0),
                (430.0, -270.0),
                (500.0, -280.0),
                (580.0, -305.0),
                (610.0, -317.0),
            ]
            .map(|(y, z)| Vec3::new(x, y * 0.001, z * 0.001 + 0.009)),
            5,
            false,
        );
        let sides: Vec<Vec3> = frames(&points, false)
            .iter()
            .map(|q| {
                let along = *q * Vec3::Z;
                along.cross(Vec3::X).normalize_or(Vec3::Y)
            })
            .collect();
        steel.merge(&tape(&points, &sides, |_| flat_oval(0.040, 0.0075, 18), true));
        // Rubber between strap and shell.
        for (y, z, ny, nz) in [(512.0, -262.0, 0.24, 0.97), (588.0, -287.0, 0.33, 0.94)] {
            let puck = Lathe::full(20).spin(&path(&mm(&[
                (0.0, -24.0, 0.0),
                (13.0, -24.0, 1.0),
                (17.0, -14.0, 2.0),
                (17.0, 10.0, 1.0),
                (0.0, 10.0, 0.0),
            ])));
            let turn = Quat::from_rotation_arc(Vec3::Y, Vec3::new(0.0, ny, nz).normalize());
            mounts.merge(&puck.transformed(Mat4::from_rotation_translation(
                turn,
                Vec3::new(x, y * 0.001, z * 0.001),
            )));
        }
    }
    (steel, mounts)
}
