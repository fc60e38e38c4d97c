//! Disks that are full for a while, beneath everything that is kept.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::{Rng, SeedableRng};

use crate::operate::events::{GatewayEvent as _, To};
use crate::operate::metrics::Metrics;
use crate::operate::storage::Watch;
use crate::source::intake::Outcome;
use crate::source::live::tests::{START_MS, batch, catalogue, day, offered, open, public};
use crate::store::Store;
use crate::store::record_log::tests::Faults;
use crate::*;
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Kind};
use meridian_core::tally::Tally;
use meridian_wire::{Body, Mode};

fn log_of(folder: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|ending| ending == "orders"))
        .unwrap()
}

/// How many rows were counted.
fn rows_of(publisher: &Publisher) -> u64 {
    let totals = publisher.totals();
    totals.counts.orders + totals.counts.payments + totals.corrections
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A disk that is full, fails and comes back at any moments, and a gateway that is killed and started again: what was
    /// answered is counted once and never lost, what is shown is never more than what is kept, and it goes on by itself.
    #[test]
    fn a_disk_that_fails_at_any_moment_costs_nothing(seed in any::<u64>(), steps in 20..80_usize) {
        let catalogue = catalogue();
        let folder = tempfile::tempdir().unwrap();
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let faults = Faults::default();
        let start = || {
            let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
            publisher.replay().unwrap();
            intake.fail_as(&faults);
            (publisher, intake)
        };
        let (mut publisher, mut intake) = start();
        let mut all = Tally::new(
            catalogue.region_of_place(), catalogue.regions().len(), 2, Kind::Order,
        );
        // What was sent and not answered as counted: it is sent again.
        let mut open_batches: Vec<(Vec<u8>, Option<u64>)> = Vec::new();
        let mut sequence = 0;
        let mut acknowledged = 0;
        for step in 0..steps {
            let now_ms = START_MS + 2_000 + step as i64 * 700;
            match random.random_range(0..8) {
                0 => faults.full_at(std::fs::metadata(log_of(folder.path())).unwrap().len() + random.random_range(0..600)),
                1 => faults.fails(random.random_range(0..2) == 0, random.random_range(0..2) == 0),
                2 | 3 => faults.none(),
                4 if random.random_range(0..2) == 0 => {
                    drop((publisher, intake));
                    let before = acknowledged;
                    faults.none();
                    (publisher, intake) = start();
                    prop_assert!(rows_of(&publisher) >= before, "{} of {}", rows_of(&publisher), before);
                    open_batches.iter_mut().for_each(|(_, ticket)| *ticket = None);
                }
                _ => {}
            }
            if random.random_range(0..4) > 0 {
                let kind = if random.random_range(0..3) == 0 { Kind::Payment } else { Kind::Order };
                let rows = random.random_range(1..40);
                let mut batch = batch(&mut random, kind, now_ms - 900, rows);
                // A correction of what doesn't carry value is in no count.
                batch.amount_minor.iter_mut().for_each(|amount| *amount = amount.abs());
                batch.items.amount_minor.iter_mut().for_each(|amount| *amount = amount.abs());
                all.add(&batch).unwrap();
                open_batches.push((encode(&batch, 7, sequence).unwrap(), None));
                sequence += 1;
            }
            for (bytes, ticket) in &mut open_batches {
                if ticket.is_none() {
                    *ticket = match offered(&intake, bytes, now_ms) {
                        Outcome::Taken(ticket) | Outcome::Duplicate(ticket) => Some(ticket),
                        Outcome::Later(problem) => {
                            prop_assert!(problem.contains("disk refuses"), "{}", problem);
                            None
                        }
                        Outcome::Refused(problem) => return Err(TestCaseError::fail(problem)),
                    };
                }
            }
            let before = publisher.event_ms();
            publisher.step(now_ms, 0);
            let waits = publisher.stalled().is_some();
            prop_assert_eq!(waits, publisher.event_ms() == before);
            prop_assert_eq!(publisher.mode(), if waits { Mode::Held } else { Mode::Live });
            prop_assert!(!waits || intake.kept().stands);
            let counted = *intake.counted().borrow();
            open_batches.retain(|(bytes, ticket)| {
                let is_counted = ticket.is_some_and(|ticket| ticket <= counted);
                if is_counted {
                    acknowledged += u64::from(u32::from_le_bytes(bytes[12..16].try_into().unwrap()));
                }
                !is_counted
            });
            // What is in the figures is in the log: another gateway would come to the same, and show the same.
            if step % 8 == 0 && !waits {
                let copy = tempfile::tempdir().unwrap();
                let log = log_of(folder.path());
                std::fs::copy(&log, copy.path().join(log.file_name().unwrap())).unwrap();
                let (mut other, _) = open(Some(copy.path()), &catalogue);
                other.replay().unwrap();
                prop_assert_eq!(other.totals(), publisher.totals());
                prop_assert!(public(&other) == public(&publisher));
            }
        }
        faults.none();
        let mut now_ms = START_MS + 2_000 + steps as i64 * 700;
        for _ in 0..3 {
            for (bytes, _) in &open_batches {
                offered(&intake, bytes, now_ms);
            }
            now_ms += 100;
            publisher.step(now_ms, 0);
        }
        prop_assert_eq!(publisher.totals(), all.totals());
        prop_assert_eq!(intake.kept(), Kept::default());
    }
}

/// One damaged batch costs its own orders and no others; that is said, and sent again it is counted.
#[test]
fn a_damaged_batch_is_missed_and_said() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
    publisher.replay().unwrap();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(3);
    let mut sent = Vec::new();
    for number in 0..30_i64 {
        let now_ms = START_MS + 1_000 + number * 500;
        let batch = batch(&mut random, Kind::Order, now_ms - 100, 20);
        let bytes = encode(&batch, 4, number as u64).unwrap();
        assert!(matches!(offered(&intake, &bytes, now_ms), Outcome::Taken(_)));
        publisher.step(now_ms, 0);
        sent.push(bytes);
    }
    let whole = publisher.totals();
    drop((publisher, intake));
    let log = log_of(folder.path());
    let mut bytes = std::fs::read(&log).unwrap();
    let at = bytes
        .windows(sent[12].len())
        .position(|window| window == sent[12])
        .unwrap();
    bytes[at + 70] ^= 1;
    std::fs::write(&log, &bytes).unwrap();

    let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
    assert_eq!(publisher.replay().unwrap(), 30);
    assert_eq!(rows_of(&publisher), 29 * 20);
    assert!(intake.kept().damaged_bytes as usize > sent[12].len());
    let now_ms = START_MS + 20_000;
    assert!(matches!(
        offered(&intake, &sent[11], now_ms),
        Outcome::Duplicate(_)
    ));
    assert!(matches!(offered(&intake, &sent[12], now_ms), Outcome::Taken(_)));
    let said = publisher.step(now_ms, 0).public_bodies();
    assert!(
        said.iter()
            .any(|body| matches!(body, Body::Notice(notice) if notice.code == "log_damaged"))
    );
    assert_eq!(publisher.totals(), whole);
    // Gone through once more, with what was sent again.
    let shown = public(&publisher);
    drop((publisher, intake));
    let (mut publisher, _) = open(Some(folder.path()), &catalogue);
    publisher.replay().unwrap();
    assert_eq!((publisher.totals(), public(&publisher) == shown), (whole, true));
}

/// What can't be written is told once to those whom it concerns, and in the metrics for as long as it lasts.
#[test]
fn what_cannot_be_written_is_said_at_once() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
    publisher.replay().unwrap();
    let faults = Faults::default();
    intake.fail_as(&faults);
    let metrics = Metrics::new();
    metrics.stepped(0, 0.0);
    let mut watch = Watch::default();
    let mut look = |publisher: &Publisher| {
        let said = watch.look(Some(&intake), publisher.stalled(), None, &metrics);
        let said = said.iter().flat_map(|event| event.notices());
        let said: Vec<_> = said.map(|(to, notice)| (to, notice.code())).collect();
        (said, metrics.ill(0))
    };
    publisher.step(START_MS + 1_000, 0);
    assert_eq!(look(&publisher), (Vec::new(), None));
    let bytes = encode(&Batch::new(Kind::Order, START_MS, START_MS + 1), 1, 1).unwrap();
    faults.full_at(std::fs::metadata(log_of(folder.path())).unwrap().len() + 30);
    assert!(matches!(
        offered(&intake, &bytes, START_MS + 1_000),
        Outcome::Later(_)
    ));
    let (said, ill) = look(&publisher);
    let failing = "storage_failing";
    assert_eq!(said, [(To::Everybody, failing), (To::Directors, failing)]);
    assert!(ill.unwrap().contains("orders: "));
    assert_eq!(metrics.orders_refused.get(), 1);
    assert!(
        metrics
            .text()
            .contains("meridian_gateway_storage_failing{what=\"orders\"} 1")
    );
    // A step fits once, and then none does.
    publisher.step(START_MS + 2_000, 0);
    assert_eq!((publisher.mode(), look(&publisher).0), (Mode::Live, Vec::new()));
    publisher.step(START_MS + 3_000, 0);
    publisher.step(START_MS + 3_100, 0);
    assert_eq!((publisher.mode(), look(&publisher).0), (Mode::Held, Vec::new()));
    faults.none();
    publisher.step(START_MS + 4_000, 0);
    let (said, ill) = look(&publisher);
    assert_eq!((said, ill), (vec![(To::Everybody, "storage_back")], None));
    assert_eq!((publisher.mode(), metrics.orders_refused.get()), (Mode::Live, 0));
    assert!(matches!(
        offered(&intake, &bytes, START_MS + 4_000),
        Outcome::Taken(_)
    ));
    assert!(metrics.storage(Store::Orders).is_none());
}

fn health(at: std::net::SocketAddr) -> String {
    use std::io::{Read, Write};
    let mut socket = TcpStream::connect(at).unwrap();
    socket
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

/// The whole gateway: while its disk is full it isn't well and says why; with space it goes on, with nobody's help.
#[test]
fn a_gateway_goes_on_when_its_disk_does() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let now_ms = wall_ms();
    let start = chrono::DateTime::from_timestamp_millis(now_ms - now_ms % 60_000 - 120_000).unwrap();
    let text = day("lag_s = 1\nlate_s = 30").replace("2025-11-10T16:00:00+00:00", &start.to_rfc3339());
    let live = LiveDay::parse(&text, &catalogue, now_ms).unwrap();
    let (source, privacy) =
        LiveSource::open(live, Some(folder.path()), &catalogue, Privacy::default()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let mut publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0)
        .unwrap()
        .with_privacy(privacy)
        .unwrap();
    publisher.replay().unwrap();
    let faults = Faults::default();
    intake.fail_as(&faults);
    let config = GatewayConfig {
        intake: Some(Arc::clone(&intake)),
        admin: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher).unwrap();
    let admin = gateway.admin().unwrap();
    let wait_for = |words: &str| {
        let began = Instant::now();
        loop {
            let text = health(admin);
            if text.contains(words) {
                return text;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{words}: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let until = |what: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for("well");
    faults.full_at(10);
    assert!(wait_for("orders: ").starts_with("HTTP/1.1 503"));
    assert!(intake.kept().stands);
    // A balancer doesn't take displays away from it for that.
    assert!(health(gateway.address()).starts_with("HTTP/1.1 200"));
    let metrics = gateway.metrics();
    until(&|| (metrics.orders_refused.get(), metrics.held.get()) == (1, 1));
    let batch = Batch::new(Kind::Order, now_ms, now_ms + 1);
    let bytes = encode(&batch, 1, 1).unwrap();
    assert!(matches!(offered(&intake, &bytes, wall_ms()), Outcome::Later(_)));
    faults.none();
    wait_for("well");
    assert!(matches!(offered(&intake, &bytes, wall_ms()), Outcome::Taken(1)));
    until(&|| (metrics.orders_refused.get(), metrics.held.get()) == (0, 0));
    let publisher = gateway.stop().unwrap();
    assert_eq!(publisher.mode(), Mode::Live);
}
