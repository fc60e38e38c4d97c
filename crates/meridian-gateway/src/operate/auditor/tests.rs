use std::time::Duration;

use super::*;
use crate::operate::audit::verify;
use crate::operate::auditor::sums::*;
use crate::store::Store;
use crate::store::record_log::tests::Faults;

fn refusal(address: &str) -> Details {
    Details {
        address: Some(address.to_owned()),
        reason: Some("origin".to_owned()),
        ..Details::default()
    }
}

fn lines(path: &std::path::Path, kind: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &serde_json::Value| line["type"] == kind)
        .collect()
}

fn started(path: &std::path::Path) -> (Auditor, std::thread::JoinHandle<()>, Faults, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let mut log = AuditLog::open(path, "urn:x", Utc::now()).unwrap();
    let faults = Faults::default();
    log.fail_as(&faults);
    let (auditor, thread) = Auditor::start(log, &metrics).unwrap();
    (auditor, thread, faults, metrics)
}

/// A flood from many addresses: few lines, none of the events forgotten, and all that a director does.
#[test]
fn a_flood_is_summed_up_and_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (auditor, thread, _, metrics) = started(&path);
    for number in 0..40_000_u32 {
        let address = match number % 3 {
            0 => format!("10.0.0.{}", number % 8),
            1 => format!("2001:db8:0:{:x}::{number:x}", number % 4),
            _ => format!("172.16.{}.{}", number / 250 % 250, number % 250),
        };
        auditor.record(Kind::AccessDenied, "client", refusal(&address));
        if number % 400 == 0 {
            auditor.record(Kind::Desk, "desk", Details::default());
        }
    }
    drop(auditor);
    thread.join().unwrap();
    assert_eq!(metrics.audit_lost.get(), 0);
    let found = verify(std::slice::from_ref(&path), None).unwrap();
    assert!(found.entries < 1_000, "{} lines", found.entries);
    assert_eq!(lines(&path, "meridian.desk.command").len(), 100);
    let denied = lines(&path, "meridian.access.denied");
    let all: u64 = denied
        .iter()
        .map(|line| line["data"]["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(all, 40_000);
    let of = |address: &str| {
        denied
            .iter()
            .filter(|line| line["data"]["address"] == address)
            .count()
    };
    assert_eq!(
        (of("10.0.0.1"), of("2001:db8:0:2::/64")),
        (SINGLY as usize + 1, 1)
    );
    assert!(std::fs::metadata(&path).unwrap().len() < 500_000);
}

/// A log that nothing is written to is looked after too.
#[test]
fn an_idle_log_that_is_deleted_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (auditor, thread, faults, metrics) = started(&path);
    auditor.record(Kind::Desk, "desk", Details::default());
    let until = |what: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until(&|| std::fs::metadata(&path).unwrap().len() > 0);
    faults.full_at(1);
    std::fs::remove_file(&path).unwrap();
    until(&|| metrics.storage(Store::Audit).is_some());
    let problem = metrics.ill(0).unwrap();
    assert!(problem.contains("the file was deleted"), "{problem}");
    let counted = "meridian_gateway_storage_displaced_total{what=\"audit\"} 1";
    assert!(metrics.text().contains(counted));
    faults.none();
    until(&|| path.exists() && metrics.storage(Store::Audit).is_none());
    drop(auditor);
    thread.join().unwrap();
    let found = verify(std::slice::from_ref(&path), None).unwrap();
    assert_eq!(
        (found.entries, lines(&path, "meridian.audit.displaced").len()),
        (3, 1)
    );
}

/// A director who asks in vain over and over: a few lines and a sum, and what is done stands apart, of this one and of others.
#[test]
fn what_directors_ask_for_in_vain_is_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (auditor, thread, _, _) = started(&path);
    let by = |token: &str, reason: &str| Details {
        token: Some(token.to_owned()),
        reason: Some(reason.to_owned()),
        ..Details::default()
    };
    for number in 0..5_000 {
        auditor.record_vain(Kind::Desk, "desk", by("a", "Hold: nothing changed"));
        if number % 1_000 == 0 {
            auditor.record(Kind::Desk, "desk", by("a", "Scene: done"));
            auditor.record_vain(Kind::Desk, "desk", by("b", "Release: refused"));
        }
    }
    drop(auditor);
    thread.join().unwrap();
    let acts = lines(&path, "meridian.desk.command");
    let of = |token: &str, reason: &str| {
        let mut counts = Vec::new();
        for line in &acts {
            if line["data"]["token"] == token && line["data"]["reason"] == reason {
                counts.push(line["data"]["count"].as_u64().unwrap_or(1));
            }
        }
        (counts.len(), counts.iter().sum::<u64>())
    };
    assert_eq!(of("a", "Hold: nothing changed"), (10, 10));
    assert_eq!(of("a", IN_VAIN), (1, 4_990));
    assert_eq!(of("a", "Scene: done"), (5, 5));
    assert_eq!(of("b", "Release: refused"), (5, 5));
    assert_eq!(acts.len(), 21);
}

/// While the disk refuses acts wait, and the log says so when it goes on; the metrics say so at once.
#[test]
fn what_directors_do_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (auditor, thread, faults, metrics) = started(&path);
    faults.full_at(10);
    let desk = |number: u32| Details {
        reason: Some(format!("act {number}")),
        ..Details::default()
    };
    for number in 0..9_000 {
        auditor.record(Kind::Desk, "desk", desk(number));
        auditor.record(
            Kind::Refused,
            "client",
            refusal(&format!("10.0.{}.{}", number / 250, number % 250)),
        );
    }
    let began = Instant::now();
    while metrics.storage(Store::Audit).is_none() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(metrics.ill(0).unwrap().contains("audit: "));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    faults.none();
    drop(auditor);
    thread.join().unwrap();
    assert_eq!(metrics.storage(Store::Audit), None);
    verify(std::slice::from_ref(&path), None).unwrap();
    let acts = lines(&path, "meridian.desk.command");
    assert_eq!(acts.len(), 9_000);
    assert!(
        acts.iter()
            .enumerate()
            .all(|(number, line)| line["data"]["reason"] == format!("act {number}"))
    );
    assert_eq!(lines(&path, "meridian.audit.interrupted").len(), 1);
    let refused = lines(&path, "meridian.client.refused");
    let told: u64 = refused
        .iter()
        .map(|line| line["data"]["count"].as_u64().unwrap_or(1))
        .sum();
    let lost = lines(&path, "meridian.audit.lost");
    let lost: u64 = lost
        .iter()
        .map(|line| line["data"]["count"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(told + lost, 9_000);
}
