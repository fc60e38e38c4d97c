//! Where a live day's orders come in: batches are looked at, known by source and number, logged, and wait for the
//! next step. Whoever sends one hears of it when it is on the disk and counted.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::publish::class::Restricted;
pub use crate::source::budget::MOST_AMOUNT_MINOR;
use crate::source::budget::{Asked, Beyond, Budgets, By, LEAST_ROWS, MOST_IN_MESSAGE, most_amount_minor};
use crate::source::clock::{Clock, Time};
use crate::store::journal::JournalError;
use crate::store::keeping::{Keeping, Kept};
use crate::store::order_log::OrderLog;
use meridian_core::sales::columns::{Columns, ColumnsError};
use meridian_core::sales::{Batch, Catalogue, EventMs, Kind};
use meridian_core::tally::{Seen, Tally};
use meridian_wire::{Hello, Names};

/// Longest message of batches.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// How far a batch may be ahead of the clock.
pub const MOST_AHEAD_MS: i64 = 5_000;
/// How long a batch may be.
pub const MOST_SPAN_MS: i64 = 3_600_000;
/// So many rows may wait for the next steps, a batch counting as [`LEAST_ROWS`] at least; what comes beyond is to be sent again.
const MOST_WAITING_ROWS: usize = 20_000_000;
/// So many batches' checksums are remembered.
const MOST_RECENT: usize = 100_000;
/// One step takes no more rows than this, if it needn't.
const MOST_ROWS_IN_STEP: usize = 2_000_000;

/// Directors are told of no more sources than this in a day.
const MOST_TOLD: usize = 100;

const DISK_REFUSES: &str = "the gateway's disk refuses";

/// Who sends: a token's id, and the source numbers that it names; none: any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// The token's id; empty without one.
    pub token: &'a str,
    /// The numbers.
    pub numbers: &'a [u32],
}

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
    currency: &'a meridian_core::sales::Currency,
    gmv_counts: Kind,
    catalogue: &'a str,
    categories: Vec<&'a str>,
    products: Vec<&'a str>,
    max_message_bytes: usize,
}

enum Phase {
    /// The log is gone through.
    Starting,
    Open,
}

/// Whether something of a log that is gone through is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing.
    None,
    /// Something, before the last step.
    Old,
    /// Something since the last step.
    New,
}

impl Gap {
    /// Once a step was taken.
    pub fn after(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Old | Self::New => Self::Old,
        }
    }
}

struct Inner {
    phase: Phase,
    keeping: Keeping,
    /// The day was gone through to its end: nothing more is taken.
    closed: bool,
    seen: BTreeMap<u32, Seen>,
    waiting: VecDeque<Restricted<Batch>>,
    waiting_rows: usize,
    /// How many batches were taken in all.
    taken: u64,
    budgets: Budgets,
    /// What directors are to be told of sources, and of whom they were.
    beyond: Vec<Beyond>,
    told: BTreeSet<u32>,
    told_tokens: BTreeSet<String>,
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
    /// What carries value.
    gmv_counts: Kind,
    /// Greatest amount of a row.
    most_amount_minor: u64,
    welcome: String,
    /// What time it is; whoever offers says it where there is none.
    clock: OnceLock<Arc<Clock>>,
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
            gmv_counts: hello.gmv_counts,
            most_amount_minor: most_amount_minor(&hello.currency),
            clock: OnceLock::new(),
            welcome: serde_json::to_string(&welcome).unwrap_or_default(),
            inner: Mutex::new(Inner {
                phase: Phase::Starting,
                keeping: Keeping::new(),
                closed: false,
                seen: BTreeMap::new(),
                waiting: VecDeque::new(),
                waiting_rows: 0,
                taken: 0,
                budgets: Budgets::default(),
                beyond: Vec::new(),
                told: BTreeSet::new(),
                told_tokens: BTreeSet::new(),
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

    /// From now on this clock is asked for the time, and not whoever offers.
    pub(crate) fn set_clock(&self, clock: Arc<Clock>) {
        let _ = self.clock.set(clock);
    }

    /// What sources sent beyond what they may, each said once.
    pub(crate) fn beyond(&self) -> Vec<Beyond> {
        std::mem::take(&mut self.inner().beyond)
    }

    /// Whether batches wait for a step.
    pub(crate) fn waits(&self) -> bool {
        !self.inner().waiting.is_empty()
    }

    /// Whether the day was gone through to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner().closed
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
        self.offer_as(bytes, Sender::default(), now_ms)
    }

    /// The same from somebody who is known.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch; those before them are answered beside it.
    pub fn offer_as(
        &self,
        mut bytes: &[u8],
        sender: Sender<'_>,
        now_ms: i64,
    ) -> (Vec<Receipt>, Result<(), ColumnsError>) {
        let time = self
            .clock
            .get()
            .map_or_else(|| Time::certain(now_ms), |clock| clock.time());
        let Sender { token, numbers } = sender;
        let by = match numbers {
            [] => By::Anybody(token),
            _ => By::Bound,
        };
        let mut receipts = Vec::new();
        while !bytes.is_empty() {
            match Columns::read(bytes) {
                Ok((columns, rest)) => {
                    let this = bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes);
                    // Under a name that isn't its own it could take another's place: that one's would be known already.
                    let outcome = if receipts.len() >= MOST_IN_MESSAGE {
                        Outcome::Later(format!("a message has {MOST_IN_MESSAGE} batches at most"))
                    } else if numbers.is_empty() || numbers.contains(&columns.source) {
                        self.take(this, &columns, by, time)
                    } else {
                        let own: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                        Outcome::Refused(format!(
                            "the token is for source {}, not for {}: send with --number {}",
                            own.join(", "),
                            columns.source,
                            own.join(" or ")
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

    fn take(&self, bytes: &[u8], columns: &Columns<'_>, by: By<'_>, time: Time) -> Outcome {
        if self.daily && columns.from_ms >= self.end_ms {
            return Outcome::Later("the next day begins when this one is closed".to_owned());
        }
        {
            let inner = self.inner();
            if let Some(known) = inner.known(columns) {
                return known;
            }
            if inner.closed {
                return self.too_late(time);
            }
        }
        if let Some(wrong) = self.wrong_time(columns, time) {
            return wrong;
        }
        // Large batches are looked at without keeping the others waiting.
        let batch = columns.to_batch();
        let value_minor = match self.check(&batch, self.most_amount_minor) {
            Ok(value_minor) => value_minor,
            Err(problem) => return Outcome::Refused(problem),
        };
        let mut inner = self.inner();
        if let Some(known) = inner.known(columns) {
            return known;
        }
        if inner.closed {
            return self.too_late(time);
        }
        match &inner.phase {
            Phase::Starting => return Outcome::Later("the gateway starts".to_owned()),
            Phase::Open => {}
        }
        if inner.waiting_rows > MOST_WAITING_ROWS {
            return Outcome::Later("more comes than the gateway can count".to_owned());
        }
        let asked = Asked {
            source: columns.source,
            value_minor,
            by,
            gap: inner.makes_gap(columns),
        };
        if let Err(beyond) = inner.budgets.allow(asked) {
            let tells = match (beyond, by) {
                // Too many batches are answered, and that is all.
                (Beyond::Batches { .. }, _) => false,
                // A token with too many sources is told of once, and not as each of them.
                (Beyond::SourcesOfToken { .. }, By::Anybody(token)) => {
                    inner.told_tokens.len() < MOST_TOLD && inner.told_tokens.insert(token.to_owned())
                }
                _ => inner.told.len() < MOST_TOLD && inner.told.insert(columns.source),
            };
            if tells {
                inner.beyond.push(beyond);
            }
            return Outcome::Later(beyond.to_string());
        }
        if inner.keeping.batch(bytes).is_err() {
            return Outcome::Later(DISK_REFUSES.to_owned());
        }
        inner.budgets.take(asked);
        inner.put(columns, batch);
        Outcome::Taken(inner.taken)
    }

    /// What is answered once the day was closed.
    fn too_late(&self, time: Time) -> Outcome {
        if time.is_past(self.end_ms) {
            Outcome::Refused("the day is over".to_owned())
        } else {
            // Its log ends after the clock: what comes for the day can't be counted here, and isn't lost.
            Outcome::Later(
                "the gateway has closed the day, and by the clock it isn't over: the clocks are to be set"
                    .to_owned(),
            )
        }
    }

    /// What is answered to a batch whose time isn't the day's, or isn't yet.
    fn wrong_time(&self, columns: &Columns<'_>, time: Time) -> Option<Outcome> {
        let instant = |at_ms: i64| {
            chrono::DateTime::from_timestamp_millis(at_ms)
                .map_or_else(|| format!("{at_ms} ms"), |at| at.to_rfc3339())
        };
        // One across midnight is of the day in which it began.
        if !(self.start_ms..self.end_ms).contains(&columns.from_ms) {
            let problem = format!(
                "it begins at {}, and the day is from {} to {}",
                instant(columns.from_ms),
                instant(self.start_ms),
                instant(self.end_ms)
            );
            // A gateway in tomorrow by a clock that was wrong turns nothing of today away for good.
            let early = self.daily && columns.from_ms < self.start_ms && !time.is_past(self.start_ms);
            return Some(if early {
                Outcome::Later(problem)
            } else {
                Outcome::Refused(problem)
            });
        }
        let span_ms = columns.to_ms.saturating_sub(columns.from_ms);
        if span_ms > MOST_SPAN_MS {
            return Some(Outcome::Refused(format!(
                "it spans {span_ms} ms, {MOST_SPAN_MS} can be"
            )));
        }
        let ahead_ms = columns.from_ms.saturating_sub(time.now_ms);
        // It may be counted when its time has come: nothing is lost to a clock that is wrong.
        (ahead_ms > MOST_AHEAD_MS).then(|| {
            Outcome::Later(format!(
                "it begins {ahead_ms} ms after the gateway's clock, {MOST_AHEAD_MS} can be: the clocks are to be set"
            ))
        })
    }

    /// Whether a batch can be counted, and the sum of its amounts that carry value, whatever their sign.
    fn check(&self, batch: &Batch, most_minor: u64) -> Result<u128, String> {
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
        if let Some(amount) = amounts.copied().find(|amount| amount.unsigned_abs() > most_minor) {
            return Err(format!(
                "an amount is {amount} minor units: {most_minor} can be at most"
            ));
        }
        if batch.kind != self.gmv_counts {
            return Ok(0);
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
    pub(crate) fn again(&self, bytes: &[u8]) -> Result<(), String> {
        let (columns, rest) = Columns::read(bytes).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("there is more in a batch's record than the batch".to_owned());
        }
        let batch = columns.to_batch();
        // It was within the bounds that there were then.
        let value_minor = self.check(&batch, MOST_AMOUNT_MINOR)?;
        let mut inner = self.inner();
        if !inner.budgets.carries(value_minor) {
            return Err("the day's value passes what 64 bits can carry".to_owned());
        }
        inner.budgets.take(Asked {
            source: columns.source,
            value_minor,
            by: By::Bound,
            gap: false,
        });
        inner.put(&columns, batch);
        Ok(())
    }

    /// So many of those that wait, oldest first: a step of the log to an instant. Where something of it is lost they may be
    /// fewer, and the first step after that takes all of them.
    pub(crate) fn step_again(&self, to_ms: EventMs, batches: u32, gap: Gap) -> Option<Vec<Batch>> {
        let mut inner = self.inner();
        let many = match gap {
            Gap::None => batches as usize,
            Gap::Old => inner.waiting.len().min(batches as usize),
            Gap::New => inner.waiting.len(),
        };
        if many > inner.waiting.len() {
            return None;
        }
        let out = inner.draw(many);
        inner.budgets.step();
        inner.closed = to_ms >= self.end_ms.saturating_add(self.late_ms) && inner.waiting.is_empty();
        drop(inner);
        self.counted.send_modify(|counted| *counted += out.len() as u64);
        Some(out)
    }

    /// The log was gone through: from now on batches are taken, and logged if there is one.
    pub(crate) fn open(&self, log: Option<OrderLog>) {
        let mut inner = self.inner();
        inner.keeping.open(log);
        inner.phase = Phase::Open;
    }

    /// So much of the log couldn't be read.
    pub(crate) fn damaged(&self, bytes: u64) {
        self.inner().keeping.damaged(bytes);
    }

    /// How its log stands.
    pub fn kept(&self) -> Kept {
        self.inner().keeping.stands()
    }

    /// Lets the disk fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&self, faults: &crate::store::record_log::tests::Faults) {
        self.inner().keeping.fail_as(faults);
    }

    /// What waits, for a step to an instant. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when the disk refuses: a later step may be tried, and until one is made nothing more is taken.
    pub(crate) fn step(&self, to_ms: EventMs) -> Result<Vec<Batch>, JournalError> {
        let mut inner = self.inner();
        let mut rows = 0;
        let many = inner
            .waiting
            .iter()
            .take_while(|batch| {
                let first = rows == 0;
                rows += cost(batch.rows());
                first || rows <= MOST_ROWS_IN_STEP
            })
            .count();
        let batches = u32::try_from(many).unwrap_or(u32::MAX);
        inner.keeping.step(to_ms, batches)?;
        let out = inner.draw(many);
        inner.budgets.step();
        // In the same breath: what comes from now on isn't of the day any more.
        inner.closed = to_ms >= self.end_ms.saturating_add(self.late_ms) && inner.waiting.is_empty();
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

/// What a batch costs, in rows.
fn cost(batch: &Batch) -> usize {
    batch.len().max(LEAST_ROWS)
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
        self.waiting_rows -= out.iter().map(cost).sum::<usize>();
        out
    }

    /// Whether a batch's number has neither the one before it nor the one after it.
    fn makes_gap(&self, columns: &Columns<'_>) -> bool {
        self.seen.get(&columns.source).is_none_or(|seen| {
            let knows = |number: Option<u64>| number.is_some_and(|number| seen.contains(number));
            !knows(columns.sequence.checked_sub(1)) && !knows(columns.sequence.checked_add(1))
        })
    }

    fn put(&mut self, columns: &Columns<'_>, batch: Batch) {
        let rows = self.rows_of.entry(columns.source).or_default();
        *rows = rows.saturating_add(columns.len() as u64);
        let name = (columns.source, columns.sequence);
        let seen = self.seen.entry(columns.source).or_default();
        seen.insert(columns.sequence);
        self.budgets.set_gaps(columns.source, seen.ranges());
        self.recent.insert(name, columns.checksum);
        self.recent_names.push_back(name);
        if self.recent_names.len() > MOST_RECENT
            && let Some(oldest) = self.recent_names.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.waiting_rows += cost(&batch);
        self.waiting.push_back(Restricted::new(batch));
        self.taken += 1;
    }
}
