//! Errors of the codec.

/// Why bytes can't be decoded, or a frame can't be encoded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than either side accepts.
    #[error("too large: {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many may be.
        limit: usize,
    },
    /// The bytes end before the frame does.
    #[error("truncated: the {bytes} bytes end before the frame does ({problem})")]
    Truncated {
        /// How many there are.
        bytes: usize,
        /// What was being read.
        problem: String,
    },
    /// The bytes aren't a frame of this encoding.
    #[error("no frame: {0}")]
    Malformed(String),
    /// A key that every frame of this type has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A column's bytes aren't a whole number of values.
    #[error("column {column}: {bytes} bytes aren't a whole number of values of {width} bytes")]
    Ragged {
        /// The column.
        column: &'static str,
        /// Its size.
        bytes: usize,
        /// Size of one value.
        width: usize,
    },
    /// Columns that belong together differ in length.
    #[error("column {column} has {len} values where {expected} are needed, as many as the column before it")]
    Columns {
        /// The column.
        column: &'static str,
        /// Its length.
        len: usize,
        /// The length of the others.
        expected: usize,
    },
    /// More rows than a frame may have.
    #[error("{what}: {count}, at most {limit} are allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// A frame that the expected key didn't sign.
    #[error("frame {seq} isn't signed by the gateway's key: {problem}")]
    Signature {
        /// The frame's number, as it says.
        seq: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A value outside its list.
    #[error("{field} is {value}, which means nothing in this version of the protocol")]
    Unknown {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
}

/// What the codec's functions return.
pub(super) type Result<T> = std::result::Result<T, CodecError>;

/// The error for a value outside its list.
pub(super) fn unknown(field: &'static str, value: impl std::fmt::Display) -> CodecError {
    CodecError::Unknown {
        field,
        value: value.to_string(),
    }
}

/// The error for bytes that protobuf's library refuses.
pub(super) fn prost_error(bytes: &[u8], error: &prost::DecodeError) -> CodecError {
    let problem = error.to_string();
    // The library keeps its kinds to itself and says only in words that bytes are missing.
    if problem.contains("underflow") {
        CodecError::Truncated {
            bytes: bytes.len(),
            problem,
        }
    } else {
        CodecError::Malformed(problem)
    }
}
