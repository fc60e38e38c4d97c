//! The error for a configuration, or for a file that it names.

/// Why a configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The key, what is wrong with it and what would be right.
    pub problem: String,
}
