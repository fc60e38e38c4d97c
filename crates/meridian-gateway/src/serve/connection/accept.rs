//! Accepts connections: each is counted against the limits, taken through its handshake, and served.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::client::serve_client;
use super::end::End;
use super::handshake::{Met, meet};
use super::shared::{Shared, lock};
use crate::operate::access::Grant;
use crate::operate::events::{ConnectionEvent, GatewayEvent as _};
use crate::operate::limits::{Entry, Limited};
use crate::operate::metrics::Class;
use meridian_wire::DataClass;

/// TLS and the WebSocket handshake together.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts clients for as long as the gateway runs.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                ConnectionEvent::NotAccepted { error: &error }.emit(&*shared);
                // Some will come free.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let by_proxy = shared
            .proxies
            .as_ref()
            .is_some_and(|known| known.trusts(peer.ip()));
        let connected = {
            let mut gatekeeper = lock(&shared.gatekeeper);
            match by_proxy {
                true => gatekeeper.connect_proxy(shared.now_ms()),
                false => gatekeeper.connect(peer.ip(), shared.now_ms()),
            }
        };
        let entry = match connected {
            Ok(entry) => entry,
            Err(limited) => {
                // Closed without a word: an answer is work that a flood would like us to do.
                shared.turn_away(peer, limited);
                continue;
            }
        };
        let guard = ConnectionGuard {
            shared: Arc::clone(&shared),
            address: peer.ip().to_canonical(),
            by_proxy,
            entry,
            token: None,
            class: None,
        };
        tokio::spawn(admit(socket, peer, guard));
    }
}

/// Gives back what a connection took, however it ends.
pub(super) struct ConnectionGuard {
    pub shared: Arc<Shared>,
    /// Whose connection it is: behind a proxy of ours, whom the proxy names.
    pub address: IpAddr,
    /// It came from a proxy of ours.
    pub by_proxy: bool,
    entry: Entry,
    token: Option<String>,
    class: Option<&'static str>,
}

impl ConnectionGuard {
    /// Ends when this connection's handshake is to make room for another's.
    fn dropped(&mut self) -> oneshot::Receiver<Infallible> {
        let (_, closed) = oneshot::channel();
        std::mem::replace(&mut self.entry.dropped, closed)
    }

    fn handshake_done(&mut self) {
        lock(&self.shared.gatekeeper).shaken_hands(&self.entry);
    }

    pub fn is_locked(&self) -> bool {
        self.entry.locked
    }

    /// Whether the other end is a proxy that spoke for nobody.
    fn is_proxy(&self, peer: SocketAddr) -> bool {
        self.by_proxy && self.address == peer.ip().to_canonical()
    }

    /// The proxy said for whom it connected.
    pub fn arrive(&mut self, address: IpAddr) -> Result<(), Limited> {
        let now_ms = self.shared.now_ms();
        lock(&self.shared.gatekeeper).arrive(&mut self.entry, address, now_ms)?;
        self.address = address;
        Ok(())
    }

    pub fn enter(&mut self, grant: &Grant) -> Result<(), Limited> {
        let now_ms = self.shared.now_ms();
        lock(&self.shared.gatekeeper).enter(&self.entry, &grant.id, grant.role.sends(), now_ms)?;
        self.token = Some(grant.id.clone());
        Ok(())
    }

    pub fn follow(&mut self, class: DataClass) {
        let class = class.name();
        self.shared.metrics.clients.get_or_create(&Class { class }).inc();
        self.class = Some(class);
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut gatekeeper = lock(&self.shared.gatekeeper);
        gatekeeper.disconnect(&self.entry);
        if let Some(token) = &self.token {
            gatekeeper.leave(token);
        }
        if let Some(class) = self.class {
            self.shared.metrics.clients.get_or_create(&Class { class }).dec();
        }
    }
}

async fn admit(socket: TcpStream, peer: SocketAddr, mut guard: ConnectionGuard) {
    let _ = socket.set_nodelay(true);
    let shared = Arc::clone(&guard.shared);
    let deadline = tokio::time::Instant::now() + HANDSHAKE_TIMEOUT;
    let dropped = guard.dropped();
    let met = tokio::select! {
        met = tokio::time::timeout_at(deadline, meet(socket, peer, &mut guard)) => met
            .unwrap_or_else(|_| Err(End::Slow("no handshake in time"))),
        _ = dropped => Err(End::Slow("it made room for another's handshake")),
    };
    guard.handshake_done();
    let address = guard.address;
    let ended = match met {
        Ok(Met::Guest(guest)) => serve_client(guest, &mut guard).await,
        Ok(Met::Refusal(refusal)) => {
            refusal.give(&shared, address, guard.is_proxy(peer)).await;
            return;
        }
        Err(end) => Err(end),
    };
    match ended {
        Ok(()) => tracing::debug!(%address, "a client left"),
        Err(end) => {
            shared.end(address, &end, false);
        }
    }
}
