//! What a gateway tells people: each notice with its code, its level and its arguments. The words are in
//! `assets/locales/notices-*.ftl`.

mod args;
#[cfg(test)]
mod tests;
mod wording;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use self::wording::with_synthetic_places;
use crate::frame::Level;

/// A notice of the gateway's. [`NoticeKind::code`] is what it is called on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// The source can't be read on.
    SourceFailed {
        /// Why, in the system's words.
        problem: String,
    },
    /// A live source has sent nothing for a while.
    SourceSilent {
        /// For how long.
        seconds: i64,
    },
    /// It sends again.
    SourceBack,
    /// A source has sent more than it may.
    SourceOverBudget {
        /// Of what.
        what: OverBudget,
        /// Which one, where it is one.
        source: Option<u32>,
        /// The same in English.
        reason: String,
    },
    /// Where most of what came last is from, when too much came.
    BusiestSource {
        /// The source.
        source: u32,
        /// Its share.
        percent: u64,
    },
    /// An order file names no cities.
    SyntheticPlaces,
    /// An order file has cancelled orders.
    Corrections {
        /// How many.
        count: u64,
        /// Their amount, for people.
        sum: String,
    },
    /// An order file has entries that are worth nothing.
    WithoutValue {
        /// How many.
        count: u64,
    },
    /// Orders come from countries that aren't known.
    UnknownCountry {
        /// How many orders.
        count: u64,
        /// The countries, for people.
        countries: String,
    },
    /// Rows name channels that aren't known.
    UnknownChannel {
        /// How many rows.
        count: u64,
    },
    /// Rows of an order file can't be read.
    UnreadableRow {
        /// How many.
        count: u64,
        /// The first ones: line and why, in English.
        first: Vec<(u64, String)>,
    },
    /// Orders can't be kept at the moment.
    OrdersWait,
    /// Orders can be kept again.
    OrdersComeAgain,
    /// Something that is kept can't be written.
    StorageFailing {
        /// What.
        store: Stored,
        /// Why, in the system's words.
        problem: String,
    },
    /// It is written again.
    StorageBack {
        /// What.
        store: Stored,
    },
    /// Somebody changed a file that the gateway writes.
    StorageDisplaced {
        /// Which.
        store: Stored,
        /// What was done to it.
        how: Change,
        /// The same in English.
        reason: String,
        /// What comes of it.
        then: Repair,
    },
    /// A part of the order log is lost.
    LogDamaged,
    /// A part of the state is lost.
    StateDamaged,
    /// Figures can't be true.
    Implausible {
        /// What is wrong with them.
        what: Wrong,
    },
    /// A director holds the figures.
    Held {
        /// Who.
        by: String,
    },
    /// Two directors released the figures.
    Released {
        /// By whom, in English.
        reason: String,
    },
    /// A director asks another to agree to the release.
    ReleaseAsked {
        /// Who asks.
        by: String,
    },
    /// A director decided something else.
    Directed {
        /// Who.
        by: String,
        /// What.
        what: Decision,
        /// The same in English.
        reason: String,
    },
    /// Somebody tries to come in.
    Intrusion {
        /// The address that it came from.
        address: IpAddr,
        /// How many failures in a minute.
        count: u32,
        /// The failures' name in metrics.
        failure: &'static str,
        /// What is known of it, and what is done.
        what: Intruder,
    },
    /// The gateway's clock leapt.
    ClockJumped {
        /// By how many seconds.
        seconds: i64,
    },
    /// It is right again.
    ClockRight,
    /// It has stayed where it leapt to.
    ClockSet {
        /// By how many seconds it leapt.
        seconds: i64,
    },
    /// What was counted before ends after the clock.
    ClockBehind {
        /// By how many seconds.
        seconds: i64,
    },
    /// A day's log ends it before the clock does.
    ClosedEarly,
}

/// What a source has sent too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverBudget {
    /// Batches.
    Batches,
    /// There are too many sources.
    Sources,
    /// A token without a number uses too many.
    SourcesOfToken,
    /// Gaps in the numbers of its batches.
    Gaps,
    /// Value.
    Value,
    /// Value of all whose token has no number.
    Anybody,
    /// The day's value altogether.
    Day,
}

/// Something that a gateway keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The order log.
    Orders,
    /// The state.
    State,
    /// The audit log.
    Audit,
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was deleted.
    Deleted,
    /// It was moved away.
    Moved,
    /// Another stands in its place.
    Replaced,
    /// Its end was taken off.
    Shortened {
        /// How many bytes are left.
        to: u64,
    },
    /// Somebody else wrote to it.
    Lengthened {
        /// How many bytes.
        by: u64,
    },
}

/// What comes of a file that somebody changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It was made good.
    Restored,
    /// It can't be put back yet.
    Waits,
    /// A restart can't count again what was in it.
    Lost,
}

/// What is wrong with figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Event time ran back.
    BackInTime,
    /// A total fell, and no correction says why.
    Fell,
    /// More came in a second than can be.
    TooFast,
    /// The regions don't add up to the total.
    Sum,
    /// Event time is too far from the clock.
    Clock,
}

/// What a director decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Every display goes there.
    Shows {
        /// The scene's name.
        scene: String,
    },
    /// A rehearsal begins.
    BeginsRehearsal,
    /// It ends.
    EndsRehearsal,
    /// Orders are shown so much later.
    Delays {
        /// In milliseconds.
        delay_ms: u64,
    },
}

/// Who tries to come in, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intruder {
    /// Whoever has a token that holds no longer.
    Token(String),
    /// An address that is locked out now.
    Locked,
    /// An address that is answered late.
    Slowed,
}

impl NoticeKind {
    /// The stable name on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceFailed { .. } => "source_failed",
            Self::SourceSilent { .. } => "source_silent",
            Self::SourceBack => "source_back",
            Self::SourceOverBudget { .. } => "source_over_budget",
            Self::BusiestSource { .. } => "busiest_source",
            Self::SyntheticPlaces => "synthetic_places",
            Self::Corrections { .. } => "corrections",
            Self::WithoutValue { .. } => "without_value",
            Self::UnknownCountry { .. } => "unknown_country",
            Self::UnknownChannel { .. } => "unknown_channel",
            Self::UnreadableRow { .. } => "unreadable_row",
            Self::OrdersWait | Self::StorageFailing { .. } => "storage_failing",
            Self::OrdersComeAgain | Self::StorageBack { .. } => "storage_back",
            Self::StorageDisplaced { .. } => "storage_displaced",
            Self::LogDamaged => "log_damaged",
            Self::StateDamaged => "state_damaged",
            Self::Implausible { .. } => "implausible",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::ReleaseAsked { .. } => "release_asked",
            Self::Directed { .. } => "directed",
            Self::Intrusion { .. } => "intrusion",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::ClockRight => "clock_right",
            Self::ClockSet { .. } => "clock_set",
            Self::ClockBehind { .. } => "clock_behind",
            Self::ClosedEarly => "closed_early",
        }
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::SourceBack
            | Self::SyntheticPlaces
            | Self::Corrections { .. }
            | Self::WithoutValue { .. }
            | Self::OrdersComeAgain
            | Self::StorageBack { .. }
            | Self::Released { .. }
            | Self::Directed { .. }
            | Self::ClockRight => Level::Info,
            Self::SourceSilent { .. }
            | Self::UnknownCountry { .. }
            | Self::UnknownChannel { .. }
            | Self::UnreadableRow { .. }
            | Self::StateDamaged
            | Self::Held { .. }
            | Self::ReleaseAsked { .. }
            | Self::ClockJumped { .. }
            | Self::ClockSet { .. }
            | Self::ClockBehind { .. } => Level::Warning,
            Self::SourceFailed { .. }
            | Self::SourceOverBudget { .. }
            | Self::BusiestSource { .. }
            | Self::OrdersWait
            | Self::StorageFailing { .. }
            | Self::StorageDisplaced { .. }
            | Self::LogDamaged
            | Self::Implausible { .. }
            | Self::Intrusion { .. }
            | Self::ClosedEarly => Level::Alert,
        }
    }

    /// What it tells of, by the names that the texts have for it.
    pub fn args(&self) -> BTreeMap<String, String> {
        args::of(self)
    }
}
