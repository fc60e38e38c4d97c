//! From the command line to a publisher: the same for the gateway and for the display.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::SourceConfig;
use crate::config::values::{parse_listen, parse_speed, parse_start};
use crate::{
    OrdersSource, PublishError, Publisher, SavedState, ScenarioSource, Source, SourceError, wall_ms,
};
use meridian_core::sales::{Catalogue, EventMs};

/// Which day is shown: a scenario, or a real shop's orders.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SourceArgs {
    /// The day: a scenario's name or file; double11-2016 unless anything else is given.
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    /// A real shop's orders (CSV or NDJSON), played instead of a scenario.
    #[arg(long, value_name = "FILE", requires = "mapping")]
    pub orders: Option<PathBuf>,
    /// What the columns of --orders mean: a file, or a shipped mapping's name.
    #[arg(long, value_name = "NAME|FILE", requires = "orders")]
    pub mapping: Option<String>,
}

/// Which day is played, from when and how fast.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlayArgs {
    /// The day.
    #[command(flatten)]
    pub source: SourceArgs,
    /// When to begin on the day's clock, as in 00:06:58; negative is before midnight. Without it, ten seconds before the day.
    #[arg(long, value_name = "HH:MM:SS", value_parser = parse_start, allow_hyphen_values = true)]
    pub start: Option<i64>,
    /// How fast the day runs: 1 to 3600.
    #[arg(long, value_name = "N", value_parser = parse_speed)]
    pub speed: Option<f64>,
}

/// How long before the day's start playing begins by default.
const COUNTDOWN_MS: i64 = 10_000;

impl SourceArgs {
    /// Opens the source.
    ///
    /// # Errors
    /// [`SourceError`] naming the file and what is wrong in it.
    pub fn open(&self, catalogue: &Arc<Catalogue>) -> Result<Box<dyn Source>, SourceError> {
        if let (Some(orders), Some(mapping)) = (&self.orders, &self.mapping) {
            return Ok(Box::new(OrdersSource::open(
                orders,
                mapping,
                Arc::clone(catalogue),
            )?));
        }
        Ok(Box::new(ScenarioSource::load(
            self.scenario(),
            Arc::clone(catalogue),
        )?))
    }

    /// The source's name in the state file.
    pub fn name(&self) -> String {
        match &self.orders {
            Some(orders) => orders.display().to_string(),
            None => self.scenario().to_owned(),
        }
    }

    /// The scenario: the one that is given, or the default.
    pub fn scenario(&self) -> &str {
        self.scenario.as_deref().unwrap_or("double11-2016")
    }

    /// Whether the command line names a day at all.
    pub fn is_given(&self) -> bool {
        self.scenario.is_some() || self.orders.is_some()
    }
}

impl PlayArgs {
    /// How fast the day runs.
    pub fn speed(&self) -> f64 {
        self.speed.unwrap_or(1.0)
    }

    /// Fills in from a configuration what the command line leaves open.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub fn or(self, config: &SourceConfig) -> Result<Self, String> {
        let given = self.source.is_given();
        let start = config.start.as_deref().map(parse_start).transpose()?;
        let SourceArgs {
            scenario,
            orders,
            mapping,
        } = self.source;
        Ok(Self {
            source: SourceArgs {
                scenario: scenario.or_else(|| config.scenario.clone().filter(|_| !given)),
                orders: orders.or_else(|| config.orders.clone().filter(|_| !given)),
                mapping: mapping.or_else(|| config.mapping.clone().filter(|_| !given)),
            },
            start: self.start.or(start),
            speed: self.speed.or(config.speed),
        })
    }

    /// The instant to begin at: where a gateway that was stopped would be now, or as asked.
    pub fn start_ms(&self, source: &dyn Source, saved: Option<&SavedState>) -> EventMs {
        let day = source.hello().day;
        match saved {
            Some(saved) if saved.source == self.source.name() => saved.event_ms_at(wall_ms()).min(day.end_ms),
            _ => day.start_ms + self.start.unwrap_or(-COUNTDOWN_MS),
        }
    }

    /// Opens the source and counts what happened before the start.
    ///
    /// # Errors
    /// [`PublishError`] naming the file and what is wrong in it.
    pub fn publisher(
        &self,
        catalogue: &Arc<Catalogue>,
        saved: Option<&SavedState>,
    ) -> Result<Publisher, PublishError> {
        let source = self.source.open(catalogue)?;
        let start_ms = self.start_ms(source.as_ref(), saved);
        Publisher::new(source, Arc::clone(catalogue), start_ms, self.speed())
    }
}

/// Where a standalone gateway listens and what it keeps.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeArgs {
    /// Where to listen; 127.0.0.1:9016 unless the configuration says otherwise.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_listen)]
    pub listen: Option<std::net::SocketAddr>,
    /// Serve other machines without TLS, when --listen is no loopback address.
    #[arg(long)]
    pub allow_remote: bool,
    /// Keep the state here, so that a restart goes on where the day would be now.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// A live day, whose orders are sent to the gateway: config/live-day.toml explains its file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "orders", "mapping", "start", "speed", "upstream"])]
    pub live: Option<PathBuf>,
    /// Log the live day's orders in this folder, so that a restart counts them again.
    #[arg(long, value_name = "FOLDER", requires = "live")]
    pub order_log: Option<PathBuf>,
    /// Pass on the feed of another gateway.
    #[arg(long, value_name = "ws[s]://HOST:PORT", conflicts_with_all = ["scenario", "orders", "mapping", "start", "speed"])]
    pub upstream: Option<String>,
}
