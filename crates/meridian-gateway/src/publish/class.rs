//! Who may see what, in the types.
//!
//! [`Restricted`] is a source's own rows, [`Internal`] what is counted of them, [`Public`]
//! what the guard has released. Only the guard can make the last.

pub use meridian_wire::DataClass;

/// Fewest orders or payments that a published group has, unless told otherwise.
pub const DEFAULT_K: u32 = 10;
/// The largest `k`: a group of more isn't anyone's secret.
pub const MAX_K: u32 = 1_000;

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

/// What the guard has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privacy {
    k: u32,
    seed: Option<u64>,
}

/// Why a privacy setting can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivacyError {
    /// Below what protects anything.
    #[error(
        "privacy.k is {0}, which protects nobody: 2 to {MAX_K} is needed, 10 is usual; to publish exact figures, say so with Privacy::off()"
    )]
    TooSmall(u32),
    /// So large that nothing would be published.
    #[error("privacy.k is {0}: 2 to {MAX_K} is needed, 10 is usual")]
    TooLarge(u32),
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            k: DEFAULT_K,
            seed: None,
        }
    }
}

impl Privacy {
    /// Publishes no group of fewer than `k` orders or payments, 2 to [`MAX_K`].
    ///
    /// # Errors
    /// [`PrivacyError`] for another `k`.
    pub fn new(k: u32) -> Result<Self, PrivacyError> {
        match k {
            0 | 1 => Err(PrivacyError::TooSmall(k)),
            k if k > MAX_K => Err(PrivacyError::TooLarge(k)),
            k => Ok(Self { k, seed: None }),
        }
    }

    /// Publishes exact figures. For orders that are nobody's.
    pub fn off() -> Self {
        Self { k: 0, seed: None }
    }

    /// The same with a known seed for the hidden part of the thresholds, so that a run can be repeated. Real
    /// orders need one that nobody knows, which is what there is without this.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self {
            seed: Some(seed),
            ..self
        }
    }

    /// Fewest orders or payments of a published group; 0 when it is off.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Whether anything is held back.
    pub fn is_on(&self) -> bool {
        self.k > 1
    }

    pub(crate) fn seed(&self) -> Option<u64> {
        self.seed
    }
}
