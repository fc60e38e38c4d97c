//! Value by region as slim columns of light. Their height grows with the root of the value.

use bevy::camera::visibility::NoFrustumCulling;
use bevy::mesh::MeshTag;
use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;

use super::geo::world_from_lat_lon;
use super::ring::{self, Header, Instance, Uploads, pack_direction};
use super::shader;
use crate::DisplaySystems;
use crate::ledger::{Ledger, Regions};
use crate::theme::light;
use crate::view::View;

/// The most regions.
const CAPACITY: usize = 256;
/// Seconds between two looks at the ledger.
const UPDATE_SECS: f64 = 0.25;
/// The highest column, in radii of the planet.
const MAX_HEIGHT: f32 = 0.55;

ring::glow_material!(
    /// The columns' material.
    ColumnsMaterial,
    "e36b52d0-6f0e-4cf7-9b4d-9f1f36a0c4b7",
    "shaders/columns.wgsl"
);

#[derive(Resource)]
struct Columns {
    buffer: Handle<ShaderBuffer>,
    entity: Entity,
    updated_secs: Option<f64>,
}

fn spawn_columns(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<ColumnsMaterial>>,
) {
    let buffer = buffers.add(ring::instance_buffer(CAPACITY));
    let mut numbers = Vec::with_capacity(CAPACITY * 6);
    for column in 0..CAPACITY {
        for (height, side) in [
            (0.0, -1.0),
            (1.0, -1.0),
            (1.0, 1.0),
            (0.0, -1.0),
            (1.0, 1.0),
            (0.0, 1.0),
        ] {
            numbers.push([column as f32, height, side]);
        }
    }
    let entity = commands
        .spawn((
            Mesh3d(meshes.add(ring::number_mesh(numbers))),
            MeshMaterial3d(materials.add(ColumnsMaterial { data: buffer.clone() })),
            MeshTag(0),
            NoFrustumCulling,
            Visibility::Hidden,
        ))
        .id();
    commands.insert_resource(Columns {
        buffer,
        entity,
        updated_secs: None,
    });
}

fn raise_columns(
    time: Res<Time>,
    view: Res<View>,
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    mut uploads: ResMut<Uploads>,
    mut columns: ResMut<Columns>,
    mut visibilities: Query<&mut Visibility>,
) {
    if let Ok(mut visibility) = visibilities.get_mut(columns.entity) {
        visibility.set_if_neq(if view.layers.columns {
            Visibility::Visible
        } else {
            Visibility::Hidden
        });
    }
    let now_secs = time.elapsed_secs_f64();
    if !view.layers.columns
        || columns
            .updated_secs
            .is_some_and(|then| now_secs - then < UPDATE_SECS)
    {
        return;
    }
    columns.updated_secs = Some(now_secs);
    let greatest = ledger
        .regions
        .iter()
        .map(|counts| counts.gmv_minor)
        .max()
        .unwrap_or(0)
        .max(1) as f32;
    let mut instances: Vec<Instance> = regions
        .0
        .regions()
        .iter()
        .take(CAPACITY)
        .enumerate()
        .map(|(id, region)| {
            let value = ledger.regions.get(id).map_or(0, |counts| counts.gmv_minor).max(0);
            Instance {
                a: pack_direction(world_from_lat_lon(
                    region.label_lat as f32,
                    region.label_lon as f32,
                )),
                b: 0,
                birth_ms: 0,
                weight: (value as f32 / greatest).sqrt() * MAX_HEIGHT,
            }
        })
        .collect();
    instances.resize(CAPACITY, bytemuck::Zeroable::zeroed());
    uploads.header(
        &columns.buffer,
        &Header {
            now_ms: 0,
            params: [0.0; 3],
            first: light::ORDER.extend(0.0).to_array(),
            second: [0.0; 4],
        },
    );
    uploads.instances(&columns.buffer, 0, &instances);
}

/// The columns.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, SHADER_FILE);
    app.add_plugins(MaterialPlugin::<ColumnsMaterial>::default())
        .add_systems(Startup, spawn_columns)
        .add_systems(
            Update,
            raise_columns
                .run_if(resource_exists::<Columns>.and_then(resource_exists::<Regions>))
                .in_set(DisplaySystems::Follow),
        );
}
