//! Reads an order log from its first record on, skipping what is damaged.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use crate::store::journal::JournalError;
use crate::store::order_log::record::{
    BATCH, Damage, HEAD_BYTES, MAX_RECORD_BYTES, Record, STEP, STEP_BYTES, checksum, head, name_of,
    next_record,
};

/// Reads a log from its first record on.
#[derive(Debug)]
pub struct Records {
    pub(super) path: PathBuf,
    pub(super) reader: BufReader<File>,
    /// Where the next record begins.
    pub(super) at: u64,
    pub(super) length: u64,
    pub(super) torn_bytes: u64,
    pub(super) damaged_bytes: u64,
    /// The log's head and first record, as they would be written.
    pub(super) first: Vec<u8>,
}

impl Records {
    pub(super) fn wrong(&self, problem: impl Into<String>) -> JournalError {
        JournalError {
            file: self.path.display().to_string(),
            problem: problem.into(),
        }
    }

    fn disk(&self, error: &std::io::Error) -> JournalError {
        self.wrong(error.to_string())
    }

    /// The next record; none at the end, and none when what is left of it is torn.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses, or a record is whole and of no known form.
    pub fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        if let Some((kind, payload)) = self.next_raw()? {
            return self.read_as(kind, payload).map(Some);
        }
        let damage = self.go_on()?;
        Ok(damage.map(Record::Damaged))
    }

    fn read_as(&self, kind: u8, payload: Vec<u8>) -> Result<Record, JournalError> {
        let number = |from: usize| payload.get(from..from + 8)?.try_into().ok();
        let step = number(0)
            .map(i64::from_le_bytes)
            .zip(payload.get(8..12).and_then(|four| four.try_into().ok()))
            .map(|(to_ms, four)| Record::Step {
                to_ms,
                batches: u32::from_le_bytes(four),
            });
        match (kind, step) {
            (BATCH, _) => Ok(Record::Batch(payload)),
            (STEP, Some(step)) if payload.len() == STEP_BYTES => Ok(step),
            _ => Err(self.wrong(format!(
                "the record that ends at byte {} is none that this version writes: the one that wrote it can go on",
                self.at
            ))),
        }
    }

    /// The next record's kind and payload; none at the end, and where there is none.
    pub(super) fn next_raw(&mut self) -> Result<Option<(u8, Vec<u8>)>, JournalError> {
        let left = self.length.saturating_sub(self.at);
        if left < HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut first = [0; HEAD_BYTES];
        self.reader
            .read_exact(&mut first)
            .map_err(|error| self.disk(&error))?;
        let (kind, length, sum) = head(&first);
        if length == 0 || length > MAX_RECORD_BYTES || (HEAD_BYTES + length) as u64 > left {
            return Ok(None);
        }
        let mut payload = vec![0; length];
        self.reader
            .read_exact(&mut payload)
            .map_err(|error| self.disk(&error))?;
        if kind > STEP || checksum(kind, &payload) != sum {
            return Ok(None);
        }
        self.at += (HEAD_BYTES + length) as u64;
        Ok(Some((kind, payload)))
    }

    /// Goes to the next record after a place where there is none; where none follows, what is left is torn.
    pub(super) fn go_on(&mut self) -> Result<Option<Damage>, JournalError> {
        const WINDOW_BYTES: u64 = (HEAD_BYTES + MAX_RECORD_BYTES) as u64;
        let from = self.at;
        let mut batch = None;
        let mut at = from;
        while at < self.length {
            let mut window = Vec::new();
            self.reader
                .seek(SeekFrom::Start(at))
                .map_err(|error| self.disk(&error))?;
            let many = (2 * WINDOW_BYTES).min(self.length - at);
            (&mut self.reader)
                .take(many)
                .read_to_end(&mut window)
                .map_err(|error| self.disk(&error))?;
            if at == from {
                batch = name_of(&window);
            }
            // What begins in the first half of a full window ends in it.
            let is_last = at + many >= self.length;
            let within = if is_last {
                window.len()
            } else {
                WINDOW_BYTES as usize
            };
            if let Some(further) = next_record(&window, within) {
                self.at = at + further as u64;
                self.reader
                    .seek(SeekFrom::Start(self.at))
                    .map_err(|error| self.disk(&error))?;
                let bytes = self.at - from;
                self.damaged_bytes += bytes;
                return Ok(Some(Damage {
                    at: from,
                    bytes,
                    batch,
                }));
            }
            if is_last {
                break;
            }
            // One that begins with the next window's first byte is looked for from the byte before it on.
            at += WINDOW_BYTES - 1;
        }
        self.torn_bytes = self.length - from;
        self.length = from;
        Ok(None)
    }

    /// How many bytes before the last whole record are in none, of what was read so far.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// How many bytes of a torn record were found at the end.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }
}
