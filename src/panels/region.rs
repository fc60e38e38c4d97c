//! The pinned region, and the one under the pointer.

use std::ops::RangeInclusive;

use bevy_egui::egui::{Align, Pos2, Rect, pos2, vec2};

use super::board;
use super::controls::{Control, Controls};
use super::format;
use super::pen::{Face, Pen};
use super::scene::Scene;
use crate::command::Command;
use crate::showroom::panel::Room;
use crate::showroom::sales;
use crate::text::Lang;
use crate::theme::{colour, size};
use meridian_core::sales::RegionId;
use meridian_product::Product;
use meridian_wire::Counts;

/// Place of a region by value, from 1; `None` before it has any.
fn rank(scene: &Scene, id: u8) -> Option<usize> {
    // As the leaderboard has it, where it stands there.
    if let Some(at) = scene.state.order.iter().position(|known| *known == id) {
        return Some(at + 1);
    }
    let own = scene.ledger.regions.get(usize::from(id))?.gmv_minor;
    if own <= 0 {
        return None;
    }
    let before = scene
        .ledger
        .regions
        .iter()
        .enumerate()
        .filter(|(other, counts)| {
            counts.gmv_minor > own || (counts.gmv_minor == own && *other < usize::from(id))
        })
        .count();
    Some(before + 1)
}

/// Draws the pinned region's panel as far as it has slid in. The product of the shelf that sells most there is a way into
/// the showroom.
pub fn draw(scene: &Scene, room: &Room, controls: &mut Controls) {
    let Some(RegionId(id)) = scene.state.region else {
        return;
    };
    let slide = scene.state.slide;
    let u = scene.pen.u;
    let pen = scene.pen.faded(slide);
    let rect = scene.frame.region.translate(vec2((1.0 - slide) * 60.0 * u, 0.0));
    let counts = scene
        .ledger
        .regions
        .get(usize::from(id))
        .copied()
        .unwrap_or_default();
    // In a portrait the panel is broad and low: the curve and the categories stand beside each other.
    let broad = rect.width() > rect.height();
    let left_right = if broad {
        rect.left() + rect.width() * 0.5 - 22.0 * u
    } else {
        rect.right()
    };
    let column = rect.left()..=left_right;
    let y = draw_head(scene, &pen, id, rect.top(), &column, &counts);
    let mut y = draw_rows(scene, &pen, id, y, &column, &counts);
    if let Some(product) = sales::best_in(scene.ledger, room.shelf(), id) {
        controls.set_live(room.share() == 0.0 && slide > 0.9);
        draw_best(scene, &pen, product, y, &column, controls);
        y += size::ROW * u;
    }
    let beside = left_right + 44.0 * u;
    let plot = if broad {
        Rect::from_min_max(
            pos2(beside, rect.top() + rect.height() * 0.68),
            pos2(rect.right(), rect.bottom() - 20.0 * u),
        )
    } else {
        let bottom = (y + 150.0 * u).min(rect.top() + rect.height() * 0.6);
        Rect::from_min_max(pos2(rect.left(), y), pos2(left_right, bottom))
    };
    own_curve(scene, &pen, plot, id, &counts);
    let list = if broad {
        Rect::from_min_max(
            pos2(beside, rect.top()),
            pos2(rect.right(), rect.top() + rect.height() * 0.6),
        )
    } else {
        Rect::from_min_max(pos2(rect.left(), plot.bottom() + 36.0 * u), rect.max)
    };
    if list.height() > 60.0 * u {
        draw_categories(scene, &pen, id, list);
    }
}

/// The region's names and its value; the y below.
fn draw_head(
    scene: &Scene,
    pen: &Pen,
    id: u8,
    top: f32,
    column: &RangeInclusive<f32>,
    counts: &Counts,
) -> f32 {
    let u = pen.u;
    let (left, right) = (*column.start(), *column.end());
    let width = right - left;
    let (name, other) = match scene.world.and_then(|world| world.region(RegionId(id))) {
        Some(region) => match scene.lang() {
            Lang::En => (region.name_en.clone(), region.name_zh.clone()),
            Lang::Zh => (region.name_zh.clone(), region.name_en.clone()),
        },
        None => (format!("#{id}"), String::new()),
    };
    let mut y = top + size::TITLE * u * 0.75;
    let name = pen.fit(&name, size::TITLE, Face::Bold, width);
    pen.text(
        pos2(left, y),
        Align::Min,
        &name,
        size::TITLE,
        Face::Bold,
        colour::INK,
    );
    y += 24.0 * u;
    let other = pen.fit(&other, size::BODY, Face::Text, width);
    pen.text(
        pos2(left, y),
        Align::Min,
        &other,
        size::BODY,
        Face::Text,
        colour::INK_SOFT,
    );
    y += 12.0 * u;
    pen.hairline(left, right, y);
    y += 20.0 * u + size::FIGURE * u * 0.7;
    let sign = scene.sign();
    let full = format!(
        "{sign}{}",
        format::grouped(format::units(counts.gmv_minor, scene.per_unit()))
    );
    let mut figure_size = size::FIGURE;
    let full_width = pen.width(&full, figure_size, Face::Figures);
    if full_width > width {
        figure_size *= width / full_width;
    }
    pen.text(
        pos2(left, y),
        Align::Min,
        &full,
        figure_size,
        Face::Figures,
        colour::GOLD,
    );
    y + 30.0 * u
}

/// Orders, payments, share and rank; the y below.
fn draw_rows(
    scene: &Scene,
    pen: &Pen,
    id: u8,
    top: f32,
    column: &RangeInclusive<f32>,
    counts: &Counts,
) -> f32 {
    let mut y = top;
    let all = scene.world.map_or(0, |world| world.regions().len());
    let rows = [
        ("region-orders", format::grouped(i128::from(counts.orders))),
        ("region-payments", format::grouped(i128::from(counts.payments))),
        (
            "region-share",
            format::percent(counts.gmv_minor, scene.ledger.totals.counts.gmv_minor),
        ),
        (
            "region-rank",
            rank(scene, id).map_or_else(|| "–".to_owned(), |rank| format!("{rank} / {all}")),
        ),
    ];
    for (key, value) in rows {
        pen.row(column, y, &scene.t(key), &value, colour::INK);
        y += size::ROW * pen.u;
    }
    y
}

/// The product of the shelf that sells most in the region: pressed, it is gone to.
fn draw_best(
    scene: &Scene,
    pen: &Pen,
    product: &Product,
    y: f32,
    column: &RangeInclusive<f32>,
    controls: &mut Controls,
) {
    let u = pen.u;
    let (left, right) = (*column.start(), *column.end());
    let label = scene.t("region-best");
    pen.text(
        pos2(left, y),
        Align::Min,
        &label,
        size::BODY,
        Face::Text,
        colour::INK_SOFT,
    );
    let taken = pen.width(&label, size::BODY, Face::Text) + 34.0 * u;
    let full = scene.lang().pick(&product.manifest.name);
    let name = pen.fit(full, size::BODY, Face::Medium, right - left - taken);
    let tip = pos2(right, y - size::BODY * u * 0.34);
    let at = pos2(right - 14.0 * u, y);
    pen.text(at, Align::Max, &name, size::BODY, Face::Medium, colour::GOLD);
    pen.chevron(tip, colour::GOLD);
    let touch = Rect::from_min_max(pos2(left, tip.y - 20.0 * u), pos2(right, tip.y + 20.0 * u));
    controls.button(
        pen,
        Control::RegionBest,
        touch,
        None,
        || scene.pair(&label, full),
        || Command::Enter(Some(product.id.clone())),
    );
}

/// What of the region's value each category has.
fn draw_categories(scene: &Scene, pen: &Pen, id: u8, list: Rect) {
    let categories = scene
        .ledger
        .hello
        .as_ref()
        .map_or(0, |hello| hello.categories.len());
    let from = usize::from(id) * categories;
    let empty = vec![Counts::default(); categories];
    let cells = scene
        .ledger
        .cells
        .get(from..(from + categories).min(scene.ledger.cells.len()))
        .filter(|cells| !cells.is_empty())
        .unwrap_or(&empty);
    board::categories(scene, pen, list, cells);
}

/// The region's value so far today.
fn own_curve(scene: &Scene, pen: &Pen, plot: Rect, id: u8, counts: &Counts) {
    let u = pen.u;
    let (Some(hello), Some(into_ms)) = (scene.ledger.hello.as_ref(), scene.ledger.into_day_ms()) else {
        return;
    };
    if plot.height() < 24.0 * u || into_ms < 0 {
        return;
    }
    pen.hairline(plot.left(), plot.right(), plot.bottom());
    let history = &scene.ledger.history;
    let day_ms = (hello.day.end_ms - hello.day.start_ms).max(1) as f32;
    let most = counts.gmv_minor.max(1) as f32;
    let place = |at_ms: i64, gmv_minor: i64| -> Pos2 {
        pos2(
            plot.left() + plot.width() * (at_ms as f32 / day_ms).clamp(0.0, 1.0),
            plot.bottom() - (plot.height() - 6.0 * u) * (gmv_minor as f32 / most).clamp(0.0, 1.0),
        )
    };
    let mut points: Vec<Pos2> = history
        .regions
        .iter()
        .find(|region| region.region == id)
        .map(|region| {
            region
                .gmv_minor
                .iter()
                .enumerate()
                .map(|(at, gmv)| (at as i64 * history.region_step_ms, *gmv))
                .filter(|(at_ms, _)| *at_ms < into_ms)
                .map(|(at_ms, gmv)| place(at_ms, gmv))
                .collect()
        })
        .unwrap_or_default();
    if points.is_empty() {
        points.push(place(0, 0));
    }
    let now = place(into_ms, counts.gmv_minor);
    points.push(now);
    pen.area(&points, plot.bottom(), colour::GOLD, 0.28);
    pen.curve(points, 2.0, colour::GOLD);
    pen.painter.circle_filled(now, 3.4 * u, pen.tint(colour::GOLD));
    for (at, align) in [(plot.left(), Align::Min), (plot.right(), Align::Max)] {
        let hour = if align == Align::Min {
            0
        } else {
            (hello.day.end_ms - hello.day.start_ms) / 3_600_000
        };
        pen.text(
            pos2(at, plot.bottom() + 17.0 * u),
            align,
            &format!("{hour:02}:00"),
            size::SMALL,
            Face::Figures,
            colour::INK_SOFT,
        );
    }
}

/// Draws the figures of the region under the pointer, beside it.
pub fn draw_hovered(scene: &Scene, pointer: Option<Pos2>) {
    let (Some(RegionId(id)), Some(pointer)) = (scene.view.hovered, pointer) else {
        return;
    };
    if scene.view.help_open || scene.view.search.is_some() {
        return;
    }
    let pen = &scene.pen;
    let u = pen.u;
    let counts = scene
        .ledger
        .regions
        .get(usize::from(id))
        .copied()
        .unwrap_or_default();
    let name = scene.region_name(id);
    let figures = format!(
        "{}   {}   {} {}",
        scene.money(counts.gmv_minor),
        format::percent(counts.gmv_minor, scene.ledger.totals.counts.gmv_minor),
        format::grouped(i128::from(counts.orders)),
        scene.t("orders-unit"),
    );
    let width = pen
        .width(&name, size::BODY, Face::Bold)
        .max(pen.width(&figures, size::BODY, Face::Figures));
    let mut at = pointer + vec2(20.0 * u, -18.0 * u);
    if at.x + width > scene.frame.whole.right() - size::MARGIN * u {
        at.x = pointer.x - 20.0 * u - width;
    }
    at.y = at.y.max(scene.frame.under + 60.0 * u);
    pen.shade(
        Rect::from_center_size(at + vec2(width * 0.5, 5.0 * u), vec2(width * 1.7, 110.0 * u)),
        0.88,
    );
    pen.text(at, Align::Min, &name, size::BODY, Face::Bold, colour::INK);
    pen.text(
        at + vec2(0.0, size::LINE * u),
        Align::Min,
        &figures,
        size::BODY,
        Face::Figures,
        colour::GOLD,
    );
}
