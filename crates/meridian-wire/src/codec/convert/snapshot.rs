//! Conversion of snapshots and ticks.

use super::columns::{get_i64, get_u16, put_i64, put_u16};
use super::figures::{
    get_cells, get_keyed, get_rates, get_reached, get_totals, put_cells, put_keyed, put_rates, put_reached,
    put_totals,
};
use super::notices::{get_direct, get_notice, put_direct, put_notice};
use super::products::{get_products, put_products};
use super::values::{get_mode, put_mode};
use crate::codec::error::{Result, unknown};
use crate::codec::proto;
use crate::frame::{History, RegionHistory, Snapshot, Tick, Warmth};

/// A message with the figures that snapshots and ticks share, and with fields of its own.
macro_rules! put_figures {
    ($message:ident, $body:ident, { $($own:tt)* }) => {
        proto::$message {
            event_ms: $body.event_ms,
            published_ms: $body.published_ms,
            mode: put_mode($body.mode),
            totals: Some(put_totals(&$body.totals)),
            rates: Some(put_rates(&$body.rates)),
            regions: put_keyed(&$body.regions),
            categories: put_keyed(&$body.categories),
            channels: put_keyed(&$body.channels),
            cells: put_cells(&$body.cells),
            reached: put_reached(&$body.reached),
            $($own)*
        }
    };
}

/// The reverse: a body of such a message.
macro_rules! get_figures {
    ($body:ident, $message:ident, { $($own:tt)* }) => {
        $body {
            event_ms: $message.event_ms,
            published_ms: $message.published_ms,
            mode: get_mode($message.mode)?,
            totals: get_totals($message.totals)?,
            rates: get_rates($message.rates)?,
            regions: get_keyed($message.regions)?,
            categories: get_keyed($message.categories)?,
            channels: get_keyed($message.channels)?,
            cells: get_cells($message.cells)?,
            reached: get_reached($message.reached)?,
            $($own)*
        }
    };
}

pub(super) fn put_tick(tick: &Tick) -> proto::Tick {
    put_figures!(Tick, tick, {})
}

pub(super) fn get_tick(tick: proto::Tick) -> Result<Tick> {
    Ok(get_figures!(Tick, tick, {}))
}

pub(super) fn put_snapshot(snapshot: &Snapshot) -> proto::Snapshot {
    put_figures!(Snapshot, snapshot, {
        history: Some(put_history(&snapshot.history)),
        warmth: Some(put_warmth(&snapshot.warmth)),
        products: (!snapshot.products.is_absent()).then(|| put_products(&snapshot.products)),
        direct: snapshot.direct.as_ref().map(put_direct),
        notices: snapshot.notices.iter().map(put_notice).collect(),
    })
}

pub(in crate::codec) fn get_snapshot(snapshot: proto::Snapshot) -> Result<Snapshot> {
    Ok(get_figures!(Snapshot, snapshot, {
        history: get_history(snapshot.history.unwrap_or_default())?,
        warmth: get_warmth(snapshot.warmth.unwrap_or_default())?,
        products: get_products(snapshot.products.unwrap_or_default())?,
        direct: snapshot.direct.map(get_direct),
        notices: snapshot
            .notices
            .into_iter()
            .map(get_notice)
            .collect::<Result<_>>()?,
    }))
}

fn put_history(history: &History) -> proto::History {
    proto::History {
        step_ms: history.step_ms,
        gmv_minor_i64: put_i64(history.gmv_minor.iter().copied()),
        region_step_ms: history.region_step_ms,
        regions: history
            .regions
            .iter()
            .map(|region| proto::RegionHistory {
                region: u32::from(region.region),
                gmv_minor_i64: put_i64(region.gmv_minor.iter().copied()),
            })
            .collect(),
    }
}

fn get_history(history: proto::History) -> Result<History> {
    Ok(History {
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
    })
}

fn put_warmth(warmth: &Warmth) -> proto::Warmth {
    proto::Warmth {
        place_u16: put_u16(warmth.place.iter().copied()),
        level_u8: warmth.level.clone(),
    }
}

fn get_warmth(warmth: proto::Warmth) -> Result<Warmth> {
    Ok(Warmth {
        place: get_u16("warmth.place", &warmth.place_u16)?,
        level: warmth.level_u8,
    })
}
