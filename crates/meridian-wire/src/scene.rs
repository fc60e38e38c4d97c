//! What directors can ask displays to show.

use serde::{Deserialize, Serialize};

/// Something that a display can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scene {
    /// The planet, on its tour.
    Globe,
    /// The planet over a region, by its ISO 3166 letters, with the region's figures.
    Region(String),
    /// A product by its id; without one, the product that was looked at last.
    Showroom(Option<String>),
}

impl std::str::FromStr for Scene {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = |id: &str| {
            (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        match text.split_once(':') {
            None if text == "globe" => Ok(Self::Globe),
            None if text == "showroom" => Ok(Self::Showroom(None)),
            Some(("showroom", id)) if is_id(id) => Ok(Self::Showroom(Some(id.to_owned()))),
            Some(("region", iso2))
                if iso2.len() == 2 && iso2.bytes().all(|byte| byte.is_ascii_uppercase()) =>
            {
                Ok(Self::Region(iso2.to_owned()))
            }
            _ => Err(format!(
                "{text:?} isn't a scene: globe, region:XX (as in region:JP), showroom or showroom:PRODUCT (as in showroom:shoe) is needed"
            )),
        }
    }
}

impl TryFrom<String> for Scene {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Scene> for String {
    fn from(scene: Scene) -> Self {
        scene.to_string()
    }
}

impl std::fmt::Display for Scene {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Globe => out.write_str("globe"),
            Self::Region(iso2) => write!(out, "region:{iso2}"),
            Self::Showroom(None) => out.write_str("showroom"),
            Self::Showroom(Some(id)) => write!(out, "showroom:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_written_as_they_are_read() {
        for text in ["globe", "region:JP", "showroom", "showroom:tea-pot-2"] {
            assert_eq!(text.parse::<Scene>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "moon",
            "region:jp",
            "region:JPN",
            "showroom:",
            "showroom:A B",
            "globe:1",
        ] {
            assert!(text.parse::<Scene>().unwrap_err().contains("region:JP"), "{text}");
        }
    }
}
