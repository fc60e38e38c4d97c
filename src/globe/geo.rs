//! Where latitudes and longitudes lie on the unit sphere, and back.
//!
//! The planet has radius 1 about the origin; north is +Y, longitude 0 faces +Z, 90° east faces +X.

use bevy::math::Vec3;

/// The point of the unit sphere at a latitude and a longitude in degrees.
pub fn world_from_lat_lon(lat_deg: f32, lon_deg: f32) -> Vec3 {
    let (sin_lat, cos_lat) = lat_deg.to_radians().sin_cos();
    let (sin_lon, cos_lon) = lon_deg.to_radians().sin_cos();
    Vec3::new(cos_lat * sin_lon, sin_lat, cos_lat * cos_lon)
}

/// Latitude and longitude in degrees of a direction from the planet's middle.
/// Longitude is in −180 to 180; the poles' and the origin's is 0.
pub fn lat_lon_from_world(world: Vec3) -> (f32, f32) {
    let direction = world.normalize_or_zero();
    let lat_deg = direction.y.clamp(-1.0, 1.0).asin().to_degrees();
    let lon_deg = if direction.x == 0.0 && direction.z == 0.0 {
        0.0
    } else {
        direction.x.atan2(direction.z).to_degrees()
    };
    (lat_deg, lon_deg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_where_the_house_says() {
        assert!(world_from_lat_lon(0.0, 0.0).distance(Vec3::Z) < 1e-6);
        assert!(world_from_lat_lon(0.0, 90.0).distance(Vec3::X) < 1e-6);
        assert!(world_from_lat_lon(90.0, 12.0).distance(Vec3::Y) < 1e-6);
    }

    #[test]
    fn there_and_back() {
        for lat in [-89.0_f32, -33.9, 0.0, 22.3, 71.2] {
            for lon in [-179.5_f32, -74.0, 0.0, 105.0, 179.0] {
                let (back_lat, back_lon) = lat_lon_from_world(world_from_lat_lon(lat, lon));
                assert!((back_lat - lat).abs() < 1e-3, "{lat} {lon}");
                assert!((back_lon - lon).abs() < 1e-2, "{lat} {lon}");
            }
        }
    }
}
