//! The search field: what it finds, and the keys it takes while it is open.

use bevy_egui::egui::{Align, Context, Event, Key, Stroke, pos2};

use super::pen::Face;
use super::scene::Scene;
use crate::display::text::Lang;
use crate::display::theme::{colour, size};
use crate::display::view::Command;
use crate::sales::{Catalogue, PlaceId, RegionId};

/// Most results.
pub const RESULTS: usize = 7;
/// Longest text, in characters.
const LONGEST: usize = 40;

/// Something found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A region.
    Region(RegionId),
    /// A city.
    Place(PlaceId),
}

/// Regions by either name or code, then cities by name; exact codes first, then beginnings, then parts.
pub fn find(world: &Catalogue, text: &str) -> Vec<Found> {
    let wanted = text.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let score = |name: &str| -> Option<u32> {
        let name = name.to_lowercase();
        if name == wanted {
            Some(0)
        } else if name.starts_with(&wanted) {
            Some(1)
        } else if name.split([' ', '-']).any(|word| word.starts_with(&wanted)) {
            Some(2)
        } else {
            // One letter inside a word says nothing in Latin; one Chinese character does.
            (name.contains(&wanted) && (wanted.len() > 2)).then_some(4)
        }
    };
    let mut found: Vec<(u32, u64, Found)> = Vec::new();
    for (at, region) in world.regions().iter().enumerate() {
        let by_code = [&region.iso2, &region.iso3]
            .into_iter()
            .any(|code| code.to_lowercase() == wanted)
            .then_some(0);
        let best = [score(&region.name_en), score(&region.name_zh), by_code]
            .into_iter()
            .flatten()
            .min();
        if let Some(score) = best {
            found.push((score * 2, region.population, Found::Region(RegionId(at as u8))));
        }
    }
    for (at, place) in world.places().iter().enumerate() {
        if let Some(score) = score(&place.name) {
            found.push((
                score * 2 + 1,
                u64::from(place.population),
                Found::Place(PlaceId(at as u16)),
            ));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    found
        .into_iter()
        .map(|(_, _, found)| found)
        .take(RESULTS)
        .collect()
}

/// Takes the keys: opens the field, types in it, chooses, flies. Escape is [`Command::Back`], whose
/// key belongs to the stage.
pub fn listen(
    ctx: &Context,
    search: Option<&str>,
    world: Option<&Catalogue>,
    chosen: &mut usize,
) -> Vec<Command> {
    let events = ctx.input(|input| input.events.clone());
    let mut commands = Vec::new();
    let Some(open) = search else {
        *chosen = 0;
        return commands;
    };
    let mut text = open.to_owned();
    for event in events {
        match event {
            Event::Text(typed) | Event::Paste(typed) => {
                text.extend(typed.chars().filter(|symbol| !symbol.is_control()));
                *chosen = 0;
            }
            Event::Key {
                key: Key::Backspace,
                pressed: true,
                ..
            } => {
                text.pop();
                *chosen = 0;
            }
            Event::Key {
                key: Key::ArrowDown,
                pressed: true,
                ..
            } => *chosen = (*chosen + 1).min(RESULTS - 1),
            Event::Key {
                key: Key::ArrowUp,
                pressed: true,
                ..
            } => *chosen = chosen.saturating_sub(1),
            Event::Key {
                key: Key::Enter,
                pressed: true,
                ..
            } => {
                let found = world.map(|world| find(world, &text)).unwrap_or_default();
                let at = (*chosen).min(found.len().saturating_sub(1));
                match found.get(at) {
                    Some(Found::Region(region)) => commands.push(Command::FlyTo(*region)),
                    Some(Found::Place(place)) => {
                        commands.push(Command::FlyToPlace(*place));
                        commands.push(Command::Search(None));
                    }
                    None => {}
                }
                return commands;
            }
            _ => {}
        }
    }
    // The slash that opened the field is no part of what is looked for.
    let text: String = text.trim_start_matches('/').chars().take(LONGEST).collect();
    if text != open {
        commands.push(Command::Search(Some(text)));
    }
    commands
}

/// Draws the field and what it found.
pub fn draw(scene: &Scene) {
    let Some(text) = scene.view.search.as_deref() else {
        return;
    };
    let pen = &scene.pen;
    let u = pen.u;
    pen.painter.rect_filled(
        scene.frame.whole,
        0.0,
        pen.tint(colour::ROOM).gamma_multiply(0.82),
    );
    let width = (560.0 * u).min(scene.frame.whole.width() - 2.0 * size::MARGIN * u);
    let left = scene.frame.hero.x - width * 0.5;
    let mut y = scene.frame.whole.height() * 0.30;
    let type_size = size::TITLE * 1.25;
    let shown = if text.is_empty() {
        pen.text(
            pos2(left, y),
            Align::Min,
            &scene.t("search-hint"),
            type_size,
            Face::Text,
            colour::PAST,
        );
        left
    } else {
        pen.text(
            pos2(left, y),
            Align::Min,
            text,
            type_size,
            Face::Medium,
            colour::INK,
        )
        .right()
            + 3.0 * u
    };
    if scene.now_secs.fract() < 0.6 {
        pen.painter.vline(
            shown,
            (y - type_size * u * 0.85)..=(y + type_size * u * 0.2),
            Stroke::new(2.0 * u, pen.tint(colour::GOLD)),
        );
    }
    y += 16.0 * u;
    pen.painter.hline(
        left..=left + width,
        y,
        Stroke::new(1.5 * u, pen.tint(colour::GOLD)),
    );
    let Some(world) = scene.world else {
        return;
    };
    let found = find(world, text);
    if found.is_empty() && !text.trim().is_empty() {
        pen.text(
            pos2(left, y + 40.0 * u),
            Align::Min,
            &scene.t("search-nothing"),
            size::BODY,
            Face::Text,
            colour::INK_SOFT,
        );
    }
    let chosen = scene.state.chosen.min(found.len().saturating_sub(1));
    for (at, item) in found.iter().enumerate() {
        y += 40.0 * u;
        let (name, detail) = match item {
            Found::Region(id) => {
                let region = world.region(*id);
                let other = region.map_or("", |region| match scene.lang() {
                    Lang::En => region.name_zh.as_str(),
                    Lang::Zh => region.name_en.as_str(),
                });
                (scene.region_name(id.0), other.to_owned())
            }
            Found::Place(id) => world.place(*id).map_or_else(
                || (String::new(), String::new()),
                |place| (place.name.clone(), scene.region_name(place.region.0)),
            ),
        };
        let is_chosen = at == chosen;
        if is_chosen {
            pen.painter.vline(
                left - 16.0 * u,
                (y - 18.0 * u)..=(y + 6.0 * u),
                Stroke::new(3.0 * u, pen.tint(colour::GOLD)),
            );
        }
        pen.text(
            pos2(left, y),
            Align::Min,
            &pen.fit(&name, size::BODY * 1.15, Face::Medium, width * 0.62),
            size::BODY * 1.15,
            Face::Medium,
            if is_chosen { colour::INK } else { colour::INK_SOFT },
        );
        pen.text(
            pos2(left + width, y),
            Align::Max,
            &pen.fit(&detail, size::BODY, Face::Text, width * 0.36),
            size::BODY,
            Face::Text,
            colour::INK_SOFT,
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn world() -> Catalogue {
        Catalogue::from_csv(
            "regions.csv",
            &crate::files::read("assets/data/regions.csv").unwrap(),
            "cities.csv",
            &crate::files::read("assets/data/cities.csv").unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn regions_are_found_by_names_and_codes() {
        let world = world();
        let japan = Found::Region(world.by_iso2("JP").unwrap());
        for text in ["Japan", "japan", "jap", "日本", "JP", "jpn", " Japan "] {
            assert_eq!(find(&world, text).first(), Some(&japan), "{text}");
        }
        assert!(find(&world, "").is_empty());
        assert!(find(&world, "zzzzqq").is_empty());
        assert!(find(&world, "a").len() <= RESULTS);
    }

    #[test]
    fn cities_are_found_by_name() {
        let world = world();
        let found = find(&world, "Osaka");
        assert!(
            found
                .iter()
                .any(|item| matches!(item, Found::Place(id) if world.place(*id).unwrap().name == "Osaka"))
        );
    }
}
