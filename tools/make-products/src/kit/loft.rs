//! Sculpted skins: tables read smoothly, grids of points with normals of their own, tapes with a chosen side up.

use std::ops::{Add, Mul, Range, Sub};

use glam::{Quat, Vec2, Vec3};

use super::at;
use super::mesh::{Mesh, Vertex};

/// A table of rising keys read smoothly: the curve passes every entry and stays level outside.
pub fn table<T>(entries: &[(f32, T)], x: f32) -> T
where
    T: Copy + Default + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let n = entries.len();
    if n == 0 {
        return T::default();
    }
    let (first, last) = (at(entries, 0), at(entries, n - 1));
    if x <= first.0 || n == 1 {
        return first.1;
    }
    if x >= last.0 {
        return last.1;
    }
    let k = entries
        .windows(2)
        .position(|w| matches!(w, &[(a, _), (b, _)] if x >= a && x < b))
        .unwrap_or(0);
    let (b, c) = (at(entries, k), at(entries, k + 1));
    let slope = |i: usize, end: bool| -> T {
        if end {
            return T::default();
        }
        let (p, q, r) = (at(entries, i - 1), at(entries, i), at(entries, i + 1));
        // The two chords, each weighed by the other's length.
        let (l, m) = (q.0 - p.0, r.0 - q.0);
        (q.1 - p.1) * (m / (l * (l + m))) + (r.1 - q.1) * (l / (m * (l + m)))
    };
    let (sb, sc) = (slope(k, k == 0), slope(k + 1, k + 2 == n));
    hermite(b, c, sb, sc, x)
}

/// As [`table`], for keys that go round: what follows `period` is what follows 0.
pub fn table_round<T>(entries: &[(f32, T)], period: f32, x: f32) -> T
where
    T: Copy + Default + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let n = entries.len() as isize;
    if n == 0 {
        return T::default();
    }
    let pick = |i: isize| -> (f32, T) {
        let (k, v) = at(entries, i.rem_euclid(n) as usize);
        (k + period * i.div_euclid(n) as f32, v)
    };
    let mut x = x.rem_euclid(period);
    if x < pick(0).0 {
        x += period;
    }
    let k = (0..n).rev().find(|i| x >= pick(*i).0).unwrap_or(0);
    let slope = |i: isize| -> T {
        let (p, q, r) = (pick(i - 1), pick(i), pick(i + 1));
        let (l, m) = (q.0 - p.0, r.0 - q.0);
        (q.1 - p.1) * (m / (l * (l + m))) + (r.1 - q.1) * (l / (m * (l + m)))
    };
    hermite(pick(k), pick(k + 1), slope(k), slope(k + 1), x)
}

fn hermite<T>(b: (f32, T), c: (f32, T), sb: T, sc: T, x: f32) -> T
where
    T: Copy + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>,
{
    let h = c.0 - b.0;
    let t = ((x - b.0) / h).clamp(0.0, 1.0);
    let (t2, t3) = (t * t, t * t * t);
    b.1 * (2.0 * t3 - 3.0 * t2 + 1.0)
        + sb * (h * (t3 - 2.0 * t2 + t))
        + c.1 * (3.0 * t2 - 2.0 * t3)
        + sc * (h * (t3 - t2))
}

/// A skin of columns and rows; it faces where columns × rows points. Normals come from the whole grid, so that pieces cut
/// out of it meet without a seam.
#[derive(Clone, Debug)]
pub struct Grid {
    columns: usize,
    rows: usize,
    vertices: Vec<Vertex>,
}

impl Grid {
    /// `f(column, row)` says position and texture coordinates for columns 0 to `columns` and rows 0 to `rows`, both
    /// included; when `round`, the last column lies on the first.
    pub fn new(columns: usize, rows: usize, round: bool, f: impl Fn(usize, usize) -> (Vec3, Vec2)) -> Self {
        let mut vertices: Vec<Vertex> = (0..=rows)
            .flat_map(|j| (0..=columns).map(move |i| (i, j)))
            .map(|(i, j)| {
                let (position, uv) = f(i, j);
                Vertex {
                    position,
                    uv,
                    occlusion: 1.0,
                    ..Vertex::default()
                }
            })
            .collect();
        let pick = |i: usize, j: usize| at(&vertices, j * (columns + 1) + i).position;
        let normals: Vec<Vec3> = (0..=rows)
            .flat_map(|j| (0..=columns).map(move |i| (i, j)))
            .map(|(i, j)| {
                let (before, after) = if round {
                    (
                        if i == 0 { columns - 1 } else { i - 1 },
                        if i == columns { 1 } else { i + 1 },
                    )
                } else {
                    (i.saturating_sub(1), (i + 1).min(columns))
                };
                let mut normal = Vec3::ZERO;
                // Where a row has shrunk to a point, its neighbours say where it faces.
                for reach in 1..4_usize {
                    let (j0, j1) = (j.saturating_sub(reach), (j + reach).min(rows));
                    let across = [j0, j, j1]
                        .into_iter()
                        .map(|j| pick(after, j) - pick(before, j))
                        .fold(Vec3::ZERO, |a, b| if a.length() > 1.0e-6 { a } else { a + b });
                    let own = pick(after, j) - pick(before, j);
                    let across = if own.length() > 1.0e-6 { own } else { across };
                    normal = across.cross(pick(i, j1) - pick(i, j0)).normalize_or_zero();
                    if normal != Vec3::ZERO {
                        break;
                    }
                }
                if normal == Vec3::ZERO { Vec3::Y } else { normal }
            })
            .collect();
        for (v, n) in vertices.iter_mut().zip(normals) {
            v.normal = n;
        }
        Self {
            columns,
            rows,
            vertices,
        }
    }

    /// All of it.
    pub fn mesh(&self) -> Mesh {
        self.cut(0..self.columns, 0..self.rows)
    }

    /// Some rows of it.
    pub fn rows(&self, rows: Range<usize>) -> Mesh {
        self.cut(0..self.columns, rows)
    }

    /// Some columns and rows of it.
    pub fn cut(&self, columns: Range<usize>, rows: Range<usize>) -> Mesh {
        let mut mesh = Mesh {
            vertices: self.vertices.clone(),
            triangles: Vec::new(),
        };
        let index = |i: usize, j: usize| (j * (self.columns + 1) + i) as u32;
        for j in rows {
            for i in columns.clone() {
                mesh.quad(index(i, j), index(i + 1, j), index(i + 1, j + 1), index(i, j + 1));
            }
        }
        mesh.welded(false)
    }
}

/// A flat band along a curve: at each point `sides` says which way its broad face looks, `section(t)` its outline there
/// (x across, y out of the broad face), for t from 0 to 1. Texture coordinates run along the band in v.
pub fn tape(points: &[Vec3], sides: &[Vec3], section: impl Fn(f32) -> Vec<Vec2>, closed_ends: bool) -> Mesh {
    let n = points.len();
    if n < 2 {
        return Mesh::new();
    }
    let mut run = vec![0.0_f32];
    for w in points.windows(2) {
        if let &[a, b] = w {
            run.push(run.last().copied().unwrap_or_default() + a.distance(b));
        }
    }
    let total = run.last().copied().unwrap_or(1.0).max(1.0e-9);
    let rings: Vec<Vec<Vec3>> = (0..n)
        .map(|i| {
            let along =
                (at(points, (i + 1).min(n - 1)) - at(points, i.saturating_sub(1))).normalize_or(Vec3::Z);
            let side = at(sides, i.min(sides.len().saturating_sub(1)));
            let across = side.cross(along).normalize_or(Vec3::X);
            let up = along.cross(across);
            section(at(&run, i) / total)
                .into_iter()
                .map(|s| at(points, i) + across * s.x + up * s.y)
                .collect()
        })
        .collect();
    let sides = rings.first().map_or(0, Vec::len);
    if sides < 3 {
        return Mesh::new();
    }
    let width: Vec<f32> = {
        let ring = at_ring(&rings, n / 2);
        let mut sum = 0.0;
        let mut out = vec![0.0];
        for k in 0..sides {
            sum += at(&ring, k).distance(at(&ring, (k + 1) % sides));
            out.push(sum);
        }
        out
    };
    let grid = Grid::new(sides, n - 1, true, |i, j| {
        let ring = rings.get(j).map(Vec::as_slice).unwrap_or_default();
        (at(ring, i % sides), Vec2::new(at(&width, i), at(&run, j)))
    });
    let mut mesh = grid.mesh();
    if closed_ends {
        for (ring, start) in [(rings.first(), true), (rings.last(), false)] {
            let Some(ring) = ring else { continue };
            let middle = ring.iter().copied().sum::<Vec3>() / sides as f32;
            let mut cap = Mesh::new();
            let centre = cap.vertex(middle, Vec2::ZERO);
            let rim: Vec<u32> = ring
                .iter()
                .map(|p| cap.vertex(*p, Vec2::new(p.distance(middle), 0.0)))
                .collect();
            for k in 0..sides {
                cap.triangle(centre, at(&rim, k), at(&rim, (k + 1) % sides));
            }
            let cap = cap.smooth(super::CREASE);
            mesh.merge(&if start { cap.flipped() } else { cap });
        }
    }
    mesh
}

fn at_ring(rings: &[Vec<Vec3>], i: usize) -> Vec<Vec3> {
    rings.get(i).cloned().unwrap_or_default()
}

/// The section of a woven band: an oval `width` × `height` of `n` corners, flatter than an ellipse.
pub fn flat_oval(width: f32, height: f32, n: usize) -> Vec<Vec2> {
    super::superellipse(width, height, 2.8, n)
}

/// The turn whose z is `normal` and whose x lies as near to `along` as it can.
pub fn facing(along: Vec3, normal: Vec3) -> Quat {
    let z = normal.normalize_or(Vec3::Z);
    let x = (along - z * along.dot(z)).normalize_or(z.any_orthonormal_vector());
    Quat::from_mat3(&glam::Mat3::from_cols(x, z.cross(x), z))
}
