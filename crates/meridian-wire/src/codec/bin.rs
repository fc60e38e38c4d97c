//! The binary encoding of whole frames, and of what a client says.

use prost::Message as _;

use super::Opened;
use super::convert::from_proto;
use super::envelope::{Envelope, Head, Packed};
use super::error::{CodecError, Result, prost_error, unknown};
use super::limits::{MAX_SUBSCRIBE_BYTES, cap, check};
use super::proto;
use crate::frame::{Body, Compression, Frame, MAX_FRAME_BYTES, Position, Subscribe};
use crate::sign::{Place, PublicKey};

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

/// A frame from its numbers and a body that [`body_bin`] or [`Packed::tail`] encoded.
///
/// # Errors
/// [`CodecError::TooLarge`].
pub fn frame_bin(epoch: u64, seq: u64, prev: u64, body: &[u8]) -> Result<Vec<u8>> {
    let head = Head { epoch, seq, prev };
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
    let message = proto::Subscribe::decode(bytes).map_err(|error| prost_error(bytes, &error))?;
    Ok(Subscribe {
        resume: message.resume.map(|position| Position {
            epoch: position.epoch,
            seq: position.seq,
        }),
        lights_per_s: message.lights_per_s,
        compression: match message.compression {
            0 => None,
            1 => Some(Compression::Zstd),
            other => return Err(unknown("compression", other)),
        },
        relay: message.relay,
    })
}
