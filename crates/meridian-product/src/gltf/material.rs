//! Materials and their variants.

use glam::{Vec3, Vec4};
use serde_json::Value;

use super::{ModelError, Reader, member, number, vector};
use crate::model::{Alpha, Material, Model};

impl Reader<'_> {
    pub(super) fn material(
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

    pub(super) fn variants(&self) -> Vec<String> {
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
}

/// Surfaces that are double-sided and blended, yet hide everything behind them: drawn as what they
/// are, their far walls stay behind the near ones.
pub(super) fn make_opaque(model: &mut Model) {
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
