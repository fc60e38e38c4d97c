use super::*;
use crate::{
    Counts, DataClass, Day, Hello, History, Lights, Mode, Names, Products, Rates, Snapshot, Tick, Warmth,
};
use meridian_core::sales::{Currency, Kind};

fn frame(epoch: u64, seq: u64, prev: u64, body: Body) -> Frame {
    Frame {
        epoch,
        seq,
        prev,
        body,
    }
}

fn hello() -> Body {
    Body::Hello(Box::new(Hello {
        version: 1,
        server: String::new(),
        mode: Mode::Demo,
        synthetic: true,
        title: Names::default(),
        currency: Currency::CNY,
        gmv_counts: Kind::Payment,
        speed: 1.0,
        catalogue: String::new(),
        categories: vec![],
        day: Day {
            start_ms: 0,
            end_ms: 86_400_000,
            utc_offset_min: 0,
        },
        comparisons: vec![],
        milestones_minor: vec![],
        products: vec![],
        class: DataClass::Public,
        key: None,
        published_ms: None,
        k: None,
    }))
}

fn totals(gmv_minor: i64) -> Totals {
    Totals {
        counts: Counts {
            gmv_minor,
            ..Counts::default()
        },
        ..Totals::default()
    }
}

fn snapshot(event_ms: i64, gmv: i64) -> Body {
    Body::Snapshot(Box::new(Snapshot {
        event_ms,
        published_ms: 0,
        mode: Mode::Demo,
        totals: totals(gmv),
        rates: Rates::default(),
        regions: vec![],
        categories: vec![],
        channels: vec![],
        cells: vec![],
        history: History::default(),
        reached: vec![],
        warmth: Warmth::default(),
        products: Products::default(),
        direct: None,
        notices: Vec::new(),
    }))
}

fn tick(event_ms: i64, totals: Totals) -> Body {
    Body::Tick(Box::new(Tick {
        event_ms,
        published_ms: 0,
        mode: Mode::Demo,
        totals,
        rates: Rates::default(),
        regions: vec![],
        categories: vec![],
        channels: vec![],
        cells: vec![],
        reached: vec![],
    }))
}

fn started() -> Sequencer {
    let mut it = Sequencer::new();
    assert_eq!(it.position(), None);
    assert_eq!(it.accept(&frame(5, 10, 0, hello())), Verdict::Apply);
    assert_eq!(it.position(), None);
    assert_eq!(it.accept(&frame(5, 10, 10, snapshot(1000, 100))), Verdict::Apply);
    it
}

#[test]
fn a_stream_in_order_is_applied() {
    let mut it = started();
    assert_eq!(
        it.accept(&frame(5, 11, 10, tick(1100, totals(120)))),
        Verdict::Apply
    );
    assert_eq!(
        it.accept(&frame(5, 12, 11, Body::Lights(Lights::default()))),
        Verdict::Apply
    );
    assert_eq!(
        it.accept(&frame(5, 12, 11, Body::Lights(Lights::default()))),
        Verdict::Duplicate
    );
    assert_eq!(it.position(), Some(Position { epoch: 5, seq: 12 }));
}

#[test]
fn a_gap_is_seen_and_not_guessed_over() {
    let mut it = started();
    let late = frame(5, 13, 12, tick(1300, totals(130)));
    assert_eq!(it.accept(&late), Verdict::Gap { have: 10, needs: 12 });
    assert_eq!(it.position(), Some(Position { epoch: 5, seq: 10 }));
    // Resumed where we were.
    assert_eq!(it.accept(&frame(5, 10, 0, hello())), Verdict::Apply);
    assert_eq!(
        it.accept(&frame(5, 11, 10, tick(1100, totals(110)))),
        Verdict::Apply
    );
    // Not resumed: frames before the snapshot aren't good.
    assert_eq!(it.accept(&frame(5, 40, 0, hello())), Verdict::Apply);
    assert!(matches!(
        it.accept(&frame(5, 41, 40, tick(1400, totals(140)))),
        Verdict::Gap { .. }
    ));
    assert_eq!(it.accept(&frame(5, 41, 40, snapshot(1400, 140))), Verdict::Apply);
    assert_eq!(
        it.accept(&frame(5, 42, 41, tick(1500, totals(150)))),
        Verdict::Apply
    );
}

#[test]
fn a_frame_taken_out_is_noticed_though_its_follower_says_otherwise() {
    let mut it = started();
    let forged = frame(5, 12, 10, tick(1200, totals(130)));
    assert_eq!(
        it.accept_after(&forged, Some(11)),
        Verdict::Gap { have: 10, needs: 11 }
    );
    assert_eq!(it.accept_after(&forged, Some(10)), Verdict::Apply);
}

#[test]
fn figures_never_go_back_in_time() {
    let mut it = started();
    let back = frame(5, 11, 10, tick(900, totals(120)));
    assert_eq!(
        it.accept(&back),
        Verdict::Refuse(Refusal::BackInTime {
            from_ms: 1000,
            to_ms: 900
        })
    );
    assert!(matches!(
        it.accept(&frame(5, 30, 10, snapshot(900, 120))),
        Verdict::Refuse(Refusal::BackInTime { .. })
    ));
    // What was known is still what goes on.
    assert_eq!(
        it.accept(&frame(5, 11, 10, tick(1100, totals(120)))),
        Verdict::Apply
    );
}

#[test]
fn a_total_falls_only_by_a_correction() {
    let mut it = started();
    assert_eq!(
        it.accept(&frame(5, 11, 10, tick(1100, totals(90)))),
        Verdict::Refuse(Refusal::Fell {
            what: "GMV",
            from: 100,
            to: 90
        })
    );
    let corrected = Totals {
        corrections: 1,
        corrected_minor: 10,
        ..totals(90)
    };
    assert_eq!(
        it.accept(&frame(5, 11, 10, tick(1100, corrected))),
        Verdict::Apply
    );
}

#[test]
fn a_new_stream_replaces_the_old_one() {
    let mut it = started();
    // A tick of another stream without its hello is a gap, never a figure.
    assert!(matches!(
        it.accept(&frame(6, 1, 0, tick(5, totals(1)))),
        Verdict::Gap { .. }
    ));
    assert_eq!(it.accept(&frame(6, 0, 0, hello())), Verdict::NewEpoch);
    assert!(matches!(
        it.accept(&frame(6, 1, 0, tick(5, totals(1)))),
        Verdict::Gap { .. }
    ));
    assert_eq!(it.accept(&frame(6, 0, 0, snapshot(500, 50))), Verdict::Apply);
    assert_eq!(it.accept(&frame(6, 1, 0, tick(600, totals(60)))), Verdict::Apply);
}
