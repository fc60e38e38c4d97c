//! Every command does what it says, in the frame in which it is given. Runs Bevy without a window or a renderer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use bevy::prelude::*;
use bevy::state::app::StatesPlugin;
use meridian::DisplaySystems;
use meridian::command::{Command, Layer, ShowroomCommand};
use meridian::quality::Quality;
use meridian::text::Lang;
use meridian::view::{self, Screen, View};
use meridian_core::sales::{PlaceId, RegionId};
use meridian_wire::Scene;

/// What a system that follows the commands saw in the last frame.
#[derive(Resource, Default)]
struct Followed(Option<(Screen, View)>);

/// An order of systems as the display's, with the view and its commands.
fn app() -> App {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, StatesPlugin));
    app.configure_sets(
        Update,
        (
            DisplaySystems::Drain,
            DisplaySystems::Input,
            DisplaySystems::Apply,
            DisplaySystems::Follow,
        )
            .chain(),
    );
    app.add_plugins(view::plugin).init_resource::<Followed>();
    let follow = |screen: Res<State<Screen>>, view: Res<View>, mut followed: ResMut<Followed>| {
        followed.0 = Some((*screen.get(), view.clone()));
    };
    app.add_systems(Update, follow.in_set(DisplaySystems::Follow));
    app
}

/// What follows the commands sees after they were given in one frame.
fn after(app: &mut App, commands: &[Command]) -> (Screen, View) {
    for command in commands {
        app.world_mut().write_message(command.clone());
    }
    app.update();
    app.world_mut()
        .resource_mut::<Followed>()
        .0
        .take()
        .expect("a frame")
}

/// Into the showroom, as the showroom's own systems do it.
fn enter(app: &mut App) {
    app.world_mut()
        .resource_mut::<NextState<Screen>>()
        .set(Screen::Showroom);
    assert_eq!(after(app, &[]).0, Screen::Showroom);
}

const JAPAN: RegionId = RegionId(109);

/// A command of each kind. Without a wildcard: a new command has to be added, and to be tried below.
fn one_of_each() -> Vec<Command> {
    let all = vec![
        Command::ToggleLang,
        Command::Select(Some(JAPAN)),
        Command::FlyTo(JAPAN),
        Command::FlyToPlace(PlaceId(7)),
        Command::Nudge {
            east: 0.1,
            north: 0.0,
            zoom: 1.0,
        },
        Command::ToggleLayer(Layer::Columns),
        Command::SetQuality(Quality::Ultra),
        Command::ToggleHelp,
        Command::ToggleStats,
        Command::Search(Some("ja".to_owned())),
        Command::Back,
        Command::ToggleFullscreen,
        Command::Enter(None),
        Command::Show(Scene::Globe),
        Command::Showroom(ShowroomCommand::Reset),
        Command::Screenshot,
        Command::TogglePause,
        Command::Quit,
    ];
    for command in &all {
        match command {
            Command::ToggleLang
            | Command::Select(_)
            | Command::FlyTo(_)
            | Command::FlyToPlace(_)
            | Command::Nudge { .. }
            | Command::ToggleLayer(_)
            | Command::SetQuality(_)
            | Command::ToggleHelp
            | Command::ToggleStats
            | Command::Search(_)
            | Command::Back
            | Command::ToggleFullscreen
            | Command::Enter(_)
            | Command::Show(_)
            | Command::Showroom(_)
            | Command::Screenshot
            | Command::TogglePause
            | Command::Quit => {}
        }
    }
    all
}

#[test]
fn each_command_changes_what_it_says_and_nothing_else() {
    for command in one_of_each() {
        let mut app = app();
        let (_, before) = after(&mut app, &[]);
        let (screen, view) = after(&mut app, std::slice::from_ref(&command));
        let mut wanted = before.clone();
        match &command {
            Command::ToggleLang => wanted.lang = Lang::Zh,
            Command::Select(region) => {
                wanted.selected = *region;
                wanted.tour = false;
                wanted.hint_until_secs = 0.0;
            }
            Command::FlyTo(region) => {
                wanted.selected = Some(*region);
                wanted.tour = false;
            }
            Command::FlyToPlace(_) | Command::Nudge { .. } => {
                wanted.tour = false;
                wanted.hint_until_secs = 0.0;
            }
            Command::ToggleLayer(_) => wanted.layers.columns = true,
            Command::SetQuality(quality) => wanted.quality = *quality,
            Command::ToggleHelp => wanted.help_open = true,
            Command::ToggleStats => wanted.stats_open = true,
            Command::Search(text) => wanted.search.clone_from(text),
            // Nothing is open, and the tour is on.
            Command::Back | Command::Show(_) => {}
            // Carried out by the stage and by the showroom.
            Command::ToggleFullscreen
            | Command::Enter(_)
            | Command::Showroom(_)
            | Command::Screenshot
            | Command::TogglePause
            | Command::Quit => {}
        }
        assert_eq!(format!("{view:?}"), format!("{wanted:?}"), "{command:?}");
        assert_eq!(screen, Screen::Globe, "{command:?}");
    }
}

#[test]
fn back_closes_one_thing_after_the_other() {
    let mut app = app();
    enter(&mut app);
    after(
        &mut app,
        &[Command::Search(Some("ja".to_owned())), Command::ToggleHelp],
    );
    let (screen, view) = after(&mut app, &[Command::Back]);
    assert!(!view.help_open && view.search.is_some() && screen == Screen::Showroom);
    let (screen, view) = after(&mut app, &[Command::Back]);
    assert!(view.search.is_none() && screen == Screen::Showroom);
    let (screen, _) = after(&mut app, &[Command::Back]);
    assert_eq!(screen, Screen::Globe, "in the frame in which it is asked for");
    let (_, view) = after(&mut app, &[Command::Select(Some(JAPAN))]);
    assert!(view.selected == Some(JAPAN) && !view.tour);
    let (_, view) = after(&mut app, &[Command::Back]);
    assert!(view.selected.is_none() && view.tour);
}

#[test]
fn commands_of_one_frame_are_carried_out_in_their_order() {
    let mut app = app();
    enter(&mut app);
    // The product turns; after the way back it is the planet.
    let (_, view) = after(
        &mut app,
        &[Command::Nudge {
            east: 0.1,
            north: 0.0,
            zoom: 1.0,
        }],
    );
    assert!(view.tour);
    let (screen, view) = after(
        &mut app,
        &[
            Command::Back,
            Command::Nudge {
                east: 0.1,
                north: 0.0,
                zoom: 1.0,
            },
        ],
    );
    assert!(screen == Screen::Globe && !view.tour);
    let (_, view) = after(
        &mut app,
        &[Command::ToggleLang, Command::ToggleLang, Command::ToggleLang],
    );
    assert_eq!(view.lang, Lang::Zh);
}

#[test]
fn directors_show_the_planet_whatever_is_open() {
    let mut app = app();
    enter(&mut app);
    after(
        &mut app,
        &[Command::ToggleHelp, Command::Search(Some(String::new()))],
    );
    let (screen, view) = after(&mut app, &[Command::Show(Scene::Globe)]);
    assert!(screen == Screen::Globe && !view.help_open && view.search.is_none() && view.tour);
}
