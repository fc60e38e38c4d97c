//! The receiver's rules: which frames may be applied.

use super::frame::{Body, Frame, Position, Totals};
use meridian_core::sales::EventMs;

/// What to do with a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Apply it.
    Apply,
    /// Apply it: a stream that isn't the one before begins. What was known is replaced by the snapshot
    /// that follows.
    NewEpoch,
    /// It was applied before; pass over it.
    Duplicate,
    /// Something is missing before it: don't apply it, ask for what is missing or a snapshot.
    Gap {
        /// The frame that was applied last.
        have: u64,
        /// The frame that this one follows.
        needs: u64,
    },
    /// It contradicts what is known: don't apply it.
    Refuse(Refusal),
}

/// Why a frame was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The event clock ran back within one stream.
    #[error("the feed went back in time by {} ms within one stream (from {from_ms} to {to_ms})", from_ms - to_ms)]
    BackInTime {
        /// Event time of what is known.
        from_ms: EventMs,
        /// Event time of the frame.
        to_ms: EventMs,
    },
    /// A total fell, and no correction says why.
    #[error("{what} fell from {from} to {to} and no correction says why")]
    Fell {
        /// Which total.
        what: &'static str,
        /// What is known.
        from: i128,
        /// What the frame says.
        to: i128,
    },
}

/// Follows one feed over its connections. Pure.
#[derive(Debug, Clone, Default)]
pub struct Sequencer {
    /// The last frame that was applied; the stream it stands in.
    at: Option<Position>,
    /// A hello came that doesn't go on where we are: only a snapshot helps.
    needs_snapshot: bool,
    /// Event time and totals of the last figures.
    figures: Option<(EventMs, Totals)>,
}

impl Sequencer {
    /// One that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to resume, if anything was applied that a gateway could go on from.
    pub fn position(&self) -> Option<Position> {
        self.at.filter(|_| !self.needs_snapshot && self.figures.is_some())
    }

    /// Forgets where the stream stood, so that the next connection asks for a snapshot. The figures
    /// stay known: what comes must still not contradict them.
    pub fn forget_position(&mut self) {
        self.needs_snapshot = true;
    }

    /// Judges a frame, and steps forward when it is to be applied.
    pub fn accept(&mut self, frame: &Frame) -> Verdict {
        self.accept_after(frame, None)
    }

    /// Judges a frame that was signed as one before which everything but lights up to `base` must be known.
    pub fn accept_after(&mut self, frame: &Frame, base: Option<u64>) -> Verdict {
        let here = Position {
            epoch: frame.epoch,
            seq: frame.seq,
        };
        let same_epoch = self.at.is_some_and(|at| at.epoch == frame.epoch);
        match &frame.body {
            Body::Hello(_) => {
                if same_epoch {
                    self.needs_snapshot |= self.at != Some(here) || self.figures.is_none();
                    // The position stays: until a snapshot came, what was applied is still the truth.
                    Verdict::Apply
                } else {
                    let first = self.at.is_none();
                    self.at = Some(here);
                    self.needs_snapshot = true;
                    self.figures = None;
                    if first { Verdict::Apply } else { Verdict::NewEpoch }
                }
            }
            Body::Snapshot(snapshot) => {
                if same_epoch && let Some(refusal) = self.contradiction(snapshot.event_ms, &snapshot.totals) {
                    return Verdict::Refuse(refusal);
                }
                let first = self.at.is_none();
                self.at = Some(here);
                self.needs_snapshot = false;
                self.figures = Some((snapshot.event_ms, snapshot.totals));
                if first || same_epoch {
                    Verdict::Apply
                } else {
                    Verdict::NewEpoch
                }
            }
            // They carry no figures and may come when nothing else can.
            Body::Bye(_) => Verdict::Apply,
            body => {
                let have = self.at.map_or(0, |at| at.seq);
                if !same_epoch || self.needs_snapshot {
                    return Verdict::Gap {
                        have,
                        needs: frame.prev,
                    };
                }
                if frame.seq <= have {
                    return Verdict::Duplicate;
                }
                if frame.prev != have || base.is_some_and(|base| base > have) {
                    return Verdict::Gap {
                        have,
                        needs: base.unwrap_or(frame.prev).max(frame.prev),
                    };
                }
                if let Body::Tick(tick) = body {
                    if let Some(refusal) = self.contradiction(tick.event_ms, &tick.totals) {
                        return Verdict::Refuse(refusal);
                    }
                    self.figures = Some((tick.event_ms, tick.totals));
                }
                self.at = Some(here);
                Verdict::Apply
            }
        }
    }

    /// What new figures contradict, if anything.
    fn contradiction(&self, event_ms: EventMs, totals: &Totals) -> Option<Refusal> {
        let (from_ms, known) = self.figures?;
        if event_ms < from_ms {
            return Some(Refusal::BackInTime {
                from_ms,
                to_ms: event_ms,
            });
        }
        let fell = |what, from: i128, to: i128| (to < from).then_some(Refusal::Fell { what, from, to });
        fell("orders", known.counts.orders.into(), totals.counts.orders.into())
            .or_else(|| {
                fell(
                    "payments",
                    known.counts.payments.into(),
                    totals.counts.payments.into(),
                )
            })
            .or_else(|| fell("corrections", known.corrections.into(), totals.corrections.into()))
            .or_else(|| {
                if totals.corrections > known.corrections {
                    return None;
                }
                fell(
                    "GMV",
                    known.counts.gmv_minor.into(),
                    totals.counts.gmv_minor.into(),
                )
            })
    }
}

#[cfg(test)]
mod tests;
