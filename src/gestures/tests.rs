use std::time::Duration;

use bevy::input::mouse::{MouseButtonInput, MouseScrollUnit, MouseWheel};
use bevy::input::touch::{TouchInput, TouchPhase};
use bevy::input::{ButtonState, InputPlugin};
use bevy::time::TimeUpdateStrategy;
use bevy::window::PrimaryWindow;
use bevy_egui::egui::{Id, LayerId, Order, RawInput, Rect, vec2};

use super::*;
use crate::command::Command;
use crate::panels::controls::{Control, Controls};
use crate::panels::pen::Pen;

/// What was told since it was looked at last.
#[derive(Resource, Default)]
struct Seen {
    drags: Vec<Drag>,
    zooms: Vec<Zoom>,
    taps: Vec<Tap>,
}

fn note(
    mut seen: ResMut<Seen>,
    mut drags: MessageReader<Drag>,
    mut zooms: MessageReader<Zoom>,
    mut taps: MessageReader<Tap>,
) {
    seen.drags.extend(drags.read());
    seen.zooms.extend(zooms.read());
    seen.taps.extend(taps.read());
}

/// A display without a screen, with hands.
struct Desk {
    app: App,
    window: Entity,
}

impl Desk {
    fn new() -> Self {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, InputPlugin, plugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(20)))
            .init_resource::<Seen>()
            .add_systems(Update, note.after(read));
        let mut window = Window::default();
        window.resolution.set(800.0, 600.0);
        let window = app.world_mut().spawn((window, PrimaryWindow)).id();
        app.update();
        Self { app, window }
    }

    fn cursor(&mut self, at: Option<Vec2>) -> &mut Self {
        if let Some(mut window) = self.app.world_mut().get_mut::<Window>(self.window) {
            window.set_cursor_position(at);
        }
        self
    }

    fn button(&mut self, button: MouseButton, state: ButtonState) -> &mut Self {
        let window = self.window;
        self.app.world_mut().write_message(MouseButtonInput {
            button,
            state,
            window,
        });
        self
    }

    fn press(&mut self) -> &mut Self {
        self.button(MouseButton::Left, ButtonState::Pressed)
    }

    fn let_go(&mut self) -> &mut Self {
        self.button(MouseButton::Left, ButtonState::Released)
    }

    fn touch(&mut self, id: u64, phase: TouchPhase, x: f32, y: f32) -> &mut Self {
        let window = self.window;
        self.app.world_mut().write_message(TouchInput {
            phase,
            position: Vec2::new(x, y),
            window,
            force: None,
            id,
        });
        self
    }

    /// A frame; what it told.
    fn frame(&mut self) -> Seen {
        self.app.update();
        std::mem::take(&mut *self.app.world_mut().resource_mut::<Seen>())
    }

    fn pointing(&self) -> Pointing {
        *self.app.world().resource::<Pointing>()
    }

    /// A click at a place, over two frames; the tap it made.
    fn click(&mut self, at: Vec2) -> Option<Tap> {
        self.cursor(Some(at)).press().frame();
        self.let_go().frame().taps.pop()
    }

    /// Puts a button on a panel.
    fn panel(&mut self, rect: Rect) {
        let ctx = Context::default();
        let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(800.0, 600.0));
        let input = RawInput {
            screen_rect: Some(screen),
            ..RawInput::default()
        };
        let _ = ctx.run_ui(input, |ui| {
            let layer = LayerId::new(Order::Background, Id::new("the panels"));
            let mut controls = Controls::new(ui.ctx(), layer, false, false);
            let pen = Pen {
                painter: ui.ctx().layer_painter(layer),
                u: 1.0,
                opacity: 1.0,
            };
            controls.set_live(true);
            controls.button(
                &pen,
                Control::Back,
                rect,
                None,
                || "It".to_owned(),
                || Command::Back,
            );
        });
        let mut context = EguiContext::default();
        *context.get_mut() = ctx;
        self.app.world_mut().spawn((context, PrimaryEguiContext));
    }
}

const HERE: Vec2 = Vec2::new(300.0, 200.0);

#[test]
fn a_drag_is_told_in_each_frame_until_it_is_let_go() {
    let mut desk = Desk::new();
    desk.cursor(Some(HERE)).press();
    assert!(desk.frame().drags.is_empty());
    let near = desk.cursor(Some(HERE + Vec2::X * 4.0)).frame().drags;
    assert_eq!(near.len(), 1);
    assert_eq!(near[0].delta, Vec2::X * 4.0);
    assert!(!near[0].moved && near[0].grip == Grip::One && near[0].from == HERE);
    let far = desk.cursor(Some(HERE + Vec2::X * 40.0)).frame().drags;
    assert!(far[0].moved && far[0].delta == Vec2::X * 36.0);
    // Back at its place it is no tap any more; held still it is told all the same.
    desk.cursor(Some(HERE)).frame();
    assert_eq!(desk.frame().drags[0].delta, Vec2::ZERO);
    let end = desk.let_go().frame();
    assert!(end.drags.is_empty() && end.taps.is_empty());
}

#[test]
fn other_buttons_drag_and_dont_tap() {
    let mut desk = Desk::new();
    desk.cursor(Some(HERE));
    desk.button(MouseButton::Right, ButtonState::Pressed).frame();
    assert_eq!(desk.frame().drags[0].grip, Grip::OtherButton);
    let end = desk.button(MouseButton::Right, ButtonState::Released).frame();
    assert!(end.taps.is_empty());
}

#[test]
fn two_clicks_at_a_place_are_a_double_one() {
    let mut desk = Desk::new();
    let single = |at| Some(Tap { at, double: false });
    assert_eq!(desk.click(HERE), single(HERE));
    assert_eq!(
        desk.click(HERE + Vec2::Y * 3.0),
        Some(Tap {
            at: HERE + Vec2::Y * 3.0,
            double: true
        })
    );
    // Elsewhere, or later, it is another one.
    assert_eq!(desk.click(HERE * 2.0), single(HERE * 2.0));
    for _ in 0..30 {
        desk.frame();
    }
    assert_eq!(desk.click(HERE * 2.0), single(HERE * 2.0));
}

#[test]
fn a_click_within_a_slow_frame_is_one() {
    let mut desk = Desk::new();
    let seen = desk.cursor(Some(HERE)).press().let_go().frame();
    assert_eq!(seen.taps.len(), 1);
    // And two are a double one.
    desk.cursor(Some(HERE * 2.0)).press().let_go().press().let_go();
    let doubles: Vec<bool> = desk.frame().taps.iter().map(|tap| tap.double).collect();
    assert_eq!(doubles, [false, true]);
    assert!(desk.frame().drags.is_empty());
    let seen = desk
        .touch(1, TouchPhase::Started, 50.0, 60.0)
        .touch(1, TouchPhase::Ended, 50.0, 60.0)
        .frame();
    assert_eq!(seen.taps.len(), 1);
    assert_eq!(seen.taps[0].at, Vec2::new(50.0, 60.0));
}

#[test]
fn a_button_that_is_let_go_outside_of_the_window_does_nothing() {
    let mut desk = Desk::new();
    desk.cursor(Some(HERE)).press().frame();
    assert!(desk.cursor(None).frame().drags.is_empty());
    assert!(desk.let_go().frame().taps.is_empty());
    // Let go inside after it came in from outside, it isn't a tap either.
    desk.press().frame();
    desk.cursor(Some(HERE)).frame();
    assert!(desk.let_go().frame().taps.is_empty());
}

#[test]
fn a_finger_taps_within_a_wider_slop() {
    let mut desk = Desk::new();
    desk.touch(7, TouchPhase::Started, 100.0, 100.0).frame();
    desk.touch(7, TouchPhase::Moved, 110.0, 100.0).frame();
    let seen = desk.touch(7, TouchPhase::Ended, 110.0, 100.0).frame();
    assert_eq!(seen.taps.len(), 1);
    desk.touch(8, TouchPhase::Started, 100.0, 100.0).frame();
    let drag = desk.touch(8, TouchPhase::Moved, 113.0, 100.0).frame().drags[0];
    assert!(drag.moved && drag.grip == Grip::One);
    assert!(
        desk.touch(8, TouchPhase::Canceled, 113.0, 100.0)
            .frame()
            .taps
            .is_empty()
    );
}

#[test]
fn two_fingers_pinch_three_move_and_none_taps() {
    let mut desk = Desk::new();
    desk.touch(1, TouchPhase::Started, 100.0, 100.0)
        .touch(2, TouchPhase::Started, 200.0, 100.0);
    assert!(desk.frame().zooms.is_empty());
    desk.touch(1, TouchPhase::Moved, 50.0, 120.0)
        .touch(2, TouchPhase::Moved, 250.0, 120.0);
    let seen = desk.frame();
    assert_eq!(
        seen.zooms,
        [Zoom {
            factor: 0.5,
            fingers: 2
        }]
    );
    assert_eq!(seen.drags[0].grip, Grip::Fingers(2));
    assert_eq!(seen.drags[0].delta, Vec2::Y * 20.0);
    assert!(desk.pointing().several);
    // A third finger begins anew.
    let seen = desk.touch(3, TouchPhase::Started, 150.0, 300.0).frame();
    assert!(seen.zooms.is_empty() && seen.drags.is_empty());
    assert_eq!(desk.frame().drags[0].grip, Grip::Fingers(3));
    // What is left of it drags on, and taps nothing.
    desk.touch(2, TouchPhase::Ended, 250.0, 120.0)
        .touch(3, TouchPhase::Ended, 150.0, 300.0)
        .frame();
    assert_eq!(desk.frame().drags[0].grip, Grip::One);
    let seen = desk.touch(1, TouchPhase::Ended, 50.0, 120.0).frame();
    assert!(seen.taps.is_empty() && desk.pointing().several);
    desk.frame();
    assert!(!desk.pointing().several);
}

#[test]
fn a_wheel_zooms() {
    let mut desk = Desk::new();
    let window = desk.window;
    desk.app.world_mut().write_message(MouseWheel {
        unit: MouseScrollUnit::Line,
        x: 0.0,
        y: 2.0,
        window,
        phase: TouchPhase::Moved,
    });
    let zooms = desk.frame().zooms;
    assert!((zooms[0].factor - (-0.28_f32).exp()).abs() < 1e-6 && zooms[0].fingers == 0);
    assert!(desk.frame().zooms.is_empty());
}

#[test]
fn a_press_that_begins_on_a_panel_stays_there() {
    let mut desk = Desk::new();
    desk.panel(Rect::from_min_size(pos2(280.0, 180.0), vec2(40.0, 40.0)));
    desk.cursor(Some(HERE)).frame();
    assert_eq!(desk.pointing().hover, None);
    assert_eq!(desk.click(HERE), None);
    desk.press().frame();
    let seen = desk.cursor(Some(HERE * 2.0)).frame();
    assert!(seen.drags.is_empty() && desk.pointing().hover.is_none());
    assert!(desk.let_go().frame().taps.is_empty());
    // Beside it, by a pixel, the planet is meant; so it is when the press only ends there.
    desk.cursor(Some(Vec2::new(321.0, 200.0))).frame();
    assert_eq!(desk.pointing().hover, Some(Vec2::new(321.0, 200.0)));
    desk.press().frame();
    assert!(desk.cursor(Some(HERE)).frame().drags[0].moved);
    desk.let_go().frame();
    // A finger needs no pointer before it.
    desk.touch(1, TouchPhase::Started, HERE.x, HERE.y).frame();
    assert!(
        desk.touch(1, TouchPhase::Ended, HERE.x, HERE.y)
            .frame()
            .taps
            .is_empty()
    );
}
