//! How a day stands against an earlier one, at the same time since each one's start.
//!
//! Of the earlier day nothing is used but the two points between which an answer lies, and of the present one nothing
//! but what is known now. Where those points are far apart, the answer says that it is about right and no more.

use crate::frame::{Comparison, Day, History, Reached};

#[cfg(test)]
mod tests;

/// Between points no further apart than this, a straight line is as good as the curve.
const FINE_MS: i64 = 5 * 60_000;

/// A figure that was read off a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The figure: minor units, or milliseconds.
    pub figure: i64,
    /// The curve's points are too far apart for it to be more than about right.
    pub about: bool,
}

impl Read {
    fn exact(figure: i64) -> Self {
        Self { figure, about: false }
    }
}

/// How a day stands against an earlier one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What the earlier day had come to as long after its start, in minor units.
    pub past_minor: Read,
    /// How much more the present one has, in minor units; negative where it has less.
    pub more_minor: Read,
    /// How much later in its day the earlier one came to as much, in milliseconds; negative where it was earlier.
    /// None where it never did, and before there is anything to compare.
    pub ahead_ms: Option<Read>,
    /// What the whole earlier day came to, in minor units.
    pub whole_minor: i64,
    /// How much more than that the present one has, once it has as much.
    pub past_whole_minor: Option<i64>,
}

/// Two points next to each other on a curve: time, value.
type Segment = [(i64, i64); 2];

/// The value at a time on the line between two points.
fn value_at([(from_ms, from), (to_ms, to)]: Segment, at_ms: i64) -> i64 {
    if to_ms <= from_ms {
        return to;
    }
    let span_ms = u128::from(to_ms.abs_diff(from_ms));
    let into_ms = u128::from(at_ms.clamp(from_ms, to_ms).abs_diff(from_ms));
    let change = u128::from(to.abs_diff(from)) * into_ms / span_ms;
    // It is no more than the change from one to the other.
    let change = u64::try_from(change).unwrap_or(u64::MAX);
    if to >= from {
        from.saturating_add_unsigned(change)
    } else {
        from.saturating_sub_unsigned(change)
    }
}

/// The first time at which the line between two points comes to a value that lies above the first and not above the second.
fn time_of([(from_ms, from), (to_ms, to)]: Segment, value: i64) -> i64 {
    if to <= from || to_ms <= from_ms {
        return to_ms;
    }
    let rise = u128::from(to.abs_diff(from));
    let part = u128::from(value.clamp(from, to).abs_diff(from));
    let into_ms = (part * u128::from(to_ms.abs_diff(from_ms))).div_ceil(rise);
    from_ms.saturating_add_unsigned(u64::try_from(into_ms).unwrap_or(u64::MAX))
}

/// A figure found inside a segment that ends there and there.
fn read(figure: i64, [(from_ms, from), (to_ms, to)]: Segment, given: bool) -> Read {
    Read {
        figure,
        about: !given && from != to && to_ms.saturating_sub(from_ms) > FINE_MS,
    }
}

impl Comparison {
    /// The curve's points, from nothing at the day's start.
    fn points(&self) -> impl Iterator<Item = (i64, i64)> {
        let given = self.at_ms.iter().copied().zip(self.gmv_minor.iter().copied());
        std::iter::once((0, 0)).chain(given)
    }

    /// What the whole day came to, in minor units; none where the curve has no points.
    pub fn whole_minor(&self) -> Option<i64> {
        self.at_ms
            .iter()
            .zip(&self.gmv_minor)
            .next_back()
            .map(|(_, minor)| *minor)
    }

    /// What the day had come to so long after its start, in minor units: none before it. After the curve's end it is the
    /// whole day's.
    pub fn minor_at(&self, into_ms: i64) -> Option<Read> {
        let whole = self.whole_minor()?;
        if into_ms < 0 {
            return None;
        }
        let mut before = (0, 0);
        for point in self.points() {
            if point.0 > into_ms {
                let segment = [before, point];
                return Some(read(value_at(segment, into_ms), segment, into_ms == before.0));
            }
            before = point;
        }
        Some(Read::exact(whole))
    }

    /// How long after its start the day first came to a value, in milliseconds; none where it never did.
    pub fn ms_of(&self, minor: i64) -> Option<Read> {
        let mut before: Option<(i64, i64)> = None;
        for point in self.points() {
            if point.1 >= minor {
                return Some(match before {
                    None => Read::exact(point.0),
                    Some(before) => {
                        let segment = [before, point];
                        read(time_of(segment, minor), segment, point.1 == minor)
                    }
                });
            }
            before = Some(point);
        }
        None
    }

    /// How a day that has come to `total_minor` so long after its start stands against this one; none before its start,
    /// and where this one has no points.
    pub fn standing(&self, into_ms: i64, total_minor: i64) -> Option<Standing> {
        let past = self.minor_at(into_ms)?;
        let whole_minor = self.whole_minor()?;
        let more = Read {
            figure: total_minor.saturating_sub(past.figure),
            about: past.about,
        };
        let ahead = (total_minor > 0)
            .then(|| self.ms_of(total_minor))
            .flatten()
            .map(|then| Read {
                figure: then.figure.saturating_sub(into_ms),
                about: then.about,
            });
        Some(Standing {
            past_minor: past,
            more_minor: more,
            ahead_ms: ahead,
            whole_minor,
            past_whole_minor: (whole_minor > 0 && total_minor >= whole_minor)
                .then(|| total_minor.saturating_sub(whole_minor)),
        })
    }
}

/// When a day came to a value, in milliseconds after its start: as it was told where it is one of the milestones, else
/// about, between two points of the history and what is known now (`total_minor` so long after the start). None while it
/// hasn't, and where it had when the day began.
pub fn passed_at(
    minor: i64,
    day: &Day,
    reached: &[Reached],
    history: &History,
    (into_ms, total_minor): (i64, i64),
) -> Option<Read> {
    if total_minor < minor || minor <= 0 {
        return None;
    }
    if let Some(told) = reached.iter().find(|reached| reached.gmv_minor == minor) {
        return Some(Read::exact(told.at_ms.saturating_sub(day.start_ms)));
    }
    let mut before = (0, 0);
    let points = history.gmv_minor.iter().enumerate();
    let known = points
        .map(|(at, value)| (history.step_ms.saturating_mul(at as i64), *value))
        .take_while(|(at_ms, _)| *at_ms < into_ms)
        .chain(std::iter::once((into_ms, total_minor)));
    for point in known {
        if point.1 >= minor {
            let figure = time_of([before, point], minor);
            return Some(Read { figure, about: true });
        }
        before = point;
    }
    None
}
