//! The rows of a model: where each is, what it is worth and which products it has.

use super::model::{GROUP, Model};
use super::random::mix;
use super::value::Lane;
use meridian_core::sales::{Batch, Kind};

impl Model {
    /// Where an order is shipped from.
    fn ships_from(&self, region: u8, hash: u64) -> u8 {
        let draw = hash as u32;
        if region == self.home {
            if draw < self.import_below {
                let hub = (hash >> 32) as u32;
                let from = self.import_from.iter().find(|(bound, _)| hub <= *bound);
                return from.map_or(Batch::DOMESTIC, |(_, region)| *region);
            }
        } else if draw < self.export_below {
            return self.home;
        }
        Batch::DOMESTIC
    }

    /// Appends the rows that a lane has until it has had `count`.
    pub(super) fn append(
        &self,
        kind: Kind,
        index: usize,
        count: u64,
        near: usize,
        lane: &mut Lane,
        batch: &mut Batch,
    ) {
        let Some(cell) = self.cells.get(index) else { return };
        let key = match kind {
            Kind::Payment => cell.payment_key,
            Kind::Order => cell.order_key,
        };
        let (before, first_row) = (lane.count, batch.len() as u64);
        for product in self.products.of_cell(index) {
            let ladder = product.ladder(kind);
            for item in ladder.items(before)..ladder.items(count) {
                let row = first_row + ladder.row_of(item).saturating_sub(before);
                let price = self.products.price(product.product);
                batch.items.push(row as u32, product.product, 1, price);
            }
        }
        while lane.count < count {
            let group = lane.count / GROUP;
            self.enter_group(kind, index, cell, group, near, lane);
            let until = count.min((group + 1) * GROUP);
            let mut before = self.part_of_group(lane, lane.count % GROUP);
            for number in lane.count..until {
                let row = number % GROUP + 1;
                let after = self.part_of_group(lane, row);
                let hash = mix(key.wrapping_add(number));
                let ships_from = match kind {
                    Kind::Payment => Batch::DOMESTIC,
                    Kind::Order => self.ships_from(cell.region, mix(hash)),
                };
                batch.push(
                    self.places.draw(cell.region, hash),
                    cell.category,
                    cell.channel.index(),
                    after - before,
                    ships_from,
                );
                before = after;
            }
            lane.count = until;
        }
    }
}

/// Spreads the rows over the batch, so that regions and categories don't come one after the other: a
/// display that shows the rows in order over the span shows the whole world at once.
pub(super) fn interleave(batch: &mut Batch) {
    let rows = batch.len();
    if rows < 3 {
        return;
    }
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let mut stride = (rows as f64 * 0.618_034) as usize | 1;
    while gcd(stride, rows) != 1 {
        stride += 1;
    }
    fn spread<T: Copy>(column: &mut Vec<T>, stride: usize) {
        let rows = column.len();
        let mut out = column.clone();
        let mut to = 0;
        for value in column.iter() {
            if let Some(slot) = out.get_mut(to) {
                *slot = *value;
            }
            to += stride;
            while to >= rows {
                to -= rows;
            }
        }
        *column = out;
    }
    spread(&mut batch.place, stride);
    spread(&mut batch.category, stride);
    spread(&mut batch.channel, stride);
    spread(&mut batch.amount_minor, stride);
    spread(&mut batch.ships_from, stride);
    for row in &mut batch.items.row {
        *row = (u64::from(*row) * stride as u64 % rows as u64) as u32;
    }
}
