//! Which batches a day takes: those of its time, in its numbers, with amounts that can be added up.

use super::Outcome;
use crate::source::budget::max_amount_minor;
use crate::source::clock::Time;
use meridian_core::sales::columns::Columns;
use meridian_core::sales::{Batch, Catalogue, EventMs, Kind};
use meridian_core::tally::Shape;
use meridian_wire::Hello;

/// How far a batch may be ahead of the clock.
pub const MAX_AHEAD_MS: i64 = 5_000;
/// How long a batch may be.
pub const MAX_SPAN_MS: i64 = 3_600_000;

/// What a batch must fulfil.
pub(super) struct Rules {
    /// The day's places, categories and products: batches are checked against them.
    shape: Shape,
    regions: usize,
    start_ms: EventMs,
    end_ms: EventMs,
    /// How long after the day's end its batches are taken.
    late_ms: i64,
    /// Whether the next day follows.
    daily: bool,
    /// What carries value.
    gmv_counts: Kind,
    /// The largest amount of a row.
    pub max_amount_minor: u64,
}

impl Rules {
    pub(super) fn new(hello: &Hello, catalogue: &Catalogue, late_ms: i64, daily: bool) -> Self {
        Self {
            shape: Shape::new(
                catalogue.places().len(),
                hello.categories.len(),
                hello.products.len(),
            ),
            regions: catalogue.regions().len(),
            start_ms: hello.day.start_ms,
            end_ms: hello.day.end_ms,
            late_ms,
            daily,
            gmv_counts: hello.gmv_counts,
            max_amount_minor: max_amount_minor(&hello.currency),
        }
    }

    /// Whether a batch is for the day after this one.
    pub(super) fn is_next_day(&self, columns: &Columns<'_>) -> bool {
        self.daily && columns.from_ms >= self.end_ms
    }

    /// Whether nothing of the day is taken any more at an instant.
    pub(super) fn is_over(&self, at_ms: EventMs) -> bool {
        at_ms >= self.end_ms.saturating_add(self.late_ms)
    }

    /// The answer once the day is closed.
    pub(super) fn too_late(&self, time: Time) -> Outcome {
        if time.is_past(self.end_ms) {
            Outcome::Refused("the day is over".to_owned())
        } else {
            // Its log ends after the clock: what comes for the day can't be counted here, and isn't lost.
            Outcome::Later(
                "the gateway has closed the day, and by the clock it isn't over: the clocks are to be set"
                    .to_owned(),
            )
        }
    }

    /// The answer to a batch whose time isn't in the day, or is in the future.
    pub(super) fn wrong_time(&self, columns: &Columns<'_>, time: Time) -> Option<Outcome> {
        let instant = |at_ms: i64| {
            chrono::DateTime::from_timestamp_millis(at_ms)
                .map_or_else(|| format!("{at_ms} ms"), |at| at.to_rfc3339())
        };
        // One across midnight is of the day in which it began.
        if !(self.start_ms..self.end_ms).contains(&columns.from_ms) {
            let problem = format!(
                "it begins at {}, and the day is from {} to {}",
                instant(columns.from_ms),
                instant(self.start_ms),
                instant(self.end_ms)
            );
            // A gateway in tomorrow by a clock that was wrong turns nothing of today away for good.
            let early = self.daily && columns.from_ms < self.start_ms && !time.is_past(self.start_ms);
            return Some(if early {
                Outcome::Later(problem)
            } else {
                Outcome::Refused(problem)
            });
        }
        let span_ms = columns.to_ms.saturating_sub(columns.from_ms);
        if span_ms > MAX_SPAN_MS {
            return Some(Outcome::Refused(format!(
                "it spans {span_ms} ms, {MAX_SPAN_MS} can be"
            )));
        }
        let ahead_ms = columns.from_ms.saturating_sub(time.now_ms);
        // It may be counted when its time has come: nothing is lost to a clock that is wrong.
        (ahead_ms > MAX_AHEAD_MS).then(|| {
            Outcome::Later(format!(
                "it begins {ahead_ms} ms after the gateway's clock, {MAX_AHEAD_MS} can be: the clocks are to be set"
            ))
        })
    }

    /// Whether a batch can be counted, and the sum of its amounts that carry value, whatever their sign.
    pub(super) fn check(&self, batch: &Batch, max_minor: u64) -> Result<u128, String> {
        self.shape.check(batch).map_err(|error| error.to_string())?;
        let origin = batch
            .ships_from
            .iter()
            .filter(|region| **region != Batch::DOMESTIC)
            .max();
        if let Some(origin) = origin.filter(|origin| usize::from(**origin) >= self.regions) {
            return Err(format!(
                "ships_from {origin} doesn't exist: there are {} regions, counted from 0, and {} for none",
                self.regions,
                Batch::DOMESTIC
            ));
        }
        let amounts = batch.amount_minor.iter().chain(&batch.items.amount_minor);
        if let Some(amount) = amounts.copied().find(|amount| amount.unsigned_abs() > max_minor) {
            return Err(format!(
                "an amount is {amount} minor units: {max_minor} can be at most"
            ));
        }
        if batch.kind != self.gmv_counts {
            return Ok(0);
        }
        // No more rows and items than 2²⁶ each, of 2⁴⁴ at most: two sums that fit in 128 bits.
        let sum = |amounts: &[i64]| {
            amounts
                .iter()
                .map(|amount| u128::from(amount.unsigned_abs()))
                .sum::<u128>()
        };
        Ok(sum(&batch.amount_minor).max(sum(&batch.items.amount_minor)))
    }
}
