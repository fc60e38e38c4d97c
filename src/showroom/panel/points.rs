//! What is drawn on the product: its points of interest and its lengths.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, Stroke, pos2, vec2};

use super::{Room, in_picture};
use crate::command::{Command, ShowroomCommand};
use crate::panels::controls::{Control, Controls};
use crate::panels::pen::Face;
use crate::panels::scene::Scene;
use crate::showroom::{Measure, points};
use crate::theme::{colour, size};

/// The points of interest that face the eye.
pub(super) fn draw(scene: &Scene, room: &Room, picture: Rect, controls: &mut Controls) {
    let Some(only) = room.exhibits.first().filter(|_| room.exhibits.count() == 1) else {
        return;
    };
    let seen = points::seen(&only, &room.orbit, room.ar.on, &room.exploded, &room.viewing);
    let u = scene.pen.u;
    let pointer = scene.pen.painter.ctx().pointer_hover_pos();
    let hotspots = only.exhibit.product().manifest.hotspots.iter();
    for (at, (hotspot, seen)) in hotspots.zip(seen).enumerate() {
        let Some(seen) = seen else { continue };
        let chosen = room.tour.point == Some(at);
        // Fades as it turns away; while another is explained, the rest step back.
        let facing = ((seen.facing - 0.05) / 0.3).clamp(0.0, 1.0);
        let opened = 1.0 - (room.exploded.share - hotspot.open).abs().min(1.0);
        let quiet = if room.tour.point.is_some() && !chosen {
            0.35
        } else {
            1.0
        };
        let opacity = if seen.hidden { 0.0 } else { facing * quiet * opened };
        if opacity < 0.02 {
            continue;
        }
        let pen = scene.pen.faded(opacity);
        let middle = in_picture(picture, seen.at);
        if !picture.contains(middle) {
            continue;
        }
        let ring = if chosen { colour::GOLD } else { colour::INK };
        pen.painter
            .circle_filled(middle, 9.0 * u, pen.tint(Color32::from_black_alpha(120)));
        pen.painter
            .circle_stroke(middle, 9.0 * u, Stroke::new((1.5 * u).max(1.0), pen.tint(ring)));
        pen.painter.circle_filled(middle, 3.0 * u, pen.tint(ring));
        let touch = Rect::from_center_size(middle, vec2(size::TOUCH, size::TOUCH) * u);
        let next = if chosen { None } else { Some(at) };
        let name = scene.lang().pick(&hotspot.name);
        let label = || name.to_owned();
        let point = || Command::Showroom(ShowroomCommand::Point(next));
        controls.button(&pen, Control::Point(at), touch, Some(chosen), label, point);
        // Its name comes with the pointer; a finger opens it at once.
        let near = pointer.map_or(0.0, |pointer| 1.8 - pointer.distance(middle) / (34.0 * u));
        let pen = pen.faded(near.clamp(0.0, 1.0));
        if chosen || pen.opacity < 0.02 {
            continue;
        }
        let right = middle.x < picture.center().x;
        let (x, align) = if right {
            (middle.x - 18.0 * u, Align::Max)
        } else {
            (middle.x + 18.0 * u, Align::Min)
        };
        // A dark edge keeps it legible over any product.
        let width = pen.width(name, size::SMALL, Face::Medium);
        let box_left = if right { x - width } else { x };
        let behind = Rect::from_min_max(
            pos2(box_left - 8.0 * u, middle.y - 12.0 * u),
            pos2(box_left + width + 8.0 * u, middle.y + 12.0 * u),
        );
        pen.painter
            .rect_filled(behind, 12.0 * u, pen.tint(Color32::from_black_alpha(130)));
        pen.text(
            pos2(x, middle.y + 5.0 * u),
            align,
            name,
            size::SMALL,
            Face::Medium,
            colour::INK,
        );
    }
}

/// A length as people write it.
fn length(metres: f32, measure: Measure) -> String {
    match measure {
        Measure::Metric if metres >= 1.0 => format!("{metres:.2} m"),
        Measure::Metric if metres >= 0.1 => format!("{:.1} cm", metres * 100.0),
        Measure::Metric => format!("{:.0} mm", metres * 1000.0),
        Measure::Imperial => format!("{:.1} in", metres / 0.0254),
    }
}

/// Width, height and depth, drawn along the box round the product on the sides that face the eye.
pub(super) fn draw_measure(scene: &Scene, room: &Room, picture: Rect) {
    let (Some(measure), Some(only)) = (room.measuring.0, room.exhibits.first()) else {
        return;
    };
    if room.exploded.share > 0.02 || room.exhibits.count() != 1 {
        return;
    }
    let (corners, extent) = points::corners(&only, &room.orbit, room.ar.on);
    let eye = room.viewing.eye;
    let seen: Vec<Option<Pos2>> = corners
        .iter()
        .map(|corner| eye.project(*corner).map(|at| in_picture(picture, at)))
        .collect();
    let at = |index: usize| seen.get(index).copied().flatten();
    let near = |a: usize, b: usize| -> f32 {
        let mid = |index: usize| corners.get(index).copied().unwrap_or_default();
        eye.transform.translation.distance((mid(a) + mid(b)) * 0.5)
    };
    // Of the edges that could tell a length, the nearest low one; for the height, the one farthest aside.
    let nearest = |edges: [(usize, usize); 2]| {
        let [one, other] = edges;
        if near(one.0, one.1) < near(other.0, other.1) {
            one
        } else {
            other
        }
    };
    let width = nearest([(0, 1), (3, 2)]);
    let depth = nearest([(1, 2), (0, 3)]);
    let height = [(0, 4), (1, 5), (2, 6), (3, 7)]
        .into_iter()
        .filter(|(low, _)| at(*low).is_some())
        .max_by(|a, b| {
            at(a.0)
                .map_or(0.0, |p| p.x)
                .total_cmp(&at(b.0).map_or(0.0, |p| p.x))
        });
    let mut edges = vec![(width, extent.x), (depth, extent.z)];
    edges.extend(height.map(|edge| (edge, extent.y)));
    let pen = &scene.pen;
    let u = pen.u;
    for ((from, to), metres) in edges {
        let (Some(a), Some(b)) = (at(from), at(to)) else {
            continue;
        };
        if a.distance(b) < 30.0 * u {
            continue;
        }
        let stroke = Stroke::new((1.4 * u).max(1.0), pen.tint(colour::CYAN));
        pen.painter.line_segment([a, b], stroke);
        let along = (b - a).normalized();
        let across = vec2(-along.y, along.x) * 6.0 * u;
        for end in [a, b] {
            pen.painter.line_segment([end - across, end + across], stroke);
        }
        let text = length(metres, measure);
        let middle = a + (b - a) * 0.5;
        let half = pen.width(&text, size::BODY, Face::Figures) * 0.5 + 8.0 * u;
        let plate = Rect::from_center_size(middle, vec2(half * 2.0, 26.0 * u));
        pen.painter
            .rect_filled(plate, 13.0 * u, pen.tint(colour::plate(215)));
        pen.text(
            pos2(middle.x, middle.y + 6.0 * u),
            Align::Center,
            &text,
            size::BODY,
            Face::Figures,
            colour::CYAN,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_as_people_write_them() {
        assert_eq!(length(0.0425, Measure::Metric), "42 mm");
        assert_eq!(length(0.265, Measure::Metric), "26.5 cm");
        assert_eq!(length(1.2, Measure::Metric), "1.20 m");
        assert_eq!(length(0.254, Measure::Imperial), "10.0 in");
    }
}
