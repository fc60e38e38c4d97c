//! Every command does what it says, in the frame in which it is given, and a frame's systems run in the order that
//! [`DisplaySystems`] promises. Runs Bevy without a window or a renderer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bevy::app::{ScheduleRunnerPlugin, TerminalCtrlCHandlerPlugin};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::render::view::screenshot::Screenshot;
use bevy::state::app::StatesPlugin;
use bevy::time::TimeUpdateStrategy;
use bevy::window::{PrimaryWindow, WindowMode};
use bevy::winit::WinitPlugin;
use bevy_egui::{EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass};
use meridian::DisplaySystems;
use meridian::command::{Command, Layer, ShowroomCommand};
use meridian::globe::camera::Rig;
use meridian::ledger::{FeedHealth, Ledger, LightsArrived, Regions};
use meridian::link::Inbox;
use meridian::quality::Quality;
use meridian::showroom::ar::{Ar, ArSetup};
use meridian::showroom::exhibit::{Exhibit, Playing, Slot, Variant};
use meridian::showroom::lamps::Lamps;
use meridian::showroom::orbit::Orbit;
use meridian::showroom::{Exploded, Measure, Measuring, Stereo, Tour, Viewing, Wanted};
use meridian::stage::{self, PauseControl};
use meridian::text::Lang;
use meridian::view::{self, Screen, View};
use meridian_core::sales::{PlaceId, RegionId};
use meridian_gateway::{Publisher, ScenarioSource, Source, load_catalogue};
use meridian_product::studio;
use meridian_wire::{Body, Scene};

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

/// A list with an example of each kind of a command. It doesn't compile where a kind is missing, and no example can stand
/// for another kind than its own.
macro_rules! one_of_each {
    ($type:ty { $($kind:pat => $example:expr,)* }) => {{
        let all: Vec<$type> = vec![$($example),*];
        let kinds: Vec<fn(&$type) -> bool> = vec![$(|command| matches!(command, $kind)),*];
        let every_kind_is_here = |command: &$type| match command {
            $($kind => (),)*
        };
        for (command, is_its_kind) in all.iter().zip(kinds) {
            every_kind_is_here(command);
            assert!(is_its_kind(command), "{command:?}");
        }
        all
    }};
}

fn every_command() -> Vec<Command> {
    one_of_each!(Command {
        Command::ToggleLang => Command::ToggleLang,
        Command::Select(_) => Command::Select(Some(JAPAN)),
        Command::FlyTo(_) => Command::FlyTo(JAPAN),
        Command::FlyToPlace(_) => Command::FlyToPlace(PlaceId(7)),
        Command::FlyToCrown => Command::FlyToCrown,
        Command::Nudge { .. } => Command::Nudge {
            east: 0.1,
            north: 0.0,
            zoom: 1.0,
        },
        Command::ToggleLayer(_) => Command::ToggleLayer(Layer::Crown),
        Command::SetQuality(_) => Command::SetQuality(Quality::Ultra),
        Command::ToggleHelp => Command::ToggleHelp,
        Command::ToggleStats => Command::ToggleStats,
        Command::Search(_) => Command::Search(Some("ja".to_owned())),
        Command::Back => Command::Back,
        Command::ToggleFullscreen => Command::ToggleFullscreen,
        Command::Enter(_) => Command::Enter(None),
        Command::Show(_) => Command::Show(Scene::Globe),
        Command::Showroom(_) => Command::Showroom(ShowroomCommand::Reset),
        Command::Screenshot => Command::Screenshot,
        Command::TogglePause => Command::TogglePause,
        Command::Quit => Command::Quit,
    })
}

/// In an order in which each finds what it needs.
fn every_showroom_command() -> Vec<ShowroomCommand> {
    one_of_each!(ShowroomCommand {
        ShowroomCommand::Variant(_) => ShowroomCommand::Variant(Some(2)),
        ShowroomCommand::Studio(_) => ShowroomCommand::Studio(None),
        ShowroomCommand::Exposure(_) => ShowroomCommand::Exposure(1.25),
        ShowroomCommand::ToggleOpen => ShowroomCommand::ToggleOpen,
        ShowroomCommand::TogglePlay => ShowroomCommand::TogglePlay,
        ShowroomCommand::Scrub(_) => ShowroomCommand::Scrub(0.5),
        ShowroomCommand::NextAnimation => ShowroomCommand::NextAnimation,
        ShowroomCommand::NextMeasure => ShowroomCommand::NextMeasure,
        ShowroomCommand::Point(_) => ShowroomCommand::Point(Some(1)),
        ShowroomCommand::ToggleTour => ShowroomCommand::ToggleTour,
        ShowroomCommand::Reset => ShowroomCommand::Reset,
        ShowroomCommand::Turn(..) => ShowroomCommand::Turn(0.3, 0.1),
        ShowroomCommand::Zoom(_) => ShowroomCommand::Zoom(0.8),
        ShowroomCommand::Pan(..) => ShowroomCommand::Pan(0.1, 0.0),
        ShowroomCommand::NextStereo => ShowroomCommand::NextStereo,
        ShowroomCommand::Export => ShowroomCommand::Export,
        ShowroomCommand::ToggleAr => ShowroomCommand::ToggleAr,
        ShowroomCommand::Corner(_) => ShowroomCommand::Corner(Vec2::new(0.25, 0.75)),
        ShowroomCommand::ToggleCompare => ShowroomCommand::ToggleCompare,
        ShowroomCommand::Compare(_) => ShowroomCommand::Compare(Some("chair".to_owned())),
        ShowroomCommand::Next(_) => ShowroomCommand::Next(1),
    })
}

#[test]
fn each_command_changes_what_it_says_and_nothing_else() {
    for command in every_command() {
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
            Command::FlyToPlace(_) | Command::FlyToCrown | Command::Nudge { .. } => {
                wanted.tour = false;
                wanted.hint_until_secs = 0.0;
            }
            Command::ToggleLayer(_) => wanted.layers.crown = false,
            Command::SetQuality(quality) => wanted.quality = *quality,
            Command::ToggleHelp => wanted.help_open = true,
            Command::ToggleStats => wanted.stats_open = true,
            Command::Search(text) => wanted.search.clone_from(text),
            // Nothing is open, and the tour is on.
            Command::Back | Command::Show(_) => {}
            // Carried out by the stage and by the showroom: see below.
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

/// A whole display without a renderer, whose time moves only by frames.
struct Display {
    app: App,
    pauses: Arc<AtomicUsize>,
}

impl Display {
    fn new() -> Self {
        let plugins = DefaultPlugins
            .build()
            .set(RenderPlugin {
                render_creation: RenderCreation::Automatic(Box::new(WgpuSettings {
                    backends: None,
                    ..default()
                })),
                ..default()
            })
            .disable::<LogPlugin>()
            .disable::<TerminalCtrlCHandlerPlugin>()
            .disable::<WinitPlugin>()
            .disable::<PipelinedRenderingPlugin>()
            .add(ScheduleRunnerPlugin::run_once());
        let mut app = App::new();
        app.add_plugins((plugins, EguiPlugin::default()));
        app.world_mut()
            .resource_mut::<EguiGlobalSettings>()
            .auto_create_primary_context = false;
        let pauses = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pauses);
        app.insert_resource(Regions(load_catalogue().unwrap()))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(33)))
            .insert_resource(PauseControl(Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            })))
            .add_plugins((meridian::plugin, stage::input::plugin, stage::screenshot::plugin));
        app.world_mut().resource_mut::<View>().reduced_motion = true;
        app.finish();
        app.cleanup();
        app.update();
        Self { app, pauses }
    }

    /// Gives a command, and draws a frame.
    fn give(&mut self, command: Command) {
        self.app.world_mut().write_message(command);
        self.app.update();
    }

    fn get<R: Resource>(&self) -> &R {
        self.app.world().resource::<R>()
    }

    fn screen(&self) -> Screen {
        *self.get::<State<Screen>>().get()
    }

    /// How many entities are so.
    fn count<C: Component>(&mut self, is_so: impl Fn(&C) -> bool) -> usize {
        let world = self.app.world_mut();
        let mut all = world.query::<&C>();
        all.iter(world).filter(|component| is_so(component)).count()
    }

    /// The notices that are shown.
    fn notices(&self) -> Vec<&str> {
        let notices = self.get::<FeedHealth>().notices.iter();
        notices.map(|(_, notice)| notice.code.as_str()).collect()
    }

    /// Something of the exhibit in view.
    fn first<C: Component + Clone>(&mut self) -> Option<C> {
        let world = self.app.world_mut();
        let mut all = world.query::<(&Slot, &C)>();
        all.iter(world)
            .min_by_key(|(slot, _)| **slot)
            .map(|(_, component)| component.clone())
    }

    /// Draws frames until what is wanted stands there.
    fn wait(&mut self) {
        for _ in 0..10 {
            self.app.update();
            let wanted = self.get::<Wanted>().ids.clone();
            let mut there: Vec<(usize, String)> = Vec::new();
            let world = self.app.world_mut();
            let mut all = world.query::<(&Slot, &Exhibit)>();
            for (slot, exhibit) in all.iter(world) {
                there.push((slot.0, exhibit.product().id.clone()));
            }
            there.sort();
            if there.into_iter().map(|(_, id)| id).eq(wanted) {
                return;
            }
        }
        panic!("{:?} don't come", self.get::<Wanted>());
    }
}

#[test]
fn each_command_is_carried_out_by_the_part_of_the_display_that_it_concerns() {
    let mut display = Display::new();
    for command in every_command() {
        let (before, pose) = (display.get::<View>().clone(), display.get::<Rig>().pose());
        display.give(command.clone());
        if matches!(command, Command::FlyTo(_) | Command::FlyToPlace(_)) {
            // Until it has arrived.
            for _ in 0..40 {
                display.app.update();
            }
        }
        let (view, now) = (display.get::<View>().clone(), display.get::<Rig>().pose());
        match &command {
            Command::ToggleLang => assert_ne!(view.lang, before.lang),
            Command::Select(region) => assert_eq!(view.selected, *region),
            Command::FlyTo(RegionId(id)) => {
                let catalogue = load_catalogue().unwrap();
                let region = catalogue.region(RegionId(*id)).unwrap();
                assert!((f64::from(now.lat_deg) - region.label_lat).abs() < 1.0, "{now:?}");
            }
            Command::FlyToPlace(_) | Command::Nudge { .. } => assert_ne!(now, pose),
            // Nothing was sold: there is no beam to fly to.
            Command::FlyToCrown => assert!(now == pose && view.layers.crown),
            Command::ToggleLayer(_) => assert_ne!(view.layers, before.layers),
            Command::SetQuality(quality) => {
                assert_eq!(view.quality, *quality);
                // What a display has to tell is drained with the next frame's feed.
                display.app.update();
                assert!(display.notices().contains(&"quality_set"));
            }
            Command::ToggleHelp => assert_ne!(view.help_open, before.help_open),
            Command::ToggleStats => assert_ne!(view.stats_open, before.stats_open),
            Command::Search(text) => assert_eq!(view.search, *text),
            Command::Back => assert!(before.help_open && !view.help_open),
            Command::ToggleFullscreen => {
                let world = display.app.world_mut();
                let mut windows = world.query_filtered::<&Window, With<PrimaryWindow>>();
                let window = windows.single(world).unwrap();
                assert_ne!(window.mode, WindowMode::Windowed);
            }
            Command::Enter(_) => {
                assert_eq!(display.screen(), Screen::Showroom);
                assert_eq!(display.get::<Wanted>().ids.len(), 1);
            }
            Command::Show(_) => assert_eq!(display.screen(), Screen::Globe),
            // Each of them is tried below.
            Command::Showroom(_) => {}
            Command::Screenshot => assert_eq!(display.count(|_: &Screenshot| true), 1),
            Command::TogglePause => assert_eq!(display.pauses.load(Ordering::Relaxed), 1),
            Command::Quit => assert_eq!(display.app.should_exit(), Some(AppExit::Success)),
        }
    }
}

#[test]
fn each_command_of_the_showroom_changes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("photo.png");
    image::RgbImage::new(400, 300).save(&photo).unwrap();
    let mut display = Display::new();
    display.app.insert_resource(ArSetup {
        photo: Some(photo),
        ..default()
    });
    display.give(Command::Enter(Some("earbuds".to_owned())));
    display.wait();
    for command in every_showroom_command() {
        try_in_showroom(&mut display, &command);
    }
    display.give(Command::Back);
    assert_eq!(display.screen(), Screen::Globe);
    display.app.update();
    assert_eq!(display.count(|_: &Exhibit| true), 0, "nothing stays behind");
    display.give(Command::Showroom(ShowroomCommand::ToggleOpen));
    assert_eq!(display.get::<Exploded>().goal, 0.0, "nobody is there to want it");
}

/// Gives a command of the showroom, and looks at what it changes.
fn try_in_showroom(display: &mut Display, command: &ShowroomCommand) {
    let lamps = display.get::<Lamps>().clone();
    let orbit = display.get::<Orbit>().clone();
    let playing = display.first::<Playing>().unwrap();
    let wanted = display.get::<Wanted>().ids.clone();
    display.give(Command::Showroom(command.clone()));
    match command {
        ShowroomCommand::Variant(chosen) => {
            assert_eq!(display.first::<Variant>(), Some(Variant(*chosen)));
            display.give(Command::Showroom(ShowroomCommand::Variant(None)));
            assert_eq!(display.first::<Variant>(), Some(Variant(Some(3))));
        }
        ShowroomCommand::Studio(_) => {
            assert_eq!(display.get::<Lamps>().studio, lamps.studio.next());
            let named = ShowroomCommand::Studio(Some(studio::Name::Stage));
            display.give(Command::Showroom(named));
            assert_eq!(display.get::<Lamps>().studio, studio::Name::Stage);
        }
        ShowroomCommand::Exposure(factor) => {
            assert_eq!(display.get::<Lamps>().exposure, lamps.exposure * factor);
        }
        ShowroomCommand::ToggleOpen => {
            assert_eq!(
                *display.get::<Exploded>(),
                Exploded {
                    share: 1.0,
                    goal: 1.0
                }
            );
        }
        ShowroomCommand::TogglePlay => {
            let now = display.first::<Playing>().unwrap();
            assert!(!playing.on && now.on && now.secs > 0.0);
        }
        ShowroomCommand::Scrub(share) => {
            let exhibit = display.first::<Playing>().unwrap();
            assert!(!exhibit.on && exhibit.secs > playing.secs, "{share}: {exhibit:?}");
        }
        ShowroomCommand::NextAnimation => {
            let now = display.first::<Playing>().unwrap();
            assert!(now.on && now.secs < playing.secs, "from its beginning");
        }
        ShowroomCommand::NextMeasure => {
            assert_eq!(display.get::<Measuring>().0, Some(Measure::Metric));
        }
        ShowroomCommand::Point(point) => {
            assert_eq!(display.get::<Tour>().point, *point);
            assert_ne!(display.get::<Orbit>().goal, orbit.goal);
        }
        ShowroomCommand::ToggleTour => {
            let tour = display.get::<Tour>();
            assert!(tour.point == Some(0) && tour.secs.is_some());
        }
        ShowroomCommand::Reset => {
            assert_eq!(*display.get::<Tour>(), Tour::default());
            assert_eq!(display.get::<Orbit>().goal.distance, orbit.home.distance);
        }
        ShowroomCommand::Turn(..) => {
            assert_ne!(display.get::<Orbit>().goal.azimuth, orbit.goal.azimuth);
        }
        ShowroomCommand::Zoom(_) => assert!(display.get::<Orbit>().goal.distance < orbit.goal.distance),
        ShowroomCommand::Pan(..) => assert_ne!(display.get::<Orbit>().goal.target, orbit.goal.target),
        ShowroomCommand::NextStereo => {
            assert_eq!(display.get::<Viewing>().stereo, Some(Stereo::Anaglyph));
        }
        ShowroomCommand::Export => assert_eq!(display.count(|camera: &Camera| camera.order == -4), 1),
        ShowroomCommand::ToggleAr => try_ar(display),
        ShowroomCommand::Corner(at) => {
            let still = display.get::<Ar>().still.clone().unwrap();
            let clicked = still.corners.first().map(|corner| corner.as_vec2());
            assert_eq!(clicked, Some(*at * Vec2::new(400.0, 300.0)));
        }
        ShowroomCommand::ToggleCompare => {
            assert_eq!(display.get::<Wanted>().ids.len(), 2);
            display.wait();
            assert_eq!(display.count(|_: &Exhibit| true), 2);
        }
        ShowroomCommand::Compare(other) => {
            assert_eq!(display.get::<Wanted>().ids.get(1), other.as_ref());
            display.wait();
            display.give(Command::Showroom(ShowroomCommand::Compare(None)));
            display.wait();
            assert_eq!(display.count(|_: &Exhibit| true), 1);
        }
        ShowroomCommand::Next(_) => {
            assert_ne!(display.get::<Wanted>().ids, wanted);
            display.wait();
        }
    }
}

/// In front of a photo it is on; without a camera it says why not, and stays off.
fn try_ar(display: &mut Display) {
    let toggle = Command::Showroom(ShowroomCommand::ToggleAr);
    assert!(display.get::<Ar>().on);
    display.give(toggle.clone());
    assert!(!display.get::<Ar>().on && display.get::<Ar>().still.is_none());
    let photo = display.get::<ArSetup>().photo.clone();
    display.app.world_mut().resource_mut::<ArSetup>().photo = Some("/nowhere/photo.png".into());
    display.give(toggle.clone());
    assert!(!display.get::<Ar>().on && !display.notices().contains(&"camera"));
    // Drained with the next frame's feed.
    display.app.update();
    assert!(display.notices().contains(&"camera"));
    display.app.world_mut().resource_mut::<ArSetup>().photo = photo;
    display.give(toggle);
    assert!(display.get::<Ar>().on);
}

/// What the parts of one frame saw, in their order: who, event time of the ledger, whether lights came, the language, and
/// the screen.
#[derive(Resource, Default)]
struct Saw(Vec<(&'static str, i64, bool, Lang, Screen)>);

fn see(
    who: &'static str,
) -> impl FnMut(Res<Ledger>, MessageReader<LightsArrived>, Res<View>, Res<State<Screen>>, ResMut<Saw>) {
    move |ledger, mut lights, view, screen, mut saw| {
        let lit = lights.read().count() > 0;
        saw.0.push((who, ledger.event_ms, lit, view.lang, *screen.get()));
    }
}

#[test]
fn a_frames_systems_run_in_the_order_that_is_promised() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms;
    let mut publisher = Publisher::new(Box::new(source), catalogue, start_ms + 60_000, 1.0).unwrap();
    let mut bodies = vec![Body::Hello(Box::new(publisher.hello()))];
    bodies.push(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    bodies.extend(publisher.step(start_ms + 61_000, 0).public_bodies());
    assert!(bodies.iter().any(|body| matches!(body, Body::Lights(_))));

    let mut display = Display::new();
    let give = |mut given: Local<bool>, mut commands: MessageWriter<Command>| {
        if !std::mem::replace(&mut *given, true) {
            commands.write(Command::ToggleLang);
            commands.write(Command::Enter(None));
        }
    };
    display
        .app
        .init_resource::<Saw>()
        .add_systems(
            Update,
            (
                (see("input"), give).chain().in_set(DisplaySystems::Input),
                see("follow").in_set(DisplaySystems::Follow),
            ),
        )
        .add_systems(EguiPrimaryContextPass, see("panels"));
    let mut inbox = display.app.world_mut().resource_mut::<Inbox>();
    inbox.bodies.extend(bodies.into_iter().map(|body| (body, 0)));
    display.app.update();
    let event_ms = start_ms + 61_000;
    let saw = &display.get::<Saw>().0;
    assert_eq!(
        saw.first(),
        Some(&("input", event_ms, true, Lang::En, Screen::Globe)),
        "the feed is drained first"
    );
    for who in ["follow", "panels"] {
        let seen = saw.iter().find(|(seen, ..)| *seen == who);
        assert_eq!(
            seen,
            Some(&(who, event_ms, true, Lang::Zh, Screen::Showroom)),
            "commands of this frame are carried out"
        );
    }
}
