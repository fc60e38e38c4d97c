//! A live day: what its file says of it, and its orders as they come in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::publish::class::{Privacy, Restricted};
use crate::source::day_file::{ComparisonTable, comparisons_of, info_of, milestones_of, named};
use crate::source::intake::{Gap, Intake};
use crate::source::{Opening, Pulled, Source, SourceError};
use crate::store::journal::JournalError;
use crate::store::notices;
use crate::store::order_log::{Begun, OrderLog, Record, Records};
use meridian_core::sales::category::MAX_CATEGORIES;
use meridian_core::sales::{Batch, Catalogue, Currency, EventMs, Kind, MAX_PRODUCTS};
use meridian_core::tally::Tally;
use meridian_wire::{DataClass, Day, Hello, Level, Mode, Names, Notice, ProductInfo, VERSION};

/// How long before a day's beginning its event time starts.
const COUNTDOWN_MS: i64 = 10_000;
/// Who joins a day within this begins with its beginning.
const FIRST_MINUTES_MS: i64 = 300_000;

/// A live day as it is written in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DayFile {
    title: Names,
    /// Whether orders are generated: then it says DEMO on screen.
    #[serde(default)]
    synthetic: bool,
    currency: Currency,
    gmv_counts: Kind,
    /// GMV values that are celebrated, in whole units of the currency.
    #[serde(default)]
    celebrate: Vec<i64>,
    day: DayTable,
    category: Vec<CategoryTable>,
    #[serde(default)]
    product: Vec<ProductTable>,
    #[serde(default)]
    comparison: Vec<ComparisonTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DayTable {
    /// RFC 3339; absent: the day that it is now.
    #[serde(default)]
    start: Option<String>,
    /// Where days begin at midnight, if no start is given.
    #[serde(default)]
    zone: Option<String>,
    #[serde(default = "whole_day")]
    hours: u32,
    /// How long after an order its batch may come and still count in its second's rate.
    #[serde(default = "two")]
    lag_s: u32,
    /// How long after the day's end batches are taken.
    #[serde(default = "minute")]
    late_s: u32,
    /// Without a batch for so long it is said that none comes.
    #[serde(default = "minute")]
    silent_s: u32,
}

fn whole_day() -> u32 {
    24
}

fn two() -> u32 {
    2
}

fn minute() -> u32 {
    60
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryTable {
    name: Names,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductTable {
    id: String,
    name: Names,
    category: String,
}

/// What a day's file says, worked out.
#[derive(Debug, Clone)]
pub struct LiveDay {
    hello: Hello,
    lag_ms: i64,
    late_ms: i64,
    silent_ms: i64,
    /// Whether the next day follows it.
    daily: bool,
    /// When it was read.
    read_ms: i64,
    /// What its log is called.
    log_name: String,
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
        if file.day.start.is_none() && file.day.hours != 24 {
            return Err(format!(
                "day.hours: {} needs a day.start: without one each day has 24",
                file.day.hours
            ));
        }
        if !(1..=72).contains(&file.day.hours) {
            return Err(format!(
                "day.hours: {} is out of range: 1 to 72 is possible",
                file.day.hours
            ));
        }
        for (key, seconds, most) in [
            ("lag_s", file.day.lag_s, 10),
            ("late_s", file.day.late_s, 86_400),
            ("silent_s", file.day.silent_s, 86_400),
        ] {
            if seconds > most {
                return Err(format!(
                    "day.{key}: {seconds} is out of range: 0 to {most} is possible"
                ));
            }
        }
        named(&file.title, "title")?;
        if file.category.is_empty() || file.category.len() > MAX_CATEGORIES {
            return Err(format!(
                "category: there are {}; 1 to {MAX_CATEGORIES} are needed",
                file.category.len()
            ));
        }
        let mut categories: Vec<Names> = Vec::new();
        for (number, category) in file.category.iter().enumerate() {
            named(&category.name, &format!("category[{number}].name"))?;
            if categories.iter().any(|earlier| earlier.en == category.name.en) {
                return Err(format!(
                    "category[{number}].name: {:?} is there twice",
                    category.name.en
                ));
            }
            categories.push(category.name.clone());
        }
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

    fn begun(&self, catalogue: &Catalogue, privacy: Privacy) -> Begun {
        Begun::new(
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
                format!("day.start: {start:?} is no instant ({error}): as in \"2026-11-11T00:00:00+08:00\"")
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
                format!("day.zone: {zone:?} is no time zone: one like \"Asia/Shanghai\" is needed")
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
            "product: {} of them; at most {MAX_PRODUCTS} are possible",
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

/// A live day's orders, as an [`Intake`] takes them.
#[derive(Debug)]
pub struct LiveSource {
    day: LiveDay,
    intake: Arc<Intake>,
    start_ms: EventMs,
    /// What of the log wasn't gone through yet.
    log: Option<Records>,
    /// Whether something of it is lost.
    gap: Gap,
    /// The step of the log that is to be gone through next.
    again_ms: Option<EventMs>,
    /// What the step under way takes.
    step: Restricted<Vec<Batch>>,
    notices: Vec<Notice>,
    now_ms: EventMs,
    /// When a batch came last.
    heard_ms: EventMs,
    silent: bool,
}

impl LiveSource {
    /// Opens a day. With a folder for its log a restart goes on where it was; `privacy` comes back with what the log
    /// was begun with.
    ///
    /// # Errors
    /// [`JournalError`] naming the log's file and what is wrong with it.
    pub fn open(
        day: LiveDay,
        folder: Option<&Path>,
        catalogue: &Catalogue,
        privacy: Privacy,
    ) -> Result<(Self, Privacy), JournalError> {
        let intake = Arc::new(Intake::new(&day.hello, catalogue, day.late_ms, day.daily));
        let now = day.begun(catalogue, privacy);
        let (begun, log) = match folder {
            Some(folder) => {
                meridian_core::files::private::make_folder(folder).map_err(|error| JournalError {
                    file: folder.display().to_string(),
                    problem: error.to_string(),
                })?;
                let (begun, log) = OrderLog::open(&day.log_in(folder), &now).map_err(as_written)?;
                (begun, Some(log))
            }
            None => {
                intake.open(None);
                (now, None)
            }
        };
        let source = Self {
            start_ms: begun.start_ms,
            now_ms: begun.start_ms,
            heard_ms: begun.start_ms,
            day,
            intake,
            log,
            gap: Gap::None,
            again_ms: None,
            step: Restricted::new(Vec::new()),
            notices: Vec::new(),
            silent: false,
        };
        Ok((source, privacy.with_seed(begun.seed)))
    }

    /// Where its batches come in.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// Where event time begins.
    pub fn start_ms(&self) -> EventMs {
        self.start_ms
    }

    /// Notes whether batches come, and says so when that changes.
    fn listen(&mut self, to_ms: EventMs) {
        let day = self.day.hello.day;
        let silent = if self.step.rows().is_empty() {
            let since_ms = self.heard_ms.max(day.start_ms);
            let open = (day.start_ms..day.end_ms).contains(&to_ms);
            self.silent || self.day.silent_ms > 0 && open && to_ms - since_ms >= self.day.silent_ms
        } else {
            self.heard_ms = to_ms;
            false
        };
        if silent == self.silent {
            return;
        }
        self.silent = silent;
        let seconds = self.day.silent_ms / 1_000;
        let (level, code, en, zh) = if silent {
            (
                Level::Warning,
                "source_silent",
                format!("No order or payment has come for {seconds} s: the figures stand where they were."),
                format!("已有 {seconds} 秒没有收到订单或支付，数据停留在此前的值。"),
            )
        } else {
            (
                Level::Info,
                "source_back",
                "Orders and payments come again.".to_owned(),
                "订单和支付已恢复接收。".to_owned(),
            )
        };
        self.notices.push(Notice {
            level,
            code: code.to_owned(),
            text: Names { en, zh },
            published_ms: 0,
        });
    }
}

/// A log has no privacy as k = 0, and configurations write 1.
fn as_written(error: JournalError) -> JournalError {
    let problem = error
        .problem
        .replace("with privacy.k 0, and", "with privacy.k 1 (off), and")
        .replace("now it is 0:", "now it is 1 (off):");
    JournalError { problem, ..error }
}

pub(crate) fn broken(error: &JournalError) -> SourceError {
    SourceError::File {
        file: error.file.clone(),
        problem: error.problem.clone(),
    }
}

/// What can't be written now, and perhaps soon.
pub(crate) fn waits(error: &JournalError) -> SourceError {
    SourceError::Waits {
        file: error.file.clone(),
        problem: error.problem.clone(),
    }
}

impl Source for LiveSource {
    fn hello(&self) -> Hello {
        self.day.hello.clone()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        // Nothing had happened before its beginning, and it never goes back.
        self.now_ms = self.now_ms.max(to_ms);
        Ok(Opening::default())
    }

    fn begin(&mut self, to_ms: EventMs) -> Result<(), SourceError> {
        if self.again_ms.take() != Some(to_ms) {
            let step = self.intake.step(to_ms).map_err(|error| waits(&error))?;
            self.step = Restricted::new(step);
        }
        self.listen(to_ms);
        Ok(())
    }

    fn again(&mut self) -> Result<Option<EventMs>, SourceError> {
        let Some(log) = &mut self.log else {
            return Ok(None);
        };
        while let Some(record) = log.next_record().map_err(|error| broken(&error))? {
            let wrong = |problem: String| SourceError::File {
                file: self.day.log_name.clone(),
                problem,
            };
            match record {
                Record::Batch(bytes) => self.intake.again(&bytes).map_err(wrong)?,
                // What stood there is missing in the figures; whoever sent it may send it again.
                Record::Damaged(damage) => {
                    self.gap = Gap::New;
                    let file = &self.day.log_name;
                    tracing::error!(file, %damage, "the order log is damaged: what stood there isn't counted");
                }
                Record::Step { to_ms, batches } => {
                    let gap = self.gap;
                    self.gap = gap.after();
                    let step = self.intake.step_again(to_ms, batches, gap).ok_or_else(|| {
                        wrong(format!("a step takes {batches} batches, more than there were"))
                    })?;
                    self.step = Restricted::new(step);
                    self.again_ms = Some(to_ms);
                    return Ok(Some(to_ms));
                }
            }
        }
        let torn_bytes = log.torn_bytes();
        if torn_bytes > 0 {
            tracing::warn!(
                file = self.day.log_name,
                bytes = torn_bytes,
                "the order log's last record was torn: whoever sent it wasn't told that it was counted"
            );
        }
        let damaged_bytes = log.damaged_bytes();
        if damaged_bytes > 0 {
            self.intake.damaged(damaged_bytes);
            self.notices.push(notices::damaged());
        }
        if let Some(log) = self.log.take() {
            self.intake
                .open(Some(log.into_log().map_err(|error| broken(&error))?));
        }
        Ok(None)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        let step = std::mem::replace(&mut self.step, Restricted::new(Vec::new()));
        out.batches.extend(step.into_rows());
        out.notices.append(&mut self.notices);
        self.now_ms = to_ms;
        Ok(())
    }

    fn ended(&self) -> bool {
        // Not before everything that came was counted.
        self.now_ms >= self.day.hello.day.end_ms + self.day.late_ms && self.intake.is_closed()
    }

    fn lag_ms(&self) -> i64 {
        self.day.lag_ms
    }

    fn is_live(&self) -> bool {
        true
    }

    fn late_ms(&self) -> i64 {
        self.day.late_ms
    }

    fn waits(&self) -> bool {
        self.again_ms.is_some() || self.intake.waits()
    }
}

#[cfg(test)]
pub(crate) mod tests;
