//! Where files are found: the user's own first, then the shipped ones.
//!
//! Look-up order for a relative path such as `config/double11-2016.toml`:
//!
//! 1. `$MERIDIAN_HOME/<path>` when the variable is set (tests and kiosks),
//! 2. the XDG config folder (`~/.config/meridian/<path without config/>`) for `config/…`,
//!    the XDG data folder (`~/.local/share/meridian/<path>`) for everything else,
//! 3. in debug builds, the project folder, so that shaders and config reload while developing,
//! 4. what is embedded in the binary.

pub mod private;

use std::borrow::Cow;
use std::path::PathBuf;

use directories::ProjectDirs;
use rust_embed::{EmbeddedFile, RustEmbed};

/// The third-party packages in the binaries, and their licences.
pub const NOTICES: &str = include_str!("../../../../THIRD-PARTY-NOTICES.txt");

#[derive(RustEmbed)]
#[cfg_attr(feature = "pictures", folder = "../../assets/", prefix = "assets/")]
#[cfg_attr(
    not(feature = "pictures"),
    folder = "../../assets/data/",
    prefix = "assets/data/"
)]
struct Assets;

#[derive(RustEmbed)]
#[folder = "../../config/"]
#[prefix = "config/"]
struct Config;

#[cfg(feature = "pictures")]
#[derive(RustEmbed)]
#[folder = "../../shaders/"]
#[prefix = "shaders/"]
struct Shaders;

/// A file was found neither among the user's files nor among the shipped ones.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing by that name anywhere in the look-up order.
    #[error("{path}: no such file among the user's files or the shipped ones (looked in {looked})")]
    Missing {
        /// The relative path that was asked for.
        path: String,
        /// The folders that were tried.
        looked: String,
    },
    /// The file is there and could not be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file's full path.
        path: PathBuf,
        /// Why it could not be read.
        source: std::io::Error,
    },
    /// The file is there, and its content is wrong.
    #[error("{path}: {problem}")]
    Unusable {
        /// The file.
        path: String,
        /// What is wrong in it.
        problem: String,
    },
    /// Neither the user's copy nor the shipped one can be used.
    #[error("{users}; nor can the shipped file stand in for it: {shipped}")]
    Both {
        /// What is wrong with the user's.
        users: Box<Self>,
        /// What is wrong with the shipped one.
        shipped: Box<Self>,
    },
}

/// Folders in which a user's copy of `path` may lie, first wins.
fn user_paths(path: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(home) = std::env::var_os("MERIDIAN_HOME") {
        found.push(PathBuf::from(home).join(path));
    }
    if let Some(dirs) = ProjectDirs::from("", "", "meridian") {
        match path.strip_prefix("config/") {
            Some(rest) => found.push(dirs.config_dir().join(rest)),
            None => found.push(dirs.data_dir().join(path)),
        }
    }
    found
}

/// The user's folders of this path, whether they are there or not; the first wins.
pub fn user_folders(path: &str) -> Vec<PathBuf> {
    user_paths(path)
}

/// The folder for what the program itself remembers, if there is a place for one.
pub fn state_folder() -> Option<PathBuf> {
    if let Some(home) = std::env::var_os("MERIDIAN_HOME") {
        return Some(PathBuf::from(home).join("state"));
    }
    let dirs = ProjectDirs::from("", "", "meridian")?;
    Some(dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned())
}

/// Reads a file by its path relative to the project (`assets/…`, `config/…`, `shaders/…`).
///
/// # Errors
/// [`FileError::Missing`] when no copy exists, [`FileError::Unreadable`] when one exists and can't be read.
pub fn read(path: &str) -> Result<Cow<'static, [u8]>, FileError> {
    match read_users(path)? {
        Some((_, bytes)) => Ok(Cow::Owned(bytes)),
        None => read_shipped(path),
    }
}

/// What [`usable`] read, and why the user's own copy couldn't be used where there is one.
#[derive(Debug)]
pub struct Loaded<T> {
    /// What was read: of the user's copy, or of the shipped one.
    pub value: T,
    /// What is wrong with the user's copy; the shipped one stands in for it.
    pub problem: Option<FileError>,
}

/// Reads a file that the display needs to start: where the user's copy can't be read or `parse`
/// finds it wrong, the shipped one stands in, and [`Loaded::problem`] tells.
///
/// # Errors
/// [`FileError`] when the shipped file is missing or wrong too; it tells what is wrong with each.
pub fn usable<T>(
    path: &str,
    parse: impl Fn(Cow<'static, [u8]>) -> Result<T, String>,
) -> Result<Loaded<T>, FileError> {
    either(path, read_users(path), || read_shipped(path), parse)
}

/// The user's copy as `parse` has it, or the shipped one, which is read only where it is needed.
fn either<T>(
    path: &str,
    users: Result<Option<(PathBuf, Vec<u8>)>, FileError>,
    shipped: impl FnOnce() -> Result<Cow<'static, [u8]>, FileError>,
    parse: impl Fn(Cow<'static, [u8]>) -> Result<T, String>,
) -> Result<Loaded<T>, FileError> {
    let read = |path: String, bytes| parse(bytes).map_err(|problem| FileError::Unusable { path, problem });
    let problem = match users {
        Ok(None) => None,
        Ok(Some((found, bytes))) => match read(found.display().to_string(), Cow::Owned(bytes)) {
            Ok(value) => {
                return Ok(Loaded { value, problem: None });
            }
            Err(problem) => Some(problem),
        },
        Err(problem) => Some(problem),
    };
    match (shipped().and_then(|bytes| read(path.to_owned(), bytes)), problem) {
        (Ok(value), problem) => Ok(Loaded { value, problem }),
        (Err(shipped), None) => Err(shipped),
        (Err(shipped), Some(users)) => Err(FileError::Both {
            users: Box::new(users),
            shipped: Box::new(shipped),
        }),
    }
}

/// Whether what can't be read is no file of this user's: there is none, or it can't so much as be looked for, as where
/// `HOME` is another user's (`sudo -u` without `-H`) or no folder. A file that is there and can't be read is an error.
fn is_absent<T>(error: &std::io::Error, look: impl FnOnce() -> std::io::Result<T>) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory => true,
        PermissionDenied => look().is_err_and(|error| error.kind() == PermissionDenied),
        _ => false,
    }
}

/// The user's copy and where it lies, if there is one.
fn read_users(path: &str) -> Result<Option<(PathBuf, Vec<u8>)>, FileError> {
    for candidate in user_paths(path) {
        match std::fs::read(&candidate) {
            Ok(bytes) => return Ok(Some((candidate, bytes))),
            Err(error) if is_absent(&error, || std::fs::symlink_metadata(&candidate)) => {}
            Err(source) => {
                return Err(FileError::Unreadable {
                    path: candidate,
                    source,
                });
            }
        }
    }
    Ok(None)
}

fn embedded(path: &str) -> Option<EmbeddedFile> {
    let file = Assets::get(path).or_else(|| Config::get(path));
    #[cfg(feature = "pictures")]
    let file = file.or_else(|| Shaders::get(path));
    file
}

/// The shipped copy, whatever the user has.
///
/// # Errors
/// [`FileError::Missing`].
pub fn read_shipped(path: &str) -> Result<Cow<'static, [u8]>, FileError> {
    embedded(path).map(|file| file.data).ok_or_else(|| {
        let looked: Vec<String> = user_paths(path)
            .iter()
            .map(|candidate| candidate.display().to_string())
            .chain(std::iter::once("the program itself".to_owned()))
            .collect();
        FileError::Missing {
            path: path.to_owned(),
            looked: looked.join(", "),
        }
    })
}

/// The names of the shipped files whose path begins with `prefix`, sorted.
pub fn shipped(prefix: &str) -> Vec<String> {
    let names = Assets::iter().chain(Config::iter());
    #[cfg(feature = "pictures")]
    let names = names.chain(Shaders::iter());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with(prefix))
        .map(Cow::into_owned)
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_shipped_notices_are_of_the_packages_in_the_lock() {
        let lock: toml::Table = toml::from_str(include_str!("../../../../Cargo.lock")).unwrap();
        let mut packages: Vec<String> = lock["package"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|package| package.get("source").is_some())
            .map(|package| {
                let word = |key: &str| package[key].as_str().unwrap();
                format!("{} {}\n", word("name"), word("version"))
            })
            .collect();
        packages.sort();
        let hash: String = Sha256::digest(packages.concat())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(
            NOTICES.contains(&format!("sha256:{hash}")),
            "Cargo.lock has other packages: run scripts/notices.py and commit what it writes"
        );
        for licence in [
            "Apache License",
            "Mozilla Public License Version 2.0",
            "UNICODE LICENSE V3",
        ] {
            assert!(NOTICES.contains(licence), "{licence}");
        }
    }

    #[test]
    fn where_both_copies_are_bad_both_are_told() {
        let parse = |bytes: Cow<'static, [u8]>| match &*bytes {
            b"good" => Ok(()),
            other => Err(format!("{} is bad", String::from_utf8_lossy(other))),
        };
        let load = |users: Option<&str>, shipped: &'static str| {
            let users = users.map(|text| (PathBuf::from("/home/x.ftl"), text.as_bytes().to_vec()));
            either(
                "x.ftl",
                Ok(users),
                || Ok(Cow::Borrowed(shipped.as_bytes())),
                parse,
            )
        };
        assert!(load(None, "good").unwrap().problem.is_none());
        assert!(load(Some("good"), "old").unwrap().problem.is_none());
        let stood_in = load(Some("new"), "good").unwrap().problem.unwrap();
        assert_eq!(stood_in.to_string(), "/home/x.ftl: new is bad");
        assert_eq!(load(None, "old").unwrap_err().to_string(), "x.ftl: old is bad");
        assert_eq!(
            load(Some("new"), "old").unwrap_err().to_string(),
            "/home/x.ftl: new is bad; nor can the shipped file stand in for it: x.ftl: old is bad"
        );
    }

    #[test]
    fn another_users_home_has_nothing_of_ours_and_a_file_of_ours_that_cannot_be_read_is_an_error() {
        let denied = || Error::from(ErrorKind::PermissionDenied);
        let none: fn() -> std::io::Result<()> = || Err(ErrorKind::NotFound.into());
        assert!(is_absent(&ErrorKind::NotFound.into(), none));
        // HOME=/dev/null, as system users have it.
        let below_a_file = std::fs::read("/dev/null/.config/meridian/x").unwrap_err();
        assert!(is_absent(&below_a_file, none));
        // HOME=/root without being root.
        assert!(is_absent(&denied(), || -> std::io::Result<()> { Err(denied()) }));
        assert!(!is_absent(&denied(), || Ok(())));
        assert!(!is_absent(&ErrorKind::IsADirectory.into(), || Ok(())));
    }
}
