//! What may be published: counts of fewer than `k` orders or payments can't be worked out from the public figures.
//!
//! Orders, payments and corrections go through a tree each. The total is released first; what it released is split by
//! region and by channel; what a region released, by category; what a category released, by product. A
//! `Split` releases a child only when `k` events of it wait, and only so that no difference of its releases
//! leaves 1 to `k` − 1 events. Orders and payments are told in the same numbers (`Told`), values coarser than counts
//! (`Worth`), lights at cities of their own (`Places`): see `docs/privacy.md` for the rules and why they are enough. Pure: no
//! clock.

mod figures;
mod open;
mod places;
mod public;
mod split;
mod told;
mod tree;
mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::{Rng, SeedableRng};

pub use self::figures::PublicFigures;
pub(crate) use self::open::Open;
use self::places::CityMap;
pub use self::public::Public;
use self::split::{Dice, Now, Sum};
use self::told::Side;
use self::tree::{Numbers, Tree};
use crate::publish::class::Privacy;
use crate::publish::lights::{MAX_LIGHTS, arcs};
use crate::publish::warmth::WarmthMeter;
use meridian_core::sales::{Batch, Catalogue, EventMs, Kind};
use meridian_wire::{Body, Hello, Lights, Warmth, magnitude_bucket};

const MAX_WAIT_MS: i64 = 900_000;
/// A region is split by category, and a category in a region by product, from this many times `k` for each part on;
/// below it is pooled with others.
const WORTH: u64 = 4;
/// Times are published no finer than this.
const QUANTUM_MS: i64 = 1_000;
/// So long before the day's end, or a sixteenth of the day, something is kept back of each release, so that at the end what is left
/// isn't a few.
const CLOSING_MS: i64 = 900_000;
/// In a split by product: what has none of them.
const NONE: u16 = u16::MAX;

/// What a tree counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Orders,
    Payments,
    Corrections,
}

/// A product in an order.
#[derive(Debug, Clone, Copy)]
struct Piece {
    product: u16,
    sum: Sum,
}

/// One order, payment or correction that waits.
#[derive(Debug, Clone)]
struct Row {
    place: u16,
    /// As many as there are regions where it has none.
    region: u8,
    category: u8,
    channel: u8,
    bucket: u8,
    ships_from: u8,
    /// What it adds to the value; 0 where its kind carries none.
    amount_minor: i64,
    /// Few have any, and a row is to be small.
    items: Option<Box<Pieces>>,
}

/// The products of an order.
#[derive(Debug, Clone)]
struct Pieces {
    first: Piece,
    /// Most orders have one.
    more: Vec<Piece>,
}

impl Row {
    fn sum(&self, carries: bool) -> Sum {
        if carries {
            Sum::one(self.amount_minor)
        } else {
            Sum::of(1)
        }
    }
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

/// What is drawn later, so that it doesn't come in bunches.
#[derive(Default)]
struct Later {
    lights: Vec<Dealt>,
    /// Arcs: when, from where to where, and how many parcels.
    arcs: Vec<(EventMs, (u8, u16), u32)>,
    /// How many arcs there have been.
    number: u32,
}

impl Later {
    /// An arc at some instant of the span that follows.
    fn arc(&mut self, now_ms: EventMs, span_ms: i64, between: (u8, u16), parcels: u32) {
        // The golden ratio's multiples fill a span evenly, however many there are.
        self.number = self.number.wrapping_add(0x9E37_79B9);
        let into_ms = (i128::from(span_ms) * i128::from(self.number)) >> 32;
        let at_ms = now_ms + i64::try_from(into_ms).unwrap_or(0);
        self.arcs.push((at_ms, between, parcels));
    }
}

/// What a step's releases are drawn as.
#[derive(Default)]
struct Drawn {
    events: u64,
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
    minor_per_unit: i64,
    gmv_counts: Kind,
    /// From when on something is kept back.
    closing_ms: EventMs,
}

impl Shape {
    fn region(&self, place: u16) -> usize {
        self.region_of_place
            .get(usize::from(place))
            .map_or(self.regions, |region| usize::from(*region))
    }

    /// From how many on a region has its own split by category.
    fn worth_categories(&self) -> u64 {
        WORTH * self.k * self.categories.saturating_sub(1) as u64
    }

    /// From how many on a category in a region has its own split by product.
    fn worth_products(&self, category: u8) -> u64 {
        let products = self.products_of_category.get(usize::from(category)).copied();
        WORTH * self.k * (products.unwrap_or(0) + 1)
    }
}

/// Of a region's parcels, those by origin that are `k` at least, so that the others and what needed no parcel are
/// none or `k` at least too.
fn groups(all: &[(u8, u64)], orders: u64, k: u64) -> Vec<(u8, u64)> {
    let enough = all.iter().copied().filter(|(_, count)| *count >= k.max(1));
    let mut out: Vec<(u8, u64)> = enough.collect();
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
struct Rules {
    /// Remainders of the total by region and channel.
    margins: bool,
    /// Remainders of regions by category and of categories by product.
    details: bool,
    /// What came after a start, of spans across it.
    heads: bool,
    /// Orders and payments in the same numbers.
    together: bool,
    /// Values coarser than counts.
    values: bool,
}

impl Rules {
    const ALL: Self = Self {
        margins: true,
        details: true,
        heads: true,
        together: true,
        values: true,
    };
}

/// Keeps what waits, and releases what may be.
pub struct Guard {
    shape: Shape,
    ground: CityMap,
    levers: Rules,
    orders: Tree,
    payments: Tree,
    corrections: Tree,
    /// In which orders and payments are told.
    numbers: Numbers,
    /// In which corrections are.
    corrected: Numbers,
    figures: PublicFigures,
    drawn: Drawn,
    later: Later,
    warmth: WarmthMeter,
    at_ms: EventMs,
}

impl Guard {
    /// A guard without any orders yet. `warmth` is what the places have from before.
    pub(crate) fn new(
        privacy: Privacy,
        hello: &Hello,
        catalogue: &Arc<Catalogue>,
        (since_ms, at_ms): (EventMs, EventMs),
        warmth: &Warmth,
    ) -> Self {
        let regions = catalogue.regions().len();
        let ground = CityMap::new(catalogue);
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
            region_of_place: catalogue.region_of_place(),
            minor_per_unit: hello.currency.minor_per_unit(),
            gmv_counts: hello.gmv_counts,
            closing_ms: hello.day.end_ms - CLOSING_MS.min((hello.day.end_ms - hello.day.start_ms) / 16),
        };
        let seed = privacy.seed().unwrap_or_else(|| rand::rng().random());
        let places = catalogue.places().len();
        let tree = |column| {
            let mut random = rand_chacha::ChaCha12Rng::seed_from_u64(seed);
            // A stream of its own, so that orders don't show in when payments are released.
            random.set_stream(column as u64 + 1);
            let dice = Dice { k: shape.k, random };
            Tree::new(column, &shape, since_ms, places, seed, dice)
        };
        Self {
            orders: tree(Column::Orders),
            payments: tree(Column::Payments),
            corrections: tree(Column::Corrections),
            numbers: Numbers::new(regions),
            corrected: Numbers::new(regions),
            figures: PublicFigures::new(&shape, at_ms),
            ground,
            levers: Rules::ALL,
            drawn: Drawn::default(),
            later: Later::default(),
            warmth: WarmthMeter::new(places, at_ms, warmth),
            at_ms,
            shape,
        }
    }

    /// The fewest events of a published group.
    pub(crate) fn k(&self) -> u64 {
        self.shape.k
    }

    /// What has been released.
    pub(crate) fn figures(&self) -> &PublicFigures {
        &self.figures
    }

    /// Orders come so long after they happened, at most.
    pub(crate) fn set_lag(&mut self, lag_ms: i64) {
        self.figures.lag_ms = lag_ms;
    }

    /// Takes rows that the tally has counted.
    pub(crate) fn take(&mut self, batch: &Batch) {
        let carries = batch.kind == self.shape.gmv_counts;
        let (tree, corrections) = match batch.kind {
            Kind::Order => (&mut self.orders, &mut self.corrections),
            Kind::Payment => (&mut self.payments, &mut self.corrections),
        };
        if !batch.is_empty() {
            tree.first_ms = tree.first_ms.min(batch.from_ms);
            tree.latest_ms = tree.latest_ms.max(batch.to_ms);
        }
        let items = items_of(batch, self.shape.products, carries);
        for (_, piece) in items.iter().filter(|_| carries) {
            self.figures
                .price(piece.product, piece.sum.value_minor, piece.sum.units);
        }
        let mut items = items.as_slice();
        let shape = &self.shape;
        let rows = batch
            .place
            .iter()
            .zip(&batch.category)
            .zip(&batch.channel)
            .zip(&batch.amount_minor)
            .zip(&batch.ships_from);
        for (at, ((((place, category), channel), amount), ships_from)) in rows.enumerate() {
            let corrects = *amount < 0;
            let own = items.iter().take_while(|(row, _)| *row as usize == at).count();
            let (own, rest) = items.split_at(own);
            items = rest;
            if corrects && !carries {
                continue;
            }
            let own = own.split_first().map(|((_, first), more)| {
                Box::new(Pieces {
                    first: *first,
                    more: more.iter().map(|(_, piece)| *piece).collect(),
                })
            });
            let row = Row {
                place: *place,
                region: shape.region(*place) as u8,
                category: *category,
                channel: *channel,
                bucket: if corrects {
                    0
                } else {
                    magnitude_bucket(*amount, shape.minor_per_unit)
                },
                ships_from: *ships_from,
                amount_minor: if carries { *amount } else { 0 },
                items: own,
            };
            if corrects {
                corrections.take(row);
            } else {
                tree.take(row);
            }
        }
    }

    /// What was taken until now has no rates, and its lights aren't drawn: the figures are those of a state.
    pub(crate) fn open(&mut self, at_ms: EventMs) {
        self.figures.opened = true;
        self.advance(at_ms, false);
        self.figures.opened = false;
        for pace in [
            &mut self.figures.orders,
            &mut self.figures.payments,
            &mut self.figures.value,
        ] {
            pace.clear();
        }
        for pace in &mut self.figures.product_orders {
            pace.clear();
        }
        let second_ms = at_ms.div_euclid(1_000) * 1_000;
        self.figures.peaked_ms = (second_ms, second_ms);
        self.drawn = Drawn::default();
        self.later = Later::default();
    }

    /// Everything before an instant was taken: releases what may be. `last`: nothing will come after it.
    pub(crate) fn advance(&mut self, at_ms: EventMs, last: bool) {
        let now = Now {
            at_ms,
            step_ms: (at_ms - self.at_ms).max(1),
            last,
            complete: true,
            heads: true,
            side: Side::First,
            together: self.levers.together,
            position: 0,
            ahead: true,
        };
        self.figures.coarse = self.levers.values;
        self.figures.closing = at_ms >= self.shape.closing_ms;
        let closing = at_ms >= self.shape.closing_ms && !last;
        let (shape, ground, levers) = (&self.shape, &self.ground, self.levers);
        // Whoever has more leads: where it was, the other comes later.
        let leads = self.orders.count() >= self.payments.count();
        for (tree, side, ahead) in [
            (&mut self.orders, Side::First, leads),
            (&mut self.payments, Side::Second, !leads),
        ] {
            let now = Now { side, ahead, ..now };
            let (numbers, figures, drawn) = (&mut self.numbers, &mut self.figures, &mut self.drawn);
            tree.advance(shape, ground, now, closing, levers, numbers, figures, drawn);
            tree.show(shape, ground, now, &mut self.drawn, &mut self.later);
        }
        let (numbers, figures) = (&mut self.corrected, &mut self.figures);
        self.corrections.advance(
            shape,
            ground,
            now,
            closing,
            levers,
            numbers,
            figures,
            &mut self.drawn,
        );
        if last {
            self.figures.finish();
        }
        self.at_ms = at_ms;
        self.figures.advance(at_ms);
    }

    /// The lights of a step: of what it released at once, and the share of what is dealt out.
    pub(crate) fn lights(&mut self, from_ms: EventMs, to_ms: EventMs, step: u64) -> Option<Public<Body>> {
        let drawn = std::mem::take(&mut self.drawn);
        let mut groups = drawn.groups;
        for dealt in &mut self.later.lights {
            let span_ms = (dealt.to_ms - dealt.from_ms).max(1);
            let into_ms = (to_ms - dealt.from_ms).clamp(0, span_ms);
            let due = i128::from(dealt.count) * i128::from(into_ms) / i128::from(span_ms);
            let due = u64::try_from(due).unwrap_or(0);
            if due > dealt.given {
                groups.push((dealt.place, dealt.code, due - dealt.given));
                dealt.given = due;
            }
        }
        self.later.lights.retain(|dealt| dealt.given < dealt.count);
        let mut parcels = drawn.parcels;
        self.later.arcs.retain(|(at_ms, between, count)| {
            let due = *at_ms < to_ms;
            if due {
                let slot = parcels.entry(*between).or_default();
                *slot = slot.saturating_add(*count);
            }
            !due
        });
        let weight = self.warmth.weight(from_ms);
        for (place, _, count) in &groups {
            self.warmth.add(*place, weight * *count as f64);
        }
        let many: u64 = groups.iter().map(|(_, _, count)| count).sum();
        if drawn.events == 0 && many == 0 && parcels.is_empty() {
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
        Some(Public(Body::Lights(Lights {
            from_ms,
            to_ms,
            per_light: u32::try_from(stride).unwrap_or(u32::MAX),
            events: drawn.events,
            place,
            code,
            arcs: arcs(&parcels, step),
            published_ms: None,
        })))
    }

    /// The warmth that the lights left.
    pub(crate) fn warmth(&self, at_ms: EventMs) -> Warmth {
        self.warmth.levels(at_ms)
    }
}

/// The products of the rows, in order of rows.
fn items_of(batch: &Batch, products: usize, carries: bool) -> Vec<(u32, Piece)> {
    let mut out = Vec::new();
    if products == 0 {
        return out;
    }
    let items = &batch.items;
    let columns = items
        .row
        .iter()
        .zip(&items.product)
        .zip(&items.units)
        .zip(&items.amount_minor);
    for (((row, product), units), amount) in columns {
        let corrects = batch
            .amount_minor
            .get(*row as usize)
            .is_some_and(|whole| *whole < 0);
        let mut sum = Sum {
            // What came back of an order isn't one more.
            count: u64::from(corrects || *amount >= 0),
            ..Sum::default()
        };
        if carries {
            (sum.value_minor, sum.units) = (*amount, i64::from(*units));
            sum.max_minor = amount.unsigned_abs();
        }
        let piece = Piece {
            product: *product,
            sum,
        };
        out.push((*row, piece));
    }
    if !out.is_sorted_by_key(|(row, _)| *row) {
        out.sort_by_key(|(row, _)| *row);
    }
    out
}

/// A stride through a number of slots that visits each once, with neighbours far from each other.
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
mod tests;
