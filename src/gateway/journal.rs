//! What a restart goes on from: an append-only log of states, each with its checksum. The newest whole one counts.
//!
//! A record is its length and CRC-32, four bytes each, little-endian, and as many bytes of JSON. A write that was
//! torn leaves a tail that is no record; it is cut off. A record that is broken with more after it was altered,
//! and that is an error: nothing is guessed.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: &[u8] = b"meridian journal 1\n";
/// The log is written anew, with its newest record alone, once it is longer than this.
const COMPACT_BYTES: u64 = 4 << 20;
/// Longest record.
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
    file: File,
    bytes: u64,
    states: PhantomData<fn(T)>,
}

/// What was found in a log.
#[derive(Debug)]
pub struct Found<T> {
    /// The newest state, if there is any.
    pub newest: Option<T>,
    /// How many bytes of a torn record were cut off.
    pub torn_bytes: u64,
}

/// The whole records in a log's bytes after its head, and how many bytes they take.
///
/// # Errors
/// Where a broken record is followed by more.
pub fn records(bytes: &[u8]) -> Result<(Vec<&[u8]>, usize), String> {
    let mut found = Vec::new();
    let mut at = 0;
    let altered = |at: usize| {
        format!(
            "the record at byte {} isn't what was written there, and more follows it: delete the file to start anew",
            at + MAGIC.len()
        )
    };
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let number = |from: usize| {
            let four = rest.get(from..from + 4)?;
            Some(u32::from_le_bytes(four.try_into().ok()?))
        };
        let (Some(length), Some(sum)) = (number(0), number(4)) else {
            break;
        };
        let length = length as usize;
        let Some(payload) = rest.get(8..8 + length).filter(|_| length <= MAX_RECORD_BYTES) else {
            // A record longer than what is there is torn, unless it is its length that was altered.
            if holds_record(rest) {
                return Err(altered(at));
            }
            break;
        };
        if length == 0 || crc32fast::hash(payload) != sum {
            // The last one may be torn; a machine that lost power may leave noughts behind it.
            let after = rest.get(8 + length..).unwrap_or(&[]);
            if after.iter().all(|byte| *byte == 0) && !holds_record(rest) {
                break;
            }
            return Err(altered(at));
        }
        found.push(payload);
        at += 8 + length;
    }
    Ok((found, at))
}

/// Whether a whole record begins anywhere after the first byte.
fn holds_record(bytes: &[u8]) -> bool {
    (1..bytes.len()).any(|from| bytes.get(from..).is_some_and(begins_with_record))
}

/// Whether a whole record stands at the beginning.
fn begins_with_record(bytes: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    let [a, b, c, d, sum @ ..] = *head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    length > 0
        && length <= MAX_RECORD_BYTES
        && rest
            .get(..length)
            .is_some_and(|payload| crc32fast::hash(payload) == u32::from_le_bytes(sum))
}

/// The newest state in a log's bytes, and how many of them are whole records.
fn newest<T: DeserializeOwned>(bytes: &[u8]) -> Result<(Option<T>, usize), String> {
    let Some(body) = bytes.strip_prefix(MAGIC) else {
        return Err("it is no journal: another file name is needed, or delete it to start anew".to_owned());
    };
    let (found, length) = records(body)?;
    let read = |payload: &&[u8]| {
        serde_json::from_slice(payload).map_err(|error| {
            format!("its newest state can't be read ({error}): delete the file to start anew")
        })
    };
    Ok((found.last().map(read).transpose()?, MAGIC.len() + length))
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// The newest state of a log that a gateway may be writing: nothing of it is cut off or changed.
    ///
    /// # Errors
    /// [`JournalError`] when it can't be read, the file is something else or its middle is broken.
    pub fn look(path: &Path) -> Result<Option<T>, JournalError> {
        let wrong = |problem: String| JournalError {
            file: path.display().to_string(),
            problem,
        };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if MAGIC.starts_with(&bytes) {
            return Ok(None);
        }
        newest(&bytes).map(|(newest, _)| newest).map_err(wrong)
    }

    /// Opens a log, or begins one that only its owner may read, and gives its newest state.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses, the file is something else or its middle is broken.
    pub fn open(path: &Path) -> Result<(Self, Found<T>), JournalError> {
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
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(disk)?;
        let (newest, kept) = if MAGIC.starts_with(&bytes) {
            // New, or torn in its head.
            file.set_len(0).map_err(disk)?;
            file.seek(SeekFrom::Start(0)).map_err(disk)?;
            file.write_all(MAGIC).map_err(disk)?;
            file.sync_data().map_err(disk)?;
            (None, bytes.len().max(MAGIC.len()))
        } else {
            let (newest, kept) = newest(&bytes).map_err(wrong)?;
            file.set_len(kept as u64).map_err(disk)?;
            (newest, kept)
        };
        file.seek(SeekFrom::End(0)).map_err(disk)?;
        let it = Self {
            path: path.to_owned(),
            file,
            bytes: kept as u64,
            states: PhantomData,
        };
        let torn_bytes = (bytes.len() as u64).saturating_sub(kept as u64);
        Ok((it, Found { newest, torn_bytes }))
    }

    /// Adds a state; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses.
    pub fn append(&mut self, state: &T) -> Result<(), JournalError> {
        let file = self.path.display().to_string();
        let wrong = |problem: String| JournalError {
            file: file.clone(),
            problem,
        };
        let payload = serde_json::to_vec(state).map_err(|error| wrong(error.to_string()))?;
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|_| payload.len() <= MAX_RECORD_BYTES)
            .ok_or_else(|| wrong("a state is too large".to_owned()))?;
        let mut record = Vec::with_capacity(payload.len() + 8);
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        record.extend_from_slice(&payload);
        if self.bytes + record.len() as u64 > COMPACT_BYTES {
            let whole = [MAGIC, &record].concat();
            crate::files::private::write(&self.path, &whole).map_err(|error| wrong(error.to_string()))?;
            let reopened = std::fs::OpenOptions::new().append(true).open(&self.path);
            self.file = reopened.map_err(|error| wrong(error.to_string()))?;
            self.bytes = whole.len() as u64;
            return Ok(());
        }
        self.file
            .write_all(&record)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| wrong(error.to_string()))?;
        self.bytes += record.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    type Numbers = Vec<u64>;

    fn open(path: &Path) -> Result<(Journal<Numbers>, Found<Numbers>), JournalError> {
        Journal::open(path)
    }

    #[test]
    fn the_newest_state_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, found) = open(&path).unwrap();
        assert!(found.newest.is_none());
        for number in 0..5 {
            journal.append(&vec![number; 3]).unwrap();
        }
        let (mut journal, found) = open(&path).unwrap();
        assert_eq!((found.newest, found.torn_bytes), (Some(vec![4; 3]), 0));
        // Long logs are written anew and go on.
        for number in 0..30 {
            journal.append(&vec![u64::MAX - number; 20_000]).unwrap();
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= COMPACT_BYTES);
        journal.append(&vec![7]).unwrap();
        assert_eq!(open(&path).unwrap().1.newest, Some(vec![7]));
    }

    /// Cut anywhere, it opens with the last state that is whole, and goes on from there.
    #[test]
    fn a_torn_tail_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        let mut ends = vec![MAGIC.len()];
        for number in 1..=4 {
            journal.append(&vec![number; number as usize]).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1) as u64;
            let expected = (whole > 0).then(|| vec![whole; whole as usize]);
            // Whoever only looks finds the same, and leaves the tail to whoever writes it.
            assert_eq!(Journal::<Numbers>::look(&path).unwrap(), expected, "cut at {cut}");
            assert_eq!(std::fs::metadata(&path).unwrap().len(), cut as u64);
            let (mut journal, found) = open(&path).unwrap();
            assert_eq!(found.newest, expected, "cut at {cut}");
            journal.append(&vec![9]).unwrap();
            assert_eq!(open(&path).unwrap().1.newest, Some(vec![9]));
        }
        // Noughts after a power cut.
        let mut bytes = bytes;
        bytes.extend([0; 100]);
        std::fs::write(&path, &bytes).unwrap();
        let (_, found) = open(&path).unwrap();
        assert_eq!((found.newest, found.torn_bytes), (Some(vec![4; 4]), 100));
    }

    /// A length that says more than there is looks like a torn record; what follows it tells.
    #[test]
    fn an_altered_length_is_no_torn_tail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        for number in 1..=3 {
            journal.append(&vec![number]).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        // More than there is, and just as much as there is.
        let all = u32::try_from(whole.len() - MAGIC.len() - 8).unwrap();
        for length in [all + 1_000, all] {
            let mut bytes = whole.clone();
            bytes[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&length.to_le_bytes());
            std::fs::write(&path, &bytes).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("more follows it"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, "my diary").unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("no journal"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// A flipped bit is an error or costs the newest states: it never makes another state.
        #[test]
        fn a_flipped_bit_makes_no_state(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state");
            let (mut journal, _) = open(&path).unwrap();
            for number in 1..=4 {
                journal.append(&vec![number; 4]).unwrap();
            }
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            if let Ok((_, found)) = open(&path) {
                let states: Vec<Option<Numbers>> = (0..=4_u64).map(|number| (number > 0).then(|| vec![number; 4])).collect();
                prop_assert!(states.contains(&found.newest));
            }
        }
    }
}
