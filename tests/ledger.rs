//! What a display knows: the same however it came to know it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use meridian::ledger::Ledger;
use meridian_core::sales::EventMs;
use meridian_gateway::{Publisher, ScenarioSource, Source, load_catalogue};
use meridian_wire::{Body, ProductCounts, Products};
use rand::{Rng, SeedableRng};

fn publisher(into_ms: i64) -> (Publisher, EventMs) {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms;
    let publisher = Publisher::new(Box::new(source), catalogue, start_ms + into_ms, 1.0).unwrap();
    (publisher, start_ms)
}

#[test]
fn products_are_those_of_a_fresh_snapshot_however_one_came_there() {
    let (mut publisher, start_ms) = publisher(200_000);
    let mut followed = Ledger::default();
    followed.apply(Body::Hello(Box::new(publisher.hello())));
    assert_eq!(
        followed.product("earbuds").unwrap().rank,
        0,
        "nothing is known yet"
    );
    followed.apply(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    for step in 1..=1_200 {
        for body in publisher.step(start_ms + 200_000 + step * 100, 0).public_bodies() {
            followed.apply(body);
        }
    }
    let mut fresh = Ledger::default();
    fresh.apply(Body::Hello(Box::new(publisher.hello())));
    fresh.apply(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    assert_eq!(followed.products, fresh.products);
    assert_eq!(followed.history, fresh.history);
    let earbuds = followed.product("earbuds").unwrap();
    assert_eq!(earbuds.counts.counts.gmv_minor, earbuds.counts.units * 89_900);
    let regions: i64 = earbuds.regions.iter().map(|(_, counts)| counts.units).sum();
    assert_eq!(regions, earbuds.counts.units);
    assert_eq!(earbuds.region(u8::MAX), ProductCounts::default());
    assert!(earbuds.region(earbuds.regions[0].0).counts.orders > 0);
    assert!(earbuds.orders_10s > 0 && earbuds.mean_orders_per_s() > 0.0);
    assert_eq!((earbuds.curve_step_ms, earbuds.curve.len()), (300_000, 2));
    assert!(earbuds.trends[0].times() > 3.0, "{:?}", earbuds.trends);
    assert!(followed.product("sofa").is_none());
}

#[test]
fn a_region_that_begins_to_sell_sold_nothing_before() {
    let (mut publisher, start_ms) = publisher(1_000_000);
    let mut snapshot = publisher.public_snapshot(0).into_inner();
    snapshot.regions.clear();
    snapshot.history.regions.clear();
    let step_ms = snapshot.history.region_step_ms;
    let mut ledger = Ledger::default();
    ledger.apply(Body::Hello(Box::new(publisher.hello())));
    ledger.apply(Body::Snapshot(snapshot));
    for body in publisher.step(start_ms + 1_010_000, 0).public_bodies() {
        ledger.apply(body);
    }
    assert!(ledger.regions_reached() > 0 && !ledger.history.regions.is_empty());
    let points = (1_010_000 / step_ms + 1) as usize;
    for region in &ledger.history.regions {
        assert_eq!(region.gmv_minor, vec![0; points], "{}", region.region);
    }
}

#[test]
fn the_hours_before_a_display_came_are_a_gap() {
    let (mut publisher, start_ms) = publisher(1_000_000);
    let mut ledger = Ledger::default();
    ledger.apply(Body::Hello(Box::new(publisher.hello())));
    ledger.apply(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    let joined = ledger.totals.counts;
    for step in 1..=50 {
        for body in publisher
            .step(start_ms + 1_000_000 + step * 100, 0)
            .public_bodies()
        {
            ledger.apply(body);
        }
    }
    let buckets = ledger.day_rates.buckets();
    let gap = buckets[0].gap.unwrap();
    assert_eq!((gap.from_ms, gap.to_ms), (0, 999_000));
    assert_eq!(gap.mean.unwrap().orders, (joined.orders as f64 / 1_000.0) as f32);
    assert_eq!(buckets.len(), 6, "one a second, none of them nothing");
    assert!(buckets.iter().all(|bucket| bucket.mean().orders > 1_000.0));
    assert!(buckets[1..].iter().all(|bucket| bucket.gap.is_none()));
    // Another day's feed: nothing of it is known.
    let mut hello = publisher.hello();
    hello.title.en = "Another".to_owned();
    ledger.apply(Body::Hello(Box::new(hello)));
    assert!(ledger.day_rates.buckets().is_empty());
}

#[test]
fn another_feeds_products_leave_nothing_behind() {
    let (publisher, _) = publisher(60_000);
    let mut ledger = Ledger::default();
    let mut hello = publisher.hello();
    ledger.apply(Body::Hello(Box::new(hello.clone())));
    ledger.apply(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    // The same feed again: the figures stay until its snapshot.
    ledger.apply(Body::Hello(Box::new(hello.clone())));
    assert!(ledger.products[0].counts.units > 0);
    hello.products.swap(0, 1);
    ledger.apply(Body::Hello(Box::new(hello.clone())));
    assert_eq!(ledger.products[0].id, "bottle");
    assert!(ledger.products.iter().all(|product| product.counts.units == 0));
    // What it doesn't have is passed over, and a snapshot without products clears them.
    hello.products.truncate(1);
    ledger.apply(Body::Hello(Box::new(hello)));
    ledger.apply(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    assert_eq!(ledger.products.len(), 1);
    let mut empty = publisher.public_snapshot(0).into_inner();
    empty.products = Products::default();
    ledger.apply(Body::Snapshot(empty));
    assert_eq!(ledger.products[0].counts, ProductCounts::default());
}

/// A ledger and a snapshot that the same frames are applied to know the same, whatever comes twice or is caught up by a snapshot.
#[test]
fn the_ledger_knows_what_the_frames_say() {
    let mut random = rand_pcg::Pcg64::seed_from_u64(11);
    let (mut publisher, start_ms) = publisher(30_000);
    let mut ledger = Ledger::default();
    let mut known = *publisher.public_snapshot(0).into_inner();
    ledger.apply(Body::Hello(Box::new(publisher.hello())));
    ledger.apply(Body::Snapshot(Box::new(known.clone())));
    let (mut away, mut compared) = (false, 0);
    for step in 1..=600 {
        let bodies = publisher.step(start_ms + 30_000 + step * 100, 0).public_bodies();
        // Now and then the display is away, and a snapshot tells what it missed.
        if random.random_range(0..40) == 0 {
            away = !away;
            if !away {
                known = *publisher.public_snapshot(0).into_inner();
                ledger.apply(Body::Snapshot(Box::new(known.clone())));
            }
        } else if !away {
            for body in bodies {
                for _ in 0..random.random_range(1..=2) {
                    known.apply(&body);
                    ledger.apply(body.clone());
                }
            }
        }
        if !away {
            assert_eq!(ledger.totals, known.totals);
            for row in &known.regions {
                assert_eq!(ledger.regions[usize::from(row.id)], row.counts);
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn what_places_sold_in_the_last_minute_is_near_what_their_regions_took() {
    let (mut publisher, start_ms) = publisher(1_000_000);
    let catalogue = load_catalogue().unwrap();
    let region_of_place = catalogue.region_of_place();
    let mut ledger = Ledger::default();
    ledger.apply(Body::Hello(Box::new(publisher.hello())));
    let snapshot = publisher.public_snapshot(0).into_inner();
    let warmth = snapshot.warmth.clone();
    ledger.apply(Body::Snapshot(snapshot));
    ledger.guess_minute(&warmth, &catalogue);
    let mut then = Vec::new();
    for step in 1..=700 {
        for body in publisher
            .step(start_ms + 1_000_000 + step * 100, 0)
            .public_bodies()
        {
            ledger.apply(body);
        }
        if step == 100 {
            then.clone_from(&ledger.regions);
        }
    }
    let minor = ledger.minute.minor_per_hundredth(100);
    let mut estimates = vec![0.0; ledger.regions.len()];
    for (place, sum) in ledger.minute.places() {
        estimates[usize::from(region_of_place[usize::from(place)])] += sum as f64 * minor;
    }
    let took: Vec<f64> = ledger
        .regions
        .iter()
        .zip(&then)
        .map(|(now, then)| (now.gmv_minor - then.gmv_minor) as f64)
        .collect();
    let (sum, told): (f64, f64) = (estimates.iter().sum(), took.iter().sum());
    assert!((sum / told - 1.0).abs() < 0.001, "{sum} of {told}");
    let mut largest: Vec<usize> = (0..took.len()).collect();
    largest.sort_by(|a, b| took[*b].total_cmp(&took[*a]));
    for region in &largest[..8] {
        let ratio = estimates[*region] / took[*region];
        assert!((0.95..1.05).contains(&ratio), "region {region}: {ratio}");
    }
}
