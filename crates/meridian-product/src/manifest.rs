//! `product.toml`: what a retailer says about a product.

use std::collections::BTreeMap;

use glam::Vec3;
use serde::Deserialize;

use super::studio;
use meridian_core::sales::Money;
use meridian_wire::Names;

/// A `product.toml` is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It isn't valid TOML, or a key is unknown or missing: the message has line, column and key.
    #[error("{path}: {problem}")]
    Syntax {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// A value is out of range or doesn't fit the others.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The file.
        path: String,
        /// The key.
        key: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// From where a product is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Degrees round the product: 0 is its front, 90 its right side (+X).
    pub azimuth_deg: f32,
    /// Degrees above the horizon, −85 to 85.
    pub elevation_deg: f32,
    /// Distance from the target, as a factor of the distance that shows all of it; 1 where absent.
    #[serde(default = "one")]
    pub distance: f32,
    /// What is in the middle, in metres; the product's middle where absent.
    #[serde(default)]
    pub target: Option<[f32; 3]>,
}

fn one() -> f32 {
    1.0
}

/// A point of interest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hotspot {
    /// Where it is, in metres: in the node's space if there is a `node`, otherwise in the model's.
    pub at: [f32; 3],
    /// Where the surface faces there, in the same space.
    pub normal: [f32; 3],
    /// The node that it moves with, by name.
    #[serde(default)]
    pub node: Option<String>,
    /// A few words.
    pub name: Names,
    /// A sentence or two.
    #[serde(default)]
    pub text: Names,
    /// From where it is shown; a view straight onto it where absent.
    #[serde(default)]
    pub camera: Option<Camera>,
    /// How far the product is opened for it (exploded view), 0 to 1.
    #[serde(default)]
    pub open: f32,
}

/// What a material variant is called, and the dot that stands for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swatch {
    /// Its name in both languages.
    pub name: Names,
    /// `#rrggbb`.
    pub colour: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// As text, so that no digit is lost: "1099.00".
    amount: toml::Value,
    currency: String,
}

/// A price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Minor units.
    pub amount: Money,
    /// Its currency.
    pub currency: meridian_core::sales::Currency,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Names,
    #[serde(default)]
    text: Names,
    model: String,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    category: Names,
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    poster: Option<String>,
    #[serde(default)]
    environment: studio::Name,
    #[serde(default = "one")]
    exposure: f32,
    #[serde(default)]
    camera: Option<Camera>,
    #[serde(default)]
    animation: Option<String>,
    #[serde(default)]
    order: i32,
    #[serde(default)]
    hotspot: Vec<Hotspot>,
    #[serde(default)]
    variant: BTreeMap<String, Swatch>,
    #[serde(default)]
    animations: BTreeMap<String, Names>,
}

/// What a retailer says about a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Its name.
    pub name: Names,
    /// A sentence or two.
    pub text: Names,
    /// The model's file in the product's folder.
    pub model: String,
    /// The product's id in the feed; the folder's name where the file has none.
    pub sku: Option<String>,
    /// Its category, for people.
    pub category: Names,
    /// Its price.
    pub price: Option<Tag>,
    /// A picture in the product's folder that is shown until the model is there.
    pub poster: Option<String>,
    /// The studio that it is first seen in.
    pub environment: studio::Name,
    /// A factor of the light.
    pub exposure: f32,
    /// From where it is first seen.
    pub camera: Camera,
    /// The animation that plays by itself, by name.
    pub animation: Option<String>,
    /// Place on the shelf; lesser comes first, then the folder's name decides.
    pub order: i32,
    /// Points of interest, in the tour's order.
    pub hotspots: Vec<Hotspot>,
    /// The model's variants by their names in the file.
    pub variants: BTreeMap<String, Swatch>,
    /// What the model's animations are called, by their names in the file.
    pub animations: BTreeMap<String, Names>,
}

/// A view from a little above and beside the front.
const FRONT: Camera = Camera {
    azimuth_deg: 24.0,
    elevation_deg: 14.0,
    distance: 1.0,
    target: None,
};
/// More points of interest than this can't be told apart on a screen.
const MAX_HOTSPOTS: usize = 12;

/// What is wrong with a file's text, in one line: a screen has no room for more.
fn in_a_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message,
    }
}

/// Red, green and blue of `#rrggbb`.
pub fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

/// Whether a path stays in the folder that it is joined to.
pub fn stays_inside(path: &str) -> bool {
    use std::path::{Component, Path};
    !path.is_empty()
        && !path.contains(['\\', ':'])
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

impl Manifest {
    /// Reads a `product.toml`; `path` is for messages.
    ///
    /// # Errors
    /// [`ManifestError`]: an unknown key, a missing one, or a value that can't be.
    pub fn parse(path: &str, text: &str) -> Result<Self, ManifestError> {
        let file: File = toml::from_str(text).map_err(|error| ManifestError::Syntax {
            path: path.to_owned(),
            problem: in_a_line(text, &error),
        })?;
        let wrong = |key: &str, problem: String| ManifestError::Value {
            path: path.to_owned(),
            key: key.to_owned(),
            problem,
        };
        if file.name.en.trim().is_empty() || file.name.zh.trim().is_empty() {
            return Err(wrong(
                "name",
                "needs both languages: name = { en = \"Bottle\", zh = \"保温杯\" }".to_owned(),
            ));
        }
        for (key, named) in [("model", Some(&file.model)), ("poster", file.poster.as_ref())] {
            if let Some(named) = named
                && !stays_inside(named)
            {
                return Err(wrong(
                    key,
                    format!("{named:?} isn't a file in the product's own folder, such as \"bottle.glb\""),
                ));
            }
        }
        if !["glb", "gltf"]
            .iter()
            .any(|ending| file.model.to_ascii_lowercase().ends_with(&format!(".{ending}")))
        {
            return Err(wrong(
                "model",
                format!("{:?} is neither .glb nor .gltf", file.model),
            ));
        }
        if !(0.05..=20.0).contains(&file.exposure) {
            return Err(wrong(
                "exposure",
                format!("{} isn't between 0.05 and 20", file.exposure),
            ));
        }
        let check_camera = |key: &str, camera: &Camera| {
            let fine = camera.azimuth_deg.is_finite()
                && (-85.0..=85.0).contains(&camera.elevation_deg)
                && (0.05..=5.0).contains(&camera.distance)
                && camera
                    .target
                    .is_none_or(|target| Vec3::from_array(target).is_finite());
            if fine {
                Ok(())
            } else {
                Err(wrong(
                    key,
                    "elevation_deg goes from -85 to 85, distance from 0.05 to 5 (1 shows all of it)"
                        .to_owned(),
                ))
            }
        };
        let camera = file.camera.unwrap_or(FRONT);
        check_camera("camera", &camera)?;
        if file.hotspot.len() > MAX_HOTSPOTS {
            return Err(wrong(
                "hotspot",
                format!(
                    "{} of them; at most {MAX_HOTSPOTS} can be told apart",
                    file.hotspot.len()
                ),
            ));
        }
        for (at, hotspot) in file.hotspot.iter().enumerate() {
            let key = format!("hotspot {}", at + 1);
            if hotspot.name.en.trim().is_empty() || hotspot.name.zh.trim().is_empty() {
                return Err(wrong(&key, "name needs both languages, en and zh".to_owned()));
            }
            let (place, normal) = (Vec3::from_array(hotspot.at), Vec3::from_array(hotspot.normal));
            if !place.is_finite() || !normal.is_finite() || normal.length() < 1e-6 {
                return Err(wrong(
                    &key,
                    "at is a point in metres, normal a direction such as [0, 0, 1]".to_owned(),
                ));
            }
            if !(0.0..=1.0).contains(&hotspot.open) {
                return Err(wrong(
                    &key,
                    format!("open is {}, must be from 0 (closed) to 1", hotspot.open),
                ));
            }
            if let Some(camera) = &hotspot.camera {
                check_camera(&key, camera)?;
            }
        }
        for (name, swatch) in &file.variant {
            if colour(&swatch.colour).is_none() {
                return Err(wrong(
                    &format!("variant.{name}.colour"),
                    format!("{:?} isn't a colour such as \"#1f4e79\"", swatch.colour),
                ));
            }
        }
        Ok(Self {
            price: file
                .price
                .map(|price| tag(&price).map_err(|problem| wrong("price", problem)))
                .transpose()?,
            name: file.name,
            text: file.text,
            model: file.model,
            sku: file.sku,
            category: file.category,
            poster: file.poster,
            environment: file.environment,
            exposure: file.exposure,
            camera,
            animation: file.animation,
            order: file.order,
            hotspots: file.hotspot,
            variants: file.variant,
            animations: file.animations,
        })
    }
}

fn tag(price: &Price) -> Result<Tag, String> {
    let currency = meridian_core::sales::Currency::from_code(&price.currency)
        .map_err(|error| format!("currency: {error}"))?;
    let text = match &price.amount {
        toml::Value::Integer(whole) => whole.to_string(),
        toml::Value::String(text) => text.clone(),
        other => {
            return Err(format!(
                "amount {other} must be whole (1099) or text (\"1099.50\")"
            ));
        }
    };
    let amount = minor(&text, currency.digits())
        .ok_or_else(|| format!("amount {text:?} isn't an amount such as \"1099.50\""))?;
    Ok(Tag {
        amount: Money(amount),
        currency,
    })
}

/// Minor units of an amount such as `1099.5`, without a float.
fn minor(text: &str, digits: u8) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let fits = rest.len() <= usize::from(digits)
        && !whole.is_empty()
        && (whole.to_owned() + rest)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    let padded = format!("{whole}{rest:0<width$}", width = usize::from(digits));
    fits.then(|| padded.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r##"
model = "bottle.glb"
name = { en = "Bottle", zh = "保温杯" }
price = { amount = 199, currency = "CNY" }
[[hotspot]]
at = [0.0, 0.2, 0.03]
normal = [0, 0, 1]
name = { en = "Steel", zh = "钢" }
[variant.Night]
name = { en = "Night", zh = "夜" }
colour = "#101418"
"##;

    #[test]
    fn a_good_one_is_read() {
        let manifest = Manifest::parse("product.toml", GOOD).expect("good");
        assert_eq!(manifest.price.map(|tag| tag.amount.0), Some(19_900));
        assert_eq!(manifest.hotspots.len(), 1);
        assert_eq!(manifest.camera, FRONT);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, says) in [
            ("model =", "modell = 1\nmodel =", "modell"),
            ("bottle.glb", "../bottle.glb", "own folder"),
            ("bottle.glb", "/etc/passwd", "own folder"),
            ("bottle.glb", "bottle.obj", ".gltf"),
            ("zh = \"保温杯\"", "zh = \"\"", "both languages"),
            ("= 199", "= \"12x\"", "isn't an amount"),
            ("CNY", "Yuan", "ISO 4217"),
            ("#101418", "black", "variant.Night.colour"),
            ("normal = [0, 0, 1]", "normal = [0, 0, 0]", "hotspot 1"),
            ("normal = [0, 0, 1]", "normal = [0, 0]", "line"),
            (
                "[variant",
                "[hotspot.camera]\nazimuth_deg = 0\nelevation_deg = 99\n[variant",
                "elevation_deg",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let error = Manifest::parse("shop/product.toml", &text)
                .expect_err(to)
                .to_string();
            assert!(
                error.starts_with("shop/product.toml") && error.contains(says),
                "{to}: {error}"
            );
        }
    }
}
