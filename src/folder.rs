//! Where screenshots and exported pictures are saved, and under which names.

use std::path::PathBuf;

/// The folder for pictures: the user's, or the working folder.
fn folder() -> PathBuf {
    directories::UserDirs::new()
        .and_then(|dirs| dirs.picture_dir().map(PathBuf::from))
        .filter(|folder| folder.is_dir() || std::fs::create_dir_all(folder).is_ok())
        .unwrap_or_default()
}

/// A free file name in the folder for pictures.
pub fn free_name(stem: &str) -> PathBuf {
    let folder = folder();
    let mut path = folder.join(format!("{stem}.png"));
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("{stem}-{number}.png"));
        number += 1;
    }
    path
}
