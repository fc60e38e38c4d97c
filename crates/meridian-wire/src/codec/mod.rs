//! The codec: frames to bytes and back, as JSON or binary. It doesn't panic on any input.

mod bin;
mod convert;
mod envelope;
mod error;
mod json;
mod limits;
mod proto;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;

pub use bin::{
    body_bin, decode_bin, decode_subscribe_bin, encode_bin, encode_subscribe_bin, frame_bin, open_bin,
};
pub use envelope::{Packed, Relayed, split_bin};
pub use error::CodecError;
pub use json::{
    body_json, decode_json, decode_subscribe_json, encode_json, encode_subscribe_json, frame_json, open_json,
    seal_json,
};
pub use limits::MAX_SUBSCRIBE_BYTES;

use crate::frame::Frame;

/// A frame, and what its place was signed to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The frame.
    pub frame: Frame,
    /// Nothing but lights was published between this frame and the opened one; absent in a frame that isn't signed.
    pub base: Option<u64>,
}
