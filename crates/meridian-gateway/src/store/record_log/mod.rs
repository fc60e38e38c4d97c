//! The file beneath journal, order log and audit log: whole records are appended, or nothing.
//!
//! A write that failed or was short is undone, and the next one begins where the last whole record ends. After a sync
//! that failed nobody knows what of it is on the disk: what came since the last good one is kept, cut off and written
//! again before anything else. And the file is looked at before each write: one that was deleted, moved, replaced,
//! shortened or added to by somebody else isn't written to as if nothing had happened.

mod disk;

use std::io;

pub use disk::{Disk, private};

/// How much memory is kept for records between two syncs.
const KEPT_BYTES: usize = 1 << 20;
/// The most bytes written to find out whether there is space again.
const MAX_PROBED: usize = 1 << 20;

/// The kind of error of a file that is being moved, and isn't all there yet.
const NOT_ALL_YET: io::ErrorKind = io::ErrorKind::WouldBlock;

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
pub enum FileState {
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
    fn stands(&self) -> io::Result<FileState>;
    /// Puts a new file in place: the first `kept` bytes of this one, and others after them. What stood there gets
    /// another name. It is on the disk when this returns. After an error nothing was changed, or a part of a file that is
    /// nowhere else stands in place, and the next call goes on with it.
    ///
    /// # Errors
    /// When the disk refuses.
    fn replace_with(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()>;
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
    /// The file isn't as it was left, and that isn't made good yet.
    displaced: bool,
    /// What was done to it since this was asked last.
    untold: Option<Displaced>,
}

impl RecordLog {
    /// Continues a file after its first `end` bytes, which are on the disk.
    pub fn new(medium: impl Medium + 'static, end: u64) -> Self {
        Self {
            medium: Box::new(medium),
            end,
            synced: end,
            unsynced: Vec::new(),
            unsettled: false,
            displaced: false,
            untold: None,
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
        let found = self.compare()?;
        if let Some(how) = found
            && !self.displaced
        {
            self.untold = Some(how);
        }
        self.displaced = found.is_some_and(|how| !matches!(how, Displaced::Lengthened { .. }));
        Ok(found)
    }

    /// What was done to the file since this was asked last, whether or not it is made good.
    pub fn displaced(&mut self) -> Option<Displaced> {
        self.untold.take()
    }

    fn compare(&mut self) -> io::Result<Option<Displaced>> {
        let length = match self.medium.stands()? {
            FileState::Here(length) => length,
            FileState::Gone(how) => return Ok(Some(how)),
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

    /// Whether that many bytes could be written now: they are, and taken off again.
    ///
    /// # Errors
    /// Why not.
    pub fn probe(&mut self, bytes: usize) -> io::Result<()> {
        self.settle()?;
        // Nothing that a disk could make small; and nothing that is a record.
        let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
        let mut filled = Vec::with_capacity(bytes.min(MAX_PROBED) + 8);
        while filled.len() < bytes.min(MAX_PROBED) {
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
    /// When the disk refuses, with what helps; it can be tried again.
    pub fn put_back(&mut self, how: Displaced) -> io::Result<()> {
        let put_back = self.medium.replace_with(self.synced, &self.unsynced);
        put_back.map_err(|error| {
            let also = match how {
                Displaced::Moved => ", or move it back,",
                _ => "",
            };
            if error.kind() == NOT_ALL_YET {
                let problem = format!("{how}, and is being put back: {error}; don't stop the gateway before all are");
                return io::Error::new(error.kind(), problem);
            }
            let problem = format!(
                "{how}, and can't be put back yet ({error}): make room for its {} bytes{also} and don't stop the gateway before, a restart would lose what was in it",
                self.end
            );
            io::Error::new(error.kind(), problem)
        })?;
        self.unsettled = false;
        self.displaced = false;
        self.all_synced();
        Ok(())
    }

    /// Begins the file anew with what comes first in it, and what wasn't on the disk yet.
    ///
    /// # Errors
    /// When the disk refuses; everything is as it was then.
    pub fn begin_anew(&mut self, head: &[u8]) -> io::Result<()> {
        let bytes = [head, &self.unsynced].concat();
        self.medium.replace_with(0, &bytes)?;
        self.unsettled = false;
        self.displaced = false;
        self.end = bytes.len() as u64;
        self.all_synced();
        Ok(())
    }

    /// Lets the medium fail as a test wants it to.
    #[cfg(test)]
    pub(crate) fn fail_as(&mut self, faults: &tests::Faults) {
        let medium = std::mem::replace(&mut self.medium, Box::new(tests::Nowhere));
        self.medium = faults.around(medium);
    }
}

#[cfg(test)]
pub(crate) mod tests;
