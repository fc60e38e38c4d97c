//! A day as it is written in a file: TOML, every key known, every mistake named.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::source::day_file::{ComparisonTable, CurvePoint};
use meridian_core::sales::Currency;
use meridian_wire::Names;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayFile {
    pub seed: u64,
    /// GMV values that are celebrated, in whole units of the currency.
    #[serde(default)]
    pub celebrate: Vec<i64>,
    pub title: Names,
    pub day: DayTable,
    pub totals: TotalsTable,
    pub peaks: PeaksTable,
    pub curve: Vec<CurvePoint>,
    pub mobile: Vec<MobilePoint>,
    #[serde(default)]
    pub comparison: Vec<ComparisonTable>,
    pub category: Vec<CategoryTable>,
    #[serde(default)]
    pub product: Vec<ProductTable>,
    #[serde(default)]
    pub regions: RegionsTable,
    #[serde(default)]
    pub shipping: ShippingTable,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayTable {
    /// RFC 3339, with its offset from UTC.
    pub start: String,
    #[serde(default = "whole_day")]
    pub hours: u32,
    pub currency: Currency,
}

fn whole_day() -> u32 {
    24
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotalsTable {
    pub gmv: i64,
    pub payments: u64,
    pub orders: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeaksTable {
    pub orders_per_s: f64,
    pub payments_per_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MobilePoint {
    pub at: String,
    pub share: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryTable {
    pub name: Names,
    pub share: f64,
    #[serde(default = "one")]
    pub ticket: f64,
}

/// A product of a category.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductTable {
    /// Small letters, digits and hyphens.
    pub id: String,
    pub name: Names,
    /// The category's English name.
    pub category: String,
    /// Part of the category's orders that has it, where nothing else is said.
    pub share: f64,
    /// In whole units of the currency.
    pub price: i64,
    /// How many times the share it has in a region.
    #[serde(default)]
    pub taste: BTreeMap<String, f64>,
    #[serde(default)]
    pub surge: Vec<SurgeTable>,
}

/// A time in which a product sells more in a region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SurgeTable {
    pub region: String,
    pub from: String,
    pub to: String,
    /// How many times as much.
    pub lift: f64,
}

fn one() -> f64 {
    1.0
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegionsTable {
    pub home: Option<String>,
    pub gdp_exponent: f64,
    pub population_exponent: f64,
    pub at_least_orders: f64,
    pub night_dip: f64,
    pub share: BTreeMap<String, f64>,
}

impl Default for RegionsTable {
    fn default() -> Self {
        Self {
            home: None,
            gdp_exponent: 1.0,
            population_exponent: 0.0,
            at_least_orders: 0.0,
            night_dip: 0.4,
            share: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShippingTable {
    pub import_share: f64,
    pub export_share: f64,
    pub import_from: BTreeMap<String, f64>,
}
