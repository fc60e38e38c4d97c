//! Turns configuration and command line into what is served: for the gateway itself and for `check`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use meridian_client::LinkConfig;
use meridian_client::tls::Trust;
use meridian_core::sales::Catalogue;
use meridian_gateway::config::Config;
use meridian_gateway::operate::access::Role;
use meridian_gateway::{Clock, GatewayConfig, LiveDay, PlayArgs, Privacy, State};
use meridian_wire::SigningKey;

use crate::args::Run;
use crate::secret::read_token;

pub(crate) fn read_config(path: Option<&Path>) -> anyhow::Result<Config> {
    Ok(match path {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    })
}

/// The gateway's own configuration, and what it serves.
pub(crate) fn gateway_config(
    run: &Run,
    config: &Config,
    live: Option<&LiveDay>,
    clock: &Arc<Clock>,
    serves: bool,
) -> anyhow::Result<(GatewayConfig, PlayArgs)> {
    let play = run.play.clone().or(&config.source).map_err(anyhow::Error::msg)?;
    // Whoever only checks makes no key: it would be theirs and not the gateway's.
    let signing = match &config.signing {
        Some(signing) if serves || signing.key.exists() => {
            let key = SigningKey::open_or_make(&signing.key);
            Some(Arc::new(key.with_context(|| run.place("signing.key", None))?))
        }
        _ => None,
    };
    let state = run.serve.state.as_deref().or(config.state.as_deref());
    let name = live.map_or_else(|| play.source.name(), LiveDay::name);
    let state = match state.filter(|_| serves) {
        Some(path) => {
            let flag = run.serve.state.as_ref().map(|_| "--state");
            Some(State::open(path, &name).with_context(|| run.place("state", flag))?)
        }
        None => None,
    };
    let gateway = GatewayConfig {
        listen: run
            .serve
            .listen
            .or(config.listen)
            .unwrap_or(meridian_gateway::config::LISTEN),
        allow_remote: run.serve.allow_remote || config.allow_plain,
        speed: play.speed(),
        state,
        delay_ms: (config.delay_s * 1e3) as u64,
        tls: config.tls.clone(),
        tokens: config.access.tokens.clone(),
        anonymous: config.access.anonymous,
        origins: config.access.origins.clone(),
        signing,
        limits: config.limits,
        bounds: config.plausible.bounds(),
        audit: config.audit.as_ref().map(|audit| audit.file.clone()),
        audit_max_bytes: config
            .audit
            .as_ref()
            .map_or(meridian_gateway::operate::audit::AUDIT_FILE_MIB, |audit| {
                audit.file_mib
            })
            << 20,
        proxy: config.proxy.clone(),
        admin: config.admin.as_ref().map(|admin| admin.listen),
        admin_hosts: config
            .admin
            .as_ref()
            .map_or_else(Vec::new, |admin| admin.hosts.clone()),
        intake: None,
        desk: None,
        clock: Arc::clone(clock),
    };
    Ok((gateway, play))
}

pub(crate) fn upstream(run: &Run, config: &Config) -> anyhow::Result<Option<LinkConfig>> {
    let given = run.play.source.is_given();
    let from_config = config.source.upstream.clone().filter(|_| !given);
    let Some(url) = run.serve.upstream.clone().or(from_config) else {
        return Ok(None);
    };
    let listen = run.serve.listen.or(config.listen);
    let listen = listen.unwrap_or(meridian_gateway::config::LISTEN);
    let flag = run.serve.upstream.as_ref().map(|_| "--upstream");
    if meridian_gateway::config::values::is_itself(&url, listen) {
        bail!(
            "{}: {url} is this gateway itself, which listens on {listen}: the address of the one whose feed is to be passed on is needed",
            run.place("source.upstream", flag)
        );
    }
    let source = &config.source;
    let token = match &source.upstream_token {
        Some(path) => Some(read_token(path).with_context(|| run.place("source.upstream_token", None))?),
        None => std::env::var("MERIDIAN_UPSTREAM_TOKEN")
            .ok()
            .filter(|token| !token.is_empty()),
    };
    Ok(Some(LinkConfig {
        token,
        trust: Trust {
            ca: source.upstream_ca.clone(),
            pin: None,
        },
        key: source.upstream_key.as_deref().map(str::parse).transpose()?,
        memory: run
            .serve
            .state
            .as_deref()
            .or(config.state.as_deref())
            .map(|state| {
                let mut path = state.as_os_str().to_owned();
                path.push(".feed.json");
                path.into()
            }),
        backlog: 4_096,
        ..LinkConfig::new(url)
    }))
}

/// The warning for real orders with `privacy.k = 1`.
pub(crate) const PRIVACY_OFF: &str =
    "OFF: privacy.k is 1, and walls are told every count and value as it is, down to single orders";
/// The warning where anybody who can connect would see exact figures.
pub(crate) const EXACT_FOR_ALL: &str =
    "whoever comes sees exact figures by product and region, without a token";

/// Whether strangers from other machines are shown what executives see.
pub(crate) fn shows_all_to_strangers(gateway: &GatewayConfig) -> bool {
    gateway.anonymous == Some(Role::Executive) && !gateway.listen.ip().is_loopback()
}

pub(crate) fn privacy_of(config: &Config) -> anyhow::Result<Privacy> {
    Ok(match config.privacy.k {
        0 | 1 => Privacy::off(),
        k => Privacy::new(k)?,
    })
}

/// The live day that is to be served, if one is.
pub(crate) fn live_day(
    run: &Run,
    config: &Config,
    catalogue: &Catalogue,
    now_ms: i64,
) -> anyhow::Result<Option<LiveDay>> {
    let given = run.play.source.is_given();
    let from_config = config.source.live.as_deref().filter(|_| !given);
    let Some(path) = run.serve.live.as_deref().or(from_config) else {
        return Ok(None);
    };
    let flag = run.serve.live.as_ref().map(|_| "--live");
    let day = LiveDay::read(path, catalogue, now_ms);
    Ok(Some(day.with_context(|| run.place("source.live", flag))?))
}
