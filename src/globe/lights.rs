//! Every order and payment as a light at its place: born within its tick, a flash, an ember, gone.

use std::collections::HashMap;

use bevy::camera::visibility::NoFrustumCulling;
use bevy::mesh::MeshTag;
use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;

use super::camera::Sight;
use super::geo::world_from_lat_lon;
use super::ring::{self, Header, Instance, Ring, Uploads, pack_direction};
use super::shader;
use crate::DisplaySystems;
use crate::layout::Layout;
use crate::ledger::{LightsArrived, Regions};
use crate::quality::{Budget, Quality};
use crate::theme::duration::{FLASH_SECS, LIGHT_SECS};
use crate::theme::light;
use crate::view::View;
use meridian_core::sales::Catalogue;
use meridian_wire::Lights;

/// Lights of one ring where each order is its own.
const CAPACITY: usize = 524_288;
/// Lights of one ring where those of the same tick, pixel and kind are one.
const CAPACITY_MERGED: usize = 131_072;
/// Lights of a mesh: what is drawn or left out together.
const CHUNK: usize = 2_048;
/// Births of a tick are spread over this long.
const SPREAD_MS: u32 = 100;
/// How far a light stands from its city's middle at most, in radians: about 14 km.
const JITTER_RAD: f32 = 0.0022;
/// Where many lights are at one place, their sum grows as this power of their number.
const PLACE_POWER: f32 = 0.4;
/// Where many such places are side by side, their sum grows as this power of theirs.
const CELL_POWER: f32 = 0.86;
/// How bright lights are where there is no high dynamic range.
const LOW_RANGE_GAIN: f32 = 0.5;
/// Where fewer lights live than this, each is larger.
const FEW: f32 = 1_500.0;
/// How many times as large a light is at most that is almost alone: a quiet shop's is seen across its hall.
const MAX_SWELL: f32 = 4.0;
/// In what time lights take on another size, in seconds.
const SWELL_SECS: f32 = 3.0;
/// Degrees across a cell of such neighbours.
const CELL_DEG: f32 = 2.0;
/// Cells round the equator.
const CELL_COLUMNS: usize = 180;
/// Cells from pole to pole.
const CELL_ROWS: usize = 90;

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

/// Lights that are born in a batch, spread over its tick by chance.
struct Births {
    seed: u32,
    now_ms: u64,
}

impl Births {
    fn next(&mut self, direction: u32, kind: u32, bucket: u32, weight: f32) -> Instance {
        self.seed = self.seed.wrapping_add(1);
        let random = hash(self.seed);
        Instance {
            a: direction,
            b: kind | bucket << 1 | (random & 0xffff_0000),
            birth_ms: (self.now_ms as u32).wrapping_add(((random & 0xffff) * SPREAD_MS) >> 16),
            weight,
        }
    }
}

/// Packs batches of lights into instances. Keeps how crowded each place is.
#[derive(Debug, Clone, Default)]
pub struct Packer {
    directions: Vec<u32>,
    /// By place × 2 + kind: lights that live there, about.
    crowd: Vec<f32>,
    /// By place × 2 + kind: lights in this batch, and the sum of their buckets.
    counts: Vec<(u32, u32)>,
    touched: Vec<u32>,
    /// By place: its cell.
    cells: Vec<u32>,
    /// By cell: the sum of its places' light.
    sums: Vec<f32>,
    /// By place × 2 + kind: how bright each light of this batch is.
    weights: Vec<f32>,
    /// By place: latitude, longitude and population.
    where_it_is: Vec<(f32, f32, u32)>,
    /// By place: the place that stands for it where lights are merged, for cells of [`Self::merged_deg`].
    leaders: Vec<u16>,
    merged_deg: Option<f32>,
    /// By leader × 2 + kind: lights, their buckets' sum and their weights' sum.
    merged: Vec<(u32, u32, f32)>,
    merged_touched: Vec<u32>,
    crowd_ms: u64,
    seed: u32,
}

fn hash(mut value: u32) -> u32 {
    value = (value ^ (value >> 16)).wrapping_mul(0x7feb_352d);
    value = (value ^ (value >> 15)).wrapping_mul(0x846c_a68b);
    value ^ (value >> 16)
}

fn cell(lat_deg: f32, lon_deg: f32) -> u32 {
    let column = (((lon_deg + 180.0) / CELL_DEG) as usize).min(CELL_COLUMNS - 1);
    let row = (((lat_deg + 90.0) / CELL_DEG) as usize).min(CELL_ROWS - 1);
    (row * CELL_COLUMNS + column) as u32
}

impl Packer {
    /// For the places of a catalogue.
    pub fn new(catalogue: &Catalogue) -> Self {
        let directions: Vec<u32> = catalogue
            .places()
            .iter()
            .map(|place| pack_direction(world_from_lat_lon(place.lat, place.lon)))
            .collect();
        Self {
            crowd: vec![0.0; directions.len() * 2],
            counts: vec![(0, 0); directions.len() * 2],
            cells: catalogue
                .places()
                .iter()
                .map(|place| cell(place.lat, place.lon))
                .collect(),
            sums: vec![0.0; CELL_COLUMNS * CELL_ROWS],
            where_it_is: catalogue
                .places()
                .iter()
                .map(|place| (place.lat, place.lon, place.population))
                .collect(),
            directions,
            ..Self::default()
        }
    }

    /// Chooses, for cells of this many degrees, which place stands for the others of its cell: the largest.
    fn choose_leaders(&mut self, deg: f32) {
        if self.merged_deg == Some(deg) {
            return;
        }
        self.merged_deg = Some(deg);
        let places = self.directions.len();
        self.leaders = (0..places).map(|place| place as u16).collect();
        self.merged = vec![(0, 0, 0.0); places * 2];
        if deg <= 0.0 {
            return;
        }
        let mut of_cell: HashMap<(i32, i32), (u32, u16)> = HashMap::new();
        let cell_of = |(lat, lon, _): &(f32, f32, u32)| {
            let row = (lat / deg).floor();
            // Cells are as wide as they are high: degrees of longitude shrink towards the poles.
            let wide = deg / (row * deg).to_radians().cos().max(0.02);
            (row as i32, (lon / wide).floor() as i32)
        };
        for (place, known) in self.where_it_is.iter().enumerate() {
            let leader = of_cell.entry(cell_of(known)).or_insert((known.2, place as u16));
            if known.2 > leader.0 {
                *leader = (known.2, place as u16);
            }
        }
        for (leader, known) in self.leaders.iter_mut().zip(&self.where_it_is) {
            if let Some((_, place)) = of_cell.get(&cell_of(known)) {
                *leader = *place;
            }
        }
    }

    /// Packs a batch that came at `now_ms` of app time into `out` and gives how many of its lights have a
    /// place. With `merge_deg`, those of one kind in one cell of so many degrees become one whose weight is the
    /// sum of theirs: where a cell is no larger than a pixel, additive blending makes the same picture of it.
    ///
    /// A light's weight falls as its place and the places beside it get crowded, so that a thousand at one
    /// city shine about sixteen times as bright as one, and the hue survives. Payments give way to
    /// orders there: equal parts of gold and cyan would be white.
    pub fn pack(
        &mut self,
        lights: &Lights,
        now_ms: u64,
        merge_deg: Option<f32>,
        out: &mut Vec<Instance>,
    ) -> u64 {
        if let Some(deg) = merge_deg {
            self.choose_leaders(deg);
        }
        let passed_ms = now_ms.saturating_sub(self.crowd_ms);
        self.crowd_ms = now_ms;
        let decay = (-(passed_ms as f32) / (LIGHT_SECS * 1000.0)).exp();
        for crowd in &mut self.crowd {
            *crowd *= decay;
        }
        self.touched.clear();
        let placed = self.count(lights);
        self.weigh(lights.per_light.max(1) as f32);
        let mut births = Births {
            seed: self.seed,
            now_ms,
        };
        if merge_deg.is_some() {
            self.write_merged(&mut births, out);
        } else {
            self.write_each(lights, &mut births, out);
        }
        self.seed = births.seed;
        for key in &self.touched {
            if let Some(counts) = self.counts.get_mut(*key as usize) {
                *counts = (0, 0);
            }
        }
        placed
    }

    /// Counts the batch's lights by place and kind; how many have a place.
    fn count(&mut self, lights: &Lights) -> u64 {
        let mut placed = 0;
        for (place, code) in lights.place.iter().zip(&lights.code) {
            let key = usize::from(*place) * 2 + usize::from((code >> 3) & 1);
            let Some((count, buckets)) = self.counts.get_mut(key) else {
                continue;
            };
            if *count == 0 {
                self.touched.push(key as u32);
            }
            *count += 1;
            *buckets += u32::from(code & 7);
            placed += 1;
        }
        placed
    }

    /// Adds the counted lights to their places' crowds, and weighs one of each.
    fn weigh(&mut self, per_light: f32) {
        for key in &self.touched {
            let key = *key as usize;
            if let (Some(crowd), Some((count, _))) = (self.crowd.get_mut(key), self.counts.get(key)) {
                *crowd += *count as f32 * per_light;
            }
        }
        self.sums.fill(0.0);
        for (at, crowd) in self.crowd.iter().enumerate().filter(|(_, crowd)| **crowd > 0.5) {
            if let Some(sum) = self
                .cells
                .get(at / 2)
                .and_then(|cell| self.sums.get_mut(*cell as usize))
            {
                *sum += crowd.powf(PLACE_POWER);
            }
        }
        // In place of the crowd's number, each of its lights' weight. Only the touched keys are looked up.
        self.weights.resize(self.crowd.len(), 0.0);
        for key in &self.touched {
            let key = *key as usize;
            let (Some(crowd), Some(slot)) = (self.crowd.get(key), self.weights.get_mut(key)) else {
                continue;
            };
            let sum = self
                .cells
                .get(key / 2)
                .and_then(|cell| self.sums.get(*cell as usize))
                .map_or(1.0, |sum| sum.max(1.0));
            let held_back = sum.powf(CELL_POWER - 1.0);
            let of_kind = if key & 1 == 1 { held_back } else { 1.0 };
            *slot = per_light * crowd.max(1.0).powf(PLACE_POWER - 1.0) * held_back * of_kind;
        }
    }

    /// Writes one light for those of a kind in a cell, at the cell's leader.
    fn write_merged(&mut self, births: &mut Births, out: &mut Vec<Instance>) {
        self.merged_touched.clear();
        for key in &self.touched {
            let key = *key as usize;
            let (Some(leader), Some(weight), Some((count, buckets))) = (
                self.leaders.get(key / 2),
                self.weights.get(key),
                self.counts.get(key),
            ) else {
                continue;
            };
            let at = usize::from(*leader) * 2 + (key & 1);
            if let Some(sum) = self.merged.get_mut(at) {
                if sum.0 == 0 {
                    self.merged_touched.push(at as u32);
                }
                *sum = (sum.0 + count, sum.1 + buckets, sum.2 + *count as f32 * weight);
            }
        }
        for key in &self.merged_touched {
            let key = *key as usize;
            let (Some(direction), Some(sum)) = (self.directions.get(key / 2), self.merged.get_mut(key))
            else {
                continue;
            };
            let (count, buckets, weight) = std::mem::take(sum);
            let bucket = (buckets + count / 2) / count.max(1);
            out.push(births.next(*direction, (key & 1) as u32, bucket.min(7), weight));
        }
    }

    /// Writes each light of the batch.
    fn write_each(&self, lights: &Lights, births: &mut Births, out: &mut Vec<Instance>) {
        for (place, code) in lights.place.iter().zip(&lights.code) {
            let kind = (code >> 3) & 1;
            let key = usize::from(*place) * 2 + usize::from(kind);
            let (Some(direction), Some(weight)) =
                (self.directions.get(usize::from(*place)), self.weights.get(key))
            else {
                continue;
            };
            out.push(births.next(*direction, u32::from(kind), u32::from(code & 7), *weight));
        }
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.directions.len()
    }
}

#[derive(Resource)]
struct LightRing {
    buffer: Handle<ShaderBuffer>,
    ring: Ring,
    chunks: Vec<Entity>,
    scratch: Vec<Instance>,
    packer: Option<Packer>,
    merges: bool,
    /// How many times as large lights are now.
    swell: f32,
}

#[derive(Component)]
struct LightChunk;

fn life_ms() -> u32 {
    (LIGHT_SECS * 1000.0) as u32 + SPREAD_MS
}

fn spawn_lights(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<LightsMaterial>>,
) {
    let buffer = buffers.add(ring::instance_buffer(CAPACITY));
    let material = materials.add(LightsMaterial { data: buffer.clone() });
    let mesh = meshes.add(ring::number_mesh(
        (0..CHUNK * 3)
            .map(|vertex| [(vertex / 3) as f32, (vertex % 3) as f32, 0.0])
            .collect(),
    ));
    let chunks = (0..CAPACITY.div_ceil(CHUNK))
        .map(|chunk| {
            commands
                .spawn((
                    LightChunk,
                    Mesh3d(mesh.clone()),
                    MeshMaterial3d(material.clone()),
                    MeshTag((chunk * CHUNK) as u32),
                    NoFrustumCulling,
                    Visibility::Hidden,
                ))
                .id()
        })
        .collect();
    commands.insert_resource(LightRing {
        buffer,
        ring: Ring::new(CAPACITY, CHUNK, life_ms()),
        chunks,
        scratch: Vec::new(),
        packer: None,
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

/// How many times as large each light is where so many live.
fn swell(alive: usize) -> f32 {
    (FEW / (alive.max(1) as f32)).cbrt().clamp(1.0, MAX_SWELL)
}

/// Shows the chunks in which a light lives.
fn show_chunks(
    time: Res<Time>,
    lights: Res<LightRing>,
    mut chunks: Query<&mut Visibility, With<LightChunk>>,
) {
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
        // The other ring begins empty; what lived in this one is gone with the change of preset.
        lights.merges = merges;
        let capacity = if merges { CAPACITY_MERGED } else { CAPACITY };
        let mut fresh = Ring::new(capacity, CHUNK, life_ms());
        fresh.written = lights.ring.written;
        fresh.overwritten = lights.ring.overwritten;
        lights.ring = fresh;
    }
    let merge_deg = merges.then(|| cell_deg(&sight));
    let packer = lights.packer.get_or_insert_with(|| Packer::new(&regions.0));
    lights.scratch.clear();
    let mut drawn = 0;
    for LightsArrived(batch) in arrived.read() {
        let placed = packer.pack(batch, now_ms, merge_deg, &mut lights.scratch);
        let of = batch.place.len().min(batch.code.len()) as u64;
        let shown = if placed == of {
            batch.events
        } else {
            (placed * u64::from(batch.per_light.max(1))).min(batch.events)
        };
        drawn += shown;
        stats.unplaced += batch.events - shown;
    }
    if !lights.scratch.is_empty() {
        for (slot, from, to) in lights.ring.take(lights.scratch.len(), now_ms) {
            uploads.instances(&lights.buffer, slot, lights.scratch.get(from..to).unwrap_or(&[]));
        }
    }
    *stats = LightStats {
        alive: lights.ring.alive(now_ms),
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
    if stats.alive > 0 {
        uploads.header(&lights.buffer, &header);
    }
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

    #[test]
    fn few_lights_are_larger_and_many_are_as_ever() {
        assert_eq!((swell(0), swell(1)), (MAX_SWELL, MAX_SWELL));
        assert!(swell(150) > 2.0 && swell(150) < swell(50));
        assert_eq!((swell(1_500), swell(262_000)), (1.0, 1.0));
    }

    fn packer() -> Packer {
        Packer {
            directions: vec![1, 2, 3],
            crowd: vec![0.0; 6],
            counts: vec![(0, 0); 6],
            cells: vec![0, 1, 2],
            sums: vec![0.0; 3],
            where_it_is: vec![(30.0, 110.0, 5), (10.0, 20.0, 1), (30.01, 110.01, 9)],
            ..Packer::default()
        }
    }

    fn batch() -> Lights {
        Lights {
            per_light: 1,
            events: 6,
            place: vec![0, 0, 0, 2, 0, 7],
            code: vec![2, 3, 4, 1 << 3, 1 << 3 | 7, 0],
            ..Lights::default()
        }
    }

    #[test]
    fn merging_keeps_the_sum_of_light_and_what_cannot_be_placed_is_not_counted() {
        let (mut single, mut merged) = (Vec::new(), Vec::new());
        assert_eq!(packer().pack(&batch(), 1000, None, &mut single), 5);
        assert_eq!(packer().pack(&batch(), 1000, Some(0.0), &mut merged), 5);
        assert_eq!((single.len(), merged.len()), (5, 3));
        for (direction, kind) in [(1, 0), (1, 1), (3, 1)] {
            let sum = |list: &[Instance]| -> f32 {
                list.iter()
                    .filter(|light| light.a == direction && light.b & 1 == kind)
                    .map(|light| light.weight)
                    .sum()
            };
            assert!((sum(&single) - sum(&merged)).abs() < 1e-5);
            assert!(sum(&single) > 0.0);
        }
        assert_eq!((merged[0].b >> 1) & 7, 3);
    }

    #[test]
    fn neighbours_in_a_pixel_are_one_light_at_the_largest_of_them() {
        let (mut single, mut merged) = (Vec::new(), Vec::new());
        packer().pack(&batch(), 1000, None, &mut single);
        assert_eq!(packer().pack(&batch(), 1000, Some(0.25), &mut merged), 5);
        // Places 0 and 2 share a cell, and 2 is larger; orders and payments stay apart.
        assert_eq!(
            merged
                .iter()
                .map(|light| (light.a, light.b & 1))
                .collect::<Vec<_>>(),
            [(3, 0), (3, 1)]
        );
        let sum = |list: &[Instance]| list.iter().map(|light| light.weight).sum::<f32>();
        assert!((sum(&single) - sum(&merged)).abs() < 1e-5);
    }

    #[test]
    fn births_are_spread_over_the_tick_and_crowds_are_held_back() {
        let lights = Lights {
            per_light: 1,
            events: 1000,
            place: vec![1; 1000],
            code: vec![0; 1000],
            ..Lights::default()
        };
        let mut out = Vec::new();
        packer().pack(&lights, 5000, None, &mut out);
        assert!(out.iter().all(|light| (5000..5100).contains(&light.birth_ms)));
        let early = out.iter().filter(|light| light.birth_ms < 5050).count();
        assert!((400..600).contains(&early), "{early}");
        let sum: f32 = out.iter().map(|light| light.weight).sum();
        // 1000^0.4, and that to the 0.86 for its cell.
        assert!((sum - 10.77).abs() < 0.06, "{sum}");
    }
}
