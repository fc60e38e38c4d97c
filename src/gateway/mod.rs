//! From sources to the feed: source → guard → tally → publish.

pub mod assemble;
pub mod class;
pub mod guard;
pub mod orders;
mod products;
pub mod publisher;
pub mod scenario;
pub mod server;
pub mod source;

pub use assemble::{ServeArgs, SourceArgs};
pub use class::{DataClass, Internal, Privacy, PrivacyError, Public, Restricted};
pub use orders::{OrdersReport, OrdersSource};
pub use publisher::{PublishError, Publisher, Step};
pub use scenario::ScenarioSource;
pub use server::{Gateway, GatewayConfig, GatewayControl, GatewayError, SavedState, serve, wall_ms};
pub use source::{Opening, ProductOpening, Pulled, Source, SourceError, curve_step_ms};

/// The catalogue of regions and cities: the user's files if there are any, otherwise the shipped ones.
///
/// # Errors
/// [`SourceError::File`] when a file is missing, or naming the line and column of what is wrong in it.
pub fn load_catalogue() -> Result<std::sync::Arc<crate::sales::Catalogue>, SourceError> {
    const REGIONS: &str = "assets/data/regions.csv";
    const CITIES: &str = "assets/data/cities.csv";
    let read = |path: &str| {
        crate::files::read(path).map_err(|error| SourceError::File {
            file: path.to_owned(),
            problem: error.to_string(),
        })
    };
    let catalogue = crate::sales::Catalogue::from_csv(REGIONS, &read(REGIONS)?, CITIES, &read(CITIES)?);
    catalogue.map(std::sync::Arc::new).map_err(SourceError::from)
}
