//! From a product's file to meshes and pictures for the GPU, on a thread of its own: the display goes on meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bevy::asset::RenderAssetUsages;
use bevy::image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::mesh::morph::MorphAttributes;
use bevy::mesh::{Indices, PrimitiveTopology, VertexAttributeValues};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use crossbeam_channel::Receiver;

use super::export::{curved, linear, premultiply};
use meridian_product::animate;
use meridian_product::bvh::Bvh;
use meridian_product::contact::{self, Contact};
use meridian_product::model::{Bounds, Model, Picture, Primitive, Texture, Wrap};
use meridian_product::{ModelError, Product};

/// Which picture, read how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureKey {
    picture: usize,
    srgb: bool,
    wrap: [Wrap; 2],
    nearest: bool,
}

impl PictureKey {
    /// Of a texture that holds colours (`srgb`) or numbers.
    pub fn of(texture: &Texture, srgb: bool) -> Self {
        Self {
            picture: texture.picture,
            srgb,
            wrap: texture.wrap,
            nearest: texture.nearest,
        }
    }
}

/// A mesh's part, and whether it is turned inside out because its node mirrors it.
pub type PartKey = (usize, usize, bool);

/// A product, ready for the GPU.
pub struct Prepared {
    /// The product.
    pub product: Product,
    /// What its file holds.
    pub model: Model,
    /// A mesh for each part that is shown.
    pub parts: Vec<(PartKey, Mesh)>,
    /// Pictures, each in the forms that are needed.
    pub pictures: Vec<(PictureKey, Image)>,
    /// The shadow at rest.
    pub contact: Contact,
    /// Everything, taken apart.
    pub apart: Bounds,
    /// The same parts as trees of boxes, in their nodes' space.
    pub trees: HashMap<(usize, usize), Bvh>,
}

/// A product on its way.
pub struct Loading {
    /// Whose.
    pub id: String,
    poster: Receiver<Image>,
    done: Receiver<Result<Box<Prepared>, ModelError>>,
    progress: Arc<AtomicU32>,
}

impl Loading {
    /// Starts to load a product. `sharp`: pictures are filtered finely where they are seen at an angle.
    pub fn start(product: Product, sharp: bool) -> Self {
        let (sender, done) = crossbeam_channel::bounded(1);
        let (show, poster) = crossbeam_channel::bounded(1);
        let progress = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&progress);
        let id = product.id.clone();
        let spawned = std::thread::Builder::new()
            .name("showroom".to_owned())
            .spawn(move || {
                match poster_of(&product) {
                    Some(Ok(image)) => drop(show.send(image)),
                    Some(Err(problem)) => warn!("{problem}"),
                    None => {}
                }
                // Nobody waits any more when the viewer went on: then the result is dropped.
                let _ = sender.send(prepare(product, sharp, &told).map(Box::new));
            });
        if let Err(error) = spawned {
            error!("no thread for the showroom: {error}");
        }
        Self {
            id,
            poster,
            done,
            progress,
        }
    }

    /// The product's poster, once, as soon as it is there.
    pub fn take_poster(&self) -> Option<Image> {
        self.poster.try_recv().ok()
    }

    /// How far it is, 0 to 1.
    pub fn share(&self) -> f32 {
        self.progress.load(Ordering::Relaxed) as f32 / 1000.0
    }

    /// What came of it, once it is done. `wait`: not before.
    pub fn take(&self, wait: bool) -> Option<Result<Box<Prepared>, ModelError>> {
        if wait {
            self.done.recv().ok()
        } else {
            self.done.try_recv().ok()
        }
    }
}

/// The picture that is shown until the model is there, premultiplied as what is drawn is; `None` where a product has
/// none, and what is wrong with it where it can't be read.
fn poster_of(product: &Product) -> Option<Result<Image, String>> {
    Some(product.poster()?.map(|picture| {
        let (width, height) = picture.dimensions();
        let mut bytes = picture.into_raw();
        premultiply(&mut bytes);
        let mut image = Image::new(
            Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            },
            TextureDimension::D2,
            bytes,
            TextureFormat::Rgba8UnormSrgb,
            RenderAssetUsages::RENDER_WORLD,
        );
        image.sampler = ImageSampler::linear();
        image
    }))
}

fn prepare(product: Product, sharp: bool, progress: &AtomicU32) -> Result<Prepared, ModelError> {
    let tell = |share: f32| progress.store((share * 1000.0) as u32, Ordering::Relaxed);
    tell(0.02);
    let model = product.model()?;
    tell(0.35);
    let worlds = model.worlds(&model.rest());
    let mut keys: Vec<PartKey> = Vec::new();
    for (node, world) in model.nodes.iter().zip(&worlds) {
        let Some(mesh) = node.mesh else { continue };
        let mirrored = world.determinant() < 0.0 && node.skin.is_none();
        let parts = model.meshes.get(mesh).map_or(0, |mesh| mesh.primitives.len());
        for part in 0..parts {
            if !keys.contains(&(mesh, part, mirrored)) {
                keys.push((mesh, part, mirrored));
            }
        }
    }
    let count = keys.len().max(1) as f32;
    let mut parts = Vec::new();
    let mut trees = HashMap::new();
    for (at, key) in keys.into_iter().enumerate() {
        let (mesh, part, mirrored) = key;
        if let Some(primitive) = model.meshes.get(mesh).and_then(|mesh| mesh.primitives.get(part)) {
            let bumpy = model
                .materials
                .get(primitive.material)
                .is_some_and(|material| material.normal_texture.is_some())
                || primitive.variants.iter().any(|mapping| {
                    model
                        .materials
                        .get(mapping.material)
                        .is_some_and(|material| material.normal_texture.is_some())
                });
            parts.push((key, mesh_of(primitive, mirrored, bumpy)));
            trees
                .entry((mesh, part))
                .or_insert_with(|| Bvh::new(&primitive.positions, &primitive.indices));
        }
        tell(0.35 + 0.25 * (at + 1) as f32 / count);
    }
    let mut wanted: Vec<PictureKey> = Vec::new();
    for material in &model.materials {
        let slots = [
            (material.base_texture, true),
            (material.metallic_roughness_texture, false),
            (material.normal_texture, false),
            (material.occlusion_texture, false),
            (material.emissive_texture, true),
        ];
        for (texture, srgb) in slots
            .into_iter()
            .filter_map(|(texture, srgb)| Some((texture?, srgb)))
        {
            let key = PictureKey::of(&texture, srgb);
            if !wanted.contains(&key) {
                wanted.push(key);
            }
        }
    }
    let count = wanted.len().max(1) as f32;
    let mut pictures = Vec::new();
    for (at, key) in wanted.into_iter().enumerate() {
        if let Some(picture) = model.pictures.get(key.picture) {
            pictures.push((key, image_of(picture, key, sharp)));
        }
        tell(0.6 + 0.3 * (at + 1) as f32 / count);
    }
    let contact = contact::shadow(&model, &model.rest());
    let mut open = model.rest();
    animate::explode(&model, 1.0, &mut open);
    let apart = model.bounds_of(&open);
    tell(1.0);
    Ok(Prepared {
        product,
        model,
        parts,
        pictures,
        contact,
        apart,
        trees,
    })
}

fn mesh_of(primitive: &Primitive, mirrored: bool, bumpy: bool) -> Mesh {
    let mut mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD);
    let threes = |list: &[Vec3]| VertexAttributeValues::Float32x3(list.iter().map(Vec3::to_array).collect());
    let fours = |list: &[Vec4]| VertexAttributeValues::Float32x4(list.iter().map(Vec4::to_array).collect());
    let twos = |list: &[Vec2]| VertexAttributeValues::Float32x2(list.iter().map(Vec2::to_array).collect());
    mesh.insert_attribute(Mesh::ATTRIBUTE_POSITION, threes(&primitive.positions));
    mesh.insert_attribute(Mesh::ATTRIBUTE_NORMAL, threes(&primitive.normals));
    let [first, second] = &primitive.uvs;
    if !first.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_UV_0, twos(first));
    }
    if !second.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_UV_1, twos(second));
    }
    if !primitive.occlusion.is_empty() {
        let white = vec![Vec4::ONE; primitive.positions.len()];
        let colours = if primitive.colours.is_empty() {
            &white
        } else {
            &primitive.colours
        };
        let both: Vec<Vec4> = colours
            .iter()
            .zip(&primitive.occlusion)
            .map(|(colour, open)| colour.truncate().extend(*open))
            .collect();
        mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, fours(&both));
    } else if !primitive.colours.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, fours(&primitive.colours));
    }
    if !primitive.joints.is_empty() {
        mesh.insert_attribute(
            Mesh::ATTRIBUTE_JOINT_INDEX,
            VertexAttributeValues::Uint16x4(primitive.joints.clone()),
        );
        mesh.insert_attribute(Mesh::ATTRIBUTE_JOINT_WEIGHT, fours(&primitive.joint_weights));
    }
    let mut indices = primitive.indices.clone();
    if mirrored {
        for corner in indices.chunks_exact_mut(3) {
            corner.swap(1, 2);
        }
    }
    mesh.insert_indices(Indices::U32(indices));
    if !primitive.tangents.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_TANGENT, fours(&primitive.tangents));
    } else if bumpy
        && !first.is_empty()
        && let Err(error) = mesh.generate_tangents()
    {
        warn!("no tangents: {error}");
    }
    if !primitive.morphs.is_empty() {
        let mut displaced = Vec::with_capacity(primitive.morphs.len() * primitive.positions.len());
        for morph in &primitive.morphs {
            for at in 0..primitive.positions.len() {
                let of = |list: &[Vec3]| list.get(at).copied().unwrap_or(Vec3::ZERO);
                displaced.push(MorphAttributes::new(
                    of(&morph.positions),
                    of(&morph.normals),
                    of(&morph.tangents),
                ));
            }
        }
        mesh.set_morph_targets(displaced);
    }
    mesh
}

/// A picture at half its size: each pixel the mean of four, of light where it holds colours.
fn halved(
    rgba: &[u8],
    width: usize,
    height: usize,
    light: &[f32; 256],
    dark: &[u8; 4096],
    srgb: bool,
) -> Vec<u8> {
    let (to_width, to_height) = ((width / 2).max(1), (height / 2).max(1));
    let mut out = Vec::with_capacity(to_width * to_height * 4);
    for y in 0..to_height {
        for x in 0..to_width {
            let corner = |dx: usize, dy: usize| {
                let at = ((y * 2 + dy).min(height - 1) * width + (x * 2 + dx).min(width - 1)) * 4;
                rgba.get(at..at + 4).unwrap_or(&[0; 4])
            };
            let four = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
            for channel in 0..4 {
                let byte = |pixel: &[u8]| pixel.get(channel).copied().unwrap_or(0);
                if srgb && channel < 3 {
                    let mean: f32 = four
                        .iter()
                        .map(|pixel| light.get(usize::from(byte(pixel))).copied().unwrap_or(0.0))
                        .sum::<f32>()
                        / 4.0;
                    out.push(dark.get((mean * 4095.0) as usize).copied().unwrap_or(255));
                } else {
                    let sum: u16 = four.iter().map(|pixel| u16::from(byte(pixel))).sum();
                    out.push(((sum + 2) / 4) as u8);
                }
            }
        }
    }
    out
}

fn image_of(picture: &Picture, key: PictureKey, sharp: bool) -> Image {
    let (mut width, mut height) = (picture.width as usize, picture.height as usize);
    let light: [f32; 256] = std::array::from_fn(|byte| linear(byte as u8));
    let dark: [u8; 4096] = std::array::from_fn(|at| curved(at as f32 / 4095.0));
    let mut data = picture.rgba.clone();
    let mut level = picture.rgba.clone();
    let mut levels = 1;
    while width > 1 || height > 1 {
        level = halved(&level, width, height, &light, &dark, key.srgb);
        (width, height) = ((width / 2).max(1), (height / 2).max(1));
        data.extend_from_slice(&level);
        levels += 1;
    }
    let format = if key.srgb {
        TextureFormat::Rgba8UnormSrgb
    } else {
        TextureFormat::Rgba8Unorm
    };
    let size = Extent3d {
        width: picture.width,
        height: picture.height,
        depth_or_array_layers: 1,
    };
    let mut image = Image::new_uninit(
        size,
        TextureDimension::D2,
        format,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.data = Some(data);
    image.texture_descriptor.mip_level_count = levels;
    let mode = |wrap: Wrap| match wrap {
        Wrap::Repeat => ImageAddressMode::Repeat,
        Wrap::Mirror => ImageAddressMode::MirrorRepeat,
        Wrap::Clamp => ImageAddressMode::ClampToEdge,
    };
    let [u, v] = key.wrap;
    let filter = if key.nearest {
        ImageFilterMode::Nearest
    } else {
        ImageFilterMode::Linear
    };
    image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
        address_mode_u: mode(u),
        address_mode_v: mode(v),
        mag_filter: filter,
        min_filter: ImageFilterMode::Linear,
        mipmap_filter: ImageFilterMode::Linear,
        // Finer filtering needs linear filters throughout.
        anisotropy_clamp: if sharp && !key.nearest { 8 } else { 1 },
        ..ImageSamplerDescriptor::default()
    });
    image
}

/// A studio's radiance as a picture with a level for each roughness.
pub fn light_map(studio: &meridian_product::studio::Studio) -> Image {
    use meridian_product::studio::{LEVELS, WIDTH};
    let mut data = Vec::new();
    for level in &studio.levels {
        for light in level {
            for value in [light.x, light.y, light.z, 1.0] {
                data.extend_from_slice(&half::f16::from_f32(value.min(60_000.0)).to_le_bytes());
            }
        }
    }
    let size = Extent3d {
        width: WIDTH as u32,
        height: WIDTH as u32 / 2,
        depth_or_array_layers: 1,
    };
    let mut image = Image::new_uninit(
        size,
        TextureDimension::D2,
        TextureFormat::Rgba16Float,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.data = Some(data);
    image.texture_descriptor.mip_level_count = LEVELS as u32;
    image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
        address_mode_u: ImageAddressMode::Repeat,
        address_mode_v: ImageAddressMode::ClampToEdge,
        mipmap_filter: ImageFilterMode::Linear,
        ..ImageSamplerDescriptor::linear()
    });
    image
}

/// What surfaces give back of an even light, as a picture: see [`meridian_product::studio::Studio::albedo`].
pub fn albedo_map(studio: &meridian_product::studio::Studio) -> Image {
    let side = meridian_product::studio::ALBEDO as u32;
    let data = studio
        .albedo
        .iter()
        .flat_map(|share| share.extend(0.0).to_array())
        .flat_map(|value| half::f16::from_f32(value).to_le_bytes())
        .collect();
    let size = Extent3d {
        width: side,
        height: side,
        depth_or_array_layers: 1,
    };
    Image::new(
        size,
        TextureDimension::D2,
        data,
        TextureFormat::Rgba16Float,
        RenderAssetUsages::RENDER_WORLD,
    )
}

/// A shadow as a picture.
pub fn shadow_map(contact: &Contact) -> Image {
    let side = contact::SIDE as u32;
    let mut image = Image::new(
        Extent3d {
            width: side,
            height: side,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        contact.dark.clone(),
        TextureFormat::R8Unorm,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.sampler = ImageSampler::linear();
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkerboard_far_off_is_half_as_bright_not_half_as_much() {
        let picture = Picture {
            name: "board".to_owned(),
            width: 4,
            height: 4,
            rgba: (0..16)
                .flat_map(|at| [if (at + at / 4) % 2 == 0 { 255 } else { 0 }; 4])
                .collect(),
        };
        let key = |srgb| PictureKey {
            picture: 0,
            srgb,
            wrap: [Wrap::Repeat; 2],
            nearest: false,
        };
        let last = |srgb| {
            image_of(&picture, key(srgb), true)
                .data
                .and_then(|data| data.get(data.len() - 4).copied())
        };
        // Half of the light is 188 in sRGB; half of a number is 128.
        let near = |srgb, value: u8| last(srgb).is_some_and(|got| got.abs_diff(value) <= 1);
        assert!(near(true, 188), "{:?}", last(true));
        assert!(near(false, 128), "{:?}", last(false));
        assert_eq!(
            image_of(&picture, key(true), true)
                .texture_descriptor
                .mip_level_count,
            3
        );
    }
}
