//! Hands on the product: one finger or the mouse turns it, two fingers pinch and turn, three move.

use bevy::prelude::*;
use bevy_egui::egui::pos2;

use super::ar::Ar;
use super::{Place, Stereo, Viewing, Way};
use crate::DisplaySystems;
use crate::command::{Command, ShowroomCommand};
use crate::gestures::{Drag, GesturesRead, Grip, Tap, Zoom};
use crate::layout::Layout;
use crate::view::{Screen, View};

/// How far dragging over the height of the picture turns the product, in radians.
const TURN_PER_HEIGHT: f32 = std::f32::consts::PI * 1.15;

/// Turned by a way in heights of the product's picture.
fn turned(moved: Vec2) -> ShowroomCommand {
    ShowroomCommand::Turn(-moved.x * TURN_PER_HEIGHT, moved.y * TURN_PER_HEIGHT)
}

/// Moved by a way in heights of the product's picture.
fn panned(moved: Vec2) -> ShowroomCommand {
    ShowroomCommand::Pan(moved.x, -moved.y)
}

/// What a drag does, if anything.
fn dragged(drag: &Drag, place: &Place) -> Option<ShowroomCommand> {
    let moved = drag.delta / place.product.height().max(1.0);
    let is_held = place.product.contains(pos2(drag.from.x, drag.from.y)) && moved != Vec2::ZERO;
    match drag.grip {
        Grip::Fingers(2) => Some(turned(moved)),
        Grip::Fingers(_) => Some(panned(moved)),
        Grip::One if is_held && !drag.shift => Some(turned(moved)),
        Grip::One | Grip::OtherButton if is_held => Some(panned(moved)),
        Grip::One | Grip::OtherButton => None,
    }
}

/// What a tap does, if anything: a corner of the sheet in a photo, the first view again.
fn tapped(tap: &Tap, place: &Place, stereo: Option<Stereo>, ar: &Ar) -> Option<ShowroomCommand> {
    if !place.product.contains(pos2(tap.at.x, tap.at.y)) {
        return None;
    }
    if let Some(behind) = ar.aspect().filter(|_| ar.still.is_some()) {
        let [rect, _] = place.pictures(stereo, Some(behind));
        let within = Vec2::new(tap.at.x - rect.left(), tap.at.y - rect.top());
        return Some(ShowroomCommand::Corner(
            within / Vec2::new(rect.width(), rect.height()),
        ));
    }
    tap.double.then_some(ShowroomCommand::Reset)
}

fn use_hands(
    mut drags: MessageReader<Drag>,
    mut zooms: MessageReader<Zoom>,
    mut taps: MessageReader<Tap>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    layout: Res<Layout>,
    way: Res<Way>,
    viewing: Res<Viewing>,
    ar: Res<Ar>,
    mut commands_out: MessageWriter<Command>,
) {
    let covered = view.help_open || view.search.is_some();
    if *screen != Screen::Showroom || way.share <= 0.6 || covered {
        drags.clear();
        zooms.clear();
        taps.clear();
        return;
    }
    let place = Place::new(layout.size);
    // Three fingers move it and keep its distance.
    let zooms = zooms.read().filter(|zoom| zoom.fingers < 3);
    let zooms = zooms.map(|zoom| ShowroomCommand::Zoom(zoom.factor));
    let drags = drags.read().filter_map(|drag| dragged(drag, &place));
    let taps = taps
        .read()
        .filter_map(|tap| tapped(tap, &place, viewing.stereo, &ar));
    commands_out.write_batch(zooms.chain(drags).chain(taps).map(Command::Showroom));
}

/// Hands.
pub fn plugin(app: &mut App) {
    app.add_systems(
        Update,
        use_hands.after(GesturesRead).in_set(DisplaySystems::Input),
    );
}
