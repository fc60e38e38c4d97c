//! The subscriber: follows a feed on its own thread and hands over the frames to apply.
//!
//! It knows nothing of pictures. It connects, resumes where it was, judges every frame
//! ([`Sequencer`]), and comes back after a loss, a stall or garbage. Its channel is bounded: when the
//! reader is slow, lights are dropped and counted; everything else waits, and the socket with it.

pub mod orders;
pub mod recall;
pub mod socket;
pub mod tls;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::Message;

use self::recall::{Recall, ReplayError};
use self::socket::{ConnectError, Endpoint, Socket, connect};
use self::tls::Trust;
use meridian_wire::codec::{Relayed, split_bin};
use meridian_wire::{
    Body, CodecError, Compression, Frame, Notice, Opened, PublicKey, SUBPROTOCOL_BIN, SUBPROTOCOL_JSON,
    Sequencer, Subscribe, VERSION, Verdict, encode_subscribe_bin, encode_subscribe_json, open_bin, open_json,
};

/// How to follow a feed.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// Address, as in `ws://127.0.0.1:9016` or `wss://gateway.example:9016`.
    pub url: String,
    /// The token that the gateway asks for.
    pub token: Option<String>,
    /// Which certificates TLS trusts.
    pub trust: Trust,
    /// The key that every frame has to be signed with.
    pub key: Option<PublicKey>,
    /// The file that what is known of the key's streams is kept in, so that a recording of an older one isn't believed after a
    /// restart; absent: nowhere.
    pub memory: Option<PathBuf>,
    /// Whether this subscriber is a relay: it then also gets the frames' original bytes.
    pub relay: bool,
    /// The most lights a second; absent: all.
    pub lights_per_s: Option<u32>,
    /// The connection counts as lost after this long without a tick or heartbeat.
    pub idle: Duration,
    /// How long connecting may take.
    pub handshake: Duration,
    /// The shortest wait before the next attempt.
    pub retry_min: Duration,
    /// The longest wait before the next attempt.
    pub retry_max: Duration,
    /// How many events may wait for the reader.
    pub backlog: usize,
}

impl LinkConfig {
    /// A subscriber of that address, with the usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            trust: Trust::default(),
            key: None,
            memory: None,
            relay: false,
            lights_per_s: None,
            idle: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
            retry_min: Duration::from_millis(250),
            retry_max: Duration::from_secs(8),
            backlog: 256,
        }
    }
}

/// What happened to the connection, and the frames received.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// Connecting.
    Connecting {
        /// The number of this attempt in a row, from 1.
        attempt: u32,
    },
    /// Connected.
    Connected,
    /// A frame to apply, and the wall clock when it was received (milliseconds since the Unix epoch).
    Frame(Box<Frame>, i64),
    /// For a relay, a frame to apply and its original bytes.
    Relayed(Box<Frame>, Box<Relayed>),
    /// Frames are missing; a new connection asks for them.
    Gap,
    /// The connection is lost, or couldn't be made.
    Lost {
        /// Why, for people.
        reason: String,
        /// When it is tried again.
        retry_in_ms: u64,
    },
    /// The other side answers, but not with this protocol. It is tried again after the longest wait.
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// What was received isn't a frame, or contradicts what is known. It was not applied.
    Garbage {
        /// Why, for people.
        reason: String,
    },
    /// A frame looks forged: not signed by the gateway's key, a repeat, out of order or of an older stream. It was
    /// not applied.
    Forged {
        /// Why, for people.
        reason: String,
    },
    /// A frame is signed, but dated long ago or in the future: a recording is being replayed, or a clock is wrong. It was
    /// not applied.
    Stale {
        /// Why, for people.
        reason: String,
        /// How far from this machine's clock: below 0 in the past.
        off_ms: i64,
    },
    /// What is known of the key's streams can't be kept, or couldn't be read. The feed is followed all the same.
    Forgetful {
        /// Why, for people.
        reason: String,
    },
}

/// Why a feed can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address can't be used.
    #[error("{url:?} isn't an address of a feed ({problem}): one like ws://127.0.0.1:9016 is needed")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The thread can't be started.
    #[error("can't start the feed's thread: {0}")]
    Start(#[from] std::io::Error),
}

/// The way to an address, as in `wss://gateway.example:9016`.
fn endpoint_of(url: &str, token: Option<&str>, trust: &Trust) -> Result<Endpoint, LinkError> {
    let address = |problem: String| LinkError::Address {
        url: url.to_owned(),
        problem,
    };
    let uri: Uri = url
        .parse()
        .map_err(|error: tokio_tungstenite::tungstenite::http::uri::InvalidUri| address(error.to_string()))?;
    match uri.scheme_str() {
        Some("ws" | "wss") if uri.host().is_some() => {}
        _ => return Err(address("it doesn't begin with ws:// or wss://".to_owned())),
    }
    Endpoint::new(&uri, token, trust).map_err(address)
}

/// A running subscriber. Dropping it stops it.
pub struct Link {
    events: Receiver<LinkEvent>,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    lights_dropped: AtomicU64,
}

impl Link {
    /// Starts following a feed.
    ///
    /// # Errors
    /// [`LinkError`] for an address that can't be one.
    pub fn start(config: LinkConfig) -> Result<Self, LinkError> {
        let endpoint = endpoint_of(&config.url, config.token.as_deref(), &config.trust)?;
        let (out, events) = crossbeam_channel::bounded(config.backlog.max(1));
        let shared = Arc::new(Shared::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let recall = config
            .key
            .as_ref()
            .map(|key| Recall::open(config.memory.as_deref(), key));
        let follower = Follower {
            recall,
            config,
            endpoint,
            out,
            shared: Arc::clone(&shared),
            sequencer: Sequencer::new(),
        };
        let thread = std::thread::Builder::new()
            .name("meridian-link".to_owned())
            .spawn(move || runtime.block_on(follower.follow()))?;
        Ok(Self {
            events,
            shared,
            thread: Some(thread),
        })
    }

    /// What happened, in order.
    pub fn events(&self) -> &Receiver<LinkEvent> {
        &self.events
    }

    /// How many orders and payments were in lights that were dropped because the reader was too slow.
    pub fn lights_dropped(&self) -> u64 {
        self.shared.lights_dropped.load(Ordering::Relaxed)
    }

    /// Stops and waits for the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a connection ended.
enum End {
    Stopped,
    Lost(String),
    Refused(String),
    /// Refused; not to be tried again before this has passed.
    Later(String, Duration),
    Garbage(String),
    Forged(String),
    Stale(i64),
    Gap,
    /// The gateway said when to come back.
    Bye(String, Option<u64>),
}

/// How often a waiting thread checks whether to stop.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// The most notices of a snapshot that are passed on.
const MAX_STANDING_NOTICES: usize = 16;

struct Follower {
    config: LinkConfig,
    endpoint: Endpoint,
    out: Sender<LinkEvent>,
    shared: Arc<Shared>,
    sequencer: Sequencer,
    /// What is known of the streams of the key, where there is one.
    recall: Option<Recall>,
}

impl Follower {
    async fn follow(mut self) {
        let mut attempt = 0_u32;
        let mut gaps = 0_u32;
        loop {
            attempt = attempt.saturating_add(1);
            if !self.emit(LinkEvent::Connecting { attempt }).await {
                return;
            }
            let began = Instant::now();
            let end = self.connection().await;
            // Only a connection that held is a reason to hurry back.
            if began.elapsed() > Duration::from_secs(5) {
                attempt = 0;
                gaps = 0;
            }
            let mut wait = self.backoff(attempt);
            let event = match end {
                End::Stopped => return,
                End::Lost(reason) => self.lost(reason, wait),
                End::Bye(reason, retry_ms) => {
                    if let Some(retry_ms) = retry_ms {
                        wait = Duration::from_millis(retry_ms.min(60_000));
                    }
                    self.lost(reason, wait)
                }
                End::Refused(reason) => {
                    wait = self.config.retry_max;
                    LinkEvent::Refused { reason }
                }
                End::Later(reason, later) => {
                    wait = socket::jittered(later).max(wait);
                    LinkEvent::Refused { reason }
                }
                End::Garbage(reason) => {
                    self.sequencer.forget_position();
                    LinkEvent::Garbage { reason }
                }
                End::Forged(reason) => {
                    // Whoever forges shouldn't be asked again at once; what is known stays.
                    self.sequencer.forget_position();
                    wait = wait.max(Duration::from_secs(1));
                    LinkEvent::Forged { reason }
                }
                End::Stale(off_ms) => {
                    self.sequencer.forget_position();
                    wait = wait.max(Duration::from_secs(1));
                    LinkEvent::Stale {
                        reason: stale(off_ms),
                        off_ms,
                    }
                }
                End::Gap => {
                    gaps += 1;
                    if gaps > 1 {
                        // Resuming didn't help: everything anew.
                        self.sequencer.forget_position();
                    }
                    LinkEvent::Gap
                }
            };
            if !self.emit(event).await || !self.pause(wait).await {
                return;
            }
        }
    }

    fn lost(&self, reason: String, wait: Duration) -> LinkEvent {
        LinkEvent::Lost {
            reason,
            retry_in_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Doubles with each attempt; the jitter keeps a hundred walls from coming back in one instant.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self
            .config
            .retry_min
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        doubled
            .min(self.config.retry_max)
            .mul_f64(rand::rng().random_range(0.5..1.0))
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Waits; `false` when it is to stop.
    async fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.stopped() {
                return false;
            }
            tokio::time::sleep(POLL_EVERY.min(wait)).await;
        }
        !self.stopped()
    }

    /// Hands an event over, waiting for room; `false` when it is to stop.
    async fn emit(&self, mut event: LinkEvent) -> bool {
        loop {
            if self.stopped() {
                return false;
            }
            match self.out.try_send(event) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => {
                    if let LinkEvent::Frame(frame, _) = &back
                        && let Body::Lights(lights) = &frame.body
                    {
                        self.shared
                            .lights_dropped
                            .fetch_add(lights.events, Ordering::Relaxed);
                        return true;
                    }
                    event = back;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }
    }

    /// One connection, until it ends.
    async fn connection(&mut self) -> End {
        match self.receive().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn receive(&mut self) -> Result<Infallible, End> {
        let mut socket = self.subscribe().await?;
        self.hand_over(LinkEvent::Connected).await?;
        if let Some(recall) = &mut self.recall {
            recall.connected();
        }
        let mut heard = Instant::now();
        loop {
            let Some(message) = self.next_message(&mut socket, heard).await? else {
                continue;
            };
            let Some(opened) = self.open(&message)? else {
                continue;
            };
            let received_ms = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
            self.check_hello(&opened.frame, received_ms).await?;
            if !self.is_next(&opened)? {
                continue;
            }
            let frame = opened.frame;
            let lives = frame.body.is_alive();
            let standing = self.standing(&frame);
            let bye = match &frame.body {
                Body::Bye(bye) => Some(End::Bye(
                    format!("the gateway said goodbye: {}", bye.text),
                    bye.retry_after_ms,
                )),
                _ => None,
            };
            let event = match &message {
                Message::Binary(bytes) if self.config.relay => match split_bin(bytes) {
                    Ok(relayed) => LinkEvent::Relayed(Box::new(frame), Box::new(relayed)),
                    Err(error) => return Err(End::Garbage(error.to_string())),
                },
                _ => LinkEvent::Frame(Box::new(frame), received_ms),
            };
            let told = Instant::now();
            self.hand_over(event).await?;
            for notice in standing {
                self.hand_over(LinkEvent::Frame(Box::new(notice), received_ms))
                    .await?;
            }
            // The time that a slow reader took is not the gateway's silence; and whatever else it may say, a gateway
            // that has neither ticks nor heartbeats is silent.
            heard = if lives {
                Instant::now()
            } else {
                heard + told.elapsed()
            };
            if let Some(end) = bye {
                return Err(end);
            }
        }
    }

    async fn hand_over(&self, event: LinkEvent) -> Result<(), End> {
        if self.emit(event).await {
            Ok(())
        } else {
            Err(End::Stopped)
        }
    }

    /// Connects, and asks for the feed from where it was left.
    async fn subscribe(&mut self) -> Result<Socket, End> {
        let protocols: &[&str] = if self.config.relay {
            &[SUBPROTOCOL_BIN]
        } else {
            &[SUBPROTOCOL_BIN, SUBPROTOCOL_JSON]
        };
        let url = &self.config.url;
        let connecting = connect(&self.endpoint, protocols);
        let (mut socket, response) = match tokio::time::timeout(self.config.handshake, connecting).await {
            Err(_) => return Err(End::Lost(format!("{url} doesn't answer"))),
            Ok(Err(ConnectError::Lost(reason))) => return Err(End::Lost(format!("{url}: {reason}"))),
            Ok(Err(ConnectError::Refused(reason))) => return Err(End::Refused(format!("{url} {reason}"))),
            Ok(Err(ConnectError::Later(reason, wait))) => {
                return Err(End::Later(format!("{url} {reason}"), wait));
            }
            Ok(Err(ConnectError::NotYet(reason, wait))) => {
                let wait_ms = u64::try_from(socket::jittered(wait).as_millis()).ok();
                return Err(End::Bye(format!("{url}: {reason}"), wait_ms));
            }
            Ok(Ok(connected)) => connected,
        };
        let binary = response
            .headers()
            .get("sec-websocket-protocol")
            .is_some_and(|value| value.as_bytes() == SUBPROTOCOL_BIN.as_bytes());
        let subscribe = Subscribe {
            resume: self.sequencer.position(),
            lights_per_s: self.config.lights_per_s,
            compression: binary.then_some(Compression::Zstd),
            relay: self.config.relay,
        };
        let said = if binary {
            Message::Binary(encode_subscribe_bin(&subscribe).into())
        } else {
            Message::Text(encode_subscribe_json(&subscribe).into())
        };
        match socket.send(said).await {
            Ok(()) => Ok(socket),
            Err(error) => Err(End::Lost(error.to_string())),
        }
    }

    /// The next message; none where it is time to look whether to stop. The deadline is for ticks and heartbeats,
    /// whatever else comes.
    async fn next_message(&self, socket: &mut Socket, heard: Instant) -> Result<Option<Message>, End> {
        if self.stopped() {
            return Err(End::Stopped);
        }
        if heard.elapsed() > self.config.idle {
            let silent_s = heard.elapsed().as_secs_f64();
            return Err(End::Lost(format!(
                "neither a tick nor a heartbeat came for {silent_s:.1} s"
            )));
        }
        match tokio::time::timeout(POLL_EVERY * 5, socket.next()).await {
            Err(_) => Ok(None),
            Ok(None) => Err(End::Lost("the connection closed".to_owned())),
            Ok(Some(Err(SocketError::Capacity(error)))) => Err(End::Garbage(error.to_string())),
            Ok(Some(Err(error))) => Err(End::Lost(error.to_string())),
            Ok(Some(Ok(message))) => Ok(Some(message)),
        }
    }

    /// The frame in a message; none where the message carries none.
    fn open(&self, message: &Message) -> Result<Option<Opened>, End> {
        let key = self.config.key.as_ref();
        let opened = match message {
            Message::Text(text) => open_json(text.as_bytes(), key),
            Message::Binary(bytes) => open_bin(bytes, key),
            Message::Close(_) => return Err(End::Lost("the gateway closed the connection".to_owned())),
            // A gateway that only pings tells nothing.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(None),
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            // A goodbye of a stranger, before there is a stream, is signed by nobody.
            Err(error @ CodecError::Signature { .. }) => Err(End::Forged(error.to_string())),
            Err(error) => Err(End::Garbage(error.to_string())),
        }
    }

    /// Refuses a protocol of another version, and what was recorded and is played again.
    async fn check_hello(&mut self, frame: &Frame, received_ms: i64) -> Result<(), End> {
        if let Body::Hello(hello) = &frame.body
            && hello.version != VERSION
        {
            return Err(End::Refused(format!(
                "the gateway speaks version {} of the protocol, this display version {VERSION}",
                hello.version
            )));
        }
        let Some(recall) = &mut self.recall else {
            return Ok(());
        };
        let judged = recall.check(frame, received_ms);
        let problem = recall.take_problem();
        match judged {
            Ok(()) => {}
            Err(ReplayError::Forged(reason)) => return Err(End::Forged(reason)),
            Err(ReplayError::Stale(off_ms)) => return Err(End::Stale(off_ms)),
        }
        match problem {
            Some(reason) => self.hand_over(LinkEvent::Forgetful { reason }).await,
            None => Ok(()),
        }
    }

    /// Whether a frame is to be applied; not where it is known already.
    fn is_next(&mut self, opened: &Opened) -> Result<bool, End> {
        let (frame, signed) = (&opened.frame, self.config.key.is_some());
        let base = opened.base.filter(|_| signed);
        match self.sequencer.accept_after(frame, base) {
            Verdict::Apply | Verdict::NewEpoch => Ok(true),
            Verdict::Duplicate if signed => Err(End::Forged(format!("frame {} was said before", frame.seq))),
            Verdict::Duplicate => Ok(false),
            Verdict::Gap { have, needs } if signed && frame.prev == have => Err(End::Forged(format!(
                "frame {} says that it follows {have}, and was signed to follow {needs}",
                frame.seq
            ))),
            Verdict::Gap { .. } => Err(End::Gap),
            Verdict::Refuse(refusal) => Err(End::Garbage(refusal.to_string())),
        }
    }

    /// What still holds is told after the snapshot, as if it were told now.
    fn standing(&self, frame: &Frame) -> Vec<Frame> {
        let Body::Snapshot(snapshot) = &frame.body else {
            return Vec::new();
        };
        if self.config.relay {
            return Vec::new();
        }
        let notices = snapshot.notices.iter().take(MAX_STANDING_NOTICES);
        let told = |notice: &Notice| Frame {
            epoch: frame.epoch,
            seq: frame.seq,
            prev: frame.prev,
            body: Body::Notice(notice.clone()),
        };
        notices.map(told).collect()
    }
}

/// The error for signed frames that are too old or from the future.
fn stale(off_ms: i64) -> String {
    let when = if off_ms < 0 {
        "in the past"
    } else {
        "in the future"
    };
    format!(
        "what comes is dated {} {when}: this machine's clock or the gateway's is wrong, or a recording is played",
        recall::span(off_ms)
    )
}
