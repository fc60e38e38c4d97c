//! The batches that wait for the next step, and what is remembered of all that came.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::Outcome;
use crate::source::Restricted;
use crate::source::budget::{Beyond, Budgets, By, MIN_ROWS};
use crate::store::keeping::Keeping;
use meridian_core::sales::Batch;
use meridian_core::sales::columns::Columns;
use meridian_core::tally::Seen;

/// The most rows that wait for the next steps, a batch counting as at least [`MIN_ROWS`]; what comes beyond is to be sent again.
const MAX_WAITING_ROWS: usize = 20_000_000;
/// How many batches' checksums are remembered.
const MAX_RECENT: usize = 100_000;
/// One step takes no more rows than this, unless a single batch has more.
const MAX_ROWS_IN_STEP: usize = 2_000_000;
/// Directors are told of no more sources than this in a day.
const MAX_TOLD: usize = 100;

pub(super) enum Phase {
    /// The log is gone through.
    Starting,
    Open,
}

pub(super) struct Queue {
    pub phase: Phase,
    pub keeping: Keeping,
    /// The day was gone through to its end: nothing more is taken.
    pub closed: bool,
    seen: BTreeMap<u32, Seen>,
    pub waiting: VecDeque<Restricted<Batch>>,
    waiting_rows: usize,
    /// How many batches were taken in all.
    pub taken: u64,
    pub budgets: Budgets,
    /// What directors are to be told of sources.
    pub beyond: Vec<Beyond>,
    told: BTreeSet<u32>,
    told_tokens: BTreeSet<String>,
    /// The checksums of the newest batches, by source and number: two that share a name aren't taken for one.
    recent: HashMap<(u32, u64), u32>,
    recent_names: VecDeque<(u32, u64)>,
    /// Rows of each source lately: halved with every step.
    pub rows_of: BTreeMap<u32, u64>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
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
        }
    }

    /// Whether no more is taken for now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting_rows > MAX_WAITING_ROWS
    }

    /// How many of those that wait the next step takes.
    pub(super) fn step_size(&self) -> usize {
        let mut rows = 0;
        self.waiting
            .iter()
            .take_while(|batch| {
                let first = rows == 0;
                rows += cost(batch.rows());
                first || rows <= MAX_ROWS_IN_STEP
            })
            .count()
    }

    /// Notes what a source sent beyond what it may, if directors are to be told of it.
    pub(super) fn note(&mut self, beyond: Beyond, source: u32, by: By<'_>) {
        let tells = match (beyond, by) {
            // Too many batches are answered, and that is all.
            (Beyond::Batches { .. }, _) => false,
            // A token with too many sources is told of once, and not as each of them.
            (Beyond::SourcesOfToken { .. }, By::Anybody(token)) => {
                self.told_tokens.len() < MAX_TOLD && self.told_tokens.insert(token.to_owned())
            }
            _ => self.told.len() < MAX_TOLD && self.told.insert(source),
        };
        if tells {
            self.beyond.push(beyond);
        }
    }

    /// Half of what was counted of each source lately is forgotten.
    pub(super) fn forget_some(&mut self) {
        self.rows_of.retain(|_, rows| {
            *rows /= 2;
            *rows > 0
        });
    }

    /// The answer to a batch with a source and number that came before.
    pub(super) fn known(&self, columns: &Columns<'_>) -> Option<Outcome> {
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

    /// Takes the oldest of those that wait.
    pub(super) fn draw(&mut self, many: usize) -> Vec<Restricted<Batch>> {
        let out: Vec<_> = self.waiting.drain(..many).collect();
        self.waiting_rows -= out.iter().map(|batch| cost(batch.rows())).sum::<usize>();
        out
    }

    /// Whether a batch's number has neither the one before it nor the one after it.
    pub(super) fn makes_gap(&self, columns: &Columns<'_>) -> bool {
        self.seen.get(&columns.source).is_none_or(|seen| {
            let knows = |number: Option<u64>| number.is_some_and(|number| seen.contains(number));
            !knows(columns.sequence.checked_sub(1)) && !knows(columns.sequence.checked_add(1))
        })
    }

    pub(super) fn put(&mut self, columns: &Columns<'_>, batch: Batch) {
        let rows = self.rows_of.entry(columns.source).or_default();
        *rows = rows.saturating_add(columns.len() as u64);
        let name = (columns.source, columns.sequence);
        let seen = self.seen.entry(columns.source).or_default();
        seen.insert(columns.sequence);
        self.budgets.set_gaps(columns.source, seen.ranges());
        self.recent.insert(name, columns.checksum);
        self.recent_names.push_back(name);
        if self.recent_names.len() > MAX_RECENT
            && let Some(oldest) = self.recent_names.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.waiting_rows += cost(&batch);
        self.waiting.push_back(Restricted::new(batch));
        self.taken += 1;
    }
}

/// How many rows a batch counts as.
fn cost(batch: &Batch) -> usize {
    batch.len().max(MIN_ROWS)
}
