//! What a restart goes on from: an append-only log of states, each with its checksum. The newest whole one counts.
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
        return Err("it is no journal: another file name is needed, or delete it to start anew".to_owned());
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::store::record_log::tests::Faults;

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
            let seen = Journal::<Numbers>::look(&path).unwrap();
            assert_eq!(seen.newest, expected, "cut at {cut}");
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

    /// A length that says more than there is, or as much as there is, hides nothing that follows.
    #[test]
    fn an_altered_length_costs_one_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        for number in 1..=3 {
            journal.append(&vec![number]).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let all = u32::try_from(whole.len() - MAGIC.len() - 8).unwrap();
        for length in [all + 1_000, all, 0, u32::MAX] {
            let mut bytes = whole.clone();
            bytes[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&length.to_le_bytes());
            std::fs::write(&path, &bytes).unwrap();
            let (mut journal, found) = open(&path).unwrap();
            assert_eq!((found.newest, found.damaged_bytes), (Some(vec![3]), 11));
            journal.append(&vec![4]).unwrap();
            assert_eq!(open(&path).unwrap().1.newest, Some(vec![4]));
        }
    }

    /// Whatever is broken before the newest state, it counts; and that something is broken is said, to those who only look too.
    #[test]
    fn a_broken_middle_is_said_and_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        for number in 1..=4 {
            journal.append(&vec![number; 5]).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let record = (whole.len() - MAGIC.len()) / 4;
        // Half a record that others follow, noughts for a record, a head that is none, and nothing whole at all.
        let at = MAGIC.len() + record;
        let half = [&whole[..at + 7], &whole[at + record..]].concat();
        let mut noughts = whole.clone();
        noughts[at..at + 2 * record].fill(0);
        let mut head = whole.clone();
        head[..MAGIC.len()].fill(0);
        let mut nothing = whole.clone();
        nothing[MAGIC.len()..].fill(b'x');
        for (bytes, newest, damaged) in [
            (half, Some(vec![4; 5]), 7),
            (noughts, Some(vec![4; 5]), 2 * record),
            (head, Some(vec![4; 5]), MAGIC.len()),
            (nothing, None, 0),
            (vec![0; 4_096], None, MAGIC.len()),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            let seen = Journal::<Numbers>::look(&path).unwrap();
            assert_eq!(
                (seen.newest, seen.damaged_bytes),
                (newest.clone(), damaged as u64)
            );
            let (mut journal, found) = open(&path).unwrap();
            assert_eq!((found.newest, found.damaged_bytes), (newest, damaged as u64));
            journal.append(&vec![9]).unwrap();
            assert_eq!(open(&path).unwrap().1.newest, Some(vec![9]));
        }
    }

    /// A disk that is full for a while leaves no half record: the newest state that was kept is there at any time.
    #[test]
    fn a_full_disk_leaves_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        let faults = Faults::default();
        journal.fail_as(&faults);
        for number in 1..=30 {
            let length = std::fs::metadata(&path).unwrap().len();
            faults.full_at(length + number % 20);
            assert!(journal.append(&vec![number; 40]).is_err());
            let before = Journal::<Numbers>::look(&path).unwrap();
            assert_eq!(before.newest, (number > 1).then(|| vec![number - 1; 40]));
            faults.none();
            journal.append(&vec![number; 40]).unwrap();
            let found = Journal::<Numbers>::look(&path).unwrap();
            assert_eq!((found.torn_bytes, found.damaged_bytes), (0, 0));
        }
    }

    #[test]
    fn a_file_that_is_gone_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        journal.append(&vec![1]).unwrap();
        std::fs::remove_file(&path).unwrap();
        journal.append(&vec![2]).unwrap();
        assert_eq!(journal.displaced(), Some(Displaced::Deleted));
        assert_eq!(Journal::<Numbers>::look(&path).unwrap().newest, Some(vec![2]));
        std::fs::write(&path, "").unwrap();
        journal.append(&vec![3]).unwrap();
        assert_eq!(journal.displaced(), Some(Displaced::Shortened { to: 0 }));
        assert_eq!(
            (journal.displaced(), open(&path).unwrap().1.newest),
            (None, Some(vec![3]))
        );
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

        /// A flipped bit costs one state at most: it never makes another one.
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
            let newest = open(&path).unwrap().1.newest;
            prop_assert!(newest == Some(vec![4; 4]) || newest == Some(vec![3; 4]), "{:?}", newest);
        }
    }
}
