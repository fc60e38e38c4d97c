//! `cargo bench -p meridian-gateway --bench count`: orders decoded from bytes and counted, beside DuckDB, Polars and numpy
//! grouping the same orders in the same run. `benches/peers/setup.sh` gets those.
//!
//! | variable | does |
//! |---|---|
//! | `MERIDIAN_BENCH_ROWS` | millions of orders (20) |
//! | `MERIDIAN_BENCH_PYTHON` | a Python that has the peers (the one that `setup.sh` made) |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use meridian_core::sales::columns::{Columns, encode};
use meridian_core::sales::{Batch, Catalogue, Kind};
use meridian_core::tally::{Partial, Taken, Tally};
use meridian_gateway::source::intake::Outcome;
use meridian_gateway::{
    LiveDay, LiveSource, Privacy, Publisher, Pulled, Restricted, ScenarioSource, Source, load_catalogue,
};
use meridian_wire::Hello;

/// How often each is run; the best counts, for the peers too.
const RUNS: usize = 5;

fn main() {
    let millions: usize = std::env::var("MERIDIAN_BENCH_ROWS").map_or(20, |text| text.parse().unwrap());
    let catalogue = load_catalogue().unwrap();
    let mut source = ScenarioSource::load("double11-2016", catalogue.clone()).unwrap();
    let hello = source.hello();
    let region_of_place = catalogue.region_of_place();
    let (regions, categories) = (catalogue.regions().len(), hello.categories.len());
    let tally = || Tally::new(region_of_place.clone(), regions, categories, Kind::Order);

    // The busiest minutes of the day, a batch for each tenth of a second, dealt out to two partitions.
    let mut at_ms = hello.day.start_ms + 180_000;
    source.seek(at_ms).unwrap();
    let mut batches: Vec<Batch> = Vec::new();
    let mut rows = 0;
    while rows < millions * 1_000_000 {
        let mut pulled = Pulled::default();
        source.pull(at_ms + 100, &mut pulled).unwrap();
        at_ms += 100;
        let mut tick = Batch::new(Kind::Order, at_ms - 100, at_ms);
        for batch in pulled
            .batches
            .iter()
            .map(Restricted::expose)
            .filter(|batch| batch.kind == Kind::Order)
        {
            for row in 0..batch.len() {
                tick.push(
                    batch.place[row],
                    batch.category[row],
                    batch.channel[row],
                    batch.amount_minor[row],
                    Batch::DOMESTIC,
                );
            }
        }
        rows += tick.len();
        batches.push(tick);
    }
    let sent: Vec<Vec<u8>> = batches
        .iter()
        .enumerate()
        .map(|(at, batch)| encode(batch, at as u32 % 2, at as u64).unwrap())
        .collect();
    let bytes: usize = sent.iter().map(Vec::len).sum();
    machine();
    println!(
        "orders    {:.1} million in {} batches, {:.2} bytes each; groups by region, category and channel\n",
        rows as f64 / 1e6,
        sent.len(),
        bytes as f64 / rows as f64
    );

    let count = |batches: &[&Vec<u8>]| {
        let mut partial = Partial::new(tally());
        for bytes in batches {
            let (columns, _) = Columns::read(black_box(bytes)).unwrap();
            assert_eq!(partial.take(&columns).unwrap(), Taken::Counted);
        }
        partial.drain()
    };
    let all: Vec<&Vec<u8>> = sent.iter().collect();
    let halves: [Vec<&Vec<u8>>; 2] = [0, 1].map(|half| sent.iter().skip(half).step_by(2).collect());
    let one = best(rows, || count(&all).tally().totals());
    let two = best(rows, || {
        let [mut left, right] = std::thread::scope(|scope| {
            halves
                .each_ref()
                .map(|half| scope.spawn(|| count(half)))
                .map(|thread| thread.join().unwrap())
        });
        left.merge(&right).unwrap();
        left.tally().totals()
    });
    let totals = count(&all).tally().totals().counts;
    let same = {
        let mut checked = tally();
        for batch in &batches {
            checked.add(batch).unwrap();
        }
        checked.totals().counts
    };
    assert_eq!(totals, same);
    // A batch that was just written is in the cache, as it is when it comes from a socket.
    let warm = &sent[sent.len() / 2];
    let warm_rows = batches[sent.len() / 2].len();
    let cached = {
        let mut partial = Partial::new(tally());
        let mut sequence = 0;
        best(warm_rows * 20, || {
            for _ in 0..20 {
                let (columns, _) = Columns::read(black_box(warm)).unwrap();
                sequence += 1;
                partial.take(&Columns { sequence, ..columns }).unwrap();
            }
        })
    };
    let read = best(rows, || {
        let lengths = all
            .iter()
            .map(|bytes| Columns::read(black_box(bytes)).unwrap().0.len());
        lengths.sum::<usize>()
    });
    let line =
        |name: &str, rate: f64, note: &str| println!("{name:<34} {:>8.1} million/s  {note}", rate / 1e6);
    line("checked and laid out, one thread", read, "");
    line("decoded and counted, one thread", one, "");
    line(
        "decoded and counted, two threads",
        two,
        if two >= 95e6 {
            "(goal 95)"
        } else {
            "(goal 95: MISSED)"
        },
    );
    line("one thread, from the cache", cached, "");
    let (taken, again) = live_day(&hello, &catalogue, &batches, &sent);
    line(
        "live day: taken, logged, released",
        taken,
        "one thread, a step each",
    );
    line("live day: its log after a restart", again, "");
    peers(&batches, &region_of_place, totals.gmv_minor, one, two);
}

/// The same orders as a live day, rows a second: taken in, logged, counted and released by the guard; and all of it again from
/// the log, as after a restart.
fn live_day(hello: &Hello, catalogue: &Arc<Catalogue>, batches: &[Batch], sent: &[Vec<u8>]) -> (f64, f64) {
    let categories: Vec<String> = hello
        .categories
        .iter()
        .map(|names| {
            format!(
                "[[category]]\nname = {{ en = {:?}, zh = {:?} }}\n",
                names.en, names.zh
            )
        })
        .collect();
    let text = format!(
        "gmv_counts = 'order'\ncurrency = 'CNY'\n[title]\nen = 'T'\nzh = 'T'\n[day]\nstart = '2016-11-11T00:00:00+08:00'\n{}",
        categories.concat()
    );
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let day = LiveDay::parse(&text, catalogue, 0).unwrap();
        let (source, privacy) =
            LiveSource::open(day, Some(folder.path()), catalogue, Privacy::default()).unwrap();
        let (intake, start_ms) = (source.intake(), source.start_ms());
        let publisher = Publisher::new(Box::new(source), catalogue.clone(), start_ms, 1.0).unwrap();
        (publisher.with_privacy(privacy).unwrap(), intake)
    };
    let rows: usize = batches.iter().map(Batch::len).sum();
    let (mut publisher, intake) = open();
    publisher.replay().unwrap();
    let began = Instant::now();
    for (batch, bytes) in batches.iter().zip(sent) {
        let (receipts, read) = intake.offer(bytes, batch.to_ms);
        read.unwrap();
        assert!(matches!(receipts[0].outcome, Outcome::Taken(_)), "{receipts:?}");
        publisher.step(batch.to_ms, 0);
    }
    let taken = began.elapsed().as_secs_f64();
    let totals = publisher.totals();
    assert_eq!(totals.counts.orders, rows as u64);
    drop((publisher, intake));
    let (mut publisher, _) = open();
    let began = Instant::now();
    assert_eq!(publisher.replay().unwrap(), batches.len() as u64);
    let again = began.elapsed().as_secs_f64();
    assert_eq!(publisher.totals(), totals);
    (rows as f64 / taken, rows as f64 / again)
}

fn machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or(std::env::consts::ARCH, |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine   {cpu}, {cores} cores");
}

/// Rows a second of the best run.
fn best<T>(rows: usize, mut run: impl FnMut() -> T) -> f64 {
    let secs = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            black_box(run());
            began.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    rows as f64 / secs
}

fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let made = cache.join("meridian/peers/bin/python");
    let chosen = std::env::var_os("MERIDIAN_BENCH_PYTHON").map_or(made, PathBuf::from);
    chosen.exists().then_some(chosen)
}

/// The same orders in the peers' hands: columns in memory, regions looked up already.
fn peers(batches: &[Batch], region_of_place: &[u8], sum: i64, one: f64, two: f64) {
    let Some(python) = python() else {
        println!("\nDuckDB, Polars and numpy aren't here: benches/peers/setup.sh gets them");
        return;
    };
    let folder = std::env::temp_dir().join(format!("meridian-count-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).unwrap();
    let all = |of: fn(&Batch, &[u8]) -> Vec<u8>| {
        batches
            .iter()
            .flat_map(|batch| of(batch, region_of_place))
            .collect()
    };
    write(
        "region",
        all(|batch, regions| {
            batch
                .place
                .iter()
                .map(|place| regions.get(usize::from(*place)).copied().unwrap_or(u8::MAX))
                .collect()
        }),
    );
    write("category", all(|batch, _| batch.category.clone()));
    write("channel", all(|batch, _| batch.channel.clone()));
    write(
        "amount",
        all(|batch, _| {
            batch
                .amount_minor
                .iter()
                .flat_map(|amount| (*amount as u32).to_le_bytes())
                .collect()
        }),
    );
    println!();
    for threads in [1, 2] {
        let output = Command::new(&python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../benches/peers/count.py"
            ))
            .args([
                folder.as_os_str(),
                threads.to_string().as_ref(),
                RUNS.to_string().as_ref(),
            ])
            .env("POLARS_MAX_THREADS", threads.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            println!("the peers failed: {}", String::from_utf8_lossy(&output.stderr));
            break;
        }
        for line in text.lines() {
            let said: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(said["sum"].as_i64(), Some(sum), "{said}: another sum than ours");
            let rate = said["rows_per_s"].as_f64().unwrap();
            let ours = if threads == 1 { one } else { two };
            println!(
                "{:<34} {:>8.1} million/s  ours is {:.1} times as quick",
                format!(
                    "{}, {threads} thread{}",
                    said["peer"].as_str().unwrap(),
                    if threads == 1 { "" } else { "s" }
                ),
                rate / 1e6,
                ours / rate
            );
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}
