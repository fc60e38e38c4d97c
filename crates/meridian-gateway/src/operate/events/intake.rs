//! Order batches that are taken or not, and sources that are silent or send too much.

use crate::operate::events::{GatewayEvent, To, notice};
use crate::operate::metrics::{Metrics, Why};
use crate::source::budget::Beyond;
use crate::source::intake::Outcome;
use meridian_wire::{Level, Notice};

/// What happens to the orders of a live day on their way in.
#[derive(Debug)]
pub(crate) enum IntakeEvent<'a> {
    /// A batch was answered.
    Answered(&'a Outcome),
    /// Batches of a sender's weren't taken; said once in a while.
    Untaken {
        by: &'a str,
        source: u32,
        sequence: u64,
        /// How many since it was said last.
        batches: u64,
        /// Why the last of them wasn't.
        problem: &'a str,
    },
    /// A source sends more than it may.
    OverBudget(Beyond),
    /// No orders come. The source itself tells people, in the stream.
    Silent,
    /// Orders come after that. The source itself tells people, in the stream.
    Heard,
}

fn in_chinese(beyond: Beyond) -> String {
    match beyond {
        Beyond::Batches { source_number } => format!("来源 {source_number} 发送的批次过多"),
        Beyond::Sources => "来源数量过多".to_owned(),
        Beyond::SourcesOfToken { source_number } => {
            format!("一个无固定编号的令牌使用的来源编号过多，最后是来源 {source_number}")
        }
        Beyond::Gaps { source_number } => format!("来源 {source_number} 的批次编号间断过多"),
        Beyond::Value { source_number } => format!("来源 {source_number} 的金额总和超过一天的上限"),
        Beyond::Anybody { source_number } => {
            format!("无固定编号的来源金额总和超过一天的上限，最后来自来源 {source_number}")
        }
        Beyond::Day => "当天金额总和超过 64 位上限".to_owned(),
    }
}

impl GatewayEvent for IntakeEvent<'_> {
    fn log(&self) {
        match self {
            // Many a second.
            Self::Answered(_) => {}
            Self::Untaken {
                by,
                source,
                sequence,
                batches,
                problem,
            } => tracing::warn!(
                by,
                source,
                sequence,
                batches,
                problem,
                "order batches aren't taken"
            ),
            Self::OverBudget(beyond) => {
                tracing::error!(problem = %beyond, "order batches aren't taken");
            }
            Self::Silent => tracing::warn!("no orders come: the figures stand where they were"),
            Self::Heard => tracing::info!("orders come again"),
        }
    }

    fn count(&self, metrics: &Metrics) {
        match self {
            Self::Answered(outcome) => {
                let why = match outcome {
                    Outcome::Taken(_) => "taken",
                    Outcome::Duplicate(_) => "duplicate",
                    Outcome::Refused(_) => "refused",
                    Outcome::Later(_) => "later",
                };
                metrics.batches.get_or_create(&Why { why }).inc();
            }
            Self::Silent => {
                metrics.source_silent.set(1);
            }
            Self::Heard => {
                metrics.source_silent.set(0);
            }
            Self::Untaken { .. } | Self::OverBudget(_) => {}
        }
    }

    fn notices(&self) -> Vec<(To, Notice)> {
        let Self::OverBudget(beyond) = self else {
            return Vec::new();
        };
        let (en, zh) = (beyond.to_string(), in_chinese(*beyond));
        vec![(To::Directors, notice(Level::Alert, "source_over_budget", en, zh))]
    }
}
