//! What is kept on the disk: logs of records, whose torn ends are taken back and whose damage is told. Knows files, and nothing of sales but batches.

pub mod journal;
pub(crate) mod keeping;
mod kind;
pub(crate) mod notices;
pub mod order_log;
pub mod record_log;

pub use kind::Store;
