//! Serves a [`Publisher`] over WebSocket.
//!
//! One thread owns the publisher and steps it ten times a second. It numbers what comes out and puts
//! it into each client's queue; a task per client writes it. A body is encoded once per encoding, and
//! only when a client wants that encoding. A slow client loses lights first; when ticks pile up too,
//! its queue is replaced by a fresh snapshot.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::Publisher;
use crate::sales::EventMs;
use crate::wire::codec::{
    CodecError, MAX_SUBSCRIBE_BYTES, body_bin, body_json, decode_subscribe_bin, decode_subscribe_json,
    frame_bin, frame_json,
};
use crate::wire::{
    Body, Bye, Heartbeat, MAX_FRAME_BYTES, Position, SUBPROTOCOL_BIN, SUBPROTOCOL_JSON, Subscribe,
};

/// Distance of the ticks, on the wall clock.
const STEP: Duration = Duration::from_millis(100);
/// Distance of the heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Event time never goes further in one step than this much wall time would take it: a machine that
/// can't keep up runs the day slower, and counts every order all the same.
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// How many frames are kept for clients that come back: about ten seconds.
const RING_FRAMES: usize = 210;
/// Lights frames that may wait for one client.
const LIGHTS_BACKLOG: usize = 6;
/// Frames that may wait for one client before it gets a snapshot instead.
const BACKLOG: usize = 60;
/// A client that says nothing for so long gets the whole feed.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(1);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// How to serve.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether addresses that other machines reach are allowed.
    pub allow_remote: bool,
    /// Event time per wall time, 1 to 3600.
    pub speed: f64,
    /// Where to keep what a restart goes on from, and the name of the scenario in it.
    pub state: Option<(PathBuf, String)>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            speed: 1.0,
            state: None,
        }
    }
}

/// Why a gateway can't serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address can't be had.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The address is open to other machines and nobody said that this is meant.
    #[error(
        "{0} can be reached from other machines: only a loopback address such as 127.0.0.1:9016 is served unless remote clients are allowed (--allow-remote)"
    )]
    Remote(SocketAddr),
    /// A thread can't be started.
    #[error("can't start the gateway: {0}")]
    Start(std::io::Error),
    /// What was kept for a restart can't be used.
    #[error("{file}: {problem}; delete the file to start anew")]
    State {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

/// What a restarted gateway goes on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState {
    /// The scenario or order file; another one starts anew.
    pub scenario: String,
    /// Event time when it was written.
    pub event_ms: EventMs,
    /// The wall clock when it was written.
    pub wall_ms: i64,
    /// Event time per wall time.
    pub speed: f64,
    /// Whether event time stood still.
    pub paused: bool,
}

impl SavedState {
    /// Reads the file; `None` when there is none yet.
    ///
    /// # Errors
    /// [`GatewayError::State`] when it can't be read.
    pub fn read(path: &std::path::Path) -> Result<Option<Self>, GatewayError> {
        let wrong = |problem: String| GatewayError::State {
            file: path.display().to_string(),
            problem,
        };
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &std::path::Path) -> std::io::Result<()> {
        let beside = path.with_extension("tmp");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }

    /// Where event time would stand now had the gateway gone on.
    pub fn event_ms_at(&self, wall_ms: i64) -> EventMs {
        if self.paused {
            return self.event_ms;
        }
        let passed_ms = (wall_ms - self.wall_ms).max(0) as f64;
        self.event_ms + (passed_ms * self.speed) as i64
    }
}

/// The wall clock, milliseconds since the Unix epoch.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

enum Order {
    Join(Arc<Client>, Subscribe),
    Pause(bool),
    Speed(f64),
    Stop,
}

/// Steers a running gateway.
#[derive(Clone)]
pub struct GatewayControl {
    orders: Sender<Order>,
}

impl GatewayControl {
    /// Lets event time stand still.
    pub fn pause(&self) {
        let _ = self.orders.send(Order::Pause(true));
    }

    /// Lets event time go on.
    pub fn resume(&self) {
        let _ = self.orders.send(Order::Pause(false));
    }

    /// Changes how fast event time runs, 1 to 3600.
    pub fn set_speed(&self, speed: f64) {
        let _ = self.orders.send(Order::Speed(speed.clamp(1.0, 3600.0)));
    }

    /// Says goodbye to every client and stops.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }
}

/// A gateway that runs. Dropping it stops it.
pub struct Gateway {
    address: SocketAddr,
    control: GatewayControl,
    publisher: Option<std::thread::JoinHandle<Publisher>>,
    network: Option<tokio::runtime::Runtime>,
}

impl Gateway {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Steers it.
    pub fn control(&self) -> GatewayControl {
        self.control.clone()
    }

    /// Whether it has stopped.
    pub fn is_finished(&self) -> bool {
        self.publisher
            .as_ref()
            .is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Stops with a goodbye, and gives the publisher back as it stood.
    pub fn stop(mut self) -> Option<Publisher> {
        self.shut_down(Duration::from_millis(300))
    }

    /// Breaks off without a word, as a crash does.
    pub fn kill(mut self) -> Option<Publisher> {
        if let Some(network) = self.network.take() {
            network.shutdown_timeout(Duration::ZERO);
        }
        self.shut_down(Duration::ZERO)
    }

    fn shut_down(&mut self, grace: Duration) -> Option<Publisher> {
        self.control.stop();
        let publisher = self.publisher.take().and_then(|thread| thread.join().ok());
        if let Some(network) = self.network.take() {
            // Time for the clients' tasks to write the goodbye.
            if !grace.is_zero() {
                std::thread::sleep(grace);
            }
            network.shutdown_timeout(Duration::from_millis(200));
        }
        publisher
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.shut_down(Duration::ZERO);
    }
}

/// Serves a publisher until it is stopped.
///
/// # Errors
/// [`GatewayError`] naming the address that can't be had.
pub fn serve(config: GatewayConfig, publisher: Publisher) -> Result<Gateway, GatewayError> {
    if !config.listen.ip().is_loopback() && !config.allow_remote {
        return Err(GatewayError::Remote(config.listen));
    }
    let bind = |source| GatewayError::Bind {
        address: config.listen,
        source,
    };
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("meridian-gateway")
        .enable_all()
        .build()
        .map_err(GatewayError::Start)?;
    // Tokio's own bind sets SO_REUSEADDR, so that a restart finds its port free at once.
    let listener = network.block_on(TcpListener::bind(config.listen)).map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let (orders_in, orders) = crossbeam_channel::unbounded();
    let control = GatewayControl { orders: orders_in };
    network.spawn(accept(listener, control.clone()));
    let thread = std::thread::Builder::new()
        .name("meridian-publisher".to_owned())
        .spawn(move || Stream::new(config, publisher).run(&orders))
        .map_err(GatewayError::Start)?;
    tracing::info!(%address, "the gateway serves");
    Ok(Gateway {
        address,
        control,
        publisher: Some(thread),
        network: Some(network),
    })
}

/// One body of the stream, encoded at most once per encoding.
struct Item {
    epoch: u64,
    seq: u64,
    body: Body,
    json: OnceLock<Result<String, CodecError>>,
    bin: OnceLock<Result<Vec<u8>, CodecError>>,
}

impl Item {
    fn new(epoch: u64, seq: u64, body: Body) -> Arc<Self> {
        Arc::new(Self {
            epoch,
            seq,
            body,
            json: OnceLock::new(),
            bin: OnceLock::new(),
        })
    }

    fn is_lights(&self) -> bool {
        matches!(self.body, Body::Lights(_))
    }

    fn message(&self, encoding: Encoding, prev: u64) -> Result<Message, CodecError> {
        match encoding {
            Encoding::Json => {
                let body = self.json.get_or_init(|| body_json(&self.body)).as_ref();
                let text = frame_json(self.epoch, self.seq, prev, body.map_err(Clone::clone)?)?;
                Ok(Message::Text(text.into()))
            }
            Encoding::Bin => {
                let body = self.bin.get_or_init(|| body_bin(&self.body)).as_ref();
                let bytes = frame_bin(self.epoch, self.seq, prev, body.map_err(Clone::clone)?)?;
                Ok(Message::Binary(bytes.into()))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Bin,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Arc<Item>>,
    lights: usize,
}

/// What the publisher's thread and a client's task share.
#[derive(Default)]
struct Client {
    queue: Mutex<Queue>,
    more: Notify,
    gone: AtomicBool,
}

impl Client {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The publisher's thread.
struct Stream {
    config: GatewayConfig,
    publisher: Publisher,
    epoch: u64,
    seq: u64,
    ring: VecDeque<Arc<Item>>,
    clients: Vec<Arc<Client>>,
    paused: bool,
}

impl Stream {
    fn new(config: GatewayConfig, mut publisher: Publisher) -> Self {
        publisher.set_speed(config.speed);
        Self {
            config,
            publisher,
            epoch: u64::try_from(wall_ms()).unwrap_or(1),
            seq: 0,
            ring: VecDeque::new(),
            clients: Vec::new(),
            paused: false,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) -> Publisher {
        let mut last = Instant::now();
        let mut next = last + STEP;
        let mut beat = last;
        // What a step's rounding to milliseconds left over.
        let mut rest_ms = 0.0;
        loop {
            match orders.recv_deadline(next) {
                Ok(Order::Join(client, subscribe)) => self.join(&client, &subscribe),
                Ok(Order::Pause(paused)) => {
                    self.paused = paused;
                    last = Instant::now();
                    self.beat();
                }
                Ok(Order::Speed(speed)) => {
                    self.config.speed = speed;
                    self.publisher.set_speed(speed);
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let passed = (now - last).min(LONGEST_STEP);
                    last = now;
                    next = now + STEP;
                    if !self.paused {
                        let advance_ms = passed.as_secs_f64() * 1e3 * self.config.speed + rest_ms;
                        rest_ms = advance_ms.fract();
                        let to_ms = self.publisher.event_ms() + advance_ms as i64;
                        for body in self.publisher.step(to_ms, wall_ms()).public {
                            self.publish(body.into_inner());
                        }
                    }
                    if now - beat >= HEARTBEAT {
                        beat = now;
                        self.beat();
                        self.save();
                    }
                }
            }
        }
        self.save();
        self.publish(Body::Bye(Bye {
            code: "shutting_down".to_owned(),
            text: "the gateway was stopped".to_owned(),
            retry_after_ms: None,
        }));
        self.publisher
    }

    fn save(&self) {
        let Some((path, scenario)) = &self.config.state else {
            return;
        };
        let state = SavedState {
            scenario: scenario.clone(),
            event_ms: self.publisher.event_ms(),
            wall_ms: wall_ms(),
            speed: self.config.speed,
            paused: self.paused,
        };
        if let Err(error) = state.write(path) {
            tracing::warn!(file = %path.display(), %error, "the state can't be kept");
        }
    }

    fn beat(&mut self) {
        self.publish(Body::Heartbeat(Heartbeat {
            event_ms: self.publisher.event_ms(),
            published_ms: wall_ms(),
            mode: self.publisher.mode(),
            paused: self.paused,
        }));
    }

    fn publish(&mut self, body: Body) {
        self.seq += 1;
        let item = Item::new(self.epoch, self.seq, body);
        self.clients.retain(|client| !client.gone.load(Ordering::Relaxed));
        let mut late = Vec::new();
        for client in &self.clients {
            let mut queue = client.queue();
            if item.is_lights() {
                if queue.lights >= LIGHTS_BACKLOG {
                    continue;
                }
                queue.lights += 1;
            }
            queue.items.push_back(Arc::clone(&item));
            if queue.items.len() > BACKLOG {
                late.push(Arc::clone(client));
            }
            drop(queue);
            client.more.notify_one();
        }
        self.ring.push_back(item);
        while self.ring.len() > RING_FRAMES {
            self.ring.pop_front();
        }
        for client in late {
            tracing::debug!("a client is too slow: a snapshot takes the place of what waits for it");
            self.refill(&client, Vec::new());
        }
    }

    /// Hello and everything that a client needs to go on, in place of what waits for it.
    fn join(&mut self, client: &Arc<Client>, subscribe: &Subscribe) {
        let resumed = subscribe.resume.and_then(|position| self.since(position));
        let at = match (&resumed, subscribe.resume) {
            (Some(_), Some(position)) => position.seq,
            _ => self.seq,
        };
        let hello = Item::new(self.epoch, at, Body::Hello(Box::new(self.publisher.hello())));
        match resumed {
            Some(items) => {
                let mut queue = client.queue();
                *queue = Queue::default();
                queue.items.push_back(hello);
                // What is long past needs no light any more.
                queue
                    .items
                    .extend(items.into_iter().filter(|item| !item.is_lights()));
                drop(queue);
                client.more.notify_one();
            }
            None => self.refill(client, vec![hello]),
        }
        if !self.clients.iter().any(|known| Arc::ptr_eq(known, client)) {
            self.clients.push(Arc::clone(client));
        }
    }

    fn refill(&self, client: &Client, mut items: Vec<Arc<Item>>) {
        let snapshot = self.publisher.public_snapshot(wall_ms()).into_inner();
        items.push(Item::new(self.epoch, self.seq, Body::Snapshot(snapshot)));
        *client.queue() = Queue {
            items: items.into(),
            lights: 0,
        };
        client.more.notify_one();
    }

    /// The frames after a position, if all of them are still here.
    fn since(&self, position: Position) -> Option<Vec<Arc<Item>>> {
        if position.epoch != self.epoch || position.seq > self.seq {
            return None;
        }
        let oldest = self.ring.front().map_or(self.seq + 1, |item| item.seq);
        let items: Vec<Arc<Item>> = self
            .ring
            .iter()
            .filter(|item| item.seq > position.seq)
            .cloned()
            .collect();
        (position.seq + 1 >= oldest && items.len() <= BACKLOG * 3).then_some(items)
    }
}

async fn accept(listener: TcpListener, control: GatewayControl) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let control = control.clone();
                tokio::spawn(async move {
                    match talk(socket, control).await {
                        Ok(()) => tracing::info!(%peer, "a client left"),
                        Err(reason) => tracing::info!(%peer, reason, "a client is gone"),
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, as a rule: some will come free.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Chooses the encoding from what a client offers: its first that we know.
fn negotiate(request: &Request) -> Result<(Encoding, Option<&'static str>), String> {
    let mut offered = request
        .headers()
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok((Encoding::Json, None));
    }
    for protocol in offered {
        if protocol == SUBPROTOCOL_BIN {
            return Ok((Encoding::Bin, Some(SUBPROTOCOL_BIN)));
        }
        if protocol == SUBPROTOCOL_JSON {
            return Ok((Encoding::Json, Some(SUBPROTOCOL_JSON)));
        }
    }
    Err(format!(
        "none of the offered WebSocket subprotocols is known here: offer {SUBPROTOCOL_BIN} or {SUBPROTOCOL_JSON}, or none for JSON\n"
    ))
}

/// One connection, from its handshake to its end.
async fn talk(socket: TcpStream, control: GatewayControl) -> Result<(), String> {
    let _ = socket.set_nodelay(true);
    let mut encoding = Encoding::Json;
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| match negotiate(request) {
        Ok((chosen, name)) => {
            encoding = chosen;
            if let Some(name) = name {
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", HeaderValue::from_static(name));
            }
            Ok(response)
        }
        Err(problem) => {
            let mut refusal = ErrorResponse::new(Some(problem));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            Err(refusal)
        }
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_frame_size(Some(MAX_SUBSCRIBE_BYTES))
        .max_write_buffer_size(2 * MAX_FRAME_BYTES);
    let handshake = tokio_tungstenite::accept_hdr_async_with_config(socket, choose, Some(limits));
    let socket = tokio::time::timeout(HANDSHAKE_LIMIT, handshake)
        .await
        .map_err(|_| "no handshake in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let (mut sink, mut said) = socket.split();
    let client = Arc::new(Client::default());
    let _gone = GoneOnDrop(Arc::clone(&client));
    let join = |subscribe| {
        control
            .orders
            .send(Order::Join(Arc::clone(&client), subscribe))
            .map_err(|_| "the gateway stops".to_owned())
    };
    let mut subscribed = false;
    let mut wants = Subscribe::default();
    let mut prev = 0;
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
    let wait = tokio::time::sleep(SUBSCRIBE_WAIT);
    tokio::pin!(wait);
    let mut waiting = true;
    loop {
        let mut out = Vec::new();
        let mut end = None;
        tokio::select! {
            message = said.next() => {
                let message = message.ok_or_else(|| "the connection closed".to_owned())?;
                heard = tokio::time::Instant::now();
                let read = match message.map_err(|error| error.to_string())? {
                    Message::Text(text) => Some(decode_subscribe_json(text.as_bytes())),
                    Message::Binary(bytes) => Some(decode_subscribe_bin(&bytes)),
                    Message::Close(_) => return Ok(()),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
                };
                let problem = match read {
                    None => continue,
                    Some(Ok(subscribe)) if !subscribed => {
                        subscribed = true;
                        waiting = false;
                        wants = subscribe;
                        join(subscribe)?;
                        continue;
                    }
                    Some(Ok(_)) => "subscribe was said before: it is said once on each connection".to_owned(),
                    Some(Err(error)) => error.to_string(),
                };
                let bye = Body::Bye(Bye { code: "bad_subscribe".to_owned(), text: problem.clone(), retry_after_ms: None });
                out.push(Item::new(0, 0, bye));
                end = Some(Err(problem));
            }
            () = &mut wait, if waiting => {
                waiting = false;
                join(Subscribe::default())?;
            }
            () = client.more.notified() => {
                let mut queue = client.queue();
                out.extend(queue.items.drain(..));
                queue.lights = 0;
            }
            _ = ping.tick() => {
                if heard.elapsed() > IDLE_LIMIT {
                    return Err("it didn't answer pings".to_owned());
                }
                send(&mut sink, Message::Ping(Default::default())).await?;
            }
        }
        for item in out {
            let item = match (&item.body, wants.lights_per_s) {
                (Body::Lights(_), Some(0)) => continue,
                (Body::Lights(lights), Some(limit)) => {
                    Item::new(item.epoch, item.seq, Body::Lights(thin(lights, limit)))
                }
                _ => item,
            };
            let message = item.message(encoding, prev).map_err(|error| error.to_string())?;
            prev = item.seq;
            if matches!(item.body, Body::Bye(_)) && end.is_none() {
                end = Some(Ok(()));
            }
            send(&mut sink, message).await?;
        }
        if let Some(end) = end {
            let _ = send(&mut sink, Message::Close(None)).await;
            return end;
        }
    }
}

struct GoneOnDrop(Arc<Client>);

impl Drop for GoneOnDrop {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Relaxed);
    }
}

async fn send<S>(sink: &mut S, message: Message) -> Result<(), String>
where
    S: futures_util::Sink<Message, Error = tokio_tungstenite::tungstenite::Error> + Unpin,
{
    tokio::time::timeout(WRITE_LIMIT, sink.send(message))
        .await
        .map_err(|_| "it reads too slowly".to_owned())?
        .map_err(|error| error.to_string())
}

/// At most `limit` lights a second, each standing for more.
fn thin(lights: &crate::wire::Lights, limit: u32) -> crate::wire::Lights {
    let most = (limit as usize / 10).max(1);
    let stride = lights.place.len().div_ceil(most).max(1);
    crate::wire::Lights {
        per_light: lights
            .per_light
            .saturating_mul(u32::try_from(stride).unwrap_or(u32::MAX)),
        place: lights.place.iter().copied().step_by(stride).collect(),
        code: lights.code.iter().copied().step_by(stride).collect(),
        ..lights.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::gateway::{ScenarioSource, Source, load_catalogue};
    use crate::wire::{Frame, Lights, Sequencer, Verdict};

    #[test]
    fn what_waits_for_a_client_is_bounded_and_chains() {
        let catalogue = load_catalogue().unwrap();
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms + 60_000;
        let publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap();
        let mut stream = Stream::new(GatewayConfig::default(), publisher);
        let client = Arc::new(Client::default());
        stream.join(&client, &Subscribe::default());
        let mut sequencer = Sequencer::new();
        let mut read = |client: &Client| {
            let mut queue = client.queue();
            queue.lights = 0;
            let items: Vec<Arc<Item>> = queue.items.drain(..).collect();
            drop(queue);
            let mut prev = sequencer.position().map_or(0, |at| at.seq);
            for item in &items {
                let frame = Frame {
                    epoch: item.epoch,
                    seq: item.seq,
                    prev,
                    body: item.body.clone(),
                };
                assert!(matches!(
                    sequencer.accept(&frame),
                    Verdict::Apply | Verdict::NewEpoch
                ));
                prev = item.seq;
            }
            items
        };
        assert_eq!(read(&client).len(), 2, "hello and snapshot");
        // A client that reads nothing: first lights are left out, then a snapshot takes everything's place.
        let mut most = (0, 0);
        let (mut waited, mut snapshots) = (0, 0);
        for step in 1..=200 {
            for body in stream.publisher.step(start_ms + step * 10, 0).public {
                stream.publish(body.into_inner());
            }
            let queue = client.queue();
            let lights = queue.items.iter().filter(|item| item.is_lights()).count();
            most = (most.0.max(queue.items.len()), most.1.max(lights));
            if queue.items.len() < waited {
                snapshots += 1;
                assert!(matches!(
                    queue.items.front().map(|item| &item.body),
                    Some(Body::Snapshot(_))
                ));
            }
            waited = queue.items.len();
        }
        assert!(snapshots >= 2, "{snapshots}");
        let last = read(&client).into_iter().rev().find_map(|item| match &item.body {
            Body::Tick(tick) => Some((tick.event_ms, tick.totals)),
            _ => None,
        });
        let snapshot = stream.publisher.public_snapshot(0).into_inner();
        assert_eq!(last, Some((snapshot.event_ms, snapshot.totals)));
    }

    #[test]
    fn fewer_lights_stand_for_more() {
        let lights = Lights {
            per_light: 2,
            events: 2_000,
            place: vec![7; 1_000],
            code: vec![1; 1_000],
            ..Lights::default()
        };
        let few = thin(&lights, 1_000);
        assert_eq!((few.place.len(), few.code.len(), few.per_light), (100, 100, 20));
        assert_eq!(few.events, 2_000);
        assert_eq!(thin(&lights, 100_000), lights);
        assert_eq!(thin(&lights, 1).place.len(), 1);
    }
}
