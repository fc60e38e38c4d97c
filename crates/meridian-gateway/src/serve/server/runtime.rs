//! A gateway's runtime: its files, addresses, network threads and the thread that fills the streams.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use chrono::Utc;
use crossbeam_channel::Receiver;
use tokio::net::TcpListener;

use super::config::{GatewayConfig, GatewayError, check_anonymous};
use super::handle::{Ended, Failure, Gateway};
use crate::operate::access::{Role, TokenStore};
use crate::operate::audit::AuditLog;
use crate::operate::auditor::Auditor;
use crate::operate::certificate::Certificate;
use crate::operate::config_error::ConfigError;
use crate::operate::events::{GatewayEvent as _, LifeEvent};
use crate::operate::keeper::{WatchedTokens, housekeeping};
use crate::operate::limits::Gatekeeper;
use crate::operate::metrics::{self, Metrics};
use crate::serve::connection::{Budget, Hubs, Shared, accept};
use crate::serve::control::{ControlMsg, GatewayControl};
use crate::serve::hub::Announcement;
use crate::serve::proxy::ProxyConfig;
use crate::source::clock::mono_ms;
use meridian_wire::Bye;

/// A gateway whose clients may come, before anything fills its streams.
pub(crate) struct Runtime {
    network: tokio::runtime::Runtime,
    pub shared: Arc<Shared>,
    messages: Receiver<ControlMsg>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    control: GatewayControl,
    audit: Option<JoinHandle<()>>,
}

impl Runtime {
    /// Opens files and addresses, and lets clients in.
    pub fn bind(config: &GatewayConfig, hubs: Hubs) -> Result<Self, GatewayError> {
        if !config.listen.ip().is_loopback() && !config.allow_remote && config.tls.is_none() {
            return Err(GatewayError::Remote(config.listen));
        }
        check_anonymous(config.anonymous, config.listen)?;
        let certificate = config.tls.as_ref().map(Certificate::open).transpose()?;
        let tls = certificate.as_ref().map(Certificate::server).transpose()?;
        let tokens = config.tokens.as_deref().map(TokenStore::open).transpose()?;
        let tokens = tokens.map(WatchedTokens::new);
        let metrics = Arc::new(Metrics::new());
        let (auditor, audit) = open_audit(config, &metrics)?;
        let network = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("meridian-gateway")
            .enable_all()
            .build()
            .map_err(GatewayError::Start)?;
        let (listener, address) = listen(&network, "listen", config.listen)?;
        let mut watched = None;
        if let Some(wanted) = config.admin {
            metrics::check_address(wanted).map_err(|problem| wrong("admin.listen", problem))?;
            watched = Some(listen(&network, "[admin] listen", wanted)?);
        }
        let admin = watched.as_ref().map(|(_, address)| *address);
        let proxies = config
            .proxy
            .as_ref()
            .map(ProxyConfig::read)
            .transpose()
            .map_err(|problem| wrong("proxy", problem))?;
        let (control, messages) = crossbeam_channel::unbounded();
        let anonymous = config
            .anonymous
            .or_else(|| config.tokens.is_none().then_some(Role::Viewer));
        let shared = Arc::new(Shared {
            hubs,
            gatekeeper: Mutex::new(Gatekeeper::new(config.limits)),
            tokens: tokens.as_ref().map(WatchedTokens::known),
            anonymous,
            origins: config.origins.clone(),
            control: control.clone(),
            auditor,
            metrics,
            tls: tls.map(tokio_rustls::TlsAcceptor::from),
            intake: config.intake.clone(),
            proxies,
            lockout_s: config.limits.lockout_s,
            unfinished: Arc::new(Budget::new(config.limits.unfinished_mib << 20)),
            begun: Instant::now(),
            ended: AtomicBool::new(false),
        });
        if let Some((listener, _)) = watched {
            let asked = Arc::clone(&shared);
            let asker = metrics::Asker {
                hosts: config.admin_hosts.clone(),
                sees: Box::new(move |header| asked.sees(header)),
            };
            let metrics = Arc::clone(&shared.metrics);
            network.spawn(metrics::serve(listener, metrics, asker, mono_ms));
        }
        network.spawn(accept(listener, Arc::clone(&shared)));
        network.spawn(housekeeping(tokens, certificate, Arc::clone(&shared)));
        let tls = config.tls.is_some();
        LifeEvent::Serves { address, tls }.emit(&*shared);
        Ok(Self {
            network,
            shared,
            messages,
            address,
            admin,
            control: GatewayControl::new(control),
            audit,
        })
    }

    /// Runs what fills the streams on a thread of its own.
    pub fn spawn(
        self,
        name: &str,
        fill: impl FnOnce(Receiver<ControlMsg>, Arc<Shared>) -> Option<Ended> + Send + 'static,
    ) -> Result<Gateway, GatewayError> {
        let Self {
            network,
            shared,
            messages,
            address,
            admin,
            control,
            audit,
        } = self;
        let (metrics, tls) = (Arc::clone(&shared.metrics), shared.tls.is_some());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let ended = fill(messages, Arc::clone(&shared));
                LifeEvent::Stopped.emit(&*shared);
                shared.ended.store(true, Ordering::Release);
                shared.hubs.announce(&Announcement::Bye(Bye {
                    code: "shutting_down".to_owned(),
                    text: "the gateway was stopped".to_owned(),
                    retry_after_ms: None,
                }));
                ended
            })
            .map_err(GatewayError::Start)?;
        Ok(Gateway {
            address,
            admin,
            tls,
            control,
            metrics,
            publisher: Some(thread),
            audit,
            network: Some(network),
            failure: Failure::default(),
        })
    }
}

/// What writes the audit log, and its thread; one that writes nowhere where no log is kept.
fn open_audit(
    config: &GatewayConfig,
    metrics: &Arc<Metrics>,
) -> Result<(Auditor, Option<JoinHandle<()>>), GatewayError> {
    let Some(path) = &config.audit else {
        return Ok((Auditor::nowhere(Arc::clone(metrics)), None));
    };
    let source = format!("urn:meridian:gateway:{}", config.listen);
    let log = AuditLog::open(path, &source, Utc::now())?.with_max_bytes(config.audit_max_bytes);
    let (auditor, thread) = Auditor::start(log, metrics).map_err(GatewayError::Start)?;
    Ok((auditor, Some(thread)))
}

fn listen(
    network: &tokio::runtime::Runtime,
    key: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let failed = move |source| GatewayError::Bind { key, address, source };
    // Tokio's own bind sets SO_REUSEADDR, so that a restart finds its port free at once.
    let listener = network.block_on(TcpListener::bind(address)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn wrong(key: &str, problem: String) -> ConfigError {
    ConfigError {
        file: key.to_owned(),
        problem,
    }
}
