//! Serves a day's feed over WebSocket, and what an operations team needs beside it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use clap::{Parser, Subcommand};
use futures_util::{SinkExt, StreamExt};
use meridian_client::LinkConfig;
use meridian_client::orders::{OrderSender, SenderConfig, SenderEvent};
use meridian_client::socket::{Failed, Way, connect};
use meridian_client::tls::{Pin, Trust};
use meridian_core::files::private;
use meridian_core::sales::Catalogue;
use meridian_core::sales::columns::Columns;
use meridian_core::say;
use meridian_core::tally::{Counted, Of, Partial, Window};
use meridian_gateway::config::{Config, LogFormat};
use meridian_gateway::operate::access::{NewToken, Role, TokenRecord, TokenStore, instant, parse_expiry};
use meridian_gateway::operate::audit::{self, AuditLog, Details};
use meridian_gateway::operate::desk::{Command, Desk, DeskMode};
use meridian_gateway::source::play::Play;
use meridian_gateway::{
    Clock, Gateway, GatewayConfig, GatewayError, LiveDay, LiveSource, OrderLog, Privacy, Publisher, Record,
    Retraced, SUBPROTOCOL_DESK, SavedState, ServeArgs, SourceArgs, State, load_catalogue, relay, serve,
    wall_ms,
};
use meridian_wire::{Scene, SigningKey};
use tokio_tungstenite::tungstenite::Message;

/// Meridian's gateway: serves a day of orders and payments over WebSocket.
#[derive(Debug, Parser)]
#[command(name = "meridian-gateway", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    run: Run,
}

/// Serving.
#[derive(Debug, clap::Args)]
struct Run {
    /// The configuration; config/gateway.toml explains every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Say what is wrong with a configuration and the files that it names.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make, list and revoke tokens.
    Token {
        /// The token file; without it, that of the configuration.
        #[arg(long, value_name = "FILE", global = true)]
        tokens: Option<PathBuf>,
        /// The configuration, for its token file and its audit log.
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        what: TokenTask,
    },
    /// Print what displays pin: the key that frames are signed with, and the certificate's.
    Key {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check the audit log.
    Audit {
        #[command(subcommand)]
        what: AuditTask,
    },
    /// Say what logs of a live day's orders come to, as lines of JSON: totals, and peaks over 1, 10 and 60 s.
    Count {
        /// The day's file.
        #[arg(long, value_name = "FILE")]
        live: PathBuf,
        /// The logs, of several gateways each its own.
        #[arg(required = true, value_name = "FILE.orders")]
        logs: Vec<PathBuf>,
    },
    /// Send a scenario or an order file to a gateway, as a live day's orders that happen now.
    Send {
        /// The gateway.
        #[arg(long, value_name = "ws[s]://HOST:PORT", default_value = "ws://127.0.0.1:9016")]
        gateway: String,
        /// The file that holds a source's token; without it, the variable MERIDIAN_TOKEN.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Certificates that the gateway's is signed by; the system's unless it is given.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// The pin of the gateway's certificate.
        #[arg(long, value_name = "sha256:…")]
        pin: Option<Pin>,
        /// The number of this source: each that sends to a gateway needs its own.
        #[arg(long, value_name = "N", default_value_t = 1)]
        number: u32,
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Print whose packages this program is made of, and their licences.
    Licences,
    /// Direct every display of a gateway.
    Direct {
        /// The gateway.
        #[arg(
            long,
            value_name = "ws[s]://HOST:PORT",
            default_value = "ws://127.0.0.1:9016",
            global = true
        )]
        gateway: String,
        /// The file that holds a director's token; without it, the variable MERIDIAN_TOKEN.
        #[arg(long, value_name = "FILE", global = true)]
        token_file: Option<PathBuf>,
        /// Certificates that the gateway's is signed by; the system's unless it is given.
        #[arg(long, value_name = "FILE", global = true)]
        ca: Option<PathBuf>,
        /// The pin of the gateway's certificate.
        #[arg(long, value_name = "sha256:…", global = true)]
        pin: Option<Pin>,
        #[command(subcommand)]
        what: DirectTask,
    },
}

#[derive(Debug, Subcommand)]
enum TokenTask {
    /// Make a token; it is printed once and kept nowhere.
    Make {
        /// Whose it is, as in "Hall 3".
        #[arg(long)]
        name: String,
        /// Who bears it, where somebody may have several: two directors are two persons. Without it, whom the name says.
        #[arg(long, value_name = "NAME")]
        person: Option<String>,
        /// What it allows.
        #[arg(long, value_enum)]
        role: Role,
        /// The source number that it sends orders under, with --role source; several: each with its own --number.
        #[arg(long, value_name = "N")]
        number: Vec<u32>,
        /// When its time is over: 90d, 12h or an instant; without it, never.
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Take a token back; whoever is connected with it is told within seconds.
    Revoke {
        /// The token's id, as `list` prints it.
        id: String,
    },
    /// List the tokens.
    List,
}

#[derive(Debug, Subcommand)]
enum AuditTask {
    /// Check that nothing was altered, taken out, put in or moved.
    Verify {
        /// The log; the files that it goes on from are taken too. Those that are elsewhere are named, oldest first.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The hash that the first line follows, where older files aren't at hand: the last one of those.
        #[arg(long, value_name = "HASH", value_parser = head_of_a_log)]
        after: Option<String>,
        /// The newest hash, as the gateway's metrics show it: then a cut end is noticed too.
        #[arg(long, value_name = "HASH", value_parser = head_of_a_log)]
        head: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum DirectTask {
    /// Let the figures stand as they are.
    Hold,
    /// Let the figures go on; a second director has to ask for the same within five minutes.
    Release,
    /// Show something on every display: globe, region:JP, showroom or showroom:shoe.
    Scene {
        /// What.
        scene: Scene,
    },
    /// Say what the figures are.
    Mode {
        /// rehearsal, or normal: what they are.
        #[arg(value_parser = ["rehearsal", "normal"])]
        mode: String,
    },
    /// Show orders so much later than they happened.
    Delay {
        /// As in 5s, 500ms, 2m, 0s.
        #[arg(value_parser = delay)]
        delay: Duration,
    },
    /// Say how things stand.
    Status,
}

fn head_of_a_log(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        format!(
            "{text:?} is no hash of a line: all 64 hexadecimal digits are needed, as the metrics show them"
        )
    })
}

fn delay(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no delay: 5s, 500ms, 2m or 0s is needed, 10 minutes at most");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(scale)
        .filter(|delay_ms| *delay_ms <= meridian_gateway::operate::desk::MAX_DELAY_MS)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

fn read_config(path: Option<&Path>) -> anyhow::Result<Config> {
    Ok(match path {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    })
}

impl Run {
    /// Where something is said: on the command line, or in the configuration's file.
    fn place(&self, key: &str, flag: Option<&str>) -> String {
        match (flag, &self.config) {
            (Some(flag), _) => flag.to_owned(),
            (None, Some(path)) => format!("{}: {key}", path.display()),
            (None, None) => key.to_owned(),
        }
    }

    /// The same for what a gateway that can't serve names.
    fn place_of(&self, error: &GatewayError) -> Option<String> {
        let listen = self.serve.listen.map(|_| "--listen");
        Some(match error {
            GatewayError::Access(_) => self.place("access.tokens", None),
            GatewayError::Audit(_) => self.place("audit.file", None),
            GatewayError::Bind { key: "listen", .. } | GatewayError::Remote(_) => {
                self.place("listen", listen)
            }
            GatewayError::Bind { key, .. } => self.place(key, None),
            // These say their key themselves.
            GatewayError::Config(error) if matches!(error.file.as_str(), "proxy" | "admin.listen") => {
                self.config.as_ref()?.display().to_string()
            }
            GatewayError::Config(_) => self.place("tls", None),
            GatewayError::Upstream(_) => self.place(
                "source.upstream",
                self.serve.upstream.as_ref().map(|_| "--upstream"),
            ),
            _ => return None,
        })
    }

    fn placed(&self, error: GatewayError) -> anyhow::Error {
        match self.place_of(&error) {
            Some(place) => anyhow::Error::from(error).context(place),
            None => error.into(),
        }
    }
}

/// The gateway's own configuration, and what it serves.
fn gateway_config(
    run: &Run,
    config: &Config,
    live: Option<&LiveDay>,
    clock: &Arc<Clock>,
    serves: bool,
) -> anyhow::Result<(GatewayConfig, SourceArgs)> {
    let source = run
        .source
        .clone()
        .or(&config.source)
        .map_err(anyhow::Error::msg)?;
    // Whoever only checks makes no key: it would be theirs and not the gateway's.
    let signing = match &config.signing {
        Some(signing) if serves || signing.key.exists() => {
            let key = SigningKey::open_or_make(&signing.key);
            Some(Arc::new(key.with_context(|| run.place("signing.key", None))?))
        }
        _ => None,
    };
    let state = run.serve.state.as_deref().or(config.state.as_deref());
    let name = live.map_or_else(|| source.name(), LiveDay::name);
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
        speed: source.speed(),
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
        audit_most_bytes: config
            .audit
            .as_ref()
            .map_or(meridian_gateway::config::AUDIT_FILE_MIB, |audit| audit.file_mib)
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
    Ok((gateway, source))
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let (text, _) = private::read_text(path).with_context(|| path.display().to_string())?;
    let token = text.trim().to_owned();
    if token.is_empty() {
        bail!(
            "{}: it is empty; a token is needed, as `token make` prints it",
            path.display()
        );
    }
    Ok(token)
}

fn upstream(run: &Run, config: &Config) -> anyhow::Result<Option<LinkConfig>> {
    let given = run.source.scenario.is_some() || run.source.orders.is_some();
    let from_config = config.source.upstream.clone().filter(|_| !given);
    let Some(url) = run.serve.upstream.clone().or(from_config) else {
        return Ok(None);
    };
    let listen = run.serve.listen.or(config.listen);
    let listen = listen.unwrap_or(meridian_gateway::config::LISTEN);
    let flag = run.serve.upstream.as_ref().map(|_| "--upstream");
    if meridian_gateway::config::is_itself(&url, listen) {
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

/// What real orders are told like with `privacy.k = 1`.
const PRIVACY_OFF: &str =
    "OFF: privacy.k is 1, and walls are told every count and value as it is, down to single orders";
/// What nobody without a token should see where others can come.
const EXACT_FOR_ALL: &str = "whoever comes sees exact figures by product and region, without a token";

/// Whether strangers from other machines are shown what executives see.
fn shows_all_to_strangers(gateway: &GatewayConfig) -> bool {
    gateway.anonymous == Some(Role::Executive) && !gateway.listen.ip().is_loopback()
}

fn privacy_of(config: &Config) -> anyhow::Result<Privacy> {
    Ok(match config.privacy.k {
        0 | 1 => Privacy::off(),
        k => Privacy::new(k)?,
    })
}

/// Real orders that are played: a restart releases what it had released, and goes on where the day would be now.
fn retraced(
    source: &SourceArgs,
    state: &Path,
    saved: Option<&SavedState>,
    catalogue: &Arc<Catalogue>,
    privacy: Privacy,
) -> anyhow::Result<Publisher> {
    let orders = source.open(catalogue)?;
    let begin_ms = source.start_ms(orders.as_ref(), None);
    let now_ms = source.start_ms(orders.as_ref(), saved);
    let (orders, privacy) = Retraced::open(orders, state, begin_ms, privacy)?;
    let start_ms = orders.start_ms();
    let mut publisher = Publisher::new(Box::new(orders), Arc::clone(catalogue), start_ms, source.speed())?
        .with_privacy(privacy)?;
    publisher.again()?;
    if saved.is_some() {
        publisher.step(now_ms, wall_ms());
    }
    Ok(publisher)
}

/// The live day that is to be served, if one is.
fn live_day(
    run: &Run,
    config: &Config,
    catalogue: &Catalogue,
    now_ms: i64,
) -> anyhow::Result<Option<LiveDay>> {
    let given = run.source.scenario.is_some() || run.source.orders.is_some();
    let from_config = config.source.live.as_deref().filter(|_| !given);
    let Some(path) = run.serve.live.as_deref().or(from_config) else {
        return Ok(None);
    };
    let flag = run.serve.live.as_ref().map(|_| "--live");
    let day = LiveDay::read(path, catalogue, now_ms);
    Ok(Some(day.with_context(|| run.place("source.live", flag))?))
}

/// Starts a gateway; gives its day where the next one follows it. What the directors had decided the day before holds.
fn start(
    run: &Run,
    config: &Config,
    desk: Option<Desk>,
    clock: &Arc<Clock>,
) -> anyhow::Result<(Gateway, Option<LiveDay>)> {
    if let Some(upstream) = upstream(run, config)? {
        let (gateway, _) = gateway_config(run, config, None, clock, false)?;
        let gateway = relay(gateway, upstream).map_err(|error| run.placed(error))?;
        return Ok((gateway, None));
    }
    let catalogue = load_catalogue()?;
    // By the time that is believed: a clock that leapt begins no day.
    let live = live_day(run, config, &catalogue, clock.now_ms())?;
    let (mut gateway, source) = gateway_config(run, config, live.as_ref(), clock, true)?;
    if shows_all_to_strangers(&gateway) {
        tracing::warn!(listen = %gateway.listen, "access.anonymous is \"executive\": {EXACT_FOR_ALL}");
    }
    let privacy = privacy_of(config)?;
    let Some(live) = live else {
        let saved = gateway.state.as_ref().and_then(State::saved);
        let state = run.serve.state.as_deref().or(config.state.as_deref());
        let publisher = match state.filter(|_| source.orders.is_some() && privacy.is_on()) {
            Some(state) => retraced(&source, state, saved, &catalogue, privacy)?,
            None => source.publisher(&catalogue, saved)?.with_privacy(privacy)?,
        };
        let gateway = serve(gateway, publisher).map_err(|error| run.placed(error))?;
        return Ok((gateway, None));
    };
    let daily = Some(live.clone()).filter(LiveDay::is_daily);
    if daily.is_some() {
        // Or of a day that was over when the gateway was stopped.
        let of_a_day = |saved: &&SavedState| saved.source.starts_with("live ");
        let other = gateway.state.as_ref().and_then(State::other).filter(of_a_day);
        gateway.desk = desk.or_else(|| other.map(|saved| saved.desk.clone()));
    }
    let log = run
        .serve
        .order_log
        .as_deref()
        .or(config.source.order_log.as_deref());
    if log.is_none() {
        tracing::warn!("no --order-log: a restart forgets what was counted");
    }
    if !privacy.is_on() {
        tracing::warn!("{PRIVACY_OFF}");
    }
    let flag = run.serve.order_log.as_ref().map(|_| "--order-log");
    let (source, privacy) = LiveSource::open(live, log, &catalogue, privacy)
        .with_context(|| run.place("source.order_log", flag))?;
    gateway.intake = Some(source.intake());
    let start_ms = source.start_ms();
    // It listens at once, and goes through its log then.
    let publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0)?.with_privacy(privacy)?;
    let gateway = serve(gateway, publisher).map_err(|error| run.placed(error))?;
    Ok((gateway, daily))
}

fn run(run: &Run) -> anyhow::Result<()> {
    let config = read_config(run.config.as_deref())?;
    log(config.log.format);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("can't wait for signals")?;
    let mut desk = None;
    // One for all days: what is believed of the time outlives midnight.
    let clock = Clock::system();
    loop {
        let (gateway, daily) = start(run, &config, desk, &clock)?;
        // Where systemd started it, it is told that the gateway is ready (it listens, and answers), and that it still lives.
        let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);
        let other_day = || match &daily {
            Some(day) => is_another_day(run, &config, &clock, day, gateway.metrics().is_over()),
            None => false,
        };
        let end = runtime.block_on(watch(&gateway, other_day))?;
        if matches!(end, End::Asked) {
            tracing::info!("the gateway stops");
            let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
            let _ = gateway.stop();
            return Ok(());
        }
        tracing::info!("the day is over, the next one begins");
        desk = gateway.end_day();
    }
}

/// Whether another day than a gateway's own is to be served: the next one when its own is over, or the one that it is where its own
/// hasn't begun. Never the same again, however its log ends.
fn is_another_day(run: &Run, config: &Config, clock: &Clock, own: &LiveDay, is_over: bool) -> bool {
    let now_ms = clock.now_ms();
    // A minute: nothing is begun anew for a clock that is drawn level about midnight.
    if !is_over && now_ms + 60_000 >= own.day_start_ms() {
        return false;
    }
    let day = load_catalogue()
        .map_err(anyhow::Error::from)
        .and_then(|catalogue| live_day(run, config, &catalogue, now_ms));
    match day {
        Ok(day) => day.is_some_and(|day| day.name() != own.name()),
        Err(error) => {
            tracing::error!(%error, "the next day can't be begun");
            false
        }
    }
}

/// Why a gateway's run ends.
enum End {
    /// Somebody asked for it.
    Asked,
    /// The day is over, and the next one follows it.
    Day,
}

async fn watch(gateway: &Gateway, other_day: impl Fn() -> bool) -> anyhow::Result<End> {
    let mut watchdog_us = 0;
    let watched = sd_notify::watchdog_enabled(false, &mut watchdog_us);
    let mut look = tokio::time::interval(
        Duration::from_micros(watchdog_us / 2).clamp(Duration::from_millis(200), Duration::from_secs(5)),
    );
    let metrics = gateway.metrics();
    let mut steps = None;
    let stop = stop_asked();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            result = &mut stop => return result.map(|()| End::Asked),
            _ = look.tick() => {
                if gateway.is_finished() {
                    bail!(gateway.failure().unwrap_or_else(|| "the publisher's thread ended".to_owned()));
                }
                if other_day() {
                    return Ok(End::Day);
                }
                // A thread that hangs makes no steps: systemd then starts the gateway anew.
                let now = metrics.steps();
                if watched && (steps != Some(now) || now == 0) {
                    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Watchdog]);
                }
                steps = Some(now);
            }
        }
    }
}

async fn stop_asked() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn log(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

fn check(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    let run = Run {
        config: Some(path.to_owned()),
        source: SourceArgs::default(),
        serve: ServeArgs::default(),
    };
    let catalogue = load_catalogue()?;
    let live = live_day(&run, &config, &catalogue, wall_ms())?;
    let (gateway, source) = gateway_config(&run, &config, live.as_ref(), &Clock::system(), false)?;
    if let Some(tls) = &gateway.tls {
        say!("certificate     {}", certificate_pin(&tls.certificate)?);
        meridian_gateway::check_certificate(tls)?;
    }
    if let Some(tokens) = &gateway.tokens {
        let store = TokenStore::open(tokens)?;
        let valid = store
            .list()
            .iter()
            .filter(|token| token.state(Utc::now()) == "valid")
            .count();
        if tokens.exists() {
            say!("tokens          {} valid of {}", valid, store.list().len());
        } else {
            say!(
                "tokens          none: {} doesn't exist, `token make` writes it",
                tokens.display()
            );
        }
    }
    match (&gateway.signing, &config.signing) {
        (Some(key), _) => say!("frames signed   {}", key.public()),
        (None, Some(signing)) => say!(
            "frames signed   with {}, made at the first start",
            signing.key.display()
        ),
        (None, None) => {}
    }
    let kept = [
        ("audit.file", gateway.audit.as_deref()),
        ("state", config.state.as_deref()),
        (
            "signing.key",
            config.signing.as_ref().map(|signing| signing.key.as_path()),
        ),
    ];
    for (key, file) in kept {
        if let Some(file) = file {
            let file = private::refuse_pipe(file).with_context(|| file.display().to_string());
            file.with_context(|| run.place(key, None))?;
        }
    }
    let kept = kept.map(|(key, file)| (key, file.and_then(Path::parent)));
    check_folders(&run, &kept)?;
    match &gateway.audit {
        // A log that was altered is told and no reason not to start: that would be one more way to stop the show.
        Some(audit) if audit.exists() => match audit::verify_file(audit) {
            Ok(found) => say!("audit log       {} entries", found.entries),
            Err(error) => say!("audit log       DAMAGED: {error}"),
        },
        Some(audit) => say!("audit log       {}, made at the first start", audit.display()),
        None => say!("audit log       none"),
    }
    if config.state.is_none() {
        say!("state           none: a restart begins anew, and forgets what directors decided");
    }
    if let Some(state) = &config.state
        && !state.exists()
    {
        say!("state           {}, made at the first start", state.display());
    }
    if let Some(state) = &config.state
        && state.exists()
    {
        let name = live.as_ref().map_or_else(|| source.name(), LiveDay::name);
        let looked = State::look(state, &name)?;
        let what = if looked.goes_on {
            "to go on from"
        } else {
            "none of this source"
        };
        say!("state           {what}");
        if looked.damaged_bytes > 0 {
            say!(
                "state           DAMAGED: {} bytes of {} can't be read; the newest whole record counts",
                looked.damaged_bytes,
                state.display()
            );
        }
    }
    match (upstream(&run, &config)?, &live) {
        (Some(link), _) => say!("passes on       {}", link.url),
        (None, Some(live)) => {
            say!("live day        {}", live.title().en);
            say_privacy(privacy_of(&config)?);
            match &config.source.order_log {
                Some(folder) => {
                    check_folders(&run, &[("source.order_log", Some(folder.as_path()))])?;
                    let log = live.log_in(folder);
                    live.fits(&log, &catalogue, privacy_of(&config)?)?;
                    say!("order log       {}", log.display());
                }
                None => say!("order log       none: a restart forgets what was counted"),
            }
        }
        (None, None) => {
            let hello = source.open(&catalogue)?.hello();
            say!(
                "source          {} ({} products)",
                hello.title.en,
                hello.products.len()
            );
            if config.source.orders.is_some() {
                say_privacy(privacy_of(&config)?);
            }
        }
    }
    if !gateway.listen.ip().is_loopback() && gateway.tls.is_none() && !gateway.allow_remote {
        bail!("{}", GatewayError::Remote(gateway.listen));
    }
    meridian_gateway::check_anonymous(gateway.anonymous, gateway.listen)?;
    if shows_all_to_strangers(&gateway) {
        say!("anonymous       WARNING: access.anonymous is \"executive\": {EXACT_FOR_ALL}");
    }
    match gateway.admin {
        Some(admin) => say!("metrics         {admin}"),
        None => say!("metrics         none: [admin] listen is needed for them"),
    }
    say!("listens         {}", gateway.listen);
    say!("{} is good", path.display());
    Ok(())
}

fn say_privacy(privacy: Privacy) {
    if privacy.is_on() {
        say!(
            "privacy         walls are told of no group of fewer than {} orders",
            privacy.k()
        );
    } else {
        say!("privacy         {PRIVACY_OFF}");
    }
}

/// Folders that are made at the first start, or are there: whether they can be, and who sees what is in them.
fn check_folders(run: &Run, folders: &[(&str, Option<&Path>)]) -> anyhow::Result<()> {
    let mut said = Vec::new();
    for (key, folder) in folders {
        let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else {
            continue;
        };
        let known = folder.ancestors().find(|above| above.exists());
        if let Some(known) = known.filter(|known| !known.is_dir()) {
            bail!(
                "{}: {} is no folder, and one is needed there",
                run.place(key, None),
                known.display()
            );
        }
        let wide = private::open_to_others(folder).filter(|_| !said.contains(&folder));
        if let Some(wide) = wide {
            said.push(folder);
            say!("folder          WARNING: {key}: {wide}");
        }
    }
    Ok(())
}

fn certificate_pin(path: &Path) -> anyhow::Result<Pin> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let pem = private::read_shown(path).with_context(|| path.display().to_string())?;
    let certificate = CertificateDer::from_pem_slice(&pem)
        .map_err(|error| anyhow::anyhow!("{}: no certificate in PEM form: {error}", path.display()))?;
    Pin::of(&certificate).with_context(|| format!("{}: the certificate can't be read", path.display()))
}

fn key(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    if config.signing.is_none() && config.tls.is_none() {
        bail!("{}: there is neither [signing] nor [tls] in it", path.display());
    }
    if let Some(signing) = &config.signing {
        say!("--feed-key {}", SigningKey::open_or_make(&signing.key)?.public());
    }
    if let Some(tls) = &config.tls {
        say!("--feed-pin {}", certificate_pin(&tls.certificate)?);
    }
    Ok(())
}

fn token(tokens: Option<&Path>, config: Option<&Path>, what: &TokenTask) -> anyhow::Result<()> {
    let config = read_config(config)?;
    let path = tokens
        .map(Path::to_owned)
        .or(config.access.tokens)
        .context("which tokens? --tokens FILE, or --config FILE with [access] tokens in it, is needed")?;
    let mut store = match what {
        TokenTask::List => TokenStore::open(&path)?,
        TokenTask::Make { .. } | TokenTask::Revoke { .. } => TokenStore::open_to_change(&path)?,
    };
    let now = Utc::now();
    // The gateway that runs writes its log itself; a second writer would break its chain.
    let beside = path.with_extension("audit.jsonl");
    // Opened before anything is changed: nothing is that can't be noted down.
    let open_log = || -> anyhow::Result<AuditLog> {
        private::make_if_absent(&beside).with_context(|| beside.display().to_string())?;
        Ok(AuditLog::open(&beside, "urn:meridian:token", now)?)
    };
    let record = |mut log: AuditLog, kind, token: &TokenRecord| -> anyhow::Result<()> {
        let details = Details {
            token: Some(token.id.clone()),
            name: Some(token.name.clone()),
            role: Some(token.role.name().to_owned()),
            ..Details::default()
        };
        Ok(log.record(kind, "token", details, now)?)
    };
    match what {
        TokenTask::Make {
            name,
            person,
            role,
            number,
            expires,
        } => {
            let expires = expires
                .as_deref()
                .map(|text| parse_expiry(text, now))
                .transpose()
                .map_err(anyhow::Error::msg)?;
            let wanted = NewToken {
                name,
                person: person.as_deref(),
                role: *role,
                numbers: number,
                expires,
            };
            let log = open_log()?;
            let (made, token) = store.make_as(&wanted, now)?;
            record(log, audit::Kind::TokenMade, &made)?;
            eprintln!(
                "token {} for {} ({}): it is shown once",
                made.id,
                made.name,
                made.role.name()
            );
            say!("{token}");
        }
        TokenTask::Revoke { id } => {
            let log = open_log()?;
            let revoked = store.revoke(id, now)?;
            record(log, audit::Kind::TokenRevoked, &revoked)?;
            say!("token {} of {} is revoked", revoked.id, revoked.name);
        }
        TokenTask::List => {
            for token in store.list() {
                let expires = token.expires.map_or_else(|| "never".to_owned(), instant);
                say!(
                    "{}  {:<9}  {:<8}  made {}  expires {:<20}  {}{}{}",
                    token.id,
                    token.role.name(),
                    token.state(now),
                    instant(token.made),
                    expires,
                    token.name,
                    token
                        .person
                        .as_deref()
                        .map_or(String::new(), |person| format!("  borne by {person}")),
                    match token.numbers.as_slice() {
                        [] => String::new(),
                        numbers => format!("  sends as {numbers:?}"),
                    }
                );
            }
        }
    }
    Ok(())
}

/// Counts logs, apart from the gateway's own counting.
fn count(live: &Path, logs: &[PathBuf]) -> anyhow::Result<()> {
    let catalogue = load_catalogue()?;
    let day = LiveDay::read(live, &catalogue, wall_ms())?;
    let mut all = Counted::new(day.tally(&catalogue));
    let mut damaged = Vec::new();
    for path in logs {
        let mut partial = Partial::new(day.tally(&catalogue));
        let mut records = OrderLog::look(path)?;
        while let Some(record) = records.next_record()? {
            let bytes = match record {
                Record::Batch(bytes) => bytes,
                Record::Step { .. } => continue,
                // All the rest is worth knowing.
                Record::Damaged(damage) => {
                    eprintln!("{}: {damage}", path.display());
                    damaged.push(path.display().to_string());
                    continue;
                }
            };
            let (columns, _) = Columns::read(&bytes).with_context(|| path.display().to_string())?;
            partial
                .take(&columns)
                .with_context(|| format!("{}: not of this day", path.display()))?;
        }
        if records.torn_bytes() > 0 {
            eprintln!(
                "{}: {} bytes at its end are torn",
                path.display(),
                records.torn_bytes()
            );
        }
        all.merge(&partial.drain())
            .with_context(|| path.display().to_string())?;
    }
    let line = |value: serde_json::Value| say!("{value}");
    line(serde_json::json!({
        "currency": day.currency(),
        "totals": all.tally().totals(),
        "batches": all.seen().iter().map(|(source, seen)| (source.to_string(), seen.count())).collect::<std::collections::BTreeMap<_, _>>(),
    }));
    for window in Window::ALL {
        let peak = all.windows().peak(Of::Total, window);
        let at = |second_ms: i64| chrono::DateTime::from_timestamp_millis(second_ms).map(instant);
        line(serde_json::json!({
            "window_s": window.seconds(),
            "most_orders": peak.orders,
            "orders_at": at(peak.orders_at_ms),
            "most_payments": peak.payments,
            "payments_at": at(peak.payments_at_ms),
        }));
    }
    damaged.dedup();
    if !damaged.is_empty() {
        bail!(
            "damaged, and counted without what can't be read: {}",
            damaged.join(", ")
        );
    }
    Ok(())
}

/// A token that somebody gives on the command line: a pipe does as well as a file.
fn given_token(path: &Path) -> anyhow::Result<String> {
    if path.is_file() {
        return read_token(path);
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.trim().to_owned())
}

fn token_of(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    Ok(match file {
        Some(path) => Some(given_token(path)?),
        None => std::env::var("MERIDIAN_TOKEN")
            .ok()
            .filter(|token| !token.is_empty()),
    })
}

/// Plays a source into a gateway until it ends or somebody stops it.
fn send(config: &SenderConfig, number: u32, source: &SourceArgs) -> anyhow::Result<()> {
    let catalogue = load_catalogue()?;
    let orders = source.open(&catalogue)?;
    let from_ms = source.start_ms(orders.as_ref(), None);
    let sender = OrderSender::start(config)?;
    let url = &config.url;
    let welcome = loop {
        match sender.events().recv()? {
            SenderEvent::Connected(welcome) => break welcome,
            SenderEvent::Unwanted(reason) => bail!("{url} {reason}"),
            SenderEvent::Lost(reason) => eprintln!("{url}: {reason}; trying again"),
            SenderEvent::Counted { .. } | SenderEvent::Refused { .. } => {}
        }
    };
    let mut play = Play::new(orders, &welcome, number, from_ms, wall_ms(), source.speed())?;
    let (mut rows, mut counted, mut refused) = (0, 0_u64, 0_u64);
    let mut said = std::time::Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let _ = runtime.block_on(stop_asked());
            asked.store(true, Ordering::Release);
        }
    });
    loop {
        let over = play.ended() || stop.load(Ordering::Acquire);
        if !over {
            let played = play.until(wall_ms())?;
            rows += played.rows;
            for notice in played.notices {
                eprintln!("{}", notice.text.en);
            }
            for batch in played.batches {
                sender.send(batch)?;
            }
        }
        while let Ok(event) = sender.events().try_recv() {
            match event {
                SenderEvent::Counted { .. } => counted += 1,
                SenderEvent::Refused { problem, .. } => {
                    refused += 1;
                    if refused <= 5 {
                        eprintln!("{url} refuses a batch: {problem}");
                    }
                }
                SenderEvent::Lost(reason) => eprintln!("{url}: {reason}; trying again"),
                SenderEvent::Unwanted(reason) => eprintln!("{url} {reason}"),
                SenderEvent::Connected(_) => {}
            }
        }
        if said.elapsed() >= Duration::from_secs(5) || over {
            said = std::time::Instant::now();
            eprintln!(
                "{rows} orders and payments sent, {counted} batches counted, {refused} refused, {} open",
                sender.open()
            );
        }
        if over && (sender.open() == 0 || stop.load(Ordering::Acquire)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if refused > 0 {
        bail!("{refused} batches were refused");
    }
    Ok(())
}

fn direct(gateway: &str, token_file: Option<&Path>, trust: &Trust, what: &DirectTask) -> anyhow::Result<()> {
    let token = token_of(token_file)?;
    let uri = gateway.parse().with_context(|| {
        format!("{gateway:?} is no address; one like wss://gateway.example:9016 is needed")
    })?;
    let way =
        Way::new(&uri, token.as_deref(), trust).map_err(|problem| anyhow::anyhow!("{gateway}: {problem}"))?;
    let command = match what {
        DirectTask::Hold => Command::Hold,
        DirectTask::Release => Command::Release,
        DirectTask::Scene { scene } => Command::Scene { scene: scene.clone() },
        DirectTask::Mode { mode } => Command::Mode {
            mode: if mode == "rehearsal" {
                DeskMode::Rehearsal
            } else {
                DeskMode::Normal
            },
        },
        DirectTask::Delay { delay } => Command::Delay {
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        },
        DirectTask::Status => Command::Status,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        let talk = async {
            let (mut socket, _) =
                connect(&way, &[SUBPROTOCOL_DESK])
                    .await
                    .map_err(|failed| match failed {
                        Failed::Lost(reason) | Failed::NotYet(reason, _) => {
                            anyhow::anyhow!("{gateway}: {reason}")
                        }
                        Failed::Refused(reason) | Failed::Later(reason, _) => {
                            anyhow::anyhow!("{gateway} {reason}")
                        }
                    })?;
            socket
                .send(Message::Text(serde_json::to_string(&command)?.into()))
                .await?;
            while let Some(message) = socket.next().await {
                if let Message::Text(text) = message? {
                    let _ = socket.close(None).await;
                    return Ok(serde_json::from_str::<serde_json::Value>(&text)?);
                }
            }
            bail!("{gateway} closed the connection without an answer")
        };
        tokio::time::timeout(Duration::from_secs(10), talk)
            .await
            .with_context(|| format!("{gateway} doesn't answer"))?
    })?;
    let text = answer["text"].as_str().unwrap_or_default();
    let desk = &answer["desk"];
    let held = desk["held_by"]
        .as_str()
        .map_or("on air".to_owned(), |by| format!("held ({by})"));
    match answer["outcome"].as_str() {
        Some("refused") => bail!("{text}"),
        Some(outcome) => say!(
            "{}{held}, delay {} ms{}{}",
            match (what, outcome) {
                (DirectTask::Status, _) => String::new(),
                (_, "unchanged") => "unchanged; ".to_owned(),
                _ => format!("{text}; "),
            },
            desk["delay_ms"].as_u64().unwrap_or(0),
            if desk["rehearsal"].as_bool() == Some(true) {
                ", rehearsal"
            } else {
                ""
            },
            desk["scene"]
                .as_str()
                .map_or(String::new(), |scene| format!(", scene {scene}")),
        ),
        None => bail!("{gateway} answered something else: {answer}"),
    }
    Ok(())
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.task {
        None => run(&args.run),
        Some(Task::Check { config }) => check(config),
        Some(Task::Token { tokens, config, what }) => token(tokens.as_deref(), config.as_deref(), what),
        Some(Task::Key { config }) => key(config),
        Some(Task::Audit {
            what: AuditTask::Verify { files, after, head },
        }) => audit::verify_after(&audit::with_rotated(files), after.as_deref(), head.as_deref())
            .map(|found| {
                let time = |at: Option<_>| at.map_or_else(|| "-".to_owned(), audit::instant);
                say!(
                    "{} entries from {} to {}, nothing was altered{}\nhead {}",
                    found.entries,
                    time(found.first),
                    time(found.last),
                    match found.repaired {
                        0 => String::new(),
                        many => format!(
                            "\n{many} lines say that the file was repaired or changed by somebody: \
                             meridian.audit.repaired, meridian.audit.displaced"
                        ),
                    },
                    found.head
                );
            })
            .map_err(anyhow::Error::from),
        Some(Task::Licences) => {
            say!("{}", meridian_core::files::NOTICES.trim_end());
            Ok(())
        }
        Some(Task::Count { live, logs }) => count(live, logs),
        Some(Task::Send {
            gateway,
            token_file,
            ca,
            pin,
            number,
            source,
        }) => token_of(token_file.as_deref()).and_then(|token| {
            let config = SenderConfig {
                url: gateway.clone(),
                token,
                trust: Trust {
                    ca: ca.clone(),
                    pin: *pin,
                },
            };
            send(&config, *number, source)
        }),
        Some(Task::Direct {
            gateway,
            token_file,
            ca,
            pin,
            what,
        }) => {
            let trust = Trust {
                ca: ca.clone(),
                pin: *pin,
            };
            direct(gateway, token_file.as_deref(), &trust, what)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Some causes stand in what they caused already.
            let mut text = error.to_string();
            for cause in error.chain().skip(1).map(ToString::to_string) {
                if !text.contains(&cause) {
                    text = format!("{text}: {cause}");
                }
            }
            eprintln!("meridian-gateway: {text}");
            ExitCode::FAILURE
        }
    }
}
