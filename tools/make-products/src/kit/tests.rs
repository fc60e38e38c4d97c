use std::f32::consts::PI;

use glam::{Vec2, Vec3};

use super::*;

fn volume(mesh: &Mesh) -> f32 {
    mesh.triangles
        .iter()
        .map(|t| mesh.corners(*t))
        .map(|[a, b, c]| a.dot(b.cross(c)) / 6.0)
        .sum()
}

/// Every triangle's own normal agrees with its corners' normals.
fn agree(mesh: &Mesh) -> bool {
    mesh.triangles.iter().all(|t| {
        let [a, b, c] = mesh.corners(*t);
        let n = (b - a).cross(c - a).normalize_or_zero();
        t.iter().all(|i| mesh.at(*i).normal.dot(n) > 0.3)
    })
}

#[test]
fn solids_are_closed_and_face_outwards() {
    let r = 0.02;
    let lathe = Lathe::full(64).spin(&path(&[
        (0.0, 0.0, 0.0),
        (r, 0.0, 0.002),
        (r, 0.05, 0.002),
        (0.0, 0.05, 0.0),
    ]));
    let cylinder = PI * r * r * 0.05;
    let box_ = rounded_box(0.04, 0.03, 0.02, 0.002);
    let drawn = extrude(
        &outline(&[
            (0.0, 0.0, 0.003),
            (0.04, 0.0, 0.003),
            (0.04, 0.01, 0.003),
            (0.01, 0.01, 0.003),
            (0.01, 0.04, 0.003),
            (0.0, 0.04, 0.003),
        ]),
        0.01,
        0.001,
        0.001,
    );
    let rod = tube(
        &spline(
            &[Vec3::ZERO, Vec3::new(0.0, 0.02, 0.0), Vec3::new(0.02, 0.04, 0.01)],
            12,
            false,
        ),
        0.002,
        16,
        false,
    );
    let ring = tube(&lift(&circle(0.02, 64), 0.0), 0.003, 24, true);
    for (name, mesh, want) in [
        ("lathe", &lathe, cylinder),
        ("box", &box_, 0.04 * 0.03 * 0.02),
        ("extrusion", &drawn, 7.0e-6),
        ("rod", &rod, 0.0),
        ("ring", &ring, 2.0 * PI * 0.02 * PI * 0.003 * 0.003),
    ] {
        assert_eq!(mesh.open_edges(), 0, "{name} is open");
        assert!(agree(mesh), "{name}: normals");
        let v = volume(mesh);
        assert!(
            v > want * 0.85 && (want == 0.0 || v < want * 1.15),
            "{name}: {v} for {want}"
        );
    }
}

#[test]
fn refined_and_bent_stays_closed() {
    let mesh = rounded_box(0.1, 0.02, 0.05, 0.003)
        .refined(0.006)
        .bend(|p| p + Vec3::Y * p.x * p.x * 4.0)
        .smooth(CREASE);
    assert_eq!(mesh.open_edges(), 0);
    assert!(agree(&mesh));
}

#[test]
fn an_arc_with_its_sections_is_closed() {
    let wall = outline(&[
        (0.03, 0.0, 0.001),
        (0.034, 0.0, 0.001),
        (0.034, 0.1, 0.001),
        (0.03, 0.1, 0.001),
    ]);
    let mut round = wall.clone();
    round.extend(wall.first());
    let lathe = Lathe::arc(40, -45.0, 45.0);
    let mesh = lathe
        .spin(&round)
        .with(&lathe.section(&wall, false))
        .with(&lathe.section(&wall, true));
    assert_eq!(mesh.open_edges(), 0);
    assert!(volume(&mesh) > 0.0);
}

#[test]
fn tangents_are_finite_and_upright() {
    let mesh = rounded_box(0.04, 0.03, 0.02, 0.002).uv_box().with_tangents();
    for v in &mesh.vertices {
        assert!(v.tangent.is_finite() && v.normal.is_finite());
        assert!((v.tangent.truncate().length() - 1.0).abs() < 1.0e-3);
        assert!(v.tangent.truncate().dot(v.normal).abs() < 1.0e-3);
    }
    // A face to +Z with u to the right and v upwards: the bitangent points upwards.
    let face = fill(&rounded_rect(0.1, 0.1, 0.01)).with_tangents();
    let v = face.at(0);
    let bitangent = v.normal.cross(v.tangent.truncate()) * v.tangent.w;
    assert!(bitangent.y > 0.99 && v.tangent.x > 0.99);
}

#[test]
fn a_crevice_is_darker_than_the_open() {
    let mut product = Product::new("t", "T");
    let m = product.material(Material::new("M", 0x808080));
    let floor = extrude(&rounded_rect(0.1, 0.1, 0.01), 0.005, 0.001, 0.001).refined(0.005);
    let post = extrude(&rounded_rect(0.02, 0.02, 0.004), 0.04, 0.001, 0.001)
        .refined(0.005)
        .moved(0.0, 0.004, 0.0);
    product.add(Node::new("A").part(floor, m).part(post, m));
    let report = product.finish().unwrap();
    assert_eq!(report.low.y, 0.0);
    let mesh = &product.nodes[0].parts[0].mesh;
    let near = |p: Vec3| {
        mesh.vertices
            .iter()
            .filter(|v| v.normal.y > 0.9)
            .min_by(|a, b| a.position.distance(p).total_cmp(&b.position.distance(p)))
    };
    let (foot, rim) = (
        near(Vec3::new(0.011, 0.005, 0.0)).unwrap(),
        near(Vec3::new(0.045, 0.005, 0.045)).unwrap(),
    );
    assert!(
        foot.occlusion < 0.8 && rim.occlusion > 0.95,
        "{} {}",
        foot.occlusion,
        rim.occlusion
    );
}

#[test]
fn letters_face_the_reader() {
    let mesh = Figure::text("MERIDIAN", 0.004, 0.0006, 0.0008).stamp(0.0002, 0.0002, -0.0001);
    assert!(!mesh.triangles.is_empty());
    assert!(mesh.triangles.iter().all(|t| {
        let [a, b, c] = mesh.corners(*t);
        (b - a).cross(c - a).z > 0.0
    }));
    let (low, high) = mesh.bounds();
    assert!((low.x + high.x).abs() < 1.0e-4 && (high.y - low.y - 0.004).abs() < 1.0e-4);
}

#[test]
fn pictures_tile() {
    for (u, v) in [(0.3, 0.0), (0.0, 0.7), (0.52, 1.0)] {
        let (a, b) = (
            texture::fractal(u, v, 5, 3, 1),
            texture::fractal((u + 1.0) % 2.0, v, 5, 3, 1),
        );
        assert!((a - b).abs() < 1.0e-4);
    }
    assert_eq!(
        inset(&circle(1.0, 64), 0.5)
            .first()
            .map(|p: &Vec2| (p.x * 1000.0).round()),
        Some(499.0)
    );
}
