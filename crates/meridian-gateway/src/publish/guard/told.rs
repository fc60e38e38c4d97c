//! The numbers in which a part of the day is told: one list for orders and payments together.
//!
//! Where an order is paid as it is made, or always so long after, both kinds count the same thing at different instants.
//! Told each in its own numbers, their difference would be a count of a few. So whoever is ahead chooses the numbers, `k`
//! apart at least, and the other is told in these alone.

use std::collections::VecDeque;

/// The most numbers of a part that are kept for the kind that is behind. When there are more, they are made half as many, as far apart
/// from each other everywhere: what is behind is told more rarely then, but always as rarely.
const MAX_NUMBERS: usize = 512;
/// Of regions and channels, whose lights and arcs go out as they are told.
const MAX_OF_MARGINS: usize = 8_192;
/// Of the total: at the end of 2016's day payments are 400 million ahead, and orders are told twice a second still.
const MAX_OF_TOTAL: usize = 262_144;
/// How many numbers are kept for the other kind where much comes at once: it may have less or more.
pub(super) const PIECES: u64 = 8;
/// Of the total more: rates are made of it.
pub(super) const PIECES_OF_TOTAL: u64 = 32;

/// One of two kinds that share their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Orders; of corrections, which are alone, themselves.
    First,
    /// Payments.
    Second,
}

impl Side {
    fn at(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// A number that may be told of either kind.
struct Number {
    value: u64,
    /// How much of the total there was when it was told first: of the other kind it is told no earlier.
    position: u64,
    /// Whether everything that had come was told then.
    whole: bool,
}

/// The numbers of one part of the day.
pub(super) struct Told {
    numbers: VecDeque<Number>,
    /// The highest.
    top: u64,
    told: [u64; 2],
    /// How many are kept.
    capacity: usize,
}

impl Default for Told {
    fn default() -> Self {
        Self::keeping(MAX_NUMBERS)
    }
}

/// What may be told next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) value: u64,
    /// Whether it is a new number, chosen now.
    pub(super) leads: bool,
}

impl Told {
    fn keeping(capacity: usize) -> Self {
        Self {
            numbers: VecDeque::new(),
            top: 0,
            told: [0; 2],
            capacity,
        }
    }

    /// Those of the total.
    pub(super) fn of_total() -> Self {
        Self::keeping(MAX_OF_TOTAL)
    }

    /// Those of a region or channel.
    pub(super) fn of_margin() -> Self {
        Self::keeping(MAX_OF_MARGINS)
    }

    /// What was told of a kind.
    pub(super) fn of(&self, side: Side) -> u64 {
        self.told.get(side.at()).copied().unwrap_or(0)
    }

    /// What of a count may be told next, if anything. `enough` is how far apart numbers are at least where a kind chooses them: it
    /// does where it is ahead.
    pub(super) fn next(&self, side: Side, count: u64, position: u64, enough: Option<u64>) -> Option<Next> {
        if let Some(enough) = enough
            && count >= self.top + enough
        {
            return Some(Next {
                value: count,
                leads: true,
            });
        }
        // The greater the value, the later the position.
        let reached = self
            .numbers
            .partition_point(|number| number.value <= count && number.position <= position);
        let value = self.numbers.get(reached.checked_sub(1)?)?.value;
        (value > self.of(side)).then_some(Next { value, leads: false })
    }

    /// Numbers at which everything had been told of the kind ahead, above what was told of this one and below another.
    pub(super) fn whole_below(&self, side: Side, value: u64) -> Vec<u64> {
        let told = self.of(side);
        let from = self.numbers.partition_point(|number| number.value <= told);
        let to = self.numbers.partition_point(|number| number.value < value);
        let between = self.numbers.range(from..to.max(from));
        let whole = between.filter(|number| number.whole);
        whole.map(|number| number.value).collect()
    }

    /// How far apart the numbers are about one that is told, where a kind that chooses them leaves so much between them.
    pub(super) fn grain(&self, value: u64, enough: u64) -> u64 {
        let at = self.numbers.partition_point(|number| number.value < value);
        let between = |a: Option<usize>, b: usize| {
            let (a, b) = (self.numbers.get(a?)?, self.numbers.get(b)?);
            Some(b.value - a.value)
        };
        let (before, after) = (between(at.checked_sub(1), at), between(Some(at), at + 1));
        before.max(after).unwrap_or(0).max(enough)
    }

    /// A number is told of a kind. Numbers between it and the one before are kept for the other kind, `apart` from each
    /// other at least.
    pub(super) fn tell(&mut self, side: Side, value: u64, position: u64, (apart, pieces): (u64, u64)) {
        if value > self.top {
            let pieces = ((value - self.top) / (2 * apart).max(1)).min(pieces).max(1);
            for piece in 1..=pieces {
                let whole = piece == pieces;
                self.numbers.push_back(Number {
                    value: self.top + (value - self.top) * piece / pieces,
                    position,
                    whole,
                });
            }
            self.top = value;
        }
        if let Some(told) = self.told.get_mut(side.at()) {
            *told = (*told).max(value);
        }
        let least = self.told.iter().copied().min().unwrap_or(0);
        while self.numbers.front().is_some_and(|number| number.value <= least) {
            self.numbers.pop_front();
        }
        if self.numbers.len() > self.capacity {
            let first = self.numbers.front().map_or(0, |number| number.value);
            let apart = (self.top - first).div_ceil(self.capacity as u64 / 2);
            let (top, mut next) = (self.top, 0);
            self.numbers.retain(|number| {
                let keep = number.value >= next || number.value == top;
                if keep {
                    next = number.value + apart;
                }
                keep
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    proptest! {
        /// Whatever either kind counts, any two numbers that are told of it are the same or `k` apart.
        #[test]
        fn any_two_numbers_are_far_apart(
            k in 2_u64..12,
            steps in proptest::collection::vec((proptest::bool::ANY, 0_u64..60), 1..300),
        ) {
            let mut told = Told::default();
            let mut counts = [0_u64; 2];
            let mut said = vec![0];
            for (second, more) in steps {
                let side = if second { Side::Second } else { Side::First };
                counts[side.at()] += more;
                if let Some(next) = told.next(side, counts[side.at()], u64::MAX, Some(k)) {
                    prop_assert!(next.value <= counts[side.at()] && next.value > told.of(side));
                    told.tell(side, next.value, 0, (k, PIECES));
                    said.push(next.value);
                }
            }
            said.sort_unstable();
            said.dedup();
            prop_assert!(said.windows(2).all(|pair| pair[1] - pair[0] >= k), "{:?}", said);
        }
    }

    #[test]
    fn who_never_comes_is_not_waited_for_without_end() {
        let mut told = Told::default();
        for number in 1..10_000 {
            told.tell(Side::First, number * 20, 0, (10, PIECES));
        }
        assert!(told.numbers.len() <= MAX_NUMBERS);
        // No part of it is forgotten more than another.
        let values: Vec<u64> = told.numbers.iter().map(|number| number.value).collect();
        let widest = values.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 6 * 9_999 * 20 / MAX_NUMBERS as u64, "{widest}");
        // Who comes after all is told in what is left, up to the newest.
        let next = told.next(Side::Second, 9_999 * 20, u64::MAX, Some(10)).unwrap();
        assert_eq!((next.value, next.leads), (9_999 * 20, false));
    }

    #[test]
    fn a_number_is_told_no_earlier_than_it_was_told_first() {
        let mut told = Told::default();
        told.tell(Side::First, 50, 900, (10, PIECES));
        assert_eq!(told.next(Side::Second, 55, 899, None), None);
        assert_eq!(told.next(Side::Second, 55, 900, None).unwrap().value, 50);
        // Who isn't ahead chooses no number, however much there is.
        assert_eq!(told.next(Side::Second, 500, 900, None).unwrap().value, 50);
    }
}
