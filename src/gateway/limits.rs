//! How much one address, and everybody together, may ask of the gateway; and what looks like an attack. Pure:
//! the clock is passed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Connections at once with one token.
    pub connections_per_token: usize,
    /// Connections at once that haven't shaken hands yet.
    pub handshakes: usize,
    /// New connections a second from one address, on average.
    pub handshakes_per_address_per_s: f64,
    /// How many may come at once before that average counts.
    pub handshakes_per_address_burst: f64,
    /// Failures from one address in a minute before it is locked out: tokens that aren't any, handshakes that aren't any.
    pub failures_per_minute: u32,
    /// How long an address is locked out, in seconds.
    pub lockout_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 12_000,
            connections_per_address: 2_000,
            connections_per_token: 2_000,
            handshakes: 256,
            handshakes_per_address_per_s: 100.0,
            handshakes_per_address_burst: 2_000.0,
            failures_per_minute: 20,
            lockout_s: 60,
        }
    }
}

/// Why somebody isn't let in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Limited {
    /// The gateway is full.
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
    /// Locked out after failures.
    #[error("locked out after too many failures")]
    LockedOut,
}

impl Limited {
    /// A stable name.
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

/// What went wrong on somebody's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A token that isn't one, or no longer.
    Login,
    /// No handshake, or none in time.
    Handshake,
    /// A message that isn't one of this protocol.
    Message,
}

impl Failure {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "failed_logins",
            Self::Handshake => "scan",
            Self::Message => "malformed_messages",
        }
    }
}

/// Something that looks like an attack: said once for each lockout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// What it was, last.
    pub failure: Failure,
    /// From where.
    pub address: IpAddr,
    /// How many failures in a minute.
    pub count: u32,
}

/// Addresses that are remembered at most.
const MAX_ADDRESSES: usize = 65_536;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Default)]
struct Address {
    connections: usize,
    tokens_left: f64,
    filled_ms: i64,
    failures: u32,
    failures_since_ms: i64,
    locked_until_ms: i64,
}

/// Counts who is there.
#[derive(Debug)]
pub struct Gatekeeper {
    limits: Limits,
    connections: usize,
    handshakes: usize,
    addresses: HashMap<IpAddr, Address>,
    by_token: HashMap<String, usize>,
}

/// IPv6 hands out whole /64s: one of them is one address here.
fn who(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

impl Gatekeeper {
    /// One with nobody inside.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: 0,
            handshakes: 0,
            addresses: HashMap::new(),
            by_token: HashMap::new(),
        }
    }

    fn address(&mut self, address: IpAddr, now_ms: i64) -> &mut Address {
        if self.addresses.len() >= MAX_ADDRESSES && !self.addresses.contains_key(&address) {
            // Those of whom nothing has to be remembered any more.
            self.addresses.retain(|_, known| {
                known.connections > 0
                    || known.locked_until_ms > now_ms
                    || now_ms - known.filled_ms < MINUTE_MS
            });
            if self.addresses.len() >= MAX_ADDRESSES {
                self.addresses.retain(|_, known| known.connections > 0);
            }
        }
        let burst = self.limits.handshakes_per_address_burst;
        self.addresses.entry(address).or_insert_with(|| Address {
            tokens_left: burst,
            filled_ms: now_ms,
            ..Address::default()
        })
    }

    /// Somebody connects.
    ///
    /// # Errors
    /// [`Limited`]: to be closed without a word.
    pub fn connect(&mut self, address: IpAddr, now_ms: i64) -> Result<(), Limited> {
        let limits = self.limits;
        let (connections, handshakes) = (self.connections, self.handshakes);
        let known = self.address(who(address), now_ms);
        if known.locked_until_ms > now_ms {
            return Err(Limited::LockedOut);
        }
        let passed_s = (now_ms - known.filled_ms).max(0) as f64 / 1e3;
        known.tokens_left = (known.tokens_left + passed_s * limits.handshakes_per_address_per_s)
            .min(limits.handshakes_per_address_burst);
        known.filled_ms = now_ms;
        if known.tokens_left < 1.0 {
            return Err(Limited::TooQuick);
        }
        known.tokens_left -= 1.0;
        if known.connections >= limits.connections_per_address {
            return Err(Limited::PerAddress);
        }
        if connections >= limits.connections {
            return Err(Limited::Full);
        }
        if handshakes >= limits.handshakes {
            return Err(Limited::Handshakes);
        }
        known.connections += 1;
        self.connections += 1;
        self.handshakes += 1;
        Ok(())
    }

    /// A handshake is over, one way or the other.
    pub fn shook(&mut self) {
        self.handshakes = self.handshakes.saturating_sub(1);
    }

    /// Somebody showed a token that is one.
    ///
    /// # Errors
    /// [`Limited::PerToken`].
    pub fn enter(&mut self, token: &str) -> Result<(), Limited> {
        if token.is_empty() {
            return Ok(());
        }
        let inside = self.by_token.entry(token.to_owned()).or_default();
        if *inside >= self.limits.connections_per_token {
            return Err(Limited::PerToken);
        }
        *inside += 1;
        Ok(())
    }

    /// Somebody that [`enter`](Self::enter)ed left.
    pub fn leave(&mut self, token: &str) {
        if let Some(inside) = self.by_token.get_mut(token) {
            *inside = inside.saturating_sub(1);
            if *inside == 0 {
                self.by_token.remove(token);
            }
        }
    }

    /// A connection that was let in by [`connect`](Self::connect) ended.
    pub fn disconnect(&mut self, address: IpAddr) {
        self.connections = self.connections.saturating_sub(1);
        if let Some(known) = self.addresses.get_mut(&who(address)) {
            known.connections = known.connections.saturating_sub(1);
        }
    }

    /// Something went wrong on somebody's side; a sign where it happens too often.
    pub fn fail(&mut self, address: IpAddr, failure: Failure, now_ms: i64) -> Option<Sign> {
        let limits = self.limits;
        let known = self.address(who(address), now_ms);
        if now_ms - known.failures_since_ms >= MINUTE_MS {
            known.failures = 0;
            known.failures_since_ms = now_ms;
        }
        known.failures += 1;
        if known.failures < limits.failures_per_minute || known.locked_until_ms > now_ms {
            return None;
        }
        let count = known.failures;
        known.failures = 0;
        known.locked_until_ms =
            now_ms.saturating_add(i64::try_from(limits.lockout_s.saturating_mul(1_000)).unwrap_or(i64::MAX));
        Some(Sign {
            failure,
            address,
            count,
        })
    }

    /// How many connections there are, and how many of them haven't shaken hands.
    pub fn inside(&self) -> (usize, usize) {
        (self.connections, self.handshakes)
    }
}

/// Whether a page of that origin may connect. Programs that aren't web pages say no origin.
pub fn origin_allowed(origin: Option<&str>, allowed: &[String]) -> bool {
    origin.is_none_or(|origin| {
        allowed.iter().any(|known| {
            known
                .trim_end_matches('/')
                .eq_ignore_ascii_case(origin.trim_end_matches('/'))
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn limits() -> Limits {
        Limits {
            connections: 5,
            connections_per_address: 3,
            connections_per_token: 1,
            handshakes: 4,
            handshakes_per_address_per_s: 1.0,
            handshakes_per_address_burst: 10.0,
            failures_per_minute: 3,
            lockout_s: 60,
        }
    }

    #[test]
    fn nobody_takes_more_than_their_share() {
        let mut gate = Gatekeeper::new(limits());
        for _ in 0..3 {
            gate.connect(v4(1), 0).unwrap();
        }
        assert_eq!(gate.connect(v4(1), 0), Err(Limited::PerAddress));
        gate.connect(v4(2), 0).unwrap();
        assert_eq!(gate.connect(v4(3), 0), Err(Limited::Handshakes));
        gate.shook();
        gate.connect(v4(3), 0).unwrap();
        gate.shook();
        assert_eq!(gate.connect(v4(4), 0), Err(Limited::Full));
        gate.disconnect(v4(1));
        gate.connect(v4(4), 0).unwrap();
        gate.enter("a").unwrap();
        assert_eq!(gate.enter("a"), Err(Limited::PerToken));
        gate.leave("a");
        gate.enter("a").unwrap();
        // Those without a token are counted by address alone.
        gate.enter("").unwrap();
        gate.enter("").unwrap();
    }

    #[test]
    fn a_flood_is_slowed_and_others_are_not() {
        let mut gate = Gatekeeper::new(limits());
        let mut refused = 0;
        for _ in 0..50 {
            match gate.connect(v4(1), 0) {
                Ok(()) => {
                    gate.shook();
                    gate.disconnect(v4(1));
                }
                Err(limited) => {
                    assert_eq!(limited, Limited::TooQuick);
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 40);
        gate.connect(v4(2), 0).unwrap();
        // A second later there is one more.
        gate.connect(v4(1), 1_000).unwrap();
        assert_eq!(gate.connect(v4(1), 1_000), Err(Limited::TooQuick));
    }

    #[test]
    fn who_fails_too_often_is_locked_out_for_a_while_and_that_is_said_once() {
        let mut gate = Gatekeeper::new(limits());
        assert_eq!(gate.fail(v4(1), Failure::Login, 0), None);
        assert_eq!(gate.fail(v4(1), Failure::Login, 10), None);
        let sign = gate.fail(v4(1), Failure::Login, 20).unwrap();
        assert_eq!((sign.count, sign.failure), (3, Failure::Login));
        assert_eq!(gate.fail(v4(1), Failure::Login, 30), None);
        assert_eq!(gate.connect(v4(1), 60_000), Err(Limited::LockedOut));
        gate.connect(v4(1), 60_021).unwrap();
        // Failures far apart are none.
        for minute in 0..10 {
            assert_eq!(gate.fail(v4(2), Failure::Message, minute * 60_000), None);
        }
    }

    #[test]
    fn addresses_are_not_remembered_without_end() {
        let mut gate = Gatekeeper::new(limits());
        for number in 0..200_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            gate.fail(address, Failure::Handshake, 0);
        }
        assert!(gate.addresses.len() <= MAX_ADDRESSES);
        let one = |text: &str| who(text.parse().unwrap());
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
        assert_eq!(one("::ffff:10.0.0.1"), v4(1));
    }

    #[test]
    fn pages_of_others_are_refused() {
        let allowed = ["https://wall.example".to_owned()];
        assert!(origin_allowed(None, &allowed));
        assert!(origin_allowed(Some("https://wall.example"), &allowed));
        assert!(!origin_allowed(Some("https://wall.example.evil"), &allowed));
        assert!(!origin_allowed(Some("null"), &[]));
    }
}
