//! How a live stream follows the clock, and the notices about it.

use super::stream::Stream;
use crate::operate::events::{ClockEvent, GatewayEvent as _, IntakeEvent};
use crate::source::clock::{LEAP_MS, Time};

impl Stream {
    /// The time that is believed.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A live day goes on to where the clock is.
    pub(super) fn follow_clock(&mut self) {
        let time = self.clock.time();
        let passed_us = time.mono_us.saturating_sub(self.looked_us);
        self.looked_us = time.mono_us;
        let at_ms = self.publisher.event_ms();
        let mut to_ms = self.course.next(at_ms, time, passed_us);
        if to_ms == at_ms && self.publisher.waits() {
            // Whoever sent it isn't kept waiting with it.
            to_ms = self.course.advance_waiting(at_ms);
        }
        self.step(to_ms);
    }

    /// What was counted before may end after the clock: then event time waits, and that is said.
    pub(super) fn compare_clocks(&self) {
        let (at_ms, now_ms) = (self.publisher.event_ms(), self.now_ms());
        let waits = at_ms > self.course.start_ms && at_ms > now_ms + LEAP_MS;
        if !self.publisher.is_live() || self.publisher.is_over() || !waits {
            return;
        }
        let ahead_ms = at_ms - now_ms;
        ClockEvent::Behind { ahead_ms }.emit(self);
    }

    /// What became of the wall clock.
    pub(super) fn notify_of_clock(&mut self) {
        let Time { now_ms, wall_ms, .. } = self.clock.time();
        self.shared
            .metrics
            .clock_apart_ms
            .set(wall_ms.saturating_sub(now_ms));
        let is_live = self.publisher.is_live();
        for turn in self.clock.changes() {
            ClockEvent::Turned { turn, is_live }.emit(self);
        }
    }

    /// What sources send beyond what they may.
    pub(super) fn notify_of_sources(&self) {
        let beyond = self.shared.intake.as_ref().map(|intake| intake.beyond());
        for beyond in beyond.into_iter().flatten() {
            IntakeEvent::OverBudget(beyond).emit(self);
        }
    }

    /// The day was gone through to its end. If by the clock it isn't over, its log says what can't be, and nothing else begins.
    pub(super) fn day_is_over(&mut self) {
        let now_ms = self.clock.now_ms();
        let early = self.publisher.is_live() && now_ms + LEAP_MS < self.course.end_ms;
        self.shared.metrics.set_closed_early(early);
        if !early {
            self.shared.metrics.set_over();
        } else if !self.closed_early {
            ClockEvent::ClosedEarly.emit(self);
        }
        self.closed_early = early;
    }
}
