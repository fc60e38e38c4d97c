//! Columns of numbers as the bytes of a message, little-endian.

use crate::codec::error::{CodecError, Result};

/// A pair of functions, from values to bytes and back.
macro_rules! column {
    ($put:ident, $get:ident, $type:ty) => {
        pub(super) fn $put(values: impl IntoIterator<Item = $type>) -> Vec<u8> {
            let values = values.into_iter();
            let mut bytes = Vec::with_capacity(values.size_hint().0 * size_of::<$type>());
            for value in values {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            bytes
        }

        pub(super) fn $get(column: &'static str, bytes: &[u8]) -> Result<Vec<$type>> {
            let (values, rest) = bytes.as_chunks::<{ size_of::<$type>() }>();
            if !rest.is_empty() {
                return Err(CodecError::Ragged {
                    column,
                    bytes: bytes.len(),
                    width: size_of::<$type>(),
                });
            }
            Ok(values
                .iter()
                .map(|value| <$type>::from_le_bytes(*value))
                .collect())
        }
    };
}
column!(put_u16, get_u16, u16);
column!(put_u32, get_u32, u32);
column!(put_u64, get_u64, u64);
column!(put_i64, get_i64, i64);
