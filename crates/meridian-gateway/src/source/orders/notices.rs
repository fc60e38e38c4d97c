//! Notices about an order file.

use super::report::{MAX_LISTED, OrdersReport};
use meridian_core::sales::Currency;
use meridian_wire::NoticeKind;

/// What people should know about the file.
pub(super) fn notices(report: &OrdersReport, currency: Currency) -> Vec<NoticeKind> {
    let mut out = vec![NoticeKind::SyntheticPlaces];
    if report.corrections > 0 {
        out.push(NoticeKind::Corrections {
            count: report.corrections,
            sum: amount(report.corrected_minor, currency),
        });
    }
    if report.without_value > 0 {
        let count = report.without_value;
        out.push(NoticeKind::WithoutValue { count });
    }
    if !report.unknown_countries.is_empty() {
        out.push(unknown_countries(&report.unknown_countries));
    }
    if report.unknown_channels > 0 {
        let count = report.unknown_channels;
        out.push(NoticeKind::UnknownChannel { count });
    }
    if report.unreadable_rows > 0 {
        out.push(NoticeKind::UnreadableRow {
            count: report.unreadable_rows,
            first: report.unreadable.clone(),
        });
    }
    out
}

fn unknown_countries(countries: &[(String, u64)]) -> NoticeKind {
    let mut list: Vec<String> = countries
        .iter()
        .take(MAX_LISTED)
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    let more = countries.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        list.push(format!("+{more}"));
    }
    NoticeKind::UnknownCountry {
        count: countries.iter().map(|(_, count)| count).sum(),
        countries: list.join(", "),
    }
}

/// An amount for people: "£12,345.67".
pub(super) fn amount(minor: i64, currency: Currency) -> String {
    let per_unit = currency.minor_per_unit();
    let units = (minor / per_unit).to_string();
    let mut grouped = String::new();
    for (index, digit) in units.chars().enumerate() {
        if index > 0 && (units.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let symbol = currency.symbol();
    let space = if symbol.len() == 3 && symbol.is_ascii() {
        " "
    } else {
        ""
    };
    match currency.digits() {
        0 => format!("{symbol}{space}{grouped}"),
        digits => format!(
            "{symbol}{space}{grouped}.{:0width$}",
            minor % per_unit,
            width = usize::from(digits)
        ),
    }
}
