//! A live day as it is written in a file: TOML, every key known.

use serde::Deserialize;

use crate::source::day_file::ComparisonTable;
use meridian_core::sales::{Currency, Kind};
use meridian_wire::Names;

/// A live day as it is written in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayFile {
    pub title: Names,
    /// Whether orders are generated: then it says DEMO on screen.
    #[serde(default)]
    pub synthetic: bool,
    pub currency: Currency,
    pub gmv_counts: Kind,
    /// GMV values that are celebrated, in whole units of the currency.
    #[serde(default)]
    pub celebrate: Vec<i64>,
    pub day: DayTable,
    pub category: Vec<CategoryTable>,
    #[serde(default)]
    pub product: Vec<ProductTable>,
    #[serde(default)]
    pub comparison: Vec<ComparisonTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayTable {
    /// RFC 3339; absent: the day that it is now.
    #[serde(default)]
    pub start: Option<String>,
    /// Where days begin at midnight, if no start is given.
    #[serde(default)]
    pub zone: Option<String>,
    #[serde(default = "whole_day")]
    pub hours: u32,
    /// How long after an order its batch may come and still count in its second's rate.
    #[serde(default = "two")]
    pub lag_s: u32,
    /// How long after the day's end batches are taken.
    #[serde(default = "minute")]
    pub late_s: u32,
    /// Seconds without a batch after which displays are told that none arrive.
    #[serde(default = "minute")]
    pub silent_s: u32,
}

fn whole_day() -> u32 {
    24
}

fn two() -> u32 {
    2
}

fn minute() -> u32 {
    60
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryTable {
    pub name: Names,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductTable {
    pub id: String,
    pub name: Names,
    pub category: String,
}
