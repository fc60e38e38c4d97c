//! One client, from its connection to its end: limits, TLS, handshake, token, and what it follows.

mod desk;
mod feed;
mod judge;
mod orders;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use self::desk::desk;
use self::feed::feed;
use self::judge::{Chosen, Refused, judge};
use self::orders::orders;
use super::access::{Denied, Grant, Role, TokenStore};
use super::audit::{Details, Kind as AuditKind};
use super::hub::{Hub, Wants};
use super::intake::{Intake, MAX_MESSAGE_BYTES};
use super::limits::{Failure, Gatekeeper, Limited};
use super::metrics::{Class, Metrics, Why};
use super::server::{Auditor, Order, wall_ms};
use super::tls::Certificate;
use crate::wire::codec::MAX_SUBSCRIBE_BYTES;
use crate::wire::{DataClass, MAX_FRAME_BYTES};

/// WebSocket subprotocol of the directors' desk.
pub const SUBPROTOCOL_DESK: &str = "meridian.v1.desk";

/// TLS and the WebSocket handshake together.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Without progress in writing for so long a client is given up.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// Distance at which it is looked whether a token still holds, and files changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
