//! Where the sun stands and how the stars are turned at an event time.

use bevy::math::Vec3;

use super::geo::world_from_lat_lon;
use meridian_core::sales::EventMs;

/// Days since 2000-01-01 12:00 UTC.
fn days_since_j2000(event_ms: EventMs) -> f64 {
    (event_ms as f64 / 86_400_000.0) - 10_957.5
}

/// Greenwich mean sidereal time, in degrees from 0 to 360.
pub fn sidereal_deg(event_ms: EventMs) -> f64 {
    (280.460_618_37 + 360.985_647_366_29 * days_since_j2000(event_ms)).rem_euclid(360.0)
}

/// The point of the Earth that has the sun overhead: latitude and longitude in degrees.
/// Good to about a hundredth of a degree between 1950 and 2050 (Astronomical Almanac's low-precision sun).
pub fn subsolar_deg(event_ms: EventMs) -> (f64, f64) {
    let days = days_since_j2000(event_ms);
    let mean_lon = 280.460 + 0.985_647_4 * days;
    let anomaly = (357.528 + 0.985_600_3 * days).to_radians();
    let ecliptic_lon = (mean_lon + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
    let obliquity = (23.439 - 0.000_000_4 * days).to_radians();
    let right_ascension = (obliquity.cos() * ecliptic_lon.sin())
        .atan2(ecliptic_lon.cos())
        .to_degrees();
    let declination = (obliquity.sin() * ecliptic_lon.sin()).asin().to_degrees();
    let lon = (right_ascension - sidereal_deg(event_ms) + 180.0).rem_euclid(360.0) - 180.0;
    (declination, lon)
}

/// Unit vector towards the sun.
pub fn sun_direction(event_ms: EventMs) -> Vec3 {
    let (lat, lon) = subsolar_deg(event_ms);
    world_from_lat_lon(lat as f32, lon as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-11-10 16:00 UTC: midnight in China, at the start of the day.
    const START_MS: EventMs = 1_478_793_600_000;

    #[test]
    fn sun_of_the_2016_day() {
        // The equation of time is +16 min in early November, so the sun is 4° west of the clock's −60°.
        let (lat, lon) = subsolar_deg(START_MS);
        assert!((lat - -17.3).abs() < 0.2, "{lat}");
        assert!((lon - -64.0).abs() < 0.3, "{lon}");
    }

    #[test]
    fn sun_goes_west_by_15_degrees_an_hour() {
        let (_, before) = subsolar_deg(START_MS);
        let (_, after) = subsolar_deg(START_MS + 3_600_000);
        assert!((before - after - 15.0).abs() < 0.05);
    }

    #[test]
    fn solstice_stands_at_the_tropic() {
        // 2016-06-20 22:34 UTC.
        let (lat, _) = subsolar_deg(1_466_462_040_000);
        assert!((lat - 23.43).abs() < 0.02, "{lat}");
    }
}
