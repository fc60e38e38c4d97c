//! The gateway's metrics and health.

mod http;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::operate::limits::Failure;
use crate::store::Store;
use meridian_core::tally::Counts;

pub use http::{Asker, Sees, check_address, host_allowed, serve};

/// The prefix of every metric.
const PREFIX: &str = "meridian_gateway";
/// The gateway is unhealthy after this long without a step.
const WELL_MS: i64 = 5_000;

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
    tokens_problem: std::sync::Mutex<Option<String>>,
    /// Whether orders are answered with `later` since they can't be kept: 0 or 1.
    pub orders_refused: Gauge,
    /// Whether something can't be written: 0 or 1.
    storage_failing: Family<What, Gauge>,
    /// How often somebody changed a file that is kept.
    storage_displaced: Family<What, Counter>,
    /// Bytes of what is kept that can't be read.
    storage_damaged: Family<What, Gauge>,
    /// What is wrong, by what it is wrong with.
    problems: std::sync::Mutex<BTreeMap<&'static str, String>>,
    /// A clock that nobody sets, at the last step.
    last_step_ms: AtomicI64,
    starting: AtomicBool,
    closed_early: AtomicBool,
    stopped: AtomicBool,
    over: AtomicBool,
    pub(super) audit_head: std::sync::Mutex<String>,
    steps: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, registered and at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let it = Self {
            registry: Registry::default(),
            clients: Family::default(),
            joined: Counter::default(),
            refused: Family::default(),
            lost: Family::default(),
            intrusions: Family::default(),
            batches: Family::default(),
            messages: Counter::default(),
            bytes: Counter::default(),
            left_out: Counter::default(),
            frames_in: Counter::default(),
            of_others: Default::default(),
            orders: Gauge::default(),
            payments: Gauge::default(),
            exact: Default::default(),
            event_ms: Gauge::default(),
            held: Gauge::default(),
            source_silent: Gauge::default(),
            step_secs: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]),
            late_steps: Counter::default(),
            audit_lines: Gauge::default(),
            audit_lost: Counter::default(),
            clock_jumps: Counter::default(),
            clock_apart_ms: Gauge::default(),
            tokens_unread: Gauge::default(),
            tokens_problem: std::sync::Mutex::default(),
            orders_refused: Gauge::default(),
            storage_failing: Family::default(),
            storage_displaced: Family::default(),
            storage_damaged: Family::default(),
            problems: std::sync::Mutex::default(),
            last_step_ms: AtomicI64::new(0),
            starting: AtomicBool::new(false),
            closed_early: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            over: AtomicBool::new(false),
            audit_head: std::sync::Mutex::default(),
            steps: AtomicU64::new(0),
        };
        it.register_clients(&mut registry);
        it.register_traffic(&mut registry);
        it.register_figures(&mut registry);
        it.register_storage(&mut registry);
        it.begin_at_nought();
        Self { registry, ..it }
    }

    fn register_clients(&self, registry: &mut Registry) {
        registry.register(
            "clients",
            "Clients that follow, by class of data",
            self.clients.clone(),
        );
        registry.register("clients_joined", "Clients that were let in", self.joined.clone());
        registry.register(
            "clients_refused",
            "Clients that were refused",
            self.refused.clone(),
        );
        registry.register("clients_lost", "Clients that were lost", self.lost.clone());
        registry.register(
            "intrusion_signs",
            "What looked like an attack",
            self.intrusions.clone(),
        );
    }

    fn register_traffic(&self, registry: &mut Registry) {
        registry.register(
            "order_batches",
            "Order batches that came in, by what became of them",
            self.batches.clone(),
        );
        registry.register(
            "frames_received",
            "WebSocket frames that clients sent until they left; without a token, those of the public stream alone",
            self.frames_in.clone(),
        );
        registry.register(
            "messages_sent",
            "WebSocket messages written; without a token, to the public stream's clients alone",
            self.messages.clone(),
        );
        registry.register("bytes_sent", "Bytes of messages written", self.bytes.clone());
        registry.register(
            "frames_left_out",
            "Frames that slow clients were spared",
            self.left_out.clone(),
        );
    }

    fn register_figures(&self, registry: &mut Registry) {
        registry.register(
            "orders",
            "Orders since the day's start, as walls are told of them",
            self.orders.clone(),
        );
        registry.register(
            "payments",
            "Payments since the day's start, as walls are told of them",
            self.payments.clone(),
        );
        registry.register(
            "event_time_ms",
            "Event time, milliseconds since 1970",
            self.event_ms.clone(),
        );
        registry.register("held", "Whether the figures are held", self.held.clone());
        registry.register(
            "source_silent",
            "Whether displays are told that no orders come",
            self.source_silent.clone(),
        );
        registry.register("step_seconds", "Seconds that a step took", self.step_secs.clone());
        registry.register(
            "steps_late",
            "Steps that took longer than 100 ms",
            self.late_steps.clone(),
        );
    }

    fn register_storage(&self, registry: &mut Registry) {
        registry.register("clock_jumps", "Leaps of the wall clock", self.clock_jumps.clone());
        registry.register(
            "clock_apart_ms",
            "The wall clock less the time that is believed, milliseconds",
            self.clock_apart_ms.clone(),
        );
        registry.register("audit_lines", "Lines in the audit log", self.audit_lines.clone());
        registry.register(
            "audit_events_lost",
            "Events that weren't written one by one",
            self.audit_lost.clone(),
        );
        registry.register(
            "tokens_unread",
            "Whether the token file can't be read as it is now: revocations don't arrive",
            self.tokens_unread.clone(),
        );
        registry.register(
            "orders_refused",
            "Whether orders are to be sent again later since they can't be kept",
            self.orders_refused.clone(),
        );
        registry.register(
            "storage_failing",
            "Whether something that is kept can't be written",
            self.storage_failing.clone(),
        );
        registry.register(
            "storage_displaced",
            "How often a file that is kept was deleted, moved, replaced or changed by somebody else",
            self.storage_displaced.clone(),
        );
        registry.register(
            "storage_damaged_bytes",
            "Bytes of what is kept that can't be read",
            self.storage_damaged.clone(),
        );
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

    fn problems(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.problems
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
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
        let mut known = self
            .audit_head
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        head.clone_into(&mut known);
    }

    /// Why the token file can't be read as it is now, if it can't.
    pub fn set_tokens_problem(&self, problem: Option<&str>) {
        self.tokens_unread.set(i64::from(problem.is_some()));
        let mut known = self
            .tokens_problem
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *known = problem.map(str::to_owned);
    }

    fn tokens_problem(&self) -> Option<String> {
        let known = self
            .tokens_problem
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
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
            exact.store(most(count), Ordering::Relaxed);
        }
    }

    /// Notes what was published to walls.
    pub fn told(&self, counts: &Counts) {
        self.orders.set(most(counts.orders));
        self.payments.set(most(counts.payments));
    }
}

fn most(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
