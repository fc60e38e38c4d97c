//! The files that a gateway writes.

/// A file that a gateway writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Store {
    /// A live day's order log, or the steps of an order file.
    Orders,
    /// The state that a restart continues from.
    State,
    /// The audit log.
    Audit,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Orders, Self::State, Self::Audit];

    /// The label of it in metrics and in `/health`; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::State => "state",
            Self::Audit => "audit",
        }
    }
}
