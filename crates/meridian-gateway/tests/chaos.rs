//! Everything breaks at random: networks delay, cut, throttle, truncate, reorder, duplicate and forge, gateway and displays
//! are killed and started again. Afterwards, and at every tick between, each total is the source's to the fen.
//!
//! | variable | does |
//! |---|---|
//! | `MERIDIAN_CHAOS_FAULTS` | how many faults (30) |
//! | `MERIDIAN_CHAOS_SEED` | which ones: the seed that a failed run printed |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_gateway::operate::access::{Role, TokenStore};
use meridian_gateway::{ScenarioSource, Source, State, load_catalogue};
use meridian_wire::{Body, Counts, SigningKey, Snapshot, Totals};
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use support::{Fault, Proxy};

/// What a display says of itself, a line of JSON at each tick.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    event_ms: i64,
    totals: Totals,
    /// By number; now and then.
    regions: Option<BTreeMap<u8, Counts>>,
    forged: u64,
    reconnects: u64,
}

/// The display of a child process: what it is shown goes to stdout.
#[test]
#[ignore = "a part of the other test"]
fn child_display() {
    let setting = |name: &str| std::env::var(name).unwrap();
    let config = LinkConfig {
        token: Some(setting("MERIDIAN_CHAOS_TOKEN")),
        key: Some(setting("MERIDIAN_CHAOS_KEY").parse().unwrap()),
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(300),
        lights_per_s: Some(200),
        idle: Duration::from_secs(3),
        ..LinkConfig::new(setting("MERIDIAN_CHAOS_URL"))
    };
    let link = Link::start(config).unwrap();
    let mut known: Option<Snapshot> = None;
    let (mut forged, mut reconnects, mut ticks) = (0, 0, 0_u64);
    // Whoever started it ends it.
    for event in link.events() {
        let body = match event {
            LinkEvent::Frame(frame, _) => frame.body,
            LinkEvent::Forged { .. } => {
                forged += 1;
                continue;
            }
            LinkEvent::Connected => {
                reconnects += 1;
                continue;
            }
            _ => continue,
        };
        match (&body, &mut known) {
            (Body::Snapshot(snapshot), _) => known = Some((**snapshot).clone()),
            (body, Some(known)) => known.apply(body),
            _ => {}
        }
        let is_tick = matches!(body, Body::Tick(_));
        let Some(known) = known.as_ref().filter(|_| is_tick) else {
            continue;
        };
        let mut sum = known.totals.unplaced;
        for row in &known.regions {
            sum += row.counts;
        }
        assert_eq!(sum, known.totals.counts, "regions and what has none add up");
        ticks += 1;
        let regions =
            (ticks % 10 == 1).then(|| known.regions.iter().map(|row| (row.id, row.counts)).collect());
        let line = Line {
            event_ms: known.event_ms,
            totals: known.totals,
            regions,
            forged,
            reconnects,
        };
        println!("\n{}", serde_json::to_string(&line).unwrap());
    }
}

struct Display {
    child: Child,
    proxy: Proxy,
    token: String,
    exact: bool,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Display {
    fn spawn(url: &str, token: &str, key: &str, lines: &Arc<Mutex<Vec<Line>>>) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_display", "--exact", "--ignored", "--nocapture"])
            .env("MERIDIAN_CHAOS_URL", url)
            .env("MERIDIAN_CHAOS_TOKEN", token)
            .env("MERIDIAN_CHAOS_KEY", key)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let lines = Arc::clone(lines);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str(&line) {
                    lines.lock().unwrap().push(line);
                }
            }
        });
        child
    }

    fn new(address: SocketAddr, token: String, key: &str, exact: bool) -> Self {
        let proxy = Proxy::new(address);
        let lines = Arc::default();
        let child = Self::spawn(&proxy.url(), &token, key, &lines);
        Self {
            child,
            proxy,
            token,
            exact,
            lines,
        }
    }

    fn kill_and_restart(&mut self, key: &str) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.proxy.url(), &self.token, key, &self.lines);
    }

    fn newest_ms(&self) -> i64 {
        self.lines.lock().unwrap().last().map_or(0, |line| line.event_ms)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct GatewayProcess {
    child: Child,
    config: PathBuf,
}

impl GatewayProcess {
    fn spawn(config: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .arg("--config")
            .arg(config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.config);
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the source says at an instant.
struct Truth(ScenarioSource);

impl Truth {
    fn at(&mut self, event_ms: i64) -> (Totals, BTreeMap<u8, Counts>) {
        let opening = self.0.seek(event_ms).unwrap();
        let mut regions: BTreeMap<u8, Counts> = BTreeMap::new();
        for (_, cell) in &opening.cells {
            *regions.entry(cell.region).or_default() += cell.counts;
        }
        regions.retain(|_, counts| *counts != Counts::default());
        (opening.totals, regions)
    }
}

#[test]
fn whatever_breaks_every_total_is_the_sources() {
    let faults: u32 = std::env::var("MERIDIAN_CHAOS_FAULTS").map_or(30, |text| text.parse().unwrap());
    let seed: u64 = std::env::var("MERIDIAN_CHAOS_SEED")
        .map_or_else(|_| rand::rng().random(), |text| text.parse().unwrap());
    println!("MERIDIAN_CHAOS_SEED={seed}");
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(
        path("gateway.toml"),
        format!(
            "listen = \"{address}\"\nstate = \"gateway.journal\"\n[source]\nstart = \"00:01:00\"\n[access]\ntokens = \"tokens.toml\"\n\
             [signing]\nkey = \"key.pem\"\n[audit]\nfile = \"audit.jsonl\"\n[limits]\nfailures_per_minute = 1000000\nhandshakes_per_address = 256\n"
        ),
    )
    .unwrap();
    let mut tokens = TokenStore::open(&path("tokens.toml")).unwrap();
    let mut token = |name: &str, role| tokens.make(name, role, None, Utc::now()).unwrap().1;
    let key = SigningKey::open_or_make(&path("key.pem"))
        .unwrap()
        .public()
        .to_string();
    let mut gateway = GatewayProcess {
        child: GatewayProcess::spawn(&path("gateway.toml")),
        config: path("gateway.toml"),
    };
    let mut displays = vec![
        Display::new(address, token("Hall 1", Role::Viewer), &key, false),
        Display::new(address, token("Hall 2", Role::Viewer), &key, false),
        Display::new(address, token("CFO", Role::Executive), &key, true),
    ];
    let wait_for = |displays: &[Display], event_ms: i64, secs: u64| {
        let begun = Instant::now();
        while displays.iter().any(|display| display.newest_ms() < event_ms) {
            let stand: Vec<i64> = displays.iter().map(Display::newest_ms).collect();
            assert!(
                begun.elapsed() < Duration::from_secs(secs),
                "displays stand at {stand:?}, not at {event_ms}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for(&displays, 1, 60);

    let (mut killed_gateways, mut killed_displays) = (0, 0);
    for _ in 0..faults {
        let count = displays.len();
        let display = &mut displays[random.random_range(0..count)];
        match random.random_range(0..12) {
            0 => {
                killed_gateways += 1;
                gateway.kill_and_restart();
            }
            1 => {
                killed_displays += 1;
                display.kill_and_restart(&key);
            }
            2 => display.proxy.fault(Fault::Delay(Duration::from_millis(
                random.random_range(10..1_500),
            ))),
            3 | 4 => display.proxy.fault(Fault::Cut),
            5 => display.proxy.fault(Fault::Throttle),
            6 | 7 => display.proxy.fault(Fault::Truncate),
            8 => display.proxy.fault(Fault::Reorder),
            9 => display.proxy.fault(Fault::Duplicate),
            10 => display.proxy.fault(Fault::TakeOut),
            _ => display.proxy.fault(Fault::Alter),
        }
        std::thread::sleep(Duration::from_millis(random.random_range(20..500)));
    }
    for display in &displays {
        display.proxy.clear();
    }
    let newest_ms = displays.iter().map(Display::newest_ms).max().unwrap();
    wait_for(&displays, newest_ms + 3_000, 60);

    let mut truth = Truth(ScenarioSource::load("double11-2016", load_catalogue().unwrap()).unwrap());
    let (mut ticks, mut with_regions) = (0, 0);
    for display in &displays {
        let lines = display.lines.lock().unwrap().clone();
        let mut before: Option<Line> = None;
        for line in &lines {
            let (totals, regions) = truth.at(line.event_ms);
            // What walls are told of orders without a place is what isn't said of their region yet.
            assert_eq!(line.totals.counts, totals.counts, "at {}", line.event_ms);
            if display.exact {
                assert_eq!(line.totals, totals);
            }
            if let Some(shown) = line.regions.as_ref() {
                with_regions += 1;
                if display.exact {
                    assert_eq!(*shown, regions, "at {}", line.event_ms);
                } else {
                    for (region, counts) in shown {
                        let all = regions[region];
                        assert!(counts.orders <= all.orders && counts.gmv_minor <= all.gmv_minor);
                    }
                }
            }
            ticks += 1;
            before = Some(line.clone());
        }
        assert!(before.is_some());
    }
    let done: u64 = displays.iter().map(|display| display.proxy.done()).sum();
    println!(
        "{faults} faults: {done} in the network, gateway killed {killed_gateways} times, displays {killed_displays} times; {ticks} ticks \
         and {with_regions} tables of regions compared"
    );
    drop(displays);
    // The gateway's own account.
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let state = State::open(&path("gateway.journal"), "double11-2016").unwrap();
    let saved = state.saved().unwrap();
    assert_eq!(saved.totals, truth.at(saved.event_ms).0);
    meridian_gateway::operate::audit::verify(&[path("audit.jsonl")], None).unwrap();
}
