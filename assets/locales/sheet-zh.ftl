# 增强现实底板上的简体中文文本。键与 sheet-en.ftl 相同。

sheet-title = 增强现实底板
sheet-front = 正面
sheet-print = 请按 100% 实际大小打印，并确认此标尺长 100 毫米
sheet-flat = 将底板平放，光线均匀。
sheet-stand = 站在箭头所指的一侧观看。
sheet-keep = 至少保持一个方块完整可见。
