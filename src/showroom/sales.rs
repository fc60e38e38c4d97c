//! The sales panel beside a product, from the feed's figures.

use bevy_egui::egui::{Align, Pos2, Rect, pos2, vec2};

use super::place::Place;
use crate::ledger::{Ledger, ProductLedger};
use crate::panels::format;
use crate::panels::frame::Shape;
use crate::panels::pen::{Face, Pen};
use crate::panels::scene::Scene;
use crate::theme::{colour, size};
use meridian_product::{Product, Shelf};
use meridian_wire::Trend;

/// Height of a row, in units.
const ROW: f32 = 27.0;

/// What the feed knows of a product on the shelf.
pub fn of<'a>(ledger: &'a Ledger, product: &Product) -> Option<&'a ProductLedger> {
    ledger.product(product.sku())
}

/// The product on the shelf that sells most beyond its usual, and where.
pub fn spotlight<'a>(ledger: &Ledger, shelf: &'a Shelf) -> Option<(&'a Product, Trend)> {
    shelf
        .products
        .iter()
        .filter_map(|product| {
            let trend = of(ledger, product)?
                .trends
                .iter()
                .max_by_key(|trend| trend.percent)?;
            Some((product, *trend))
        })
        .max_by_key(|(_, trend)| trend.percent)
}

/// The product of a category that sells most, if one of the shelf's does.
pub fn best_of<'a>(ledger: &Ledger, shelf: &'a Shelf, category: usize) -> Option<&'a Product> {
    shelf
        .products
        .iter()
        .filter_map(|product| {
            let sold = of(ledger, product).filter(|sold| usize::from(sold.category) == category)?;
            Some((product, sold.counts.counts.gmv_minor))
        })
        .max_by_key(|(_, gmv)| *gmv)
        .map(|(product, _)| product)
}

/// The product of the shelf that sells most in a region, if any does.
pub fn best_in<'a>(ledger: &Ledger, shelf: &'a Shelf, region: u8) -> Option<&'a Product> {
    shelf
        .products
        .iter()
        .filter_map(|product| {
            let sold = of(ledger, product)?.region(region).counts.gmv_minor;
            (sold > 0).then_some((product, sold))
        })
        .max_by_key(|(_, gmv)| *gmv)
        .map(|(product, _)| product)
}

/// "4.2× usual in Japan".
pub fn trend_text(scene: &Scene, trend: &Trend) -> String {
    scene.tw(
        "sales-usual",
        &[
            ("times", format!("{:.1}", trend.times())),
            ("region", scene.region_name(trend.region)),
        ],
    )
}

/// Draws what is known of the product's sales.
pub fn draw(scene: &Scene, product: Option<&Product>, place: &Place) {
    let Some(product) = product else { return };
    let rect = place.sales;
    let u = place.u;
    let line = scene.heading(rect, &scene.t("sales-title"));
    let Some(sold) = of(scene.ledger, product) else {
        draw_none(scene, rect, line + 30.0 * u);
        return;
    };
    let mut y = draw_figures(scene, rect, line, sold);
    let left = rect.bottom() - y;
    if left < 120.0 * u || place.shape == Shape::Portrait {
        return;
    }
    y += 22.0 * u;
    let height = (left * 0.34).min(120.0 * u);
    let plot = Rect::from_min_max(pos2(rect.left(), y), pos2(rect.right(), y + height));
    curve(scene, &scene.pen, plot, sold);
    draw_regions(scene, rect, plot.bottom() + 14.0 * u, sold);
}

/// The feed knows nothing of the product.
fn draw_none(scene: &Scene, rect: Rect, top: f32) {
    let pen = &scene.pen;
    let mut y = top;
    for text in pen.wrap(&scene.t("sales-none"), size::BODY, Face::Text, rect.width()) {
        pen.text(
            pos2(rect.left(), y),
            Align::Min,
            &text,
            size::BODY,
            Face::Text,
            colour::INK_SOFT,
        );
        y += size::LINE * pen.u;
    }
}

/// Pieces, value, rate, rank, and where it sells more than usual; the last line's y.
fn draw_figures(scene: &Scene, rect: Rect, line: f32, sold: &ProductLedger) -> f32 {
    let pen = &scene.pen;
    let u = pen.u;
    let mut y = line + size::FIGURE * u * 0.7 + 14.0 * u;
    let units = format::grouped(i128::from(sold.counts.units));
    let figure = pen.text(
        pos2(rect.left(), y),
        Align::Min,
        &units,
        size::FIGURE,
        Face::Figures,
        colour::INK,
    );
    scene.label(
        pos2(figure.right() + 10.0 * u, y),
        Align::Min,
        &scene.t("sales-units"),
    );
    y += 14.0 * u;
    let count = scene.ledger.products.len();
    let rows = [
        (
            "sales-gmv",
            scene.money(sold.counts.counts.gmv_minor),
            colour::GOLD,
        ),
        ("sales-rate", rate(sold.mean_orders_per_s()), colour::INK),
        (
            "sales-rank",
            if sold.rank > 0 {
                format!("{} / {count}", sold.rank)
            } else {
                "–".to_owned()
            },
            colour::INK,
        ),
    ];
    for (key, value, ink) in rows {
        y += ROW * u;
        pen.row(&(rect.left()..=rect.right()), y, &scene.t(key), &value, ink);
    }
    if let Some(trend) = sold.trends.first() {
        y += ROW * 1.25 * u;
        pen.text(
            pos2(rect.left(), y),
            Align::Min,
            &scene.t("sales-trending"),
            size::BODY,
            Face::Bold,
            colour::GOLD,
        );
        let width = pen.width(&scene.t("sales-trending"), size::BODY, Face::Bold) + 10.0 * u;
        let text = pen.fit(
            &trend_text(scene, trend),
            size::BODY,
            Face::Medium,
            rect.width() - width,
        );
        pen.text(
            pos2(rect.left() + width, y),
            Align::Min,
            &text,
            size::BODY,
            Face::Medium,
            colour::INK,
        );
    }
    y
}

/// The regions where it sells most, as far as there is room.
fn draw_regions(scene: &Scene, rect: Rect, top: f32, sold: &ProductLedger) {
    let pen = &scene.pen;
    let u = pen.u;
    let mut y = top;
    let rows = (((rect.bottom() - y) / (ROW * u)) as usize).min(5);
    let mut regions = sold.regions.clone();
    regions.sort_by(|a, b| {
        b.1.counts
            .gmv_minor
            .cmp(&a.1.counts.gmv_minor)
            .then(a.0.cmp(&b.0))
    });
    let most = regions
        .first()
        .map_or(1, |(_, counts)| counts.counts.gmv_minor)
        .max(1);
    for (id, counts) in regions
        .into_iter()
        .take(rows)
        .filter(|(_, counts)| counts.counts.gmv_minor > 0)
    {
        y += ROW * u;
        let name = pen.fit(&scene.region_name(id), size::BODY, Face::Text, rect.width() * 0.5);
        pen.text(
            pos2(rect.left(), y),
            Align::Min,
            &name,
            size::BODY,
            Face::Text,
            colour::INK,
        );
        let money = scene.money(counts.counts.gmv_minor);
        pen.text(
            pos2(rect.right(), y),
            Align::Max,
            &money,
            size::BODY,
            Face::Figures,
            colour::INK,
        );
        let bar = Rect::from_min_size(pos2(rect.left(), y + 5.0 * u), vec2(rect.width(), 2.0 * u));
        pen.strip(bar, counts.counts.gmv_minor as f32 / most as f32, colour::GOLD);
    }
}

/// Orders a second, with a digit after the point where there are few.
fn rate(per_s: f64) -> String {
    if per_s < 99.95 {
        format!("{per_s:.1}")
    } else {
        format::grouped(per_s.round() as i128)
    }
}

/// The product's value so far today.
fn curve(scene: &Scene, pen: &Pen, plot: Rect, sold: &ProductLedger) {
    let u = pen.u;
    let (Some(hello), Some(into_ms)) = (scene.ledger.hello.as_ref(), scene.ledger.into_day_ms()) else {
        return;
    };
    pen.hairline(plot.left(), plot.right(), plot.bottom());
    let total = sold.counts.counts.gmv_minor;
    if sold.curve_step_ms <= 0 || into_ms < 0 || total <= 0 {
        return;
    }
    let day_ms = (hello.day.end_ms - hello.day.start_ms).max(1) as f32;
    let at = |ms: i64, gmv: i64| -> Pos2 {
        pos2(
            plot.left() + plot.width() * (ms as f32 / day_ms).clamp(0.0, 1.0),
            plot.bottom() - (plot.height() - 6.0 * u) * (gmv as f32 / total as f32).clamp(0.0, 1.0),
        )
    };
    let mut points: Vec<Pos2> = sold
        .curve
        .iter()
        .enumerate()
        .map(|(index, gmv)| at(index as i64 * sold.curve_step_ms, *gmv))
        .collect();
    points.push(at(into_ms, total));
    pen.area(&points, plot.bottom(), colour::GOLD, 0.28);
    if let Some(now) = points.last() {
        pen.painter.circle_filled(*now, 3.5 * u, pen.tint(colour::GOLD));
    }
    pen.curve(points, 1.8, colour::GOLD);
}
