//! The view: what is shown and selected, changed by commands.

use bevy::prelude::*;

use super::DisplaySystems;
use super::command::{Command, Layer};
use super::layout::Layout;
use super::quality::{Budget, Quality};
use super::text::Lang;
use meridian_core::sales::RegionId;
use meridian_wire::Scene;

/// What fills the screen. A command that changes it is in force for the rest of its own frame: see [`settle_screen`].
#[derive(States, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Screen {
    /// The planet.
    #[default]
    Globe,
    /// A product, the planet beside it.
    Showroom,
}

impl Screen {
    /// The screen that was asked for last, whether or not it is there yet.
    pub fn asked(state: &State<Self>, next: &NextState<Self>) -> Self {
        match next {
            NextState::Pending(screen) | NextState::PendingIfNeq(screen) => *screen,
            NextState::Unchanged => *state.get(),
        }
    }
}

/// Which map of the world's borders decides what land belongs to which region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Worldview {
    /// Natural Earth's, by who governs.
    #[default]
    Default,
    /// As maps that are published in China have it.
    Cn,
}

/// Which layers are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
#[expect(missing_docs, reason = "the layers' own docs say it")]
pub struct Layers {
    pub arcs: bool,
    pub crown: bool,
    pub choropleth: bool,
    pub labels: bool,
    pub warmth: bool,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            arcs: true,
            crown: true,
            choropleth: false,
            labels: true,
            warmth: true,
        }
    }
}

/// What is shown and selected. Only commands change it (and the globe: `hovered`).
#[derive(Resource, Debug, Clone, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct View {
    /// Language on screen.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub lang: Lang,
    /// Layers that are on.
    pub layers: Layers,
    /// The region whose panel is pinned.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub selected: Option<RegionId>,
    /// The region under the pointer.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub hovered: Option<RegionId>,
    /// The planet turns by itself.
    pub tour: bool,
    /// No motion that carries no information.
    pub reduced_motion: bool,
    /// The keys are shown.
    pub help_open: bool,
    /// The search field's text while it is open.
    pub search: Option<String>,
    /// How much is spent on a frame.
    pub quality: Quality,
    /// Whose borders; read once, at the start.
    pub worldview: Worldview,
    /// A first-run hint is shown until this many seconds of app time.
    pub hint_until_secs: f32,
    /// Frame statistics are shown.
    pub stats_open: bool,
}

/// Applies the commands that concern the view. Those of the camera and the stage are read there.
pub fn apply_commands(
    mut commands: MessageReader<Command>,
    mut view: ResMut<View>,
    state: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
) {
    let before = Screen::asked(&state, &next);
    let mut screen = before;
    for command in commands.read() {
        match command {
            Command::ToggleLang => view.lang = view.lang.other(),
            Command::Select(region) => {
                view.selected = *region;
                view.tour = false;
                view.hint_until_secs = 0.0;
            }
            Command::FlyTo(region) => {
                view.selected = Some(*region);
                view.search = None;
                view.tour = false;
            }
            // It is the product that turns then.
            Command::Nudge { .. } if screen == Screen::Showroom => {}
            Command::FlyToPlace(_) | Command::Nudge { .. } => {
                view.tour = false;
                view.hint_until_secs = 0.0;
            }
            Command::FlyToCrown => {
                view.layers.crown = true;
                view.selected = None;
                view.tour = false;
                view.hint_until_secs = 0.0;
            }
            Command::ToggleLayer(layer) => {
                let layers = &mut view.layers;
                let flag = match layer {
                    Layer::Arcs => &mut layers.arcs,
                    Layer::Crown => &mut layers.crown,
                    Layer::Choropleth => &mut layers.choropleth,
                    Layer::Labels => &mut layers.labels,
                    Layer::Warmth => &mut layers.warmth,
                };
                *flag = !*flag;
            }
            Command::SetQuality(quality) => view.quality = *quality,
            Command::ToggleHelp => view.help_open = !view.help_open,
            Command::ToggleStats => view.stats_open = !view.stats_open,
            Command::Search(text) => view.search.clone_from(text),
            Command::Back => {
                if view.help_open {
                    view.help_open = false;
                } else if view.search.is_some() {
                    view.search = None;
                } else if screen == Screen::Showroom {
                    screen = Screen::Globe;
                } else {
                    view.selected = None;
                    view.tour = true;
                }
            }
            Command::Show(scene) => {
                view.help_open = false;
                view.search = None;
                match scene {
                    Scene::Globe => {
                        screen = Screen::Globe;
                        view.selected = None;
                        view.tour = true;
                    }
                    Scene::Region(_) => screen = Screen::Globe,
                    Scene::Showroom(_) => {}
                }
            }
            Command::ToggleFullscreen
            | Command::Screenshot
            | Command::TogglePause
            | Command::Enter(_)
            | Command::Showroom(_)
            | Command::Quit => {}
        }
    }
    if screen != before {
        next.set(screen);
    }
}

/// A change of the screen is waiting.
fn screen_changes(next: Res<NextState<Screen>>) -> bool {
    !matches!(*next, NextState::Unchanged)
}

/// Frames follow each other in a window: what isn't there yet may come later, and what was drawn may be shown again. Not so
/// in pictures, each of which stands for itself and waits for what is on it.
#[derive(Resource, Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Live(pub bool);

/// Changes the screen between the commands and what follows them, and not only before the next frame's `Update`.
fn settle_screen(world: &mut World) {
    world.run_schedule(StateTransition);
}

/// The view and its commands.
pub fn plugin(app: &mut App) {
    app.insert_resource(View {
        tour: true,
        hint_until_secs: 12.0,
        ..default()
    })
    .init_resource::<Layout>()
    .init_resource::<Budget>()
    .init_resource::<Live>()
    .init_state::<Screen>()
    .add_message::<Command>()
    .add_systems(
        Update,
        (
            apply_commands.in_set(DisplaySystems::Apply),
            settle_screen
                .run_if(screen_changes)
                .after(DisplaySystems::Apply)
                .before(DisplaySystems::Follow),
        ),
    );
}
