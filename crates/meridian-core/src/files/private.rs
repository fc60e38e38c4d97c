//! Files that only their owner may read: keys and tokens.
//!
//! They are refused where others could read them, written whole or not at all, and stay their owner's even when
//! root writes them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long to wait for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// A file that changed so recently may change again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);

/// What a file is on the disk: whatever is done to it, this changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode; a file that takes another's place has others.
    place: (u64, u64),
    /// When anything of it was changed, its owner or mode too: seconds and nanoseconds.
    changed: (i64, i64),
    /// When its content was changed.
    modified: Option<SystemTime>,
    length: u64,
    /// User and group.
    owner: (u32, u32),
    mode: u32,
}

impl Stamp {
    fn new(data: &Metadata) -> Self {
        #[cfg(unix)]
        let (place, changed, owner, mode) = {
            use std::os::unix::fs::MetadataExt as _;
            (
                (data.dev(), data.ino()),
                (data.ctime(), data.ctime_nsec()),
                (data.uid(), data.gid()),
                data.mode(),
            )
        };
        #[cfg(not(unix))]
        let (place, changed, owner, mode) = ((0, 0), (0, 0), (0, 0), 0);
        Self {
            place,
            changed,
            modified: data.modified().ok(),
            length: data.len(),
            owner,
            mode,
        }
    }

    /// What lies at a path now; absent: nothing.
    ///
    /// # Errors
    /// When that can't be seen.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(data) => Ok(Some(Self::new(&data))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it changed so long ago that another change would be seen.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let changed = u64::try_from(self.changed.0).map_or(SystemTime::UNIX_EPOCH, |seconds| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        });
        let newest = self.modified.map_or(changed, |modified| modified.max(changed));
        now.duration_since(newest)
            .unwrap_or_else(|error| error.duration())
            > SETTLED
    }
}

/// Reads a secret, and says what the file was when it was read.
///
/// # Errors
/// When it can't be read, or others can read or change it; then the text says what is to be done.
pub fn read(path: &Path) -> Result<(Vec<u8>, Stamp)> {
    let (mut file, data) = open(path)?;
    check(path, &data)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, Stamp::new(&data)))
}

/// Reads a file that lies beside secrets and that others may read, such as a certificate.
///
/// # Errors
/// When it can't be read, or is no file.
pub fn read_shown(path: &Path) -> Result<Vec<u8>> {
    let (mut file, _) = open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens what is a file and nothing else: who reads a pipe waits for whoever writes into it, for ever if nobody does.
fn open(path: &Path) -> Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let data = file.metadata()?;
    if data.is_file() {
        return Ok((file, data));
    }
    let what = if data.is_dir() {
        "a folder"
    } else {
        "a pipe or a device"
    };
    let problem = format!("it is {what}: a file is needed");
    Err(Error::new(ErrorKind::InvalidInput, problem))
}

/// Reads a secret that is text.
///
/// # Errors
/// As [`read`]; and when it isn't UTF-8.
pub fn read_text(path: &Path) -> Result<(String, Stamp)> {
    let (bytes, stamp) = read(path)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it isn't text"))?;
    Ok((text, stamp))
}

#[cfg(unix)]
fn check(path: &Path, data: &Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = data.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let problem = format!(
        "its mode is {mode:o}: others could read it or change it; `chmod 600 {}` is needed",
        path.display()
    );
    Err(Error::new(ErrorKind::PermissionDenied, problem))
}

#[cfg(not(unix))]
fn check(_: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}

/// Writes a secret, whole or not at all. A file that is there keeps its owner and mode; a new one is its folder's
/// owner's where root makes it.
///
/// # Errors
/// When the disk refuses, or the file is another's and this isn't root.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = named(path, ".new");
    // What a run that was broken off left; or what somebody put there, for root to write through.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(&beside)?;
    let put = fill(&mut file, bytes, path).and_then(|()| std::fs::rename(&beside, path));
    if put.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    put
}

fn fill(file: &mut File, bytes: &[u8], path: &Path) -> Result<()> {
    keep_owner(file, path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes an empty file for secrets if there is none, so that whoever appends to it later finds it with the right owner.
///
/// # Errors
/// When the disk refuses.
pub fn make_if_absent(path: &Path) -> Result<()> {
    make_folder_of(path)?;
    match create(path) {
        Ok(file) => keep_owner(&file, path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the folder that a file is to lie in, and those above it that aren't there: its owner's alone, whatever the umask
/// says. Where root makes it, it is the owner's of the folder above.
///
/// # Errors
/// When the disk refuses; the text names the folder.
pub fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => make_folder(folder),
        None => Ok(()),
    }
}

/// Refuses a pipe in the place of a file that is kept: whoever read it would wait for ever.
///
/// # Errors
/// When there is one.
pub fn refuse_pipe(path: &Path) -> Result<()> {
    #[cfg(unix)]
    if let Ok(data) = std::fs::metadata(path)
        && std::os::unix::fs::FileTypeExt::is_fifo(&data.file_type())
    {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "it is a pipe: a file is needed",
        ));
    }
    Ok(())
}

/// The same as [`make_folder_of`] for a folder.
///
/// # Errors
/// When the disk refuses; the text names the folder.
pub fn make_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    make_folder_of(folder)?;
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => keep_folders_owner(folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => {
            let problem = format!("the folder {} can't be made: {error}", folder.display());
            return Err(Error::new(error.kind(), problem));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn keep_folders_owner(folder: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let (Ok(ours), Ok(above)) = (
        std::fs::metadata(folder),
        std::fs::metadata(above.unwrap_or(Path::new("."))),
    ) && ours.uid() != above.uid()
    {
        // Others than root can't, and it is theirs then.
        let _ = std::os::unix::fs::lchown(folder, Some(above.uid()), Some(above.gid()));
    }
}

#[cfg(not(unix))]
fn keep_folders_owner(_: &Path) {}

/// What others may do in a folder that is there, if anything: how large a file is tells them what grows in it.
#[cfg(unix)]
pub fn open_to_others(folder: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(folder).ok()?.permissions().mode() & 0o777;
    let may = match (mode & 0o022, mode & 0o055) {
        (0, 0) => return None,
        (0, _) => "others see what is in it, and how large",
        _ => "others can put files in the place of those in it",
    };
    Some(format!(
        "the folder {} has the mode {mode:o}: {may}; `chmod 700 {}` is needed",
        folder.display(),
        folder.display()
    ))
}

/// What others may do in a folder that is there, if anything.
#[cfg(not(unix))]
pub fn open_to_others(_: &Path) -> Option<String> {
    None
}

fn named(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A file that wasn't there; links aren't followed so.
fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a file that was just made the owner that it should have.
#[cfg(unix)]
fn keep_owner(file: &File, path: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let ours = file.metadata()?;
    let known = std::fs::metadata(path)
        .ok()
        .filter(|known| known.ino() != ours.ino());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(known) = known else {
        // Root makes it: whose folder it is shall be able to read it. For others it is theirs.
        if let Ok(folder) = std::fs::metadata(folder.unwrap_or(Path::new(".")))
            && folder.uid() != ours.uid()
        {
            let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
        }
        return Ok(());
    };
    if known.uid() == ours.uid() {
        // A group that its owner isn't in can't be kept, and nothing of it is the group's anyway.
        let _ = fchown(file, None, Some(known.gid()));
    } else {
        fchown(file, Some(known.uid()), Some(known.gid())).map_err(|_| {
            let problem = format!(
                "it is the user {}'s, and this runs as the user {}: run it as that user (sudo -u) or as root",
                known.uid(),
                ours.uid()
            );
            Error::new(ErrorKind::PermissionDenied, problem)
        })?;
    }
    file.set_permissions(std::fs::Permissions::from_mode(known.mode() & 0o700))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

/// Holds a file for one who reads, changes and writes it. Others of this program wait; dropping it lets them.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Lock {
    /// Waits for the lock, which is a file beside.
    ///
    /// # Errors
    /// When it can't be had, or somebody holds it for ten seconds.
    pub fn take(path: &Path) -> Result<Self> {
        let beside = named(path, ".lock");
        make_if_absent(&beside)?;
        let (file, _) = open(&beside)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(std::fs::TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIMEOUT => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let problem = format!(
                        "somebody else has been changing it for {} s (they hold {})",
                        LOCK_TIMEOUT.as_secs(),
                        beside.display()
                    );
                    return Err(Error::new(ErrorKind::WouldBlock, problem));
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_and_what_is_to_be_done_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write(&path, b"secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let problem = read(&path).unwrap_err().to_string();
            assert!(problem.contains(&format!("{mode:o}")), "{problem}");
            assert!(
                problem.contains(&format!("chmod 600 {}", path.display())),
                "{problem}"
            );
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read(&path).unwrap().0, b"secret");
        // Written anew it stays as strict as it was.
        write(&path, b"another").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o400
        );
        assert_eq!(read(&path).unwrap().0, b"another");
    }

    /// Whoever reads it isn't kept waiting.
    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for problem in [read(&path).unwrap_err(), read_shown(&path).unwrap_err()] {
            assert!(problem.to_string().contains("a pipe"), "{problem}");
        }
        let problem = read(folder.path()).unwrap_err().to_string();
        assert!(problem.contains("a folder"), "{problem}");
        std::fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn whatever_is_done_to_a_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        assert_eq!(Stamp::at(&path).unwrap(), None);
        std::fs::write(&path, "one").unwrap();
        let mut known = Stamp::at(&path).unwrap();
        let times = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut see = |what: &str| {
            let now = Stamp::at(&path).unwrap();
            assert_ne!(now, known, "{what}");
            known = now;
        };
        // Neither the time nor the length tells of these.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        see("mode");
        let other = folder.path().join("other");
        std::fs::write(&other, "two").unwrap();
        File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(times)
            .unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&other, &path).unwrap();
        see("another file of the same time, length and mode");
        let stamp = Stamp::at(&path).unwrap().unwrap();
        assert!(!stamp.is_settled(SystemTime::now()));
        assert!(stamp.is_settled(SystemTime::now() + Duration::from_secs(60)));
    }

    #[test]
    fn folders_that_are_made_are_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make_folder_of(&inner.join("state.journal")).unwrap();
        make_folder(&inner).unwrap();
        for made in [inner.clone(), folder.path().join("a")] {
            let mode = std::fs::metadata(&made).unwrap().permissions().mode();
            assert_eq!((mode & 0o777, open_to_others(&made)), (0o700, None));
        }
        for (mode, words) in [
            (0o755, "how large"),
            (0o777, "in the place"),
            (0o710, "how large"),
        ] {
            std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(mode)).unwrap();
            let said = open_to_others(&inner).unwrap();
            assert!(said.contains(words) && said.contains("chmod 700"), "{said}");
        }
        std::fs::write(folder.path().join("file"), "").unwrap();
        let problem = make_folder(&folder.path().join("file/c/d"))
            .unwrap_err()
            .to_string();
        assert!(problem.contains("file can't be made"), "{problem}");
        // What has no folder lies here.
        make_folder_of(Path::new("state.journal")).unwrap();
    }

    /// Only root can give files away.
    #[test]
    fn root_leaves_files_to_their_owner_and_others_are_told_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        write(&path, b"mine").unwrap();
        if std::os::unix::fs::chown(&path, Some(12_345), Some(23_456)).is_err() {
            return;
        }
        write(&path, b"theirs").unwrap();
        let data = std::fs::metadata(&path).unwrap();
        assert_eq!(
            (data.uid(), data.gid(), data.mode() & 0o777),
            (12_345, 23_456, 0o600)
        );
        // One that is new is its folder's owner's.
        std::os::unix::fs::chown(folder.path(), Some(12_345), Some(23_456)).unwrap();
        let new = folder.path().join("new.toml");
        write(&new, b"x").unwrap();
        assert_eq!(std::fs::metadata(&new).unwrap().uid(), 12_345);
        drop(Lock::take(&new).unwrap());
        assert_eq!(
            std::fs::metadata(folder.path().join("new.toml.lock"))
                .unwrap()
                .uid(),
            12_345
        );
        // A link that somebody put in the way isn't written through.
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "untouched").unwrap();
        symlink(&victim, folder.path().join("new.toml.new")).unwrap();
        write(&new, b"y").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "y");
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("count");
        std::fs::write(&path, "0").unwrap();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..5 {
                        let _held = Lock::take(&path).unwrap();
                        let count: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                        write(&path, (count + 1).to_string().as_bytes()).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "20");
    }
}
