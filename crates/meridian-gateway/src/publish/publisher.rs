//! What a source gives becomes frames. Pure: no clock, no network.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::publish::class::{Internal, Privacy, Restricted};
use crate::publish::guard::{Guard, Open, Public};
use crate::publish::products::ProductDesk;
use crate::source::clock::Course;
use crate::{Opening, ProductOpening, Pulled, Source, SourceError};
use meridian_core::sales::{Batch, Catalogue, Channel, EventMs, Kind};
use meridian_core::tally::{Mark, Meter, ProductMeter, Tally, TallyError};
use meridian_wire::{
    Arcs, Body, Cell, Counts, DataClass, Day, Hello, History, Keyed, Level, Lights, Mode, Names, Notice,
    ProductCounts, Rates, Reached, RegionHistory, Snapshot, Tick, Totals, WARMTH_HALF_LIFE_MS, Warmth,
    magnitude_bucket,
};

/// Distance of the history's points.
pub const HISTORY_STEP_MS: i64 = 60_000;
/// Distance of the regions' points.
pub const REGION_STEP_MS: i64 = 900_000;
/// Most arcs in one tick; each says how many parcels it stands for.
pub const MAX_ARCS: usize = 8;
/// Most lights in one frame. A day at its peak has 30,000 in a tenth of a second; more come only when
/// the day runs much faster than it did, and then one light stands for several.
pub const MAX_LIGHTS: usize = 120_000;
/// A step with more orders and payments than this isn't gone through row by row where the source can do without:
/// its figures are taken from the source's own account, which is exact, and its lights from its last seconds, each
/// standing for several.
pub const LEAP_EVENTS: u64 = 600_000;
/// Cells travel with every so many-th tick.
const CELLS_EVERY: u64 = 10;

/// Why a day can't be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What the source says can't be counted.
    #[error("what the source says can't be counted: {0}")]
    Tally(#[from] TallyError),
}

/// What may be said to one class of receivers: the exact figures, or what the guard has released.
pub(crate) trait Figures {
    /// The mark of what is made of them.
    type Of<T>;

    /// Marks a body that was made of these figures alone.
    fn seal<T>(&self, said: T) -> Self::Of<T>;
    /// The totals.
    fn totals(&self) -> Totals;
    /// A region's counts.
    fn region(&self, region: u8) -> Counts;
    /// A category's counts.
    fn category(&self, category: u8) -> Counts;
    /// A channel's counts.
    fn channel(&self, channel: Channel) -> Counts;
    /// A category's counts in a region.
    fn cell(&self, region: u8, category: u8) -> Counts;
    /// A product's counts.
    fn product(&self, product: u16) -> ProductCounts;
    /// A product's counts by region.
    fn product_regions(&self, product: u16) -> &[ProductCounts];
    /// A product's orders in the last full second and in the last ten.
    fn product_orders(&self, product: u16, at_ms: EventMs) -> (u64, u64);
    /// The orders until now, as the mark of a whole minute of the day.
    fn mark(&self, minute: u32) -> Mark;
    /// The rates and their peaks.
    fn rates(&self) -> Rates;
}

/// The tally and its meters: every figure as it is.
struct Exact {
    tally: Tally,
    meter: Meter,
    products: ProductMeter,
}

impl Figures for Exact {
    type Of<T> = Internal<T>;

    fn seal<T>(&self, said: T) -> Internal<T> {
        Internal::new(said)
    }

    fn totals(&self) -> Totals {
        self.tally.totals()
    }

    fn region(&self, region: u8) -> Counts {
        self.tally.region(region)
    }

    fn category(&self, category: u8) -> Counts {
        self.tally.category(category)
    }

    fn channel(&self, channel: Channel) -> Counts {
        self.tally.channel(channel)
    }

    fn cell(&self, region: u8, category: u8) -> Counts {
        self.tally.cell(region, category)
    }

    fn product(&self, product: u16) -> ProductCounts {
        self.tally.product(product)
    }

    fn product_regions(&self, product: u16) -> &[ProductCounts] {
        self.tally.product_regions(product)
    }

    fn product_orders(&self, product: u16, _at_ms: EventMs) -> (u64, u64) {
        self.products.orders(product)
    }

    fn mark(&self, minute: u32) -> Mark {
        self.tally.mark(minute)
    }

    fn rates(&self) -> Rates {
        self.meter.rates()
    }
}

/// What one class of receivers knows, and what is made of its figures over time.
struct Desk {
    regions: usize,
    categories: usize,
    history: History,
    reached: Vec<Reached>,
    /// How many of them were said.
    said: usize,
    products: ProductDesk,
    /// What the receivers know, to send only what changed.
    sent_regions: Vec<Counts>,
    sent_categories: Vec<Counts>,
    sent_channels: Vec<Counts>,
    sent_cells: Vec<Counts>,
}

/// Where a step stands, for its frames.
#[derive(Clone, Copy)]
struct Said {
    event_ms: EventMs,
    published_ms: i64,
    mode: Mode,
}

impl Desk {
    fn new(
        hello: &Hello,
        regions: usize,
        at_ms: EventMs,
        history: History,
        reached: Vec<Reached>,
        products: ProductOpening,
        figures: &impl Figures,
    ) -> Self {
        let categories = hello.categories.len();
        let mut it = Self {
            regions,
            categories,
            history: History {
                step_ms: HISTORY_STEP_MS,
                region_step_ms: REGION_STEP_MS,
                ..history
            },
            said: reached.len(),
            reached,
            products: ProductDesk::new(hello, regions, at_ms, products, figures),
            sent_regions: vec![Counts::default(); regions],
            sent_categories: vec![Counts::default(); categories],
            sent_channels: vec![Counts::default(); Channel::COUNT],
            sent_cells: vec![Counts::default(); regions * categories],
        };
        it.extend_history(at_ms, hello.day, figures);
        it
    }

    /// Takes over the curves of what was leapt over.
    fn leap(
        &mut self,
        at_ms: EventMs,
        day: Day,
        history: History,
        products: ProductOpening,
        figures: &impl Figures,
    ) {
        self.history = History {
            step_ms: HISTORY_STEP_MS,
            region_step_ms: REGION_STEP_MS,
            ..history
        };
        self.products.leap(products);
        self.extend_history(at_ms, day, figures);
    }

    fn advance(&mut self, to_ms: EventMs, day: Day, figures: &impl Figures) {
        self.products.advance(to_ms, figures);
        self.extend_history(to_ms, day, figures);
    }

    /// Notes the milestones that the value has passed.
    fn pass(&mut self, milestones_minor: &[i64], at_ms: EventMs, figures: &impl Figures) {
        let gmv = figures.totals().counts.gmv_minor;
        while let Some(milestone) = milestones_minor.get(self.reached.len()).copied()
            && gmv >= milestone
        {
            self.reached.push(Reached {
                gmv_minor: milestone,
                at_ms,
            });
        }
    }

    fn region_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.regions).map(|id| figures.region(id as u8)).collect()
    }

    fn category_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.categories)
            .map(|id| figures.category(id as u8))
            .collect()
    }

    fn channel_counts(figures: &impl Figures) -> Vec<Counts> {
        Channel::ALL
            .iter()
            .map(|channel| figures.channel(*channel))
            .collect()
    }

    fn cell_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.regions)
            .flat_map(|region| (0..self.categories).map(move |category| (region, category)))
            .map(|(region, category)| figures.cell(region as u8, category as u8))
            .collect()
    }

    fn tick(&mut self, at: Said, cells: bool, figures: &impl Figures) -> Tick {
        let keyed = |changed: Vec<(usize, Counts)>| -> Vec<Keyed> {
            changed
                .into_iter()
                .map(|(id, counts)| Keyed { id: id as u8, counts })
                .collect()
        };
        let (regions, categories, channels) = (
            self.region_counts(figures),
            self.category_counts(figures),
            Self::channel_counts(figures),
        );
        let regions = keyed(changed(&mut self.sent_regions, regions));
        let categories = keyed(changed(&mut self.sent_categories, categories));
        let channels = keyed(changed(&mut self.sent_channels, channels));
        let cells = if cells {
            let cells = self.cell_counts(figures);
            let width = self.categories;
            changed(&mut self.sent_cells, cells)
                .into_iter()
                .map(|(at, counts)| cell(at, width, counts))
                .collect()
        } else {
            Vec::new()
        };
        let reached = self.reached.get(self.said..).unwrap_or(&[]).to_vec();
        self.said = self.reached.len();
        Tick {
            event_ms: at.event_ms,
            published_ms: at.published_ms,
            mode: at.mode,
            totals: figures.totals(),
            rates: figures.rates(),
            regions,
            categories,
            channels,
            cells,
            reached,
        }
    }

    fn snapshot(&self, at: Said, warmth: Warmth, figures: &impl Figures) -> Snapshot {
        let some = |counts: &Counts| *counts != Counts::default();
        let keyed = |list: Vec<Counts>| -> Vec<Keyed> {
            list.into_iter()
                .enumerate()
                .map(|(id, counts)| Keyed { id: id as u8, counts })
                .collect()
        };
        Snapshot {
            event_ms: at.event_ms,
            published_ms: at.published_ms,
            mode: at.mode,
            totals: figures.totals(),
            rates: figures.rates(),
            regions: keyed(self.region_counts(figures))
                .into_iter()
                .filter(|row| some(&row.counts))
                .collect(),
            categories: keyed(self.category_counts(figures)),
            channels: keyed(Self::channel_counts(figures)),
            cells: self
                .cell_counts(figures)
                .into_iter()
                .enumerate()
                .filter(|(_, counts)| some(counts))
                .map(|(at, counts)| cell(at, self.categories, counts))
                .collect(),
            history: self.history.clone(),
            reached: self.reached.clone(),
            warmth,
            products: self.products.everything(at.event_ms, figures),
            direct: None,
            notices: Vec::new(),
        }
    }

    /// Adds the points of the curves that event time has reached.
    fn extend_history(&mut self, event_ms: EventMs, day: Day, figures: &impl Figures) {
        let into_ms = event_ms.min(day.end_ms) - day.start_ms;
        if into_ms < 0 {
            return;
        }
        let due = (into_ms / HISTORY_STEP_MS) as usize + 1;
        if self.history.gmv_minor.len() < due {
            let gmv = figures.totals().counts.gmv_minor;
            self.history.gmv_minor.resize(due, gmv);
        }
        let due = (into_ms / REGION_STEP_MS) as usize + 1;
        for id in 0..self.regions {
            let counts = figures.region(id as u8);
            if counts == Counts::default() {
                continue;
            }
            match self
                .history
                .regions
                .iter_mut()
                .find(|region| usize::from(region.region) == id)
            {
                Some(region) if region.gmv_minor.len() < due => {
                    region.gmv_minor.resize(due, counts.gmv_minor)
                }
                Some(_) => {}
                None => {
                    // Nothing was sold there at the points before this one.
                    let mut gmv_minor = vec![0; due];
                    if into_ms % REGION_STEP_MS == 0
                        && let Some(last) = gmv_minor.last_mut()
                    {
                        *last = counts.gmv_minor;
                    }
                    self.history.regions.push(RegionHistory {
                        region: id as u8,
                        gmv_minor,
                    });
                }
            }
        }
    }
}

/// What a step has to say: to walls, and to those who may see exact figures.
#[derive(Debug, Default)]
pub struct Step {
    /// A tick, then its lights, then the products about once a second, then notices; of released figures alone.
    pub public: Vec<Public<Body>>,
    /// The same of the exact figures; empty unless they are wanted.
    pub internal: Vec<Internal<Body>>,
}

impl Step {
    /// What walls are told.
    pub fn public_bodies(self) -> Vec<Body> {
        self.public.into_iter().map(Public::into_inner).collect()
    }
}

/// Counts what a source gives and says what changed.
pub struct Publisher {
    source: Box<dyn Source>,
    catalogue: Arc<Catalogue>,
    hello: Hello,
    minor_per_unit: i64,
    event_ms: EventMs,
    exact: Exact,
    warmth: Heat,
    internal: Desk,
    want_internal: bool,
    /// None where public figures are the exact ones.
    guard: Option<Guard>,
    public: Desk,
    steps: u64,
    /// The source failed: the figures are held.
    failed: bool,
    /// Why the source can't keep a step now: the figures stay where they are until it can.
    stalled: Option<String>,
    /// The day is over and its last tick was sent.
    over: bool,
}

impl Publisher {
    /// Starts at an instant of the day; what happened before it comes from the source's own account. Its public
    /// figures are those of [`Privacy::default`].
    ///
    /// # Errors
    /// [`PublishError`] when the source can't be read or contradicts the catalogue.
    pub fn new(
        mut source: Box<dyn Source>,
        catalogue: Arc<Catalogue>,
        start_ms: EventMs,
        speed: f64,
    ) -> Result<Self, PublishError> {
        // The last full second before the start, so that the rates are the day's own from the beginning.
        let second_ms = start_ms - start_ms.rem_euclid(1_000);
        let before = source.seek(second_ms - 1_000)?.totals.counts;
        let second = source.seek(second_ms)?.totals.counts;
        let opening = source.seek(start_ms)?;
        let mut hello = source.hello();
        hello.version = meridian_wire::VERSION;
        hello.server = concat!("meridian-gateway ", env!("CARGO_PKG_VERSION")).to_owned();
        hello.catalogue = catalogue.hash().to_owned();
        hello.speed = speed;
        let regions = catalogue.regions().len();
        let tally = tally_of(&catalogue, &hello, &opening)?;
        let lag_ms = source.lag_ms();
        let mut meter = Meter::new(start_ms, hello.gmv_counts).with_lag(lag_ms);
        meter.open(opening.peak_orders, opening.peak_payments);
        meter.resume(
            second.orders.saturating_sub(before.orders),
            second.payments.saturating_sub(before.payments),
            second.gmv_minor.saturating_sub(before.gmv_minor),
        );
        let many = hello.products.len();
        let exact = Exact {
            tally,
            meter,
            products: ProductMeter::resume(many, start_ms, opening.products.seconds.clone()).with_lag(lag_ms),
        };
        let (guard, public) = guarded(
            Privacy::default(),
            &hello,
            &catalogue,
            source.as_mut(),
            start_ms,
            &opening,
            &exact,
        )?;
        Ok(Self {
            minor_per_unit: hello.currency.minor_per_unit(),
            warmth: Heat::new(catalogue.places().len(), start_ms, &opening.warmth),
            internal: Desk::new(
                &hello,
                regions,
                start_ms,
                opening.history,
                opening.reached,
                opening.products,
                &exact,
            ),
            exact,
            source,
            catalogue,
            hello,
            event_ms: start_ms,
            want_internal: false,
            guard,
            public,
            steps: 0,
            failed: false,
            stalled: None,
            over: false,
        })
    }

    /// The same with another setting of what may be published, from its beginning on.
    ///
    /// # Errors
    /// [`PublishError`] when the source can't be read again.
    pub fn with_privacy(mut self, privacy: Privacy) -> Result<Self, PublishError> {
        let opening = self.source.seek(self.event_ms)?;
        (self.guard, self.public) = guarded(
            privacy,
            &self.hello,
            &self.catalogue,
            self.source.as_mut(),
            self.event_ms,
            &opening,
            &self.exact,
        )?;
        Ok(self)
    }

    /// Goes through the steps again that a live source had gone through before a restart, and comes to the same figures,
    /// public ones included. Gives how many there were.
    ///
    /// # Errors
    /// [`PublishError`] when what was kept of them can't be read.
    pub fn again(&mut self) -> Result<u64, PublishError> {
        Ok(self.again_while(|_| true)?.unwrap_or(0))
    }

    /// The same for as long as somebody wants it to go on, who is told after each step how many there were; none when
    /// they didn't.
    ///
    /// # Errors
    /// [`PublishError`] when what was kept of them can't be read.
    pub fn again_while(&mut self, mut goes_on: impl FnMut(u64) -> bool) -> Result<Option<u64>, PublishError> {
        let want_internal = std::mem::replace(&mut self.want_internal, false);
        let mut steps = 0;
        while let Some(to_ms) = self.source.again()? {
            self.step(to_ms, 0);
            steps += 1;
            if !goes_on(steps) {
                return Ok(None);
            }
        }
        self.want_internal = want_internal;
        Ok(Some(steps))
    }

    /// How a live day's event time goes on.
    pub fn course(&self) -> Course {
        Course {
            start_ms: self.hello.day.start_ms,
            end_ms: self.hello.day.end_ms,
            late_ms: self.source.late_ms(),
        }
    }

    /// Whether something came in that a step to the instant where the day stands would take.
    pub fn waits(&self) -> bool {
        self.source.waits()
    }

    /// Whether event time is the wall clock's.
    pub fn is_live(&self) -> bool {
        self.source.is_live()
    }

    /// Whether exact frames are made beside the public ones; they aren't unless this was said.
    pub fn want_internal(&mut self, want: bool) {
        self.want_internal = want;
    }

    /// Whether there is a region with these ISO 3166 letters.
    pub fn has_region(&self, iso2: &str) -> bool {
        self.catalogue.by_iso2(iso2).is_some()
    }

    /// What this feed is, to the public.
    pub fn hello(&self) -> Hello {
        self.hello_to(DataClass::Public)
    }

    /// What this feed is, to those who may see this class.
    pub fn hello_to(&self, class: DataClass) -> Hello {
        let k = self.guard.as_ref().filter(|_| class == DataClass::Public);
        Hello {
            class,
            k: k.and_then(|guard| u32::try_from(guard.k()).ok()),
            ..self.hello.clone()
        }
    }

    /// Where the day stands.
    pub fn event_ms(&self) -> EventMs {
        self.event_ms
    }

    /// The totals as they are, with nothing withheld: not for publication.
    pub fn totals(&self) -> Totals {
        self.exact.totals()
    }

    /// Orders and payments of the fullest second so far that isn't over: not for publication.
    pub fn fullest(&self) -> (u64, u64) {
        self.exact.meter.fullest()
    }

    /// The rates as they are: not for publication.
    pub fn rates(&self) -> Rates {
        self.exact.rates()
    }

    /// What the regions and what has no region add up to, as it is: not for publication.
    pub fn sum_of_regions(&self) -> Counts {
        let mut sum = self.exact.tally.unplaced();
        for region in 0..self.exact.tally.regions() {
            sum += self.exact.tally.region(region as u8);
        }
        sum
    }

    /// What the figures are.
    pub fn mode(&self) -> Mode {
        if self.failed || self.stalled.is_some() {
            Mode::Held
        } else {
            self.hello.mode
        }
    }

    /// Whether the source failed: the figures will never go on.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Why no step can be made now, where one can be made later.
    pub fn stalled(&self) -> Option<&str> {
        self.stalled.as_deref()
    }

    /// Whether nothing will change any more.
    pub fn ended(&self) -> bool {
        self.over || self.failed
    }

    /// Whether the day went to its end.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// How fast the day runs, for the `hello`.
    pub fn set_speed(&mut self, speed: f64) {
        self.hello.speed = speed;
    }

    /// Goes on to an instant, and says what changed. An instant that isn't later changes nothing, but that a live day which
    /// has to wait for the clock counts what came in.
    pub fn step(&mut self, to_ms: EventMs, published_ms: i64) -> Step {
        let stands = to_ms == self.event_ms && self.source.waits();
        if self.ended() || to_ms <= self.event_ms && !stands {
            return Step::default();
        }
        let from_ms = self.event_ms;
        let mut notices = Vec::new();
        let mut light = Gathered::default();
        match self.source.begin(to_ms) {
            Ok(()) => self.stalled = None,
            Err(error @ SourceError::Waits { .. }) => {
                self.stalled = Some(error.to_string());
                return Step::default();
            }
            Err(error) => notices.push(self.fail(&error.to_string(), published_ms)),
        }
        if stands && !self.failed {
            self.pull(to_ms, published_ms, &mut light, &mut notices);
        }
        if self.guard.is_none()
            && self.source.ahead(to_ms) > LEAP_EVENTS
            && let Err(error) = self.leap(to_ms, &mut light)
        {
            notices.push(self.fail(&error.to_string(), published_ms));
        }
        while self.event_ms < to_ms && !self.failed {
            // No further than the next point of the history, so that each point is exact.
            let into_ms = self.event_ms - self.hello.day.start_ms;
            let next_ms = self.event_ms + HISTORY_STEP_MS - into_ms.rem_euclid(HISTORY_STEP_MS);
            let until_ms = next_ms.min(to_ms);
            self.pull(until_ms, published_ms, &mut light, &mut notices);
            if self.failed {
                break;
            }
            self.event_ms = until_ms;
            let day = self.hello.day;
            // One second after the end the rates are nothing, and that was said.
            let over = self.source.ended() && until_ms >= day.end_ms + 1_000;
            self.exact.meter.advance(until_ms);
            self.exact.products.advance(until_ms);
            self.internal.advance(until_ms, day, &self.exact);
            let milestones = &self.hello.milestones_minor;
            match &mut self.guard {
                Some(guard) => {
                    guard.advance(until_ms, over);
                    self.public.pass(milestones, until_ms, guard.figures());
                    self.public.advance(until_ms, day, guard.figures());
                }
                // Milestones are noted as the rows are gone through, as the internal ones are.
                None => self.public.advance(until_ms, day, &self.exact),
            }
            if over {
                self.over = true;
                break;
            }
        }
        self.steps += 1;
        let mut step = Step::default();
        let at = Said {
            event_ms: self.event_ms,
            published_ms,
            mode: self.mode(),
        };
        let ended = self.ended();
        let cells = self.steps.is_multiple_of(CELLS_EVERY) || ended;
        let when = (from_ms, self.event_ms, self.steps);
        let lights = match &mut self.guard {
            Some(guard) => guard.lights(from_ms, self.event_ms, self.steps),
            None if light.events > 0 => {
                let lights = Body::Lights(light.clone().into_lights(from_ms, self.event_ms, self.steps));
                Some(Open(&self.exact).seal(lights))
            }
            None => None,
        };
        step.public = match &self.guard {
            Some(guard) => say(
                &mut self.public,
                guard.figures(),
                at,
                cells,
                when,
                lights,
                ended,
                &notices,
            ),
            None => say(
                &mut self.public,
                &Open(&self.exact),
                at,
                cells,
                when,
                lights,
                ended,
                &notices,
            ),
        };
        // What receivers know is followed even while there are none.
        let tick = self.internal.tick(at, cells, &self.exact);
        let products = self
            .internal
            .products
            .step(from_ms, self.event_ms, ended, &self.exact);
        if self.want_internal {
            let mut bodies = vec![Body::Tick(Box::new(tick))];
            if light.events > 0 {
                bodies.push(Body::Lights(light.into_lights(
                    from_ms,
                    self.event_ms,
                    self.steps,
                )));
            }
            bodies.extend(products.map(|products| Body::Products(Box::new(products))));
            bodies.extend(notices.into_iter().map(Body::Notice));
            step.internal = bodies.into_iter().map(|body| self.exact.seal(body)).collect();
        }
        step
    }

    /// Counts what the source has until an instant.
    fn pull(
        &mut self,
        until_ms: EventMs,
        published_ms: i64,
        light: &mut Gathered,
        notices: &mut Vec<Notice>,
    ) {
        let mut pulled = Pulled::default();
        let result = self.source.pull(until_ms, &mut pulled);
        let batches = Restricted::new(pulled.batches);
        for batch in batches.rows() {
            if let Err(error) = self.take(batch, light) {
                notices.push(self.fail(&error.to_string(), published_ms));
                break;
            }
        }
        notices.extend(pulled.notices.into_iter().map(|notice| Notice {
            published_ms,
            ..notice
        }));
        if let Err(error) = result {
            notices.push(self.fail(&error.to_string(), published_ms));
        }
    }

    /// Takes the source's own account of everything until the last full second before an instant.
    fn leap(&mut self, to_ms: EventMs, light: &mut Gathered) -> Result<(), PublishError> {
        // The second before the last full one is gone through too: the rates are those of a full second.
        let from_ms = to_ms - to_ms.rem_euclid(1_000) - 1_000;
        if from_ms <= self.event_ms {
            return Ok(());
        }
        let before = self.exact.totals().counts;
        let opening = self.source.seek(from_ms)?;
        let tally = tally_of(&self.catalogue, &self.hello, &opening)?;
        let after = tally.totals().counts;
        light.skipped += (after.orders + after.payments).saturating_sub(before.orders + before.payments);
        self.exact.tally = tally;
        self.exact.meter = Meter::new(from_ms, self.hello.gmv_counts).with_lag(self.source.lag_ms());
        self.exact.meter.open(opening.peak_orders, opening.peak_payments);
        let many = self.hello.products.len();
        self.exact.products = ProductMeter::resume(many, from_ms, opening.products.seconds.clone())
            .with_lag(self.source.lag_ms());
        let places = self.catalogue.places().len();
        let day = self.hello.day;
        let (history, products) = (opening.history.clone(), opening.products.clone());
        self.public.leap(from_ms, day, history, products, &self.exact);
        let passed = opening.reached.get(self.public.reached.len()..).unwrap_or(&[]);
        self.public.reached.extend_from_slice(passed);
        self.warmth = Heat::new(places, from_ms, &opening.warmth);
        let passed = opening.reached.get(self.internal.reached.len()..).unwrap_or(&[]);
        self.internal.reached.extend_from_slice(passed);
        self.event_ms = from_ms;
        self.internal
            .leap(from_ms, day, opening.history, opening.products, &self.exact);
        Ok(())
    }

    /// Everything that is known to the public.
    pub fn public_snapshot(&self, published_ms: i64) -> Public<Box<Snapshot>> {
        let at = self.said(published_ms);
        match &self.guard {
            Some(guard) => {
                let (figures, warmth) = (guard.figures(), guard.warmth(self.event_ms));
                figures.seal(Box::new(self.public.snapshot(at, warmth, figures)))
            }
            None => {
                let (figures, warmth) = (Open(&self.exact), self.warmth.levels(self.event_ms));
                figures.seal(Box::new(self.public.snapshot(at, warmth, &figures)))
            }
        }
    }

    /// Everything that is known.
    pub fn internal_snapshot(&self, published_ms: i64) -> Internal<Box<Snapshot>> {
        let warmth = self.warmth.levels(self.event_ms);
        self.exact.seal(Box::new(self.internal.snapshot(
            self.said(published_ms),
            warmth,
            &self.exact,
        )))
    }

    /// The guard, for a test to watch or to cripple.
    #[cfg(test)]
    pub(crate) fn guard(&mut self) -> Option<&mut Guard> {
        self.guard.as_mut()
    }

    fn said(&self, published_ms: i64) -> Said {
        Said {
            event_ms: self.event_ms,
            published_ms,
            mode: self.mode(),
        }
    }

    fn fail(&mut self, problem: &str, published_ms: i64) -> Notice {
        self.failed = true;
        Notice {
            level: Level::Alert,
            code: "source_failed".to_owned(),
            text: Names {
                en: format!("The source can't be read on; the last good figures are held. {problem}"),
                zh: format!("数据源无法继续读取，保留最后的有效数据。{problem}"),
            },
            published_ms,
        }
    }

    fn take(&mut self, batch: &Batch, light: &mut Gathered) -> Result<(), TallyError> {
        // One that only says that its source is there costs nothing.
        if batch.is_empty() && batch.items.row.is_empty() {
            return Ok(());
        }
        self.exact.tally.add(batch)?;
        self.exact.meter.add(batch);
        self.exact.products.add(batch);
        light.take(batch, &mut self.warmth, self.minor_per_unit);
        let milestones = &self.hello.milestones_minor;
        match &mut self.guard {
            Some(guard) => guard.take(batch),
            None => self.public.pass(milestones, batch.to_ms, &self.exact),
        }
        self.internal.pass(milestones, batch.to_ms, &self.exact);
        Ok(())
    }
}

/// Whether the orders are nobody's, so that all of them may be told. A live day's may be somebody's, whatever its file says.
fn is_nobodys(source: &dyn Source, hello: &Hello) -> bool {
    hello.mode == Mode::Demo && !source.is_live()
}

/// What a step says to the public.
fn say<F>(
    desk: &mut Desk,
    figures: &F,
    at: Said,
    cells: bool,
    (from_ms, to_ms, _): (EventMs, EventMs, u64),
    lights: Option<Public<Body>>,
    ended: bool,
    notices: &[Notice],
) -> Vec<Public<Body>>
where
    F: Figures<Of<Body> = Public<Body>>,
{
    let mut out = vec![figures.seal(Body::Tick(Box::new(desk.tick(at, cells, figures))))];
    out.extend(lights);
    let products = desk.products.step(from_ms, to_ms, ended, figures);
    out.extend(products.map(|products| figures.seal(Body::Products(Box::new(products)))));
    out.extend(
        notices
            .iter()
            .map(|notice| figures.seal(Body::Notice(plain(notice)))),
    );
    out
}

/// A guard that released what had happened before, and the desk of its figures; no guard where the orders are nobody's or privacy
/// is off.
fn guarded(
    privacy: Privacy,
    hello: &Hello,
    catalogue: &Arc<Catalogue>,
    source: &mut dyn Source,
    at_ms: EventMs,
    opening: &Opening,
    exact: &Exact,
) -> Result<(Option<Guard>, Desk), PublishError> {
    let regions = catalogue.regions().len();
    if !privacy.is_on() || is_nobodys(source, hello) {
        let (history, products) = (opening.history.clone(), opening.products.clone());
        let desk = Desk::new(
            hello,
            regions,
            at_ms,
            history,
            opening.reached.clone(),
            products,
            exact,
        );
        return Ok((None, desk));
    }
    // A live source has nothing from before it began, whenever that is; of others it isn't told whether there was anything.
    let since_ms = if source.is_live() {
        at_ms
    } else {
        at_ms.min(hello.day.start_ms)
    };
    let nothing = Warmth::default();
    let mut guard = Guard::new(privacy, hello, catalogue, (since_ms, at_ms), &nothing);
    guard.set_lag(source.lag_ms());
    if since_ms < at_ms {
        // Row by row: groups are made of rows.
        let before = source.seek(since_ms)?.totals.counts;
        if before == Counts::default() {
            let mut pulled = Pulled::default();
            source.pull(at_ms, &mut pulled)?;
            for batch in Restricted::new(pulled.batches).rows() {
                guard.take(batch);
            }
        }
        source.seek(at_ms)?;
    }
    guard.open(at_ms);
    let (history, products) = opened(hello, at_ms, guard.figures());
    let gmv = guard.figures().totals().counts.gmv_minor;
    let mut reached: Vec<Reached> = opening.reached.clone();
    reached.retain(|passed| passed.gmv_minor <= gmv);
    for passed in &mut reached {
        passed.at_ms = at_ms;
    }
    let desk = Desk::new(hello, regions, at_ms, history, reached, products, guard.figures());
    Ok((Some(guard), desk))
}

/// Curves from before an instant, for the public: what was between the day's start and then isn't told, they go there in a
/// straight line, and the places are cold.
fn opened(hello: &Hello, at_ms: EventMs, figures: &impl Figures) -> (History, ProductOpening) {
    let into_ms = at_ms.min(hello.day.end_ms) - hello.day.start_ms;
    let line = |value_minor: i64, step_ms: i64| -> Vec<i64> {
        if into_ms < 0 {
            return Vec::new();
        }
        let step_ms = step_ms.max(1);
        (0..=into_ms / step_ms)
            .map(|point| {
                let value =
                    i128::from(value_minor) * i128::from(point * step_ms) / i128::from(into_ms.max(1));
                i64::try_from(value).unwrap_or(value_minor)
            })
            .collect()
    };
    let regions = (0..=u8::MAX)
        .map(|region| (region, figures.region(region)))
        .filter(|(_, counts)| *counts != Counts::default())
        .map(|(region, counts)| RegionHistory {
            region,
            gmv_minor: line(counts.gmv_minor, REGION_STEP_MS),
        })
        .collect();
    let history = History {
        gmv_minor: line(figures.totals().counts.gmv_minor, HISTORY_STEP_MS),
        regions,
        ..History::default()
    };
    let step_ms = crate::source::curve_step_ms(&hello.day);
    let products = ProductOpening {
        curves: (0..hello.products.len())
            .map(|product| line(figures.product(product as u16).counts.gmv_minor, step_ms))
            .collect(),
        ..ProductOpening::default()
    };
    (history, products)
}

/// A notice as the public reads it: what it is about, without counts, sums, names or files.
fn plain(notice: &Notice) -> Notice {
    let (en, zh) = match notice.code.as_str() {
        "source_failed" => (
            "The source can't be read on; the last good figures are held.",
            "数据源无法继续读取，保留最后的有效数据。",
        ),
        "synthetic_places" => (
            "Orders name countries, not cities: lights stand at cities of the country drawn by population.",
            "订单只有国家、没有城市：光点按人口落在该国城市。",
        ),
        "corrections" => (
            "Cancelled orders are taken off the value as corrections.",
            "取消的订单作为更正从成交额中扣除。",
        ),
        "without_value" => (
            "Entries without any value aren't counted as orders.",
            "金额为零的记录不计为订单。",
        ),
        "unknown_country" => (
            "Orders from countries that no region matches count in the totals, without a place.",
            "国家无法识别的订单计入总额但不落在地图上。",
        ),
        "unknown_channel" => (
            "Orders whose channel isn't known are counted under the default one.",
            "渠道无法识别的订单计入默认渠道。",
        ),
        "source_silent" => (
            "No orders come at the moment: the figures stand where they were.",
            "暂时没有收到订单，数据停留在此前的值。",
        ),
        "source_back" => ("Orders come again.", "订单已恢复接收。"),
        "unreadable_row" => ("Rows that can't be read are skipped.", "无法读取的行已跳过。"),
        _ => (
            "The gateway has a notice for its operators.",
            "网关有一条给运维人员的通知。",
        ),
    };
    Notice {
        text: Names {
            en: en.to_owned(),
            zh: zh.to_owned(),
        },
        ..notice.clone()
    }
}

/// A tally of what a source says had happened before it was joined.
fn tally_of(catalogue: &Catalogue, hello: &Hello, opening: &Opening) -> Result<Tally, TallyError> {
    let mut tally = Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        hello.categories.len(),
        hello.gmv_counts,
    )
    .with_products(hello.products.len());
    tally.open(
        opening
            .cells
            .iter()
            .map(|(channel, cell)| (*channel, cell.region, cell.category, cell.counts)),
        &opening.totals,
    )?;
    for (product, region, counts) in &opening.products.cells {
        tally.open_product(*product, *region, *counts)?;
    }
    Ok(tally)
}

fn cell(at: usize, width: usize, counts: Counts) -> Cell {
    let width = width.max(1);
    Cell {
        region: (at / width) as u8,
        category: (at % width) as u8,
        counts,
    }
}

/// Which of `now` differ from `sent`, which then becomes `now`.
fn changed(sent: &mut [Counts], now: Vec<Counts>) -> Vec<(usize, Counts)> {
    let mut out = Vec::new();
    for (at, (sent, now)) in sent.iter_mut().zip(now).enumerate() {
        if *sent != now {
            *sent = now;
            out.push((at, now));
        }
    }
    out
}

/// The lights and arcs of a span while it is read.
#[derive(Clone, Default)]
struct Gathered {
    place: Vec<u16>,
    code: Vec<u8>,
    events: u64,
    /// Events that were kept, of those that have a place: one of `per_light`.
    placed: u64,
    per_light: u64,
    /// Events that were counted and not gone through: the others stand for them.
    skipped: u64,
    /// (from region, to place) → parcels.
    parcels: BTreeMap<(u8, u16), u32>,
}

impl Gathered {
    fn take(&mut self, batch: &Batch, warmth: &mut Heat, minor_per_unit: i64) {
        let kind = match batch.kind {
            Kind::Order => 0,
            Kind::Payment => 1 << 3,
        };
        let weight = warmth.weight(batch.from_ms);
        let rows = batch.place.iter().zip(&batch.amount_minor).zip(&batch.ships_from);
        for ((place, amount), ships_from) in rows {
            // A correction takes value off; it is no order and no light.
            if *amount < 0 {
                continue;
            }
            self.events += 1;
            if *place == Batch::UNPLACED {
                continue;
            }
            warmth.add(*place, weight);
            if self.placed.is_multiple_of(self.per_light.max(1)) {
                self.place.push(*place);
                self.code.push(kind | magnitude_bucket(*amount, minor_per_unit));
                if self.place.len() > MAX_LIGHTS {
                    self.halve();
                }
            }
            self.placed += 1;
            // A parcel is one order; its payment sends nothing.
            if batch.kind == Kind::Order && *ships_from != Batch::DOMESTIC {
                *self.parcels.entry((*ships_from, *place)).or_default() += 1;
            }
        }
    }

    /// Keeps every other light.
    fn halve(&mut self) {
        self.per_light = self.per_light.max(1) * 2;
        self.place = self.place.iter().copied().step_by(2).collect();
        self.code = self.code.iter().copied().step_by(2).collect();
    }

    fn into_lights(self, from_ms: EventMs, to_ms: EventMs, step: u64) -> Lights {
        let events = self.events + self.skipped;
        let (mut per_light, mut parcels) = (self.per_light.max(1), self.parcels);
        if self.skipped > 0 && self.events > 0 {
            per_light = events.div_ceil(self.place.len().max(1) as u64);
            let share = events as f64 / self.events as f64;
            for count in parcels.values_mut() {
                *count = (f64::from(*count) * share).round() as u32;
            }
        }
        Lights {
            from_ms,
            to_ms,
            per_light: u32::try_from(per_light).unwrap_or(u32::MAX),
            events,
            place: self.place,
            code: self.code,
            arcs: arcs(&parcels, step),
            published_ms: None,
        }
    }
}

/// At most [`MAX_ARCS`] arcs that stand for all parcels. When there are more pairs, evenly spaced
/// parcels are drawn, beginning elsewhere in each step, so that rare pairs have their turn too.
pub(crate) fn arcs(parcels: &BTreeMap<(u8, u16), u32>, step: u64) -> Arcs {
    let mut out = Arcs::default();
    let mut push = |pair: (u8, u16), count: u64| {
        out.from_region.push(pair.0);
        out.to_place.push(pair.1);
        out.parcels.push(u32::try_from(count).unwrap_or(u32::MAX));
    };
    if parcels.len() <= MAX_ARCS {
        for (pair, count) in parcels {
            push(*pair, u64::from(*count));
        }
        return out;
    }
    let total: u64 = parcels.values().map(|count| u64::from(*count)).sum();
    let arcs = MAX_ARCS as u64;
    let phase = step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut behind = 0_u64;
    let mut next = 0_u64;
    for (pair, count) in parcels {
        behind += u64::from(*count);
        let mut stands_for = 0;
        while next < arcs {
            let (begin, end) = (next * total / arcs, (next + 1) * total / arcs);
            let drawn = begin + (end - begin) * phase / (1 << 24);
            if drawn >= behind {
                break;
            }
            stands_for += end - begin;
            next += 1;
        }
        if stands_for > 0 {
            push(*pair, stands_for);
        }
    }
    out
}

/// Decayed numbers of orders and payments by place.
pub(crate) struct Heat {
    values: Vec<f64>,
    /// The instant that `values` are scaled to.
    at_ms: EventMs,
}

impl Heat {
    pub(crate) fn new(places: usize, at_ms: EventMs, warmth: &Warmth) -> Self {
        let mut values = vec![0.0; places];
        for (place, level) in warmth.place.iter().zip(&warmth.level) {
            if let Some(value) = values.get_mut(usize::from(*place)) {
                *value = (f64::from(*level) / 16.0).exp2() - 1.0;
            }
        }
        Self { values, at_ms }
    }

    /// What one event of this instant weighs at the scale's instant. Growing weights stand in for
    /// decaying every place at every step.
    pub(crate) fn weight(&mut self, at_ms: EventMs) -> f64 {
        let mut half_lives = (at_ms - self.at_ms) as f64 / WARMTH_HALF_LIFE_MS;
        if half_lives > 32.0 {
            let decay = (-half_lives).exp2();
            self.values.iter_mut().for_each(|value| *value *= decay);
            self.at_ms = at_ms;
            half_lives = 0.0;
        }
        half_lives.exp2()
    }

    pub(crate) fn add(&mut self, place: u16, weight: f64) {
        if let Some(value) = self.values.get_mut(usize::from(place)) {
            *value += weight;
        }
    }

    pub(crate) fn levels(&self, now_ms: EventMs) -> Warmth {
        let decay = (-((now_ms - self.at_ms) as f64) / WARMTH_HALF_LIFE_MS).exp2();
        let mut out = Warmth::default();
        for (place, value) in self.values.iter().enumerate() {
            let level = (16.0 * (1.0 + value * decay).log2()).round().clamp(0.0, 255.0) as u8;
            if level > 0 {
                out.place.push(place as u16);
                out.level.push(level);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::{ScenarioSource, load_catalogue};

    fn publisher(at_ms: i64) -> (Publisher, EventMs) {
        let catalogue = load_catalogue().unwrap();
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms;
        let publisher = Publisher::new(Box::new(source), catalogue, start_ms + at_ms, 1.0).unwrap();
        (wanted(publisher), start_ms)
    }

    fn wanted(mut publisher: Publisher) -> Publisher {
        publisher.want_internal(true);
        publisher
    }

    /// The exact frames of a step.
    fn exact(step: Step) -> Vec<Body> {
        step.internal.into_iter().map(Internal::into_inner).collect()
    }

    fn lights(bodies: &[Body]) -> Option<&Lights> {
        bodies.iter().find_map(|body| match body {
            Body::Lights(lights) => Some(lights),
            _ => None,
        })
    }

    fn tick(bodies: &[Body]) -> &Tick {
        bodies
            .iter()
            .find_map(|body| match body {
                Body::Tick(tick) => Some(&**tick),
                _ => None,
            })
            .unwrap()
    }

    /// A source that breaks at an instant.
    struct Breaks(ScenarioSource, EventMs);

    impl Source for Breaks {
        fn hello(&self) -> Hello {
            self.0.hello()
        }

        fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
            self.0.seek(to_ms)
        }

        fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
            self.0.pull(to_ms.min(self.1), out)?;
            if to_ms > self.1 {
                return Err(SourceError::File {
                    file: "orders.csv".to_owned(),
                    problem: "the disk is gone".to_owned(),
                });
            }
            Ok(())
        }

        fn ended(&self) -> bool {
            self.0.ended()
        }
    }

    #[test]
    fn a_source_that_breaks_leaves_the_last_good_figures_held() {
        let catalogue = load_catalogue().unwrap();
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms + 60_000;
        let broken = Breaks(source, start_ms + 250);
        let mut publisher =
            wanted(Publisher::new(Box::new(broken), Arc::clone(&catalogue), start_ms, 1.0).unwrap());
        exact(publisher.step(start_ms + 200, 0));
        assert_eq!(publisher.mode(), Mode::Demo);
        let bodies = exact(publisher.step(start_ms + 300, 7));
        assert_eq!(tick(&bodies).mode, Mode::Held);
        let notice = bodies
            .iter()
            .find_map(|body| match body {
                Body::Notice(notice) => Some(notice),
                _ => None,
            })
            .unwrap();
        assert_eq!(
            (notice.code.as_str(), notice.level),
            ("source_failed", Level::Alert)
        );
        assert!(
            notice.text.en.contains("orders.csv: the disk is gone"),
            "{notice:?}"
        );
        // What came before the break counts, and then nothing changes any more.
        let mut whole = ScenarioSource::load("double11-2016", catalogue).unwrap();
        assert_eq!(publisher.totals(), whole.seek(start_ms + 250).unwrap().totals);
        assert!(exact(publisher.step(start_ms + 400, 0)).is_empty());
        assert_eq!(publisher.internal_snapshot(0).into_inner().mode, Mode::Held);
    }

    #[test]
    fn the_first_rates_are_those_of_the_second_before() {
        let catalogue = load_catalogue().unwrap();
        let at = |into_ms: i64| {
            let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
            let start_ms = source.hello().day.start_ms + into_ms;
            Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap()
        };
        let mut played = at(240_000);
        let day_ms = played.event_ms() - 240_000;
        exact(played.step(day_ms + 243_400, 0));
        let joined = at(243_400).internal_snapshot(0).into_inner().rates;
        assert!(joined.orders_per_s > 100_000, "{joined:?}");
        let rates = played.internal_snapshot(0).into_inner().rates;
        assert_eq!(
            (rates.orders_per_s, rates.payments_per_s, rates.gmv_minor_per_s),
            (joined.orders_per_s, joined.payments_per_s, joined.gmv_minor_per_s)
        );
        assert_eq!(at(-5_000).internal_snapshot(0).into_inner().rates.orders_per_s, 0);
    }

    /// A leap comes to what going through comes to: totals to the fen, rates, peaks, curves, milestones.
    #[test]
    fn leaps_and_steps_come_to_the_same() {
        let catalogue = load_catalogue().unwrap();
        for (from_ms, to_ms) in [(-1_000, 61_300), (200_000, 260_000), (50_000_000, 50_400_500)] {
            let (mut steps, start_ms) = publisher(from_ms);
            let (mut leap, _) = publisher(from_ms);
            let mut events = 0;
            let mut at_ms = from_ms;
            let mut last = Vec::new();
            while at_ms < to_ms {
                // Two seconds at most, so that nothing is leapt over.
                at_ms = (at_ms + 1_700).min(to_ms);
                last = exact(steps.step(start_ms + at_ms, 0));
                events += lights(&last).map_or(0, |lights| lights.events);
            }
            let leapt = exact(leap.step(start_ms + to_ms, 0));
            assert_eq!(leap.totals(), steps.totals());
            assert_eq!(tick(&leapt).rates, tick(&last).rates);
            let (mut a, mut b) = (
                leap.internal_snapshot(0).into_inner(),
                steps.internal_snapshot(0).into_inner(),
            );
            // Regions stand in the order in which they first sold something.
            a.history.regions.sort_by_key(|region| region.region);
            b.history.regions.sort_by_key(|region| region.region);
            assert!(a.history == b.history, "{from_ms} to {to_ms}: the curves differ");
            assert!(a.regions == b.regions, "{from_ms} to {to_ms}: regions differ");
            assert!(a.cells == b.cells, "{from_ms} to {to_ms}: cells differ");
            assert!(a.channels == b.channels, "{from_ms} to {to_ms}: channels differ");
            assert!(a.products == b.products, "{from_ms} to {to_ms}: products differ");
            assert_eq!(a.products.products.len(), 6);
            let values = |list: &[Reached]| list.iter().map(|passed| passed.gmv_minor).collect::<Vec<_>>();
            assert_eq!(values(&a.reached), values(&b.reached));
            for (a, b) in a.reached.iter().zip(&b.reached) {
                assert!((a.at_ms - b.at_ms).abs() <= 1_000, "{a:?} {b:?}");
            }
            // Lights say how many they stand for, and that is all of them.
            let shown = lights(&leapt).unwrap();
            assert_eq!(shown.events, events);
            let stands_for = shown.place.len() as u64 * u64::from(shown.per_light);
            assert!(shown.per_light > 1 && stands_for >= events, "{}", shown.per_light);
            assert!(stands_for - events <= shown.place.len() as u64);
            // Warmth, within what its levels can tell.
            let heat = |snapshot: &Snapshot| {
                let mut levels = vec![0_u8; catalogue.places().len()];
                for (place, level) in snapshot.warmth.place.iter().zip(&snapshot.warmth.level) {
                    levels[usize::from(*place)] = *level;
                }
                levels
            };
            let apart = heat(&a)
                .iter()
                .zip(heat(&b))
                .filter(|(a, b)| **a > 96 && a.abs_diff(*b) > 16)
                .count();
            assert!(apart < catalogue.places().len() / 50, "{apart} places");
        }
    }

    /// What a display would know from a snapshot and the frames after it.
    fn applied(
        mut known: meridian_wire::Products,
        frames: &[meridian_wire::Products],
    ) -> meridian_wire::Products {
        for frame in frames {
            known.event_ms = frame.event_ms;
            for row in &frame.products {
                match known.products.iter_mut().find(|known| known.id == row.id) {
                    Some(slot) => *slot = *row,
                    None => known.products.push(*row),
                }
            }
            for cell in &frame.regions {
                let same = |known: &&mut meridian_wire::ProductCell| {
                    (known.product, known.region) == (cell.product, cell.region)
                };
                match known.regions.iter_mut().find(same) {
                    Some(slot) => *slot = *cell,
                    None => known.regions.push(*cell),
                }
            }
            for curve in &frame.curves {
                match known
                    .curves
                    .iter_mut()
                    .find(|known| known.product == curve.product)
                {
                    Some(slot) => {
                        slot.gmv_minor.truncate(curve.from as usize);
                        assert_eq!(slot.gmv_minor.len(), curve.from as usize, "no point is missing");
                        slot.gmv_minor.extend(&curve.gmv_minor);
                    }
                    None => known.curves.push(curve.clone()),
                }
            }
            if frame.trends.is_some() {
                known.trends.clone_from(&frame.trends);
            }
        }
        known.regions.sort_by_key(|cell| (cell.product, cell.region));
        known
    }

    #[test]
    fn product_frames_go_on_from_any_snapshot() {
        let (mut publisher, start_ms) = publisher(170_000);
        let first = publisher.internal_snapshot(0).into_inner().products;
        let (mut frames, mut later) = (Vec::new(), Vec::new());
        let mut joined = None;
        for step in 1..=1_700_i64 {
            for body in exact(publisher.step(start_ms + 170_000 + step * 100, 0)) {
                if let Body::Products(products) = body {
                    assert!(!products.is_empty());
                    frames.push((*products).clone());
                    if joined.is_some() {
                        later.push(*products);
                    }
                }
            }
            if step == 777 {
                joined = Some(publisher.internal_snapshot(0).into_inner().products);
            }
        }
        // Once a second, whatever the steps.
        assert_eq!(frames.len(), 170);
        let now = publisher.internal_snapshot(0).into_inner().products;
        assert_eq!(applied(first, &frames), now);
        assert_eq!(applied(joined.unwrap(), &later), now);
        // A surge began at 00:03; it is said with the curve's point at 00:05.
        let trends = now.trends.unwrap();
        let us = publisher.catalogue.by_iso2("US").unwrap().0;
        assert!(
            trends
                .iter()
                .any(|trend| (trend.product, trend.region) == (0, us) && trend.percent > 300),
            "{trends:?}"
        );
        assert_eq!(now.curves[0].gmv_minor.len(), 2);
        let row = now.products[0];
        assert!(
            row.orders_10s >= row.orders_per_s && row.orders_per_s > 0,
            "{row:?}"
        );
        let ranks: std::collections::BTreeSet<u16> = now.products.iter().map(|row| row.rank).collect();
        assert_eq!(ranks.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }

    /// What a restart goes on from is an instant: products, their curves and trends come from the source.
    #[test]
    fn a_restart_has_the_products_as_if_it_had_gone_on() {
        let catalogue = load_catalogue().unwrap();
        let orders = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/orders-dirty.csv"
        );
        let sources: [&dyn Fn() -> Box<dyn Source>; 2] = [
            &|| Box::new(ScenarioSource::load("example-day", Arc::clone(&catalogue)).unwrap()),
            &|| {
                let mapping = "uci-online-retail";
                Box::new(crate::OrdersSource::open(orders, mapping, Arc::clone(&catalogue)).unwrap())
            },
        ];
        for open in sources {
            let day = open().hello().day;
            let from_ms = day.start_ms - 1_500;
            let mut played = Publisher::new(open(), Arc::clone(&catalogue), from_ms, 1.0).unwrap();
            for minutes in [1, 37, 310, 526, 700] {
                let to_ms = day.start_ms + minutes * 60_000 + 4_321;
                exact(played.step(to_ms, 0));
                let joined = Publisher::new(open(), Arc::clone(&catalogue), to_ms, 1.0).unwrap();
                let (mut a, mut b) = (
                    played.internal_snapshot(0).into_inner().products,
                    joined.internal_snapshot(0).into_inner().products,
                );
                assert!(!a.products.is_empty());
                // Both say all regions of the same products; in a day's first steps few are ranked apart.
                a.regions.sort_by_key(|cell| (cell.product, cell.region));
                b.regions.sort_by_key(|cell| (cell.product, cell.region));
                assert_eq!(a, b, "{} after {minutes} minutes", open().hello().title.en);
            }
        }
    }

    #[test]
    fn arcs_stand_for_every_parcel_however_few_there_are() {
        let mut parcels = BTreeMap::new();
        for pair in 0..900_u16 {
            parcels.insert(((pair % 7) as u8, pair), u32::from(pair % 13) + 1);
        }
        let all: u64 = parcels.values().map(|count| u64::from(*count)).sum();
        let mut pairs = std::collections::BTreeSet::new();
        for step in 0..400 {
            let drawn = arcs(&parcels, step);
            assert!(drawn.parcels.len() <= MAX_ARCS);
            assert_eq!(
                drawn.parcels.iter().map(|count| u64::from(*count)).sum::<u64>(),
                all
            );
            pairs.extend(
                drawn
                    .from_region
                    .iter()
                    .zip(&drawn.to_place)
                    .map(|(from, to)| (*from, *to)),
            );
        }
        assert!(pairs.len() > 450, "{} of 900 had their turn", pairs.len());
        let few: BTreeMap<_, _> = parcels.into_iter().take(3).collect();
        assert_eq!(arcs(&few, 1).parcels, [1, 8, 2]);
    }

    #[test]
    fn milestones_are_said_once_as_they_are_passed() {
        let (mut publisher, start_ms) = publisher(0);
        let mut said = Vec::new();
        for at_ms in (1_000..=60_000).step_by(1_000) {
            said.extend(tick(&exact(publisher.step(start_ms + at_ms, 0))).reached.clone());
        }
        // One billion yuan, 52 seconds after midnight.
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].gmv_minor, 100_000_000_000);
        assert!(
            (start_ms + 51_000..=start_ms + 53_000).contains(&said[0].at_ms),
            "{said:?}"
        );
    }

    #[test]
    fn warmth_halves_in_its_half_life() {
        let mut heat = Heat::new(2, 0, &Warmth::default());
        let weight = heat.weight(0);
        for _ in 0..1023 {
            heat.add(1, weight);
        }
        let level = |heat: &Heat, at_ms: i64| heat.levels(at_ms).level.first().copied().unwrap_or(0);
        assert_eq!(level(&heat, 0), 160);
        let half = WARMTH_HALF_LIFE_MS as i64;
        assert_eq!(level(&heat, half), 144);
        // Long after, scaled anew.
        let weight = heat.weight(half * 40);
        heat.add(0, weight);
        assert_eq!(heat.levels(half * 40).place, [0]);
    }
}
