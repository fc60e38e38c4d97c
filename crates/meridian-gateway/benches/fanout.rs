//! `cargo bench -p meridian-gateway --bench fanout`: how many displays one gateway serves, and how quickly.
//!
//! The gateway is a process of its own; the displays are connections of this one, on the same cores. Each reads every
//! message and looks after the chain of numbers; one in fifty decodes all of them, and its totals are compared with the
//! source's. `cargo bench … -- lights` runs the rows whose name holds that word.
//!
//! | variable | does |
//! |---|---|
//! | `MERIDIAN_BENCH_SECS` | seconds that a row is measured (20) |
//! | `MERIDIAN_BENCH_DISPLAYS` | displays of the large rows (1000) |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use meridian_client::socket::{Endpoint, connect};
use meridian_client::tls::Trust;
use meridian_gateway::{ScenarioSource, Source, load_catalogue, wall_ms};
use meridian_wire::{
    Body, Compression, SUBPROTOCOL_BIN, Subscribe, Totals, decode_bin, encode_subscribe_bin,
};
use tokio_tungstenite::tungstenite::Message;

/// Orders a second: the peak of 2016. Payments come as they came then.
const ORDERS_PER_S: u64 = 175_000;

struct Row {
    name: &'static str,
    displays: usize,
    lights_per_s: Option<u32>,
    zstd: bool,
    signed: bool,
    bad: bool,
}

fn main() {
    let number = |name: &str, usual: usize| {
        std::env::var(name)
            .ok()
            .map_or(usual, |text| text.parse().expect("a number"))
    };
    let many = number("MERIDIAN_BENCH_DISPLAYS", 1_000);
    let secs = number("MERIDIAN_BENCH_SECS", 20) as u64;
    let row = |name, displays, lights_per_s, zstd| Row {
        name,
        displays,
        lights_per_s,
        zstd,
        signed: true,
        bad: false,
    };
    let rows = [
        row("alone", 1, None, false),
        row("hundred", 100, None, false),
        Row {
            bad: true,
            ..row("hundred_bad", 100, None, false)
        },
        row("totals", many, Some(0), false),
        row("lights_2k", many, Some(2_000), false),
        row("lights_all", many, None, false),
        row("lights_zstd", many, None, true),
    ];
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or(std::env::consts::ARCH, |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine   {cpu}, {cores} cores; gateway and displays on the same");
    println!(
        "load      {ORDERS_PER_S} orders/s and {} payments/s, each a light; {secs} s a row",
        ORDERS_PER_S * 12 / 17
    );
    println!(
        "{:<12} {:>8} {:>10} {:>10} {:>10} {:>11} {:>9} {:>9} {:>8} {:>8}  totals",
        "row",
        "displays",
        "median ms",
        "p99 ms",
        "order p99",
        "ticks/s",
        "MB/s",
        "gw cores",
        "gaps",
        "spared"
    );
    let mut undisturbed = None;
    for row in rows
        .iter()
        .filter(|row| wanted.is_empty() || wanted.iter().any(|word| row.name.contains(word.as_str())))
    {
        let p99 = run(row, secs);
        match row.name {
            "hundred" => undisturbed = Some(p99),
            "hundred_bad" => {
                if let Some(before) = undisturbed {
                    println!(
                        "             with bad clients the p99 is {:.2} times the undisturbed one",
                        p99 / before
                    );
                }
            }
            _ => {}
        }
    }
}

/// A day that makes so many orders a second.
fn flat(path: &std::path::Path) {
    let orders = ORDERS_PER_S * 2_000;
    let payments = orders * 12 / 17;
    let text = include_str!("../../../benches/flat.toml")
        .replace("@ORDERS@", &orders.to_string())
        .replace("@PAYMENTS@", &payments.to_string())
        .replace("@PEAK_ORDERS@", &ORDERS_PER_S.to_string())
        .replace("@PEAK_PAYMENTS@", &(ORDERS_PER_S * 12 / 17).to_string())
        .replace("@HALF@", &(payments * 115 * 6 / 10).to_string())
        .replace("@GMV@", &(payments * 115).to_string());
    std::fs::write(path, text).unwrap();
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor seconds that a process has taken.
fn processor_secs(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

#[derive(Default)]
struct Seen {
    /// Per display's tick: number, and when it came, in milliseconds.
    ticks: Mutex<Vec<(u64, i64)>>,
    /// When ticks were published, by number.
    published: Mutex<HashMap<u64, i64>>,
    totals: Mutex<Vec<(i64, Totals)>>,
    bytes: AtomicU64,
    gaps: AtomicU64,
    measuring: AtomicBool,
    stop: AtomicBool,
}

fn run(row: &Row, secs: u64) -> f64 {
    let folder = std::env::temp_dir().join(format!("meridian-fanout-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let scenario = folder.join("flat.toml");
    flat(&scenario);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = folder.join("gateway.toml");
    let signing = if row.signed {
        "[signing]\nkey = \"key.pem\"\n"
    } else {
        ""
    };
    std::fs::write(
        &config,
        format!(
            "listen = \"{address}\"\n[source]\nscenario = \"{}\"\nstart = \"00:00:10\"\n{signing}[limits]\nhandshakes = 4000\nhandshakes_per_address = 4000\nhandshakes_per_address_burst = 20000.0\nconnections_per_address = 20000\nfailures_per_minute = 4000000000\n",
            scenario.display()
        ),
    )
    .unwrap();
    let gateway = Killed(
        Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .arg("--config")
            .arg(&config)
            .env("RUST_LOG", "error")
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    );
    while TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let url = format!("ws://{address}").parse().unwrap();
    let way = Arc::new(Endpoint::new(&url, None, &Trust::default()).unwrap());
    let joined = Arc::new(AtomicU64::new(0));
    for display in 0..row.displays {
        let subscribe = Subscribe {
            lights_per_s: row.lights_per_s,
            compression: row.zstd.then_some(Compression::Zstd),
            ..Subscribe::default()
        };
        let follow = follow(
            Arc::clone(&way),
            subscribe,
            display % 50 == 0,
            Arc::clone(&seen),
            Arc::clone(&joined),
        );
        runtime.spawn(follow);
        // Not all in one instant: the handshakes aren't what is measured.
        std::thread::sleep(Duration::from_millis(2));
    }
    let begun = Instant::now();
    while joined.load(Ordering::Relaxed) < row.displays as u64 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the displays didn't all get in"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(3));
    let bad = row.bad.then(|| {
        let seen = Arc::clone(&seen);
        std::thread::spawn(move || bad_clients(address, &seen.stop))
    });
    let (before, began) = (processor_secs(gateway.0.id()), Instant::now());
    seen.bytes.store(0, Ordering::Relaxed);
    seen.measuring.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(secs));
    seen.measuring.store(false, Ordering::Relaxed);
    let took = began.elapsed().as_secs_f64();
    let cores = (processor_secs(gateway.0.id()) - before) / took;
    seen.stop.store(true, Ordering::Relaxed);
    if let Some(bad) = bad {
        bad.join().unwrap();
    }
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(gateway);
    report(row, &seen, took, cores, &scenario)
}

fn report(row: &Row, seen: &Seen, took: f64, cores: f64, scenario: &std::path::Path) -> f64 {
    let published = seen.published.lock().unwrap();
    let ticks = seen.ticks.lock().unwrap();
    let mut late: Vec<i64> = ticks
        .iter()
        .filter_map(|(seq, came_ms)| Some(came_ms - published.get(seq)?))
        .collect();
    late.sort_unstable();
    let at = |share: f64| {
        late.get(((late.len() as f64 * share) as usize).min(late.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    let mut source =
        ScenarioSource::load(&scenario.display().to_string(), load_catalogue().unwrap()).unwrap();
    let mut compared = 0;
    for (event_ms, totals) in seen.totals.lock().unwrap().iter().step_by(37) {
        assert_eq!(
            source.seek(*event_ms).unwrap().totals.counts,
            totals.counts,
            "at {event_ms}"
        );
        compared += 1;
    }
    let per_display = ticks.len() as f64 / took / row.displays as f64;
    println!(
        "{:<12} {:>8} {:>10} {:>10} {:>10} {:>11.2} {:>9.1} {:>9.2} {:>8} {:>7.1}%  {compared} equal the source's to the fen",
        row.name,
        row.displays,
        at(0.5),
        at(0.99),
        // The oldest order of a tick had happened a tenth of a second before it was published.
        at(0.99) + 100,
        per_display,
        seen.bytes.load(Ordering::Relaxed) as f64 / took / 1e6,
        cores,
        seen.gaps.load(Ordering::Relaxed),
        (1.0 - per_display / 10.0).max(0.0) * 100.0,
    );
    at(0.99) as f64
}

/// Number, number before and type of a binary frame, from its first bytes. What is nought isn't written.
fn head(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let mut fields = [0_u64; 5];
    let mut at = 0;
    let mut read = || {
        let mut value = 0_u64;
        for shift in 0..10 {
            let byte = *bytes.get(at)?;
            at += 1;
            value |= u64::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    while fields[4] == 0 {
        let key = read()?;
        *fields.get_mut((key >> 3) as usize)? = read()?;
    }
    Some((fields[2], fields[3], fields[4]))
}

async fn follow(
    way: Arc<Endpoint>,
    subscribe: Subscribe,
    decodes: bool,
    seen: Arc<Seen>,
    joined: Arc<AtomicU64>,
) {
    let (mut socket, _) = loop {
        match connect(&way, &[SUBPROTOCOL_BIN]).await {
            Ok(connected) => break connected,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    socket
        .send(Message::Binary(encode_subscribe_bin(&subscribe).into()))
        .await
        .unwrap();
    let mut last = None;
    while let Some(Ok(message)) = socket.next().await {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let Message::Binary(bytes) = message else { continue };
        seen.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // The first numbers are left out where they are nought; those are hello and snapshot.
        let Some((seq, prev, kind)) = head(&bytes) else {
            continue;
        };
        match kind {
            1 => continue,
            2 => joined.fetch_add(u64::from(last.is_none()), Ordering::Relaxed),
            _ => seen.gaps.fetch_add(
                u64::from(last.is_some_and(|last| last != prev)),
                Ordering::Relaxed,
            ),
        };
        last = Some(seq);
        if kind == 3 && seen.measuring.load(Ordering::Relaxed) {
            seen.ticks.lock().unwrap().push((seq, wall_ms()));
        }
        if decodes && let Body::Tick(tick) = decode_bin(&bytes).unwrap().body {
            seen.published.lock().unwrap().insert(seq, tick.published_ms);
            seen.totals.lock().unwrap().push((tick.event_ms, tick.totals));
        }
    }
}

/// A hundred bad clients at a time, over and over: no token, garbage, slow handshakes, huge requests, a flood.
fn bad_clients(address: SocketAddr, stop: &AtomicBool) {
    const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut hanging: Vec<TcpStream> = Vec::new();
    let mut round = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let Ok(mut socket) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
            continue;
        };
        let _ = socket.set_read_timeout(Some(Duration::from_millis(5)));
        let said: Vec<u8> = match round % 10 {
            0 => format!("{HANDSHAKE}Authorization: Bearer nonsense\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
                .into_bytes(),
            1 => (0..8_000_u32)
                .map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
            2 => format!("GET / HTTP/1.1\r\nX: {}\r\n", "y".repeat(60_000)).into_bytes(),
            3 => vec![0x16, 3, 1, 2, 0, 1, 0, 1, 252],
            4 => format!("{HANDSHAKE}\r\n\u{1}\u{2}\u{3}").into_bytes(),
            5 => {
                // A client that is let in and sends what is no message.
                let mut bytes = format!("{HANDSHAKE}\r\n").into_bytes();
                bytes.extend([0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0]);
                bytes.extend(vec![7; 60_000]);
                bytes
            }
            6 => b"POST / HTTP/1.1\r\n\r\n".to_vec(),
            _ => b"GET".to_vec(),
        };
        let _ = socket.write_all(&said);
        let _ = socket.read(&mut [0; 32]);
        if round.is_multiple_of(10) || round % 10 > 6 {
            hanging.push(socket);
        }
        if hanging.len() > 100 {
            hanging.remove(0);
        }
        for slow in &mut hanging {
            let _ = slow.write(b"x");
        }
    }
}
