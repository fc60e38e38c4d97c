use glam::Vec3;

use crate::PRODUCTS;
use crate::kit::{Node, glb};

fn sane(node: &Node) {
    assert!(node.translation.is_finite() && node.explode.is_none_or(Vec3::is_finite));
    for v in node.parts.iter().flat_map(|p| &p.mesh.vertices) {
        assert!(
            v.position.is_finite() && v.uv.is_finite() && v.tangent.is_finite(),
            "{}",
            node.name
        );
        assert!(
            (v.normal.length() - 1.0).abs() < 1.0e-3,
            "{}: {}",
            node.name,
            v.normal
        );
        assert!((0.0..=1.0).contains(&v.occlusion), "{}", node.name);
    }
    node.children.iter().for_each(sane);
}

#[test]
fn every_product_keeps_its_budget_and_stands_in_the_middle() {
    let mut wrong = Vec::new();
    for (id, make) in PRODUCTS {
        let mut product = make().unwrap();
        // A few rays are enough here.
        product.bake.rays = 4;
        let report = product.finish().unwrap();
        let bytes = glb::write(&product).unwrap();
        product.nodes.iter().for_each(sane);
        let middle = (report.low + report.high) * 0.5;
        let size = report.high - report.low;
        for (right, what) in [
            (*id == product.id, format!("{id} calls itself {}", product.id)),
            (
                report.triangles < 100_000,
                format!("{id}: {} triangles", report.triangles),
            ),
            (bytes.len() < 5_000_000, format!("{id}: {} bytes", bytes.len())),
            (
                report.low.y.abs() < 5.0e-4,
                format!("{id} rests at {}", report.low.y),
            ),
            (
                middle.x.abs() < size.x * 0.04,
                format!("{id} stands at x {}", middle.x),
            ),
            (
                middle.z.abs() < size.z * 0.04,
                format!("{id} stands at z {}", middle.z),
            ),
        ] {
            if !right {
                wrong.push(what);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_same_bytes_each_time() {
    let (id, make) = PRODUCTS.first().unwrap();
    let once = || {
        let mut product = make().unwrap();
        product.bake.rays = 4;
        product.finish().unwrap();
        glb::write(&product).unwrap()
    };
    assert!(once() == once(), "{id}");
}
