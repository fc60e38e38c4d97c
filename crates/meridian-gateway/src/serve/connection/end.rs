//! How connections end, and what that costs those who ended them.

use std::net::IpAddr;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::authorize::Refused;
use super::incoming::TooMuch;
use super::shared::{Shared, lock};
use crate::operate::access::Denied;
use crate::operate::audit::{Details, Kind as AuditKind};
use crate::operate::limits::{Failure, Limited};
use crate::operate::metrics::Why;
use crate::serve::control::ControlMsg;

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
    /// Whether somebody only looked whether there is anybody, as balancers do every second: no line of the log.
    pub fn is_a_look(&self) -> bool {
        matches!(self, Self::Probe(_) | Self::Plain)
    }

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
    /// Counts how a connection ended. Says whether there is so much of it from there that an answer may wait.
    pub(super) fn count(&self, address: IpAddr, end: &End) -> bool {
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
        let _ = self.control.send(ControlMsg::Intrusion(sign));
    }
}
