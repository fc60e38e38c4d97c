//! Replay protection: what a subscriber that knows the feed's key remembers, so that recordings are refused.
//!
//! Every signed frame says when it was published: a frame that is older than a minute is none of now. Of the newest
//! stream of each class it is remembered that there was one, on the disk too, so that a display that was just switched on
//! doesn't believe a whole old day.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use meridian_core::files::private;
use meridian_wire::{Body, DataClass, Frame, PublicKey, Published};

/// How far a signed frame's time may be from the local clock, in milliseconds.
pub const LONG_PAST_MS: i64 = 60_000;
/// How often the newest instant is written to disk, in milliseconds.
const KEEP_EVERY_MS: i64 = 600_000;
/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 4_096;

/// A stream that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownStream {
    epoch: u64,
    /// The newest instant that was signed in it or in those before.
    at_ms: i64,
    /// Whether all its frames say when they were published.
    says: bool,
}

/// What is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedStreams {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<KnownStream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    internal: Option<KnownStream>,
}

impl SavedStreams {
    fn new(key: &PublicKey) -> Self {
        Self {
            key: key.to_string(),
            public: None,
            internal: None,
        }
    }

    fn of(&mut self, class: DataClass) -> &mut Option<KnownStream> {
        match class {
            DataClass::Public => &mut self.public,
            DataClass::Internal => &mut self.internal,
        }
    }
}

/// Why a signed frame is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayError {
    /// From an older stream, or one that didn't begin with a hello.
    Forged(String),
    /// Published too long ago or in the future: by how many milliseconds.
    Stale(i64),
}

/// The file of a key in a folder of such files.
pub fn file_for(folder: &Path, key: &PublicKey) -> PathBuf {
    let hash = Sha256::digest(key.to_string());
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    folder.join(format!("feed-{name}.json"))
}

/// What is remembered of one key's streams.
#[derive(Debug)]
pub struct Recall {
    kept: SavedStreams,
    path: Option<PathBuf>,
    /// What is on the disk, by instant.
    written_ms: i64,
    /// The stream of this connection, once its hello came.
    current: Option<(DataClass, u64)>,
    /// What went wrong on the disk, once.
    problem: Option<String>,
    is_said: bool,
}

impl Recall {
    /// Reads what is known of a key; a missing or broken file counts as nothing known.
    pub fn open(path: Option<&Path>, key: &PublicKey) -> Self {
        let mut it = Self {
            kept: SavedStreams::new(key),
            path: path.map(Path::to_owned),
            written_ms: 0,
            current: None,
            problem: None,
            is_said: false,
        };
        match it.path.as_deref().map(read) {
            None | Some(Ok(None)) => {}
            // Of another key that stood there before: its streams aren't this one's.
            Some(Ok(Some(kept))) if kept.key != it.kept.key => {}
            Some(Ok(Some(kept))) => it.kept = kept,
            Some(Err(problem)) => it.report(&problem),
        }
        it
    }

    /// A new connection: its hello is still to come.
    pub fn connected(&mut self) {
        self.current = None;
    }

    /// What went wrong on the disk, if anything new did.
    pub fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    fn report(&mut self, problem: &str) {
        let path = self.path.as_deref().unwrap_or(Path::new("")).display();
        if !std::mem::replace(&mut self.is_said, true) {
            self.problem = Some(format!(
                "{path}: {problem}; until it is right, a recording of an older day may be believed after a restart"
            ));
        }
    }

    /// Judges a frame whose signature is good.
    ///
    /// # Errors
    /// [`ReplayError`] where the frame isn't of now or was there before.
    pub fn check(&mut self, frame: &Frame, now_ms: i64) -> Result<(), ReplayError> {
        // Of any stream or none, without figures.
        if matches!(frame.body, Body::Bye(_)) {
            return Ok(());
        }
        let at_ms = match frame.body.published() {
            Published::At(at_ms) => Some(at_ms),
            Published::Unsaid | Published::Never => None,
        };
        if let Body::Hello(hello) = &frame.body {
            self.hello(hello.class, frame.epoch, at_ms)?;
        }
        let Some((class, epoch)) = self.current else {
            return Err(ReplayError::Forged(format!(
                "a frame of the stream {} came before its hello",
                frame.epoch
            )));
        };
        if frame.epoch != epoch {
            return Err(ReplayError::Forged(if frame.epoch < epoch {
                format!(
                    "a frame of the older stream {} came after stream {epoch} had begun",
                    frame.epoch
                )
            } else {
                format!("a frame of the stream {} came before its hello", frame.epoch)
            }));
        }
        let ahead_ms = at_ms.map_or(0, |at_ms| at_ms.saturating_sub(now_ms));
        if ahead_ms.saturating_abs() > LONG_PAST_MS {
            return Err(ReplayError::Stale(ahead_ms));
        }
        let says = self
            .kept
            .of(class)
            .is_some_and(|heard| heard.epoch == epoch && heard.says);
        if says && frame.body.published() == Published::Unsaid {
            return Err(ReplayError::Forged(format!(
                "frame {} doesn't say when it was published, as others of its stream do",
                frame.seq
            )));
        }
        self.heard(class, epoch, at_ms, matches!(frame.body, Body::Hello(_)));
        Ok(())
    }

    /// Whether a stream may begin, or go on: none that is older than what was heard since.
    fn hello(&mut self, class: DataClass, epoch: u64, at_ms: Option<i64>) -> Result<(), ReplayError> {
        if let Some(known) = self.kept.of(class)
            && epoch < known.epoch
            && at_ms.is_none_or(|at_ms| at_ms <= known.at_ms)
        {
            return Err(ReplayError::Forged(format!(
                "a frame of the older stream {epoch} came after stream {} had begun",
                known.epoch
            )));
        }
        self.current = Some((class, epoch));
        Ok(())
    }

    /// Notes what was heard, on the disk where much of it is new.
    fn heard(&mut self, class: DataClass, epoch: u64, at_ms: Option<i64>, is_hello: bool) {
        let known = self.kept.of(class);
        let before = *known;
        let newest_ms = before.map_or(0, |before| before.at_ms);
        let same = before.filter(|before| before.epoch == epoch);
        let now = KnownStream {
            epoch,
            at_ms: newest_ms.max(at_ms.unwrap_or(0)),
            says: same.is_some_and(|same| same.says) || is_hello && at_ms.is_some(),
        };
        *known = Some(now);
        let is_other = same.is_none_or(|same| same.says != now.says);
        if is_other || now.at_ms.saturating_sub(self.written_ms) >= KEEP_EVERY_MS {
            self.written_ms = now.at_ms;
            self.keep();
        }
    }

    fn keep(&mut self) {
        let Some(path) = &self.path else { return };
        let written = serde_json::to_vec(&self.kept)
            .map_err(std::io::Error::from)
            .and_then(|bytes| {
                private::make_folder_of(path)?;
                private::write(path, &bytes)
            });
        match written {
            Ok(()) => {}
            // Another display of this machine is writing the same.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => self.report(&error.to_string()),
        }
    }
}

fn read(path: &Path) -> Result<Option<SavedStreams>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(data) if data.len() > MAX_BYTES => return Err(format!("{} bytes are too many", data.len())),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| format!("it can't be read ({error})"))
}

/// How far away something was published, for people.
pub fn span(ms: i64) -> String {
    let minutes = ms.unsigned_abs() / 60_000;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_wire::{Bye, Direct, Heartbeat, Hello, Level, Lights, Mode, Names, Notice, SigningKey};

    const NOW: i64 = 1_700_000_000_000;

    fn key() -> PublicKey {
        SigningKey::ephemeral().unwrap().public()
    }

    fn frame(epoch: u64, body: Body) -> Frame {
        Frame {
            epoch,
            seq: 5,
            prev: 4,
            body,
        }
    }

    fn hello(epoch: u64, class: DataClass, published_ms: Option<i64>) -> Frame {
        let hello = Hello {
            class,
            published_ms,
            ..Hello::unknown()
        };
        frame(epoch, Body::Hello(Box::new(hello)))
    }

    fn public(epoch: u64, published_ms: i64) -> Frame {
        hello(epoch, DataClass::Public, Some(published_ms))
    }

    /// One of each kind that says when it was published.
    fn bodies() -> Vec<Body> {
        let beat = Heartbeat {
            event_ms: 0,
            published_ms: 0,
            mode: Mode::Live,
            paused: false,
        };
        let notice = Notice {
            level: Level::Info,
            code: String::new(),
            text: Names::default(),
            published_ms: 0,
            args: std::collections::BTreeMap::new(),
        };
        vec![
            Body::Hello(Box::new(Hello::unknown())),
            Body::Lights(Lights::default()),
            Body::Products(Box::default()),
            Body::Heartbeat(beat),
            Body::Tick(Box::new(meridian_wire::Tick::empty(0))),
            Body::Notice(notice),
            Body::Direct(Direct::default()),
            Body::Snapshot(Box::new(snapshot())),
        ]
    }

    fn snapshot() -> meridian_wire::Snapshot {
        let text = r#"{"event_ms":0,"published_ms":0,"mode":"live","totals":{"orders":0,"payments":0,"gmv_minor":0,"unplaced":{"orders":0,"payments":0,"gmv_minor":0},"corrections":0,"corrected_minor":0},"rates":{"orders_per_s":0,"payments_per_s":0,"gmv_minor_per_s":0,"peak_orders_per_s":0,"peak_orders_at_ms":0,"peak_payments_per_s":0,"peak_payments_at_ms":0},"regions":[],"categories":[],"channels":[],"cells":[],"history":{"step_ms":1,"gmv_minor":[],"region_step_ms":1,"regions":[]},"reached":[],"warmth":{"place":[],"level":[]}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_frame_of_long_ago_is_not_believed_whatever_it_is() {
        for mut body in bodies() {
            let mut recall = Recall::open(None, &key());
            recall.check(&public(7, NOW), NOW).unwrap();
            for off_ms in [-LONG_PAST_MS - 1, LONG_PAST_MS + 1, i64::MIN / 2] {
                body.stamp(NOW + off_ms);
                let judged = recall.check(&frame(7, body.clone()), NOW);
                assert_eq!(judged, Err(ReplayError::Stale(off_ms)), "{body:?}");
            }
            for off_ms in [-LONG_PAST_MS, 0, LONG_PAST_MS] {
                body.stamp(NOW + off_ms);
                assert_eq!(recall.check(&frame(7, body.clone()), NOW), Ok(()), "{body:?}");
            }
        }
        let bye = Body::Bye(Bye {
            code: String::new(),
            text: String::new(),
            retry_after_ms: None,
        });
        assert_eq!(Recall::open(None, &key()).check(&frame(0, bye), NOW), Ok(()));
    }

    #[test]
    fn instants_can_be_absent_in_streams_that_never_had_them() {
        let mut recall = Recall::open(None, &key());
        // A gateway of before.
        recall.check(&hello(6, DataClass::Public, None), NOW).unwrap();
        let lights = || Body::Lights(Lights::default());
        recall.check(&frame(6, lights()), NOW).unwrap();
        // It goes on as one of today: what it said before is a recording from then on.
        recall.check(&public(6, NOW), NOW).unwrap();
        for old in [frame(6, lights()), hello(6, DataClass::Public, None)] {
            let judged = recall.check(&old, NOW);
            assert!(
                matches!(&judged, Err(ReplayError::Forged(reason)) if reason.contains("doesn't say when")),
                "{judged:?}"
            );
        }
        recall
            .check(&frame(6, Body::Unknown("later".to_owned())), NOW)
            .unwrap();
    }

    #[test]
    fn an_older_stream_is_not_believed_after_a_restart_either() {
        let folder = tempfile::tempdir().unwrap();
        let key = key();
        let path = file_for(&folder.path().join("not/there/yet"), &key);
        let begun = |path: &Path| Recall::open(Some(path), &key);
        let mut recall = begun(&path);
        recall.check(&public(8, NOW), NOW).unwrap();
        recall
            .check(&hello(11, DataClass::Internal, Some(NOW)), NOW)
            .unwrap();
        assert_eq!(recall.take_problem(), None);
        let mut recall = begun(&path);
        let refused = |judged: Result<(), ReplayError>| {
            assert!(
                matches!(&judged, Err(ReplayError::Forged(reason)) if reason.contains("older stream")),
                "{judged:?}"
            );
        };
        // Of a recording each frame is old too; this is one whose clock was put back to it.
        let then = NOW - 1_000;
        refused(recall.check(&public(6, then), then));
        refused(recall.check(&hello(6, DataClass::Public, None), NOW));
        refused(recall.check(&hello(9, DataClass::Internal, None), NOW));
        // Each class has its own newest: what an executive saw doesn't bar the wall's stream.
        recall.check(&public(8, NOW), NOW).unwrap();
        refused(recall.check(&frame(6, Body::Lights(Lights::default())), NOW));
        recall.connected();
        let before = recall.check(&frame(8, Body::Direct(Direct::default())), 0);
        assert!(matches!(&before, Err(ReplayError::Forged(reason)) if reason.contains("before its hello")));
        // Signed after everything that was heard: a gateway whose clock was ahead when it began, or a second one.
        recall.check(&public(6, NOW + 2_000), NOW).unwrap();
        // Another key's streams are its own.
        let mut other = Recall::open(Some(&path), &self::key());
        other.check(&public(2, then), then).unwrap();
    }

    #[test]
    fn a_broken_file_is_said_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.json");
        let key = key();
        for text in ["", "{", "[1]", "{\"key\":\"x\",\"more\":1}", &"x".repeat(5_000)] {
            std::fs::write(&path, text).unwrap();
            let mut recall = Recall::open(Some(&path), &key);
            let problem = recall.take_problem().unwrap();
            assert!(
                problem.contains("feed.json") && problem.contains("recording"),
                "{problem}"
            );
            assert_eq!(recall.take_problem(), None);
            recall.check(&public(8, NOW), NOW).unwrap();
            // And is right again.
            let mut recall = Recall::open(Some(&path), &key);
            assert_eq!(recall.take_problem(), None);
            assert!(recall.check(&public(6, NOW - 1), NOW).is_err());
        }
        // A folder that can't be: said once.
        std::fs::write(folder.path().join("file"), "").unwrap();
        let mut recall = Recall::open(Some(&folder.path().join("file/feed.json")), &key);
        recall.check(&public(8, NOW), NOW).unwrap();
        assert!(recall.take_problem().is_some());
        recall.check(&public(10, NOW), NOW).unwrap();
        assert_eq!(recall.take_problem(), None);
    }
}
