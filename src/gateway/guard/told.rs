//! The numbers in which a part of the day is told: one list for orders and payments together.
//!
//! Where an order is paid as it is made, or always so long after, both kinds count the same thing at different instants.
//! Told each in its own numbers, their difference would be a count of a few. So whoever is ahead chooses the numbers, `k`
//! apart at least, and the other is told in these alone.

use std::collections::VecDeque;

/// Most numbers of a part that are kept for the kind that is behind. When there are more, every other one is forgotten: what is
/// behind is told more rarely then.
const MOST: usize = 512;
/// Of the total.
const MOST_OF_TOTAL: usize = 16_384;
/// Where much comes at once, so many numbers are kept of it for the other kind, which has less or more.
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
#[derive(Default)]
pub(super) struct Told {
    numbers: VecDeque<Number>,
    /// The highest.
    top: u64,
    told: [u64; 2],
    total: bool,
}

/// What may be told next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) value: u64,
    /// Whether it is a new number, chosen now.
    pub(super) leads: bool,
}

impl Told {
    /// Those of the total.
    pub(super) fn of_total() -> Self {
        Self {
            total: true,
            ..Self::default()
        }
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
        let reached = self.numbers.partition_point(|number| number.value <= count);
        let value = self
            .numbers
            .range(..reached)
            .rev()
            .find(|number| number.position <= position)?
            .value;
        (value > self.of(side)).then_some(Next { value, leads: false })
    }

    /// Numbers at which everything had been told of the kind ahead, above what was told of this one and below another.
    pub(super) fn whole_below(&self, side: Side, value: u64) -> Vec<u64> {
        let told = self.of(side);
        self.numbers
            .iter()
            .filter(|number| number.whole && number.value > told && number.value < value)
            .map(|number| number.value)
            .collect()
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
        if self.numbers.len() > if self.total { MOST_OF_TOTAL } else { MOST } {
            let last = self.numbers.len() - 1;
            let mut at = 0;
            self.numbers.retain(|_| {
                at += 1;
                (at - 1) % 2 == last % 2
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
        assert!(told.numbers.len() <= MOST);
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
