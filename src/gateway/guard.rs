//! What may be published: counts of fewer than `k` orders or payments can't be worked out from the public figures.
//!
//! Orders, payments and corrections go through a tree each. The total is released first; what it released is split by
//! region and by channel; what a region released, by category; what a category released, by product. A
//! `Split` releases a child only when `k` events of it wait, and only so that no difference of its releases
//! leaves 1 to `k` − 1 events: see `docs/privacy.md` for the rule and why it is enough. Pure: no clock.

mod figures;
mod split;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::{Rng, SeedableRng};

pub use self::figures::PublicFigures;
use self::split::{Dice, Now, Split, Sum};
use super::class::Privacy;
use super::publisher::{Heat, arcs};
use crate::sales::{Batch, Catalogue, Channel, EventMs, Kind};
use crate::tally::Tally;
use crate::wire::{Body, Counts, Hello, Lights, Mode, Rates, Warmth, magnitude_bucket};

/// What the guard has released: it alone can make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Public<T>(T);

impl<T> Public<T> {
    /// What it says.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What it says, without its mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

const LONGEST_MS: i64 = 900_000;
/// A region is split by category, and a category in a region by product, from so many times `k` for each part on;
/// below it is pooled with others.
const WORTH: u64 = 4;
/// Most lights in one frame.
const MAX_LIGHTS: usize = super::publisher::MAX_LIGHTS;
/// When something happened is told no finer.
const QUANTUM_MS: i64 = 100;
/// Buckets of amounts.
const BUCKETS: usize = 8;
/// In a split by product: what has none of them.
const NONE: u16 = u16::MAX;
/// The seed for generated orders, which are nobody's: their pictures come out the same each time.
const DEMO_SEED: u64 = 0x5eed;

/// What a tree counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Orders,
    Payments,
    Corrections,
}

/// What a region or the pool has of a category.
#[derive(Default)]
struct Category {
    sum: Sum,
    /// Of them, those that have a product that is followed.
    with_items: u64,
    products: BTreeMap<u16, Sum>,
}

impl Category {
    fn absorb(&mut self, more: Self) {
        self.sum += more.sum;
        self.with_items += more.with_items;
        for (product, sum) in more.products {
            *self.products.entry(product).or_default() += sum;
        }
    }
}

/// What waits of a region.
#[derive(Default)]
struct Region {
    categories: Vec<Category>,
    /// Places and buckets with any light.
    touched: Vec<u32>,
    /// By the region that they ship from.
    parcels: BTreeMap<u8, u64>,
    released: u64,
}

/// A split by category: of one region, or of all that are pooled.
struct Node {
    split: Split<u8>,
    categories: Vec<Category>,
    released: Vec<u64>,
}

impl Node {
    fn new(start_ms: EventMs, width: usize) -> Self {
        Self {
            split: Split::new(start_ms),
            categories: std::iter::repeat_with(Category::default).take(width).collect(),
            released: vec![0; width],
        }
    }
}

/// One column's way from the total to the products.
struct Tree {
    column: Column,
    pending: Sum,
    threshold: u64,
    since_ms: EventMs,
    /// When the earliest of what waits happened.
    first_ms: EventMs,
    channels: Split<u8>,
    channel_pending: [Sum; Channel::COUNT],
    regions: Split<u16>,
    region: Vec<Region>,
    /// By region: those large enough.
    nodes: Vec<Option<Node>>,
    pool: Node,
    /// By category, and the region where it is large enough there.
    products: BTreeMap<(u8, Option<u8>), Split<u16>>,
    /// place × bucket
    lights: Vec<u32>,
    /// Its own, so that orders don't show in when payments are released.
    dice: Dice,
}

/// A group of lights that is shown over a span.
struct Dealt {
    place: u16,
    code: u8,
    count: u64,
    given: u64,
    from_ms: EventMs,
    to_ms: EventMs,
}

/// What a step's releases are drawn as.
#[derive(Default)]
struct Drawn {
    events: u64,
    skipped: u64,
    groups: Vec<(u16, u8, u64)>,
    parcels: BTreeMap<(u8, u16), u32>,
}

/// What the trees have in common.
struct Shape {
    k: u64,
    regions: usize,
    /// One more than there are: the last has none.
    categories: usize,
    products: usize,
    products_of_category: Vec<u64>,
    region_of_place: Vec<u8>,
    first_place: Vec<u16>,
    minor_per_unit: i64,
    gmv_counts: Kind,
}

impl Shape {
    fn region(&self, place: u16) -> usize {
        self.region_of_place
            .get(usize::from(place))
            .map_or(self.regions, |region| usize::from(*region))
    }

    /// From how many on a region has its own split by category.
    fn worth_categories(&self) -> u64 {
        if self.k < 2 {
            return 0;
        }
        WORTH * self.k * self.categories.saturating_sub(1) as u64
    }

    /// From how many on a category in a region has its own split by product.
    fn worth_products(&self, category: u8) -> u64 {
        if self.k < 2 {
            return 0;
        }
        let products = self.products_of_category.get(usize::from(category)).copied();
        WORTH * self.k * (products.unwrap_or(0) + 1)
    }
}

impl Tree {
    fn new(column: Column, shape: &Shape, start_ms: EventMs, places: usize, mut dice: Dice) -> Self {
        let region = || Region {
            categories: std::iter::repeat_with(Category::default)
                .take(shape.categories)
                .collect(),
            ..Region::default()
        };
        Self {
            column,
            pending: Sum::default(),
            threshold: dice.threshold(),
            since_ms: start_ms,
            first_ms: EventMs::MAX,
            channels: Split::new(start_ms),
            channel_pending: [Sum::default(); Channel::COUNT],
            regions: Split::new(start_ms),
            region: std::iter::repeat_with(region).take(shape.regions + 1).collect(),
            nodes: std::iter::repeat_with(|| None).take(shape.regions).collect(),
            pool: Node::new(start_ms, shape.categories),
            products: BTreeMap::new(),
            lights: if column == Column::Corrections {
                Vec::new()
            } else {
                vec![0; places * BUCKETS]
            },
            dice,
        }
    }

    fn add(&mut self, region: usize, category: usize, channel: usize, sum: Sum) {
        self.pending += sum;
        if let Some(slot) = self.channel_pending.get_mut(channel) {
            *slot += sum;
        }
        if let Some(slot) = self
            .region
            .get_mut(region)
            .and_then(|region| region.categories.get_mut(category))
        {
            slot.sum += sum;
        }
    }

    fn add_product(&mut self, region: usize, category: usize, product: u16, sum: Sum, first: bool) {
        if let Some(slot) = self
            .region
            .get_mut(region)
            .and_then(|region| region.categories.get_mut(category))
        {
            slot.with_items += u64::from(first);
            *slot.products.entry(product).or_default() += sum;
        }
    }

    fn light(&mut self, region: usize, place: u16, bucket: u8) {
        let at = usize::from(place) * BUCKETS + usize::from(bucket);
        if let (Some(slot), Some(region)) = (self.lights.get_mut(at), self.region.get_mut(region)) {
            if *slot == 0 {
                region.touched.push(at as u32);
            }
            *slot += 1;
        }
    }

    /// Releases what may be.
    fn advance(
        &mut self,
        shape: &Shape,
        now: Now,
        knobs: Knobs,
        figures: &mut PublicFigures,
        drawn: &mut Drawn,
        dealt: &mut Vec<Dealt>,
    ) {
        let dice = &mut self.dice;
        let enough = if now.last { dice.k } else { self.threshold };
        if self.pending.count < enough.max(1) {
            return;
        }
        let total = std::mem::take(&mut self.pending);
        self.threshold = dice.threshold();
        // What came late is spread over when it happened: a backlog makes no peak.
        let first_ms = std::mem::replace(&mut self.first_ms, EventMs::MAX);
        let late_ms = if first_ms < self.since_ms {
            first_ms - first_ms.rem_euclid(QUANTUM_MS)
        } else {
            self.since_ms
        };
        figures.total(self.column, total, late_ms, now.at_ms);
        self.since_ms = now.at_ms;
        if self.column != Column::Corrections {
            drawn.events += total.count;
        }
        let coarse = Now {
            complete: knobs.margins,
            heads: knobs.margins && knobs.heads,
            ..now
        };
        for (channel, sum) in self.channel_pending.iter_mut().enumerate() {
            self.channels.add(channel as u8, std::mem::take(sum), dice);
        }
        for released in self.channels.flow(total.count, coarse, dice) {
            figures.channel(self.column, released.key, released.sum);
        }
        for (number, region) in self.region.iter().enumerate() {
            // What waits of it until now is what its categories hold; the split has what was there before.
            let mut whole = Sum::default();
            for category in &region.categories {
                whole += category.sum;
            }
            let known = self
                .regions
                .children
                .get(&(number as u16))
                .map_or(Sum::default(), |child| child.pending);
            let more = Sum {
                count: whole.count - known.count,
                value_minor: whole.value_minor - known.value_minor,
                units: whole.units - known.units,
            };
            self.regions.add(number as u16, more, dice);
        }
        let mut pooled = 0;
        let mut own: Vec<(u8, u64)> = Vec::new();
        for released in self.regions.flow(total.count, coarse, dice) {
            let number = usize::from(released.key);
            let Some(region) = self.region.get_mut(number) else {
                continue;
            };
            figures.region(self.column, number, released.sum);
            region.released += released.sum.count;
            if let Some(first) = shape.first_place.get(number).copied() {
                let slow = now.at_ms - released.from_ms > now.step_ms;
                let span = slow.then(|| {
                    (
                        now.at_ms,
                        now.at_ms + (now.at_ms - released.from_ms).min(LONGEST_MS),
                    )
                });
                let groups = coarsen(region, &mut self.lights, first, shape.k);
                let kind = if self.column == Column::Payments {
                    1 << 3
                } else {
                    0
                };
                for (place, bucket, count) in groups {
                    let code = kind | bucket;
                    match span {
                        None => drawn.groups.push((place, code, count)),
                        Some((from_ms, to_ms)) => dealt.push(Dealt {
                            place,
                            code,
                            count,
                            given: 0,
                            from_ms,
                            to_ms,
                        }),
                    }
                }
                for (from, count) in parcels(std::mem::take(&mut region.parcels), released.sum.count, shape.k)
                {
                    let slot = drawn.parcels.entry((from, first)).or_default();
                    *slot = slot.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                }
            }
            let large = region.released >= shape.worth_categories();
            let node = match self.nodes.get_mut(number) {
                Some(node) if large || node.is_some() => {
                    own.push((number as u8, released.sum.count));
                    node.get_or_insert_with(|| Node::new(released.from_ms, shape.categories))
                }
                _ => {
                    pooled += released.sum.count;
                    &mut self.pool
                }
            };
            for (number, category) in region.categories.iter_mut().enumerate() {
                let category = std::mem::take(category);
                node.split.add(number as u8, category.sum, dice);
                if let Some(slot) = node.categories.get_mut(number) {
                    slot.absorb(category);
                }
            }
        }
        let fine = Now {
            complete: knobs.details,
            heads: knobs.details && knobs.heads,
            ..now
        };
        let mut inflow: BTreeMap<(u8, Option<u8>), u64> = BTreeMap::new();
        let nodes = own
            .into_iter()
            .map(|(region, count)| (Some(region), count))
            .chain((pooled > 0).then_some((None, pooled)));
        for (region, count) in nodes {
            let node = match region {
                Some(region) => self.nodes.get_mut(usize::from(region)).and_then(Option::as_mut),
                None => Some(&mut self.pool),
            };
            let Some(node) = node else {
                continue;
            };
            for released in node.split.flow(count, fine, dice) {
                let number = released.key;
                let at = usize::from(number);
                figures.category(self.column, at, region, released.sum);
                let (Some(category), Some(so_far)) = (node.categories.get_mut(at), node.released.get_mut(at))
                else {
                    continue;
                };
                *so_far += released.sum.count;
                let category = std::mem::take(category);
                if shape.products == 0 {
                    continue;
                }
                let known = self.products.contains_key(&(number, region));
                let own = region.filter(|_| known || *so_far >= shape.worth_products(number));
                let split = self
                    .products
                    .entry((number, own))
                    .or_insert_with(|| Split::new(released.from_ms));
                let without = category.sum.count.saturating_sub(category.with_items);
                let mut count = without;
                split.add(NONE, Sum::new(without, 0), dice);
                for (product, sum) in category.products {
                    count += sum.count;
                    split.add(product, sum, dice);
                }
                *inflow.entry((number, own)).or_default() += count;
            }
        }
        for ((category, region), count) in inflow {
            let Some(split) = self.products.get_mut(&(category, region)) else {
                continue;
            };
            for released in split.flow(count, fine, dice) {
                if released.key != NONE {
                    figures.product(
                        self.column,
                        released.key,
                        region,
                        released.sum,
                        released.from_ms.min(late_ms),
                        now.at_ms,
                    );
                }
            }
        }
    }
}

/// The lights of a region's release as groups of at least `k`: (place, bucket, how many). Rare places go to the
/// region's first, rare buckets to the nearest one that isn't. Empties what waits.
fn coarsen(region: &mut Region, lights: &mut [u32], first: u16, k: u64) -> Vec<(u16, u8, u64)> {
    let mut touched = std::mem::take(&mut region.touched);
    touched.sort_unstable();
    let mut places: BTreeMap<u16, [u64; BUCKETS]> = BTreeMap::new();
    for at in touched {
        let at = at as usize;
        if let Some(count) = lights.get_mut(at) {
            let of_place = places.entry((at / BUCKETS) as u16).or_default();
            if let Some(slot) = of_place.get_mut(at % BUCKETS) {
                *slot = u64::from(std::mem::take(count));
            }
        }
    }
    let all = |buckets: &[u64; BUCKETS]| buckets.iter().sum::<u64>();
    let mut home = places.remove(&first).unwrap_or_default();
    let join = |home: &mut [u64; BUCKETS], buckets: [u64; BUCKETS]| {
        for (slot, count) in home.iter_mut().zip(buckets) {
            *slot += count;
        }
    };
    let rare: Vec<u16> = places
        .iter()
        .filter(|(_, buckets)| all(buckets) < k)
        .map(|(place, _)| *place)
        .collect();
    for place in rare {
        if let Some(buckets) = places.remove(&place) {
            join(&mut home, buckets);
        }
    }
    if (1..k).contains(&all(&home)) {
        let smallest = places
            .iter()
            .min_by_key(|(_, buckets)| all(buckets))
            .map(|(place, _)| *place);
        match smallest.and_then(|place| places.remove(&place)) {
            Some(buckets) => join(&mut home, buckets),
            // Only where not every order was gone through one by one.
            None => home = [0; BUCKETS],
        }
    }
    if all(&home) > 0 {
        places.insert(first, home);
    }
    let mut out = Vec::new();
    for (place, buckets) in places {
        let mut shown = [0_u64; BUCKETS];
        let many: Vec<usize> = (0..BUCKETS)
            .filter(|at| buckets.get(*at).is_some_and(|count| *count >= k.max(1)))
            .collect();
        let most = (0..BUCKETS).rev().max_by_key(|at| buckets.get(*at).copied());
        for (at, count) in buckets.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let near = many
                .iter()
                .copied()
                .min_by_key(|other| (other.abs_diff(at), *other));
            if let Some(slot) = near.or(most).and_then(|to| shown.get_mut(to)) {
                *slot += count;
            }
        }
        out.extend(
            shown
                .into_iter()
                .enumerate()
                .filter(|(_, count)| *count > 0)
                .map(|(bucket, count)| (place, bucket as u8, count)),
        );
    }
    out
}

/// Of a region's parcels, those by origin that are `k` at least, so that the others and what needed no parcel are
/// none or `k` at least too.
fn parcels(all: BTreeMap<u8, u64>, orders: u64, k: u64) -> Vec<(u8, u64)> {
    let mut out: Vec<(u8, u64)> = all.into_iter().filter(|(_, count)| *count >= k.max(1)).collect();
    let sum: u64 = out.iter().map(|(_, count)| count).sum();
    if (1..k).contains(&orders.saturating_sub(sum))
        && let Some(smallest) = (0..out.len()).min_by_key(|at| out.get(*at).map(|(_, count)| *count))
    {
        out.remove(smallest);
    }
    out
}

/// Which rules hold. All of them, except in a test that shows what each is for.
#[derive(Clone, Copy)]
struct Knobs {
    /// Remainders of the total by region and channel.
    margins: bool,
    /// Remainders of regions by category and of categories by product.
    details: bool,
    /// What came after a start, of spans across it.
    heads: bool,
}

/// Keeps what waits, and releases what may be.
pub struct Guard {
    shape: Shape,
    knobs: Knobs,
    orders: Tree,
    payments: Tree,
    corrections: Tree,
    figures: PublicFigures,
    drawn: Drawn,
    dealt: Vec<Dealt>,
    warmth: Heat,
    at_ms: EventMs,
}

impl Guard {
    /// A guard that knows nothing yet. `warmth` is what the places have from before.
    pub(super) fn new(
        privacy: Privacy,
        hello: &Hello,
        catalogue: &Arc<Catalogue>,
        (since_ms, at_ms): (EventMs, EventMs),
        warmth: &Warmth,
    ) -> Self {
        let regions = catalogue.regions().len();
        let region_of_place = catalogue.region_of_place();
        let mut first_place = vec![0; regions];
        for (place, region) in region_of_place.iter().enumerate().rev() {
            if let Some(slot) = first_place.get_mut(usize::from(*region)) {
                *slot = place as u16;
            }
        }
        let mut products_of_category = vec![0; hello.categories.len() + 1];
        for product in &hello.products {
            if let Some(slot) = products_of_category.get_mut(usize::from(product.category)) {
                *slot += 1;
            }
        }
        let shape = Shape {
            k: u64::from(privacy.k()),
            regions,
            categories: hello.categories.len() + 1,
            products: hello.products.len(),
            products_of_category,
            region_of_place,
            first_place,
            minor_per_unit: hello.currency.minor_per_unit(),
            gmv_counts: hello.gmv_counts,
        };
        let seed = privacy.seed().unwrap_or_else(|| match hello.mode {
            Mode::Demo => DEMO_SEED,
            _ => rand::rng().random(),
        });
        let places = catalogue.places().len();
        let tree = |column| {
            let dice = Dice {
                k: shape.k,
                random: rand_pcg::Pcg64Mcg::seed_from_u64(seed ^ column as u64),
            };
            Tree::new(column, &shape, since_ms, places, dice)
        };
        let (orders, payments, corrections) = (
            tree(Column::Orders),
            tree(Column::Payments),
            tree(Column::Corrections),
        );
        Self {
            figures: PublicFigures::new(&shape, at_ms),
            orders,
            payments,
            corrections,
            shape,
            knobs: Knobs {
                margins: true,
                details: true,
                heads: true,
            },
            drawn: Drawn::default(),
            dealt: Vec::new(),
            warmth: Heat::new(places, at_ms, warmth),
            at_ms,
        }
    }

    /// What has been released.
    pub(super) fn figures(&self) -> &PublicFigures {
        &self.figures
    }

    /// Orders come so long after they happened, at most.
    pub(super) fn set_lag(&mut self, lag_ms: i64) {
        self.figures.lag_ms = lag_ms;
    }

    /// Rates and peaks from before the guard's beginning.
    pub(super) fn open_rates(&mut self, rates: Rates) {
        self.figures.rates = rates;
    }

    /// Takes rows that the tally has counted.
    pub(super) fn take(&mut self, batch: &Batch) {
        let shape = &self.shape;
        let carries = batch.kind == shape.gmv_counts;
        let (tree, corrections) = match batch.kind {
            Kind::Order => (&mut self.orders, &mut self.corrections),
            Kind::Payment => (&mut self.payments, &mut self.corrections),
        };
        if !batch.is_empty() {
            tree.first_ms = tree.first_ms.min(batch.from_ms);
        }
        let rows = batch
            .place
            .iter()
            .zip(&batch.category)
            .zip(&batch.channel)
            .zip(&batch.amount_minor)
            .zip(&batch.ships_from);
        for ((((place, category), channel), amount), ships_from) in rows {
            let region = shape.region(*place);
            let (category, channel) = (usize::from(*category), usize::from(*channel));
            if *amount < 0 {
                if carries {
                    corrections.add(region, category, channel, Sum::new(1, *amount));
                }
                continue;
            }
            let value = if carries { *amount } else { 0 };
            tree.add(region, category, channel, Sum::new(1, value));
            if region < shape.regions {
                tree.light(region, *place, magnitude_bucket(*amount, shape.minor_per_unit));
                if batch.kind == Kind::Order
                    && *ships_from != Batch::DOMESTIC
                    && let Some(region) = tree.region.get_mut(region)
                {
                    *region.parcels.entry(*ships_from).or_default() += 1;
                }
            }
        }
        if shape.products == 0 {
            return;
        }
        let items = &batch.items;
        let columns = items
            .row
            .iter()
            .zip(&items.product)
            .zip(&items.units)
            .zip(&items.amount_minor);
        let mut seen = HashMap::new();
        for (((row, product), units), amount) in columns {
            let at = *row as usize;
            let (Some(place), Some(category)) = (batch.place.get(at), batch.category.get(at)) else {
                continue;
            };
            let whole = batch.amount_minor.get(at).copied().unwrap_or(0);
            let corrects = whole < 0;
            let mut sum = Sum {
                // What came back of an order isn't one more.
                count: u64::from(corrects || *amount >= 0),
                ..Sum::default()
            };
            if carries {
                (sum.value_minor, sum.units) = (*amount, i64::from(*units));
            }
            let first = seen.insert(*row, ()).is_none();
            let (region, category) = (shape.region(*place), usize::from(*category));
            if !corrects {
                tree.add_product(region, category, *product, sum, first);
            } else if carries {
                corrections.add_product(region, category, *product, sum, first);
            }
        }
    }

    /// Takes what one tally has more than another (or than nothing), where no rows were gone through.
    pub(super) fn absorb(&mut self, before: Option<&Tally>, after: &Tally, hello: &Hello) {
        let gmv_counts = self.shape.gmv_counts;
        let (regions, none) = (self.shape.regions, self.shape.categories - 1);
        let less = |now: Counts, then: Option<Counts>| {
            let then = then.unwrap_or_default();
            Counts {
                orders: now.orders.saturating_sub(then.orders),
                payments: now.payments.saturating_sub(then.payments),
                gmv_minor: now.gmv_minor.saturating_sub(then.gmv_minor),
            }
        };
        let parts = |counts: Counts| {
            let value = |kind| if gmv_counts == kind { counts.gmv_minor } else { 0 };
            (
                Sum::new(counts.orders, value(Kind::Order)),
                Sum::new(counts.payments, value(Kind::Payment)),
            )
        };
        let mut placed = [Counts::default(); Channel::COUNT];
        for region in 0..regions {
            for category in 0..none {
                for channel in Channel::ALL {
                    let of = |tally: &Tally| tally.cell_of_channel(region as u8, category as u8, channel);
                    let more = less(of(after), before.map(of));
                    if more == Counts::default() {
                        continue;
                    }
                    let (orders, payments) = parts(more);
                    let channel = usize::from(channel.index());
                    self.orders.add(region, category, channel, orders);
                    self.payments.add(region, category, channel, payments);
                    if let Some(slot) = placed.get_mut(channel) {
                        *slot += more;
                    }
                }
            }
        }
        // What has no region: its categories and its channels, each for itself.
        let mut rest = less(after.unplaced(), before.map(Tally::unplaced));
        for category in 0..none {
            let of = |tally: &Tally| {
                let mut whole = tally.category(category as u8);
                for region in 0..regions {
                    whole = less(whole, Some(tally.cell(region as u8, category as u8)));
                }
                whole
            };
            let more = less(of(after), before.map(of));
            rest = less(rest, Some(more));
            let (orders, payments) = parts(more);
            self.orders.add(regions, category, usize::MAX, orders);
            self.payments.add(regions, category, usize::MAX, payments);
        }
        for channel in Channel::ALL {
            let of = |tally: &Tally| tally.channel(channel);
            let at = usize::from(channel.index());
            let (orders, payments) = parts(less(less(of(after), before.map(of)), placed.get(at).copied()));
            for (tree, sum) in [(&mut self.orders, orders), (&mut self.payments, payments)] {
                if let Some(slot) = tree.channel_pending.get_mut(at) {
                    *slot += sum;
                }
            }
        }
        let (now, then) = (after.totals(), before.map(Tally::totals).unwrap_or_default());
        // A state's value has its corrections taken off already: here they are put back, and taken off apart.
        let corrections = Sum::new(
            now.corrections.saturating_sub(then.corrections),
            then.corrected_minor.saturating_sub(now.corrected_minor),
        );
        rest.gmv_minor = rest.gmv_minor.saturating_sub(corrections.value_minor);
        let (orders, payments) = parts(rest);
        self.orders.add(regions, none, usize::MAX, orders);
        self.payments.add(regions, none, usize::MAX, payments);
        self.corrections.add(regions, none, usize::MAX, corrections);
        for (product, info) in hello.products.iter().enumerate() {
            let of = |tally: &Tally, region: usize| match tally.product_regions(product as u16).get(region) {
                Some(counts) => *counts,
                None => {
                    let mut whole = tally.product(product as u16);
                    for counts in tally.product_regions(product as u16) {
                        whole.counts = less(whole.counts, Some(counts.counts));
                        whole.units -= counts.units;
                    }
                    whole
                }
            };
            for region in 0..=regions {
                let (now, then) = (of(after, region), before.map(|tally| of(tally, region)));
                let more = less(now.counts, then.map(|then| then.counts));
                let units = now.units - then.map_or(0, |then| then.units);
                if more == Counts::default() && units == 0 {
                    continue;
                }
                let category = usize::from(info.category);
                let (mut orders, mut payments) = parts(more);
                match gmv_counts {
                    Kind::Order => orders.units = units,
                    Kind::Payment => payments.units = units,
                }
                for (tree, sum) in [(&mut self.orders, orders), (&mut self.payments, payments)] {
                    tree.add_product(region, category, product as u16, sum, false);
                    if let Some(slot) = tree
                        .region
                        .get_mut(region)
                        .and_then(|region| region.categories.get_mut(category))
                    {
                        slot.with_items += sum.count;
                    }
                }
            }
        }
    }

    /// What was absorbed until now has no rates, and its lights aren't drawn: the figures are those of a state.
    pub(super) fn open(&mut self, at_ms: EventMs) {
        let before = self.figures.totals.counts;
        self.figures.opened = true;
        self.advance(at_ms, false);
        self.figures.opened = false;
        let after = self.figures.totals.counts;
        self.drawn.skipped += (after.orders + after.payments) - (before.orders + before.payments);
        for pace in [
            &mut self.figures.orders,
            &mut self.figures.payments,
            &mut self.figures.value,
        ] {
            pace.spans.clear();
        }
        for pace in &mut self.figures.product_orders {
            pace.spans.clear();
        }
        let second_ms = at_ms.div_euclid(1_000) * 1_000;
        self.figures.peaked_ms = (second_ms, second_ms);
    }

    /// Forgets what a step's lights would be: a beginning has none.
    pub(super) fn begin(&mut self) {
        self.drawn = Drawn::default();
    }

    /// The warmth of the places from here on.
    pub(super) fn warm(&mut self, places: usize, at_ms: EventMs, warmth: &Warmth) {
        self.warmth = Heat::new(places, at_ms, warmth);
    }

    /// Everything before an instant was taken: releases what may be. `last`: nothing will come after it.
    pub(super) fn advance(&mut self, at_ms: EventMs, last: bool) {
        let now = Now {
            at_ms,
            step_ms: (at_ms - self.at_ms).max(1),
            last,
            complete: true,
            heads: true,
        };
        for tree in [&mut self.orders, &mut self.payments, &mut self.corrections] {
            tree.advance(
                &self.shape,
                now,
                self.knobs,
                &mut self.figures,
                &mut self.drawn,
                &mut self.dealt,
            );
        }
        self.at_ms = at_ms;
        self.figures.advance(at_ms);
    }

    /// The lights of a step: of what it released at once, and the share of what is dealt out.
    pub(super) fn lights(&mut self, from_ms: EventMs, to_ms: EventMs, step: u64) -> Option<Public<Body>> {
        let drawn = std::mem::take(&mut self.drawn);
        let mut groups = drawn.groups;
        for dealt in &mut self.dealt {
            let span_ms = (dealt.to_ms - dealt.from_ms).max(1);
            let into_ms = (to_ms - dealt.from_ms).clamp(0, span_ms);
            let due = i128::from(dealt.count) * i128::from(into_ms) / i128::from(span_ms);
            let due = u64::try_from(due).unwrap_or(0);
            if due > dealt.given {
                groups.push((dealt.place, dealt.code, due - dealt.given));
                dealt.given = due;
            }
        }
        self.dealt.retain(|dealt| dealt.given < dealt.count);
        let weight = self.warmth.weight(from_ms);
        for (place, _, count) in &groups {
            self.warmth.add(*place, weight * *count as f64);
        }
        let many: u64 = groups.iter().map(|(_, _, count)| count).sum();
        if drawn.events == 0 && many == 0 {
            return None;
        }
        let mut stride = 1;
        while many / stride > MAX_LIGHTS as u64 {
            stride *= 2;
        }
        let shown = (many / stride) as usize;
        // Groups come one after the other; drawn, they stand among each other.
        let apart = apart(shown);
        let (mut place, mut code) = (vec![0; shown], vec![0; shown]);
        let mut number = 0_u64;
        let mut slot = 0_usize;
        for (at, kind, count) in groups {
            for _ in 0..count {
                if number.is_multiple_of(stride)
                    && let (Some(place), Some(code)) = (place.get_mut(slot), code.get_mut(slot))
                {
                    (*place, *code) = (at, kind);
                    slot = (slot + apart) % shown.max(1);
                }
                number += 1;
            }
        }
        let mut per_light = stride;
        let mut parcels = drawn.parcels;
        if drawn.skipped > 0 && many > 0 {
            per_light = drawn.events.div_ceil((shown as u64).max(1)).max(1);
            let share = drawn.events as f64 / (drawn.events - drawn.skipped.min(drawn.events)).max(1) as f64;
            for count in parcels.values_mut() {
                *count = (f64::from(*count) * share).round().min(f64::from(u32::MAX)) as u32;
            }
        }
        Some(Public(Body::Lights(Lights {
            from_ms,
            to_ms,
            per_light: u32::try_from(per_light).unwrap_or(u32::MAX),
            events: drawn.events,
            place,
            code,
            arcs: arcs(&parcels, step),
        })))
    }

    /// The warmth that the lights left.
    pub(super) fn warmth(&self, at_ms: EventMs) -> Warmth {
        self.warmth.levels(at_ms)
    }
}

/// A step through so many slots that visits each once, with neighbours far from each other.
fn apart(many: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let start = (many as f64 * 0.618) as usize;
    (start.max(1)..).find(|step| gcd(*step, many) == 1).unwrap_or(1)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
