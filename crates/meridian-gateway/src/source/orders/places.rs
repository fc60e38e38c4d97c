//! Draws a city for an order: files name countries.

use meridian_core::sales::{Catalogue, RegionId};

/// FNV-1a, then splitmix64's finaliser: the same on every machine and in every release.
pub(super) fn hash_of(id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Cities of regions, large ones as often as they have people.
pub(super) struct Places<'a> {
    catalogue: &'a Catalogue,
    /// By place: the population of its region's places up to and with it.
    cumulative: Vec<u64>,
}

impl<'a> Places<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let mut cumulative = Vec::with_capacity(catalogue.places().len());
        let mut region = None;
        let mut sum = 0;
        for place in catalogue.places() {
            if region != Some(place.region) {
                region = Some(place.region);
                sum = 0;
            }
            sum += u64::from(place.population.max(1));
            cumulative.push(sum);
        }
        Self {
            catalogue,
            cumulative,
        }
    }

    /// A place of a region, always the same for the same hash.
    pub(super) fn draw(&self, region: u8, hash: u64) -> Option<u16> {
        let places = self.catalogue.region(RegionId(region))?.places.clone();
        let sums = self
            .cumulative
            .get(usize::from(places.start)..usize::from(places.end))?;
        let total = *sums.last()?;
        let at = hash % total;
        let index = sums.partition_point(|sum| *sum <= at);
        u16::try_from(usize::from(places.start) + index).ok()
    }
}
