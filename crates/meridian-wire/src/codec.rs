//! Frames to bytes and back: JSON for people, binary for displays. Nothing here panics on any input.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use serde::Deserialize;

use super::frame::{
    Arcs, Body, Bye, Cell, Comparison, Compression, Counts, DataClass, Day, Direct, Frame, Heartbeat, Hello,
    History, Keyed, Level, Lights, MAX_CURVE_POINTS, MAX_DETAILED_PRODUCTS, MAX_FRAME_BYTES, Mode, Names,
    Notice, Position, ProductCell, ProductCounts, ProductCurve, ProductInfo, ProductRow, Products, Rates,
    Reached, RegionHistory, Snapshot, Subscribe, Tick, Totals, Trend, Warmth,
};
use super::proto;
use super::sign::{Place, PublicKey, Signature, SigningKey};
use meridian_core::insight::MAX_TRENDS;
use meridian_core::sales::{Currency, Kind, MAX_PRODUCTS};

/// The largest message that a client may send, in bytes.
pub const MAX_SUBSCRIBE_BYTES: usize = 64 << 10;

/// Why bytes are no frame, or a frame can't become bytes.
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
    /// The bytes are no frame of this encoding.
    #[error("no frame: {0}")]
    Malformed(String),
    /// A key that every frame of this type has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A column's bytes aren't a whole number of values.
    #[error("column {column}: {bytes} bytes are no whole number of values of {width} bytes")]
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

type Result<T> = std::result::Result<T, CodecError>;

// ---- JSON ----

/// A frame as JSON.
///
/// # Errors
/// [`CodecError::TooLarge`], or columns that differ in length.
pub fn encode_json(frame: &Frame) -> Result<String> {
    frame_json(frame.epoch, frame.seq, frame.prev, &body_json(&frame.body)?)
}

/// A body as JSON without the opening brace: what [`frame_json`] puts after a frame's numbers.
///
/// # Errors
/// As for [`encode_json`].
pub fn body_json(body: &Body) -> Result<String> {
    check(body)?;
    let mut text = serde_json::to_string(body).map_err(|error| CodecError::Malformed(error.to_string()))?;
    // A body is always an object with at least its type.
    if text.starts_with('{') {
        text.remove(0);
    }
    Ok(text)
}

/// A frame from its numbers and a body that [`body_json`] encoded, or one that [`seal_json`] sealed.
///
/// # Errors
/// [`CodecError::TooLarge`].
pub fn frame_json(epoch: u64, seq: u64, prev: u64, body: &str) -> Result<String> {
    let text = format!("{{\"epoch\":{epoch},\"seq\":{seq},\"prev\":{prev},{body}");
    cap(text.len(), MAX_FRAME_BYTES)?;
    Ok(text)
}

/// A body that [`body_json`] encoded, with its place and signature before it.
pub fn seal_json(epoch: u64, seq: u64, base: u64, body: &str, key: &SigningKey) -> String {
    let place = Place {
        epoch,
        seq,
        base,
        kind: 0,
    };
    let signature = BASE64.encode(key.sign(&place, body.as_bytes()));
    format!("\"base\":{base},\"signature\":\"{signature}\",{body}")
}

/// A frame, and what its place was signed to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The frame.
    pub frame: Frame,
    /// Nothing but lights was published between this frame and the opened one; absent in a frame that isn't signed.
    pub base: Option<u64>,
}

/// A frame from JSON; [`Body::Unknown`] for a type that this version doesn't know.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn decode_json(bytes: &[u8]) -> Result<Frame> {
    open_json(bytes, None).map(|opened| opened.frame)
}

/// A frame from JSON that has to be signed by a key, if one is given.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn open_json(bytes: &[u8], key: Option<&PublicKey>) -> Result<Opened> {
    #[derive(Deserialize)]
    struct Head {
        epoch: u64,
        seq: u64,
        prev: u64,
        #[serde(default)]
        base: Option<u64>,
        #[serde(default)]
        signature: Option<String>,
        #[serde(rename = "type")]
        kind: String,
    }
    fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            if error.is_eof() {
                CodecError::Truncated {
                    bytes: bytes.len(),
                    problem: error.to_string(),
                }
            } else {
                CodecError::Malformed(error.to_string())
            }
        })
    }
    cap(bytes.len(), MAX_FRAME_BYTES)?;
    let head: Head = read(bytes)?;
    let mut said = Cow::Borrowed(bytes);
    if let Some(key) = key {
        let unsigned = |problem| CodecError::Signature {
            seq: head.seq,
            problem,
        };
        let (Some(base), Some(signature)) = (head.base, &head.signature) else {
            return Err(unsigned("there is no signature"));
        };
        // The signed part begins at the type; what stands before it is numbers that the place has too.
        const TYPE: &[u8] = b"\"type\":";
        let at = bytes
            .windows(TYPE.len())
            .position(|window| window == TYPE)
            .ok_or_else(|| unsigned("its type isn't where it should be"))?;
        let place = Place {
            epoch: head.epoch,
            seq: head.seq,
            base,
            kind: 0,
        };
        let signature = BASE64
            .decode(signature)
            .map_err(|_| unsigned("the signature is no base64"))?;
        let signed = bytes.get(at..).unwrap_or(&[]);
        if !key.verifies(&place, signed, &signature) {
            return Err(unsigned("it was altered, or another key signed it"));
        }
        // Only what was signed is read on: a stranger could put a key that the type leaves out before it.
        said = Cow::Owned([b"{", signed].concat());
    }
    let said = said.as_ref();
    // Read again as the type it is: serde's flattened enums would copy every number through a tree.
    let body = match head.kind.as_str() {
        "hello" => Body::Hello(read(said)?),
        "snapshot" => Body::Snapshot(read(said)?),
        "tick" => Body::Tick(read(said)?),
        "lights" => Body::Lights(read(said)?),
        "heartbeat" => Body::Heartbeat(read(said)?),
        "notice" => Body::Notice(read(said)?),
        "bye" => Body::Bye(read(said)?),
        "products" => Body::Products(read(said)?),
        "direct" => Body::Direct(read(said)?),
        _ => Body::Unknown(head.kind),
    };
    check(&body)?;
    Ok(Opened {
        frame: Frame {
            epoch: head.epoch,
            seq: head.seq,
            prev: head.prev,
            body,
        },
        base: head.base,
    })
}

/// What a client says, as JSON.
pub fn encode_subscribe_json(subscribe: &Subscribe) -> String {
    // Two optional numbers can't fail to be written.
    serde_json::to_string(subscribe).unwrap_or_default()
}

/// What a client says, from JSON.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn decode_subscribe_json(bytes: &[u8]) -> Result<Subscribe> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Said {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        resume: Option<Position>,
        #[serde(default)]
        lights_per_s: Option<u32>,
        #[serde(default)]
        compression: Option<Compression>,
        #[serde(default)]
        relay: bool,
    }
    cap(bytes.len(), MAX_SUBSCRIBE_BYTES)?;
    let said: Said =
        serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if said.kind != "subscribe" {
        return Err(CodecError::Unknown {
            field: "type",
            value: format!("{:?}", said.kind),
        });
    }
    Ok(Subscribe {
        resume: said.resume,
        lights_per_s: said.lights_per_s,
        compression: said.compression,
        relay: said.relay,
    })
}

// ---- binary ----

/// A frame as binary.
///
/// # Errors
/// [`CodecError::TooLarge`], or columns that differ in length.
pub fn encode_bin(frame: &Frame) -> Result<Vec<u8>> {
    frame_bin(frame.epoch, frame.seq, frame.prev, &body_bin(&frame.body)?)
}

/// A body as binary: what [`frame_bin`] puts after a frame's numbers.
///
/// # Errors
/// As for [`encode_bin`].
pub fn body_bin(body: &Body) -> Result<Vec<u8>> {
    Ok(Packed::new(body)?.tail(None, false))
}

/// A body as binary, for everybody: the bytes that are signed, and the same compressed where that pays.
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
    /// As for [`encode_bin`].
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

    /// What [`frame_bin`] puts after a frame's numbers: with base and signature, if there are any, and
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

fn uint64(field: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

fn bytes_field(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A frame from its numbers and a body that [`body_bin`] or [`Packed::tail`] encoded.
///
/// # Errors
/// [`CodecError::TooLarge`].
pub fn frame_bin(epoch: u64, seq: u64, prev: u64, body: &[u8]) -> Result<Vec<u8>> {
    let head = proto::Head { epoch, seq, prev };
    let mut bytes = Vec::with_capacity(head.encoded_len() + body.len());
    cap(bytes.capacity(), MAX_FRAME_BYTES)?;
    head.encode_raw(&mut bytes);
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// A frame from binary; [`Body::Unknown`] for a type that this version doesn't know.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn decode_bin(bytes: &[u8]) -> Result<Frame> {
    open_bin(bytes, None).map(|opened| opened.frame)
}

/// A frame from binary that has to be signed by a key, if one is given.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn open_bin(bytes: &[u8], key: Option<&PublicKey>) -> Result<Opened> {
    let envelope = Envelope::read(bytes)?;
    let body = envelope.body(bytes)?;
    if let Some(key) = key {
        let unsigned = |problem| CodecError::Signature {
            seq: envelope.seq,
            problem,
        };
        let (Some(base), Some(signature)) = (envelope.base, envelope.signature) else {
            return Err(unsigned("there is no signature"));
        };
        let place = Place {
            epoch: envelope.epoch,
            seq: envelope.seq,
            base,
            kind: envelope.kind,
        };
        if !key.verifies(&place, body.as_deref().unwrap_or(&[]), signature) {
            return Err(unsigned("it was altered, or another key signed it"));
        }
    }
    let body = match body {
        Some(body) => from_proto(envelope.kind, &body)?,
        None => Body::Unknown(envelope.kind.to_string()),
    };
    check(&body)?;
    Ok(Opened {
        frame: Frame {
            epoch: envelope.epoch,
            seq: envelope.seq,
            prev: envelope.prev,
            body,
        },
        base: envelope.base,
    })
}

/// A frame's parts as they came: what a relay passes on without opening it.
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
struct Envelope<'a> {
    epoch: u64,
    seq: u64,
    prev: u64,
    kind: u32,
    base: Option<u64>,
    signature: Option<&'a [u8]>,
    zstd: Option<&'a [u8]>,
    /// Field and bytes of what may be the body.
    bodies: Vec<(u32, &'a [u8])>,
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
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
                            return Err(CodecError::Malformed(format!("field {field} is no number")));
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

    /// The body's bytes; none for a type of tomorrow.
    fn body(&self, bytes: &[u8]) -> Result<Option<Cow<'a, [u8]>>> {
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

/// What a client says, as binary.
pub fn encode_subscribe_bin(subscribe: &Subscribe) -> Vec<u8> {
    proto::Subscribe {
        resume: subscribe.resume.map(|position| proto::Position {
            epoch: position.epoch,
            seq: position.seq,
        }),
        lights_per_s: subscribe.lights_per_s,
        compression: subscribe.compression.map_or(0, |compression| match compression {
            Compression::Zstd => 1,
        }),
        relay: subscribe.relay,
    }
    .encode_to_vec()
}

/// What a client says, from binary.
///
/// # Errors
/// [`CodecError`] saying what is wrong.
pub fn decode_subscribe_bin(bytes: &[u8]) -> Result<Subscribe> {
    cap(bytes.len(), MAX_SUBSCRIBE_BYTES)?;
    let said = proto::Subscribe::decode(bytes).map_err(|error| prost_error(bytes, &error))?;
    Ok(Subscribe {
        resume: said.resume.map(|position| Position {
            epoch: position.epoch,
            seq: position.seq,
        }),
        lights_per_s: said.lights_per_s,
        compression: match said.compression {
            0 => None,
            1 => Some(Compression::Zstd),
            other => return Err(unknown("compression", other)),
        },
        relay: said.relay,
    })
}

// ---- both ----

fn cap(bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(CodecError::TooLarge { bytes, limit });
    }
    Ok(())
}

fn prost_error(bytes: &[u8], error: &prost::DecodeError) -> CodecError {
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

fn same(column: &'static str, len: usize, expected: usize) -> Result<()> {
    if len != expected {
        return Err(CodecError::Columns {
            column,
            len,
            expected,
        });
    }
    Ok(())
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<()> {
    if count > limit {
        return Err(CodecError::TooMany { what, count, limit });
    }
    Ok(())
}

/// A frame can't make its reader hold more than the protocol's bounds, and names no product beyond them.
fn check_products(products: &Products) -> Result<()> {
    at_most("products.products", products.products.len(), MAX_PRODUCTS)?;
    at_most(
        "products.regions",
        products.regions.len(),
        MAX_DETAILED_PRODUCTS * 256,
    )?;
    at_most("products.curves", products.curves.len(), MAX_DETAILED_PRODUCTS)?;
    let trends = products.trends.as_deref().unwrap_or(&[]);
    at_most(
        "products.trends",
        trends.len(),
        MAX_DETAILED_PRODUCTS * MAX_TRENDS,
    )?;
    for curve in &products.curves {
        let points = (curve.from as usize).saturating_add(curve.gmv_minor.len());
        at_most("products.curves.gmv_minor", points, MAX_CURVE_POINTS)?;
    }
    let highest = products
        .products
        .iter()
        .map(|row| row.id)
        .chain(products.regions.iter().map(|row| row.product))
        .chain(products.curves.iter().map(|row| row.product))
        .chain(trends.iter().map(|row| row.product))
        .max();
    match highest {
        Some(highest) if usize::from(highest) >= MAX_PRODUCTS => Err(unknown("products.id", highest)),
        _ => Ok(()),
    }
}

/// Columns that belong together are of one length, whatever they came in.
fn check(body: &Body) -> Result<()> {
    match body {
        Body::Lights(lights) => {
            same("code", lights.code.len(), lights.place.len())?;
            let arcs = &lights.arcs;
            same("arcs.to_place", arcs.to_place.len(), arcs.from_region.len())?;
            same("arcs.parcels", arcs.parcels.len(), arcs.from_region.len())
        }
        Body::Snapshot(snapshot) => {
            check_products(&snapshot.products)?;
            same(
                "warmth.level",
                snapshot.warmth.level.len(),
                snapshot.warmth.place.len(),
            )
        }
        Body::Hello(hello) => {
            at_most("hello.products", hello.products.len(), MAX_PRODUCTS)?;
            // JSON has no way to write another.
            if !hello.speed.is_finite() {
                return Err(unknown("hello.speed", hello.speed));
            }
            hello.comparisons.iter().try_for_each(|comparison| {
                same(
                    "comparisons.gmv_minor",
                    comparison.gmv_minor.len(),
                    comparison.at_ms.len(),
                )
            })
        }
        Body::Products(products) => check_products(products),
        Body::Tick(_)
        | Body::Heartbeat(_)
        | Body::Notice(_)
        | Body::Bye(_)
        | Body::Direct(_)
        | Body::Unknown(_) => Ok(()),
    }
}

macro_rules! column {
    ($put:ident, $get:ident, $type:ty) => {
        fn $put(values: impl IntoIterator<Item = $type>) -> Vec<u8> {
            let values = values.into_iter();
            let mut bytes = Vec::with_capacity(values.size_hint().0 * size_of::<$type>());
            for value in values {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            bytes
        }

        fn $get(column: &'static str, bytes: &[u8]) -> Result<Vec<$type>> {
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

/// The numbers of the types, 1 to 9; a body's field is 10 more.
const KINDS: std::ops::RangeInclusive<u32> = 1..=9;
/// The highest number of a type of tomorrow: protobuf has fields up to 2²⁹ − 1.
const MAX_KIND: u32 = (1 << 29) - 11;

fn to_proto(body: &Body) -> Result<(u32, Vec<u8>)> {
    Ok(match body {
        Body::Hello(hello) => (1, put_hello(hello).encode_to_vec()),
        Body::Snapshot(snapshot) => (2, put_snapshot(snapshot).encode_to_vec()),
        Body::Tick(tick) => (3, put_tick(tick).encode_to_vec()),
        Body::Lights(lights) => (4, put_lights(lights).encode_to_vec()),
        Body::Heartbeat(beat) => (
            5,
            proto::Heartbeat {
                event_ms: beat.event_ms,
                published_ms: beat.published_ms,
                mode: put_mode(beat.mode),
                paused: beat.paused,
            }
            .encode_to_vec(),
        ),
        Body::Notice(notice) => (6, put_notice(notice).encode_to_vec()),
        Body::Bye(bye) => (
            7,
            proto::Bye {
                code: bye.code.clone(),
                text: bye.text.clone(),
                retry_after_ms: bye.retry_after_ms,
            }
            .encode_to_vec(),
        ),
        Body::Products(products) => (8, put_products(products).encode_to_vec()),
        Body::Direct(direct) => (9, put_direct(direct).encode_to_vec()),
        Body::Unknown(kind) => {
            return Err(CodecError::Unknown {
                field: "kind",
                value: kind.clone(),
            });
        }
    })
}

fn from_proto(kind: u32, bytes: &[u8]) -> Result<Body> {
    fn read<T: prost::Message + Default>(bytes: &[u8]) -> Result<T> {
        T::decode(bytes).map_err(|error| prost_error(bytes, &error))
    }
    Ok(match kind {
        1 => Body::Hello(Box::new(get_hello(read(bytes)?)?)),
        2 => Body::Snapshot(Box::new(get_snapshot(read(bytes)?)?)),
        3 => Body::Tick(Box::new(get_tick(read(bytes)?)?)),
        4 => Body::Lights(get_lights(read(bytes)?)?),
        5 => {
            let beat: proto::Heartbeat = read(bytes)?;
            Body::Heartbeat(Heartbeat {
                event_ms: beat.event_ms,
                published_ms: beat.published_ms,
                mode: get_mode(beat.mode)?,
                paused: beat.paused,
            })
        }
        6 => Body::Notice(get_notice(read(bytes)?)?),
        7 => {
            let bye: proto::Bye = read(bytes)?;
            Body::Bye(Bye {
                code: bye.code,
                text: bye.text,
                retry_after_ms: bye.retry_after_ms,
            })
        }
        8 => Body::Products(Box::new(get_products(read(bytes)?)?)),
        9 => Body::Direct(get_direct(read(bytes)?)),
        other => Body::Unknown(other.to_string()),
    })
}

fn put_notice(notice: &Notice) -> proto::Notice {
    proto::Notice {
        level: match notice.level {
            Level::Info => 1,
            Level::Warning => 2,
            Level::Alert => 3,
        },
        code: notice.code.clone(),
        text: Some(put_names(&notice.text)),
        published_ms: notice.published_ms,
    }
}

fn get_notice(notice: proto::Notice) -> Result<Notice> {
    Ok(Notice {
        level: match notice.level {
            1 => Level::Info,
            2 => Level::Warning,
            3 => Level::Alert,
            other => return Err(unknown("notice.level", other)),
        },
        code: notice.code,
        text: get_names(notice.text),
        published_ms: notice.published_ms,
    })
}

fn put_direct(direct: &Direct) -> proto::Direct {
    proto::Direct {
        published_ms: direct.published_ms,
        held: direct.held,
        rehearsal: direct.rehearsal,
        delay_ms: direct.delay_ms,
        scene: direct.scene.clone(),
        scene_number: direct.scene_number,
    }
}

fn get_direct(direct: proto::Direct) -> Direct {
    Direct {
        published_ms: direct.published_ms,
        held: direct.held,
        rehearsal: direct.rehearsal,
        delay_ms: direct.delay_ms,
        scene: direct.scene,
        scene_number: direct.scene_number,
    }
}

fn unknown(field: &'static str, value: impl std::fmt::Display) -> CodecError {
    CodecError::Unknown {
        field,
        value: value.to_string(),
    }
}

fn put_mode(mode: Mode) -> u32 {
    match mode {
        Mode::Live => 1,
        Mode::Delayed => 2,
        Mode::Held => 3,
        Mode::Replay => 4,
        Mode::Demo => 5,
        Mode::Rehearsal => 6,
    }
}

fn get_mode(mode: u32) -> Result<Mode> {
    Ok(match mode {
        1 => Mode::Live,
        2 => Mode::Delayed,
        3 => Mode::Held,
        4 => Mode::Replay,
        5 => Mode::Demo,
        6 => Mode::Rehearsal,
        other => return Err(unknown("mode", other)),
    })
}

fn put_names(names: &Names) -> proto::Names {
    proto::Names {
        en: names.en.clone(),
        zh: names.zh.clone(),
    }
}

fn get_names(names: Option<proto::Names>) -> Names {
    let names = names.unwrap_or_default();
    Names {
        en: names.en,
        zh: names.zh,
    }
}

fn put_hello(hello: &Hello) -> proto::Hello {
    proto::Hello {
        version: hello.version,
        server: hello.server.clone(),
        mode: put_mode(hello.mode),
        synthetic: hello.synthetic,
        title: Some(put_names(&hello.title)),
        currency: hello.currency.code().to_owned(),
        gmv_counts: match hello.gmv_counts {
            Kind::Order => 1,
            Kind::Payment => 2,
        },
        speed: hello.speed,
        catalogue: hello.catalogue.clone(),
        categories: hello.categories.iter().map(put_names).collect(),
        day_start_ms: hello.day.start_ms,
        day_end_ms: hello.day.end_ms,
        day_utc_offset_min: hello.day.utc_offset_min,
        comparisons: hello
            .comparisons
            .iter()
            .map(|comparison| proto::Comparison {
                label: Some(put_names(&comparison.label)),
                at_ms_i64: put_i64(comparison.at_ms.iter().copied()),
                gmv_minor_i64: put_i64(comparison.gmv_minor.iter().copied()),
            })
            .collect(),
        milestones_minor_i64: put_i64(hello.milestones_minor.iter().copied()),
        products: hello
            .products
            .iter()
            .map(|product| proto::ProductInfo {
                id: product.id.clone(),
                names: Some(put_names(&product.names)),
                category: u32::from(product.category),
            })
            .collect(),
        class: match hello.class {
            DataClass::Public => 0,
            DataClass::Internal => 1,
        },
        key: hello.key.clone(),
        published_ms: hello.published_ms,
        k: hello.k,
    }
}

fn get_hello(hello: proto::Hello) -> Result<Hello> {
    Ok(Hello {
        version: hello.version,
        server: hello.server,
        mode: get_mode(hello.mode)?,
        synthetic: hello.synthetic,
        title: get_names(hello.title),
        currency: Currency::from_code(&hello.currency)
            .map_err(|error| unknown("hello.currency", format!("{:?} ({error})", hello.currency)))?,
        gmv_counts: match hello.gmv_counts {
            1 => Kind::Order,
            2 => Kind::Payment,
            other => return Err(unknown("hello.gmv_counts", other)),
        },
        speed: hello.speed,
        catalogue: hello.catalogue,
        categories: hello
            .categories
            .into_iter()
            .map(|names| get_names(Some(names)))
            .collect(),
        day: Day {
            start_ms: hello.day_start_ms,
            end_ms: hello.day_end_ms,
            utc_offset_min: hello.day_utc_offset_min,
        },
        comparisons: hello
            .comparisons
            .into_iter()
            .map(|comparison| {
                Ok(Comparison {
                    label: get_names(comparison.label),
                    at_ms: get_i64("comparisons.at_ms", &comparison.at_ms_i64)?,
                    gmv_minor: get_i64("comparisons.gmv_minor", &comparison.gmv_minor_i64)?,
                })
            })
            .collect::<Result<_>>()?,
        milestones_minor: get_i64("hello.milestones_minor", &hello.milestones_minor_i64)?,
        products: hello
            .products
            .into_iter()
            .map(|product| {
                Ok(ProductInfo {
                    id: product.id,
                    names: get_names(product.names),
                    category: u8::try_from(product.category)
                        .map_err(|_| unknown("hello.products.category", product.category))?,
                })
            })
            .collect::<Result<_>>()?,
        class: match hello.class {
            0 => DataClass::Public,
            1 => DataClass::Internal,
            other => return Err(unknown("hello.class", other)),
        },
        key: hello.key,
        published_ms: hello.published_ms,
        k: hello.k,
    })
}

fn put_counts(counts: &Counts) -> proto::Counts {
    proto::Counts {
        orders: counts.orders,
        payments: counts.payments,
        gmv_minor: counts.gmv_minor,
    }
}

fn get_counts(counts: Option<proto::Counts>) -> Counts {
    let counts = counts.unwrap_or_default();
    Counts {
        orders: counts.orders,
        payments: counts.payments,
        gmv_minor: counts.gmv_minor,
    }
}

fn put_totals(totals: &Totals) -> proto::Totals {
    proto::Totals {
        counts: Some(put_counts(&totals.counts)),
        unplaced: Some(put_counts(&totals.unplaced)),
        corrections: totals.corrections,
        corrected_minor: totals.corrected_minor,
    }
}

fn get_totals(totals: Option<proto::Totals>) -> Result<Totals> {
    // A tick without totals would set them to nothing: that is never meant.
    let totals = totals.ok_or(CodecError::Missing("totals"))?;
    Ok(Totals {
        counts: get_counts(totals.counts),
        unplaced: get_counts(totals.unplaced),
        corrections: totals.corrections,
        corrected_minor: totals.corrected_minor,
    })
}

fn put_rates(rates: &Rates) -> proto::Rates {
    proto::Rates {
        orders_per_s: rates.orders_per_s,
        payments_per_s: rates.payments_per_s,
        gmv_minor_per_s: rates.gmv_minor_per_s,
        peak_orders_per_s: rates.peak_orders_per_s,
        peak_orders_at_ms: rates.peak_orders_at_ms,
        peak_payments_per_s: rates.peak_payments_per_s,
        peak_payments_at_ms: rates.peak_payments_at_ms,
    }
}

fn get_rates(rates: Option<proto::Rates>) -> Result<Rates> {
    let rates = rates.ok_or(CodecError::Missing("rates"))?;
    Ok(Rates {
        orders_per_s: rates.orders_per_s,
        payments_per_s: rates.payments_per_s,
        gmv_minor_per_s: rates.gmv_minor_per_s,
        peak_orders_per_s: rates.peak_orders_per_s,
        peak_orders_at_ms: rates.peak_orders_at_ms,
        peak_payments_per_s: rates.peak_payments_per_s,
        peak_payments_at_ms: rates.peak_payments_at_ms,
    })
}

fn put_keyed(rows: &[Keyed]) -> Option<proto::KeyedColumns> {
    (!rows.is_empty()).then(|| proto::KeyedColumns {
        id_u8: rows.iter().map(|row| row.id).collect(),
        orders_u64: put_u64(rows.iter().map(|row| row.counts.orders)),
        payments_u64: put_u64(rows.iter().map(|row| row.counts.payments)),
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.counts.gmv_minor)),
    })
}

/// Three columns of counts, checked against the number of rows.
fn get_count_columns(rows: usize, orders: &[u8], payments: &[u8], gmv: &[u8]) -> Result<Vec<Counts>> {
    let orders = get_u64("orders", orders)?;
    let payments = get_u64("payments", payments)?;
    let gmv = get_i64("gmv_minor", gmv)?;
    same("orders", orders.len(), rows)?;
    same("payments", payments.len(), rows)?;
    same("gmv_minor", gmv.len(), rows)?;
    Ok(orders
        .into_iter()
        .zip(payments)
        .zip(gmv)
        .map(|((orders, payments), gmv_minor)| Counts {
            orders,
            payments,
            gmv_minor,
        })
        .collect())
}

fn get_keyed(columns: Option<proto::KeyedColumns>) -> Result<Vec<Keyed>> {
    let columns = columns.unwrap_or_default();
    let counts = get_count_columns(
        columns.id_u8.len(),
        &columns.orders_u64,
        &columns.payments_u64,
        &columns.gmv_minor_i64,
    )?;
    Ok(columns
        .id_u8
        .into_iter()
        .zip(counts)
        .map(|(id, counts)| Keyed { id, counts })
        .collect())
}

fn put_cells(rows: &[Cell]) -> Option<proto::CellColumns> {
    (!rows.is_empty()).then(|| proto::CellColumns {
        region_u8: rows.iter().map(|row| row.region).collect(),
        category_u8: rows.iter().map(|row| row.category).collect(),
        orders_u64: put_u64(rows.iter().map(|row| row.counts.orders)),
        payments_u64: put_u64(rows.iter().map(|row| row.counts.payments)),
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.counts.gmv_minor)),
    })
}

fn get_cells(columns: Option<proto::CellColumns>) -> Result<Vec<Cell>> {
    let columns = columns.unwrap_or_default();
    same("category", columns.category_u8.len(), columns.region_u8.len())?;
    let counts = get_count_columns(
        columns.region_u8.len(),
        &columns.orders_u64,
        &columns.payments_u64,
        &columns.gmv_minor_i64,
    )?;
    Ok(columns
        .region_u8
        .into_iter()
        .zip(columns.category_u8)
        .zip(counts)
        .map(|((region, category), counts)| Cell {
            region,
            category,
            counts,
        })
        .collect())
}

fn put_reached(rows: &[Reached]) -> Option<proto::ReachedColumns> {
    (!rows.is_empty()).then(|| proto::ReachedColumns {
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.gmv_minor)),
        at_ms_i64: put_i64(rows.iter().map(|row| row.at_ms)),
    })
}

fn get_reached(columns: Option<proto::ReachedColumns>) -> Result<Vec<Reached>> {
    let columns = columns.unwrap_or_default();
    let gmv = get_i64("reached.gmv_minor", &columns.gmv_minor_i64)?;
    let at = get_i64("reached.at_ms", &columns.at_ms_i64)?;
    same("reached.at_ms", at.len(), gmv.len())?;
    Ok(gmv
        .into_iter()
        .zip(at)
        .map(|(gmv_minor, at_ms)| Reached { gmv_minor, at_ms })
        .collect())
}

fn put_snapshot(snapshot: &Snapshot) -> proto::Snapshot {
    proto::Snapshot {
        event_ms: snapshot.event_ms,
        published_ms: snapshot.published_ms,
        mode: put_mode(snapshot.mode),
        totals: Some(put_totals(&snapshot.totals)),
        rates: Some(put_rates(&snapshot.rates)),
        regions: put_keyed(&snapshot.regions),
        categories: put_keyed(&snapshot.categories),
        channels: put_keyed(&snapshot.channels),
        cells: put_cells(&snapshot.cells),
        history: Some(proto::History {
            step_ms: snapshot.history.step_ms,
            gmv_minor_i64: put_i64(snapshot.history.gmv_minor.iter().copied()),
            region_step_ms: snapshot.history.region_step_ms,
            regions: snapshot
                .history
                .regions
                .iter()
                .map(|region| proto::RegionHistory {
                    region: u32::from(region.region),
                    gmv_minor_i64: put_i64(region.gmv_minor.iter().copied()),
                })
                .collect(),
        }),
        reached: put_reached(&snapshot.reached),
        warmth: Some(proto::Warmth {
            place_u16: put_u16(snapshot.warmth.place.iter().copied()),
            level_u8: snapshot.warmth.level.clone(),
        }),
        products: (!snapshot.products.is_absent()).then(|| put_products(&snapshot.products)),
        direct: snapshot.direct.as_ref().map(put_direct),
        notices: snapshot.notices.iter().map(put_notice).collect(),
    }
}

fn get_snapshot(snapshot: proto::Snapshot) -> Result<Snapshot> {
    let history = snapshot.history.unwrap_or_default();
    let warmth = snapshot.warmth.unwrap_or_default();
    Ok(Snapshot {
        event_ms: snapshot.event_ms,
        published_ms: snapshot.published_ms,
        mode: get_mode(snapshot.mode)?,
        totals: get_totals(snapshot.totals)?,
        rates: get_rates(snapshot.rates)?,
        regions: get_keyed(snapshot.regions)?,
        categories: get_keyed(snapshot.categories)?,
        channels: get_keyed(snapshot.channels)?,
        cells: get_cells(snapshot.cells)?,
        history: History {
            step_ms: history.step_ms,
            gmv_minor: get_i64("history.gmv_minor", &history.gmv_minor_i64)?,
            region_step_ms: history.region_step_ms,
            regions: history
                .regions
                .into_iter()
                .map(|region| {
                    Ok(RegionHistory {
                        region: u8::try_from(region.region)
                            .map_err(|_| unknown("history.regions.region", region.region))?,
                        gmv_minor: get_i64("history.regions.gmv_minor", &region.gmv_minor_i64)?,
                    })
                })
                .collect::<Result<_>>()?,
        },
        reached: get_reached(snapshot.reached)?,
        warmth: Warmth {
            place: get_u16("warmth.place", &warmth.place_u16)?,
            level: warmth.level_u8,
        },
        products: get_products(snapshot.products.unwrap_or_default())?,
        direct: snapshot.direct.map(get_direct),
        notices: snapshot
            .notices
            .into_iter()
            .map(get_notice)
            .collect::<Result<_>>()?,
    })
}

fn put_products(products: &Products) -> proto::Products {
    let rows = &products.products;
    let cells = &products.regions;
    proto::Products {
        event_ms: products.event_ms,
        published_ms: products.published_ms,
        products: (!rows.is_empty()).then(|| proto::ProductColumns {
            id_u16: put_u16(rows.iter().map(|row| row.id)),
            orders_u64: put_u64(rows.iter().map(|row| row.counts.counts.orders)),
            payments_u64: put_u64(rows.iter().map(|row| row.counts.counts.payments)),
            gmv_minor_i64: put_i64(rows.iter().map(|row| row.counts.counts.gmv_minor)),
            units_i64: put_i64(rows.iter().map(|row| row.counts.units)),
            orders_per_s_u64: put_u64(rows.iter().map(|row| row.orders_per_s)),
            orders_10s_u64: put_u64(rows.iter().map(|row| row.orders_10s)),
            rank_u16: put_u16(rows.iter().map(|row| row.rank)),
        }),
        regions: (!cells.is_empty()).then(|| proto::ProductCellColumns {
            product_u16: put_u16(cells.iter().map(|row| row.product)),
            region_u8: cells.iter().map(|row| row.region).collect(),
            orders_u64: put_u64(cells.iter().map(|row| row.counts.counts.orders)),
            payments_u64: put_u64(cells.iter().map(|row| row.counts.counts.payments)),
            gmv_minor_i64: put_i64(cells.iter().map(|row| row.counts.counts.gmv_minor)),
            units_i64: put_i64(cells.iter().map(|row| row.counts.units)),
        }),
        step_ms: products.step_ms,
        curves: products
            .curves
            .iter()
            .map(|curve| proto::ProductCurve {
                product: u32::from(curve.product),
                from: curve.from,
                gmv_minor_i64: put_i64(curve.gmv_minor.iter().copied()),
            })
            .collect(),
        trends: products.trends.as_ref().map(|trends| proto::TrendColumns {
            product_u16: put_u16(trends.iter().map(|trend| trend.product)),
            region_u8: trends.iter().map(|trend| trend.region).collect(),
            percent_u32: put_u32(trends.iter().map(|trend| trend.percent)),
        }),
    }
}

/// The columns of products' counts, checked against the number of rows.
fn get_product_counts(
    rows: usize,
    orders: &[u8],
    payments: &[u8],
    gmv: &[u8],
    units: &[u8],
) -> Result<Vec<ProductCounts>> {
    let counts = get_count_columns(rows, orders, payments, gmv)?;
    let units = get_i64("units", units)?;
    same("units", units.len(), rows)?;
    let counts = counts.into_iter().zip(units);
    Ok(counts
        .map(|(counts, units)| ProductCounts { counts, units })
        .collect())
}

fn get_products(products: proto::Products) -> Result<Products> {
    let rows = products.products.unwrap_or_default();
    let id = get_u16("products.id", &rows.id_u16)?;
    let counts = get_product_counts(
        id.len(),
        &rows.orders_u64,
        &rows.payments_u64,
        &rows.gmv_minor_i64,
        &rows.units_i64,
    )?;
    let orders_per_s = get_u64("products.orders_per_s", &rows.orders_per_s_u64)?;
    let orders_10s = get_u64("products.orders_10s", &rows.orders_10s_u64)?;
    let rank = get_u16("products.rank", &rows.rank_u16)?;
    same("products.orders_per_s", orders_per_s.len(), id.len())?;
    same("products.orders_10s", orders_10s.len(), id.len())?;
    same("products.rank", rank.len(), id.len())?;

    let cells = products.regions.unwrap_or_default();
    let product = get_u16("products.regions.product", &cells.product_u16)?;
    same("products.regions.region", cells.region_u8.len(), product.len())?;
    let cell_counts = get_product_counts(
        product.len(),
        &cells.orders_u64,
        &cells.payments_u64,
        &cells.gmv_minor_i64,
        &cells.units_i64,
    )?;

    Ok(Products {
        event_ms: products.event_ms,
        published_ms: products.published_ms,
        products: id
            .into_iter()
            .zip(counts)
            .zip(orders_per_s)
            .zip(orders_10s)
            .zip(rank)
            .map(|((((id, counts), orders_per_s), orders_10s), rank)| ProductRow {
                id,
                counts,
                orders_per_s,
                orders_10s,
                rank,
            })
            .collect(),
        regions: product
            .into_iter()
            .zip(cells.region_u8)
            .zip(cell_counts)
            .map(|((product, region), counts)| ProductCell {
                product,
                region,
                counts,
            })
            .collect(),
        step_ms: products.step_ms,
        curves: products
            .curves
            .into_iter()
            .map(|curve| {
                Ok(ProductCurve {
                    product: u16::try_from(curve.product)
                        .map_err(|_| unknown("products.curves.product", curve.product))?,
                    from: curve.from,
                    gmv_minor: get_i64("products.curves.gmv_minor", &curve.gmv_minor_i64)?,
                })
            })
            .collect::<Result<_>>()?,
        trends: products.trends.map(get_trends).transpose()?,
    })
}

fn get_trends(columns: proto::TrendColumns) -> Result<Vec<Trend>> {
    let product = get_u16("products.trends.product", &columns.product_u16)?;
    let percent = get_u32("products.trends.percent", &columns.percent_u32)?;
    same("products.trends.region", columns.region_u8.len(), product.len())?;
    same("products.trends.percent", percent.len(), product.len())?;
    Ok(product
        .into_iter()
        .zip(columns.region_u8)
        .zip(percent)
        .map(|((product, region), percent)| Trend {
            product,
            region,
            percent,
        })
        .collect())
}

fn put_tick(tick: &Tick) -> proto::Tick {
    proto::Tick {
        event_ms: tick.event_ms,
        published_ms: tick.published_ms,
        mode: put_mode(tick.mode),
        totals: Some(put_totals(&tick.totals)),
        rates: Some(put_rates(&tick.rates)),
        regions: put_keyed(&tick.regions),
        categories: put_keyed(&tick.categories),
        channels: put_keyed(&tick.channels),
        cells: put_cells(&tick.cells),
        reached: put_reached(&tick.reached),
    }
}

fn get_tick(tick: proto::Tick) -> Result<Tick> {
    Ok(Tick {
        event_ms: tick.event_ms,
        published_ms: tick.published_ms,
        mode: get_mode(tick.mode)?,
        totals: get_totals(tick.totals)?,
        rates: get_rates(tick.rates)?,
        regions: get_keyed(tick.regions)?,
        categories: get_keyed(tick.categories)?,
        channels: get_keyed(tick.channels)?,
        cells: get_cells(tick.cells)?,
        reached: get_reached(tick.reached)?,
    })
}

fn put_lights(lights: &Lights) -> proto::Lights {
    proto::Lights {
        from_ms: lights.from_ms,
        to_ms: lights.to_ms,
        per_light: lights.per_light,
        events: lights.events,
        place_u16: put_u16(lights.place.iter().copied()),
        code_u8: lights.code.clone(),
        arc_from_region_u8: lights.arcs.from_region.clone(),
        arc_to_place_u16: put_u16(lights.arcs.to_place.iter().copied()),
        arc_parcels_u32: put_u32(lights.arcs.parcels.iter().copied()),
        published_ms: lights.published_ms,
    }
}

fn get_lights(lights: proto::Lights) -> Result<Lights> {
    Ok(Lights {
        from_ms: lights.from_ms,
        to_ms: lights.to_ms,
        per_light: lights.per_light,
        events: lights.events,
        place: get_u16("place", &lights.place_u16)?,
        code: lights.code_u8,
        arcs: Arcs {
            from_region: lights.arc_from_region_u8,
            to_place: get_u16("arcs.to_place", &lights.arc_to_place_u16)?,
            parcels: get_u32("arcs.parcels", &lights.arc_parcels_u32)?,
        },
        published_ms: lights.published_ms,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn counts() -> impl Strategy<Value = Counts> {
        (0..=u64::MAX, 0..=u64::MAX, i64::MIN..=i64::MAX).prop_map(|(orders, payments, gmv_minor)| Counts {
            orders,
            payments,
            gmv_minor,
        })
    }

    fn mode() -> impl Strategy<Value = Mode> {
        prop_oneof![
            Just(Mode::Live),
            Just(Mode::Delayed),
            Just(Mode::Held),
            Just(Mode::Replay),
            Just(Mode::Demo),
            Just(Mode::Rehearsal)
        ]
    }

    fn totals() -> impl Strategy<Value = Totals> {
        (counts(), counts(), any::<u64>(), any::<i64>()).prop_map(
            |(counts, unplaced, corrections, corrected_minor)| Totals {
                counts,
                unplaced,
                corrections,
                corrected_minor,
            },
        )
    }

    fn rates() -> impl Strategy<Value = Rates> {
        (any::<[u64; 4]>(), any::<[i64; 3]>()).prop_map(|(u, i)| Rates {
            orders_per_s: u[0],
            payments_per_s: u[1],
            gmv_minor_per_s: i[0],
            peak_orders_per_s: u[2],
            peak_orders_at_ms: i[1],
            peak_payments_per_s: u[3],
            peak_payments_at_ms: i[2],
        })
    }

    fn keyed() -> impl Strategy<Value = Vec<Keyed>> {
        vec(
            (any::<u8>(), counts()).prop_map(|(id, counts)| Keyed { id, counts }),
            0..8,
        )
    }

    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let cell = (any::<u8>(), any::<u8>(), counts()).prop_map(|(region, category, counts)| Cell {
            region,
            category,
            counts,
        });
        vec(cell, 0..8)
    }

    fn reached() -> impl Strategy<Value = Vec<Reached>> {
        vec(
            (any::<i64>(), any::<i64>()).prop_map(|(gmv_minor, at_ms)| Reached { gmv_minor, at_ms }),
            0..4,
        )
    }

    fn names() -> impl Strategy<Value = Names> {
        (any::<String>(), any::<String>()).prop_map(|(en, zh)| Names { en, zh })
    }

    fn product_counts() -> impl Strategy<Value = ProductCounts> {
        (counts(), any::<i64>()).prop_map(|(counts, units)| ProductCounts { counts, units })
    }

    fn products() -> impl Strategy<Value = Products> {
        let number = || 0..MAX_PRODUCTS as u16;
        let row = (number(), product_counts(), any::<(u64, u64, u16)>()).prop_map(|(id, counts, more)| {
            ProductRow {
                id,
                counts,
                orders_per_s: more.0,
                orders_10s: more.1,
                rank: more.2,
            }
        });
        let cell =
            (number(), any::<u8>(), product_counts()).prop_map(|(product, region, counts)| ProductCell {
                product,
                region,
                counts,
            });
        let curve =
            (number(), 0..9_000_u32, vec(any::<i64>(), 0..5)).prop_map(|(product, from, gmv_minor)| {
                ProductCurve {
                    product,
                    from,
                    gmv_minor,
                }
            });
        let trend = (number(), any::<(u8, u32)>()).prop_map(|(product, (region, percent))| Trend {
            product,
            region,
            percent,
        });
        (
            any::<(i64, i64, Option<i64>)>(),
            vec(row, 0..6),
            vec(cell, 0..6),
            vec(curve, 0..3),
            proptest::option::of(vec(trend, 0..4)),
        )
            .prop_map(
                |((event_ms, step_ms, published_ms), products, regions, curves, trends)| Products {
                    event_ms,
                    published_ms,
                    products,
                    regions,
                    step_ms,
                    curves,
                    trends,
                },
            )
    }

    fn notice() -> impl Strategy<Value = Notice> {
        (0..3_u8, any::<String>(), names(), any::<i64>()).prop_map(|(level, code, text, published_ms)| {
            Notice {
                level: [Level::Info, Level::Warning, Level::Alert][usize::from(level)],
                code,
                text,
                published_ms,
            }
        })
    }

    fn direct() -> impl Strategy<Value = Direct> {
        (
            any::<(i64, bool, bool)>(),
            any::<u64>(),
            any::<Option<String>>(),
            any::<u64>(),
        )
            .prop_map(
                |((published_ms, held, rehearsal), delay_ms, scene, scene_number)| Direct {
                    published_ms,
                    held,
                    rehearsal,
                    delay_ms,
                    scene,
                    scene_number,
                },
            )
    }

    fn body() -> impl Strategy<Value = Body> {
        let tick = || {
            (
                any::<(i64, i64)>(),
                mode(),
                totals(),
                rates(),
                (keyed(), keyed(), keyed()),
                cells(),
                reached(),
            )
                .prop_map(
                    |(
                        (event_ms, published_ms),
                        mode,
                        totals,
                        rates,
                        (regions, categories, channels),
                        cells,
                        reached,
                    )| {
                        Tick {
                            event_ms,
                            published_ms,
                            mode,
                            totals,
                            rates,
                            regions,
                            categories,
                            channels,
                            cells,
                            reached,
                        }
                    },
                )
        };
        let history = (
            any::<(i64, i64)>(),
            vec(any::<i64>(), 0..6),
            vec((any::<u8>(), vec(any::<i64>(), 0..4)), 0..3),
        )
            .prop_map(|((step_ms, region_step_ms), gmv_minor, regions)| History {
                step_ms,
                gmv_minor,
                region_step_ms,
                regions: regions
                    .into_iter()
                    .map(|(region, gmv_minor)| RegionHistory { region, gmv_minor })
                    .collect(),
            });
        let desk = (proptest::option::of(direct()), vec(notice(), 0..3));
        let snapshot = (tick(), history, vec(any::<(u16, u8)>(), 0..6), products(), desk).prop_map(
            |(tick, history, warmth, products, (direct, notices))| {
                let (place, level) = warmth.into_iter().unzip();
                // A feed without products says nothing of them.
                let products = if products.is_empty() {
                    Products::default()
                } else {
                    products
                };
                Body::Snapshot(Box::new(Snapshot {
                    event_ms: tick.event_ms,
                    published_ms: tick.published_ms,
                    mode: tick.mode,
                    totals: tick.totals,
                    rates: tick.rates,
                    regions: tick.regions,
                    categories: tick.categories,
                    channels: tick.channels,
                    cells: tick.cells,
                    history,
                    reached: tick.reached,
                    warmth: Warmth { place, level },
                    products,
                    direct,
                    notices,
                }))
            },
        );
        let lights = (
            any::<(i64, i64, u32, u64, Option<i64>)>(),
            vec(any::<(u16, u8)>(), 0..50),
            vec(any::<(u8, u16, u32)>(), 0..8),
        )
            .prop_map(
                |((from_ms, to_ms, per_light, events, published_ms), rows, arcs)| {
                    let (place, code) = rows.into_iter().unzip();
                    Body::Lights(Lights {
                        from_ms,
                        to_ms,
                        per_light,
                        events,
                        place,
                        code,
                        arcs: Arcs {
                            from_region: arcs.iter().map(|arc| arc.0).collect(),
                            to_place: arcs.iter().map(|arc| arc.1).collect(),
                            parcels: arcs.iter().map(|arc| arc.2).collect(),
                        },
                        published_ms,
                    })
                },
            );
        let hello = (
            (any::<u32>(), any::<String>(), mode(), any::<bool>(), names()),
            (
                any::<bool>(),
                0.001..3600.0_f64,
                any::<String>(),
                vec(names(), 0..4),
            ),
            (
                any::<(i64, i64, i32)>(),
                vec((names(), vec(any::<(i64, i64)>(), 0..4)), 0..2),
            ),
            vec(any::<i64>(), 0..5),
            vec((any::<String>(), names(), any::<u8>()), 0..4),
            (
                any::<bool>(),
                any::<Option<String>>(),
                any::<Option<i64>>(),
                any::<Option<u32>>(),
            ),
        )
            .prop_map(
                |(a, b, c, milestones_minor, products, (internal, key, published_ms, k))| {
                    Body::Hello(Box::new(Hello {
                        version: a.0,
                        server: a.1,
                        mode: a.2,
                        synthetic: a.3,
                        title: a.4,
                        currency: Currency::from_code("EUR").unwrap(),
                        gmv_counts: if b.0 { Kind::Order } else { Kind::Payment },
                        speed: (b.1 * 8.0).round() / 8.0,
                        catalogue: b.2,
                        categories: b.3,
                        day: Day {
                            start_ms: c.0.0,
                            end_ms: c.0.1,
                            utc_offset_min: c.0.2,
                        },
                        comparisons: c
                            .1
                            .into_iter()
                            .map(|(label, points)| {
                                let (at_ms, gmv_minor) = points.into_iter().unzip();
                                Comparison {
                                    label,
                                    at_ms,
                                    gmv_minor,
                                }
                            })
                            .collect(),
                        milestones_minor,
                        products: products
                            .into_iter()
                            .map(|(id, names, category)| ProductInfo { id, names, category })
                            .collect(),
                        class: if internal {
                            DataClass::Internal
                        } else {
                            DataClass::Public
                        },
                        key,
                        published_ms,
                        k,
                    }))
                },
            );
        prop_oneof![
            hello,
            snapshot,
            tick().prop_map(|tick| Body::Tick(Box::new(tick))),
            lights,
            products().prop_map(|products| Body::Products(Box::new(products))),
            direct().prop_map(Body::Direct),
            (any::<(i64, i64, bool)>(), mode()).prop_map(|(a, mode)| Body::Heartbeat(Heartbeat {
                event_ms: a.0,
                published_ms: a.1,
                mode,
                paused: a.2,
            })),
            notice().prop_map(Body::Notice),
            (any::<String>(), any::<String>(), any::<Option<u64>>()).prop_map(
                |(code, text, retry_after_ms)| {
                    Body::Bye(Bye {
                        code,
                        text,
                        retry_after_ms,
                    })
                }
            ),
        ]
    }

    fn frame() -> impl Strategy<Value = Frame> {
        (any::<(u64, u64, u64)>(), body()).prop_map(|((epoch, seq, prev), body)| Frame {
            epoch,
            seq,
            prev,
            body,
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(frame in frame()) {
            let json = encode_json(&frame).unwrap();
            prop_assert_eq!(decode_json(json.as_bytes()).unwrap(), frame.clone());
            // The serde form of the types is the JSON encoding, whichever way it is read.
            prop_assert_eq!(serde_json::from_str::<Frame>(&json).unwrap(), frame.clone());
            let bin = encode_bin(&frame).unwrap();
            prop_assert_eq!(decode_bin(&bin).unwrap(), frame);
        }

        #[test]
        fn no_part_of_a_frame_is_a_frame(frame in frame(), at in 0.0..1.0_f64) {
            let json = encode_json(&frame).unwrap();
            let cut = &json.as_bytes()[..(json.len() as f64 * at) as usize];
            prop_assert!(decode_json(cut).is_err());
            let bin = encode_bin(&frame).unwrap();
            let cut = &bin[..(bin.len() as f64 * at) as usize];
            prop_assert!(decode_bin(cut).is_err());
        }

        #[test]
        fn garbage_is_refused_in_peace(bytes in vec(any::<u8>(), 0..400)) {
            let _ = decode_bin(&bytes);
            prop_assert!(decode_json(&bytes).is_err());
            let _ = decode_subscribe_bin(&bytes);
            prop_assert!(decode_subscribe_json(&bytes).is_err());
        }

        #[test]
        fn a_flipped_byte_never_panics(frame in frame(), at in any::<prop::sample::Index>(), with in 1..=255_u8) {
            let mut bin = encode_bin(&frame).unwrap();
            let at = at.index(bin.len());
            bin[at] ^= with;
            let _ = decode_bin(&bin);
        }

        #[test]
        fn subscribe_comes_back(
            epoch in any::<Option<(u64, u64)>>(),
            lights_per_s in any::<Option<u32>>(),
            (zstd, relay) in any::<(bool, bool)>(),
        ) {
            let subscribe = Subscribe {
                resume: epoch.map(|(epoch, seq)| Position { epoch, seq }),
                lights_per_s,
                compression: zstd.then_some(Compression::Zstd),
                relay,
            };
            let json = encode_subscribe_json(&subscribe);
            prop_assert_eq!(decode_subscribe_json(json.as_bytes()).unwrap(), subscribe);
            prop_assert_eq!(decode_subscribe_bin(&encode_subscribe_bin(&subscribe)).unwrap(), subscribe);
        }
    }

    fn lights(code: Vec<u8>) -> Frame {
        Frame {
            epoch: 7,
            seq: 2,
            prev: 1,
            body: Body::Lights(Lights {
                place: vec![1, 2, 3],
                code,
                per_light: 1,
                ..Lights::default()
            }),
        }
    }

    /// A frame around any message, checked by nobody.
    fn raw(kind: u32, body: &impl prost::Message) -> Vec<u8> {
        frame_bin(
            7,
            2,
            1,
            &Packed::from_signed(kind, body.encode_to_vec()).tail(None, false),
        )
        .unwrap()
    }

    #[test]
    fn a_signed_frame_is_its_gateways_or_none() {
        let key = SigningKey::ephemeral().unwrap();
        let (public, stranger) = (key.public(), SigningKey::ephemeral().unwrap().public());
        let body = Body::Lights(Lights {
            place: vec![7; 4_000],
            code: vec![1; 4_000],
            per_light: 1,
            ..Lights::default()
        });
        let mut packed = Packed::new(&body).unwrap();
        packed.compress();
        let signature = packed.sign(7, 12, 10, &key);
        let frame = Frame {
            epoch: 7,
            seq: 12,
            prev: 11,
            body: body.clone(),
        };
        let plain = frame_bin(7, 12, 11, &packed.tail(Some((10, &signature)), false)).unwrap();
        let small = frame_bin(7, 12, 11, &packed.tail(Some((10, &signature)), true)).unwrap();
        assert!(small.len() * 10 < plain.len(), "{} {}", small.len(), plain.len());
        let json = frame_json(7, 12, 11, &seal_json(7, 12, 10, &body_json(&body).unwrap(), &key)).unwrap();
        let opened = Opened {
            frame,
            base: Some(10),
        };
        for bytes in [&plain, &small] {
            assert_eq!(open_bin(bytes, Some(&public)).unwrap(), opened);
            assert_eq!(open_bin(bytes, None).unwrap(), opened);
            assert!(matches!(
                open_bin(bytes, Some(&stranger)),
                Err(CodecError::Signature { seq: 12, .. })
            ));
            let relayed = split_bin(bytes).unwrap();
            assert_eq!(relayed.signed, Some((10, signature)));
            assert_eq!(relayed.packed.bytes(), packed.bytes());
        }
        assert_eq!(open_json(json.as_bytes(), Some(&public)).unwrap(), opened);
        assert!(open_json(json.as_bytes(), Some(&stranger)).is_err());
        let altered = json.replace("\"per_light\":1", "\"per_light\":2");
        assert!(open_json(altered.as_bytes(), Some(&public)).is_err());
        assert!(open_json(altered.as_bytes(), None).is_ok());
        // Any flipped bit of what is signed is noticed; prev is the connection's own.
        for at in 0..plain.len() {
            let mut bytes = plain.clone();
            bytes[at] ^= 1;
            if let Ok(read) = open_bin(&bytes, Some(&public)) {
                let same = Frame {
                    prev: opened.frame.prev,
                    ..read.frame
                };
                assert_eq!(
                    (same, read.base),
                    (opened.frame.clone(), opened.base),
                    "byte {at}"
                );
            }
        }
        // No signature is none.
        let unsigned = encode_bin(&opened.frame).unwrap();
        assert!(open_bin(&unsigned, Some(&public)).is_err());
        assert!(open_json(encode_json(&opened.frame).unwrap().as_bytes(), Some(&public)).is_err());
    }

    #[test]
    fn a_key_before_a_signed_type_says_nothing() {
        let key = SigningKey::ephemeral().unwrap();
        for (body, stranger) in [
            (Body::Direct(Direct::default()), "\"scene\":\"showroom:shoe\","),
            (
                lights(vec![0, 1, 2]).body,
                "\"arcs\":{\"from_region\":[1],\"to_place\":[2],\"parcels\":[3]},",
            ),
        ] {
            let text = frame_json(7, 2, 1, &seal_json(7, 2, 1, &body_json(&body).unwrap(), &key)).unwrap();
            let altered = text.replacen("\"type\":", &format!("{stranger}\"type\":"), 1);
            let opened = open_json(altered.as_bytes(), Some(&key.public())).unwrap();
            assert_eq!(opened.frame.body, body);
            // Without a key to go by, it is what it says.
            assert_ne!(decode_json(altered.as_bytes()).unwrap().body, body);
        }
    }

    #[test]
    fn what_only_one_encoding_can_say_is_refused() {
        let mut hello = Hello::unknown();
        for speed in [f64::NAN, f64::INFINITY] {
            hello.speed = speed;
            let error = decode_bin(&raw(1, &put_hello(&hello))).unwrap_err();
            assert!(error.to_string().starts_with("hello.speed is "), "{error}");
        }
        // No field of protobuf's is left for a body of these kinds.
        for kind in [MAX_KIND + 1, u32::MAX] {
            let mut bytes = proto::Head::default().encode_to_vec();
            uint64(4, u64::from(kind), &mut bytes);
            assert_eq!(split_bin(&bytes), Err(unknown("kind", kind)));
        }
        // A table without rows keeps the distance of its points.
        let products = Products {
            step_ms: 300_000,
            ..Products::default()
        };
        let mut snapshot = get_snapshot(proto::Snapshot {
            mode: 1,
            totals: Some(proto::Totals::default()),
            rates: Some(proto::Rates::default()),
            ..proto::Snapshot::default()
        })
        .unwrap();
        snapshot.products = products.clone();
        let frame = Frame {
            body: Body::Snapshot(Box::new(snapshot)),
            ..lights(vec![])
        };
        assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).as_ref(), Ok(&frame));
        assert_eq!(decode_json(encode_json(&frame).unwrap().as_bytes()), Ok(frame));
    }

    #[test]
    fn a_small_frame_that_would_unpack_to_a_huge_one_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; MAX_FRAME_BYTES + 1], 19).unwrap();
        let mut bytes = proto::Head {
            epoch: 1,
            seq: 1,
            prev: 0,
        }
        .encode_to_vec();
        uint64(4, 4, &mut bytes);
        bytes_field(7, &bomb, &mut bytes);
        assert!(bytes.len() < 10_000);
        assert!(matches!(decode_bin(&bytes), Err(CodecError::Malformed(_))));
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let wrong = CodecError::Columns {
            column: "code",
            len: 2,
            expected: 3,
        };
        assert_eq!(encode_bin(&lights(vec![0, 1])), Err(wrong.clone()));
        let json = r#"{"epoch":7,"seq":2,"prev":1,"type":"lights","from_ms":0,"to_ms":1,"per_light":1,"events":3,"place":[1,2,3],"code":[0,1]}"#;
        assert_eq!(decode_json(json.as_bytes()), Err(wrong.clone()));
        let short = proto::Lights {
            place_u16: vec![1, 0, 2, 0, 3, 0],
            code_u8: vec![0, 1],
            ..proto::Lights::default()
        };
        assert_eq!(decode_bin(&raw(4, &short)), Err(wrong));
        let ragged = proto::Lights {
            place_u16: vec![1, 0, 2],
            ..proto::Lights::default()
        };
        let error = decode_bin(&raw(4, &ragged)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column place: 3 bytes are no whole number of values of 2 bytes"
        );
    }

    fn framed(products: Products) -> Frame {
        Frame {
            epoch: 7,
            seq: 2,
            prev: 1,
            body: Body::Products(Box::new(products)),
        }
    }

    #[test]
    fn products_beyond_their_bounds_are_refused() {
        let row = ProductRow::default();
        let curve = |from, points| ProductCurve {
            product: 0,
            from,
            gmv_minor: vec![0; points],
        };
        for (products, words) in [
            (
                Products {
                    products: vec![row; MAX_PRODUCTS + 1],
                    ..Products::default()
                },
                "products.products: 4097, at most 4096",
            ),
            (
                Products {
                    products: vec![ProductRow { id: 4_096, ..row }],
                    ..Products::default()
                },
                "products.id is 4096",
            ),
            (
                Products {
                    curves: vec![curve(u32::MAX, 2)],
                    ..Products::default()
                },
                "products.curves.gmv_minor",
            ),
            (
                Products {
                    curves: vec![curve(0, 0); MAX_DETAILED_PRODUCTS + 1],
                    ..Products::default()
                },
                "products.curves: 65",
            ),
        ] {
            let frame = framed(products.clone());
            let error = encode_bin(&frame).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            // What another sender lets through isn't taken either.
            let json = serde_json::to_string(&frame).unwrap();
            assert!(
                decode_json(json.as_bytes())
                    .unwrap_err()
                    .to_string()
                    .contains(words)
            );
            let error = decode_bin(&raw(8, &put_products(&products)))
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
        // Columns of different lengths.
        let mut columns = put_products(&Products {
            products: vec![row; 3],
            ..Products::default()
        });
        if let Some(columns) = &mut columns.products {
            columns.rank_u16.truncate(4);
        }
        assert_eq!(
            decode_bin(&raw(8, &columns)),
            Err(CodecError::Columns {
                column: "products.rank",
                len: 2,
                expected: 3
            })
        );
    }

    #[test]
    fn the_fullest_products_stay_a_frame() {
        let counts = ProductCounts {
            counts: Counts {
                orders: u64::MAX,
                payments: u64::MAX,
                gmv_minor: i64::MIN,
            },
            units: i64::MIN,
        };
        let products = Products {
            event_ms: i64::MAX,
            published_ms: Some(i64::MIN),
            products: (0..MAX_PRODUCTS as u16)
                .map(|id| ProductRow {
                    id,
                    counts,
                    orders_per_s: u64::MAX,
                    orders_10s: u64::MAX,
                    rank: id,
                })
                .collect(),
            regions: (0..MAX_DETAILED_PRODUCTS as u16)
                .flat_map(|product| {
                    (0..235).map(move |region| ProductCell {
                        product,
                        region,
                        counts,
                    })
                })
                .collect(),
            step_ms: 300_000,
            curves: (0..MAX_DETAILED_PRODUCTS as u16)
                .map(|product| ProductCurve {
                    product,
                    from: 0,
                    gmv_minor: vec![i64::MIN; 1_000],
                })
                .collect(),
            trends: Some(vec![
                Trend {
                    product: 1,
                    region: 2,
                    percent: 420
                };
                MAX_DETAILED_PRODUCTS * MAX_TRENDS
            ]),
        };
        let frame = framed(products);
        // Room for the rest of a snapshot is left.
        assert!(encode_bin(&frame).unwrap().len() < MAX_FRAME_BYTES / 4);
        assert!(encode_json(&frame).unwrap().len() < MAX_FRAME_BYTES * 3 / 4);
        assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).unwrap(), frame);
    }

    #[test]
    fn the_examples_of_the_specification_are_frames() {
        let text = include_str!("../../../docs/feed.md");
        let mut types = Vec::new();
        for block in text.split("```json\n").skip(1) {
            let json = block.split("```").next().unwrap();
            if json.contains("\"epoch\"") && !json.contains("\"subscribe\"") {
                let frame = decode_json(json.as_bytes()).unwrap();
                assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).unwrap(), frame);
                let value: serde_json::Value = serde_json::from_str(json).unwrap();
                types.push(value["type"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(
            types,
            [
                "hello",
                "snapshot",
                "tick",
                "lights",
                "products",
                "direct",
                "heartbeat",
                "notice",
                "bye"
            ]
        );
    }

    #[test]
    fn a_feed_of_before_there_were_products_is_still_understood() {
        let hello = r#"{"epoch":7,"seq":2,"prev":1,"type":"hello","version":1,"server":"","mode":"demo","synthetic":true,
            "title":{"en":"","zh":""},"currency":"CNY","gmv_counts":"payment","speed":1.0,"catalogue":"","categories":[],
            "day":{"start_ms":0,"end_ms":1,"utc_offset_min":0},"comparisons":[],"milestones_minor":[]}"#;
        let Body::Hello(hello) = decode_json(hello.as_bytes()).unwrap().body else {
            panic!("a hello");
        };
        assert_eq!(hello.products, []);
        // And a feed without products says nothing of them that an older reader would have to pass over.
        let text = encode_json(&Frame {
            epoch: 1,
            seq: 1,
            prev: 0,
            body: Body::Hello(hello),
        });
        assert!(!text.unwrap().contains("products"));
    }

    #[test]
    fn oversized_frames_are_refused_before_they_are_read() {
        let bytes = vec![b' '; MAX_FRAME_BYTES + 1];
        let wrong = CodecError::TooLarge {
            bytes: MAX_FRAME_BYTES + 1,
            limit: MAX_FRAME_BYTES,
        };
        assert_eq!(decode_json(&bytes), Err(wrong.clone()));
        assert_eq!(decode_bin(&bytes), Err(wrong));
        let huge = Frame {
            body: Body::Lights(Lights {
                place: vec![0; MAX_FRAME_BYTES / 2],
                code: vec![0; MAX_FRAME_BYTES / 2],
                ..Lights::default()
            }),
            ..lights(vec![])
        };
        assert!(matches!(encode_bin(&huge), Err(CodecError::TooLarge { .. })));
        assert!(matches!(encode_json(&huge), Err(CodecError::TooLarge { .. })));
    }

    #[test]
    fn types_of_tomorrow_keep_their_place_in_the_stream() {
        let unknown = |kind: &str| Frame {
            epoch: 7,
            seq: 2,
            prev: 1,
            body: Body::Unknown(kind.to_owned()),
        };
        let json = br#"{"epoch":7,"seq":2,"prev":1,"type":"forecast","curve":[1,2]}"#;
        assert_eq!(decode_json(json), Ok(unknown("forecast")));
        let mut bin = proto::Head {
            epoch: 7,
            seq: 2,
            prev: 1,
        }
        .encode_to_vec();
        // Kind 29; field 39, length-delimited, three bytes.
        bin.extend([0x20, 29, 0xba, 0x02, 3, 1, 2, 3]);
        assert_eq!(decode_bin(&bin), Ok(unknown("29")));
        // What isn't understood isn't passed on.
        assert!(encode_bin(&unknown("29")).is_err() && encode_json(&unknown("forecast")).is_err());
        // A new key in a type that is known is skipped.
        let json = br#"{"epoch":7,"seq":2,"prev":1,"type":"heartbeat","event_ms":1,"published_ms":2,"mode":"live","load":0.5}"#;
        assert!(matches!(decode_json(json).unwrap().body, Body::Heartbeat(_)));
    }

    #[test]
    fn an_empty_frame_is_truncated() {
        assert!(matches!(decode_bin(&[]), Err(CodecError::Truncated { .. })));
        assert!(matches!(decode_json(&[]), Err(CodecError::Truncated { .. })));
    }
}
