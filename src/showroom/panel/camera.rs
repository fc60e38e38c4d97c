//! Texts over the camera's picture.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, Stroke, pos2, vec2};

use super::in_picture;
use crate::panels::pen::Face;
use crate::panels::scene::Scene;
use crate::showroom::ar::Ar;
use crate::theme::{colour, size};
use meridian_ar::tracker::Tracking;

/// Over the camera's picture: what it is, whether the sheet is in sight, which corners are still to be clicked.
pub(super) fn draw(scene: &Scene, ar: &Ar, picture: Rect) {
    let pen = &scene.pen;
    let u = pen.u;
    let plate = |at: Pos2, text: &str, ink: Color32| {
        let width = pen.width(text, size::BODY, Face::Medium);
        let rect = Rect::from_center_size(at, vec2(width + 32.0 * u, 34.0 * u));
        let dark = pen.tint(colour::plate(200));
        pen.painter.rect_filled(rect, 17.0 * u, dark);
        pen.text(
            pos2(at.x, at.y + 6.0 * u),
            Align::Center,
            text,
            size::BODY,
            Face::Medium,
            ink,
        );
    };
    let top = pos2(picture.center().x, picture.top() + 30.0 * u);
    let bottom = pos2(picture.center().x, picture.bottom() - 30.0 * u);
    if let Some(still) = &ar.still {
        let to_screen = |at: &bevy::math::DVec2| {
            let share = at.as_vec2() / ar.size.as_vec2().max(bevy::math::Vec2::ONE);
            in_picture(picture, share)
        };
        if still.solved.is_none() {
            let stroke = Stroke::new((2.0 * u).max(1.0), pen.tint(colour::CYAN));
            for corner in &still.corners {
                pen.painter.circle_stroke(to_screen(corner), 8.0 * u, stroke);
            }
            let left = 4 - still.corners.len().min(4);
            let text = scene.tw("ar-corners", &[("left", left.to_string())]);
            plate(bottom, &text, colour::INK);
        }
        if let Some(problem) = &still.problem {
            plate(top, problem, colour::WARN);
        }
        return;
    }
    if ar.synthetic() {
        plate(top, &scene.t("ar-synthetic"), colour::CYAN);
    }
    let Some(tracked) = &ar.tracked else {
        plate(bottom, &scene.t("ar-opening"), colour::INK_SOFT);
        return;
    };
    match &tracked.tracking {
        Tracking::Found { .. } | Tracking::Held { .. } => {}
        Tracking::Opening => plate(bottom, &scene.t("ar-opening"), colour::INK_SOFT),
        Tracking::Lost => plate(bottom, &scene.t("ar-lost"), colour::WARN),
        Tracking::NoCamera { error, retry } => {
            let now = std::time::Instant::now();
            let secs = retry.saturating_duration_since(now).as_secs_f32();
            let retry = scene.tw("ar-retry", &[("n", format!("{secs:.0}"))]);
            let error = pen.fit(error, size::BODY, Face::Medium, picture.width() * 0.86);
            plate(bottom - vec2(0.0, 42.0 * u), &error, colour::WARN);
            plate(bottom, &retry, colour::INK_SOFT);
        }
    }
}
