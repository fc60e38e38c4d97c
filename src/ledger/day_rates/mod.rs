//! Orders and payments a second since the day's start, as far as this display has heard them.
//!
//! The feed tells rates of the last second only, so a display that came late doesn't know how the hours before went:
//! that is a gap. What is known of it is how many orders and payments there were in all.

use meridian_core::sales::EventMs;
use meridian_wire::{Counts, Day, Rates};

#[cfg(test)]
mod tests;

/// Most buckets; beyond it two become one.
const MAX_BUCKETS: usize = 720;
/// Length of the first buckets.
const FIRST_STEP_MS: i64 = 1_000;

/// Orders and payments a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PerSecond {
    /// Orders.
    pub orders: f32,
    /// Payments.
    pub payments: f32,
}

/// A time of which nothing was heard but what it came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// From when, in milliseconds since the day's start.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
    /// The mean over that time; none where the counts before it weren't those of the same day.
    pub mean: Option<PerSecond>,
}

/// Rates of a short time: their mean over the seconds that were heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its number: it begins at as many steps after the day's start.
    number: i64,
    seconds: u32,
    orders: u64,
    payments: u64,
    /// What lies between it and the one before, if not all was heard.
    pub gap: Option<Gap>,
}

impl Bucket {
    /// The mean.
    pub fn mean(&self) -> PerSecond {
        let seconds = f64::from(self.seconds.max(1));
        PerSecond {
            orders: (self.orders as f64 / seconds) as f32,
            payments: (self.payments as f64 / seconds) as f32,
        }
    }
}

/// Rates since the day's start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DayRates {
    day: Option<Day>,
    step_ms: i64,
    buckets: Vec<Bucket>,
    /// Until when it was heard, in milliseconds since the day's start, and what the counts were, where that is known.
    heard: Option<(i64, Option<Counts>)>,
}

impl DayRates {
    /// The buckets, in order. Those without any second that was heard are absent.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Where a bucket lies, in milliseconds since the day's start.
    pub fn span_ms(&self, bucket: &Bucket) -> (i64, i64) {
        let from_ms = bucket.number.saturating_mul(self.step_ms);
        (from_ms, from_ms.saturating_add(self.step_ms))
    }

    /// Takes the rates of an instant. `anew`: something may have been missed since the one before.
    pub fn hear(&mut self, day: Day, event_ms: EventMs, counts: Counts, rates: &Rates, anew: bool) {
        if self.day != Some(day) {
            *self = Self {
                day: Some(day),
                step_ms: FIRST_STEP_MS,
                ..Self::default()
            };
        }
        let into_ms = event_ms.saturating_sub(day.start_ms);
        let length_ms = day.end_ms.saturating_sub(day.start_ms);
        if into_ms <= 0 || into_ms > length_ms {
            if into_ms <= 0 {
                self.cut(0);
                self.heard = None;
            }
            return;
        }
        if anew {
            self.cut(into_ms);
        }
        // The last full second, which began so long after the day's start.
        let second_ms = into_ms - into_ms.rem_euclid(1_000) - 1_000;
        // Before the day's start there is nothing.
        let (heard_ms, before) = self.heard.unwrap_or((0, Some(Counts::default())));
        let is_new = heard_ms - heard_ms.rem_euclid(1_000) <= second_ms;
        if second_ms >= 0 && is_new {
            let missed_ms = second_ms - heard_ms;
            let gap = (anew && missed_ms > self.step_ms.max(2_000)).then(|| Gap {
                from_ms: heard_ms,
                to_ms: second_ms,
                mean: before.and_then(|before| mean(before, counts, into_ms - heard_ms)),
            });
            self.add(second_ms, (rates.orders_per_s, rates.payments_per_s), gap);
        }
        self.heard = Some((into_ms, Some(counts)));
    }

    /// Takes what the day had come to at instants, in milliseconds since its start and in order, as if it had been
    /// heard all along: of pictures of a generated day, whose past anybody can work out.
    pub fn follow(&mut self, day: Day, marks: impl IntoIterator<Item = (i64, Counts)>) {
        *self = Self {
            day: Some(day),
            step_ms: FIRST_STEP_MS,
            ..Self::default()
        };
        let (mut from_ms, mut before) = (0, Counts::default());
        for (to_ms, counts) in marks {
            if to_ms <= from_ms {
                continue;
            }
            let per_second = |count: u64, before: u64| {
                count.saturating_sub(before) * 1_000 / (to_ms - from_ms).unsigned_abs()
            };
            let rates = (
                per_second(counts.orders, before.orders),
                per_second(counts.payments, before.payments),
            );
            self.add(from_ms + (to_ms - from_ms) / 2, rates, None);
            (from_ms, before) = (to_ms, counts);
        }
        self.heard = (from_ms > 0).then_some((from_ms, Some(before)));
    }

    /// Adds a second's rates.
    fn add(&mut self, second_ms: i64, (orders, payments): (u64, u64), gap: Option<Gap>) {
        let number = second_ms / self.step_ms;
        match self.buckets.last_mut() {
            Some(last) if last.number >= number => {
                last.seconds = last.seconds.saturating_add(1);
                last.orders = last.orders.saturating_add(orders);
                last.payments = last.payments.saturating_add(payments);
            }
            _ => self.buckets.push(Bucket {
                number,
                seconds: 1,
                orders,
                payments,
                gap,
            }),
        }
        while self.buckets.len() > MAX_BUCKETS {
            self.halve();
        }
    }

    /// Makes buckets twice as long.
    fn halve(&mut self) {
        self.step_ms = self.step_ms.saturating_mul(2);
        let mut longer: Vec<Bucket> = Vec::with_capacity(self.buckets.len() / 2 + 1);
        for bucket in self.buckets.drain(..) {
            let number = bucket.number.div_euclid(2);
            match longer.last_mut() {
                Some(last) if last.number == number => {
                    last.seconds = last.seconds.saturating_add(bucket.seconds);
                    last.orders = last.orders.saturating_add(bucket.orders);
                    last.payments = last.payments.saturating_add(bucket.payments);
                }
                _ => longer.push(Bucket { number, ..bucket }),
            }
        }
        self.buckets = longer;
    }

    /// Forgets what was heard of later times: event time went back.
    fn cut(&mut self, into_ms: i64) {
        if self.heard.is_some_and(|(heard_ms, _)| heard_ms > into_ms) {
            let step_ms = self.step_ms.max(1);
            self.buckets
                .retain(|bucket| (bucket.number + 1) * step_ms <= into_ms);
            self.heard = self
                .buckets
                .last()
                .map(|bucket| ((bucket.number + 1) * step_ms, None));
        }
    }
}

/// How many orders and payments a second there were between two instants; none where counts went down.
fn mean(before: Counts, after: Counts, span_ms: i64) -> Option<PerSecond> {
    let secs = span_ms as f64 / 1_000.0;
    let per_s = |before: u64, after: u64| {
        let more = after.checked_sub(before)? as f64;
        (secs > 0.0).then_some((more / secs) as f32)
    };
    Some(PerSecond {
        orders: per_s(before.orders, after.orders)?,
        payments: per_s(before.payments, after.payments)?,
    })
}
