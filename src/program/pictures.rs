//! `meridian shot` and `meridian film`: no socket, no clock on the wall, the same picture every time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bevy::log::Level;
use bevy::math::UVec2;
use meridian::display::panels::Exact;
use meridian::display::stage::picture::Studio;
use meridian::display::stage::screenshot::{event_time, mode_word};
use meridian::display::stage::{Output, Setup, adapter};
use meridian::display::view::{Quality, View};
use serde_json::json;

use super::catalogue;
use super::cli::{Film, Looks, Shot, Sight, Size};

/// How long before the moment a display starts, so that lights and arcs are alive in its picture.
const LEAD_MS: i64 = 3_000;
/// Frames per second of app time on the way there.
const LEAD_FPS: i64 = 30;

/// A studio for pictures of this kind.
fn studio(size: Size, looks: &Looks, sight: &Sight) -> Result<Studio> {
    let adapter = adapter::find()?;
    let catalogue = catalogue()?;
    let selected = match &sight.select {
        None => None,
        Some(iso2) => Some(catalogue.by_iso2(&iso2.to_uppercase()).ok_or_else(|| {
            anyhow!("--select {iso2}: no such region: an ISO 3166-1 code is needed, as in CN")
        })?),
    };
    let setup = Setup {
        catalogue,
        output: Output::Picture {
            size: UVec2::new(size.width, size.height),
        },
        lang: looks.lang,
        // A picture has all the time it needs.
        quality: looks.quality.unwrap_or(Quality::High),
        reduced_motion: looks.reduced_motion,
        trace: None,
        log_level: Level::WARN,
    };
    let mut studio = Studio::new(&setup, UVec2::new(size.width, size.height), &adapter);
    if let Some(mut view) = studio.world_mut().get_resource_mut::<View>() {
        view.selected = selected;
    }
    Ok(studio)
}

/// Renders one moment to a file and says in one line of JSON what is on it.
///
/// # Errors
/// When there is nothing to draw with, a source can't be read or the file can't be written.
pub fn shot(shot: &Shot) -> Result<()> {
    let writable = writable(&shot.output)?;
    let mut studio = studio(shot.size, &shot.looks, &shot.sight)?;
    // A picture shows the ledger's figures to the digit.
    studio.world_mut().insert_resource(Exact(true));
    let frames = LEAD_MS * LEAD_FPS / 1000;
    let step = Duration::from_secs(1) / LEAD_FPS as u32;
    for _ in 1..frames {
        studio.advance(step);
    }
    let picture = studio.take(step)?;
    picture
        .save(&shot.output)
        .with_context(|| format!("{}: the picture can't be written", shot.output.display()))?;
    let ledger = studio.ledger();
    let line = json!({
        "event_time": event_time(&ledger),
        "mode": mode_word(ledger.mode),
        "gmv_minor": ledger.totals.counts.gmv_minor,
        "orders": ledger.totals.counts.orders,
        "payments": ledger.totals.counts.payments,
        "orders_per_s": ledger.rates.orders_per_s,
        "payments_per_s": ledger.rates.payments_per_s,
        "regions_reached": ledger.regions_reached(),
        "lights_drawn": ledger.feed.lights_drawn,
        "lights_received": ledger.feed.lights_received,
        "size": [picture.width(), picture.height()],
        "file": writable,
    });
    println!("{line}");
    Ok(())
}

/// Checks that a picture can be written there before it is drawn; gives the path for people.
fn writable(path: &Path) -> Result<PathBuf> {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    if extension.is_none_or(|extension| extension != "png") {
        bail!("{}: the name of a picture must end in .png", path.display());
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .with_context(|| format!("{}: the folder can't be used", folder.display()))?;
    Ok(path.file_name().map_or(folder.clone(), |name| folder.join(name)))
}

/// Renders a clip.
///
/// # Errors
/// As [`shot`], and when ffmpeg fails.
pub fn film(film: &Film) -> Result<()> {
    let _ = film;
    bail!("not yet")
}
