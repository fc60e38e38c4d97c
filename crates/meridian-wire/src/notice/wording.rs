//! Notices in words: for those who may see everything, and for walls.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{NoticeKind, Wrong};
use crate::frame::{DataClass, Names, Notice};
use crate::texts::{FluentFile, Lang, Texts};

/// The shipped texts of notices.
static SHIPPED: LazyLock<[Texts; 2]> = LazyLock::new(|| {
    let read = |lang: Lang, source: &str| {
        let mut texts = lang.texts();
        // A test reads them.
        if let Ok(file) = FluentFile::parse(source.to_owned()) {
            texts.add(file);
        }
        texts
    };
    [
        read(
            Lang::En,
            include_str!("../../../../assets/locales/notices-en.ftl"),
        ),
        read(
            Lang::Zh,
            include_str!("../../../../assets/locales/notices-zh.ftl"),
        ),
    ]
});

fn shipped(lang: Lang) -> &'static Texts {
    let [en, zh] = &*SHIPPED;
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

fn pairs(args: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    args.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// A notice's key among the texts.
pub(super) fn key(code: &str) -> String {
    format!("notice-{}", code.replace('_', "-"))
}

/// The title of figures whose cities are made up.
pub fn with_synthetic_places(title: &Names) -> Names {
    let text = |lang: Lang| {
        let title = lang.pick(title);
        shipped(lang).with("title-synthetic-places", [("title", title)])
    };
    Names {
        en: text(Lang::En),
        zh: text(Lang::Zh),
    }
}

impl Wrong {
    /// What is wrong in English words that hold no figure: for logs.
    pub fn in_words(self) -> String {
        shipped(Lang::En).with(&format!("implausible-{}", self.name().replace('_', "-")), [])
    }
}

impl NoticeKind {
    /// The keys that a wall's words may have, the first that there is counts. What has no words for the public is told as
    /// something for the operators.
    pub(super) fn public_keys(&self) -> [String; 2] {
        let key = key(self.code());
        let public = match self {
            Self::Implausible { what } => format!("{key}-public-{}", what.name().replace('_', "-")),
            _ => format!("{key}-public"),
        };
        [public, "notice-public".to_owned()]
    }

    /// The notice for those who may see everything.
    pub fn notice(&self, published_ms: i64) -> Notice {
        let key = match self {
            // It is the same for everybody.
            Self::OrdersWait | Self::OrdersComeAgain => format!("{}-public", key(self.code())),
            _ => key(self.code()),
        };
        let args = self.args();
        let text = |lang| shipped(lang).with(&key, pairs(&args));
        Notice {
            level: self.level(),
            code: self.code().to_owned(),
            text: Names {
                en: text(Lang::En),
                zh: text(Lang::Zh),
            },
            published_ms,
            args,
        }
    }

    /// The notice as the public reads it: what it is about, and none of its arguments.
    pub fn public(&self, published_ms: i64) -> Notice {
        let keys = self.public_keys();
        let whole = |key: &String| {
            Some(Names {
                en: shipped(Lang::En).whole(key, [])?,
                zh: shipped(Lang::Zh).whole(key, [])?,
            })
        };
        Notice {
            level: self.level(),
            code: self.code().to_owned(),
            text: keys.iter().find_map(whole).unwrap_or_default(),
            published_ms,
            args: BTreeMap::new(),
        }
    }
}

impl Notice {
    /// The notice in a display's own words; none where it doesn't know the notice, or not what is told of it: what the
    /// gateway wrote counts then. `class` is that of the feed.
    pub fn in_words(&self, class: DataClass, texts: &Texts) -> Option<String> {
        let key = key(&self.code);
        match class {
            DataClass::Public => texts.whole(&format!("{key}-public"), []),
            DataClass::Internal => texts.whole(&key, pairs(&self.args)),
        }
    }
}
