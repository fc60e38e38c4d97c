//! From sources to the feed: source → tally → publisher (with the guard) → gate → hubs. See `README.md` beside this folder.

pub mod assemble;
pub mod config;
pub mod operate;
pub mod privacy;
pub mod publish;
pub mod serve;
pub mod source;
pub mod store;

pub use assemble::{PlayArgs, ServeArgs, SourceArgs};
pub use operate::certificate::check_certificate;
pub use operate::state::{SavedState, State};
pub use publish::class::{DataClass, Internal, Privacy, PrivacyError, Restricted};
pub use publish::guard::Public;
pub use publish::publisher::{PublishError, Publisher, Step};
pub use serve::connection::{SUBPROTOCOL_DESK, socket_limits};
pub use serve::control::{DeskAnswer, GatewayControl};
pub use serve::relay::relay;
pub use serve::server::{Gateway, GatewayConfig, GatewayError, check_anonymous, serve};
pub use source::clock::{Clock, wall_ms};
pub use source::intake::Intake;
pub use source::live::{LiveDay, LiveSource};
pub use source::orders::{OrdersReport, OrdersSource};
pub use source::replay_log::ReplayLog;
pub use source::scenario::ScenarioSource;
pub use source::{Opening, ProductOpening, Pulled, Source, SourceError, curve_step_ms};
pub use store::keeping::Kept;
pub use store::order_log::{OrderLog, Record};

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
