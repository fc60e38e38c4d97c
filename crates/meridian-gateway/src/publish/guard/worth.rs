//! How precisely a value may be published, so that it can't be solved for what was bought.
//!
//! A count and a sum to the cent are an equation in the numbers of each product. Where prices are few, or one order is
//! most of the value, it has one solution.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::split::Sum;

/// A total is published exactly where at least this many sets of orders (as a power of two) add up to it.
const HIDDEN_BITS: f64 = 40.0;
/// Amounts are dealt into so many hands by their hash; each has to reach every residue that all of them reach.
const HANDS: usize = 16;

/// How much of a value is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    /// All of it, to the minor unit.
    Exact,
    /// What it was.
    Was(i64),
    /// The highest step.
    Steps,
}

/// A value: as it is, and as it is told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worth {
    exact_minor: i64,
    told_minor: i64,
    /// The largest amount so far.
    max_minor: u64,
    /// The step between the values that are told.
    step_minor: i64,
}

impl Worth {
    /// Adds to it, in steps for amounts of at least `min_minor`; returns by how much what is told changes.
    pub(super) fn add(&mut self, k: u64, more: Sum, min_minor: u64, tell: Tell) -> i64 {
        self.exact_minor = self.exact_minor.saturating_add(more.value_minor);
        let most = more.max_minor.max(min_minor);
        if most > self.max_minor || self.step_minor == 0 {
            self.max_minor = self.max_minor.max(most);
            self.step_minor = step(k, self.max_minor);
        }
        let corrects = more.value_minor < 0;
        let coarse = floor(self.exact_minor, self.step_minor);
        let told = match tell {
            Tell::Exact => self.exact_minor,
            Tell::Was(value_minor) => value_minor.max(coarse).max(self.told_minor),
            Tell::Steps if corrects => coarse,
            // A larger order makes the step larger, not the value smaller.
            Tell::Steps => coarse.max(self.told_minor),
        };
        let told = if corrects { told.min(self.told_minor) } else { told };
        let delta = told.saturating_sub(self.told_minor);
        self.told_minor = told;
        delta
    }

    /// Nothing comes any more: what is told more of it, as it is or was.
    pub(super) fn finish(&mut self, tell: Tell) -> i64 {
        let told = match tell {
            Tell::Exact => self.exact_minor,
            Tell::Was(value_minor) => value_minor.max(self.told_minor),
            Tell::Steps => self.told_minor,
        };
        let delta = told.saturating_sub(self.told_minor);
        self.told_minor = told;
        delta
    }

    /// As it is.
    pub(super) fn exact_minor(&self) -> i64 {
        self.exact_minor
    }

    /// Within how much of it what is told leaves it open.
    pub(super) fn step_minor(&self) -> i64 {
        self.step_minor
    }

    /// The largest amount so far.
    pub(super) fn max_minor(&self) -> u64 {
        self.max_minor
    }
}

/// Amounts that differ by multiples of a number: one of them, and the number; 0 where there is one alone.
#[derive(Debug, Clone, Copy)]
struct Lattice {
    base: u64,
    apart: u64,
}

impl Lattice {
    fn join(slot: &mut Option<Self>, amount: u64) {
        match slot {
            None => {
                *slot = Some(Self {
                    base: amount,
                    apart: 0,
                });
            }
            Some(it) if it.apart != 1 => it.apart = gcd(it.apart, amount.abs_diff(it.base)),
            Some(_) => {}
        }
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Some orders: whether they hide each other in their sum.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    k: usize,
    /// Of those that hide: of no product that is told by itself.
    count: u64,
    value_minor: u64,
    amounts: u64,
    hands: [Option<Lattice>; HANDS],
    /// The k largest of them and the k smallest.
    largest: BinaryHeap<Reverse<u64>>,
    smallest: BinaryHeap<u64>,
    /// The others, which are to be hidden only.
    others: Option<Lattice>,
    /// The largest amount of all.
    max_minor: u64,
}

impl Crowd {
    pub(super) fn new(k: u64) -> Self {
        Self {
            k: k.max(1) as usize,
            ..Self::default()
        }
    }

    /// Adds an order. `hides`: nothing else tells of its amount.
    pub(super) fn join(&mut self, amount_minor: i64, hides: bool) {
        let amount = amount_minor.unsigned_abs();
        self.max_minor = self.max_minor.max(amount);
        if !hides {
            Lattice::join(&mut self.others, amount);
            return;
        }
        self.count += 1;
        self.value_minor = self.value_minor.saturating_add(amount);
        let hash = amount.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.amounts |= 1 << (hash >> 58);
        if let Some(hand) = self.hands.get_mut((hash >> 54) as usize % HANDS) {
            Lattice::join(hand, amount);
        }
        if self.largest.len() < self.k {
            self.largest.push(Reverse(amount));
        } else if self.largest.peek().is_some_and(|least| amount > least.0) {
            self.largest.pop();
            self.largest.push(Reverse(amount));
        }
        if self.smallest.len() < self.k {
            self.smallest.push(amount);
        } else if self.smallest.peek().is_some_and(|most| amount < *most) {
            self.smallest.pop();
            self.smallest.push(amount);
        }
    }

    /// They are forgotten.
    pub(super) fn leave(&mut self) {
        *self = Self::new(self.k as u64);
    }

    /// Whether their sum tells of no few of them.
    pub(super) fn hides(&self) -> bool {
        self.has_many_ways() && self.leaves_open_how_dear() && self.leaves_no_residue()
    }

    /// Whether enough sets of orders add up to the same sum: a bound by counting. So many orders of so many different amounts can be put
    /// together in more ways than (1 + orders ÷ amounts) ^ (amounts − 1); the sums that they can come to are fewer than orders × the
    /// largest. Where the ways are 2⁴⁰ times the sums, a sum has as many solutions on average. Of each amount no more than k count, since
    /// the rest may be known.
    fn has_many_ways(&self) -> bool {
        let others = f64::from(self.amounts.count_ones().saturating_sub(1));
        if others < 1.0 || self.max_minor == 0 {
            return false;
        }
        let each = (self.count as f64 / others).min(self.k as f64);
        let ways = others * (1.0 + each).log2();
        let sums = (self.count as f64 * self.max_minor as f64).log2();
        ways - sums >= HIDDEN_BITS
    }

    /// Whether they could come to the sum without any that is dearer than k of them, and without any that is cheaper; k of the dearest
    /// more or less.
    fn leaves_open_how_dear(&self) -> bool {
        let (Some(Reverse(dear)), Some(cheap)) = (self.largest.peek(), self.smallest.peek()) else {
            return false;
        };
        let (count, value) = (u128::from(self.count), u128::from(self.value_minor));
        let margin = self.k as u128 * u128::from(self.max_minor);
        count * u128::from(*dear) >= value + margin && value >= count * u128::from(*cheap) + margin
    }

    /// Whether the sum's remainder by no number tells of a few: where all prices are round but one's, the cents count that one. So
    /// whatever residues the amounts come to, each hand of them, dealt by amount, has to come to.
    fn leaves_no_residue(&self) -> bool {
        let mut all: Option<Lattice> = None;
        for hand in &self.hands {
            let Some(hand) = hand else {
                return false;
            };
            let it = all.get_or_insert(*hand);
            it.apart = gcd(gcd(it.apart, hand.apart), it.base.abs_diff(hand.base));
        }
        let Some(all) = all else {
            return false;
        };
        let within = |other: &Lattice| {
            all.apart == 1 || gcd(gcd(all.apart, other.apart), all.base.abs_diff(other.base)) == all.apart
        };
        all.apart > 0
            && self.hands.iter().flatten().all(|hand| hand.apart == all.apart)
            && self.others.as_ref().is_none_or(within)
    }
}

/// The step between the values that are told: `k` of the dearest orders, rounded up to 1, 2 or 5 and zeros.
pub(super) fn step(k: u64, max_minor: u64) -> i64 {
    let least = max_minor.saturating_mul(k).max(1);
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

/// When a total is told to the minor unit. At the day's end it is to be, if it can: so towards it what was told last is always so long
/// ago that what came since hides itself.
#[derive(Debug, Default)]
pub(super) struct Odometer {
    /// Since it was told so.
    since: Crowd,
    /// Towards the end: since `was_minor`.
    newest: Crowd,
    /// Towards the end: what it was when so many had come that they hide each other. It is told when as many have come again.
    was_minor: Option<i64>,
}

impl Odometer {
    pub(super) fn new(k: u64) -> Self {
        Self {
            since: Crowd::new(k),
            newest: Crowd::new(k),
            was_minor: None,
        }
    }

    /// Adds an order. `hides`: nothing else tells of its amount.
    pub(super) fn join(&mut self, amount_minor: i64, hides: bool, closing: bool) {
        self.since.join(amount_minor, hides);
        if closing {
            self.newest.join(amount_minor, hides);
        }
    }

    /// What may be told, if the parts allow it.
    pub(super) fn tell(
        &mut self,
        exact_minor: i64,
        closing: bool,
        parts_hide: impl FnOnce() -> bool,
    ) -> Tell {
        if !closing {
            if self.since.hides() && parts_hide() {
                self.since.leave();
                return Tell::Exact;
            }
        } else if self.newest.hides() && parts_hide() {
            let was = self.was_minor.replace(exact_minor);
            if let Some(was_minor) = was {
                self.since = self.newest.clone();
                self.newest.leave();
                return Tell::Was(was_minor);
            }
            self.newest.leave();
        }
        Tell::Steps
    }

    /// What may be told at the end.
    pub(super) fn finish(&mut self) -> Tell {
        if self.since.hides() {
            return Tell::Exact;
        }
        self.was_minor.map_or(Tell::Steps, Tell::Was)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(amounts: impl IntoIterator<Item = i64>) -> Sum {
        let mut sum = Sum::default();
        for amount in amounts {
            sum += Sum::one(amount);
        }
        sum
    }

    fn crowd(amounts: impl IntoIterator<Item = i64>) -> Crowd {
        let mut crowd = Crowd::new(10);
        for amount in amounts {
            crowd.join(amount, true);
        }
        crowd
    }

    fn many(count: i64) -> impl Iterator<Item = i64> {
        (0..count).map(|at| 1_000 + at * at * 7_919 % 9_973)
    }

    #[test]
    fn few_prices_never_hide_and_many_soon_do() {
        let five = [899, 1_990, 4_950, 7_999, 89_900];
        assert!(!crowd((0..100_000).map(|at| five[at % 5])).hides());
        assert!(!crowd(many(16)).hides());
        assert!(crowd(many(200)).hides());
        // One order that is most of it would be seen; so would three cars among books.
        assert!(!crowd(many(200).chain([10_000_000])).hides());
        assert!(!crowd(many(2_000).chain([3_000_000, 3_100_000, 3_200_000])).hides());
    }

    #[test]
    fn the_cents_of_round_prices_tell_nothing() {
        // Whole units, and then one thing for 9.99.
        let round = |count: i64| many(count).map(|amount| amount / 10 * 100);
        assert!(crowd(round(2_000)).hides());
        for odd in [1, 3, 50] {
            assert!(
                !crowd(round(2_000).chain(std::iter::repeat_n(999, odd))).hides(),
                "{odd}"
            );
        }
        // Also where it is told of by itself, and where it only came back.
        let mut told = crowd(round(2_000));
        told.join(999, false);
        assert!(!told.hides());
        let mut back = crowd(round(2_000));
        back.join(-999, false);
        assert!(!back.hides());
        back.leave();
        for amount in round(2_000) {
            back.join(amount, true);
        }
        back.join(-1_200, false);
        assert!(back.hides());
        // Not every number is divided by a hundred.
        assert!(crowd(many(2_000).map(|amount| amount * 7).chain([1_001])).hides());
        assert!(!crowd(many(2_000).map(|amount| amount * 7).chain([1_003])).hides());
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
            told += worth.add(10, orders([899, 89_900]), 0, Tell::Steps);
            assert_eq!(told % 1_000_000, 0);
            assert!(worth.exact_minor - told < 1_000_000);
        }
        // A dearer one changes the step, and nothing falls.
        let before = told;
        told += worth.add(10, orders([900_000]), 0, Tell::Steps);
        assert_eq!(told, before);
        // A correction lowers it, in steps too.
        told += worth.add(10, Sum::one(-6_000_000), 0, Tell::Steps);
        assert_eq!(told, 0);
        assert_eq!(worth.finish(Tell::Steps), 0);
        told += worth.finish(Tell::Exact);
        assert_eq!(told, 100 * 90_799 + 900_000 - 6_000_000);
    }

    /// Towards the end the total is told later, and at the end it is what it is.
    #[test]
    fn at_the_end_what_is_left_hides_itself() {
        let mut odometer = Odometer::new(10);
        let mut exact = 0;
        let mut tells = Vec::new();
        for (at, amount) in many(3_000).enumerate() {
            let closing = at >= 1_500;
            exact += amount;
            odometer.join(amount, true, closing);
            match odometer.tell(exact, closing, || true) {
                Tell::Exact => tells.push((at, exact)),
                Tell::Was(was) => tells.push((at, was)),
                Tell::Steps => {}
            }
        }
        let early = tells.iter().filter(|(at, _)| *at < 1_500).count();
        assert!(early > 3 && tells.len() > early + 3, "{tells:?}");
        let last = tells.last().unwrap().1;
        assert!(last < exact && exact - last > 50 * 1_000, "{last} of {exact}");
        assert_eq!(odometer.finish(), Tell::Exact);
        // One that shows is not told.
        odometer.join(90_000_000, true, true);
        assert!(
            matches!(odometer.finish(), Tell::Was(was) if was > last),
            "{last}"
        );
        // With five prices nothing is.
        let mut odometer = Odometer::new(10);
        for at in 0..71 {
            odometer.join([1_295, 3_490, 5_999, 18_950, 79_900][at % 5], true, at > 30);
        }
        assert_eq!(odometer.finish(), Tell::Steps);
    }
}
