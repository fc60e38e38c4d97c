//! The JSON encoding: the serde form of the frames, with the signature before the type.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::Opened;
use super::error::{CodecError, Result};
use super::limits::{MAX_SUBSCRIBE_BYTES, cap, check};
use crate::frame::{Body, Compression, Frame, MAX_FRAME_BYTES, Position, Subscribe};
use crate::sign::{Place, PublicKey, SigningKey};

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

/// A frame from JSON; [`Body::Unknown`] for a type that this version doesn't know.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn decode_json(bytes: &[u8]) -> Result<Frame> {
    open_json(bytes, None).map(|opened| opened.frame)
}

/// Where a frame stands, and what it is.
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

/// A frame from JSON that has to be signed by a key, if one is given.
///
/// # Errors
/// [`CodecError`] saying what is wrong and where.
pub fn open_json(bytes: &[u8], key: Option<&PublicKey>) -> Result<Opened> {
    cap(bytes.len(), MAX_FRAME_BYTES)?;
    let head: Head = read(bytes)?;
    let content = match key {
        Some(key) => Cow::Owned(signed_part(&head, bytes, key)?),
        None => Cow::Borrowed(bytes),
    };
    let content = content.as_ref();
    // Read again as the type it is: serde's flattened enums would copy every number through a tree.
    let body = match head.kind.as_str() {
        "hello" => Body::Hello(read(content)?),
        "snapshot" => Body::Snapshot(read(content)?),
        "tick" => Body::Tick(read(content)?),
        "lights" => Body::Lights(read(content)?),
        "heartbeat" => Body::Heartbeat(read(content)?),
        "notice" => Body::Notice(read(content)?),
        "bye" => Body::Bye(read(content)?),
        "products" => Body::Products(read(content)?),
        "direct" => Body::Direct(read(content)?),
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

/// The signed part of a frame, as an object of its own, if the key signed it.
fn signed_part(head: &Head, bytes: &[u8], key: &PublicKey) -> Result<Vec<u8>> {
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
        .map_err(|_| unsigned("the signature isn't base64"))?;
    let signed = bytes.get(at..).unwrap_or(&[]);
    if !key.verifies(&place, signed, &signature) {
        return Err(unsigned("it was altered, or another key signed it"));
    }
    // Only what was signed is read on: a stranger could put a key that the type leaves out before it.
    Ok([b"{", signed].concat())
}

/// Reads a value, telling bytes that end too early from bytes that are wrong.
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
    struct Fields {
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
    let fields: Fields =
        serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if fields.kind != "subscribe" {
        return Err(CodecError::Unknown {
            field: "type",
            value: format!("{:?}", fields.kind),
        });
    }
    Ok(Subscribe {
        resume: fields.resume,
        lights_per_s: fields.lights_per_s,
        compression: fields.compression,
        relay: fields.relay,
    })
}
