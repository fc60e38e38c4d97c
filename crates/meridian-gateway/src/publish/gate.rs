//! The gate: the last check of figures before they are published. Implausible ones aren't shown. Pure.

use meridian_core::sales::EventMs;
use meridian_wire::notice::Wrong;
use meridian_wire::{Counts, Rates, Totals};

/// How much further clocks may drift apart after two directors accepted that they are.
const MAX_STRAY_MS: i64 = 60_000;

/// Which figures are plausible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The most orders or payments in a second of event time.
    pub max_per_s: u64,
    /// Live figures can't be further ahead of the wall clock than this, in milliseconds.
    pub max_ahead_ms: i64,
    /// Live figures can't lag the wall clock more than this, in milliseconds.
    pub max_behind_ms: i64,
}

impl Default for Bounds {
    /// Six times the highest rate of 2016; a minute ahead; an hour behind.
    fn default() -> Self {
        Self {
            max_per_s: 1_000_000,
            max_ahead_ms: 60_000,
            max_behind_ms: 3_600_000,
        }
    }
}

/// Figures that are about to be published, as the gate judges them.
#[derive(Debug, Clone, Copy)]
pub struct PendingFigures {
    /// Event time.
    pub event_ms: EventMs,
    /// The totals.
    pub totals: Totals,
    /// What the regions and what has no region add up to.
    pub regions: Counts,
    /// The rates.
    pub rates: Rates,
    /// Orders and payments of the fullest second that isn't over.
    pub fullest: (u64, u64),
    /// The wall clock, where event time has to follow it; none for a day that is played.
    pub wall_ms: Option<i64>,
}

/// What is wrong with figures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Implausible {
    /// Event time ran back.
    #[error("event time ran back by {by_ms} ms")]
    BackInTime {
        /// By how much.
        by_ms: i64,
    },
    /// A total fell, and no correction says why.
    #[error("{what} fell from {from} to {to} and no correction says why")]
    Fell {
        /// Which total.
        what: &'static str,
        /// What was published.
        from: i128,
        /// What came.
        to: i128,
    },
    /// More in a second than is plausible.
    #[error("{what} are {rate} a second, more than the {most} that can be")]
    TooFast {
        /// Orders or payments.
        what: &'static str,
        /// How many came.
        rate: u64,
        /// How many may come.
        most: u64,
    },
    /// The regions don't add up to the total.
    #[error("{what} of the regions add up to {sum}, the total is {total}")]
    Sum {
        /// Orders, payments or GMV.
        what: &'static str,
        /// What they add up to.
        sum: i128,
        /// What the total is.
        total: i128,
    },
    /// The clocks are too far apart.
    #[error("event time is {apart_ms} ms from the wall clock; {min_ms} to {max_ms} ms can be")]
    Clock {
        /// Event time less wall time.
        apart_ms: i64,
        /// The least that is plausible.
        min_ms: i64,
        /// The most that is plausible.
        max_ms: i64,
    },
}

impl Implausible {
    /// What is wrong without any figure: for notices, logs and audits. The error itself has the figures, which not everybody
    /// may see.
    pub fn what(&self) -> Wrong {
        match self {
            Self::BackInTime { .. } => Wrong::BackInTime,
            Self::Fell { .. } => Wrong::Fell,
            Self::TooFast { .. } => Wrong::TooFast,
            Self::Sum { .. } => Wrong::Sum,
            Self::Clock { .. } => Wrong::Clock,
        }
    }
}

/// Remembers the last figures that were let through.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    bounds: Bounds,
    last: Option<(EventMs, Totals)>,
    /// What comes next is believed, however far the clocks are apart.
    trusting: bool,
    /// How far apart they were when it was.
    trusted_ms: Option<i64>,
}

impl Gate {
    /// A gate that has seen no figures yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Checks figures. Those that pass are what the next ones are compared with.
    ///
    /// # Errors
    /// [`Implausible`]: they are not to be shown.
    pub fn judge(&mut self, figures: &PendingFigures) -> Result<(), Implausible> {
        let counts = figures.totals.counts;
        if let Some((event_ms, known)) = &self.last {
            if figures.event_ms < *event_ms {
                return Err(Implausible::BackInTime {
                    by_ms: event_ms - figures.event_ms,
                });
            }
            let corrected = figures.totals.corrections > known.corrections;
            for (what, from, to, may_fall) in [
                (
                    "orders",
                    i128::from(known.counts.orders),
                    i128::from(counts.orders),
                    false,
                ),
                (
                    "payments",
                    known.counts.payments.into(),
                    counts.payments.into(),
                    false,
                ),
                (
                    "GMV",
                    known.counts.gmv_minor.into(),
                    counts.gmv_minor.into(),
                    corrected,
                ),
                (
                    "corrections",
                    known.corrections.into(),
                    figures.totals.corrections.into(),
                    false,
                ),
            ] {
                if to < from && !may_fall {
                    return Err(Implausible::Fell { what, from, to });
                }
            }
        }
        let most = self.bounds.max_per_s;
        for (what, rate) in [
            ("orders", figures.rates.orders_per_s.max(figures.fullest.0)),
            ("payments", figures.rates.payments_per_s.max(figures.fullest.1)),
        ] {
            if rate > most {
                return Err(Implausible::TooFast { what, rate, most });
            }
        }
        for (what, sum, total) in [
            (
                "orders",
                i128::from(figures.regions.orders),
                i128::from(counts.orders),
            ),
            (
                "payments",
                figures.regions.payments.into(),
                counts.payments.into(),
            ),
            ("GMV", figures.regions.gmv_minor.into(), counts.gmv_minor.into()),
        ] {
            if sum != total {
                return Err(Implausible::Sum { what, sum, total });
            }
        }
        if let Some(wall_ms) = figures.wall_ms {
            let apart_ms = figures.event_ms - wall_ms;
            let (mut min_ms, mut max_ms) = (-self.bounds.max_behind_ms, self.bounds.max_ahead_ms);
            if self.trusting {
                self.trusted_ms = Some(apart_ms);
            } else if (min_ms..=max_ms).contains(&apart_ms) {
                self.trusted_ms = None;
            }
            if let Some(trusted_ms) = self.trusted_ms {
                min_ms = min_ms.min(trusted_ms.saturating_sub(MAX_STRAY_MS));
                max_ms = max_ms.max(trusted_ms.saturating_add(MAX_STRAY_MS));
            }
            if !(min_ms..=max_ms).contains(&apart_ms) {
                return Err(Implausible::Clock {
                    apart_ms,
                    min_ms,
                    max_ms,
                });
            }
        }
        self.last = Some((figures.event_ms, figures.totals));
        self.trusting = false;
        Ok(())
    }

    /// Two directors believe what the gate didn't: what comes next is measured by itself.
    pub fn trust(&mut self) {
        self.last = None;
        self.trusting = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_wire::NoticeKind;

    fn figures(event_ms: i64, orders: u64, gmv_minor: i64) -> PendingFigures {
        let counts = Counts {
            orders,
            payments: 0,
            gmv_minor,
        };
        PendingFigures {
            event_ms,
            totals: Totals {
                counts,
                ..Totals::default()
            },
            regions: counts,
            rates: Rates::default(),
            fullest: (0, 0),
            wall_ms: None,
        }
    }

    #[test]
    fn what_can_be_true_passes() {
        let mut gate = Gate::new(Bounds::default());
        gate.judge(&figures(0, 10, 100)).unwrap();
        gate.judge(&figures(100, 10, 100)).unwrap();
        gate.judge(&figures(200, 20, 200)).unwrap();
        // A correction says why GMV falls.
        let mut corrected = figures(300, 20, 150);
        corrected.totals.corrections = 1;
        gate.judge(&corrected).unwrap();
        corrected.totals.corrections = 1;
        corrected.totals.counts.gmv_minor = 140;
        corrected.regions.gmv_minor = 140;
        assert!(matches!(
            gate.judge(&corrected),
            Err(Implausible::Fell { what: "GMV", .. })
        ));
    }

    #[test]
    fn what_cannot_be_true_is_named_and_not_remembered() {
        let mut gate = Gate::new(Bounds::default());
        gate.judge(&figures(1_000, 10, 100)).unwrap();
        let cases: Vec<(PendingFigures, &str)> = vec![
            (figures(900, 10, 100), "ran back by 100 ms"),
            (figures(1_100, 9, 100), "orders fell from 10 to 9"),
            (
                PendingFigures {
                    rates: Rates {
                        orders_per_s: 1_000_001,
                        ..Rates::default()
                    },
                    ..figures(1_100, 10, 100)
                },
                "orders are 1000001 a second",
            ),
            // Before the second is over.
            (
                PendingFigures {
                    fullest: (0, 1_000_001),
                    ..figures(1_100, 10, 100)
                },
                "payments are 1000001 a second",
            ),
            (
                PendingFigures {
                    regions: Counts::default(),
                    ..figures(1_100, 10, 100)
                },
                "add up to 0, the total is 10",
            ),
            (
                PendingFigures {
                    wall_ms: Some(-70_000),
                    ..figures(1_100, 10, 100)
                },
                "71100 ms from the wall clock",
            ),
            (
                PendingFigures {
                    wall_ms: Some(4_000_000),
                    ..figures(1_100, 10, 100)
                },
                "-3998900 ms from the wall clock",
            ),
        ];
        for (wrong, words) in cases {
            let problem = gate.judge(&wrong).unwrap_err();
            let error = problem.to_string();
            assert!(error.contains(words), "{error}");
            let notice = NoticeKind::Implausible { what: problem.what() };
            for text in [notice.notice(0).text, notice.public(0).text] {
                assert!(!format!("{text:?}").contains(|letter: char| letter.is_ascii_digit()));
            }
        }
        gate.judge(&figures(1_100, 10, 100)).unwrap();
        gate.trust();
        gate.judge(&figures(500, 1, 1)).unwrap();
    }

    /// Event time that has to wait for a clock that was set back is shown once two directors say so, and not only for a step.
    #[test]
    fn clocks_that_are_apart_can_be_believed() {
        let mut gate = Gate::new(Bounds::default());
        let apart = |event_ms, wall_ms| PendingFigures {
            wall_ms: Some(wall_ms),
            ..figures(event_ms, 10, 100)
        };
        gate.judge(&apart(7_200_000, 0)).unwrap_err();
        gate.trust();
        for step in 0..100 {
            gate.judge(&apart(7_200_000 + step, step * 100)).unwrap();
        }
        gate.judge(&apart(9_200_000, 10_000)).unwrap_err();
        // They are level again: what is apart after that is another thing.
        gate.judge(&apart(7_200_100, 7_200_000)).unwrap();
        gate.judge(&apart(7_200_200, 0)).unwrap_err();
    }
}
