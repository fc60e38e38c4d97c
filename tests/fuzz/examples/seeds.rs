//! Writes the corpora's first inputs anew: real frames and files, one of each kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use meridian_gateway::operate::audit::{AuditLog, Details, Kind};
use meridian_gateway::operate::director::DirectorState;
use meridian_gateway::{Publisher, SavedState, ScenarioSource, Source, load_catalogue};
use meridian_core::sales::columns::{Columns, encode};
use meridian_core::sales::{self, Batch};
use meridian_core::tally::{Counted, Partial, Tally};
use meridian_wire::codec::{Packed, frame_bin};
use meridian_wire::{
    Body, Compression, Direct, Frame, Heartbeat, Mode, Position, SigningKey, Subscribe, Totals, encode_json,
    encode_subscribe_bin, encode_subscribe_json,
};

struct Corpus(PathBuf);

impl Corpus {
    fn write(&self, target: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let folder = self.0.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// What a wall gets seven minutes into the shipped day, cut down to a few rows each.
fn bodies() -> Vec<(&'static str, Body)> {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", catalogue.clone()).unwrap();
    let start_ms = source.hello().day.start_ms + 418_000;
    let mut publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap();
    let mut hello = publisher.hello();
    hello.products.truncate(2);
    hello.milestones_minor.truncate(3);
    hello.comparisons.truncate(1);
    for comparison in &mut hello.comparisons {
        comparison.at_ms.truncate(3);
        comparison.gmv_minor.truncate(3);
    }
    let mut snapshot = publisher.public_snapshot(1_700_000_000_000).into_inner();
    snapshot.regions.truncate(3);
    snapshot.cells.truncate(3);
    snapshot.reached.truncate(2);
    snapshot.history.gmv_minor.truncate(3);
    snapshot.history.regions.truncate(2);
    snapshot.warmth.place.truncate(5);
    snapshot.warmth.level.truncate(5);
    snapshot.products.products.truncate(2);
    snapshot.products.regions.truncate(3);
    snapshot.products.curves.truncate(1);
    snapshot.direct = Some(Direct {
        held: true,
        scene: Some("region:JP".to_owned()),
        ..Direct::default()
    });
    let mut out = vec![
        ("hello", Body::Hello(Box::new(hello))),
        ("snapshot", Body::Snapshot(snapshot)),
        (
            "direct",
            Body::Direct(Direct {
                scene: Some("showroom:shoe".to_owned()),
                scene_number: 1,
                ..Direct::default()
            }),
        ),
        (
            "heartbeat",
            Body::Heartbeat(Heartbeat {
                event_ms: start_ms,
                published_ms: 5,
                mode: Mode::Demo,
                paused: true,
            }),
        ),
    ];
    for step in 1..=100 {
        for mut body in publisher
            .step(start_ms + step * 100, 1_700_000_000_000)
            .public_bodies()
        {
            let name = match &mut body {
                Body::Tick(tick) => {
                    tick.regions.truncate(3);
                    tick.cells.truncate(3);
                    "tick"
                }
                Body::Lights(lights) => {
                    lights.place.truncate(8);
                    lights.code.truncate(8);
                    lights.arcs.from_region.truncate(3);
                    lights.arcs.to_place.truncate(3);
                    lights.arcs.parcels.truncate(3);
                    "lights"
                }
                Body::Products(products) => {
                    products.products.truncate(2);
                    products.regions.truncate(2);
                    products.curves.truncate(1);
                    "products"
                }
                _ => continue,
            };
            if out.iter().all(|(known, _)| *known != name) {
                out.push((name, body));
            }
        }
    }
    // One of each that this moment has none of, from the specification.
    for block in file("docs/feed.md").split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap_or_default();
        let Ok(frame) = meridian_wire::decode_json(json.as_bytes()) else {
            continue;
        };
        let name = match frame.body {
            Body::Notice(_) => "notice",
            Body::Bye(_) => "bye",
            Body::Products(_) => "products",
            _ => continue,
        };
        if out.iter().all(|(known, _)| *known != name) {
            out.push((name, frame.body));
        }
    }
    out
}

fn frames(corpus: &Corpus) {
    let key = SigningKey::ephemeral().unwrap();
    let bodies = bodies();
    assert_eq!(bodies.len(), 9, "{bodies:?}");
    for (name, body) in bodies {
        let packed = Packed::new(&body).unwrap();
        corpus.write(
            "frame_bin",
            name,
            frame_bin(7, 12, 11, &packed.tail(None, false)).unwrap(),
        );
        if name == "lights" {
            let signature = packed.sign(7, 12, 10, &key);
            let tail = packed.tail(Some((10, &signature)), false);
            corpus.write("frame_bin", "signed", frame_bin(7, 12, 11, &tail).unwrap());
            // Fields may come again, the last one counts: so this is a frame too, and compresses.
            let mut again = Packed::from_signed(packed.kind(), packed.bytes().repeat(40));
            again.compress();
            corpus.write(
                "frame_bin",
                "zstd",
                frame_bin(7, 12, 11, &again.tail(None, true)).unwrap(),
            );
        }
        let frame = Frame {
            epoch: 7,
            seq: 12,
            prev: 11,
            body,
        };
        corpus.write("frame_json", name, encode_json(&frame).unwrap());
    }
    let tomorrow = [0x08, 7, 0x10, 12, 0x20, 29, 0xba, 0x02, 3, 1, 2, 3];
    corpus.write("frame_bin", "tomorrow", tomorrow);
    let tomorrow = r#"{"epoch":7,"seq":2,"prev":1,"type":"forecast","curve":[1,2]}"#;
    corpus.write("frame_json", "tomorrow", tomorrow);

    // Which frame, which form; at (two bytes), how many go, how many come, and those.
    for (name, edit) in [
        ("as-it-is", &[0, 0][..]),
        ("prev", &[3, 0, 5, 0, 1, 1, 9]),
        ("json-prev", &[3, 2, 28, 0, 2, 1, b'9']),
        ("zstd", &[1, 1, 100, 0, 1, 1, 0]),
        ("hello", &[5, 0, 40, 0, 1, 2, 0, 0]),
        ("tick", &[4, 0, 2, 0, 1, 1, 3]),
        ("snapshot", &[6, 2, 1, 0, 0, 4, b'"', b'x', b'"', b':']),
        ("bye", &[2, 0, 0, 0, 3, 0]),
    ] {
        corpus.write("signed", name, edit);
    }
    // Keys that the signed text leaves out, before its type, where nothing was signed.
    for (name, frame, key) in [
        ("json-key-before-its-type", 0, r#""scene":"globe","#),
        ("json-bye-come-back-late", 2, r#""retry_after_ms":9,"#),
    ] {
        let edit = [&[frame, 2, 1, 0, 0, key.len() as u8], key.as_bytes()].concat();
        corpus.write("signed", name, edit);
    }

    let whole = Subscribe {
        resume: Some(Position {
            epoch: 1_700_000_000_000,
            seq: 4_242,
        }),
        lights_per_s: Some(2_000),
        compression: Some(Compression::Zstd),
        relay: true,
    };
    for (name, subscribe) in [("plain", Subscribe::default()), ("whole", whole)] {
        let json = encode_subscribe_json(&subscribe);
        corpus.write("subscribe", &format!("{name}-json"), json);
        corpus.write(
            "subscribe",
            &format!("{name}-bin"),
            encode_subscribe_bin(&subscribe),
        );
    }
}

const DAY: &str = r#"seed = 7
celebrate = [1000, 5000]
title = { en = "A day", zh = "一天" }
curve = [ { at = "00:10", gmv = 4000 }, { at = "01:00", gmv = 9000 } ]
mobile = [ { at = "00:00", share = 0.6 }, { at = "01:00", share = 0.9 } ]
[day]
start = "2024-11-11T00:00:00+08:00"
hours = 1
currency = "CNY"
[totals]
gmv = 9000
payments = 900
orders = 1000
[peaks]
orders_per_s = 3.0
payments_per_s = 2.0
[[comparison]]
label = { en = "2023", zh = "2023" }
points = [ { at = "01:00", gmv = 8000 } ]
[[category]]
name = { en = "Shoes", zh = "鞋" }
share = 0.4
ticket = 1.2
[[category]]
name = { en = "Other", zh = "其他" }
share = 0.6
[[product]]
id = "shoe"
name = { en = "Shoe", zh = "鞋" }
category = "Shoes"
share = 0.2
price = 9
taste = { JP = 1.5 }
surge = [ { region = "US", from = "00:05", to = "00:15", lift = 3.0 } ]
[regions]
home = "CN"
night_dip = 0.4
at_least_orders = 1
[regions.share]
CN = 0.7
US = 0.1
[shipping]
import_share = 0.1
export_share = 0.05
[shipping.import_from]
JP = 0.5
US = 0.5
"#;

const TOKENS: &str = r#"[[token]]
id = "0123456789ab"
name = "Wall 1"
role = "viewer"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
made = "2026-11-01T00:00:00Z"
expires = "2027-11-01T00:00:00+08:00"

[[token]]
id = "ba9876543210"
name = "Anna"
role = "director"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
made = "2026-11-01T00:00:00.5Z"
revoked = "2026-11-02T00:00:00Z"
"#;

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

const CSV: [(&str, &str); 6] = [
    (
        "plain",
        "536365,85123A,HEART HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom\n\
         C536379,D,Discount,-1,12/1/10 9:41,27.5,14527,EIRE\n",
    ),
    (
        "quoted",
        "1,A,\"A \"\"B\"\",\nC\",1,12/1/10 8:26,1,1,USA\n2,A,\"open,1,12/1/10 8:26,1,1,USA\n",
    ),
    (
        "groups",
        "1,A,B,\"1,000\",12/1/10 8:26,\"2,345.678\",1,Hong Kong\r\n1,A,B,+1,12/1/10 8:26,.5,1,\r\n",
    ),
    (
        "fullest",
        "1,A,B,999999999999999,12/1/10 8:26,999999999999999,1,USA\n",
    ),
    (
        "finest",
        "1,A,B,0.000000000000001,12/1/10 8:26,0.000000000000001,1,USA\n2,A,B,1,12/1/10 8:26,9,1,USA\n",
    ),
    (
        "clocks",
        "1,A,B,1,3/27/11 1:30,1,1,USA\n2,A,B,1,10/30/11 1:30,1,1,France\n",
    ),
];

const NDJSON: &str = r#"{"id":"1","at":"0000-01-01T00:00:00Z","to":"CN","value":999999999999999}
{"id":"1","at":"9999-12-31T23:59:60Z","to":"CN","value":-1e3,"via":true}
{"id":"2","at":"2024-02-29T23:59:59.999999999+23:59","to":null,"value":"1,000.5"}
"#;

const DESK: &str = r#"{"action":"hold"}
{"action":"release"}

{"action":"release"}
{"action":"release"}
{"action":"scene","scene":"showroom:shoe"}
{"action":"mode","mode":"rehearsal"}
{"action":"delay","delay_ms":5000}
{"action":"status"}
{"action":"mode","mode":"normal"}"#;

fn files(corpus: &Corpus) {
    let dirty = std::fs::read(root().join("tests/fixtures/orders-dirty.csv")).unwrap();
    corpus.write("orders_csv", "dirty", dirty);
    for (name, rows) in CSV {
        corpus.write("orders_csv", name, format!("{HEADER}{rows}"));
    }
    corpus.write("orders_ndjson", "shop", file("tests/fixtures/orders.ndjson"));
    corpus.write("orders_ndjson", "bounds", NDJSON);
    corpus.write("mapping", "uci", file("config/mappings/uci-online-retail.toml"));
    corpus.write("mapping", "ndjson", file("tests/fixtures/orders-ndjson.toml"));
    corpus.write("scenario", "small", DAY);
    corpus.write("scenario", "example", file("config/example-day.toml"));

    let shipped = file("config/gateway.toml");
    let every: String = shipped
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .filter(|line| {
            !["scenario", "orders", "mapping", "live", "order_log", "#"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect();
    corpus.write("config", "shipped", shipped);
    corpus.write("config", "every-key", every);
    let scenario =
        "delay_s = 2.5\n[source]\nscenario = \"double11-2016\"\nstart = \"00:06:58\"\nspeed = 10.0\n";
    corpus.write("config", "scenario", scenario);

    corpus.write("access", "file", TOKENS);
    let token = format!("mrd_0123456789ab_{}", "A".repeat(43));
    corpus.write("access", "token", &token);
    corpus.write("access", "header", format!("Bearer {token}"));
    corpus.write(
        "access",
        "key",
        SigningKey::ephemeral().unwrap().public().to_string(),
    );
    for (name, text) in [
        ("days", "90d"),
        ("hours", "12h"),
        ("instant", "2027-11-12T00:00:00+08:00"),
        ("longest", "106751991167d"),
        ("globe", "globe"),
        ("region", "region:JP"),
        ("showroom", "showroom:shoe"),
    ] {
        corpus.write("access", name, text);
    }
    corpus.write("desk", "day", DESK);
}

/// Partial counts as they travel.
fn counted(corpus: &Corpus) {
    let tally = Tally::new(vec![0], 1, 1, sales::Kind::Order);
    let mut partial = Partial::new(tally);
    let mut batch = Batch::new(sales::Kind::Order, 1_795_647_600_000, 1_795_647_601_000);
    batch.push(0, 0, 0, 500, Batch::DOMESTIC);
    batch.push(Batch::UNPLACED, 0, 1, -20, Batch::DOMESTIC);
    let bytes = encode(&batch, 7, 3).unwrap();
    partial.take(&Columns::read(&bytes).unwrap().0).unwrap();
    let mut counted = partial.drain();
    let text = |counted: &Counted| [vec![0], serde_json::to_vec(counted).unwrap()].concat();
    corpus.write("counted", "text", text(&counted));
    counted.close_behind(-1);
    corpus.write("counted", "closed", text(&counted));
    // A number one higher, one of closed counts a second later, one at the end of 64 bits.
    corpus.write("counted", "altered", [1, 9, 0, 0, 1]);
    corpus.write("counted", "altered-closed", [3, 200, 0, 1, 1, 80, 0, 3, 0]);
}

fn batches(corpus: &Corpus) {
    let start_ms = 1_478_793_600_000;
    let mut narrow = Batch::new(sales::Kind::Payment, start_ms, start_ms + 1_000);
    narrow.push(0, 1, 0, 1_999, Batch::DOMESTIC);
    narrow.push(4, 3, 2, 50, 1);
    narrow.push(Batch::UNPLACED, 0, 1, 0, Batch::DOMESTIC);
    let mut wide = narrow.clone();
    wide.push(2, 2, 0, -1_999, Batch::DOMESTIC);
    wide.push(2, 2, 0, 1 << 40, Batch::DOMESTIC);
    let mut items = Batch::new(sales::Kind::Order, start_ms + 1_000, start_ms + 2_000);
    items.push(1, 0, 0, 700, Batch::DOMESTIC);
    items.items.push(0, 1, 2, 300);
    items.items.push(0, 2, 1, 400);
    let [narrow, wide, items] =
        [(&narrow, 1), (&wide, 2), (&items, 3)].map(|(batch, number)| encode(batch, 7, number).unwrap());
    corpus.write("batch", "narrow", [&[0], &narrow[..]].concat());
    corpus.write("batch", "wide", [&[0], &wide[..]].concat());
    corpus.write("batch", "items", [&[7], &items[..]].concat());
    corpus.write(
        "batch",
        "many",
        [&[6], &narrow[..], &wide, &items, &narrow].concat(),
    );
}

fn live(corpus: &Corpus) {
    corpus.write("live_day", "shipped", file("config/live-day.toml"));
    corpus.write(
        "live_day",
        "start",
        file("config/live-day.toml")
            .replace("# start", "start")
            .replace("zone =", "# zone ="),
    );
    let mut orders = Batch::new(sales::Kind::Order, 0, 1);
    let mut payments = Batch::new(sales::Kind::Payment, 0, 1);
    for row in 0..12 {
        orders.push(
            row % 5,
            (row % 2) as u8,
            (row % 3) as u8,
            700 + i64::from(row),
            Batch::DOMESTIC,
        );
        payments.push(
            row % 7,
            (row % 2) as u8,
            (row % 3) as u8,
            9_900 - i64::from(row),
            2,
        );
    }
    payments.items.push(1, 0, 1, 400);
    payments.push(Batch::UNPLACED, 0, 0, -350, Batch::DOMESTIC);
    let offered = |bytes: &[u8]| {
        let mut out = vec![1, 200, 0];
        out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
        out.extend_from_slice(bytes);
        out
    };
    let sent: Vec<Vec<u8>> = (0..4)
        .map(|number| offered(&encode(if number % 2 == 0 { &orders } else { &payments }, 7, number).unwrap()))
        .collect();
    let (step, restart) = ([5, 100, 0], [7]);
    corpus.write(
        "live_orders",
        "steps",
        [&sent[0][..], &step, &sent[1], &step].concat(),
    );
    corpus.write(
        "live_orders",
        "twice",
        [&sent[1][..], &sent[1], &step, &sent[1], &step].concat(),
    );
    corpus.write(
        "live_orders",
        "restarts",
        [
            &sent[0][..],
            &sent[1],
            &restart,
            &step,
            &sent[2],
            &step,
            &restart,
            &sent[3],
            &step,
            &restart,
        ]
        .concat(),
    );
    corpus.write(
        "live_orders",
        "silence",
        [&sent[0][..], &[6, 255, 255], &sent[1], &step].concat(),
    );
    corpus.write("order_log", "any", b"\0\0\0\0any");
    corpus.write("order_log", "whole", b"\x01\0\0\0one\n\ntwo\n");
    corpus.write("order_log", "altered", b"\x03\x90\0\x04one\n\ntwo\n\nthree");
    corpus.write("order_log", "nothing", b"\x02\0\0\0");
}

fn logs(corpus: &Corpus) {
    let state = SavedState {
        source: "double11-2016".to_owned(),
        event_ms: 1_478_793_600_000,
        wall_ms: 1_700_000_000_000,
        speed: 1.0,
        paused: false,
        epoch: 1_700_000_000_000,
        seq: 4_242,
        totals: Totals::default(),
        desk: DirectorState::with_delay(5_000),
        held: None,
    };
    let bounds = SavedState {
        event_ms: i64::MAX,
        wall_ms: i64::MIN,
        seq: u64::MAX,
        ..state.clone()
    };
    let (state, bounds) = (
        serde_json::to_vec(&state).unwrap(),
        serde_json::to_vec(&bounds).unwrap(),
    );
    corpus.write("journal", "state", [&[1], &state[..]].concat());
    corpus.write("journal", "bounds", [&[1], &bounds[..]].concat());
    let mut raw = b"\0meridian journal 1\n".to_vec();
    raw.extend((state.len() as u32).to_le_bytes());
    raw.extend(crc32fast::hash(&state).to_le_bytes());
    raw.extend(&state);
    corpus.write("journal", "raw", &raw);
    raw.truncate(raw.len() - 9);
    corpus.write("journal", "torn", &raw);
    // One byte of the first of two records: of its payload, of its checksum, and of its length, which then says
    // more than the file has.
    for (name, at, with) in [("payload", 30, 1), ("checksum", 24, 1), ("length", 20, 1)] {
        corpus.write("journal", name, [&[2, at, 0, with], &b"one\ntwo"[..]].concat());
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let at = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut log = AuditLog::open(&path, "urn:meridian:gateway", at).unwrap();
    log.record(Kind::Started, "gateway", Details::default(), at)
        .unwrap();
    let details = Details {
        address: Some("192.0.2.7".to_owned()),
        count: Some(3),
        ..Details::default()
    };
    log.record(Kind::Intrusion, "login", details, at).unwrap();
    let whole = std::fs::read(&path).unwrap();
    corpus.write("audit", "whole", [&[0], &whole[..]].concat());
    corpus.write("audit", "torn", [&[0], &whole[..whole.len() - 5]].concat());
    for how in 0..4 {
        let texts = "192.0.2.7\nBo\u{7}\"\\é\n三".as_bytes();
        corpus.write(
            "audit",
            &format!("altered-{how}"),
            [&[1, how, 90, 1, 32], texts].concat(),
        );
    }
}

fn main() {
    let corpus = Corpus(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    frames(&corpus);
    files(&corpus);
    batches(&corpus);
    counted(&corpus);
    live(&corpus);
    logs(&corpus);
}
