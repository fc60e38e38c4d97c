//! Files that can't be written, or that somebody changed.

use crate::operate::events::{GatewayEvent, To};
use crate::operate::metrics::Metrics;
use crate::store::Store;
use crate::store::notices::{cannot_be_written, is_written_again, was_displaced};
use crate::store::record_log::Displaced;
use meridian_wire::NoticeKind;

/// What happens to what is kept. That something can't be written is logged where it is found; people are told by the watch over
/// all stores, which repeats what still fails once another is written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StorageEvent {
    /// The disk refuses. Said once, not every second.
    Refused { store: Store, error: String },
    /// The disk takes it again.
    Restored { store: Store },
    /// People are told that something can't be written.
    Failing {
        store: Store,
        problem: String,
        /// Not for the first time.
        repeated: bool,
    },
    /// People are told that it is written again.
    Back { store: Store },
    /// Somebody changed a file.
    Displaced {
        store: Store,
        how: Displaced,
        /// It can't be put back.
        failing: bool,
        /// How much was counted that a restart can't count again.
        lost_bytes: u64,
    },
    /// A part of the state couldn't be read.
    StateDamaged,
}

impl GatewayEvent for StorageEvent {
    fn log(&self) {
        match self {
            Self::Refused { store, error } => match store {
                Store::Orders => {
                    tracing::error!(
                        %error,
                        "the order log can't be written: orders are to be sent again later"
                    );
                }
                Store::State => tracing::error!(%error, "the state can't be kept"),
                Store::Audit => tracing::error!(%error, "the audit log can't be written"),
            },
            Self::Restored { store } => match store {
                Store::Orders => tracing::info!("the order log can be written again"),
                Store::State => tracing::info!("the state is kept again"),
                Store::Audit => tracing::info!("the audit log is written again"),
            },
            Self::Displaced {
                store,
                how,
                failing,
                lost_bytes,
            } => match store {
                Store::Orders => tracing::error!(%how, lost_bytes, "somebody changed the order log's file"),
                Store::State => {
                    tracing::error!(%how, failing, "somebody changed the state's file; it is begun anew");
                }
                Store::Audit => tracing::error!(%how, "somebody changed the audit log's file"),
            },
            // The disk's refusal is logged when it is found, damage when the file is opened.
            Self::Failing { .. } | Self::Back { .. } | Self::StateDamaged => {}
        }
    }

    fn count(&self, metrics: &Metrics) {
        match self {
            Self::Refused { store, error } => metrics.set_storage(*store, Some(error.clone())),
            Self::Restored { store } => metrics.set_storage(*store, None),
            Self::Displaced { store, .. } => metrics.displaced(*store),
            Self::Failing { .. } | Self::Back { .. } | Self::StateDamaged => {}
        }
    }

    fn notices(&self) -> Vec<(To, NoticeKind)> {
        match self {
            Self::Failing {
                store,
                problem,
                repeated,
            } => {
                let walls =
                    (*store == Store::Orders && !repeated).then_some((To::Everybody, NoticeKind::OrdersWait));
                let directors = (To::Directors, cannot_be_written(*store, problem.clone()));
                walls.into_iter().chain([directors]).collect()
            }
            Self::Back { store: Store::Orders } => vec![(To::Everybody, NoticeKind::OrdersComeAgain)],
            Self::Back { store } => vec![(To::Directors, is_written_again(*store))],
            // Of the audit log's file its next line says so.
            Self::Displaced {
                store: Store::Audit, ..
            } => Vec::new(),
            Self::Displaced {
                store,
                how,
                failing,
                lost_bytes,
            } => vec![(
                To::Directors,
                was_displaced(*store, *how, *failing, *lost_bytes > 0),
            )],
            Self::StateDamaged => vec![(To::Directors, NoticeKind::StateDamaged)],
            Self::Refused { .. } | Self::Restored { .. } => Vec::new(),
        }
    }
}
