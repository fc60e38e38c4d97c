use std::path::Path;

use chrono::{DateTime, Utc};

use super::*;
use crate::store::record_log::tests::Faults;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + ms).unwrap()
}

fn log(path: &Path, lines: u64) -> String {
    let mut log = AuditLog::open(path, "urn:meridian:test", at(0)).unwrap();
    for line in 0..lines {
        let details = Details {
            address: Some("10.0.0.7".to_owned()),
            count: Some(line),
            ..Details::default()
        };
        log.record(Kind::Joined, "client", details, at(line as i64))
            .unwrap();
    }
    log.head().to_owned()
}

#[test]
fn a_log_goes_on_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 3);
    let head = log(&path, 4);
    let found = verify(std::slice::from_ref(&path), Some(&head)).unwrap();
    assert_eq!((found.entries, found.head), (7, head));
    let text = std::fs::read_to_string(&path).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    for (key, value) in [
        ("specversion", "1.0"),
        ("source", "urn:meridian:test"),
        ("type", "meridian.client.joined"),
        ("subject", "client"),
        ("datacontenttype", "application/json"),
        ("previous", GENESIS),
    ] {
        assert_eq!(first[key], value);
    }
}

/// Whatever is done to a log is found, and where.
#[test]
fn what_was_done_to_a_log_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let head = log(&path, 6);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let altered = text.replacen("10.0.0.7", "10.0.0.8", 1);
    let spaced = text.replacen("{\"specversion\"", "{ \"specversion\"", 1);
    let taken_out = joined(&[lines[0], lines[1], lines[3], lines[4], lines[5]]);
    let moved = joined(&[lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]]);
    let twice = joined(&[
        lines[0], lines[1], lines[1], lines[2], lines[3], lines[4], lines[5],
    ]);
    let cut = joined(&lines[..4]);
    let torn = text[..text.len() - 5].to_owned();
    for (wrong, words) in [
        (altered, "line 1: it was altered"),
        (spaced, "line 1: it was altered"),
        (taken_out, "line 3: number 4 follows number 2: lines are missing"),
        (moved, "line 2: number 3 follows number 1"),
        (twice, "line 3: number 2 doesn't follow"),
        (cut, "its end was taken off"),
        (torn, "line 6: it is torn"),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = verify(std::slice::from_ref(&path), Some(&head))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_torn_end_is_cut_off_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    log(&path, 3);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    log(&path, 1);
    let found = verify(std::slice::from_ref(&path), None).unwrap();
    assert_eq!(found.entries, 4);
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("meridian.audit.repaired")
    );
    assert_eq!(found.repaired, 1);
    // It hides nothing: what was taken out or altered is found as ever.
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for wrong in [
        lines[1..].concat(),
        [lines[0], lines[2], lines[3]].concat(),
        text.replacen("bytes after", "bytes behind", 1),
    ] {
        std::fs::write(&path, &wrong).unwrap();
        assert!(verify(std::slice::from_ref(&path), None).is_err(), "{wrong}");
    }
    // Lines that aren't ours at its end are moved away, and said; a file of nothing else is left alone.
    std::fs::write(&path, format!("{}hello\nworld\n", lines[0])).unwrap();
    log(&path, 1);
    assert_eq!(verify(std::slice::from_ref(&path), None).unwrap().repaired, 1);
    assert_eq!(
        std::fs::read(folder.path().join("audit.jsonl.torn")).unwrap(),
        b"hello\nworld\n"
    );
    std::fs::write(&path, "hello\n").unwrap();
    let error = AuditLog::open(&path, "urn:x", at(0)).unwrap_err().to_string();
    assert!(error.contains("isn't an audit log"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"hello\n");
}

fn joined(log: &mut AuditLog, ms: i64) -> Result<(), AuditError> {
    log.record(Kind::Joined, "client", Details::default(), at(ms))
}

/// A disk that is full for a while takes no line from the chain, and leaves no half of one.
#[test]
fn a_full_disk_leaves_the_log_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
    let faults = Faults::default();
    log.fail_as(&faults);
    for round in 0..20 {
        joined(&mut log, round).unwrap();
        faults.full_at(log.log.end() + 17 * round as u64);
        faults.fails(round % 3 == 0, round % 4 == 0);
        assert!(joined(&mut log, round).is_err());
        let found = verify(std::slice::from_ref(&path), None);
        assert!(round % 4 == 0 || found.unwrap().head == log.head());
        faults.none();
    }
    joined(&mut log, 99).unwrap();
    let found = verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
    assert_eq!((found.entries, found.repaired), (21, 0));
}

/// Whoever deletes, moves, replaces or adds to the file takes nothing from the log; whoever cuts it is found out.
#[test]
fn what_is_done_to_the_file_is_a_line_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
    joined(&mut log, 0).unwrap();
    let away = folder.path().join("away");
    let ways: [&dyn Fn(); 4] = [
        &|| std::fs::remove_file(&path).unwrap(),
        &|| std::fs::rename(&path, &away).unwrap(),
        &|| {
            std::fs::rename(&path, &away).unwrap();
            std::fs::write(&path, "another's\n").unwrap();
        },
        &|| {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text + "more\n").unwrap();
        },
    ];
    for (number, way) in ways.iter().enumerate() {
        way();
        joined(&mut log, 1).unwrap();
        assert!(log.displaced().is_some() && log.displaced().is_none());
        let found = verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
        assert_eq!(
            (found.entries, found.repaired),
            (3 + 2 * number as u64, number as u64 + 1)
        );
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("the file was deleted") && text.contains("another file was put"),
        "{text}"
    );
    std::fs::write(&path, &text[..text.len() - 400]).unwrap();
    joined(&mut log, 2).unwrap();
    let error = verify(std::slice::from_ref(&path), Some(log.head())).unwrap_err();
    assert!(error.to_string().contains("lines are missing"), "{error}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("the file was cut to")
    );
}

/// Over several files the chain is one, also when the gateway stopped between two of them.
#[test]
fn a_long_log_goes_on_in_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let open = || {
        AuditLog::open(&path, "urn:x", at(0))
            .unwrap()
            .with_max_bytes(2_000)
    };
    let mut log = open();
    for ms in 0..60 {
        joined(&mut log, ms).unwrap();
        if ms % 7 == 0 {
            log = open();
        }
    }
    let files = with_rotated(std::slice::from_ref(&path));
    assert!(files.len() > 5 && files.last() == Some(&path), "{files:?}");
    assert!(
        files
            .iter()
            .all(|file| std::fs::metadata(file).unwrap().len() < 4_000)
    );
    let found = verify(&files, Some(log.head())).unwrap();
    assert_eq!(found.entries, log.entries());
    verify_file(&path).unwrap();
    // Those that are kept elsewhere are told by the hash that they end with; one that is missing is missed.
    let before = verify(&files[..2], None).unwrap().head;
    assert_eq!(
        verify_after(&files[2..], Some(&before), Some(log.head())).unwrap(),
        Verified {
            first: verify_file(&files[2]).unwrap().first,
            ..found
        }
    );
    for wrong in [&files[1..], &[files[0].clone(), files[2].clone()]] {
        let error = verify(wrong, None).unwrap_err().to_string();
        assert!(error.contains("lines are missing"), "{error}");
    }
    assert!(verify_after(&files[3..], Some(&before), None).is_err());
    // Stopped before the next file had a line.
    std::fs::remove_file(&path).unwrap();
    let mut log = open();
    joined(&mut log, 99).unwrap();
    verify(&with_rotated(std::slice::from_ref(&path)), Some(log.head())).unwrap();
}

#[test]
fn what_strangers_send_is_kept_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut log = AuditLog::open(&path, "urn:x", at(0)).unwrap();
    let details = Details {
        reason: Some("x\n\u{1b}[2J".repeat(10_000)),
        ..Details::default()
    };
    log.record(Kind::Refused, &"s".repeat(5_000), details, at(1))
        .unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 2_000);
    verify(std::slice::from_ref(&path), Some(log.head())).unwrap();
}
