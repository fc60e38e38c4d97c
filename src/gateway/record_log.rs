//! What journal, order log and audit log are written with: whole records at a file's end, or nothing.
//!
//! A write that failed or was short is undone, and the next one begins where the last whole record ends. After a sync
//! that failed nobody knows what of it is on the disk: what came since the last good one is kept, cut off and written
//! again before anything else. And the file is looked at before each write: one that was deleted, moved, replaced,
//! shortened or added to by somebody else isn't written to as if nothing had happened.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What is kept in memory of records between two syncs, once they are on the disk.
const KEPT_BYTES: usize = 1 << 20;
/// Most that is written to see whether there is space again.
const MOST_PROBED: usize = 1 << 20;

/// What a file was found to be, other than what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Displaced {
    /// It is nowhere any more.
    #[error("the file was deleted")]
    Deleted,
    /// It has another name.
    #[error("the file was moved away")]
    Moved,
    /// Another stands in its place.
    #[error("another file was put in its place")]
    Replaced,
    /// Its end was taken off.
    #[error("the file was cut to {to} bytes")]
    Shortened {
        /// What is left of it.
        to: u64,
    },
    /// Somebody else wrote to it; that was cut off.
    #[error("somebody else wrote {by} bytes to it, which were cut off")]
    Lengthened {
        /// How many bytes.
        by: u64,
    },
}

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// At its path, this long.
    Here(u64),
    /// Not there any more.
    Gone(Displaced),
}

/// A file as a log needs it, so that a test can have one that fails.
pub trait Medium: std::fmt::Debug + Send {
    /// Writes bytes at a place. After an error some of them may be there.
    ///
    /// # Errors
    /// When the disk refuses.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Takes off everything from a place on.
    ///
    /// # Errors
    /// When the disk refuses.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Returns when what was written is on the disk.
    ///
    /// # Errors
    /// When the disk refuses: what was written since the last time may be there or not.
    fn sync(&mut self) -> io::Result<()>;
    /// How the file stands.
    ///
    /// # Errors
    /// When that can't be said.
    fn stands(&self) -> io::Result<Stands>;
    /// Puts a new file in place: so many of the first bytes of this one, and others after them. What stood there gets
    /// another name. It is on the disk when this returns, or nothing was changed.
    ///
    /// # Errors
    /// When the disk refuses.
    fn anew(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A file on a disk.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: File,
    locked: bool,
}

impl Disk {
    /// A file that was opened for reading and writing. With `locked`, one that takes its place is locked as it is.
    pub fn new(path: &Path, file: File, locked: bool) -> Self {
        Self {
            path: path.to_owned(),
            file,
            locked,
        }
    }
}

/// The options of a log's file: only its owner may read it.
pub fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A name beside a file's that is free: `NAME.displaced`, `NAME.displaced.1` and so on.
fn aside(path: &Path) -> PathBuf {
    let named = |more: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(more);
        path.with_file_name(name)
    };
    let numbered = (1..1_000).map(|number| named(&format!(".displaced.{number}")));
    let mut names = std::iter::once(named(".displaced")).chain(numbered);
    names
        .find(|name| !name.exists())
        .unwrap_or_else(|| named(".displaced"))
}

impl Medium for Disk {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    #[cfg(unix)]
    fn stands(&self) -> io::Result<Stands> {
        use std::os::unix::fs::MetadataExt as _;
        let ours = self.file.metadata()?;
        let gone = if ours.nlink() == 0 {
            Displaced::Deleted
        } else {
            Displaced::Moved
        };
        match std::fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                Ok(Stands::Here(ours.len()))
            }
            Ok(_) => Ok(Stands::Gone(Displaced::Replaced)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stands::Gone(gone)),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(unix))]
    fn stands(&self) -> io::Result<Stands> {
        // A file that is open can't be deleted or moved there.
        Ok(Stands::Here(self.file.metadata()?.len()))
    }

    fn anew(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = private().open(&beside).and_then(|mut file| {
            file.set_len(0)?;
            if kept > 0 {
                self.file.seek(SeekFrom::Start(0))?;
                let copied = io::copy(&mut (&self.file).take(kept), &mut file)?;
                if copied != kept {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            file.write_all(bytes)?;
            file.sync_all()?;
            if self.locked {
                file.try_lock().map_err(io::Error::other)?;
            }
            if let Ok(Stands::Gone(Displaced::Replaced)) = self.stands() {
                std::fs::rename(&self.path, aside(&self.path))?;
            }
            std::fs::rename(&beside, &self.path)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                self.file = file;
                // The new name, too; where folders can't be synced the file is there all the same.
                #[cfg(unix)]
                if let Some(folder) = self.path.parent() {
                    let _ = File::open(folder).and_then(|folder| folder.sync_all());
                }
                Ok(())
            }
            Err(error) => {
                let _ = std::fs::remove_file(&beside);
                Err(error)
            }
        }
    }
}

/// A log that records are added to.
#[derive(Debug)]
pub struct RecordLog {
    medium: Box<dyn Medium>,
    /// Where the last whole record ends.
    end: u64,
    /// Until where everything is on the disk.
    synced: u64,
    /// What stands between the two.
    unsynced: Vec<u8>,
    /// After `synced` the file may hold something else.
    unsettled: bool,
}

impl RecordLog {
    /// Goes on with a file after so many bytes, which are on the disk.
    pub fn new(medium: impl Medium + 'static, end: u64) -> Self {
        Self {
            medium: Box::new(medium),
            end,
            synced: end,
            unsynced: Vec::new(),
            unsettled: false,
        }
    }

    /// Where the last whole record ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether the file is as it was left; otherwise what was done to it. What somebody else added is cut off.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn look(&mut self) -> io::Result<Option<Displaced>> {
        let length = match self.medium.stands()? {
            Stands::Here(length) => length,
            Stands::Gone(how) => return Ok(Some(how)),
        };
        let (least, most) = if self.unsettled {
            (self.synced, u64::MAX)
        } else {
            (self.end, self.end)
        };
        if length < least {
            return Ok(Some(Displaced::Shortened { to: length }));
        }
        if length > most {
            self.medium.cut(most)?;
            return Ok(Some(Displaced::Lengthened { by: length - most }));
        }
        Ok(None)
    }

    /// Writes again what a failure left in doubt.
    fn settle(&mut self) -> io::Result<()> {
        if self.unsettled {
            self.medium.cut(self.synced)?;
            self.medium.write_at(self.synced, &self.unsynced)?;
            self.unsettled = false;
        }
        Ok(())
    }

    /// Adds a record. It is on the disk with the next [`commit`](Self::commit).
    ///
    /// # Errors
    /// When the disk refuses; nothing was added then.
    pub fn append(&mut self, record: &[u8]) -> io::Result<()> {
        self.settle()?;
        if let Err(error) = self.medium.write_at(self.end, record) {
            // What was written of it must not stand before the next record.
            self.unsettled |= self.medium.cut(self.end).is_err();
            return Err(error);
        }
        self.end += record.len() as u64;
        self.unsynced.extend_from_slice(record);
        Ok(())
    }

    /// Adds a record; it and all before it are on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses; nothing was added then, and what was added before is kept.
    pub fn commit(&mut self, record: &[u8]) -> io::Result<()> {
        let before = self.unsynced.len();
        self.append(record)?;
        if let Err(error) = self.medium.sync() {
            self.unsynced.truncate(before);
            self.end = self.synced + before as u64;
            self.unsettled = true;
            let _ = self.medium.cut(self.end);
            return Err(error);
        }
        self.all_synced();
        Ok(())
    }

    fn all_synced(&mut self) {
        self.synced = self.end;
        self.unsynced.clear();
        self.unsynced.shrink_to(KEPT_BYTES);
    }

    /// Whether so many bytes could be written now: they are, and taken off again.
    ///
    /// # Errors
    /// Why not.
    pub fn probe(&mut self, bytes: usize) -> io::Result<()> {
        self.settle()?;
        // Nothing that a disk could make small; and nothing that is a record.
        let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
        let mut filled = Vec::with_capacity(bytes.min(MOST_PROBED) + 8);
        while filled.len() < bytes.min(MOST_PROBED) {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            filled.extend_from_slice(&(noise | 0x8080_8080_8080_8080).to_le_bytes());
        }
        let written = self
            .medium
            .write_at(self.end, &filled)
            .and_then(|()| self.medium.sync());
        self.unsettled |= self.medium.cut(self.end).is_err() || written.is_err();
        written
    }

    /// Puts the file back that was deleted, moved or replaced, with all that was written to it.
    ///
    /// # Errors
    /// When the disk refuses; it can be tried again.
    pub fn put_back(&mut self) -> io::Result<()> {
        self.medium.anew(self.synced, &self.unsynced)?;
        self.unsettled = false;
        self.all_synced();
        Ok(())
    }

    /// Begins the file anew with what comes first in it, and what wasn't on the disk yet.
    ///
    /// # Errors
    /// When the disk refuses; everything is as it was then.
    pub fn begin_anew(&mut self, head: &[u8]) -> io::Result<()> {
        let bytes = [head, &self.unsynced].concat();
        self.medium.anew(0, &bytes)?;
        self.unsettled = false;
        self.end = bytes.len() as u64;
        self.all_synced();
        Ok(())
    }

    /// Lets the medium fail as a test wants it to.
    #[cfg(test)]
    pub(super) fn fail_as(&mut self, faults: &super::record_log_tests::Faults) {
        let medium = std::mem::replace(&mut self.medium, Box::new(super::record_log_tests::Nowhere));
        self.medium = faults.around(medium);
    }
}
