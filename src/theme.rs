//! Every colour, size, duration and font.

use bevy::prelude::*;
use bevy_egui::egui::Color32;

/// Colours by job. Blue against orange, never red against green.
pub mod colour {
    use super::Color32;

    /// The room.
    pub const ROOM: Color32 = Color32::from_rgb(4, 7, 13);
    /// Figures and titles.
    pub const INK: Color32 = Color32::from_rgb(236, 240, 246);
    /// Labels and second-rank text.
    pub const INK_SOFT: Color32 = Color32::from_rgb(150, 164, 184);
    /// Hairlines and tracks.
    pub const LINE: Color32 = Color32::from_rgb(38, 48, 64);
    /// Orders, GMV, warmth.
    pub const GOLD: Color32 = Color32::from_rgb(255, 184, 77);
    /// The crown's beams: the hue of [`light::BEAM`](super::light::BEAM).
    pub const BEAM: Color32 = Color32::from_rgb(255, 214, 150);
    /// Payments: the hue of [`light::PAYMENT`](super::light::PAYMENT).
    pub const PAYMENT: Color32 = CYAN;
    /// What is on, chosen or generated.
    pub const CYAN: Color32 = Color32::from_rgb(86, 204, 242);
    /// Comparison with an earlier day.
    pub const PAST: Color32 = Color32::from_rgb(110, 124, 148);
    /// Its point of this moment, which has to be seen beside the curve.
    pub const GHOST: Color32 = Color32::from_rgb(168, 182, 206);
    /// Something isn't as it should be.
    pub const WARN: Color32 = Color32::from_rgb(255, 122, 61);

    /// What words stand on over a picture: the room, through which it is just seen.
    pub fn plate(alpha: u8) -> Color32 {
        Color32::from_rgba_unmultiplied(ROOM.r(), ROOM.g(), ROOM.b(), alpha)
    }
}

/// Linear RGB of the same jobs on the globe, where values above 1 glow.
pub mod light {
    use bevy::math::Vec3;

    /// An order.
    pub const ORDER: Vec3 = Vec3::new(1.0, 0.56, 0.14);
    /// A payment.
    pub const PAYMENT: Vec3 = Vec3::new(0.16, 0.72, 1.0);
    /// A beam of the crown.
    pub const BEAM: Vec3 = Vec3::new(1.0, 0.672, 0.305);
    /// Warmth left behind.
    pub const WARMTH: Vec3 = Vec3::new(1.0, 0.52, 0.14);
    /// Land dots by day.
    pub const LAND: Vec3 = Vec3::new(0.20, 0.30, 0.44);
    /// Atmosphere.
    pub const AIR: Vec3 = Vec3::new(0.18, 0.42, 0.95);
    /// The room.
    pub const ROOM: Vec3 = Vec3::new(0.0012, 0.0022, 0.0045);
    /// The pool of light under a product.
    pub const POOL: Vec3 = Vec3::new(
        ROOM.x * 26.0 + 0.022,
        ROOM.y * 26.0 + 0.026,
        ROOM.z * 26.0 + 0.032,
    );
    /// The turntable's rim.
    pub const RIM: Vec3 = Vec3::new(1.0, 0.62, 0.22);
}

/// How what goes from 0 to 1 begins and ends.
pub mod ease {
    /// Softly.
    pub fn soft(share: f32) -> f32 {
        share * share * (3.0 - 2.0 * share)
    }

    /// More softly: a way that a camera takes.
    pub fn glide(share: f32) -> f32 {
        share * share * share * (share * (share * 6.0 - 15.0) + 10.0)
    }
}

/// Durations, in seconds.
pub mod duration {
    /// A light's life.
    pub const LIGHT_SECS: f32 = 1.5;
    /// The flash at its birth.
    pub const FLASH_SECS: f32 = 0.08;
    /// An arc's flight.
    pub const ARC_SECS: f32 = 2.0;
    /// One turn of the planet on tour.
    pub const TURN_SECS: f32 = 240.0;
    /// A flight to a region.
    pub const FLIGHT_SECS: f32 = 1.6;
    /// The ring of light of a milestone.
    pub const WAVE_SECS: f32 = 4.0;
}

/// Sizes of type and space, in units of a picture 1,080 high (see `panels::frame::unit`).
pub mod size {
    /// A figure that stands for itself.
    pub const FIGURE: f32 = 50.0;
    /// A title, the clock.
    pub const TITLE: f32 = 26.0;
    /// Rows of a list.
    pub const BODY: f32 = 17.0;
    /// Labels, axes.
    pub const SMALL: f32 = 14.0;
    /// The margin on every side.
    pub const MARGIN: f32 = 48.0;
    /// The width of a column beside the planet.
    pub const COLUMN: f32 = 340.0;
    /// From line to line of a text, of [`BODY`].
    pub const LINE: f32 = 25.0;
    /// From row to row of a panel's figures.
    pub const ROW: f32 = 26.0;
    /// The smallest height of something to touch.
    pub const TOUCH: f32 = 44.0;
    /// Height of a capital letter, as a share of its type's size.
    pub const CAP: f32 = 0.72;
    /// The thickness of a hairline.
    pub const HAIRLINE: f32 = 1.0;
    /// Fading of hints and notices, in seconds.
    pub const FADE_SECS: f32 = 0.8;
}

/// Font families that the panels register with egui (see `panels`).
pub mod family {
    /// Text, 400.
    pub const TEXT: &str = "text";
    /// Text, 500.
    pub const MEDIUM: &str = "medium";
    /// Text, 700.
    pub const BOLD: &str = "bold";
    /// Figures, tabular.
    pub const FIGURES: &str = "figures";
}

/// Sets the room's colour.
pub fn plugin(app: &mut App) {
    app.insert_resource(ClearColor(Color::linear_rgb(
        light::ROOM.x,
        light::ROOM.y,
        light::ROOM.z,
    )));
}
