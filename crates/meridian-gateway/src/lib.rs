//! From sources to the feed: source → guard → tally → publish.

pub mod access;
pub mod assemble;
pub mod audit;
mod auditor;
pub mod budget;
pub mod class;
pub mod clock;
pub mod config;
mod connection;
pub mod desk;
pub mod gate;
pub mod guard;
pub mod hub;
pub mod intake;
pub mod journal;
mod keeper;
mod keeping;
pub mod limits;
pub mod live;
#[cfg(test)]
mod live_tests;
pub mod metrics;
mod names;
pub mod order_log;
pub mod orders;
pub mod play;
mod products;
pub mod proxy;
pub mod publisher;
pub mod record_log;
#[cfg(test)]
mod record_log_tests;
pub mod relay;
pub mod retraced;
pub mod scenario;
pub mod server;
pub mod source;
pub mod state;
pub mod storage;
#[cfg(test)]
mod storage_tests;
mod tls;

pub use assemble::{ServeArgs, SourceArgs};
pub use class::{DataClass, Internal, Privacy, PrivacyError, Public, Restricted};
pub use clock::Clock;
pub use connection::{SUBPROTOCOL_DESK, socket_limits};
pub use intake::Intake;
pub use keeping::Kept;
pub use live::{LiveDay, LiveSource};
pub use order_log::{OrderLog, Record};
pub use orders::{OrdersReport, OrdersSource};
pub use publisher::{PublishError, Publisher, Step};
pub use relay::relay;
pub use retraced::Retraced;
pub use scenario::ScenarioSource;
pub use server::{
    DeskAnswer, Gateway, GatewayConfig, GatewayControl, GatewayError, check_anonymous, serve, wall_ms,
};
pub use source::{Opening, ProductOpening, Pulled, Source, SourceError, curve_step_ms};
pub use state::{SavedState, State};
pub use tls::check_certificate;

/// The catalogue of regions and cities: the user's files if there are any, otherwise the shipped ones.
///
/// # Errors
/// [`SourceError::File`] when a file is missing, or naming the line and column of what is wrong in it.
pub fn load_catalogue() -> Result<std::sync::Arc<meridian_core::sales::Catalogue>, SourceError> {
    const REGIONS: &str = "assets/data/regions.csv";
    const CITIES: &str = "assets/data/cities.csv";
    let read = |path: &str| {
        meridian_core::files::read(path).map_err(|error| SourceError::File {
            file: path.to_owned(),
            problem: error.to_string(),
        })
    };
    let catalogue =
        meridian_core::sales::Catalogue::from_csv(REGIONS, &read(REGIONS)?, CITIES, &read(CITIES)?);
    catalogue.map(std::sync::Arc::new).map_err(SourceError::from)
}
