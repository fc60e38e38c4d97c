//! The arguments of notices, as they are on the wire.

use std::collections::BTreeMap;

use super::{Change, Decision, Intruder, NoticeKind, OverBudget, Repair, Stored, Wrong};

impl OverBudget {
    fn name(self) -> &'static str {
        match self {
            Self::Batches => "batches",
            Self::Sources => "sources",
            Self::SourcesOfToken => "sources_of_token",
            Self::Gaps => "gaps",
            Self::Value => "value",
            Self::Anybody => "anybody",
            Self::Day => "day",
        }
    }
}

impl Stored {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::State => "state",
            Self::Audit => "audit",
        }
    }
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::Replaced => "replaced",
            Self::Shortened { .. } => "shortened",
            Self::Lengthened { .. } => "lengthened",
        }
    }
}

impl Repair {
    fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Waits => "waits",
            Self::Lost => "lost",
        }
    }
}

impl Wrong {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BackInTime => "back_in_time",
            Self::Fell => "fell",
            Self::TooFast => "too_fast",
            Self::Sum => "sum",
            Self::Clock => "clock",
        }
    }
}

impl Decision {
    fn name(&self) -> &'static str {
        match self {
            Self::Shows { .. } => "shows",
            Self::BeginsRehearsal => "begins_rehearsal",
            Self::EndsRehearsal => "ends_rehearsal",
            Self::Delays { .. } => "delays",
        }
    }
}

impl Intruder {
    fn name(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Locked => "locked",
            Self::Slowed => "slowed",
        }
    }
}

pub(super) fn of(kind: &NoticeKind) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    let mut arg = |name: &str, value: &dyn ToString| {
        args.insert(name.to_owned(), value.to_string());
    };
    match kind {
        NoticeKind::SourceFailed { problem } => arg("problem", problem),
        NoticeKind::SourceSilent { seconds } => arg("seconds", seconds),
        NoticeKind::SourceOverBudget { what, source, reason } => {
            arg("what", &what.name());
            arg("reason", reason);
            if let Some(source) = source {
                arg("source", source);
            }
        }
        NoticeKind::BusiestSource { source, percent } => {
            arg("source", source);
            arg("percent", percent);
        }
        NoticeKind::Corrections { count, sum } => {
            arg("count", count);
            arg("sum", sum);
        }
        NoticeKind::WithoutValue { count } | NoticeKind::UnknownChannel { count } => arg("count", count),
        NoticeKind::UnknownCountry { count, countries } => {
            arg("count", count);
            arg("countries", countries);
        }
        NoticeKind::UnreadableRow { count, first } => {
            let lines: Vec<String> = first.iter().map(|(line, _)| line.to_string()).collect();
            let reasons: Vec<String> = first
                .iter()
                .map(|(line, why)| format!("line {line}: {why}"))
                .collect();
            arg("count", count);
            arg("lines", &lines.join(", "));
            arg("reasons", &reasons.join("; "));
            // Fluent chooses by words: a number that is written as text matches none of its numbers.
            match count.saturating_sub(first.len() as u64) {
                0 => arg("more", &"none"),
                more => arg("more", &more),
            }
        }
        NoticeKind::StorageFailing { store, problem } => {
            arg("store", &store.name());
            arg("problem", problem);
        }
        NoticeKind::StorageBack { store } => arg("store", &store.name()),
        NoticeKind::StorageDisplaced {
            store,
            how,
            reason,
            then,
        } => {
            arg("store", &store.name());
            arg("how", &how.name());
            arg("reason", reason);
            arg("then", &then.name());
            if let Change::Shortened { to: bytes } | Change::Lengthened { by: bytes } = how {
                arg("bytes", bytes);
            }
        }
        NoticeKind::Implausible { what } => arg("what", &what.name()),
        NoticeKind::Held { by } | NoticeKind::ReleaseAsked { by } => arg("by", by),
        NoticeKind::Released { reason } => arg("reason", reason),
        NoticeKind::Directed { by, what, reason } => {
            arg("by", by);
            arg("what", &what.name());
            arg("reason", reason);
            match what {
                Decision::Shows { scene } => arg("scene", scene),
                Decision::Delays { delay_ms } => arg("delay_ms", delay_ms),
                Decision::BeginsRehearsal | Decision::EndsRehearsal => {}
            }
        }
        NoticeKind::Intrusion {
            address,
            count,
            failure,
            what,
        } => {
            arg("address", address);
            arg("count", count);
            arg("failure", failure);
            arg("what", &what.name());
            if let Intruder::Token(token) = what {
                arg("token", token);
            }
        }
        // Which way the clock went matters.
        NoticeKind::ClockJumped { seconds }
        | NoticeKind::ClockSet { seconds }
        | NoticeKind::ClockBehind { seconds } => arg("seconds", &format!("{seconds:+}")),
        NoticeKind::SourceBack
        | NoticeKind::SyntheticPlaces
        | NoticeKind::OrdersWait
        | NoticeKind::OrdersComeAgain
        | NoticeKind::LogDamaged
        | NoticeKind::StateDamaged
        | NoticeKind::ClockRight
        | NoticeKind::ClosedEarly => {}
    }
    args
}
