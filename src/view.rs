//! What is looked at, and the commands that change it.

use bevy::prelude::*;

use super::DisplaySystems;
use super::showroom::ShowroomCommand;
use super::text::Lang;
use meridian_core::sales::{PlaceId, RegionId};
use meridian_wire::Scene;

/// What fills the screen. A command that changes it is in force for the rest of its own frame: see [`settle_screen`].
#[derive(States, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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

/// How much is spent on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, clap::ValueEnum)]
pub enum Quality {
    /// A software rasteriser.
    Software,
    /// An integrated GPU.
    Low,
    /// A GPU.
    #[default]
    High,
    /// A GPU with power to spare.
    Ultra,
}

/// Which map of the world's borders decides what land belongs to which region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Worldview {
    /// Natural Earth's, by who governs.
    #[default]
    Default,
    /// As maps that are published in China have it.
    Cn,
}

/// What may be spent on a frame within a preset. Lights aren't in it: they are never traded.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Light that spreads round what is bright, in the preset that has it.
    pub bloom: bool,
    /// High dynamic range and its tone curve, a pass over the whole picture.
    pub tone: bool,
    /// Land dots of two lattices, filtered ground and relief; without it one lattice and plain ground.
    pub fine_land: bool,
    /// Share of the picture's width and height that the globe is drawn with.
    pub scale: f32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bloom: true,
            tone: true,
            fine_land: true,
            scale: 1.0,
        }
    }
}

/// A layer that can be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Parcels across borders.
    Arcs,
    /// GMV columns by region.
    Columns,
    /// Land tinted by GMV.
    Choropleth,
    /// Region names.
    Labels,
    /// Warmth left behind.
    Warmth,
}

/// Which layers are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the layers' own docs say it")]
pub struct Layers {
    pub arcs: bool,
    pub columns: bool,
    pub choropleth: bool,
    pub labels: bool,
    pub warmth: bool,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            arcs: true,
            columns: false,
            choropleth: false,
            labels: true,
            warmth: true,
        }
    }
}

/// What is looked at now. Only [`apply_commands`] writes it (and the globe: `hovered`).
#[derive(Resource, Debug, Clone, Default)]
pub struct View {
    /// Language on screen.
    pub lang: Lang,
    /// Layers that are on.
    pub layers: Layers,
    /// The region whose panel is pinned.
    pub selected: Option<RegionId>,
    /// The region under the pointer.
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

/// What a person wants.
#[derive(Message, Debug, Clone, PartialEq)]
pub enum Command {
    /// The other language.
    ToggleLang,
    /// Pin or unpin a region's panel.
    Select(Option<RegionId>),
    /// Fly to a region.
    FlyTo(RegionId),
    /// Fly to a place.
    FlyToPlace(PlaceId),
    /// Turn and zoom by hand: radians east and north, and a factor of distance.
    Nudge {
        /// Radians eastward.
        east: f32,
        /// Radians northward.
        north: f32,
        /// Factor of the distance to the surface; below 1 comes nearer.
        zoom: f32,
    },
    /// Switch a layer.
    ToggleLayer(Layer),
    /// Change the quality preset.
    SetQuality(Quality),
    /// Show or hide the keys.
    ToggleHelp,
    /// Show or hide frame statistics.
    ToggleStats,
    /// Open the search field or change its text; `None` closes it.
    Search(Option<String>),
    /// Close what is open; then unpin; then back to the tour.
    Back,
    /// Window to full screen and back.
    ToggleFullscreen,
    /// Step into the showroom, to a product by its id, or to the one that was looked at last.
    Enter(Option<String>),
    /// What the directors want to be seen.
    Show(Scene),
    /// What concerns the product in view.
    Showroom(ShowroomCommand),
    /// Write the picture on screen to a file.
    Screenshot,
    /// Stand event time still, or go on (own gateway only).
    TogglePause,
    /// Leave.
    Quit,
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
            Command::ToggleLayer(layer) => {
                let layers = &mut view.layers;
                let flag = match layer {
                    Layer::Arcs => &mut layers.arcs,
                    Layer::Columns => &mut layers.columns,
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

/// Changes the screen between the commands and what follows them, and not only before the next frame's `Update`.
fn settle_screen(world: &mut World) {
    world.run_schedule(StateTransition);
}

/// Where things are on the screen, in logical pixels (egui points). The panels compute it each frame
/// from the window; the globe's camera puts the planet there.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Size of the picture.
    pub size: Vec2,
    /// Middle of the planet at rest.
    pub globe_centre: Vec2,
    /// Radius of the planet at rest.
    pub globe_radius: f32,
    /// Where the panels are: nothing else is written there.
    pub panels: [Rect; 4],
}

impl Layout {
    /// The planet's radius at 16:9, as a share of the height.
    const RADIUS: f32 = 0.322;
    /// Below this ratio of width to height, panels are stacked.
    pub const PORTRAIT: f32 = 1.2;
    /// Above this one, the sides are spread.
    pub const ULTRAWIDE: f32 = 2.2;

    /// How large the planet is in its picture, 1 as in one of 16:9: what is drawn on it keeps its proportion.
    pub fn magnitude(&self) -> f32 {
        self.globe_radius / (self.size.y.max(1.0) * Self::RADIUS)
    }

    /// The planet's place for a picture of this size: wide, ultrawide or portrait.
    pub fn for_size(size: Vec2) -> Self {
        let aspect = size.x / size.y.max(1.0);
        let (centre_y, radius) = if aspect < Self::PORTRAIT {
            (0.344, (size.x * 0.33).min(size.y * 0.186))
        } else if aspect > Self::ULTRAWIDE {
            (0.585, size.y * 0.37)
        } else {
            (0.505, (size.y * Self::RADIUS).min(size.x * 0.24))
        };
        Self {
            size,
            globe_centre: Vec2::new(size.x * 0.5, size.y * centre_y),
            globe_radius: radius,
            panels: [Rect::EMPTY; 4],
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::for_size(Vec2::new(1920.0, 1080.0))
    }
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
