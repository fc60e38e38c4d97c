//! The files that a log goes on from, once it has grown long.

use std::io;
use std::path::{Path, PathBuf};

/// A name beside a log's file, with more before its ending.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
    path.with_file_name(format!("{stem}.{more}{ending}"))
}

/// The files that a log goes on from, oldest first: `audit.000000012345.jsonl`, named by their last line.
///
/// # Errors
/// When the folder can't be read.
pub fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let number = text.split('.').rev().nth(usize::from(path.extension().is_some()));
        let Some(number) =
            number.filter(|number| number.len() >= 12 && number.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        if beside(path, number).file_name() == Some(&name) {
            found.push((
                number.parse::<u64>().unwrap_or(u64::MAX),
                path.with_file_name(&name),
            ));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Each log with the files that it goes on from before it.
pub fn with_rotated(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in paths {
        let before = rotated(path).unwrap_or_default();
        for path in before.into_iter().chain([path.clone()]) {
            if !all.contains(&path) && (path.exists() || paths.contains(&path)) {
                all.push(path);
            }
        }
    }
    all
}
