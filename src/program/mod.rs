//! The program: what is said on the command line, put together and run.

pub mod cli;
pub mod pictures;

use std::sync::Arc;

use anyhow::{Context, Result};
use meridian::files;
use meridian::sales::Catalogue;

/// The shipped catalogue, or the user's own.
///
/// # Errors
/// When a file is missing or a row is wrong.
pub fn catalogue() -> Result<Arc<Catalogue>> {
    const REGIONS: &str = "assets/data/regions.csv";
    const CITIES: &str = "assets/data/cities.csv";
    let catalogue = Catalogue::from_csv(REGIONS, &files::read(REGIONS)?, CITIES, &files::read(CITIES)?)
        .context("the catalogue of regions and cities can't be used")?;
    Ok(Arc::new(catalogue))
}
