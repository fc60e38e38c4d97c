//! The gateway as an operations team has it: TLS, tokens, directors, audits, relays, and people who mean no good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_client::tls::{Pin, Trust};
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_gateway::config::TlsConfig;
use meridian_gateway::operate::access::{Role, TokenStore};
use meridian_gateway::operate::audit;
use meridian_gateway::operate::director::{Command, FiguresMode};
use meridian_gateway::operate::limits::Limits;
use meridian_gateway::{
    Gateway, GatewayConfig, Publisher, SUBPROTOCOL_DESK, ScenarioSource, Source, State, load_catalogue,
    relay, serve,
};
use meridian_wire::{Body, Counts, Mode, Scene, SigningKey, Snapshot};
use support::{Fault, Proxy, get, until};
use tokio_tungstenite::tungstenite::{self, Message};

const WAIT: Duration = Duration::from_secs(30);

fn day_start() -> i64 {
    let source = ScenarioSource::load("double11-2016", load_catalogue().unwrap()).unwrap();
    source.hello().day.start_ms
}

fn publisher(into_ms: i64) -> Publisher {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    Publisher::new(Box::new(source), catalogue, day_start() + into_ms, 1.0).unwrap()
}

/// The counts of all regions together; which regions walls are told of is the guard's.
fn truth(event_ms: i64) -> Counts {
    let mut source = ScenarioSource::load("double11-2016", load_catalogue().unwrap()).unwrap();
    source.seek(event_ms).unwrap().totals.counts
}

/// A folder with a certificate, tokens and whatever else a gateway writes.
struct House {
    folder: tempfile::TempDir,
    certificate: rcgen::Certificate,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Self::certify(folder.path());
        Self { folder, certificate }
    }

    fn certify(folder: &Path) -> rcgen::Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let params =
            rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        meridian_core::files::private::write(&folder.join("key.pem"), key.serialize_pem().as_bytes())
            .unwrap();
        std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
        certificate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pin(&self) -> Pin {
        Pin::of(self.certificate.der()).unwrap()
    }

    fn token(&self, name: &str, role: Role, expires_s: Option<i64>) -> String {
        let now = Utc::now();
        let expires = expires_s.map(|seconds| now + chrono::Duration::seconds(seconds));
        let mut store = TokenStore::open(&self.path("tokens.toml")).unwrap();
        store.make(name, role, expires, now).unwrap().1
    }

    fn config(&self) -> GatewayConfig {
        GatewayConfig {
            tls: Some(TlsConfig {
                certificate: self.path("certificate.pem"),
                key: self.path("key.pem"),
            }),
            tokens: Some(self.path("tokens.toml")),
            signing: Some(Arc::new(
                SigningKey::open_or_make(&self.path("feed.pem")).unwrap(),
            )),
            audit: Some(self.path("audit.jsonl")),
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..GatewayConfig::default()
        }
    }

    fn audited(&self, kind: &str) -> usize {
        let text = std::fs::read_to_string(self.path("audit.jsonl")).unwrap();
        let kind = format!("\"type\":\"{kind}\"");
        text.lines().filter(|line| line.contains(&kind)).count()
    }
}

fn signed() -> GatewayConfig {
    GatewayConfig {
        signing: Some(Arc::new(SigningKey::ephemeral().unwrap())),
        ..GatewayConfig::default()
    }
}

fn quick(url: impl Into<String>) -> LinkConfig {
    LinkConfig {
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(200),
        lights_per_s: Some(100),
        ..LinkConfig::new(url)
    }
}

fn body(event: LinkEvent) -> Option<Body> {
    match event {
        LinkEvent::Frame(frame, _) => Some(frame.body),
        _ => None,
    }
}

fn tick(event: LinkEvent) -> Option<(i64, Counts, Mode)> {
    match body(event)? {
        Body::Tick(tick) => Some((tick.event_ms, tick.totals.counts, tick.mode)),
        _ => None,
    }
}

fn snapshot(event: LinkEvent) -> Option<Snapshot> {
    match body(event)? {
        Body::Snapshot(snapshot) => Some(*snapshot),
        _ => None,
    }
}

/// HTTP by hand: the status line's number.
fn status_of(address: SocketAddr, headers: &str) -> u16 {
    let mut socket = support::handshake(address, headers);
    let mut bytes = [0; 12];
    socket.read_exact(&mut bytes).unwrap();
    std::str::from_utf8(&bytes[9..]).unwrap().parse().unwrap()
}

/// A director's desk.
struct Director(tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<TcpStream>>);

impl Director {
    fn new(gateway: &Gateway, token: &str) -> Result<Self, String> {
        let request = tungstenite::ClientRequestBuilder::new(gateway.url().parse().unwrap())
            .with_sub_protocol(SUBPROTOCOL_DESK)
            .with_header("Authorization", format!("Bearer {token}"));
        tungstenite::connect(request)
            .map(|(socket, _)| Self(socket))
            .map_err(|error| error.to_string())
    }

    fn say(&mut self, command: &Command) -> serde_json::Value {
        let text = serde_json::to_string(command).unwrap();
        self.0.send(Message::text(text)).unwrap();
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// It says which program it is.
#[test]
fn the_gateway_says_its_own_name() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .arg("--version")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        concat!("meridian-gateway ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_display_over_tls_with_a_token_and_pinned_keys_has_the_totals() {
    let house = House::new();
    let (wall, chief) = (
        house.token("Hall 3", Role::Viewer, None),
        house.token("CFO", Role::Executive, None),
    );
    let config = house.config();
    let key = config.signing.as_ref().unwrap().public();
    let gateway = serve(config, publisher(60_000)).unwrap();
    assert!(gateway.url().starts_with("wss://"));
    for (token, internal) in [(wall, false), (chief, true)] {
        let link = Link::start(LinkConfig {
            token: Some(token),
            trust: Trust {
                ca: None,
                pin: Some(house.pin()),
            },
            key: Some(key),
            ..quick(gateway.url())
        })
        .unwrap();
        let class = until(&link, |event| match body(event)? {
            Body::Hello(hello) => Some((hello.class == meridian_wire::DataClass::Internal, hello.key)),
            _ => None,
        });
        assert_eq!(class, (internal, Some(key.to_string())));
        let mut ticks = 0;
        until(&link, |event| {
            let (event_ms, totals, _) = tick(event)?;
            assert_eq!(totals, truth(event_ms));
            ticks += 1;
            (ticks == 5).then_some(())
        });
    }
    // Metrics are plain text on loopback, and say what happened.
    let metrics = get(gateway.admin().unwrap(), "/metrics");
    assert!(
        metrics.contains("meridian_gateway_clients_joined_total 2"),
        "{metrics}"
    );
    assert!(get(gateway.admin().unwrap(), "/health").starts_with("HTTP/1.1 200"));
    gateway.stop();
    assert_eq!(house.audited("meridian.client.joined"), 2);
    let found = audit::verify(&[house.path("audit.jsonl")], None).unwrap();
    assert!(metrics.contains("audit_head") && found.entries >= 5);
}

#[test]
fn whoever_is_not_allowed_is_told_so_and_nothing_else() {
    let house = House::new();
    let viewer = house.token("Hall 3", Role::Viewer, None);
    let late = house.token("Late", Role::Executive, Some(-1));
    let revoked = house.token("Gone", Role::Director, None);
    let mut store = TokenStore::open(&house.path("tokens.toml")).unwrap();
    let id = store.list()[2].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    let config = GatewayConfig {
        tls: None,
        origins: vec!["https://wall.example".to_owned()],
        limits: Limits {
            failures_per_minute: 100,
            ..Limits::default()
        },
        ..house.config()
    };
    let gateway = serve(config, publisher(60_000)).unwrap();
    let address = gateway.address();
    let other = if viewer.as_bytes()[25] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &viewer[..25], &viewer[26..]);
    let desk = format!("Authorization: Bearer {viewer}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL_DESK}\r\n");
    for (headers, status) in [
        (String::new(), 401),
        ("Authorization: Bearer hello\r\n".to_owned(), 401),
        (format!("Authorization: Basic {viewer}\r\n"), 401),
        (format!("Authorization: Bearer {forged}\r\n"), 401),
        (format!("Authorization: Bearer {late}\r\n"), 401),
        (format!("Authorization: Bearer {revoked}\r\n"), 401),
        (desk, 403),
        (
            format!("Authorization: Bearer {viewer}\r\nOrigin: https://evil.example\r\n"),
            403,
        ),
        (
            format!("Authorization: Bearer {viewer}\r\nOrigin: https://wall.example\r\n"),
            101,
        ),
        (format!("Authorization: Bearer {viewer}\r\n"), 101),
        (
            format!("Authorization: Bearer {viewer}\r\nSec-WebSocket-Protocol: chat\r\n"),
            400,
        ),
    ] {
        assert_eq!(status_of(address, &headers), status, "{headers}");
    }
    // The last answer goes out before it is counted.
    std::thread::sleep(Duration::from_millis(300));
    let metrics = gateway.metrics().text();
    gateway.stop();
    for why in [
        "missing",
        "malformed",
        "unknown",
        "expired",
        "revoked",
        "role",
        "origin",
        "subprotocol",
    ] {
        assert!(
            metrics.contains(&format!("refused_total{{why=\"{why}\"}}")),
            "{why}: {metrics}"
        );
    }
    assert_eq!(house.audited("meridian.login.failed"), 5);
    assert_eq!(house.audited("meridian.access.denied"), 2);
    audit::verify(&[house.path("audit.jsonl")], None).unwrap();
    // Nobody's secret is in the log.
    let text = std::fs::read_to_string(house.path("audit.jsonl")).unwrap();
    for token in [&viewer, &late, &revoked] {
        assert!(!text.contains(token.splitn(3, '_').nth(2).unwrap()));
    }
}

#[test]
fn a_revoked_token_ends_its_connections_and_a_new_certificate_is_taken_up() {
    let mut house = House::new();
    let token = house.token("Hall 3", Role::Viewer, None);
    let gateway = serve(house.config(), publisher(60_000)).unwrap();
    let link = |house: &House, token: &str| {
        Link::start(LinkConfig {
            token: Some(token.to_owned()),
            trust: Trust {
                ca: None,
                pin: Some(house.pin()),
            },
            ..quick(gateway.url())
        })
        .unwrap()
    };
    let first = link(&house, &token);
    until(&first, tick);
    // Another certificate: those who pin the old key are refused, those who pin the new one get in.
    let old_pin = house.pin();
    std::thread::sleep(Duration::from_millis(1_100));
    house.certificate = House::certify(house.folder.path());
    assert_ne!(house.pin(), old_pin);
    let second = link(&house, &token);
    until(&second, tick);
    let mut store = TokenStore::open(&house.path("tokens.toml")).unwrap();
    let id = store.list()[0].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    for link in [&first, &second] {
        let reason = until(link, |event| match event {
            LinkEvent::Lost { reason, .. } => Some(reason),
            _ => None,
        });
        assert!(reason.contains("holds no longer"), "{reason}");
        until(link, |event| match event {
            LinkEvent::Refused { reason } => Some(reason),
            _ => None,
        });
    }
    gateway.stop();
    assert!(house.audited("meridian.files.reloaded") >= 2);
}

fn desk_house(config: GatewayConfig) -> (House, Gateway, [String; 3]) {
    let house = House::new();
    let tokens = [
        house.token("Anna", Role::Director, None),
        house.token("Bo", Role::Director, None),
        house.token("Hall 3", Role::Viewer, None),
    ];
    let config = GatewayConfig {
        tokens: Some(house.path("tokens.toml")),
        audit: Some(house.path("audit.jsonl")),
        state: Some(State::open(&house.path("gateway.journal"), "double11-2016").unwrap()),
        ..config
    };
    let gateway = serve(config, publisher(60_000)).unwrap();
    (house, gateway, tokens)
}

fn wall(gateway: &Gateway, token: &str) -> Link {
    Link::start(LinkConfig {
        token: Some(token.to_owned()),
        ..quick(gateway.url())
    })
    .unwrap()
}

#[test]
fn one_director_holds_two_release_and_every_display_obeys() {
    let (house, gateway, [anna, bo, hall]) = desk_house(signed());
    let link = wall(&gateway, &hall);
    let (event_ms, totals, _) = until(&link, tick);
    let mut first = Director::new(&gateway, &anna).unwrap();
    let mut second = Director::new(&gateway, &bo).unwrap();
    assert!(Director::new(&gateway, &hall).is_err_and(|error| error.contains("403")));
    assert_eq!(first.say(&Command::Hold)["outcome"], "done");
    let mut last = Some((event_ms, totals));
    until(&link, |event| match body(event)? {
        Body::Tick(tick) => {
            last = Some((tick.event_ms, tick.totals.counts));
            None
        }
        Body::Direct(direct) => direct.held.then_some(()),
        _ => None,
    });
    // Nothing goes on, and everybody is told; whoever comes now sees the last good figures.
    let begun = Instant::now();
    let mut held = 0;
    while begun.elapsed() < Duration::from_millis(2_500) {
        match link
            .events()
            .recv_timeout(Duration::from_millis(100))
            .ok()
            .and_then(body)
        {
            Some(Body::Tick(_) | Body::Lights(_) | Body::Snapshot(_)) => panic!("held figures went on"),
            Some(Body::Heartbeat(beat)) => {
                assert_eq!(beat.mode, Mode::Held);
                held += 1;
            }
            _ => {}
        }
    }
    assert!(held >= 2);
    let late = wall(&gateway, &hall);
    let seen = until(&late, snapshot);
    assert_eq!(Some((seen.event_ms, seen.totals.counts)), last);
    assert_eq!((seen.mode, seen.direct.unwrap().held), (Mode::Held, true));
    // One isn't enough, not even twice.
    assert_eq!(first.say(&Command::Release)["outcome"], "needs_second");
    assert_eq!(first.say(&Command::Release)["outcome"], "refused");
    assert_eq!(second.say(&Command::Status)["desk"]["held_by"], "Anna");
    assert_eq!(second.say(&Command::Release)["outcome"], "done");
    for link in [&link, &late] {
        let resumed = until(link, snapshot);
        assert_eq!(resumed.totals.counts, truth(resumed.event_ms));
        let (event_ms, totals, mode) = until(link, tick);
        assert_eq!((totals, mode), (truth(event_ms), Mode::Demo));
        assert!(event_ms >= last.unwrap().0 + 2_000);
    }
    let scene = Scene::Region("XX".to_owned());
    let answer = first.say(&Command::Scene { scene });
    assert_eq!(answer["outcome"], "refused", "{answer}");
    assert!(
        answer["text"]
            .as_str()
            .unwrap()
            .contains("there is no region \"XX\""),
        "{answer}"
    );
    let scene = Scene::Showroom(Some("piano".to_owned()));
    let answer = first.say(&Command::Scene { scene });
    assert!(
        answer["text"]
            .as_str()
            .unwrap()
            .contains("which the feed doesn't sell"),
        "{answer}"
    );
    let scene = Scene::Showroom(Some("shoe".to_owned()));
    assert_eq!(first.say(&Command::Scene { scene })["outcome"], "done");
    let mode = FiguresMode::Rehearsal;
    assert_eq!(second.say(&Command::Mode { mode })["outcome"], "done");
    let direct = until(&link, |event| match body(event)? {
        Body::Direct(direct) if direct.rehearsal => Some(direct),
        _ => None,
    });
    assert_eq!(direct.scene.as_deref(), Some("showroom:shoe"));
    // The clock's, so that a wall goes there although it knows numbers of a gateway whose state is lost.
    assert!(direct.scene_number > 1_700_000_000_000, "{direct:?}");
    assert_eq!(
        until(&link, |event| tick(event)
            .filter(|(.., mode)| *mode == Mode::Rehearsal))
        .2,
        Mode::Rehearsal
    );
    gateway.stop();
    assert_eq!(house.audited("meridian.desk.command"), 8);
}

#[test]
fn a_hold_outlives_the_gateway() {
    let (house, gateway, [anna, bo, hall]) = desk_house(GatewayConfig::default());
    let link = wall(&gateway, &hall);
    until(&link, tick);
    Director::new(&gateway, &anna).unwrap().say(&Command::Hold);
    until(&link, |event| match body(event)? {
        Body::Heartbeat(beat) => (beat.mode == Mode::Held).then_some(()),
        _ => None,
    });
    let known = until(&wall(&gateway, &hall), snapshot);
    gateway.kill();
    let state = State::open(&house.path("gateway.journal"), "double11-2016").unwrap();
    let saved = state.saved().unwrap().clone();
    let config = GatewayConfig {
        tokens: Some(house.path("tokens.toml")),
        state: Some(state),
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher(90_000)).unwrap();
    let link = wall(&gateway, &hall);
    let seen = until(&link, snapshot);
    assert_eq!((seen.totals, seen.mode), (known.totals, Mode::Held));
    assert!(saved.desk.is_held());
    Director::new(&gateway, &anna).unwrap().say(&Command::Release);
    Director::new(&gateway, &bo).unwrap().say(&Command::Release);
    let (event_ms, totals, _) = until(&link, tick);
    assert!(event_ms >= day_start() + 90_000);
    assert_eq!(totals, truth(event_ms));
    gateway.stop();
}

#[test]
fn a_hold_outlives_the_day() {
    let (house, gateway, [anna, bo, hall]) = desk_house(GatewayConfig::default());
    let mut director = Director::new(&gateway, &anna).unwrap();
    director.say(&Command::Hold);
    director.say(&Command::Mode {
        mode: FiguresMode::Rehearsal,
    });
    drop(director);
    let desk = gateway.end_day().unwrap();
    assert!(desk.is_held() && desk.is_rehearsal());
    // A gateway that was stopped in between reads it in the state, which is of the day before.
    let state = State::open(&house.path("gateway.journal"), "the next day").unwrap();
    assert!(state.saved().is_none());
    assert_eq!(state.other().unwrap().desk, desk);
    let config = GatewayConfig {
        tokens: Some(house.path("tokens.toml")),
        state: Some(state),
        desk: Some(desk),
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher(-500)).unwrap();
    let begun = until(&wall(&gateway, &hall), snapshot);
    // As it began, not as it was counted down to.
    assert_eq!((begun.event_ms, begun.mode), (day_start(), Mode::Held));
    assert_eq!(begun.totals.counts, Counts::default());
    std::thread::sleep(Duration::from_millis(1_500));
    let link = wall(&gateway, &hall);
    let still = until(&link, snapshot);
    assert_eq!((still.event_ms, still.totals), (begun.event_ms, begun.totals));
    assert_eq!(
        Director::new(&gateway, &anna).unwrap().say(&Command::Release)["outcome"],
        "needs_second"
    );
    Director::new(&gateway, &bo).unwrap().say(&Command::Release);
    let (event_ms, totals, mode) = until(&link, tick);
    assert!(event_ms > begun.event_ms + 1_000);
    assert_eq!((totals, mode), (truth(event_ms), Mode::Rehearsal));
    gateway.stop();
    // Kept too, should it stop again before anybody releases it.
    let state = State::open(&house.path("gateway.journal"), "the next day").unwrap();
    assert!(!state.saved().unwrap().desk.is_held());
}

#[test]
fn a_delay_shows_later_what_happened() {
    let (_house, gateway, [anna, _, hall]) = desk_house(GatewayConfig::default());
    let link = wall(&gateway, &hall);
    let now_ms = meridian_gateway::wall_ms;
    let (first_ms, ..) = until(&link, tick);
    let ahead_ms = now_ms() - first_ms;
    let answer = Director::new(&gateway, &anna)
        .unwrap()
        .say(&Command::Delay { delay_ms: 1_500 });
    assert_eq!(answer["desk"]["delay_ms"], 1_500);
    let begun = Instant::now();
    let late = until(&link, |event| match body(event)? {
        Body::Tick(tick) if begun.elapsed() > Duration::from_secs(3) => {
            let late_ms = now_ms() - tick.event_ms - ahead_ms;
            // It is published when it is shown: a display that looks for recordings takes it for none.
            let ago_ms = now_ms() - tick.published_ms;
            Some((late_ms, tick.event_ms, tick.totals.counts, ago_ms))
        }
        _ => None,
    });
    assert!((1_300..15_000).contains(&late.0) && late.3 < 1_000, "{late:?}");
    assert_eq!(late.2, truth(late.1));
    gateway.stop();
}

/// Where day follows day, the next one begins when the last figures of this one were shown.
#[test]
fn a_day_ends_while_figures_are_delayed() {
    let config = GatewayConfig {
        delay_ms: 2_500,
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher(86_400_000 - 1_000)).unwrap();
    let link = Link::start(quick(gateway.url())).unwrap();
    let (metrics, begun) = (gateway.metrics(), Instant::now());
    let (mut last_ms, mut over) = (0, None);
    while over.is_none_or(|over: Instant| over.elapsed() < Duration::from_secs(1)) {
        assert!(begun.elapsed() < WAIT, "the day doesn't end");
        let event = link.events().recv_timeout(Duration::from_millis(50));
        if let Some((event_ms, ..)) = event.ok().and_then(tick) {
            last_ms = event_ms;
        }
        if metrics.is_over() {
            over.get_or_insert_with(Instant::now);
        }
    }
    assert!(begun.elapsed() > Duration::from_millis(2_500));
    assert!(last_ms > day_start() + 86_400_000, "{last_ms}");
    gateway.stop();
}

/// What a network or an enemy does to signed frames is refused and said, and no wrong figure is ever applied.
#[test]
fn what_was_altered_repeated_moved_or_taken_out_is_refused() {
    let config = signed();
    let key = config.signing.as_ref().unwrap().public();
    let gateway = serve(config, publisher(60_000)).unwrap();
    for fault in [Fault::Alter, Fault::Duplicate, Fault::Reorder, Fault::TakeOut] {
        let proxy = Proxy::new(gateway.address());
        let link = Link::start(LinkConfig {
            key: Some(key),
            lights_per_s: Some(0),
            ..quick(proxy.url())
        })
        .unwrap();
        until(&link, tick);
        proxy.fault(fault);
        let (mut noticed, mut last_ms) = (false, 0);
        until(&link, |event| {
            match &event {
                LinkEvent::Forged { reason } => {
                    assert_ne!(fault, Fault::Reorder, "a gap is asked for, not blamed: {reason}");
                    noticed = true;
                }
                LinkEvent::Gap | LinkEvent::Garbage { .. } => noticed = true,
                _ => {}
            }
            let (event_ms, totals, _) = tick(event)?;
            assert_eq!(totals, truth(event_ms));
            assert!(event_ms > last_ms, "{fault:?}");
            last_ms = event_ms;
            noticed.then_some(())
        });
        assert_eq!(proxy.done(), 1);
    }
    // Another gateway in its place, with another key.
    let impostor = serve(signed(), publisher(60_000)).unwrap();
    let link = Link::start(LinkConfig {
        key: Some(key),
        ..quick(impostor.url())
    })
    .unwrap();
    let reason = until(&link, |event| match event {
        LinkEvent::Forged { reason } => Some(reason),
        LinkEvent::Frame(frame, _) => panic!("{:?} was applied", frame.body),
        _ => None,
    });
    assert!(reason.contains("another key signed it"), "{reason}");
    // And one that signs nothing.
    let bare = serve(GatewayConfig::default(), publisher(60_000)).unwrap();
    let link = Link::start(LinkConfig {
        key: Some(key),
        ..quick(bare.url())
    })
    .unwrap();
    until(&link, |event| match event {
        LinkEvent::Forged { reason } => Some(reason),
        LinkEvent::Frame(frame, _) => panic!("{:?} was applied", frame.body),
        _ => None,
    });
    gateway.stop();
}

#[test]
fn displays_behind_two_relays_believe_the_source_and_outlive_its_restart() {
    let key_folder = tempfile::tempdir().unwrap();
    let key = Arc::new(SigningKey::open_or_make(&key_folder.path().join("k.pem")).unwrap());
    let config = |listen| GatewayConfig {
        listen,
        signing: Some(Arc::clone(&key)),
        ..GatewayConfig::default()
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let source = serve(config(any), publisher(60_000)).unwrap();
    let address = source.address();
    let pinned = |url: String| LinkConfig {
        key: Some(key.public()),
        ..quick(url)
    };
    let middle = relay(GatewayConfig::default(), pinned(source.url())).unwrap();
    let end = relay(GatewayConfig::default(), pinned(middle.url())).unwrap();
    let link = Link::start(pinned(end.url())).unwrap();
    let mut ticks = 0;
    let (before_ms, _, _) = until(&link, |event| {
        assert!(!matches!(event, LinkEvent::Forged { .. }), "{event:?}");
        let tick = tick(event)?;
        assert_eq!(tick.1, truth(tick.0));
        ticks += 1;
        (ticks > 20).then_some(tick)
    });
    source.kill();
    let source = serve(config(address), publisher(before_ms - day_start() + 3_000)).unwrap();
    until(&link, |event| {
        let (event_ms, totals, _) = tick(event)?;
        assert_eq!(totals, truth(event_ms));
        (event_ms > before_ms + 3_000).then_some(())
    });
    source.stop();
    end.stop();
    middle.stop();
}

/// A hundred kinds of bad clients come while good ones follow: the good ones miss nothing, and the gateway forgets nobody's
/// place. (How quick the good ones stay is measured by `cargo bench --bench fanout`.)
#[test]
fn bad_clients_hurt_nobody() {
    let house = House::new();
    let hall = house.token("Hall 3", Role::Viewer, None);
    let config = GatewayConfig {
        tls: None,
        limits: Limits {
            handshakes: 50,
            handshakes_per_address_burst: 400.0,
            failures_per_minute: 40,
            lockout_s: 600,
            ..Limits::default()
        },
        ..house.config()
    };
    let gateway = serve(config, publisher(60_000)).unwrap();
    let address = gateway.address();
    let links: Vec<Link> = (0..10).map(|_| wall(&gateway, &hall)).collect();
    for link in &links {
        until(link, tick);
    }
    let bad = std::thread::spawn(move || bad_clients(address));
    let begun = Instant::now();
    let mut counts = vec![0; links.len()];
    while begun.elapsed() < Duration::from_secs(8) {
        for (link, count) in links.iter().zip(&mut counts) {
            for event in link.events().try_iter() {
                assert!(
                    !matches!(
                        event,
                        LinkEvent::Lost { .. } | LinkEvent::Gap | LinkEvent::Refused { .. }
                    ),
                    "{event:?}"
                );
                if let Some((event_ms, totals, _)) = tick(event) {
                    *count += 1;
                    if *count % 20 == 0 {
                        assert_eq!(totals, truth(event_ms));
                    }
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bad.join().unwrap();
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    let metrics = gateway.metrics().text();
    assert!(metrics.contains("intrusion_signs_total"), "{metrics}");
    // Another address than the bad ones' is still served.
    until(&wall(&gateway, &hall), tick);
    drop(links);
    gateway.stop();
    assert!(house.audited("meridian.intrusion.suspected") >= 1);
    audit::verify(&[house.path("audit.jsonl")], None).unwrap();
}

/// From another address of this machine, so that its lockout is its own.
fn from_elsewhere(address: SocketAddr) -> Option<TcpStream> {
    let socket = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?
        .block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().ok()?;
            socket.bind(SocketAddr::from(([127, 0, 0, 66], 0))).ok()?;
            socket.connect(address).await.ok()?.into_std().ok()
        })?;
    socket.set_nonblocking(false).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
    Some(socket)
}

fn bad_clients(address: SocketAddr) {
    const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut half_open = Vec::new();
    for round in 0..100_usize {
        let Some(mut socket) = from_elsewhere(address) else {
            continue;
        };
        let said: Vec<u8> = match round % 10 {
            0 => format!("{HANDSHAKE}\r\n").into_bytes(),
            1 => format!(
                "{HANDSHAKE}Authorization: Bearer mrd_000000000000_{}\r\n\r\n",
                "A".repeat(43)
            )
            .into_bytes(),
            2 => vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196],
            3 => (0..4_000_u32)
                .map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
            4 => format!("GET / HTTP/1.1\r\nX: {}\r\n", "y".repeat(100_000)).into_bytes(),
            5 => b"POST /admin HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            6 => b"GET".to_vec(),
            7 => format!("{HANDSHAKE}{}\r\n", "A: b\r\n".repeat(500)).into_bytes(),
            8 => Vec::new(),
            _ => format!(
                "{HANDSHAKE}Authorization: Bearer {}\r\n\r\n",
                "\u{fffd}".repeat(20)
            )
            .into_bytes(),
        };
        let _ = socket.write_all(&said);
        let mut answer = [0; 64];
        let _ = socket.read(&mut answer);
        if round % 10 == 6 || round % 10 == 8 {
            // Left hanging, a byte now and then.
            half_open.push(socket);
        }
        for hanging in &mut half_open {
            let _ = hanging.write_all(b"x");
        }
    }
    // And a flood.
    for _ in 0..600 {
        let _ = from_elsewhere(address);
    }
}

/// systemd is told when the gateway is ready, that it still lives, and that it stops.
#[cfg(target_os = "linux")]
#[test]
fn systemd_is_told_how_it_is() {
    use std::os::unix::net::UnixDatagram;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    // The watchdog's variables name the process, as systemd does.
    let program = env!("CARGO_BIN_EXE_meridian-gateway");
    let mut gateway = Killed(
        std::process::Command::new("sh")
            .args(["-c", "WATCHDOG_PID=$$ exec \"$0\" --listen 127.0.0.1:0", program])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "600000")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    let hear = || {
        let mut bytes = [0; 200];
        let length = socket
            .recv(&mut bytes)
            .expect("systemd is told something in time");
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    assert_eq!(hear(), "READY=1");
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(hear(), "WATCHDOG=1");
        assert!(
            began.elapsed() < Duration::from_millis(600),
            "{:?}",
            began.elapsed()
        );
    }
    let pid = gateway.0.id();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    while hear() != "STOPPING=1" {}
    assert!(gateway.0.wait().unwrap().success());
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
