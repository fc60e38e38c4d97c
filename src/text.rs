//! Texts in English and Chinese, from Fluent files (`assets/locales/*.ftl`).

use bevy::prelude::*;

use crate::own_files::{self, FileUnusable};
pub use meridian_wire::texts::Lang;
use meridian_wire::texts::{self, FluentFile};
use meridian_wire::{DataClass, Names, Notice};

/// Both languages' texts.
#[derive(Resource)]
pub struct Texts {
    en: texts::Texts,
    zh: texts::Texts,
}

/// A language's files: the display's own texts, and those of a gateway's notices.
fn files(lang: Lang) -> [&'static str; 2] {
    match lang {
        Lang::En => ["assets/locales/en.ftl", "assets/locales/notices-en.ftl"],
        Lang::Zh => ["assets/locales/zh.ftl", "assets/locales/notices-zh.ftl"],
    }
}

fn parse(bytes: std::borrow::Cow<'static, [u8]>) -> Result<FluentFile, String> {
    let source = String::from_utf8(bytes.into_owned()).map_err(|error| error.to_string())?;
    FluentFile::parse(source)
}

fn load(lang: Lang, tell: &mut impl FnMut(FileUnusable)) -> texts::Texts {
    let mut texts = lang.texts();
    for path in files(lang) {
        // The user's texts over the shipped ones: a key that they lack is there all the same.
        let shipped = meridian_core::files::read_shipped(path).ok();
        if let Some(file) = shipped.and_then(|bytes| parse(bytes).ok()) {
            texts.add(file);
        }
        match meridian_core::files::usable(path, parse) {
            Ok(loaded) => texts.add(own_files::take(loaded, &mut *tell)),
            Err(error) => error!("{error}"),
        }
    }
    texts
}

impl Texts {
    /// Reads the files; what is wrong with the user's own goes to `tell`.
    pub fn load(mut tell: impl FnMut(FileUnusable)) -> Self {
        Self {
            en: load(Lang::En, &mut tell),
            zh: load(Lang::Zh, &mut tell),
        }
    }

    fn of(&self, lang: Lang) -> &texts::Texts {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }

    /// The text of a key; the key itself where there is none.
    pub fn get(&self, lang: Lang, key: &str) -> String {
        self.with(lang, key, &[])
    }

    /// The text of a key with arguments.
    pub fn with(&self, lang: Lang, key: &str, args: &[(&str, String)]) -> String {
        let args = args.iter().map(|(name, value)| (*name, value.as_str()));
        self.of(lang).with(key, args)
    }

    /// The text of a key with arguments in both languages.
    pub fn both(&self, key: &str, args: &[(&str, String)]) -> Names {
        Names {
            en: self.with(Lang::En, key, args),
            zh: self.with(Lang::Zh, key, args),
        }
    }

    /// A gateway's notice in this display's words, where it has any; `class` is the feed's.
    pub fn word(&self, notice: &mut Notice, class: DataClass) {
        if let Some(words) = notice.in_words(class, &self.en) {
            notice.text.en = words;
        }
        if let Some(words) = notice.in_words(class, &self.zh) {
            notice.text.zh = words;
        }
    }
}

/// Loads the texts.
pub fn plugin(app: &mut App) {
    let texts = Texts::load(|problem| {
        app.world_mut().write_message(problem);
    });
    app.insert_resource(texts);
}
