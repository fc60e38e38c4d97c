//! A camera's picture, and what every source of them has in common.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::geometry::Pose;
use super::intrinsics::{Intrinsics, MAX_SIDE};

/// One picture of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Three bytes a pixel (sRGB), row by row, `width × height × 3`.
    pub rgb: Vec<u8>,
    /// One byte a pixel, row by row, `width × height`.
    pub grey: Vec<u8>,
    /// When it was received.
    pub at: Instant,
    /// Counts the source's frames, from 0.
    pub sequence: u64,
    /// Computed rather than seen: a display has to say so.
    pub synthetic: bool,
    /// The lens, where the source knows it.
    pub lens: Option<Intrinsics>,
    /// The board's true pose, where the source knows it.
    pub truth: Option<Pose>,
    /// The file it was read from.
    pub file: Option<PathBuf>,
}

impl Frame {
    /// From three bytes a pixel. `None` where their number isn't `width × height × 3`, or a side is 0.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>, sequence: u64) -> Option<Self> {
        let pixels = pixels(width, height)?;
        if rgb.len() != pixels * 3 {
            return None;
        }
        let (triples, _) = rgb.as_chunks::<3>();
        let grey = triples.iter().map(|[r, g, b]| luma(*r, *g, *b)).collect();
        Some(Self::new(width, height, rgb, grey, sequence))
    }

    /// From one byte a pixel. `None` where their number isn't `width × height`, or a side is 0.
    pub fn from_grey(width: u32, height: u32, grey: Vec<u8>, sequence: u64) -> Option<Self> {
        if grey.len() != pixels(width, height)? {
            return None;
        }
        let rgb = grey.iter().flat_map(|shade| [*shade; 3]).collect();
        Some(Self::new(width, height, rgb, grey, sequence))
    }

    pub(super) fn new(width: u32, height: u32, rgb: Vec<u8>, grey: Vec<u8>, sequence: u64) -> Self {
        Self {
            width,
            height,
            rgb,
            grey,
            at: Instant::now(),
            sequence,
            synthetic: false,
            lens: None,
            truth: None,
            file: None,
        }
    }

    /// Four bytes a pixel (sRGB and an opaque alpha), as textures want them.
    pub fn rgba(&self) -> Vec<u8> {
        let (triples, _) = self.rgb.as_chunks::<3>();
        triples.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
    }
}

/// How many pixels a picture of this size has; `None` where a side is 0 or too large.
pub(super) fn pixels(width: u32, height: u32) -> Option<usize> {
    let fits = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
    fits.then(|| width as usize * height as usize)
}

/// The brightness of a colour, 0 to 255 (BT.601).
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8
}

/// Why a source gives no frame.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// One picture can't be used; the next may.
    #[error("{path}: {problem}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// One frame of a stream can't be used; the next may.
    #[error("{source_name}: a frame can't be used: {problem}")]
    Frame {
        /// The camera or stream.
        source_name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder can't be used.
    #[error("{path}: {problem}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A camera can't be used, or vanished.
    #[error("{device}: {problem}")]
    Camera {
        /// The camera.
        device: String,
        /// What is wrong with it.
        problem: String,
    },
    /// ffmpeg can't be started, or ended.
    #[error("ffmpeg: {problem}")]
    Ffmpeg {
        /// What happened, and the last that it said.
        problem: String,
    },
    /// No frame arrived in time.
    #[error("{source_name}: no frame for {seconds} s")]
    Silent {
        /// The camera or stream.
        source_name: String,
        /// How long, seconds.
        seconds: u64,
    },
    /// An internal error.
    #[error("{source_name}: failed within; please report it")]
    Broken {
        /// The camera or stream.
        source_name: String,
    },
}

impl SourceError {
    /// Whether only this frame is lost: the source itself goes on.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Picture { .. } | Self::Frame { .. })
    }
}

/// Something that gives frames.
pub trait FrameSource: Send {
    /// The next frame, or `None` when none came within `wait`. It waits no longer than that (and what decoding takes), so
    /// that a thread which reads it can be stopped.
    ///
    /// # Errors
    /// [`SourceError`]; where [`SourceError::is_passing`] says so the source goes on, else it has to be opened anew.
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError>;

    /// What it is, for people.
    fn describe(&self) -> String;
}

/// Whether frames come as they are due, or as fast as they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At the source's own rate; pictures in a folder begin again after the last.
    Live,
    /// At once, each one time; after the last comes an error. For measuring.
    AtOnce,
}

/// YUV to RGB: how values are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Yuv {
    /// 0 to 255 rather than 16 to 235.
    pub full: bool,
    /// The matrix of high definition (BT.709) rather than BT.601's.
    pub high: bool,
}

impl Yuv {
    /// The colour of one pixel, sRGB.
    pub fn rgb(self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (i32::from(y), i32::from(u) - 128, i32::from(v) - 128);
        // 16 bits of fraction.
        let (y, chroma) = if self.full {
            (y << 16, 65536)
        } else {
            ((y - 16) * 76309, 74606)
        };
        let (rv, gu, gv, bu) = if self.high {
            (103_206, -12_276, -30_679, 121_609)
        } else {
            (91_881, -22_554, -46_802, 116_130)
        };
        let part = |factor: i32| ((i64::from(factor) * i64::from(chroma)) >> 16) as i32;
        let clip = |value: i32| ((value + 32768) >> 16).clamp(0, 255) as u8;
        [
            clip(y + part(rv) * v),
            clip(y + part(gu) * u + part(gv) * v),
            clip(y + part(bu) * u),
        ]
    }

    /// A brightness alone, as a shade of 0 to 255.
    pub fn shade(self, y: u8) -> u8 {
        if self.full {
            y
        } else {
            (((i32::from(y) - 16) * 76309 + 32768) >> 16).clamp(0, 255) as u8
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuv_white_black_and_colours() {
        for high in [false, true] {
            let limited = Yuv { full: false, high };
            assert_eq!(limited.rgb(235, 128, 128), [255; 3]);
            assert_eq!(limited.rgb(16, 128, 128), [0; 3]);
            let full = Yuv { full: true, high };
            assert_eq!(full.rgb(77, 128, 128), [77; 3]);
        }
        let [r, g, b] = Yuv {
            full: false,
            high: false,
        }
        .rgb(81, 90, 240);
        assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    }
}
