//! The panels' animated state: it follows the ledger and is never ahead of it.

use std::collections::BTreeMap;

use bevy::prelude::*;

use crate::ledger::Ledger;
use crate::view::View;
use meridian_core::sales::RegionId;

/// Set for captures: every figure shows the ledger's value at once, to the digit, and nothing moves.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Exact(pub bool);

/// Motion of the panels.
#[derive(Resource, Debug, Clone, Default)]
pub struct PanelState {
    /// The GMV on the odometer, in minor units: eased, never above the ledger's.
    pub gmv_minor: f64,
    /// How fast it rises, in minor units a second of wall time.
    pub gmv_minor_per_s: f64,
    /// Position on the leaderboard by region, eased.
    pub places: BTreeMap<u8, f32>,
    /// How far the region's panel has slid in, 0 to 1.
    pub slide: f32,
    /// The region it shows: the last pinned one while it slides out.
    pub region: Option<RegionId>,
    /// The chosen row of the search's results.
    pub chosen: usize,
    /// The ranking as it is shown.
    pub order: Vec<u8>,
    /// Frame time, eased, in seconds.
    pub frame_secs: f32,
    /// Figures are the ledger's, to the digit.
    pub exact: bool,
}

/// The value shown lags behind the feed by a tenth of a second; nearer than this, in seconds, the feed stands.
const STANDS_SECS: f64 = 0.02;

/// The ranking as it is shown: regions whose figures read the same keep the order that they had, so that two that
/// are as good as equal don't change places for ever. `ranking` is the exact one, with the figures as they read.
fn settled(before: &[u8], ranking: &[(u8, String)]) -> Vec<u8> {
    let mut order = Vec::with_capacity(ranking.len());
    for equals in ranking.chunk_by(|a, b| a.1 == b.1) {
        let mut ids: Vec<u8> = equals.iter().map(|(id, _)| *id).collect();
        ids.sort_by_key(|id| before.iter().position(|known| known == id).unwrap_or(usize::MAX));
        order.extend(ids);
    }
    order
}

/// A step of an exponential ease with a time constant.
fn toward(from: f32, to: f32, dt_secs: f32, constant_secs: f32) -> f32 {
    let next = from + (to - from) * (1.0 - (-dt_secs / constant_secs).exp());
    if (to - next).abs() < 0.001 { to } else { next }
}

impl PanelState {
    /// Moves everything on by `dt_secs`.
    pub fn advance(
        &mut self,
        ledger: &Ledger,
        view: &View,
        exact: bool,
        dt_secs: f32,
        ranking: &[(u8, String)],
    ) {
        self.exact = exact;
        self.advance_gmv(ledger, exact, dt_secs);
        if dt_secs > 0.0 {
            self.frame_secs = if self.frame_secs > 0.0 {
                self.frame_secs + (dt_secs - self.frame_secs) * 0.05
            } else {
                dt_secs
            };
        }
        let still = exact || view.reduced_motion;
        self.order = if exact {
            ranking.iter().map(|(id, _)| *id).collect()
        } else {
            settled(&self.order, ranking)
        };
        self.places.retain(|id, _| self.order.contains(id));
        for (at, id) in self.order.iter().enumerate() {
            let to = at as f32;
            let place = self.places.entry(*id).or_insert(to);
            *place = if still {
                to
            } else {
                toward(*place, to, dt_secs, 0.25)
            };
        }
        let to = if view.selected.is_some() { 1.0 } else { 0.0 };
        self.slide = if still {
            to
        } else {
            toward(self.slide, to, dt_secs, 0.12)
        };
        if view.selected.is_some() {
            self.region = view.selected;
        } else if self.slide == 0.0 {
            self.region = None;
        }
    }

    fn advance_gmv(&mut self, ledger: &Ledger, exact: bool, dt_secs: f32) {
        let target = ledger.totals.counts.gmv_minor as f64;
        let speed = ledger.hello.as_ref().map_or(1.0, |hello| hello.speed.abs());
        let rate = ledger.rates.gmv_minor_per_s as f64 * speed;
        let behind = target - self.gmv_minor;
        // Paused, held or cut off: the last rate stands, the value doesn't move, and no digit may hang half rolled.
        self.gmv_minor_per_s = if behind < rate * STANDS_SECS { 0.0 } else { rate };
        // A correction, a fresh snapshot or a feed that came back: show what is, don't tell a story.
        let jump = behind < 0.0 || behind > (rate * 3.0).max(100_000.0);
        if exact || jump || behind < 1.0 {
            self.gmv_minor = target;
        } else {
            let step = behind * (1.0 - (-f64::from(dt_secs) / 0.12).exp());
            self.gmv_minor = (self.gmv_minor + step).min(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(gmv_minor: i64, per_s: i64) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.totals.counts.gmv_minor = gmv_minor;
        ledger.rates.gmv_minor_per_s = per_s;
        ledger
    }

    #[test]
    fn the_odometer_never_overshoots_and_arrives() {
        let mut state = PanelState::default();
        let view = View::default();
        state.advance(&ledger(1_000_000, 1_000_000), &view, true, 0.0, &[]);
        assert_eq!(state.gmv_minor, 1_000_000.0);
        let target = ledger(1_100_000, 1_000_000);
        let mut last = state.gmv_minor;
        for _ in 0..400 {
            state.advance(&target, &view, false, 0.016, &[]);
            assert!(state.gmv_minor >= last && state.gmv_minor <= 1_100_000.0);
            last = state.gmv_minor;
        }
        assert_eq!(state.gmv_minor, 1_100_000.0);
    }

    #[test]
    fn a_correction_is_shown_at_once() {
        let mut state = PanelState {
            gmv_minor: 5_000_000.0,
            ..default()
        };
        state.advance(&ledger(4_000_000, 10), &View::default(), false, 0.016, &[]);
        assert_eq!(state.gmv_minor, 4_000_000.0);
    }

    fn reads(rows: &[(u8, &str)]) -> Vec<(u8, String)> {
        rows.iter().map(|(id, text)| (*id, (*text).to_owned())).collect()
    }

    #[test]
    fn equals_dont_change_places() {
        assert_eq!(settled(&[], &reads(&[(3, "10.1 m"), (7, "10.0 m")])), [3, 7]);
        assert_eq!(settled(&[3, 7], &reads(&[(7, "10.1 m"), (3, "10.1 m")])), [3, 7]);
        // What reads greater stands higher, always.
        assert_eq!(settled(&[3, 7], &reads(&[(7, "10.2 m"), (3, "10.1 m")])), [7, 3]);
        assert_eq!(
            settled(&[3, 7], &reads(&[(9, "30.0 m"), (7, "10.1 m"), (3, "10.1 m")])),
            [9, 3, 7]
        );
        assert_eq!(settled(&[3, 7], &[]), [0_u8; 0]);
    }

    #[test]
    fn digits_stand_when_the_figures_do() {
        let mut state = PanelState::default();
        let view = View::default();
        state.advance(&ledger(1_000_000, 1_000_000), &view, true, 0.0, &[]);
        state.advance(&ledger(1_100_000, 1_000_000), &view, false, 0.016, &[]);
        assert!(state.gmv_minor_per_s > 0.0);
        for _ in 0..40 {
            state.advance(&ledger(1_100_000, 1_000_000), &view, false, 0.016, &[]);
        }
        assert_eq!(state.gmv_minor_per_s, 0.0);
    }

    #[test]
    fn the_leaderboard_moves_and_settles() {
        let mut state = PanelState::default();
        let (ledger, view) = (Ledger::default(), View::default());
        state.advance(&ledger, &view, false, 0.016, &reads(&[(3, "100"), (7, "90")]));
        state.advance(&ledger, &view, false, 0.016, &reads(&[(7, "110"), (3, "100")]));
        let between = state.places[&7];
        assert!(between > 0.0 && between < 1.0, "{between}");
        for _ in 0..300 {
            state.advance(&ledger, &view, false, 0.016, &reads(&[(7, "110"), (3, "100")]));
        }
        assert_eq!((state.places[&7], state.places[&3]), (0.0, 1.0));
    }
}
