//! Which region is under the pointer, what a click on it does, and the few words beside it.

use bevy::input::touch::Touches;
use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::egui::{LayerId, Order, pos2, vec2};
use bevy_egui::input::EguiWantsInput;
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};

use super::camera::{CLICK_SLOP_PX, Rig, Sight};
use super::earth::RegionMap;
use super::geo::lat_lon_from_world;
use super::labels::{font, haloed_text};
use crate::display::DisplaySystems;
use crate::display::ledger::{Ledger, World as Regions};
use crate::display::text::Lang;
use crate::display::theme::{colour, family};
use crate::display::view::{Command, View};
use crate::sales::RegionId;

/// Two clicks within this are a double-click.
const DOUBLE_SECS: f32 = 0.35;
/// A small island is hit when the pointer is this near, in logical pixels.
const SNAP_PX: f32 = 7.0;

/// What the pointer did before.
#[derive(Resource, Debug, Default)]
struct Clicks {
    pressed_at: Option<Vec2>,
    last: Option<(f32, RegionId)>,
    /// The pointer, while it is over the planet and nothing else wants it.
    hover_at: Option<Vec2>,
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
    map: Option<Res<RegionMap>>,
    world: Option<Res<Regions>>,
    sight: Res<Sight>,
    rig: Res<Rig>,
    mut clicks: ResMut<Clicks>,
    mut view: ResMut<View>,
    mut commands_out: MessageWriter<Command>,
) {
    let (Some(map), Some(world)) = (map, world) else {
        return;
    };
    let regions = world.0.regions().len();
    let egui_has_it = egui_wants.is_some_and(|wants| wants.wants_any_pointer_input());
    let cursor = windows
        .single()
        .ok()
        .and_then(Window::cursor_position)
        .filter(|_| !egui_has_it && !rig.dragging());
    clicks.hover_at = cursor;
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
            && from.distance(to) <= CLICK_SLOP_PX
        {
            clicked_at = Some(to);
        }
    }
    if let Some(touches) = touches
        && !egui_has_it
    {
        for touch in touches.iter_just_released() {
            if touch.start_position().distance(touch.position()) <= CLICK_SLOP_PX * 2.0 {
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

/// A figure in as few digits as say it.
fn short_figure(value: f64, lang: Lang) -> String {
    let steps: &[(f64, &str)] = match lang {
        Lang::En => &[(1e9, " bn"), (1e6, " m"), (1e4, " k")],
        Lang::Zh => &[(1e8, " 亿"), (1e4, " 万")],
    };
    for (from, word) in steps {
        if value >= *from {
            let unit = if *word == " k" { 1e3 } else { *from };
            let scaled = value / unit;
            let digits = if scaled < 10.0 {
                2
            } else if scaled < 100.0 {
                1
            } else {
                0
            };
            return format!("{scaled:.digits$}{word}");
        }
    }
    format!("{value:.0}")
}

fn paint_tooltip(
    view: Res<View>,
    ledger: Res<Ledger>,
    clicks: Res<Clicks>,
    world: Option<Res<Regions>>,
    mut contexts: EguiContexts,
) {
    let (Some(at), Some(id), Some(world)) = (clicks.hover_at, view.hovered, world) else {
        return;
    };
    let (Some(region), Ok(context)) = (world.0.region(id), contexts.ctx_mut()) else {
        return;
    };
    let counts = ledger.regions.get(usize::from(id.0)).copied().unwrap_or_default();
    let name = match view.lang {
        Lang::En => &region.name_en,
        Lang::Zh => &region.name_zh,
    };
    let (symbol, per_unit) = ledger.hello.as_ref().map_or((String::new(), 100.0), |hello| {
        (
            hello.currency.symbol().to_owned(),
            hello.currency.minor_per_unit() as f64,
        )
    });
    let gmv = short_figure(counts.gmv_minor as f64 / per_unit, view.lang);
    let orders = short_figure(counts.orders as f64, view.lang);
    let total = ledger.totals.counts.gmv_minor;
    let share = if total > 0 {
        format!(" · {:.1} %", 100.0 * counts.gmv_minor as f64 / total as f64)
    } else {
        String::new()
    };
    let figures = match view.lang {
        Lang::En => format!("{symbol}{gmv}{share}  ·  {orders} orders"),
        Lang::Zh => format!("{symbol}{gmv}{share}  ·  {orders} 单"),
    };
    let painter = context.layer_painter(LayerId::new(Order::Tooltip, egui::Id::new("globe tooltip")));
    let bounds = painter.clip_rect();
    let name_font = font(context, family::BOLD, 15.0);
    let figures_font = font(context, family::MEDIUM, 13.0);
    let width = painter
        .layout_no_wrap(figures.clone(), figures_font.clone(), colour::INK)
        .size()
        .x;
    let x = (at.x + 18.0).min(bounds.max.x - width - 12.0);
    let y = (at.y + 18.0).min(bounds.max.y - 48.0);
    let line = haloed_text(&painter, pos2(x, y), name, name_font, colour::INK, 1.0);
    haloed_text(
        &painter,
        line.left_bottom() + vec2(0.0, 2.0),
        &figures,
        figures_font,
        colour::INK_SOFT,
        1.0,
    );
}

/// Hover, click, tooltip.
pub fn plugin(app: &mut App) {
    app.init_resource::<Clicks>()
        .add_systems(Update, pick_regions.in_set(DisplaySystems::Input))
        .add_systems(EguiPrimaryContextPass, paint_tooltip);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_in_both_languages() {
        assert_eq!(short_figure(120.7e9, Lang::En), "121 bn");
        assert_eq!(short_figure(120.7e9, Lang::Zh), "1207 亿");
        assert_eq!(short_figure(1_234_567.0, Lang::En), "1.23 m");
        assert_eq!(short_figure(15_300.0, Lang::Zh), "1.53 万");
        assert_eq!(short_figure(900.0, Lang::En), "900");
    }
}
