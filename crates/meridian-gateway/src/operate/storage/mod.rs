//! How everything stands that the gateway keeps: orders, state, audit log. While one of them can't be written, metrics and
//! `/health` say so, and those who look at the figures are told in words.

use crate::operate::metrics::Metrics;
use crate::operate::state::State;
use crate::source::intake::Intake;
use crate::store::record_log::Displaced;
use meridian_wire::{Level, Names, Notice};

/// Something that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Store {
    /// A live day's order log, or the steps of an order file.
    Orders,
    /// What a restart goes on from.
    State,
    /// The audit log.
    Audit,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Orders, Self::State, Self::Audit];

    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::State => "state",
            Self::Audit => "audit",
        }
    }

    /// For people.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Orders => ("order log", "订单日志"),
            Self::State => ("state", "状态文件"),
            Self::Audit => ("audit log", "审计日志"),
        }
    }
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Everybody,
    Directors,
}

fn notice(level: Level, code: &str, en: String, zh: String) -> Notice {
    Notice {
        level,
        code: code.to_owned(),
        text: Names { en, zh },
        published_ms: 0,
    }
}

/// A part of the order log is lost: the figures lack what stood there.
pub(crate) fn damaged() -> Notice {
    notice(
        Level::Alert,
        "log_damaged",
        "A part of the order log can't be read: the figures lack the orders that stood there until they are sent again."
            .to_owned(),
        "订单日志部分损坏：在重新发送之前，数据不包含受损部分的订单。".to_owned(),
    )
}

fn orders_wait() -> Notice {
    notice(
        Level::Alert,
        "storage_failing",
        "Orders can't be kept at the moment: the figures stay where they are until they can.".to_owned(),
        "目前无法保存订单：数据停留在当前值，恢复后继续更新。".to_owned(),
    )
}

fn orders_come_again() -> Notice {
    notice(
        Level::Info,
        "storage_back",
        "Orders can be kept again: the figures go on.".to_owned(),
        "订单已恢复保存，数据继续更新。".to_owned(),
    )
}

fn cannot_be_written(store: Store, problem: &str) -> Notice {
    let (en, zh) = store.names();
    notice(
        Level::Alert,
        "storage_failing",
        format!("The {en} can't be written: {problem}"),
        format!("{zh}无法写入：{problem}"),
    )
}

fn is_written_again(store: Store) -> Notice {
    let (en, zh) = store.names();
    notice(
        Level::Info,
        "storage_back",
        format!("The {en} is written again."),
        format!("{zh}已恢复写入。"),
    )
}

fn was_displaced(store: Store, how: Displaced, failing: bool, lost: bool) -> Notice {
    let (en, zh) = store.names();
    let (more_en, more_zh) = match (store, failing, lost) {
        (_, true, _) => (
            "it can't be put back yet: make room for it, and don't stop the gateway before",
            "暂时无法恢复：请腾出磁盘空间，在此之前请勿停止网关",
        ),
        (Store::Orders, _, true) => (
            "a restart can't count again what was in it: stop it as late as you can",
            "重启后将无法重新统计其中的订单，请尽量推迟重启",
        ),
        _ => ("it was made good", "已自动恢复"),
    };
    notice(
        Level::Alert,
        "storage_displaced",
        format!("Somebody changed the {en}'s file ({how}); {more_en}."),
        format!("{zh}被改动（{how}）；{more_zh}。"),
    )
}

/// Looks after what is kept, and says what has changed.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What can't be written, as it was said last.
    said: [Option<String>; 3],
    damage_said: bool,
}

impl Watch {
    /// Looks how everything stands, tells the metrics, and gives what is to be said to whom. `stalled` is why no step can be made.
    pub fn look(
        &mut self,
        intake: Option<&Intake>,
        stalled: Option<&str>,
        state: Option<&mut State>,
        metrics: &Metrics,
    ) -> Vec<(To, Notice)> {
        let mut out = Vec::new();
        let kept = intake.map(Intake::kept).unwrap_or_default();
        let orders = kept.failing.or_else(|| stalled.map(str::to_owned));
        let failing = orders.is_some();
        metrics.orders_refused.set(i64::from(orders.is_some()));
        metrics.set_storage(Store::Orders, orders);
        metrics.set_damaged(Store::Orders, kept.damaged_bytes + kept.lost_bytes);
        if let Some(how) = kept.displaced {
            metrics.displaced(Store::Orders);
            tracing::error!(%how, lost_bytes = kept.lost_bytes, "somebody changed the order log's file");
            out.push((
                To::Directors,
                was_displaced(Store::Orders, how, failing, kept.lost_bytes > 0),
            ));
        }
        if let Some(state) = state {
            metrics.set_storage(Store::State, state.failing().map(str::to_owned));
            metrics.set_damaged(Store::State, state.damaged_bytes());
            if let Some(how) = state.displaced() {
                metrics.displaced(Store::State);
                let failing = state.failing().is_some();
                tracing::error!(%how, failing, "somebody changed the state's file; it is begun anew");
                out.push((To::Directors, was_displaced(Store::State, how, failing, false)));
            }
            if state.damaged_bytes() > 0 && !self.damage_said {
                self.damage_said = true;
                let (en, zh) = (
                    "A part of the state couldn't be read: the newest whole record counts. Is the hold as it was?",
                    "状态文件部分损坏：以最新的完整记录为准，请确认暂停状态是否正确。",
                );
                let level = Level::Warning;
                out.push((
                    To::Directors,
                    notice(level, "state_damaged", en.to_owned(), zh.to_owned()),
                ));
            }
        }
        let is_back =
            |(said, store): (&Option<String>, Store)| said.is_some() && metrics.storage(store).is_none();
        let some_back = self.said.iter().zip(Store::ALL).any(is_back);
        // What still fails is said after what doesn't any more: that takes back all that was said of failing.
        let mut failing = Vec::new();
        for (said, store) in self.said.iter_mut().zip(Store::ALL) {
            let now = metrics.storage(store);
            match (said.is_some(), &now) {
                (before, Some(problem)) if !before || some_back => {
                    if store == Store::Orders && !before {
                        failing.push((To::Everybody, orders_wait()));
                    }
                    failing.push((To::Directors, cannot_be_written(store, problem)));
                }
                (true, None) if store == Store::Orders => out.push((To::Everybody, orders_come_again())),
                (true, None) => out.push((To::Directors, is_written_again(store))),
                _ => {}
            }
            *said = now;
        }
        out.extend(failing);
        out
    }
}

#[cfg(test)]
pub(crate) mod tests;
