//! A real shop's order file as a source: CSV or NDJSON, read once, played in event time.
//!
//! What leaves this reader is what a [`Batch`] can hold, and the catalogue of the products that the mapping
//! names: their own numbers and names, never who bought them. Customer ids and order ids don't leave it: a
//! row is read into a `Row`, which has no room for any column that the mapping doesn't name, and order ids
//! and descriptions are dropped as soon as rows are grouped into orders.
//!
//! The rows of one order id on one local day are one order; its value is their sum and its category the one
//! that most of the value is in. Its rows of one product are one item. Amounts are added as whole billionths
//! of a unit, so no float touches money.
//!
//! The way of a row: `mapping` and `plan` say what it means, `lines`, `csv` and `ndjson` read it, `grouping`
//! makes orders of rows; `opening` adds up the orders before an instant.

mod cells;
mod csv;
mod followed;
mod grouping;
mod lines;
mod mapping;
mod ndjson;
mod notices;
mod opening;
mod order;
mod places;
mod plan;
mod product_opening;
mod report;
mod row;
#[cfg(test)]
mod tests;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use chrono::{Offset, TimeZone};

use self::grouping::{Grouping, Read};
use self::lines::Lines;
use self::mapping::{Format, Mapping, read_mapping};
use self::notices::notices;
use self::opening::opening;
use self::order::{Item, Order, items_from};
use self::plan::Plan;
use self::product_opening::product_opening;
use self::report::totalled;
use crate::source::{Opening, Pulled, Restricted, Source, SourceError};
use meridian_core::sales::{Batch, Catalogue, EventMs, Kind};
use meridian_wire::notice::with_synthetic_places;
use meridian_wire::{DataClass, Day, Hello, Mode, Names, NoticeKind, ProductInfo};

pub use self::report::OrdersReport;

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
    notices: Vec<NoticeKind>,
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
            Format::Csv => csv::read(name, &mut lines, plan, &mut grouping)?,
            Format::Ndjson => ndjson::read(name, &mut lines, plan, &mut grouping)?,
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
        let day = day_of(plan, first.at_ms, last.at_ms);
        Ok(Self {
            hello: hello_of(plan, catalogue, day, report.gmv_minor, products),
            region_of_place: catalogue.region_of_place(),
            regions: catalogue.regions().len(),
            orders,
            items,
            next: 0,
            now_ms: day.start_ms,
            notices: notices(&report, plan.mapping.currency),
            report,
        })
    }
}

/// From midnight before the first order to the end of the last one's minute.
fn day_of(plan: &Plan, first_ms: EventMs, last_ms: EventMs) -> Day {
    let first = plan.zone.timestamp_millis_opt(first_ms).earliest();
    let start_ms = first
        .map(|at| at.naive_local())
        .and_then(|at| at.date().and_hms_opt(0, 0, 0))
        .and_then(|midnight| plan.zone.from_local_datetime(&midnight).earliest())
        // Some zones skip midnight when their clocks go forward.
        .map_or_else(
            || first_ms - first_ms.rem_euclid(3_600_000),
            |at| at.timestamp_millis(),
        );
    Day {
        start_ms,
        end_ms: last_ms - last_ms.rem_euclid(60_000) + 60_000,
        utc_offset_min: first.map_or(0, |at| at.offset().fix().local_minus_utc().div_euclid(60)),
    }
}

fn hello_of(
    plan: &Plan,
    catalogue: &Catalogue,
    day: Day,
    gmv_minor: i64,
    products: Vec<ProductInfo>,
) -> Hello {
    let Mapping {
        title,
        currency,
        category,
        ..
    } = &plan.mapping;
    let categories = category.list.iter().map(|entry| Names {
        en: entry.en.clone(),
        zh: entry.zh.clone(),
    });
    Hello {
        version: meridian_wire::frame::VERSION,
        server: String::new(),
        mode: Mode::Replay,
        synthetic: false,
        title: with_synthetic_places(&Names {
            en: title.en.clone(),
            zh: title.zh.clone(),
        }),
        currency: *currency,
        gmv_counts: Kind::Order,
        speed: 1.0,
        catalogue: catalogue.hash().to_owned(),
        categories: categories.collect(),
        day,
        comparisons: Vec::new(),
        milestones_minor: milestones(gmv_minor, currency.minor_per_unit()),
        products,
        class: DataClass::Public,
        key: None,
        published_ms: None,
        k: None,
    }
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

impl Source for OrdersSource {
    fn hello(&self) -> Hello {
        self.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.next = self.orders.partition_point(|order| order.at_ms < to_ms);
        self.now_ms = to_ms;
        let before = self.orders.get(..self.next).unwrap_or_default();
        let mut opening = opening(before, &self.hello, &self.region_of_place, to_ms);
        opening.products = product_opening(
            before,
            &self.items,
            &self.hello,
            &self.region_of_place,
            self.regions,
            to_ms,
        );
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
            out.batches.push(Restricted::new(batch));
        }
        self.now_ms = self.now_ms.max(to_ms);
        Ok(())
    }

    fn ended(&self) -> bool {
        self.next >= self.orders.len()
    }
}
