//! Every order and payment as a light at its place: born within its tick, a flash, an ember, gone.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{AsyncComputeTaskPool, Task};

use super::camera::Sight;
use super::embers::{Arrival, EmberChunk, EmberLayer, Embers, EmbersMaterial, SHARES_BESIDE};
pub use super::packer::Packer;
use super::packer::SPREAD_MS;
use super::ring::{self, Header, Instance, Ring, Uploads};
use super::shader;
use crate::DisplaySystems;
use crate::layout::Layout;
use crate::ledger::{LightsArrived, Regions};
use crate::quality::{Budget, Quality};
use crate::theme::duration::{FLASH_SECS, LIGHT_SECS};
use crate::theme::light;
use crate::view::{Live, View};
use meridian_core::sales::Catalogue;
use meridian_wire::Lights;

/// Lights of one ring where each order is its own.
const CAPACITY: usize = 524_288;
/// Lights of a mesh: what is drawn or left out together.
const CHUNK: usize = 2_048;
/// How far a light stands from its city's middle at most, in radians: about 14 km.
const JITTER_RAD: f32 = 0.0022;
/// How bright lights are where there is no high dynamic range.
const LOW_RANGE_GAIN: f32 = 0.5;
/// Where fewer lights live than this, each is larger.
const FEW: f32 = 1_500.0;
/// The largest factor on the size of a light that is almost alone: a quiet shop's is seen across its hall.
const MAX_SWELL: f32 = 4.0;
/// How long lights take to change size, in seconds.
const SWELL_SECS: f32 = 3.0;

ring::glow_material!(
    /// The lights' material.
    LightsMaterial,
    "7c1d94ab-02c6-4c39-8a4e-51a3be7711d0",
    "shaders/lights.wgsl"
);

/// What was drawn.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct LightStats {
    /// Instances that live now.
    pub alive: usize,
    /// Instances written so far.
    pub written: u64,
    /// Instances written over while they lived. 0 means that every light was seen to its end.
    pub overwritten: u64,
    /// Orders and payments at places that the catalogue doesn't have, which can't be drawn.
    pub unplaced: u64,
    /// Orders and payments that were drawn so far.
    pub drawn: u64,
}

/// Packs what came: in a window another thread does it, and lights are drawn a frame later; in a picture at once.
#[derive(Default)]
struct Packing {
    /// `None` while another thread has it, and before the first light.
    packer: Option<Packer>,
    away: Option<Task<(Packer, Packed)>>,
    /// What came, and when.
    waiting: Vec<(u64, Arc<Lights>)>,
    /// Memory for the next ones.
    spare: Vec<Instance>,
}

/// Lights that are ready to be drawn.
struct Packed {
    instances: Vec<Instance>,
    /// The same by place, or by group where they are merged.
    arrivals: Vec<Arrival>,
    /// By place, the one that stands for it, where others do than before.
    leaders: Option<Vec<u16>>,
    /// Packed for a preset that merges lights.
    merged: bool,
    /// When the last of them came.
    at_ms: u64,
    /// Orders and payments in them, and those at places that aren't known.
    drawn: u64,
    unplaced: u64,
}

impl Packed {
    fn new(
        packer: &mut Packer,
        batches: &[(u64, Arc<Lights>)],
        merge_deg: Option<f32>,
        mut instances: Vec<Instance>,
    ) -> Self {
        instances.clear();
        let changed = merge_deg.is_some_and(|deg| packer.choose_leaders(deg));
        let leaders = changed.then(|| packer.leader_of_each());
        let mut arrivals = Vec::new();
        let (mut drawn, mut unplaced) = (0, 0);
        for (came_ms, batch) in batches {
            // Each at its own moment: what had to wait isn't born at once.
            let placed = packer.pack(batch, *came_ms, merge_deg, &mut instances);
            let of = batch.place.len().min(batch.code.len()) as u64;
            let shown = if placed == of {
                batch.events
            } else {
                (placed * u64::from(batch.per_light.max(1))).min(batch.events)
            };
            drawn += shown;
            unplaced += batch.events - shown;
            arrivals.extend_from_slice(packer.arrivals());
        }
        Self {
            instances,
            arrivals,
            leaders,
            merged: merge_deg.is_some(),
            at_ms: batches.last().map_or(0, |(came_ms, _)| *came_ms),
            drawn,
            unplaced,
        }
    }

    /// Lets the lights be born so much later.
    fn delay(&mut self, ms: u64) {
        for light in &mut self.instances {
            light.birth_ms = light.birth_ms.wrapping_add(ms as u32);
        }
        self.at_ms += ms;
    }
}

impl Packing {
    /// What is ready; and what waits is begun.
    fn step(
        &mut self,
        catalogue: &Catalogue,
        now_ms: u64,
        merge_deg: Option<f32>,
        live: bool,
    ) -> Option<Packed> {
        let mut ready = None;
        if let Some((packer, mut packed)) = self.away.as_mut().and_then(check_ready) {
            self.away = None;
            self.packer = Some(packer);
            packed.delay(now_ms.saturating_sub(packed.at_ms));
            ready = Some(packed);
        }
        if self.away.is_some() || self.waiting.is_empty() {
            return ready;
        }
        let batches = std::mem::take(&mut self.waiting);
        let mut packer = self.packer.take().unwrap_or_else(|| Packer::new(catalogue));
        let spare = std::mem::take(&mut self.spare);
        if live {
            self.away = Some(AsyncComputeTaskPool::get().spawn(async move {
                let packed = Packed::new(&mut packer, &batches, merge_deg, spare);
                (packer, packed)
            }));
        } else {
            ready = Some(Packed::new(&mut packer, &batches, merge_deg, spare));
            self.packer = Some(packer);
        }
        ready
    }
}

#[derive(Resource)]
struct LightRing {
    buffer: Handle<ShaderBuffer>,
    ring: Ring,
    chunks: Vec<Entity>,
    packing: Packing,
    layer: EmberLayer,
    embers: Embers,
    merges: bool,
    /// How many times as large lights are now.
    swell: f32,
}

#[derive(Component, Default)]
struct LightChunk;

fn life_ms() -> u32 {
    (LIGHT_SECS * 1000.0) as u32 + SPREAD_MS
}

fn spawn_lights(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<LightsMaterial>>,
    mut ember_materials: ResMut<Assets<EmbersMaterial>>,
) {
    let buffer = buffers.add(ring::instance_buffer(CAPACITY));
    let material = materials.add(LightsMaterial { data: buffer.clone() });
    let mesh = meshes.add(ring::number_mesh(
        (0..CHUNK * 3)
            .map(|vertex| [(vertex / 3) as f32, (vertex % 3) as f32, 0.0])
            .collect(),
    ));
    let chunks = ring::spawn_chunks::<_, LightChunk>(&mut commands, &mesh, &material, CAPACITY, CHUNK);
    let layer = EmberLayer::spawn(&mut commands, &mesh, &mut buffers, &mut ember_materials);
    commands.insert_resource(LightRing {
        layer,
        embers: Embers::default(),
        buffer,
        ring: Ring::new(CAPACITY, CHUNK, life_ms()),
        chunks,
        packing: Packing::default(),
        merges: false,
        swell: 1.0,
    });
}

/// The size of the cells in which lights are merged: about a pixel in the picture's middle, in steps of two, so
/// that a slow zoom doesn't choose anew in every frame.
fn cell_deg(sight: &Sight) -> f32 {
    let pixel_deg = ((sight.distance - 1.0) / sight.focal_px.max(1.0)).to_degrees();
    pixel_deg.max(1e-3).log2().floor().exp2() * 1.3
}

/// The factor on a light's size where this many are alive.
fn swell(alive: usize) -> f32 {
    (FEW / (alive.max(1) as f32)).cbrt().clamp(1.0, MAX_SWELL)
}

/// Shows the chunks in which a light lives.
fn show_chunks(
    time: Res<Time>,
    lights: Res<LightRing>,
    mut chunks: Query<&mut Visibility, (With<LightChunk>, Without<EmberChunk>)>,
    mut ember_chunks: Query<&mut Visibility, With<EmberChunk>>,
) {
    lights.layer.show_chunks(&lights.embers, &mut ember_chunks);
    let now_ms = time.elapsed().as_millis() as u64;
    for (chunk, entity) in lights.chunks.iter().enumerate() {
        if let Ok(mut visibility) = chunks.get_mut(*entity) {
            let wanted = if lights.ring.is_chunk_alive(chunk, now_ms) {
                Visibility::Visible
            } else {
                Visibility::Hidden
            };
            visibility.set_if_neq(wanted);
        }
    }
}

/// Writes the lights that came.
fn write_lights(
    time: Res<Time>,
    view: Res<View>,
    live: Res<Live>,
    budget: Res<Budget>,
    layout: Res<Layout>,
    sight: Res<Sight>,
    regions: Res<Regions>,
    mut arrived: MessageReader<LightsArrived>,
    mut uploads: ResMut<Uploads>,
    mut stats: ResMut<LightStats>,
    mut lights: ResMut<LightRing>,
) {
    let lights = &mut *lights;
    let now_ms = time.elapsed().as_millis() as u64;
    let merges = view.quality == Quality::Software;
    if merges != lights.merges {
        // The ring begins empty: what lived in it is gone with the change of preset.
        lights.merges = merges;
        let mut fresh = Ring::new(CAPACITY, CHUNK, life_ms());
        fresh.written = lights.ring.written;
        fresh.overwritten = lights.ring.overwritten;
        lights.ring = fresh;
    }
    let merge_deg = merges.then(|| cell_deg(&sight));
    let arrived = arrived
        .read()
        .map(|LightsArrived(batch)| (now_ms, Arc::clone(batch)));
    lights.packing.waiting.extend(arrived);
    let mut drawn = 0;
    if let Some(packed) = lights.packing.step(&regions.0, now_ms, merge_deg, live.0) {
        if lights.embers.places() == 0 {
            lights.embers = Embers::new(&regions.0);
        }
        if let Some(leaders) = packed.leaders {
            lights.embers.regroup(&leaders);
        }
        if packed.merged {
            lights.embers.expect(&packed.arrivals, now_ms);
        } else {
            lights.embers.add(&packed.arrivals, now_ms, SHARES_BESIDE);
        }
        let instances = packed.instances;
        if !instances.is_empty() {
            for (slot, from, to) in lights.ring.take(instances.len(), now_ms) {
                uploads.instances(&lights.buffer, slot, instances.get(from..to).unwrap_or(&[]));
            }
        }
        drawn = packed.drawn;
        stats.unplaced += packed.unplaced;
        lights.packing.spare = instances;
    }
    *stats = LightStats {
        alive: lights.ring.alive(now_ms) + lights.embers.len(),
        written: lights.ring.written,
        overwritten: lights.ring.overwritten,
        unplaced: stats.unplaced,
        drawn: stats.drawn + drawn,
    };
    if stats.alive > 0 {
        let near = 1.0 - (-time.delta_secs() / SWELL_SECS).exp();
        lights.swell += (swell(stats.alive) - lights.swell) * near;
    }
    // Without a tone curve light above 1 is cut off, channel by channel, until gold is white: less of it, then.
    let gain = if view.quality >= Quality::High && budget.tone {
        1.0
    } else {
        LOW_RANGE_GAIN
    };
    let header = Header {
        now_ms: ring::wrapped_ms(&time),
        params: [LIGHT_SECS, FLASH_SECS, if merges { 0.0 } else { JITTER_RAD }],
        first: light::ORDER.extend(gain).to_array(),
        second: light::PAYMENT
            .extend(layout.magnitude() * lights.swell)
            .to_array(),
    };
    if lights.ring.alive(now_ms) > 0 {
        uploads.header(&lights.buffer, &header);
    }
    lights.embers.proceed(now_ms);
    lights.layer.write(&mut lights.embers, header, &mut uploads);
}

/// The lights.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, SHADER_FILE);
    app.add_plugins(MaterialPlugin::<LightsMaterial>::default())
        .init_resource::<LightStats>()
        .add_systems(Startup, spawn_lights)
        .add_systems(
            Update,
            (write_lights, show_chunks)
                .chain()
                .run_if(resource_exists::<LightRing>.and_then(resource_exists::<Regions>))
                .in_set(DisplaySystems::Follow),
        );
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::tasks::TaskPool;

    #[test]
    fn few_lights_are_larger_and_many_are_as_ever() {
        assert_eq!((swell(0), swell(1)), (MAX_SWELL, MAX_SWELL));
        assert!(swell(150) > 2.0 && swell(150) < swell(50));
        assert_eq!((swell(1_500), swell(262_000)), (1.0, 1.0));
    }

    #[test]
    fn lights_packed_on_another_thread_are_the_same_born_when_they_come_back() {
        AsyncComputeTaskPool::get_or_init(TaskPool::new);
        let catalogue = meridian_gateway::load_catalogue().unwrap();
        let pack = |live, mut now_ms| {
            let mut packing = Packing::default();
            let lights = Arc::new(Lights {
                per_light: 1,
                events: 3,
                place: vec![1, 2, u16::MAX],
                code: vec![0, 9, 3],
                ..Lights::default()
            });
            packing.waiting.push((now_ms, lights));
            loop {
                if let Some(packed) = packing.step(&catalogue, now_ms, None, live) {
                    return (packed, now_ms);
                }
                assert!(live);
                std::thread::sleep(std::time::Duration::from_millis(1));
                now_ms += 1;
            }
        };
        let ((mut here, _), (there, came_ms)) = (pack(false, 5_000), pack(true, 5_000));
        assert!(came_ms > 5_000);
        here.delay(came_ms - 5_000);
        assert_eq!(here.instances, there.instances);
        assert_eq!((here.drawn, here.unplaced), (2, 1));
        assert_eq!((there.drawn, there.unplaced), (2, 1));
    }
}
