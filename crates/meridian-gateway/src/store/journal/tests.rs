use proptest::prelude::*;

use super::*;
use crate::store::record_log::tests::Faults;

type Numbers = Vec<u64>;

fn open(path: &Path) -> Result<(Journal<Numbers>, Found<Numbers>), JournalError> {
    Journal::open(path)
}

#[test]
fn the_newest_state_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, found) = open(&path).unwrap();
    assert!(found.newest.is_none());
    for number in 0..5 {
        journal.append(&vec![number; 3]).unwrap();
    }
    let (mut journal, found) = open(&path).unwrap();
    assert_eq!((found.newest, found.torn_bytes), (Some(vec![4; 3]), 0));
    // Long logs are written anew and go on.
    for number in 0..30 {
        journal.append(&vec![u64::MAX - number; 20_000]).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() <= COMPACT_BYTES);
    journal.append(&vec![7]).unwrap();
    assert_eq!(open(&path).unwrap().1.newest, Some(vec![7]));
}

/// Cut anywhere, it opens with the last state that is whole, and goes on from there.
#[test]
fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, _) = open(&path).unwrap();
    let mut ends = vec![MAGIC.len()];
    for number in 1..=4 {
        journal.append(&vec![number; number as usize]).unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len() as usize);
    }
    let bytes = std::fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1) as u64;
        let expected = (whole > 0).then(|| vec![whole; whole as usize]);
        // Whoever only looks finds the same, and leaves the tail to whoever writes it.
        let seen = Journal::<Numbers>::look(&path).unwrap();
        assert_eq!(seen.newest, expected, "cut at {cut}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), cut as u64);
        let (mut journal, found) = open(&path).unwrap();
        assert_eq!(found.newest, expected, "cut at {cut}");
        journal.append(&vec![9]).unwrap();
        assert_eq!(open(&path).unwrap().1.newest, Some(vec![9]));
    }
    // Noughts after a power cut.
    let mut bytes = bytes;
    bytes.extend([0; 100]);
    std::fs::write(&path, &bytes).unwrap();
    let (_, found) = open(&path).unwrap();
    assert_eq!((found.newest, found.torn_bytes), (Some(vec![4; 4]), 100));
}

/// A length that says more than there is, or as much as there is, hides nothing that follows.
#[test]
fn an_altered_length_costs_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, _) = open(&path).unwrap();
    for number in 1..=3 {
        journal.append(&vec![number]).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let all = u32::try_from(whole.len() - MAGIC.len() - 8).unwrap();
    for length in [all + 1_000, all, 0, u32::MAX] {
        let mut bytes = whole.clone();
        bytes[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&length.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let (mut journal, found) = open(&path).unwrap();
        assert_eq!((found.newest, found.damaged_bytes), (Some(vec![3]), 11));
        journal.append(&vec![4]).unwrap();
        assert_eq!(open(&path).unwrap().1.newest, Some(vec![4]));
    }
}

/// Whatever is broken before the newest state, it counts; and that something is broken is said, to those who only look too.
#[test]
fn a_broken_middle_is_said_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, _) = open(&path).unwrap();
    for number in 1..=4 {
        journal.append(&vec![number; 5]).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let record = (whole.len() - MAGIC.len()) / 4;
    // Half a record that others follow, noughts for a record, a head that is none, and nothing whole at all.
    let at = MAGIC.len() + record;
    let half = [&whole[..at + 7], &whole[at + record..]].concat();
    let mut noughts = whole.clone();
    noughts[at..at + 2 * record].fill(0);
    let mut head = whole.clone();
    head[..MAGIC.len()].fill(0);
    let mut nothing = whole.clone();
    nothing[MAGIC.len()..].fill(b'x');
    for (bytes, newest, damaged) in [
        (half, Some(vec![4; 5]), 7),
        (noughts, Some(vec![4; 5]), 2 * record),
        (head, Some(vec![4; 5]), MAGIC.len()),
        (nothing, None, 0),
        (vec![0; 4_096], None, MAGIC.len()),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        let seen = Journal::<Numbers>::look(&path).unwrap();
        assert_eq!(
            (seen.newest, seen.damaged_bytes),
            (newest.clone(), damaged as u64)
        );
        let (mut journal, found) = open(&path).unwrap();
        assert_eq!((found.newest, found.damaged_bytes), (newest, damaged as u64));
        journal.append(&vec![9]).unwrap();
        assert_eq!(open(&path).unwrap().1.newest, Some(vec![9]));
    }
}

/// A disk that is full for a while leaves no half record: the newest state that was kept is there at any time.
#[test]
fn a_full_disk_leaves_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, _) = open(&path).unwrap();
    let faults = Faults::default();
    journal.fail_as(&faults);
    for number in 1..=30 {
        let length = std::fs::metadata(&path).unwrap().len();
        faults.full_at(length + number % 20);
        assert!(journal.append(&vec![number; 40]).is_err());
        let before = Journal::<Numbers>::look(&path).unwrap();
        assert_eq!(before.newest, (number > 1).then(|| vec![number - 1; 40]));
        faults.none();
        journal.append(&vec![number; 40]).unwrap();
        let found = Journal::<Numbers>::look(&path).unwrap();
        assert_eq!((found.torn_bytes, found.damaged_bytes), (0, 0));
    }
}

#[test]
fn a_file_that_is_gone_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let (mut journal, _) = open(&path).unwrap();
    journal.append(&vec![1]).unwrap();
    std::fs::remove_file(&path).unwrap();
    journal.append(&vec![2]).unwrap();
    assert_eq!(journal.displaced(), Some(Displaced::Deleted));
    assert_eq!(Journal::<Numbers>::look(&path).unwrap().newest, Some(vec![2]));
    std::fs::write(&path, "").unwrap();
    journal.append(&vec![3]).unwrap();
    assert_eq!(journal.displaced(), Some(Displaced::Shortened { to: 0 }));
    assert_eq!(
        (journal.displaced(), open(&path).unwrap().1.newest),
        (None, Some(vec![3]))
    );
}

#[test]
fn another_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    std::fs::write(&path, "my diary").unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("isn't a journal"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A flipped bit costs one state at most: it never makes another one.
    #[test]
    fn a_flipped_bit_makes_no_state(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (mut journal, _) = open(&path).unwrap();
        for number in 1..=4 {
            journal.append(&vec![number; 4]).unwrap();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, &bytes).unwrap();
        let newest = open(&path).unwrap().1.newest;
        prop_assert!(newest == Some(vec![4; 4]) || newest == Some(vec![3; 4]), "{:?}", newest);
    }
}
