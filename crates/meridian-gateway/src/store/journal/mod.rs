//! The journal: an append-only log of states, each with its checksum. A restart continues from the newest whole one.
//!
//! A record is its length and CRC-32, four bytes each, little-endian, and as many bytes of JSON. A write that was
//! torn leaves a tail that is no record; it is cut off. A record that is broken costs itself alone: what is whole
//! after it counts, and it is said that something was damaged. The checksum is against accidents: whoever may write
//! to the file can write another state.

use std::io::Read as _;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::record_log::{Disk, Displaced, RecordLog, private};

const MAGIC: &[u8] = b"meridian journal 1\n";
/// The log is written anew, with its newest record alone, once it is longer than this.
const COMPACT_BYTES: u64 = 4 << 20;
/// The longest record, in bytes.
const MAX_RECORD_BYTES: usize = 32 << 20;

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct JournalError {
    /// The file.
    pub file: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A log of states.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    log: RecordLog,
    states: PhantomData<fn(T)>,
}

/// What was found in a log.
#[derive(Debug)]
pub struct Found<T> {
    /// The newest state, if there is any.
    pub newest: Option<T>,
    /// How many bytes of a torn record were cut off.
    pub torn_bytes: u64,
    /// How many bytes before the newest state are no record.
    pub damaged_bytes: u64,
}

/// The whole records in a log's bytes after its head.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Records<'a> {
    /// They themselves, oldest first.
    pub whole: Vec<&'a [u8]>,
    /// Where the last one ends.
    pub end: usize,
    /// How many bytes before that are in none.
    pub damaged_bytes: usize,
}

/// The whole records in a log's bytes after its head. What is none is passed over.
pub fn records(bytes: &[u8]) -> Records<'_> {
    let mut found = Records::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(payload) = first_record(rest) {
            found.damaged_bytes += at - found.end;
            at += 8 + payload.len();
            found.end = at;
            found.whole.push(payload);
            continue;
        }
        match next_record(rest) {
            Some(further) => at += further,
            None => break,
        }
    }
    found
}

/// Where the next whole record begins in bytes that don't begin with one: where this one would end, if its length is
/// what was written, or wherever there is one.
fn next_record(bytes: &[u8]) -> Option<usize> {
    let is_whole = |from: &usize| {
        bytes
            .get(*from..)
            .is_some_and(|rest| first_record(rest).is_some())
    };
    let length = bytes.first_chunk::<4>().map(|four| u32::from_le_bytes(*four));
    let its_end = length.map(|length| length as usize + 8);
    its_end
        .filter(is_whole)
        .or_else(|| (1..bytes.len()).find(is_whole))
}

/// The whole record at the beginning.
fn first_record(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let [a, b, c, d, sum @ ..] = *head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let payload = rest
        .get(..length)
        .filter(|_| (1..=MAX_RECORD_BYTES).contains(&length))?;
    (crc32fast::hash(payload) == u32::from_le_bytes(sum)).then_some(payload)
}

/// What is in a file.
struct Read<T> {
    newest: Option<T>,
    /// Until where it is kept; none: it has to be written anew.
    kept: Option<usize>,
    damaged_bytes: usize,
}

/// The newest state in a log's bytes.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Read<T>, String> {
    if MAGIC.starts_with(bytes) {
        // New, or torn in its head.
        return Ok(Read {
            newest: None,
            kept: None,
            damaged_bytes: 0,
        });
    }
    let body = bytes.strip_prefix(MAGIC);
    let found = records(body.unwrap_or_else(|| bytes.get(MAGIC.len()..).unwrap_or(&[])));
    let noughts = bytes.iter().all(|byte| *byte == 0);
    if body.is_none() && found.whole.is_empty() && !noughts {
        return Err("it isn't a journal: another file name is needed, or delete it to start anew".to_owned());
    }
    // A whole record of another form isn't damaged: another version wrote it, and what it says isn't to be forgotten.
    let newest = found.whole.last().map(|payload| {
        serde_json::from_slice(payload).map_err(|error| {
            format!(
                "its newest state can't be read ({error}): the version that wrote it can, or delete the file to start anew"
            )
        })
    });
    let head_damaged = if body.is_none() { MAGIC.len() } else { 0 };
    Ok(Read {
        newest: newest.transpose()?,
        kept: body.map(|_| MAGIC.len() + found.end),
        damaged_bytes: found.damaged_bytes + head_damaged,
    })
}

/// A record of a payload.
fn record(payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(payload.len() + 8);
    record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    record.extend_from_slice(payload);
    record
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// The newest state of a log that a gateway may be writing: nothing of it is cut off or changed.
    ///
    /// # Errors
    /// [`JournalError`] when it can't be read, the file is something else or its newest state is of another version.
    pub fn look(path: &Path) -> Result<Found<T>, JournalError> {
        let wrong = |problem: String| JournalError {
            file: path.display().to_string(),
            problem,
        };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let read = read(&bytes).map_err(wrong)?;
        Ok(Found {
            newest: read.newest,
            torn_bytes: (bytes.len() - read.kept.unwrap_or(bytes.len())) as u64,
            damaged_bytes: read.damaged_bytes as u64,
        })
    }

    /// Opens a log, or begins one that only its owner may read, and gives its newest state.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses, the file is something else or its newest state is of another version.
    pub fn open(path: &Path) -> Result<(Self, Found<T>), JournalError> {
        let wrong = |problem: String| JournalError {
            file: path.display().to_string(),
            problem,
        };
        let disk = |error: std::io::Error| wrong(error.to_string());
        let mut file = private().open(path).map_err(disk)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(disk)?;
        let read = read(&bytes).map_err(wrong)?;
        let kept = read.kept.unwrap_or(0) as u64;
        if read.kept.is_some() && bytes.len() as u64 > kept {
            file.set_len(kept).map_err(disk)?;
        }
        let mut log = RecordLog::new(Disk::new(path, file, false), kept);
        if read.kept.is_none() {
            let newest = read.newest.as_ref().map(serde_json::to_vec).transpose();
            let newest = newest.map_err(|error| wrong(error.to_string()))?;
            let newest = newest.map(|payload| record(&payload)).unwrap_or_default();
            log.begin_anew(&[MAGIC, &newest].concat()).map_err(disk)?;
        }
        let it = Self {
            path: path.to_owned(),
            log,
            states: PhantomData,
        };
        let found = Found {
            newest: read.newest,
            torn_bytes: if read.kept.is_some() {
                bytes.len() as u64 - kept
            } else {
                0
            },
            damaged_bytes: read.damaged_bytes as u64,
        };
        Ok((it, found))
    }

    /// Adds a state; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses; the log is as it was then.
    pub fn append(&mut self, state: &T) -> Result<(), JournalError> {
        let file = self.path.display().to_string();
        let wrong = |problem: String| JournalError {
            file: file.clone(),
            problem,
        };
        let payload = serde_json::to_vec(state).map_err(|error| wrong(error.to_string()))?;
        if payload.len() > MAX_RECORD_BYTES {
            return Err(wrong("a state is too large".to_owned()));
        }
        let record = record(&payload);
        let disk = |error: std::io::Error| wrong(error.to_string());
        // One state is as good as all of them: a file that somebody took away is begun anew.
        let displaced = self.log.look().map_err(disk)?;
        let gone = displaced.filter(|how| !matches!(how, Displaced::Lengthened { .. }));
        let long = self.log.end() + record.len() as u64 > COMPACT_BYTES;
        if (long || gone.is_some())
            && let Err(error) = self.log.begin_anew(&[MAGIC, &record].concat())
            // There may be space for one more where there is none for another file.
            && (gone.is_some() || self.log.commit(&record).is_err())
        {
            return Err(wrong(match gone {
                Some(how) => format!("{how}, and can't be begun anew yet: {error}"),
                None => error.to_string(),
            }));
        }
        if !long && gone.is_none() {
            self.log.commit(&record).map_err(disk)?;
        }
        Ok(())
    }

    /// What was done to the file since this was asked last.
    pub fn displaced(&mut self) -> Option<Displaced> {
        self.log.displaced()
    }

    /// Lets the disk fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&mut self, faults: &crate::store::record_log::tests::Faults) {
        self.log.fail_as(faults);
    }
}

#[cfg(test)]
mod tests;
