//! The audit log: who came, who was refused, who directed what. JSON Lines whose hashes chain.
//!
//! Each line has the attributes of CloudEvents 1.0, a number, the hash of the line before and its own, which is
//! SHA-256 over the line without it. A line that is altered, taken out, put in or moved breaks the chain; a log
//! that was cut at its end is noticed by whoever keeps the newest hash (`--head`), which the gateway also shows
//! among its metrics. Lines are whole or not there; what happens to the file is a line in it. A log that has grown long
//! goes on in another file, with the chain.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::record_log::{Disk, Displaced, RecordLog, private};

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
    /// Somebody deleted, moved, replaced or changed the log's file.
    #[serde(rename = "meridian.audit.displaced")]
    Displaced,
    /// For a while nothing could be written.
    #[serde(rename = "meridian.audit.interrupted")]
    Interrupted,
    /// Some events aren't written one by one, or at all.
    #[serde(rename = "meridian.audit.lost")]
    Lost,
    /// The log goes on in another file.
    #[serde(rename = "meridian.audit.rotated")]
    Rotated,
    /// The log goes on from another file.
    #[serde(rename = "meridian.audit.continued")]
    Continued,
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
        hex(&Sha256::digest(&bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
        source: io::Error,
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
    /// The file has lines, and none of this log.
    #[error("{file}: it is no audit log: another file name is needed")]
    Another {
        /// The file.
        file: String,
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

/// What happened, before it is a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// To whom or what.
    pub subject: String,
    /// What else is known of it.
    pub details: Details,
    /// When.
    pub at: DateTime<Utc>,
}

/// A log that is written.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    log: RecordLog,
    source: String,
    sequence: u64,
    head: String,
    /// A file that is longer is followed by another.
    most_bytes: u64,
    displaced: Option<Displaced>,
    /// What was done to the file and has no line yet.
    unsaid: Option<Displaced>,
}

/// What the end of a file is.
struct Tail {
    /// Until where it is lines of a log.
    kept: u64,
    /// What follows that.
    rest: Vec<u8>,
    /// The last line.
    last: Option<Line>,
}

/// Reads the end of a file.
fn tail_of(file: &mut File) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    // The last whole lines are within what a few of the longest take.
    let from = length.saturating_sub(4 * MAX_LINE_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut end = bytes.len();
    // Back from line to line to the newest that is one.
    while let Some(before) = bytes
        .get(..end)
        .and_then(|bytes| bytes.iter().rposition(|byte| *byte == b'\n'))
    {
        let begin = bytes
            .get(..before)
            .and_then(|bytes| bytes.iter().rposition(|byte| *byte == b'\n'))
            .map_or(0, |at| at + 1);
        let line = bytes.get(begin..before).and_then(whole_line);
        if line.is_some() {
            let kept = before + 1;
            return Ok(Tail {
                kept: from + kept as u64,
                rest: bytes.split_off(kept),
                last: line,
            });
        }
        end = before;
    }
    Ok(Tail {
        kept: from,
        rest: bytes,
        last: None,
    })
}

/// A line that is as it was written.
fn whole_line(text: &[u8]) -> Option<Line> {
    let line: Line = serde_json::from_slice(text).ok()?;
    (line.digest() == line.hash).then_some(line)
}

/// A name beside a log's file, with more before its ending.
fn beside(path: &Path, more: &str) -> PathBuf {
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

impl AuditLog {
    /// Goes on with a log, or begins one that only its owner may read. `source` names the gateway, as a URI.
    /// What stands after the last whole line is moved to a file beside it, and that is the next line.
    ///
    /// # Errors
    /// [`AuditError`] when the disk refuses or the file is something else.
    pub fn open(path: &Path, source: &str, now: DateTime<Utc>) -> Result<Self, AuditError> {
        let disk = |source| AuditError::Disk {
            file: path.display().to_string(),
            source,
        };
        meridian_core::files::private::refuse_pipe(path).map_err(disk)?;
        meridian_core::files::private::make_folder_of(path).map_err(disk)?;
        let mut file = private().open(path).map_err(disk)?;
        let mut tail = tail_of(&mut file).map_err(disk)?;
        let lines = tail.kept > 0 || tail.rest.contains(&b'\n');
        if tail.last.is_none() && lines {
            return Err(AuditError::Another {
                file: path.display().to_string(),
            });
        }
        if tail.last.is_none()
            && let Some(before) = rotated(path).map_err(disk)?.last()
        {
            // It was to go on from there.
            tail.last = File::open(before)
                .and_then(|mut file| tail_of(&mut file))
                .map_err(disk)?
                .last;
        }
        let torn = tail.rest.len() as u64;
        if torn > 0 {
            // Half a line of ours is worth little; what somebody else put there may be worth more.
            let mut rest = path.as_os_str().to_owned();
            rest.push(".torn");
            let _ = meridian_core::files::private::write(Path::new(&rest), &tail.rest);
            file.set_len(tail.kept).map_err(disk)?;
        }
        let (sequence, head) = tail
            .last
            .map_or((0, GENESIS.to_owned()), |line| (line.sequence, line.hash));
        let mut it = Self {
            path: path.to_owned(),
            log: RecordLog::new(Disk::new(path, file, false), tail.kept),
            source: source.to_owned(),
            sequence,
            head,
            most_bytes: u64::MAX,
            displaced: None,
            unsaid: None,
        };
        if torn > 0 {
            let hash = hex(&Sha256::digest(&tail.rest));
            let details = Details {
                count: Some(torn),
                reason: Some(format!(
                    "bytes after the last whole line were cut off, with the SHA-256 {hash}"
                )),
                ..Details::default()
            };
            it.record(Kind::Repaired, "audit", details, now)?;
        }
        Ok(it)
    }

    /// The same, going on in another file when one has grown longer than this.
    pub fn with_most_bytes(mut self, most_bytes: u64) -> Self {
        self.most_bytes = most_bytes;
        self
    }

    /// Writes what happened; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`AuditError::Disk`]; nothing was written then.
    pub fn record(
        &mut self,
        kind: Kind,
        subject: &str,
        details: Details,
        now: DateTime<Utc>,
    ) -> Result<(), AuditError> {
        self.record_all(&[Event {
            kind,
            subject: subject.to_owned(),
            details,
            at: now,
        }])
    }

    /// Writes what happened, in order; all of it is on the disk when this returns.
    ///
    /// # Errors
    /// [`AuditError::Disk`]; nothing was written then.
    pub fn record_all(&mut self, events: &[Event]) -> Result<(), AuditError> {
        let disk = |error: io::Error| AuditError::Disk {
            file: self.path.display().to_string(),
            source: error,
        };
        let displaced = self.log.look().map_err(disk)?;
        if let Some(how) = displaced {
            self.make_good(how).map_err(|source| AuditError::Disk {
                file: self.path.display().to_string(),
                source,
            })?;
            self.unsaid = Some(how);
        }
        let said = self.unsaid.map(|how| Event {
            kind: Kind::Displaced,
            subject: "audit".to_owned(),
            details: Details {
                reason: Some(how.to_string()),
                ..Details::default()
            },
            at: events.first().map_or_else(Utc::now, |event| event.at),
        });
        self.write(said.iter().chain(events))?;
        self.unsaid = None;
        if self.log.end() > self.most_bytes
            && let Err(error) = self.rotate()
        {
            // It goes on where it is.
            tracing::error!(%error, "the audit log can't go on in another file");
        }
        Ok(())
    }

    /// Puts a file back that is gone; one that was cut is gone on with after its last whole line.
    fn make_good(&mut self, how: Displaced) -> io::Result<()> {
        match how {
            Displaced::Lengthened { .. } => Ok(()),
            Displaced::Shortened { .. } => {
                let mut file = std::fs::OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open(&self.path)?;
                let kept = tail_of(&mut file)?.kept;
                file.set_len(kept)?;
                self.displaced = self.log.displaced();
                self.log = RecordLog::new(Disk::new(&self.path, file, false), kept);
                Ok(())
            }
            how => self.log.put_back(how),
        }
    }

    fn write<'a>(&mut self, events: impl Iterator<Item = &'a Event>) -> Result<(), AuditError> {
        let (mut sequence, mut head) = (self.sequence, self.head.clone());
        let mut bytes = Vec::new();
        let disk = |source| AuditError::Disk {
            file: self.path.display().to_string(),
            source,
        };
        for event in events {
            sequence += 1;
            let line = self.line(event, sequence, head);
            serde_json::to_writer(&mut bytes, &line).map_err(|error| disk(error.into()))?;
            bytes.push(b'\n');
            head = line.hash;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.log.commit(&bytes).map_err(|source| AuditError::Disk {
            file: self.path.display().to_string(),
            source,
        })?;
        self.sequence = sequence;
        self.head = head;
        Ok(())
    }

    fn line(&self, event: &Event, sequence: u64, previous: String) -> Line {
        let short = |text: &Option<String>| {
            text.as_ref().map(|text| {
                text.chars()
                    .filter(|letter| !letter.is_control())
                    .take(MAX_TEXT_LETTERS)
                    .collect::<String>()
            })
        };
        let details = &event.details;
        let mut line = Line {
            specversion: "1.0".to_owned(),
            id: format!("{}-{sequence}", event.at.timestamp_millis()),
            source: self.source.clone(),
            kind: event.kind,
            subject: event.subject.chars().take(MAX_TEXT_LETTERS).collect(),
            time: event.at,
            datacontenttype: "application/json".to_owned(),
            data: Details {
                address: short(&details.address),
                token: short(&details.token),
                name: short(&details.name),
                role: short(&details.role),
                class: short(&details.class),
                reason: short(&details.reason),
                count: details.count,
            },
            sequence,
            previous,
            hash: String::new(),
        };
        line.hash = line.digest();
        line
    }

    /// Goes on in another file. The chain goes on too: the last line of one says so, and the first of the next.
    fn rotate(&mut self) -> Result<(), AuditError> {
        let disk = |path: &Path, source| AuditError::Disk {
            file: path.display().to_string(),
            source,
        };
        let event = |kind, reason: String| Event {
            kind,
            subject: "audit".to_owned(),
            details: Details {
                reason: Some(reason),
                ..Details::default()
            },
            at: Utc::now(),
        };
        let named = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let full = beside(&self.path, &format!("{:012}", self.sequence + 1));
        if full.exists() {
            return Err(disk(&full, io::ErrorKind::AlreadyExists.into()));
        }
        let goes_on = format!("it goes on in {}", named(&self.path));
        self.write([event(Kind::Rotated, goes_on)].iter())?;
        std::fs::rename(&self.path, &full).map_err(|error| disk(&full, error))?;
        let file = private()
            .open(&self.path)
            .map_err(|error| disk(&self.path, error))?;
        self.log = RecordLog::new(Disk::new(&self.path, file, false), 0);
        let goes_on = format!("it goes on from {}", named(&full));
        self.write([event(Kind::Continued, goes_on)].iter())
    }

    /// What was done to the file since this was asked last.
    pub fn displaced(&mut self) -> Option<Displaced> {
        self.displaced.take().or(self.log.displaced())
    }

    /// Lets the disk fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&mut self, faults: &crate::store::record_log::tests::Faults) {
        self.log.fail_as(faults);
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
    found.repaired += u64::from(matches!(line.kind, Kind::Repaired | Kind::Displaced));
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
    use crate::store::record_log::tests::Faults;

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
        assert_eq!(found.repaired, 1);
        // It hides nothing: what was taken out or altered is found as ever.
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for wrong in [
            lines[1..].concat(),
            [lines[0], lines[2], lines[3]].concat(),
            text.replacen("bytes after", "bytes behind", 1),
        ] {
            std::fs::write(&path, &wrong).unwrap();
            assert!(verify(std::slice::from_ref(&path), None).is_err(), "{wrong}");
        }
        // Lines that aren't ours at its end are moved away, and said; a file of nothing else is left alone.
        std::fs::write(&path, format!("{}hello\nworld\n", lines[0])).unwrap();
        log(&path, 1);
        assert_eq!(verify(std::slice::from_ref(&path), None).unwrap().repaired, 1);
        assert_eq!(
            std::fs::read(folder.path().join("audit.jsonl.torn")).unwrap(),
            b"hello\nworld\n"
        );
        std::fs::write(&path, "hello\n").unwrap();
        let error = AuditLog::open(&path, "urn:x", at(0)).unwrap_err().to_string();
        assert!(error.contains("no audit log"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"hello\n");
    }

    fn joined(log: &mut AuditLog, ms: i64) -> Result<(), AuditError> {
        log.record(Kind::Joined, "client", Details::default(), at(ms))
    }

    /// A disk that is full for a while takes no line from the chain, and leaves no half of one.
    #[test]
    fn a_full_disk_leaves_the_log_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
        let faults = Faults::default();
        log.fail_as(&faults);
        for round in 0..20 {
            joined(&mut log, round).unwrap();
            faults.full_at(log.log.end() + 17 * round as u64);
            faults.fails(round % 3 == 0, round % 4 == 0);
            assert!(joined(&mut log, round).is_err());
            let found = verify(std::slice::from_ref(&path), None);
            assert!(round % 4 == 0 || found.unwrap().head == log.head());
            faults.none();
        }
        joined(&mut log, 99).unwrap();
        let found = verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
        assert_eq!((found.entries, found.repaired), (21, 0));
    }

    /// Whoever deletes, moves, replaces or adds to the file takes nothing from the log; whoever cuts it is found out.
    #[test]
    fn what_is_done_to_the_file_is_a_line_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
        joined(&mut log, 0).unwrap();
        let away = folder.path().join("away");
        let ways: [&dyn Fn(); 4] = [
            &|| std::fs::remove_file(&path).unwrap(),
            &|| std::fs::rename(&path, &away).unwrap(),
            &|| {
                std::fs::rename(&path, &away).unwrap();
                std::fs::write(&path, "another's\n").unwrap();
            },
            &|| {
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, text + "more\n").unwrap();
            },
        ];
        for (number, way) in ways.iter().enumerate() {
            way();
            joined(&mut log, 1).unwrap();
            assert!(log.displaced().is_some() && log.displaced().is_none());
            let found = verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
            assert_eq!(
                (found.entries, found.repaired),
                (3 + 2 * number as u64, number as u64 + 1)
            );
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("the file was deleted") && text.contains("another file was put"),
            "{text}"
        );
        std::fs::write(&path, &text[..text.len() - 400]).unwrap();
        joined(&mut log, 2).unwrap();
        let error = verify(std::slice::from_ref(&path), Some(log.head())).unwrap_err();
        assert!(error.to_string().contains("lines are missing"), "{error}");
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("the file was cut to")
        );
    }

    /// Over several files the chain is one, also when the gateway stopped between two of them.
    #[test]
    fn a_long_log_goes_on_in_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let open = || {
            AuditLog::open(&path, "urn:x", at(0))
                .unwrap()
                .with_most_bytes(2_000)
        };
        let mut log = open();
        for ms in 0..60 {
            joined(&mut log, ms).unwrap();
            if ms % 7 == 0 {
                log = open();
            }
        }
        let files = with_rotated(std::slice::from_ref(&path));
        assert!(files.len() > 5 && files.last() == Some(&path), "{files:?}");
        assert!(
            files
                .iter()
                .all(|file| std::fs::metadata(file).unwrap().len() < 4_000)
        );
        let found = verify(&files, Some(log.head())).unwrap();
        assert_eq!(found.entries, log.entries());
        verify_file(&path).unwrap();
        // Those that are kept elsewhere are told by the hash that they end with; one that is missing is missed.
        let before = verify(&files[..2], None).unwrap().head;
        assert_eq!(
            verify_after(&files[2..], Some(&before), Some(log.head())).unwrap(),
            Verified {
                first: verify_file(&files[2]).unwrap().first,
                ..found
            }
        );
        for wrong in [&files[1..], &[files[0].clone(), files[2].clone()]] {
            let error = verify(wrong, None).unwrap_err().to_string();
            assert!(error.contains("lines are missing"), "{error}");
        }
        assert!(verify_after(&files[3..], Some(&before), None).is_err());
        // Stopped before the next file had a line.
        std::fs::remove_file(&path).unwrap();
        let mut log = open();
        joined(&mut log, 99).unwrap();
        verify(&with_rotated(std::slice::from_ref(&path)), Some(log.head())).unwrap();
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
