//! AR on a desktop: a camera's picture behind, the product standing on a printed sheet at true scale. Knows no Bevy.
//!
//! | part | what it does |
//! |---|---|
//! | [`board`] | where the tags lie on the printed sheet |
//! | [`sheet`] | draws the sheet for a printer, as PDF and PNG |
//! | [`intrinsics`] | the camera's lens: files, guesses |
//! | [`calibrate`] | the lens found from views of the sheet |
//! | [`frame`] | a camera's picture, and the trait of what gives them |
//! | [`picture`] | pictures in files into frames |
//! | [`source`] | which source a text names: V4L2, ffmpeg, pictures in a folder, a synthetic room |
//! | [`detect`] | the tags in a grey picture |
//! | [`pose`] | where the sheet is, seen from the camera |
//! | [`filter`] | steadies a pose without lagging behind |
//! | [`light`] | what light falls on the sheet |
//! | [`photo`] | the same without tags: four corners of a paper clicked in a still photo |
//! | [`tracker`] | all of it on threads of its own, the latest frame with the pose found in it |
//! | [`render`] | the sheet as a camera would see it, for tests and the synthetic room |
//!
//! # Frames of reference
//! *Board*: metres, right-handed, the origin at the sheet's middle on the paper, +X right, +Y up out of the paper, +Z
//! towards the reader (the sheet's bottom edge). A product modelled with its front towards +Z faces the reader.
//!
//! *Camera*: metres, +X right, +Y **down**, +Z into the scene, as is usual in computer vision.
//! [`geometry::Pose::viewer`] gives the camera in the board's frame as a renderer wants it (+Y up, looking along -Z).
//!
//! *Picture*: pixels, +X right, +Y down; the first pixel's middle is at (0.5, 0.5).

pub mod board;
pub mod calibrate;
pub mod detect;
pub mod filter;
pub mod frame;
pub mod geometry;
pub mod intrinsics;
pub mod light;
pub mod photo;
pub mod picture;
pub mod pose;
pub mod render;
pub mod sheet;
pub mod source;
pub mod synthetic;
pub mod tracker;

mod drawing;
mod ffmpeg;
mod images;
#[cfg(target_os = "linux")]
mod v4l2;
