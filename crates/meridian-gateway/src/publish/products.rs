//! The products' frames: rates, marks, curves and trends from a class's figures, and what changed.

use crate::publish::figures::Figures;
use crate::source::{ProductOpening, curve_step_ms};
use meridian_core::insight::{self, Trend};
use meridian_core::sales::EventMs;
use meridian_core::tally::{MARK_MS, Minutes};
use meridian_wire::{
    Day, Hello, MAX_DETAILED_PRODUCTS, ProductCell, ProductCounts, ProductCurve, ProductRow, Products,
};

/// The end of a second of event time is published when at least this many steps passed since the last one: once
/// a second of the wall clock at ten steps a second, however fast the day runs.
const STEPS_BETWEEN: u64 = 8;

/// Keeps what the products' frames are made of. With no products it does nothing.
pub(crate) struct ProductDesk {
    many: usize,
    regions: usize,
    day: Day,
    step_ms: i64,
    minutes: Minutes,
    trends: Vec<Trend>,
    /// By product: cumulative value at each whole step.
    curves: Vec<Vec<i64>>,
    /// The products whose regions, curves and trends are said, by number.
    detailed: Vec<u16>,
    sent: Vec<ProductRow>,
    /// By product: what was said of its regions; empty for one that isn't detailed.
    sent_regions: Vec<Vec<ProductCounts>>,
    /// By product: points said of its curve.
    sent_points: Vec<usize>,
    sent_trends: Vec<Trend>,
    steps: u64,
}

impl ProductDesk {
    pub(crate) fn new(
        hello: &Hello,
        regions: usize,
        at_ms: EventMs,
        opening: ProductOpening,
        figures: &impl Figures,
    ) -> Self {
        let many = hello.products.len();
        let mut it = Self {
            many,
            regions,
            day: hello.day,
            step_ms: curve_step_ms(&hello.day),
            minutes: Minutes::default(),
            trends: Vec::new(),
            curves: Vec::new(),
            detailed: Vec::new(),
            sent: Vec::new(),
            sent_regions: vec![Vec::new(); many],
            sent_points: vec![0; many],
            sent_trends: Vec::new(),
            steps: 0,
        };
        it.leap(opening);
        it.sent = it.rows(at_ms, figures);
        it.detailed = detailed(&it.sent);
        it
    }

    /// Takes a source's own account for what is known.
    pub(crate) fn leap(&mut self, opening: ProductOpening) {
        self.minutes = Minutes::open(opening.marks);
        self.curves = opening.curves;
        self.curves.resize(self.many, Vec::new());
        self.trends = insight::trends(&self.minutes, self.regions);
    }

    /// Advances to `to_ms`, which stops at every whole minute of the day.
    pub(crate) fn advance(&mut self, to_ms: EventMs, figures: &impl Figures) {
        if self.many == 0 {
            return;
        }
        let into_ms = to_ms.min(self.day.end_ms) - self.day.start_ms;
        if into_ms < 0 {
            return;
        }
        let minute = u32::try_from(into_ms / MARK_MS).unwrap_or(u32::MAX);
        if self.minutes.newest().is_none_or(|newest| newest.minute < minute) {
            self.minutes.push(figures.mark(minute));
            self.trends = insight::trends(&self.minutes, self.regions);
        }
        let points = usize::try_from(into_ms / self.step_ms.max(1)).unwrap_or(0) + 1;
        for (product, curve) in self.curves.iter_mut().enumerate() {
            if curve.len() < points {
                curve.resize(points, figures.product(product as u16).counts.gmv_minor);
            }
        }
    }

    fn rows(&self, at_ms: EventMs, figures: &impl Figures) -> Vec<ProductRow> {
        let mut rows: Vec<ProductRow> = (0..self.many)
            .map(|id| {
                let (orders_per_s, orders_10s) = figures.product_orders(id as u16, at_ms);
                ProductRow {
                    id: id as u16,
                    counts: figures.product(id as u16),
                    orders_per_s,
                    orders_10s,
                    rank: 0,
                }
            })
            .collect();
        let mut order: Vec<(std::cmp::Reverse<i64>, usize)> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| (std::cmp::Reverse(row.counts.counts.gmv_minor), at))
            .collect();
        order.sort_unstable();
        for (place, (_, at)) in order.into_iter().enumerate() {
            if let Some(row) = rows.get_mut(at) {
                row.rank = (place + 1) as u16;
            }
        }
        rows
    }

    fn trends_of(&self, detailed: &[u16]) -> Vec<Trend> {
        let mut trends = self.trends.clone();
        trends.retain(|trend| detailed.binary_search(&trend.product).is_ok());
        trends
    }

    fn cells_of(&self, product: u16, figures: &impl Figures, known: &[ProductCounts]) -> Vec<ProductCell> {
        figures
            .product_regions(product)
            .iter()
            .enumerate()
            .filter(|(region, counts)| known.get(*region).copied().unwrap_or_default() != **counts)
            .filter_map(|(region, counts)| {
                Some(ProductCell {
                    product,
                    region: u8::try_from(region).ok()?,
                    counts: *counts,
                })
            })
            .collect()
    }

    fn curve_from(&self, product: u16, from: usize) -> Option<ProductCurve> {
        let points = self.curves.get(usize::from(product))?.get(from..)?;
        (!points.is_empty()).then(|| ProductCurve {
            product,
            from: from as u32,
            gmv_minor: points.to_vec(),
        })
    }

    /// Everything that is known, for a snapshot. Its detail is that of the frames around it, so that they go
    /// on from it.
    pub(crate) fn everything(&self, event_ms: EventMs, figures: &impl Figures) -> Products {
        if self.many == 0 {
            return Products::default();
        }
        let detailed = &self.detailed;
        Products {
            event_ms,
            products: self.rows(event_ms, figures),
            regions: detailed
                .iter()
                .flat_map(|product| self.cells_of(*product, figures, &[]))
                .collect(),
            step_ms: self.step_ms,
            curves: detailed
                .iter()
                .filter_map(|product| self.curve_from(*product, 0))
                .collect(),
            trends: Some(self.trends_of(detailed)),
            published_ms: None,
        }
    }

    /// After a step: what changed since it was said last, when it is time to say it.
    pub(crate) fn step(
        &mut self,
        from_ms: EventMs,
        to_ms: EventMs,
        last: bool,
        figures: &impl Figures,
    ) -> Option<Products> {
        self.steps += 1;
        let second_ended = from_ms.div_euclid(1_000) < to_ms.div_euclid(1_000);
        if self.many == 0 || !(last || second_ended && self.steps >= STEPS_BETWEEN) {
            return None;
        }
        self.steps = 0;
        let rows = self.rows(to_ms, figures);
        let detailed = detailed(&rows);
        let (mut regions, mut curves) = (Vec::new(), Vec::new());
        for product in &detailed {
            let at = usize::from(*product);
            // One that has just come among them is said whole.
            if self.detailed.binary_search(product).is_err() {
                if let Some(points) = self.sent_points.get_mut(at) {
                    *points = 0;
                }
                if let Some(known) = self.sent_regions.get_mut(at) {
                    known.clear();
                }
            }
            let known = self.sent_regions.get(at).map_or(&[][..], Vec::as_slice);
            regions.extend(self.cells_of(*product, figures, known));
            let points = self.sent_points.get(at).copied().unwrap_or(0);
            curves.extend(self.curve_from(*product, points));
            if let Some(known) = self.sent_regions.get_mut(at) {
                *known = figures.product_regions(*product).to_vec();
            }
            if let (Some(points), Some(curve)) = (self.sent_points.get_mut(at), self.curves.get(at)) {
                *points = curve.len();
            }
        }
        let trends = self.trends_of(&detailed);
        let changed: Vec<ProductRow> = rows
            .iter()
            .zip(&self.sent)
            .filter(|(now, sent)| now != sent)
            .map(|(now, _)| *now)
            .collect();
        let new_trends = (trends != self.sent_trends).then(|| trends.clone());
        self.sent = rows;
        self.sent_trends = trends;
        self.detailed = detailed;
        let said = Products {
            event_ms: to_ms,
            products: changed,
            regions,
            step_ms: self.step_ms,
            curves,
            trends: new_trends,
            published_ms: None,
        };
        (!said.is_empty()).then_some(said)
    }
}

/// The products of the greatest value, by number: at most [`MAX_DETAILED_PRODUCTS`].
fn detailed(rows: &[ProductRow]) -> Vec<u16> {
    rows.iter()
        .filter(|row| usize::from(row.rank) <= MAX_DETAILED_PRODUCTS)
        .map(|row| row.id)
        .collect()
}
