//! From where the crown stands against the sky.

use super::{Pose, Sight};
use crate::globe::crown::TALLEST;
use crate::globe::geo::{lat_lon_from_world, world_from_lat_lon};
use crate::layout::Layout;

/// How far the tallest beam's place is from the disc's middle: nearer and beams are seen from above, farther and the limb
/// hides what stands behind them.
const OFF_MIDDLE_DEG: f32 = 60.5;
/// The middle is no farther north or south than this: there a place near a pole is less far from it.
const MAX_LAT_DEG: f32 = 70.0;
/// How large the planet is, in radii at rest: as a horizon, or whole, where the panels are under it.
const LARGE: f32 = 1.5;
/// See [`LARGE`].
const WHOLE: f32 = 0.82;
/// And its radius at most, as a share of the picture's height: on a wall it is a horizon at rest.
const MAX_RADIUS: f32 = 0.72;
/// What is left between the tallest beam and the figures over it, as a share of the picture's height.
const GAP: f32 = 0.022;

/// The pose in which a place's beam, the tallest, stands on the limb's near side in the middle of the picture and ends under
/// the figures. `lat_deg` and `lon_deg` are the place's.
pub fn against_the_sky(lat_deg: f32, lon_deg: f32, layout: &Layout) -> Pose {
    let middle_deg = (lat_deg - OFF_MIDDLE_DEG).max(-MAX_LAT_DEG);
    let rest = Sight::new(Pose::HOME, layout);
    let radii = if layout.size.x < layout.size.y * Layout::PORTRAIT {
        WHOLE
    } else {
        LARGE
    };
    let radius_px = (layout.globe_radius * radii)
        .min(layout.size.y * MAX_RADIUS)
        .max(1.0);
    // What is seen of a planet of that radius, at a distance that has it.
    let distance = (1.0 + (rest.focal_px / radius_px).powi(2)).sqrt();
    let mut pose = Pose {
        lat_deg: middle_deg,
        lon_deg,
        zoom: (distance - 1.0) / (rest.distance - 1.0).max(1e-3),
        sink: 0.0,
    };
    // Where the layout shows what is looked at above the disc's middle, that is farther north.
    pose.lat_deg += middle_deg - lat_lon_from_world(Sight::new(pose, layout).back).0;
    let sight = Sight::new(pose, layout);
    let (tip, _) = sight.project(world_from_lat_lon(lat_deg, lon_deg) * (1.0 + TALLEST));
    let [_, _, _, above] = layout.panels;
    let wanted_px = above.max.y.max(0.0) + GAP * layout.size.y;
    Pose {
        sink: (wanted_px - tip.y) / layout.globe_radius.max(1.0),
        ..pose
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::prelude::*;

    /// A picture of this size whose figures end at so many pixels.
    fn layout(width: f32, height: f32, figures_px: f32) -> Layout {
        let mut layout = Layout::for_size(Vec2::new(width, height));
        layout.panels[3] = Rect::new(0.0, 0.0, width, figures_px);
        layout
    }

    #[test]
    fn the_tallest_beam_stands_near_the_upper_limb_and_ends_under_the_figures() {
        for (layout, (lat, lon)) in [
            (layout(1920.0, 1080.0, 170.0), (31.2, 121.5)),
            (layout(3840.0, 860.0, 150.0), (31.2, 121.5)),
            (layout(1080.0, 1920.0, 290.0), (51.5, -0.1)),
            (layout(1920.0, 1080.0, 170.0), (1.3, 103.8)),
        ] {
            let pose = against_the_sky(lat, lon, &layout);
            let sight = Sight::new(pose, &layout);
            let place = world_from_lat_lon(lat, lon);
            let off_deg = place.angle_between(sight.back).to_degrees();
            assert!((60.0..=66.0).contains(&off_deg), "{off_deg}");
            let (foot, facing) = sight.project(place);
            assert!(facing > 0.05, "this side of the limb");
            let from_middle = (foot - sight.centre_px) / sight.radius_px();
            assert!(
                from_middle.x.abs() < 0.01 && (-0.99..-0.88).contains(&from_middle.y),
                "{from_middle}"
            );
            let (tip, _) = sight.project(place * 1.32);
            let gap_px = tip.y - layout.panels[3].max.y;
            assert!((gap_px / layout.size.y - GAP).abs() < 1e-3, "{gap_px}");
            assert!(sight.centre_px.y - sight.radius_px() > tip.y, "against the sky");
        }
    }

    #[test]
    fn a_place_in_the_south_is_as_far_from_the_middle_as_the_camera_goes() {
        let layout = layout(1920.0, 1080.0, 170.0);
        let pose = against_the_sky(-33.9, 151.2, &layout);
        assert!((pose.lat_deg + MAX_LAT_DEG).abs() < 0.01);
        let (foot, _) = Sight::new(pose, &layout).project(world_from_lat_lon(-33.9, 151.2));
        assert!(foot.y < Sight::new(pose, &layout).centre_px.y);
    }
}
