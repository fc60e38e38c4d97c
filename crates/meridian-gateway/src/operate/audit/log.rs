//! Writes the audit log: one line for each event, chained to the line before.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use crate::operate::audit::event::{Details, Event, Kind, Line, hex, whole_line};
use crate::operate::audit::rotation::{beside, rotated};
use crate::operate::audit::{AuditError, GENESIS, MAX_LINE_BYTES};
use crate::store::record_log::{Disk, Displaced, RecordLog, private};
use meridian_core::files::private::{make_folder_of, refuse_pipe, write};

/// The longest text in a line, in letters: what a stranger sends isn't kept in full.
const MAX_TEXT_LETTERS: usize = 200;

/// An open audit log.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    pub(super) log: RecordLog,
    source: String,
    sequence: u64,
    head: String,
    /// A file that is longer is followed by another.
    max_bytes: u64,
    displaced: Option<Displaced>,
    /// What was done to the file and has no line yet.
    unsaid: Option<Displaced>,
}

/// What the end of a file is.
struct Tail {
    /// Until where it is lines of a log.
    kept: u64,
    /// The bytes after that, which are no whole line.
    rest: Vec<u8>,
    /// The last line that is whole.
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
        refuse_pipe(path).map_err(disk)?;
        make_folder_of(path).map_err(disk)?;
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
            let _ = write(Path::new(&rest), &tail.rest);
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
            max_bytes: u64::MAX,
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

    /// Starts another file when the current one has grown longer than this.
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
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
            self.repair(how).map_err(|source| AuditError::Disk {
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
        if self.log.end() > self.max_bytes
            && let Err(error) = self.rotate()
        {
            // It goes on where it is.
            tracing::error!(%error, "the audit log can't go on in another file");
        }
        Ok(())
    }

    /// Puts a file back that is gone; one that was cut is gone on with after its last whole line.
    fn repair(&mut self, how: Displaced) -> io::Result<()> {
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

    /// Starts another file. The chain continues: the last line of one and the first of the next say so.
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

    /// The hash of the newest line: what the next one follows.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// How many lines there are.
    pub fn entries(&self) -> u64 {
        self.sequence
    }
}
