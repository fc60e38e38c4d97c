//! Names of the busiest regions, of the pinned one and of the one under the pointer.

use std::collections::HashMap;

use bevy::prelude::*;
use bevy_egui::egui::{
    Align2, Color32, Context, FontFamily, FontId, LayerId, Painter, Pos2, Rect, pos2, vec2,
};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};

use super::camera::Sight;
use super::geo::world_from_lat_lon;
use crate::layout::Layout;
use crate::ledger::{Ledger, Regions};
use crate::text::Lang;
use crate::theme::{colour, family};
use crate::view::{Screen, View};
use meridian_core::sales::RegionId;

/// The most names, besides the pinned and the hovered one.
const NAMES: usize = 16;
/// How fast a name comes and goes (as a rate per second).
const FADE_PER_SEC: f32 = 6.0;
/// Where a name may stand about its point: which of its corners is there, and which way it is moved.
const SIDES: [(Align2, f32, f32); 4] = [
    (Align2::LEFT_BOTTOM, 0.55, -0.35),
    (Align2::LEFT_TOP, 0.55, 0.35),
    (Align2::RIGHT_BOTTOM, -0.55, -0.35),
    (Align2::RIGHT_TOP, -0.55, 0.35),
];

/// A name that is on screen, or is coming or going.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    alpha: f32,
    side: usize,
}

/// A font of one of our families; egui's own until the panels have put theirs in (an unknown family panics).
fn font(context: &Context, name: &'static str, size: f32) -> FontId {
    let family = FontFamily::Name(name.into());
    let known = context.fonts(|fonts| fonts.families().contains(&family));
    FontId::new(size, if known { family } else { FontFamily::Proportional })
}

/// How far the halo reaches on each side.
const HALO_PX: f32 = 1.2;

/// Text with a dark halo.
fn haloed_text(painter: &Painter, at: Pos2, text: &str, font: FontId, ink: Color32, alpha: f32) -> Rect {
    let galley = painter.layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
    // Four copies are enough for a halo: each is as dear to draw as the text itself.
    let room = colour::ROOM.gamma_multiply(0.72 * alpha);
    for corner in [vec2(-1.0, -1.0), vec2(1.0, -1.0), vec2(1.0, 1.0), vec2(-1.0, 1.0)] {
        painter.galley(at + corner * HALO_PX, galley.clone(), room);
    }
    let rect = Rect::from_min_size(at, galley.size());
    painter.galley(at, galley, ink.gamma_multiply(alpha));
    rect
}

/// Which names are wanted, most important first, with their rank.
fn wanted(ledger: &Ledger, view: &View, names: usize) -> Vec<(RegionId, usize)> {
    let mut out: Vec<(RegionId, usize)> = Vec::new();
    out.extend(view.selected.map(|region| (region, 0)));
    for (rank, (id, _)) in ledger.ranking(names).into_iter().enumerate() {
        let region = RegionId(id);
        // What is under the pointer is named beside it.
        if view.hovered != Some(region) && out.iter().all(|(id, _)| *id != region) {
            out.push((region, rank));
        }
    }
    out
}

fn paint_labels(
    time: Res<Time>,
    ledger: Res<Ledger>,
    view: Res<View>,
    layout: Res<Layout>,
    sight: Res<Sight>,
    world: Res<Regions>,
    screen: Res<State<Screen>>,
    mut contexts: EguiContexts,
    mut shown: Local<HashMap<u8, Shown>>,
) {
    let Ok(context) = contexts.ctx_mut() else {
        return;
    };
    let painter = context.layer_painter(LayerId::background());
    let scale = (layout.globe_radius / 300.0).clamp(0.85, 3.2);
    let names = if layout.globe_radius < 260.0 {
        NAMES - 5
    } else {
        NAMES
    };
    let candidates = if view.layers.labels && *screen == Screen::Globe {
        wanted(&ledger, &view, names)
    } else {
        wanted(&Ledger::default(), &view, 0)
    };
    let fade = (FADE_PER_SEC * time.delta_secs()).clamp(0.0, 1.0);
    // Where the panels are, no name is.
    let mut taken: Vec<Rect> = layout
        .panels
        .iter()
        .filter(|area| !area.is_empty())
        .map(|area| Rect::from_min_max(pos2(area.min.x, area.min.y), pos2(area.max.x, area.max.y)))
        .collect();
    let mut standing: Vec<u8> = Vec::new();
    for (id, rank) in candidates {
        let Some(region) = world.0.region(id) else {
            continue;
        };
        let marked = view.selected == Some(id);
        let point = world_from_lat_lon(region.label_lat as f32, region.label_lon as f32);
        let (pixel, facing) = sight.project(point);
        let clear = ((facing - 0.26) / 0.08).clamp(0.0, 1.0);
        if clear <= 0.0 {
            continue;
        }
        let size = scale
            * match rank {
                _ if marked => 15.0,
                0 => 15.0,
                1..=3 => 13.0,
                _ => 11.5,
            };
        let name = match view.lang {
            Lang::En => region.name_en.as_str(),
            Lang::Zh => region.name_zh.as_str(),
        };
        let face = if marked || rank == 0 {
            family::BOLD
        } else {
            family::MEDIUM
        };
        let font = font(context, face, size);
        let extent = painter
            .layout_no_wrap(name.to_owned(), font.clone(), Color32::WHITE)
            .size();
        let state = shown.get(&id.0).copied();
        let preferred = state.map_or(0, |state| state.side);
        let free = (0..SIDES.len())
            .map(|turn| (preferred + turn) % SIDES.len())
            .find_map(|side| {
                let (anchor, right, down) = SIDES.get(side).copied()?;
                let at = pos2(pixel.x + right * size, pixel.y + down * size);
                let rect = anchor.anchor_size(at, extent);
                let padded = rect.expand2(vec2(size * 0.5, size * 0.2));
                taken
                    .iter()
                    .all(|other| !other.intersects(padded))
                    .then_some((side, rect))
            });
        let Some((side, rect)) = free else { continue };
        taken.push(rect);
        standing.push(id.0);
        let state = shown.entry(id.0).or_default();
        // A name that changes sides fades in anew instead of jumping.
        if state.side != side {
            state.alpha = 0.0;
            state.side = side;
        }
        state.alpha += (1.0 - state.alpha) * fade;
        let ink = if marked {
            colour::INK
        } else {
            colour::INK.lerp_to_gamma(colour::INK_SOFT, (rank as f32 / 6.0).min(0.8))
        };
        haloed_text(&painter, rect.min, name, font, ink, state.alpha * clear);
    }
    shown.retain(|id, _| standing.contains(id));
}

/// The names.
pub fn plugin(app: &mut App) {
    app.add_systems(
        EguiPrimaryContextPass,
        paint_labels.run_if(resource_exists::<Regions>),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_wire::Counts;

    #[test]
    fn pinned_comes_first_and_only_once() {
        let ledger = Ledger {
            regions: (0..5_i64)
                .map(|value| Counts {
                    gmv_minor: value,
                    ..default()
                })
                .collect(),
            ..default()
        };
        let view = View {
            selected: Some(RegionId(2)),
            ..default()
        };
        let ids: Vec<u8> = wanted(&ledger, &view, 3).iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [2, 4, 3]);
    }
}
