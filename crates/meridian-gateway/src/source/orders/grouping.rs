//! From rows to orders: the rows of one order id on one local day are one order.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use super::cells::{SCALE_DIGITS, normal};
use super::followed::{DraftItem, DraftProduct, follow, rounded};
use super::mapping::ZeroValue;
use super::order::{Item, Order};
use super::places::{Places, hash_of};
use super::plan::Plan;
use super::report::{MAX_LISTED, OrdersReport};
use super::row::Row;
use meridian_core::sales::{Batch, Catalogue, Channel, EventMs};
use meridian_wire::ProductInfo;

/// The longest name of a product, in letters; longer ones are cut.
const MAX_NAME_LETTERS: usize = 80;
/// The most names of one product that are compared.
const MAX_NAMES: usize = 32;

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
/// The orders and products of a file.
pub(super) struct Read {
    pub orders: Vec<Order>,
    pub items: Vec<Item>,
    pub products: Vec<ProductInfo>,
    pub report: OrdersReport,
}

/// Groups rows into orders.
#[derive(Default)]
pub(super) struct Grouping {
    drafts: Vec<Draft>,
    by_id: HashMap<(String, NaiveDate), usize>,
    unknown: Vec<String>,
    unknown_by_name: HashMap<String, usize>,
    products: Vec<DraftProduct>,
    product_by_id: HashMap<String, u32>,
    pub report: OrdersReport,
}

impl Grouping {
    pub(super) fn unreadable(&mut self, line: u64, why: String) {
        self.report.unreadable_rows += 1;
        if self.report.unreadable.len() < MAX_LISTED {
            self.report.unreadable.push((line, why));
        }
    }

    pub(super) fn add(&mut self, line: u64, row: &Row, plan: &Plan) {
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
        let index = self.draft_of(id, at, channel, row, plan);
        if let Some(draft) = self.drafts.get_mut(index) {
            draft.at_ms = draft.at_ms.min(at.timestamp_millis());
            // 10²⁸ billionths a row at most: ten thousand million rows are within the bounds of i128.
            draft.value = draft.value.saturating_add(value);
            add_to(&mut draft.categories, category, value);
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

    /// The place of the order that a row belongs to, begun with it if there is none.
    fn draft_of(&mut self, id: &str, at: DateTime<Tz>, channel: Channel, row: &Row, plan: &Plan) -> usize {
        let key = (id.to_owned(), at.date_naive());
        if let Some(index) = self.by_id.get(&key) {
            return *index;
        }
        let region = plan.countries.get(&normal(&row.country)).copied();
        let unknown = match region {
            Some(_) => None,
            None => Some(self.unknown_index(&row.country)),
        };
        let index = self.drafts.len();
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
        self.by_id.insert(key, index);
        index
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
            add_to(&mut product.categories, category, value);
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

    pub(super) fn finish(self, plan: &Plan, catalogue: &Catalogue) -> Read {
        let Self {
            drafts,
            unknown,
            products,
            mut report,
            ..
        } = self;
        let places = Places::new(catalogue);
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
                .and_then(|region| places.draw(region, draft.hash))
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

/// Adds a value to a category's.
fn add_to(categories: &mut Vec<(u8, i128)>, category: u8, value: i128) {
    match categories.iter_mut().find(|(number, _)| *number == category) {
        Some((_, sum)) => *sum = sum.saturating_add(value),
        None => categories.push((category, value)),
    }
}
