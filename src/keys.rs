//! The keys: one table for looking up presses and drawing the sheet of keys; a test compares docs/keys.md with it.

use bevy::input::keyboard::Key;

use crate::command::{Command, Layer, ShowroomCommand};
use crate::quality::Quality;
use crate::view::Screen;

/// A key, or a character with or without Control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// A character, in lower case. It is a command only where nobody types.
    Text(&'static str),
    /// A character while Control is held.
    Ctrl(&'static str),
    /// A key without a character; a command even where somebody types.
    Named(Named),
}

/// The keys without a character that do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keys' own names")]
pub enum Named {
    F3,
    F11,
    F12,
    Escape,
    PageUp,
    PageDown,
}

/// The command of a press, at this quality.
type Makes = fn(Quality) -> Command;

/// A line of the sheet of keys: what is pressed or done by hand, and what it does.
pub struct Shortcut {
    /// The text that names the keys or the gesture; none: it isn't on the sheet.
    pub label: Option<&'static str>,
    /// The text that says what they do.
    pub help: &'static str,
    /// The presses and their commands; a gesture has none.
    pub presses: &'static [(Press, Makes)],
}

const fn gesture(label: &'static str, help: &'static str) -> Shortcut {
    line(label, help, &[])
}

const fn line(label: &'static str, help: &'static str, presses: &'static [(Press, Makes)]) -> Shortcut {
    Shortcut {
        label: Some(label),
        help,
        presses,
    }
}

use Press::{Ctrl, Text};

/// What works everywhere, unless the showroom has another use for the key. In the order of the sheet.
pub static KEYS: &[Shortcut] = &[
    gesture("key-drag", "help-drag"),
    gesture("key-wheel", "help-wheel"),
    gesture("key-arrows", "help-arrows"),
    gesture("key-plus", "help-plus"),
    gesture("key-click", "help-click"),
    gesture("key-double-click", "help-double-click"),
    line(
        "key-search",
        "help-search",
        &[(Text("/"), search), (Ctrl("f"), search)],
    ),
    line(
        "key-escape",
        "help-escape",
        &[(Press::Named(Named::Escape), |_| Command::Back)],
    ),
    line(
        "key-crown-view",
        "help-crown-view",
        &[(Text("c"), |_| Command::FlyToCrown)],
    ),
    line(
        "key-showroom",
        "help-showroom",
        &[(Text("p"), |_| Command::Enter(None))],
    ),
    line(
        "key-space",
        "help-space",
        &[(Text(" "), |_| Command::TogglePause)],
    ),
    line("key-lang", "help-lang", &[(Text("l"), |_| Command::ToggleLang)]),
    line(
        "key-arcs",
        "help-arcs",
        &[(Text("1"), |_| Command::ToggleLayer(Layer::Arcs))],
    ),
    line(
        "key-crown",
        "help-crown",
        &[(Text("2"), |_| Command::ToggleLayer(Layer::Crown))],
    ),
    line(
        "key-choropleth",
        "help-choropleth",
        &[(Text("3"), |_| Command::ToggleLayer(Layer::Choropleth))],
    ),
    line(
        "key-names",
        "help-names",
        &[(Text("4"), |_| Command::ToggleLayer(Layer::Labels))],
    ),
    line(
        "key-warmth",
        "help-warmth",
        &[(Text("5"), |_| Command::ToggleLayer(Layer::Warmth))],
    ),
    line(
        "key-quality",
        "help-quality",
        &[(Text("q"), |quality| Command::SetQuality(next_quality(quality)))],
    ),
    line(
        "key-stats",
        "help-stats",
        &[(Press::Named(Named::F3), |_| Command::ToggleStats)],
    ),
    line(
        "key-fullscreen",
        "help-fullscreen",
        &[(Press::Named(Named::F11), |_| Command::ToggleFullscreen)],
    ),
    line(
        "key-screenshot",
        "help-screenshot",
        &[(Press::Named(Named::F12), |_| Command::Screenshot)],
    ),
    line("key-quit", "help-quit", &[(Ctrl("q"), |_| Command::Quit)]),
    // The sheet says it in its head.
    Shortcut {
        label: None,
        help: "help-close",
        presses: &[(Text("?"), help), (Text("？"), help), (Text("h"), help)],
    },
];

/// What works in the showroom alone, before [`KEYS`]. In the order of its sheet.
pub static ROOM_KEYS: &[Shortcut] = &[
    gesture("key-drag", "help-room-drag"),
    gesture("key-room-two", "help-room-two"),
    gesture("key-room-three", "help-room-three"),
    line(
        "key-double-click",
        "help-room-reset",
        &[(Text("r"), |_| Command::Showroom(ShowroomCommand::Reset))],
    ),
    line(
        "key-room-next",
        "help-room-next",
        &[
            (Text(","), before),
            (Text("，"), before),
            (Press::Named(Named::PageUp), before),
            (Text("."), after),
            (Text("。"), after),
            (Press::Named(Named::PageDown), after),
        ],
    ),
    line(
        "key-room-variant",
        "help-room-variant",
        &[(Text("v"), |_| Command::Showroom(ShowroomCommand::Variant(None)))],
    ),
    line(
        "key-room-open",
        "showroom-explode",
        &[(Text("e"), |_| Command::Showroom(ShowroomCommand::ToggleOpen))],
    ),
    line(
        "key-room-play",
        "help-room-play",
        &[
            (Text("k"), |_| Command::Showroom(ShowroomCommand::TogglePlay)),
            (Text("n"), |_| Command::Showroom(ShowroomCommand::NextAnimation)),
        ],
    ),
    line(
        "key-room-tour",
        "showroom-tour",
        &[(Text("t"), |_| Command::Showroom(ShowroomCommand::ToggleTour))],
    ),
    line(
        "key-room-measure",
        "showroom-measure",
        &[(Text("m"), |_| Command::Showroom(ShowroomCommand::NextMeasure))],
    ),
    line(
        "key-room-light",
        "showroom-light",
        &[(Text("b"), |_| Command::Showroom(ShowroomCommand::Studio(None)))],
    ),
    line(
        "key-room-exposure",
        "help-room-exposure",
        &[
            (Text("["), darker),
            (Text("【"), darker),
            (Text("]"), brighter),
            (Text("】"), brighter),
        ],
    ),
    line(
        "key-room-compare",
        "showroom-compare",
        &[(Text("c"), |_| Command::Showroom(ShowroomCommand::ToggleCompare))],
    ),
    line(
        "key-room-ar",
        "showroom-ar",
        &[(Text("g"), |_| Command::Showroom(ShowroomCommand::ToggleAr))],
    ),
    line(
        "key-room-stereo",
        "showroom-stereo",
        &[(Text("i"), |_| Command::Showroom(ShowroomCommand::NextStereo))],
    ),
    line(
        "key-room-export",
        "help-room-export",
        &[(Text("x"), |_| Command::Showroom(ShowroomCommand::Export))],
    ),
    line(
        "key-room-back",
        "showroom-back",
        &[
            (Text("p"), |_| Command::Back),
            (Press::Named(Named::Escape), |_| Command::Back),
        ],
    ),
    line("key-lang", "help-lang", &[]),
    line("key-fullscreen", "help-fullscreen", &[]),
    line("key-quit", "help-quit", &[]),
];

/// How much a press makes the studio brighter.
const BRIGHTER: f32 = 1.15;

fn search(_: Quality) -> Command {
    Command::Search(Some(String::new()))
}

fn help(_: Quality) -> Command {
    Command::ToggleHelp
}

fn before(_: Quality) -> Command {
    Command::Showroom(ShowroomCommand::Next(-1))
}

fn after(_: Quality) -> Command {
    Command::Showroom(ShowroomCommand::Next(1))
}

fn darker(_: Quality) -> Command {
    Command::Showroom(ShowroomCommand::Exposure(1.0 / BRIGHTER))
}

fn brighter(_: Quality) -> Command {
    Command::Showroom(ShowroomCommand::Exposure(BRIGHTER))
}

/// The preset after this one.
fn next_quality(quality: Quality) -> Quality {
    match quality {
        Quality::Software => Quality::Low,
        Quality::Low => Quality::High,
        Quality::High => Quality::Ultra,
        Quality::Ultra => Quality::Software,
    }
}

fn named(key: &Key) -> Option<Named> {
    Some(match key {
        Key::F3 => Named::F3,
        Key::F11 => Named::F11,
        Key::F12 => Named::F12,
        Key::Escape => Named::Escape,
        Key::PageUp => Named::PageUp,
        Key::PageDown => Named::PageDown,
        _ => return None,
    })
}

/// The command of a key that was pressed. `typing`: a text field has the keyboard.
pub fn command_of(key: &Key, ctrl: bool, typing: bool, screen: Screen, quality: Quality) -> Option<Command> {
    let lower = match key {
        Key::Character(text) => text.to_lowercase(),
        Key::Space => " ".to_owned(),
        _ => String::new(),
    };
    let is_pressed = |press: &Press| match *press {
        Press::Named(name) => named(key) == Some(name),
        Ctrl(text) => ctrl && text == lower,
        Text(text) => !ctrl && !typing && text == lower,
    };
    let room: &[Shortcut] = if screen == Screen::Showroom {
        ROOM_KEYS
    } else {
        &[]
    };
    let mut presses = room.iter().chain(KEYS).flat_map(|shortcut| shortcut.presses);
    let (_, makes) = presses.find(|(press, _)| is_pressed(press))?;
    Some(makes(quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::Character(text.into())
    }

    /// The command of a key on this screen, while nobody types.
    fn on(screen: Screen, key: &Key, ctrl: bool) -> Option<Command> {
        command_of(key, ctrl, false, screen, Quality::Ultra)
    }

    #[test]
    fn letters_are_commands_only_where_nobody_types() {
        let typing = |key: &Key, ctrl| command_of(key, ctrl, true, Screen::Globe, Quality::High);
        assert_eq!(on(Screen::Globe, &key("l"), false), Some(Command::ToggleLang));
        assert_eq!(on(Screen::Globe, &key("L"), false), Some(Command::ToggleLang));
        assert_eq!(typing(&key("l"), false), None);
        assert_eq!(typing(&Key::Escape, false), Some(Command::Back));
        assert_eq!(typing(&Key::F12, false), Some(Command::Screenshot));
        assert_eq!(
            typing(&key("f"), true),
            Some(Command::Search(Some(String::new())))
        );
    }

    #[test]
    fn q_cycles_quality_and_with_control_leaves() {
        let next = Some(Command::SetQuality(Quality::Software));
        assert_eq!(on(Screen::Globe, &key("q"), false), next);
        assert_eq!(on(Screen::Globe, &key("q"), true), Some(Command::Quit));
    }

    #[test]
    fn letters_mean_the_product_in_the_showroom() {
        let open = Some(Command::Showroom(ShowroomCommand::ToggleOpen));
        assert_eq!(on(Screen::Showroom, &key("e"), false), open);
        assert_eq!(on(Screen::Globe, &key("e"), false), None);
        assert_eq!(on(Screen::Showroom, &key("p"), false), Some(Command::Back));
        assert_eq!(on(Screen::Globe, &key("p"), false), Some(Command::Enter(None)));
        assert_eq!(on(Screen::Showroom, &key("l"), false), Some(Command::ToggleLang));
        assert_eq!(on(Screen::Globe, &Key::PageDown, false), None);
    }

    #[test]
    fn no_press_stands_twice() {
        for keys in [KEYS, ROOM_KEYS] {
            let all: Vec<Press> = keys
                .iter()
                .flat_map(|shortcut| shortcut.presses)
                .map(|(press, _)| *press)
                .collect();
            for (at, press) in all.iter().enumerate() {
                assert!(!all[..at].contains(press), "{press:?}");
            }
        }
    }

    /// What a press is called in English texts.
    fn name(press: Press) -> Option<String> {
        Some(match press {
            Text(" ") => "Space".to_owned(),
            // Said for keyboards that have these instead.
            Text("，" | "。" | "【" | "】" | "？") => return None,
            Text(text) => text.to_uppercase(),
            Ctrl(text) => format!("Ctrl {}", text.to_uppercase()),
            Press::Named(Named::Escape) => "Esc".to_owned(),
            Press::Named(Named::PageUp) => "Page Up".to_owned(),
            Press::Named(Named::PageDown) => "Page Down".to_owned(),
            Press::Named(name) => format!("{name:?}"),
        })
    }

    #[test]
    fn the_sheet_names_the_keys_that_are_pressed() {
        let english = include_str!("../assets/locales/en.ftl");
        let chinese = include_str!("../assets/locales/zh.ftl");
        for (texts, space) in [(english, "Space"), (chinese, "空格")] {
            let text = |key: &str| {
                let found = texts
                    .lines()
                    .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
                found.unwrap_or_else(|| panic!("{key} isn't in a locale"))
            };
            for shortcut in KEYS.iter().chain(ROOM_KEYS) {
                text(shortcut.help);
                let Some(label) = shortcut.label else { continue };
                for (press, _) in shortcut.presses {
                    // A key beside a gesture, and second keys that the sheet has no room for.
                    let is_second =
                        matches!(press, Text("r") | Press::Named(Named::PageUp | Named::PageDown));
                    let Some(name) = name(*press).filter(|_| !is_second) else {
                        continue;
                    };
                    let name = name.replace("Space", space);
                    assert!(
                        text(label).contains(&name),
                        "{label} = {} doesn't name {name}",
                        text(label)
                    );
                }
            }
        }
    }

    #[test]
    fn every_key_stands_in_the_docs() {
        let docs = include_str!("../docs/keys.md");
        let (globe, room) = docs.split_once("## In the showroom").expect("a chapter for each");
        for (keys, chapter) in [(KEYS, globe), (ROOM_KEYS, room)] {
            for (press, _) in keys.iter().flat_map(|shortcut| shortcut.presses) {
                let Some(name) = name(*press) else { continue };
                // `1` … `5` stands for those between.
                let in_a_row = ["2", "3", "4"].contains(&name.as_str());
                assert!(
                    in_a_row || chapter.contains(&format!("`{name}`")),
                    "{name} isn't in docs/keys.md"
                );
            }
        }
    }
}
