//! The configuration of a running gateway, and the errors of starting one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::operate::access::{AccessError, Role};
use crate::operate::audit::AuditError;
use crate::operate::certificate::TlsConfig;
use crate::operate::config_error::ConfigError;
use crate::operate::director::DirectorState;
use crate::operate::limits::Limits;
use crate::operate::state::State;
use crate::publish::gate::Bounds;
use crate::serve::proxy::ProxyConfig;
use crate::source::clock::Clock;
use crate::source::intake::Intake;
use meridian_wire::SigningKey;

/// How to serve.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether other machines may connect without TLS.
    pub allow_remote: bool,
    /// Event time per wall time, 1 to 3600.
    pub speed: f64,
    /// What a restart goes on from.
    pub state: Option<State>,
    /// How much later than they happened orders are shown, in milliseconds.
    pub delay_ms: u64,
    /// Certificate and key.
    pub tls: Option<TlsConfig>,
    /// The token file.
    pub tokens: Option<PathBuf>,
    /// What somebody without a token may see; absent: a viewer without a token file, nothing with one.
    pub anonymous: Option<Role>,
    /// Web pages that may connect.
    pub origins: Vec<String>,
    /// What frames are signed with.
    pub signing: Option<Arc<SigningKey>>,
    /// Limits on connections and requests.
    pub limits: Limits,
    /// Which figures count as plausible.
    pub bounds: Bounds,
    /// The audit log's file.
    pub audit: Option<PathBuf>,
    /// How long a file of it gets before it goes on in another.
    pub audit_max_bytes: u64,
    /// Proxies in front.
    pub proxy: Option<ProxyConfig>,
    /// Where metrics and health are served: a loopback address.
    pub admin: Option<SocketAddr>,
    /// The hosts besides loopback's names that metrics and health are asked of.
    pub admin_hosts: Vec<String>,
    /// Where a live day's orders come in.
    pub intake: Option<Arc<Intake>>,
    /// What the directors had decided on the day before. What `state` goes on from comes first.
    pub desk: Option<DirectorState>,
    /// What time it is: one for all days of a process.
    pub clock: Arc<Clock>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            speed: 1.0,
            state: None,
            delay_ms: 0,
            tls: None,
            tokens: None,
            anonymous: None,
            origins: Vec::new(),
            signing: None,
            limits: Limits::default(),
            bounds: Bounds::default(),
            audit: None,
            audit_max_bytes: crate::operate::audit::AUDIT_FILE_MIB << 20,
            proxy: None,
            admin: None,
            admin_hosts: Vec::new(),
            intake: None,
            desk: None,
            clock: Clock::system(),
        }
    }
}

/// Why a gateway can't serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address can't be bound.
    #[error("can't listen on {address} ({key}): {source}")]
    Bind {
        /// What of the configuration says so.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The address is open to other machines and nobody said that this is meant.
    #[error(
        "{0} can be reached from other machines: it needs TLS ([tls] in the configuration), or allow_plain = true (--allow-remote) to serve it unencrypted; 127.0.0.1:9016 is for this machine alone"
    )]
    Remote(SocketAddr),
    /// Strangers would direct, or send orders.
    #[error("access.anonymous is {:?} and {} can be reached from other machines: {}; a token is needed for that, or a loopback address such as 127.0.0.1:9016 to listen on", .0.name(), .1, strangers(*.0))]
    Anonymous(Role, SocketAddr),
    /// A thread can't be started.
    #[error("can't start the gateway: {0}")]
    Start(std::io::Error),
    /// A file of the configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The token file can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The audit log can't be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The feed that is to be passed on can't be followed.
    #[error(transparent)]
    Upstream(#[from] meridian_client::LinkError),
}

fn strangers(role: Role) -> &'static str {
    match role {
        Role::Source => "whoever comes would be believed with their orders",
        _ => "whoever comes would direct every display",
    }
}

/// Whether somebody without a token may have that role where the gateway listens.
///
/// # Errors
/// [`GatewayError::Anonymous`].
pub fn check_anonymous(anonymous: Option<Role>, listen: SocketAddr) -> Result<(), GatewayError> {
    match anonymous {
        Some(role @ (Role::Director | Role::Source)) if !listen.ip().is_loopback() => {
            Err(GatewayError::Anonymous(role, listen))
        }
        _ => Ok(()),
    }
}
