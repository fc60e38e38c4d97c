//! A lounge chair: two bent plywood shells, buttoned cushions with piping, plywood arms, a five-star base.

use std::f32::consts::{PI, TAU};

use anyhow::Result;
use glam::{Mat4, Quat, Vec2, Vec3};

use crate::kit::curve::{mm, ramp, resampled, spline};
use crate::kit::loft::{Grid, flat_oval, table, tape};
use crate::kit::texture::{self, Canvas, Maps};
use crate::kit::{
    Lathe, Material, MaterialId, Mesh, Node, Product, Vertex, around, at, frames, inset, outline, path,
    rounded_rect, tube,
};

/// The thickness of the shells.
const SHELL: f32 = 0.0115;

/// A flat pattern's place in space: (across, along) to a point.
type Bend<'a> = &'a dyn Fn(f32, f32) -> Vec3;

fn normal(bend: Bend, a: f32, b: f32) -> Vec3 {
    let e = 0.002;
    let da = bend(a + e, b) - bend(a - e, b);
    let db = bend(a, b + e) - bend(a, b - e);
    da.cross(db).normalize_or(Vec3::Y)
}

fn place(bend: Bend, p: Vec2, h: f32) -> Vec3 {
    bend(p.x, p.y) + normal(bend, p.x, p.y) * h
}

/// An outline's corners taken anew: `n` of them, closer where it turns.
fn even(outline: &[Vec2], n: usize) -> Vec<Vec2> {
    let space: Vec<Vec3> = outline.iter().map(|p| p.extend(0.0)).collect();
    let fine = resampled(&space, n * 8, true);
    let m = fine.len();
    // Walk by length plus turning.
    let mut walk = vec![0.0_f32];
    for i in 0..m {
        let (a, b, c) = (at(&fine, i), at(&fine, (i + 1) % m), at(&fine, (i + 2) % m));
        let turn = (b - a).angle_between(c - b);
        let turn = if turn.is_finite() { turn } else { 0.0 };
        walk.push(walk.last().copied().unwrap_or_default() + a.distance(b) + turn * 0.06);
    }
    let total = walk.last().copied().unwrap_or(1.0);
    let mut k = 0;
    (0..n)
        .map(|i| {
            let want = total * i as f32 / n as f32;
            while k + 1 < m && at(&walk, k + 1) < want {
                k += 1;
            }
            let (a, b) = (at(&walk, k), at(&walk, k + 1));
            let t = ((want - a) / (b - a).max(1.0e-9)).clamp(0.0, 1.0);
            at(&fine, k % m).lerp(at(&fine, (k + 1) % m), t).truncate()
        })
        .collect()
}

/// A bent plywood plate: its veneered faces and its edge of layers.
fn plate(shape: &[Vec2], thickness: f32, behind: usize, front: usize, bend: Bend) -> (Mesh, Mesh) {
    let n = shape.len();
    let middle = shape.iter().copied().sum::<Vec2>() / n as f32;
    let h = thickness * 0.5;
    let bevel = 0.0013;
    // Inset and height of the rows over the edge, from behind to the front.
    let mut rim: Vec<(f32, f32)> = Vec::new();
    for k in 0..=3 {
        let (s, c) = (PI * 0.5 * k as f32 / 3.0).sin_cos();
        rim.push((bevel * (1.0 - s), -h + bevel * (1.0 - c)));
    }
    for k in 1..=2 {
        rim.push((0.0, -h + bevel + (thickness - 2.0 * bevel) * k as f32 / 3.0));
    }
    for k in 0..=3 {
        let (s, c) = (PI * 0.5 * k as f32 / 3.0).sin_cos();
        rim.push((bevel * (1.0 - c), h - bevel * (1.0 - s)));
    }
    let rims: Vec<Vec<Vec2>> = rim.iter().map(|(d, _)| inset(shape, *d)).collect();
    let pick = |row: usize, i: usize| rims.get(row).map(|r| at(r, i % n)).unwrap_or_default();
    let last = rim.len() - 1;
    let rings = behind;
    let rows = behind + last + front;
    let grid = Grid::new(n, rows, true, |i, j| {
        let inwards = |row: usize, t: f32, h: f32| {
            let p = pick(row, i).lerp(middle, t);
            (place(bend, p, h), Vec2::new(p.y, p.x))
        };
        if j < rings {
            inwards(0, 1.0 - j as f32 / rings as f32, -h)
        } else if j > rings + last {
            inwards(last, (j - rings - last) as f32 / front as f32, h)
        } else {
            let (_, h) = at(&rim, j - rings);
            let p = pick(j - rings, i);
            (place(bend, p, h), Vec2::new(p.y, p.x))
        }
    });
    let faces = grid.rows(0..rings + 2).with(&grid.rows(rings + last - 2..rows));
    // The edge has its own coordinates: along it, and through the layers.
    let mut run = vec![0.0_f32];
    for i in 0..n {
        run.push(run.last().copied().unwrap_or_default() + at(shape, i).distance(at(shape, (i + 1) % n)));
    }
    let total = run.last().copied().unwrap_or(1.0);
    let tile = thickness * 1.02;
    let edge = Grid::new(n, rows, true, |i, j| {
        let j = j.clamp(rings, rings + last);
        let (_, h) = at(&rim, j - rings);
        let p = pick(j - rings, i);
        let u = at(&run, i) / total * (total / tile).round() * tile;
        (place(bend, p, h), Vec2::new(u, h + tile * 0.5))
    });
    (faces, edge.rows(rings + 2..rings + last - 2))
}

/// How a cushion is made.
struct Cushion<'a> {
    shape: Vec<Vec2>,
    thickness: f32,
    /// How broad its rounding is.
    edge: f32,
    rings: usize,
    buttons: Vec<Vec2>,
    bend: Bend<'a>,
    seed: u32,
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
    fn make(&self) -> (Mesh, Mesh) {
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
    fn buttons(&self) -> Mesh {
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

/// Reads a profile given as (y, z) along its own length.
fn along(points: &[Vec3]) -> Vec<(f32, Vec3)> {
    let fine = spline(points, 12, false);
    let mut run = 0.0;
    let mut out = Vec::new();
    let mut last = at(&fine, 0);
    for p in fine {
        run += p.distance(last);
        last = p;
        if out.is_empty() || run > out.last().map_or(0.0, |(l, _): &(f32, Vec3)| *l) + 1.0e-5 {
            out.push((run, p));
        }
    }
    out
}

/// A point of a profile, carried on straight beyond its ends.
fn profile(line: &[(f32, Vec3)], b: f32) -> (Vec3, Vec3) {
    let n = line.len();
    let total = at(line, n - 1).0;
    let e = 0.004;
    let inside = |x: f32| table(line, x.clamp(0.0, total));
    let c = b.clamp(e, total - e);
    let d = (inside(c + e) - inside(c - e)).normalize_or(Vec3::Z);
    let p = if b < e {
        inside(e) + d * (b - e)
    } else if b > total - e {
        inside(total - e) + d * (b - total + e)
    } else {
        inside(b)
    };
    (p, d)
}

/// A profile bent across too: `radius(b)` of the hollow.
fn hollow(line: &[(f32, Vec3)], a: f32, b: f32, radius: f32) -> Vec3 {
    let (p, d) = profile(line, b);
    let up = Vec3::X.cross(d).normalize_or(Vec3::Y);
    let t = a / radius;
    p + Vec3::X * (radius * t.sin()) + up * (radius * (1.0 - t.cos()))
}

fn seat_line() -> Vec<(f32, Vec3)> {
    along(
        &[
            (296.0, 348.0),
            (317.0, 339.0),
            (330.0, 318.0),
            (333.0, 270.0),
            (324.0, 160.0),
            (308.0, 30.0),
            (297.0, -80.0),
            (298.0, -150.0),
            (314.0, -208.0),
            (348.0, -246.0),
            (380.0, -264.0),
        ]
        .map(|(y, z)| Vec3::new(0.0, y, z) * 0.001),
    )
}

fn back_line() -> Vec<(f32, Vec3)> {
    along(
        &[
            (392.0, -212.0),
            (430.0, -222.0),
            (500.0, -240.0),
            (590.0, -270.0),
            (690.0, -312.0),
            (770.0, -352.0),
            (838.0, -392.0),
        ]
        .map(|(y, z)| Vec3::new(0.0, y, z) * 0.001),
    )
}

fn arm_line() -> Vec<(f32, Vec3)> {
    // In the plane across the chair: x outwards.
    along(
        &[
            (82.0, 265.5),
            (190.0, 265.5),
            (286.0, 268.0),
            (330.0, 277.0),
            (358.0, 301.0),
            (372.0, 342.0),
            (381.0, 400.0),
            (386.0, 460.0),
            (389.0, 505.0),
            (382.0, 531.0),
            (360.0, 545.0),
            (325.0, 549.0),
        ]
        .map(|(x, y)| Vec3::new(x, y, 0.0) * 0.001),
    )
}

/// The arms' plywood, one side: faces and edge; and the bend they follow.
fn arm_bend(a: f32, b: f32) -> Vec3 {
    let line = arm_line();
    let (p, _) = profile(&line, b);
    // Drawn forwards on its way up.
    let total = at(&line, line.len() - 1).0;
    Vec3::new(p.x, p.y, 0.035 - a + 0.035 * ramp(total * 0.3, total, b))
}

fn five_star() -> (Mesh, Mesh, Mesh) {
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
fn straps() -> (Mesh, Mesh) {
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

/// Veneer, its grain along u: broad figure, fine fibres and pores.
fn veneer(name: &str, contrast: f32, pores: f32, seed: u32) -> Result<Maps> {
    let tile = 0.5;
    let look = move |u: f32, v: f32| -> (f32, f32, f32) {
        let drift = 0.9 * texture::noise(u, v, 1, 3, seed)
            + 0.32 * texture::noise(u, v, 2, 6, seed + 1)
            + 0.06 * texture::noise(u, v, 5, 21, seed + 2);
        let phase = 9.0 * v + 2.0 * drift;
        let saw = phase.rem_euclid(1.0);
        // Early wood fades into a dark line of late wood.
        let ring = saw.powf(2.2) * (1.0 - ramp(0.93, 1.0, saw));
        let fine = 31.0 * v + 6.4 * drift;
        let ring = 0.72 * ring + 0.28 * (0.5 + 0.5 * (fine * TAU).sin());
        let fibre =
            0.6 * texture::noise(u, v, 9, 300, seed + 3) + 0.4 * texture::noise(u, v, 24, 420, seed + 4);
        let pore = (texture::noise(u, v, 34, 460, seed + 5) - 0.38).max(0.0) * 3.2 * (0.35 + 0.65 * ring);
        (ring, fibre, pore.min(1.0))
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(1024, |u, v| {
                let (ring, fibre, pore) = look(u, v);
                let broad = texture::noise(u, v, 1, 5, seed + 9);
                // Chatoyance: bands across the grain.
                let flame = texture::noise(u, v, 14, 2, seed + 12) * texture::noise(u, v, 3, 4, seed + 13);
                let tone = 0.90 - contrast * 0.55 * ring + 0.07 * fibre - pores * pore
                    + 0.06 * broad
                    + contrast * 0.10 * flame;
                let warm = contrast * ring;
                Vec3::new(tone, tone * (1.0 - 0.06 * warm), tone * (1.0 - 0.13 * warm))
                    .clamp(Vec3::ZERO, Vec3::ONE)
            })
            .jpeg(&format!("{name} colour"), 84)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| {
                let (_, fibre, pore) = look(u, v);
                fibre * 0.000_10 - pore * 0.000_22
            })
            .png(&format!("{name} normals"))?,
        ),
        orm: Some(
            Canvas::paint(512, |u, v| {
                let (ring, fibre, pore) = look(u, v);
                Vec3::new(
                    1.0,
                    (0.80 + 0.14 * ring - 0.06 * fibre + 0.25 * pore).clamp(0.0, 1.0),
                    1.0,
                )
            })
            .jpeg(&format!("{name} roughness"), 80)?,
        ),
    })
}

/// The layers of plywood, seen from the edge: one tile is the plate's thickness.
fn layers() -> Result<Maps> {
    let tile = SHELL * 1.02;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let n = 9.0;
        let y = v * n + 0.05 * texture::noise(u, v, 3, 9, 3);
        let k = (y.floor() as i32).rem_euclid(9);
        let f = y.fract();
        let glue = 1.0 - ramp(0.0, 0.09, f.min(1.0 - f));
        let across = k % 2 == 1;
        let grain = if across {
            texture::noise(u, v, 46, 60, 5) * 0.6 + texture::noise(u, v, 90, 90, 7) * 0.4
        } else {
            texture::noise(u, v, 4, 80, 6) * 0.8
        };
        let tone = if across { 0.60 } else { 0.95 };
        (tone + 0.16 * grain - 0.52 * glue, glue)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, |u, v| {
                let (t, _) = look(u, v);
                Vec3::new(t, t * 0.97, t * 0.92).clamp(Vec3::ZERO, Vec3::ONE)
            })
            .jpeg("Plywood layers", 88)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let (t, glue) = look(u, v);
                t * 0.000_05 - glue * 0.000_06
            })
            .png("Plywood layer normals")?,
        ),
        orm: None,
    })
}

/// Bouclé: loops of thick and thin yarn in a tangle.
fn boucle() -> Result<Maps> {
    let tile = 0.045;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let (wu, wv) = (
            u + 0.02 * texture::fractal(u, v, 9, 2, 3),
            v + 0.02 * texture::fractal(u, v, 9, 2, 4),
        );
        let mut h = 0.0_f32;
        let mut shade = 0.0;
        for (n, seed, size) in [(11, 5, 1.0_f32), (15, 9, 0.8), (20, 13, 0.6)] {
            let (d, e) = texture::cells(wu, wv, n, seed);
            // Each loop is a ring of yarn.
            let ring = 1.0 - ((d - 0.30) / 0.21).powi(2);
            let x = ring.max(0.0).sqrt() * size * (0.75 + 0.25 * (e - d).min(1.0));
            if x > h {
                h = x;
                shade = d;
            }
        }
        let twist = ((u * 160.0 + v * 40.0 + shade * 9.0) * TAU * 0.5).sin();
        (h, twist)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(512, |u, v| {
                let (h, twist) = look(u, v);
                Vec3::splat((0.52 + 0.46 * h + 0.03 * twist).clamp(0.0, 1.0))
            })
            .jpeg("Bouclé shade", 80)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| {
                let (h, twist) = look(u, v);
                h * 0.001_0 + twist * 0.000_03
            })
            .jpeg("Bouclé normals", 90)?,
        ),
        orm: None,
    })
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("chair", "Lounge chair");
    product.bake.reach = 0.14;
    product.bake.rays = 96;
    product.variants = [
        "Walnut & black leather",
        "Oak & cognac",
        "Ash & bouclé",
        "Black & moss wool",
    ]
    .map(str::to_owned)
    .to_vec();
    let figured = product.maps(veneer("Figured veneer", 0.95, 0.34, 11)?);
    let open = product.maps(veneer("Open-grain veneer", 0.42, 0.42, 47)?);
    let ply = product.maps(layers()?);
    let leather = product.maps(texture::leather()?);
    let loops = product.maps(boucle()?);
    let wool = product.maps(texture::weave(0.0128, 8)?);
    let satin = product.maps(texture::satin()?);
    let wood: Vec<MaterialId> = vec![
        product.material(
            Material::new("Walnut veneer", 0x8a5a3a)
                .rough(0.46)
                .coated(0.25, 0.32)
                .maps(figured),
        ),
        product.material(
            Material::new("Oak veneer", 0xc79a66)
                .rough(0.52)
                .coated(0.15, 0.4)
                .maps(open),
        ),
        product.material(
            Material::new("Ash veneer", 0xe0cda9)
                .rough(0.54)
                .coated(0.12, 0.42)
                .maps(open),
        ),
        product.material(
            Material::new("Black ash veneer", 0x1d1b1a)
                .rough(0.5)
                .coated(0.2, 0.36)
                .maps(open),
        ),
    ];
    let edge: Vec<MaterialId> = vec![
        product.material(Material::new("Walnut layers", 0xa8794f).rough(0.6).maps(ply)),
        product.material(Material::new("Oak layers", 0xcfa777).rough(0.6).maps(ply)),
        product.material(Material::new("Ash layers", 0xe2d0ae).rough(0.6).maps(ply)),
        product.material(Material::new("Black ash layers", 0x8a7052).rough(0.6).maps(ply)),
    ];
    let cover: Vec<MaterialId> = vec![
        product.material(Material::new("Black leather", 0x1c1b1b).rough(0.5).maps(leather)),
        product.material(Material::new("Cognac leather", 0xa9602c).rough(0.5).maps(leather)),
        product.material(
            Material::new("Bouclé", 0xe9e2d6)
                .rough(0.95)
                .sheen(0x8a857c, 0.6)
                .maps(loops),
        ),
        product.material(
            Material::new("Moss wool", 0x59633f)
                .rough(0.92)
                .sheen(0x5d664a, 0.55)
                .maps(wool),
        ),
    ];
    let piping: Vec<MaterialId> = vec![
        product.material(Material::new("Black piping", 0x171616).rough(0.42).maps(leather)),
        product.material(Material::new("Cognac piping", 0x8f4d20).rough(0.44).maps(leather)),
        product.material(
            Material::new("Cream piping", 0xd9d0c0)
                .rough(0.9)
                .sheen(0x7a756c, 0.6)
                .maps(wool),
        ),
        product.material(
            Material::new("Moss piping", 0x3f472c)
                .rough(0.9)
                .sheen(0x4a523a, 0.55)
                .maps(wool),
        ),
    ];
    let polished = Material::new("Polished aluminium", 0xd5d6d8).metal().rough(0.16);
    let star_paint: Vec<MaterialId> = {
        let bright = product.material(polished);
        let black = product.material(Material::new("Black aluminium", 0x1b1b1d).rough(0.42).maps(satin));
        vec![bright, bright, bright, black]
    };
    let dark = product.material(Material::new("Black steel", 0x18191b).rough(0.45).maps(satin));
    let rubber = product.material(Material::new("Rubber", 0x131314).rough(0.75).maps(satin));

    let seat = seat_line();
    let seat_bend = |a: f32, b: f32| {
        hollow(
            &seat,
            a,
            b,
            table(&[(0.0, 2.6), (0.10, 1.5), (0.35, 0.88), (0.75, 0.70)], b),
        )
    };
    let back = back_line();
    let back_bend = |a: f32, b: f32| hollow(&back, a, b, table(&[(0.0, 0.62), (0.2, 0.50), (0.5, 0.56)], b));

    let seat_long = at(&seat, seat.len() - 1).0;
    let seat_shape = even(
        &outline(&[
            (-0.255, 0.0, 0.085),
            (0.255, 0.0, 0.085),
            (0.312, seat_long * 0.5, 0.6),
            (0.262, seat_long, 0.105),
            (-0.262, seat_long, 0.105),
            (-0.312, seat_long * 0.5, 0.6),
        ]),
        144,
    );
    let back_long = at(&back, back.len() - 1).0;
    let back_shape = even(
        &outline(&[
            (-0.290, 0.0, 0.10),
            (0.290, 0.0, 0.10),
            (0.335, back_long * 0.45, 0.4),
            (0.262, back_long, 0.135),
            (-0.262, back_long, 0.135),
            (-0.335, back_long * 0.45, 0.4),
        ]),
        144,
    );
    let (seat_faces, seat_edge) = plate(&seat_shape, SHELL, 12, 20, &seat_bend);
    let (back_faces, back_edge) = plate(&back_shape, SHELL, 14, 12, &back_bend);
    let (star, column, glides) = five_star();
    let (strap, mounts) = straps();

    product.add(
        Node::new("Base")
            .explode(0.0, 0.0, 0.0)
            .part(star, &star_paint)
            .part(column, dark)
            .part(glides, rubber),
    );
    product.add(
        Node::new("Seat shell")
            .explode(0.0, 0.16, 0.0)
            .part(seat_faces, &wood)
            .part(seat_edge, &edge),
    );
    product.add(
        Node::new("Back shell")
            .explode(0.0, 0.24, -0.22)
            .part(back_faces, &wood)
            .part(back_edge, &edge)
            .part(strap, dark)
            .part(mounts, rubber),
    );

    let seat_cushion = Cushion {
        shape: even(
            &outline(&[
                (-0.232, 0.034, 0.06),
                (0.232, 0.034, 0.06),
                (0.268, seat_long * 0.46, 0.6),
                (0.240, seat_long - 0.185, 0.07),
                (-0.240, seat_long - 0.185, 0.07),
                (-0.268, seat_long * 0.46, 0.6),
            ]),
            132,
        ),
        thickness: 0.066,
        edge: 1.0,
        rings: 18,
        buttons: vec![
            Vec2::new(-0.088, 0.215),
            Vec2::new(0.088, 0.215),
            Vec2::new(-0.088, 0.400),
            Vec2::new(0.088, 0.400),
        ],
        bend: &|a, b| seat_bend(a, b) + normal(&seat_bend, a, b) * (SHELL * 0.5),
        seed: 3,
    };
    let back_cushion = Cushion {
        shape: even(
            &outline(&[
                (-0.250, 0.022, 0.07),
                (0.250, 0.022, 0.07),
                (0.290, back_long * 0.45, 0.4),
                (0.226, back_long - 0.036, 0.105),
                (-0.226, back_long - 0.036, 0.105),
                (-0.290, back_long * 0.45, 0.4),
            ]),
            132,
        ),
        thickness: 0.052,
        edge: 1.0,
        rings: 18,
        buttons: vec![
            Vec2::new(-0.092, 0.165),
            Vec2::new(0.092, 0.165),
            Vec2::new(-0.084, 0.335),
            Vec2::new(0.084, 0.335),
        ],
        bend: &|a, b| back_bend(a, b) + normal(&back_bend, a, b) * (SHELL * 0.5),
        seed: 8,
    };
    for (name, cushion, way) in [
        ("Seat cushion", &seat_cushion, Vec3::new(0.0, 0.34, 0.06)),
        ("Back cushion", &back_cushion, Vec3::new(0.0, 0.30, -0.04)),
    ] {
        let (body, cord) = cushion.make();
        product.add(
            Node::new(name)
                .explode(way.x, way.y, way.z)
                .part(body, &cover)
                .part(cushion.buttons(), &piping)
                .part(cord, &piping),
        );
    }

    // Arms: the right one is made, the left its image.
    let arm_long = {
        let line = arm_line();
        at(&line, line.len() - 1).0
    };
    let arm_shape = even(
        &outline(&[
            (-0.055, 0.0, 0.02),
            (0.055, 0.0, 0.02),
            (0.058, arm_long * 0.45, 0.15),
            (0.130, arm_long * 0.82, 0.10),
            (0.135, arm_long, 0.035),
            (-0.135, arm_long, 0.035),
            (-0.125, arm_long * 0.82, 0.10),
            (-0.058, arm_long * 0.45, 0.15),
        ]),
        96,
    );
    let (arm_faces, arm_edge) = plate(&arm_shape, SHELL, 8, 10, &arm_bend);
    let pad = Cushion {
        shape: even(&rounded_rect(0.232, 0.052, 0.022), 60)
            .iter()
            .map(|p| *p + Vec2::new(0.0, arm_long - 0.034))
            .collect(),
        thickness: 0.016,
        edge: 0.3,
        rings: 4,
        buttons: vec![],
        bend: &|a, b| arm_bend(a, b) + normal(&arm_bend, a, b) * (SHELL * 0.5),
        seed: 5,
    };
    let (pad_body, _) = pad.make();
    for (name, s) in [("Right armrest", -1.0_f32), ("Left armrest", 1.0)] {
        let side = |m: &Mesh| if s < 0.0 { m.clone().mirrored() } else { m.clone() };
        product.add(
            Node::new(name)
                .explode(0.20 * s, 0.16, 0.0)
                .part(side(&arm_faces), &wood)
                .part(side(&arm_edge), &edge)
                .part(side(&pad_body), &cover),
        );
    }
    Ok(product)
}
