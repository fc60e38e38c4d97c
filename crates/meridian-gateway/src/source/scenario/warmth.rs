//! The warmth of the places at an instant of a model.

use super::curve::at;
use super::model::{BLOCK_SECS, Model};
use meridian_core::sales::EventMs;
use meridian_wire::{WARMTH_HALF_LIFE_MS, Warmth};

/// Half-lives after which warmth is forgotten.
const WARMTH_HALF_LIVES: f64 = 24.0;

impl Model {
    /// How warm each place is.
    pub(super) fn warmth_at(&self, ms: EventMs) -> Warmth {
        let mut warmth = Warmth::default();
        let into_ms = (ms - self.start_ms).clamp(0, self.end_ms - self.start_ms);
        let back_ms = (WARMTH_HALF_LIFE_MS * WARMTH_HALF_LIVES) as i64;
        let first = ((into_ms - back_ms).max(0) / 1_000) as usize;
        let last = (into_ms / 1_000) as usize;
        let regions = self.catalogue.regions().len();
        let mut heat = vec![0.0; regions];
        for block in first / BLOCK_SECS..self.blocks.min(last / BLOCK_SECS + 1) {
            let mut decayed = 0.0;
            for second in first.max(block * BLOCK_SECS)..last.min((block + 1) * BLOCK_SECS) {
                let rate = at(&self.payments, second + 1) - at(&self.payments, second)
                    + at(&self.orders, second + 1)
                    - at(&self.orders, second);
                let age_ms = into_ms as f64 - (second as f64 + 0.5) * 1_000.0;
                // Time goes on after the day's end, and the world cools.
                let age_ms = age_ms + (ms - self.end_ms).max(0) as f64;
                decayed += rate * (-age_ms / WARMTH_HALF_LIFE_MS).exp2();
            }
            let shares = self.region_share.iter().skip(block * regions);
            for (heat, share) in heat.iter_mut().zip(shares) {
                *heat += decayed * share;
            }
        }
        for (region, heat) in self.catalogue.regions().iter().zip(heat) {
            let cities = self
                .catalogue
                .places()
                .get(usize::from(region.places.start)..usize::from(region.places.end))
                .unwrap_or(&[]);
            let people: f64 = cities
                .iter()
                .map(|place| f64::from(place.population.max(1)))
                .sum();
            for (number, place) in region.places.clone().zip(cities) {
                let here = heat * f64::from(place.population.max(1)) / people;
                warmth.push(number, here);
            }
        }
        warmth
    }
}
