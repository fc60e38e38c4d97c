//! The limits as configured.

use serde::{Deserialize, Serialize};

/// How many connections and handshakes are allowed, and how many failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, of all addresses together.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Connections at once with one token.
    pub connections_per_token: usize,
    /// Connections at once with one token of a source.
    pub connections_per_source: usize,
    /// Connections at once that haven't shaken hands yet.
    pub handshakes: usize,
    /// Of these, from one address.
    pub handshakes_per_address: usize,
    /// Of `handshakes`, how many are kept for addresses that showed a token lately; at most half.
    pub handshakes_reserved: usize,
    /// New connections a second from one address, on average.
    pub handshakes_per_address_per_s: f64,
    /// How many may come at once before that average counts.
    pub handshakes_per_address_burst: f64,
    /// Failures from one address in a minute before directors are told, and of those that no web page can bring about before it
    /// is locked out.
    pub failures_per_minute: u32,
    /// How long an address is locked out, in seconds.
    pub lockout_s: u64,
    /// Memory for messages that have begun and not ended, of all connections together, in MiB.
    pub unfinished_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 12_000,
            connections_per_address: 2_000,
            connections_per_token: 2_000,
            connections_per_source: 8,
            handshakes: 256,
            handshakes_per_address: 16,
            handshakes_reserved: 64,
            handshakes_per_address_per_s: 100.0,
            handshakes_per_address_burst: 2_000.0,
            failures_per_minute: 20,
            lockout_s: 60,
            unfinished_mib: 256,
        }
    }
}

impl Limits {
    /// What is wrong with them, if anything.
    pub fn wrong(&self) -> Option<String> {
        if !(self.handshakes_per_address_per_s > 0.0 && self.handshakes_per_address_burst >= 1.0) {
            return Some("limits.handshakes_per_address_per_s has to be above 0 and limits.handshakes_per_address_burst at least 1".to_owned());
        }
        let counts = [
            self.connections,
            self.connections_per_address,
            self.connections_per_token,
            self.connections_per_source,
            self.handshakes,
            self.handshakes_per_address,
            self.unfinished_mib,
        ];
        if counts.contains(&0) {
            return Some(
                "limits: with 0 connections, handshakes or MiB nobody could be served; at least 1 is needed"
                    .to_owned(),
            );
        }
        None
    }
}
