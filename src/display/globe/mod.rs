//! The planet and everything on it.

use bevy::prelude::*;

/// The globe.
pub fn plugin(_app: &mut App) {}
