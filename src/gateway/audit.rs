//! The audit log: who came, who was refused, who directed what. JSON Lines whose hashes chain.
//!
//! Each line has the attributes of CloudEvents 1.0, a number, the hash of the line before and its own, which is
//! SHA-256 over the line without it. A line that is altered, taken out, put in or moved breaks the chain; a log
//! that was cut at its end is noticed by whoever keeps the newest hash (`--head`), which the gateway also shows
//! among its metrics. Each line is on the disk before what it says goes on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The hash before the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Longest text in a line, in letters: what a stranger sends isn't kept in full.
const MAX_TEXT_LETTERS: usize = 200;

/// What happened. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The gateway started.
    #[serde(rename = "meridian.gateway.started")]
    Started,
    /// The gateway stopped.
    #[serde(rename = "meridian.gateway.stopped")]
    Stopped,
    /// A client was let in.
    #[serde(rename = "meridian.client.joined")]
    Joined,
    /// A client left or was lost.
    #[serde(rename = "meridian.client.left")]
    Left,
    /// A client was refused.
    #[serde(rename = "meridian.client.refused")]
    Refused,
    /// A token was shown that isn't one, or no longer.
    #[serde(rename = "meridian.login.failed")]
    LoginFailed,
    /// Somebody asked for what their role may not.
    #[serde(rename = "meridian.access.denied")]
    AccessDenied,
    /// Something looks like an attack.
    #[serde(rename = "meridian.intrusion.suspected")]
    Intrusion,
    /// A token was made.
    #[serde(rename = "meridian.token.made")]
    TokenMade,
    /// A token was taken back.
    #[serde(rename = "meridian.token.revoked")]
    TokenRevoked,
    /// A director asked for something.
    #[serde(rename = "meridian.desk.command")]
    Desk,
    /// Figures were found implausible, and held.
    #[serde(rename = "meridian.figures.held")]
    FiguresHeld,
    /// A file of the gateway's was read again: tokens, certificate.
    #[serde(rename = "meridian.files.reloaded")]
    Reloaded,
    /// The log's end was torn, and cut off.
    #[serde(rename = "meridian.audit.repaired")]
    Repaired,
}

/// What else is known of it. There is no field for figures, tokens or people's data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The other side's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The token's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whose token it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The class of data that is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Why, or what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often, or how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: Kind,
    subject: String,
    time: DateTime<Utc>,
    datacontenttype: String,
    data: Details,
    sequence: u64,
    previous: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    hash: String,
}

impl Line {
    /// SHA-256 of the line as it is written without its hash.
    fn digest(&self) -> String {
        let bare = Self {
            hash: String::new(),
            ..self.clone()
        };
        let bytes = serde_json::to_vec(&bare).unwrap_or_default();
        Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Why a log can't be kept, or isn't what was written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The disk refuses.
    #[error("{file}: {source}")]
    Disk {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line isn't what was written there.
    #[error("{file}, line {line}: {problem}")]
    Broken {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The log ends before the hash that it should end with.
    #[error("{file}: it ends with {found}, not with {expected}: its end was taken off")]
    Cut {
        /// The file.
        file: String,
        /// The newest hash in it.
        found: String,
        /// The newest hash that there should be.
        expected: String,
    },
}

/// What a whole log says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are.
    pub entries: u64,
    /// When the first was written.
    pub first: Option<DateTime<Utc>>,
    /// When the last was written.
    pub last: Option<DateTime<Utc>>,
    /// The newest hash.
    pub head: String,
}

/// A log that is written.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
    source: String,
    sequence: u64,
    head: String,
}

impl AuditLog {
    /// Goes on with a log, or begins one that only its owner may read. `source` names the gateway, as a URI.
    /// A last line that was torn is cut off, and that is the next line.
    ///
    /// # Errors
    /// [`AuditError`] when the disk refuses or the last whole line isn't one of this log.
    pub fn open(path: &Path, source: &str, now: DateTime<Utc>) -> Result<Self, AuditError> {
        let disk = |source| AuditError::Disk {
            file: path.display().to_string(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(disk)?;
        let length = file.metadata().map_err(disk)?.len();
        // The last whole line is within what two of the longest take.
        let from = length.saturating_sub(2 * MAX_LINE_BYTES);
        file.seek(SeekFrom::Start(from)).map_err(disk)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(disk)?;
        let whole = tail
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let torn = tail.len() - whole;
        if torn > 0 {
            file.set_len(length - torn as u64).map_err(disk)?;
        }
        let lines = tail.get(..whole).unwrap_or(&[]);
        let last = lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
        let (sequence, head) = match last {
            None => (0, GENESIS.to_owned()),
            Some(bytes) => {
                let broken = |problem: String| AuditError::Broken {
                    file: path.display().to_string(),
                    line: 0,
                    problem: format!("its last line: {problem}"),
                };
                let line: Line = serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
                if line.digest() != line.hash {
                    return Err(broken("it isn't what was written there".to_owned()));
                }
                (line.sequence, line.hash)
            }
        };
        let mut it = Self {
            path: path.to_owned(),
            file,
            source: source.to_owned(),
            sequence,
            head,
        };
        if torn > 0 {
            let details = Details {
                count: Some(torn as u64),
                reason: Some("bytes of a torn last line were cut off".to_owned()),
                ..Details::default()
            };
            it.record(Kind::Repaired, "audit", details, now)?;
        }
        Ok(it)
    }

    /// Writes what happened; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`AuditError::Disk`].
    pub fn record(
        &mut self,
        kind: Kind,
        subject: &str,
        details: Details,
        now: DateTime<Utc>,
    ) -> Result<(), AuditError> {
        let disk = |source| AuditError::Disk {
            file: self.path.display().to_string(),
            source,
        };
        let short = |text: Option<String>| {
            text.map(|text| {
                text.chars()
                    .filter(|letter| !letter.is_control())
                    .take(MAX_TEXT_LETTERS)
                    .collect::<String>()
            })
        };
        let sequence = self.sequence + 1;
        let mut line = Line {
            specversion: "1.0".to_owned(),
            id: format!("{}-{sequence}", now.timestamp_millis()),
            source: self.source.clone(),
            kind,
            subject: subject.chars().take(MAX_TEXT_LETTERS).collect(),
            time: now,
            datacontenttype: "application/json".to_owned(),
            data: Details {
                address: short(details.address),
                token: short(details.token),
                name: short(details.name),
                role: short(details.role),
                class: short(details.class),
                reason: short(details.reason),
                count: details.count,
            },
            sequence,
            previous: self.head.clone(),
            hash: String::new(),
        };
        line.hash = line.digest();
        let mut bytes = serde_json::to_vec(&line).map_err(|error| disk(error.into()))?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).map_err(disk)?;
        self.file.sync_data().map_err(disk)?;
        self.sequence = sequence;
        self.head = line.hash;
        Ok(())
    }

    /// The newest hash.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// How many lines there are.
    pub fn entries(&self) -> u64 {
        self.sequence
    }
}

/// Reads a log line by line and checks that it is what was written. Several files are one log, oldest first.
/// With `head`, that hash has to be the newest.
///
/// # Errors
/// [`AuditError`] naming the file and the line.
pub fn verify(paths: &[PathBuf], head: Option<&str>) -> Result<Verified, AuditError> {
    let mut found = Verified {
        entries: 0,
        first: None,
        last: None,
        head: GENESIS.to_owned(),
    };
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

/// Checks that a line follows what was found before it.
///
/// # Errors
/// What is wrong with it.
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
    found.head = line.hash;
    Ok(())
}

/// An instant, for people.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + ms).unwrap()
    }

    fn log(path: &Path, lines: u64) -> String {
        let mut log = AuditLog::open(path, "urn:meridian:test", at(0)).unwrap();
        for line in 0..lines {
            let details = Details {
                address: Some("10.0.0.7".to_owned()),
                count: Some(line),
                ..Details::default()
            };
            log.record(Kind::Joined, "client", details, at(line as i64))
                .unwrap();
        }
        log.head().to_owned()
    }

    #[test]
    fn a_log_goes_on_and_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        log(&path, 3);
        let head = log(&path, 4);
        let found = verify(std::slice::from_ref(&path), Some(&head)).unwrap();
        assert_eq!((found.entries, found.head), (7, head));
        let text = std::fs::read_to_string(&path).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        for (key, value) in [
            ("specversion", "1.0"),
            ("source", "urn:meridian:test"),
            ("type", "meridian.client.joined"),
            ("subject", "client"),
            ("datacontenttype", "application/json"),
            ("previous", GENESIS),
        ] {
            assert_eq!(first[key], value);
        }
    }

    /// Whatever is done to a log is found, and where.
    #[test]
    fn what_was_done_to_a_log_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let head = log(&path, 6);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let altered = text.replacen("10.0.0.7", "10.0.0.8", 1);
        let spaced = text.replacen("{\"specversion\"", "{ \"specversion\"", 1);
        let taken_out = joined(&[lines[0], lines[1], lines[3], lines[4], lines[5]]);
        let moved = joined(&[lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]]);
        let twice = joined(&[
            lines[0], lines[1], lines[1], lines[2], lines[3], lines[4], lines[5],
        ]);
        let cut = joined(&lines[..4]);
        let torn = text[..text.len() - 5].to_owned();
        for (wrong, words) in [
            (altered, "line 1: it was altered"),
            (spaced, "line 1: it was altered"),
            (taken_out, "line 3: number 4 follows number 2: lines are missing"),
            (moved, "line 2: number 3 follows number 1"),
            (twice, "line 3: number 2 doesn't follow"),
            (cut, "its end was taken off"),
            (torn, "line 6: it is torn"),
        ] {
            std::fs::write(&path, wrong).unwrap();
            let error = verify(std::slice::from_ref(&path), Some(&head))
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_torn_end_is_cut_off_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        log(&path, 3);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
        log(&path, 1);
        let found = verify(std::slice::from_ref(&path), None).unwrap();
        assert_eq!(found.entries, 4);
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("meridian.audit.repaired")
        );
        // A whole last line that isn't one is no log to go on with.
        std::fs::write(&path, "hello\n").unwrap();
        assert!(
            AuditLog::open(&path, "urn:x", at(0))
                .unwrap_err()
                .to_string()
                .contains("last line")
        );
    }

    #[test]
    fn what_strangers_send_is_kept_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
        let details = Details {
            reason: Some("x\n\u{1b}[2J".repeat(10_000)),
            ..Details::default()
        };
        log.record(Kind::Refused, &"s".repeat(5_000), details, at(1))
            .unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 2_000);
        verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
    }
}
