//! The words that all day files have in common, generated days' and live days': times, amounts, names, products and the
//! curves of earlier days. What is wrong is told with its key.

use serde::Deserialize;

use meridian_core::sales::Currency;
use meridian_core::sales::product::slug;
use meridian_wire::{Comparison, Names, ProductInfo};

/// A point of a curve of value over time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurvePoint {
    pub at: String,
    pub gmv: i64,
}

/// An earlier day that this one is compared with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComparisonTable {
    pub label: Names,
    pub points: Vec<CurvePoint>,
}

/// Seconds of `HH:MM` or `HH:MM:SS`.
pub(super) fn secs_of(key: &str, text: &str) -> Result<usize, String> {
    let wrong =
        || format!("{key}: {text:?} isn't a time of day: HH:MM or HH:MM:SS is needed, as in \"00:06:58\"");
    let parts: Vec<usize> = text
        .split(':')
        .map(|part| match part.len() {
            1 | 2 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse().map_err(|_| wrong()),
            _ => Err(wrong()),
        })
        .collect::<Result<_, _>>()?;
    match parts.as_slice() {
        [hours, minutes] if *minutes < 60 => Ok(hours * 3_600 + minutes * 60),
        [hours, minutes, secs] if *minutes < 60 && *secs < 60 => Ok(hours * 3_600 + minutes * 60 + secs),
        _ => Err(wrong()),
    }
}

/// Points of a curve in seconds and minor units, with the day's start before them.
pub(super) fn points_of(
    key: &str,
    points: &[CurvePoint],
    currency: Currency,
) -> Result<Vec<(usize, i64)>, String> {
    let mut out = vec![(0_usize, 0_i64)];
    for (number, point) in points.iter().enumerate() {
        let key = format!("{key}[{number}]");
        let secs = secs_of(&format!("{key}.at"), &point.at)?;
        let gmv = minor_of(&format!("{key}.gmv"), point.gmv, currency)?;
        let (secs_before, gmv_before) = out.last().copied().unwrap_or_default();
        if secs <= secs_before {
            return Err(format!(
                "{key}.at: {:?} isn't after the point before it",
                point.at
            ));
        }
        if gmv < gmv_before {
            return Err(format!(
                "{key}.gmv: {} is less than the point before it",
                point.gmv
            ));
        }
        out.push((secs, gmv));
    }
    Ok(out)
}

/// The curves of earlier days.
pub(super) fn comparisons_of(
    tables: &[ComparisonTable],
    currency: Currency,
) -> Result<Vec<Comparison>, String> {
    let mut comparisons = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let key = format!("comparison[{number}]");
        named(&table.label, &format!("{key}.label"))?;
        let points = points_of(&format!("{key}.points"), &table.points, currency)?;
        comparisons.push(Comparison {
            label: table.label.clone(),
            at_ms: points.iter().map(|(secs, _)| *secs as i64 * 1_000).collect(),
            gmv_minor: points.iter().map(|(_, minor)| *minor).collect(),
        });
    }
    Ok(comparisons)
}

/// Values that are celebrated, in minor units.
pub(super) fn milestones_of(celebrate: &[i64], currency: Currency) -> Result<Vec<i64>, String> {
    let mut milestones_minor = Vec::new();
    for (number, amount) in celebrate.iter().enumerate() {
        let key = format!("celebrate[{number}]");
        let minor = minor_of(&key, *amount, currency)?;
        if milestones_minor.last().is_some_and(|before| minor <= *before) || minor == 0 {
            return Err(format!("{key}: {amount} isn't more than the one before it"));
        }
        milestones_minor.push(minor);
    }
    Ok(milestones_minor)
}

pub(super) fn minor_of(key: &str, amount: i64, currency: Currency) -> Result<i64, String> {
    // Curves are worked out in floats, exact to the minor unit up to 2⁵³ of them.
    amount
        .checked_mul(currency.minor_per_unit())
        .filter(|minor| (0..=1_i64 << 53).contains(minor))
        .ok_or_else(|| format!("{key}: {amount} is out of range: it must be 0 to 90 trillion"))
}

/// Checks that a name is given in both languages.
pub(super) fn named(names: &Names, key: &str) -> Result<(), String> {
    for (lang, text) in [("en", &names.en), ("zh", &names.zh)] {
        if text.trim().is_empty() {
            return Err(format!("{key}.{lang}: a name is needed"));
        }
    }
    Ok(())
}

/// What a day file says of a product (id, name, the English name of its category), looked up and beside those before it.
pub(super) fn info_of<'a>(
    key: &str,
    (id, names, category): (&str, &Names, &str),
    mut categories: impl Iterator<Item = &'a Names> + Clone,
    earlier: &[ProductInfo],
) -> Result<ProductInfo, String> {
    if slug(id).as_deref() != Some(id) {
        return Err(format!(
            "{key}.id: {id:?} isn't an id: small letters, digits and hyphens are needed, as in \"earbuds\""
        ));
    }
    if earlier.iter().any(|earlier| earlier.id == id) {
        return Err(format!("{key}.id: {id:?} appears twice"));
    }
    named(names, &format!("{key}.name"))?;
    let first = categories.clone().next();
    let number = categories
        .position(|known| known.en == category)
        .and_then(|at| u8::try_from(at).ok())
        .ok_or_else(|| {
            format!(
                "{key}.category: {category:?} isn't a category: the English name of one is needed, as in {:?}",
                first.map_or("", |first| first.en.as_str())
            )
        })?;
    Ok(ProductInfo {
        id: id.to_owned(),
        names: names.clone(),
        category: number,
    })
}
