//! Mouse, wheel and fingers, read the same way for the globe and for the showroom.

use bevy::ecs::system::SystemParam;
use bevy::input::gestures::PinchGesture;
use bevy::input::mouse::{AccumulatedMouseScroll, MouseScrollUnit};
use bevy::input::touch::Touches;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;

/// A pointer that travels less than this between press and release was a click or a tap, in logical pixels.
pub const SLOP_PX: f32 = 6.0;
/// Two clicks or taps within this are a double one, in seconds.
pub const DOUBLE_SECS: f32 = 0.35;
/// How much a line of the wheel zooms (as a rate).
const ZOOM_PER_LINE: f32 = 0.14;
/// How much a pinch on a pad zooms (as a rate).
const ZOOM_PER_PINCH: f32 = 1.4;
/// A wheel that counts pixels has so many in a line.
const LINE_PX: f32 = 60.0;
/// Most lines of the wheel that count in a frame.
const MAX_LINES: f32 = 8.0;

/// What points: a mouse with its wheel, a pad, fingers. Any of them may be missing.
#[derive(SystemParam)]
pub struct Pointer<'w, 's> {
    windows: Query<'w, 's, &'static Window, With<PrimaryWindow>>,
    buttons: Option<Res<'w, ButtonInput<MouseButton>>>,
    scroll: Option<Res<'w, AccumulatedMouseScroll>>,
    touches: Option<Res<'w, Touches>>,
    pinches: Option<MessageReader<'w, 's, PinchGesture>>,
}

impl Pointer<'_, '_> {
    /// Where the mouse is, while it is in the window.
    pub fn cursor(&self) -> Option<Vec2> {
        self.windows.single().ok().and_then(Window::cursor_position)
    }

    /// Whether a button of the mouse is down.
    pub fn pressed(&self, button: MouseButton) -> bool {
        self.buttons
            .as_ref()
            .is_some_and(|buttons| buttons.pressed(button))
    }

    /// Where fingers are, in the order in which they came.
    pub fn fingers(&self) -> Vec<Vec2> {
        self.touches.as_ref().map_or_else(Vec::new, |touches| {
            let mut list: Vec<(u64, Vec2)> = touches
                .iter()
                .map(|touch| (touch.id(), touch.position()))
                .collect();
            list.sort_by_key(|(id, _)| *id);
            list.into_iter().map(|(_, position)| position).collect()
        })
    }

    /// Where a finger was lifted in this frame.
    pub fn lifted(&self) -> Option<Vec2> {
        self.touches
            .as_ref()
            .and_then(|touches| touches.iter_just_released().next().map(|touch| touch.position()))
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
