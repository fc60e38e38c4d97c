//! glTF 2.0 files, `.glb` and `.gltf`, into [`Model`]s.
//!
//! Nothing in a file is trusted: addresses stay inside its folder, counts are held against the bytes that are there, the
//! scene is a tree. What Meridian can't draw and a file requires is an error; what it may pass over is a remark.

mod accessor;
mod animation;
mod buffers;
mod document;
mod error;
mod material;
mod mesh;
mod node;
mod texture;

#[cfg(test)]
mod tests;

use std::path::Path;

use glam::Vec3;
use serde_json::Value;

use accessor::Buffers;
pub use error::ModelError;
use error::remedy;
use material::make_opaque;

use crate::model::{Bounds, Material, Model};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// The most nodes a scene may have.
pub const MAX_NODES: usize = 20_000;
/// The most triangles a model may have.
pub const MAX_TRIANGLES: usize = 4_000_000;
/// The longest side of a picture, in pixels.
pub const MAX_PICTURE_PX: u32 = 8192;
/// The most memory of all decoded pictures together, in bytes.
pub const MAX_PICTURE_BYTES: u64 = 1 << 30;

/// Extensions that may be required of us.
const KNOWN: [&str; 17] = [
    "EXT_texture_webp",
    "KHR_lights_punctual",
    "KHR_materials_clearcoat",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_sheen",
    "KHR_materials_specular",
    "KHR_materials_transmission",
    "KHR_materials_unlit",
    "KHR_materials_variants",
    "KHR_materials_volume",
    "KHR_mesh_quantization",
    "KHR_node_visibility",
    "KHR_texture_transform",
    "KHR_xmp",
    "KHR_xmp_json_ld",
    "MSFT_lod",
];

/// Reads a `.glb` or `.gltf` file with everything it names.
///
/// # Errors
/// [`ModelError`], when the file or one it names can't be read, isn't glTF 2.0, or asks for what isn't drawn.
pub fn read(path: &Path) -> Result<Model, ModelError> {
    let length = std::fs::metadata(path)
        .map_err(|source| ModelError::File {
            path: path.to_owned(),
            source,
        })?
        .len();
    if length > MAX_FILE_BYTES {
        return Err(ModelError::Format {
            path: path.to_owned(),
            problem: format!("{length} bytes; at most {MAX_FILE_BYTES} are taken"),
        });
    }
    let bytes = std::fs::read(path).map_err(|source| ModelError::File {
        path: path.to_owned(),
        source,
    })?;
    read_bytes(path, &bytes)
}

/// Reads a model from bytes; what it names is looked for in the folder of `path`.
///
/// # Errors
/// As for [`read`].
pub fn read_bytes(path: &Path, bytes: &[u8]) -> Result<Model, ModelError> {
    // The glTF library may meet what it didn't expect; a broken file must not take the display with it.
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Reader::new(path, bytes)?.model()));
    outcome.unwrap_or_else(|_| {
        Err(ModelError::Format {
            path: path.to_owned(),
            problem: "its structure contradicts itself; check it with gltf-validator".to_owned(),
        })
    })
}

/// One file while it is read: its JSON as it stands, as the glTF library sees it, and its buffers.
struct Reader<'a> {
    path: &'a Path,
    raw: Value,
    document: gltf::Document,
    buffers: Buffers,
}

/// What lies below `keys`, one inside the other.
fn member<'v>(value: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

fn number(value: &Value, keys: &[&str]) -> Option<f32> {
    member(value, keys)?
        .as_f64()
        .map(|number| number as f32)
        .filter(|number| number.is_finite())
}

fn vector(value: &Value, keys: &[&str]) -> Option<Vec3> {
    let list = member(value, keys)?.as_array()?;
    let at = |index: usize| Some(list.get(index)?.as_f64()? as f32);
    Some(Vec3::new(at(0)?, at(1)?, at(2)?)).filter(|vector| vector.is_finite())
}

impl Reader<'_> {
    fn wrong(&self, place: impl Into<String>, problem: impl Into<String>) -> ModelError {
        ModelError::Content {
            path: self.path.to_owned(),
            place: place.into(),
            problem: problem.into(),
        }
    }

    fn model(&self) -> Result<Model, ModelError> {
        let mut remarks = self.remarks();
        let (pictures, picture_of) = self.pictures(&mut remarks)?;
        let mut materials = Vec::new();
        for material in self.document.materials() {
            materials.push(self.material(&material, &picture_of)?);
        }
        materials.push(Material::default());
        let variants = self.variants();
        let mut meshes = Vec::new();
        let mut triangles = 0;
        for mesh in self.document.meshes() {
            meshes.push(self.mesh(&mesh, variants.len(), &mut triangles, &mut remarks)?);
        }
        let (nodes, place_of) = self.nodes(&meshes)?;
        let skins = self.skins(&place_of)?;
        self.check_skins(&nodes, &meshes, &skins)?;
        let animations = self.animations(&place_of, &meshes, &nodes)?;
        let mut model = Model {
            nodes,
            meshes,
            materials,
            pictures,
            skins,
            animations,
            variants,
            bounds: Bounds::EMPTY,
            remarks,
        };
        let shown = model.triangles();
        if shown == 0 {
            return Err(self.wrong("the scene", "shows no triangle"));
        }
        if shown > MAX_TRIANGLES {
            return Err(self.wrong(
                "the scene",
                format!("shows {shown} triangles; at most {MAX_TRIANGLES} are taken"),
            ));
        }
        make_opaque(&mut model);
        model.bounds = model.bounds_of(&model.rest());
        let size = model.bounds.size();
        if !(size.is_finite() && size.max_element() > 1e-6 && size.max_element() < 1e6) {
            return Err(self.wrong(
                "the scene",
                format!("is {size} metres large; models are between a micrometre and 1000 km"),
            ));
        }
        Ok(model)
    }

    fn remarks(&self) -> Vec<String> {
        let used = self.raw.get("extensionsUsed").and_then(Value::as_array);
        let mut remarks: Vec<String> = used
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !KNOWN.contains(name))
            .map(|name| format!("{name} is used and not drawn"))
            .collect();
        // Of these extensions the factors are read.
        let materials = self.raw.get("materials").and_then(Value::as_array);
        for (at, material) in materials.into_iter().flatten().enumerate() {
            let extensions = material.get("extensions").and_then(Value::as_object);
            let members = extensions.into_iter().flatten();
            for (extension, key) in members.filter_map(|(name, value)| {
                let key = value.as_object()?.keys().find(|key| key.ends_with("Texture"))?;
                KNOWN.contains(&name.as_str()).then_some((name, key))
            }) {
                let name = material.get("name").and_then(Value::as_str).unwrap_or_default();
                remarks.push(format!("materials[{at}] ({name}): {extension}.{key} isn't drawn"));
            }
        }
        if self.document.cameras().len() > 0 {
            remarks.push("its cameras are passed over: the showroom has its own".to_owned());
        }
        if self.raw.pointer("/extensions/KHR_lights_punctual").is_some() {
            remarks.push("its lights are passed over: the showroom has its own".to_owned());
        }
        remarks
    }
}
