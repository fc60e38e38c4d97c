//! Order batches that are taken or not, and sources that are silent or send too much.

use crate::operate::events::{GatewayEvent, To};
use crate::operate::metrics::{Metrics, Why};
use crate::source::budget::Beyond;
use crate::source::intake::Outcome;
use meridian_wire::NoticeKind;

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

    fn notices(&self) -> Vec<(To, NoticeKind)> {
        let Self::OverBudget(beyond) = self else {
            return Vec::new();
        };
        vec![(To::Directors, beyond.notice())]
    }
}
