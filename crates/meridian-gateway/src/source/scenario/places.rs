//! Cities to draw from, large ones as often as they have people.

use super::curve::at;
use meridian_core::sales::{Batch, Catalogue};

/// Cities to draw from in proportion to their population (Vose's alias method), all regions in one table.
pub(super) struct Places {
    /// By region: first place and how many.
    ranges: Vec<(u16, u32)>,
    keep_below: Vec<u32>,
    other: Vec<u16>,
}

impl Places {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let places = catalogue.places().len();
        let mut keep_below = vec![u32::MAX; places];
        let mut other = vec![0_u16; places];
        let mut ranges = Vec::new();
        for region in catalogue.regions() {
            let first = region.places.start;
            let weights: Vec<f64> = region
                .places
                .clone()
                .map(|place| {
                    let place = catalogue.place(meridian_core::sales::PlaceId(place));
                    place.map_or(1.0, |place| f64::from(place.population.max(1)))
                })
                .collect();
            ranges.push((first, weights.len() as u32));
            let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
            let mut left: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
            let (mut small, mut large): (Vec<usize>, Vec<usize>) =
                (0..left.len()).partition(|index| at(&left, *index) < 1.0);
            while let (Some(less), Some(more)) = (small.pop(), large.last().copied()) {
                let keep = at(&left, less);
                let row = usize::from(first) + less;
                if let (Some(bound), Some(alias)) = (keep_below.get_mut(row), other.get_mut(row)) {
                    *bound = (keep * f64::from(u32::MAX)) as u32;
                    *alias = first + more as u16;
                }
                if let Some(rest) = left.get_mut(more) {
                    *rest -= 1.0 - keep;
                    if *rest < 1.0 {
                        large.pop();
                        small.push(more);
                    }
                }
            }
            // What is left over keeps all of its own row.
            for index in small.into_iter().chain(large) {
                let row = usize::from(first) + index;
                if let (Some(bound), Some(alias)) = (keep_below.get_mut(row), other.get_mut(row)) {
                    *bound = u32::MAX;
                    *alias = row as u16;
                }
            }
        }
        Self {
            ranges,
            keep_below,
            other,
        }
    }

    /// A city of a region, always the same for the same hash.
    pub(super) fn draw(&self, region: u8, hash: u64) -> u16 {
        let Some((first, count)) = self.ranges.get(usize::from(region)).copied() else {
            return Batch::UNPLACED;
        };
        let row = ((hash >> 32) * u64::from(count)) >> 32;
        let place = first + row as u16;
        match self.keep_below.get(usize::from(place)) {
            Some(bound) if hash as u32 > *bound => {
                self.other.get(usize::from(place)).copied().unwrap_or(place)
            }
            _ => place,
        }
    }
}
