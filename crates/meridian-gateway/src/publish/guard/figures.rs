//! Released figures: totals, parts, rates and peaks.

use std::collections::VecDeque;

use super::split::Sum;
use super::worth::{Odometer, Tell, Worth};
use super::{Column, Public, Shape};
use crate::publish::figures::Figures;
use meridian_core::sales::{Channel, EventMs, Kind};
use meridian_core::tally::Mark;
use meridian_wire::{Counts, ProductCounts, Rates, Totals};

/// So much of what was released is kept for rates: the longest lag of a live day, as long as a rate is taken over, and as long again
/// as releases may overlap.
const KEPT_MS: i64 = 30_000;
/// A rate is one second's where numbers are told so often that one of them is less than this part of it.
const FINE: i64 = 20;
/// Otherwise a rate is taken over this long.
const COARSE_MS: i64 = 10_000;

/// Over what time something is spread that was released.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from_ms: EventMs,
    pub(super) until_ms: EventMs,
    /// How far apart the numbers are that can be told: a sum lags by at most this much.
    pub(super) grain: u64,
}

/// What was released over time, spread evenly over the spans that it covers.
#[derive(Default)]
pub(super) struct Pace {
    spans: VecDeque<(Span, i64)>,
}

impl Pace {
    pub(super) fn add(&mut self, mut span: Span, count: i64, now_ms: EventMs) {
        span.until_ms = span.until_ms.max(span.from_ms + 1);
        self.spans.push_back((span, count));
        while self.spans.len() > 1
            && self
                .spans
                .front()
                .is_some_and(|(span, _)| span.until_ms < now_ms - KEPT_MS)
        {
            self.spans.pop_front();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.spans.clear();
    }

    /// What falls into a span; where nothing is known yet, as much as last time for as long again.
    pub(super) fn within(&self, from_ms: EventMs, to_ms: EventMs) -> i64 {
        let mut sum = 0_i128;
        for (span, count) in &self.spans {
            let (start_ms, end_ms) = (span.from_ms, span.until_ms);
            let (a, b) = (from_ms.max(start_ms), to_ms.min(end_ms));
            if a < b {
                let part = |until: i64| {
                    i128::from(*count) * i128::from(until - start_ms) / i128::from(end_ms - start_ms)
                };
                sum += part(b) - part(a);
            }
        }
        if let Some((span, count)) = self.spans.back() {
            let known_ms = from_ms.max(span.until_ms);
            let span_ms = span.until_ms - span.from_ms;
            if to_ms > known_ms && to_ms - span.until_ms <= span_ms {
                sum += i128::from(*count) * i128::from(to_ms - known_ms) / i128::from(span_ms);
            }
        }
        i64::try_from(sum).unwrap_or(i64::MAX)
    }

    /// How long before an instant a rate is taken over, so that the numbers' distance doesn't show in it.
    fn over_ms(&self, to_ms: EventMs) -> i64 {
        let from_ms = to_ms - 1_000;
        let near = |span: &Span| span.from_ms < to_ms && span.until_ms > from_ms;
        let spans = self.spans.iter().filter(|(span, _)| near(span));
        let grain = spans.map(|(span, _)| span.grain).max().unwrap_or(0);
        if i64::try_from(grain).unwrap_or(i64::MAX).saturating_mul(FINE) <= self.within(from_ms, to_ms) {
            1_000
        } else {
            COARSE_MS
        }
    }

    /// How much there was in a second, taken over so long.
    fn per_s(&self, to_ms: EventMs, over_ms: i64) -> i64 {
        self.within(to_ms - over_ms, to_ms) * 1_000 / over_ms.max(1)
    }
}

/// Everything that has been released.
pub struct PublicFigures {
    pub(super) regions: usize,
    pub(super) categories: usize,
    pub(super) totals: Totals,
    pub(super) region: Vec<Counts>,
    pub(super) category: Vec<Counts>,
    pub(super) channel: Vec<Counts>,
    pub(super) cell: Vec<Counts>,
    pub(super) product: Vec<ProductCounts>,
    /// product × region
    pub(super) product_region: Vec<ProductCounts>,
    pub(super) orders: Pace,
    pub(super) payments: Pace,
    pub(super) value: Pace,
    pub(super) product_orders: Vec<Pace>,
    pub(super) rates: Rates,
    /// Seconds until then have been looked at for a peak: of orders, of payments.
    pub(super) peaked_ms: (EventMs, EventMs),
    /// How long after they happened orders come.
    pub(super) lag_ms: i64,
    pub(super) opened: bool,
    /// Whether the day's end is near.
    pub(super) closing: bool,
    /// Whether orders carry the value.
    value_of_orders: bool,
    /// Whether values are told coarser than counts; only a test says no.
    pub(super) coarse: bool,
    k: u64,
    worth: Worths,
    /// By product.
    prices: Vec<Price>,
    /// product × region: the larger of its last two releases. So much may be late at once.
    bunch: Vec<[u64; 2]>,
}

/// For how much each piece of a product was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Price {
    Unknown,
    One(i64),
    /// By channel, by basket or by hour: then a value says more than a count.
    Several,
}

/// What may be told of each value.
struct Worths {
    total: Worth,
    /// When it is told to the minor unit.
    odometer: Odometer,
    corrected: Worth,
    region: Vec<Worth>,
    channel: Vec<Worth>,
    /// By category, of what is pooled.
    pooled: Vec<Worth>,
    cell: Vec<Worth>,
    product: Vec<Worth>,
    /// product × region
    product_region: Vec<Worth>,
}

pub(super) fn put(slot: Option<&mut Counts>, column: Column, sum: Sum) {
    if let Some(slot) = slot {
        match column {
            Column::Orders => slot.orders += sum.count,
            Column::Payments => slot.payments += sum.count,
            Column::Corrections => {}
        }
        slot.gmv_minor = slot.gmv_minor.saturating_add(sum.value_minor);
    }
}

impl PublicFigures {
    pub(super) fn new(shape: &Shape, at_ms: EventMs) -> Self {
        let categories = shape.categories - 1;
        let second_ms = at_ms.div_euclid(1_000) * 1_000;
        let peaked_ms = if second_ms == at_ms {
            second_ms
        } else {
            second_ms + 1_000
        };
        Self {
            regions: shape.regions,
            categories,
            totals: Totals::default(),
            region: vec![Counts::default(); shape.regions],
            category: vec![Counts::default(); categories],
            channel: vec![Counts::default(); Channel::COUNT],
            cell: vec![Counts::default(); shape.regions * categories],
            product: vec![ProductCounts::default(); shape.products],
            product_region: vec![ProductCounts::default(); shape.products * shape.regions],
            orders: Pace::default(),
            payments: Pace::default(),
            value: Pace::default(),
            product_orders: std::iter::repeat_with(Pace::default)
                .take(shape.products)
                .collect(),
            rates: Rates::default(),
            peaked_ms: (peaked_ms, peaked_ms),
            lag_ms: 0,
            opened: false,
            closing: false,
            value_of_orders: shape.gmv_counts == Kind::Order,
            coarse: true,
            k: shape.k,
            worth: Worths {
                total: Worth::default(),
                odometer: Odometer::new(shape.k),
                corrected: Worth::default(),
                region: vec![Worth::default(); shape.regions],
                channel: vec![Worth::default(); Channel::COUNT],
                pooled: vec![Worth::default(); categories],
                cell: vec![Worth::default(); shape.regions * categories],
                product: vec![Worth::default(); shape.products],
                product_region: vec![Worth::default(); shape.products * shape.regions],
            },
            prices: vec![Price::Unknown; shape.products],
            bunch: vec![[0; 2]; shape.products * shape.regions],
        }
    }

    /// An order of the total, before it is told.
    pub(super) fn join(&mut self, amount_minor: i64, hides: bool) {
        self.worth.odometer.join(amount_minor, hides, self.closing);
    }

    /// The value for which a number of pieces of a product were sold.
    pub(super) fn price(&mut self, product: u16, amount_minor: i64, units: i64) {
        if let Some(price) = self.prices.get_mut(usize::from(product)) {
            let one = (units != 0 && amount_minor % units == 0).then(|| amount_minor / units);
            *price = match (*price, one) {
                (Price::Unknown, Some(one)) => Price::One(one),
                (Price::One(known), Some(one)) if known == one => Price::One(known),
                _ => Price::Several,
            };
        }
    }

    /// Whether the total may be told to the minor unit for all that is known of its parts: less the others' values, which are known
    /// but for a step, no part's is known better than it is told itself. A part that is most of the total is hidden as that is.
    fn parts_hide(&self) -> bool {
        let count = |counts: &Counts| {
            if self.value_of_orders {
                counts.orders
            } else {
                counts.payments
            }
        };
        let most = count(&self.totals.counts) / 2;
        let balanced = |parts: &mut dyn Iterator<Item = (i64, u64)>| {
            let (mut sum, mut largest) = (0_i128, 0_i128);
            for (step, count) in parts {
                sum += i128::from(step);
                if count <= most {
                    largest = largest.max(i128::from(step));
                }
            }
            largest * 2 <= sum
        };
        let regions = self.worth.region.iter().map(Worth::step_minor);
        let channels = self.worth.channel.iter().map(Worth::step_minor);
        let mut categories: Vec<i64> = self.worth.pooled.iter().map(Worth::step_minor).collect();
        for row in self.worth.cell.chunks(self.categories.max(1)) {
            for (sum, cell) in categories.iter_mut().zip(row) {
                *sum = sum.saturating_add(cell.step_minor());
            }
        }
        balanced(&mut regions.zip(self.region.iter().map(count)))
            && balanced(&mut channels.zip(self.channel.iter().map(count)))
            && balanced(&mut categories.into_iter().zip(self.category.iter().map(count)))
    }

    /// What is told of a sum: its count, and as much of its value as may be.
    fn told(&self, sum: Sum, worth: impl FnOnce(u64) -> i64) -> Sum {
        let value_minor = if self.coarse {
            worth(self.k)
        } else {
            sum.value_minor
        };
        Sum { value_minor, ..sum }
    }

    /// At the day's end the total's value is told as it is, where it hides.
    pub(super) fn finish(&mut self) {
        if !self.coarse {
            return;
        }
        let tell = self.worth.odometer.finish();
        let more = Sum {
            value_minor: self.worth.total.finish(tell),
            ..Sum::default()
        };
        put(Some(&mut self.totals.counts), Column::Corrections, more);
        put(Some(&mut self.totals.unplaced), Column::Corrections, more);
    }

    pub(super) fn total(&mut self, column: Column, sum: Sum, span: Span, now_ms: EventMs) {
        let exact = sum;
        let mut worth = self.worth.total;
        let tell = if self.coarse && sum.value_minor > 0 {
            let mut odometer = std::mem::take(&mut self.worth.odometer);
            let value_minor = worth.exact_minor().saturating_add(sum.value_minor);
            let tell = odometer.tell(value_minor, self.closing, || self.parts_hide());
            self.worth.odometer = odometer;
            tell
        } else {
            Tell::Steps
        };
        let sum = self.told(sum, |k| worth.add(k, exact, 0, tell));
        self.worth.total = worth;
        put(Some(&mut self.totals.counts), column, sum);
        // What has no region yet is what a region hasn't released.
        put(Some(&mut self.totals.unplaced), column, sum);
        if column == Column::Corrections {
            self.totals.corrections += sum.count;
            let less = Sum {
                value_minor: exact.value_minor.saturating_neg(),
                ..exact
            };
            let mut worth = self.worth.corrected;
            let less = self.told(less, |k| worth.add(k, less, 0, Tell::Steps));
            self.worth.corrected = worth;
            self.totals.corrected_minor = self.totals.corrected_minor.saturating_add(less.value_minor);
        }
        if self.opened {
            return;
        }
        let count = i64::try_from(sum.count).unwrap_or(i64::MAX);
        self.value.add(span, sum.value_minor, now_ms);
        let (pace, from, peak, peak_at) = match column {
            Column::Orders => (
                &mut self.orders,
                &mut self.peaked_ms.0,
                &mut self.rates.peak_orders_per_s,
                &mut self.rates.peak_orders_at_ms,
            ),
            Column::Payments => (
                &mut self.payments,
                &mut self.peaked_ms.1,
                &mut self.rates.peak_payments_per_s,
                &mut self.rates.peak_payments_at_ms,
            ),
            Column::Corrections => return,
        };
        pace.add(span, count, now_ms);
        while *from + 1_000 + self.lag_ms <= now_ms {
            let to_ms = *from + 1_000;
            let rate = u64::try_from(pace.per_s(to_ms, pace.over_ms(to_ms))).unwrap_or(0);
            if rate > *peak {
                (*peak, *peak_at) = (rate, *from);
            }
            *from += 1_000;
        }
    }

    pub(super) fn region(&mut self, column: Column, region: usize, sum: Sum) {
        let mut worth = self.worth.region.get(region).copied().unwrap_or_default();
        let sum = self.told(sum, |k| worth.add(k, sum, 0, Tell::Steps));
        let (Some(slot), Some(kept)) = (self.region.get_mut(region), self.worth.region.get_mut(region))
        else {
            return;
        };
        *kept = worth;
        put(Some(slot), column, sum);
        let unplaced = &mut self.totals.unplaced;
        match column {
            Column::Orders => unplaced.orders = unplaced.orders.saturating_sub(sum.count),
            Column::Payments => unplaced.payments = unplaced.payments.saturating_sub(sum.count),
            Column::Corrections => {}
        }
        unplaced.gmv_minor = unplaced.gmv_minor.saturating_sub(sum.value_minor);
    }

    pub(super) fn channel(&mut self, column: Column, channel: u8, sum: Sum) {
        let at = usize::from(channel);
        let mut worth = self.worth.channel.get(at).copied().unwrap_or_default();
        // They are few: each leaves as much open as the dearest does.
        let least = self.worth.total.max_minor();
        let sum = self.told(sum, |k| worth.add(k, sum, least, Tell::Steps));
        if let Some(kept) = self.worth.channel.get_mut(at) {
            *kept = worth;
        }
        put(self.channel.get_mut(at), column, sum);
    }

    pub(super) fn category(&mut self, column: Column, category: usize, region: Option<u16>, sum: Sum) {
        if category >= self.categories {
            return;
        }
        let at = region.map_or(category, |region| {
            usize::from(region) * self.categories + category
        });
        let of = |worth: &Worths| match region {
            Some(_) => worth.cell.get(at).copied(),
            None => worth.pooled.get(at).copied(),
        };
        let mut worth = of(&self.worth).unwrap_or_default();
        // Five of them leave as much open as the dearest.
        let least = match region {
            Some(_) => 0,
            None => self.worth.total.max_minor() / 4,
        };
        let sum = self.told(sum, |k| worth.add(k, sum, least, Tell::Steps));
        let kept = match region {
            Some(_) => self.worth.cell.get_mut(at),
            None => self.worth.pooled.get_mut(at),
        };
        if let Some(kept) = kept {
            *kept = worth;
        }
        put(self.category.get_mut(category), column, sum);
        if region.is_some() {
            put(self.cell.get_mut(at), column, sum);
        }
    }

    pub(super) fn product(
        &mut self,
        column: Column,
        product: u16,
        region: Option<u16>,
        sum: Sum,
        from_ms: EventMs,
        to_ms: EventMs,
    ) {
        let at = usize::from(product);
        // With one price a value is a count.
        let tell = if self.coarse && matches!(self.prices.get(at), Some(Price::Several)) {
            Tell::Steps
        } else {
            Tell::Exact
        };
        let k = self.k;
        let told = |worth: Option<&mut Worth>| Sum {
            value_minor: worth.map_or(0, |worth| worth.add(k, sum, 0, tell)),
            ..sum
        };
        let mut slots = vec![(self.product.get_mut(at), told(self.worth.product.get_mut(at)))];
        if let Some(region) = region {
            let cell = at * self.regions + usize::from(region);
            let worth = self.worth.product_region.get_mut(cell);
            slots.push((self.product_region.get_mut(cell), told(worth)));
            if let Some(bunch) = self.bunch.get_mut(cell)
                && column == Column::Orders
            {
                *bunch = [bunch[1], sum.count];
            }
        }
        for (slot, sum) in slots {
            let Some(slot) = slot else {
                continue;
            };
            put(Some(&mut slot.counts), column, sum);
            slot.units = slot.units.saturating_add(sum.units);
        }
        if column == Column::Orders
            && !self.opened
            && let Some(pace) = self.product_orders.get_mut(at)
        {
            let span = Span {
                from_ms,
                until_ms: to_ms,
                grain: 0,
            };
            pace.add(span, i64::try_from(sum.count).unwrap_or(i64::MAX), to_ms);
        }
    }

    /// The rates now, and the peaks.
    pub(super) fn advance(&mut self, at_ms: EventMs) {
        let at_ms = at_ms - self.lag_ms;
        let to_ms = at_ms - at_ms.rem_euclid(1_000);
        if self.orders.is_empty() && self.payments.is_empty() {
            return;
        }
        let (orders_ms, payments_ms) = (self.orders.over_ms(to_ms), self.payments.over_ms(to_ms));
        self.rates.orders_per_s = u64::try_from(self.orders.per_s(to_ms, orders_ms)).unwrap_or(0);
        self.rates.payments_per_s = u64::try_from(self.payments.per_s(to_ms, payments_ms)).unwrap_or(0);
        // As long as the kind is that carries it.
        let over_ms = if self.value_of_orders {
            orders_ms
        } else {
            payments_ms
        };
        self.rates.gmv_minor_per_s = self.value.per_s(to_ms, over_ms);
    }
}

impl Figures for PublicFigures {
    type Of<T> = Public<T>;

    fn seal<T>(&self, said: T) -> Public<T> {
        Public(said)
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    fn region(&self, region: u8) -> Counts {
        self.region.get(usize::from(region)).copied().unwrap_or_default()
    }

    fn category(&self, category: u8) -> Counts {
        self.category
            .get(usize::from(category))
            .copied()
            .unwrap_or_default()
    }

    fn channel(&self, channel: Channel) -> Counts {
        self.channel
            .get(usize::from(channel.index()))
            .copied()
            .unwrap_or_default()
    }

    fn cell(&self, region: u8, category: u8) -> Counts {
        if usize::from(category) >= self.categories {
            return Counts::default();
        }
        self.cell
            .get(usize::from(region) * self.categories + usize::from(category))
            .copied()
            .unwrap_or_default()
    }

    fn product(&self, product: u16) -> ProductCounts {
        self.product
            .get(usize::from(product))
            .copied()
            .unwrap_or_default()
    }

    fn product_regions(&self, product: u16) -> &[ProductCounts] {
        let from = usize::from(product) * self.regions;
        self.product_region.get(from..from + self.regions).unwrap_or(&[])
    }

    fn product_orders(&self, product: u16, at_ms: EventMs) -> (u64, u64) {
        let Some(pace) = self.product_orders.get(usize::from(product)) else {
            return (0, 0);
        };
        let at_ms = at_ms - self.lag_ms;
        let to_ms = at_ms - at_ms.rem_euclid(1_000);
        let of = |span_ms: i64| u64::try_from(pace.within(to_ms - span_ms, to_ms)).unwrap_or(0);
        (of(1_000), of(10_000))
    }

    fn mark(&self, minute: u32) -> Mark {
        let (mut products, mut bunches) = (Vec::new(), Vec::new());
        for (at, (counts, bunch)) in self.product_region.iter().zip(&self.bunch).enumerate() {
            if counts.counts.orders > 0 {
                products.push((at as u32, counts.counts.orders));
                bunches.push(bunch[0].max(bunch[1]));
            }
        }
        Mark {
            minute,
            regions: self.region.iter().map(|counts| counts.orders).collect(),
            products,
            bunches,
        }
    }

    fn rates(&self) -> Rates {
        self.rates
    }
}
