//! Conversion between frames' bodies and the generated protobuf messages.

mod columns;
mod figures;
pub(super) mod hello;
mod lights;
mod notices;
pub(super) mod products;
pub(super) mod snapshot;
mod values;

use prost::Message as _;

use self::hello::{get_hello, put_hello};
use self::lights::{get_lights, put_lights};
use self::notices::{get_direct, get_notice, put_direct, put_notice};
use self::products::{get_products, put_products};
use self::snapshot::{get_snapshot, get_tick, put_snapshot, put_tick};
use self::values::{get_mode, put_mode};
use super::error::{CodecError, Result, prost_error};
use super::proto;
use crate::frame::{Body, Bye, Heartbeat};

/// The number of a body's type, and its message.
pub(super) fn to_proto(body: &Body) -> Result<(u32, Vec<u8>)> {
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

/// The body of a message; [`Body::Unknown`] for a type that this version doesn't know.
pub(super) fn from_proto(kind: u32, bytes: &[u8]) -> Result<Body> {
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
