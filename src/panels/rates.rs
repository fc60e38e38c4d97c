//! Orders and payments a second, share of mobile, regions reached.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, pos2, vec2};

use super::format;
use super::pen::Face;
use super::scene::Scene;
use crate::ledger::day_rates::{Bucket, Gap, PerSecond};
use crate::theme::{colour, size};

/// Most points of a line.
const MAX_POINTS: usize = 240;
/// The least height of a chart that has notes below it.
const MIN_PLOT: f32 = 50.0;
/// A text below the chart, from line to line.
const NOTE_LINE: f32 = 17.0;

/// One of the two rates.
struct Rate {
    key: &'static str,
    now: u64,
    peak: u64,
    peak_at_ms: i64,
    of: fn(PerSecond) -> f32,
    ink: Color32,
    /// What has to be said of it.
    note: Option<String>,
}

/// Draws the four.
pub fn draw(scene: &Scene) {
    let rates = &scene.ledger.rates;
    let counts = &scene.ledger.totals.counts;
    let orders = Rate {
        key: "orders-per-s",
        now: rates.orders_per_s,
        peak: rates.peak_orders_per_s,
        peak_at_ms: rates.peak_orders_at_ms,
        of: |mean| mean.orders,
        ink: colour::INK,
        note: None,
    };
    let payments = Rate {
        key: "payments-per-s",
        now: rates.payments_per_s,
        peak: rates.peak_payments_per_s,
        peak_at_ms: rates.peak_payments_at_ms,
        of: |mean| mean.payments,
        ink: colour::PAYMENT,
        note: (counts.payments > counts.orders).then(|| scene.t("payments-more")),
    };
    let pen = &scene.pen;
    let (left, right) = (scene.frame.orders, scene.frame.payments);
    let notes = payments.note.as_ref().map_or_else(Vec::new, |note| {
        pen.wrap(note, size::SMALL, Face::Text, right.width())
    });
    // Where it would leave no room for the chart, nothing is noted.
    let fits = right.height() > (128.0 + MIN_PLOT + NOTE_LINE * notes.len() as f32) * pen.u;
    let notes = if fits { notes } else { Vec::new() };
    // As much room below both, so that they have the same height.
    draw_rate(scene, left, &orders, notes.len());
    draw_rate(scene, right, &payments, notes.len());
    for (at, note) in notes.iter().enumerate() {
        let y = right.bottom() - (3.0 + NOTE_LINE * (notes.len() - 1 - at) as f32) * pen.u;
        scene.small(pos2(right.left(), y), Align::Min, note, colour::INK_SOFT);
    }
    mobile(scene);
    reached(scene);
}

/// The figure, its peak, and the day below them, over room for so many lines of notes.
fn draw_rate(scene: &Scene, rect: Rect, rate: &Rate, notes: usize) {
    let pen = &scene.pen;
    let u = pen.u;
    let line = scene.heading(rect, &scene.t(rate.key));
    let baseline = line + 22.0 * u + size::FIGURE * u * 0.7;
    pen.text(
        pos2(rect.left(), baseline),
        Align::Min,
        &format::grouped(i128::from(rate.now)),
        size::FIGURE,
        Face::Figures,
        rate.ink,
    );
    if rate.peak > 0 {
        let at = baseline - size::FIGURE * u * 0.7 + size::TITLE * u * 0.7;
        let figure = format::grouped(i128::from(rate.peak));
        pen.text(
            pos2(rect.right(), at),
            Align::Max,
            &figure,
            size::TITLE,
            Face::Figures,
            colour::INK,
        );
        let text = scene.tw("peak-at", &[("time", scene.clock_at(rate.peak_at_ms))]);
        scene.small(pos2(rect.right(), baseline), Align::Max, &text, colour::INK_SOFT);
    }
    let below = (NOTE_LINE * (1 + notes) as f32 + 3.0) * u;
    let plot = Rect::from_min_max(
        pos2(rect.left(), baseline + 14.0 * u),
        pos2(rect.right(), rect.bottom() - below),
    );
    if plot.height() < 14.0 * u {
        return;
    }
    draw_day(scene, plot, rate);
}

/// Where times and rates are in a chart: from the day's start until now, from nothing to the day's peak.
struct Scale {
    plot: Rect,
    until_ms: i64,
    peak: f32,
}

impl Scale {
    fn x(&self, ms: i64) -> f32 {
        self.plot.left() + self.plot.width() * (ms as f32 / self.until_ms as f32).clamp(0.0, 1.0)
    }

    fn y(&self, per_s: f32) -> f32 {
        self.plot.bottom() - self.plot.height() * (per_s / self.peak).clamp(0.0, 1.0)
    }
}

/// The rate since the day's start. Where nothing was heard there is no line, and the ground is dotted.
fn draw_day(scene: &Scene, plot: Rect, rate: &Rate) {
    let pen = &scene.pen;
    let u = pen.u;
    let into_ms = scene.ledger.into_day_ms().filter(|ms| *ms > 0);
    let (Some(into_ms), Some(hello)) = (into_ms, scene.ledger.hello.as_ref()) else {
        pen.hairline(plot.left(), plot.right(), plot.bottom());
        return;
    };
    let scale = Scale {
        plot,
        until_ms: into_ms.min(hello.day.end_ms - hello.day.start_ms).max(1),
        peak: rate.peak.max(1) as f32,
    };
    if rate.peak > 0 {
        pen.faded(0.7).hairline(plot.left(), plot.right(), plot.top());
    }
    let day_rates = &scene.ledger.day_rates;
    let buckets = day_rates.buckets();
    let stride = buckets.len().div_ceil(MAX_POINTS).max(1);
    let mut ground = plot.left();
    let mut last = None;
    for run in buckets.chunk_by(|_, next| next.gap.is_none()) {
        if let Some(gap) = run.first().and_then(|first| first.gap) {
            let (from, to) = (scale.x(gap.from_ms), scale.x(gap.to_ms));
            pen.hairline(ground, from, plot.bottom());
            ground = to;
            draw_gap(scene, &scale, rate, &gap);
        }
        let points: Vec<Pos2> = run
            .chunks(stride)
            .filter_map(|part| {
                middle(
                    part,
                    day_rates.span_ms(part.first()?).0,
                    day_rates.span_ms(part.last()?).1,
                    rate,
                )
            })
            .map(|(ms, per_s)| pos2(scale.x(ms), scale.y(per_s)))
            .collect();
        pen.area(&points, plot.bottom(), rate.ink, 0.22);
        last = points.last().copied();
        pen.curve(points, 1.6, rate.ink);
    }
    pen.hairline(ground, plot.right(), plot.bottom());
    // What isn't over yet has no ground under it.
    let now = pos2(scale.x(into_ms), scale.y(rate.now as f32));
    pen.curve(last.into_iter().chain([now]).collect(), 1.2, rate.ink);
    pen.painter.circle_filled(now, 2.8 * u, pen.tint(rate.ink));
    if rate.peak > 0 {
        let peak = pos2(scale.x(rate.peak_at_ms - hello.day.start_ms), plot.top());
        pen.ring(peak, 3.0, 1.4, rate.ink);
    }
    let start = match hello.day.end_ms - hello.day.start_ms {
        ..=90_000_000 => "00:00".to_owned(),
        _ => format::date_and_minute(hello.day.start_ms, hello.day.utc_offset_min),
    };
    let since = scene.tw("rates-since", &[("time", start)]);
    let at = pos2(plot.left(), plot.bottom() + NOTE_LINE * u);
    scene.small(at, Align::Min, &since, colour::INK_SOFT);
}

/// The middle of some buckets, and their mean.
fn middle(part: &[Bucket], from_ms: i64, to_ms: i64, rate: &Rate) -> Option<(i64, f32)> {
    let sum: f32 = part.iter().map(|bucket| (rate.of)(bucket.mean())).sum();
    (!part.is_empty()).then(|| (from_ms + (to_ms - from_ms) / 2, sum / part.len() as f32))
}

/// A time of which only its mean is known, if that.
fn draw_gap(scene: &Scene, scale: &Scale, rate: &Rate, gap: &Gap) {
    let pen = &scene.pen;
    let u = pen.u;
    let (from, to) = (scale.x(gap.from_ms), scale.x(gap.to_ms));
    pen.dotted(from, to, scale.plot.bottom(), colour::INK_SOFT);
    let Some(mean) = gap.mean.map(rate.of) else {
        return;
    };
    let text = scene.tw("rates-mean", &[("figure", format::grouped(mean.round() as i128))]);
    let width = pen.width(&text, size::SMALL, Face::Text);
    if to - from < width + 16.0 * u {
        return;
    }
    let y = scale.y(mean);
    // So near the ground a second line is no line.
    if scale.plot.bottom() - y > 12.0 * u {
        pen.faded(0.6).dashed(from, to, y, rate.ink);
    }
    let above = y - 7.0 * u;
    let below = y + 7.0 * u + size::SMALL * u * size::CAP;
    let base = if above - size::SMALL * u > scale.plot.top() {
        above
    } else {
        below
    };
    scene.small(
        pos2((from + to) * 0.5, base),
        Align::Center,
        &text,
        colour::INK_SOFT,
    );
}

fn mobile(scene: &Scene) {
    let rect = scene.frame.mobile;
    let share = scene.ledger.mobile_share();
    let total = scene.ledger.totals.counts.gmv_minor;
    let text = format::percent(scene.ledger.mobile().gmv_minor, total);
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
