//! What the product is, and what can be done with it.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, Shape, Stroke, pos2, vec2};

use super::Room;
use crate::command::{Command, ShowroomCommand};
use crate::panels::controls::{Control, Controls};
use crate::panels::format;
use crate::panels::frame::Shape as Stands;
use crate::panels::pen::Face;
use crate::panels::scene::Scene;
use crate::showroom::place::Place;
use crate::showroom::{Measure, Stereo};
use crate::text::Lang;
use crate::theme::{colour, size};
use meridian_product::manifest;
use meridian_product::studio;

/// The price as it is written in its own currency, if the product has one.
fn price(room: &Room, lang: Lang) -> Option<String> {
    let tag = room.product()?.manifest.price?;
    let per_unit = tag.currency.minor_per_unit();
    let whole = format::grouped(i128::from(tag.amount.0 / per_unit));
    let rest = tag.amount.0 % per_unit;
    let places = usize::from(tag.currency.digits());
    let rest = if rest == 0 {
        String::new()
    } else {
        format!(".{rest:0places$}")
    };
    let gap = if tag.currency.symbol().len() > 3 { " " } else { "" };
    // The yuan and the yen share a sign: abroad, the code tells.
    let code = if lang == Lang::En && tag.currency.symbol() == "¥" {
        format!(" {}", tag.currency.code())
    } else {
        String::new()
    };
    Some(format!("{}{gap}{whole}{rest}{code}", tag.currency.symbol()))
}

/// What the product is, and what can be done with it.
pub(super) fn draw(scene: &Scene, room: &Room, place: &Place, controls: &mut Controls) {
    let Some(product) = room.product() else { return };
    let lang = scene.lang();
    let manifest = &product.manifest;
    let rect = place.card;
    let pen = &scene.pen;
    let u = place.u;
    let portrait = place.shape == Stands::Portrait;
    let gap = 44.0 * u;
    let column = if portrait {
        (rect.width() - gap) * 0.5
    } else {
        rect.width()
    };
    let left = rect.left();
    let mut y = rect.top() + size::SMALL * u * size::CAP;
    let category = lang.pick(&manifest.category);
    if !category.is_empty() {
        pen.text(
            pos2(left, y),
            Align::Min,
            category,
            size::SMALL,
            Face::Medium,
            colour::INK_SOFT,
        );
        y += 18.0 * u;
    }
    y += size::TITLE * 1.5 * u * size::CAP + 6.0 * u;
    let name = pen.fit(lang.pick(&manifest.name), size::TITLE * 1.5, Face::Bold, column);
    pen.text(
        pos2(left, y),
        Align::Min,
        &name,
        size::TITLE * 1.5,
        Face::Bold,
        colour::INK,
    );
    if let Some(price) = price(room, lang) {
        y += 40.0 * u;
        pen.text(
            pos2(left, y),
            Align::Min,
            &price,
            size::TITLE * 1.15,
            Face::Figures,
            colour::GOLD,
        );
    }
    y += 34.0 * u;
    // What is explained: the point of interest, or the product.
    let point = room.tour.point.and_then(|at| manifest.hotspots.get(at));
    let (head, text) = match point {
        Some(point) => (Some(lang.pick(&point.name)), lang.pick(&point.text)),
        None => (None, lang.pick(&manifest.text)),
    };
    if let Some(head) = head {
        pen.text(
            pos2(left, y),
            Align::Min,
            head,
            size::BODY,
            Face::Bold,
            colour::INK,
        );
        y += size::ROW * u;
    }
    for line in pen.wrap(text, size::BODY, Face::Text, column).into_iter().take(6) {
        pen.text(
            pos2(left, y),
            Align::Min,
            &line,
            size::BODY,
            Face::Text,
            colour::INK_SOFT,
        );
        y += size::LINE * u;
    }
    y += 12.0 * u;
    y = draw_swatches(scene, room, pos2(left, y), column, controls);
    let (mut at, width) = if portrait {
        (pos2(rect.right() - column, rect.top()), column)
    } else {
        (pos2(left, y.max(rect.top() + rect.height() * 0.5)), column)
    };
    at = draw_actions(scene, room, at, width, rect.bottom(), controls);
    draw_scrub(scene, room, at, width, controls);
}

/// The variants as dots of their colours, and the name of the chosen one; the y below.
fn draw_swatches(scene: &Scene, room: &Room, at: Pos2, width: f32, controls: &mut Controls) -> f32 {
    let Some(first) = room.exhibits.first() else {
        return at.y;
    };
    let variants = &first.exhibit.model().variants;
    if variants.is_empty() {
        return at.y;
    }
    let pen = &scene.pen;
    let u = pen.u;
    let swatches = &first.exhibit.product().manifest.variants;
    let chosen = first.variant.0.unwrap_or(0);
    let step = (size::TOUCH * u).min(width / variants.len() as f32);
    let y = at.y + size::TOUCH * u * 0.5;
    for (index, name) in variants.iter().enumerate() {
        let middle = pos2(at.x + step * index as f32 + 15.0 * u, y);
        let rgb = swatches
            .get(name)
            .and_then(|swatch| manifest::colour(&swatch.colour))
            .unwrap_or([128; 3]);
        let [r, g, b] = rgb;
        pen.painter
            .circle_filled(middle, 12.0 * u, pen.tint(Color32::from_rgb(r, g, b)));
        let stroke = |colour| Stroke::new(1.0_f32.max(u), pen.tint(colour));
        pen.painter.circle_stroke(middle, 12.0 * u, stroke(colour::LINE));
        if index == chosen {
            pen.painter.circle_stroke(
                middle,
                16.5 * u,
                Stroke::new((1.6 * u).max(1.0), pen.tint(colour::INK)),
            );
        }
        let touch = Rect::from_center_size(middle, vec2(step, size::TOUCH * u));
        let label = || {
            let swatch = swatches.get(name);
            swatch
                .map_or(name.as_str(), |swatch| scene.lang().pick(&swatch.name))
                .to_owned()
        };
        let choose = || Command::Showroom(ShowroomCommand::Variant(Some(index)));
        controls.button(
            pen,
            Control::Variant(index),
            touch,
            Some(index == chosen),
            label,
            choose,
        );
    }
    let name = variants.get(chosen).map_or("", String::as_str);
    let name = swatches
        .get(name)
        .map_or(name, |swatch| scene.lang().pick(&swatch.name));
    let after = at.x + step * variants.len() as f32 + 8.0 * u;
    let (at, text) = if after + pen.width(name, size::BODY, Face::Medium) < at.x + width {
        (pos2(after, y + 6.0 * u), y + size::TOUCH * u * 0.5)
    } else {
        (pos2(at.x, y + 40.0 * u), y + 52.0 * u)
    };
    pen.text(at, Align::Min, name, size::BODY, Face::Medium, colour::INK);
    text + 8.0 * u
}

/// A line that can be pressed: what it does, its state, its key.
fn action(scene: &Scene, rect: Rect, label: &str, state: &str, key: &str, on: bool) {
    let pen = &scene.pen;
    let u = pen.u;
    pen.hairline(rect.left(), rect.right(), rect.bottom());
    let y = rect.center().y + 6.0 * u;
    let ink = if on { colour::GOLD } else { colour::INK };
    pen.text(
        pos2(rect.left(), y),
        Align::Min,
        label,
        size::BODY,
        Face::Medium,
        ink,
    );
    pen.text(
        pos2(rect.right(), y),
        Align::Max,
        key,
        size::SMALL,
        Face::Text,
        colour::PAST,
    );
    pen.text(
        pos2(rect.right() - 34.0 * u, y),
        Align::Max,
        state,
        size::BODY,
        Face::Text,
        colour::INK_SOFT,
    );
}

/// What can be done with the product, a line each; where the lines end.
fn draw_actions(
    scene: &Scene,
    room: &Room,
    at: Pos2,
    width: f32,
    floor: f32,
    controls: &mut Controls,
) -> Pos2 {
    let u = scene.pen.u;
    let first = room.exhibits.first();
    let first = first.as_ref();
    let mut rows: Vec<(&str, String, &str, bool, ShowroomCommand)> = Vec::new();
    if first.is_some_and(|first| first.exhibit.opens()) {
        let opening = room.exploded.goal > 0.5;
        let state = if opening {
            "showroom-open"
        } else {
            "showroom-closed"
        };
        rows.push((
            "showroom-explode",
            scene.t(state),
            "E",
            opening,
            ShowroomCommand::ToggleOpen,
        ));
    }
    if first.is_some_and(|first| !first.exhibit.product().manifest.hotspots.is_empty()) {
        rows.push((
            "showroom-tour",
            String::new(),
            "T",
            room.tour.secs.is_some(),
            ShowroomCommand::ToggleTour,
        ));
    }
    let measure = match room.measuring.0 {
        None => String::new(),
        Some(Measure::Metric) => scene.t("showroom-metric"),
        Some(Measure::Imperial) => scene.t("showroom-imperial"),
    };
    rows.push((
        "showroom-measure",
        measure,
        "M",
        room.measuring.0.is_some(),
        ShowroomCommand::NextMeasure,
    ));
    let light = scene.t(match room.lamps.studio {
        studio::Name::Studio => "showroom-light-studio",
        studio::Name::Daylight => "showroom-light-day",
        studio::Name::Stage => "showroom-light-stage",
    });
    rows.push(("showroom-light", light, "B", false, ShowroomCommand::Studio(None)));
    if room.shelf.products.len() > 1 {
        let beside = room.wanted.ids.get(1).and_then(|id| room.shelf.product(id));
        let name = beside.map_or_else(String::new, |other| {
            scene.lang().pick(&other.manifest.name).to_owned()
        });
        rows.push((
            "showroom-compare",
            name,
            "C",
            beside.is_some(),
            ShowroomCommand::ToggleCompare,
        ));
    }
    rows.push((
        "showroom-ar",
        String::new(),
        "G",
        room.ar.on,
        ShowroomCommand::ToggleAr,
    ));
    let eyes = match room.viewing.stereo {
        None => String::new(),
        Some(Stereo::Anaglyph) => scene.t("showroom-anaglyph"),
        Some(Stereo::SideBySide) => scene.t("showroom-sides"),
        Some(Stereo::Halves) => scene.t("showroom-halves"),
    };
    let on = room.viewing.stereo.is_some();
    rows.push(("showroom-stereo", eyes, "I", on, ShowroomCommand::NextStereo));
    let room_for = ((floor - at.y) / rows.len().max(1) as f32 - 0.5).min(size::TOUCH * u);
    let mut y = at.y;
    for (label, state, key, on, command) in rows {
        let rect = Rect::from_min_max(pos2(at.x, y), pos2(at.x + width, y + room_for));
        let short = scene.pen.fit(&state, size::BODY, Face::Text, width * 0.5);
        action(scene, rect, &scene.t(label), &short, key, on);
        let read_out = || match state.as_str() {
            "" => scene.t(label),
            state => scene.pair(&scene.t(label), state),
        };
        let pressed = || Command::Showroom(command);
        controls.button(
            &scene.pen,
            Control::Action(label),
            rect,
            Some(on),
            read_out,
            pressed,
        );
        y += room_for;
    }
    pos2(at.x, y)
}

/// The animation's place, with play and pause.
fn draw_scrub(scene: &Scene, room: &Room, at: Pos2, width: f32, controls: &mut Controls) {
    let Some(first) = room.exhibits.first() else {
        return;
    };
    let playing = first.playing;
    let Some(animation) = playing.animation(first.exhibit.model()) else {
        return;
    };
    let pen = &scene.pen;
    let u = pen.u;
    let row = Rect::from_min_size(at, vec2(width, size::TOUCH * u));
    let middle = row.center().y;
    let button = pos2(at.x + 9.0 * u, middle);
    if playing.on {
        for side in [-1.0, 1.0] {
            let bar = Rect::from_center_size(button + vec2(4.0 * u * side, 0.0), vec2(4.0 * u, 15.0 * u));
            pen.painter.rect_filled(bar, 0.0, pen.tint(colour::INK));
        }
    } else {
        let points = vec![
            button + vec2(-5.0, -8.0) * u,
            button + vec2(9.0, 0.0) * u,
            button + vec2(-5.0, 8.0) * u,
        ];
        pen.painter
            .add(Shape::convex_polygon(points, pen.tint(colour::INK), Stroke::NONE));
    }
    let called = room
        .product()
        .and_then(|product| product.manifest.animations.get(&animation.name));
    let full = called.map_or(animation.name.as_str(), |names| scene.lang().pick(names));
    let name = pen.fit(full, size::SMALL, Face::Text, width * 0.42);
    let text = pen.text(
        pos2(row.right(), middle + 5.0 * u),
        Align::Max,
        &name,
        size::SMALL,
        Face::Text,
        colour::INK_SOFT,
    );
    let track = Rect::from_min_max(
        pos2(at.x + 34.0 * u, middle - 1.5 * u),
        pos2(text.left() - 18.0 * u, middle + 1.5 * u),
    );
    let share = if animation.duration_secs > 0.0 {
        playing.secs / animation.duration_secs
    } else {
        0.0
    };
    pen.bar(track, share, colour::GOLD);
    pen.painter.circle_filled(
        pos2(track.left() + track.width() * share, middle),
        6.0 * u,
        pen.tint(colour::INK),
    );
    let touch = Rect::from_center_size(button, vec2(size::TOUCH, size::TOUCH) * u);
    let state = if playing.on {
        "showroom-pause"
    } else {
        "showroom-play"
    };
    let label = || scene.pair(&scene.t(state), full);
    let play = || Command::Showroom(ShowroomCommand::TogglePlay);
    controls.button(pen, Control::Play, touch, None, label, play);
    let touch = track.expand2(vec2(8.0 * u, size::TOUCH * u * 0.5));
    let scrub = |share| Command::Showroom(ShowroomCommand::Scrub(share));
    controls.slider(pen, Control::Scrub, touch, share, || full.to_owned(), scrub);
}
