//! Logs on the disk: torn ends are cut off, and damage is reported. Knows files, and of sales only batches.

pub mod journal;
pub(crate) mod keeping;
mod kind;
pub(crate) mod notices;
pub mod order_log;
pub mod record_log;

pub use kind::Store;
