//! The regions' leaderboard and the categories.

use bevy_egui::egui::{Align, Color32, Rect, Stroke, pos2, vec2};

use super::format;
use super::pen::{Face, Pen};
use super::scene::Scene;
use crate::theme::{colour, size};
use meridian_wire::Counts;

/// The most rows of the leaderboard.
pub const ROWS: usize = 10;
/// The smallest height of a row, in units.
const MIN_ROW: f32 = 29.0;
/// The largest height of a row, in units.
const MAX_ROW: f32 = 62.0;

/// Draws both, as far as the region's panel leaves them.
pub fn draw(scene: &Scene) {
    let left = 1.0 - scene.state.slide;
    if scene.ledger.totals.counts == Counts::default() && scene.ledger.into_day_ms().is_none_or(|ms| ms < 0) {
        if left > 0.01 {
            ahead(&scene.faded(left));
        }
        return;
    }
    let covers = |rect: Rect| scene.frame.region.shrink(1.0).intersects(rect);
    let board = if covers(scene.frame.board) { left } else { 1.0 };
    if board > 0.01 {
        leaderboard(scene, &scene.pen.faded(board), scene.frame.board);
    }
    let split = if covers(scene.frame.categories) { left } else { 1.0 };
    let counts = &scene.ledger.categories;
    if split > 0.01 {
        categories(scene, &scene.pen.faded(split), scene.frame.categories, counts);
    }
}

/// Before the day: what is to be beaten, and what will be celebrated.
fn ahead(scene: &Scene) {
    let Some(hello) = scene.ledger.hello.as_ref() else {
        return;
    };
    let pen = &scene.pen;
    let u = pen.u;
    if let Some((past, most)) = hello
        .comparisons
        .first()
        .and_then(|past| Some((past, past.whole_minor()?)))
    {
        let rect = scene.frame.board;
        let line = scene.heading(rect, &scene.t("ahead-record"));
        let baseline = line + 58.0 * u;
        let figure = pen.text(
            pos2(rect.left(), baseline),
            Align::Min,
            &scene.money(most),
            size::FIGURE,
            Face::Figures,
            colour::INK,
        );
        scene.label(
            pos2(figure.right() + 14.0 * u, baseline),
            Align::Min,
            scene.lang().pick(&past.label),
        );
    }
    if hello.milestones_minor.is_empty() {
        return;
    }
    let rect = scene.frame.categories;
    let line = scene.heading(rect, &scene.t("ahead-milestones"));
    let room = rect.bottom() - line - 4.0 * u;
    let rows = ((room / (MIN_ROW * u)) as usize).max(1);
    let row = (room / rows as f32).min(MIN_ROW * 1.3 * u);
    let shown = hello.milestones_minor.iter().take(rows);
    let mut column = scene.column(shown.copied());
    format::drop_needless_decimals(&mut column);
    let name = column
        .iter()
        .map(|short| pen.width(short.name, size::BODY, Face::Figures));
    let name = name.fold(0.0, f32::max);
    let figure = column
        .iter()
        .map(|short| pen.width(&short.figure, size::BODY, Face::Figures));
    let right = rect.left() + 34.0 * u + figure.fold(0.0, f32::max) + name;
    let value = ValueColumn::new(pen, right, &column);
    for (at, milestone) in column.iter().enumerate() {
        let baseline = line + 4.0 * u + (at as f32 + 0.5) * row + size::BODY * u * 0.28;
        let ring = pos2(rect.left() + 6.0 * u, baseline - size::BODY * u * 0.34);
        let stroke = Stroke::new(1.6 * u, pen.tint(colour::GOLD));
        pen.painter.circle_stroke(ring, 4.0 * u, stroke);
        value.draw(pen, baseline, milestone, colour::INK);
    }
}

fn leaderboard(scene: &Scene, pen: &Pen, rect: Rect) {
    let u = pen.u;
    let faded = scene.with_pen(pen);
    let line = faded.heading(rect, &scene.t("leaderboard"));
    let room = rect.bottom() - line - 4.0 * u;
    let rows = ((room / (MIN_ROW * u)) as usize).clamp(1, ROWS);
    let rows = if rows < 9 { rows.min(6) } else { rows };
    let row = (room / rows as f32).min(MAX_ROW * u);
    let total = scene.ledger.totals.counts.gmv_minor;
    let most = scene
        .state
        .places
        .keys()
        .filter_map(|id| scene.ledger.regions.get(usize::from(*id)))
        .map(|counts| counts.gmv_minor)
        .max()
        .unwrap_or(1)
        .max(1);
    let rank_width = 26.0 * u;
    let share_width = pen.width("100.0%", size::BODY, Face::Figures) + 4.0 * u;
    let mut ordered: Vec<(u8, f32, i64)> = scene
        .state
        .places
        .iter()
        .filter(|(_, place)| **place < rows as f32)
        .filter_map(|(id, place)| {
            let counts = scene.ledger.regions.get(usize::from(*id))?;
            Some((*id, *place, counts.gmv_minor))
        })
        .collect();
    ordered.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let unplaced = scene.ledger.totals.unplaced.gmv_minor;
    let values = ordered.iter().map(|(_, _, minor)| *minor).chain([unplaced]);
    let mut column = scene.column(values);
    let elsewhere_value = column.pop();
    let value = ValueColumn::new(pen, rect.right() - share_width, &column);
    for ((id, place, gmv_minor), short) in ordered.into_iter().zip(&column) {
        let strength = (rows as f32 - place).clamp(0.0, 1.0);
        let pen = pen.faded(strength);
        let top = line + 4.0 * u + place * row;
        let baseline = top + row * 0.5 + size::BODY * u * 0.28;
        pen.text(
            pos2(rect.left() + rank_width - 10.0 * u, baseline),
            Align::Max,
            &format!("{:.0}", place.round() + 1.0),
            size::BODY,
            Face::Figures,
            colour::INK_SOFT,
        );
        let name_room = value.left - rect.left() - rank_width - 6.0 * u;
        let pinned = scene.view.selected.is_some_and(|selected| selected.0 == id)
            || scene.view.hovered.is_some_and(|hovered| hovered.0 == id);
        let name = pen.fit(&scene.region_name(id), size::BODY, Face::Medium, name_room);
        pen.text(
            pos2(rect.left() + rank_width, baseline),
            Align::Min,
            &name,
            size::BODY,
            Face::Medium,
            if pinned { colour::GOLD } else { colour::INK },
        );
        value.draw(&pen, baseline, short, colour::INK);
        pen.text(
            pos2(rect.right(), baseline),
            Align::Max,
            &format::percent(gmv_minor, total),
            size::BODY,
            Face::Figures,
            colour::INK_SOFT,
        );
        let bar = Rect::from_min_size(
            pos2(rect.left() + rank_width, baseline + 6.5 * u),
            vec2(rect.width() - rank_width, 2.0 * u),
        );
        pen.strip(bar, gmv_minor as f32 / most as f32, colour::GOLD);
    }
    // Where every region has its row, what has none yet would be missed in the sum.
    let place = scene.state.places.len();
    if place == 0 || place >= rows || !is_worth_a_row(unplaced, total) {
        return;
    }
    let baseline = line + 4.0 * u + (place as f32 + 0.5) * row + size::BODY * u * 0.28;
    if let Some(short) = elsewhere_value {
        value.draw(pen, baseline, &short, colour::INK_SOFT);
    }
    let cells = [
        (
            rect.left() + rank_width,
            Align::Min,
            scene.t("elsewhere"),
            Face::Medium,
        ),
        (
            rect.right(),
            Align::Max,
            format::percent(unplaced, total),
            Face::Figures,
        ),
    ];
    for (x, align, text, face) in cells {
        pen.text(
            pos2(x, baseline),
            align,
            &text,
            size::BODY,
            face,
            colour::INK_SOFT,
        );
    }
}

/// Amounts below each other, decimal point below decimal point.
struct ValueColumn {
    /// Where the widest of them begins.
    left: f32,
    /// Where figures end, and what they count begins.
    point: f32,
}

impl ValueColumn {
    /// The column of these amounts that ends there.
    fn new(pen: &Pen, right: f32, shorts: &[format::Short]) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts
                .map(|text| pen.width(text, size::BODY, Face::Figures))
                .fold(0.0, f32::max)
        };
        let name = widest(&mut shorts.iter().map(|short| short.name));
        let figure = widest(&mut shorts.iter().map(|short| short.figure.as_str()));
        let point = right - 6.0 * pen.u - name;
        Self {
            left: point - 4.0 * pen.u - figure,
            point,
        }
    }

    fn draw(&self, pen: &Pen, baseline: f32, short: &format::Short, ink: Color32) {
        let gap = 4.0 * pen.u;
        for (x, align, text) in [
            (self.point - gap, Align::Max, short.figure.as_str()),
            (self.point, Align::Min, short.name),
        ] {
            pen.text(pos2(x, baseline), align, text, size::BODY, Face::Figures, ink);
        }
    }
}

/// Half a per mille at least: what would be shown as 0.0 % is none.
fn is_worth_a_row(part: i64, total: i64) -> bool {
    part > 0 && i128::from(part) * 2_000 >= i128::from(total)
}

/// The categories that are shown, greatest first, each with where its row is; none while a region's panel covers them.
pub fn category_rows(scene: &Scene) -> Vec<(usize, Rect)> {
    let rect = scene.frame.categories;
    let covered = scene.frame.region.shrink(1.0).intersects(rect) && scene.state.slide > 0.1;
    let Some(hello) = scene.ledger.hello.as_ref().filter(|_| !covered) else {
        return Vec::new();
    };
    let counts = &scene.ledger.categories;
    let (order, line, row) = category_order(scene, rect, hello.categories.len(), counts);
    order
        .into_iter()
        .enumerate()
        .map(|(at, (id, _))| {
            let top = line + 4.0 * scene.pen.u + at as f32 * row;
            let row = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + row));
            (id, row)
        })
        .collect()
}

/// The categories that fit, greatest first, the line under the heading, and a row's height.
fn category_order(
    scene: &Scene,
    rect: Rect,
    count: usize,
    counts: &[Counts],
) -> (Vec<(usize, i64)>, f32, f32) {
    let u = scene.pen.u;
    let mut order: Vec<(usize, i64)> = (0..count)
        .map(|at| (at, counts.get(at).map_or(0, |counts| counts.gmv_minor)))
        .collect();
    // By name's place where nothing was sold yet; the greatest first otherwise.
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let line = scene.heading_line(rect);
    let room = rect.bottom() - line - 4.0 * u;
    let rows = ((room / (25.0 * u)) as usize).clamp(1, order.len().max(1));
    order.truncate(rows);
    (order, line, (room / rows as f32).min(MAX_ROW * u))
}

/// Draws a split by category: every one that fits, greatest first.
pub fn categories(scene: &Scene, pen: &Pen, rect: Rect, counts: &[Counts]) {
    let Some(hello) = scene.ledger.hello.as_ref() else {
        return;
    };
    let u = pen.u;
    let faded = scene.with_pen(pen);
    faded.heading(rect, &scene.t("categories"));
    let total: i64 = counts
        .iter()
        .fold(0_i64, |sum, counts| sum.saturating_add(counts.gmv_minor));
    let (order, line, row) = category_order(scene, rect, hello.categories.len(), counts);
    let most = order.first().map_or(1, |first| first.1).max(1);
    let share_width = pen.width("100.0%", size::BODY, Face::Figures) + 8.0 * u;
    for (at, (id, gmv_minor)) in order.iter().enumerate() {
        let baseline = line + 4.0 * u + at as f32 * row + row * 0.5 + size::BODY * u * 0.28;
        let name = scene.category_name(*id);
        let name = pen.fit(name, size::BODY, Face::Text, rect.width() * 0.52);
        pen.text(
            pos2(rect.left(), baseline),
            Align::Min,
            &name,
            size::BODY,
            Face::Text,
            colour::INK,
        );
        pen.text(
            pos2(rect.right(), baseline),
            Align::Max,
            &format::percent(*gmv_minor, total),
            size::BODY,
            Face::Figures,
            colour::INK,
        );
        let from = rect.left() + rect.width() * 0.54;
        let bar = Rect::from_min_max(
            pos2(from, baseline - size::BODY * u * 0.36 - 1.5 * u),
            pos2(
                rect.right() - share_width,
                baseline - size::BODY * u * 0.36 + 1.5 * u,
            ),
        );
        pen.strip(bar, *gmv_minor as f32 / most as f32, colour::GOLD);
    }
}
