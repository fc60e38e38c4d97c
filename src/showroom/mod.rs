//! The showroom: one product on a turntable, the sale going on around it.
//!
//! The product is drawn by a camera of its own into a picture that the panels lay over the globe; the globe itself
//! withdraws to a small one beside it and goes on living. [`Wanted`] says what is to be shown, and
//! [`ShowroomCommand`](crate::command::ShowroomCommand)s change it; what stands there are entities, each an
//! [`exhibit::Exhibit`]. What concerns the room are small resources: the [`Way`] there, how far things are [`Exploded`],
//! the light ([`lamps::Lamps`]), what is on its way ([`arrive::Arrivals`]), what is explained ([`Tour`]).

mod apply;
pub mod ar;
pub mod arrive;
pub mod cameras;
pub mod exhibit;
pub mod export;
pub mod eye;
pub mod hands;
pub mod headset;
pub mod lamps;
pub mod material;
mod motion;
pub mod orbit;
pub mod panel;
pub mod place;
pub mod points;
pub mod prepare;
pub mod sales;
pub mod stand;
mod way;

use bevy::prelude::*;

pub use place::Place;

use self::eye::Eye;
use self::orbit::Orbit;
use crate::DisplaySystems;
use crate::link::Inbox;
use crate::view::Screen;
use meridian_product::{Product, Shelf};
use meridian_wire::Level;

/// The layer of what stands in the showroom.
pub const SHOWROOM_LAYER: usize = 2;
/// The layer of the ground beneath it: the pool of light, the turntable's rim, the shadow.
pub const GROUND_LAYER: usize = 3;
/// The layer of the shadow alone, for pictures of the product on nothing.
pub const SHADOW_LAYER: usize = 4;
/// Width over height of the product's picture before any is drawn.
const ASPECT: f32 = 1.4;
/// Lengths drawn on the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Measure {
    /// Centimetres and metres.
    Metric,
    /// Inches and feet.
    Imperial,
}

/// How a picture for two eyes is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Stereo {
    /// Red for the left eye, cyan for the right.
    Anaglyph,
    /// Half the screen for each eye, squeezed to half the width, as 3D walls and televisions take it.
    SideBySide,
    /// Half the screen for each eye as it is, for a viewer with two lenses.
    Halves,
}

/// From point of interest to point of interest.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Tour {
    /// The point that is explained.
    pub point: Option<usize>,
    /// Seconds that the tour has been at its point; `None` where nobody is shown round.
    pub secs: Option<f32>,
}

/// Every product that there is.
#[derive(Resource, Debug, Default, Deref)]
pub struct ProductShelf(pub Shelf);

/// What is to be shown.
#[derive(Resource, Debug)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Wanted {
    /// The products' ids: one, or two side by side.
    pub ids: Vec<String>,
    /// Why the product isn't there, for people.
    pub problem: Option<String>,
    /// Once they stand there they are seen from their home.
    fresh_view: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            problem: None,
            fresh_view: true,
        }
    }
}

impl Wanted {
    /// The id of the product in view or on its way.
    pub fn first(&self) -> Option<&str> {
        self.ids.first().map(String::as_str)
    }

    /// The product in view or on its way.
    pub fn product<'a>(&self, shelf: &'a Shelf) -> Option<&'a Product> {
        shelf.product(self.first()?)
    }

    /// Whether a product is wanted.
    pub fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|wanted| wanted == id)
    }
}

/// The way from the globe to the showroom.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Way {
    /// How far it is gone, 0 to 1, eased.
    pub share: f32,
    /// The same, as time has it.
    even: f32,
}

/// How far the products are taken apart: all alike, and one that comes later too.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Exploded {
    /// Now, 0 to 1.
    pub share: f32,
    /// What it becomes.
    pub goal: f32,
}

/// The lengths that are drawn, if any.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Measuring(pub Option<Measure>);

/// How the products are looked at in this frame. The eye that people move is [`Orbit`].
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Viewing {
    /// From where.
    pub eye: Eye,
    /// Width over height of the product's picture.
    pub aspect: f32,
    /// With two eyes, and how both pictures are shown.
    pub stereo: Option<Stereo>,
}

impl Default for Viewing {
    fn default() -> Self {
        Self {
            eye: Eye::orbiting(&Orbit::default(), ASPECT),
            aspect: ASPECT,
            stereo: None,
        }
    }
}

/// The shelf is read at the start; what is wrong on it is told.
fn read_shelf(folders: Res<ProductFolders>, mut known: ResMut<ProductShelf>, mut inbox: ResMut<Inbox>) {
    let (shelf, problems) = Shelf::load(&folders.0);
    known.0 = shelf;
    for problem in problems {
        warn!("{problem}");
        inbox.tell(
            Level::Warning,
            "product_refused",
            "told-product-refused",
            vec![("problem", problem.to_string())],
        );
    }
}

/// Folders of products beside the shipped ones and the user's.
#[derive(Resource, Debug, Clone, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct ProductFolders(pub Vec<std::path::PathBuf>);

/// Anything of the showroom can be seen, or is about to be.
fn on_screen(screen: Res<State<Screen>>, way: Res<Way>) -> bool {
    *screen == Screen::Showroom || way.share != 0.0
}

/// The showroom.
pub fn plugin(app: &mut App) {
    app.init_resource::<ProductFolders>()
        .init_resource::<ProductShelf>()
        .init_resource::<Wanted>()
        .init_resource::<Way>()
        .init_resource::<Exploded>()
        .init_resource::<Measuring>()
        .init_resource::<Viewing>()
        .init_resource::<arrive::Arrivals>()
        .init_resource::<lamps::Lamps>()
        .init_resource::<Orbit>()
        .init_resource::<Tour>()
        .add_plugins((
            material::plugin,
            ar::plugin,
            export::plugin,
            hands::plugin,
            stand::plugin,
        ))
        .add_systems(Startup, read_shelf)
        .add_systems(
            Update,
            (
                apply::apply_showroom_commands.in_set(DisplaySystems::Apply),
                (
                    ar::follow_camera,
                    arrive::load_wanted,
                    arrive::show_poster,
                    arrive::take_arrived,
                    arrive::come_and_go,
                    arrive::put_up,
                    arrive::view_afresh,
                    way::go_way,
                    (way::explode, way::fit, way::play, way::show_round, way::look)
                        .chain()
                        .run_if(on_screen),
                )
                    .chain()
                    .in_set(DisplaySystems::Follow),
            ),
        );
}
