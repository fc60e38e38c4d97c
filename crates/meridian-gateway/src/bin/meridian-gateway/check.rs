//! `check`: says what is wrong with a configuration and the files that it names.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::Utc;
use meridian_core::files::private;
use meridian_core::sales::Catalogue;
use meridian_core::say;
use meridian_gateway::config::Config;
use meridian_gateway::operate::access::TokenStore;
use meridian_gateway::operate::audit;
use meridian_gateway::{
    Clock, GatewayError, LiveDay, PlayArgs, Privacy, ServeArgs, SourceArgs, State, load_catalogue, wall_ms,
};

use crate::args::Run;
use crate::key::certificate_pin;
use crate::setup::{
    EXACT_FOR_ALL, PRIVACY_OFF, gateway_config, live_day, privacy_of, shows_all_to_strangers, upstream,
};

/// Says what is wrong with a configuration and the files that it names, and what a gateway would do with it.
pub(crate) fn check(path: &Path) -> anyhow::Result<()> {
    let config = Config::read(path)?;
    let run = Run {
        config: Some(path.to_owned()),
        play: PlayArgs::default(),
        serve: ServeArgs::default(),
    };
    let catalogue = load_catalogue()?;
    let live = live_day(&run, &config, &catalogue, wall_ms())?;
    let (gateway, play) = gateway_config(&run, &config, live.as_ref(), &Clock::system(), false)?;
    if let Some(tls) = &gateway.tls {
        say!("certificate     {}", certificate_pin(&tls.certificate)?);
        meridian_gateway::check_certificate(tls)?;
    }
    if let Some(tokens) = &gateway.tokens {
        check_tokens(tokens)?;
    }
    match (&gateway.signing, &config.signing) {
        (Some(key), _) => say!("frames signed   {}", key.public()),
        (None, Some(signing)) => say!(
            "frames signed   with {}, made at the first start",
            signing.key.display()
        ),
        (None, None) => {}
    }
    check_kept(&run, &config, gateway.audit.as_deref())?;
    check_audit(gateway.audit.as_deref());
    let name = live.as_ref().map_or_else(|| play.source.name(), LiveDay::name);
    check_state(config.state.as_deref(), &name)?;
    check_source(&run, &config, &play.source, live.as_ref(), &catalogue)?;
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

fn check_tokens(tokens: &Path) -> anyhow::Result<()> {
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
    Ok(())
}

/// Files that a gateway keeps: none may be a pipe, and their folders have to be there or makeable.
fn check_kept(run: &Run, config: &Config, audit: Option<&Path>) -> anyhow::Result<()> {
    let kept = [
        ("audit.file", audit),
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
    check_folders(run, &kept)
}

fn check_audit(audit: Option<&Path>) {
    match audit {
        // A log that was altered is told and no reason not to start: that would be one more way to stop the show.
        Some(audit) if audit.exists() => match audit::verify_file(audit) {
            Ok(found) => say!("audit log       {} entries", found.entries),
            Err(error) => say!("audit log       DAMAGED: {error}"),
        },
        Some(audit) => say!("audit log       {}, made at the first start", audit.display()),
        None => say!("audit log       none"),
    }
}

fn check_state(state: Option<&Path>, source: &str) -> anyhow::Result<()> {
    let Some(state) = state else {
        say!("state           none: a restart begins anew, and forgets what directors decided");
        return Ok(());
    };
    if !state.exists() {
        say!("state           {}, made at the first start", state.display());
        return Ok(());
    }
    let looked = State::look(state, source)?;
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
    Ok(())
}

fn check_source(
    run: &Run,
    config: &Config,
    source: &SourceArgs,
    live: Option<&LiveDay>,
    catalogue: &Arc<Catalogue>,
) -> anyhow::Result<()> {
    match (upstream(run, config)?, live) {
        (Some(link), _) => say!("passes on       {}", link.url),
        (None, Some(live)) => {
            say!("live day        {}", live.title().en);
            say_privacy(privacy_of(config)?);
            match &config.source.order_log {
                Some(folder) => {
                    check_folders(run, &[("source.order_log", Some(folder.as_path()))])?;
                    let log = live.log_in(folder);
                    live.fits(&log, catalogue, privacy_of(config)?)?;
                    say!("order log       {}", log.display());
                }
                None => say!("order log       none: a restart forgets what was counted"),
            }
        }
        (None, None) => {
            let hello = source.open(catalogue)?.hello();
            say!(
                "source          {} ({} products)",
                hello.title.en,
                hello.products.len()
            );
            if config.source.orders.is_some() {
                say_privacy(privacy_of(config)?);
            }
        }
    }
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
                "{}: {} isn't a folder, and one is needed there",
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
