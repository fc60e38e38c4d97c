//! Exact figures as public ones: of generated orders, which are nobody's, and where privacy is off.

use super::Public;
use crate::publish::figures::Figures;
use meridian_core::sales::{Channel, EventMs};
use meridian_core::tally::Mark;
use meridian_wire::{Counts, ProductCounts, Rates, Totals};

/// Figures that nobody has to be protected from.
pub(crate) struct Open<'a, F>(pub &'a F);

impl<F: Figures> Figures for Open<'_, F> {
    type Of<T> = Public<T>;

    fn seal<T>(&self, said: T) -> Public<T> {
        Public(said)
    }

    fn totals(&self) -> Totals {
        self.0.totals()
    }

    fn region(&self, region: u8) -> Counts {
        self.0.region(region)
    }

    fn category(&self, category: u8) -> Counts {
        self.0.category(category)
    }

    fn channel(&self, channel: Channel) -> Counts {
        self.0.channel(channel)
    }

    fn cell(&self, region: u8, category: u8) -> Counts {
        self.0.cell(region, category)
    }

    fn product(&self, product: u16) -> ProductCounts {
        self.0.product(product)
    }

    fn product_regions(&self, product: u16) -> &[ProductCounts] {
        self.0.product_regions(product)
    }

    fn product_orders(&self, product: u16, at_ms: EventMs) -> (u64, u64) {
        self.0.product_orders(product, at_ms)
    }

    fn mark(&self, minute: u32) -> Mark {
        self.0.mark(minute)
    }

    fn rates(&self) -> Rates {
        self.0.rates()
    }
}
