//! Counts, totals and rates.

use serde::{Deserialize, Serialize};

use crate::sales::EventMs;

/// Cumulative counts since the day's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Orders made.
    pub orders: u64,
    /// Payments settled.
    pub payments: u64,
    /// Value, in minor units, corrections taken off.
    pub gmv_minor: i64,
}

impl std::ops::AddAssign for Counts {
    /// Adds; holds at the bounds of 64 bits.
    fn add_assign(&mut self, other: Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.payments = self.payments.saturating_add(other.payments);
        self.gmv_minor = self.gmv_minor.saturating_add(other.gmv_minor);
    }
}

/// The totals. They go down only by a correction, which is counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Orders, payments, value.
    #[serde(flatten)]
    pub counts: Counts,
    /// The part of it that has no known region.
    pub unplaced: Counts,
    /// How many corrections there were (cancelled or refunded orders).
    pub corrections: u64,
    /// What they took off the value, in minor units, as a positive number.
    pub corrected_minor: i64,
}

/// Rates over the last full second of event time, and their highest so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Orders in that second.
    pub orders_per_s: u64,
    /// Payments in that second.
    pub payments_per_s: u64,
    /// Value in that second, in minor units.
    pub gmv_minor_per_s: i64,
    /// Highest orders/s so far.
    pub peak_orders_per_s: u64,
    /// When that was.
    pub peak_orders_at_ms: EventMs,
    /// Highest payments/s so far.
    pub peak_payments_per_s: u64,
    /// When that was.
    pub peak_payments_at_ms: EventMs,
}

/// Cumulative counts of a product since the day's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProductCounts {
    /// Orders and payments with the product in them, and the product's own part of their value.
    #[serde(flatten)]
    pub counts: Counts,
    /// Pieces in what carries the value, so that value ÷ units is the mean price; returned ones taken off.
    pub units: i64,
}

impl std::ops::AddAssign for ProductCounts {
    /// Adds; holds at the bounds of 64 bits.
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.units = self.units.saturating_add(other.units);
    }
}
