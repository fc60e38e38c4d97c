//! The feed's state: a line at the bottom edge, and a calm word on the planet when something is wrong.

use bevy_egui::egui::{Align, Rect, Stroke, pos2, vec2};

use super::format;
use super::header::mode_key;
use super::pen::Face;
use super::scene::Scene;
use crate::ledger::FeedStatus;
use crate::theme::{colour, size};
use meridian_wire::Level;

/// How long a notice stays, in seconds.
pub const NOTICE_SECS: f64 = 15.0;
/// How many notices stand at once.
const NOTICES: usize = 3;

/// Draws the line, the word and the notices. Its line ends at `right`.
pub fn draw(scene: &Scene, right: f32) {
    line(scene, right);
    trouble(scene);
    notices(scene);
}

fn status_key(status: FeedStatus) -> &'static str {
    match status {
        FeedStatus::Connecting => "feed-connecting",
        FeedStatus::Up => "feed-up",
        FeedStatus::Stalled => "feed-stalled",
        FeedStatus::Lost => "feed-lost",
        FeedStatus::Refused => "feed-refused",
    }
}

/// An age as people say it: tenths below ten seconds, then whole seconds, minutes, hours.
pub fn age(scene: &Scene, secs: f64) -> String {
    let secs = secs.max(0.0);
    if secs < 9.95 {
        scene.tw("secs", &[("n", format!("{secs:.1}"))])
    } else if secs < 120.0 {
        scene.tw("secs", &[("n", format!("{secs:.0}"))])
    } else if secs < 7200.0 {
        scene.tw("mins", &[("n", format!("{:.0}", (secs / 60.0).floor()))])
    } else {
        scene.tw("hours", &[("n", format!("{:.0}", (secs / 3600.0).floor()))])
    }
}

fn line(scene: &Scene, right: f32) {
    let pen = &scene.pen;
    let u = pen.u;
    let feed = scene.feed;
    let y = scene.frame.feed + size::SMALL * u * 0.36;
    let left = scene.frame.whole.left() + size::MARGIN * u;
    let wrong = matches!(
        feed.status,
        FeedStatus::Stalled | FeedStatus::Lost | FeedStatus::Refused
    );
    let ink = if wrong { colour::WARN } else { colour::INK_SOFT };
    let mark = pos2(left + 5.0 * u, y - size::SMALL * u * 0.36);
    let stroke = Stroke::new(1.6 * u, pen.tint(ink));
    match feed.status {
        FeedStatus::Up => {
            pen.painter.circle_filled(mark, 4.0 * u, pen.tint(colour::CYAN));
        }
        FeedStatus::Connecting => {
            pen.painter.circle_stroke(mark, 4.0 * u, stroke);
        }
        FeedStatus::Stalled => {
            let arm = vec2(5.0 * u, 0.0);
            pen.painter.line_segment([mark - arm, mark + arm], stroke);
        }
        FeedStatus::Lost | FeedStatus::Refused => {
            for arm in [vec2(4.0, 4.0) * u, vec2(4.0, -4.0) * u] {
                pen.painter.line_segment([mark - arm, mark + arm], stroke);
            }
        }
    }
    let mut parts = vec![
        scene.t(mode_key(scene.ledger.mode)),
        scene.t(status_key(feed.status)),
    ];
    if feed.paused {
        parts.push(scene.t("feed-paused"));
    }
    if scene.ledger.hello.is_some() {
        parts.push(scene.tw("feed-age", &[("age", age(scene, feed.age_secs))]));
        parts.push(scene.tw(
            "feed-latency",
            &[("ms", format!("{:.0}", feed.latency_ms.max(0.0)))],
        ));
        parts.push(scene.tw(
            "feed-lights",
            &[
                ("drawn", format::grouped(i128::from(scene.lights_drawn))),
                ("received", format::grouped(i128::from(feed.lights_received))),
            ],
        ));
        if feed.per_light > 1 {
            parts.push(scene.tw("feed-per-light", &[("n", feed.per_light.to_string())]));
        }
        if feed.reconnects > 0 {
            parts.push(scene.tw("feed-reconnects", &[("n", feed.reconnects.to_string())]));
        }
        let totals = &scene.ledger.totals;
        if totals.corrections > 0 {
            parts.push(scene.tw(
                "feed-corrections",
                &[
                    ("n", format::grouped(i128::from(totals.corrections))),
                    ("money", scene.money(-totals.corrected_minor)),
                ],
            ));
        }
    }
    let address_width = pen.width(&feed.address, size::SMALL, Face::Text);
    let text_left = left + 18.0 * u;
    let separator = "  ·  ";
    // The address gives way first, then the line's last parts, each whole: a figure that is cut off is another figure.
    let room = right - text_left;
    let mut text = parts.join(separator);
    while parts.len() > 1 && pen.width(&text, size::SMALL, Face::Text) > room {
        parts.pop();
        text = parts.join(separator);
    }
    let with_address = pen.width(&text, size::SMALL, Face::Text) + address_width + 40.0 * u <= room;
    let text = pen.fit(&text, size::SMALL, Face::Text, room);
    scene.small(pos2(text_left, y), Align::Min, &text, ink);
    if with_address {
        scene.small(pos2(right, y), Align::Max, &feed.address, colour::INK_SOFT);
    }
}

fn trouble(scene: &Scene) {
    let feed = scene.feed;
    let age = age(scene, feed.age_secs);
    let known = scene.ledger.hello.is_some();
    let head = match (feed.status, known) {
        (FeedStatus::Up, _) => return,
        (FeedStatus::Connecting, true) => return,
        (FeedStatus::Connecting, false) => scene.t("trouble-connecting"),
        (FeedStatus::Stalled, _) => scene.tw("trouble-stalled", &[("age", age)]),
        (FeedStatus::Lost, true) => scene.tw("trouble-lost", &[("age", age)]),
        (FeedStatus::Lost, false) => scene.t("trouble-unreachable"),
        (FeedStatus::Refused, _) => scene.t("trouble-refused"),
    };
    let pen = &scene.pen;
    let u = pen.u;
    let middle = pos2(scene.frame.hero.x, scene.frame.whole.height() * 0.5);
    let calm = feed.status == FeedStatus::Connecting;
    let width = pen.width(&head, size::TITLE * 1.25, Face::Bold);
    pen.shade(
        Rect::from_center_size(middle, vec2(width * 1.5 + 80.0 * u, 190.0 * u)),
        0.86,
    );
    pen.text(
        middle,
        Align::Center,
        &head,
        size::TITLE * 1.25,
        Face::Bold,
        if calm { colour::INK } else { colour::WARN },
    );
    let detail = feed.problem.clone().unwrap_or_else(|| feed.address.clone());
    let detail = pen.fit(
        &detail,
        size::BODY,
        Face::Text,
        scene.frame.whole.width() - 2.0 * size::MARGIN * u,
    );
    pen.text(
        middle + vec2(0.0, 34.0 * u),
        Align::Center,
        &detail,
        size::BODY,
        Face::Text,
        colour::INK,
    );
}

fn notices(scene: &Scene) {
    let pen = &scene.pen;
    let u = pen.u;
    let mut baseline = scene.frame.under + 46.0 * u;
    let recent = scene
        .feed
        .notices
        .iter()
        .rev()
        .filter(|(at, _)| (0.0..NOTICE_SECS).contains(&(scene.real_secs - at)))
        .take(NOTICES);
    for (at, notice) in recent {
        let left = (NOTICE_SECS - (scene.real_secs - at)) as f32;
        let pen = pen.faded(left / size::FADE_SECS);
        let ink = if notice.level >= Level::Warning {
            colour::WARN
        } else {
            colour::INK
        };
        let text = pen.fit(
            scene.lang().pick(&notice.text),
            size::BODY,
            Face::Medium,
            scene.frame.whole.width() * 0.5,
        );
        let width = pen.width(&text, size::BODY, Face::Medium);
        let middle = pos2(scene.frame.hero.x, baseline);
        pen.shade(
            Rect::from_center_size(
                middle - vec2(0.0, size::BODY * u * 0.36),
                vec2(width * 1.5 + 60.0 * u, 64.0 * u),
            ),
            0.8,
        );
        pen.text(middle, Align::Center, &text, size::BODY, Face::Medium, ink);
        baseline += 32.0 * u;
    }
}
