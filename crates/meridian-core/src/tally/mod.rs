//! Counting, pure: columnar batches in; totals, rates, peaks and windows out.

/// Serde for a type that derives it with `remote = "Self"`: what was read has to pass a check of its own.
macro_rules! read_checked {
    ($type:ident) => {
        read_checked!($type, check_read);
    };
    ($type:ident, $check:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let it = Self::deserialize(from)?;
                it.$check().map_err(serde::de::Error::custom)?;
                Ok(it)
            }
        }
    };
}

pub mod counts;
pub mod meter;
pub mod partial;
pub mod product;
pub mod shape;
pub mod windows;

pub use counts::{Counts, ProductCounts, Rates, Totals};
pub use meter::Meter;
pub use partial::{Counted, MergeError, Merged, Partial, Seen, Taken};
pub use product::{MARK_MS, MEAN_SECONDS, Mark, Minutes, ProductMeter, WINDOW_MINUTES};
pub use shape::Shape;
pub use windows::{Margins, Of, Peak, Window, Windows};

use serde::{Deserialize, Serialize};

use self::product::ProductTally;
use crate::sales::{Batch, Channel, Kind};

/// Why a batch, a cell or another tally was refused. None of it was counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TallyError {
    /// The columns of a batch have different lengths.
    #[error("the batch's column {column} has {len} rows where place has {rows}: each column needs as many")]
    Ragged {
        /// The column.
        column: &'static str,
        /// How long it is.
        len: usize,
        /// How long it should be.
        rows: usize,
    },
    /// A number that the catalogue or the list of categories doesn't have.
    #[error("{what} {number} doesn't exist: there are {count}, counted from 0")]
    Unknown {
        /// A place, region, category, channel or product, or an item's row.
        what: &'static str,
        /// The number.
        number: u64,
        /// How many there are.
        count: usize,
    },
    /// A sum beyond what the feed can carry.
    #[error("{what} would pass what 64 bits can carry")]
    TooLarge {
        /// What would.
        what: &'static str,
    },
    /// Two tallies of different shapes.
    #[error(
        "tallies of different shape can't be merged: regions, places, categories, products and the kind that GMV counts must agree"
    )]
    Shape,
}

/// Counts of orders, payments and value by region, category and channel; and of products by region.
///
/// Everything is exact. Each cell and each sum fits in 64 bits at any time: a batch that could break
/// this is refused as a whole before a row of it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Tally {
    region_of_place: Vec<u8>,
    regions: usize,
    categories: usize,
    gmv_counts: Kind,
    /// region × category × channel; the row after the last region holds what has no place.
    cells: Vec<Counts>,
    /// What was taken over without region and category.
    loose: Counts,
    corrections: u64,
    corrected_minor: i64,
    /// The sum of the absolute values of everything counted: bounds every other sum.
    volume_minor: i64,
    products: ProductTally,
}

impl Tally {
    /// An empty tally. `region_of_place` comes from
    /// [`Catalogue::region_of_place`](crate::sales::Catalogue::region_of_place); `gmv_counts` says
    /// whether orders or payments carry the value.
    pub fn new(region_of_place: Vec<u8>, regions: usize, categories: usize, gmv_counts: Kind) -> Self {
        Self {
            region_of_place,
            regions,
            categories,
            gmv_counts,
            cells: vec![Counts::default(); (regions + 1) * categories * Channel::COUNT],
            loose: Counts::default(),
            corrections: 0,
            corrected_minor: 0,
            volume_minor: 0,
            products: ProductTally::default(),
        }
    }

    /// The same empty tally, for the given number of products; without it a batch's items are ignored.
    pub fn with_products(mut self, products: usize) -> Self {
        self.products = ProductTally::new(products, self.regions);
        self
    }

    /// The same shape with nothing counted.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::new(
            self.region_of_place.clone(),
            self.regions,
            self.categories,
            self.gmv_counts,
        )
        .with_products(self.products())
    }

    /// How many products it counts.
    pub fn products(&self) -> usize {
        self.products.products()
    }

    /// Which kind carries the value.
    pub fn gmv_counts(&self) -> Kind {
        self.gmv_counts
    }

    /// How many regions it counts.
    pub fn regions(&self) -> usize {
        self.regions
    }

    /// How many categories it counts.
    pub fn categories(&self) -> usize {
        self.categories
    }

    /// What it can count.
    pub fn shape(&self) -> Shape {
        Shape::new(self.region_of_place.len(), self.categories, self.products())
    }

    fn index(&self, region: usize, category: usize, channel: usize) -> usize {
        (region * self.categories + category) * Channel::COUNT + channel
    }

    /// Whether a batch's columns can be counted; sums aren't looked at.
    ///
    /// # Errors
    /// [`TallyError`] naming the column and what would be right.
    pub fn check(&self, batch: &Batch) -> Result<(), TallyError> {
        self.shape().check(batch)
    }

    /// Counts a batch.
    ///
    /// A negative amount of the kind that carries GMV is a correction: it lowers the value, is counted
    /// apart and never as an order or payment. A negative amount of the other kind changes nothing.
    ///
    /// # Errors
    /// [`TallyError`] for a batch that doesn't fit; nothing of it is counted then.
    pub fn add(&mut self, batch: &Batch) -> Result<(), TallyError> {
        let shape = self.shape();
        shape.check_rows(batch)?;
        shape.check_items(batch)?;
        let carries = batch.kind == self.gmv_counts;
        let product_volume = self.products.volume_after(batch, carries)?;
        if carries {
            let sum: u128 = batch
                .amount_minor
                .iter()
                .map(|amount| u128::from(amount.unsigned_abs()))
                .sum();
            self.volume_minor = i64::try_from(sum)
                .ok()
                .and_then(|sum| self.volume_minor.checked_add(sum))
                .ok_or(TallyError::TooLarge { what: "the value" })?;
        }
        let (orders, payments) = match batch.kind {
            Kind::Order => (1, 0),
            Kind::Payment => (0, 1),
        };
        let stride = self.categories * Channel::COUNT;
        let unplaced = self.regions * stride;
        let rows = batch
            .place
            .iter()
            .zip(&batch.category)
            .zip(&batch.channel)
            .zip(&batch.amount_minor);
        for (((place, category), channel), amount) in rows {
            let base = self
                .region_of_place
                .get(usize::from(*place))
                .map_or(unplaced, |region| usize::from(*region) * stride);
            let at = base + usize::from(*category) * Channel::COUNT + usize::from(*channel);
            let Some(cell) = self.cells.get_mut(at) else {
                continue;
            };
            if *amount >= 0 {
                cell.orders += orders;
                cell.payments += payments;
                if carries {
                    cell.gmv_minor += *amount;
                }
            } else if carries {
                cell.gmv_minor += *amount;
                self.corrections += 1;
                self.corrected_minor -= *amount;
            }
        }
        self.products
            .add(batch, &self.region_of_place, carries, product_volume);
        Ok(())
    }

    /// Adds what another tally of the same shape counted.
    ///
    /// # Errors
    /// [`TallyError::Shape`] or [`TallyError::TooLarge`]; this tally is unchanged then.
    pub fn merge(&mut self, other: &Self) -> Result<(), TallyError> {
        if self.regions != other.regions
            || self.region_of_place != other.region_of_place
            || self.categories != other.categories
            || self.gmv_counts != other.gmv_counts
            || self.cells.len() != other.cells.len()
            || !self.products.same_shape(&other.products)
        {
            return Err(TallyError::Shape);
        }
        let (mine, theirs) = (self.totals(), other.totals());
        for (what, mine, theirs) in [
            ("the orders", mine.counts.orders, theirs.counts.orders),
            ("the payments", mine.counts.payments, theirs.counts.payments),
            ("the corrections", self.corrections, other.corrections),
        ] {
            mine.checked_add(theirs).ok_or(TallyError::TooLarge { what })?;
        }
        let product_volume = self.products.volume_with(&other.products)?;
        self.volume_minor = self
            .volume_minor
            .checked_add(other.volume_minor)
            .ok_or(TallyError::TooLarge { what: "the value" })?;
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine += *theirs;
        }
        self.products.merge(&other.products, product_volume);
        self.loose += other.loose;
        self.corrections += other.corrections;
        self.corrected_minor += other.corrected_minor;
        Ok(())
    }

    /// Takes over what a source says had happened before it was joined: its cells, and from its totals
    /// what has no place and what was corrected.
    ///
    /// # Errors
    /// [`TallyError`] for a cell that can't be; this tally is then to be thrown away.
    pub fn open(
        &mut self,
        cells: impl IntoIterator<Item = (Channel, u8, u8, Counts)>,
        totals: &Totals,
    ) -> Result<(), TallyError> {
        for (channel, region, category, counts) in cells {
            if usize::from(region) >= self.regions {
                return Err(TallyError::Unknown {
                    what: "region",
                    number: u64::from(region),
                    count: self.regions,
                });
            }
            if usize::from(category) >= self.categories {
                return Err(TallyError::Unknown {
                    what: "category",
                    number: u64::from(category),
                    count: self.categories,
                });
            }
            self.take_volume(counts.gmv_minor)?;
            let at = self.index(
                usize::from(region),
                usize::from(category),
                usize::from(channel.index()),
            );
            if let Some(cell) = self.cells.get_mut(at) {
                *cell += counts;
            }
        }
        self.take_volume(totals.unplaced.gmv_minor)?;
        self.take_volume(totals.corrected_minor)?;
        self.loose += totals.unplaced;
        self.corrections = self.corrections.saturating_add(totals.corrections);
        self.corrected_minor += totals.corrected_minor;
        Ok(())
    }

    /// Takes over what a source says of a product before it was joined, in a region or without one.
    ///
    /// # Errors
    /// [`TallyError`] for a product or region that can't be; this tally is then to be thrown away.
    pub fn open_product(
        &mut self,
        product: u16,
        region: Option<u8>,
        counts: ProductCounts,
    ) -> Result<(), TallyError> {
        self.products.open(product, region, counts)
    }

    /// A product's counts over all regions, what has no place included; zeros for one that doesn't exist.
    pub fn product(&self, product: u16) -> ProductCounts {
        self.products.product(product)
    }

    /// A product's counts by region number; empty for one that doesn't exist.
    pub fn product_regions(&self, product: u16) -> &[ProductCounts] {
        self.products.regions_of(product)
    }

    /// The orders until now, as the mark of a whole minute of the day.
    pub fn mark(&self, minute: u32) -> Mark {
        let mut products = Vec::new();
        for product in 0..self.products() {
            for (region, counts) in self.product_regions(product as u16).iter().enumerate() {
                if counts.counts.orders > 0 {
                    products.push(((product * self.regions + region) as u32, counts.counts.orders));
                }
            }
        }
        Mark {
            minute,
            regions: (0..self.regions)
                .map(|region| self.region(region as u8).orders)
                .collect(),
            products,
            bunches: Vec::new(),
        }
    }

    /// Whether what was read can have been counted.
    fn check_read(&self) -> Result<(), String> {
        let most = usize::from(u8::MAX);
        if self.regions > most || self.categories > most {
            return Err(format!("a tally has at most {most} regions and categories"));
        }
        if let Some(region) = self
            .region_of_place
            .iter()
            .find(|region| usize::from(**region) >= self.regions)
        {
            return Err(format!(
                "a place lies in region {region}: there are {} regions",
                self.regions
            ));
        }
        let cells = (self.regions + 1) * self.categories * Channel::COUNT;
        if self.cells.len() != cells {
            return Err(format!(
                "a tally of {} regions and {} categories has {cells} cells, not {}",
                self.regions,
                self.categories,
                self.cells.len()
            ));
        }
        check_sums(self.cells.iter().chain([&self.loose]), self.volume_minor)?;
        if !(0..=self.volume_minor).contains(&self.corrected_minor) {
            return Err("corrections take off more than was counted".to_owned());
        }
        self.products.check_read(self.regions)
    }

    fn take_volume(&mut self, amount_minor: i64) -> Result<(), TallyError> {
        self.volume_minor = amount_minor
            .checked_abs()
            .and_then(|amount| self.volume_minor.checked_add(amount))
            .ok_or(TallyError::TooLarge { what: "the value" })?;
        Ok(())
    }

    fn sum(cells: &[Counts]) -> Counts {
        let mut sum = Counts::default();
        for cell in cells {
            sum += *cell;
        }
        sum
    }

    fn row(&self, region: usize) -> &[Counts] {
        let stride = self.categories * Channel::COUNT;
        self.cells
            .get(region * stride..(region + 1) * stride)
            .unwrap_or(&[])
    }

    /// The totals: what the regions add up to, and what has no place.
    pub fn totals(&self) -> Totals {
        let mut counts = Self::sum(&self.cells);
        counts += self.loose;
        Totals {
            counts,
            unplaced: self.unplaced(),
            corrections: self.corrections,
            corrected_minor: self.corrected_minor,
        }
    }

    /// What has no known region.
    pub fn unplaced(&self) -> Counts {
        let mut counts = Self::sum(self.row(self.regions));
        counts += self.loose;
        counts
    }

    /// A region's counts; zeros for a region that doesn't exist.
    pub fn region(&self, region: u8) -> Counts {
        if usize::from(region) >= self.regions {
            return Counts::default();
        }
        Self::sum(self.row(usize::from(region)))
    }

    /// A category's counts over all regions, what has no place included.
    pub fn category(&self, category: u8) -> Counts {
        if usize::from(category) >= self.categories {
            return Counts::default();
        }
        let mut sum = Counts::default();
        for region in 0..=self.regions {
            let at = self.index(region, usize::from(category), 0);
            sum += Self::sum(self.cells.get(at..at + Channel::COUNT).unwrap_or(&[]));
        }
        sum
    }

    /// A channel's counts over all regions, what has no place included.
    pub fn channel(&self, channel: Channel) -> Counts {
        let mut sum = Counts::default();
        for cell in self
            .cells
            .iter()
            .skip(usize::from(channel.index()))
            .step_by(Channel::COUNT)
        {
            sum += *cell;
        }
        sum
    }

    /// The counts of one category in one region, over all channels.
    pub fn cell(&self, region: u8, category: u8) -> Counts {
        if usize::from(region) >= self.regions || usize::from(category) >= self.categories {
            return Counts::default();
        }
        let at = self.index(usize::from(region), usize::from(category), 0);
        Self::sum(self.cells.get(at..at + Channel::COUNT).unwrap_or(&[]))
    }

    /// The counts of one category in one region over one channel.
    pub fn cell_of_channel(&self, region: u8, category: u8, channel: Channel) -> Counts {
        if usize::from(region) >= self.regions || usize::from(category) >= self.categories {
            return Counts::default();
        }
        let at = self.index(
            usize::from(region),
            usize::from(category),
            usize::from(channel.index()),
        );
        self.cells.get(at).copied().unwrap_or_default()
    }

    /// The share of the value that came from phones and tablets, 0 to 1; none while there is no value.
    pub fn mobile_share(&self) -> Option<f64> {
        let total = self.totals().counts.gmv_minor;
        (total > 0).then(|| self.channel(Channel::Mobile).gmv_minor as f64 / total as f64)
    }

    /// How many regions have an order or a payment.
    pub fn regions_reached(&self) -> usize {
        (0..self.regions)
            .filter(|region| {
                self.row(*region)
                    .iter()
                    .any(|cell| cell.orders > 0 || cell.payments > 0)
            })
            .count()
    }
}

/// Whether counts that were read add up to what 64 bits carry: their values to what everything counted came to.
fn check_sums<'a>(cells: impl Iterator<Item = &'a Counts>, volume_minor: i64) -> Result<(), String> {
    let (mut orders, mut payments, mut value) = (0_u128, 0_u128, 0_u128);
    for cell in cells {
        orders += u128::from(cell.orders);
        payments += u128::from(cell.payments);
        value += u128::from(cell.gmv_minor.unsigned_abs());
    }
    if orders.max(payments) > u128::from(u64::MAX) {
        return Err("more orders or payments than 64 bits can carry".to_owned());
    }
    if i128::try_from(value).is_ok_and(|value| value <= i128::from(volume_minor)) {
        Ok(())
    } else {
        Err(format!(
            "cells have a value of {value}, more than the {volume_minor} that everything counted came to"
        ))
    }
}

read_checked!(Tally);

#[cfg(test)]
mod tests;
