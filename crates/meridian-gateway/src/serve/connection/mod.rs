//! One client, from its connection to its end: limits, TLS, handshake, token, and what it follows.

mod desk;
mod door;
mod feed;
mod http;
mod incoming;
mod judge;
mod orders;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::Utc;
use crossbeam_channel::Sender;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

use self::desk::desk;
use self::door::{Guest, Met, meet};
use self::feed::feed;
pub(crate) use self::incoming::Budget;
use self::incoming::{A_FOLLOWER, A_SOURCE, Incoming, TooMuch};
use self::judge::{Chosen, Refused};
use self::orders::orders;
use crate::operate::access::{Denied, Grant, Role, Tokens};
use crate::operate::audit::{Details, Kind as AuditKind};
use crate::operate::keeper::LOOK_EVERY;
use crate::operate::limits::{Entry, Failure, Gatekeeper, Limited};
use crate::operate::metrics::{Class, Metrics, Why};
use crate::serve::hub::{Hub, Wants};
use crate::serve::proxy::Proxies;
use crate::serve::server::{Auditor, Order};
use crate::source::intake::{Intake, MAX_MESSAGE_BYTES};
use meridian_client::socket::Stream;
use meridian_wire::codec::MAX_SUBSCRIBE_BYTES;
use meridian_wire::{DataClass, MAX_FRAME_BYTES};

/// WebSocket subprotocol of the directors' desk.
pub const SUBPROTOCOL_DESK: &str = "meridian.v1.desk";

/// TLS and the WebSocket handshake together.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Without progress in writing for so long a client is given up.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// The closing handshake takes no longer.
const PART_LIMIT: Duration = Duration::from_secs(1);
/// Time for a goodbye to somebody whose token holds no longer: who doesn't read it is cut off all the same.
const GOODBYE_LIMIT: Duration = Duration::from_millis(500);
/// What somebody is told then.
const TOKEN_ENDED: &str = "the token holds no longer";

/// What all connections share.
pub(crate) struct House {
    /// The streams, public and internal.
    pub hubs: [Arc<Hub>; 2],
    pub gatekeeper: Mutex<Gatekeeper>,
    /// As they were read last.
    pub tokens: Option<Arc<ArcSwap<Tokens>>>,
    pub anonymous: Option<Role>,
    pub origins: Vec<String>,
    pub orders: Sender<Order>,
    pub auditor: Auditor,
    pub metrics: Arc<Metrics>,
    pub tls: Option<TlsAcceptor>,
    /// Proxies in front.
    pub proxies: Option<Proxies>,
    /// What failures cost, to be told.
    pub lockout_s: u64,
    /// Memory for messages that haven't ended.
    pub unfinished: Arc<Budget>,
    /// When the gateway began: the clock of limits, which nobody sets back.
    pub begun: std::time::Instant,
    /// Where a live day's orders come in.
    pub intake: Option<Arc<Intake>>,
    /// The goodbye was said.
    pub ended: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    fn hub(&self, class: DataClass) -> &Arc<Hub> {
        let [public, internal] = &self.hubs;
        match class {
            DataClass::Public => public,
            DataClass::Internal => internal,
        }
    }

    /// Milliseconds since it began.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Counts how a connection ended. Says whether there is so much of it from there that an answer may wait.
    fn count(&self, address: IpAddr, end: &End) -> bool {
        let refused = |why| {
            self.metrics.refused.get_or_create(&Why { why }).inc();
        };
        let lost = |why| {
            self.metrics.lost.get_or_create(&Why { why }).inc();
        };
        match end {
            End::Handshake(reason) => {
                lost("handshake");
                self.fail(address, Failure::Handshake, reason, None);
            }
            End::Slow(reason) => {
                lost("slow_handshake");
                self.fail(address, Failure::Slow, reason, None);
            }
            End::Probe(_) => refused("probe"),
            End::Plain => {
                refused("plain_http");
                return lock(&self.gatekeeper).plain(address, self.now_ms());
            }
            End::Refused(why, token) => {
                refused(why.name());
                let failure = match why {
                    Refused::Login(Denied::Missing) | Refused::Subprotocol => Failure::Handshake,
                    Refused::Login(_) if token.is_some() => Failure::EndedToken,
                    Refused::Login(_) => Failure::Login,
                    Refused::Role | Refused::Proxy => Failure::Role,
                    Refused::Origin => Failure::Origin,
                    // What it was locked out for is counted.
                    Refused::LockedOut => return true,
                    // It did nothing wrong.
                    Refused::Unready => return lock(&self.gatekeeper).is_pressing(address, self.now_ms()),
                };
                self.fail(address, failure, why.name(), token.as_deref());
            }
            End::Limited(limited) => {
                refused(limited.name());
                if matches!(
                    limited,
                    Limited::TooQuick | Limited::Handshakes | Limited::PerAddress
                ) {
                    self.fail(address, Failure::Flood, limited.name(), None);
                }
            }
            End::Message(reason) | End::Broken(_, reason) => {
                lost("message");
                self.fail(address, Failure::Message, reason, None);
            }
            End::Lost(why, _) => lost(why),
        }
        lock(&self.gatekeeper).is_pressing(address, self.now_ms())
    }

    /// Something went wrong on the other side.
    fn fail(&self, address: IpAddr, failure: Failure, reason: &str, token: Option<&str>) {
        let kind = match failure {
            Failure::Login | Failure::EndedToken => Some(AuditKind::LoginFailed),
            Failure::Role | Failure::Origin => Some(AuditKind::AccessDenied),
            // Whoever is closed without a word isn't worth a line.
            Failure::Flood => None,
            _ => Some(AuditKind::Refused),
        };
        let details = |reason: &str| Details {
            address: Some(address.to_string()),
            token: token.map(str::to_owned),
            reason: Some(reason.to_owned()),
            ..Details::default()
        };
        if let Some(kind) = kind {
            self.auditor.record(kind, "client", details(reason));
        }
        let now_ms = self.now_ms();
        let sign = match token {
            Some(token) => lock(&self.gatekeeper).ended_token(token, address, now_ms),
            None => lock(&self.gatekeeper).fail(address, failure, now_ms),
        };
        let Some(sign) = sign else { return };
        let kind = failure.name();
        tracing::warn!(%address, failures = sign.count, kind, locked = sign.locked, "too many failures");
        self.metrics.intrusions.get_or_create(&Why { why: kind }).inc();
        let details = Details {
            count: Some(u64::from(sign.count)),
            ..details(kind)
        };
        self.auditor.record(AuditKind::Intrusion, "address", details);
        let _ = self.orders.send(Order::Intrusion(sign));
    }
}

/// Lets clients in for as long as the gateway runs.
pub(crate) async fn accept(listener: TcpListener, house: Arc<House>) {
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, as a rule: some will come free.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let by_proxy = house
            .proxies
            .as_ref()
            .is_some_and(|known| known.trusts(peer.ip()));
        let connected = {
            let mut gatekeeper = lock(&house.gatekeeper);
            match by_proxy {
                true => gatekeeper.connect_proxy(house.now_ms()),
                false => gatekeeper.connect(peer.ip(), house.now_ms()),
            }
        };
        let entry = match connected {
            Ok(entry) => entry,
            Err(limited) => {
                // Closed without a word: an answer is work that a flood would like us to do.
                house.count(peer.ip(), &End::Limited(limited));
                tracing::debug!(%peer, %limited, "a connection is closed");
                continue;
            }
        };
        let inside = Inside {
            house: Arc::clone(&house),
            address: peer.ip().to_canonical(),
            by_proxy,
            entry,
            token: None,
            class: None,
        };
        tokio::spawn(admit(socket, peer, inside));
    }
}

/// Gives back what a connection took, however it ends.
struct Inside {
    house: Arc<House>,
    /// Whose connection it is: behind a proxy of ours, whom the proxy names.
    address: IpAddr,
    /// It came from a proxy of ours.
    by_proxy: bool,
    entry: Entry,
    token: Option<String>,
    class: Option<&'static str>,
}

impl Inside {
    /// Ends when this connection's handshake is to make room for another's.
    fn dropped(&mut self) -> oneshot::Receiver<Infallible> {
        let (_, closed) = oneshot::channel();
        std::mem::replace(&mut self.entry.dropped, closed)
    }

    fn shook(&mut self) {
        lock(&self.house.gatekeeper).shaken_hands(&self.entry);
    }

    fn is_locked(&self) -> bool {
        self.entry.locked
    }

    /// Whether the other end is a proxy that spoke for nobody.
    fn is_proxy(&self, peer: SocketAddr) -> bool {
        self.by_proxy && self.address == peer.ip().to_canonical()
    }

    /// The proxy said for whom it connected.
    fn arrive(&mut self, address: IpAddr) -> Result<(), Limited> {
        let now_ms = self.house.now_ms();
        lock(&self.house.gatekeeper).arrive(&mut self.entry, address, now_ms)?;
        self.address = address;
        Ok(())
    }

    fn enter(&mut self, grant: &Grant) -> Result<(), Limited> {
        let now_ms = self.house.now_ms();
        lock(&self.house.gatekeeper).enter(&self.entry, &grant.id, grant.role.sends(), now_ms)?;
        self.token = Some(grant.id.clone());
        Ok(())
    }

    fn follow(&mut self, class: DataClass) {
        let class = class.name();
        self.house.metrics.clients.get_or_create(&Class { class }).inc();
        self.class = Some(class);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut gatekeeper = lock(&self.house.gatekeeper);
        gatekeeper.disconnect(&self.entry);
        if let Some(token) = &self.token {
            gatekeeper.leave(token);
        }
        if let Some(class) = self.class {
            self.house.metrics.clients.get_or_create(&Class { class }).dec();
        }
    }
}

async fn admit(socket: TcpStream, peer: SocketAddr, mut inside: Inside) {
    let _ = socket.set_nodelay(true);
    let house = Arc::clone(&inside.house);
    let deadline = tokio::time::Instant::now() + HANDSHAKE_LIMIT;
    let dropped = inside.dropped();
    let met = tokio::select! {
        met = tokio::time::timeout_at(deadline, meet(socket, peer, &mut inside)) => met
            .unwrap_or_else(|_| Err(End::Slow("no handshake in time"))),
        _ = dropped => Err(End::Slow("it made room for another's handshake")),
    };
    inside.shook();
    let address = inside.address;
    let ended = match met {
        Ok(Met::Guest(guest)) => talk(guest, &mut inside).await,
        Ok(Met::Refusal(refusal)) => {
            let end = refusal.give(&house, address, inside.is_proxy(peer)).await;
            match end.is_a_look() {
                true => tracing::debug!(%address, reason = end.reason(), "somebody looked in"),
                false => tracing::info!(%address, reason = end.reason(), "a client is refused"),
            }
            return;
        }
        Err(end) => Err(end),
    };
    match ended {
        Ok(()) => tracing::debug!(%address, "a client left"),
        Err(end) => {
            house.count(address, &end);
            match end.is_a_look() {
                true => tracing::debug!(%address, reason = end.reason(), "somebody looked in"),
                false => tracing::info!(%address, reason = end.reason(), "a client is gone"),
            }
        }
    }
}

/// How a connection ended otherwise than well.
enum End {
    /// No handshake.
    Handshake(String),
    /// None in time.
    Slow(&'static str),
    /// Nothing was said, or something that browsers and balancers say: no failure.
    Probe(&'static str),
    /// HTTP without a handshake, and answered: no failure either.
    Plain,
    /// Refused, with the token that holds no longer if it is one.
    Refused(Refused, Option<String>),
    Limited(Limited),
    /// It said something that is no message of this protocol.
    Message(String),
    /// The same, with the number that the WebSocket is closed with.
    Broken(CloseCode, String),
    Lost(&'static str, String),
}

impl End {
    /// Whether somebody only looked whether there is anybody, as balancers do every second: no line of the log.
    fn is_a_look(&self) -> bool {
        matches!(self, Self::Probe(_) | Self::Plain)
    }

    /// Why, for people and logs.
    fn reason(&self) -> String {
        match self {
            Self::Handshake(reason)
            | Self::Message(reason)
            | Self::Broken(_, reason)
            | Self::Lost(_, reason) => reason.clone(),
            Self::Slow(what) | Self::Probe(what) => (*what).to_owned(),
            Self::Plain => "plain HTTP".to_owned(),
            Self::Refused(refused, _) => refused.words(),
            Self::Limited(limited) => limited.to_string(),
        }
    }

    /// Why, for the other side: of a token no more than that.
    fn told(&self) -> String {
        match self {
            Self::Lost("token", _) => TOKEN_ENDED.to_owned(),
            end => end.reason(),
        }
    }

    /// The number that the WebSocket is closed with, where there is one that can still be written to.
    fn code(&self) -> Option<CloseCode> {
        match self {
            Self::Message(_) => Some(CloseCode::Policy),
            Self::Broken(code, _) => Some(*code),
            Self::Lost("too_slow" | "closed", _) => None,
            Self::Lost("stops", _) => Some(CloseCode::Away),
            Self::Lost("memory", _) => Some(CloseCode::Again),
            _ => Some(CloseCode::Policy),
        }
    }
}

/// What reading from a client came to.
fn broken(error: Error) -> Result<(), End> {
    match error {
        // A client that just goes breaks the protocol too, without meaning anything by it.
        Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ok(()),
        Error::Protocol(error) => Err(End::Broken(CloseCode::Protocol, error.to_string())),
        Error::Capacity(error) => Err(End::Broken(CloseCode::Size, error.to_string())),
        Error::Utf8(error) => Err(End::Broken(CloseCode::Invalid, error)),
        Error::Io(error) => Err(
            match error.get_ref().and_then(|inner| inner.downcast_ref::<TooMuch>()) {
                Some(TooMuch::Memory) => End::Lost("memory", TooMuch::Memory.to_string()),
                Some(too_much) => End::Message(too_much.to_string()),
                None => End::Lost("closed", error.to_string()),
            },
        ),
        error => Err(End::Lost("closed", error.to_string())),
    }
}

/// The limits of a socket that gateways accept.
pub fn socket_limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_frame_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_write_buffer_size(2 * MAX_FRAME_BYTES)
}

/// Anybody's socket.
type Socket = WebSocketStream<Incoming<Box<dyn Stream>>>;

async fn talk(guest: Guest, inside: &mut Inside) -> Result<(), End> {
    let house = Arc::clone(&inside.house);
    let Guest {
        socket,
        grant,
        chosen,
        early,
    } = guest;
    house.metrics.joined.inc();
    let address = inside.address;
    let details = |reason: Option<String>| Details {
        address: Some(address.to_string()),
        token: Some(grant.id.clone()).filter(|id| !id.is_empty()),
        name: Some(grant.name.clone()),
        role: Some(grant.role.name().to_owned()),
        reason,
        ..Details::default()
    };
    house.auditor.record(AuditKind::Joined, "client", details(None));
    let mut limits = socket_limits();
    let mut allowed = A_FOLLOWER;
    if chosen == Chosen::Orders {
        // Batches are larger than anything that displays say.
        limits = limits
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        allowed = A_SOURCE;
    }
    let incoming = Incoming::new(socket, &early, allowed, Arc::clone(&house.unfinished))
        .map_err(|error| End::Message(error.to_string()))?;
    let server = tokio_tungstenite::tungstenite::protocol::Role::Server;
    let mut socket = WebSocketStream::from_partially_read(incoming, early, server, Some(limits)).await;
    let (told, ends) = watch::channel(None);
    let work = async {
        match chosen {
            Chosen::Desk => desk(&mut socket, &house, &grant, ends).await,
            Chosen::Orders => match &house.intake {
                Some(intake) => orders(&mut socket, &house, &grant, intake, ends).await,
                None => Ok(()),
            },
            Chosen::Feed(form) => {
                let sees = grant.role.class();
                let hub = house.hub(sees);
                let class = hub.class().unwrap_or(DataClass::Internal);
                // Not one who may be shown more, should the feed come to hold it.
                if class == DataClass::Public && sees == DataClass::Public {
                    socket.get_mut().set_public();
                }
                inside.follow(class);
                let wants = Wants {
                    form,
                    lights_per_s: None,
                    relay: false,
                };
                feed(&mut socket, &house, hub.follow(sees, wants), form, ends).await
            }
        }
    };
    let (ended, cut_off) = tokio::select! {
        ended = work => (ended, false),
        denied = while_granted(&house, &grant, &told) => (Err(End::Lost("token", denied.to_string())), true),
    };
    let reason = ended.as_ref().err().map(End::reason);
    house.auditor.record(AuditKind::Left, "client", details(reason));
    let code = match &ended {
        // It had its time, and may not be told more.
        _ if cut_off => None,
        Ok(()) if house.ended.load(Ordering::Acquire) => Some(CloseCode::Away),
        Ok(()) => Some(CloseCode::Normal),
        Err(end) => end.code(),
    };
    if let Some(code) = code {
        let told = ended.as_ref().err().map(End::told);
        part(&mut socket, code, &told.unwrap_or_default()).await;
    }
    let incoming = socket.get_ref();
    house.metrics.heard(incoming.is_public(), incoming.frames());
    ended
}

/// Closes as RFC 6455 has it: a Close is answered with a Close, and after one of ours the other's is waited for, so that it isn't lost with a
/// connection that is reset.
async fn part(socket: &mut Socket, code: CloseCode, reason: &str) {
    let frame = CloseFrame {
        code,
        // 123 bytes are the most.
        reason: reason.chars().take(40).collect::<String>().into(),
    };
    let parting = async {
        // After a Close of either side this only writes what still has to be.
        let _ = socket.close(Some(frame)).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = tokio::time::timeout(PART_LIMIT, parting).await;
}

/// Looks whether what was granted still holds, in full: role and numbers too. Says so once it doesn't, and comes back when
/// the time for a goodbye is over.
async fn while_granted(house: &House, grant: &Grant, told: &watch::Sender<Option<Denied>>) -> Denied {
    let Some(tokens) = house.tokens.as_ref().filter(|_| !grant.id.is_empty()) else {
        return std::future::pending().await;
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let holds = tokens.load().still_holds(grant, Utc::now());
        if let Err(denied) = holds {
            told.send_replace(Some(denied));
            tokio::time::sleep(GOODBYE_LIMIT).await;
            return denied;
        }
    }
}

/// What is said of a token that holds no longer.
fn token_ended(ends: &watch::Receiver<Option<Denied>>) -> End {
    let reason = ends
        .borrow()
        .map_or_else(|| TOKEN_ENDED.to_owned(), |denied| denied.to_string());
    End::Lost("token", reason)
}

/// Bounds what a client says.
struct Said {
    since: tokio::time::Instant,
    count: u32,
}

impl Said {
    fn new() -> Self {
        Self {
            since: tokio::time::Instant::now(),
            count: 0,
        }
    }

    fn one_more(&mut self, most: u32, within: Duration) -> Result<(), End> {
        if self.since.elapsed() > within {
            *self = Self::new();
        }
        self.count += 1;
        if self.count > most {
            return Err(End::Message("it says too much".to_owned()));
        }
        Ok(())
    }
}

/// Writes messages; without progress for ten seconds the client is given up.
async fn write(socket: &mut Socket, house: &House, messages: Vec<Message>) -> Result<(), End> {
    for message in messages {
        house
            .metrics
            .wrote(socket.get_ref().is_public(), message.len() as u64);
        match tokio::time::timeout(WRITE_LIMIT, socket.send(message)).await {
            Err(_) => return Err(End::Lost("too_slow", "it reads too slowly".to_owned())),
            Ok(Err(error)) => return Err(End::Lost("closed", error.to_string())),
            Ok(Ok(())) => {}
        }
    }
    Ok(())
}
