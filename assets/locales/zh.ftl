# 界面的简体中文文本。键与 en.ftl 相同。

countdown = 距零点开场
synthetic = 模拟数据

mode-live = 实时
mode-delayed = 延时
mode-held = 暂停更新
mode-replay = 回放
mode-demo = 演示

orders-per-s = 每秒下单
payments-per-s = 每秒支付
peak-at = 峰值 · { $time }
span-seconds = 最近 { $amount } 秒
span-minutes = 最近 { $amount } 分钟
span-hours = 最近 { $amount } 小时
mobile-share = 移动端成交占比
regions-reached = 已覆盖国家和地区
leaderboard = 国家和地区成交榜
categories = 品类成交占比
the-day = 全天走势
now = 此刻
orders-unit = 单

region-orders = 订单数
region-payments = 支付笔数
region-share = 占全天成交
region-rank = 排名

secs = { $n } 秒
mins = { $n } 分钟
hours = { $n } 小时

feed-connecting = 正在连接
feed-up = 已连接
feed-stalled = 暂无数据
feed-lost = 连接中断
feed-refused = 连接被拒
feed-paused = 已暂停
feed-age = 数据 { $age }前
feed-latency = 延迟 { $ms } 毫秒
feed-lights = 光点 { $drawn } / 收到 { $received }
feed-per-light = 1 个光点 = { $n } 单
feed-reconnects = 已重连 { $n } 次
feed-corrections = 更正 { $n } 笔，{ $money }

trouble-connecting = 正在连接
trouble-stalled = 数据停在 { $age }前 · 等待数据源
trouble-lost = 数据停在 { $age }前 · 正在重新连接
trouble-unreachable = 无法连接数据源 · 正在重试
trouble-refused = 数据源拒绝连接

hint = 拖动旋转  ·  滚轮缩放  ·  点击国家或地区  ·  按 ? 查看按键

search-hint = 国家、地区或城市
search-nothing = 没有找到

stats = { $fps } 帧/秒   { $ms } 毫秒   画质 { $quality }   已绘光点 { $lights }
quality-software = 软件
quality-low = 低
quality-high = 高
quality-ultra = 极高

help-title = 按键
help-close = Esc 或 ? 关闭
key-drag = 拖动
key-wheel = 滚轮、双指
key-arrows = 方向键
key-plus = + 与 –
key-click = 单击
key-double-click = 双击
key-search = / 或 Ctrl F
key-escape = Esc
key-space = 空格
key-lang = L
key-arcs = 1
key-columns = 2
key-choropleth = 3
key-names = 4
key-warmth = 5
key-quality = Q
key-stats = F3
key-fullscreen = F11
key-screenshot = F12
key-quit = Ctrl Q
help-drag = 转动地球
help-wheel = 拉近与拉远
help-arrows = 转动地球
help-plus = 拉近与拉远
help-click = 固定一个国家或地区
help-double-click = 飞往该国家或地区
help-search = 搜索
help-escape = 逐层关闭，回到巡游
help-space = 暂停与继续
help-lang = English
help-arcs = 跨境包裹
help-columns = 成交柱
help-choropleth = 按成交着色
help-names = 国家和地区名称
help-warmth = 订单余温
help-quality = 切换画质
help-stats = 帧统计
help-fullscreen = 全屏
help-screenshot = 保存画面
help-quit = 退出
governor-less = 画面较慢：{ $spent }。光点一个不少。
governor-more = 画面平稳：{ $spent }。
governor-full = 地球完整绘制
governor-no-bloom = 泛光关闭
governor-no-tone = 色调曲线关闭
governor-plain-land = 陆地简化
governor-scale = 地球按 { $percent }% 尺寸绘制
list-comma = ，
ahead-record = 待超越的纪录
ahead-milestones = 即将冲击的里程碑
showroom-back = 返回地球
showroom-refused = 无法展示该商品
showroom-explode = 拆解
showroom-open = 展开
showroom-closed = 闭合
showroom-tour = 导览
showroom-measure = 尺寸
showroom-metric = 公制
showroom-imperial = 英寸
showroom-light = 灯光
showroom-light-studio = 影棚
showroom-light-day = 日光
showroom-light-stage = 舞台
showroom-compare = 对比
help-showroom = 进入展厅
key-showroom = P
