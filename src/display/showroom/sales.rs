//! What of the product is sold, beside it.

use super::Showroom;
use super::place::Place;
use crate::display::panels::scene::Scene;

/// Draws what is known of the product's sales.
pub fn draw(_scene: &Scene, _room: &Showroom, _place: &Place) {}
