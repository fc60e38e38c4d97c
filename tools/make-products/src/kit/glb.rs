//! Writes a finished product as one binary glTF 2.0 file, the same bytes at every run.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use glam::Vec3;
use serde_json::{Map, Value, json};

use super::product::{Channel, Material, MaterialId, Node, Paint, Part, Product};
use super::texture::{Canvas, Maps, Picture};

const FLOAT: u32 = 5126;
const ARRAY: u32 = 34962;
const ELEMENTS: u32 = 34963;

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
    meshes: Vec<Value>,
    nodes: Vec<Value>,
    names: Vec<String>,
    used: BTreeSet<&'static str>,
}

fn round(x: f32) -> f64 {
    (f64::from(x) * 1.0e6).round() / 1.0e6
}

fn list(v: impl IntoIterator<Item = f32>) -> Value {
    Value::Array(v.into_iter().map(|x| json!(round(x))).collect())
}

fn exact(v: &[f32]) -> Value {
    Value::Array(v.iter().map(|x| json!(f64::from(*x))).collect())
}

/// JSON with its keys in order, whatever order they are kept in.
fn canonical(v: &Value, out: &mut String) {
    match v {
        Value::Array(a) => {
            out.push('[');
            for (i, v) in a.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(v, out);
            }
            out.push(']');
        }
        Value::Object(m) => {
            let mut keys: Vec<&String> = m.keys().collect();
            keys.sort();
            out.push('{');
            for (i, k) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(k.clone()).to_string());
                out.push(':');
                canonical(m.get(k).unwrap_or(&Value::Null), out);
            }
            out.push('}');
        }
        v => out.push_str(&v.to_string()),
    }
}

impl Writer {
    fn view(&mut self, bytes: &[u8], target: Option<u32>) -> usize {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        let mut view = json!({"buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len()});
        if let (Some(t), Some(o)) = (target, view.as_object_mut()) {
            o.insert("target".into(), json!(t));
        }
        self.bytes.extend_from_slice(bytes);
        self.views.push(view);
        self.views.len() - 1
    }

    fn floats(&mut self, values: &[f32], width: usize, target: Option<u32>, bounds: bool) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = self.view(&bytes, target);
        let kind = match width {
            1 => "SCALAR",
            2 => "VEC2",
            3 => "VEC3",
            _ => "VEC4",
        };
        let mut accessor = json!({"bufferView": view, "componentType": FLOAT, "count": values.len() / width.max(1), "type": kind});
        if bounds && let Some(o) = accessor.as_object_mut() {
            let mut low = vec![f32::MAX; width];
            let mut high = vec![f32::MIN; width];
            for chunk in values.chunks(width) {
                for ((l, h), v) in low.iter_mut().zip(&mut high).zip(chunk) {
                    *l = l.min(*v);
                    *h = h.max(*v);
                }
            }
            o.insert("min".into(), exact(&low));
            o.insert("max".into(), exact(&high));
        }
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }

    fn indices(&mut self, values: &[u32], vertices: usize) -> usize {
        let small = vertices < 65_535;
        let bytes: Vec<u8> = if small {
            values.iter().flat_map(|v| (*v as u16).to_le_bytes()).collect()
        } else {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        };
        let view = self.view(&bytes, Some(ELEMENTS));
        self.accessors.push(json!({
            "bufferView": view,
            "componentType": if small { 5123 } else { 5125 },
            "count": values.len(),
            "type": "SCALAR",
        }));
        self.accessors.len() - 1
    }

    fn primitive(&mut self, product: &Product, part: &Part) -> Value {
        let mesh = &part.mesh;
        let v = &mesh.vertices;
        let flat = |f: &dyn Fn(&super::mesh::Vertex) -> Vec<f32>| v.iter().flat_map(f).collect::<Vec<f32>>();
        let (textured, bumpy) = looks(product, &part.paint);
        let mut attributes = Map::new();
        let position = self.floats(&flat(&|v| v.position.to_array().to_vec()), 3, Some(ARRAY), true);
        attributes.insert("POSITION".into(), json!(position));
        let normal = self.floats(&flat(&|v| v.normal.to_array().to_vec()), 3, Some(ARRAY), false);
        attributes.insert("NORMAL".into(), json!(normal));
        if textured {
            let uv = self.floats(&flat(&|v| vec![v.uv.x, 1.0 - v.uv.y]), 2, Some(ARRAY), false);
            attributes.insert("TEXCOORD_0".into(), json!(uv));
        }
        if bumpy {
            let tangent = self.floats(&flat(&|v| v.tangent.to_array().to_vec()), 4, Some(ARRAY), false);
            attributes.insert("TANGENT".into(), json!(tangent));
        }
        let occlusion = self.floats(&flat(&|v| vec![v.occlusion]), 1, Some(ARRAY), false);
        attributes.insert("_OCCLUSION".into(), json!(occlusion));
        let index: Vec<u32> = mesh.triangles.iter().flatten().copied().collect();
        let indices = self.indices(&index, v.len());
        let mut primitive = json!({"attributes": attributes, "indices": indices, "mode": 4});
        if let Some(o) = primitive.as_object_mut() {
            match &part.paint {
                Paint::One(MaterialId(m)) => {
                    o.insert("material".into(), json!(m));
                }
                Paint::Each(ids) => {
                    o.insert("material".into(), json!(ids.first().map_or(0, |m| m.0)));
                    let mappings: Vec<Value> = ids
                        .iter()
                        .enumerate()
                        .map(|(i, m)| json!({"material": m.0, "variants": [i]}))
                        .collect();
                    o.insert(
                        "extensions".into(),
                        json!({"KHR_materials_variants": {"mappings": mappings}}),
                    );
                }
            }
        }
        primitive
    }

    fn node(&mut self, product: &Product, node: &Node) -> usize {
        let children: Vec<usize> = node.children.iter().map(|c| self.node(product, c)).collect();
        let mut out = Map::new();
        out.insert("name".into(), json!(node.name));
        if node.translation != Vec3::ZERO {
            out.insert("translation".into(), list(node.translation.to_array()));
        }
        if node.rotation != glam::Quat::IDENTITY {
            out.insert("rotation".into(), exact(&node.rotation.normalize().to_array()));
        }
        if node.scale != Vec3::ONE {
            out.insert("scale".into(), list(node.scale.to_array()));
        }
        let mut extras = node.extras.clone();
        if let Some(e) = node.explode {
            extras.insert("explode".into(), list(e.to_array()));
        }
        if !extras.is_empty() {
            out.insert("extras".into(), Value::Object(extras));
        }
        if !children.is_empty() {
            out.insert("children".into(), json!(children));
        }
        if !node.parts.is_empty() {
            let primitives: Vec<Value> = node
                .parts
                .iter()
                .filter(|part| !part.mesh.triangles.is_empty())
                .map(|part| self.primitive(product, part))
                .collect();
            out.insert("mesh".into(), json!(self.meshes.len()));
            self.meshes
                .push(json!({"name": node.name, "primitives": primitives}));
        }
        self.nodes.push(Value::Object(out));
        self.names.push(node.name.clone());
        self.nodes.len() - 1
    }
}

fn looks(product: &Product, paint: &Paint) -> (bool, bool) {
    let one = |id: &MaterialId| {
        let material = product.materials.get(id.0);
        let maps = material.and_then(|m| m.maps).and_then(|m| product.maps.get(m.0));
        let glow = material.is_some_and(|m| m.glow_picture.is_some());
        (maps.is_some() || glow, maps.is_some_and(|m| m.normal.is_some()))
    };
    match paint {
        Paint::One(id) => one(id),
        Paint::Each(ids) => ids
            .iter()
            .map(one)
            .fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1)),
    }
}

/// Where a set of maps stands among the textures.
#[derive(Clone, Copy, Default)]
struct Places {
    colour: usize,
    normal: Option<usize>,
    orm: Option<usize>,
    scale: f64,
}

fn material(
    m: &Material,
    maps: Option<Places>,
    glow: Option<usize>,
    used: &mut BTreeSet<&'static str>,
) -> Value {
    let mut pbr = Map::new();
    pbr.insert(
        "baseColorFactor".into(),
        list([m.colour.x, m.colour.y, m.colour.z, m.alpha.unwrap_or(1.0)]),
    );
    pbr.insert("metallicFactor".into(), json!(round(m.metallic)));
    pbr.insert("roughnessFactor".into(), json!(round(m.roughness)));
    let mut out = Map::new();
    out.insert("name".into(), json!(m.name));
    if let Some(p) = maps {
        used.insert("KHR_texture_transform");
        let texture = |index: usize| json!({"index": index, "extensions": {"KHR_texture_transform": {"scale": [p.scale, p.scale]}}});
        // Every textured material has a base colour texture, white if need be: some viewers read the transform there.
        pbr.insert("baseColorTexture".into(), texture(p.colour));
        if let Some(i) = p.orm {
            pbr.insert("metallicRoughnessTexture".into(), texture(i));
        }
        if let Some(i) = p.normal {
            out.insert("normalTexture".into(), texture(i));
        }
    }
    out.insert("pbrMetallicRoughness".into(), Value::Object(pbr));
    if m.alpha.is_some() {
        out.insert("alphaMode".into(), json!("BLEND"));
    }
    let mut ext = Map::new();
    let mut put = |name: &'static str, value: Value| {
        used.insert(name);
        ext.insert(name.into(), value);
    };
    if let Some((amount, rough)) = m.coat {
        put(
            "KHR_materials_clearcoat",
            json!({"clearcoatFactor": round(amount), "clearcoatRoughnessFactor": round(rough)}),
        );
    }
    if let Some((colour, rough)) = m.sheen {
        put(
            "KHR_materials_sheen",
            json!({"sheenColorFactor": list(colour.to_array()), "sheenRoughnessFactor": round(rough)}),
        );
    }
    if let Some((colour, strength)) = m.glow {
        out.insert("emissiveFactor".into(), list(colour.to_array()));
        put(
            "KHR_materials_emissive_strength",
            json!({"emissiveStrength": round(strength)}),
        );
    }
    if let Some(i) = glow {
        out.insert("emissiveTexture".into(), json!({"index": i}));
    }
    if m.transmission > 0.0 {
        put(
            "KHR_materials_transmission",
            json!({"transmissionFactor": round(m.transmission)}),
        );
    }
    if let Some(ior) = m.ior {
        put("KHR_materials_ior", json!({"ior": round(ior)}));
    }
    if let Some((thickness, colour, distance)) = m.volume {
        put(
            "KHR_materials_volume",
            json!({
                "thicknessFactor": round(thickness),
                "attenuationColor": list(colour.to_array()),
                "attenuationDistance": round(distance),
            }),
        );
    }
    if let Some(s) = m.specular {
        put("KHR_materials_specular", json!({"specularFactor": round(s)}));
    }
    if !ext.is_empty() {
        out.insert("extensions".into(), Value::Object(ext));
    }
    if let Some(a) = m.fallback_alpha {
        out.insert("extras".into(), json!({"fallback_alpha": round(a)}));
    }
    Value::Object(out)
}

/// The pictures of maps and of what glows, as they go into the file.
#[derive(Default)]
struct Textures {
    images: Vec<Value>,
    textures: Vec<Value>,
    /// The one white picture of maps without a colour.
    white: Option<usize>,
}

impl Textures {
    fn put(&mut self, w: &mut Writer, picture: &Picture) -> usize {
        let view = w.view(&picture.bytes, None);
        self.images
            .push(json!({"name": picture.name, "mimeType": picture.mime, "bufferView": view}));
        self.textures
            .push(json!({"name": picture.name, "sampler": 0, "source": self.images.len() - 1}));
        self.textures.len() - 1
    }

    fn maps(&mut self, w: &mut Writer, maps: &Maps) -> Result<Places> {
        let colour = match (&maps.colour, self.white) {
            (Some(colour), _) => self.put(w, colour),
            (None, Some(white)) => white,
            (None, None) => {
                let white = self.put(w, &Canvas::paint(4, |_, _| Vec3::ONE).png("White")?);
                self.white = Some(white);
                white
            }
        };
        Ok(Places {
            colour,
            normal: maps.normal.as_ref().map(|picture| self.put(w, picture)),
            orm: maps.orm.as_ref().map(|picture| self.put(w, picture)),
            scale: (1.0 / f64::from(maps.tile) * 1000.0).round() / 1000.0,
        })
    }
}

/// The product's materials; their pictures go into `textures`.
fn materials(product: &Product, w: &mut Writer, textures: &mut Textures) -> Result<Vec<Value>> {
    let mut places: Vec<Places> = Vec::new();
    for maps in &product.maps {
        places.push(textures.maps(w, maps)?);
    }
    let glows: Vec<Option<usize>> = product
        .materials
        .iter()
        .map(|m| m.glow_picture.as_ref().map(|picture| textures.put(w, picture)))
        .collect();
    Ok(product
        .materials
        .iter()
        .zip(glows)
        .map(|(m, glow)| {
            material(
                m,
                m.maps.and_then(|id| places.get(id.0).copied()),
                glow,
                &mut w.used,
            )
        })
        .collect())
}

/// The product's animations, their nodes found by name.
fn animations(product: &Product, w: &mut Writer) -> Result<Vec<Value>> {
    let mut animations = Vec::new();
    for a in &product.animations {
        let (mut channels, mut samplers) = (Vec::new(), Vec::new());
        let mut inputs: Vec<(Vec<f32>, usize)> = Vec::new();
        for t in &a.tracks {
            let Some(target) = w.names.iter().position(|n| *n == t.node) else {
                anyhow::bail!(
                    "{}: animation {:?} names no node: {:?}",
                    product.id,
                    a.name,
                    t.node
                );
            };
            let (path, width) = match t.channel {
                Channel::Translation => ("translation", 3),
                Channel::Rotation => ("rotation", 4),
            };
            let times: Vec<f32> = t.keys.iter().map(|(s, _)| *s).collect();
            let input = match inputs.iter().find(|(k, _)| *k == times) {
                Some((_, i)) => *i,
                None => {
                    let i = w.floats(&times, 1, None, true);
                    inputs.push((times, i));
                    i
                }
            };
            let values: Vec<f32> = t
                .keys
                .iter()
                .flat_map(|(_, v)| v.to_array().into_iter().take(width))
                .collect();
            let output = w.floats(&values, width, None, false);
            channels.push(json!({"sampler": samplers.len(), "target": {"node": target, "path": path}}));
            samplers.push(json!({"input": input, "output": output, "interpolation": "LINEAR"}));
        }
        animations.push(json!({"name": a.name, "channels": channels, "samplers": samplers}));
    }
    Ok(animations)
}

/// The file's bytes; [`Product::finish`] must have run.
pub fn write(product: &Product) -> Result<Vec<u8>> {
    let mut w = Writer::default();
    let roots: Vec<usize> = product.nodes.iter().map(|n| w.node(product, n)).collect();
    let mut pictures = Textures::default();
    let materials = materials(product, &mut w, &mut pictures)?;
    let animations = animations(product, &mut w)?;
    while !w.bytes.len().is_multiple_of(4) {
        w.bytes.push(0);
    }
    let mut root = json!({
        "asset": {"version": "2.0", "generator": "Meridian make-products"},
        "scene": 0,
        "scenes": [{"name": product.name, "nodes": roots}],
        "nodes": w.nodes,
        "meshes": w.meshes,
        "materials": materials,
        "accessors": w.accessors,
        "bufferViews": w.views,
        "buffers": [{"byteLength": w.bytes.len()}],
    });
    if let Some(o) = root.as_object_mut() {
        if !pictures.textures.is_empty() {
            o.insert(
                "samplers".into(),
                json!([{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}]),
            );
            o.insert("textures".into(), Value::Array(pictures.textures));
            o.insert("images".into(), Value::Array(pictures.images));
        }
        if !animations.is_empty() {
            o.insert("animations".into(), Value::Array(animations));
        }
        if !product.variants.is_empty() {
            w.used.insert("KHR_materials_variants");
            let names: Vec<Value> = product.variants.iter().map(|n| json!({"name": n})).collect();
            o.insert(
                "extensions".into(),
                json!({"KHR_materials_variants": {"variants": names}}),
            );
        }
        if !w.used.is_empty() {
            o.insert("extensionsUsed".into(), json!(w.used));
        }
    }
    container(product, &root, &w.bytes)
}

/// JSON and bytes as one binary file.
fn container(product: &Product, root: &Value, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut text = String::new();
    canonical(root, &mut text);
    while !text.len().is_multiple_of(4) {
        text.push(' ');
    }
    let total = 12 + 8 + text.len() + 8 + bytes.len();
    ensure!(
        total < u32::MAX as usize,
        "{}: too large for one file",
        product.id
    );
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(b"glTF");
    for n in [2, total as u32, text.len() as u32] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.extend_from_slice(b"JSON");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(b"BIN\0");
    out.extend_from_slice(bytes);
    Ok(out)
}
