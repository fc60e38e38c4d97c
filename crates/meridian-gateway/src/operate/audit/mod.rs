//! The audit log: who came, who was refused, who directed what. JSON Lines whose hashes chain.
//!
//! Each line has the attributes of CloudEvents 1.0, a number, the hash of the line before and its own, which is
//! SHA-256 over the line without it. A line that is altered, taken out, put in or moved breaks the chain; a log
//! that was cut at its end is noticed by whoever keeps the newest hash (`--head`), which the gateway also shows
//! among its metrics. Lines are whole or not there; what happens to the file is a line in it. A log that has grown long
//! goes on in another file, with the chain.

mod event;
mod log;
mod rotation;
mod verify;

use std::io;

use chrono::{DateTime, SecondsFormat, Utc};

pub use event::{Details, Event, Kind};
pub use log::AuditLog;
pub use rotation::{rotated, with_rotated};
pub use verify::{Verified, check_line, verify, verify_after, verify_file};

/// The hash before the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The default size at which the log goes on in another file, in MiB.
pub const AUDIT_FILE_MIB: u64 = 64;
/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// Why a log can't be kept, or isn't what was written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// An I/O error.
    #[error("{file}: {source}")]
    Disk {
        /// The file.
        file: String,
        /// The system's error.
        source: io::Error,
    },
    /// A line isn't what was written there.
    #[error("{file}, line {line}: {problem}")]
    Broken {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with the line.
        problem: String,
    },
    /// The file exists and isn't an audit log.
    #[error("{file}: it isn't an audit log: another file name is needed")]
    Another {
        /// The file.
        file: String,
    },
    /// The log ends before the hash that it should end with.
    #[error("{file}: it ends with {found}, not with {expected}: its end was taken off")]
    Cut {
        /// The file.
        file: String,
        /// The newest hash in it.
        found: String,
        /// The newest hash that there should be.
        expected: String,
    },
}

/// An instant in UTC with milliseconds, as lines of the log have it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests;
