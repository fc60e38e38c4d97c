//! Keys become commands, and the stage's own commands are carried out.

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::input::EguiWantsInput;

use super::{PauseControl, window_mode};
use crate::DisplaySystems;
use crate::command::Command;
use crate::keys::command_of;
use crate::link::Inbox;
use crate::quality::Quality;
use crate::view::{Screen, View};
use meridian_wire::Level;

/// How fast held keys turn the planet, in radians per second.
const TURN_PER_SEC: f32 = 0.9;
/// How fast held keys zoom, as a rate per second.
const ZOOM_PER_SEC: f32 = 1.2;

/// Something on the panels was chosen with Tab.
fn focused(egui_wants: &Option<Res<EguiWantsInput>>) -> bool {
    let wants = egui_wants.as_ref();
    wants.is_some_and(|wants| wants.wants_keyboard_input())
}

fn read_keys(
    mut pressed: MessageReader<KeyboardInput>,
    held: Res<ButtonInput<KeyCode>>,
    egui_wants: Option<Res<EguiWantsInput>>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    mut ctrl: Local<bool>,
    mut commands_out: MessageWriter<Command>,
) {
    let typing = view.search.is_some();
    let focused = focused(&egui_wants);
    // They press it, or leave it.
    let is_its = |key: &Key| focused && matches!(key, Key::Space | Key::Enter | Key::Escape);
    for key in pressed.read() {
        // In a slow frame a key may have come and gone: what was held when counts, in order.
        if key.logical_key == Key::Control {
            *ctrl = key.state == ButtonState::Pressed;
        }
        if key.state != ButtonState::Pressed || key.repeat || is_its(&key.logical_key) {
            continue;
        }
        if let Some(command) = command_of(&key.logical_key, *ctrl, typing, *screen.get(), view.quality) {
            commands_out.write(command);
        }
    }
    *ctrl = held.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
}

fn hold_keys(
    time: Res<Time<Real>>,
    held: Res<ButtonInput<KeyCode>>,
    egui_wants: Option<Res<EguiWantsInput>>,
    view: Res<View>,
    mut commands_out: MessageWriter<Command>,
) {
    let ctrl = held.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    if ctrl || view.search.is_some() {
        return;
    }
    let either = |one, other| f32::from(u8::from(held.any_pressed([one, other])));
    // Arrows go from one to the next then.
    let focused = focused(&egui_wants);
    let arrow = |key, letter| either(if focused { letter } else { key }, letter);
    let east = arrow(KeyCode::ArrowRight, KeyCode::KeyD) - arrow(KeyCode::ArrowLeft, KeyCode::KeyA);
    let north = arrow(KeyCode::ArrowUp, KeyCode::KeyW) - arrow(KeyCode::ArrowDown, KeyCode::KeyS);
    let away = either(KeyCode::Minus, KeyCode::NumpadSubtract) - either(KeyCode::Equal, KeyCode::NumpadAdd);
    if east == 0.0 && north == 0.0 && away == 0.0 {
        return;
    }
    let delta_secs = time.delta_secs().min(0.1);
    commands_out.write(Command::Nudge {
        east: east * TURN_PER_SEC * delta_secs,
        north: north * TURN_PER_SEC * delta_secs,
        zoom: (away * ZOOM_PER_SEC * delta_secs).exp(),
    });
}

/// Carries out what concerns the window, the gateway and the process.
fn apply_stage_commands(
    mut asked: MessageReader<Command>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
    pause: Option<Res<PauseControl>>,
    mut inbox: ResMut<Inbox>,
    mut exit: MessageWriter<AppExit>,
) {
    for command in asked.read() {
        match command {
            Command::ToggleFullscreen => {
                if let Ok(mut window) = windows.single_mut() {
                    let windowed = window.mode == bevy::window::WindowMode::Windowed;
                    window.mode = window_mode(windowed);
                }
            }
            Command::TogglePause => match &pause {
                Some(pause) => (pause.0)(),
                None => inbox.tell(Level::Info, "pause_not_ours", "told-pause-not-ours", Vec::new()),
            },
            Command::SetQuality(quality) => {
                let key = match quality {
                    Quality::Software => "told-quality-software",
                    Quality::Low => "told-quality-low",
                    Quality::High => "told-quality-high",
                    Quality::Ultra => "told-quality-ultra",
                };
                inbox.tell(Level::Info, "quality_set", key, Vec::new());
            }
            Command::Quit => {
                exit.write(AppExit::Success);
            }
            _ => {}
        }
    }
}

/// Keys, and the stage's commands.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, (read_keys, hold_keys).in_set(DisplaySystems::Input))
        .add_systems(Update, apply_stage_commands.in_set(DisplaySystems::Apply));
}
