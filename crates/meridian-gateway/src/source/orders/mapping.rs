//! A mapping file: which column of an order file means what.

use std::collections::HashMap;

use serde::Deserialize;

use crate::source::SourceError;
use meridian_core::sales::{Channel, Currency};
use meridian_wire::Names;

/// How a file's lines hold rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A header line, then one row a line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// How a file's bytes hold letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, which is what files called Latin-1 hold.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// What becomes of orders that are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum ZeroValue {
    /// They are orders.
    #[default]
    Count,
    /// They are something else (stock adjustments): left out, and said so.
    LeaveOut,
}

/// How a category is found in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Match {
    /// A word of the list stands in the cell, at the beginning of a word.
    Words,
    /// The cell is a word of the list.
    Values,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    pub format: Format,
    pub encoding: Encoding,
    #[serde(default = "comma")]
    pub delimiter: char,
    #[serde(default = "point")]
    pub decimal: char,
    pub currency: Currency,
    #[serde(default)]
    pub ships_from: Option<String>,
    #[serde(default)]
    pub zero_value: ZeroValue,
    pub title: Names,
    pub columns: Columns,
    pub time: TimeMapping,
    #[serde(default)]
    pub country: CountryMapping,
    pub cancellation: Cancellation,
    pub channel: ChannelMapping,
    pub category: CategoryMapping,
    #[serde(default)]
    pub product: Option<ProductMapping>,
}

/// Which rows are which product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductMapping {
    /// The shop's own number of the product.
    pub column: String,
    /// What it is called; without it, the number.
    #[serde(default)]
    pub name: Option<String>,
    /// How many are followed: those of the greatest value in the file.
    #[serde(default = "most_products")]
    pub most: usize,
    /// Numbers that are no products: postage, fees.
    #[serde(default)]
    pub leave_out: Vec<String>,
}

fn most_products() -> usize {
    200
}

fn comma() -> char {
    ','
}

fn point() -> char {
    '.'
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub order_id: String,
    pub time: String,
    pub country: String,
    #[serde(default)]
    pub quantity: Option<String>,
    #[serde(default)]
    pub unit_price: Option<String>,
    #[serde(default)]
    pub amount: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeMapping {
    /// A strftime pattern, or `rfc3339`, `unix_s`, `unix_ms`.
    pub format: String,
    pub zone: String,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CountryMapping {
    #[serde(default)]
    pub aliases: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancellation {
    #[serde(default)]
    pub order_id_prefix: Option<String>,
    /// Whether a quantity or amount below zero is a correction; otherwise such a row is unreadable.
    pub negative_quantity: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelMapping {
    pub default: Channel,
    #[serde(default)]
    pub column: Option<String>,
    #[serde(default)]
    pub values: HashMap<String, Channel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryMapping {
    #[serde(default)]
    pub column: Option<String>,
    #[serde(rename = "match")]
    pub how: Match,
    /// English name of the category of everything that nothing matches.
    pub otherwise: String,
    pub list: Vec<CategoryEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryEntry {
    pub en: String,
    pub zh: String,
    #[serde(default)]
    pub words: Vec<String>,
}

/// The mapping's name, for errors, and its text.
pub(super) fn read_mapping(mapping: &str) -> Result<(String, String), SourceError> {
    let wrong = |problem: String| SourceError::File {
        file: mapping.to_owned(),
        problem,
    };
    let (name, bytes) = match std::fs::read(mapping) {
        Ok(bytes) => (mapping.to_owned(), bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let shipped = if mapping.starts_with("config/") {
                mapping.to_owned()
            } else {
                format!("config/mappings/{}.toml", mapping.trim_end_matches(".toml"))
            };
            let bytes = meridian_core::files::read(&shipped).map_err(|_| {
                let names: Vec<String> = meridian_core::files::shipped("config/mappings/")
                    .iter()
                    .filter_map(|path| path.strip_prefix("config/mappings/")?.strip_suffix(".toml"))
                    .map(str::to_owned)
                    .collect();
                wrong(format!(
                    "no such mapping: --mapping needs the path of a TOML file or a shipped name ({})",
                    names.join(", ")
                ))
            })?;
            (shipped, bytes.into_owned())
        }
        Err(error) => return Err(wrong(format!("can't be read: {error}"))),
    };
    let text = String::from_utf8(bytes).map_err(|_| SourceError::File {
        file: name.clone(),
        problem: "isn't UTF-8, which a mapping has to be".to_owned(),
    })?;
    Ok((name, text))
}
