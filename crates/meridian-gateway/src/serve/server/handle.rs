//! A gateway that runs, for whoever started it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Publisher;
use crate::operate::director::DirectorState;
use crate::operate::metrics::Metrics;
use crate::serve::control::GatewayControl;

/// What a publisher's thread leaves behind.
pub(crate) struct Ended {
    pub publisher: Publisher,
    pub desk: DirectorState,
}

/// A gateway that runs. Dropping it stops it.
pub struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) admin: Option<SocketAddr>,
    pub(super) tls: bool,
    pub(super) control: GatewayControl,
    pub(super) metrics: Arc<Metrics>,
    pub(super) publisher: Option<std::thread::JoinHandle<Option<Ended>>>,
    pub(super) audit: Option<std::thread::JoinHandle<()>>,
    pub(super) network: Option<tokio::runtime::Runtime>,
    pub(super) failure: Failure,
}

/// Why a publisher's thread ended, where it had to.
pub(super) type Failure = Arc<Mutex<Option<String>>>;

impl Gateway {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are, if they are served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Steers it.
    pub fn control(&self) -> GatewayControl {
        self.control.clone()
    }

    /// What it counts about itself.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Whether it has stopped.
    pub fn is_finished(&self) -> bool {
        self.publisher
            .as_ref()
            .is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Why it has stopped, if it had to.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().map_or(None, |failure| failure.clone())
    }

    /// Stops with a goodbye, and gives the publisher back as it stood.
    pub fn stop(mut self) -> Option<Publisher> {
        self.shut_down(Duration::from_millis(300))
            .map(|ended| ended.publisher)
    }

    /// Stops with a goodbye, and gives what the directors decided to the next day.
    pub fn end_day(mut self) -> Option<DirectorState> {
        self.shut_down(Duration::from_millis(300)).map(|ended| ended.desk)
    }

    /// Breaks off without a word, as a crash does.
    pub fn kill(mut self) -> Option<Publisher> {
        if let Some(network) = self.network.take() {
            network.shutdown_timeout(Duration::ZERO);
        }
        self.shut_down(Duration::ZERO).map(|ended| ended.publisher)
    }

    fn shut_down(&mut self, grace: Duration) -> Option<Ended> {
        self.control.stop();
        let publisher = self.publisher.take().and_then(|thread| thread.join().ok());
        if let Some(network) = self.network.take() {
            // Time for the clients' tasks to write the goodbye.
            if !grace.is_zero() {
                std::thread::sleep(grace);
            }
            network.shutdown_timeout(Duration::from_millis(200));
        }
        if let Some(audit) = self.audit.take() {
            // Every sender is gone with the network: it writes what waits, and ends.
            let _ = audit.join();
        }
        publisher.flatten()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.shut_down(Duration::ZERO);
    }
}
