//! Figures as people read them. Pure; whole numbers only. What stands in full is cut to whole units; a short form is
//! rounded, half away from zero, and the total's never to a milestone that isn't reached yet.

use crate::text::Lang;

#[cfg(test)]
mod tests;

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

/// The names of large numbers, greatest first.
fn steps(lang: Lang) -> &'static [(u128, &'static str)] {
    // Units belong to the number's format: which one is taken, and with how many digits, goes by the language.
    match lang {
        Lang::En => &[
            (1_000_000_000_000, "tn"),
            (1_000_000_000, "bn"),
            (1_000_000, "m"),
            (1_000, "k"),
        ],
        Lang::Zh => &[(1_000_000_000_000, "万亿"), (100_000_000, "亿"), (10_000, "万")],
    }
}

/// The least that gets a name: figures of four digits are read at once as they are.
const NAMED_FROM: u128 = 10_000;

/// A short form: a figure, and the name of what it counts, which is empty where it counts whole units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The figure, with its sign.
    pub figure: String,
    /// The name.
    pub name: &'static str,
}

impl std::fmt::Display for Short {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.figure)?;
        if self.name.is_empty() {
            return Ok(());
        }
        write!(out, " {}", self.name)
    }
}

/// A figure with decimals: a whole and so many digits behind the point.
#[derive(Clone, Copy)]
struct Rounded {
    whole: u128,
    part: u128,
    decimals: u32,
}

/// The most decimals: one minor unit in the largest unit has no more.
const MOST_DECIMALS: u32 = 15;

impl Rounded {
    /// `value / unit`, rounded half away from zero.
    fn new(value: u128, unit: u128, decimals: u32) -> Self {
        let scale = 10_u128.pow(decimals.min(MOST_DECIMALS));
        let (whole, rest) = (value / unit, value % unit);
        let part = (rest * scale + unit / 2) / unit;
        Self {
            whole: whole.saturating_add(part / scale),
            part: part % scale,
            decimals,
        }
    }

    /// Whether it reads as at least `mark / unit`.
    fn reaches(&self, mark: u128, unit: u128) -> bool {
        let scale = 10_u128.pow(self.decimals.min(MOST_DECIMALS));
        let (whole, rest) = (mark / unit, mark % unit);
        (self.whole, self.part * unit) >= (whole, rest * scale)
    }

    fn text(&self, is_negative: bool) -> String {
        let head = grouped(i128::try_from(self.whole).unwrap_or(i128::MAX));
        let sign = if is_negative && (self.whole, self.part) != (0, 0) {
            MINUS
        } else {
            ""
        };
        match self.decimals {
            0 => format!("{sign}{head}"),
            decimals => format!("{sign}{head}.{:0width$}", self.part, width = decimals as usize),
        }
    }
}

/// How many decimals a figure with a name has. The total is told finer than the rest: its last digit moves. Of the rest
/// three digits are enough.
fn usual_decimals(whole: u128, name: &str) -> u32 {
    match whole {
        _ if ["bn", "亿"].contains(&name) => 2,
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    }
}

/// The name for an amount, and what it counts in minor units, so that the rounded figure doesn't reach the next name.
fn step_for(
    value: u128,
    per_unit: u128,
    lang: Lang,
    decimals: impl Fn(u128, &str) -> u32,
) -> (u128, &'static str) {
    if value < NAMED_FROM * per_unit {
        return (per_unit, "");
    }
    let steps = steps(lang);
    let at = steps
        .iter()
        .position(|(step, _)| value >= step * per_unit)
        .unwrap_or(steps.len() - 1);
    let found = |at: usize| {
        steps
            .get(at)
            .map_or((per_unit, ""), |(step, name)| (step * per_unit, *name))
    };
    let (unit, name) = found(at);
    if let Some(greater) = at.checked_sub(1) {
        let (next, _) = found(greater);
        if Rounded::new(value, unit, decimals(value / unit, name)).reaches(next, unit) {
            return found(greater);
        }
    }
    (unit, name)
}

/// An amount of minor units with as many decimals as `decimals` says for its whole and its name. Below `mark`, as many
/// more as are needed so that it doesn't read as that much.
fn short_with(
    minor: i128,
    per_unit: i64,
    lang: Lang,
    mark: Option<u128>,
    decimals: impl Fn(u128, &str) -> u32,
) -> Short {
    let value = minor.unsigned_abs();
    let per_unit = u128::from(per_unit.max(1).unsigned_abs());
    let mark = mark.filter(|mark| value < *mark && minor >= 0);
    let (mut unit, mut name) = step_for(value, per_unit, lang, &decimals);
    // A greater name that only rounding gave says too much too.
    if mark.is_some_and(|mark| value < unit && unit >= mark) {
        (unit, name) = step_for(value, per_unit, lang, |_, _| MOST_DECIMALS);
    }
    let wanted = |whole: u128| if name.is_empty() { 0 } else { decimals(whole, name) };
    let first = wanted(value / unit);
    let mut rounded = Rounded::new(value, unit, first);
    // Where rounding gave another digit before the point, one behind it goes.
    let settled = wanted(rounded.whole);
    if settled != first {
        rounded = Rounded::new(value, unit, settled);
    }
    while mark.is_some_and(|mark| rounded.reaches(mark, unit)) && rounded.decimals < MOST_DECIMALS {
        rounded = Rounded::new(value, unit, rounded.decimals + 1);
    }
    Short {
        figure: rounded.text(minor < 0),
        name,
    }
}

/// An amount of minor units in a few figures, rounded: `120.70 bn`, `8.25 m`, `16.6 k`, `1,207.00 亿`, `3.50 万`.
pub fn short(minor: i64, per_unit: i64, lang: Lang) -> Short {
    short_with(i128::from(minor), per_unit, lang, None, usual_decimals)
}

/// The same of a total that is on its way to a mark: until it is there, it doesn't read as if it were. Rounding
/// then gives way to more digits.
pub fn short_before(minor: i64, mark: Option<i64>, per_unit: i64, lang: Lang) -> Short {
    let mark = mark.and_then(|mark| u128::try_from(mark).ok());
    short_with(i128::from(minor), per_unit, lang, mark, usual_decimals)
}

/// An amount of whole units in a few figures, rounded.
pub fn compact(units: i128, lang: Lang) -> String {
    short_with(units, 1, lang, None, usual_decimals).to_string()
}

/// The amounts of one list, with the same number of decimals in all of them.
pub fn column(minors: impl IntoIterator<Item = i64>, per_unit: i64, lang: Lang) -> Vec<Short> {
    let minors: Vec<i64> = minors.into_iter().collect();
    let unit = u128::from(per_unit.max(1).unsigned_abs());
    let most = minors.iter().map(|minor| u128::from(minor.unsigned_abs())).max();
    let is_named = most.is_some_and(|most| most >= NAMED_FROM * unit);
    let least = steps(lang)
        .last()
        .map_or((unit, ""), |(step, name)| (step * unit, *name));
    let one = |minor: i64| {
        let value = u128::from(minor.unsigned_abs());
        match step_for(value, unit, lang, |_, _| COLUMN_DECIMALS) {
            // Small amounts in a list of great ones count what the least of those do.
            (_, "") if is_named => Short {
                figure: Rounded::new(value, least.0, COLUMN_DECIMALS).text(minor < 0),
                name: least.1,
            },
            _ => short_with(i128::from(minor), per_unit, lang, None, |_, _| COLUMN_DECIMALS),
        }
    };
    minors.into_iter().map(one).collect()
}

/// Takes the decimals off a list that none of its amounts needs.
pub fn drop_needless_decimals(column: &mut [Short]) {
    let needed = |short: &Short| {
        let (_, decimals) = short.figure.split_once('.')?;
        Some((decimals.len(), decimals.trim_end_matches('0').len()))
    };
    let needless = column
        .iter()
        .filter_map(needed)
        .map(|(all, needed)| all - needed)
        .min();
    for short in column.iter_mut().filter(|short| short.figure.contains('.')) {
        let kept = short.figure.len() - needless.unwrap_or(0);
        short.figure.truncate(kept);
        if short.figure.ends_with('.') {
            short.figure.pop();
        }
    }
}

/// Decimals of the amounts of a list.
const COLUMN_DECIMALS: u32 = 2;

/// How much more or less, in three digits; in two where it is only about right: `+25.1 bn`, `–3.2 bn`, `+25 bn`.
pub fn difference(minor: i64, about: bool, per_unit: i64, lang: Lang) -> String {
    let text = digits(minor, about, per_unit, lang);
    if minor > 0 { format!("+{text}") } else { text }
}

/// An amount in three digits; in two where it is only about right.
pub fn digits(minor: i64, about: bool, per_unit: i64, lang: Lang) -> String {
    let many = if about { 2_u32 } else { 3 };
    let length = |whole: u128| whole.checked_ilog10().map_or(1, |log| log + 1);
    let mut minor = i128::from(minor);
    if about {
        // What lies before the point has no more digits either.
        let spare = length(minor.unsigned_abs()).saturating_sub(many);
        let scale = 10_u128.pow(spare);
        let rounded = Rounded::new(minor.unsigned_abs(), scale, 0).whole * scale;
        minor = i128::try_from(rounded).unwrap_or(i128::MAX) * minor.signum();
    }
    short_with(minor, per_unit, lang, None, |whole, _| {
        many.saturating_sub(length(whole))
    })
    .to_string()
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

/// A share of `part` in `whole`, in per cent with one decimal, rounded; all is told of the whole alone.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let (value, all) = (u128::from(part.unsigned_abs()), u128::from(whole.unsigned_abs()));
    let mut tenths = Rounded::new(value * 1_000, all, 0).whole;
    if value < all {
        tenths = tenths.min(999);
    }
    let sign = if part < 0 && tenths > 0 { MINUS } else { "" };
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

/// The same without seconds.
pub fn date_and_minute(at_ms: i64, utc_offset_min: i32) -> String {
    let text = date_and_clock(at_ms, utc_offset_min);
    text.rsplit_once(':')
        .map_or_else(String::new, |(minute, _)| minute.to_owned())
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
