//! The ledger: the current figures, and the state of the feed. Views read both; only the link writes them.

pub mod day_rates;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use bevy::prelude::*;

use crate::minute::Minute;
use meridian_core::sales::{Catalogue, Channel, EventMs, PlaceId};
use meridian_wire::{
    Body, Counts, Direct, Growth, Hello, History, Lights, MAX_CURVE_POINTS, Mode, Names, Notice,
    ProductCounts, ProductInfo, Products, Rates, Reached, Scene, Snapshot, Tick, Totals, Trend, Warmth,
};

use self::day_rates::DayRates;

/// The catalogue of regions and places that the feed's numbers refer to.
#[derive(Resource, Clone, Deref)]
pub struct Regions(pub Arc<Catalogue>);

/// The state of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum FeedStatus {
    /// Not connected yet.
    #[default]
    Connecting,
    /// Frames arrive.
    Up,
    /// Connected, and nothing arrives.
    Stalled,
    /// The connection is lost; it is tried again.
    Lost,
    /// The gateway or its protocol was refused.
    Refused,
}

/// The state of the feed, for the panel that shows it. It changes with time, and not only with frames as [`Ledger`] does.
#[derive(Resource, Debug, Clone, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct FeedHealth {
    /// The current state.
    pub status: FeedStatus,
    /// The address, for people.
    pub address: String,
    /// App time of the last frame, in seconds.
    pub last_frame_secs: f64,
    /// Age of the figures: seconds since the last frame.
    pub age_secs: f64,
    /// Published → received, in milliseconds.
    pub latency_ms: f64,
    /// How often the connection was made again.
    pub reconnects: u32,
    /// Why it was lost or refused, for people.
    pub problem: Option<String>,
    /// Orders and payments in the lights frames so far.
    pub lights_received: u64,
    /// How many orders and payments one light stands for.
    pub per_light: u32,
    /// Event time stands still on purpose.
    pub paused: bool,
    /// Latest notices, newest last, with the app time at which they came.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub notices: VecDeque<(f64, Notice)>,
}

/// One product and its figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductLedger {
    /// What it is called in addresses and files (`earbuds`).
    pub id: String,
    /// Its name.
    pub names: Names,
    /// The number of its category.
    pub category: u8,
    /// Orders, payments, value and pieces since the day's start.
    pub counts: ProductCounts,
    /// Orders in the last full second.
    pub orders_per_s: u64,
    /// Orders in the last ten full seconds.
    pub orders_10s: u64,
    /// Its place by value among the products, from 1; 0 while nothing is known.
    pub rank: u16,
    /// The same counts by region number, rising; regions without any are absent. Empty for a product that
    /// the feed gives no regions of.
    pub regions: Vec<(u8, ProductCounts)>,
    /// Interval between the curve's points, in milliseconds; 0 while there is none.
    pub curve_step_ms: i64,
    /// Cumulative value in minor units at the day's start, + `curve_step_ms`, … until now; empty for a
    /// product that the feed gives no curve of.
    pub curve: Vec<i64>,
    /// Where it sells more than usual: at most three regions, the surest first.
    pub trends: Vec<Trend>,
}

impl ProductLedger {
    fn new(info: &ProductInfo) -> Self {
        Self {
            id: info.id.clone(),
            names: info.names.clone(),
            category: info.category,
            ..Self::default()
        }
    }

    /// Orders a second, the mean of the last ten.
    pub fn mean_orders_per_s(&self) -> f64 {
        self.orders_10s as f64 / 10.0
    }

    /// A region's counts; zeros where there are none.
    pub fn region(&self, region: u8) -> ProductCounts {
        self.regions
            .binary_search_by_key(&region, |(known, _)| *known)
            .ok()
            .and_then(|at| self.regions.get(at))
            .map_or_else(ProductCounts::default, |(_, counts)| *counts)
    }
}

/// Limits on the curves, so that a feed can't make them grow without bounds.
const GROWTH: Growth = Growth {
    max_points: 100_000,
    max_region_points: 10_000,
};

/// The current figures. They change only when a frame arrives.
#[derive(Resource, Debug, Clone, Default)]
pub struct Ledger {
    /// What this feed is, once it said so.
    pub hello: Option<Arc<Hello>>,
    /// What the figures are.
    pub mode: Mode,
    /// Event time of the figures.
    pub event_ms: EventMs,
    /// Totals.
    pub totals: Totals,
    /// Rates.
    pub rates: Rates,
    /// By region number.
    pub regions: Vec<Counts>,
    /// By category number.
    pub categories: Vec<Counts>,
    /// By channel number.
    pub channels: [Counts; Channel::COUNT],
    /// By region number × number of categories + category number.
    pub cells: Vec<Counts>,
    /// Value over time.
    pub history: History,
    /// Rates since the day's start, as far as they were heard.
    pub day_rates: DayRates,
    /// Milestones passed.
    pub reached: Vec<Reached>,
    /// By product number.
    pub products: Vec<ProductLedger>,
    /// What the directors decided, if anything.
    pub direct: Option<Direct>,
    /// What each place sold in the last minute.
    pub minute: Minute,
}

impl Ledger {
    /// What came from mobile.
    pub fn mobile(&self) -> Counts {
        let at = usize::from(Channel::Mobile.index());
        self.channels.get(at).copied().unwrap_or_default()
    }

    /// Share of value from mobile, 0 to 1; `None` before any.
    pub fn mobile_share(&self) -> Option<f64> {
        let total = self.totals.counts.gmv_minor;
        (total > 0).then(|| self.mobile().gmv_minor as f64 / total as f64)
    }

    /// Regions with at least one order or payment.
    pub fn regions_reached(&self) -> usize {
        self.regions
            .iter()
            .filter(|counts| counts.orders + counts.payments > 0)
            .count()
    }

    /// The region with the greatest value, if any has one.
    pub fn leader(&self) -> Option<u8> {
        let (id, counts) = self
            .regions
            .iter()
            .enumerate()
            .max_by_key(|(_, counts)| counts.gmv_minor)?;
        (counts.gmv_minor > 0).then_some(id as u8)
    }

    /// The `most` regions that sold for most, greatest first; those that sold nothing are left out.
    pub fn ranking(&self, most: usize) -> Vec<(u8, Counts)> {
        let mut ranked: Vec<(Reverse<i64>, u8)> = Vec::with_capacity(self.regions.len());
        let sold = self.regions.iter().zip(0..=u8::MAX);
        let sold = sold.filter(|(counts, _)| counts.gmv_minor > 0);
        ranked.extend(sold.map(|(counts, id)| (Reverse(counts.gmv_minor), id)));
        ranked.sort_unstable();
        let counts = |id: u8| self.regions.get(usize::from(id)).copied().unwrap_or_default();
        let first = ranked.iter().take(most);
        first.map(|(_, id)| (*id, counts(*id))).collect()
    }

    /// The value of sales that have a region.
    fn placed_minor(&self) -> i64 {
        self.totals.counts.gmv_minor - self.totals.unplaced.gmv_minor
    }

    /// Takes the last minute for what the places' warmth tells of it, where nothing else is known: whoever joins has no
    /// lights of it.
    pub fn guess_minute(&mut self, warmth: &Warmth, catalogue: &Catalogue) {
        let per_unit = self
            .hello
            .as_ref()
            .map_or(100, |hello| hello.currency.minor_per_unit())
            .max(1) as f64;
        let regions = &self.regions;
        let per_event = |place: u16| {
            let counts = catalogue
                .place(PlaceId(place))
                .and_then(|place| regions.get(usize::from(place.region.0)));
            counts.map_or(0.0, |counts| {
                let events = (counts.orders + counts.payments).max(1);
                counts.gmv_minor as f64 / per_unit / events as f64
            })
        };
        self.minute.guess(warmth, self.event_ms, per_event);
    }

    /// A product by its id; none for one that the feed doesn't follow.
    pub fn product(&self, id: &str) -> Option<&ProductLedger> {
        self.products.iter().find(|product| product.id == id)
    }

    /// Milliseconds from the day's start to the figures; negative during the countdown.
    pub fn into_day_ms(&self) -> Option<i64> {
        self.hello
            .as_ref()
            .map(|hello| self.event_ms - hello.day.start_ms)
    }

    /// Applies a frame's body. What isn't kept comes back: lights and warmth for the globe, the rest for the feed's health.
    pub fn apply(&mut self, body: Body) -> Applied {
        match body {
            Body::Hello(hello) => {
                self.mode = hello.mode;
                let same = |(known, info): (&ProductLedger, &ProductInfo)| {
                    known.id == info.id && known.names == info.names && known.category == info.category
                };
                // The figures stay until a snapshot comes, but never those of other products.
                if self.products.len() != hello.products.len()
                    || !self.products.iter().zip(&hello.products).all(same)
                {
                    self.products = hello.products.iter().map(ProductLedger::new).collect();
                }
                // Nor are another day's or shop's rates these.
                let same =
                    |known: &Arc<Hello>| known.title == hello.title && known.synthetic == hello.synthetic;
                if !self.hello.as_ref().is_none_or(same) {
                    self.day_rates = DayRates::default();
                }
                self.hello = Some(Arc::new(*hello));
                Applied::Nothing
            }
            Body::Snapshot(snapshot) => self.apply_snapshot(*snapshot),
            Body::Tick(tick) => self.apply_tick(*tick),
            Body::Lights(lights) => {
                if let Some(hello) = &self.hello {
                    self.minute.add(&lights, hello.gmv_counts);
                }
                Applied::Lights(lights)
            }
            Body::Heartbeat(beat) => {
                self.mode = beat.mode;
                Applied::Heartbeat { paused: beat.paused }
            }
            Body::Notice(notice) => Applied::Notice(notice),
            Body::Products(products) => {
                self.apply_products(*products);
                Applied::Nothing
            }
            Body::Direct(direct) => self.take_direct(Some(direct)),
            Body::Unknown(_) => Applied::Nothing,
            Body::Bye(bye) => Applied::Bye(bye.text),
        }
    }

    fn apply_snapshot(&mut self, snapshot: Snapshot) -> Applied {
        self.regions.clear();
        self.categories.clear();
        self.cells.clear();
        self.channels = Default::default();
        self.mode = snapshot.mode;
        self.event_ms = snapshot.event_ms;
        self.totals = snapshot.totals;
        self.rates = snapshot.rates;
        self.history = snapshot.history;
        self.reached = snapshot.reached;
        self.hear_rates(true);
        self.put(
            &snapshot.regions,
            &snapshot.categories,
            &snapshot.channels,
            &snapshot.cells,
        );
        let hello = self.hello.clone();
        self.products = hello
            .iter()
            .flat_map(|hello| hello.products.iter().map(ProductLedger::new))
            .collect();
        self.apply_products(snapshot.products);
        self.minute.tick(self.event_ms, self.placed_minor());
        if let Some(hello) = hello {
            let total = self.totals.counts.gmv_minor.max(1) as f64;
            let placed_share = self.placed_minor() as f64 / total;
            self.minute
                .recall(&self.history, hello.day.start_ms, self.event_ms, placed_share);
        }
        let scene = match self.take_direct(snapshot.direct) {
            Applied::Scene(scene) => Some(scene),
            _ => None,
        };
        Applied::Snapshot(snapshot.warmth, scene)
    }

    /// What the directors decided; a scene is gone to once.
    fn take_direct(&mut self, direct: Option<Direct>) -> Applied {
        let known = self.direct.as_ref().map_or(0, |direct| direct.scene_number);
        self.direct = direct;
        let asked = self.direct.iter().find(|direct| direct.scene_number > known);
        match asked.and_then(|direct| direct.scene.as_deref()).map(str::parse) {
            Some(Ok(scene)) => Applied::Scene(scene),
            // A scene of tomorrow.
            Some(Err(_)) | None => Applied::Nothing,
        }
    }

    /// Rows of products that `hello` doesn't have are passed over.
    fn apply_products(&mut self, products: Products) {
        for row in products.products {
            if let Some(known) = self.products.get_mut(usize::from(row.id)) {
                known.counts = row.counts;
                known.orders_per_s = row.orders_per_s;
                known.orders_10s = row.orders_10s;
                known.rank = row.rank;
            }
        }
        for cell in products.regions {
            let Some(known) = self.products.get_mut(usize::from(cell.product)) else {
                continue;
            };
            match known
                .regions
                .binary_search_by_key(&cell.region, |(region, _)| *region)
            {
                Ok(at) => {
                    if let Some(slot) = known.regions.get_mut(at) {
                        slot.1 = cell.counts;
                    }
                }
                Err(at) => known.regions.insert(at, (cell.region, cell.counts)),
            }
        }
        for curve in products.curves {
            let Some(known) = self.products.get_mut(usize::from(curve.product)) else {
                continue;
            };
            known.curve_step_ms = products.step_ms;
            let from = curve.from as usize;
            // Points that are missing before these can't be guessed: the level before them stands in.
            let level = known.curve.last().copied().unwrap_or(0);
            known.curve.resize(from.min(MAX_CURVE_POINTS), level);
            known.curve.extend(curve.gmv_minor);
            known.curve.truncate(MAX_CURVE_POINTS);
        }
        if let Some(trends) = products.trends {
            for known in &mut self.products {
                known.trends.clear();
            }
            for trend in trends {
                if let Some(known) = self.products.get_mut(usize::from(trend.product)) {
                    known.trends.push(trend);
                }
            }
        }
    }

    fn apply_tick(&mut self, tick: Tick) -> Applied {
        self.mode = tick.mode;
        self.event_ms = tick.event_ms;
        self.totals = tick.totals;
        self.rates = tick.rates;
        self.put(&tick.regions, &tick.categories, &tick.channels, &tick.cells);
        self.hear_rates(false);
        self.extend_history();
        self.minute.tick(self.event_ms, self.placed_minor());
        self.reached.extend(&tick.reached);
        Applied::Tick(tick.reached)
    }

    fn put(
        &mut self,
        regions: &[meridian_wire::Keyed],
        categories: &[meridian_wire::Keyed],
        channels: &[meridian_wire::Keyed],
        cells: &[meridian_wire::Cell],
    ) {
        fn set(list: &mut Vec<Counts>, at: usize, counts: Counts) {
            if list.len() <= at {
                list.resize(at + 1, Counts::default());
            }
            if let Some(slot) = list.get_mut(at) {
                *slot = counts;
            }
        }
        for keyed in regions {
            set(&mut self.regions, usize::from(keyed.id), keyed.counts);
        }
        for keyed in categories {
            set(&mut self.categories, usize::from(keyed.id), keyed.counts);
        }
        for keyed in channels {
            if let Some(slot) = self.channels.get_mut(usize::from(keyed.id)) {
                *slot = keyed.counts;
            }
        }
        let width = self.hello.as_ref().map_or(0, |hello| hello.categories.len());
        for cell in cells.iter().filter(|cell| usize::from(cell.category) < width) {
            set(
                &mut self.cells,
                usize::from(cell.region) * width + usize::from(cell.category),
                cell.counts,
            );
        }
    }

    /// Keeps the rates of this instant; after a snapshot something may have been missed.
    fn hear_rates(&mut self, anew: bool) {
        if let Some(hello) = &self.hello {
            self.day_rates
                .hear(hello.day, self.event_ms, self.totals.counts, &self.rates, anew);
        }
    }

    /// Adds points to the curves when event time passes their next step.
    fn extend_history(&mut self) {
        let Some(hello) = &self.hello else {
            return;
        };
        let regions = self.regions.iter().enumerate();
        self.history.advance(
            self.event_ms,
            &hello.day,
            self.totals.counts.gmv_minor,
            regions.map(|(id, counts)| (id as u8, *counts)),
            GROWTH,
        );
    }
}

/// What a frame brought that isn't kept in the ledger.
#[derive(Debug)]
pub enum Applied {
    /// Nothing more.
    Nothing,
    /// Everything anew: the places' warmth, and what the directors want to be seen.
    Snapshot(Warmth, Option<Scene>),
    /// A tick: milestones passed in it.
    Tick(Vec<Reached>),
    /// Lights to draw.
    Lights(Lights),
    /// The feed is alive.
    Heartbeat {
        /// Event time stands still on purpose.
        paused: bool,
    },
    /// Something to tell people.
    Notice(Notice),
    /// The feed ends, and why.
    Bye(String),
    /// What the directors want to be seen.
    Scene(Scene),
}

/// Lights arrived.
#[derive(Message, Debug, Clone)]
pub struct LightsArrived(pub Arc<Lights>);

/// The warmth of the places arrived (a snapshot).
#[derive(Message, Debug, Clone)]
pub struct WarmthArrived(pub Arc<Warmth>);

/// A milestone was passed.
#[derive(Message, Debug, Clone, Copy)]
pub struct MilestoneReached(pub Reached);

/// The ledger and its messages.
pub fn plugin(app: &mut App) {
    app.init_resource::<Ledger>()
        .init_resource::<FeedHealth>()
        .add_message::<LightsArrived>()
        .add_message::<WarmthArrived>()
        .add_message::<MilestoneReached>();
}
