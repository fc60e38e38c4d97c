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
