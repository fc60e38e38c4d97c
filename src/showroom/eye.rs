//! How the showroom is seen: by an orbiting eye, by a camera that was tracked, by two eyes at once.

use bevy::camera::CameraProjection;
use bevy::math::{DQuat, Vec3A};
use bevy::prelude::*;

use super::orbit::{FOV_DEG, Orbit};
use meridian_ar::geometry::Pose;
use meridian_ar::intrinsics::Intrinsics;

/// Distance between the two eyes, as a share of the distance to the plane where both pictures meet.
const EYES_APART: f32 = 1.0 / 28.0;

/// One eye: where it is, and how it projects.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub struct Eye {
    /// Looks along −Z, +Y is up.
    pub transform: Transform,
    /// Infinite, with reversed depth.
    pub clip_from_view: Mat4,
}

/// Which eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

impl Eye {
    /// The orbiting eye, for a picture of this shape (width over height).
    pub fn orbiting(orbit: &Orbit, aspect: f32) -> Self {
        let transform = orbit.transform(aspect);
        let reach = orbit.bounds.radius();
        let distance = transform.translation.distance(orbit.bounds.centre());
        let near = (distance - reach * 3.2).max(reach * 0.02).max(1e-4);
        Self {
            transform,
            clip_from_view: Mat4::perspective_infinite_reverse_rh(FOV_DEG.to_radians(), aspect, near),
        }
    }

    /// A camera whose place on the board was found.
    pub fn tracked(pose: &Pose, lens: &Intrinsics) -> Self {
        let (eye, turn): (_, DQuat) = pose.viewer();
        let (width, height) = (lens.width as f32, lens.height as f32);
        let mut clip_from_view = Mat4::ZERO;
        clip_from_view.x_axis.x = 2.0 * lens.fx as f32 / width;
        clip_from_view.y_axis.y = 2.0 * lens.fy as f32 / height;
        clip_from_view.z_axis = Vec4::new(
            1.0 - 2.0 * lens.cx as f32 / width,
            2.0 * lens.cy as f32 / height - 1.0,
            0.0,
            -1.0,
        );
        clip_from_view.w_axis.z = 0.01;
        Self {
            transform: Transform {
                translation: eye.as_vec3(),
                rotation: turn.as_quat(),
                scale: Vec3::ONE,
            },
            clip_from_view,
        }
    }

    /// One of two eyes in its place: shifted aside and off its axis, so that both pictures meet `focus` metres away.
    pub fn aside(&self, side: Side, focus: f32) -> Self {
        let half = focus * EYES_APART * 0.5 * if side == Side::Left { -1.0 } else { 1.0 };
        let mut eye = *self;
        eye.transform.translation += eye.transform.rotation * Vec3::X * half;
        eye.clip_from_view.z_axis.x -= eye.clip_from_view.x_axis.x * half / focus.max(1e-4);
        eye
    }

    /// Where a point of the room is in the picture, as shares of its width and height from the top left; `None` behind
    /// the eye.
    pub fn project(&self, point: Vec3) -> Option<Vec2> {
        let clip = self.clip_from_view * self.transform.to_matrix().inverse() * point.extend(1.0);
        (clip.w > 1e-6).then(|| Vec2::new(clip.x / clip.w * 0.5 + 0.5, 0.5 - clip.y / clip.w * 0.5))
    }
}

/// A camera projection given as a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eyepiece {
    /// Infinite, with reversed depth.
    pub clip_from_view: Mat4,
}

impl CameraProjection for Eyepiece {
    fn get_clip_from_view(&self) -> Mat4 {
        self.clip_from_view
    }

    fn get_clip_from_view_for_sub(&self, _: &bevy::camera::SubCameraView) -> Mat4 {
        self.clip_from_view
    }

    fn update(&mut self, _width: f32, _height: f32) {}

    fn far(&self) -> f32 {
        1000.0
    }

    fn get_frustum_corners(&self, z_near: f32, z_far: f32) -> [Vec3A; 8] {
        let (x, y) = (
            self.clip_from_view.x_axis.x.max(1e-6),
            self.clip_from_view.y_axis.y.max(1e-6),
        );
        let (sx, sy) = (self.clip_from_view.z_axis.x, self.clip_from_view.z_axis.y);
        // z is negative in front of the eye.
        let corner = |right: f32, up: f32, z: f32| Vec3A::new((right + sx) * -z / x, (up + sy) * -z / y, z);
        [
            corner(1.0, -1.0, z_near),
            corner(1.0, 1.0, z_near),
            corner(-1.0, 1.0, z_near),
            corner(-1.0, -1.0, z_near),
            corner(1.0, -1.0, z_far),
            corner(1.0, 1.0, z_far),
            corner(-1.0, 1.0, z_far),
            corner(-1.0, -1.0, z_far),
        ]
    }
}

#[cfg(test)]
mod tests {
    use bevy::math::DVec3;

    use super::*;

    #[test]
    fn a_tracked_camera_sees_a_point_where_its_lens_has_it() {
        let mut lens = Intrinsics::plain(1280, 720, 900.0);
        lens.cx = 660.0;
        lens.cy = 340.0;
        let pose = Pose::from_viewer(
            DVec3::new(0.1, 0.5, 0.7),
            DQuat::from_rotation_y(0.15) * DQuat::from_rotation_x(-0.6),
        );
        let eye = Eye::tracked(&pose, &lens);
        for point in [DVec3::ZERO, DVec3::new(0.08, 0.1, -0.05)] {
            let pixel = lens
                .project(&pose, point)
                .map(|pixel| pixel.as_vec2() / Vec2::new(1280.0, 720.0));
            let seen = eye.project(point.as_vec3());
            assert!(
                pixel.zip(seen).is_some_and(|(a, b)| a.distance(b) < 1e-4),
                "{pixel:?} {seen:?}"
            );
        }
    }

    #[test]
    fn both_eyes_meet_in_the_focal_plane_and_part_before_and_behind_it() {
        let middle = Eye::orbiting(&Orbit::default(), 1.5);
        let ahead = |metres: f32| middle.transform.translation + middle.transform.forward() * metres;
        let (left, right) = (middle.aside(Side::Left, 2.0), middle.aside(Side::Right, 2.0));
        let parallax = |point: Vec3| {
            left.project(point).map_or(0.0, |at| at.x) - right.project(point).map_or(0.0, |at| at.x)
        };
        assert!(parallax(ahead(2.0)).abs() < 1e-5);
        assert!(parallax(ahead(1.0)) > 0.001, "nearer points are crossed");
        assert!(parallax(ahead(4.0)) < -0.001);
    }
}
