//! The sheet of keys, the first-run hint, frame statistics.

use bevy_egui::egui::{Align, Rect, pos2, vec2};

use super::format;
use super::pen::Face;
use super::scene::Scene;
use crate::keys::{KEYS, ROOM_KEYS};
use crate::quality::Quality;
use crate::theme::{colour, size};
use crate::view::Screen;

/// Draws what is open.
pub fn draw(scene: &Scene) {
    // It is about the globe.
    if scene.screen == Screen::Globe {
        hint(scene);
    }
    stats(scene);
    if scene.view.help_open {
        help(scene);
    }
}

fn hint(scene: &Scene) {
    let left = scene.view.hint_until_secs - scene.now_secs;
    if left <= 0.0 || scene.state.exact {
        return;
    }
    let u = scene.pen.u;
    let pen = scene.pen.faded(left / size::FADE_SECS);
    let text = scene.t("hint");
    let text = pen.fit(
        &text,
        size::BODY,
        Face::Medium,
        scene.frame.whole.width() - 2.0 * size::MARGIN * u,
    );
    let at = pos2(
        scene.frame.hero.x,
        scene.frame.whole.height()
            * if scene.frame.curve.width() > scene.frame.whole.width() * 0.8 {
                0.745
            } else {
                0.9
            },
    );
    let at = pos2(at.x, at.y.min(scene.frame.feed - 40.0 * u));
    let width = pen.width(&text, size::BODY, Face::Medium);
    pen.shade(
        Rect::from_center_size(at - vec2(0.0, 6.0 * u), vec2(width * 1.5, 84.0 * u)),
        0.86,
    );
    pen.text(at, Align::Center, &text, size::BODY, Face::Medium, colour::INK);
}

fn stats(scene: &Scene) {
    if !scene.view.stats_open {
        return;
    }
    let u = scene.pen.u;
    let quality = scene.t(match scene.view.quality {
        Quality::Software => "quality-software",
        Quality::Low => "quality-low",
        Quality::High => "quality-high",
        Quality::Ultra => "quality-ultra",
    });
    let frame_secs = scene.state.frame_secs.max(1e-6);
    let text = scene.tw(
        "stats",
        &[
            ("fps", format!("{:.0}", 1.0 / frame_secs)),
            ("ms", format!("{:.1}", frame_secs * 1000.0)),
            ("quality", quality),
            ("lights", format::grouped(i128::from(scene.lights_drawn))),
        ],
    );
    scene.small(
        pos2(scene.frame.hero.x, scene.frame.whole.top() + 22.0 * u),
        Align::Center,
        &text,
        colour::CYAN,
    );
}

fn help(scene: &Scene) {
    let pen = &scene.pen;
    let u = pen.u;
    let whole = scene.frame.whole;
    pen.painter
        .rect_filled(whole, 0.0, pen.tint(colour::ROOM).gamma_multiply(0.94));
    let narrow = whole.width() < 900.0 * u;
    let gap = 72.0 * u;
    let column = ((whole.width() - 2.0 * size::MARGIN * u - gap) * 0.5).min(430.0 * u);
    let (columns, column) = if narrow {
        (1, (whole.width() - 2.0 * size::MARGIN * u).min(560.0 * u))
    } else {
        (2, column)
    };
    let keys = if scene.screen == Screen::Showroom {
        ROOM_KEYS
    } else {
        KEYS
    };
    let keys: Vec<(&str, &str)> = keys
        .iter()
        .filter_map(|shortcut| Some((shortcut.label?, shortcut.help)))
        .collect();
    let rows = keys.len().div_ceil(columns);
    let row = (40.0 * u).min((whole.height() - 220.0 * u) / rows as f32);
    let height = rows as f32 * row;
    let top = whole.center().y - height * 0.5 + 30.0 * u;
    let width = column * columns as f32 + gap * (columns - 1) as f32;
    let left = whole.center().x - width * 0.5;
    pen.text(
        pos2(left, top - 40.0 * u),
        Align::Min,
        &scene.t("help-title"),
        size::TITLE,
        Face::Bold,
        colour::INK,
    );
    pen.text(
        pos2(left + width, top - 40.0 * u),
        Align::Max,
        &scene.t("help-close"),
        size::BODY,
        Face::Text,
        colour::INK_SOFT,
    );
    pen.hairline(left, left + width, top - 18.0 * u);
    for (at, (key, what)) in keys.iter().enumerate() {
        let x = left + (at / rows) as f32 * (column + gap);
        let y = top + (at % rows) as f32 * row + row * 0.5;
        pen.text(
            pos2(x, y),
            Align::Min,
            &scene.t(key),
            size::BODY,
            Face::Bold,
            colour::GOLD,
        );
        let from = column * 0.38;
        let text = pen.fit(&scene.t(what), size::BODY, Face::Text, column - from);
        pen.text(
            pos2(x + from, y),
            Align::Min,
            &text,
            size::BODY,
            Face::Text,
            colour::INK,
        );
    }
}
