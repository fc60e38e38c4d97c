//! Every happening at a running gateway, and all that it does: what it logs, counts, writes into the audit log, and whom it
//! tells. Whoever finds that something happened emits the variant for it, and does nothing of that by hand.
//!
//! | group | happenings |
//! |---|---|
//! | [`ConnectionEvent`] | clients that come, are refused, leave or are lost; what looks like an attack |
//! | [`DirectorEvent`] | what directors ask for and change; figures that are held |
//! | [`ClockEvent`] | leaps of the wall clock, a day that is ahead of it |
//! | [`IntakeEvent`] | order batches that are taken or not, sources that are silent or send too much |
//! | [`StorageEvent`] | files that can't be written, or that somebody changed |
//! | [`LifeEvent`] | the gateway starts, goes through its log, reads files again, stops |
//! | [`UpstreamEvent`] | a relay's own feed comes and goes |
//!
//! Levels that are set again and again (connections, held figures, event time) and traffic aren't happenings: they go to
//! [`Metrics`] alone. Rooms below this one (`store`, `source`, `publish`) report what happened in what they return.

mod clock;
mod connections;
mod directors;
mod intake;
mod life;
mod storage;
mod upstream;

pub(crate) use self::clock::ClockEvent;
pub(crate) use self::connections::ConnectionEvent;
pub(crate) use self::directors::DirectorEvent;
pub(crate) use self::intake::IntakeEvent;
pub(crate) use self::life::LifeEvent;
pub(crate) use self::storage::StorageEvent;
pub(crate) use self::upstream::UpstreamEvent;
use crate::operate::audit::{Details, Kind};
use crate::operate::metrics::Metrics;
use meridian_wire::NoticeKind;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// Directors in full, walls without the arguments.
    Everybody,
    Directors,
}

/// What goes into the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub kind: Kind,
    pub subject: &'static str,
    pub details: Details,
    /// A director asked for it in vain: of many such entries only the sum is written.
    pub in_vain: bool,
}

impl Entry {
    fn new(kind: Kind, subject: &'static str, details: Details) -> Self {
        Self {
            kind,
            subject,
            details,
            in_vain: false,
        }
    }
}

/// Where happenings go.
pub(crate) trait Reporter {
    /// What is counted.
    fn metrics(&self) -> &Metrics;
    /// Writes into the audit log.
    fn audit(&self, entry: Entry);
    /// Tells people. The hub stamps the time.
    fn tell(&self, to: To, notice: NoticeKind);
}

/// Something that happened. A method that a group leaves out says that its happenings do no such thing.
pub(crate) trait GatewayEvent {
    /// Writes a line of the log.
    fn log(&self) {}

    /// Counts it.
    fn count(&self, metrics: &Metrics) {
        let _ = metrics;
    }

    /// What the audit log has of it.
    fn audit(&self) -> Option<Entry> {
        None
    }

    /// What people are told, in order.
    fn notices(&self) -> Vec<(To, NoticeKind)> {
        Vec::new()
    }

    /// Does all of it.
    fn emit(&self, reporter: &impl Reporter) {
        self.note(reporter.metrics());
        if let Some(entry) = self.audit() {
            reporter.audit(entry);
        }
        for (to, notice) in self.notices() {
            reporter.tell(to, notice);
        }
    }

    /// Logs and counts it: for the audit log's own thread, which can neither write into it nor tell anybody.
    fn note(&self, metrics: &Metrics) {
        self.log();
        self.count(metrics);
    }
}

#[cfg(test)]
mod tests;
