//! The feed's frames, their encodings and version. `docs/feed.md` is the specification.

pub mod codec;
pub mod frame;
mod proto;
pub mod stream;

pub use codec::{
    CodecError, decode_bin, decode_json, decode_subscribe_bin, decode_subscribe_json, encode_bin,
    encode_json, encode_subscribe_bin, encode_subscribe_json,
};
pub use frame::*;
pub use stream::{Refusal, Sequencer, Verdict};
