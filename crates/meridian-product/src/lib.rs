//! Products: folders of a `product.toml` and a glTF model, both read as untrusted input. Pure: no Bevy, no graphics.
//!
//! A product is a folder with a `product.toml` ([`manifest`]) and a glTF 2.0 model ([`gltf`] → [`model::Model`]).

pub mod animate;
pub mod bvh;
pub mod contact;
pub mod gltf;
pub mod manifest;
pub mod model;
pub mod shelf;
pub mod studio;

pub use self::gltf::{ModelError, read};
pub use manifest::{Manifest, ManifestError};
pub use model::Model;
pub use shelf::{Product, Shelf};
