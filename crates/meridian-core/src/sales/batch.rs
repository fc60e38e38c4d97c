//! Orders and payments as they travel inside the gateway: columns, never rows.

use super::EventMs;

/// What a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Orders made. `amount_minor` is the order's value.
    Order,
    /// Payments settled. `amount_minor` is what was paid.
    Payment,
}

/// Orders or payments of one span of event time, as columns of equal length.
///
/// A negative amount is a correction (a cancelled or refunded order): it lowers the value and is
/// counted apart, never as an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Orders or payments.
    pub kind: Kind,
    /// First instant of the span, inclusive.
    pub from_ms: EventMs,
    /// End of the span, exclusive.
    pub to_ms: EventMs,
    /// The place ([`super::PlaceId`]) of each row; its region follows from the catalogue.
    pub place: Vec<u16>,
    /// The category of each row.
    pub category: Vec<u8>,
    /// The channel of each row ([`super::Channel::index`]).
    pub channel: Vec<u8>,
    /// The amount of each row in minor units of the feed's currency.
    pub amount_minor: Vec<i64>,
    /// The region that the goods ship from ([`super::RegionId`]), or [`Batch::DOMESTIC`].
    pub ships_from: Vec<u8>,
    /// What was bought, as far as it is a product of the feed. A row may have none, or several.
    pub items: Items,
}

/// The products in a batch's rows, as columns of equal length: a small table beside the rows, because a
/// basket has several products and most rows have none that is followed.
///
/// Region, category and channel of an item are those of its row. A row names a product at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Items {
    /// The batch's row that each item is in, from 0.
    pub row: Vec<u32>,
    /// The product of each item ([`super::ProductId`]).
    pub product: Vec<u16>,
    /// Pieces of each item; below zero for what came back.
    pub units: Vec<i32>,
    /// The part of the row's amount that is the item's, in minor units; below zero for a correction.
    pub amount_minor: Vec<i64>,
}

impl Items {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    /// Adds up what names a product twice in a row: an order counts once for each product, however its lines are written.
    pub fn merge(&mut self) {
        // As a rule they stand in order, and there is nothing to do.
        if self.row.iter().zip(&self.product).is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut merged = Self::default();
        let mut at = std::collections::HashMap::<(u32, u16), usize>::new();
        let columns = self
            .row
            .iter()
            .zip(&self.product)
            .zip(&self.units)
            .zip(&self.amount_minor);
        for (((row, product), units), amount) in columns {
            let known = at.get(&(*row, *product)).copied();
            if let Some(slot) = known
                && let (Some(sum), Some(value)) =
                    (merged.units.get_mut(slot), merged.amount_minor.get_mut(slot))
                && let (Some(more), Some(worth)) = (sum.checked_add(*units), value.checked_add(*amount))
            {
                (*sum, *value) = (more, worth);
                continue;
            }
            at.insert((*row, *product), merged.len());
            merged.push(*row, *product, *units, *amount);
        }
        *self = merged;
    }

    /// Adds one item of the order in that row.
    pub fn push(&mut self, row: u32, product: u16, units: i32, amount_minor: i64) {
        self.row.push(row);
        self.product.push(product);
        self.units.push(units);
        self.amount_minor.push(amount_minor);
    }
}

impl Batch {
    /// In `place`: the place is not known.
    pub const UNPLACED: u16 = u16::MAX;
    /// In `ships_from`: the goods don't cross a border.
    pub const DOMESTIC: u8 = u8::MAX;

    /// An empty batch of a span.
    pub fn new(kind: Kind, from_ms: EventMs, to_ms: EventMs) -> Self {
        Self {
            kind,
            from_ms,
            to_ms,
            place: Vec::new(),
            category: Vec::new(),
            channel: Vec::new(),
            amount_minor: Vec::new(),
            ships_from: Vec::new(),
            items: Items::default(),
        }
    }

    /// How many rows the batch holds.
    pub fn len(&self) -> usize {
        self.place.len()
    }

    /// Whether the batch holds no row.
    pub fn is_empty(&self) -> bool {
        self.place.is_empty()
    }

    /// Adds one row: an order or a payment.
    pub fn push(&mut self, place: u16, category: u8, channel: u8, amount_minor: i64, ships_from: u8) {
        self.place.push(place);
        self.category.push(category);
        self.channel.push(channel);
        self.amount_minor.push(amount_minor);
        self.ships_from.push(ships_from);
    }
}
