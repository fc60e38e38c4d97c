//! The tree of one kind: from the total by region and category to the products.

use std::collections::BTreeMap;

use super::figures::{PublicFigures, Span};
use super::places::{CityMap, Places};
use super::split::{Dice, Now, Split, Sum};
use super::told::{PIECES_OF_TOTAL, Told};
use super::{Column, Drawn, Later, NONE, QUANTUM_MS, Row, Rules, Shape};
use meridian_core::sales::{Channel, EventMs, Kind};

/// How long after a step's instant its orders may have happened: a step may be late.
const AHEAD_MS: i64 = 2_000;
/// The most flows in a step in which a kind that is behind catches up.
const MAX_FLOWS: usize = 64;

/// The numbers in which each part of the day is told.
pub(super) struct Numbers {
    total: Told,
    channels: BTreeMap<u8, Told>,
    regions: BTreeMap<u16, Told>,
    /// By category, and the region where it has numbers of its own.
    cells: BTreeMap<Option<u16>, BTreeMap<u8, Told>>,
    products: BTreeMap<(u8, Option<u16>), BTreeMap<u16, Told>>,
    /// By region, the number after which it has a split by category; before it is pooled with others.
    large: Vec<Option<u64>>,
    /// The same for a category in a region, by product.
    detailed: BTreeMap<(u8, u16), u64>,
}

impl Numbers {
    pub(super) fn new(regions: usize) -> Self {
        Self {
            total: Told::of_total(),
            channels: BTreeMap::new(),
            regions: BTreeMap::new(),
            cells: BTreeMap::new(),
            products: BTreeMap::new(),
            large: vec![None; regions],
            detailed: BTreeMap::new(),
        }
    }

    /// By region, from which number on it has categories.
    #[cfg(test)]
    pub(super) fn large(&self) -> &[Option<u64>] {
        &self.large
    }

    /// By category and region, from which number on it has products.
    #[cfg(test)]
    pub(super) fn detailed(&self) -> BTreeMap<(usize, usize), u64> {
        let each = self.detailed.iter();
        each.map(|((category, region), from)| ((usize::from(*category), usize::from(*region)), *from))
            .collect()
    }
}

/// A split by category: of one region, or of all that are pooled.
struct Node {
    split: Split<u8>,
    /// By category, what waits.
    rows: Vec<Vec<Row>>,
    released: Vec<u64>,
}

impl Node {
    fn new(start_ms: EventMs, width: usize) -> Self {
        Self {
            split: Split::new(start_ms),
            rows: vec![Vec::new(); width],
            released: vec![0; width],
        }
    }
}

/// What waits of a region, and how many of it were released.
#[derive(Clone, Default)]
struct Region {
    rows: Vec<Row>,
    released: u64,
}

/// One column's way from the total to the products.
pub(super) struct Tree {
    column: Column,
    /// Whether it has a value.
    carries: bool,
    pending: Vec<Row>,
    released: u64,
    threshold: u64,
    /// Until when what was released happened.
    since_ms: EventMs,
    /// When the earliest of what waits happened.
    pub(super) first_ms: EventMs,
    /// When the latest of what came happened.
    pub(super) latest_ms: EventMs,
    channels: Split<u8>,
    regions: Split<u16>,
    region: Vec<Region>,
    /// By region: those large enough.
    nodes: Vec<Option<Node>>,
    pool: Node,
    /// By category, and the region where it is large enough there.
    products: BTreeMap<(u8, Option<u16>), Split<u16>>,
    places: Places,
    /// Its own, so that orders don't show in when payments are released.
    dice: Dice,
}

/// What of a step goes where.
#[derive(Default)]
struct Flows {
    /// By region, or pooled: how many came in at its split by category.
    categories: BTreeMap<Option<u16>, u64>,
    /// How many came in at a split by product.
    products: BTreeMap<(u8, Option<u16>), u64>,
}

impl Tree {
    pub(super) fn new(
        column: Column,
        shape: &Shape,
        start_ms: EventMs,
        places: usize,
        seed: u64,
        mut dice: Dice,
    ) -> Self {
        let (places, code) = match column {
            Column::Orders => (places, 0),
            Column::Payments => (places, 1 << 3),
            Column::Corrections => (0, 0),
        };
        Self {
            column,
            carries: match column {
                Column::Orders => shape.gmv_counts == Kind::Order,
                Column::Payments => shape.gmv_counts == Kind::Payment,
                Column::Corrections => true,
            },
            pending: Vec::new(),
            released: 0,
            threshold: dice.threshold(),
            since_ms: start_ms,
            first_ms: EventMs::MAX,
            latest_ms: start_ms,
            channels: Split::of_margin(start_ms),
            regions: Split::of_margin(start_ms),
            region: vec![Region::default(); shape.regions + 1],
            nodes: std::iter::repeat_with(|| None).take(shape.regions).collect(),
            pool: Node::new(start_ms, shape.categories),
            products: BTreeMap::new(),
            places: Places::new(shape.k, seed, code, places, shape.regions, start_ms),
            dice,
        }
    }

    fn sum_of(&self, rows: &[Row]) -> Sum {
        sum_of(rows, self.carries)
    }

    /// How many came.
    pub(super) fn count(&self) -> u64 {
        self.released + self.pending.len() as u64
    }

    /// Adds a row that waits.
    pub(super) fn take(&mut self, row: Row) {
        self.pending.push(row);
    }

    /// How many were released of what has no region.
    #[cfg(test)]
    pub(super) fn unplaced(&self) -> u64 {
        self.region.last().map_or(0, |region| region.released)
    }

    /// Releases what may be released.
    pub(super) fn advance(
        &mut self,
        shape: &Shape,
        ground: &CityMap,
        now: Now,
        closing: bool,
        levers: Rules,
        numbers: &mut Numbers,
        figures: &mut PublicFigures,
        drawn: &mut Drawn,
    ) {
        let waiting = self.pending.len() as u64;
        let enough = if now.last { shape.k } else { self.threshold };
        // Before the day's end something is kept back, so that what is left then isn't a few.
        let count = self.released + waiting.saturating_sub(if closing { shape.k } else { 0 });
        let next = if now.together {
            numbers
                .total
                .next(now.side, count, u64::MAX, now.ahead.then_some(enough))
        } else {
            let waiting = count - self.released;
            (waiting >= enough).then_some(super::told::Next {
                value: count,
                leads: true,
            })
        };
        if let Some(next) = next {
            let mut stops = if now.together {
                numbers.total.whole_below(now.side, next.value)
            } else {
                Vec::new()
            };
            if stops.len() > MAX_FLOWS {
                let every = stops.len().div_ceil(MAX_FLOWS);
                stops = stops.into_iter().step_by(every).collect();
            }
            stops.push(next.value);
            self.threshold = self.dice.threshold();
            // What came late is spread over when it happened: a backlog makes no peak.
            let first_ms = std::mem::replace(&mut self.first_ms, EventMs::MAX);
            let late_ms = if first_ms < self.since_ms {
                first_ms - first_ms.rem_euclid(QUANTUM_MS)
            } else {
                self.since_ms
            };
            // Steps and batches begin and end at instants of their own: what is told happened when its batches say.
            let until_ms = self.latest_ms.clamp(late_ms, late_ms.max(now.at_ms + AHEAD_MS));
            let many = (next.value - self.released) as usize;
            let grain = if now.together {
                numbers.total.grain(next.value, enough)
            } else {
                enough
            };
            let mut rows = first_of(&mut self.pending, many);
            let whole = self.sum_of(&rows);
            if self.carries {
                for row in &rows {
                    // What products tell of, and what came back, is hidden by the others.
                    let hides = row.items.is_none() && self.column != Column::Corrections;
                    figures.join(row.amount_minor, hides);
                }
            }
            // First, since what has no region yet is what regions haven't released of it.
            figures.total(
                self.column,
                whole,
                Span {
                    from_ms: late_ms,
                    until_ms,
                    grain,
                },
                now.at_ms,
            );
            for stop in stops {
                numbers.total.tell(now.side, stop, 0, (shape.k, PIECES_OF_TOTAL));
                let part = first_of(&mut rows, (stop - self.released) as usize);
                self.released = stop;
                let now = Now {
                    position: stop,
                    ahead: now.ahead && stop > numbers.total.of(now.side.other()),
                    ..now
                };
                self.flow(part, shape, ground, now, late_ms, levers, numbers, figures);
            }
            self.since_ms = self.since_ms.max(until_ms);
            if self.column != Column::Corrections {
                drawn.events += whole.count;
            }
        }
    }

    /// Passes a release of the total on to regions, channels and their parts.
    fn flow(
        &mut self,
        rows: Vec<Row>,
        shape: &Shape,
        ground: &CityMap,
        now: Now,
        late_ms: EventMs,
        levers: Rules,
        numbers: &mut Numbers,
        figures: &mut PublicFigures,
    ) {
        let coarse = Now {
            complete: levers.margins,
            heads: levers.margins && levers.heads,
            ..now
        };
        let fine = Now {
            complete: levers.details,
            heads: levers.details && levers.heads,
            ..now
        };
        let many = rows.len() as u64;
        let carries = self.carries;
        let mut by_channel = [Sum::default(); Channel::COUNT];
        let mut by_region = vec![Sum::default(); shape.regions + 1];
        for row in rows {
            let sum = row.sum(carries);
            if let Some(slot) = by_channel.get_mut(usize::from(row.channel)) {
                *slot += sum;
            }
            let at = usize::from(row.region);
            if let (Some(slot), Some(region)) = (by_region.get_mut(at), self.region.get_mut(at)) {
                *slot += sum;
                region.rows.push(row);
            }
        }
        for (channel, sum) in by_channel.into_iter().enumerate() {
            self.channels.add(channel as u8, sum, &mut self.dice);
        }
        for released in self
            .channels
            .flow(many, coarse, &mut self.dice, &mut numbers.channels)
        {
            figures.channel(self.column, released.key, released.sum);
        }
        for (number, sum) in by_region.into_iter().enumerate() {
            self.regions.add(number as u16, sum, &mut self.dice);
        }
        let mut flows = Flows::default();
        for released in self
            .regions
            .flow(many, coarse, &mut self.dice, &mut numbers.regions)
        {
            let from_ms = released.from_ms;
            self.region(
                released.key,
                released.sum.count,
                from_ms,
                shape,
                ground,
                now,
                numbers,
                figures,
                &mut flows,
            );
        }
        for (region, count) in std::mem::take(&mut flows.categories) {
            self.categories(region, count, shape, fine, numbers, figures, &mut flows);
        }
        for ((category, region), count) in flows.products {
            let Some(split) = self.products.get_mut(&(category, region)) else {
                continue;
            };
            let told = numbers.products.entry((category, region)).or_default();
            for released in split.flow(count, fine, &mut self.dice, told) {
                if released.key != NONE {
                    let from_ms = released.from_ms.min(late_ms);
                    figures.product(
                        self.column,
                        released.key,
                        region,
                        released.sum,
                        from_ms,
                        now.at_ms,
                    );
                }
            }
        }
    }

    /// Releases a number of a region's events.
    fn region(
        &mut self,
        key: u16,
        count: u64,
        from_ms: EventMs,
        shape: &Shape,
        ground: &CityMap,
        now: Now,
        numbers: &mut Numbers,
        figures: &mut PublicFigures,
        flows: &mut Flows,
    ) {
        let number = usize::from(key);
        let Some(region) = self.region.get_mut(number) else {
            return;
        };
        let count = (count as usize).min(region.rows.len());
        let rows = first_of(&mut region.rows, count);
        let before = region.released;
        region.released += count as u64;
        let sum = sum_of(&rows, self.carries);
        figures.region(self.column, number, sum);
        if number < shape.regions && self.column != Column::Corrections {
            let since_ms = if now.at_ms - from_ms > now.step_ms {
                from_ms
            } else {
                now.at_ms - now.step_ms
            };
            self.places
                .take(number, &rows, self.column == Column::Orders, since_ms);
            self.places.hurry(ground, number, now.at_ms - from_ms, now.at_ms);
        }
        // Whichever kind comes there first says from which number on a region is split; so both split the same.
        let large = numbers.large.get_mut(number).and_then(|slot| {
            if slot.is_none() && region.released >= shape.worth_categories() {
                let other = numbers
                    .regions
                    .get(&key)
                    .map_or(0, |told| told.of(now.side.other()));
                *slot = Some(region.released.max(other));
            }
            *slot
        });
        let pooled = large.map_or(count as u64, |large| {
            large.saturating_sub(before).min(count as u64)
        });
        if pooled > 0 {
            *flows.categories.entry(None).or_default() += pooled;
        }
        if count as u64 > pooled {
            *flows.categories.entry(Some(key)).or_default() += count as u64 - pooled;
        }
        let mut rest = rows;
        let first = first_of(&mut rest, pooled as usize);
        hand_on(&mut self.pool, first, self.carries, &mut self.dice);
        if let Some(node) = self.nodes.get_mut(number)
            && !rest.is_empty()
        {
            let node = node.get_or_insert_with(|| Node::new(from_ms, shape.categories));
            hand_on(node, rest, self.carries, &mut self.dice);
        }
    }

    /// Takes an inflow at a split by category.
    fn categories(
        &mut self,
        region: Option<u16>,
        count: u64,
        shape: &Shape,
        now: Now,
        numbers: &mut Numbers,
        figures: &mut PublicFigures,
        flows: &mut Flows,
    ) {
        let node = match region {
            Some(region) => self.nodes.get_mut(usize::from(region)).and_then(Option::as_mut),
            None => Some(&mut self.pool),
        };
        let Some(node) = node else {
            return;
        };
        let told = numbers.cells.entry(region).or_default();
        for released in node.split.flow(count, now, &mut self.dice, told) {
            let number = released.key;
            let at = usize::from(number);
            let (Some(waiting), Some(so_far)) = (node.rows.get_mut(at), node.released.get_mut(at)) else {
                continue;
            };
            let count = (released.sum.count as usize).min(waiting.len());
            let rows = first_of(waiting, count);
            let before = *so_far;
            *so_far += count as u64;
            let sum = sum_of(&rows, self.carries);
            figures.category(self.column, at, region, sum);
            if shape.products == 0 {
                continue;
            }
            let own_from = region.and_then(|region| {
                let key = (number, region);
                if !numbers.detailed.contains_key(&key) && *so_far >= shape.worth_products(number) {
                    let told = numbers
                        .cells
                        .get(&Some(region))
                        .and_then(|cells| cells.get(&number));
                    let other = told.map_or(0, |told| told.of(now.side.other()));
                    numbers.detailed.insert(key, (*so_far).max(other));
                }
                numbers.detailed.get(&key).copied()
            });
            let pooled = own_from.map_or(count as u64, |from| from.saturating_sub(before));
            let pooled = (pooled as usize).min(rows.len());
            for (own, many) in [(None, pooled), (region, rows.len() - pooled)] {
                if many == 0 {
                    continue;
                }
                let part = match own {
                    None => rows.get(..pooled),
                    Some(_) => rows.get(pooled..),
                };
                let split = self
                    .products
                    .entry((number, own))
                    .or_insert_with(|| Split::new(released.from_ms));
                let inflow = flows.products.entry((number, own)).or_default();
                let mut sums: BTreeMap<u16, Sum> = BTreeMap::new();
                let mut without = 0;
                for row in part.unwrap_or(&[]) {
                    match &row.items {
                        None => without += 1,
                        Some(items) => {
                            for item in std::iter::once(&items.first).chain(&items.more) {
                                *sums.entry(item.product).or_default() += item.sum;
                                *inflow += item.sum.count;
                            }
                        }
                    }
                }
                *inflow += without;
                split.add(NONE, Sum::of(without), &mut self.dice);
                for (product, sum) in sums {
                    split.add(product, sum, &mut self.dice);
                }
            }
        }
    }

    /// Shows the lights that may be shown.
    pub(super) fn show(
        &mut self,
        shape: &Shape,
        ground: &CityMap,
        now: Now,
        drawn: &mut Drawn,
        later: &mut Later,
    ) {
        self.places.sweep(ground, now.at_ms);
        let when = (now.at_ms, now.step_ms);
        self.places
            .show(&shape.region_of_place, ground, when, drawn, later);
    }
}

/// Takes out the first rows; all of them without a copy.
fn first_of(rows: &mut Vec<Row>, many: usize) -> Vec<Row> {
    if many == 0 {
        return Vec::new();
    }
    if many >= rows.len() {
        let room = rows.len();
        return std::mem::replace(rows, Vec::with_capacity(room));
    }
    rows.drain(..many).collect()
}

/// Adds rows to a split by category.
fn hand_on(node: &mut Node, rows: Vec<Row>, carries: bool, dice: &mut Dice) {
    let mut sums = vec![Sum::default(); node.rows.len()];
    for row in rows {
        let at = usize::from(row.category);
        if let (Some(sum), Some(waiting)) = (sums.get_mut(at), node.rows.get_mut(at)) {
            *sum += row.sum(carries);
            waiting.push(row);
        }
    }
    for (category, sum) in sums.into_iter().enumerate() {
        node.split.add(category as u8, sum, dice);
    }
}

fn sum_of(rows: &[Row], carries: bool) -> Sum {
    if !carries {
        return Sum::of(rows.len() as u64);
    }
    let mut sum = Sum::default();
    for row in rows {
        sum += row.sum(true);
    }
    sum
}
