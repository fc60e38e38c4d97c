//! Which region is under the pointer, and what a click on it does. (The words beside it are a panel's.)

use bevy::input::touch::Touches;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::input::EguiWantsInput;

use super::camera::{Rig, Sight};
use super::earth::RegionMap;
use super::geo::lat_lon_from_world;
use crate::DisplaySystems;
use crate::command::Command;
use crate::ledger::Regions;
use crate::pointer::{DOUBLE_SECS, SLOP_PX};
use crate::showroom::hands::Zones;
use crate::view::{Screen, View};
use meridian_core::sales::RegionId;

/// A small island is hit when the pointer is this near, in logical pixels.
const SNAP_PX: f32 = 7.0;

/// What the pointer did before.
#[derive(Resource, Debug, Default)]
struct Clicks {
    pressed_at: Option<Vec2>,
    last: Option<(f32, RegionId)>,
}

/// The region at a pixel, or the nearest within a few pixels.
fn region_at(map: &RegionMap, sight: &Sight, regions: usize, pixel: Vec2) -> Option<RegionId> {
    let look = |pixel: Vec2| -> Option<RegionId> {
        let (lat_deg, lon_deg) = lat_lon_from_world(sight.hit(pixel)?);
        let id = map.at(lat_deg, lon_deg).checked_sub(1)?;
        (usize::from(id) < regions).then_some(RegionId(id))
    };
    look(pixel).or_else(|| {
        [0.5_f32, 1.0].into_iter().find_map(|share| {
            (0..8_u8).find_map(|step| {
                let angle = f32::from(step) * std::f32::consts::FRAC_PI_4;
                look(pixel + Vec2::from_angle(angle) * SNAP_PX * share)
            })
        })
    })
}

fn pick_regions(
    time: Res<Time>,
    windows: Query<&Window, With<PrimaryWindow>>,
    buttons: Option<Res<ButtonInput<MouseButton>>>,
    touches: Option<Res<Touches>>,
    egui_wants: Option<Res<EguiWantsInput>>,
    map: Res<RegionMap>,
    world: Res<Regions>,
    sight: Res<Sight>,
    rig: Res<Rig>,
    zones: Res<Zones>,
    mut clicks: ResMut<Clicks>,
    screen: Res<State<Screen>>,
    mut view: ResMut<View>,
    mut commands_out: MessageWriter<Command>,
) {
    let regions = world.0.regions().len();
    let egui_has_it = egui_wants.is_some_and(|wants| wants.wants_any_pointer_input());
    // What lies over the planet takes the pointer.
    let covered = view.help_open || view.search.is_some() || *screen != Screen::Globe;
    let cursor = windows
        .single()
        .ok()
        .and_then(Window::cursor_position)
        .filter(|at| !egui_has_it && !rig.dragging() && !covered && zones.at(*at).is_none());
    let hovered = cursor.and_then(|pixel| region_at(&map, &sight, regions, pixel));
    if view.hovered != hovered {
        view.hovered = hovered;
    }

    let mut clicked_at = None;
    if let Some(buttons) = buttons {
        if buttons.just_pressed(MouseButton::Left) {
            clicks.pressed_at = cursor;
        }
        if buttons.just_released(MouseButton::Left)
            && let (Some(from), Some(to)) = (clicks.pressed_at.take(), cursor)
            && from.distance(to) <= SLOP_PX
        {
            clicked_at = Some(to);
        }
    }
    if let Some(touches) = touches
        && !egui_has_it
        && !covered
    {
        for touch in touches.iter_just_released() {
            if touch.start_position().distance(touch.position()) <= SLOP_PX * 2.0
                && zones.at(touch.position()).is_none()
            {
                clicked_at = Some(touch.position());
            }
        }
    }
    let Some(pixel) = clicked_at else { return };
    let now_secs = time.elapsed_secs();
    match region_at(&map, &sight, regions, pixel) {
        Some(region) => {
            let double = clicks
                .last
                .is_some_and(|(at_secs, last)| last == region && now_secs - at_secs < DOUBLE_SECS);
            clicks.last = Some((now_secs, region));
            commands_out.write(if double {
                Command::FlyTo(region)
            } else {
                Command::Select(Some(region))
            });
        }
        None if view.selected.is_some() && sight.hit(pixel).is_some() => {
            commands_out.write(Command::Select(None));
        }
        None => {}
    }
}

/// Hover and click.
pub fn plugin(app: &mut App) {
    app.init_resource::<Clicks>().add_systems(
        Update,
        pick_regions
            .run_if(resource_exists::<RegionMap>.and_then(resource_exists::<Regions>))
            .in_set(DisplaySystems::Input),
    );
}
