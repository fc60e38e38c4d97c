//! The languages of texts for people.

pub use meridian_core::texts::{FluentFile, Texts};

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

    /// Texts in this language: none yet.
    pub fn texts(self) -> Texts {
        Texts::new(match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        })
    }
}

impl std::str::FromStr for Lang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            other => Err(format!(
                "{other:?} isn't a language of Meridian: \"en\" or \"zh\""
            )),
        }
    }
}
