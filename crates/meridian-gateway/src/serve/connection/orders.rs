//! The orders' protocol: a source sends batches, and each is answered.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::client::{IDLE_TIMEOUT, PING_EVERY, Socket, token_ended, write};
use super::end::{End, broken};
use super::shared::Shared;
use crate::operate::access::{Denied, Grant};
use crate::operate::events::{GatewayEvent as _, IntakeEvent};
use crate::source::clock::wall_ms;
use crate::source::intake::{Intake, MAX_MESSAGE_BYTES, Outcome as Taken, Receipt, Sender};

/// How often to check for outstanding answers while the gateway stops.
const END_POLL_EVERY: Duration = Duration::from_millis(100);
/// A message of more bytes than this is looked at beside the threads that serve others.
const LARGE_BYTES: usize = 64 << 10;
/// The most bytes of batches from one source that aren't counted yet.
const MAX_OPEN_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

/// What is answered to a batch, as JSON.
#[derive(Debug, Serialize)]
struct Reply<'a> {
    /// `taken`, `duplicate`, `refused` or `later`.
    #[serde(rename = "type")]
    kind: &'static str,
    source: u32,
    sequence: u64,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// Reports what became of a batch, and words the answer.
fn answered(shared: &Shared, receipt: &Receipt) -> Message {
    IntakeEvent::Answered(&receipt.outcome).emit(shared);
    let (kind, problem) = match &receipt.outcome {
        Taken::Taken(_) => ("taken", None),
        Taken::Duplicate(_) => ("duplicate", None),
        Taken::Refused(problem) => ("refused", Some(problem.as_str())),
        Taken::Later(problem) => ("later", Some(problem.as_str())),
    };
    let reply = Reply {
        kind,
        source: receipt.source,
        sequence: receipt.sequence,
        rows: receipt.rows,
        problem,
    };
    Message::Text(serde_json::to_string(&reply).unwrap_or_default().into())
}

/// Logs batches that aren't taken, once in ten seconds: a faulty source fails many times a second.
#[derive(Default)]
struct Untaken {
    said: Option<tokio::time::Instant>,
    count: u64,
}

impl Untaken {
    fn note(&mut self, shared: &Shared, grant: &Grant, receipt: &Receipt, now: tokio::time::Instant) {
        self.count += 1;
        if self.said.is_some_and(|said| now - said < Duration::from_secs(10)) {
            return;
        }
        self.said = Some(now);
        let (Taken::Refused(problem) | Taken::Later(problem)) = &receipt.outcome else {
            return;
        };
        let untaken = IntakeEvent::Untaken {
            by: &grant.name,
            source: receipt.source,
            sequence: receipt.sequence,
            batches: self.count,
            problem,
        };
        untaken.emit(shared);
        self.count = 0;
    }
}

/// Somebody who sends orders: batches come, and each is answered once it is on the disk and counted, or at once when it
/// can't be.
pub(super) async fn orders(
    socket: &mut Socket,
    shared: &Shared,
    grant: &Grant,
    intake: &Intake,
    mut ends: watch::Receiver<Option<Denied>>,
) -> Result<(), End> {
    let mut counted = intake.counted();
    let mut open: VecDeque<(u64, Receipt)> = VecDeque::new();
    let mut open_bytes = 0_usize;
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
    let mut look = tokio::time::interval_at(heard + END_POLL_EVERY, END_POLL_EVERY);
    let mut untaken = Untaken::default();
    write(socket, shared, vec![Message::Text(intake.welcome().into())]).await?;
    loop {
        if open_bytes >= MAX_OPEN_BYTES {
            // Not read from, it can't end what it began.
            socket.get_mut().rest();
        }
        let out = tokio::select! {
            // Whoever is too quick waits until what they sent is counted.
            message = socket.next(), if open_bytes < MAX_OPEN_BYTES => {
                let Some(message) = message else { return Ok(()) };
                heard = tokio::time::Instant::now();
                let bytes = match message {
                    Ok(Message::Binary(bytes)) => bytes,
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                    Ok(Message::Close(_)) => return Ok(()),
                    Ok(Message::Text(_)) => {
                        return Err(End::Message("order batches are binary messages".to_owned()));
                    }
                    Err(error) => return broken(error),
                };
                let sender = Sender {
                    token: &grant.id,
                    numbers: &grant.numbers,
                };
                let offer = || intake.offer_as(&bytes, sender, wall_ms());
                let (receipts, read) = if bytes.len() > LARGE_BYTES {
                    // Nobody else's frames wait for it.
                    tokio::task::block_in_place(offer)
                } else {
                    offer()
                };
                let mut out = Vec::new();
                for receipt in receipts {
                    if let Taken::Taken(ticket) | Taken::Duplicate(ticket) = &receipt.outcome {
                        open.push_back((*ticket, receipt));
                        continue;
                    }
                    untaken.note(shared, grant, &receipt, heard);
                    out.push(answered(shared, &receipt));
                }
                if let Err(error) = read {
                    write(socket, shared, out).await?;
                    return Err(End::Broken(CloseCode::Invalid, error.to_string()));
                }
                if !open.is_empty() {
                    open_bytes += bytes.len();
                }
                out
            }
            _ = ends.changed() => {
                return Err(token_ended(&ends));
            }
            more = counted.changed() => {
                if more.is_err() {
                    return Ok(());
                }
                Vec::new()
            }
            _ = ping.tick() => {
                // One that waits for answers isn't read from, and can't answer pings.
                if heard.elapsed() > IDLE_TIMEOUT && open_bytes < MAX_OPEN_BYTES {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                vec![Message::Ping(Default::default())]
            }
            _ = look.tick() => {
                if shared.ended.load(Ordering::Acquire) {
                    return Ok(());
                }
                continue;
            }
        };
        write(socket, shared, out).await?;
        let now = *counted.borrow_and_update();
        let mut out = Vec::new();
        while open.front().is_some_and(|(ticket, _)| *ticket <= now) {
            if let Some((_, receipt)) = open.pop_front() {
                out.push(answered(shared, &receipt));
            }
        }
        if open.is_empty() {
            open_bytes = 0;
        }
        write(socket, shared, out).await?;
    }
}
