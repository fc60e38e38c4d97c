#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

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
