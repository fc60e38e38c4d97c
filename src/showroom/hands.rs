//! Mouse, wheel and fingers in the showroom: one finger turns, two pinch and turn, three move; and what is pressed on the
//! panels.

use bevy::prelude::*;

use super::ar::Ar;
use super::{Place, Showroom};
use crate::DisplaySystems;
use crate::command::{Command, ShowroomCommand};
use crate::layout::Layout;
use crate::pointer::{DOUBLE_SECS, Pointer, SLOP_PX};
use crate::view::{Screen, View};

/// A whole turn takes so many heights of the picture.
const TURN_PER_HEIGHT: f32 = std::f32::consts::PI * 1.15;
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

/// What hands can reach.
struct Reach {
    /// The product's picture, in points.
    product: Rect,
    /// A product can be held.
    in_showroom: bool,
    /// What is pressed moves the product sideways instead of turning it.
    pan: bool,
}

impl Reach {
    /// A way on the screen, in heights of the product's picture.
    fn heights(&self, way: Vec2) -> Vec2 {
        way / self.product.height().max(1.0)
    }
}

fn turned(moved: Vec2) -> Command {
    Command::Showroom(ShowroomCommand::Turn(
        -moved.x * TURN_PER_HEIGHT,
        moved.y * TURN_PER_HEIGHT,
    ))
}

fn panned(moved: Vec2) -> Command {
    Command::Showroom(ShowroomCommand::Pan(moved.x, -moved.y))
}

impl Hands {
    /// Two fingers pinch and turn, three move.
    fn use_fingers(&mut self, fingers: &[Vec2], reach: &Reach, commands_out: &mut MessageWriter<Command>) {
        let count = fingers.len().min(3);
        let middle = fingers.iter().take(count).sum::<Vec2>() / count as f32;
        let spread = fingers
            .iter()
            .take(count)
            .map(|finger| finger.distance(middle))
            .sum::<f32>()
            .max(1.0);
        if reach.in_showroom
            && let Some((before, last, last_spread)) = self.fingers
            && before == count
        {
            let moved = reach.heights(middle - last);
            if count == 2 {
                commands_out.write(Command::Showroom(ShowroomCommand::Zoom(last_spread / spread)));
                commands_out.write(turned(moved));
            } else {
                commands_out.write(panned(moved));
            }
        }
        self.fingers = Some((count, middle, spread));
        self.grip = Grip::None;
    }

    /// Something is pressed or held at a point.
    fn hold(
        &mut self,
        at: Vec2,
        reach: &Reach,
        zone: impl FnOnce() -> Option<Zone>,
        commands_out: &mut MessageWriter<Command>,
    ) {
        self.grip = match std::mem::take(&mut self.grip) {
            Grip::None => match zone() {
                Some(zone) => {
                    if matches!(zone.press, Press::Scrub) {
                        commands_out.write(scrub(&zone, at));
                    }
                    Grip::Panel(zone, at)
                }
                None if reach.in_showroom && reach.product.contains(at) => Grip::Product {
                    start: at,
                    last: at,
                    pan: reach.pan,
                },
                // Pressed where nothing is: held until it is let go, so that it can't slide onto something.
                None => Grip::Product {
                    start: Vec2::splat(f32::NAN),
                    last: at,
                    pan: false,
                },
            },
            Grip::Panel(zone, start) => {
                if matches!(zone.press, Press::Scrub) {
                    commands_out.write(scrub(&zone, at));
                }
                Grip::Panel(zone, start)
            }
            Grip::Product { start, last, pan } => {
                let moved = reach.heights(at - last);
                if reach.in_showroom && start.is_finite() && moved != Vec2::ZERO {
                    commands_out.write(if pan { panned(moved) } else { turned(moved) });
                }
                Grip::Product { start, last: at, pan }
            }
        };
    }

    /// What was held is let go at a point; whether that tapped the product, and whether twice.
    fn let_go(
        &mut self,
        at: Vec2,
        reach: &Reach,
        now_secs: f32,
        commands_out: &mut MessageWriter<Command>,
    ) -> Option<bool> {
        match std::mem::take(&mut self.grip) {
            Grip::Panel(zone, start) => {
                if let Press::Tap(command) = &zone.press
                    && start.distance(at) <= SLOP_PX * 2.0
                {
                    commands_out.write(command.clone());
                }
                None
            }
            Grip::Product { start, .. }
                if reach.in_showroom && start.is_finite() && start.distance(at) <= SLOP_PX =>
            {
                let double = self.last_tap.is_some_and(|(secs, place)| {
                    now_secs - secs < DOUBLE_SECS && place.distance(at) < SLOP_PX * 3.0
                });
                self.last_tap = Some((now_secs, at));
                Some(double)
            }
            Grip::Product { .. } | Grip::None => None,
        }
    }
}

/// Presses on the panels, everywhere; hands on the product, in the showroom.
fn use_hands(
    time: Res<Time>,
    mut pointer: Pointer,
    keys: Option<Res<ButtonInput<KeyCode>>>,
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
    let covered = view.help_open || view.search.is_some();
    let other = pointer.pressed(MouseButton::Right) || pointer.pressed(MouseButton::Middle);
    let shift = keys.is_some_and(|keys| keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]));
    let reach = Reach {
        product: Rect::new(
            place.product.left(),
            place.product.top(),
            place.product.right(),
            place.product.bottom(),
        ),
        in_showroom: *screen == Screen::Showroom && showroom.share > 0.6 && !covered,
        pan: other || shift,
    };
    let fingers = pointer.fingers();
    if fingers.len() >= 2 {
        hands.use_fingers(&fingers, &reach, &mut commands_out);
        return;
    }
    hands.fingers = None;
    let lifted = pointer.lifted();
    let (at, down) = match fingers.first() {
        Some(finger) => (Some(*finger), true),
        None if lifted.is_some() => (lifted, false),
        None => (
            pointer.cursor(),
            pointer.pressed(MouseButton::Left) || (other && reach.in_showroom),
        ),
    };
    let Some(at) = at else {
        hands.grip = Grip::None;
        return;
    };
    if down {
        let zone = || zones.at(at).filter(|_| !covered).cloned();
        hands.hold(at, &reach, zone, &mut commands_out);
    } else if let Some(double) = hands.let_go(at, &reach, time.elapsed_secs(), &mut commands_out) {
        if let Some(behind) = ar.aspect().filter(|_| ar.still.is_some()) {
            let [rect, _] = place.pictures(showroom.stereo, Some(behind));
            let share =
                Vec2::new(at.x - rect.left(), at.y - rect.top()) / Vec2::new(rect.width(), rect.height());
            commands_out.write(Command::Showroom(ShowroomCommand::Corner(share)));
        } else if double {
            commands_out.write(Command::Showroom(ShowroomCommand::Reset));
        }
    }
    if !reach.in_showroom {
        return;
    }
    let zoom = pointer.zoom();
    if zoom != 1.0 {
        commands_out.write(Command::Showroom(ShowroomCommand::Zoom(zoom)));
    }
}

/// Hands.
pub fn plugin(app: &mut App) {
    app.init_resource::<Zones>()
        .init_resource::<Hands>()
        .add_systems(Update, use_hands.in_set(DisplaySystems::Input));
}
