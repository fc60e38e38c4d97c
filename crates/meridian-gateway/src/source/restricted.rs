//! The type that marks a source's rows as restricted.

/// Rows of a source. The mark stays on from the source to the publisher, which counts them, and they go no further:
/// it can't be written down, copied or turned into a frame.
pub struct Restricted<T>(T);

impl<T> std::fmt::Debug for Restricted<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Restricted(…)")
    }
}

impl<T> Restricted<T> {
    /// Marks what a source gave.
    pub fn new(rows: T) -> Self {
        Self(rows)
    }

    /// For counting.
    pub(crate) fn rows(&self) -> &T {
        &self.0
    }

    /// For sending to a gateway, which marks what it takes.
    pub(super) fn into_rows(self) -> T {
        self.0
    }

    /// For measurements and tests outside this crate, with orders that are nobody's. The gateway never calls it.
    #[doc(hidden)]
    pub fn expose(&self) -> &T {
        &self.0
    }
}
