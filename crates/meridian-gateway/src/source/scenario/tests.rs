use std::sync::Arc;

use super::ScenarioSource;
use super::file::DayFile;
use super::random::mix;
use crate::source::day_file::secs_of;
use crate::source::{ProductOpening, Pulled, Source};
use meridian_core::sales::{Batch, Channel, EventMs, Kind};
use meridian_core::tally::{Meter, Tally};
use meridian_wire::{Counts, Totals};

const DAY: &str = include_str!("../../../../../config/double11-2016.toml");
const EXAMPLE: &str = include_str!("../../../../../config/example-day.toml");
const START: EventMs = 1_478_793_600_000;

fn source() -> ScenarioSource {
    ScenarioSource::from_toml("double11-2016.toml", DAY, crate::load_catalogue().unwrap()).unwrap()
}

fn refused(text: &str) -> String {
    let catalogue = crate::load_catalogue().unwrap();
    match ScenarioSource::from_toml("my-day.toml", text, catalogue) {
        Ok(_) => panic!("was taken"),
        Err(error) => error.to_string(),
    }
}

fn opened(source: &mut ScenarioSource, at_ms: EventMs) -> Tally {
    let opening = source.seek(at_ms).unwrap();
    let mut tally = empty(source);
    let cells = opening
        .cells
        .iter()
        .map(|(channel, cell)| (*channel, cell.region, cell.category, cell.counts));
    tally.open(cells, &opening.totals).unwrap();
    assert_eq!(tally.totals(), opening.totals);
    tally
}

fn empty(source: &ScenarioSource) -> Tally {
    let catalogue = &source.model.catalogue;
    let categories = source.hello().categories.len();
    Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        categories,
        Kind::Payment,
    )
}

fn secs(text: &str) -> i64 {
    secs_of("test", text).unwrap() as i64
}

#[test]
fn every_published_figure_is_met() {
    let source = source();
    let file: DayFile = toml::from_str(DAY).unwrap();
    for point in &file.curve {
        let total = source
            .model
            .total_at(START + secs(&point.at) * 1_000, &mut source.model.lanes()) as f64;
        let off = total / (point.gmv as f64 * 100.0) - 1.0;
        assert!(off.abs() < 0.001, "{}: off by {:.3} %", point.at, off * 100.0);
    }
}

#[test]
fn the_day_ends_as_published() {
    let mut source = source();
    let tally = opened(&mut source, START + 86_400_000);
    assert!(source.ended());
    let totals = tally.totals();
    let near = |value: f64, goal: f64, part: f64| {
        assert!((value / goal - 1.0).abs() < part, "{value} for {goal}");
    };
    near(totals.counts.gmv_minor as f64, 12_070_000_000_000.0, 0.001);
    near(totals.counts.payments as f64, 1_050_000_000.0, 0.001);
    near(totals.counts.orders as f64, 657_000_000.0, 0.001);
    let mobile = tally.mobile_share().unwrap();
    assert!((mobile - 0.82).abs() < 0.002, "mobile {mobile}");
    assert_eq!(tally.regions_reached(), 235);
    for region in 0..235 {
        assert!(
            tally.region(region).orders >= 300,
            "region {region}: {:?}",
            tally.region(region)
        );
        assert!(tally.region(region).gmv_minor > 0);
    }
    assert_eq!(totals.unplaced, Counts::default());
    assert_eq!(totals.corrections, 0);
    let china = source.model.catalogue.by_iso2("CN").unwrap().0;
    near(tally.region(china).orders as f64, 657_000_000.0 * 0.78, 0.05);

    let opening = source.seek(START + 86_400_000).unwrap();
    near(opening.peak_orders.0 as f64, 175_000.0, 0.01);
    near(opening.peak_payments.0 as f64, 120_000.0, 0.01);
    assert!(opening.peak_orders.1 < START + 10 * 60_000);
    assert_eq!(opening.reached.len(), 14);
    assert_eq!(opening.history.gmv_minor.len(), 1_441);
    assert!(
        opening
            .history
            .gmv_minor
            .windows(2)
            .all(|pair| pair[0] <= pair[1])
    );
    assert_eq!(opening.history.gmv_minor.last(), Some(&totals.counts.gmv_minor));
    assert_eq!(opening.history.regions.len(), 235);
    let regions: i64 = opening
        .history
        .regions
        .iter()
        .filter_map(|region| region.gmv_minor.last())
        .sum();
    assert_eq!(regions, totals.counts.gmv_minor);
}

#[test]
fn mobile_follows_its_points() {
    let mut source = source();
    for (at, share) in [
        ("02:00", 0.84),
        ("13:00", 0.8396),
        ("15:00", 0.83),
        ("18:55", 0.82),
    ] {
        let mobile = opened(&mut source, START + secs(at) * 1_000)
            .mobile_share()
            .unwrap();
        assert!((mobile - share).abs() < 0.001, "{at}: {mobile}");
    }
}

#[test]
fn going_through_comes_to_the_same_as_jumping() {
    let mut source = source();
    for (from, length_ms, steps) in [
        (-3_000, 8_000, 33),
        (0, 1_000, 1),
        (250, 30_000, 170),
        (52_000, 3_333, 100),
        (898_500, 3_000, 50),
        (20_000_000, 60_000, 130),
        (86_395_000, 10_000, 250),
    ] {
        let mut tally = opened(&mut source, START + from);
        let mut meter = Meter::new(START + from, Kind::Payment);
        let mut now = START + from;
        let until = START + from + length_ms;
        let mut rows = 0;
        while now < until {
            let to = (now + steps).min(until);
            let mut pulled = Pulled::default();
            source.pull(to, &mut pulled).unwrap();
            for batch in pulled.rows() {
                assert!(batch.from_ms >= now && batch.to_ms <= to);
                assert!(batch.amount_minor.iter().all(|amount| *amount > 0));
                tally.add(batch).unwrap();
                meter.add(batch);
                rows += batch.len() as u64;
            }
            now = to;
        }
        let jumped = opened(&mut source, until);
        assert_eq!(tally.totals(), jumped.totals(), "from {from}");
        for region in 0..235 {
            for category in 0..12 {
                for channel in Channel::ALL {
                    assert_eq!(
                        tally.cell_of_channel(region, category, channel),
                        jumped.cell_of_channel(region, category, channel)
                    );
                }
            }
        }
        assert!(rows > 0);
    }
}

#[test]
fn nothing_happens_before_the_start_or_after_the_end() {
    let mut source = source();
    let opening = source.seek(START - 60_000).unwrap();
    assert_eq!(opening.totals, Totals::default());
    assert!(opening.cells.is_empty() && opening.reached.is_empty() && opening.warmth.place.is_empty());
    let mut pulled = Pulled::default();
    source.pull(START, &mut pulled).unwrap();
    assert!(pulled.batches.is_empty() && !source.ended());
    source.seek(START + 86_400_000 - 500).unwrap();
    source.pull(START + 86_500_000, &mut pulled).unwrap();
    assert!(source.ended());
    assert!(pulled.rows().all(|batch| batch.to_ms <= START + 86_400_000));
    let before = pulled.batches.len();
    source.pull(START + 86_600_000, &mut pulled).unwrap();
    assert_eq!(pulled.batches.len(), before);
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
    let pull = |text: &str| {
        let catalogue = crate::load_catalogue().unwrap();
        let mut source = ScenarioSource::from_toml("day.toml", text, catalogue).unwrap();
        source.seek(START + 70_000).unwrap();
        let mut pulled = Pulled::default();
        source.pull(START + 71_000, &mut pulled).unwrap();
        pulled.rows().cloned().collect::<Vec<_>>()
    };
    let first = pull(DAY);
    assert_eq!(first, pull(DAY));
    assert_ne!(first, pull(&DAY.replace("seed = 20161111", "seed = 1")));
}

#[test]
fn the_peaks_are_those_that_a_meter_finds() {
    let mut source = source();
    let from = START + 180_000;
    source.seek(from).unwrap();
    let mut meter = Meter::new(from, Kind::Payment);
    for second in 1..=90 {
        let mut pulled = Pulled::default();
        source.pull(from + second * 1_000, &mut pulled).unwrap();
        pulled.rows().for_each(|batch| meter.add(batch));
        meter.advance(from + second * 1_000);
    }
    let opening = source.seek(from + 90_000).unwrap();
    let rates = meter.rates();
    assert_eq!(
        (rates.peak_orders_per_s, rates.peak_orders_at_ms),
        opening.peak_orders
    );
    assert_eq!(
        (rates.peak_payments_per_s, rates.peak_payments_at_ms),
        opening.peak_payments
    );
}

#[test]
fn milestones_are_passed_when_they_are_said_to_be() {
    let mut source = source();
    let opening = source.seek(START + 16 * 3_600_000).unwrap();
    let last = opening.reached.last().unwrap();
    assert_eq!(last.gmv_minor, 9_120_000_000_000);
    assert!((last.at_ms - START - secs("15:19:13") * 1_000).abs() < 60_000);
    for reached in &opening.reached {
        assert!(source.model.total_at(reached.at_ms, &mut source.model.lanes()) >= reached.gmv_minor);
        assert!(
            source
                .model
                .total_at(reached.at_ms - 1, &mut source.model.lanes())
                < reached.gmv_minor
        );
    }
}

#[test]
fn orders_cross_borders_as_the_file_says_and_lie_in_their_regions() {
    let mut source = source();
    source.seek(START + 120_000).unwrap();
    let mut pulled = Pulled::default();
    source.pull(START + 121_000, &mut pulled).unwrap();
    let catalogue = Arc::clone(&source.model.catalogue);
    let region_of_place = catalogue.region_of_place();
    let china = catalogue.by_iso2("CN").unwrap().0;
    let japan = catalogue.by_iso2("JP").unwrap().0;
    let (mut home, mut imports, mut from_japan, mut abroad, mut exports) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for batch in pulled.rows() {
        for (place, from) in batch.place.iter().zip(&batch.ships_from) {
            if batch.kind == Kind::Payment {
                assert_eq!(*from, Batch::DOMESTIC);
            } else if region_of_place[usize::from(*place)] == china {
                home += 1.0;
                imports += f64::from(u8::from(*from != Batch::DOMESTIC));
                from_japan += f64::from(u8::from(*from == japan));
            } else {
                abroad += 1.0;
                exports += f64::from(u8::from(*from == china));
            }
        }
    }
    assert!((imports / home - 0.06_f64).abs() < 0.01, "{}", imports / home);
    assert!((from_japan / imports - 0.32_f64).abs() < 0.03);
    assert!((exports / abroad - 0.95_f64).abs() < 0.01);
}

#[test]
fn cities_are_drawn_by_population() {
    let source = source();
    let catalogue = &source.model.catalogue;
    let region = catalogue.by_iso2("NZ").unwrap();
    let range = catalogue.region(region).unwrap().places.clone();
    let people: f64 = range
        .clone()
        .map(|place| f64::from(catalogue.places()[usize::from(place)].population))
        .sum();
    let mut drawn = vec![0.0; range.len()];
    for number in 0..400_000_u64 {
        let place = source.model.places.draw(region.0, mix(number));
        assert!(range.contains(&place));
        drawn[usize::from(place - range.start)] += 1.0 / 400_000.0;
    }
    for (place, drawn) in range.take(8).zip(drawn) {
        let goal = f64::from(catalogue.places()[usize::from(place)].population) / people;
        assert!((drawn - goal).abs() < 0.005, "{drawn} for {goal}");
    }
}

#[test]
fn mistakes_in_a_day_file_are_named() {
    for (from, to, words) in [
        ("hours = 24", "hours = 24\ncolour = 3", ["my-day.toml", "colour"]),
        ("seed = 20161111", "", ["my-day.toml", "seed"]),
        (
            "orders_per_s = 175_000",
            "orders_per_s = 100",
            ["peaks.orders_per_s", "higher peak"],
        ),
        ("at = \"00:00:52\"", "at = \"0:0:99\"", ["curve[0].at", "HH:MM"]),
        ("at = \"00:06:58\"", "at = \"00:00:30\"", ["curve[1].at", "after"]),
        ("RU = 0.036", "XX = 0.036", ["regions.share.XX", "ISO 3166"]),
        ("RU = 0.036", "RU = 0.9", ["regions.share", "more than 1"]),
        ("+08:00", "", ["day.start", "2016-11-11"]),
        ("home = \"CN\"", "", ["shipping", "regions.home"]),
        (
            "currency = \"CNY\"",
            "currency = \"yuan\"",
            ["my-day.toml", "ISO 4217"],
        ),
        ("share = 0.170", "share = 0.5", ["category", "1 is needed"]),
        ("gmv = 120_700_000_000", "gmv = 9_000", ["curve", "totals.gmv"]),
        ("zh = \"女装\"", "zh = \"\"", ["category[0].name.zh", "needed"]),
    ] {
        assert!(DAY.contains(from), "{from}");
        let error = refused(&DAY.replacen(from, to, 1));
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    }
}

#[test]
fn a_retailers_own_day_works() {
    let catalogue = crate::load_catalogue().unwrap();
    let mut source = ScenarioSource::from_toml("example-day.toml", EXAMPLE, catalogue).unwrap();
    let day = source.hello().day;
    assert_eq!(day.utc_offset_min, 60);
    let mut tally = opened(&mut source, day.start_ms);
    let mut pulled = Pulled::default();
    source.pull(day.end_ms, &mut pulled).unwrap();
    for batch in pulled.rows() {
        tally.add(batch).unwrap();
    }
    assert_eq!(tally.totals(), opened(&mut source, day.end_ms).totals());
    assert_eq!(tally.regions_reached(), 3);
    let totals = tally.totals().counts;
    assert!(
        (totals.gmv_minor as f64 / 30_000_000.0 - 1.0).abs() < 0.03,
        "{totals:?}"
    );
    assert!((totals.orders as f64 / 6_000.0 - 1.0).abs() < 0.01, "{totals:?}");
}

/// Not a check but a figure: `cargo test --release -p meridian-gateway measure -- --ignored --nocapture`.
#[test]
#[ignore = "prints how long things take"]
fn measure() {
    let begun = std::time::Instant::now();
    let mut source = source();
    println!("build {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    source.seek(START + 200_000).unwrap();
    println!("seek to 00:03:20 {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let mut rows = 0;
    for tick in 1..=100 {
        let mut pulled = Pulled::default();
        source.pull(START + 200_000 + tick * 100, &mut pulled).unwrap();
        rows += pulled.rows().map(Batch::len).sum::<usize>();
    }
    println!("ten peak seconds, {rows} rows {:?}", begun.elapsed());
    for pass in ["first", "second"] {
        let begun = std::time::Instant::now();
        source.seek(START + 86_399_000).unwrap();
        println!("seek to 23:59:59, {pass} {:?}", begun.elapsed());
    }
    let begun = std::time::Instant::now();
    let mut tally = empty(&source);
    source.seek(START + 200_000).unwrap();
    let mut pulled = Pulled::default();
    source.pull(START + 201_000, &mut pulled).unwrap();
    let made = begun.elapsed();
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        pulled.rows().for_each(|batch| tally.add(batch).unwrap());
    }
    println!(
        "seek and pull {made:?}; counting {} rows {:?}",
        100 * pulled.rows().map(Batch::len).sum::<usize>(),
        begun.elapsed()
    );
}

/// What the day came to before it had products: they must not change one fen or one row of it.
#[test]
fn products_change_no_total_and_no_row() {
    let mut source = source();
    let mut found = Vec::new();
    for into_ms in [
        7_300, 52_000, 418_000, 3_600_500, 36_000_000, 55_153_017, 86_400_000,
    ] {
        let totals = source.seek(START + into_ms).unwrap().totals.counts;
        found.push((totals.orders, totals.payments, totals.gmv_minor));
    }
    let reached: Vec<i64> = source
        .seek(START + 86_400_000)
        .unwrap()
        .reached
        .iter()
        .map(|reached| reached.at_ms - START)
        .collect();
    source.seek(START + 200_000).unwrap();
    let mut pulled = Pulled::default();
    source.pull(START + 201_000, &mut pulled).unwrap();
    let mut rows = 0_u64;
    for batch in pulled.rows() {
        for index in 0..batch.len() {
            let row = (u64::from(batch.place[index]) << 32)
                | (u64::from(batch.category[index]) << 16)
                | (u64::from(batch.channel[index]) << 8)
                | u64::from(batch.ships_from[index]);
            rows = mix(rows ^ mix(row ^ mix(batch.amount_minor[index] as u64)));
        }
    }
    assert_eq!(
        found,
        [
            (874_737, 674_523, 13_524_377_553),
            (6_487_493, 4_939_406, 100_007_048_177),
            (66_139_234, 46_735_045, 999_903_651_133),
            (220_817_980, 197_501_648, 3_530_138_722_091),
            (410_439_848, 541_873_352, 7_161_356_359_928),
            (509_123_329, 742_639_511, 9_119_955_732_404),
            (656_999_976, 1_050_000_026, 12_069_987_667_453)
        ]
    );
    assert_eq!(
        reached,
        [
            51_997, 418_045, 945_178, 2_400_285, 4_380_458, 9_002_245, 24_893_431, 27_660_325, 34_800_477,
            42_558_490, 55_153_631, 68_136_051, 78_079_322, 85_897_614
        ]
    );
    assert_eq!(rows, 14_305_227_467_883_836_839);
}

fn with_products(source: &ScenarioSource) -> Tally {
    empty(source).with_products(source.hello().products.len())
}

fn products_opened(source: &mut ScenarioSource, at_ms: EventMs) -> (Tally, ProductOpening) {
    let opening = source.seek(at_ms).unwrap();
    let mut tally = with_products(source);
    for (product, region, counts) in &opening.products.cells {
        tally.open_product(*product, *region, *counts).unwrap();
    }
    (tally, opening.products)
}

#[test]
fn products_played_through_come_to_the_closed_form() {
    let mut source = source();
    let products = source.hello().products.len() as u16;
    let prices = source.model.products.price_minor.clone();
    // Through the beginnings and ends of surges, too.
    for (from, length_ms, step_ms) in [
        (-3_000, 8_000, 33),
        (175_000, 20_000, 1_700),
        (898_500, 3_000, 50),
        (35_690_000, 30_000, 999),
        (86_395_000, 10_000, 250),
    ] {
        let (mut tally, _) = products_opened(&mut source, START + from);
        let (mut now, until) = (START + from, START + from + length_ms);
        let mut items = 0;
        while now < until {
            now = (now + step_ms).min(until);
            let mut pulled = Pulled::default();
            source.pull(now, &mut pulled).unwrap();
            for batch in pulled.rows() {
                for index in 0..batch.items.len() {
                    let row = batch.items.row[index] as usize;
                    let product = usize::from(batch.items.product[index]);
                    let info = &source.model.products.list[product];
                    assert_eq!(
                        batch.category[row], info.category,
                        "an item is in a row of its category"
                    );
                    assert_eq!(batch.items.amount_minor[index], prices[product]);
                }
                items += batch.items.len();
                tally.add(batch).unwrap();
            }
        }
        let (jumped, _) = products_opened(&mut source, until);
        for product in 0..products {
            assert_eq!(tally.product(product), jumped.product(product), "from {from}");
            assert_eq!(tally.product_regions(product), jumped.product_regions(product));
        }
        assert!(items > 0, "from {from}");
    }
}

#[test]
fn products_are_part_of_their_categories_at_every_hour() {
    for (name, text) in [("double11-2016.toml", DAY), ("example-day.toml", EXAMPLE)] {
        let catalogue = crate::load_catalogue().unwrap();
        let mut source = ScenarioSource::from_toml(name, text, catalogue).unwrap();
        let (day, list) = (source.hello().day, source.hello().products);
        assert_eq!(
            list.iter().map(|product| product.id.as_str()).collect::<Vec<_>>(),
            ["earbuds", "bottle", "speaker", "perfume", "shoe", "chair"]
        );
        for quarter in 1..=(day.end_ms - day.start_ms) / 900_000 {
            let at_ms = day.start_ms + quarter * 900_000;
            let whole = opened(&mut source, at_ms);
            let (products, _) = products_opened(&mut source, at_ms);
            for category in 0..source.hello().categories.len() as u8 {
                let mut sum = Counts::default();
                for (product, info) in list.iter().enumerate() {
                    let counts = products.product(product as u16);
                    if info.category == category {
                        sum += counts.counts;
                    }
                    assert_eq!(
                        counts.counts.gmv_minor,
                        counts.units * source.model.products.price_minor[product]
                    );
                }
                let all = whole.category(category);
                assert!(sum.orders < all.orders.max(1) && sum.payments < all.payments.max(1));
                assert!(sum.gmv_minor <= all.gmv_minor / 2, "{name}: {sum:?} of {all:?}");
            }
        }
        for product in 0..list.len() as u16 {
            let (products, _) = products_opened(&mut source, day.end_ms);
            assert!(products.product(product).counts.orders > 3, "{name}: {product}");
        }
    }
}

#[test]
fn surges_trend_where_and_when_they_are_and_nowhere_else() {
    let mut source = source();
    let hello = source.hello();
    let catalogue = Arc::clone(&source.model.catalogue);
    let regions = catalogue.regions().len();
    let mut trends = |at: &str| -> Vec<(String, String, u32)> {
        let opening = source.seek(START + secs(at) * 1_000).unwrap();
        let minutes = meridian_core::tally::Minutes::open(opening.products.marks);
        meridian_core::insight::trends(&minutes, regions)
            .into_iter()
            .map(|trend| {
                let id = hello.products[usize::from(trend.product)].id.clone();
                let region = &catalogue.regions()[usize::from(trend.region)];
                (id, region.iso2.clone(), trend.percent)
            })
            .collect()
    };
    for (at, product, region, times) in [
        ("00:06", "earbuds", "US", 4.1),
        ("10:10", "earbuds", "JP", 4.3),
        ("10:15", "chair", "JP", 4.2),
        ("12:20", "earbuds", "KR", 3.4),
        ("12:20", "perfume", "FR", 4.0),
        ("15:10", "shoe", "MY", 4.6),
        ("20:40", "earbuds", "JP", 4.4),
    ] {
        let found = trends(at);
        let percent = found
            .iter()
            .find(|trend| trend.0 == product && trend.1 == region)
            .unwrap_or_else(|| panic!("{product} in {region} at {at}: {found:?}"))
            .2;
        // Earlier surges are part of what is usual; a chair is rare.
        assert!(
            (f64::from(percent) / 100.0 / times - 1.0).abs() < 0.35,
            "{product} in {region} at {at}: {percent}"
        );
        assert_eq!(
            found.len(),
            found
                .iter()
                .map(|found| &found.0)
                .collect::<std::collections::HashSet<_>>()
                .len(),
            "one region a product: {found:?}"
        );
    }
    for at in ["00:01", "02:30", "05:00", "09:30", "14:30", "18:00", "23:30"] {
        assert_eq!(trends(at), [], "{at}");
    }
}

#[test]
fn mistakes_in_products_are_named() {
    for (from, to, words) in [
        (
            "id = \"earbuds\"",
            "id = \"Ear buds\"",
            ["product[0].id", "small letters"],
        ),
        ("id = \"bottle\"", "id = \"earbuds\"", ["product[1].id", "twice"]),
        (
            "category = \"Beauty\"",
            "category = \"Beautiful\"",
            ["product[3].category", "Women's clothing"],
        ),
        ("price = 899", "price = 0", ["product[0].price", "above 0"]),
        ("price = 4980", "price = 498_000", ["product[5]", "lower share"]),
        (
            "taste = { JP = 1.4",
            "taste = { XX = 1.4",
            ["product[0].taste.XX", "ISO 3166"],
        ),
        (
            "to = \"00:15\", lift = 4.1",
            "to = \"00:01\", lift = 4.1",
            ["product[0].surge[0].to", "after"],
        ),
        (
            "from = \"20:24\", to = \"20:55\", lift = 4.4",
            "from = \"10:00\", to = \"20:55\", lift = 4.4",
            ["product[0].surge[4].from", "earlier surge"],
        ),
        ("lift = 4.3", "lift = -1", ["product[0].surge[1].lift", "0 to 50"]),
        ("lift = 4.3", "lift = 4.3, why = 1", ["my-day.toml", "why"]),
    ] {
        assert!(DAY.contains(from), "{from}");
        let error = refused(&DAY.replacen(from, to, 1));
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    }
}

#[test]
fn the_example_day_has_a_trend_of_its_own() {
    let catalogue = crate::load_catalogue().unwrap();
    let mut source = ScenarioSource::from_toml("example-day.toml", EXAMPLE, Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms;
    let mut found = Vec::new();
    for minute in 0..840 {
        let opening = source.seek(start_ms + minute * 60_000).unwrap();
        let minutes = meridian_core::tally::Minutes::open(opening.products.marks);
        for trend in meridian_core::insight::trends(&minutes, catalogue.regions().len()) {
            found.push((minute, trend));
        }
    }
    let bottle = found
        .iter()
        .filter(|(minute, trend)| trend.product == 1 && (26..60).contains(minute));
    assert!(bottle.count() > 5, "{found:?}");
}
