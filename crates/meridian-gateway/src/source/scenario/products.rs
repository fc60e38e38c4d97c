//! Products of a generated day, in closed form.
//!
//! Of a cell's rows, every so many-th has the product in it: after n rows there were as many as a ladder
//! of straight lines over n has climbed whole steps. The lines' slopes are the product's share, times the
//! region's taste, times a surge's lift between the rows that the cell has had when the surge begins and
//! ends. So what a product has sold at any instant follows from the cell's count at that instant, and a
//! row has the product or hasn't, however one came to it. Each item is one piece at the product's price.
//!
//! The day's totals don't know of products: a row's amount is what it would be without them. A day file
//! is refused when a product would sell for more than nine tenths of what its category does in a region.

use super::file::{DayFile, ProductTable};
use super::model::{BLOCK_SECS, CellKey};
use super::random::{mix, normal};
use super::validate::{region_of, share_of};
use crate::source::day_file::{info_of, minor_of, secs_of};
use meridian_core::sales::{Catalogue, Kind};
use meridian_wire::ProductInfo;

/// The most products of a day file.
const MAX_DAY_PRODUCTS: usize = 256;
/// The part of its category's value in a region that products may have.
const MAX_OF_CATEGORY: f64 = 0.9;
/// Slopes are in 2⁻³² items a row.
const ONE: f64 = (1_u64 << 32) as f64;

/// How many of a cell's rows have a product, along the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ladder {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    /// The row at which it begins.
    from: u64,
    /// Items before that row, in 2⁻³².
    base: u128,
    /// Items a row, in 2⁻³²; at most one.
    slope: u64,
}

impl Ladder {
    /// Lines of these slopes (0 to 1) from these rows on, rising; the first from row 0.
    pub(super) fn new(lines: &[(u64, f64)]) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(lines.len());
        for (from, slope) in lines {
            let slope = (slope.clamp(0.0, 1.0) * ONE) as u64;
            let base = steps.last().map_or(0, |last| {
                last.base + u128::from(from.saturating_sub(last.from)) * u128::from(last.slope)
            });
            steps.push(Step {
                from: *from,
                base,
                slope,
            });
        }
        Self { steps }
    }

    /// How many of the first `rows` rows have the product.
    pub(super) fn items(&self, rows: u64) -> u64 {
        let step = match self.steps.as_slice() {
            [] => return 0,
            [only] => only,
            steps => {
                let after = steps.partition_point(|step| step.from <= rows);
                match after.checked_sub(1).and_then(|at| steps.get(at)) {
                    Some(step) => step,
                    None => return 0,
                }
            }
        };
        let climbed = step.base + u128::from(rows - step.from) * u128::from(step.slope);
        (climbed >> 32) as u64
    }

    /// The row, from 0, that has the item with this number, from 0.
    pub(super) fn row_of(&self, item: u64) -> u64 {
        let after = self
            .steps
            .partition_point(|step| step.base >> 32 <= u128::from(item));
        let Some(step) = after.checked_sub(1).and_then(|at| self.steps.get(at)) else {
            return 0;
        };
        let missing = ((u128::from(item) + 1) << 32) - step.base;
        let rows = missing.div_ceil(u128::from(step.slope.max(1)));
        step.from + (rows as u64).saturating_sub(1)
    }
}

/// A product in a cell.
#[derive(Debug, Clone)]
pub(super) struct ProductCell {
    pub product: u16,
    pub cell: u32,
    payments: Ladder,
    orders: Ladder,
}

impl ProductCell {
    pub(super) fn ladder(&self, kind: Kind) -> &Ladder {
        match kind {
            Kind::Payment => &self.payments,
            Kind::Order => &self.orders,
        }
    }
}

/// A day's products.
#[derive(Debug, Clone, Default)]
pub(super) struct Products {
    pub list: Vec<ProductInfo>,
    /// By product.
    pub price_minor: Vec<i64>,
    /// By cell, then product.
    pub cells: Vec<ProductCell>,
    /// By cell: where its products stand among `cells`.
    ranges: Vec<(u32, u32)>,
}

impl Products {
    /// The products of a cell.
    pub(super) fn of_cell(&self, cell: usize) -> &[ProductCell] {
        let Some((from, to)) = self.ranges.get(cell) else {
            return &[];
        };
        self.cells.get(*from as usize..*to as usize).unwrap_or(&[])
    }

    /// A product's price in minor units.
    pub(super) fn price(&self, product: u16) -> i64 {
        self.price_minor.get(usize::from(product)).copied().unwrap_or(0)
    }
}

/// What a file says of one product, looked up.
struct Plan {
    category: u8,
    share: f64,
    price_minor: i64,
    /// By region.
    taste: Vec<f64>,
    surges: Vec<Surge>,
}

#[derive(Debug, Clone, Copy)]
struct Surge {
    region: u8,
    from_secs: usize,
    to_secs: usize,
    lift: f64,
}

impl Plan {
    /// The part of the rows of its category in a region that has it, at a second.
    fn slope(&self, region: u8, secs: usize) -> f64 {
        let taste = self.taste.get(usize::from(region)).copied().unwrap_or(1.0);
        let lift = self
            .surges
            .iter()
            .find(|surge| surge.region == region && (surge.from_secs..surge.to_secs).contains(&secs))
            .map_or(1.0, |surge| surge.lift);
        self.share * taste * lift
    }

    /// The seconds at which its slope in a region changes, the day's start first.
    fn changes(&self, region: u8) -> Vec<usize> {
        let mut out = vec![0];
        for surge in self.surges.iter().filter(|surge| surge.region == region) {
            out.extend([surge.from_secs, surge.to_secs]);
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// What the products of a day are worked out from.
pub(super) struct Inputs<'a> {
    pub catalogue: &'a Catalogue,
    /// The home region.
    pub home: Option<u8>,
    /// How long the day is.
    pub secs: usize,
    pub cells: &'a [CellKey],
    /// By quarter of an hour: the mean payment in minor units, endless where there is none.
    pub payment_minor: &'a [f64],
}

/// Builds the products of a day file. `counts` says how many payments and orders a cell has had at a second.
pub(super) fn build(
    file: &DayFile,
    ground: &Inputs<'_>,
    counts: impl Fn(usize, usize) -> (u64, u64),
) -> Result<Products, String> {
    let (list, plans) = plans(file, ground)?;
    let mut out = Products {
        list,
        price_minor: plans.iter().map(|plan| plan.price_minor).collect(),
        ..Products::default()
    };
    for (index, cell) in ground.cells.iter().enumerate() {
        let first = out.cells.len() as u32;
        let here: Vec<(usize, &Plan)> = plans
            .iter()
            .enumerate()
            .filter(|(_, plan)| plan.category == cell.category)
            .collect();
        leave_enough(cell, &here, ground)?;
        for (number, plan) in here {
            let changes = plan.changes(cell.region);
            let lines = |payments: bool| -> Vec<(u64, f64)> {
                changes
                    .iter()
                    .map(|second| {
                        let (paid, ordered) = if *second == 0 {
                            (0, 0)
                        } else {
                            counts(index, *second)
                        };
                        let row = if payments { paid } else { ordered };
                        (row, plan.slope(cell.region, *second))
                    })
                    .collect()
            };
            out.cells.push(ProductCell {
                product: number as u16,
                cell: index as u32,
                payments: Ladder::new(&lines(true)),
                orders: Ladder::new(&lines(false)),
            });
        }
        out.ranges.push((first, out.cells.len() as u32));
    }
    Ok(out)
}

/// The file's products, checked and looked up.
fn plans(file: &DayFile, ground: &Inputs<'_>) -> Result<(Vec<ProductInfo>, Vec<Plan>), String> {
    if file.product.len() > MAX_DAY_PRODUCTS {
        return Err(format!(
            "product: {} of them; there can be at most {MAX_DAY_PRODUCTS}",
            file.product.len()
        ));
    }
    let mut list = Vec::new();
    let mut plans = Vec::new();
    for (number, table) in file.product.iter().enumerate() {
        let key = format!("product[{number}]");
        let categories = file.category.iter().map(|category| &category.name);
        let said = (table.id.as_str(), &table.name, table.category.as_str());
        let info = info_of(&key, said, categories, &list)?;
        let price_minor = minor_of(&format!("{key}.price"), table.price, file.day.currency)?;
        if price_minor == 0 {
            return Err(format!("{key}.price: it must be above 0"));
        }
        let share = share_of(&format!("{key}.share"), table.share)?;
        plans.push(Plan {
            category: info.category,
            share,
            price_minor,
            taste: tastes(file.seed, &key, table, ground.catalogue, ground.home)?,
            surges: surges(&key, table, ground.catalogue, ground.secs)?,
        });
        list.push(info);
    }
    Ok((list, plans))
}

/// Refuses products that at some time sell for more than they may of what their cell's category does.
fn leave_enough(cell: &CellKey, here: &[(usize, &Plan)], ground: &Inputs<'_>) -> Result<(), String> {
    let mut changes: Vec<usize> = here
        .iter()
        .flat_map(|(_, plan)| plan.changes(cell.region))
        .collect();
    changes.sort_unstable();
    changes.dedup();
    for (number, second) in changes.iter().enumerate() {
        // The quarters of an hour until the next change.
        let until = changes.get(number + 1).copied().unwrap_or(ground.secs);
        let least = ground
            .payment_minor
            .iter()
            .take(until.div_ceil(BLOCK_SECS))
            .skip(second / BLOCK_SECS)
            .fold(f64::INFINITY, |least, mean| least.min(*mean));
        let most = MAX_OF_CATEGORY * least * cell.ticket;
        let (mut rows, mut value, mut largest) = (0.0, 0.0, (0.0, 0));
        for (number, plan) in here {
            let slope = plan.slope(cell.region, *second);
            rows += slope;
            value += slope * plan.price_minor as f64;
            if slope * plan.price_minor as f64 >= largest.0 {
                largest = (slope * plan.price_minor as f64, *number);
            }
        }
        if rows > MAX_OF_CATEGORY || value > most {
            let region = ground.catalogue.regions().get(usize::from(cell.region));
            let part = (value / most.max(f64::MIN_POSITIVE)).max(rows / MAX_OF_CATEGORY);
            return Err(format!(
                "product[{}]: {:02}:{:02} after the start the products would have {:.0} % of their category in {}: a lower share, price, taste or lift is needed",
                largest.1,
                second / 3_600,
                second / 60 % 60,
                part * MAX_OF_CATEGORY * 100.0,
                region.map_or("a region", |region| region.iso2.as_str()),
            ));
        }
    }
    Ok(())
}

/// A product's taste by region: as given, elsewhere a little more or less by chance; the home region is the
/// measure.
fn tastes(
    seed: u64,
    key: &str,
    table: &ProductTable,
    catalogue: &Catalogue,
    home: Option<u8>,
) -> Result<Vec<f64>, String> {
    let mut name = mix(seed ^ 0x7072_6f64);
    for byte in table.id.bytes() {
        name = mix(name ^ u64::from(byte));
    }
    let mut taste: Vec<f64> = (0..catalogue.regions().len())
        .map(|region| {
            if home.is_some_and(|home| usize::from(home) == region) {
                return 1.0;
            }
            (0.2 * normal(name ^ mix(region as u64))).clamp(-0.5, 0.5).exp()
        })
        .collect();
    for (iso2, weight) in &table.taste {
        let key = format!("{key}.taste.{iso2}");
        let region = region_of(catalogue, &key, iso2)?;
        if !(0.0..=20.0).contains(weight) {
            return Err(format!("{key}: {weight} is out of range: it must be 0 to 20"));
        }
        if let Some(slot) = taste.get_mut(usize::from(region.0)) {
            *slot = *weight;
        }
    }
    Ok(taste)
}

fn surges(key: &str, table: &ProductTable, catalogue: &Catalogue, secs: usize) -> Result<Vec<Surge>, String> {
    let mut out: Vec<Surge> = Vec::new();
    for (number, surge) in table.surge.iter().enumerate() {
        let key = format!("{key}.surge[{number}]");
        let region = region_of(catalogue, &format!("{key}.region"), &surge.region)?.0;
        let from_secs = secs_of(&format!("{key}.from"), &surge.from)?;
        let to_secs = secs_of(&format!("{key}.to"), &surge.to)?;
        if to_secs <= from_secs || to_secs > secs {
            return Err(format!(
                "{key}.to: {:?} isn't after \"from\", or after the day's end",
                surge.to
            ));
        }
        if !(0.0..=50.0).contains(&surge.lift) {
            return Err(format!(
                "{key}.lift: {} is out of range: it must be 0 to 50",
                surge.lift
            ));
        }
        if out
            .iter()
            .any(|other| other.region == region && from_secs < other.to_secs && other.from_secs < to_secs)
        {
            return Err(format!(
                "{key}.from: {:?} is in an earlier surge of {}",
                surge.from, surge.region
            ));
        }
        out.push(Surge {
            region,
            from_secs,
            to_secs,
            lift: surge.lift,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_ladder_counts_the_rows_that_it_names(
            lines in prop::collection::vec((1_u64..300, 0.0_f64..=1.0), 1..6),
            first in 0.0_f64..=1.0,
        ) {
            let mut rows = vec![(0, first)];
            let mut from = 0;
            for (more, slope) in lines {
                from += more;
                rows.push((from, slope));
            }
            let ladder = Ladder::new(&rows);
            let mut counted = 0;
            for row in 0..from + 200 {
                prop_assert_eq!(ladder.items(row), counted);
                let here = ladder.items(row + 1) - counted;
                prop_assert!(here <= 1);
                if here == 1 {
                    prop_assert_eq!(ladder.row_of(counted), row);
                }
                counted += here;
            }
        }
    }

    #[test]
    fn a_ladder_is_exact_far_up() {
        let ladder = Ladder::new(&[(0, 0.02), (1 << 40, 0.1), ((1 << 40) + 1_000, 0.02)]);
        let before = ladder.items(1 << 40);
        assert!((ladder.items((1 << 40) + 1_000) - before).abs_diff(100) <= 1);
        assert_eq!(ladder.items(ladder.row_of(before + 7)), before + 7);
        assert_eq!(Ladder::default().items(5), 0);
    }
}
