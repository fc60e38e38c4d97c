//! What reading an order file found.

use super::order::{Item, Order};
use crate::source::SourceError;

/// Unreadable rows that are listed one by one; the others are only counted.
pub(super) const MAX_LISTED: usize = 20;

/// What reading the file found. No customer, no order id, no description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrdersReport {
    /// Rows read, the header and empty lines not counted.
    pub rows: u64,
    /// Orders (corrections not counted).
    pub orders: u64,
    /// What orders and corrections add up to, in minor units.
    pub gmv_minor: i64,
    /// Corrections: cancelled or refunded orders.
    pub corrections: u64,
    /// What they take off the value, in minor units, as a positive number.
    pub corrected_minor: i64,
    /// Orders and corrections left out because they are worth nothing.
    pub without_value: u64,
    /// Country names that no region matches, with how many orders and corrections they have, sorted.
    pub unknown_countries: Vec<(String, u64)>,
    /// Channel cells that the mapping doesn't name: how many rows.
    pub unknown_channels: u64,
    /// The first unreadable rows: line from 1, and why.
    pub unreadable: Vec<(u64, String)>,
    /// How many rows were unreadable altogether.
    pub unreadable_rows: u64,
}

/// Adds up what the report says of orders and corrections.
pub(super) fn totalled(
    name: &str,
    orders: &[Order],
    items: &[Item],
    mut report: OrdersReport,
) -> Result<OrdersReport, SourceError> {
    let mut gmv = 0_i128;
    let mut corrected = 0_i128;
    for order in orders {
        gmv += i128::from(order.amount_minor);
        if order.amount_minor < 0 {
            report.corrections += 1;
            corrected -= i128::from(order.amount_minor);
        } else {
            report.orders += 1;
        }
    }
    let narrow = |sum: i128| {
        meridian_core::sales::MoneySum(sum)
            .to_wire()
            .map_err(|error| SourceError::File {
                file: name.to_owned(),
                problem: error.to_string(),
            })
    };
    // The sum of the orders alone bounds every sum on the way, in whatever order they come.
    narrow(gmv + corrected)?;
    // An order's items may be worth more than it is, where others take off from it.
    narrow(items.iter().map(|item| i128::from(item.amount_minor).abs()).sum())?;
    report.gmv_minor = narrow(gmv)?;
    report.corrected_minor = narrow(corrected)?;
    Ok(report)
}
