//! The privacy setting: the smallest group that is published, and the seed of the hidden thresholds.

/// The default of the fewest orders or payments in a published group.
pub const DEFAULT_K: u32 = 10;
/// The largest `k`: a group of more isn't anyone's secret.
pub const MAX_K: u32 = 1_000;

/// What the guard has to enforce.
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
    /// Too large to publish anything.
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
