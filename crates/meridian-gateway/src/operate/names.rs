//! Names of people, compared as they look. Two directors are two persons, so what one person can write in two ways is one name.

use icu_normalizer::ComposingNormalizerBorrowed;

/// A name's letters and digits alone, as whoever reads it takes it: `Anna Li`, `anna  li` and `ANNA-LI` are one person, so are
/// `Straße` and `STRASSE`, composed and decomposed letters, wide ones, and letters of Cyrillic and Greek that look like Latin ones.
pub(crate) fn folded(name: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    // Capitals first, then small letters: ß is ss then, and ς is σ, as Unicode's full case folding has it.
    let small = |text: &str| -> String {
        let text = nfkc.normalize(text);
        let capitals = text.chars().flat_map(char::to_uppercase);
        capitals.flat_map(char::to_lowercase).collect()
    };
    let small = small(&small(name));
    nfkc.normalize(&small)
        .chars()
        .filter(|letter| letter.is_alphanumeric() && !is_filler(*letter))
        .map(as_latin)
        .collect()
}

/// Letters that nobody sees.
fn is_filler(letter: char) -> bool {
    matches!(letter, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

/// The Latin letter that a small Cyrillic or Greek one looks like, or its capital does.
fn as_latin(letter: char) -> char {
    match letter {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' => 'e',
        'ɡ' => 'g',
        'н' | 'η' | 'һ' => 'h',
        'і' | 'ӏ' | 'ι' | 'ı' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'ν' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'ү' | 'υ' => 'y',
        'ζ' => 'z',
        other => other,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

/// Of scripts that look alike; none of all others.
fn script_of(letter: char) -> Option<Script> {
    if !letter.is_alphabetic() {
        return None;
    }
    match u32::from(letter) {
        0x41..=0x24f
        | 0x250..=0x2af
        | 0x1d00..=0x1d25
        | 0x1e00..=0x1eff
        | 0x2c60..=0x2c7f
        | 0xa722..=0xa7ff => {
            // Signs that stand among its letters: ª, µ, º.
            (!matches!(letter, 'ª' | 'µ' | 'º')).then_some(Script::Latin)
        }
        0x370..=0x3ff | 0x1f00..=0x1fff => Some(Script::Greek),
        0x400..=0x52f | 0x1c80..=0x1c8f | 0x2de0..=0x2dff | 0xa640..=0xa69f => Some(Script::Cyrillic),
        0x530..=0x58f => Some(Script::Armenian),
        0x13a0..=0x13ff | 0xab70..=0xabbf => Some(Script::Cherokee),
        _ => None,
    }
}

/// A word of a name with letters of two scripts that look alike: nobody who reads it knows what it says.
pub(crate) fn mixed_word(name: &str) -> Option<&str> {
    name.split(|letter: char| !letter.is_alphanumeric()).find(|word| {
        let mut scripts = word.chars().filter_map(script_of);
        let first = scripts.next();
        scripts.any(|script| Some(script) != first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_the_same_is_one_person() {
        for same in [
            &[
                "Anna Li",
                "anna\u{a0} LI",
                "ANNA-LI",
                "An\u{200d}na\u{3164}Li",
                "Ａｎｎａ　Ｌｉ",
            ][..],
            &["Straße", "STRASSE", "STRAẞE", "straſſe"],
            &["Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"],
            &["José", "Jose\u{301}", "JOSÉ", "Jose\u{301}\u{200b}"],
            &["Anna", "Аnnа", "ΑΝΝΑ"],
            &["Petra", "Реtrа"],
            &["İpek", "i\u{307}pek"],
            &["ﬁona", "Fiona", "FIONA"],
            &["Bo 2", "bo②"],
        ] {
            for name in same {
                assert_eq!(folded(name), folded(same[0]), "{name}");
            }
        }
        for (one, other) in [
            ("Anna", "Anne"),
            ("José", "Josè"),
            ("Wang Wei", "王伟"),
            ("Анна", "Инна"),
            ("李娜", "李明"),
            ("Desk 1", "Desk 2"),
        ] {
            assert_ne!(folded(one), folded(other));
        }
    }

    #[test]
    fn a_word_of_two_scripts_is_found() {
        for (name, word) in [("Аnna", "Аnna"), ("Hall 3 Вo", "Вo"), ("Σίσyφος", "Σίσyφος")] {
            assert_eq!(mixed_word(name), Some(word));
        }
        for name in [
            "Anna",
            "Зал 3 (Hall 3)",
            "Анна Li",
            "王伟 Wang",
            "5 µm",
            "José",
            "",
        ] {
            assert_eq!(mixed_word(name), None, "{name}");
        }
    }
}
