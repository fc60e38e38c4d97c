//! Quality presets, and the budget that is left of one where frames take too long.

use bevy::prelude::*;

/// How much is spent on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, clap::ValueEnum)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Quality {
    /// A software rasteriser.
    Software,
    /// An integrated GPU.
    Low,
    /// A GPU.
    #[default]
    High,
    /// A GPU with power to spare.
    Ultra,
}

/// What may be spent on a frame within a preset. Lights aren't in it: they are never traded.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Budget {
    /// Light that spreads round what is bright, in the preset that has it.
    pub bloom: bool,
    /// High dynamic range and its tone curve, a pass over the whole picture.
    pub tone: bool,
    /// Land dots of two lattices, filtered ground and relief; without it one lattice and plain ground.
    pub fine_land: bool,
    /// Share of the picture's width and height that the globe is drawn with.
    pub scale: f32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bloom: true,
            tone: true,
            fine_land: true,
            scale: 1.0,
        }
    }
}
