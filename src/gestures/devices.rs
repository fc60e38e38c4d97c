//! Mouse, wheel, pad and fingers as they are in this frame. Any of them may be missing.

use bevy::ecs::system::SystemParam;
use bevy::input::gestures::PinchGesture;
use bevy::input::mouse::{AccumulatedMouseScroll, MouseButtonInput, MouseScrollUnit};
use bevy::input::touch::Touches;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;

/// How much a line of the wheel zooms (as a rate).
const ZOOM_PER_LINE: f32 = 0.14;
/// How much a pinch on a pad zooms (as a rate).
const ZOOM_PER_PINCH: f32 = 1.4;
/// A wheel that counts pixels has so many in a line.
const LINE_PX: f32 = 60.0;
/// Most lines of the wheel that count in a frame.
const MAX_LINES: f32 = 8.0;

/// A finger that touches.
#[derive(Debug, Clone, Copy)]
pub struct Finger {
    pub id: u64,
    /// Where it came down, and where it is.
    pub from: Vec2,
    pub at: Vec2,
    /// It came in this frame.
    pub fresh: bool,
}

/// What points.
#[derive(SystemParam)]
pub struct Devices<'w, 's> {
    windows: Query<'w, 's, &'static Window, With<PrimaryWindow>>,
    buttons: Option<Res<'w, ButtonInput<MouseButton>>>,
    keys: Option<Res<'w, ButtonInput<KeyCode>>>,
    scroll: Option<Res<'w, AccumulatedMouseScroll>>,
    touches: Option<Res<'w, Touches>>,
    pinches: Option<MessageReader<'w, 's, PinchGesture>>,
    clicks: Option<MessageReader<'w, 's, MouseButtonInput>>,
    /// Fingers that are down, in the order in which they came.
    fingers: Local<'s, Vec<Finger>>,
    /// How often the first button went down in this frame.
    presses: Local<'s, usize>,
}

impl Devices<'_, '_> {
    /// Notes what happened. Before anything else in a frame.
    pub fn look(&mut self) {
        let presses = self.clicks.as_mut().map_or(0, |clicks| {
            let clicks = clicks.read();
            clicks
                .filter(|click| click.button == MouseButton::Left && click.state.is_pressed())
                .count()
        });
        *self.presses = presses;
        self.fingers.clear();
        let Some(touches) = &self.touches else { return };
        self.fingers.extend(touches.iter().map(|touch| Finger {
            id: touch.id(),
            from: touch.start_position(),
            at: touch.position(),
            fresh: touches.just_pressed(touch.id()),
        }));
        self.fingers.sort_unstable_by_key(|finger| finger.id);
    }

    /// Fingers that are down, in the order in which they came.
    pub fn fingers(&self) -> &[Finger] {
        &self.fingers
    }

    /// A finger that is down.
    pub fn finger(&self, id: u64) -> Option<&Finger> {
        self.fingers.iter().find(|finger| finger.id == id)
    }

    /// Where a finger was lifted in this frame.
    pub fn lifted(&self, id: u64) -> Option<Vec2> {
        let touches = self.touches.as_ref()?;
        touches.get_released(id).map(|touch| touch.position())
    }

    /// A finger that came and was lifted in this frame.
    pub fn touched(&self) -> Option<Finger> {
        let touches = self.touches.as_ref()?;
        let mut lifted = touches.iter_just_released();
        let touch = lifted.find(|touch| touches.just_pressed(touch.id()))?;
        Some(Finger {
            id: touch.id(),
            from: touch.start_position(),
            at: touch.position(),
            fresh: true,
        })
    }

    /// A finger is down, or was until this frame.
    pub fn touches_at_all(&self) -> bool {
        let lifted = self.touches.as_ref();
        !self.fingers.is_empty() || lifted.is_some_and(|touches| touches.any_just_released())
    }

    /// Where the mouse is, while it is in the window.
    pub fn cursor(&self) -> Option<Vec2> {
        self.windows.single().ok().and_then(Window::cursor_position)
    }

    /// Whether a button of the mouse is down.
    pub fn pressed(&self, button: MouseButton) -> bool {
        let buttons = self.buttons.as_ref();
        buttons.is_some_and(|buttons| buttons.pressed(button))
    }

    /// Whether a button went down in this frame.
    pub fn just_pressed(&self, button: MouseButton) -> bool {
        let buttons = self.buttons.as_ref();
        buttons.is_some_and(|buttons| buttons.just_pressed(button))
    }

    /// How often a button went down and up again in this frame; in a slow one it may be more than once.
    pub fn clicked(&self, button: MouseButton) -> usize {
        let presses = match button {
            MouseButton::Left => (*self.presses).max(usize::from(self.just_pressed(button))),
            _ => usize::from(self.just_pressed(button)),
        };
        presses.saturating_sub(usize::from(self.pressed(button)))
    }

    /// Whether a button that was down was let go; it may be down again.
    pub fn let_go(&self, button: MouseButton) -> bool {
        let buttons = self.buttons.as_ref();
        buttons.is_none_or(|buttons| buttons.just_released(button) || !buttons.pressed(button))
    }

    /// Whether Shift is held.
    pub fn shift(&self) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|keys| keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]))
    }

    /// The factor by which wheel and pad zoom in this frame; below 1 comes nearer.
    pub fn zoom(&mut self) -> f32 {
        let mut zoom = 1.0_f32;
        if let Some(scroll) = self.scroll.as_ref().filter(|scroll| scroll.delta.y != 0.0) {
            let lines = match scroll.unit {
                MouseScrollUnit::Line => scroll.delta.y,
                MouseScrollUnit::Pixel => scroll.delta.y / LINE_PX,
            };
            zoom *= (-ZOOM_PER_LINE * lines.clamp(-MAX_LINES, MAX_LINES)).exp();
        }
        if let Some(pinches) = self.pinches.as_mut() {
            for pinch in pinches.read() {
                zoom *= (-ZOOM_PER_PINCH * pinch.0).exp();
            }
        }
        zoom
    }
}
