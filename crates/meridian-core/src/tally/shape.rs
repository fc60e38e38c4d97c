//! How many places, categories and products a tally has.

use super::TallyError;
use crate::sales::{Batch, Channel};

/// The numbers that a batch's columns may hold. A [`Tally`](super::Tally) has one; who only wants to check batches needs no tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    places: usize,
    categories: usize,
    products: usize,
}

impl Shape {
    /// A shape of these numbers; without products a batch's items are ignored.
    pub fn new(places: usize, categories: usize, products: usize) -> Self {
        Self {
            places,
            categories,
            products,
        }
    }

    /// Whether a batch's columns can be counted; sums aren't looked at.
    ///
    /// # Errors
    /// [`TallyError`] naming the column and what would be right.
    pub fn check(&self, batch: &Batch) -> Result<(), TallyError> {
        self.check_items(batch)?;
        self.check_rows(batch)
    }

    pub(super) fn check_rows(&self, batch: &Batch) -> Result<(), TallyError> {
        let rows = batch.place.len();
        for (column, len) in [
            ("category", batch.category.len()),
            ("channel", batch.channel.len()),
            ("amount_minor", batch.amount_minor.len()),
            ("ships_from", batch.ships_from.len()),
        ] {
            if len != rows {
                return Err(TallyError::Ragged { column, len, rows });
            }
        }
        // Folds without early exit: the compiler makes them wide.
        let highest_category = batch.category.iter().fold(0, |high, value| high.max(*value));
        if rows > 0 && usize::from(highest_category) >= self.categories {
            return unknown("category", u64::from(highest_category), self.categories);
        }
        let highest_channel = batch.channel.iter().fold(0, |high, value| high.max(*value));
        if usize::from(highest_channel) >= Channel::COUNT {
            return unknown("channel", u64::from(highest_channel), Channel::COUNT);
        }
        // +1 turns UNPLACED into 0.
        let highest_place = batch
            .place
            .iter()
            .fold(0_u16, |high, value| high.max(value.wrapping_add(1)));
        if usize::from(highest_place) > self.places {
            return unknown("place", u64::from(highest_place) - 1, self.places);
        }
        Ok(())
    }

    pub(super) fn check_items(&self, batch: &Batch) -> Result<(), TallyError> {
        let items = &batch.items;
        let rows = items.row.len();
        for (column, len) in [
            ("items.product", items.product.len()),
            ("items.units", items.units.len()),
            ("items.amount_minor", items.amount_minor.len()),
        ] {
            if len != rows {
                return Err(TallyError::Ragged { column, len, rows });
            }
        }
        // A tally without products passes over them.
        if self.products == 0 {
            return Ok(());
        }
        let highest_row = items.row.iter().fold(0, |high, value| high.max(*value));
        if rows > 0 && highest_row as usize >= batch.len() {
            return unknown("row", u64::from(highest_row), batch.len());
        }
        let highest = items.product.iter().fold(0, |high, value| high.max(*value));
        if rows > 0 && usize::from(highest) >= self.products {
            return unknown("product", u64::from(highest), self.products);
        }
        Ok(())
    }
}

fn unknown(what: &'static str, number: u64, count: usize) -> Result<(), TallyError> {
    Err(TallyError::Unknown { what, number, count })
}
