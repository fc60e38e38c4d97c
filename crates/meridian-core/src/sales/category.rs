//! Categories: what was bought, as coarsely as it is shown.

use serde::{Deserialize, Serialize};

/// The number of a category in the scenario's or shop's list (at most 64).
///
/// Names in both languages travel in the feed's `hello`, so that a shop brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryId(pub u8);

/// How many categories a feed may have.
pub const MAX_CATEGORIES: usize = 64;
