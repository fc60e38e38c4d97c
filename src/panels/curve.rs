//! The day's curve over earlier days', with milestones and "now".

use bevy_egui::egui::{Align, Pos2, Rect, Stroke, pos2};

use super::compare;
use super::format;
use super::frame::Shape;
use super::pen::Face;
use super::scene::Scene;
use crate::theme::{colour, ease, size};
use meridian_wire::Hello;

/// The least distance of two values on the axis.
const MARK: f32 = 26.0;
/// The most points of a curve.
const POINTS: usize = 480;

/// How long the ring round what was overtaken takes to fade, in seconds.
const RING_SECS: f32 = 1.6;

/// Draws the day.
pub fn draw(scene: &Scene) {
    let Some(hello) = scene.ledger.hello.as_ref() else {
        return;
    };
    let Some(chart) = Chart::new(scene, hello) else {
        return;
    };
    draw_axes(scene, &chart);
    let end_label = draw_past(scene, hello, &chart);
    let Some(into_ms) = scene.ledger.into_day_ms().filter(|ms| *ms >= 0) else {
        return;
    };
    let (points, now) = draw_present(scene, &chart, into_ms);
    let now_rect = draw_now(scene, &chart, now);
    let mut taken: Vec<Rect> = vec![now_rect.expand(5.0 * scene.pen.u)];
    taken.extend(draw_ghost(scene, hello, &chart, now));
    if let Some(end_y) = end_label {
        let height = size::SMALL * scene.pen.u;
        taken.push(Rect::from_min_max(
            pos2(chart.plot.right(), end_y - height),
            pos2(scene.frame.curve.right(), end_y + height),
        ));
    }
    draw_milestones(scene, hello, &chart, &points, now, taken);
}

/// Where the curves are, and what their lengths mean.
struct Chart {
    plot: Rect,
    day_ms: i64,
    per_unit: i64,
    /// The value at the top and the step between marks, in whole units of the currency.
    tops: i128,
    step: i128,
    /// Value at the end of the day that is compared with.
    past_most: i64,
}

impl Chart {
    /// `None` where there is no room for one.
    fn new(scene: &Scene, hello: &Hello) -> Option<Self> {
        let pen = &scene.pen;
        let u = pen.u;
        let outer = scene.frame.curve;
        let small = size::SMALL;
        let top = if scene.frame.shape == Shape::Wide {
            outer.top()
        } else {
            scene.heading(outer, &scene.t("the-day")) + 34.0 * u
        };
        let per_unit = scene.per_unit();
        let total = scene.ledger.totals.counts.gmv_minor;
        let past_most = hello
            .comparisons
            .first()
            .and_then(|past| past.gmv_minor.last().copied())
            .unwrap_or(0);
        let most_units = format::units(total.max(past_most), per_unit).max(1);
        // As many as can be told apart.
        let height = outer.bottom() - 22.0 * u - top;
        let marks = ((height / (MARK * u)) as i128).clamp(2, 6);
        let step = format::nice_step(most_units, marks);
        let tops = ((most_units + step - 1) / step * step).max(step);
        let axis_width = pen.width(&format::axis(tops, scene.lang()), small, Face::Figures) + 12.0 * u;
        // Room for what stands at the curves' ends.
        let end_width = hello.comparisons.first().map_or(0.0, |past| {
            pen.width(scene.lang().pick(&past.label), small, Face::Text)
                + pen.width(&scene.compact(past_most), small, Face::Figures)
                + 7.0 * u
        });
        let right = outer.right() - end_width - 10.0 * u;
        let plot = Rect::from_min_max(
            pos2(outer.left() + axis_width, top),
            pos2(right, outer.bottom() - 22.0 * u),
        );
        (plot.width() >= 20.0 && plot.height() >= 10.0).then(|| Self {
            plot,
            day_ms: (hello.day.end_ms - hello.day.start_ms).max(1),
            per_unit,
            tops,
            step,
            past_most,
        })
    }

    fn x(&self, at_ms: i64) -> f32 {
        self.plot.left() + self.plot.width() * (at_ms as f32 / self.day_ms as f32).clamp(0.0, 1.0)
    }

    fn y(&self, gmv_minor: i64) -> f32 {
        let part = gmv_minor as f64 / self.per_unit as f64 / self.tops as f64;
        self.plot.bottom() - self.plot.height() * part.clamp(0.0, 1.0) as f32
    }
}

/// Values to the left, hours below.
fn draw_axes(scene: &Scene, chart: &Chart) {
    let pen = &scene.pen;
    let u = pen.u;
    let small = size::SMALL;
    let plot = chart.plot;
    let mut mark = 0;
    while mark <= chart.tops {
        let at = plot.bottom() - plot.height() * (mark as f64 / chart.tops as f64) as f32;
        pen.faded(if mark == 0 { 1.0 } else { 0.6 })
            .hairline(plot.left(), plot.right(), at);
        if mark > 0 {
            pen.text(
                pos2(plot.left() - 10.0 * u, at + small * u * 0.35),
                Align::Max,
                &format::axis(mark, scene.lang()),
                small,
                Face::Figures,
                colour::INK_SOFT,
            );
        }
        mark += chart.step;
    }
    let hours = (chart.day_ms / 3_600_000).max(1);
    let label_width = pen.width("00:00", small, Face::Figures) * 2.2;
    let fits = (plot.width() / label_width).max(1.0) as i64;
    let every = [1, 2, 3, 4, 6, 12, 24, 48, 96]
        .into_iter()
        .find(|every| hours / every <= fits)
        .unwrap_or(hours);
    for hour in (0..=hours).step_by(usize::try_from(every).unwrap_or(1).max(1)) {
        pen.text(
            pos2(chart.x(hour * 3_600_000), plot.bottom() + 18.0 * u),
            Align::Center,
            &format!("{:02}:00", if hours <= 24 { hour } else { hour % 24 }),
            small,
            Face::Figures,
            colour::INK_SOFT,
        );
    }
}

/// The past, below the present; the height at which its end is named.
fn draw_past(scene: &Scene, hello: &Hello, chart: &Chart) -> Option<f32> {
    let pen = &scene.pen;
    let u = pen.u;
    let small = size::SMALL;
    let past = hello.comparisons.first()?;
    let points: Vec<Pos2> = past
        .at_ms
        .iter()
        .zip(&past.gmv_minor)
        .map(|(at_ms, gmv)| pos2(chart.x(*at_ms), chart.y(*gmv)))
        .collect();
    let end = points.last().copied();
    pen.curve(points, 1.5, colour::PAST);
    let end = end?;
    let at = end.y + small * u * 0.35;
    let label = pen.text(
        pos2(end.x + 10.0 * u, at),
        Align::Min,
        scene.lang().pick(&past.label),
        small,
        Face::Text,
        colour::INK_SOFT,
    );
    pen.text(
        pos2(label.right() + 7.0 * u, at),
        Align::Min,
        &scene.compact(chart.past_most),
        small,
        Face::Figures,
        colour::INK_SOFT,
    );
    Some(end.y)
}

/// The present: its curve's points, of which the last is now.
fn draw_present(scene: &Scene, chart: &Chart, into_ms: i64) -> (Vec<Pos2>, Pos2) {
    let pen = &scene.pen;
    let plot = chart.plot;
    let history = &scene.ledger.history;
    let stride = history.gmv_minor.len().div_ceil(POINTS).max(1);
    let mut points: Vec<Pos2> = history
        .gmv_minor
        .iter()
        .enumerate()
        .step_by(stride)
        .map(|(at, gmv)| (at as i64 * history.step_ms, *gmv))
        .filter(|(at_ms, _)| *at_ms < into_ms)
        .map(|(at_ms, gmv)| pos2(chart.x(at_ms), chart.y(gmv)))
        .collect();
    if points.is_empty() {
        points.push(pos2(plot.left(), plot.bottom()));
    }
    let now = pos2(chart.x(into_ms), chart.y(scene.ledger.totals.counts.gmv_minor));
    points.push(now);
    pen.area(&points, plot.bottom(), colour::GOLD, 0.30);
    pen.curve(points.clone(), 2.4, colour::GOLD);
    (points, now)
}

/// A line through now, and the word above it; where that is.
fn draw_now(scene: &Scene, chart: &Chart, now: Pos2) -> Rect {
    let pen = &scene.pen;
    let u = pen.u;
    let small = size::SMALL;
    let plot = chart.plot;
    pen.painter.vline(
        now.x,
        plot.top()..=plot.bottom(),
        Stroke::new(
            size::HAIRLINE * u.max(1.0),
            pen.tint(colour::GOLD).gamma_multiply(0.45),
        ),
    );
    pen.painter.circle_filled(now, 4.2 * u, pen.tint(colour::GOLD));
    let text = scene.t("now");
    let width = pen.width(&text, small, Face::Medium) + 8.0 * u;
    let at = pos2(
        now.x.clamp(plot.left() + width * 0.5, plot.right() - width * 0.5),
        plot.top() - 6.0 * u,
    );
    pen.text(at, Align::Center, &text, small, Face::Medium, colour::GOLD)
}

/// The earlier day at this moment, as a hollow point, and how much more ours has; where that is written. When ours
/// overtakes it, the point flashes once.
fn draw_ghost(scene: &Scene, hello: &Hello, chart: &Chart, now: Pos2) -> Option<Rect> {
    let pen = &scene.pen;
    let u = pen.u;
    let standing = scene.state.standing.as_ref()?;
    let ghost = pos2(now.x, chart.y(standing.past_minor.figure));
    if let Some(overtaken) = scene.state.overtaken {
        let at = match (overtaken.whole, hello.comparisons.first()?.at_ms.last()) {
            (true, Some(end_ms)) => pos2(chart.x(*end_ms), chart.y(standing.whole_minor)),
            _ => ghost,
        };
        draw_overtaken(scene, at, overtaken.secs);
    }
    pen.ring(ghost, 4.2, 1.8, colour::GHOST);
    let text = compare::beside(scene, standing);
    let small = size::SMALL;
    let width = pen.width(&text, small, Face::Figures);
    let cap = small * u * size::CAP;
    // Between the two points, or where they are too near each other beyond the earlier day's.
    let between = (now.y - ghost.y).abs() > cap + 16.0 * u;
    let y = match (between, ghost.y >= now.y) {
        (true, _) => (now.y + ghost.y + cap) * 0.5,
        (false, true) => ghost.y + cap + 9.0 * u,
        (false, false) => ghost.y - 9.0 * u,
    };
    let y = y.clamp(chart.plot.top() + cap, chart.plot.bottom() - 4.0 * u);
    let is_right = now.x + 10.0 * u + width <= chart.plot.right();
    let (x, align) = match is_right {
        true => (now.x + 10.0 * u, Align::Min),
        false => (now.x - 10.0 * u, Align::Max),
    };
    let rect = pen.text(pos2(x, y), align, &text, small, Face::Figures, colour::INK);
    Some(rect.expand(4.0 * u))
}

/// What was overtaken so many seconds ago: one flash and a ring that widens; without motion, a ring that stays.
fn draw_overtaken(scene: &Scene, at: Pos2, secs: f32) {
    let pen = &scene.pen;
    if scene.view.reduced_motion {
        let stroke = Stroke::new(2.0 * pen.u, pen.tint(colour::INK));
        pen.painter.circle_stroke(at, 11.0 * pen.u, stroke);
        return;
    }
    let share = (secs / RING_SECS).min(1.0);
    let flash = pen.faded((1.0 - share).powi(3));
    flash
        .painter
        .circle_filled(at, (5.0 + 5.0 * (1.0 - share)) * pen.u, flash.tint(colour::INK));
    let ring = pen.faded(1.0 - share);
    let stroke = Stroke::new(2.0 * pen.u, ring.tint(colour::INK));
    ring.painter
        .circle_stroke(at, (5.0 + 26.0 * ease::soft(share)) * pen.u, stroke);
}

/// Milestones: every one a mark, the greatest ones named as far as the names keep apart from each other and from what
/// is `taken`.
fn draw_milestones(
    scene: &Scene,
    hello: &Hello,
    chart: &Chart,
    points: &[Pos2],
    now: Pos2,
    mut taken: Vec<Rect>,
) {
    let pen = &scene.pen;
    let u = pen.u;
    let small = size::SMALL;
    let plot = chart.plot;
    for reached in scene.ledger.reached.iter().rev() {
        let at = pos2(
            chart.x(reached.at_ms - hello.day.start_ms),
            chart.y(reached.gmv_minor),
        );
        pen.painter.circle_filled(at, 3.0 * u, pen.tint(colour::ROOM));
        pen.painter
            .circle_stroke(at, 3.0 * u, Stroke::new(1.4 * u, pen.tint(colour::GOLD)));
        let value = format::axis(format::units(reached.gmv_minor, chart.per_unit), scene.lang());
        // A mark that an earlier day ended with says so.
        let past = hello.comparisons.iter().find(|past| {
            past.gmv_minor
                .last()
                .is_some_and(|end| (end - reached.gmv_minor).abs() <= end / 500)
        });
        let named = past.map(|past| format!("{} · {value}", scene.lang().pick(&past.label)));
        let free = named.into_iter().chain([value]).find_map(|text| {
            let width = pen.width(&text, small, Face::Figures);
            // Above the mark; or beside it, where the curve is too steep for that.
            let above = pos2(at.x - width * 0.5, at.y - 9.0 * u);
            let beside = pos2(at.x + 10.0 * u, at.y + small * u * 0.36);
            [above, beside].into_iter().find_map(|base| {
                let written = Rect::from_min_max(
                    pos2(base.x, base.y - small * u * size::CAP),
                    pos2(base.x + width, base.y),
                );
                let place = written.expand(4.0 * u);
                let clear = written.left() >= plot.left()
                    && written.right() <= plot.right()
                    && place.top() >= plot.top() - 24.0 * u
                    && place.bottom() <= plot.bottom()
                    && !(written.left() - 3.0 * u..=written.right() + 3.0 * u).contains(&now.x)
                    && !crosses(points, written)
                    && !taken.iter().any(|rect| rect.intersects(place));
                clear.then(|| (base, place, text.clone()))
            })
        });
        let Some((base, place, text)) = free else {
            continue;
        };
        pen.text(base, Align::Min, &text, small, Face::Figures, colour::INK);
        taken.push(place);
    }
}

/// Whether a curve of rising x runs through a rectangle.
fn crosses(points: &[Pos2], rect: Rect) -> bool {
    points.windows(2).any(|pair| {
        let [a, b] = pair else {
            return false;
        };
        let (from, to) = (a.x.max(rect.left()), b.x.min(rect.right()));
        if from > to {
            return false;
        }
        let at = |x: f32| {
            if b.x > a.x {
                a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x)
            } else {
                b.y
            }
        };
        let (first, last) = (at(from), at(to));
        first.min(last) <= rect.bottom() && first.max(last) >= rect.top()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_through_a_label_is_seen() {
        let curve = [pos2(0.0, 100.0), pos2(50.0, 50.0), pos2(100.0, 40.0)];
        let label = |x: f32, y: f32| Rect::from_min_max(pos2(x, y), pos2(x + 20.0, y + 10.0));
        assert!(crosses(&curve, label(15.0, 75.0)));
        assert!(!crosses(&curve, label(0.0, 40.0)));
        assert!(!crosses(&curve, label(60.0, 60.0)));
        assert!(!crosses(&curve, label(200.0, 40.0)));
    }
}
