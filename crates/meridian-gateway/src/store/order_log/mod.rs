//! The order log of a live day: each batch as received, and each step with how many batches it took.
//!
//! Counting through it again comes to the same figures, and to the same public ones: a step releases what it
//! released before. It holds restricted rows, so only its owner may read it.
//!
//! A record is its kind (one byte), its length and its CRC-32 (of kind, length and payload; both four bytes,
//! little-endian), and the payload. A write that was torn leaves a tail that is no record; it is cut off. A record
//! that is broken with more after it costs itself alone, and is told among the others ([`Record::Damaged`]): whoever
//! counts says that something is missing. Without its first record, what it was begun with, a log can't be counted.
//! The checksum is against accidents: whoever may write to the file can write other orders.

mod begun;
mod record;
mod records;

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::store::journal::JournalError;
use crate::store::order_log::record::{BATCH, DAY, HEAD_BYTES, STEP, STEP_BYTES, next_record, record};
use crate::store::record_log::{Disk, Displaced, RecordLog, private};
use meridian_core::sales::EventMs;

pub use begun::{GUARD_VERSION, LogHead};
pub use record::{Damage, MAX_RECORD_BYTES, Record};
pub use records::Records;

const MAGIC: &[u8] = b"meridian order log 1\n";
/// What a log was begun with takes no more.
const MAX_FIRST_BYTES: u64 = 4_096;

/// Whether a log whose first record isn't whole has others.
fn holds_more(file: &mut File, path: &Path) -> Result<bool, JournalError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(MAGIC.len() as u64))
        .and_then(|_| file.read_to_end(&mut bytes))
        .map_err(|error| JournalError {
            file: path.display().to_string(),
            problem: error.to_string(),
        })?;
    Ok(next_record(&bytes, bytes.len()).is_some())
}

/// Of a log without a whole first record nothing can be counted as it was.
fn without_head(path: &Path) -> JournalError {
    let file = path.display().to_string();
    let problem = format!(
        "what it was begun with can't be read, and more follows it: it can't be counted again as it was.          `mv {file} {file}.damaged` lets the day begin anew, with what is sent again"
    );
    JournalError { file, problem }
}

impl Records {
    /// The log to write on to, once everything in it was read.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses, or something is left to read.
    pub fn into_log(self) -> Result<OrderLog, JournalError> {
        if self.at != self.length {
            return Err(self.wrong("it wasn't read to its end"));
        }
        let file = self.reader.into_inner();
        let wrong = |error: std::io::Error| JournalError {
            file: self.path.display().to_string(),
            problem: error.to_string(),
        };
        file.set_len(self.at).map_err(wrong)?;
        let disk = Disk::new(&self.path, file, true);
        Ok(OrderLog {
            path: self.path,
            log: RecordLog::new(disk, self.at),
            first: self.first,
            lost_bytes: 0,
        })
    }
}

/// An open order log.
#[derive(Debug)]
pub struct OrderLog {
    path: PathBuf,
    log: RecordLog,
    /// Its head and its first record.
    first: Vec<u8>,
    lost_bytes: u64,
}

impl OrderLog {
    /// Opens a day's log, or begins one; gives what it was begun with and its records, which have to be read before
    /// it can be written to.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses, the file is something else, or was begun with something else.
    pub fn open(path: &Path, begun: &LogHead) -> Result<(LogHead, Records), JournalError> {
        let wrong = |problem: String| JournalError {
            file: path.display().to_string(),
            problem,
        };
        let disk = |error: std::io::Error| wrong(error.to_string());
        let mut file = private().open(path).map_err(disk)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => wrong("another gateway is writing it".to_owned()),
            std::fs::TryLockError::Error(error) => wrong(error.to_string()),
        })?;
        let length = file.metadata().map_err(disk)?.len();
        let mut first = Vec::new();
        (&mut file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut first)
            .map_err(disk)?;
        if !MAGIC.starts_with(&first) {
            return Err(wrong(
                "it isn't an order log: another file name is needed".to_owned(),
            ));
        }
        let records = |file: File, length: u64| Records {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 20, file),
            at: MAGIC.len() as u64,
            length,
            torn_bytes: 0,
            damaged_bytes: 0,
            first: Vec::new(),
        };
        let mut found = None;
        if first.len() == MAGIC.len() {
            let mut reading = records(file.try_clone().map_err(disk)?, length);
            reading
                .reader
                .seek(SeekFrom::Start(MAGIC.len() as u64))
                .map_err(disk)?;
            found = reading
                .next_raw()?
                .map(|(kind, payload)| (kind, payload, reading));
            let more = length > MAGIC.len() as u64 + MAX_FIRST_BYTES;
            if found.is_none() && (more || holds_more(&mut file, path)?) {
                return Err(without_head(path));
            }
        }
        if let Some((kind, payload, mut reading)) = found {
            if kind != DAY {
                return Err(without_head(path));
            }
            let then: LogHead = serde_json::from_slice(&payload)
                .map_err(|error| wrong(format!("what it was begun with can't be read: {error}")))?;
            if let Some(problem) = then.differs(begun) {
                return Err(wrong(problem));
            }
            reading.first = MAGIC.to_vec();
            record(DAY, &payload, &mut reading.first);
            return Ok((then, reading));
        }
        // New, or torn in its first record.
        let payload = serde_json::to_vec(begun).map_err(|error| wrong(error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        record(DAY, &payload, &mut bytes);
        file.set_len(0).map_err(disk)?;
        let disk_file = file.try_clone().map_err(disk)?;
        RecordLog::new(Disk::new(path, disk_file, true), 0)
            .commit(&bytes)
            .map_err(disk)?;
        let mut reading = records(file, bytes.len() as u64);
        reading.at = bytes.len() as u64;
        reading.first = bytes;
        Ok((begun.clone(), reading))
    }

    /// The records of a log that a gateway may be writing: nothing of it is cut off or changed.
    ///
    /// # Errors
    /// [`JournalError`] when it can't be read or is something else.
    pub fn look(path: &Path) -> Result<Records, JournalError> {
        Self::look_with(path, None)
    }

    /// The same, if it can go on as what it would be begun with now.
    ///
    /// # Errors
    /// As for [`look`](Self::look), and when it was begun with something else.
    pub fn look_with(path: &Path, now: Option<&LogHead>) -> Result<Records, JournalError> {
        let wrong = |problem: String| JournalError {
            file: path.display().to_string(),
            problem,
        };
        let mut file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let length = file.metadata().map_err(|error| wrong(error.to_string()))?.len();
        let mut first = Vec::new();
        (&mut file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut first)
            .map_err(|error| wrong(error.to_string()))?;
        if first != MAGIC {
            return Err(wrong("it isn't an order log".to_owned()));
        }
        let mut records = Records {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 20, file),
            at: MAGIC.len() as u64,
            length,
            torn_bytes: 0,
            damaged_bytes: 0,
            first: Vec::new(),
        };
        match records.next_raw()? {
            Some((DAY, payload)) => {
                let then: LogHead = serde_json::from_slice(&payload)
                    .map_err(|error| wrong(format!("what it was begun with can't be read: {error}")))?;
                match now.and_then(|now| then.differs(now)) {
                    Some(problem) => Err(wrong(problem)),
                    None => Ok(records),
                }
            }
            // Torn in its first record, or nothing can be told of what follows it.
            None => match records.go_on()? {
                None => Ok(records),
                Some(_) => Err(without_head(path)),
            },
            Some(_) => Err(without_head(path)),
        }
    }

    fn disk(&self, error: &std::io::Error) -> JournalError {
        JournalError {
            file: self.path.display().to_string(),
            problem: error.to_string(),
        }
    }

    /// Makes good what was done to the file. One that is gone is put back with all that was in it; of one that was cut
    /// nothing is left to put back: what is counted from now on has a file to itself.
    fn ready(&mut self) -> Result<(), JournalError> {
        let Some(displaced) = self.log.look().map_err(|error| self.disk(&error))? else {
            return Ok(());
        };
        let made_good = match displaced {
            Displaced::Lengthened { .. } => Ok(()),
            Displaced::Shortened { .. } => {
                let lost = self.log.end() - self.first.len() as u64;
                let mut rest = self.path.as_os_str().to_owned();
                rest.push(".cut");
                // For whoever wants to see what is left of it.
                let _ = std::fs::copy(&self.path, rest);
                self.log.begin_anew(&self.first).map(|()| self.lost_bytes += lost)
            }
            how => self.log.put_back(how),
        };
        made_good.map_err(|error| self.disk(&error))
    }

    /// What was done to the file since this was asked last, whether or not it is made good.
    pub fn displaced(&mut self) -> Option<Displaced> {
        self.log.displaced()
    }

    /// How many bytes were counted that a restart can't count again, since somebody took them off the file.
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    /// Whether a record of that many bytes, and a step after it, could be written now.
    ///
    /// # Errors
    /// [`JournalError`] saying why not.
    pub fn probe(&mut self, bytes: usize) -> Result<(), JournalError> {
        self.ready()?;
        let probed = self.log.probe(bytes + HEAD_BYTES + 2 * (HEAD_BYTES + STEP_BYTES));
        probed.map_err(|error| self.disk(&error))
    }

    /// Lets the disk fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&mut self, faults: &crate::store::record_log::tests::Faults) {
        self.log.fail_as(faults);
    }

    /// Adds a batch. It is on the disk with the next step.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses; the log is as it was then.
    pub fn batch(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let mut out = Vec::with_capacity(HEAD_BYTES + bytes.len());
        record(BATCH, bytes, &mut out);
        self.ready()?;
        self.log.append(&out).map_err(|error| self.disk(&error))
    }

    /// Adds a step. Everything is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses; the log is as it was then, and the batches before it are kept.
    pub fn step(&mut self, to_ms: EventMs, batches: u32) -> Result<(), JournalError> {
        let mut payload = to_ms.to_le_bytes().to_vec();
        payload.extend_from_slice(&batches.to_le_bytes());
        let mut out = Vec::with_capacity(HEAD_BYTES + payload.len());
        record(STEP, &payload, &mut out);
        self.ready()?;
        self.log.commit(&out).map_err(|error| self.disk(&error))
    }
}

#[cfg(test)]
mod tests;
