//! Notices about a live day's orders.

use meridian_wire::{Level, Names, Notice};

fn notice(level: Level, code: &str, en: String, zh: String) -> Notice {
    Notice {
        level,
        code: code.to_owned(),
        text: Names { en, zh },
        published_ms: 0,
    }
}

/// No batch has arrived for a number of seconds.
pub(super) fn silent(seconds: i64) -> Notice {
    notice(
        Level::Warning,
        "source_silent",
        format!("No order or payment has come for {seconds} s: the figures stand where they were."),
        format!("已有 {seconds} 秒没有收到订单或支付，数据停留在此前的值。"),
    )
}

/// Batches arrive again.
pub(super) fn heard_again() -> Notice {
    notice(
        Level::Info,
        "source_back",
        "Orders and payments come again.".to_owned(),
        "订单和支付已恢复接收。".to_owned(),
    )
}
