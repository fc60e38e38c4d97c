//! The figures around the planet.

use bevy::prelude::*;

/// The panels.
pub fn plugin(_app: &mut App) {}
