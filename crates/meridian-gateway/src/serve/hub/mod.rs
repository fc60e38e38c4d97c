//! Fan-out: one stream of frames, shared by every client that follows it.
//!
//! A body is encoded once for each form (JSON, binary, binary compressed), signed once, and its bytes are shared.
//! A client has no queue: it has a position. What it lacks is worked out from the ring when it can take more,
//! so a client that keeps up gets every frame, a slow one gets merged ticks and fewer lights at its own rate,
//! and one that fell out of the ring gets a snapshot. Nobody waits for anybody.
//!
//! Figures come in through an [`Outlet`] of their class, another gateway's frames through a [`RelayOutlet`]; what
//! carries no figures is announced by whoever has the hub.

mod follower;
mod frame;
mod outlet;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

pub(crate) use self::follower::{Follower, Wants};
use self::frame::published_ms;
pub(crate) use self::frame::{Form, Item};
pub(crate) use self::outlet::{Outlet, RelayOutlet};
use crate::source::clock::Clock;
use meridian_wire::{Body, Bye, DataClass, Direct, Heartbeat, Hello, Notice, Position, SigningKey, Snapshot};

/// How many frames are kept for clients that come back or fall behind: about ten seconds.
const RING_FRAMES: usize = 210;
/// The oldest frames that new clients are sent: clients with replay protection refuse older ones.
const RENEW_MS: i64 = 5_000;

/// What a gateway says beside the figures: it carries none of them, so it may go to any class.
#[derive(Debug, Clone)]
pub(crate) enum Announcement {
    /// That the gateway lives, and where event time is.
    Heartbeat(Heartbeat),
    /// Something to know.
    Notice(Notice),
    /// What the directors decided.
    Direct(Direct),
    /// Goodbye.
    Bye(Bye),
}

impl From<Announcement> for Body {
    fn from(said: Announcement) -> Self {
        match said {
            Announcement::Heartbeat(beat) => Self::Heartbeat(beat),
            Announcement::Notice(notice) => Self::Notice(notice),
            Announcement::Direct(direct) => Self::Direct(direct),
            Announcement::Bye(bye) => Self::Bye(bye),
        }
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
    /// Another gateway's `hello`, byte for byte.
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
pub(crate) struct Hub {
    inner: RwLock<Inner>,
    /// Counts what was published: followers wake up by it.
    news: watch::Sender<u64>,
    key: Option<Arc<SigningKey>>,
    /// What frames say of when they were published: the time that is believed, as everywhere in a gateway.
    clock: Arc<Clock>,
}

impl Hub {
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

    /// Publishes what carries no figures, now.
    pub fn announce(&self, said: Announcement) {
        self.publish([Body::from(said)]);
    }

    /// Publishes bodies in order, now, and wakes the followers once.
    fn publish(&self, bodies: impl IntoIterator<Item = Body>) {
        let now_ms = self.clock.now_ms();
        self.write(|inner| {
            for mut body in bodies {
                inner.note_standing(&body, now_ms);
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
    fn set_snapshot(&self, mut snapshot: Snapshot) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        snapshot.notices.clone_from(&inner.standing);
        let mut body = Body::Snapshot(Box::new(snapshot));
        body.stamp(self.clock.now_ms());
        // A snapshot follows nothing.
        let item = Item::new(inner.epoch, inner.seq, 0, body, self.key.clone());
        inner.snapshot = Some(Arc::new(item));
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner));
        self.news.send_modify(|news| *news += 1);
    }

    fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the stream stands.
    pub fn position(&self) -> Position {
        self.read(|inner| Position {
            epoch: inner.epoch,
            seq: inner.seq,
        })
    }

    /// How fast event time runs, for those who come.
    pub fn set_speed(&self, speed: f64) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.hello.speed = speed;
    }

    /// Everything that is known of what was published, as it was published.
    fn known(&self) -> Option<Snapshot> {
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

    /// Publishes what is known again when that was a while ago, so that standing figures aren't taken for a recording.
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

    /// Who may see what it holds; absent in a relay until its upstream has said so.
    pub fn class(&self) -> Option<DataClass> {
        self.read(|inner| inner.class)
    }
}

impl Inner {
    /// Keeps in mind what holds until it is taken back.
    fn note_standing(&mut self, body: &Body, now_ms: i64) {
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
