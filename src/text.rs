//! Texts in English and Chinese, from Fluent files (`assets/locales/*.ftl`).

use bevy::prelude::*;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use crate::own_files::{self, FileUnusable};
use meridian_wire::Names;

/// A language of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }

    /// The name in this language.
    pub fn pick(self, names: &Names) -> &str {
        match self {
            Self::En => &names.en,
            Self::Zh => &names.zh,
        }
    }
}

impl std::str::FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            other => Err(format!(
                "{other:?} isn't a language of Meridian: it must be \"en\" or \"zh\""
            )),
        }
    }
}

/// Both languages' texts.
#[derive(Resource)]
pub struct Texts {
    en: FluentBundle<FluentResource>,
    zh: FluentBundle<FluentResource>,
}

fn bundle(path: &str, id: &str, tell: &mut impl FnMut(FileUnusable)) -> FluentBundle<FluentResource> {
    let language = id.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    bundle.set_use_isolating(false);
    let parse = |bytes: std::borrow::Cow<'static, [u8]>| {
        let source = String::from_utf8(bytes.into_owned()).map_err(|error| error.to_string())?;
        FluentResource::try_new(source).map_err(|(_, errors)| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        })
    };
    // The user's texts over the shipped ones: a key that they lack is there all the same.
    let shipped = meridian_core::files::read_shipped(path)
        .ok()
        .and_then(|bytes| parse(bytes).ok());
    if let Some(resource) = shipped {
        bundle.add_resource_overriding(resource);
    }
    match meridian_core::files::usable(path, parse) {
        Ok(loaded) => bundle.add_resource_overriding(own_files::take(loaded, tell)),
        Err(error) => error!("{error}"),
    }
    bundle
}

impl Texts {
    /// Reads both files; what is wrong with the user's own goes to `tell`.
    pub fn load(mut tell: impl FnMut(FileUnusable)) -> Self {
        Self {
            en: bundle("assets/locales/en.ftl", "en", &mut tell),
            zh: bundle("assets/locales/zh.ftl", "zh-Hans", &mut tell),
        }
    }

    /// The text of a key; the key itself where there is none.
    pub fn get(&self, lang: Lang, key: &str) -> String {
        self.with(lang, key, &[])
    }

    /// The text of a key with arguments.
    pub fn with(&self, lang: Lang, key: &str, args: &[(&str, String)]) -> String {
        let bundle = match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut fluent_args = FluentArgs::new();
        for (name, value) in args {
            fluent_args.set((*name).to_owned(), value.clone());
        }
        let mut errors = Vec::new();
        bundle
            .format_pattern(pattern, Some(&fluent_args), &mut errors)
            .into_owned()
    }
}

/// Loads the texts.
pub fn plugin(app: &mut App) {
    let texts = Texts::load(|problem| {
        app.world_mut().write_message(problem);
    });
    app.insert_resource(texts);
}
