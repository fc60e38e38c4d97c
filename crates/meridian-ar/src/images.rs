//! The pictures in a folder as a source.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::frame::{Frame, FrameSource, Pace, SourceError};
use super::picture::read_picture;

/// Endings of files that are read.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "pgm", "ppm"];

/// A folder's pictures in the order of their names.
pub struct Images {
    folder: PathBuf,
    files: Vec<PathBuf>,
    rate: f64,
    pace: Pace,
    /// Which comes next.
    index: usize,
    sequence: u64,
    due: Instant,
    /// How many in a row couldn't be used.
    bad: usize,
}

impl Images {
    /// # Errors
    /// [`SourceError::Folder`] when the folder can't be read or has no pictures.
    pub fn open(folder: &Path, rate: f64, pace: Pace) -> Result<Self, SourceError> {
        Ok(Self {
            folder: folder.to_owned(),
            files: list(folder)?,
            rate,
            pace,
            index: 0,
            sequence: 0,
            due: Instant::now(),
            bad: 0,
        })
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |problem: String| SourceError::Folder {
        path: folder.to_owned(),
        problem,
    };
    let entries = std::fs::read_dir(folder).map_err(|error| wrong(error.to_string()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension().is_some_and(|ending| {
                ENDINGS.contains(&ending.to_string_lossy().to_ascii_lowercase().as_str())
            })
        })
        .collect();
    if files.is_empty() {
        return Err(wrong(format!("no pictures in it (.{})", ENDINGS.join(", ."))));
    }
    files.sort();
    Ok(files)
}

impl FrameSource for Images {
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError> {
        if self.pace == Pace::Live {
            let now = Instant::now();
            let left = self.due.saturating_duration_since(now);
            if left > wait {
                std::thread::sleep(wait);
                return Ok(None);
            }
            std::thread::sleep(left);
            // What was missed is not made up for.
            self.due = self.due.max(now) + Duration::from_secs_f64(1.0 / self.rate);
        }
        if self.index >= self.files.len() {
            if self.pace == Pace::AtOnce {
                return Err(SourceError::Folder {
                    path: self.folder.clone(),
                    problem: format!("no more pictures after {}", self.sequence),
                });
            }
            self.files = list(&self.folder)?;
            self.index = 0;
        }
        let Some(path) = self.files.get(self.index) else {
            return Ok(None);
        };
        self.index += 1;
        let sequence = self.sequence;
        self.sequence += 1;
        match read_picture(path, sequence) {
            Ok(frame) => {
                self.bad = 0;
                Ok(Some(frame))
            }
            Err(error) => {
                self.bad += 1;
                // Gone altogether, or nothing in it that can be used: say so once, rather than of every file.
                if !self.folder.is_dir() {
                    return Err(SourceError::Folder {
                        path: self.folder.clone(),
                        problem: "the folder is gone".to_owned(),
                    });
                }
                if self.bad >= self.files.len() && self.pace == Pace::Live {
                    return Err(SourceError::Folder {
                        path: self.folder.clone(),
                        problem: format!(
                            "none of its {} pictures can be used; the last: {error}",
                            self.files.len()
                        ),
                    });
                }
                Err(error)
            }
        }
    }

    fn describe(&self) -> String {
        format!("{} pictures in {}", self.files.len(), self.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_in_order_and_bad_ones_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("b.pgm", &b"P5 2 1 255\nbb"[..]),
            ("a.pgm", b"P5 2 1 255\naa"),
            ("aa.png", b"no png"),
            ("c.txt", b"x"),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let mut images = Images::open(folder.path(), 1000.0, Pace::Live).unwrap();
        let wait = Duration::from_millis(100);
        for _ in 0..2 {
            assert_eq!(images.next(wait).unwrap().unwrap().grey, b"aa");
            assert!(images.next(wait).unwrap_err().is_passing());
            assert_eq!(images.next(wait).unwrap().unwrap().grey, b"bb");
        }
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(!images.next(wait).unwrap_err().is_passing());
        assert!(Images::open(folder.path(), 25.0, Pace::Live).is_err());
    }

    #[test]
    fn a_folder_of_rubbish_is_an_error_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Images::open(folder.path(), 25.0, Pace::Live).is_err());
        for name in ["a.png", "b.jpg"] {
            std::fs::write(folder.path().join(name), b"rubbish").unwrap();
        }
        let mut images = Images::open(folder.path(), 1000.0, Pace::Live).unwrap();
        let wait = Duration::from_millis(100);
        assert!(images.next(wait).unwrap_err().is_passing());
        assert!(!images.next(wait).unwrap_err().is_passing());
    }
}
