//! Conversion of lights and arcs.

use super::columns::{get_u16, get_u32, put_u16, put_u32};
use crate::codec::error::Result;
use crate::codec::proto;
use crate::frame::{Arcs, Lights};

pub(super) fn put_lights(lights: &Lights) -> proto::Lights {
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

pub(super) fn get_lights(lights: proto::Lights) -> Result<Lights> {
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
