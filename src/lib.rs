//! The display: a Bevy app that shows a feed as a globe with panels, and products in a showroom.
//!
//! Data flows one way: [`link`] → [`ledger`] → [`globe`], [`panels`] and [`showroom`]. What people do flows back as
//! [`command::Command`]s.

pub mod command;
#[cfg(feature = "dev")]
pub mod dev;
mod folder;
mod gestures;
pub mod globe;
pub mod keys;
pub mod layout;
pub mod ledger;
pub mod link;
pub mod minute;
pub mod own_files;
pub mod panels;
pub mod quality;
pub mod showroom;
pub mod stage;
pub mod text;
pub mod theme;
pub mod view;

use bevy::prelude::*;

/// The order of a frame, in `Update`.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisplaySystems {
    /// Frames of the feed go into the ledger; lights become messages.
    Drain,
    /// Input becomes commands.
    Input,
    /// Commands change the view.
    Apply,
    /// Camera, lights, labels follow the ledger and the view.
    Follow,
}

/// Everything that every display has, windowed or offscreen, without the stage (windows, cameras' targets).
pub fn plugin(app: &mut App) {
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
    app.add_plugins((
        ledger::plugin,
        own_files::plugin,
        link::plugin,
        view::plugin,
        text::plugin,
        theme::plugin,
        gestures::plugin,
        globe::plugin,
        panels::plugin,
        showroom::plugin,
    ));
    #[cfg(feature = "dev")]
    app.add_plugins(dev::plugin);
}
