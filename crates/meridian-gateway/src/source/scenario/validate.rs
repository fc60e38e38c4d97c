//! Validates a day file. Errors name the key and what would be right.

use super::file::{CategoryTable, DayFile, DayTable, MobilePoint};
use crate::source::day_file::{named, secs_of};
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::{Catalogue, EventMs, RegionId};

/// When a day is.
pub(super) struct Span {
    pub start_ms: EventMs,
    pub end_ms: EventMs,
    pub secs: usize,
    pub utc_offset_min: i32,
}

pub(super) fn span_of(day: &DayTable) -> Result<Span, String> {
    let start = chrono::DateTime::parse_from_rfc3339(&day.start).map_err(|error| {
        format!(
            "day.start: {:?} isn't an instant ({error}): as in \"2016-11-11T00:00:00+08:00\"",
            day.start
        )
    })?;
    if !(1..=72).contains(&day.hours) {
        return Err(format!(
            "day.hours: {} is out of range: it must be 1 to 72",
            day.hours
        ));
    }
    let secs = day.hours as usize * 3_600;
    let start_ms = start.timestamp_millis();
    Ok(Span {
        start_ms,
        end_ms: start_ms + secs as i64 * 1_000,
        secs,
        utc_offset_min: start.offset().local_minus_utc() / 60,
    })
}

pub(super) fn share_of(key: &str, share: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("{key}: {share} is out of range: it must be 0 to 1"))
    }
}

pub(super) fn region_of(catalogue: &Catalogue, key: &str, iso2: &str) -> Result<RegionId, String> {
    catalogue.by_iso2(iso2).ok_or_else(|| {
        format!("{key}: {iso2:?} isn't a region: an ISO 3166-1 alpha-2 code is needed, as in \"CN\"")
    })
}

/// The share of mobile until instants: seconds of the day, rising, and shares.
pub(super) fn mobile_points(table: &[MobilePoint]) -> Result<Vec<(f64, f64)>, String> {
    let mut mobile: Vec<(f64, f64)> = Vec::new();
    for (number, point) in table.iter().enumerate() {
        let key = format!("mobile[{number}]");
        let at_secs = secs_of(&format!("{key}.at"), &point.at)? as f64;
        let share = share_of(&format!("{key}.share"), point.share)?;
        if mobile.last().is_some_and(|(before, _)| at_secs <= *before) {
            return Err(format!(
                "{key}.at: {:?} isn't after the point before it",
                point.at
            ));
        }
        mobile.push((at_secs, share));
    }
    if mobile.is_empty() {
        return Err("mobile: at least one point is needed".to_owned());
    }
    Ok(mobile)
}

pub(super) fn check_categories(categories: &[CategoryTable]) -> Result<(), String> {
    if categories.is_empty() || categories.len() > MAX_CATEGORIES {
        return Err(format!(
            "category: {} of them; there must be 1 to {MAX_CATEGORIES}",
            categories.len()
        ));
    }
    for (number, category) in categories.iter().enumerate() {
        let key = format!("category[{number}]");
        named(&category.name, &format!("{key}.name"))?;
        share_of(&format!("{key}.share"), category.share)?;
        if !(0.01..=100.0).contains(&category.ticket) {
            return Err(format!(
                "{key}.ticket: {} is out of range: it must be 0.01 to 100",
                category.ticket
            ));
        }
    }
    let category_sum: f64 = categories.iter().map(|category| category.share).sum();
    if (category_sum - 1.0).abs() > 1e-3 {
        return Err(format!(
            "category: the shares come to {category_sum:.4}: 1 is needed"
        ));
    }
    Ok(())
}

/// The regions' shares of a day's orders, before the hour of the day.
pub(super) fn region_shares(file: &DayFile, catalogue: &Catalogue) -> Result<Vec<f64>, String> {
    let table = &file.regions;
    let mut shares = vec![0.0; catalogue.regions().len()];
    let mut given = vec![false; shares.len()];
    let mut sum = 0.0;
    for (iso2, share) in &table.share {
        let key = format!("regions.share.{iso2}");
        let region = usize::from(region_of(catalogue, &key, iso2)?.0);
        let share = share_of(&key, *share)?;
        sum += share;
        if let (Some(slot), Some(given)) = (shares.get_mut(region), given.get_mut(region)) {
            *slot = share;
            *given = true;
        }
    }
    if sum > 1.0 + 1e-6 {
        return Err(format!("regions.share: the shares come to {sum:.4}, more than 1"));
    }
    for (key, value) in [
        ("gdp_exponent", table.gdp_exponent),
        ("population_exponent", table.population_exponent),
    ] {
        if !(0.0..=3.0).contains(&value) {
            return Err(format!(
                "regions.{key}: {value} is out of range: it must be 0 to 3"
            ));
        }
    }
    let rest = if 1.0 - sum < 1e-6 { 0.0 } else { 1.0 - sum };
    let weight = |region: &meridian_core::sales::Region| {
        region.gdp_ppp_usd.max(1.0).powf(table.gdp_exponent)
            * (region.population.max(1) as f64).powf(table.population_exponent)
    };
    let others: f64 = catalogue
        .regions()
        .iter()
        .zip(&given)
        .filter(|(_, given)| !**given)
        .map(|(region, _)| weight(region))
        .sum();
    if rest > 0.0 && others <= 0.0 {
        return Err(format!(
            "regions.share: every region is named and the shares come to {sum:.4}: 1 is needed"
        ));
    }
    let orders = file.totals.orders as f64;
    if !(0.0..=orders / (shares.len() as f64 * 2.0)).contains(&table.at_least_orders) {
        return Err(format!(
            "regions.at_least_orders: {} is too much for {} regions and {} orders",
            table.at_least_orders,
            shares.len(),
            file.totals.orders
        ));
    }
    let least = table.at_least_orders / orders;
    for ((share, region), given) in shares.iter_mut().zip(catalogue.regions()).zip(given) {
        if !given && rest > 0.0 {
            *share = rest * weight(region) / others;
        }
        *share = share.max(least);
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    Ok(shares)
}
