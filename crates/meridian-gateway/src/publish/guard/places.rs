//! At which cities the lights of one kind are shown, in groups of more than `k`.
//!
//! What a region has released waits at its cities. A city shows a group when its count has reached the next number of its
//! own, the same for both kinds; what waits for too long goes to the nearest city of the region that shows some.

use std::collections::BTreeMap;

use super::{Dealt, Drawn, Later, MAX_WAIT_MS, Row, groups};
use meridian_core::sales::{Batch, Catalogue, EventMs};

/// Buckets of amounts.
pub(super) const BUCKETS: usize = 8;
/// After waiting this long at a city, events go to a neighbour.
const PATIENCE_MS: i64 = 600_000;
/// Where a region releases more slowly than this, its cities don't wait: what it releases is shown at one that it has.
const SLOW_MS: i64 = 60_000;
/// How often to look for what has waited too long.
const SWEEP_MS: i64 = 10_000;
/// When something began to wait, where nothing does.
const NEVER: EventMs = EventMs::MIN;

/// What is counted at a city: on one cache line, since a step touches thousands of them at random.
#[derive(Clone)]
#[repr(align(64))]
struct CityState {
    count: u32,
    shown: u32,
    /// The number at which the next group is shown.
    next: u32,
    /// Since when something waits.
    since_ms: EventMs,
    /// When it showed a group last.
    lit_ms: EventMs,
    buckets: [u32; BUCKETS],
}

/// Where the cities lie.
pub(super) struct CityMap {
    /// By region, its first city and the one after its last.
    pub(super) of_region: Vec<(usize, usize)>,
    /// On the unit sphere.
    at: Vec<[f32; 3]>,
}

impl CityMap {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let mut of_region = vec![(0, 0); catalogue.regions().len()];
        for (place, region) in catalogue.region_of_place().into_iter().enumerate() {
            if let Some(span) = of_region.get_mut(usize::from(region)) {
                if span.1 == 0 {
                    span.0 = place;
                }
                span.1 = place + 1;
            }
        }
        let at = catalogue.places().iter().map(|place| {
            let (lat, lon) = (place.lat.to_radians(), place.lon.to_radians());
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
        });
        Self {
            of_region,
            at: at.collect(),
        }
    }

    fn span(&self, region: usize) -> std::ops::Range<usize> {
        let (from, to) = self.of_region.get(region).copied().unwrap_or((0, 0));
        from..to
    }

    /// How near, in no unit: the larger, the nearer.
    fn near(&self, a: usize, b: usize) -> f32 {
        match (self.at.get(a), self.at.get(b)) {
            (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            _ => -1.0,
        }
    }
}

/// The cities, for one kind.
pub(super) struct Places {
    k: u64,
    seed: u64,
    /// `kind << 3`.
    code: u8,
    spots: Vec<CityState>,
    /// Those that have reached their number.
    ripe: Vec<usize>,
    /// By city.
    parcels: Vec<Parcels>,
    /// (region, from where) → parcels that are few at each city.
    loose: BTreeMap<(usize, u8), u64>,
    /// How many groups of them there were.
    loosened: u32,
    /// By region: whether something waits.
    waits: Vec<bool>,
    swept_ms: EventMs,
}

impl Places {
    pub(super) fn new(k: u64, seed: u64, code: u8, places: usize, regions: usize, at_ms: EventMs) -> Self {
        let mut it = Self {
            k,
            seed,
            code,
            spots: Vec::with_capacity(places),
            ripe: Vec::new(),
            parcels: vec![Parcels::default(); places],
            loose: BTreeMap::new(),
            loosened: 0,
            waits: vec![false; regions],
            swept_ms: at_ms,
        };
        for place in 0..places {
            it.spots.push(CityState {
                count: 0,
                shown: 0,
                next: it.after(place, 0),
                since_ms: NEVER,
                lit_ms: NEVER,
                buckets: [0; BUCKETS],
            });
        }
        it
    }

    /// The number after one: `k` further and a hidden rest, the same for both kinds.
    fn after(&self, place: usize, number: u32) -> u32 {
        let place = (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut hash = self.seed ^ place ^ u64::from(number).rotate_left(32);
        for _ in 0..2 {
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            hash ^= hash >> 31;
        }
        number.saturating_add((self.k + 1 + hash % (self.k / 2 + 1)) as u32)
    }

    /// What a region has released, since when.
    pub(super) fn take(&mut self, region: usize, rows: &[Row], orders: bool, since_ms: EventMs) {
        for row in rows {
            let at = usize::from(row.place);
            let Some(spot) = self.spots.get_mut(at) else {
                continue;
            };
            if spot.since_ms == NEVER {
                spot.since_ms = since_ms.max(spot.lit_ms);
            }
            spot.count += 1;
            if let Some(slot) = spot.buckets.get_mut(usize::from(row.bucket)) {
                *slot += 1;
            }
            if spot.count == spot.next {
                self.ripe.push(at);
            }
            if orders
                && row.ships_from != Batch::DOMESTIC
                && let Some(waiting) = self.parcels.get_mut(at)
            {
                waiting.add(row.ships_from, 1, since_ms);
            }
        }
        if let Some(waits) = self.waits.get_mut(region) {
            *waits = true;
        }
    }

    /// A region released after so long: where that is slow, nothing waits for its city.
    pub(super) fn hurry(&mut self, ground: &CityMap, region: usize, span_ms: i64, now_ms: EventMs) {
        if span_ms >= SLOW_MS {
            self.gather(ground, region, 0, now_ms);
        }
    }

    /// What has waited too long goes to a neighbour.
    pub(super) fn sweep(&mut self, ground: &CityMap, now_ms: EventMs) {
        if now_ms - self.swept_ms < SWEEP_MS {
            return;
        }
        self.swept_ms = now_ms;
        for region in 0..self.waits.len() {
            if self.waits.get(region).copied().unwrap_or(false) {
                self.gather(ground, region, PATIENCE_MS, now_ms);
            }
        }
    }

    /// Moves what has waited too long to the nearest city that shows some; to the one with the most where none does.
    fn gather(&mut self, ground: &CityMap, region: usize, patience_ms: i64, now_ms: EventMs) {
        let (mut old, mut lit) = (Vec::new(), Vec::new());
        let (mut waits, mut most) = (false, None);
        for at in ground.span(region) {
            let Some(spot) = self.spots.get(at) else {
                continue;
            };
            let waiting = spot.count - spot.shown;
            if spot.lit_ms != NEVER && now_ms - spot.lit_ms <= MAX_WAIT_MS || spot.count >= spot.next {
                lit.push(at);
            } else if waiting > 0 && now_ms - spot.since_ms >= patience_ms {
                old.push(at);
            }
            waits |= waiting > 0;
            if waiting > most.map_or(0, |(waiting, _)| waiting) {
                most = Some((waiting, at));
            }
        }
        if let Some(slot) = self.waits.get_mut(region) {
            *slot = waits;
        }
        if lit.is_empty() {
            lit.extend(most.map(|(_, at)| at));
        }
        for from in old {
            let near = |a: &usize, b: &usize| ground.near(from, *a).total_cmp(&ground.near(from, *b));
            if let Some(to) = lit.iter().copied().max_by(near)
                && to != from
            {
                self.move_over(from, to);
            }
        }
    }

    fn move_over(&mut self, from: usize, to: usize) {
        let Some(spot) = self.spots.get_mut(from) else {
            return;
        };
        let count = spot.count - spot.shown;
        let (buckets, since_ms) = (spot.buckets, spot.since_ms);
        spot.count = spot.shown;
        spot.buckets = [0; BUCKETS];
        spot.since_ms = NEVER;
        let Some(spot) = self.spots.get_mut(to) else {
            return;
        };
        let ripe = spot.count >= spot.next;
        spot.count += count;
        for (slot, more) in spot.buckets.iter_mut().zip(buckets) {
            *slot += more;
        }
        if spot.since_ms == NEVER || spot.since_ms > since_ms {
            spot.since_ms = since_ms;
        }
        if !ripe && spot.count >= spot.next {
            self.ripe.push(to);
        }
        let moved = self
            .parcels
            .get_mut(from)
            .map(|parcels| std::mem::take(&mut parcels.waiting));
        if let Some(parcels) = self.parcels.get_mut(to) {
            for (origin, count) in moved.unwrap_or_default() {
                parcels.add(origin, count, since_ms);
            }
        }
    }

    /// Shows the groups that are full: at once where they came in a step, otherwise dealt out over as long as they took.
    pub(super) fn show(
        &mut self,
        regions: &[u8],
        ground: &CityMap,
        (now_ms, step_ms): (EventMs, i64),
        drawn: &mut Drawn,
        later: &mut Later,
    ) {
        for at in std::mem::take(&mut self.ripe) {
            let Some(spot) = self.spots.get(at) else {
                continue;
            };
            let count = spot.count;
            let (mut now, mut next) = (spot.shown, spot.next);
            while next <= count && next > now {
                (now, next) = (next, self.after(at, next));
            }
            let Some(spot) = self.spots.get_mut(at) else {
                continue;
            };
            let since_ms = spot.since_ms.max(now_ms - MAX_WAIT_MS);
            let left = count - now;
            let groups = coarsen(&mut spot.buckets, u64::from(left), self.k);
            spot.shown = now;
            spot.next = next;
            spot.lit_ms = now_ms;
            spot.since_ms = if left > 0 { now_ms } else { NEVER };
            let Ok(place) = u16::try_from(at) else {
                continue;
            };
            for (bucket, count) in groups {
                let code = self.code | bucket;
                if now_ms - since_ms <= step_ms {
                    drawn.groups.push((place, code, count));
                } else {
                    later.lights.push(Dealt {
                        place,
                        code,
                        count,
                        given: 0,
                        from_ms: now_ms,
                        to_ms: now_ms + (now_ms - since_ms),
                    });
                }
            }
            self.send(
                (place, u64::from(now)),
                (regions, ground),
                (now_ms, step_ms),
                drawn,
                later,
            );
        }
    }

    /// The parcels to a city that has shown that many orders.
    fn send(
        &mut self,
        (place, shown): (u16, u64),
        (regions, ground): (&[u8], &CityMap),
        (now_ms, step_ms): (EventMs, i64),
        drawn: &mut Drawn,
        later: &mut Later,
    ) {
        let Some(parcels) = self.parcels.get_mut(usize::from(place)) else {
            return;
        };
        if parcels.waiting.is_empty() {
            return;
        }
        let span_ms = (now_ms - parcels.since_ms).min(MAX_WAIT_MS);
        let k = self.k.max(1);
        let mut draw = |from: u8, to: u16, count: u64| {
            if span_ms > step_ms {
                // As many arcs as there are groups in it.
                let arcs = (count / k).max(1);
                for arc in 0..arcs {
                    let part = (arc + 1) * count / arcs - arc * count / arcs;
                    let part = u32::try_from(part).unwrap_or(u32::MAX);
                    later.arc(now_ms, span_ms, (from, to), part);
                }
                return;
            }
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let slot = drawn.parcels.entry((from, to)).or_default();
            *slot = slot.saturating_add(count);
        };
        let go = groups(&parcels.waiting, shown.saturating_sub(parcels.drawn), self.k);
        for (origin, count) in &go {
            parcels.drawn += count;
            draw(*origin, place, *count);
        }
        parcels
            .waiting
            .retain(|(from, _)| !go.iter().any(|(origin, _)| origin == from));
        if now_ms - parcels.since_ms < PATIENCE_MS {
            if !go.is_empty() {
                parcels.since_ms = now_ms;
            }
            return;
        }
        // Few from there to this city: with others to the region they are enough some time.
        let region = regions
            .get(usize::from(place))
            .map_or(0, |region| usize::from(*region));
        for (origin, count) in std::mem::take(&mut parcels.waiting) {
            let loose = self.loose.entry((region, origin)).or_default();
            *loose += count;
            if *loose > self.k {
                let lit = |at: &usize| {
                    let spot = self.spots.get(*at);
                    spot.is_some_and(|spot| spot.lit_ms != NEVER && now_ms - spot.lit_ms <= MAX_WAIT_MS)
                };
                // To any city that shows something: which, says nothing of who sent it there.
                let shown: Vec<usize> = ground.span(region).filter(lit).collect();
                let number = (self.loosened as usize).wrapping_mul(0x9E37_79B9) % shown.len().max(1);
                self.loosened = self.loosened.wrapping_add(1);
                let to = shown
                    .get(number)
                    .and_then(|at| u16::try_from(*at).ok())
                    .unwrap_or(place);
                draw(origin, to, std::mem::take(loose));
            }
        }
    }
}

/// The parcels to a city.
#[derive(Clone)]
struct Parcels {
    /// From where they wait, and how many.
    waiting: Vec<(u8, u64)>,
    /// Since when.
    since_ms: EventMs,
    /// How many were drawn.
    drawn: u64,
}

impl Default for Parcels {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            since_ms: NEVER,
            drawn: 0,
        }
    }
}

impl Parcels {
    /// Adds parcels from an origin.
    fn add(&mut self, origin: u8, more: u64, since_ms: EventMs) {
        if self.waiting.is_empty() {
            self.since_ms = self.since_ms.max(since_ms);
        }
        match self.waiting.iter_mut().find(|(from, _)| *from == origin) {
            Some((_, count)) => *count += more,
            None => self.waiting.push((origin, more)),
        }
    }
}

/// What waits at a city except for those that stay, by bucket: rare buckets join the nearest one that isn't.
fn coarsen(buckets: &mut [u32; BUCKETS], stay: u64, k: u64) -> Vec<(u8, u64)> {
    let mut kept = [0_u32; BUCKETS];
    for _ in 0..stay {
        // Of the bucket that has the most: the others are as they were.
        if let Some(at) = (0..BUCKETS).max_by_key(|at| buckets.get(*at).copied().unwrap_or(0))
            && let (Some(from), Some(to)) = (buckets.get_mut(at), kept.get_mut(at))
            && *from > 0
        {
            *from -= 1;
            *to += 1;
        }
    }
    let shown = std::mem::replace(buckets, kept);
    let of = |at: usize| shown.get(at).map_or(0, |count| u64::from(*count));
    let many: Vec<usize> = (0..BUCKETS).filter(|at| of(*at) >= k).collect();
    let most = (0..BUCKETS).rev().max_by_key(|at| of(*at)).unwrap_or(0);
    let mut out = [0_u64; BUCKETS];
    for at in (0..BUCKETS).filter(|at| of(*at) > 0) {
        let to = many
            .iter()
            .copied()
            .min_by_key(|other| (other.abs_diff(at), *other));
        if let Some(slot) = out.get_mut(to.unwrap_or(most)) {
            *slot += of(at);
        }
    }
    let shown = out.into_iter().enumerate().filter(|(_, count)| *count > 0);
    shown.map(|(bucket, count)| (bucket as u8, count)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn buckets_are_groups(
            k in 2_u64..12,
            mut buckets in proptest::array::uniform8(0_u32..40),
            stay in 0_u64..20,
        ) {
            let all: u64 = buckets.iter().map(|count| u64::from(*count)).sum();
            let stay = stay.min(all);
            let groups = coarsen(&mut buckets, stay, k);
            let shown: u64 = groups.iter().map(|(_, count)| count).sum();
            let left: u64 = buckets.iter().map(|count| u64::from(*count)).sum();
            prop_assert_eq!((left, shown), (stay, all - stay));
            prop_assert!(shown < k || groups.iter().all(|(_, count)| *count >= k), "{:?}", groups);
        }

        /// Of both kinds, what a city has shown is always 0 apart or more than k.
        #[test]
        fn a_city_shows_numbers_of_its_own(
            k in 2_u64..12,
            seed in proptest::num::u64::ANY,
            steps in proptest::collection::vec((proptest::bool::ANY, 1_usize..30), 1..60),
        ) {
            let catalogue = crate::load_catalogue().unwrap();
            let regions = catalogue.region_of_place();
            let ground = CityMap::new(&catalogue);
            let mut kinds = [0, 8].map(|code| Places::new(k, seed, code, 3, 1, 0));
            let mut shown = vec![0];
            for (at, (second, many)) in steps.into_iter().enumerate() {
                let places = &mut kinds[usize::from(second)];
                let row = Row { place: 1, region: 0, category: 0, channel: 0, bucket: 2, ships_from: Batch::DOMESTIC, amount_minor: 5, items: None };
                let rows = vec![row; many];
                places.take(0, &rows, true, at as i64);
                let (mut drawn, mut later) = (Drawn::default(), Later::default());
                places.show(&regions, &ground, (at as i64, 100), &mut drawn, &mut later);
                shown.push(places.spots[1].shown);
            }
            shown.sort_unstable();
            shown.dedup();
            prop_assert!(shown.windows(2).all(|pair| u64::from(pair[1] - pair[0]) > k), "{:?}", shown);
        }
    }
}
