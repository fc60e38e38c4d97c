//! What the gateway counts about itself, in Prometheus' text format, and whether it is well: over HTTP, on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::operate::limits::Failure;
use crate::operate::storage::Store;
use meridian_core::tally::Counts;

/// What every name begins with.
const PREFIX: &str = "meridian_gateway";
/// Without a step for so long the gateway isn't well.
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

/// The label `why`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// A stable name.
    pub why: &'static str,
}

/// The label `what`.
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

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
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
    messages: Counter,
    /// Bytes written to them, before TLS.
    bytes: Counter,
    /// Frames that slow clients were spared.
    pub left_out: Counter,
    /// WebSocket frames that they sent.
    frames_in: Counter,
    /// The same of all others, for those who may see exact figures: a source is answered once for each batch, and what an
    /// executive is sent grows with every light.
    of_others: [AtomicU64; 3],
    /// Orders that walls are told of.
    orders: Gauge,
    /// Payments that walls are told of.
    payments: Gauge,
    /// Orders and payments counted: for those who may see exact figures.
    exact: [AtomicI64; 2],
    /// Event time less wall time, in milliseconds.
    pub event_ms: Gauge,
    /// Whether the figures are held: 0 or 1.
    pub held: Gauge,
    /// Whether displays were told that no orders come: 0 or 1.
    pub source_silent: Gauge,
    /// Seconds that a step took.
    pub step_s: Histogram,
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
    audit_head: std::sync::Mutex<String>,
    steps: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at nought.
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
            step_s: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]),
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
        registry.register(
            "clients",
            "Clients that follow, by class of data",
            it.clients.clone(),
        );
        registry.register("clients_joined", "Clients that were let in", it.joined.clone());
        registry.register("clients_refused", "Clients that were refused", it.refused.clone());
        registry.register("clients_lost", "Clients that were lost", it.lost.clone());
        registry.register(
            "intrusion_signs",
            "What looked like an attack",
            it.intrusions.clone(),
        );
        registry.register(
            "order_batches",
            "Order batches that came in, by what became of them",
            it.batches.clone(),
        );
        registry.register(
            "frames_received",
            "WebSocket frames that clients sent until they left; without a token, those of the public stream alone",
            it.frames_in.clone(),
        );
        registry.register(
            "messages_sent",
            "WebSocket messages written; without a token, to the public stream's clients alone",
            it.messages.clone(),
        );
        registry.register("bytes_sent", "Bytes of messages written", it.bytes.clone());
        registry.register(
            "frames_left_out",
            "Frames that slow clients were spared",
            it.left_out.clone(),
        );
        registry.register(
            "orders",
            "Orders since the day's start, as walls are told of them",
            it.orders.clone(),
        );
        registry.register(
            "payments",
            "Payments since the day's start, as walls are told of them",
            it.payments.clone(),
        );
        registry.register(
            "event_time_ms",
            "Event time, milliseconds since 1970",
            it.event_ms.clone(),
        );
        registry.register("held", "Whether the figures are held", it.held.clone());
        registry.register(
            "source_silent",
            "Whether displays are told that no orders come",
            it.source_silent.clone(),
        );
        registry.register("step_seconds", "Seconds that a step took", it.step_s.clone());
        registry.register(
            "steps_late",
            "Steps that took longer than 100 ms",
            it.late_steps.clone(),
        );
        registry.register("clock_jumps", "Leaps of the wall clock", it.clock_jumps.clone());
        registry.register(
            "clock_apart_ms",
            "The wall clock less the time that is believed, milliseconds",
            it.clock_apart_ms.clone(),
        );
        registry.register("audit_lines", "Lines in the audit log", it.audit_lines.clone());
        registry.register(
            "audit_events_lost",
            "Events that weren't written one by one",
            it.audit_lost.clone(),
        );
        registry.register(
            "tokens_unread",
            "Whether the token file can't be read as it is now: revocations don't arrive",
            it.tokens_unread.clone(),
        );
        registry.register(
            "orders_refused",
            "Whether orders are to be sent again later since they can't be kept",
            it.orders_refused.clone(),
        );
        registry.register(
            "storage_failing",
            "Whether something that is kept can't be written",
            it.storage_failing.clone(),
        );
        registry.register(
            "storage_displaced",
            "How often a file that is kept was deleted, moved, replaced or changed by somebody else",
            it.storage_displaced.clone(),
        );
        registry.register(
            "storage_damaged_bytes",
            "Bytes of what is kept that can't be read",
            it.storage_damaged.clone(),
        );
        // What is watched is there before it happens: nought isn't nothing.
        for class in ["public", "internal"] {
            drop(it.clients.get_or_create(&Class { class }));
        }
        for why in LOST {
            drop(it.lost.get_or_create(&Why { why }));
        }
        for why in Failure::ALL.map(Failure::name) {
            drop(it.intrusions.get_or_create(&Why { why }));
        }
        for what in Store::ALL.map(Store::name) {
            it.storage_failing.get_or_create(&What { what }).set(0);
            it.storage_displaced.get_or_create(&What { what }).inc_by(0);
        }
        Self { registry, ..it }
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

    /// Somebody changed a file.
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
    pub fn stepped(&self, mono_ms: i64, took_s: f64) {
        self.step_s.observe(took_s);
        if took_s > 0.1 {
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

    /// The gateway stops.
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

    /// A message of so many bytes was written, to somebody who follows the public stream or to somebody else.
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

    /// So many frames were read of somebody, who left.
    pub fn heard(&self, public: bool, frames: u64) {
        let [_, _, others] = &self.of_others;
        if public {
            self.frames_in.inc_by(frames);
        } else {
            others.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// So much was counted.
    pub fn counted(&self, counts: &Counts) {
        for (exact, count) in self.exact.iter().zip([counts.orders, counts.payments]) {
            exact.store(most(count), Ordering::Relaxed);
        }
    }

    /// Walls were told of so much.
    pub fn told(&self, counts: &Counts) {
        self.orders.set(most(counts.orders));
        self.payments.set(most(counts.payments));
    }

    /// What anybody on this machine may read: of orders and payments what walls are told, and not how many batches they came in.
    pub fn public_text(&self) -> String {
        let counts_batches = |line: &&str| {
            ["taken", "duplicate"]
                .iter()
                .any(|why| line.starts_with(&format!("{PREFIX}_order_batches_total{{why=\"{why}\"}}")))
        };
        let text = self.everything();
        let lines = text.lines().filter(|line| !counts_batches(line));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// Everything, in the text format, with exact figures.
    pub fn text(&self) -> String {
        let [orders, payments] = &self.exact;
        let exact = |name: &str, count: &AtomicI64| {
            (
                format!("{PREFIX}_{name} "),
                count.load(Ordering::Relaxed).to_string(),
            )
        };
        let [messages, bytes, frames] = &self.of_others;
        let both = |name: &str, public: &Counter, others: &AtomicU64| {
            let all = public.get().saturating_add(others.load(Ordering::Relaxed));
            (format!("{PREFIX}_{name}_total "), all.to_string())
        };
        let exact = [
            exact("orders", orders),
            exact("payments", payments),
            both("messages_sent", &self.messages, messages),
            both("bytes_sent", &self.bytes, bytes),
            both("frames_received", &self.frames_in, frames),
        ];
        let mut text = String::new();
        for line in self.everything().lines() {
            match exact.iter().find(|(name, _)| line.starts_with(name)) {
                Some((name, count)) => text.extend([name, count.as_str(), "\n"]),
                None => text.extend([line, "\n"]),
            }
        }
        text
    }

    fn everything(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encode(&mut text, &self.registry);
        let head = self
            .audit_head
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !head.is_empty() {
            let end = "# EOF\n";
            let body = text.strip_suffix(end).map_or(text.len(), str::len);
            text.truncate(body);
            text.push_str("# HELP meridian_gateway_audit_head The audit log's newest hash.\n# TYPE meridian_gateway_audit_head gauge\n");
            text.push_str(&format!(
                "meridian_gateway_audit_head{{hash=\"{head}\"}} 1\n{end}"
            ));
        }
        text
    }
}

fn most(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What somebody who asks may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// What walls are told.
    Released,
    /// Exact figures.
    Everything,
    /// Nothing: they showed a token that isn't one.
    Nothing,
}

/// Who may ask.
pub struct Asker {
    /// Hosts besides loopback's names.
    pub hosts: Vec<String>,
    /// What somebody with such an `Authorization` header sees.
    pub sees: Box<dyn Fn(Option<&str>) -> Sees + Send + Sync>,
}

/// Answers `GET /metrics` and `GET /health`.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, asker: Asker, now_ms: fn() -> i64) {
    let asker = Arc::new(asker);
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        let asker = Arc::clone(&asker);
        tokio::spawn(async move {
            let answer = |request: Request<Incoming>| {
                let response = respond(&request, &metrics, &asker, now_ms());
                async move { Ok::<_, Infallible>(response) }
            };
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(5))
                .keep_alive(false)
                .serve_connection(TokioIo::new(socket), hyper::service::service_fn(answer));
            let _ = connection.await;
        });
    }
}

/// Whether a request is meant for this machine. A page of evil.example whose name has become 127.0.0.1 says evil.example.
pub fn host_allowed(host: &str, allowed: &[String]) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if !port.ends_with(']') => bare,
        _ => host,
    };
    let address = bare.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
        || allowed
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(bare))
}

fn respond<B>(request: &Request<B>, metrics: &Metrics, asker: &Asker, now_ms: i64) -> Response<Full<Bytes>> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let asked_of = [header("host"), authority];
    let meant = asked_of.iter().any(Option::is_some)
        && asked_of
            .into_iter()
            .flatten()
            .all(|host| host_allowed(host, &asker.hosts));
    let sees = (asker.sees)(header("authorization"));
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        _ if !meant => (
            StatusCode::FORBIDDEN,
            "text/plain",
            "this is asked of localhost, or of a host in [admin] hosts\n".to_owned(),
        ),
        (&Method::GET, "/metrics") if sees == Sees::Nothing => (
            StatusCode::UNAUTHORIZED,
            "text/plain",
            "this token opens nothing\n".to_owned(),
        ),
        (&Method::GET, "/metrics") => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            match sees {
                Sees::Everything => metrics.text(),
                _ => metrics.public_text(),
            },
        ),
        (&Method::GET, "/health") => match metrics.ill(now_ms) {
            // A quiet night is no failure.
            None if metrics.source_silent.get() > 0 => (
                StatusCode::OK,
                "text/plain",
                "well; source: no orders come, the figures stand where they were\n".to_owned(),
            ),
            None => (StatusCode::OK, "text/plain", "well\n".to_owned()),
            Some(problem) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain",
                format!("{problem}\n"),
            ),
        },
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "there is /metrics and /health\n".to_owned(),
        ),
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "only GET\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert("content-type", kind);
    }
    response
}

/// Why metrics can't be served there.
pub fn check_address(address: SocketAddr) -> Result<(), String> {
    if address.ip().is_loopback() {
        Ok(())
    } else {
        Err(format!(
            "{address} can be reached from other machines: metrics are served on a loopback address only, such as 127.0.0.1:9017"
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn only_this_machines_names_are_answered_and_those_that_are_listed() {
        let listed = ["Metrics.internal".to_owned(), "10.0.0.5:9017".to_owned()];
        for (host, allowed) in [
            ("localhost", true),
            ("LOCALHOST:9017", true),
            ("127.0.0.1:9017", true),
            ("127.0.0.9", true),
            ("[::1]", true),
            ("[::1]:9017", true),
            ("metrics.internal:9017", true),
            ("10.0.0.5:9017", true),
            ("10.0.0.5:9018", false),
            ("evil.example:9017", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("0.0.0.0:9017", false),
            ("", false),
            ("?", false),
        ] {
            assert_eq!(host_allowed(host, &listed), allowed, "{host}");
        }
    }

    fn asked(metrics: &Metrics, host: &[&str], token: Option<&str>, path: &str) -> (u16, String) {
        use http_body_util::BodyExt as _;
        let asker = Asker {
            hosts: Vec::new(),
            sees: Box::new(|header| match header {
                None => Sees::Released,
                Some("Bearer chief") => Sees::Everything,
                Some(_) => Sees::Nothing,
            }),
        };
        let mut request = Request::builder().uri(path);
        for host in host {
            request = request.header("host", *host);
        }
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let response = respond(&request.body(()).unwrap(), metrics, &asker, 0);
        let status = response.status().as_u16();
        let body = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(response.into_body().collect());
        (
            status,
            String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap(),
        )
    }

    /// An alert on "no walls" needs the nought.
    #[test]
    fn what_is_watched_is_there_before_it_happens() {
        let text = Metrics::new().public_text();
        for line in [
            "clients{class=\"public\"} 0",
            "clients{class=\"internal\"} 0",
            "clients_lost_total{why=\"too_slow\"} 0",
            "clients_lost_total{why=\"token\"} 0",
            "intrusion_signs_total{why=\"failed_logins\"} 0",
            "intrusion_signs_total{why=\"flood\"} 0",
            "storage_failing{what=\"orders\"} 0",
        ] {
            assert!(
                text.contains(&format!("meridian_gateway_{line}\n")),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn exact_figures_are_for_those_who_may_see_them() {
        let metrics = Metrics::new();
        let counts = |orders, payments| Counts {
            orders,
            payments,
            gmv_minor: 0,
        };
        metrics.told(&counts(10, 0));
        metrics.counted(&counts(19, 7));
        for why in ["taken", "duplicate", "refused"] {
            metrics.batches.get_or_create(&Why { why }).inc();
        }
        let (status, text) = asked(&metrics, &["localhost"], None, "/metrics");
        assert_eq!(status, 200);
        assert!(
            text.contains("meridian_gateway_orders 10\n") && text.contains("meridian_gateway_payments 0\n")
        );
        assert!(
            !text.contains(" 19\n") && !text.contains("taken") && !text.contains("duplicate"),
            "{text}"
        );
        assert!(text.contains("order_batches_total{why=\"refused\"} 1") && text.ends_with("# EOF\n"));
        let (_, text) = asked(&metrics, &["localhost"], Some("Bearer chief"), "/metrics");
        assert!(
            text.contains("meridian_gateway_orders 19\n") && text.contains("meridian_gateway_payments 7\n")
        );
        assert!(text.contains("order_batches_total{why=\"taken\"} 1") && text.ends_with("# EOF\n"));
        assert_eq!(
            asked(&metrics, &["localhost"], Some("Bearer nobody"), "/metrics").0,
            401
        );
        // Each batch is answered by a message: only those of the public stream are everybody's to count.
        let totals = |token| {
            let text = asked(&metrics, &["localhost"], token, "/metrics").1;
            ["messages_sent", "bytes_sent", "frames_received"].map(|name| {
                let name = format!("meridian_gateway_{name}_total ");
                let mut values = text.lines().filter_map(|line| line.strip_prefix(&name));
                values.next().unwrap().parse::<u64>().unwrap()
            })
        };
        metrics.wrote(true, 500);
        metrics.heard(true, 3);
        let before = totals(None);
        for _ in 0..7 {
            metrics.wrote(false, 80);
            metrics.heard(false, 1);
        }
        assert_eq!((before, totals(None)), ([1, 500, 3], [1, 500, 3]));
        assert_eq!(totals(Some("Bearer chief")), [8, 1_060, 10]);
        for path in ["/metrics", "/health", "/"] {
            assert_eq!(asked(&metrics, &["evil.example:9017"], None, path).0, 403);
            assert_eq!(asked(&metrics, &[], None, path).0, 403);
        }
        assert_eq!(
            asked(&metrics, &["localhost"], None, "http://evil.example/metrics").0,
            403
        );
    }
}
