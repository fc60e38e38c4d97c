//! How warm each place is: its orders and payments, decayed.

use meridian_core::sales::EventMs;
use meridian_wire::{WARMTH_HALF_LIFE_MS, Warmth};

/// Decayed numbers of orders and payments by place.
pub(super) struct WarmthMeter {
    values: Vec<f64>,
    /// The instant that `values` are scaled to.
    at_ms: EventMs,
}

impl WarmthMeter {
    pub fn new(places: usize, at_ms: EventMs, warmth: &Warmth) -> Self {
        let mut values = vec![0.0; places];
        for (place, number) in warmth.numbers() {
            if let Some(value) = values.get_mut(usize::from(place)) {
                *value = number;
            }
        }
        Self { values, at_ms }
    }

    /// What one event of this instant weighs at the scale's instant. Growing weights stand in for
    /// decaying every place at every step.
    pub fn weight(&mut self, at_ms: EventMs) -> f64 {
        let mut half_lives = (at_ms - self.at_ms) as f64 / WARMTH_HALF_LIFE_MS;
        if half_lives > 32.0 {
            let decay = (-half_lives).exp2();
            self.values.iter_mut().for_each(|value| *value *= decay);
            self.at_ms = at_ms;
            half_lives = 0.0;
        }
        half_lives.exp2()
    }

    pub fn add(&mut self, place: u16, weight: f64) {
        if let Some(value) = self.values.get_mut(usize::from(place)) {
            *value += weight;
        }
    }

    pub fn levels(&self, now_ms: EventMs) -> Warmth {
        let decay = (-((now_ms - self.at_ms) as f64) / WARMTH_HALF_LIFE_MS).exp2();
        let mut out = Warmth::default();
        for (place, value) in self.values.iter().enumerate() {
            out.push(place as u16, value * decay);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmth_halves_in_its_half_life() {
        let mut heat = WarmthMeter::new(2, 0, &Warmth::default());
        let weight = heat.weight(0);
        for _ in 0..1023 {
            heat.add(1, weight);
        }
        let level = |heat: &WarmthMeter, at_ms: i64| heat.levels(at_ms).level.first().copied().unwrap_or(0);
        assert_eq!(level(&heat, 0), 160);
        let half = WARMTH_HALF_LIFE_MS as i64;
        assert_eq!(level(&heat, half), 144);
        // Long after, scaled anew.
        let weight = heat.weight(half * 40);
        heat.add(0, weight);
        assert_eq!(heat.levels(half * 40).place, [0]);
    }
}
