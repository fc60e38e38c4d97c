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
fn short_forms_are_rounded_never_cut() {
    assert_eq!(compact(71_779_000_000, Lang::En), "71.78 bn");
    assert_eq!(compact(71_779_000_000, Lang::Zh), "717.79 亿");
    assert_eq!(compact(120_700_000_000, Lang::En), "120.70 bn");
    assert_eq!(compact(120_700_000_000, Lang::Zh), "1,207.00 亿");
    assert_eq!(compact(16_650_000, Lang::En), "16.7 m");
    assert_eq!(compact(1_000_000_000, Lang::En), "1.00 bn");
    assert_eq!(compact(9_999, Lang::Zh), "9,999");
    assert_eq!(compact(9_999, Lang::En), "9,999");
    assert_eq!(compact(10_000, Lang::Zh), "1.00 万");
    assert_eq!(compact(10_000, Lang::En), "10.0 k");
    assert_eq!(compact(-8_245_000, Lang::En), "–8.25 m", "half away from zero");
    assert_eq!(compact(8_244_999, Lang::En), "8.24 m");
    assert_eq!(compact(0, Lang::En), "0");
    assert!(compact(i128::MAX, Lang::Zh).ends_with("万亿"));
    assert!(compact(i128::MIN, Lang::En).starts_with("–"));
}

#[test]
fn rounding_takes_the_next_name_where_it_comes_to_it() {
    assert_eq!(compact(999_499_999, Lang::En), "999 m");
    assert_eq!(compact(999_500_000, Lang::En), "1.00 bn");
    assert_eq!(compact(999_999, Lang::En), "1.00 m");
    assert_eq!(compact(99_999_999, Lang::Zh), "1.00 亿");
    assert_eq!(compact(99_994_999, Lang::Zh), "9,999 万");
    assert_eq!(
        compact(9_996_000, Lang::En),
        "10.0 m",
        "and a digit less behind the point"
    );
    assert_eq!(compact(99_960_000, Lang::En), "100 m");
}

#[test]
fn a_total_doesnt_read_as_a_mark_before_it_is_there() {
    let mark = Some(91_200_000_000);
    let before = |units, lang| short_before(units, mark, 1, lang).to_string();
    assert_eq!(before(91_194_999_999, Lang::En), "91.19 bn");
    assert_eq!(before(91_195_000_000, Lang::En), "91.195 bn");
    assert_eq!(before(91_199_500_000, Lang::En), "91.1995 bn");
    assert_eq!(before(91_199_546_037, Lang::En), "91.1995 bn");
    assert_eq!(before(91_199_999_999, Lang::En), "91.199999999 bn");
    assert_eq!(before(91_200_000_000, Lang::En), "91.20 bn");
    assert_eq!(before(91_199_500_000, Lang::Zh), "911.995 亿");
    assert_eq!(before(-5, Lang::En), "–5");
    // Nor by the name: a billion is a mark like others.
    let billion = |units| short_before(units, Some(1_000_000_000), 1, Lang::En).to_string();
    assert_eq!(billion(999_400_000), "999 m");
    assert_eq!(billion(999_600_000), "999.6 m");
    assert_eq!(billion(999_999_999), "999.999999 m");
    assert_eq!(billion(1_000_000_000), "1.00 bn");
    // In minor units, to the last of them.
    let cents = |minor| short_before(minor, Some(5_000_000), 100, Lang::En).to_string();
    assert_eq!(cents(4_999_999), "49.99999 k");
    assert_eq!(cents(5_000_000), "50.0 k");
}

#[test]
fn currencies_have_as_many_minor_units_as_they_have() {
    // Yen have none, dinars a thousand.
    assert_eq!(short(71_779_000_000, 1, Lang::En).to_string(), "71.78 bn");
    assert_eq!(short(71_779_000_000_000, 1_000, Lang::En).to_string(), "71.78 bn");
    assert_eq!(short(9_999_499, 1_000, Lang::En).to_string(), "9,999");
    assert_eq!(short(9_999_500, 1_000, Lang::En).to_string(), "10,000");
    assert_eq!(short(i64::MIN, 1_000, Lang::Zh).to_string(), "–9,223 万亿");
}

#[test]
fn a_lists_decimals_are_alike() {
    let list = |minors: &[i64], lang| -> Vec<String> {
        let shorts = column(minors.iter().copied(), 100, lang);
        shorts.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        list(
            &[
                1_231_000_000_000,
                42_920_000_000,
                2_425_400_000,
                823_600_000,
                120_000
            ],
            Lang::En
        ),
        ["12.31 bn", "429.20 m", "24.25 m", "8.24 m", "1.20 k"]
    );
    assert_eq!(
        list(&[1_231_000_000_000, 42_920_000_000, -120_000], Lang::Zh),
        ["123.10 亿", "4.29 亿", "–0.12 万"]
    );
    assert_eq!(list(&[99_999_999_999, 0], Lang::En), ["1.00 bn", "0.00 k"]);
    assert_eq!(
        list(&[820_000, 5_049], Lang::En),
        ["8,200", "50"],
        "without a name no decimals"
    );
    assert!(list(&[], Lang::En).is_empty());
    let marks = |minors: &[i64]| -> Vec<String> {
        let mut column = column(minors.iter().copied(), 1, Lang::En);
        drop_needless_decimals(&mut column);
        column.iter().map(ToString::to_string).collect()
    };
    assert_eq!(marks(&[1_000_000_000, 57_100_000_000]), ["1.0 bn", "57.1 bn"]);
    assert_eq!(marks(&[50_000, 100_000]), ["50 k", "100 k"]);
    assert_eq!(marks(&[500, 1_000]), ["500", "1,000"]);
}

#[test]
fn differences_have_a_sign_and_say_no_more_than_is_known() {
    let text = |units, about, lang| difference(units, about, 1, lang);
    assert_eq!(text(25_100_000_000, false, Lang::En), "+25.1 bn");
    assert_eq!(text(25_100_000_000, false, Lang::Zh), "+251 亿");
    assert_eq!(text(24_930_000_000, true, Lang::En), "+25 bn");
    assert_eq!(text(24_930_000_000, true, Lang::Zh), "+250 亿");
    assert_eq!(text(249_300_000_000, true, Lang::Zh), "+2,500 亿");
    assert_eq!(text(9_640_000_000, true, Lang::En), "+9.6 bn");
    assert_eq!(text(-3_204_000_000, false, Lang::En), "–3.20 bn");
    assert_eq!(text(-3_204_000_000, true, Lang::En), "–3.2 bn");
    assert_eq!(text(0, false, Lang::En), "0");
    assert_eq!(text(4_321, true, Lang::En), "+4,300");
}

use proptest::prelude::*;

/// What a short form says, in minor units.
fn read(short: &Short, per_unit: i64, lang: Lang) -> f64 {
    let figure: f64 = short.figure.replace(',', "").replace(MINUS, "-").parse().unwrap();
    let named = steps(lang).iter().find(|(_, name)| *name == short.name);
    figure * named.map_or(1.0, |(step, _)| *step as f64) * per_unit as f64
}

proptest! {
    /// A short form is as near as its digits allow, and below a mark it stays below it.
    #[test]
    fn short_forms_are_near_and_never_too_early(
        minor in 0_i64..9_000_000_000_000_000,
        above in 1_i64..1_000_000_000_000,
        power in 0_u32..4,
        zh in any::<bool>(),
    ) {
        let lang = if zh { Lang::Zh } else { Lang::En };
        let per_unit = 10_i64.pow(power);
        let plain = read(&short(minor, per_unit, lang), per_unit, lang);
        let tolerance = 0.0051 * minor as f64 + 0.51 * per_unit as f64;
        prop_assert!((plain - minor as f64).abs() <= tolerance, "{plain} for {minor}");
        let mark = minor + above;
        let text = short_before(minor, Some(mark), per_unit, lang);
        let said = read(&text, per_unit, lang);
        prop_assert!(said < mark as f64 * (1.0 + 1e-15), "{text} before {mark} in {per_unit}");
        prop_assert_eq!(short_before(mark, Some(mark), per_unit, lang), short(mark, per_unit, lang));
    }
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
    assert_eq!(percent(8_396, 10_000), "84.0%");
    assert_eq!(percent(8_394, 10_000), "83.9%");
    assert_eq!(percent(9_999, 10_000), "99.9%", "not quite all");
    assert_eq!(percent(-1, 10_000), "0.0%");
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
