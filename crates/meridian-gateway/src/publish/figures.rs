//! Every figure that a frame is made of, as one class of receivers may know it.

use crate::publish::class::Internal;
use meridian_core::sales::{Channel, EventMs};
use meridian_core::tally::{Mark, Meter, ProductMeter, Tally};
use meridian_wire::{Counts, ProductCounts, Rates, Totals};

/// The figures that one class of receivers may know: the exact ones, or what the guard has released.
pub(super) trait Figures {
    /// What is made of them, marked with who may see it.
    type Of<T>;

    /// Marks a body that was made of these figures alone.
    fn seal<T>(&self, said: T) -> Self::Of<T>;
    /// The totals.
    fn totals(&self) -> Totals;
    /// A region's counts.
    fn region(&self, region: u8) -> Counts;
    /// A category's counts.
    fn category(&self, category: u8) -> Counts;
    /// A channel's counts.
    fn channel(&self, channel: Channel) -> Counts;
    /// A category's counts in a region.
    fn cell(&self, region: u8, category: u8) -> Counts;
    /// A product's counts.
    fn product(&self, product: u16) -> ProductCounts;
    /// A product's counts by region.
    fn product_regions(&self, product: u16) -> &[ProductCounts];
    /// A product's orders in the last full second and in the last ten.
    fn product_orders(&self, product: u16, at_ms: EventMs) -> (u64, u64);
    /// The orders until now, as the mark of a whole minute of the day.
    fn mark(&self, minute: u32) -> Mark;
    /// The rates and their peaks.
    fn rates(&self) -> Rates;
}

/// The tally and its meters: every figure as it is.
pub(super) struct Exact {
    pub tally: Tally,
    pub meter: Meter,
    pub products: ProductMeter,
}

impl Figures for Exact {
    type Of<T> = Internal<T>;

    fn seal<T>(&self, said: T) -> Internal<T> {
        Internal::new(said)
    }

    fn totals(&self) -> Totals {
        self.tally.totals()
    }

    fn region(&self, region: u8) -> Counts {
        self.tally.region(region)
    }

    fn category(&self, category: u8) -> Counts {
        self.tally.category(category)
    }

    fn channel(&self, channel: Channel) -> Counts {
        self.tally.channel(channel)
    }

    fn cell(&self, region: u8, category: u8) -> Counts {
        self.tally.cell(region, category)
    }

    fn product(&self, product: u16) -> ProductCounts {
        self.tally.product(product)
    }

    fn product_regions(&self, product: u16) -> &[ProductCounts] {
        self.tally.product_regions(product)
    }

    fn product_orders(&self, product: u16, _at_ms: EventMs) -> (u64, u64) {
        self.products.orders(product)
    }

    fn mark(&self, minute: u32) -> Mark {
        self.tally.mark(minute)
    }

    fn rates(&self) -> Rates {
        self.meter.rates()
    }
}
