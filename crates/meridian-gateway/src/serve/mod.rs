//! The feed over sockets: a hub for each class, connections, relays, TLS, and the thread that steps the publisher.

pub(crate) mod connection;
pub(crate) mod control;
mod hub;
pub mod proxy;
pub(crate) mod relay;
pub(crate) mod server;
