//! Verifies that an audit log is what was written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::operate::audit::event::{Kind, Line, whole_line};
use crate::operate::audit::{AuditError, GENESIS, MAX_LINE_BYTES};

/// The result of verifying a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are.
    pub entries: u64,
    /// When the first was written.
    pub first: Option<DateTime<Utc>>,
    /// When the last was written.
    pub last: Option<DateTime<Utc>>,
    /// The hash of the newest line.
    pub head: String,
    /// How many lines say that the log's end was torn or its file changed: worth reading.
    pub repaired: u64,
}

impl Default for Verified {
    fn default() -> Self {
        Self {
            entries: 0,
            first: None,
            last: None,
            head: GENESIS.to_owned(),
            repaired: 0,
        }
    }
}

/// Reads a log line by line and checks that it is what was written. Several files are one log, oldest first.
/// With `head`, that hash has to be the newest.
///
/// # Errors
/// [`AuditError`] naming the file and the line.
pub fn verify(paths: &[PathBuf], head: Option<&str>) -> Result<Verified, AuditError> {
    verify_after(paths, None, head)
}

/// The same of a log whose older files are elsewhere: its first line has to follow the hash `after`.
///
/// # Errors
/// [`AuditError`] naming the file and the line.
pub fn verify_after(
    paths: &[PathBuf],
    after: Option<&str>,
    head: Option<&str>,
) -> Result<Verified, AuditError> {
    let mut found = Verified::default();
    if let Some((after, first)) = after.zip(first_of(paths.first())) {
        after.clone_into(&mut found.head);
        found.entries = first.sequence.saturating_sub(1);
    }
    for path in paths {
        let name = path.display().to_string();
        let disk = |source| AuditError::Disk {
            file: name.clone(),
            source,
        };
        let mut reader = BufReader::new(File::open(path).map_err(disk)?);
        let mut number = 0;
        loop {
            let mut bytes = Vec::new();
            let read = reader
                .by_ref()
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut bytes)
                .map_err(disk)?;
            if read == 0 {
                break;
            }
            number += 1;
            let broken = |problem: String| AuditError::Broken {
                file: name.clone(),
                line: number,
                problem,
            };
            let Some(text) = bytes.strip_suffix(b"\n") else {
                return Err(broken("it is torn".to_owned()));
            };
            check_line(text, &mut found).map_err(broken)?;
        }
    }
    if let Some(expected) = head
        && expected != found.head
    {
        return Err(AuditError::Cut {
            file: paths
                .last()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            found: found.head,
            expected: expected.to_owned(),
        });
    }
    Ok(found)
}

/// A log's file on its own, whatever it goes on from.
///
/// # Errors
/// [`AuditError`] naming the line.
pub fn verify_file(path: &Path) -> Result<Verified, AuditError> {
    let path = path.to_owned();
    let after = first_of(Some(&path)).map(|line| line.previous);
    verify_after(&[path], after.as_deref(), None)
}

/// The first line of a file, if it is one.
fn first_of(path: Option<&PathBuf>) -> Option<Line> {
    let mut bytes = Vec::new();
    BufReader::new(File::open(path?).ok()?)
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut bytes)
        .ok()?;
    whole_line(bytes.strip_suffix(b"\n")?)
}

/// Checks that a line follows what was found before it.
///
/// # Errors
/// The error.
pub fn check_line(text: &[u8], found: &mut Verified) -> Result<(), String> {
    let line: Line = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if line.previous != found.head {
        let (number, due) = (line.sequence, found.entries + 1);
        return Err(if number > due {
            format!("number {number} follows number {}: lines are missing", due - 1)
        } else {
            format!("number {number} doesn't follow the line before it: it was put in, moved or altered")
        });
    }
    // A hash holds for the bytes as they are written, not for another way to write the same.
    if line.digest() != line.hash || serde_json::to_vec(&line).unwrap_or_default() != text {
        return Err("it was altered: its hash is another".to_owned());
    }
    if line.sequence != found.entries + 1 {
        return Err(format!(
            "it has number {} where {} is due",
            line.sequence,
            found.entries + 1
        ));
    }
    found.entries = line.sequence;
    found.first.get_or_insert(line.time);
    found.last = Some(line.time);
    found.repaired += u64::from(matches!(line.kind, Kind::Repaired | Kind::Displaced));
    found.head = line.hash;
    Ok(())
}
