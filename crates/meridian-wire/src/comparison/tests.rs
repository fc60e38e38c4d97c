use proptest::prelude::*;

use super::*;
use crate::frame::Names;

const BN: i64 = 100_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn clock(hours: i64, minutes: i64, secs: i64) -> i64 {
    ((hours * 60 + minutes) * 60 + secs) * 1_000
}

fn past(points: &[(i64, i64)]) -> Comparison {
    Comparison {
        label: Names {
            en: "2015".to_owned(),
            zh: "2015年".to_owned(),
        },
        at_ms: points.iter().map(|(at, _)| *at).collect(),
        gmv_minor: points.iter().map(|(_, minor)| *minor).collect(),
    }
}

/// The day of 2015 as the shipped scenario has it.
fn of_2015() -> Comparison {
    past(&[
        (clock(0, 0, 18), BN / 10),
        (clock(0, 1, 12), BN),
        (clock(0, 12, 28), 10 * BN),
        (clock(4, 26, 31), 362 * BN / 10),
        (clock(7, 45, 42), 417 * BN / 10),
        (clock(11, 50, 0), 571 * BN / 10),
        (clock(17, 28, 0), 719 * BN / 10),
        (clock(21, 0, 35), 80 * BN),
        (clock(24, 0, 0), 912 * BN / 10),
    ])
}

#[test]
fn a_day_is_compared_as_long_after_its_start() {
    let past = of_2015();
    let standing = past.standing(clock(15, 19, 13), 912 * BN / 10).unwrap();
    assert_eq!(standing.past_minor.figure / (BN / 10), 662);
    assert!(standing.past_minor.about, "its points are hours apart");
    assert_eq!(
        standing.more_minor.figure,
        912 * BN / 10 - standing.past_minor.figure
    );
    // It came to as much at its very end, which is one of its points.
    let ahead = standing.ahead_ms.unwrap();
    assert_eq!((ahead.figure, ahead.about), (clock(8, 40, 47), false));
    assert_eq!(standing.past_whole_minor, Some(0));
    // Later it never comes to as much.
    let standing = past.standing(clock(20, 48, 0), 1064 * BN / 10).unwrap();
    assert_eq!(standing.ahead_ms, None);
    assert_eq!(standing.past_whole_minor, Some(152 * BN / 10));
}

#[test]
fn what_is_behind_is_told_too() {
    let standing = of_2015().standing(clock(11, 50, 0), 417 * BN / 10).unwrap();
    assert_eq!(standing.past_minor, Read::exact(571 * BN / 10));
    assert_eq!(standing.more_minor, Read::exact(-154 * BN / 10));
    assert_eq!(standing.ahead_ms, Some(Read::exact(-clock(4, 4, 18))));
}

#[test]
fn nothing_is_compared_before_the_start_or_with_nothing() {
    assert_eq!(of_2015().standing(-1, 0), None);
    assert_eq!(past(&[]).standing(HOUR_MS, BN), None);
    // Columns of different lengths: what has no partner is passed over.
    let mut ragged = of_2015();
    ragged.gmv_minor.clear();
    assert_eq!(ragged.standing(HOUR_MS, BN), None);
    let first = of_2015().standing(0, 0).unwrap();
    assert_eq!(
        (first.past_minor, first.more_minor),
        (Read::exact(0), Read::exact(0))
    );
    assert_eq!(first.ahead_ms, None);
}

#[test]
fn a_total_below_nothing_is_less_and_neither_ahead_nor_behind() {
    let standing = of_2015().standing(clock(0, 1, 12), -5).unwrap();
    assert_eq!(standing.more_minor, Read::exact(-BN - 5));
    assert_eq!((standing.ahead_ms, standing.past_whole_minor), (None, None));
    // An earlier day that came to nothing isn't beaten by nothing.
    let empty = past(&[(HOUR_MS, 0)]).standing(HOUR_MS, 0).unwrap();
    assert_eq!(empty.past_whole_minor, None);
}

#[test]
fn a_day_of_25_hours_outlives_one_of_24_and_one_of_23_ends_before_it() {
    let past = of_2015();
    let whole = Read::exact(912 * BN / 10);
    assert_eq!(past.minor_at(24 * HOUR_MS), Some(whole));
    assert_eq!(past.minor_at(25 * HOUR_MS), Some(whole));
    let ended = past.minor_at(23 * HOUR_MS).unwrap();
    assert!(ended.figure < whole.figure && ended.about);
}

#[test]
fn a_curve_by_the_minute_is_not_only_about_right() {
    let minutes: Vec<(i64, i64)> = (1..=1_440).map(|at| (at * 60_000, at * at * 1_000)).collect();
    let standing = past(&minutes).standing(30_500, 2_000).unwrap();
    assert_eq!(standing.past_minor, Read::exact(508));
    assert_eq!(standing.ahead_ms, Some(Read::exact(80_000 - 30_500)));
}

const DAY: Day = Day {
    start_ms: 1_000_000,
    end_ms: 1_000_000 + 24 * HOUR_MS,
    utc_offset_min: 0,
};

#[test]
fn a_value_was_passed_when_it_was_told_or_about_then() {
    let reached = [Reached {
        gmv_minor: 900,
        at_ms: DAY.start_ms + 77,
    }];
    let history = History {
        step_ms: 1_000,
        gmv_minor: vec![0, 100, 300, 1_000],
        ..History::default()
    };
    let at = |minor, now| passed_at(minor, &DAY, &reached, &history, now);
    assert_eq!(at(900, (3_500, 1_200)), Some(Read::exact(77)));
    let about = |figure| Some(Read { figure, about: true });
    assert_eq!(at(200, (3_500, 1_200)), about(1_500));
    // Between the last point and now.
    assert_eq!(at(1_100, (3_500, 1_200)), about(3_250));
    assert_eq!(at(1_201, (3_500, 1_200)), None);
    assert_eq!(at(0, (3_500, 1_200)), None);
    // A history that reaches beyond what is known now isn't looked into.
    assert_eq!(at(200, (1_200, 250)), about(1_134));
    // Nor is a milestone that a correction took back.
    assert_eq!(at(900, (3_500, 899)), None);
}

/// Curves as a feed may bring them: rising.
fn curves() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1_i64..20_000_000, 0_i64..1_000_000_000_000), 1..12).prop_map(|steps| {
        let mut point = (0, 0);
        steps
            .into_iter()
            .map(|(ms, minor)| {
                point = (point.0 + ms, point.1 + minor);
                point
            })
            .collect()
    })
}

proptest! {
    /// Nothing after the moment tells on the comparison, but for the one point that the line at that moment leads to.
    #[test]
    fn a_comparison_never_uses_what_came_after_that_moment(
        points in curves(),
        into_ms in 0_i64..90_000_000,
        other in prop::collection::vec((1_i64..20_000_000, any::<i64>()), 0..5),
    ) {
        let known = past(&points).minor_at(into_ms).unwrap();
        let needed = points.iter().position(|(at, _)| *at > into_ms).map_or(points.len(), |at| at + 1);
        let mut changed = points[..needed].to_vec();
        let mut at_ms = points[needed - 1].0;
        // After the end of the curve a later point would be the segment's far end.
        if points[needed - 1].0 > into_ms {
            for (ms, minor) in other {
                at_ms += ms;
                changed.push((at_ms, minor));
            }
        }
        prop_assert_eq!(past(&changed).minor_at(into_ms), Some(known));
    }

    /// The earlier day's total lies between the points around the moment, meets them, and never falls where they don't.
    #[test]
    fn the_past_rises_from_point_to_point(points in curves(), a in 0_i64..90_000_000, b in 0_i64..90_000_000) {
        let past = past(&points);
        for (at, minor) in &points {
            prop_assert_eq!(past.minor_at(*at), Some(Read::exact(*minor)));
        }
        let (early, late) = (a.min(b), a.max(b));
        prop_assert!(past.minor_at(early).unwrap().figure <= past.minor_at(late).unwrap().figure);
        let before = points.iter().rfind(|(at, _)| *at <= a).map_or(0, |(_, minor)| *minor);
        let after = points.iter().find(|(at, _)| *at >= a).map_or(before.max(points[points.len() - 1].1), |(_, minor)| *minor);
        prop_assert!((before..=after).contains(&past.minor_at(a).unwrap().figure));
    }

    /// The moment at which the earlier day came to a value is the first at which it had it.
    #[test]
    fn a_value_is_come_to_once_and_no_sooner(points in curves(), minor in 1_i64..5_000_000_000_000) {
        let past = past(&points);
        match past.ms_of(minor) {
            Some(at) => {
                prop_assert!(past.minor_at(at.figure).unwrap().figure >= minor);
                if at.figure > 0 {
                    prop_assert!(past.minor_at(at.figure - 1).unwrap().figure < minor);
                }
            }
            None => prop_assert!(past.whole_minor().unwrap() < minor),
        }
    }

    /// Ahead in value is ahead in time, and as far ahead as the past then needs.
    #[test]
    fn ahead_in_value_is_ahead_in_time(points in curves(), into_ms in 0_i64..90_000_000, total in 1_i64..5_000_000_000_000) {
        let past = past(&points);
        let standing = past.standing(into_ms, total).unwrap();
        prop_assert_eq!(standing.more_minor.figure, total - standing.past_minor.figure);
        if let Some(ahead) = standing.ahead_ms {
            if standing.more_minor.figure > 0 {
                prop_assert!(ahead.figure > 0);
            } else {
                prop_assert!(ahead.figure <= 0);
            }
            prop_assert!(into_ms + ahead.figure >= 0);
        }
        prop_assert_eq!(standing.past_whole_minor.is_some(), total >= standing.whole_minor && standing.whole_minor > 0);
    }

    /// A feed may say anything: nothing of it stops a display.
    #[test]
    fn any_numbers_are_borne(
        points in prop::collection::vec((any::<i64>(), any::<i64>()), 0..8),
        into_ms in any::<i64>(),
        total in any::<i64>(),
        step_ms in any::<i64>(),
    ) {
        let past = past(&points);
        let standing = past.standing(into_ms, total);
        prop_assert_eq!(standing.is_none(), into_ms < 0 || points.is_empty());
        let history = History { step_ms, gmv_minor: past.gmv_minor.clone(), ..History::default() };
        let reached = [Reached { gmv_minor: total, at_ms: into_ms }];
        for minor in [total, total / 2, i64::MAX, i64::MIN] {
            passed_at(minor, &DAY, &reached, &history, (into_ms, total));
            passed_at(minor, &DAY, &[], &history, (into_ms, total));
        }
    }
}
