//! The showroom's panels: what the product is, what can be done with it, what of it is sold.

use bevy_egui::egui::{Align, Color32, Pos2, Rect, Shape, Stroke, TextureId, pos2, vec2};

use super::ar::Ar;
use super::hands::{Press, Zone, Zones};
use super::place::Place;
use super::points;
use super::{Measure, Showroom, ShowroomCommand, Stereo};
use crate::panels::format;
use crate::panels::frame::Shape as Stands;
use crate::panels::pen::{Face, Pen};
use crate::panels::scene::Scene;
use crate::text::Lang;
use crate::theme::{colour, size};
use crate::view::Command;
use meridian_ar::tracker::Tracking;
use meridian_product::manifest;
use meridian_product::studio;

/// A thing to touch is at least so high, in units.
const TOUCH: f32 = 44.0;

/// Collects what can be pressed while drawing.
pub struct Presses<'a> {
    zones: &'a mut Zones,
    live: bool,
}

impl<'a> Presses<'a> {
    /// `live`: what is drawn can be pressed.
    pub fn new(zones: &'a mut Zones, live: bool) -> Self {
        Self { zones, live }
    }

    /// Something that can be tapped.
    pub fn tap(&mut self, rect: Rect, command: Command) {
        self.add(rect, Press::Tap(command));
    }

    fn add(&mut self, rect: Rect, press: Press) {
        if self.live {
            let rect = bevy::math::Rect::new(rect.left(), rect.top(), rect.right(), rect.bottom());
            self.zones.0.push(Zone { rect, press });
        }
    }
}

fn showroom_command(command: ShowroomCommand) -> Command {
    Command::Showroom(command)
}

/// The pictures that the panels lay over the globe.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pictures {
    /// The product, for each eye.
    pub product: Option<[TextureId; 2]>,
    /// The camera's picture behind it.
    pub behind: Option<TextureId>,
    /// The product's poster until it is there.
    pub poster: Option<TextureId>,
}

/// Draws the product's picture, then everything about it.
pub fn draw(scene: &Scene, room: &Showroom, ar: &Ar, pictures: Pictures, zones: &mut Zones) {
    if room.share <= 0.0 {
        return;
    }
    let place = Place::new(bevy::math::Vec2::new(
        scene.frame.whole.width(),
        scene.frame.whole.height(),
    ));
    let seen = ((room.share - 0.35) / 0.5).clamp(0.0, 1.0);
    let come = room.first().map_or(0.0, |stand| stand.share);
    let both = place.pictures(room.stereo, ar.aspect());
    let two = matches!(room.stereo, Some(Stereo::SideBySide | Stereo::Halves));
    if two {
        // Nothing else is seen: what lies between the two pictures would tear them apart.
        let dark = scene.pen.tint(colour::ROOM).gamma_multiply(seen);
        scene.pen.painter.rect_filled(place.whole, 0.0, dark);
    }
    let painter = &scene.pen.painter;
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    if let Some(behind) = pictures.behind {
        let tint = Color32::WHITE.gamma_multiply(seen);
        let [left, right] = both;
        painter.image(behind, left, whole, tint);
        if two {
            painter.image(behind, right, whole, tint);
        }
    }
    if let Some((poster, texture)) = room.poster.as_ref().zip(pictures.poster).filter(|_| !ar.on) {
        let level = seen * (1.0 - come) * poster.share;
        for rect in both.iter().take(if two { 2 } else { 1 }) {
            // The first view shows the sphere round the product, whatever the picture's shape; so does a poster.
            let side = rect.width().min(rect.height());
            let size = vec2(poster.aspect.min(1.0), (1.0 / poster.aspect).min(1.0)) * side;
            let at = Rect::from_center_size(rect.center(), size);
            painter.image(texture, at, whole, Color32::WHITE.gamma_multiply(level));
        }
    }
    if let Some([left, right]) = pictures.product.filter(|_| !room.stands.is_empty()) {
        let opacity = seen * come;
        // Grows out of the dark as the planet leaves.
        let grown = if ar.on { 1.0 } else { 0.86 + 0.14 * seen };
        let place_of = |rect: Rect| Rect::from_center_size(rect.center(), rect.size() * grown);
        let [at_left, at_right] = both.map(place_of);
        let tint = Color32::WHITE.gamma_multiply(opacity);
        let level = tint.r();
        match room.stereo {
            None => {
                painter.image(left, at_left, whole, tint);
            }
            // The left eye's red covers what is behind; the right eye's green and blue are added to it.
            Some(Stereo::Anaglyph) => {
                let red = Color32::from_rgba_premultiplied(level, 0, 0, level);
                let cyan = Color32::from_rgba_premultiplied(0, level, level, 0);
                painter.image(left, at_left, whole, red);
                painter.image(right, at_left, whole, cyan);
            }
            Some(Stereo::SideBySide | Stereo::Halves) => {
                painter.image(left, at_left, whole, tint);
                painter.image(right, at_right, whole, tint);
            }
        }
    }
    if two {
        for half in both {
            draw_caption(&scene.faded(seen), room, half);
        }
        return;
    }
    let faded = scene.faded(((room.share - 0.6) / 0.4).clamp(0.0, 1.0));
    let mut press = Presses::new(zones, room.share > 0.6);
    let [picture, _] = both;
    let in_sight = !ar.on || ar.eye().is_some() && ar.lost_secs == 0.0;
    if come > 0.95 && room.share > 0.95 && in_sight && room.stereo.is_none() {
        draw_measure(&faded, room, picture);
        draw_points(&faded, room, picture, &mut press);
    }
    if ar.on {
        draw_ar(&faded, ar, picture);
    }
    draw_coming(&faded, room, &place);
    draw_card(&faded, room, &place, &mut press);
    draw_shelf(&faded, room, &place, &mut press);
    super::sales::draw(&faded, room, &place);
}

/// What stands in each eye's picture: the product, the sale's value, and what the figures are.
fn draw_caption(scene: &Scene, room: &Showroom, half: Rect) {
    let pen = &scene.pen;
    let u = pen.u;
    let name = room
        .product()
        .map_or("", |product| scene.lang().pick(&product.manifest.name));
    let mode = scene.t(crate::panels::header::mode_key(scene.ledger.mode));
    let value = scene.money(scene.ledger.totals.counts.gmv_minor);
    let at = pos2(half.center().x, half.bottom() - 54.0 * u);
    pen.text(at, Align::Center, name, size::BODY, Face::Medium, colour::INK);
    let line = format!("{mode}  ·  {value}");
    let at = at + vec2(0.0, 26.0 * u);
    pen.text(
        at,
        Align::Center,
        &line,
        size::SMALL,
        Face::Medium,
        colour::INK_SOFT,
    );
}

/// Over the camera's picture: what it is, whether the sheet is in sight, which corners are still to be clicked.
fn draw_ar(scene: &Scene, ar: &Ar, picture: Rect) {
    let pen = &scene.pen;
    let u = pen.u;
    let plate = |at: Pos2, text: &str, ink: Color32| {
        let width = pen.width(text, size::BODY, Face::Medium);
        let rect = Rect::from_center_size(at, vec2(width + 32.0 * u, 34.0 * u));
        let dark = pen.tint(Color32::from_rgba_unmultiplied(4, 7, 13, 200));
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

/// On its way, or why not.
fn draw_coming(scene: &Scene, room: &Showroom, place: &Place) {
    let pen = &scene.pen;
    let u = place.u;
    let middle = place.product.center();
    if let Some(problem) = &room.problem {
        let width = place.product.width() * 0.8;
        pen.text(
            middle,
            Align::Center,
            &scene.t("showroom-refused"),
            size::TITLE,
            Face::Medium,
            colour::WARN,
        );
        let mut y = middle.y + 34.0 * u;
        for line in wrap(pen, problem, size::BODY, Face::Text, width) {
            pen.text(
                pos2(middle.x, y),
                Align::Center,
                &line,
                size::BODY,
                Face::Text,
                colour::INK_SOFT,
            );
            y += 25.0 * u;
        }
        return;
    }
    let Some(share) = room.progress().filter(|_| !room.loading.is_empty()) else {
        return;
    };
    let mut middle = middle;
    if room.poster.is_some() {
        middle.y = place.product.bottom() - 30.0 * u;
    } else {
        let name = room
            .product()
            .map_or("", |product| scene.lang().pick(&product.manifest.name));
        pen.text(
            pos2(middle.x, middle.y - 18.0 * u),
            Align::Center,
            name,
            size::TITLE,
            Face::Medium,
            colour::INK_SOFT,
        );
    }
    let bar = Rect::from_center_size(pos2(middle.x, middle.y + 10.0 * u), vec2(220.0 * u, 3.0 * u));
    pen.bar(bar, share, colour::GOLD);
}

/// Text in lines of at most a width, in points. Chinese breaks anywhere, English between words.
pub fn wrap(pen: &Pen, text: &str, type_size: f32, face: Face, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut word = String::new();
    let mut flush = |line: &mut String, word: &mut String| {
        let candidate = format!("{line}{word}");
        if !line.is_empty() && pen.width(candidate.trim_end(), type_size, face) > width {
            lines.push(std::mem::take(line).trim_end().to_owned());
        }
        line.push_str(std::mem::take(word).as_str());
    };
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        word.push(letter);
        // What ends a clause stays with what it ends.
        let ends = letters
            .peek()
            .is_some_and(|next| "，。、；：！？）》”".contains(*next));
        if letter == ' ' || (u32::from(letter) >= 0x2e80 && !ends) {
            flush(&mut line, &mut word);
        }
    }
    flush(&mut line, &mut word);
    lines.push(line.trim_end().to_owned());
    lines.retain(|line| !line.is_empty());
    lines
}

fn price(room: &Showroom, lang: Lang) -> Option<String> {
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

fn draw_card(scene: &Scene, room: &Showroom, place: &Place, press: &mut Presses) {
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
    let mut y = rect.top() + size::SMALL * u * 0.72;
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
    y += size::TITLE * 1.5 * u * 0.72 + 6.0 * u;
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
    let point = room.point.and_then(|at| manifest.hotspots.get(at));
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
        y += 26.0 * u;
    }
    for line in wrap(pen, text, size::BODY, Face::Text, column)
        .into_iter()
        .take(6)
    {
        pen.text(
            pos2(left, y),
            Align::Min,
            &line,
            size::BODY,
            Face::Text,
            colour::INK_SOFT,
        );
        y += 25.0 * u;
    }
    y += 12.0 * u;
    y = draw_swatches(scene, room, pos2(left, y), column, press);
    let (mut at, width) = if portrait {
        (pos2(rect.right() - column, rect.top()), column)
    } else {
        (pos2(left, y.max(rect.top() + rect.height() * 0.5)), column)
    };
    at = draw_actions(scene, room, at, width, rect.bottom(), press);
    draw_scrub(scene, room, at, width, press);
}

fn draw_swatches(scene: &Scene, room: &Showroom, at: Pos2, width: f32, press: &mut Presses) -> f32 {
    let Some(stand) = room.first() else { return at.y };
    let variants = &stand.prepared.model.variants;
    if variants.is_empty() {
        return at.y;
    }
    let pen = &scene.pen;
    let u = pen.u;
    let swatches = &stand.prepared.product.manifest.variants;
    let chosen = stand.variant.unwrap_or(0);
    let step = (TOUCH * u).min(width / variants.len() as f32);
    let y = at.y + TOUCH * u * 0.5;
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
        let touch = Rect::from_center_size(middle, vec2(step, TOUCH * u));
        press.tap(touch, showroom_command(ShowroomCommand::Variant(Some(index))));
    }
    let name = variants.get(chosen).map_or("", String::as_str);
    let name = swatches
        .get(name)
        .map_or(name, |swatch| scene.lang().pick(&swatch.name));
    let after = at.x + step * variants.len() as f32 + 8.0 * u;
    let (at, text) = if after + pen.width(name, size::BODY, Face::Medium) < at.x + width {
        (pos2(after, y + 6.0 * u), y + TOUCH * u * 0.5)
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

fn draw_actions(
    scene: &Scene,
    room: &Showroom,
    at: Pos2,
    width: f32,
    floor: f32,
    press: &mut Presses,
) -> Pos2 {
    let u = scene.pen.u;
    let mut rows: Vec<(&str, String, &str, bool, ShowroomCommand)> = Vec::new();
    if room.opens() {
        let state = if room.open_goal > 0.5 {
            "showroom-open"
        } else {
            "showroom-closed"
        };
        rows.push((
            "showroom-explode",
            scene.t(state),
            "E",
            room.open_goal > 0.5,
            ShowroomCommand::ToggleOpen,
        ));
    }
    if room
        .first()
        .is_some_and(|stand| !stand.prepared.product.manifest.hotspots.is_empty())
    {
        rows.push((
            "showroom-tour",
            String::new(),
            "T",
            room.tour_secs.is_some(),
            ShowroomCommand::ToggleTour,
        ));
    }
    let measure = match room.measure {
        None => String::new(),
        Some(Measure::Metric) => scene.t("showroom-metric"),
        Some(Measure::Imperial) => scene.t("showroom-imperial"),
    };
    rows.push((
        "showroom-measure",
        measure,
        "M",
        room.measure.is_some(),
        ShowroomCommand::NextMeasure,
    ));
    let light = scene.t(match room.studio {
        studio::Name::Studio => "showroom-light-studio",
        studio::Name::Daylight => "showroom-light-day",
        studio::Name::Stage => "showroom-light-stage",
    });
    rows.push(("showroom-light", light, "B", false, ShowroomCommand::Studio(None)));
    if room.shelf.products.len() > 1 {
        let beside = room.wanted.get(1).and_then(|id| room.shelf.product(id));
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
        room.in_ar,
        ShowroomCommand::ToggleAr,
    ));
    let eyes = match room.stereo {
        None => String::new(),
        Some(Stereo::Anaglyph) => scene.t("showroom-anaglyph"),
        Some(Stereo::SideBySide) => scene.t("showroom-sides"),
        Some(Stereo::Halves) => scene.t("showroom-halves"),
    };
    let on = room.stereo.is_some();
    rows.push(("showroom-stereo", eyes, "I", on, ShowroomCommand::NextStereo));
    let room_for = ((floor - at.y) / rows.len().max(1) as f32 - 0.5).min(TOUCH * u);
    let mut y = at.y;
    for (label, state, key, on, command) in rows {
        let rect = Rect::from_min_max(pos2(at.x, y), pos2(at.x + width, y + room_for));
        let state = scene.pen.fit(&state, size::BODY, Face::Text, width * 0.5);
        action(scene, rect, &scene.t(label), &state, key, on);
        press.tap(rect, showroom_command(command));
        y += room_for;
    }
    pos2(at.x, y)
}

/// The animation's place, with play and pause.
fn draw_scrub(scene: &Scene, room: &Showroom, at: Pos2, width: f32, press: &mut Presses) {
    let Some(animation) = room.animation() else { return };
    let pen = &scene.pen;
    let u = pen.u;
    let row = Rect::from_min_size(at, vec2(width, TOUCH * u));
    let middle = row.center().y;
    let button = pos2(at.x + 9.0 * u, middle);
    if room.playing.on {
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
    let name = called.map_or(animation.name.as_str(), |names| scene.lang().pick(names));
    let name = pen.fit(name, size::SMALL, Face::Text, width * 0.42);
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
        room.playing.secs / animation.duration_secs
    } else {
        0.0
    };
    pen.bar(track, share, colour::GOLD);
    pen.painter.circle_filled(
        pos2(track.left() + track.width() * share, middle),
        6.0 * u,
        pen.tint(colour::INK),
    );
    press.tap(
        Rect::from_center_size(button, vec2(TOUCH, TOUCH) * u),
        showroom_command(ShowroomCommand::TogglePlay),
    );
    press.add(track.expand2(vec2(8.0 * u, TOUCH * u * 0.5)), Press::Scrub);
}

fn draw_shelf(scene: &Scene, room: &Showroom, place: &Place, press: &mut Presses) {
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
    press.tap(
        Rect::from_min_max(
            pos2(rect.left() - 10.0 * u, rect.center().y - TOUCH * u * 0.5),
            pos2(text.right() + 20.0 * u, rect.center().y + TOUCH * u * 0.5),
        ),
        Command::Back,
    );
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
        .position(|(id, _)| room.wanted.first().is_some_and(|wanted| wanted == id))
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
        let beside = room.wanted.get(1).is_some_and(|wanted| wanted == id);
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
            pos2(x - gap * 0.5, rect.center().y - TOUCH * u * 0.5),
            pos2(x + width + gap * 0.5, rect.center().y + TOUCH * u * 0.5),
        );
        if touch.left() >= from - gap && touch.right() <= rect.right() + gap {
            press.tap(touch, Command::Enter(Some((*id).to_owned())));
        }
        x += width + gap;
    }
}

fn in_picture(picture: Rect, at: bevy::math::Vec2) -> Pos2 {
    picture.min + vec2(at.x * picture.width(), at.y * picture.height())
}

fn draw_points(scene: &Scene, room: &Showroom, picture: Rect, press: &mut Presses) {
    let Some(stand) = room.first().filter(|_| room.stands.len() == 1) else {
        return;
    };
    let u = scene.pen.u;
    let pointer = scene.pen.painter.ctx().pointer_hover_pos();
    for (at, (hotspot, seen)) in stand
        .prepared
        .product
        .manifest
        .hotspots
        .iter()
        .zip(points::seen(room))
        .enumerate()
    {
        let Some(seen) = seen else { continue };
        let chosen = room.point == Some(at);
        // Fades as it turns away; while another is explained, the rest step back.
        let facing = ((seen.facing - 0.05) / 0.3).clamp(0.0, 1.0);
        let opened = 1.0 - (room.open - hotspot.open).abs().min(1.0);
        let quiet = if room.point.is_some() && !chosen {
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
        let touch = Rect::from_center_size(middle, vec2(TOUCH, TOUCH) * u);
        let next = if chosen { None } else { Some(at) };
        press.tap(touch, showroom_command(ShowroomCommand::Point(next)));
        // Its name comes with the pointer; a finger opens it at once.
        let near = pointer.map_or(0.0, |pointer| 1.8 - pointer.distance(middle) / (34.0 * u));
        let pen = pen.faded(near.clamp(0.0, 1.0));
        if chosen || pen.opacity < 0.02 {
            continue;
        }
        let name = scene.lang().pick(&hotspot.name);
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
pub fn length(metres: f32, measure: Measure) -> String {
    match measure {
        Measure::Metric if metres >= 1.0 => format!("{metres:.2} m"),
        Measure::Metric if metres >= 0.1 => format!("{:.1} cm", metres * 100.0),
        Measure::Metric => format!("{:.0} mm", metres * 1000.0),
        Measure::Imperial => format!("{:.1} in", metres / 0.0254),
    }
}

/// Width, height and depth, drawn along the box round the product on the sides that face the eye.
fn draw_measure(scene: &Scene, room: &Showroom, picture: Rect) {
    let (Some(measure), Some((corners, extent))) = (room.measure, points::corners(room)) else {
        return;
    };
    if room.open > 0.02 || room.stands.len() != 1 {
        return;
    }
    let eye = room.eye;
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
        pen.painter.rect_filled(
            plate,
            13.0 * u,
            pen.tint(Color32::from_rgba_unmultiplied(4, 7, 13, 215)),
        );
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
