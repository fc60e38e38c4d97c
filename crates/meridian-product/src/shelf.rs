//! The shelf: all products, from the retailer's folders and the shipped ones.

use std::path::{Path, PathBuf};

use super::gltf::{ModelError, read, read_bytes};
use super::manifest::{Manifest, ManifestError, stays_inside};
use super::model::Model;
use meridian_core::files;

/// Where a product's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// In the program, under this path.
    Shipped(String),
}

/// A product on the shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its folder's name: a short word for addresses, such as `earbuds`.
    pub id: String,
    /// What its folder says.
    pub manifest: Manifest,
    /// Where its files are.
    pub place: Place,
}

/// Why a folder of products can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The folder or file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The folder or file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A `product.toml` is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A folder's name can't be an id.
    #[error(
        "{path}: a product's folder is named by lower-case letters, digits and hyphens, such as \"running-shoe\""
    )]
    Name {
        /// The folder.
        path: String,
    },
    /// There is nothing in it.
    #[error("{path}: holds no product; a product is a folder with a product.toml and a model")]
    Empty {
        /// The folder.
        path: String,
    },
}

/// All products, in the order of the shelf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shelf {
    /// In the order of the shelf.
    pub products: Vec<Product>,
}

/// The longest side of a poster.
const POSTER_PX: u32 = 4096;

const SHIPPED: &str = "assets/products/";

impl Product {
    /// The product's number in the feed.
    pub fn sku(&self) -> &str {
        self.manifest.sku.as_deref().unwrap_or(&self.id)
    }

    /// Reads the model; takes a while.
    ///
    /// # Errors
    /// [`ModelError`] where the file can't be read or isn't a model that is drawn.
    pub fn model(&self) -> Result<Model, ModelError> {
        match &self.place {
            Place::Folder(folder) => read(&folder.join(&self.manifest.model)),
            Place::Shipped(prefix) => {
                let path = format!("{prefix}{}", self.manifest.model);
                let bytes = files::read_shipped(&path).map_err(|error| ModelError::Format {
                    path: PathBuf::from(&path),
                    problem: error.to_string(),
                })?;
                read_bytes(Path::new(&path), &bytes)
            }
        }
    }

    /// The picture that stands for the product until its model is there; `None` where its folder names none, and
    /// what is wrong with it, with the file's name, where it can't be read.
    pub fn poster(&self) -> Option<Result<image::RgbaImage, String>> {
        let name = self.manifest.poster.as_ref()?;
        let (path, bytes) = match &self.place {
            Place::Folder(folder) => {
                let path = folder.join(name);
                let bytes = std::fs::read(&path).map_err(|error| error.to_string());
                (path.display().to_string(), bytes)
            }
            Place::Shipped(prefix) => {
                let path = format!("{prefix}{name}");
                let bytes = files::read_shipped(&path).map(|bytes| bytes.into_owned());
                (path, bytes.map_err(|error| error.to_string()))
            }
        };
        let picture = bytes.and_then(|bytes| {
            let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
                .with_guessed_format()
                .map_err(|error| error.to_string())?;
            let mut limits = image::Limits::default();
            limits.max_image_width = Some(POSTER_PX);
            limits.max_image_height = Some(POSTER_PX);
            reader.limits(limits);
            reader.decode().map_err(|error| {
                format!("{error}; a .png, .jpg or .webp of at most {POSTER_PX}×{POSTER_PX} pixels is needed")
            })
        });
        Some(
            picture
                .map(|picture| picture.to_rgba8())
                .map_err(|problem| format!("{path}: {problem}")),
        )
    }
}

fn is_id(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

impl Shelf {
    /// The shipped products, overlaid by the user's, and after them those of `extra` folders; what was wrong comes beside.
    /// A folder with a shipped product's name stands in for it.
    pub fn load(extra: &[PathBuf]) -> (Self, Vec<ShelfError>) {
        let mut shelf = Self::default();
        let mut problems = Vec::new();
        for name in files::shipped(SHIPPED) {
            let Some(id) = name
                .strip_prefix(SHIPPED)
                .and_then(|rest| rest.strip_suffix("/product.toml"))
            else {
                continue;
            };
            match files::read_shipped(&name) {
                Ok(bytes) => match Manifest::parse(&name, &String::from_utf8_lossy(&bytes)) {
                    Ok(manifest) => shelf.put(Product {
                        id: id.to_owned(),
                        manifest,
                        place: Place::Shipped(format!("{SHIPPED}{id}/")),
                    }),
                    Err(error) => problems.push(error.into()),
                },
                Err(error) => tracing::error!("{error}"),
            }
        }
        for folder in files::user_folders("assets/products") {
            if folder.is_dir() {
                shelf.add_folder(&folder, &mut problems);
            }
        }
        for folder in extra {
            let before = shelf.products.len() + problems.len();
            shelf.add_folder(folder, &mut problems);
            if shelf.products.len() + problems.len() == before && !folder.join("product.toml").is_file() {
                let replaced = std::fs::read_dir(folder).is_ok_and(|mut list| {
                    list.any(|entry| entry.is_ok_and(|entry| entry.path().join("product.toml").is_file()))
                });
                if !replaced {
                    problems.push(ShelfError::Empty {
                        path: folder.display().to_string(),
                    });
                }
            }
        }
        shelf.products.sort_by(|a, b| {
            a.manifest
                .order
                .cmp(&b.manifest.order)
                .then_with(|| a.id.cmp(&b.id))
        });
        (shelf, problems)
    }

    /// The product with this id.
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    fn put(&mut self, product: Product) {
        self.products.retain(|known| known.id != product.id);
        self.products.push(product);
    }

    /// A folder that is a product, or whose folders are products.
    fn add_folder(&mut self, folder: &Path, problems: &mut Vec<ShelfError>) {
        let mut folders = Vec::new();
        if folder.join("product.toml").is_file() {
            folders.push(folder.to_owned());
        } else {
            match std::fs::read_dir(folder) {
                Ok(list) => folders.extend(
                    list.flatten()
                        .map(|entry| entry.path())
                        .filter(|path| path.join("product.toml").is_file()),
                ),
                Err(source) => problems.push(ShelfError::File {
                    path: folder.display().to_string(),
                    source,
                }),
            }
        }
        folders.sort();
        for folder in folders {
            match product_in(&folder) {
                Ok(product) => self.put(product),
                Err(error) => problems.push(error),
            }
        }
    }
}

fn product_in(folder: &Path) -> Result<Product, ShelfError> {
    let name = std::fs::canonicalize(folder)
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let id = name.filter(|name| is_id(name)).ok_or_else(|| ShelfError::Name {
        path: folder.display().to_string(),
    })?;
    let path = folder.join("product.toml");
    let text = std::fs::read_to_string(&path).map_err(|source| ShelfError::File {
        path: path.display().to_string(),
        source,
    })?;
    let manifest = Manifest::parse(&path.display().to_string(), &text)?;
    let model = folder.join(&manifest.model);
    if !stays_inside(&manifest.model) || !model.is_file() {
        return Err(ManifestError::Value {
            path: path.display().to_string(),
            key: "model".to_owned(),
            problem: format!("{} isn't there", model.display()),
        }
        .into());
    }
    Ok(Product {
        id,
        manifest,
        place: Place::Folder(folder.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retailers_folder_is_read_and_what_is_wrong_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let dir = folder.path().join(name);
            std::fs::create_dir_all(&dir).expect("a folder");
            std::fs::write(dir.join("product.toml"), text).expect("a file");
            std::fs::write(dir.join("x.glb"), b"x").expect("a file");
        };
        let good = "model = \"x.glb\"\nname = { en = \"Cup\", zh = \"杯\" }\n";
        put("cup", good);
        put("Bad Name", good);
        put("wrong-key", &format!("{good}colour = 1\n"));
        put("no-model", &good.replace("x.glb", "y.glb"));
        let (shelf, problems) = Shelf::load(&[folder.path().to_owned()]);
        assert!(shelf.product("cup").is_some_and(|cup| cup.sku() == "cup"));
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for part in ["Bad Name", "colour", "y.glb isn't there"] {
            assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
        }
        assert!(shelf.product("cup").is_some_and(|cup| cup.model().is_err()));
        put("cup", &format!("{good}poster = \"x.glb\"\n"));
        let (shelf, _) = Shelf::load(&[folder.path().to_owned()]);
        let poster = shelf.product("cup").and_then(Product::poster);
        assert!(poster.is_some_and(|read| read.is_err_and(|problem| problem.contains("cup/x.glb"))));
        let (_, problems) = Shelf::load(&[folder.path().join("nowhere")]);
        assert!(
            problems
                .iter()
                .any(|problem| problem.to_string().contains("nowhere"))
        );
    }
}
