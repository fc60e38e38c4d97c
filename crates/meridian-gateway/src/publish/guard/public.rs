//! The type that marks what may be published.

use meridian_wire::{Body, Mode};

/// What the guard has released: it alone can make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Public<T>(pub(super) T);

impl<T> Public<T> {
    /// The content.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The content, without its mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Public<Body> {
    /// The same body, with its figures called something else.
    pub(crate) fn with_mode(mut self, mode: impl Fn(Mode) -> Mode) -> Self {
        if let Body::Tick(tick) = &mut self.0 {
            tick.mode = mode(tick.mode);
        }
        self
    }
}
