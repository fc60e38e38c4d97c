//! How a stream begins: what was counted before is gone through again, and the stream goes on where it stood.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::config::GatewayConfig;
use super::outlets::Outlets;
use super::stream::Stream;
use crate::operate::director::{DirectorState, Pace};
use crate::operate::events::{GatewayEvent as _, LifeEvent};
use crate::operate::state::State;
use crate::operate::storage::Watch;
use crate::publish::gate::Gate;
use crate::publish::sealed::{Class, Known};
use crate::serve::connection::Shared;
use crate::serve::control::ControlMsg;
use crate::serve::hub::Outlet;
use crate::source::clock::mono_ms;
use crate::{PublishError, Publisher, SavedState};
use meridian_wire::{DataClass, Mode};

/// How often the log says how far a start has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// What a stream is begun with.
pub(super) struct Start {
    pub publisher: Publisher,
    pub outlets: Outlets,
    pub wants_internal: bool,
    pub state: Option<State>,
    /// What the directors had decided on the day before.
    pub desk: Option<DirectorState>,
    pub shared: Arc<Shared>,
    pub config: GatewayConfig,
}

impl Start {
    /// Goes through what was counted before, and begins the stream; none when it was stopped meanwhile.
    pub fn open(mut self, messages: &Receiver<ControlMsg>) -> Result<Option<Stream>, PublishError> {
        if !replay(&mut self.publisher, messages, &self.shared)? {
            return Ok(None);
        }
        let publisher = self.publisher;
        let now_ms = self.config.clock.now_ms();
        // A stream goes on where it stood when its figures do; otherwise it is another one.
        let goes_on = self
            .state
            .as_ref()
            .and_then(State::saved)
            .filter(|saved| saved.is_before(publisher.event_ms(), &publisher.totals()));
        let epoch = goes_on.map_or_else(|| new_epoch(now_ms), |saved| saved.epoch);
        let seq = goes_on.map_or(0, SavedState::next_seq);
        let held = goes_on.and_then(|saved| saved.held.clone());
        let carried = goes_on.is_none() && self.desk.as_ref().is_some_and(DirectorState::is_held);
        let desk = match (goes_on, self.desk) {
            (Some(saved), _) if saved.desk.is_held() && held.is_none() => saved.desk.clone().let_go(),
            (Some(saved), _) => saved.desk.clone(),
            // A day that begins while figures are held is shown as it begins, until two directors let them go.
            (None, Some(desk)) => desk,
            (None, None) => DirectorState::with_delay(self.config.delay_ms),
        };
        let (kept_public, kept_internal) = match held {
            Some(held) => (Some(held.public), Some(held.internal)),
            None => (None, None),
        };
        let first = First {
            desk: &desk,
            now_ms,
            // A countdown that stands still would say that the day is still to come.
            not_before_ms: carried.then(|| publisher.hello().day.start_ms),
            epoch,
            seq,
        };
        let known = kept_public.unwrap_or_else(|| Known::new(publisher.public_snapshot(now_ms)));
        first.open(&self.outlets.public, known);
        let known = kept_internal.unwrap_or_else(|| Known::new(publisher.internal_snapshot(now_ms)));
        first.open(&self.outlets.internal, known);
        let clock = self.config.clock;
        Ok(Some(Stream {
            course: publisher.event_clock(),
            publisher,
            outlets: self.outlets,
            wants_internal: self.wants_internal,
            gate: Gate::new(self.config.bounds),
            desk,
            shared: self.shared,
            speed: self.config.speed,
            paused: false,
            delayed: VecDeque::new(),
            resyncing: false,
            state: self.state,
            steps: 0,
            looked_us: clock.time().mono_us,
            clock,
            closed_early: false,
            storage: Watch::default(),
            pace: Pace::default(),
        }))
    }
}

/// What the streams of all classes begin with.
struct First<'a> {
    desk: &'a DirectorState,
    now_ms: i64,
    not_before_ms: Option<i64>,
    epoch: u64,
    seq: u64,
}

impl First<'_> {
    fn open<C: Class>(&self, outlet: &Outlet<C>, mut known: Known<C>) {
        if !self.desk.is_plain() {
            known = known.with_direct(self.desk.direct(self.now_ms));
        }
        if self.desk.is_held() {
            known = known.with_mode(Mode::Held);
        }
        if let Some(event_ms) = self.not_before_ms {
            known = known.not_before(event_ms);
        }
        // The lowest bit keeps the positions of one class out of the other's stream.
        let epoch = self.epoch & !1 | u64::from(C::CLASS == DataClass::Internal);
        outlet.open(epoch, self.seq, known);
    }
}

/// Goes through a live day's log; says whether that came to its end.
fn replay(
    publisher: &mut Publisher,
    messages: &Receiver<ControlMsg>,
    shared: &Shared,
) -> Result<bool, PublishError> {
    let began = Instant::now();
    let mut said = began;
    let done = publisher.replay_while(|steps| {
        shared.metrics.turned();
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            LifeEvent::Replaying { steps }.emit(shared);
        }
        // What directors ask for now isn't heard: dropping it says so.
        !messages
            .try_iter()
            .any(|message| matches!(message, ControlMsg::Stop))
    })?;
    let Some(steps) = done else { return Ok(false) };
    if steps > 0 {
        let seconds = began.elapsed().as_secs_f64();
        LifeEvent::Replayed { steps, seconds }.emit(shared);
    }
    shared.metrics.set_starting(false);
    shared.metrics.stepped(mono_ms(), 0.0);
    Ok(true)
}

/// The number of a stream that begins now.
fn new_epoch(now_ms: i64) -> u64 {
    u64::try_from(now_ms).unwrap_or(2).max(2)
}
