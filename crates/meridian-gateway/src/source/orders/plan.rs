//! A mapping with everything in it checked and looked up.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;

use super::cells::normal;
use super::mapping::{CategoryMapping, Mapping, TimeMapping};
use super::row::Column;
use crate::source::SourceError;
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::product::slug;
use meridian_core::sales::{Catalogue, Channel, MAX_PRODUCTS, RegionId};

/// A checked mapping: how rows are read.
#[derive(Debug)]
pub(super) struct Plan {
    pub mapping: Mapping,
    /// The columns that are read, and what the file calls them.
    pub wanted: Vec<(Column, String)>,
    pub zone: Tz,
    /// Regions by all names that they go by.
    pub countries: HashMap<String, u8>,
    pub ships_from: Option<RegionId>,
    /// The category of everything that nothing matches.
    pub otherwise: u8,
    /// Words in lower case, with their category, in the mapping's order.
    pub words: Vec<(String, u8)>,
    pub channels: HashMap<String, Channel>,
    /// Ids of rows that are no products.
    pub leave_out: HashSet<String>,
}

/// A column, the mapping's key that names it, and its name.
type Wanted = (Column, &'static str, String);

fn wrong(key: &str, problem: impl std::fmt::Display) -> String {
    format!("{key}: {problem}")
}

impl Plan {
    /// Reads a mapping; `file` is its name, for errors.
    pub(super) fn new(file: &str, text: &str, catalogue: &Catalogue) -> Result<Self, SourceError> {
        let mapping: Mapping = toml::from_str(text).map_err(|error| SourceError::File {
            file: file.to_owned(),
            problem: error.to_string().trim_end().to_owned(),
        })?;
        Self::of(mapping, catalogue).map_err(|problem| SourceError::File {
            file: file.to_owned(),
            problem,
        })
    }

    fn of(mapping: Mapping, catalogue: &Catalogue) -> Result<Self, String> {
        let wanted = columns(&mapping)?;
        let leave_out = products(&mapping)?;
        for (_, key, name) in &wanted {
            if name.trim().is_empty() {
                return Err(wrong(key, "the name of a column is needed"));
            }
        }
        letters(&mapping)?;
        let zone = time(&mapping.time)?;
        if mapping.cancellation.order_id_prefix.as_deref() == Some("") {
            let problem = "an empty prefix would make every order a cancellation; leave the key out";
            return Err(wrong("cancellation.order_id_prefix", problem));
        }
        let countries = countries(&mapping, catalogue)?;
        let ships_from = match &mapping.ships_from {
            Some(code) => Some(region(catalogue, "ships_from", code)?),
            None => None,
        };
        let (words, otherwise) = categories(&mapping.category)?;
        let channels = channels(&mapping)?;
        Ok(Self {
            wanted: wanted
                .into_iter()
                .map(|(column, _, name)| (column, name))
                .collect(),
            zone,
            countries,
            ships_from,
            otherwise,
            words,
            channels,
            leave_out,
            mapping,
        })
    }
}

/// The columns that the mapping names.
fn columns(mapping: &Mapping) -> Result<Vec<Wanted>, String> {
    let columns = &mapping.columns;
    let mut wanted = vec![
        (Column::OrderId, "columns.order_id", columns.order_id.clone()),
        (Column::Time, "columns.time", columns.time.clone()),
        (Column::Country, "columns.country", columns.country.clone()),
    ];
    match (&columns.amount, &columns.unit_price, &columns.quantity) {
        (Some(amount), None, None) => wanted.push((Column::Amount, "columns.amount", amount.clone())),
        (None, Some(price), Some(quantity)) => {
            wanted.push((Column::Amount, "columns.unit_price", price.clone()));
            wanted.push((Column::Quantity, "columns.quantity", quantity.clone()));
        }
        // The pieces, where products are followed.
        (Some(amount), None, Some(quantity)) if mapping.product.is_some() => {
            wanted.push((Column::Amount, "columns.amount", amount.clone()));
            wanted.push((Column::Quantity, "columns.quantity", quantity.clone()));
        }
        _ => {
            let problem = "either \"amount\" (the value of a row) or both \"quantity\" and \
                           \"unit_price\" are needed";
            return Err(wrong("columns", problem));
        }
    }
    if let Some(column) = &mapping.category.column {
        wanted.push((Column::Category, "category.column", column.clone()));
    }
    if let Some(column) = &mapping.channel.column {
        wanted.push((Column::Channel, "channel.column", column.clone()));
    }
    if let Some(product) = &mapping.product {
        wanted.push((Column::Product, "product.column", product.column.clone()));
        if let Some(column) = &product.name {
            wanted.push((Column::ProductName, "product.name", column.clone()));
        }
    }
    Ok(wanted)
}

/// The ids of rows that are no products.
fn products(mapping: &Mapping) -> Result<HashSet<String>, String> {
    let mut leave_out = HashSet::new();
    let Some(product) = &mapping.product else {
        return Ok(leave_out);
    };
    if product.most == 0 || product.most > MAX_PRODUCTS {
        let problem = format!("{} of them; there must be 1 to {MAX_PRODUCTS}", product.most);
        return Err(wrong("product.most", problem));
    }
    for (index, number) in product.leave_out.iter().enumerate() {
        let id = slug(number).ok_or_else(|| {
            let problem = format!("{number:?} has neither letters nor digits");
            wrong(&format!("product.leave_out[{index}]"), problem)
        })?;
        leave_out.insert(id);
    }
    Ok(leave_out)
}

/// Checks the signs between columns and in numbers, and the title.
fn letters(mapping: &Mapping) -> Result<(), String> {
    if !mapping.delimiter.is_ascii() || matches!(mapping.delimiter, '"' | '\r' | '\n') {
        let problem = format!(
            "{:?} can't separate columns; \",\" \";\" \"|\" and \"\\t\" can",
            mapping.delimiter
        );
        return Err(wrong("delimiter", problem));
    }
    if !matches!(mapping.decimal, '.' | ',') {
        let problem = format!(
            "{:?} isn't a decimal sign: it must be \".\" or \",\"",
            mapping.decimal
        );
        return Err(wrong("decimal", problem));
    }
    for (key, value) in [("title.en", &mapping.title.en), ("title.zh", &mapping.title.zh)] {
        if value.trim().is_empty() {
            return Err(wrong(key, "a title is needed"));
        }
    }
    Ok(())
}

/// The time zone; checks the format of times.
fn time(time: &TimeMapping) -> Result<Tz, String> {
    let zone: Tz = time.zone.parse().map_err(|_| {
        let problem = format!(
            "{:?} isn't a time zone; an IANA name is needed, as in \"Europe/London\"",
            time.zone
        );
        wrong("time.zone", problem)
    })?;
    let is_pattern = || {
        time.format.contains('%')
            && !chrono::format::StrftimeItems::new(&time.format)
                .any(|item| matches!(item, chrono::format::Item::Error))
    };
    if !matches!(time.format.as_str(), "rfc3339" | "unix_s" | "unix_ms") && !is_pattern() {
        let problem = format!(
            "{:?} isn't a time format; a strftime pattern as in \"%Y-%m-%d %H:%M:%S\", or \"rfc3339\", \
             \"unix_s\" or \"unix_ms\" is needed",
            time.format
        );
        return Err(wrong("time.format", problem));
    }
    Ok(zone)
}

fn region(catalogue: &Catalogue, key: &str, code: &str) -> Result<RegionId, String> {
    catalogue.by_iso2(code).ok_or_else(|| {
        let problem = format!(
            "{code:?} isn't a region's ISO 3166-1 alpha-2 code; two capital letters are needed, as in \"IE\""
        );
        wrong(key, problem)
    })
}

/// The regions by the names and codes of the catalogue, and by those that the mapping adds.
fn countries(mapping: &Mapping, catalogue: &Catalogue) -> Result<HashMap<String, u8>, String> {
    let mut countries = HashMap::new();
    for (number, region) in catalogue.regions().iter().enumerate() {
        let Ok(number) = u8::try_from(number) else { break };
        for name in [&region.name_en, &region.name_zh, &region.iso2, &region.iso3] {
            countries.insert(normal(name), number);
        }
    }
    let mut aliases: Vec<_> = mapping.country.aliases.iter().collect();
    aliases.sort();
    for (name, code) in aliases {
        let region = region(catalogue, &format!("country.aliases.{name:?}"), code)?;
        countries.insert(normal(name), region.0);
    }
    Ok(countries)
}

/// The words that categories are known by, and the category of what has none of them.
fn categories(mapping: &CategoryMapping) -> Result<(Vec<(String, u8)>, u8), String> {
    let list = &mapping.list;
    if list.is_empty() || list.len() > MAX_CATEGORIES {
        let problem = format!(
            "there must be 1 to {MAX_CATEGORIES} categories; there are {}",
            list.len()
        );
        return Err(wrong("category.list", problem));
    }
    let mut words = Vec::new();
    let mut otherwise = None;
    for (index, entry) in list.iter().enumerate() {
        let number = index as u8;
        if entry.en.trim().is_empty() || entry.zh.trim().is_empty() {
            let problem = "\"en\" and \"zh\" need a name";
            return Err(wrong(&format!("category.list[{index}]"), problem));
        }
        if list.iter().take(index).any(|earlier| earlier.en == entry.en) {
            let problem = format!("{:?} appears twice", entry.en);
            return Err(wrong(&format!("category.list[{index}].en"), problem));
        }
        if entry.en == mapping.otherwise {
            otherwise = Some(number);
        }
        for word in &entry.words {
            if word.trim().is_empty() {
                let problem = "an empty word matches everything; leave it out";
                return Err(wrong(&format!("category.list[{index}].words"), problem));
            }
            words.push((normal(word), number));
        }
    }
    let Some(otherwise) = otherwise else {
        let problem = format!(
            "{:?} isn't a category of the list; the English name of one is needed",
            mapping.otherwise
        );
        return Err(wrong("category.otherwise", problem));
    };
    Ok((words, otherwise))
}

/// The channels by what the file calls them.
fn channels(mapping: &Mapping) -> Result<HashMap<String, Channel>, String> {
    if mapping.channel.column.is_none() && !mapping.channel.values.is_empty() {
        let problem = "values are named, but no \"column\" that holds them";
        return Err(wrong("channel.values", problem));
    }
    let values = mapping.channel.values.iter();
    Ok(values.map(|(value, channel)| (normal(value), *channel)).collect())
}
