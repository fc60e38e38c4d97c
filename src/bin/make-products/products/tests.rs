#![allow(clippy::unwrap_used)]

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
    for (id, make) in PRODUCTS {
        let mut product = make().unwrap();
        // A few rays are enough here.
        product.bake.rays = 4;
        let report = product.finish().unwrap();
        let bytes = glb::write(&product).unwrap();
        assert_eq!(*id, product.id);
        assert!(report.triangles < 100_000, "{id}: {} triangles", report.triangles);
        assert!(bytes.len() < 5_000_000, "{id}: {} bytes", bytes.len());
        assert!(report.low.y.abs() < 5.0e-4, "{id} rests at {}", report.low.y);
        let middle = (report.low + report.high) * 0.5;
        let size = report.high - report.low;
        assert!(
            middle.x.abs() < size.x * 0.04 && middle.z.abs() < size.z * 0.04,
            "{id} stands at {middle}"
        );
        product.nodes.iter().for_each(sane);
    }
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
