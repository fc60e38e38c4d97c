use std::collections::BTreeSet;

use super::wording::key;
use super::*;
use crate::frame::{DataClass, Notice};
use crate::texts::{FluentFile, Lang, Texts};

/// What no public text may have in it.
const SECRET: &str = "Atlantis";
const SECRET_NUMBER: u32 = 98_765;

/// A notice of each variant, with every variant of what is in it, and with arguments that a text can be searched for.
fn every() -> Vec<NoticeKind> {
    let text = || SECRET.to_owned();
    let (count, seconds) = (u64::from(SECRET_NUMBER), i64::from(SECRET_NUMBER));
    let mut all = vec![
        NoticeKind::SourceFailed { problem: text() },
        NoticeKind::SourceSilent { seconds },
        NoticeKind::SourceBack,
        NoticeKind::BusiestSource {
            source: SECRET_NUMBER,
            percent: count,
        },
        NoticeKind::SyntheticPlaces,
        NoticeKind::Corrections { count, sum: text() },
        NoticeKind::WithoutValue { count },
        NoticeKind::UnknownCountry {
            count,
            countries: text(),
        },
        NoticeKind::UnknownChannel { count },
        NoticeKind::UnreadableRow {
            count,
            first: vec![(count, text()), (count, text())],
        },
        NoticeKind::OrdersWait,
        NoticeKind::OrdersComeAgain,
        NoticeKind::LogDamaged,
        NoticeKind::StateDamaged,
        NoticeKind::Held { by: text() },
        NoticeKind::Released { reason: text() },
        NoticeKind::ReleaseAsked { by: text() },
        NoticeKind::ClockJumped { seconds },
        NoticeKind::ClockRight,
        NoticeKind::ClockSet { seconds },
        NoticeKind::ClockBehind { seconds },
        NoticeKind::ClosedEarly,
    ];
    for what in [
        OverBudget::Batches,
        OverBudget::Sources,
        OverBudget::SourcesOfToken,
        OverBudget::Gaps,
        OverBudget::Value,
        OverBudget::Anybody,
        OverBudget::Day,
    ] {
        let source = (!matches!(what, OverBudget::Sources | OverBudget::Day)).then_some(SECRET_NUMBER);
        let reason = text();
        all.push(NoticeKind::SourceOverBudget { what, source, reason });
    }
    for store in [Stored::Orders, Stored::State, Stored::Audit] {
        all.push(NoticeKind::StorageFailing {
            store,
            problem: text(),
        });
        all.push(NoticeKind::StorageBack { store });
        for how in [
            Change::Deleted,
            Change::Moved,
            Change::Replaced,
            Change::Shortened { to: count },
            Change::Lengthened { by: count },
        ] {
            for then in [Repair::Restored, Repair::Waits, Repair::Lost] {
                let reason = text();
                all.push(NoticeKind::StorageDisplaced {
                    store,
                    how,
                    reason,
                    then,
                });
            }
        }
    }
    for what in [
        Wrong::BackInTime,
        Wrong::Fell,
        Wrong::TooFast,
        Wrong::Sum,
        Wrong::Clock,
    ] {
        all.push(NoticeKind::Implausible { what });
    }
    for what in [
        Decision::Shows { scene: text() },
        Decision::BeginsRehearsal,
        Decision::EndsRehearsal,
        Decision::Delays { delay_ms: count },
    ] {
        let (by, reason) = (text(), text());
        all.push(NoticeKind::Directed { by, what, reason });
    }
    for what in [Intruder::Token(text()), Intruder::Locked, Intruder::Slowed] {
        all.push(NoticeKind::Intrusion {
            address: [192, 0, 2, 98].into(),
            count: SECRET_NUMBER,
            failure: "scan",
            what,
        });
    }
    all
}

/// Who adds a variant comes by here: it belongs into [`every`] too.
fn is_in_every(kind: &NoticeKind) {
    match kind {
        NoticeKind::SourceFailed { .. }
        | NoticeKind::SourceSilent { .. }
        | NoticeKind::SourceBack
        | NoticeKind::SourceOverBudget { .. }
        | NoticeKind::BusiestSource { .. }
        | NoticeKind::SyntheticPlaces
        | NoticeKind::Corrections { .. }
        | NoticeKind::WithoutValue { .. }
        | NoticeKind::UnknownCountry { .. }
        | NoticeKind::UnknownChannel { .. }
        | NoticeKind::UnreadableRow { .. }
        | NoticeKind::OrdersWait
        | NoticeKind::OrdersComeAgain
        | NoticeKind::StorageFailing { .. }
        | NoticeKind::StorageBack { .. }
        | NoticeKind::StorageDisplaced { .. }
        | NoticeKind::LogDamaged
        | NoticeKind::StateDamaged
        | NoticeKind::Implausible { .. }
        | NoticeKind::Held { .. }
        | NoticeKind::Released { .. }
        | NoticeKind::ReleaseAsked { .. }
        | NoticeKind::Directed { .. }
        | NoticeKind::Intrusion { .. }
        | NoticeKind::ClockJumped { .. }
        | NoticeKind::ClockRight
        | NoticeKind::ClockSet { .. }
        | NoticeKind::ClockBehind { .. }
        | NoticeKind::ClosedEarly => {}
    }
}

const FILES: [(Lang, &str); 2] = [
    (
        Lang::En,
        include_str!("../../../../assets/locales/notices-en.ftl"),
    ),
    (
        Lang::Zh,
        include_str!("../../../../assets/locales/notices-zh.ftl"),
    ),
];

fn texts() -> [Texts; 2] {
    FILES.map(|(lang, source)| {
        let mut texts = lang.texts();
        texts.add(
            FluentFile::parse(source.to_owned()).unwrap_or_else(|problem| panic!("{lang:?}: {problem}")),
        );
        texts
    })
}

/// The arguments that a message asks for, those of the messages that it quotes too, sorted.
fn asked(messages: &BTreeMap<&str, String>, key: &str) -> BTreeSet<String> {
    let Some(text) = messages.get(key) else {
        return BTreeSet::new();
    };
    let names = |before: &str| -> Vec<String> {
        let of = |part: &str| {
            let is_name = |letter: &char| letter.is_ascii_alphanumeric() || "_-".contains(*letter);
            part.chars().take_while(is_name).collect()
        };
        text.split(before).skip(1).map(of).collect()
    };
    let mut found: BTreeSet<String> = names("$").into_iter().collect();
    for quoted in names("{ ") {
        found.append(&mut asked(messages, &quoted));
    }
    found
}

/// A file's messages by key.
fn messages(source: &str) -> BTreeMap<&str, String> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut key = "";
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(" = ") {
            Some((name, text)) if !line.starts_with([' ', '}']) => {
                key = name;
                found.insert(key, text.to_owned());
            }
            _ => found.entry(key).or_default().push_str(line),
        }
    }
    found
}

/// The privacy promise: `docs/privacy.md`.
#[test]
fn a_public_notice_carries_no_argument() {
    let files = FILES.map(|(_, source)| messages(source));
    for kind in every() {
        is_in_every(&kind);
        let (full, public) = (kind.notice(7), kind.public(7));
        assert_eq!(
            (&public.code, public.level, public.published_ms),
            (&full.code, full.level, 7)
        );
        assert_eq!(public.args, BTreeMap::new(), "{kind:?}");
        for text in [&public.text.en, &public.text.zh] {
            let says = [SECRET, "98765", "192.0.2.98"]
                .iter()
                .any(|secret| text.contains(secret));
            assert!(!text.is_empty() && !says, "{kind:?}: {text}");
        }
    }
    for file in &files {
        for key in file.keys().filter(|key| key.contains("public")) {
            assert!(asked(file, key).is_empty(), "{key} has an argument");
        }
    }
}

/// Nothing is left over in the files either.
#[test]
fn every_notice_has_its_words_in_both_languages() {
    let [en, zh] = FILES.map(|(_, source)| messages(source));
    assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
    let texts = texts();
    let mut known = vec!["notice-public".to_owned()];
    for kind in every() {
        let notice = kind.notice(0);
        for (texts, text) in texts.iter().zip([&notice.text.en, &notice.text.zh]) {
            assert!(
                !text.is_empty() && !text.contains(['$', '{', '}']),
                "{kind:?}: {text}"
            );
            assert!(!text.contains("notice-"), "{kind:?}: {text}");
            // A display's words are the gateway's, where both are of one version.
            let words = notice.in_words(DataClass::Internal, texts);
            let is_short = matches!(kind, NoticeKind::OrdersWait | NoticeKind::OrdersComeAgain);
            assert_eq!(words.as_ref(), (!is_short).then_some(text), "{kind:?}");
            let public = kind.public(0);
            if let Some(words) = public.in_words(DataClass::Public, texts) {
                assert!([&public.text.en, &public.text.zh].contains(&&words), "{words}");
            }
        }
        known.extend(kind.public_keys());
        known.push(key(kind.code()));
    }
    for key in en.keys().filter(|key| key.starts_with("notice-")) {
        assert!(known.iter().any(|known| known == key), "no notice says {key}");
    }
}

/// `reason` is English: Chinese has what the reason is made of for it.
#[test]
fn both_languages_say_the_same() {
    let [en, zh] = FILES.map(|(_, source)| messages(source));
    let is_english = |arg: &str| ["reason", "reasons"].contains(&arg);
    for key in en.keys() {
        let (en, zh) = (asked(&en, key), asked(&zh, key));
        assert!(!zh.iter().any(|arg| is_english(arg)), "{key}");
        if !en.iter().any(|arg| is_english(arg)) {
            assert_eq!(en, zh, "{key}");
        }
    }
    // What is there is used, in one of them at least.
    for kind in every() {
        let key = &key(kind.code());
        let used = &asked(&en, key) | &asked(&zh, key);
        for arg in kind.args().keys() {
            assert!(used.contains(arg), "{key} doesn't use {arg}");
        }
    }
}

#[test]
fn words_are_as_they_should_be() {
    let rows = NoticeKind::UnreadableRow {
        count: 5,
        first: vec![(3, "no price".to_owned()), (8, "quantity".to_owned())],
    };
    let said = rows.notice(0).text;
    assert_eq!(
        said.en,
        "Rows that can't be read, skipped: 5 (line 3: no price; line 8: quantity; and 3 more)"
    );
    assert_eq!(said.zh, "有 5 行无法读取，已跳过（行号：3、8、另有 3 行）");
    let all_of_them = NoticeKind::UnreadableRow {
        count: 2,
        first: vec![(3, "no price".to_owned()), (8, "quantity".to_owned())],
    };
    let said = all_of_them.notice(0).text;
    assert_eq!(
        said.en,
        "Rows that can't be read, skipped: 2 (line 3: no price; line 8: quantity)"
    );
    assert_eq!(said.zh, "有 2 行无法读取，已跳过（行号：3、8）");
    // What is wrong with the gateway's files concerns its operators.
    let damaged = NoticeKind::LogDamaged.public(0).text;
    assert_eq!(damaged.en, "The gateway has a notice for its operators.");
    let clock = NoticeKind::ClockSet { seconds: 1_234 }.notice(0).text;
    assert_eq!(
        clock.en,
        "The gateway's clock has stayed where it leapt to, by +1234 s: that is the time now"
    );
    let moved = NoticeKind::StorageDisplaced {
        store: Stored::State,
        how: Change::Shortened { to: 12 },
        reason: "the file was cut to 12 bytes".to_owned(),
        then: Repair::Waits,
    };
    let said = moved.notice(0).text;
    assert_eq!(
        said.en,
        "Somebody changed the state's file (the file was cut to 12 bytes); it can't be put back yet: make room for it, \
         and don't stop the gateway before."
    );
    assert_eq!(
        said.zh,
        "状态文件被改动（文件被截短至 12 字节）；暂时无法恢复：请腾出磁盘空间，在此之前请勿停止网关。"
    );
    assert_eq!(Wrong::TooFast.in_words(), "more came in a second than can be");
}

/// A newer gateway's notice, and one whose arguments lack something, are shown as they came.
#[test]
fn what_a_display_does_not_know_is_left_to_the_gateway() {
    let [en, _] = texts();
    let mut notice = Notice {
        code: "of_tomorrow".to_owned(),
        ..NoticeKind::SourceSilent { seconds: 60 }.notice(0)
    };
    assert_eq!(notice.in_words(DataClass::Internal, &en), None);
    notice.code = "source_silent".to_owned();
    assert!(
        notice
            .in_words(DataClass::Internal, &en)
            .unwrap()
            .contains("60 s")
    );
    notice.args.clear();
    assert_eq!(notice.in_words(DataClass::Internal, &en), None);
    let public = notice.in_words(DataClass::Public, &en).unwrap();
    assert!(public.starts_with("No orders come"), "{public}");
}
