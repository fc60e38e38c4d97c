//! Disks that are full, that fail and that come back, for whoever writes a log.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use crate::store::record_log::{Disk, Displaced, FileState, Medium, RecordLog, private};

/// What fails, for as long as it is said.
#[derive(Debug)]
struct FaultPlan {
    /// No file gets longer than this.
    most: AtomicU64,
    sync: AtomicBool,
    cut: AtomicBool,
}

/// What fails of a medium. Clones say the same.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Arc<FaultPlan>);

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(FaultPlan {
            most: AtomicU64::new(u64::MAX),
            sync: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        }))
    }
}

impl Faults {
    /// No file gets longer than this.
    pub fn full_at(&self, most: u64) {
        self.0.most.store(most, Ordering::SeqCst);
    }

    /// Whether syncs fail, and cuts.
    pub fn fails(&self, sync: bool, cut: bool) {
        self.0.sync.store(sync, Ordering::SeqCst);
        self.0.cut.store(cut, Ordering::SeqCst);
    }

    /// Everything is well again.
    pub fn none(&self) {
        self.full_at(u64::MAX);
        self.fails(false, false);
    }

    pub fn around(&self, inner: Box<dyn Medium>) -> Box<dyn Medium> {
        Box::new(Faulty {
            inner,
            faults: self.clone(),
        })
    }
}

thread_local! {
    /// How many bytes fit on the disk of files that are moved, all in all.
    static SPACE: Cell<u64> = const { Cell::new(u64::MAX) };
    /// After so many pieces there is no space either.
    static PIECES: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Whether so many bytes more do.
pub(crate) fn fits(into: &File, from: &File, more: u64) -> io::Result<()> {
    let used = |file: &File| {
        let blocks = std::os::unix::fs::MetadataExt::blocks(&file.metadata().unwrap());
        blocks * 512
    };
    if PIECES.get() == 0 || used(into) + used(from) + more.next_multiple_of(4_096) > SPACE.get() {
        return Err(full());
    }
    PIECES.set(PIECES.get() - 1);
    Ok(())
}

#[derive(Debug)]
struct Faulty {
    inner: Box<dyn Medium>,
    faults: Faults,
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Medium for Faulty {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let space = self.faults.0.most.load(Ordering::SeqCst).saturating_sub(at);
        if space >= bytes.len() as u64 {
            return self.inner.write_at(at, bytes);
        }
        self.inner.write_at(at, &bytes[..space as usize])?;
        Err(full())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.faults.0.cut.load(Ordering::SeqCst) {
            return Err(io::Error::other("no cut"));
        }
        self.inner.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.faults.0.sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("no sync"));
        }
        self.inner.sync()
    }

    fn stands(&self) -> io::Result<FileState> {
        self.inner.stands()
    }

    fn replace_with(&mut self, kept: u64, bytes: &[u8]) -> io::Result<()> {
        if kept + bytes.len() as u64 > self.faults.0.most.load(Ordering::SeqCst) {
            return Err(full());
        }
        self.inner.replace_with(kept, bytes)
    }
}

/// What stands for a medium while another is put around it.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Medium for Nowhere {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(full())
    }

    fn cut(&mut self, _: u64) -> io::Result<()> {
        Err(full())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(full())
    }

    fn stands(&self) -> io::Result<FileState> {
        Err(full())
    }

    fn replace_with(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(full())
    }
}

fn open(path: &Path) -> (RecordLog, Faults) {
    let file = private().open(path).unwrap();
    let end = file.metadata().unwrap().len();
    let mut log = RecordLog::new(Disk::new(path, file, false), end);
    let faults = Faults::default();
    log.fail_as(&faults);
    (log, faults)
}

/// Half of a record is taken back, and the next one stands where it would have.
#[test]
fn a_short_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (mut log, faults) = open(&path);
    log.commit(b"one.").unwrap();
    for cut_fails in [false, true] {
        faults.full_at(log.end() + 2);
        faults.fails(false, cut_fails);
        assert!(log.append(b"lost").is_err() && log.commit(b"lost").is_err());
        assert!(log.probe(3).is_err());
        faults.none();
        assert_eq!(log.look().unwrap(), None);
        log.append(b"two.").unwrap();
        log.commit(b"six.").unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"one.two.six.two.six.");
}

/// What a failed sync leaves in doubt is written again before what comes next; what it was for isn't.
#[test]
fn a_failed_sync_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (mut log, faults) = open(&path);
    log.append(b"kept").unwrap();
    faults.fails(true, true);
    assert!(log.commit(b"lost").is_err());
    // As a disk that forgot what it couldn't write.
    std::fs::write(&path, b"??").unwrap();
    faults.full_at(1);
    assert!(log.append(b"lost").is_err());
    faults.none();
    log.probe(1_000).unwrap();
    log.commit(b"next").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"keptnext");
}

#[test]
fn what_is_done_to_a_file_is_noticed_and_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (mut log, faults) = open(&path);
    log.commit(b"first").unwrap();
    log.append(b"second").unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(log.look().unwrap(), Some(Displaced::Deleted));
    // Not while the disk is full; then with all that was in it.
    faults.full_at(3);
    assert!(log.put_back(Displaced::Deleted).is_err() && !folder.path().join("log.new").exists());
    faults.none();
    log.put_back(Displaced::Deleted).unwrap();
    log.commit(b"third").unwrap();
    assert_eq!(
        (log.look().unwrap(), std::fs::read(&path).unwrap()),
        (None, b"firstsecondthird".to_vec())
    );

    let moved = folder.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    assert_eq!(log.look().unwrap(), Some(Displaced::Moved));
    std::fs::write(&path, b"a stranger's").unwrap();
    assert_eq!(log.look().unwrap(), Some(Displaced::Replaced));
    log.begin_anew(b"head").unwrap();
    log.commit(b"more").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"headmore");
    assert_eq!(
        std::fs::read(folder.path().join("log.displaced")).unwrap(),
        b"a stranger's"
    );

    std::fs::write(&path, b"headmore and more").unwrap();
    assert_eq!(log.look().unwrap(), Some(Displaced::Lengthened { by: 9 }));
    assert_eq!(
        (log.look().unwrap(), std::fs::read(&path).unwrap()),
        (None, b"headmore".to_vec())
    );
    std::fs::write(&path, b"hea").unwrap();
    assert_eq!(log.look().unwrap(), Some(Displaced::Shortened { to: 3 }));
}

/// A deleted file that fits on its disk only once is moved: whatever is deleted meanwhile, and however often there is no
/// space. What stands in place is always the beginning of it, for whoever kills the gateway.
#[cfg(target_os = "linux")]
#[test]
fn what_fits_only_once_is_moved_in_pieces() {
    const BYTES: usize = 400_001;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let whole: Vec<u8> = (0..BYTES as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    std::fs::write(&path, &whole).unwrap();
    let file = private().open(&path).unwrap();
    let mut disk = Disk::new(&path, file, true);
    std::fs::remove_file(&path).unwrap();
    // Three blocks more than it takes: the pieces get as small as that.
    let few = BYTES.next_multiple_of(4_096) as u64 + 3 * 4_096;
    SPACE.set(few);
    if !disk.can_be_moved() {
        println!(
            "the disk of {} takes no part of a file back",
            folder.path().display()
        );
        return;
    }
    // A slow disk takes several turns, and it is said how far it is.
    while let Err(error) = disk.move_over(BYTES as u64, b"and more") {
        let problem = error.to_string();
        assert!(problem.ends_with("400001 bytes are back"), "{problem}");
    }
    let more = [&whole[..], b"and more"].concat();
    assert!(std::fs::read(&path).unwrap() == more);
    assert_eq!(disk.stands().unwrap(), FileState::Here(more.len() as u64));
    assert!(File::open(&path).unwrap().try_lock().is_err());

    // There is no space over and over; and what is back is deleted, replaced and moved.
    std::fs::remove_file(&path).unwrap();
    let away = folder.path().join("away");
    for round in 0.. {
        assert!(round < 1_000);
        PIECES.set(round % 2 * 7);
        if disk.move_over(more.len() as u64, b"!").is_ok() {
            break;
        }
        assert_eq!(disk.stands().unwrap(), FileState::Gone(Displaced::Deleted));
        let back = std::fs::read(&path).unwrap();
        assert!(more.starts_with(&back), "round {round}");
        match round {
            2 => std::fs::remove_file(&path).unwrap(),
            6 => std::fs::rename(&path, &away).unwrap(),
            8 => {
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, "my diary").unwrap();
            }
            _ => {}
        }
    }
    let found = std::fs::read(&path).unwrap();
    assert!(found.starts_with(&more) && found.len() == more.len() + 1);
    assert_eq!(disk.stands().unwrap(), FileState::Here(found.len() as u64));
}

/// What is the matter with a file that can't be put back, how much room it takes and what helps is said.
#[test]
fn a_file_that_cannot_be_put_back_says_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (mut log, faults) = open(&path);
    log.commit(b"record").unwrap();
    std::fs::remove_file(&path).unwrap();
    faults.full_at(3);
    for _ in 0..3 {
        assert_eq!(log.look().unwrap(), Some(Displaced::Deleted));
        let said = log.put_back(Displaced::Deleted).unwrap_err().to_string();
        for part in ["the file was deleted", "6 bytes", "a restart would lose"] {
            assert!(said.contains(part), "{said}");
        }
    }
    // It is counted at once, and once.
    assert_eq!(
        (log.displaced(), log.displaced()),
        (Some(Displaced::Deleted), None)
    );
    faults.none();
    log.put_back(Displaced::Deleted).unwrap();
    assert_eq!((log.look().unwrap(), log.displaced()), (None, None));
    std::fs::remove_file(&path).unwrap();
    log.look().unwrap();
    assert_eq!(log.displaced(), Some(Displaced::Deleted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever fails and whenever: the file is what was added, whole, in order; and what was committed is there at once.
    #[test]
    fn only_whole_records_are_ever_there(steps in prop::collection::vec((0..6_u8, 1..40_usize), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, faults) = open(&path);
        let mut all = Vec::new();
        for (number, (what, length)) in steps.into_iter().enumerate() {
            let record = vec![number as u8; length];
            match what {
                0 => faults.full_at(log.end() + length as u64 / 2),
                1 => faults.fails(length % 2 == 0, length % 3 == 0),
                2 => faults.none(),
                3 => drop(log.probe(length)),
                4 => if log.append(&record).is_ok() {
                    all.extend_from_slice(&record);
                },
                _ => if log.commit(&record).is_ok() {
                    all.extend_from_slice(&record);
                    prop_assert_eq!(&std::fs::read(&path).unwrap(), &all);
                },
            }
            prop_assert_eq!(log.end(), all.len() as u64);
        }
        faults.none();
        log.commit(b"end").unwrap();
        all.extend_from_slice(b"end");
        prop_assert_eq!(&std::fs::read(&path).unwrap(), &all);
    }
}
