//! The publisher's thread: it steps the publisher ten times a second, and lets out what may be told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::handle::Ended;
use super::outlets::Outlets;
use super::show::Out;
use crate::operate::director::{DirectorState, Pace};
use crate::operate::events::{Entry, GatewayEvent as _, IntakeEvent, Reporter, StorageEvent, To};
use crate::operate::metrics::Metrics;
use crate::operate::state::{HeldSnapshots, State};
use crate::operate::storage::Watch;
use crate::publish::gate::{Gate, PendingFigures};
use crate::serve::connection::Shared;
use crate::serve::control::ControlMsg;
use crate::serve::hub::Announcement;
use crate::source::clock::{Clock, EventClock, mono_ms};
use crate::store::Store;
use crate::{Publisher, SavedState};
use meridian_core::sales::EventMs;
use meridian_wire::{Heartbeat, Mode, NoticeKind};

/// Interval between ticks, on the wall clock.
const STEP: Duration = Duration::from_millis(100);
/// Interval between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Event time never goes further in one step than this much wall time would take it: a machine that
/// can't keep up runs the day slower, and counts every order all the same.
const MAX_STEP: Duration = Duration::from_millis(500);

/// The publisher's thread.
pub(super) struct Stream {
    pub publisher: Publisher,
    pub outlets: Outlets,
    /// Whether anybody may see exact figures: otherwise none are made ready.
    pub wants_internal: bool,
    pub gate: Gate,
    pub desk: DirectorState,
    pub shared: Arc<Shared>,
    pub speed: f64,
    pub paused: bool,
    /// What is shown later, and when it was made.
    pub delayed: VecDeque<(Instant, Out)>,
    /// The figures were released, and what they go on with is on its way.
    pub resyncing: bool,
    pub state: Option<State>,
    pub steps: u64,
    pub clock: Arc<Clock>,
    pub course: EventClock,
    /// The monotonic clock at the last step of a live day.
    pub looked_us: i64,
    /// It was said that the day is closed before its end.
    pub closed_early: bool,
    pub storage: Watch,
    pub pace: Pace,
}

impl Reporter for Stream {
    fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    fn audit(&self, entry: Entry) {
        self.shared.audit(entry);
    }

    fn tell(&self, to: To, notice: NoticeKind) {
        let now_ms = self.now_ms();
        if to == To::Everybody {
            let public = self.outlets.public.hub();
            public.announce(Announcement::Notice(notice.public(now_ms)));
        }
        let internal = self.outlets.internal.hub();
        internal.announce(Announcement::Notice(notice.notice(now_ms)));
    }
}

impl Stream {
    pub fn run(mut self, messages: &Receiver<ControlMsg>) -> Ended {
        self.shared.metrics.held.set(i64::from(self.desk.is_held()));
        // A day that begins held is kept as it began.
        self.save();
        self.compare_clocks();
        let mut last = Instant::now();
        let mut next = last + STEP;
        let mut beat = last;
        // What a step's rounding to milliseconds left over.
        let mut rest_ms = 0.0;
        loop {
            match messages.recv_deadline(next) {
                Ok(ControlMsg::Pause(paused)) => {
                    self.paused = paused;
                    last = Instant::now();
                    self.beat();
                }
                Ok(ControlMsg::Speed(speed)) => {
                    self.speed = speed;
                    self.publisher.set_speed(speed);
                    self.outlets.public.hub().set_speed(speed);
                    self.outlets.internal.hub().set_speed(speed);
                }
                Ok(ControlMsg::Desk(request)) => self.direct(request),
                Ok(ControlMsg::Notice(to, notice)) => self.tell(to, notice),
                Ok(ControlMsg::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let passed = (now - last).min(MAX_STEP);
                    last = now;
                    next = now + STEP;
                    if self.publisher.is_live() {
                        self.follow_clock();
                    } else if !self.paused {
                        let advance_ms = passed.as_secs_f64() * 1e3 * self.speed + rest_ms;
                        rest_ms = advance_ms.fract();
                        self.step(self.publisher.event_ms() + advance_ms as i64);
                    }
                    let beats = now - beat >= HEARTBEAT;
                    if beats {
                        self.show_later(Out::Snapshots(self.snapshots()));
                    }
                    self.notify_of_clock();
                    self.notify_of_sources();
                    self.look_at_storage();
                    self.show_due(now);
                    // What is known is told again each second, after the end too; the figures themselves aren't.
                    let waits = |(_, out): &(Instant, Out)| !matches!(out, Out::Snapshots(_));
                    if self.publisher.is_over() && !self.delayed.iter().any(waits) {
                        self.day_is_over();
                    }
                    if beats {
                        beat = now;
                        self.beat();
                        // While figures are held what is kept is large, and kept when they are.
                        if !self.desk.is_held() {
                            self.save();
                        }
                    }
                    self.shared
                        .metrics
                        .stepped(mono_ms(), now.elapsed().as_secs_f64());
                }
            }
        }
        self.save();
        // What the last step couldn't write.
        self.look_at_storage();
        Ended {
            publisher: self.publisher,
            desk: self.desk,
        }
    }

    /// Reports what can't be written, and when it can be again.
    fn look_at_storage(&mut self) {
        let metrics = &self.shared.metrics;
        let stalled = self.publisher.stalled();
        let happened = self.storage.look(
            self.shared.intake.as_deref(),
            stalled,
            self.state.as_mut(),
            metrics,
        );
        if self.publisher.has_failed() {
            metrics.set_source_failed();
        }
        metrics.held.set(i64::from(self.mode() == Mode::Held));
        let silent = i64::from(self.outlets.public.hub().stands("source_silent"));
        match (metrics.source_silent.get(), silent) {
            (0, 1) => IntakeEvent::Silent.emit(self),
            (1, 0) => IntakeEvent::Heard.emit(self),
            _ => {}
        }
        for event in &happened {
            event.emit(self);
        }
        if !happened.is_empty() {
            self.beat();
        }
    }

    /// Goes on to an instant, and lets out what can be true.
    pub(super) fn step(&mut self, to_ms: EventMs) {
        let step = self.publisher.step(to_ms, self.now_ms());
        if step.public.is_empty() {
            return;
        }
        self.steps += 1;
        let totals = self.publisher.totals();
        let metrics = &self.shared.metrics;
        metrics.counted(&totals.counts);
        metrics.event_ms.set(self.publisher.event_ms());
        if !self.desk.is_held() {
            let is_live = matches!(self.publisher.hello().mode, Mode::Live);
            let figures = PendingFigures {
                event_ms: self.publisher.event_ms(),
                totals,
                regions: self.publisher.sum_of_regions(),
                rates: self.publisher.rates(),
                fullest: self.publisher.fullest(),
                // After its end a day waits for what is late, by the monotonic clock.
                wall_ms: (is_live && self.publisher.event_ms() < self.course.end_ms).then(|| self.now_ms()),
            };
            if let Err(problem) = self.gate.judge(&figures) {
                self.hold_for(&problem);
            }
        }
        self.show_later(Out::Step(step));
    }

    /// What the figures are now.
    pub(super) fn mode(&self) -> Mode {
        self.mode_of(self.publisher.mode())
    }

    pub(super) fn mode_of(&self, mode: Mode) -> Mode {
        if self.desk.is_held() || self.resyncing {
            return Mode::Held;
        }
        match mode {
            Mode::Held => Mode::Held,
            _ if self.desk.is_rehearsal() => Mode::Rehearsal,
            Mode::Live if self.desk.delay_ms() > 0 => Mode::Delayed,
            other => other,
        }
    }

    pub(super) fn save(&mut self) {
        let position = self.outlets.public.hub().position();
        let now_ms = self.now_ms();
        let Some(state) = &mut self.state else { return };
        let failed = state.failing().is_some();
        let held = self.desk.is_held().then(|| {
            Some(HeldSnapshots {
                public: self.outlets.public.known()?,
                internal: self.outlets.internal.known()?,
            })
        });
        state.save(SavedState {
            source: String::new(),
            event_ms: self.publisher.event_ms(),
            wall_ms: now_ms,
            speed: self.speed,
            paused: self.paused,
            epoch: position.epoch,
            seq: position.seq,
            totals: self.publisher.totals(),
            desk: self.desk.clone(),
            held: held.flatten(),
        });
        let (store, problem) = (Store::State, state.failing().map(str::to_owned));
        match problem {
            Some(error) if !failed => StorageEvent::Refused { store, error }.emit(self),
            None if failed => StorageEvent::Restored { store }.emit(self),
            _ => {}
        }
    }

    pub(super) fn beat(&self) {
        let beat = Heartbeat {
            event_ms: self.publisher.event_ms(),
            published_ms: self.now_ms(),
            mode: self.mode(),
            paused: self.paused,
        };
        self.shared.hubs.announce(&Announcement::Heartbeat(beat));
    }
}
