//! The adversary: knows the algorithm, reads public frames, and tries to work out small counts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::{Opening, Publisher, Pulled, Restricted, ScenarioSource, Source, SourceError, load_catalogue};
use meridian_core::sales::{Channel, Currency};
use meridian_core::tally::Tally;
use meridian_wire::{Body, Cell, Counts, DataClass, Day, Mode, Names, ProductInfo, Snapshot, Totals};

const START_MS: EventMs = 1_478_793_600_000;

/// So many regions of the shipped catalogue, with three cities each at most.
fn small_catalogue(regions: usize) -> Arc<Catalogue> {
    let read = |path: &str| String::from_utf8(meridian_core::files::read(path).unwrap().to_vec()).unwrap();
    let (all, cities) = (read("assets/data/regions.csv"), read("assets/data/cities.csv"));
    let few: String = all
        .lines()
        .take(regions + 1)
        .map(|line| format!("{line}\n"))
        .collect();
    let mut kept = String::new();
    for line in few.lines() {
        let own = cities.lines().filter(|city| city[..3] == line[..3]).take(3);
        let own: Vec<&str> = if kept.is_empty() {
            cities.lines().take(1).collect()
        } else {
            own.collect()
        };
        kept.extend(own.into_iter().map(|city| format!("{city}\n")));
    }
    Arc::new(Catalogue::from_csv("r", few.as_bytes(), "c", kept.as_bytes()).unwrap())
}

/// A day that is a list of batches.
#[derive(Clone)]
struct Listed {
    hello: Hello,
    catalogue: Arc<Catalogue>,
    batches: Vec<Batch>,
    next: usize,
    now_ms: EventMs,
}

impl Source for Listed {
    fn hello(&self) -> Hello {
        self.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.next = self.batches.partition_point(|batch| batch.from_ms < to_ms);
        let (categories, products) = (self.hello.categories.len(), self.hello.products.len());
        let regions = self.catalogue.regions().len();
        let of_place = self.catalogue.region_of_place();
        let mut tally =
            Tally::new(of_place, regions, categories, self.hello.gmv_counts).with_products(products);
        for batch in &self.batches[..self.next] {
            tally.add(batch).unwrap();
        }
        let mut opening = Opening {
            totals: tally.totals(),
            ..Opening::default()
        };
        for region in 0..regions as u8 {
            for category in 0..categories as u8 {
                for channel in Channel::ALL {
                    let counts = tally.cell_of_channel(region, category, channel);
                    opening.cells.push((
                        channel,
                        Cell {
                            region,
                            category,
                            counts,
                        },
                    ));
                }
            }
            for product in 0..products as u16 {
                let counts = tally.product_regions(product)[usize::from(region)];
                opening.products.cells.push((product, Some(region), counts));
            }
        }
        Ok(opening)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        while let Some(batch) = self.batches.get(self.next)
            && batch.from_ms < to_ms
        {
            out.batches.push(Restricted::new(batch.clone()));
            self.next += 1;
        }
        self.now_ms = to_ms;
        Ok(())
    }

    fn ended(&self) -> bool {
        self.next == self.batches.len()
    }
}

/// A random small day.
#[derive(Clone)]
struct Small {
    catalogue: Arc<Catalogue>,
    source: Listed,
    privacy: Privacy,
    /// Where the publisher begins, when it isn't the day's start: then the first of the steps.
    joined: bool,
    steps: Vec<EventMs>,
}

/// How payments come.
#[derive(Debug, Clone, Copy)]
enum Paid {
    /// For themselves: other orders' altogether.
    Apart,
    /// Each so long after its order, in steps.
    After(f64),
}

fn small_day(seed: u64, max_steps: usize) -> Small {
    day_of(seed, max_steps, Paid::Apart)
}

#[expect(clippy::too_many_lines, reason = "a day in one piece, step by step")]
fn day_of(seed: u64, max_steps: usize, paid: Paid) -> Small {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let regions = random.random_range(2..=4_usize);
    let categories = random.random_range(1..=3_usize);
    let products = random.random_range(0..=3_usize);
    let catalogue = small_catalogue(regions);
    let k = [2, 3, 5, 10][random.random_range(0..4)];
    let step_ms = [100, 1_000, 7_000, 60_000][random.random_range(0..4)];
    let steps = random.random_range(6..=max_steps);
    let names = || Names::default();
    let hello = Hello {
        version: 1,
        server: String::new(),
        mode: Mode::Live,
        synthetic: false,
        title: names(),
        currency: Currency::CNY,
        gmv_counts: if random.random() {
            Kind::Order
        } else {
            Kind::Payment
        },
        speed: 1.0,
        catalogue: String::new(),
        categories: vec![names(); categories],
        day: Day {
            start_ms: START_MS,
            end_ms: START_MS + steps as i64 * step_ms,
            utc_offset_min: 480,
        },
        comparisons: Vec::new(),
        milestones_minor: vec![1_000, 100_000, 1_000_000],
        products: (0..products)
            .map(|product| ProductInfo {
                id: format!("p{product}"),
                names: names(),
                category: random.random_range(0..categories) as u8,
            })
            .collect(),
        class: DataClass::Public,
        key: None,
        published_ms: None,
        k: None,
    };
    // Each region, category and product as lively as it likes, some bursts, some silence.
    let mut lively = |from: f64, to: f64| (random.random_range(from.ln()..to.ln())).exp();
    let unplaced = if lively(0.5, 2.0) > 1.0 {
        lively(0.01, 3.0)
    } else {
        0.0
    };
    // What was before the publisher's beginning is an account without the categories of what has no region.
    let joined = unplaced == 0.0 && lively(0.5, 2.0) > 1.3;
    let busy = f64::from(k) * lively(0.05, 3.0);
    let of_region: Vec<f64> = (0..regions)
        .map(|_| busy * lively(0.01, 3.0))
        .chain([unplaced])
        .collect();
    let of_category: Vec<f64> = (0..categories).map(|_| lively(0.03, 1.0)).collect();
    let of_product: Vec<f64> = (0..products).map(|_| lively(0.05, 2.0)).collect();
    let mut batches = Vec::new();
    let places = catalogue.region_of_place();
    let pick = |random: &mut Pcg64Mcg, weights: &[f64]| {
        let mut left = random.random_range(0.0..weights.iter().sum::<f64>());
        weights
            .iter()
            .position(|weight| {
                left -= weight;
                left < 0.0
            })
            .unwrap_or(0)
    };
    let mut burst = 1.0;
    for step in 0..steps {
        if random.random_bool(0.2) {
            burst = [0.0, 0.2, 1.0, 1.0, 4.0][random.random_range(0..5)];
        }
        let from_ms = START_MS + step as i64 * step_ms;
        for kind in [Kind::Order, Kind::Payment] {
            if let (Kind::Payment, Paid::After(_)) = (kind, paid) {
                continue;
            }
            let mut batch = Batch::new(kind, from_ms, from_ms + step_ms);
            for (region, rate) in of_region.iter().enumerate() {
                let mut many = random.random_range(0.0..2.0) * rate * burst;
                if random.random_bool(0.3) {
                    many = 0.0;
                }
                let many = many.floor() as usize + usize::from(random.random_bool(many.fract()));
                let own: Vec<u16> = (0..places.len())
                    .filter(|place| usize::from(places[*place]) == region)
                    .map(|place| place as u16)
                    .collect();
                for _ in 0..many {
                    let place = match own.len() {
                        0 => Batch::UNPLACED,
                        len => own[random.random_range(0..len)],
                    };
                    let category = pick(&mut random, &of_category);
                    let corrects = random.random_bool(0.03);
                    let amount = random.random_range(0..200_000) * if corrects { -1 } else { 1 };
                    let from = [Batch::DOMESTIC, 0, 1][random.random_range(0..3)];
                    let row = batch.len() as u32;
                    batch.push(place, category as u8, random.random_range(0..2), amount, from);
                    let mut weights = vec![1.0];
                    weights.extend(hello.products.iter().zip(&of_product).map(|(info, weight)| {
                        if usize::from(info.category) == category {
                            *weight
                        } else {
                            0.0
                        }
                    }));
                    let product = pick(&mut random, &weights);
                    if product > 0 {
                        batch.items.push(row, product as u16 - 1, 1, amount);
                    }
                }
            }
            if !batch.is_empty() {
                batches.push(batch);
            }
        }
    }
    let mut late = 0;
    if let Paid::After(steps) = paid {
        let delay_ms = (steps * step_ms as f64) as i64;
        late = steps.ceil() as usize;
        let payments: Vec<Batch> = batches
            .iter()
            .map(|orders: &Batch| Batch {
                kind: Kind::Payment,
                from_ms: orders.from_ms + delay_ms,
                to_ms: orders.to_ms + delay_ms,
                ..orders.clone()
            })
            .collect();
        batches.extend(payments);
        batches.sort_by_key(|batch| (batch.to_ms, batch.kind == Kind::Payment));
    }
    Small {
        joined,
        catalogue: Arc::clone(&catalogue),
        source: Listed {
            hello,
            catalogue: Arc::clone(&catalogue),
            batches,
            next: 0,
            now_ms: START_MS,
        },
        privacy: Privacy::new(k).unwrap().with_seed(seed),
        steps: (1..=steps as i64)
            .map(|step| START_MS + step * step_ms)
            .chain((1..=late as i64).map(|step| START_MS + (steps as i64 + step) * step_ms))
            .chain([START_MS + (steps + late) as i64 * step_ms + 1_500])
            .skip(if joined { steps / 2 } else { 0 })
            .collect(),
    }
}

impl Small {
    fn publisher(&self) -> Publisher {
        Publisher::new(
            Box::new(self.source.clone()),
            Arc::clone(&self.catalogue),
            if self.joined { self.steps[0] } else { START_MS },
            1.0,
        )
        .and_then(|publisher| publisher.with_privacy(self.privacy))
        .unwrap()
    }

    /// The snapshot after each step, and what was released of what has no region: how the adversary knows that
    /// doesn't matter, it is told. The frames are the same figures' changes.
    fn play(&self, levers: Rules) -> Vec<Seen> {
        let mut publisher = self.publisher();
        publisher.guard().unwrap().levers = levers;
        self.steps
            .iter()
            .map(|at_ms| {
                // The first step of one that joined changes nothing: its frame is what it begins with.
                let step = publisher.step(*at_ms, 0);
                let snapshot = *publisher.public_snapshot(0).into_inner();
                if let Some(Body::Tick(tick)) = step.public.first().map(Public::get) {
                    assert_eq!(tick.totals, snapshot.totals);
                }
                let guard = publisher.guard().unwrap();
                Seen {
                    unplaced: [guard.orders.unplaced(), guard.payments.unplaced()],
                    large: guard.numbers.large().to_vec(),
                    detailed: guard.numbers.detailed(),
                    snapshot,
                }
            })
            .collect()
    }
}

/// What the adversary sees of a step, and what it is told besides: how doesn't matter.
struct Seen {
    snapshot: Snapshot,
    /// What was released of what has no region.
    unplaced: [u64; 2],
    /// From which number on a region has categories of its own, and a category in a region products.
    large: Vec<Option<u64>>,
    detailed: BTreeMap<(usize, usize), u64>,
}

/// A part of the day that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Channel(usize),
    /// As many as there are: none.
    Region(usize),
    /// One more than there are regions: pooled.
    Cell(usize, usize),
    Item(usize, usize),
}

fn of(kind: Kind, counts: &Counts) -> u64 {
    match kind {
        Kind::Order => counts.orders,
        Kind::Payment => counts.payments,
    }
}

fn the_other(kind: Kind) -> Kind {
    match kind {
        Kind::Order => Kind::Payment,
        Kind::Payment => Kind::Order,
    }
}

/// What is told of each part, of one kind.
fn numbers_of(seen: &Seen, kind: Kind) -> BTreeMap<Part, u64> {
    let (snapshot, regions) = (&seen.snapshot, seen.large.len());
    let mut out = BTreeMap::new();
    for row in &snapshot.channels {
        out.insert(Part::Channel(usize::from(row.id)), of(kind, &row.counts));
    }
    for row in &snapshot.regions {
        out.insert(Part::Region(usize::from(row.id)), of(kind, &row.counts));
    }
    out.insert(
        Part::Region(regions),
        seen.unplaced[usize::from(kind == Kind::Payment)],
    );
    for row in &snapshot.categories {
        out.insert(
            Part::Cell(regions + 1, usize::from(row.id)),
            of(kind, &row.counts),
        );
    }
    for row in &snapshot.cells {
        let (region, category) = (usize::from(row.region), usize::from(row.category));
        out.insert(Part::Cell(region, category), of(kind, &row.counts));
        *out.entry(Part::Cell(regions + 1, category)).or_default() -= of(kind, &row.counts);
    }
    for row in &snapshot.products.products {
        out.insert(
            Part::Item(regions + 1, usize::from(row.id)),
            of(kind, &row.counts.counts),
        );
    }
    for row in &snapshot.products.regions {
        let (region, product) = (usize::from(row.region), usize::from(row.product));
        out.insert(Part::Item(region, product), of(kind, &row.counts.counts));
        *out.entry(Part::Item(regions + 1, product)).or_default() -= of(kind, &row.counts.counts);
    }
    out
}

const ALL: Rules = Rules::ALL;

const PRIME: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

fn inverse(of: u64) -> u64 {
    let (mut out, mut base, mut left) = (1, of, PRIME - 2);
    while left > 0 {
        if left & 1 == 1 {
            out = times(out, base);
        }
        base = times(base, base);
        left >>= 1;
    }
    out
}

/// What the adversary knows: sums of unknowns. An unknown is a number of events by *stretch*, region (the last: none), category
/// and product or none of them, and channel. A stretch is what came between two numbers that were told of the total: of one
/// kind, or of both where they are the same events.
struct Knowledge {
    steps: usize,
    regions: usize,
    /// Category and product of each leaf.
    leaves: Vec<(usize, Option<usize>)>,
    sums: Vec<Known>,
    truth: Vec<u64>,
    /// Of them, so many are events; the rest is by how much a sum is more than was told.
    events: usize,
}

/// A sum that is known: of these unknowns, less one that says by how much it is more than was told.
struct Known {
    cell: Vec<usize>,
    beyond: Option<usize>,
    sum: u64,
}

const CHANNELS: usize = 2;

/// Blocks of a part: which region, which stretches.
type Blocks = Vec<(usize, std::ops::Range<usize>)>;

/// What was told of a part of one kind, and up to which stretch.
#[derive(Clone, Copy, Default)]
struct Mark {
    stretch: usize,
    told: u64,
    /// Whether some of it is only a lower bound: then nothing more of it is known exactly.
    loose: bool,
}

impl Knowledge {
    fn at(&self, step: usize, region: usize, leaf: usize, channel: usize) -> usize {
        ((step * self.regions + region) * self.leaves.len() + leaf) * CHANNELS + channel
    }

    /// The unknowns of stretches that a filter on region, category, product and channel takes.
    fn cell(
        &self,
        steps: impl Iterator<Item = usize>,
        takes: impl Fn(usize, usize, Option<usize>, usize) -> bool,
    ) -> Vec<usize> {
        let mut out = Vec::new();
        for step in steps {
            for region in 0..self.regions {
                for (leaf, (category, product)) in self.leaves.iter().enumerate() {
                    for channel in 0..CHANNELS {
                        if takes(region, *category, *product, channel) {
                            out.push(self.at(step, region, leaf, channel));
                        }
                    }
                }
            }
        }
        out
    }

    fn count(&self, cell: &[usize]) -> u64 {
        cell.iter().map(|at| self.truth[*at]).sum()
    }

    /// Notes a sum: of `exact` where that is all of it, otherwise of `wide`, which has as much at least.
    fn knows(&mut self, exact: Option<Vec<usize>>, wide: Vec<usize>, sum: u64) -> bool {
        // Where one that is behind caught up in several strides, a part may have been told at one of them: the adversary is told whether
        // it was all.
        if let Some(cell) = exact
            && self.count(&cell) == sum
        {
            self.sums.push(Known {
                cell,
                beyond: None,
                sum,
            });
            return true;
        }
        let count = self.count(&wide);
        let cell = wide;
        assert!(count >= sum, "no more is told than there was: {sum} of {count}");
        self.truth.push(count - sum);
        let beyond = Some(self.truth.len() - 1);
        self.sums.push(Known { cell, beyond, sum });
        false
    }

    /// Works out every sum that the frames tell of one kind, or of two that are the same events at other times.
    fn read(day: &Small, seen: &[Seen], kinds: &[Kind]) -> Self {
        let hello = &day.source.hello;
        let (regions, categories) = (day.catalogue.regions().len(), hello.categories.len());
        let mut leaves: Vec<(usize, Option<usize>)> =
            (0..categories).map(|category| (category, None)).collect();
        leaves.extend(
            hello
                .products
                .iter()
                .enumerate()
                .map(|(product, info)| (usize::from(info.category), Some(product))),
        );
        let mut cuts: BTreeSet<u64> = BTreeSet::new();
        for seen in seen {
            for kind in kinds {
                cuts.insert(of(*kind, &seen.snapshot.totals.counts));
            }
        }
        cuts.remove(&0);
        let cuts: Vec<u64> = cuts.into_iter().collect();
        let mut it = Self {
            steps: cuts.len() + 1,
            regions: regions + 1,
            leaves,
            sums: Vec::new(),
            truth: Vec::new(),
            events: 0,
        };
        it.events = it.at(it.steps, 0, 0, 0);
        it.truth = vec![0; it.events];
        let mut number = 0;
        for batch in day.source.batches.iter().filter(|batch| batch.kind == kinds[0]) {
            for row in 0..batch.len() {
                if batch.amount_minor[row] < 0 {
                    continue;
                }
                number += 1;
                let step = cuts.partition_point(|cut| *cut < number);
                let item = batch.items.row.iter().position(|of| *of as usize == row);
                let product = item.map(|item| usize::from(batch.items.product[item]));
                let leaf = (usize::from(batch.category[row]), product);
                let leaf = it.leaves.iter().position(|known| *known == leaf).unwrap();
                let region = day
                    .catalogue
                    .region_of_place()
                    .get(usize::from(batch.place[row]))
                    .map_or(regions, |region| usize::from(*region));
                let at = it.at(step, region, leaf, usize::from(batch.channel[row]));
                it.truth[at] += 1;
            }
        }
        for kind in kinds {
            it.read_kind(day, seen, *kind, &cuts);
        }
        it
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the adversary reads in the order in which frames come"
    )]
    fn read_kind(&mut self, day: &Small, seen: &[Seen], kind: Kind, cuts: &[u64]) {
        let hello = &day.source.hello;
        let (regions, categories, products) = (
            day.catalogue.regions().len(),
            hello.categories.len(),
            hello.products.len(),
        );
        let pool = regions + 1;
        let mut total = Mark::default();
        let mut channel = [Mark::default(); CHANNELS];
        let mut region = vec![Mark::default(); regions + 1];
        // By region, or the pool's number: blocks that came in, and whether all of them are known exactly.
        let mut node: Vec<(Blocks, bool)> = vec![(Vec::new(), true); regions + 2];
        let mut cell: BTreeMap<(usize, usize), (Mark, usize)> = BTreeMap::new();
        type Cells = (Vec<Blocks>, bool);
        let mut detail: BTreeMap<(usize, usize), Cells> = BTreeMap::new();
        let mut item: BTreeMap<(usize, usize, usize), (Mark, usize)> = BTreeMap::new();
        let mut other = BTreeMap::new();
        for seen in seen {
            let snapshot = &seen.snapshot;
            // What leads is new; what follows was told of the other kind before.
            let (mine, others) = (numbers_of(seen, kind), numbers_of(seen, the_other(kind)));
            let before = std::mem::replace(&mut other, others.clone());
            let against = if kind == Kind::Order { &before } else { &others };
            let leads = |part: Part| mine.get(&part) > against.get(&part);
            let now = of(kind, &snapshot.totals.counts);
            if now > total.told {
                let stretch = cuts.partition_point(|cut| *cut <= now);
                let all = self.cell(total.stretch..stretch, |_, _, _, _| true);
                assert!(
                    self.knows(Some(all.clone()), all, now - total.told),
                    "the adversary reads rightly"
                );
                total = Mark {
                    stretch,
                    told: now,
                    loose: false,
                };
            }
            for (number, known) in channel.iter_mut().enumerate() {
                let now = mine.get(&Part::Channel(number)).copied().unwrap_or(0);
                if now > known.told {
                    let exact = leads(Part::Channel(number));
                    let cell = self.cell(0..total.stretch, |_, _, _, channel| channel == number);
                    self.knows(exact.then(|| cell.clone()), cell, now);
                    *known = Mark {
                        stretch: total.stretch,
                        told: now,
                        loose: false,
                    };
                }
            }
            let mut now_large = Vec::new();
            for number in 0..=regions {
                let known = &mut region[number];
                let now = mine.get(&Part::Region(number)).copied().unwrap_or(0);
                if now > known.told {
                    let exact = leads(Part::Region(number));
                    let cell = self.cell(0..total.stretch, |region, _, _, _| region == number);
                    let exact = self.knows(exact.then(|| cell.clone()), cell, now);
                    let to =
                        if number < regions && seen.large[number].is_some_and(|large| known.told >= large) {
                            number
                        } else {
                            pool
                        };
                    let split = number < regions
                        && seen.large[number].is_some_and(|large| known.told < large && large < now);
                    node[to].1 &= exact && !known.loose && !split;
                    if split {
                        // Where in the block it was cut isn't known.
                        now_large.push(number);
                    }
                    node[to].0.push((number, known.stretch..total.stretch));
                    *known = Mark {
                        stretch: total.stretch,
                        told: now,
                        loose: !exact,
                    };
                }
            }
            for number in now_large {
                node[number].1 = false;
            }
            for category in 0..categories {
                for number in (0..regions).chain([pool]) {
                    let part = Part::Cell(number, category);
                    let now = mine.get(&part).copied().unwrap_or(0);
                    let (known, blocks_known) = cell.entry((number, category)).or_default();
                    if now <= known.told {
                        continue;
                    }
                    let (blocks, sure) = &node[number];
                    let exact = *sure && leads(part);
                    let new = blocks[*blocks_known..].to_vec();
                    let mut all = Vec::new();
                    for (number, steps) in blocks {
                        all.extend(self.cell(steps.clone(), |region, of, _, _| {
                            region == *number && of == category
                        }));
                    }
                    let wide = self.cell(0..total.stretch, |region, of, _, _| {
                        of == category && (number == pool || region == number)
                    });
                    let exact = self.knows(exact.then_some(all), wide, now);
                    let own = number != pool
                        && seen
                            .detailed
                            .get(&(category, number))
                            .is_some_and(|from| known.told >= *from);
                    let split = number != pool
                        && seen
                            .detailed
                            .get(&(category, number))
                            .is_some_and(|from| known.told < *from && *from < now);
                    let to = detail
                        .entry((if own { number } else { pool }, category))
                        .or_insert_with(|| (Vec::new(), true));
                    to.1 &= exact && !known.loose && !split;
                    to.0.push(new);
                    if split {
                        detail
                            .entry((number, category))
                            .or_insert_with(|| (Vec::new(), true))
                            .1 = false;
                    }
                    *blocks_known = blocks.len();
                    *known = Mark {
                        stretch: 0,
                        told: now,
                        loose: !exact,
                    };
                }
            }
            for product in 0..products {
                let category = usize::from(hello.products[product].category);
                for number in (0..regions).chain([pool]) {
                    let part = Part::Item(number, product);
                    let now = mine.get(&part).copied().unwrap_or(0);
                    let (known, _) = item.entry((number, category, product)).or_default();
                    if now <= known.told {
                        continue;
                    }
                    let (cells, sure) = detail
                        .get(&(number, category))
                        .map_or((&[][..], false), |(cells, sure)| (&cells[..], *sure));
                    let exact = sure && leads(part);
                    let mut all = Vec::new();
                    for (number, steps) in cells.iter().flatten() {
                        all.extend(self.cell(steps.clone(), |region, _, of, _| {
                            region == *number && of == Some(product)
                        }));
                    }
                    let wide = self.cell(0..total.stretch, |region, _, of, _| {
                        of == Some(product) && (number == pool || region == number)
                    });
                    let exact = self.knows(exact.then_some(all), wide, now);
                    *known = Mark {
                        stretch: 0,
                        told: now,
                        loose: !exact,
                    };
                }
            }
        }
    }

    /// Every cell of 1 to k − 1 events in any span between two of the total's releases.
    fn small_cells(&self, k: u64) -> Vec<Vec<usize>> {
        let mut out = Vec::new();
        let categories: BTreeSet<usize> = self.leaves.iter().map(|leaf| leaf.0).collect();
        let products: Vec<usize> = self.leaves.iter().filter_map(|leaf| leaf.1).collect();
        for from in 0..self.steps {
            for to in from + 1..=self.steps {
                let mut look = |takes: &dyn Fn(usize, usize, Option<usize>, usize) -> bool| {
                    let cell = self.cell(from..to, takes);
                    if (1..k).contains(&self.count(&cell)) {
                        out.push(cell);
                    }
                };
                look(&|_, _, _, _| true);
                for a in 0..self.regions {
                    look(&|region, _, _, _| region == a);
                    for b in &categories {
                        look(&|region, category, _, _| region == a && category == *b);
                    }
                    for b in &products {
                        look(&|region, _, product, _| region == a && product == Some(*b));
                    }
                    for b in 0..CHANNELS {
                        look(&|region, _, _, channel| region == a && channel == b);
                    }
                }
                for a in &categories {
                    look(&|_, category, _, _| category == *a);
                    look(&|_, category, product, _| category == *a && product.is_none());
                    for b in 0..CHANNELS {
                        look(&|_, category, _, channel| category == *a && channel == b);
                    }
                }
                for a in &products {
                    look(&|_, _, product, _| product == Some(*a));
                }
                for a in 0..CHANNELS {
                    for b in &products {
                        look(&|_, _, product, channel| product == Some(*b) && channel == a);
                    }
                    look(&|_, _, _, channel| channel == a);
                }
            }
        }
        out
    }

    /// A change of the unknowns that no known sum shows, random among all that there are (modulo a prime). Unknowns that
    /// must be 0, because a sum of them is, don't change.
    fn hidden_change(&self, random: &mut Pcg64Mcg) -> Vec<u64> {
        let many = self.truth.len();
        let mut zero = vec![false; many];
        loop {
            // Gauss and Jordan over sparse rows; pivots are eliminated from all rows above.
            let mut rows: Vec<(usize, BTreeMap<usize, u64>, u64)> = Vec::new();
            for known in &self.sums {
                let signed = known.cell.iter().map(|at| (*at, 1));
                let signed = signed.chain(known.beyond.map(|at| (at, PRIME - 1)));
                let mut row: BTreeMap<usize, u64> = signed.filter(|(at, _)| !zero[*at]).collect();
                let mut right = known.sum % PRIME;
                for (pivot, other, sum) in &rows {
                    if let Some(factor) = row.get(pivot).copied() {
                        for (at, value) in other {
                            let slot = row.entry(*at).or_default();
                            *slot = (*slot + PRIME - times(factor, *value)) % PRIME;
                        }
                        right = (right + PRIME - times(factor, *sum)) % PRIME;
                        row.retain(|_, value| *value != 0);
                    }
                }
                let Some((pivot, value)) = row.iter().next().map(|(at, value)| (*at, *value)) else {
                    assert_eq!(right, 0, "the sums don't contradict each other");
                    continue;
                };
                let scale = inverse(value);
                row.values_mut().for_each(|value| *value = times(*value, scale));
                right = times(right, scale);
                for (_, other, sum) in &mut rows {
                    if let Some(factor) = other.get(&pivot).copied() {
                        for (at, value) in &row {
                            let slot = other.entry(*at).or_default();
                            *slot = (*slot + PRIME - times(factor, *value)) % PRIME;
                        }
                        *sum = (*sum + PRIME - times(factor, right)) % PRIME;
                        other.retain(|_, value| *value != 0);
                    }
                }
                rows.push((pivot, row, right));
            }
            // What is a sum of 0 with one sign has only zeros in it.
            let mut more = false;
            for (_, row, right) in &rows {
                let one_sign = row.values().all(|value| *value < PRIME / 2);
                if *right == 0 && one_sign {
                    for at in row.keys() {
                        more |= !std::mem::replace(&mut zero[*at], true);
                    }
                }
            }
            if more {
                continue;
            }
            let mut change: Vec<u64> = (0..many).map(|_| random.random_range(0..PRIME)).collect();
            for at in 0..many {
                if zero[at] {
                    change[at] = 0;
                }
            }
            for (pivot, row, _) in &rows {
                let others = row.iter().filter(|(at, _)| *at != pivot);
                let sum = others.fold(0, |sum, (at, value)| (sum + times(*value, change[*at])) % PRIME);
                change[*pivot] = (PRIME - sum) % PRIME;
            }
            return change;
        }
    }

    /// The cells that the sums and zeros determine.
    fn determined<'a>(&self, cells: &'a [Vec<usize>], random: &mut Pcg64Mcg) -> Vec<&'a Vec<usize>> {
        let change = self.hidden_change(random);
        for known in &self.sums {
            let sum = known.cell.iter().fold(0, |sum, at| (sum + change[*at]) % PRIME);
            assert_eq!(sum, known.beyond.map_or(0, |at| change[at]));
        }
        cells
            .iter()
            .filter(|cell| cell.iter().fold(0, |sum, at| (sum + change[*at]) % PRIME) == 0)
            .collect()
    }

    /// The most that so many times a cell could be, with every count at least 0: a linear programme, and its solution is checked.
    fn most(&self, cell: &[usize], times: f64) -> f64 {
        let inside: BTreeSet<usize> = cell.iter().copied().collect();
        let worth: Vec<f64> = (0..self.truth.len())
            .map(|at| f64::from(u8::from(inside.contains(&at))) * times)
            .collect();
        let values = maximise(&worth, &self.sums, self.truth.len());
        assert!(values.iter().all(|value| *value > -1e-6));
        for known in &self.sums {
            let found: f64 = known.cell.iter().map(|at| values[*at]).sum();
            let sum = known.sum as f64 + known.beyond.map_or(0.0, |at| values[at]);
            assert!((found - sum).abs() < 1e-4, "{found} is {sum}");
        }
        cell.iter().map(|at| values[*at]).sum::<f64>() * times
    }
}

/// Values of at least 0 whose sums are as given and whose worth is as high as it can be or beyond a thousand: the simplex
/// method on a dense table, by Bland's rule, which can't go round in circles. Whoever calls it checks the sums.
fn maximise(worth: &[f64], sums: &[Known], unknowns: usize) -> Vec<f64> {
    const SMALL: f64 = 1e-7;
    /// What isn't bounded by any sum stops here.
    const BOUND: f64 = 1e3;
    // A slack for the worth's own bound, and an auxiliary for each sum, which the first phase gets rid of.
    let (slack, rows) = (unknowns, sums.len() + 1);
    let (auxiliary, width) = (unknowns + 1, unknowns + 1 + rows + 1);
    let mut table: Vec<Vec<f64>> = Vec::new();
    for (at, known) in sums.iter().enumerate() {
        let mut row = vec![0.0; width];
        known.cell.iter().for_each(|unknown| row[*unknown] += 1.0);
        if let Some(beyond) = known.beyond {
            row[beyond] = -1.0;
        }
        row[auxiliary + at] = 1.0;
        row[width - 1] = known.sum as f64;
        table.push(row);
    }
    let mut row = vec![0.0; width];
    row[..unknowns].copy_from_slice(worth);
    row[slack] = 1.0;
    row[auxiliary + rows - 1] = 1.0;
    row[width - 1] = BOUND;
    table.push(row);
    let mut base: Vec<usize> = (0..rows).map(|at| auxiliary + at).collect();
    for phase in 0..2 {
        let usable = auxiliary;
        let mut cost = vec![0.0; width];
        if phase == 0 {
            for row in &table {
                for (cost, value) in cost.iter_mut().zip(row) {
                    *cost -= value;
                }
            }
            cost[auxiliary..width - 1].fill(0.0);
        } else {
            for (cost, worth) in cost.iter_mut().zip(worth) {
                *cost = -worth;
            }
            for (row, base) in table.iter().zip(&base) {
                let factor = cost[*base];
                for (cost, value) in cost.iter_mut().zip(row) {
                    *cost -= factor * value;
                }
            }
        }
        while let Some(enters) = (0..usable).find(|at| cost[*at] < -SMALL) {
            let leaves = (0..rows)
                .filter(|row| table[*row][enters] > SMALL)
                .min_by(|a, b| {
                    let ratio = |row: &usize| table[*row][width - 1] / table[*row][enters];
                    ratio(a).total_cmp(&ratio(b)).then(base[*a].cmp(&base[*b]))
                });
            let Some(leaves) = leaves else { break };
            turn(&mut table, &mut cost, leaves, enters);
            base[leaves] = enters;
        }
        if phase == 0 {
            // An auxiliary that stayed at nought must not come back: another takes its place, or its sum follows from others.
            for at in 0..rows {
                if base[at] < auxiliary {
                    continue;
                }
                match (0..auxiliary).find(|enters| table[at][*enters].abs() > SMALL) {
                    Some(enters) => {
                        turn(&mut table, &mut cost, at, enters);
                        base[at] = enters;
                    }
                    None => table[at].fill(0.0),
                }
            }
        }
    }
    let mut values = vec![0.0; unknowns];
    for (row, base) in table.iter().zip(&base) {
        if *base < unknowns {
            values[*base] = row[width - 1];
        }
    }
    values
}

/// Lets an unknown take a row's place in the base.
fn turn(table: &mut [Vec<f64>], cost: &mut [f64], leaves: usize, enters: usize) {
    let pivot = table[leaves][enters];
    table[leaves].iter_mut().for_each(|value| *value /= pivot);
    let turned = table[leaves].clone();
    for (at, row) in table.iter_mut().enumerate() {
        let factor = row[enters];
        if at != leaves && factor != 0.0 {
            row.iter_mut()
                .zip(&turned)
                .for_each(|(value, turned)| *value -= factor * turned);
        }
    }
    let factor = cost[enters];
    cost.iter_mut()
        .zip(&turned)
        .for_each(|(value, turned)| *value -= factor * turned);
}

/// A hundred cases; more where `PROPTEST_CASES` says so.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(100),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A day for a seed: orders and payments apart, paid at once, or each so long after its order.
fn day_for(seed: u64, max_steps: usize) -> (Small, Vec<Vec<Kind>>) {
    let (orders, payments) = (Kind::Order, Kind::Payment);
    match seed % 4 {
        0 => (small_day(seed, max_steps), vec![vec![orders], vec![payments]]),
        1 => (
            day_of(seed, max_steps, Paid::After(0.0)),
            vec![vec![orders, payments]],
        ),
        2 => (
            day_of(seed, max_steps, Paid::After(1.0)),
            vec![vec![orders, payments]],
        ),
        _ => (
            day_of(seed, max_steps, Paid::After(2.4)),
            vec![vec![orders, payments]],
        ),
    }
}

/// How many small cells an adversary works out of a day's frames, and how many there are.
fn attack(seed: u64, levers: Rules) -> (usize, usize) {
    let (day, reads) = day_for(seed, 8 + (seed % 24) as usize);
    let seen = day.play(levers);
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let (mut found, mut all) = (0, 0);
    for kinds in reads {
        let knows = Knowledge::read(&day, &seen, &kinds);
        let cells = knows.small_cells(u64::from(day.privacy.k()));
        found += knows.determined(&cells, &mut random).len();
        all += cells.len();
    }
    (found, all)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_frames_tell_a_small_count(seed in any::<u64>()) {
        let (found, all) = attack(seed, ALL);
        prop_assert_eq!(found, 0, "of {} small cells", all);
    }

    /// Whatever else is assumed: a small cell could always be empty, or a large one.
    #[test]
    fn a_small_count_could_always_be_none_or_k(seed in any::<u64>()) {
        let (day, reads) = day_for(seed, 6 + (seed % 10) as usize);
        let seen = day.play(ALL);
        let k = u64::from(day.privacy.k());
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        for kinds in reads {
            let knows = Knowledge::read(&day, &seen, &kinds);
            let cells = knows.small_cells(k);
            for _ in 0..6.min(cells.len()) {
                let cell = &cells[random.random_range(0..cells.len())];
                let most = knows.most(cell, 1.0);
                let least = if most < k as f64 - 1e-3 { -knows.most(cell, -1.0) } else { 0.0 };
                prop_assert!(least < 1e-3, "{} is from {least} to {most}", knows.count(cell));
            }
        }
    }

    /// Of any part of the day, any two numbers that are told at any instants, of one kind or both, are the same or `k` apart: whatever
    /// there is between an order and its payment.
    #[test]
    fn any_two_numbers_are_the_same_or_k_apart(seed in any::<u64>()) {
        let (day, _) = day_for(seed, 8 + (seed % 40) as usize);
        let k = u64::from(day.privacy.k());
        let mut numbers: BTreeMap<Option<Part>, BTreeSet<u64>> = BTreeMap::new();
        for seen in day.play(ALL) {
            for kind in [Kind::Order, Kind::Payment] {
                let total = of(kind, &seen.snapshot.totals.counts);
                numbers.entry(None).or_default().insert(total);
                for (part, number) in numbers_of(&seen, kind) {
                    numbers.entry(Some(part)).or_default().insert(number);
                }
            }
        }
        for (part, numbers) in numbers {
            let numbers: Vec<u64> = numbers.into_iter().collect();
            for pair in numbers.windows(2) {
                prop_assert!(pair[1] - pair[0] >= k, "{part:?}: {} and {}", pair[0], pair[1]);
            }
        }
    }
}

/// The adversary is one: without the rule for remainders it finds what it looks for.
#[test]
fn without_complementary_suppression_small_counts_are_found() {
    let total = |levers| (0..300).map(|seed| attack(seed, levers).0).sum::<usize>();
    let margins = total(Rules {
        margins: false,
        ..ALL
    });
    let details = total(Rules {
        details: false,
        ..ALL
    });
    let heads = total(Rules { heads: false, ..ALL });
    let together = total(Rules {
        together: false,
        ..ALL
    });
    println!(
        "found: {margins} by region and channel, {details} by category and product, {heads} after a start, {together} of orders and payments told apart"
    );
    assert!(margins > 100, "{margins}");
    assert!(details > 20, "{details}");
    assert!(heads > 0, "{heads}");
    assert!(together > 100, "{together}");
    assert_eq!(total(ALL), 0);
}

/// What the public may know at most: everything that happened until its last release, and no more.
fn check_order(public: &Snapshot, internal: &Snapshot) {
    let most = |a: &Counts, b: &Counts| a.orders <= b.orders && a.payments <= b.payments;
    assert!(most(&public.totals.counts, &internal.totals.counts));
    for row in &public.regions {
        let whole = internal.regions.iter().find(|other| other.id == row.id).unwrap();
        assert!(most(&row.counts, &whole.counts));
    }
    for row in &public.cells {
        let same = |other: &&Cell| (other.region, other.category) == (row.region, row.category);
        assert!(most(
            &row.counts,
            &internal.cells.iter().find(same).unwrap().counts
        ));
    }
    for (list, whole) in [
        (&public.categories, &internal.categories),
        (&public.channels, &internal.channels),
    ] {
        for (row, whole) in list.iter().zip(whole) {
            assert!(most(&row.counts, &whole.counts));
        }
    }
    for (row, whole) in public.products.products.iter().zip(&internal.products.products) {
        assert!(most(&row.counts.counts, &whole.counts.counts));
    }
    let mut placed = public.totals.unplaced;
    for row in &public.regions {
        placed += row.counts;
    }
    assert_eq!(
        placed, public.totals.counts,
        "regions and what has none are the total"
    );
}

/// Each figure of a snapshot that counts, by a name.
fn counts_of(snapshot: &Snapshot) -> BTreeMap<String, [u64; 2]> {
    let mut out = BTreeMap::new();
    let mut put = |name: String, counts: &Counts| {
        out.insert(name, [counts.orders, counts.payments]);
    };
    put("total".to_owned(), &snapshot.totals.counts);
    for row in &snapshot.regions {
        put(format!("region {}", row.id), &row.counts);
    }
    for row in &snapshot.categories {
        put(format!("category {}", row.id), &row.counts);
    }
    for row in &snapshot.channels {
        put(format!("channel {}", row.id), &row.counts);
    }
    for row in &snapshot.cells {
        put(format!("cell {} {}", row.region, row.category), &row.counts);
    }
    for row in &snapshot.products.products {
        put(format!("product {}", row.id), &row.counts.counts);
    }
    for row in &snapshot.products.regions {
        put(
            format!("product {} {}", row.product, row.region),
            &row.counts.counts,
        );
    }
    out
}

/// Takes one order out of a day.
fn without_one(day: &Small, random: &mut Pcg64Mcg) -> Option<(Small, EventMs)> {
    let mut other = day.clone();
    let orders: Vec<usize> = (0..other.source.batches.len())
        .filter(|at| other.source.batches[*at].kind == Kind::Order)
        .collect();
    if orders.is_empty() {
        return None;
    }
    let batch = &mut other.source.batches[orders[random.random_range(0..orders.len())]];
    let row = random.random_range(0..batch.len());
    if batch.amount_minor[row] < 0 {
        return None;
    }
    batch.place.remove(row);
    batch.category.remove(row);
    batch.channel.remove(row);
    batch.amount_minor.remove(row);
    batch.ships_from.remove(row);
    let old = std::mem::take(&mut batch.items);
    for at in 0..old.len() {
        let of = old.row[at] as usize;
        if of != row {
            let of = if of > row { of - 1 } else { of };
            batch
                .items
                .push(of as u32, old.product[at], old.units[at], old.amount_minor[at]);
        }
    }
    let at_ms = batch.from_ms;
    Some((other, at_ms))
}

proptest! {
    #![proptest_config(config())]

    /// Two days that differ in one order: before it the frames are the same, and after it any count is no more than there was, and
    /// differs by no more than what of it waits, plus the order itself.
    #[test]
    fn one_order_more_changes_no_figure_beyond_the_bound(seed in any::<u64>()) {
        let day = small_day(seed, 24);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let Some((other, at_ms)) = without_one(&day, &mut random) else {
            return Ok(());
        };
        let (mut with, mut less) = (day.publisher(), other.publisher());
        let mut before = Totals::default();
        for to_ms in &day.steps {
            let (a, b) = (with.step(*to_ms, 0), less.step(*to_ms, 0));
            if *to_ms <= at_ms {
                prop_assert_eq!(&a.public, &b.public);
            }
            let (a, b) = (*with.public_snapshot(0).into_inner(), *less.public_snapshot(0).into_inner());
            let truth = *with.internal_snapshot(0).into_inner();
            check_order(&a, &truth);
            check_order(&b, &truth);
            let now = a.totals;
            prop_assert!(now.counts.gmv_minor >= before.counts.gmv_minor || now.corrections > before.corrections);
            prop_assert!(now.corrections - before.corrections == 0 || now.corrections - before.corrections >= u64::from(day.privacy.k()));
            before = now;
            let (a, b, truth) = (counts_of(&a), counts_of(&b), counts_of(&truth));
            for (name, whole) in &truth {
                let (a, b) = (a.get(name).copied().unwrap_or_default(), b.get(name).copied().unwrap_or_default());
                for kind in 0..2 {
                    let apart = a[kind].abs_diff(b[kind]);
                    let waits = whole[kind] - a[kind].min(b[kind]);
                    prop_assert!(apart <= waits, "{name}: {} and {}", a[kind], b[kind]);
                }
            }
        }
    }

    #[test]
    fn parcels_are_groups(
        k in 2_u64..12,
        counts in proptest::collection::btree_map(0_u8..9, 1_u64..30, 0..6),
        domestic in 0_u64..20,
    ) {
        let all = counts.values().sum::<u64>() + domestic;
        let counts: Vec<(u8, u64)> = counts.into_iter().collect();
        let shown = groups(&counts, all, k);
        let sum: u64 = shown.iter().map(|(_, count)| count).sum();
        prop_assert!(shown.iter().all(|(_, count)| *count >= k));
        prop_assert!(all == sum || all - sum >= k || shown.is_empty());
    }
}

/// A generated day as if it were real: so many orders, and somebody's.
struct Real(ScenarioSource);

impl Source for Real {
    fn hello(&self) -> Hello {
        Hello {
            mode: Mode::Live,
            ..self.0.hello()
        }
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        // What happened before it was joined isn't known.
        self.0.seek(to_ms)?;
        Ok(Opening::default())
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        self.0.pull(to_ms, out)
    }

    fn ended(&self) -> bool {
        self.0.ended()
    }

    fn is_live(&self) -> bool {
        true
    }
}

fn double_11(into_ms: i64) -> Publisher {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + into_ms;
    Publisher::new(Box::new(Real(source)), catalogue, start_ms, 1.0)
        .and_then(|publisher| publisher.with_privacy(Privacy::default().with_seed(5)))
        .unwrap()
}

/// At the day's rates nothing of the total is late; what waits below it is little.
#[test]
fn at_double_11_the_total_passes_at_each_tick() {
    let mut publisher = double_11(239_000);
    let start_ms = publisher.event_ms();
    let mut changed = 0;
    for tick in 1..=100 {
        let step = publisher.step(start_ms + tick * 100, 0);
        let Body::Tick(said) = step.public[0].get() else {
            panic!("a tick comes first");
        };
        let (public, exact) = (said.totals.counts, publisher.totals().counts);
        assert_eq!(public.orders, exact.orders);
        // Payments are told in the orders' numbers: a thirty-second of a tick's orders apart.
        assert!(exact.payments - public.payments < 1_200, "{public:?} {exact:?}");
        changed += said.regions.len();
        let Some(Body::Lights(lights)) = step.public.get(1).map(Public::get) else {
            panic!("lights come second");
        };
        assert!(lights.events > 10_000);
    }
    assert!(changed > 100 * 20, "{changed} regions in 100 ticks");
    let (a, b) = (
        *publisher.public_snapshot(0).into_inner(),
        *publisher.internal_snapshot(0).into_inner(),
    );
    check_order(&a, &b);
    let near = |a: u64, b: u64, part: f64| assert!((a as f64 / b as f64 - 1.0).abs() < part, "{a} and {b}");
    assert_eq!(a.rates.orders_per_s, b.rates.orders_per_s);
    assert_eq!(a.rates.peak_orders_per_s, b.rates.peak_orders_per_s);
    near(a.rates.payments_per_s, b.rates.payments_per_s, 0.02);
    near(a.rates.peak_payments_per_s, b.rates.peak_payments_per_s, 0.02);
    let waits = a.totals.unplaced.orders as f64 / a.totals.counts.orders as f64;
    assert!(waits < 0.01, "{waits} of the orders aren't placed yet");
    let cells =
        |snapshot: &Snapshot| snapshot.cells.iter().map(|cell| cell.counts.orders).sum::<u64>() as f64;
    assert!(cells(&a) / cells(&b) > 0.95, "{} of {}", cells(&a), cells(&b));
}

/// The 2016 day as it would be sent live, and its lights beside those of each order at its city.
fn lit(from_ms: i64, warm_ms: i64, look_ms: i64) -> (BTreeMap<u16, u64>, BTreeMap<u16, u64>) {
    let mut publisher = double_11(from_ms);
    publisher.want_internal(true);
    let start_ms = publisher.event_ms();
    let (mut public, mut exact) = (BTreeMap::new(), BTreeMap::new());
    let add = |to: &mut BTreeMap<u16, u64>, body: &Body| {
        if let Body::Lights(lights) = body {
            for place in &lights.place {
                *to.entry(*place).or_default() += u64::from(lights.per_light);
            }
        }
    };
    for at_ms in (100..=warm_ms + look_ms).step_by(100) {
        let step = publisher.step(start_ms + at_ms, 0);
        if at_ms > warm_ms {
            step.public.iter().for_each(|body| add(&mut public, body.get()));
            step.internal.iter().for_each(|body| add(&mut exact, body.get()));
        }
    }
    (public, exact)
}

/// Lights are where they happen: nine of ten at their own city, none far above its share.
#[test]
fn the_public_lights_are_at_their_cities() {
    for (name, from_ms, warm_ms, least) in [
        ("15:19:00", 15 * 3_600_000 + 9 * 60_000, 600_000, 3_000),
        ("00:00:00", 0, 0, 10_000),
    ] {
        let (public, exact) = lit(from_ms, warm_ms, 60_000);
        let sum = |of: &BTreeMap<u16, u64>| of.values().sum::<u64>() as f64;
        let (shown, all) = (sum(&public), sum(&exact));
        let own: f64 = public
            .iter()
            .map(|(place, count)| *count.min(exact.get(place).unwrap_or(&0)) as f64)
            .sum();
        let largest = exact.iter().max_by_key(|(_, count)| **count).unwrap();
        let share = (public[largest.0] as f64 / shown) / (*largest.1 as f64 / all);
        println!(
            "{name}: {} places of {}, {:.1} % of lights at their own city, {:.1} % shown, the largest {share:.2} of its share",
            public.len(),
            exact.len(),
            own / shown * 100.0,
            shown / all * 100.0
        );
        assert!(public.len() >= least, "{name}: {} places are lit", public.len());
        assert!(own / shown > 0.9, "{name}: {} of {shown}", own);
        assert!(share < 1.5, "{name}: {share}");
    }
}

/// Batches that begin and end where the sender's clock has them, not where steps do; now and then they are before the step.
struct Drifting(Real, EventMs);

impl Source for Drifting {
    fn hello(&self) -> Hello {
        self.0.hello()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.1 = to_ms;
        self.0.seek(to_ms)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        // A step that is late finds what happened after it.
        let ahead_ms = if to_ms % 5_000 == 900 { 300 } else { 0 };
        while self.1 + 101 <= to_ms + ahead_ms {
            self.1 += 101;
            self.0.pull(self.1, out)?;
        }
        Ok(())
    }

    fn lag_ms(&self) -> i64 {
        2_000
    }

    fn ended(&self) -> bool {
        self.0.ended()
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// Twice as many payments as orders, so that orders are ever further behind: they are told as they come all the same, with their
/// lights and arcs, and neither kind's rate or peak is what it never was.
#[test]
fn a_kind_that_falls_behind_is_told_as_it_comes() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + 15 * 3_600_000;
    let mut publisher = Publisher::new(Box::new(Drifting(Real(source), 0)), catalogue, start_ms, 1.0)
        .and_then(|publisher| publisher.with_privacy(Privacy::default().with_seed(5)))
        .unwrap();
    publisher.want_internal(true);
    let look_ms = 720_000;
    let (mut lights, mut parcels, mut arcs) = ([0_u64; 2], [0_u64; 2], [0_usize; 2]);
    let mut cities = [const { BTreeMap::new() }; 2];
    let mut look = |at: usize, body: &Body| {
        if let Body::Lights(said) = body {
            lights[at] +=
                said.code.iter().filter(|code| **code < 8).count() as u64 * u64::from(said.per_light);
            parcels[at] += said
                .arcs
                .parcels
                .iter()
                .map(|count| u64::from(*count))
                .sum::<u64>();
            arcs[at] += said.arcs.parcels.len();
            for (place, parcels) in said.arcs.to_place.iter().zip(&said.arcs.parcels) {
                *cities[at].entry(*place).or_insert(0_u64) += u64::from(*parcels);
            }
        }
    };
    let mut worst = [0.0_f64; 3];
    let (mut ticks, mut to_the_cent, mut before) = (0, 0, 0);
    for at_ms in (100..=900_000).step_by(100) {
        let step = publisher.step(start_ms + at_ms, 0);
        if at_ms <= look_ms {
            continue;
        }
        step.public.iter().for_each(|body| look(0, body.get()));
        step.internal.iter().for_each(|body| look(1, body.get()));
        if let Some(Body::Tick(said)) = step.public.first().map(Public::get) {
            ticks += 1;
            let value = said.totals.counts.gmv_minor;
            to_the_cent += usize::from(value != before && value % 10_000 != 0);
            before = value;
        }
        if at_ms % 1_000 == 500 {
            let (a, b) = (
                *publisher.public_snapshot(0).into_inner(),
                *publisher.internal_snapshot(0).into_inner(),
            );
            let orders = a.totals.counts.orders as f64 / b.totals.counts.orders as f64;
            assert!(orders > 0.999, "{orders} of the orders are told at {at_ms}");
            let waits = a.totals.unplaced.orders as f64 / a.totals.counts.orders as f64;
            assert!(waits < 0.01, "{waits} of the orders aren't placed at {at_ms}");
            let apart = |a: u64, b: u64| (a as f64 / b as f64 - 1.0).abs();
            for (slot, (a, b)) in worst.iter_mut().zip([
                (a.rates.orders_per_s, b.rates.orders_per_s),
                (a.rates.payments_per_s, b.rates.payments_per_s),
                (a.rates.gmv_minor_per_s as u64, b.rates.gmv_minor_per_s as u64),
            ]) {
                *slot = slot.max(apart(a, b));
            }
            assert!(
                apart(a.rates.peak_orders_per_s, b.rates.peak_orders_per_s) < 0.02,
                "{:?} {:?}",
                a.rates,
                b.rates
            );
            assert!(
                apart(a.rates.peak_payments_per_s, b.rates.peak_payments_per_s) < 0.02,
                "{:?} {:?}",
                a.rates,
                b.rates
            );
        }
    }
    let own = cities[0]
        .iter()
        .map(|(place, count)| count.min(cities[1].get(place).unwrap_or(&0)))
        .sum::<u64>();
    let at_their_city = own as f64 / parcels[0] as f64;
    println!(
        "rates are wrong by {worst:.4?} at most; order lights {lights:?}, parcels {parcels:?}, arcs {arcs:?} to {:?} cities, {at_their_city:.3} of the parcels to their own; to the cent in {to_the_cent} of {ticks} ticks",
        cities.each_ref().map(BTreeMap::len)
    );
    assert!(worst.iter().all(|part| *part < 0.02), "{worst:?}");
    let share = |of: [u64; 2]| of[0] as f64 / of[1] as f64;
    assert!(share(lights) > 0.95, "{lights:?}");
    assert!(share(parcels) > 0.8, "{parcels:?}");
    assert!(arcs[0] * 10 > arcs[1] * 6, "{arcs:?}");
    assert!(at_their_city > 0.5, "{at_their_city}");
    assert!(to_the_cent * 2 > ticks, "{to_the_cent} of {ticks}");
}

/// A shop of one order in two seconds, in many regions: how late its figures are.
#[test]
fn a_quiet_shop_is_seen_too() {
    let catalogue = load_catalogue().unwrap();
    let mut day = small_day(1, 6);
    let hello = &mut day.source.hello;
    let minutes = 240;
    hello.categories = vec![Names::default(); 5];
    hello.products = Vec::new();
    hello.day.end_ms = START_MS + minutes * 60_000;
    let region_of_place = catalogue.region_of_place();
    let mut random = Pcg64Mcg::seed_from_u64(11);
    day.source.batches.clear();
    for second in 0..minutes * 60 {
        let from_ms = START_MS + second * 1_000;
        let mut batch = Batch::new(Kind::Order, from_ms, from_ms + 1_000);
        if random.random_bool(0.5) {
            // Few regions have most, many have some.
            let region = (random.random_range(0.0_f64..1.0).powi(4) * 60.0) as u8;
            let place = region_of_place.iter().position(|of| *of == region).unwrap() as u16;
            let category = (random.random_range(0.0_f64..1.0).powi(2) * 5.0) as u8;
            batch.push(place, category, random.random_range(0..3), 5_000, Batch::DOMESTIC);
            day.source.batches.push(batch);
        }
    }
    day.source.hello.gmv_counts = Kind::Order;
    day.source.catalogue = Arc::clone(&catalogue);
    let source = Box::new(day.source.clone());
    let mut publisher = Publisher::new(source, catalogue, START_MS, 1.0)
        .and_then(|publisher| publisher.with_privacy(Privacy::default().with_seed(3)))
        .unwrap();
    let mut drawn = 0;
    for second in 1..=minutes * 60 {
        let step = publisher.step(START_MS + second * 1_000, 0);
        for body in &step.public {
            if let Body::Lights(lights) = body.get() {
                drawn += usize::from(!lights.place.is_empty());
            }
        }
        let (known, real) = (*publisher.public_snapshot(0).into_inner(), publisher.totals());
        let waits = real.counts.orders - known.totals.counts.orders;
        // Near the day's end ten more wait.
        assert!(waits < 27, "{waits}");
    }
    let (a, b) = (
        *publisher.public_snapshot(0).into_inner(),
        *publisher.internal_snapshot(0).into_inner(),
    );
    check_order(&a, &b);
    let sum = |list: &[meridian_wire::Keyed]| list.iter().map(|row| row.counts.orders).sum::<u64>() as f64;
    let all = b.totals.counts.orders as f64;
    println!(
        "of {all} orders {:.1} % by region, {:.1} % by category, {:.1} % by channel; lights in {:.0} % of the seconds",
        sum(&a.regions) / all * 100.0,
        sum(&a.categories) / all * 100.0,
        sum(&a.channels) / all * 100.0,
        drawn as f64 / (minutes * 60) as f64 * 100.0
    );
    assert!(sum(&a.regions) / all > 0.85, "{} of {all}", sum(&a.regions));
    assert!(sum(&a.categories) / all > 0.8, "{} of {all}", sum(&a.categories));
    assert!(sum(&a.channels) / all > 0.9, "{} of {all}", sum(&a.channels));
    assert!(drawn > 3_000, "{drawn}");
}

/// Generated orders are nobody's: the public figures are the exact ones, every order a light at its own city.
#[test]
fn generated_days_are_told_as_they_are() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms - 1_000;
    let mut publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap();
    publisher.want_internal(true);
    assert!(publisher.guard().is_none());
    for at_ms in (100..=3_000).step_by(100).chain([90_000]) {
        let step = publisher.step(start_ms + at_ms, 0);
        let public: Vec<&Body> = step.public.iter().map(Public::get).collect();
        let internal: Vec<&Body> = step.internal.iter().map(crate::Internal::get).collect();
        assert_eq!(public, internal);
        let (a, b) = (
            *publisher.public_snapshot(0).into_inner(),
            *publisher.internal_snapshot(0).into_inner(),
        );
        assert_eq!(a.warmth, b.warmth);
        assert_eq!(a.totals, b.totals);
        assert_eq!(a.regions, b.regions);
        assert_eq!(a.cells, b.cells);
        assert_eq!(a.categories, b.categories);
        assert_eq!(a.channels, b.channels);
        let counts = |snapshot: &Snapshot| {
            let rows = snapshot.products.products.iter().map(|row| row.counts);
            (rows.collect::<Vec<_>>(), snapshot.products.regions.clone())
        };
        assert_eq!(counts(&a), counts(&b));
    }
}

#[test]
fn k_below_two_has_to_be_meant() {
    assert!(
        Privacy::new(1)
            .unwrap_err()
            .to_string()
            .contains("Privacy::off()")
    );
    assert!(Privacy::new(1_001).is_err());
    assert_eq!(Privacy::default().k(), 10);
    assert!(!Privacy::off().is_on());
}

/// A product that costs less in the app: what it came to would count who bought it there. Its value is told in steps then.
#[test]
fn a_price_by_channel_counts_no_channel() {
    for odd in [0, 3] {
        let mut day = small_day(1, 6);
        let hello = &mut day.source.hello;
        hello.gmv_counts = Kind::Order;
        hello.products.truncate(1);
        assert_eq!(hello.products.len(), 1);
        let start_ms = hello.day.start_ms;
        let mut batches = Vec::new();
        for at in 0..600_i64 {
            let mut batch = Batch::new(Kind::Order, start_ms + at * 100, start_ms + at * 100 + 100);
            for row in 0..4 {
                let app = odd > 0 && at * 4 + row == 700;
                let amount = if app { 1_999 - odd } else { 1_999 };
                batch.push(0, 0, u8::from(app), amount, Batch::DOMESTIC);
                batch.items.push(row as u32, 0, 1, amount);
            }
            batches.push(batch);
        }
        day.source.batches = batches;
        day.steps = (1..=600).map(|at| start_ms + at * 100).collect();
        day.joined = false;
        let mut publisher = day.publisher();
        let (mut exact, mut steps) = (0, 0);
        for at_ms in &day.steps {
            publisher.step(*at_ms, 0);
            let snapshot = *publisher.public_snapshot(0).into_inner();
            if let Some(row) = snapshot.products.products.first() {
                let counts = row.counts.counts;
                if counts.gmv_minor == counts.orders as i64 * 1_999 {
                    exact += 1;
                } else {
                    steps += 1;
                    assert_eq!(counts.gmv_minor % 1_000, 0, "{counts:?}");
                }
            }
        }
        assert!(exact > 100, "{exact}");
        assert_eq!(steps > 100, odd > 0, "{steps}");
    }
}

/// Prints how long a tick's public figures take at the peak.
#[test]
#[ignore = "prints how long things take"]
fn measure() {
    let mut publisher = double_11(240_000);
    let start_ms = publisher.event_ms();
    let (mut all, mut guard) = (Vec::new(), Vec::new());
    let mut source = ScenarioSource::load("double11-2016", load_catalogue().unwrap()).unwrap();
    source.seek(start_ms).unwrap();
    let mut events = 0;
    for tick in 1..=200 {
        let began = std::time::Instant::now();
        publisher.step(start_ms + tick * 100, 0);
        all.push(began.elapsed().as_secs_f64() * 1e3);
    }
    for tick in 201..=400 {
        let mut pulled = Pulled::default();
        source.seek(start_ms + tick * 100 - 100).unwrap();
        source.pull(start_ms + tick * 100, &mut pulled).unwrap();
        let to_ms = publisher.event_ms() + 100;
        let it = publisher.guard().unwrap();
        let began = std::time::Instant::now();
        for batch in pulled.rows() {
            events += batch.len();
            it.take(batch);
        }
        it.advance(to_ms, false);
        it.lights(to_ms - 100, to_ms, tick as u64);
        guard.push(began.elapsed().as_secs_f64() * 1e3);
        it.at_ms = to_ms - 100;
    }
    let at = |list: &mut Vec<f64>, part: f64| {
        list.sort_by(f64::total_cmp);
        list[(list.len() as f64 * part) as usize]
    };
    println!(
        "a step {:.2} ms (p99 {:.2}); of it the guard {:.2} ms (p99 {:.2}), {} events a tick",
        at(&mut all, 0.5),
        at(&mut all, 0.99),
        at(&mut guard, 0.5),
        at(&mut guard, 0.99),
        events / 200
    );
}
