//! Serves a [`Publisher`] over WebSocket.
//!
//! One thread owns the publisher and the directors' desk and steps them ten times a second; what comes out goes
//! through the gate and the delay into a [`Hub`] for each class of data. A task per client follows its hub
//! (`connection`). Nobody who is slow, silent or hostile is waited for.

mod timing;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::Utc;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::operate::access::{AccessError, Role, TokenStore};
use crate::operate::audit::{AuditError, AuditLog, Details, Kind as AuditKind};
pub(crate) use crate::operate::auditor::Auditor;
use crate::operate::certificate::TlsConfig;
use crate::operate::config_error::ConfigError;
use crate::operate::desk::{Command, Desk, DeskError, Director, Outcome, Pace};
use crate::operate::keeper::{WatchedTokens, housekeeping};
use crate::operate::limits::{Gatekeeper, IntrusionAlert, Limits};
use crate::operate::metrics::{self, Metrics};
use crate::operate::state::State;
use crate::operate::storage::{To, Watch};
use crate::publish::gate::{Bounds, Figures, Gate, Implausible};
use crate::serve::connection::{Budget, House, accept};
use crate::serve::hub::Hub;
use crate::serve::proxy::ProxyConfig;
use crate::source::clock::{Clock, Course, LEAP_MS, Time, Turn, mono_ms};
use crate::source::intake::Intake;
use crate::{Internal, Public, PublishError, Publisher, SavedState, Step};
use meridian_core::sales::EventMs;
use meridian_wire::{
    Body, Bye, DataClass, Heartbeat, Level, Mode, Names, Notice, Scene, SigningKey, Snapshot,
};

/// Distance of the ticks, on the wall clock.
const STEP: Duration = Duration::from_millis(100);
/// Distance of the heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Event time never goes further in one step than this much wall time would take it: a machine that
/// can't keep up runs the day slower, and counts every order all the same.
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// Distance of the lines that say how far a start has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether other machines may connect without TLS.
    pub allow_remote: bool,
    /// Event time per wall time, 1 to 3600.
    pub speed: f64,
    /// What a restart goes on from.
    pub state: Option<State>,
    /// How much later than they happened orders are shown, in milliseconds.
    pub delay_ms: u64,
    /// Certificate and key.
    pub tls: Option<TlsConfig>,
    /// The token file.
    pub tokens: Option<PathBuf>,
    /// What somebody without a token may see; absent: a viewer without a token file, nothing with one.
    pub anonymous: Option<Role>,
    /// Web pages that may connect.
    pub origins: Vec<String>,
    /// What frames are signed with.
    pub signing: Option<Arc<SigningKey>>,
    /// How much one may ask for.
    pub limits: Limits,
    /// What is believed.
    pub bounds: Bounds,
    /// The audit log's file.
    pub audit: Option<PathBuf>,
    /// How long a file of it gets before it goes on in another.
    pub audit_most_bytes: u64,
    /// Proxies in front.
    pub proxy: Option<ProxyConfig>,
    /// Where metrics and health are served: a loopback address.
    pub admin: Option<SocketAddr>,
    /// The hosts besides loopback's names that metrics and health are asked of.
    pub admin_hosts: Vec<String>,
    /// Where a live day's orders come in.
    pub intake: Option<Arc<Intake>>,
    /// What the directors had decided on the day before. What `state` goes on from comes first.
    pub desk: Option<Desk>,
    /// What time it is: one for all days of a process.
    pub clock: Arc<Clock>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            speed: 1.0,
            state: None,
            delay_ms: 0,
            tls: None,
            tokens: None,
            anonymous: None,
            origins: Vec::new(),
            signing: None,
            limits: Limits::default(),
            bounds: Bounds::default(),
            audit: None,
            audit_most_bytes: crate::operate::audit::AUDIT_FILE_MIB << 20,
            proxy: None,
            admin: None,
            admin_hosts: Vec::new(),
            intake: None,
            desk: None,
            clock: Clock::system(),
        }
    }
}

/// Why a gateway can't serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address can't be had.
    #[error("can't listen on {address} ({key}): {source}")]
    Bind {
        /// What of the configuration says so.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The address is open to other machines and nobody said that this is meant.
    #[error(
        "{0} can be reached from other machines: it needs TLS ([tls] in the configuration), or allow_plain = true (--allow-remote) to serve it unencrypted; 127.0.0.1:9016 is for this machine alone"
    )]
    Remote(SocketAddr),
    /// Strangers would direct, or send orders.
    #[error("access.anonymous is {:?} and {} can be reached from other machines: {}; a token is needed for that, or a loopback address such as 127.0.0.1:9016 to listen on", .0.name(), .1, strangers(*.0))]
    Anonymous(Role, SocketAddr),
    /// A thread can't be started.
    #[error("can't start the gateway: {0}")]
    Start(std::io::Error),
    /// A file of the configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The token file can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The audit log can't be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The feed that is to be passed on can't be followed.
    #[error(transparent)]
    Upstream(#[from] meridian_client::LinkError),
}

fn strangers(role: Role) -> &'static str {
    match role {
        Role::Source => "whoever comes would be believed with their orders",
        _ => "whoever comes would direct every display",
    }
}

/// Whether somebody without a token may have that role where the gateway listens.
///
/// # Errors
/// [`GatewayError::Anonymous`].
pub fn check_anonymous(anonymous: Option<Role>, listen: SocketAddr) -> Result<(), GatewayError> {
    match anonymous {
        Some(role @ (Role::Director | Role::Source)) if !listen.ip().is_loopback() => {
            Err(GatewayError::Anonymous(role, listen))
        }
        _ => Ok(()),
    }
}

/// The wall clock, milliseconds since the Unix epoch.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What is asked of the publisher's thread.
pub(crate) enum Order {
    Pause(bool),
    Speed(f64),
    Desk(DeskOrder),
    Intrusion(IntrusionAlert),
    Stop,
}

/// Something that a director asks for.
pub(crate) struct DeskOrder {
    pub command: Command,
    pub by: Director,
    pub reply: oneshot::Sender<Result<DeskAnswer, DeskError>>,
}

/// What a director is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskAnswer {
    /// What became of it.
    pub outcome: Outcome,
    /// How things stand now.
    pub desk: Desk,
}

/// Steers a running gateway.
#[derive(Clone)]
pub struct GatewayControl {
    orders: Sender<Order>,
}

impl GatewayControl {
    /// Lets event time stand still.
    pub fn pause(&self) {
        let _ = self.orders.send(Order::Pause(true));
    }

    /// Lets event time go on.
    pub fn resume(&self) {
        let _ = self.orders.send(Order::Pause(false));
    }

    /// Changes how fast event time runs, 1 to 3600.
    pub fn set_speed(&self, speed: f64) {
        let _ = self.orders.send(Order::Speed(speed.clamp(1.0, 3600.0)));
    }

    /// Says goodbye to every client and stops.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }
}

/// What a publisher's thread leaves behind.
pub(crate) struct Ended {
    publisher: Publisher,
    desk: Desk,
}

/// A gateway that runs. Dropping it stops it.
pub struct Gateway {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    tls: bool,
    control: GatewayControl,
    metrics: Arc<Metrics>,
    publisher: Option<std::thread::JoinHandle<Option<Ended>>>,
    audit: Option<std::thread::JoinHandle<()>>,
    network: Option<tokio::runtime::Runtime>,
    failure: Failure,
}

/// Why a publisher's thread ended, where it had to.
type Failure = Arc<Mutex<Option<String>>>;

impl Gateway {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are, if they are served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Steers it.
    pub fn control(&self) -> GatewayControl {
        self.control.clone()
    }

    /// What it counts about itself.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Whether it has stopped.
    pub fn is_finished(&self) -> bool {
        self.publisher
            .as_ref()
            .is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Why it has stopped, if it had to.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().map_or(None, |failure| failure.clone())
    }

    /// Stops with a goodbye, and gives the publisher back as it stood.
    pub fn stop(mut self) -> Option<Publisher> {
        self.shut_down(Duration::from_millis(300))
            .map(|ended| ended.publisher)
    }

    /// Stops with a goodbye, and gives what the directors decided to the next day.
    pub fn end_day(mut self) -> Option<Desk> {
        self.shut_down(Duration::from_millis(300)).map(|ended| ended.desk)
    }

    /// Breaks off without a word, as a crash does.
    pub fn kill(mut self) -> Option<Publisher> {
        if let Some(network) = self.network.take() {
            network.shutdown_timeout(Duration::ZERO);
        }
        self.shut_down(Duration::ZERO).map(|ended| ended.publisher)
    }

    fn shut_down(&mut self, grace: Duration) -> Option<Ended> {
        self.control.stop();
        let publisher = self.publisher.take().and_then(|thread| thread.join().ok());
        if let Some(network) = self.network.take() {
            // Time for the clients' tasks to write the goodbye.
            if !grace.is_zero() {
                std::thread::sleep(grace);
            }
            network.shutdown_timeout(Duration::from_millis(200));
        }
        if let Some(audit) = self.audit.take() {
            // Every sender is gone with the network: it writes what waits, and ends.
            let _ = audit.join();
        }
        publisher.flatten()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.shut_down(Duration::ZERO);
    }
}

/// What a gateway stands on, whatever it serves.
pub(crate) struct Ground {
    pub network: tokio::runtime::Runtime,
    pub house: Arc<House>,
    pub orders: Receiver<Order>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    control: GatewayControl,
    audit: Option<std::thread::JoinHandle<()>>,
}

impl Ground {
    /// Opens files and addresses, and lets clients in.
    pub fn lay(config: &GatewayConfig, hubs: [Arc<Hub>; 2]) -> Result<Self, GatewayError> {
        if !config.listen.ip().is_loopback() && !config.allow_remote && config.tls.is_none() {
            return Err(GatewayError::Remote(config.listen));
        }
        check_anonymous(config.anonymous, config.listen)?;
        let certificate = config
            .tls
            .as_ref()
            .map(crate::operate::certificate::Certificate::open)
            .transpose()?;
        let tls = certificate
            .as_ref()
            .map(crate::operate::certificate::Certificate::server)
            .transpose()?;
        let tokens = config.tokens.as_deref().map(TokenStore::open).transpose()?;
        let tokens = tokens.map(WatchedTokens::new);
        let metrics = Arc::new(Metrics::new());
        let mut audit = None;
        let mut auditor = Auditor::nowhere(Arc::clone(&metrics));
        if let Some(path) = &config.audit {
            let source = format!("urn:meridian:gateway:{}", config.listen);
            let log = AuditLog::open(path, &source, Utc::now())?.with_most_bytes(config.audit_most_bytes);
            let (started, thread) = Auditor::start(log, &metrics).map_err(GatewayError::Start)?;
            auditor = started;
            audit = Some(thread);
        }
        let network = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("meridian-gateway")
            .enable_all()
            .build()
            .map_err(GatewayError::Start)?;
        let bind = |key, address: SocketAddr| {
            let failed = move |source| GatewayError::Bind { key, address, source };
            // Tokio's own bind sets SO_REUSEADDR, so that a restart finds its port free at once.
            let listener = network.block_on(TcpListener::bind(address)).map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            Ok::<_, GatewayError>((listener, address))
        };
        let (listener, address) = bind("listen", config.listen)?;
        let wrong = |key: &str, problem| ConfigError {
            file: key.to_owned(),
            problem,
        };
        let mut watched = None;
        if let Some(wanted) = config.admin {
            metrics::check_address(wanted).map_err(|problem| wrong("admin.listen", problem))?;
            watched = Some(bind("[admin] listen", wanted)?);
        }
        let admin = watched.as_ref().map(|(_, address)| *address);
        let proxies = config
            .proxy
            .as_ref()
            .map(ProxyConfig::read)
            .transpose()
            .map_err(|problem| wrong("proxy", problem))?;
        let (orders_in, orders) = crossbeam_channel::unbounded();
        let control = GatewayControl {
            orders: orders_in.clone(),
        };
        let anonymous = config
            .anonymous
            .or_else(|| config.tokens.is_none().then_some(Role::Viewer));
        let house = Arc::new(House {
            hubs,
            gatekeeper: Mutex::new(Gatekeeper::new(config.limits)),
            tokens: tokens.as_ref().map(WatchedTokens::known),
            anonymous,
            origins: config.origins.clone(),
            orders: orders_in,
            auditor,
            metrics,
            tls: tls.map(tokio_rustls::TlsAcceptor::from),
            intake: config.intake.clone(),
            proxies,
            lockout_s: config.limits.lockout_s,
            unfinished: Arc::new(Budget::new(config.limits.unfinished_mib << 20)),
            begun: Instant::now(),
            ended: AtomicBool::new(false),
        });
        if let Some((listener, _)) = watched {
            let asking = Arc::clone(&house);
            let asker = metrics::Asker {
                hosts: config.admin_hosts.clone(),
                sees: Box::new(move |header| asking.sees(header)),
            };
            let metrics = Arc::clone(&house.metrics);
            network.spawn(metrics::serve(listener, metrics, asker, mono_ms));
        }
        network.spawn(accept(listener, Arc::clone(&house)));
        network.spawn(housekeeping(
            tokens,
            certificate,
            Arc::clone(&house.metrics),
            house.auditor.clone(),
        ));
        house
            .auditor
            .record(AuditKind::Started, "gateway", Details::default());
        tracing::info!(%address, tls = config.tls.is_some(), "the gateway serves");
        Ok(Self {
            network,
            house,
            orders,
            address,
            admin,
            control,
            audit,
        })
    }

    /// Runs what fills the hubs on a thread of its own.
    pub fn run(
        self,
        name: &str,
        fill: impl FnOnce(Receiver<Order>, Arc<House>) -> Option<Ended> + Send + 'static,
    ) -> Result<Gateway, GatewayError> {
        let Self {
            network,
            house,
            orders,
            address,
            admin,
            control,
            audit,
        } = self;
        let (metrics, tls) = (Arc::clone(&house.metrics), house.tls.is_some());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let publisher = fill(orders, Arc::clone(&house));
                house.metrics.stop();
                house
                    .auditor
                    .record(AuditKind::Stopped, "gateway", Details::default());
                let bye = || {
                    Body::Bye(Bye {
                        code: "shutting_down".to_owned(),
                        text: "the gateway was stopped".to_owned(),
                        retry_after_ms: None,
                    })
                };
                house.ended.store(true, Ordering::Release);
                let [public, internal] = &house.hubs;
                public.publish([bye()]);
                if !Arc::ptr_eq(public, internal) {
                    internal.publish([bye()]);
                }
                publisher
            })
            .map_err(GatewayError::Start)?;
        Ok(Gateway {
            address,
            admin,
            tls,
            control,
            metrics,
            publisher: Some(thread),
            audit,
            network: Some(network),
            failure: Failure::default(),
        })
    }
}

/// Serves a publisher until it is stopped. What a live day's log has of it is gone through first, while whoever comes waits and
/// orders are answered `later`.
///
/// # Errors
/// [`GatewayError`] naming the address or file that can't be had.
pub fn serve(mut config: GatewayConfig, mut publisher: Publisher) -> Result<Gateway, GatewayError> {
    publisher.set_speed(config.speed);
    // Nobody can see exact figures where nobody can show a token.
    let anonymous = config
        .anonymous
        .is_some_and(|role| role.class() == DataClass::Internal);
    let wants_internal = config.tokens.is_some() || anonymous;
    publisher.want_internal(wants_internal);
    if let Some(intake) = &config.intake {
        intake.set_clock(Arc::clone(&config.clock));
    }
    let hubs = [DataClass::Public, DataClass::Internal].map(|class| {
        Hub::new(
            0,
            0,
            publisher.hello_to(class),
            config.signing.clone(),
            Arc::clone(&config.clock),
        )
    });
    let (state, desk) = (config.state.take(), config.desk.take());
    let ground = Ground::lay(&config, hubs)?;
    ground.house.metrics.set_starting(true);
    let failure = Failure::default();
    let failed = Arc::clone(&failure);
    let mut gateway = ground.run("meridian-publisher", move |orders, house| {
        let start = Start {
            publisher,
            wants_internal,
            state,
            desk,
            house,
            config,
        };
        match start.open(&orders) {
            Ok(stream) => Some(stream?.run(&orders)),
            Err(error) => {
                tracing::error!(%error, "what was counted before can't be gone through");
                if let Ok(mut failed) = failed.lock() {
                    *failed = Some(error.to_string());
                }
                None
            }
        }
    })?;
    gateway.failure = failure;
    Ok(gateway)
}

/// What a stream is begun with.
struct Start {
    publisher: Publisher,
    wants_internal: bool,
    state: Option<State>,
    /// What the directors had decided on the day before.
    desk: Option<Desk>,
    house: Arc<House>,
    config: GatewayConfig,
}

impl Start {
    /// Goes through what was counted before, and begins the stream; none when it was stopped meanwhile.
    fn open(mut self, orders: &Receiver<Order>) -> Result<Option<Stream>, PublishError> {
        if !again(&mut self.publisher, orders, &self.house)? {
            return Ok(None);
        }
        let publisher = self.publisher;
        let now_ms = self.config.clock.now_ms();
        // A stream goes on where it stood when its figures do; otherwise it is another one.
        let goes_on = self
            .state
            .as_ref()
            .and_then(State::saved)
            .filter(|saved| saved.is_before(publisher.event_ms(), &publisher.totals()));
        let epoch = goes_on.map_or_else(|| new_epoch(now_ms), |saved| saved.epoch);
        let seq = goes_on.map_or(0, SavedState::next_seq);
        let held = goes_on.and_then(|saved| saved.held.clone());
        let carried = goes_on.is_none() && self.desk.as_ref().is_some_and(Desk::is_held);
        let desk = match (goes_on, self.desk) {
            (Some(saved), _) if saved.desk.is_held() && held.is_none() => saved.desk.clone().let_go(),
            (Some(saved), _) => saved.desk.clone(),
            // A day that begins while figures are held is shown as it begins, until two directors let them go.
            (None, Some(desk)) => desk,
            (None, None) => Desk::with_delay(self.config.delay_ms),
        };
        for (hub, class) in self
            .house
            .hubs
            .iter()
            .zip([DataClass::Public, DataClass::Internal])
        {
            let kept = held.as_ref().map(|held| match class {
                DataClass::Public => held.public.clone(),
                DataClass::Internal => held.internal.clone(),
            });
            let mut snapshot = kept.unwrap_or_else(|| match class {
                DataClass::Public => *publisher.public_snapshot(now_ms).into_inner(),
                DataClass::Internal => *publisher.internal_snapshot(now_ms).into_inner(),
            });
            if !desk.is_plain() {
                snapshot.direct = Some(desk.direct(now_ms));
            }
            if desk.is_held() {
                snapshot.mode = Mode::Held;
            }
            if carried {
                // A countdown that stands still would say that the day is still to come.
                snapshot.event_ms = snapshot.event_ms.max(publisher.hello().day.start_ms);
            }
            // The lowest bit keeps the positions of one class out of the other's stream.
            let epoch = epoch & !1 | u64::from(class == DataClass::Internal);
            hub.open(epoch, seq, snapshot);
        }
        let clock = self.config.clock;
        Ok(Some(Stream {
            course: publisher.course(),
            publisher,
            wants_internal: self.wants_internal,
            gate: Gate::new(self.config.bounds),
            desk,
            house: self.house,
            speed: self.config.speed,
            paused: false,
            delayed: VecDeque::new(),
            resyncing: false,
            state: self.state,
            steps: 0,
            looked_us: clock.time().mono_us,
            clock,
            closed_early: false,
            storage: Watch::default(),
            pace: Pace::default(),
        }))
    }
}

/// Goes through a live day's log; says whether that came to its end.
fn again(publisher: &mut Publisher, orders: &Receiver<Order>, house: &House) -> Result<bool, PublishError> {
    let began = Instant::now();
    let mut said = began;
    let done = publisher.again_while(|steps| {
        house.metrics.turned();
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            tracing::info!(steps, "the order log is gone through");
        }
        // What directors ask for now isn't heard: dropping it says so.
        !orders.try_iter().any(|order| matches!(order, Order::Stop))
    })?;
    let Some(steps) = done else { return Ok(false) };
    if steps > 0 {
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(steps, seconds, "the order log was counted again");
    }
    house.metrics.set_starting(false);
    house.metrics.stepped(mono_ms(), 0.0);
    Ok(true)
}

/// The number of a stream that begins now.
fn new_epoch(now_ms: i64) -> u64 {
    u64::try_from(now_ms).unwrap_or(2).max(2)
}

/// Everything that is known, by class.
struct Whole {
    public: Public<Box<Snapshot>>,
    /// Where anybody may see it.
    internal: Option<Internal<Box<Snapshot>>>,
}

impl Whole {
    /// Public first, as the hubs are.
    fn into_parts(self) -> [Option<Box<Snapshot>>; 2] {
        [
            Some(self.public.into_inner()),
            self.internal.map(Internal::into_inner),
        ]
    }
}

/// What was made of a step. Class by class it goes to the hub of its own, and nowhere else.
enum Out {
    Step(Step),
    /// Everything that is known, for those who come.
    Snapshots(Whole),
    /// Everything that is known, for everybody: the figures go on after they were held.
    Resync(Whole),
}

/// The publisher's thread.
struct Stream {
    publisher: Publisher,
    /// Whether anybody may see exact figures: otherwise none are made ready.
    wants_internal: bool,
    gate: Gate,
    desk: Desk,
    house: Arc<House>,
    speed: f64,
    paused: bool,
    /// What is shown later, and when it was made.
    delayed: VecDeque<(Instant, Out)>,
    /// The figures were released, and what they go on with is on its way.
    resyncing: bool,
    state: Option<State>,
    steps: u64,
    clock: Arc<Clock>,
    course: Course,
    /// The monotonic clock at the last step of a live day.
    looked_us: i64,
    /// It was said that the day is closed before its end.
    closed_early: bool,
    storage: Watch,
    pace: Pace,
}

impl Stream {
    fn run(mut self, orders: &Receiver<Order>) -> Ended {
        self.house.metrics.held.set(i64::from(self.desk.is_held()));
        // A day that begins held is kept as it began.
        self.save();
        self.compare_clocks();
        let mut last = Instant::now();
        let mut next = last + STEP;
        let mut beat = last;
        // What a step's rounding to milliseconds left over.
        let mut rest_ms = 0.0;
        loop {
            match orders.recv_deadline(next) {
                Ok(Order::Pause(paused)) => {
                    self.paused = paused;
                    last = Instant::now();
                    self.beat();
                }
                Ok(Order::Speed(speed)) => {
                    self.speed = speed;
                    self.publisher.set_speed(speed);
                    for hub in &self.house.hubs {
                        hub.set_hello(|hello| hello.speed = speed);
                    }
                }
                Ok(Order::Desk(order)) => self.direct(order),
                Ok(Order::Intrusion(sign)) => self.warn_of(&sign),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let passed = (now - last).min(LONGEST_STEP);
                    last = now;
                    next = now + STEP;
                    if self.publisher.is_live() {
                        self.follow_clock();
                    } else if !self.paused {
                        let advance_ms = passed.as_secs_f64() * 1e3 * self.speed + rest_ms;
                        rest_ms = advance_ms.fract();
                        self.step(self.publisher.event_ms() + advance_ms as i64);
                    }
                    let beats = now - beat >= HEARTBEAT;
                    if beats {
                        self.later(Out::Snapshots(self.whole()));
                    }
                    self.tell_of_clock();
                    self.tell_of_sources();
                    self.look_at_storage();
                    self.show_what_is_due(now);
                    // What is known is told again each second, after the end too; the figures themselves aren't.
                    let waits = |(_, out): &(Instant, Out)| !matches!(out, Out::Snapshots(_));
                    if self.publisher.is_over() && !self.delayed.iter().any(waits) {
                        self.day_is_over();
                    }
                    if beats {
                        beat = now;
                        self.beat();
                        // While figures are held what is kept is large, and kept when they are.
                        if !self.desk.is_held() {
                            self.save();
                        }
                    }
                    self.house.metrics.stepped(mono_ms(), now.elapsed().as_secs_f64());
                }
            }
        }
        self.save();
        Ended {
            publisher: self.publisher,
            desk: self.desk,
        }
    }

    /// Says what can't be written, and that it can be again.
    fn look_at_storage(&mut self) {
        let metrics = &self.house.metrics;
        let stalled = self.publisher.stalled();
        let notices = self.storage.look(
            self.house.intake.as_deref(),
            stalled,
            self.state.as_mut(),
            metrics,
        );
        if self.publisher.has_failed() {
            metrics.set_source_failed();
        }
        metrics.held.set(i64::from(self.mode() == Mode::Held));
        let [public, _] = &self.house.hubs;
        let silent = i64::from(public.stands("source_silent"));
        if metrics.source_silent.set(silent) != silent {
            match silent {
                1 => tracing::warn!("no orders come: the figures stand where they were"),
                _ => tracing::info!("orders come again"),
            }
        }
        if notices.is_empty() {
            return;
        }
        let now_ms = self.now_ms();
        for (to, mut notice) in notices {
            notice.published_ms = now_ms;
            match to {
                To::Everybody => self.tell(notice),
                To::Directors => self.tell_directors(notice),
            }
        }
        self.beat();
    }

    /// Goes on to an instant, and lets out what can be true.
    fn step(&mut self, to_ms: EventMs) {
        let step = self.publisher.step(to_ms, self.now_ms());
        if step.public.is_empty() {
            return;
        }
        self.steps += 1;
        let totals = self.publisher.totals();
        let metrics = &self.house.metrics;
        metrics.counted(&totals.counts);
        metrics.event_ms.set(self.publisher.event_ms());
        if !self.desk.is_held() {
            let is_live = matches!(self.publisher.hello().mode, Mode::Live);
            let figures = Figures {
                event_ms: self.publisher.event_ms(),
                totals,
                regions: self.publisher.sum_of_regions(),
                rates: self.publisher.rates(),
                fullest: self.publisher.fullest(),
                // After its end a day waits for what is late, by the monotonic clock.
                wall_ms: (is_live && self.publisher.event_ms() < self.course.end_ms).then(|| self.now_ms()),
            };
            if let Err(problem) = self.gate.judge(&figures) {
                self.hold_for(&problem);
            }
        }
        self.later(Out::Step(step));
    }

    fn hold_for(&mut self, problem: &Implausible) {
        // Directors may see the figures that are wrong; walls and logs are told in words.
        if !self.desk.hold_for(&problem.to_string()) {
            return;
        }
        let (en, zh) = problem.in_words();
        let busiest = match problem {
            Implausible::TooFast { .. } => self.house.intake.as_ref().and_then(|intake| intake.busiest()),
            _ => None,
        };
        match busiest {
            Some((source, percent)) => {
                tracing::error!(problem = en, source, percent, "the figures are held");
                self.tell_directors(Notice {
                    level: Level::Alert,
                    code: "busiest_source".to_owned(),
                    text: Names {
                        en: format!("{percent} % of what came last is from source {source}"),
                        zh: format!("最近的数据中 {percent}% 来自来源 {source}"),
                    },
                    published_ms: self.now_ms(),
                });
            }
            None => tracing::error!(problem = en, "the figures are held"),
        }
        let details = Details {
            reason: Some(en.to_owned()),
            ..Details::default()
        };
        self.house
            .auditor
            .record(AuditKind::FiguresHeld, "figures", details);
        self.held_now();
        self.tell(Notice {
            level: Level::Alert,
            code: "implausible".to_owned(),
            text: Names {
                en: format!("The figures can't be right, the last good ones stay: {en}"),
                zh: format!("数据不合常理，保留最后的有效数据：{zh}"),
            },
            published_ms: self.now_ms(),
        });
    }

    /// Those who come from now on are shown what was shown last.
    fn held_now(&mut self) {
        self.resyncing = false;
        for hub in &self.house.hubs {
            if let Some(mut known) = hub.known() {
                known.mode = self.mode();
                known.direct = Some(self.desk.direct(self.now_ms()));
                hub.set_snapshot(known);
            }
        }
        self.publish_direct();
        self.save();
    }

    fn publish_direct(&mut self) {
        self.house.metrics.held.set(i64::from(self.desk.is_held()));
        let direct = self.desk.direct(self.now_ms());
        for hub in &self.house.hubs {
            hub.publish([Body::Direct(direct.clone())]);
        }
        self.beat();
    }

    fn tell(&self, notice: Notice) {
        for hub in &self.house.hubs {
            hub.publish([Body::Notice(notice.clone())]);
        }
    }

    /// What concerns directors alone.
    fn tell_directors(&self, notice: Notice) {
        let [_, internal] = &self.house.hubs;
        internal.publish([Body::Notice(notice)]);
    }

    /// Carries a command out, where there is what it asks for.
    fn carry_out(&mut self, order: &DeskOrder) -> Result<Outcome, DeskError> {
        if let Command::Scene {
            scene: Scene::Region(iso2),
        } = &order.command
            && !self.publisher.has_region(iso2)
        {
            return Err(DeskError::NoRegion(iso2.clone()));
        }
        if !self.pace.allows(&order.command, &order.by.token, mono_ms()) {
            return Err(DeskError::TooMany);
        }
        let still_directs = |token: &str, mark: &str| self.house.still_directs(token, mark);
        if order.command == Command::Release
            && let Some(first) = self.desk.forget_request_unless(still_directs)
        {
            tracing::info!(
                by = first,
                "a release that was asked for is forgotten: the token holds no longer"
            );
        }
        let outcome = self.desk.carry_out(&order.command, &order.by, self.now_ms())?;
        Ok(match (outcome, &order.command) {
            // Displays may have models of products that the feed doesn't sell.
            (
                Outcome::Done(text),
                Command::Scene {
                    scene: Scene::Showroom(Some(id)),
                },
            ) if !self
                .publisher
                .hello()
                .products
                .iter()
                .any(|product| product.id == *id) =>
            {
                Outcome::Done(format!(
                    "{text}, which the feed doesn't sell: displays without a model of it stay where they are"
                ))
            }
            (outcome, _) => outcome,
        })
    }

    fn direct(&mut self, order: DeskOrder) {
        let was_held = self.desk.is_held();
        let result = self.carry_out(&order);
        let said = match &result {
            Ok(Outcome::Done(text)) => text.clone(),
            Ok(Outcome::Unchanged) => "nothing changed".to_owned(),
            Ok(Outcome::NeedsSecond) => "release asked for, a second director has to agree".to_owned(),
            Err(error) => format!("refused: {error}"),
        };
        if order.command != Command::Status {
            tracing::info!(by = order.by.name, command = ?order.command, said, "a director");
            let details = Details {
                token: Some(order.by.token.clone()),
                name: Some(order.by.name.clone()),
                reason: Some(format!("{:?}: {said}", order.command)),
                ..Details::default()
            };
            match &result {
                Ok(Outcome::Done(_) | Outcome::NeedsSecond) => {
                    self.house.auditor.record(AuditKind::Desk, "desk", details);
                }
                Ok(Outcome::Unchanged) | Err(_) => {
                    self.house.auditor.record_vain(AuditKind::Desk, "desk", details);
                }
            }
        }
        match &result {
            Ok(Outcome::Done(text)) => {
                let (level, code, en, zh) = match order.command {
                    Command::Hold => (
                        Level::Warning,
                        "held",
                        format!("Figures {text}"),
                        format!("数据已由 {} 暂停更新", order.by.name),
                    ),
                    Command::Release => (
                        Level::Info,
                        "released",
                        format!("Figures {text}"),
                        "数据恢复更新".to_owned(),
                    ),
                    _ => (Level::Info, "directed", text.clone(), text.clone()),
                };
                if self.desk.is_held() && !was_held {
                    self.held_now();
                } else {
                    if was_held && !self.desk.is_held() {
                        self.gate.trust();
                        self.resyncing = true;
                        self.later(Out::Resync(self.whole()));
                    }
                    self.publish_direct();
                    self.show_what_is_due(Instant::now());
                }
                let notice = Notice {
                    level,
                    code: code.to_owned(),
                    text: Names { en, zh },
                    published_ms: self.now_ms(),
                };
                // A wall that is filmed names nobody.
                if order.command == Command::Hold {
                    let [public, _] = &self.house.hubs;
                    let text = Names {
                        en: "The figures are held for now".to_owned(),
                        zh: "数据暂停更新".to_owned(),
                    };
                    public.publish([Body::Notice(Notice {
                        text,
                        ..notice.clone()
                    })]);
                }
                self.tell_directors(notice);
                self.save();
            }
            Ok(Outcome::NeedsSecond) => self.tell_directors(Notice {
                level: Level::Warning,
                code: "release_asked".to_owned(),
                text: Names {
                    en: format!(
                        "{} asks for the release: a second director has to agree",
                        order.by.name
                    ),
                    zh: format!("{} 请求恢复更新，需要另一位导播确认", order.by.name),
                },
                published_ms: self.now_ms(),
            }),
            Ok(Outcome::Unchanged) | Err(_) => {}
        }
        let _ = order.reply.send(result.map(|outcome| DeskAnswer {
            outcome,
            desk: self.desk.clone(),
        }));
    }

    fn warn_of(&self, sign: &IntrusionAlert) {
        self.tell_directors(Notice {
            level: Level::Alert,
            code: "intrusion".to_owned(),
            text: sign.in_words(),
            published_ms: self.now_ms(),
        });
    }

    /// What the figures are now.
    fn mode(&self) -> Mode {
        self.mode_of(self.publisher.mode())
    }

    fn mode_of(&self, mode: Mode) -> Mode {
        if self.desk.is_held() || self.resyncing {
            return Mode::Held;
        }
        match mode {
            Mode::Held => Mode::Held,
            _ if self.desk.is_rehearsal() => Mode::Rehearsal,
            Mode::Live if self.desk.delay_ms() > 0 => Mode::Delayed,
            other => other,
        }
    }

    fn whole(&self) -> Whole {
        Whole {
            public: self.publisher.public_snapshot(self.now_ms()),
            internal: self
                .wants_internal
                .then(|| self.publisher.internal_snapshot(self.now_ms())),
        }
    }

    fn later(&mut self, out: Out) {
        self.delayed.push_back((Instant::now(), out));
    }

    fn show_what_is_due(&mut self, now: Instant) {
        let delay = Duration::from_millis(self.desk.delay_ms());
        while let Some((made, _)) = self.delayed.front() {
            if !delay.is_zero() && *made + delay > now {
                break;
            }
            let Some((_, out)) = self.delayed.pop_front() else {
                break;
            };
            self.show(out);
        }
    }

    fn show(&mut self, out: Out) {
        let held = self.desk.is_held();
        match out {
            Out::Step(step) => {
                let stopped = held || self.resyncing;
                let [public, internal] = &self.house.hubs;
                let mode = |mode| self.mode_of(mode);
                let kept = |body| shown(body, stopped, mode);
                let told = |body: &Body| {
                    if let Body::Tick(tick) = body {
                        self.house.metrics.told(&tick.totals.counts);
                    }
                };
                let kept_public = step.public.into_iter().map(Public::into_inner).filter_map(kept);
                public.publish(kept_public.inspect(told));
                internal.publish(
                    step.internal
                        .into_iter()
                        .map(Internal::into_inner)
                        .filter_map(kept),
                );
            }
            Out::Snapshots(snapshots) => {
                if held || self.resyncing {
                    for hub in &self.house.hubs {
                        hub.renew();
                    }
                    return;
                }
                for (hub, snapshot) in self.house.hubs.iter().zip(snapshots.into_parts()) {
                    if let Some(snapshot) = snapshot {
                        hub.set_snapshot(self.directed(*snapshot));
                    }
                }
            }
            Out::Resync(snapshots) => {
                if held {
                    return;
                }
                self.resyncing = false;
                for (hub, snapshot) in self.house.hubs.iter().zip(snapshots.into_parts()) {
                    if let Some(snapshot) = snapshot {
                        hub.publish([Body::Snapshot(Box::new(self.directed(*snapshot)))]);
                    }
                }
                self.beat();
            }
        }
    }

    fn directed(&self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.mode = self.mode_of(snapshot.mode);
        snapshot.direct = (!self.desk.is_plain()).then(|| self.desk.direct(self.now_ms()));
        snapshot
    }

    fn save(&mut self) {
        let position = self.house.hubs.first().map(|hub| hub.position());
        let now_ms = self.now_ms();
        let Some(state) = &mut self.state else { return };
        let held = self.desk.is_held().then(|| {
            let [public, internal] = &self.house.hubs;
            Some(crate::operate::state::HeldSnapshots {
                public: public.known()?,
                internal: internal.known()?,
            })
        });
        state.save(SavedState {
            source: String::new(),
            event_ms: self.publisher.event_ms(),
            wall_ms: now_ms,
            speed: self.speed,
            paused: self.paused,
            epoch: position.map_or(0, |at| at.epoch),
            seq: position.map_or(0, |at| at.seq),
            totals: self.publisher.totals(),
            desk: self.desk.clone(),
            held: held.flatten(),
        });
    }

    fn beat(&self) {
        let beat = Heartbeat {
            event_ms: self.publisher.event_ms(),
            published_ms: self.now_ms(),
            mode: self.mode(),
            paused: self.paused,
        };
        for hub in &self.house.hubs {
            hub.publish([Body::Heartbeat(beat)]);
        }
    }
}

/// What of a frame is shown, with the figures called what they are.
fn shown(mut body: Body, stopped: bool, mode: impl Fn(Mode) -> Mode) -> Option<Body> {
    match &mut body {
        Body::Tick(tick) => {
            tick.mode = mode(tick.mode);
            (!stopped).then_some(body)
        }
        Body::Lights(_) | Body::Products(_) => (!stopped).then_some(body),
        _ => Some(body),
    }
}
