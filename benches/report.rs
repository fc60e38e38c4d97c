//! `cargo bench`: what a frame costs and what a batch costs, in one report with the machine named.
//!
//! Each row of frames runs in a process of its own, in a window where there is a screen (Xvfb counts) and offscreen
//! where there is none. `cargo bench -- lights` runs the rows whose name holds that word. Where what is shown isn't what should
//! be, the row says DIFFER, and the report ends with exit code 1.
//!
//! | variable | does |
//! |---|---|
//! | `MERIDIAN_BENCH_SECS` | seconds that a row of frames is measured (12) |
//! | `MERIDIAN_BENCH_SIZE` | the window's size (1280x720) |
//! | `MERIDIAN_BENCH_QUALITY` | the preset (chosen from what draws) |
//! | `MERIDIAN_BENCH_PEER` | a file of lines of JSON, each with `row` and `fps`: a peer's figures beside ours |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::log::Level;
use bevy::prelude::*;
use bevy::window::{PresentMode, PrimaryWindow};
use bevy::winit::WinitSettings;
use meridian::globe::arcs::ArcStats;
use meridian::globe::lights::{LightStats, Packer};
use meridian::ledger::{FeedStatus, Ledger};
use meridian::link::{Inbox, Subscription, drain_feed, drain_inbox, now_ms};
use meridian::quality::Quality;
use meridian::showroom::Wanted;
use meridian::showroom::ar::ArSetup;
use meridian::showroom::exhibit::Coming;
use meridian::stage::{Output, Setup, adapter, build};
use meridian::text::Lang;
use meridian::view::{View, Worldview};
use meridian_client::{Link, LinkConfig};
use meridian_core::sales::{Batch, Catalogue};
use meridian_core::tally::Tally;
use meridian_gateway::{GatewayConfig, Publisher, Pulled, ScenarioSource, Source, load_catalogue, serve};
use meridian_wire::{Arcs, Body, Frame, Heartbeat, Lights, Mode};

/// The row that a child process runs.
const CHILD: &str = "MERIDIAN_BENCH_ROW";
/// Seconds before a row's measurement: shaders compile, lights fill their ring.
const WARM_UP_SECS: f32 = 5.0;
/// Seconds that a light and an arc live: how many come a tick for so many alive.
const LIGHT_LIFE_SECS: f64 = 1.6;
const ARC_LIFE_SECS: f64 = 3.0;
/// How much of what a row says has to be alive on average.
const ENOUGH: f64 = 0.95;
/// How long what has happened may wait for the guard's threshold, at as many orders a second as the rows have.
const GUARD_MS: i64 = 200;

/// What a row of frames shows.
#[derive(Clone, Copy)]
enum Load {
    /// Bevy and egui alone: a camera, an empty room, no planet and no panels.
    Empty,
    /// So many lights and arcs alive, made beside the feed.
    Alive { lights: usize, arcs: usize },
    /// A gateway in the same process, so many orders a second, every one a light.
    Feed { orders_per_s: u64 },
    /// The showroom with a product, under ten thousand orders a second.
    Showroom { product: &'static str },
}

/// Name, load, the peer's row.
const ROWS: [(&str, Load, &str); 16] = [
    ("empty", Load::Empty, ""),
    ("land", Load::Alive { lights: 0, arcs: 0 }, "land"),
    (
        "lights_10k",
        Load::Alive {
            lights: 10_000,
            arcs: 0,
        },
        "points_10k",
    ),
    (
        "lights_100k",
        Load::Alive {
            lights: 100_000,
            arcs: 0,
        },
        "points_100k",
    ),
    (
        "lights_262k",
        Load::Alive {
            lights: 262_144,
            arcs: 0,
        },
        "",
    ),
    (
        "arcs_1k",
        Load::Alive {
            lights: 0,
            arcs: 1_000,
        },
        "arcs_1k",
    ),
    (
        "arcs_10k",
        Load::Alive {
            lights: 0,
            arcs: 10_000,
        },
        "arcs_10k",
    ),
    ("feed_0", Load::Feed { orders_per_s: 0 }, ""),
    ("feed_10k", Load::Feed { orders_per_s: 10_000 }, ""),
    (
        "feed_175k",
        Load::Feed {
            orders_per_s: 175_000,
        },
        "",
    ),
    ("room_earbuds", Load::Showroom { product: "earbuds" }, ""),
    ("room_bottle", Load::Showroom { product: "bottle" }, ""),
    ("room_speaker", Load::Showroom { product: "speaker" }, ""),
    ("room_perfume", Load::Showroom { product: "perfume" }, ""),
    ("room_shoe", Load::Showroom { product: "shoe" }, ""),
    ("room_chair", Load::Showroom { product: "chair" }, ""),
];

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn main() {
    if let Some(row) = setting(CHILD) {
        let (_, load, _) = ROWS.iter().find(|(name, ..)| *name == row).expect("a row's name");
        frames(&row, *load);
        return;
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    machine();
    if is_wanted("count") {
        count();
    }
    if is_wanted("upload") {
        upload();
    }
    let peers = peers();
    let (mut header, mut wrong) = (false, 0);
    let screen = setting("DISPLAY").or(setting("WAYLAND_DISPLAY")).is_some();
    for (row, load, peer) in ROWS.iter().filter(|(name, ..)| is_wanted(name)) {
        if !header {
            println!(
                "\n{:<12} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>9} {:>8}  beside",
                "frames", "per s", "median ms", "p99 ms", "main ms", "alive", "instances", "orders/s", "MiB"
            );
            header = true;
        }
        if matches!(load, Load::Empty) && !screen {
            println!("{row:<12} left out: it needs a screen (Xvfb counts)");
            continue;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .env(CHILD, row)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let Some(line) = said.lines().find(|line| line.starts_with('{')) else {
            println!("{row:<12} failed: {}", String::from_utf8_lossy(&output.stderr));
            wrong += 1;
            continue;
        };
        let said: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| said[name].as_f64().unwrap_or(0.0);
        let beside = peers.get(*peer).map_or(String::new(), |fps| {
            format!("{:.1}× of {fps:.1}/s", number("fps") / fps)
        });
        println!(
            "{row:<12} {:>8.1} {:>10.1} {:>10.1} {:>10.2} {:>10.0} {:>10.0} {:>9.0} {:>8.0}  {beside}",
            number("fps"),
            number("median_ms"),
            number("p99_ms"),
            number("main_ms"),
            number("alive"),
            number("instances"),
            number("orders_per_s"),
            number("mib"),
        );
        if let Some(feed) = said["feed"].as_object() {
            let number = |name: &str| feed[name].as_f64().unwrap_or(0.0);
            println!(
                "             published to applied: median {:.0} ms, p99 {:.0} ms; totals at {} {}; lights dropped {:.0}; MiB by \
                 minute {}",
                number("median_ms"),
                number("p99_ms"),
                feed["event_time"].as_str().unwrap_or_default(),
                feed["totals"].as_str().unwrap_or_default(),
                number("lights_dropped"),
                feed["mib_by_minute"],
            );
        }
        for what in said["wrong"].as_array().into_iter().flatten() {
            println!("             DIFFER: {}", what.as_str().unwrap_or_default());
            wrong += 1;
        }
    }
    if wrong > 0 {
        eprintln!("{wrong} of what was shown or measured isn't what it should be");
        std::process::exit(1);
    }
}

/// Names the machine.
fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines().find_map(|line| {
            line.strip_prefix(name)?
                .split_once(':')
                .map(|(_, value)| value.trim().to_owned())
        })
    };
    let cpu =
        field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine      {cpu}, {cores} cores, {memory}");
    match adapter::find() {
        Ok(adapter) => println!("draws        {}, preset {:?}", adapter.name, quality(&adapter)),
        Err(problem) => println!("draws        nothing: {problem}"),
    }
    let screen = setting("DISPLAY").or(setting("WAYLAND_DISPLAY"));
    let size = size();
    println!(
        "size         {}x{}, {}",
        size.x,
        size.y,
        screen.map_or("offscreen", |_| "in a window")
    );
}

fn size() -> UVec2 {
    let text = setting("MERIDIAN_BENCH_SIZE").unwrap_or_else(|| "1280x720".to_owned());
    let (x, y) = text.split_once('x').expect("MERIDIAN_BENCH_SIZE: WIDTHxHEIGHT");
    UVec2::new(x.parse().unwrap(), y.parse().unwrap())
}

fn quality(adapter: &adapter::Adapter) -> Quality {
    setting("MERIDIAN_BENCH_QUALITY").map_or(adapter.quality, |name| {
        clap::ValueEnum::from_str(&name, true).expect("MERIDIAN_BENCH_QUALITY: a preset")
    })
}

/// A peer's frames per second by row.
fn peers() -> BTreeMap<String, f64> {
    let Some(path) = setting("MERIDIAN_BENCH_PEER") else {
        return BTreeMap::new();
    };
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|said| Some((said["row"].as_str()?.to_owned(), said["fps"].as_f64()?)))
        .collect()
}

/// The median of several runs, in seconds.
fn median_secs(runs: usize, mut run: impl FnMut()) -> f64 {
    run();
    let mut secs: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64()
        })
        .collect();
    secs.sort_by(f64::total_cmp);
    secs[secs.len() / 2]
}

/// The busiest second of the day: its batches, and the frames that carry it.
fn peak(catalogue: &Arc<Catalogue>) -> (ScenarioSource, Vec<Batch>, Vec<Body>) {
    let open = || ScenarioSource::load("double11-2016", Arc::clone(catalogue)).unwrap();
    let mut source = open();
    let start_ms = source.hello().day.start_ms;
    let (_, peak_ms) = source.seek(start_ms + 86_400_000).unwrap().peak_orders;
    let mut pulled = Pulled::default();
    source.seek(peak_ms).unwrap();
    source.pull(peak_ms + 1_000, &mut pulled).unwrap();
    let mut publisher = Publisher::new(Box::new(open()), Arc::clone(catalogue), peak_ms, 1.0).unwrap();
    let frames = (1..=10)
        .flat_map(|tick| publisher.step(peak_ms + tick * 100, 0).public_bodies())
        .collect();
    let batches = pulled
        .batches
        .iter()
        .map(|batch| batch.expose().clone())
        .collect();
    (source, batches, frames)
}

/// Decode and tally.
fn count() {
    let catalogue = load_catalogue().unwrap();
    let (source, batches, bodies) = peak(&catalogue);
    let hello = source.hello();
    let rows: usize = batches.iter().map(Batch::len).sum();
    let mut tally = Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        hello.categories.len(),
        hello.gmv_counts,
    );
    let tallied = median_secs(15, || {
        for batch in &batches {
            tally.add(black_box(batch)).unwrap();
        }
    });
    let frames: Vec<Frame> = bodies
        .into_iter()
        .zip(1..)
        .map(|(body, seq)| Frame {
            epoch: 1,
            seq,
            prev: seq - 1,
            body,
        })
        .collect();
    println!("\nthe day's busiest second: {rows} orders and payments, one core");
    println!(
        "  tally                  {:>8.1} million/s",
        rows as f64 / tallied / 1e6
    );
    let bin: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| meridian_wire::encode_bin(frame).unwrap())
        .collect();
    let json: Vec<String> = frames
        .iter()
        .map(|frame| meridian_wire::encode_json(frame).unwrap())
        .collect();
    let apply = |ledger: &mut Ledger, frame: Frame| {
        black_box(ledger.apply(frame.body));
    };
    let binary = median_secs(15, || {
        let mut ledger = Ledger::default();
        for bytes in &bin {
            apply(&mut ledger, meridian_wire::decode_bin(black_box(bytes)).unwrap());
        }
    });
    let text = median_secs(5, || {
        let mut ledger = Ledger::default();
        for bytes in &json {
            apply(
                &mut ledger,
                meridian_wire::decode_json(black_box(bytes.as_bytes())).unwrap(),
            );
        }
    });
    let size = |bytes: usize| bytes as f64 / rows as f64;
    println!(
        "  decode binary, ledger  {:>8.1} million/s, {:.1} ns and {:.1} bytes each",
        rows as f64 / binary / 1e6,
        binary * 1e9 / rows as f64,
        size(bin.iter().map(Vec::len).sum())
    );
    println!(
        "  decode JSON, ledger    {:>8.1} million/s, {:.1} ns and {:.1} bytes each: binary is {:.1} times as quick",
        rows as f64 / text / 1e6,
        text * 1e9 / rows as f64,
        size(json.iter().map(String::len).sum()),
        text / binary
    );
}

/// What a tick's lights cost before they are on the GPU.
fn upload() {
    let catalogue = load_catalogue().unwrap();
    let (_, _, bodies) = peak(&catalogue);
    let lights: Vec<Lights> = lights_of(bodies);
    let rows: u64 = lights.iter().map(|lights| lights.events).sum();
    println!(
        "\nnew lights of a tick at the peak ({} on average)",
        rows as usize / lights.len().max(1)
    );
    for (name, merge) in [("each its own", None), ("merged by pixel", Some(0.325))] {
        let mut packer = Packer::new(&catalogue);
        let mut out = Vec::new();
        let mut clock_ms = 0;
        let mut written = 0;
        let secs = median_secs(15, || {
            written = 0;
            for batch in &lights {
                out.clear();
                clock_ms += 100;
                packer.pack(batch, clock_ms, merge, &mut out);
                written += out.len()
                    + if merge.is_some() {
                        packer.arrivals().len()
                    } else {
                        0
                    };
                black_box(&out);
            }
        });
        println!(
            "  pack, {name:<16} {:>7.3} ms, {:>6} instances, {:>4} KiB to the GPU",
            secs * 1e3 / lights.len() as f64,
            written / lights.len(),
            written * 16 / lights.len() / 1024
        );
    }
}

fn lights_of(bodies: Vec<Body>) -> Vec<Lights> {
    bodies
        .into_iter()
        .filter_map(|body| match body {
            Body::Lights(lights) => Some(lights),
            _ => None,
        })
        .collect()
}

/// What keeps so many lights and arcs alive.
#[derive(Resource)]
struct Maker {
    pool: Vec<Lights>,
    lights_per_tick: usize,
    arcs_per_tick: usize,
    next: usize,
    made_secs: f64,
    event_ms: i64,
}

fn make_lights(time: Res<Time<Real>>, maker: Option<ResMut<Maker>>, mut inbox: ResMut<Inbox>) {
    let Some(mut maker) = maker else { return };
    // As many as fall due, in slow frames too: the number alive is the row's, whatever the frame rate.
    while time.elapsed_secs_f64() - maker.made_secs >= 0.1 {
        maker.made_secs += 0.1;
        let mut made = Lights {
            per_light: 1,
            ..Lights::default()
        };
        let (pool, mut next) = (std::mem::take(&mut maker.pool), maker.next);
        for _ in 0..maker.lights_per_tick {
            next += 1;
            let batch = &pool[next / 8_192 % pool.len()];
            let at = next % batch.place.len();
            made.place.push(batch.place[at]);
            made.code.push(batch.code[at]);
        }
        let mut arcs = Arcs::default();
        while arcs.to_place.len() < maker.arcs_per_tick {
            next += 1;
            let batch = &pool[next % pool.len()].arcs;
            // A tick without parcels across borders is passed over.
            let Some(at) = (next / pool.len()).checked_rem(batch.to_place.len()) else {
                continue;
            };
            arcs.from_region.push(batch.from_region[at]);
            arcs.to_place.push(batch.to_place[at]);
            arcs.parcels.push(1);
        }
        made.arcs = arcs;
        made.events = made.place.len() as u64;
        (maker.pool, maker.next) = (pool, next);
        let (event_ms, published_ms) = (maker.event_ms, now_ms());
        let beat = Heartbeat {
            event_ms,
            published_ms,
            mode: Mode::Demo,
            paused: false,
        };
        inbox.bodies.push((Body::Heartbeat(beat), published_ms));
        inbox.bodies.push((Body::Lights(made), published_ms));
    }
}

/// What a row's frames took.
#[derive(Resource)]
struct Measured {
    row: String,
    secs: f32,
    began: Option<f32>,
    frame_ms: Vec<f64>,
    main_ms: Vec<f64>,
    /// Lights and arcs on the GPU: where lights of a pixel are merged, each may be many.
    instances: Vec<f64>,
    arcs: Vec<f64>,
    /// So many lights and arcs the row says.
    asked: (usize, usize),
    frame_began: Instant,
    orders_at_start: u64,
    lights_at_start: u64,
    /// From a tick's publication to its application, and the resident memory at each whole minute.
    latency_ms: Vec<f64>,
    mib_by_minute: Vec<f64>,
}

/// What a row of the feed counts again at its end.
#[derive(Resource)]
struct Account(ScenarioSource);

fn begin_frame(mut measured: ResMut<Measured>) {
    measured.frame_began = Instant::now();
}

/// How old ticks are at the moment at which their figures are put on screen.
fn age_of_ticks(inbox: Res<Inbox>, mut measured: ResMut<Measured>) {
    let now = now_ms();
    if measured.began.is_some() {
        let ticks = inbox.bodies.iter().filter_map(|(body, _)| match body {
            Body::Tick(tick) => Some((now - tick.published_ms) as f64),
            _ => None,
        });
        measured.latency_ms.extend(ticks);
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib: Option<f64> = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()
    });
    kib.unwrap_or(0.0) / 1024.0
}

/// What is there of a display's globe and feed, if it has any.
#[derive(bevy::ecs::system::SystemParam)]
struct Shown<'w, 's> {
    stats: Option<Res<'w, LightStats>>,
    arcs: Option<Res<'w, ArcStats>>,
    ledger: Option<Res<'w, Ledger>>,
    view: Option<Res<'w, View>>,
    subscription: Option<Res<'w, Subscription>>,
    wanted: Option<Res<'w, Wanted>>,
    coming: Query<'w, 's, &'static Coming>,
}

fn end_frame(
    time: Res<Time<Real>>,
    shown: Shown,
    mut account: Option<ResMut<Account>>,
    mut measured: ResMut<Measured>,
    mut exit: MessageWriter<AppExit>,
) {
    let now_secs = time.elapsed_secs();
    // A product that is on its way isn't measured yet.
    let wanted = shown.wanted.as_ref().is_some_and(|wanted| !wanted.ids.is_empty());
    let comes = wanted && shown.coming.iter().all(|coming| coming.share < 1.0);
    if now_secs < WARM_UP_SECS || comes {
        return;
    }
    let orders = shown
        .ledger
        .as_ref()
        .map_or(0, |ledger| ledger.totals.counts.orders);
    let lights = shown.stats.as_ref().map_or(0, |stats| stats.drawn);
    let Some(began_secs) = measured.began else {
        measured.began = Some(now_secs);
        measured.orders_at_start = orders;
        measured.lights_at_start = lights;
        return;
    };
    let main_ms = measured.frame_began.elapsed().as_secs_f64() * 1e3;
    measured.main_ms.push(main_ms);
    measured.frame_ms.push(time.delta_secs_f64() * 1e3);
    let light_instances = shown.stats.as_ref().map_or(0, |stats| stats.alive);
    let arcs = shown.arcs.as_ref().map_or(0, |stats| stats.alive);
    measured.instances.push((light_instances + arcs) as f64);
    measured.arcs.push(arcs as f64);
    let secs = now_secs - began_secs;
    if secs >= 60.0 * (measured.mib_by_minute.len() + 1) as f32 {
        measured.mib_by_minute.push(resident_mib().round());
    }
    if secs < measured.secs {
        return;
    }
    let at = |list: &[f64], share: f64| {
        let mut sorted = list.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    };
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    let secs = f64::from(secs);
    let lights_alive = (lights - measured.lights_at_start) as f64 / secs * LIGHT_LIFE_SECS;
    let arcs_alive = mean(&measured.arcs);
    let instances = mean(&measured.instances);
    let mut wrong = too_few(&shown, measured.asked, (lights_alive, arcs_alive), instances);
    let feed = shown.ledger.as_ref().zip(account.as_mut()).map(|(ledger, account)| {
        let totals = compare(ledger, &mut account.0).unwrap_or_else(|differs| {
            wrong.push(differs);
            "not what they should be".to_owned()
        });
        serde_json::json!({
            "median_ms": at(&measured.latency_ms, 0.5),
            "p99_ms": at(&measured.latency_ms, 0.99),
            "lights_dropped": shown.subscription.as_ref().map_or(0, |subscription| subscription.lights_dropped()),
            "mib_by_minute": measured.mib_by_minute,
            "event_time": chrono::DateTime::from_timestamp_millis(ledger.event_ms).map(|at| at.to_rfc3339()),
            "totals": totals,
        })
    });
    println!(
        "{}",
        serde_json::json!({
            "row": measured.row,
            "fps": measured.frame_ms.len() as f64 / secs,
            "median_ms": at(&measured.frame_ms, 0.5),
            "p99_ms": at(&measured.frame_ms, 0.99),
            "main_ms": at(&measured.main_ms, 0.5),
            "alive": lights_alive + arcs_alive,
            "instances": instances,
            "orders_per_s": (orders - measured.orders_at_start) as f64 / secs,
            "mib": resident_mib(),
            "feed": feed,
            "wrong": wrong,
        })
    );
    exit.write(AppExit::Success);
}

/// What a row says of its lights and arcs, and what was drawn of them.
fn too_few(shown: &Shown, asked: (usize, usize), (lights, arcs): (f64, f64), instances: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut enough = |what: &str, asked: usize, drawn: f64| {
        if drawn < asked as f64 * ENOUGH {
            wrong.push(format!("{drawn:.0} {what} were drawn, of {asked}"));
        }
    };
    enough("lights", asked.0, lights);
    enough("arcs", asked.1, arcs);
    // Where lights aren't merged by pixel, each is an instance.
    if shown
        .view
        .as_ref()
        .is_some_and(|view| view.quality != Quality::Software)
    {
        enough("instances", asked.0 + asked.1, instances);
    }
    let overwritten = shown.stats.as_ref().map_or(0, |stats| stats.overwritten)
        + shown.arcs.as_ref().map_or(0, |stats| stats.overwritten);
    if overwritten > 0 {
        wrong.push(format!("{overwritten} were written over while they lived"));
    }
    wrong
}

/// The public totals beside the scenario's own account of the same instant: of everything that has happened, the guard keeps back
/// what came last, until there is enough of it; nothing is counted twice, and regions and `unplaced` are the total.
fn compare(ledger: &Ledger, account: &mut ScenarioSource) -> Result<String, String> {
    let shown = ledger.totals.counts;
    let unplaced = ledger.totals.unplaced;
    let by_region = ledger.regions.iter().fold(
        (unplaced.orders, unplaced.payments, unplaced.gmv_minor),
        |sum, region| {
            (
                sum.0 + region.orders,
                sum.1 + region.payments,
                sum.2 + region.gmv_minor,
            )
        },
    );
    if by_region != (shown.orders, shown.payments, shown.gmv_minor) {
        return Err(format!(
            "regions and unplaced make {by_region:?}, the total is {shown:?}"
        ));
    }
    let mut at = |event_ms| account.seek(event_ms).unwrap().totals.counts;
    let (before, now) = (at(ledger.event_ms - GUARD_MS), at(ledger.event_ms));
    let between = (before.orders..=now.orders).contains(&shown.orders)
        && (before.payments..=now.payments).contains(&shown.payments)
        && (before.gmv_minor..=now.gmv_minor).contains(&shown.gmv_minor);
    if !between {
        return Err(format!(
            "{shown:?} is shown; the scenario has {now:?}, and had {before:?} {GUARD_MS} ms before"
        ));
    }
    Ok(if shown == now {
        "equal the scenario's to the fen".to_owned()
    } else {
        format!(
            "behind the scenario's by {} orders and {} payments, which the guard keeps back",
            now.orders - shown.orders,
            now.payments - shown.payments
        )
    })
}

/// A day that makes so many orders a second, and payments as the 2016 day's peak has them.
fn flat(catalogue: &Arc<Catalogue>, orders_per_s: u64) -> ScenarioSource {
    let (name, folder);
    if orders_per_s == 0 {
        // The day's countdown: everything is there and nothing is sold.
        name = "double11-2016".to_owned();
    } else {
        folder = std::env::temp_dir().join(format!("meridian-bench-{}.toml", std::process::id()));
        let orders = orders_per_s * 2_000;
        let payments = orders * 12 / 17;
        let text = include_str!("flat.toml")
            .replace("@ORDERS@", &orders.to_string())
            .replace("@PAYMENTS@", &payments.to_string())
            .replace("@PEAK_ORDERS@", &orders_per_s.to_string())
            .replace("@PEAK_PAYMENTS@", &(orders_per_s * 12 / 17).to_string())
            .replace("@HALF@", &(payments * 115 * 6 / 10).to_string())
            .replace("@GMV@", &(payments * 115).to_string());
        std::fs::write(&folder, text).unwrap();
        name = folder.display().to_string();
    }
    ScenarioSource::load(&name, Arc::clone(catalogue)).unwrap()
}

/// Runs one row and prints a line of JSON.
#[expect(
    clippy::too_many_lines,
    reason = "a row of the report from its window to its figures"
)]
fn frames(row: &str, load: Load) {
    let adapter = adapter::find().unwrap_or_else(|problem| panic!("{problem}"));
    let catalogue = load_catalogue().unwrap();
    let size = size();
    let screen = setting("DISPLAY").or(setting("WAYLAND_DISPLAY")).is_some();
    let setup = Setup {
        catalogue: Arc::clone(&catalogue),
        output: if screen {
            Output::Window {
                size: Some(size),
                fullscreen: false,
            }
        } else {
            Output::Picture { size }
        },
        lang: Lang::En,
        quality: quality(&adapter),
        worldview: Worldview::Default,
        reduced_motion: false,
        products: Vec::new(),
        ar: ArSetup::default(),
        stereo: None,
        headset: false,
        begins_at_crown: false,
        product: match load {
            Load::Showroom { product } => Some(product.to_owned()),
            _ => None,
        },
        trace: None,
        log_level: Level::ERROR,
    };
    let mut app = match load {
        Load::Empty => empty(size),
        _ => build(&setup, &adapter),
    };
    app.insert_resource(Measured {
        row: row.to_owned(),
        secs: setting("MERIDIAN_BENCH_SECS").map_or(12.0, |secs| secs.parse().unwrap()),
        began: None,
        frame_ms: Vec::new(),
        main_ms: Vec::new(),
        instances: Vec::new(),
        arcs: Vec::new(),
        asked: match load {
            Load::Alive { lights, arcs } => (lights, arcs),
            _ => (0, 0),
        },
        frame_began: Instant::now(),
        orders_at_start: 0,
        lights_at_start: 0,
        latency_ms: Vec::new(),
        mib_by_minute: Vec::new(),
    })
    .insert_resource(WinitSettings::continuous())
    .add_systems(First, begin_frame)
    .add_systems(Last, end_frame)
    .add_systems(Startup, |mut windows: Query<&mut Window, With<PrimaryWindow>>| {
        for mut window in &mut windows {
            window.present_mode = PresentMode::AutoNoVsync;
        }
    });
    let mut gateway = None;
    match load {
        Load::Empty => {}
        Load::Alive { lights, arcs } => {
            let (mut source, _, bodies) = peak(&catalogue);
            let hello = source.hello();
            let noon_ms = hello.day.start_ms + 43_200_000;
            let _ = source.seek(noon_ms).unwrap();
            let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), noon_ms, 1.0).unwrap();
            let snapshot = *publisher.public_snapshot(now_ms()).into_inner();
            let pool = lights_of(bodies);
            assert!(
                pool.iter().any(|lights| !lights.arcs.to_place.is_empty()),
                "a second without arcs"
            );
            app.insert_resource(Maker {
                pool,
                lights_per_tick: (lights as f64 / LIGHT_LIFE_SECS / 10.0).round() as usize,
                arcs_per_tick: (arcs as f64 / ARC_LIFE_SECS / 10.0).round() as usize,
                next: 0,
                made_secs: 0.0,
                event_ms: noon_ms,
            })
            .add_systems(PreUpdate, make_lights);
            let mut inbox = app.world_mut().resource_mut::<Inbox>();
            inbox.status.push((FeedStatus::Up, None));
            inbox.bodies.push((Body::Hello(Box::new(hello)), now_ms()));
            inbox.bodies.push((Body::Snapshot(Box::new(snapshot)), now_ms()));
        }
        Load::Feed { .. } | Load::Showroom { .. } => {
            let orders_per_s = match load {
                Load::Feed { orders_per_s } => orders_per_s,
                _ => 10_000,
            };
            let source = flat(&catalogue, orders_per_s);
            let into_ms = if orders_per_s == 0 { -60_000 } else { 60_000 };
            let start_ms = source.hello().day.start_ms + into_ms;
            let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
            let running = serve(GatewayConfig::default(), publisher).unwrap();
            let url = running.url();
            let link = Link::start(LinkConfig::new(url.clone())).unwrap();
            app.insert_resource(Subscription::new(link, url))
                .insert_resource(Account(flat(&catalogue, orders_per_s)))
                .add_systems(Update, age_of_ticks.after(drain_feed).before(drain_inbox));
            gateway = Some(running);
        }
    }
    if screen {
        app.run();
    } else {
        app.finish();
        app.cleanup();
        while app.should_exit().is_none() {
            app.update();
            // Without a window nothing waits for the picture: a frame is done when it is drawn.
            let device = app
                .world()
                .resource::<bevy::render::renderer::RenderDevice>()
                .clone();
            let _ = device.poll(wgpu::PollType::Wait {
                submission_index: None,
                timeout: Some(Duration::from_secs(10)),
            });
        }
    }
    drop(gateway);
}

/// Bevy and egui, and nothing of ours: what every frame costs here whatever it shows.
fn empty(size: UVec2) -> App {
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(WindowPlugin {
        primary_window: Some(Window {
            resolution: bevy::window::WindowResolution::new(size.x, size.y),
            ..default()
        }),
        ..default()
    }))
    .add_plugins(bevy_egui::EguiPlugin::default())
    .add_systems(Startup, |mut commands: Commands| {
        commands.spawn((Camera3d::default(), Msaa::Off));
    })
    .add_systems(
        bevy_egui::EguiPrimaryContextPass,
        |mut contexts: bevy_egui::EguiContexts| {
            if let Ok(ctx) = contexts.ctx_mut() {
                bevy_egui::egui::Window::new("empty").show(ctx, |ui| ui.label("nothing else"));
            }
        },
    );
    app
}
