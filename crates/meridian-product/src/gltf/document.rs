//! The file's JSON: checked before the glTF library sees it, so that errors name things as the file does.

use std::path::Path;

use gltf::json::validation::Error as JsonError;
use serde_json::Value;

use super::{KNOWN, ModelError, Reader, member, remedy};

impl<'a> Reader<'a> {
    fn format(path: &Path, problem: impl Into<String>) -> ModelError {
        ModelError::Format {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    /// The file's JSON and buffers; nothing of the scene is looked at yet.
    pub(super) fn new(path: &'a Path, bytes: &[u8]) -> Result<Self, ModelError> {
        let (json, blob) = if bytes.starts_with(b"glTF") {
            let glb = gltf::Glb::from_slice(bytes)
                .map_err(|error| Self::format(path, format!("{error} (is the file cut off?)")))?;
            (glb.json.into_owned(), glb.bin.map(|bin| bin.into_owned()))
        } else {
            (bytes.to_vec(), None)
        };
        let mut raw: Value = serde_json::from_slice(&json).map_err(|error| {
            Self::format(
                path,
                format!(
                    "its JSON ends or errs at line {}, column {}: {error}",
                    error.line(),
                    error.column()
                ),
            )
        })?;
        match member(&raw, &["asset", "version"]).and_then(Value::as_str) {
            Some(version) if version.starts_with("2.") => {}
            Some(version) => {
                return Err(Self::format(
                    path,
                    format!("asset.version is {version:?}, must be 2.x"),
                ));
            }
            None => return Err(Self::format(path, "asset.version is missing")),
        }
        Self::check_extensions(path, &raw)?;
        Self::check_uv_sets(path, &raw)?;
        // Required extensions are checked above; the library doesn't know all of ours.
        if let Some(root) = raw.as_object_mut() {
            root.remove("extensionsRequired");
        }
        if let Some(textures) = raw.get_mut("textures").and_then(Value::as_array_mut) {
            for texture in textures {
                let webp = member(texture, &["extensions", "EXT_texture_webp", "source"]).cloned();
                let basis = member(texture, &["extensions", "KHR_texture_basisu", "source"]).is_some();
                if let (Some(source), Some(texture)) = (webp, texture.as_object_mut()) {
                    texture.insert("source".to_owned(), source);
                } else if basis && texture.get("source").is_none() {
                    // Nothing stands in for it.
                    return Err(ModelError::Extension {
                        path: path.to_owned(),
                        extension: "KHR_texture_basisu".to_owned(),
                        remedy: remedy("KHR_texture_basisu", path),
                    });
                }
            }
        }
        let root: gltf::json::Root =
            serde_json::from_value(raw.clone()).map_err(|error| Self::format(path, error.to_string()))?;
        let document = gltf::Document::from_json(root).map_err(|error| match &error {
            gltf::Error::Validation(problems) => Self::first_problem(path, &raw, problems),
            _ => Self::format(path, error.to_string()),
        })?;
        let mut reader = Self {
            path,
            raw,
            document,
            buffers: Vec::new(),
        };
        reader.buffers = reader.read_buffers(blob)?;
        Ok(reader)
    }

    fn check_extensions(path: &Path, raw: &Value) -> Result<(), ModelError> {
        let required = raw.get("extensionsRequired").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !KNOWN.contains(&name) {
                return Err(ModelError::Extension {
                    path: path.to_owned(),
                    extension: name.to_owned(),
                    remedy: remedy(name, path),
                });
            }
        }
        Ok(())
    }

    /// Refuses textures that use more than two sets of coordinates.
    fn check_uv_sets(path: &Path, raw: &Value) -> Result<(), ModelError> {
        const SLOTS: [&[&str]; 5] = [
            &["pbrMetallicRoughness", "baseColorTexture"],
            &["pbrMetallicRoughness", "metallicRoughnessTexture"],
            &["normalTexture"],
            &["occlusionTexture"],
            &["emissiveTexture"],
        ];
        let materials = raw.get("materials").and_then(Value::as_array);
        for (at, material) in materials.into_iter().flatten().enumerate() {
            for slot in SLOTS {
                let Some(info) = member(material, slot) else {
                    continue;
                };
                let moved = member(info, &["extensions", "KHR_texture_transform", "texCoord"]);
                let set = moved.or_else(|| info.get("texCoord")).and_then(Value::as_u64);
                if let Some(set) = set.filter(|set| *set > 1) {
                    let name = material.get("name").and_then(Value::as_str).unwrap_or_default();
                    return Err(ModelError::Content {
                        path: path.to_owned(),
                        place: format!("materials[{at}] ({name}).{}", slot.join(".")),
                        problem: format!(
                            "uses TEXCOORD_{set}; 0 and 1 are read: give the mesh two sets of coordinates"
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// The glTF library's first error, with the object's name beside its number.
    fn first_problem(path: &Path, raw: &Value, problems: &[(gltf::json::Path, JsonError)]) -> ModelError {
        let (place, problem) = match problems.first() {
            Some((place, problem)) => (place.to_string(), *problem),
            None => ("the file".to_owned(), JsonError::Invalid),
        };
        let named = place
            .split_once('[')
            .and_then(|(list, rest)| {
                let index: usize = rest.split(']').next()?.parse().ok()?;
                let name = raw.get(list)?.get(index)?.get("name")?.as_str()?;
                Some(format!("{place} ({name})"))
            })
            .unwrap_or(place);
        let problem = match problem {
            JsonError::IndexOutOfBounds => "names something by a number that isn't there",
            JsonError::Invalid => "has a value that glTF doesn't allow there",
            JsonError::Missing => "lacks something that glTF requires there",
            JsonError::Oversize => "is larger than any file",
            JsonError::Unsupported => "isn't supported",
        };
        ModelError::Content {
            path: path.to_owned(),
            place: named,
            problem: problem.to_owned(),
        }
    }
}
