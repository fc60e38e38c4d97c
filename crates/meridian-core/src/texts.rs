//! Texts for people in one language, from Fluent files (`assets/locales/*.ftl`).

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

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
    /// A language's texts: none yet. The language is a Unicode identifier, as in `zh-Hans`.
    pub fn new(language: &str) -> Self {
        let language = language.parse().unwrap_or_default();
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
