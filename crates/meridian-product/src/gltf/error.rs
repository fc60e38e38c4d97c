//! Errors of the glTF reader.

use std::path::{Path, PathBuf};

/// Why a model can't be read. Every message names the file, the place in it, and what would be right.
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
    /// It uses a compression that isn't supported.
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
pub(super) fn remedy(extension: &str, path: &Path) -> String {
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
