//! Leaps of the wall clock, and a day that is ahead of it.

use crate::operate::events::{GatewayEvent, To, notice};
use crate::operate::metrics::Metrics;
use crate::source::clock::Turn;
use meridian_wire::{Level, Notice};

/// What happens between a live day and the clock.
#[derive(Debug)]
pub(crate) enum ClockEvent {
    /// What became of the wall clock. What is played doesn't follow it.
    Turned { turn: Turn, is_live: bool },
    /// What was counted before ends after the clock: event time waits.
    Behind { ahead_ms: i64 },
    /// The day is closed in its log, and by the clock it isn't over.
    ClosedEarly,
}

/// A leap in words, English and Chinese.
fn by(by_ms: i64) -> (String, String) {
    let seconds = by_ms.saturating_add(by_ms.signum() * 500) / 1_000;
    (format!("{seconds:+} s"), format!("{seconds:+} 秒"))
}

fn turned(turn: Turn) -> Notice {
    match turn {
        Turn::Leapt { by_ms } => {
            let (en, zh) = by(by_ms);
            notice(
                Level::Warning,
                "clock_jumped",
                format!(
                    "The gateway's clock leapt by {en}: the day goes on without it until it is right, or has stayed there for a minute"
                ),
                format!("网关时钟跳变 {zh}：在其恢复或稳定一分钟之前，时间不随其变化"),
            )
        }
        Turn::Right => notice(
            Level::Info,
            "clock_right",
            "The gateway's clock is right again",
            "网关时钟已恢复",
        ),
        Turn::Believed { by_ms } => {
            let (en, zh) = by(by_ms);
            notice(
                Level::Warning,
                "clock_set",
                format!("The gateway's clock has stayed where it leapt to, by {en}: that is the time now"),
                format!("网关时钟跳变 {zh} 后保持稳定：以其为准"),
            )
        }
    }
}

impl GatewayEvent for ClockEvent {
    fn log(&self) {
        match self {
            Self::Turned { turn, .. } => {
                let notice = turned(*turn);
                tracing::warn!(code = notice.code, "{}", notice.text.en);
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
            turn: Turn::Leapt { .. },
            ..
        } = self
        {
            metrics.clock_jumps.inc();
        }
    }

    fn notices(&self) -> Vec<(To, Notice)> {
        let notice = match self {
            Self::Turned { is_live: false, .. } => return Vec::new(),
            Self::Turned { turn, .. } => turned(*turn),
            Self::Behind { ahead_ms } => {
                let (en, zh) = by(*ahead_ms);
                notice(
                    Level::Warning,
                    "clock_behind",
                    format!(
                        "What was counted before is {en} ahead of the gateway's clock: event time waits, orders are counted"
                    ),
                    format!("此前的数据比网关时钟超前 {zh}：时间等待，订单照常计入"),
                )
            }
            Self::ClosedEarly => notice(
                Level::Alert,
                "closed_early",
                "The day is closed in its log, and by the clock it isn't over: no more orders can be counted in it",
                "当天的记录已结束，但时钟显示当天尚未结束：无法继续计入订单",
            ),
        };
        vec![(To::Everybody, notice)]
    }
}
