//! The lights and arcs of a step.

use std::collections::BTreeMap;

use crate::publish::warmth::WarmthMeter;
use meridian_core::sales::{Batch, EventMs, Kind};
use meridian_wire::{Arcs, Lights, magnitude_bucket};

/// The most arcs in one tick; each says how many parcels it stands for.
pub(super) const MAX_ARCS: usize = 8;
/// The most lights in one frame. A day at its peak has 30,000 in a tenth of a second; more come only when
/// the day runs much faster than it did, and then one light stands for several.
pub(super) const MAX_LIGHTS: usize = 120_000;

/// Collects the lights and arcs of a span while its rows are read.
#[derive(Clone, Default)]
pub(super) struct Gathered {
    place: Vec<u16>,
    code: Vec<u8>,
    pub events: u64,
    /// Events that were kept, of those that have a place: one of `per_light`.
    placed: u64,
    per_light: u64,
    /// Events that were counted and not gone through: the others stand for them.
    pub skipped: u64,
    /// (from region, to place) → parcels.
    parcels: BTreeMap<(u8, u16), u32>,
}

impl Gathered {
    pub fn take(&mut self, batch: &Batch, warmth: &mut WarmthMeter, minor_per_unit: i64) {
        let kind = match batch.kind {
            Kind::Order => 0,
            Kind::Payment => 1 << 3,
        };
        let weight = warmth.weight(batch.from_ms);
        let rows = batch.place.iter().zip(&batch.amount_minor).zip(&batch.ships_from);
        for ((place, amount), ships_from) in rows {
            // A correction takes value off; it is no order and no light.
            if *amount < 0 {
                continue;
            }
            self.events += 1;
            if *place == Batch::UNPLACED {
                continue;
            }
            warmth.add(*place, weight);
            if self.placed.is_multiple_of(self.per_light.max(1)) {
                self.place.push(*place);
                self.code.push(kind | magnitude_bucket(*amount, minor_per_unit));
                if self.place.len() > MAX_LIGHTS {
                    self.halve();
                }
            }
            self.placed += 1;
            // A parcel is one order; its payment sends nothing.
            if batch.kind == Kind::Order && *ships_from != Batch::DOMESTIC {
                *self.parcels.entry((*ships_from, *place)).or_default() += 1;
            }
        }
    }

    /// Keeps every other light.
    fn halve(&mut self) {
        self.per_light = self.per_light.max(1) * 2;
        self.place = self.place.iter().copied().step_by(2).collect();
        self.code = self.code.iter().copied().step_by(2).collect();
    }

    pub fn into_lights(self, from_ms: EventMs, to_ms: EventMs, step: u64) -> Lights {
        let events = self.events + self.skipped;
        let (mut per_light, mut parcels) = (self.per_light.max(1), self.parcels);
        if self.skipped > 0 && self.events > 0 {
            per_light = events.div_ceil(self.place.len().max(1) as u64);
            let share = events as f64 / self.events as f64;
            for count in parcels.values_mut() {
                *count = (f64::from(*count) * share).round() as u32;
            }
        }
        Lights {
            from_ms,
            to_ms,
            per_light: u32::try_from(per_light).unwrap_or(u32::MAX),
            events,
            place: self.place,
            code: self.code,
            arcs: arcs(&parcels, step),
            published_ms: None,
        }
    }
}

/// At most [`MAX_ARCS`] arcs that stand for all parcels. When there are more pairs, evenly spaced
/// parcels are drawn, beginning elsewhere in each step, so that rare pairs have their turn too.
pub(super) fn arcs(parcels: &BTreeMap<(u8, u16), u32>, step: u64) -> Arcs {
    let mut out = Arcs::default();
    let mut push = |pair: (u8, u16), count: u64| {
        out.from_region.push(pair.0);
        out.to_place.push(pair.1);
        out.parcels.push(u32::try_from(count).unwrap_or(u32::MAX));
    };
    if parcels.len() <= MAX_ARCS {
        for (pair, count) in parcels {
            push(*pair, u64::from(*count));
        }
        return out;
    }
    let total: u64 = parcels.values().map(|count| u64::from(*count)).sum();
    let arcs = MAX_ARCS as u64;
    let phase = step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut behind = 0_u64;
    let mut next = 0_u64;
    for (pair, count) in parcels {
        behind += u64::from(*count);
        let mut stands_for = 0;
        while next < arcs {
            let (begin, end) = (next * total / arcs, (next + 1) * total / arcs);
            let drawn = begin + (end - begin) * phase / (1 << 24);
            if drawn >= behind {
                break;
            }
            stands_for += end - begin;
            next += 1;
        }
        if stands_for > 0 {
            push(*pair, stands_for);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arcs_stand_for_every_parcel_however_few_there_are() {
        let mut parcels = BTreeMap::new();
        for pair in 0..900_u16 {
            parcels.insert(((pair % 7) as u8, pair), u32::from(pair % 13) + 1);
        }
        let all: u64 = parcels.values().map(|count| u64::from(*count)).sum();
        let mut pairs = std::collections::BTreeSet::new();
        for step in 0..400 {
            let drawn = arcs(&parcels, step);
            assert!(drawn.parcels.len() <= MAX_ARCS);
            assert_eq!(
                drawn.parcels.iter().map(|count| u64::from(*count)).sum::<u64>(),
                all
            );
            pairs.extend(
                drawn
                    .from_region
                    .iter()
                    .zip(&drawn.to_place)
                    .map(|(from, to)| (*from, *to)),
            );
        }
        assert!(pairs.len() > 450, "{} of 900 had their turn", pairs.len());
        let few: BTreeMap<_, _> = parcels.into_iter().take(3).collect();
        assert_eq!(arcs(&few, 1).parcels, [1, 8, 2]);
    }
}
