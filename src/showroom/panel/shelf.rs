//! The way back, and the shelf's products in a line.

use bevy_egui::egui::{Align, Rect, Stroke, pos2, vec2};

use super::Room;
use crate::command::Command;
use crate::panels::controls::{Control, Controls};
use crate::panels::pen::Face;
use crate::panels::scene::Scene;
use crate::showroom::place::Place;
use crate::theme::{colour, size};

/// Draws the line.
pub(super) fn draw(scene: &Scene, room: &Room, place: &Place, controls: &mut Controls) {
    let pen = &scene.pen;
    let u = place.u;
    let rect = place.shelf;
    let y = rect.center().y + 6.0 * u;
    // The way back, always in the same corner.
    let back = scene.t("showroom-back");
    let arrow = pos2(rect.left() + 5.0 * u, rect.center().y);
    let points = vec![
        arrow + vec2(5.0, -7.0) * u,
        arrow + vec2(-3.0, 0.0) * u,
        arrow + vec2(5.0, 7.0) * u,
    ];
    pen.curve(points, 2.0, colour::INK);
    let text = pen.text(
        pos2(rect.left() + 20.0 * u, y),
        Align::Min,
        &back,
        size::BODY,
        Face::Medium,
        colour::INK,
    );
    let touch = Rect::from_min_max(
        pos2(rect.left() - 10.0 * u, rect.center().y - size::TOUCH * u * 0.5),
        pos2(text.right() + 20.0 * u, rect.center().y + size::TOUCH * u * 0.5),
    );
    controls.button(pen, Control::Back, touch, None, || back.clone(), || Command::Back);
    let type_size = size::BODY;
    let gap = 40.0 * u;
    let names: Vec<(&str, &str)> = room
        .shelf
        .products
        .iter()
        .map(|product| (product.id.as_str(), scene.lang().pick(&product.manifest.name)))
        .collect();
    let widths: Vec<f32> = names
        .iter()
        .map(|(_, name)| pen.width(name, type_size, Face::Medium))
        .collect();
    let from = text.right() + 40.0 * u;
    let total: f32 = widths.iter().sum::<f32>() + gap * names.len().saturating_sub(1) as f32;
    let chosen = names
        .iter()
        .position(|(id, _)| room.wanted.first() == Some(*id))
        .unwrap_or(0);
    let before: f32 = widths.iter().take(chosen).map(|width| width + gap).sum();
    let own = widths.get(chosen).copied().unwrap_or(0.0);
    // In the middle of the product's picture where it fits; otherwise the chosen one is kept in sight.
    let span = rect.right() - from;
    let start = if total <= span {
        (place.product.center().x - total * 0.5).clamp(from, rect.right() - total)
    } else {
        (from + span * 0.5 - before - own * 0.5).clamp(rect.right() - total, from)
    };
    let clipped = pen.clipped(Rect::from_min_max(
        pos2(from - 10.0 * u, rect.top()),
        pos2(rect.right() + 10.0 * u, rect.bottom()),
    ));
    let mut x = start;
    for (at, ((id, name), width)) in names.iter().zip(&widths).enumerate() {
        let is = at == chosen;
        let beside = room.wanted.ids.get(1).is_some_and(|wanted| wanted == id);
        let ink = if is || beside { colour::INK } else { colour::PAST };
        let drawn = clipped.text(pos2(x, y), Align::Min, name, type_size, Face::Medium, ink);
        if is || beside {
            let stroke = Stroke::new(
                (2.0 * u).max(1.0),
                clipped.tint(if is { colour::GOLD } else { colour::CYAN }),
            );
            clipped
                .painter
                .hline(drawn.left()..=drawn.right(), y + 10.0 * u, stroke);
        }
        let touch = Rect::from_min_max(
            pos2(x - gap * 0.5, rect.center().y - size::TOUCH * u * 0.5),
            pos2(x + width + gap * 0.5, rect.center().y + size::TOUCH * u * 0.5),
        );
        if touch.left() >= from - gap && touch.right() <= rect.right() + gap {
            let label = || (*name).to_owned();
            let enter = || Command::Enter(Some((*id).to_owned()));
            controls.button(pen, Control::Product(id), touch, Some(is), label, enter);
        }
        x += width + gap;
    }
}
