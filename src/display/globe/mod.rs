//! The planet and everything on it.
//!
//! Radius 1 about the origin, north is +Y (see [`geo`]). Each module has one plugin; those that draw
//! light are in a list of their own.

pub mod camera;
pub mod geo;

use bevy::prelude::*;

pub use camera::GlobeCamera;

/// The globe.
pub fn plugin(app: &mut App) {
    app.add_plugins(camera::plugin);
    // Lights, arcs, warmth, waves and columns.
    // app.add_plugins((lights::plugin, arcs::plugin, warmth::plugin, wave::plugin));
}
