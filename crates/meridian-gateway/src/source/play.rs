//! Plays a scenario or an order file as a live day's orders: the batches that `meridian-gateway send` sends.

use meridian_client::orders::Welcome;
use meridian_core::sales::columns::{ColumnsError, encode};
use meridian_core::sales::{Batch, EventMs, Kind};
use meridian_wire::{Hello, NoticeKind};

use crate::source::{Pulled, Source, SourceError};

/// After this long without an order an empty batch shows that the source is still there.
const STILL_HERE_MS: i64 = 5_000;

/// Why a source can't be played as a live day.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The day isn't one for this source's orders.
    #[error("these orders don't belong in the gateway's day: {0}")]
    Differs(String),
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A batch is too large.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
}

/// A source that is played as a live day: its past happens now.
pub struct Play {
    source: Box<dyn Source>,
    /// Where its event time began, and when that was on the wall clock.
    from_ms: EventMs,
    wall_ms: i64,
    speed: f64,
    /// Its source number in batches, and the next batch's number.
    number: u32,
    sequence: u64,
    /// By the source's number: the day's.
    categories: Vec<u8>,
    products: Vec<Option<u16>>,
    /// Where its event time stands.
    now_ms: EventMs,
    /// When it gave a batch last, on the wall clock.
    said_ms: i64,
}

impl Play {
    /// Begins at an instant of the source's event time, which is now on the wall clock.
    ///
    /// # Errors
    /// [`PlayError`] when it isn't the currency, the categories or the catalogue of the day.
    pub fn new(
        mut source: Box<dyn Source>,
        day: &Welcome,
        number: u32,
        from_ms: EventMs,
        wall_ms: i64,
        speed: f64,
    ) -> Result<Self, PlayError> {
        let hello = source.hello();
        let (categories, products) = numbers(&hello, day).map_err(PlayError::Differs)?;
        source.seek(from_ms)?;
        Ok(Self {
            source,
            from_ms,
            wall_ms,
            speed,
            number,
            // Later runs have higher ones.
            sequence: u64::try_from(wall_ms).unwrap_or(0) << 20,
            categories,
            products,
            now_ms: from_ms,
            said_ms: wall_ms,
        })
    }

    /// The instant of event time that is an instant of the wall clock.
    fn event_at(&self, wall_ms: i64) -> EventMs {
        self.from_ms + ((wall_ms - self.wall_ms) as f64 * self.speed) as i64
    }

    fn wall_at(&self, event_ms: EventMs) -> i64 {
        self.wall_ms + ((event_ms - self.from_ms) as f64 / self.speed) as i64
    }

    /// Plays on to an instant of the wall clock: batches as bytes, how many rows they have, and what people should
    /// know.
    ///
    /// # Errors
    /// [`PlayError`] when the source can't be read on.
    pub fn until(&mut self, wall_ms: i64) -> Result<Played, PlayError> {
        let to_ms = self.event_at(wall_ms);
        let mut played = Played::default();
        if to_ms <= self.now_ms {
            return Ok(played);
        }
        let mut pulled = Pulled::default();
        self.source.pull(to_ms, &mut pulled)?;
        self.now_ms = to_ms;
        for batch in pulled.batches {
            let mut batch = batch.into_rows();
            self.translate(&mut batch);
            played.rows += batch.len() as u64;
            played.batches.push(encode(&batch, self.number, self.sequence)?);
            self.sequence += 1;
        }
        // Still here, and nothing sold.
        if played.batches.is_empty() && wall_ms - self.said_ms >= STILL_HERE_MS {
            let empty = Batch::new(Kind::Order, wall_ms - 1, wall_ms);
            played.batches.push(encode(&empty, self.number, self.sequence)?);
            self.sequence += 1;
        }
        if !played.batches.is_empty() {
            self.said_ms = wall_ms;
        }
        played.notices = pulled.notices;
        Ok(played)
    }

    /// Whether nothing will come any more.
    pub fn ended(&self) -> bool {
        self.source.ended()
    }

    fn translate(&self, batch: &mut Batch) {
        let (from_ms, to_ms) = (self.wall_at(batch.from_ms), self.wall_at(batch.to_ms));
        (batch.from_ms, batch.to_ms) = (from_ms, to_ms.max(from_ms));
        for category in &mut batch.category {
            *category = self.categories.get(usize::from(*category)).copied().unwrap_or(0);
        }
        let items = std::mem::take(&mut batch.items);
        let columns = items
            .row
            .into_iter()
            .zip(items.product)
            .zip(items.units)
            .zip(items.amount_minor);
        for (((row, product), units), amount) in columns {
            if let Some(Some(product)) = self.products.get(usize::from(product)) {
                batch.items.row.push(row);
                batch.items.product.push(*product);
                batch.items.units.push(units);
                batch.items.amount_minor.push(amount);
            }
        }
    }
}

/// What happened in a span.
#[derive(Debug, Default)]
pub struct Played {
    /// Batches as bytes.
    pub batches: Vec<Vec<u8>>,
    /// How many rows they have.
    pub rows: u64,
    /// What people should know.
    pub notices: Vec<NoticeKind>,
}

/// The day's numbers of a source's categories and products.
fn numbers(hello: &Hello, day: &Welcome) -> Result<(Vec<u8>, Vec<Option<u16>>), String> {
    // Whatever is played here doesn't happen now.
    if !day.synthetic {
        return Err("they don't happen now, and the day would show them as LIVE: its file has to say synthetic = true".to_owned());
    }
    let currency = serde_json::to_value(hello.currency).unwrap_or_default();
    if currency.as_str() != Some(day.currency.as_str()) {
        return Err(format!(
            "they are in {currency}, the day is in {:?}",
            day.currency
        ));
    }
    if hello.gmv_counts != day.gmv_counts {
        return Err(format!(
            "{:?}s carry their value, and {:?}s the day's",
            hello.gmv_counts, day.gmv_counts
        ));
    }
    if hello.catalogue != day.catalogue {
        return Err("the gateway has another catalogue of regions and cities".to_owned());
    }
    let categories = hello
        .categories
        .iter()
        .map(|names| {
            day.categories
                .iter()
                .position(|known| *known == names.en)
                .and_then(|at| u8::try_from(at).ok())
                .ok_or_else(|| {
                    format!(
                        "the day has no category {:?}; it has {}",
                        names.en,
                        day.categories.join(", ")
                    )
                })
        })
        .collect::<Result<_, _>>()?;
    let products = hello
        .products
        .iter()
        .map(|product| {
            day.products
                .iter()
                .position(|known| *known == product.id)
                .and_then(|at| u16::try_from(at).ok())
        })
        .collect();
    Ok((categories, products))
}
