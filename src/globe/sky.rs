//! The stars behind the planet: 5,044 of them, where they stand at event time.

use std::borrow::Cow;

use bevy::asset::{RenderAssetUsages, uuid_handle};
use bevy::camera::visibility::{NoFrustumCulling, RenderLayers};
use bevy::mesh::{MeshVertexBufferLayoutRef, PrimitiveTopology};
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError,
};
use bevy::shader::{Shader, ShaderRef};

use super::geo::world_from_lat_lon;
use super::{PLANET_LAYER, PlanetLook, shader, sun};
use crate::DisplaySystems;
use crate::ledger::Ledger;
use crate::own_files::{self, FileUnusable};

const SHADER: Handle<Shader> = uuid_handle!("5a0f7c1e-92a4-4d6b-b1de-3f5e0b7a6c21");
/// Right ascension (u16, a turn is 65,536), declination (i16, ±90° is ±32,767), magnitude and B−V (u8).
const STARS_FILE: &str = "assets/data/stars_mag6.bin";
const BYTES_PER_STAR: usize = 6;

#[derive(ShaderType, Debug, Clone, Copy)]
struct SkyParams {
    look: Vec4,
}

/// The stars' material.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct SkyMaterial {
    #[uniform(0)]
    params: SkyParams,
}

impl Material for SkyMaterial {
    fn vertex_shader() -> ShaderRef {
        SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Add
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
        _key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        let attributes = [
            Mesh::ATTRIBUTE_POSITION.at_shader_location(0),
            Mesh::ATTRIBUTE_UV_0.at_shader_location(1),
            Mesh::ATTRIBUTE_COLOR.at_shader_location(2),
        ];
        shader::vertex_only(descriptor, layout, &attributes)
    }
}

#[derive(Component)]
struct Sky;

/// Direction at sidereal time 0, linear colour and size of a star.
fn star(bytes: &[u8]) -> Option<(Vec3, [f32; 4])> {
    let [ra0, ra1, dec0, dec1, magnitude, blue_red] = *bytes else {
        return None;
    };
    let ra_deg = f32::from(u16::from_le_bytes([ra0, ra1])) * 360.0 / 65_536.0;
    let dec_deg = f32::from(i16::from_le_bytes([dec0, dec1])) * 90.0 / 32_767.0;
    // Magnitude −1.5 to 6.5 and B−V −0.4 to 2.0 over the byte's range.
    let magnitude = -1.5 + f32::from(magnitude) * 8.0 / 255.0;
    let blue_red = (f32::from(blue_red) * 2.4 / 255.0).clamp(0.0, 2.4) / 2.4;
    let brightness = 10.0_f32.powf(-0.22 * (magnitude - 1.0)).clamp(0.06, 1.6);
    let colour = Vec3::new(0.72, 0.84, 1.0).lerp(Vec3::new(1.0, 0.80, 0.62), blue_red) * brightness;
    Some((
        world_from_lat_lon(dec_deg, ra_deg),
        [colour.x, colour.y, colour.z, 0.8 + 0.7 * brightness.min(1.2)],
    ))
}

fn stars_mesh(bytes: &[u8]) -> Mesh {
    // A triangle about the unit circle.
    const CORNERS: [[f32; 2]; 3] = [[0.0, 2.0], [-1.732, -1.0], [1.732, -1.0]];
    let mut positions = Vec::new();
    let mut corners = Vec::new();
    let mut colours = Vec::new();
    for (direction, colour) in bytes.chunks_exact(BYTES_PER_STAR).filter_map(star) {
        for corner in CORNERS {
            positions.push(direction.to_array());
            corners.push(corner);
            colours.push(colour);
        }
    }
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, corners)
        .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, colours)
}

fn spawn_sky(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SkyMaterial>>,
    mut problems: MessageWriter<FileUnusable>,
) {
    let whole = |bytes: Cow<'static, [u8]>| match bytes.len() % BYTES_PER_STAR {
        0 => Ok(bytes),
        _ => Err(format!(
            "{} bytes aren't a whole number of stars of {BYTES_PER_STAR}",
            bytes.len()
        )),
    };
    let bytes = match meridian_core::files::usable(STARS_FILE, whole) {
        Ok(loaded) => own_files::take(loaded, |problem| {
            problems.write(problem);
        }),
        Err(error) => {
            error!("{error}");
            return;
        }
    };
    commands.spawn((
        Sky,
        Mesh3d(meshes.add(stars_mesh(&bytes))),
        MeshMaterial3d(materials.add(SkyMaterial {
            params: SkyParams {
                look: Vec4::new(1.25, 0.34, 0.0, 0.0),
            },
        })),
        NoFrustumCulling,
        RenderLayers::layer(PLANET_LAYER),
        // Sorted before everything else that is see-through.
        Transform::from_xyz(0.0, 0.0, 0.0),
    ));
}

fn turn_sky(ledger: Res<Ledger>, mut look: ResMut<PlanetLook>, mut skies: Query<&mut Transform, With<Sky>>) {
    let turned = Quat::from_rotation_y(-(sun::sidereal_deg(ledger.event_ms) as f32).to_radians());
    for mut transform in &mut skies {
        if transform.rotation.angle_between(turned) > 2e-4 {
            transform.rotation = turned;
            look.revision += 1;
        }
    }
}

/// The stars.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, "shaders/sky.wgsl");
    app.add_plugins(MaterialPlugin::<SkyMaterial>::default())
        .add_systems(Startup, spawn_sky)
        .add_systems(Update, turn_sky.in_set(DisplaySystems::Follow));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_stars_are_whole_and_sirius_is_the_brightest() {
        let bytes = meridian_core::files::read(STARS_FILE).unwrap();
        assert_eq!(bytes.len(), 5_044 * BYTES_PER_STAR);
        let (brightest, _) = bytes
            .chunks_exact(BYTES_PER_STAR)
            .map(|bytes| (star(bytes).unwrap().0, bytes[4]))
            .min_by_key(|(_, magnitude)| *magnitude)
            .unwrap();
        // Sirius: 6 h 45 min, −16.7°.
        assert!(brightest.distance(world_from_lat_lon(-16.7, 101.3)) < 0.01);
    }
}
