//! What is remembered of an address: its connections, its failures, and how much more is allowed.

use std::net::IpAddr;

/// How many times the limit of one address a whole /48 has.
const NET_SHARE: u32 = 8;

pub(super) const MINUTE_MS: i64 = 60_000;

/// What is counted as one: an IPv4 address; of IPv6, which hands out whole /64s, one of these, and the /48 that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scope {
    V4(u32),
    Net64(u64),
    Net48(u64),
}

impl Scope {
    pub(super) fn share(self) -> u32 {
        if matches!(self, Self::Net48(_)) {
            NET_SHARE
        } else {
            1
        }
    }

    pub(super) fn net(self) -> Option<Self> {
        match self {
            Self::Net64(bits) => Some(Self::Net48(bits >> 16)),
            _ => None,
        }
    }

    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::Net64((v6.to_bits() >> 64) as u64),
        }
    }
}

/// The machine itself. Other addresses of 127.0.0.0/8 are nobody's, and treated as anybody's.
pub(super) fn is_this_machine(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4 == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(v6) => v6 == std::net::Ipv6Addr::LOCALHOST,
    }
}

/// How many in a minute.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Minute {
    pub(super) since_ms: i64,
    pub(super) count: u32,
}

impl Minute {
    pub(super) fn one_more(&mut self, now_ms: i64) -> u32 {
        if self.count == 0 || now_ms - self.since_ms >= MINUTE_MS {
            *self = Self {
                since_ms: now_ms,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    pub(super) fn is_past(&self, now_ms: i64) -> bool {
        self.count == 0 || now_ms - self.since_ms >= MINUTE_MS
    }
}

/// How many more may come now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) left: f64,
    pub(super) filled_ms: i64,
}

impl Bucket {
    pub(super) fn take(&mut self, per_s: f64, burst: f64, now_ms: i64) -> bool {
        let passed_s = (now_ms - self.filled_ms).max(0) as f64 / 1e3;
        self.left = (self.left + passed_s * per_s).min(burst);
        self.filled_ms = now_ms;
        let some = self.left >= 1.0;
        if some {
            self.left -= 1.0;
        }
        some
    }
}

/// One address, or one network of them.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) connections: usize,
    pub(super) shaking: usize,
    /// Of a /48, how many of its /64s are remembered.
    pub(super) inner: usize,
    pub(super) rate: Bucket,
    pub(super) read_when_locked: Bucket,
    pub(super) failures: Minute,
    /// Of these, those that lock.
    pub(super) guesses: Minute,
    pub(super) refused: Minute,
    /// Plain HTTP, which is no failure.
    pub(super) plain: Minute,
    pub(super) alerted_ms: Option<i64>,
    pub(super) locked_until_ms: i64,
    pub(super) known_until_ms: i64,
    pub(super) seen_ms: i64,
}

impl Address {
    /// How much is lost by forgetting it; the least is forgotten first.
    pub(super) fn worth(&self, now_ms: i64) -> u8 {
        if self.known_until_ms > now_ms {
            3
        } else if self.locked_until_ms > now_ms {
            2
        } else {
            u8::from(!self.failures.is_past(now_ms))
        }
    }
}
