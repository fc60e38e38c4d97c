//! What happens on its way into the audit log.
//!
//! What directors and the gateway itself do has a way of its own that is never full: while the disk refuses it waits.
//! Of what directors ask for in vain (refused, or nothing changed) all beyond a few a minute with a token is summed up too.
//! What strangers do is written one by one as long as it is little; of a flood the rest is summed up by address, and
//! each minute a line says how much it was. So a flood fills neither the disk nor the way of what matters.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use crossbeam_channel::{Receiver, Sender};

use crate::operate::audit::{AuditError, AuditLog, Details, Event, Kind};
use crate::operate::metrics::Metrics;
use crate::operate::storage::Store;

/// What strangers do, waiting for the log.
const BACKLOG: usize = 8_192;
/// So many lines are written at once.
const MOST_AT_ONCE: usize = 256;
/// Of one kind from one address with one token so many a minute are written one by one.
const SINGLY: u32 = 10;
/// And so many of all strangers.
const SINGLY_IN_ALL: u32 = 300;
/// So many are summed up apart; all others together, by kind.
const MOST_SUMS: usize = 512;
/// What is said of commands that are summed up.
const IN_VAIN: &str = "commands that were refused or changed nothing";
/// How long something is summed up.
const SUMMED: Duration = Duration::from_secs(60);
/// Distance at which a disk that refused is tried again, and sums are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a disk that refuses is tried when the gateway stops.
const LAST_TRIES: u32 = 3;

/// Hands events to the audit log's thread.
#[derive(Clone)]
pub(crate) struct Auditor {
    ways: Option<Arc<Ways>>,
    metrics: Arc<Metrics>,
}

/// The two ways into the log.
struct Ways {
    /// What strangers do.
    strangers: Sender<Event>,
    /// All else: few, and never left out.
    acts: Sender<Event>,
    sums: Arc<Mutex<Sums>>,
    /// Of what directors ask for in vain: apart, so that no stranger fills them.
    vain: Arc<Mutex<Sums>>,
}

/// Whether strangers bring it about, as often as they like.
fn is_strangers(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Joined | Kind::Left | Kind::Refused | Kind::LoginFailed | Kind::AccessDenied | Kind::Intrusion
    )
}

/// What is summed up together. IPv6 hands out whole /64s: one of them is one address here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Like {
    kind: Kind,
    address: Option<String>,
    token: Option<String>,
}

impl Like {
    fn of(event: &Event) -> Self {
        Self {
            kind: event.kind,
            address: event.details.address.as_deref().map(network),
            token: event.details.token.clone(),
        }
    }
}

fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        },
        _ => address.to_owned(),
    }
}

/// What isn't written one by one.
#[derive(Default)]
struct Sums {
    since: Option<Instant>,
    singly: u32,
    /// How often, and as what it will be told.
    alike: HashMap<Like, (u32, u64, Event)>,
    others: HashMap<Kind, (u64, Event)>,
}

impl Sums {
    /// Gives what is to be written by itself; all else is counted.
    fn take(&mut self, event: Event, now: Instant) -> Option<Event> {
        self.since.get_or_insert(now);
        let like = Like::of(&event);
        if self.alike.len() >= MOST_SUMS && !self.alike.contains_key(&like) {
            let kind = event.kind;
            let (count, _) = self.others.entry(kind).or_insert((0, event));
            *count += 1;
            return None;
        }
        let address = like.address.clone();
        let (seen, count, _) = self.alike.entry(like).or_insert_with(|| {
            let mut told = event.clone();
            told.details.address = address;
            if told.kind == Kind::Desk {
                told.details.reason = Some(IN_VAIN.to_owned());
            }
            (0, 0, told)
        });
        *seen += 1;
        if *seen <= SINGLY && self.singly < SINGLY_IN_ALL {
            self.singly += 1;
            return Some(event);
        }
        *count += 1;
        None
    }

    /// What was counted, once its minute is over, or at the end.
    fn due(&mut self, now: Instant, at: DateTime<Utc>, end: bool) -> Vec<Event> {
        let over = self.since.is_some_and(|since| end || now - since >= SUMMED);
        if !over {
            return Vec::new();
        }
        let this = std::mem::take(self);
        let alike = this.alike.into_values().map(|(_, count, event)| (count, event));
        let others = this.others.into_values().map(|(count, mut event)| {
            event.details = Details {
                reason: Some("from many other addresses".to_owned()),
                ..Details::default()
            };
            (count, event)
        });
        let mut events: Vec<Event> = alike
            .chain(others)
            .filter(|(count, _)| *count > 0)
            .map(|(count, mut event)| {
                event.details.count = Some(count);
                event.at = at;
                event
            })
            .collect();
        events.sort_by(|a, b| a.details.address.cmp(&b.details.address));
        events
    }
}

fn lock(sums: &Mutex<Sums>) -> std::sync::MutexGuard<'_, Sums> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Auditor {
    /// One that keeps nothing.
    pub fn nowhere(metrics: Arc<Metrics>) -> Self {
        Self { ways: None, metrics }
    }

    /// One that writes to a log, and the thread that does; it ends when all of them are gone.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(
        log: AuditLog,
        metrics: &Arc<Metrics>,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (strangers, from_strangers) = crossbeam_channel::bounded(BACKLOG);
        let (acts, from_acts) = crossbeam_channel::unbounded();
        let sums = Arc::new(Mutex::new(Sums::default()));
        let vain = Arc::new(Mutex::new(Sums::default()));
        let mut writer = Writer {
            log,
            metrics: Arc::clone(metrics),
            sums: Arc::clone(&sums),
            vain: Arc::clone(&vain),
            waiting: VecDeque::new(),
            failing: None,
            lost_told: 0,
        };
        let thread = std::thread::Builder::new()
            .name("meridian-audit".to_owned())
            .spawn(move || writer.run(&from_acts, &from_strangers))?;
        let ways = Ways {
            strangers,
            acts,
            sums,
            vain,
        };
        let it = Self {
            ways: Some(Arc::new(ways)),
            metrics: Arc::clone(metrics),
        };
        Ok((it, thread))
    }

    /// A director asked for something in vain: it was refused, or changed nothing.
    pub fn record_vain(&self, kind: Kind, subject: &'static str, details: Details) {
        let Some(ways) = &self.ways else { return };
        let event = event(kind, subject, details);
        if let Some(event) = lock(&ways.vain).take(event, Instant::now()) {
            let _ = ways.acts.send(event);
        }
    }

    /// Something happened.
    pub fn record(&self, kind: Kind, subject: &'static str, details: Details) {
        let Some(ways) = &self.ways else { return };
        let event = event(kind, subject, details);
        if !is_strangers(kind) {
            let _ = ways.acts.send(event);
            return;
        }
        let Some(event) = lock(&ways.sums).take(event, Instant::now()) else {
            return;
        };
        // Strangers must not stop the feed; that something was lost is counted.
        if ways.strangers.try_send(event).is_err() {
            self.metrics.audit_lost.inc();
        }
    }
}

/// The audit log's thread.
struct Writer {
    log: AuditLog,
    metrics: Arc<Metrics>,
    sums: Arc<Mutex<Sums>>,
    vain: Arc<Mutex<Sums>>,
    /// What isn't written yet, as it came.
    waiting: VecDeque<Event>,
    /// Since when the disk refuses, and why.
    failing: Option<(DateTime<Utc>, String)>,
    /// How many lost events were told in the log.
    lost_told: u64,
}

impl Writer {
    fn run(&mut self, acts: &Receiver<Event>, strangers: &Receiver<Event>) {
        self.metrics.set_audit(self.log.head(), self.log.entries());
        let mut tried = Instant::now();
        loop {
            let mut ended = false;
            crossbeam_channel::select! {
                recv(acts) -> event => match event {
                    Ok(event) => self.waiting.push_back(event),
                    Err(_) => ended = true,
                },
                recv(strangers) -> event => match event {
                    Ok(event) => self.waiting.push_back(event),
                    Err(_) => ended = true,
                },
                default(LOOK) => {}
            }
            self.waiting.extend(acts.try_iter());
            self.waiting.extend(strangers.try_iter().take(MOST_AT_ONCE));
            let (now, at) = (Instant::now(), Utc::now());
            for sums in [&self.vain, &self.sums] {
                self.waiting.extend(lock(sums).due(now, at, ended));
            }
            if self.failing.is_none() || ended || now - tried >= LOOK {
                tried = now;
                self.write_all();
            }
            self.leave_out_strangers();
            if ended {
                self.waiting.extend(strangers.try_iter());
                self.end();
                return;
            }
        }
    }

    /// Everything that waits, in order, unless the disk refuses.
    fn write_all(&mut self) {
        let mut first = self.failing.clone().map(|(since, problem)| {
            let seconds = (Utc::now() - since).num_seconds();
            let details = Details {
                reason: Some(problem),
                count: u64::try_from(seconds).ok(),
                ..Details::default()
            };
            Event {
                kind: Kind::Interrupted,
                subject: "audit".to_owned(),
                details,
                at: since,
            }
        });
        if self.waiting.is_empty() && first.is_none() {
            // Somebody may have taken the file away meanwhile.
            match self.log.record_all(&[]) {
                Ok(()) => self.wrote(),
                Err(error) => self.refused(&error),
            }
        }
        while !self.waiting.is_empty() || first.is_some() {
            let lost = self.metrics.audit_lost.get();
            let many = self.waiting.len().min(MOST_AT_ONCE);
            let mut events: Vec<Event> = first.iter().cloned().collect();
            if lost > self.lost_told {
                events.push(Event {
                    kind: Kind::Lost,
                    subject: "audit".to_owned(),
                    details: Details {
                        count: Some(lost - self.lost_told),
                        ..Details::default()
                    },
                    at: Utc::now(),
                });
            }
            events.extend(self.waiting.iter().take(many).cloned());
            match self.log.record_all(&events) {
                Ok(()) => {
                    first = None;
                    self.lost_told = lost;
                    self.waiting.drain(..many);
                    self.wrote();
                }
                Err(error) => {
                    self.refused(&error);
                    return;
                }
            }
        }
    }

    fn wrote(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!("the audit log is written again");
            self.metrics.set_storage(Store::Audit, None);
        }
        self.look();
        self.metrics.set_audit(self.log.head(), self.log.entries());
    }

    /// What somebody did to the file.
    fn look(&mut self) {
        if let Some(how) = self.log.displaced() {
            tracing::error!(%how, "somebody changed the audit log's file");
            self.metrics.displaced(Store::Audit);
        }
    }

    fn refused(&mut self, error: &AuditError) {
        self.look();
        // Said once, not every second.
        if self.failing.is_none() {
            tracing::error!(%error, "the audit log can't be written");
            self.failing = Some((Utc::now(), error.to_string()));
        }
        self.metrics.set_storage(Store::Audit, Some(error.to_string()));
    }

    /// While the disk refuses, strangers don't fill the memory either.
    fn leave_out_strangers(&mut self) {
        let mut over = self.waiting.len().saturating_sub(BACKLOG);
        if over == 0 {
            return;
        }
        let before = self.waiting.len();
        self.waiting.retain(|event| {
            let leave_out = over > 0 && is_strangers(event.kind);
            over -= usize::from(leave_out);
            !leave_out
        });
        self.metrics
            .audit_lost
            .inc_by((before - self.waiting.len()) as u64);
    }

    /// The gateway stops: what can't be written is at least said.
    fn end(&mut self) {
        for _ in 0..LAST_TRIES {
            self.write_all();
            if self.waiting.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        for event in self.waiting.iter().filter(|event| !is_strangers(event.kind)) {
            tracing::error!(kind = ?event.kind, subject = event.subject, details = ?event.details, at = %event.at,
                "the audit log couldn't be written, and lacks this");
        }
    }
}

/// What happens now.
fn event(kind: Kind, subject: &str, details: Details) -> Event {
    Event {
        kind,
        subject: subject.to_owned(),
        details,
        at: Utc::now(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::operate::audit::verify;
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
}
