//! The showroom: one product on a turntable, the sale going on around it.
//!
//! The product is drawn by a camera of its own into a picture that the panels lay over the globe; the globe itself
//! withdraws to a small one beside it and goes on living. [`Showroom`] says what is shown; [`ShowroomCommand`]s change it.

mod apply;
pub mod ar;
pub mod arrive;
pub mod cameras;
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

use std::sync::Arc;

use bevy::prelude::*;

pub use place::Place;

use self::eye::Eye;
use self::orbit::Orbit;
use self::prepare::Prepared;
use crate::DisplaySystems;
use crate::link::Inbox;
use crate::theme::ease;
use crate::view::Screen;
use meridian_product::model::Bounds;
use meridian_product::{Shelf, animate};
use meridian_wire::Level;

/// The layer of what stands in the showroom.
pub const SHOWROOM_LAYER: usize = 2;
/// The layer of the ground beneath it: the pool of light, the turntable's rim, the shadow.
pub const GROUND_LAYER: usize = 3;
/// The layer of the shadow alone, for pictures of the product on nothing.
pub const SHADOW_LAYER: usize = 4;
/// How large a product is as it begins to come, as a share of its size.
const SMALL: f32 = 0.82;
/// How far it turns into place as it comes, in radians.
const SWING: f32 = 0.9;

/// Lengths drawn on the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Centimetres and metres.
    Metric,
    /// Inches and feet.
    Imperial,
}

/// How a picture for two eyes is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stereo {
    /// Red for the left eye, cyan for the right.
    Anaglyph,
    /// Half the screen for each eye, squeezed to half the width, as 3D walls and televisions take it.
    SideBySide,
    /// Half the screen for each eye as it is, for a viewer with two lenses.
    Halves,
}

/// A product that stands in the showroom.
pub struct Stand {
    /// What it is, and its model.
    pub prepared: Arc<Prepared>,
    /// Its root; everything of it but the ground is below it.
    pub entity: Entity,
    /// The ground beneath it.
    pub ground: Entity,
    /// The variant it is in; `None` is as the file has it.
    pub variant: Option<usize>,
    /// Where it stands.
    pub offset: Vec3,
    /// How far it has come in, 0 to 1.
    pub share: f32,
    /// It turns into place as it comes; not where its poster stood there already.
    pub swings: bool,
}

/// From point of interest to point of interest.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Default)]
pub struct Tour {
    /// The point that is explained.
    pub point: Option<usize>,
    /// Seconds that the tour has been at its point; `None` where nobody is shown round.
    pub secs: Option<f32>,
}

/// An animation's state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Playing {
    /// Which.
    pub index: usize,
    /// Where it is, in seconds.
    pub secs: f32,
    /// It goes on.
    pub on: bool,
}

/// What is shown. The eye is [`Orbit`], the light [`lamps::Lamps`], what is on its way [`arrive::Arrivals`], and what is
/// explained [`Tour`].
#[derive(Resource)]
pub struct Showroom {
    /// Every product that there is.
    pub shelf: Shelf,
    /// The products to show: one, or two side by side.
    pub wanted: Vec<String>,
    /// The way from the globe, 0 to 1, eased.
    pub share: f32,
    way: f32,
    /// What stands there.
    pub stands: Vec<Stand>,
    /// Why the product isn't there, for people.
    pub problem: Option<String>,
    /// How far it is open, 0 to 1, and wanted to be.
    pub open: f32,
    /// See `open`.
    pub open_goal: f32,
    /// The animation.
    pub playing: Playing,
    /// Lengths.
    pub measure: Option<Measure>,
    /// Width over height of the product's picture.
    pub aspect: f32,
    /// From where it is seen in this frame.
    pub eye: Eye,
    /// In front of a camera: nothing of the room is drawn, the product stands on the sheet.
    pub in_ar: bool,
    /// Two eyes.
    pub stereo: Option<Stereo>,
    /// How far down the product's picture is asked to be exported, once.
    pub export: bool,
    fresh_view: bool,
}

impl Default for Showroom {
    fn default() -> Self {
        Self {
            shelf: Shelf::default(),
            wanted: Vec::new(),
            share: 0.0,
            way: 0.0,
            stands: Vec::new(),
            problem: None,
            open: 0.0,
            open_goal: 0.0,
            playing: Playing::default(),
            measure: None,
            aspect: 1.4,
            eye: Eye::orbiting(&Orbit::default(), 1.4),
            in_ar: false,
            stereo: None,
            export: false,
            fresh_view: true,
        }
    }
}

impl Showroom {
    /// The product in view, once it stands there.
    pub fn first(&self) -> Option<&Stand> {
        self.stands.first()
    }

    /// The product in view or on its way.
    pub fn product(&self) -> Option<&meridian_product::Product> {
        self.shelf.product(self.wanted.first()?)
    }

    /// Whether it can be taken apart.
    pub fn opens(&self) -> bool {
        self.first()
            .is_some_and(|stand| animate::explodes(&stand.prepared.model))
    }

    /// The animation in view.
    pub fn animation(&self) -> Option<&meridian_product::model::Animation> {
        self.first()?.prepared.model.animations.get(self.playing.index)
    }

    /// The whole screen is two pictures, one for each eye.
    pub fn two_pictures(&self) -> bool {
        self.share > 0.5 && matches!(self.stereo, Some(Stereo::SideBySide | Stereo::Halves))
    }

    /// How a product stands in the room: turned by the table, or by a hand where it stands on the sheet.
    pub fn table(&self, orbit: &Orbit, stand: &Stand) -> Transform {
        let bounds = stand.prepared.model.bounds;
        let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
        let (turn, place) = if self.in_ar {
            (orbit.home.azimuth - orbit.now.azimuth, Vec3::ZERO)
        } else {
            (orbit.turned, pivot)
        };
        // It comes in smaller, and turns into place.
        let eased = if stand.swings {
            ease::soft(stand.share)
        } else {
            1.0
        };
        let size = SMALL + (1.0 - SMALL) * eased;
        let rotation = Quat::from_rotation_y(turn - (1.0 - eased) * SWING);
        Transform {
            translation: stand.offset + place - rotation * (pivot * size),
            rotation,
            scale: Vec3::splat(size),
        }
    }

    /// Everything that stands there, in metres.
    fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        for stand in &self.stands {
            let (own, apart) = (stand.prepared.model.bounds, stand.prepared.apart);
            bounds.add(own.min.lerp(apart.min, self.open) + stand.offset);
            bounds.add(own.max.lerp(apart.max, self.open) + stand.offset);
        }
        bounds
    }
}

/// The shelf is read at the start; what is wrong on it is told.
fn read_shelf(folders: Res<ProductFolders>, mut showroom: ResMut<Showroom>, mut inbox: ResMut<Inbox>) {
    let (shelf, problems) = Shelf::load(&folders.0);
    showroom.shelf = shelf;
    for problem in problems {
        warn!("{problem}");
        inbox.tell(
            Level::Warning,
            "product_refused",
            problem.to_string(),
            format!("商品未载入：{problem}"),
        );
    }
}

/// Folders of products beside the shipped ones and the user's.
#[derive(Resource, Debug, Clone, Default)]
pub struct ProductFolders(pub Vec<std::path::PathBuf>);

/// Anything of the showroom can be seen, or is about to be.
fn on_screen(screen: Res<State<Screen>>, showroom: Res<Showroom>) -> bool {
    *screen == Screen::Showroom || showroom.share != 0.0
}

/// The showroom.
pub fn plugin(app: &mut App) {
    app.init_resource::<Showroom>()
        .init_resource::<ProductFolders>()
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
                    arrive::bring_products,
                    arrive::change_stands,
                    way::advance_showroom,
                )
                    .chain()
                    .in_set(DisplaySystems::Follow),
            ),
        );
}
