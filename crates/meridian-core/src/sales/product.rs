//! Products of a feed, and their ids.

use serde::{Deserialize, Serialize};

/// The number of a product in the feed's list (at most [`MAX_PRODUCTS`]).
///
/// Id, names and category travel in the feed's `hello`, so that a shop brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProductId(pub u16);

/// How many products a feed may have.
pub const MAX_PRODUCTS: usize = 4096;
/// How long a product's id may be, in bytes.
pub const MAX_SLUG_BYTES: usize = 64;

/// A product's id from a shop's own number for it: small Latin letters, digits and single hyphens. None
/// when nothing is left.
pub fn slug(text: &str) -> Option<String> {
    let mut out = String::new();
    for letter in text.trim().chars() {
        if out.len() >= MAX_SLUG_BYTES {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            out.push(letter.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    (!out.is_empty()).then(|| out.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_small_and_plain() {
        assert_eq!(slug(" 85123A ").as_deref(), Some("85123a"));
        assert_eq!(
            slug("Tea Cup / \u{201c}Rose\u{201d}").as_deref(),
            Some("tea-cup-rose")
        );
        assert_eq!(slug("--"), None);
        assert_eq!(slug(&"x".repeat(500)).map(|id| id.len()), Some(MAX_SLUG_BYTES));
        assert_eq!(slug("chair").as_deref(), Some("chair"));
    }
}
