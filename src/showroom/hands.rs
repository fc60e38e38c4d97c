//! Mouse, wheel and fingers in the showroom: one finger turns, two pinch and turn, three move; and what is pressed on the
//! panels.

use bevy::input::gestures::PinchGesture;
use bevy::input::mouse::{AccumulatedMouseScroll, MouseScrollUnit};
use bevy::input::touch::Touches;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use super::ar::Ar;
use super::{Place, Showroom};
use crate::DisplaySystems;
use crate::command::{Command, ShowroomCommand};
use crate::layout::Layout;
use crate::view::{Screen, View};

/// A whole turn takes so many heights of the picture.
const TURN_PER_HEIGHT: f32 = std::f32::consts::PI * 1.15;
/// A pointer that travels less than this between press and release was a tap, in points.
const TAP_PX: f32 = 8.0;
/// Two taps within this are a double-tap, in seconds.
const DOUBLE_SECS: f32 = 0.32;

/// What can be pressed, as the panels drew it last. What comes later lies above.
#[derive(Resource, Debug, Clone, Default)]
pub struct Zones(pub Vec<Zone>);

/// Something that can be pressed.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Where, in points.
    pub rect: Rect,
    /// What it does.
    pub press: Press,
}

/// What pressing does.
#[derive(Debug, Clone)]
pub enum Press {
    /// Sends a command when let go.
    Tap(Command),
    /// Sets the animation's place from where it is pressed, as long as it is.
    Scrub,
}

impl Zones {
    /// What is at a point.
    pub fn at(&self, point: Vec2) -> Option<&Zone> {
        self.0.iter().rev().find(|zone| zone.rect.contains(point))
    }
}

#[derive(Debug, Default)]
enum Grip {
    #[default]
    None,
    /// Pressed on something of the panels.
    Panel(Zone, Vec2),
    /// Holds the product; where it was pressed, and last.
    Product { start: Vec2, last: Vec2, pan: bool },
}

/// What hands do.
#[derive(Resource, Debug, Default)]
struct Hands {
    grip: Grip,
    last_tap: Option<(f32, Vec2)>,
    fingers: Option<(usize, Vec2, f32)>,
}

fn scrub(zone: &Zone, at: Vec2) -> Command {
    Command::Showroom(ShowroomCommand::Scrub(
        (at.x - zone.rect.min.x) / zone.rect.width().max(1.0),
    ))
}

/// Presses on the panels, everywhere; hands on the product, in the showroom.
fn use_hands(
    time: Res<Time>,
    windows: Query<&Window, With<PrimaryWindow>>,
    buttons: Option<Res<ButtonInput<MouseButton>>>,
    keys: Option<Res<ButtonInput<KeyCode>>>,
    scroll: Option<Res<AccumulatedMouseScroll>>,
    touches: Option<Res<Touches>>,
    pinches: Option<MessageReader<PinchGesture>>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    layout: Res<Layout>,
    showroom: Res<Showroom>,
    ar: Res<Ar>,
    zones: Res<Zones>,
    mut hands: ResMut<Hands>,
    mut commands_out: MessageWriter<Command>,
) {
    let place = Place::new(layout.size);
    let product = Rect::new(
        place.product.left(),
        place.product.top(),
        place.product.right(),
        place.product.bottom(),
    );
    let height = product.height().max(1.0);
    let in_showroom =
        *screen == Screen::Showroom && showroom.share > 0.6 && !view.help_open && view.search.is_none();
    let cursor = windows.single().ok().and_then(Window::cursor_position);
    let fingers: Vec<Vec2> = touches.as_ref().map_or_else(Vec::new, |touches| {
        let mut list: Vec<(u64, Vec2)> = touches
            .iter()
            .map(|touch| (touch.id(), touch.position()))
            .collect();
        list.sort_by_key(|(id, _)| *id);
        list.into_iter().map(|(_, position)| position).collect()
    });
    let lifted = touches
        .as_ref()
        .and_then(|touches| touches.iter_just_released().next().map(|touch| touch.position()));
    let showroom_command = |command| Command::Showroom(command);

    // Two and three fingers.
    if fingers.len() >= 2 {
        let count = fingers.len().min(3);
        let middle = fingers.iter().take(count).sum::<Vec2>() / count as f32;
        let spread = fingers
            .iter()
            .take(count)
            .map(|finger| finger.distance(middle))
            .sum::<f32>()
            .max(1.0);
        if in_showroom
            && let Some((before, last, last_spread)) = hands.fingers
            && before == count
        {
            let moved = (middle - last) / height;
            if count == 2 {
                commands_out.write(showroom_command(ShowroomCommand::Zoom(last_spread / spread)));
                commands_out.write(showroom_command(ShowroomCommand::Turn(
                    -moved.x * TURN_PER_HEIGHT,
                    moved.y * TURN_PER_HEIGHT,
                )));
            } else {
                commands_out.write(showroom_command(ShowroomCommand::Pan(moved.x, -moved.y)));
            }
        }
        hands.fingers = Some((count, middle, spread));
        hands.grip = Grip::None;
        return;
    }
    hands.fingers = None;

    let button = |button| buttons.as_ref().is_some_and(|buttons| buttons.pressed(button));
    let (left, other) = (
        button(MouseButton::Left),
        button(MouseButton::Right) || button(MouseButton::Middle),
    );
    let shift = keys
        .as_ref()
        .is_some_and(|keys| keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]));
    let (at, down) = match fingers.first() {
        Some(finger) => (Some(*finger), true),
        None if lifted.is_some() => (lifted, false),
        None => (cursor, left || (other && in_showroom)),
    };
    let Some(at) = at else {
        hands.grip = Grip::None;
        return;
    };
    let covered = view.help_open || view.search.is_some();
    match (std::mem::take(&mut hands.grip), down) {
        (Grip::None, true) => {
            let zone = zones.at(at).filter(|_| !covered).cloned();
            hands.grip = match zone {
                Some(zone) => {
                    if matches!(zone.press, Press::Scrub) {
                        commands_out.write(scrub(&zone, at));
                    }
                    Grip::Panel(zone, at)
                }
                None if in_showroom && product.contains(at) => Grip::Product {
                    start: at,
                    last: at,
                    pan: other || shift,
                },
                // Pressed where nothing is: held until it is let go, so that it can't slide onto something.
                None => Grip::Product {
                    start: Vec2::splat(f32::NAN),
                    last: at,
                    pan: false,
                },
            };
        }
        (Grip::Panel(zone, start), true) => {
            if matches!(zone.press, Press::Scrub) {
                commands_out.write(scrub(&zone, at));
            }
            hands.grip = Grip::Panel(zone, start);
        }
        (Grip::Panel(zone, start), false) => {
            if let Press::Tap(command) = &zone.press
                && start.distance(at) <= TAP_PX * 2.0
            {
                commands_out.write(command.clone());
            }
        }
        (Grip::Product { start, last, pan }, true) => {
            let moved = (at - last) / height;
            if in_showroom && start.is_finite() && moved != Vec2::ZERO {
                commands_out.write(showroom_command(if pan {
                    ShowroomCommand::Pan(moved.x, -moved.y)
                } else {
                    ShowroomCommand::Turn(-moved.x * TURN_PER_HEIGHT, moved.y * TURN_PER_HEIGHT)
                }));
            }
            hands.grip = Grip::Product { start, last: at, pan };
        }
        (Grip::Product { start, .. }, false) => {
            if in_showroom && start.is_finite() && start.distance(at) <= TAP_PX {
                let now = time.elapsed_secs();
                let double = hands.last_tap.is_some_and(|(secs, place)| {
                    now - secs < DOUBLE_SECS && place.distance(at) < TAP_PX * 3.0
                });
                hands.last_tap = Some((now, at));
                if let Some(behind) = ar.aspect().filter(|_| ar.still.is_some()) {
                    let [rect, _] = place.pictures(showroom.stereo, Some(behind));
                    let share = Vec2::new(at.x - rect.left(), at.y - rect.top())
                        / Vec2::new(rect.width(), rect.height());
                    commands_out.write(showroom_command(ShowroomCommand::Corner(share)));
                } else if double {
                    commands_out.write(showroom_command(ShowroomCommand::Reset));
                }
            }
        }
        (Grip::None, false) => {}
    }
    if !in_showroom {
        return;
    }
    let mut zoom = 1.0_f32;
    if let Some(scroll) = scroll.filter(|scroll| scroll.delta.y != 0.0) {
        let lines = match scroll.unit {
            MouseScrollUnit::Line => scroll.delta.y,
            MouseScrollUnit::Pixel => scroll.delta.y / 60.0,
        };
        zoom *= (-0.11 * lines.clamp(-8.0, 8.0)).exp();
    }
    if let Some(mut pinches) = pinches {
        for pinch in pinches.read() {
            zoom *= (-1.4 * pinch.0).exp();
        }
    }
    if zoom != 1.0 {
        commands_out.write(showroom_command(ShowroomCommand::Zoom(zoom)));
    }
}

/// Hands.
pub fn plugin(app: &mut App) {
    app.init_resource::<Zones>()
        .init_resource::<Hands>()
        .add_systems(Update, use_hands.in_set(DisplaySystems::Input));
}
