//! Classes of data as types.
//!
//! [`Restricted`] is a source's own rows, [`Internal`] what is counted of them, [`Public`](crate::Public)
//! what the guard has released. Only the guard can make the last.

pub use crate::privacy::{DEFAULT_K, MAX_K, Privacy, PrivacyError};
pub use crate::source::Restricted;
pub use meridian_wire::DataClass;
use meridian_wire::{Body, Mode};

/// Exact figures: for those who may see single orders in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Internal<T>(T);

impl<T> Internal<T> {
    pub(crate) fn new(body: T) -> Self {
        Self(body)
    }

    /// What it says.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What it says, without its mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Internal<Body> {
    /// The same body, with its figures called something else.
    pub(crate) fn with_mode(mut self, mode: impl Fn(Mode) -> Mode) -> Self {
        if let Body::Tick(tick) = &mut self.0 {
            tick.mode = mode(tick.mode);
        }
        self
    }
}
