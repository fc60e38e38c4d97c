//! Which region is under the pointer, and what a click on it does. (The words beside it are a panel's.)

use bevy::prelude::*;

use super::camera::{Rig, Sight};
use super::earth::RegionMap;
use super::geo::lat_lon_from_world;
use crate::DisplaySystems;
use crate::command::Command;
use crate::gestures::{GesturesRead, Pointing, Tap};
use crate::ledger::Regions;
use crate::view::{Screen, View};
use meridian_core::sales::RegionId;

/// A small island is hit when the pointer is this near, in logical pixels.
const SNAP_PX: f32 = 7.0;

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
    pointing: Res<Pointing>,
    mut taps: MessageReader<Tap>,
    map: Res<RegionMap>,
    world: Res<Regions>,
    sight: Res<Sight>,
    rig: Res<Rig>,
    screen: Res<State<Screen>>,
    mut last: Local<Option<RegionId>>,
    mut view: ResMut<View>,
    mut commands_out: MessageWriter<Command>,
) {
    let regions = world.0.regions().len();
    // What lies over the planet takes the pointer.
    let covered = view.help_open || view.search.is_some() || *screen != Screen::Globe;
    let hovered = pointing
        .hover
        .filter(|_| !rig.dragging() && !covered)
        .and_then(|pixel| region_at(&map, &sight, regions, pixel));
    if view.hovered != hovered {
        view.hovered = hovered;
    }
    for tap in taps.read().filter(|_| !covered) {
        match region_at(&map, &sight, regions, tap.at) {
            Some(region) => {
                let before = last.replace(region);
                commands_out.write(if tap.double && before == Some(region) {
                    Command::FlyTo(region)
                } else {
                    Command::Select(Some(region))
                });
            }
            None if view.selected.is_some() && sight.hit(tap.at).is_some() => {
                commands_out.write(Command::Select(None));
            }
            None => {}
        }
    }
}

/// Hover and click.
pub fn plugin(app: &mut App) {
    app.add_systems(
        Update,
        pick_regions
            .run_if(resource_exists::<RegionMap>.and_then(resource_exists::<Regions>))
            .after(GesturesRead)
            .in_set(DisplaySystems::Input),
    );
}
