//! Commands: keys, pointers, panels and the feed send them, and each part of the display carries
//! out what concerns it.

use bevy::prelude::*;

use meridian_core::sales::{PlaceId, RegionId};
use meridian_product::studio;
use meridian_wire::Scene;

use super::quality::Quality;

/// A layer that can be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Parcels across borders.
    Arcs,
    /// Beams of value over the places that sell most.
    Crown,
    /// Land tinted by GMV.
    Choropleth,
    /// Region names.
    Labels,
    /// Warmth left behind.
    Warmth,
}

/// A command of a person in front of the display, or of a director.
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
    /// Fly to where the tallest beam of the crown stands against the sky.
    FlyToCrown,
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
    /// Pause or resume event time (own gateway only).
    TogglePause,
    /// Quit the program.
    Quit,
}

/// A command to the showroom.
#[derive(Debug, Clone, PartialEq)]
pub enum ShowroomCommand {
    /// The product this many places further on the shelf.
    Next(i32),
    /// A second product beside it, or none.
    Compare(Option<String>),
    /// A second product beside it: the next on the shelf, or none any more.
    ToggleCompare,
    /// The material variant with this number; `None` is the next one.
    Variant(Option<usize>),
    /// A studio; `None` is the next one.
    Studio(Option<studio::Name>),
    /// Brighter or darker by a factor.
    Exposure(f32),
    /// Take the product apart, or put it together again.
    ToggleOpen,
    /// Play or pause the animation.
    TogglePlay,
    /// The next animation, if there are several.
    NextAnimation,
    /// To a place in the animation, 0 to 1.
    Scrub(f32),
    /// Lengths: none, metric, imperial.
    NextMeasure,
    /// A point of interest.
    Point(Option<usize>),
    /// From point to point, by itself.
    ToggleTour,
    /// Back to the first view.
    Reset,
    /// Turn the product by hand, in radians: around, up.
    Turn(f32, f32),
    /// Nearer or farther, as a factor.
    Zoom(f32),
    /// Sideways, in shares of the picture's height: right, up.
    Pan(f32, f32),
    /// AR on or off.
    ToggleAr,
    /// A corner of the paper in the photo, in shares of its width and height.
    Corner(Vec2),
    /// One picture, or one for each eye.
    NextStereo,
    /// Save a picture of the product alone, on a transparent background.
    Export,
}
