//! Orders and payments a second, share of mobile, regions reached.

use bevy_egui::egui::{Align, Color32, Rect, pos2, vec2};

use super::format;
use super::pen::Face;
use super::scene::Scene;
use crate::ledger::RATE_SECONDS;
use crate::theme::{colour, size};

/// Draws the four.
pub fn draw(scene: &Scene) {
    let rates = &scene.ledger.rates;
    let recent = &scene.ledger.recent;
    rate(
        scene,
        scene.frame.orders,
        "orders-per-s",
        rates.orders_per_s,
        rates.peak_orders_per_s,
        rates.peak_orders_at_ms,
        recent.iter().map(|sample| sample.orders).collect(),
        colour::GOLD,
    );
    rate(
        scene,
        scene.frame.payments,
        "payments-per-s",
        rates.payments_per_s,
        rates.peak_payments_per_s,
        rates.peak_payments_at_ms,
        recent.iter().map(|sample| sample.payments).collect(),
        colour::PAYMENT,
    );
    mobile(scene);
    reached(scene);
}

fn rate(
    scene: &Scene,
    rect: Rect,
    key: &str,
    now: u64,
    peak: u64,
    peak_at_ms: i64,
    samples: Vec<u64>,
    ink: Color32,
) {
    let pen = &scene.pen;
    let u = pen.u;
    let line = scene.heading(rect, &scene.t(key));
    let baseline = line + 22.0 * u + size::FIGURE * u * 0.7;
    pen.text(
        pos2(rect.left(), baseline),
        Align::Min,
        &format::grouped(i128::from(now)),
        size::FIGURE,
        Face::Figures,
        ink,
    );
    if peak > 0 {
        let at = baseline - size::FIGURE * u * 0.7 + size::TITLE * u * 0.7;
        let figure = format::grouped(i128::from(peak));
        pen.text(
            pos2(rect.right(), at),
            Align::Max,
            &figure,
            size::TITLE,
            Face::Figures,
            colour::INK,
        );
        let text = scene.tw("peak-at", &[("time", scene.clock_at(peak_at_ms))]);
        scene.small(pos2(rect.right(), baseline), Align::Max, &text, colour::INK_SOFT);
    }
    let plot = Rect::from_min_max(
        pos2(rect.left(), baseline + 18.0 * u),
        pos2(rect.right(), rect.bottom()),
    );
    if plot.height() < 14.0 * u {
        return;
    }
    pen.hairline(plot.left(), plot.right(), plot.bottom());
    let most = samples.iter().copied().max().unwrap_or(0).max(1) as f32;
    let step = plot.width() / (RATE_SECONDS - 1) as f32;
    let first = plot.right() - samples.len().saturating_sub(1) as f32 * step;
    let points: Vec<_> = samples
        .iter()
        .enumerate()
        .map(|(at, value)| {
            pos2(
                first + at as f32 * step,
                plot.bottom() - (*value as f32 / most) * (plot.height() - 3.0 * u),
            )
        })
        .collect();
    pen.area(&points, plot.bottom(), ink, 0.26);
    // How long the line is.
    if let (Some(oldest), Some(newest)) = (scene.ledger.recent.front(), scene.ledger.recent.back())
        && samples.len() > 1
    {
        let per_sample = (newest.at_ms - oldest.at_ms) / (samples.len() as i64 - 1);
        let secs = per_sample * (RATE_SECONDS as i64 - 1) / 1_000;
        let (key, amount) = match secs {
            ..100 => ("span-seconds", secs),
            100..6_000 => ("span-minutes", (secs + 30) / 60),
            _ => ("span-hours", (secs + 1_800) / 3_600),
        };
        let text = scene.tw(key, &[("amount", amount.to_string())]);
        scene.small(
            pos2(plot.left() + 2.0 * u, plot.bottom() - 7.0 * u),
            Align::Min,
            &text,
            colour::INK_SOFT,
        );
    }
    let last = points.last().copied();
    pen.curve(points, 1.6, ink);
    if let Some(last) = last {
        pen.painter.circle_filled(last, 2.8 * u, pen.tint(ink));
    }
}

fn mobile(scene: &Scene) {
    let rect = scene.frame.mobile;
    let share = scene.ledger.mobile_share();
    let text = share.map_or_else(
        || "–".to_owned(),
        |share| format!("{:.1}%", (share * 1000.0).floor() / 10.0),
    );
    slim(
        scene,
        rect,
        &scene.t("mobile-share"),
        &text,
        "",
        share.unwrap_or(0.0) as f32,
    );
}

fn reached(scene: &Scene) {
    let rect = scene.frame.reached;
    let count = scene.ledger.regions_reached();
    let all = scene.world.map_or(0, |world| world.regions().len());
    // Of a guarded day, regions with fewer than k orders aren't shown, and others come a little later.
    let k = scene.ledger.hello.as_ref().and_then(|hello| hello.k);
    let label = match k {
        Some(k) => scene.tw("regions-with", &[("k", k.to_string())]),
        None => scene.t("regions-reached"),
    };
    slim(
        scene,
        rect,
        &label,
        &count.to_string(),
        &format!("/ {all}"),
        count as f32 / all.max(1) as f32,
    );
}

/// A label, its figure to the right, and a slim bar under them.
fn slim(scene: &Scene, rect: Rect, label: &str, figure: &str, of: &str, share: f32) {
    // Where the region's panel slides in over it, it gives way.
    let covered = scene.frame.region.shrink(1.0).intersects(rect);
    let scene = &scene.faded(if covered { 1.0 - scene.state.slide } else { 1.0 });
    let pen = &scene.pen;
    let u = pen.u;
    let baseline = rect.top() + (rect.height() * 0.5).clamp(24.0 * u, 40.0 * u);
    scene.label(pos2(rect.left(), baseline), Align::Min, label);
    let mut right = rect.right();
    if !of.is_empty() {
        let of_rect = pen.text(
            pos2(right, baseline),
            Align::Max,
            of,
            size::BODY,
            Face::Figures,
            colour::INK_SOFT,
        );
        right = of_rect.left() - 6.0 * u;
    }
    pen.text(
        pos2(right, baseline),
        Align::Max,
        figure,
        size::TITLE * 1.25,
        Face::Figures,
        colour::INK,
    );
    let bar = Rect::from_min_size(
        pos2(rect.left(), baseline + 13.0 * u),
        vec2(rect.width(), 4.0 * u),
    );
    pen.bar(bar, share, colour::INK_SOFT);
}
