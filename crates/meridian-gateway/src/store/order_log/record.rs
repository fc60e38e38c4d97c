//! One record of the order log, and finding the next one after a damaged place.

use meridian_core::sales::EventMs;
use meridian_core::sales::columns::{HEAD_BYTES as BATCH_HEAD_BYTES, MAGIC as BATCH_MAGIC};

/// Kind, length and checksum.
pub(super) const HEAD_BYTES: usize = 9;
/// The longest record, in bytes: a message of batches is no longer.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

pub(super) const DAY: u8 = 0;
pub(super) const BATCH: u8 = 1;
pub(super) const STEP: u8 = 2;
/// An instant and a number of batches.
pub(super) const STEP_BYTES: usize = 12;

/// The most bytes whose checksums are tried to find where a log goes on after a damaged place.
const MAX_SCANNED_BYTES: usize = 1 << 30;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A batch, as received.
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

pub(super) fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

pub(super) fn record(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(kind, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Kind, length and checksum of a record's head.
pub(super) fn head(bytes: &[u8; HEAD_BYTES]) -> (u8, usize, u32) {
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

/// Where the next whole record begins, no further than `within`, after a first one that isn't whole: where that one would
/// end if its length is what was written, or wherever a step or a batch begins.
pub(super) fn next_record(bytes: &[u8], within: usize) -> Option<usize> {
    let is_whole = |from: usize| bytes.get(from..).is_some_and(|rest| first_record(rest).is_some());
    if let Some(first) = bytes.first_chunk::<HEAD_BYTES>() {
        let its_end = HEAD_BYTES + head(first).1;
        if its_end < within && is_whole(its_end) {
            return Some(its_end);
        }
    }
    // Bytes that look like many long records would take for ever.
    let mut budget = MAX_SCANNED_BYTES;
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
pub(super) fn name_of(bytes: &[u8]) -> Option<(u32, u64)> {
    let batch = bytes.get(HEAD_BYTES..HEAD_BYTES + BATCH_HEAD_BYTES)?;
    let source = batch.get(8..12)?.try_into().ok()?;
    let sequence = batch.get(16..24)?.try_into().ok()?;
    batch
        .starts_with(&BATCH_MAGIC)
        .then(|| (u32::from_le_bytes(source), u64::from_le_bytes(sequence)))
}
