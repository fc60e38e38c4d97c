//! Parcels across borders: ribbons that fly from their region to their place, and a ring where they land.

use bevy::mesh::Indices;
use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;

use super::geo::world_from_lat_lon;
use super::ring::{self, Header, Instance, Ring, Uploads, pack_direction};
use super::shader;
use crate::DisplaySystems;
use crate::layout::Layout;
use crate::ledger::{LightsArrived, Regions};
use crate::quality::Quality;
use crate::theme::duration::ARC_SECS;
use crate::theme::light;
use crate::view::View;
use meridian_core::sales::{Catalogue, PlaceId, RegionId};
use meridian_wire::Arcs;

/// Arcs of the ring.
const CAPACITY: usize = 16_384;
/// Arcs of a mesh: what is drawn or left out together.
const CHUNK: usize = 256;
/// Seconds after the landing until trail and landing ring are gone.
const AFTER_SECS: f32 = 0.9;
/// Departures of a tick are spread over this long.
const SPREAD_MS: u32 = 100;

ring::glow_material!(
    /// The arcs' material.
    ArcsMaterial,
    "1d6e20bf-9a57-4f21-b0c5-2f83c1d1e4aa",
    "shaders/arcs.wgsl"
);

/// What was drawn.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct ArcStats {
    /// Arcs that live now.
    pub alive: usize,
    /// Arcs written over while they lived. 0 means that every one was seen to its end.
    pub overwritten: u64,
}

/// Packs arcs that arrived at `now_ms` of app time. Those with an unknown region or place are left out.
pub fn pack(arcs: &Arcs, catalogue: &Catalogue, now_ms: u64, out: &mut Vec<Instance>) {
    let columns = arcs.from_region.iter().zip(&arcs.to_place).zip(&arcs.parcels);
    for (at, ((from, to), parcels)) in columns.enumerate() {
        let (Some(from), Some(to)) = (catalogue.region(RegionId(*from)), catalogue.place(PlaceId(*to)))
        else {
            continue;
        };
        out.push(Instance {
            a: pack_direction(world_from_lat_lon(from.lat as f32, from.lon as f32)),
            b: pack_direction(world_from_lat_lon(to.lat, to.lon)),
            // A stride without a common factor, so that neighbours in the batch don't leave together.
            birth_ms: (now_ms as u32).wrapping_add((at as u32).wrapping_mul(37) % SPREAD_MS),
            weight: *parcels as f32,
        });
    }
}

/// A ladder of segments (number in the chunk, share of the trail, side), then the landing ring's corners
/// (number, corner, 2). Indexed, so that a rung that two segments share is worked out once.
fn arcs_mesh(segments: u32) -> Mesh {
    let per_arc = (segments + 1) * 2 + 4;
    let mut numbers = Vec::with_capacity(CHUNK * per_arc as usize);
    let mut indices = Vec::with_capacity(CHUNK * (segments as usize * 6 + 6));
    for arc in 0..CHUNK as u32 {
        let first = arc * per_arc;
        for rung in 0..=segments {
            let share = rung as f32 / segments as f32;
            numbers.push([arc as f32, share, -1.0]);
            numbers.push([arc as f32, share, 1.0]);
        }
        for segment in 0..segments {
            let at = first + segment * 2;
            indices.extend([at, at + 2, at + 3, at, at + 3, at + 1]);
        }
        let ring = first + (segments + 1) * 2;
        numbers.extend([0.0, 1.0, 2.0, 3.0].map(|corner| [arc as f32, corner, 2.0]));
        indices.extend([0, 1, 2, 0, 2, 3].map(|corner| ring + corner));
    }
    ring::number_mesh(numbers).with_inserted_indices(Indices::U32(indices))
}

#[derive(Resource)]
struct ArcRing {
    buffer: Handle<ShaderBuffer>,
    ring: Ring,
    chunks: Vec<Entity>,
    /// The software preset's and everybody else's.
    meshes: [Handle<Mesh>; 2],
    scratch: Vec<Instance>,
}

#[derive(Component, Default)]
struct ArcChunk;

fn spawn_arcs(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<ArcsMaterial>>,
) {
    let buffer = buffers.add(ring::instance_buffer(CAPACITY));
    let material = materials.add(ArcsMaterial { data: buffer.clone() });
    let meshes = [10, 24].map(|segments| meshes.add(arcs_mesh(segments)));
    let [coarse, _] = &meshes;
    let life_ms = ((ARC_SECS + AFTER_SECS) * 1000.0) as u32 + SPREAD_MS;
    let fresh = Ring::new(CAPACITY, CHUNK, life_ms);
    let chunks = ring::spawn_chunks::<_, ArcChunk>(&mut commands, coarse, &material, CAPACITY, CHUNK);
    commands.insert_resource(ArcRing {
        buffer,
        ring: fresh,
        chunks,
        meshes,
        scratch: Vec::new(),
    });
}

/// Writes new arcs, and shows the chunks in which one is in flight.
fn fly_arcs(
    time: Res<Time>,
    view: Res<View>,
    layout: Res<Layout>,
    regions: Res<Regions>,
    mut arrived: MessageReader<LightsArrived>,
    mut uploads: ResMut<Uploads>,
    mut stats: ResMut<ArcStats>,
    mut arcs: ResMut<ArcRing>,
    mut chunks: Query<(&mut Visibility, &mut Mesh3d), With<ArcChunk>>,
) {
    let arcs = &mut *arcs;
    let now_ms = time.elapsed().as_millis() as u64;
    arcs.scratch.clear();
    for LightsArrived(batch) in arrived.read() {
        pack(&batch.arcs, &regions.0, now_ms, &mut arcs.scratch);
    }
    if !arcs.scratch.is_empty() {
        for (slot, from, to) in arcs.ring.take(arcs.scratch.len(), now_ms) {
            uploads.instances(&arcs.buffer, slot, arcs.scratch.get(from..to).unwrap_or(&[]));
        }
    }
    let [coarse, fine] = &arcs.meshes;
    let mesh = if view.quality == Quality::Software {
        coarse
    } else {
        fine
    };
    for (chunk, entity) in arcs.chunks.iter().enumerate() {
        if let Ok((mut visibility, mut mesh3d)) = chunks.get_mut(*entity) {
            let wanted = if view.layers.arcs && arcs.ring.is_chunk_alive(chunk, now_ms) {
                Visibility::Visible
            } else {
                Visibility::Hidden
            };
            visibility.set_if_neq(wanted);
            if mesh3d.0 != *mesh {
                mesh3d.0 = mesh.clone();
            }
        }
    }
    *stats = ArcStats {
        alive: arcs.ring.alive(now_ms),
        overwritten: arcs.ring.overwritten,
    };
    if stats.alive > 0 {
        // Many at once are each thinner and fainter, so that their fans stay readable.
        let crowd = (stats.alive as f32 / 200.0).max(1.0).powf(-0.35);
        uploads.header(
            &arcs.buffer,
            &Header {
                now_ms: ring::wrapped_ms(&time),
                params: [ARC_SECS, AFTER_SECS, if view.reduced_motion { 1.0 } else { 0.0 }],
                first: light::ORDER
                    .lerp(Vec3::new(1.0, 0.86, 0.62), 0.25)
                    .extend(crowd)
                    .to_array(),
                second: Vec4::new(1.0, 0.96, 0.88, layout.magnitude()).to_array(),
            },
        );
    }
}

/// The arcs.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, SHADER_FILE);
    app.add_plugins(MaterialPlugin::<ArcsMaterial>::default())
        .init_resource::<ArcStats>()
        .add_systems(Startup, spawn_arcs)
        .add_systems(
            Update,
            fly_arcs
                .run_if(resource_exists::<ArcRing>.and_then(resource_exists::<Regions>))
                .in_set(DisplaySystems::Follow),
        );
}
