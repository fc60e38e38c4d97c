//! How connections end, and what that costs those who ended them.

use std::net::{IpAddr, SocketAddr};

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::authorize::Refused;
use super::incoming::TooMuch;
use super::shared::{Shared, lock};
use crate::operate::access::Denied;
use crate::operate::events::{ConnectionEvent, GatewayEvent as _};
use crate::operate::limits::{Failure, Limited};

/// What a client is told whose token is no longer valid.
pub(super) const TOKEN_ENDED: &str = "the token holds no longer";

/// Why a connection ended, other than by a normal close.
pub(super) enum End {
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
    /// Why, for people and logs.
    pub fn reason(&self) -> String {
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
    pub fn told(&self) -> String {
        match self {
            Self::Lost("token", _) => TOKEN_ENDED.to_owned(),
            end => end.reason(),
        }
    }

    /// The number that the WebSocket is closed with, where there is one that can still be written to.
    pub fn code(&self) -> Option<CloseCode> {
        match self {
            Self::Message(_) => Some(CloseCode::Policy),
            Self::Broken(code, _) => Some(*code),
            Self::Lost("too_slow" | "closed", _) => None,
            Self::Lost("stops", _) => Some(CloseCode::Away),
            Self::Lost("memory", _) => Some(CloseCode::Again),
            _ => Some(CloseCode::Policy),
        }
    }

    /// What was wrong on the other side, if anything.
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Handshake(_) => Some(Failure::Handshake),
            Self::Slow(_) => Some(Failure::Slow),
            Self::Message(_) | Self::Broken(..) => Some(Failure::Message),
            Self::Limited(limited) => flood(*limited),
            Self::Refused(why, token) => match why {
                Refused::Login(Denied::Missing) | Refused::Subprotocol => Some(Failure::Handshake),
                Refused::Login(_) if token.is_some() => Some(Failure::EndedToken),
                Refused::Login(_) => Some(Failure::Login),
                Refused::Role | Refused::Proxy => Some(Failure::Role),
                Refused::Origin => Some(Failure::Origin),
                // What it was locked out for is counted; one who came too early did nothing wrong.
                Refused::LockedOut | Refused::Unready => None,
            },
            Self::Probe(_) | Self::Plain | Self::Lost(..) => None,
        }
    }

    fn token(&self) -> Option<&str> {
        match self {
            Self::Refused(_, token) => token.as_deref(),
            _ => None,
        }
    }

    /// What happened, where the reason is this end's.
    fn event<'a>(&'a self, address: IpAddr, reason: &'a str, answered: bool) -> ConnectionEvent<'a> {
        let refused = |why| ConnectionEvent::Refused {
            address,
            why,
            reason,
            failure: self.failure(),
            token: self.token(),
            answered,
        };
        let lost = |why| ConnectionEvent::Lost {
            address,
            why,
            reason,
            failure: self.failure(),
            answered,
        };
        let looked_in = |why| ConnectionEvent::LookedIn { address, why, reason };
        match self {
            Self::Probe(_) => looked_in("probe"),
            Self::Plain => looked_in("plain_http"),
            Self::Refused(why, _) => refused(why.name()),
            Self::Limited(limited) => refused(limited.name()),
            Self::Handshake(_) => lost("handshake"),
            Self::Slow(_) => lost("slow_handshake"),
            Self::Message(_) | Self::Broken(..) => lost("message"),
            Self::Lost(why, _) => lost(why),
        }
    }
}

/// Whether being over a limit counts against somebody.
fn flood(limited: Limited) -> Option<Failure> {
    match limited {
        Limited::TooQuick | Limited::Handshakes | Limited::PerAddress => Some(Failure::Flood),
        Limited::Full | Limited::PerToken | Limited::LockedOut => None,
    }
}

/// What reading from a client came to.
pub(super) fn broken(error: Error) -> Result<(), End> {
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

impl Shared {
    /// Reports how a connection ended, and counts it against its address. `answered`: the other side is told so. Says whether there is
    /// so much of it from there that an answer may wait.
    pub(super) fn end(&self, address: IpAddr, end: &End, answered: bool) -> bool {
        end.event(address, &end.reason(), answered).emit(self);
        self.note_failure(address, end.failure(), end.token());
        match end {
            End::Plain => lock(&self.gatekeeper).plain(address, self.now_ms()),
            End::Refused(Refused::LockedOut, _) => true,
            _ => lock(&self.gatekeeper).is_pressing(address, self.now_ms()),
        }
    }

    /// Reports a connection that is closed without a word, and counts it against its address.
    pub(super) fn turn_away(&self, peer: SocketAddr, limited: Limited) {
        ConnectionEvent::Closed { peer, limited }.emit(self);
        self.note_failure(peer.ip(), flood(limited), None);
    }

    /// Counts what went wrong on the other side; too much of it is reported.
    fn note_failure(&self, address: IpAddr, failure: Option<Failure>, token: Option<&str>) {
        let Some(failure) = failure else { return };
        let now_ms = self.now_ms();
        let alert = match token {
            Some(token) => lock(&self.gatekeeper).ended_token(token, address, now_ms),
            None => lock(&self.gatekeeper).fail(address, failure, now_ms),
        };
        if let Some(alert) = alert {
            ConnectionEvent::Intrusion(&alert).emit(self);
        }
    }
}
