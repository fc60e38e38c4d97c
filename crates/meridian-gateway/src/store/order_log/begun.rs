//! The head of an order log: what it was begun with.

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use meridian_core::sales::EventMs;

/// The guard's rules. Another version would release other groups of the same orders, and the difference would tell
/// of single ones.
pub const GUARD_VERSION: u32 = 3;

/// What a log was begun with: counting through it is only the same with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// The day, as its file says it.
    pub day: String,
    /// Hash of the catalogue that places refer to.
    pub catalogue: String,
    /// Where event time began.
    pub start_ms: EventMs,
    /// Fewest orders or payments of a published group; 0: nothing is withheld.
    pub k: u32,
    /// [`GUARD_VERSION`].
    pub guard: u32,
    /// The seed of the hidden part of the guard's thresholds.
    pub seed: u64,
}

impl LogHead {
    /// What a log of this day is to be begun with now.
    pub fn new(day: &str, catalogue: &str, start_ms: EventMs, k: u32) -> Self {
        Self {
            day: day.to_owned(),
            catalogue: catalogue.to_owned(),
            start_ms,
            k,
            guard: GUARD_VERSION,
            seed: rand::rng().random(),
        }
    }

    /// What keeps a log that was begun so from going on as `now`.
    pub(super) fn differs(&self, now: &Self) -> Option<String> {
        let apart = |what: &str, then: &dyn std::fmt::Display, now: &dyn std::fmt::Display| {
            Some(format!(
                "it was begun with {what} {then}, and now it is {now}: go back to that, or move the file away to count the day anew"
            ))
        };
        if self.k != now.k {
            return apart("privacy.k", &self.k, &now.k);
        }
        if self.guard != now.guard {
            return apart("version of the guard", &self.guard, &now.guard);
        }
        if self.catalogue != now.catalogue {
            return apart("catalogue", &self.catalogue, &now.catalogue);
        }
        (self.day != now.day).then(|| {
            "it was begun with a day file that said something else (synthetic, gmv_counts, currency, celebrate, start, hours, lag_s, late_s, categories or products): go back to that, or give this day another order log".to_owned()
        })
    }
}
