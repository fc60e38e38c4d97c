//! What the gateway counts about itself, in Prometheus' text format, and whether it is well: over HTTP, on loopback.

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

/// Without a step for so long the gateway isn't well.
const WELL_MS: i64 = 5_000;

/// The label `why`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// A stable name.
    pub why: &'static str,
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
    /// Messages written.
    pub messages: Counter,
    /// Bytes written, before TLS.
    pub bytes: Counter,
    /// Frames that slow clients were spared.
    pub left_out: Counter,
    /// Orders counted.
    pub orders: Gauge,
    /// Payments counted.
    pub payments: Gauge,
    /// Event time less wall time, in milliseconds.
    pub event_ms: Gauge,
    /// Whether the figures are held: 0 or 1.
    pub held: Gauge,
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
        let mut registry = Registry::with_prefix("meridian_gateway");
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
            orders: Gauge::default(),
            payments: Gauge::default(),
            event_ms: Gauge::default(),
            held: Gauge::default(),
            step_s: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]),
            late_steps: Counter::default(),
            audit_lines: Gauge::default(),
            audit_lost: Counter::default(),
            clock_jumps: Counter::default(),
            clock_apart_ms: Gauge::default(),
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
        registry.register("messages_sent", "WebSocket messages written", it.messages.clone());
        registry.register("bytes_sent", "Bytes of messages written", it.bytes.clone());
        registry.register(
            "frames_left_out",
            "Frames that slow clients were spared",
            it.left_out.clone(),
        );
        registry.register(
            "orders",
            "Orders counted since the day's start",
            it.orders.clone(),
        );
        registry.register(
            "payments",
            "Payments counted since the day's start",
            it.payments.clone(),
        );
        registry.register(
            "event_time_ms",
            "Event time, milliseconds since 1970",
            it.event_ms.clone(),
        );
        registry.register("held", "Whether the figures are held", it.held.clone());
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
        Self { registry, ..it }
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

    /// What is wrong, if anything, at an instant of a clock that nobody sets.
    pub fn ill(&self, mono_ms: i64) -> Option<String> {
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
        (since_ms > WELL_MS).then(|| format!("no step for {since_ms} ms"))
    }

    /// Everything, in the text format.
    pub fn text(&self) -> String {
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

/// Answers `GET /metrics` and `GET /health`.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, now_ms: fn() -> i64) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            let answer = |request: Request<Incoming>| {
                let response = respond(&request, &metrics, now_ms());
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

fn respond(request: &Request<Incoming>, metrics: &Metrics, now_ms: i64) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            metrics.text(),
        ),
        (&Method::GET, "/health") => match metrics.ill(now_ms) {
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
