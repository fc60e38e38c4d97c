//! A model as a source: what had happened at an instant, and the batches after it.

use std::sync::Arc;

use super::build::build;
use super::file::DayFile;
use super::model::Model;
use super::rows::interleave;
use super::value::Lane;
use crate::source::{Opening, Pulled, Restricted, Source, SourceError};
use meridian_core::sales::{Batch, Catalogue, EventMs, Kind};
use meridian_wire::{Hello, Reached, Totals};

/// Batches of a pull end at whole multiples of this.
const TICK_MS: i64 = 100;
/// The multiple for a pull of more than [`LONG_PULL_MS`].
const LONG_TICK_MS: i64 = 1_000;
const LONG_PULL_MS: i64 = 20_000;

/// A generated day as a source. See the [module](super).
pub struct ScenarioSource {
    pub(super) model: Arc<Model>,
    pub(super) now_ms: EventMs,
    pub(super) payments: Vec<Lane>,
    pub(super) orders: Vec<Lane>,
    /// Points of the history found so far.
    pub(super) history: Vec<i64>,
    pub(super) region_history: Vec<Vec<i64>>,
    /// When each milestone is passed, as far as found.
    pub(super) reached: Vec<Option<EventMs>>,
    /// By product: points of its curve found so far.
    pub(super) product_curves: Vec<Vec<i64>>,
}

struct Refusal<'a>(&'a str);

impl Refusal<'_> {
    fn because(&self, problem: impl Into<String>) -> SourceError {
        SourceError::File {
            file: self.0.to_owned(),
            problem: problem.into(),
        }
    }
}

impl ScenarioSource {
    /// A day from the text of its file; `file_name` is for errors.
    ///
    /// # Errors
    /// [`SourceError::File`] naming the file, the key and what would be right.
    pub fn from_toml(file_name: &str, text: &str, catalogue: Arc<Catalogue>) -> Result<Self, SourceError> {
        let refusal = Refusal(file_name);
        let file: DayFile = toml::from_str(text).map_err(|error| refusal.because(error.to_string()))?;
        let model = build(&file, catalogue).map_err(|problem| refusal.because(problem))?;
        let cells = model.cells.len();
        let milestones = model.hello.milestones_minor.len();
        let regions = model.catalogue.regions().len();
        let products = model.products.list.len();
        Ok(Self {
            now_ms: model.start_ms,
            model: Arc::new(model),
            payments: vec![Lane::default(); cells],
            orders: vec![Lane::default(); cells],
            history: Vec::new(),
            region_history: vec![Vec::new(); regions],
            reached: vec![None; milestones],
            product_curves: vec![Vec::new(); products],
        })
    }

    /// A day by the name of its file: as a path if there is one, or among the user's and the shipped
    /// scenarios (`double11-2016`).
    ///
    /// # Errors
    /// [`SourceError::File`] when there is no such file, or what it says is wrong.
    pub fn load(name: &str, catalogue: Arc<Catalogue>) -> Result<Self, SourceError> {
        let refusal = Refusal(name);
        let path = std::path::Path::new(name);
        if path.is_file() {
            let text = std::fs::read_to_string(path).map_err(|error| refusal.because(error.to_string()))?;
            return Self::from_toml(name, &text, catalogue);
        }
        let inner = if name.ends_with(".toml") {
            name.to_owned()
        } else {
            format!("{name}.toml")
        };
        let inner = if inner.starts_with("config/") {
            inner
        } else {
            format!("config/{inner}")
        };
        let bytes = meridian_core::files::read(&inner).map_err(|error| match error {
            meridian_core::files::FileError::Missing { .. } => {
                let shipped: Vec<String> = meridian_core::files::shipped("config/")
                    .iter()
                    .filter_map(|path| path.strip_prefix("config/")?.strip_suffix(".toml"))
                    .filter(|name| !name.contains('/'))
                    .map(str::to_owned)
                    .collect();
                refusal.because(format!("{error}; the shipped days are {}", shipped.join(", ")))
            }
            _ => refusal.because(error.to_string()),
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| refusal.because(error.to_string()))?;
        Self::from_toml(&inner, text, catalogue)
    }

    /// Where the source stands.
    pub fn now_ms(&self) -> EventMs {
        self.now_ms
    }
}

impl Source for ScenarioSource {
    fn hello(&self) -> Hello {
        self.model.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        let model = Arc::clone(&self.model);
        self.now_ms = to_ms;
        let (payments, orders) = (&mut self.payments, &mut self.orders);
        model.counts_at(to_ms, |index, payment_count, order_count| {
            if let (Some(payment), Some(order)) = (payments.get_mut(index), orders.get_mut(index)) {
                payment.count = payment_count;
                payment.known = false;
                order.count = order_count;
                order.known = false;
            }
        });
        let cells = self.cells_at(to_ms);
        let mut totals = Totals::default();
        for (_, cell) in &cells {
            totals.counts += cell.counts;
        }
        for (milestone, reached) in model.hello.milestones_minor.iter().zip(&mut self.reached) {
            if *milestone <= totals.counts.gmv_minor && reached.is_none() {
                *reached = model.passes(*milestone);
            }
        }
        let reached = model
            .hello
            .milestones_minor
            .iter()
            .zip(&self.reached)
            .filter_map(|(milestone, at_ms)| {
                Some(Reached {
                    gmv_minor: *milestone,
                    at_ms: (*at_ms)?,
                })
            })
            .filter(|reached| reached.at_ms <= to_ms)
            .collect();
        let [peak_payments, peak_orders] = model.peaks_before(to_ms);
        Ok(Opening {
            cells,
            totals,
            history: self.history_until(to_ms),
            reached,
            warmth: model.warmth_at(to_ms),
            peak_orders,
            peak_payments,
            products: self.products_until(to_ms),
        })
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        let model = Arc::clone(&self.model);
        let until_ms = to_ms.min(model.end_ms);
        self.now_ms = self.now_ms.max(to_ms.min(model.start_ms));
        let tick_ms = if until_ms - self.now_ms > LONG_PULL_MS {
            LONG_TICK_MS
        } else {
            TICK_MS
        };
        while self.now_ms < until_ms {
            let from_ms = self.now_ms;
            let next_ms = (from_ms - from_ms.rem_euclid(tick_ms) + tick_ms).min(until_ms);
            let (near, _, _) = model.curve_at(next_ms);
            let mut orders_made = Batch::new(Kind::Order, from_ms, next_ms);
            let mut payments_made = Batch::new(Kind::Payment, from_ms, next_ms);
            let (payments, orders) = (&mut self.payments, &mut self.orders);
            model.counts_at(next_ms, |index, payment_count, order_count| {
                if let (Some(payment), Some(order)) = (payments.get_mut(index), orders.get_mut(index)) {
                    if payment_count > payment.count {
                        model.append(
                            Kind::Payment,
                            index,
                            payment_count,
                            near,
                            payment,
                            &mut payments_made,
                        );
                    }
                    if order_count > order.count {
                        model.append(Kind::Order, index, order_count, near, order, &mut orders_made);
                    }
                }
            });
            for mut batch in [orders_made, payments_made] {
                if !batch.is_empty() {
                    interleave(&mut batch);
                    out.batches.push(Restricted::new(batch));
                }
            }
            self.now_ms = next_ms;
        }
        self.now_ms = self.now_ms.max(to_ms);
        Ok(())
    }

    fn ahead(&self, to_ms: EventMs) -> u64 {
        let (payments, orders) = self.model.count_total_at(to_ms);
        let (payments_now, orders_now) = self.model.count_total_at(self.now_ms);
        (payments + orders).saturating_sub(payments_now + orders_now)
    }

    fn counted(&self, to_ms: EventMs) -> Option<(u64, u64)> {
        let (payments, orders) = self.model.count_total_at(to_ms);
        Some((orders, payments))
    }

    fn ended(&self) -> bool {
        self.now_ms >= self.model.end_ms
    }
}
