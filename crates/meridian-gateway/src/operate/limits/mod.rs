//! How much one address, and everybody together, may ask of the gateway; and what looks like an attack. Pure: the
//! clock is passed in, in milliseconds of one that is never set back.
//!
//! Two rules hold throughout. What a web page can make a browser do never locks an address out, so that a page that
//! somebody in an office looks at doesn't shut out the office. And being locked out is never the last word: at a
//! locked address handshakes are still read, a few a second, and whoever shows a token that holds is let in.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use meridian_wire::Names;

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
    /// Connections at once with one token of a source.
    pub connections_per_source: usize,
    /// Connections at once that haven't shaken hands yet.
    pub handshakes: usize,
    /// Of these, from one address.
    pub handshakes_per_address: usize,
    /// Of `handshakes`, how many are kept for addresses that showed a token lately; at most half.
    pub handshakes_reserved: usize,
    /// New connections a second from one address, on average.
    pub handshakes_per_address_per_s: f64,
    /// How many may come at once before that average counts.
    pub handshakes_per_address_burst: f64,
    /// Failures from one address in a minute before directors are told, and of those that no web page can bring about before it
    /// is locked out.
    pub failures_per_minute: u32,
    /// How long an address is locked out, in seconds.
    pub lockout_s: u64,
    /// Memory for messages that have begun and not ended, of all connections together, in MiB.
    pub unfinished_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 12_000,
            connections_per_address: 2_000,
            connections_per_token: 2_000,
            connections_per_source: 8,
            handshakes: 256,
            handshakes_per_address: 16,
            handshakes_reserved: 64,
            handshakes_per_address_per_s: 100.0,
            handshakes_per_address_burst: 2_000.0,
            failures_per_minute: 20,
            lockout_s: 60,
            unfinished_mib: 256,
        }
    }
}

impl Limits {
    /// What is wrong with them, if anything.
    pub fn wrong(&self) -> Option<String> {
        if !(self.handshakes_per_address_per_s > 0.0 && self.handshakes_per_address_burst >= 1.0) {
            return Some("limits.handshakes_per_address_per_s has to be above 0 and limits.handshakes_per_address_burst at least 1".to_owned());
        }
        let counts = [
            self.connections,
            self.connections_per_address,
            self.connections_per_token,
            self.connections_per_source,
            self.handshakes,
            self.handshakes_per_address,
            self.unfinished_mib,
        ];
        if counts.contains(&0) {
            return Some(
                "limits: with 0 connections, handshakes or MiB nobody could be served; at least 1 is needed"
                    .to_owned(),
            );
        }
        None
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
    /// A token that isn't one.
    Login,
    /// A token that was one, and holds no longer. Counted by token.
    EndedToken,
    /// No handshake.
    Handshake,
    /// None in time.
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

    /// A stable name.
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
    fn locks(self) -> bool {
        matches!(self, Self::Login | Self::Message)
    }
}

/// Something that looks like an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// What it was, last.
    pub failure: Failure,
    /// From where, last.
    pub address: IpAddr,
    /// The token, where it is one that ended.
    pub token: Option<String>,
    /// How many failures in a minute.
    pub count: u32,
    /// Whether the address is locked out now.
    pub locked: bool,
}

impl Sign {
    /// In words, for directors.
    pub fn in_words(&self) -> Names {
        let Self { address, count, .. } = self;
        if let Some(token) = &self.token {
            return Names {
                en: format!(
                    "A token that holds no longer ({token}) was shown {count} times within a minute, last from {address}"
                ),
                zh: format!("已失效的令牌（{token}）一分钟内被使用 {count} 次，最近来自 {address}"),
            };
        }
        let kind = self.failure.name();
        if self.locked {
            return Names {
                en: format!(
                    "{count} failures within a minute from {address} ({kind}): it is locked out for now, but for those who have a token"
                ),
                zh: format!("{address} 在一分钟内失败 {count} 次，已暂时封锁（持有令牌者除外）"),
            };
        }
        Names {
            en: format!(
                "{count} failures within a minute from {address} ({kind}): it is answered late, and not locked out, since a web page can do this to an office"
            ),
            zh: format!("{address} 在一分钟内失败 {count} 次（{kind}），未封锁"),
        }
    }
}

/// Addresses that are remembered at most.
const MAX_ADDRESSES: usize = 65_536;
/// How many are forgotten when there are more.
const FORGOTTEN_AT_ONCE: usize = MAX_ADDRESSES / 16;
/// Of one /48, how many /64s are remembered: one more is counted with its /48 alone.
const MAX_PER_NET: usize = 256;
/// How many times an address's share a whole /48 has.
const NET_SHARE: u32 = 8;
const MINUTE_MS: i64 = 60_000;
/// A handshake that is older makes room for a newer one, from wherever it comes.
const GRACE_MS: i64 = 1_000;
/// An address where a token was shown is known for so long.
const KNOWN_MS: i64 = 24 * 60 * MINUTE_MS;
/// Handshakes a second that are read at an address that is locked out, and how many at once.
const LOCKED_PER_S: f64 = 5.0;
const LOCKED_BURST: f64 = 20.0;
/// Connections that are refused make a sign when there are so many times more of them than of other failures: a hall of
/// walls that comes back at once isn't an attack.
const FLOOD_SHARE: u32 = 10;
/// Signs a minute, of all addresses together.
const MAX_SIGNS: u32 = 30;
/// Plain HTTP requests that one address may send in a minute and be answered at once.
const PLAIN_PER_MINUTE: u32 = 120;
/// Tokens of which it is remembered that they ended.
const MAX_ENDED: usize = 4_096;

/// What is counted as one: an IPv4 address; of IPv6, which hands out whole /64s, one of these, and the /48 that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    V4(u32),
    Net64(u64),
    Net48(u64),
}

impl Place {
    fn share(self) -> u32 {
        if matches!(self, Self::Net48(_)) {
            NET_SHARE
        } else {
            1
        }
    }

    fn net(self) -> Option<Self> {
        match self {
            Self::Net64(bits) => Some(Self::Net48(bits >> 16)),
            _ => None,
        }
    }

    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::Net64((v6.to_bits() >> 64) as u64),
        }
    }
}

/// The machine itself. Other addresses of 127.0.0.0/8 are nobody's, and treated as anybody's.
fn is_this_machine(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4 == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(v6) => v6 == std::net::Ipv6Addr::LOCALHOST,
    }
}

/// How many in a minute.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    since_ms: i64,
    count: u32,
}

impl Minute {
    fn one_more(&mut self, now_ms: i64) -> u32 {
        if self.count == 0 || now_ms - self.since_ms >= MINUTE_MS {
            *self = Self {
                since_ms: now_ms,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }

    fn is_past(&self, now_ms: i64) -> bool {
        self.count == 0 || now_ms - self.since_ms >= MINUTE_MS
    }
}

/// How many more may come now.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    filled_ms: i64,
}

impl Bucket {
    fn take(&mut self, per_s: f64, burst: f64, now_ms: i64) -> bool {
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

#[derive(Debug)]
struct Address {
    connections: usize,
    shaking: usize,
    /// Of a /48, how many of its /64s are remembered.
    inner: usize,
    rate: Bucket,
    read_when_locked: Bucket,
    failures: Minute,
    /// Of these, those that lock.
    guesses: Minute,
    refused: Minute,
    /// Plain HTTP, which is no failure.
    plain: Minute,
    signed_ms: Option<i64>,
    locked_until_ms: i64,
    known_until_ms: i64,
    seen_ms: i64,
}

impl Address {
    /// What it costs to forget it: least first.
    fn worth(&self, now_ms: i64) -> u8 {
        if self.known_until_ms > now_ms {
            3
        } else if self.locked_until_ms > now_ms {
            2
        } else {
            u8::from(!self.failures.is_past(now_ms))
        }
    }
}

/// A connection that hasn't shaken hands.
#[derive(Debug)]
struct HalfOpen {
    places: [Option<Place>; 2],
    known: bool,
    since_ms: i64,
    /// Dropped, it tells the connection's task to end.
    _hold: oneshot::Sender<Infallible>,
}

/// Somebody who was let in to shake hands. To be given back with [`Gatekeeper::disconnect`].
#[derive(Debug)]
pub struct Entry {
    number: u64,
    places: [Option<Place>; 2],
    /// The address is locked out: only a token that holds helps.
    pub locked: bool,
    /// Ends when the handshake is to make room for another's.
    pub dropped: oneshot::Receiver<Infallible>,
}

/// Counts who is there.
#[derive(Debug)]
pub struct Gatekeeper {
    limits: Limits,
    connections: usize,
    /// By number: oldest first.
    half_open: BTreeMap<u64, HalfOpen>,
    next: u64,
    addresses: HashMap<Place, Address>,
    by_token: HashMap<String, usize>,
    ended_tokens: HashMap<String, Minute>,
    signs: Minute,
}

impl Gatekeeper {
    /// One with nobody inside.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: 0,
            half_open: BTreeMap::new(),
            next: 0,
            addresses: HashMap::new(),
            by_token: HashMap::new(),
            ended_tokens: HashMap::new(),
            signs: Minute::default(),
        }
    }

    /// Makes room where there is none: of what is worth least, what was seen longest ago.
    fn forget_some(&mut self, now_ms: i64) {
        let mut idle: Vec<(u8, i64, Place)> = self
            .addresses
            .iter()
            .filter(|(_, known)| known.connections == 0 && known.inner == 0)
            .map(|(place, known)| (known.worth(now_ms), known.seen_ms, *place))
            .collect();
        if idle.len() > FORGOTTEN_AT_ONCE {
            idle.select_nth_unstable(FORGOTTEN_AT_ONCE);
            idle.truncate(FORGOTTEN_AT_ONCE);
        }
        for (_, _, place) in idle {
            self.addresses.remove(&place);
            if let Some(net) = place.net().and_then(|net| self.addresses.get_mut(&net)) {
                net.inner = net.inner.saturating_sub(1);
            }
        }
    }

    fn remember(&mut self, place: Place, now_ms: i64) -> &mut Address {
        if self.addresses.len() >= MAX_ADDRESSES && !self.addresses.contains_key(&place) {
            self.forget_some(now_ms);
        }
        let burst = self.limits.handshakes_per_address_burst * f64::from(place.share());
        let full = |left| Bucket {
            left,
            filled_ms: now_ms,
        };
        let known = self.addresses.entry(place).or_insert_with(|| Address {
            connections: 0,
            shaking: 0,
            inner: 0,
            rate: full(burst),
            read_when_locked: full(LOCKED_BURST * f64::from(place.share())),
            failures: Minute::default(),
            guesses: Minute::default(),
            refused: Minute::default(),
            plain: Minute::default(),
            signed_ms: None,
            locked_until_ms: i64::MIN,
            known_until_ms: i64::MIN,
            seen_ms: now_ms,
        });
        known.seen_ms = now_ms;
        known
    }

    /// Where an address is counted, smallest first. All of them are remembered then.
    fn places(&mut self, address: IpAddr, now_ms: i64) -> [Option<Place>; 2] {
        let place = Place::of(address);
        let Some(net) = place.net() else {
            self.remember(place, now_ms);
            return [Some(place), None];
        };
        let fresh = !self.addresses.contains_key(&place);
        let around = self.remember(net, now_ms);
        if fresh && around.inner >= MAX_PER_NET {
            return [None, Some(net)];
        }
        around.inner += usize::from(fresh);
        self.remember(place, now_ms);
        [Some(place), Some(net)]
    }

    /// Whether one more may come from there. Says whether it is locked out.
    fn admit(&mut self, places: [Option<Place>; 2], now_ms: i64) -> Result<bool, Limited> {
        let limits = self.limits;
        let mut locked = false;
        for place in places.into_iter().flatten() {
            let share = place.share();
            let Some(known) = self.addresses.get_mut(&place) else {
                continue;
            };
            if known.locked_until_ms > now_ms {
                locked = true;
                let (per_s, burst) = (LOCKED_PER_S * f64::from(share), LOCKED_BURST * f64::from(share));
                if !known.read_when_locked.take(per_s, burst, now_ms) {
                    return Err(Limited::LockedOut);
                }
            }
            let per_s = limits.handshakes_per_address_per_s * f64::from(share);
            let burst = limits.handshakes_per_address_burst * f64::from(share);
            if !known.rate.take(per_s, burst, now_ms) {
                return Err(Limited::TooQuick);
            }
            if known.connections >= limits.connections_per_address.saturating_mul(share as usize) {
                return Err(Limited::PerAddress);
            }
        }
        Ok(locked)
    }

    fn shaking_at(&self, place: Place) -> usize {
        self.addresses.get(&place).map_or(0, |known| known.shaking)
    }

    /// One of the address's own makes room, if it had its time.
    fn room_at(&mut self, places: [Option<Place>; 2], now_ms: i64) -> Result<(), Limited> {
        for place in places.into_iter().flatten() {
            let most = self
                .limits
                .handshakes_per_address
                .saturating_mul(place.share() as usize);
            if self.shaking_at(place) < most {
                continue;
            }
            let oldest = self
                .half_open
                .iter()
                .find(|(_, half)| half.places.contains(&Some(place)))
                .map(|(number, half)| (*number, half.since_ms));
            match oldest {
                Some((number, since_ms)) if now_ms - since_ms >= GRACE_MS => self.shook(number),
                _ => return Err(Limited::Handshakes),
            }
        }
        Ok(())
    }

    /// Somebody's makes room, in all: of the address with the most, the oldest.
    fn room_in_all(&mut self, places: [Option<Place>; 2], known: bool, now_ms: i64) -> Result<(), Limited> {
        let all = self.limits.handshakes;
        let reserved = self.limits.handshakes_reserved.min(all / 2);
        let strangers = self.half_open.values().filter(|half| !half.known).count();
        let full = self.half_open.len() >= all || !known && strangers >= all - reserved;
        if !full {
            return Ok(());
        }
        let crowd = |gate: &Self, places: [Option<Place>; 2]| {
            let place = places.into_iter().flatten().next();
            place.map_or(0, |place| gate.shaking_at(place))
        };
        let victim = self
            .half_open
            .iter()
            .filter(|(_, half)| !half.known || known && strangers == 0)
            .map(|(number, half)| (crowd(self, half.places), std::cmp::Reverse(*number)))
            .max();
        let Some((count, std::cmp::Reverse(number))) = victim else {
            return Err(Limited::Handshakes);
        };
        let old = self
            .half_open
            .get(&number)
            .is_some_and(|half| now_ms - half.since_ms >= GRACE_MS);
        // One who has more than the newcomer gives way at once.
        if !old && count <= crowd(self, places) + 1 {
            return Err(Limited::Handshakes);
        }
        self.shook(number);
        Ok(())
    }

    fn is_known(&self, places: [Option<Place>; 2], now_ms: i64) -> bool {
        let mut places = places.into_iter().flatten();
        places.any(|place| {
            self.addresses
                .get(&place)
                .is_some_and(|address| address.known_until_ms > now_ms)
        })
    }

    /// Somebody connects.
    ///
    /// # Errors
    /// [`Limited`]: to be closed without a word.
    pub fn connect(&mut self, address: IpAddr, now_ms: i64) -> Result<Entry, Limited> {
        let places = self.places(address, now_ms);
        let locked = self.admit(places, now_ms)?;
        let known = self.is_known(places, now_ms);
        self.open(places, locked, known, now_ms)
    }

    /// A proxy connects, for somebody who isn't known yet: see [`arrive`](Self::arrive).
    ///
    /// # Errors
    /// [`Limited`]: to be closed without a word.
    pub fn connect_proxy(&mut self, now_ms: i64) -> Result<Entry, Limited> {
        self.open([None; 2], false, true, now_ms)
    }

    fn open(
        &mut self,
        places: [Option<Place>; 2],
        locked: bool,
        known: bool,
        now_ms: i64,
    ) -> Result<Entry, Limited> {
        if self.connections >= self.limits.connections {
            return Err(Limited::Full);
        }
        self.room_at(places, now_ms)?;
        self.room_in_all(places, known, now_ms)?;
        let (hold, dropped) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        self.connections += 1;
        self.count_in(places);
        let half = HalfOpen {
            places,
            known,
            since_ms: now_ms,
            _hold: hold,
        };
        self.half_open.insert(number, half);
        Ok(Entry {
            number,
            places,
            locked,
            dropped,
        })
    }

    fn count_in(&mut self, places: [Option<Place>; 2]) {
        for place in places.into_iter().flatten() {
            if let Some(known) = self.addresses.get_mut(&place) {
                known.connections += 1;
                known.shaking += 1;
            }
        }
    }

    /// The proxy said for whom it connected.
    ///
    /// # Errors
    /// [`Limited`].
    pub fn arrive(&mut self, entry: &mut Entry, address: IpAddr, now_ms: i64) -> Result<(), Limited> {
        let places = self.places(address, now_ms);
        entry.locked = self.admit(places, now_ms)?;
        self.room_at(places, now_ms)?;
        entry.places = places;
        self.count_in(places);
        let known = self.is_known(places, now_ms);
        match self.half_open.get_mut(&entry.number) {
            Some(half) => (half.places, half.known) = (places, known),
            None => self.shaken(places),
        }
        Ok(())
    }

    fn shaken(&mut self, places: [Option<Place>; 2]) {
        for place in places.into_iter().flatten() {
            if let Some(known) = self.addresses.get_mut(&place) {
                known.shaking = known.shaking.saturating_sub(1);
            }
        }
    }

    fn shook(&mut self, number: u64) {
        if let Some(half) = self.half_open.remove(&number) {
            self.shaken(half.places);
        }
    }

    /// A handshake is over, one way or the other.
    pub fn shaken_hands(&mut self, entry: &Entry) {
        self.shook(entry.number);
    }

    /// Somebody showed a token that is one; `source`: to send orders.
    ///
    /// # Errors
    /// [`Limited::PerToken`].
    pub fn enter(&mut self, entry: &Entry, token: &str, source: bool, now_ms: i64) -> Result<(), Limited> {
        if token.is_empty() {
            return Ok(());
        }
        // Its address is known, and not the whole /48.
        if let Some(known) = entry
            .places
            .first()
            .copied()
            .flatten()
            .and_then(|place| self.addresses.get_mut(&place))
        {
            known.known_until_ms = now_ms + KNOWN_MS;
        }
        let most = if source {
            self.limits
                .connections_per_source
                .min(self.limits.connections_per_token)
        } else {
            self.limits.connections_per_token
        };
        let inside = self.by_token.entry(token.to_owned()).or_default();
        if *inside >= most {
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

    /// A connection that was let in ended.
    pub fn disconnect(&mut self, entry: &Entry) {
        self.shook(entry.number);
        self.connections = self.connections.saturating_sub(1);
        for place in entry.places.into_iter().flatten() {
            if let Some(known) = self.addresses.get_mut(&place) {
                known.connections = known.connections.saturating_sub(1);
            }
        }
    }

    /// Something went wrong on somebody's side; a sign where it happens too often.
    pub fn fail(&mut self, address: IpAddr, failure: Failure, now_ms: i64) -> Option<Sign> {
        let limits = self.limits;
        let lockout_ms = i64::try_from(limits.lockout_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let mut sign = None;
        for place in self.places(address, now_ms).into_iter().flatten() {
            let most = limits.failures_per_minute.saturating_mul(place.share());
            let Some(known) = self.addresses.get_mut(&place) else {
                continue;
            };
            let (count, many) = match failure {
                Failure::Flood => {
                    let count = known.refused.one_more(now_ms);
                    (count, count >= most.saturating_mul(FLOOD_SHARE))
                }
                _ => {
                    let count = known.failures.one_more(now_ms);
                    (count, count >= most)
                }
            };
            let guessed = failure.locks() && known.guesses.one_more(now_ms) >= most;
            let locks = guessed && known.locked_until_ms <= now_ms && !is_this_machine(address);
            if locks {
                known.guesses = Minute::default();
                known.locked_until_ms = now_ms.saturating_add(lockout_ms);
            }
            let said = known.signed_ms.is_some_and(|said| now_ms - said < MINUTE_MS);
            if (locks || many && !said) && sign.is_none() {
                known.signed_ms = Some(now_ms);
                sign = Some(Sign {
                    failure,
                    address,
                    token: None,
                    count,
                    locked: locks,
                });
            }
        }
        self.say(sign, now_ms)
    }

    /// Somebody showed a token that holds no longer; a sign where it is shown too often. Whoever else is at that address has nothing
    /// to do with it.
    pub fn ended_token(&mut self, token: &str, address: IpAddr, now_ms: i64) -> Option<Sign> {
        if self.ended_tokens.len() >= MAX_ENDED && !self.ended_tokens.contains_key(token) {
            self.ended_tokens.retain(|_, shown| !shown.is_past(now_ms));
            if self.ended_tokens.len() >= MAX_ENDED {
                return None;
            }
        }
        let count = self
            .ended_tokens
            .entry(token.to_owned())
            .or_default()
            .one_more(now_ms);
        let sign = (count == self.limits.failures_per_minute).then(|| Sign {
            failure: Failure::EndedToken,
            address,
            token: Some(token.to_owned()),
            count,
            locked: false,
        });
        self.say(sign, now_ms)
    }

    /// Many addresses that fail at once are one attack: directors needn't read of each.
    fn say(&mut self, sign: Option<Sign>, now_ms: i64) -> Option<Sign> {
        sign.filter(|_| self.signs.one_more(now_ms) <= MAX_SIGNS)
    }

    /// Somebody asked for a page. Says whether it was asked so often that the answer may wait.
    pub fn plain(&mut self, address: IpAddr, now_ms: i64) -> bool {
        let places = self.places(address, now_ms);
        let mut many = false;
        for place in places.into_iter().flatten() {
            if let Some(known) = self.addresses.get_mut(&place) {
                many |= known.plain.one_more(now_ms) > PLAIN_PER_MINUTE.saturating_mul(place.share());
            }
        }
        many
    }

    /// Whether refusals there come so often that an answer may wait.
    pub fn is_pressing(&self, address: IpAddr, now_ms: i64) -> bool {
        let most = self.limits.failures_per_minute;
        self.addresses
            .get(&Place::of(address))
            .is_some_and(|known| !known.failures.is_past(now_ms) && known.failures.count >= most)
    }

    /// How many connections there are, and how many of them haven't shaken hands.
    pub fn inside(&self) -> (usize, usize) {
        (self.connections, self.half_open.len())
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
mod tests;
