//! Bent plywood: plates, and the lines that the seat, the back and the arms follow.

use std::f32::consts::PI;

use glam::{Vec2, Vec3};

use crate::kit::curve::{ramp, resampled, spline};
use crate::kit::loft::{Grid, table};
use crate::kit::{Mesh, at, inset};

/// The thickness of the shells.
pub(super) const SHELL: f32 = 0.0115;

/// A flat pattern's place in space: (across, along) to a point.
pub(super) type Bend<'a> = &'a dyn Fn(f32, f32) -> Vec3;

pub(super) fn normal(bend: Bend, a: f32, b: f32) -> Vec3 {
    let e = 0.002;
    let da = bend(a + e, b) - bend(a - e, b);
    let db = bend(a, b + e) - bend(a, b - e);
    da.cross(db).normalize_or(Vec3::Y)
}

pub(super) fn place(bend: Bend, p: Vec2, h: f32) -> Vec3 {
    bend(p.x, p.y) + normal(bend, p.x, p.y) * h
}

/// An outline's corners taken anew: `n` of them, closer where it turns.
pub(super) fn even(outline: &[Vec2], n: usize) -> Vec<Vec2> {
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
pub(super) fn plate(shape: &[Vec2], thickness: f32, behind: usize, front: usize, bend: Bend) -> (Mesh, Mesh) {
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
pub(super) fn hollow(line: &[(f32, Vec3)], a: f32, b: f32, radius: f32) -> Vec3 {
    let (p, d) = profile(line, b);
    let up = Vec3::X.cross(d).normalize_or(Vec3::Y);
    let t = a / radius;
    p + Vec3::X * (radius * t.sin()) + up * (radius * (1.0 - t.cos()))
}

pub(super) fn seat_line() -> Vec<(f32, Vec3)> {
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

pub(super) fn back_line() -> Vec<(f32, Vec3)> {
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

pub(super) fn arm_line() -> Vec<(f32, Vec3)> {
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
pub(super) fn arm_bend(a: f32, b: f32) -> Vec3 {
    let line = arm_line();
    let (p, _) = profile(&line, b);
    // Drawn forwards on its way up.
    let total = at(&line, line.len() - 1).0;
    Vec3::new(p.x, p.y, 0.035 - a + 0.035 * ramp(total * 0.3, total, b))
}
