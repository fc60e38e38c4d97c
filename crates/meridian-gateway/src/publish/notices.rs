//! Notices as the public reads them.

use meridian_wire::{Names, Notice};

/// A notice as the public reads it: what it is about, without counts, sums, names or files.
pub(super) fn plain(notice: &Notice) -> Notice {
    let (en, zh) = match notice.code.as_str() {
        "source_failed" => (
            "The source can't be read on; the last good figures are held.",
            "数据源无法继续读取，保留最后的有效数据。",
        ),
        "synthetic_places" => (
            "Orders name countries, not cities: lights stand at cities of the country drawn by population.",
            "订单只有国家、没有城市：光点按人口落在该国城市。",
        ),
        "corrections" => (
            "Cancelled orders are taken off the value as corrections.",
            "取消的订单作为更正从成交额中扣除。",
        ),
        "without_value" => (
            "Entries without any value aren't counted as orders.",
            "金额为零的记录不计为订单。",
        ),
        "unknown_country" => (
            "Orders from countries that no region matches count in the totals, without a place.",
            "国家无法识别的订单计入总额但不落在地图上。",
        ),
        "unknown_channel" => (
            "Orders whose channel isn't known are counted under the default one.",
            "渠道无法识别的订单计入默认渠道。",
        ),
        "source_silent" => (
            "No orders come at the moment: the figures stand where they were.",
            "暂时没有收到订单，数据停留在此前的值。",
        ),
        "source_back" => ("Orders come again.", "订单已恢复接收。"),
        "unreadable_row" => ("Rows that can't be read are skipped.", "无法读取的行已跳过。"),
        _ => (
            "The gateway has a notice for its operators.",
            "网关有一条给运维人员的通知。",
        ),
    };
    Notice {
        text: Names {
            en: en.to_owned(),
            zh: zh.to_owned(),
        },
        ..notice.clone()
    }
}
