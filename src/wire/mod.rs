//! The feed's frames, their encodings and version. `docs/feed.md` is the specification.

pub mod frame;

pub use frame::*;
