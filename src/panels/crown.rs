//! What the tallest beam stands for, beside the planet.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

use super::format;
use super::pen::{Face, Pen};
use super::scene::Scene;
use crate::globe::camera::Sight;
use crate::layout::Layout;
use crate::theme::{colour, size};

/// From the planet to the words, and from the mark to them, in units.
const GAP: f32 = 14.0;
/// The mark: how high it is, and how wide at its foot.
const MARK: (f32, f32) = (34.0, 4.0);
/// From line to line.
const LINE: f32 = 20.0;
/// How wide lines are where there is little room.
const NARROW: f32 = 180.0;

/// A value of which no more is known than "about": two digits.
fn about(minor: i64, per_unit: i64) -> i64 {
    let step = 10_i64.pow(minor.max(1).ilog10().saturating_sub(1)).max(1);
    let rounded = minor.saturating_add(step / 2) / step * step;
    // Less than a whole unit isn't written.
    rounded.max(per_unit.min(minor))
}

/// Where words of this size may stand: at a corner of the planet's disc that is free, and which way they go from there.
fn place(scene: &Scene, sight: &Sight, layout: &Layout, words: Vec2) -> Option<(Rect, Align)> {
    let u = scene.pen.u;
    let margin = size::MARGIN * u;
    let picture = scene.frame.whole.shrink2(vec2(margin, margin * 0.5));
    let centre = pos2(sight.centre_px.x, sight.centre_px.y);
    let radius = sight.radius_px();
    let taken = layout
        .panels
        .map(|area| Rect::from_min_max(pos2(area.min.x, area.min.y), pos2(area.max.x, area.max.y)));
    let corners = [(1.0, -1.0), (-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    // Farther out where the disc's side is a panel.
    let angles = [0.25_f32, 0.31, 0.37, 0.20, 0.42];
    angles
        .into_iter()
        .flat_map(|turn| corners.map(|corner| (turn, corner)))
        .find_map(|(turn, (right, down))| {
            let (up, out) = (turn * std::f32::consts::PI).sin_cos();
            let at = centre + vec2(out * right, up * down) * radius + vec2(right, down) * GAP * u;
            let x = if right > 0.0 { at.x } else { at.x - words.x };
            let y = if down > 0.0 { at.y } else { at.y - words.y };
            let rect = Rect::from_min_size(pos2(x, y), words);
            let free = picture.contains_rect(rect)
                && !taken.iter().any(|area| area.intersects(rect.expand(GAP * u)));
            free.then_some((rect, if right > 0.0 { Align::Min } else { Align::Max }))
        })
}

/// A small beam.
fn mark(pen: &Pen, foot: Pos2) {
    let (height, half) = (MARK.0 * pen.u, MARK.1 * pen.u * 0.5);
    let outline = vec![
        foot - vec2(half, 0.0),
        foot - vec2(0.0, height),
        foot + vec2(half, 0.0),
    ];
    let fill = pen.tint(colour::BEAM);
    pen.painter
        .add(Shape::convex_polygon(outline, fill, Stroke::NONE));
}

/// Says how much the tallest beam stands for, and how the others go with it.
pub fn draw(scene: &Scene, sight: &Sight, layout: &Layout, tallest_minor: i64) {
    let pen = &scene.pen;
    let u = pen.u;
    let minor = about(tallest_minor, scene.per_unit());
    let units = format::axis(format::units(minor, scene.per_unit()), scene.lang());
    let value = scene.with_sign(&units);
    let scale = scene.tw("crown-scale", &[("value", value)]);
    let root = scene.t("crown-root");
    let indent = (GAP * 0.8 + MARK.1) * u;
    // In lines as they are, or in narrow ones.
    let found = [f32::INFINITY, NARROW * u].into_iter().find_map(|width| {
        let broken = |text: &str, face: Face, ink: Color32| {
            let lines = pen.wrap(text, size::SMALL, face, width);
            lines.into_iter().map(move |line| (line, face, ink))
        };
        let lines: Vec<(String, Face, Color32)> = broken(&scale, Face::Medium, colour::INK)
            .chain(broken(&root, Face::Text, colour::INK_SOFT))
            .collect();
        let wide = lines
            .iter()
            .map(|(line, face, _)| pen.width(line, size::SMALL, *face))
            .fold(0.0, f32::max);
        let high = (lines.len() as f32 * LINE).max(MARK.0) * u;
        let (rect, align) = place(scene, sight, layout, vec2(wide + indent, high))?;
        Some((lines, rect, align))
    });
    let Some((lines, rect, align)) = found else {
        return;
    };
    let (mark_x, x) = match align {
        Align::Min => (rect.left() + MARK.1 * u * 0.5, rect.left() + indent),
        _ => (rect.right() - MARK.1 * u * 0.5, rect.right() - indent),
    };
    mark(pen, pos2(mark_x, rect.bottom()));
    let mut base = rect.bottom() - 1.0 * u;
    for (line, face, ink) in lines.iter().rev() {
        pen.text(pos2(x, base), align, line, size::SMALL, *face, *ink);
        base -= LINE * u;
    }
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn about_is_two_digits_and_never_nothing() {
        assert_eq!(about(384_999_900, 100), 380_000_000);
        assert_eq!(about(385_000_000, 100), 390_000_000);
        assert_eq!(about(99_500, 100), 100_000);
        assert_eq!((about(412, 100), about(40, 100), about(1, 1)), (410, 40, 1));
    }
}
