//! Solids from curves: lathe, loft, extrusion, sweep, tube, patch, filled outlines.

use std::f32::consts::{PI, TAU};

use glam::{Quat, Vec2, Vec3};

use super::at;
use super::curve::{arc_steps, inset, lengths, lift, rounded_rect};
use super::mesh::Mesh;

/// The angle in degrees beyond which [`Mesh::smooth`] keeps an edge hard, for what is built here.
pub const CREASE: f32 = 38.0;

/// A profile turned about the y axis.
///
/// The profile's x is the radius. The surface faces to the right of the way the profile goes: upwards along the outside,
/// downwards along an inside. Angle 0 is the front (+Z) and grows to +X.
#[derive(Clone, Copy, Debug)]
pub struct Lathe {
    segments: usize,
    from: f32,
    to: f32,
    tile: f32,
    around: bool,
}

impl Lathe {
    /// All the way round in that many segments; 128 look round when they fill a 4K screen.
    pub fn full(segments: usize) -> Self {
        Self {
            segments,
            from: -PI,
            to: PI,
            tile: 0.0,
            around: false,
        }
    }

    /// From one angle to another, in degrees.
    pub fn arc(segments: usize, from: f32, to: f32) -> Self {
        Self {
            segments,
            from: from.to_radians(),
            to: to.to_radians(),
            tile: 0.0,
            around: false,
        }
    }

    /// Stretches u a little, so that a detail map of that many metres meets itself at the back.
    #[must_use]
    pub fn tile(mut self, metres: f32) -> Self {
        self.tile = metres;
        self
    }

    /// u runs round the axis on tops and bottoms too (spun metal); else these are mapped flat from above.
    #[must_use]
    pub fn around(mut self) -> Self {
        self.around = true;
        self
    }

    /// The turned surface.
    pub fn spin(&self, profile: &[Vec2]) -> Mesh {
        let radius = profile.iter().fold(0.0_f32, |r, p| r.max(p.x));
        let mut width = radius * TAU;
        if self.tile > 0.0 {
            width = (width / self.tile).round().max(1.0) * self.tile;
        }
        let whole = self.to - self.from > TAU - 1.0e-4;
        let turn = |i: usize| {
            let i = if whole { i % self.segments } else { i };
            (self.from + (self.to - self.from) * i as f32 / self.segments as f32).sin_cos()
        };
        let mut mesh = Mesh::new();
        let mut v = 0.0;
        for pair in profile.windows(2) {
            let &[a, b] = pair else { continue };
            let (d, length) = (b - a, a.distance(b));
            let flat = !self.around && d.y.abs() < d.x.abs() * 0.6;
            let row: Vec<[u32; 2]> = (0..=self.segments)
                .map(|i| {
                    let (s, c) = turn(i);
                    let angle = (self.from + (self.to - self.from) * i as f32 / self.segments as f32) / TAU;
                    [(a, v), (b, v + length)].map(|(p, v)| {
                        let position = Vec3::new(p.x * s, p.y, p.x * c);
                        let uv = if flat {
                            Vec2::new(position.x, -position.z * -d.x.signum())
                        } else {
                            Vec2::new(angle * width, v)
                        };
                        mesh.vertex(position, uv)
                    })
                })
                .collect();
            for pair in row.windows(2) {
                if let &[[a, d], [b, c]] = pair {
                    mesh.quad(a, b, c, d);
                }
            }
            v += length;
        }
        mesh.smooth(CREASE)
    }

    /// The flat face of a closed section at the start (`false`) or end (`true`) of an arc.
    pub fn section(&self, outline: &[Vec2], end: bool) -> Mesh {
        let a = if end { self.to } else { self.from };
        let mesh = fill(outline);
        // The filled outline faces +Z with x to the right; x must point outwards along the angle.
        let turn = Quat::from_rotation_y(a - PI * 0.5);
        let mesh = mesh.turned(turn);
        if end { mesh.flipped() } else { mesh }
    }
}

/// How the end of a loft is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// Not at all.
    Open,
    /// A flat face; any simple outline.
    Flat,
    /// A flat face of that many rings towards the middle: even triangles, for outlines that the middle sees whole.
    Rings(usize),
}

/// A skin over rings of equally many points.
///
/// Rings run counter-clockwise seen from where the loft goes to. `closed` says whether a ring meets itself.
pub fn loft(rings: &[Vec<Vec3>], closed: bool, start: Cap, end: Cap) -> Mesh {
    let mut mesh = Mesh::new();
    let along: Vec<Vec<f32>> = rings.iter().map(|r| lengths(r, closed)).collect();
    let width = along
        .iter()
        .filter_map(|l| l.last().copied())
        .fold(0.0_f32, f32::max);
    let mut v = 0.0;
    for (pair, ls) in rings.windows(2).zip(along.windows(2)) {
        let ([low, high], [l0, l1]) = (pair, ls) else {
            continue;
        };
        let n = low.len().min(high.len());
        let step = low.iter().zip(high).map(|(a, b)| a.distance(*b)).sum::<f32>() / n.max(1) as f32;
        let part = |l: &[f32], i: usize| at(l, i) / l.last().copied().unwrap_or(1.0).max(1.0e-9) * width;
        let columns = if closed { n + 1 } else { n };
        let row: Vec<[u32; 2]> = (0..columns)
            .map(|i| {
                [
                    mesh.vertex(at(low, i % n), Vec2::new(part(l0, i), v)),
                    mesh.vertex(at(high, i % n), Vec2::new(part(l1, i), v + step)),
                ]
            })
            .collect();
        for pair in row.windows(2) {
            if let &[[a, d], [b, c]] = pair {
                mesh.quad(a, b, c, d);
            }
        }
        v += step;
    }
    if let Some(ring) = rings.first() {
        mesh.merge(&shut(ring, start).flipped());
    }
    if let Some(ring) = rings.last() {
        mesh.merge(&shut(ring, end));
    }
    mesh.smooth(CREASE)
}

/// A loft whose last ring meets its first: rings of a torus, a strap that closes.
pub fn loft_loop(rings: &[Vec<Vec3>], closed: bool) -> Mesh {
    let mut all = rings.to_vec();
    if let Some(first) = rings.first() {
        all.push(first.clone());
    }
    loft(&all, closed, Cap::Open, Cap::Open)
}

fn newell(ring: &[Vec3]) -> Vec3 {
    let n = ring.len();
    (0..n)
        .map(|i| {
            let (a, b) = (at(ring, i), at(ring, (i + 1) % n));
            Vec3::new(
                (a.y - b.y) * (a.z + b.z),
                (a.z - b.z) * (a.x + b.x),
                (a.x - b.x) * (a.y + b.y),
            )
        })
        .sum::<Vec3>()
        .normalize_or_zero()
}

fn shut(ring: &[Vec3], cap: Cap) -> Mesh {
    let mut mesh = Mesh::new();
    let normal = newell(ring);
    let turn = Quat::from_rotation_arc(normal, Vec3::Z);
    let flat: Vec<Vec2> = ring.iter().map(|p| (turn * *p).truncate()).collect();
    match cap {
        Cap::Open => {}
        Cap::Flat => {
            let index: Vec<u32> = ring
                .iter()
                .zip(&flat)
                .map(|(p, uv)| mesh.vertex(*p, *uv))
                .collect();
            for t in triangulate(&flat) {
                let [a, b, c] = t.map(|i| at(&index, i));
                mesh.triangle(a, b, c);
            }
        }
        Cap::Rings(steps) => {
            let n = ring.len();
            let middle = ring.iter().copied().sum::<Vec3>() / n.max(1) as f32;
            let steps = steps.max(1);
            let mut last: Vec<u32> = ring
                .iter()
                .zip(&flat)
                .map(|(p, uv)| mesh.vertex(*p, *uv))
                .collect();
            for k in 1..steps {
                let t = k as f32 / steps as f32;
                let next: Vec<u32> = ring
                    .iter()
                    .map(|p| {
                        let p = p.lerp(middle, t);
                        mesh.vertex(p, (turn * p).truncate())
                    })
                    .collect();
                for i in 0..n {
                    let j = (i + 1) % n;
                    mesh.quad(at(&last, i), at(&last, j), at(&next, j), at(&next, i));
                }
                last = next;
            }
            let tip = mesh.vertex(middle, (turn * middle).truncate());
            for i in 0..n {
                mesh.triangle(at(&last, i), at(&last, (i + 1) % n), tip);
            }
        }
    }
    mesh
}

/// A simple polygon cut into counter-clockwise triangles by its ears; indices into the outline.
pub fn triangulate(outline: &[Vec2]) -> Vec<[usize; 3]> {
    let mut left: Vec<usize> = (0..outline.len()).collect();
    let area: f32 = (0..outline.len())
        .map(|i| at(outline, i).perp_dot(at(outline, (i + 1) % outline.len())))
        .sum();
    if area < 0.0 {
        left.reverse();
    }
    let mut out = Vec::new();
    while left.len() > 3 {
        let n = left.len();
        // Of all ears, the one that is best shaped: no slivers across the face.
        let mut best: Option<(f32, usize)> = None;
        for i in 0..n {
            let [ia, ib, ic] = [(i + n - 1) % n, i, (i + 1) % n].map(|k| at(&left, k));
            let (a, b, c) = (at(outline, ia), at(outline, ib), at(outline, ic));
            let cross = (b - a).perp_dot(c - b);
            if cross <= 1.0e-14 {
                continue;
            }
            let score =
                cross / (a.distance_squared(c) + a.distance_squared(b) + b.distance_squared(c)).max(1.0e-20);
            if best.is_some_and(|(s, _)| s >= score) {
                continue;
            }
            let inside = left.iter().any(|&k| {
                let p = at(outline, k);
                k != ia
                    && k != ib
                    && k != ic
                    && (b - a).perp_dot(p - a) >= 0.0
                    && (c - b).perp_dot(p - b) >= 0.0
                    && (a - c).perp_dot(p - c) >= 0.0
            });
            if !inside {
                best = Some((score, i));
            }
        }
        let Some((_, i)) = best else { break };
        let n = left.len();
        out.push([(i + n - 1) % n, i, (i + 1) % n].map(|k| at(&left, k)));
        left.remove(i);
    }
    if let &[a, b, c] = left.as_slice() {
        out.push([a, b, c]);
    }
    out
}

/// A flat face in the plane z = 0 that looks to +Z.
pub fn fill(outline: &[Vec2]) -> Mesh {
    let mut mesh = Mesh::new();
    for p in outline {
        mesh.vertex(p.extend(0.0), *p);
    }
    for [a, b, c] in triangulate(outline) {
        mesh.triangle(a as u32, b as u32, c as u32);
    }
    mesh.smooth(CREASE)
}

/// An outline drawn up along y from 0 to `height`, with rounded edges below and above.
///
/// A bevel's radius should stay below the smallest fillet of the outline. Negative bevels flare outwards.
pub fn extrude(outline: &[Vec2], height: f32, bevel_bottom: f32, bevel_top: f32) -> Mesh {
    loft(
        &extrude_rings(outline, height, bevel_bottom, bevel_top),
        true,
        Cap::Flat,
        Cap::Flat,
    )
}

/// The rings of [`extrude`], for a loft with other caps.
pub fn extrude_rings(outline: &[Vec2], height: f32, bevel_bottom: f32, bevel_top: f32) -> Vec<Vec<Vec3>> {
    let mut rings = Vec::new();
    let mut quarter = |r: f32, y: f32, up: bool| {
        let steps = if r == 0.0 {
            0
        } else {
            arc_steps(PI * 0.5, r.abs()).max(4)
        };
        for k in 0..=steps {
            let a = PI * 0.5 * if steps == 0 { 0.0 } else { k as f32 / steps as f32 };
            let a = if up { a } else { PI * 0.5 - a };
            let (s, c) = a.sin_cos();
            let rise = if up {
                y - r.abs() * (1.0 - s)
            } else {
                y + r.abs() * (1.0 - s)
            };
            rings.push(lift(&inset(outline, r * (1.0 - c)), rise));
        }
    };
    quarter(bevel_bottom, 0.0, false);
    quarter(bevel_top, height, true);
    rings
}

/// A box about the origin with all edges rounded.
pub fn rounded_box(x: f32, y: f32, z: f32, radius: f32) -> Mesh {
    let r = radius.min(x.min(y).min(z) * 0.499);
    // The corner's fillet is a little wider than the bevel, so that the inset doesn't turn inside out.
    extrude(&rounded_rect(x, z, r * 1.04), y, r, r).moved(0.0, -y * 0.5, 0.0)
}

/// A small box about the origin with all edges cut off: the least that a part on a board needs.
pub fn chamfered_box(x: f32, y: f32, z: f32, cut: f32) -> Mesh {
    let c = cut.min(x.min(y).min(z) * 0.49);
    let ring = |inset: f32, height: f32| -> Vec<Vec3> {
        let (w, d) = (x * 0.5 - inset, z * 0.5 - inset);
        let outline = [
            (w, -d + c),
            (w, d - c),
            (w - c, d),
            (-w + c, d),
            (-w, d - c),
            (-w, -d + c),
            (-w + c, -d),
            (w - c, -d),
        ]
        .map(|(x, z)| Vec2::new(x, z));
        lift(&outline, height)
    };
    let h = y * 0.5;
    let rings = [ring(c, -h), ring(0.0, -h + c), ring(0.0, h - c), ring(c, h)];
    loft(&rings, true, Cap::Flat, Cap::Flat)
}

/// Frames along a curve that twist as little as they can: the turn from (x right, y up, z along) at each point.
pub fn frames(points: &[Vec3], closed: bool) -> Vec<Quat> {
    let n = points.len();
    let tangent = |i: usize| {
        let (a, b) = if closed {
            (at(points, (i + n - 1) % n), at(points, (i + 1) % n))
        } else {
            (at(points, i.saturating_sub(1)), at(points, (i + 1).min(n - 1)))
        };
        (b - a).normalize_or(Vec3::Z)
    };
    let mut out: Vec<Quat> = Vec::with_capacity(n);
    let t0 = tangent(0);
    let up = if t0.y.abs() < 0.95 { Vec3::Y } else { Vec3::X };
    let x = up.cross(t0).normalize_or(Vec3::X);
    let mut q = Quat::from_mat3(&glam::Mat3::from_cols(x, t0.cross(x), t0));
    let mut last = t0;
    for i in 0..n {
        let t = tangent(i);
        q = (Quat::from_rotation_arc(last, t) * q).normalize();
        out.push(q);
        last = t;
    }
    if closed && n > 2 {
        // What is left of a twist after one round is spread over the round.
        let back = Quat::from_rotation_arc(last, t0) * q;
        let (x0, x1) = (at(&out, 0) * Vec3::X, back * Vec3::X);
        let miss = x1.cross(x0).dot(t0).atan2(x1.dot(x0));
        for (i, q) in out.iter_mut().enumerate() {
            let t = *q * Vec3::Z;
            *q = Quat::from_axis_angle(t, miss * i as f32 / n as f32) * *q;
        }
    }
    out
}

/// A section carried along a curve; `section` says the outline at each point, from 0 to 1.
///
/// The outline's x is the frame's right, its y the frame's up (upwards where the curve starts level).
pub fn sweep(points: &[Vec3], closed: bool, section: impl Fn(f32) -> Vec<Vec2>, caps: Cap) -> Mesh {
    let n = points.len();
    let last = if closed { n } else { n.saturating_sub(1) }.max(1);
    let rings: Vec<Vec<Vec3>> = points
        .iter()
        .zip(frames(points, closed))
        .enumerate()
        .map(|(i, (p, q))| {
            section(i as f32 / last as f32)
                .into_iter()
                .map(|s| *p + q * s.extend(0.0))
                .collect()
        })
        .collect();
    if closed {
        loft_loop(&rings, true)
    } else {
        loft(&rings, true, caps, caps)
    }
}

/// A round rod along a curve, with domed ends when it is open.
pub fn tube(points: &[Vec3], radius: f32, sides: usize, closed: bool) -> Mesh {
    if closed {
        return sweep(points, true, |_| super::curve::circle(radius, sides), Cap::Open);
    }
    let (Some(&a), Some(&z)) = (points.first(), points.last()) else {
        return Mesh::new();
    };
    let turns = frames(points, false);
    let (qa, qz) = (at(&turns, 0), at(&turns, points.len() - 1));
    let ring = |p: Vec3, q: Quat, r: f32| -> Vec<Vec3> {
        super::curve::circle(r, sides)
            .into_iter()
            .map(|s| p + q * s.extend(0.0))
            .collect()
    };
    let steps = 6;
    let mut rings = Vec::new();
    for k in 0..steps {
        let (s, c) = (PI * 0.5 * (k as f32 + 0.15) / (steps as f32 + 0.15)).sin_cos();
        rings.push(ring(a - qa * Vec3::Z * (radius * c), qa, radius * s));
    }
    rings.extend(points.iter().zip(&turns).map(|(p, q)| ring(*p, *q, radius)));
    for k in (0..steps).rev() {
        let (s, c) = (PI * 0.5 * (k as f32 + 0.15) / (steps as f32 + 0.15)).sin_cos();
        rings.push(ring(z + qz * Vec3::Z * (radius * c), qz, radius * s));
    }
    loft(&rings, true, Cap::Rings(1), Cap::Rings(1))
}
