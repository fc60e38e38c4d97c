//! How everything stands that the gateway keeps: orders, state, audit log. While one of them can't be written, metrics and
//! `/health` say so, and those who look at the figures are told in words.

use crate::operate::events::StorageEvent;
use crate::operate::metrics::Metrics;
use crate::operate::state::State;
use crate::source::intake::Intake;
use crate::store::Store;

/// Watches the files that are written, and reports changes.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The errors that were reported last.
    said: [Option<String>; 3],
    damage_said: bool,
}

impl Watch {
    /// Looks how everything stands, tells the metrics, and gives what has happened. `stalled` is why no step can be made.
    pub fn look(
        &mut self,
        intake: Option<&Intake>,
        stalled: Option<&str>,
        state: Option<&mut State>,
        metrics: &Metrics,
    ) -> Vec<StorageEvent> {
        let mut out = Vec::new();
        let kept = intake.map(Intake::kept).unwrap_or_default();
        let orders = kept.failing.or_else(|| stalled.map(str::to_owned));
        let failing = orders.is_some();
        metrics.orders_refused.set(i64::from(orders.is_some()));
        metrics.set_storage(Store::Orders, orders);
        metrics.set_damaged(Store::Orders, kept.damaged_bytes + kept.lost_bytes);
        if let Some(how) = kept.displaced {
            out.push(StorageEvent::Displaced {
                store: Store::Orders,
                how,
                failing,
                lost_bytes: kept.lost_bytes,
            });
        }
        if let Some(state) = state {
            metrics.set_storage(Store::State, state.failing().map(str::to_owned));
            metrics.set_damaged(Store::State, state.damaged_bytes());
            if let Some(how) = state.displaced() {
                out.push(StorageEvent::Displaced {
                    store: Store::State,
                    how,
                    failing: state.failing().is_some(),
                    lost_bytes: 0,
                });
            }
            if state.damaged_bytes() > 0 && !self.damage_said {
                self.damage_said = true;
                out.push(StorageEvent::StateDamaged);
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
                        // The others' own writers say so at once.
                        failing.push(StorageEvent::Refused {
                            store,
                            error: problem.clone(),
                        });
                    }
                    failing.push(StorageEvent::Failing {
                        store,
                        problem: problem.clone(),
                        repeated: before,
                    });
                }
                (true, None) => {
                    if store == Store::Orders {
                        out.push(StorageEvent::Restored { store });
                    }
                    out.push(StorageEvent::Back { store });
                }
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
