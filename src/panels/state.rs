//! The panels' animated state: it follows the ledger and is never ahead of it.

use std::collections::BTreeMap;

use bevy::prelude::*;

use crate::ledger::Ledger;
use crate::view::View;
use meridian_core::sales::RegionId;
use meridian_wire::Standing;
use meridian_wire::comparison::{Read, passed_at};

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
    /// How the day stands against the first of the earlier ones.
    pub standing: Option<Standing>,
    /// When the day came to what that one came to as a whole, in milliseconds after its start.
    pub passed_ms: Option<Read>,
    /// What of the earlier day was overtaken just now.
    pub overtaken: Option<Overtaken>,
    /// Event time of the standing.
    stood_ms: i64,
}

/// Something of an earlier day was overtaken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overtaken {
    /// Its whole; else what it had come to at that moment.
    pub whole: bool,
    /// How long ago, in seconds.
    pub secs: f32,
}

/// How long it shows that an earlier day was overtaken, in seconds. Meanwhile nothing more flashes.
pub const OVERTAKEN_SECS: f32 = 3.0;
/// More event time than this between two pictures, in milliseconds of the feed's speed, is a jump: what was overtaken in
/// it wasn't overtaken just now.
const JUMP_MS: f64 = 3_000.0;

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
        self.compare(ledger, dt_secs);
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

    /// Compares the day with the first of the earlier ones, and notices when it overtakes.
    fn compare(&mut self, ledger: &Ledger, dt_secs: f32) {
        if let Some(overtaken) = &mut self.overtaken {
            overtaken.secs += dt_secs;
        }
        self.overtaken = self.overtaken.filter(|overtaken| overtaken.secs < OVERTAKEN_SECS);
        let before = self.standing.take();
        self.passed_ms = None;
        let (Some(hello), Some(into_ms)) = (ledger.hello.as_ref(), ledger.into_day_ms()) else {
            return;
        };
        let total_minor = ledger.totals.counts.gmv_minor;
        let past = hello.comparisons.first();
        self.standing = past.and_then(|past| past.standing(into_ms, total_minor));
        let since_ms = ledger.event_ms.saturating_sub(self.stood_ms) as f64;
        self.stood_ms = ledger.event_ms;
        let Some(standing) = &self.standing else {
            return;
        };
        if standing.past_whole_minor.is_some() {
            self.passed_ms = passed_at(
                standing.whole_minor,
                &hello.day,
                &ledger.reached,
                &ledger.history,
                (into_ms, total_minor),
            );
        }
        let jump_ms = JUMP_MS * hello.speed.abs().max(1.0);
        if let Some(before) =
            before.filter(|_| self.overtaken.is_none() && (0.0..=jump_ms).contains(&since_ms))
        {
            let whole = before.past_whole_minor.is_none() && standing.past_whole_minor.is_some();
            let moment = before.more_minor.figure < 0 && standing.more_minor.figure >= 0;
            self.overtaken = (whole || moment).then_some(Overtaken { whole, secs: 0.0 });
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

    /// A ledger with an earlier day that came to 100 an hour, now so long after the start.
    fn against(gmv_minor: i64, into_ms: i64) -> Ledger {
        let mut hello = meridian_wire::Hello::unknown();
        hello.day.end_ms = 86_400_000;
        hello.comparisons.push(meridian_wire::Comparison {
            label: meridian_wire::Names::default(),
            at_ms: vec![3_600_000, 86_400_000],
            gmv_minor: vec![100, 2_400],
        });
        let mut ledger = ledger(gmv_minor, 0);
        ledger.hello = Some(std::sync::Arc::new(hello));
        ledger.event_ms = into_ms;
        ledger
    }

    #[test]
    fn what_is_overtaken_flashes_once() {
        let (mut state, view) = (PanelState::default(), View::default());
        let mut at = |gmv_minor, into_ms| {
            state.advance(&against(gmv_minor, into_ms), &view, false, 0.5, &[]);
            state.overtaken
        };
        let hour = 3_600_000;
        assert_eq!(at(90, hour), None);
        assert_eq!(
            at(110, hour + 100),
            Some(Overtaken {
                whole: false,
                secs: 0.0
            })
        );
        // To and fro within the time that it shows: once.
        assert_eq!(at(90, hour + 200).map(|it| it.secs), Some(0.5));
        assert_eq!(at(110, hour + 300).map(|it| it.secs), Some(1.0));
        for _ in 0..3 {
            assert!(at(110, hour + 400).is_some());
        }
        assert_eq!(at(110, hour + 500), None, "it is over");
        assert_eq!(at(2_399, hour + 600), None);
        assert_eq!(
            at(2_400, hour + 700),
            Some(Overtaken {
                whole: true,
                secs: 0.0
            })
        );
        // What happened while nobody looked isn't of now.
        let mut state = PanelState::default();
        state.advance(&against(90, hour), &view, false, 0.5, &[]);
        state.advance(&against(2_500, hour * 5), &view, false, 0.5, &[]);
        assert_eq!(state.overtaken, None);
        assert_eq!(state.standing.unwrap().past_whole_minor, Some(100));
        assert!(state.passed_ms.unwrap().about);
        // Nor is anything of the countdown.
        state.advance(&against(0, -5), &view, false, 0.5, &[]);
        assert_eq!((state.standing, state.passed_ms), (None, None));
    }
}
