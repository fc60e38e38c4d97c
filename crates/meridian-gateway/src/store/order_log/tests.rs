use super::*;
use crate::store::order_log::record::*;
use crate::store::record_log::tests::Faults;
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Kind};

fn begun(k: u32) -> LogHead {
    LogHead::new("a day", "a catalogue", 5, k)
}

fn read(path: &Path) -> Result<(Vec<Record>, Records), JournalError> {
    let (_, mut records) = OrderLog::open(path, &begun(10))?;
    let mut found = Vec::new();
    while let Some(record) = records.next_record()? {
        found.push(record);
    }
    Ok((found, records))
}

fn written(path: &Path) -> (Vec<Record>, Vec<usize>) {
    let (_, records) = read(path).unwrap();
    let mut log = records.into_log().unwrap();
    let mut ends = vec![std::fs::metadata(path).unwrap().len() as usize];
    let mut all = Vec::new();
    for number in 0..4_u8 {
        let batch = Batch::new(Kind::Order, 0, 100 + i64::from(number));
        let batch = encode(&batch, 1, u64::from(number)).unwrap();
        log.batch(&batch).unwrap();
        all.push(Record::Batch(batch));
        ends.push(std::fs::metadata(path).unwrap().len() as usize);
        log.step(i64::from(number) * 100, 1).unwrap();
        all.push(Record::Step {
            to_ms: i64::from(number) * 100,
            batches: 1,
        });
        ends.push(std::fs::metadata(path).unwrap().len() as usize);
    }
    (all, ends)
}

#[test]
fn what_was_written_is_read_and_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (all, _) = written(&path);
    let (found, records) = read(&path).unwrap();
    assert_eq!(found, all);
    records.into_log().unwrap().batch(b"more").unwrap();
    assert_eq!(
        read(&path).unwrap().0.last(),
        Some(&Record::Batch(b"more".to_vec()))
    );
    // The seed is that of its beginning.
    let seeds = [1, 2].map(|_| OrderLog::open(&path, &begun(10)).unwrap().0.seed);
    assert_eq!(seeds[0], seeds[1]);
}

/// Cut anywhere, it has what was whole, and goes on from there.
#[test]
fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (all, ends) = written(&path);
    let bytes = std::fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        let (found, records) = read(&path).unwrap();
        assert_eq!(found, all[..whole], "cut at {cut}");
        records.into_log().unwrap().step(9, 0).unwrap();
        let (found, _) = read(&path).unwrap();
        assert_eq!(found.len(), whole + 1, "cut at {cut}");
    }
}

/// Whatever byte is altered: it costs the record that it is in, and that is said; all others are as they were.
#[test]
fn what_was_altered_costs_one_record_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (all, ends) = written(&path);
    let bytes = std::fs::read(&path).unwrap();
    for at in ends[0]..ends[ends.len() - 2] {
        for flip in [4, 0x80] {
            let mut altered = bytes.clone();
            altered[at] ^= flip;
            std::fs::write(&path, &altered).unwrap();
            let number = ends.iter().filter(|end| **end <= at).count() - 1;
            let (found, records) = read(&path).unwrap();
            let Record::Damaged(damage) = found[number] else {
                panic!("byte {at}: {:?}", found[number])
            };
            let place = (damage.at, damage.bytes);
            assert_eq!(
                place,
                (ends[number] as u64, (ends[number + 1] - ends[number]) as u64)
            );
            assert_eq!(
                (&found[..number], &found[number + 1..]),
                (&all[..number], &all[number + 1..])
            );
            assert_eq!(records.damaged_bytes(), damage.bytes);
            // It is gone on with, and the damaged place stays as it is.
            records.into_log().unwrap().step(9, 0).unwrap();
            let (again, _) = read(&path).unwrap();
            assert_eq!((again.len(), &again[..all.len()]), (all.len() + 1, &found[..]));
        }
    }
}

/// A page of noughts takes several records with it, and the name of the first batch is told where it is left.
#[test]
fn a_damaged_middle_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (all, ends) = written(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[ends[2] + HEAD_BYTES + 40..ends[5] - 1].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let (found, _) = read(&path).unwrap();
    let damage = Damage {
        at: ends[2] as u64,
        bytes: (ends[5] - ends[2]) as u64,
        batch: Some((1, 1)),
    };
    assert_eq!(found[2], Record::Damaged(damage));
    assert_eq!((&found[..2], &found[3..]), (&all[..2], &all[5..]));
    assert!(damage.to_string().contains("batch 1 of source 1"), "{damage}");
    // Without what it was begun with it can't be counted, and says what to do.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[MAGIC.len() + HEAD_BYTES + 3] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    for error in [read(&path).unwrap_err(), OrderLog::look(&path).unwrap_err()] {
        assert!(
            error.to_string().contains(".damaged` lets the day begin anew"),
            "{error}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// A log that somebody deletes, moves or replaces is back with the next record; one that is cut says what is lost.
#[test]
fn a_log_that_is_taken_away_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (mut all, _) = written(&path);
    let mut log = read(&path).unwrap().1.into_log().unwrap();
    for (number, displaced) in [Displaced::Deleted, Displaced::Moved, Displaced::Replaced]
        .into_iter()
        .enumerate()
    {
        log.batch(b"more").unwrap();
        match displaced {
            Displaced::Deleted => std::fs::remove_file(&path).unwrap(),
            _ => std::fs::rename(&path, folder.path().join("elsewhere")).unwrap(),
        }
        if displaced == Displaced::Replaced {
            std::fs::write(&path, "my diary").unwrap();
        }
        log.step(number as i64, 1).unwrap();
        all.extend([
            Record::Batch(b"more".to_vec()),
            Record::Step {
                to_ms: number as i64,
                batches: 1,
            },
        ]);
        assert_eq!((log.displaced(), log.lost_bytes()), (Some(displaced), 0));
        // The new file is locked as the old one was.
        let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
        assert!(error.contains("another gateway"), "{error}");
    }
    log.batch(b"last").unwrap();
    std::fs::write(&path, "").unwrap();
    log.step(7, 1).unwrap();
    assert_eq!(log.displaced(), Some(Displaced::Shortened { to: 0 }));
    assert!(log.lost_bytes() > 400, "{}", log.lost_bytes());
    drop(log);
    let (found, _) = read(&path).unwrap();
    assert_eq!(
        found,
        [
            Record::Batch(b"last".to_vec()),
            Record::Step { to_ms: 7, batches: 1 }
        ]
    );
    let diary = std::fs::read_to_string(folder.path().join("day.orders.displaced")).unwrap();
    assert_eq!(diary, "my diary");
}

/// Batches before a step that couldn't be written are there with the next one that could.
#[test]
fn a_full_disk_loses_no_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    let (mut all, _) = written(&path);
    let mut log = read(&path).unwrap().1.into_log().unwrap();
    let faults = Faults::default();
    log.fail_as(&faults);
    for round in 0..4 {
        log.batch(b"batch").unwrap();
        all.push(Record::Batch(b"batch".to_vec()));
        faults.full_at(std::fs::metadata(&path).unwrap().len() + round * 5);
        faults.fails(round % 2 == 1, round == 3);
        assert!(log.step(1, 1).is_err() && log.batch(&[7; 40]).is_err() && log.probe(0).is_err());
        faults.none();
        log.probe(100).unwrap();
        log.step(2, 1).unwrap();
        all.push(Record::Step { to_ms: 2, batches: 1 });
    }
    drop(log);
    assert_eq!(read(&path).unwrap().0, all);
}

#[test]
fn another_day_another_k_or_another_gateway_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.orders");
    drop(read(&path).unwrap());
    let error = OrderLog::open(&path, &begun(5)).unwrap_err().to_string();
    assert!(error.contains("privacy.k 10, and now it is 5"), "{error}");
    let other = LogHead {
        day: "another".to_owned(),
        ..begun(10)
    };
    let error = OrderLog::open(&path, &other).unwrap_err().to_string();
    assert!(error.contains("day file that said something else"), "{error}");
    let held = OrderLog::open(&path, &begun(10)).unwrap();
    let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
    assert!(error.contains("another gateway"), "{error}");
    drop(held);
    std::fs::write(&path, "my diary").unwrap();
    let error = OrderLog::open(&path, &begun(10)).unwrap_err().to_string();
    assert!(error.contains("isn't an order log"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary");
}
