//! The search field: what it finds, and the keys it takes while it is open.

use bevy_egui::egui::{Align, Context, Event, Key, PointerButton, Pos2, Stroke, pos2};

use super::frame::Frame;
use super::pen::Face;
use super::scene::Scene;
use crate::command::Command;
use crate::text::Lang;
use crate::theme::{colour, size};
use meridian_core::sales::{Catalogue, PlaceId, RegionId};

/// The most results.
pub const RESULTS: usize = 7;
/// The longest text, in characters.
const MAX_TEXT_LETTERS: usize = 40;

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

/// Where the field stands: its left end, its width, its text's baseline.
fn field(frame: &Frame) -> (f32, f32, f32) {
    let width = (560.0 * frame.u).min(frame.whole.width() - 2.0 * size::MARGIN * frame.u);
    (frame.hero.x - width * 0.5, width, frame.whole.height() * 0.30)
}

/// Height of a result, in units.
const ROW: f32 = 40.0;
/// From the field's baseline to its line.
const LINE: f32 = 16.0;

/// The result at a point, counted from 0, or `None` beside them.
fn row_at(frame: &Frame, at: Pos2) -> Option<usize> {
    let (left, width, baseline) = field(frame);
    if !(left - 24.0 * frame.u..=left + width + 24.0 * frame.u).contains(&at.x) {
        return None;
    }
    // A row reaches from above its capitals to below its descenders.
    let row = (at.y - baseline - (LINE + ROW - 27.0) * frame.u) / (ROW * frame.u);
    (0.0..RESULTS as f32).contains(&row).then_some(row as usize)
}

fn fly_to(found: Option<&Found>) -> Vec<Command> {
    match found {
        Some(Found::Region(region)) => vec![Command::FlyTo(*region)],
        Some(Found::Place(place)) => vec![Command::FlyToPlace(*place), Command::Search(None)],
        None => Vec::new(),
    }
}

/// Takes the keys and the pointer: types in the field, chooses, flies. A click beside the results closes it.
/// Escape is [`Command::Back`], whose key belongs to the stage.
pub fn listen(
    ctx: &Context,
    frame: &Frame,
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
                return fly_to(found.get((*chosen).min(found.len().saturating_sub(1))));
            }
            Event::PointerMoved(at) => {
                if let Some(row) = row_at(frame, at) {
                    *chosen = row;
                }
            }
            Event::PointerButton {
                pos,
                button: PointerButton::Primary,
                pressed: false,
                ..
            } => {
                let found = world.map(|world| find(world, &text)).unwrap_or_default();
                let chosen = row_at(frame, pos).and_then(|row| found.get(row));
                let (_, _, baseline) = field(frame);
                let beside = chosen.is_none() && (pos.y - baseline).abs() > ROW * frame.u;
                return if beside {
                    vec![Command::Search(None)]
                } else {
                    fly_to(chosen)
                };
            }
            _ => {}
        }
    }
    // The slash that opened the field is no part of what is looked for.
    let text: String = text
        .trim_start_matches('/')
        .chars()
        .take(MAX_TEXT_LETTERS)
        .collect();
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
    let (left, width, mut y) = field(&scene.frame);
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
    y += LINE * u;
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
        y += ROW * u;
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
    use super::*;

    fn world() -> Catalogue {
        Catalogue::from_csv(
            "regions.csv",
            &meridian_core::files::read("assets/data/regions.csv").unwrap(),
            "cities.csv",
            &meridian_core::files::read("assets/data/cities.csv").unwrap(),
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
    fn each_result_is_hit_where_it_is_drawn() {
        for (width, height) in [(1920.0, 1080.0), (1080.0, 1920.0), (3840.0, 860.0)] {
            let frame = Frame::new(&crate::layout::Layout::for_size(bevy::math::Vec2::new(
                width, height,
            )));
            let (left, width, baseline) = field(&frame);
            for row in 0..RESULTS {
                let drawn_at = baseline + (LINE + ROW * (row as f32 + 1.0)) * frame.u;
                assert_eq!(
                    row_at(&frame, pos2(left + width * 0.5, drawn_at - 5.0 * frame.u)),
                    Some(row)
                );
            }
            assert_eq!(row_at(&frame, pos2(left + width * 0.5, baseline)), None);
            assert_eq!(
                row_at(&frame, pos2(left - 60.0 * frame.u, baseline + 60.0 * frame.u)),
                None
            );
        }
    }

    fn pressed(world: &Catalogue, events: Vec<Event>) -> Vec<Command> {
        let frame = Frame::new(&crate::layout::Layout::default());
        let ctx = Context::default();
        let input = bevy_egui::egui::RawInput {
            events,
            ..Default::default()
        };
        let mut commands = Vec::new();
        let _ = ctx.run_ui(input, |ui| {
            commands = listen(ui.ctx(), &frame, Some("Japan"), Some(world), &mut 0);
        });
        commands
    }

    #[test]
    fn a_click_flies_and_a_click_beside_closes() {
        let world = world();
        let frame = Frame::new(&crate::layout::Layout::default());
        let (left, _, baseline) = field(&frame);
        let click = |at: Pos2| {
            pressed(
                &world,
                vec![Event::PointerButton {
                    pos: at,
                    button: PointerButton::Primary,
                    pressed: false,
                    modifiers: Default::default(),
                }],
            )
        };
        let japan = world.by_iso2("JP").unwrap();
        let first = pos2(left + 20.0, baseline + (LINE + ROW - 6.0) * frame.u);
        assert_eq!(click(first), [Command::FlyTo(japan)]);
        assert_eq!(click(pos2(4.0, 4.0)), [Command::Search(None)]);
        assert!(click(pos2(left + 20.0, baseline)).is_empty());
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
