#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const ORDER: u8 = 0;
const PAYMENT: u8 = 8;

/// Lights at an instant: place and code of each.
fn lights(to_ms: EventMs, of: &[(u16, u8)]) -> Lights {
    Lights {
        from_ms: to_ms - 100,
        to_ms,
        per_light: 1,
        events: of.len() as u64,
        place: of.iter().map(|(place, _)| *place).collect(),
        code: of.iter().map(|(_, code)| *code).collect(),
        ..Lights::default()
    }
}

/// Goes on to an instant at which places had taken so much, and takes its lights.
fn step(minute: &mut Minute, at_ms: EventMs, placed_minor: i64, of: &[(u16, u8)]) {
    minute.tick(at_ms, placed_minor);
    minute.add(&lights(at_ms, of), Kind::Payment);
}

fn sums(minute: &Minute) -> Vec<(u16, u64)> {
    minute.places().collect()
}

fn sum_minor(minute: &Minute) -> f64 {
    let sum: u64 = minute.places().map(|(_, sum)| sum).sum();
    sum as f64 * minute.minor_per_hundredth(100)
}

#[test]
fn places_add_up_to_what_the_feed_says_of_the_minute() {
    let mut minute = Minute::default();
    minute.tick(1_000, 5_000_000);
    for second in 2..200 {
        // 1,500 units a second: within what two payments of 316 to 999 and one of 100 to 315 can be.
        let placed = 5_000_000 + (second - 1) * 150_000;
        step(
            &mut minute,
            second * 1_000,
            placed,
            &[(7, PAYMENT | 4), (3, PAYMENT | 4), (7, PAYMENT | 3)],
        );
    }
    assert_eq!(minute.told_minor(), Some(60 * 150_000));
    assert!(
        (sum_minor(&minute) - 9_000_000.0).abs() < 1.0,
        "{}",
        sum_minor(&minute)
    );
    assert_eq!(sums(&minute), [(3, 60 * 59_370), (7, 60 * (59_370 + 18_770))]);
}

#[test]
fn the_sum_is_never_beyond_what_the_magnitudes_allow() {
    let told = |placed_minor: i64, code: u8| {
        let mut minute = Minute::default();
        minute.tick(1_000, 0);
        step(&mut minute, 2_000, placed_minor, &[(1, PAYMENT | code)]);
        sum_minor(&minute).round()
    };
    // A guarded total jumps by what ten minutes took; one payment of 100 to 315 is no more than that.
    assert_eq!(told(1_000_000, 3), 31_600.0);
    assert_eq!(told(20_000, 3), 20_000.0);
    // It stands still, or falls by a correction.
    assert_eq!((told(0, 3), told(-5_000, 3)), (10_000.0, 10_000.0));
    // The highest magnitude has no end.
    assert_eq!(told(90_000_000, 7), 90_000_000.0);
}

#[test]
fn more_and_dearer_is_more() {
    let mut minute = Minute::default();
    minute.tick(0, 0);
    let dearer = [(0, PAYMENT | 1), (1, PAYMENT | 2), (2, PAYMENT | 5)];
    step(&mut minute, 1_000, 400_000, &dearer);
    step(&mut minute, 1_100, 400_000, &[(3, PAYMENT | 5), (3, PAYMENT)]);
    let by_place = sums(&minute);
    assert!(
        by_place.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "{by_place:?}"
    );
    assert!(MEAN.iter().zip(LEAST).all(|(mean, least)| *mean > least * 100));
    assert!(
        MEAN.iter()
            .zip(&LEAST[1..])
            .all(|(mean, most)| *mean < most * 100)
    );
}

#[test]
fn only_the_kind_that_carries_the_value_counts() {
    let batch = lights(1_000, &[(1, ORDER | 3), (2, PAYMENT | 3), (3, ORDER | 7)]);
    let counted = |carries| {
        let mut minute = Minute::default();
        minute.add(&batch, carries);
        minute.places().map(|(place, _)| place).collect::<Vec<_>>()
    };
    assert_eq!(counted(Kind::Payment), [2]);
    assert_eq!(counted(Kind::Order), [1, 3]);
}

#[test]
fn after_a_minute_of_event_time_it_is_gone() {
    let mut minute = Minute::default();
    step(&mut minute, 10_500, 0, &[(5, PAYMENT | 2)]);
    step(&mut minute, 30_000, 0, &[(5, PAYMENT | 3), (6, PAYMENT)]);
    minute.tick(70_000, 0);
    assert_eq!(sums(&minute), [(5, 5_968 + 18_770), (6, 594)]);
    minute.tick(70_100, 0);
    assert_eq!(sums(&minute), [(5, 18_770), (6, 594)]);
    minute.tick(89_000, 0);
    assert_eq!(sums(&minute).len(), 2);
    minute.tick(500_000, 0);
    assert!(sums(&minute).is_empty());
    assert_eq!(minute.came(5), 5_968 + 18_770);
}

#[test]
fn time_that_goes_back_forgets() {
    let mut minute = Minute::default();
    step(&mut minute, 90_000, 100, &[(5, PAYMENT | 2)]);
    let before = minute.generation();
    // A light that comes late is of now.
    minute.add(&lights(80_000, &[(6, PAYMENT)]), Kind::Payment);
    assert_eq!((sums(&minute).len(), minute.generation()), (2, before));
    minute.tick(89_000, 90);
    assert!(sums(&minute).is_empty() && minute.generation() != before);
    step(&mut minute, 90_000, 100, &[(5, PAYMENT | 2)]);
    assert_eq!(sums(&minute), [(5, 5_968)]);
    assert_eq!(minute.told_minor(), Some(10));
}

#[test]
fn a_light_stands_for_several_and_a_long_span_for_a_minute_of_it() {
    let mut batch = lights(1_000_000, &[(1, PAYMENT | 3)]);
    batch.per_light = 12;
    let sum = |batch: &Lights| {
        let mut minute = Minute::default();
        minute.add(batch, Kind::Payment);
        sums(&minute)
    };
    assert_eq!(sum(&batch), [(1, 12 * 18_770)]);
    batch.from_ms = batch.to_ms - 360_000;
    assert_eq!(sum(&batch), [(1, 2 * 18_770)]);
}

#[test]
fn whoever_joins_knows_the_minute_from_the_curve_and_the_warmth() {
    let history = History {
        step_ms: 60_000,
        gmv_minor: vec![0, 600_000, 1_800_000],
        ..History::default()
    };
    let mut minute = Minute::default();
    // Two and a half minutes into the day: half of the second minute, and 200,000 since.
    minute.tick(1_150_000, 2_000_000);
    minute.recall(&history, 1_000_000, 1_150_000, 1.0);
    assert_eq!(minute.told_minor(), Some(800_000));
    let mut warmth = Warmth::default();
    warmth.push(4, 1_000.0);
    warmth.push(9, 250.0);
    minute.guess(&warmth, 1_150_000, |_| 30.0);
    let [four, nine] = minute.places().map(|(_, sum)| sum as f64).collect::<Vec<_>>()[..] else {
        panic!("two places");
    };
    assert!((four / nine - 4.0).abs() < 0.2, "{four} {nine}");
    // 1,000 in half-lives of three minutes are 231 in a minute.
    assert!((four / 100.0 / 30.0 - 231.0).abs() < 8.0, "{four}");
    assert!((sum_minor(&minute) - 800_000.0).abs() < 1.0);
    // It is forgotten bit by bit, and lights that came win.
    minute.tick(1_180_000, 2_400_000);
    let half = sums(&minute)[0].1 as f64;
    assert!((half / four - 0.5).abs() < 0.1, "{half}");
    step(&mut minute, 1_190_000, 2_500_000, &[(4, PAYMENT | 3)]);
    minute.guess(&warmth, 1_190_000, |_| 30.0);
    minute.tick(1_250_000, 2_500_000);
    assert!(sums(&minute).is_empty());
    // In the day's first minute, the day so far.
    let mut early = Minute::default();
    early.tick(1_020_000, 300);
    early.recall(&history, 1_000_000, 1_020_000, 1.0);
    assert_eq!(early.told_minor(), Some(300));
}
