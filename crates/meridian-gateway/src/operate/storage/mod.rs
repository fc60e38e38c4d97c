//! How everything stands that the gateway keeps: orders, state, audit log. While one of them can't be written, metrics and
//! `/health` say so, and those who look at the figures are told in words.

use crate::operate::metrics::Metrics;
use crate::operate::state::State;
use crate::source::intake::Intake;
use crate::store::Store;
use crate::store::notices::{
    cannot_be_written, is_written_again, orders_come_again, orders_wait, state_damaged, was_displaced,
};
use meridian_wire::Notice;

/// Who is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Everybody,
    Directors,
}

/// Watches the files that are written, and reports changes.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The errors that were reported last.
    said: [Option<String>; 3],
    damage_said: bool,
}

impl Watch {
    /// Looks how everything stands, tells the metrics, and gives what is to be said to whom. `stalled` is why no step can be made.
    pub fn look(
        &mut self,
        intake: Option<&Intake>,
        stalled: Option<&str>,
        state: Option<&mut State>,
        metrics: &Metrics,
    ) -> Vec<(To, Notice)> {
        let mut out = Vec::new();
        let kept = intake.map(Intake::kept).unwrap_or_default();
        let orders = kept.failing.or_else(|| stalled.map(str::to_owned));
        let failing = orders.is_some();
        metrics.orders_refused.set(i64::from(orders.is_some()));
        metrics.set_storage(Store::Orders, orders);
        metrics.set_damaged(Store::Orders, kept.damaged_bytes + kept.lost_bytes);
        if let Some(how) = kept.displaced {
            metrics.displaced(Store::Orders);
            tracing::error!(%how, lost_bytes = kept.lost_bytes, "somebody changed the order log's file");
            out.push((
                To::Directors,
                was_displaced(Store::Orders, how, failing, kept.lost_bytes > 0),
            ));
        }
        if let Some(state) = state {
            metrics.set_storage(Store::State, state.failing().map(str::to_owned));
            metrics.set_damaged(Store::State, state.damaged_bytes());
            if let Some(how) = state.displaced() {
                metrics.displaced(Store::State);
                let failing = state.failing().is_some();
                tracing::error!(%how, failing, "somebody changed the state's file; it is begun anew");
                out.push((To::Directors, was_displaced(Store::State, how, failing, false)));
            }
            if state.damaged_bytes() > 0 && !self.damage_said {
                self.damage_said = true;
                out.push((To::Directors, state_damaged()));
            }
        }
        let is_back =
            |(said, store): (&Option<String>, Store)| said.is_some() && metrics.storage(store).is_none();
        let some_back = self.said.iter().zip(Store::ALL).any(is_back);
        // What still fails is said after what doesn't any more: that takes back all that was said of failing.
        let mut failing = Vec::new();
        for (said, store) in self.said.iter_mut().zip(Store::ALL) {
            let now = metrics.storage(store);
            match (said.is_some(), &now) {
                (before, Some(problem)) if !before || some_back => {
                    if store == Store::Orders && !before {
                        failing.push((To::Everybody, orders_wait()));
                    }
                    failing.push((To::Directors, cannot_be_written(store, problem)));
                }
                (true, None) if store == Store::Orders => out.push((To::Everybody, orders_come_again())),
                (true, None) => out.push((To::Directors, is_written_again(store))),
                _ => {}
            }
            *said = now;
        }
        out.extend(failing);
        out
    }
}

#[cfg(test)]
pub(crate) mod tests;
