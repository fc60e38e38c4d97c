//! How a publisher begins: the tally of what came before, and what the public may know of it.

use std::sync::Arc;

use crate::publish::audience::{Audience, HISTORY_STEP_MS, REGION_STEP_MS};
use crate::publish::class::Privacy;
use crate::publish::figures::{Exact, Figures};
use crate::publish::guard::Guard;
use crate::{Opening, ProductOpening, Pulled, Source, SourceError};
use meridian_core::sales::{Catalogue, EventMs};
use meridian_core::tally::{Tally, TallyError};
use meridian_wire::{Counts, Hello, History, Mode, Reached, RegionHistory, Warmth};

/// Whether the orders are nobody's, so that all of them may be told. A live day's may be somebody's, whatever its file says.
fn is_nobodys(source: &dyn Source, hello: &Hello) -> bool {
    hello.mode == Mode::Demo && !source.is_live()
}

/// A guard that released what had happened before, and the audience of its figures; no guard where the orders are nobody's or privacy
/// is off.
pub(super) fn guarded(
    privacy: Privacy,
    hello: &Hello,
    catalogue: &Arc<Catalogue>,
    source: &mut dyn Source,
    at_ms: EventMs,
    opening: &Opening,
    exact: &Exact,
) -> Result<(Option<Guard>, Audience), SourceError> {
    let regions = catalogue.regions().len();
    if !privacy.is_on() || is_nobodys(source, hello) {
        let (history, products) = (opening.history.clone(), opening.products.clone());
        let audience = Audience::new(
            hello,
            regions,
            at_ms,
            history,
            opening.reached.clone(),
            products,
            exact,
        );
        return Ok((None, audience));
    }
    // A live source has nothing from before it began, whenever that is; of others it isn't told whether there was anything.
    let since_ms = if source.is_live() {
        at_ms
    } else {
        at_ms.min(hello.day.start_ms)
    };
    let nothing = Warmth::default();
    let mut guard = Guard::new(privacy, hello, catalogue, (since_ms, at_ms), &nothing);
    guard.set_lag(source.lag_ms());
    if since_ms < at_ms {
        // Row by row: groups are made of rows.
        let before = source.seek(since_ms)?.totals.counts;
        if before == Counts::default() {
            let mut pulled = Pulled::default();
            source.pull(at_ms, &mut pulled)?;
            for batch in &pulled.batches {
                guard.take(batch.rows());
            }
        }
        source.seek(at_ms)?;
    }
    guard.open(at_ms);
    let (history, products) = opened(hello, at_ms, guard.figures());
    let gmv = guard.figures().totals().counts.gmv_minor;
    let mut reached: Vec<Reached> = opening.reached.clone();
    reached.retain(|passed| passed.gmv_minor <= gmv);
    for passed in &mut reached {
        passed.at_ms = at_ms;
    }
    let audience = Audience::new(hello, regions, at_ms, history, reached, products, guard.figures());
    Ok((Some(guard), audience))
}

/// Curves from before an instant, for the public: what was between the day's start and then isn't told, they go there in a
/// straight line, and the places are cold.
fn opened(hello: &Hello, at_ms: EventMs, figures: &impl Figures) -> (History, ProductOpening) {
    let into_ms = at_ms.min(hello.day.end_ms) - hello.day.start_ms;
    let line = |value_minor: i64, step_ms: i64| -> Vec<i64> {
        if into_ms < 0 {
            return Vec::new();
        }
        let step_ms = step_ms.max(1);
        (0..=into_ms / step_ms)
            .map(|point| {
                let value =
                    i128::from(value_minor) * i128::from(point * step_ms) / i128::from(into_ms.max(1));
                i64::try_from(value).unwrap_or(value_minor)
            })
            .collect()
    };
    let regions = (0..=u8::MAX)
        .map(|region| (region, figures.region(region)))
        .filter(|(_, counts)| *counts != Counts::default())
        .map(|(region, counts)| RegionHistory {
            region,
            gmv_minor: line(counts.gmv_minor, REGION_STEP_MS),
        })
        .collect();
    let history = History {
        gmv_minor: line(figures.totals().counts.gmv_minor, HISTORY_STEP_MS),
        regions,
        ..History::default()
    };
    let step_ms = crate::source::curve_step_ms(&hello.day);
    let products = ProductOpening {
        curves: (0..hello.products.len())
            .map(|product| line(figures.product(product as u16).counts.gmv_minor, step_ms))
            .collect(),
        ..ProductOpening::default()
    };
    (history, products)
}

/// A tally of what a source says had happened before it was joined.
pub(super) fn tally_of(catalogue: &Catalogue, hello: &Hello, opening: &Opening) -> Result<Tally, TallyError> {
    let mut tally = Tally::new(
        catalogue.region_of_place(),
        catalogue.regions().len(),
        hello.categories.len(),
        hello.gmv_counts,
    )
    .with_products(hello.products.len());
    tally.open(
        opening
            .cells
            .iter()
            .map(|(channel, cell)| (*channel, cell.region, cell.category, cell.counts)),
        &opening.totals,
    )?;
    for (product, region, counts) in &opening.products.cells {
        tally.open_product(*product, *region, *counts)?;
    }
    Ok(tally)
}
