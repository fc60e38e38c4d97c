//! Rates over the last second, ten seconds and minute, and the highest of them: in all, by region, category, channel and
//! product. Seconds of event time are kept until they are closed: then their peaks are taken, and they stay as long as a
//! window needs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Counts, Tally};
use crate::sales::columns::INSTANTS;
use crate::sales::{Batch, Channel, EventMs, Kind};

/// How long a second stays open after the newest one began, where nothing else is said, in seconds.
pub const GRACE_SECS: i64 = 60;
const SECOND_MS: i64 = 1_000;

/// Over how long a rate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// One second.
    Second,
    /// Ten seconds.
    TenSeconds,
    /// A minute.
    Minute,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::TenSeconds, Self::Minute];

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => 60,
        }
    }
}

/// What a rate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Of {
    /// Everything.
    Total,
    /// A region.
    Region(u8),
    /// A category.
    Category(u8),
    /// A channel.
    Channel(u8),
    /// A product.
    Product(u16),
}

/// Counts of some rows, in all and by each dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Margins {
    regions: usize,
    categories: usize,
    /// In all; then regions, categories, channels, products.
    cells: Vec<Counts>,
}

impl Margins {
    /// Nothing counted.
    pub fn new(regions: usize, categories: usize, products: usize) -> Self {
        Self {
            regions,
            categories,
            cells: vec![Counts::default(); 1 + regions + categories + Channel::COUNT + products],
        }
    }

    fn at(&self, of: Of) -> Option<usize> {
        let (regions, categories) = (self.regions, self.categories);
        let within =
            |number: usize, count: usize, before: usize| (number < count).then_some(1 + before + number);
        match of {
            Of::Total => Some(0),
            Of::Region(id) => within(id.into(), regions, 0),
            Of::Category(id) => within(id.into(), categories, regions),
            Of::Channel(id) => within(id.into(), Channel::COUNT, regions + categories),
            Of::Product(id) => within(id.into(), usize::MAX, regions + categories + Channel::COUNT),
        }
    }

    /// The counts of something; zero for what doesn't exist.
    pub fn of(&self, of: Of) -> Counts {
        self.at(of)
            .and_then(|at| self.cells.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// Adds the counts of one cell. A region beyond the last is what has no place.
    pub(super) fn put(&mut self, region: usize, category: usize, channel: usize, counts: Counts) {
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        for of in [
            Of::Total,
            Of::Region(number(region)),
            Of::Category(number(category)),
            Of::Channel(number(channel)),
        ] {
            self.add(of, counts);
        }
    }

    /// Adds what a region has, in all.
    pub(super) fn put_region(&mut self, region: usize, counts: Counts) {
        if let Some(total) = self.cells.first_mut() {
            *total += counts;
        }
        if region < self.regions
            && let Some(cell) = self.cells.get_mut(1 + region)
        {
            *cell += counts;
        }
    }

    /// Adds what a category has in a channel.
    pub(super) fn put_inner(&mut self, category: usize, channel: usize, counts: Counts) {
        let categories = 1 + self.regions;
        for at in [categories + category, categories + self.categories + channel] {
            if let Some(cell) = self.cells.get_mut(at) {
                *cell += counts;
            }
        }
    }

    fn add(&mut self, of: Of, counts: Counts) {
        if let Some(cell) = self.at(of).and_then(|at| self.cells.get_mut(at)) {
            *cell += counts;
        }
    }

    /// Those of a batch, counted as a tally counts it.
    pub fn of_batch(batch: &Batch, tally: &Tally) -> Self {
        let mut it = Self::new(tally.regions(), tally.categories(), tally.products());
        let carries = batch.kind == tally.gmv_counts();
        let counted = |amount: i64, is_good: bool| {
            let one = u64::from(is_good);
            Counts {
                orders: if batch.kind == Kind::Order { one } else { 0 },
                payments: if batch.kind == Kind::Payment { one } else { 0 },
                gmv_minor: if carries { amount } else { 0 },
            }
        };
        let rows = batch
            .place
            .iter()
            .zip(&batch.category)
            .zip(&batch.channel)
            .zip(&batch.amount_minor);
        for (((place, category), channel), amount) in rows {
            let region = tally
                .region_of_place
                .get(usize::from(*place))
                .map_or(usize::MAX, |region| usize::from(*region));
            let counts = counted(*amount, *amount >= 0);
            it.put(region, usize::from(*category), usize::from(*channel), counts);
        }
        let items = &batch.items;
        if tally.products() > 0 {
            for ((row, product), amount) in items.row.iter().zip(&items.product).zip(&items.amount_minor) {
                let whole = batch.amount_minor.get(*row as usize).copied().unwrap_or(0);
                it.add(
                    Of::Product(*product),
                    counted(*amount, whole >= 0 && *amount >= 0),
                );
            }
        }
        it
    }

    /// Whether the parts add up to the whole: every row has a category and a channel, and may have a region.
    fn check_read(&self) -> Result<(), String> {
        let whole = self.of(Of::Total);
        let mut from = 1;
        let mut part = |many: usize| {
            let cells = self.cells.get(from..from + many).unwrap_or(&[]);
            from += many;
            super::check_sums(cells.iter(), i64::MAX)?;
            let mut sum = Counts::default();
            for cell in cells {
                sum += *cell;
            }
            Ok::<_, String>(sum)
        };
        let regions = part(self.regions)?;
        let (categories, channels) = (part(self.categories)?, part(Channel::COUNT)?);
        if categories != whole
            || channels != whole
            || regions.orders > whole.orders
            || regions.payments > whole.payments
        {
            return Err("the parts of a second don't add up to it".to_owned());
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine += *theirs;
        }
    }

    fn take_off(&mut self, other: &Self) {
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.orders = mine.orders.saturating_sub(theirs.orders);
            mine.payments = mine.payments.saturating_sub(theirs.payments);
            mine.gmv_minor = mine.gmv_minor.saturating_sub(theirs.gmv_minor);
        }
    }
}

/// The highest counts of a window, and the second it ended with; of equals the earliest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Peak {
    /// The most orders in a window.
    pub orders: u64,
    /// Start of the window's last second.
    pub orders_at_ms: EventMs,
    /// The most payments in a window.
    pub payments: u64,
    /// Start of the window's last second.
    pub payments_at_ms: EventMs,
}

/// Rates and peaks. A second takes 24 bytes for each thing that is counted (7 KB for 235 regions, 60 categories) until it is
/// closed, and a minute longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Windows {
    regions: usize,
    categories: usize,
    products: usize,
    seconds: BTreeMap<EventMs, Margins>,
    /// Seconds before this one are closed: their windows were looked at for peaks, and nothing is added to them any more.
    closed_ms: Option<EventMs>,
    /// By window: peaks of everything that [`Margins`] counts.
    peaks: [Vec<Peak>; 3],
    /// What came too late for its second: it is in the totals alone.
    too_late: Counts,
}

impl Windows {
    /// Nothing counted.
    pub fn new(regions: usize, categories: usize, products: usize) -> Self {
        let many = 1 + regions + categories + Channel::COUNT + products;
        Self {
            regions,
            categories,
            products,
            seconds: BTreeMap::new(),
            closed_ms: None,
            peaks: std::array::from_fn(|_| vec![Peak::default(); many]),
            too_late: Counts::default(),
        }
    }

    /// Adds what was counted in a second, by its first instant. A second that is closed isn't added to: see
    /// [`too_late`](Self::too_late).
    pub fn add(&mut self, second_ms: EventMs, margins: &Margins) {
        if self.closed_ms.is_some_and(|closed_ms| second_ms < closed_ms) {
            self.too_late += margins.of(Of::Total);
            return;
        }
        let (regions, categories, products) = (self.regions, self.categories, self.products);
        self.seconds
            .entry(second_ms)
            .or_insert_with(|| Margins::new(regions, categories, products))
            .merge(margins);
    }

    /// The newest second that has anything.
    pub fn newest_ms(&self) -> Option<EventMs> {
        self.seconds.last_key_value().map(|(newest, _)| *newest)
    }

    /// Closes the seconds that lie so far behind the newest one, in seconds.
    pub fn close_behind(&mut self, grace_secs: i64) {
        if let Some(newest_ms) = self.newest_ms() {
            self.close(newest_ms.saturating_sub(grace_secs.saturating_mul(SECOND_MS)));
        }
    }

    /// Closes the seconds before an instant's: looks for peaks in the windows that end with them, and forgets what no window needs.
    pub fn close(&mut self, until_ms: EventMs) {
        let until_ms = until_ms.clamp(*INSTANTS.start(), *INSTANTS.end());
        let until_ms = until_ms - until_ms.rem_euclid(SECOND_MS);
        let first_ms = self
            .seconds
            .first_key_value()
            .map_or(until_ms, |(first, _)| *first);
        let mut at_ms = self.closed_ms.unwrap_or(first_ms).max(first_ms);
        if at_ms >= until_ms {
            return;
        }
        let mut peaks = std::mem::take(&mut self.peaks);
        for (window, peaks) in Window::ALL.into_iter().zip(&mut peaks) {
            self.look(window, at_ms, until_ms, peaks);
        }
        self.peaks = peaks;
        at_ms = until_ms;
        self.closed_ms = Some(at_ms);
        self.seconds = self.seconds.split_off(&(at_ms - 60 * SECOND_MS));
    }

    /// Looks at the windows that end with the seconds from one until another.
    fn look(&self, window: Window, from_ms: EventMs, until_ms: EventMs, peaks: &mut [Peak]) {
        let span_ms = window.seconds() * SECOND_MS;
        let mut sum = self.sum(from_ms - span_ms, from_ms);
        let mut at_ms = from_ms;
        while at_ms < until_ms {
            if let Some(new) = self.seconds.get(&at_ms) {
                sum.merge(new);
            }
            if let Some(old) = self.seconds.get(&(at_ms - span_ms)) {
                sum.take_off(old);
            }
            for (peak, counts) in peaks.iter_mut().zip(&sum.cells) {
                if counts.orders > peak.orders {
                    (peak.orders, peak.orders_at_ms) = (counts.orders, at_ms);
                }
                if counts.payments > peak.payments {
                    (peak.payments, peak.payments_at_ms) = (counts.payments, at_ms);
                }
            }
            // No second, no change: on to the next that there is, or that leaves the window.
            let next = self.seconds.range(at_ms + 1..).next().map(|(next, _)| *next);
            let leaves = self
                .seconds
                .range(at_ms - span_ms + 1..)
                .next()
                .map(|(old, _)| *old + span_ms);
            at_ms = [next, leaves]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(until_ms)
                .max(at_ms + SECOND_MS);
        }
    }

    fn sum(&self, from_ms: EventMs, until_ms: EventMs) -> Margins {
        let mut sum = Margins::new(self.regions, self.categories, self.products);
        for (_, margins) in self.seconds.range(from_ms..until_ms) {
            sum.merge(margins);
        }
        sum
    }

    /// What was counted in the window that ends at an instant: full seconds only.
    pub fn rate(&self, of: Of, window: Window, at_ms: EventMs) -> Counts {
        let until_ms = at_ms - at_ms.rem_euclid(SECOND_MS);
        let mut sum = Counts::default();
        for (_, margins) in self
            .seconds
            .range(until_ms - window.seconds() * SECOND_MS..until_ms)
        {
            sum += margins.of(of);
        }
        sum
    }

    /// The highest counts of a window so far, its newest seconds included.
    pub fn peak(&self, of: Of, window: Window) -> Peak {
        let shape = Margins::new(self.regions, self.categories, self.products);
        let number = Window::ALL.iter().position(|known| *known == window).unwrap_or(0);
        let mut peaks = self.peaks.get(number).cloned().unwrap_or_default();
        if let (Some((first, _)), Some((last, _))) =
            (self.seconds.first_key_value(), self.seconds.last_key_value())
        {
            let from_ms = self.closed_ms.unwrap_or(*first).max(*first);
            self.look(window, from_ms, *last + SECOND_MS, &mut peaks);
        }
        shape
            .at(of)
            .and_then(|at| peaks.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// What a second has, by its first instant; zero for one that is forgotten.
    #[cfg(test)]
    pub(super) fn second(&self, second_ms: EventMs) -> &Margins {
        &self.seconds[&second_ms]
    }

    /// How many seconds are kept.
    pub fn seconds(&self) -> usize {
        self.seconds.len()
    }

    /// What came too late for its second: it is in the totals alone.
    pub fn too_late(&self) -> Counts {
        self.too_late
    }

    /// Whether another counts the same things.
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        let shape = Margins::new(self.regions, self.categories, self.products);
        (other.regions, other.categories, other.products) == (self.regions, self.categories, self.products)
            && other.seconds.values().all(|margins| {
                margins.cells.len() == shape.cells.len()
                    && (margins.regions, margins.categories) == (shape.regions, shape.categories)
            })
    }

    /// Whether what was read can have been counted along with a tally.
    pub(super) fn check_read(&self, tally: &Tally) -> Result<(), String> {
        let shape = (tally.regions(), tally.categories(), tally.products());
        if (self.regions, self.categories, self.products) != shape {
            return Err("a tally and its seconds are of different shapes".to_owned());
        }
        // Totals may have come from elsewhere too; what closed seconds had is forgotten.
        let mut sum = self.too_late;
        for margins in self.seconds.values() {
            sum += margins.of(Of::Total);
        }
        let totals = tally.totals().counts;
        if sum.orders > totals.orders || sum.payments > totals.payments {
            return Err("there is more in the seconds than in all".to_owned());
        }
        Ok(())
    }

    /// Whether what was read can have been counted.
    fn check_self(&self) -> Result<(), String> {
        let most = (usize::from(u8::MAX), usize::from(u16::MAX));
        if self.regions > most.0 || self.categories > most.0 || self.products > most.1 {
            return Err(format!(
                "seconds have at most {} regions and categories, {} products",
                most.0, most.1
            ));
        }
        let many = Margins::new(self.regions, self.categories, self.products)
            .cells
            .len();
        if self.peaks.iter().any(|peaks| peaks.len() != many) || !self.same_shape(self) {
            return Err(format!("a second has {many} counts, and as many peaks"));
        }
        for at_ms in self.seconds.keys().chain(&self.closed_ms) {
            if !INSTANTS.contains(at_ms) || at_ms.rem_euclid(SECOND_MS) != 0 {
                return Err(format!(
                    "{at_ms} isn't the beginning of a second of the years 1 to 9999"
                ));
            }
        }
        if self.closed_ms.is_none() && (self.too_late != Counts::default() || self.has_peaks()) {
            return Err("nothing comes too late, and no peak is taken, before a second is closed".to_owned());
        }
        self.seconds.values().try_for_each(Margins::check_read)
    }

    fn has_peaks(&self) -> bool {
        self.peaks.iter().flatten().any(|peak| *peak != Peak::default())
    }

    /// Whether any second was closed.
    pub fn has_closed(&self) -> bool {
        self.closed_ms.is_some()
    }

    /// Adds what another has counted, which has closed none of its seconds. Exact, whatever was added to which and when: a second
    /// that is closed here alone isn't added to, and counted as too late.
    pub(super) fn merge(&mut self, other: &Self) {
        self.too_late += other.too_late;
        for (second_ms, margins) in &other.seconds {
            self.add(*second_ms, margins);
        }
    }
}

read_checked!(Windows, check_self);
