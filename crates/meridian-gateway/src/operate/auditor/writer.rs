//! The audit log's thread: it writes what waits, and waits itself while the disk refuses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use crossbeam_channel::Receiver;

use crate::operate::audit::{AuditError, AuditLog, Details, Event, Kind};
use crate::operate::auditor::sums::{Sums, lock};
use crate::operate::auditor::{BACKLOG, is_strangers};
use crate::operate::events::{GatewayEvent as _, StorageEvent};
use crate::operate::metrics::Metrics;
use crate::store::Store;

/// How many lines are written at once.
const MAX_LINES_AT_ONCE: usize = 256;

/// How often a failing disk is tried again, and sums are checked.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How many times a failing disk is tried when the gateway stops.
const LAST_TRIES: u32 = 3;

/// What the audit log's thread holds: the log, and the events that wait for it.
pub(super) struct Writer {
    pub(super) log: AuditLog,
    pub(super) metrics: Arc<Metrics>,
    pub(super) sums: Arc<Mutex<Sums>>,
    pub(super) vain: Arc<Mutex<Sums>>,
    /// Events that aren't written yet, in order.
    pub(super) waiting: VecDeque<Event>,
    /// Since when the disk refuses, and why.
    pub(super) failing: Option<(DateTime<Utc>, String)>,
    /// How many lost events were told in the log.
    pub(super) lost_told: u64,
}

impl Writer {
    pub(super) fn run(&mut self, acts: &Receiver<Event>, strangers: &Receiver<Event>) {
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
                default(POLL_EVERY) => {}
            }
            self.waiting.extend(acts.try_iter());
            self.waiting.extend(strangers.try_iter().take(MAX_LINES_AT_ONCE));
            let (now, at) = (Instant::now(), Utc::now());
            for sums in [&self.vain, &self.sums] {
                self.waiting.extend(lock(sums).due(now, at, ended));
            }
            if self.failing.is_none() || ended || now - tried >= POLL_EVERY {
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
            let many = self.waiting.len().min(MAX_LINES_AT_ONCE);
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
            let store = Store::Audit;
            StorageEvent::Restored { store }.note(&self.metrics);
        }
        self.look();
        self.metrics.set_audit(self.log.head(), self.log.entries());
    }

    /// Checks whether somebody changed the file.
    fn look(&mut self) {
        if let Some(how) = self.log.displaced() {
            let displaced = StorageEvent::Displaced {
                store: Store::Audit,
                how,
                failing: false,
                lost_bytes: 0,
            };
            displaced.note(&self.metrics);
        }
    }

    fn refused(&mut self, error: &AuditError) {
        self.look();
        let (store, error) = (Store::Audit, error.to_string());
        if self.failing.is_some() {
            self.metrics.set_storage(store, Some(error));
            return;
        }
        self.failing = Some((Utc::now(), error.clone()));
        StorageEvent::Refused { store, error }.note(&self.metrics);
    }

    /// Drops strangers' events while the disk fails, so that they don't fill the memory.
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

    /// Writes the rest when the gateway stops, and logs what can't be written.
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
