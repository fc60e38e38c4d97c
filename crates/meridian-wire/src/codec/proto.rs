//! The binary encoding's messages, made of `docs/feed.proto`, which says what they mean. Only the codec sees
//! them. Don't edit this: `tests/proto.rs` says how it is made.
//!
//! Bulk columns are little-endian fixed-width `bytes`, so that a reader in any language can lay a
//! typed array over them.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Subscribe {
    #[prost(message, optional, tag = "1")]
    pub resume: Option<Position>,
    #[prost(uint32, optional, tag = "2")]
    pub lights_per_s: Option<u32>,
    #[prost(uint32, tag = "3")]
    pub compression: u32,
    #[prost(bool, tag = "4")]
    pub relay: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Position {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub seq: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Names {
    #[prost(string, tag = "1")]
    pub en: String,
    #[prost(string, tag = "2")]
    pub zh: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hello {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(string, tag = "2")]
    pub server: String,
    #[prost(uint32, tag = "3")]
    pub mode: u32,
    #[prost(bool, tag = "4")]
    pub synthetic: bool,
    #[prost(message, optional, tag = "5")]
    pub title: Option<Names>,
    #[prost(string, tag = "6")]
    pub currency: String,
    #[prost(uint32, tag = "7")]
    pub gmv_counts: u32,
    #[prost(double, tag = "8")]
    pub speed: f64,
    #[prost(string, tag = "9")]
    pub catalogue: String,
    #[prost(message, repeated, tag = "10")]
    pub categories: Vec<Names>,
    #[prost(int64, tag = "11")]
    pub day_start_ms: i64,
    #[prost(int64, tag = "12")]
    pub day_end_ms: i64,
    #[prost(sint32, tag = "13")]
    pub day_utc_offset_min: i32,
    #[prost(message, repeated, tag = "14")]
    pub comparisons: Vec<Comparison>,
    #[prost(bytes = "vec", tag = "15")]
    pub milestones_minor_i64: Vec<u8>,
    #[prost(message, repeated, tag = "16")]
    pub products: Vec<ProductInfo>,
    #[prost(uint32, tag = "17")]
    pub class: u32,
    #[prost(string, optional, tag = "18")]
    pub key: Option<String>,
    #[prost(int64, optional, tag = "19")]
    pub published_ms: Option<i64>,
    #[prost(uint32, optional, tag = "20")]
    pub k: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProductInfo {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(message, optional, tag = "2")]
    pub names: Option<Names>,
    #[prost(uint32, tag = "3")]
    pub category: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Comparison {
    #[prost(message, optional, tag = "1")]
    pub label: Option<Names>,
    #[prost(bytes = "vec", tag = "2")]
    pub at_ms_i64: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub gmv_minor_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Counts {
    #[prost(uint64, tag = "1")]
    pub orders: u64,
    #[prost(uint64, tag = "2")]
    pub payments: u64,
    #[prost(sint64, tag = "3")]
    pub gmv_minor: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Totals {
    #[prost(message, optional, tag = "1")]
    pub counts: Option<Counts>,
    #[prost(message, optional, tag = "2")]
    pub unplaced: Option<Counts>,
    #[prost(uint64, tag = "3")]
    pub corrections: u64,
    #[prost(sint64, tag = "4")]
    pub corrected_minor: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Rates {
    #[prost(uint64, tag = "1")]
    pub orders_per_s: u64,
    #[prost(uint64, tag = "2")]
    pub payments_per_s: u64,
    #[prost(sint64, tag = "3")]
    pub gmv_minor_per_s: i64,
    #[prost(uint64, tag = "4")]
    pub peak_orders_per_s: u64,
    #[prost(int64, tag = "5")]
    pub peak_orders_at_ms: i64,
    #[prost(uint64, tag = "6")]
    pub peak_payments_per_s: u64,
    #[prost(int64, tag = "7")]
    pub peak_payments_at_ms: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct KeyedColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub id_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub orders_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub payments_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub gmv_minor_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CellColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub region_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub category_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub orders_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub payments_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub gmv_minor_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReachedColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub gmv_minor_i64: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub at_ms_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct History {
    #[prost(int64, tag = "1")]
    pub step_ms: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub gmv_minor_i64: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub region_step_ms: i64,
    #[prost(message, repeated, tag = "4")]
    pub regions: Vec<RegionHistory>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RegionHistory {
    #[prost(uint32, tag = "1")]
    pub region: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub gmv_minor_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Warmth {
    #[prost(bytes = "vec", tag = "1")]
    pub place_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub level_u8: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Snapshot {
    #[prost(int64, tag = "1")]
    pub event_ms: i64,
    #[prost(int64, tag = "2")]
    pub published_ms: i64,
    #[prost(uint32, tag = "3")]
    pub mode: u32,
    #[prost(message, optional, tag = "4")]
    pub totals: Option<Totals>,
    #[prost(message, optional, tag = "5")]
    pub rates: Option<Rates>,
    #[prost(message, optional, tag = "6")]
    pub regions: Option<KeyedColumns>,
    #[prost(message, optional, tag = "7")]
    pub categories: Option<KeyedColumns>,
    #[prost(message, optional, tag = "8")]
    pub channels: Option<KeyedColumns>,
    #[prost(message, optional, tag = "9")]
    pub cells: Option<CellColumns>,
    #[prost(message, optional, tag = "10")]
    pub history: Option<History>,
    #[prost(message, optional, tag = "11")]
    pub reached: Option<ReachedColumns>,
    #[prost(message, optional, tag = "12")]
    pub warmth: Option<Warmth>,
    #[prost(message, optional, tag = "13")]
    pub products: Option<Products>,
    #[prost(message, optional, tag = "14")]
    pub direct: Option<Direct>,
    #[prost(message, repeated, tag = "15")]
    pub notices: Vec<Notice>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tick {
    #[prost(int64, tag = "1")]
    pub event_ms: i64,
    #[prost(int64, tag = "2")]
    pub published_ms: i64,
    #[prost(uint32, tag = "3")]
    pub mode: u32,
    #[prost(message, optional, tag = "4")]
    pub totals: Option<Totals>,
    #[prost(message, optional, tag = "5")]
    pub rates: Option<Rates>,
    #[prost(message, optional, tag = "6")]
    pub regions: Option<KeyedColumns>,
    #[prost(message, optional, tag = "7")]
    pub categories: Option<KeyedColumns>,
    #[prost(message, optional, tag = "8")]
    pub channels: Option<KeyedColumns>,
    #[prost(message, optional, tag = "9")]
    pub cells: Option<CellColumns>,
    #[prost(message, optional, tag = "11")]
    pub reached: Option<ReachedColumns>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Lights {
    #[prost(int64, tag = "1")]
    pub from_ms: i64,
    #[prost(int64, tag = "2")]
    pub to_ms: i64,
    #[prost(uint32, tag = "3")]
    pub per_light: u32,
    #[prost(uint64, tag = "4")]
    pub events: u64,
    #[prost(bytes = "vec", tag = "5")]
    pub place_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub code_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub arc_from_region_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub arc_to_place_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    pub arc_parcels_u32: Vec<u8>,
    #[prost(int64, optional, tag = "10")]
    pub published_ms: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Heartbeat {
    #[prost(int64, tag = "1")]
    pub event_ms: i64,
    #[prost(int64, tag = "2")]
    pub published_ms: i64,
    #[prost(uint32, tag = "3")]
    pub mode: u32,
    #[prost(bool, tag = "4")]
    pub paused: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Notice {
    #[prost(uint32, tag = "1")]
    pub level: u32,
    #[prost(string, tag = "2")]
    pub code: String,
    #[prost(message, optional, tag = "3")]
    pub text: Option<Names>,
    #[prost(int64, tag = "4")]
    pub published_ms: i64,
    #[prost(message, repeated, tag = "5")]
    pub args: Vec<NoticeArg>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NoticeArg {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Direct {
    #[prost(int64, tag = "1")]
    pub published_ms: i64,
    #[prost(bool, tag = "2")]
    pub held: bool,
    #[prost(bool, tag = "3")]
    pub rehearsal: bool,
    #[prost(uint64, tag = "4")]
    pub delay_ms: u64,
    #[prost(string, optional, tag = "5")]
    pub scene: Option<String>,
    #[prost(uint64, tag = "6")]
    pub scene_number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Bye {
    #[prost(string, tag = "1")]
    pub code: String,
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(uint64, optional, tag = "3")]
    pub retry_after_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Products {
    #[prost(int64, tag = "1")]
    pub event_ms: i64,
    #[prost(message, optional, tag = "2")]
    pub products: Option<ProductColumns>,
    #[prost(message, optional, tag = "3")]
    pub regions: Option<ProductCellColumns>,
    #[prost(int64, tag = "4")]
    pub step_ms: i64,
    #[prost(message, repeated, tag = "5")]
    pub curves: Vec<ProductCurve>,
    #[prost(message, optional, tag = "6")]
    pub trends: Option<TrendColumns>,
    #[prost(int64, optional, tag = "7")]
    pub published_ms: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProductColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub id_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub orders_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub payments_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub gmv_minor_i64: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub units_i64: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub orders_per_s_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub orders_10s_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub rank_u16: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProductCellColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub product_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub region_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub orders_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub payments_u64: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub gmv_minor_i64: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub units_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProductCurve {
    #[prost(uint32, tag = "1")]
    pub product: u32,
    #[prost(uint32, tag = "2")]
    pub from: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub gmv_minor_i64: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TrendColumns {
    #[prost(bytes = "vec", tag = "1")]
    pub product_u16: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub region_u8: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub percent_u32: Vec<u8>,
}
