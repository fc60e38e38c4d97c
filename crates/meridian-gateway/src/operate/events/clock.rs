//! Leaps of the wall clock, and a day that is ahead of it.

use crate::operate::events::{GatewayEvent, To};
use crate::operate::metrics::Metrics;
use crate::source::clock::ClockChange;
use meridian_wire::NoticeKind;

/// What happens between a live day and the clock.
#[derive(Debug)]
pub(crate) enum ClockEvent {
    /// What became of the wall clock. What is played doesn't follow it.
    Turned { turn: ClockChange, is_live: bool },
    /// What was counted before ends after the clock: event time waits.
    Behind { ahead_ms: i64 },
    /// The day is closed in its log, and by the clock it isn't over.
    ClosedEarly,
}

/// A leap in whole seconds.
fn in_seconds(by_ms: i64) -> i64 {
    by_ms.saturating_add(by_ms.signum() * 500) / 1_000
}

fn turned(turn: ClockChange) -> NoticeKind {
    match turn {
        ClockChange::Leapt { by_ms } => NoticeKind::ClockJumped {
            seconds: in_seconds(by_ms),
        },
        ClockChange::Right => NoticeKind::ClockRight,
        ClockChange::Believed { by_ms } => NoticeKind::ClockSet {
            seconds: in_seconds(by_ms),
        },
    }
}

impl GatewayEvent for ClockEvent {
    fn log(&self) {
        match self {
            Self::Turned { turn, .. } => {
                let notice = turned(*turn);
                tracing::warn!(code = notice.code(), "{}", notice.notice(0).text.en);
            }
            Self::Behind { ahead_ms } => {
                tracing::warn!(ahead_ms, "the day's log is ahead of the clock: event time waits");
            }
            Self::ClosedEarly => tracing::error!(
                "the day is closed in its log, and by the clock it isn't over: no order can be counted until its end, or until the log is moved away"
            ),
        }
    }

    fn count(&self, metrics: &Metrics) {
        if let Self::Turned {
            turn: ClockChange::Leapt { .. },
            ..
        } = self
        {
            metrics.clock_jumps.inc();
        }
    }

    fn notices(&self) -> Vec<(To, NoticeKind)> {
        let notice = match self {
            Self::Turned { is_live: false, .. } => return Vec::new(),
            Self::Turned { turn, .. } => turned(*turn),
            Self::Behind { ahead_ms } => NoticeKind::ClockBehind {
                seconds: in_seconds(*ahead_ms),
            },
            Self::ClosedEarly => NoticeKind::ClosedEarly,
        };
        vec![(To::Everybody, notice)]
    }
}
