//! Conversion of the products' figures.

use super::columns::{get_i64, get_u16, get_u32, get_u64, put_i64, put_u16, put_u32, put_u64};
use super::values::get_count_columns;
use crate::codec::error::{Result, unknown};
use crate::codec::limits::same;
use crate::codec::proto;
use crate::frame::{ProductCell, ProductCounts, ProductCurve, ProductRow, Products, Trend};

pub(in crate::codec) fn put_products(products: &Products) -> proto::Products {
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

pub(super) fn get_products(products: proto::Products) -> Result<Products> {
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
