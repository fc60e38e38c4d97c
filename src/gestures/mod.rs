//! What hands do with a mouse, a pad or fingers, as messages: [`Drag`], [`Zoom`] and [`Tap`], and [`Pointing`] for what they
//! only point at. Camera, showroom and picking read these and no device, so that one set of thresholds holds for all.
//!
//! A press that begins on something that can be pressed belongs to egui, until it is let go: it makes no message.

mod devices;
#[cfg(test)]
mod tests;

use bevy::prelude::*;
use bevy_egui::egui::{Context, pos2};
use bevy_egui::input::EguiWantsInput;
use bevy_egui::{EguiContext, PrimaryEguiContext};

use self::devices::{Devices, Finger};
use crate::DisplaySystems;

/// A mouse that travels less than this between press and release has clicked, in logical pixels.
const SLOP_PX: f32 = 6.0;
/// The same for a finger, which is broader, and for what is pressed on the panels.
pub const FINGER_SLOP_PX: f32 = 12.0;
/// Two taps within this are a double one, in seconds.
const DOUBLE_SECS: f32 = 0.35;
/// And no farther apart than this, in logical pixels.
const DOUBLE_PX: f32 = 18.0;
/// More fingers than this do what this many do.
const MAX_FINGERS: usize = 3;

/// Gestures are told: what uses them comes after.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GesturesRead;

/// What holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grip {
    /// The first button of a mouse, or one finger.
    One,
    /// Another button of a mouse.
    OtherButton,
    /// Several fingers.
    Fingers(usize),
}

/// Something is held, and may be moved: once in every frame, from the one after the press on.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct Drag {
    /// What holds it.
    pub grip: Grip,
    /// Shift was held when it began.
    pub shift: bool,
    /// Where it began, in logical pixels.
    pub from: Vec2,
    /// Where it is: the middle of several fingers.
    pub at: Vec2,
    /// How far it went in this frame.
    pub delta: Vec2,
    /// It went too far to become a tap.
    pub moved: bool,
}

/// A wheel, a pad or fingers zoom.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct Zoom {
    /// Factor of the distance; below 1 comes nearer.
    pub factor: f32,
    /// How many fingers do it; none for wheel and pad.
    pub fingers: usize,
}

/// A click, or a tap of a finger.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// Where, in logical pixels.
    pub at: Vec2,
    /// It is the second at the same place.
    pub double: bool,
}

/// What is pointed at, and with what.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Pointing {
    /// Where the mouse is, while it neither drags nor is over something of the panels that can be pressed.
    pub hover: Option<Vec2>,
    /// Several fingers touch, or did since the first of them came: none of them presses anything.
    pub several: bool,
}

/// What presses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Finger(u64),
    Button(MouseButton),
}

/// Something that is pressed.
#[derive(Debug, Clone, Copy)]
struct Press {
    source: Source,
    shift: bool,
    from: Vec2,
    last: Vec2,
    moved: bool,
    /// It began on something that can be pressed.
    on_panel: bool,
    /// It may become a tap: not a button that came in from outside of the window, or what is left of a pinch.
    taps: bool,
}

impl Press {
    fn slop_px(&self) -> f32 {
        match self.source {
            Source::Finger(_) => FINGER_SLOP_PX,
            Source::Button(_) => SLOP_PX,
        }
    }

    fn move_to(&mut self, at: Vec2) -> Drag {
        self.moved |= self.from.distance(at) > self.slop_px();
        let delta = at - std::mem::replace(&mut self.last, at);
        Drag {
            grip: match self.source {
                Source::Finger(_) | Source::Button(MouseButton::Left) => Grip::One,
                Source::Button(_) => Grip::OtherButton,
            },
            shift: self.shift,
            from: self.from,
            at,
            delta,
            moved: self.moved,
        }
    }
}

/// Several fingers in a frame.
#[derive(Debug, Clone, Copy)]
struct Spread {
    count: usize,
    from: Vec2,
    middle: Vec2,
    /// Their distance from the middle.
    reach: f32,
}

impl Spread {
    fn new(fingers: &[Finger]) -> Self {
        let fingers = fingers.get(..MAX_FINGERS).unwrap_or(fingers);
        let count = fingers.len();
        let middle = fingers.iter().map(|finger| finger.at).sum::<Vec2>() / count.max(1) as f32;
        let reach: f32 = fingers.iter().map(|finger| finger.at.distance(middle)).sum();
        Self {
            count,
            from: middle,
            middle,
            reach: reach.max(1.0),
        }
    }
}

/// What is held now.
#[derive(Resource, Debug, Default)]
struct Hand {
    press: Option<Press>,
    spread: Option<Spread>,
    last_tap: Option<(f32, Vec2)>,
}

/// Where gestures are told.
#[derive(bevy::ecs::system::SystemParam)]
struct Told<'w> {
    drags: MessageWriter<'w, Drag>,
    zooms: MessageWriter<'w, Zoom>,
    taps: MessageWriter<'w, Tap>,
}

impl Hand {
    /// Two fingers or more: they move and zoom, and don't press.
    fn spread(&mut self, fingers: &[Finger], told: &mut Told) {
        self.press = None;
        let mut spread = Spread::new(fingers);
        if let Some(before) = self.spread.filter(|before| before.count == spread.count) {
            spread.from = before.from;
            told.zooms.write(Zoom {
                factor: before.reach / spread.reach,
                fingers: spread.count,
            });
            told.drags.write(Drag {
                grip: Grip::Fingers(spread.count),
                shift: false,
                from: spread.from,
                at: spread.middle,
                delta: spread.middle - before.middle,
                moved: true,
            });
        }
        self.spread = Some(spread);
    }

    /// What is pressed goes on, or is let go.
    fn go_on(&mut self, devices: &Devices, now_secs: f32, told: &mut Told) {
        let Some(mut press) = self.press.take() else {
            return;
        };
        let (at, let_go) = match press.source {
            Source::Finger(id) => match devices.finger(id) {
                Some(finger) => (Some(finger.at), false),
                None => (devices.lifted(id), true),
            },
            Source::Button(button) => (devices.cursor(), devices.let_go(button)),
        };
        // Out of the window, or taken away: neither a drag any more nor a tap.
        let Some(at) = at else { return };
        if !press.on_panel {
            let drag = press.move_to(at);
            if !let_go {
                told.drags.write(drag);
            } else {
                self.finish(&press, at, now_secs, told);
            }
        }
        if !let_go {
            self.press = Some(press);
        }
    }

    /// What was pressed is let go: a tap, where it stayed at its place.
    fn finish(&mut self, press: &Press, at: Vec2, now_secs: f32, told: &mut Told) {
        let is_main = press.source != Source::Button(MouseButton::Right)
            && press.source != Source::Button(MouseButton::Middle);
        if press.moved || press.on_panel || !press.taps || !is_main {
            return;
        }
        let double = self
            .last_tap
            .is_some_and(|(secs, place)| now_secs - secs < DOUBLE_SECS && place.distance(at) < DOUBLE_PX);
        self.last_tap = Some((now_secs, at));
        told.taps.write(Tap { at, double });
    }

    /// Something is pressed; in a slow frame it may have been let go again already, and more than once.
    fn begin(
        &mut self,
        devices: &Devices,
        after_spread: bool,
        is_panel: impl Fn(Vec2) -> bool,
        now_secs: f32,
        told: &mut Told,
    ) {
        let press = |source, from, fresh: bool| Press {
            source,
            shift: devices.shift(),
            from,
            last: from,
            moved: false,
            on_panel: is_panel(from),
            taps: fresh && !after_spread,
        };
        if let Some(finger) = devices.fingers().first() {
            let from = if finger.fresh { finger.from } else { finger.at };
            self.press = Some(press(Source::Finger(finger.id), from, true));
            return;
        }
        if let Some(finger) = devices.touched().filter(|_| !after_spread) {
            let mut press = press(Source::Finger(finger.id), finger.from, true);
            press.move_to(finger.at);
            self.finish(&press, finger.at, now_secs, told);
            return;
        }
        let Some(at) = devices.cursor() else { return };
        for button in [MouseButton::Left, MouseButton::Right, MouseButton::Middle] {
            let fresh = devices.just_pressed(button);
            if !fresh && !devices.pressed(button) {
                continue;
            }
            let press = press(Source::Button(button), at, fresh);
            for _ in 0..devices.clicked(button) {
                self.finish(&press, at, now_secs, told);
            }
            if devices.pressed(button) {
                self.press = Some(press);
            }
            return;
        }
    }
}

/// Whether something of egui's that can be pressed is at a point, as it was drawn last.
fn can_press(ctx: &Context, at: Vec2) -> bool {
    let at = pos2(at.x, at.y);
    ctx.viewport(|viewport| {
        let mut layers = viewport.prev_pass.widgets.layers();
        layers.any(|(_, widgets)| {
            let mut widgets = widgets.iter();
            widgets.any(|widget| {
                widget.enabled && widget.sense.interactive() && widget.interact_rect.contains(at)
            })
        })
    })
}

/// Reads every device that points, before anybody uses what it says.
fn read(
    time: Res<Time>,
    mut devices: Devices,
    mut contexts: Query<&mut EguiContext, With<PrimaryEguiContext>>,
    egui_wants: Option<Res<EguiWantsInput>>,
    mut hand: ResMut<Hand>,
    mut pointing: ResMut<Pointing>,
    mut told: Told,
) {
    devices.look();
    let now_secs = time.elapsed_secs();
    let ctx = contexts.single_mut().ok();
    let ctx = ctx.map(|context| context.into_inner().get_mut().clone());
    let egui_has_it = egui_wants.is_some_and(|wants| wants.wants_any_pointer_input());
    let is_panel = |at: Vec2| egui_has_it || ctx.as_ref().is_some_and(|ctx| can_press(ctx, at));

    let zoom = devices.zoom();
    if zoom != 1.0 && !egui_has_it {
        told.zooms.write(Zoom {
            factor: zoom,
            fingers: 0,
        });
    }
    let fingers = devices.fingers().len();
    if fingers >= 2 {
        hand.spread(devices.fingers(), &mut told);
    } else {
        let after_spread = hand.spread.take().is_some() || pointing.several;
        hand.go_on(&devices, now_secs, &mut told);
        if hand.press.is_none() {
            hand.begin(&devices, after_spread, is_panel, now_secs, &mut told);
        }
    }
    let drags = hand.press.is_some_and(|press| press.moved || press.on_panel);
    let hover = devices
        .cursor()
        .filter(|at| fingers == 0 && !drags && !is_panel(*at));
    let several = fingers >= 2 || (pointing.several && devices.touches_at_all());
    pointing.set_if_neq(Pointing { hover, several });
}

/// Gestures.
pub fn plugin(app: &mut App) {
    app.init_resource::<Hand>()
        .init_resource::<Pointing>()
        .add_message::<Drag>()
        .add_message::<Zoom>()
        .add_message::<Tap>()
        .add_systems(Update, read.in_set(DisplaySystems::Input).in_set(GesturesRead));
}
