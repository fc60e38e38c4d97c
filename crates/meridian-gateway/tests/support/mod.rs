//! What the gateway's tests share: requests by hand, waiting for events, and a proxy between gateway and display that does
//! what networks and enemies do.

#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meridian_client::{Link, LinkEvent};

/// How long anything may take to happen.
const WAIT: Duration = Duration::from_secs(30);

/// An address where nobody listens yet.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The whole answer to a `GET` on this machine.
pub fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

/// Asks for a WebSocket by hand, with these header lines more.
pub fn handshake(address: SocketAddr, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    // In one write: some tests count what arrives at once.
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

/// The first event in which `find` finds something; everything before it is passed over.
#[track_caller]
pub fn until<T>(link: &Link, mut find: impl FnMut(LinkEvent) -> Option<T>) -> T {
    let begun = Instant::now();
    let mut seen = Vec::new();
    while begun.elapsed() < WAIT {
        let event = link.events().recv_timeout(Duration::from_millis(100));
        if matches!(&event, Err(error) if error.to_string().contains("disconnected")) {
            break;
        }
        if let Ok(event) = event {
            if seen.len() < 40 {
                seen.push(match &event {
                    LinkEvent::Frame(frame, _) => format!("{} {}", frame.epoch, frame.seq),
                    other => format!("{other:?}"),
                });
            }
            if let Some(found) = find(event) {
                return found;
            }
        }
    }
    panic!("it didn't happen within {WAIT:?} {seen:?}");
}

/// What the proxy does to the next message from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Lets it wait.
    Delay(Duration),
    /// Ends the connection in its place.
    Cut,
    /// Hands it over a few bytes at a time.
    Throttle,
    /// Hands over half of it and ends the connection.
    Truncate,
    /// Hands over the one after it first.
    Reorder,
    /// Hands it over twice.
    Duplicate,
    /// Alters one bit of it.
    Alter,
    /// Takes it out, and tells the one after it that it follows the one before.
    TakeOut,
}

/// A WebSocket message as it travels from a server: its bytes, head and all.
struct Wire(Vec<u8>);

impl Wire {
    fn read(from: &mut impl Read) -> std::io::Result<Self> {
        let mut bytes = vec![0; 2];
        from.read_exact(&mut bytes)?;
        let mut length = u64::from(bytes[1] & 0x7f);
        let more = match length {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if more > 0 {
            let mut head = vec![0; more];
            from.read_exact(&mut head)?;
            length = head.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            bytes.extend(head);
        }
        let begin = bytes.len();
        bytes.resize(begin + usize::try_from(length).unwrap(), 0);
        from.read_exact(&mut bytes[begin..])?;
        Ok(Self(bytes))
    }

    fn payload_at(&self) -> usize {
        match self.0[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    /// Whether it is a message and not a ping or a close.
    fn is_data(&self) -> bool {
        matches!(self.0[0] & 0x0f, 1 | 2)
    }

    /// Replaces the payload.
    fn with(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![self.0[0]];
        match payload.len() {
            0..=125 => bytes.push(payload.len() as u8),
            126..=65_535 => {
                bytes.push(126);
                bytes.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }
}

#[derive(Default)]
struct Plan {
    next: Mutex<Vec<Fault>>,
    done: AtomicU64,
    stop: AtomicBool,
}

/// A proxy in front of a gateway.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
}

impl Proxy {
    /// In front of an address.
    pub fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Plan::default());
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(target) else {
                    // The gateway is down: so is the way to it.
                    drop(client);
                    continue;
                };
                let plan = Arc::clone(&shared);
                std::thread::spawn(move || carry(client, server, &plan));
            }
        });
        Self { address, plan }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Does this to the next message that comes.
    pub fn fault(&self, fault: Fault) {
        self.plan.next.lock().unwrap().push(fault);
    }

    /// How many faults were done.
    pub fn done(&self) -> u64 {
        self.plan.done.load(Ordering::Relaxed)
    }

    /// Forgets faults that weren't done yet.
    pub fn clear(&self) {
        self.plan.next.lock().unwrap().clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.plan.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(client: TcpStream, server: TcpStream, plan: &Plan) {
    let (mut up_from, mut up_to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let _ = carry_down(&server, &client, plan);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn carry_down(server: &TcpStream, client: &TcpStream, plan: &Plan) -> std::io::Result<()> {
    let mut from = std::io::BufReader::new(server);
    let mut to = client;
    // The handshake's answer.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    to.write_all(&head)?;
    let mut behind: Option<Wire> = None;
    // `prev` of a message that was taken out.
    let mut missing: Option<u64> = None;
    loop {
        let mut message = Wire::read(&mut from)?;
        if let Some(prev) = missing
            && message.is_data()
            && let Some(payload) = with_prev(&message.0[message.payload_at()..], prev)
        {
            message = Wire(message.with(&payload));
            missing = None;
        }
        let fault = if message.is_data() {
            plan.next.lock().unwrap().pop()
        } else {
            None
        };
        if fault.is_some() {
            plan.done.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            None => to.write_all(&message.0)?,
            Some(Fault::Delay(time)) => {
                std::thread::sleep(time);
                to.write_all(&message.0)?;
            }
            Some(Fault::Cut) => return Ok(()),
            Some(Fault::Throttle) => {
                for part in message.0.chunks(message.0.len().div_ceil(40)) {
                    to.write_all(part)?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Some(Fault::Truncate) => {
                to.write_all(&message.0[..message.0.len() / 2])?;
                return Ok(());
            }
            Some(Fault::Reorder) => {
                behind = Some(message);
                continue;
            }
            Some(Fault::Duplicate) => {
                to.write_all(&message.0)?;
                to.write_all(&message.0)?;
            }
            Some(Fault::Alter) => {
                // Within what it says, not in its head.
                let at = message.payload_at() + (message.0.len() - message.payload_at()) * 3 / 4;
                if let Some(byte) = message.0.get_mut(at) {
                    *byte ^= 4;
                }
                to.write_all(&message.0)?;
            }
            Some(Fault::TakeOut) => missing = prev_of(&message.0[message.payload_at()..]),
        }
        if let Some(late) = behind.take() {
            to.write_all(&late.0)?;
        }
    }
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in 0..10 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Where the field `prev` of a binary frame stands, and what it is.
fn find_prev(payload: &[u8]) -> Option<(usize, usize, u64)> {
    let mut at = 0;
    // Epoch, number and `prev` come first, in this order.
    for field in 1..=3 {
        let begin = at;
        let key = varint(payload, &mut at)?;
        let value = varint(payload, &mut at)?;
        if key == 3 << 3 {
            return Some((begin, at, value));
        }
        if key != field << 3 {
            return None;
        }
    }
    None
}

fn prev_of(payload: &[u8]) -> Option<u64> {
    find_prev(payload).map(|(_, _, prev)| prev)
}

fn with_prev(payload: &[u8], prev: u64) -> Option<Vec<u8>> {
    let (begin, end, _) = find_prev(payload)?;
    let mut bytes = payload[..begin].to_vec();
    bytes.push(3 << 3);
    let mut rest = prev;
    loop {
        let byte = (rest & 0x7f) as u8;
        rest >>= 7;
        bytes.push(if rest > 0 { byte | 0x80 } else { byte });
        if rest == 0 {
            break;
        }
    }
    bytes.extend(&payload[end..]);
    Some(bytes)
}
