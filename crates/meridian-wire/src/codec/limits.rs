//! The protocol's limits, checked on every body in either encoding.

use meridian_core::insight::MAX_TRENDS;
use meridian_core::sales::MAX_PRODUCTS;

use super::error::{CodecError, Result, unknown};
use crate::frame::{Body, MAX_CURVE_POINTS, MAX_DETAILED_PRODUCTS, Products};

/// The largest message that a client may send, in bytes.
pub const MAX_SUBSCRIBE_BYTES: usize = 64 << 10;

/// Refuses more bytes than `limit`.
pub(super) fn cap(bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(CodecError::TooLarge { bytes, limit });
    }
    Ok(())
}

/// Refuses a column that isn't as long as the column before it.
pub(super) fn same(column: &'static str, len: usize, expected: usize) -> Result<()> {
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

/// Refuses more rows than the bounds allow, and products with numbers beyond them.
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

/// Refuses a body beyond the bounds, or with columns that belong together and differ in length.
pub(super) fn check(body: &Body) -> Result<()> {
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
