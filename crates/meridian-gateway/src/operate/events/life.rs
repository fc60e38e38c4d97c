//! The gateway starts, goes through its log, reads files again, and stops.

use std::net::SocketAddr;

use crate::operate::audit::{Details, Kind};
use crate::operate::events::{Entry, GatewayEvent};
use crate::operate::metrics::Metrics;

/// What happens to the gateway itself.
#[derive(Debug)]
pub(crate) enum LifeEvent<'a> {
    /// Clients are let in.
    Serves { address: SocketAddr, tls: bool },
    /// What was counted before is being replayed, and that takes a while.
    Replaying { steps: u64 },
    /// All of it was replayed.
    Replayed { steps: u64, seconds: f64 },
    /// It can't be replayed.
    ReplayFailed { error: &'a str },
    /// A file that had changed was read again.
    ReadAgain { file: &'static str },
    /// A file that had changed can't be read.
    Unreadable { file: &'static str, error: &'a str },
    /// The gateway stops.
    Stopped,
}

impl GatewayEvent for LifeEvent<'_> {
    fn log(&self) {
        match self {
            Self::Serves { address, tls } => tracing::info!(%address, tls, "the gateway serves"),
            Self::Replaying { steps } => tracing::info!(steps, "the order log is gone through"),
            Self::Replayed { steps, seconds } => {
                tracing::info!(steps, seconds, "the order log was counted again");
            }
            Self::ReplayFailed { error } => {
                tracing::error!(%error, "what was counted before can't be gone through");
            }
            Self::ReadAgain { file } => tracing::info!(file, "read again"),
            Self::Unreadable { file, error } => {
                tracing::error!(file, error, "can't be read again; what was known stays");
            }
            // The audit log has it.
            Self::Stopped => {}
        }
    }

    fn count(&self, metrics: &Metrics) {
        if let Self::Stopped = self {
            metrics.stop();
        }
    }

    fn audit(&self) -> Option<Entry> {
        let reread = |file, reason: &str| {
            let details = Details {
                reason: Some(reason.to_owned()),
                ..Details::default()
            };
            Entry::new(Kind::Reloaded, file, details)
        };
        match self {
            Self::Serves { .. } => Some(Entry::new(Kind::Started, "gateway", Details::default())),
            Self::Stopped => Some(Entry::new(Kind::Stopped, "gateway", Details::default())),
            Self::ReadAgain { file } => Some(reread(file, "read again")),
            Self::Unreadable { file, error } => Some(reread(file, error)),
            Self::Replaying { .. } | Self::Replayed { .. } | Self::ReplayFailed { .. } => None,
        }
    }
}
