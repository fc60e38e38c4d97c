//! The odometer, and under it the day, its clock and what the figures are.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, pos2, vec2};

use super::compare;
use super::format;
use super::frame::Shape;
use super::pen::Face;
use super::scene::Scene;
use crate::theme::{colour, ease, size};
use meridian_wire::{DataClass, Mode};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// How long the digit before stays behind the one that took its place, in seconds.
const GHOST_SECS: f64 = 0.16;
/// Digits that change more often than this leave no ghost: they are a blur as it is.
const GHOST_PER_SEC: f64 = 3.0;
/// From so many units on, minor units say nothing.
const WITHOUT_MINOR: i128 = 1_000_000;
/// Size of the type of the line below the clock: capitals of 19 in a picture 1,080 high.
const SUMMARY_SIZE: f32 = size::TITLE;

/// How much is left of the digit that stood here before, 1 at the carry, 0 once it is gone. What is so stands there at full
/// strength from the carry on: no cell is ever empty or half one digit and half another.
pub fn ghost(value_minor: f64, digit_minor: f64, per_s: f64) -> f32 {
    let digits_per_s = per_s / digit_minor;
    if digits_per_s <= 0.0 || digits_per_s > GHOST_PER_SEC {
        return 0.0;
    }
    let since_secs = (value_minor / digit_minor).fract() / digits_per_s;
    ease::soft((1.0 - since_secs / GHOST_SECS).clamp(0.0, 1.0) as f32)
}

/// Draws the head of the picture.
pub fn draw(scene: &Scene) {
    let before = scene.ledger.into_day_ms().filter(|ms| *ms < 0);
    let short = match before {
        Some(into_day_ms) => {
            countdown(scene, into_day_ms);
            None
        }
        None => odometer(scene),
    };
    under(scene, before.is_some());
    draw_summary(scene, short, compare_line(scene));
}

/// How the day stands against an earlier one, in a line; none where there is none, and before the start.
pub fn compare_line(scene: &Scene) -> Option<String> {
    compare::line(scene)
}

/// The line below the clock: the total in short, and how it stands against an earlier day.
fn draw_summary(scene: &Scene, short: Option<String>, compared: Option<String>) {
    let frame = &scene.frame;
    let pen = &scene.pen;
    let u = frame.u;
    let side = match frame.shape {
        Shape::Portrait => size::MARGIN * u,
        Shape::Wide | Shape::Ultrawide => frame.orders.right() - frame.whole.left() + 24.0 * u,
    };
    let room = (frame.whole.width() - 2.0 * side).max(1.0);
    let below = pos2(frame.hero.x, frame.under + 36.0 * u);
    let parts = [
        (short, Face::Figures, colour::GOLD),
        (compared, Face::Medium, colour::INK),
    ];
    let parts = parts.map(|(text, face, ink)| {
        let text = text.unwrap_or_default();
        (pen.width(&text, SUMMARY_SIZE, face), text, face, ink)
    });
    let gap = match &parts {
        [(_, short, ..), (_, compared, ..)] if !short.is_empty() && !compared.is_empty() => 22.0 * u,
        _ => 0.0,
    };
    let widths = parts.iter().map(|(width, ..)| width).sum::<f32>();
    let wanted = widths + gap;
    if wanted <= 0.0 {
        return;
    }
    // One below the other where there is no room for both.
    if wanted > room && gap > 0.0 {
        let lines = [pos2(frame.hero.x, frame.hero.y + 44.0 * u), below];
        let lines = match frame.shape {
            Shape::Portrait => lines,
            Shape::Wide | Shape::Ultrawide => [below, below + vec2(0.0, 32.0 * u)],
        };
        for ((width, text, face, ink), at) in parts.into_iter().zip(lines) {
            let type_size = SUMMARY_SIZE * (room / width.max(1.0)).min(1.0);
            shade_line(scene, at, type_size, width.min(room));
            pen.text(at, Align::Center, &text, type_size, face, ink);
        }
        return;
    }
    let scale = (room / wanted).min(1.0);
    shade_line(scene, below, SUMMARY_SIZE * scale, wanted * scale);
    let mut x = frame.hero.x - wanted * scale * 0.5;
    for (width, text, face, ink) in parts.into_iter().filter(|(width, ..)| *width > 0.0) {
        let width = width * scale;
        let at = pos2(x + width * 0.5, below.y);
        pen.text(at, Align::Center, &text, SUMMARY_SIZE * scale, face, ink);
        x += width + gap * scale;
    }
}

/// Darkens what lies behind a line in the middle of which `at` lies: the planet's edge.
fn shade_line(scene: &Scene, at: Pos2, type_size: f32, width: f32) {
    let cap = type_size * scene.pen.u * size::CAP;
    let size = vec2(width * 1.1 + cap * 2.0, cap * 2.6);
    let middle = at - vec2(0.0, cap * 0.5);
    scene.pen.shade(Rect::from_center_size(middle, size), 0.55);
}

fn countdown(scene: &Scene, into_day_ms: i64) {
    let frame = &scene.frame;
    let figure = format!("T–{}", format::countdown(into_day_ms));
    let rect = scene.pen.text(
        frame.hero,
        Align::Center,
        &figure,
        frame.hero_size,
        Face::Figures,
        colour::INK,
    );
    let at = pos2(rect.right() + 20.0 * frame.u, frame.hero.y);
    let text = scene.t("countdown");
    if frame.shape == Shape::Portrait {
        let at = pos2(frame.hero.x, frame.hero.y + 38.0 * frame.u);
        scene
            .pen
            .text(at, Align::Center, &text, size::TITLE, Face::Medium, colour::GOLD);
    } else {
        scene
            .pen
            .text(at, Align::Min, &text, size::TITLE, Face::Medium, colour::GOLD);
    }
}

/// The total in full; its short form, where that is shorter.
fn odometer(scene: &Scene) -> Option<String> {
    let frame = &scene.frame;
    let pen = &scene.pen;
    let u = frame.u;
    let per_unit = scene.per_unit();
    let shown_minor = if scene.state.exact {
        scene.ledger.totals.counts.gmv_minor
    } else {
        scene.state.gmv_minor as i64
    };
    let units = format::units(shown_minor, per_unit);
    let mut text = format::grouped(units);
    if shown_minor < 0 && units == 0 {
        text.insert(0, '−');
    }
    let type_size = frame.hero_size;
    let digit_width = pen.width("0", type_size, Face::Figures);
    let comma_width = pen.width(",", type_size, Face::Figures);
    let sign = scene.sign();
    let sign_size = type_size * 0.62;
    let slot = |symbol: char| {
        if symbol == ',' { comma_width } else { digit_width }
    };
    // Digits stand on the planet's axis; the sign hangs to the left of them.
    let width: f32 = text.chars().map(slot).sum();
    let left = frame.hero.x - width * 0.5;
    let base = frame.hero.y;
    let cap = type_size * u * 0.7;
    pen.text(
        pos2(left - type_size * u * 0.14, base - cap + sign_size * u * 0.7),
        Align::Max,
        &sign,
        sign_size,
        Face::Figures,
        colour::GOLD,
    );
    let travel = cap * 0.5;
    let moves = !(scene.state.exact || scene.view.reduced_motion || units < 0);
    let mut x = left;
    let digits = text.chars().filter(char::is_ascii_digit).count() as u32;
    let mut index = 0_u32;
    for symbol in text.chars() {
        let width = slot(symbol);
        let middle = x + width * 0.5;
        let draw = |glyph: char, y: f32, fade: f32| {
            pen.faded(fade).text(
                pos2(middle, y),
                Align::Center,
                glyph.encode_utf8(&mut [0; 4]),
                type_size,
                Face::Figures,
                colour::INK,
            );
        };
        match symbol.to_digit(10) {
            Some(digit) => {
                let power = digits.saturating_sub(index + 1);
                index += 1;
                let digit_minor = 10_f64.powi(power.min(30) as i32) * per_unit as f64;
                let left_over = if moves {
                    ghost(scene.state.gmv_minor, digit_minor, scene.state.gmv_minor_per_s)
                } else {
                    0.0
                };
                if left_over > 0.0 {
                    let before = char::from_digit((digit + 9) % 10, 10).unwrap_or('0');
                    draw(before, base - travel * (1.0 - left_over), left_over * 0.35);
                }
                draw(symbol, base, 1.0);
            }
            None => draw(symbol, base, 0.75),
        }
        x += width;
    }
    // Minor units, where the total is small enough for them to say something.
    if units.abs() < WITHOUT_MINOR && per_unit > 1 {
        let places = per_unit.ilog10() as usize;
        let rest = shown_minor.unsigned_abs() % per_unit.unsigned_abs();
        pen.text(
            pos2(x + 2.0 * u, base),
            Align::Min,
            &format!(".{rest:0places$}"),
            size::TITLE,
            Face::Figures,
            colour::INK_SOFT,
        );
    }
    let compact = scene.compact_total(shown_minor);
    compact.contains(' ').then_some(compact)
}

/// The mode's text key.
pub fn mode_key(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "mode-live",
        Mode::Delayed => "mode-delayed",
        Mode::Held => "mode-held",
        Mode::Replay => "mode-replay",
        Mode::Demo => "mode-demo",
        Mode::Rehearsal => "mode-rehearsal",
    }
}

/// The mode's mark, a shape of its own for each, so that colour isn't needed to tell them apart.
fn mode_mark(scene: &Scene, at: Pos2, mode: Mode) -> Color32 {
    let pen = &scene.pen;
    let radius = 5.5 * pen.u;
    let stroke = bevy_egui::egui::Stroke::new(1.8 * pen.u, pen.tint(colour::CYAN));
    match mode {
        Mode::Live => {
            pen.painter.circle_filled(at, radius, pen.tint(colour::GOLD));
            colour::GOLD
        }
        Mode::Held => {
            for side in [-1.0, 1.0] {
                let bar = Rect::from_center_size(
                    at + vec2(side * radius * 0.6, 0.0),
                    vec2(radius * 0.65, radius * 2.0),
                );
                pen.painter.rect_filled(bar, 0.0, pen.tint(colour::WARN));
            }
            colour::WARN
        }
        // A square: nothing that is on air looks like it.
        Mode::Rehearsal => {
            let square = Rect::from_center_size(at, vec2(radius, radius) * 1.8);
            let stroke = bevy_egui::egui::Stroke::new(1.8 * pen.u, pen.tint(colour::WARN));
            pen.painter
                .rect_stroke(square, 0.0, stroke, bevy_egui::egui::StrokeKind::Middle);
            colour::WARN
        }
        Mode::Delayed | Mode::Replay | Mode::Demo => {
            pen.painter.circle_stroke(at, radius, stroke);
            if mode != Mode::Demo {
                pen.painter.line_segment([at, at - vec2(0.0, radius)], stroke);
            }
            colour::CYAN
        }
    }
}

fn under(scene: &Scene, counting_down: bool) {
    let frame = &scene.frame;
    let pen = &scene.pen;
    let u = frame.u;
    let y = frame.under;
    let middle = frame.hero.x;
    let into_ms = scene.ledger.into_day_ms();
    let clock = match into_ms {
        None => "--:--:--".to_owned(),
        // Before midnight it is still the evening before.
        Some(ms) if ms < 0 => format::clock(ms.rem_euclid(DAY_MS)),
        Some(ms) => match scene.ledger.hello.as_ref() {
            // Over many days an hour alone says nothing.
            Some(hello) if hello.day.end_ms - hello.day.start_ms > DAY_MS => {
                format::date_and_clock(scene.ledger.event_ms, hello.day.utc_offset_min)
            }
            _ => format::clock(ms),
        },
    };
    let clock_size = size::TITLE * 1.25;
    let widest: String = clock
        .chars()
        .map(|symbol| if symbol.is_ascii_digit() { '0' } else { symbol })
        .collect();
    let half = pen.width(&widest, clock_size, Face::Figures) * 0.5;
    let ink = if counting_down {
        colour::INK_SOFT
    } else {
        colour::INK
    };
    pen.text(
        pos2(middle - half, y),
        Align::Min,
        &clock,
        clock_size,
        Face::Figures,
        ink,
    );
    let gap = 26.0 * u;
    let Some(hello) = scene.ledger.hello.as_ref() else {
        return;
    };
    let side = (middle - half - gap) - frame.whole.left() - size::MARGIN * u;
    let title = pen.fit(
        scene.lang().pick(&hello.title),
        size::BODY * 1.15,
        Face::Medium,
        side,
    );
    pen.text(
        pos2(middle - half - gap, y),
        Align::Max,
        &title,
        size::BODY * 1.15,
        Face::Medium,
        colour::INK_SOFT,
    );
    let left = middle + half + gap;
    let mark = pos2(left + 6.0 * u, y - size::BODY * 1.15 * u * 0.36);
    let ink = mode_mark(scene, mark, scene.ledger.mode);
    let text = scene.t(mode_key(scene.ledger.mode));
    let rect = pen.text(
        pos2(left + 20.0 * u, y),
        Align::Min,
        &text,
        size::BODY * 1.15,
        Face::Bold,
        ink,
    );
    // What else has to be known of the figures.
    let mut words = Vec::new();
    if hello.synthetic {
        words.push(scene.t("synthetic"));
    }
    if hello.class == DataClass::Internal {
        words.push(scene.t("internal"));
    }
    let room = frame.whole.right() - size::MARGIN * u * 0.5 - rect.right() - 12.0 * u;
    // Said where there is room: the regions' panel says it anyway.
    if let Some(k) = hello.k {
        let groups = scene.tw("groups", &[("k", k.to_string())]);
        let all = [words.as_slice(), &[groups]].concat();
        if pen.width(&all.join(" · "), size::BODY * 1.15, Face::Text) <= room {
            words = all;
        }
    }
    if !words.is_empty() {
        let text = pen.fit(&words.join(" · "), size::BODY * 1.15, Face::Text, room);
        pen.text(
            pos2(rect.right() + 12.0 * u, y),
            Align::Min,
            &text,
            size::BODY * 1.15,
            Face::Text,
            colour::INK_SOFT,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_stands_from_its_carry_on_and_the_one_before_is_gone_soon() {
        // At 800,000 units a second a digit of 100 million changes every 125 seconds.
        let per_s = 800_000.0 * 100.0;
        let digit = 100_000_000.0 * 100.0;
        assert_eq!(ghost(91_197_816_856.0 * 100.0, digit, per_s), 0.0);
        assert_eq!(ghost(91_200_000_000.0 * 100.0, digit, per_s), 1.0);
        // 80 ms after the carry half of it is left, and after 160 ms nothing.
        let half = ghost(91_200_064_000.0 * 100.0, digit, per_s);
        assert!((half - 0.5).abs() < 0.01, "{half}");
        assert_eq!(ghost(91_200_128_001.0 * 100.0, digit, per_s), 0.0);
        // Where the figures stand, nothing moves.
        assert_eq!(ghost(91_200_000_000.0 * 100.0, digit, 0.0), 0.0);
    }

    #[test]
    fn digits_too_fast_to_read_leave_nothing_behind() {
        assert_eq!(ghost(200.0, 100.0, 2_000_000.0), 0.0);
    }
}
