//! F12: the picture on screen, stamped with what its figures are and when, written to a file.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use chrono::{DateTime, FixedOffset, SecondsFormat};
use crossbeam_channel::{Receiver, Sender};

use super::PictureTarget;
use crate::DisplaySystems;
use crate::command::Command;
use crate::folder::free_name;
use crate::ledger::Ledger;
use crate::link::Inbox;
use crate::theme::colour;
use meridian_wire::{Level, Mode};

/// The stamp that is on the picture now, and how many more frames.
#[derive(Resource, Default)]
struct Stamp(Option<String>);

/// What became of files that were written on other threads.
#[derive(Resource)]
struct Written {
    sender: Sender<Result<PathBuf, String>>,
    receiver: Receiver<Result<PathBuf, String>>,
}

/// The word for what figures are.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "LIVE",
        Mode::Delayed => "DELAYED",
        Mode::Held => "HELD",
        Mode::Replay => "REPLAY",
        Mode::Demo => "DEMO",
        Mode::Rehearsal => "REHEARSAL",
    }
}

/// Event time on the wall's clock, RFC 3339.
pub fn event_time(ledger: &Ledger) -> String {
    let offset_min = ledger.hello.as_ref().map_or(0, |hello| hello.day.utc_offset_min);
    let offset = FixedOffset::east_opt(offset_min * 60);
    match (DateTime::from_timestamp_millis(ledger.event_ms), offset) {
        (Some(at), Some(offset)) => at
            .with_timezone(&offset)
            .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        _ => format!("{} ms", ledger.event_ms),
    }
}

/// A name that says what is on the picture and that no file has.
fn file_name(ledger: &Ledger) -> PathBuf {
    let time: String = event_time(ledger)
        .chars()
        .map(|c| if c == ':' { '-' } else { c })
        .collect();
    free_name(&format!("meridian-{}-{time}", mode_word(ledger.mode)))
}

fn take(
    mut asked: MessageReader<Command>,
    mut commands: Commands,
    ledger: Res<Ledger>,
    target: Option<Res<PictureTarget>>,
    written: Res<Written>,
    mut stamp: ResMut<Stamp>,
) {
    stamp.0 = None;
    if !asked.read().any(|command| *command == Command::Screenshot) {
        return;
    }
    stamp.0 = Some(format!("{}  {}", mode_word(ledger.mode), event_time(&ledger)));
    let path = file_name(&ledger);
    let sender = written.sender.clone();
    let screenshot = match target {
        Some(target) => Screenshot::image(target.0.clone()),
        None => Screenshot::primary_window(),
    };
    commands
        .spawn(screenshot)
        .observe(move |taken: On<ScreenshotCaptured>| {
            let (image, path, sender) = (taken.image.clone(), path.clone(), sender.clone());
            // Compressing a 4K picture takes longer than a frame.
            // On a thread of its own: lights and warmth wait for Bevy's.
            std::thread::spawn(move || {
                let outcome = image
                    .try_into_dynamic()
                    .map_err(|error| error.to_string())
                    .and_then(|image| {
                        image
                            .to_rgb8()
                            .save(&path)
                            .map_err(|error| format!("{}: {error}", path.display()))
                    })
                    .map(|()| path.canonicalize().unwrap_or(path));
                // The receiver is a resource: a closed channel means that the display is gone.
                let _ = sender.send(outcome);
            });
        });
}

fn report(written: Res<Written>, mut inbox: ResMut<Inbox>) {
    for outcome in written.receiver.try_iter() {
        match outcome {
            Ok(path) => {
                let path = path.display().to_string();
                info!("picture written to {path}");
                inbox.tell(
                    Level::Info,
                    "picture_written",
                    "told-picture",
                    vec![("path", path)],
                );
            }
            Err(problem) => {
                error!("picture not written: {problem}");
                inbox.tell(
                    Level::Warning,
                    "picture_failed",
                    "told-picture-failed",
                    vec![("problem", problem)],
                );
            }
        }
    }
}

fn draw_stamp(stamp: Res<Stamp>, mut contexts: EguiContexts) -> Result {
    let Some(text) = &stamp.0 else {
        return Ok(());
    };
    let ctx = contexts.ctx_mut()?;
    let painter = ctx.layer_painter(egui::LayerId::new(
        egui::Order::Foreground,
        egui::Id::new("picture_stamp"),
    ));
    let rect = ctx.viewport_rect();
    let size = (rect.height() * 0.018).max(11.0);
    let galley = painter.layout_no_wrap(text.clone(), egui::FontId::monospace(size), colour::INK);
    let at = rect.right_bottom() - galley.size() - egui::vec2(size, size * 0.7);
    painter.rect_filled(
        egui::Rect::from_min_size(at, galley.size()).expand(size * 0.35),
        0.0,
        colour::ROOM,
    );
    painter.galley(at, galley, colour::INK);
    Ok(())
}

/// F12.
pub fn plugin(app: &mut App) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    app.insert_resource(Written { sender, receiver })
        .init_resource::<Stamp>()
        .add_systems(Update, (report, take).chain().in_set(DisplaySystems::Follow))
        .add_systems(EguiPrimaryContextPass, draw_stamp);
}
