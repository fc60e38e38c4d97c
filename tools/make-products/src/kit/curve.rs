//! Curves in the plane and in space: rounded polylines, outlines, splines, insets.

use std::f32::consts::TAU;
use std::ops::{Add, Mul, Sub};

use glam::{Vec2, Vec3};

use super::at;

/// How far a chord may stand off its arc, in metres.
const CHORD: f32 = 0.000_018;

/// How many straight pieces an arc of that angle and radius takes.
pub fn arc_steps(angle: f32, radius: f32) -> usize {
    let fine = 2.0 * (1.0 - CHORD / radius.max(CHORD)).clamp(-1.0, 1.0).acos();
    // The smallest fillets are seen as a glint: three pieces do.
    let coarse = if radius < 0.000_6 { 31.0_f32 } else { 19.0 };
    let step = fine.clamp(0.03, coarse.to_radians());
    ((angle.abs() / step).ceil() as usize).max(2)
}

fn rounded(corners: &[(f32, f32, f32)], closed: bool) -> Vec<Vec2> {
    let n = corners.len();
    let mut out: Vec<Vec2> = Vec::new();
    for (i, &(x, y, r)) in corners.iter().enumerate() {
        let p = Vec2::new(x, y);
        let end = !closed && (i == 0 || i + 1 == n);
        let pick = |k: usize| {
            let (x, y, _) = at(corners, k % n);
            Vec2::new(x, y)
        };
        let (before, after) = (pick(i + n - 1), pick(i + 1));
        let (d0, d1) = ((before - p).normalize_or_zero(), (after - p).normalize_or_zero());
        let cos = d0.dot(d1).clamp(-1.0, 1.0);
        let turn = std::f32::consts::PI - cos.acos();
        if end || r <= 0.0 || turn < 0.01 {
            out.push(p);
            continue;
        }
        let half = turn * 0.5;
        let room = before.distance(p).min(after.distance(p)) * if n > 2 { 0.499 } else { 1.0 };
        let trim = (r * half.tan()).min(room);
        let r = trim / half.tan();
        let centre = p + (d0 + d1).normalize_or_zero() * (r / half.cos());
        let from = p + d0 * trim - centre;
        let side = if d0.perp_dot(d1) > 0.0 { -1.0 } else { 1.0 };
        let steps = arc_steps(turn, r);
        for k in 0..=steps {
            let a = side * turn * k as f32 / steps as f32;
            out.push(centre + Vec2::from_angle(a).rotate(from));
        }
    }
    out.dedup_by(|a, b| a.distance(*b) < 1.0e-6);
    out
}

/// An open polyline through corners `(x, y, fillet radius)`.
pub fn path(corners: &[(f32, f32, f32)]) -> Vec<Vec2> {
    rounded(corners, false)
}

/// A closed outline through corners `(x, y, fillet radius)`; give them counter-clockwise.
pub fn outline(corners: &[(f32, f32, f32)]) -> Vec<Vec2> {
    let mut out = rounded(corners, true);
    if out.len() > 2
        && out
            .first()
            .zip(out.last())
            .is_some_and(|(a, b)| a.distance(*b) < 1.0e-6)
    {
        out.pop();
    }
    out
}

/// A table of corners given in millimetres.
pub fn mm(corners: &[(f32, f32, f32)]) -> Vec<(f32, f32, f32)> {
    corners
        .iter()
        .map(|&(x, y, r)| (x * 0.001, y * 0.001, r * 0.001))
        .collect()
}

/// Straight runs of a polyline cut into pieces no longer than `step`, so that shadows find corners to fall on.
pub fn stepped(points: &[Vec2], step: f32) -> Vec<Vec2> {
    let mut out: Vec<Vec2> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let &[a, b] = pair else { continue };
        let n = (a.distance(b) / step).ceil().max(1.0) as usize;
        out.extend((1..=n).map(|k| a.lerp(b, k as f32 / n as f32)));
    }
    out
}

/// A circle of `n` corners about the origin.
pub fn circle(radius: f32, n: usize) -> Vec<Vec2> {
    (0..n)
        .map(|i| Vec2::from_angle(TAU * i as f32 / n as f32) * radius)
        .collect()
}

/// A rectangle with rounded corners about the origin.
pub fn rounded_rect(width: f32, height: f32, radius: f32) -> Vec<Vec2> {
    let (x, y, r) = (
        width * 0.5,
        height * 0.5,
        radius.min(width * 0.499).min(height * 0.499),
    );
    outline(&[(-x, -y, r), (x, -y, r), (x, y, r), (-x, y, r)])
}

/// A rectangle with rounded corners of `steps` pieces each: always equally many corners, for rings of one loft.
pub fn rounded_rect_even(width: f32, height: f32, radius: f32, steps: usize) -> Vec<Vec2> {
    let r = radius.min(width * 0.5).min(height * 0.5);
    let (x, y) = (width * 0.5 - r, height * 0.5 - r);
    let quarter = TAU * 0.25;
    [
        (x, -y, -quarter),
        (x, y, 0.0),
        (-x, y, quarter),
        (-x, -y, 2.0 * quarter),
    ]
    .into_iter()
    .flat_map(|(cx, cy, a)| {
        (0..=steps).map(move |k| {
            Vec2::new(cx, cy) + Vec2::from_angle(a + quarter * k as f32 / steps.max(1) as f32) * r
        })
    })
    .collect()
}

/// A superellipse about the origin: exponent 2 is an ellipse, 4 to 5 a squircle.
pub fn superellipse(width: f32, height: f32, exponent: f32, n: usize) -> Vec<Vec2> {
    (0..n)
        .map(|i| {
            let (s, c) = (TAU * i as f32 / n as f32).sin_cos();
            let e = 2.0 / exponent;
            Vec2::new(
                0.5 * width * c.signum() * c.abs().powf(e),
                0.5 * height * s.signum() * s.abs().powf(e),
            )
        })
        .collect()
}

/// A counter-clockwise outline drawn inwards by `d` (outwards when negative), corner by corner.
pub fn inset(outline: &[Vec2], d: f32) -> Vec<Vec2> {
    let n = outline.len();
    (0..n)
        .map(|i| {
            let (a, p, b) = (
                at(outline, (i + n - 1) % n),
                at(outline, i),
                at(outline, (i + 1) % n),
            );
            let (e0, e1) = (
                (p - a).normalize_or_zero().perp(),
                (b - p).normalize_or_zero().perp(),
            );
            let m = (e0 + e1).normalize_or_zero();
            p + m * (d / m.dot(e1).max(0.4))
        })
        .collect()
}

/// The cumulated length at each point of a polyline.
pub fn lengths(points: &[Vec3], closed: bool) -> Vec<f32> {
    let mut out = vec![0.0];
    let mut sum = 0.0;
    for pair in points.windows(2) {
        if let [a, b] = pair {
            sum += a.distance(*b);
            out.push(sum);
        }
    }
    if closed && let (Some(a), Some(b)) = (points.first(), points.last()) {
        out.push(sum + a.distance(*b));
    }
    out
}

/// A Catmull–Rom spline through points of any dimension, `per_span` pieces between two of them.
pub fn spline<T>(points: &[T], per_span: usize, closed: bool) -> Vec<T>
where
    T: Copy + Default + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let n = points.len();
    if n < 2 {
        return points.to_vec();
    }
    let pick = |i: isize| -> T {
        if closed {
            at(points, i.rem_euclid(n as isize) as usize)
        } else if i < 0 {
            at(points, 0) * 2.0 - at(points, 1)
        } else if i >= n as isize {
            at(points, n - 1) * 2.0 - at(points, n - 2)
        } else {
            at(points, i as usize)
        }
    };
    let spans = if closed { n } else { n - 1 };
    let mut out = Vec::with_capacity(spans * per_span + 1);
    for s in 0..spans as isize {
        let (a, b, c, d) = (pick(s - 1), pick(s), pick(s + 1), pick(s + 2));
        for k in 0..per_span {
            let t = k as f32 / per_span as f32;
            let (t2, t3) = (t * t, t * t * t);
            out.push(
                (b * 2.0
                    + (c - a) * t
                    + (a * 2.0 - b * 5.0 + c * 4.0 - d) * t2
                    + (b * 3.0 - a - c * 3.0 + d) * t3)
                    * 0.5,
            );
        }
    }
    if !closed {
        out.push(at(points, n - 1));
    }
    out
}

/// A closed or open polyline in space taken anew at `n` evenly spaced points.
pub fn resampled(points: &[Vec3], n: usize, closed: bool) -> Vec<Vec3> {
    let at_length = lengths(points, closed);
    let total = at_length.last().copied().unwrap_or_default();
    let count = points.len();
    let spans = if closed { n } else { n.saturating_sub(1) }.max(1);
    let mut k = 0;
    (0..n)
        .map(|i| {
            let want = total * i as f32 / spans as f32;
            while k + 2 < at_length.len() && at(&at_length, k + 1) < want {
                k += 1;
            }
            let (l0, l1) = (at(&at_length, k), at(&at_length, k + 1));
            let t = if l1 > l0 {
                ((want - l0) / (l1 - l0)).clamp(0.0, 1.0)
            } else {
                0.0
            };
            at(points, k % count.max(1)).lerp(at(points, (k + 1) % count.max(1)), t)
        })
        .collect()
}

/// The point at that length along an open polyline.
pub fn along(points: &[Vec3], length: f32) -> Vec3 {
    let mut left = length;
    for pair in points.windows(2) {
        let &[a, b] = pair else { continue };
        let d = a.distance(b);
        if left <= d {
            return a.lerp(b, (left / d.max(1.0e-9)).max(0.0));
        }
        left -= d;
    }
    points.last().copied().unwrap_or_default()
}

/// A polyline in the plane, at that height: y goes to −z, so that counter-clockwise stays so, seen from above.
pub fn lift(points: &[Vec2], height: f32) -> Vec<Vec3> {
    points.iter().map(|p| Vec3::new(p.x, height, -p.y)).collect()
}

/// Smooth rise from 0 at `a` to 1 at `b`.
pub fn ramp(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
