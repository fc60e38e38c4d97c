use proptest::prelude::*;

use super::windows::GRACE_SECS;
use super::*;

const REGION_OF_PLACE: [u8; 6] = [0, 0, 1, 2, 2, 2];
const REGIONS: usize = 4;
const CATEGORIES: usize = 3;
const PRODUCTS: usize = 5;

fn tally(gmv_counts: Kind) -> Tally {
    Tally::new(REGION_OF_PLACE.to_vec(), REGIONS, CATEGORIES, gmv_counts).with_products(PRODUCTS)
}

fn row() -> impl Strategy<Value = (u16, u8, u8, i64)> {
    let place = prop_oneof![9 => 0_u16..6, 1 => Just(Batch::UNPLACED)];
    (place, 0_u8..3, 0_u8..3, -100_000_000_i64..1_000_000_000)
}

fn batch(kind: Kind, rows: &[(u16, u8, u8, i64)]) -> Batch {
    let mut batch = Batch::new(kind, 0, 100);
    for (place, category, channel, amount) in rows {
        let row = batch.len() as u32;
        batch.push(*place, *category, *channel, *amount, Batch::DOMESTIC);
        // Some rows have no product, some have two.
        for product in 0..(*amount).rem_euclid(3) {
            let number = ((*amount).rem_euclid(4) + product) as u16;
            let units = if *amount < 0 { -2 } else { 1 + product as i32 };
            batch.items.push(row, number, units, amount / 2);
        }
    }
    batch
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Order), Just(Kind::Payment)]
}

fn add_all(counts: impl Iterator<Item = Counts>) -> Counts {
    let mut sum = Counts::default();
    for each in counts {
        sum += each;
    }
    sum
}

proptest! {
    #[test]
    fn any_split_merges_to_the_whole(
        rows in prop::collection::vec(row(), 0..200),
        cut in 0.0_f64..1.0,
        kind in kind(),
        carries in kind(),
    ) {
        let cut = (rows.len() as f64 * cut) as usize;
        let mut whole = tally(carries);
        whole.add(&batch(kind, &rows)).unwrap();
        let mut left = tally(carries);
        left.add(&batch(kind, &rows[..cut])).unwrap();
        let mut right = tally(carries);
        right.add(&batch(kind, &rows[cut..])).unwrap();
        right.merge(&left).unwrap();
        prop_assert_eq!(&right, &whole);
    }

    #[test]
    fn money_adds_up_exactly(rows in prop::collection::vec(row(), 0..200), carries in kind()) {
        let mut tally = tally(carries);
        tally.add(&batch(Kind::Order, &rows)).unwrap();
        tally.add(&batch(Kind::Payment, &rows)).unwrap();
        let totals = tally.totals();
        let sum: i128 = rows.iter().map(|row| i128::from(row.3)).sum();
        prop_assert_eq!(i128::from(totals.counts.gmv_minor), sum);
        let good = rows.iter().filter(|row| row.3 >= 0).count() as u64;
        prop_assert_eq!(totals.counts.orders, good);
        prop_assert_eq!(totals.counts.payments, good);
        // Only the kind that carries the value corrects it: once, not twice.
        prop_assert_eq!(totals.corrections, rows.len() as u64 - good);
        let off: i64 = rows.iter().map(|row| row.3.min(0)).sum();
        prop_assert_eq!(totals.corrected_minor, -off);
    }

    #[test]
    fn regions_categories_and_channels_each_add_up_to_the_totals(
        rows in prop::collection::vec(row(), 0..200),
        kind in kind(),
    ) {
        let mut tally = tally(kind);
        tally.add(&batch(kind, &rows)).unwrap();
        let totals = tally.totals();
        let mut regions = add_all((0..REGIONS as u8).map(|id| tally.region(id)));
        regions += totals.unplaced;
        prop_assert_eq!(regions, totals.counts);
        prop_assert_eq!(add_all((0..CATEGORIES as u8).map(|id| tally.category(id))), totals.counts);
        prop_assert_eq!(add_all(Channel::ALL.into_iter().map(|id| tally.channel(id))), totals.counts);
        let unplaced: i64 = rows.iter().filter(|row| row.0 == Batch::UNPLACED).map(|row| row.3).sum();
        prop_assert_eq!(totals.unplaced.gmv_minor, unplaced);
        let mut cells = Counts::default();
        for region in 0..REGIONS as u8 {
            for category in 0..CATEGORIES as u8 {
                cells += tally.cell(region, category);
            }
        }
        cells += totals.unplaced;
        prop_assert_eq!(cells, totals.counts);
    }

    #[test]
    fn products_add_up_over_regions_and_open_as_they_were(
        rows in prop::collection::vec(row(), 0..200),
        kind in kind(),
        carries in kind(),
    ) {
        let mut tally_a = tally(carries);
        let batch = batch(kind, &rows);
        tally_a.add(&batch).unwrap();
        let mut tally_b = tally(carries);
        let mut gmv = 0;
        for product in 0..PRODUCTS as u16 {
            let mut rest = tally_a.product(product);
            gmv += rest.counts.gmv_minor;
            for (region, counts) in tally_a.product_regions(product).iter().enumerate() {
                tally_b.open_product(product, Some(region as u8), *counts).unwrap();
                rest.counts.orders -= counts.counts.orders;
                rest.counts.payments -= counts.counts.payments;
                rest.counts.gmv_minor -= counts.counts.gmv_minor;
                rest.units -= counts.units;
            }
            tally_b.open_product(product, None, rest).unwrap();
            prop_assert_eq!(tally_a.product(product), tally_b.product(product));
            prop_assert_eq!(tally_a.product_regions(product), tally_b.product_regions(product));
        }
        let carried = i64::from(kind == carries);
        prop_assert_eq!(gmv, batch.items.amount_minor.iter().sum::<i64>() * carried);
    }

    #[test]
    fn a_product_meter_loses_no_order(
        spans in prop::collection::vec((0_usize..20, 1_i64..3_000), 1..30),
    ) {
        let mut meter = ProductMeter::new(2, 0);
        let (mut now, mut rows) = (0, 0);
        for (count, span) in spans {
            let mut batch = Batch::new(Kind::Order, now, now + span);
            for row in 0..count {
                batch.push(0, 0, 0, 1, Batch::DOMESTIC);
                batch.items.push(row as u32, 1, 1, 1);
            }
            meter.add(&batch);
            now += span;
            rows += count as u64;
            meter.advance(now);
        }
        // Ten seconds hold what the last ten had; a long wait leaves nothing.
        meter.advance(now + 1_000);
        let (last, ten) = meter.orders(1);
        prop_assert!(last <= ten && ten <= rows);
        if now <= 9_000 {
            prop_assert_eq!(ten, rows);
        }
        prop_assert_eq!(meter.orders(0), (0, 0));
        meter.advance(now + 60_000);
        prop_assert_eq!(meter.orders(1), (0, 0));
    }

    #[test]
    fn what_was_opened_counts_as_if_it_had_been_added(rows in prop::collection::vec(row(), 0..200)) {
        let mut tally_a = tally(Kind::Payment);
        tally_a.add(&batch(Kind::Payment, &rows)).unwrap();
        let mut cells = Vec::new();
        for region in 0..REGIONS as u8 {
            for category in 0..CATEGORIES as u8 {
                for channel in Channel::ALL {
                    cells.push((channel, region, category, tally_a.cell_of_channel(region, category, channel)));
                }
            }
        }
        let mut tally_b = tally(Kind::Payment);
        tally_b.open(cells, &tally_a.totals()).unwrap();
        prop_assert_eq!(tally_b.totals(), tally_a.totals());
        for region in 0..REGIONS as u8 {
            prop_assert_eq!(tally_b.region(region), tally_a.region(region));
        }
    }

    #[test]
    fn a_meter_loses_no_row_whatever_the_spans(
        spans in prop::collection::vec((0_usize..50, 1_i64..3_000), 1..30),
    ) {
        let mut meter = Meter::new(0, Kind::Order);
        let (mut now, mut rows, mut seen) = (0, 0, 0);
        for (count, span) in spans {
            let mut batch = Batch::new(Kind::Order, now, now + span);
            for _ in 0..count {
                batch.push(0, 0, 0, 1, Batch::DOMESTIC);
            }
            meter.add(&batch);
            now += span;
            rows += count as u64;
        }
        let mut second = 1_000;
        while second <= now + 1_000 {
            meter.advance(second);
            seen += meter.rates().orders_per_s;
            second += 1_000;
        }
        prop_assert_eq!(seen, rows);
    }
}

#[test]
fn a_wrong_batch_is_refused_as_a_whole() {
    let mut tally = tally(Kind::Payment);
    let before = tally.clone();
    let mut ragged = batch(Kind::Payment, &[(0, 0, 0, 5)]);
    ragged.channel.clear();
    assert!(tally.add(&ragged).unwrap_err().to_string().contains("channel"));
    for (rows, word) in [
        ([(0, 0, 0, 5), (6, 0, 0, 5)], "place 6"),
        ([(0, 0, 0, 5), (0, 3, 0, 5)], "category 3"),
        ([(0, 0, 0, 5), (0, 0, 3, 5)], "channel 3"),
    ] {
        let error = tally.add(&batch(Kind::Payment, &rows)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    for (spoil, word) in [
        (
            |items: &mut crate::sales::Items| items.product[0] = 5,
            "product 5",
        ),
        (|items: &mut crate::sales::Items| items.row[0] = 1, "row 1"),
        (
            |items: &mut crate::sales::Items| items.units.clear(),
            "items.units",
        ),
    ] as [(fn(&mut crate::sales::Items), &str); 3]
    {
        let mut spoilt = batch(Kind::Payment, &[(0, 0, 0, 5)]);
        spoil(&mut spoilt.items);
        let error = tally.add(&spoilt).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let huge = [(0, 0, 0, i64::MAX), (1, 0, 0, 1)];
    assert!(matches!(
        tally.add(&batch(Kind::Payment, &huge)),
        Err(TallyError::TooLarge { .. })
    ));
    let lowest = [(0, 0, 0, i64::MIN)];
    assert!(tally.add(&batch(Kind::Payment, &lowest)).is_err());
    assert_eq!(tally, before);
    let other = Tally::new(Vec::new(), REGIONS, 2, Kind::Payment);
    assert_eq!(tally.merge(&other), Err(TallyError::Shape));
    let other = Tally::new(REGION_OF_PLACE.to_vec(), REGIONS, CATEGORIES, Kind::Payment);
    assert_eq!(tally.merge(&other), Err(TallyError::Shape), "other products");
}

#[test]
fn share_and_reach() {
    let mut tally = tally(Kind::Payment);
    assert_eq!(tally.mobile_share(), None);
    assert_eq!(tally.regions_reached(), 0);
    tally
        .add(&batch(
            Kind::Payment,
            &[(0, 0, 0, 300), (2, 1, 1, 100), (3, 1, 1, -50)],
        ))
        .unwrap();
    assert_eq!(tally.regions_reached(), 2, "a correction alone reaches no region");
    assert_eq!(tally.mobile_share(), Some(300.0 / 350.0));
}

#[test]
fn a_meter_keeps_peaks_and_leaves_out_a_second_joined_late() {
    let rows = |count: usize, from_ms: i64| {
        let mut batch = Batch::new(Kind::Order, from_ms, from_ms + 100);
        for _ in 0..count {
            batch.push(0, 0, 0, 7, Batch::DOMESTIC);
        }
        batch
    };
    let mut meter = Meter::new(10_500, Kind::Order);
    meter.add(&rows(90, 10_600));
    meter.add(&rows(20, 11_000));
    meter.add(&rows(10, 11_900));
    meter.advance(11_999);
    assert_eq!(meter.rates(), Rates::default(), "no full second yet");
    meter.advance(12_000);
    assert_eq!(meter.rates().orders_per_s, 30);
    assert_eq!(meter.rates().gmv_minor_per_s, 210);
    assert_eq!(meter.rates().peak_orders_at_ms, 11_000);
    meter.add(&rows(5, 12_300));
    meter.advance(14_000);
    assert_eq!(meter.rates().orders_per_s, 0, "a quiet second");
    assert_eq!(
        (meter.rates().peak_orders_per_s, meter.rates().peak_orders_at_ms),
        (30, 11_000)
    );
}

use std::collections::BTreeMap;

use crate::sales::columns::{Columns, encode};

/// A batch of a source as it is sent, and when.
fn sent() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = (
        kind(),
        0_u32..3,
        0_i64..400,
        prop::collection::vec(row(), 0..30),
        any::<bool>(),
    );
    prop::collection::vec(one, 1..40).prop_map(|batches| {
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        batches
            .into_iter()
            .map(|(kind, source, second, rows, good)| {
                let rows: Vec<_> = rows
                    .into_iter()
                    .map(|(place, category, channel, amount)| {
                        // Half of the batches are as most are: no corrections and no products, the quick way.
                        (
                            place,
                            category,
                            channel,
                            if good {
                                amount.abs() % 4_000_000_000
                            } else {
                                amount
                            },
                        )
                    })
                    .collect();
                let mut batch = batch(kind, &rows);
                if good {
                    batch.items = crate::sales::Items::default();
                }
                (batch.from_ms, batch.to_ms) = (second * 1_000, second * 1_000 + 900);
                let number = next.entry(source).or_default();
                *number += 1;
                encode(&batch, source, *number).unwrap()
            })
            .collect()
    })
}

fn truth(sent: &[Vec<u8>], carries: Kind) -> (Tally, BTreeMap<i64, Margins>) {
    let mut whole = tally(carries);
    let mut seconds = BTreeMap::new();
    for bytes in sent {
        let (columns, _) = Columns::read(bytes).unwrap();
        let batch = columns.to_batch();
        whole.add(&batch).unwrap();
        let mut margins = Margins::of_batch(&batch, &whole);
        if let Some(known) = seconds.remove(&columns.from_ms) {
            let mut sum = Windows::new(REGIONS, CATEGORIES, PRODUCTS);
            sum.add(0, &margins);
            sum.add(0, &known);
            margins = Margins::new(REGIONS, CATEGORIES, PRODUCTS);
            margins_of(&sum, &mut margins);
        }
        seconds.insert(columns.from_ms, margins);
    }
    (whole, seconds)
}

fn margins_of(windows: &Windows, out: &mut Margins) {
    // What a single second has, by the windows' own account of it.
    *out = windows.second(0).clone();
}

/// What the seconds of the window that ends at an instant have.
fn in_window(seconds: &BTreeMap<i64, Margins>, of: Of, window: Window, until_ms: i64) -> Counts {
    add_all(
        seconds
            .range(until_ms - window.seconds() * 1_000..until_ms)
            .map(|(_, margins)| margins.of(of)),
    )
}

fn check_windows(windows: &Windows, seconds: &BTreeMap<i64, Margins>) -> Result<(), TestCaseError> {
    prop_assert_eq!(windows.too_late(), Counts::default());
    for window in Window::ALL {
        for of in dimensions() {
            for until_ms in [1_000, 12_000, 40_000, 75_000, 300_000] {
                let expected = in_window(seconds, of, window, until_ms);
                prop_assert_eq!(windows.rate(of, window, until_ms), expected);
            }
        }
    }
    check_peaks(windows, seconds)
}

fn check_peaks(windows: &Windows, seconds: &BTreeMap<i64, Margins>) -> Result<(), TestCaseError> {
    for window in Window::ALL {
        for of in dimensions() {
            let peak = windows.peak(of, window);
            let mut expected = Peak::default();
            for second in 0..461 {
                let counts = in_window(seconds, of, window, (second + 1) * 1_000);
                if counts.orders > expected.orders {
                    (expected.orders, expected.orders_at_ms) = (counts.orders, second * 1_000);
                }
                if counts.payments > expected.payments {
                    (expected.payments, expected.payments_at_ms) = (counts.payments, second * 1_000);
                }
            }
            prop_assert_eq!(peak, expected, "{:?} {:?}", of, window);
        }
    }
    Ok(())
}

fn dimensions() -> Vec<Of> {
    let mut all = vec![Of::Total];
    all.extend((0..REGIONS as u8).map(Of::Region));
    all.extend((0..CATEGORIES as u8).map(Of::Category));
    all.extend((0..3).map(Of::Channel));
    all.extend((0..PRODUCTS as u16).map(Of::Product));
    all
}

#[test]
fn counts_without_products_add_up_too() {
    let tally = || Tally::new(REGION_OF_PLACE.to_vec(), REGIONS, CATEGORIES, Kind::Order);
    let mut partial = Partial::new(tally());
    let mut all = Counted::new(tally());
    for sequence in 0..3 {
        let mut batch = Batch::new(Kind::Order, 5_000, 6_000);
        batch.push(0, 1, 0, 250, Batch::DOMESTIC);
        let bytes = encode(&batch, 3, sequence).unwrap();
        partial.take(&Columns::read(&bytes).unwrap().0).unwrap();
        assert_eq!(all.merge(&partial.drain()), Ok(Merged::Added));
    }
    assert_eq!(all.tally().totals().counts.gmv_minor, 750);
}

#[test]
fn what_cannot_have_been_counted_is_not_read() {
    let mut batch = Batch::new(Kind::Order, 5_000, 6_000);
    batch.push(0, 1, 0, 250, Batch::DOMESTIC);
    batch.items.push(0, 1, 2, 250);
    let mut partial = Partial::new(tally(Kind::Order));
    let bytes = encode(&batch, 3, 7).unwrap();
    partial.take(&Columns::read(&bytes).unwrap().0).unwrap();
    let counted = partial.drain();
    let told = serde_json::to_value(&counted).unwrap();
    let read = |told: &serde_json::Value| serde_json::from_value::<Counted>(told.clone());
    assert_eq!(read(&told).unwrap(), counted);
    let cells = told["tally"]["cells"].as_array().unwrap();
    let cell = cells.iter().position(|cell| cell["orders"] == 1).unwrap();
    for (at, value, says) in [
        ("/tally/regions".to_owned(), 300.into(), "at most 255 regions"),
        (
            "/tally/region_of_place/0".to_owned(),
            200.into(),
            "a place lies in region 200",
        ),
        ("/tally/categories".to_owned(), 1.into(), "cells, not"),
        (
            format!("/tally/cells/{cell}/gmv_minor"),
            251.into(),
            "a value of 251, more than the 250",
        ),
        (
            format!("/tally/cells/{cell}/orders"),
            0.into(),
            "more in the seconds than in all",
        ),
        (
            "/tally/cells/0/orders".to_owned(),
            u64::MAX.into(),
            "more orders or payments than 64 bits",
        ),
        (
            "/tally/corrected_minor".to_owned(),
            251.into(),
            "corrections take off more",
        ),
        ("/tally/products/products".to_owned(), 1.into(), "cells of theirs"),
        (
            "/tally/products/totals/1/gmv_minor".to_owned(),
            (-251).into(),
            "a value of 251",
        ),
        ("/windows/categories".to_owned(), 1.into(), "a second has"),
        (
            "/windows/seconds/5000/cells/0/orders".to_owned(),
            2.into(),
            "the parts of a second",
        ),
        (
            "/windows/closed_ms".to_owned(),
            5_001.into(),
            "5001 isn't the beginning of a second",
        ),
        (
            "/windows/peaks/0/0/orders".to_owned(),
            1.into(),
            "no peak is taken",
        ),
        (
            "/windows/peaks/0".to_owned(),
            serde_json::json!([]),
            "as many peaks",
        ),
        ("/seen/3/7".to_owned(), 6.into(), "7 to 6 is not a range"),
        ("/seen".to_owned(), serde_json::json!({}), "of no batch"),
    ] {
        let mut wrong = told.clone();
        *wrong.pointer_mut(&at).unwrap_or_else(|| panic!("{at}")) = value;
        let error = read(&wrong).expect_err(&at).to_string();
        assert!(error.contains(says), "{at}: {error}");
    }
}

proptest! {
    /// Split over any number of partial counts, in any order, some batches twice, drained at any time, added in any order and
    /// over any number of steps, some of them twice: the same to the fen, peaks of every window included.
    #[test]
    fn partial_counts_add_up(
        sent in sent(),
        parts in 1_usize..5,
        seed in any::<u64>(),
        carries in kind(),
    ) {
        use rand::seq::SliceRandom as _;
        use rand::{Rng as _, SeedableRng as _};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let (whole, seconds) = truth(&sent, carries);
        let mut deliveries: Vec<&Vec<u8>> = sent.iter().collect();
        deliveries.extend(sent.iter().filter(|_| random.random_range(0..3) == 0));
        deliveries.shuffle(&mut random);
        let mut partials: Vec<Partial> = (0..parts).map(|_| Partial::new(tally(carries))).collect();
        let mut drained = Vec::new();
        let mut counted = 0;
        for bytes in &deliveries {
            let (columns, _) = Columns::read(bytes).unwrap();
            let name = columns.sequence.wrapping_mul(31).wrapping_add(u64::from(columns.source));
            let partial = &mut partials[(name ^ seed) as usize % parts];
            counted += usize::from(partial.take(&columns).unwrap() == Taken::Counted);
            if random.random_range(0..6) == 0 {
                drained.push(partial.drain());
            }
        }
        drained.extend(partials.iter_mut().map(Partial::drain));
        prop_assert_eq!(counted, sent.len());
        // As they travel between machines.
        let mut drained: Vec<Counted> = drained
            .iter()
            .map(|counted| serde_json::from_slice(&serde_json::to_vec(counted).unwrap()).unwrap())
            .collect();
        // Some are added up on the way.
        while drained.len() > 3 && random.random_range(0..3) > 0 {
            let one = drained.swap_remove(random.random_range(0..drained.len()));
            let into = random.random_range(0..drained.len());
            prop_assert_eq!(drained[into].merge(&one).unwrap(), Merged::Added);
        }
        drained.shuffle(&mut random);
        let mut all = Counted::new(tally(carries));
        for counted in &drained {
            prop_assert_eq!(all.merge(counted).unwrap(), Merged::Added);
            if random.random_range(0..2) == 0 && !counted.seen().is_empty() {
                prop_assert_eq!(all.merge(counted).unwrap(), Merged::Known);
            }
        }
        prop_assert_eq!(all.tally(), &whole);
        check_windows(all.windows(), &seconds)?;
        // Closing takes nothing from what was there.
        all.close_behind(GRACE_SECS);
        prop_assert!(all.windows().seconds() <= 121);
        check_peaks(all.windows(), &seconds)?;
        let travelled: Counted = serde_json::from_slice(&serde_json::to_vec(&all).unwrap()).unwrap();
        prop_assert_eq!(&travelled, &all);
        // What was counted in part isn't added, and changes nothing.
        let mut half = Partial::new(tally(carries));
        let (columns, _) = Columns::read(&sent[0]).unwrap();
        half.take(&columns).unwrap();
        half.take(&Columns { sequence: 1 << 40, ..columns }).unwrap();
        let before = all.clone();
        let refused = all.merge(&half.drain());
        prop_assert!(matches!(refused, Err(MergeError::Overlap { .. })), "{:?}", refused);
        let expected = if all.windows().has_closed() { Err(MergeError::Closed) } else { Ok(Merged::Added) };
        prop_assert_eq!(Counted::new(tally(carries)).merge(&all), expected);
        prop_assert_eq!(all, before);
    }

    /// As it runs: batches come up to a minute late, counts are added every second and closed a minute behind.
    #[test]
    fn late_batches_within_the_grace_count_in_peaks(sent in sent(), parts in 1_usize..4, seed in any::<u64>()) {
        use rand::{Rng as _, SeedableRng as _};
        let carries = Kind::Order;
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let (whole, seconds) = truth(&sent, carries);
        let mut arrivals: Vec<(i64, &Vec<u8>)> = sent
            .iter()
            .map(|bytes| (Columns::read(bytes).unwrap().0.from_ms + random.random_range(0..GRACE_SECS * 1_000), bytes))
            .collect();
        arrivals.sort_by_key(|(at_ms, _)| *at_ms);
        let mut partials: Vec<Partial> = (0..parts).map(|_| Partial::new(tally(carries))).collect();
        let mut all = Counted::new(tally(carries));
        for (_, bytes) in arrivals {
            let (columns, _) = Columns::read(bytes).unwrap();
            let partial = &mut partials[random.random_range(0..parts)];
            partial.take(&columns).unwrap();
            all.merge(&partial.drain()).unwrap();
            all.close_behind(GRACE_SECS);
        }
        prop_assert_eq!(all.tally(), &whole);
        prop_assert_eq!(all.windows().too_late(), Counts::default());
        check_peaks(all.windows(), &seconds)?;
    }

    #[test]
    fn numbers_that_were_seen(numbers in prop::collection::vec(0_u64..60, 0..80)) {
        let mut seen = Seen::default();
        let mut known = std::collections::BTreeSet::new();
        for number in numbers {
            prop_assert_eq!(seen.insert(number), known.insert(number));
        }
        for number in 0..61 {
            prop_assert_eq!(seen.contains(number), known.contains(&number));
        }
        let ranges = known.iter().filter(|number| **number == 0 || !known.contains(&(**number - 1))).count();
        prop_assert_eq!(seen.ranges(), ranges);
    }
}

#[test]
fn large_amounts_and_many_rows_stay_exact() {
    // Sums that would run over a packed cell, and rows that would.
    for (rows, amount) in [(70_000, u32::MAX), (2_300_000, 1), (1_200_000, 17_000_000)] {
        let mut batch = Batch::new(Kind::Order, 0, 100);
        for _ in 0..rows {
            batch.push(0, 1, 2, i64::from(amount), Batch::DOMESTIC);
        }
        let bytes = encode(&batch, 1, 1).unwrap();
        let (columns, _) = Columns::read(&bytes).unwrap();
        let mut partial = Partial::new(tally(Kind::Order));
        for sequence in 0..3 {
            partial.take(&Columns { sequence, ..columns }).unwrap();
        }
        let totals = partial.counted().tally().totals().counts;
        assert_eq!(totals.orders, 3 * rows);
        assert_eq!(totals.gmv_minor, 3 * rows as i64 * i64::from(amount));
    }
}

#[test]
fn a_batch_that_does_not_fit_leaves_no_trace() {
    let mut partial = Partial::new(tally(Kind::Order));
    for (place, category, channel, words) in [
        (6, 0, 0, "place 6"),
        (0, 3, 0, "category 3"),
        (0, 0, 3, "channel 3"),
    ] {
        let mut batch = Batch::new(Kind::Order, 0, 100);
        batch.push(0, 0, 0, 5, Batch::DOMESTIC);
        batch.push(place, category, channel, 5, Batch::DOMESTIC);
        let bytes = encode(&batch, 1, 1).unwrap();
        let (columns, _) = Columns::read(&bytes).unwrap();
        let error = partial.take(&columns).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(partial.counted().seen().is_empty());
    }
    assert_eq!(partial.counted().tally().totals().counts, Counts::default());
}

#[test]
fn windows_keep_two_minutes_and_their_peaks() {
    let mut windows = Windows::new(REGIONS, CATEGORIES, PRODUCTS);
    let mut one = Batch::new(Kind::Order, 0, 100);
    one.push(0, 1, 2, 5, Batch::DOMESTIC);
    let margins = Margins::of_batch(&one, &tally(Kind::Order));
    // A busy quarter of a minute, then one a second for an hour.
    for second in 0..3_600 {
        for _ in 0..if (100..115).contains(&second) { 9 } else { 1 } {
            windows.add(second * 1_000, &margins);
        }
        windows.close_behind(GRACE_SECS);
    }
    assert!(windows.seconds() <= 121 + 1, "{}", windows.seconds());
    assert_eq!(windows.peak(Of::Total, Window::Second).orders, 9);
    let ten = windows.peak(Of::Region(0), Window::TenSeconds);
    assert_eq!((ten.orders, ten.orders_at_ms), (90, 109_000));
    let minute = windows.peak(Of::Category(1), Window::Minute);
    assert_eq!((minute.orders, minute.orders_at_ms), (9 * 15 + 45, 114_000));
    assert_eq!(windows.rate(Of::Channel(2), Window::Minute, 3_600_000).orders, 60);
    // An hour late: in the totals alone.
    windows.add(5_000, &margins);
    assert_eq!(windows.too_late().orders, 1);
}
