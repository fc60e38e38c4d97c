//! Reads what a client sends first: a WebSocket handshake, plain HTTP, or something else.
//!
//! A balancer that looks whether the gateway is there, a browser that somebody typed the address into and a picture that
//! a page pretends to have here aren't failures: they are answered in a sentence.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response, create_response, write_response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 32 << 10;
/// An answer is written, and what still comes is read away, within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// The most bytes that are read and dropped after an answer.
const MAX_READ_AWAY: usize = 64 << 10;
/// What every STUN message has, four bytes into it: a page can send them over TCP to any address.
const STUN: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What a client said first.
pub(super) enum Heard {
    /// A WebSocket handshake, the answer if it is let in, and what came behind it.
    Handshake(Box<(Request, Response, Vec<u8>)>),
    /// HTTP without one.
    Plain(Plain),
    /// Not HTTP, or not understood: what is answered, and why.
    Wrong(Answer, String),
    /// Nothing, or another protocol that browsers speak: nothing can be answered, and nothing is wrong.
    Probe(&'static str),
}

/// HTTP without a WebSocket handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Whether it asks if the gateway is well.
    pub health: bool,
    pub answer: Answer,
    pub headers: HeaderMap,
}

/// What is answered instead of a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub told: String,
    /// Whether `told` is written: not for HEAD.
    pub body: bool,
}

impl Answer {
    pub fn new(status: StatusCode, told: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            told: told.into(),
            body: true,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn upgrade(told: &str) -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, told)
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
    }

    fn bytes(&self) -> Vec<u8> {
        let options = if self.status == StatusCode::UPGRADE_REQUIRED {
            "Upgrade, close"
        } else {
            "close"
        };
        let mut text = format!(
            "HTTP/1.1 {}\r\nConnection: {options}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n",
            self.status,
            self.told.len(),
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if self.body {
            text.push_str(&self.told);
        }
        text.into_bytes()
    }

    /// Writes it and closes so that it arrives: a connection that is closed while bytes wait to be read is reset, and the
    /// answer may be lost with it.
    pub async fn give<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: &mut S) {
        let giving = async {
            socket.write_all(&self.bytes()).await?;
            socket.shutdown().await?;
            let (mut bytes, mut read) = ([0; 4_096], 0);
            while read < MAX_READ_AWAY {
                match socket.read(&mut bytes).await? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok::<_, std::io::Error>(())
        };
        let _ = tokio::time::timeout(ANSWER_TIMEOUT, giving).await;
    }
}

/// Accepts a handshake.
pub(super) async fn accept<S: AsyncWrite + Unpin>(
    socket: &mut S,
    response: &Response,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    write_response(&mut bytes, response).map_err(std::io::Error::other)?;
    socket.write_all(&bytes).await?;
    socket.flush().await
}

/// Reads what a client says first.
pub(super) async fn hear<S: AsyncRead + Unpin>(socket: &mut S) -> std::io::Result<Heard> {
    let mut head = Vec::with_capacity(1_024);
    loop {
        let before = head.len();
        let mut chunk = [0; 4_096];
        let read = match socket.read(&mut chunk).await {
            // A balancer that looks whether the port is open ends so, as a rule.
            Err(error) if head.is_empty() && error.kind() == std::io::ErrorKind::ConnectionReset => {
                return Ok(Heard::Probe("it said nothing"));
            }
            read => read?,
        };
        head.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if read == 0 {
            return Ok(match head.as_slice() {
                [] => Heard::Probe("it said nothing"),
                _ => wrong(StatusCode::BAD_REQUEST, "it left in the middle of its request"),
            });
        }
        if let Some(heard) = understand(&head, before) {
            return Ok(heard);
        }
    }
}

fn wrong(status: StatusCode, reason: &str) -> Heard {
    Heard::Wrong(Answer::new(status, format!("{reason}\n")), reason.to_owned())
}

/// What a beginning is; `None`: more is needed. Up to `before` it was looked at.
fn understand(head: &[u8], before: usize) -> Option<Heard> {
    match head {
        [0x16, 3, ..] => return Some(Heard::Probe("it speaks TLS, and there is none here")),
        [first, ..] if *first < 4 && head.get(4..8) == Some(&STUN) => {
            return Some(Heard::Probe("it speaks STUN"));
        }
        [first, ..] if *first < 4 && head.len() < 8 => return None,
        [0x16] => return None,
        _ => {}
    }
    let fresh = head.get(before..).unwrap_or_default();
    let strange = |byte: &u8| *byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t');
    if !head.first().is_some_and(u8::is_ascii_uppercase) || fresh.iter().any(strange) {
        return Some(wrong(StatusCode::BAD_REQUEST, "this is no HTTP request"));
    }
    let since = head.get(before.saturating_sub(3)..).unwrap_or_default();
    let ends = since.windows(4).any(|four| four == b"\r\n\r\n") || since.windows(2).any(|two| two == b"\n\n");
    if !ends {
        let long = head.len() > MAX_HEAD;
        return long.then(|| {
            wrong(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the request's head is too long",
            )
        });
    }
    Some(match Request::try_parse(head) {
        Ok(Some((length, request))) => {
            let early = head.get(length..).unwrap_or_default().to_vec();
            handshake(request, early)
        }
        Ok(None) => wrong(StatusCode::BAD_REQUEST, "the request's head has no end"),
        Err(Error::Protocol(ProtocolError::WrongHttpMethod | ProtocolError::WrongHttpVersion)) => {
            Heard::Plain(plain(head, HeaderMap::new()))
        }
        Err(_) if head.starts_with(b"PRI * HTTP/2") => Heard::Probe("it speaks HTTP/2"),
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    })
}

fn handshake(request: Request, early: Vec<u8>) -> Heard {
    match create_response(&request) {
        Ok(response) => Heard::Handshake(Box::new((request, response, early))),
        Err(Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader | ProtocolError::MissingUpgradeWebSocketHeader,
        )) => {
            let half = request.headers().contains_key("sec-websocket-key");
            let mut plain = plain(b"GET ", request.headers().clone());
            plain.health = request.uri().path() == "/health";
            if half {
                plain.answer = Answer::upgrade(
                    "a WebSocket handshake without Upgrade: websocket and Connection: Upgrade: a proxy in between has to pass them on\n",
                );
            }
            Heard::Plain(plain)
        }
        Err(Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader)) => Heard::Wrong(
            Answer::upgrade("version 13 of the WebSocket protocol is spoken here\n"),
            "another WebSocket version".to_owned(),
        ),
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn plain(head: &[u8], headers: HeaderMap) -> Plain {
    let mut words = head.split(|byte| matches!(byte, b' ' | b'\r' | b'\n'));
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    let mut answer = match method {
        b"GET" | b"HEAD" => Answer::upgrade("this is a feed over WebSocket, and no page\n"),
        _ => Answer::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this is a feed over WebSocket, and takes GET alone\n",
        )
        .with("Allow", "GET, HEAD"),
    };
    answer.body = method != b"HEAD";
    Plain {
        health: matches!(method, b"GET" | b"HEAD") && path == b"/health",
        answer,
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: &str = "GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn status(heard: &Heard) -> (u16, &'static str) {
        match heard {
            Heard::Handshake(_) => (101, "handshake"),
            Heard::Plain(plain) => (plain.answer.status.as_u16(), "plain"),
            Heard::Wrong(answer, _) => (answer.status.as_u16(), "wrong"),
            Heard::Probe(_) => (0, "probe"),
        }
    }

    #[test]
    fn a_handshake_is_told_from_a_page_and_from_what_is_neither() {
        for (said, expected) in [
            (format!("{HANDSHAKE}\r\n"), (101, "handshake")),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), (426, "plain")),
            ("GET /health HTTP/1.0\r\n\r\n".to_owned(), (426, "plain")),
            ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), (426, "plain")),
            ("OPTIONS / HTTP/1.0\r\n\r\n".to_owned(), (405, "plain")),
            (
                "POST /admin HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
                (405, "plain"),
            ),
            // nginx without its two lines for WebSockets.
            (
                format!(
                    "{}\r\n",
                    HANDSHAKE
                        .replace("keep-alive, Upgrade", "close")
                        .replace("Upgrade: websocket\r\n", "")
                ),
                (426, "plain"),
            ),
            (
                format!("{}\r\n", HANDSHAKE.replace("n: 13", "n: 8")),
                (426, "wrong"),
            ),
            (format!("{}\r\n", HANDSHAKE.replace("dGhl", "")), (400, "wrong")),
            (
                format!("{HANDSHAKE}{}\r\n", "A: b\r\n".repeat(500)),
                (400, "wrong"),
            ),
            (
                format!("GET / HTTP/1.1\r\nX: {}\r\n", "y".repeat(100_000)),
                (431, "wrong"),
            ),
            ("hello\r\n\r\n".to_owned(), (400, "wrong")),
            ("GET /\r\n\r\n".to_owned(), (400, "wrong")),
            ("\0\u{1}\0\0\0\0\0\0\0".to_owned(), (400, "wrong")),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), (0, "probe")),
            ("\u{16}\u{3}\u{1}".to_owned(), (0, "probe")),
        ] {
            let heard = understand(said.as_bytes(), 0).unwrap();
            assert_eq!(status(&heard), expected, "{said:?}");
        }
        let stun = [0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3];
        assert_eq!(status(&understand(&stun, 0).unwrap()), (0, "probe"));
        assert!(understand(&stun[..5], 0).is_none());
    }

    #[test]
    fn a_request_is_understood_however_it_is_cut() {
        let said = format!("{HANDSHAKE}\r\nearly");
        let end = said.len() - 5;
        for step in [1, 2, 3, 50] {
            let mut before = 0;
            let mut heard = None;
            while heard.is_none() {
                let now = (before + step).min(end);
                heard = understand(&said.as_bytes()[..now], before);
                assert_eq!(heard.is_some(), now == end);
                before = now;
            }
        }
        let Some(Heard::Handshake(all)) = understand(said.as_bytes(), 0) else {
            panic!("a handshake was due");
        };
        assert_eq!(all.2, b"early");
    }

    #[test]
    fn answers_are_whole() {
        let text = |head: &[u8]| match understand(head, 0) {
            Some(Heard::Plain(plain)) => (plain.health, String::from_utf8(plain.answer.bytes()).unwrap()),
            _ => panic!("plain HTTP was due"),
        };
        let (health, answer) = text(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(
            !health && answer.starts_with("HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\n")
        );
        assert!(
            answer.contains("\r\nUpgrade: websocket\r\n")
                && answer.ends_with("\r\n\r\nthis is a feed over WebSocket, and no page\n")
        );
        let (health, answer) = text(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(health && answer.ends_with("\r\n\r\n"));
        assert!(text(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").0);
    }
}
