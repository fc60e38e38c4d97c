//! Serves a client that was let in, until it disconnects.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

use super::accept::ConnectionGuard;
use super::authorize::Chosen;
use super::desk::desk;
use super::end::{End, TOKEN_ENDED};
use super::feed::feed;
use super::handshake::Guest;
use super::incoming::{A_FOLLOWER, A_SOURCE, Incoming};
use super::orders::orders;
use super::shared::Shared;
use crate::operate::access::{Denied, Grant};
use crate::operate::events::{ConnectionEvent, GatewayEvent as _};
use crate::operate::keeper::CHECK_EVERY;
use crate::serve::hub::Wants;
use crate::source::intake::MAX_MESSAGE_BYTES;
use meridian_client::socket::Stream;
use meridian_wire::codec::MAX_SUBSCRIBE_BYTES;
use meridian_wire::{DataClass, MAX_FRAME_BYTES};

/// A client counts as lost after this long without progress in writing.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for a goodbye to somebody whose token holds no longer: who doesn't read it is cut off all the same.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// The limits of a socket that gateways accept.
pub fn socket_limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_frame_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_write_buffer_size(2 * MAX_FRAME_BYTES)
}

/// A client's WebSocket.
pub(super) type Socket = WebSocketStream<Incoming<Box<dyn Stream>>>;

/// Serves a client what it chose, until either side ends it or its token holds no longer.
pub(super) async fn serve_client(guest: Guest, guard: &mut ConnectionGuard) -> Result<(), End> {
    let shared = Arc::clone(&guard.shared);
    let Guest {
        socket,
        grant,
        chosen,
        early,
    } = guest;
    let (address, by) = (guard.address, &grant);
    ConnectionEvent::Joined { address, grant: by }.emit(&*shared);
    let left = |ended: &Result<(), End>| {
        let reason = ended.as_ref().err().map(End::reason);
        let reason = reason.as_deref();
        let grant = by;
        ConnectionEvent::Left {
            address,
            grant,
            reason,
        }
        .emit(&*shared);
    };
    let mut limits = socket_limits();
    let mut allowed = A_FOLLOWER;
    if chosen == Chosen::Orders {
        // Batches are larger than anything that displays say.
        limits = limits
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        allowed = A_SOURCE;
    }
    let incoming = match Incoming::new(socket, &early, allowed, Arc::clone(&shared.unfinished)) {
        Ok(incoming) => incoming,
        Err(error) => {
            let ended = Err(End::Message(error.to_string()));
            left(&ended);
            return ended;
        }
    };
    let server = tokio_tungstenite::tungstenite::protocol::Role::Server;
    let mut socket = WebSocketStream::from_partially_read(incoming, early, server, Some(limits)).await;
    let (told, ends) = watch::channel(None);
    let work = async {
        match chosen {
            Chosen::Desk => desk(&mut socket, &shared, &grant, ends).await,
            Chosen::Orders => match &shared.intake {
                Some(intake) => orders(&mut socket, &shared, &grant, intake, ends).await,
                None => Ok(()),
            },
            Chosen::Feed(form) => {
                let sees = grant.role.class();
                let hub = shared.hubs.of(sees);
                let class = hub.class().unwrap_or(DataClass::Internal);
                // Not one who may be shown more, should the feed come to hold it.
                if class == DataClass::Public && sees == DataClass::Public {
                    socket.get_mut().set_public();
                }
                guard.follow(class);
                let wants = Wants {
                    form,
                    lights_per_s: None,
                    relay: false,
                };
                feed(&mut socket, &shared, hub.follow(sees, wants), form, ends).await
            }
        }
    };
    let (ended, cut_off) = tokio::select! {
        ended = work => (ended, false),
        denied = while_granted(&shared, &grant, &told) => (Err(End::Lost("token", denied.to_string())), true),
    };
    left(&ended);
    let code = match &ended {
        // It had its time, and may not be told more.
        _ if cut_off => None,
        Ok(()) if shared.ended.load(Ordering::Acquire) => Some(CloseCode::Away),
        Ok(()) => Some(CloseCode::Normal),
        Err(end) => end.code(),
    };
    if let Some(code) = code {
        let told = ended.as_ref().err().map(End::told);
        part(&mut socket, code, &told.unwrap_or_default()).await;
    }
    let incoming = socket.get_ref();
    shared.metrics.heard(incoming.is_public(), incoming.frames());
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
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, parting).await;
}

/// Looks whether what was granted still holds, in full: role and numbers too. Says so once it doesn't, and comes back when
/// the time for a goodbye is over.
async fn while_granted(shared: &Shared, grant: &Grant, told: &watch::Sender<Option<Denied>>) -> Denied {
    let Some(tokens) = shared.tokens.as_ref().filter(|_| !grant.id.is_empty()) else {
        return std::future::pending().await;
    };
    let mut look = tokio::time::interval(CHECK_EVERY);
    loop {
        look.tick().await;
        let holds = tokens.load().still_holds(grant, Utc::now());
        if let Err(denied) = holds {
            told.send_replace(Some(denied));
            tokio::time::sleep(GOODBYE_TIMEOUT).await;
            return denied;
        }
    }
}

/// The goodbye for a token that is no longer valid.
pub(super) fn token_ended(ends: &watch::Receiver<Option<Denied>>) -> End {
    let reason = ends
        .borrow()
        .map_or_else(|| TOKEN_ENDED.to_owned(), |denied| denied.to_string());
    End::Lost("token", reason)
}

/// How many messages a client may still send.
pub(super) struct MessageBudget {
    since: tokio::time::Instant,
    count: u32,
}

impl MessageBudget {
    pub fn new() -> Self {
        Self {
            since: tokio::time::Instant::now(),
            count: 0,
        }
    }

    pub fn one_more(&mut self, most: u32, within: Duration) -> Result<(), End> {
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
pub(super) async fn write(socket: &mut Socket, shared: &Shared, messages: Vec<Message>) -> Result<(), End> {
    for message in messages {
        shared
            .metrics
            .wrote(socket.get_ref().is_public(), message.len() as u64);
        match tokio::time::timeout(WRITE_TIMEOUT, socket.send(message)).await {
            Err(_) => return Err(End::Lost("too_slow", "it reads too slowly".to_owned())),
            Ok(Err(error)) => return Err(End::Lost("closed", error.to_string())),
            Ok(Ok(())) => {}
        }
    }
    Ok(())
}
