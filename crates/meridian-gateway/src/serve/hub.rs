//! Fan-out: one stream of frames, shared by every client that follows it.
//!
//! A body is encoded once for each form (JSON, binary, binary compressed), signed once, and its bytes are shared.
//! A client has no queue: it has a position. What it lacks is worked out from the ring when it can take more,
//! so a client that keeps up gets every frame, a slow one gets merged ticks and fewer lights at its own rate,
//! and one that fell out of the ring gets a snapshot. Nobody waits for anybody.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::source::clock::Clock;
use meridian_wire::codec::{CodecError, Packed, Relayed, body_json, frame_bin, frame_json, seal_json};
use meridian_wire::sign::Signature;
use meridian_wire::{
    Body, DataClass, Hello, Lights, Notice, Position, Published, SigningKey, Snapshot, Tick,
};

/// How many frames are kept for clients that come back or fall behind: about ten seconds.
pub const RING_FRAMES: usize = 210;
/// A client that lacks more ticks than this gets one tick that stands for all of them.
pub const MERGE_FROM_TICKS: usize = 3;

/// A relay gets `hello` and a snapshot after so many frames: once in about five seconds.
const RELAY_SNAPSHOT_FRAMES: u64 = 105;
/// … or, while little comes, after so many milliseconds.
const RELAY_SNAPSHOT_MS: i64 = 5_000;
/// What is told to those who come was published at most so long ago: whoever looks for recordings refuses older frames.
const RENEW_MS: i64 = 5_000;
/// Whoever comes back isn't sent frames that are so much older than the newest one, but a snapshot.
const RESUME_MS: i64 = 20_000;

/// How frames are written for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON, as text.
    Json,
    /// Protobuf.
    Bin,
    /// Protobuf, large bodies compressed.
    BinZstd,
}

impl Form {
    fn at(self) -> usize {
        match self {
            Self::Json => 0,
            Self::Bin => 1,
            Self::BinZstd => 2,
        }
    }
}

type Encoded<T> = OnceLock<Result<T, CodecError>>;

/// One frame of a stream but for `prev`, encoded at most once for each form.
pub struct Item {
    epoch: u64,
    seq: u64,
    base: u64,
    body: Body,
    key: Option<Arc<SigningKey>>,
    /// What another gateway signed, to be passed on as it is.
    relayed: Option<(u64, Signature)>,
    /// Another gateway's, signed or not.
    is_relayed: bool,
    packed: Encoded<Packed>,
    json: Encoded<String>,
    tails: [Encoded<Vec<u8>>; 2],
    /// By form, the message last made and its `prev`: almost every client's is the same.
    last: [Mutex<Option<(u64, Message)>>; 3],
    /// The same with fewer lights, by the most that were wanted.
    thinned: Mutex<BTreeMap<u32, Arc<Item>>>,
}

impl Item {
    fn new(epoch: u64, seq: u64, base: u64, body: Body, key: Option<Arc<SigningKey>>) -> Self {
        Self {
            epoch,
            seq,
            base,
            body,
            key,
            relayed: None,
            is_relayed: false,
            packed: OnceLock::new(),
            json: OnceLock::new(),
            tails: Default::default(),
            last: Default::default(),
            thinned: Mutex::default(),
        }
    }

    /// A frame of another gateway, as it came.
    fn relayed(epoch: u64, seq: u64, base: u64, body: Body, relayed: Relayed) -> Self {
        let mut item = Self::new(epoch, seq, base, body, None);
        item.relayed = relayed.signed;
        item.is_relayed = true;
        let mut packed = relayed.packed;
        packed.compress();
        item.packed = OnceLock::from(Ok(packed));
        item
    }

    /// A frame that belongs to no stream: a goodbye before there is one.
    pub fn stray(body: Body) -> Arc<Self> {
        Arc::new(Self::new(0, 0, 0, body, None))
    }

    /// The frame's number.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// What it says.
    pub fn body(&self) -> &Body {
        &self.body
    }

    fn is_lights(&self) -> bool {
        matches!(self.body, Body::Lights(_))
    }

    fn packed(&self) -> Result<&Packed, CodecError> {
        self.packed
            .get_or_init(|| {
                let mut packed = Packed::new(&self.body)?;
                packed.compress();
                Ok(packed)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    fn tail(&self, compressed: bool) -> Result<&[u8], CodecError> {
        let make = || {
            let packed = self.packed()?;
            let signed = match (&self.relayed, &self.key) {
                (Some(signed), _) => Some(*signed),
                (None, Some(key)) => Some((self.base, packed.sign(self.epoch, self.seq, self.base, key))),
                (None, None) => None,
            };
            let signed = signed.as_ref().map(|(base, signature)| (*base, signature));
            Ok(packed.tail(signed, compressed))
        };
        let [plain, zstd] = &self.tails;
        let tail = if compressed { zstd } else { plain };
        tail.get_or_init(make)
            .as_ref()
            .map(Vec::as_slice)
            .map_err(Clone::clone)
    }

    /// The message for clients that were sent `prev` before it.
    ///
    /// # Errors
    /// [`CodecError`] for a frame that can't be written, one too large above all.
    pub fn message(&self, form: Form, prev: u64) -> Result<Message, CodecError> {
        let last = self.last.get(form.at());
        if let Some((known, message)) = last.map(lock).as_deref().and_then(Option::as_ref)
            && *known == prev
        {
            return Ok(message.clone());
        }
        let message = match form {
            Form::Json => {
                let make = || {
                    let body = body_json(&self.body)?;
                    Ok(match &self.key {
                        Some(key) => seal_json(self.epoch, self.seq, self.base, &body, key),
                        None => body,
                    })
                };
                let body = self.json.get_or_init(make).as_ref().map_err(Clone::clone)?;
                Message::Text(frame_json(self.epoch, self.seq, prev, body)?.into())
            }
            Form::Bin | Form::BinZstd => {
                let tail = self.tail(form == Form::BinZstd)?;
                Message::Binary(frame_bin(self.epoch, self.seq, prev, tail)?.into())
            }
        };
        if let Some(last) = last {
            *lock(last) = Some((prev, message.clone()));
        }
        Ok(message)
    }

    /// The same frame for a client that knows everything up to `base`, which may be less than others do.
    fn after(&self, base: u64) -> Arc<Self> {
        Arc::new(Self::new(
            self.epoch,
            self.seq,
            base,
            self.body.clone(),
            self.key.clone(),
        ))
    }

    /// The same frame with at most `limit` lights a second; none where that would break another's signature.
    fn thinned(&self, limit: u32) -> Option<Arc<Self>> {
        let Body::Lights(lights) = &self.body else {
            return None;
        };
        if self.is_relayed {
            return None;
        }
        let made = || {
            let body = Body::Lights(thin(lights, limit));
            Arc::new(Self::new(self.epoch, self.seq, self.base, body, self.key.clone()))
        };
        Some(Arc::clone(lock(&self.thinned).entry(limit).or_insert_with(made)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When a frame was published, if it says so.
fn published_ms(item: &Item) -> Option<i64> {
    match item.body.published() {
        Published::At(at_ms) => Some(at_ms),
        Published::Unsaid | Published::Never => None,
    }
}

/// Whether frames in order may be sent to somebody who looks for recordings.
fn are_recent(items: &[Arc<Item>]) -> bool {
    let mut times = items.iter().filter_map(|item| published_ms(item));
    let first = times.next();
    let last = times.next_back().or(first);
    first
        .zip(last)
        .is_none_or(|(first, last)| last - first <= RESUME_MS)
}

/// At most `limit` lights a second, each standing for more.
fn thin(lights: &Lights, limit: u32) -> Lights {
    let most = (limit as usize / 10).max(1);
    let stride = lights.place.len().div_ceil(most).max(1);
    Lights {
        per_light: lights
            .per_light
            .saturating_mul(u32::try_from(stride).unwrap_or(u32::MAX)),
        place: lights.place.iter().copied().step_by(stride).collect(),
        code: lights.code.iter().copied().step_by(stride).collect(),
        ..lights.clone()
    }
}

struct Inner {
    /// Who may see what it holds; absent in a relay until its upstream has said so.
    class: Option<DataClass>,
    epoch: u64,
    seq: u64,
    /// The newest frame that isn't lights.
    base: u64,
    hello: Hello,
    /// Another gateway's `hello`, as it came.
    relayed_hello: Option<Arc<Item>>,
    ring: VecDeque<Arc<Item>>,
    /// Everything that was known at one of the ring's frames, or just before its oldest.
    snapshot: Option<Arc<Item>>,
    /// Notices that hold until something takes them back, in order: whoever comes is told them with the snapshot.
    standing: Vec<Notice>,
}

/// The codes of notices that hold until another takes them back, and which do.
const STANDING: [(&str, &[&str]); 7] = [
    ("source_silent", &["source_back"]),
    ("source_failed", &[]),
    ("storage_failing", &["storage_back"]),
    ("clock_jumped", &["clock_right", "clock_set"]),
    ("closed_early", &[]),
    // Also by a `direct` that says that nothing is held.
    (HELD, &["released"]),
    (IMPLAUSIBLE, &["released"]),
];
const HELD: &str = "held";
const IMPLAUSIBLE: &str = "implausible";

/// One stream and its followers.
pub struct Hub {
    inner: RwLock<Inner>,
    /// Counts what was published: followers wake up by it.
    news: watch::Sender<u64>,
    key: Option<Arc<SigningKey>>,
    /// What frames say of when they were published: the time that is believed, as everywhere in a gateway.
    clock: Arc<Clock>,
}

impl Hub {
    /// A stream that begins after a number; without a key its frames aren't signed.
    pub fn new(
        epoch: u64,
        seq: u64,
        mut hello: Hello,
        key: Option<Arc<SigningKey>>,
        clock: Arc<Clock>,
    ) -> Arc<Self> {
        if let Some(key) = &key {
            hello.key = Some(key.public().to_string());
        }
        let class = Some(hello.class);
        Self::begin(class, epoch, seq, hello, key, clock)
    }

    /// Another gateway's stream, before anything of it is known: nobody is told anything of it until its `hello`
    /// has said who may.
    pub fn relaying(clock: Arc<Clock>) -> Arc<Self> {
        Self::begin(None, 0, 0, Hello::unknown(), None, clock)
    }

    fn begin(
        class: Option<DataClass>,
        epoch: u64,
        seq: u64,
        hello: Hello,
        key: Option<Arc<SigningKey>>,
        clock: Arc<Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner: RwLock::new(Inner {
                class,
                epoch,
                seq,
                base: seq,
                hello,
                relayed_hello: None,
                ring: VecDeque::with_capacity(RING_FRAMES + 8),
                snapshot: None,
                standing: Vec::new(),
            }),
            news: watch::Sender::new(0),
            key,
            clock,
        })
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner));
        self.news.send_modify(|news| *news += 1);
    }

    fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a stream that was made before anybody knew where it stands (with 0 as its epoch): whoever waits gets it now.
    pub fn open(&self, epoch: u64, seq: u64, snapshot: Snapshot) {
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            (inner.epoch, inner.seq, inner.base) = (epoch, seq, seq);
            // Figures that were held before the gateway was started again still are, for the same reason.
            if snapshot.direct.as_ref().is_some_and(|direct| direct.held) {
                let kept = snapshot.notices.iter();
                let kept = kept.filter(|notice| [HELD, IMPLAUSIBLE].contains(&notice.code.as_str()));
                inner.standing = kept.cloned().collect();
            }
        }
        self.set_snapshot(snapshot);
        self.news.send_modify(|news| *news += 1);
    }

    /// Where the stream stands.
    pub fn position(&self) -> Position {
        self.read(|inner| Position {
            epoch: inner.epoch,
            seq: inner.seq,
        })
    }

    /// Changes what the next clients are told first.
    pub fn set_hello(&self, change: impl FnOnce(&mut Hello)) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner.hello);
    }

    /// Publishes bodies in order, now, and wakes the followers once.
    pub fn publish(&self, bodies: impl IntoIterator<Item = Body>) {
        let now_ms = self.clock.now_ms();
        self.write(|inner| {
            for mut body in bodies {
                inner.heed(&body, now_ms);
                if let Body::Snapshot(snapshot) = &mut body {
                    snapshot.notices.clone_from(&inner.standing);
                }
                body.stamp(now_ms);
                inner.seq += 1;
                let item = Arc::new(Item::new(
                    inner.epoch,
                    inner.seq,
                    inner.base,
                    body,
                    self.key.clone(),
                ));
                inner.push(item);
            }
        });
    }

    /// Everything that is known now, for those who come.
    pub fn set_snapshot(&self, mut snapshot: Snapshot) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        snapshot.notices.clone_from(&inner.standing);
        let mut body = Body::Snapshot(Box::new(snapshot));
        body.stamp(self.clock.now_ms());
        // A snapshot follows nothing.
        let item = Item::new(inner.epoch, inner.seq, 0, body, self.key.clone());
        inner.snapshot = Some(Arc::new(item));
    }

    /// Everything that is known of what was published, as it was published.
    pub fn known(&self) -> Option<Snapshot> {
        self.read(|inner| {
            let item = inner.snapshot.as_ref()?;
            let Body::Snapshot(snapshot) = &item.body else {
                return None;
            };
            let mut known = (**snapshot).clone();
            for later in inner.ring.iter().filter(|later| later.seq > item.seq) {
                known.apply(&later.body);
            }
            Some(known)
        })
    }

    /// Whether a notice with this code was published and not taken back.
    pub fn stands(&self, code: &str) -> bool {
        self.read(|inner| inner.standing.iter().any(|notice| notice.code == code))
    }

    /// Says anew what is known, where that was said a while ago: figures that stand still don't become a recording.
    pub fn renew(&self) {
        let said_ms = self.read(|inner| published_ms(inner.snapshot.as_ref()?));
        // Whichever way the clock went.
        if said_ms.is_none_or(|said_ms| (self.clock.now_ms() - said_ms).abs() < RENEW_MS) {
            return;
        }
        if let Some(known) = self.known() {
            self.set_snapshot(known);
        }
    }

    /// Begins or goes on with the stream of another gateway's `hello`, which is passed on as it came.
    pub fn restart(&self, epoch: u64, seq: u64, hello: Hello, relayed: Relayed) {
        self.write(|inner| {
            if inner.epoch != epoch {
                inner.ring.clear();
                inner.snapshot = None;
                inner.seq = seq;
                inner.base = seq;
            }
            inner.epoch = epoch;
            inner.class = Some(hello.class);
            inner.hello = hello.clone();
            let item = Item::relayed(epoch, seq, 0, Body::Hello(Box::new(hello)), relayed);
            inner.relayed_hello = Some(Arc::new(item));
        });
    }

    /// Publishes another gateway's frame as it came.
    pub fn pass_on(&self, epoch: u64, seq: u64, body: Body, relayed: Relayed) {
        self.write(|inner| {
            if inner.epoch != epoch || inner.class.is_none() {
                // A stream whose hello didn't come can't be passed on.
                return;
            }
            let is_snapshot = matches!(body, Body::Snapshot(_));
            let item = Item::relayed(epoch, seq, inner.base, body, relayed);
            if is_snapshot {
                if seq > inner.seq {
                    // Frames before it were missed.
                    inner.ring.clear();
                    inner.seq = seq;
                    inner.base = seq;
                }
                inner.snapshot = Some(Arc::new(item));
            } else if seq > inner.seq {
                inner.seq = seq;
                inner.push(Arc::new(item));
            }
        });
    }

    /// Follows the stream, for somebody who may see data up to a class.
    pub fn follow(self: &Arc<Self>, sees: DataClass, wants: Wants) -> Follower {
        Follower {
            news: self.news.subscribe(),
            hub: Arc::clone(self),
            sees,
            barred: false,
            wants,
            epoch: 0,
            at: None,
            snapshot_at: None,
            snapshot_ms: None,
            frames_left_out: 0,
            ended: false,
        }
    }

    /// Who may see what it holds; absent in a relay until its upstream has said so.
    pub fn class(&self) -> Option<DataClass> {
        self.read(|inner| inner.class)
    }

    /// How many follow it.
    pub fn followers(&self) -> usize {
        self.news.receiver_count()
    }
}

impl Inner {
    /// Keeps in mind what holds until it is taken back.
    fn heed(&mut self, body: &Body, now_ms: i64) {
        match body {
            Body::Notice(notice) => {
                let code = notice.code.as_str();
                self.standing.retain(|known| {
                    let back = STANDING.iter().find(|(code, _)| *code == known.code);
                    let is_back = back.is_some_and(|(_, by)| by.contains(&code));
                    !is_back && (known.code != code || known.text != notice.text)
                });
                if STANDING.iter().any(|(standing, _)| *standing == code) {
                    let mut notice = notice.clone();
                    notice.published_ms = now_ms;
                    self.standing.push(notice);
                }
            }
            Body::Direct(direct) if !direct.held => self
                .standing
                .retain(|known| ![HELD, IMPLAUSIBLE].contains(&known.code.as_str())),
            _ => {}
        }
    }

    fn push(&mut self, item: Arc<Item>) {
        if !item.is_lights() {
            self.base = item.seq;
        }
        if matches!(item.body, Body::Snapshot(_)) {
            self.snapshot = Some(Arc::clone(&item));
        }
        self.ring.push_back(item);
        while self.ring.len() > RING_FRAMES {
            self.ring.pop_front();
        }
    }

    /// The frames after a number; none when some of them are gone.
    fn since(&self, seq: u64) -> Option<Vec<Arc<Item>>> {
        if seq > self.seq {
            return None;
        }
        let behind = self.ring.iter().rev().take_while(|item| item.seq > seq).count();
        let items: Vec<Arc<Item>> = self.ring.iter().skip(self.ring.len() - behind).cloned().collect();
        let whole = match items.first() {
            // In a relay, numbers may jump where lights were left out upstream: the base says what matters.
            Some(first) => {
                behind < self.ring.len() || first.seq == seq + 1 || first.base <= seq && first.base > 0
            }
            None => true,
        };
        whole.then_some(items)
    }
}

/// What a client wants of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    /// How frames are written for it.
    pub form: Form,
    /// Most lights a second; absent: every one.
    pub lights_per_s: Option<u32>,
    /// Whether it serves others.
    pub relay: bool,
}

/// A client's place in a stream.
pub struct Follower {
    hub: Arc<Hub>,
    news: watch::Receiver<u64>,
    /// Up to which class it may see.
    sees: DataClass,
    /// The stream holds more than that now.
    barred: bool,
    wants: Wants,
    epoch: u64,
    at: Option<u64>,
    /// The snapshot that a relay has.
    snapshot_at: Option<u64>,
    /// … and when it was published.
    snapshot_ms: Option<i64>,
    frames_left_out: u64,
    /// The goodbye was given out.
    ended: bool,
}

impl Follower {
    /// Changes what the client wants.
    pub fn set_wants(&mut self, wants: Wants) {
        self.wants = wants;
    }

    /// What comes first: `hello`, and a snapshot where there is nothing to go on from.
    ///
    /// # Errors
    /// [`CodecError`] for a frame that can't be written.
    pub fn begin(&mut self, resume: Option<Position>) -> Result<Vec<Message>, CodecError> {
        self.news.mark_unchanged();
        let hub = Arc::clone(&self.hub);
        hub.read(|inner| {
            if !self.may_see(inner) {
                return Ok(Vec::new());
            }
            let resumed = resume
                .filter(|position| position.epoch == inner.epoch && position.epoch > 0)
                // Another gateway's hello stands where it stood: only a snapshot can follow it.
                .filter(|_| inner.relayed_hello.is_none())
                .filter(|position| inner.since(position.seq).is_some_and(|items| are_recent(&items)));
            let snapshot = inner.snapshot.as_ref();
            let at = match (&resumed, snapshot) {
                (Some(position), _) => position.seq,
                (None, Some(snapshot)) => snapshot.seq,
                (None, None) => inner.seq,
            };
            self.epoch = inner.epoch;
            if resumed.is_none() && snapshot.is_none() {
                // A relay that has heard nothing yet: hello and snapshot come when they are there.
                self.at = None;
                return Ok(Vec::new());
            }
            let mut out = vec![self.hello(inner, at, 0)?];
            self.at = Some(at);
            match (resumed, snapshot) {
                (Some(_), _) => {}
                (None, Some(snapshot)) => {
                    out.push(snapshot.message(self.wants.form, at)?);
                    self.has_snapshot(snapshot);
                }
                (None, None) => {}
            }
            out.extend(self.catch_up(inner)?);
            Ok(out)
        })
    }

    fn hello(&self, inner: &Inner, seq: u64, prev: u64) -> Result<Message, CodecError> {
        if let Some(hello) = &inner.relayed_hello {
            return hello.message(self.wants.form, prev);
        }
        let mut hello = Body::Hello(Box::new(inner.hello.clone()));
        hello.stamp(self.hub.clock.now_ms());
        Item::new(inner.epoch, seq, 0, hello, self.hub.key.clone()).message(self.wants.form, prev)
    }

    /// Waits until there is something new. Safe to be broken off.
    pub async fn wait(&mut self) -> bool {
        self.news.changed().await.is_ok()
    }

    /// Whether the client may be told what the stream holds now. Asked under the lock that frames are taken under, so
    /// that a stream that becomes another one in between gives nothing away.
    fn may_see(&mut self, inner: &Inner) -> bool {
        self.barred |= inner.class.is_some_and(|class| !self.sees.may_see(class));
        !self.barred && inner.class.is_some()
    }

    /// Whether the stream came to hold more than this client may see: it is told nothing more.
    pub fn is_barred(&self) -> bool {
        self.barred
    }

    /// Whether the stream's goodbye was given out.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether there is nothing that the client lacks.
    pub fn is_current(&self) -> bool {
        self.at == Some(self.hub.position().seq)
    }

    /// How many frames were left out or merged for this client so far.
    pub fn frames_left_out(&self) -> u64 {
        self.frames_left_out
    }

    /// What the client lacks now.
    ///
    /// # Errors
    /// [`CodecError`] for a frame that can't be written.
    pub fn lacking(&mut self) -> Result<Vec<Message>, CodecError> {
        self.news.mark_unchanged();
        let hub = Arc::clone(&self.hub);
        hub.read(|inner| {
            if !self.may_see(inner) {
                return Ok(Vec::new());
            }
            if inner.epoch != self.epoch || self.at.is_none() {
                let Some(snapshot) = &inner.snapshot else {
                    return Ok(Vec::new());
                };
                self.epoch = inner.epoch;
                let mut out = vec![
                    self.hello(inner, snapshot.seq, self.at.unwrap_or(0))?,
                    snapshot.message(self.wants.form, snapshot.seq)?,
                ];
                self.at = Some(snapshot.seq);
                self.has_snapshot(snapshot);
                out.extend(self.catch_up(inner)?);
                return Ok(out);
            }
            self.catch_up(inner)
        })
    }

    fn catch_up(&mut self, inner: &Inner) -> Result<Vec<Message>, CodecError> {
        let Some(at) = self.at else {
            return Ok(Vec::new());
        };
        let Some(items) = inner.since(at) else {
            return self.start_over(inner, at);
        };
        let ticks = items
            .iter()
            .filter(|item| matches!(item.body, Body::Tick(_)))
            .count();
        let behind = ticks > MERGE_FROM_TICKS && !self.wants.relay;
        if behind && items.iter().any(|item| item.is_relayed) {
            // What another gateway signed can't be merged; its last snapshot stands for all of it.
            return match &inner.snapshot {
                Some(snapshot) if snapshot.seq > at => self.start_over(inner, at),
                _ => self.all_of(&items, ticks),
            };
        }
        if behind {
            self.merged(&items, at, ticks)
        } else {
            self.all_of_with_snapshot(inner, &items, ticks)
        }
    }

    fn has_snapshot(&mut self, snapshot: &Item) {
        self.snapshot_at = Some(snapshot.seq);
        self.snapshot_ms = published_ms(snapshot);
    }

    /// A snapshot, and what came after it.
    fn start_over(&mut self, inner: &Inner, at: u64) -> Result<Vec<Message>, CodecError> {
        let Some(snapshot) = &inner.snapshot else {
            return Ok(Vec::new());
        };
        self.frames_left_out += snapshot.seq.saturating_sub(at);
        let mut out = vec![snapshot.message(self.wants.form, at)?];
        self.at = Some(snapshot.seq);
        self.has_snapshot(snapshot);
        let items = inner.since(snapshot.seq).unwrap_or_default();
        out.extend(self.all_of(&items, 2)?);
        Ok(out)
    }

    fn all_of_with_snapshot(
        &mut self,
        inner: &Inner,
        items: &[Arc<Item>],
        ticks: usize,
    ) -> Result<Vec<Message>, CodecError> {
        let due = inner
            .snapshot
            .as_ref()
            .filter(|_| self.wants.relay)
            .filter(|snapshot| {
                let newer_ms = published_ms(snapshot).zip(self.snapshot_ms);
                self.snapshot_at
                    .is_none_or(|at| snapshot.seq > at + RELAY_SNAPSHOT_FRAMES)
                    || newer_ms.is_some_and(|(now, then)| now - then >= RELAY_SNAPSHOT_MS)
            });
        let Some(snapshot) = due else {
            return self.all_of(items, ticks);
        };
        let split = items.partition_point(|item| item.seq <= snapshot.seq);
        let (before, after) = items.split_at(split);
        let mut out = self.all_of(before, 1)?;
        if let Some(at) = self.at.filter(|at| *at <= snapshot.seq) {
            // The relay's own clients need a hello that isn't old either.
            out.push(self.hello(inner, at, at)?);
            out.push(snapshot.message(self.wants.form, at)?);
            self.at = Some(snapshot.seq);
        }
        self.has_snapshot(snapshot);
        out.extend(self.all_of(after, 1)?);
        Ok(out)
    }

    /// Every frame; lights only of the newest tick when there are several.
    fn all_of(&mut self, items: &[Arc<Item>], ticks: usize) -> Result<Vec<Message>, CodecError> {
        let newest = items
            .iter()
            .rev()
            .find(|item| item.is_lights())
            .map(|item| item.seq);
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if item.is_lights() {
                if ticks > 1 && !self.wants.relay && Some(item.seq) != newest {
                    self.frames_left_out += 1;
                    continue;
                }
                match self.wants.lights_per_s {
                    Some(0) => continue,
                    Some(limit) => {
                        let thinned = item.thinned(limit).unwrap_or_else(|| Arc::clone(item));
                        self.put(&thinned, &mut out)?;
                        continue;
                    }
                    None => {}
                }
            }
            self.put(item, &mut out)?;
        }
        Ok(out)
    }

    fn put(&mut self, item: &Item, out: &mut Vec<Message>) -> Result<(), CodecError> {
        out.push(item.message(self.wants.form, self.at.unwrap_or(0))?);
        self.at = Some(item.seq);
        self.ended |= matches!(item.body, Body::Bye(_));
        Ok(())
    }

    /// One tick for all ticks, the newest heartbeat, the newest lights thinned to this client's pace; the rest
    /// as it is. Each is signed anew, as one that follows what this client knows.
    fn merged(&mut self, items: &[Arc<Item>], at: u64, ticks: usize) -> Result<Vec<Message>, CodecError> {
        let last_of = |is: fn(&Body) -> bool| {
            let last = items.iter().rev().find(|item| is(&item.body));
            last.map_or(0, |item| item.seq)
        };
        let tick_at = last_of(|body| matches!(body, Body::Tick(_)));
        let beat_at = last_of(|body| matches!(body, Body::Heartbeat(_)));
        let lights_at = last_of(|body| matches!(body, Body::Lights(_)));
        let mut merged: Option<Tick> = None;
        let mut before = at;
        let mut out = Vec::new();
        for item in items {
            let wanted = match &item.body {
                Body::Tick(tick) => {
                    match &mut merged {
                        Some(merged) => merged.take(tick),
                        None => merged = Some((**tick).clone()),
                    }
                    item.seq == tick_at
                }
                Body::Heartbeat(_) => item.seq == beat_at,
                Body::Lights(_) => item.seq == lights_at && self.wants.lights_per_s != Some(0),
                _ => true,
            };
            if !wanted {
                self.frames_left_out += 1;
                continue;
            }
            let item = match &item.body {
                Body::Tick(_) => {
                    let body = Body::Tick(Box::new(merged.take().unwrap_or_else(|| Tick::empty(0))));
                    Arc::new(Item::new(item.epoch, item.seq, before, body, item.key.clone()))
                }
                Body::Lights(lights) => {
                    let share = lights.place.len() / ticks.max(1);
                    let pace = u32::try_from(share.saturating_mul(10))
                        .unwrap_or(u32::MAX)
                        .max(10);
                    let limit = self.wants.lights_per_s.unwrap_or(u32::MAX).min(pace);
                    let body = Body::Lights(thin(lights, limit));
                    Arc::new(Item::new(item.epoch, item.seq, before, body, item.key.clone()))
                }
                _ => item.after(before),
            };
            self.put(&item, &mut out)?;
            before = item.seq;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::source::clock::{Reading, mono_us};
    use crate::{Publisher, ScenarioSource, Source, load_catalogue, wall_ms};
    use meridian_wire::codec::split_bin;
    use meridian_wire::{
        Cell, Frame, Heartbeat, Keyed, Mode, PublicKey, Sequencer, Totals, Verdict, open_bin, open_json,
    };

    /// A day that is published into a hub, and what a client knows of it.
    struct Stage {
        publisher: Publisher,
        hub: Arc<Hub>,
        key: Arc<SigningKey>,
    }

    impl Stage {
        fn new() -> Self {
            let catalogue = load_catalogue().unwrap();
            let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
            let start_ms = source.hello().day.start_ms + 60_000;
            let publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap();
            let key = Arc::new(SigningKey::ephemeral().unwrap());
            let hub = Hub::new(6, 0, publisher.hello(), Some(Arc::clone(&key)), Clock::system());
            hub.set_snapshot(*publisher.public_snapshot(0).into_inner());
            Self { publisher, hub, key }
        }

        fn step(&mut self) {
            let to_ms = self.publisher.event_ms() + 10;
            let step = self.publisher.step(to_ms, 0);
            self.hub
                .publish(step.public.into_iter().map(|body| body.into_inner()));
        }

        fn client(&self, form: Form) -> Client {
            let wants = Wants {
                form,
                lights_per_s: None,
                relay: false,
            };
            Client {
                follower: self.hub.follow(DataClass::Internal, wants),
                key: self.key.public(),
                sequencer: Sequencer::new(),
                known: None,
                frames: 0,
            }
        }

        fn truth(&self) -> Snapshot {
            *self.publisher.public_snapshot(0).into_inner()
        }
    }

    struct Client {
        follower: Follower,
        key: PublicKey,
        sequencer: Sequencer,
        known: Option<Snapshot>,
        frames: usize,
    }

    impl Client {
        fn read(&mut self, messages: Vec<Message>) -> Vec<Frame> {
            let mut frames = Vec::new();
            for message in messages {
                let opened = match &message {
                    Message::Text(text) => open_json(text.as_bytes(), Some(&self.key)),
                    Message::Binary(bytes) => open_bin(bytes, Some(&self.key)),
                    other => panic!("{other:?}"),
                }
                .unwrap();
                let verdict = self.sequencer.accept_after(&opened.frame, opened.base);
                assert!(
                    matches!(verdict, Verdict::Apply | Verdict::NewEpoch),
                    "{verdict:?} {}",
                    opened.frame.seq
                );
                match &opened.frame.body {
                    Body::Snapshot(snapshot) => self.known = Some((**snapshot).clone()),
                    body => {
                        if let Some(known) = &mut self.known {
                            known.apply(body);
                        }
                    }
                }
                frames.push(opened.frame);
            }
            self.frames += frames.len();
            frames
        }

        fn begin(&mut self, resume: Option<Position>) -> Vec<Frame> {
            let messages = self.follower.begin(resume).unwrap();
            self.read(messages)
        }

        fn next(&mut self) -> Vec<Frame> {
            let messages = self.follower.lacking().unwrap();
            self.read(messages)
        }

        /// Rows, in one order.
        fn figures(&self) -> (Totals, Vec<Keyed>, Vec<Keyed>, Vec<Cell>) {
            figures(self.known.as_ref().unwrap())
        }
    }

    fn figures(snapshot: &Snapshot) -> (Totals, Vec<Keyed>, Vec<Keyed>, Vec<Cell>) {
        let mut cells = snapshot.cells.clone();
        cells.sort_by_key(|cell| (cell.region, cell.category));
        let mut regions = snapshot.regions.clone();
        regions.sort_by_key(|row| row.id);
        (snapshot.totals, regions, snapshot.categories.clone(), cells)
    }

    /// What a client knows once cells were sent: they come with every tenth tick.
    fn settle(stage: &mut Stage) {
        while stage.publisher.event_ms() % 100 != 0 {
            stage.step();
        }
    }

    fn notice(code: &str) -> Body {
        Body::Notice(Notice {
            level: meridian_wire::Level::Warning,
            code: code.to_owned(),
            text: meridian_wire::Names::default(),
            published_ms: 0,
        })
    }

    /// What holds is told with the snapshot until it is taken back, in every form; what only happened isn't.
    #[test]
    fn what_still_holds_is_told_to_whoever_comes() {
        let mut stage = Stage::new();
        let told = |stage: &Stage| {
            let seen = [Form::Json, Form::Bin, Form::BinZstd].map(|form| {
                let mut client = stage.client(form);
                client.begin(None);
                let notices = client.known.unwrap().notices.into_iter();
                notices.map(|notice| notice.code).collect::<Vec<_>>()
            });
            assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
            seen[0].join(" ")
        };
        let direct = |held| {
            Body::Direct(meridian_wire::Direct {
                held,
                ..meridian_wire::Direct::default()
            })
        };
        for (body, expected) in [
            (notice("directed"), ""),
            (notice("source_silent"), "source_silent"),
            (notice("source_silent"), "source_silent"),
            (notice("storage_failing"), "source_silent storage_failing"),
            (direct(true), "source_silent storage_failing"),
            (notice("held"), "source_silent storage_failing held"),
            (notice("source_back"), "storage_failing held"),
            (notice("storage_back"), "held"),
            (direct(false), ""),
            (notice("clock_jumped"), "clock_jumped"),
            (notice("clock_set"), ""),
            (notice("implausible"), "implausible"),
        ] {
            stage.step();
            stage.hub.publish([body]);
            stage.hub.set_snapshot(stage.truth());
            assert_eq!(told(&stage), expected);
        }
        // Held figures are what they were after a restart, and why; all else is looked at anew.
        stage.hub.publish([notice("source_silent"), direct(true)]);
        let kept = stage.hub.known().unwrap();
        stage.hub.set_snapshot(kept);
        let kept = stage.hub.known().unwrap();
        let again = Stage::new();
        again.hub.open(8, 5, kept);
        assert_eq!(told(&again), "implausible");
        assert!(again.hub.stands("implausible") && !again.hub.stands("source_silent"));
    }

    #[test]
    fn whoever_keeps_up_gets_every_frame_and_whoever_does_not_gets_the_same_figures() {
        let mut stage = Stage::new();
        let mut quick = stage.client(Form::BinZstd);
        let mut text = stage.client(Form::Json);
        let mut slow = stage.client(Form::Bin);
        let mut slower = stage.client(Form::Bin);
        let mut gone = stage.client(Form::Bin);
        for client in [&mut quick, &mut text, &mut slow, &mut slower, &mut gone] {
            let first = client.begin(None);
            assert!(matches!(first[0].body, Body::Hello(_)) && matches!(first[1].body, Body::Snapshot(_)));
        }
        for step in 1..=200 {
            stage.step();
            if step % 10 == 0 {
                stage.hub.set_snapshot(stage.truth());
            }
            quick.next();
            text.next();
            if step % 7 == 0 {
                let frames = slow.next();
                let ticks = frames
                    .iter()
                    .filter(|frame| matches!(frame.body, Body::Tick(_)))
                    .count();
                let lights = frames
                    .iter()
                    .filter(|frame| matches!(frame.body, Body::Lights(_)))
                    .count();
                assert_eq!((ticks, lights), (1, 1), "seven ticks are one, and fewer lights");
            }
            if step % 20 == 0 {
                slower.next();
            }
        }
        settle(&mut stage);
        let truth = figures(&stage.truth());
        for client in [&mut quick, &mut text, &mut slow, &mut slower] {
            client.next();
            assert_eq!(client.figures(), truth);
        }
        assert!(slow.follower.frames_left_out() > 0 && quick.follower.frames_left_out() == 0);
        assert!(slower.frames < slow.frames && slow.frames < quick.frames);
        // It fell out of the ring: everything anew, without a new connection.
        let frames = gone.next();
        assert!(matches!(frames[0].body, Body::Snapshot(_)));
        assert_eq!(gone.figures(), truth);
    }

    #[test]
    fn whoever_comes_back_goes_on_where_it_was_if_that_is_still_there() {
        let mut stage = Stage::new();
        let mut client = stage.client(Form::Bin);
        client.begin(None);
        stage.step();
        client.next();
        let position = client.sequencer.position().unwrap();
        for _ in 0..40 {
            stage.step();
        }
        let mut back = stage.client(Form::Bin);
        back.sequencer = client.sequencer.clone();
        back.known.clone_from(&client.known);
        let frames = back.begin(Some(position));
        assert!(
            frames
                .iter()
                .all(|frame| !matches!(frame.body, Body::Snapshot(_)))
        );
        let totals = back.known.as_ref().unwrap().totals;
        assert_eq!(totals, stage.truth().totals);
        // Another stream's position, one that never was, and one that is long gone.
        for (epoch, seq) in [(7, position.seq), (6, position.seq + 10_000)] {
            let mut stranger = stage.client(Form::Bin);
            let frames = stranger.begin(Some(Position { epoch, seq }));
            assert!(matches!(frames[1].body, Body::Snapshot(_)));
        }
        for _ in 0..200 {
            stage.step();
        }
        stage.hub.set_snapshot(stage.truth());
        let frames = stage.client(Form::Bin).begin(Some(position));
        assert!(matches!(frames[1].body, Body::Snapshot(_)));
    }

    #[test]
    fn what_is_known_of_a_stream_is_what_was_published() {
        let mut stage = Stage::new();
        for _ in 0..47 {
            stage.step();
        }
        settle(&mut stage);
        let known = stage.hub.known().unwrap();
        assert_eq!(figures(&known), figures(&stage.truth()));
        assert_eq!(known.reached, stage.truth().reached);
    }

    /// Through a relay, and another behind it, a display still believes the source's key alone.
    #[test]
    fn a_relayed_frame_is_its_sources() {
        let mut stage = Stage::new();
        let hubs: Vec<Arc<Hub>> = (0..2).map(|_| Hub::relaying(Clock::system())).collect();
        let relay_wants = Wants {
            form: Form::BinZstd,
            lights_per_s: None,
            relay: true,
        };
        let mut links = [&stage.hub, &hubs[0]].map(|hub| hub.follow(DataClass::Public, relay_wants));
        let pass = |messages: Vec<Message>, hub: &Arc<Hub>| {
            for message in messages {
                let Message::Binary(bytes) = message else {
                    panic!("binary")
                };
                let frame = open_bin(&bytes, None).unwrap().frame;
                let relayed = split_bin(&bytes).unwrap();
                match frame.body {
                    Body::Hello(hello) => hub.restart(frame.epoch, frame.seq, *hello, relayed),
                    body => hub.pass_on(frame.epoch, frame.seq, body, relayed),
                }
            }
        };
        for (link, hub) in links.iter_mut().zip(&hubs) {
            pass(link.begin(None).unwrap(), hub);
        }
        let wants = |lights_per_s| Wants {
            form: Form::Bin,
            lights_per_s,
            relay: false,
        };
        let key = stage.key.public();
        let client = |wants| Client {
            follower: hubs[1].follow(DataClass::Public, wants),
            key,
            sequencer: Sequencer::new(),
            known: None,
            frames: 0,
        };
        let (mut quick, mut slow) = (client(wants(None)), client(wants(Some(0))));
        quick.begin(None);
        slow.begin(None);
        for step in 1..=300 {
            stage.step();
            if step % 10 == 0 {
                stage.hub.set_snapshot(stage.truth());
            }
            for (link, hub) in links.iter_mut().zip(&hubs) {
                pass(link.lacking().unwrap(), hub);
            }
            quick.next();
            if step % 60 == 0 {
                slow.next();
            }
        }
        slow.next();
        let truth = stage.truth();
        for client in [&quick, &slow] {
            assert_eq!(client.known.as_ref().unwrap().totals, truth.totals);
        }
        // Those who come late find a snapshot that isn't far behind.
        let mut late = client(wants(None));
        let frames = late.begin(None);
        assert!(matches!(frames[1].body, Body::Snapshot(_)));
        assert_eq!(late.known.as_ref().unwrap().totals, truth.totals);
    }

    /// What it takes for another gateway's frames to be passed on.
    fn relayed(epoch: u64, seq: u64, body: &Body) -> Relayed {
        let packed = Packed::new(body).unwrap();
        let bytes = frame_bin(epoch, seq, 0, &packed.tail(None, false)).unwrap();
        split_bin(&bytes).unwrap()
    }

    /// A relay's stream has no class before its hello came, and may have another one after its source's restart.
    #[test]
    fn whoever_may_not_see_a_relayed_stream_is_told_nothing_of_it() {
        let mut stage = Stage::new();
        stage.step();
        let wants = Wants {
            form: Form::Bin,
            lights_per_s: None,
            relay: false,
        };
        let hub = Hub::relaying(Clock::system());
        assert_eq!(hub.class(), None);
        let mut wall = hub.follow(DataClass::Public, wants);
        let mut chief = hub.follow(DataClass::Internal, wants);
        let begin = |follower: &mut Follower| follower.begin(None).unwrap().len();
        let lacking = |follower: &mut Follower| follower.lacking().unwrap().len();
        assert_eq!((begin(&mut wall), begin(&mut chief)), (0, 0));
        let snapshot = Body::Snapshot(Box::new(stage.truth()));
        // Figures without a hello are nobody's.
        hub.pass_on(0, 1, snapshot.clone(), relayed(0, 1, &snapshot));
        assert_eq!((lacking(&mut wall), lacking(&mut chief)), (0, 0));
        let say = |epoch: u64, class: DataClass| {
            let hello = Hello {
                class,
                ..stage.publisher.hello()
            };
            let body = Body::Hello(Box::new(hello.clone()));
            hub.restart(epoch, 1, hello, relayed(epoch, 1, &body));
            hub.pass_on(epoch, 1, snapshot.clone(), relayed(epoch, 1, &snapshot));
        };
        say(4, DataClass::Public);
        assert_eq!((lacking(&mut wall), lacking(&mut chief)), (2, 2));
        assert!(!wall.is_barred());
        // The source came back and lets this relay see more.
        say(7, DataClass::Internal);
        assert_eq!(hub.class(), Some(DataClass::Internal));
        assert_eq!((lacking(&mut wall), lacking(&mut chief)), (0, 2));
        assert!(wall.is_barred() && !chief.is_barred());
        // For good: it has to come anew, and be judged anew.
        say(8, DataClass::Public);
        assert_eq!(lacking(&mut wall), 0);
        let mut late = hub.follow(DataClass::Public, wants);
        assert_eq!(begin(&mut late), 2);
    }

    /// Whoever looks for recordings takes nothing for one that a gateway gives out now.
    #[test]
    fn what_is_given_out_says_that_it_is_of_now_however_long_figures_stand_still() {
        let mut stage = Stage::new();
        let is_fresh = |body: &Body| matches!(body.published(), Published::At(at_ms) if (wall_ms() - at_ms).abs() < 30_000);
        let relay = Wants {
            form: Form::Bin,
            lights_per_s: None,
            relay: true,
        };
        let mut client = stage.client(Form::Bin);
        let mut passing = Client {
            follower: stage.hub.follow(DataClass::Public, relay),
            ..stage.client(Form::Bin)
        };
        // As a delay does, the publisher said another time.
        stage.step();
        for frame in client.begin(None).iter().chain(&passing.begin(None)) {
            assert!(is_fresh(&frame.body), "{:?}", frame.body);
        }
        let position = client.sequencer.position().unwrap();
        stage.step();
        for frame in client.next().iter().chain(&passing.next()) {
            assert!(is_fresh(&frame.body), "{:?}", frame.body);
        }
        // Held for an hour: what was known then becomes old, frames that were missed too.
        let age = |stage: &Stage| {
            let mut inner = stage.hub.inner.write().unwrap();
            let old = |item: &Arc<Item>| {
                let mut body = item.body.clone();
                body.stamp(wall_ms() - 3_600_000);
                Arc::new(Item::new(item.epoch, item.seq, item.base, body, item.key.clone()))
            };
            let snapshot = inner.snapshot.as_ref().map(&old);
            inner.snapshot = snapshot;
            inner.ring = inner.ring.iter().map(old).collect();
        };
        age(&stage);
        // It has been five seconds for the relay, too.
        passing.follower.snapshot_ms = passing.follower.snapshot_ms.map(|ms| ms - RELAY_SNAPSHOT_MS);
        stage.hub.renew();
        let beat = Heartbeat {
            event_ms: 0,
            published_ms: 0,
            mode: Mode::Held,
            paused: false,
        };
        stage.hub.publish([Body::Heartbeat(beat)]);
        let mut back = stage.client(Form::Bin);
        let mut late = stage.client(Form::Bin);
        for frames in [back.begin(Some(position)), late.begin(None)] {
            assert!(matches!(frames[1].body, Body::Snapshot(_)));
            for frame in &frames {
                assert!(is_fresh(&frame.body), "{:?}", frame.body);
            }
        }
        assert_eq!(late.figures(), figures(&stage.hub.known().unwrap()));
        // A relay is told anew, hello too, for those who come to it.
        let kinds: Vec<&str> = passing
            .next()
            .iter()
            .map(|frame| match &frame.body {
                Body::Hello(_) => "hello",
                Body::Snapshot(_) => "snapshot",
                Body::Heartbeat(_) => "heartbeat",
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, ["hello", "snapshot", "heartbeat"]);
        // Once.
        stage.hub.publish([Body::Heartbeat(beat)]);
        assert_eq!(passing.next().len(), 1);
    }

    /// A gateway's clock that leaps makes no recording of what it says: displays have clocks of their own.
    #[test]
    fn what_is_given_out_is_of_the_time_that_is_believed() {
        let by_us = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let leap = Arc::clone(&by_us);
        let clock = Clock::with(move || Reading {
            wall_us: wall_ms() * 1_000 + leap.load(std::sync::atomic::Ordering::Relaxed),
            mono_us: mono_us(),
        });
        let mut stage = Stage::new();
        stage.hub = Hub::new(6, 0, stage.publisher.hello(), Some(Arc::clone(&stage.key)), clock);
        by_us.store(3_600_000_000, std::sync::atomic::Ordering::Relaxed);
        stage.hub.set_snapshot(stage.truth());
        let mut client = stage.client(Form::Bin);
        let mut frames = client.begin(None);
        stage.step();
        frames.extend(client.next());
        assert!(frames.len() > 2, "{}", frames.len());
        for frame in frames {
            let published = frame.body.published();
            assert!(
                matches!(published, Published::At(at_ms) if (wall_ms() - at_ms).abs() < 30_000),
                "{:?}",
                frame.body
            );
        }
    }

    #[test]
    fn one_message_is_shared_by_everybody_whom_it_follows_the_same() {
        let beat = Body::Heartbeat(Heartbeat {
            event_ms: 0,
            published_ms: 0,
            mode: Mode::Demo,
            paused: false,
        });
        let item = Item::new(1, 5, 4, beat, None);
        let pointer = |message: &Message| match message {
            Message::Binary(bytes) => bytes.as_ptr(),
            other => panic!("{other:?}"),
        };
        let first = item.message(Form::Bin, 4).unwrap();
        assert_eq!(pointer(&first), pointer(&item.message(Form::Bin, 4).unwrap()));
        assert_ne!(pointer(&first), pointer(&item.message(Form::Bin, 3).unwrap()));
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
