//! A played order file with a log of its steps, for gateways that hide small counts: a restart goes through the same steps
//! and releases the same figures.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::privacy::Privacy;
use crate::source::{Opening, Pulled, Source, SourceError};
use crate::store::journal::JournalError;
use crate::store::order_log::{LogHead, OrderLog, Record, Records};
use meridian_core::sales::EventMs;
use meridian_wire::Hello;

/// A source and the log of its steps.
pub struct ReplayLog {
    source: Box<dyn Source>,
    reading: Option<Records>,
    log: Option<OrderLog>,
    /// The step that is to be replayed next.
    replay_ms: Option<EventMs>,
    start_ms: EventMs,
}

impl ReplayLog {
    /// Keeps a source's steps beside a state's file; `start_ms` is where it begins where none were kept. The privacy comes back
    /// with the seed that they were begun with.
    ///
    /// # Errors
    /// [`JournalError`] naming the file and what is wrong with it.
    pub fn open(
        source: Box<dyn Source>,
        state: &Path,
        start_ms: EventMs,
        privacy: Privacy,
    ) -> Result<(Self, Privacy), JournalError> {
        let hello = source.hello();
        let day = fingerprint(&hello);
        let now = LogHead::new(&day, &hello.catalogue, start_ms, privacy.k());
        let (begun, reading) = OrderLog::open(&steps_of(state, &day), &now)?;
        let it = Self {
            source,
            reading: Some(reading),
            log: None,
            replay_ms: None,
            start_ms: begun.start_ms,
        };
        Ok((it, privacy.with_seed(begun.seed)))
    }

    /// Where event time begins.
    pub fn start_ms(&self) -> EventMs {
        self.start_ms
    }
}

/// Another source has another file.
fn steps_of(state: &Path, day: &str) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.steps", day.get(..8).unwrap_or(day)));
    state.with_file_name(name)
}

/// A hash of what a source says of itself, its span and its milestones among it.
fn fingerprint(hello: &Hello) -> String {
    let hash = Sha256::digest(serde_json::to_vec(hello).unwrap_or_default());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Source for ReplayLog {
    fn hello(&self) -> Hello {
        self.source.hello()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.source.seek(to_ms)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        self.source.pull(to_ms, out)
    }

    fn ahead(&self, to_ms: EventMs) -> u64 {
        self.source.ahead(to_ms)
    }

    fn ended(&self) -> bool {
        self.source.ended()
    }

    fn begin(&mut self, to_ms: EventMs) -> Result<(), SourceError> {
        if self.replay_ms.take() == Some(to_ms) {
            return Ok(());
        }
        match &mut self.log {
            Some(log) => log.step(to_ms, 0).map_err(|error| SourceError::waits(&error)),
            None => Ok(()),
        }
    }

    fn next_replay(&mut self) -> Result<Option<EventMs>, SourceError> {
        let Some(reading) = &mut self.reading else {
            return Ok(None);
        };
        while let Some(record) = reading
            .next_record()
            .map_err(|error| SourceError::broken(&error))?
        {
            match record {
                Record::Step { to_ms, .. } => {
                    self.replay_ms = Some(to_ms);
                    return Ok(Some(to_ms));
                }
                // The orders are in their own file; what was released in the step is released in the next one.
                Record::Damaged(damage) => tracing::error!(%damage, "the log of steps is damaged"),
                Record::Batch(_) => {}
            }
        }
        if let Some(reading) = self.reading.take() {
            self.log = Some(reading.into_log().map_err(|error| SourceError::broken(&error))?);
        }
        Ok(None)
    }
}
