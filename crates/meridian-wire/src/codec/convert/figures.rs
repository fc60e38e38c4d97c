//! Conversion of the figures that snapshots and ticks share.

use super::columns::{get_i64, put_i64, put_u64};
use super::values::{get_count_columns, get_counts, put_counts};
use crate::codec::error::{CodecError, Result};
use crate::codec::limits::same;
use crate::codec::proto;
use crate::frame::{Cell, Keyed, Rates, Reached, Totals};

pub(super) fn put_totals(totals: &Totals) -> proto::Totals {
    proto::Totals {
        counts: Some(put_counts(&totals.counts)),
        unplaced: Some(put_counts(&totals.unplaced)),
        corrections: totals.corrections,
        corrected_minor: totals.corrected_minor,
    }
}

pub(super) fn get_totals(totals: Option<proto::Totals>) -> Result<Totals> {
    // A tick without totals would set them to nothing: that is never meant.
    let totals = totals.ok_or(CodecError::Missing("totals"))?;
    Ok(Totals {
        counts: get_counts(totals.counts),
        unplaced: get_counts(totals.unplaced),
        corrections: totals.corrections,
        corrected_minor: totals.corrected_minor,
    })
}

pub(super) fn put_rates(rates: &Rates) -> proto::Rates {
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

pub(super) fn get_rates(rates: Option<proto::Rates>) -> Result<Rates> {
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

pub(super) fn put_keyed(rows: &[Keyed]) -> Option<proto::KeyedColumns> {
    (!rows.is_empty()).then(|| proto::KeyedColumns {
        id_u8: rows.iter().map(|row| row.id).collect(),
        orders_u64: put_u64(rows.iter().map(|row| row.counts.orders)),
        payments_u64: put_u64(rows.iter().map(|row| row.counts.payments)),
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.counts.gmv_minor)),
    })
}

pub(super) fn get_keyed(columns: Option<proto::KeyedColumns>) -> Result<Vec<Keyed>> {
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

pub(super) fn put_cells(rows: &[Cell]) -> Option<proto::CellColumns> {
    (!rows.is_empty()).then(|| proto::CellColumns {
        region_u8: rows.iter().map(|row| row.region).collect(),
        category_u8: rows.iter().map(|row| row.category).collect(),
        orders_u64: put_u64(rows.iter().map(|row| row.counts.orders)),
        payments_u64: put_u64(rows.iter().map(|row| row.counts.payments)),
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.counts.gmv_minor)),
    })
}

pub(super) fn get_cells(columns: Option<proto::CellColumns>) -> Result<Vec<Cell>> {
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

pub(super) fn put_reached(rows: &[Reached]) -> Option<proto::ReachedColumns> {
    (!rows.is_empty()).then(|| proto::ReachedColumns {
        gmv_minor_i64: put_i64(rows.iter().map(|row| row.gmv_minor)),
        at_ms_i64: put_i64(rows.iter().map(|row| row.at_ms)),
    })
}

pub(super) fn get_reached(columns: Option<proto::ReachedColumns>) -> Result<Vec<Reached>> {
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
