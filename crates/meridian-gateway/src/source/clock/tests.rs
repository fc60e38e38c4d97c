use proptest::prelude::*;

use super::*;

const DAY_MS: i64 = 86_400_000;
/// A day's first instant.
const START_MS: i64 = 1_762_732_800_000;
const STEP_MS: i64 = 100;

/// A day that is stepped through, as a gateway does it, by a wall clock that is sometimes wrong.
struct Day {
    belief: TrustedTime,
    course: EventClock,
    true_ms: i64,
    mono_us: i64,
    at_ms: i64,
    looked_us: i64,
    /// What the wall clock is off by.
    off_ms: i64,
    turns: Vec<ClockChange>,
}

impl Day {
    /// Joined so long before its end.
    fn new(left_ms: i64, late_ms: i64) -> Self {
        let course = EventClock {
            start_ms: START_MS,
            end_ms: START_MS + DAY_MS,
            late_ms,
        };
        let true_ms = course.end_ms - left_ms;
        let first = Reading {
            wall_us: true_ms * 1_000,
            mono_us: 7,
        };
        Self {
            belief: TrustedTime::new(first),
            course,
            true_ms,
            mono_us: 7,
            at_ms: true_ms,
            looked_us: 7,
            off_ms: 0,
            turns: Vec::new(),
        }
    }

    fn reading(&self) -> Reading {
        Reading {
            wall_us: (self.true_ms + self.off_ms) * 1_000,
            mono_us: self.mono_us,
        }
    }

    /// A step; whether event time went on.
    fn step(&mut self) -> bool {
        self.true_ms += STEP_MS;
        self.mono_us += STEP_MS * 1_000;
        let reading = self.reading();
        self.turns.extend(self.belief.look(reading));
        let time = self.belief.time();
        let to_ms = self.course.next(self.at_ms, time, time.mono_us - self.looked_us);
        self.looked_us = time.mono_us;
        assert!(to_ms >= self.at_ms, "event time ran back");
        let went = to_ms > self.at_ms;
        self.at_ms = to_ms;
        went
    }

    fn run(&mut self, for_ms: i64) {
        for _ in 0..for_ms / STEP_MS {
            self.step();
        }
    }

    fn is_closed(&self) -> bool {
        self.at_ms >= self.course.end_ms + self.course.late_ms
    }

    fn apart_ms(&self) -> i64 {
        self.at_ms - self.true_ms
    }
}

#[test]
fn a_clock_that_leaps_and_comes_back_is_told_of_and_not_followed() {
    for off_ms in [DAY_MS, 3_600_000, 20 * 60_000, 2_100, -2_100, -3_600_000, -DAY_MS] {
        let mut day = Day::new(12 * 3_600_000, 60_000);
        day.run(10_000);
        for _ in 0..3 {
            day.off_ms = off_ms;
            for _ in 0..50 {
                assert!(day.step(), "every step goes on");
                assert!(
                    day.apart_ms().abs() <= STEP_MS,
                    "{} ms by {off_ms}",
                    day.apart_ms()
                );
                assert!(day.belief.time().doubtful);
            }
            day.off_ms = 0;
            for _ in 0..100 {
                assert!(day.step());
                assert!(day.apart_ms().abs() <= STEP_MS);
            }
            assert!(!day.belief.time().doubtful);
        }
        assert_eq!(day.turns.len(), 6, "{:?}", day.turns);
        assert!(matches!(day.turns[0], ClockChange::Leapt { by_ms } if (by_ms - off_ms).abs() < 200));
        assert_eq!(day.turns[1], ClockChange::Right);
    }
}

#[test]
fn what_lasts_is_believed_and_a_day_still_has_its_late_minute() {
    // A machine that slept for eight hours, over midnight: the monotonic clock stood still.
    let mut day = Day::new(3_600_000, 60_000);
    day.run(1_000);
    day.true_ms += 8 * 3_600_000;
    day.run(LASTING_MS - STEP_MS);
    assert!(day.at_ms < day.course.end_ms, "not yet");
    day.run(2 * STEP_MS);
    assert!(
        matches!(
            day.turns[..],
            [ClockChange::Leapt { .. }, ClockChange::Believed { .. }]
        ),
        "{:?}",
        day.turns
    );
    assert_eq!(day.at_ms, day.course.end_ms);
    let mut waited_ms = 0;
    while !day.is_closed() {
        day.step();
        waited_ms += STEP_MS;
    }
    assert!((55_000..=61_000).contains(&waited_ms), "{waited_ms}");
    assert_eq!(day.belief.time().now_ms, day.true_ms);
    // In the morning it isn't over, and goes on where the clock is.
    let mut day = Day::new(12 * 3_600_000, 60_000);
    day.true_ms += 3_600_000;
    day.run(LASTING_MS + 1_000);
    assert!(day.apart_ms().abs() <= STEP_MS && !day.is_closed());
}

#[test]
fn a_clock_that_is_set_back_for_good_makes_event_time_wait() {
    let mut day = Day::new(12 * 3_600_000, 60_000);
    day.off_ms = 3_600_000;
    // The gateway began with a clock that was an hour ahead.
    day.belief = TrustedTime::new(day.reading());
    day.run(5_000);
    assert!((day.apart_ms() - 3_600_000).abs() <= STEP_MS);
    day.off_ms = 0;
    day.run(LASTING_MS + 1_000);
    let at_ms = day.at_ms;
    assert!((day.belief.time().now_ms - day.true_ms).abs() <= STEP_MS);
    assert!(!day.step() && day.at_ms == at_ms, "it waits");
    // What comes in meanwhile is counted all the same.
    assert_eq!(day.course.advance_waiting(at_ms), at_ms + 1);
    day.run(3_600_000);
    assert!(day.at_ms > at_ms && day.apart_ms().abs() <= STEP_MS);
    let (start_ms, end_ms) = (day.course.start_ms, day.course.end_ms);
    for at_ms in [start_ms - 1, end_ms, end_ms + 1] {
        assert_eq!(
            day.course.advance_waiting(at_ms),
            at_ms,
            "not into the day, nor out of it"
        );
    }
    assert_eq!(day.course.advance_waiting(end_ms - 1), end_ms);
}

#[test]
fn a_clock_that_drifts_is_drawn_level() {
    let mut day = Day::new(12 * 3_600_000, 60_000);
    // 500 ppm, ten times what a bad crystal does; then a step of a second, as of a leap second.
    for step in 0..60_000_i64 {
        day.off_ms = step * STEP_MS / 2_000;
        day.step();
        assert!((day.belief.time().now_ms - day.true_ms - day.off_ms).abs() <= 2);
    }
    day.off_ms -= 1_000;
    let before_ms = day.at_ms;
    day.run(30_000);
    assert!(day.at_ms > before_ms);
    assert!((day.belief.time().now_ms - day.true_ms - day.off_ms).abs() <= 2);
    assert!(day.turns.is_empty());
}

#[test]
fn a_clock_that_never_settles_is_never_believed() {
    let mut day = Day::new(12 * 3_600_000, 60_000);
    for turn in 0..300 {
        day.off_ms = [90_000, -45_000, 3_600_000][turn % 3];
        day.run(1_000);
    }
    assert!(day.apart_ms().abs() <= STEP_MS);
    assert_eq!(day.turns.len(), 1, "said once: it was never right");
    // One that comes and goes is told of now and then.
    for turn in 0..300 {
        day.off_ms = [0, -45_000][turn % 2];
        day.run(1_000);
    }
    assert!((20..70).contains(&day.turns.len()), "{}", day.turns.len());
}

#[test]
fn readings_that_run_back_or_are_absurd_break_nothing() {
    let first = Reading {
        wall_us: 1_000_000,
        mono_us: 50,
    };
    let mut belief = TrustedTime::new(first);
    for (wall_us, mono_us) in [
        (i64::MAX, 40),
        (i64::MIN, 30),
        (0, i64::MAX),
        (i64::MIN, i64::MIN),
        (1, 0),
    ] {
        belief.look(Reading { wall_us, mono_us });
        belief.time();
    }
}

/// The wall clock is off by so much for so long, and then right for so long.
fn leaps() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    let off_ms = prop_oneof![
        Just(DAY_MS),
        Just(-DAY_MS),
        Just(3_600_000),
        Just(-3_600_000),
        5_000..100_000_000_i64,
        -100_000_000..-5_000_i64,
        -900..900_i64,
    ];
    prop::collection::vec((off_ms, 100..55_000_i64, 1_000..90_000_i64), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the wall clock does for less than a minute at a time: event time stays by the true one, every step goes on until the
    /// end, the day ends neither early nor late, and nothing before it is past.
    #[test]
    fn no_leap_ends_a_day(leaps in leaps(), left_ms in 0..400_000_i64, late_ms in 0..90_000_i64) {
        let mut day = Day::new(left_ms, late_ms);
        let check = |day: &mut Day, for_ms: i64| {
            for _ in 0..for_ms / STEP_MS {
                let went = day.step();
                // Drawn towards a clock that is off by less than two seconds, and no further.
                let believed_ms = day.belief.time().now_ms - day.true_ms;
                prop_assert!(believed_ms.abs() <= LEAP_MS + 1_000, "{} ms", believed_ms);
                prop_assert!(day.apart_ms() <= LEAP_MS + 1_000, "{} ms", day.apart_ms());
                if day.at_ms < day.course.end_ms {
                    prop_assert!(went);
                }
                let end_ms = day.course.end_ms;
                prop_assert!(!day.belief.time().is_past(end_ms) || day.true_ms >= end_ms - LEAP_MS - 1_000);
                if day.is_closed() {
                    prop_assert!(day.true_ms >= end_ms + late_ms - LEAP_MS - 1_000, "{} ms early", end_ms + late_ms - day.true_ms);
                }
            }
            Ok(())
        };
        for (off_ms, off_for_ms, right_for_ms) in leaps {
            day.off_ms = off_ms;
            check(&mut day, off_for_ms)?;
            day.off_ms = 0;
            check(&mut day, right_for_ms)?;
        }
        // And it ends.
        check(&mut day, left_ms + late_ms * 2 + 30_000)?;
        prop_assert!(day.is_closed(), "{} ms of {}", day.at_ms - day.course.end_ms, late_ms);
    }
}
