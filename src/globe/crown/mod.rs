//! Value that stands up: a beam of light over each of the places that sold most in the last minute.

mod beams;

use bevy::camera::visibility::NoFrustumCulling;
use bevy::mesh::{Indices, MeshTag};
use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;

use self::beams::{Beams, PULSE_MS};
use super::geo::world_from_lat_lon;
use super::ring::{self, Header, Instance, Uploads, pack_direction};
use super::{shader, sun};
use crate::DisplaySystems;
use crate::layout::Layout;
use crate::ledger::{Ledger, Regions};
use crate::quality::{Budget, Quality};
use crate::theme::light;
use crate::view::View;
use meridian_core::sales::{Catalogue, PlaceId};

/// The tallest beam, in radii of the planet.
pub const TALLEST: f32 = 0.32;
/// Places that have a beam: a GPU's, and those of a rasteriser on the CPU.
const BEAMS: [usize; 2] = [300, 120];
/// Beams at most, with those that shrink away.
const CAPACITY: usize = 512;
/// Seconds between two choices.
const CHOOSE_SECS: f64 = 0.25;
/// How far a beam's bloom reaches on each side, in pixels of a picture 1,080 high.
const BLOOM_PX: f32 = 10.0;
/// How bright beams are before a tone curve, which takes some of it.
const TONED_GAIN: f32 = 1.6;

ring::glow_material!(
    /// The beams' material.
    CrownMaterial,
    "e36b52d0-6f0e-4cf7-9b4d-9f1f36a0c4b7",
    "shaders/crown.wgsl"
);

/// The beams, and what the tallest stands for.
#[derive(Resource, Debug, Clone, Default)]
pub struct Crown {
    beams: Beams,
    chosen_secs: Option<f64>,
    /// The place that sold most in the last minute, and about how much, in minor units.
    pub tallest: Option<(PlaceId, i64)>,
}

/// What the beams are drawn from.
#[derive(Resource)]
struct Drawn {
    buffer: Handle<ShaderBuffer>,
    entity: Entity,
    scratch: Vec<Instance>,
}

/// Four corners a beam: number, up, side.
fn beams_mesh() -> Mesh {
    let numbers = (0..CAPACITY).flat_map(|beam| {
        [(0.0, -1.0), (0.0, 1.0), (1.0, -1.0), (1.0, 1.0)].map(|(up, side)| [beam as f32, up, side])
    });
    let indices = (0..CAPACITY as u32).flat_map(|beam| [0, 1, 2, 2, 1, 3].map(|corner| beam * 4 + corner));
    ring::number_mesh(numbers.collect()).with_inserted_indices(Indices::U32(indices.collect()))
}

fn spawn_beams(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<CrownMaterial>>,
) {
    let buffer = buffers.add(ring::instance_buffer(CAPACITY));
    let entity = commands
        .spawn((
            Mesh3d(meshes.add(beams_mesh())),
            MeshMaterial3d(materials.add(CrownMaterial { data: buffer.clone() })),
            MeshTag(0),
            NoFrustumCulling,
            Visibility::Hidden,
        ))
        .id();
    commands.insert_resource(Drawn {
        buffer,
        entity,
        scratch: Vec::with_capacity(CAPACITY),
    });
}

/// The beams as the shader reads them, the rest of the buffer dark.
fn pack(beams: &Beams, catalogue: &Catalogue, now_ms: u64, out: &mut Vec<Instance>) {
    out.clear();
    for beam in beams.list().iter().take(CAPACITY) {
        let Some(place) = catalogue.place(PlaceId(beam.place)) else {
            continue;
        };
        let pulse_ms = beam
            .pulse_ms
            .filter(|then_ms| now_ms.saturating_sub(*then_ms) < PULSE_MS);
        out.push(Instance {
            a: pack_direction(world_from_lat_lon(place.lat, place.lon)),
            b: u32::from(pulse_ms.is_some()),
            birth_ms: pulse_ms.unwrap_or(0) as u32,
            weight: beam.height * TALLEST,
        });
    }
    out.resize(CAPACITY, bytemuck::Zeroable::zeroed());
}

/// Chooses the beams and moves them on; says what the tallest stands for.
fn raise_beams(time: Res<Time>, view: Res<View>, ledger: Res<Ledger>, mut crown: ResMut<Crown>) {
    let crown = crown.bypass_change_detection();
    if !view.layers.crown {
        *crown = Crown::default();
        return;
    }
    let now_secs = time.elapsed_secs_f64();
    let [many, few] = BEAMS;
    let plain = view.quality == Quality::Software;
    if crown
        .chosen_secs
        .is_none_or(|then| now_secs - then >= CHOOSE_SECS)
    {
        crown.chosen_secs = Some(now_secs);
        crown.beams.choose(&ledger.minute, if plain { few } else { many });
        let per_unit = ledger
            .hello
            .as_ref()
            .map_or(100, |hello| hello.currency.minor_per_unit());
        let minor = ledger.minute.minor_per_hundredth(per_unit);
        crown.tallest = crown
            .beams
            .tallest
            .map(|(place, sum)| (PlaceId(place), (sum as f64 * minor) as i64));
    }
    let now_ms = time.elapsed().as_millis() as u64;
    crown.beams.advance(&ledger.minute, time.delta_secs(), now_ms);
}

fn draw_beams(
    time: Res<Time>,
    view: Res<View>,
    budget: Res<Budget>,
    layout: Res<Layout>,
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    crown: Res<Crown>,
    mut uploads: ResMut<Uploads>,
    mut drawn: ResMut<Drawn>,
    mut visibilities: Query<&mut Visibility>,
) {
    let drawn = &mut *drawn;
    let stands = !crown.beams.list().is_empty();
    let plain = view.quality == Quality::Software;
    if let Ok(mut visibility) = visibilities.get_mut(drawn.entity) {
        visibility.set_if_neq(if stands {
            Visibility::Visible
        } else {
            Visibility::Hidden
        });
    }
    if !stands {
        return;
    }
    let toned = view.quality >= Quality::High && budget.tone;
    uploads.header(
        &drawn.buffer,
        &Header {
            now_ms: ring::wrapped_ms(&time),
            params: [
                if plain { 0.0 } else { BLOOM_PX },
                PULSE_MS as f32 / 1000.0,
                if view.reduced_motion { 1.0 } else { 0.0 },
            ],
            first: light::BEAM
                .extend(if toned { TONED_GAIN } else { 1.0 })
                .to_array(),
            second: sun::sun_direction(ledger.event_ms)
                .extend(layout.magnitude())
                .to_array(),
        },
    );
    let now_ms = time.elapsed().as_millis() as u64;
    pack(&crown.beams, &regions.0, now_ms, &mut drawn.scratch);
    uploads.instances(&drawn.buffer, 0, &drawn.scratch);
}

/// The crown.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, SHADER_FILE);
    app.add_plugins(MaterialPlugin::<CrownMaterial>::default())
        .init_resource::<Crown>()
        .add_systems(Startup, spawn_beams)
        .add_systems(
            Update,
            (
                raise_beams,
                draw_beams.run_if(resource_exists::<Drawn>.and_then(resource_exists::<Regions>)),
            )
                .chain()
                .in_set(DisplaySystems::Follow),
        );
}
