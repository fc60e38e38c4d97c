//! Trends: which products sell better than usual, and where. Pure.

use serde::{Deserialize, Serialize};

use crate::tally::{Minutes, WINDOW_MINUTES};

/// A product that sells more than usual in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    /// The product's number.
    pub product: u16,
    /// The region's number.
    pub region: u8,
    /// How much, in percent of what is usual there: 420 is 4.2 times.
    pub percent: u32,
}

impl Trend {
    /// How many times the usual: 4.2.
    pub fn times(&self) -> f64 {
        f64::from(self.percent) / 100.0
    }
}

/// The most regions in which one product trends.
pub const MAX_TRENDS: usize = 3;
/// The fewest orders in the window that can be a trend.
pub const MIN_RECENT: u64 = 12;
/// The fewest orders before the window that say what is usual.
pub const MIN_BEFORE: u64 = 30;
/// The smallest percentage of the usual that counts as a trend.
pub const MIN_PERCENT: f64 = 150.0;
/// How many standard deviations of chance the surplus must exceed.
const SIGMA: f64 = 4.0;

/// How many minutes the window has when the day is `minute` minutes old: half of them, 1 to
/// [`WINDOW_MINUTES`]. None before the second minute, when nothing came before the window.
pub fn window_minutes(minute: u32) -> Option<usize> {
    (minute >= 2).then(|| ((minute / 2) as usize).clamp(1, WINDOW_MINUTES))
}

/// Where which product sells more than usual, at the newest whole minute: by product, at most
/// [`MAX_TRENDS`] regions each, the surest first.
///
/// *Recent* is the window of the last minutes ([`window_minutes`]); *before* is the day until the window
/// began. What is usual is a share: of the region's orders before, those with the product; where they were
/// fewer than [`MIN_BEFORE`], nothing is known to be usual and nothing trends (another place's share is no
/// measure: a taste isn't a trend). Expected are so many of the region's recent orders, so that a busy hour
/// alone is no trend. The ratio is recent ÷ expected.
///
/// It is a trend with at least [`MIN_RECENT`] recent orders, a ratio of at least [`MIN_PERCENT`], and
/// a surplus of four standard deviations of what chance does (that of the recent orders and of the share
/// together). They are ordered by the ratio that is left after two standard deviations are taken off the
/// recent orders, equal ones by region number: a handful of orders on an island doesn't outrank a country.
///
/// Where orders are told in groups ([`Mark::bunches`](crate::tally::Mark::bunches)), a group may have come in before the window: it
/// is taken off what is recent. So what is said is no more than there was; a weak surge may not be said.
pub fn trends(minutes: &Minutes, regions: usize) -> Vec<Trend> {
    let (Some(newest), true) = (minutes.newest(), regions > 0) else {
        return Vec::new();
    };
    let Some(before) = window_minutes(newest.minute).and_then(|window| minutes.before(window)) else {
        return Vec::new();
    };
    let mut earlier = before.products.iter().peekable();
    let mut out = Vec::new();
    let mut rows = newest.products.iter().peekable();
    let mut bunches = newest.bunches.iter();
    // (region, orders until now, orders before), of one product after the other.
    let mut of_product: Vec<(usize, u64, u64)> = Vec::new();
    while let Some((index, orders)) = rows.next() {
        let bunch = bunches.next().copied().unwrap_or(0);
        let (product, region) = (*index as usize / regions, *index as usize % regions);
        while earlier.next_if(|(at, _)| at < index).is_some() {}
        let until = earlier
            .next_if(|(at, _)| at == index)
            .map_or(0, |(_, count)| *count);
        of_product.push((region, orders.saturating_sub(bunch).max(until), until));
        if rows
            .peek()
            .is_none_or(|(next, _)| *next as usize / regions != product)
        {
            let Ok(number) = u16::try_from(product) else {
                break;
            };
            let mut found: Vec<(f64, Trend)> = of_product
                .drain(..)
                .filter_map(|(region, orders, until)| {
                    let count = |mark: &[u64]| mark.get(region).copied().unwrap_or(0);
                    let region_before = count(&before.regions);
                    let region_recent = count(&newest.regions).saturating_sub(region_before);
                    let recent = orders.saturating_sub(until);
                    if recent < MIN_RECENT || until < MIN_BEFORE {
                        return None;
                    }
                    let expected = until as f64 / region_before.max(1) as f64 * region_recent as f64;
                    let recent = recent as f64;
                    let chance = (expected + expected * expected / until as f64).sqrt();
                    let percent = recent / expected.max(f64::MIN_POSITIVE) * 100.0;
                    if percent < MIN_PERCENT || recent - expected < SIGMA * chance.max(1.0) {
                        return None;
                    }
                    let sure = (recent - 2.0 * recent.sqrt()) / expected.max(f64::MIN_POSITIVE);
                    let trend = Trend {
                        product: number,
                        region: u8::try_from(region).ok()?,
                        percent: percent.round().min(f64::from(u32::MAX)) as u32,
                    };
                    Some((sure, trend))
                })
                .collect();
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.region.cmp(&b.1.region)));
            out.extend(found.into_iter().take(MAX_TRENDS).map(|(_, trend)| trend));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::tally::Mark;

    const REGIONS: usize = 4;

    /// So many minutes of orders a minute by region, of which a product has some, as they are.
    fn minutes(count: u32, each: impl Fn(u32, usize) -> (u64, u64)) -> Minutes {
        let mut regions = vec![0_u64; REGIONS];
        let mut product = [0_u64; REGIONS];
        let mut out = Minutes::default();
        for minute in 0..=count {
            if minute > 0 {
                for region in 0..REGIONS {
                    let (all, with) = each(minute - 1, region);
                    regions[region] += all;
                    product[region] += with;
                }
            }
            out.push(Mark {
                minute,
                regions: regions.clone(),
                products: product
                    .iter()
                    .enumerate()
                    .filter(|(_, orders)| **orders > 0)
                    .map(|(region, orders)| ((REGIONS + region) as u32, *orders))
                    .collect(),
                bunches: Vec::new(),
            });
        }
        out
    }

    #[test]
    fn a_surge_is_found_where_and_as_strong_as_it_is() {
        // One order in fifty; in region 2 four times as many in the last ten minutes of an hour.
        let marks = minutes(60, |minute, region| {
            let all = [5_000, 1_000, 500, 100][region];
            (all, all / 50 * if region == 2 && minute >= 50 { 4 } else { 1 })
        });
        let found = trends(&marks, REGIONS);
        assert_eq!(
            found,
            [Trend {
                product: 1,
                region: 2,
                percent: 400
            }]
        );
        assert!((found[0].times() - 4.0).abs() < 1e-9);
    }

    /// What is told in groups of fifty may be all of a surge, or none of it.
    #[test]
    fn a_group_is_no_surge() {
        let grouped = |times: u64| {
            let mut marks = Minutes::default();
            for minute in 0..=60_u64 {
                // Five a minute, told each ten minutes; in the last ten so many times as many.
                let told = minute / 10 * 50 + if minute == 60 { 50 * (times - 1) } else { 0 };
                marks.push(Mark {
                    minute: minute as u32,
                    // The region's are told a little later, as if there had been few.
                    regions: vec![0, 0, minute.saturating_sub(5) * 250, 0],
                    products: vec![(6, told)],
                    bunches: vec![50],
                });
            }
            trends(&marks, REGIONS)
        };
        assert!(grouped(1).is_empty());
        let found = grouped(8);
        assert_eq!(found.len(), 1);
        assert!((400..=800).contains(&found[0].percent), "{found:?}");
    }

    #[test]
    fn a_busy_hour_of_everything_is_no_trend() {
        let marks = minutes(60, |minute, _| {
            let all = if minute >= 50 { 10_000 } else { 1_000 };
            (all, all / 50)
        });
        assert!(trends(&marks, REGIONS).is_empty());
    }

    #[test]
    fn chance_is_no_trend() {
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
        for _ in 0..300 {
            let mut noise = Vec::new();
            for _ in 0..60 * REGIONS {
                let with = (0..400).filter(|_| random.random_range(0..100) == 0).count() as u64;
                noise.push((400, with));
            }
            let marks = minutes(60, |minute, region| noise[minute as usize * REGIONS + region]);
            assert_eq!(trends(&marks, REGIONS), []);
        }
    }

    #[test]
    fn few_orders_are_no_trend_and_ties_stand_by_region() {
        let few = minutes(60, |minute, region| {
            (
                100,
                u64::from(region != 1 || minute >= 50) * u64::from(minute % 20 == 9),
            )
        });
        assert!(trends(&few, REGIONS).is_empty());
        // The same in three regions, a weaker one in the fourth; the early day has a shorter window.
        let same = minutes(6, |minute, region| {
            (
                1_000,
                if minute >= 3 {
                    [300, 300, 200, 300][region]
                } else {
                    50
                },
            )
        });
        let regions: Vec<u8> = trends(&same, REGIONS).iter().map(|trend| trend.region).collect();
        assert_eq!(regions, [0, 1, 3]);
        assert!(trends(&minutes(1, |_, _| (1_000, 900)), REGIONS).is_empty());
        assert!(trends(&Minutes::default(), REGIONS).is_empty());
    }

    #[test]
    fn where_a_region_has_no_past_nothing_is_usual() {
        let marks = minutes(60, |minute, region| match (region, minute >= 50) {
            (3, false) => (0, 0),
            (3, true) => (1_000, 100),
            _ => (1_000, 20),
        });
        assert!(trends(&marks, REGIONS).is_empty());
    }

    #[test]
    fn the_window_grows_with_the_day() {
        let windows: Vec<Option<usize>> = [0, 1, 2, 3, 5, 10, 19, 20, 600].map(window_minutes).to_vec();
        assert_eq!(
            windows,
            [
                None,
                None,
                Some(1),
                Some(1),
                Some(2),
                Some(5),
                Some(9),
                Some(10),
                Some(10)
            ]
        );
    }
}
