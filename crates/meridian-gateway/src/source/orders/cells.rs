//! Interprets the cells of a row: its time, value, category and product.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::mapping::{Encoding, Match};
use super::plan::Plan;
use super::row::Row;
use meridian_core::sales::product::slug;

/// Amounts are added in billionths of a unit.
pub(super) const SCALE_DIGITS: u32 = 9;
/// The largest value of a row, in billionths of a unit.
const MAX_ROW_VALUE: i128 = (i64::MAX as i128) * 1_000_000_000;

/// Names are compared in lower case, with plain apostrophes and single spaces.
pub(super) fn normal(name: &str) -> String {
    let lower = name.to_lowercase().replace(['’', '`'], "'");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Plan {
    pub(super) fn decode(&self, bytes: &[u8], out: &mut String) -> Result<(), ()> {
        match self.mapping.encoding {
            Encoding::Utf8 => out.push_str(std::str::from_utf8(bytes).map_err(|_| ())?),
            Encoding::Latin1 => {
                out.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0);
            }
        }
        Ok(())
    }

    pub(super) fn category_of(&self, cell: &str) -> u8 {
        let cell = normal(cell);
        let found = self
            .words
            .iter()
            .find(|(word, _)| match self.mapping.category.how {
                Match::Values => *word == cell,
                Match::Words => begins_a_word(&cell, word),
            });
        found.map_or(self.otherwise, |(_, category)| *category)
    }

    pub(super) fn time_of(&self, cell: &str) -> Result<DateTime<Tz>, String> {
        let format = self.mapping.time.format.as_str();
        let cell = cell.trim();
        // The cell itself is never quoted: in a shifted row it may be anything.
        let unlike = || format!("time: not in the format {format:?}");
        let instant = |at: LocalResult<DateTime<Tz>>| at.earliest().ok_or_else(unlike);
        match format {
            "rfc3339" => DateTime::parse_from_rfc3339(cell)
                .map(|at| at.with_timezone(&self.zone))
                .map_err(|_| unlike()),
            "unix_s" => instant(self.zone.timestamp_opt(cell.parse().map_err(|_| unlike())?, 0)),
            "unix_ms" => instant(
                self.zone
                    .timestamp_millis_opt(cell.parse().map_err(|_| unlike())?),
            ),
            _ => {
                let local = NaiveDateTime::parse_from_str(cell, format)
                    .or_else(|_| {
                        NaiveDate::parse_from_str(cell, format)
                            .map(|day| day.and_time(chrono::NaiveTime::MIN))
                    })
                    .map_err(|_| unlike())?;
                // An hour that the clocks skip in spring is taken as the one after it, one that they
                // repeat in autumn as the first of the two.
                self.zone
                    .from_local_datetime(&local)
                    .earliest()
                    .or_else(|| {
                        let later = local.checked_add_signed(Duration::hours(1))?;
                        self.zone.from_local_datetime(&later).earliest()
                    })
                    .ok_or_else(unlike)
            }
        }
    }

    /// The row's value in billionths of a unit.
    pub(super) fn value_of(&self, row: &Row) -> Result<i128, String> {
        let (amount_name, product) = match &self.mapping.columns.unit_price {
            Some(_) => ("unit price", true),
            None => ("amount", false),
        };
        let decimal_sign = self.mapping.decimal;
        let (mut mantissa, mut digits) =
            decimal(&row.amount, decimal_sign).ok_or_else(|| format!("{amount_name}: not a number"))?;
        if product {
            let (quantity, quantity_digits) =
                decimal(&row.quantity, decimal_sign).ok_or_else(|| "quantity: not a number".to_owned())?;
            mantissa *= quantity;
            digits += quantity_digits;
        }
        if mantissa < 0 && !self.mapping.cancellation.negative_quantity && !self.is_cancelled(row) {
            return Err("a value below zero, which the mapping doesn't take for a correction".to_owned());
        }
        if digits > SCALE_DIGITS {
            return Err(format!("more than {SCALE_DIGITS} digits after the decimal sign"));
        }
        // Beyond this no order could be told in minor units, and sums of sums might not fit either.
        mantissa
            .checked_mul(10_i128.pow(SCALE_DIGITS - digits))
            .filter(|value| value.abs() <= MAX_ROW_VALUE)
            .ok_or_else(|| "a value of more than 9 quintillion units".to_owned())
    }

    /// The row's product by its id, when it is one that can be followed.
    pub(super) fn product_of(&self, row: &Row) -> Option<String> {
        self.mapping.product.as_ref()?;
        slug(&row.product).filter(|id| !self.leave_out.contains(id))
    }

    /// The row's pieces, truncated to a whole number; one where the mapping has no quantity.
    pub(super) fn units_of(&self, row: &Row) -> i128 {
        if self.mapping.columns.quantity.is_none() {
            return 1;
        }
        decimal(&row.quantity, self.mapping.decimal)
            .map_or(0, |(digits, after)| digits / 10_i128.pow(after.min(30)))
    }

    pub(super) fn is_cancelled(&self, row: &Row) -> bool {
        let prefix = self.mapping.cancellation.order_id_prefix.as_deref();
        prefix.is_some_and(|prefix| row.order_id.trim().starts_with(prefix))
    }
}

/// Whether `word` stands in `cell` where a word begins. Scripts without spaces match anywhere.
fn begins_a_word(cell: &str, word: &str) -> bool {
    let latin = word.starts_with(|first: char| first.is_ascii_alphanumeric());
    cell.match_indices(word).any(|(at, _)| {
        let before = cell.get(..at).and_then(|before| before.chars().next_back());
        !(latin && before.is_some_and(|before| before.is_ascii_alphanumeric()))
    })
}

/// A decimal number as (digits without the sign, how many of them stand after it). At most 15 digits.
pub(super) fn decimal(cell: &str, decimal_sign: char) -> Option<(i128, u32)> {
    let cell = cell.trim();
    let (negative, body) = match cell.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, cell.strip_prefix('+').unwrap_or(cell)),
    };
    let grouping_sign = if decimal_sign == '.' { ',' } else { '.' };
    let (whole, fraction) = body.split_once(decimal_sign).unwrap_or((body, ""));
    let mut groups = whole.split(grouping_sign);
    let first = groups.next().unwrap_or("");
    let mut mantissa = 0_i128;
    let mut count = 0_u32;
    let mut eat = |digits: &str| {
        for digit in digits.bytes() {
            if !digit.is_ascii_digit() {
                return false;
            }
            mantissa = mantissa * 10 + i128::from(digit - b'0');
            count += u32::from(mantissa != 0);
            if count > 15 {
                return false;
            }
        }
        true
    };
    if !eat(first) {
        return None;
    }
    for group in groups {
        // "1,234" has groups of three; "1,5" is a decimal written the other way, not fifteen.
        if first.is_empty() || first.len() > 3 || group.len() != 3 || !eat(group) {
            return None;
        }
    }
    if !eat(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= 15)?;
    Some((if negative { -mantissa } else { mantissa }, digits))
}
