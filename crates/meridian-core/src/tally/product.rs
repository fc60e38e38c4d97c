//! Products: counts by product and region, orders in the last seconds, marks of the last minutes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{ProductCounts, TallyError};
use crate::sales::{Batch, EventMs, Kind};

/// Over how many full seconds a product's mean rate is taken.
pub const MEAN_SECONDS: usize = 10;
/// How many whole minutes are remembered: the longest window in which a trend is looked for.
pub const WINDOW_MINUTES: usize = 10;
/// Interval between marks, in milliseconds of event time.
pub const MARK_MS: i64 = 60_000;

const SECOND_MS: i64 = 1_000;

/// Counts by product and region. Partial ones of the same shape merge exactly.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct ProductTally {
    products: usize,
    regions: usize,
    /// product × (region, and after the last one what has no place).
    cells: Vec<ProductCounts>,
    /// By product, over all regions.
    totals: Vec<ProductCounts>,
    /// The sum of the absolute values of everything counted: bounds every other sum.
    volume_minor: i64,
}

impl ProductTally {
    pub(super) fn new(products: usize, regions: usize) -> Self {
        // Without products one is like another.
        let regions = if products == 0 { 0 } else { regions };
        Self {
            products,
            regions,
            cells: vec![ProductCounts::default(); products * (regions + 1)],
            totals: vec![ProductCounts::default(); products],
            volume_minor: 0,
        }
    }

    pub(super) fn products(&self) -> usize {
        self.products
    }

    /// The volume once a batch was counted that [`Shape`](super::Shape) let pass.
    pub(super) fn volume_after(&self, batch: &Batch, carries: bool) -> Result<i64, TallyError> {
        if self.products == 0 || !carries {
            return Ok(self.volume_minor);
        }
        let sum: u128 = batch
            .items
            .amount_minor
            .iter()
            .map(|amount| u128::from(amount.unsigned_abs()))
            .sum();
        i64::try_from(sum)
            .ok()
            .and_then(|sum| self.volume_minor.checked_add(sum))
            .ok_or(TallyError::TooLarge {
                what: "the products' value",
            })
    }

    /// Counts a batch's items; `volume_minor` is what [`volume_after`](Self::volume_after) gave.
    pub(super) fn add(&mut self, batch: &Batch, region_of_place: &[u8], carries: bool, volume_minor: i64) {
        if self.products == 0 {
            return;
        }
        self.volume_minor = volume_minor;
        let items = &batch.items;
        let columns = items
            .row
            .iter()
            .zip(&items.product)
            .zip(&items.units)
            .zip(&items.amount_minor);
        for (((row, product), units), amount) in columns {
            let Some(place) = batch.place.get(*row as usize) else {
                continue;
            };
            let whole = batch.amount_minor.get(*row as usize).copied().unwrap_or(0);
            // A correction is no order, and what came back of an order isn't one more.
            let counted = u64::from(whole >= 0 && *amount >= 0);
            let mut more = ProductCounts::default();
            match batch.kind {
                Kind::Order => more.counts.orders = counted,
                Kind::Payment => more.counts.payments = counted,
            }
            if carries {
                more.counts.gmv_minor = *amount;
                more.units = i64::from(*units);
            }
            let region = region_of_place
                .get(usize::from(*place))
                .map_or(self.regions, |region| usize::from(*region));
            let at = usize::from(*product) * (self.regions + 1) + region;
            if let (Some(cell), Some(total)) =
                (self.cells.get_mut(at), self.totals.get_mut(usize::from(*product)))
            {
                *cell += more;
                *total += more;
            }
        }
    }

    /// Whether what was read can have been counted with this number of regions.
    pub(super) fn check_read(&self, regions: usize) -> Result<(), String> {
        let most = usize::from(u16::MAX);
        let regions = if self.products == 0 { 0 } else { regions };
        if self.products > most || self.regions != regions {
            return Err(format!(
                "a tally has at most {most} products, in the regions that it has"
            ));
        }
        let cells = self.products * (regions + 1);
        if (self.cells.len(), self.totals.len()) != (cells, self.products) {
            return Err(format!(
                "a tally of {} products has {cells} cells of theirs, not {}, and a sum of each",
                self.products,
                self.cells.len()
            ));
        }
        for of in [&self.cells, &self.totals] {
            super::check_sums(of.iter().map(|cell| &cell.counts), self.volume_minor)?;
        }
        Ok(())
    }

    pub(super) fn same_shape(&self, other: &Self) -> bool {
        self.products == other.products
            && self.regions == other.regions
            && self.cells.len() == other.cells.len()
            && self.totals.len() == other.totals.len()
    }

    /// The volume of both.
    pub(super) fn volume_with(&self, other: &Self) -> Result<i64, TallyError> {
        self.volume_minor
            .checked_add(other.volume_minor)
            .ok_or(TallyError::TooLarge {
                what: "the products' value",
            })
    }

    pub(super) fn merge(&mut self, other: &Self, volume_minor: i64) {
        self.volume_minor = volume_minor;
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine += *theirs;
        }
        for (mine, theirs) in self.totals.iter_mut().zip(&other.totals) {
            *mine += *theirs;
        }
    }

    /// Takes over a product's counts in a region, or without one.
    pub(super) fn open(
        &mut self,
        product: u16,
        region: Option<u8>,
        counts: ProductCounts,
    ) -> Result<(), TallyError> {
        if usize::from(product) >= self.products {
            return Err(TallyError::Unknown {
                what: "product",
                number: u64::from(product),
                count: self.products,
            });
        }
        if let Some(region) = region
            && usize::from(region) >= self.regions
        {
            return Err(TallyError::Unknown {
                what: "region",
                number: u64::from(region),
                count: self.regions,
            });
        }
        self.volume_minor = counts
            .counts
            .gmv_minor
            .checked_abs()
            .and_then(|amount| self.volume_minor.checked_add(amount))
            .ok_or(TallyError::TooLarge {
                what: "the products' value",
            })?;
        let at = usize::from(product) * (self.regions + 1) + region.map_or(self.regions, usize::from);
        if let (Some(cell), Some(total)) = (self.cells.get_mut(at), self.totals.get_mut(usize::from(product)))
        {
            *cell += counts;
            *total += counts;
        }
        Ok(())
    }

    pub(super) fn product(&self, product: u16) -> ProductCounts {
        self.totals.get(usize::from(product)).copied().unwrap_or_default()
    }

    /// A product's counts by region.
    pub(super) fn regions_of(&self, product: u16) -> &[ProductCounts] {
        let from = usize::from(product) * (self.regions + 1);
        self.cells.get(from..from + self.regions).unwrap_or(&[])
    }
}

/// Orders of each product in the last full seconds of event time.
///
/// Unlike [`Meter`](super::Meter), a second that was joined in the middle counts what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductMeter {
    products: usize,
    /// By second, the newest last; at most [`MEAN_SECONDS`] + 1, and those of the lag.
    seconds: VecDeque<Vec<u32>>,
    /// Start of the newest second.
    newest_ms: EventMs,
    lag_secs: usize,
}

impl ProductMeter {
    /// A meter for this number of products that begins at an instant.
    pub fn new(products: usize, start_ms: EventMs) -> Self {
        Self::resume(products, start_ms, Vec::new())
    }

    /// A meter that takes over the orders of each product in the full seconds before an instant, the newest
    /// last, and after them those in its own second until then.
    pub fn resume(products: usize, at_ms: EventMs, seconds: Vec<Vec<u32>>) -> Self {
        let mut seconds: VecDeque<Vec<u32>> = seconds.into();
        for second in &mut seconds {
            second.resize(products, 0);
        }
        if seconds.is_empty() {
            seconds.push_back(vec![0; products]);
        }
        let mut it = Self {
            products,
            seconds,
            newest_ms: at_ms - at_ms.rem_euclid(SECOND_MS),
            lag_secs: 0,
        };
        it.trim();
        it
    }

    /// For orders that arrive late: a second closes that much later.
    #[must_use]
    pub fn with_lag(self, lag_ms: i64) -> Self {
        let lag_secs = usize::try_from(lag_ms.max(0) / SECOND_MS).unwrap_or(0);
        Self { lag_secs, ..self }
    }

    fn max_seconds(&self) -> usize {
        MEAN_SECONDS + 1 + self.lag_secs
    }

    fn trim(&mut self) {
        while self.seconds.len() > self.max_seconds() {
            self.seconds.pop_front();
        }
    }

    /// The time is `to_ms`.
    pub fn advance(&mut self, to_ms: EventMs) {
        let second_ms = to_ms - to_ms.rem_euclid(SECOND_MS);
        if second_ms <= self.newest_ms {
            return;
        }
        let more = (second_ms - self.newest_ms) / SECOND_MS;
        let most = self.max_seconds() as i64;
        if more >= most {
            self.seconds.clear();
        }
        for _ in 0..more.min(most) {
            self.seconds.push_back(vec![0; self.products]);
        }
        self.newest_ms = second_ms;
        self.trim();
    }

    /// Counts a batch's orders; one that spans several seconds is spread evenly over its span.
    pub fn add(&mut self, batch: &Batch) {
        if self.products == 0 || batch.kind != Kind::Order {
            return;
        }
        let items = &batch.items;
        let many = items.len().max(1) as i128;
        let span = i128::from((batch.to_ms - batch.from_ms).max(1));
        let columns = items.row.iter().zip(&items.product).zip(&items.amount_minor);
        for (index, ((row, product), amount)) in columns.enumerate() {
            let whole = batch.amount_minor.get(*row as usize).copied().unwrap_or(0);
            if whole < 0 || *amount < 0 {
                continue;
            }
            let at_ms = batch.from_ms + i64::try_from(index as i128 * span / many).unwrap_or(0);
            self.advance(at_ms);
            let second_ms = at_ms - at_ms.rem_euclid(SECOND_MS);
            let back = usize::try_from((self.newest_ms - second_ms) / SECOND_MS).unwrap_or(usize::MAX);
            let slot = self
                .seconds
                .len()
                .checked_sub(back.saturating_add(1))
                .and_then(|at| self.seconds.get_mut(at))
                .and_then(|second| second.get_mut(usize::from(*product)));
            if let Some(count) = slot {
                *count = count.saturating_add(1);
            }
        }
    }

    /// A product's orders in the last full second, and in the last [`MEAN_SECONDS`] full seconds.
    pub fn orders(&self, product: u16) -> (u64, u64) {
        let of = |second: &Vec<u32>| second.get(usize::from(product)).copied().unwrap_or(0);
        let full = self
            .seconds
            .iter()
            .rev()
            .skip(1 + self.lag_secs)
            .take(MEAN_SECONDS);
        let mut sum = 0;
        let mut last = None;
        for second in full {
            let count = u64::from(of(second));
            last = last.or(Some(count));
            sum += count;
        }
        (last.unwrap_or(0), sum)
    }
}

/// How many orders there had been at a whole minute of the day, by region and by product and region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// Whole minutes since the day's start.
    pub minute: u32,
    /// Orders by region.
    pub regions: Vec<u64>,
    /// Orders by product × number of regions + region: those that have any, in that order.
    pub products: Vec<(u32, u64)>,
    /// Beside `products`, how many of them may have come at another time than it seems, because they are told in groups; empty
    /// where all come as they happen.
    pub bunches: Vec<u64>,
}

/// The marks of the last minutes, one a minute, the newest last: at most [`WINDOW_MINUTES`] + 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Minutes {
    marks: VecDeque<Mark>,
}

impl Minutes {
    /// The marks of a source's own account, oldest first.
    pub fn open(marks: Vec<Mark>) -> Self {
        let mut it = Self::default();
        for mark in marks {
            it.push(mark);
        }
        it
    }

    /// Adds the mark of the next minute. One that isn't the next begins anew.
    pub fn push(&mut self, mark: Mark) {
        if self
            .newest()
            .is_some_and(|newest| newest.minute.checked_add(1) != Some(mark.minute))
        {
            self.marks.clear();
        }
        self.marks.push_back(mark);
        while self.marks.len() > WINDOW_MINUTES + 1 {
            self.marks.pop_front();
        }
    }

    /// The mark of the newest whole minute, if there is one.
    pub fn newest(&self) -> Option<&Mark> {
        self.marks.back()
    }

    /// The mark that number of minutes before the newest.
    pub fn before(&self, minutes: usize) -> Option<&Mark> {
        let at = self.marks.len().checked_sub(minutes.checked_add(1)?)?;
        self.marks.get(at)
    }
}
