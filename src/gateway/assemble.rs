//! From the command line to a publisher: the same for the gateway and for the display.

use std::path::PathBuf;
use std::sync::Arc;

use super::{PublishError, Publisher, SavedState, ScenarioSource, Source, SourceError, wall_ms};
use crate::sales::{Catalogue, EventMs};

/// What is to be shown, and from when.
#[derive(Debug, Clone, clap::Args)]
pub struct SourceArgs {
    /// The day: a scenario's name or file.
    #[arg(long, default_value = "double11-2016", value_name = "NAME|FILE")]
    pub scenario: String,
    /// A real shop's orders (CSV or NDJSON), played instead of a scenario.
    #[arg(long, value_name = "FILE", requires = "mapping")]
    pub orders: Option<PathBuf>,
    /// What the columns of --orders mean: a file, or a shipped mapping's name.
    #[arg(long, value_name = "NAME|FILE", requires = "orders")]
    pub mapping: Option<String>,
    /// Time of the day to begin at, as in 00:06:58; without it, ten seconds before the day.
    #[arg(long, value_name = "HH:MM:SS", value_parser = parse_time_of_day)]
    pub start: Option<i64>,
    /// How fast the day runs: 1 to 3600.
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = parse_speed)]
    pub speed: f64,
}

/// How long before the day's beginning it starts unless told otherwise.
const COUNTDOWN_MS: i64 = 10_000;

/// Milliseconds into the day, from a time of day.
///
/// # Errors
/// What would be right.
pub fn parse_time_of_day(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no time of day: 00:00:00 to 23:59:59 is needed, as in 00:06:58");
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: Option<&&str>, most: i64| -> Result<i64, String> {
        part.filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|part| part.parse().ok())
            .filter(|value| *value <= most)
            .ok_or_else(wrong)
    };
    if !(2..=3).contains(&parts.len()) {
        return Err(wrong());
    }
    let hours = number(parts.first(), 23)?;
    let minutes = number(parts.get(1), 59)?;
    let seconds = if parts.len() == 3 {
        number(parts.get(2), 59)?
    } else {
        0
    };
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000)
}

/// A speed.
///
/// # Errors
/// What would be right.
pub fn parse_speed(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|speed| (1.0..=3600.0).contains(speed))
        .ok_or_else(|| format!("{text:?} is no speed: a number from 1 to 3600 is needed"))
}

impl SourceArgs {
    /// Opens the source.
    ///
    /// # Errors
    /// [`SourceError`] naming the file and what is wrong in it.
    pub fn open(&self, catalogue: &Arc<Catalogue>) -> Result<Box<dyn Source>, SourceError> {
        if let (Some(orders), Some(mapping)) = (&self.orders, &self.mapping) {
            return Ok(Box::new(super::OrdersSource::open(
                orders,
                mapping,
                Arc::clone(catalogue),
            )?));
        }
        Ok(Box::new(ScenarioSource::load(
            &self.scenario,
            Arc::clone(catalogue),
        )?))
    }

    /// What a state file calls this source.
    pub fn name(&self) -> String {
        match &self.orders {
            Some(orders) => orders.display().to_string(),
            None => self.scenario.clone(),
        }
    }

    /// The instant to begin at: where a gateway that was stopped would be now, or as asked.
    pub fn start_ms(&self, source: &dyn Source, saved: Option<&SavedState>) -> EventMs {
        let day = source.hello().day;
        match saved {
            Some(saved) if saved.scenario == self.name() => saved.event_ms_at(wall_ms()).min(day.end_ms),
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
        let source = self.open(catalogue)?;
        let start_ms = self.start_ms(source.as_ref(), saved);
        Publisher::new(source, Arc::clone(catalogue), start_ms, self.speed)
    }
}

/// Where a standalone gateway listens and what it keeps.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9016", value_name = "ADDRESS")]
    pub listen: std::net::SocketAddr,
    /// Serve other machines too, when --listen is no loopback address.
    #[arg(long)]
    pub allow_remote: bool,
    /// Keep the state here, so that a restart goes on where the day would be now.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}
