//! How warm a place is, as one byte.

use crate::frame::Warmth;

/// Half-life of warmth, in milliseconds of event time.
pub const WARMTH_HALF_LIFE_MS: f64 = 180_000.0;

impl Warmth {
    /// The level of a decayed number of orders and payments.
    pub fn encode(number: f64) -> u8 {
        (16.0 * (1.0 + number).log2()).round().clamp(0.0, 255.0) as u8
    }

    /// The number that a level stands for.
    pub fn decode(level: u8) -> f64 {
        (f64::from(level) / 16.0).exp2() - 1.0
    }

    /// Adds a place with its number, unless it is cold.
    pub fn push(&mut self, place: u16, number: f64) {
        let level = Self::encode(number);
        if level > 0 {
            self.place.push(place);
            self.level.push(level);
        }
    }

    /// The places with their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = (u16, f64)> {
        let levels = self.level.iter().map(|level| Self::decode(*level));
        self.place.iter().copied().zip(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back() {
        for level in 0..=u8::MAX {
            assert_eq!(Warmth::encode(Warmth::decode(level)), level);
        }
        assert_eq!(Warmth::encode(f64::INFINITY), u8::MAX);
    }

    #[test]
    fn cold_places_are_left_out() {
        let mut warmth = Warmth::default();
        for (place, number) in [(1, 0.0), (2, 1.0), (3, 0.01)] {
            warmth.push(place, number);
        }
        assert_eq!((&*warmth.place, &*warmth.level), (&[2][..], &[16][..]));
        assert_eq!(warmth.numbers().collect::<Vec<_>>(), [(2, 1.0)]);
    }
}
