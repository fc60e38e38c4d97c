//! Counting at the limit: batches of a partition of the stream, counted where their bytes lie; and how the counts of
//! partitions, threads and machines add up.
//!
//! A row costs one addition: the number of rows and the sum of their amounts share a 64-bit cell, which is emptied into the
//! [`Tally`] before either could overflow. A batch is known by its source and its number there, so one that comes twice is
//! counted once, and one that comes late is counted all the same. A [`Partial`] counts; what it has counted is drained from it
//! as a [`Counted`], which can travel and be added to others, to the last order of the last second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::windows::{Margins, Windows};
use super::{Counts, Tally, TallyError};
use crate::sales::columns::{Amounts, Columns};
use crate::sales::{Channel, EventMs, Kind};

/// Cells and places are numbered in 16 bits here.
const NUMBERS: usize = 1 << 16;
/// A cell's low bits are the sum of amounts, the others the number of rows.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;
/// The most rows before the cells are emptied.
const MAX_ROWS: u64 = (1 << (64 - SUM_BITS)) - 1;
/// Neighbouring rows go to different lanes, so that one needn't wait for the other's cell.
const LANES: usize = 4;
/// How many rows are taken in one step.
const GROUP: usize = 8;
/// The most categories for which category and channel of a row fit in one byte.
const MAX_CATEGORIES: usize = (1 << 8) / Channel::COUNT;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was counted.
    Counted,
    /// It was counted before.
    Duplicate,
}

/// Why two partial counts can't be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Both have counted the same batch: which of its orders are in both can't be told.
    #[error(
        "batch {sequence} of source {source_number} was counted by both: a source's batches belong to one of them at a time"
    )]
    Overlap {
        /// The source.
        source_number: u32,
        /// The batch.
        sequence: u64,
    },
    /// The other one has closed seconds of its own: what peaks they would have made together can't be told.
    #[error(
        "a count that has closed seconds can't be added to another: only the last in the chain closes them"
    )]
    Closed,
    /// They can't be added for another reason.
    #[error(transparent)]
    Tally(#[from] TallyError),
}

/// Numbers that were seen, as ranges: first → last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Seen(BTreeMap<u64, u64>);

impl Seen {
    /// Whether a number was seen.
    pub fn contains(&self, number: u64) -> bool {
        self.0
            .range(..=number)
            .next_back()
            .is_some_and(|(_, last)| *last >= number)
    }

    /// Adds a number; says whether it is new.
    pub fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        self.put(number, number);
        true
    }

    fn put(&mut self, mut first: u64, mut last: u64) {
        if let Some((begin, end)) = self
            .0
            .range(..first)
            .next_back()
            .map(|(begin, end)| (*begin, *end))
            && end.checked_add(1) == Some(first)
        {
            self.0.remove(&begin);
            first = begin;
        }
        if let Some(next) = last.checked_add(1)
            && let Some(end) = self.0.remove(&next)
        {
            last = end;
        }
        self.0.insert(first, last);
    }

    /// A number that both have seen.
    fn common(&self, other: &Self) -> Option<u64> {
        other.0.iter().find_map(|(first, last)| {
            let before = self
                .0
                .range(..=*first)
                .next_back()
                .filter(|(_, end)| *end >= first);
            match before {
                Some(_) => Some(*first),
                None => self.0.range(*first..=*last).next().map(|(begin, _)| *begin),
            }
        })
    }

    /// Whether every number of another was seen.
    fn holds(&self, other: &Self) -> bool {
        other.0.iter().all(|(first, last)| {
            self.0
                .range(..=*first)
                .next_back()
                .is_some_and(|(_, end)| end >= last)
        })
    }

    fn add(&mut self, other: &Self) {
        for (first, last) in &other.0 {
            self.put(*first, *last);
        }
    }

    /// Whether what was read are ranges with gaps between them.
    fn check_read(&self) -> Result<(), String> {
        let mut before: Option<u64> = None;
        for (first, last) in &self.0 {
            let apart = before.is_none_or(|end| end.checked_add(1).is_some_and(|next| next < *first));
            if last < first || !apart {
                return Err(format!(
                    "{first} to {last} is not a range that follows the one before"
                ));
            }
            before = Some(*last);
        }
        Ok(())
    }

    /// How many numbers were seen.
    pub fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|(first, last)| (last - first).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// How many ranges there are: 1 where nothing is missing.
    pub fn ranges(&self) -> usize {
        self.0.len()
    }

    /// The highest number up to which none is missing, from the lowest on.
    pub fn complete_to(&self) -> Option<u64> {
        self.0.first_key_value().map(|(_, last)| *last)
    }
}

/// What became of counts that were to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// They were added.
    Added,
    /// All of their batches were counted before: nothing changed.
    Known,
}

/// What was counted of some batches: totals, seconds, and which batches they were.
///
/// It reads only what can have been counted: shapes that fit, parts that add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Counted {
    tally: Tally,
    windows: Windows,
    seen: BTreeMap<u32, Seen>,
}

impl Counted {
    fn check_read(&self) -> Result<(), String> {
        self.windows.check_read(&self.tally)?;
        let totals = self.tally.totals().counts;
        let counted = !self.seen.is_empty();
        if !counted && (self.windows.seconds() > 0 || self.windows.has_closed()) {
            return Err(format!(
                "{} orders and {} payments of no batch",
                totals.orders, totals.payments
            ));
        }
        Ok(())
    }

    /// Nothing counted, in a tally's shape.
    pub fn new(tally: Tally) -> Self {
        Self {
            windows: Windows::new(tally.regions(), tally.categories(), tally.products()),
            tally,
            seen: BTreeMap::new(),
        }
    }

    /// The totals counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The rates counted so far.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The batches, by source.
    pub fn seen(&self) -> &BTreeMap<u32, Seen> {
        &self.seen
    }

    /// Closes the seconds that lie so far behind the newest one: their peaks are taken and their memory is freed. What is
    /// closed can be added to, but not added to others.
    pub fn close_behind(&mut self, grace_secs: i64) {
        self.windows.close_behind(grace_secs);
    }

    /// Adds what was counted of other batches. Counts that come twice change nothing.
    ///
    /// # Errors
    /// [`MergeError`]; this one is unchanged then.
    pub fn merge(&mut self, other: &Self) -> Result<Merged, MergeError> {
        if other.windows.has_closed() {
            return Err(MergeError::Closed);
        }
        let known = |source| self.seen.get(source);
        let all_known = !other.seen.is_empty()
            && other
                .seen
                .iter()
                .all(|(source, theirs)| known(source).is_some_and(|mine| mine.holds(theirs)));
        if all_known {
            return Ok(Merged::Known);
        }
        for (source, theirs) in &other.seen {
            if let Some(sequence) = known(source).and_then(|mine| mine.common(theirs)) {
                return Err(MergeError::Overlap {
                    source_number: *source,
                    sequence,
                });
            }
        }
        if !self.windows.same_shape(&other.windows) {
            return Err(TallyError::Shape.into());
        }
        self.tally.merge(&other.tally)?;
        self.windows.merge(&other.windows);
        for (source, theirs) in &other.seen {
            self.seen.entry(*source).or_default().add(theirs);
        }
        Ok(Merged::Added)
    }
}

read_checked!(Seen);
read_checked!(Counted);

/// What rows wait in the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Waiting {
    rows: u64,
    /// No cell's sum can be above this.
    sum_bound: u64,
    second_ms: EventMs,
    kind: Option<Kind>,
}

type Lane = Box<[u64; NUMBERS]>;

fn lane() -> Lane {
    match vec![0_u64; NUMBERS].into_boxed_slice().try_into() {
        Ok(lane) => lane,
        Err(_) => Box::new([0; NUMBERS]),
    }
}

/// Counts a partition of the stream.
pub struct Partial {
    counted: Counted,
    /// The batches that were drained before.
    drained: BTreeMap<u32, Seen>,
    /// The first cell of each place's region.
    base_of_place: Box<[u16; NUMBERS]>,
    lanes: [Lane; LANES],
    waiting: Waiting,
    /// Whether the cells can be numbered in 16 bits, and those of a region in 8.
    fits: bool,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Partial")
            .field("seen", &self.counted.seen)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Partial {
    /// Begins at zero, with a tally's shape.
    pub fn new(tally: Tally) -> Self {
        let stride = tally.categories() * Channel::COUNT;
        let cells = (tally.regions() + 1) * stride;
        let unplaced = tally.regions() * stride;
        let fits = cells <= NUMBERS && tally.categories() <= MAX_CATEGORIES;
        let mut base_of_place = match vec![0_u16; NUMBERS].into_boxed_slice().try_into() {
            Ok(table) => table,
            Err(_) => Box::new([0; NUMBERS]),
        };
        let table: &mut [u16; NUMBERS] = &mut base_of_place;
        for (place, base) in table.iter_mut().enumerate() {
            let region = tally.region_of_place.get(place);
            let first = region.map_or(unplaced, |region| usize::from(*region) * stride);
            *base = u16::try_from(first).unwrap_or(0);
        }
        Self {
            counted: Counted::new(tally),
            drained: BTreeMap::new(),
            base_of_place,
            lanes: std::array::from_fn(|_| lane()),
            waiting: Waiting::default(),
            fits,
        }
    }

    /// Counts a batch that wasn't counted yet.
    ///
    /// # Errors
    /// [`TallyError`] for a batch that doesn't fit; nothing of it is counted then, and its number isn't taken.
    pub fn take(&mut self, batch: &Columns<'_>) -> Result<Taken, TallyError> {
        let known = |seen: &BTreeMap<u32, Seen>| {
            seen.get(&batch.source)
                .is_some_and(|seen| seen.contains(batch.sequence))
        };
        if known(&self.counted.seen) || known(&self.drained) {
            return Ok(Taken::Duplicate);
        }
        let has_items = !batch.items.row.is_empty() && self.counted.tally.products() > 0;
        match batch.amount {
            Amounts::Narrow(amounts) if self.fits && !has_items => self.take_narrow(batch, amounts)?,
            _ => {
                let rows = batch.to_batch();
                // What waits has to be in the sum that this is measured by, where that could make the difference.
                let sum: u128 = rows
                    .amount_minor
                    .iter()
                    .map(|amount| u128::from(amount.unsigned_abs()))
                    .sum();
                let most = sum + u128::from(self.waiting.sum_bound);
                if i64::try_from(most)
                    .ok()
                    .and_then(|most| self.counted.tally.volume_minor.checked_add(most))
                    .is_none()
                {
                    self.settle();
                }
                self.counted.tally.add(&rows)?;
                let margins = Margins::of_batch(&rows, &self.counted.tally);
                self.counted.windows.add(second_of(batch.from_ms), &margins);
            }
        }
        self.counted
            .seen
            .entry(batch.source)
            .or_default()
            .insert(batch.sequence);
        Ok(Taken::Counted)
    }

    fn take_narrow(&mut self, batch: &Columns<'_>, amounts: &[[u8; 4]]) -> Result<(), TallyError> {
        // Folds without early exit: the compiler makes them wide.
        let high = |column: &[u8]| column.iter().fold(0_u8, |high, value| high.max(*value));
        let unknown = |what, number: u64, count| Err(TallyError::Unknown { what, number, count });
        if batch.is_empty() {
            return Ok(());
        }
        let category = high(batch.category);
        if usize::from(category) >= self.counted.tally.categories() {
            return unknown("category", category.into(), self.counted.tally.categories());
        }
        let channel = high(batch.channel);
        if usize::from(channel) >= Channel::COUNT {
            return unknown("channel", channel.into(), Channel::COUNT);
        }
        // +1 turns UNPLACED into 0. The highest bit is turned over, because signed numbers are compared more quickly.
        let place = batch.place.iter().fold(i16::MIN, |high, place| {
            high.max((u16::from_le_bytes(*place).wrapping_add(1) ^ 0x8000).cast_signed())
        });
        let place = place.cast_unsigned() ^ 0x8000;
        let places = self.counted.tally.region_of_place.len();
        if usize::from(place) > places {
            return unknown("place", u64::from(place) - 1, places);
        }
        let carries = batch.kind == self.counted.tally.gmv_counts();
        // No amount is above this: all bits that any has.
        let most = if carries {
            let bits = amounts
                .iter()
                .fold(0, |bits, amount| bits | u32::from_le_bytes(*amount));
            u32::MAX.checked_shr(bits.leading_zeros()).unwrap_or(0)
        } else {
            0
        };
        let bound = (batch.len() as u64)
            .saturating_mul(u64::from(most))
            .saturating_add(self.waiting.sum_bound);
        if i64::try_from(bound)
            .ok()
            .and_then(|bound| self.counted.tally.volume_minor.checked_add(bound))
            .is_none()
        {
            // Too near to what 64 bits can carry for a bound to tell: row by row.
            self.settle();
            self.counted.tally.add(&batch.to_batch())?;
            let margins = Margins::of_batch(&batch.to_batch(), &self.counted.tally);
            self.counted.windows.add(second_of(batch.from_ms), &margins);
            return Ok(());
        }
        let second_ms = second_of(batch.from_ms);
        if self.waiting.rows > 0
            && (self.waiting.second_ms, self.waiting.kind) != (second_ms, Some(batch.kind))
        {
            self.settle();
        }
        (self.waiting.second_ms, self.waiting.kind) = (second_ms, Some(batch.kind));
        // How many more rows fit into the cells.
        let step = (MAX_ROWS.min(SUM_MASK / u64::from(most.max(1)))).max(1) as usize;
        let mut from = 0;
        while from < batch.len() {
            let until = batch.len().min(from + step);
            let rows = (until - from) as u64;
            let bound = rows * u64::from(most);
            if self.waiting.rows + rows > MAX_ROWS || self.waiting.sum_bound + bound > SUM_MASK {
                self.settle();
                (self.waiting.second_ms, self.waiting.kind) = (second_ms, Some(batch.kind));
            }
            let part = Part {
                place: batch.place.get(from..until).unwrap_or(&[]),
                category: batch.category.get(from..until).unwrap_or(&[]),
                channel: batch.channel.get(from..until).unwrap_or(&[]),
                amount: amounts.get(from..until).unwrap_or(&[]),
            };
            if carries {
                part.count::<true>(&self.base_of_place, &mut self.lanes);
            } else {
                part.count::<false>(&self.base_of_place, &mut self.lanes);
            }
            self.waiting.rows += rows;
            self.waiting.sum_bound += bound;
            from = until;
        }
        Ok(())
    }

    /// Empties the lanes into tally and windows.
    fn settle(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(kind) = waiting.kind.filter(|_| waiting.rows > 0) else {
            return;
        };
        let mut margins = Margins::new(
            self.counted.tally.regions(),
            self.counted.tally.categories(),
            self.counted.tally.products(),
        );
        let stride = (self.counted.tally.categories() * Channel::COUNT).max(1);
        let mut value = 0;
        let [first, second, third, fourth] = &mut self.lanes;
        let lanes = first
            .chunks_mut(stride)
            .zip(second.chunks_mut(stride))
            .zip(third.chunks_mut(stride))
            .zip(fourth.chunks_mut(stride));
        for (region, ((((a, b), c), d), cells)) in
            lanes.zip(self.counted.tally.cells.chunks_mut(stride)).enumerate()
        {
            let mut row = Counts::default();
            let rows = a.iter_mut().zip(b).zip(c).zip(d).zip(cells);
            for (at, ((((a, b), c), d), cell)) in rows.enumerate() {
                if *a | *b | *c | *d == 0 {
                    continue;
                }
                let packed = [a, b, c, d].map(std::mem::take);
                let count: u64 = packed.iter().map(|packed| packed >> SUM_BITS).sum();
                let sum: u64 = packed.iter().map(|packed| packed & SUM_MASK).sum();
                let mut counts = Counts {
                    gmv_minor: sum as i64,
                    ..Counts::default()
                };
                match kind {
                    Kind::Order => counts.orders = count,
                    Kind::Payment => counts.payments = count,
                }
                *cell += counts;
                row += counts;
                margins.put_inner(at / Channel::COUNT, at % Channel::COUNT, counts);
            }
            value += row.gmv_minor;
            margins.put_region(region, row);
        }
        self.counted.tally.volume_minor = self.counted.tally.volume_minor.saturating_add(value);
        self.counted.windows.add(waiting.second_ms, &margins);
    }

    /// What was counted since it was drained last.
    pub fn counted(&mut self) -> &Counted {
        self.settle();
        &self.counted
    }

    /// Takes what was counted since the last time, to be added to others. Batches of before are still known.
    pub fn drain(&mut self) -> Counted {
        self.settle();
        let empty = Counted::new(self.counted.tally.emptied());
        let counted = std::mem::replace(&mut self.counted, empty);
        for (source, seen) in &counted.seen {
            self.drained.entry(*source).or_default().add(seen);
        }
        counted
    }
}

fn second_of(at_ms: EventMs) -> EventMs {
    at_ms - at_ms.rem_euclid(1_000)
}

/// Some rows of a batch.
struct Part<'a> {
    place: &'a [[u8; 2]],
    category: &'a [u8],
    channel: &'a [u8],
    amount: &'a [[u8; 4]],
}

impl Part<'_> {
    fn count<const CARRIES: bool>(&self, base_of_place: &[u16; NUMBERS], lanes: &mut [Lane; LANES]) {
        const ONE: u64 = 1 << SUM_BITS;
        // Every index has 16 bits and every table 2¹⁶ entries: no row needs a bounds check.
        let at = |place: [u8; 2], category: u8, channel: u8| {
            let base = base_of_place[usize::from(u16::from_le_bytes(place))];
            base.wrapping_add(u16::from(category) * Channel::COUNT as u16)
                .wrapping_add(u16::from(channel))
        };
        let worth = |amount: [u8; 4]| {
            if CARRIES {
                ONE + u64::from(u32::from_le_bytes(amount))
            } else {
                ONE
            }
        };
        let [first, second, third, fourth] = lanes;
        let (places, last_place) = self.place.as_chunks::<GROUP>();
        let (categories, last_category) = self.category.as_chunks::<GROUP>();
        let (channels, last_channel) = self.channel.as_chunks::<GROUP>();
        let (amounts, last_amount) = self.amount.as_chunks::<GROUP>();
        for (((place, category), channel), amount) in places.iter().zip(categories).zip(channels).zip(amounts)
        {
            // The cells within their regions, of eight rows in one step: none leaves its byte.
            let mut within = u64::from_le_bytes(*category)
                .wrapping_mul(Channel::COUNT as u64)
                .wrapping_add(u64::from_le_bytes(*channel));
            let mut at = |place: [u8; 2]| {
                let base = base_of_place[usize::from(u16::from_le_bytes(place))];
                let cell = base.wrapping_add((within & 0xff) as u16);
                within >>= 8;
                usize::from(cell)
            };
            let (places, amounts) = (place.as_chunks::<LANES>().0, amount.as_chunks::<LANES>().0);
            for ([p0, p1, p2, p3], [a0, a1, a2, a3]) in places.iter().zip(amounts) {
                first[at(*p0)] += worth(*a0);
                second[at(*p1)] += worth(*a1);
                third[at(*p2)] += worth(*a2);
                fourth[at(*p3)] += worth(*a3);
            }
        }
        for (((place, category), channel), amount) in last_place
            .iter()
            .zip(last_category)
            .zip(last_channel)
            .zip(last_amount)
        {
            first[usize::from(at(*place, *category, *channel))] += worth(*amount);
        }
    }
}
