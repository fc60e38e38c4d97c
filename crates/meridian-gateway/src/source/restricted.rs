//! The mark on a source's own rows.

/// Rows of a source. They go from the source to the publisher, which counts them, and no further: it can't be
/// written down, copied or turned into a frame.
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

    /// For handing on to who counts.
    pub(crate) fn into_rows(self) -> T {
        self.0
    }
}
