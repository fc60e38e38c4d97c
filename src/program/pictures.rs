//! `meridian shot` and `meridian film`: no socket, no wall clock, the same picture every time.

use meridian_core::say;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bevy::log::Level;
use bevy::math::UVec2;
use indicatif::{ProgressBar, ProgressStyle};
use meridian::globe::camera::{Pose, Rig};
use meridian::ledger::Ledger;
use meridian::panels::Exact;
use meridian::quality::Quality;
use meridian::stage::picture::Studio;
use meridian::stage::screenshot::{event_time, mode_word};
use meridian::stage::{Output, Setup, adapter};
use meridian::view::View;
use meridian_core::sales::Catalogue;
use meridian_gateway::SourceArgs;
use meridian_wire::Body;
use serde_json::json;

use super::catalogue;
use super::cli::{Film, Looks, Shot, Size, ViewArgs};
use super::player::Player;

/// How long before the moment a display starts, so that lights and arcs are alive in its picture.
const LEAD_MS: i64 = 3_000;
/// How much of the past is played second by second: the crown's minute and the last of the rates need it.
const PAST_MS: i64 = 120_000;
/// How long before the lead lights are counted that aren't drawn: they are of the last minute.
const COUNTED_MS: i64 = 60_000;
/// Frames per second of app time on the way there.
const LEAD_FPS: i64 = 30;

/// A studio for pictures of this kind.
fn studio(catalogue: &Arc<Catalogue>, size: Size, looks: &Looks, sight: &ViewArgs) -> Result<Studio> {
    let adapter = adapter::find()?;
    let selected = match &sight.select {
        None => None,
        Some(iso2) => Some(catalogue.by_iso2(&iso2.to_uppercase()).ok_or_else(|| {
            anyhow!("--select {iso2}: no such region: an ISO 3166-1 code is needed, as in CN")
        })?),
    };
    let setup = Setup {
        catalogue: Arc::clone(catalogue),
        output: Output::Picture {
            size: UVec2::new(size.width, size.height),
        },
        lang: looks.lang,
        // A picture has all the time it needs.
        quality: looks.quality.unwrap_or(Quality::High),
        worldview: looks.worldview,
        reduced_motion: looks.reduced_motion,
        products: looks.products.clone(),
        ar: looks.ar()?,
        stereo: looks.stereo,
        headset: false,
        product: looks.product(),
        begins_at_crown: looks.begins_at_crown(),
        trace: None,
        log_level: Level::WARN,
    };
    let mut studio = Studio::new(&setup, UVec2::new(size.width, size.height), &adapter);
    if let Some(mut view) = studio.world_mut().get_resource_mut::<View>() {
        view.selected = selected;
        view.search.clone_from(&sight.search);
    }
    if let (Some(look), Some(mut rig)) = (sight.look, studio.world_mut().get_resource_mut::<Rig>()) {
        rig.put(Pose {
            lat_deg: look.lat_deg,
            lon_deg: look.lon_deg,
            zoom: look.zoom,
            ..Pose::HOME
        });
    }
    studio.world_mut().insert_resource(Exact(true));
    Ok(studio)
}

/// Plays the past up to `to_ms` on the day's clock: its lights are counted. They are long gone, so they aren't drawn.
fn catch_up(player: &mut Player, studio: &mut Studio, to_ms: i64) -> Result<()> {
    studio.receive(player.opening()?, 0);
    for past_ms in (0..PAST_MS / 1000).rev().map(|second| second * 1000) {
        let mut bodies = player.play(to_ms - past_ms)?;
        bodies.retain(|body| past_ms < COUNTED_MS || !matches!(body, Body::Lights(_)));
        studio.receive(bodies, player.event_ms());
    }
    studio.draw_lights_from(player.event_ms());
    Ok(())
}

/// Of a generated day the display knows how its rates were until then, as one that was there since the day's start does.
fn remember(studio: &mut Studio, source: &SourceArgs, catalogue: &Arc<Catalogue>, at_ms: i64) -> Result<()> {
    if let Some(so_far) = Player::so_far(source, catalogue, at_ms)?
        && let Some(mut ledger) = studio.world_mut().get_resource_mut::<Ledger>()
    {
        ledger.day_rates.follow(so_far.day, so_far.marks);
    }
    Ok(())
}

/// Renders one moment to a file and says in one line of JSON what is on it.
///
/// # Errors
/// When there is nothing to draw with, a source can't be read or the file can't be written.
pub fn shot(shot: &Shot) -> Result<()> {
    let file = writable(&shot.output)?;
    let catalogue = catalogue()?;
    let mut player = Player::open(&shot.source, &catalogue, shot.at.0 - LEAD_MS - PAST_MS, 1.0)?;
    let mut studio = studio(&catalogue, shot.size, &shot.looks, &shot.sight)?;
    let first_ms = shot.at.0 - LEAD_MS;
    remember(&mut studio, &shot.source, &catalogue, first_ms - PAST_MS)?;
    catch_up(&mut player, &mut studio, first_ms)?;
    let frames = LEAD_MS * LEAD_FPS / 1000;
    let step = Duration::from_secs(1) / LEAD_FPS as u32;
    for frame in 1..frames {
        studio.receive(
            player.play(shot.at.0 - LEAD_MS + frame * 1000 / LEAD_FPS)?,
            player.event_ms(),
        );
        studio.advance(step);
    }
    studio.receive(player.play(shot.at.0)?, player.event_ms());
    studio.advance(step);
    // Glyphs that are new in a frame are on the GPU in the next.
    studio.advance(Duration::ZERO);
    let picture = studio.take(Duration::ZERO)?;
    save(&picture, &shot.output)?;
    let ledger = studio.ledger();
    let (received, drawn) = studio.lights();
    let line = json!({
        "event_time": event_time(&ledger),
        "mode": mode_word(ledger.mode),
        "gmv_minor": ledger.totals.counts.gmv_minor,
        "orders": ledger.totals.counts.orders,
        "payments": ledger.totals.counts.payments,
        "orders_per_s": ledger.rates.orders_per_s,
        "payments_per_s": ledger.rates.payments_per_s,
        "regions_reached": ledger.regions_reached(),
        "lights_drawn": drawn,
        "lights_received": received,
        "size": [picture.width(), picture.height()],
        "file": file,
    });
    say!("{line}");
    Ok(())
}

/// Quality of a JPEG, 0 to 100: high enough that points of light keep their edges.
const JPEG_QUALITY: u8 = 90;

fn save(picture: &image::RgbImage, path: &Path) -> Result<()> {
    let outcome = if is_jpeg(path) {
        std::fs::File::create(path)
            .map_err(image::ImageError::IoError)
            .and_then(|file| {
                let writer = std::io::BufWriter::new(file);
                picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(
                    writer,
                    JPEG_QUALITY,
                ))
            })
    } else {
        picture.save(path)
    };
    outcome.with_context(|| format!("{}: the picture can't be written", path.display()))
}

fn is_jpeg(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["jpg", "jpeg"]
            .iter()
            .any(|name| extension.eq_ignore_ascii_case(name))
    })
}

/// Checks that a picture can be written there before it is drawn; gives the path for people.
fn writable(path: &Path) -> Result<PathBuf> {
    let is_png = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if !is_png && !is_jpeg(path) {
        bail!(
            "{}: the name of a picture must end in .png or .jpg",
            path.display()
        );
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
    let frames = match (film.to, film.seconds) {
        (Some(to), _) => {
            let span_ms = to.0 - film.from.0;
            if span_ms <= 0 {
                bail!("--to must be later than --from");
            }
            span_ms as f64 / 1000.0 / film.speed * f64::from(film.fps)
        }
        (None, Some(seconds)) => seconds * f64::from(film.fps),
        (None, None) => bail!("say how long the film is: --to HH:MM:SS or --seconds N"),
    };
    let frames = (frames.round() as i64).max(1);
    let event_ms =
        |frame: i64| film.from.0 + (frame as f64 * 1000.0 * film.speed / f64::from(film.fps)).round() as i64;
    let lead_frames = LEAD_MS * i64::from(film.fps) / 1000;
    let catalogue = catalogue()?;
    let mut reel = Reel::open(&film.output, film.size, film.fps)?;
    let first_ms = event_ms(-lead_frames);
    let mut player = Player::open(&film.source, &catalogue, first_ms - PAST_MS, film.speed)?;
    let mut studio = studio(&catalogue, film.size, &film.looks, &film.sight)?;
    remember(&mut studio, &film.source, &catalogue, first_ms - PAST_MS)?;
    catch_up(&mut player, &mut studio, first_ms)?;
    let bar = ProgressBar::new(frames as u64);
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} frames, {eta} to go")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let step = Duration::from_secs(1) / film.fps;
    for frame in -lead_frames + 1..frames {
        studio.receive(player.play(event_ms(frame))?, player.event_ms());
        if frame < 0 {
            studio.advance(step);
        } else {
            reel.put(&studio.take(step)?)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    reel.close()?;
    eprintln!("{frames} frames written to {}", film.output.display());
    Ok(())
}

/// Where the frames of a film go.
enum Reel {
    /// Numbered pictures in a folder.
    Folder { folder: PathBuf, frame: u32 },
    /// ffmpeg, which reads raw frames from its standard input.
    Ffmpeg { child: Child },
}

impl Reel {
    fn open(output: &Path, size: Size, fps: u32) -> Result<Self> {
        let mp4 = output
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("mp4"));
        if !mp4 {
            std::fs::create_dir_all(output)
                .with_context(|| format!("{}: the folder can't be made", output.display()))?;
            return Ok(Self::Folder {
                folder: output.to_owned(),
                frame: 0,
            });
        }
        if !size.width.is_multiple_of(2) || !size.height.is_multiple_of(2) {
            bail!("--size: width and height of an .mp4 must be even");
        }
        let child = std::process::Command::new("ffmpeg")
            .args(["-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s"])
            .arg(format!("{}x{}", size.width, size.height))
            .args(["-r", &fps.to_string(), "-i", "-"])
            .args(["-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", "-movflags", "+faststart"])
            .arg(output)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => anyhow!(
                    "an .mp4 needs ffmpeg, which isn't installed: install the package ffmpeg, or name a folder for numbered frames"
                ),
                _ => anyhow!("ffmpeg can't be started: {error}"),
            })?;
        Ok(Self::Ffmpeg { child })
    }

    fn put(&mut self, picture: &image::RgbImage) -> Result<()> {
        match self {
            Self::Folder { folder, frame } => {
                let path = folder.join(format!("{frame:06}.png"));
                *frame += 1;
                picture
                    .save(&path)
                    .with_context(|| format!("{}: the frame can't be written", path.display()))
            }
            Self::Ffmpeg { child } => child
                .stdin
                .as_mut()
                .context("ffmpeg takes no frames")?
                .write_all(picture.as_raw())
                .context("ffmpeg stopped taking frames (see what it said)"),
        }
    }

    fn close(self) -> Result<()> {
        if let Self::Ffmpeg { mut child } = self {
            drop(child.stdin.take());
            let status = child.wait().context("ffmpeg can't be waited for")?;
            if !status.success() {
                bail!("ffmpeg failed ({status}; see what it said)");
            }
        }
        Ok(())
    }
}
