//! glTF 2.0 files, `.glb` and `.gltf`, into [`Model`]s.
//!
//! Nothing in a file is trusted: addresses stay inside its folder, counts are held against the bytes that are there, the
//! scene is a tree. What Meridian can't draw and a file requires is an error; what it may pass over is a remark.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use glam::{Mat4, Quat, Vec2, Vec3, Vec4};
use gltf::json::validation::Error as JsonError;
use serde_json::Value;

use super::accessor::{Buffers, floats, wholes};
use super::model::{
    Alpha, Animation, Bounds, Channel, Easing, Mapping, Material, Mesh, Model, Morph, Node, Picture,
    Primitive, Skin, Texture, Track, Trs, Wrap,
};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;
/// Most nodes of a scene.
pub const MAX_NODES: usize = 20_000;
/// Most triangles of a model.
pub const MAX_TRIANGLES: usize = 4_000_000;
/// Longest side of a picture, in pixels.
pub const MAX_PICTURE_PX: u32 = 8192;
/// Most bytes of all pictures together, decoded.
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

/// A model can't be read. Every message names the file, what in it, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file, or one that it names, can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It isn't glTF 2.0.
    #[error("{path}: not a glTF 2.0 file: {problem}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Something in it is wrong.
    #[error("{path}: {place}: {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The node, mesh, material or picture, by its name.
        place: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// It is compressed in a way that isn't read.
    #[error("{path}: needs {extension}, which isn't read; convert it once with: {remedy}")]
    Extension {
        /// The file.
        path: PathBuf,
        /// The extension's name.
        extension: String,
        /// The command that makes a file that is read.
        remedy: String,
    },
}

/// What turns a file with this extension into one that is read.
fn remedy(extension: &str, path: &Path) -> String {
    let from = path
        .file_name()
        .map_or_else(|| "in.glb".into(), |name| name.to_string_lossy().into_owned());
    let stem = path
        .file_stem()
        .map_or_else(|| "out".into(), |name| name.to_string_lossy().into_owned());
    match extension {
        "KHR_draco_mesh_compression" | "EXT_meshopt_compression" | "KHR_meshopt_compression" => {
            format!("npx @gltf-transform/cli copy {from} {stem}-plain.glb")
        }
        "KHR_texture_basisu" => format!(
            "npx @gltf-transform/cli ktxdecompress {from} {stem}-plain.glb (with the program ktx of KTX-Software 4.4 or newer installed)"
        ),
        "KHR_materials_pbrSpecularGlossiness" => {
            format!("npx @gltf-transform/cli metalrough {from} {stem}-plain.glb")
        }
        _ => format!("npx @gltf-transform/cli inspect {from}, and export it again without that extension"),
    }
}

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

/// Surfaces that are seen from both sides and blended, and hide all the same whatever is behind them: drawn as what they
/// are, their far walls stay behind the near ones.
fn make_opaque(model: &mut Model) {
    let mut clear = vec![false; model.materials.len()];
    for primitive in model.meshes.iter().flat_map(|mesh| &mesh.primitives) {
        if primitive.colours.iter().any(|colour| colour.w < 1.0) {
            let variants = primitive.variants.iter().map(|mapping| mapping.material);
            for at in variants.chain([primitive.material]) {
                if let Some(clear) = clear.get_mut(at) {
                    *clear = true;
                }
            }
        }
    }
    for (material, clear) in model.materials.iter_mut().zip(clear) {
        if clear || !material.double_sided || material.alpha != Alpha::Blend || material.base.w < 1.0 {
            continue;
        }
        let picture = material
            .base_texture
            .and_then(|texture| model.pictures.get(texture.picture));
        if picture.is_none_or(|picture| picture.rgba.chunks_exact(4).all(|pixel| pixel.ends_with(&[255]))) {
            material.alpha = Alpha::Opaque;
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    raw: Value,
    document: gltf::Document,
    buffers: Buffers,
}

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

impl<'a> Reader<'a> {
    fn format(path: &Path, problem: impl Into<String>) -> ModelError {
        ModelError::Format {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    fn wrong(&self, place: impl Into<String>, problem: impl Into<String>) -> ModelError {
        ModelError::Content {
            path: self.path.to_owned(),
            place: place.into(),
            problem: problem.into(),
        }
    }

    fn new(path: &'a Path, bytes: &[u8]) -> Result<Self, ModelError> {
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

    /// Textures are laid on by one of two sets of coordinates.
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

    /// The library's first finding, with the thing's name beside its number.
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

    fn read_buffers(&self, blob: Option<Vec<u8>>) -> Result<Buffers, ModelError> {
        let mut blob = blob;
        let mut buffers = Buffers::new();
        for buffer in self.document.buffers() {
            let place = format!("buffer {}", buffer.index());
            let bytes = match buffer.source() {
                gltf::buffer::Source::Bin => blob
                    .take()
                    .ok_or_else(|| self.wrong(&place, "has no uri, and the file no binary part"))?,
                gltf::buffer::Source::Uri(uri) => self.fetch(&place, uri)?,
            };
            if bytes.len() < buffer.length() {
                return Err(self.wrong(
                    &place,
                    format!(
                        "claims {} bytes and has {}; is the file cut off?",
                        buffer.length(),
                        bytes.len()
                    ),
                ));
            }
            buffers.push(bytes);
        }
        Ok(buffers)
    }

    /// The bytes behind an address: `data:`, or a file inside the model's folder.
    fn fetch(&self, place: &str, uri: &str) -> Result<Vec<u8>, ModelError> {
        if let Some(data) = uri.strip_prefix("data:") {
            use base64::Engine as _;
            let (_, text) = data
                .split_once(";base64,")
                .ok_or_else(|| self.wrong(place, "has a data: address that isn't base64"))?;
            return base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_err(|error| {
                    self.wrong(place, format!("has a data: address that isn't base64: {error}"))
                });
        }
        let decoded = percent_encoding::percent_decode_str(uri)
            .decode_utf8_lossy()
            .into_owned();
        let relative = Path::new(&decoded);
        let inside = !decoded.contains(':')
            && !decoded.contains('\\')
            && relative
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(self.wrong(
                place,
                format!("names {decoded:?}; only files in the model's own folder are read"),
            ));
        }
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let file = folder.join(relative);
        let real = |path: &Path| std::fs::canonicalize(path);
        let error = |source| ModelError::Content {
            path: self.path.to_owned(),
            place: place.to_owned(),
            problem: format!("needs {}: {source}", file.display()),
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let target = real(&file).map_err(error)?;
        if !target.starts_with(real(folder).map_err(error)?) {
            return Err(self.wrong(
                place,
                format!("names {decoded:?}, a link out of the model's own folder"),
            ));
        }
        let length = std::fs::metadata(&target).map_err(error)?.len();
        if length > MAX_FILE_BYTES {
            return Err(self.wrong(
                place,
                format!("names a file of {length} bytes; at most {MAX_FILE_BYTES} are taken"),
            ));
        }
        std::fs::read(&target).map_err(error)
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

    /// Pictures that materials use, and for each of the file's textures its picture's place.
    fn pictures(&self, remarks: &mut Vec<String>) -> Result<(Vec<Picture>, Vec<Option<usize>>), ModelError> {
        let mut used = BTreeSet::new();
        fn gather(value: &Value, used: &mut BTreeSet<usize>) {
            match value {
                Value::Object(map) => {
                    for (key, inner) in map {
                        if key.ends_with("Texture")
                            && let Some(index) = inner.get("index").and_then(Value::as_u64)
                        {
                            used.insert(index as usize);
                        }
                        gather(inner, used);
                    }
                }
                Value::Array(list) => list.iter().for_each(|inner| gather(inner, used)),
                _ => {}
            }
        }
        gather(self.raw.get("materials").unwrap_or(&Value::Null), &mut used);
        let textures: Vec<_> = self.document.textures().collect();
        let mut pictures: Vec<Picture> = Vec::new();
        let mut of_image: Vec<Option<usize>> = vec![None; self.document.images().len()];
        let mut picture_of = vec![None; textures.len()];
        let mut total = 0_u64;
        for at in used {
            let Some(texture) = textures.get(at) else { continue };
            let image = texture.source();
            let known = of_image.get(image.index()).copied().flatten();
            let place = match known {
                Some(place) => place,
                None => {
                    let picture = self.picture(&image)?;
                    total += picture.rgba.len() as u64;
                    if total > MAX_PICTURE_BYTES {
                        return Err(self.wrong(
                            &picture.name,
                            format!(
                                "with it the pictures take more than {} MiB",
                                MAX_PICTURE_BYTES >> 20
                            ),
                        ));
                    }
                    if picture.width > 4096 || picture.height > 4096 {
                        remarks.push(format!(
                            "{}: {}×{} pixels; 4096 are plenty",
                            picture.name, picture.width, picture.height
                        ));
                    }
                    pictures.push(picture);
                    pictures.len() - 1
                }
            };
            if let Some(slot) = of_image.get_mut(image.index()) {
                *slot = Some(place);
            }
            if let Some(slot) = picture_of.get_mut(at) {
                *slot = Some(place);
            }
        }
        Ok((pictures, picture_of))
    }

    fn picture(&self, image: &gltf::Image<'_>) -> Result<Picture, ModelError> {
        let name = image.name().map_or_else(
            || format!("image {}", image.index()),
            |name| format!("image {} ({name})", image.index()),
        );
        let bytes = match image.source() {
            gltf::image::Source::View { view, .. } => {
                let buffer = self
                    .buffers
                    .get(view.buffer().index())
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                view.offset()
                    .checked_add(view.length())
                    .and_then(|end| buffer.get(view.offset()..end))
                    .ok_or_else(|| self.wrong(&name, "lies outside its buffer"))?
                    .to_vec()
            }
            gltf::image::Source::Uri { uri, .. } => self.fetch(&name, uri)?,
        };
        if bytes.starts_with(b"\xABKTX 20\xBB") {
            return Err(ModelError::Extension {
                path: self.path.to_owned(),
                extension: "KHR_texture_basisu".to_owned(),
                remedy: remedy("KHR_texture_basisu", self.path),
            });
        }
        let mut reader = image::ImageReader::new(std::io::Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| self.wrong(&name, error.to_string()))?;
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(MAX_PICTURE_PX);
        limits.max_image_height = Some(MAX_PICTURE_PX);
        limits.max_alloc = Some(512 << 20);
        reader.limits(limits);
        let decoded = reader
            .decode()
            .map_err(|error| {
                self.wrong(
                    &name,
                    format!("{error} (PNG, JPEG and WebP are read, up to {MAX_PICTURE_PX} pixels a side)"),
                )
            })?
            .into_rgba8();
        Ok(Picture {
            name,
            width: decoded.width(),
            height: decoded.height(),
            rgba: decoded.into_raw(),
        })
    }

    fn texture(&self, info: Option<&Value>, picture_of: &[Option<usize>]) -> Option<Texture> {
        let info = info?;
        let index = usize::try_from(info.get("index")?.as_u64()?).ok()?;
        let picture = picture_of.get(index).copied().flatten()?;
        let transform = member(info, &["extensions", "KHR_texture_transform"]).unwrap_or(&Value::Null);
        let uv = transform
            .get("texCoord")
            .or_else(|| info.get("texCoord"))
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let pair = |key: &str, default: Vec2| {
            let list = transform.get(key).and_then(Value::as_array);
            let at = |index: usize| Some(list?.get(index)?.as_f64()? as f32);
            match (at(0), at(1)) {
                (Some(x), Some(y)) => Vec2::new(x, y),
                _ => default,
            }
        };
        let (offset, scale) = (pair("offset", Vec2::ZERO), pair("scale", Vec2::ONE));
        let (sin, cos) = number(transform, &["rotation"]).unwrap_or(0.0).sin_cos();
        let sampler = self
            .raw
            .get("textures")?
            .get(index)?
            .get("sampler")
            .and_then(Value::as_u64)
            .and_then(|at| self.raw.get("samplers")?.get(at as usize));
        let mode = |key: &str| match sampler
            .and_then(|sampler| sampler.get(key))
            .and_then(Value::as_u64)
        {
            Some(33071) => Wrap::Clamp,
            Some(33648) => Wrap::Mirror,
            _ => Wrap::Repeat,
        };
        let nearest = sampler
            .and_then(|sampler| sampler.get("magFilter"))
            .and_then(Value::as_u64)
            == Some(9728);
        Some(Texture {
            picture,
            uv: usize::from(uv == 1),
            // uv' = translation · rotation · scale · uv
            transform: [
                Vec2::new(cos * scale.x, -sin * scale.x),
                Vec2::new(sin * scale.y, cos * scale.y),
                offset,
            ],
            wrap: [mode("wrapS"), mode("wrapT")],
            nearest,
        })
    }

    fn material(
        &self,
        material: &gltf::Material<'_>,
        picture_of: &[Option<usize>],
    ) -> Result<Material, ModelError> {
        let index = material.index().unwrap_or(usize::MAX);
        let empty = Value::Null;
        let raw = self
            .raw
            .get("materials")
            .and_then(|list| list.get(index))
            .unwrap_or(&empty);
        let extensions = raw.get("extensions").unwrap_or(&empty);
        let texture = |keys: &[&str]| self.texture(member(raw, keys), picture_of);
        let pbr = material.pbr_metallic_roughness();
        let unit = |value: f32| value.clamp(0.0, 1.0);
        let strength = number(
            extensions,
            &["KHR_materials_emissive_strength", "emissiveStrength"],
        )
        .unwrap_or(1.0);
        let base = Vec4::from_array(pbr.base_color_factor());
        let name = material
            .name()
            .map_or_else(|| format!("material {index}"), str::to_owned);
        if !base.is_finite() {
            return Err(self.wrong(
                format!("material {index} ({name})"),
                "has a base colour that isn't finite",
            ));
        }
        let clearcoat = |key: &str| number(extensions, &["KHR_materials_clearcoat", key]).unwrap_or(0.0);
        Ok(Material {
            name,
            base,
            base_texture: texture(&["pbrMetallicRoughness", "baseColorTexture"]),
            metallic: unit(pbr.metallic_factor()),
            roughness: unit(pbr.roughness_factor()),
            metallic_roughness_texture: texture(&["pbrMetallicRoughness", "metallicRoughnessTexture"]),
            normal_texture: texture(&["normalTexture"]),
            normal_scale: number(raw, &["normalTexture", "scale"]).unwrap_or(1.0),
            occlusion_texture: texture(&["occlusionTexture"]),
            occlusion_strength: unit(number(raw, &["occlusionTexture", "strength"]).unwrap_or(1.0)),
            emissive: Vec3::from_array(material.emissive_factor()) * strength.clamp(0.0, 1e4),
            emissive_texture: texture(&["emissiveTexture"]),
            alpha: match material.alpha_mode() {
                gltf::material::AlphaMode::Opaque => Alpha::Opaque,
                gltf::material::AlphaMode::Mask => Alpha::Mask(material.alpha_cutoff().unwrap_or(0.5)),
                gltf::material::AlphaMode::Blend => Alpha::Blend,
            },
            double_sided: material.double_sided(),
            unlit: material.unlit(),
            ior: number(extensions, &["KHR_materials_ior", "ior"])
                .filter(|ior| *ior >= 1.0)
                .unwrap_or(1.5)
                .min(3.0),
            specular: (
                unit(number(extensions, &["KHR_materials_specular", "specularFactor"]).unwrap_or(1.0)),
                vector(extensions, &["KHR_materials_specular", "specularColorFactor"]).unwrap_or(Vec3::ONE),
            ),
            clearcoat: (
                unit(clearcoat("clearcoatFactor")),
                unit(clearcoat("clearcoatRoughnessFactor")),
            ),
            sheen: (
                vector(extensions, &["KHR_materials_sheen", "sheenColorFactor"]).unwrap_or(Vec3::ZERO),
                unit(number(extensions, &["KHR_materials_sheen", "sheenRoughnessFactor"]).unwrap_or(0.0)),
            ),
            transmission: unit(
                number(extensions, &["KHR_materials_transmission", "transmissionFactor"]).unwrap_or(0.0),
            ),
            thickness: number(extensions, &["KHR_materials_volume", "thicknessFactor"])
                .unwrap_or(0.0)
                .max(0.0),
            attenuation: vector(extensions, &["KHR_materials_volume", "attenuationColor"])
                .unwrap_or(Vec3::ONE)
                .clamp(Vec3::ZERO, Vec3::ONE),
            attenuation_distance: number(extensions, &["KHR_materials_volume", "attenuationDistance"])
                .filter(|distance| *distance > 0.0)
                .unwrap_or(f32::INFINITY),
            fallback_alpha: unit(number(raw, &["extras", "fallback_alpha"]).unwrap_or(0.3)),
        })
    }

    fn variants(&self) -> Vec<String> {
        let list = self
            .raw
            .pointer("/extensions/KHR_materials_variants/variants")
            .and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .enumerate()
            .map(|(at, variant)| {
                variant
                    .get("name")
                    .and_then(Value::as_str)
                    .map_or_else(|| format!("variant {at}"), str::to_owned)
            })
            .collect()
    }

    fn mesh(
        &self,
        mesh: &gltf::Mesh<'_>,
        variants: usize,
        triangles: &mut usize,
        remarks: &mut Vec<String>,
    ) -> Result<Mesh, ModelError> {
        let name = mesh
            .name()
            .map_or_else(|| format!("mesh {}", mesh.index()), str::to_owned);
        let mut primitives = Vec::new();
        for primitive in mesh.primitives() {
            let place = format!("mesh {} ({name}), primitive {}", mesh.index(), primitive.index());
            match self.primitive(mesh.index(), &primitive, &place, variants)? {
                Some(read) => {
                    *triangles += read.indices.len() / 3;
                    if *triangles > MAX_TRIANGLES {
                        return Err(self.wrong(
                            place,
                            format!("with it the model has more than {MAX_TRIANGLES} triangles"),
                        ));
                    }
                    primitives.push(read);
                }
                None => remarks.push(format!("{place}: points and lines aren't drawn")),
            }
        }
        Ok(Mesh { name, primitives })
    }

    fn primitive(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        variants: usize,
    ) -> Result<Option<Primitive>, ModelError> {
        use gltf::mesh::Mode;
        let wrong = |problem: String| self.wrong(place, problem);
        if primitive.extension_value("KHR_draco_mesh_compression").is_some()
            && primitive
                .get(&gltf::Semantic::Positions)
                .is_none_or(|accessor| accessor.view().is_none())
        {
            return Err(ModelError::Extension {
                path: self.path.to_owned(),
                extension: "KHR_draco_mesh_compression".to_owned(),
                remedy: remedy("KHR_draco_mesh_compression", self.path),
            });
        }
        let mode = primitive.mode();
        if !matches!(mode, Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan) {
            return Ok(None);
        }
        let columns = |semantic: gltf::Semantic,
                       components: usize,
                       count: Option<usize>|
         -> Result<Vec<f32>, ModelError> {
            let Some(accessor) = primitive.get(&semantic) else {
                return Ok(Vec::new());
            };
            let label = semantic.to_string();
            if let Some(count) = count
                && accessor.count() != count
            {
                return Err(wrong(format!(
                    "{label} has {} elements for {count} vertices",
                    accessor.count()
                )));
            }
            floats(&accessor, &self.buffers, components)
                .map_err(|problem| wrong(format!("{label}: {problem}")))
        };
        let threes =
            |numbers: Vec<f32>| -> Vec<Vec3> { numbers.chunks_exact(3).map(Vec3::from_slice).collect() };
        let fours =
            |numbers: Vec<f32>| -> Vec<Vec4> { numbers.chunks_exact(4).map(Vec4::from_slice).collect() };
        let twos =
            |numbers: Vec<f32>| -> Vec<Vec2> { numbers.chunks_exact(2).map(Vec2::from_slice).collect() };
        let positions = threes(columns(gltf::Semantic::Positions, 3, None)?);
        if positions.is_empty() {
            return Err(wrong("has no POSITION".to_owned()));
        }
        let count = positions.len();
        let some = Some(count);
        let mut indices = match primitive.indices() {
            Some(accessor) => {
                wholes(&accessor, &self.buffers, 1).map_err(|problem| wrong(format!("indices: {problem}")))?
            }
            None => (0..count as u32).collect(),
        };
        if let Some(bad) = indices.iter().find(|index| **index as usize >= count) {
            return Err(wrong(format!("indices: vertex {bad} of {count}")));
        }
        indices = match mode {
            Mode::TriangleStrip => indices
                .windows(3)
                .enumerate()
                .flat_map(|(at, corner)| match corner {
                    [a, b, c] if at % 2 == 0 => [*a, *b, *c],
                    [a, b, c] => [*b, *a, *c],
                    _ => [0; 3],
                })
                .collect(),
            Mode::TriangleFan => {
                let hub = indices.first().copied().unwrap_or(0);
                indices
                    .get(1..)
                    .unwrap_or_default()
                    .windows(2)
                    .flat_map(|pair| match pair {
                        [b, c] => [hub, *b, *c],
                        _ => [0; 3],
                    })
                    .collect()
            }
            _ => indices,
        };
        indices.truncate(indices.len() / 3 * 3);
        let colours = match primitive
            .get(&gltf::Semantic::Colors(0))
            .map(|accessor| accessor.dimensions().multiplicity())
        {
            Some(3) => threes(columns(gltf::Semantic::Colors(0), 3, some)?)
                .into_iter()
                .map(|rgb| rgb.extend(1.0))
                .collect(),
            Some(_) => fours(columns(gltf::Semantic::Colors(0), 4, some)?),
            None => Vec::new(),
        };
        let mut read = Primitive {
            normals: threes(columns(gltf::Semantic::Normals, 3, some)?),
            tangents: fours(columns(gltf::Semantic::Tangents, 4, some)?),
            uvs: [
                twos(columns(gltf::Semantic::TexCoords(0), 2, some)?),
                twos(columns(gltf::Semantic::TexCoords(1), 2, some)?),
            ],
            colours,
            occlusion: self.occlusion(mesh, primitive, place, count)?,
            material: primitive
                .material()
                .index()
                .unwrap_or(self.document.materials().len()),
            positions,
            indices,
            ..Primitive::default()
        };
        self.read_joints(primitive, place, count, &mut read)?;
        self.read_morphs(primitive, place, count, &mut read)?;
        self.read_mappings(mesh, primitive, place, variants, &mut read)?;
        if read.normals.is_empty() {
            flatten(&mut read);
        }
        for normal in &mut read.normals {
            *normal = normal.normalize_or(Vec3::Y);
        }
        Ok(Some(read))
    }

    fn occlusion(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let at = self
            .raw
            .pointer(&format!(
                "/meshes/{mesh}/primitives/{}/attributes/_OCCLUSION",
                primitive.index()
            ))
            .and_then(Value::as_u64);
        let accessor = at.and_then(|at| self.document.accessors().nth(at as usize));
        match accessor {
            Some(accessor) if accessor.count() == count => floats(&accessor, &self.buffers, 1)
                .map(|list| list.into_iter().map(|value| value.clamp(0.0, 1.0)).collect())
                .map_err(|problem| self.wrong(place, format!("_OCCLUSION: {problem}"))),
            _ => Ok(Vec::new()),
        }
    }

    fn read_joints(
        &self,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        let (Some(joints), Some(weights)) = (
            primitive.get(&gltf::Semantic::Joints(0)),
            primitive.get(&gltf::Semantic::Weights(0)),
        ) else {
            return Ok(());
        };
        let wrong = |problem: String| self.wrong(place, problem);
        if joints.count() != count || weights.count() != count {
            return Err(wrong(format!(
                "JOINTS_0 and WEIGHTS_0 must have {count} elements, one for each vertex"
            )));
        }
        let joints =
            wholes(&joints, &self.buffers, 4).map_err(|problem| wrong(format!("JOINTS_0: {problem}")))?;
        let weights =
            floats(&weights, &self.buffers, 4).map_err(|problem| wrong(format!("WEIGHTS_0: {problem}")))?;
        read.joints = joints
            .chunks_exact(4)
            .map(|four| {
                let at = |index: usize| four.get(index).copied().unwrap_or(0).min(u32::from(u16::MAX)) as u16;
                [at(0), at(1), at(2), at(3)]
            })
            .collect();
        read.joint_weights = weights
            .chunks_exact(4)
            .map(|four| {
                let weights = Vec4::from_slice(four).max(Vec4::ZERO);
                let sum = weights.element_sum();
                if sum > 1e-6 { weights / sum } else { Vec4::X }
            })
            .collect();
        Ok(())
    }

    fn read_morphs(
        &self,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        for (at, target) in primitive.morph_targets().enumerate() {
            let column = |accessor: Option<gltf::Accessor<'_>>| -> Result<Vec<Vec3>, ModelError> {
                let Some(accessor) = accessor else {
                    return Ok(Vec::new());
                };
                if accessor.count() != count {
                    return Err(self.wrong(
                        place,
                        format!(
                            "morph target {at} has {} elements for {count} vertices",
                            accessor.count()
                        ),
                    ));
                }
                floats(&accessor, &self.buffers, 3)
                    .map(|numbers| numbers.chunks_exact(3).map(Vec3::from_slice).collect())
                    .map_err(|problem| self.wrong(place, format!("morph target {at}: {problem}")))
            };
            read.morphs.push(Morph {
                positions: column(target.positions())?,
                normals: column(target.normals())?,
                tangents: column(target.tangents())?,
            });
        }
        Ok(())
    }

    fn read_mappings(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        variants: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        let list = self
            .raw
            .pointer(&format!(
                "/meshes/{mesh}/primitives/{}/extensions/KHR_materials_variants/mappings",
                primitive.index()
            ))
            .and_then(Value::as_array);
        let materials = self.document.materials().len();
        for mapping in list.into_iter().flatten() {
            let material = mapping
                .get("material")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX) as usize;
            if material >= materials {
                return Err(self.wrong(
                    place,
                    format!("a variant names material {material} of {materials}"),
                ));
            }
            for variant in mapping
                .get("variants")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let variant = variant.as_u64().unwrap_or(u64::MAX) as usize;
                if variant >= variants {
                    return Err(self.wrong(place, format!("names variant {variant} of {variants}")));
                }
                read.variants.push(Mapping { variant, material });
            }
        }
        Ok(())
    }

    /// The scene's nodes, parents first, and for each of the file's nodes its place among them.
    fn nodes(&self, meshes: &[Mesh]) -> Result<(Vec<Node>, Vec<Option<usize>>), ModelError> {
        let count = self.document.nodes().len();
        if count > MAX_NODES {
            return Err(self.wrong("nodes", format!("{count} of them; at most {MAX_NODES} are taken")));
        }
        let all: Vec<gltf::Node<'_>> = self.document.nodes().collect();
        let roots: Vec<usize> = match self
            .document
            .default_scene()
            .or_else(|| self.document.scenes().next())
        {
            Some(scene) => scene.nodes().map(|node| node.index()).collect(),
            None => {
                let children: BTreeSet<usize> = all
                    .iter()
                    .flat_map(|node| node.children().map(|child| child.index()))
                    .collect();
                (0..count).filter(|at| !children.contains(at)).collect()
            }
        };
        let mut nodes = Vec::new();
        let mut place_of: Vec<Option<usize>> = vec![None; count];
        let mut stack: Vec<(usize, Option<usize>)> =
            roots.into_iter().rev().map(|root| (root, None)).collect();
        while let Some((at, parent)) = stack.pop() {
            let Some(node) = all.get(at) else { continue };
            let name = node.name().map_or_else(|| format!("node {at}"), str::to_owned);
            let place = format!("node {at} ({name})");
            if place_of.get(at).copied().flatten().is_some() {
                return Err(self.wrong(place, "is reached twice: a scene is a tree, each node has one parent and none is its own ancestor"));
            }
            if let Some(slot) = place_of.get_mut(at) {
                *slot = Some(nodes.len());
            }
            let (translation, rotation, scale) = node.transform().decomposed();
            let rest = Trs {
                translation: Vec3::from_array(translation),
                rotation: Quat::from_array(rotation).normalize(),
                scale: Vec3::from_array(scale),
            };
            if !(rest.translation.is_finite() && rest.rotation.is_finite() && rest.scale.is_finite()) {
                return Err(self.wrong(
                    place,
                    "stands nowhere: its translation, rotation or scale isn't finite",
                ));
            }
            let raw = self
                .raw
                .get("nodes")
                .and_then(|list| list.get(at))
                .unwrap_or(&Value::Null);
            let hidden =
                member(raw, &["extensions", "KHR_node_visibility", "visible"]) == Some(&Value::Bool(false));
            let mesh = node.mesh().map(|mesh| mesh.index()).filter(|_| !hidden);
            let weights = node
                .weights()
                .or_else(|| node.mesh().and_then(|mesh| mesh.weights()))
                .map_or_else(Vec::new, <[f32]>::to_vec);
            let targets = mesh.and_then(|mesh| meshes.get(mesh)).map_or(0, targets);
            let mut weights = weights;
            weights.resize(targets, 0.0);
            let here = nodes.len();
            nodes.push(Node {
                name,
                parent,
                rest,
                mesh,
                skin: node.skin().map(|skin| skin.index()),
                weights,
                inner: member(raw, &["extras", "inner"]) == Some(&Value::Bool(true)),
                explode: vector(raw, &["extras", "explode"]).unwrap_or(Vec3::ZERO),
            });
            let children: Vec<usize> = node.children().map(|child| child.index()).collect();
            stack.extend(children.into_iter().rev().map(|child| (child, Some(here))));
        }
        Ok((nodes, place_of))
    }

    fn skins(&self, place_of: &[Option<usize>]) -> Result<Vec<Skin>, ModelError> {
        let mut skins = Vec::new();
        for skin in self.document.skins() {
            let place = format!("skin {}", skin.index());
            let mut joints = Vec::new();
            for joint in skin.joints() {
                let at = place_of.get(joint.index()).copied().flatten().ok_or_else(|| {
                    self.wrong(&place, format!("joint {} isn't in the scene", joint.index()))
                })?;
                joints.push(at);
            }
            let inverse_bind = match skin.inverse_bind_matrices() {
                Some(accessor) => floats(&accessor, &self.buffers, 16)
                    .map_err(|problem| self.wrong(&place, problem))?
                    .chunks_exact(16)
                    .map(Mat4::from_cols_slice)
                    .collect(),
                None => vec![Mat4::IDENTITY; joints.len()],
            };
            if inverse_bind.len() < joints.len() {
                return Err(self.wrong(
                    &place,
                    format!(
                        "has {} bind matrices for {} joints",
                        inverse_bind.len(),
                        joints.len()
                    ),
                ));
            }
            let mut inverse_bind = inverse_bind;
            inverse_bind.truncate(joints.len());
            skins.push(Skin { joints, inverse_bind });
        }
        Ok(skins)
    }

    /// Vertices follow only joints that their node's skin has.
    fn check_skins(&self, nodes: &[Node], meshes: &[Mesh], skins: &[Skin]) -> Result<(), ModelError> {
        for node in nodes {
            let (Some(mesh), Some(skin)) = (
                node.mesh.and_then(|at| meshes.get(at)),
                node.skin.and_then(|at| skins.get(at)),
            ) else {
                continue;
            };
            for primitive in &mesh.primitives {
                let worst = primitive.joints.iter().flatten().max().copied().unwrap_or(0);
                if usize::from(worst) >= skin.joints.len() && !primitive.joints.is_empty() {
                    return Err(self.wrong(
                        format!("node {} with mesh {}", node.name, mesh.name),
                        format!(
                            "a vertex follows joint {worst} of a skin of {}",
                            skin.joints.len()
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn animations(
        &self,
        place_of: &[Option<usize>],
        meshes: &[Mesh],
        nodes: &[Node],
    ) -> Result<Vec<Animation>, ModelError> {
        use gltf::animation::{Interpolation, Property};
        let mut animations = Vec::new();
        for animation in self.document.animations() {
            let name = animation
                .name()
                .map_or_else(|| format!("animation {}", animation.index()), str::to_owned);
            let mut channels = Vec::new();
            for (at, channel) in animation.channels().enumerate() {
                let place = format!("animation {} ({name}), channel {at}", animation.index());
                let wrong = |problem: String| self.wrong(&place, problem);
                let Some(node) = place_of.get(channel.target().node().index()).copied().flatten() else {
                    continue;
                };
                let sampler = channel.sampler();
                let at_secs = floats(&sampler.input(), &self.buffers, 1)
                    .map_err(|problem| wrong(format!("times: {problem}")))?;
                if at_secs.is_empty() || at_secs.windows(2).any(|pair| matches!(pair, [a, b] if b < a)) {
                    return Err(wrong("its times must rise".to_owned()));
                }
                let easing = match sampler.interpolation() {
                    Interpolation::Step => Easing::Step,
                    Interpolation::Linear => Easing::Linear,
                    Interpolation::CubicSpline => Easing::Cubic,
                };
                let keys = at_secs.len() * if easing == Easing::Cubic { 3 } else { 1 };
                let output = sampler.output();
                let list = |components: usize| {
                    floats(&output, &self.buffers, components)
                        .map_err(|problem| wrong(format!("values: {problem}")))
                };
                let threes = |numbers: Vec<f32>| -> Vec<Vec3> {
                    numbers.chunks_exact(3).map(Vec3::from_slice).collect()
                };
                let (track, has) = match channel.target().property() {
                    Property::Translation => {
                        let values = threes(list(3)?);
                        let has = values.len();
                        (Track::Translation(values), has)
                    }
                    Property::Scale => {
                        let values = threes(list(3)?);
                        let has = values.len();
                        (Track::Scale(values), has)
                    }
                    Property::Rotation => {
                        let values: Vec<Quat> = list(4)?.chunks_exact(4).map(Quat::from_slice).collect();
                        let has = values.len();
                        (Track::Rotation(values), has)
                    }
                    Property::MorphTargetWeights => {
                        let targets = nodes
                            .get(node)
                            .and_then(|node| node.mesh)
                            .and_then(|mesh| meshes.get(mesh))
                            .map_or(0, targets);
                        let values = list(1)?;
                        let has = values.len() / targets.max(1);
                        (Track::Weights { targets, values }, has)
                    }
                };
                if has < keys {
                    return Err(wrong(format!("has {has} values for {keys} keys")));
                }
                channels.push(Channel {
                    node,
                    easing,
                    at_secs,
                    track,
                });
            }
            let duration_secs = channels
                .iter()
                .filter_map(|channel| channel.at_secs.last().copied())
                .fold(0.0, f32::max);
            if !channels.is_empty() {
                animations.push(Animation {
                    name,
                    duration_secs,
                    channels,
                });
            }
        }
        Ok(animations)
    }
}

/// How many morph targets a mesh has.
fn targets(mesh: &Mesh) -> usize {
    mesh.primitives
        .iter()
        .map(|primitive| primitive.morphs.len())
        .max()
        .unwrap_or(0)
}

/// Gives each triangle its own vertices and normal, as glTF asks where a file has no normals.
fn flatten(primitive: &mut Primitive) {
    fn pick<T: Copy>(list: &[T], indices: &[u32]) -> Vec<T> {
        indices
            .iter()
            .filter_map(|index| list.get(*index as usize).copied())
            .collect()
    }
    let indices = std::mem::take(&mut primitive.indices);
    primitive.positions = pick(&primitive.positions, &indices);
    primitive.tangents.clear();
    primitive.colours = pick(&primitive.colours, &indices);
    primitive.occlusion = pick(&primitive.occlusion, &indices);
    primitive.joints = pick(&primitive.joints, &indices);
    primitive.joint_weights = pick(&primitive.joint_weights, &indices);
    for uvs in &mut primitive.uvs {
        *uvs = pick(uvs, &indices);
    }
    for morph in &mut primitive.morphs {
        morph.positions = pick(&morph.positions, &indices);
        morph.normals.clear();
        morph.tangents.clear();
    }
    primitive.normals = primitive
        .positions
        .chunks_exact(3)
        .flat_map(|corner| match corner {
            [a, b, c] => [(*b - *a).cross(*c - *a).normalize_or(Vec3::Y); 3],
            _ => [Vec3::Y; 3],
        })
        .collect();
    primitive.indices = (0..primitive.positions.len() as u32).collect();
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
