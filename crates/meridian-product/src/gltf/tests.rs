//! Broken and hostile models: each is refused by name, none panics.

use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// A triangle in a `.gltf` with its buffer inside.
fn triangle() -> Value {
    let mut bytes = Vec::new();
    for number in [0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for index in [0_u16, 1, 2, 0] {
        bytes.extend_from_slice(&index.to_le_bytes());
    }
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
    json!({
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "Plate", "mesh": 0}],
        "meshes": [{"name": "Plate", "primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": bytes.len(), "uri": format!("data:application/octet-stream;base64,{data}")}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"}
        ]
    })
}

fn read_value(value: &Value) -> Result<Model, ModelError> {
    read_bytes(Path::new("shop/plate.gltf"), value.to_string().as_bytes())
}

/// What is said about a triangle after `change`.
fn said(change: impl FnOnce(&mut Value)) -> String {
    let mut value = triangle();
    change(&mut value);
    read_value(&value).expect_err("it is refused").to_string()
}

#[test]
fn a_good_triangle_is_read() {
    let model = read_value(&triangle()).expect("good");
    assert_eq!(model.triangles(), 1);
    assert_eq!(model.nodes[0].name, "Plate");
    assert_eq!(model.meshes[0].primitives[0].normals[0], Vec3::Z);
    assert_eq!(model.bounds.size(), Vec3::new(1.0, 1.0, 0.0));
}

#[test]
fn what_is_wrong_is_named_and_nothing_panics() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 20] = [
        ("reached twice", |v| {
            v["nodes"] =
                json!([{"name": "Plate", "mesh": 0, "children": [1]}, {"name": "Loop", "children": [1]}]);
        }),
        ("node 0 (Plate)", |v| v["nodes"][0]["children"] = json!([0])),
        ("claims 4000000000 elements", |v| {
            v["accessors"][0]["count"] = json!(4_000_000_000_u64)
        }),
        ("goes to byte", |v| v["accessors"][0]["count"] = json!(4000)),
        ("claims 90000 bytes", |v| {
            v["buffers"][0]["byteLength"] = json!(90_000)
        }),
        ("vertex", |v| v["accessors"][1]["byteOffset"] = json!(-1)),
        ("own folder", |v| {
            v["buffers"][0]["uri"] = json!("../../etc/passwd")
        }),
        ("own folder", |v| v["buffers"][0]["uri"] = json!("/etc/passwd")),
        ("own folder", |v| {
            v["buffers"][0]["uri"] = json!("..%2f..%2fetc%2fpasswd")
        }),
        ("own folder", |v| {
            v["buffers"][0]["uri"] = json!("https://example.com/a.bin")
        }),
        ("needs", |v| v["buffers"][0]["uri"] = json!("nowhere.bin")),
        ("nowhere.png", |v| {
            v["images"] = json!([{"name": "Front", "uri": "nowhere.png"}]);
            v["textures"] = json!([{"source": 0}]);
            v["materials"] = json!([{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]);
        }),
        ("gltf-transform/cli copy plate.gltf", |v| {
            v["extensionsRequired"] = json!(["KHR_draco_mesh_compression"]);
        }),
        ("gltf-transform/cli ktxdecompress", |v| {
            v["extensionsRequired"] = json!(["KHR_texture_basisu"])
        }),
        ("asset.version", |v| v["asset"] = json!({"version": "1.0"})),
        (
            "uses TEXCOORD_3; 0 and 1 are read",
            |v| v["materials"] = json!([{"name": "Cloth", "normalTexture": {"index": 0, "texCoord": 3}}]),
        ),
        ("ktxdecompress", |v| {
            v["textures"] = json!([{"extensions": {"KHR_texture_basisu": {"source": 0}}}])
        }),
        ("names something by a number", |v| {
            v["nodes"][0]["mesh"] = json!(7)
        }),
        ("shows no triangle", |v| v["scenes"][0]["nodes"] = json!([])),
        ("metres large", |v| {
            v["nodes"][0]["scale"] = json!([1e12, 1e12, 1e12])
        }),
    ];
    for (says, change) in cases {
        let error = said(change);
        assert!(error.starts_with("shop/plate.gltf"), "{error}");
        if says != "vertex" {
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let mut value = triangle();
    let nan: Vec<u8> = std::iter::repeat_n(f32::NAN.to_le_bytes(), 9)
        .flatten()
        .chain([0; 8])
        .collect();
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(&nan);
    value["buffers"][0]["uri"] = json!(format!("data:application/octet-stream;base64,{data}"));
    let error = read_value(&value).expect_err("refused").to_string();
    assert!(error.contains("POSITION") && error.contains("finite"), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = meridian_core::files::read_shipped("assets/products/perfume/perfume.glb").expect("shipped");
    let path = Path::new("perfume.glb");
    assert!(read_bytes(path, &bytes).is_ok());
    for at in [0, 3, 11, 12, 19, 20, 500, bytes.len() / 3, bytes.len() - 1] {
        assert!(read_bytes(path, &bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn bytes_changed_at_random_never_panic() {
    let text = triangle().to_string().into_bytes();
    let mut state = 1_u64;
    for _ in 0..4000 {
        let mut bytes = text.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 17) as u8;
        }
        // What comes of it doesn't matter: that it comes does.
        let _ = read_bytes(Path::new("x.gltf"), &bytes);
    }
}

#[test]
fn every_shipped_product_is_read() {
    let (shelf, problems) = crate::Shelf::load(&[]);
    assert!(problems.is_empty(), "{problems:?}");
    let ids: Vec<&str> = shelf.products.iter().map(|product| product.id.as_str()).collect();
    assert_eq!(ids, ["earbuds", "shoe", "bottle", "speaker", "perfume", "chair"]);
    for product in &shelf.products {
        let model = product.model().unwrap_or_else(|error| panic!("{error}"));
        for hotspot in &product.manifest.hotspots {
            let known = |name: &String| model.nodes.iter().any(|node| node.name == *name);
            assert!(
                hotspot.node.as_ref().is_none_or(known),
                "{}: {hotspot:?}",
                product.id
            );
        }
        for name in &model.variants {
            assert!(
                product.manifest.variants.contains_key(name),
                "{}: {name}",
                product.id
            );
        }
        assert!(
            model.bounds.min.y.abs() < 0.002,
            "{}: {:?}",
            product.id,
            model.bounds
        );
    }
}
