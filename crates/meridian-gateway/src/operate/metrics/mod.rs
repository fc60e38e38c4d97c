//! The gateway's metrics and health.

mod http;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::operate::limits::Failure;
use crate::store::Store;
use meridian_core::tally::Counts;

pub use http::{Asker, Sees, check_address, host_allowed, serve};

/// The prefix of every metric.
const PREFIX: &str = "meridian_gateway";
/// The gateway is unhealthy after this long without a step.
const WELL_MS: i64 = 5_000;

/// Upper ends of the histogram of steps.
const STEP_BUCKETS_SECS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// Why clients are lost.
const LOST: [&str; 11] = [
    "class",
    "closed",
    "handshake",
    "idle",
    "memory",
    "message",
    "slow_handshake",
    "stops",
    "token",
    "too_slow",
    "unwritable",
];

/// The label `why`: for what reason, or by what kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// A reason, in words that never change: dashboards and alerts ask for them.
    pub why: &'static str,
}

/// The label `what`: of what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct What {
    /// [`Store::name`].
    pub what: &'static str,
}

/// The labels of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Class {
    /// `public` or `internal`.
    pub class: &'static str,
}

/// Everything that is counted, with the problems that `/health` tells.
#[derive(Debug)]
pub struct Metrics {
    pub(super) registry: Registry,
    /// Displays that follow, by class.
    pub clients: Family<Class, Gauge>,
    /// Clients that were let in.
    pub joined: Counter,
    /// Clients that were refused, by why.
    pub refused: Family<Why, Counter>,
    /// Clients that were lost, by why.
    pub lost: Family<Why, Counter>,
    /// What looked like an attack, by kind.
    pub intrusions: Family<Why, Counter>,
    /// Order batches that came in, by what became of them.
    pub batches: Family<Why, Counter>,
    /// Messages written to those who follow the public stream.
    pub(super) messages: Counter,
    /// Bytes written to them, before TLS.
    pub(super) bytes: Counter,
    /// Frames that slow clients skipped.
    pub left_out: Counter,
    /// WebSocket frames that they sent.
    pub(super) frames_in: Counter,
    /// The same of all others, for those who may see exact figures: a source is answered once for each batch, and what an
    /// executive is sent grows with every light.
    pub(super) of_others: [AtomicU64; 3],
    /// Orders that walls are told of.
    orders: Gauge,
    /// Payments that walls are told of.
    payments: Gauge,
    /// Orders and payments counted: for those who may see exact figures.
    pub(super) exact: [AtomicI64; 2],
    /// Event time, in milliseconds since 1970.
    pub event_ms: Gauge,
    /// Whether the figures are held: 0 or 1.
    pub held: Gauge,
    /// Whether no orders arrive, as displays were told: 0 or 1.
    pub source_silent: Gauge,
    /// Seconds that a step took.
    pub step_secs: Histogram,
    /// Steps that took longer than they may.
    pub late_steps: Counter,
    /// Lines in the audit log.
    pub audit_lines: Gauge,
    /// Events that the audit log was too slow for.
    pub audit_lost: Counter,
    /// How often the wall clock leapt.
    pub clock_jumps: Counter,
    /// The wall clock less the time that is believed, in milliseconds.
    pub clock_apart_ms: Gauge,
    /// Whether the token file can't be read as it is now: 0 or 1.
    pub tokens_unread: Gauge,
    tokens_problem: Mutex<Option<String>>,
    /// Whether orders are answered with `later` since they can't be kept: 0 or 1.
    pub orders_refused: Gauge,
    /// Whether something can't be written: 0 or 1.
    storage_failing: Family<What, Gauge>,
    /// How often somebody changed a file that is kept.
    storage_displaced: Family<What, Counter>,
    /// Bytes of what is kept that can't be read.
    storage_damaged: Family<What, Gauge>,
    /// What is wrong, by what it is wrong with.
    problems: Mutex<BTreeMap<&'static str, String>>,
    /// A clock that nobody sets, at the last step.
    last_step_ms: AtomicI64,
    starting: AtomicBool,
    closed_early: AtomicBool,
    stopped: AtomicBool,
    over: AtomicBool,
    pub(super) audit_head: Mutex<String>,
    steps: AtomicU64,
}

/// Creates metrics and registers them. They are served in this order.
struct Registrar(Registry);

impl Registrar {
    /// A metric that begins at zero.
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.put(name, help, M::default())
    }

    /// A metric as it is.
    fn put<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, registered and at zero.
    pub fn new() -> Self {
        let mut to = Registrar(Registry::with_prefix(PREFIX));
        let it = Self {
            clients: to.add("clients", "Clients that follow, by class of data"),
            joined: to.add("clients_joined", "Clients that were let in"),
            refused: to.add("clients_refused", "Clients that were refused"),
            lost: to.add("clients_lost", "Clients that were lost"),
            intrusions: to.add("intrusion_signs", "What looked like an attack"),
            batches: to.add(
                "order_batches",
                "Order batches that came in, by what became of them",
            ),
            frames_in: to.add(
                "frames_received",
                "WebSocket frames that clients sent until they left; without a token, those of the \
                 public stream alone",
            ),
            messages: to.add(
                "messages_sent",
                "WebSocket messages written; without a token, to the public stream's clients alone",
            ),
            bytes: to.add("bytes_sent", "Bytes of messages written"),
            left_out: to.add("frames_left_out", "Frames that slow clients were spared"),
            orders: to.add(
                "orders",
                "Orders since the day's start, as walls are told of them",
            ),
            payments: to.add(
                "payments",
                "Payments since the day's start, as walls are told of them",
            ),
            event_ms: to.add("event_time_ms", "Event time, milliseconds since 1970"),
            held: to.add("held", "Whether the figures are held"),
            source_silent: to.add("source_silent", "Whether displays are told that no orders come"),
            step_secs: to.put(
                "step_seconds",
                "Seconds that a step took",
                Histogram::new(STEP_BUCKETS_SECS),
            ),
            late_steps: to.add("steps_late", "Steps that took longer than 100 ms"),
            clock_jumps: to.add("clock_jumps", "Leaps of the wall clock"),
            clock_apart_ms: to.add(
                "clock_apart_ms",
                "The wall clock less the time that is believed, milliseconds",
            ),
            audit_lines: to.add("audit_lines", "Lines in the audit log"),
            audit_lost: to.add("audit_events_lost", "Events that weren't written one by one"),
            tokens_unread: to.add(
                "tokens_unread",
                "Whether the token file can't be read as it is now: revocations don't arrive",
            ),
            orders_refused: to.add(
                "orders_refused",
                "Whether orders are to be sent again later since they can't be kept",
            ),
            storage_failing: to.add(
                "storage_failing",
                "Whether something that is kept can't be written",
            ),
            storage_displaced: to.add(
                "storage_displaced",
                "How often a file that is kept was deleted, moved, replaced or changed by somebody \
                 else",
            ),
            storage_damaged: to.add(
                "storage_damaged_bytes",
                "Bytes of what is kept that can't be read",
            ),
            registry: to.0,
            of_others: Default::default(),
            exact: Default::default(),
            tokens_problem: Mutex::default(),
            problems: Mutex::default(),
            last_step_ms: AtomicI64::new(0),
            starting: AtomicBool::new(false),
            closed_early: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            over: AtomicBool::new(false),
            audit_head: Mutex::default(),
            steps: AtomicU64::new(0),
        };
        it.begin_at_nought();
        it
    }

    /// Creates the labelled counters at zero, so that they exist before the first event.
    fn begin_at_nought(&self) {
        for class in ["public", "internal"] {
            drop(self.clients.get_or_create(&Class { class }));
        }
        for why in LOST {
            drop(self.lost.get_or_create(&Why { why }));
        }
        for why in Failure::ALL.map(Failure::name) {
            drop(self.intrusions.get_or_create(&Why { why }));
        }
        for what in Store::ALL.map(Store::name) {
            self.storage_failing.get_or_create(&What { what }).set(0);
            self.storage_displaced.get_or_create(&What { what }).inc_by(0);
        }
    }

    fn problems(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_problem(&self, what: &'static str, problem: Option<String>) {
        let mut problems = self.problems();
        match problem {
            Some(problem) => drop(problems.insert(what, problem)),
            None => drop(problems.remove(what)),
        }
    }

    /// Why something can't be written now, if it can't.
    pub fn set_storage(&self, store: Store, problem: Option<String>) {
        let what = store.name();
        let failing = i64::from(problem.is_some());
        self.storage_failing.get_or_create(&What { what }).set(failing);
        self.set_problem(what, problem);
    }

    /// Why something can't be written, as it was said last.
    pub fn storage(&self, store: Store) -> Option<String> {
        self.problems().get(store.name()).cloned()
    }

    /// How many bytes of something can't be read.
    pub fn set_damaged(&self, store: Store, bytes: u64) {
        let what = store.name();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.storage_damaged.get_or_create(&What { what }).set(bytes);
    }

    /// Counts that somebody else changed a file that is kept.
    pub fn displaced(&self, store: Store) {
        let what = store.name();
        self.storage_displaced.get_or_create(&What { what }).inc();
    }

    /// The source can't be read on, for good.
    pub fn set_source_failed(&self) {
        self.set_problem(
            "source",
            Some("it can't be read on: the last good figures are held".to_owned()),
        );
    }

    /// A step was made, at an instant of a clock that nobody sets.
    pub fn stepped(&self, mono_ms: i64, took_secs: f64) {
        self.step_secs.observe(took_secs);
        if took_secs > 0.1 {
            self.late_steps.inc();
        }
        self.last_step_ms.store(mono_ms, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// What fills the hubs still turns, with or without anything to fill them with.
    pub fn turned(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// How many steps and turns there were: a thread that hangs makes none.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// What was counted before is gone through, or that is done.
    pub fn set_starting(&self, starting: bool) {
        self.starting.store(starting, Ordering::Relaxed);
    }

    /// The day's log is at its end, and by the clock the day isn't: nothing can be counted until somebody sees to it.
    pub fn set_closed_early(&self, closed: bool) {
        self.closed_early.store(closed, Ordering::Relaxed);
    }

    /// The day is over: nothing will change any more.
    pub fn set_over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the day is over.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// From now on `/health` says that the gateway stops.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The audit log's newest hash.
    pub fn set_audit(&self, head: &str, lines: u64) {
        self.audit_lines.set(i64::try_from(lines).unwrap_or(i64::MAX));
        let mut known = self.audit_head.lock().unwrap_or_else(PoisonError::into_inner);
        head.clone_into(&mut known);
    }

    /// Why the token file can't be read as it is now, if it can't.
    pub fn set_tokens_problem(&self, problem: Option<&str>) {
        self.tokens_unread.set(i64::from(problem.is_some()));
        let mut known = self.tokens_problem.lock().unwrap_or_else(PoisonError::into_inner);
        *known = problem.map(str::to_owned);
    }

    fn tokens_problem(&self) -> Option<String> {
        let known = self.tokens_problem.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = known.as_deref()?;
        Some(format!(
            "the token file can't be read, what is revoked there doesn't arrive: {problem}"
        ))
    }

    /// Why nobody can be served, if that is so, at an instant of a clock that nobody sets. What can't be written is no reason:
    /// who looks at the figures is served all the same.
    pub fn unfit(&self, mono_ms: i64) -> Option<String> {
        if self.stopped.load(Ordering::Relaxed) {
            return Some("the gateway stops".to_owned());
        }
        if self.starting.load(Ordering::Relaxed) {
            return Some("the gateway starts: the order log is gone through".to_owned());
        }
        if self.closed_early.load(Ordering::Relaxed) {
            return Some("the day is closed in its log, and by the clock it isn't over".to_owned());
        }
        let since_ms = mono_ms - self.last_step_ms.load(Ordering::Relaxed);
        if since_ms > WELL_MS {
            return Some(format!("no step for {since_ms} ms"));
        }
        None
    }

    /// What is wrong, if anything, at an instant of a clock that nobody sets.
    pub fn ill(&self, mono_ms: i64) -> Option<String> {
        if let Some(problem) = self.unfit(mono_ms) {
            return Some(problem);
        }
        let problems = self.problems();
        let said = problems
            .iter()
            .map(|(what, problem)| format!("{what}: {problem}"));
        let said: Vec<String> = said.chain(self.tokens_problem()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Counts a message of that many bytes, written to a follower of the public stream or to somebody else.
    pub fn wrote(&self, public: bool, bytes: u64) {
        let [messages, all_bytes, _] = &self.of_others;
        if public {
            self.messages.inc();
            self.bytes.inc_by(bytes);
        } else {
            messages.fetch_add(1, Ordering::Relaxed);
            all_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Counts the frames that were read from a client that has left.
    pub fn heard(&self, public: bool, frames: u64) {
        let [_, _, others] = &self.of_others;
        if public {
            self.frames_in.inc_by(frames);
        } else {
            others.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// Notes the exact figures, for those who may see them.
    pub fn counted(&self, counts: &Counts) {
        for (exact, count) in self.exact.iter().zip([counts.orders, counts.payments]) {
            exact.store(clamped(count), Ordering::Relaxed);
        }
    }

    /// Notes what was published to walls.
    pub fn told(&self, counts: &Counts) {
        self.orders.set(clamped(counts.orders));
        self.payments.set(clamped(counts.payments));
    }
}

fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
