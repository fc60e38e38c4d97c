//! A log's file on a disk: put back in place when somebody deletes or moves it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[cfg(test)]
use crate::store::record_log::tests::fits;
use crate::store::record_log::{Displaced, FileState, Medium, NOT_ALL_YET};

/// A deleted file that fits on its disk only once is moved in pieces of this size, or smaller where these don't fit.
const MAX_MOVED: usize = 4 << 20;
/// The block size of disks.
const BLOCK: usize = 4_096;
/// How long it is moved at a time; then others have their turn.
const MOVES_FOR: Duration = Duration::from_millis(300);

/// A file on a disk.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: File,
    locked: bool,
    /// How many bytes of `file` are on the disk, while it is put together from others.
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
    fn found(&self) -> io::Result<FileState> {
        use std::os::unix::fs::MetadataExt as _;
        let ours = self.file.metadata()?;
        let gone = if ours.nlink() == 0 {
            Displaced::Deleted
        } else {
            Displaced::Moved
        };
        match std::fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                Ok(FileState::Here(ours.len()))
            }
            Ok(_) => Ok(FileState::Gone(Displaced::Replaced)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileState::Gone(gone)),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(unix))]
    fn found(&self) -> io::Result<FileState> {
        // A file that is open can't be deleted or moved there.
        Ok(FileState::Here(self.file.metadata()?.len()))
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
        if let Ok(FileState::Gone(Displaced::Replaced)) = self.found() {
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
        if self.rest.is_empty() || !matches!(self.found()?, FileState::Here(_)) {
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
        let mut piece = MAX_MOVED;
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

    fn stands(&self) -> io::Result<FileState> {
        if self.rest.is_empty() {
            return self.found();
        }
        Ok(FileState::Gone(Displaced::Deleted))
    }

    fn replace_with(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
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
