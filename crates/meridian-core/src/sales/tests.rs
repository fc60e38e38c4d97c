use proptest::prelude::*;

use super::*;

const HEADER: &str = "iso2,iso3,name_en,name_zh,lat,lon,label_lat,label_lon,m49_subregion_name,continent_en,\
                      continent_zh,utc_min_20161111,population,gdp_ppp_usd,currency\n";
const ANDORRA: &str =
    "AD,AND,Andorra,安道尔,42.5,1.5,42.5,1.5,Southern Europe,Europe,欧洲,60,85370,5168000000,EUR\n";
const CITIES: &str =
    "iso2,name,lat,lon,population\nAD,les Escaldes,42.5,1.53,15853\nAD,Andorra la Vella,42.5,1.52,20430\n";

fn read(regions: &str, cities: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::from_csv("regions.csv", regions.as_bytes(), "cities.csv", cities.as_bytes())
}

fn refused(regions: &str, cities: &str, words: &[&str]) {
    let error = read(regions, cities).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{error:?} doesn't say {word:?}");
    }
}

#[test]
fn a_catalogue_of_one_region() {
    let catalogue = read(&format!("{HEADER}{ANDORRA}"), CITIES).unwrap();
    let region = catalogue.region(catalogue.by_iso2("AD").unwrap()).unwrap();
    assert_eq!(region.places, 0..2);
    assert_eq!(
        catalogue.place(PlaceId(0)).unwrap().name,
        "Andorra la Vella",
        "largest first"
    );
    assert_eq!(catalogue.region_of_place(), [0, 0]);
    let other = read(&format!("{HEADER}{ANDORRA}"), &CITIES.replace("20430", "20431")).unwrap();
    assert_ne!(catalogue.hash(), other.hash());
}

#[test]
fn the_shipped_catalogue_has_235_regions_and_every_place_in_one() {
    let [regions, cities] = ["assets/data/regions.csv", "assets/data/cities.csv"];
    let bytes = |path| crate::files::read(path).unwrap();
    let catalogue = Catalogue::from_csv(regions, &bytes(regions), cities, &bytes(cities)).unwrap();
    assert_eq!(catalogue.regions().len(), 235);
    assert_eq!(catalogue.places().len(), 33_612);
    for (number, region) in catalogue.regions().iter().enumerate() {
        assert!(!region.places.is_empty(), "{}", region.iso2);
        for place in region.places.clone() {
            assert_eq!(
                usize::from(catalogue.place(PlaceId(place)).unwrap().region.0),
                number
            );
        }
        assert_eq!(usize::from(catalogue.by_iso2(&region.iso2).unwrap().0), number);
    }
}

#[test]
fn a_wrong_row_is_named_by_line_and_column() {
    let with = |from: &str, to: &str| {
        assert!(ANDORRA.contains(from));
        let second = ANDORRA.replacen("AD,AND", "AE,ARE", 1);
        let wrong = if from.starts_with("AD") {
            ANDORRA.replacen(from, to, 1)
        } else {
            second.replacen(from, to, 1)
        };
        let first = if from.starts_with("AD") {
            ANDORRA.replacen("AD,AND", "AE,ARE", 1)
        } else {
            ANDORRA.to_owned()
        };
        format!("{HEADER}{first}{wrong}")
    };
    for (from, to, words) in [
        (
            "AD,",
            "ad,",
            ["regions.csv, line 3", "column iso2", "capital letters"],
        ),
        (
            "AD,AND",
            "AD,AN",
            ["regions.csv, line 3", "column iso3", "three capital"],
        ),
        ("42.5", "142.5", ["regions.csv, line 3", "column lat", "degrees"]),
        ("42.5", "north", ["regions.csv, line 3", "column lat", "float"]),
        (
            "安道尔",
            " ",
            ["regions.csv, line 3", "column name_zh", "name is needed"],
        ),
        (
            ",60,",
            ",900,",
            ["regions.csv, line 3", "column utc_min_20161111", "minutes"],
        ),
        (
            ",60,",
            ",east,",
            ["regions.csv, line 3", "column utc_min_20161111", "invalid digit"],
        ),
        (
            "EUR",
            "euro",
            ["regions.csv, line 3", "column currency", "ISO 4217"],
        ),
    ] {
        refused(&with(from, to), CITIES, &words);
    }
    refused(
        &format!("{HEADER}{ANDORRA}{ANDORRA}"),
        CITIES,
        &["line 3", "iso2", "twice"],
    );
}

#[test]
fn a_wrong_city_is_named_by_line_and_column() {
    let regions = format!("{HEADER}{ANDORRA}");
    for (from, to, words) in [
        (
            "AD,les",
            "XX,les",
            ["cities.csv, line 2", "column iso2", "isn't a region"],
        ),
        (
            "AD,Andorra",
            "XX,Andorra",
            ["cities.csv, line 3", "column iso2", "\"XX\""],
        ),
        ("1.53", "181", ["cities.csv, line 2", "column lon", "degrees"]),
        (
            "20430",
            "-5",
            ["cities.csv, line 3", "column population", "invalid digit"],
        ),
    ] {
        assert!(CITIES.contains(from));
        refused(&regions, &CITIES.replacen(from, to, 1), &words);
    }
}

#[test]
fn empty_and_broken_files_are_refused() {
    refused("", CITIES, &["regions.csv", "no region"]);
    refused(HEADER, CITIES, &["regions.csv", "no region"]);
    let regions = format!("{HEADER}{ANDORRA}");
    refused(&regions, "", &["cities.csv", "no city in AD"]);
    refused(
        &regions,
        "iso2,name,lat,lon,population\n",
        &["cities.csv", "no city in AD"],
    );
    refused(
        &regions.replace("currency", "money"),
        CITIES,
        &["regions.csv", "currency"],
    );
    refused(&format!("{regions}AE,ARE\n"), CITIES, &["regions.csv", "3"]);
    let error =
        Catalogue::from_csv("regions.csv", &[0xff, 0xfe, b'\n', 0xff], "cities.csv", b"").unwrap_err();
    assert!(error.to_string().contains("regions.csv"));
}

proptest! {
    #[test]
    fn money_sums_are_exact_in_any_order(amounts in prop::collection::vec(any::<i64>(), 0..100)) {
        let sum: MoneySum = amounts.iter().copied().map(Money).sum();
        let back: MoneySum = amounts.iter().rev().copied().map(Money).sum();
        prop_assert_eq!(sum, back);
        prop_assert_eq!(sum.0, amounts.iter().map(|amount| i128::from(*amount)).sum::<i128>());
        prop_assert_eq!(sum.to_wire().ok(), i64::try_from(sum.0).ok());
    }

    #[test]
    fn adding_money_is_exact_or_refused(a in any::<i64>(), b in any::<i64>()) {
        prop_assert_eq!(Money(a).checked_add(Money(b)).map(|sum| sum.0), a.checked_add(b));
    }

    #[test]
    fn a_currency_is_three_capital_letters(code in "\\PC{0,4}") {
        let good = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        match Currency::from_code(&code) {
            Ok(currency) => {
                prop_assert!(good);
                prop_assert_eq!(currency.code(), code.as_str());
                prop_assert_eq!(currency.minor_per_unit(), 10_i64.pow(u32::from(currency.digits())));
            }
            Err(error) => {
                prop_assert!(!good);
                prop_assert!(error.to_string().contains("ISO 4217"));
            }
        }
    }

    #[test]
    fn no_bytes_make_the_catalogue_panic(regions in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Catalogue::from_csv("r", &[HEADER.as_bytes(), &regions].concat(), "c", CITIES.as_bytes());
        let _ = Catalogue::from_csv("r", format!("{HEADER}{ANDORRA}").as_bytes(), "c", &regions);
    }
}

#[test]
fn channels_have_their_numbers() {
    for channel in Channel::ALL {
        assert_eq!(Channel::from_index(channel.index()), Some(channel));
    }
    assert_eq!(Channel::from_index(Channel::COUNT as u8), None);
}
