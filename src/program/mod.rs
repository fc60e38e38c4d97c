//! The program: what is said on the command line, put together and run.

pub mod ar;
pub mod cli;
pub mod live;
pub mod offscreen;
pub mod pictures;
pub mod player;
pub mod product;

use std::sync::Arc;

use anyhow::{Context, Result};
use meridian_core::files;
use meridian_core::sales::Catalogue;
use meridian_gateway::{OrdersSource, ScenarioSource, Source, SourceError};

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

/// Opens what the command line names.
///
/// # Errors
/// [`SourceError`] naming the file and what is wrong in it.
pub fn open_source(
    sources: &cli::Sources,
    catalogue: &Arc<Catalogue>,
) -> Result<Box<dyn Source>, SourceError> {
    if let (Some(orders), Some(mapping)) = (&sources.orders, &sources.mapping) {
        let mapping = mapping.display().to_string();
        return Ok(Box::new(OrdersSource::open(
            orders,
            &mapping,
            Arc::clone(catalogue),
        )?));
    }
    Ok(Box::new(ScenarioSource::load(
        &sources.scenario,
        Arc::clone(catalogue),
    )?))
}
