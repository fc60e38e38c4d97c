use proptest::prelude::*;

use super::*;

const DAY: Day = Day {
    start_ms: 1_000_000,
    end_ms: 1_000_000 + 86_400_000,
    utc_offset_min: 0,
};

fn counts(orders: u64) -> Counts {
    Counts {
        orders,
        payments: orders * 2,
        gmv_minor: 0,
    }
}

fn rates(orders_per_s: u64) -> Rates {
    Rates {
        orders_per_s,
        payments_per_s: orders_per_s * 2,
        ..Rates::default()
    }
}

/// Hears one tick.
fn tick(known: &mut DayRates, into_ms: i64, orders: u64, per_s: u64) {
    known.hear(DAY, DAY.start_ms + into_ms, counts(orders), &rates(per_s), false);
}

/// Hears a snapshot.
fn snapshot(known: &mut DayRates, into_ms: i64, orders: u64, per_s: u64) {
    known.hear(DAY, DAY.start_ms + into_ms, counts(orders), &rates(per_s), true);
}

#[test]
fn the_last_full_second_is_kept_once() {
    let mut known = DayRates::default();
    snapshot(&mut known, -3_000, 0, 0);
    // The second before the day isn't one of it.
    tick(&mut known, 100, 1, 0);
    assert!(known.buckets().is_empty());
    for tenth in 10..30 {
        tick(&mut known, tenth * 100, 5, tenth as u64 / 10 * 7);
    }
    let means: Vec<f32> = known
        .buckets()
        .iter()
        .map(|bucket| bucket.mean().orders)
        .collect();
    assert_eq!(means, [7.0, 14.0]);
    assert_eq!(known.buckets()[1].mean().payments, 28.0);
    assert_eq!(known.span_ms(&known.buckets()[1]), (1_000, 2_000));
    assert!(known.buckets().iter().all(|bucket| bucket.gap.is_none()));
}

#[test]
fn who_comes_late_has_a_gap_and_knows_what_it_came_to() {
    let mut known = DayRates::default();
    snapshot(&mut known, 1_000_000, 5_000_000, 40);
    let gap = known.buckets()[0].gap.unwrap();
    assert_eq!((gap.from_ms, gap.to_ms), (0, 999_000));
    let mean = gap.mean.unwrap();
    assert_eq!((mean.orders, mean.payments), (5_000.0, 10_000.0));
    // Away for a while, and back.
    tick(&mut known, 1_001_000, 5_000_040, 40);
    snapshot(&mut known, 1_101_500, 5_004_040, 50);
    let gap = known.buckets()[2].gap.unwrap();
    assert_eq!((gap.from_ms, gap.to_ms), (1_001_000, 1_100_000));
    assert!((gap.mean.unwrap().orders - 4_000.0 / 100.5).abs() < 0.01);
    // So short that nothing was missed.
    snapshot(&mut known, 1_102_600, 5_004_090, 50);
    assert_eq!(known.buckets()[3].gap, None);
}

#[test]
fn ticks_that_come_seldom_leave_no_gap() {
    let mut known = DayRates::default();
    snapshot(&mut known, 0, 0, 0);
    for minute in 1..=9 {
        tick(&mut known, minute * 60_000, 10, 3);
    }
    assert_eq!(known.buckets().len(), 9);
    assert!(known.buckets().iter().all(|bucket| bucket.gap.is_none()));
}

#[test]
fn a_whole_day_is_kept_in_few_buckets_at_the_same_means() {
    let mut known = DayRates::default();
    for second in 1..=86_400 {
        tick(
            &mut known,
            second * 1_000,
            0,
            if second <= 43_200 { 100 } else { 300 },
        );
    }
    let buckets = known.buckets();
    assert!(
        (MAX_BUCKETS / 2..=MAX_BUCKETS).contains(&buckets.len()),
        "{}",
        buckets.len()
    );
    assert_eq!(buckets[0].mean().orders, 100.0);
    assert_eq!(buckets[buckets.len() - 1].mean().orders, 300.0);
    let (from_ms, to_ms) = known.span_ms(&buckets[buckets.len() - 1]);
    assert!(from_ms < 86_400_000 && to_ms >= 86_400_000);
    // After the end nothing is added.
    let before = known.clone();
    tick(&mut known, 86_401_000, 0, 0);
    assert_eq!(known, before);
}

#[test]
fn time_that_goes_back_takes_what_came_later_along() {
    let mut known = DayRates::default();
    snapshot(&mut known, 0, 0, 0);
    for second in 1..=100 {
        tick(&mut known, second * 1_000, second as u64 * 10, 10);
    }
    snapshot(&mut known, 50_000, 500, 10);
    assert_eq!(known.buckets().len(), 50);
    // Another day begins.
    let other = Day { start_ms: 5, ..DAY };
    known.hear(other, 2_005, counts(1), &rates(1), true);
    assert_eq!(known.buckets().len(), 1);
    // The countdown to it again.
    known.hear(other, -5_000, counts(0), &rates(0), true);
    assert!(known.buckets().is_empty());
}

#[test]
fn a_gap_before_counts_that_went_down_has_no_mean() {
    let mut known = DayRates::default();
    snapshot(&mut known, 100_000, 1_000, 10);
    snapshot(&mut known, 200_000, 900, 10);
    assert_eq!(known.buckets()[1].gap.unwrap().mean, None);
}

#[test]
fn what_a_generated_day_came_to_is_followed() {
    let mut known = DayRates::default();
    let marks = (0..=100).map(|at| (at * 60_000, counts(at as u64 * 600)));
    known.follow(DAY, marks);
    assert_eq!(known.buckets().len(), 100);
    assert!(known.buckets().iter().all(|bucket| bucket.mean().orders == 10.0));
    snapshot(&mut known, 6_000_000, 60_000, 10);
    tick(&mut known, 6_001_000, 60_010, 10);
    assert!(known.buckets().iter().all(|bucket| bucket.gap.is_none()));
}

proptest! {
    /// Whatever is heard: buckets rise, are few, and no mean is beyond what was heard.
    #[test]
    fn buckets_rise_and_are_few(heard in prop::collection::vec((-5_000_i64..90_000_000, 0_u64..200_000, any::<bool>()), 0..300)) {
        let mut known = DayRates::default();
        let most = heard.iter().map(|(_, per_s, _)| *per_s).max().unwrap_or(0) as f32;
        for (into_ms, per_s, anew) in heard {
            known.hear(DAY, DAY.start_ms + into_ms, counts(per_s), &rates(per_s), anew);
            let buckets = known.buckets();
            prop_assert!(buckets.len() <= MAX_BUCKETS);
            prop_assert!(buckets.windows(2).all(|pair| pair[0].number < pair[1].number));
            prop_assert!(buckets.iter().all(|bucket| bucket.mean().orders <= most));
        }
    }
}
