//! The gateway's clock, which doesn't follow a wall clock that jumps.
//!
//! [`TrustedTime`] goes on with the monotonic clock and is drawn slowly towards the wall clock. A wall clock that leaps isn't
//! followed: that is a thing to say, and a decision once it has lasted. [`EventClock`] leads a live day's event time by
//! that belief, and ends a day only when both clocks have passed its end. Both are pure; [`Clock`] reads the machine's clocks.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use meridian_core::sales::EventMs;

/// A wall clock that is further than this from the believed time has leapt; a smaller difference is evened out slowly.
pub const LEAP_MS: i64 = 2_000;
/// How long a leap must last, by the monotonic clock, before it is believed.
pub const LASTING_MS: i64 = 60_000;
/// A wall clock that has leapt counts as steady while it strays less than this.
const STEADY_US: i64 = 1_000_000;
/// How long after a leap was believed the time is still doubtful.
const DOUBT_US: i64 = 600_000_000;
/// The believed time is drawn towards the wall clock by one part in this many of the time that passes.
const SLEW: i64 = 20;
/// Leaps aren't reported more often than this.
const SAY_EVERY_US: i64 = 10_000_000;

/// What two clocks say at one instant, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, since 1970.
    pub wall_us: i64,
    /// A clock that nobody sets, since whenever.
    pub mono_us: i64,
}

/// What happened to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// It leapt, and isn't followed for now.
    Leapt {
        /// By how much, in milliseconds.
        by_ms: i64,
    },
    /// It is right again.
    Right,
    /// It stayed where it had leapt to, and that is the time now.
    Believed {
        /// By how much, in milliseconds.
        by_ms: i64,
    },
}

/// What time it is, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The time that is believed, in milliseconds since 1970.
    pub now_ms: i64,
    /// What the wall clock says.
    pub wall_ms: i64,
    /// The monotonic clock, in microseconds.
    pub mono_us: i64,
    /// The wall clock has leapt, or has lately been believed in a leap.
    pub doubtful: bool,
}

impl Time {
    /// A time that isn't in doubt.
    pub fn certain(now_ms: i64) -> Self {
        Self {
            now_ms,
            wall_ms: now_ms,
            mono_us: now_ms.saturating_mul(1_000),
            doubtful: false,
        }
    }

    /// Whether an instant has passed by both clocks, and neither is in doubt.
    pub fn is_past(&self, at_ms: i64) -> bool {
        !self.doubtful && self.now_ms.min(self.wall_ms) >= at_ms
    }
}

#[derive(Debug, Clone, Copy)]
struct Leap {
    since_us: i64,
    apart_us: i64,
    said: bool,
}

/// The time that is believed. Pure: readings are given to it.
#[derive(Debug, Clone)]
pub struct TrustedTime {
    now_us: i64,
    last: Reading,
    leap: Option<Leap>,
    believed_us: Option<i64>,
    said_us: Option<i64>,
}

impl TrustedTime {
    /// Begins with what the wall clock says.
    pub fn new(first: Reading) -> Self {
        Self {
            now_us: first.wall_us,
            last: first,
            leap: None,
            believed_us: None,
            said_us: None,
        }
    }

    /// Takes the next reading, and says what became of the wall clock since the last one.
    pub fn look(&mut self, reading: Reading) -> Option<ClockChange> {
        let passed_us = reading.mono_us.saturating_sub(self.last.mono_us).max(0);
        let mono_us = self.last.mono_us.max(reading.mono_us);
        self.last = Reading { mono_us, ..reading };
        self.now_us = self.now_us.saturating_add(passed_us);
        let apart_us = reading.wall_us.saturating_sub(self.now_us);
        let turn_ms = apart_us / 1_000;
        if apart_us.saturating_abs() <= LEAP_MS * 1_000 {
            let max_us = passed_us / SLEW;
            self.now_us = self.now_us.saturating_add(apart_us.clamp(-max_us, max_us));
            return self
                .leap
                .take()
                .filter(|leap| leap.said)
                .map(|_| ClockChange::Right);
        }
        let Some(leap) = &mut self.leap else {
            // A clock that leaps again and again is told of now and then.
            let said = self
                .said_us
                .is_none_or(|at_us| mono_us.saturating_sub(at_us) >= SAY_EVERY_US);
            if said {
                self.said_us = Some(mono_us);
            }
            self.leap = Some(Leap {
                since_us: mono_us,
                apart_us,
                said,
            });
            return said.then_some(ClockChange::Leapt { by_ms: turn_ms });
        };
        if apart_us.saturating_sub(leap.apart_us).saturating_abs() > STEADY_US {
            (leap.since_us, leap.apart_us) = (mono_us, apart_us);
        }
        if mono_us.saturating_sub(leap.since_us) < LASTING_MS * 1_000 {
            return None;
        }
        self.leap = None;
        self.believed_us = Some(mono_us);
        self.now_us = reading.wall_us;
        Some(ClockChange::Believed { by_ms: turn_ms })
    }

    /// The time at the last reading.
    pub fn time(&self) -> Time {
        let lately = |at_us: i64| self.last.mono_us.saturating_sub(at_us) < DOUBT_US;
        Time {
            now_ms: self.now_us.div_euclid(1_000),
            wall_ms: self.last.wall_us.div_euclid(1_000),
            mono_us: self.last.mono_us,
            doubtful: self.leap.is_some() || self.believed_us.is_some_and(lately),
        }
    }
}

/// How a live day's event time follows the clock. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventClock {
    /// The day's first instant.
    pub start_ms: EventMs,
    /// Its end.
    pub end_ms: EventMs,
    /// How long after it batches are taken.
    pub late_ms: i64,
}

impl EventClock {
    /// Where event time goes from an instant after `passed_us` microseconds. It never goes back; where it has to wait
    /// for the clock, it stays.
    pub fn next(&self, at_ms: EventMs, time: Time, passed_us: i64) -> EventMs {
        if at_ms < self.end_ms {
            // However far the clock leaps, what comes late for this day has its time.
            return time.now_ms.min(self.end_ms).max(at_ms);
        }
        if time.now_ms.min(time.wall_ms) + LEAP_MS < self.end_ms {
            return at_ms;
        }
        let max_ms = passed_us.max(0) / 1_000 * (SLEW + 1) / SLEW + 1;
        time.now_ms.min(at_ms.saturating_add(max_ms)).max(at_ms)
    }

    /// Where event time that has to wait can go, so that what came in meanwhile is counted: a little on, and not into the day
    /// or out of it.
    pub fn advance_waiting(&self, at_ms: EventMs) -> EventMs {
        if at_ms + 1 == self.start_ms || at_ms >= self.end_ms {
            at_ms
        } else {
            at_ms + 1
        }
    }
}

/// The clocks of the machine, or those of a test, and what is believed of them. Shared by everything in a gateway that asks
/// for the time.
pub struct Clock {
    read: Box<dyn Fn() -> Reading + Send + Sync>,
    inner: Mutex<Inner>,
}

struct Inner {
    belief: TrustedTime,
    turns: Vec<ClockChange>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Clock")
            .field("belief", &self.inner().belief)
            .finish_non_exhaustive()
    }
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Arc<Self> {
        Self::with(|| Reading {
            wall_us: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
            mono_us: mono_us(),
        })
    }

    /// Clocks that somebody else keeps.
    pub fn with(read: impl Fn() -> Reading + Send + Sync + 'static) -> Arc<Self> {
        let belief = TrustedTime::new(read());
        Arc::new(Self {
            read: Box::new(read),
            inner: Mutex::new(Inner {
                belief,
                turns: Vec::new(),
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the clocks.
    pub fn time(&self) -> Time {
        let mut inner = self.inner();
        // Read under the lock: readings come in order.
        let turn = inner.belief.look((self.read)());
        inner.turns.extend(turn);
        inner.belief.time()
    }

    /// The time that is believed, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.time().now_ms
    }

    /// What became of the wall clock since this was asked last.
    pub fn changes(&self) -> Vec<ClockChange> {
        std::mem::take(&mut self.inner().turns)
    }
}

/// A clock that nobody sets, in microseconds since the program asked first.
pub fn mono_us() -> i64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let first = FIRST.get_or_init(Instant::now);
    i64::try_from(first.elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// The monotonic clock in milliseconds.
pub fn mono_ms() -> i64 {
    mono_us() / 1_000
}

/// The wall clock, milliseconds since the Unix epoch.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
