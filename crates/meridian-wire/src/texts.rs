//! Texts for people in one language, from Fluent files (`assets/locales/*.ftl`).

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::frame::Names;

/// A language that Meridian speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

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

    /// What Unicode calls it.
    fn id(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }
}

impl std::str::FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            other => Err(format!("{other:?} is no language of Meridian: \"en\" or \"zh\"")),
        }
    }
}

/// What a Fluent file says, read.
pub struct FluentFile(FluentResource);

impl FluentFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(source: String) -> Result<Self, String> {
        FluentResource::try_new(source).map(Self).map_err(|(_, errors)| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        })
    }
}

/// One language's texts.
pub struct Texts(FluentBundle<FluentResource>);

impl Texts {
    /// A language's texts: none yet.
    pub fn new(lang: Lang) -> Self {
        let language = lang.id().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        bundle.set_use_isolating(false);
        // Nothing else is called that.
        let _ = bundle.add_function("JOIN", join);
        Self(bundle)
    }

    /// Adds a file's texts; they stand in place of those of the same keys.
    pub fn add(&mut self, file: FluentFile) {
        self.0.add_resource_overriding(file.0);
    }

    /// The text of a key with arguments; none where there is no such key, or where it asks for an argument that isn't there.
    pub fn whole<'a>(&self, key: &str, args: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
        let (text, lacks) = self.format(key, args)?;
        (!lacks).then_some(text)
    }

    /// The text of a key with arguments; the key itself where there is none.
    pub fn with<'a>(&self, key: &str, args: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        self.format(key, args)
            .map_or_else(|| key.to_owned(), |(text, _)| text)
    }

    /// The text, and whether it lacks anything. Numbers are given as text, so that Fluent writes them as they came.
    fn format<'a>(
        &self,
        key: &str,
        args: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<(String, bool)> {
        let pattern = self.0.get_message(key).and_then(|message| message.value())?;
        let args: FluentArgs<'a> = args.into_iter().collect();
        let mut errors = Vec::new();
        let text = self.0.format_pattern(pattern, Some(&args), &mut errors);
        Some((text.into_owned(), !errors.is_empty()))
    }
}

/// `JOIN($list, with: "…")` in a Fluent file: a list whose parts stand between commas, as this language has it.
fn join<'a>(values: &[FluentValue<'a>], named: &FluentArgs) -> FluentValue<'a> {
    let (Some(FluentValue::String(list)), Some(FluentValue::String(with))) =
        (values.first(), named.get("with"))
    else {
        return FluentValue::Error;
    };
    list.replace(", ", with).into()
}
