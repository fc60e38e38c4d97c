//! An order as the source keeps it, and its items.

use meridian_core::sales::EventMs;

/// One order or correction, as small as can be: a year of a large shop fits in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub at_ms: EventMs,
    pub amount_minor: i64,
    pub place: u16,
    pub category: u8,
    pub channel: u8,
    pub ships_from: u8,
    /// Where its items end; they begin where those of the order before it end.
    pub items_end: u32,
}

/// One product in an order or correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub product: u16,
    pub units: i32,
    pub amount_minor: i64,
}

/// Where the items of an order begin.
pub(super) fn items_from(orders: &[Order], order: usize) -> usize {
    order
        .checked_sub(1)
        .and_then(|before| orders.get(before))
        .map_or(0, |before| before.items_end as usize)
}
