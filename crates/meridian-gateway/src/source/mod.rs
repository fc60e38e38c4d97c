//! Where orders and payments come from: a generated day ([`scenario`]), a shop's order file ([`orders`]) or senders
//! ([`live`], through [`intake`]). Each is a [`Source`].

pub mod budget;
pub mod clock;
mod day_file;
pub mod intake;
pub mod live;
pub mod orders;
pub mod play;
pub mod replay_log;
mod restricted;
pub mod scenario;

pub use self::restricted::Restricted;
use crate::store::journal::JournalError;
use meridian_core::sales::{Batch, EventMs};
use meridian_core::tally::Mark;
use meridian_wire::{Cell, Day, Hello, History, NoticeKind, ProductCounts, Reached, Totals, Warmth};

/// A source of orders and payments, in event time.
///
/// The gateway owns the clock: it asks for everything before `to_ms` and the source answers with
/// batches in order of time. A source never sleeps and never reads the wall clock.
pub trait Source: Send {
    /// What the feed's `hello` says of this source (`server` and `speed` are the gateway's to fill).
    fn hello(&self) -> Hello;

    /// Jumps to an instant and says what had happened before it, without going through it row by row
    /// where the source can.
    ///
    /// # Errors
    /// [`SourceError`] when the source can't be read.
    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError>;

    /// Appends the batches from where the source stands up to `to_ms` (exclusive) and moves there.
    ///
    /// # Errors
    /// [`SourceError`] when the source can't be read on; what was appended before stays good.
    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError>;

    /// How many orders and payments come until an instant, for a source that knows without going through them;
    /// it can then be asked to [`seek`](Self::seek) there. 0 for a source that doesn't.
    fn ahead(&self, to_ms: EventMs) -> u64 {
        let _ = to_ms;
        0
    }

    /// How many orders and payments there are before an instant, for a source that knows without going through them; none
    /// for one that doesn't.
    fn counted(&self, to_ms: EventMs) -> Option<(u64, u64)> {
        let _ = to_ms;
        None
    }

    /// Whether nothing will ever come after this instant.
    fn ended(&self) -> bool;

    /// A step to an instant begins. A live source takes what has come in until now, so that it can be taken again.
    ///
    /// # Errors
    /// [`SourceError`] when it can't be kept; nothing of the step may be published then. After [`SourceError::Waits`]
    /// a later step may begin.
    fn begin(&mut self, to_ms: EventMs) -> Result<(), SourceError> {
        let _ = to_ms;
        Ok(())
    }

    /// The next step to be replayed after a restart; none at their end, and for a source that needs no such thing.
    ///
    /// # Errors
    /// [`SourceError`] when what was kept of it can't be read.
    fn next_replay(&mut self) -> Result<Option<EventMs>, SourceError> {
        Ok(None)
    }

    /// How late orders may arrive: rates are published that much later.
    fn lag_ms(&self) -> i64 {
        0
    }

    /// Whether event time is the wall clock's.
    fn is_live(&self) -> bool {
        false
    }

    /// How long after its end a live day takes what comes late.
    fn late_ms(&self) -> i64 {
        0
    }

    /// Whether something came in that a step to the instant where it stands would take.
    fn waits(&self) -> bool {
        false
    }
}

/// What a source gave for a span.
#[derive(Default)]
pub struct Pulled {
    /// Orders and payments, in order of time.
    pub batches: Vec<Restricted<Batch>>,
    /// What people should know (unknown countries, unreadable rows).
    pub notices: Vec<NoticeKind>,
}

#[cfg(test)]
impl Pulled {
    /// The batches' rows, for tests.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().map(Restricted::rows)
    }
}

impl std::fmt::Debug for Pulled {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pulled")
            .field("batches", &self.batches.len())
            .field("notices", &self.notices)
            .finish()
    }
}

/// The state of the day at an instant. Empty at its start.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Per category of each region and channel: (channel, counts).
    pub cells: Vec<(meridian_core::sales::Channel, Cell)>,
    /// The totals: what the cells add up to, and what has no place.
    pub totals: Totals,
    /// Value over time until then.
    pub history: History,
    /// Milestones passed.
    pub reached: Vec<Reached>,
    /// Warmth of the places.
    pub warmth: Warmth,
    /// The highest orders/s and when.
    pub peak_orders: (u64, EventMs),
    /// The highest payments/s and when.
    pub peak_payments: (u64, EventMs),
    /// The products of the source's `hello`; empty where it has none.
    pub products: ProductOpening,
}

/// The state of the products at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductOpening {
    /// Per product and region, or no region for what has no place: counts. Those that have any.
    pub cells: Vec<(u16, Option<u8>, ProductCounts)>,
    /// Orders of each product in the last [`MEAN_SECONDS`](meridian_core::tally::MEAN_SECONDS) full seconds, the
    /// newest last, and after them those in the instant's own second until then.
    pub seconds: Vec<Vec<u32>>,
    /// Marks of the last whole minutes of the day, the newest last; none before the day's start.
    pub marks: Vec<Mark>,
    /// By product: cumulative value in minor units at the day's start, + [`curve_step_ms`], … until the
    /// instant; none before the day's start.
    pub curves: Vec<Vec<i64>>,
}

/// Interval between the points of the products' curves, for up to [`MAX_CURVE`] of them; longer days get
/// multiples of it.
pub const CURVE_STEP_MS: i64 = 300_000;
/// The most steps of a product's curve.
pub const MAX_CURVE: i64 = 1_000;

/// Interval between the points of the products' curves on a day, in milliseconds: whole minutes.
pub fn curve_step_ms(day: &Day) -> i64 {
    let span_ms = day.end_ms.saturating_sub(day.start_ms).max(1);
    CURVE_STEP_MS * ((span_ms - 1) / (CURVE_STEP_MS * MAX_CURVE) + 1)
}

/// Why a source can't go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file can't be read, or what it says is wrong.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A step can't be kept now. Nothing of it was taken: it can be tried again.
    #[error("{file}: {problem}")]
    Waits {
        /// The file.
        file: String,
        /// Why.
        problem: String,
    },
}

impl SourceError {
    /// What was kept can't be read, or can't be written any more.
    pub(crate) fn broken(error: &JournalError) -> Self {
        Self::File {
            file: error.file.clone(),
            problem: error.problem.clone(),
        }
    }

    /// What can't be written now, and perhaps soon.
    pub(crate) fn waits(error: &JournalError) -> Self {
        Self::Waits {
            file: error.file.clone(),
            problem: error.problem.clone(),
        }
    }
}

impl From<meridian_core::sales::CatalogueError> for SourceError {
    fn from(error: meridian_core::sales::CatalogueError) -> Self {
        use meridian_core::sales::CatalogueError;
        match error {
            CatalogueError::File { file, problem } => Self::File { file, problem },
            CatalogueError::Row {
                file,
                line,
                column,
                problem,
            } => Self::File {
                file,
                problem: format!("line {line}, column {column}: {problem}"),
            },
        }
    }
}
