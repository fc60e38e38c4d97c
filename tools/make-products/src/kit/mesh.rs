//! Triangles with positions, normals, texture coordinates, tangents and baked occlusion.

use std::collections::HashMap;

use bevy_mikktspace::{Geometry, TangentSpace, generate_tangents};
use glam::{Mat4, Quat, Vec2, Vec3, Vec4};

use super::at;

/// One corner of a mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vertex {
    /// Metres.
    pub position: Vec3,
    /// Unit length once [`Mesh::smooth`] has run.
    pub normal: Vec3,
    /// Metres along the surface, v upwards, so that detail maps keep their scale.
    pub uv: Vec2,
    /// Along growing u; w is the side the bitangent stands on.
    pub tangent: Vec4,
    /// 1 is open sky, 0 is wholly shut in.
    pub occlusion: f32,
}

/// An indexed triangle list; counter-clockwise is the front.
#[derive(Clone, Debug, Default)]
pub struct Mesh {
    /// The corners.
    pub vertices: Vec<Vertex>,
    /// Three corners each.
    pub triangles: Vec<[u32; 3]>,
}

/// A position to the micrometre, so that seams find each other.
pub fn key(p: Vec3) -> [i64; 3] {
    let k = |v: f32| (f64::from(v) * 1.0e6).round() as i64;
    [k(p.x), k(p.y), k(p.z)]
}

fn bits(v: &Vertex, tangent: bool) -> [i32; 12] {
    // Normals, texture coordinates and tangents to the nearest 1/8192: finer than anyone sees.
    let q = |x: f32| (x * 8192.0).round() as i32;
    let m = |x: f32| (x * 1.0e6).round() as i32;
    let t = if tangent { v.tangent } else { Vec4::ZERO };
    [
        m(v.position.x),
        m(v.position.y),
        m(v.position.z),
        q(v.normal.x),
        q(v.normal.y),
        q(v.normal.z),
        m(v.uv.x),
        m(v.uv.y),
        q(t.x),
        q(t.y),
        q(t.z),
        q(t.w),
    ]
}

impl Mesh {
    /// An empty mesh.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a corner and says its index.
    pub fn vertex(&mut self, position: Vec3, uv: Vec2) -> u32 {
        let index = self.vertices.len() as u32;
        self.vertices.push(Vertex {
            position,
            uv,
            occlusion: 1.0,
            ..Vertex::default()
        });
        index
    }

    /// Adds a triangle, counter-clockwise seen from the front.
    pub fn triangle(&mut self, a: u32, b: u32, c: u32) {
        self.triangles.push([a, b, c]);
    }

    /// Adds a quadrilateral, counter-clockwise, split along its shorter diagonal.
    pub fn quad(&mut self, a: u32, b: u32, c: u32, d: u32) {
        let p = |i| self.at(i).position;
        if p(a).distance_squared(p(c)) <= p(b).distance_squared(p(d)) * 1.0001 {
            self.triangles.extend([[a, b, c], [a, c, d]]);
        } else {
            self.triangles.extend([[a, b, d], [b, c, d]]);
        }
    }

    /// The corner of that index.
    pub fn at(&self, index: u32) -> Vertex {
        at(&self.vertices, index as usize)
    }

    /// A triangle's three positions.
    pub fn corners(&self, t: [u32; 3]) -> [Vec3; 3] {
        t.map(|i| self.at(i).position)
    }

    /// Takes another mesh in.
    pub fn merge(&mut self, other: &Mesh) {
        let base = self.vertices.len() as u32;
        self.vertices.extend_from_slice(&other.vertices);
        self.triangles
            .extend(other.triangles.iter().map(|t| t.map(|i| i + base)));
    }

    /// This mesh and another as one.
    #[must_use]
    pub fn with(mut self, other: &Mesh) -> Self {
        self.merge(other);
        self
    }

    /// Every corner changed by `f`.
    #[must_use]
    pub fn map(mut self, f: impl Fn(Vertex) -> Vertex) -> Self {
        for v in &mut self.vertices {
            *v = f(*v);
        }
        self
    }

    /// Every position changed by `f`; run [`Mesh::smooth`] afterwards.
    #[must_use]
    pub fn bend(self, f: impl Fn(Vec3) -> Vec3) -> Self {
        self.map(|v| Vertex {
            position: f(v.position),
            ..v
        })
    }

    /// Moved by an affine matrix, normals with it; a mirror turns the triangles round.
    #[must_use]
    pub fn transformed(self, m: Mat4) -> Self {
        let normals = m.inverse().transpose();
        let mirrored = m.determinant() < 0.0;
        let mut mesh = self.map(|v| Vertex {
            position: m.transform_point3(v.position),
            normal: normals.transform_vector3(v.normal).normalize_or_zero(),
            ..v
        });
        if mirrored {
            for t in &mut mesh.triangles {
                t.swap(1, 2);
            }
        }
        mesh
    }

    /// Shifted.
    #[must_use]
    pub fn moved(self, x: f32, y: f32, z: f32) -> Self {
        self.transformed(Mat4::from_translation(Vec3::new(x, y, z)))
    }

    /// Turned about the origin.
    #[must_use]
    pub fn turned(self, q: Quat) -> Self {
        self.transformed(Mat4::from_quat(q))
    }

    /// Scaled about the origin; texture coordinates stay.
    #[must_use]
    pub fn scaled(self, x: f32, y: f32, z: f32) -> Self {
        self.transformed(Mat4::from_scale(Vec3::new(x, y, z)))
    }

    /// The image in the plane x = 0.
    #[must_use]
    pub fn mirrored(self) -> Self {
        self.scaled(-1.0, 1.0, 1.0)
    }

    /// Inside out.
    #[must_use]
    pub fn flipped(mut self) -> Self {
        for t in &mut self.triangles {
            t.swap(1, 2);
        }
        self.map(|v| Vertex {
            normal: -v.normal,
            ..v
        })
    }

    /// Normals by face area and corner angle; edges sharper than `crease` degrees stay hard.
    ///
    /// Large faces win over the narrow faces of a bevel, so flats stay flat and the bevel carries the turn.
    #[must_use]
    pub fn smooth(self, crease: f32) -> Self {
        struct Corner {
            normal: Vec3,
            weighted: Vec3,
        }
        let limit = crease.to_radians().cos();
        let mut around: HashMap<[i64; 3], Vec<Corner>> = HashMap::new();
        let mut faces = Vec::with_capacity(self.triangles.len());
        for t in &self.triangles {
            let [a, b, c] = self.corners(*t);
            let cross = (b - a).cross(c - a);
            let [ka, kb, kc] = [a, b, c].map(key);
            if ka == kb || kb == kc || kc == ka {
                continue;
            }
            // A sliver stays, so that no crack opens, but says nothing about normals.
            let normal = if cross.length() < 2.0e-13 {
                Vec3::ZERO
            } else {
                cross.normalize()
            };
            faces.push((*t, normal));
            for (p, q, r) in [(a, b, c), (b, c, a), (c, a, b)] {
                let angle = (q - p)
                    .normalize_or_zero()
                    .dot((r - p).normalize_or_zero())
                    .clamp(-1.0, 1.0)
                    .acos();
                around.entry(key(p)).or_default().push(Corner {
                    normal,
                    weighted: cross * angle,
                });
            }
        }
        let mut out = Mesh::new();
        for (t, normal) in faces {
            let t = t.map(|i| {
                let mut v = self.at(i);
                let mut sum = Vec3::ZERO;
                for c in around
                    .get(&key(v.position))
                    .map(Vec::as_slice)
                    .unwrap_or_default()
                {
                    if normal == Vec3::ZERO || c.normal.dot(normal) >= limit {
                        sum += c.weighted;
                    }
                }
                v.normal = sum
                    .try_normalize()
                    .unwrap_or(if normal == Vec3::ZERO { Vec3::Y } else { normal });
                out.vertices.push(v);
                out.vertices.len() as u32 - 1
            });
            out.triangles.push(t);
        }
        out.welded(false)
    }

    /// Equal corners made one; triangles without an area dropped.
    #[must_use]
    pub fn welded(self, tangents: bool) -> Self {
        let mut seen: HashMap<[i32; 12], u32> = HashMap::with_capacity(self.vertices.len());
        let mut out = Mesh::new();
        let index: Vec<u32> = self
            .vertices
            .iter()
            .map(|v| {
                *seen.entry(bits(v, tangents)).or_insert_with(|| {
                    out.vertices.push(*v);
                    out.vertices.len() as u32 - 1
                })
            })
            .collect();
        let mut used = Vec::with_capacity(self.triangles.len());
        for t in &self.triangles {
            let t = t.map(|i| at(&index, i as usize));
            if t[0] != t[1] && t[1] != t[2] && t[2] != t[0] {
                used.push(t);
            }
        }
        out.triangles = used;
        out.compact()
    }

    /// Parted in two: the triangles whose middle `first` picks, and the rest. Normals stay, so no seam shows.
    pub fn split(self, first: impl Fn(Vec3) -> bool) -> (Mesh, Mesh) {
        self.split_facing(|middle, _| first(middle))
    }

    /// Parted in two by the triangles' middles and the ways that they face.
    pub fn split_facing(self, first: impl Fn(Vec3, Vec3) -> bool) -> (Mesh, Mesh) {
        let (mut a, mut b) = (self.clone(), self);
        let all = std::mem::take(&mut a.triangles);
        b.triangles.clear();
        for t in all {
            let [p, q, r] = b.corners(t);
            if first((p + q + r) / 3.0, (q - p).cross(r - p).normalize_or_zero()) {
                a.triangles.push(t);
            } else {
                b.triangles.push(t);
            }
        }
        (a.compact(), b.compact())
    }

    /// Corners that no triangle names dropped.
    #[must_use]
    pub fn compact(self) -> Self {
        let mut new = vec![u32::MAX; self.vertices.len()];
        let mut out = Mesh::new();
        for t in &self.triangles {
            let t = t.map(|i| match new.get_mut(i as usize) {
                Some(n) => {
                    if *n == u32::MAX {
                        *n = out.vertices.len() as u32;
                        out.vertices.push(self.at(i));
                    }
                    *n
                }
                None => 0,
            });
            out.triangles.push(t);
        }
        out
    }

    /// Long edges halved until none is longer than `edge` metres; neighbours agree, so no cracks open.
    #[must_use]
    pub fn refined(mut self, edge: f32) -> Self {
        for _ in 0..10 {
            let mut middles: HashMap<(u32, u32), u32> = HashMap::new();
            let old = std::mem::take(&mut self.triangles);
            let mut split = false;
            for t in old {
                let mut middle = |mesh: &mut Mesh, a: u32, b: u32| -> Option<u32> {
                    let (p, q) = (mesh.at(a), mesh.at(b));
                    if p.position.distance(q.position) <= edge {
                        return None;
                    }
                    Some(*middles.entry((a.min(b), a.max(b))).or_insert_with(|| {
                        mesh.vertices.push(Vertex {
                            position: (p.position + q.position) * 0.5,
                            normal: (p.normal + q.normal).normalize_or_zero(),
                            uv: (p.uv + q.uv) * 0.5,
                            tangent: p.tangent,
                            occlusion: (p.occlusion + q.occlusion) * 0.5,
                        });
                        mesh.vertices.len() as u32 - 1
                    }))
                };
                let [a, b, c] = t;
                let m = [
                    middle(&mut self, a, b),
                    middle(&mut self, b, c),
                    middle(&mut self, c, a),
                ];
                split |= m.iter().any(Option::is_some);
                match m {
                    [None, None, None] => self.triangle(a, b, c),
                    [Some(x), None, None] => self.triangles.extend([[a, x, c], [x, b, c]]),
                    [None, Some(x), None] => self.triangles.extend([[a, b, x], [a, x, c]]),
                    [None, None, Some(x)] => self.triangles.extend([[a, b, x], [x, b, c]]),
                    [Some(x), Some(y), None] => {
                        self.triangle(x, b, y);
                        self.quad(a, x, y, c);
                    }
                    [None, Some(y), Some(z)] => {
                        self.triangle(y, c, z);
                        self.quad(a, b, y, z);
                    }
                    [Some(x), None, Some(z)] => {
                        self.triangle(a, x, z);
                        self.quad(x, b, c, z);
                    }
                    [Some(x), Some(y), Some(z)] => {
                        self.triangles
                            .extend([[a, x, z], [x, b, y], [y, c, z], [x, y, z]]);
                    }
                }
            }
            if !split {
                break;
            }
        }
        self
    }

    /// Texture coordinates straight down an axis (0 = x, 1 = y, 2 = z), in metres.
    #[must_use]
    pub fn uv_planar(self, axis: usize) -> Self {
        self.map(|v| {
            let p = v.position;
            let uv = match axis {
                0 => Vec2::new(-p.z, p.y),
                1 => Vec2::new(p.x, -p.z),
                _ => Vec2::new(p.x, p.y),
            };
            Vertex { uv, ..v }
        })
    }

    /// Texture coordinates in metres, each face down the axis that it faces most.
    #[must_use]
    pub fn uv_box(self) -> Self {
        let mut out = Mesh::new();
        for t in &self.triangles {
            let [a, b, c] = self.corners(*t);
            let n = (b - a).cross(c - a);
            let (x, y, z) = (n.x.abs(), n.y.abs(), n.z.abs());
            let t = t.map(|i| {
                let mut v = self.at(i);
                let p = v.position;
                v.uv = if y >= x && y >= z {
                    Vec2::new(p.x, -p.z * n.y.signum())
                } else if x >= z {
                    Vec2::new(-p.z * n.x.signum(), p.y)
                } else {
                    Vec2::new(p.x * n.z.signum(), p.y)
                };
                out.vertices.push(v);
                out.vertices.len() as u32 - 1
            });
            out.triangles.push(t);
        }
        out.welded(false)
    }

    /// Laid on a surface: what lies in the plane z = 0 at (x, y) goes to the point and turn that `f` says; z stands
    /// out along the turned z axis.
    #[must_use]
    pub fn wrapped(self, f: impl Fn(Vec2) -> (Vec3, Quat)) -> Self {
        self.map(|v| {
            let (origin, turn) = f(v.position.truncate());
            Vertex {
                position: origin + turn * Vec3::new(0.0, 0.0, v.position.z),
                normal: turn * v.normal,
                ..v
            }
        })
    }

    /// Laid round an upright cylinder; x = 0 goes to the front (+Z).
    #[must_use]
    pub fn wrapped_cylinder(self, radius: f32) -> Self {
        self.wrapped(|p| {
            let a = p.x / radius;
            (
                Vec3::new(radius * a.sin(), p.y, radius * a.cos()),
                Quat::from_rotation_y(a),
            )
        })
    }

    /// The smallest and greatest corner.
    #[cfg(test)]
    pub fn bounds(&self) -> (Vec3, Vec3) {
        self.vertices
            .iter()
            .fold((Vec3::splat(f32::MAX), Vec3::splat(f32::MIN)), |(lo, hi), v| {
                (lo.min(v.position), hi.max(v.position))
            })
    }

    /// How many edges have another count than two triangles; 0 is a closed surface.
    #[cfg(test)]
    pub fn open_edges(&self) -> usize {
        let mut edges: HashMap<([i64; 3], [i64; 3]), i32> = HashMap::new();
        for t in &self.triangles {
            let [a, b, c] = self.corners(*t).map(key);
            for (p, q) in [(a, b), (b, c), (c, a)] {
                if p < q {
                    *edges.entry((p, q)).or_default() += 1;
                } else if p > q {
                    *edges.entry((q, p)).or_default() -= 1;
                }
            }
        }
        edges.values().filter(|n| **n != 0).count()
    }

    /// Tangents by MikkTSpace; corners split where the tangents part.
    #[must_use]
    pub fn with_tangents(self) -> Self {
        let mut loose = Mesh::new();
        for t in &self.triangles {
            let t = t.map(|i| {
                loose.vertices.push(self.at(i));
                loose.vertices.len() as u32 - 1
            });
            loose.triangles.push(t);
        }
        let mut work = Tangents(loose);
        // On an error, none is written, and the fallback below stands.
        let _ = generate_tangents(&mut work);
        work.0
            .map(|v| {
                let t = v.tangent.truncate();
                let t = (t - v.normal * t.dot(v.normal)).normalize_or_zero();
                let t = if t == Vec3::ZERO || !t.is_finite() {
                    v.normal.any_orthonormal_vector()
                } else {
                    t
                };
                Vertex {
                    tangent: t.extend(if v.tangent.w < 0.0 { -1.0 } else { 1.0 }),
                    ..v
                }
            })
            .welded(true)
    }
}

struct Tangents(Mesh);

impl Tangents {
    fn get(&self, face: usize, vert: usize) -> Vertex {
        at(&self.0.vertices, face * 3 + vert)
    }
}

impl Geometry for Tangents {
    fn num_faces(&self) -> usize {
        self.0.triangles.len()
    }

    fn num_vertices_of_face(&self, _face: usize) -> usize {
        3
    }

    fn position(&self, face: usize, vert: usize) -> [f32; 3] {
        self.get(face, vert).position.to_array()
    }

    fn normal(&self, face: usize, vert: usize) -> [f32; 3] {
        self.get(face, vert).normal.to_array()
    }

    fn tex_coord(&self, face: usize, vert: usize) -> [f32; 2] {
        // v upwards here, as the green of a normal map points upwards in the picture. Scaled so that metres aren't
        // taken for degenerate.
        (self.get(face, vert).uv * 1000.0).to_array()
    }

    fn set_tangent(&mut self, tangent: Option<TangentSpace>, face: usize, vert: usize) {
        if let (Some(t), Some(v)) = (tangent, self.0.vertices.get_mut(face * 3 + vert)) {
            v.tangent = Vec4::from_array(t.tangent_encoded());
        }
    }
}
