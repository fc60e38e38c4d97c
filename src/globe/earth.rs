//! The planet: a disc and a ring of air that face the eye, everything else in their shader.

use std::borrow::Cow;

use bevy::asset::{RenderAssetUsages, uuid_handle};
use bevy::camera::visibility::{NoFrustumCulling, RenderLayers};
use bevy::image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, Extent3d, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError,
    TextureDimension, TextureFormat,
};
use bevy::shader::{Shader, ShaderRef};

use super::camera::Sight;
use super::{PLANET_LAYER, PlanetLook, ring, shader, sun};
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::own_files::{self, FileUnusable};
use crate::quality::{Budget, Quality};
use crate::theme::{ease, light};
use crate::view::{View, Worldview};

const SHADER: Handle<Shader> = uuid_handle!("0b7d3c52-4a39-4be0-9d0e-6f1a54c8e917");
/// One byte per texel: region number + 1, 0 water, 255 land of no region.
const fn regions_file(worldview: Worldview) -> &'static str {
    match worldview {
        Worldview::Default => "assets/textures/region_ids_4k.png",
        Worldview::Cn => "assets/textures/region_ids_cn_4k.png",
    }
}
/// R city lights at night, G height, B land.
const EARTH_FILE: &str = "assets/textures/earth_2k.png";
/// Dots of the coarsest lattice at a planet of [`REFERENCE_RADIUS_PX`].
const DOTS: f32 = 36_000.0;
/// See [`DOTS`].
const REFERENCE_RADIUS_PX: f32 = 241.0;
/// Seconds between two looks at the regions' value for the choropleth.
const CHOROPLETH_SECS: f32 = 0.25;
/// Texels across of the map that says where land is near.
const NEAR_LAND_WIDTH: usize = 512;

/// What the shader is told.
#[derive(ShaderType, Debug, Clone, Copy, PartialEq)]
struct EarthParams {
    sun: Vec4,
    dots: Vec4,
    marks: Vec4,
    land: Vec4,
    air: Vec4,
    warmth: Vec4,
    gold: Vec4,
    room: Vec4,
    regions: [Vec4; 64],
}

/// What of the planet a material draws, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part {
    /// The ring of air around it, not the planet itself.
    air: bool,
    /// Without what a rasteriser on the CPU pays dearly.
    plain: bool,
}

impl From<&EarthMaterial> for Part {
    fn from(material: &EarthMaterial) -> Self {
        material.part
    }
}

/// The planet's material.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
#[bind_group_data(Part)]
pub struct EarthMaterial {
    part: Part,
    #[uniform(0)]
    params: EarthParams,
    #[texture(1)]
    #[sampler(2)]
    earth: Handle<Image>,
    #[texture(3)]
    regions: Handle<Image>,
    #[texture(4)]
    near_land: Handle<Image>,
    #[texture(5)]
    #[sampler(6)]
    warmth: Option<Handle<Image>>,
}

impl Material for EarthMaterial {
    fn vertex_shader() -> ShaderRef {
        SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _pipeline: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        shader::vertex_only(
            descriptor,
            layout,
            &[Mesh::ATTRIBUTE_POSITION.at_shader_location(0)],
        )?;
        let Part { air, plain } = key.bind_group_data;
        for (wanted, name) in [(air, "AIR"), (plain, "PLAIN")] {
            if wanted {
                descriptor.vertex.shader_defs.push(name.into());
                if let Some(fragment) = descriptor.fragment.as_mut() {
                    fragment.shader_defs.push(name.into());
                }
            }
        }
        Ok(())
    }
}

/// The texture from which the planet's warmth is read. Whoever paints it puts its handle here; its colour is
/// added to the surface as it is.
#[derive(Resource, Debug, Clone, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct SurfaceGlow {
    /// Equirectangular; `None` for none.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub texture: Option<Handle<Image>>,
    /// How strongly it is added.
    pub gain: f32,
}

/// Which region is where, kept for the pointer.
#[derive(Resource, Debug, Clone)]
pub struct RegionMap {
    width: usize,
    height: usize,
    ids: Vec<u8>,
}

impl RegionMap {
    /// The byte at a latitude and longitude in degrees: region number + 1, 0 for water, 255 for other land.
    pub fn at(&self, lat_deg: f32, lon_deg: f32) -> u8 {
        let u = ((lon_deg + 180.0) / 360.0).rem_euclid(1.0);
        let v = ((90.0 - lat_deg) / 180.0).clamp(0.0, 1.0);
        let x = ((u * self.width as f32) as usize).min(self.width.saturating_sub(1));
        let y = ((v * self.height as f32) as usize).min(self.height.saturating_sub(1));
        self.ids.get(y * self.width + x).copied().unwrap_or(0)
    }

    /// Reads the shipped map at half its size, or one of water alone where it can't be read.
    fn from_gray(width: usize, height: usize, gray: &[u8]) -> Self {
        let (half_width, half_height) = ((width / 2).max(1), (height / 2).max(1));
        let mut ids = vec![0; half_width * half_height];
        for (y, row) in ids.chunks_exact_mut(half_width).enumerate() {
            for (x, id) in row.iter_mut().enumerate() {
                // The highest of the four wins over water, so that small islands stay.
                let block = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .map(|(dx, dy)| gray.get((y * 2 + dy) * width + x * 2 + dx).copied().unwrap_or(0));
                *id = block
                    .into_iter()
                    .filter(|id| *id != 0 && *id != 255)
                    .max()
                    .or(block.into_iter().max())
                    .unwrap_or(0);
            }
        }
        Self {
            width: half_width,
            height: half_height,
            ids,
        }
    }
}

fn decode(path: &str, problems: &mut MessageWriter<FileUnusable>) -> Option<image::DynamicImage> {
    let parse =
        |bytes: Cow<'static, [u8]>| image::load_from_memory(&bytes).map_err(|error| error.to_string());
    let loaded = meridian_core::files::usable(path, parse)
        .inspect_err(|error| error!("{error}"))
        .ok()?;
    Some(own_files::take(loaded, |problem| {
        problems.write(problem);
    }))
}

fn sampler(filter: ImageFilterMode) -> ImageSampler {
    ImageSampler::Descriptor(ImageSamplerDescriptor {
        address_mode_u: ImageAddressMode::Repeat,
        address_mode_v: ImageAddressMode::ClampToEdge,
        mag_filter: filter,
        min_filter: filter,
        ..default()
    })
}

fn texture(
    width: usize,
    height: usize,
    data: Vec<u8>,
    format: TextureFormat,
    filter: ImageFilterMode,
) -> Image {
    let mut image = Image::new(
        Extent3d {
            width: width as u32,
            height: height as u32,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        data,
        format,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.sampler = sampler(filter);
    image
}

/// 255 where land lies within a texel or so, for the shader to leave the open sea alone.
fn near_land(width: usize, height: usize, gray: &[u8]) -> (usize, usize, Vec<u8>) {
    let step = (width / NEAR_LAND_WIDTH).max(1);
    let (out_width, out_height) = ((width / step).max(1), (height / step).max(1));
    let mut land = vec![false; out_width * out_height];
    for y in 0..out_height {
        for x in 0..out_width {
            let any = (0..step).any(|dy| {
                let start = (y * step + dy) * width + x * step;
                gray.get(start..start + step)
                    .is_some_and(|row| row.iter().any(|id| *id != 0))
            });
            if let Some(texel) = land.get_mut(y * out_width + x) {
                *texel = any;
            }
        }
    }
    let mut out = vec![0; out_width * out_height];
    for y in 0..out_height {
        for x in 0..out_width {
            let near = [-1_isize, 0, 1].into_iter().any(|dy| {
                // Near the poles a texel is narrow.
                [-2_isize, -1, 0, 1, 2].into_iter().any(|dx| {
                    let row = y.saturating_add_signed(dy).min(out_height - 1);
                    let column = (x as isize + dx).rem_euclid(out_width as isize) as usize;
                    land.get(row * out_width + column).copied().unwrap_or(false)
                })
            });
            if let Some(texel) = out.get_mut(y * out_width + x) {
                *texel = if near { 255 } else { 0 };
            }
        }
    }
    (out_width, out_height, out)
}

#[derive(Resource)]
struct Earth {
    /// The disc and the air.
    parts: [Handle<EarthMaterial>; 2],
    /// Seconds since the regions' value was looked at.
    since_choropleth_secs: f32,
}

fn spawn_earth(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<EarthMaterial>>,
    view: Res<View>,
    mut problems: MessageWriter<FileUnusable>,
) {
    let (width, height, gray) =
        decode(regions_file(view.worldview), &mut problems).map_or((1, 1, vec![0]), |image| {
            let gray = image.into_luma8();
            (gray.width() as usize, gray.height() as usize, gray.into_raw())
        });
    commands.insert_resource(RegionMap::from_gray(width, height, &gray));
    let (near_width, near_height, near) = near_land(width, height, &gray);
    let (earth_width, earth_height, earth) =
        decode(EARTH_FILE, &mut problems).map_or((1, 1, vec![0; 4]), |image| {
            let colours = image.into_rgba8();
            (
                colours.width() as usize,
                colours.height() as usize,
                colours.into_raw(),
            )
        });
    let nearest = ImageFilterMode::Nearest;
    let disc = EarthMaterial {
        part: Part {
            air: false,
            plain: false,
        },
        params: EarthParams {
            sun: Vec4::Z,
            dots: Vec4::new(DOTS, DOTS, 0.0, 0.0),
            marks: Vec4::ZERO,
            land: light::LAND.extend(0.0),
            air: light::AIR.extend(0.0),
            warmth: light::WARMTH.extend(0.0),
            gold: light::ORDER.extend(0.0),
            room: light::ROOM.extend(0.0),
            regions: [Vec4::ZERO; 64],
        },
        earth: images.add(texture(
            earth_width,
            earth_height,
            earth,
            TextureFormat::Rgba8Unorm,
            ImageFilterMode::Linear,
        )),
        regions: images.add(texture(width, height, gray, TextureFormat::R8Unorm, nearest)),
        near_land: images.add(texture(
            near_width,
            near_height,
            near,
            TextureFormat::R8Unorm,
            nearest,
        )),
        warmth: None,
    };
    let air = EarthMaterial {
        part: Part {
            air: true,
            ..disc.part
        },
        ..disc.clone()
    };
    let parts = [
        (meshes.add(ring::number_mesh(disc_corners())), materials.add(disc)),
        (meshes.add(ring::number_mesh(air_corners())), materials.add(air)),
    ];
    for (mesh, material) in &parts {
        commands.spawn((
            Mesh3d(mesh.clone()),
            MeshMaterial3d(material.clone()),
            NoFrustumCulling,
            RenderLayers::layer(PLANET_LAYER),
            Transform::IDENTITY,
        ));
    }
    commands.insert_resource(Earth {
        parts: parts.map(|(_, material)| material),
        since_choropleth_secs: f32::INFINITY,
    });
}

/// Corners of a polygon round the unit circle: on it, or just outside.
fn circle(outside: bool) -> Vec<Vec2> {
    const CORNERS: usize = 64;
    let radius = if outside {
        1.0 / (std::f32::consts::PI / CORNERS as f32).cos()
    } else {
        1.0
    };
    (0..CORNERS)
        .map(|corner| Vec2::from_angle(corner as f32 / CORNERS as f32 * std::f32::consts::TAU) * radius)
        .collect()
}

/// Triangles that cover the unit disc.
fn disc_corners() -> Vec<[f32; 3]> {
    let rim = circle(true);
    let next = rim.iter().cycle().skip(1);
    rim.iter()
        .zip(next)
        .flat_map(|(a, b)| [[0.0; 3], [a.x, a.y, 0.0], [b.x, b.y, 0.0]])
        .collect()
}

/// Triangles from the unit circle outwards; the third number is 1 at the outer edge.
fn air_corners() -> Vec<[f32; 3]> {
    let (inner, outer) = (circle(false), circle(true));
    let pairs: Vec<(&Vec2, &Vec2)> = inner.iter().zip(&outer).collect();
    let next = pairs.iter().cycle().skip(1);
    pairs
        .iter()
        .zip(next)
        .flat_map(|((a, far_a), (b, far_b))| {
            let near = |point: &Vec2| [point.x, point.y, 0.0];
            let far = |point: &Vec2| [point.x, point.y, 1.0];
            [near(a), far(far_a), far(far_b), near(a), far(far_b), near(b)]
        })
        .collect()
}

/// The two lattices' numbers of dots and the finer one's share. At rest it is one lattice alone.
fn lattices(sight: &Sight, layout: &Layout) -> (f32, f32, f32) {
    let rest_level = (layout.globe_radius / REFERENCE_RADIUS_PX)
        .max(0.1)
        .log2()
        .round();
    let nearer = (sight.rest_distance - 1.0) / (sight.distance - 1.0).max(0.01);
    let level = (rest_level + 1.5 * nearer.max(0.01).log2()).clamp(-2.0, 6.0);
    let coarse = level.floor();
    // Most of a level's way shows one lattice; only the middle fades between two.
    let share = ((level - coarse - 0.35) / 0.3).clamp(0.0, 1.0);
    let coarse_dots = (DOTS * coarse.exp2()).round();
    (coarse_dots, coarse_dots * 2.0, ease::soft(share))
}

fn mark(region: Option<meridian_core::sales::RegionId>) -> f32 {
    region.map_or(0.0, |region| f32::from(region.0) + 1.0)
}

/// Each region's value as a share of the greatest, on a scale that lets small ones be seen.
fn choropleth(ledger: &Ledger) -> [Vec4; 64] {
    let mut out = [Vec4::ZERO; 64];
    let greatest = ledger
        .regions
        .iter()
        .map(|counts| counts.gmv_minor)
        .max()
        .unwrap_or(0);
    if greatest <= 0 {
        return out;
    }
    for (id, counts) in ledger.regions.iter().enumerate() {
        let share = (counts.gmv_minor.max(0) as f32 / greatest as f32).powf(0.3);
        if let Some(slot) = out.get_mut((id + 1) / 4) {
            slot[(id + 1) % 4] = share;
        }
    }
    out
}

/// Tells the shader what changed; nothing is written when nothing did.
fn light_earth(
    time: Res<Time>,
    ledger: Res<Ledger>,
    view: Res<View>,
    budget: Res<Budget>,
    layout: Res<Layout>,
    sight: Res<Sight>,
    glow: Res<SurfaceGlow>,
    mut look: ResMut<PlanetLook>,
    mut earth: ResMut<Earth>,
    mut materials: ResMut<Assets<EarthMaterial>>,
) {
    let [disc, _] = &earth.parts;
    let Some(current) = materials.get(disc) else {
        return;
    };
    let mut params = current.params;
    let towards_sun = sun::sun_direction(ledger.event_ms);
    if params.sun.truncate().distance(towards_sun) > 4e-4 {
        params.sun = towards_sun.extend(params.sun.w);
    }
    params.sun.w = if view.quality >= Quality::Low { 1.0 } else { 0.0 };
    let (coarse, fine, share) = lattices(&sight, &layout);
    params.dots = Vec4::new(coarse, fine, share, layout.size.y);
    let has_glow = view.layers.warmth && glow.texture.is_some();
    params.marks = Vec4::new(
        mark(view.hovered),
        mark(view.selected),
        if view.layers.choropleth { 1.0 } else { 0.0 },
        if has_glow { glow.gain } else { 0.0 },
    );
    earth.since_choropleth_secs += time.delta_secs();
    if view.layers.choropleth && earth.since_choropleth_secs >= CHOROPLETH_SECS {
        earth.since_choropleth_secs = 0.0;
        params.regions = choropleth(&ledger);
    }
    let plain = view.quality == Quality::Software || !budget.fine_land;
    if params == current.params && current.warmth == glow.texture && current.part.plain == plain {
        return;
    }
    look.revision += 1;
    let sun_moved = params.sun != current.params.sun || current.part.plain != plain;
    for (part, handle) in earth.parts.iter().enumerate() {
        // The air knows nothing but the sun.
        if (part == 0 || sun_moved)
            && let Some(mut material) = materials.get_mut(handle)
        {
            material.params = params;
            material.part.plain = plain;
            material.warmth.clone_from(&glow.texture);
        }
    }
}

/// The planet.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, "shaders/earth.wgsl");
    app.add_plugins(MaterialPlugin::<EarthMaterial>::default())
        .init_resource::<SurfaceGlow>()
        .add_systems(Startup, spawn_earth)
        .add_systems(PostUpdate, light_earth.run_if(resource_exists::<Earth>));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lattice_alone_at_rest() {
        for size in [
            (1280.0, 720.0),
            (1920.0, 1080.0),
            (3840.0, 2160.0),
            (3840.0, 860.0),
        ] {
            let layout = Layout::for_size(Vec2::new(size.0, size.1));
            let sight = Sight::new(super::super::camera::Rig::default().pose(), &layout);
            let (_, _, share) = lattices(&sight, &layout);
            assert!(!(1e-3..=0.999).contains(&share), "{size:?}: {share}");
        }
    }

    #[test]
    fn islands_stay_on_the_small_map() {
        let mut gray = vec![0_u8; 8 * 4];
        if let Some(texel) = gray.get_mut(9) {
            *texel = 7;
        }
        let map = RegionMap::from_gray(8, 4, &gray);
        assert_eq!(map.at(67.5, -135.0), 7);
        assert_eq!(map.at(-67.5, 135.0), 0);
    }
}
