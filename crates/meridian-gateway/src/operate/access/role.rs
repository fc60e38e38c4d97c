//! Roles: what a bearer may do and see.

use serde::{Deserialize, Serialize};

use meridian_wire::DataClass;

/// What a bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what a wall shows.
    Viewer,
    /// Sees every tally by product and region too.
    Executive,
    /// Sees what an executive sees, and directs.
    Director,
    /// Sees no figures beyond a wall's; reads metrics and audits.
    Auditor,
    /// Sends orders, and sees nothing.
    Source,
}

impl Role {
    /// The class of data that the role's feed holds.
    pub fn class(self) -> DataClass {
        match self {
            Self::Viewer | Self::Auditor | Self::Source => DataClass::Public,
            Self::Executive | Self::Director => DataClass::Internal,
        }
    }

    /// Whether the role may direct.
    pub fn directs(self) -> bool {
        self == Self::Director
    }

    /// Whether the role may follow a feed.
    pub fn follows(self) -> bool {
        self != Self::Source
    }

    /// Whether the role may send orders.
    pub fn sends(self) -> bool {
        self == Self::Source
    }

    /// The role's name, as in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Executive => "executive",
            Self::Director => "director",
            Self::Auditor => "auditor",
            Self::Source => "source",
        }
    }
}
