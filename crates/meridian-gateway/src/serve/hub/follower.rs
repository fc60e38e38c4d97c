//! A client's place in a stream, and what it lacks.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::frame::{Form, Item, are_recent, published_ms, thin};
use super::{Hub, Inner};
use meridian_wire::codec::CodecError;
use meridian_wire::{Body, DataClass, Position, Tick};

/// A client that lacks more ticks than this gets one tick that stands for all of them.
const MERGE_FROM_TICKS: usize = 3;
/// A relay gets `hello` and a snapshot after this many frames: about every five seconds.
const RELAY_SNAPSHOT_FRAMES: u64 = 105;
/// … or, while there are few frames, after this many milliseconds.
pub(super) const RELAY_SNAPSHOT_MS: i64 = 5_000;

/// What a client wants of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wants {
    /// How frames are written for it.
    pub form: Form,
    /// The most lights a second; absent: all.
    pub lights_per_s: Option<u32>,
    /// Whether it serves others.
    pub relay: bool,
}

/// A client's place in a stream.
pub(crate) struct Follower {
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
    pub(super) snapshot_ms: Option<i64>,
    frames_left_out: u64,
    /// The goodbye was given out.
    ended: bool,
}

impl Hub {
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
