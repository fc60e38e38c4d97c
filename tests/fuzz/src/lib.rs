//! What has to hold for every decoder, whatever the bytes are: it doesn't panic, and what it takes comes back the
//! same when it is written and read again. One function a target; `tests/fuzz.rs` replays the corpora with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use meridian_core::sales::columns::{Columns, ColumnsError, HEAD_BYTES, encode};
use meridian_core::sales::{Batch, Catalogue, Kind};
use meridian_core::tally::{Counted, Merged, Of, Partial, Taken, Tally, Window};
use meridian_gateway::config::Config;
use meridian_gateway::operate::access::{self, TokenRecord};
use meridian_gateway::operate::audit::{self, AuditLog, Details, Kind as AuditKind, Verified};
use meridian_gateway::operate::director::{Command, Director, DirectorState, MAX_DELAY_MS, Outcome};
use meridian_gateway::source::intake::Outcome as Offered;
use meridian_gateway::store::journal::{Journal, JournalError};
use meridian_gateway::store::order_log::{GUARD_VERSION, LogHead, OrderLog, Record};
use meridian_gateway::{
    Intake, LiveDay, LiveSource, Opening, OrdersSource, Privacy, Publisher, Pulled, Restricted, SavedState,
    ScenarioSource, Source, SourceError,
};
use meridian_wire::codec::{
    Packed, body_json, frame_bin as bin_of, frame_json as json_of, seal_json, split_bin,
};
use meridian_wire::{
    Arcs, Body, Bye, CodecError, Direct, Frame, Heartbeat, Hello, History, Lights, Mode, Opened, Products,
    PublicKey, Scene, SigningKey, Snapshot, Tick, Warmth, decode_bin, decode_json, decode_subscribe_bin,
    decode_subscribe_json, encode_bin, encode_json, encode_subscribe_bin, encode_subscribe_json, open_bin,
    open_json,
};
use serde::Serialize;

/// Takes choices off the front of an input; noughts when it is used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    fn part(&mut self, bytes: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        part
    }
}

// ---- frames ----

/// Both encodings give a frame back, or refuse it by its size.
fn comes_back(frame: &Frame) {
    if matches!(frame.body, Body::Unknown(_)) {
        assert!(encode_bin(frame).is_err() && encode_json(frame).is_err());
        return;
    }
    match encode_bin(frame) {
        Ok(bytes) => assert_eq!(decode_bin(&bytes).as_ref(), Ok(frame)),
        Err(error) => assert!(matches!(error, CodecError::TooLarge { .. }), "{error}"),
    }
    match encode_json(frame) {
        Ok(text) => assert_eq!(decode_json(text.as_bytes()).as_ref(), Ok(frame)),
        Err(error) => assert!(matches!(error, CodecError::TooLarge { .. }), "{error}"),
    }
}

/// A binary frame; and what a relay passes on of it is the same frame.
pub fn frame_bin(bytes: &[u8]) {
    let Ok(opened) = open_bin(bytes, None) else {
        // A relay splits what it doesn't read: that mustn't panic either.
        let _ = split_bin(bytes).map(|relayed| relayed.packed.tail(None, false));
        return;
    };
    let frame = &opened.frame;
    comes_back(frame);
    let mut relayed = split_bin(bytes).expect("what can be opened can be split");
    relayed.packed.compress();
    let signed = relayed
        .signed
        .as_ref()
        .map(|(base, signature)| (*base, signature));
    for compressed in [false, true] {
        let tail = relayed.packed.tail(signed, compressed);
        match bin_of(frame.epoch, frame.seq, frame.prev, &tail) {
            Ok(bytes) => assert_eq!(decode_bin(&bytes).as_ref(), Ok(frame)),
            Err(error) => assert!(matches!(error, CodecError::TooLarge { .. }), "{error}"),
        }
    }
}

/// A JSON frame.
pub fn frame_json(bytes: &[u8]) {
    if let Ok(frame) = decode_json(bytes) {
        comes_back(&frame);
    }
}

/// A signed frame in its three forms, with what it has to open as.
struct Sealed {
    forms: [Vec<u8>; 3],
    opened: Opened,
}

fn sealed() -> &'static (PublicKey, Vec<Sealed>) {
    static SEALED: OnceLock<(PublicKey, Vec<Sealed>)> = OnceLock::new();
    SEALED.get_or_init(|| {
        let key = SigningKey::ephemeral().unwrap();
        let tick = Tick::empty(3);
        let snapshot = Snapshot {
            event_ms: tick.event_ms,
            published_ms: tick.published_ms,
            mode: tick.mode,
            totals: tick.totals,
            rates: tick.rates,
            regions: tick.regions.clone(),
            categories: tick.categories.clone(),
            channels: tick.channels.clone(),
            cells: tick.cells.clone(),
            reached: tick.reached.clone(),
            history: History::default(),
            warmth: Warmth::default(),
            products: Products::default(),
            direct: None,
            notices: Vec::new(),
        };
        let bodies = [
            Body::Direct(Direct {
                held: true,
                ..Direct::default()
            }),
            Body::Lights(Lights {
                place: vec![7; 2_000],
                code: vec![1; 2_000],
                per_light: 1,
                arcs: Arcs::default(),
                ..Lights::default()
            }),
            Body::Bye(Bye {
                code: "shutting_down".to_owned(),
                text: String::new(),
                retry_after_ms: None,
            }),
            Body::Heartbeat(Heartbeat {
                event_ms: 1,
                published_ms: 2,
                mode: Mode::Live,
                paused: false,
            }),
            Body::Tick(Box::new(tick)),
            Body::Hello(Box::new(Hello::unknown())),
            Body::Snapshot(Box::new(snapshot)),
        ];
        let sealed = bodies.into_iter().map(|body| {
            let mut packed = Packed::new(&body).unwrap();
            packed.compress();
            let signature = packed.sign(7, 12, 10, &key);
            let tail = |compressed| packed.tail(Some((10, &signature)), compressed);
            let json = seal_json(7, 12, 10, &body_json(&body).unwrap(), &key);
            Sealed {
                forms: [
                    bin_of(7, 12, 11, &tail(false)).unwrap(),
                    bin_of(7, 12, 11, &tail(true)).unwrap(),
                    json_of(7, 12, 11, &json).unwrap().into_bytes(),
                ],
                opened: Opened {
                    frame: Frame {
                        epoch: 7,
                        seq: 12,
                        prev: 11,
                        body,
                    },
                    base: Some(10),
                },
            }
        });
        (key.public(), sealed.collect())
    })
}

/// A signed frame, altered: it is refused, or says what was signed (`prev` is the connection's own).
/// The input is which frame, which form, and edits: where, how many bytes go, how many come, and those.
pub fn signed(bytes: &[u8]) {
    let (key, frames) = sealed();
    let mut choices = Choices(bytes);
    let frame = &frames[usize::from(choices.byte()) % frames.len()];
    let form = usize::from(choices.byte()) % frame.forms.len();
    let mut altered = frame.forms[form].clone();
    while !choices.0.is_empty() {
        let at = choices.number() % (altered.len() + 1);
        let gone = usize::from(choices.byte()).min(altered.len() - at);
        let come = usize::from(choices.byte());
        altered.splice(at..at + gone, choices.part(come).iter().copied());
    }
    let opened = if form == 2 {
        open_json(&altered, Some(key))
    } else {
        open_bin(&altered, Some(key))
    };
    if let Ok(mut opened) = opened {
        opened.frame.prev = frame.opened.frame.prev;
        assert_eq!(opened, frame.opened);
    }
}

/// What a client says, in both encodings.
pub fn subscribe(bytes: &[u8]) {
    for said in [decode_subscribe_json(bytes), decode_subscribe_bin(bytes)]
        .into_iter()
        .flatten()
    {
        assert_eq!(
            decode_subscribe_json(encode_subscribe_json(&said).as_bytes()),
            Ok(said)
        );
        assert_eq!(decode_subscribe_bin(&encode_subscribe_bin(&said)), Ok(said));
    }
}

// ---- order files and days ----

/// A few of the shipped regions with their largest cities, so that an input takes no time.
fn catalogue() -> Arc<Catalogue> {
    const REGIONS: [&str; 15] = [
        "CN", "US", "HK", "JP", "KR", "DE", "GB", "FR", "BR", "AU", "IE", "JE", "ZA", "CZ", "AE",
    ];
    const CITIES: usize = 3;
    static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let of = |name: &str, most: usize| -> String {
        let text = String::from_utf8(meridian_core::files::read(name).unwrap().into_owned()).unwrap();
        let mut kept = HashMap::new();
        let mut keep = |line: &str| {
            let iso2 = line.split(',').next().unwrap_or_default().to_owned();
            let known = iso2 == "iso2" || REGIONS.contains(&iso2.as_str());
            let count = kept.entry(iso2).or_insert(0);
            *count += 1;
            known && *count <= most
        };
        text.lines()
            .filter(|line| keep(line))
            .map(|line| format!("{line}\n"))
            .collect()
    };
    let made = || {
        let (regions, cities) = (
            of("assets/data/regions.csv", 1),
            of("assets/data/cities.csv", CITIES),
        );
        Catalogue::from_csv("regions.csv", regions.as_bytes(), "cities.csv", cities.as_bytes()).unwrap()
    };
    Arc::clone(CATALOGUE.get_or_init(|| Arc::new(made())))
}

const CSV_MAPPING: &str = include_str!("../../../config/mappings/uci-online-retail.toml");
const CSV_ORDERS: &[u8] = include_bytes!("../../fixtures/orders-dirty.csv");
const JSON_MAPPING: &str = include_str!("../../fixtures/orders-ndjson.toml");
const JSON_ORDERS: &[u8] = include_bytes!("../../fixtures/orders.ndjson");

/// Orders, corrections, value and what corrections took off.
type Sums = (u64, u64, i64, i64);

fn sums_of(opening: &Opening) -> Sums {
    let totals = &opening.totals;
    (
        totals.counts.orders,
        totals.corrections,
        totals.counts.gmv_minor,
        totals.corrected_minor,
    )
}

/// Plays what is left of a day of orders.
fn play(source: &mut OrdersSource) -> Sums {
    let products = source.hello().products.len();
    let mut pulled = Pulled::default();
    source.pull(i64::MAX, &mut pulled).unwrap();
    assert!(source.ended());
    let mut sums = (0, 0, 0, 0);
    for batch in pulled.batches.iter().map(Restricted::expose) {
        let items = batch.items.row.iter().zip(&batch.items.product);
        for (row, product) in items {
            assert!((*row as usize) < batch.len() && usize::from(*product) < products);
        }
        for amount in &batch.amount_minor {
            sums.2 += amount;
            if *amount < 0 {
                sums.1 += 1;
                sums.3 -= amount;
            } else {
                sums.0 += 1;
            }
        }
    }
    for notice in pulled.notices {
        comes_back(&framed(Body::Notice(notice.notice(0))));
    }
    sums
}

fn framed(body: Body) -> Frame {
    Frame {
        epoch: 1,
        seq: 2,
        prev: 1,
        body,
    }
}

/// What an order file was found to hold is what it plays, from its beginning and from any instant.
fn orders(read: Result<OrdersSource, SourceError>) -> Option<(Hello, Sums)> {
    let mut source = match read {
        Ok(source) => source,
        Err(error) => {
            assert!(error.to_string().len() > 10, "{error}");
            return None;
        }
    };
    let report = source.report().clone();
    let told = (
        report.orders,
        report.corrections,
        report.gmv_minor,
        report.corrected_minor,
    );
    let hello = source.hello();
    comes_back(&framed(Body::Hello(Box::new(hello.clone()))));
    assert_eq!(play(&mut source), told);
    let day = hello.day;
    assert!(day.start_ms < day.end_ms);
    for at_ms in [
        day.start_ms,
        day.start_ms + (day.end_ms - day.start_ms) / 2,
        day.end_ms,
    ] {
        let before = sums_of(&source.seek(at_ms).unwrap());
        let after = play(&mut source);
        let sum = (
            before.0 + after.0,
            before.1 + after.1,
            before.2 + after.2,
            before.3 + after.3,
        );
        assert_eq!(sum, told, "from {at_ms}");
    }
    Some((hello, told))
}

fn read_orders(orders: &[u8], mapping: &str) -> Result<OrdersSource, SourceError> {
    OrdersSource::from_bytes("orders", orders, "mapping.toml", mapping, &catalogue())
}

/// A CSV order file, read with the shipped mapping.
pub fn orders_csv(bytes: &[u8]) {
    orders(read_orders(bytes, CSV_MAPPING));
}

/// An NDJSON order file.
pub fn orders_ndjson(bytes: &[u8]) {
    orders(read_orders(bytes, JSON_MAPPING));
}

/// A TOML text written anew, if it is one.
fn toml_anew(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    Some(toml::to_string(&table).unwrap())
}

/// A mapping, with which a CSV and an NDJSON file are read.
pub fn mapping(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for file in [CSV_ORDERS, JSON_ORDERS] {
        if let Some(found) = orders(read_orders(file, text)) {
            let anew = toml_anew(text).expect("a mapping is TOML");
            assert_eq!(orders(read_orders(file, &anew)), Some(found));
        }
    }
}

/// A day's file: any instant can be reached, totals are the sum of cells and never fall, and playing through gives
/// the same.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = |text: &str| ScenarioSource::from_toml("day.toml", text, catalogue());
    let mut source = match read(text) {
        Ok(source) => source,
        Err(error) => {
            assert!(error.to_string().starts_with("day.toml: "), "{error}");
            return;
        }
    };
    let hello = source.hello();
    comes_back(&framed(Body::Hello(Box::new(hello.clone()))));
    let day = hello.day;
    let span_ms = day.end_ms - day.start_ms;
    let mut last = (0, 0, 0);
    for at_ms in [
        day.start_ms,
        day.start_ms + span_ms / 3,
        day.end_ms - 1,
        day.end_ms,
    ] {
        let opening = source.seek(at_ms).unwrap();
        let totals = opening.totals.counts;
        let sum = opening
            .cells
            .iter()
            .fold((0, 0, 0), |sum: (u64, u64, i64), (_, cell)| {
                let counts = cell.counts;
                (
                    sum.0 + counts.orders,
                    sum.1 + counts.payments,
                    sum.2 + counts.gmv_minor,
                )
            });
        assert_eq!(
            sum,
            (totals.orders, totals.payments, totals.gmv_minor),
            "at {at_ms}"
        );
        assert!(
            sum.0 >= last.0 && sum.1 >= last.1 && sum.2 >= last.2,
            "at {at_ms}: {last:?}, then {sum:?}"
        );
        last = sum;
    }
    // Played rather than reached, where that takes no time.
    source.seek(day.start_ms).unwrap();
    let to_ms = day.start_ms + (span_ms / 3).min(60_000);
    if source.ahead(to_ms) < 20_000 {
        let opening = source.seek(day.start_ms).unwrap().totals.counts;
        let mut pulled = Pulled::default();
        source.pull(to_ms, &mut pulled).unwrap();
        let mut played = opening;
        for batch in pulled.batches.iter().map(Restricted::expose) {
            let value: i64 = batch.amount_minor.iter().sum();
            if batch.kind == Kind::Order {
                played.orders += batch.len() as u64;
            } else {
                played.payments += batch.len() as u64;
            }
            if batch.kind == hello.gmv_counts {
                played.gmv_minor += value;
            }
        }
        assert_eq!(played, source.seek(to_ms).unwrap().totals.counts);
    }
    let anew = toml_anew(text).expect("a day is TOML");
    let mut anew = read(&anew).expect("the same day");
    assert_eq!(anew.hello(), hello);
    let counts = anew.seek(day.end_ms).unwrap().totals.counts;
    assert_eq!((counts.orders, counts.payments, counts.gmv_minor), last);
}

/// Order batches, one after the other: they come back the same, and the quick count is the plain one. Checksums are set
/// right, so that what stands behind them is reached.
pub fn batch(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let how = choices.byte();
    let gmv_counts = if how & 1 == 0 { Kind::Payment } else { Kind::Order };
    let regions = 3;
    let tally =
        Tally::new(vec![0, 0, 1, 2, 2], regions, 4, gmv_counts).with_products(usize::from(how >> 1 & 3));
    let (mut plain, mut quick) = (tally.clone(), Partial::new(tally));
    let mut left = choices.0.to_vec();
    while !left.is_empty() {
        if let Err(ColumnsError::Checksum { found, .. }) = Columns::read(&left) {
            left[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&found.to_le_bytes());
        }
        let Ok((columns, rest)) = Columns::read(&left) else {
            break;
        };
        let rows = columns.to_batch();
        let anew = encode(&rows, columns.source, columns.sequence).unwrap();
        let (again, nothing) = Columns::read(&anew).unwrap();
        assert!(nothing.is_empty() && again.to_batch() == rows);
        assert_eq!((again.source, again.sequence), (columns.source, columns.sequence));
        match quick.take(&columns) {
            Ok(Taken::Duplicate) => {}
            Ok(_) => plain
                .add(&rows)
                .expect("what the quick count takes, the plain one takes"),
            Err(_) => assert!(
                plain.clone().add(&rows).is_err(),
                "the quick count refuses what is right"
            ),
        }
        left = rest.to_vec();
    }
    let quick = quick.drain();
    let quick = quick.tally();
    assert_eq!(quick.totals(), plain.totals());
    for number in 0..=regions as u8 {
        assert_eq!(quick.region(number), plain.region(number));
        assert_eq!(quick.category(number), plain.category(number));
    }
}

// ---- what partial counts have counted ----

/// Counts of a small day as they travel: open, and with seconds closed.
fn counted_json() -> &'static [serde_json::Value; 2] {
    static COUNTED: OnceLock<[serde_json::Value; 2]> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let tally = Tally::new(vec![0, 1], 2, 2, Kind::Payment).with_products(1);
        let mut partial = Partial::new(tally);
        for (sequence, second) in [0, 1, 9, 75].into_iter().enumerate() {
            for (source, kind) in [(1, Kind::Order), (4, Kind::Payment)] {
                let from_ms = LIVE_START_MS + second * 1_000;
                let mut batch = Batch::new(kind, from_ms, from_ms + 1_000);
                batch.push(0, 1, 2, 500, Batch::DOMESTIC);
                batch.push(u16::MAX, 0, 0, 300, Batch::DOMESTIC);
                batch.push(1, 0, 1, -20, 0);
                batch.items.push(0, 0, 2, 500);
                let bytes = encode(&batch, source, 2 * sequence as u64).unwrap();
                partial.take(&Columns::read(&bytes).unwrap().0).unwrap();
            }
        }
        let mut counted = partial.drain();
        let open = serde_json::to_value(&counted).unwrap();
        counted.close_behind(5);
        [open, serde_json::to_value(&counted).unwrap()]
    })
}

/// The numbers in a value, one after the other.
fn numbers(value: &mut serde_json::Value) -> Vec<&mut serde_json::Value> {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().flat_map(numbers).collect(),
        serde_json::Value::Object(items) => items.values_mut().flat_map(numbers).collect(),
        other => vec![other],
    }
}

/// Counts that travel, any text or altered ones: what is read is added up and closed without fail, and comes back the same.
/// The input is whether it is a text, or which counts and edits: which number, how it changes, by what.
pub fn counted(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let how = choices.byte();
    let of = &counted_json()[usize::from(how >> 1 & 1)];
    let read: Result<Counted, _> = if how & 1 == 0 {
        serde_json::from_slice(choices.0)
    } else {
        let mut altered = of.clone();
        while !choices.0.is_empty() {
            let mut numbers = numbers(&mut altered);
            let at = choices.number() % numbers.len();
            let number = &mut *numbers[at];
            let was = number.as_i64().unwrap_or_default();
            let mut wide = [0; 8];
            *number = match choices.byte() % 4 {
                0 => was.wrapping_add(i64::from(choices.byte().cast_signed())).into(),
                1 => was
                    .wrapping_add(i64::from(choices.byte().cast_signed()) * 1_000)
                    .into(),
                2 => {
                    let part = choices.part(8);
                    wide[..part.len()].copy_from_slice(part);
                    i64::from_le_bytes(wide).into()
                }
                _ => (u64::MAX - u64::from(choices.byte())).into(),
            };
        }
        serde_json::from_value(altered)
    };
    let Ok(read) = read else {
        return;
    };
    let again = |counted: &Counted| -> Counted {
        serde_json::from_slice(&serde_json::to_vec(counted).unwrap()).expect("what was counted can be read")
    };
    assert_eq!(again(&read), read);
    let mut all = Counted::new(read.tally().emptied());
    if read.windows().has_closed() {
        all = read.clone();
    } else {
        assert_eq!(all.merge(&read).unwrap(), Merged::Added);
        assert_eq!((all.tally(), all.windows()), (read.tally(), read.windows()));
    }
    if !read.seen().is_empty() && !read.windows().has_closed() {
        assert_eq!(all.merge(&read).unwrap(), Merged::Known);
    }
    // With what another has: added, or refused without a trace.
    let mut with: Counted = serde_json::from_value(of.clone()).unwrap();
    let join = |into: &mut Counted, from: &Counted| {
        let before = into.clone();
        if into.merge(from).is_err() {
            assert_eq!(*into, before);
        }
        assert_eq!(again(into), *into);
    };
    join(&mut with.clone(), &all);
    join(&mut all, &with);
    join(&mut with, &read);
    for window in Window::ALL {
        let newest_ms = all.windows().newest_ms().unwrap_or(0);
        all.windows().rate(Of::Total, window, newest_ms);
        let open = all.windows().peak(Of::Region(0), window);
        let mut closed = all.clone();
        closed.close_behind(-1);
        assert_eq!(closed.windows().peak(Of::Region(0), window), open);
        assert_eq!(again(&closed), closed);
    }
}

// ---- a live day ----

/// The file of a live day.
pub fn live_day(bytes: &[u8]) {
    const NOW_MS: i64 = 1_795_700_000_000;
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match LiveDay::parse(text, &catalogue(), NOW_MS) {
        Ok(day) => {
            let anew =
                LiveDay::parse(&toml_anew(text).expect("a day is TOML"), &catalogue(), NOW_MS).unwrap();
            assert_eq!((anew.start_ms(), anew.name()), (day.start_ms(), day.name()));
            let (source, _) = LiveSource::open(day, None, &catalogue(), Privacy::default()).unwrap();
            let hello = source.hello();
            assert!(hello.day.start_ms < hello.day.end_ms && !hello.categories.is_empty());
        }
        Err(problem) => assert!(!problem.trim().is_empty()),
    }
}

const LIVE_START_MS: i64 = 1_795_647_600_000;

fn live(folder: &std::path::Path) -> (Publisher, Arc<Intake>) {
    let text = "gmv_counts = 'payment'\ncurrency = 'EUR'\ncelebrate = [1]\n[title]\nen = 'T'\nzh = 'T'\n\
        [day]\nstart = '2026-11-26T00:00:00+01:00'\nhours = 1\nsilent_s = 3\n\
        [[category]]\nname = { en = 'A', zh = 'A' }\n[[category]]\nname = { en = 'B', zh = 'B' }\n\
        [[product]]\nid = 'shoe'\nname = { en = 'S', zh = 'S' }\ncategory = 'B'\n";
    let day = LiveDay::parse(text, &catalogue(), 0).unwrap();
    let (source, privacy) =
        LiveSource::open(day, Some(folder), &catalogue(), Privacy::new(3).unwrap()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let publisher = Publisher::new(Box::new(source), catalogue(), start_ms, 1.0).unwrap();
    let mut publisher = publisher.with_privacy(privacy).unwrap();
    publisher.replay().unwrap();
    (publisher, intake)
}

/// Messages of batches, steps and restarts in any order: what is taken is counted once, nothing fails, and a restart changes
/// nothing. Checksums and times are set right, so that what stands behind them is reached.
pub fn live_orders(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (mut publisher, mut intake) = live(folder.path());
    let catalogue = catalogue();
    let regions = catalogue.regions().len();
    let mut plain = Tally::new(catalogue.region_of_place(), regions, 2, Kind::Payment).with_products(1);
    let mut now_ms = LIVE_START_MS + 1_000;
    let mut choices = Choices(bytes);
    while !choices.0.is_empty() {
        match choices.byte() % 8 {
            5 | 6 => {
                now_ms += choices.number() as i64;
                publisher.step(now_ms, 0);
            }
            7 => {
                let (totals, public) = (publisher.totals(), publisher.public_snapshot(0));
                let at_ms = publisher.event_ms();
                drop((publisher, intake));
                (publisher, intake) = live(folder.path());
                assert_eq!((publisher.totals(), publisher.event_ms()), (totals, at_ms));
                assert!(
                    publisher.public_snapshot(0) == public,
                    "a restart releases something else"
                );
            }
            how => {
                let (behind, length) = (choices.number() as i64, choices.number());
                let mut message = choices.part(length).to_vec();
                if how > 0 && message.len() >= HEAD_BYTES {
                    message[24..32].copy_from_slice(&(now_ms - behind).to_le_bytes());
                    message[32..40].copy_from_slice(&(now_ms - behind / 2).to_le_bytes());
                }
                if let Err(ColumnsError::Checksum { found, .. }) = Columns::read(&message) {
                    message[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&found.to_le_bytes());
                }
                let (receipts, _) = intake.offer(&message, now_ms);
                let mut left = message.as_slice();
                for receipt in receipts {
                    let (columns, rest) = Columns::read(left).unwrap();
                    left = rest;
                    if matches!(receipt.outcome, Offered::Taken(_)) {
                        plain
                            .add(&columns.to_batch())
                            .expect("what is taken can be counted");
                    }
                }
            }
        }
    }
    // A batch that came in at last is counted with the next step, whichever that is.
    publisher.step(now_ms.max(publisher.event_ms()) + 1, 0);
    assert!(publisher.ended() || publisher.totals() == plain.totals());
    assert_eq!(publisher.mode(), Mode::Live);
}

/// Any file as an order log: it opens or is left as it is; an altered byte is noticed.
pub fn order_log(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let begun = LogHead {
        day: "d".to_owned(),
        catalogue: "c".to_owned(),
        start_ms: 0,
        k: 10,
        guard: GUARD_VERSION,
        seed: 1,
    };
    let read = || {
        let (_, mut records) = OrderLog::open(&path, &begun)?;
        let mut found = Vec::new();
        while let Some(record) = records.next_record()? {
            found.push(record);
        }
        Ok::<_, JournalError>((found, records))
    };
    let how = choices.byte();
    let (at, with) = (choices.number(), choices.byte().max(1));
    let mut written = Vec::new();
    if how & 1 == 1 {
        let mut log = read().unwrap().1.into_log().unwrap();
        for (number, payload) in choices.0.split(|byte| *byte == b'\n').take(8).enumerate() {
            if payload.is_empty() {
                log.step(number as i64, 3).unwrap();
                written.push(Record::Step {
                    to_ms: number as i64,
                    batches: 3,
                });
            } else {
                log.batch(payload).unwrap();
                written.push(Record::Batch(payload.to_vec()));
            }
        }
        drop(log);
        let mut file = std::fs::read(&path).unwrap();
        if how & 2 == 2 {
            let at = at % file.len();
            file[at] ^= with;
            std::fs::write(&path, &file).unwrap();
        }
    } else {
        let mut file = b"meridian order log 1\n".to_vec();
        if how & 2 == 2 {
            file.clear();
        }
        file.extend_from_slice(choices.0);
        std::fs::write(&path, &file).unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    match read() {
        Ok((found, records)) => {
            if how & 1 == 1 {
                // One altered byte costs one record, and is told, unless it looks torn; no record is ever another one.
                let kept: Vec<_> = found
                    .iter()
                    .filter(|record| !matches!(record, Record::Damaged(_)))
                    .collect();
                let mut left = written.iter();
                assert!(
                    kept.iter().all(|record| left.any(|written| written == *record)),
                    "{found:?} of {written:?}"
                );
                assert!(
                    how & 2 == 2 || kept.len() == written.len(),
                    "{found:?} of {written:?}"
                );
            }
            let mut log = records.into_log().unwrap();
            log.step(77, 0).unwrap();
            drop(log);
            let (again, _) = read().unwrap();
            assert_eq!(
                again.split_last(),
                Some((
                    &Record::Step {
                        to_ms: 77,
                        batches: 0
                    },
                    found.as_slice()
                ))
            );
        }
        Err(error) => {
            assert!(!error.problem.is_empty());
            assert_eq!(
                std::fs::read(&path).unwrap(),
                before,
                "what can't be read is left as it is"
            );
        }
    }
}

// ---- the gateway's own files, and what strangers show it ----

/// A configuration file.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Config::parse(text) {
        Ok(config) => {
            let anew = toml_anew(text).expect("a configuration is TOML");
            assert_eq!(Config::parse(&anew), Ok(config.clone()));
            let _ = config.plausible.bounds();
        }
        Err(problem) => assert!(!problem.trim().is_empty()),
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Tokens, token files, `Authorization` headers, ends of tokens, public keys and scenes.
pub fn access(bytes: &[u8]) {
    #[derive(Serialize)]
    struct File<'a> {
        token: &'a [TokenRecord],
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some((id, secret)) = access::split(text) {
        assert_eq!(format!("mrd_{id}_{secret}"), text);
    }
    if let Some(token) = access::bearer(text) {
        assert!(text.contains(token));
        if access::split(token).is_some() {
            assert_eq!(access::bearer(&format!("Bearer {token}")), Some(token));
        }
    }
    if let Ok(tokens) = access::parse(text) {
        let anew = toml::to_string(&File { token: &tokens }).unwrap();
        assert_eq!(access::parse(&anew), Ok(tokens.clone()));
        for token in &tokens {
            assert!(["valid", "expired", "revoked"].contains(&token.state(now())));
        }
    }
    if let Ok(at) = access::parse_expiry(text, now()) {
        let said = access::instant(at);
        assert_eq!(access::parse_expiry(&said, now()).map(access::instant), Ok(said));
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    if let Ok(scene) = text.parse::<Scene>() {
        assert_eq!(scene.to_string(), text);
        assert_eq!(scene.to_string().parse(), Ok(scene));
    }
}

/// What directors ask for, one JSON object a line, Anna's and Bo's lines in turn, a second apart.
pub fn desk(bytes: &[u8]) {
    let mut desk = DirectorState::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Ok(command) = serde_json::from_slice::<Command>(line) else {
            continue;
        };
        let anew = serde_json::to_vec(&command).unwrap();
        assert_eq!(serde_json::from_slice::<Command>(&anew).unwrap(), command);
        let (name, now_ms) = (["anna", "bo"][number % 2], number as i64 * 1_000);
        let by = Director {
            token: name.to_owned(),
            name: name.to_owned(),
            person: None,
            grant: String::new(),
        };
        let before = desk.clone();
        let outcome = desk.carry_out(&command, &by, now_ms);
        if outcome.is_err() {
            assert_eq!(desk, before);
        }
        // Nobody lets the figures go alone.
        if before.is_held() && !desk.is_held() {
            let Ok(Outcome::Done(text)) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(text.contains("anna") && text.contains("bo"), "{text}");
        }
        assert!(desk.delay_ms() <= MAX_DELAY_MS);
        let kept = serde_json::to_vec(&desk).unwrap();
        assert_eq!(serde_json::from_slice::<DirectorState>(&kept).unwrap(), desk);
        let direct = desk.direct(now_ms);
        if let Some(scene) = &direct.scene {
            assert!(scene.parse::<Scene>().is_ok(), "{scene:?}");
        }
        comes_back(&framed(Body::Direct(direct)));
    }
}

fn record(payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

const JOURNAL: &[u8] = b"meridian journal 1\n";

/// The journal's file: any bytes, whole records of any JSON, or whole ones of which one byte was altered.
pub fn journal(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    match choices.byte() % 3 {
        0 => journal_of(choices.0),
        1 => {
            let mut file = JOURNAL.to_vec();
            for payload in choices.0.split(|byte| *byte == b'\n') {
                file.extend(record(payload));
            }
            journal_of(&file);
        }
        _ => {
            let (at, with) = (choices.number(), choices.byte().max(1));
            let payloads: Vec<_> = choices.0.split(|byte| *byte == b'\n').take(8).collect();
            let states: Vec<_> = payloads
                .iter()
                .map(|text| serde_json::to_vec(&String::from_utf8_lossy(text)).unwrap())
                .collect();
            journal_altered(&states, at, with);
        }
    }
}

/// A journal opens or says why not; one that opened takes a state, and opens with that one.
fn journal_of(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.journal");
    std::fs::write(&path, bytes).unwrap();
    let Ok((mut journal, found)) = Journal::<SavedState>::open(&path) else {
        assert_eq!(
            std::fs::read(&path).unwrap(),
            bytes,
            "what can't be read is left as it is"
        );
        return;
    };
    let Some(state) = found.newest else { return };
    assert!(state.next_seq() >= state.seq);
    let _ = (
        state.event_ms_at(0),
        state.event_ms_at(i64::MAX),
        state.is_before(0, &state.totals),
    );
    journal.append(&state).unwrap();
    drop(journal);
    let (_, found) = Journal::<SavedState>::open(&path).unwrap();
    assert_eq!((found.newest, found.torn_bytes), (Some(state), 0));
}

/// An altered byte costs one state: the newest counts, or where it is the one that was altered, the one before it.
fn journal_altered(states: &[Vec<u8>], at: usize, with: u8) {
    let records: Vec<Vec<u8>> = states.iter().map(|state| record(state)).collect();
    let mut file = [JOURNAL, &records.concat()].concat();
    let newest = file.len() - records.last().map_or(0, Vec::len);
    let at = at % file.len();
    file[at] ^= with;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.journal");
    std::fs::write(&path, &file).unwrap();
    let (_, found) = Journal::<serde_json::Value>::open(&path).unwrap();
    let expected = if at < newest {
        states.last()
    } else {
        states.len().checked_sub(2).map(|before| &states[before])
    };
    assert!(
        at >= newest || found.damaged_bytes > 0,
        "byte {at} was altered, and nothing noticed"
    );
    let found = found.newest.map(|state| serde_json::to_vec(&state).unwrap());
    assert_eq!(found.as_ref(), expected);
}

/// The audit log: any bytes, or a log of any texts that is then altered, cut or put together otherwise.
pub fn audit(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    if choices.byte().is_multiple_of(2) {
        let mut found = Verified::default();
        for line in choices.0.split(|byte| *byte == b'\n') {
            let before = found.clone();
            match audit::check_line(line, &mut found) {
                Ok(()) => assert_eq!(found.entries, before.entries + 1),
                Err(problem) => assert!(!problem.is_empty() && found == before),
            }
        }
        audit_goes_on(choices.0);
        return;
    }
    let (how, at, with) = (choices.byte() % 4, choices.number(), choices.byte().max(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = AuditLog::open(&path, "urn:meridian:gateway", now()).unwrap();
    for (number, text) in choices.0.split(|byte| *byte == b'\n').take(3).enumerate() {
        let text = String::from_utf8_lossy(text).into_owned();
        let details = Details {
            address: Some(text.clone()),
            reason: Some(text.chars().rev().collect()),
            count: Some(number as u64),
            ..Details::default()
        };
        log.record(AuditKind::LoginFailed, &text, details, now()).unwrap();
    }
    let (head, entries) = (log.head().to_owned(), log.entries());
    drop(log);
    let paths = [path.clone()];
    let found = audit::verify(&paths, Some(&head)).unwrap();
    assert_eq!((found.entries, found.head.as_str()), (entries, head.as_str()));

    let whole = std::fs::read(&path).unwrap();
    let mut altered = whole.clone();
    let at = at % whole.len();
    match how {
        0 => altered[at] ^= with,
        1 => drop(altered.remove(at)),
        2 => altered.insert(at, with),
        // Two lines in each other's place, or the first one again.
        _ => {
            let mut lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            let (first, last) = (0, lines.len() - 1);
            if first == last {
                lines.push(lines[first])
            } else {
                lines.swap(first, last)
            }
            altered = lines.concat();
        }
    }
    if altered != whole {
        std::fs::write(&path, &altered).unwrap();
        assert!(
            audit::verify(&paths, Some(&head)).is_err(),
            "{}",
            String::from_utf8_lossy(&altered)
        );
    }
}

/// A log that can be gone on with can be gone on with: what is added follows.
fn audit_goes_on(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("audit.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let whole = audit::verify(std::slice::from_ref(&path), None);
    let Ok(mut log) = AuditLog::open(&path, "urn:meridian:gateway", now()) else {
        assert!(whole.is_err(), "a whole log has to open");
        return;
    };
    log.record(AuditKind::Started, "gateway", Details::default(), now())
        .unwrap();
    if let Ok(whole) = whole {
        let after = audit::verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
        assert_eq!(after.entries, whole.entries + 1);
    }
}
