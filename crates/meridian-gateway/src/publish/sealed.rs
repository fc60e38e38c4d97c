//! Classes of receivers as types, so that what was made for one can't be given to another.
//!
//! A stream of a class takes only bodies that were sealed for it ([`Class::Sealed`]): the public one takes
//! [`Public`], which only the guard makes, and the internal one [`Internal`].

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::publish::class::{DataClass, Internal};
use crate::publish::guard::Public;
use meridian_core::sales::EventMs;
use meridian_wire::{Body, Direct, Mode, Snapshot};

/// A class of receivers.
pub trait Class: std::fmt::Debug + Send + Sync + 'static {
    /// Its name on the wire.
    const CLASS: DataClass;
    /// What was made for its receivers.
    type Sealed<T>;

    /// The content.
    fn get<T>(sealed: &Self::Sealed<T>) -> &T;
    /// The content, without its seal: for the stream that publishes it.
    fn open<T>(sealed: Self::Sealed<T>) -> T;
    /// The same body, with its figures called something else.
    fn with_mode(sealed: Self::Sealed<Body>, mode: impl Fn(Mode) -> Mode) -> Self::Sealed<Body>;
}

/// Walls, and everybody who may see what the guard has released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicClass {}

/// Those who may see exact figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalClass {}

impl Class for PublicClass {
    const CLASS: DataClass = DataClass::Public;
    type Sealed<T> = Public<T>;

    fn get<T>(sealed: &Public<T>) -> &T {
        sealed.get()
    }

    fn open<T>(sealed: Public<T>) -> T {
        sealed.into_inner()
    }

    fn with_mode(sealed: Public<Body>, mode: impl Fn(Mode) -> Mode) -> Public<Body> {
        sealed.with_mode(mode)
    }
}

impl Class for InternalClass {
    const CLASS: DataClass = DataClass::Internal;
    type Sealed<T> = Internal<T>;

    fn get<T>(sealed: &Internal<T>) -> &T {
        sealed.get()
    }

    fn open<T>(sealed: Internal<T>) -> T {
        sealed.into_inner()
    }

    fn with_mode(sealed: Internal<Body>, mode: impl Fn(Mode) -> Mode) -> Internal<Body> {
        sealed.with_mode(mode)
    }
}

/// Everything that a class may know at an instant: sealed for it, or what its stream had given out. It is written to
/// the state file while figures are held, and read from there for the same class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Known<C> {
    snapshot: Snapshot,
    #[serde(skip)]
    class: PhantomData<fn() -> C>,
}

impl<C: Class> Known<C> {
    /// Everything that was sealed for the class.
    pub(crate) fn new(sealed: C::Sealed<Box<Snapshot>>) -> Self {
        Self::given_out(*C::open(sealed))
    }

    /// What the class's own stream has given out.
    pub(crate) fn given_out(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            class: PhantomData,
        }
    }

    /// For the stream that gives it out.
    pub(crate) fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// What the figures are called.
    pub(crate) fn mode(&self) -> Mode {
        self.snapshot.mode
    }

    /// Calls the figures something else.
    pub(crate) fn with_mode(mut self, mode: Mode) -> Self {
        self.snapshot.mode = mode;
        self
    }

    /// Says what the directors decided.
    pub(crate) fn with_direct(mut self, direct: Direct) -> Self {
        self.snapshot.direct = Some(direct);
        self
    }

    /// Says no earlier time than this.
    pub(crate) fn not_before(mut self, event_ms: EventMs) -> Self {
        self.snapshot.event_ms = self.snapshot.event_ms.max(event_ms);
        self
    }

    #[cfg(test)]
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}
