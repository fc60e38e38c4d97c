//! Instants of a model that are searched for: the busiest seconds, and when a value is passed.

use super::curve::at;
use super::model::Model;
use meridian_core::sales::EventMs;

impl Model {
    /// The busiest full second before an instant, of payments and of orders: what a meter would have found.
    pub(super) fn peaks_before(&self, ms: EventMs) -> [(u64, EventMs); 2] {
        let full = ((ms - self.start_ms).max(0) / 1_000) as usize;
        let full = full.min(self.secs);
        let mut found = [(0, 0), (0, 0)];
        for (which, (table, best)) in [&self.payments, &self.orders].iter().zip(&mut found).enumerate() {
            let rate = |second: usize| at(table, second + 1) - at(table, second);
            let top = (0..full).map(rate).fold(0.0_f64, f64::max);
            // Rounding in the cells moves a second's count by far less than this.
            let near = top - 8.0 * (self.cells.len() as f64 / 6.0).sqrt().min(top.sqrt() + 8.0);
            let mut candidates: Vec<usize> = (0..full).filter(|second| rate(*second) >= near).collect();
            candidates.sort_by(|a, b| rate(*b).total_cmp(&rate(*a)).then(a.cmp(b)));
            candidates.truncate(256);
            candidates.sort_unstable();
            for second in candidates {
                let from_ms = self.start_ms + second as i64 * 1_000;
                let (payments_from, orders_from) = self.count_total_at(from_ms);
                let (payments_to, orders_to) = self.count_total_at(from_ms + 1_000);
                let count = match which {
                    0 => payments_to - payments_from,
                    _ => orders_to - orders_from,
                };
                if count > best.0 {
                    *best = (count, from_ms);
                }
            }
        }
        found
    }

    /// When the total passes a value, to the millisecond; none if the day ends below it.
    pub(super) fn passes(&self, value_minor: i64) -> Option<EventMs> {
        let lanes = &mut self.lanes();
        if self.total_at(self.end_ms, lanes) < value_minor {
            return None;
        }
        let second = self.value.partition_point(|value| *value < value_minor as f64);
        let around = self.start_ms + second as i64 * 1_000;
        let (mut low, mut high) = (around, around);
        let mut reach = 1_000;
        while low > self.start_ms && self.total_at(low, lanes) >= value_minor {
            high = low;
            low = (low - reach).max(self.start_ms);
            reach *= 2;
        }
        reach = 1_000;
        while self.total_at(high, lanes) < value_minor {
            low = high;
            high = (high + reach).min(self.end_ms);
            reach *= 2;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.total_at(middle, lanes) < value_minor {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }
}
