//! A generated day: orders and payments that follow a day file to the second, and are the same for the
//! same seed whatever the speed and wherever one joins.
//!
//! How it works. Cumulative value, payments and orders are curves over the day's seconds. Each cell
//! (region × category × channel) has a share of them that changes every quarter of an hour. How many
//! payments a cell has had at an instant is the whole part of its share of the curve (and a fraction of
//! its own, so that cells don't step together); the n-th payment of a cell has a place, an amount and so
//! on that depend on the seed, the cell and n alone. So any instant is found without going through the
//! day, and going through the day comes to the same figures, to the fen. Which rows have which product in
//! them is a function of the same kind (`products`).

mod curve;
pub(crate) mod file;
pub(crate) mod products;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rand_pcg::rand_core::{RngCore, SeedableRng};

use self::curve::{NoRates, counts_along, monotone};
use self::file::{DayFile, secs_of};
use self::products::Products;
use crate::source::{Opening, ProductOpening, Pulled, Source, SourceError, curve_step_ms};
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::{Batch, Catalogue, Channel, Currency, EventMs, Kind, RegionId};
use meridian_core::tally::{MARK_MS, MEAN_SECONDS, Mark, WINDOW_MINUTES};
use meridian_wire::{
    Cell, Comparison, Counts, DataClass, Day, Hello, History, Mode, Names, ProductCounts, Reached,
    RegionHistory, Totals, VERSION, WARMTH_HALF_LIFE_MS, Warmth,
};

/// Shares change this often.
const BLOCK_SECS: usize = 900;
/// Rows that share a value curve; their amounts add up to it exactly.
const GROUP: u64 = 64;
/// How many different ways there are for a group's amounts to differ.
const SPREADS: usize = 64;
/// Batches of a pull end at whole multiples of this.
const TICK_MS: i64 = 100;
/// The same for a pull of more than [`LONG_PULL_MS`].
const LONG_TICK_MS: i64 = 1_000;
const LONG_PULL_MS: i64 = 20_000;
/// Distance of the points of the history.
const HISTORY_STEP_SECS: usize = 60;
/// Buckets of the look-up from a payment's number to its second.
const LOOKUP_BUCKETS: usize = 1 << 17;
/// Half-lives after which warmth is forgotten.
const WARMTH_HALF_LIVES: f64 = 24.0;

/// Region × category × channel, as far as anything can happen in it.
#[derive(Debug, Clone, Copy)]
struct CellKey {
    region: u8,
    category: u8,
    channel: Channel,
    /// Its mean amount against the mean of all.
    ticket: f64,
    /// Fractions at which its counts step.
    payment_phase: f64,
    order_phase: f64,
    payment_key: u64,
    order_key: u64,
}

/// What the day file says, worked out. Never changes.
struct Model {
    catalogue: Arc<Catalogue>,
    hello: Hello,
    start_ms: EventMs,
    end_ms: EventMs,
    secs: usize,
    /// Cumulative at each whole second: value in minor units, payments, orders.
    value: Vec<f64>,
    payments: Vec<f64>,
    orders: Vec<f64>,
    /// From a payment's number to the second at which it happens, roughly.
    second_of_payment: Vec<u32>,
    payments_per_bucket: f64,
    mean_order_minor: f64,
    cells: Vec<CellKey>,
    blocks: usize,
    /// By block and cell: the cell's share.
    share: Vec<f64>,
    /// By block (and the end) and cell: cumulative at the block's start.
    cell_payments: Vec<f64>,
    cell_orders: Vec<f64>,
    cell_value: Vec<f64>,
    /// By block and region.
    region_share: Vec<f64>,
    places: Places,
    /// Cumulative shares of a group's rows in its value, in 2⁻³².
    spreads: Vec<[u64; GROUP as usize + 1]>,
    home: u8,
    import_below: u32,
    export_below: u32,
    /// Cumulative bounds of the regions that the home region imports from.
    import_from: Vec<(u32, u8)>,
    products: Products,
}

/// Cities to draw from in proportion to their population (Vose's alias method), all regions in one table.
struct Places {
    /// By region: first place and how many.
    ranges: Vec<(u16, u32)>,
    keep_below: Vec<u32>,
    other: Vec<u16>,
}

/// A cell's progress on one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    count: u64,
    group: u64,
    group_from: i64,
    group_value: i64,
    spread: usize,
    known: bool,
}

/// A generated day as a source. See the [module](self).
pub struct ScenarioSource {
    model: Arc<Model>,
    now_ms: EventMs,
    payments: Vec<Lane>,
    orders: Vec<Lane>,
    /// Points of the history found so far.
    history: Vec<i64>,
    region_history: Vec<Vec<i64>>,
    /// When each milestone is passed, as far as found.
    reached: Vec<Option<EventMs>>,
    /// By product: points of its curve found so far.
    product_curves: Vec<Vec<i64>>,
}

fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 0 to 1, 1 excluded.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A normally distributed number.
fn normal(hash: u64) -> f64 {
    let (a, b) = (unit(mix(hash)), unit(mix(hash ^ 0x5bd1_e995)));
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

fn at(table: &[f64], index: usize) -> f64 {
    table.get(index).copied().unwrap_or(0.0)
}

impl Places {
    fn new(catalogue: &Catalogue) -> Self {
        let places = catalogue.places().len();
        let mut keep_below = vec![u32::MAX; places];
        let mut other = vec![0_u16; places];
        let mut ranges = Vec::new();
        for region in catalogue.regions() {
            let first = region.places.start;
            let weights: Vec<f64> = region
                .places
                .clone()
                .map(|place| {
                    let place = catalogue.place(meridian_core::sales::PlaceId(place));
                    place.map_or(1.0, |place| f64::from(place.population.max(1)))
                })
                .collect();
            ranges.push((first, weights.len() as u32));
            let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
            let mut left: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
            let (mut small, mut large): (Vec<usize>, Vec<usize>) =
                (0..left.len()).partition(|index| at(&left, *index) < 1.0);
            while let (Some(less), Some(more)) = (small.pop(), large.last().copied()) {
                let keep = at(&left, less);
                let row = usize::from(first) + less;
                if let (Some(bound), Some(alias)) = (keep_below.get_mut(row), other.get_mut(row)) {
                    *bound = (keep * f64::from(u32::MAX)) as u32;
                    *alias = first + more as u16;
                }
                if let Some(rest) = left.get_mut(more) {
                    *rest -= 1.0 - keep;
                    if *rest < 1.0 {
                        large.pop();
                        small.push(more);
                    }
                }
            }
            // What is left over keeps all of its own row.
            for index in small.into_iter().chain(large) {
                let row = usize::from(first) + index;
                if let (Some(bound), Some(alias)) = (keep_below.get_mut(row), other.get_mut(row)) {
                    *bound = u32::MAX;
                    *alias = row as u16;
                }
            }
        }
        Self {
            ranges,
            keep_below,
            other,
        }
    }

    fn draw(&self, region: u8, hash: u64) -> u16 {
        let Some((first, count)) = self.ranges.get(usize::from(region)).copied() else {
            return Batch::UNPLACED;
        };
        let row = ((hash >> 32) * u64::from(count)) >> 32;
        let place = first + row as u16;
        match self.keep_below.get(usize::from(place)) {
            Some(bound) if hash as u32 > *bound => {
                self.other.get(usize::from(place)).copied().unwrap_or(place)
            }
            _ => place,
        }
    }
}

impl Model {
    /// Cumulative curve at an instant: the block, and how far value, payments and orders are.
    fn curve_at(&self, ms: EventMs) -> (usize, f64, f64) {
        let into_ms = (ms - self.start_ms).clamp(0, self.end_ms - self.start_ms) as usize;
        let second = (into_ms / 1_000).min(self.secs.saturating_sub(1));
        let part = (into_ms - second * 1_000) as f64 / 1_000.0;
        let between = |table: &[f64]| {
            let from = at(table, second);
            from + (at(table, second + 1) - from) * part
        };
        let block = (second / BLOCK_SECS).min(self.blocks - 1);
        (block, between(&self.payments), between(&self.orders))
    }

    /// How many payments and orders each cell has had before an instant.
    fn counts_at(&self, ms: EventMs, mut each: impl FnMut(usize, u64, u64)) -> usize {
        let (block, payments, orders) = self.curve_at(ms);
        let from_payments = payments - at(&self.payments, block * BLOCK_SECS);
        let from_orders = orders - at(&self.orders, block * BLOCK_SECS);
        let row = block * self.cells.len()..(block + 1) * self.cells.len();
        let columns = self
            .share
            .get(row.clone())
            .unwrap_or(&[])
            .iter()
            .zip(self.cell_payments.get(row.clone()).unwrap_or(&[]))
            .zip(self.cell_orders.get(row).unwrap_or(&[]))
            .zip(&self.cells);
        for (index, (((share, payments), orders), cell)) in columns.enumerate() {
            each(
                index,
                (payments + share * from_payments + cell.payment_phase) as u64,
                (orders + share * from_orders + cell.order_phase) as u64,
            );
        }
        block
    }

    /// How many payments and orders one cell has had before an instant, as [`counts_at`](Self::counts_at) says.
    fn counts_of(&self, (block, payments, orders): (usize, f64, f64), index: usize) -> (u64, u64) {
        let from_payments = payments - at(&self.payments, block * BLOCK_SECS);
        let from_orders = orders - at(&self.orders, block * BLOCK_SECS);
        let here = block * self.cells.len() + index;
        let share = at(&self.share, here);
        self.cells.get(index).map_or((0, 0), |cell| {
            (
                (at(&self.cell_payments, here) + share * from_payments + cell.payment_phase) as u64,
                (at(&self.cell_orders, here) + share * from_orders + cell.order_phase) as u64,
            )
        })
    }

    /// What each product has sold in each cell before an instant: payments and orders with it.
    fn products_at(&self, ms: EventMs, mut each: impl FnMut(u16, &CellKey, u64, u64)) {
        let curve = self.curve_at(ms);
        let mut known = (u32::MAX, (0, 0));
        for product in &self.products.cells {
            if known.0 != product.cell {
                known = (product.cell, self.counts_of(curve, product.cell as usize));
            }
            let (payments, orders) = known.1;
            if let Some(cell) = self.cells.get(product.cell as usize) {
                each(
                    product.product,
                    cell,
                    product.ladder(Kind::Payment).items(payments),
                    product.ladder(Kind::Order).items(orders),
                );
            }
        }
    }

    /// Orders of each product before an instant.
    fn product_orders_at(&self, ms: EventMs) -> Vec<u64> {
        let mut sums = vec![0; self.products.list.len()];
        self.products_at(ms, |product, _, _, orders| {
            if let Some(sum) = sums.get_mut(usize::from(product)) {
                *sum += orders;
            }
        });
        sums
    }

    /// The orders until a whole minute of the day.
    fn mark_at(&self, minute: i64) -> Mark {
        let ms = self.start_ms + minute * MARK_MS;
        let mut regions = vec![0; self.catalogue.regions().len()];
        self.counts_at(ms, |index, _, orders| {
            let region = self
                .cells
                .get(index)
                .map_or(usize::MAX, |cell| usize::from(cell.region));
            if let Some(sum) = regions.get_mut(region) {
                *sum += orders;
            }
        });
        let mut products = vec![0; self.products.list.len() * regions.len()];
        self.products_at(ms, |product, cell, _, orders| {
            let at = usize::from(product) * regions.len() + usize::from(cell.region);
            if let Some(sum) = products.get_mut(at) {
                *sum += orders;
            }
        });
        Mark {
            minute: u32::try_from(minute).unwrap_or(0),
            regions,
            products: products
                .into_iter()
                .enumerate()
                .filter(|(_, orders)| *orders > 0)
                .map(|(at, orders)| (at as u32, orders))
                .collect(),
            bunches: Vec::new(),
        }
    }

    /// The total value when this many payments (a fraction of one included) have been made.
    fn value_of_payments(&self, payments: f64) -> f64 {
        let bucket = (payments / self.payments_per_bucket) as usize;
        let mut second = self
            .second_of_payment
            .get(bucket.min(LOOKUP_BUCKETS - 1))
            .map_or(0, |second| *second as usize);
        while second + 1 < self.secs && at(&self.payments, second + 1) <= payments {
            second += 1;
        }
        let (from, to) = (at(&self.payments, second), at(&self.payments, second + 1));
        let (value, until) = (at(&self.value, second), at(&self.value, second + 1));
        if to > from {
            value + (until - value) * ((payments - from) / (to - from))
        } else {
            value
        }
    }

    /// A cell's cumulative value when it has had `count` payments, before spreading.
    fn payment_value(&self, index: usize, cell: &CellKey, count: u64, near: usize) -> i64 {
        if count == 0 {
            return 0;
        }
        // Half a payment on: a count is a whole part, on average half a payment short of the curve.
        let target = count as f64 - cell.payment_phase + 0.5;
        let cells = self.cells.len();
        let mut block = near.min(self.blocks - 1);
        // Whatever block the search begins at, it ends at the same: figures must not depend on the way there.
        while block > 0 && at(&self.cell_payments, block * cells + index) >= target {
            block -= 1;
        }
        while block < self.blocks && at(&self.cell_payments, (block + 1) * cells + index) < target {
            block += 1;
        }
        let here = block * cells + index;
        let beyond = target - at(&self.cell_payments, here);
        let value = if block == self.blocks {
            // Past the day's end (the rest of a last group): as in the last block.
            let last = here - cells;
            let counted = at(&self.cell_payments, here) - at(&self.cell_payments, last);
            let gained = at(&self.cell_value, here) - at(&self.cell_value, last);
            let mean = if counted > 0.0 { gained / counted } else { 0.0 };
            at(&self.cell_value, here) + beyond * mean
        } else {
            let share = at(&self.share, here);
            let from = at(&self.payments, block * BLOCK_SECS);
            let payments = if share > 0.0 { from + beyond / share } else { from };
            let gained = self.value_of_payments(payments) - at(&self.value, block * BLOCK_SECS);
            at(&self.cell_value, here) + share * cell.ticket * gained
        };
        value.max(0.0) as i64
    }

    /// A cell's cumulative value of orders when it has had `count`, before spreading.
    fn order_value(&self, cell: &CellKey, count: u64) -> i64 {
        (count as f64 * self.mean_order_minor * cell.ticket) as i64
    }

    fn enter_group(
        &self,
        kind: Kind,
        index: usize,
        cell: &CellKey,
        group: u64,
        near: usize,
        lane: &mut Lane,
    ) {
        if lane.known && lane.group == group {
            return;
        }
        let (key, bound) = match kind {
            Kind::Payment => (cell.payment_key, [group * GROUP, (group + 1) * GROUP]),
            Kind::Order => (cell.order_key, [group * GROUP, (group + 1) * GROUP]),
        };
        let value = |count| match kind {
            Kind::Payment => self.payment_value(index, cell, count, near),
            Kind::Order => self.order_value(cell, count),
        };
        let [from, to] = bound;
        lane.group = group;
        lane.group_from = value(from);
        lane.group_value = (value(to) - lane.group_from).max(0);
        lane.spread = (mix(key ^ mix(group)) % SPREADS as u64) as usize;
        lane.known = true;
    }

    /// The part of the lane's group's value that its first `rows` rows have.
    fn part_of_group(&self, lane: &Lane, rows: u64) -> i64 {
        let part = self
            .spreads
            .get(lane.spread)
            .and_then(|spread| spread.get(rows as usize))
            .copied()
            .unwrap_or(0);
        ((lane.group_value as i128 * i128::from(part)) >> 32) as i64
    }

    /// A cell's cumulative value when it has had `count` of a kind: what its rows' amounts add up to.
    fn value_at(&self, kind: Kind, index: usize, cell: &CellKey, count: u64, near: usize) -> i64 {
        if count == 0 {
            return 0;
        }
        self.value_along(kind, index, cell, count, near, &mut Lane::default())
    }

    /// The same for many instants one after the other: the lane remembers the group.
    fn value_along(
        &self,
        kind: Kind,
        index: usize,
        cell: &CellKey,
        count: u64,
        near: usize,
        lane: &mut Lane,
    ) -> i64 {
        if count == 0 {
            return 0;
        }
        self.enter_group(kind, index, cell, count / GROUP, near, lane);
        lane.group_from + self.part_of_group(lane, count % GROUP)
    }

    fn lanes(&self) -> Vec<Lane> {
        vec![Lane::default(); self.cells.len()]
    }

    /// The total value before an instant: the sum of the cells.
    fn total_at(&self, ms: EventMs, lanes: &mut [Lane]) -> i64 {
        self.value_by(ms, lanes, |_, _| {})
    }

    fn value_by(&self, ms: EventMs, lanes: &mut [Lane], mut each: impl FnMut(&CellKey, i64)) -> i64 {
        let (near, _, _) = self.curve_at(ms);
        let mut total = 0;
        self.counts_at(ms, |index, payments, _| {
            if let (Some(cell), Some(lane)) = (self.cells.get(index), lanes.get_mut(index)) {
                let value = self.value_along(Kind::Payment, index, cell, payments, near, lane);
                total += value;
                each(cell, value);
            }
        });
        total
    }

    fn count_total_at(&self, ms: EventMs) -> (u64, u64) {
        let (mut payments, mut orders) = (0, 0);
        self.counts_at(ms, |_, more_payments, more_orders| {
            payments += more_payments;
            orders += more_orders;
        });
        (payments, orders)
    }

    /// The busiest full second before an instant, of payments and of orders: what a meter would have found.
    fn peaks_before(&self, ms: EventMs) -> [(u64, EventMs); 2] {
        let full = ((ms - self.start_ms).max(0) / 1_000) as usize;
        let full = full.min(self.secs);
        let mut found = [(0, 0), (0, 0)];
        for (which, (table, best)) in [&self.payments, &self.orders].iter().zip(&mut found).enumerate() {
            let rate = |second: usize| at(table, second + 1) - at(table, second);
            let top = (0..full).map(rate).fold(0.0_f64, f64::max);
            // Rounding in the cells moves a second's count by far less than this.
            let near = top - 8.0 * (self.cells.len() as f64 / 6.0).sqrt().min(top.sqrt() + 8.0);
            let mut candidates: Vec<usize> = (0..full).filter(|second| rate(*second) >= near).collect();
            candidates.sort_by(|a, b| rate(*b).total_cmp(&rate(*a)).then(a.cmp(b)));
            candidates.truncate(256);
            candidates.sort_unstable();
            for second in candidates {
                let from_ms = self.start_ms + second as i64 * 1_000;
                let (payments_from, orders_from) = self.count_total_at(from_ms);
                let (payments_to, orders_to) = self.count_total_at(from_ms + 1_000);
                let count = match which {
                    0 => payments_to - payments_from,
                    _ => orders_to - orders_from,
                };
                if count > best.0 {
                    *best = (count, from_ms);
                }
            }
        }
        found
    }

    /// When the total passes a value, to the millisecond; none if the day ends below it.
    fn passes(&self, value_minor: i64) -> Option<EventMs> {
        let lanes = &mut self.lanes();
        if self.total_at(self.end_ms, lanes) < value_minor {
            return None;
        }
        let second = self.value.partition_point(|value| *value < value_minor as f64);
        let around = self.start_ms + second as i64 * 1_000;
        let (mut low, mut high) = (around, around);
        let mut reach = 1_000;
        while low > self.start_ms && self.total_at(low, lanes) >= value_minor {
            high = low;
            low = (low - reach).max(self.start_ms);
            reach *= 2;
        }
        reach = 1_000;
        while self.total_at(high, lanes) < value_minor {
            low = high;
            high = (high + reach).min(self.end_ms);
            reach *= 2;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.total_at(middle, lanes) < value_minor {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }

    fn warmth_at(&self, ms: EventMs) -> Warmth {
        let mut warmth = Warmth::default();
        let into_ms = (ms - self.start_ms).clamp(0, self.end_ms - self.start_ms);
        let back_ms = (WARMTH_HALF_LIFE_MS * WARMTH_HALF_LIVES) as i64;
        let first = ((into_ms - back_ms).max(0) / 1_000) as usize;
        let last = (into_ms / 1_000) as usize;
        let regions = self.catalogue.regions().len();
        let mut heat = vec![0.0; regions];
        for block in first / BLOCK_SECS..self.blocks.min(last / BLOCK_SECS + 1) {
            let mut decayed = 0.0;
            for second in first.max(block * BLOCK_SECS)..last.min((block + 1) * BLOCK_SECS) {
                let rate = at(&self.payments, second + 1) - at(&self.payments, second)
                    + at(&self.orders, second + 1)
                    - at(&self.orders, second);
                let age_ms = into_ms as f64 - (second as f64 + 0.5) * 1_000.0;
                // Time goes on after the day's end, and the world cools.
                let age_ms = age_ms + (ms - self.end_ms).max(0) as f64;
                decayed += rate * (-age_ms / WARMTH_HALF_LIFE_MS).exp2();
            }
            let shares = self.region_share.iter().skip(block * regions);
            for (heat, share) in heat.iter_mut().zip(shares) {
                *heat += decayed * share;
            }
        }
        for (region, heat) in self.catalogue.regions().iter().zip(heat) {
            let cities = self
                .catalogue
                .places()
                .get(usize::from(region.places.start)..usize::from(region.places.end))
                .unwrap_or(&[]);
            let people: f64 = cities
                .iter()
                .map(|place| f64::from(place.population.max(1)))
                .sum();
            for (number, place) in region.places.clone().zip(cities) {
                let here = heat * f64::from(place.population.max(1)) / people;
                let level = (16.0 * (1.0 + here).log2()).round().clamp(0.0, 255.0) as u8;
                if level > 0 {
                    warmth.place.push(number);
                    warmth.level.push(level);
                }
            }
        }
        warmth
    }

    fn ships_from(&self, region: u8, hash: u64) -> u8 {
        let draw = hash as u32;
        if region == self.home {
            if draw < self.import_below {
                let hub = (hash >> 32) as u32;
                let from = self.import_from.iter().find(|(bound, _)| hub <= *bound);
                return from.map_or(Batch::DOMESTIC, |(_, region)| *region);
            }
        } else if draw < self.export_below {
            return self.home;
        }
        Batch::DOMESTIC
    }

    /// Appends the rows that a lane has until it has had `count`.
    fn append(&self, kind: Kind, index: usize, count: u64, near: usize, lane: &mut Lane, batch: &mut Batch) {
        let Some(cell) = self.cells.get(index) else { return };
        let key = match kind {
            Kind::Payment => cell.payment_key,
            Kind::Order => cell.order_key,
        };
        let (before, first_row) = (lane.count, batch.len() as u64);
        for product in self.products.of_cell(index) {
            let ladder = product.ladder(kind);
            for item in ladder.items(before)..ladder.items(count) {
                let row = first_row + ladder.row_of(item).saturating_sub(before);
                let price = self.products.price(product.product);
                batch.items.push(row as u32, product.product, 1, price);
            }
        }
        while lane.count < count {
            let group = lane.count / GROUP;
            self.enter_group(kind, index, cell, group, near, lane);
            let until = count.min((group + 1) * GROUP);
            let mut before = self.part_of_group(lane, lane.count % GROUP);
            for number in lane.count..until {
                let row = number % GROUP + 1;
                let after = self.part_of_group(lane, row);
                let hash = mix(key.wrapping_add(number));
                let ships_from = match kind {
                    Kind::Payment => Batch::DOMESTIC,
                    Kind::Order => self.ships_from(cell.region, mix(hash)),
                };
                batch.push(
                    self.places.draw(cell.region, hash),
                    cell.category,
                    cell.channel.index(),
                    after - before,
                    ships_from,
                );
                before = after;
            }
            lane.count = until;
        }
    }
}

/// Spreads the rows over the batch, so that regions and categories don't come one after the other: a
/// display that shows the rows in order over the span shows the whole world at once.
fn interleave(batch: &mut Batch) {
    let rows = batch.len();
    if rows < 3 {
        return;
    }
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let mut stride = (rows as f64 * 0.618_034) as usize | 1;
    while gcd(stride, rows) != 1 {
        stride += 1;
    }
    fn spread<T: Copy>(column: &mut Vec<T>, stride: usize) {
        let rows = column.len();
        let mut out = column.clone();
        let mut to = 0;
        for value in column.iter() {
            if let Some(slot) = out.get_mut(to) {
                *slot = *value;
            }
            to += stride;
            while to >= rows {
                to -= rows;
            }
        }
        *column = out;
    }
    spread(&mut batch.place, stride);
    spread(&mut batch.category, stride);
    spread(&mut batch.channel, stride);
    spread(&mut batch.amount_minor, stride);
    spread(&mut batch.ships_from, stride);
    for row in &mut batch.items.row {
        *row = (u64::from(*row) * stride as u64 % rows as u64) as u32;
    }
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

/// Points of a curve in seconds and minor units, with the day's start before them.
fn points_of(
    key: &str,
    points: &[file::CurvePoint],
    currency: Currency,
) -> Result<Vec<(usize, i64)>, String> {
    let mut out = vec![(0_usize, 0_i64)];
    for (number, point) in points.iter().enumerate() {
        let key = format!("{key}[{number}]");
        let secs = secs_of(&format!("{key}.at"), &point.at)?;
        let gmv = minor_of(&format!("{key}.gmv"), point.gmv, currency)?;
        let (secs_before, gmv_before) = out.last().copied().unwrap_or_default();
        if secs <= secs_before {
            return Err(format!(
                "{key}.at: {:?} isn't after the point before it",
                point.at
            ));
        }
        if gmv < gmv_before {
            return Err(format!(
                "{key}.gmv: {} is less than the point before it",
                point.gmv
            ));
        }
        out.push((secs, gmv));
    }
    Ok(out)
}

/// The curves of earlier days.
pub(crate) fn comparisons_of(
    tables: &[file::ComparisonTable],
    currency: Currency,
) -> Result<Vec<Comparison>, String> {
    let mut comparisons = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let key = format!("comparison[{number}]");
        named(&table.label, &format!("{key}.label"))?;
        let points = points_of(&format!("{key}.points"), &table.points, currency)?;
        comparisons.push(Comparison {
            label: table.label.clone(),
            at_ms: points.iter().map(|(secs, _)| *secs as i64 * 1_000).collect(),
            gmv_minor: points.iter().map(|(_, minor)| *minor).collect(),
        });
    }
    Ok(comparisons)
}

/// Values that are celebrated, in minor units.
pub(crate) fn milestones_of(celebrate: &[i64], currency: Currency) -> Result<Vec<i64>, String> {
    let mut milestones_minor = Vec::new();
    for (number, amount) in celebrate.iter().enumerate() {
        let key = format!("celebrate[{number}]");
        let minor = minor_of(&key, *amount, currency)?;
        if milestones_minor.last().is_some_and(|before| minor <= *before) || minor == 0 {
            return Err(format!("{key}: {amount} isn't more than the one before it"));
        }
        milestones_minor.push(minor);
    }
    Ok(milestones_minor)
}

fn minor_of(key: &str, amount: i64, currency: Currency) -> Result<i64, String> {
    // Curves are worked out in floats, exact to the minor unit up to 2⁵³ of them.
    amount
        .checked_mul(currency.minor_per_unit())
        .filter(|minor| (0..=1_i64 << 53).contains(minor))
        .ok_or_else(|| format!("{key}: {amount} is out of range: 0 to 90 trillion is possible"))
}

fn share_of(key: &str, share: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("{key}: {share} is no share: 0 to 1 is needed"))
    }
}

pub(crate) fn named(names: &Names, key: &str) -> Result<(), String> {
    for (lang, text) in [("en", &names.en), ("zh", &names.zh)] {
        if text.trim().is_empty() {
            return Err(format!("{key}.{lang}: a name is needed"));
        }
    }
    Ok(())
}

fn region_of(catalogue: &Catalogue, key: &str, iso2: &str) -> Result<RegionId, String> {
    catalogue.by_iso2(iso2).ok_or_else(|| {
        format!("{key}: {iso2:?} is no region: an ISO 3166-1 alpha-2 code is needed, as in \"CN\"")
    })
}

/// The regions' shares of a day's orders, before the hour of the day.
fn region_shares(file: &DayFile, catalogue: &Catalogue) -> Result<Vec<f64>, String> {
    let table = &file.regions;
    let mut shares = vec![0.0; catalogue.regions().len()];
    let mut given = vec![false; shares.len()];
    let mut sum = 0.0;
    for (iso2, share) in &table.share {
        let key = format!("regions.share.{iso2}");
        let region = usize::from(region_of(catalogue, &key, iso2)?.0);
        let share = share_of(&key, *share)?;
        sum += share;
        if let (Some(slot), Some(given)) = (shares.get_mut(region), given.get_mut(region)) {
            *slot = share;
            *given = true;
        }
    }
    if sum > 1.0 + 1e-6 {
        return Err(format!("regions.share: the shares come to {sum:.4}, more than 1"));
    }
    for (key, value) in [
        ("gdp_exponent", table.gdp_exponent),
        ("population_exponent", table.population_exponent),
    ] {
        if !(0.0..=3.0).contains(&value) {
            return Err(format!(
                "regions.{key}: {value} is out of range: 0 to 3 is possible"
            ));
        }
    }
    let rest = if 1.0 - sum < 1e-6 { 0.0 } else { 1.0 - sum };
    let weight = |region: &meridian_core::sales::Region| {
        region.gdp_ppp_usd.max(1.0).powf(table.gdp_exponent)
            * (region.population.max(1) as f64).powf(table.population_exponent)
    };
    let others: f64 = catalogue
        .regions()
        .iter()
        .zip(&given)
        .filter(|(_, given)| !**given)
        .map(|(region, _)| weight(region))
        .sum();
    if rest > 0.0 && others <= 0.0 {
        return Err(format!(
            "regions.share: every region is named and the shares come to {sum:.4}: 1 is needed"
        ));
    }
    let orders = file.totals.orders as f64;
    if !(0.0..=orders / (shares.len() as f64 * 2.0)).contains(&table.at_least_orders) {
        return Err(format!(
            "regions.at_least_orders: {} is too much for {} regions and {} orders",
            table.at_least_orders,
            shares.len(),
            file.totals.orders
        ));
    }
    let least = table.at_least_orders / orders;
    for ((share, region), given) in shares.iter_mut().zip(catalogue.regions()).zip(given) {
        if !given && rest > 0.0 {
            *share = rest * weight(region) / others;
        }
        *share = share.max(least);
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    Ok(shares)
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

    /// The cells before an instant, in closed form: what a tally of every batch until then would hold.
    pub fn cells_at(&self, ms: EventMs) -> Vec<(Channel, Cell)> {
        let model = &self.model;
        let mut cells = Vec::with_capacity(model.cells.len());
        let (near, _, _) = model.curve_at(ms);
        model.counts_at(ms, |index, payments, orders| {
            if payments == 0 && orders == 0 {
                return;
            }
            if let Some(cell) = model.cells.get(index) {
                let counts = Counts {
                    orders,
                    payments,
                    gmv_minor: model.value_at(Kind::Payment, index, cell, payments, near),
                };
                let key = Cell {
                    region: cell.region,
                    category: cell.category,
                    counts,
                };
                cells.push((cell.channel, key));
            }
        });
        cells
    }

    /// What the products have come to before an instant, in closed form as well.
    fn products_until(&mut self, ms: EventMs) -> ProductOpening {
        let model = Arc::clone(&self.model);
        let many = model.products.list.len();
        if many == 0 {
            return ProductOpening::default();
        }
        let regions = model.catalogue.regions().len();
        let mut counts = vec![ProductCounts::default(); many * regions];
        model.products_at(ms, |product, cell, payments, orders| {
            let at = usize::from(product) * regions + usize::from(cell.region);
            if let Some(counts) = counts.get_mut(at) {
                let units = i64::try_from(payments).unwrap_or(i64::MAX);
                *counts += ProductCounts {
                    counts: Counts {
                        orders,
                        payments,
                        gmv_minor: units.saturating_mul(model.products.price(product)),
                    },
                    units,
                };
            }
        });
        let cells = counts
            .into_iter()
            .enumerate()
            .filter(|(_, counts)| *counts != ProductCounts::default())
            .map(|(at, counts)| ((at / regions) as u16, Some((at % regions) as u8), counts))
            .collect();

        let second_ms = ms - ms.rem_euclid(1_000);
        let mut instants: Vec<EventMs> = (0..=MEAN_SECONDS as i64)
            .rev()
            .map(|back| second_ms - back * 1_000)
            .collect();
        instants.push(ms);
        let orders: Vec<Vec<u64>> = instants
            .iter()
            .map(|instant| model.product_orders_at(*instant))
            .collect();
        let seconds = orders
            .windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some(
                    from.iter()
                        .zip(to)
                        .map(|(from, to)| u32::try_from(to - from).unwrap_or(u32::MAX))
                        .collect(),
                ),
                _ => None,
            })
            .collect();

        let into_ms = ms.min(model.end_ms) - model.start_ms;
        let (mut marks, mut curves) = (Vec::new(), vec![Vec::new(); many]);
        if into_ms >= 0 {
            let minute = into_ms / MARK_MS;
            let first = (minute - WINDOW_MINUTES as i64).max(0);
            marks.extend((first..=minute).map(|minute| model.mark_at(minute)));
            let step_ms = curve_step_ms(&model.hello.day);
            let points = usize::try_from(into_ms / step_ms).unwrap_or(0) + 1;
            while self
                .product_curves
                .first()
                .is_some_and(|curve| curve.len() < points)
            {
                let point = self.product_curves.first().map_or(0, Vec::len) as i64;
                let mut sums = vec![0_i64; many];
                model.products_at(model.start_ms + point * step_ms, |product, _, payments, _| {
                    if let Some(sum) = sums.get_mut(usize::from(product)) {
                        let units = i64::try_from(payments).unwrap_or(i64::MAX);
                        *sum += units.saturating_mul(model.products.price(product));
                    }
                });
                for (curve, sum) in self.product_curves.iter_mut().zip(sums) {
                    curve.push(sum);
                }
            }
            for (curve, known) in curves.iter_mut().zip(&self.product_curves) {
                curve.extend(known.iter().take(points));
            }
        }
        ProductOpening {
            cells,
            seconds,
            marks,
            curves,
        }
    }

    fn history_until(&mut self, ms: EventMs) -> History {
        let model = Arc::clone(&self.model);
        let into_ms = (ms - model.start_ms).clamp(0, model.end_ms - model.start_ms);
        let step_ms = HISTORY_STEP_SECS as i64 * 1_000;
        let region_step_ms = BLOCK_SECS as i64 * 1_000;
        let points = usize::try_from(into_ms / step_ms).unwrap_or(0) + 1;
        let mut lanes = if self.history.len() < points {
            model.lanes()
        } else {
            Vec::new()
        };
        while self.history.len() < points {
            let point_ms = self.history.len() as i64 * step_ms;
            let regions = point_ms % region_step_ms == 0;
            let mut sums = vec![0_i64; self.region_history.len()];
            let total = model.value_by(model.start_ms + point_ms, &mut lanes, |cell, value| {
                if let Some(sum) = sums.get_mut(usize::from(cell.region)) {
                    *sum += value;
                }
            });
            self.history.push(total);
            if regions {
                for (history, sum) in self.region_history.iter_mut().zip(sums) {
                    history.push(sum);
                }
            }
        }
        let region_points = usize::try_from(into_ms / region_step_ms).unwrap_or(0) + 1;
        History {
            step_ms,
            gmv_minor: self.history.iter().take(points).copied().collect(),
            region_step_ms,
            regions: self
                .region_history
                .iter()
                .enumerate()
                .map(|(region, history)| RegionHistory {
                    region: region as u8,
                    gmv_minor: history.iter().take(region_points).copied().collect(),
                })
                .filter(|history| history.gmv_minor.iter().any(|gmv| *gmv != 0))
                .collect(),
        }
    }
}

/// Works a day file out.
fn build(file: &DayFile, catalogue: Arc<Catalogue>) -> Result<Model, String> {
    let currency = file.day.currency;
    named(&file.title, "title")?;
    let start = chrono::DateTime::parse_from_rfc3339(&file.day.start).map_err(|error| {
        format!(
            "day.start: {:?} is no instant ({error}): as in \"2016-11-11T00:00:00+08:00\"",
            file.day.start
        )
    })?;
    if !(1..=72).contains(&file.day.hours) {
        return Err(format!(
            "day.hours: {} is out of range: 1 to 72 is possible",
            file.day.hours
        ));
    }
    let secs = file.day.hours as usize * 3_600;
    let start_ms = start.timestamp_millis();
    let end_ms = start_ms + secs as i64 * 1_000;

    let total_minor = minor_of("totals.gmv", file.totals.gmv, currency)?;
    if total_minor == 0 {
        return Err("totals.gmv: 0 is no day".to_owned());
    }
    let mut points = points_of("curve", &file.curve, currency)?;
    if let Some((last_secs, last_minor)) = points.last().copied() {
        if last_secs >= secs {
            return Err(format!(
                "curve: the last point isn't before the day's end ({} hours); what the day ends with is totals.gmv",
                file.day.hours
            ));
        }
        if last_minor > total_minor {
            return Err("curve: the last point is more than totals.gmv".to_owned());
        }
    }
    points.push((secs, total_minor));
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x as f64, *y as f64)).collect();
    let value = monotone(&points, secs);
    let counts = |what: &str, total: u64, peak: f64| {
        if total == 0 || total > 1 << 50 {
            return Err(format!(
                "totals.{what}: {total} is out of range: 1 to 10¹⁵ is possible"
            ));
        }
        if !(peak > 0.0 && peak.is_finite()) {
            return Err(format!("peaks.{what}_per_s: {peak} is no rate"));
        }
        counts_along(&value, peak, total as f64).map_err(|why| match why {
            NoRates::PeakTooLow { most } => format!(
                "peaks.{what}_per_s: {peak} all day long gives {most:.0} {what}, fewer than totals.{what} ({total}): a higher peak is needed"
            ),
            NoRates::PeakTooHigh => format!(
                "peaks.{what}_per_s: {peak} is too much for totals.{what} ({total}) along this curve: a lower peak is needed"
            ),
        })
    };
    let payments = counts("payments", file.totals.payments, file.peaks.payments_per_s)?;
    let orders = counts("orders", file.totals.orders, file.peaks.orders_per_s)?;

    // The share of mobile until an instant, and from it the share in each block.
    let mut mobile: Vec<(f64, f64)> = Vec::new();
    for (number, point) in file.mobile.iter().enumerate() {
        let key = format!("mobile[{number}]");
        let at_secs = secs_of(&format!("{key}.at"), &point.at)? as f64;
        let share = share_of(&format!("{key}.share"), point.share)?;
        if mobile.last().is_some_and(|(before, _)| at_secs <= *before) {
            return Err(format!(
                "{key}.at: {:?} isn't after the point before it",
                point.at
            ));
        }
        mobile.push((at_secs, share));
    }
    if mobile.is_empty() {
        return Err("mobile: at least one point is needed".to_owned());
    }
    let mobile_until = |x: f64| {
        let mut before: Option<(f64, f64)> = None;
        for (at_secs, share) in &mobile {
            if x <= *at_secs {
                return match before {
                    Some((x0, s0)) => s0 + (share - s0) * (x - x0) / (at_secs - x0),
                    None => *share,
                };
            }
            before = Some((*at_secs, *share));
        }
        before.map_or(0.0, |(_, share)| share)
    };

    if file.category.is_empty() || file.category.len() > MAX_CATEGORIES {
        return Err(format!(
            "category: {} of them; 1 to {MAX_CATEGORIES} are possible",
            file.category.len()
        ));
    }
    for (number, category) in file.category.iter().enumerate() {
        let key = format!("category[{number}]");
        named(&category.name, &format!("{key}.name"))?;
        share_of(&format!("{key}.share"), category.share)?;
        if !(0.01..=100.0).contains(&category.ticket) {
            return Err(format!(
                "{key}.ticket: {} is out of range: 0.01 to 100 is possible",
                category.ticket
            ));
        }
    }
    let category_sum: f64 = file.category.iter().map(|category| category.share).sum();
    if (category_sum - 1.0).abs() > 1e-3 {
        return Err(format!(
            "category: the shares come to {category_sum:.4}: 1 is needed"
        ));
    }

    let base = region_shares(file, &catalogue)?;
    let home = match &file.regions.home {
        Some(iso2) => Some(region_of(&catalogue, "regions.home", iso2)?),
        None => None,
    };
    let dip = file.regions.night_dip;
    if !(0.0..=0.9).contains(&dip) {
        return Err(format!(
            "regions.night_dip: {dip} is out of range: 0 to 0.9 is possible"
        ));
    }
    let regions = base.len();
    let blocks = secs.div_ceil(BLOCK_SECS);
    let mut region_share = Vec::with_capacity(blocks * regions);
    for block in 0..blocks {
        let middle_ms = start_ms + ((block * BLOCK_SECS + BLOCK_SECS / 2) as i64) * 1_000;
        let weights: Vec<f64> = catalogue
            .regions()
            .iter()
            .zip(&base)
            .enumerate()
            .map(|(number, (region, share))| {
                // The home region's hours are the curve itself.
                if home.is_some_and(|home| usize::from(home.0) == number) {
                    return share * (1.0 - dip / 2.0);
                }
                let local_ms = middle_ms + i64::from(region.utc_offset_min) * 60_000;
                let hour = local_ms.rem_euclid(86_400_000) as f64 / 3_600_000.0;
                let night = 0.5 + 0.5 * (std::f64::consts::TAU * (hour - 4.5) / 24.0).cos();
                share * (1.0 - dip * night)
            })
            .collect();
        let sum: f64 = weights.iter().sum();
        region_share.extend(weights.iter().map(|weight| weight / sum));
    }

    let seed = mix(file.seed);
    let mut cells = Vec::new();
    // By cell: its share of its region's orders, channel apart.
    let mut category_shares = Vec::new();
    for (region, share) in base.iter().enumerate() {
        if *share <= 0.0 {
            continue;
        }
        let tastes: Vec<f64> = file
            .category
            .iter()
            .enumerate()
            .map(|(category, table)| {
                let taste = normal(seed ^ mix((region * 64 + category) as u64));
                // The home region is the measure, so that the whole keeps the file's shares.
                let home = home.is_some_and(|home| usize::from(home.0) == region);
                table.share * if home { 1.0 } else { (0.3 * taste).exp() }
            })
            .collect();
        let sum: f64 = tastes.iter().sum();
        let mean_ticket: f64 = tastes
            .iter()
            .zip(&file.category)
            .map(|(taste, table)| taste / sum * table.ticket)
            .sum();
        for (category, (taste, table)) in tastes.iter().zip(&file.category).enumerate() {
            if *taste <= 0.0 {
                continue;
            }
            for channel in [Channel::Mobile, Channel::Desktop] {
                let number = (region * 64 + category) * 4 + usize::from(channel.index());
                let key = mix(seed ^ mix(number as u64 + 0x1000_0000));
                cells.push(CellKey {
                    region: region as u8,
                    category: category as u8,
                    channel,
                    ticket: table.ticket / mean_ticket,
                    payment_phase: unit(mix(key ^ 1)),
                    order_phase: unit(mix(key ^ 2)),
                    payment_key: mix(key ^ 3),
                    order_key: mix(key ^ 4),
                });
                category_shares.push(taste / sum);
            }
        }
    }

    let many = cells.len();
    let mut share = Vec::with_capacity(blocks * many);
    let mut cell_payments = vec![0.0; many];
    let mut cell_orders = vec![0.0; many];
    let mut cell_value = vec![0.0; many];
    for block in 0..blocks {
        let (from, to) = (block * BLOCK_SECS, ((block + 1) * BLOCK_SECS).min(secs));
        let gained = at(&value, to) - at(&value, from);
        let by_mobile =
            mobile_until(to as f64) * at(&value, to) - mobile_until(from as f64) * at(&value, from);
        let mobile = if gained > 0.0 {
            by_mobile / gained
        } else {
            mobile_until(to as f64)
        };
        let mobile = mobile.clamp(0.0, 1.0);
        let more_payments = at(&payments, to) - at(&payments, from);
        let more_orders = at(&orders, to) - at(&orders, from);
        for (index, (cell, category_share)) in cells.iter().zip(&category_shares).enumerate() {
            let by_channel = match cell.channel {
                Channel::Mobile => mobile,
                _ => 1.0 - mobile,
            };
            let here =
                at(&region_share, block * regions + usize::from(cell.region)) * category_share * by_channel;
            share.push(here);
            let start = block * many + index;
            cell_payments.push(at(&cell_payments, start) + here * more_payments);
            cell_orders.push(at(&cell_orders, start) + here * more_orders);
            cell_value.push(at(&cell_value, start) + here * cell.ticket * gained);
        }
    }

    let payments_per_bucket = (file.totals.payments as f64 / LOOKUP_BUCKETS as f64).max(f64::MIN_POSITIVE);
    let mut second_of_payment = Vec::with_capacity(LOOKUP_BUCKETS);
    let mut second = 0_usize;
    for bucket in 0..LOOKUP_BUCKETS {
        let count = bucket as f64 * payments_per_bucket;
        while second + 1 < secs && at(&payments, second + 1) <= count {
            second += 1;
        }
        // One back: rounding may have gone one too far.
        second_of_payment.push(second.saturating_sub(1) as u32);
    }

    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(file.seed);
    let mut spreads = Vec::with_capacity(SPREADS);
    for _ in 0..SPREADS {
        let weights: Vec<f64> = (0..GROUP)
            .map(|_| (0.9 * normal(random.next_u64())).exp())
            .collect();
        let sum: f64 = weights.iter().sum();
        let mut spread = [0_u64; GROUP as usize + 1];
        let mut until = 0.0;
        for (slot, weight) in spread.iter_mut().skip(1).zip(&weights) {
            until += weight / sum;
            *slot = (until * (1_u64 << 32) as f64) as u64;
        }
        if let Some(last) = spread.last_mut() {
            *last = 1 << 32;
        }
        spreads.push(spread);
    }

    let shipping = &file.shipping;
    let bound = |share: f64| (share * f64::from(u32::MAX)) as u32;
    let import_share = share_of("shipping.import_share", shipping.import_share)?;
    let export_share = share_of("shipping.export_share", shipping.export_share)?;
    if home.is_none() && (import_share > 0.0 || export_share > 0.0) {
        return Err("shipping: parcels cross borders from and to regions.home, which isn't given".to_owned());
    }
    if import_share > 0.0 && shipping.import_from.is_empty() {
        return Err("shipping.import_from: import_share is given, and no region to import from".to_owned());
    }
    let import_sum: f64 = shipping.import_from.values().sum();
    let mut import_from = Vec::new();
    let mut until = 0.0;
    for (iso2, share) in &shipping.import_from {
        let key = format!("shipping.import_from.{iso2}");
        let region = region_of(&catalogue, &key, iso2)?;
        until += share_of(&key, *share)?;
        import_from.push((bound(until / import_sum.max(f64::MIN_POSITIVE)), region.0));
    }
    if let Some(last) = import_from.last_mut() {
        last.0 = u32::MAX;
    }

    let comparisons = comparisons_of(&file.comparison, currency)?;
    let milestones_minor = milestones_of(&file.celebrate, currency)?;

    let hello = Hello {
        version: VERSION,
        server: String::new(),
        mode: Mode::Demo,
        synthetic: true,
        title: file.title.clone(),
        currency,
        gmv_counts: Kind::Payment,
        speed: 1.0,
        catalogue: catalogue.hash().to_owned(),
        categories: file
            .category
            .iter()
            .map(|category| category.name.clone())
            .collect(),
        day: Day {
            start_ms,
            end_ms,
            utc_offset_min: start.offset().local_minus_utc() / 60,
        },
        comparisons,
        milestones_minor,
        products: Vec::new(),
        class: DataClass::Public,
        key: None,
        published_ms: None,
        k: None,
    };
    let payment_minor: Vec<f64> = (0..blocks)
        .map(|block| {
            let (from, to) = (block * BLOCK_SECS, ((block + 1) * BLOCK_SECS).min(secs));
            let paid = at(&payments, to) - at(&payments, from);
            if paid >= 1.0 {
                (at(&value, to) - at(&value, from)) / paid
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let mut model = Model {
        places: Places::new(&catalogue),
        catalogue,
        hello,
        start_ms,
        end_ms,
        secs,
        mean_order_minor: total_minor as f64 / file.totals.orders as f64,
        value,
        payments,
        orders,
        second_of_payment,
        payments_per_bucket,
        cells,
        blocks,
        share,
        cell_payments,
        cell_orders,
        cell_value,
        region_share,
        spreads,
        home: home.map_or(Batch::DOMESTIC, |home| home.0),
        import_below: bound(import_share),
        export_below: bound(export_share),
        import_from,
        products: Products::default(),
    };
    model.products = products::build(
        file,
        &model.catalogue,
        home.map(|home| home.0),
        secs,
        &model.cells,
        &payment_minor,
        |index, second| {
            let ms = start_ms + second as i64 * 1_000;
            model.counts_of(model.curve_at(ms), index)
        },
    )?;
    model.hello.products = model.products.list.clone();
    Ok(model)
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
                    out.batches.push(batch);
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

    fn ended(&self) -> bool {
        self.now_ms >= self.model.end_ms
    }
}
