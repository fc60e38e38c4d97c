//! A live day, checked and resolved from its file.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use super::file::{CategoryTable, DayFile, DayTable, ProductTable};
use crate::privacy::Privacy;
use crate::source::SourceError;
use crate::source::day_file::{comparisons_of, info_of, milestones_of, named};
use crate::store::journal::JournalError;
use crate::store::order_log::{LogHead, OrderLog};
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::{Catalogue, Currency, EventMs, MAX_PRODUCTS};
use meridian_core::tally::Tally;
use meridian_wire::{DataClass, Day, Hello, Mode, Names, ProductInfo, VERSION};

/// How long before a day's beginning its event time starts.
const COUNTDOWN_MS: i64 = 10_000;
/// Who joins a day within this begins with its beginning.
const FIRST_MINUTES_MS: i64 = 300_000;

/// A live day as its file describes it, checked and resolved.
#[derive(Debug, Clone)]
pub struct LiveDay {
    pub(super) hello: Hello,
    pub(super) lag_ms: i64,
    pub(super) late_ms: i64,
    pub(super) silent_ms: i64,
    /// Whether the next day follows it.
    pub(super) daily: bool,
    /// When it was read.
    read_ms: i64,
    /// What its log is called.
    pub(super) log_name: String,
}

impl LiveDay {
    /// Reads a file; without a start in it, the day is that of an instant of the wall clock.
    ///
    /// # Errors
    /// [`SourceError`] naming the file, the key and what would be right.
    pub fn read(path: &Path, catalogue: &Catalogue, now_ms: i64) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let wrong = |problem: String| SourceError::File {
            file: name.clone(),
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            wrong(format!(
                "can't be read: {error}; the file of a live day is needed, as config/live-day.toml explains it"
            ))
        })?;
        Self::parse(&text, catalogue, now_ms).map_err(wrong)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// The key, what is wrong with it and what would be right.
    pub fn parse(text: &str, catalogue: &Catalogue, now_ms: i64) -> Result<Self, String> {
        let file: DayFile = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        let (start_ms, end_ms, utc_offset_min, log_name) = span_of(&file.day, now_ms)?;
        check_day(&file.day)?;
        named(&file.title, "title")?;
        let categories = categories_of(&file.category)?;
        let products = products_of(&file.product, &categories)?;
        let hello = Hello {
            version: VERSION,
            server: String::new(),
            mode: if file.synthetic { Mode::Demo } else { Mode::Live },
            synthetic: file.synthetic,
            title: file.title.clone(),
            currency: file.currency,
            gmv_counts: file.gmv_counts,
            speed: 1.0,
            catalogue: catalogue.hash().to_owned(),
            categories,
            day: Day {
                start_ms,
                end_ms,
                utc_offset_min,
            },
            comparisons: comparisons_of(&file.comparison, file.currency)?,
            milestones_minor: milestones_of(&file.celebrate, file.currency)?,
            products,
            class: DataClass::Public,
            key: None,
            published_ms: None,
            k: None,
        };
        Ok(Self {
            hello,
            lag_ms: i64::from(file.day.lag_s) * 1_000,
            late_ms: i64::from(file.day.late_s) * 1_000,
            silent_ms: i64::from(file.day.silent_s) * 1_000,
            daily: file.day.start.is_none(),
            read_ms: now_ms,
            log_name,
        })
    }

    /// Where event time begins: before the day, or when it is joined later than its first minutes, whose orders may still come.
    /// Without that the first orders would count as spread over all of the day until then.
    pub fn start_ms(&self) -> EventMs {
        let day = self.hello.day;
        if self.read_ms > day.start_ms + FIRST_MINUTES_MS {
            (self.read_ms - self.read_ms.rem_euclid(1_000)).min(day.end_ms)
        } else {
            day.start_ms - COUNTDOWN_MS
        }
    }

    /// The day's own first instant.
    pub fn day_start_ms(&self) -> EventMs {
        self.hello.day.start_ms
    }

    /// Whether the next day follows it: its file says no start.
    pub fn is_daily(&self) -> bool {
        self.daily
    }

    /// Its log in a folder.
    pub fn log_in(&self, folder: &Path) -> PathBuf {
        folder.join(&self.log_name)
    }

    /// Whether a log of it, where there is one, can be gone on from with this privacy. Nothing is changed.
    ///
    /// # Errors
    /// [`JournalError`] saying what it was begun with.
    pub fn fits(&self, log: &Path, catalogue: &Catalogue, privacy: Privacy) -> Result<(), JournalError> {
        if !log.exists() {
            return Ok(());
        }
        let now = self.begun(catalogue, privacy);
        OrderLog::look_with(log, Some(&now))
            .map(|_| ())
            .map_err(as_written)
    }

    pub(super) fn begun(&self, catalogue: &Catalogue, privacy: Privacy) -> LogHead {
        LogHead::new(
            &self.fingerprint(),
            catalogue.hash(),
            self.start_ms(),
            privacy.k(),
        )
    }

    /// A tally of its shape.
    pub fn tally(&self, catalogue: &Catalogue) -> Tally {
        Tally::new(
            catalogue.region_of_place(),
            catalogue.regions().len(),
            self.hello.categories.len(),
            self.hello.gmv_counts,
        )
        .with_products(self.hello.products.len())
    }

    /// What amounts are in.
    pub fn currency(&self) -> Currency {
        self.hello.currency
    }

    /// The day's name, for people.
    pub fn title(&self) -> &Names {
        &self.hello.title
    }

    /// What a state is known by.
    pub fn name(&self) -> String {
        format!("live {}", self.log_name)
    }

    /// A hash of everything that counting depends on.
    fn fingerprint(&self) -> String {
        let hello = &self.hello;
        let names: Vec<&str> = hello.categories.iter().map(|names| names.en.as_str()).collect();
        let products: Vec<(&str, u8)> = hello
            .products
            .iter()
            .map(|product| (product.id.as_str(), product.category))
            .collect();
        let all = serde_json::json!([
            hello.day.start_ms,
            hello.day.end_ms,
            hello.currency,
            hello.gmv_counts,
            hello.milestones_minor,
            names,
            products,
            self.lag_ms,
            self.late_ms,
            hello.synthetic,
        ]);
        let hash = Sha256::digest(all.to_string().as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Checks the numbers of a day.
fn check_day(day: &DayTable) -> Result<(), String> {
    if day.start.is_none() && day.hours != 24 {
        return Err(format!(
            "day.hours: {} needs a day.start: without one each day has 24",
            day.hours
        ));
    }
    if !(1..=72).contains(&day.hours) {
        return Err(format!(
            "day.hours: {} is out of range: it must be 1 to 72",
            day.hours
        ));
    }
    for (key, seconds, most) in [
        ("lag_s", day.lag_s, 10),
        ("late_s", day.late_s, 86_400),
        ("silent_s", day.silent_s, 86_400),
    ] {
        if seconds > most {
            return Err(format!(
                "day.{key}: {seconds} is out of range: it must be 0 to {most}"
            ));
        }
    }
    Ok(())
}

/// The names of the categories.
fn categories_of(tables: &[CategoryTable]) -> Result<Vec<Names>, String> {
    if tables.is_empty() || tables.len() > MAX_CATEGORIES {
        return Err(format!(
            "category: there are {}; 1 to {MAX_CATEGORIES} are needed",
            tables.len()
        ));
    }
    let mut categories: Vec<Names> = Vec::new();
    for (number, category) in tables.iter().enumerate() {
        named(&category.name, &format!("category[{number}].name"))?;
        if categories.iter().any(|earlier| earlier.en == category.name.en) {
            return Err(format!(
                "category[{number}].name: {:?} appears twice",
                category.name.en
            ));
        }
        categories.push(category.name.clone());
    }
    Ok(categories)
}

/// The day's first instant and its end, its offset from UTC in minutes, and the name of its log.
fn span_of(day: &DayTable, now_ms: i64) -> Result<(EventMs, EventMs, i32, String), String> {
    let name = |local: chrono::NaiveDateTime| {
        let midnight = local.time() == chrono::NaiveTime::MIN;
        let form = if midnight { "%Y-%m-%d" } else { "%Y-%m-%dT%H%M" };
        format!("{}.orders", local.format(form))
    };
    match (&day.start, &day.zone) {
        (Some(_), Some(_)) => {
            Err("day: a start has its own offset from UTC: leave out start or zone".to_owned())
        }
        (Some(start), None) => {
            let at = DateTime::parse_from_rfc3339(start).map_err(|error| {
                format!(
                    "day.start: {start:?} isn't an instant ({error}): as in \"2026-11-11T00:00:00+08:00\""
                )
            })?;
            let start_ms = at.timestamp_millis();
            if start_ms % 60_000 != 0 {
                return Err(format!("day.start: {start:?}: it has to begin with a minute"));
            }
            Ok((
                start_ms,
                start_ms + i64::from(day.hours) * 3_600_000,
                at.offset().local_minus_utc() / 60,
                name(at.naive_local()),
            ))
        }
        (None, zone) => {
            let zone = zone.as_deref().unwrap_or("UTC");
            let tz: Tz = zone.parse().map_err(|_| {
                format!("day.zone: {zone:?} isn't a time zone: one like \"Asia/Shanghai\" is needed")
            })?;
            let now = tz
                .timestamp_millis_opt(now_ms)
                .earliest()
                .ok_or_else(|| "day: the clock is out of range".to_owned())?;
            let start = first_of(&tz, now.date_naive())
                .ok_or_else(|| "day: it has no beginning in this zone".to_owned())?;
            // 23 or 25 hours where clocks are changed.
            let end = now
                .date_naive()
                .succ_opt()
                .and_then(|next| first_of(&tz, next))
                .ok_or_else(|| "day: it has no end in this zone".to_owned())?;
            let offset_min = start.offset().fix().local_minus_utc() / 60;
            Ok((
                start.timestamp_millis(),
                end.timestamp_millis(),
                offset_min,
                name(start.naive_local()),
            ))
        }
    }
}

/// A date's first instant: some zones skip midnight when their clocks go forward.
fn first_of(tz: &Tz, date: chrono::NaiveDate) -> Option<DateTime<Tz>> {
    (0..24 * 4)
        .filter_map(|quarter| date.and_hms_opt(quarter / 4, quarter % 4 * 15, 0))
        .find_map(|local| tz.from_local_datetime(&local).earliest())
}

fn products_of(tables: &[ProductTable], categories: &[Names]) -> Result<Vec<ProductInfo>, String> {
    if tables.len() > MAX_PRODUCTS {
        return Err(format!(
            "product: {} of them; there can be at most {MAX_PRODUCTS}",
            tables.len()
        ));
    }
    let mut products: Vec<ProductInfo> = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let said = (table.id.as_str(), &table.name, table.category.as_str());
        products.push(info_of(
            &format!("product[{number}]"),
            said,
            categories.iter(),
            &products,
        )?);
    }
    Ok(products)
}

/// A log has no privacy as k = 0, and configurations write 1.
pub(super) fn as_written(error: JournalError) -> JournalError {
    let problem = error
        .problem
        .replace("with privacy.k 0, and", "with privacy.k 1 (off), and")
        .replace("now it is 0:", "now it is 1 (off):");
    JournalError { problem, ..error }
}
