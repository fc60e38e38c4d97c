//! A relay's own feed comes and goes.

use crate::operate::events::GatewayEvent;

/// What happens between a relay and the gateway whose feed it passes on.
#[derive(Debug)]
pub(crate) enum UpstreamEvent<'a> {
    /// The feed comes.
    Connected { upstream: &'a str },
    /// The feed is lost, refused, or can't be believed.
    Lost { upstream: &'a str, reason: &'a str },
    /// What is known of the feed can't be kept for a restart.
    Forgetful { upstream: &'a str, reason: &'a str },
    /// Frames are missing.
    Gap { upstream: &'a str },
}

impl GatewayEvent for UpstreamEvent<'_> {
    fn log(&self) {
        match self {
            Self::Connected { upstream } => tracing::info!(upstream, "connected"),
            Self::Lost { upstream, reason } => {
                tracing::warn!(upstream, reason, "the feed that is passed on is lost");
            }
            Self::Forgetful { upstream, reason } => {
                tracing::warn!(upstream, reason, "what is known of the feed can't be kept");
            }
            Self::Gap { upstream } => tracing::info!(upstream, "frames are missing"),
        }
    }
}
