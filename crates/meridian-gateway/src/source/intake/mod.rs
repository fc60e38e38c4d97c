//! Where a live day's orders come in: batches are checked, known by source and number, logged, and wait for the next
//! step. Whoever sends one hears of it when it is on the disk and counted.

mod answer;
mod queue;
mod rules;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

pub use self::answer::{Outcome, Receipt, Sender};
use self::queue::{Phase, Queue};
use self::rules::Rules;
pub use self::rules::{MAX_AHEAD_MS, MAX_SPAN_MS};
use crate::source::Restricted;
pub use crate::source::budget::MAX_AMOUNT_MINOR;
use crate::source::budget::{Asked, Beyond, By, MAX_IN_MESSAGE};
use crate::source::clock::{Clock, Time};
use crate::store::journal::JournalError;
use crate::store::keeping::Kept;
use crate::store::order_log::OrderLog;
use meridian_core::sales::columns::{Columns, ColumnsError};
use meridian_core::sales::{Batch, Catalogue, EventMs};
use meridian_wire::Hello;

/// The longest message of batches, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

const DISK_REFUSES: &str = "the gateway's disk refuses";

/// Whether something of a log that is gone through is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing.
    None,
    /// Something, before the last step.
    Old,
    /// Something since the last step.
    New,
}

impl Gap {
    /// What it is once a step was taken.
    pub fn after(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Old | Self::New => Self::Old,
        }
    }
}

/// Takes batches in. Shared by connections and the publisher.
pub struct Intake {
    rules: Rules,
    welcome: String,
    /// Where the time is taken from; without it, whoever offers says it.
    clock: OnceLock<Arc<Clock>>,
    queue: Mutex<Queue>,
    counted: watch::Sender<u64>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Rows and their sums are restricted.
        out.debug_struct("Intake")
            .field("taken", &self.queue().taken)
            .finish_non_exhaustive()
    }
}

impl Intake {
    /// An intake for a day's orders, until `late_ms` after its end; what comes after may be the next day's.
    pub fn new(hello: &Hello, catalogue: &Catalogue, late_ms: i64, daily: bool) -> Self {
        Self {
            rules: Rules::new(hello, catalogue, late_ms, daily),
            clock: OnceLock::new(),
            welcome: answer::welcome(hello, catalogue),
            queue: Mutex::new(Queue::new()),
            counted: watch::Sender::new(0),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What those who send are told at first: the day, and what its numbers mean, as JSON.
    pub fn welcome(&self) -> &str {
        &self.welcome
    }

    /// The source that most rows came from lately, and how much of all that is, in percent.
    pub fn busiest(&self) -> Option<(u32, u64)> {
        let queue = self.queue();
        let all: u64 = queue
            .rows_of
            .values()
            .fold(0, |all, rows| all.saturating_add(*rows));
        let (source, most) = queue.rows_of.iter().max_by_key(|(_, rows)| **rows)?;
        Some((*source, most.saturating_mul(100) / all.max(1)))
    }

    /// Takes the time from a clock from now on, and not from whoever offers.
    pub(crate) fn set_clock(&self, clock: Arc<Clock>) {
        let _ = self.clock.set(clock);
    }

    /// What sources sent beyond their limits since this was asked last.
    pub(crate) fn beyond(&self) -> Vec<Beyond> {
        std::mem::take(&mut self.queue().beyond)
    }

    /// Whether batches wait for a step.
    pub(crate) fn waits(&self) -> bool {
        !self.queue().waiting.is_empty()
    }

    /// Whether the day was gone through to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// How many batches are on the disk and counted in a step; changes are told.
    pub fn counted(&self) -> watch::Receiver<u64> {
        self.counted.subscribe()
    }

    /// Offers the batches of a message, at an instant of the wall clock. Each is taken or not on its own.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch; those before them are answered beside it.
    pub fn offer(&self, bytes: &[u8], now_ms: i64) -> (Vec<Receipt>, Result<(), ColumnsError>) {
        self.offer_as(bytes, Sender::default(), now_ms)
    }

    /// The same from a sender who is known.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch; those before them are answered beside it.
    pub fn offer_as(
        &self,
        mut bytes: &[u8],
        sender: Sender<'_>,
        now_ms: i64,
    ) -> (Vec<Receipt>, Result<(), ColumnsError>) {
        let time = self
            .clock
            .get()
            .map_or_else(|| Time::certain(now_ms), |clock| clock.time());
        let Sender { token, numbers } = sender;
        let by = match numbers {
            [] => By::Anybody(token),
            _ => By::Bound,
        };
        let mut receipts = Vec::new();
        while !bytes.is_empty() {
            match Columns::read(bytes) {
                Ok((columns, rest)) => {
                    let this = bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes);
                    // Under a name that isn't its own it could take another's place: that one's would be known already.
                    let outcome = if receipts.len() >= MAX_IN_MESSAGE {
                        Outcome::Later(format!("a message has {MAX_IN_MESSAGE} batches at most"))
                    } else if numbers.is_empty() || numbers.contains(&columns.source) {
                        self.take(this, &columns, by, time)
                    } else {
                        let own: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                        Outcome::Refused(format!(
                            "the token is for source {}, not for {}: send with --number {}",
                            own.join(", "),
                            columns.source,
                            own.join(" or ")
                        ))
                    };
                    receipts.push(Receipt {
                        source: columns.source,
                        sequence: columns.sequence,
                        rows: columns.len(),
                        outcome,
                    });
                    bytes = rest;
                }
                Err(error) => return (receipts, Err(error)),
            }
        }
        (receipts, Ok(()))
    }

    fn take(&self, bytes: &[u8], columns: &Columns<'_>, by: By<'_>, time: Time) -> Outcome {
        if self.rules.is_next_day(columns) {
            return Outcome::Later("the next day begins when this one is closed".to_owned());
        }
        {
            let queue = self.queue();
            if let Some(known) = queue.known(columns) {
                return known;
            }
            if queue.closed {
                return self.rules.too_late(time);
            }
        }
        if let Some(wrong) = self.rules.wrong_time(columns, time) {
            return wrong;
        }
        // Large batches are looked at without keeping the others waiting.
        let batch = columns.to_batch();
        let value_minor = match self.rules.check(&batch, self.rules.max_amount_minor) {
            Ok(value_minor) => value_minor,
            Err(problem) => return Outcome::Refused(problem),
        };
        let mut queue = self.queue();
        if let Some(known) = queue.known(columns) {
            return known;
        }
        if queue.closed {
            return self.rules.too_late(time);
        }
        match &queue.phase {
            Phase::Starting => return Outcome::Later("the gateway starts".to_owned()),
            Phase::Open => {}
        }
        if queue.is_full() {
            return Outcome::Later("more comes than the gateway can count".to_owned());
        }
        let asked = Asked {
            source: columns.source,
            value_minor,
            by,
            gap: queue.makes_gap(columns),
        };
        if let Err(beyond) = queue.budgets.allow(asked) {
            queue.note(beyond, columns.source, by);
            return Outcome::Later(beyond.to_string());
        }
        if queue.keeping.batch(bytes).is_err() {
            return Outcome::Later(DISK_REFUSES.to_owned());
        }
        queue.budgets.take(asked);
        queue.put(columns, batch);
        Outcome::Taken(queue.taken)
    }

    /// Takes a batch of the log, after a restart.
    pub(crate) fn replay_batch(&self, bytes: &[u8]) -> Result<(), String> {
        let (columns, rest) = Columns::read(bytes).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("there is more in a batch's record than the batch".to_owned());
        }
        let batch = columns.to_batch();
        // It was within the bounds that there were then.
        let value_minor = self.rules.check(&batch, MAX_AMOUNT_MINOR)?;
        let mut queue = self.queue();
        if !queue.budgets.carries(value_minor) {
            return Err("the day's value passes what 64 bits can carry".to_owned());
        }
        queue.budgets.take(Asked {
            source: columns.source,
            value_minor,
            by: By::Bound,
            gap: false,
        });
        queue.put(&columns, batch);
        Ok(())
    }

    /// Takes the oldest of the waiting batches: a step of the log to an instant. Where something of it is lost they may be
    /// fewer, and the first step after that takes all of them.
    pub(crate) fn replay_step(
        &self,
        to_ms: EventMs,
        batches: u32,
        gap: Gap,
    ) -> Option<Vec<Restricted<Batch>>> {
        let mut queue = self.queue();
        let many = match gap {
            Gap::None => batches as usize,
            Gap::Old => queue.waiting.len().min(batches as usize),
            Gap::New => queue.waiting.len(),
        };
        if many > queue.waiting.len() {
            return None;
        }
        let out = queue.draw(many);
        queue.budgets.step();
        queue.closed = self.rules.is_over(to_ms) && queue.waiting.is_empty();
        drop(queue);
        self.counted.send_modify(|counted| *counted += out.len() as u64);
        Some(out)
    }

    /// The log was gone through: from now on batches are taken, and logged if there is one.
    pub(crate) fn open(&self, log: Option<OrderLog>) {
        let mut queue = self.queue();
        queue.keeping.open(log);
        queue.phase = Phase::Open;
    }

    /// Notes how much of the log couldn't be read.
    pub(crate) fn damaged(&self, bytes: u64) {
        self.queue().keeping.damaged(bytes);
    }

    /// The state of its log.
    pub fn kept(&self) -> Kept {
        self.queue().keeping.stands()
    }

    /// Lets the disk fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&self, faults: &crate::store::record_log::tests::Faults) {
        self.queue().keeping.fail_as(faults);
    }

    /// What waits, for a step to an instant. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses: a later step may be tried, and until one is made nothing more is taken.
    pub(crate) fn step(&self, to_ms: EventMs) -> Result<Vec<Restricted<Batch>>, JournalError> {
        let mut queue = self.queue();
        let many = queue.step_size();
        let batches = u32::try_from(many).unwrap_or(u32::MAX);
        queue.keeping.step(to_ms, batches)?;
        let out = queue.draw(many);
        queue.budgets.step();
        // In the same breath: what comes from now on isn't of the day any more.
        queue.closed = self.rules.is_over(to_ms) && queue.waiting.is_empty();
        queue.forget_some();
        drop(queue);
        if !out.is_empty() {
            self.counted.send_modify(|counted| *counted += out.len() as u64);
        }
        Ok(out)
    }
}
