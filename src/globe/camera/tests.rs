#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn planet_is_where_the_layout_says() {
    let layout = Layout::for_size(Vec2::new(1280.0, 720.0));
    let sight = Sight::new(Pose::HOME, &layout);
    assert!((sight.radius_px() - layout.globe_radius).abs() < 0.01);
    let (pixel, facing) = sight.project(sight.back);
    assert!(pixel.distance(layout.globe_centre) < 0.01 && facing > 0.999);
}

#[test]
fn what_is_hit_projects_back() {
    let layout = Layout::for_size(Vec2::new(3840.0, 860.0));
    let sight = Sight::new(Pose::HOME, &layout);
    let pixel = layout.globe_centre + Vec2::new(120.0, -200.0);
    let world = sight.hit(pixel);
    assert!(world.is_some_and(|world| sight.project(world).0.distance(pixel) < 0.05));
    assert!(
        sight
            .hit(layout.globe_centre + Vec2::X * (layout.globe_radius + 2.0))
            .is_none()
    );
}

#[test]
fn the_tour_begins_where_most_is_sold() {
    let mut rig = Rig::default();
    rig.settle(-3.0, true);
    assert_eq!(rig.pose().lon_deg, -3.0);
    let mut near = Rig::default();
    near.settle(90.0, true);
    assert_eq!(near.pose().lon_deg, HOME_LON_DEG);
}

#[test]
fn tour_turns_once_and_goes_west() {
    let view = View {
        tour: true,
        ..default()
    };
    let mut rig = Rig {
        touring: true,
        ..default()
    };
    let mut turn = |secs: u32| {
        for _ in 0..secs * 20 {
            rig.advance(0.05, &view);
        }
        rig.pose.lon_deg
    };
    // A minute over home is 41 degrees, and the whole turn is a turn.
    let after_a_minute = turn(60);
    assert!((50.0..75.0).contains(&after_a_minute), "{after_a_minute}");
    let after_a_turn = turn(180);
    assert!((after_a_turn - HOME_LON_DEG).abs() < 1.0, "{after_a_turn}");
}

#[test]
fn flights_arrive_and_never_whirl_over_a_pole() {
    let view = View::default();
    let mut rig = Rig::default();
    rig.fly_to(
        Pose {
            lat_deg: 39.0,
            lon_deg: -98.0,
            zoom: 0.5,
            sink: 0.0,
        },
        false,
    );
    for _ in 0..400 {
        rig.advance(1.0 / 60.0, &view);
        assert!(rig.pose.lat_deg.abs() < 63.0);
    }
    assert!(rig.flight.is_none());
    assert!((rig.pose.lat_deg - 39.0).abs() < 0.01 && (rig.pose.zoom - 0.5).abs() < 0.01);
}

/// A rig on tour that moves by so many seconds.
fn ride(rig: &mut Rig, view: &View, secs: u32) {
    for _ in 0..secs * 20 {
        rig.advance(0.05, view);
    }
}

#[test]
fn the_tour_stops_where_the_crown_stands_and_goes_on() {
    let view = View {
        tour: true,
        ..default()
    };
    let mut rig = Rig {
        touring: true,
        ..default()
    };
    let place_lon_deg = 121.5;
    assert!(!rig.may_stop(place_lon_deg, &view));
    ride(&mut rig, &view, 26);
    assert!(rig.may_stop(place_lon_deg, &view));
    assert!(!rig.may_stop(-74.0, &view), "it is behind the planet");
    let crown = Pose {
        lat_deg: -32.0,
        lon_deg: place_lon_deg,
        zoom: 0.8,
        sink: 0.7,
    };
    rig.stop_at(crown, STOP_SECS, &view);
    ride(&mut rig, &view, 8);
    assert!((rig.pose.lat_deg - crown.lat_deg).abs() < 0.1 && (rig.pose.sink - crown.sink).abs() < 0.01);
    assert!((rig.pose.lon_deg - crown.lon_deg).abs() <= 2.0 * SWAY_DEG);
    ride(&mut rig, &view, 30);
    let is_home = rig.pose.sink.abs() < 1e-3 && (rig.pose.lat_deg - HOME_LAT_DEG).abs() < 0.05;
    assert!(rig.flight.is_none() && is_home, "{:?}", rig.pose);
    assert!(!rig.may_stop(place_lon_deg, &view), "not at once again");
    let off = View {
        layers: crate::view::Layers {
            crown: false,
            ..default()
        },
        ..view.clone()
    };
    rig.stop = Stop::In(0.0);
    assert!(rig.may_stop(rig.pose.lon_deg, &view) && !rig.may_stop(rig.pose.lon_deg, &off));
}

#[test]
fn a_planet_that_sank_is_lower_and_rises_again() {
    let layout = Layout::for_size(Vec2::new(1920.0, 1080.0));
    let sunk = Pose {
        sink: 0.5,
        ..Pose::HOME
    };
    let sight = Sight::new(sunk, &layout);
    assert!((sight.centre_px.y - layout.globe_centre.y - 0.5 * layout.globe_radius).abs() < 0.01);
    assert!((sight.radius_px() - layout.globe_radius).abs() < 0.01);
    let mut rig = Rig::default();
    rig.put(sunk);
    rig.fly_home(true);
    ride(&mut rig, &View::default(), 1);
    assert_eq!(rig.pose, Pose::HOME);
}
