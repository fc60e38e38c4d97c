//! What travels between a gateway and its displays, protocol version 1.
//!
//! Every count and sum is absolute and cumulative since the day's start, so that merging ticks and
//! receiving one twice are harmless. The serde form of these types is the JSON encoding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use meridian_core::insight::Trend;
use meridian_core::sales::{Currency, EventMs, Kind};
pub use meridian_core::tally::{Counts, ProductCounts, Rates, Totals};

/// The protocol's major version. A new one is a new subprotocol.
pub const VERSION: u32 = 1;
/// WebSocket subprotocol of the JSON encoding.
pub const SUBPROTOCOL_JSON: &str = "meridian.v1+json";
/// WebSocket subprotocol of those who send order batches.
pub const SUBPROTOCOL_ORDERS: &str = "meridian.v1.orders";
/// WebSocket subprotocol of the binary encoding.
pub const SUBPROTOCOL_BIN: &str = "meridian.v1+bin";
/// The largest frame that either side accepts, in bytes.
pub const MAX_FRAME_BYTES: usize = 8 << 20;

/// What the figures are. Always on screen and in every export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Real orders as they happen.
    Live,
    /// Real orders, shown later on purpose.
    Delayed,
    /// The last good figures; new ones are held back.
    Held,
    /// Real orders of an earlier time.
    Replay,
    /// Generated orders.
    #[default]
    Demo,
    /// A rehearsal: whatever the figures are, they aren't the day's.
    Rehearsal,
}

/// Who may see what a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// What a wall shows: small counts are withheld.
    #[default]
    Public,
    /// Every tally by product and region as it is.
    Internal,
}

impl DataClass {
    /// Whether somebody who may see this class may see another one.
    pub fn may_see(self, other: Self) -> bool {
        other == Self::Public || self == Self::Internal
    }

    /// Its name, as in the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }

    fn is_public(&self) -> bool {
        *self == Self::Public
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

/// One frame: where it stands in the stream, and what it says.
///
/// A stream is one `epoch`; `seq` rises; `prev` is the `seq` of the frame sent before on this
/// connection. A `prev` that isn't the last `seq` received is a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Changes whenever the gateway can't go on from what it published before.
    pub epoch: u64,
    /// The frame's number in the epoch.
    pub seq: u64,
    /// The number of the frame before it on this connection; 0 for the first.
    pub prev: u64,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// First on every connection: what this feed is.
    Hello(Box<Hello>),
    /// Everything that is known, in one frame.
    Snapshot(Box<Snapshot>),
    /// What changed, ten times a second.
    Tick(Box<Tick>),
    /// The orders and payments of a span of time, as lights.
    Lights(Lights),
    /// Once a second: the gateway is alive.
    Heartbeat(Heartbeat),
    /// Something that people should know.
    Notice(Notice),
    /// The gateway closes this connection on purpose.
    Bye(Bye),
    /// What changed of the products, about once a second.
    Products(Box<Products>),
    /// What the directors decided for every display.
    Direct(Direct),
    /// A type that this version doesn't know, by its name or number. What it says is passed over; its
    /// place in the stream counts. It is only ever received.
    #[serde(skip)]
    Unknown(String),
}

/// When a frame was published, as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// At this instant, milliseconds since the Unix epoch.
    At(i64),
    /// It could say, and doesn't: gateways before there was an instant in `hello`, `lights` and `products`.
    Unsaid,
    /// Such a frame never says.
    Never,
}

impl Body {
    /// When it says that it was published.
    pub fn published(&self) -> Published {
        let said = |at: Option<i64>| at.map_or(Published::Unsaid, Published::At);
        match self {
            Self::Hello(hello) => said(hello.published_ms),
            Self::Lights(lights) => said(lights.published_ms),
            Self::Products(products) => said(products.published_ms),
            Self::Snapshot(snapshot) => Published::At(snapshot.published_ms),
            Self::Tick(tick) => Published::At(tick.published_ms),
            Self::Heartbeat(beat) => Published::At(beat.published_ms),
            Self::Notice(notice) => Published::At(notice.published_ms),
            Self::Direct(direct) => Published::At(direct.published_ms),
            Self::Bye(_) | Self::Unknown(_) => Published::Never,
        }
    }

    /// Says that it is published now.
    pub fn stamp(&mut self, now_ms: i64) {
        match self {
            Self::Hello(hello) => hello.published_ms = Some(now_ms),
            Self::Lights(lights) => lights.published_ms = Some(now_ms),
            Self::Products(products) => products.published_ms = Some(now_ms),
            Self::Snapshot(snapshot) => snapshot.published_ms = now_ms,
            Self::Tick(tick) => tick.published_ms = now_ms,
            Self::Heartbeat(beat) => beat.published_ms = now_ms,
            Self::Notice(notice) => notice.published_ms = now_ms,
            Self::Direct(direct) => direct.published_ms = now_ms,
            Self::Bye(_) | Self::Unknown(_) => {}
        }
    }

    /// Whether it shows that the gateway is alive: other frames may pause for a while.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Tick(_) | Self::Heartbeat(_))
    }
}

/// What this feed is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Protocol version, 1.
    pub version: u32,
    /// The program that serves, for people.
    pub server: String,
    /// What the figures are.
    pub mode: Mode,
    /// Whether any figure is generated rather than counted from real orders.
    pub synthetic: bool,
    /// The day's or shop's name.
    pub title: Names,
    /// Currency of every amount; amounts are in its minor units.
    pub currency: Currency,
    /// Whether GMV counts payments settled or orders made.
    pub gmv_counts: Kind,
    /// How fast event time runs against the wall clock.
    pub speed: f64,
    /// Hash of the catalogue that region and place numbers refer to.
    pub catalogue: String,
    /// The categories; their numbers are their places in this list.
    pub categories: Vec<Names>,
    /// The span of event time that is shown.
    pub day: Day,
    /// Earlier days to compare with, newest first.
    pub comparisons: Vec<Comparison>,
    /// GMV values that are celebrated, in minor units, rising.
    pub milestones_minor: Vec<i64>,
    /// The products that are followed; their numbers are their places in this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductInfo>,
    /// Who may see what this stream holds.
    #[serde(default, skip_serializing_if = "DataClass::is_public")]
    pub class: DataClass,
    /// The key that frames are signed with, as `ed25519:` and base64; absent: they aren't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The gateway's clock when it said this, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_ms: Option<i64>,
    /// The fewest orders or payments that are told together; absent: each is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u32>,
}

impl Hello {
    /// A placeholder before the feed's first `hello`.
    pub fn unknown() -> Self {
        Self {
            version: VERSION,
            server: String::new(),
            mode: Mode::Held,
            synthetic: false,
            title: Names::default(),
            currency: Currency::CNY,
            gmv_counts: Kind::Payment,
            speed: 1.0,
            catalogue: String::new(),
            categories: Vec::new(),
            day: Day {
                start_ms: 0,
                end_ms: 0,
                utc_offset_min: 0,
            },
            comparisons: Vec::new(),
            milestones_minor: Vec::new(),
            products: Vec::new(),
            class: DataClass::Public,
            key: None,
            published_ms: None,
            k: None,
        }
    }
}

/// A product of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProductInfo {
    /// What it is called in addresses and files: small letters, digits and hyphens (`earbuds`).
    pub id: String,
    /// Its name.
    pub names: Names,
    /// The number of its category.
    pub category: u8,
}

/// The span of event time that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The first instant.
    pub start_ms: EventMs,
    /// The end, exclusive.
    pub end_ms: EventMs,
    /// The day's time zone: minutes east of UTC.
    pub utc_offset_min: i32,
}

/// The curve of an earlier day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its name.
    pub label: Names,
    /// Milliseconds since that day's start, rising.
    pub at_ms: Vec<i64>,
    /// Cumulative GMV at those times, in minor units.
    pub gmv_minor: Vec<i64>,
}

/// Counts of one region, category or channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyed {
    /// Number of the region, category or channel.
    pub id: u8,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Counts of one category in one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Region number.
    pub region: u8,
    /// Category number.
    pub category: u8,
    /// Their counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A milestone that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The milestone's GMV, in minor units.
    pub gmv_minor: i64,
    /// When it was passed.
    pub at_ms: EventMs,
}

/// Value over time until now: cumulative, at equal steps from the day's start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// Interval between the points, in milliseconds.
    pub step_ms: i64,
    /// Total GMV at start, start + step, …, in minor units.
    pub gmv_minor: Vec<i64>,
    /// Interval between the regions' points (coarser), in milliseconds.
    pub region_step_ms: i64,
    /// The same for each region with any.
    pub regions: Vec<RegionHistory>,
}

/// One region's value over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionHistory {
    /// Region number.
    pub region: u8,
    /// Cumulative GMV, in minor units.
    pub gmv_minor: Vec<i64>,
}

/// The warmth that lights left behind, so that one who joins late sees it too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Warmth {
    /// Place numbers.
    pub place: Vec<u16>,
    /// 0 to 255: 16 × log2(1 + decayed number of orders and payments there), rounded.
    pub level: Vec<u8>,
}

/// Everything that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Event time that the figures stand at.
    pub event_ms: EventMs,
    /// The gateway's clock when it published this, milliseconds since the Unix epoch.
    pub published_ms: i64,
    /// What the figures are.
    pub mode: Mode,
    /// The totals.
    pub totals: Totals,
    /// The rates.
    pub rates: Rates,
    /// Every region with any.
    pub regions: Vec<Keyed>,
    /// Every category.
    pub categories: Vec<Keyed>,
    /// Every channel.
    pub channels: Vec<Keyed>,
    /// Every category of every region with any.
    pub cells: Vec<Cell>,
    /// Value over time until now.
    pub history: History,
    /// Milestones passed, in order.
    pub reached: Vec<Reached>,
    /// Warmth of the places.
    pub warmth: Warmth,
    /// The products.
    #[serde(default, skip_serializing_if = "Products::is_absent")]
    pub products: Products,
    /// What the directors decided; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Direct>,
    /// What was told before and still holds, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// The most points of one product's curve, from its start.
pub const MAX_CURVE_POINTS: usize = 10_000;
/// The most products that have regions, curves and trends in one frame.
pub const MAX_DETAILED_PRODUCTS: usize = 64;

/// The products. In a snapshot everything that is known of them, in a frame of its own what changed: rows
/// that are absent are unchanged. All figures are absolute and cumulative, as everywhere.
///
/// Regions, curves and trends are there for the [`MAX_DETAILED_PRODUCTS`] products of the greatest value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Products {
    /// Event time that the figures stand at.
    pub event_ms: EventMs,
    /// The products' figures.
    pub products: Vec<ProductRow>,
    /// The products' figures by region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<ProductCell>,
    /// Interval between the curves' points, in milliseconds.
    pub step_ms: i64,
    /// New points of the products' curves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<ProductCurve>,
    /// Where products sell more than usual, all of them, by product, the surest first; absent: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trends: Option<Vec<Trend>>,
    /// In a frame of its own, the gateway's clock when it published this, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_ms: Option<i64>,
}

impl Products {
    /// Whether it says nothing: a feed without products.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.regions.is_empty() && self.curves.is_empty() && self.trends.is_none()
    }

    /// Whether a snapshot leaves it out.
    pub(super) fn is_absent(&self) -> bool {
        *self == Self::default()
    }
}

/// A product's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProductRow {
    /// The product's number.
    pub id: u16,
    /// Orders, payments, value and pieces.
    #[serde(flatten)]
    pub counts: ProductCounts,
    /// Orders in the last full second.
    pub orders_per_s: u64,
    /// Orders in the last ten full seconds: a tenth of it is the mean rate.
    pub orders_10s: u64,
    /// Its place by value among the products, from 1; of equal ones the one with the lower number first.
    pub rank: u16,
}

/// A product's figures in one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCell {
    /// The product's number.
    pub product: u16,
    /// The region's number.
    pub region: u8,
    /// Orders, payments, value and pieces there.
    #[serde(flatten)]
    pub counts: ProductCounts,
}

/// New points of a product's curve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCurve {
    /// The product's number.
    pub product: u16,
    /// The number of the first point here: it stands at the day's start + `from` × `step_ms`.
    pub from: u32,
    /// Cumulative value at the points, in minor units.
    pub gmv_minor: Vec<i64>,
}

/// What changed. Absent keys are unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Event time that the figures stand at.
    pub event_ms: EventMs,
    /// The gateway's clock when it published this, milliseconds since the Unix epoch.
    pub published_ms: i64,
    /// What the figures are.
    pub mode: Mode,
    /// The totals.
    pub totals: Totals,
    /// The rates.
    pub rates: Rates,
    /// Regions that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Keyed>,
    /// Categories that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Keyed>,
    /// Channels that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Keyed>,
    /// Cells that changed; sent once a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Cell>,
    /// Milestones passed since the tick before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Reached>,
}

impl Tick {
    /// A tick in which nothing is known.
    pub fn empty(event_ms: EventMs) -> Self {
        Self {
            event_ms,
            published_ms: 0,
            mode: Mode::default(),
            totals: Totals::default(),
            rates: Rates::default(),
            regions: Vec::new(),
            categories: Vec::new(),
            channels: Vec::new(),
            cells: Vec::new(),
            reached: Vec::new(),
        }
    }
}

/// The orders and payments of a span of event time.
///
/// `code` is `kind << 3 | bucket`: kind 0 an order, 1 a payment; bucket 0 to 7 the magnitude of its
/// amount (see [`magnitude_bucket`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lights {
    /// First instant of the span, inclusive.
    pub from_ms: EventMs,
    /// End of the span, exclusive.
    pub to_ms: EventMs,
    /// How many orders and payments one light stands for: 1, unless this display can't keep up.
    pub per_light: u32,
    /// How many orders and payments the span had.
    pub events: u64,
    /// The place of each light.
    pub place: Vec<u16>,
    /// Kind and magnitude of each light.
    pub code: Vec<u8>,
    /// Parcels that crossed a border in the span.
    #[serde(default, skip_serializing_if = "Arcs::is_empty")]
    pub arcs: Arcs,
    /// The gateway's clock when it published this, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_ms: Option<i64>,
}

/// Parcels across borders, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Arcs {
    /// The region they ship from.
    pub from_region: Vec<u8>,
    /// The place they go to.
    pub to_place: Vec<u16>,
    /// How many parcels the arc stands for.
    pub parcels: Vec<u32>,
}

impl Arcs {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.from_region.is_empty()
    }
}

/// The magnitude bucket of an amount: steps of ×√10 from 10 whole units, 0 to 7.
pub fn magnitude_bucket(amount_minor: i64, minor_per_unit: i64) -> u8 {
    let units = (amount_minor / minor_per_unit.max(1)).max(0);
    const STEPS: [i64; 7] = [10, 32, 100, 316, 1_000, 3_162, 10_000];
    STEPS.iter().take_while(|step| units >= **step).count() as u8
}

/// The gateway is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Event time.
    pub event_ms: EventMs,
    /// The gateway's clock, milliseconds since the Unix epoch.
    pub published_ms: i64,
    /// What the figures are.
    pub mode: Mode,
    /// Whether event time stands still on purpose.
    #[serde(default)]
    pub paused: bool,
}

/// What the directors decided for every display: all of it, whenever any of it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Direct {
    /// The gateway's clock, milliseconds since the Unix epoch.
    pub published_ms: i64,
    /// Whether the figures are held back by a director.
    #[serde(default)]
    pub held: bool,
    /// Whether this is a rehearsal.
    #[serde(default)]
    pub rehearsal: bool,
    /// How much later than they happened orders are shown, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// What every display shows, as in `globe` or `showroom:shoe`; absent: its own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// Rises whenever a scene is asked for: a display goes there once, and people may then go elsewhere.
    #[serde(default)]
    pub scene_number: u64,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something isn't as it should be.
    Warning,
    /// Somebody has to act.
    Alert,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// A stable name, as in `unknown_country`.
    pub code: String,
    /// What to tell people.
    pub text: Names,
    /// The gateway's clock, milliseconds since the Unix epoch.
    pub published_ms: i64,
    /// What the text has beside its words, by name, so that displays can word it themselves; none on the public stream.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
}

/// The gateway closes this connection on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// A stable name, as in `shutting_down`, `too_slow`, `bad_subscribe`.
    pub code: String,
    /// For people.
    pub text: String,
    /// When to come back, in milliseconds; absent: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What a client may say, first and only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename = "subscribe", deny_unknown_fields)]
pub struct Subscribe {
    /// Go on after this frame if the gateway still has what followed; otherwise a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Position>,
    /// The most lights a second that this client wants; absent: all; 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lights_per_s: Option<u32>,
    /// How large binary frames may be packed; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Whether this client serves others: it gets the stream's own snapshots too, once every five seconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relay: bool,
}

/// How a frame's body may be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// One zstd frame (RFC 8878) for each body.
    Zstd,
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The stream.
    pub epoch: u64,
    /// The last frame received in it.
    pub seq: u64,
}
