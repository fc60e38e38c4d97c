//! Limits on what one source may send in a day, so that none uses up everybody's capacity. Pure.

use std::collections::{BTreeMap, HashMap};

use meridian_core::sales::Currency;
use meridian_wire::NoticeKind;
use meridian_wire::notice::OverBudget;

/// The fewest rows that a batch counts as, however empty it is.
pub const MIN_ROWS: usize = 64;
/// The most batches of a source that are taken at once.
pub const BURST: u32 = 20_000;
/// How many more of each source are taken with every step: 2,000 a second.
const BATCHES_A_STEP: u32 = 200;
/// The most batches in one message; those beyond are to be sent again.
pub const MAX_IN_MESSAGE: usize = 4_096;
/// The most sources in a day whose numbers no token names.
pub const MAX_SOURCES: usize = 65_536;
/// The most of these that send with one token.
pub const MAX_SOURCES_OF_TOKEN: usize = 1_024;
/// The most gaps in the batch numbers of one source: each is remembered for the day.
pub const MAX_GAPS: usize = 1 << 20;
/// The most gaps of all sources together.
pub const MAX_GAPS_IN_ALL: usize = 1 << 22;
/// Once all sources together have this many gaps, only sources that a token names may make more.
pub const MAX_GAPS_OF_ANYBODY: usize = 1 << 21;
/// The largest sum of all amounts of a day that carry value, whatever their sign: every sum fits in 64 bits.
pub const MAX_VOLUME_MINOR: u64 = 1 << 61;
/// The largest part of it that one source may send: a day of 2016 is a six-thousandth of it.
pub const MAX_OF_SOURCE_MINOR: u64 = 1 << 56;
/// The largest part of it from all senders whose token names no source: half, so that the others always have the other half.
pub const MAX_OF_ANYBODY_MINOR: u64 = 1 << 60;
/// The largest amount of one row whatever the currency, in minor units.
pub const MAX_AMOUNT_MINOR: u64 = 10_000_000_000_000;

/// The largest amount of one row in a currency, in minor units: 10⁹ of its units, and 10¹² where many of them make a euro.
pub fn max_amount_minor(currency: &Currency) -> u64 {
    let units: u64 = match currency.code() {
        "AOA" | "ARS" | "BIF" | "CDF" | "CLP" | "COP" | "CRC" | "GNF" | "HUF" | "IDR" | "IQD" | "IRR"
        | "ISK" | "JPY" | "KHR" | "KMF" | "KRW" | "KZT" | "LAK" | "LBP" | "LKR" | "MGA" | "MMK" | "MNT"
        | "MWK" | "NGN" | "PKR" | "PYG" | "RSD" | "RWF" | "SLL" | "SOS" | "STN" | "SYP" | "TZS" | "UGX"
        | "UZS" | "VND" | "XAF" | "XOF" | "XPF" | "YER" | "ZWL" => 1_000_000_000_000,
        _ => 1_000_000_000,
    };
    let minor = u64::try_from(currency.minor_per_unit()).unwrap_or(1);
    units.saturating_mul(minor).min(MAX_AMOUNT_MINOR)
}

/// Why a batch is too much for its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// More batches than can be counted.
    #[error(
        "more batches come from source {source_number} than a source may send: 2,000 a second, and 20,000 at once"
    )]
    Batches {
        /// The source.
        source_number: u32,
    },
    /// More sources than there can be.
    #[error("batches came from {MAX_SOURCES} sources today, and no more can be told apart")]
    Sources,
    /// More sources than one token has that names none.
    #[error(
        "a token without a number sends under {MAX_SOURCES_OF_TOKEN} source numbers a day at most, and source {source_number} would be one more: give it its own (`token make --number`)"
    )]
    SourcesOfToken {
        /// The source.
        source_number: u32,
    },
    /// More gaps than are remembered.
    #[error(
        "the numbers of source {source_number} have more gaps than can be remembered: number batches one after the other"
    )]
    Gaps {
        /// The source.
        source_number: u32,
    },
    /// More value than one source has.
    #[error(
        "the value of source {source_number} would pass what one source may send in a day (2⁵⁶ minor units): are its amounts in minor units?"
    )]
    Value {
        /// The source.
        source_number: u32,
    },
    /// More value than those who aren't bound to a number have together.
    #[error(
        "the value of all whose token has no number would pass what they may send in a day (2⁶⁰ minor units): source {source_number} came last"
    )]
    Anybody {
        /// The source.
        source_number: u32,
    },
    /// More than the day can carry.
    #[error("the day's value would pass what 64 bits can carry")]
    Day,
}

impl Beyond {
    /// What directors are told of it.
    pub fn notice(self) -> NoticeKind {
        let (what, source) = match self {
            Self::Batches { source_number } => (OverBudget::Batches, Some(source_number)),
            Self::Sources => (OverBudget::Sources, None),
            Self::SourcesOfToken { source_number } => (OverBudget::SourcesOfToken, Some(source_number)),
            Self::Gaps { source_number } => (OverBudget::Gaps, Some(source_number)),
            Self::Value { source_number } => (OverBudget::Value, Some(source_number)),
            Self::Anybody { source_number } => (OverBudget::Anybody, Some(source_number)),
            Self::Day => (OverBudget::Day, None),
        };
        NoticeKind::SourceOverBudget {
            what,
            source,
            reason: self.to_string(),
        }
    }
}

/// What one source has sent.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    value_minor: u64,
    /// Batches that weren't made up for by steps yet.
    batches: u32,
    /// Gaps between its numbers, and the range before the first.
    gaps: usize,
}

/// What all sources have sent of what the day can carry.
#[derive(Debug, Default)]
pub struct Budgets {
    used: BTreeMap<u32, Used>,
    value_minor: u64,
    anybody_minor: u64,
    gaps: usize,
    /// Sources that came first with each token that names none.
    with_token: HashMap<String, usize>,
}

/// Who sends a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// Somebody who sends under numbers that their token names.
    Bound,
    /// Somebody who sends under any, with this token; none has no name.
    Anybody(&'a str),
}

/// A batch that is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its source.
    pub source: u32,
    /// The sum of its amounts that carry value, whatever their sign.
    pub value_minor: u128,
    /// Who sends it.
    pub by: By<'a>,
    /// Whether its number makes a gap.
    pub gap: bool,
}

impl Budgets {
    /// Whether a batch is within what its source may send.
    ///
    /// # Errors
    /// [`Beyond`] saying what there is too much of.
    pub fn allow(&self, asked: Asked<'_>) -> Result<(), Beyond> {
        let source_number = asked.source;
        let used = self.used.get(&source_number);
        // Numbers that tokens name are as many as there are in the token file, and are always had.
        if let (None, By::Anybody(token)) = (used, asked.by) {
            let theirs = self.with_token.get(token).copied().unwrap_or_default();
            if theirs >= MAX_SOURCES_OF_TOKEN {
                return Err(Beyond::SourcesOfToken { source_number });
            }
            if self.used.len() >= MAX_SOURCES {
                return Err(Beyond::Sources);
            }
        }
        let used = used.copied().unwrap_or_default();
        if used.batches >= BURST {
            return Err(Beyond::Batches { source_number });
        }
        let max_gaps = match asked.by {
            By::Bound => MAX_GAPS_IN_ALL,
            By::Anybody(_) => MAX_GAPS_OF_ANYBODY,
        };
        if asked.gap && (used.gaps >= MAX_GAPS || self.gaps >= max_gaps) {
            return Err(Beyond::Gaps { source_number });
        }
        let fits = |used: u64, most: u64| u128::from(used) + asked.value_minor <= u128::from(most);
        if asked.value_minor == 0 {
            return Ok(());
        }
        if !fits(used.value_minor, MAX_OF_SOURCE_MINOR) {
            return Err(Beyond::Value { source_number });
        }
        if asked.by != By::Bound && !fits(self.anybody_minor, MAX_OF_ANYBODY_MINOR) {
            return Err(Beyond::Anybody { source_number });
        }
        if !fits(self.value_minor, MAX_VOLUME_MINOR) {
            return Err(Beyond::Day);
        }
        Ok(())
    }

    /// Notes a batch that was taken.
    pub fn take(&mut self, asked: Asked<'_>) {
        let value_minor = u64::try_from(asked.value_minor).unwrap_or(u64::MAX);
        if let By::Anybody(token) = asked.by
            && !self.used.contains_key(&asked.source)
        {
            *self.with_token.entry(token.to_owned()).or_default() += 1;
        }
        let used = self.used.entry(asked.source).or_default();
        used.value_minor = used.value_minor.saturating_add(value_minor);
        used.batches = used.batches.saturating_add(1);
        self.value_minor = self.value_minor.saturating_add(value_minor);
        if asked.by != By::Bound {
            self.anybody_minor = self.anybody_minor.saturating_add(value_minor);
        }
    }

    /// Notes how many ranges a source's numbers make.
    pub fn set_gaps(&mut self, source: u32, gaps: usize) {
        let used = self.used.entry(source).or_default();
        self.gaps = self.gaps - used.gaps.min(self.gaps) + gaps;
        used.gaps = gaps;
    }

    /// Whether the day still can carry what a batch adds, whoever sent it: for one that was taken before.
    pub fn carries(&self, value_minor: u128) -> bool {
        u128::from(self.value_minor) + value_minor <= u128::from(MAX_VOLUME_MINOR)
    }

    /// A step was made: each source may send some more.
    pub fn step(&mut self) {
        for used in self.used.values_mut() {
            used.batches = used.batches.saturating_sub(BATCHES_A_STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(source: u32, value_minor: u128) -> Asked<'static> {
        Asked {
            source,
            value_minor,
            by: By::Bound,
            gap: false,
        }
    }

    #[test]
    fn one_source_cant_use_up_what_others_have() {
        let mut budgets = Budgets::default();
        let large = asked(1, 1 << 55);
        for _ in 0..2 {
            budgets.allow(large).unwrap();
            budgets.take(large);
        }
        assert_eq!(budgets.allow(large), Err(Beyond::Value { source_number: 1 }));
        assert_eq!(
            budgets.allow(asked(1, 0)),
            Ok(()),
            "what carries no value is free"
        );
        assert_eq!(budgets.allow(asked(2, 1 << 55)), Ok(()));
        // Whoever sends under any number has a half, under however many.
        let mut taken = 0_u32;
        for source in 100..1_000 {
            let any = Asked {
                by: By::Anybody("1"),
                ..asked(source, 1 << 56)
            };
            match budgets.allow(any) {
                Ok(()) => budgets.take(any),
                Err(beyond) => {
                    assert_eq!(
                        beyond,
                        Beyond::Anybody {
                            source_number: source
                        }
                    );
                    break;
                }
            }
            taken += 1;
        }
        assert_eq!(taken, 16);
        assert_eq!(budgets.allow(asked(2, 1 << 55)), Ok(()));
        // And never more than the day.
        for source in 2_000..2_100 {
            let next = asked(source, 1 << 56);
            if budgets.allow(next).is_ok() {
                budgets.take(next);
            }
        }
        assert_eq!(budgets.value_minor, MAX_VOLUME_MINOR);
        assert_eq!(budgets.allow(asked(3_000, 1)), Err(Beyond::Day));
        assert!(!budgets.carries(1) && budgets.carries(0));
    }

    #[test]
    fn batches_gaps_and_sources_have_a_most() {
        let mut budgets = Budgets::default();
        for _ in 0..BURST {
            budgets.allow(asked(1, 0)).unwrap();
            budgets.take(asked(1, 0));
        }
        assert_eq!(
            budgets.allow(asked(1, 0)),
            Err(Beyond::Batches { source_number: 1 })
        );
        assert_eq!(budgets.allow(asked(2, 0)), Ok(()));
        budgets.step();
        for _ in 0..BATCHES_A_STEP {
            budgets.allow(asked(1, 0)).unwrap();
            budgets.take(asked(1, 0));
        }
        assert!(budgets.allow(asked(1, 0)).is_err());
        budgets.set_gaps(2, MAX_GAPS);
        let gap = |source| Asked {
            gap: true,
            ..asked(source, 0)
        };
        assert_eq!(budgets.allow(gap(2)), Err(Beyond::Gaps { source_number: 2 }));
        assert_eq!(
            (budgets.allow(asked(2, 0)), budgets.allow(gap(3))),
            (Ok(()), Ok(()))
        );
        for source in 4..8 {
            budgets.set_gaps(source, MAX_GAPS - 1);
        }
        assert!(budgets.allow(gap(9)).is_err(), "all together");
        let anybody = |source| Asked {
            by: By::Anybody("1"),
            ..gap(source)
        };
        budgets.set_gaps(2, 0);
        assert!(budgets.allow(gap(9)).is_ok() && budgets.allow(anybody(9)).is_err());
    }

    /// Whoever sends under whatever number they like keeps nobody else from sending.
    #[test]
    fn no_token_uses_up_the_source_numbers_of_others() {
        let mut budgets = Budgets::default();
        let by = |token: &'static str, source| Asked {
            by: By::Anybody(token),
            ..asked(source, 0)
        };
        let mut sends = |asked: Asked<'_>| {
            let allowed = budgets.allow(asked);
            if allowed.is_ok() {
                budgets.take(asked);
            }
            allowed
        };
        for source in 0..66_000 {
            let allowed = sends(by("1", source));
            let most = MAX_SOURCES_OF_TOKEN as u32;
            assert_eq!(allowed.is_ok(), source < most, "{source}: {allowed:?}");
        }
        // Those that it has it keeps; others have theirs.
        assert_eq!(sends(by("1", 5)), Ok(()));
        assert_eq!(sends(by("2", 70_000)), Ok(()));
        assert_eq!(sends(asked(80_000, 0)), Ok(()));
        // However many come, those whose tokens have a number are had.
        for source in 100_000..100_000 + MAX_SOURCES as u32 {
            sends(asked(source, 0)).unwrap();
        }
        assert_eq!(sends(by("2", 90_000)), Err(Beyond::Sources));
        assert_eq!(sends(asked(90_000, 0)), Ok(()));
    }

    #[test]
    fn an_amount_is_measured_in_its_currency() {
        let most = |code| max_amount_minor(&Currency::from_code(code).unwrap());
        assert_eq!((most("EUR"), most("JPY")), (100_000_000_000, 1_000_000_000_000));
        assert_eq!((most("KWD"), most("IDR")), (1_000_000_000_000, MAX_AMOUNT_MINOR));
    }
}
