# 网关通知的简体中文文本。键与 notices-en.ftl 相同。

notice-public = 网关有一条给运维人员的通知。

notice-source-failed = 数据源无法继续读取，保留最后的有效数据。{ $problem }
notice-source-failed-public = 数据源无法继续读取，保留最后的有效数据。

notice-source-silent = 已有 { $seconds } 秒没有收到订单或支付，数据停留在此前的值。
notice-source-silent-public = 暂时没有收到订单，数据停留在此前的值。

notice-source-back = 订单和支付已恢复接收。
notice-source-back-public = 订单已恢复接收。

notice-source-over-budget = { $what ->
    [batches] 来源 { $source } 发送的批次过多
    [sources] 来源数量过多
    [sources_of_token] 一个无固定编号的令牌使用的来源编号过多，最后是来源 { $source }
    [gaps] 来源 { $source } 的批次编号间断过多
    [value] 来源 { $source } 的金额总和超过一天的上限
    [anybody] 无固定编号的来源金额总和超过一天的上限，最后来自来源 { $source }
   *[day] 当天金额总和超过 64 位上限
}

notice-busiest-source = 最近的数据中 { $percent }% 来自来源 { $source }

notice-synthetic-places = 订单文件只有国家、没有城市：光点按人口落在该国城市。城市位置为合成，其余均为店铺真实数据。
notice-synthetic-places-public = 订单只有国家、没有城市：光点按人口落在该国城市。

notice-corrections = 文件中有 { $count } 笔取消订单，共 { $sum }，作为更正从成交额中扣除
notice-corrections-public = 取消的订单作为更正从成交额中扣除。

notice-without-value = 文件中有 { $count } 笔金额为零的记录，不计为订单
notice-without-value-public = 金额为零的记录不计为订单。

notice-unknown-country = 有 { $count } 笔订单的国家无法识别，计入总额但不落在地图上：{ $countries }
notice-unknown-country-public = 国家无法识别的订单计入总额但不落在地图上。

notice-unknown-channel = 有 { $count } 行的渠道未在映射中列出，计入默认渠道
notice-unknown-channel-public = 渠道无法识别的订单计入默认渠道。

notice-unreadable-row = 有 { $count } 行无法读取，已跳过（行号：{ JOIN($lines, with: "、") }{ $more ->
    [none] {""}
   *[other] 、另有 { $more } 行
}）
notice-unreadable-row-public = 无法读取的行已跳过。

store = { $store ->
    [orders] 订单日志
    [state] 状态文件
    [audit] 审计日志
   *[other] { $store }
}
notice-storage-failing = { store }无法写入：{ $problem }
notice-storage-failing-public = 目前无法保存订单：数据停留在当前值，恢复后继续更新。
notice-storage-back = { store }已恢复写入。
notice-storage-back-public = 订单已恢复保存，数据继续更新。
notice-storage-displaced = { store }被改动（{ $how ->
    [deleted] 文件被删除
    [moved] 文件被移走
    [replaced] 被换成了另一个文件
    [shortened] 文件被截短至 { $bytes } 字节
   *[lengthened] 被写入 { $bytes } 字节，已截除
}）；{ $then ->
    [waits] 暂时无法恢复：请腾出磁盘空间，在此之前请勿停止网关
    [lost] 重启后将无法重新统计其中的订单，请尽量推迟重启
   *[restored] 已自动恢复
}。

notice-log-damaged = 订单日志部分损坏：在重新发送之前，数据不包含受损部分的订单。
notice-state-damaged = 状态文件部分损坏：以最新的完整记录为准，请确认暂停状态是否正确。

implausible-back-in-time = 时间倒退
implausible-fell = 总数下降且没有更正记录
implausible-too-fast = 每秒数量超过可能的上限
implausible-sum = 各地区之和与总数不符
implausible-clock = 数据时间与时钟相差过大
notice-implausible = 数据不合常理，保留最后的有效数据：{ $what ->
    [back_in_time] { implausible-back-in-time }
    [fell] { implausible-fell }
    [too_fast] { implausible-too-fast }
    [sum] { implausible-sum }
    [clock] { implausible-clock }
   *[other] { $what }
}
notice-implausible-public-back-in-time = 数据不合常理，保留最后的有效数据：{ implausible-back-in-time }
notice-implausible-public-fell = 数据不合常理，保留最后的有效数据：{ implausible-fell }
notice-implausible-public-too-fast = 数据不合常理，保留最后的有效数据：{ implausible-too-fast }
notice-implausible-public-sum = 数据不合常理，保留最后的有效数据：{ implausible-sum }
notice-implausible-public-clock = 数据不合常理，保留最后的有效数据：{ implausible-clock }

notice-held = 数据已由 { $by } 暂停更新
notice-held-public = 数据暂停更新
notice-released = 数据恢复更新
notice-release-asked = { $by } 请求恢复更新，需要另一位导播确认
notice-directed = { $by } { $what ->
    [shows] 展示 { $scene }
    [begins_rehearsal] 开始彩排
    [ends_rehearsal] 结束彩排
   *[delays] 将延迟设为 { $delay_ms } 毫秒
}

notice-intrusion = { $what ->
    [token] 已失效的令牌（{ $token }）一分钟内被使用 { $count } 次，最近来自 { $address }
    [locked] { $address } 在一分钟内失败 { $count } 次，已暂时封锁（持有令牌者除外）
   *[slowed] { $address } 在一分钟内失败 { $count } 次（{ $failure }），未封锁
}

notice-clock-jumped = 网关时钟跳变 { $seconds } 秒：在其恢复或稳定一分钟之前，时间不随其变化
notice-clock-jumped-public = 网关时钟跳变：在其恢复或稳定一分钟之前，时间不随其变化
notice-clock-right = 网关时钟已恢复
notice-clock-right-public = 网关时钟已恢复
notice-clock-set = 网关时钟跳变 { $seconds } 秒 后保持稳定：以其为准
notice-clock-set-public = 网关时钟跳变后保持稳定：以其为准
notice-clock-behind = 此前的数据比网关时钟超前 { $seconds } 秒：时间等待，订单照常计入
notice-clock-behind-public = 此前的数据比网关时钟超前：时间等待，订单照常计入
notice-closed-early = 当天的记录已结束，但时钟显示当天尚未结束：无法继续计入订单
notice-closed-early-public = 当天的记录已结束，但时钟显示当天尚未结束：无法继续计入订单

title-synthetic-places = { $title }（城市位置为合成）
