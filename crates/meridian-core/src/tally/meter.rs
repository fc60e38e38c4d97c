//! Rates: full seconds of event time, and the highest of them.

use std::collections::BTreeMap;

use super::Rates;
use crate::sales::{Batch, EventMs, Kind};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Second {
    orders: u64,
    payments: u64,
    gmv_minor: i64,
}

/// Measures orders/s, payments/s and value/s over full seconds of event time.
///
/// A second begins at a whole second of event time. It counts once it is over and was watched from its
/// beginning; a second that was joined in the middle is left out.
#[derive(Debug, Clone)]
pub struct Meter {
    gmv_counts: Kind,
    /// Start of the earliest second that isn't over.
    open_ms: EventMs,
    seconds: BTreeMap<EventMs, Second>,
    rates: Rates,
    lag_ms: i64,
}

const SECOND_MS: i64 = 1_000;

impl Meter {
    /// A meter that begins at an instant of event time.
    pub fn new(start_ms: EventMs, gmv_counts: Kind) -> Self {
        let into = start_ms.rem_euclid(SECOND_MS);
        let open_ms = if into == 0 {
            start_ms
        } else {
            start_ms - into + SECOND_MS
        };
        Self {
            gmv_counts,
            open_ms,
            seconds: BTreeMap::new(),
            rates: Rates::default(),
            lag_ms: 0,
        }
    }

    /// For orders that arrive up to `lag_ms` late: a second closes that much later.
    #[must_use]
    pub fn with_lag(self, lag_ms: i64) -> Self {
        Self { lag_ms, ..self }
    }

    /// Takes over the peaks before the meter's beginning: rate and start of the second.
    pub fn open(&mut self, orders: (u64, EventMs), payments: (u64, EventMs)) {
        (self.rates.peak_orders_per_s, self.rates.peak_orders_at_ms) = orders;
        (self.rates.peak_payments_per_s, self.rates.peak_payments_at_ms) = payments;
    }

    /// Takes over the rates of the last full second before the meter's beginning.
    pub fn resume(&mut self, orders: u64, payments: u64, gmv_minor: i64) {
        self.rates.orders_per_s = orders;
        self.rates.payments_per_s = payments;
        self.rates.gmv_minor_per_s = gmv_minor;
    }

    /// Counts a batch into its seconds; one that spans several is spread evenly over its span.
    pub fn add(&mut self, batch: &Batch) {
        let carries = batch.kind == self.gmv_counts;
        // Corrections lower the value and are no orders, as in the tally.
        let rows = batch.amount_minor.iter().filter(|amount| **amount >= 0).count() as i128;
        let gmv: i128 = if carries {
            batch.amount_minor.iter().map(|amount| i128::from(*amount)).sum()
        } else {
            0
        };
        let span = i128::from((batch.to_ms - batch.from_ms).max(1));
        let to_ms = batch.to_ms.max(batch.from_ms + 1);
        let (mut rows_before, mut gmv_before) = (0, 0);
        let mut from_ms = batch.from_ms;
        while from_ms < to_ms {
            let start_ms = from_ms - from_ms.rem_euclid(SECOND_MS);
            let until_ms = to_ms.min(start_ms + SECOND_MS);
            let into = i128::from(until_ms - batch.from_ms);
            let (rows_until, gmv_until) = (rows * into / span, gmv * into / span);
            if start_ms >= self.open_ms {
                let second = self.seconds.entry(start_ms).or_default();
                let count = u64::try_from(rows_until - rows_before).unwrap_or(0);
                match batch.kind {
                    Kind::Order => second.orders += count,
                    Kind::Payment => second.payments += count,
                }
                second.gmv_minor = second
                    .gmv_minor
                    .saturating_add(i64::try_from(gmv_until - gmv_before).unwrap_or(i64::MAX));
            }
            (rows_before, gmv_before) = (rows_until, gmv_until);
            from_ms = until_ms;
        }
    }

    /// Closes the seconds that are over at `to_ms`, less the lag.
    pub fn advance(&mut self, to_ms: EventMs) {
        let to_ms = to_ms - self.lag_ms;
        let now_ms = to_ms - to_ms.rem_euclid(SECOND_MS);
        if now_ms <= self.open_ms {
            return;
        }
        let later = self.seconds.split_off(&now_ms);
        let over = std::mem::replace(&mut self.seconds, later);
        for (start_ms, second) in &over {
            if second.orders > self.rates.peak_orders_per_s {
                self.rates.peak_orders_per_s = second.orders;
                self.rates.peak_orders_at_ms = *start_ms;
            }
            if second.payments > self.rates.peak_payments_per_s {
                self.rates.peak_payments_per_s = second.payments;
                self.rates.peak_payments_at_ms = *start_ms;
            }
        }
        let last = over.get(&(now_ms - SECOND_MS)).copied().unwrap_or_default();
        self.rates.orders_per_s = last.orders;
        self.rates.payments_per_s = last.payments;
        self.rates.gmv_minor_per_s = last.gmv_minor;
        self.open_ms = now_ms;
    }

    /// Orders and payments of the fullest second that isn't over: what can't be is known before it is.
    pub fn fullest(&self) -> (u64, u64) {
        self.seconds.values().fold((0, 0), |(orders, payments), second| {
            (orders.max(second.orders), payments.max(second.payments))
        })
    }

    /// The rates of the last full second, and the peaks.
    pub fn rates(&self) -> Rates {
        self.rates
    }
}
