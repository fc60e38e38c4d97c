//! A live day's log as the intake writes it: what happens while the disk refuses, and how it comes back.

use std::time::{Duration, Instant};

use crate::store::journal::JournalError;
use crate::store::order_log::OrderLog;
use crate::store::record_log::Displaced;
use meridian_core::sales::EventMs;

/// How often a failing disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How much space a disk that was full needs before orders are taken again: otherwise it would be full at once.
const MIN_SPACE_BYTES: usize = 64 << 10;

/// The log, if there is one, and how it stands.
#[derive(Debug)]
pub(crate) struct Keeping {
    log: Option<OrderLog>,
    failing: Option<Failing>,
    damaged_bytes: u64,
    retry: Duration,
}

/// A failing disk.
#[derive(Debug)]
struct Failing {
    file: String,
    problem: String,
    /// Steps can't be kept either.
    stands: bool,
    /// The longest batch that couldn't be.
    needs: usize,
    tried: Instant,
}

/// The state of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Why orders can't be taken now.
    pub failing: Option<String>,
    /// No step can be made either: the figures stand still.
    pub stands: bool,
    /// What was done to the file since this was asked last.
    pub displaced: Option<Displaced>,
    /// How many bytes of it can't be read.
    pub damaged_bytes: u64,
    /// How many bytes were counted that a restart can't count again.
    pub lost_bytes: u64,
}

impl Keeping {
    /// Nothing is kept until there is a log.
    pub fn new() -> Self {
        Self {
            log: None,
            failing: None,
            damaged_bytes: 0,
            retry: RETRY,
        }
    }

    /// Keeps everything in this log from now on.
    pub fn open(&mut self, log: Option<OrderLog>) {
        self.log = log;
    }

    /// Notes how many bytes of the log couldn't be read.
    pub fn damaged(&mut self, bytes: u64) {
        self.damaged_bytes = bytes;
    }

    /// Keeps a batch.
    ///
    /// # Errors
    /// When the disk refuses, and until it was found to take such batches again.
    pub fn batch(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let Some(log) = &mut self.log else { return Ok(()) };
        if let Some(failing) = &mut self.failing {
            failing.needs = failing.needs.max(bytes.len());
            return Err(());
        }
        log.batch(bytes)
            .map_err(|error| self.fail(error, bytes.len(), false))
    }

    /// Keeps a step; all batches before it are on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses. It is tried again each second.
    pub fn step(&mut self, to_ms: EventMs, batches: u32) -> Result<(), JournalError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let mut well = true;
        if let Some(failing) = &mut self.failing {
            let due = failing.tried.elapsed() >= self.retry;
            well = due && {
                failing.tried = Instant::now();
                log.probe(failing.needs.max(MIN_SPACE_BYTES))
                    .map_err(|error| failing.problem = error.problem)
                    .is_ok()
            };
            if failing.stands && !due {
                return Err(JournalError {
                    file: failing.file.clone(),
                    problem: failing.problem.clone(),
                });
            }
        }
        if let Err(error) = log.step(to_ms, batches) {
            let again = JournalError {
                file: error.file.clone(),
                problem: error.problem.clone(),
            };
            self.fail(error, 0, true);
            return Err(again);
        }
        match &mut self.failing {
            Some(_) if well => self.failing = None,
            Some(failing) => failing.stands = false,
            None => {}
        }
        Ok(())
    }

    fn fail(&mut self, error: JournalError, needs: usize, stands: bool) {
        let before = self.failing.as_ref().map_or(0, |failing| failing.needs);
        self.failing = Some(Failing {
            file: error.file,
            problem: error.problem,
            stands,
            needs: needs.max(before),
            tried: Instant::now(),
        });
    }

    /// The state of the log.
    pub fn stands(&mut self) -> Kept {
        let failing = self.failing.as_ref();
        Kept {
            failing: failing.map(|failing| format!("{}: {}", failing.file, failing.problem)),
            stands: failing.is_some_and(|failing| failing.stands),
            displaced: self.log.as_mut().and_then(OrderLog::displaced),
            damaged_bytes: self.damaged_bytes,
            lost_bytes: self.log.as_ref().map_or(0, OrderLog::lost_bytes),
        }
    }

    /// Lets the disk fail as a test wants it to, and doesn't let it wait.
    #[cfg(test)]
    pub fn fail_as(&mut self, faults: &crate::store::record_log::tests::Faults) {
        self.retry = Duration::ZERO;
        if let Some(log) = &mut self.log {
            log.fail_as(faults);
        }
    }
}
