//! What all connections of a gateway share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use chrono::Utc;
use crossbeam_channel::Sender;
use tokio_rustls::TlsAcceptor;

use super::incoming::Budget;
use crate::operate::access::{Grant, Role, Tokens, bearer};
use crate::operate::auditor::Auditor;
use crate::operate::events::{Entry, Reporter, To};
use crate::operate::limits::Gatekeeper;
use crate::operate::metrics::{Metrics, Sees};
use crate::serve::control::ControlMsg;
use crate::serve::hub::{Announcement, Hub};
use crate::serve::proxy::Proxies;
use crate::source::intake::Intake;
use meridian_wire::{DataClass, NoticeKind};

/// The streams that clients follow. A relay passes on one, to whoever may see it.
pub(crate) struct Hubs {
    pub public: Arc<Hub>,
    pub internal: Arc<Hub>,
}

impl Hubs {
    /// The stream for those who may see a class.
    pub fn of(&self, class: DataClass) -> &Arc<Hub> {
        match class {
            DataClass::Public => &self.public,
            DataClass::Internal => &self.internal,
        }
    }

    /// Tells everybody what carries no figures.
    pub fn announce(&self, said: &Announcement) {
        self.public.announce(said.clone());
        if !Arc::ptr_eq(&self.public, &self.internal) {
            self.internal.announce(said.clone());
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub hubs: Hubs,
    pub gatekeeper: Mutex<Gatekeeper>,
    /// As they were read last.
    pub tokens: Option<Arc<ArcSwap<Tokens>>>,
    pub anonymous: Option<Role>,
    pub origins: Vec<String>,
    /// To the thread that fills the streams.
    pub control: Sender<ControlMsg>,
    pub auditor: Auditor,
    pub metrics: Arc<Metrics>,
    pub tls: Option<TlsAcceptor>,
    /// Proxies in front.
    pub proxies: Option<Proxies>,
    /// What failures cost, to be told.
    pub lockout_s: u64,
    /// Memory for messages that haven't ended.
    pub unfinished: Arc<Budget>,
    /// When the gateway began: the clock of limits, which nobody sets back.
    pub begun: std::time::Instant,
    /// Where a live day's orders come in.
    pub intake: Option<Arc<Intake>>,
    /// The goodbye was said.
    pub ended: AtomicBool,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reporter for Shared {
    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn audit(&self, entry: Entry) {
        self.auditor.write(entry);
    }

    /// The thread that fills the streams tells it; one that only passes them on has nothing to say of its own.
    fn tell(&self, to: To, notice: NoticeKind) {
        let _ = self.control.send(ControlMsg::Notice(to, notice));
    }
}

impl Shared {
    /// Milliseconds since it began.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether somebody who directed with a token, or without one, still may, and as the same.
    pub fn still_directs(&self, token: &str, mark: &str) -> bool {
        let grant = match &self.tokens {
            _ if token.is_empty() => self.anonymous.map(Grant::anonymous),
            Some(tokens) => tokens.load().granted(token, Utc::now()),
            None => None,
        };
        grant.is_some_and(|grant| grant.role.directs() && grant.mark() == mark)
    }

    /// What of the metrics somebody may see. Exact figures are for those who have them in their feed, and for auditors.
    pub fn sees(&self, header: Option<&str>) -> Sees {
        let (Some(header), Some(tokens)) = (header, &self.tokens) else {
            return Sees::Released;
        };
        let granted = bearer(header).map(|token| tokens.load().check(token, Utc::now()));
        match granted {
            Some(Ok(grant)) if grant.role.class() == DataClass::Internal || grant.role == Role::Auditor => {
                Sees::Everything
            }
            Some(Ok(_)) => Sees::Released,
            _ => Sees::Nothing,
        }
    }
}
