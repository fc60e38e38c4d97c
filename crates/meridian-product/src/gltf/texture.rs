//! Pictures, and how materials lay them on.

use std::collections::BTreeSet;

use glam::Vec2;
use serde_json::Value;

use super::{MAX_PICTURE_BYTES, MAX_PICTURE_PX, ModelError, Reader, member, number, remedy};
use crate::model::{Picture, Texture, Wrap};

impl Reader<'_> {
    /// Pictures that materials use, and for each of the file's textures its picture's place.
    pub(super) fn pictures(
        &self,
        remarks: &mut Vec<String>,
    ) -> Result<(Vec<Picture>, Vec<Option<usize>>), ModelError> {
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

    pub(super) fn texture(&self, info: Option<&Value>, picture_of: &[Option<usize>]) -> Option<Texture> {
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
}
