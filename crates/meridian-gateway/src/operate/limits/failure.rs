//! Why clients are refused, what counts as a failure, and the alerts to directors.

use std::net::IpAddr;

use meridian_wire::NoticeKind;
use meridian_wire::notice::Intruder;

/// Why a client is refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Limited {
    /// The gateway has all connections that it may have.
    #[error("the gateway is full")]
    Full,
    /// Too many connections from there.
    #[error("too many connections from this address")]
    PerAddress,
    /// Too many connections with that token.
    #[error("too many connections with this token")]
    PerToken,
    /// Too many at once that haven't shaken hands.
    #[error("too many handshakes at once")]
    Handshakes,
    /// Too quick, one after the other.
    #[error("too many new connections from this address")]
    TooQuick,
    /// The address is locked out after too many failures.
    #[error("locked out after too many failures")]
    LockedOut,
}

impl Limited {
    /// The name of it in metrics and in the audit log; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::PerAddress => "per_address",
            Self::PerToken => "per_token",
            Self::Handshakes => "handshakes",
            Self::TooQuick => "too_quick",
            Self::LockedOut => "locked_out",
        }
    }
}

/// A failure on the client's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A token that isn't one.
    Login,
    /// A token that was one, and holds no longer. Counted by token.
    EndedToken,
    /// What was sent was no handshake.
    Handshake,
    /// The handshake took too long.
    Slow,
    /// A page of an origin that isn't allowed.
    Origin,
    /// Something that the role doesn't allow.
    Role,
    /// A message that isn't one of this protocol.
    Message,
    /// More connections than are let in.
    Flood,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::EndedToken,
        Self::Handshake,
        Self::Slow,
        Self::Origin,
        Self::Role,
        Self::Message,
        Self::Flood,
    ];

    /// The label of it in metrics; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "failed_logins",
            Self::EndedToken => "ended_tokens",
            Self::Handshake => "scan",
            Self::Slow => "slow_handshakes",
            Self::Origin => "foreign_pages",
            Self::Role => "refused_roles",
            Self::Message => "malformed_messages",
            Self::Flood => "flood",
        }
    }

    /// Whether it locks an address out: no web page can bring it about from somebody else's machine.
    pub(super) fn locks(self) -> bool {
        matches!(self, Self::Login | Self::Message)
    }
}

/// Something that looks like an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrusionAlert {
    /// The kind of the failure that raised the alert.
    pub failure: Failure,
    /// The address that it came from.
    pub address: IpAddr,
    /// The token, where it is one that ended.
    pub token: Option<String>,
    /// How many failures in a minute.
    pub count: u32,
    /// Whether the address is locked out now.
    pub locked: bool,
}

impl IntrusionAlert {
    /// What directors are told of it.
    pub fn notice(&self) -> NoticeKind {
        NoticeKind::Intrusion {
            address: self.address,
            count: self.count,
            failure: self.failure.name(),
            what: match &self.token {
                Some(token) => Intruder::Token(token.clone()),
                None if self.locked => Intruder::Locked,
                None => Intruder::Slowed,
            },
        }
    }
}
