//! A running shoe: lofted foam, knit upper over a last, welded films, laces tied in a bow. A left one.

use std::f32::consts::{PI, TAU};

use anyhow::Result;
use glam::{Mat4, Quat, Vec2, Vec3};

use crate::kit::curve::{ramp, resampled, spline};
use crate::kit::loft::{Grid, facing, flat_oval, table, table_round, tape};
use crate::kit::relief::Figure;
use crate::kit::texture::{self, Canvas, Maps};
use crate::kit::{Cap, Material, Mesh, Node, Product, Shade, Vertex, at, loft, tube};

/// A colourway: name, knit, film, mark, foam, lower foam, laces, outsole, lining.
type Colourway = (&'static str, u32, u32, u32, u32, u32, u32, u32, u32);

const COLOURWAYS: [Colourway; 5] = [
    (
        "Aurora", 0x6fd0bd, 0x2c2f7a, 0xd6f25c, 0xf5f2ea, 0xb4a6f0, 0xf4f6f2, 0x25275a, 0x34367f,
    ),
    (
        "Graphite", 0x45494f, 0x16171a, 0xc3c8cd, 0x2b2d31, 0x1b1c1f, 0x33363b, 0x121314, 0x1e2023,
    ),
    (
        "Ember", 0xe5452b, 0x6f1320, 0xffb54a, 0xf6efe4, 0xff7d45, 0xf8efe4, 0x2a1a1c, 0x4a141c,
    ),
    (
        "Lagoon", 0x2279bd, 0x0b2c58, 0x86ece6, 0xf0f4f4, 0x3cc3ca, 0xeaf5f6, 0xa5693d, 0x123a68,
    ),
    (
        "Bone", 0xe7dfd0, 0xcbbfa9, 0x8d7c64, 0xf2ecdf, 0xe0d5c2, 0xf4eee2, 0xb58552, 0xd3c7b2,
    ),
];

/// Points round the sole from the heel over the inner side to the toe and back over the outer side: (x, z) in millimetres.
const SOLE: [(f32, f32); 26] = [
    (0.0, -145.0),
    (-15.0, -142.5),
    (-27.5, -134.0),
    (-36.0, -118.0),
    (-39.5, -96.0),
    (-38.5, -68.0),
    (-35.5, -40.0),
    (-34.0, -14.0),
    (-36.5, 14.0),
    (-43.0, 42.0),
    (-47.5, 66.0),
    (-47.0, 88.0),
    (-41.0, 110.0),
    (-31.0, 128.0),
    (-19.0, 140.0),
    (-5.0, 145.0),
    (10.0, 142.5),
    (24.5, 133.5),
    (37.0, 117.0),
    (46.0, 94.0),
    (50.5, 66.0),
    (49.5, 38.0),
    (45.5, 8.0),
    (42.5, -36.0),
    (41.5, -92.0),
    (28.0, -133.5),
];

/// How many places the sole's edge is known at.
const AROUND: usize = 1440;

/// The sole's edge, seen from above, and what hangs on it.
struct Sole {
    edge: Vec<Vec3>,
    outward: Vec<Vec3>,
    length: f32,
}

impl Sole {
    fn new() -> Self {
        let corners: Vec<Vec3> = SOLE.iter().map(|&(x, z)| Vec3::new(x, 0.0, z) * 0.001).collect();
        let mut edge = resampled(&spline(&corners, 40, true), AROUND, true);
        // Rounded once more, so that the curve of the curve is smooth too.
        for _ in 0..60 {
            edge = (0..AROUND)
                .map(|i| {
                    let (a, b) = (at(&edge, (i + AROUND - 1) % AROUND), at(&edge, (i + 1) % AROUND));
                    at(&edge, i) * 0.5 + (a + b) * 0.25
                })
                .collect();
        }
        let outward = (0..AROUND)
            .map(|i| {
                let d = at(&edge, (i + 1) % AROUND) - at(&edge, (i + AROUND - 1) % AROUND);
                // Counter-clockwise from above: outwards is to the right of the way.
                Vec3::new(-d.z, 0.0, d.x).normalize_or(Vec3::X)
            })
            .collect();
        let length = (0..AROUND)
            .map(|i| at(&edge, i).distance(at(&edge, (i + 1) % AROUND)))
            .sum();
        Self {
            edge,
            outward,
            length,
        }
    }

    fn read(&self, of: &[Vec3], u: f32) -> Vec3 {
        let x = u.rem_euclid(1.0) * AROUND as f32;
        let i = x.floor() as usize;
        at(of, i % AROUND).lerp(at(of, (i + 1) % AROUND), x.fract())
    }

    /// The edge at u, from 0 to 1 round.
    fn point(&self, u: f32) -> Vec3 {
        self.read(&self.edge, u)
    }

    /// The level way out there.
    fn out(&self, u: f32) -> Vec3 {
        self.read(&self.outward, u).normalize_or(Vec3::X)
    }

    /// Where on the inner (-1) or outer (1) side the edge passes z.
    fn find(&self, z: f32, side: f32) -> f32 {
        let toe = (0..AROUND)
            .max_by(|a, b| at(&self.edge, *a).z.total_cmp(&at(&self.edge, *b).z))
            .unwrap_or(AROUND / 2);
        let heel = 0;
        let range = if side < 0.0 { heel..toe } else { toe..AROUND };
        range
            .min_by(|a, b| {
                (at(&self.edge, *a).z - z)
                    .abs()
                    .total_cmp(&(at(&self.edge, *b).z - z).abs())
            })
            .unwrap_or(0) as f32
            / AROUND as f32
    }

    /// Where the edge shrinks to when it goes inwards.
    fn spine(&self, p: Vec3) -> Vec3 {
        let z = p.z.clamp(-0.108, 0.098);
        Vec3::new(table(&[(-0.11, 0.0), (0.0, 0.0035), (0.1, 0.0)], z), p.y, z)
    }
}

/// How far the sole lifts off the floor at z.
fn spring(z: f32) -> f32 {
    table(
        &[
            (-0.146, 0.0085),
            (-0.125, 0.0035),
            (-0.1, 0.0004),
            (-0.085, 0.0),
            (0.035, 0.0),
            (0.06, 0.001),
            (0.09, 0.006),
            (0.12, 0.0135),
            (0.147, 0.0225),
        ],
        z,
    )
}

/// -1 on the inner, 1 on the outer side, soft between.
fn side(p: Vec3) -> f32 {
    ramp(-0.02, 0.02, p.x) * 2.0 - 1.0
}

/// The foam's upper rim.
fn rim(p: Vec3) -> f32 {
    let s = side(p) * 0.5 + 0.5;
    let outer = table(
        &[
            (-0.146, 0.0580),
            (-0.125, 0.0570),
            (-0.1, 0.0500),
            (-0.06, 0.0435),
            (-0.02, 0.0440),
            (0.02, 0.0425),
            (0.06, 0.0385),
            (0.1, 0.0385),
            (0.146, 0.0440),
        ],
        p.z,
    );
    let inner = table(
        &[
            (-0.146, 0.0580),
            (-0.125, 0.0575),
            (-0.1, 0.0515),
            (-0.06, 0.0460),
            (-0.02, 0.0500),
            (0.02, 0.0480),
            (0.06, 0.0395),
            (0.1, 0.0385),
            (0.146, 0.0440),
        ],
        p.z,
    );
    inner + (outer - inner) * s
}

/// The lowest face of the foam over the floor, where it isn't lifted.
const FOAM: f32 = 0.0052;

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
fn wall_out(sole: &Sole, u: f32, y: f32) -> f32 {
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
fn midsole(sole: &Sole) -> (Mesh, Mesh, Mesh) {
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
fn bed(p: Vec3) -> f32 {
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

/// The rubber underneath: a thin tray with a lip that climbs at toe and heel.
fn outsole(sole: &Sole) -> Mesh {
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
fn tread(sole: &Sole) -> Mesh {
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

/// The upper's ribs: keyed by where they stand on the sole, from the foot (x, y, z out of the sole's edge) to the top.
struct Rib {
    /// Where it stands: z in metres, and which side.
    z: f32,
    side: f32,
    /// The top edge.
    top: Vec3,
    /// How it leaves the sole: upwards, outwards.
    rise: Vec2,
    /// From the top edge to the last handle.
    fall: Vec3,
    /// 1 where the edge is padded, 0 where it is a cut edge.
    pad: f32,
}

fn rib(z: f32, side: f32, top: [f32; 3], rise: [f32; 2], fall: [f32; 3], pad: f32) -> Rib {
    Rib {
        z: z * 0.001,
        side,
        top: Vec3::from_array(top) * 0.001,
        rise: Vec2::from_array(rise) * 0.001,
        fall: Vec3::from_array(fall) * 0.001,
        pad,
    }
}

fn ribs() -> Vec<Rib> {
    // One side, from heel to toe; x is how far out.
    let half = |s: f32| -> Vec<Rib> {
        let m = |x: f32| x * s;
        // The outer ankle sits lower.
        let low = if s > 0.0 { -2.0 } else { 0.0 };
        vec![
            rib(
                -126.0,
                s,
                [m(19.0), 119.0, -122.0],
                [27.0, 5.0],
                [m(-1.0), -24.0, 3.0],
                1.0,
            ),
            rib(
                -104.0,
                s,
                [m(32.5), 107.0 + low, -103.0],
                [26.0, 3.0],
                [m(1.0), -22.0, 1.0],
                1.0,
            ),
            rib(
                -80.0,
                s,
                [m(37.0), 95.0 + low, -81.0],
                [22.0, 2.0],
                [m(2.5), -19.0, 0.0],
                1.0,
            ),
            rib(
                -58.0,
                s,
                [m(38.0), 90.5 + low, -60.0],
                [20.0, 2.0],
                [m(4.0), -18.0, 0.0],
                1.0,
            ),
            rib(
                -38.0,
                s,
                [m(36.5), 95.0 + low * 0.5, -40.0],
                [20.0, 2.0],
                [m(6.5), -19.0, 0.0],
                1.0,
            ),
            rib(
                -20.0,
                s,
                [m(33.0), 105.5, -23.5],
                [22.0, 2.0],
                [m(10.0), -20.0, 1.0],
                0.9,
            ),
            rib(
                -6.0,
                s,
                [m(28.5), 114.0, -10.5],
                [23.0, 2.0],
                [m(13.5), -18.0, 1.0],
                0.55,
            ),
            rib(
                6.0,
                s,
                [m(24.0), 116.5, 1.5],
                [23.0, 2.0],
                [m(16.0), -14.0, 1.0],
                0.15,
            ),
            rib(
                20.0,
                s,
                [m(20.5), 112.0, 15.0],
                [22.0, 2.5],
                [m(17.5), -10.0, 1.5],
                0.0,
            ),
            rib(
                40.0,
                s,
                [m(18.0), 102.5, 35.0],
                [20.0, 3.0],
                [m(19.0), -7.0, 2.5],
                0.0,
            ),
            rib(
                60.0,
                s,
                [m(15.5), 93.0, 53.0],
                [18.0, 3.5],
                [m(20.0), -6.0, 5.0],
                0.0,
            ),
            rib(
                84.0,
                s,
                [m(12.5), 86.0, 66.5],
                [17.0, 4.0],
                [m(18.0), -4.5, 12.0],
                0.0,
            ),
            rib(
                112.0,
                s,
                [m(8.0), 82.0, 74.5],
                [18.0, 4.0],
                [m(12.0), -4.0, 24.0],
                0.0,
            ),
        ]
    };
    let mut out = vec![rib(
        -145.0,
        0.0,
        [0.0, 123.0, -126.0],
        [30.0, 6.0],
        [0.0, -26.0, 6.0],
        1.0,
    )];
    out.extend(half(-1.0));
    out.push(rib(
        145.0,
        0.0,
        [-1.5, 80.5, 77.0],
        [20.0, 3.5],
        [-3.0, -2.5, 34.0],
        0.0,
    ));
    out.extend(half(1.0).into_iter().rev());
    out
}

/// The upper's skin: u round the sole, v from the foam to the top edge.
struct Upper {
    sole: Sole,
    tops: Vec<(f32, Vec3)>,
    rises: Vec<(f32, Vec3)>,
    falls: Vec<(f32, Vec3)>,
    pads: Vec<(f32, f32)>,
}

impl Upper {
    fn new() -> Self {
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

    fn pad(&self, u: f32) -> f32 {
        table_round(&self.pads, 1.0, u).clamp(0.0, 1.0)
    }

    /// The four handles of the rib at u.
    fn handles(&self, u: f32) -> [Vec3; 4] {
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
    fn bare(&self, u: f32, v: f32) -> Vec3 {
        let [a, b, c, d] = self.handles(u);
        let w = 1.0 - v;
        a * (w * w * w) + b * (3.0 * w * w * v) + c * (3.0 * w * v * v) + d * (v * v * v)
    }

    fn bare_normal(&self, u: f32, v: f32) -> Vec3 {
        let e = 0.002;
        let du = self.bare(u + e, v) - self.bare(u - e, v);
        let dv = self.bare(u, (v + e).min(1.0)) - self.bare(u, (v - e).max(0.0));
        du.cross(dv).normalize_or(Vec3::Y)
    }

    /// How long the rib is.
    fn height(&self, u: f32) -> f32 {
        (0..12)
            .map(|k| {
                self.bare(u, k as f32 / 12.0)
                    .distance(self.bare(u, (k + 1) as f32 / 12.0))
            })
            .sum()
    }

    /// The outer skin.
    fn skin(&self, u: f32, v: f32) -> Vec3 {
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

    fn normal(&self, u: f32, v: f32) -> Vec3 {
        let e = 0.0025;
        let du = self.skin(u + e, v) - self.skin(u - e, v);
        let dv = self.skin(u, (v + e).min(1.0)) - self.skin(u, (v - e).max(0.0));
        du.cross(dv).normalize_or(Vec3::Y)
    }

    /// Texture coordinates by place: across over the ridge, along the foot.
    fn uv(p: Vec3) -> Vec2 {
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
    fn place(&self, u: f32, v: f32) -> (Vec3, Quat) {
        let n = self.normal(u, v);
        let e = 0.002;
        let along = self.skin(u + e, v) - self.skin(u - e, v);
        (self.skin(u, v), facing(along, n))
    }

    /// Where the rib at u passes the height y.
    fn at_height(&self, u: f32, y: f32) -> f32 {
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
fn upper(up: &Upper) -> (Mesh, Mesh) {
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
fn films(up: &Upper) -> Mesh {
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
fn side_mark(up: &Upper, side: f32) -> Mesh {
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
fn tongue_line(t: f32) -> Vec3 {
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
fn tongue_face(s: f32, t: f32) -> Vec3 {
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

fn tongue() -> Mesh {
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
fn laces(up: &Upper) -> Mesh {
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
fn aglets() -> Mesh {
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
fn eyelets(up: &Upper) -> (Mesh, Mesh) {
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

/// The tab at the heel: a loop of webbing.
fn pull_tab(up: &Upper) -> Mesh {
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
fn labels(up: &Upper) -> (Mesh, Mesh) {
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
fn insole(sole: &Sole) -> Mesh {
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

/// Engineered knit: ribs of stitches with open eyelets in a lozenge.
fn knit() -> Result<Maps> {
    let tile = 0.0144;
    let n = 18.0_f32;
    let look = move |u: f32, v: f32| -> (f32, f32) {
        let (x, y) = (u * n, v * n);
        // Stitches: two slanting legs in each.
        let (ix, fx) = (x.floor(), x.fract());
        let leg = (fx - 0.5).abs() * 2.0;
        let slant = y + leg * 0.55;
        let (iy, fy) = (slant.floor(), slant.fract());
        let across = 1.0 - ((leg - 0.5) / 0.52).powi(2);
        let round = 1.0 - ((fy - 0.5) / 0.56).powi(2);
        let h = (across.max(0.0) * round.max(0.0)).sqrt();
        // Ribs rise in every sixth pair of wales; holes between them.
        let (cu, cv) = ((u * 3.0).fract() - 0.5, (v * 3.0).fract() - 0.5);
        let near = [(0.0, 0.0), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)]
            .iter()
            .map(|(a, b)| Vec2::new((cu - a) * 1.15, cv - b).length())
            .fold(f32::MAX, f32::min);
        let hole = ramp(0.10, 0.17, near);
        let mound = ramp(0.12, 0.34, near);
        let chance = texture::random((ix as i32).rem_euclid(18), (iy as i32).rem_euclid(18), 41);
        (
            (h * 0.62 + mound * 0.75 + 0.10 * chance)
                * (0.25 + 0.75 * hole)
                * if hole < 0.5 { 0.5 } else { 1.0 },
            hole * (0.55 + 0.45 * h) * (0.93 + 0.14 * (chance - 0.5)),
        )
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(512, |u, v| {
                let (_, shade) = look(u, v);
                Vec3::splat((0.22 + 0.78 * shade).clamp(0.0, 1.0))
            })
            .jpeg("Engineered knit shade", 82)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| look(u, v).0 * 0.00034).png("Engineered knit normals")?,
        ),
        orm: None,
    })
}

/// Moulded foam: a fine skin over beads.
fn foam() -> Result<Maps> {
    let tile = 0.012;
    let bead = |u: f32, v: f32| {
        let (d, _) = texture::cells(u, v, 13, 17);
        (1.0 - d * d * 1.3).max(0.0)
    };
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                bead(u, v) * 0.000_030 + texture::fractal(u, v, 30, 2, 6) * 0.000_016
            })
            .png("Foam normals")?,
        ),
        orm: Some(
            Canvas::paint(128, |u, v| Vec3::new(1.0, 1.0 - 0.14 * bead(u, v), 1.0))
                .jpeg("Foam roughness", 80)?,
        ),
    })
}

/// Fine ribs that run along, for the lower foam.
fn ribbed() -> Result<Maps> {
    let tile = 0.012;
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let wave = (v * TAU * 8.0).cos() * 0.5 + 0.5;
                wave.powf(0.6) * 0.000_16 + texture::fractal(u, v, 36, 2, 6) * 0.000_012
            })
            .png("Ribbed foam normals")?,
        ),
        orm: None,
    })
}

/// The braid of a lace: strands that cross slantwise, one over one.
fn braid() -> Result<Maps> {
    let tile = 0.003;
    let look = |u: f32, v: f32| -> f32 {
        let n = 4.0;
        let (a, b) = ((u + v) * n, (u - v) * n);
        let over = (a.floor() as i32 + b.floor() as i32).rem_euclid(2) == 0;
        let (across, along) = if over {
            (a.fract(), b.rem_euclid(1.0))
        } else {
            (b.rem_euclid(1.0), a.fract())
        };
        let round = (1.0 - ((across - 0.5) * 2.0).powi(2)).max(0.0).sqrt();
        let crown = (along * PI).sin().max(0.0);
        round * (0.5 + 0.5 * crown)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(128, |u, v| Vec3::splat(0.70 + 0.30 * look(u, v).sqrt()))
                .jpeg("Braid shade", 84)?,
        ),
        normal: Some(Canvas::normals(128, tile, |u, v| look(u, v) * 0.000_11).png("Braid normals")?),
        orm: None,
    })
}

/// Spacer mesh, for collar, tongue and insole: round pores in staggered rows.
fn spacer() -> Result<Maps> {
    let tile = 0.0072;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let (cu, cv) = ((u * 4.0).fract() - 0.5, (v * 4.0).fract() - 0.5);
        let near = [(0.0, 0.0), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)]
            .iter()
            .map(|(a, b)| Vec2::new(cu - a, (cv - b) * 1.2).length())
            .fold(f32::MAX, f32::min);
        let yarn = ((u + v) * TAU * 16.0).sin() * ((u - v) * TAU * 16.0).sin();
        (ramp(0.10, 0.30, near), yarn)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, |u, v| {
                let (h, yarn) = look(u, v);
                Vec3::splat((0.42 + 0.5 * h + 0.08 * yarn).clamp(0.0, 1.0))
            })
            .jpeg("Spacer mesh shade", 82)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let (h, yarn) = look(u, v);
                h * 0.000_22 + yarn * 0.000_03
            })
            .png("Spacer mesh normals")?,
        ),
        orm: None,
    })
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("shoe", "Running shoe");
    product.bake.reach = 0.045;
    product.variants = COLOURWAYS.iter().map(|c| c.0.to_owned()).collect();
    let knit = product.maps(knit()?);
    let foam = product.maps(foam()?);
    let ribbed = product.maps(ribbed()?);
    let braid = product.maps(braid()?);
    let mesh_cloth = product.maps(spacer()?);
    let rubber = product.maps(texture::satin()?);
    let each = |product: &mut Product, of: fn(&Colourway) -> u32, make: &dyn Fn(&str, u32) -> Material| {
        COLOURWAYS
            .iter()
            .map(|c| product.material(make(c.0, of(c))))
            .collect::<Vec<_>>()
    };
    let soft = |hex: u32| -> u32 {
        // Sheen in a paler shade of the cloth's own colour.
        let part = |s: u32| (((hex >> s) & 0xff) + 0x40).min(0xff) / 2;
        part(16) << 16 | part(8) << 8 | part(0)
    };
    let cloth = each(&mut product, |c| c.1, &|n, hex| {
        Material::new(&format!("Knit {n}"), hex)
            .rough(0.82)
            .sheen(soft(hex), 0.55)
            .maps(knit)
    });
    let film = each(&mut product, |c| c.2, &|n, hex| {
        Material::new(&format!("Welded film {n}"), hex)
            .rough(0.42)
            .maps(rubber)
    });
    let mark = each(&mut product, |c| c.3, &|n, hex| {
        Material::new(&format!("Mark {n}"), hex).rough(0.34).maps(rubber)
    });
    let upper_foam = each(&mut product, |c| c.4, &|n, hex| {
        Material::new(&format!("Foam {n}"), hex).rough(0.72).maps(foam)
    });
    let lower_foam = each(&mut product, |c| c.5, &|n, hex| {
        Material::new(&format!("Carrier foam {n}"), hex)
            .rough(0.7)
            .maps(ribbed)
    });
    let lace = each(&mut product, |c| c.6, &|n, hex| {
        Material::new(&format!("Lace {n}"), hex)
            .rough(0.8)
            .sheen(soft(hex), 0.6)
            .maps(braid)
    });
    let sole_rubber = each(&mut product, |c| c.7, &|n, hex| {
        Material::new(&format!("Outsole rubber {n}"), hex)
            .rough(0.58)
            .maps(rubber)
    });
    let lining = each(&mut product, |c| c.8, &|n, hex| {
        Material::new(&format!("Lining {n}"), hex)
            .rough(0.88)
            .sheen(soft(hex), 0.6)
            .maps(mesh_cloth)
    });
    let metal = product.material(Material::new("Eyelet", 0x8d9196).metal().rough(0.35));
    let dark = product.material(Material::new("Eyelet hole", 0x0b0b0c).rough(0.9));
    let clear = product.material(Material::new("Aglet", 0xd9dbdd).rough(0.22).coated(0.6, 0.1));

    let up = Upper::new();
    let (low, high, bed) = midsole(&up.sole);
    let (label, name) = labels(&up);
    product.add(
        Node::new("Outsole")
            .shade(Shade::Alone)
            .part(outsole(&up.sole), &sole_rubber)
            .part(tread(&up.sole), &sole_rubber),
    );
    product.add(
        Node::new("Midsole")
            .explode(0.0, 0.055, 0.0)
            .part(high, &upper_foam)
            .part(low, &lower_foam)
            .part(name, &lower_foam)
            .child(Node::new("Foot bed").shade(Shade::Alone).part(bed, &upper_foam)),
    );
    product.add(
        Node::new("Insole")
            .shade(Shade::Between)
            .explode(0.0, 0.115, 0.0)
            .part(insole(&up.sole), &lining),
    );
    let (outside, inside) = upper(&up);
    let (rings, holes) = eyelets(&up);
    product.add(
        Node::new("Upper")
            .explode(0.0, 0.165, 0.0)
            .part(outside, &cloth)
            .part(inside, &lining)
            .part(films(&up), &film)
            .part(rings, metal)
            .part(holes, dark)
            .part(pull_tab(&up), &mark)
            .child(
                Node::new("Side mark")
                    .part(side_mark(&up, 1.0), &mark)
                    .part(side_mark(&up, -1.0), &mark),
            )
            .child(
                Node::new("Tongue")
                    .shade(Shade::Between)
                    .explode(0.0, 0.035, -0.010)
                    .part(tongue(), &lining)
                    .part(label, &mark),
            )
            .child(
                Node::new("Laces")
                    .explode(0.0, 0.075, 0.018)
                    .part(laces(&up), &lace)
                    .part(aglets(), clear),
            ),
    );
    Ok(product)
}
