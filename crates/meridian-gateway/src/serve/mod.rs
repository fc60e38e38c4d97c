//! The feed over sockets: a hub for each class, connections, relays, TLS, and the thread that steps the publisher.

pub(crate) mod connection;
pub mod hub;
pub mod proxy;
pub mod relay;
pub mod server;
