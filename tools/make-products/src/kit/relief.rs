//! Marks, letters and icons from distance functions: stamped, raised or engraved with clean edges at any size.

use std::f32::consts::{PI, TAU};

use glam::{Vec2, Vec3};

use super::mesh::Mesh;
use super::{at, curve::spline};

/// A flat figure: negative inside, the distance to the edge in metres.
pub struct Figure {
    strokes: Vec<(Vec2, Vec2)>,
    half: f32,
    low: Vec2,
    high: Vec2,
}

impl Figure {
    /// Polylines drawn with a round pen of that width.
    pub fn strokes(lines: &[Vec<Vec2>], width: f32) -> Self {
        let mut strokes = Vec::new();
        let (mut low, mut high) = (Vec2::splat(f32::MAX), Vec2::splat(f32::MIN));
        for line in lines {
            for pair in line.windows(2) {
                if let &[a, b] = pair {
                    strokes.push((a, b));
                    low = low.min(a).min(b);
                    high = high.max(a).max(b);
                }
            }
        }
        Self {
            strokes,
            half: width * 0.5,
            low: low - width,
            high: high + width,
        }
    }

    /// A line of capitals and figures, centred on the origin; `spacing` between letters and `pen` in metres.
    pub fn text(words: &str, height: f32, pen: f32, spacing: f32) -> Self {
        let mut lines = Vec::new();
        let mut x = 0.0;
        let rise = height - pen;
        for c in words.chars() {
            let (width, glyph) = letter(c);
            for line in glyph {
                lines.push(
                    line.into_iter()
                        .map(|p| Vec2::new(x + p.x * rise, (p.y - 0.5) * rise))
                        .collect::<Vec<_>>(),
                );
            }
            x += width * rise + spacing + pen;
        }
        let shift = Vec2::new((x - spacing - pen) * 0.5, 0.0);
        for p in lines.iter_mut().flatten() {
            *p -= shift;
        }
        Self::strokes(&lines, pen)
    }

    /// The house mark: an M whose middle is a meridian's arc.
    pub fn mark(height: f32, pen: f32) -> Self {
        let h = (height - pen) * 0.5;
        let w = h * 1.05;
        let dip = spline(
            &[
                Vec2::new(-w, h),
                Vec2::new(-w * 0.55, h * 0.12),
                Vec2::new(0.0, -h * 0.34),
                Vec2::new(w * 0.55, h * 0.12),
                Vec2::new(w, h),
            ],
            8,
            false,
        );
        let mut line = vec![Vec2::new(-w, -h)];
        line.extend(dip);
        line.push(Vec2::new(w, -h));
        Self::strokes(&[line], pen)
    }

    /// The distance to the edge; negative inside.
    pub fn distance(&self, p: Vec2) -> f32 {
        let mut best = f32::MAX;
        for &(a, b) in &self.strokes {
            let (d, q) = (b - a, p - a);
            let t = (q.dot(d) / d.length_squared().max(1.0e-16)).clamp(0.0, 1.0);
            best = best.min((q - d * t).length_squared());
        }
        best.sqrt() - self.half
    }

    /// The figure as a thin relief in the plane z = 0, facing +Z; see [`stamp`].
    pub fn stamp(&self, cell: f32, edge: f32, rise: f32) -> Mesh {
        stamp(|p| self.distance(p), self.low, self.high, cell, edge, rise)
    }
}

/// Any distance function made a thin relief within a rectangle, facing +Z.
///
/// `cell` is the grid's width (a third of the pen's is fine enough), `edge` the width of its rounded edge. With a `rise`
/// above 0 the figure stands out that far; below 0 it lies on the surface, yet its edge is lit as if it sank in that far:
/// engraved without cutting a hole. Lay it on a surface with [`Mesh::wrapped`].
pub fn stamp(distance: impl Fn(Vec2) -> f32, low: Vec2, high: Vec2, cell: f32, edge: f32, rise: f32) -> Mesh {
    let columns = ((high.x - low.x) / cell).ceil().max(1.0) as usize;
    let rows = ((high.y - low.y) / cell).ceil().max(1.0) as usize;
    let point = |i: usize, j: usize| low + Vec2::new(i as f32, j as f32) * cell;
    let field: Vec<f32> = (0..=rows)
        .flat_map(|j| (0..=columns).map(move |i| (i, j)))
        .map(|(i, j)| distance(point(i, j)))
        .collect();
    let value = |i: usize, j: usize| at(&field, j * (columns + 1) + i);
    let mut mesh = Mesh::new();
    let lay = |p: Vec2, d: f32, flat: bool, mesh: &mut Mesh| -> u32 {
        // A quarter round of width `edge` and height `rise`, then the flat.
        let s = if flat {
            0.0
        } else {
            (1.0 + d / edge).clamp(0.0, 0.98)
        };
        let z = if rise <= 0.0 || d > -edge * 0.02 {
            0.0
        } else {
            rise * (1.0 - s * s).sqrt()
        };
        let slope = (s / (1.0 - s * s).sqrt()).min(2.5) * rise / edge;
        let e = cell * 0.05;
        let g = Vec2::new(
            distance(p + Vec2::X * e) - distance(p - Vec2::X * e),
            distance(p + Vec2::Y * e) - distance(p - Vec2::Y * e),
        )
        .normalize_or_zero();
        let index = mesh.vertex(p.extend(z), p);
        if let Some(v) = mesh.vertices.get_mut(index as usize) {
            v.normal = Vec3::new(g.x * slope, g.y * slope, 1.0).normalize();
        }
        index
    };
    for j in 0..rows {
        for i in 0..columns {
            let corners: Vec<(Vec2, f32)> = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
                .into_iter()
                .map(|(i, j)| (point(i, j), value(i, j)))
                .collect();
            if corners.iter().all(|(_, d)| *d > 0.0) {
                continue;
            }
            let inside = clip(&corners, |d| d);
            for (shape, flat) in [
                (clip(&inside, |d| -edge - d), false),
                (clip(&inside, |d| d + edge), true),
            ] {
                let index: Vec<u32> = shape
                    .into_iter()
                    .map(|(p, d)| lay(p, d, flat, &mut mesh))
                    .collect();
                if let &[a, b, c, d] = index.as_slice() {
                    mesh.quad(a, b, c, d);
                } else if let Some((&first, rest)) = index.split_first() {
                    for pair in rest.windows(2) {
                        if let &[b, c] = pair {
                            mesh.triangle(first, b, c);
                        }
                    }
                }
            }
        }
    }
    mesh.welded(false)
}

/// The part of a polygon where `side` of the value that goes with each corner isn't above 0.
fn clip(shape: &[(Vec2, f32)], side: impl Fn(f32) -> f32) -> Vec<(Vec2, f32)> {
    let mut out = Vec::new();
    for (k, &(a, da)) in shape.iter().enumerate() {
        let (b, db) = at(shape, (k + 1) % shape.len());
        let (sa, sb) = (side(da), side(db));
        if sa <= 0.0 {
            out.push((a, da));
        }
        if (sa < 0.0 && sb > 0.0) || (sa > 0.0 && sb < 0.0) {
            let t = sa / (sa - sb);
            out.push((a.lerp(b, t), da + (db - da) * t));
        }
    }
    out
}

fn arc(cx: f32, cy: f32, rx: f32, ry: f32, from: f32, to: f32) -> Vec<Vec2> {
    let n = 20;
    (0..=n)
        .map(|i| {
            let a = (from + (to - from) * i as f32 / n as f32) / 360.0 * TAU;
            Vec2::new(cx + rx * a.cos(), cy + ry * a.sin())
        })
        .collect()
}

fn line(points: &[(f32, f32)]) -> Vec<Vec2> {
    points.iter().map(|&(x, y)| Vec2::new(x, y)).collect()
}

/// A letter's width and pen strokes, one unit high.
#[expect(clippy::too_many_lines, reason = "an alphabet")]
fn letter(c: char) -> (f32, Vec<Vec<Vec2>>) {
    let o = |w: f32| arc(w * 0.5, 0.5, w * 0.5, 0.5, 90.0, 450.0);
    match c {
        'A' => (
            0.8,
            vec![
                line(&[(0.0, 0.0), (0.4, 1.0), (0.8, 0.0)]),
                line(&[(0.14, 0.34), (0.66, 0.34)]),
            ],
        ),
        'B' => {
            let mut top = line(&[(0.0, 0.53), (0.0, 1.0), (0.3, 1.0)]);
            top.extend(arc(0.3, 0.765, 0.22, 0.235, 90.0, -90.0));
            top.push(Vec2::new(0.0, 0.53));
            let mut low = line(&[(0.0, 0.53), (0.3, 0.53)]);
            low.extend(arc(0.32, 0.265, 0.26, 0.265, 90.0, -90.0));
            low.extend(line(&[(0.0, 0.0), (0.0, 0.53)]));
            (0.58, vec![top, low])
        }
        'C' => (0.82, vec![arc(0.5, 0.5, 0.5, 0.5, 48.0, 312.0)]),
        'D' => {
            let mut d = line(&[(0.0, 0.0), (0.0, 1.0), (0.26, 1.0)]);
            d.extend(arc(0.26, 0.5, 0.5, 0.5, 90.0, -90.0));
            d.push(Vec2::ZERO);
            (0.76, vec![d])
        }
        'E' => (
            0.54,
            vec![
                line(&[(0.54, 1.0), (0.0, 1.0), (0.0, 0.0), (0.54, 0.0)]),
                line(&[(0.0, 0.52), (0.48, 0.52)]),
            ],
        ),
        'F' => (
            0.52,
            vec![
                line(&[(0.52, 1.0), (0.0, 1.0), (0.0, 0.0)]),
                line(&[(0.0, 0.5), (0.45, 0.5)]),
            ],
        ),
        'G' => {
            let mut g = arc(0.5, 0.5, 0.5, 0.5, 46.0, 350.0);
            g.extend(line(&[(1.0, 0.48), (0.6, 0.48)]));
            (0.98, vec![g])
        }
        'H' => (
            0.7,
            vec![
                line(&[(0.0, 0.0), (0.0, 1.0)]),
                line(&[(0.7, 0.0), (0.7, 1.0)]),
                line(&[(0.0, 0.52), (0.7, 0.52)]),
            ],
        ),
        'I' => (0.0, vec![line(&[(0.0, 0.0), (0.0, 1.0)])]),
        'J' => {
            let mut j = line(&[(0.4, 1.0), (0.4, 0.24)]);
            j.extend(arc(0.2, 0.22, 0.2, 0.22, 0.0, -170.0));
            (0.4, vec![j])
        }
        'K' => (
            0.62,
            vec![
                line(&[(0.0, 0.0), (0.0, 1.0)]),
                line(&[(0.58, 1.0), (0.0, 0.45)]),
                line(&[(0.2, 0.64), (0.62, 0.0)]),
            ],
        ),
        'L' => (0.5, vec![line(&[(0.0, 1.0), (0.0, 0.0), (0.5, 0.0)])]),
        'M' => (
            0.92,
            vec![line(&[
                (0.0, 0.0),
                (0.08, 1.0),
                (0.46, 0.22),
                (0.84, 1.0),
                (0.92, 0.0),
            ])],
        ),
        'N' => (
            0.72,
            vec![line(&[(0.0, 0.0), (0.0, 1.0), (0.72, 0.0), (0.72, 1.0)])],
        ),
        'O' => (1.0, vec![o(1.0)]),
        'P' | 'R' => {
            let mut p = line(&[(0.0, 0.0), (0.0, 1.0), (0.28, 1.0)]);
            p.extend(arc(0.28, 0.735, 0.265, 0.265, 90.0, -90.0));
            p.push(Vec2::new(0.0, 0.47));
            let mut all = vec![p];
            if c == 'R' {
                all.push(line(&[(0.26, 0.47), (0.56, 0.0)]));
            }
            (0.55, all)
        }
        'Q' => (1.0, vec![o(1.0), line(&[(0.62, 0.26), (0.96, -0.04)])]),
        'S' => {
            let mut s = arc(0.28, 0.755, 0.25, 0.245, 35.0, 215.0);
            s.extend(arc(0.28, 0.255, 0.28, 0.255, 60.0, -150.0));
            (0.56, vec![s])
        }
        'T' => (
            0.62,
            vec![
                line(&[(0.0, 1.0), (0.62, 1.0)]),
                line(&[(0.31, 1.0), (0.31, 0.0)]),
            ],
        ),
        'U' => {
            let mut u = line(&[(0.0, 1.0), (0.0, 0.34)]);
            u.extend(arc(0.34, 0.34, 0.34, 0.34, 180.0, 360.0));
            u.push(Vec2::new(0.68, 1.0));
            (0.68, vec![u])
        }
        'V' => (0.78, vec![line(&[(0.0, 1.0), (0.39, 0.0), (0.78, 1.0)])]),
        'W' => (
            1.1,
            vec![line(&[
                (0.0, 1.0),
                (0.28, 0.0),
                (0.55, 0.9),
                (0.82, 0.0),
                (1.1, 1.0),
            ])],
        ),
        'X' => (
            0.7,
            vec![line(&[(0.0, 0.0), (0.7, 1.0)]), line(&[(0.0, 1.0), (0.7, 0.0)])],
        ),
        'Y' => (
            0.72,
            vec![
                line(&[(0.0, 1.0), (0.36, 0.48), (0.72, 1.0)]),
                line(&[(0.36, 0.48), (0.36, 0.0)]),
            ],
        ),
        'Z' => (
            0.64,
            vec![line(&[(0.0, 1.0), (0.64, 1.0), (0.0, 0.0), (0.64, 0.0)])],
        ),
        '0' => (0.6, vec![o(0.6)]),
        '1' => (0.25, vec![line(&[(0.0, 0.82), (0.25, 1.0), (0.25, 0.0)])]),
        '2' => {
            let mut two = arc(0.27, 0.73, 0.27, 0.27, 165.0, -35.0);
            two.extend(line(&[(0.0, 0.0), (0.56, 0.0)]));
            (0.56, vec![two])
        }
        '3' => {
            let mut three = arc(0.26, 0.76, 0.23, 0.24, 150.0, -90.0);
            three.extend(arc(0.26, 0.26, 0.27, 0.26, 90.0, -150.0));
            (0.53, vec![three])
        }
        '4' => (
            0.62,
            vec![line(&[(0.46, 0.0), (0.46, 1.0), (0.0, 0.28), (0.62, 0.28)])],
        ),
        '5' => {
            let mut five = line(&[(0.5, 1.0), (0.1, 1.0), (0.05, 0.55)]);
            five.extend(arc(0.25, 0.31, 0.29, 0.31, 125.0, -140.0));
            (0.54, vec![five])
        }
        '6' => (
            0.56,
            vec![
                arc(0.28, 0.3, 0.28, 0.3, 0.0, 360.0),
                line(&[(0.02, 0.4), (0.38, 1.0)]),
            ],
        ),
        '7' => (0.56, vec![line(&[(0.0, 1.0), (0.56, 1.0), (0.16, 0.0)])]),
        '8' => (
            0.56,
            vec![
                arc(0.28, 0.76, 0.23, 0.24, 0.0, 360.0),
                arc(0.28, 0.26, 0.28, 0.26, 0.0, 360.0),
            ],
        ),
        '9' => (
            0.56,
            vec![
                arc(0.28, 0.7, 0.28, 0.3, 0.0, 360.0),
                line(&[(0.54, 0.6), (0.18, 0.0)]),
            ],
        ),
        '.' => (0.0, vec![line(&[(0.0, 0.0), (0.0, 0.001)])]),
        '-' => (0.32, vec![line(&[(0.0, 0.45), (0.32, 0.45)])]),
        '+' => (
            0.5,
            vec![
                line(&[(0.0, 0.45), (0.5, 0.45)]),
                line(&[(0.25, 0.2), (0.25, 0.7)]),
            ],
        ),
        '°' => (0.24, vec![arc(0.12, 0.88, 0.12, 0.12, 0.0, 360.0)]),
        _ => (0.35, vec![]),
    }
}

/// An angle from 0 to a full turn at which `n` equal things stand round a circle.
pub fn around(i: usize, n: usize) -> f32 {
    2.0 * PI * i as f32 / n.max(1) as f32
}
