//! What people are told of the things that are kept, in English and Chinese.

use crate::store::Store;
use crate::store::record_log::Displaced;
use meridian_wire::{Level, Names, Notice};

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

pub(crate) fn orders_wait() -> Notice {
    notice(
        Level::Alert,
        "storage_failing",
        "Orders can't be kept at the moment: the figures stay where they are until they can.".to_owned(),
        "目前无法保存订单：数据停留在当前值，恢复后继续更新。".to_owned(),
    )
}

pub(crate) fn orders_come_again() -> Notice {
    notice(
        Level::Info,
        "storage_back",
        "Orders can be kept again: the figures go on.".to_owned(),
        "订单已恢复保存，数据继续更新。".to_owned(),
    )
}

pub(crate) fn cannot_be_written(store: Store, problem: &str) -> Notice {
    let (en, zh) = store.names();
    notice(
        Level::Alert,
        "storage_failing",
        format!("The {en} can't be written: {problem}"),
        format!("{zh}无法写入：{problem}"),
    )
}

pub(crate) fn is_written_again(store: Store) -> Notice {
    let (en, zh) = store.names();
    notice(
        Level::Info,
        "storage_back",
        format!("The {en} is written again."),
        format!("{zh}已恢复写入。"),
    )
}

pub(crate) fn was_displaced(store: Store, how: Displaced, failing: bool, lost: bool) -> Notice {
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

/// A part of the state is lost: what directors decided may be older than it was.
pub(crate) fn state_damaged() -> Notice {
    notice(
        Level::Warning,
        "state_damaged",
        "A part of the state couldn't be read: the newest whole record counts. Is the hold as it was?"
            .to_owned(),
        "状态文件部分损坏：以最新的完整记录为准，请确认暂停状态是否正确。".to_owned(),
    )
}
