//! The publisher: turns a source's orders into frames. Pure: no clock, no network.

use std::sync::Arc;

use crate::publish::audience::{Audience, HISTORY_STEP_MS, TickStamp};
use crate::publish::class::{Internal, Privacy, Restricted};
use crate::publish::figures::{Exact, Figures};
use crate::publish::guard::{Guard, Open, Public};
use crate::publish::lights::Gathered;
use crate::publish::opening::{guarded, tally_of};
use crate::publish::warmth::WarmthMeter;
use crate::source::clock::EventClock;
use crate::{Pulled, Source, SourceError};
use meridian_core::sales::{Batch, Catalogue, EventMs};
use meridian_core::tally::{Meter, ProductMeter, TallyError};
use meridian_wire::{Body, Counts, DataClass, Hello, Mode, Notice, NoticeKind, Rates, Snapshot, Totals};

/// A step with more orders and payments than this isn't gone through row by row where the source can do without:
/// its figures are taken from the source's own account, which is exact, and its lights from its last seconds, each
/// standing for several.
const LEAP_EVENTS: u64 = 600_000;
/// Cells are sent with every n-th tick.
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

/// Counts a source's orders and publishes what changed.
pub struct Publisher {
    source: Box<dyn Source>,
    catalogue: Arc<Catalogue>,
    hello: Hello,
    minor_per_unit: i64,
    event_ms: EventMs,
    exact: Exact,
    warmth: WarmthMeter,
    internal: Audience,
    want_internal: bool,
    /// What was kept of a live day is gone through again: nobody is told.
    replaying: bool,
    /// None where public figures are the exact ones.
    guard: Option<Guard>,
    public: Audience,
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
            warmth: WarmthMeter::new(catalogue.places().len(), start_ms, &opening.warmth),
            internal: Audience::new(
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
            replaying: false,
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

    /// Replays the steps that a live source had gone through before a restart, and comes to the same figures, public ones
    /// included. Gives how many there were.
    ///
    /// # Errors
    /// [`PublishError`] when what was kept of them can't be read.
    pub fn replay(&mut self) -> Result<u64, PublishError> {
        Ok(self.replay_while(|_| true)?.unwrap_or(0))
    }

    /// The same for as long as somebody wants it to go on, who is told after each step how many there were; none when
    /// they didn't.
    ///
    /// # Errors
    /// [`PublishError`] when what was kept of them can't be read.
    pub fn replay_while(
        &mut self,
        mut goes_on: impl FnMut(u64) -> bool,
    ) -> Result<Option<u64>, PublishError> {
        self.replaying = true;
        let mut steps = 0;
        while let Some(to_ms) = self.source.next_replay()? {
            self.step(to_ms, 0);
            steps += 1;
            if !goes_on(steps) {
                return Ok(None);
            }
        }
        self.replaying = false;
        Ok(Some(steps))
    }

    /// How a live day's event time goes on.
    pub fn event_clock(&self) -> EventClock {
        EventClock {
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

    /// Whether exact frames are made beside the public ones; they aren't unless this was said, before the first step.
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
            Err(error) => notices.push(self.fail(error.to_string())),
        }
        if stands && !self.failed {
            self.pull(to_ms, &mut light, &mut notices);
        }
        if self.guard.is_none()
            && self.source.ahead(to_ms) > LEAP_EVENTS
            && let Err(error) = self.leap(to_ms, &mut light)
        {
            notices.push(self.fail(error.to_string()));
        }
        while self.event_ms < to_ms && !self.failed && !self.over {
            self.go_on(to_ms, &mut light, &mut notices);
        }
        self.steps += 1;
        let ended = self.ended();
        let span = Span {
            at: self.stamp(published_ms),
            from_ms,
            cells: self.steps.is_multiple_of(CELLS_EVERY) || ended,
            ended,
        };
        Step {
            public: self.say_publicly(&span, &mut light, &notices),
            internal: self.say_internally(&span, light, notices),
        }
    }

    /// Goes on towards an instant: no further than the next point of the history, so that each point is exact.
    fn go_on(&mut self, to_ms: EventMs, light: &mut Gathered, notices: &mut Vec<NoticeKind>) {
        let day = self.hello.day;
        let into_ms = self.event_ms - day.start_ms;
        let next_ms = self.event_ms + HISTORY_STEP_MS - into_ms.rem_euclid(HISTORY_STEP_MS);
        let until_ms = next_ms.min(to_ms);
        self.pull(until_ms, light, notices);
        if self.failed {
            return;
        }
        self.event_ms = until_ms;
        // One second after the end the rates are nothing, and that was said.
        self.over = self.source.ended() && until_ms >= day.end_ms + 1_000;
        self.exact.meter.advance(until_ms);
        self.exact.products.advance(until_ms);
        self.internal.advance(until_ms, day, &self.exact);
        let milestones = &self.hello.milestones_minor;
        match &mut self.guard {
            Some(guard) => {
                guard.advance(until_ms, self.over);
                self.public.pass(milestones, until_ms, guard.figures());
                self.public.advance(until_ms, day, guard.figures());
            }
            // Milestones are noted as the rows are gone through, as the internal ones are.
            None => self.public.advance(until_ms, day, &self.exact),
        }
    }

    /// What walls are told of a step.
    fn say_publicly(
        &mut self,
        span: &Span,
        light: &mut Gathered,
        notices: &[NoticeKind],
    ) -> Vec<Public<Body>> {
        let (from_ms, to_ms) = (span.from_ms, self.event_ms);
        let notices = notices.iter().map(|notice| notice.public(span.at.published_ms));
        match &mut self.guard {
            Some(guard) => {
                let lights = guard.lights(from_ms, to_ms, self.steps);
                say(&mut self.public, guard.figures(), span, lights, notices)
            }
            None => {
                let figures = Open(&self.exact);
                let lights = (light.events > 0).then(|| {
                    let light = match self.want_internal && !self.replaying {
                        true => light.clone(),
                        false => std::mem::take(light),
                    };
                    figures.seal(Body::Lights(light.into_lights(from_ms, to_ms, self.steps)))
                });
                say(&mut self.public, &figures, span, lights, notices)
            }
        }
    }

    /// What those who may see exact figures are told of a step: nothing where there can't be anybody. While a log is gone
    /// through again nobody is there yet, but what they know is followed, so that they go on from it.
    fn say_internally(
        &mut self,
        span: &Span,
        light: Gathered,
        notices: Vec<NoticeKind>,
    ) -> Vec<Internal<Body>> {
        if !self.want_internal {
            return Vec::new();
        }
        let lights = (light.events > 0 && !self.replaying).then(|| {
            let lights = light.into_lights(span.from_ms, self.event_ms, self.steps);
            self.exact.seal(Body::Lights(lights))
        });
        let notices = notices.iter().map(|notice| notice.notice(span.at.published_ms));
        let said = say(&mut self.internal, &self.exact, span, lights, notices);
        if self.replaying { Vec::new() } else { said }
    }

    /// Counts what the source has until an instant.
    fn pull(&mut self, until_ms: EventMs, light: &mut Gathered, notices: &mut Vec<NoticeKind>) {
        let mut pulled = Pulled::default();
        let result = self.source.pull(until_ms, &mut pulled);
        for batch in &pulled.batches {
            if let Err(error) = self.take(batch, light) {
                notices.push(self.fail(error.to_string()));
                break;
            }
        }
        notices.extend(pulled.notices);
        if let Err(error) = result {
            notices.push(self.fail(error.to_string()));
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
        self.warmth = WarmthMeter::new(places, from_ms, &opening.warmth);
        let passed = opening.reached.get(self.internal.reached.len()..).unwrap_or(&[]);
        self.internal.reached.extend_from_slice(passed);
        self.event_ms = from_ms;
        self.internal
            .leap(from_ms, day, opening.history, opening.products, &self.exact);
        Ok(())
    }

    /// Everything that is known to the public.
    pub fn public_snapshot(&self, published_ms: i64) -> Public<Box<Snapshot>> {
        let at = self.stamp(published_ms);
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
            self.stamp(published_ms),
            warmth,
            &self.exact,
        )))
    }

    /// The guard, for a test to watch or to cripple.
    #[cfg(test)]
    pub(crate) fn guard(&mut self) -> Option<&mut Guard> {
        self.guard.as_mut()
    }

    fn stamp(&self, published_ms: i64) -> TickStamp {
        TickStamp {
            event_ms: self.event_ms,
            published_ms,
            mode: self.mode(),
        }
    }

    fn fail(&mut self, problem: String) -> NoticeKind {
        self.failed = true;
        NoticeKind::SourceFailed { problem }
    }

    fn take(&mut self, batch: &Restricted<Batch>, light: &mut Gathered) -> Result<(), TallyError> {
        let batch = batch.rows();
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

/// The step that is told of.
struct Span {
    at: TickStamp,
    from_ms: EventMs,
    /// Whether cells are told with it.
    cells: bool,
    /// Whether nothing comes after it.
    ended: bool,
}

/// What a step says to one class.
fn say<F: Figures>(
    audience: &mut Audience,
    figures: &F,
    span: &Span,
    lights: Option<F::Of<Body>>,
    notices: impl Iterator<Item = Notice>,
) -> Vec<F::Of<Body>> {
    let tick = audience.tick(span.at, span.cells, figures);
    let mut out = vec![figures.seal(Body::Tick(Box::new(tick)))];
    out.extend(lights);
    let products = audience
        .products
        .step(span.from_ms, span.at.event_ms, span.ended, figures);
    out.extend(products.map(|products| figures.seal(Body::Products(Box::new(products)))));
    out.extend(notices.map(|notice| figures.seal(Body::Notice(notice))));
    out
}

#[cfg(test)]
mod tests;
