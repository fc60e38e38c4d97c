//! Bytes that a file names: its buffers, and files beside it.

use std::path::{Component, Path};

use super::accessor::Buffers;
use super::{MAX_FILE_BYTES, ModelError, Reader};

impl Reader<'_> {
    pub(super) fn read_buffers(&self, blob: Option<Vec<u8>>) -> Result<Buffers, ModelError> {
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
    pub(super) fn fetch(&self, place: &str, uri: &str) -> Result<Vec<u8>, ModelError> {
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
}
