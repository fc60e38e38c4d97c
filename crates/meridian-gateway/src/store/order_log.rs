//! What a live day was counted from, in order: each batch as it came, and each step with how many batches it took.
//!
//! Counting through it again comes to the same figures, and to the same public ones: a step releases what it
//! released before. It holds restricted rows, so only its owner may read it.
//!
//! A record is its kind (one byte), its length and its CRC-32 (of kind, length and payload; both four bytes,
//! little-endian), and the payload. A write that was torn leaves a tail that is no record; it is cut off. A record
//! that is broken with more after it costs itself alone, and is told among the others ([`Record::Damaged`]): whoever
//! counts says that something is missing. Without its first record, what it was begun with, a log can't be counted.
//! The checksum is against accidents: whoever may write to the file can write other orders.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use crate::store::journal::JournalError;
use crate::store::record_log::{Disk, Displaced, RecordLog, private};
use meridian_core::sales::EventMs;
use meridian_core::sales::columns::{HEAD_BYTES as BATCH_HEAD_BYTES, MAGIC as BATCH_MAGIC};

const MAGIC: &[u8] = b"meridian order log 1\n";
/// Kind, length and checksum.
const HEAD_BYTES: usize = 9;
/// Longest record: a message of batches is no longer.
pub const MAX_RECORD_BYTES: usize = 32 << 20;
/// The guard's rules. Another version would release other groups of the same orders, and the difference would tell
/// of single ones.
pub const GUARD_VERSION: u32 = 3;

const DAY: u8 = 0;
const BATCH: u8 = 1;
const STEP: u8 = 2;
/// An instant and a number of batches.
const STEP_BYTES: usize = 12;
/// So much is summed up at most to find where a log goes on after a damaged place.
const MOST_SCANNED_BYTES: usize = 1 << 30;

/// What a log was begun with: counting through it is only the same with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// The day, as its file says it.
    pub day: String,
    /// Hash of the catalogue that places refer to.
    pub catalogue: String,
    /// Where event time began.
    pub start_ms: EventMs,
    /// Fewest orders or payments of a published group; 0: nothing is withheld.
    pub k: u32,
    /// [`GUARD_VERSION`].
    pub guard: u32,
    /// The seed of the hidden part of the guard's thresholds.
    pub seed: u64,
}

impl Begun {
    /// What a log of this day is to be begun with now.
    pub fn new(day: &str, catalogue: &str, start_ms: EventMs, k: u32) -> Self {
        Self {
            day: day.to_owned(),
            catalogue: catalogue.to_owned(),
            start_ms,
            k,
            guard: GUARD_VERSION,
            seed: rand::rng().random(),
        }
    }

    /// What keeps a log that was begun so from going on as `now`.
    fn differs(&self, now: &Self) -> Option<String> {
        let apart = |what: &str, then: &dyn std::fmt::Display, now: &dyn std::fmt::Display| {
            Some(format!(
                "it was begun with {what} {then}, and now it is {now}: go back to that, or move the file away to count the day anew"
            ))
        };
        if self.k != now.k {
            return apart("privacy.k", &self.k, &now.k);
        }
        if self.guard != now.guard {
            return apart("version of the guard", &self.guard, &now.guard);
        }
        if self.catalogue != now.catalogue {
            return apart("catalogue", &self.catalogue, &now.catalogue);
        }
        (self.day != now.day).then(|| {
            "it was begun with a day file that said something else (synthetic, gmv_counts, currency, celebrate, start, hours, lag_s, late_s, categories or products): go back to that, or give this day another order log".to_owned()
        })
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A batch, as it came.
    Batch(Vec<u8>),
    /// A step to an instant, and how many of the batches that waited it took.
    Step {
        /// The instant.
        to_ms: EventMs,
        /// How many.
        batches: u32,
    },
    /// Bytes that are no record, with others after them: what stood there is lost.
    Damaged(Damage),
}

/// A place in a log that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub at: u64,
    /// How long it is.
    pub bytes: u64,
    /// Source and number of the batch that it begins with, as far as that can be told: sent again it is counted.
    pub batch: Option<(u32, u64)>,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} bytes at byte {} can't be read", self.bytes, self.at)?;
        match self.batch {
            Some((source, sequence)) => write!(out, ": batch {sequence} of source {source}, as it seems"),
            None => Ok(()),
        }
    }
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn record(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(kind, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Kind, length and checksum of a record's head.
fn head(bytes: &[u8; HEAD_BYTES]) -> (u8, usize, u32) {
    let [kind, a, b, c, d, sum @ ..] = *bytes;
    (
        kind,
        u32::from_le_bytes([a, b, c, d]) as usize,
        u32::from_le_bytes(sum),
    )
}

/// How long the whole record at the beginning is.
fn first_record(bytes: &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let (kind, length, sum) = head(first);
    let fits = match kind {
        BATCH => (1..=MAX_RECORD_BYTES).contains(&length),
        STEP => length == STEP_BYTES,
        _ => false,
    };
    let payload = rest.get(..length).filter(|_| fits)?;
    (checksum(kind, payload) == sum).then_some(HEAD_BYTES + length)
}

/// Where the next whole record begins, within so many bytes, after a first one that isn't whole: where that one would
/// end if its length is what was written, or wherever a step or a batch begins.
fn next_record(bytes: &[u8], within: usize) -> Option<usize> {
    let is_whole = |from: usize| bytes.get(from..).is_some_and(|rest| first_record(rest).is_some());
    if let Some(first) = bytes.first_chunk::<HEAD_BYTES>() {
        let its_end = HEAD_BYTES + head(first).1;
        if its_end < within && is_whole(its_end) {
            return Some(its_end);
        }
    }
    // Bytes that look like many long records would take for ever.
    let mut budget = MOST_SCANNED_BYTES;
    (1..within.min(bytes.len())).find(|from| {
        let Some(first) = bytes
            .get(*from..)
            .and_then(|rest| rest.first_chunk::<HEAD_BYTES>())
        else {
            return false;
        };
        let (kind, length, _) = head(first);
        let is_batch = || {
            let payload = bytes.get(from + HEAD_BYTES..);
            payload.is_some_and(|payload| payload.starts_with(&BATCH_MAGIC))
        };
        let looks_right = match kind {
            STEP => length == STEP_BYTES,
            BATCH => (1..=MAX_RECORD_BYTES.min(budget)).contains(&length) && is_batch(),
            _ => false,
        };
        if looks_right {
            budget = budget.saturating_sub(length);
        }
        looks_right && is_whole(*from)
    })
}

/// The name of the batch in a record that isn't whole, where its head can be read.
fn name_of(bytes: &[u8]) -> Option<(u32, u64)> {
    let batch = bytes.get(HEAD_BYTES..HEAD_BYTES + BATCH_HEAD_BYTES)?;
    let source = batch.get(8..12)?.try_into().ok()?;
    let sequence = batch.get(16..24)?.try_into().ok()?;
    batch
        .starts_with(&BATCH_MAGIC)
        .then(|| (u32::from_le_bytes(source), u64::from_le_bytes(sequence)))
}

/// What a log was begun with takes no more.
const MOST_FIRST_BYTES: u64 = 4_096;

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
fn headless(path: &Path) -> JournalError {
    let file = path.display().to_string();
    let problem = format!(
        "what it was begun with can't be read, and more follows it: it can't be counted again as it was.          `mv {file} {file}.damaged` lets the day begin anew, with what is sent again"
    );
    JournalError { file, problem }
}

/// Reads a log from its first record on.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    reader: BufReader<File>,
    /// Where the next record begins.
    at: u64,
    length: u64,
    torn_bytes: u64,
    damaged_bytes: u64,
    /// The log's head and first record, as they would be written.
    first: Vec<u8>,
}

impl Records {
    fn wrong(&self, problem: impl Into<String>) -> JournalError {
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
    fn next_raw(&mut self) -> Result<Option<(u8, Vec<u8>)>, JournalError> {
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
    fn go_on(&mut self) -> Result<Option<Damage>, JournalError> {
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

/// A log that is written to.
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
    pub fn open(path: &Path, begun: &Begun) -> Result<(Begun, Records), JournalError> {
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
                "it is no order log: another file name is needed".to_owned(),
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
            let more = length > MAGIC.len() as u64 + MOST_FIRST_BYTES;
            if found.is_none() && (more || holds_more(&mut file, path)?) {
                return Err(headless(path));
            }
        }
        if let Some((kind, payload, mut reading)) = found {
            if kind != DAY {
                return Err(headless(path));
            }
            let then: Begun = serde_json::from_slice(&payload)
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
    pub fn look_with(path: &Path, now: Option<&Begun>) -> Result<Records, JournalError> {
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
            return Err(wrong("it is no order log".to_owned()));
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
                let then: Begun = serde_json::from_slice(&payload)
                    .map_err(|error| wrong(format!("what it was begun with can't be read: {error}")))?;
                match now.and_then(|now| then.differs(now)) {
                    Some(problem) => Err(wrong(problem)),
                    None => Ok(records),
                }
            }
            // Torn in its first record, or nothing can be told of what follows it.
            None => match records.go_on()? {
                None => Ok(records),
                Some(_) => Err(headless(path)),
            },
            Some(_) => Err(headless(path)),
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

    /// Whether a record of so many bytes, and a step after it, could be written now.
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::store::record_log::tests::Faults;
    use meridian_core::sales::columns::encode;
    use meridian_core::sales::{Batch, Kind};

    fn begun(k: u32) -> Begun {
        Begun::new("a day", "a catalogue", 5, k)
    }

    fn read(path: &Path) -> Result<(Vec<Record>, Records), JournalError> {
        let (_, mut records) = OrderLog::open(path, &begun(10))?;
        let mut found = Vec::new();
        while let Some(record) = records.next_record()? {
            found.push(record);
        }
        Ok((found, records))
    }

    fn written(path: &Path) -> (Vec<Record>, Vec<usize>) {
        let (_, records) = read(path).unwrap();
        let mut log = records.into_log().unwrap();
        let mut ends = vec![std::fs::metadata(path).unwrap().len() as usize];
        let mut all = Vec::new();
        for number in 0..4_u8 {
            let batch = Batch::new(Kind::Order, 0, 100 + i64::from(number));
            let batch = encode(&batch, 1, u64::from(number)).unwrap();
            log.batch(&batch).unwrap();
            all.push(Record::Batch(batch));
            ends.push(std::fs::metadata(path).unwrap().len() as usize);
            log.step(i64::from(number) * 100, 1).unwrap();
            all.push(Record::Step {
                to_ms: i64::from(number) * 100,
                batches: 1,
            });
            ends.push(std::fs::metadata(path).unwrap().len() as usize);
        }
        (all, ends)
    }

    #[test]
    fn what_was_written_is_read_and_gone_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (all, _) = written(&path);
        let (found, records) = read(&path).unwrap();
        assert_eq!(found, all);
        records.into_log().unwrap().batch(b"more").unwrap();
        assert_eq!(
            read(&path).unwrap().0.last(),
            Some(&Record::Batch(b"more".to_vec()))
        );
        // The seed is that of its beginning.
        let seeds = [1, 2].map(|_| OrderLog::open(&path, &begun(10)).unwrap().0.seed);
        assert_eq!(seeds[0], seeds[1]);
    }

    /// Cut anywhere, it has what was whole, and goes on from there.
    #[test]
    fn a_torn_tail_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (all, ends) = written(&path);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            let (found, records) = read(&path).unwrap();
            assert_eq!(found, all[..whole], "cut at {cut}");
            records.into_log().unwrap().step(9, 0).unwrap();
            let (found, _) = read(&path).unwrap();
            assert_eq!(found.len(), whole + 1, "cut at {cut}");
        }
    }

    /// Whatever byte is altered: it costs the record that it is in, and that is said; all others are as they were.
    #[test]
    fn what_was_altered_costs_one_record_and_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (all, ends) = written(&path);
        let bytes = std::fs::read(&path).unwrap();
        for at in ends[0]..ends[ends.len() - 2] {
            for flip in [4, 0x80] {
                let mut altered = bytes.clone();
                altered[at] ^= flip;
                std::fs::write(&path, &altered).unwrap();
                let number = ends.iter().filter(|end| **end <= at).count() - 1;
                let (found, records) = read(&path).unwrap();
                let Record::Damaged(damage) = found[number] else {
                    panic!("byte {at}: {:?}", found[number])
                };
                let place = (damage.at, damage.bytes);
                assert_eq!(
                    place,
                    (ends[number] as u64, (ends[number + 1] - ends[number]) as u64)
                );
                assert_eq!(
                    (&found[..number], &found[number + 1..]),
                    (&all[..number], &all[number + 1..])
                );
                assert_eq!(records.damaged_bytes(), damage.bytes);
                // It is gone on with, and the damaged place stays as it is.
                records.into_log().unwrap().step(9, 0).unwrap();
                let (again, _) = read(&path).unwrap();
                assert_eq!((again.len(), &again[..all.len()]), (all.len() + 1, &found[..]));
            }
        }
    }

    /// A page of noughts takes several records with it, and the name of the first batch is told where it is left.
    #[test]
    fn a_damaged_middle_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (all, ends) = written(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[ends[2] + HEAD_BYTES + 40..ends[5] - 1].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let (found, _) = read(&path).unwrap();
        let damage = Damage {
            at: ends[2] as u64,
            bytes: (ends[5] - ends[2]) as u64,
            batch: Some((1, 1)),
        };
        assert_eq!(found[2], Record::Damaged(damage));
        assert_eq!((&found[..2], &found[3..]), (&all[..2], &all[5..]));
        assert!(damage.to_string().contains("batch 1 of source 1"), "{damage}");
        // Without what it was begun with it can't be counted, and says what to do.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[MAGIC.len() + HEAD_BYTES + 3] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        for error in [read(&path).unwrap_err(), OrderLog::look(&path).unwrap_err()] {
            assert!(
                error.to_string().contains(".damaged` lets the day begin anew"),
                "{error}"
            );
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    /// A log that somebody deletes, moves or replaces is back with the next record; one that is cut says what is lost.
    #[test]
    fn a_log_that_is_taken_away_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (mut all, _) = written(&path);
        let mut log = read(&path).unwrap().1.into_log().unwrap();
        for (number, displaced) in [Displaced::Deleted, Displaced::Moved, Displaced::Replaced]
            .into_iter()
            .enumerate()
        {
            log.batch(b"more").unwrap();
            match displaced {
                Displaced::Deleted => std::fs::remove_file(&path).unwrap(),
                _ => std::fs::rename(&path, folder.path().join("elsewhere")).unwrap(),
            }
            if displaced == Displaced::Replaced {
                std::fs::write(&path, "my diary").unwrap();
            }
            log.step(number as i64, 1).unwrap();
            all.extend([
                Record::Batch(b"more".to_vec()),
                Record::Step {
                    to_ms: number as i64,
                    batches: 1,
                },
            ]);
            assert_eq!((log.displaced(), log.lost_bytes()), (Some(displaced), 0));
            // The new file is locked as the old one was.
            let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
            assert!(error.contains("another gateway"), "{error}");
        }
        log.batch(b"last").unwrap();
        std::fs::write(&path, "").unwrap();
        log.step(7, 1).unwrap();
        assert_eq!(log.displaced(), Some(Displaced::Shortened { to: 0 }));
        assert!(log.lost_bytes() > 400, "{}", log.lost_bytes());
        drop(log);
        let (found, _) = read(&path).unwrap();
        assert_eq!(
            found,
            [
                Record::Batch(b"last".to_vec()),
                Record::Step { to_ms: 7, batches: 1 }
            ]
        );
        let diary = std::fs::read_to_string(folder.path().join("day.orders.displaced")).unwrap();
        assert_eq!(diary, "my diary");
    }

    /// Batches before a step that couldn't be written are there with the next one that could.
    #[test]
    fn a_full_disk_loses_no_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (mut all, _) = written(&path);
        let mut log = read(&path).unwrap().1.into_log().unwrap();
        let faults = Faults::default();
        log.fail_as(&faults);
        for round in 0..4 {
            log.batch(b"batch").unwrap();
            all.push(Record::Batch(b"batch".to_vec()));
            faults.full_at(std::fs::metadata(&path).unwrap().len() + round * 5);
            faults.fails(round % 2 == 1, round == 3);
            assert!(log.step(1, 1).is_err() && log.batch(&[7; 40]).is_err() && log.probe(0).is_err());
            faults.none();
            log.probe(100).unwrap();
            log.step(2, 1).unwrap();
            all.push(Record::Step { to_ms: 2, batches: 1 });
        }
        drop(log);
        assert_eq!(read(&path).unwrap().0, all);
    }

    #[test]
    fn another_day_another_k_or_another_gateway_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        drop(read(&path).unwrap());
        let error = OrderLog::open(&path, &begun(5)).unwrap_err().to_string();
        assert!(error.contains("privacy.k 10, and now it is 5"), "{error}");
        let other = Begun {
            day: "another".to_owned(),
            ..begun(10)
        };
        let error = OrderLog::open(&path, &other).unwrap_err().to_string();
        assert!(error.contains("day file that said something else"), "{error}");
        let held = OrderLog::open(&path, &begun(10)).unwrap();
        let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
        assert!(error.contains("another gateway"), "{error}");
        drop(held);
        std::fs::write(&path, "my diary").unwrap();
        let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
        assert!(error.contains("no order log"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary");
    }
}
