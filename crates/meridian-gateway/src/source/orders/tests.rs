use std::collections::HashMap;

use super::cells::decimal;
use super::followed::rounded;
use super::notices::amount;
use super::places::{Places, hash_of};
use super::*;
use meridian_core::sales::{Channel, Currency};
use meridian_wire::Counts;

fn catalogue() -> Arc<Catalogue> {
    let read = |path: &str| meridian_core::files::read(path).unwrap();
    let regions = read("assets/data/regions.csv");
    let cities = read("assets/data/cities.csv");
    Arc::new(Catalogue::from_csv("regions.csv", &regions, "cities.csv", &cities).unwrap())
}

fn fixture(name: &str) -> String {
    format!("{}/../../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn dirty() -> OrdersSource {
    OrdersSource::open(fixture("orders-dirty.csv"), "uci-online-retail", catalogue()).unwrap()
}

fn ndjson() -> OrdersSource {
    OrdersSource::open(
        fixture("orders.ndjson"),
        &fixture("orders-ndjson.toml"),
        catalogue(),
    )
    .unwrap()
}

fn mapping() -> String {
    String::from_utf8(
        meridian_core::files::read("config/mappings/uci-online-retail.toml")
            .unwrap()
            .into_owned(),
    )
    .unwrap()
}

/// Reads a CSV text with the shipped mapping after a change.
fn read_with(change: impl Fn(String) -> String, text: &[u8]) -> Result<OrdersSource, SourceError> {
    let catalogue = catalogue();
    let plan = Plan::new("my.toml", &change(mapping()), &catalogue)?;
    OrdersSource::read("orders.csv", text, &plan, &catalogue)
}

fn refusal(from: &str, to: &str) -> String {
    assert!(mapping().contains(from), "{from}");
    read_with(|text| text.replacen(from, to, 1), b"")
        .unwrap_err()
        .to_string()
}

/// The shipped mapping without its table of products.
fn without_products(text: String) -> String {
    let (before, rest) = text.split_once("[product]").unwrap();
    let (_, after) = rest.split_once("[category]").unwrap();
    format!("{before}[category]{after}")
}

fn all(source: &mut OrdersSource) -> Pulled {
    let mut out = Pulled::default();
    source.pull(i64::MAX, &mut out).unwrap();
    out
}

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

#[test]
fn values_beyond_what_can_be_counted_are_refused_by_row_or_file() {
    let read = |rows: &str| read_with(|text| text, format!("{HEADER}{rows}").as_bytes());
    // 10³⁰ pounds, and a penny more than can be told.
    let source = read(concat!(
        "1,A,B,999999999999999,12/1/10 8:26,999999999999999,1,USA\n",
        "2,A,B,999999999999999,12/1/10 8:26,0.01,1,USA\n",
    ))
    .unwrap();
    assert_eq!(source.report().gmv_minor, 999_999_999_999_999);
    let why = "a value of more than 9 quintillion units".to_owned();
    assert_eq!(source.report().unreadable, [(2, why)]);
    // Orders worth nothing, whose items are worth more than can be added up.
    let error = read(concat!(
        "1,A,B,90000,12/1/10 8:26,999999999999,1,USA\n1,B,C,-90000,12/1/10 8:26,999999999999,1,USA\n",
        "2,A,B,90000,12/1/10 8:26,999999999999,1,USA\n2,B,C,-90000,12/1/10 8:26,999999999999,1,USA\n",
    ))
    .unwrap_err()
    .to_string();
    assert!(error.starts_with("orders.csv: "), "{error}");
}

#[test]
fn dirty_file_is_read_to_the_penny() {
    let mut source = dirty();
    let report = source.report().clone();
    // 6 × 2.55 + 2 × 1.25, 3 × 4.95, 10 × 0.85, 4 × 1.95, 1.95; less 2.55.
    assert_eq!(report.gmv_minor, 1780 + 1485 + 850 + 780 + 195 - 255);
    assert_eq!(
        (report.orders, report.corrections, report.corrected_minor),
        (5, 1, 255)
    );
    assert_eq!((report.rows, report.without_value), (12, 1));
    assert_eq!(
        report.unknown_countries,
        [("(not a name)".to_owned(), 1), ("Atlantis".to_owned(), 1)]
    );
    let lines: Vec<u64> = report.unreadable.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [8, 9, 10, 14]);
    assert_eq!(report.unreadable_rows, 4);
    let reasons: Vec<&str> = report.unreadable.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(reasons.first(), Some(&"quantity: not a number"));
    assert!(reasons.contains(&"9 of 8 columns") && reasons.contains(&"1 of 8 columns"));

    let catalogue = catalogue();
    let pulled = all(&mut source);
    let rows: Vec<(u16, u8, u8, i64, u8)> = pulled
        .rows()
        .flat_map(|batch| {
            (0..batch.len()).map(|i| {
                (
                    batch.place[i],
                    batch.category[i],
                    batch.channel[i],
                    batch.amount_minor[i],
                    batch.ships_from[i],
                )
            })
        })
        .collect();
    assert_eq!(rows.len(), 6);
    let region = |place: u16| {
        catalogue
            .place(meridian_core::sales::PlaceId(place))
            .map(|place| catalogue.region(place.region).unwrap().iso2.clone())
    };
    let gb = catalogue.by_iso2("GB").unwrap().0;
    let names = source.hello().categories;
    let name = |category: u8| names[usize::from(category)].en.as_str();
    assert_eq!(
        (region(rows[0].0).as_deref(), name(rows[0].1), rows[0].3),
        (Some("GB"), "Lighting", 1780)
    );
    assert_eq!(rows[0].4, Batch::DOMESTIC);
    assert_eq!(
        (region(rows[1].0).as_deref(), name(rows[1].1), rows[1].4),
        (Some("IE"), "Home", gb)
    );
    assert_eq!(
        (rows[2].0, name(rows[2].1), rows[2].4),
        (Batch::UNPLACED, "Stationery", Batch::DOMESTIC)
    );
    assert_eq!((region(rows[3].0).as_deref(), rows[3].3), (Some("GB"), -255));
    assert!(rows.iter().all(|row| row.2 == Channel::Desktop.index()));
}

#[test]
fn no_customer_id_leaves_the_reader() {
    for mut source in [dirty(), ndjson()] {
        let pulled = all(&mut source);
        let opening = source.seek(i64::MAX / 2).unwrap();
        let everything = format!(
            "{source:?} {pulled:?} {opening:?} {}",
            serde_json::to_string(&source.hello()).unwrap()
        );
        assert!(!everything.contains("99017"), "a customer id is in {everything}");
        assert!(!everything.contains("70000"), "order ids");
        // Where the mapping names no product, no description leaves either.
        let text = std::fs::read(fixture("orders-dirty.csv")).unwrap();
        let silent = read_with(without_products, &text).unwrap();
        assert!(!format!("{silent:?}").contains("LANTERN"), "descriptions");
        assert!(everything.contains("unreadable_row"));
    }
    // The check itself finds what it looks for.
    assert!(
        std::fs::read_to_string(fixture("orders.ndjson"))
            .unwrap()
            .contains("99017")
    );
}

#[test]
fn notices_come_once_and_in_both_languages() {
    let mut source = dirty();
    let mut out = Pulled::default();
    source.pull(source.hello().day.start_ms, &mut out).unwrap();
    assert!(out.batches.is_empty());
    let codes: Vec<&str> = out.notices.iter().map(NoticeKind::code).collect();
    assert_eq!(
        codes,
        [
            "synthetic_places",
            "corrections",
            "without_value",
            "unknown_country",
            "unreadable_row"
        ]
    );
    assert!(
        out.notices
            .iter()
            .map(|notice| notice.notice(0).text)
            .all(|text| !text.en.is_empty() && !text.zh.is_empty())
    );
    let text = |code: &str| {
        out.notices
            .iter()
            .find(|notice| notice.code() == code)
            .unwrap()
            .notice(0)
            .text
            .en
    };
    assert!(text("unknown_country").contains("Atlantis (1)"));
    assert!(text("corrections").contains("1, £2.55"));
    assert!(text("unreadable_row").contains("line 8: quantity"));
    assert!(all(&mut source).notices.is_empty());
}

#[test]
fn only_twenty_unreadable_rows_are_listed() {
    let mut text = HEADER.to_owned() + "1,A,X,1,12/1/10 8:26,1,,France\n";
    text.push_str(&"cut\n".repeat(35));
    let source = read_with(|text| text, text.as_bytes()).unwrap();
    assert_eq!(
        (source.report.unreadable.len(), source.report.unreadable_rows),
        (20, 35)
    );
    let notice = source
        .notices
        .iter()
        .find(|notice| notice.code() == "unreadable_row")
        .unwrap();
    let text = notice.notice(0).text.en;
    assert!(text.contains("35 (line 3") && text.ends_with("and 15 more)"));
}

#[test]
fn hello_says_what_it_is() {
    let hello = dirty().hello();
    assert_eq!(
        (hello.mode, hello.synthetic, hello.gmv_counts),
        (Mode::Replay, false, Kind::Order)
    );
    assert!(hello.title.en.contains("synthetic") && hello.title.zh.contains("合成"));
    assert_eq!(hello.currency.code(), "GBP");
    // 1 December 2010, midnight in London, to the end of the last order's minute.
    assert_eq!(hello.day.start_ms, 1_291_161_600_000);
    assert_eq!(hello.day.end_ms, 1_291_161_600_000 + 34 * 3_600_000 + 60_000);
    assert_eq!(hello.day.utc_offset_min, 0);
    assert_eq!(hello.milestones_minor, [100, 200, 500, 1_000, 2_000]);
    assert!(hello.comparisons.is_empty());
}

#[test]
fn ndjson_is_read() {
    let mut source = ndjson();
    let report = source.report().clone();
    assert_eq!(
        (report.orders, report.corrections, report.gmv_minor),
        (3, 1, 22_000 + 500_000 + 100 - 5_000)
    );
    let lines: Vec<u64> = report.unreadable.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [5, 6, 7]);
    assert_eq!(report.unknown_countries, [("(empty)".to_owned(), 1)]);
    assert_eq!(report.unknown_channels, 2);
    let day = source.hello().day;
    assert_eq!((day.utc_offset_min, day.start_ms), (480, 1_709_222_400_000));
    let pulled = all(&mut source);
    let first = pulled.batches[0].rows();
    assert_eq!((first.amount_minor[0], first.category[0]), (22_000, 0));
    assert_eq!(first.channel[0], Channel::Mobile.index());
    assert_eq!(
        pulled.batches[1].rows().channel,
        [Channel::Desktop.index(), Channel::Store.index()]
    );
}

#[test]
fn pulls_in_any_steps_give_the_same() {
    let whole: Vec<i64> = all(&mut ndjson())
        .rows()
        .flat_map(|b| b.amount_minor.clone())
        .collect();
    for step_ms in [250, 1_000, 7_001, 3_600_000] {
        let mut source = ndjson();
        let day = source.hello().day;
        let mut out = Pulled::default();
        let mut now = day.start_ms + 35_990_000;
        source.seek(now).unwrap();
        let mut end = i64::MIN;
        while now < day.end_ms {
            now += step_ms;
            let before = out.batches.len();
            source.pull(now, &mut out).unwrap();
            for batch in out.rows().skip(before) {
                assert!(batch.from_ms >= end && batch.from_ms < batch.to_ms && batch.to_ms <= now);
                end = batch.to_ms;
            }
        }
        let stepped: Vec<i64> = out.rows().flat_map(|b| b.amount_minor.clone()).collect();
        assert_eq!(stepped, whole, "steps of {step_ms} ms");
        assert!(source.ended());
    }
}

#[test]
fn a_seek_and_a_pull_add_up_to_the_whole_at_every_instant() {
    let mut source = dirty();
    let day = source.hello().day;
    let total = source.report().gmv_minor;
    for minute in (0..=(day.end_ms - day.start_ms) / 60_000).step_by(7) {
        let at_ms = day.start_ms + minute * 60_000;
        let opening = source.seek(at_ms).unwrap();
        let cells: i64 = opening.cells.iter().map(|(_, cell)| cell.counts.gmv_minor).sum();
        assert_eq!(
            cells + opening.totals.unplaced.gmv_minor,
            opening.totals.counts.gmv_minor
        );
        assert_eq!(opening.history.gmv_minor.len() as i64, minute + 1);
        assert_eq!(
            opening.history.gmv_minor.last(),
            Some(&opening.totals.counts.gmv_minor)
        );
        let rest: i64 = all(&mut source)
            .rows()
            .flat_map(|batch| batch.amount_minor.clone())
            .sum();
        assert_eq!(opening.totals.counts.gmv_minor + rest, total);
    }
    let end = source.seek(day.end_ms).unwrap();
    assert!(source.ended());
    assert_eq!(
        (
            end.totals.counts.orders,
            end.totals.corrections,
            end.totals.unplaced.orders
        ),
        (5, 1, 2)
    );
    assert_eq!(end.peak_orders, (2, day.start_ms + 34 * 3_600_000));
    assert_eq!(end.reached.len(), 5);
    assert_eq!(
        end.warmth.place.len(),
        1,
        "only France's is still warm a minute later, the other has no place"
    );
    assert!(source.seek(day.start_ms).unwrap().totals.counts == Counts::default());
    assert!(!source.ended());
}

#[test]
fn a_wrong_century_does_not_cost_the_memory() {
    let text = HEADER.to_owned() + "1,A,X,1,12/1/10 8:26,1,,France\n2,A,X,1,1/1/69 8:26,1,,France\n";
    let mut source = read_with(|text| text, text.as_bytes()).unwrap();
    let opening = source.seek(i64::MAX).unwrap();
    assert!(opening.history.gmv_minor.len() <= 20_002);
    assert_eq!(opening.totals.counts.gmv_minor, 200);
}

/// `MERIDIAN_UCI_FILE=… cargo test uci -- --ignored`: the real file, 1 to 7 December 2010; the figures
/// are those of an independent count with Python's csv and decimal modules.
#[test]
#[ignore = "needs the UCI Online Retail file, which isn't shipped"]
fn uci_online_retail_to_the_penny() {
    let file = std::env::var("MERIDIAN_UCI_FILE").unwrap();
    let mut source = OrdersSource::open(file, "uci-online-retail", catalogue()).unwrap();
    let report = source.report().clone();
    println!("{report:#?}");
    println!("{:#?}", source.hello());
    assert_eq!((report.orders, report.gmv_minor), (563, 25_297_977));
    assert_eq!(
        (report.corrections, report.corrected_minor, report.without_value),
        (70, 517_451, 66)
    );
    assert_eq!(report.unreadable, [(14_596, "1 of 8 columns".to_owned())]);
    assert!(report.unknown_countries.is_empty());
    let mut by_category: HashMap<u8, (u32, i64)> = HashMap::new();
    for batch in all(&mut source).rows() {
        for (category, amount) in batch.category.iter().zip(&batch.amount_minor) {
            let entry = by_category.entry(*category).or_default();
            entry.0 += 1;
            entry.1 += amount;
        }
    }
    println!("{by_category:?}");
}

#[test]
fn places_are_in_the_region_stable_and_spread_by_population() {
    let catalogue = catalogue();
    let places = Places::new(&catalogue);
    let gb = catalogue.by_iso2("GB").unwrap();
    let range = catalogue.region(gb).unwrap().places.clone();
    let mut counts: HashMap<u16, u32> = HashMap::new();
    for order in 0..20_000 {
        let place = places.draw(gb.0, hash_of(&format!("order {order}"))).unwrap();
        assert!(range.contains(&place));
        *counts.entry(place).or_default() += 1;
    }
    let cities = &catalogue.places()[usize::from(range.start)..usize::from(range.end)];
    let total: u64 = cities.iter().map(|city| u64::from(city.population.max(1))).sum();
    let largest = cities[0].population;
    let expected = 20_000.0 * f64::from(largest) / total as f64;
    let found = f64::from(counts[&range.start]);
    assert!((found / expected - 1.0).abs() < 0.1, "{found} of {expected}");
    assert_eq!(hash_of("536365"), hash_of("536365"));
}

#[test]
fn numbers_are_exact() {
    for (cell, sign, expected) in [
        ("2.55", '.', Some((255, 2))),
        ("-1", '.', Some((-1, 0))),
        (" +7 ", '.', Some((7, 0))),
        (".5", '.', Some((5, 1))),
        ("1,234.50", '.', Some((123_450, 2))),
        ("1.234,5", ',', Some((12_345, 1))),
        ("1,5", '.', None),
        ("1e3", '.', None),
        ("", '.', None),
        ("-", '.', None),
        ("1234567890123456", '.', None),
        ("NaN", '.', None),
    ] {
        assert_eq!(decimal(cell, sign), expected, "{cell}");
    }
    assert_eq!((rounded(5, 10), rounded(-5, 10), rounded(4, 10)), (1, -1, 0));
    assert_eq!(amount(123_456_789, Currency::CNY), "¥1,234,567.89");
}

#[test]
fn line_ends_of_every_kind_count_right() {
    for (text, expected) in [
        (&b"a\rb\rc"[..], vec![(1, "a"), (2, "b"), (3, "c")]),
        (b"a\r\nb\n\nc\n", vec![(1, "a"), (2, "b"), (3, ""), (4, "c")]),
        (b"", vec![]),
    ] {
        // One byte a read: an end that is cut in two counts once.
        let mut lines = Lines::new(std::io::BufReader::with_capacity(1, text));
        let mut line = Vec::new();
        let mut found = Vec::new();
        while let Some(whole) = lines.next(&mut line).unwrap() {
            assert!(whole);
            found.push((lines.number, String::from_utf8(line.clone()).unwrap()));
        }
        let found: Vec<(u64, &str)> = found
            .iter()
            .map(|(number, text)| (*number, text.as_str()))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn quotes_are_understood_and_an_unclosed_one_costs_one_row() {
    let text = HEADER.to_owned()
        + "1,A,\"two\nlines, \"\"quoted\"\"\",1,12/1/10 8:26,1,,France\n"
        + "2,A,\"never closed,1,12/1/10 8:27,1,,France\n"
        + "3,A,5\" NAIL,1,12/1/10 8:28,1,,France\n";
    let source = read_with(|text| text, text.as_bytes()).unwrap();
    assert_eq!(source.report.orders, 2);
    assert_eq!(
        source.report.unreadable,
        [(4, "a quoted field that is never closed".to_owned())]
    );
}

#[test]
fn an_invoice_over_two_minutes_is_one_order() {
    let text = HEADER.to_owned()
        + "1,A,BAG,1,12/1/10 16:58,1,,France\n1,A,BAG,1,12/1/10 16:57,1,,France\n1,A,BAG,1,12/2/10 9:00,1,,France\n";
    let source = read_with(|text| text, text.as_bytes()).unwrap();
    assert_eq!(source.report.orders, 2);
    assert_eq!(source.orders[0].amount_minor, 200);
    assert_eq!(
        source.orders[0].at_ms,
        1_291_161_600_000 + (16 * 60 + 57) * 60_000
    );
}

#[test]
fn a_wrong_mapping_is_refused_by_file_and_key() {
    for (from, to, needed) in [
        ("decimal = \".\"", "decimals = \".\"", "decimals"),
        ("decimal = \".\"", "decimal = \"x\"", "decimal: 'x'"),
        ("\"GBP\"", "\"pounds\"", "currency"),
        ("\"Europe/London\"", "\"London\"", "time.zone: \"London\""),
        ("%m/%d/%y %H:%M", "mm/dd/yy", "time.format"),
        ("%m/%d/%y %H:%M", "%m/%Q", "time.format"),
        (
            "\"EIRE\" = \"IE\"",
            "\"EIRE\" = \"XX\"",
            "country.aliases.\"EIRE\": \"XX\"",
        ),
        ("ships_from = \"GB\"", "ships_from = \"UK\"", "ships_from: \"UK\""),
        ("default = \"desktop\"", "", "default"),
        (
            "otherwise = \"Other\"",
            "otherwise = \"Rest\"",
            "category.otherwise: \"Rest\"",
        ),
        ("quantity = \"Quantity\"", "", "columns: either"),
        (
            "order_id_prefix = \"C\"",
            "order_id_prefix = \"\"",
            "cancellation.order_id_prefix",
        ),
        ("format = \"csv\"", "format = \"xlsx\"", "xlsx"),
        ("delimiter = \",\"", "delimiter = \"，\"", "delimiter"),
    ] {
        let message = refusal(from, to);
        assert!(
            message.starts_with("my.toml: ") && message.contains(needed),
            "{message}"
        );
    }
}

#[test]
fn a_wrong_file_is_refused_by_name() {
    let error = |result: Result<OrdersSource, SourceError>| result.unwrap_err().to_string();
    let message = error(OrdersSource::open(
        "no/such.csv",
        "uci-online-retail",
        catalogue(),
    ));
    assert!(message.starts_with("no/such.csv: can't be opened"), "{message}");
    let message = error(OrdersSource::open(
        fixture("orders-dirty.csv"),
        "no-such",
        catalogue(),
    ));
    assert!(
        message.contains("uci-online-retail") && message.starts_with("no-such"),
        "{message}"
    );
    let message = error(read_with(|text| text, b""));
    assert!(message.contains("it is empty"), "{message}");
    let message = error(read_with(|text| text, b"InvoiceNo,InvoiceDate\n1,2\n"));
    assert!(
        message.contains("no column \"Country\"") && message.contains("InvoiceNo, InvoiceDate"),
        "{message}"
    );
    let message = error(read_with(|text| text, HEADER.as_bytes()));
    assert!(message.contains("no order could be read"), "{message}");
    let message = error(read_with(
        |text| text.replace("\"latin-1\"", "\"utf-8\""),
        b"Caf\xe9\n",
    ));
    assert!(message.contains("latin-1"), "{message}");
    // The same letter in a row costs that row only.
    let text = [
        HEADER.as_bytes(),
        b"1,A,X,1,12/1/10 8:26,1,,Caf\xe9\n2,A,X,1,12/1/10 8:26,1,,France\n",
    ]
    .concat();
    let source = read_with(|text| text.replace("\"latin-1\"", "\"utf-8\""), &text).unwrap();
    assert_eq!(source.report.unreadable, [(2, "not UTF-8".to_owned())]);
}

#[test]
fn below_zero_is_unreadable_where_the_mapping_says_so() {
    let text = HEADER.to_owned()
        + "1,A,X,-1,12/1/10 8:26,1,,France\nC2,A,X,-1,12/1/10 8:26,1,,France\n3,A,X,1,12/1/10 8:26,1,,France\n";
    let change = |text: String| text.replace("negative_quantity = true", "negative_quantity = false");
    let source = read_with(change, text.as_bytes()).unwrap();
    assert_eq!(source.report.unreadable.len(), 1);
    assert_eq!((source.report.orders, source.report.corrections), (1, 1));
}

#[test]
fn clocks_that_change_are_followed() {
    let catalogue = catalogue();
    let plan = Plan::new("my.toml", &mapping(), &catalogue).unwrap();
    let at = |cell: &str| plan.time_of(cell).unwrap().timestamp();
    // 27 March 2011, 01:00 to 02:00 isn't there; 30 October 2011, 01:00 to 02:00 is there twice.
    assert_eq!(at("3/27/11 1:30"), at("3/27/11 2:30"));
    assert_eq!(at("10/30/11 2:30") - at("10/30/11 1:30"), 2 * 3_600);
    assert_eq!(
        plan.time_of("13/45/11 9:00").unwrap_err(),
        "time: not in the format \"%m/%d/%y %H:%M\""
    );
}

#[test]
fn products_of_a_file_are_its_own_numbers_by_value() {
    let text = HEADER.to_owned()
        + "1,85123A,WHITE LANTERN,6,12/1/10 8:26,2.55,,France\n"
        + "1,85123a,WHITE LANTERN,2,12/1/10 8:26,2.55,,France\n"
        + "1,POST,POSTAGE,1,12/1/10 8:26,90,,France\n"
        + "2,22423,\"CAKESTAND,  3 TIER\",2,12/1/10 8:30,12.75,,Atlantis\n"
        + "2,85123A,wrong name,1,12/1/10 8:30,2.55,,Atlantis\n"
        + "C3,85123A,WHITE LANTERN,-1,12/1/10 9:30,2.55,,France\n"
        + "4,71,,1,12/1/10 9:31,0.10,,France\n";
    let mut source = read_with(|text| text, text.as_bytes()).unwrap();
    let hello = source.hello();
    let list: Vec<(&str, &str)> = hello
        .products
        .iter()
        .map(|product| (product.id.as_str(), product.names.en.as_str()))
        .collect();
    assert_eq!(
        list,
        [
            ("22423", "CAKESTAND, 3 TIER"),
            ("85123a", "WHITE LANTERN"),
            ("71", "71")
        ]
    );
    assert_eq!(hello.products[1].names.zh, "WHITE LANTERN");
    let lighting = hello.categories.iter().position(|names| names.en == "Lighting");
    assert_eq!(Some(usize::from(hello.products[1].category)), lighting);
    // Played and opened are the same; the totals have the postage, too.
    let catalogue = catalogue();
    let mut tally = meridian_core::tally::Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        hello.categories.len(),
        Kind::Order,
    )
    .with_products(3);
    for batch in all(&mut source).rows() {
        tally.add(batch).unwrap();
    }
    let lantern = tally.product(1);
    assert_eq!((lantern.counts.orders, lantern.units), (2, 6 + 2 + 1 - 1));
    assert_eq!(lantern.counts.gmv_minor, 8 * 255);
    let france = catalogue.by_iso2("FR").unwrap().0;
    assert_eq!(tally.product_regions(1)[usize::from(france)].counts.orders, 1);
    assert_eq!(tally.product(0).units, 2);
    let opening = source.seek(hello.day.end_ms).unwrap();
    let mut again = meridian_core::tally::Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        hello.categories.len(),
        Kind::Order,
    )
    .with_products(3);
    for (product, region, counts) in &opening.products.cells {
        again.open_product(*product, *region, *counts).unwrap();
    }
    for product in 0..3 {
        assert_eq!(again.product(product), tally.product(product));
        assert_eq!(again.product_regions(product), tally.product_regions(product));
    }
    // Only so many as the mapping says, and none without its table.
    let few = read_with(|text| text.replace("most = 200", "most = 1"), text.as_bytes()).unwrap();
    assert_eq!(few.hello().products.len(), 1);
    assert!(few.items.iter().all(|item| item.product == 0));
    assert!(
        read_with(without_products, text.as_bytes())
            .unwrap()
            .hello()
            .products
            .is_empty()
    );
    for (from, to, words) in [
        ("most = 200", "most = 0", "product.most: 0"),
        ("most = 200", "most = 5000", "product.most: 5000"),
        ("\"POST\"", "\"--\"", "product.leave_out[0]"),
        ("column = \"StockCode\"", "column = \"\"", "product.column"),
    ] {
        let message = refusal(from, to);
        assert!(message.contains(words), "{message}");
    }
}
