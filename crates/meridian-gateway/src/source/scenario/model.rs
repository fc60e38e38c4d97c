//! A day file worked out: how many payments and orders each cell has had at any instant.

use std::sync::Arc;

use super::curve::at;
use super::places::Places;
use super::products::Products;
use meridian_core::sales::{Catalogue, Channel, EventMs, Kind};
use meridian_core::tally::{MARK_MS, Mark};
use meridian_wire::Hello;

/// Shares change this often.
pub(super) const BLOCK_SECS: usize = 900;
/// Rows that share a value curve; their amounts add up to it exactly.
pub(super) const GROUP: u64 = 64;

/// Cumulative shares of a group's rows in its value, in 2⁻³².
pub(super) type Spread = [u64; GROUP as usize + 1];

/// Region × category × channel, as far as anything can happen in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellKey {
    pub region: u8,
    pub category: u8,
    pub channel: Channel,
    /// Its mean amount against the mean of all.
    pub ticket: f64,
    /// Fractions at which its counts step.
    pub payment_phase: f64,
    pub order_phase: f64,
    pub payment_key: u64,
    pub order_key: u64,
}

/// The model of a day file. Never changes.
pub(super) struct Model {
    pub catalogue: Arc<Catalogue>,
    pub hello: Hello,
    pub start_ms: EventMs,
    pub end_ms: EventMs,
    pub secs: usize,
    /// Cumulative at each whole second: value in minor units, payments, orders.
    pub value: Vec<f64>,
    pub payments: Vec<f64>,
    pub orders: Vec<f64>,
    /// From a payment's number to the second at which it happens, roughly.
    pub second_of_payment: Vec<u32>,
    pub payments_per_bucket: f64,
    pub mean_order_minor: f64,
    pub cells: Vec<CellKey>,
    pub blocks: usize,
    /// By block and cell: the cell's share.
    pub share: Vec<f64>,
    /// By block (and the end) and cell: cumulative at the block's start.
    pub cell_payments: Vec<f64>,
    pub cell_orders: Vec<f64>,
    pub cell_value: Vec<f64>,
    /// By block and region.
    pub region_share: Vec<f64>,
    pub places: Places,
    /// The ways in which a group's rows differ.
    pub spreads: Vec<Spread>,
    pub home: u8,
    pub import_below: u32,
    pub export_below: u32,
    /// Cumulative bounds of the regions that the home region imports from.
    pub import_from: Vec<(u32, u8)>,
    pub products: Products,
}

impl Model {
    /// Cumulative curve at an instant: the block, and how far value, payments and orders are.
    pub(super) fn curve_at(&self, ms: EventMs) -> (usize, f64, f64) {
        let into_ms = (ms - self.start_ms).clamp(0, self.end_ms - self.start_ms) as usize;
        let second = (into_ms / 1_000).min(self.secs.saturating_sub(1));
        let part = (into_ms - second * 1_000) as f64 / 1_000.0;
        let between = |table: &[f64]| {
            let from = at(table, second);
            from + (at(table, second + 1) - from) * part
        };
        let block = (second / BLOCK_SECS).min(self.blocks - 1);
        (block, between(&self.payments), between(&self.orders))
    }

    /// How many payments and orders each cell has had before an instant.
    pub(super) fn counts_at(&self, ms: EventMs, mut each: impl FnMut(usize, u64, u64)) -> usize {
        let (block, payments, orders) = self.curve_at(ms);
        let from_payments = payments - at(&self.payments, block * BLOCK_SECS);
        let from_orders = orders - at(&self.orders, block * BLOCK_SECS);
        let row = block * self.cells.len()..(block + 1) * self.cells.len();
        let columns = self
            .share
            .get(row.clone())
            .unwrap_or(&[])
            .iter()
            .zip(self.cell_payments.get(row.clone()).unwrap_or(&[]))
            .zip(self.cell_orders.get(row).unwrap_or(&[]))
            .zip(&self.cells);
        for (index, (((share, payments), orders), cell)) in columns.enumerate() {
            each(
                index,
                (payments + share * from_payments + cell.payment_phase) as u64,
                (orders + share * from_orders + cell.order_phase) as u64,
            );
        }
        block
    }

    /// How many payments and orders one cell has had before an instant, as [`counts_at`](Self::counts_at) says.
    pub(super) fn counts_of(&self, (block, payments, orders): (usize, f64, f64), index: usize) -> (u64, u64) {
        let from_payments = payments - at(&self.payments, block * BLOCK_SECS);
        let from_orders = orders - at(&self.orders, block * BLOCK_SECS);
        let here = block * self.cells.len() + index;
        let share = at(&self.share, here);
        self.cells.get(index).map_or((0, 0), |cell| {
            (
                (at(&self.cell_payments, here) + share * from_payments + cell.payment_phase) as u64,
                (at(&self.cell_orders, here) + share * from_orders + cell.order_phase) as u64,
            )
        })
    }

    /// What each product has sold in each cell before an instant: payments and orders with it.
    pub(super) fn products_at(&self, ms: EventMs, mut each: impl FnMut(u16, &CellKey, u64, u64)) {
        let curve = self.curve_at(ms);
        let mut known = (u32::MAX, (0, 0));
        for product in &self.products.cells {
            if known.0 != product.cell {
                known = (product.cell, self.counts_of(curve, product.cell as usize));
            }
            let (payments, orders) = known.1;
            if let Some(cell) = self.cells.get(product.cell as usize) {
                each(
                    product.product,
                    cell,
                    product.ladder(Kind::Payment).items(payments),
                    product.ladder(Kind::Order).items(orders),
                );
            }
        }
    }

    /// Orders of each product before an instant.
    pub(super) fn product_orders_at(&self, ms: EventMs) -> Vec<u64> {
        let mut sums = vec![0; self.products.list.len()];
        self.products_at(ms, |product, _, _, orders| {
            if let Some(sum) = sums.get_mut(usize::from(product)) {
                *sum += orders;
            }
        });
        sums
    }

    /// The orders until a whole minute of the day.
    pub(super) fn mark_at(&self, minute: i64) -> Mark {
        let ms = self.start_ms + minute * MARK_MS;
        let mut regions = vec![0; self.catalogue.regions().len()];
        self.counts_at(ms, |index, _, orders| {
            let region = self
                .cells
                .get(index)
                .map_or(usize::MAX, |cell| usize::from(cell.region));
            if let Some(sum) = regions.get_mut(region) {
                *sum += orders;
            }
        });
        let mut products = vec![0; self.products.list.len() * regions.len()];
        self.products_at(ms, |product, cell, _, orders| {
            let at = usize::from(product) * regions.len() + usize::from(cell.region);
            if let Some(sum) = products.get_mut(at) {
                *sum += orders;
            }
        });
        Mark {
            minute: u32::try_from(minute).unwrap_or(0),
            regions,
            products: products
                .into_iter()
                .enumerate()
                .filter(|(_, orders)| *orders > 0)
                .map(|(at, orders)| (at as u32, orders))
                .collect(),
            bunches: Vec::new(),
        }
    }

    /// How many payments and orders all cells have had before an instant.
    pub(super) fn count_total_at(&self, ms: EventMs) -> (u64, u64) {
        let (mut payments, mut orders) = (0, 0);
        self.counts_at(ms, |_, more_payments, more_orders| {
            payments += more_payments;
            orders += more_orders;
        });
        (payments, orders)
    }
}
