//! A live day: orders that are sent to a gateway, which is killed again and again, and what displays are told of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_client::orders::{OrderSender, SenderConfig, SenderEvent};
use meridian_client::tls::Trust;
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Channel, Kind};
use meridian_core::tally::Tally;
use meridian_gateway::operate::access::{Role, TokenStore};
use meridian_gateway::{load_catalogue, wall_ms};
use meridian_wire::{Body, Mode, Snapshot, Totals};
use rand::{Rng, SeedableRng};
use support::{Fault, Proxy, free_address, get};

const WAIT: Duration = Duration::from_secs(60);

/// A gateway's folder, and the gateway.
struct House {
    folder: tempfile::TempDir,
    address: SocketAddr,
    child: Child,
}

impl House {
    fn new(tokens: bool, synthetic: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = Utc::now() - chrono::Duration::hours(1);
        let day = format!(
            "synthetic = {synthetic}\ngmv_counts = 'payment'\ncurrency = 'EUR'\n[title]\nen = 'Live'\nzh = '直播'\n[day]\nstart = '{}'\n\
             [[category]]\nname = {{ en = 'Garden', zh = '园艺' }}\n[[category]]\nname = {{ en = 'Kitchen', zh = '厨房' }}\n\
             [[product]]\nid = 'earbuds'\nname = {{ en = 'Earbuds', zh = '无线耳机' }}\ncategory = 'Garden'\n",
            start.format("%Y-%m-%dT%H:%M:00Z")
        );
        std::fs::write(folder.path().join("day.toml"), day).unwrap();
        let address = free_address();
        let access = if tokens {
            "[access]\ntokens = 'tokens.toml'\nanonymous = 'viewer'\n"
        } else {
            ""
        };
        let config = format!(
            "listen = '{address}'\nstate = 'journal'\n[source]\nlive = 'day.toml'\norder_log = 'orders'\n{access}"
        );
        std::fs::write(folder.path().join("gateway.toml"), config).unwrap();
        let child = Self::spawn(folder.path());
        Self {
            folder,
            address,
            child,
        }
    }

    fn spawn(folder: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .arg("--config")
            .arg(folder.join("gateway.toml"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// As `kill -9` does.
    fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.folder.path());
    }

    fn token(&self, role: Role) -> String {
        let mut store = TokenStore::open(&self.folder.path().join("tokens.toml")).unwrap();
        store.make("test", role, None, Utc::now()).unwrap().1
    }

    fn sender(&self, token: Option<String>) -> OrderSender {
        sender(format!("ws://{}", self.address), token)
    }

    fn link(&self, token: Option<String>) -> Link {
        Link::start(LinkConfig {
            token,
            retry_min: Duration::from_millis(20),
            retry_max: Duration::from_millis(200),
            ..LinkConfig::new(format!("ws://{}", self.address))
        })
        .unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sender(url: String, token: Option<String>) -> OrderSender {
    OrderSender::start(&SenderConfig {
        url,
        token,
        trust: Trust::default(),
    })
    .unwrap()
}

fn batch(random: &mut impl Rng, kind: Kind) -> Batch {
    let now_ms = wall_ms();
    let mut batch = Batch::new(kind, now_ms - 50, now_ms);
    for row in 0..random.random_range(1..80_u32) {
        let place = [0_u16, 5_000, 12_345, 33_000, Batch::UNPLACED][random.random_range(0..5)];
        let amount = random.random_range(-50..9_000_i64);
        let channel = random.random_range(0..Channel::COUNT as u8);
        batch.push(place, random.random_range(0..2), channel, amount, Batch::DOMESTIC);
        if row % 3 == 0 && amount >= 0 {
            batch.items.row.push(row);
            batch.items.product.push(0);
            batch.items.units.push(1);
            batch.items.amount_minor.push(amount);
        }
    }
    batch
}

fn empty() -> Tally {
    let catalogue = load_catalogue().unwrap();
    Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        2,
        Kind::Payment,
    )
    .with_products(1)
}

/// The totals that a display has been told, one after the other, and its mode.
fn totals_of(link: &Link, mode: Mode, until: impl Fn(&Totals) -> bool) -> Vec<Totals> {
    let mut seen = Vec::new();
    let deadline = Instant::now() + WAIT;
    while let Ok(event) = link.events().recv_deadline(deadline) {
        let LinkEvent::Frame(frame, _) = event else {
            continue;
        };
        let (totals, said) = match frame.body {
            Body::Tick(tick) => (tick.totals, tick.mode),
            Body::Snapshot(snapshot) => (snapshot.totals, snapshot.mode),
            _ => continue,
        };
        assert_eq!(said, mode);
        if seen.last() != Some(&totals) {
            seen.push(totals);
        }
        if until(&totals) {
            break;
        }
    }
    seen
}

/// Two sources send over networks that cut; the gateway is killed four times. Afterwards every order is counted once, and
/// no two public figures before and after any of it are apart by fewer than ten orders or payments.
#[test]
fn orders_are_counted_once_whatever_breaks() {
    let mut house = House::new(true, false);
    let (source, executive) = (house.token(Role::Source), house.token(Role::Executive));
    std::thread::sleep(Duration::from_secs(3));
    let (wall, desk) = (house.link(None), house.link(Some(executive)));
    let all = Arc::new(Mutex::new(empty()));
    let proxies = [Proxy::new(house.address), Proxy::new(house.address)];
    let threads: Vec<_> = proxies
        .iter()
        .enumerate()
        .map(|(number, proxy)| {
            let (url, token, all) = (proxy.url(), source.clone(), Arc::clone(&all));
            std::thread::spawn(move || {
                let sender = sender(url, Some(token));
                let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(number as u64);
                for sequence in 0..400 {
                    let kind = [Kind::Order, Kind::Payment][random.random_range(0..2)];
                    let batch = batch(&mut random, kind);
                    let bytes = encode(&batch, number as u32, sequence).unwrap();
                    all.lock().unwrap().add(&batch).unwrap();
                    if sequence % 7 == 0 {
                        sender.send(bytes.clone()).unwrap();
                    }
                    sender.send(bytes).unwrap();
                    std::thread::sleep(Duration::from_millis(25));
                }
                let deadline = Instant::now() + WAIT;
                while sender.open() > 0 && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(20));
                }
                assert_eq!(sender.open(), 0, "everything was answered");
                let (mut duplicates, mut refused) = (0, Vec::new());
                for event in sender.events().try_iter() {
                    match event {
                        SenderEvent::Counted { duplicate, .. } => duplicates += u32::from(duplicate),
                        SenderEvent::Refused { problem, .. } => refused.push(problem),
                        _ => {}
                    }
                }
                assert!(refused.is_empty(), "{refused:?}");
                duplicates
            })
        })
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    let watch = std::thread::spawn(move || totals_of(&wall, Mode::Live, |_| told.load(Ordering::Acquire)));
    for round in 0..4_usize {
        std::thread::sleep(Duration::from_millis(1_700));
        proxies[round % 2].fault([Fault::Cut, Fault::Truncate][round / 2 % 2]);
        std::thread::sleep(Duration::from_millis(600));
        house.kill_and_restart();
    }
    let duplicates: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(duplicates > 0, "some came twice");
    let expected = all.lock().unwrap().totals();
    let exact = totals_of(&desk, Mode::Live, |totals| *totals == expected);
    assert_eq!(exact.last(), Some(&expected));
    // Once more, with nothing but the log.
    house.kill_and_restart();
    let again = house.link(None);
    assert!(!totals_of(&again, Mode::Live, |_| true).is_empty());
    done.store(true, Ordering::Release);
    let public = watch.join().unwrap();
    // The log, counted by itself.
    let log = std::fs::read_dir(house.folder.path().join("orders"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let output = Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .arg("count")
        .arg("--live")
        .arg(house.folder.path().join("day.toml"))
        .arg(log)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["totals"], serde_json::to_value(expected).unwrap());
    assert_eq!(first["batches"], serde_json::json!({"0": 400, "1": 400}));
    assert_eq!(text.lines().count(), 4);
    let last = public.last().unwrap();
    assert!(public.len() > 20, "{} figures", public.len());
    for pair in public.windows(2) {
        for (what, before, after) in [
            ("orders", pair[0].counts.orders, pair[1].counts.orders),
            ("payments", pair[0].counts.payments, pair[1].counts.payments),
            ("corrections", pair[0].corrections, pair[1].corrections),
        ] {
            assert!(
                after == before || after >= before + 10,
                "{what}: {before}, then {after}"
            );
        }
    }
    let (shown, counted) = (last.counts, expected.counts);
    assert!(
        shown.orders <= counted.orders && counted.orders - shown.orders < 100,
        "{shown:?} of {counted:?}"
    );
}

#[test]
fn only_sources_may_send_and_they_see_nothing() {
    let house = House::new(true, false);
    let (viewer, source) = (house.token(Role::Viewer), house.token(Role::Source));
    std::thread::sleep(Duration::from_secs(3));
    for token in [None, Some(viewer)] {
        let sender = house.sender(token);
        loop {
            match sender.events().recv_timeout(WAIT).unwrap() {
                SenderEvent::Unwanted(reason) => {
                    assert!(reason.contains("403"), "{reason}");
                    break;
                }
                SenderEvent::Lost(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let link = house.link(Some(source));
    let refused = link.events().iter().find_map(|event| match event {
        LinkEvent::Refused { reason } => Some(reason),
        LinkEvent::Frame(frame, _) => panic!("{frame:?}"),
        _ => None,
    });
    assert!(refused.unwrap().contains("403"));
}

/// Behind a proxy a gateway may have a path; what isn't a gateway is said to be none, and isn't asked again.
#[test]
fn the_python_examples_keep_the_path_and_know_a_gateway() {
    use std::io::{BufRead as _, BufReader};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/meridian/?hall=3", listener.local_addr().unwrap());
    for example in ["send_orders.py", "feed_total.py"] {
        let python = Command::new("python3")
            .arg(format!("{}/../../examples/{example}", env!("CARGO_MANIFEST_DIR")))
            .arg(&url)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the example");
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = String::new();
        BufReader::new(&socket).read_line(&mut asked).unwrap();
        assert_eq!(asked, "GET /meridian/?hall=3 HTTP/1.1\r\n");
        socket
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let output = python.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains("isn't a gateway: it answers 200 OK"),
            "{errors}"
        );
    }
}

/// A display that comes while no orders do is told so, behind a relay too; metrics and health say it, and it is no failure.
#[test]
fn a_display_that_comes_later_is_told_of_the_silence() {
    let mut house = House::new(false, true);
    let admin = free_address();
    let file = |name: &str| house.folder.path().join(name);
    let day = std::fs::read_to_string(file("day.toml")).unwrap();
    std::fs::write(file("day.toml"), day.replace("[day]\n", "[day]\nsilent_s = 1\n")).unwrap();
    let config = std::fs::read_to_string(file("gateway.toml")).unwrap();
    std::fs::write(
        file("gateway.toml"),
        format!("{config}[admin]\nlisten = '{admin}'\n"),
    )
    .unwrap();
    std::fs::remove_dir_all(file("orders")).ok();
    house.kill_and_restart();
    let upstream = format!("ws://{}", house.address);
    let code_of = |link: &Link, wanted: &str| {
        let deadline = Instant::now() + WAIT;
        let mut snapshot_codes = None;
        while let Ok(event) = link.events().recv_deadline(deadline) {
            let LinkEvent::Frame(frame, _) = event else {
                continue;
            };
            match frame.body {
                Body::Snapshot(snapshot) => {
                    let codes = snapshot.notices.into_iter().map(|notice| notice.code);
                    snapshot_codes = Some(codes.collect::<Vec<_>>());
                }
                Body::Notice(notice) if notice.code == wanted => return snapshot_codes,
                _ => {}
            }
        }
        panic!("no {wanted}");
    };
    let first = house.link(None);
    code_of(&first, "source_silent");
    let health_says = |words: &str| {
        let deadline = Instant::now() + WAIT;
        loop {
            let text = get(admin, "/health");
            if text.contains(words) {
                assert!(text.starts_with("HTTP/1.1 200"), "{text}");
                return;
            }
            assert!(Instant::now() < deadline, "{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    health_says("well; source: no orders come");
    let silent = |text: String| text.contains("meridian_gateway_source_silent 1");
    assert!(silent(get(admin, "/metrics")));
    // It is in the snapshot within a second.
    std::thread::sleep(Duration::from_millis(1_500));
    let later = house.link(None);
    let expected = Some(vec!["source_silent".to_owned()]);
    assert_eq!(code_of(&later, "source_silent"), expected);
    let at = free_address();
    let mut relay = Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .args(["--upstream", &upstream, "--listen", &at.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let behind = Link::start(LinkConfig {
        retry_min: Duration::from_millis(50),
        retry_max: Duration::from_millis(200),
        ..LinkConfig::new(format!("ws://{at}"))
    })
    .unwrap();
    let codes = code_of(&behind, "source_silent");
    relay.kill().unwrap();
    relay.wait().unwrap();
    assert_eq!(codes, expected);

    // Orders come for longer than it takes to be told so.
    let sender = house.sender(None);
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(1);
    sender
        .send(encode(&batch(&mut random, Kind::Order), 1, 1).unwrap())
        .unwrap();
    code_of(&later, "source_back");
    for sequence in 2..12 {
        sender
            .send(encode(&batch(&mut random, Kind::Order), 1, sequence).unwrap())
            .unwrap();
        std::thread::sleep(Duration::from_millis(150));
    }
    let last = house.link(None);
    let deadline = Instant::now() + WAIT;
    let told = std::iter::from_fn(|| last.events().recv_deadline(deadline).ok());
    let snapshot = told.into_iter().find_map(|event| match event {
        LinkEvent::Frame(frame, _) => match frame.body {
            Body::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(snapshot.unwrap().notices, []);
    sender
        .send(encode(&batch(&mut random, Kind::Order), 1, 12).unwrap())
        .unwrap();
    assert!(!silent(get(admin, "/metrics")));
}

/// On a machine without tokens its own programs may send: the example in Python, and a scenario played now.
#[test]
fn the_python_example_and_a_played_day_are_counted() {
    let house = House::new(false, true);
    let url = format!("ws://{}", house.address);
    let link = house.link(None);
    let mut python = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/send_orders.py"
        ))
        .arg(&url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 runs the example");
    let mut lines = python.stdin.take().unwrap();
    for number in 0..1_000 {
        let kind = ["order", "payment"][number % 2];
        let city = [r#""city": "Berlin", "#, ""][number % 3 % 2];
        writeln!(
            lines,
            r#"{{"kind": "{kind}", "country": "DE", {city}"category": "Garden", "channel": "store", "amount": 1999}}"#
        )
        .unwrap();
    }
    // What stands in nobody's way: lines that are no orders.
    for bad in [
        r#"{"kind": "order", "country": "DE", "category": "Car", "channel": "store", "amount": 1}"#,
        "5",
        r#"{"kind": "order", "country": "DE", "category": "Garden", "channel": "store", "amount": 19.99}"#,
        r#"{"kind": "order", "country": "DE", "category": "Garden", "channel": "store", "amount": 1, "at": 1}"#,
        "garbage",
    ] {
        writeln!(lines, "{bad}").unwrap();
    }
    // They are counted though no line follows and none is the last.
    let seen = totals_of(&link, Mode::Demo, |totals| {
        totals.counts.orders == 500 && totals.counts.payments == 500
    });
    // The public value rises in steps of ten orders of that price, so that it doesn't say what was bought.
    let behind = 500 * 1_999 - seen.last().unwrap().counts.gmv_minor;
    assert!((0..20_000).contains(&behind), "{behind}");
    drop(lines);
    let output = python.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for words in [
        "standard input, line 1001 is left out: category is 'Car': one of Garden, Kitchen is needed",
        "line 1002 is left out: an object is needed",
        "line 1003 is left out: amount is 19.99: a whole number",
        "line 1004 is left out: at is 1: the day is from",
        r#"line 1005 is left out: 'garbage' is no JSON: a line such as {"kind": "order""#,
    ] {
        assert!(errors.contains(words), "{errors}");
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["rows"], &said["lines_left_out"]),
        (&1_000.into(), &5.into())
    );
    assert_eq!(said["batches_taken"], said["batches"]);

    let mut sent = Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .args([
            "send",
            "--gateway",
            &url,
            "--number",
            "2",
            "--scenario",
            "example-day",
            "--start",
            "05:00",
        ])
        .args(["--speed", "600"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let more = totals_of(&link, Mode::Demo, |totals| totals.counts.payments > 600);
    sent.kill().unwrap();
    sent.wait().unwrap();
    // Nothing that doesn't happen now is shown as live.
    let real = House::new(false, false);
    std::thread::sleep(Duration::from_secs(2));
    let output = Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .args(["send", "--scenario", "example-day", "--gateway"])
        .arg(format!("ws://{}", real.address))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("synthetic = true"),
        "{errors}"
    );
    assert!(more.last().unwrap().counts.payments > 600, "{:?}", more.last());
    let mut known: Option<Snapshot> = None;
    let follower = house.link(None);
    while known.is_none() {
        if let LinkEvent::Frame(frame, _) = follower.events().recv_timeout(WAIT).unwrap()
            && let Body::Snapshot(snapshot) = frame.body
        {
            known = Some(*snapshot);
        }
    }
    let germany = load_catalogue().unwrap().by_iso2("DE").unwrap().0;
    let row = known
        .unwrap()
        .regions
        .into_iter()
        .find(|row| row.id == germany)
        .unwrap();
    assert!(row.counts.payments >= 500, "{row:?}");
}
