//! Who may come in, under attack: floods, health checks, web pages, proxies and unfinished messages, from addresses of this machine's network,
//! against a gateway of a live day.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_gateway::operate::access::{Role, TokenStore};
use support::free_address;

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ORDERS: &str = "Sec-WebSocket-Protocol: meridian.v1.orders\r\n";
const WAIT: Duration = Duration::from_secs(20);

/// A gateway in a folder of its own.
struct House {
    folder: tempfile::TempDir,
    address: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
}

impl House {
    /// With this behind its configuration; tokens are to be made before it starts.
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let day = "synthetic = true\ngmv_counts = 'payment'\ncurrency = 'EUR'\n[title]\nen = 'Live'\nzh = '直播'\n[day]\nhours = 24\n\
             [[category]]\nname = { en = 'Garden', zh = '园艺' }\n";
        std::fs::write(folder.path().join("day.toml"), day).unwrap();
        let (address, admin) = (free_address(), free_address());
        let config = format!(
            "listen = '{address}'\n[source]\nlive = 'day.toml'\norder_log = 'orders'\n[admin]\nlisten = '{admin}'\nhosts = ['metrics.example']\n{more}"
        );
        std::fs::write(folder.path().join("gateway.toml"), config).unwrap();
        Self {
            folder,
            address,
            admin,
            child: None,
        }
    }

    /// With tokens, and anybody as a viewer.
    fn with_tokens(more: &str) -> Self {
        Self::new(&format!(
            "{more}[access]\ntokens = 'tokens.toml'\nanonymous = 'viewer'\norigins = []\n"
        ))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn token(&self, role: Role) -> String {
        let mut store = TokenStore::open(&self.path().join("tokens.toml")).unwrap();
        let token = store.make("test", role, None, Utc::now()).unwrap().1;
        format!("Authorization: Bearer {token}\r\n")
    }

    fn ended_token(&self) -> String {
        let header = self.token(Role::Viewer);
        let mut store = TokenStore::open(&self.path().join("tokens.toml")).unwrap();
        let id = store.list().last().unwrap().id.clone();
        store.revoke(&id, Utc::now()).unwrap();
        header
    }

    fn start(mut self) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .arg("--config")
            .arg(self.path().join("gateway.toml"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        // It is well from its first step on.
        while TcpStream::connect(self.admin).is_err()
            || number(&self.asked("localhost", "", "/health")) != 200
        {
            assert!(begun.elapsed() < WAIT, "the gateway doesn't start");
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// From an address of this machine's network.
    fn from(&self, last: u8) -> TcpStream {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let socket = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
            socket.connect(self.address).await.unwrap().into_std().unwrap()
        });
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        socket
    }

    /// Says something, and reads until an answer's head is there.
    fn say(&self, last: u8, text: &str) -> (TcpStream, String) {
        let mut socket = self.from(last);
        let _ = socket.write_all(text.as_bytes());
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            match socket.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => break,
            }
        }
        (socket, String::from_utf8(head).unwrap())
    }

    /// The number that a handshake is answered with; 0: none.
    fn status(&self, last: u8, headers: &str) -> u16 {
        number(&self.say(last, &format!("{HANDSHAKE}{headers}\r\n")).1)
    }

    fn asked(&self, host: &str, token: &str, path: &str) -> String {
        let mut socket = TcpStream::connect(self.admin).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    }

    /// Until the metrics say it.
    fn counts(&self, what: &str) {
        let begun = Instant::now();
        loop {
            let metrics = self.asked("localhost", "", "/metrics");
            if metrics.contains(what) {
                return;
            }
            assert!(begun.elapsed() < WAIT, "{what} isn't in {metrics}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn number(head: &str) -> u16 {
    head.split(' ').nth(1).map_or(0, |number| number.parse().unwrap())
}

/// A masked frame, short.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend(payload);
    bytes
}

/// The Close that comes, if one does before the connection ends: its number.
fn closed_with(socket: &mut TcpStream) -> Option<u16> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 65_536];
    while let Ok(read @ 1..) = socket.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..read]);
    }
    let mut at = 0;
    while bytes.len() >= at + 2 {
        let (length, head) = match bytes[at + 1] {
            126 => (u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]) as usize, 4),
            127 => (
                u64::from_be_bytes(bytes[at + 2..at + 10].try_into().unwrap()) as usize,
                10,
            ),
            short => (short as usize, 2),
        };
        if bytes[at] == 0x88 {
            return Some(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        }
        at += head + length;
    }
    None
}

#[test]
fn half_open_handshakes_and_foreign_pages_keep_nobody_out() {
    let house = House::with_tokens("[limits]\nhandshakes = 40\nfailures_per_minute = 10\n");
    let wall = house.token(Role::Viewer);
    let house = house.start();
    // Three addresses, with twenty each that begin and don't end.
    let slow: Vec<TcpStream> = (0..60)
        .map(|at| {
            let mut socket = house.from(10 + at % 3);
            let _ = socket.write_all(&HANDSHAKE.as_bytes()[..40]);
            socket
        })
        .collect();
    assert_eq!(house.status(2, &wall), 101, "from elsewhere, with a token");
    assert_eq!(house.status(3, ""), 101, "from elsewhere, without");
    drop(slow);
    // A page of somebody else, again and again: refused, said, and not the office's undoing.
    for _ in 0..11 {
        let status = house.status(20, "Origin: https://evil.example\r\n");
        assert!(status == 403 || status == 0);
        if status == 0 {
            break;
        }
    }
    house.counts("intrusion_signs_total{why=\"foreign_pages\"} 1");
    assert_eq!(house.status(20, &wall), 101);
    assert_eq!(house.status(20, ""), 101);
}

#[test]
fn health_checks_and_plain_http_are_answered_and_lock_nobody_out() {
    let house = House::with_tokens("[limits]\nfailures_per_minute = 5\n").start();
    for _ in 0..10 {
        drop(house.from(30));
        let (mut socket, head) = house.say(
            30,
            "GET /?1 HTTP/1.1\r\nHost: gateway:9016\r\nAccept: image/*\r\n\r\n",
        );
        assert!(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{head}");
        assert!(head.contains("Upgrade: websocket\r\n") && head.contains("Sec-WebSocket-Version: 13\r\n"));
        let mut body = String::new();
        socket.read_to_string(&mut body).unwrap();
        assert!(body.contains("WebSocket"));
        let (mut socket, head) = house.say(30, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((number(&head), socket.read(&mut [0]).unwrap()), (426, 0));
        assert_eq!(
            number(&house.say(30, "POST / HTTP/1.1\r\nHost: x\r\n\r\n").1),
            405
        );
        // https:// to where there is no TLS.
        let mut socket = house.from(30);
        socket.write_all(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196]).unwrap();
        assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(number(&house.say(30, "GET /health HTTP/1.0\r\n\r\n").1), 200);
    assert_eq!(house.status(30, ""), 101);
    let version = HANDSHAKE.replace("Version: 13", "Version: 8");
    assert_eq!(number(&house.say(31, &format!("{version}\r\n")).1), 426);
    let text = house.asked("localhost", "", "/metrics");
    let mut signs = text
        .lines()
        .filter(|line| line.contains("intrusion_signs_total{"));
    assert!(signs.all(|line| line.ends_with(" 0")), "{text}");
}

#[test]
fn a_locked_address_is_listened_to_and_this_machine_is_never_locked() {
    let house = House::with_tokens("[limits]\nfailures_per_minute = 5\n");
    let (wall, ended) = (house.token(Role::Viewer), house.ended_token());
    let house = house.start();
    let wrong = format!("Authorization: Bearer mrd_000000000000_{}\r\n", "A".repeat(43));
    for last in [1, 40] {
        for _ in 0..5 {
            assert_eq!(house.status(last, &wrong), 401);
        }
    }
    assert_eq!(house.status(40, ""), 429, "locked out");
    assert_eq!(house.status(40, &wall), 101, "but for who has a token");
    assert_eq!(house.status(1, ""), 101, "this machine itself");
    // A token that was revoked is that token's affair alone.
    for _ in 0..5 {
        let (_, head) = house.say(41, &format!("{HANDSHAKE}{ended}\r\n"));
        assert!(
            head.contains(" 401 ") && head.contains("Retry-After: 120\r\n"),
            "{head}"
        );
    }
    assert_eq!(house.status(41, ""), 101);
    house.counts("intrusion_signs_total{why=\"ended_tokens\"} 1");
    house.counts("intrusion_signs_total{why=\"failed_logins\"} 2");
}

#[test]
fn through_a_proxy_this_machine_is_not_trusted() {
    let house = House::new("").start();
    assert_eq!(house.status(1, ORDERS), 101, "this machine itself");
    for header in [
        "X-Forwarded-For: 203.0.113.9\r\n",
        "Forwarded: for=203.0.113.9\r\n",
        "Via: 1.1 proxy\r\n",
    ] {
        let (mut socket, head) = house.say(1, &format!("{HANDSHAKE}{ORDERS}{header}\r\n"));
        assert_eq!(number(&head), 403, "{header}");
        let mut body = String::new();
        socket.read_to_string(&mut body).unwrap();
        assert!(body.contains("[proxy] trusted"), "{body}");
        assert_eq!(house.status(1, header), 101, "a viewer may come that way");
    }
}

#[test]
fn behind_a_proxy_that_is_named_each_is_counted_for_themselves() {
    let house = House::with_tokens(
        "[limits]\nfailures_per_minute = 3\nconnections_per_address = 3\n[proxy]\ntrusted = ['127.0.0.50']\nheader = 'x-forwarded-for'\n",
    );
    let source = house.token(Role::Source);
    let house = house.start();
    let through = |client: &str, more: &str| {
        house.status(50, &format!("X-Forwarded-For: 127.0.0.1, {client}\r\n{more}"))
    };
    let wrong = format!("Authorization: Bearer mrd_000000000000_{}\r\n", "A".repeat(43));
    for _ in 0..3 {
        assert_eq!(through("203.0.113.9", &wrong), 401);
    }
    assert_eq!(through("203.0.113.9", ""), 429);
    assert_eq!(through("203.0.113.10", ""), 101);
    assert_eq!(through("203.0.113.10, 127.0.0.50", ""), 101);
    assert_eq!(through("nobody", ""), 400);
    // Nobody sends orders without a token any more, wherever from.
    assert_eq!(house.status(1, ORDERS), 403);
    assert_eq!(through("203.0.113.11", ORDERS), 403);
    assert_eq!(through("203.0.113.11", &format!("{ORDERS}{source}")), 101);
    let open: Vec<_> = (0..3)
        .map(|_| house.say(50, &format!("{HANDSHAKE}X-Forwarded-For: 203.0.113.12\r\n\r\n")))
        .collect();
    assert!(open.iter().all(|(_, head)| number(head) == 101));
    assert_eq!(through("203.0.113.12", ""), 429);
}

#[test]
fn the_proxy_protocol_says_for_whom_it_is() {
    let house = House::new(
        "[proxy]\ntrusted = ['127.0.0.50']\nheader = 'proxy-v1'\n[limits]\nconnections_per_address = 2\n",
    )
    .start();
    let line = |client: &str| format!("PROXY TCP4 {client} 127.0.0.1 4711 9016\r\n{HANDSHAKE}\r\n");
    let open: Vec<_> = (0..2).map(|_| house.say(50, &line("203.0.113.9"))).collect();
    assert!(open.iter().all(|(_, head)| number(head) == 101));
    assert_eq!(number(&house.say(50, &line("203.0.113.9")).1), 0);
    assert_eq!(number(&house.say(50, &line("203.0.113.10")).1), 101);
    // Without its line it is nobody; a balancer's own look is answered.
    assert_eq!(house.status(50, ""), 0);
    let health = house.say(50, "PROXY UNKNOWN\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    // On a machine that is busy the figures may be late, which isn't the question here.
    assert!([200, 503].contains(&number(&health.1)));
    assert_eq!(house.status(51, ""), 101, "past the proxy");
}

#[test]
fn frames_and_pings_that_no_message_comes_of_are_counted() {
    let house = House::new("").start();
    for (headers, flood) in [
        (
            ORDERS,
            (0..200).flat_map(|_| frame(0x89, b"x")).collect::<Vec<u8>>(),
        ),
        ("", (0..200).flat_map(|_| frame(0x89, b"x")).collect()),
        (
            "",
            [frame(0x01, b"")]
                .into_iter()
                .chain((0..2_000).map(|_| frame(0x00, b"")))
                .flatten()
                .collect(),
        ),
    ] {
        let (mut socket, head) = house.say(60, &format!("{HANDSHAKE}{headers}\r\n"));
        assert_eq!(number(&head), 101);
        let _ = socket.write_all(&flood);
        assert!(matches!(closed_with(&mut socket), Some(1008) | None));
    }
    house.counts("clients_lost_total{why=\"message\"} 3");
}

#[test]
fn unfinished_messages_share_their_memory_and_a_source_has_few_connections() {
    let house = House::with_tokens("[limits]\nunfinished_mib = 1\nconnections_per_source = 3\n");
    let source = house.token(Role::Source);
    let house = house.start();
    let mut open: Vec<TcpStream> = (0..3)
        .map(|_| {
            let (socket, head) = house.say(70, &format!("{HANDSHAKE}{ORDERS}{source}\r\n"));
            assert_eq!(number(&head), 101);
            socket
        })
        .collect();
    assert_eq!(house.status(70, &format!("{ORDERS}{source}")), 429);
    let mut begun = vec![0x02, 0x80 | 127];
    begun.extend(900_000_u64.to_be_bytes());
    begun.extend([0; 4]);
    begun.extend(vec![0; 800_000]);
    for socket in &mut open {
        let _ = socket.write_all(&begun);
    }
    house.counts("clients_lost_total{why=\"memory\"} 2");
    drop(open);
    // It is given back.
    let begun_at = Instant::now();
    while house.status(70, &format!("{ORDERS}{source}")) != 101 {
        assert!(begun_at.elapsed() < WAIT);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_close_is_answered_with_a_close() {
    let house = House::new("").start();
    for headers in ["Sec-WebSocket-Protocol: meridian.v1+json\r\n", ORDERS] {
        let (mut socket, head) = house.say(1, &format!("{HANDSHAKE}{headers}\r\n"));
        assert_eq!(number(&head), 101);
        socket.write_all(&frame(0x88, &1000_u16.to_be_bytes())).unwrap();
        assert_eq!(closed_with(&mut socket), Some(1000));
    }
}

#[test]
fn metrics_are_asked_of_this_machine_by_its_name() {
    let house = House::with_tokens("");
    let (chief, wall) = (house.token(Role::Executive), house.token(Role::Viewer));
    let house = house.start();
    for path in ["/metrics", "/health"] {
        for host in ["localhost", "127.0.0.1:9017", "[::1]", "metrics.example:9017"] {
            assert_eq!(number(&house.asked(host, "", path)), 200, "{host} {path}");
        }
        assert_eq!(number(&house.asked("evil.example:9017", "", path)), 403);
    }
    for (token, status) in [
        (&*chief, 200),
        (&*wall, 200),
        ("Authorization: Bearer x\r\n", 401),
    ] {
        assert_eq!(number(&house.asked("localhost", token, "/metrics")), status);
    }
}
