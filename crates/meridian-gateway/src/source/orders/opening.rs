//! What the orders before an instant add up to.

use std::collections::HashMap;

use super::order::Order;
use crate::source::Opening;
use meridian_core::sales::{Channel, EventMs};
use meridian_wire::{Cell, Counts, Day, Hello, History, Reached, RegionHistory, WARMTH_HALF_LIFE_MS, Warmth};

/// Interval between the history's points, for up to [`MAX_POINTS`] of them; longer files get longer steps.
const HISTORY_STEP_MS: i64 = 60_000;
/// The most points of a history: one wrong year in a row must not cost a century of minutes.
const MAX_POINTS: i64 = 20_000;
/// A regions' history has one point where the total's has this many.
const REGION_STEPS: i64 = 10;

/// The state of the day at an instant, but for the products; `orders` are those before it.
pub(super) fn opening(orders: &[Order], hello: &Hello, region_of_place: &[u8], to_ms: EventMs) -> Opening {
    let to_ms = to_ms.min(hello.day.end_ms);
    let mut sums = Sums::new(&hello.day, to_ms);
    let mut milestones = hello.milestones_minor.iter().copied().peekable();
    for order in orders {
        sums.add(order, region_of_place.get(usize::from(order.place)).copied());
        let gmv = sums.opening.totals.counts.gmv_minor;
        while let Some(gmv_minor) = milestones.next_if(|value| gmv >= *value) {
            sums.opening.reached.push(Reached {
                gmv_minor,
                at_ms: order.at_ms,
            });
        }
    }
    sums.finish()
}

/// What the orders so far add up to.
struct Sums {
    start_ms: EventMs,
    to_ms: EventMs,
    /// Totals, the total's history and the peak, as far as it is gone through.
    opening: Opening,
    /// By channel, region and category.
    cells: HashMap<(u8, u8, u8), Counts>,
    /// By region: its value, and its history.
    regions: HashMap<u8, (i64, Vec<i64>)>,
    /// By place.
    warm: HashMap<u16, f64>,
    /// The second of the last order, and how many were in it.
    second: (EventMs, u64),
}

impl Sums {
    fn new(day: &Day, to_ms: EventMs) -> Self {
        let span_ms = day.end_ms - day.start_ms;
        let step_ms = HISTORY_STEP_MS * (span_ms / (HISTORY_STEP_MS * MAX_POINTS) + 1);
        Self {
            start_ms: day.start_ms,
            to_ms,
            opening: Opening {
                history: History {
                    step_ms,
                    region_step_ms: step_ms * REGION_STEPS,
                    ..History::default()
                },
                ..Opening::default()
            },
            cells: HashMap::new(),
            regions: HashMap::new(),
            warm: HashMap::new(),
            second: (i64::MIN, 0),
        }
    }

    /// How many points a history has at an instant: one at start + k × step holds what came before it.
    fn due(&self, at_ms: EventMs, step_ms: i64) -> usize {
        usize::try_from((at_ms - self.start_ms).div_euclid(step_ms) + 1).unwrap_or(0)
    }

    fn add(&mut self, order: &Order, region: Option<u8>) {
        let points = self.due(order.at_ms, self.opening.history.step_ms);
        let region_points = self.due(order.at_ms, self.opening.history.region_step_ms);
        let totals = &mut self.opening.totals;
        let is_order = order.amount_minor >= 0;
        let add = |counts: &mut Counts| {
            counts.orders += u64::from(is_order);
            counts.gmv_minor += order.amount_minor;
        };
        let history = &mut self.opening.history.gmv_minor;
        history.resize(points, totals.counts.gmv_minor);
        add(&mut totals.counts);
        if !is_order {
            totals.corrections += 1;
            totals.corrected_minor -= order.amount_minor;
        }
        match region {
            None => add(&mut totals.unplaced),
            Some(region) => {
                let cell = (order.channel, region, order.category);
                add(self.cells.entry(cell).or_default());
                let (gmv, points) = self.regions.entry(region).or_default();
                points.resize(region_points, *gmv);
                *gmv += order.amount_minor;
                if is_order {
                    let age_ms = (self.to_ms - order.at_ms) as f64;
                    *self.warm.entry(order.place).or_default() += (-age_ms / WARMTH_HALF_LIFE_MS).exp2();
                }
            }
        }
        if is_order {
            self.count_second(order.at_ms);
        }
    }

    fn count_second(&mut self, at_ms: EventMs) {
        let second_ms = at_ms - at_ms.rem_euclid(1_000);
        let count = if self.second.0 == second_ms {
            self.second.1 + 1
        } else {
            1
        };
        self.second = (second_ms, count);
        if count > self.opening.peak_orders.0 {
            self.opening.peak_orders = (count, second_ms);
        }
    }

    fn finish(mut self) -> Opening {
        let step_ms = self.opening.history.step_ms;
        let region_points = self.due(self.to_ms, self.opening.history.region_step_ms);
        if self.to_ms >= self.start_ms {
            let points = self.due(self.to_ms, step_ms);
            let gmv = self.opening.totals.counts.gmv_minor;
            self.opening.history.gmv_minor.resize(points, gmv);
        }
        let mut regions: Vec<_> = self.regions.into_iter().collect();
        regions.sort_by_key(|(region, _)| *region);
        for (region, (gmv, mut points)) in regions {
            points.resize(region_points, gmv);
            self.opening.history.regions.push(RegionHistory {
                region,
                gmv_minor: points,
            });
        }
        let mut cells: Vec<_> = self.cells.into_iter().collect();
        cells.sort_by_key(|(key, _)| *key);
        for ((channel, region, category), counts) in cells {
            if let Some(channel) = Channel::from_index(channel) {
                let cell = Cell {
                    region,
                    category,
                    counts,
                };
                self.opening.cells.push((channel, cell));
            }
        }
        self.opening.warmth = warmth_of(self.warm);
        self.opening
    }
}

fn warmth_of(warm: HashMap<u16, f64>) -> Warmth {
    let mut warm: Vec<_> = warm.into_iter().collect();
    warm.sort_by_key(|(place, _)| *place);
    let mut warmth = Warmth::default();
    for (place, heat) in warm {
        warmth.push(place, heat);
    }
    warmth
}
