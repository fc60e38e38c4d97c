//! A live day as a source: its orders come in through an [`Intake`], are logged, and are counted step by step. A restart
//! goes through the log again and comes to the same figures.

mod day;
mod file;
#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::Arc;

pub use self::day::LiveDay;
use self::day::as_written;
use crate::privacy::Privacy;
use crate::source::intake::{Gap, Intake};
use crate::source::{Opening, Pulled, Restricted, Source, SourceError};
use crate::store::journal::JournalError;
use crate::store::order_log::{OrderLog, Record, Records};
use meridian_core::sales::{Batch, Catalogue, EventMs};
use meridian_wire::{Hello, NoticeKind};

/// A live day's orders, as an [`Intake`] takes them.
#[derive(Debug)]
pub struct LiveSource {
    day: LiveDay,
    intake: Arc<Intake>,
    start_ms: EventMs,
    /// What of the log wasn't gone through yet.
    log: Option<Records>,
    /// Whether something of it is lost.
    gap: Gap,
    /// The step of the log that is to be replayed next.
    replay_ms: Option<EventMs>,
    /// What the step under way takes.
    step: Vec<Restricted<Batch>>,
    notices: Vec<NoticeKind>,
    now_ms: EventMs,
    /// When a batch came last.
    heard_ms: EventMs,
    silent: bool,
}

impl LiveSource {
    /// Opens a day. With a folder for its log a restart goes on where it was; `privacy` comes back with what the log
    /// was begun with.
    ///
    /// # Errors
    /// [`JournalError`] naming the log's file and what is wrong with it.
    pub fn open(
        day: LiveDay,
        folder: Option<&Path>,
        catalogue: &Catalogue,
        privacy: Privacy,
    ) -> Result<(Self, Privacy), JournalError> {
        let intake = Arc::new(Intake::new(&day.hello, catalogue, day.late_ms, day.daily));
        let now = day.begun(catalogue, privacy);
        let (begun, log) = match folder {
            Some(folder) => {
                meridian_core::files::private::make_folder(folder).map_err(|error| JournalError {
                    file: folder.display().to_string(),
                    problem: error.to_string(),
                })?;
                let (begun, log) = OrderLog::open(&day.log_in(folder), &now).map_err(as_written)?;
                (begun, Some(log))
            }
            None => {
                intake.open(None);
                (now, None)
            }
        };
        let source = Self {
            start_ms: begun.start_ms,
            now_ms: begun.start_ms,
            heard_ms: begun.start_ms,
            day,
            intake,
            log,
            gap: Gap::None,
            replay_ms: None,
            step: Vec::new(),
            notices: Vec::new(),
            silent: false,
        };
        Ok((source, privacy.with_seed(begun.seed)))
    }

    /// Where its batches come in.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// Where event time begins.
    pub fn start_ms(&self) -> EventMs {
        self.start_ms
    }

    /// Notes whether batches come, and says so when that changes.
    fn listen(&mut self, to_ms: EventMs) {
        let day = self.day.hello.day;
        let silent = if self.step.is_empty() {
            let since_ms = self.heard_ms.max(day.start_ms);
            let open = (day.start_ms..day.end_ms).contains(&to_ms);
            self.silent || self.day.silent_ms > 0 && open && to_ms - since_ms >= self.day.silent_ms
        } else {
            self.heard_ms = to_ms;
            false
        };
        if silent == self.silent {
            return;
        }
        self.silent = silent;
        self.notices.push(if silent {
            NoticeKind::SourceSilent {
                seconds: self.day.silent_ms / 1_000,
            }
        } else {
            NoticeKind::SourceBack
        });
    }
}

impl Source for LiveSource {
    fn hello(&self) -> Hello {
        self.day.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        // Nothing had happened before its beginning, and it never goes back.
        self.now_ms = self.now_ms.max(to_ms);
        Ok(Opening::default())
    }

    fn begin(&mut self, to_ms: EventMs) -> Result<(), SourceError> {
        if self.replay_ms.take() != Some(to_ms) {
            self.step = self
                .intake
                .step(to_ms)
                .map_err(|error| SourceError::waits(&error))?;
        }
        self.listen(to_ms);
        Ok(())
    }

    fn next_replay(&mut self) -> Result<Option<EventMs>, SourceError> {
        let Some(log) = &mut self.log else {
            return Ok(None);
        };
        while let Some(record) = log.next_record().map_err(|error| SourceError::broken(&error))? {
            let wrong = |problem: String| SourceError::File {
                file: self.day.log_name.clone(),
                problem,
            };
            match record {
                Record::Batch(bytes) => self.intake.replay_batch(&bytes).map_err(wrong)?,
                // What stood there is missing in the figures; whoever sent it may send it again.
                Record::Damaged(damage) => {
                    self.gap = Gap::New;
                    let file = &self.day.log_name;
                    tracing::error!(file, %damage, "the order log is damaged: what stood there isn't counted");
                }
                Record::Step { to_ms, batches } => {
                    let gap = self.gap;
                    self.gap = gap.after();
                    self.step = self.intake.replay_step(to_ms, batches, gap).ok_or_else(|| {
                        wrong(format!("a step takes {batches} batches, more than there were"))
                    })?;
                    self.replay_ms = Some(to_ms);
                    return Ok(Some(to_ms));
                }
            }
        }
        let torn_bytes = log.torn_bytes();
        if torn_bytes > 0 {
            tracing::warn!(
                file = self.day.log_name,
                bytes = torn_bytes,
                "the order log's last record was torn: whoever sent it wasn't told that it was counted"
            );
        }
        let damaged_bytes = log.damaged_bytes();
        if damaged_bytes > 0 {
            self.intake.damaged(damaged_bytes);
            self.notices.push(NoticeKind::LogDamaged);
        }
        if let Some(log) = self.log.take() {
            self.intake
                .open(Some(log.into_log().map_err(|error| SourceError::broken(&error))?));
        }
        Ok(None)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        out.batches.append(&mut self.step);
        out.notices.append(&mut self.notices);
        self.now_ms = to_ms;
        Ok(())
    }

    fn ended(&self) -> bool {
        // Not before everything that came was counted.
        self.now_ms >= self.day.hello.day.end_ms + self.day.late_ms && self.intake.is_closed()
    }

    fn lag_ms(&self) -> i64 {
        self.day.lag_ms
    }

    fn is_live(&self) -> bool {
        true
    }

    fn late_ms(&self) -> i64 {
        self.day.late_ms
    }

    fn waits(&self) -> bool {
        self.replay_ms.is_some() || self.intake.waits()
    }
}
