//! Builds a [`Model`] from the tables of a day file.

use std::sync::Arc;

use rand_pcg::rand_core::{RngCore, SeedableRng};

use super::curve::{NoRates, at, counts_along, monotone};
use super::file::{CategoryTable, DayFile, ShippingTable};
use super::model::{BLOCK_SECS, CellKey, GROUP, Model, Spread};
use super::places::Places;
use super::products::{self, Inputs, Products};
use super::random::{mix, normal, unit};
use super::validate::{Span, check_categories, mobile_points, region_of, region_shares, share_of, span_of};
use super::value::{LOOKUP_BUCKETS, SPREADS};
use crate::source::day_file::{comparisons_of, milestones_of, minor_of, named, points_of};
use meridian_core::sales::{Batch, Catalogue, Channel, Kind, RegionId};
use meridian_wire::{DataClass, Day, Hello, Mode, VERSION};

/// Builds the model of a day file.
pub(super) fn build(file: &DayFile, catalogue: Arc<Catalogue>) -> Result<Model, String> {
    named(&file.title, "title")?;
    let span = span_of(&file.day)?;
    let curves = curves(file, &span)?;
    let mobile = mobile_points(&file.mobile)?;
    check_categories(&file.category)?;
    let base = region_shares(file, &catalogue)?;
    let home = match &file.regions.home {
        Some(iso2) => Some(region_of(&catalogue, "regions.home", iso2)?),
        None => None,
    };
    let region_share = regions(file, &catalogue, &span, &base, home)?;
    let (cells, category_shares) = cells(file, &base, home);
    let table = CellTable::new(
        &curves,
        &span,
        &mobile,
        (&region_share, base.len()),
        &cells,
        &category_shares,
    );
    let (second_of_payment, payments_per_bucket) = lookup(file.totals.payments, &curves.payments, span.secs);
    let shipping = shipping(&file.shipping, &catalogue, home)?;
    let hello = hello(file, &catalogue, &span)?;
    let payment_minor = mean_payments(&curves, span.secs);
    let mut model = Model {
        places: Places::new(&catalogue),
        catalogue,
        hello,
        start_ms: span.start_ms,
        end_ms: span.end_ms,
        secs: span.secs,
        mean_order_minor: curves.total_minor as f64 / file.totals.orders as f64,
        value: curves.value,
        payments: curves.payments,
        orders: curves.orders,
        second_of_payment,
        payments_per_bucket,
        cells,
        blocks: blocks_of(span.secs),
        share: table.share,
        cell_payments: table.payments,
        cell_orders: table.orders,
        cell_value: table.value,
        region_share,
        spreads: spreads(file.seed),
        home: home.map_or(Batch::DOMESTIC, |home| home.0),
        import_below: shipping.import_below,
        export_below: shipping.export_below,
        import_from: shipping.import_from,
        products: Products::default(),
    };
    let ground = Inputs {
        catalogue: &model.catalogue,
        home: home.map(|home| home.0),
        secs: span.secs,
        cells: &model.cells,
        payment_minor: &payment_minor,
    };
    model.products = products::build(file, &ground, |index, second| {
        let ms = span.start_ms + second as i64 * 1_000;
        model.counts_of(model.curve_at(ms), index)
    })?;
    model.hello.products = model.products.list.clone();
    Ok(model)
}

fn blocks_of(secs: usize) -> usize {
    secs.div_ceil(BLOCK_SECS)
}

/// A block's first second and the one after its last.
fn seconds_of(block: usize, secs: usize) -> (usize, usize) {
    (block * BLOCK_SECS, ((block + 1) * BLOCK_SECS).min(secs))
}

/// Cumulative at each whole second.
struct Curves {
    total_minor: i64,
    value: Vec<f64>,
    payments: Vec<f64>,
    orders: Vec<f64>,
}

/// The day's value along its points, and the payments and orders along the value.
fn curves(file: &DayFile, span: &Span) -> Result<Curves, String> {
    let currency = file.day.currency;
    let total_minor = minor_of("totals.gmv", file.totals.gmv, currency)?;
    if total_minor == 0 {
        return Err("totals.gmv: it must be above 0".to_owned());
    }
    let mut points = points_of("curve", &file.curve, currency)?;
    if let Some((last_secs, last_minor)) = points.last().copied() {
        if last_secs >= span.secs {
            return Err(format!(
                "curve: the last point isn't before the day's end ({} hours); what the day ends with is totals.gmv",
                file.day.hours
            ));
        }
        if last_minor > total_minor {
            return Err("curve: the last point is more than totals.gmv".to_owned());
        }
    }
    points.push((span.secs, total_minor));
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x as f64, *y as f64)).collect();
    let value = monotone(&points, span.secs);
    let (totals, peaks) = (&file.totals, &file.peaks);
    let payments = counts("payments", &value, totals.payments, peaks.payments_per_s)?;
    let orders = counts("orders", &value, totals.orders, peaks.orders_per_s)?;
    Ok(Curves {
        total_minor,
        value,
        payments,
        orders,
    })
}

/// Cumulative counts along the value, with a peak and a total as the file says.
fn counts(what: &str, value: &[f64], total: u64, peak: f64) -> Result<Vec<f64>, String> {
    if total == 0 || total > 1 << 50 {
        return Err(format!(
            "totals.{what}: {total} is out of range: it must be 1 to 10¹⁵"
        ));
    }
    if !(peak > 0.0 && peak.is_finite()) {
        return Err(format!("peaks.{what}_per_s: {peak} isn't a rate"));
    }
    counts_along(value, peak, total as f64).map_err(|why| match why {
        NoRates::PeakTooLow { most } => format!(
            "peaks.{what}_per_s: {peak} all day long gives {most:.0} {what}, fewer than totals.{what} ({total}): a higher peak is needed"
        ),
        NoRates::PeakTooHigh => format!(
            "peaks.{what}_per_s: {peak} is too much for totals.{what} ({total}) along this curve: a lower peak is needed"
        ),
    })
}

/// The share of mobile in all value until a second, between the points of the file.
fn mobile_until(mobile: &[(f64, f64)], x: f64) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    for (at_secs, share) in mobile {
        if x <= *at_secs {
            return match before {
                Some((x0, s0)) => s0 + (share - s0) * (x - x0) / (at_secs - x0),
                None => *share,
            };
        }
        before = Some((*at_secs, *share));
    }
    before.map_or(0.0, |(_, share)| share)
}

/// By block and region: the region's share, less at night.
fn regions(
    file: &DayFile,
    catalogue: &Catalogue,
    span: &Span,
    base: &[f64],
    home: Option<RegionId>,
) -> Result<Vec<f64>, String> {
    let dip = file.regions.night_dip;
    if !(0.0..=0.9).contains(&dip) {
        return Err(format!(
            "regions.night_dip: {dip} is out of range: it must be 0 to 0.9"
        ));
    }
    let blocks = blocks_of(span.secs);
    let mut region_share = Vec::with_capacity(blocks * base.len());
    for block in 0..blocks {
        let middle_ms = span.start_ms + ((block * BLOCK_SECS + BLOCK_SECS / 2) as i64) * 1_000;
        let weights: Vec<f64> = catalogue
            .regions()
            .iter()
            .zip(base)
            .enumerate()
            .map(|(number, (region, share))| {
                // The home region's hours are the curve itself.
                if is_home(home, number) {
                    return share * (1.0 - dip / 2.0);
                }
                let local_ms = middle_ms + i64::from(region.utc_offset_min) * 60_000;
                let hour = local_ms.rem_euclid(86_400_000) as f64 / 3_600_000.0;
                let night = 0.5 + 0.5 * (std::f64::consts::TAU * (hour - 4.5) / 24.0).cos();
                share * (1.0 - dip * night)
            })
            .collect();
        let sum: f64 = weights.iter().sum();
        region_share.extend(weights.iter().map(|weight| weight / sum));
    }
    Ok(region_share)
}

fn is_home(home: Option<RegionId>, region: usize) -> bool {
    home.is_some_and(|home| usize::from(home.0) == region)
}

/// The cells in which anything can happen, and the share of each in its region's orders, channel apart.
fn cells(file: &DayFile, base: &[f64], home: Option<RegionId>) -> (Vec<CellKey>, Vec<f64>) {
    let seed = mix(file.seed);
    let mut cells = Vec::new();
    let mut category_shares = Vec::new();
    for (region, share) in base.iter().enumerate() {
        if *share <= 0.0 {
            continue;
        }
        let tastes = tastes(&file.category, seed, region, is_home(home, region));
        let sum: f64 = tastes.iter().sum();
        let mean_ticket: f64 = tastes
            .iter()
            .zip(&file.category)
            .map(|(taste, table)| taste / sum * table.ticket)
            .sum();
        for (category, (taste, table)) in tastes.iter().zip(&file.category).enumerate() {
            if *taste <= 0.0 {
                continue;
            }
            for channel in [Channel::Mobile, Channel::Desktop] {
                let number = (region * 64 + category) * 4 + usize::from(channel.index());
                let key = mix(seed ^ mix(number as u64 + 0x1000_0000));
                cells.push(CellKey {
                    region: region as u8,
                    category: category as u8,
                    channel,
                    ticket: table.ticket / mean_ticket,
                    payment_phase: unit(mix(key ^ 1)),
                    order_phase: unit(mix(key ^ 2)),
                    payment_key: mix(key ^ 3),
                    order_key: mix(key ^ 4),
                });
                category_shares.push(taste / sum);
            }
        }
    }
    (cells, category_shares)
}

/// By category: what a region buys of it, before it is made a share.
fn tastes(categories: &[CategoryTable], seed: u64, region: usize, home: bool) -> Vec<f64> {
    categories
        .iter()
        .enumerate()
        .map(|(category, table)| {
            let taste = normal(seed ^ mix((region * 64 + category) as u64));
            // The home region is the measure, so that the whole keeps the file's shares.
            table.share * if home { 1.0 } else { (0.3 * taste).exp() }
        })
        .collect()
}

/// By block and cell: the share, and what was before the block.
struct CellTable {
    share: Vec<f64>,
    payments: Vec<f64>,
    orders: Vec<f64>,
    value: Vec<f64>,
}

impl CellTable {
    fn new(
        curves: &Curves,
        span: &Span,
        mobile: &[(f64, f64)],
        (region_share, regions): (&[f64], usize),
        cells: &[CellKey],
        category_shares: &[f64],
    ) -> Self {
        let many = cells.len();
        let blocks = blocks_of(span.secs);
        let mut table = Self {
            share: Vec::with_capacity(blocks * many),
            payments: vec![0.0; many],
            orders: vec![0.0; many],
            value: vec![0.0; many],
        };
        for block in 0..blocks {
            let (from, to) = seconds_of(block, span.secs);
            let gained = at(&curves.value, to) - at(&curves.value, from);
            let by_mobile = mobile_until(mobile, to as f64) * at(&curves.value, to)
                - mobile_until(mobile, from as f64) * at(&curves.value, from);
            let mobile = if gained > 0.0 {
                by_mobile / gained
            } else {
                mobile_until(mobile, to as f64)
            };
            let mobile = mobile.clamp(0.0, 1.0);
            let more_payments = at(&curves.payments, to) - at(&curves.payments, from);
            let more_orders = at(&curves.orders, to) - at(&curves.orders, from);
            for (index, (cell, category_share)) in cells.iter().zip(category_shares).enumerate() {
                let by_channel = match cell.channel {
                    Channel::Mobile => mobile,
                    _ => 1.0 - mobile,
                };
                let here = at(region_share, block * regions + usize::from(cell.region))
                    * category_share
                    * by_channel;
                table.share.push(here);
                let start = block * many + index;
                table
                    .payments
                    .push(at(&table.payments, start) + here * more_payments);
                table.orders.push(at(&table.orders, start) + here * more_orders);
                table
                    .value
                    .push(at(&table.value, start) + here * cell.ticket * gained);
            }
        }
        table
    }
}

/// From a payment's number to the second at which it happens, roughly: by bucket, and how many payments a bucket has.
fn lookup(total: u64, payments: &[f64], secs: usize) -> (Vec<u32>, f64) {
    let per_bucket = (total as f64 / LOOKUP_BUCKETS as f64).max(f64::MIN_POSITIVE);
    let mut seconds = Vec::with_capacity(LOOKUP_BUCKETS);
    let mut second = 0_usize;
    for bucket in 0..LOOKUP_BUCKETS {
        let count = bucket as f64 * per_bucket;
        while second + 1 < secs && at(payments, second + 1) <= count {
            second += 1;
        }
        // One back: rounding may have gone one too far.
        seconds.push(second.saturating_sub(1) as u32);
    }
    (seconds, per_bucket)
}

/// The ways in which a group's rows differ: cumulative shares in its value.
fn spreads(seed: u64) -> Vec<Spread> {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
    let mut spreads = Vec::with_capacity(SPREADS);
    for _ in 0..SPREADS {
        let weights: Vec<f64> = (0..GROUP)
            .map(|_| (0.9 * normal(random.next_u64())).exp())
            .collect();
        let sum: f64 = weights.iter().sum();
        let mut spread = [0_u64; GROUP as usize + 1];
        let mut until = 0.0;
        for (slot, weight) in spread.iter_mut().skip(1).zip(&weights) {
            until += weight / sum;
            *slot = (until * (1_u64 << 32) as f64) as u64;
        }
        if let Some(last) = spread.last_mut() {
            *last = 1 << 32;
        }
        spreads.push(spread);
    }
    spreads
}

/// Parcels across borders, as bounds of numbers drawn.
struct Shipping {
    import_below: u32,
    export_below: u32,
    import_from: Vec<(u32, u8)>,
}

fn shipping(
    table: &ShippingTable,
    catalogue: &Catalogue,
    home: Option<RegionId>,
) -> Result<Shipping, String> {
    let bound = |share: f64| (share * f64::from(u32::MAX)) as u32;
    let import_share = share_of("shipping.import_share", table.import_share)?;
    let export_share = share_of("shipping.export_share", table.export_share)?;
    if home.is_none() && (import_share > 0.0 || export_share > 0.0) {
        return Err("shipping: parcels cross borders from and to regions.home, which isn't given".to_owned());
    }
    if import_share > 0.0 && table.import_from.is_empty() {
        return Err("shipping.import_from: import_share is given, and no region to import from".to_owned());
    }
    let import_sum: f64 = table.import_from.values().sum();
    let mut import_from = Vec::new();
    let mut until = 0.0;
    for (iso2, share) in &table.import_from {
        let key = format!("shipping.import_from.{iso2}");
        let region = region_of(catalogue, &key, iso2)?;
        until += share_of(&key, *share)?;
        import_from.push((bound(until / import_sum.max(f64::MIN_POSITIVE)), region.0));
    }
    if let Some(last) = import_from.last_mut() {
        last.0 = u32::MAX;
    }
    Ok(Shipping {
        import_below: bound(import_share),
        export_below: bound(export_share),
        import_from,
    })
}

/// What the feed says of the day at first, but for the products.
fn hello(file: &DayFile, catalogue: &Catalogue, span: &Span) -> Result<Hello, String> {
    let currency = file.day.currency;
    Ok(Hello {
        version: VERSION,
        server: String::new(),
        mode: Mode::Demo,
        synthetic: true,
        title: file.title.clone(),
        currency,
        gmv_counts: Kind::Payment,
        speed: 1.0,
        catalogue: catalogue.hash().to_owned(),
        categories: file
            .category
            .iter()
            .map(|category| category.name.clone())
            .collect(),
        day: Day {
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            utc_offset_min: span.utc_offset_min,
        },
        comparisons: comparisons_of(&file.comparison, currency)?,
        milestones_minor: milestones_of(&file.celebrate, currency)?,
        products: Vec::new(),
        class: DataClass::Public,
        key: None,
        published_ms: None,
        k: None,
    })
}

/// By block: the mean payment in minor units, endless where there is none.
fn mean_payments(curves: &Curves, secs: usize) -> Vec<f64> {
    (0..blocks_of(secs))
        .map(|block| {
            let (from, to) = seconds_of(block, secs);
            let paid = at(&curves.payments, to) - at(&curves.payments, from);
            if paid >= 1.0 {
                (at(&curves.value, to) - at(&curves.value, from)) / paid
            } else {
                f64::INFINITY
            }
        })
        .collect()
}
