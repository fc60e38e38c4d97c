//! The order sender: sends order batches to a gateway, and keeps each until the gateway acknowledges it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::socket::{ConnectError, Endpoint, Socket, connect, jittered};
use super::tls::Trust;
use super::{LinkError, endpoint_of};
use meridian_core::sales::columns::{Columns, ColumnsError};
use meridian_core::sales::{EventMs, Kind};
use meridian_wire::SUBPROTOCOL_ORDERS;

/// How many batches may be unacknowledged; sending more waits.
const MAX_OPEN: usize = 1_000;
/// The connection counts as lost after this long without a message.
const IDLE: Duration = Duration::from_secs(20);
/// The longest wait before the next attempt.
const MAX_RETRY: Duration = Duration::from_secs(5);
/// How long to wait before a batch that was answered with `later` is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(1);

/// How to send.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// Address, as in `wss://gateway.example:9016`.
    pub url: String,
    /// The token of a source.
    pub token: Option<String>,
    /// Which certificates TLS trusts.
    pub trust: Trust,
}

/// The day that a gateway counts, and what numbers in batches mean.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Welcome {
    /// Whether the day is shown as one of generated orders.
    pub synthetic: bool,
    /// The day's first instant.
    pub start_ms: EventMs,
    /// Its end, exclusive.
    pub end_ms: EventMs,
    /// What amounts are in.
    pub currency: String,
    /// Whether orders or payments carry the value.
    pub gmv_counts: Kind,
    /// Hash of the catalogue that places refer to.
    pub catalogue: String,
    /// The categories' English names; their numbers are their places.
    pub categories: Vec<String>,
    /// The products' ids; their numbers are their places.
    pub products: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderEvent {
    /// The connection stands.
    Connected(Box<Welcome>),
    /// The connection is lost; it is tried again.
    Lost(String),
    /// The gateway refuses the connection; it is tried again after a long wait.
    Unwanted(String),
    /// A batch is on the gateway's disk and counted.
    Counted {
        /// Its source.
        source: u32,
        /// Its number there.
        sequence: u64,
        /// Whether the gateway had it before.
        duplicate: bool,
    },
    /// A batch can't be counted, now or later. It isn't sent again.
    Refused {
        /// Its source.
        source: u32,
        /// Its number there.
        sequence: u64,
        /// Why.
        problem: String,
    },
}

/// What a gateway answers.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    Welcome(Welcome),
    Taken {
        source: u32,
        sequence: u64,
    },
    Duplicate {
        source: u32,
        sequence: u64,
    },
    Refused {
        source: u32,
        sequence: u64,
        problem: String,
    },
    Later {
        source: u32,
        sequence: u64,
    },
}

/// A running sender. Dropping it stops it; batches that weren't acknowledged by then are lost.
pub struct OrderSender {
    batches: Option<mpsc::Sender<Vec<u8>>>,
    events: Receiver<SenderEvent>,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Batches that were given and not answered.
    open: AtomicUsize,
}

impl OrderSender {
    /// Starts sending to a gateway.
    ///
    /// # Errors
    /// [`LinkError`] for an address that can't be one.
    pub fn start(config: &SenderConfig) -> Result<Self, LinkError> {
        let endpoint = endpoint_of(&config.url, config.token.as_deref(), &config.trust)?;
        let (batches, given) = mpsc::channel(64);
        let (out, events) = crossbeam_channel::unbounded();
        let shared = Arc::new(Shared::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let work = Work {
            endpoint,
            given,
            out,
            shared: Arc::clone(&shared),
            open: BTreeMap::new(),
            fresh: VecDeque::new(),
        };
        let thread = std::thread::Builder::new()
            .name("meridian-orders".to_owned())
            .spawn(move || runtime.block_on(work.run()))?;
        Ok(Self {
            batches: Some(batches),
            events,
            shared,
            thread: Some(thread),
        })
    }

    /// Gives a batch (as [`columns::encode`](meridian_core::sales::columns::encode) writes it) to be sent; waits while a thousand are
    /// on their way. One with the source and number of another that is on its way takes its place.
    ///
    /// # Errors
    /// [`ColumnsError`] for bytes that are no batch.
    pub fn send(&self, batch: Vec<u8>) -> Result<(), ColumnsError> {
        Columns::read(&batch)?;
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        if let Some(batches) = &self.batches {
            let _ = batches.blocking_send(batch);
        }
        Ok(())
    }

    /// What happened, in order.
    pub fn events(&self) -> &Receiver<SenderEvent> {
        &self.events
    }

    /// How many batches weren't answered yet.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Acquire)
    }
}

impl Drop for OrderSender {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    endpoint: Endpoint,
    given: mpsc::Receiver<Vec<u8>>,
    out: Sender<SenderEvent>,
    shared: Arc<Shared>,
    /// By source and number: what wasn't answered yet.
    open: BTreeMap<(u32, u64), Vec<u8>>,
    /// Of these, what wasn't sent on this connection yet.
    fresh: VecDeque<(u32, u64)>,
}

/// How a connection ended.
enum End {
    Stopped,
    Lost(String),
    /// Refused, and when to try again.
    Unwanted(String, Duration),
}

impl Work {
    async fn run(mut self) {
        let mut wait = Duration::from_millis(100);
        while !self.shared.stop.load(Ordering::Acquire) {
            let began = tokio::time::Instant::now();
            let event = match self.connection().await {
                End::Stopped => return,
                End::Lost(reason) => SenderEvent::Lost(reason),
                End::Unwanted(reason, later) => {
                    wait = later.max(MAX_RETRY);
                    SenderEvent::Unwanted(reason)
                }
            };
            let _ = self.out.send(event);
            if began.elapsed() > MAX_RETRY {
                wait = Duration::from_millis(100);
            }
            let until = tokio::time::Instant::now() + wait;
            while tokio::time::Instant::now() < until && !self.shared.stop.load(Ordering::Acquire) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            wait = (wait * 2).min(MAX_RETRY);
        }
    }

    async fn connection(&mut self) -> End {
        let connected = tokio::time::timeout(IDLE, connect(&self.endpoint, &[SUBPROTOCOL_ORDERS])).await;
        let mut socket = match connected {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(ConnectError::Lost(reason) | ConnectError::NotYet(reason, _))) => {
                return End::Lost(reason);
            }
            Ok(Err(ConnectError::Refused(reason))) => return End::Unwanted(reason, MAX_RETRY),
            Ok(Err(ConnectError::Later(reason, wait))) => return End::Unwanted(reason, jittered(wait)),
            Err(_) => return End::Lost("it doesn't answer".to_owned()),
        };
        // Whatever the gateway didn't answer may not have come to it.
        self.fresh = self.open.keys().copied().collect();
        let mut heard = tokio::time::Instant::now();
        let mut look = tokio::time::interval(Duration::from_millis(20));
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut welcomed = false;
        let mut later: VecDeque<(tokio::time::Instant, (u32, u64))> = VecDeque::new();
        loop {
            tokio::select! {
                message = socket.next() => {
                    let text = match message {
                        None => return End::Lost("the connection was closed".to_owned()),
                        Some(Err(error)) => return End::Lost(error.to_string()),
                        Some(Ok(Message::Close(frame))) => {
                            let reason = frame.map_or_else(String::new, |frame| frame.reason.to_string());
                            return End::Lost(format!("the gateway closed the connection: {reason}"));
                        }
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(_)) => {
                            heard = tokio::time::Instant::now();
                            continue;
                        }
                    };
                    heard = tokio::time::Instant::now();
                    match serde_json::from_str::<Reply>(&text) {
                        Ok(Reply::Welcome(welcome)) => {
                            welcomed = true;
                            let _ = self.out.send(SenderEvent::Connected(Box::new(welcome)));
                        }
                        Ok(Reply::Taken { source, sequence }) => self.counted(source, sequence, false),
                        Ok(Reply::Duplicate { source, sequence }) => self.counted(source, sequence, true),
                        Ok(Reply::Refused { source, sequence, problem }) => {
                            if self.answered(source, sequence) {
                                let _ = self.out.send(SenderEvent::Refused { source, sequence, problem });
                            }
                        }
                        Ok(Reply::Later { source, sequence }) => {
                            later.push_back((tokio::time::Instant::now() + RESEND_AFTER, (source, sequence)));
                        }
                        Err(error) => {
                            return End::Unwanted(format!("says what isn't known here: {error}"), MAX_RETRY);
                        }
                    }
                }
                batch = self.given.recv(), if welcomed && self.open.len() < MAX_OPEN => {
                    let Some(batch) = batch else { return End::Stopped };
                    if let Ok((columns, _)) = Columns::read(&batch) {
                        let name = (columns.source, columns.sequence);
                        if self.open.insert(name, batch).is_some() {
                            self.shared.open.fetch_sub(1, Ordering::AcqRel);
                        }
                        self.fresh.push_back(name);
                    }
                }
                _ = look.tick() => {
                    if self.shared.stop.load(Ordering::Acquire) {
                        let _ = tokio::time::timeout(Duration::from_millis(200), socket.close(None)).await;
                        return End::Stopped;
                    }
                    if heard.elapsed() > IDLE {
                        return End::Lost("it says nothing any more".to_owned());
                    }
                    while later.front().is_some_and(|(at, _)| *at <= tokio::time::Instant::now()) {
                        self.fresh.extend(later.pop_front().map(|(_, name)| name));
                    }
                }
            }
            if welcomed && let Err(reason) = self.send_fresh(&mut socket).await {
                return End::Lost(reason);
            }
        }
    }

    async fn send_fresh(&mut self, socket: &mut Socket) -> Result<(), String> {
        while let Some(name) = self.fresh.pop_front() {
            let Some(batch) = self.open.get(&name) else {
                continue;
            };
            let message = Message::Binary(batch.clone().into());
            match tokio::time::timeout(IDLE, socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("it doesn't read".to_owned()),
            }
        }
        Ok(())
    }

    fn answered(&mut self, source: u32, sequence: u64) -> bool {
        let known = self.open.remove(&(source, sequence)).is_some();
        if known {
            self.shared.open.fetch_sub(1, Ordering::AcqRel);
        }
        known
    }

    fn counted(&mut self, source: u32, sequence: u64, duplicate: bool) {
        if self.answered(source, sequence) {
            let _ = self.out.send(SenderEvent::Counted {
                source,
                sequence,
                duplicate,
            });
        }
    }
}
