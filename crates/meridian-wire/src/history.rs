//! Curves of value over time, and how they grow.

use crate::frame::{Counts, Day, History, RegionHistory};

/// How far the curves of a history grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// The most points of the total's curve.
    pub max_points: usize,
    /// The most points of a region's curve.
    pub max_region_points: usize,
}

impl History {
    /// Adds the points that event time has reached at `at_ms`, at the values of now: `gmv_minor` in all, and the `regions`
    /// by number. The day's end is the curves' end, and a region without any counts has no curve: one that comes to have
    /// some sold nothing before.
    pub fn advance(
        &mut self,
        at_ms: i64,
        day: &Day,
        gmv_minor: i64,
        regions: impl IntoIterator<Item = (u8, Counts)>,
        growth: Growth,
    ) {
        let into_ms = at_ms.min(day.end_ms) - day.start_ms;
        if into_ms < 0 {
            return;
        }
        let due = |step_ms: i64, most: usize| ((into_ms / step_ms) as usize + 1).min(most);
        if self.step_ms > 0 {
            extend(
                &mut self.gmv_minor,
                due(self.step_ms, growth.max_points),
                gmv_minor,
            );
        }
        if self.region_step_ms <= 0 {
            return;
        }
        let due = due(self.region_step_ms, growth.max_region_points);
        let selling = regions
            .into_iter()
            .filter(|(_, counts)| *counts != Counts::default());
        for (id, Counts { gmv_minor, .. }) in selling {
            match self.regions.iter_mut().find(|known| known.region == id) {
                Some(known) => extend(&mut known.gmv_minor, due, gmv_minor),
                None => {
                    let mut curve = vec![0; due];
                    // The last point may be this very instant.
                    if into_ms % self.region_step_ms == 0
                        && let Some(last) = curve.last_mut()
                    {
                        *last = gmv_minor;
                    }
                    self.regions.push(RegionHistory {
                        region: id,
                        gmv_minor: curve,
                    });
                }
            }
        }
    }
}

/// Makes a curve `due` points long; one that is longer stays as it is.
fn extend(curve: &mut Vec<i64>, due: usize, gmv_minor: i64) {
    if curve.len() < due {
        curve.resize(due, gmv_minor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History {
            step_ms: 10,
            region_step_ms: 100,
            ..History::default()
        }
    }

    const DAY: Day = Day {
        start_ms: 5_000,
        end_ms: 2_000_000,
        utc_offset_min: 0,
    };

    /// Adds what time has reached so far into the day, at regions' values of now.
    fn advance(history: &mut History, into_ms: i64, gmv_minor: i64, regions: &[(u8, i64)]) {
        let growth = Growth {
            max_points: 30,
            max_region_points: 3,
        };
        let counts = regions.iter().map(|(id, gmv_minor)| {
            let counts = Counts {
                gmv_minor: *gmv_minor,
                ..Counts::default()
            };
            (*id, counts)
        });
        history.advance(DAY.start_ms + into_ms, &DAY, gmv_minor, counts, growth);
    }

    fn curve(history: &History, region: u8) -> &[i64] {
        let found = history.regions.iter().find(|known| known.region == region);
        found.map_or(&[], |known| &known.gmv_minor)
    }

    #[test]
    fn curves_grow_by_the_points_that_time_has_reached() {
        let mut it = history();
        advance(&mut it, -1, 5, &[(1, 5)]);
        assert_eq!(it, history());
        advance(&mut it, 0, 5, &[(1, 5)]);
        assert_eq!((&*it.gmv_minor, curve(&it, 1)), (&[5][..], &[5][..]));
        advance(&mut it, 25, 7, &[(1, 6), (2, 1)]);
        assert_eq!((&*it.gmv_minor, curve(&it, 1)), (&[5, 7, 7][..], &[5][..]));
        assert_eq!(curve(&it, 2), [0]);
        // Twice is once, and time that goes back adds nothing.
        let before = it.clone();
        advance(&mut it, 25, 9, &[(1, 9), (2, 9)]);
        advance(&mut it, 15, 9, &[(1, 9), (2, 9)]);
        assert_eq!(it, before);
        advance(&mut it, 1_000_000, 9, &[(1, 9)]);
        assert_eq!((it.gmv_minor.len(), curve(&it, 1)), (30, &[5, 9, 9][..]));
    }

    #[test]
    fn a_new_regions_curve_starts_from_zero() {
        for (into_ms, expected) in [(150, &[0, 0][..]), (100, &[0, 8])] {
            let mut it = history();
            advance(&mut it, into_ms, 8, &[(3, 8), (4, 0)]);
            assert_eq!(curve(&it, 3), expected);
            assert!(curve(&it, 4).is_empty(), "nothing was sold there");
        }
    }

    #[test]
    fn curves_end_with_the_day() {
        let mut it = History {
            step_ms: 1_000_000,
            ..history()
        };
        let ended = DAY.end_ms - DAY.start_ms;
        advance(&mut it, ended, 8, &[]);
        let before = it.clone();
        advance(&mut it, ended * 2, 9, &[]);
        assert_eq!(it, before);
    }

    #[test]
    fn a_history_without_steps_has_no_points() {
        let mut it = History::default();
        advance(&mut it, 1_000, 8, &[(3, 8)]);
        assert_eq!(it, History::default());
    }
}
