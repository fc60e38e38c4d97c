//! What a live day was counted from, in order: each batch as it came, and each step with how many batches it took.
//!
//! Counting through it again comes to the same figures, and to the same public ones: a step releases what it
//! released before. It holds restricted rows, so only its owner may read it.
//!
//! A record is its kind (one byte), its length and its CRC-32 (of kind, length and payload; both four bytes,
//! little-endian), and the payload. A write that was torn leaves a tail that is no record; it is cut off. A record
//! that is broken with more after it was altered, and that is an error: nothing is guessed.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::journal::JournalError;
use crate::sales::EventMs;

const MAGIC: &[u8] = b"meridian order log 1\n";
/// Kind, length and checksum.
const HEAD_BYTES: usize = 9;
/// Longest record: a message of batches is no longer.
pub const MAX_RECORD_BYTES: usize = 32 << 20;
/// The guard's rules. Another version would release other groups of the same orders, and the difference would tell
/// of single ones.
pub const GUARD_VERSION: u32 = 2;

const DAY: u8 = 0;
const BATCH: u8 = 1;
const STEP: u8 = 2;

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

/// Whether a whole record begins anywhere after the first byte.
fn holds_record(bytes: &[u8]) -> bool {
    (1..bytes.len()).any(|from| {
        let Some((first, rest)) = bytes
            .get(from..)
            .and_then(|rest| rest.split_first_chunk::<HEAD_BYTES>())
        else {
            return false;
        };
        let (kind, length, sum) = head(first);
        (kind == BATCH || kind == STEP)
            && length > 0
            && rest
                .get(..length)
                .is_some_and(|payload| checksum(kind, payload) == sum)
    })
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
    /// [`JournalError`] when the disk refuses, or where a broken record is followed by more.
    pub fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        let Some((kind, payload)) = self.next_raw()? else {
            return Ok(None);
        };
        match kind {
            BATCH => Ok(Some(Record::Batch(payload))),
            _ => {
                let number = |from: usize| payload.get(from..from + 8)?.try_into().ok();
                let step = number(0)
                    .map(i64::from_le_bytes)
                    .zip(payload.get(8..12).and_then(|four| four.try_into().ok()))
                    .map(|(to_ms, four)| Record::Step {
                        to_ms,
                        batches: u32::from_le_bytes(four),
                    });
                match step {
                    Some(step) if payload.len() == 12 && kind == STEP => Ok(Some(step)),
                    _ => Err(self.altered()),
                }
            }
        }
    }

    fn altered(&self) -> JournalError {
        self.wrong(format!(
            "the record that ends at byte {} isn't what was written there, and more follows it: move the file away to count the day anew",
            self.at
        ))
    }

    fn next_raw(&mut self) -> Result<Option<(u8, Vec<u8>)>, JournalError> {
        let left = self.length.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        let mut first = [0; HEAD_BYTES];
        let fits = left >= HEAD_BYTES as u64;
        if fits {
            self.reader
                .read_exact(&mut first)
                .map_err(|error| self.disk(&error))?;
            let (kind, length, sum) = head(&first);
            if length <= MAX_RECORD_BYTES && (HEAD_BYTES + length) as u64 <= left {
                let mut payload = vec![0; length];
                self.reader
                    .read_exact(&mut payload)
                    .map_err(|error| self.disk(&error))?;
                if kind <= STEP && length > 0 && checksum(kind, &payload) == sum {
                    self.at += (HEAD_BYTES + length) as u64;
                    return Ok(Some((kind, payload)));
                }
            }
        }
        // Torn, if nothing that is a record follows.
        if left > (HEAD_BYTES + MAX_RECORD_BYTES) as u64 {
            return Err(self.altered());
        }
        let mut rest = Vec::new();
        self.reader
            .seek(SeekFrom::Start(self.at))
            .and_then(|_| self.reader.read_to_end(&mut rest))
            .map_err(|error| self.disk(&error))?;
        if holds_record(&rest) {
            return Err(self.altered());
        }
        self.torn_bytes = left;
        self.length = self.at;
        Ok(None)
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
        let mut file = self.reader.into_inner();
        let wrong = |error: std::io::Error| JournalError {
            file: self.path.display().to_string(),
            problem: error.to_string(),
        };
        file.set_len(self.at).map_err(wrong)?;
        file.seek(SeekFrom::Start(self.at)).map_err(wrong)?;
        Ok(OrderLog {
            path: self.path,
            file,
            end: self.at,
        })
    }
}

/// A log that is written to.
#[derive(Debug)]
pub struct OrderLog {
    path: PathBuf,
    file: File,
    end: u64,
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
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(disk)?;
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
        }
        if let Some((kind, payload, reading)) = found {
            if kind != DAY {
                return Err(reading.altered());
            }
            let then: Begun = serde_json::from_slice(&payload)
                .map_err(|error| wrong(format!("what it was begun with can't be read: {error}")))?;
            if let Some(problem) = then.differs(begun) {
                return Err(wrong(problem));
            }
            return Ok((then, reading));
        }
        // New, or torn in its first record.
        let payload = serde_json::to_vec(begun).map_err(|error| wrong(error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        record(DAY, &payload, &mut bytes);
        file.set_len(0).map_err(disk)?;
        file.seek(SeekFrom::Start(0)).map_err(disk)?;
        file.write_all(&bytes).map_err(disk)?;
        file.sync_all().map_err(disk)?;
        let mut reading = records(file, bytes.len() as u64);
        reading.at = bytes.len() as u64;
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
            None => Ok(records),
            Some(_) => Err(records.altered()),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if let Err(error) = self.file.write_all(bytes) {
            // What was written of it must not stand before the next record.
            let undone = self
                .file
                .set_len(self.end)
                .and_then(|()| self.file.seek(SeekFrom::Start(self.end)).map(|_| ()));
            let also = undone.err().map(|error| format!("; {error}")).unwrap_or_default();
            return Err(JournalError {
                file: self.path.display().to_string(),
                problem: format!("{error}{also}"),
            });
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Adds a batch. It is on the disk with the next step.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses; the log is as it was then.
    pub fn batch(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let mut out = Vec::with_capacity(HEAD_BYTES + bytes.len());
        record(BATCH, bytes, &mut out);
        self.append(&out)
    }

    /// Adds a step. Everything is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses.
    pub fn step(&mut self, to_ms: EventMs, batches: u32) -> Result<(), JournalError> {
        let mut payload = to_ms.to_le_bytes().to_vec();
        payload.extend_from_slice(&batches.to_le_bytes());
        let mut out = Vec::with_capacity(HEAD_BYTES + payload.len());
        record(STEP, &payload, &mut out);
        self.append(&out)?;
        self.file.sync_data().map_err(|error| JournalError {
            file: self.path.display().to_string(),
            problem: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

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
            log.batch(&vec![number; 40 + usize::from(number)]).unwrap();
            all.push(Record::Batch(vec![number; 40 + usize::from(number)]));
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

    #[test]
    fn what_was_altered_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.orders");
        let (_, ends) = written(&path);
        let bytes = std::fs::read(&path).unwrap();
        for at in ends[0]..ends[ends.len() - 2] {
            let mut altered = bytes.clone();
            altered[at] ^= 4;
            std::fs::write(&path, &altered).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("isn't what was written"), "byte {at}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), altered);
        }
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
