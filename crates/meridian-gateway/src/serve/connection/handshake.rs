//! The handshake: from the first byte to a WebSocket that is let in, or an answer that says why not.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};

use super::accept::ConnectionGuard;
use super::authorize::{Caller, Chosen, authorize};
use super::end::End;
use super::http::{Answer, Heard, Plain, accept, hear};
use super::shared::Shared;
use crate::operate::access::Grant;
use crate::serve::proxy::{Preamble, Proxies, preamble};
use crate::source::clock::mono_ms;
use meridian_client::socket::Stream;

/// How many refusals may wait at once, where they come too often.
const MAX_WAITING: usize = 64;
/// How long they wait. A browser has six connections to one address at once, so a page gets six answers in this time.
const WAIT: Duration = Duration::from_secs(1);
/// When somebody whose token ended, or isn't any, may come again.
const RETRY_LOGIN_S: u64 = 120;

/// Who came in.
pub(super) struct Guest {
    pub socket: Box<dyn Stream>,
    pub grant: Grant,
    pub chosen: Chosen,
    /// What was sent behind the handshake.
    pub early: Vec<u8>,
}

/// Who gets an answer instead.
pub(super) struct Refusal {
    socket: Box<dyn Stream>,
    answer: Answer,
    end: End,
}

/// What became of a connection at its handshake.
pub(super) enum Met {
    Guest(Guest),
    Refusal(Refusal),
}

impl Refusal {
    /// Reports it, and answers.
    pub async fn give(self, shared: &Shared, address: IpAddr, by_proxy: bool) {
        let Self {
            mut socket,
            answer,
            end,
        } = self;
        let pressing = shared.end(address, &end, true);
        if pressing && !by_proxy {
            static WAITING: AtomicUsize = AtomicUsize::new(0);
            if WAITING.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING {
                WAITING.fetch_sub(1, Ordering::AcqRel);
                return;
            }
            tokio::time::sleep(WAIT).await;
            WAITING.fetch_sub(1, Ordering::AcqRel);
        }
        answer.give(&mut socket).await;
    }
}

/// Takes a connection to its handshake's end.
pub(super) async fn meet(
    mut socket: TcpStream,
    peer: SocketAddr,
    guard: &mut ConnectionGuard,
) -> Result<Met, End> {
    let shared = Arc::clone(&guard.shared);
    let lost = |error: std::io::Error| End::Handshake(error.to_string());
    if let Some(proxies) = shared.proxies.as_ref().filter(|_| guard.by_proxy)
        && proxies.speak_first()
    {
        let client = introduced(&mut socket, proxies).await?;
        if let Some(client) = client {
            guard.arrive(client).map_err(End::Limited)?;
        }
    }
    let Some(tls) = &shared.tls else {
        let mut socket: Box<dyn Stream> = Box::new(socket);
        let heard = hear(&mut socket).await.map_err(lost)?;
        return answer_to(socket, heard, peer, guard).await;
    };
    let mut first = [0; 1];
    match socket.peek(&mut first).await {
        Ok(0) => return Err(End::Probe("it said nothing")),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
            return Err(End::Probe("it said nothing"));
        }
        Err(error) => return Err(lost(error)),
        Ok(_) => {}
    }
    if first[0].is_ascii_uppercase() {
        // http:// to a port that speaks https://: no attack, and no use either.
        let socket: Box<dyn Stream> = Box::new(socket);
        let told = "TLS is spoken here: wss:// is needed\n";
        return Ok(Met::Refusal(Refusal {
            socket,
            answer: Answer::new(StatusCode::BAD_REQUEST, told),
            end: End::Plain,
        }));
    }
    let stream = match tls.accept(socket).await {
        Ok(stream) => stream,
        Err(error) => return Err(no_tls(&error)),
    };
    let mut socket: Box<dyn Stream> = Box::new(stream);
    let heard = hear(&mut socket).await.map_err(lost)?;
    answer_to(socket, heard, peer, guard).await
}

/// Why there is no TLS. Whoever doesn't believe the certificate says so, or just goes; so does a balancer that looks whether the
/// port is open.
fn no_tls(error: &std::io::Error) -> End {
    let rustls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match rustls {
        Some(rustls::Error::AlertReceived(_)) => End::Probe("it doesn't believe the certificate"),
        _ if matches!(
            error.kind(),
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
        ) =>
        {
            End::Probe("it left before TLS stood")
        }
        _ => End::Handshake(error.to_string()),
    }
}

/// Reads for whom a proxy connects.
async fn introduced(socket: &mut TcpStream, proxies: &Proxies) -> Result<Option<IpAddr>, End> {
    let mut bytes = Vec::with_capacity(128);
    loop {
        // Byte by byte, so that what follows stays where it is. It is short, and comes in one packet.
        match socket.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) if bytes.is_empty() => return Err(End::Probe("it said nothing")),
            Err(error) => return Err(End::Handshake(error.to_string())),
        }
        match preamble(&bytes, proxies.is_binary()) {
            Preamble::Unfinished => {}
            Preamble::Said(_, client) => return Ok(client),
            Preamble::Wrong => {
                return Err(End::Handshake(
                    "what comes from a trusted proxy doesn't begin with PROXY as [proxy] header has it"
                        .to_owned(),
                ));
            }
        }
    }
}

/// For whom a proxy sends a request.
fn arrive(guard: &mut ConnectionGuard, headers: &HeaderMap, peer: SocketAddr) -> Result<(), (Answer, End)> {
    let Some(proxies) = guard.shared.proxies.as_ref().filter(|_| guard.by_proxy) else {
        return Ok(());
    };
    if proxies.speak_first() {
        return Ok(());
    }
    let client = proxies.client(headers).map_err(|problem| {
        let answer = Answer::new(StatusCode::BAD_REQUEST, format!("{problem}\n"));
        (answer, End::Handshake(problem))
    })?;
    // One that names nobody speaks for itself.
    guard.arrive(client.unwrap_or(peer.ip())).map_err(|limited| {
        let answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, format!("{limited}\n"));
        (answer.with("Retry-After", "10"), End::Limited(limited))
    })
}

/// What is answered to what was heard.
async fn answer_to(
    mut socket: Box<dyn Stream>,
    heard: Heard,
    peer: SocketAddr,
    guard: &mut ConnectionGuard,
) -> Result<Met, End> {
    let refused = match heard {
        Heard::Probe(what) => return Err(End::Probe(what)),
        Heard::Wrong(answer, reason) => (answer, End::Handshake(reason)),
        Heard::Plain(plain) => match arrive(guard, &plain.headers, peer) {
            Ok(()) => (health(plain, &guard.shared), End::Plain),
            Err(refused) => refused,
        },
        Heard::Handshake(all) => {
            let (request, response, early) = *all;
            let welcomed = match arrive(guard, request.headers(), peer) {
                Ok(()) => welcome(&request, response, guard),
                Err(refused) => Err(refused),
            };
            match welcomed {
                Ok((grant, chosen, response)) => {
                    let accepted = accept(&mut socket, &response).await;
                    accepted.map_err(|error| End::Handshake(error.to_string()))?;
                    return Ok(Met::Guest(Guest {
                        socket,
                        grant,
                        chosen,
                        early,
                    }));
                }
                Err(refused) => refused,
            }
        }
    };
    let (answer, end) = refused;
    Ok(Met::Refusal(Refusal { socket, answer, end }))
}

/// Answers a balancer. Strangers are told no more than yes or no.
fn health(plain: Plain, shared: &Shared) -> Answer {
    if !plain.health {
        return plain.answer;
    }
    let mut answer = match shared.metrics.unfit(mono_ms()) {
        None => Answer::new(StatusCode::OK, "well\n"),
        Some(_) => Answer::new(StatusCode::SERVICE_UNAVAILABLE, "not well\n"),
    };
    answer.body = plain.answer.body;
    answer
}

/// Looks who comes with a handshake, and says how it is answered.
fn welcome(
    request: &Request,
    mut response: Response,
    guard: &mut ConnectionGuard,
) -> Result<(Grant, Chosen, Response), (Answer, End)> {
    let shared = Arc::clone(&guard.shared);
    let caller = Caller {
        address: guard.address,
        by_proxy: guard.by_proxy,
        locked: guard.is_locked(),
    };
    let (grant, chosen, name) = authorize(&shared, &caller, request).map_err(|denied| {
        let mut answer = Answer::new(denied.status, denied.told);
        if denied.status == StatusCode::SERVICE_UNAVAILABLE {
            answer = answer.with("Retry-After", "1");
        }
        if denied.status == StatusCode::UNAUTHORIZED {
            answer = answer
                .with("WWW-Authenticate", "Bearer")
                .with("Retry-After", RETRY_LOGIN_S.to_string());
        } else if denied.status == StatusCode::TOO_MANY_REQUESTS {
            answer = answer.with("Retry-After", shared.lockout_s.to_string());
        }
        (answer, End::Refused(denied.why, denied.token))
    })?;
    guard.enter(&grant).map_err(|limited| {
        let answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, format!("{limited}\n"));
        (answer.with("Retry-After", "30"), End::Limited(limited))
    })?;
    if let Some(name) = name {
        response
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(name));
    }
    Ok((grant, chosen, response))
}
