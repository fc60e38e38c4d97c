//! What people are told of the things that are kept.

use crate::store::Store;
use crate::store::record_log::Displaced;
use meridian_wire::NoticeKind;
use meridian_wire::notice::{Change, Repair, Stored};

fn stored(store: Store) -> Stored {
    match store {
        Store::Orders => Stored::Orders,
        Store::State => Stored::State,
        Store::Audit => Stored::Audit,
    }
}

pub(crate) fn cannot_be_written(store: Store, problem: String) -> NoticeKind {
    NoticeKind::StorageFailing {
        store: stored(store),
        problem,
    }
}

pub(crate) fn is_written_again(store: Store) -> NoticeKind {
    NoticeKind::StorageBack { store: stored(store) }
}

pub(crate) fn was_displaced(store: Store, how: Displaced, failing: bool, lost: bool) -> NoticeKind {
    NoticeKind::StorageDisplaced {
        store: stored(store),
        how: match how {
            Displaced::Deleted => Change::Deleted,
            Displaced::Moved => Change::Moved,
            Displaced::Replaced => Change::Replaced,
            Displaced::Shortened { to } => Change::Shortened { to },
            Displaced::Lengthened { by } => Change::Lengthened { by },
        },
        reason: how.to_string(),
        then: match (store, failing, lost) {
            (_, true, _) => Repair::Waits,
            (Store::Orders, _, true) => Repair::Lost,
            _ => Repair::Restored,
        },
    }
}
