//! Where a live day's orders come in: batches are looked at, known by source and number, logged, and wait for the
//! next step. Whoever sends one hears of it when it is on the disk and counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::class::Restricted;
use super::journal::JournalError;
use super::order_log::OrderLog;
use crate::sales::columns::{Columns, ColumnsError};
use crate::sales::{Batch, Catalogue, EventMs};
use crate::tally::{Seen, Tally};
use crate::wire::{Hello, Names};

/// Longest message of batches.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// How far a batch may be ahead of the clock.
pub const MOST_AHEAD_MS: i64 = 5_000;
/// How long a batch may be.
pub const MOST_SPAN_MS: i64 = 3_600_000;
/// Greatest amount of one row, in minor units.
pub const MOST_AMOUNT_MINOR: u64 = 10_000_000_000_000;
/// Greatest sum of all amounts of a day, whatever their sign: every sum fits in 64 bits.
const MOST_VOLUME_MINOR: u64 = 1 << 61;
/// So many rows may wait for the next steps; what comes beyond is to be sent again.
const MOST_WAITING_ROWS: usize = 20_000_000;
/// So many batches' checksums are remembered.
const MOST_RECENT: usize = 100_000;
/// One step takes no more rows than this, if it needn't.
const MOST_ROWS_IN_STEP: usize = 2_000_000;

const DISK_REFUSES: &str = "the gateway's disk refuses";

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is new, and counted once so many were.
    Taken(u64),
    /// It came before, and is counted once so many were.
    Duplicate(u64),
    /// It can't be counted.
    Refused(String),
    /// It can't be counted now: it is to be sent again.
    Later(String),
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its source.
    pub source: u32,
    /// Its number there.
    pub sequence: u64,
    /// How many rows it has.
    pub rows: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What those who send are told at first.
#[derive(Debug, Serialize)]
struct Welcome<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a Names,
    synthetic: bool,
    start_ms: EventMs,
    end_ms: EventMs,
    currency: &'a crate::sales::Currency,
    gmv_counts: crate::sales::Kind,
    catalogue: &'a str,
    categories: Vec<&'a str>,
    products: Vec<&'a str>,
    max_message_bytes: usize,
}

enum Phase {
    /// The log is gone through.
    Starting,
    Open,
    /// The disk refused.
    Failed,
}

struct Inner {
    phase: Phase,
    log: Option<OrderLog>,
    seen: BTreeMap<u32, Seen>,
    waiting: VecDeque<Restricted<Batch>>,
    waiting_rows: usize,
    /// How many batches were taken in all.
    taken: u64,
    volume_minor: u64,
    /// The checksums of the newest batches, by source and number: two that share a name aren't taken for one.
    recent: HashMap<(u32, u64), u32>,
    recent_names: VecDeque<(u32, u64)>,
    /// Rows of each source lately: halved with every step.
    rows_of: BTreeMap<u32, u64>,
}

/// Takes batches in. Shared by connections and the publisher.
pub struct Intake {
    /// Counts nothing: it knows what can be counted.
    shape: Tally,
    regions: usize,
    start_ms: EventMs,
    end_ms: EventMs,
    late_ms: i64,
    /// The next day follows.
    daily: bool,
    welcome: String,
    inner: Mutex<Inner>,
    counted: watch::Sender<u64>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Rows and their sums are restricted.
        out.debug_struct("Intake")
            .field("taken", &self.inner().taken)
            .finish_non_exhaustive()
    }
}

impl Intake {
    /// Takes in what belongs to a day, until so many milliseconds after its end; what comes after it may be the next day's.
    pub fn new(hello: &Hello, catalogue: &Catalogue, late_ms: i64, daily: bool) -> Self {
        let welcome = Welcome {
            kind: "welcome",
            title: &hello.title,
            synthetic: hello.synthetic,
            start_ms: hello.day.start_ms,
            end_ms: hello.day.end_ms,
            currency: &hello.currency,
            gmv_counts: hello.gmv_counts,
            catalogue: catalogue.hash(),
            categories: hello.categories.iter().map(|names| names.en.as_str()).collect(),
            products: hello.products.iter().map(|product| product.id.as_str()).collect(),
            max_message_bytes: MAX_MESSAGE_BYTES,
        };
        let shape = Tally::new(
            catalogue.region_of_place(),
            catalogue.regions().len(),
            hello.categories.len(),
            hello.gmv_counts,
        );
        Self {
            shape: shape.with_products(hello.products.len()),
            regions: catalogue.regions().len(),
            start_ms: hello.day.start_ms,
            end_ms: hello.day.end_ms,
            late_ms,
            daily,
            welcome: serde_json::to_string(&welcome).unwrap_or_default(),
            inner: Mutex::new(Inner {
                phase: Phase::Starting,
                log: None,
                seen: BTreeMap::new(),
                waiting: VecDeque::new(),
                waiting_rows: 0,
                taken: 0,
                volume_minor: 0,
                recent: HashMap::new(),
                recent_names: VecDeque::new(),
                rows_of: BTreeMap::new(),
            }),
            counted: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What those who send are told at first: the day, and what its numbers mean, as JSON.
    pub fn welcome(&self) -> &str {
        &self.welcome
    }

    /// The source that most rows came from lately, and how much of all that is, in percent.
    pub fn busiest(&self) -> Option<(u32, u64)> {
        let inner = self.inner();
        let all: u64 = inner
            .rows_of
            .values()
            .fold(0, |all, rows| all.saturating_add(*rows));
        let (source, most) = inner.rows_of.iter().max_by_key(|(_, rows)| **rows)?;
        Some((*source, most.saturating_mul(100) / all.max(1)))
    }

    /// How many batches are on the disk and in a step; changes are told.
    pub fn counted(&self) -> watch::Receiver<u64> {
        self.counted.subscribe()
    }

    /// Offers the batches of a message, at an instant of the wall clock. Each is taken or not on its own.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch; those before them are answered beside it.
    pub fn offer(&self, bytes: &[u8], now_ms: i64) -> (Vec<Receipt>, Result<(), ColumnsError>) {
        self.offer_as(bytes, &[], now_ms)
    }

    /// The same from somebody who sends under these source numbers alone; none: any.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch; those before them are answered beside it.
    pub fn offer_as(
        &self,
        mut bytes: &[u8],
        numbers: &[u32],
        now_ms: i64,
    ) -> (Vec<Receipt>, Result<(), ColumnsError>) {
        let mut receipts = Vec::new();
        while !bytes.is_empty() {
            match Columns::read(bytes) {
                Ok((columns, rest)) => {
                    let this = bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes);
                    // Under a name that isn't its own it could take another's place: that one's would be known already.
                    let outcome = if numbers.is_empty() || numbers.contains(&columns.source) {
                        self.take(this, &columns, now_ms)
                    } else {
                        let own: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                        Outcome::Refused(format!(
                            "the token is for source {}, not for {}",
                            own.join(", "),
                            columns.source
                        ))
                    };
                    receipts.push(Receipt {
                        source: columns.source,
                        sequence: columns.sequence,
                        rows: columns.len(),
                        outcome,
                    });
                    bytes = rest;
                }
                Err(error) => return (receipts, Err(error)),
            }
        }
        (receipts, Ok(()))
    }

    fn take(&self, bytes: &[u8], columns: &Columns<'_>, now_ms: i64) -> Outcome {
        if self.daily && columns.from_ms >= self.end_ms {
            return Outcome::Later("the next day begins when this one is closed".to_owned());
        }
        if now_ms >= self.end_ms.saturating_add(self.late_ms) {
            return Outcome::Refused("the day is over".to_owned());
        }
        if let Some(known) = self.inner().known(columns) {
            return known;
        }
        // One across midnight is of the day in which it began.
        if !(self.start_ms..self.end_ms).contains(&columns.from_ms) {
            let instant = |at_ms: i64| {
                chrono::DateTime::from_timestamp_millis(at_ms)
                    .map_or_else(|| format!("{at_ms} ms"), |at| at.to_rfc3339())
            };
            return Outcome::Refused(format!(
                "it begins at {}, and the day is from {} to {}",
                instant(columns.from_ms),
                instant(self.start_ms),
                instant(self.end_ms)
            ));
        }
        let span_ms = columns.to_ms.saturating_sub(columns.from_ms);
        if span_ms > MOST_SPAN_MS {
            return Outcome::Refused(format!("it spans {span_ms} ms, {MOST_SPAN_MS} can be"));
        }
        let ahead_ms = columns.from_ms.saturating_sub(now_ms);
        if ahead_ms > MOST_AHEAD_MS {
            // It may be counted when its time has come: nothing is lost to a clock that is wrong.
            return Outcome::Later(format!(
                "it begins {ahead_ms} ms after the gateway's clock, {MOST_AHEAD_MS} can be: the clocks are to be set"
            ));
        }
        // Large batches are looked at without keeping the others waiting.
        let batch = columns.to_batch();
        let volume = match self.check(&batch) {
            Ok(volume) => volume,
            Err(problem) => return Outcome::Refused(problem),
        };
        let mut inner = self.inner();
        if let Some(known) = inner.known(columns) {
            return known;
        }
        match &inner.phase {
            Phase::Starting => return Outcome::Later("the gateway starts".to_owned()),
            Phase::Failed => return Outcome::Later(DISK_REFUSES.to_owned()),
            Phase::Open => {}
        }
        if inner.waiting_rows > MOST_WAITING_ROWS {
            return Outcome::Later("more comes than the gateway can count".to_owned());
        }
        let Some(volume) = inner.volume_with(volume) else {
            return Outcome::Refused("the day's value would pass what 64 bits can carry".to_owned());
        };
        let logged = inner.log.as_mut().map_or(Ok(()), |log| log.batch(bytes));
        if let Err(error) = logged {
            tracing::error!(%error, "an order batch can't be logged");
            return Outcome::Later(DISK_REFUSES.to_owned());
        }
        inner.volume_minor = volume;
        inner.put(columns, batch);
        Outcome::Taken(inner.taken)
    }

    /// Whether a batch can be counted, and the sum of its amounts whatever their sign.
    fn check(&self, batch: &Batch) -> Result<u128, String> {
        self.shape.check(batch).map_err(|error| error.to_string())?;
        let origin = batch
            .ships_from
            .iter()
            .filter(|region| **region != Batch::DOMESTIC)
            .max();
        if let Some(origin) = origin.filter(|origin| usize::from(**origin) >= self.regions) {
            return Err(format!(
                "ships_from {origin} doesn't exist: there are {} regions, counted from 0, and {} for none",
                self.regions,
                Batch::DOMESTIC
            ));
        }
        let amounts = batch.amount_minor.iter().chain(&batch.items.amount_minor);
        if let Some(amount) = amounts
            .copied()
            .find(|amount| amount.unsigned_abs() > MOST_AMOUNT_MINOR)
        {
            return Err(format!(
                "an amount is {amount} minor units: {MOST_AMOUNT_MINOR} can be at most"
            ));
        }
        // No more rows and items than 2²⁶ each, of 2⁴⁴ at most: two sums that fit in 128 bits.
        let sum = |amounts: &[i64]| {
            amounts
                .iter()
                .map(|amount| u128::from(amount.unsigned_abs()))
                .sum::<u128>()
        };
        Ok(sum(&batch.amount_minor).max(sum(&batch.items.amount_minor)))
    }

    /// Takes a batch of the log.
    pub(super) fn again(&self, bytes: &[u8]) -> Result<(), String> {
        let (columns, rest) = Columns::read(bytes).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("there is more in a batch's record than the batch".to_owned());
        }
        let batch = columns.to_batch();
        let volume = self.check(&batch)?;
        let mut inner = self.inner();
        inner.volume_minor = inner
            .volume_with(volume)
            .ok_or("the day's value passes what 64 bits can carry")?;
        inner.put(&columns, batch);
        Ok(())
    }

    /// So many of those that wait, oldest first: a step of the log.
    pub(super) fn step_again(&self, batches: u32) -> Option<Vec<Batch>> {
        let mut inner = self.inner();
        let many = batches as usize;
        if many > inner.waiting.len() {
            return None;
        }
        let out = inner.draw(many);
        drop(inner);
        self.counted.send_modify(|counted| *counted += out.len() as u64);
        Some(out)
    }

    /// The log was gone through: from now on batches are taken, and logged if there is one.
    pub(super) fn open(&self, log: Option<OrderLog>) {
        let mut inner = self.inner();
        inner.log = log;
        inner.phase = Phase::Open;
    }

    /// What waits, for a step to an instant. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses; nothing more is taken then.
    pub(super) fn step(&self, to_ms: EventMs) -> Result<Vec<Batch>, JournalError> {
        let mut inner = self.inner();
        let mut rows = 0;
        let many = inner
            .waiting
            .iter()
            .take_while(|batch| {
                let first = rows == 0;
                rows += batch.rows().len();
                first || rows <= MOST_ROWS_IN_STEP
            })
            .count();
        if let Some(log) = &mut inner.log
            && let Err(error) = log.step(to_ms, u32::try_from(many).unwrap_or(u32::MAX))
        {
            inner.phase = Phase::Failed;
            return Err(error);
        }
        let out = inner.draw(many);
        inner.rows_of.retain(|_, rows| {
            *rows /= 2;
            *rows > 0
        });
        drop(inner);
        if !out.is_empty() {
            self.counted.send_modify(|counted| *counted += out.len() as u64);
        }
        Ok(out)
    }
}

impl Inner {
    /// What is answered to a batch whose name came before.
    fn known(&self, columns: &Columns<'_>) -> Option<Outcome> {
        let name = (columns.source, columns.sequence);
        let seen = self.seen.get(&columns.source)?;
        if !seen.contains(columns.sequence) {
            return None;
        }
        Some(match self.recent.get(&name) {
            Some(checksum) if *checksum != columns.checksum => Outcome::Refused(format!(
                "batch {} of source {} came before with other orders in it: each who sends needs a source number of its own, and \
                 a new run higher numbers than the last",
                columns.sequence, columns.source
            )),
            _ => Outcome::Duplicate(self.taken),
        })
    }

    /// The oldest that wait.
    fn draw(&mut self, many: usize) -> Vec<Batch> {
        let out: Vec<Batch> = self.waiting.drain(..many).map(Restricted::into_rows).collect();
        self.waiting_rows -= out.iter().map(Batch::len).sum::<usize>();
        out
    }

    fn volume_with(&self, more: u128) -> Option<u64> {
        u64::try_from(u128::from(self.volume_minor) + more)
            .ok()
            .filter(|volume| *volume <= MOST_VOLUME_MINOR)
    }

    fn put(&mut self, columns: &Columns<'_>, batch: Batch) {
        let rows = self.rows_of.entry(columns.source).or_default();
        *rows = rows.saturating_add(columns.len() as u64);
        let name = (columns.source, columns.sequence);
        self.seen
            .entry(columns.source)
            .or_default()
            .insert(columns.sequence);
        self.recent.insert(name, columns.checksum);
        self.recent_names.push_back(name);
        if self.recent_names.len() > MOST_RECENT
            && let Some(oldest) = self.recent_names.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.waiting_rows += batch.len();
        self.waiting.push_back(Restricted::new(batch));
        self.taken += 1;
    }
}
