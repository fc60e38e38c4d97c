//! Reads the token that this program itself uses: from a file, a pipe or the environment.

use std::path::Path;

use anyhow::{Context, bail};
use meridian_core::files::private;

/// The token in a file that nobody else may read.
pub(crate) fn read_token(path: &Path) -> anyhow::Result<String> {
    let (text, _) = private::read_text(path).with_context(|| path.display().to_string())?;
    let token = text.trim().to_owned();
    if token.is_empty() {
        bail!(
            "{}: it is empty; a token is needed, as `token make` prints it",
            path.display()
        );
    }
    Ok(token)
}

/// Reads a token from the file named on the command line, which may be a pipe.
fn given_token(path: &Path) -> anyhow::Result<String> {
    if path.is_file() {
        return read_token(path);
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.trim().to_owned())
}

/// The token to use: from a file, or from the variable MERIDIAN_TOKEN.
pub(crate) fn token_of(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    Ok(match file {
        Some(path) => Some(given_token(path)?),
        None => std::env::var("MERIDIAN_TOKEN")
            .ok()
            .filter(|token| !token.is_empty()),
    })
}
