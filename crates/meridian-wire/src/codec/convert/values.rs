//! Conversion of values that several bodies hold: modes, names and counts.

use super::columns::{get_i64, get_u64};
use crate::codec::error::{Result, unknown};
use crate::codec::limits::same;
use crate::codec::proto;
use crate::frame::{Counts, Mode, Names};

pub(super) fn put_mode(mode: Mode) -> u32 {
    match mode {
        Mode::Live => 1,
        Mode::Delayed => 2,
        Mode::Held => 3,
        Mode::Replay => 4,
        Mode::Demo => 5,
        Mode::Rehearsal => 6,
    }
}

pub(super) fn get_mode(mode: u32) -> Result<Mode> {
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

pub(super) fn put_names(names: &Names) -> proto::Names {
    proto::Names {
        en: names.en.clone(),
        zh: names.zh.clone(),
    }
}

pub(super) fn get_names(names: Option<proto::Names>) -> Names {
    let names = names.unwrap_or_default();
    Names {
        en: names.en,
        zh: names.zh,
    }
}

pub(super) fn put_counts(counts: &Counts) -> proto::Counts {
    proto::Counts {
        orders: counts.orders,
        payments: counts.payments,
        gmv_minor: counts.gmv_minor,
    }
}

pub(super) fn get_counts(counts: Option<proto::Counts>) -> Counts {
    let counts = counts.unwrap_or_default();
    Counts {
        orders: counts.orders,
        payments: counts.payments,
        gmv_minor: counts.gmv_minor,
    }
}

/// Three columns of counts, checked against the number of rows.
pub(super) fn get_count_columns(
    rows: usize,
    orders: &[u8],
    payments: &[u8],
    gmv: &[u8],
) -> Result<Vec<Counts>> {
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
