//! What had happened before an instant, in closed form: nothing is gone through.

use std::sync::Arc;

use super::model::{BLOCK_SECS, Model};
use super::source::ScenarioSource;
use crate::source::{ProductOpening, curve_step_ms};
use meridian_core::sales::{Channel, EventMs, Kind};
use meridian_core::tally::{MARK_MS, MEAN_SECONDS, WINDOW_MINUTES};
use meridian_wire::{Cell, Counts, History, ProductCounts, RegionHistory};

/// Interval between the points of the history, in seconds.
const HISTORY_STEP_SECS: usize = 60;

impl ScenarioSource {
    /// The cells before an instant, in closed form: what a tally of every batch until then would hold.
    pub fn cells_at(&self, ms: EventMs) -> Vec<(Channel, Cell)> {
        let model = &self.model;
        let mut cells = Vec::with_capacity(model.cells.len());
        let (near, _, _) = model.curve_at(ms);
        model.counts_at(ms, |index, payments, orders| {
            if payments == 0 && orders == 0 {
                return;
            }
            if let Some(cell) = model.cells.get(index) {
                let counts = Counts {
                    orders,
                    payments,
                    gmv_minor: model.value_at(Kind::Payment, index, cell, payments, near),
                };
                let key = Cell {
                    region: cell.region,
                    category: cell.category,
                    counts,
                };
                cells.push((cell.channel, key));
            }
        });
        cells
    }

    /// What the products have come to before an instant.
    pub(super) fn products_until(&mut self, ms: EventMs) -> ProductOpening {
        let model = Arc::clone(&self.model);
        if model.products.list.is_empty() {
            return ProductOpening::default();
        }
        let into_ms = ms.min(model.end_ms) - model.start_ms;
        let mut marks = Vec::new();
        if into_ms >= 0 {
            let minute = into_ms / MARK_MS;
            let first = (minute - WINDOW_MINUTES as i64).max(0);
            marks.extend((first..=minute).map(|minute| model.mark_at(minute)));
        }
        ProductOpening {
            cells: model.product_cells_at(ms),
            seconds: model.product_seconds_at(ms),
            marks,
            curves: self.product_curves_until(into_ms),
        }
    }

    /// The products' curves at a number of milliseconds into the day; points that were found before are kept.
    fn product_curves_until(&mut self, into_ms: i64) -> Vec<Vec<i64>> {
        let model = Arc::clone(&self.model);
        let many = model.products.list.len();
        if into_ms < 0 {
            return vec![Vec::new(); many];
        }
        let step_ms = curve_step_ms(&model.hello.day);
        let points = usize::try_from(into_ms / step_ms).unwrap_or(0) + 1;
        let known = self.product_curves.first().map_or(points, Vec::len);
        for point in known..points {
            let mut sums = vec![0_i64; many];
            let ms = model.start_ms + point as i64 * step_ms;
            model.products_at(ms, |product, _, payments, _| {
                if let Some(sum) = sums.get_mut(usize::from(product)) {
                    let units = i64::try_from(payments).unwrap_or(i64::MAX);
                    *sum += units.saturating_mul(model.products.price(product));
                }
            });
            for (curve, sum) in self.product_curves.iter_mut().zip(sums) {
                curve.push(sum);
            }
        }
        self.product_curves
            .iter()
            .map(|known| known.iter().take(points).copied().collect())
            .collect()
    }

    /// The history until an instant; points that were found before are kept.
    pub(super) fn history_until(&mut self, ms: EventMs) -> History {
        let model = Arc::clone(&self.model);
        let into_ms = (ms - model.start_ms).clamp(0, model.end_ms - model.start_ms);
        let step_ms = HISTORY_STEP_SECS as i64 * 1_000;
        let region_step_ms = BLOCK_SECS as i64 * 1_000;
        let points = usize::try_from(into_ms / step_ms).unwrap_or(0) + 1;
        let mut lanes = if self.history.len() < points {
            model.lanes()
        } else {
            Vec::new()
        };
        while self.history.len() < points {
            let point_ms = self.history.len() as i64 * step_ms;
            let regions = point_ms % region_step_ms == 0;
            let mut sums = vec![0_i64; self.region_history.len()];
            let total = model.value_by(model.start_ms + point_ms, &mut lanes, |cell, value| {
                if let Some(sum) = sums.get_mut(usize::from(cell.region)) {
                    *sum += value;
                }
            });
            self.history.push(total);
            if regions {
                for (history, sum) in self.region_history.iter_mut().zip(sums) {
                    history.push(sum);
                }
            }
        }
        let region_points = usize::try_from(into_ms / region_step_ms).unwrap_or(0) + 1;
        History {
            step_ms,
            gmv_minor: self.history.iter().take(points).copied().collect(),
            region_step_ms,
            regions: self
                .region_history
                .iter()
                .enumerate()
                .map(|(region, history)| RegionHistory {
                    region: region as u8,
                    gmv_minor: history.iter().take(region_points).copied().collect(),
                })
                .filter(|history| history.gmv_minor.iter().any(|gmv| *gmv != 0))
                .collect(),
        }
    }
}

impl Model {
    /// By product and region: what was sold before an instant.
    fn product_cells_at(&self, ms: EventMs) -> Vec<(u16, Option<u8>, ProductCounts)> {
        let regions = self.catalogue.regions().len();
        let mut counts = vec![ProductCounts::default(); self.products.list.len() * regions];
        self.products_at(ms, |product, cell, payments, orders| {
            let at = usize::from(product) * regions + usize::from(cell.region);
            if let Some(counts) = counts.get_mut(at) {
                let units = i64::try_from(payments).unwrap_or(i64::MAX);
                *counts += ProductCounts {
                    counts: Counts {
                        orders,
                        payments,
                        gmv_minor: units.saturating_mul(self.products.price(product)),
                    },
                    units,
                };
            }
        });
        counts
            .into_iter()
            .enumerate()
            .filter(|(_, counts)| *counts != ProductCounts::default())
            .map(|(at, counts)| ((at / regions) as u16, Some((at % regions) as u8), counts))
            .collect()
    }

    /// Orders of each product in the last full seconds before an instant, and in its own until then.
    fn product_seconds_at(&self, ms: EventMs) -> Vec<Vec<u32>> {
        let second_ms = ms - ms.rem_euclid(1_000);
        let mut instants: Vec<EventMs> = (0..=MEAN_SECONDS as i64)
            .rev()
            .map(|back| second_ms - back * 1_000)
            .collect();
        instants.push(ms);
        let orders: Vec<Vec<u64>> = instants
            .iter()
            .map(|instant| self.product_orders_at(*instant))
            .collect();
        orders
            .windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some(
                    from.iter()
                        .zip(to)
                        .map(|(from, to)| u32::try_from(to - from).unwrap_or(u32::MAX))
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    }
}
