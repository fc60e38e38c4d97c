//! Hands events to the audit log's thread, without ever waiting for the disk.
//!
//! What directors and the gateway itself do has a way of its own that is never full: while the disk refuses it waits.
//! Of what directors ask for in vain (refused, or nothing changed) all beyond a few a minute with a token is summed up too.
//! What strangers do is written one by one as long as it is little; of a flood the rest is summed up by address, and
//! each minute a line says how much it was. So a flood fills neither the disk nor the way of what matters.

mod sums;
mod writer;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use chrono::Utc;
use crossbeam_channel::Sender;

use crate::operate::audit::{AuditLog, Details, Event, Kind};
use crate::operate::auditor::sums::{Sums, lock};
use crate::operate::auditor::writer::Writer;
use crate::operate::events::Entry;
use crate::operate::metrics::Metrics;

/// How many events of strangers may wait for the log.
const BACKLOG: usize = 8_192;

/// Hands events to the audit log's thread.
#[derive(Clone)]
pub(crate) struct Auditor {
    ways: Option<Arc<Channels>>,
    metrics: Arc<Metrics>,
}

/// The two ways into the log.
struct Channels {
    /// Events that strangers bring about: bounded, and left out where it is full.
    strangers: Sender<Event>,
    /// All else: few, and never left out.
    acts: Sender<Event>,
    sums: Arc<Mutex<Sums>>,
    /// Commands of directors that were refused or changed nothing: kept apart, so that strangers can't fill them.
    vain: Arc<Mutex<Sums>>,
}

/// Whether strangers can cause it, as often as they like.
fn is_strangers(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Joined | Kind::Left | Kind::Refused | Kind::LoginFailed | Kind::AccessDenied | Kind::Intrusion
    )
}

impl Auditor {
    /// An auditor without a log: it keeps nothing.
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
        let ways = Channels {
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

    /// Notes what a happening has for the log.
    pub fn write(&self, entry: Entry) {
        let Entry {
            kind,
            subject,
            details,
            in_vain,
        } = entry;
        match in_vain {
            true => self.record_vain(kind, subject, details),
            false => self.record(kind, subject, details),
        }
    }

    /// Records a command that was refused or changed nothing.
    pub fn record_vain(&self, kind: Kind, subject: &'static str, details: Details) {
        let Some(ways) = &self.ways else { return };
        let event = event(kind, subject, details);
        if let Some(event) = lock(&ways.vain).take(event, Instant::now()) {
            let _ = ways.acts.send(event);
        }
    }

    /// Notes that something happened, now.
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

/// An event that happens now.
fn event(kind: Kind, subject: &str, details: Details) -> Event {
    Event {
        kind,
        subject: subject.to_owned(),
        details,
        at: Utc::now(),
    }
}

#[cfg(test)]
mod tests;
