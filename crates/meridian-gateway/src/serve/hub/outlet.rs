//! Where bodies enter a stream: figures through the door of their class, another gateway's frames through a door of their own.

use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};

use super::frame::Item;
use super::{HELD, Hub, IMPLAUSIBLE};
use crate::publish::sealed::{Class, Known};
use crate::source::clock::Clock;
use meridian_wire::codec::Relayed;
use meridian_wire::{Body, Hello, SigningKey};

/// Publishes the figures of one class: it takes nothing but what was sealed for that class.
pub(crate) struct Outlet<C> {
    hub: Arc<Hub>,
    class: PhantomData<fn() -> C>,
}

impl<C: Class> Outlet<C> {
    /// A stream that begins after a number; without a key its frames aren't signed.
    pub fn new(
        epoch: u64,
        seq: u64,
        mut hello: Hello,
        key: Option<Arc<SigningKey>>,
        clock: Arc<Clock>,
    ) -> Self {
        hello.class = C::CLASS;
        if let Some(key) = &key {
            hello.key = Some(key.public().to_string());
        }
        Self {
            hub: Hub::begin(Some(C::CLASS), epoch, seq, hello, key, clock),
            class: PhantomData,
        }
    }

    /// The stream, for those who follow it.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Begins a stream that was made before anybody knew where it stands (with 0 as its epoch): whoever waits gets it now.
    pub fn open(&self, epoch: u64, seq: u64, known: Known<C>) {
        let snapshot = known.into_snapshot();
        {
            let mut inner = self.hub.inner.write().unwrap_or_else(PoisonError::into_inner);
            (inner.epoch, inner.seq, inner.base) = (epoch, seq, seq);
            // Figures that were held before the gateway was started again still are, for the same reason.
            if snapshot.direct.as_ref().is_some_and(|direct| direct.held) {
                let kept = snapshot.notices.iter();
                let kept = kept.filter(|notice| [HELD, IMPLAUSIBLE].contains(&notice.code.as_str()));
                inner.standing = kept.cloned().collect();
            }
        }
        self.hub.set_snapshot(snapshot);
        self.hub.news.send_modify(|news| *news += 1);
    }

    /// Publishes bodies in order, now, and wakes the followers once.
    pub fn publish(&self, bodies: impl IntoIterator<Item = C::Sealed<Body>>) {
        self.hub.publish(bodies.into_iter().map(C::open));
    }

    /// Publishes everything that is known, for everybody.
    pub fn publish_snapshot(&self, known: Known<C>) {
        self.hub
            .publish([Body::Snapshot(Box::new(known.into_snapshot()))]);
    }

    /// Keeps everything that is known now, for those who come.
    pub fn set_snapshot(&self, known: Known<C>) {
        self.hub.set_snapshot(known.into_snapshot());
    }

    /// Everything that is known of what was published, as it was published.
    pub fn known(&self) -> Option<Known<C>> {
        self.hub.known().map(Known::given_out)
    }
}

/// Passes on another gateway's stream, whose `hello` says who may see it.
pub(crate) struct RelayOutlet {
    hub: Arc<Hub>,
}

impl RelayOutlet {
    /// A stream before anything of it is known: nobody is told anything of it until its `hello` has said who may.
    pub fn new(clock: Arc<Clock>) -> Self {
        Self {
            hub: Hub::begin(None, 0, 0, Hello::unknown(), None, clock),
        }
    }

    /// The stream, for those who follow it.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Begins or continues the stream of another gateway's `hello`, which is passed on unchanged.
    pub fn restart(&self, epoch: u64, seq: u64, hello: Hello, relayed: Relayed) {
        self.hub.write(|inner| {
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

    /// Publishes another gateway's frame unchanged.
    pub fn pass_on(&self, epoch: u64, seq: u64, body: Body, relayed: Relayed) {
        self.hub.write(|inner| {
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
}
