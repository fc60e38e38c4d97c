//! Channels: mobile, desktop or store.

use serde::{Deserialize, Serialize};

/// The device class an order or payment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Channel {
    /// A phone or tablet, in an app or a browser.
    Mobile = 0,
    /// A desktop browser.
    Desktop = 1,
    /// A counter in a shop.
    Store = 2,
}

impl Channel {
    /// Every channel, by its number.
    pub const ALL: [Self; 3] = [Self::Mobile, Self::Desktop, Self::Store];
    /// How many channels there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The channel with this number, if there is one.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The channel's number, as carried in batches and frames.
    pub const fn index(self) -> u8 {
        self as u8
    }
}
