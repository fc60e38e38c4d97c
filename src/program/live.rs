//! `meridian`: the globe, live, in a window or, where there is no screen, in a picture kept current.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use bevy::app::AppExit;
use bevy::log::Level;
use bevy::math::UVec2;
use bevy::prelude::World;
use meridian::stage::picture::Studio;
use meridian::stage::{Output, PauseControl, Setup, adapter, build, leave};

use meridian::link::Subscription;
use meridian_client::recall::file_for;
use meridian_client::tls::Trust;
use meridian_client::{Link, LinkConfig};
use meridian_gateway::operate::access::Role;
use meridian_gateway::{GatewayConfig, serve};

use super::cli::Live;
use super::{catalogue, offscreen};

/// Runs until the program is asked to end.
///
/// # Errors
/// When there is nothing to draw with, or a source can't be read.
pub fn run(live: &Live) -> Result<ExitCode> {
    let adapter = adapter::find()?;
    let setup = Setup {
        catalogue: catalogue()?,
        output: Output::Window {
            size: live.size.map(|size| UVec2::new(size.width, size.height)),
            fullscreen: live.fullscreen,
        },
        lang: live.looks.lang,
        quality: live.looks.quality.unwrap_or(adapter.quality),
        worldview: live.looks.worldview,
        reduced_motion: live.looks.reduced_motion,
        products: live.looks.products.clone(),
        ar: live.looks.ar()?,
        stereo: live.looks.stereo,
        headset: live.headset,
        product: live.product(),
        begins_at_crown: live.looks.begins_at_crown(),
        trace: live.trace.clone(),
        log_level: Level::INFO,
    };
    // Without an address, the gateway runs in this process; the way to it is the same.
    let gateway = match &live.feed {
        Some(_) => None,
        None => {
            let publisher = live.play.publisher(&setup.catalogue, None)?;
            let config = GatewayConfig {
                speed: live.play.speed(),
                anonymous: live.internal.then_some(Role::Executive),
                ..GatewayConfig::default()
            };
            Some(serve(config, publisher)?)
        }
    };
    let url = match (&live.feed, &gateway) {
        (Some(url), _) => url.clone(),
        (None, Some(gateway)) => gateway.url(),
        (None, None) => String::new(),
    };
    let link = LinkConfig {
        token: token(live)?,
        trust: Trust {
            ca: live.feed_ca.clone(),
            pin: live.feed_pin,
        },
        key: live.feed_key,
        memory: live
            .feed_key
            .as_ref()
            .and_then(|key| Some(file_for(&meridian_core::files::state_folder()?, key))),
        ..LinkConfig::new(url.clone())
    };
    let subscription = Subscription::new(Link::start(link)?, url);
    let pause = gateway.as_ref().map(|gateway| {
        let control = gateway.control();
        let paused = AtomicBool::new(false);
        PauseControl(Box::new(move || {
            if paused.fetch_xor(true, Ordering::Relaxed) {
                control.resume();
            } else {
                control.pause();
            }
        }))
    });
    let prepare = |world: &mut World| {
        world.insert_resource(subscription);
        if let Some(pause) = pause {
            world.insert_resource(pause);
        }
    };
    leave_on_signals();
    if !offscreen::has_screen() {
        let size = live
            .size
            .map_or(UVec2::new(1600, 900), |size| UVec2::new(size.width, size.height));
        eprintln!(
            "meridian: no screen (neither DISPLAY nor WAYLAND_DISPLAY is set): drawing offscreen with {}, and keeping {} current; Ctrl+C ends it",
            adapter.name,
            live.picture.display()
        );
        let mut studio = Studio::new(&setup, size, &adapter);
        prepare(studio.world_mut());
        offscreen::run(studio, &live.picture)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut app = build(&setup, &adapter);
    prepare(app.world_mut());
    Ok(match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    })
}

/// The token for a gateway that runs elsewhere.
fn token(live: &Live) -> Result<Option<String>> {
    if live.feed.is_none() {
        return Ok(None);
    }
    match &live.feed_token {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let token = text.trim().to_owned();
            anyhow::ensure!(
                !token.is_empty(),
                "{}: it is empty; a token is needed, as `meridian-gateway token make` prints it",
                path.display()
            );
            Ok(Some(token))
        }
        None => Ok(std::env::var("MERIDIAN_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())),
    }
}

/// Shuts down cleanly on the system's signals. Ctrl+C is Bevy's own.
fn leave_on_signals() {
    std::thread::spawn(|| {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("meridian: SIGTERM ends it at once: {error}");
                return;
            }
        };
        runtime.block_on(async {
            #[cfg(unix)]
            if let Ok(mut terminate) =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            {
                terminate.recv().await;
                leave();
            }
        });
    });
}
