//! Serves a day: starts a gateway, watches it, and starts the next day when a daily live day is over.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use meridian_core::sales::Catalogue;
use meridian_gateway::config::{Config, LogFormat};
use meridian_gateway::operate::director::DirectorState;
use meridian_gateway::{
    Clock, Gateway, LiveDay, LiveSource, PlayArgs, Privacy, Publisher, ReplayLog, SavedState, State,
    load_catalogue, relay, serve, wall_ms,
};

use crate::args::Run;
use crate::setup::{
    EXACT_FOR_ALL, PRIVACY_OFF, gateway_config, live_day, privacy_of, read_config, shows_all_to_strangers,
    upstream,
};
use crate::signal::stop_asked;

/// Real orders that are played: a restart releases what it had released, and goes on where the day would be now.
fn with_replay(
    play: &PlayArgs,
    state: &Path,
    saved: Option<&SavedState>,
    catalogue: &Arc<Catalogue>,
    privacy: Privacy,
) -> anyhow::Result<Publisher> {
    let orders = play.source.open(catalogue)?;
    let begin_ms = play.start_ms(orders.as_ref(), None);
    let now_ms = play.start_ms(orders.as_ref(), saved);
    let (orders, privacy) = ReplayLog::open(orders, state, begin_ms, privacy)?;
    let start_ms = orders.start_ms();
    let mut publisher = Publisher::new(Box::new(orders), Arc::clone(catalogue), start_ms, play.speed())?
        .with_privacy(privacy)?;
    // Before the first step: whoever may see exact figures goes on from where the log ends, too.
    publisher.want_internal(true);
    publisher.replay()?;
    if saved.is_some() {
        publisher.step(now_ms, wall_ms());
    }
    Ok(publisher)
}

/// Starts a gateway; gives its day where the next one follows it. What the directors had decided the day before holds.
fn start(
    run: &Run,
    config: &Config,
    desk: Option<DirectorState>,
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
    let (mut gateway, play) = gateway_config(run, config, live.as_ref(), clock, true)?;
    if shows_all_to_strangers(&gateway) {
        tracing::warn!(listen = %gateway.listen, "access.anonymous is \"executive\": {EXACT_FOR_ALL}");
    }
    let privacy = privacy_of(config)?;
    let Some(live) = live else {
        let saved = gateway.state.as_ref().and_then(State::saved);
        let state = run.serve.state.as_deref().or(config.state.as_deref());
        let publisher = match state.filter(|_| play.source.orders.is_some() && privacy.is_on()) {
            Some(state) => with_replay(&play, state, saved, &catalogue, privacy)?,
            None => play.publisher(&catalogue, saved)?.with_privacy(privacy)?,
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

pub(crate) fn run(run: &Run) -> anyhow::Result<()> {
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
