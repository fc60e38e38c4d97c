//! Counts connections by address and token, and applies the limits.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::IpAddr;

use tokio::sync::oneshot;

use crate::operate::limits::address::{Address, Bucket, MINUTE_MS, Minute, Scope};
use crate::operate::limits::failure::Limited;
use crate::operate::limits::settings::Limits;

/// The most addresses that are remembered.
pub(super) const MAX_ADDRESSES: usize = 65_536;
/// How many are forgotten when there are more.
const FORGOTTEN_AT_ONCE: usize = MAX_ADDRESSES / 16;
/// Of one /48, how many /64s are remembered: one more is counted with its /48 alone.
pub(super) const MAX_PER_NET: usize = 256;
/// A handshake that is older makes room for a newer one, from wherever it comes.
const GRACE_MS: i64 = 1_000;
/// How long an address where a token was shown stays known.
pub(super) const KNOWN_MS: i64 = 24 * 60 * MINUTE_MS;
/// Handshakes a second that are read at an address that is locked out, and how many at once.
const LOCKED_PER_S: f64 = 5.0;
const LOCKED_BURST: f64 = 20.0;

/// A connection that hasn't shaken hands.
#[derive(Debug)]
struct HalfOpen {
    places: [Option<Scope>; 2],
    known: bool,
    since_ms: i64,
    /// Dropped, it tells the connection's task to end.
    _hold: oneshot::Sender<Infallible>,
}

/// A connection that may begin its handshake. To be given back with [`Gatekeeper::disconnect`].
#[derive(Debug)]
pub struct Entry {
    number: u64,
    places: [Option<Scope>; 2],
    /// The address is locked out: only a token that holds helps.
    pub locked: bool,
    /// Ends when the handshake is to make room for another's.
    pub dropped: oneshot::Receiver<Infallible>,
}

/// Counts connections by address and by token, and decides who may come in.
#[derive(Debug)]
pub struct Gatekeeper {
    pub(super) limits: Limits,
    connections: usize,
    /// By number: oldest first.
    half_open: BTreeMap<u64, HalfOpen>,
    next: u64,
    pub(super) addresses: HashMap<Scope, Address>,
    by_token: HashMap<String, usize>,
    pub(super) ended_tokens: HashMap<String, Minute>,
    pub(super) alerts: Minute,
}

impl Gatekeeper {
    /// A gatekeeper with nobody inside.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: 0,
            half_open: BTreeMap::new(),
            next: 0,
            addresses: HashMap::new(),
            by_token: HashMap::new(),
            ended_tokens: HashMap::new(),
            alerts: Minute::default(),
        }
    }

    /// Makes room where there is none: of what is worth least, what was seen longest ago.
    fn forget_some(&mut self, now_ms: i64) {
        let mut idle: Vec<(u8, i64, Scope)> = self
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

    fn remember(&mut self, place: Scope, now_ms: i64) -> &mut Address {
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
            alerted_ms: None,
            locked_until_ms: i64::MIN,
            known_until_ms: i64::MIN,
            seen_ms: now_ms,
        });
        known.seen_ms = now_ms;
        known
    }

    /// Where an address is counted, smallest first. All of them are remembered then.
    pub(super) fn places(&mut self, address: IpAddr, now_ms: i64) -> [Option<Scope>; 2] {
        let place = Scope::of(address);
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
    fn admit(&mut self, places: [Option<Scope>; 2], now_ms: i64) -> Result<bool, Limited> {
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

    fn shaking_at(&self, place: Scope) -> usize {
        self.addresses.get(&place).map_or(0, |known| known.shaking)
    }

    /// One of the address's own makes room, if it had its time.
    fn room_at(&mut self, places: [Option<Scope>; 2], now_ms: i64) -> Result<(), Limited> {
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
    fn room_in_all(&mut self, places: [Option<Scope>; 2], known: bool, now_ms: i64) -> Result<(), Limited> {
        let all = self.limits.handshakes;
        let reserved = self.limits.handshakes_reserved.min(all / 2);
        let strangers = self.half_open.values().filter(|half| !half.known).count();
        let full = self.half_open.len() >= all || !known && strangers >= all - reserved;
        if !full {
            return Ok(());
        }
        let crowd = |gate: &Self, places: [Option<Scope>; 2]| {
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

    pub(super) fn is_known(&self, places: [Option<Scope>; 2], now_ms: i64) -> bool {
        let mut places = places.into_iter().flatten();
        places.any(|place| {
            self.addresses
                .get(&place)
                .is_some_and(|address| address.known_until_ms > now_ms)
        })
    }

    /// Somebody connects from an address: whether they may, and on what terms.
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
        places: [Option<Scope>; 2],
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

    fn count_in(&mut self, places: [Option<Scope>; 2]) {
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

    fn shaken(&mut self, places: [Option<Scope>; 2]) {
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

    /// How many connections there are, and how many of them haven't shaken hands.
    pub fn inside(&self) -> (usize, usize) {
        (self.connections, self.half_open.len())
    }
}
