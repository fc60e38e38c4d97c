//! Conversion of `hello`.

use meridian_core::sales::{Currency, Kind};

use super::columns::{get_i64, put_i64};
use super::values::{get_mode, get_names, put_mode, put_names};
use crate::codec::error::{Result, unknown};
use crate::codec::proto;
use crate::frame::{Comparison, DataClass, Day, Hello, ProductInfo};

pub(in crate::codec) fn put_hello(hello: &Hello) -> proto::Hello {
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

pub(super) fn get_hello(hello: proto::Hello) -> Result<Hello> {
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
