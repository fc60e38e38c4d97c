//! How a live stream follows the clock, and the notices about it.

use super::stream::Stream;
use crate::source::budget::Beyond;
use crate::source::clock::{LEAP_MS, Time, Turn};
use meridian_wire::{Level, Names, Notice};

/// A leap in words, English and Chinese.
fn by(by_ms: i64) -> (String, String) {
    let seconds = by_ms.saturating_add(by_ms.signum() * 500) / 1_000;
    (format!("{seconds:+} s"), format!("{seconds:+} 秒"))
}

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
            to_ms = self.course.creep(at_ms);
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
        let (en, zh) = by(at_ms - now_ms);
        tracing::warn!(
            ahead_ms = at_ms - now_ms,
            "the day's log is ahead of the clock: event time waits"
        );
        self.notify(self.notice(
            Level::Warning,
            "clock_behind",
            format!("What was counted before is {en} ahead of the gateway's clock: event time waits, orders are counted"),
            format!("此前的数据比网关时钟超前 {zh}：时间等待，订单照常计入"),
        ));
    }

    /// What became of the wall clock.
    pub(super) fn notify_of_clock(&mut self) {
        let Time { now_ms, wall_ms, .. } = self.clock.time();
        self.shared
            .metrics
            .clock_apart_ms
            .set(wall_ms.saturating_sub(now_ms));
        for turn in self.clock.turns() {
            let (level, code, en, zh) = match turn {
                Turn::Leapt { by_ms } => {
                    self.shared.metrics.clock_jumps.inc();
                    let (en, zh) = by(by_ms);
                    (
                        Level::Warning,
                        "clock_jumped",
                        format!(
                            "The gateway's clock leapt by {en}: the day goes on without it until it is right, or has stayed there for a minute"
                        ),
                        format!("网关时钟跳变 {zh}：在其恢复或稳定一分钟之前，时间不随其变化"),
                    )
                }
                Turn::Right => (
                    Level::Info,
                    "clock_right",
                    "The gateway's clock is right again".to_owned(),
                    "网关时钟已恢复".to_owned(),
                ),
                Turn::Believed { by_ms } => {
                    let (en, zh) = by(by_ms);
                    (
                        Level::Warning,
                        "clock_set",
                        format!(
                            "The gateway's clock has stayed where it leapt to, by {en}: that is the time now"
                        ),
                        format!("网关时钟跳变 {zh} 后保持稳定：以其为准"),
                    )
                }
            };
            tracing::warn!(code, "{en}");
            // What is played doesn't follow the clock.
            if self.publisher.is_live() {
                self.notify(self.notice(level, code, en, zh));
            }
        }
    }

    /// What sources send beyond what they may.
    pub(super) fn notify_of_sources(&self) {
        let beyond = self.shared.intake.as_ref().map(|intake| intake.beyond());
        for beyond in beyond.into_iter().flatten() {
            tracing::error!(problem = %beyond, "order batches aren't taken");
            let zh = match beyond {
                Beyond::Batches { source_number } => format!("来源 {source_number} 发送的批次过多"),
                Beyond::Sources => "来源数量过多".to_owned(),
                Beyond::SourcesOfToken { source_number } => {
                    format!("一个无固定编号的令牌使用的来源编号过多，最后是来源 {source_number}")
                }
                Beyond::Gaps { source_number } => format!("来源 {source_number} 的批次编号间断过多"),
                Beyond::Value { source_number } => format!("来源 {source_number} 的金额总和超过一天的上限"),
                Beyond::Anybody { source_number } => {
                    format!("无固定编号的来源金额总和超过一天的上限，最后来自来源 {source_number}")
                }
                Beyond::Day => "当天金额总和超过 64 位上限".to_owned(),
            };
            let notice = self.notice(Level::Alert, "source_over_budget", beyond.to_string(), zh);
            self.notify_directors(notice);
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
            tracing::error!(
                "the day is closed in its log, and by the clock it isn't over: no order can be counted until its end, or until the log is moved away"
            );
            self.notify(self.notice(
                Level::Alert,
                "closed_early",
                "The day is closed in its log, and by the clock it isn't over: no more orders can be counted in it".to_owned(),
                "当天的记录已结束，但时钟显示当天尚未结束：无法继续计入订单".to_owned(),
            ));
        }
        self.closed_early = early;
    }

    fn notice(&self, level: Level, code: &str, en: String, zh: String) -> Notice {
        Notice {
            level,
            code: code.to_owned(),
            text: Names { en, zh },
            published_ms: self.now_ms(),
        }
    }
}
