//! What the products in the orders before an instant add up to.

use std::collections::HashMap;

use super::order::{Item, Order};
use crate::source::{ProductOpening, curve_step_ms};
use meridian_core::sales::EventMs;
use meridian_core::tally::{MARK_MS, MEAN_SECONDS, Mark, WINDOW_MINUTES};
use meridian_wire::{Counts, Hello, ProductCounts};

/// The state of the products at an instant; `orders` are those before it, `regions` is how many there are.
pub(super) fn product_opening(
    orders: &[Order],
    items: &[Item],
    hello: &Hello,
    region_of_place: &[u8],
    regions: usize,
    at_ms: EventMs,
) -> ProductOpening {
    let products = hello.products.len();
    if products == 0 {
        return ProductOpening::default();
    }
    let mut sums = Sums::new(hello, products, regions, at_ms);
    let mut from = 0;
    for order in orders {
        sums.mark_until(order.at_ms);
        let region = region_of_place.get(usize::from(order.place)).copied();
        let to = order.items_end as usize;
        sums.add(order, region, items.get(from..to).unwrap_or(&[]));
        from = to;
    }
    sums.finish(at_ms.min(hello.day.end_ms))
}

/// What the orders so far add up to.
struct Sums {
    start_ms: EventMs,
    /// The second of the instant.
    second_ms: EventMs,
    step_ms: i64,
    regions: usize,
    next_minute: i64,
    last_minute: i64,
    seconds: Vec<Vec<u32>>,
    curves: Vec<Vec<i64>>,
    /// By product: its value.
    gmv: Vec<i64>,
    counts: HashMap<(u16, Option<u8>), ProductCounts>,
    region_orders: Vec<u64>,
    marks: Vec<Mark>,
}

impl Sums {
    fn new(hello: &Hello, products: usize, regions: usize, at_ms: EventMs) -> Self {
        let start_ms = hello.day.start_ms;
        let last_minute = (at_ms.min(hello.day.end_ms) - start_ms).div_euclid(MARK_MS);
        Self {
            start_ms,
            second_ms: second_of(at_ms),
            step_ms: curve_step_ms(&hello.day),
            regions,
            next_minute: (last_minute - WINDOW_MINUTES as i64).max(0),
            last_minute,
            seconds: vec![vec![0; products]; MEAN_SECONDS + 1],
            curves: vec![Vec::new(); products],
            gmv: vec![0; products],
            counts: HashMap::new(),
            region_orders: vec![0; regions],
            marks: Vec::new(),
        }
    }

    /// Notes the marks of the minutes that have ended at an instant.
    fn mark_until(&mut self, at_ms: EventMs) {
        while self.next_minute <= self.last_minute && at_ms >= self.start_ms + self.next_minute * MARK_MS {
            let mark = self.mark();
            self.marks.push(mark);
            self.next_minute += 1;
        }
    }

    fn mark(&self) -> Mark {
        let mut products: Vec<(u32, u64)> = self
            .counts
            .iter()
            .filter_map(|((product, region), counts)| {
                let at = usize::from(*product) * self.regions + usize::from((*region)?);
                (counts.counts.orders > 0).then_some((at as u32, counts.counts.orders))
            })
            .collect();
        products.sort_unstable();
        Mark {
            minute: u32::try_from(self.next_minute).unwrap_or(u32::MAX),
            regions: self.region_orders.clone(),
            products,
            bunches: Vec::new(),
        }
    }

    /// How many points a curve has at an instant.
    fn due(&self, at_ms: EventMs) -> usize {
        usize::try_from((at_ms - self.start_ms).div_euclid(self.step_ms) + 1).unwrap_or(0)
    }

    fn add(&mut self, order: &Order, region: Option<u8>, items: &[Item]) {
        if let Some(sum) = region.and_then(|region| self.region_orders.get_mut(usize::from(region))) {
            *sum += u64::from(order.amount_minor >= 0);
        }
        let points = self.due(order.at_ms);
        for item in items {
            let number = usize::from(item.product);
            let counted = order.amount_minor >= 0 && item.amount_minor >= 0;
            if let (Some(curve), Some(gmv)) = (self.curves.get_mut(number), self.gmv.get_mut(number)) {
                // A point holds what came before it.
                curve.resize(points.max(curve.len()), *gmv);
                *gmv = gmv.saturating_add(item.amount_minor);
            }
            *self.counts.entry((item.product, region)).or_default() += ProductCounts {
                counts: Counts {
                    orders: u64::from(counted),
                    payments: 0,
                    gmv_minor: item.amount_minor,
                },
                units: i64::from(item.units),
            };
            let back = (self.second_ms - second_of(order.at_ms)) / 1_000;
            let slot = usize::try_from(back)
                .ok()
                .and_then(|back| MEAN_SECONDS.checked_sub(back))
                .and_then(|at| self.seconds.get_mut(at))
                .and_then(|second| second.get_mut(number));
            if let (Some(slot), true) = (slot, counted) {
                *slot = slot.saturating_add(1);
            }
        }
    }

    fn finish(mut self, at_ms: EventMs) -> ProductOpening {
        self.mark_until(EventMs::MAX);
        if at_ms >= self.start_ms {
            let points = self.due(at_ms);
            for (curve, gmv) in self.curves.iter_mut().zip(&self.gmv) {
                curve.resize(points.max(curve.len()), *gmv);
            }
        }
        let mut cells: Vec<(u16, Option<u8>, ProductCounts)> = self
            .counts
            .into_iter()
            .map(|((product, region), counts)| (product, region, counts))
            .collect();
        cells.sort_by_key(|(product, region, _)| (*product, *region));
        ProductOpening {
            cells,
            seconds: self.seconds,
            marks: self.marks,
            curves: self.curves,
        }
    }
}

fn second_of(at_ms: EventMs) -> EventMs {
    at_ms - at_ms.rem_euclid(1_000)
}
