//! The 235 regions and their cities, from two CSV files, validated.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::money::Currency;

/// The number of a region: its row in the catalogue, 0 to 234 for the shipped one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RegionId(pub u8);

/// The number of a place: its row in the catalogue's list of cities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PlaceId(pub u16);

/// A country or region. Angles in degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// ISO 3166-1 alpha-2 code.
    pub iso2: String,
    /// ISO 3166-1 alpha-3 code.
    pub iso3: String,
    /// English name.
    pub name_en: String,
    /// Simplified Chinese name.
    pub name_zh: String,
    /// Latitude of the representative point (its chief city).
    pub lat: f64,
    /// Longitude of the representative point.
    pub lon: f64,
    /// Latitude at which the name stands.
    pub label_lat: f64,
    /// Longitude at which the name stands.
    pub label_lon: f64,
    /// UN M49 sub-region, in English.
    pub subregion: String,
    /// Continent, in English.
    pub continent_en: String,
    /// Continent, in Chinese.
    pub continent_zh: String,
    /// Offset from UTC on 11 November 2016, in minutes.
    pub utc_offset_min: i32,
    /// Population.
    pub population: u64,
    /// GDP at purchasing-power parity, in US dollars.
    pub gdp_ppp_usd: f64,
    /// Currency code.
    pub currency: Currency,
    /// The region's cities: a range of place numbers, largest first.
    pub places: std::ops::Range<u16>,
}

/// A city, at which lights appear. Angles in degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The region it lies in.
    pub region: RegionId,
    /// Its name in Latin letters.
    pub name: String,
    /// Latitude.
    pub lat: f32,
    /// Longitude.
    pub lon: f32,
    /// Population.
    pub population: u32,
}

/// The regions and places that a feed and its displays agree on.
#[derive(Debug, Clone)]
pub struct Catalogue {
    regions: Vec<Region>,
    places: Vec<Place>,
    by_iso2: HashMap<String, RegionId>,
    hash: String,
}

/// Why a catalogue was refused. Lines count from 1, the header included.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CatalogueError {
    /// A row that can't be read, or a value that is wrong.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Row {
        /// The file's name.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column name.
        column: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The file as a whole is wrong.
    #[error("{file}: {problem}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

#[derive(Deserialize)]
struct RegionRow {
    iso2: String,
    iso3: String,
    name_en: String,
    name_zh: String,
    lat: f64,
    lon: f64,
    label_lat: f64,
    label_lon: f64,
    m49_subregion_name: String,
    continent_en: String,
    continent_zh: String,
    utc_min_20161111: i32,
    population: u64,
    gdp_ppp_usd: f64,
    currency: String,
}

#[derive(Deserialize)]
struct CityRow {
    iso2: String,
    name: String,
    lat: f64,
    lon: f64,
    population: u32,
}

/// Reads CSV rows into `T`, with each failure named by line and column.
fn rows<T: for<'de> Deserialize<'de>>(file: &str, bytes: &[u8]) -> Result<Vec<(u64, T)>, CatalogueError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader
        .headers()
        .map_err(|error| CatalogueError::File {
            file: file.to_owned(),
            problem: error.to_string(),
        })?
        .clone();
    let mut out = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| CatalogueError::File {
            file: file.to_owned(),
            problem: error.to_string(),
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = record
            .deserialize::<T>(Some(&headers))
            .map_err(|error| match error.kind() {
                csv::ErrorKind::Deserialize { err, .. } => CatalogueError::Row {
                    file: file.to_owned(),
                    line,
                    column: err
                        .field()
                        .and_then(|field| usize::try_from(field).ok())
                        .and_then(|field| headers.get(field))
                        .unwrap_or("?")
                        .to_owned(),
                    problem: err.kind().to_string(),
                },
                _ => CatalogueError::File {
                    file: file.to_owned(),
                    problem: error.to_string(),
                },
            })?;
        out.push((line, row));
    }
    Ok(out)
}

impl RegionRow {
    /// Holds a row against what a region can be; `Err` has the column and what would be right.
    fn check(&self) -> Result<Currency, (&'static str, String)> {
        let is_code =
            |code: &str, len: usize| code.len() == len && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_code(&self.iso2, 2) {
            let problem = format!(
                "{:?} is no ISO 3166-1 alpha-2 code: two capital letters are needed, as in \"CN\"",
                self.iso2
            );
            return Err(("iso2", problem));
        }
        if !is_code(&self.iso3, 3) {
            let problem = format!(
                "{:?} is no ISO 3166-1 alpha-3 code: three capital letters are needed, as in \"CHN\"",
                self.iso3
            );
            return Err(("iso3", problem));
        }
        for (column, value, bound) in [
            ("lat", self.lat, 90.0),
            ("lon", self.lon, 180.0),
            ("label_lat", self.label_lat, 90.0),
            ("label_lon", self.label_lon, 180.0),
        ] {
            if !(-bound..=bound).contains(&value) {
                return Err((column, format!("{value} is outside −{bound} to {bound} degrees")));
            }
        }
        for (column, value) in [("name_en", &self.name_en), ("name_zh", &self.name_zh)] {
            if value.trim().is_empty() {
                return Err((column, "a name is needed".to_owned()));
            }
        }
        if !(-720..=840).contains(&self.utc_min_20161111) {
            let problem = format!("{} is outside −720 to 840 minutes", self.utc_min_20161111);
            return Err(("utc_min_20161111", problem));
        }
        Currency::from_code(&self.currency).map_err(|error| ("currency", error.to_string()))
    }
}

/// The regions, without their places, and their numbers by code.
fn read_regions(file: &str, csv: &[u8]) -> Result<(Vec<Region>, HashMap<String, RegionId>), CatalogueError> {
    let mut regions: Vec<Region> = Vec::new();
    let mut by_iso2 = HashMap::new();
    for (line, row) in rows::<RegionRow>(file, csv)? {
        let wrong = |(column, problem): (&str, String)| CatalogueError::Row {
            file: file.to_owned(),
            line,
            column: column.to_owned(),
            problem,
        };
        let currency = row.check().map_err(wrong)?;
        let id = u8::try_from(regions.len())
            .ok()
            .filter(|id| *id != u8::MAX)
            .ok_or_else(|| wrong(("iso2", "there can be at most 255 regions".to_owned())))?;
        if by_iso2.insert(row.iso2.clone(), RegionId(id)).is_some() {
            return Err(wrong(("iso2", format!("{:?} appears twice", row.iso2))));
        }
        regions.push(Region {
            iso2: row.iso2,
            iso3: row.iso3,
            name_en: row.name_en,
            name_zh: row.name_zh,
            lat: row.lat,
            lon: row.lon,
            label_lat: row.label_lat,
            label_lon: row.label_lon,
            subregion: row.m49_subregion_name,
            continent_en: row.continent_en,
            continent_zh: row.continent_zh,
            utc_offset_min: row.utc_min_20161111,
            population: row.population,
            gdp_ppp_usd: row.gdp_ppp_usd,
            currency,
            places: 0..0,
        });
    }
    if regions.is_empty() {
        return Err(CatalogueError::File {
            file: file.to_owned(),
            problem: "no region in it".to_owned(),
        });
    }
    Ok((regions, by_iso2))
}

/// The places, each region's together and the largest first; tells the regions which are theirs.
fn read_places(
    file: &str,
    csv: &[u8],
    regions_file: &str,
    regions: &mut [Region],
    by_iso2: &HashMap<String, RegionId>,
) -> Result<Vec<Place>, CatalogueError> {
    let mut grouped: Vec<Vec<Place>> = vec![Vec::new(); regions.len()];
    let mut count = 0_usize;
    for (line, row) in rows::<CityRow>(file, csv)? {
        let wrong = |column: &str, problem: String| CatalogueError::Row {
            file: file.to_owned(),
            line,
            column: column.to_owned(),
            problem,
        };
        let Some(&region) = by_iso2.get(&row.iso2) else {
            let problem = format!("{:?} isn't a region of {regions_file}", row.iso2);
            return Err(wrong("iso2", problem));
        };
        for (column, value, bound) in [("lat", row.lat, 90.0), ("lon", row.lon, 180.0)] {
            if !(-bound..=bound).contains(&value) {
                return Err(wrong(
                    column,
                    format!("{value} is outside −{bound} to {bound} degrees"),
                ));
            }
        }
        count += 1;
        if count > usize::from(u16::MAX) {
            return Err(wrong("name", "there can be at most 65,535 places".to_owned()));
        }
        if let Some(group) = grouped.get_mut(usize::from(region.0)) {
            group.push(Place {
                region,
                name: row.name,
                lat: row.lat as f32,
                lon: row.lon as f32,
                population: row.population,
            });
        }
    }
    let mut places = Vec::with_capacity(count);
    for (region, mut group) in regions.iter_mut().zip(grouped) {
        if group.is_empty() {
            return Err(CatalogueError::File {
                file: file.to_owned(),
                problem: format!(
                    "no city in {} ({}): each region needs at least one",
                    region.iso2, region.name_en
                ),
            });
        }
        group.sort_by(|a, b| b.population.cmp(&a.population).then_with(|| a.name.cmp(&b.name)));
        let start = places.len() as u16;
        places.append(&mut group);
        region.places = start..places.len() as u16;
    }
    Ok(places)
}

impl Catalogue {
    /// Builds the catalogue from the two files' bytes; `*_file` are their names, for errors.
    ///
    /// # Errors
    /// [`CatalogueError`] naming line and column of the first row that is wrong.
    pub fn from_csv(
        regions_file: &str,
        regions_csv: &[u8],
        cities_file: &str,
        cities_csv: &[u8],
    ) -> Result<Self, CatalogueError> {
        let (mut regions, by_iso2) = read_regions(regions_file, regions_csv)?;
        let places = read_places(cities_file, cities_csv, regions_file, &mut regions, &by_iso2)?;
        let mut hasher = Sha256::new();
        hasher.update(regions_csv);
        hasher.update([0]);
        hasher.update(cities_csv);
        let hash: String = hasher
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            regions,
            places,
            by_iso2,
            hash,
        })
    }

    /// Every region, by number.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Every place, by number; a region's places stand together, largest first.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// A region by number.
    pub fn region(&self, id: RegionId) -> Option<&Region> {
        self.regions.get(usize::from(id.0))
    }

    /// A place by number.
    pub fn place(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(usize::from(id.0))
    }

    /// A region by ISO 3166-1 alpha-2 code (capital letters).
    pub fn by_iso2(&self, iso2: &str) -> Option<RegionId> {
        self.by_iso2.get(iso2).copied()
    }

    /// The region of each place, by place number: the look-up of the counting loop.
    pub fn region_of_place(&self) -> Vec<u8> {
        self.places.iter().map(|place| place.region.0).collect()
    }

    /// 16 hexadecimal digits that change with any byte of the two files.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}
