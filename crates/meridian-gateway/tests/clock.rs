//! A live day's gateway whose wall clock is wrong for a while, comes back, or is set for good, while orders come; and one that has
//! much to go through before it can count.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, EventMs, Kind};
use meridian_gateway::source::clock::{Clock, Reading, mono_ms};
use meridian_gateway::source::intake::{Intake, Outcome};
use meridian_gateway::{
    Gateway, GatewayConfig, LiveDay, LiveSource, OrderLog, Privacy, Publisher, Pulled, Record, Source,
    SourceError, load_catalogue, operate::metrics, serve, wall_ms,
};
use meridian_wire::{Body, Hello};

const WAIT: Duration = Duration::from_secs(30);

/// Clocks that a test sets: a wall clock, and a monotonic one that runs so many times as fast as it does.
struct Clocks {
    clock: Arc<Clock>,
    off_ms: Arc<AtomicI64>,
    began: Instant,
    first_ms: i64,
    speed: i64,
}

impl Clocks {
    fn new(first_ms: i64, speed: i64) -> Self {
        let (off_ms, began) = (Arc::new(AtomicI64::new(0)), Instant::now());
        let off = Arc::clone(&off_ms);
        let clock = Clock::with(move || {
            let mono_us = began.elapsed().as_micros() as i64 * speed;
            Reading {
                wall_us: (first_ms + off.load(Ordering::Acquire)) * 1_000 + mono_us,
                mono_us,
            }
        });
        Self {
            clock,
            off_ms,
            began,
            first_ms,
            speed,
        }
    }

    fn set(&self, off_ms: i64) {
        self.off_ms.store(off_ms, Ordering::Release);
    }

    /// The time as it is.
    fn true_ms(&self) -> i64 {
        self.first_ms + self.began.elapsed().as_millis() as i64 * self.speed
    }
}

fn day(now_ms: i64, late_s: u32) -> LiveDay {
    let text = format!(
        "gmv_counts = 'order'\ncurrency = 'EUR'\n[title]\nen = 'T'\nzh = 'T'\n[day]\nzone = 'UTC'\nlate_s = {late_s}\n\
         [[category]]\nname = {{ en = 'A', zh = 'A' }}\n"
    );
    LiveDay::parse(&text, &load_catalogue().unwrap(), now_ms).unwrap()
}

struct House {
    gateway: Gateway,
    intake: Arc<Intake>,
    sequence: AtomicU64,
}

impl House {
    fn new(clocks: &Clocks, folder: &Path, late_s: u32) -> Self {
        Self::with(clocks, folder, late_s, |source| Box::new(source))
    }

    fn with(
        clocks: &Clocks,
        folder: &Path,
        late_s: u32,
        wrap: impl FnOnce(LiveSource) -> Box<dyn Source>,
    ) -> Self {
        let catalogue = load_catalogue().unwrap();
        let day = day(clocks.clock.now_ms(), late_s);
        let (source, privacy) = LiveSource::open(day, Some(folder), &catalogue, Privacy::default()).unwrap();
        let (intake, start_ms) = (source.intake(), source.start_ms());
        let publisher = Publisher::new(wrap(source), catalogue, start_ms, 1.0)
            .unwrap()
            .with_privacy(privacy)
            .unwrap();
        let config = GatewayConfig {
            intake: Some(Arc::clone(&intake)),
            clock: Arc::clone(&clocks.clock),
            ..GatewayConfig::default()
        };
        Self {
            gateway: serve(config, publisher).unwrap(),
            intake,
            sequence: AtomicU64::new(wall_ms() as u64),
        }
    }

    fn ready(self) -> Self {
        until("it takes orders", || self.gateway.metrics().steps() > 2);
        self
    }

    fn offer(&self, at_ms: i64, rows: usize) -> Outcome {
        let mut batch = Batch::new(Kind::Order, at_ms, at_ms + 1);
        for _ in 0..rows {
            batch.push(3, 0, 0, 500, Batch::DOMESTIC);
        }
        let bytes = encode(&batch, 1, self.sequence.fetch_add(1, Ordering::Relaxed)).unwrap();
        let (receipts, read) = self.intake.offer(&bytes, 0);
        read.unwrap();
        receipts.into_iter().next().unwrap().outcome
    }

    /// How long a batch waits for its answer.
    fn answered(&self, at_ms: i64) -> Duration {
        let began = Instant::now();
        match self.offer(at_ms, 5) {
            Outcome::Taken(ticket) => {
                let counted = self.intake.counted();
                until("it is counted", || *counted.borrow() >= ticket);
            }
            other => panic!("{other:?}"),
        }
        began.elapsed()
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < WAIT, "not within {WAIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The codes of the notices that a display is told.
fn notices(link: &Link) -> Vec<String> {
    let mut codes = Vec::new();
    while let Ok(event) = link.events().try_recv() {
        if let LinkEvent::Frame(frame, _) = event
            && let Body::Notice(notice) = frame.body
        {
            codes.push(notice.code);
        }
    }
    codes
}

fn steps_of(folder: &Path) -> Vec<EventMs> {
    let mut steps = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let mut records = OrderLog::look(&entry.unwrap().path()).unwrap();
        while let Some(record) = records.next_record().unwrap() {
            if let Record::Step { to_ms, .. } = record {
                steps.push(to_ms);
            }
        }
    }
    steps
}

/// Noon of a day.
const NOON_MS: i64 = 1_762_776_000_000;

/// Orders that come as fast as they are answered, until it is enough; how many were counted.
fn load<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    house: &'scope House,
    clocks: &'scope Clocks,
    enough: &'scope AtomicBool,
) -> std::thread::ScopedJoinHandle<'scope, u64> {
    scope.spawn(move || {
        let mut orders = 0;
        while !enough.load(Ordering::Acquire) {
            match house.offer(clocks.true_ms(), 100) {
                Outcome::Taken(_) => orders += 100,
                other => panic!("{other:?}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        orders
    })
}

#[test]
fn a_clock_that_is_wrong_for_a_moment_costs_no_order_and_no_day() {
    let folder = tempfile::tempdir().unwrap();
    let clocks = Clocks::new(NOON_MS, 1);
    let house = House::new(&clocks, folder.path(), 60).ready();
    let metrics = house.gateway.metrics();
    let link = Link::start(LinkConfig::new(house.gateway.url())).unwrap();
    until("a display is there", || {
        link.events()
            .try_iter()
            .any(|event| matches!(event, LinkEvent::Frame(..)))
    });
    let (enough, single) = (AtomicBool::new(false), AtomicU64::new(0));
    let orders: u64 = std::thread::scope(|scope| {
        let loads = [0, 1].map(|_| load(scope, &house, &clocks, &enough));
        // A day and an hour ahead, an hour and a moment back, there and back at once, a little off.
        for off_ms in [86_400_000, 3_600_000, -3_600_000, -2_500, 900, 86_400_000] {
            clocks.set(off_ms);
            let began = Instant::now();
            // Each is answered while it is wrong, and at once when it is right.
            while began.elapsed() < Duration::from_millis(150) {
                house.answered(clocks.true_ms());
                single.fetch_add(5, Ordering::Relaxed);
            }
            clocks.set(0);
            house.answered(clocks.true_ms());
            single.fetch_add(5, Ordering::Relaxed);
            let apart_ms = metrics.event_ms.get() - clocks.true_ms();
            assert!((-5_000..=100).contains(&apart_ms), "{apart_ms} ms by {off_ms}");
        }
        enough.store(true, Ordering::Release);
        loads.into_iter().map(|load| load.join().unwrap()).sum()
    });
    assert!(!metrics.is_over());
    assert_eq!(metrics.clock_jumps.get(), 1, "it is said once in ten seconds");
    assert_eq!(metrics.ill(mono_ms()), None);
    let told = std::cell::RefCell::new(Vec::new());
    until("it is told", || {
        told.borrow_mut().extend(notices(&link));
        told.borrow().iter().any(|code| code == "clock_right")
    });
    assert_eq!(told.into_inner(), ["clock_jumped", "clock_right"]);
    house.answered(clocks.true_ms());
    let publisher = house.gateway.stop().unwrap();
    let expected = orders + single.into_inner() + 5;
    assert_eq!(publisher.totals().counts.orders, expected, "each is counted once");
    drop(publisher);
    let (steps, now_ms) = (steps_of(folder.path()), clocks.true_ms());
    assert!(steps.len() > 5);
    assert!(
        steps.iter().all(|step_ms| *step_ms <= now_ms),
        "nothing of the future is logged"
    );
    assert!(steps.is_sorted());
}

/// Sixty times as quick: a minute in a second.
#[test]
fn a_clock_that_is_set_for_good_is_followed_after_a_minute_and_a_day_ends_after_its_own_end() {
    let folder = tempfile::tempdir().unwrap();
    let clocks = Clocks::new(NOON_MS, 60);
    let house = House::new(&clocks, folder.path(), 60).ready();
    let metrics = house.gateway.metrics();
    // An hour ahead: the clock was wrong before, and is set.
    clocks.set(3_600_000);
    let early = house.offer(clocks.true_ms() + 3_600_000, 5);
    assert!(matches!(early, Outcome::Later(_)), "{early:?}");
    until("it is believed", || metrics.event_ms.get() > NOON_MS + 3_600_000);
    // Two hours back: event time waits, orders don't.
    clocks.set(-3_600_000);
    until("it is believed", || clocks.clock.now_ms() < NOON_MS + 1_800_000);
    let at_ms = metrics.event_ms.get();
    for _ in 0..3 {
        house.answered(clocks.true_ms() - 3_600_000);
    }
    assert!((at_ms..at_ms + 60_000).contains(&metrics.event_ms.get()));
    // Tomorrow, for good: the day ends, and not before its late minute.
    clocks.set(86_400_000);
    until("event time is at the day's end", || {
        metrics.event_ms.get() >= NOON_MS + 43_200_000
    });
    let began_ms = clocks.true_ms();
    assert!(!metrics.is_over());
    until("the day is over", || metrics.is_over());
    assert!(
        clocks.true_ms() - began_ms > 45_000,
        "{} ms",
        clocks.true_ms() - began_ms
    );
    // Today's orders aren't turned away for good by a clock that may be wrong.
    let late = house.offer(NOON_MS + 1_000, 5);
    assert!(matches!(late, Outcome::Later(_)), "{late:?}");
    house.gateway.stop();
}

/// As a gateway left it that believed a clock of tomorrow: the day is over in its log, and not by the clock.
#[test]
fn a_day_that_was_closed_early_is_told_of_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    {
        let catalogue = load_catalogue().unwrap();
        let (source, privacy) = LiveSource::open(
            day(NOON_MS, 5),
            Some(folder.path()),
            &catalogue,
            Privacy::default(),
        )
        .unwrap();
        let start_ms = source.start_ms();
        let mut publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0)
            .unwrap()
            .with_privacy(privacy)
            .unwrap();
        publisher.replay().unwrap();
        publisher.step(NOON_MS + 1_000, 0);
        publisher.step(NOON_MS + 43_210_000, 0);
        assert!(publisher.is_over());
    }
    let clocks = Clocks::new(NOON_MS + 60_000, 1);
    let house = House::new(&clocks, folder.path(), 5);
    let metrics = house.gateway.metrics();
    let ill = || metrics.ill(mono_ms()).unwrap_or_default();
    until("it says so", || ill().contains("closed in its log"));
    assert!(!metrics.is_over(), "no other day is begun for it");
    match house.offer(NOON_MS + 60_000, 5) {
        Outcome::Later(problem) => assert!(problem.contains("has closed the day"), "{problem}"),
        other => panic!("{other:?}"),
    }
    house.gateway.stop();
}

/// A gateway in tomorrow, by a clock that was wrong when it began.
#[test]
fn todays_orders_wait_for_a_gateway_that_is_in_tomorrow() {
    let folder = tempfile::tempdir().unwrap();
    let clocks = Clocks::new(NOON_MS + 86_400_000, 60);
    let house = House::new(&clocks, folder.path(), 5).ready();
    let today = || house.offer(NOON_MS, 5);
    assert!(
        matches!(today(), Outcome::Refused(_)),
        "nothing speaks against its clock"
    );
    clocks.set(-86_400_000);
    for _ in 0..3 {
        let answer = today();
        assert!(matches!(answer, Outcome::Later(_)), "{answer:?}");
        std::thread::sleep(Duration::from_millis(400));
    }
    // By then it knows.
    until("it knows", || clocks.clock.now_ms() < NOON_MS + 3_600_000);
    assert!(matches!(today(), Outcome::Later(_)));
    house.gateway.stop();
}

/// A live day whose log takes as long as a test wants.
struct Slow {
    source: LiveSource,
    go: Receiver<()>,
}

impl Source for Slow {
    fn hello(&self) -> Hello {
        self.source.hello()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<meridian_gateway::Opening, SourceError> {
        self.source.seek(to_ms)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        self.source.pull(to_ms, out)
    }

    fn ended(&self) -> bool {
        self.source.ended()
    }

    fn begin(&mut self, to_ms: EventMs) -> Result<(), SourceError> {
        self.source.begin(to_ms)
    }

    fn next_replay(&mut self) -> Result<Option<EventMs>, SourceError> {
        let _ = self.go.recv_timeout(WAIT);
        self.source.next_replay()
    }

    fn is_live(&self) -> bool {
        true
    }
}

#[test]
fn a_gateway_listens_and_answers_while_it_goes_through_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let clocks = Clocks::new(NOON_MS, 1);
    let (go, gone) = bounded(1_000);
    let house = House::with(&clocks, folder.path(), 5, |source| {
        Box::new(Slow { source, go: gone })
    });
    let link = Link::start(LinkConfig::new(house.gateway.url())).unwrap();
    // It is there, says that it starts, and keeps nobody's orders.
    until("a display is connected", || {
        link.events()
            .try_iter()
            .any(|event| matches!(event, LinkEvent::Connected))
    });
    let metrics: Arc<metrics::Metrics> = house.gateway.metrics();
    assert!(metrics.ill(mono_ms()).unwrap().contains("starts"));
    assert_eq!(
        house.offer(clocks.true_ms(), 5),
        Outcome::Later("the gateway starts".to_owned())
    );
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        !link
            .events()
            .try_iter()
            .any(|event| matches!(event, LinkEvent::Frame(..))),
        "nothing is shown before all of it is known"
    );
    go.send(()).unwrap();
    let house = house.ready();
    house.answered(clocks.true_ms());
    until("a display is told", || {
        link.events()
            .try_iter()
            .any(|event| matches!(event, LinkEvent::Frame(frame, _) if matches!(frame.body, Body::Tick(_))))
    });
    house.gateway.stop();
    drop(house.intake);
    // One that is to stop meanwhile stops.
    let (go, gone) = bounded(1_000);
    let house = House::with(&clocks, folder.path(), 5, |source| {
        Box::new(Slow { source, go: gone })
    });
    drop(go);
    house.gateway.stop();
}
