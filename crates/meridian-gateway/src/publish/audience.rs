//! What one class of receivers was told, and the frames that tell it what changed since.

use crate::ProductOpening;
use crate::publish::figures::Figures;
use crate::publish::products::ProductDesk;
use meridian_core::sales::{Channel, EventMs};
use meridian_wire::{
    Cell, Counts, Day, Growth, Hello, History, Keyed, Mode, Reached, Snapshot, Tick, Warmth,
};

/// Interval between the history's points.
pub(super) const HISTORY_STEP_MS: i64 = 60_000;
/// Interval between the regions' points.
pub(super) const REGION_STEP_MS: i64 = 900_000;

/// The gateway knows its whole day.
const GROWTH: Growth = Growth {
    max_points: usize::MAX,
    max_region_points: usize::MAX,
};

/// What one class of receivers knows, and the curves that are made of its figures over time.
pub(super) struct Audience {
    regions: usize,
    categories: usize,
    history: History,
    pub reached: Vec<Reached>,
    /// How many of them were said.
    said: usize,
    pub products: ProductDesk,
    /// What the receivers know, to send only what changed.
    sent_regions: Vec<Counts>,
    sent_categories: Vec<Counts>,
    sent_channels: Vec<Counts>,
    sent_cells: Vec<Counts>,
}

/// Where a step stands, for its frames.
#[derive(Clone, Copy)]
pub(super) struct TickStamp {
    pub event_ms: EventMs,
    pub published_ms: i64,
    pub mode: Mode,
}

impl Audience {
    pub fn new(
        hello: &Hello,
        regions: usize,
        at_ms: EventMs,
        history: History,
        reached: Vec<Reached>,
        products: ProductOpening,
        figures: &impl Figures,
    ) -> Self {
        let categories = hello.categories.len();
        let mut it = Self {
            regions,
            categories,
            history: History {
                step_ms: HISTORY_STEP_MS,
                region_step_ms: REGION_STEP_MS,
                ..history
            },
            said: reached.len(),
            reached,
            products: ProductDesk::new(hello, regions, at_ms, products, figures),
            sent_regions: vec![Counts::default(); regions],
            sent_categories: vec![Counts::default(); categories],
            sent_channels: vec![Counts::default(); Channel::COUNT],
            sent_cells: vec![Counts::default(); regions * categories],
        };
        it.extend_history(at_ms, hello.day, figures);
        it
    }

    /// Takes over the curves of what was leapt over.
    pub fn leap(
        &mut self,
        at_ms: EventMs,
        day: Day,
        history: History,
        products: ProductOpening,
        figures: &impl Figures,
    ) {
        self.history = History {
            step_ms: HISTORY_STEP_MS,
            region_step_ms: REGION_STEP_MS,
            ..history
        };
        self.products.leap(products);
        self.extend_history(at_ms, day, figures);
    }

    pub fn advance(&mut self, to_ms: EventMs, day: Day, figures: &impl Figures) {
        self.products.advance(to_ms, figures);
        self.extend_history(to_ms, day, figures);
    }

    /// Notes the milestones that the value has passed.
    pub fn pass(&mut self, milestones_minor: &[i64], at_ms: EventMs, figures: &impl Figures) {
        let gmv = figures.totals().counts.gmv_minor;
        while let Some(milestone) = milestones_minor.get(self.reached.len()).copied()
            && gmv >= milestone
        {
            self.reached.push(Reached {
                gmv_minor: milestone,
                at_ms,
            });
        }
    }

    fn region_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.regions).map(|id| figures.region(id as u8)).collect()
    }

    fn category_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.categories)
            .map(|id| figures.category(id as u8))
            .collect()
    }

    fn channel_counts(figures: &impl Figures) -> Vec<Counts> {
        Channel::ALL
            .iter()
            .map(|channel| figures.channel(*channel))
            .collect()
    }

    fn cell_counts(&self, figures: &impl Figures) -> Vec<Counts> {
        (0..self.regions)
            .flat_map(|region| (0..self.categories).map(move |category| (region, category)))
            .map(|(region, category)| figures.cell(region as u8, category as u8))
            .collect()
    }

    pub fn tick(&mut self, at: TickStamp, cells: bool, figures: &impl Figures) -> Tick {
        let keyed = |changed: Vec<(usize, Counts)>| -> Vec<Keyed> {
            changed
                .into_iter()
                .map(|(id, counts)| Keyed { id: id as u8, counts })
                .collect()
        };
        let (regions, categories, channels) = (
            self.region_counts(figures),
            self.category_counts(figures),
            Self::channel_counts(figures),
        );
        let regions = keyed(changed(&mut self.sent_regions, regions));
        let categories = keyed(changed(&mut self.sent_categories, categories));
        let channels = keyed(changed(&mut self.sent_channels, channels));
        let cells = if cells {
            let cells = self.cell_counts(figures);
            let width = self.categories;
            changed(&mut self.sent_cells, cells)
                .into_iter()
                .map(|(at, counts)| cell(at, width, counts))
                .collect()
        } else {
            Vec::new()
        };
        let reached = self.reached.get(self.said..).unwrap_or(&[]).to_vec();
        self.said = self.reached.len();
        Tick {
            event_ms: at.event_ms,
            published_ms: at.published_ms,
            mode: at.mode,
            totals: figures.totals(),
            rates: figures.rates(),
            regions,
            categories,
            channels,
            cells,
            reached,
        }
    }

    pub fn snapshot(&self, at: TickStamp, warmth: Warmth, figures: &impl Figures) -> Snapshot {
        let some = |counts: &Counts| *counts != Counts::default();
        let keyed = |list: Vec<Counts>| -> Vec<Keyed> {
            list.into_iter()
                .enumerate()
                .map(|(id, counts)| Keyed { id: id as u8, counts })
                .collect()
        };
        Snapshot {
            event_ms: at.event_ms,
            published_ms: at.published_ms,
            mode: at.mode,
            totals: figures.totals(),
            rates: figures.rates(),
            regions: keyed(self.region_counts(figures))
                .into_iter()
                .filter(|row| some(&row.counts))
                .collect(),
            categories: keyed(self.category_counts(figures)),
            channels: keyed(Self::channel_counts(figures)),
            cells: self
                .cell_counts(figures)
                .into_iter()
                .enumerate()
                .filter(|(_, counts)| some(counts))
                .map(|(at, counts)| cell(at, self.categories, counts))
                .collect(),
            history: self.history.clone(),
            reached: self.reached.clone(),
            warmth,
            products: self.products.everything(at.event_ms, figures),
            direct: None,
            notices: Vec::new(),
        }
    }

    /// Adds the points of the curves that event time has reached.
    fn extend_history(&mut self, event_ms: EventMs, day: Day, figures: &impl Figures) {
        let regions = (0..self.regions).map(|id| (id as u8, figures.region(id as u8)));
        let gmv_minor = figures.totals().counts.gmv_minor;
        self.history.advance(event_ms, &day, gmv_minor, regions, GROWTH);
    }
}

fn cell(at: usize, width: usize, counts: Counts) -> Cell {
    let width = width.max(1);
    Cell {
        region: (at / width) as u8,
        category: (at % width) as u8,
        counts,
    }
}

/// Which of `now` differ from `sent`, which then becomes `now`.
fn changed(sent: &mut [Counts], now: Vec<Counts>) -> Vec<(usize, Counts)> {
    let mut out = Vec::new();
    for (at, (sent, now)) in sent.iter_mut().zip(now).enumerate() {
        if *sent != now {
            *sent = now;
            out.push((at, now));
        }
    }
    out
}
