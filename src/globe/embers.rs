//! Where something was sold a moment ago: one light for each place and kind, which flashes with what comes, holds and fades.
//!
//! In the software preset these are all the lights there are: a tick costs one instance a place, however many orders
//! came. In the others each order has a light of its own besides (see [`lights`](super::lights)), and these hold.

use bevy::prelude::*;
use bevy::render::storage::ShaderBuffer;

use super::geo::world_from_lat_lon;
use super::ring::{self, Header, Instance, Uploads, pack_direction};
use meridian_core::sales::Catalogue;

/// Places at most, each with orders and payments.
const CAPACITY: usize = 131_072;
/// Embers of a mesh: what is drawn or left out together.
const CHUNK: usize = 2_048;
/// How long until half of it is gone, in seconds: of a flash, of the light after it, and of what stays.
const HALF_LIVES_SECS: [f32; 3] = [0.045, 0.9, 9.0];
/// How bright one light is of each: at its birth it is their sum.
pub const SHARES: [f32; 3] = [1.5, 0.52, 0.10];
/// The same of the flash where each light flashes by itself.
pub const SHARES_BESIDE: [f32; 3] = [0.0, 0.30, 0.10];
/// Fainter than this an ember is gone.
const GONE: f32 = 0.012;
/// Between two looks at which are gone.
const SWEEP_MS: u64 = 1_000;
/// What comes in a tick is spread over this long, so that places don't flash together.
const SPREAD_MS: u32 = 100;
/// No ember at a place.
const NONE: u32 = u32::MAX;

ring::glow_material!(
    /// The embers' material.
    EmbersMaterial,
    "5d5c8f1e-6b0b-4a2f-93a1-5f2f2a1f6a10",
    "shaders/embers.wgsl"
);

/// What came to a place in a batch, of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Place × 2 + kind.
    pub key: u32,
    /// Where it is, as [`ring::pack_direction`] packs it.
    pub direction: u32,
    /// The value bucket of the mean one.
    pub bucket: f32,
    /// The sum of their weights.
    pub weight: f32,
}

/// The light of one place and kind at a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Ember {
    key: u32,
    direction: u32,
    bucket: f32,
    levels: [f32; 3],
    at_ms: u64,
}

impl Ember {
    /// Its levels at a later moment.
    fn levels_at(&self, now_ms: u64) -> [f32; 3] {
        let passed_secs = now_ms.saturating_sub(self.at_ms) as f32 / 1_000.0;
        let mut levels = self.levels;
        for (level, half_life) in levels.iter_mut().zip(HALF_LIVES_SECS) {
            *level *= (-passed_secs / half_life).exp2();
        }
        levels
    }

    fn instance(&self) -> Instance {
        let [flash, light, rest] = self.levels;
        let bucket = ((self.bucket * 16.0).round() as u32).min(127);
        Instance {
            a: self.direction,
            b: (self.key & 1) | bucket << 1 | u32::from(half(flash)) << 16,
            birth_ms: (self.at_ms % (1 << 32)) as u32,
            weight: f32::from_bits(u32::from(half(light)) | u32::from(half(rest)) << 16),
        }
    }
}

/// A number of zero or more as a binary16; too large ones are its largest, too small ones nothing.
fn half(value: f32) -> u16 {
    let bits = value.clamp(0.0, 65_504.0).to_bits();
    let exponent = (bits >> 23) as i32 - 112;
    if exponent <= 0 {
        return 0;
    }
    // Rounded to the nearest; a carry goes on into the exponent.
    let rounded = (bits & 0x007f_ffff) + 0x1000;
    (((exponent as u32) << 10) + (rounded >> 13)).min(0x7bff) as u16
}

/// The embers of every place that has one.
#[derive(Debug, Clone, Default)]
pub struct Embers {
    list: Vec<Ember>,
    /// By place: where it is.
    directions: Vec<u32>,
    /// By place × 2 + kind: where in the list it is.
    slots: Vec<u32>,
    /// What comes within the tick, and when.
    expected: Vec<(u64, Arrival)>,
    due: Vec<Arrival>,
    swept_ms: u64,
    /// The list isn't as it was uploaded.
    changed: bool,
}

impl Embers {
    /// Nothing has come yet to the places of a catalogue.
    pub fn new(catalogue: &Catalogue) -> Self {
        let places = catalogue.places().iter();
        Self::at(
            places
                .map(|place| pack_direction(world_from_lat_lon(place.lat, place.lon)))
                .collect(),
        )
    }

    fn at(directions: Vec<u32>) -> Self {
        Self {
            slots: vec![NONE; directions.len() * 2],
            directions,
            ..Self::default()
        }
    }

    /// Takes what came with a tick, to be added at moments within it.
    pub fn expect(&mut self, arrivals: &[Arrival], now_ms: u64) {
        self.expected.extend(arrivals.iter().map(|arrival| {
            let random = arrival.key.wrapping_mul(0x9e37_79b9).wrapping_add(now_ms as u32);
            let wait_ms = ((random >> 16) * SPREAD_MS) >> 16;
            (now_ms + u64::from(wait_ms), *arrival)
        }));
    }

    /// Adds what was expected until now.
    pub fn proceed(&mut self, now_ms: u64) {
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        self.expected.retain(|(due_ms, arrival)| {
            let stays = *due_ms > now_ms;
            if !stays {
                due.push(*arrival);
            }
            stays
        });
        self.add(&due, now_ms, SHARES);
        self.due = due;
    }

    /// Adds what came at a moment.
    pub fn add(&mut self, arrivals: &[Arrival], now_ms: u64, shares: [f32; 3]) {
        self.changed |= !arrivals.is_empty();
        for arrival in arrivals {
            let Some(slot) = self.slots.get_mut(arrival.key as usize) else {
                continue;
            };
            if *slot == NONE {
                if self.list.len() >= CAPACITY {
                    continue;
                }
                *slot = self.list.len() as u32;
                self.list.push(Ember {
                    key: arrival.key,
                    direction: arrival.direction,
                    bucket: arrival.bucket,
                    levels: [0.0; 3],
                    at_ms: now_ms,
                });
            }
            let Some(ember) = self.list.get_mut(*slot as usize) else {
                continue;
            };
            let before = ember.levels_at(now_ms);
            let kept: f32 = before.iter().sum();
            let came: f32 = shares.iter().sum::<f32>() * arrival.weight;
            ember.bucket += (arrival.bucket - ember.bucket) * came / (came + kept).max(1e-6);
            for ((level, before), share) in ember.levels.iter_mut().zip(before).zip(shares) {
                *level = before + share * arrival.weight;
            }
            ember.at_ms = now_ms;
        }
        if now_ms >= self.swept_ms + SWEEP_MS {
            self.sweep(now_ms);
        }
    }

    /// Gives up what is gone.
    fn sweep(&mut self, now_ms: u64) {
        self.swept_ms = now_ms;
        let before = self.list.len();
        let slots = &mut self.slots;
        self.list.retain(|ember| {
            let stays = ember.levels_at(now_ms).iter().sum::<f32>() > GONE;
            if !stays && let Some(slot) = slots.get_mut(ember.key as usize) {
                *slot = NONE;
            }
            stays
        });
        self.changed |= self.list.len() != before;
        for (at, ember) in self.list.iter().enumerate() {
            if let Some(slot) = slots.get_mut(ember.key as usize) {
                *slot = at as u32;
            }
        }
    }

    /// Moves each ember to the place that stands for its own from now on; those that meet are one.
    pub fn regroup(&mut self, leaders: &[u16]) {
        let directions = &self.directions;
        let leader = |place: u32| {
            let leader = *leaders.get(place as usize)?;
            Some((u32::from(leader), *directions.get(usize::from(leader))?))
        };
        self.changed = true;
        for (_, arrival) in &mut self.expected {
            if let Some((place, direction)) = leader(arrival.key / 2) {
                arrival.key = place * 2 + (arrival.key & 1);
                arrival.direction = direction;
            }
        }
        let list = std::mem::take(&mut self.list);
        self.slots.fill(NONE);
        for ember in list {
            let Some((place, direction)) = leader(ember.key / 2) else {
                continue;
            };
            let key = place * 2 + (ember.key & 1);
            let Some(slot) = self.slots.get_mut(key as usize) else {
                continue;
            };
            match self.list.get_mut(*slot as usize) {
                Some(other) if *slot != NONE => {
                    let at_ms = other.at_ms.max(ember.at_ms);
                    let (mine, theirs) = (ember.levels_at(at_ms), other.levels_at(at_ms));
                    for ((level, a), b) in other.levels.iter_mut().zip(mine).zip(theirs) {
                        *level = a + b;
                    }
                    other.at_ms = at_ms;
                }
                _ => {
                    *slot = self.list.len() as u32;
                    self.list.push(Ember {
                        key,
                        direction,
                        ..ember
                    });
                }
            }
        }
    }

    /// How many places there may be.
    pub fn places(&self) -> usize {
        self.slots.len() / 2
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The embers' buffer and what draws them.
#[derive(Debug)]
pub struct EmberLayer {
    buffer: Handle<ShaderBuffer>,
    chunks: Vec<Entity>,
    scratch: Vec<Instance>,
}

/// A part of the buffer that is drawn or left out as one.
#[derive(Component, Default)]
pub struct EmberChunk;

impl EmberLayer {
    /// Spawns the meshes, hidden.
    pub fn spawn(
        commands: &mut Commands,
        mesh: &Handle<Mesh>,
        buffers: &mut Assets<ShaderBuffer>,
        materials: &mut Assets<EmbersMaterial>,
    ) -> Self {
        let buffer = buffers.add(ring::instance_buffer(CAPACITY));
        let material = materials.add(EmbersMaterial { data: buffer.clone() });
        let chunks = ring::spawn_chunks::<_, EmberChunk>(commands, mesh, &material, CAPACITY, CHUNK);
        Self {
            buffer,
            chunks,
            scratch: Vec::new(),
        }
    }

    /// Writes the embers that there are, if they changed, and tells the shader the moment.
    pub fn write(&mut self, embers: &mut Embers, header: Header, uploads: &mut Uploads) {
        if std::mem::take(&mut embers.changed) {
            self.scratch.clear();
            self.scratch.extend(embers.list.iter().map(Ember::instance));
            // What lies behind them in the last chunk is nothing.
            let drawn = self.scratch.len().next_multiple_of(CHUNK).min(CAPACITY);
            self.scratch.resize(drawn, bytemuck::Zeroable::zeroed());
            uploads.instances(&self.buffer, 0, &self.scratch);
        }
        if !embers.is_empty() {
            let params = HALF_LIVES_SECS;
            uploads.header(&self.buffer, &Header { params, ..header });
        }
    }

    /// Draws the chunks that hold an ember.
    pub fn show_chunks(&self, embers: &Embers, chunks: &mut Query<&mut Visibility, With<EmberChunk>>) {
        for (chunk, entity) in self.chunks.iter().enumerate() {
            if let Ok(mut visibility) = chunks.get_mut(*entity) {
                let wanted = if chunk * CHUNK < embers.len() {
                    Visibility::Visible
                } else {
                    Visibility::Hidden
                };
                visibility.set_if_neq(wanted);
            }
        }
    }
}

/// The embers' shader and material.
pub fn plugin(app: &mut App) {
    super::shader::load(app, &SHADER, SHADER_FILE);
    app.add_plugins(MaterialPlugin::<EmbersMaterial>::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(key: u32, weight: f32) -> Arrival {
        Arrival {
            key,
            direction: key / 2 * 2 + 100,
            bucket: 2.0,
            weight,
        }
    }

    fn level(embers: &Embers, key: u32, now_ms: u64) -> f32 {
        embers
            .list
            .iter()
            .find(|ember| ember.key == key)
            .map_or(0.0, |ember| ember.levels_at(now_ms).iter().sum())
    }

    #[test]
    fn light_adds_up_and_fades() {
        let mut embers = Embers::at(vec![100, 102, 104, 106]);
        embers.add(&[arrival(2, 1.0), arrival(5, 2.0)], 1_000, SHARES);
        let [flash, light, rest] = SHARES;
        assert!((level(&embers, 2, 1_000) - (flash + light + rest)).abs() < 1e-5);
        assert!((level(&embers, 5, 1_000) - 2.0 * level(&embers, 2, 1_000)).abs() < 1e-5);
        // After a light's half-life the flash is gone.
        let later = level(&embers, 2, 1_900);
        assert!((later - (light * 0.5 + rest * 0.933)).abs() < 0.002, "{later}");
        // What comes adds to what is left.
        embers.add(&[arrival(2, 1.0)], 1_900, SHARES);
        assert!((level(&embers, 2, 1_900) - later - (flash + light + rest)).abs() < 1e-4);
    }

    #[test]
    fn what_is_gone_gives_its_slot_up_and_the_others_are_found() {
        let mut embers = Embers::at(vec![100, 102, 104, 106]);
        embers.add(&[arrival(0, 0.01), arrival(3, 50.0)], 0, SHARES);
        assert_eq!(embers.len(), 2);
        embers.add(&[arrival(6, 1.0)], 30_000, SHARES);
        assert_eq!(
            embers.list.iter().map(|ember| ember.key).collect::<Vec<_>>(),
            [3, 6]
        );
        embers.add(&[arrival(3, 1.0), arrival(0, 1.0)], 30_100, SHARES);
        assert_eq!(embers.len(), 3);
        assert!(level(&embers, 3, 30_100) > level(&embers, 0, 30_100));
    }

    #[test]
    fn regrouping_keeps_the_sum_and_the_kinds_apart() {
        let mut embers = Embers::at(vec![100, 102, 104, 106]);
        embers.add(&[arrival(0, 1.0), arrival(2, 1.0), arrival(3, 1.0)], 0, SHARES);
        let sum = |embers: &Embers| (0..8).map(|key| level(embers, key, 500)).sum::<f32>();
        let before = sum(&embers);
        embers.regroup(&[1, 1, 1, 1]);
        assert_eq!(
            embers
                .list
                .iter()
                .map(|ember| (ember.key, ember.direction))
                .collect::<Vec<_>>(),
            [(2, 102), (3, 102)]
        );
        assert!((sum(&embers) - before).abs() < 1e-4);
    }

    #[test]
    fn what_a_tick_brings_is_spread_over_it_and_nothing_is_lost() {
        let mut embers = Embers::at((0..1_000).collect());
        let arrivals: Vec<Arrival> = (0..1_000).map(|place| arrival(place * 2, 1.0)).collect();
        embers.expect(&arrivals, 5_000);
        embers.proceed(5_050);
        assert!((400..600).contains(&embers.len()), "{}", embers.len());
        embers.proceed(5_100);
        assert_eq!(embers.len(), 1_000);
    }

    #[test]
    fn halves_are_read_back() {
        for value in [0.0, 0.012, 0.1, 0.52, 1.0, 1.5, 3.2, 100.0, 65_504.0, 1e9] {
            let bits = u32::from(half(value));
            let (exponent, part) = ((bits >> 10) as i32, (bits & 0x3ff) as f32 / 1024.0);
            let back = if exponent == 0 {
                0.0
            } else {
                (1.0 + part) * 2.0_f32.powi(exponent - 15)
            };
            let wanted = f32::min(value, 65_504.0);
            assert!((back - wanted).abs() <= wanted * 0.0006, "{value}: {back}");
        }
    }
}
