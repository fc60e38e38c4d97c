//! One ring of light round the planet for a milestone.

use bevy::asset::uuid_handle;
use bevy::camera::visibility::NoFrustumCulling;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, RenderPipelineDescriptor, ShaderType, SpecializedMeshPipelineError,
};
use bevy::shader::{Shader, ShaderRef};

use super::geo::world_from_lat_lon;
use super::{ring, shader};
use crate::DisplaySystems;
use crate::ledger::{Ledger, MilestoneReached, Regions};
use crate::theme::duration::WAVE_SECS;
use crate::theme::light;
use crate::view::View;
use meridian_core::sales::RegionId;

const SHADER: Handle<Shader> = uuid_handle!("0f9a4d1b-6fd8-4c0a-9a45-6f2b0c6a5f31");
/// Divisions round the ring and across its band.
const ROUND: usize = 128;
const ACROSS: usize = 8;

#[derive(ShaderType, Debug, Clone, Copy, PartialEq)]
struct WaveParams {
    /// The hub; progress 0 to 1.
    hub: Vec4,
    /// Colour; 1 for a still glow.
    colour: Vec4,
}

/// The wave's material.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct WaveMaterial {
    #[uniform(0)]
    params: WaveParams,
}

impl Material for WaveMaterial {
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
        shader::vertex_only(
            descriptor,
            layout,
            &[Mesh::ATTRIBUTE_POSITION.at_shader_location(0)],
        )
    }
}

#[derive(Resource)]
struct Wave {
    material: Handle<WaveMaterial>,
    entity: Entity,
    started_secs: Option<f64>,
}

fn spawn_wave(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<WaveMaterial>>,
) {
    let mut numbers = Vec::with_capacity(ROUND * ACROSS * 6);
    for round in 0..ROUND {
        for across in 0..ACROSS {
            for (du, dv) in [(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)] {
                numbers.push([
                    (round + du) as f32 / ROUND as f32,
                    (across + dv) as f32 / ACROSS as f32,
                    0.0,
                ]);
            }
        }
    }
    let material = materials.add(WaveMaterial {
        params: WaveParams {
            hub: Vec4::ZERO,
            colour: Vec4::ZERO,
        },
    });
    let entity = commands
        .spawn((
            Mesh3d(meshes.add(ring::number_mesh(numbers))),
            MeshMaterial3d(material.clone()),
            NoFrustumCulling,
            Visibility::Hidden,
        ))
        .id();
    commands.insert_resource(Wave {
        material,
        entity,
        started_secs: None,
    });
}

/// Where waves begin: China's representative point, or that of the region with the greatest value.
fn hub(regions: &Regions, ledger: &Ledger) -> Vec3 {
    let id = regions
        .0
        .by_iso2("CN")
        .or_else(|| ledger.ranking(1).first().map(|(region, _)| RegionId(*region)));
    id.and_then(|id| regions.0.region(id)).map_or(Vec3::Z, |region| {
        world_from_lat_lon(region.lat as f32, region.lon as f32)
    })
}

fn send_wave(
    time: Res<Time>,
    view: Res<View>,
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    mut reached: MessageReader<MilestoneReached>,
    mut materials: ResMut<Assets<WaveMaterial>>,
    mut wave: ResMut<Wave>,
    mut visibilities: Query<&mut Visibility>,
) {
    let now_secs = time.elapsed_secs_f64();
    if reached.read().count() > 0 {
        wave.started_secs = Some(now_secs);
    }
    let Some(started_secs) = wave.started_secs else {
        return;
    };
    let progress = ((now_secs - started_secs) / f64::from(WAVE_SECS)) as f32;
    let over = progress >= 1.0;
    if let Ok(mut visibility) = visibilities.get_mut(wave.entity) {
        visibility.set_if_neq(if over {
            Visibility::Hidden
        } else {
            Visibility::Visible
        });
    }
    if over {
        wave.started_secs = None;
    } else if let Some(mut material) = materials.get_mut(&wave.material) {
        let colour = light::ORDER.lerp(Vec3::ONE, 0.25);
        material.params = WaveParams {
            hub: hub(&regions, &ledger).extend(progress),
            colour: colour.extend(if view.reduced_motion { 1.0 } else { 0.0 }),
        };
    }
}

/// The wave.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, "shaders/wave.wgsl");
    app.add_plugins(MaterialPlugin::<WaveMaterial>::default())
        .add_systems(Startup, spawn_wave)
        .add_systems(
            Update,
            send_wave
                .run_if(resource_exists::<Wave>.and_then(resource_exists::<Regions>))
                .in_set(DisplaySystems::Follow),
        );
}
