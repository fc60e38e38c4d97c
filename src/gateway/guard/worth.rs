//! What may be told of a value: not so much that prices solve it for what was bought.
//!
//! A count and a sum to the cent are an equation in the numbers of each product. Where prices are few, or one order is
//! most of the value, it has one solution.

use super::split::Sum;

/// A sum is told as it is where so many sets of orders come to it, as a power of two.
const HIDDEN_BITS: f64 = 40.0;
/// … and where no order is more than one part in so many of it.
const DOMINANCE: u64 = 4;

/// A value: as it is, and as it is told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worth {
    exact_minor: i64,
    told_minor: i64,
    /// The largest amount so far.
    most_minor: u64,
    /// What came since it was told as it is.
    since: Sum,
}

impl Worth {
    /// More of it; gives what is told more (or less, of a correction). `whole`: it may be told as it is where the orders hide
    /// in it.
    pub(super) fn add(&mut self, k: u64, more: Sum, whole: bool) -> i64 {
        self.exact_minor = self.exact_minor.saturating_add(more.value_minor);
        self.most_minor = self.most_minor.max(more.most_minor);
        self.since += more;
        let corrects = more.value_minor < 0;
        let told = if whole && hides(&self.since) {
            self.since = Sum::default();
            self.exact_minor
        } else {
            let coarse = floor(self.exact_minor, step(k, self.most_minor));
            // A larger order makes the step larger, not the value smaller.
            if corrects {
                coarse
            } else {
                coarse.max(self.told_minor)
            }
        };
        let told = if corrects { told.min(self.told_minor) } else { told };
        let delta = told.saturating_sub(self.told_minor);
        self.told_minor = told;
        delta
    }

    /// All of it is told, with what nothing else tells.
    pub(super) fn finish(&mut self, more: Sum) -> i64 {
        self.exact_minor = self.exact_minor.saturating_add(more.value_minor);
        self.since = Sum::default();
        let delta = self.exact_minor.saturating_sub(self.told_minor);
        self.told_minor = self.exact_minor;
        delta
    }
}

/// The distance of the values that are told: `k` of the dearest orders, rounded up to 1, 2 or 5 and zeros.
pub(super) fn step(k: u64, most_minor: u64) -> i64 {
    let least = most_minor.saturating_mul(k).max(1);
    let mut ten = 1_u64;
    loop {
        for digit in [1, 2, 5] {
            let step = ten.saturating_mul(digit);
            if step >= least {
                return i64::try_from(step).unwrap_or(i64::MAX);
            }
        }
        match ten.checked_mul(10) {
            Some(next) => ten = next,
            None => return i64::MAX,
        }
    }
}

fn floor(value_minor: i64, step: i64) -> i64 {
    value_minor - value_minor.rem_euclid(step)
}

/// Whether so many sets of orders come to the same sum that it says nothing of any of them: a bound by counting. So many orders
/// of so many different amounts can be put together in more ways than (1 + orders ÷ amounts) ^ (amounts − 1); the sums that they can
/// come to are fewer than orders × the largest. Where the ways are 2⁴⁰ times the sums, a sum has as many solutions on average.
fn hides(since: &Sum) -> bool {
    let others = f64::from(since.amounts.count_ones().saturating_sub(1));
    if others < 1.0 || since.most_minor == 0 {
        return false;
    }
    let ways = others * (1.0 + since.count as f64 / others).log2();
    let sums = (since.count as f64 * since.most_minor as f64).log2();
    let dominated = since.most_minor.saturating_mul(DOMINANCE) > since.value_minor.unsigned_abs();
    !dominated && ways - sums >= HIDDEN_BITS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn orders(amounts: impl IntoIterator<Item = i64>) -> Sum {
        let mut sum = Sum::default();
        for amount in amounts {
            sum += Sum::one(amount);
        }
        sum
    }

    #[test]
    fn few_prices_never_hide_and_many_soon_do() {
        let five = [899, 1_990, 4_950, 7_999, 89_900];
        assert!(!hides(&orders((0..100_000).map(|at| five[at % 5]))));
        let many = |count: i64| orders((0..count).map(|at| 1_000 + at * at * 7_919 % 9_973));
        assert!(!hides(&many(16)));
        assert!(hides(&many(96)));
        // One order that is most of it would be seen.
        let mut large = many(96);
        large += Sum::one(10_000_000);
        assert!(!hides(&large));
    }

    #[test]
    fn a_value_rises_in_steps_of_k_of_the_dearest() {
        assert_eq!(
            (step(10, 89_900), step(10, 1), step(2, 100)),
            (1_000_000, 10, 200)
        );
        let mut worth = Worth::default();
        let mut told = 0;
        for _ in 0..100 {
            told += worth.add(10, orders([899, 89_900]), true);
            assert_eq!(told % 1_000_000, 0);
            assert!(worth.exact_minor - told < 1_000_000);
        }
        // A dearer one changes the step, and nothing falls.
        let before = told;
        told += worth.add(10, orders([900_000]), true);
        assert_eq!(told, before);
        // A correction lowers it, in steps too.
        told += worth.add(10, Sum::one(-6_000_000), true);
        assert_eq!(told, 0);
        told += worth.finish(orders([1]));
        assert_eq!(told, 100 * 90_799 + 900_000 - 6_000_000 + 1);
    }
}
