//! Figures as people read them. Pure; whole numbers only, and always cut, never rounded up: a figure
//! must not show a milestone before it is reached.

use crate::text::Lang;

/// The minus: an en dash, since none of the shipped fonts has U+2212.
const MINUS: &str = "–";

/// Digits in groups of three.
pub fn grouped(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 3);
    if value < 0 {
        out.push_str(MINUS);
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Whole units of an amount in minor units, cut towards zero.
pub fn units(minor: i64, minor_per_unit: i64) -> i128 {
    i128::from(minor) / i128::from(minor_per_unit.max(1))
}

/// `value / unit` cut to `decimals` places, grouped.
fn cut(value: u128, unit: u128, decimals: u32) -> String {
    let scale = 10_u128.pow(decimals);
    let whole = value / unit;
    let part = (value % unit) * scale / unit;
    let head = grouped(i128::try_from(whole).unwrap_or(i128::MAX));
    if decimals == 0 {
        head
    } else {
        format!("{head}.{part:0width$}", width = decimals as usize)
    }
}

/// An amount of whole units in a few figures: `120.69 bn`, `8.25 m`, `16.6 m`, `1,207.00 亿`, `3.50 万`.
pub fn compact(units: i128, lang: Lang) -> String {
    let value = units.unsigned_abs();
    // Units belong to the number's format: which one is taken, and with how many digits, goes by the language.
    let steps: &[(u128, &str)] = match lang {
        Lang::En => &[(1_000_000_000_000, "tn"), (1_000_000_000, "bn"), (1_000_000, "m")],
        Lang::Zh => &[(1_000_000_000_000, "万亿"), (100_000_000, "亿"), (10_000, "万")],
    };
    let sign = if units < 0 { MINUS } else { "" };
    match steps.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => {
            // The total is told finer than the rest: its last digit moves. Of the rest three digits are enough.
            let decimals = match value / unit {
                _ if ["bn", "亿"].contains(name) => 2,
                0..10 => 2,
                10..100 => 1,
                _ => 0,
            };
            format!("{sign}{} {name}", cut(value, *unit, decimals))
        }
        None => grouped(units),
    }
}

/// A round value on an axis: `40 bn`, `400 亿`, without needless decimals.
pub fn axis(units: i128, lang: Lang) -> String {
    let text = compact(units, lang);
    match text.split_once(' ') {
        Some((figure, name)) if figure.contains('.') => {
            let figure = figure.trim_end_matches('0').trim_end_matches('.');
            format!("{figure} {name}")
        }
        _ => text,
    }
}

/// A share of `part` in `whole`, in per cent with one decimal, cut.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let tenths = i128::from(part) * 1000 / i128::from(whole);
    let sign = if tenths < 0 { MINUS } else { "" };
    let tenths = tenths.unsigned_abs();
    format!("{sign}{}.{}%", tenths / 10, tenths % 10)
}

/// Milliseconds into a day as `HH:MM:SS`. The day's end is `24:00:00`.
pub fn clock(into_day_ms: i64) -> String {
    let secs = into_day_ms.div_euclid(1000).max(0);
    format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// An instant as `MM-DD HH:MM:SS` on the clock of a place.
pub fn date_and_clock(at_ms: i64, utc_offset_min: i32) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms.saturating_add(i64::from(utc_offset_min) * 60_000))
        .map_or_else(String::new, |at| at.format("%m-%d %H:%M:%S").to_string())
}

/// What is left until the day begins, as `HH:MM:SS`; a second that has begun counts.
pub fn countdown(into_day_ms: i64) -> String {
    let secs = (-into_day_ms).max(0).saturating_add(999) / 1000;
    clock(secs * 1000)
}

/// The step between an axis' marks: 1, 2 or 5 times a power of ten, at most `marks` of them up to `most`.
pub fn nice_step(most: i128, marks: i128) -> i128 {
    let rough = (most.max(1) + marks.max(1) - 1) / marks.max(1);
    let mut power = 1_i128;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step >= rough {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(120_700_000_000), "120,700,000,000");
        assert_eq!(grouped(-1_234), "–1,234");
        assert_eq!(
            grouped(i128::MIN),
            "–170,141,183,460,469,231,731,687,303,715,884,105,728"
        );
    }

    #[test]
    fn compacts_are_cut_never_rounded_up() {
        assert_eq!(compact(120_700_000_000, Lang::En), "120.70 bn");
        assert_eq!(compact(120_700_000_000, Lang::Zh), "1,207.00 亿");
        assert_eq!(compact(999_999_999, Lang::En), "999 m");
        assert_eq!(compact(16_600_000, Lang::En), "16.6 m");
        assert_eq!(compact(1_000_000_000, Lang::En), "1.00 bn");
        assert_eq!(compact(99_999_999, Lang::Zh), "9,999 万");
        assert_eq!(compact(9_999, Lang::Zh), "9,999");
        assert_eq!(compact(10_000, Lang::Zh), "1.00 万");
        assert_eq!(compact(-8_250_000, Lang::En), "–8.25 m");
        assert_eq!(compact(0, Lang::En), "0");
        assert!(compact(i128::MAX, Lang::Zh).ends_with("万亿"));
        assert!(compact(i128::MIN, Lang::En).starts_with("–"));
    }

    #[test]
    fn axes_have_no_needless_decimals() {
        assert_eq!(axis(40_000_000_000, Lang::En), "40 bn");
        assert_eq!(axis(100_000_000_000, Lang::En), "100 bn");
        assert_eq!(axis(40_000_000_000, Lang::Zh), "400 亿");
        assert_eq!(axis(2_500_000, Lang::En), "2.5 m");
        assert_eq!(axis(0, Lang::Zh), "0");
    }

    #[test]
    fn whole_units_are_cut_towards_zero() {
        assert_eq!(units(12_399, 100), 123);
        assert_eq!(units(-12_399, 100), -123);
        assert_eq!(units(i64::MIN, 100), i128::from(i64::MIN) / 100);
        assert_eq!(units(5, 0), 5);
    }

    #[test]
    fn shares() {
        assert_eq!(percent(8_396, 10_000), "83.9%");
        assert_eq!(percent(1, 0), "–");
        assert_eq!(percent(i64::MAX, i64::MAX), "100.0%");
        assert_eq!(percent(-5, 1000), "–0.5%");
    }

    #[test]
    fn clocks() {
        assert_eq!(clock(418_000), "00:06:58");
        assert_eq!(date_and_clock(1_291_162_000_000, 60), "12-01 01:06:40");
        assert_eq!(clock(86_400_000), "24:00:00");
        assert_eq!(clock(-5), "00:00:00");
        assert_eq!(countdown(-10_000), "00:00:10");
        assert_eq!(countdown(-9_001), "00:00:10");
        assert_eq!(countdown(-9_000), "00:00:09");
    }

    #[test]
    fn steps_are_one_two_five() {
        assert_eq!(nice_step(120, 4), 50);
        assert_eq!(nice_step(91, 5), 20);
        assert_eq!(nice_step(0, 4), 1);
        for most in [1, 7, 33, 91_200_000_000_i128, i128::from(i64::MAX)] {
            let step = nice_step(most, 5);
            assert!(step * 5 >= most, "{most}: {step}");
        }
    }
}
