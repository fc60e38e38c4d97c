//! Counts clients' failures: locks addresses out, and alerts directors to what looks like an attack.

use std::net::IpAddr;

use crate::operate::limits::address::{MINUTE_MS, Minute, Scope, is_this_machine};
use crate::operate::limits::failure::{Failure, IntrusionAlert};
use crate::operate::limits::gatekeeper::Gatekeeper;

/// Connections that are refused raise an alert when there are so many times more of them than of other failures: a hall of
/// walls that comes back at once isn't an attack.
const FLOOD_SHARE: u32 = 10;
/// The most alerts a minute, from all addresses together.
pub(super) const MAX_ALERTS: u32 = 30;
/// Plain HTTP requests a minute from one address that are answered at once; more wait.
const PLAIN_PER_MINUTE: u32 = 120;
/// How many ended tokens are remembered.
pub(super) const MAX_ENDED: usize = 4_096;

impl Gatekeeper {
    /// Something went wrong on somebody's side; an alert where it happens too often.
    pub fn fail(&mut self, address: IpAddr, failure: Failure, now_ms: i64) -> Option<IntrusionAlert> {
        let limits = self.limits;
        let lockout_ms = i64::try_from(limits.lockout_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let mut alert = None;
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
            let said = known.alerted_ms.is_some_and(|said| now_ms - said < MINUTE_MS);
            if (locks || many && !said) && alert.is_none() {
                known.alerted_ms = Some(now_ms);
                alert = Some(IntrusionAlert {
                    failure,
                    address,
                    token: None,
                    count,
                    locked: locks,
                });
            }
        }
        self.say(alert, now_ms)
    }

    /// Somebody showed a token that holds no longer; an alert where it is shown too often. Whoever else is at that address has nothing
    /// to do with it.
    pub fn ended_token(&mut self, token: &str, address: IpAddr, now_ms: i64) -> Option<IntrusionAlert> {
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
        let alert = (count == self.limits.failures_per_minute).then(|| IntrusionAlert {
            failure: Failure::EndedToken,
            address,
            token: Some(token.to_owned()),
            count,
            locked: false,
        });
        self.say(alert, now_ms)
    }

    /// Many addresses that fail at once are one attack: directors needn't read of each.
    fn say(&mut self, alert: Option<IntrusionAlert>, now_ms: i64) -> Option<IntrusionAlert> {
        alert.filter(|_| self.alerts.one_more(now_ms) <= MAX_ALERTS)
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
            .get(&Scope::of(address))
            .is_some_and(|known| !known.failures.is_past(now_ms) && known.failures.count >= most)
    }
}
