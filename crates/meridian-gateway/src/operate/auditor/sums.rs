//! Events that aren't written one by one: counted by kind, address and token, and summed up once a minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::operate::audit::{Details, Event, Kind};

/// How many events a minute of one kind, address and token are written one by one.
pub(super) const SINGLY: u32 = 10;
/// How many events of strangers a minute are written one by one in all.
const SINGLY_IN_ALL: u32 = 300;
/// How many sums are kept apart; all others are summed up together, by kind.
pub(super) const MAX_SUMS: usize = 512;

/// The reason that is written for commands that are summed up.
pub(super) const IN_VAIN: &str = "commands that were refused or changed nothing";
/// How long something is summed up.
const SUMMED: Duration = Duration::from_secs(60);

/// What is summed up together. IPv6 hands out whole /64s: one of them is one address here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SumKey {
    kind: Kind,
    address: Option<String>,
    token: Option<String>,
}

impl SumKey {
    fn of(event: &Event) -> Self {
        Self {
            kind: event.kind,
            address: event.details.address.as_deref().map(network),
            token: event.details.token.clone(),
        }
    }
}

fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        },
        _ => address.to_owned(),
    }
}

/// What isn't written one by one.
#[derive(Default)]
pub(super) struct Sums {
    since: Option<Instant>,
    singly: u32,
    /// How often, and as what it will be told.
    alike: HashMap<SumKey, (u32, u64, Event)>,
    others: HashMap<Kind, (u64, Event)>,
}

impl Sums {
    /// Gives what is to be written by itself; all else is counted.
    pub(super) fn take(&mut self, event: Event, now: Instant) -> Option<Event> {
        self.since.get_or_insert(now);
        let like = SumKey::of(&event);
        if self.alike.len() >= MAX_SUMS && !self.alike.contains_key(&like) {
            let kind = event.kind;
            let (count, _) = self.others.entry(kind).or_insert((0, event));
            *count += 1;
            return None;
        }
        let address = like.address.clone();
        let (seen, count, _) = self.alike.entry(like).or_insert_with(|| {
            let mut told = event.clone();
            told.details.address = address;
            if told.kind == Kind::Desk {
                told.details.reason = Some(IN_VAIN.to_owned());
            }
            (0, 0, told)
        });
        *seen += 1;
        if *seen <= SINGLY && self.singly < SINGLY_IN_ALL {
            self.singly += 1;
            return Some(event);
        }
        *count += 1;
        None
    }

    /// What was counted, once its minute is over, or at the end.
    pub(super) fn due(&mut self, now: Instant, at: DateTime<Utc>, end: bool) -> Vec<Event> {
        let over = self.since.is_some_and(|since| end || now - since >= SUMMED);
        if !over {
            return Vec::new();
        }
        let this = std::mem::take(self);
        let alike = this.alike.into_values().map(|(_, count, event)| (count, event));
        let others = this.others.into_values().map(|(count, mut event)| {
            event.details = Details {
                reason: Some("from many other addresses".to_owned()),
                ..Details::default()
            };
            (count, event)
        });
        let mut events: Vec<Event> = alike
            .chain(others)
            .filter(|(count, _)| *count > 0)
            .map(|(count, mut event)| {
                event.details.count = Some(count);
                event.at = at;
                event
            })
            .collect();
        events.sort_by(|a, b| a.details.address.cmp(&b.details.address));
        events
    }
}

pub(super) fn lock(sums: &Mutex<Sums>) -> std::sync::MutexGuard<'_, Sums> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}
