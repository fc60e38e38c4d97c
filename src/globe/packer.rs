//! Packs batches of lights into instances for the GPU.

use std::collections::HashMap;

use super::embers::Arrival;
use super::geo::world_from_lat_lon;
use super::ring::{Instance, pack_direction};
use crate::theme::duration::LIGHT_SECS;
use meridian_core::sales::Catalogue;
use meridian_wire::Lights;

/// Births of a tick are spread over this long.
pub(super) const SPREAD_MS: u32 = 100;
/// Where many lights are at one place, their sum grows as this power of their number.
const PLACE_POWER: f32 = 0.4;
/// Where many such places are side by side, their sum grows as this power of theirs.
const CELL_POWER: f32 = 0.86;
/// A crowd that has faded to less is none: one light more would be the same with it and without it. Fading on for ever, it
/// would come to numbers so small that a processor is slow with them.
const GONE: f32 = 1e-9;
/// Degrees across a cell of such neighbours.
const CELL_DEG: f32 = 2.0;
/// Cells round the equator.
const CELL_COLUMNS: usize = 180;
/// Cells from pole to pole.
const CELL_ROWS: usize = 90;

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

/// The lights of one kind at one place. Together they are sixteen bytes: what a batch needs of a place is fetched at once.
#[derive(Debug, Clone, Copy, Default)]
struct Crowd {
    /// Lights in this batch, and the sum of their buckets.
    count: u32,
    buckets: u32,
    /// Lights that live there, about.
    alive: f32,
    /// That to the power of [`PLACE_POWER`]: it fades by a factor too.
    power: f32,
}

/// Neighbouring places, cell by cell.
#[derive(Debug, Clone, Default)]
struct Cells {
    of_place: Vec<u32>,
    /// By cell: the sum of its places' light.
    sums: Vec<f32>,
    /// By cell: how much of each light is left among so many neighbours; 0 where that isn't known yet.
    held_back: Vec<f32>,
}

/// Lights of one kind that are written as one.
#[derive(Debug, Clone, Copy, Default)]
struct Merged {
    count: u32,
    buckets: u32,
    weight: f32,
}

/// Packs batches of lights into instances. Keeps how crowded each place is.
#[derive(Debug, Clone, Default)]
pub struct Packer {
    directions: Vec<u32>,
    /// By place × 2 + kind; last, for what has no place.
    crowds: Vec<Crowd>,
    /// Places and kinds of this batch, numbered as in `crowds`, in the order in which they came.
    touched: Vec<u32>,
    cells: Cells,
    /// By place × 2 + kind: how bright each light of this batch is, where each is its own.
    weights: Vec<f32>,
    /// By place: latitude, longitude and population.
    where_it_is: Vec<(f32, f32, u32)>,
    /// By place: the group with which it is merged, in cells of [`Self::merged_deg`]. By group: the place that stands for it.
    groups: Vec<u16>,
    leaders: Vec<u16>,
    merged_deg: Option<f32>,
    /// By group × 2 + kind.
    merged: Vec<Merged>,
    merged_touched: Vec<u32>,
    /// What the last batch brought.
    arrivals: Vec<Arrival>,
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

impl Cells {
    fn new(of_place: Vec<u32>) -> Self {
        Self {
            of_place,
            sums: vec![0.0; CELL_COLUMNS * CELL_ROWS],
            held_back: vec![0.0; CELL_COLUMNS * CELL_ROWS],
        }
    }

    /// Sums the light of each cell.
    fn gather(&mut self, crowds: &[Crowd]) {
        self.sums.fill(0.0);
        self.held_back.fill(0.0);
        for (kinds, cell) in crowds.chunks_exact(2).zip(&self.of_place) {
            if let Some(sum) = self.sums.get_mut(*cell as usize) {
                // Without a branch: which places are crowded is in no order.
                let light = |crowd: &Crowd| crowd.power * f32::from(crowd.alive > 0.5);
                *sum += kinds.iter().map(light).sum::<f32>();
            }
        }
    }

    /// How much of a place's light is left among its neighbours.
    fn held_back(&mut self, place: usize) -> f32 {
        let cell = self.of_place.get(place).map_or(0, |cell| *cell as usize);
        let (Some(sum), Some(known)) = (self.sums.get(cell), self.held_back.get_mut(cell)) else {
            return 1.0;
        };
        if *known == 0.0 {
            *known = sum.max(1.0).powf(CELL_POWER - 1.0);
        }
        *known
    }

    /// How bright each light of a crowd is. `key` is its place × 2 + kind.
    fn weight(&mut self, key: usize, crowd: &Crowd, per_light: f32) -> f32 {
        let held_back = self.held_back(key / 2);
        let of_kind = if key & 1 == 1 { held_back } else { 1.0 };
        // The number to PLACE_POWER - 1, of one at least.
        let of_place = if crowd.alive > 1.0 {
            crowd.power / crowd.alive
        } else {
            1.0
        };
        per_light * of_place * held_back * of_kind
    }
}

impl Packer {
    /// For the places of a catalogue.
    pub fn new(catalogue: &Catalogue) -> Self {
        let places = catalogue.places();
        Self {
            directions: places
                .iter()
                .map(|place| pack_direction(world_from_lat_lon(place.lat, place.lon)))
                .collect(),
            crowds: vec![Crowd::default(); places.len() * 2 + 1],
            cells: Cells::new(places.iter().map(|place| cell(place.lat, place.lon)).collect()),
            where_it_is: places
                .iter()
                .map(|place| (place.lat, place.lon, place.population))
                .collect(),
            ..Self::default()
        }
    }

    /// Merges the places in cells of this many degrees. The largest of a cell stands for the others. Says whether the cells
    /// are others than before.
    pub fn choose_leaders(&mut self, deg: f32) -> bool {
        if self.merged_deg == Some(deg) {
            return false;
        }
        self.merged_deg = Some(deg);
        let cell_of = |(lat, lon, _): &(f32, f32, u32)| {
            let row = (lat / deg).floor();
            // Cells are as wide as they are high: degrees of longitude shrink towards the poles.
            let wide = deg / (row * deg).to_radians().cos().max(0.02);
            (row as i32, (lon / wide).floor() as i32)
        };
        self.groups.clear();
        self.leaders.clear();
        let mut of_cell: HashMap<(i32, i32), u16> = HashMap::new();
        let mut populations: Vec<u32> = Vec::new();
        for (place, known) in self.where_it_is.iter().enumerate() {
            let next = self.leaders.len() as u16;
            // Without a size every place is a cell.
            let group = if deg > 0.0 {
                *of_cell.entry(cell_of(known)).or_insert(next)
            } else {
                next
            };
            self.groups.push(group);
            match (
                self.leaders.get_mut(usize::from(group)),
                populations.get_mut(usize::from(group)),
            ) {
                (Some(leader), Some(most)) if known.2 > *most => {
                    *leader = place as u16;
                    *most = known.2;
                }
                (Some(_), Some(_)) => {}
                _ => {
                    self.leaders.push(place as u16);
                    populations.push(known.2);
                }
            }
        }
        self.merged = vec![Merged::default(); self.leaders.len() * 2];
        true
    }

    /// By place, the one that stands for it.
    pub fn leader_of_each(&self) -> Vec<u16> {
        self.groups
            .iter()
            .map(|group| self.leaders.get(usize::from(*group)).copied().unwrap_or(0))
            .collect()
    }

    /// What the last batch brought, by place and kind.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Weighs a batch that came at `now_ms` of app time, packs each of its lights into `out`, and gives how many of them
    /// have a place. With `merge_deg` none is packed: those of one kind in one cell of so many degrees are one of the
    /// [`Self::arrivals`], whose weight is the sum of theirs. Where a cell is no larger than a pixel, additive blending makes
    /// the same picture of it.
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
        self.cool(now_ms);
        let placed = self.count(lights);
        let per_light = lights.per_light.max(1) as f32;
        self.join(per_light);
        let mut births = Births {
            seed: self.seed,
            now_ms,
        };
        self.arrivals.clear();
        if merge_deg.is_some() {
            self.merge(per_light);
        } else {
            self.write_each(lights, &mut births, out);
        }
        self.seed = births.seed;
        placed
    }

    /// Lets the crowds fade to a moment, and counts from nothing. Going through all of them in order brings them near,
    /// before they are wanted in none.
    fn cool(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.crowd_ms);
        self.crowd_ms = now_ms;
        let keep = (-(passed_ms as f32) / (LIGHT_SECS * 1000.0)).exp();
        let keep_power = keep.powf(PLACE_POWER);
        for crowd in &mut self.crowds {
            let (alive, power) = (crowd.alive * keep, crowd.power * keep_power);
            let gone = alive < GONE;
            *crowd = Crowd {
                count: 0,
                buckets: 0,
                alive: if gone { 0.0 } else { alive },
                power: if gone { 0.0 } else { power },
            };
        }
    }

    /// Counts the batch's lights by place and kind; how many have a place. They are many, in no order: it is quickest
    /// without a branch on what has been there before.
    fn count(&mut self, lights: &Lights) -> u64 {
        let unplaced = self.crowds.len().saturating_sub(1);
        self.touched
            .resize(lights.place.len().min(self.crowds.len()) + 1, 0);
        let mut keys = 0;
        for (place, code) in lights.place.iter().zip(&lights.code) {
            let key = (usize::from(*place) * 2 + usize::from((code >> 3) & 1)).min(unplaced);
            let (Some(crowd), Some(next)) = (self.crowds.get_mut(key), self.touched.get_mut(keys)) else {
                continue;
            };
            *next = key as u32;
            keys += usize::from(crowd.count == 0);
            crowd.count += 1;
            crowd.buckets += u32::from(code & 7);
        }
        self.touched.truncate(keys);
        let lost = self.crowds.last().map_or(0, |crowd| crowd.count);
        lights.place.len().min(lights.code.len()) as u64 - u64::from(lost)
    }

    /// Adds the counted lights to their places' crowds.
    fn join(&mut self, per_light: f32) {
        for key in &self.touched {
            if let Some(crowd) = self.crowds.get_mut(*key as usize) {
                crowd.alive += crowd.count as f32 * per_light;
                crowd.power = crowd.alive.powf(PLACE_POWER);
            }
        }
        self.cells.gather(&self.crowds);
    }

    /// Lists what came of a kind in a group as one, at the group's leader.
    fn merge(&mut self, per_light: f32) {
        // In order, which brings them near as well.
        self.merged.fill(Merged::default());
        self.merged_touched.resize(self.touched.len() + 1, 0);
        let mut keys = 0;
        for key in &self.touched {
            let key = *key as usize;
            let (Some(group), Some(crowd)) = (self.groups.get(key / 2), self.crowds.get(key)) else {
                continue;
            };
            let weight = self.cells.weight(key, crowd, per_light);
            let at = usize::from(*group) * 2 + (key & 1);
            if let (Some(sum), Some(next)) = (self.merged.get_mut(at), self.merged_touched.get_mut(keys)) {
                *next = at as u32;
                keys += usize::from(sum.count == 0);
                sum.count += crowd.count;
                sum.buckets += crowd.buckets;
                sum.weight += crowd.count as f32 * weight;
            }
        }
        self.merged_touched.truncate(keys);
        for key in &self.merged_touched {
            let key = *key as usize;
            let (Some(leader), Some(sum)) = (self.leaders.get(key / 2), self.merged.get(key)) else {
                continue;
            };
            let Some(direction) = self.directions.get(usize::from(*leader)) else {
                continue;
            };
            self.arrivals.push(Arrival {
                key: u32::from(*leader) * 2 + (key & 1) as u32,
                direction: *direction,
                bucket: sum.buckets as f32 / sum.count.max(1) as f32,
                weight: sum.weight,
            });
        }
    }

    /// Writes each light of the batch, and lists what came by place.
    fn write_each(&mut self, lights: &Lights, births: &mut Births, out: &mut Vec<Instance>) {
        self.weights.resize(self.crowds.len(), 0.0);
        let per_light = lights.per_light.max(1) as f32;
        for key in &self.touched {
            let key = *key as usize;
            if let (Some(crowd), Some(slot)) = (self.crowds.get(key), self.weights.get_mut(key)) {
                *slot = self.cells.weight(key, crowd, per_light);
                if let Some(direction) = self.directions.get(key / 2) {
                    self.arrivals.push(Arrival {
                        key: key as u32,
                        direction: *direction,
                        bucket: crowd.buckets as f32 / crowd.count.max(1) as f32,
                        weight: crowd.count as f32 * *slot,
                    });
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn packer() -> Packer {
        Packer {
            directions: vec![1, 2, 3],
            crowds: vec![Crowd::default(); 7],
            cells: Cells::new(vec![0, 1, 2]),
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
        let (mut single, mut beside) = (Vec::new(), packer());
        assert_eq!(beside.pack(&batch(), 1000, None, &mut single), 5);
        let (mut none, mut merging) = (Vec::new(), packer());
        assert_eq!(merging.pack(&batch(), 1000, Some(0.0), &mut none), 5);
        assert_eq!((single.len(), none.len(), merging.arrivals().len()), (5, 0, 3));
        // Where each light is one of its own, what came is listed by place all the same.
        assert_eq!(beside.arrivals(), merging.arrivals());
        for (direction, kind) in [(1, 0), (1, 1), (3, 1)] {
            let sum: f32 = single
                .iter()
                .filter(|light| light.a == direction && light.b & 1 == kind)
                .map(|light| light.weight)
                .sum();
            let merged: f32 = merging
                .arrivals()
                .iter()
                .filter(|arrival| arrival.direction == direction && arrival.key & 1 == kind)
                .map(|arrival| arrival.weight)
                .sum();
            assert!((sum - merged).abs() < 1e-5);
            assert!(sum > 0.0);
        }
        assert!((merging.arrivals()[0].bucket - 3.0).abs() < 1e-6);
    }

    #[test]
    fn neighbours_in_a_pixel_are_one_light_at_the_largest_of_them() {
        let (mut single, mut merging) = (Vec::new(), packer());
        packer().pack(&batch(), 1000, None, &mut single);
        assert_eq!(merging.pack(&batch(), 1000, Some(0.25), &mut Vec::new()), 5);
        // Places 0 and 2 share a cell, and 2 is larger; orders and payments stay apart.
        let merged = merging.arrivals();
        assert_eq!(
            merged
                .iter()
                .map(|arrival| (arrival.direction, arrival.key))
                .collect::<Vec<_>>(),
            [(3, 4), (3, 5)]
        );
        let each: f32 = single.iter().map(|light| light.weight).sum();
        let of_cells: f32 = merged.iter().map(|arrival| arrival.weight).sum();
        assert!((each - of_cells).abs() < 1e-5);
        assert_eq!(merging.leader_of_each(), [2, 1, 2]);
        assert!(!merging.choose_leaders(0.25) && merging.choose_leaders(0.5));
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
