//! From sources to the feed: source → guard → tally → publish.

pub mod source;

pub use source::{Opening, Pulled, Source, SourceError};
