//! How a product's surfaces are drawn: glTF's metallic-roughness model under a studio's light, with a texture transform for
//! each texture, sheen, lacquer and glass. One shader; each surface pays for what it has.

use bevy::asset::uuid_handle;
use bevy::math::Affine2;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError,
};
use bevy::shader::{Shader, ShaderDefVal, ShaderRef};

use crate::globe::shader;
use meridian_product::model::{Alpha, Material as Surface, Texture};

const SURFACE: Handle<Shader> = uuid_handle!("b0d6f52a-1c52-4d0c-8a4f-0d3e9a3c7e11");
const GROUND: Handle<Shader> = uuid_handle!("5a3c4c0e-8d3b-4a7a-b8e2-6a9f53c0aa12");

/// What the shader is told about a surface. See `product.wgsl`.
#[derive(ShaderType, Debug, Clone, Copy, PartialEq)]
pub struct Params {
    base: Vec4,
    /// Light given off; the alpha that a mask asks for.
    emissive: Vec4,
    /// Metallic, roughness, normal scale, occlusion strength.
    surface: Vec4,
    /// Reflection straight on, without metal; its strength at grazing angles.
    f0: Vec4,
    /// Lacquer, its roughness, sheen's roughness, transmission.
    coat: Vec4,
    /// Sheen's colour; alpha that stands for transmission.
    sheen: Vec4,
    /// Colour after the attenuation distance; thickness.
    volume: Vec4,
    /// 1 / attenuation distance, index of refraction, 0, 0.
    glass: Vec4,
    /// Two for each texture: x and y columns; offset.
    uv: [Vec4; 10],
    /// Colour and brightness; turn about +Y in radians.
    light: Vec4,
    /// See [`meridian_product::studio::Studio::harmonics`].
    harmonics: [Vec4; 9],
}

/// The light that falls on everything in the showroom.
#[derive(Debug, Clone)]
pub struct Lighting {
    /// Radiance by direction and roughness.
    pub map: Handle<Image>,
    /// What surfaces give back of an even light, by angle and roughness.
    pub albedo: Handle<Image>,
    /// Irradiance.
    pub harmonics: [Vec4; 9],
    /// Colour and brightness.
    pub intensity: Vec3,
    /// Turned about +Y, in radians.
    pub turn: f32,
}

/// Which parts of the shader a surface needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Key {
    bits: u32,
}

/// A product's surface.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
#[bind_group_data(Key)]
pub struct ProductMaterial {
    #[uniform(0)]
    pub(super) params: Params,
    #[texture(1)]
    #[sampler(2)]
    base: Option<Handle<Image>>,
    #[texture(3)]
    #[sampler(4)]
    metallic_roughness: Option<Handle<Image>>,
    #[texture(5)]
    #[sampler(6)]
    normal: Option<Handle<Image>>,
    #[texture(7)]
    #[sampler(8)]
    occlusion: Option<Handle<Image>>,
    #[texture(9)]
    #[sampler(10)]
    emissive: Option<Handle<Image>>,
    #[texture(11)]
    #[sampler(12)]
    pub(super) light: Handle<Image>,
    #[texture(13)]
    albedo: Handle<Image>,
    bits: u32,
    alpha: Alpha,
    transmits: bool,
}

impl From<&ProductMaterial> for Key {
    fn from(material: &ProductMaterial) -> Self {
        Self { bits: material.bits }
    }
}

const DEFS: [&str; 18] = [
    "BASE_TEXTURE",
    "BASE_UV_B",
    "METALLIC_ROUGHNESS_TEXTURE",
    "METALLIC_ROUGHNESS_UV_B",
    "NORMAL_TEXTURE",
    "NORMAL_UV_B",
    "OCCLUSION_TEXTURE",
    "OCCLUSION_UV_B",
    "EMISSIVE_TEXTURE",
    "EMISSIVE_UV_B",
    "COAT",
    "SHEEN",
    "TRANSMISSION",
    "GLASS",
    "UNLIT",
    "MASK",
    "BLEND",
    "DOUBLE_SIDED",
];
/// The colour attribute's alpha is the openness to light.
pub const VERTEX_OCCLUSION: u32 = 1 << 18;

/// How much a surface may ask of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Richness {
    /// Glass shows the room's light only.
    Lean,
    /// Glass shows what is behind it.
    Full,
}

impl ProductMaterial {
    /// A surface under a light; `image` gives a texture's picture.
    pub fn new(
        surface: &Surface,
        lighting: &Lighting,
        richness: Richness,
        vertex_occlusion: bool,
        mut image: impl FnMut(&Texture, bool) -> Option<Handle<Image>>,
    ) -> Self {
        let slots = [
            (surface.base_texture, true),
            (surface.metallic_roughness_texture, false),
            (surface.normal_texture, false),
            (surface.occlusion_texture, false),
            (surface.emissive_texture, true),
        ];
        let mut bits = 0;
        let mut uv = [Vec4::ZERO; 10];
        let mut pictures: [Option<Handle<Image>>; 5] = Default::default();
        for (at, (texture, srgb)) in slots.iter().enumerate() {
            let Some(texture) = texture else { continue };
            let [x, y, offset] = texture.transform;
            if let (Some(columns), Some(slot)) = (uv.get_mut(at * 2..at * 2 + 2), pictures.get_mut(at)) {
                columns.copy_from_slice(&[Vec4::new(x.x, x.y, y.x, y.y), offset.extend(0.0).extend(0.0)]);
                *slot = image(texture, *srgb);
                bits |= 1 << (at * 2);
                bits |= u32::from(texture.uv == 1) << (at * 2 + 1);
            }
        }
        let transmission = surface.transmission;
        let transmits = transmission > 0.0 && richness == Richness::Full;
        let glass = transmission > 0.0 && !transmits;
        let mut set = |name: &str, on: bool| {
            if let Some(at) = DEFS.iter().position(|def| *def == name) {
                bits |= u32::from(on) << at;
            }
        };
        set("COAT", surface.clearcoat.0 > 0.0);
        set("SHEEN", surface.sheen.0.max_element() > 0.0);
        set("TRANSMISSION", transmits);
        set("GLASS", glass);
        set("UNLIT", surface.unlit);
        set("MASK", matches!(surface.alpha, Alpha::Mask(_)));
        set("BLEND", surface.alpha == Alpha::Blend || glass);
        set("DOUBLE_SIDED", surface.double_sided);
        if vertex_occlusion {
            bits |= VERTEX_OCCLUSION;
        }
        let [base, metallic_roughness, normal, occlusion, emissive] = pictures;
        let dielectric = ((surface.ior - 1.0) / (surface.ior + 1.0)).powi(2);
        let (weight, tint) = surface.specular;
        let cutoff = if let Alpha::Mask(cutoff) = surface.alpha {
            cutoff
        } else {
            0.0
        };
        Self {
            params: Params {
                base: surface.base,
                emissive: surface.emissive.extend(cutoff),
                surface: Vec4::new(
                    surface.metallic,
                    surface.roughness,
                    surface.normal_scale,
                    surface.occlusion_strength,
                ),
                f0: (tint * dielectric).min(Vec3::ONE).extend(1.0) * weight,
                coat: Vec4::new(
                    surface.clearcoat.0,
                    surface.clearcoat.1,
                    surface.sheen.1,
                    transmission,
                ),
                sheen: surface.sheen.0.extend(surface.fallback_alpha),
                volume: surface.attenuation.extend(surface.thickness),
                glass: Vec4::new(1.0 / surface.attenuation_distance, surface.ior, 0.0, 0.0),
                uv,
                light: Vec4::ZERO,
                harmonics: lighting.harmonics,
            },
            base,
            metallic_roughness,
            normal,
            occlusion,
            emissive,
            light: lighting.map.clone(),
            albedo: lighting.albedo.clone(),
            bits,
            alpha: if glass { Alpha::Blend } else { surface.alpha },
            transmits,
        }
        .lit(lighting)
    }

    fn lit(mut self, lighting: &Lighting) -> Self {
        self.light_by(lighting);
        self
    }

    /// Which form of the shader draws it.
    pub fn form(&self) -> u32 {
        let blended = match self.alpha {
            Alpha::Opaque => 0,
            Alpha::Mask(_) => 1,
            Alpha::Blend => 2,
        };
        self.bits | blended << 24 | u32::from(self.transmits) << 26
    }

    /// Puts it under another light.
    pub fn light_by(&mut self, lighting: &Lighting) {
        self.light = lighting.map.clone();
        self.albedo = lighting.albedo.clone();
        self.params.light = lighting.intensity.extend(lighting.turn);
        self.params.harmonics = lighting.harmonics;
    }
}

impl Material for ProductMaterial {
    fn fragment_shader() -> ShaderRef {
        SURFACE.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        match self.alpha {
            Alpha::Opaque => AlphaMode::Opaque,
            Alpha::Mask(cutoff) => AlphaMode::Mask(cutoff),
            Alpha::Blend => AlphaMode::Premultiplied,
        }
    }

    fn reads_view_transmission_texture(&self) -> bool {
        self.transmits
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
        _layout: &MeshVertexBufferLayoutRef,
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        let bits = key.bind_group_data.bits;
        let on = |name: &str| {
            DEFS.iter()
                .position(|def| *def == name)
                .is_some_and(|at| bits >> at & 1 == 1)
        };
        if let Some(fragment) = &mut descriptor.fragment {
            for (at, def) in DEFS.iter().enumerate() {
                if bits >> at & 1 == 1 {
                    fragment
                        .shader_defs
                        .push(ShaderDefVal::Bool((*def).to_owned(), true));
                }
            }
            if bits & VERTEX_OCCLUSION != 0 {
                fragment
                    .shader_defs
                    .push(ShaderDefVal::Bool("VERTEX_OCCLUSION".to_owned(), true));
            }
        }
        descriptor.primitive.cull_mode = if on("DOUBLE_SIDED") {
            None
        } else {
            Some(bevy::render::render_resource::Face::Back)
        };
        Ok(())
    }
}

/// What the ground's shader is told.
#[derive(ShaderType, Debug, Clone, Copy, PartialEq)]
pub struct GroundParams {
    /// Colour of the pool of light; its opacity.
    pub pool: Vec4,
    /// Radius of the turntable's rim over the ground's, how bright it is, where its mark is (radians), darkness of the shadow.
    pub rim: Vec4,
    /// The shadow's square in the ground's coordinates: middle, half side, turn in radians.
    pub shadow: Vec4,
    /// The rim's colour.
    pub line: Vec4,
}

/// The ground that a product stands on: a pool of light, the turntable's rim, the shadow.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct GroundMaterial {
    /// What the shader is told.
    #[uniform(0)]
    pub params: GroundParams,
    /// The shadow, in red.
    #[texture(1)]
    #[sampler(2)]
    pub shadow: Option<Handle<Image>>,
}

impl Material for GroundMaterial {
    fn fragment_shader() -> ShaderRef {
        GROUND.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Premultiplied
    }

    fn depth_bias(&self) -> f32 {
        -1000.0
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
        _layout: &MeshVertexBufferLayoutRef,
        _key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.primitive.cull_mode = None;
        Ok(())
    }
}

/// A texture coordinate as the shader has it, for tests and picking.
pub fn moved(texture: &Texture, uv: Vec2) -> Vec2 {
    let [x, y, offset] = texture.transform;
    Affine2::from_cols(x, y, offset).transform_point2(uv)
}

/// The shaders.
pub fn plugin(app: &mut App) {
    shader::load(app, &SURFACE, "shaders/product.wgsl");
    shader::load(app, &GROUND, "shaders/ground.wgsl");
    app.add_plugins((
        MaterialPlugin::<ProductMaterial>::default(),
        MaterialPlugin::<GroundMaterial>::default(),
    ));
}
