//! Divides what comes in among parts of it, so that no difference of what is released leaves 1 to `k` − 1 events.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;

use super::MAX_WAIT_MS;
use super::told::{PIECES, Side, Told};
use meridian_core::sales::EventMs;

/// How long what waits is gathered, in milliseconds of event time: as long as a step, or until the next multiple.
const WINDOWS_MS: [i64; 4] = [1_000, 10_000, 60_000, 900_000];
/// A window is long enough when it should bring this many times `k`.
const SEVERAL: u64 = 3;
/// This many times the threshold don't wait for the window's end.
const PLENTY: u64 = 8;

/// How many, their value and pieces, and the dearest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) value_minor: i64,
    pub(super) units: i64,
    /// The largest amount in it, whatever its sign.
    pub(super) max_minor: u64,
}

impl Sum {
    /// One order, payment or correction.
    pub(super) fn one(value_minor: i64) -> Self {
        Self {
            count: 1,
            value_minor,
            units: 0,
            max_minor: value_minor.unsigned_abs(),
        }
    }

    /// A number of events without a value.
    pub(super) fn of(count: u64) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// A number of its events, with their share of the rest.
    fn part(self, count: u64) -> Self {
        if count >= self.count {
            return self;
        }
        let share = |of: i64| {
            let part = i128::from(of) * i128::from(count) / i128::from(self.count.max(1));
            i64::try_from(part).unwrap_or(of)
        };
        Self {
            count,
            value_minor: share(self.value_minor),
            units: share(self.units),
            ..self
        }
    }
}

impl std::ops::SubAssign for Sum {
    fn sub_assign(&mut self, less: Self) {
        self.count = self.count.saturating_sub(less.count);
        self.value_minor = self.value_minor.saturating_sub(less.value_minor);
        self.units = self.units.saturating_sub(less.units);
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.value_minor = self.value_minor.saturating_add(more.value_minor);
        self.units = self.units.saturating_add(more.units);
        self.max_minor = self.max_minor.max(more.max_minor);
    }
}

/// Thresholds of `k` and a hidden rest: who sees that something wasn't released mustn't know that it was fewer than `k`.
pub(super) struct Dice {
    pub(super) k: u64,
    /// A cipher's stream: what is seen of it says nothing of what comes.
    pub(super) random: rand_chacha::ChaCha12Rng,
}

impl Dice {
    /// One more than `k` at least: who learns a number afterwards knows that what waited before it was less, and that has to
    /// leave room for `k`.
    pub(super) fn threshold(&mut self) -> u64 {
        self.k + 1 + self.random.random_range(0..=self.k / 2)
    }

    /// Whether something is told later for no reason: so that from its not being told nothing follows.
    pub(super) fn waits(&mut self) -> bool {
        self.random.random_range(0..4) == 0
    }
}

/// What waits of one child of a split.
pub(super) struct Child {
    pub(super) pending: Sum,
    /// The inflow with which it was released last, and when that was.
    pub(super) since: u64,
    pub(super) since_ms: EventMs,
    /// 0: it is released with any inflow.
    pub(super) window_ms: i64,
    pub(super) threshold: u64,
}

/// What a child released.
pub(super) struct Released<K> {
    pub(super) key: K,
    pub(super) sum: Sum,
    pub(super) from_ms: EventMs,
}

/// Starts of intervals that every coming release treats alike.
#[derive(Default)]
pub(super) struct Starts {
    /// How many children were released last with the inflow that this group is filed under.
    pub(super) children: usize,
    /// For each start: what came in since it, less the releases that lie wholly after it; without `Split::offset`.
    pub(super) slack: Vec<i64>,
}

/// When a release is asked for.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) at_ms: EventMs,
    /// Since when the inflow came.
    pub(super) step_ms: i64,
    /// Whether nothing comes after it.
    pub(super) last: bool,
    /// Whether remainders are protected; only a test turns it off.
    pub(super) complete: bool,
    /// Whether those of spans across a start are too.
    pub(super) heads: bool,
    /// Which kind.
    pub(super) side: Side,
    /// Whether the kinds share their numbers; only a test says no.
    pub(super) together: bool,
    /// How much of the total there is.
    pub(super) position: u64,
    /// Whether there is more of this kind than of the other: then it chooses what is told, otherwise it says what was.
    pub(super) ahead: bool,
}

impl Now {
    /// The numbers that a child is told in.
    fn next(self, told: &Told, waiting: u64, enough: u64) -> Option<super::told::Next> {
        if self.together {
            let count = told.of(self.side) + waiting;
            return told.next(self.side, count, self.position, self.ahead.then_some(enough));
        }
        let value = told.of(self.side) + waiting;
        (waiting >= enough).then_some(super::told::Next { value, leads: true })
    }
}

/// Divides what comes in among children, and releases a child's share when that tells of no 1 to `k` − 1 events.
///
/// The adversary knows each inflow's count, and of each child the sum over each span between two of its releases.
/// For each interval of inflows that ends now, what came in less what was released of spans inside it is kept at 0 or
/// at least `k`.
pub(super) struct Split<K> {
    pub(super) children: BTreeMap<K, Child>,
    /// Those with enough waiting.
    pub(super) ripe: BTreeSet<K>,
    /// By the inflow with which some child was released last, the starts up to it that are after the one before;
    /// under `u64::MAX` those after all of them.
    pub(super) starts: BTreeMap<u64, Starts>,
    pub(super) offset: i64,
    /// What waits of all children.
    pub(super) waiting: i64,
    pub(super) inflow: u64,
    pub(super) start_ms: EventMs,
    /// What a child's numbers begin as.
    pub(super) fresh: fn() -> Told,
}

impl<K: Ord + Copy> Split<K> {
    /// Of the total, by channel or by region.
    pub(super) fn of_margin(start_ms: EventMs) -> Self {
        Self {
            fresh: Told::of_margin,
            ..Self::new(start_ms)
        }
    }

    pub(super) fn new(start_ms: EventMs) -> Self {
        let first = Starts {
            children: 0,
            slack: vec![0],
        };
        Self {
            children: BTreeMap::new(),
            ripe: BTreeSet::new(),
            starts: BTreeMap::from([(0, first)]),
            offset: 0,
            waiting: 0,
            inflow: 0,
            start_ms,
            fresh: Told::default,
        }
    }

    /// Adds to a child, as part of the next inflow.
    pub(super) fn add(&mut self, key: K, more: Sum, dice: &mut Dice) {
        if more == Sum::default() {
            return;
        }
        let (start_ms, starts) = (self.start_ms, &mut self.starts);
        let child = self.children.entry(key).or_insert_with(|| {
            starts.entry(0).or_default().children += 1;
            Child {
                pending: Sum::default(),
                since: 0,
                since_ms: start_ms,
                window_ms: 0,
                threshold: dice.threshold(),
            }
        });
        child.pending += more;
        if child.pending.count >= dice.k {
            self.ripe.insert(key);
        }
    }

    /// Takes an inflow, all of it added before, and returns what is released of it and of what waited.
    pub(super) fn flow(
        &mut self,
        count: u64,
        now: Now,
        dice: &mut Dice,
        numbers: &mut BTreeMap<K, Told>,
    ) -> Vec<Released<K>> {
        self.inflow += 1;
        self.offset += count as i64;
        self.waiting += count as i64;
        let least = dice.k.max(1) as i64;
        let mut ready = self.ready(now, dice, numbers);
        if now.complete {
            self.hold_back(&mut ready, least);
        }
        while now.heads
            && let Some(until) = self.too_few_after(&ready, least)
        {
            let smallest = (0..ready.len())
                .filter(|at| ready.get(*at).is_some_and(|(since, _, _)| *since < until))
                .min_by_key(|at| ready.get(*at).map(|(_, count, _)| *count));
            let Some(smallest) = smallest else {
                break;
            };
            ready.remove(smallest);
        }
        self.count_gone(&ready);
        let mut newest = self.starts.remove(&u64::MAX).unwrap_or_default();
        newest.slack.push(-self.offset);
        if ready.is_empty() {
            thin(&mut newest.slack, least);
            self.starts.insert(u64::MAX, newest);
            return Vec::new();
        }
        newest.children = ready.len();
        self.starts.insert(self.inflow, newest);
        let mut out = self.release(&ready, now, dice, numbers);
        self.join_starts(least);
        out.sort_unstable_by_key(|released| released.key);
        out
    }

    /// The children that may release something: the start of each, how many it would release, and which it is; the
    /// newest start first.
    fn ready(&self, now: Now, dice: &mut Dice, numbers: &mut BTreeMap<K, Told>) -> Vec<(u64, u64, K)> {
        let mut ready: Vec<(u64, u64, K)> = Vec::new();
        for key in &self.ripe {
            let Some(child) = self.children.get(key) else {
                continue;
            };
            let enough = if now.last { dice.k } else { child.threshold };
            let (count, window_ms) = (child.pending.count, child.window_ms);
            let told = numbers.entry(*key).or_insert_with(self.fresh);
            let Some(next) = now.next(told, count, enough) else {
                continue;
            };
            let plenty = now.last || count >= PLENTY * child.threshold;
            let due = plenty
                || window_ms <= now.step_ms
                || now.at_ms.div_euclid(window_ms) > child.since_ms.div_euclid(window_ms);
            // Who is behind tells what was told: when, doesn't matter.
            if !next.leads || due && (plenty || !dice.waits()) {
                ready.push((child.since, next.value - told.of(now.side), *key));
            }
        }
        ready.sort_unstable_by(|a, b| b.cmp(a));
        ready
    }

    /// Holds the smallest back until no start is left with 1 to `least` − 1.
    fn hold_back(&self, ready: &mut Vec<(u64, u64, K)>, least: i64) {
        // From the newest starts to the oldest: a release counts for the starts up to its span's.
        let mut inside: BTreeSet<(u64, K)> = BTreeSet::new();
        let mut held: BTreeSet<K> = BTreeSet::new();
        let mut sum = 0_i64;
        let mut next = ready.iter().peekable();
        for (until, starts) in self.starts.iter().rev() {
            while let Some((_, count, key)) = next.next_if(|(since, _, _)| since >= until) {
                inside.insert((*count, *key));
                sum += *count as i64;
            }
            let wrong = |sum: i64| {
                starts
                    .slack
                    .iter()
                    .map(|slack| slack + self.offset - sum)
                    .any(|slack| slack != 0 && slack < least)
            };
            while wrong(sum) {
                // The smallest joins what is left, which makes that k at least.
                let Some((count, key)) = inside.pop_first() else {
                    break;
                };
                sum -= count as i64;
                held.insert(key);
            }
        }
        ready.retain(|(_, _, key)| !held.contains(key));
    }

    /// Takes what is released off what each start has left.
    fn count_gone(&mut self, ready: &[(u64, u64, K)]) {
        let mut gone = 0_i64;
        let mut next = ready.iter().peekable();
        for (until, starts) in self.starts.iter_mut().rev() {
            while let Some((_, count, _)) = next.next_if(|(since, _, _)| since >= until) {
                gone += *count as i64;
            }
            for slack in &mut starts.slack {
                *slack -= gone;
            }
        }
    }

    /// Releases what is ready: what it was, and since when it had waited.
    fn release(
        &mut self,
        ready: &[(u64, u64, K)],
        now: Now,
        dice: &mut Dice,
        numbers: &mut BTreeMap<K, Told>,
    ) -> Vec<Released<K>> {
        let mut out = Vec::with_capacity(ready.len());
        for (since, count, key) in ready {
            let Some(child) = self.children.get_mut(key) else {
                continue;
            };
            let sum = child.pending.part(*count);
            child.pending -= sum;
            if child.pending.count == 0 {
                child.pending = Sum::default();
            }
            if child.pending.count < dice.k {
                self.ripe.remove(key);
            }
            let told = numbers.entry(*key).or_insert_with(self.fresh);
            told.tell(
                now.side,
                told.of(now.side) + count,
                now.position,
                (dice.k, PIECES),
            );
            self.waiting -= sum.count as i64;
            out.push(Released {
                key: *key,
                sum,
                from_ms: child.since_ms,
            });
            child.window_ms = window_ms(sum.count, now.at_ms - child.since_ms, now.step_ms, dice.k);
            child.since = self.inflow;
            child.since_ms = now.at_ms;
            child.threshold = dice.threshold();
            if let Some(starts) = self.starts.get_mut(since) {
                starts.children -= 1;
            }
        }
        out
    }

    /// Makes one group of starts that no child tells apart any more.
    fn join_starts(&mut self, least: i64) {
        let empty: Vec<u64> = self
            .starts
            .iter()
            .filter(|(since, starts)| starts.children == 0 && **since != 0)
            .map(|(since, _)| *since)
            .collect();
        for since in empty {
            let Some(mut group) = self.starts.remove(&since) else {
                continue;
            };
            if let Some((_, next)) = self.starts.range_mut(since..).next() {
                next.slack.append(&mut group.slack);
            }
        }
        for starts in self.starts.values_mut() {
            thin(&mut starts.slack, least);
        }
    }
}

impl<K> Split<K> {
    /// Where each child was released since a start, what was released of spans across it tells what of them came after
    /// it. The starts, by their group, for which that would be 1 to `least` − 1 once those that are ready are released.
    pub(super) fn too_few_after(&self, ready: &[(u64, u64, K)], least: i64) -> Option<u64> {
        let released: i64 = ready.iter().map(|(_, count, _)| *count as i64).sum();
        let waiting = self.waiting - released;
        for (until, starts) in &self.starts {
            let after = ready.iter().filter(|(since, _, _)| since >= until);
            let gone: i64 = after.map(|(_, count, _)| *count as i64).sum();
            let few = |slack: &i64| (1..least).contains(&(slack + self.offset - gone - waiting));
            if starts.slack.iter().any(few) {
                return Some(*until);
            }
            let leave = ready.iter().filter(|(since, _, _)| since == until).count();
            if leave < starts.children {
                // Starts after this one have a child that wasn't released since.
                return None;
            }
        }
        None
    }
}

/// Of starts that are treated alike, one whose slack is `least` more than another's is safe when that one is.
pub(super) fn thin(slack: &mut Vec<i64>, least: i64) {
    slack.sort_unstable();
    slack.dedup();
    if let Some(first) = slack.first().copied() {
        slack.retain(|value| *value < first + least);
    }
}

/// The shortest window that promises several `k`, judged by what was released: 0 for a step.
pub(super) fn window_ms(count: u64, span_ms: i64, step_ms: i64, k: u64) -> i64 {
    let promised = |window_ms: i64| i128::from(count) * i128::from(window_ms) / i128::from(span_ms.max(1));
    let several = i128::from(SEVERAL * k);
    if promised(step_ms) >= several {
        return 0;
    }
    WINDOWS_MS
        .into_iter()
        .find(|window_ms| promised(*window_ms) >= several)
        .unwrap_or(MAX_WAIT_MS)
}
