//! One client, from its connection to its end: limits, TLS, handshake, token, and what it follows.

mod accept;
mod authorize;
mod client;
mod desk;
mod end;
mod feed;
mod handshake;
mod http;
mod incoming;
mod orders;
mod shared;

pub(crate) use self::accept::accept;
pub use self::client::socket_limits;
pub(crate) use self::incoming::Budget;
pub(crate) use self::shared::{Hubs, Shared};

/// WebSocket subprotocol of the directors' desk.
pub const SUBPROTOCOL_DESK: &str = "meridian.v1.desk";
