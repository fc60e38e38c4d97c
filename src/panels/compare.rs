//! In words: how the day stands against an earlier one at the same time since its start.

use super::format;
use super::scene::Scene;
use crate::text::{Lang, Texts};
use meridian_wire::comparison::Read;
use meridian_wire::{Day, Standing};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is compared, and with what.
pub struct Compared<'a> {
    /// How they stand.
    pub standing: Standing,
    /// When the earlier day's whole was passed, in milliseconds after the start, if it was.
    pub passed_ms: Option<Read>,
    /// The earlier day's name.
    pub past: &'a str,
    /// Minor units in a whole one.
    pub per_unit: i64,
    /// Hours are those of the clock on the wall: the day is one from midnight to midnight.
    pub by_hour: bool,
}

/// Whether so long after its start means at the same hour, on a day as on all others: from midnight to midnight, and
/// neither shortened nor lengthened by a change of clocks.
pub fn is_by_hour(day: &Day) -> bool {
    let local_ms = day
        .start_ms
        .saturating_add(i64::from(day.utc_offset_min) * 60_000);
    local_ms.rem_euclid(DAY_MS) == 0 && day.end_ms.saturating_sub(day.start_ms) == DAY_MS
}

/// The line under the clock; none before the day's start, without an earlier day, and while there is nothing to say.
pub fn line(scene: &Scene) -> Option<String> {
    let hello = scene.ledger.hello.as_ref()?;
    let compared = Compared {
        standing: scene.state.standing?,
        passed_ms: scene.state.passed_ms,
        past: scene.lang().pick(&hello.comparisons.first()?.label),
        per_unit: scene.per_unit(),
        by_hour: is_by_hour(&hello.day),
    };
    words(&compared, scene.texts, scene.lang())
}

/// The difference at this moment, as it stands beside the earlier day's point on the curve.
pub fn beside(scene: &Scene, standing: &Standing) -> String {
    let more = standing.more_minor;
    let text = format::difference(more.figure, more.about, scene.per_unit(), scene.lang());
    match more.about {
        true => scene.tw("about", &[("what", text)]),
        false => text,
    }
}

/// The sentence.
pub fn words(compared: &Compared, texts: &Texts, lang: Lang) -> Option<String> {
    let standing = &compared.standing;
    let say = |key: &str, args: &[(&str, String)]| texts.with(lang, key, args);
    let past = || ("past", compared.past.to_owned());
    let amount = |minor: i64, about: bool| {
        let magnitude = i64::try_from(minor.unsigned_abs()).unwrap_or(i64::MAX);
        let text = format::digits(magnitude, about, compared.per_unit, lang);
        // In a Chinese sentence nothing is spaced.
        let text = if lang == Lang::Zh {
            text.replace(' ', "")
        } else {
            text
        };
        ("amount", text)
    };
    let mut parts = Vec::new();
    if let Some(more) = standing.past_whole_minor {
        parts.push(match more {
            0 => say("compare-even", &[past()]),
            _ => say("compare-past", &[amount(more, false), past()]),
        });
        parts.extend(compared.passed_ms.map(|at| {
            let clock = format::clock(at.figure);
            match (at.about, clock.rsplit_once(':')) {
                (true, Some((minutes, _))) => say("compare-passed-about", &[("time", minutes.to_owned())]),
                _ => say("compare-passed", &[("time", clock)]),
            }
        }));
        return Some(parts.join(" · "));
    }
    let more = standing.more_minor;
    if more.figure == 0 && standing.past_minor.figure == 0 {
        return None;
    }
    let when = if compared.by_hour {
        "compare-hour"
    } else {
        "compare-start"
    };
    let when = ("when", say(when, &[]));
    let key = match (more.figure, more.about) {
        (0, _) => "compare-level",
        (1.., false) => "compare-more",
        (1.., true) => "compare-more-about",
        (_, false) => "compare-less",
        (_, true) => "compare-less-about",
    };
    parts.push(match more.figure {
        0 => say(key, &[past(), when]),
        figure => say(key, &[amount(figure, more.about), past(), when]),
    });
    if let Some(ahead) = standing.ahead_ms
        && let Some(span) = span(ahead, texts, lang)
    {
        let key = match (ahead.figure > 0, ahead.about) {
            (true, false) => "compare-ahead",
            (true, true) => "compare-ahead-about",
            (false, false) => "compare-behind",
            (false, true) => "compare-behind-about",
        };
        parts.push(say(key, &[("span", span)]));
    }
    Some(parts.join(" · "))
}

/// How long a time is, in its two greatest units; roughly where it is only about right. None where that is nothing.
fn span(span: Read, texts: &Texts, lang: Lang) -> Option<String> {
    let ms = span.figure.saturating_abs();
    let grain_ms = match ms {
        _ if !span.about => 1_000,
        HOUR_MS.. => 600_000,
        600_000.. => 300_000,
        _ => 60_000,
    };
    let ms = if span.about {
        ms.saturating_add(grain_ms / 2)
    } else {
        ms
    };
    let secs = ms / grain_ms * (grain_ms / 1_000);
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    let say = |key: &str, args: &[(&str, i64)]| {
        let args: Vec<(&str, String)> = args
            .iter()
            .map(|(name, value)| (*name, value.to_string()))
            .collect();
        texts.with(lang, key, &args)
    };
    match (days, hours, minutes) {
        (0, 0, 0) if secs == 0 => None,
        (0, 0, 0) => Some(say("long-s", &[("s", secs)])),
        (0, 0, _) => Some(say("long-m", &[("m", minutes)])),
        (0, _, 0) => Some(say("long-h", &[("h", hours)])),
        (0, _, _) => Some(say("long-hm", &[("h", hours), ("m", minutes)])),
        _ => Some(say("long-dh", &[("d", days), ("h", hours)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BN: i64 = 100_000_000_000;

    fn exact(figure: i64) -> Read {
        Read { figure, about: false }
    }

    fn about(figure: i64) -> Read {
        Read { figure, about: true }
    }

    fn clock(hours: i64, minutes: i64, secs: i64) -> i64 {
        ((hours * 60 + minutes) * 60 + secs) * 1_000
    }

    fn compared(more: Read, ahead_ms: Option<Read>) -> Compared<'static> {
        Compared {
            standing: Standing {
                past_minor: exact(66 * BN),
                more_minor: more,
                ahead_ms,
                whole_minor: 912 * BN / 10,
                past_whole_minor: None,
            },
            passed_ms: None,
            past: "2015",
            per_unit: 100,
            by_hour: true,
        }
    }

    fn both(compared: &mut Compared) -> [String; 2] {
        let texts = Texts::load(drop);
        let en = words(compared, &texts, Lang::En).unwrap();
        compared.past = "2015年";
        [en, words(compared, &texts, Lang::Zh).unwrap()]
    }

    #[test]
    fn ahead_at_the_same_hour() {
        let mut it = compared(exact(251 * BN / 10), Some(exact(clock(8, 40, 47))));
        assert_eq!(
            both(&mut it),
            [
                "+25.1 bn on 2015 at this hour · 8 h 40 min ahead",
                "比2015年同期多251亿 · 领先8小时40分"
            ]
        );
        let mut it = compared(about(2_493 * BN / 100), Some(about(clock(7, 21, 0))));
        assert_eq!(
            both(&mut it),
            [
                "about +25 bn on 2015 at this hour · about 7 h 20 min ahead",
                "比2015年同期多约250亿 · 领先约7小时20分"
            ]
        );
    }

    #[test]
    fn what_is_about_right_is_told_roughly() {
        let told = |ms| span(about(ms), &Texts::load(drop), Lang::En);
        assert_eq!(told(clock(7, 26, 0)).unwrap(), "7 h 30 min");
        assert_eq!(told(clock(0, 57, 40)).unwrap(), "1 h");
        assert_eq!(told(clock(0, 12, 0)).unwrap(), "10 min");
        assert_eq!(told(-clock(0, 3, 31)).unwrap(), "4 min");
        assert_eq!(told(clock(0, 0, 29)), None, "as good as nothing");
    }

    #[test]
    fn behind_level_and_without_a_time() {
        let mut it = compared(exact(-32 * BN / 10), Some(exact(-clock(0, 12, 59))));
        assert_eq!(
            both(&mut it),
            [
                "–3.20 bn on 2015 at this hour · 12 min behind",
                "比2015年同期少32.0亿 · 落后12分钟"
            ]
        );
        let mut it = compared(exact(0), Some(exact(0)));
        assert_eq!(
            both(&mut it),
            ["level with 2015 at this hour", "与2015年同期持平"]
        );
        // A total below nothing was never come to.
        let mut it = compared(exact(-70 * BN), None);
        assert_eq!(
            both(&mut it),
            ["–70.0 bn on 2015 at this hour", "比2015年同期少700亿"]
        );
        it.standing.past_minor = exact(0);
        it.standing.more_minor = exact(0);
        assert_eq!(words(&it, &Texts::load(drop), Lang::En), None, "the first moment");
    }

    #[test]
    fn the_whole_of_the_past_behind() {
        let mut it = compared(exact(269 * BN / 10), None);
        it.standing.past_whole_minor = Some(152 * BN / 10);
        it.passed_ms = Some(exact(clock(15, 19, 13)));
        assert_eq!(
            both(&mut it),
            [
                "15.2 bn past all of 2015 · passed at 15:19:13",
                "已超2015年全天152亿 · 15:19:13超越"
            ]
        );
        it.passed_ms = Some(about(clock(15, 19, 13)));
        it.past = "2015";
        assert_eq!(
            both(&mut it)[0],
            "15.2 bn past all of 2015 · passed at about 15:19"
        );
    }

    #[test]
    fn the_rule_is_named_where_hours_are_not_alike() {
        let mut it = compared(exact(BN), Some(exact(clock(30, 5, 0))));
        it.by_hour = false;
        assert_eq!(
            both(&mut it),
            [
                "+1.00 bn on 2015 as long after its start · 1 d 6 h ahead",
                "比2015年开始后同一时刻多10.0亿 · 领先1天6小时"
            ]
        );
        let day = |start_ms, hours: i64, utc_offset_min| Day {
            start_ms,
            end_ms: start_ms + hours * HOUR_MS,
            utc_offset_min,
        };
        assert!(is_by_hour(&day(16 * HOUR_MS, 24, 480)));
        assert!(!is_by_hour(&day(16 * HOUR_MS, 24, 420)));
        assert!(
            !is_by_hour(&day(16 * HOUR_MS, 23, 480)),
            "a day on which clocks change"
        );
        assert!(!is_by_hour(&day(16 * HOUR_MS, 25, 480)));
    }

    #[test]
    fn currencies_of_other_minor_units() {
        let texts = Texts::load(drop);
        let mut it = compared(exact(25_100_000_000), None);
        it.per_unit = 1;
        assert!(words(&it, &texts, Lang::En).unwrap().starts_with("+25.1 bn"));
        it.per_unit = 1_000;
        assert!(words(&it, &texts, Lang::En).unwrap().starts_with("+25.1 m"));
        assert!(words(&it, &texts, Lang::Zh).unwrap().contains("多2,510万"));
    }
}
