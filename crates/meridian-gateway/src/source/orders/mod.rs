//! A real shop's order file as a source: CSV or NDJSON, read once, played in event time.
//!
//! What leaves this reader is what a [`Batch`] can hold, and the catalogue of the products that the mapping
//! names: their own numbers and names, never who bought them. Customer ids and order ids don't leave it: a
//! row is read into a `Row`, which has no room for any column that the mapping doesn't name, and order ids
//! and descriptions are dropped as soon as rows are grouped into orders.
//!
//! The rows of one order id on one local day are one order; its value is their sum and its category the one
//! that most of the value is in. Its rows of one product are one item. Amounts are added as whole billionths of a unit, so no float touches money.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use crate::source::{Opening, ProductOpening, Pulled, Source, SourceError, curve_step_ms};
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::product::slug;
use meridian_core::sales::{Batch, Catalogue, Channel, Currency, EventMs, Kind, MAX_PRODUCTS, RegionId};
use meridian_core::tally::{MARK_MS, MEAN_SECONDS, Mark, WINDOW_MINUTES};
use meridian_wire::{
    Cell, Counts, DataClass, Day, Hello, History, Level, Mode, Names, Notice, ProductCounts, ProductInfo,
    Reached, RegionHistory, WARMTH_HALF_LIFE_MS,
};

/// Unreadable rows that are listed one by one; the others are only counted.
const LISTED: usize = 20;
/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Most lines that one quoted CSV field may span: an unclosed quote must not swallow the file.
const MAX_RECORD_LINES: usize = 100;
/// Distance of the history's points, for as many of them as [`MAX_POINTS`]; longer files get longer steps.
const HISTORY_STEP_MS: i64 = 60_000;
/// Most points of a history: one wrong year in a row must not cost a century of minutes.
const MAX_POINTS: i64 = 20_000;
/// A regions' history has one point where the total's has this many.
const REGION_STEPS: i64 = 10;
/// Longest name of a product, in letters; what is longer is cut.
const MAX_NAME_LETTERS: usize = 80;
/// Most names of one product that are compared.
const MAX_NAMES: usize = 32;
/// Amounts are added in billionths of a unit.
const SCALE_DIGITS: u32 = 9;
/// Greatest value of a row, in billionths of a unit.
const MAX_ROW_VALUE: i128 = (i64::MAX as i128) * 1_000_000_000;

/// How a file's lines hold rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// A header line, then one row a line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// How a file's bytes hold letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, which is what files called Latin-1 hold.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// What becomes of orders that are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum ZeroValue {
    /// They are orders.
    #[default]
    Count,
    /// They are something else (stock adjustments): left out, and said so.
    LeaveOut,
}

/// How a category is found in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Match {
    /// A word of the list stands in the cell, at the beginning of a word.
    Words,
    /// The cell is a word of the list.
    Values,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    format: Format,
    encoding: Encoding,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default = "point")]
    decimal: char,
    currency: Currency,
    #[serde(default)]
    ships_from: Option<String>,
    #[serde(default)]
    zero_value: ZeroValue,
    title: Names,
    columns: Columns,
    time: TimeMapping,
    #[serde(default)]
    country: CountryMapping,
    cancellation: Cancellation,
    channel: ChannelMapping,
    category: CategoryMapping,
    #[serde(default)]
    product: Option<ProductMapping>,
}

/// Which rows are which product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductMapping {
    /// The shop's own number of the product.
    column: String,
    /// What it is called; without it, the number.
    #[serde(default)]
    name: Option<String>,
    /// How many are followed: those of the greatest value in the file.
    #[serde(default = "most_products")]
    most: usize,
    /// Numbers that are no products: postage, fees.
    #[serde(default)]
    leave_out: Vec<String>,
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
struct Columns {
    order_id: String,
    time: String,
    country: String,
    #[serde(default)]
    quantity: Option<String>,
    #[serde(default)]
    unit_price: Option<String>,
    #[serde(default)]
    amount: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeMapping {
    /// A strftime pattern, or `rfc3339`, `unix_s`, `unix_ms`.
    format: String,
    zone: String,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct CountryMapping {
    #[serde(default)]
    aliases: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    #[serde(default)]
    order_id_prefix: Option<String>,
    /// Whether a quantity or amount below zero is a correction; otherwise such a row is unreadable.
    negative_quantity: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelMapping {
    default: Channel,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    values: HashMap<String, Channel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryMapping {
    #[serde(default)]
    column: Option<String>,
    #[serde(rename = "match")]
    how: Match,
    /// English name of the category of everything that nothing matches.
    otherwise: String,
    list: Vec<CategoryEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryEntry {
    en: String,
    zh: String,
    #[serde(default)]
    words: Vec<String>,
}

/// What a row says, in the mapped columns only. There is no place here for a customer id.
#[derive(Debug, Default)]
struct Row {
    order_id: String,
    time: String,
    country: String,
    quantity: String,
    amount: String,
    category: String,
    channel: String,
    product: String,
    product_name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    OrderId,
    Time,
    Country,
    Quantity,
    Amount,
    Category,
    Channel,
    Product,
    ProductName,
}

impl Row {
    fn slot(&mut self, column: Column) -> &mut String {
        match column {
            Column::OrderId => &mut self.order_id,
            Column::Time => &mut self.time,
            Column::Country => &mut self.country,
            Column::Quantity => &mut self.quantity,
            Column::Amount => &mut self.amount,
            Column::Category => &mut self.category,
            Column::Channel => &mut self.channel,
            Column::Product => &mut self.product,
            Column::ProductName => &mut self.product_name,
        }
    }

    fn clear(&mut self) {
        for column in [
            Column::OrderId,
            Column::Time,
            Column::Country,
            Column::Quantity,
            Column::Amount,
            Column::Category,
            Column::Channel,
            Column::Product,
            Column::ProductName,
        ] {
            self.slot(column).clear();
        }
    }
}

/// The mapping with everything looked up.
#[derive(Debug)]
struct Plan {
    mapping: Mapping,
    wanted: Vec<(Column, String)>,
    zone: Tz,
    countries: HashMap<String, u8>,
    ships_from: Option<RegionId>,
    otherwise: u8,
    /// Words in lower case, with their category, in the mapping's order.
    words: Vec<(String, u8)>,
    channels: HashMap<String, Channel>,
    /// Ids of rows that are no products.
    leave_out: HashSet<String>,
}

/// One order or correction, as small as can be: a year of a large shop fits in memory.
#[derive(Debug, Clone, Copy)]
struct Order {
    at_ms: EventMs,
    amount_minor: i64,
    place: u16,
    category: u8,
    channel: u8,
    ships_from: u8,
    /// Where its items end; they begin where those of the order before it end.
    items_end: u32,
}

/// One product in an order or correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    product: u16,
    units: i32,
    amount_minor: i64,
}

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

/// Plays a real shop's order file.
#[derive(Debug)]
pub struct OrdersSource {
    hello: Hello,
    region_of_place: Vec<u8>,
    /// How many regions the catalogue has.
    regions: usize,
    orders: Vec<Order>,
    items: Vec<Item>,
    next: usize,
    now_ms: EventMs,
    notices: Vec<Notice>,
    report: OrdersReport,
}

impl OrdersSource {
    /// Reads an order file; `mapping` is a file's path, or the name of a shipped mapping
    /// (`uci-online-retail` for `config/mappings/uci-online-retail.toml`).
    ///
    /// # Errors
    /// [`SourceError::File`] naming the file and the key or column that is wrong. Rows that can't be read
    /// are no error unless there is no other: they are reported in notices and skipped.
    pub fn open(
        orders: impl AsRef<Path>,
        mapping: &str,
        catalogue: Arc<Catalogue>,
    ) -> Result<Self, SourceError> {
        let (mapping_name, mapping_toml) = read_mapping(mapping)?;
        let plan = Plan::new(&mapping_name, &mapping_toml, &catalogue)?;
        let path = orders.as_ref();
        let name = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|error| SourceError::File {
            file: name.clone(),
            problem: format!("can't be opened: {error}; --orders needs the path of a CSV or NDJSON file"),
        })?;
        Self::read(
            &name,
            std::io::BufReader::with_capacity(1 << 16, file),
            &plan,
            &catalogue,
        )
    }

    /// The same from what the files hold; the names are for errors.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(
        orders_name: &str,
        orders: &[u8],
        mapping_name: &str,
        mapping_toml: &str,
        catalogue: &Catalogue,
    ) -> Result<Self, SourceError> {
        let plan = Plan::new(mapping_name, mapping_toml, catalogue)?;
        Self::read(orders_name, orders, &plan, catalogue)
    }

    /// What reading the file found.
    pub fn report(&self) -> &OrdersReport {
        &self.report
    }

    fn read(
        name: &str,
        input: impl BufRead,
        plan: &Plan,
        catalogue: &Catalogue,
    ) -> Result<Self, SourceError> {
        let mut grouping = Grouping::default();
        let mut lines = Lines::new(input);
        match plan.mapping.format {
            Format::Csv => read_csv(name, &mut lines, plan, &mut grouping)?,
            Format::Ndjson => read_ndjson(name, &mut lines, plan, &mut grouping)?,
        }
        let Read {
            orders,
            items,
            products,
            report,
        } = grouping.finish(plan, catalogue);
        let (Some(first), Some(last)) = (orders.first().copied(), orders.last().copied()) else {
            let why = report.unreadable.first().map_or_else(
                || "it has no rows".to_owned(),
                |(line, why)| format!("line {line}: {why}"),
            );
            return Err(SourceError::File {
                file: name.to_owned(),
                problem: format!("no order could be read from it with this mapping ({why})"),
            });
        };
        let report = totalled(name, &orders, &items, report)?;

        let first_local = plan
            .zone
            .timestamp_millis_opt(first.at_ms)
            .earliest()
            .map(|at| at.naive_local());
        let start_ms = first_local
            .and_then(|at| at.date().and_hms_opt(0, 0, 0))
            .and_then(|midnight| plan.zone.from_local_datetime(&midnight).earliest())
            // Some zones skip midnight when their clocks go forward.
            .map_or_else(
                || first.at_ms - first.at_ms.rem_euclid(3_600_000),
                |at| at.timestamp_millis(),
            );
        let end_ms = last.at_ms - last.at_ms.rem_euclid(60_000) + 60_000;
        let utc_offset_min = plan
            .zone
            .timestamp_millis_opt(first.at_ms)
            .earliest()
            .map_or(0, |at| at.offset().fix().local_minus_utc().div_euclid(60));

        let title = &plan.mapping.title;
        let hello = Hello {
            version: meridian_wire::frame::VERSION,
            server: String::new(),
            mode: Mode::Replay,
            synthetic: false,
            title: Names {
                en: format!("{} (city positions synthetic)", title.en),
                zh: format!("{}（城市位置为合成）", title.zh),
            },
            currency: plan.mapping.currency,
            gmv_counts: Kind::Order,
            speed: 1.0,
            catalogue: catalogue.hash().to_owned(),
            categories: plan
                .mapping
                .category
                .list
                .iter()
                .map(|entry| Names {
                    en: entry.en.clone(),
                    zh: entry.zh.clone(),
                })
                .collect(),
            day: Day {
                start_ms,
                end_ms,
                utc_offset_min,
            },
            comparisons: Vec::new(),
            milestones_minor: milestones(report.gmv_minor, plan.mapping.currency.minor_per_unit()),
            products,
            class: DataClass::Public,
            key: None,
            published_ms: None,
            k: None,
        };
        let notices = notices(&report, plan.mapping.currency);
        Ok(Self {
            hello,
            region_of_place: catalogue.region_of_place(),
            regions: catalogue.regions().len(),
            orders,
            items,
            next: 0,
            now_ms: start_ms,
            notices,
            report,
        })
    }
}

/// Adds up what the report says of orders and corrections.
fn totalled(
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

/// The mapping's name, for errors, and its text.
fn read_mapping(mapping: &str) -> Result<(String, String), SourceError> {
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
        problem: "is no text in UTF-8, which a mapping has to be".to_owned(),
    })?;
    Ok((name, text))
}

/// Names are compared in lower case, with plain apostrophes and single spaces.
fn normal(name: &str) -> String {
    let lower = name.to_lowercase().replace(['’', '`'], "'");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Plan {
    fn new(file: &str, text: &str, catalogue: &Catalogue) -> Result<Self, SourceError> {
        let wrong = |key: &str, problem: String| SourceError::File {
            file: file.to_owned(),
            problem: format!("{key}: {problem}"),
        };
        let mapping: Mapping = toml::from_str(text).map_err(|error| SourceError::File {
            file: file.to_owned(),
            problem: error.to_string().trim_end().to_owned(),
        })?;
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
                return Err(wrong("columns", problem.to_owned()));
            }
        }
        if let Some(column) = &mapping.category.column {
            wanted.push((Column::Category, "category.column", column.clone()));
        }
        if let Some(column) = &mapping.channel.column {
            wanted.push((Column::Channel, "channel.column", column.clone()));
        }
        let mut leave_out = HashSet::new();
        if let Some(product) = &mapping.product {
            wanted.push((Column::Product, "product.column", product.column.clone()));
            if let Some(column) = &product.name {
                wanted.push((Column::ProductName, "product.name", column.clone()));
            }
            if product.most == 0 || product.most > MAX_PRODUCTS {
                let problem = format!("{} of them; 1 to {MAX_PRODUCTS} are possible", product.most);
                return Err(wrong("product.most", problem));
            }
            for (index, number) in product.leave_out.iter().enumerate() {
                let id = slug(number).ok_or_else(|| {
                    let problem = format!("{number:?} has neither letters nor digits");
                    wrong(&format!("product.leave_out[{index}]"), problem)
                })?;
                leave_out.insert(id);
            }
        }
        for (_, key, name) in &wanted {
            if name.trim().is_empty() {
                return Err(wrong(key, "the name of a column is needed".to_owned()));
            }
        }
        if !mapping.delimiter.is_ascii() || matches!(mapping.delimiter, '"' | '\r' | '\n') {
            let problem = format!(
                "{:?} can't separate columns; \",\" \";\" \"|\" and \"\\t\" can",
                mapping.delimiter
            );
            return Err(wrong("delimiter", problem));
        }
        if !matches!(mapping.decimal, '.' | ',') {
            let problem = format!("{:?} is no decimal sign; it is \".\" or \",\"", mapping.decimal);
            return Err(wrong("decimal", problem));
        }
        for (key, value) in [("title.en", &mapping.title.en), ("title.zh", &mapping.title.zh)] {
            if value.trim().is_empty() {
                return Err(wrong(key, "a title is needed".to_owned()));
            }
        }
        let zone: Tz = mapping.time.zone.parse().map_err(|_| {
            let problem = format!(
                "{:?} is no time zone; an IANA name is needed, as in \"Europe/London\"",
                mapping.time.zone
            );
            wrong("time.zone", problem)
        })?;
        if !matches!(mapping.time.format.as_str(), "rfc3339" | "unix_s" | "unix_ms")
            && (!mapping.time.format.contains('%')
                || chrono::format::StrftimeItems::new(&mapping.time.format)
                    .any(|item| matches!(item, chrono::format::Item::Error)))
        {
            let problem = format!(
                "{:?} is no time format; a strftime pattern as in \"%Y-%m-%d %H:%M:%S\", or \"rfc3339\", \
                 \"unix_s\" or \"unix_ms\" is needed",
                mapping.time.format
            );
            return Err(wrong("time.format", problem));
        }
        if mapping.cancellation.order_id_prefix.as_deref() == Some("") {
            let problem = "an empty prefix would make every order a cancellation; leave the key out";
            return Err(wrong("cancellation.order_id_prefix", problem.to_owned()));
        }

        let mut countries = HashMap::new();
        for (number, region) in catalogue.regions().iter().enumerate() {
            let Ok(number) = u8::try_from(number) else { break };
            for name in [&region.name_en, &region.name_zh, &region.iso2, &region.iso3] {
                countries.insert(normal(name), number);
            }
        }
        let by_code = |key: String, code: &str| {
            catalogue.by_iso2(code).ok_or_else(|| {
                let problem = format!(
                    "{code:?} is no region's ISO 3166-1 alpha-2 code; two capital letters are needed, as in \"IE\""
                );
                wrong(&key, problem)
            })
        };
        let mut aliases: Vec<_> = mapping.country.aliases.iter().collect();
        aliases.sort();
        for (name, code) in aliases {
            let region = by_code(format!("country.aliases.{name:?}"), code)?;
            countries.insert(normal(name), region.0);
        }
        let ships_from = match &mapping.ships_from {
            Some(code) => Some(by_code("ships_from".to_owned(), code)?),
            None => None,
        };

        let list = &mapping.category.list;
        if list.is_empty() || list.len() > MAX_CATEGORIES {
            let problem = format!(
                "1 to {MAX_CATEGORIES} categories are possible, here are {}",
                list.len()
            );
            return Err(wrong("category.list", problem));
        }
        let mut words = Vec::new();
        let mut otherwise = None;
        for (index, entry) in list.iter().enumerate() {
            let number = index as u8;
            if entry.en.trim().is_empty() || entry.zh.trim().is_empty() {
                let problem = "\"en\" and \"zh\" need a name".to_owned();
                return Err(wrong(&format!("category.list[{index}]"), problem));
            }
            if list.iter().take(index).any(|earlier| earlier.en == entry.en) {
                let problem = format!("{:?} is there twice", entry.en);
                return Err(wrong(&format!("category.list[{index}].en"), problem));
            }
            if entry.en == mapping.category.otherwise {
                otherwise = Some(number);
            }
            for word in &entry.words {
                if word.trim().is_empty() {
                    let problem = "an empty word matches everything; leave it out".to_owned();
                    return Err(wrong(&format!("category.list[{index}].words"), problem));
                }
                words.push((normal(word), number));
            }
        }
        let Some(otherwise) = otherwise else {
            let problem = format!(
                "{:?} is no category of the list; the English name of one is needed",
                mapping.category.otherwise
            );
            return Err(wrong("category.otherwise", problem));
        };
        let channels = mapping
            .channel
            .values
            .iter()
            .map(|(value, channel)| (normal(value), *channel))
            .collect();
        if mapping.channel.column.is_none() && !mapping.channel.values.is_empty() {
            let problem = "values are named, but no \"column\" that holds them".to_owned();
            return Err(wrong("channel.values", problem));
        }
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

    fn decode(&self, bytes: &[u8], out: &mut String) -> Result<(), ()> {
        match self.mapping.encoding {
            Encoding::Utf8 => out.push_str(std::str::from_utf8(bytes).map_err(|_| ())?),
            Encoding::Latin1 => {
                out.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0);
            }
        }
        Ok(())
    }

    fn category_of(&self, cell: &str) -> u8 {
        let cell = normal(cell);
        let found = self
            .words
            .iter()
            .find(|(word, _)| match self.mapping.category.how {
                Match::Values => *word == cell,
                Match::Words => begins_a_word(&cell, word),
            });
        found.map_or(self.otherwise, |(_, category)| *category)
    }

    fn time_of(&self, cell: &str) -> Result<DateTime<Tz>, String> {
        let format = self.mapping.time.format.as_str();
        let cell = cell.trim();
        // The cell itself is never quoted: in a shifted row it may be anything.
        let unlike = || format!("time: not in the format {format:?}");
        let instant = |at: LocalResult<DateTime<Tz>>| at.earliest().ok_or_else(unlike);
        match format {
            "rfc3339" => DateTime::parse_from_rfc3339(cell)
                .map(|at| at.with_timezone(&self.zone))
                .map_err(|_| unlike()),
            "unix_s" => instant(self.zone.timestamp_opt(cell.parse().map_err(|_| unlike())?, 0)),
            "unix_ms" => instant(
                self.zone
                    .timestamp_millis_opt(cell.parse().map_err(|_| unlike())?),
            ),
            _ => {
                let local = NaiveDateTime::parse_from_str(cell, format)
                    .or_else(|_| {
                        NaiveDate::parse_from_str(cell, format)
                            .map(|day| day.and_time(chrono::NaiveTime::MIN))
                    })
                    .map_err(|_| unlike())?;
                // An hour that the clocks skip in spring is taken as the one after it, one that they
                // repeat in autumn as the first of the two.
                self.zone
                    .from_local_datetime(&local)
                    .earliest()
                    .or_else(|| {
                        let later = local.checked_add_signed(Duration::hours(1))?;
                        self.zone.from_local_datetime(&later).earliest()
                    })
                    .ok_or_else(unlike)
            }
        }
    }

    /// The row's value in billionths of a unit.
    fn value_of(&self, row: &Row) -> Result<i128, String> {
        let (amount_name, product) = match &self.mapping.columns.unit_price {
            Some(_) => ("unit price", true),
            None => ("amount", false),
        };
        let decimal_sign = self.mapping.decimal;
        let (mut mantissa, mut digits) =
            decimal(&row.amount, decimal_sign).ok_or_else(|| format!("{amount_name}: not a number"))?;
        if product {
            let (quantity, quantity_digits) =
                decimal(&row.quantity, decimal_sign).ok_or_else(|| "quantity: not a number".to_owned())?;
            mantissa *= quantity;
            digits += quantity_digits;
        }
        if mantissa < 0 && !self.mapping.cancellation.negative_quantity && !self.is_cancelled(row) {
            return Err("a value below zero, which the mapping doesn't take for a correction".to_owned());
        }
        if digits > SCALE_DIGITS {
            return Err(format!("more than {SCALE_DIGITS} digits after the decimal sign"));
        }
        // Beyond this no order could be told in minor units, and sums of sums might not fit either.
        mantissa
            .checked_mul(10_i128.pow(SCALE_DIGITS - digits))
            .filter(|value| value.abs() <= MAX_ROW_VALUE)
            .ok_or_else(|| "a value of more than 9 quintillion units".to_owned())
    }

    /// The row's product by its id, when it is one that can be followed.
    fn product_of(&self, row: &Row) -> Option<String> {
        self.mapping.product.as_ref()?;
        slug(&row.product).filter(|id| !self.leave_out.contains(id))
    }

    /// The row's pieces: whole ones, towards nothing; one where the mapping has no quantity.
    fn units_of(&self, row: &Row) -> i128 {
        if self.mapping.columns.quantity.is_none() {
            return 1;
        }
        decimal(&row.quantity, self.mapping.decimal)
            .map_or(0, |(digits, after)| digits / 10_i128.pow(after.min(30)))
    }

    fn is_cancelled(&self, row: &Row) -> bool {
        let prefix = self.mapping.cancellation.order_id_prefix.as_deref();
        prefix.is_some_and(|prefix| row.order_id.trim().starts_with(prefix))
    }
}

/// Whether `word` stands in `cell` where a word begins. Scripts without spaces match anywhere.
fn begins_a_word(cell: &str, word: &str) -> bool {
    let latin = word.starts_with(|first: char| first.is_ascii_alphanumeric());
    cell.match_indices(word).any(|(at, _)| {
        let before = cell.get(..at).and_then(|before| before.chars().next_back());
        !(latin && before.is_some_and(|before| before.is_ascii_alphanumeric()))
    })
}

/// A decimal number as (digits without the sign, how many of them stand after it). At most 15 digits.
fn decimal(cell: &str, decimal_sign: char) -> Option<(i128, u32)> {
    let cell = cell.trim();
    let (negative, body) = match cell.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, cell.strip_prefix('+').unwrap_or(cell)),
    };
    let grouping_sign = if decimal_sign == '.' { ',' } else { '.' };
    let (whole, fraction) = body.split_once(decimal_sign).unwrap_or((body, ""));
    let mut groups = whole.split(grouping_sign);
    let first = groups.next().unwrap_or("");
    let mut mantissa = 0_i128;
    let mut count = 0_u32;
    let mut eat = |digits: &str| {
        for digit in digits.bytes() {
            if !digit.is_ascii_digit() {
                return false;
            }
            mantissa = mantissa * 10 + i128::from(digit - b'0');
            count += u32::from(mantissa != 0);
            if count > 15 {
                return false;
            }
        }
        true
    };
    if !eat(first) {
        return None;
    }
    for group in groups {
        // "1,234" has groups of three; "1,5" is a decimal written the other way, not fifteen.
        if first.is_empty() || first.len() > 3 || group.len() != 3 || !eat(group) {
            return None;
        }
    }
    if !eat(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= 15)?;
    Some((if negative { -mantissa } else { mantissa }, digits))
}

/// Physical lines of a file, whatever ends them: LF, CRLF or CR alone.
struct Lines<R> {
    input: R,
    /// Lines given so far.
    number: u64,
    /// The line before ended with CR: an LF right after it belongs to it.
    after_cr: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            after_cr: false,
        }
    }

    /// Reads the next line without its end. `None` at the end of the file; `Some(false)` when the line is
    /// longer than [`MAX_LINE_BYTES`] and was cut there.
    fn next(&mut self, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
        line.clear();
        let mut any = false;
        let mut whole = true;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                if any {
                    self.number += 1;
                }
                return Ok(any.then_some(whole));
            }
            if self.after_cr {
                self.after_cr = false;
                if chunk.first() == Some(&b'\n') {
                    self.input.consume(1);
                    continue;
                }
            }
            any = true;
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let text = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            let room = MAX_LINE_BYTES.saturating_sub(line.len());
            whole &= text.len() <= room;
            line.extend_from_slice(text.get(..text.len().min(room)).unwrap_or_default());
            match end {
                Some(end) => {
                    self.after_cr = chunk.get(end) == Some(&b'\r');
                    self.input.consume(end + 1);
                    self.number += 1;
                    return Ok(Some(whole));
                }
                None => {
                    let read = chunk.len();
                    self.input.consume(read);
                }
            }
        }
    }
}

/// Where the fields of a CSV record stand, and whether a quoted one is still open at its end.
fn split(record: &[u8], delimiter: u8, fields: &mut Vec<(usize, usize)>) -> bool {
    fields.clear();
    let mut start = 0;
    let mut quoted = false;
    let mut at_start = true;
    // Letters after a closing quote: the quote that seemed to close belongs to another row.
    let mut broken = false;
    for (at, byte) in record.iter().enumerate() {
        if *byte == b'"' && (at_start || quoted) {
            // Inside, a doubled quote closes and opens again: the state after it is right.
            quoted = !quoted;
            at_start = false;
        } else if *byte == b'"'
            && record.get(at.wrapping_sub(1)) == Some(&b'"')
            && record.get(start) == Some(&b'"')
        {
            quoted = true;
        } else if *byte == delimiter && !quoted {
            fields.push((start, at));
            start = at + 1;
            at_start = true;
        } else {
            broken |= !quoted && !at_start && *byte != b' ' && record.get(start) == Some(&b'"');
            at_start = false;
        }
    }
    fields.push((start, record.len()));
    quoted || broken
}

/// A field without its quotes.
fn unquoted(field: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"") else {
        return field.into();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if !inner.contains(&b'"') {
        return inner.into();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(byte) = bytes.next() {
        out.push(*byte);
        if *byte == b'"' && bytes.peek() == Some(&&b'"') {
            bytes.next();
        }
    }
    out.into()
}

fn read_failed(name: &str, line: u64) -> impl Fn(std::io::Error) -> SourceError {
    move |error| SourceError::File {
        file: name.to_owned(),
        problem: format!("can't be read on after line {line}: {error}"),
    }
}

fn read_csv<R: BufRead>(
    name: &str,
    lines: &mut Lines<R>,
    plan: &Plan,
    grouping: &mut Grouping,
) -> Result<(), SourceError> {
    let delimiter = plan.mapping.delimiter as u8;
    let mut line = Vec::new();
    let mut fields = Vec::new();
    let wrong = |problem: String| SourceError::File {
        file: name.to_owned(),
        problem,
    };

    // The header.
    if lines.next(&mut line).map_err(read_failed(name, 0))?.is_none() {
        return Err(wrong(
            "it is empty; a header line with the columns' names is needed".to_owned(),
        ));
    }
    if let Some(rest) = line.strip_prefix(b"\xef\xbb\xbf") {
        line = rest.to_vec();
    }
    split(&line, delimiter, &mut fields);
    let mut header = Vec::new();
    for (start, end) in &fields {
        let mut cell = String::new();
        plan.decode(&unquoted(line.get(*start..*end).unwrap_or_default()), &mut cell)
            .map_err(|()| wrong("line 1 is no UTF-8; is the mapping's encoding \"latin-1\"?".to_owned()))?;
        header.push(cell.trim().to_owned());
    }
    let width = header.len();
    let mut columns = Vec::new();
    for (column, wanted) in &plan.wanted {
        let Some(index) = header.iter().position(|name| name == wanted.trim()) else {
            return Err(wrong(format!(
                "has no column {wanted:?}, which the mapping names; its columns are {}",
                header.join(", ")
            )));
        };
        columns.push((*column, index));
    }

    let mut row = Row::default();
    let mut pending: std::collections::VecDeque<(u64, bool, Vec<u8>)> = std::collections::VecDeque::new();
    let mut record = Vec::new();
    loop {
        // Lines that were read ahead for a quote that never closed come again, one by one.
        let (number, whole) = match pending.pop_front() {
            Some((number, whole, text)) => {
                record = text;
                (number, whole)
            }
            None => match lines.next(&mut record).map_err(read_failed(name, lines.number))? {
                Some(whole) => (lines.number, whole),
                None => break,
            },
        };
        if record.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        grouping.report.rows += 1;
        if !whole {
            grouping.unreadable(number, format!("longer than {MAX_LINE_BYTES} bytes"));
            continue;
        }
        let mut open = split(&record, delimiter, &mut fields);
        if open {
            let first_len = record.len();
            let mut ahead = Vec::new();
            let mut used = 0;
            while open && used < MAX_RECORD_LINES {
                let next = match pending.get(used) {
                    Some(next) => Some(next.clone()),
                    None => {
                        let mut text = Vec::new();
                        let whole = lines.next(&mut text).map_err(read_failed(name, lines.number))?;
                        whole.map(|whole| (lines.number, whole, text))
                    }
                };
                let Some(next) = next else { break };
                record.push(b'\n');
                record.extend_from_slice(&next.2);
                if pending.get(used).is_none() {
                    ahead.push(next);
                    pending.extend(ahead.drain(..));
                }
                used += 1;
                open = split(&record, delimiter, &mut fields);
            }
            if open {
                record.truncate(first_len);
                grouping.unreadable(number, "a quoted field that is never closed".to_owned());
                continue;
            }
            pending.drain(..used);
        }
        if fields.len() != width {
            grouping.unreadable(number, format!("{} of {width} columns", fields.len()));
            continue;
        }
        row.clear();
        let mut good = true;
        for (column, index) in &columns {
            let bytes = fields
                .get(*index)
                .and_then(|(start, end)| record.get(*start..*end))
                .unwrap_or_default();
            good &= plan.decode(&unquoted(bytes), row.slot(*column)).is_ok();
        }
        if good {
            grouping.add(number, &row, plan);
        } else {
            grouping.unreadable(number, "not UTF-8".to_owned());
        }
    }
    Ok(())
}

/// Reads the mapped keys of one JSON object into a [`Row`]; every other value is passed over.
struct RowSeed<'a> {
    row: &'a mut Row,
    wanted: &'a [(Column, String)],
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = u32;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = u32;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON object")
    }

    /// A bit for each wanted key that was there with a value.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u32, A::Error> {
        let mut seen = 0;
        while let Some(key) = map.next_key::<String>()? {
            let mut hits = self
                .wanted
                .iter()
                .enumerate()
                .filter(|(_, (_, name))| *name == key);
            let Some((first, (column, _))) = hits.next() else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: serde_json::Value = map.next_value()?;
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(flag) => flag.to_string(),
                _ => continue,
            };
            // One key may serve two columns.
            for (index, (column, _)) in hits {
                self.row.slot(*column).clone_from(&text);
                seen |= 1 << index;
            }
            *self.row.slot(*column) = text;
            seen |= 1 << first;
        }
        Ok(seen)
    }
}

fn read_ndjson<R: BufRead>(
    name: &str,
    lines: &mut Lines<R>,
    plan: &Plan,
    grouping: &mut Grouping,
) -> Result<(), SourceError> {
    let mut line = Vec::new();
    let mut row = Row::default();
    while let Some(whole) = lines.next(&mut line).map_err(read_failed(name, lines.number))? {
        let number = lines.number;
        let mut bytes = line.as_slice();
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        grouping.report.rows += 1;
        if !whole {
            grouping.unreadable(number, format!("longer than {MAX_LINE_BYTES} bytes"));
            continue;
        }
        let mut text = String::new();
        if plan.decode(bytes, &mut text).is_err() {
            grouping.unreadable(number, "not UTF-8".to_owned());
            continue;
        }
        row.clear();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let seed = RowSeed {
            row: &mut row,
            wanted: &plan.wanted,
        };
        // serde_json's own message may quote a value, so only the place in the line is told.
        let seen = seed
            .deserialize(&mut reader)
            .and_then(|seen| reader.end().map(|()| seen));
        match seen {
            Ok(seen) => {
                let missing = plan.wanted.iter().enumerate().find(|(index, (column, _))| {
                    seen & (1 << index) == 0
                        && !matches!(
                            column,
                            Column::Category | Column::Channel | Column::Product | Column::ProductName
                        )
                });
                match missing {
                    Some((_, (Column::Country, _))) | None => grouping.add(number, &row, plan),
                    Some((_, (_, key))) => grouping.unreadable(number, format!("no value for {key:?}")),
                }
            }
            Err(error) => {
                grouping.unreadable(number, format!("no JSON object, from column {}", error.column()));
            }
        }
    }
    Ok(())
}

/// An order while its rows are gathered.
struct Draft {
    at_ms: EventMs,
    /// Places the order among its region's cities; made from the order id, which is not kept.
    hash: u64,
    region: Option<u8>,
    unknown: Option<usize>,
    channel: Channel,
    cancelled: bool,
    value: i128,
    categories: Vec<(u8, i128)>,
    items: Vec<DraftItem>,
}

/// A product in an order while its rows are gathered.
#[derive(Clone, Copy)]
struct DraftItem {
    /// Its place in [`Grouping::products`].
    product: u32,
    value: i128,
    units: i128,
}

/// A product while the file is read.
struct DraftProduct {
    id: String,
    /// How many rows call it what.
    names: Vec<(String, u32)>,
    /// How much of its value is in which category.
    categories: Vec<(u8, i128)>,
}

/// What was read.
struct Read {
    orders: Vec<Order>,
    items: Vec<Item>,
    products: Vec<ProductInfo>,
    report: OrdersReport,
}

/// Rows to orders.
#[derive(Default)]
struct Grouping {
    drafts: Vec<Draft>,
    by_id: HashMap<(String, NaiveDate), usize>,
    unknown: Vec<String>,
    unknown_by_name: HashMap<String, usize>,
    products: Vec<DraftProduct>,
    product_by_id: HashMap<String, u32>,
    report: OrdersReport,
}

impl Grouping {
    fn unreadable(&mut self, line: u64, why: String) {
        self.report.unreadable_rows += 1;
        if self.report.unreadable.len() < LISTED {
            self.report.unreadable.push((line, why));
        }
    }

    fn add(&mut self, line: u64, row: &Row, plan: &Plan) {
        if let Err(why) = self.try_add(row, plan) {
            self.unreadable(line, why);
        }
    }

    fn try_add(&mut self, row: &Row, plan: &Plan) -> Result<(), String> {
        let id = row.order_id.trim();
        if id.is_empty() {
            return Err("no order id".to_owned());
        }
        let at = plan.time_of(&row.time)?;
        let value = plan.value_of(row)?;
        let category = plan.category_of(&row.category);
        let product = plan
            .product_of(row)
            .map(|id| self.product_index(id, &row.product_name, category, value));
        let units = plan.units_of(row);
        let channel = match plan.channels.get(&normal(&row.channel)) {
            Some(channel) => *channel,
            None => {
                self.report.unknown_channels += u64::from(plan.mapping.channel.column.is_some());
                plan.mapping.channel.default
            }
        };
        let key = (id.to_owned(), at.date_naive());
        let index = match self.by_id.get(&key) {
            Some(index) => *index,
            None => {
                let region = plan.countries.get(&normal(&row.country)).copied();
                let unknown = match region {
                    Some(_) => None,
                    None => Some(self.unknown_index(&row.country)),
                };
                self.drafts.push(Draft {
                    at_ms: at.timestamp_millis(),
                    hash: hash_of(id),
                    region,
                    unknown,
                    channel,
                    cancelled: plan.is_cancelled(row),
                    value: 0,
                    categories: Vec::new(),
                    items: Vec::new(),
                });
                self.by_id.insert(key, self.drafts.len() - 1);
                self.drafts.len() - 1
            }
        };
        if let Some(draft) = self.drafts.get_mut(index) {
            draft.at_ms = draft.at_ms.min(at.timestamp_millis());
            // 10²⁸ billionths a row at most: ten thousand million rows are within the bounds of i128.
            draft.value = draft.value.saturating_add(value);
            match draft
                .categories
                .iter_mut()
                .find(|(number, _)| *number == category)
            {
                Some((_, sum)) => *sum = sum.saturating_add(value),
                None => draft.categories.push((category, value)),
            }
            if let Some(product) = product {
                match draft.items.iter_mut().find(|item| item.product == product) {
                    Some(item) => {
                        item.value = item.value.saturating_add(value);
                        item.units = item.units.saturating_add(units);
                    }
                    None => draft.items.push(DraftItem {
                        product,
                        value,
                        units,
                    }),
                }
            }
        }
        Ok(())
    }

    /// The place of a product, and what this row says of it.
    fn product_index(&mut self, id: String, name: &str, category: u8, value: i128) -> u32 {
        let index = match self.product_by_id.get(&id) {
            Some(index) => *index,
            None => {
                let index = self.products.len() as u32;
                self.products.push(DraftProduct {
                    id: id.clone(),
                    names: Vec::new(),
                    categories: Vec::new(),
                });
                self.product_by_id.insert(id, index);
                index
            }
        };
        if let Some(product) = self.products.get_mut(index as usize) {
            let name: String = name
                .split(|letter: char| letter.is_whitespace() || letter.is_control())
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(MAX_NAME_LETTERS)
                .collect();
            let room = product.names.len() < MAX_NAMES && !name.is_empty();
            match product.names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, rows)) => *rows = rows.saturating_add(1),
                None if room => product.names.push((name, 1)),
                None => {}
            }
            match product
                .categories
                .iter_mut()
                .find(|(number, _)| *number == category)
            {
                Some((_, sum)) => *sum = sum.saturating_add(value),
                None => product.categories.push((category, value)),
            }
        }
        index
    }

    fn unknown_index(&mut self, country: &str) -> usize {
        let country = country.trim();
        // Names of countries hold no digits; what does is from a shifted row and may be an id.
        let shown = if country.is_empty() {
            "(empty)"
        } else if country.chars().count() > 60 || country.chars().any(|letter| letter.is_numeric()) {
            "(not a name)"
        } else {
            country
        };
        if let Some(index) = self.unknown_by_name.get(shown) {
            return *index;
        }
        self.unknown.push(shown.to_owned());
        self.unknown_by_name
            .insert(shown.to_owned(), self.unknown.len() - 1);
        self.unknown.len() - 1
    }

    fn finish(self, plan: &Plan, catalogue: &Catalogue) -> Read {
        let Self {
            drafts,
            unknown,
            products,
            mut report,
            ..
        } = self;
        let cumulative = cumulative_populations(catalogue);
        let per_minor = 10_i128.pow(SCALE_DIGITS.saturating_sub(u32::from(plan.mapping.currency.digits())));
        let mut unknown_counts = vec![0_u64; unknown.len()];
        let mut orders = Vec::with_capacity(drafts.len());
        let mut parts: Vec<Vec<DraftItem>> = Vec::new();
        for draft in drafts {
            let minor = rounded(draft.value, per_minor);
            let minor = if draft.cancelled { -minor.abs() } else { minor };
            let Ok(amount_minor) = i64::try_from(minor) else {
                report.unreadable_rows += 1;
                continue;
            };
            if amount_minor == 0 && (draft.cancelled || plan.mapping.zero_value == ZeroValue::LeaveOut) {
                report.without_value += 1;
                continue;
            }
            if let Some(count) = draft.unknown.and_then(|index| unknown_counts.get_mut(index)) {
                *count += 1;
            }
            let category = draft
                .categories
                .iter()
                .max_by_key(|(number, sum)| (sum.abs(), std::cmp::Reverse(*number)))
                .map_or(plan.otherwise, |(number, _)| *number);
            let place = draft
                .region
                .and_then(|region| place_of(catalogue, &cumulative, region, draft.hash))
                .unwrap_or(Batch::UNPLACED);
            let ships_from = match (plan.ships_from, draft.region) {
                (Some(from), Some(to)) if from.0 != to && amount_minor >= 0 => from.0,
                _ => Batch::DOMESTIC,
            };
            orders.push(Order {
                at_ms: draft.at_ms,
                amount_minor,
                place,
                category,
                channel: draft.channel.index(),
                ships_from,
                // Where its parts are, until they are in order.
                items_end: parts.len() as u32,
            });
            let mut items = draft.items;
            if draft.cancelled {
                // A cancellation takes off, however its rows are written.
                for item in &mut items {
                    item.value = -item.value.abs();
                    item.units = -item.units.abs();
                }
            }
            parts.push(items);
        }
        orders.sort_by_key(|order| order.at_ms);
        let (products, items) = follow(products, plan, per_minor, &mut orders, &parts);
        report.unknown_countries = unknown
            .into_iter()
            .zip(unknown_counts)
            .filter(|(_, count)| *count > 0)
            .collect();
        report.unknown_countries.sort();
        Read {
            orders,
            items,
            products,
            report,
        }
    }
}

/// Chooses the products of the greatest value, and puts their items into the orders' order. `parts` are the
/// orders' items, each order's where its `items_end` says; afterwards that is where its own end.
fn follow(
    products: Vec<DraftProduct>,
    plan: &Plan,
    per_minor: i128,
    orders: &mut [Order],
    parts: &[Vec<DraftItem>],
) -> (Vec<ProductInfo>, Vec<Item>) {
    let mut sums = vec![0_i128; products.len()];
    let of_order = |order: &Order| parts.get(order.items_end as usize).map_or(&[][..], Vec::as_slice);
    for item in orders.iter().flat_map(of_order) {
        if let Some(sum) = sums.get_mut(item.product as usize) {
            *sum = sum.saturating_add(item.value);
        }
    }
    let mut ranked: Vec<(i128, &DraftProduct, usize)> = products
        .iter()
        .zip(sums)
        .enumerate()
        .filter(|(_, (_, sum))| *sum > 0)
        .map(|(index, (product, sum))| (sum, product, index))
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    ranked.truncate(plan.mapping.product.as_ref().map_or(0, |product| product.most));
    let mut number_of = vec![None; products.len()];
    let mut out = Vec::with_capacity(ranked.len());
    for (number, (_, product, index)) in ranked.into_iter().enumerate() {
        if let Some(slot) = number_of.get_mut(index) {
            *slot = u16::try_from(number).ok();
        }
        let name = product
            .names
            .iter()
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
            .map_or_else(|| product.id.clone(), |(name, _)| name.clone());
        out.push(ProductInfo {
            id: product.id.clone(),
            names: Names {
                en: name.clone(),
                zh: name,
            },
            category: product
                .categories
                .iter()
                .max_by_key(|(number, sum)| (*sum, std::cmp::Reverse(*number)))
                .map_or(plan.otherwise, |(number, _)| *number),
        });
    }
    let mut items = Vec::new();
    for order in orders {
        for item in of_order(order) {
            let number = number_of.get(item.product as usize).copied().flatten();
            let amount = i64::try_from(rounded(item.value, per_minor));
            if let (Some(product), Ok(amount_minor)) = (number, amount) {
                let bound = i128::from(i32::MAX);
                items.push(Item {
                    product,
                    units: item.units.clamp(-bound, bound) as i32,
                    amount_minor,
                });
            }
        }
        order.items_end = items.len() as u32;
    }
    (out, items)
}

/// Division rounded to the nearest, halves away from zero.
fn rounded(value: i128, divisor: i128) -> i128 {
    let half = divisor / 2;
    if value < 0 {
        -((-value + half) / divisor)
    } else {
        (value + half) / divisor
    }
}

/// FNV-1a, then splitmix64's finaliser: the same on every machine and in every release.
fn hash_of(id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// For each place, the population of its region's places up to and with it.
fn cumulative_populations(catalogue: &Catalogue) -> Vec<u64> {
    let mut out = Vec::with_capacity(catalogue.places().len());
    let mut region = None;
    let mut sum = 0;
    for place in catalogue.places() {
        if region != Some(place.region) {
            region = Some(place.region);
            sum = 0;
        }
        sum += u64::from(place.population.max(1));
        out.push(sum);
    }
    out
}

/// A place of a region, large ones as often as they have people.
fn place_of(catalogue: &Catalogue, cumulative: &[u64], region: u8, hash: u64) -> Option<u16> {
    let places = catalogue.region(RegionId(region))?.places.clone();
    let sums = cumulative.get(usize::from(places.start)..usize::from(places.end))?;
    let total = *sums.last()?;
    let at = hash % total;
    let index = sums.partition_point(|sum| *sum <= at);
    u16::try_from(usize::from(places.start) + index).ok()
}

/// 1, 2, 5, 10, … whole units up to the total, its last three decades.
fn milestones(total_minor: i64, minor_per_unit: i64) -> Vec<i64> {
    let mut out = Vec::new();
    let mut decade = minor_per_unit.max(1);
    while decade <= total_minor {
        for step in [1, 2, 5] {
            if let Some(value) = decade.checked_mul(step)
                && value <= total_minor
                && value >= total_minor / 1_000
            {
                out.push(value);
            }
        }
        let Some(next) = decade.checked_mul(10) else { break };
        decade = next;
    }
    out
}

/// An amount for people: "£12,345.67".
fn amount(minor: i64, currency: Currency) -> String {
    let per_unit = currency.minor_per_unit();
    let units = (minor / per_unit).to_string();
    let mut grouped = String::new();
    for (index, digit) in units.chars().enumerate() {
        if index > 0 && (units.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let symbol = currency.symbol();
    let space = if symbol.len() == 3 && symbol.is_ascii() {
        " "
    } else {
        ""
    };
    match currency.digits() {
        0 => format!("{symbol}{space}{grouped}"),
        digits => format!(
            "{symbol}{space}{grouped}.{:0width$}",
            minor % per_unit,
            width = usize::from(digits)
        ),
    }
}

/// What people should know about the file. The gateway stamps the time.
fn notices(report: &OrdersReport, currency: Currency) -> Vec<Notice> {
    let mut out = Vec::new();
    let mut say = |level: Level, code: &str, en: String, zh: String| {
        out.push(Notice {
            level,
            code: code.to_owned(),
            text: Names { en, zh },
            published_ms: 0,
        });
    };
    say(
        Level::Info,
        "synthetic_places",
        "The order file names countries, not cities: lights stand at cities of the country drawn by \
         population. City positions are synthetic; everything else is the shop's own."
            .to_owned(),
        "订单文件只有国家、没有城市：光点按人口落在该国城市。城市位置为合成，其余均为店铺真实数据。"
            .to_owned(),
    );
    if report.corrections > 0 {
        let (count, sum) = (report.corrections, amount(report.corrected_minor, currency));
        say(
            Level::Info,
            "corrections",
            format!(
                "Cancelled orders in the file: {count}, {sum}, taken off the value as marked corrections"
            ),
            format!("文件中有 {count} 笔取消订单，共 {sum}，作为更正从成交额中扣除"),
        );
    }
    if report.without_value > 0 {
        let count = report.without_value;
        say(
            Level::Info,
            "without_value",
            format!("Entries without any value in the file: {count}, not counted as orders"),
            format!("文件中有 {count} 笔金额为零的记录，不计为订单"),
        );
    }
    if !report.unknown_countries.is_empty() {
        let total: u64 = report.unknown_countries.iter().map(|(_, count)| count).sum();
        let mut list: Vec<String> = report
            .unknown_countries
            .iter()
            .take(LISTED)
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        let more = report.unknown_countries.len().saturating_sub(LISTED);
        if more > 0 {
            list.push(format!("+{more}"));
        }
        let list = list.join(", ");
        say(
            Level::Warning,
            "unknown_country",
            format!(
                "Orders from countries that no region matches: {total}, counted in the totals, without a place: {list}"
            ),
            format!("有 {total} 笔订单的国家无法识别，计入总额但不落在地图上：{list}"),
        );
    }
    if report.unknown_channels > 0 {
        let count = report.unknown_channels;
        say(
            Level::Warning,
            "unknown_channel",
            format!("Rows whose channel the mapping doesn't name: {count}, counted under the default one"),
            format!("有 {count} 行的渠道未在映射中列出，计入默认渠道"),
        );
    }
    if report.unreadable_rows > 0 {
        let count = report.unreadable_rows;
        let mut list: Vec<String> = report
            .unreadable
            .iter()
            .map(|(line, why)| format!("line {line}: {why}"))
            .collect();
        let mut lines_zh: Vec<String> = report
            .unreadable
            .iter()
            .map(|(line, _)| line.to_string())
            .collect();
        let more = count.saturating_sub(report.unreadable.len() as u64);
        if more > 0 {
            list.push(format!("and {more} more"));
            lines_zh.push(format!("另有 {more} 行"));
        }
        say(
            Level::Warning,
            "unreadable_row",
            format!("Rows that can't be read, skipped: {count} ({})", list.join("; ")),
            format!("有 {count} 行无法读取，已跳过（行号：{}）", lines_zh.join("、")),
        );
    }
    out
}

impl Source for OrdersSource {
    fn hello(&self) -> Hello {
        self.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.next = self.orders.partition_point(|order| order.at_ms < to_ms);
        self.now_ms = to_ms;
        let before = self.orders.get(..self.next).unwrap_or_default();
        let mut opening = opening(before, &self.hello, &self.region_of_place, to_ms);
        opening.products = self.product_opening(before, to_ms);
        Ok(opening)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        out.notices.append(&mut self.notices);
        while let Some(first) = self.orders.get(self.next).copied()
            && first.at_ms < to_ms
        {
            // One batch a second that has any, so that rates and lights stand at their second.
            let second_ms = first.at_ms - first.at_ms.rem_euclid(1_000);
            let end_ms = (second_ms + 1_000).min(to_ms);
            let mut batch = Batch::new(Kind::Order, second_ms.max(self.now_ms), end_ms);
            let mut item = items_from(&self.orders, self.next);
            while let Some(order) = self.orders.get(self.next)
                && order.at_ms < end_ms
            {
                let row = batch.len() as u32;
                let ends = order.items_end as usize;
                for item in self.items.get(item..ends).unwrap_or(&[]) {
                    batch.items.push(row, item.product, item.units, item.amount_minor);
                }
                item = ends;
                batch.push(
                    order.place,
                    order.category,
                    order.channel,
                    order.amount_minor,
                    order.ships_from,
                );
                self.next += 1;
            }
            out.batches.push(batch);
        }
        self.now_ms = self.now_ms.max(to_ms);
        Ok(())
    }

    fn ended(&self) -> bool {
        self.next >= self.orders.len()
    }
}

/// Where the items of an order begin.
fn items_from(orders: &[Order], order: usize) -> usize {
    order
        .checked_sub(1)
        .and_then(|before| orders.get(before))
        .map_or(0, |before| before.items_end as usize)
}

impl OrdersSource {
    /// What the products in the orders before an instant add up to.
    fn product_opening(&self, orders: &[Order], at_ms: EventMs) -> ProductOpening {
        let (items, hello, region_of_place) = (&self.items, &self.hello, &self.region_of_place);
        let many = hello.products.len();
        if many == 0 {
            return ProductOpening::default();
        }
        let (start_ms, end_ms) = (hello.day.start_ms, hello.day.end_ms);
        let into_ms = at_ms.min(end_ms) - start_ms;
        let regions = self.regions;
        let step_ms = curve_step_ms(&hello.day);
        let second_ms = at_ms - at_ms.rem_euclid(1_000);
        let mut seconds = vec![vec![0_u32; many]; MEAN_SECONDS + 1];
        let mut curves: Vec<Vec<i64>> = vec![Vec::new(); many];
        let mut counts: HashMap<(u16, Option<u8>), ProductCounts> = HashMap::new();
        let mut gmv = vec![0_i64; many];
        let mut region_orders = vec![0_u64; regions];
        let mut marks = Vec::new();
        let last_minute = into_ms.div_euclid(MARK_MS);
        let mut next_minute = (last_minute - WINDOW_MINUTES as i64).max(0);
        let mark = |minute: i64,
                    region_orders: &[u64],
                    counts: &HashMap<(u16, Option<u8>), ProductCounts>|
         -> Mark {
            let mut products: Vec<(u32, u64)> = counts
                .iter()
                .filter_map(|((product, region), counts)| {
                    let at = usize::from(*product) * regions + usize::from((*region)?);
                    (counts.counts.orders > 0).then_some((at as u32, counts.counts.orders))
                })
                .collect();
            products.sort_unstable();
            Mark {
                minute: u32::try_from(minute).unwrap_or(u32::MAX),
                regions: region_orders.to_vec(),
                products,
                bunches: Vec::new(),
            }
        };
        let due = |at_ms: EventMs| usize::try_from((at_ms - start_ms).div_euclid(step_ms) + 1).unwrap_or(0);
        let mut from = 0;
        for order in orders {
            while next_minute <= last_minute && order.at_ms >= start_ms + next_minute * MARK_MS {
                marks.push(mark(next_minute, &region_orders, &counts));
                next_minute += 1;
            }
            let region = region_of_place.get(usize::from(order.place)).copied();
            if let Some(sum) = region.and_then(|region| region_orders.get_mut(usize::from(region))) {
                *sum += u64::from(order.amount_minor >= 0);
            }
            let to = order.items_end as usize;
            for item in items.get(from..to).unwrap_or(&[]) {
                let number = usize::from(item.product);
                let counted = order.amount_minor >= 0 && item.amount_minor >= 0;
                if let (Some(curve), Some(gmv)) = (curves.get_mut(number), gmv.get_mut(number)) {
                    // A point holds what came before it.
                    curve.resize(due(order.at_ms).max(curve.len()), *gmv);
                    *gmv = gmv.saturating_add(item.amount_minor);
                }
                *counts.entry((item.product, region)).or_default() += ProductCounts {
                    counts: Counts {
                        orders: u64::from(counted),
                        payments: 0,
                        gmv_minor: item.amount_minor,
                    },
                    units: i64::from(item.units),
                };
                let back = (second_ms - (order.at_ms - order.at_ms.rem_euclid(1_000))) / 1_000;
                let slot = usize::try_from(back)
                    .ok()
                    .and_then(|back| MEAN_SECONDS.checked_sub(back))
                    .and_then(|at| seconds.get_mut(at))
                    .and_then(|second| second.get_mut(number));
                if let (Some(slot), true) = (slot, counted) {
                    *slot = slot.saturating_add(1);
                }
            }
            from = to;
        }
        while next_minute <= last_minute {
            marks.push(mark(next_minute, &region_orders, &counts));
            next_minute += 1;
        }
        if into_ms >= 0 {
            for (curve, gmv) in curves.iter_mut().zip(gmv) {
                curve.resize(due(start_ms + into_ms).max(curve.len()), gmv);
            }
        }
        let mut cells: Vec<(u16, Option<u8>, ProductCounts)> = counts
            .into_iter()
            .map(|((product, region), counts)| (product, region, counts))
            .collect();
        cells.sort_by_key(|(product, region, _)| (*product, *region));
        ProductOpening {
            cells,
            seconds,
            marks,
            curves,
        }
    }
}

/// What the orders before an instant add up to.
fn opening(orders: &[Order], hello: &Hello, region_of_place: &[u8], to_ms: EventMs) -> Opening {
    let start_ms = hello.day.start_ms;
    let span_ms = hello.day.end_ms - start_ms;
    let step_ms = HISTORY_STEP_MS * (span_ms / (HISTORY_STEP_MS * MAX_POINTS) + 1);
    let region_step_ms = step_ms * REGION_STEPS;
    let to_ms = to_ms.min(hello.day.end_ms);
    let mut opening = Opening {
        history: History {
            step_ms,
            region_step_ms,
            ..History::default()
        },
        ..Opening::default()
    };
    let mut cells: HashMap<(u8, u8, u8), Counts> = HashMap::new();
    let mut regions: HashMap<u8, (i64, Vec<i64>)> = HashMap::new();
    let mut warm: HashMap<u16, f64> = HashMap::new();
    let mut milestones = hello.milestones_minor.iter().copied().peekable();
    let mut second = (i64::MIN, 0_u64);
    // A point at start + k × step holds what came before it.
    let due = |at_ms: EventMs, step_ms: i64| {
        usize::try_from((at_ms - start_ms).div_euclid(step_ms) + 1).unwrap_or(0)
    };
    for order in orders {
        let gmv = opening.totals.counts.gmv_minor;
        opening.history.gmv_minor.resize(due(order.at_ms, step_ms), gmv);
        let totals = &mut opening.totals;
        let is_order = order.amount_minor >= 0;
        let add = |counts: &mut Counts| {
            counts.orders += u64::from(is_order);
            counts.gmv_minor += order.amount_minor;
        };
        add(&mut totals.counts);
        if is_order {
            let second_ms = order.at_ms - order.at_ms.rem_euclid(1_000);
            second = if second.0 == second_ms {
                (second_ms, second.1 + 1)
            } else {
                (second_ms, 1)
            };
            if second.1 > opening.peak_orders.0 {
                opening.peak_orders = (second.1, second_ms);
            }
        } else {
            totals.corrections += 1;
            totals.corrected_minor -= order.amount_minor;
        }
        while let Some(gmv_minor) = milestones.next_if(|value| totals.counts.gmv_minor >= *value) {
            opening.reached.push(Reached {
                gmv_minor,
                at_ms: order.at_ms,
            });
        }
        match region_of_place.get(usize::from(order.place)) {
            None => add(&mut totals.unplaced),
            Some(region) => {
                add(cells.entry((order.channel, *region, order.category)).or_default());
                let (gmv, points) = regions.entry(*region).or_default();
                points.resize(due(order.at_ms, region_step_ms), *gmv);
                *gmv += order.amount_minor;
                if is_order {
                    let age_ms = (to_ms - order.at_ms) as f64;
                    *warm.entry(order.place).or_default() += (-age_ms / WARMTH_HALF_LIFE_MS).exp2();
                }
            }
        }
    }
    if to_ms >= start_ms {
        let gmv = opening.totals.counts.gmv_minor;
        opening.history.gmv_minor.resize(due(to_ms, step_ms), gmv);
    }
    let mut regions: Vec<_> = regions.into_iter().collect();
    regions.sort_by_key(|(region, _)| *region);
    for (region, (gmv, mut points)) in regions {
        points.resize(due(to_ms, region_step_ms), gmv);
        opening.history.regions.push(RegionHistory {
            region,
            gmv_minor: points,
        });
    }
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_by_key(|(key, _)| *key);
    for ((channel, region, category), counts) in cells {
        if let Some(channel) = Channel::from_index(channel) {
            let cell = Cell {
                region,
                category,
                counts,
            };
            opening.cells.push((channel, cell));
        }
    }
    let mut warm: Vec<_> = warm.into_iter().collect();
    warm.sort_by_key(|(place, _)| *place);
    for (place, heat) in warm {
        let level = (16.0 * heat.ln_1p() / std::f64::consts::LN_2)
            .round()
            .clamp(0.0, 255.0) as u8;
        if level > 0 {
            opening.warmth.place.push(place);
            opening.warmth.level.push(level);
        }
    }
    opening
}

#[cfg(test)]
mod tests;
