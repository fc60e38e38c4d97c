//! The globe: the planet and everything on it.
//!
//! Radius 1 about the origin, north is +Y (see [`geo`]). Each module has one plugin; those that draw
//! light are in a list of their own.

pub mod arcs;
pub mod camera;
pub mod crown;
pub mod earth;
pub mod embers;
pub mod geo;
pub mod labels;
pub mod lights;
mod packer;
pub mod pick;
pub mod ring;
pub mod shader;
pub mod sky;
pub mod sun;
pub mod warmth;
pub mod wave;

use bevy::prelude::*;

pub use camera::GlobeCamera;

/// The layer of what is drawn again only when it changed, where a CPU draws: the planet and the sky.
pub const PLANET_LAYER: usize = 1;

/// Whether the planet and the sky look as before, but for where they are seen from.
#[derive(Resource, Debug, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct PlanetLook {
    /// Rises when they don't.
    pub revision: u64,
}

/// The globe.
pub fn plugin(app: &mut App) {
    app.init_resource::<PlanetLook>();
    app.add_plugins((
        camera::plugin,
        sky::plugin,
        earth::plugin,
        labels::plugin,
        pick::plugin,
    ));
    // What glows on the planet.
    app.add_plugins((
        ring::plugin,
        warmth::plugin,
        arcs::plugin,
        embers::plugin,
        lights::plugin,
        crown::plugin,
        wave::plugin,
    ));
}
