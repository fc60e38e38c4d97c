//! Clients that come, are refused, leave or are lost; what looks like an attack.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::operate::access::Grant;
use crate::operate::audit::{Details, Kind};
use crate::operate::events::{Entry, GatewayEvent, To};
use crate::operate::limits::{Failure, IntrusionAlert, Limited};
use crate::operate::metrics::{Metrics, Why};
use meridian_wire::NoticeKind;

/// What happens to connections.
#[derive(Debug)]
pub(crate) enum ConnectionEvent<'a> {
    /// The system has no connection to give.
    NotAccepted { error: &'a io::Error },
    /// A connection beyond the limits was closed without a word.
    Closed { peer: SocketAddr, limited: Limited },
    /// Somebody only looked whether there is anybody, as balancers do every second.
    LookedIn {
        address: IpAddr,
        /// A reason that never changes.
        why: &'static str,
        /// The reason for people.
        reason: &'a str,
    },
    /// A client wasn't let in.
    Refused {
        address: IpAddr,
        why: &'static str,
        reason: &'a str,
        /// What was wrong on its side, if anything.
        failure: Option<Failure>,
        /// The token that it showed, where that is one that ended.
        token: Option<&'a str>,
        /// It was told so.
        answered: bool,
    },
    /// A connection ended otherwise than well.
    Lost {
        address: IpAddr,
        why: &'static str,
        reason: &'a str,
        failure: Option<Failure>,
        answered: bool,
    },
    /// A client was let in.
    Joined { address: IpAddr, grant: &'a Grant },
    /// A client that was let in is gone.
    Left {
        address: IpAddr,
        grant: &'a Grant,
        reason: Option<&'a str>,
    },
    /// Too many failures of one kind.
    Intrusion(&'a IntrusionAlert),
}

/// What a failure is in the audit log. Whoever is closed without a word isn't worth a line.
fn kind_of(failure: Failure) -> Option<Kind> {
    match failure {
        Failure::Login | Failure::EndedToken => Some(Kind::LoginFailed),
        Failure::Role | Failure::Origin => Some(Kind::AccessDenied),
        Failure::Flood => None,
        Failure::Handshake | Failure::Slow | Failure::Message => Some(Kind::Refused),
    }
}

/// The entry for a failure of somebody's.
fn failed(failure: Option<Failure>, address: IpAddr, token: Option<&str>, reason: &str) -> Option<Entry> {
    let details = Details {
        address: Some(address.to_string()),
        token: token.map(str::to_owned),
        reason: Some(reason.to_owned()),
        ..Details::default()
    };
    Some(Entry::new(kind_of(failure?)?, "client", details))
}

/// The entry for a client that is, or was, inside.
fn client(kind: Kind, address: IpAddr, grant: &Grant, reason: Option<&str>) -> Entry {
    let details = Details {
        address: Some(address.to_string()),
        token: Some(grant.id.clone()).filter(|id| !id.is_empty()),
        name: Some(grant.name.clone()),
        role: Some(grant.role.name().to_owned()),
        reason: reason.map(str::to_owned),
        ..Details::default()
    };
    Entry::new(kind, "client", details)
}

impl GatewayEvent for ConnectionEvent<'_> {
    fn log(&self) {
        match self {
            // Out of file descriptors, as a rule.
            Self::NotAccepted { error } => tracing::warn!(%error, "a connection can't be accepted"),
            Self::Closed { peer, limited } => tracing::debug!(%peer, %limited, "a connection is closed"),
            Self::LookedIn { address, reason, .. } => tracing::debug!(%address, reason, "somebody looked in"),
            Self::Refused {
                address,
                reason,
                answered,
                ..
            }
            | Self::Lost {
                address,
                reason,
                answered,
                ..
            } => match answered {
                true => tracing::info!(%address, reason, "a client is refused"),
                false => tracing::info!(%address, reason, "a client is gone"),
            },
            // The audit log has them.
            Self::Joined { .. } | Self::Left { .. } => {}
            Self::Intrusion(alert) => {
                let (address, kind) = (alert.address, alert.failure.name());
                tracing::warn!(%address, failures = alert.count, kind, locked = alert.locked, "too many failures");
            }
        }
    }

    fn count(&self, metrics: &Metrics) {
        let (family, why) = match self {
            Self::NotAccepted { .. } | Self::Left { .. } => return,
            Self::Joined { .. } => {
                metrics.joined.inc();
                return;
            }
            Self::Closed { limited, .. } => (&metrics.refused, limited.name()),
            Self::LookedIn { why, .. } | Self::Refused { why, .. } => (&metrics.refused, *why),
            Self::Lost { why, .. } => (&metrics.lost, *why),
            Self::Intrusion(alert) => (&metrics.intrusions, alert.failure.name()),
        };
        family.get_or_create(&Why { why }).inc();
    }

    fn audit(&self) -> Option<Entry> {
        match *self {
            Self::NotAccepted { .. } | Self::Closed { .. } | Self::LookedIn { .. } => None,
            Self::Refused {
                address,
                why,
                failure,
                token,
                ..
            } => failed(failure, address, token, why),
            Self::Lost {
                address,
                reason,
                failure,
                ..
            } => failed(failure, address, None, reason),
            Self::Joined { address, grant } => Some(client(Kind::Joined, address, grant, None)),
            Self::Left {
                address,
                grant,
                reason,
            } => Some(client(Kind::Left, address, grant, reason)),
            Self::Intrusion(alert) => {
                let details = Details {
                    address: Some(alert.address.to_string()),
                    token: alert.token.clone(),
                    reason: Some(alert.failure.name().to_owned()),
                    count: Some(u64::from(alert.count)),
                    ..Details::default()
                };
                Some(Entry::new(Kind::Intrusion, "address", details))
            }
        }
    }

    fn notices(&self) -> Vec<(To, NoticeKind)> {
        let Self::Intrusion(alert) = self else {
            return Vec::new();
        };
        vec![(To::Directors, alert.notice())]
    }
}
