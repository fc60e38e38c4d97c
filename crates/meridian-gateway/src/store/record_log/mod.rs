//! What journal, order log and audit log are written with: whole records at a file's end, or nothing.
//!
//! A write that failed or was short is undone, and the next one begins where the last whole record ends. After a sync
//! that failed nobody knows what of it is on the disk: what came since the last good one is kept, cut off and written
//! again before anything else. And the file is looked at before each write: one that was deleted, moved, replaced,
//! shortened or added to by somebody else isn't written to as if nothing had happened.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is kept in memory of records between two syncs, once they are on the disk.
const KEPT_BYTES: usize = 1 << 20;
/// Most that is written to see whether there is space again.
const MOST_PROBED: usize = 1 << 20;
/// A deleted file that fits on its disk only once is moved in pieces of so many bytes, or of fewer where these don't fit.
const MOST_MOVED: usize = 4 << 20;
/// Disks give and take such blocks.
const BLOCK: usize = 4_096;
/// How long it is moved at a time; then others have their turn.
const MOVES_FOR: Duration = Duration::from_millis(300);
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
    /// another name. It is on the disk when this returns. After an error nothing was changed, or a part of a file that is
    /// nowhere else stands in place, and the next call goes on with it.
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
    /// So many bytes of `file` are on the disk, while it is put together from others.
    moved: u64,
    /// The files that hold what comes after them, each until such a place: what was deleted before all of it was back.
    rest: Vec<(u64, File)>,
}

impl Disk {
    /// A file that was opened for reading and writing. With `locked`, one that takes its place is locked as it is.
    pub fn new(path: &Path, file: File, locked: bool) -> Self {
        Self {
            path: path.to_owned(),
            file,
            locked,
            moved: 0,
            rest: Vec::new(),
        }
    }

    /// How the file itself stands.
    #[cfg(unix)]
    fn found(&self) -> io::Result<Stands> {
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
    fn found(&self) -> io::Result<Stands> {
        // A file that is open can't be deleted or moved there.
        Ok(Stands::Here(self.file.metadata()?.len()))
    }

    /// A copy beside the file takes its place once it is on the disk.
    fn copy(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
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
            self.make_way()?;
            std::fs::rename(&beside, &self.path)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                self.file = file;
                self.rest.clear();
                self.sync_folder();
                Ok(())
            }
            Err(error) => {
                let _ = std::fs::remove_file(&beside);
                Err(error)
            }
        }
    }

    /// Another file in the log's place gets another name.
    fn make_way(&self) -> io::Result<()> {
        if let Ok(Stands::Gone(Displaced::Replaced)) = self.found() {
            std::fs::rename(&self.path, aside(&self.path))?;
        }
        Ok(())
    }

    /// A new name is on the disk, too; where folders can't be synced the file is there all the same.
    fn sync_folder(&self) {
        #[cfg(unix)]
        if let Some(folder) = self.path.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
    }

    /// Moves a deleted file into a new one, piece by piece: each is given back to the disk once it is on the disk anew, so
    /// that it takes the space of one piece more. The new file is in its place from the beginning: of a gateway that is
    /// killed meanwhile there is as much as was moved, where there would be nothing otherwise.
    pub(crate) fn move_over(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
        let began = Instant::now();
        if self.rest.is_empty() || !matches!(self.found()?, Stands::Here(_)) {
            self.make_way()?;
            let file = private().create_new(true).open(&self.path)?;
            if self.locked
                && let Err(error) = file.try_lock()
            {
                let _ = std::fs::remove_file(&self.path);
                return Err(io::Error::other(error));
            }
            self.sync_folder();
            let until = if self.rest.is_empty() { kept } else { self.moved };
            let before = std::mem::replace(&mut self.file, file);
            self.rest.insert(0, (until, before));
            self.moved = 0;
        }
        let mut piece = MOST_MOVED;
        while self.moved < kept {
            let now = self.rest.iter_mut().find(|(until, _)| *until > self.moved);
            let Some((until, from)) = now else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let many = (piece as u64).min(kept.min(*until) - self.moved);
            let mut held = vec![0; many as usize];
            from.seek(SeekFrom::Start(self.moved))?;
            from.read_exact(&mut held)?;
            let written = fits(&self.file, from, many)
                .and_then(|()| self.file.set_len(self.moved))
                .and_then(|()| self.file.seek(SeekFrom::Start(self.moved)))
                .and_then(|_| self.file.write_all(&held))
                .and_then(|()| self.file.sync_data());
            match written {
                Ok(()) => {
                    give_back(from, self.moved, many);
                    self.moved += many;
                }
                Err(error) => {
                    self.file.set_len(self.moved)?;
                    if !is_full(&error) || piece == BLOCK {
                        return Err(error);
                    }
                    piece /= 2;
                }
            }
            if began.elapsed() > MOVES_FOR && self.moved < kept {
                let problem = format!("{} of {kept} bytes are back", self.moved);
                return Err(io::Error::new(NOT_ALL_YET, problem));
            }
        }
        self.file.set_len(kept)?;
        self.file.seek(SeekFrom::Start(kept))?;
        self.file.write_all(bytes)?;
        self.file.sync_all()?;
        self.rest.clear();
        Ok(())
    }

    /// Whether nobody has this file but us, and pieces of it can be given back to the disk.
    pub(crate) fn can_be_moved(&self) -> bool {
        let length = self.file.metadata().map(|known| known.len());
        // There is nothing after its end that would be given back.
        is_nowhere(&self.file)
            && length.is_ok_and(|length| {
                punch(&self.file, length.next_multiple_of(BLOCK as u64), BLOCK as u64).is_ok()
            })
    }
}

/// Whether a disk refuses for want of space.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Whether a file has no name any more.
fn is_nowhere(file: &File) -> bool {
    #[cfg(unix)]
    return file
        .metadata()
        .is_ok_and(|known| std::os::unix::fs::MetadataExt::nlink(&known) == 0);
    #[cfg(not(unix))]
    return file.metadata().is_err();
}

/// Gives a part of a file back to the disk; its length stays.
fn punch(file: &File, at: u64, many: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(file, how, at, many)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, at, many);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The same of a file that has no name any more; of one that somebody can still read nothing is taken.
fn give_back(file: &File, at: u64, many: u64) {
    if is_nowhere(file) {
        // What isn't given back takes space, and nothing else.
        let _ = punch(file, at, many);
    }
}

#[cfg(not(test))]
fn fits(_: &File, _: &File, _: u64) -> io::Result<()> {
    Ok(())
}
#[cfg(test)]
use crate::store::record_log::tests::fits;

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

    fn stands(&self) -> io::Result<Stands> {
        if self.rest.is_empty() {
            return self.found();
        }
        Ok(Stands::Gone(Displaced::Deleted))
    }

    fn anew(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
        if kept > 0 && !self.rest.is_empty() {
            return self.move_over(kept, bytes);
        }
        match self.copy(kept, bytes) {
            // What is in it isn't wanted any more: it only takes the space.
            Err(error) if kept == 0 && is_full(&error) && is_nowhere(&self.file) => {
                self.file.set_len(0)?;
                self.copy(0, bytes)
            }
            Err(error) if kept > 0 && is_full(&error) && self.can_be_moved() => self.move_over(kept, bytes),
            done => done,
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
    /// The file isn't as it was left, and that isn't made good yet.
    displaced: bool,
    /// What was done to it since this was asked last.
    untold: Option<Displaced>,
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
    /// When the disk refuses, with what helps; it can be tried again.
    pub fn put_back(&mut self, how: Displaced) -> io::Result<()> {
        let put_back = self.medium.anew(self.synced, &self.unsynced);
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
        self.medium.anew(0, &bytes)?;
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
