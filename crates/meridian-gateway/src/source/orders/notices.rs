//! Notices about an order file.

use super::report::{MAX_LISTED, OrdersReport};
use meridian_core::sales::Currency;
use meridian_wire::{Level, Names, Notice};

/// What people should know about the file. The gateway stamps the time.
pub(super) fn notices(report: &OrdersReport, currency: Currency) -> Vec<Notice> {
    let mut out = vec![notice(
        Level::Info,
        "synthetic_places",
        "The order file names countries, not cities: lights stand at cities of the country drawn by \
         population. City positions are synthetic; everything else is the shop's own."
            .to_owned(),
        "订单文件只有国家、没有城市：光点按人口落在该国城市。城市位置为合成，其余均为店铺真实数据。"
            .to_owned(),
    )];
    if report.corrections > 0 {
        let (count, sum) = (report.corrections, amount(report.corrected_minor, currency));
        out.push(notice(
            Level::Info,
            "corrections",
            format!(
                "Cancelled orders in the file: {count}, {sum}, taken off the value as marked corrections"
            ),
            format!("文件中有 {count} 笔取消订单，共 {sum}，作为更正从成交额中扣除"),
        ));
    }
    if report.without_value > 0 {
        let count = report.without_value;
        out.push(notice(
            Level::Info,
            "without_value",
            format!("Entries without any value in the file: {count}, not counted as orders"),
            format!("文件中有 {count} 笔金额为零的记录，不计为订单"),
        ));
    }
    if !report.unknown_countries.is_empty() {
        out.push(unknown_countries(&report.unknown_countries));
    }
    if report.unknown_channels > 0 {
        let count = report.unknown_channels;
        out.push(notice(
            Level::Warning,
            "unknown_channel",
            format!("Rows whose channel the mapping doesn't name: {count}, counted under the default one"),
            format!("有 {count} 行的渠道未在映射中列出，计入默认渠道"),
        ));
    }
    if report.unreadable_rows > 0 {
        out.push(unreadable(report));
    }
    out
}

fn notice(level: Level, code: &str, en: String, zh: String) -> Notice {
    Notice {
        level,
        code: code.to_owned(),
        text: Names { en, zh },
        published_ms: 0,
    }
}

fn unknown_countries(countries: &[(String, u64)]) -> Notice {
    let total: u64 = countries.iter().map(|(_, count)| count).sum();
    let mut list: Vec<String> = countries
        .iter()
        .take(MAX_LISTED)
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    let more = countries.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        list.push(format!("+{more}"));
    }
    let list = list.join(", ");
    notice(
        Level::Warning,
        "unknown_country",
        format!(
            "Orders from countries that no region matches: {total}, counted in the totals, without a place: {list}"
        ),
        format!("有 {total} 笔订单的国家无法识别，计入总额但不落在地图上：{list}"),
    )
}

fn unreadable(report: &OrdersReport) -> Notice {
    let count = report.unreadable_rows;
    let mut list: Vec<String> = report
        .unreadable
        .iter()
        .map(|(line, why)| format!("line {line}: {why}"))
        .collect();
    let mut lines_zh: Vec<String> = report
        .unreadable
        .iter()
        .map(|(line, _)| line.to_string())
        .collect();
    let more = count.saturating_sub(report.unreadable.len() as u64);
    if more > 0 {
        list.push(format!("and {more} more"));
        lines_zh.push(format!("另有 {more} 行"));
    }
    notice(
        Level::Warning,
        "unreadable_row",
        format!("Rows that can't be read, skipped: {count} ({})", list.join("; ")),
        format!("有 {count} 行无法读取，已跳过（行号：{}）", lines_zh.join("、")),
    )
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
