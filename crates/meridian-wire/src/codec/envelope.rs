//! A binary frame around its body: written and read field by field, so that a body is encoded and signed once
//! for everybody, and read only after its signature was.

use std::borrow::Cow;

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

use super::convert::to_proto;
use super::error::{CodecError, Result, prost_error, unknown};
use super::limits::{cap, check};
use crate::frame::{Body, MAX_FRAME_BYTES};
use crate::sign::{Place, Signature, SigningKey};

/// The fields that stand before a body and differ from connection to connection.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Head {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    #[prost(uint64, tag = "3")]
    pub prev: u64,
}

/// The numbers of the types, 1 to 9; a body's field is 10 more.
pub(super) const KINDS: std::ops::RangeInclusive<u32> = 1..=9;
/// The highest number that a later version may give a type: protobuf has fields up to 2²⁹ − 1.
pub(super) const MAX_KIND: u32 = (1 << 29) - 11;

/// A body as binary, encoded once for all receivers: the bytes that are signed, and the same compressed where that pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    kind: u32,
    bytes: Vec<u8>,
    zstd: Option<Vec<u8>>,
}

/// Bodies of fewer bytes aren't worth compressing.
const COMPRESS_FROM: usize = 1_024;
/// The level that a tenth of a second of lights is compressed at.
const ZSTD_LEVEL: i32 = 1;

impl Packed {
    /// Encodes a body.
    ///
    /// # Errors
    /// As for [`encode_bin`](super::encode_bin).
    pub fn new(body: &Body) -> Result<Self> {
        check(body)?;
        let (kind, bytes) = to_proto(body)?;
        Ok(Self {
            kind,
            bytes,
            zstd: None,
        })
    }

    /// A body from the bytes that another gateway signed.
    pub fn from_signed(kind: u32, bytes: Vec<u8>) -> Self {
        Self {
            kind,
            bytes,
            zstd: None,
        }
    }

    /// Compresses it, and keeps the result where it saves an eighth at least.
    pub fn compress(&mut self) {
        if self.bytes.len() < COMPRESS_FROM {
            return;
        }
        if let Ok(bytes) = zstd::bulk::compress(&self.bytes, ZSTD_LEVEL)
            && bytes.len() < self.bytes.len() / 8 * 7
        {
            self.zstd = Some(bytes);
        }
    }

    /// The number of its type.
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// The body's own bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Signs it at a place.
    pub fn sign(&self, epoch: u64, seq: u64, base: u64, key: &SigningKey) -> Signature {
        let place = Place {
            epoch,
            seq,
            base,
            kind: self.kind,
        };
        key.sign(&place, &self.bytes)
    }

    /// What [`frame_bin`](super::frame_bin) puts after a frame's numbers: with base and signature, if there are any, and
    /// compressed, if that is wanted and pays.
    pub fn tail(&self, signed: Option<(u64, &Signature)>, compressed: bool) -> Vec<u8> {
        let packed = self.zstd.as_ref().filter(|_| compressed);
        let body = packed.unwrap_or(&self.bytes);
        let mut out = Vec::with_capacity(body.len() + 96);
        uint64(4, u64::from(self.kind), &mut out);
        if let Some((base, signature)) = signed {
            uint64(5, base, &mut out);
            bytes_field(6, signature, &mut out);
        }
        let field = if packed.is_some() { 7 } else { 10 + self.kind };
        bytes_field(field, body, &mut out);
        out
    }
}

pub(super) fn uint64(field: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

pub(super) fn bytes_field(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A frame's original bytes: what a relay passes on without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The body, its own bytes.
    pub packed: Packed,
    /// Base and signature, if it is signed.
    pub signed: Option<(u64, Signature)>,
}

/// The parts of a binary frame.
///
/// # Errors
/// [`CodecError`] saying what is wrong.
pub fn split_bin(bytes: &[u8]) -> Result<Relayed> {
    let envelope = Envelope::read(bytes)?;
    let body = envelope.body(bytes)?.unwrap_or_default().into_owned();
    let signature = envelope
        .signature
        .and_then(|bytes| Signature::try_from(bytes).ok());
    Ok(Relayed {
        packed: Packed::from_signed(envelope.kind, body),
        signed: envelope.base.zip(signature),
    })
}

/// An envelope's fields. A body is read only once its signature was.
#[derive(Default)]
pub(super) struct Envelope<'a> {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) prev: u64,
    pub(super) kind: u32,
    pub(super) base: Option<u64>,
    pub(super) signature: Option<&'a [u8]>,
    zstd: Option<&'a [u8]>,
    /// Field and bytes of what may be the body.
    bodies: Vec<(u32, &'a [u8])>,
}

impl<'a> Envelope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        cap(bytes.len(), MAX_FRAME_BYTES)?;
        let failed = |error: prost::DecodeError| prost_error(bytes, &error);
        let mut it = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (field, wire) = decode_key(&mut rest).map_err(failed)?;
            match wire {
                WireType::Varint => {
                    let value = decode_varint(&mut rest).map_err(failed)?;
                    match field {
                        1 => it.epoch = value,
                        2 => it.seq = value,
                        3 => it.prev = value,
                        4 => {
                            it.kind = u32::try_from(value)
                                .ok()
                                .filter(|kind| *kind <= MAX_KIND)
                                .ok_or_else(|| unknown("kind", value))?;
                        }
                        5 => it.base = Some(value),
                        _ => {}
                    }
                }
                WireType::LengthDelimited => {
                    let length = decode_varint(&mut rest).map_err(failed)?;
                    let cut = usize::try_from(length)
                        .ok()
                        .and_then(|length| rest.split_at_checked(length));
                    let Some((value, after)) = cut else {
                        return Err(CodecError::Truncated {
                            bytes: bytes.len(),
                            problem: format!("field {field} says {length} bytes"),
                        });
                    };
                    rest = after;
                    match field {
                        6 => it.signature = Some(value),
                        7 => it.zstd = Some(value),
                        1..=5 => {
                            return Err(CodecError::Malformed(format!("field {field} isn't a number")));
                        }
                        _ => it.bodies.push((field, value)),
                    }
                }
                other => {
                    skip_field(other, field, &mut rest, DecodeContext::default()).map_err(failed)?;
                }
            }
        }
        if it.kind == 0 {
            return Err(CodecError::Truncated {
                bytes: bytes.len(),
                problem: "there is no type".to_owned(),
            });
        }
        Ok(it)
    }

    /// The body's bytes; none for a type that this version doesn't know.
    pub(super) fn body(&self, bytes: &[u8]) -> Result<Option<Cow<'a, [u8]>>> {
        if let Some(packed) = self.zstd {
            let body = zstd::bulk::decompress(packed, MAX_FRAME_BYTES)
                .map_err(|error| CodecError::Malformed(format!("the compressed body: {error}")))?;
            return Ok(Some(Cow::Owned(body)));
        }
        let wanted = self.kind.saturating_add(10);
        let found = self.bodies.iter().rev().find(|(field, _)| *field == wanted);
        match found {
            Some((_, body)) => Ok(Some(Cow::Borrowed(body))),
            None if KINDS.contains(&self.kind) => Err(CodecError::Truncated {
                bytes: bytes.len(),
                problem: "there is no body".to_owned(),
            }),
            None => Ok(None),
        }
    }
}
