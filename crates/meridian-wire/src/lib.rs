//! The feed's frames, their encodings and version. `docs/feed.md` is the specification.

pub mod codec;
pub mod comparison;
pub mod frame;
mod history;
mod merge;
pub mod notice;
pub mod scene;
pub mod sign;
pub mod stream;
pub mod texts;
mod warmth;

pub use codec::{
    CodecError, Opened, decode_bin, decode_json, decode_subscribe_bin, decode_subscribe_json, encode_bin,
    encode_json, encode_subscribe_bin, encode_subscribe_json, open_bin, open_json,
};
pub use comparison::{Standing, passed_at};
pub use frame::*;
pub use history::Growth;
pub use notice::NoticeKind;
pub use scene::Scene;
pub use sign::{KeyError, PublicKey, SigningKey};
pub use stream::{Refusal, Sequencer, Verdict};
pub use warmth::WARMTH_HALF_LIFE_MS;
