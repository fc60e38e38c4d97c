//! One client, from its connection to its end: limits, TLS, handshake, token, and what it follows.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use crossbeam_channel::Sender;
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

use super::access::{Denied, Grant, Role, TokenStore, bearer};
use super::audit::{Details, Kind as AuditKind};
use super::desk::{Command, Desk, Outcome};
use super::hub::{Follower, Form, Hub, Item, Wants};
use super::intake::{Intake, MAX_MESSAGE_BYTES, Outcome as Taken, Receipt};
use super::limits::{Failure, Gatekeeper, Limited, origin_allowed};
use super::metrics::{Class, Metrics, Why};
use super::server::{Auditor, DeskOrder, Order, wall_ms};
use super::tls::Certificate;
use crate::wire::codec::{MAX_SUBSCRIBE_BYTES, decode_subscribe_bin, decode_subscribe_json};
use crate::wire::{
    Body, Bye, Compression, DataClass, MAX_FRAME_BYTES, SUBPROTOCOL_BIN, SUBPROTOCOL_JSON,
    SUBPROTOCOL_ORDERS, Subscribe,
};

/// WebSocket subprotocol of the directors' desk.
pub const SUBPROTOCOL_DESK: &str = "meridian.v1.desk";

/// A client that says nothing for so long gets the whole feed.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(1);
/// TLS and the WebSocket handshake together.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Without progress in writing for so long a client is given up.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// Distance at which it is looked whether a token still holds, and files changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Messages of any kind that a client may send in ten seconds.
const MESSAGES_IN_TEN_S: u32 = 100;
/// Distance at which a source is looked after when the gateway ends.
const END_LOOK: Duration = Duration::from_millis(100);
/// Bytes of batches that somebody may have sent and that aren't counted yet.
const MOST_OPEN_BYTES: usize = 4 * MAX_MESSAGE_BYTES;
/// Commands that one desk may give a minute.
const DESK_PER_MINUTE: u32 = 120;

/// What all connections share.
pub(super) struct House {
    /// The streams, public and internal.
    pub hubs: [Arc<Hub>; 2],
    pub gatekeeper: Mutex<Gatekeeper>,
    pub tokens: Option<Mutex<TokenStore>>,
    pub anonymous: Option<Role>,
    pub origins: Vec<String>,
    pub orders: Sender<Order>,
    pub auditor: Auditor,
    pub metrics: Arc<Metrics>,
    pub tls: Option<TlsAcceptor>,
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

    /// Something went wrong on the other side.
    fn fail(&self, address: IpAddr, failure: Failure, reason: &str) {
        let kind = if failure == Failure::Login {
            AuditKind::LoginFailed
        } else {
            AuditKind::Refused
        };
        let details = Details {
            address: Some(address.to_string()),
            reason: Some(reason.to_owned()),
            ..Details::default()
        };
        self.auditor.record(kind, "client", details);
        let Some(sign) = lock(&self.gatekeeper).fail(address, failure, wall_ms()) else {
            return;
        };
        tracing::warn!(%address, failures = sign.count, kind = failure.name(), "locked out");
        self.metrics
            .intrusions
            .get_or_create(&Why { why: failure.name() })
            .inc();
        let details = Details {
            address: Some(address.to_string()),
            reason: Some(failure.name().to_owned()),
            count: Some(u64::from(sign.count)),
            ..Details::default()
        };
        self.auditor.record(AuditKind::Intrusion, "address", details);
        let _ = self.orders.send(Order::Sign(sign));
    }
}

/// Lets clients in for as long as the gateway runs.
pub(super) async fn accept(listener: TcpListener, house: Arc<House>) {
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
        let connected = lock(&house.gatekeeper).connect(peer.ip(), wall_ms());
        if let Err(limited) = connected {
            // Closed without a word: an answer is work that a flood would like us to do.
            house
                .metrics
                .refused
                .get_or_create(&Why { why: limited.name() })
                .inc();
            tracing::debug!(%peer, %limited, "a connection is closed");
            continue;
        }
        let inside = Inside {
            house: Arc::clone(&house),
            address: peer.ip(),
            shaking: true,
            token: None,
            class: None,
        };
        tokio::spawn(admit(socket, peer, inside));
    }
}

/// Reads tokens and certificate again when they change.
pub(super) async fn housekeeping(mut certificate: Option<Certificate>, house: Arc<House>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let mut results = Vec::new();
        if let Some(tokens) = &house.tokens {
            results.push((
                "tokens",
                lock(tokens)
                    .reload_if_changed()
                    .map_err(|error| error.to_string()),
            ));
        }
        if let Some(certificate) = &mut certificate {
            let result = certificate.reload_if_changed().map_err(|error| error.to_string());
            results.push(("certificate", result));
        }
        for (subject, result) in results {
            let reason = match result {
                Ok(false) => continue,
                Ok(true) => {
                    tracing::info!(file = subject, "read again");
                    "read again".to_owned()
                }
                Err(error) => {
                    tracing::error!(file = subject, error, "can't be read again; what was known stays");
                    error
                }
            };
            let details = Details {
                reason: Some(reason),
                ..Details::default()
            };
            house.auditor.record(AuditKind::Reloaded, subject, details);
        }
    }
}

/// Gives back what a connection took, however it ends.
struct Inside {
    house: Arc<House>,
    address: IpAddr,
    shaking: bool,
    token: Option<String>,
    class: Option<&'static str>,
}

impl Inside {
    fn shook(&mut self) {
        if std::mem::take(&mut self.shaking) {
            lock(&self.house.gatekeeper).shook();
        }
    }

    fn enter(&mut self, grant: &Grant) -> Result<(), Limited> {
        lock(&self.house.gatekeeper).enter(&grant.id)?;
        self.token = Some(grant.id.clone());
        Ok(())
    }

    fn follow(&mut self, class: DataClass) {
        let class = match class {
            DataClass::Public => "public",
            DataClass::Internal => "internal",
        };
        self.house.metrics.clients.get_or_create(&Class { class }).inc();
        self.class = Some(class);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.shook();
        let mut gatekeeper = lock(&self.house.gatekeeper);
        gatekeeper.disconnect(self.address);
        if let Some(token) = &self.token {
            gatekeeper.leave(token);
        }
        if let Some(class) = self.class {
            self.house.metrics.clients.get_or_create(&Class { class }).dec();
        }
    }
}

/// What a client chose in its handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    Feed(Form),
    Desk,
    Orders,
}

/// Chooses from what a client offers: its first that we know.
fn negotiate(headers: &HeaderMap) -> Result<(Chosen, Option<&'static str>), String> {
    let mut offered = headers
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok((Chosen::Feed(Form::Json), None));
    }
    for protocol in offered {
        match protocol {
            SUBPROTOCOL_BIN => return Ok((Chosen::Feed(Form::Bin), Some(SUBPROTOCOL_BIN))),
            SUBPROTOCOL_JSON => return Ok((Chosen::Feed(Form::Json), Some(SUBPROTOCOL_JSON))),
            SUBPROTOCOL_DESK => return Ok((Chosen::Desk, Some(SUBPROTOCOL_DESK))),
            SUBPROTOCOL_ORDERS => return Ok((Chosen::Orders, Some(SUBPROTOCOL_ORDERS))),
            _ => {}
        }
    }
    Err(format!(
        "none of the offered WebSocket subprotocols is known here: offer {SUBPROTOCOL_BIN} or {SUBPROTOCOL_JSON}, or none for JSON\n"
    ))
}

/// Why a handshake was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Origin,
    Login(Denied),
    Role,
    Subprotocol,
}

impl Refused {
    fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Login(denied) => denied.name(),
            Self::Role => "role",
            Self::Subprotocol => "subprotocol",
        }
    }
}

/// Whether orders may come from somebody: with a token for it; on a machine without tokens from itself.
fn may_send(house: &House, grant: &Grant, address: IpAddr) -> bool {
    house.intake.is_some() && (grant.role.sends() || house.tokens.is_none() && address.is_loopback())
}

/// Judges a handshake. What the other side is told doesn't say more than it has to know.
fn judge(
    house: &House,
    address: IpAddr,
    request: &Request,
) -> Result<(Grant, Chosen, Option<&'static str>), (Refused, StatusCode, String)> {
    let headers = request.headers();
    let origin = headers.get("origin").map(|value| value.to_str().unwrap_or("?"));
    if !origin_allowed(origin, &house.origins) {
        let told = "this page's origin isn't allowed\n".to_owned();
        return Err((Refused::Origin, StatusCode::FORBIDDEN, told));
    }
    let token = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap_or(""));
    let granted = match (token, &house.tokens) {
        (Some(header), Some(tokens)) => match bearer(header) {
            Some(token) => lock(tokens).check(token, Utc::now()),
            None => Err(Denied::Malformed),
        },
        // Where there are no tokens, one that is shown anyway opens nothing more.
        _ => house.anonymous.map(Grant::anonymous).ok_or(Denied::Missing),
    };
    let grant = granted.map_err(|denied| {
        let told = "a token is needed that allows this: Authorization: Bearer mrd_…\n".to_owned();
        (Refused::Login(denied), StatusCode::UNAUTHORIZED, told)
    })?;
    let (chosen, name) =
        negotiate(headers).map_err(|told| (Refused::Subprotocol, StatusCode::BAD_REQUEST, told))?;
    let allowed = match chosen {
        Chosen::Desk => grant.role.directs(),
        Chosen::Orders => may_send(house, &grant, address),
        Chosen::Feed(_) if !grant.role.follows() => false,
        Chosen::Feed(_) => {
            let class = house.hub(grant.role.class()).class();
            class == DataClass::Public || grant.role.class() == DataClass::Internal
        }
    };
    if !allowed {
        let told = "this token's role doesn't allow that\n".to_owned();
        return Err((Refused::Role, StatusCode::FORBIDDEN, told));
    }
    Ok((grant, chosen, name))
}

async fn admit(socket: TcpStream, peer: SocketAddr, inside: Inside) {
    let _ = socket.set_nodelay(true);
    let house = Arc::clone(&inside.house);
    let deadline = tokio::time::Instant::now() + HANDSHAKE_LIMIT;
    let ended = match &house.tls {
        None => talk(socket, inside, deadline).await,
        Some(tls) => match tokio::time::timeout_at(deadline, tls.accept(socket)).await {
            Ok(Ok(stream)) => talk(stream, inside, deadline).await,
            Ok(Err(error)) => Err(End::Handshake(error.to_string())),
            Err(_) => Err(End::Handshake("no TLS handshake in time".to_owned())),
        },
    };
    let (why, reason) = match ended {
        Ok(()) => {
            tracing::debug!(%peer, "a client left");
            return;
        }
        Err(End::Handshake(reason)) => {
            house.fail(peer.ip(), Failure::Handshake, &reason);
            ("handshake", reason)
        }
        Err(End::Refused(refused)) => {
            let reason = refused.name().to_owned();
            match refused {
                Refused::Login(Denied::Missing) | Refused::Subprotocol => {
                    house.fail(peer.ip(), Failure::Handshake, &reason);
                }
                Refused::Login(_) => house.fail(peer.ip(), Failure::Login, &reason),
                Refused::Role | Refused::Origin => {
                    let details = Details {
                        address: Some(peer.ip().to_string()),
                        reason: Some(reason.clone()),
                        ..Details::default()
                    };
                    house.auditor.record(AuditKind::AccessDenied, "client", details);
                }
            }
            house
                .metrics
                .refused
                .get_or_create(&Why { why: refused.name() })
                .inc();
            tracing::info!(%peer, reason, "a client is refused");
            return;
        }
        Err(End::Limited(limited)) => {
            house
                .metrics
                .refused
                .get_or_create(&Why { why: limited.name() })
                .inc();
            tracing::info!(%peer, %limited, "a client is refused");
            return;
        }
        Err(End::Message(reason)) => {
            house.fail(peer.ip(), Failure::Message, &reason);
            ("message", reason)
        }
        Err(End::Lost(why, reason)) => (why, reason),
    };
    house.metrics.lost.get_or_create(&Why { why }).inc();
    tracing::info!(%peer, reason, "a client is gone");
}

/// How a connection ended otherwise than well.
enum End {
    Handshake(String),
    Refused(Refused),
    Limited(Limited),
    /// It said something that is no message of this protocol.
    Message(String),
    Lost(&'static str, String),
}

/// The limits of a socket that gateways accept.
pub fn socket_limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_frame_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_write_buffer_size(2 * MAX_FRAME_BYTES)
}

async fn talk<S>(socket: S, mut inside: Inside, deadline: tokio::time::Instant) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let house = Arc::clone(&inside.house);
    let address = inside.address;
    let mut judged = None;
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| match judge(&house, address, request) {
        Ok((grant, chosen, name)) => {
            judged = Some(Ok((grant, chosen)));
            if let Some(name) = name {
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", HeaderValue::from_static(name));
            }
            Ok(response)
        }
        Err((refused, status, told)) => {
            judged = Some(Err(refused));
            let mut refusal = ErrorResponse::new(Some(told));
            *refusal.status_mut() = status;
            if status == StatusCode::UNAUTHORIZED {
                refusal
                    .headers_mut()
                    .insert("www-authenticate", HeaderValue::from_static("Bearer"));
            }
            Err(refusal)
        }
    };
    let handshake = tokio_tungstenite::accept_hdr_async_with_config(socket, choose, Some(socket_limits()));
    let shaken = tokio::time::timeout_at(deadline, handshake).await;
    inside.shook();
    let (grant, chosen) = match judged {
        Some(Ok(judged)) => judged,
        Some(Err(refused)) => return Err(End::Refused(refused)),
        None => {
            return Err(End::Handshake(match shaken {
                Ok(Err(error)) => error.to_string(),
                _ => "no handshake in time".to_owned(),
            }));
        }
    };
    let socket = match shaken {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Err(End::Handshake(error.to_string())),
        Err(_) => return Err(End::Handshake("no handshake in time".to_owned())),
    };
    inside.enter(&grant).map_err(End::Limited)?;
    house.metrics.joined.inc();
    let details = |reason: Option<String>| Details {
        address: Some(address.to_string()),
        token: Some(grant.id.clone()).filter(|id| !id.is_empty()),
        name: Some(grant.name.clone()),
        role: Some(grant.role.name().to_owned()),
        reason,
        ..Details::default()
    };
    house.auditor.record(AuditKind::Joined, "client", details(None));
    let ended = match chosen {
        Chosen::Desk => desk(socket, &house, &grant).await,
        Chosen::Orders => match &house.intake {
            Some(intake) => {
                // Batches are larger than anything that displays say. Nothing was read of what follows the handshake.
                let limits = socket_limits()
                    .max_message_size(Some(MAX_MESSAGE_BYTES))
                    .max_frame_size(Some(MAX_MESSAGE_BYTES));
                let server = tokio_tungstenite::tungstenite::protocol::Role::Server;
                let socket =
                    WebSocketStream::from_raw_socket(socket.into_inner(), server, Some(limits)).await;
                orders(socket, &house, &grant, intake).await
            }
            None => Ok(()),
        },
        Chosen::Feed(form) => {
            let hub = house.hub(grant.role.class());
            let class = hub.class();
            inside.follow(class);
            let follower = hub.follow(Wants {
                form,
                lights_per_s: None,
                relay: false,
            });
            feed(socket, &house, &grant, follower, form).await
        }
    };
    let reason = match &ended {
        Ok(()) => None,
        Err(End::Lost(_, reason) | End::Message(reason)) => Some(reason.clone()),
        Err(_) => None,
    };
    house.auditor.record(AuditKind::Left, "client", details(reason));
    ended
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

/// Follows a stream until somebody ends it.
async fn feed<S>(
    mut socket: WebSocketStream<S>,
    house: &House,
    grant: &Grant,
    mut follower: Follower,
    form: Form,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let lost = |error: tokio_tungstenite::tungstenite::Error| End::Lost("closed", error.to_string());
    let unwritable = |error: crate::wire::CodecError| End::Lost("unwritable", error.to_string());
    let (mut subscribed, mut joined) = (false, false);
    let mut said = Said::new();
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
    let mut look = tokio::time::interval_at(heard + LOOK_EVERY, LOOK_EVERY);
    let wait = tokio::time::sleep(SUBSCRIBE_WAIT);
    tokio::pin!(wait);
    let mut left_out = 0;
    loop {
        let out = tokio::select! {
            message = socket.next() => {
                let Some(message) = message else { return Ok(()) };
                heard = tokio::time::Instant::now();
                said.one_more(MESSAGES_IN_TEN_S, Duration::from_secs(10))?;
                let message = match message {
                    Ok(message) => message,
                    Err(tokio_tungstenite::tungstenite::Error::Protocol(error)) => {
                        // A client that just goes breaks the protocol too, without meaning anything by it.
                        use tokio_tungstenite::tungstenite::error::ProtocolError;
                        return match error {
                            ProtocolError::ResetWithoutClosingHandshake => Ok(()),
                            error => Err(End::Message(error.to_string())),
                        };
                    }
                    Err(error @ (tokio_tungstenite::tungstenite::Error::Capacity(_)
                        | tokio_tungstenite::tungstenite::Error::Utf8(_))) => {
                        return Err(End::Message(error.to_string()));
                    }
                    Err(error) => return Err(lost(error)),
                };
                let read = match message {
                    Message::Text(text) => decode_subscribe_json(text.as_bytes()),
                    Message::Binary(bytes) => decode_subscribe_bin(&bytes),
                    Message::Close(_) => return Ok(()),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                let problem = match read {
                    Ok(subscribe) if !subscribed => match wanted(form, &subscribe) {
                        Ok(wants) => {
                            (subscribed, joined) = (true, true);
                            follower.set_wants(wants);
                            let first = follower.begin(subscribe.resume).map_err(unwritable)?;
                            write(&mut socket, house, first).await?;
                            continue;
                        }
                        Err(problem) => problem,
                    },
                    Ok(_) => "subscribe was said before: it is said once on each connection".to_owned(),
                    Err(error) => error.to_string(),
                };
                goodbye(&mut socket, house, form, "bad_subscribe", &problem).await?;
                return Err(End::Message(problem));
            }
            () = &mut wait, if !joined => {
                joined = true;
                follower.begin(None).map_err(unwritable)?
            }
            more = follower.wait(), if joined => {
                if !more {
                    return Ok(());
                }
                follower.lacking().map_err(unwritable)?
            }
            _ = ping.tick() => {
                if heard.elapsed() > IDLE_LIMIT {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                vec![Message::Ping(Default::default())]
            }
            _ = look.tick(), if !grant.id.is_empty() => {
                let holds = house.tokens.as_ref().map_or(Ok(()), |tokens| {
                    lock(tokens).still_holds(&grant.id, Utc::now())
                });
                if let Err(denied) = holds {
                    goodbye(&mut socket, house, form, "token_ended", "the token holds no longer").await?;
                    return Err(End::Lost("token", denied.to_string()));
                }
                continue;
            }
        };
        write(&mut socket, house, out).await?;
        let spared = follower.frames_left_out();
        house.metrics.left_out.inc_by(spared - left_out);
        left_out = spared;
        if follower.has_ended() || joined && house.ended.load(Ordering::Acquire) && follower.is_current() {
            let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
            return Ok(());
        }
    }
}

/// What a subscription means for a form.
fn wanted(form: Form, subscribe: &Subscribe) -> Result<Wants, String> {
    let form = match (form, subscribe.compression) {
        (form, None) => form,
        (Form::Json, Some(Compression::Zstd)) => {
            return Err(format!(
                "compression is for {SUBPROTOCOL_BIN}: JSON comes as text"
            ));
        }
        (Form::Bin | Form::BinZstd, Some(Compression::Zstd)) => Form::BinZstd,
    };
    Ok(Wants {
        form,
        lights_per_s: subscribe.lights_per_s,
        relay: subscribe.relay,
    })
}

async fn goodbye<S>(
    socket: &mut WebSocketStream<S>,
    house: &House,
    form: Form,
    code: &str,
    text: &str,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bye = Body::Bye(Bye {
        code: code.to_owned(),
        text: text.to_owned(),
        retry_after_ms: None,
    });
    let message = Item::stray(bye)
        .message(form, 0)
        .map_err(|error| End::Lost("unwritable", error.to_string()))?;
    write(socket, house, vec![message, Message::Close(None)]).await
}

/// Writes messages; without progress for ten seconds the client is given up.
async fn write<S>(socket: &mut WebSocketStream<S>, house: &House, messages: Vec<Message>) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for message in messages {
        house.metrics.messages.inc();
        house.metrics.bytes.inc_by(message.len() as u64);
        match tokio::time::timeout(WRITE_LIMIT, socket.send(message)).await {
            Err(_) => return Err(End::Lost("too_slow", "it reads too slowly".to_owned())),
            Ok(Err(error)) => return Err(End::Lost("closed", error.to_string())),
            Ok(Ok(())) => {}
        }
    }
    Ok(())
}

/// What a director is answered, as JSON.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// `done`, `unchanged`, `needs_second` or `refused`.
    outcome: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<&'a Desk>,
}

/// A director's desk: one JSON command a message, one JSON answer each.
async fn desk<S>(mut socket: WebSocketStream<S>, house: &House, grant: &Grant) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut said = Said::new();
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = tokio::time::Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ping.tick() => {
                if heard.elapsed() > IDLE_LIMIT {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                write(&mut socket, house, vec![Message::Ping(Default::default())]).await?;
                continue;
            }
        };
        let Some(message) = message else { return Ok(()) };
        heard = tokio::time::Instant::now();
        said.one_more(DESK_PER_MINUTE, Duration::from_secs(60))?;
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(_)) => return Ok(()),
            Ok(Message::Binary(_)) => {
                return Err(End::Message("the desk reads JSON text".to_owned()));
            }
            Err(error) => return Err(End::Lost("closed", error.to_string())),
        };
        let holds = house
            .tokens
            .as_ref()
            .map_or(Ok(()), |tokens| lock(tokens).still_holds(&grant.id, Utc::now()));
        if !grant.id.is_empty()
            && let Err(denied) = holds
        {
            return Err(End::Lost("token", denied.to_string()));
        }
        let answer = match serde_json::from_str::<Command>(&text) {
            Err(error) => refused(format!("no command: {error}")),
            Ok(command) => order(house, grant, command).await?,
        };
        write(&mut socket, house, vec![Message::Text(answer.into())]).await?;
    }
}

fn refused(text: String) -> String {
    let answer = Answer {
        outcome: "refused",
        text,
        desk: None,
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

async fn order(house: &House, grant: &Grant, command: Command) -> Result<String, End> {
    let (reply, answered) = oneshot::channel();
    let order = DeskOrder {
        command,
        person: grant.id.clone(),
        name: grant.name.clone(),
        reply,
    };
    let stops = || End::Lost("stops", "the gateway stops".to_owned());
    house.orders.send(Order::Desk(order)).map_err(|_| stops())?;
    let answer = match answered.await.map_err(|_| stops())? {
        Err(error) => return Ok(refused(error.to_string())),
        Ok(answer) => answer,
    };
    let (outcome, text) = match answer.outcome {
        Outcome::Done(text) => ("done", text),
        Outcome::Unchanged => ("unchanged", "nothing had to be changed".to_owned()),
        Outcome::NeedsSecond => (
            "needs_second",
            "a second director has to ask for the same within five minutes".to_owned(),
        ),
    };
    let answer = Answer {
        outcome,
        text,
        desk: Some(&answer.desk),
    };
    Ok(serde_json::to_string(&answer).unwrap_or_default())
}

/// What is answered to a batch, as JSON.
#[derive(Debug, Serialize)]
struct Reply<'a> {
    /// `taken`, `duplicate`, `refused` or `later`.
    #[serde(rename = "type")]
    kind: &'static str,
    source: u32,
    sequence: u64,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

fn reply(receipt: &Receipt) -> Message {
    let (kind, problem) = match &receipt.outcome {
        Taken::Taken(_) => ("taken", None),
        Taken::Duplicate(_) => ("duplicate", None),
        Taken::Refused(problem) => ("refused", Some(problem.as_str())),
        Taken::Later(problem) => ("later", Some(problem.as_str())),
    };
    let reply = Reply {
        kind,
        source: receipt.source,
        sequence: receipt.sequence,
        rows: receipt.rows,
        problem,
    };
    Message::Text(serde_json::to_string(&reply).unwrap_or_default().into())
}

/// Says of batches that aren't taken, once in ten seconds: a source that is wrong is wrong many times a second.
#[derive(Default)]
struct Untaken {
    said: Option<tokio::time::Instant>,
    count: u64,
}

impl Untaken {
    fn note(&mut self, grant: &Grant, receipt: &Receipt, now: tokio::time::Instant) {
        self.count += 1;
        if self.said.is_some_and(|said| now - said < Duration::from_secs(10)) {
            return;
        }
        self.said = Some(now);
        let (Taken::Refused(problem) | Taken::Later(problem)) = &receipt.outcome else {
            return;
        };
        tracing::warn!(
            by = grant.name,
            source = receipt.source,
            sequence = receipt.sequence,
            batches = self.count,
            problem,
            "order batches aren't taken"
        );
        self.count = 0;
    }
}

/// Somebody who sends orders: batches come, and each is answered once it is on the disk and counted, or at once when it
/// can't be.
async fn orders<S>(
    mut socket: WebSocketStream<S>,
    house: &House,
    grant: &Grant,
    intake: &Intake,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    use tokio_tungstenite::tungstenite::Error;
    let mut counted = intake.counted();
    let mut open: VecDeque<(u64, Receipt)> = VecDeque::new();
    let mut open_bytes = 0_usize;
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
    let mut look = tokio::time::interval_at(heard + END_LOOK, END_LOOK);
    let mut checked = heard;
    let mut untaken = Untaken::default();
    write(&mut socket, house, vec![Message::Text(intake.welcome().into())]).await?;
    loop {
        let out = tokio::select! {
            // Whoever is too quick waits until what they sent is counted.
            message = socket.next(), if open_bytes < MOST_OPEN_BYTES => {
                let Some(message) = message else { return Ok(()) };
                heard = tokio::time::Instant::now();
                let bytes = match message {
                    Ok(Message::Binary(bytes)) => bytes,
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                    Ok(Message::Close(_)) => return Ok(()),
                    Ok(Message::Text(_)) => {
                        return Err(End::Message("order batches are binary messages".to_owned()));
                    }
                    Err(error @ (Error::Capacity(_) | Error::Utf8(_))) => {
                        return Err(End::Message(error.to_string()));
                    }
                    Err(error) => return Err(End::Lost("closed", error.to_string())),
                };
                let (receipts, read) = intake.offer_as(&bytes, &grant.numbers, wall_ms());
                let mut out = Vec::new();
                for receipt in receipts {
                    let why = match &receipt.outcome {
                        Taken::Taken(ticket) | Taken::Duplicate(ticket) => {
                            open.push_back((*ticket, receipt));
                            continue;
                        }
                        Taken::Refused(_) => "refused",
                        Taken::Later(_) => "later",
                    };
                    house.metrics.batches.get_or_create(&Why { why }).inc();
                    untaken.note(grant, &receipt, heard);
                    out.push(reply(&receipt));
                }
                if let Err(error) = read {
                    write(&mut socket, house, out).await?;
                    let close = CloseFrame {
                        code: CloseCode::Invalid,
                        reason: error.to_string().chars().take(100).collect::<String>().into(),
                    };
                    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(Some(close))).await;
                    return Err(End::Message(error.to_string()));
                }
                if !open.is_empty() {
                    open_bytes += bytes.len();
                }
                out
            }
            more = counted.changed() => {
                if more.is_err() {
                    return Ok(());
                }
                Vec::new()
            }
            _ = ping.tick() => {
                // One that waits for answers isn't read from, and can't answer pings.
                if heard.elapsed() > IDLE_LIMIT && open_bytes < MOST_OPEN_BYTES {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                vec![Message::Ping(Default::default())]
            }
            _ = look.tick() => {
                if house.ended.load(Ordering::Acquire) {
                    let close = CloseFrame {
                        code: CloseCode::Away,
                        reason: "it stops".into(),
                    };
                    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(Some(close))).await;
                    return Ok(());
                }
                if checked.elapsed() < LOOK_EVERY {
                    continue;
                }
                checked = tokio::time::Instant::now();
                let holds = house.tokens.as_ref().filter(|_| !grant.id.is_empty()).map_or(Ok(()), |tokens| {
                    lock(tokens).still_holds(&grant.id, Utc::now())
                });
                if let Err(denied) = holds {
                    return Err(End::Lost("token", denied.to_string()));
                }
                continue;
            }
        };
        write(&mut socket, house, out).await?;
        let now = *counted.borrow_and_update();
        let mut out = Vec::new();
        while open.front().is_some_and(|(ticket, _)| *ticket <= now) {
            if let Some((_, receipt)) = open.pop_front() {
                let why = if matches!(receipt.outcome, Taken::Taken(_)) {
                    "taken"
                } else {
                    "duplicate"
                };
                house.metrics.batches.get_or_create(&Why { why }).inc();
                out.push(reply(&receipt));
            }
        }
        if open.is_empty() {
            open_bytes = 0;
        }
        write(&mut socket, house, out).await?;
    }
}
