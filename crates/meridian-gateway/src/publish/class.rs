//! Who may see what, in the types.
//!
//! [`Restricted`] is a source's own rows, [`Internal`] what is counted of them, [`Public`]
//! what the guard has released. Only the guard can make the last.

pub use crate::privacy::{DEFAULT_K, MAX_K, Privacy, PrivacyError};
pub use crate::publish::guard::Public;
pub use crate::source::Restricted;
pub use meridian_wire::DataClass;

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
