//! Runs without a screen: draws offscreen, and keeps a picture file current.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use meridian::stage::picture::Studio;

/// How often the picture is renewed.
const EVERY: Duration = Duration::from_secs(10);
/// How often the display processes the feed.
const BEAT: Duration = Duration::from_millis(100);

/// Whether there is a screen to open a window on.
pub fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Draws until it is told to end, and keeps the picture at `path` current.
///
/// # Errors
/// When the picture can't be drawn or written.
pub fn run(mut studio: Studio, path: &Path) -> Result<()> {
    let mut last = Instant::now();
    let mut due = Instant::now() + Duration::from_secs(2);
    while studio.ended().is_none() {
        let now = Instant::now();
        let later = now - last;
        last = now;
        if now >= due {
            due = now + EVERY;
            let picture = studio.take(later)?;
            replace(&picture, path)?;
        } else {
            studio.advance(later);
        }
        std::thread::sleep(BEAT.saturating_sub(now.elapsed()));
    }
    Ok(())
}

/// Writes beside the picture and renames, so that a reader never sees half of one.
fn replace(picture: &image::RgbImage, path: &Path) -> Result<()> {
    let beside = path.with_extension("part.png");
    picture
        .save(&beside)
        .with_context(|| format!("{}: the picture can't be written", beside.display()))?;
    std::fs::rename(&beside, path)
        .with_context(|| format!("{}: the picture can't be replaced", path.display()))
}
