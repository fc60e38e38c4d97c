//! Where the planet is on the screen.

use bevy::prelude::*;

/// Where things are on the screen, in logical pixels (egui points). The panels compute it each frame
/// from the window; the globe's camera puts the planet there.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Layout {
    /// Size of the picture.
    pub size: Vec2,
    /// Middle of the planet at rest.
    pub globe_centre: Vec2,
    /// Radius of the planet at rest.
    pub globe_radius: f32,
    /// How far above the disc's middle the point is shown that is looked at, in degrees: on a wall the disc's middle lies
    /// below the picture, and the planet is its horizon.
    pub tilt_deg: f32,
    /// Where the panels are: nothing else is written there.
    pub panels: [Rect; 4],
}

impl Layout {
    /// The planet's radius at 16:9, as a share of the height.
    const RADIUS: f32 = 0.306;
    /// Below this ratio of width to height, panels are stacked.
    pub const PORTRAIT: f32 = 1.2;
    /// Above this one, the sides are spread, and the planet becomes the horizon.
    pub const ULTRAWIDE: f32 = 2.2;
    /// From this one on it is.
    const HORIZON: f32 = 3.2;

    /// How large the planet is in its picture, 1 as in one of 16:9: what is drawn on it keeps its proportion.
    pub fn magnitude(&self) -> f32 {
        self.globe_radius / (self.size.y.max(1.0) * Self::RADIUS)
    }

    /// The planet's place for a picture of this size: wide, ultrawide or portrait.
    pub fn for_size(size: Vec2) -> Self {
        let aspect = size.x / size.y.max(1.0);
        let (centre_y, radius, tilt_deg) = if aspect < Self::PORTRAIT {
            (0.344, (size.x * 0.33).min(size.y * 0.186), 0.0)
        } else if aspect > Self::ULTRAWIDE {
            let share = ((aspect - Self::ULTRAWIDE) / (Self::HORIZON - Self::ULTRAWIDE)).clamp(0.0, 1.0);
            let between = |from: f32, to: f32| from + (to - from) * share;
            (
                between(0.60, 1.06),
                size.y * between(0.345, 0.72),
                between(0.0, 33.0),
            )
        } else {
            (0.527, (size.y * Self::RADIUS).min(size.x * 0.24), 0.0)
        };
        Self {
            size,
            globe_centre: Vec2::new(size.x * 0.5, size.y * centre_y),
            globe_radius: radius,
            tilt_deg,
            panels: [Rect::EMPTY; 4],
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::for_size(Vec2::new(1920.0, 1080.0))
    }
}
