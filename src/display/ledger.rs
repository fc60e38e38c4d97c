//! What is known now. Views read it; only the link writes it.

use std::collections::VecDeque;
use std::sync::Arc;

use bevy::prelude::*;

use crate::sales::{Catalogue, Channel, EventMs};
use crate::wire::{
    Body, Counts, Hello, History, Lights, Mode, Notice, Rates, Reached, Snapshot, Tick, Totals, Warmth,
};

/// The catalogue that region and place numbers refer to.
#[derive(Resource, Clone, Deref)]
pub struct World(pub Arc<Catalogue>);

/// How the feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// The feed's state, for the panel that shows it.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// How it is.
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
    /// Orders and payments that were drawn so far (the globe counts).
    pub lights_drawn: u64,
    /// How many orders and payments one light stands for.
    pub per_light: u32,
    /// Event time stands still on purpose.
    pub paused: bool,
    /// Latest notices, newest last, with the app time at which they came.
    pub notices: VecDeque<(f64, Notice)>,
}

/// One second of the rates' short history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateSample {
    /// Event time, full seconds.
    pub at_ms: EventMs,
    /// Orders in the second.
    pub orders: u64,
    /// Payments in the second.
    pub payments: u64,
}

/// How many seconds of rates are kept.
pub const RATE_SECONDS: usize = 120;

/// What is known now.
#[derive(Resource, Debug, Clone, Default)]
pub struct Ledger {
    /// What this feed is, once it said so.
    pub hello: Option<Arc<Hello>>,
    /// How the feed is.
    pub feed: Feed,
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
    /// Rates of the last seconds, oldest first.
    pub recent: VecDeque<RateSample>,
    /// Milestones passed.
    pub reached: Vec<Reached>,
    /// Rises with every frame applied.
    pub revision: u64,
}

impl Ledger {
    /// Share of value from mobile, 0 to 1; `None` before any.
    pub fn mobile_share(&self) -> Option<f64> {
        let mobile = self.channels.get(usize::from(Channel::Mobile.index()))?;
        (self.totals.counts.gmv_minor > 0)
            .then(|| mobile.gmv_minor as f64 / self.totals.counts.gmv_minor as f64)
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

    /// Regions by value, greatest first, those without any left out.
    pub fn ranking(&self) -> Vec<(u8, Counts)> {
        let mut ranked: Vec<(u8, Counts)> = self
            .regions
            .iter()
            .enumerate()
            .filter(|(_, counts)| counts.gmv_minor > 0)
            .map(|(id, counts)| (id as u8, *counts))
            .collect();
        ranked.sort_by(|a, b| b.1.gmv_minor.cmp(&a.1.gmv_minor).then(a.0.cmp(&b.0)));
        ranked
    }

    /// Milliseconds from the day's start to the figures; negative during the countdown.
    pub fn into_day_ms(&self) -> Option<i64> {
        self.hello
            .as_ref()
            .map(|hello| self.event_ms - hello.day.start_ms)
    }

    /// Applies a frame's body. Lights and warmth are for the globe, and come back.
    pub fn apply(&mut self, body: Body) -> Applied {
        self.revision += 1;
        match body {
            Body::Hello(hello) => {
                self.mode = hello.mode;
                self.hello = Some(Arc::new(*hello));
                Applied::Nothing
            }
            Body::Snapshot(snapshot) => self.apply_snapshot(*snapshot),
            Body::Tick(tick) => self.apply_tick(*tick),
            Body::Lights(lights) => {
                self.feed.lights_received += lights.events;
                self.feed.per_light = lights.per_light;
                Applied::Lights(lights)
            }
            Body::Heartbeat(beat) => {
                self.feed.paused = beat.paused;
                self.mode = beat.mode;
                Applied::Nothing
            }
            Body::Notice(notice) => Applied::Notice(notice),
            Body::Unknown(_) => Applied::Nothing,
            Body::Bye(bye) => {
                self.feed.problem = Some(bye.text);
                Applied::Nothing
            }
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
        self.recent.retain(|sample| sample.at_ms <= snapshot.event_ms);
        self.put(
            &snapshot.regions,
            &snapshot.categories,
            &snapshot.channels,
            &snapshot.cells,
        );
        Applied::Snapshot(snapshot.warmth)
    }

    fn apply_tick(&mut self, tick: Tick) -> Applied {
        self.mode = tick.mode;
        self.event_ms = tick.event_ms;
        self.totals = tick.totals;
        self.rates = tick.rates;
        self.put(&tick.regions, &tick.categories, &tick.channels, &tick.cells);
        let second_ms = tick.event_ms.div_euclid(1000) * 1000;
        let sample = RateSample {
            at_ms: second_ms,
            orders: tick.rates.orders_per_s,
            payments: tick.rates.payments_per_s,
        };
        match self.recent.back_mut() {
            Some(last) if last.at_ms == second_ms => *last = sample,
            _ => self.recent.push_back(sample),
        }
        while self.recent.len() > RATE_SECONDS {
            self.recent.pop_front();
        }
        self.extend_history();
        self.reached.extend(&tick.reached);
        Applied::Tick(tick.reached)
    }

    fn put(
        &mut self,
        regions: &[crate::wire::Keyed],
        categories: &[crate::wire::Keyed],
        channels: &[crate::wire::Keyed],
        cells: &[crate::wire::Cell],
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

    /// Adds points to the curves when event time passes their next step.
    fn extend_history(&mut self) {
        let Some(into_ms) = self.into_day_ms().filter(|ms| *ms >= 0) else {
            return;
        };
        let history = &mut self.history;
        if history.step_ms > 0 {
            let due = (into_ms / history.step_ms) as usize + 1;
            while history.gmv_minor.len() < due.min(100_000) {
                history.gmv_minor.push(self.totals.counts.gmv_minor);
            }
        }
        if history.region_step_ms > 0 {
            let due = (into_ms / history.region_step_ms) as usize + 1;
            for (id, counts) in self
                .regions
                .iter()
                .enumerate()
                .filter(|(_, counts)| counts.gmv_minor != 0)
            {
                let at = match history
                    .regions
                    .iter()
                    .position(|region| usize::from(region.region) == id)
                {
                    Some(at) => at,
                    None => {
                        history.regions.push(crate::wire::RegionHistory {
                            region: id as u8,
                            gmv_minor: Vec::new(),
                        });
                        history.regions.len() - 1
                    }
                };
                if let Some(region) = history.regions.get_mut(at) {
                    while region.gmv_minor.len() < due.min(10_000) {
                        region.gmv_minor.push(counts.gmv_minor);
                    }
                }
            }
        }
    }
}

/// What a frame brought that isn't kept in the ledger.
#[derive(Debug)]
pub enum Applied {
    /// Nothing more.
    Nothing,
    /// Everything anew: the places' warmth.
    Snapshot(Warmth),
    /// A tick: milestones passed in it.
    Tick(Vec<Reached>),
    /// Lights to draw.
    Lights(Lights),
    /// Something to tell people.
    Notice(Notice),
}

/// Lights came.
#[derive(Message, Debug, Clone)]
pub struct LightsArrived(pub Arc<Lights>);

/// The warmth of the places came (a snapshot).
#[derive(Message, Debug, Clone)]
pub struct WarmthArrived(pub Arc<Warmth>);

/// A milestone was passed.
#[derive(Message, Debug, Clone, Copy)]
pub struct MilestoneReached(pub Reached);

/// The ledger and its messages.
pub fn plugin(app: &mut App) {
    app.init_resource::<Ledger>()
        .add_message::<LightsArrived>()
        .add_message::<WarmthArrived>()
        .add_message::<MilestoneReached>();
}
