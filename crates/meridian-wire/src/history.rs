//! How the curves of value over time grow.

use crate::frame::{History, RegionHistory};

/// What the curve of a region that has none yet starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewCurve {
    /// Zero: whoever counts every order knows that nothing was sold there before.
    FromZero,
    /// The value of now: a receiver can't know what was there before.
    FromNow,
}

/// How far the curves of a history grow, and how new ones start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Most points of the total's curve.
    pub max_points: usize,
    /// Most points of a region's curve.
    pub max_region_points: usize,
    /// How a region's curve starts.
    pub new_region: NewCurve,
}

impl History {
    /// Adds the points that event time has reached, `into_ms` after the day's start, at the values of now:
    /// `gmv_minor` in all, and `regions` by number.
    pub fn advance(
        &mut self,
        into_ms: i64,
        gmv_minor: i64,
        regions: impl IntoIterator<Item = (u8, i64)>,
        growth: Growth,
    ) {
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
        for (id, gmv_minor) in regions {
            match self.regions.iter_mut().find(|known| known.region == id) {
                Some(known) => extend(&mut known.gmv_minor, due, gmv_minor),
                None => {
                    let before = match growth.new_region {
                        NewCurve::FromZero => 0,
                        NewCurve::FromNow => gmv_minor,
                    };
                    let mut curve = vec![before; due];
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

    fn growth(new_region: NewCurve) -> Growth {
        Growth {
            max_points: 30,
            max_region_points: 3,
            new_region,
        }
    }

    fn curve(history: &History, region: u8) -> &[i64] {
        let found = history.regions.iter().find(|known| known.region == region);
        found.map_or(&[], |known| &known.gmv_minor)
    }

    #[test]
    fn curves_grow_by_the_points_that_time_has_reached() {
        let mut it = history();
        it.advance(-1, 5, [(1, 5)], growth(NewCurve::FromZero));
        assert_eq!(it, history());
        it.advance(0, 5, [(1, 5)], growth(NewCurve::FromZero));
        assert_eq!((&*it.gmv_minor, curve(&it, 1)), (&[5][..], &[5][..]));
        it.advance(25, 7, [(1, 6), (2, 1)], growth(NewCurve::FromZero));
        assert_eq!((&*it.gmv_minor, curve(&it, 1)), (&[5, 7, 7][..], &[5][..]));
        assert_eq!(curve(&it, 2), [0]);
        // Twice is once, and time that goes back adds nothing.
        let before = it.clone();
        it.advance(25, 9, [(1, 9), (2, 9)], growth(NewCurve::FromZero));
        it.advance(15, 9, [(1, 9), (2, 9)], growth(NewCurve::FromZero));
        assert_eq!(it, before);
        it.advance(1_000_000, 9, [(1, 9)], growth(NewCurve::FromZero));
        assert_eq!((it.gmv_minor.len(), curve(&it, 1)), (30, &[5, 9, 9][..]));
    }

    #[test]
    fn a_new_regions_curve_starts_from_zero_or_from_now() {
        for (new_region, into_ms, expected) in [
            (NewCurve::FromZero, 150, [0, 0]),
            (NewCurve::FromZero, 100, [0, 8]),
            (NewCurve::FromNow, 150, [8, 8]),
        ] {
            let mut it = history();
            it.advance(into_ms, 8, [(3, 8)], growth(new_region));
            assert_eq!(curve(&it, 3), expected, "{new_region:?}");
        }
    }

    #[test]
    fn a_history_without_steps_has_no_points() {
        let mut it = History::default();
        it.advance(1_000, 8, [(3, 8)], growth(NewCurve::FromNow));
        assert_eq!(it, History::default());
    }
}
