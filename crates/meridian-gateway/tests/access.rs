//! Who may see and do what, while that changes: tokens, roles, relays whose feed isn't known yet, files that others may read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Kind};
use meridian_gateway::operate::access::{NewToken, Role, TokenStore};
use meridian_gateway::operate::director::Command;
use meridian_gateway::{
    Gateway, GatewayConfig, GatewayError, LiveDay, LiveSource, Privacy, Publisher, SUBPROTOCOL_DESK,
    ScenarioSource, Source, check_anonymous, load_catalogue, relay, serve, wall_ms,
};
use meridian_wire::Body;
use support::{free_address, get, until};
use tokio_tungstenite::tungstenite::{self, Message};

const WAIT: Duration = Duration::from_secs(30);

fn publisher() -> Publisher {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + 60_000;
    Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap()
}

/// A token file.
struct Tokens(tempfile::TempDir);

impl Tokens {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("tokens.toml")
    }

    fn make(&self, name: &str, person: Option<&str>, role: Role) -> String {
        let wanted = NewToken {
            name,
            person,
            role,
            numbers: &[],
            expires: None,
        };
        let mut store = TokenStore::open(&self.path()).unwrap();
        store.make_as(&wanted, Utc::now()).unwrap().1
    }

    /// As somebody does with an editor.
    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path()).unwrap();
        let (before, after) = text.split_once(&format!("name = \"{name}\"")).unwrap();
        let after = after.replacen(from, to, 1);
        let text = format!("{before}name = \"{name}\"{after}");
        meridian_core::files::private::write(&self.path(), text.as_bytes()).unwrap();
    }

    fn config(&self) -> GatewayConfig {
        GatewayConfig {
            tokens: Some(self.path()),
            ..GatewayConfig::default()
        }
    }
}

fn link(url: impl Into<String>, token: &str) -> LinkConfig {
    LinkConfig {
        token: Some(token.to_owned()),
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(100),
        lights_per_s: Some(0),
        ..LinkConfig::new(url)
    }
}

/// The epoch of the next figures; odd is internal.
fn figures(event: LinkEvent) -> Option<u64> {
    match event {
        LinkEvent::Frame(frame, _) if matches!(frame.body, Body::Snapshot(_) | Body::Tick(_)) => {
            Some(frame.epoch)
        }
        _ => None,
    }
}

fn lost(event: LinkEvent) -> Option<String> {
    match event {
        LinkEvent::Lost { reason, .. } => Some(reason),
        _ => None,
    }
}

fn refused(event: LinkEvent) -> Option<String> {
    match event {
        LinkEvent::Refused { reason } => Some(reason),
        LinkEvent::Frame(frame, _) => panic!("{:?} was given out", frame.body),
        _ => None,
    }
}

/// HTTP by hand: what is answered to a handshake.
fn answer(address: SocketAddr, token: &str) -> String {
    let mut socket = support::handshake(address, &format!("Authorization: Bearer {token}\r\n"));
    let mut bytes = [0; 400];
    let length = socket.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn desk(
    gateway: &Gateway,
    token: &str,
) -> tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<TcpStream>> {
    let request = tungstenite::ClientRequestBuilder::new(gateway.url().parse().unwrap())
        .with_sub_protocol(SUBPROTOCOL_DESK)
        .with_header("Authorization", format!("Bearer {token}"));
    let (socket, _) = tungstenite::connect(request).unwrap();
    if let tungstenite::stream::MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(WAIT)).unwrap();
    }
    socket
}

fn say(
    desk: &mut tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<TcpStream>>,
    command: &Command,
) -> serde_json::Value {
    let text = serde_json::to_string(command).unwrap();
    desk.send(Message::text(text)).unwrap();
    loop {
        if let Message::Text(text) = desk.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// A relay that may see everything has viewers at its door before its own feed has come.
#[test]
fn nobody_is_let_in_to_a_feed_of_which_it_is_not_known_who_may_see_it() {
    let (above, below) = (Tokens::new(), Tokens::new());
    let upstream_token = above.make("Relay", None, Role::Executive);
    let (wall, chief) = (
        below.make("Hall 3", None, Role::Viewer),
        below.make("CFO", None, Role::Executive),
    );
    let address = free_address();
    let passing = relay(below.config(), link(format!("ws://{address}"), &upstream_token)).unwrap();
    let told = answer(passing.address(), &wall);
    assert!(
        told.starts_with("HTTP/1.1 503") && told.to_lowercase().contains("retry-after: 1"),
        "{told}"
    );
    assert!(answer(passing.address(), &chief).starts_with("HTTP/1.1 101"));
    // They come again and again, as walls do.
    let viewer = Link::start(link(passing.url(), &wall)).unwrap();
    let inside = Link::start(link(passing.url(), &chief)).unwrap();
    assert!(until(&viewer, lost).contains("503"));
    let source = serve(
        GatewayConfig {
            listen: address,
            ..above.config()
        },
        publisher(),
    )
    .unwrap();
    assert_eq!(until(&inside, figures) % 2, 1);
    assert!(until(&viewer, refused).contains("403"));
    passing.stop();
    source.stop();
}

/// The token of a relay is made one that sees more: its own clients aren't taken along.
#[test]
fn a_feed_that_comes_to_hold_more_ends_those_who_may_not_see_it() {
    let (above, below) = (Tokens::new(), Tokens::new());
    let upstream_token = above.make("Relay", None, Role::Viewer);
    let (wall, chief) = (
        below.make("Hall 3", None, Role::Viewer),
        below.make("CFO", None, Role::Executive),
    );
    let source = serve(above.config(), publisher()).unwrap();
    let passing = relay(below.config(), link(source.url(), &upstream_token)).unwrap();
    let viewer = Link::start(link(passing.url(), &wall)).unwrap();
    let inside = Link::start(link(passing.url(), &chief)).unwrap();
    assert_eq!((until(&viewer, figures) % 2, until(&inside, figures) % 2), (0, 0));
    above.edit("Relay", "viewer", "executive");
    until(&inside, |event| figures(event).filter(|epoch| epoch % 2 == 1));
    let reason = until(&viewer, |event| match event {
        LinkEvent::Frame(frame, _) => {
            assert_eq!(frame.epoch % 2, 0, "{:?} was given out", frame.body);
            None
        }
        other => lost(other),
    });
    assert!(reason.contains("more now than the token allows"), "{reason}");
    assert!(until(&viewer, refused).contains("403"));
    // A desk has nothing to direct here, and says so.
    let director = below.make("Anna", None, Role::Director);
    let begun = Instant::now();
    while !answer(passing.address(), &director).starts_with("HTTP/1.1 101") {
        assert!(begun.elapsed() < WAIT);
        std::thread::sleep(Duration::from_millis(200));
    }
    let told = say(&mut desk(&passing, &director), &Command::Hold);
    assert_eq!(told["outcome"], "refused");
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .contains("passes another one's feed on"),
        "{told}"
    );
    passing.stop();
    source.stop();
}

/// Whatever becomes of a token reaches whoever is connected with it, also one who says nothing.
#[test]
fn a_token_that_changes_ends_feeds_and_idle_desks() {
    let tokens = Tokens::new();
    let chief = tokens.make("CFO", None, Role::Executive);
    let (anna, bo) = (
        tokens.make("Anna", None, Role::Director),
        tokens.make("Bo", None, Role::Director),
    );
    let gateway = serve(tokens.config(), publisher()).unwrap();
    let executive = Link::start(link(gateway.url(), &chief)).unwrap();
    assert_eq!(until(&executive, figures) % 2, 1);
    let (mut revoked, mut demoted) = (desk(&gateway, &anna), desk(&gateway, &bo));
    assert_eq!(say(&mut demoted, &Command::Status)["outcome"], "unchanged");
    // One edit: an executive and a director become viewers. And a revocation.
    tokens.edit("CFO", "executive", "viewer");
    tokens.edit("Bo", "director", "viewer");
    let mut store = TokenStore::open(&tokens.path()).unwrap();
    let id = store.list()[1].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    let reason = until(&executive, lost);
    assert!(reason.contains("holds no longer"), "{reason}");
    assert_eq!(
        until(&executive, figures) % 2,
        0,
        "it comes back as what it is now"
    );
    for desk in [&mut revoked, &mut demoted] {
        let reason = loop {
            match desk.read().unwrap() {
                Message::Close(frame) => break frame.unwrap().reason.to_string(),
                Message::Text(text) => panic!("{text}"),
                _ => {}
            }
        };
        assert!(reason.contains("holds no longer"), "{reason}");
    }
    gateway.stop();
}

/// Anna has two tokens, and is one director.
#[test]
fn nobody_releases_figures_with_two_tokens_of_their_own() {
    let tokens = Tokens::new();
    let of = |name: &str, person: Option<&str>| tokens.make(name, person, Role::Director);
    let (first, second) = (of("Anna", None), of("anna ", None));
    let (third, fourth) = (of("Desk 2", Some("ANNA")), of("Desk 3", Some("Bo")));
    let gateway = serve(tokens.config(), publisher()).unwrap();
    let release = |token: &str| say(&mut desk(&gateway, token), &Command::Release);
    say(&mut desk(&gateway, &first), &Command::Hold);
    assert_eq!(release(&first)["outcome"], "needs_second");
    for token in [&second, &third] {
        let answer = release(token);
        assert_eq!(answer["outcome"], "refused", "{answer}");
        assert!(
            answer["text"].as_str().unwrap().contains("another person"),
            "{answer}"
        );
    }
    assert_eq!(release(&fourth)["outcome"], "done");
    gateway.stop();
}

/// Anna asks for the release, and her token is taken back, or made another person's: Bo alone doesn't release.
#[test]
fn a_release_asked_for_with_a_token_that_ended_counts_for_nothing() {
    let tokens = Tokens::new();
    let [anna, bo, cy] = ["Anna", "Bo", "Cy"].map(|name| tokens.make(name, None, Role::Director));
    let gateway = serve(tokens.config(), publisher()).unwrap();
    let release = |token: &str| say(&mut desk(&gateway, token), &Command::Release);
    say(&mut desk(&gateway, &bo), &Command::Hold);
    assert_eq!(release(&anna)["outcome"], "needs_second");
    let mut idle = desk(&gateway, &anna);
    let mut store = TokenStore::open(&tokens.path()).unwrap();
    let id = store.list()[0].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    // Until her own desk has ended.
    while let Ok(message) = idle.read() {
        if let Message::Close(_) = message {
            break;
        }
    }
    assert_eq!(release(&bo)["outcome"], "needs_second");
    tokens.edit("Bo", "\nrole", "\nperson = \"Cy\"\nrole");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(release(&cy)["outcome"], "needs_second");
    assert_eq!(release(&bo)["outcome"], "refused");
    gateway.stop();
}

/// What is revoked in a file that can't be read doesn't arrive; that is said where somebody watches, until it does.
#[cfg(unix)]
#[test]
fn a_token_file_that_can_not_be_read_is_said_and_read_once_it_can() {
    use std::os::unix::fs::PermissionsExt as _;
    let tokens = Tokens::new();
    let wall = tokens.make("Hall 3", None, Role::Viewer);
    let config = GatewayConfig {
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..tokens.config()
    };
    let gateway = serve(config, publisher()).unwrap();
    let admin = gateway.admin().unwrap();
    let display = Link::start(link(gateway.url(), &wall)).unwrap();
    until(&display, figures);
    let mode = |mode| std::fs::set_permissions(tokens.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    let mut store = TokenStore::open(&tokens.path()).unwrap();
    let id = store.list()[0].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    mode(0o644);
    let wait_for = |path: &str, words: &str| {
        let begun = Instant::now();
        loop {
            let text = get(admin, path);
            if text.contains(words) {
                return text;
            }
            assert!(begun.elapsed() < WAIT, "{text}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    // The revocation may have been read before the mode was changed; what then can't be read is said all the same.
    let health = wait_for("/health", "the token file can't be read");
    assert!(
        health.starts_with("HTTP/1.1 503") && health.contains("chmod 600"),
        "{health}"
    );
    wait_for("/metrics", "meridian_gateway_tokens_unread 1");
    mode(0o600);
    wait_for("/health", "well");
    wait_for("/metrics", "meridian_gateway_tokens_unread 0");
    until(&display, refused_after_frames);
    gateway.stop();
}

/// A source is answered once for each batch; where a batch is an order, whoever counted answers would count orders.
#[test]
fn metrics_do_not_count_answers_to_sources() {
    let catalogue = load_catalogue().unwrap();
    let hour_ago = Utc::now() - chrono::Duration::hours(1);
    let start = format!("start = \"{}\"", hour_ago.format("%Y-%m-%dT%H:%M:00Z"));
    let text = include_str!("../../../config/live-day.toml").replace("zone = \"Europe/Berlin\"", &start);
    let day = LiveDay::parse(&text, &catalogue, wall_ms()).unwrap();
    let (source, privacy) = LiveSource::open(day, None, &catalogue, Privacy::default()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
    let config = GatewayConfig {
        intake: Some(intake),
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher.with_privacy(privacy).unwrap()).unwrap();
    let request = tungstenite::ClientRequestBuilder::new(gateway.url().parse().unwrap())
        .with_sub_protocol("meridian.v1.orders");
    let (mut socket, _) = tungstenite::connect(request).unwrap();
    let now_ms = wall_ms();
    for sequence in 1..=20 {
        let mut batch = Batch::new(Kind::Order, now_ms - 1_000, now_ms - 900);
        batch.push(3, 1, 0, 500, Batch::DOMESTIC);
        socket
            .send(Message::binary(encode(&batch, 1, sequence).unwrap()))
            .unwrap();
    }
    let mut taken = 0;
    while taken < 20 {
        if let Message::Text(text) = socket.read().unwrap() {
            taken += usize::from(text.contains("\"taken\""));
        }
    }
    drop(socket);
    std::thread::sleep(Duration::from_millis(300));
    let told = get(gateway.admin().unwrap(), "/metrics");
    for name in ["messages_sent", "bytes_sent", "frames_received"] {
        let line = format!("meridian_gateway_{name}_total 0\n");
        assert!(told.contains(&line), "{told}");
    }
    gateway.stop();
}

#[cfg(unix)]
fn put_pipe(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Nobody writes into the pipe: whoever read it would wait for ever.
#[cfg(unix)]
#[test]
fn a_token_file_that_becomes_a_pipe_stops_nothing() {
    let tokens = Tokens::new();
    let wall = tokens.make("Hall 3", None, Role::Viewer);
    let config = GatewayConfig {
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..tokens.config()
    };
    let gateway = serve(config, publisher()).unwrap();
    let admin = gateway.admin().unwrap();
    let display = Link::start(link(gateway.url(), &wall)).unwrap();
    until(&display, figures);
    let kept = std::fs::read(tokens.path()).unwrap();
    put_pipe(&tokens.path());
    let wait_for = |path: &str, words: &str| {
        let begun = Instant::now();
        while !get(admin, path).contains(words) {
            assert!(begun.elapsed() < WAIT);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait_for("/health", "it is a pipe or a device: a file is needed");
    wait_for("/metrics", "meridian_gateway_tokens_unread 1");
    // Figures go on, and whoever has a token comes in as before.
    let begun = Instant::now();
    until(&display, figures);
    until(&Link::start(link(gateway.url(), &wall)).unwrap(), figures);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Another file in its place is read, and what is revoked in it holds.
    std::fs::remove_file(tokens.path()).unwrap();
    meridian_core::files::private::write(&tokens.path(), &kept).unwrap();
    wait_for("/health", "well\n");
    let mut store = TokenStore::open(&tokens.path()).unwrap();
    let id = store.list()[0].id.clone();
    store.revoke(&id, Utc::now()).unwrap();
    until(&display, refused_after_frames);
    gateway.stop();
}

fn refused_after_frames(event: LinkEvent) -> Option<String> {
    match event {
        LinkEvent::Refused { reason } => Some(reason),
        _ => None,
    }
}

/// What `check` says of a configuration.
fn check(folder: &Path, config: &str) -> (bool, String) {
    let path = folder.join("gateway.toml");
    std::fs::write(&path, config).unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
    (done.status.success(), said)
}

#[test]
fn strangers_neither_direct_nor_send_orders() {
    let folder = tempfile::tempdir().unwrap();
    for (role, listen, good) in [
        ("director", "0.0.0.0:0", false),
        ("source", "0.0.0.0:0", false),
        ("source", "[::]:0", false),
        ("executive", "0.0.0.0:0", true),
        ("director", "127.0.0.1:0", true),
        ("source", "[::1]:0", true),
    ] {
        let config = format!("listen = \"{listen}\"\nallow_plain = true\n[access]\nanonymous = \"{role}\"\n");
        let (is_good, said) = check(folder.path(), &config);
        assert_eq!(is_good, good, "{role} {listen}: {said}");
        if !good {
            assert!(
                said.contains("access.anonymous") && said.contains("loopback"),
                "{said}"
            );
        }
    }
    // Serving is refused too, wherever the address was given.
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(
        check_anonymous(Some(Role::Source), everywhere),
        Err(GatewayError::Anonymous(Role::Source, _))
    ));
    let config = GatewayConfig {
        listen: everywhere,
        allow_remote: true,
        anonymous: Some(Role::Director),
        ..GatewayConfig::default()
    };
    assert!(matches!(
        serve(config, publisher()),
        Err(GatewayError::Anonymous(..))
    ));
}

/// Keys and tokens that others could read are refused before anything is served.
#[cfg(unix)]
#[test]
fn secrets_that_others_may_read_are_refused_by_check() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(path("certificate.pem"), certificate.pem()).unwrap();
    std::fs::write(path("certificate.key"), key.serialize_pem()).unwrap();
    meridian_wire::SigningKey::open_or_make(&path("feed.pem")).unwrap();
    let mut store = TokenStore::open(&path("tokens.toml")).unwrap();
    let token = store.make("Relay", Role::Viewer, None, Utc::now()).unwrap().1;
    std::fs::write(path("upstream.token"), token).unwrap();
    let config = "[source]\nupstream = \"wss://localhost:1\"\nupstream_token = \"upstream.token\"\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"certificate.key\"\n[signing]\nkey = \"feed.pem\"\n[access]\ntokens = \"tokens.toml\"\n";
    let secrets = ["certificate.key", "feed.pem", "tokens.toml", "upstream.token"];
    let mode = |name: &str, mode| {
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in secrets {
        mode(name, 0o600);
    }
    let (good, said) = check(folder.path(), config);
    assert!(good, "{said}");
    for name in secrets {
        for wrong in [0o644, 0o640] {
            mode(name, wrong);
            let (good, said) = check(folder.path(), config);
            let wanted = format!("chmod 600 {}", path(name).display());
            assert!(!good && said.contains(&wanted), "{name} {wrong:o}: {said}");
        }
        mode(name, 0o600);
    }
    // A pipe is no file, and nobody waits for what may come out of it.
    for name in secrets.into_iter().chain(["certificate.pem"]) {
        let kept = std::fs::read(path(name)).unwrap();
        put_pipe(&path(name));
        let (good, said) = check(folder.path(), config);
        let wanted = format!("{}: it is a pipe or a device", path(name).display());
        assert!(!good && said.contains(&wanted), "{name}: {said}");
        std::fs::remove_file(path(name)).unwrap();
        meridian_core::files::private::write(&path(name), &kept).unwrap();
    }
}

#[cfg(unix)]
fn mode_of(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a gateway until it ends by itself, and gives what it said.
fn start(folder: &Path) -> String {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .arg("--config")
        .arg(folder.join("gateway.toml"))
        .output()
        .unwrap();
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// What is dangerous is said, what isn't there yet is named, and whoever only checks makes nothing.
#[cfg(unix)]
#[test]
fn check_says_what_others_see_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("day.toml"), include_str!("../../../config/live-day.toml")).unwrap();
    let config = |k: u32, more: &str| {
        format!(
            "listen = \"127.0.0.1:0\"\nstate = \"kept/state.journal\"\n{more}[privacy]\nk = {k}\n[source]\nlive = \"day.toml\"\norder_log = \"orders\"\n[audit]\nfile = \"audit/audit.jsonl\"\n[signing]\nkey = \"keys/feed.pem\"\n"
        )
    };
    let (good, said) = check(folder.path(), &config(10, ""));
    assert!(good && !said.contains("WARNING"), "{said}");
    for words in [
        "fewer than 10 orders",
        "audit/audit.jsonl, made at the first start",
        "state.journal, made at the first start",
        "metrics         none",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for name in ["kept", "orders", "audit", "keys"] {
        assert!(!path(name).exists(), "{name}");
        std::fs::create_dir(path(name)).unwrap();
        mode_of(&path(name), 0o755);
    }
    // Without privacy, and in folders that others look into, it is as good, and said.
    let (good, said) = check(folder.path(), &config(1, ""));
    assert!(
        good && said.contains("privacy         OFF: privacy.k is 1"),
        "{said}"
    );
    for (name, key) in [
        ("kept", "state"),
        ("orders", "source.order_log"),
        ("audit", "audit.file"),
        ("keys", "signing.key"),
    ] {
        let wanted = format!(
            "WARNING: {key}: the folder {} has the mode 755",
            path(name).display()
        );
        assert!(said.contains(&wanted), "{wanted}: {said}");
    }
    let strangers = "[access]\nanonymous = \"executive\"\n";
    for (listen, warned) in [("127.0.0.1:0", false), ("0.0.0.0:0", true)] {
        let (good, said) = check(
            folder.path(),
            &format!("listen = \"{listen}\"\nallow_plain = true\n{strangers}"),
        );
        assert!(
            good && said.contains("WARNING: access.anonymous") == warned,
            "{said}"
        );
    }
    // Nobody waits for what comes out of a pipe.
    for (name, key) in [
        ("kept/state.journal", "state"),
        ("audit/audit.jsonl", "audit.file"),
    ] {
        put_pipe(&path(name));
        let (good, said) = check(folder.path(), &config(10, ""));
        let started = start(folder.path());
        std::fs::remove_file(path(name)).unwrap();
        for said in [said, started] {
            assert!(
                !good && said.contains(key) && said.contains("it is a pipe"),
                "{name}: {said}"
            );
        }
    }
    // A folder that can't be made is refused, by check and by a start, with file and field.
    std::fs::remove_dir(path("audit")).unwrap();
    std::fs::write(path("audit"), "").unwrap();
    let (good, said) = check(folder.path(), &config(10, ""));
    let wanted = format!(
        "{}: audit.file: {} isn't a folder, and one is needed there",
        path("gateway.toml").display(),
        path("audit").display()
    );
    assert!(!good && said.contains(&wanted), "{said}");
    let said = start(folder.path());
    let wanted = format!("{}: audit.file: ", path("gateway.toml").display());
    assert!(said.contains(&wanted), "{said}");
}

/// Folders that aren't there are made at a start, for their owner alone; what can't be had is named by file and field.
#[cfg(unix)]
#[test]
fn a_start_makes_its_folders_and_names_what_it_can_not_have() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap();
    let write = |listen: &str, admin: &str, more: &str| {
        let text = format!(
            "listen = \"{listen}\"\nstate = \"a/b/state.journal\"\n[admin]\nlisten = \"{admin}\"\n[audit]\nfile = \"c/d/audit.jsonl\"\n[signing]\nkey = \"e/feed.pem\"\n{more}"
        );
        std::fs::write(path("gateway.toml"), text).unwrap();
    };
    let file = path("gateway.toml").display().to_string();
    write("127.0.0.1:0", &busy.to_string(), "");
    let said = start(folder.path());
    let wanted = format!("{file}: [admin] listen: can't listen on {busy} ([admin] listen)");
    assert!(said.contains(&wanted), "{said}");
    for made in ["a", "a/b", "c", "c/d", "e"] {
        let mode = std::fs::metadata(path(made)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{made}");
    }
    write(&busy.to_string(), "127.0.0.1:0", "");
    assert!(start(folder.path()).contains(&format!("{file}: listen: can't listen on {busy}")));
    write("127.0.0.1:0", "127.0.0.1:0", "[source]\nlive = \"dya.toml\"\n");
    let (said, checked) = (
        start(folder.path()),
        check(
            folder.path(),
            &std::fs::read_to_string(path("gateway.toml")).unwrap(),
        )
        .1,
    );
    for said in [said, checked] {
        assert!(
            said.contains(&format!("{file}: source.live: ")) && !said.contains("--live"),
            "{said}"
        );
    }
    // It would follow itself.
    let own = free_address();
    write(
        &own.to_string(),
        "127.0.0.1:0",
        &format!("[source]\nupstream = \"ws://{own}\"\n"),
    );
    let said = start(folder.path());
    assert!(
        said.contains("source.upstream") && said.contains("this gateway itself"),
        "{said}"
    );
    write("0.0.0.0:0", "127.0.0.1:0", "");
    assert!(start(folder.path()).contains("allow_plain = true"));
}

/// What somebody wrote is what they are told.
#[test]
fn another_k_is_said_as_it_is_written() {
    let catalogue = load_catalogue().unwrap();
    let day = |k: Privacy, folder: &Path| {
        let day = LiveDay::parse(
            include_str!("../../../config/live-day.toml"),
            &catalogue,
            wall_ms(),
        )
        .unwrap();
        LiveSource::open(day, Some(folder), &catalogue, k).map(|_| ())
    };
    for (then, now, words) in [
        (
            Privacy::default(),
            Privacy::off(),
            "with privacy.k 10, and now it is 1 (off)",
        ),
        (
            Privacy::off(),
            Privacy::default(),
            "with privacy.k 1 (off), and now it is 10",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        day(then, folder.path()).unwrap();
        let problem = day(now, folder.path()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

/// A balancer looks in every second: by HTTP, and by a connection that it resets. No line says that somebody was refused.
#[test]
fn looks_of_balancers_are_no_lines() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let tokens = folder.path().join("tokens.toml");
    TokenStore::open(&tokens)
        .unwrap()
        .make("Hall 3", Role::Viewer, None, Utc::now())
        .unwrap();
    let config = format!("listen = \"{address}\"\n[access]\ntokens = \"tokens.toml\"\n");
    std::fs::write(folder.path().join("gateway.toml"), config).unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
        .arg("--config")
        .arg(folder.path().join("gateway.toml"))
        .env_remove("RUST_LOG")
        .stderr(log)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < WAIT);
        std::thread::sleep(Duration::from_millis(50));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for _ in 0..3 {
        assert!(get(address, "/health").starts_with("HTTP/1.1 "));
        runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(address).await.unwrap();
            socket.set_zero_linger().unwrap();
        });
    }
    // Whoever is refused for something is a line, in words.
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    drop(socket);
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    while !said().contains("a client is refused") {
        assert!(begun.elapsed() < WAIT, "{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(
        !log.contains("plain HTTP") && !log.contains("reset by peer"),
        "{log}"
    );
    assert_eq!(log.matches("a client is refused").count(), 1, "{log}");
    assert!(
        log.contains("no token") && !log.contains("a client is gone"),
        "{log}"
    );
}

/// As `openssl req -x509` makes it, and as docs/gateway.md does.
#[test]
fn a_certificate_that_is_an_authoritys_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = rcgen::KeyPair::generate().unwrap();
    meridian_core::files::private::write(&path("certificate.key"), key.serialize_pem().as_bytes()).unwrap();
    for (is_ca, words) in [
        (
            rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
            Some("basicConstraints=critical,CA:FALSE"),
        ),
        (rcgen::IsCa::ExplicitNoCa, None),
    ] {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(path("certificate.pem"), certificate.pem()).unwrap();
        let config = GatewayConfig {
            tls: Some(meridian_gateway::config::TlsConfig {
                certificate: path("certificate.pem"),
                key: path("certificate.key"),
            }),
            ..GatewayConfig::default()
        };
        let gateway = serve(config, publisher()).unwrap();
        let display = |host: &str| {
            let url = format!("wss://{host}:{}", gateway.address().port());
            let trust = meridian_client::tls::Trust {
                ca: Some(path("certificate.pem")),
                pin: None,
            };
            Link::start(LinkConfig {
                trust,
                token: None,
                ..link(url, "")
            })
            .unwrap()
        };
        match words {
            None => {
                until(&display("localhost"), figures);
                let reason = until(&display("127.0.0.1"), refused);
                assert!(reason.contains("it isn't for 127.0.0.1"), "{reason}");
            }
            Some(words) => {
                let reason = until(&display("localhost"), refused);
                assert!(
                    reason.contains(words) && !reason.contains("OtherError"),
                    "{reason}"
                );
            }
        }
        gateway.stop();
    }
}

/// A hash that is cut short would say that the log's end was taken off.
#[test]
fn a_hash_has_all_its_digits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    std::fs::write(&file, "").unwrap();
    let verify = |head: &str| {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .args(["audit", "verify", "--head", head])
            .arg(&file)
            .output()
            .unwrap();
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert!(
        verify("abc").contains("all 64 hexadecimal digits"),
        "{}",
        verify("abc")
    );
    assert!(verify(&"a".repeat(64)).contains("its end was taken off"));
}
