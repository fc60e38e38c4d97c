//! How one walks round a product: orbit, zoom and pan, held to limits, eased, and by itself when nobody does.

use bevy::prelude::*;

use meridian_product::manifest::Camera;
use meridian_product::model::Bounds;

/// Vertical field of view.
pub const FOV_DEG: f32 = 26.0;
/// Lowest and highest, in degrees above the horizon.
const ELEVATION_DEG: [f32; 2] = [-8.0, 88.0];
/// Nearest and farthest, as factors of the distance that shows all.
const DISTANCE: [f32; 2] = [0.22, 1.9];
/// How fast the view follows what is asked for (as a rate per second).
const FOLLOW_PER_SEC: f32 = 9.0;
/// How long after the last input the turntable starts, in seconds.
pub const IDLE_SECS: f32 = 3.0;
/// How fast it turns, in radians per second.
pub const TURNTABLE_PER_SEC: f32 = std::f32::consts::PI / 32.0;

/// From where a product is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect))]
pub struct Pose {
    /// Round the product, in radians: 0 is the front, a quarter turn its right side.
    pub azimuth: f32,
    /// Above the horizon, in radians.
    pub elevation: f32,
    /// As a factor of the distance that shows all.
    pub distance: f32,
    /// What is in the middle, in metres.
    pub target: Vec3,
}

impl Pose {
    /// As a `product.toml` says it; `middle` is the target where it says none.
    pub fn of(camera: &Camera, middle: Vec3) -> Self {
        Self {
            azimuth: camera.azimuth_deg.to_radians(),
            elevation: camera.elevation_deg.to_radians(),
            distance: camera.distance,
            target: camera.target.map_or(middle, Vec3::from_array),
        }
    }

    /// The unit vector from the target to the eye.
    pub fn back(&self) -> Vec3 {
        let (sin, cos) = self.azimuth.sin_cos();
        let (rise, flat) = self.elevation.sin_cos();
        Vec3::new(sin * flat, rise, cos * flat)
    }
}

/// The eye, and what it may do.
#[derive(Resource, Debug, Clone)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource, Default))]
pub struct Orbit {
    /// Where it is.
    pub now: Pose,
    /// Where it goes.
    pub goal: Pose,
    /// Where a double-tap brings it back to.
    pub home: Pose,
    /// What is looked at.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub bounds: Bounds,
    /// Seconds since a hand moved it.
    pub idle_secs: f32,
    /// How far the turntable has turned, in radians.
    pub turned: f32,
    /// A slower following, for flights from pose to pose, as a rate per second; 0 where there is none.
    glide: f32,
}

impl Default for Orbit {
    fn default() -> Self {
        let pose = Pose {
            azimuth: 0.4,
            elevation: 0.25,
            distance: 1.0,
            target: Vec3::ZERO,
        };
        Self {
            now: pose,
            goal: pose,
            home: pose,
            bounds: Bounds {
                min: Vec3::splat(-0.1),
                max: Vec3::splat(0.1),
            },
            idle_secs: 0.0,
            turned: 0.0,
            glide: 0.0,
        }
    }
}

fn wrapped(angle: f32) -> f32 {
    (angle + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU) - std::f32::consts::PI
}

impl Orbit {
    /// Looks at something new from its home, at once or on the way there.
    pub fn look_at(&mut self, bounds: Bounds, home: Pose, at_once: bool) {
        self.bounds = bounds;
        self.home = home;
        self.goal = self.limited(home);
        if at_once {
            self.now = self.goal;
        }
        self.idle_secs = 0.0;
        self.glide = 0.0;
    }

    /// The distance from which the sphere round everything is just seen, in metres; `aspect` is width over height.
    pub fn whole(&self, aspect: f32) -> f32 {
        let half = (FOV_DEG * 0.5).to_radians();
        let narrow = half.min((half.tan() * aspect).atan());
        self.bounds.radius().max(1e-4) / narrow.sin() * 1.02
    }

    fn limited(&self, pose: Pose) -> Pose {
        let [low, high] = ELEVATION_DEG;
        let [near, far] = DISTANCE;
        let reach = self.bounds.radius() * 0.8;
        let centre = self.bounds.centre();
        Pose {
            azimuth: pose.azimuth,
            elevation: pose.elevation.clamp(low.to_radians(), high.to_radians()),
            distance: pose.distance.clamp(near, far),
            target: centre + (pose.target - centre).clamp_length_max(reach),
        }
    }

    /// Turns by a hand: radians round and up.
    pub fn turn(&mut self, round: f32, up: f32) {
        self.goal.azimuth += round;
        self.goal.elevation += up;
        self.touched();
    }

    /// Zooms by a hand: a factor of the distance.
    pub fn zoom(&mut self, factor: f32) {
        self.goal.distance *= factor.clamp(0.2, 5.0);
        self.touched();
    }

    /// Moves sideways by a hand: shares of the picture's height, right and up.
    pub fn pan(&mut self, right: f32, up: f32, aspect: f32) {
        let back = self.now.back();
        let side = Vec3::Y.cross(back).normalize_or(Vec3::X);
        let over = back.cross(side);
        let height = 2.0 * (FOV_DEG * 0.5).to_radians().tan() * self.whole(aspect) * self.now.distance;
        self.goal.target -= (side * right + over * up) * height;
        self.touched();
    }

    fn touched(&mut self) {
        self.goal = self.limited(self.goal);
        self.idle_secs = 0.0;
        self.glide = 0.0;
    }

    /// Back to the first view.
    pub fn reset(&mut self) {
        self.fly_to(self.home);
    }

    /// Goes to a pose, the short way round.
    pub fn fly_to(&mut self, pose: Pose) {
        let pose = self.limited(pose);
        self.goal = Pose {
            azimuth: self.now.azimuth + wrapped(pose.azimuth - self.now.azimuth),
            ..pose
        };
        self.idle_secs = 0.0;
        self.glide = 2.6;
    }

    /// Moves on. `still`: nothing moves that nobody asked for. Says whether the turntable turns.
    pub fn advance(&mut self, delta_secs: f32, still: bool) -> bool {
        self.idle_secs += delta_secs;
        let rate = if self.glide > 0.0 {
            self.glide
        } else {
            FOLLOW_PER_SEC
        };
        let share = 1.0 - (-rate * delta_secs).exp();
        let (now, goal) = (&mut self.now, self.goal);
        now.azimuth += (goal.azimuth - now.azimuth) * share;
        now.elevation += (goal.elevation - now.elevation) * share;
        now.distance *= (goal.distance / now.distance).powf(share);
        now.target += (goal.target - now.target) * share;
        let turns = !still && self.idle_secs >= IDLE_SECS;
        if turns {
            // Begins softly.
            let ease = ((self.idle_secs - IDLE_SECS) / 1.5).min(1.0);
            self.turned = wrapped(self.turned + TURNTABLE_PER_SEC * ease * delta_secs);
        }
        turns
    }

    /// Where the eye is, for a picture of this shape.
    pub fn transform(&self, aspect: f32) -> Transform {
        let eye = self.now.target + self.now.back() * self.whole(aspect) * self.now.distance;
        Transform::from_translation(eye).looking_at(self.now.target, Vec3::Y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orbit_at_home() -> Orbit {
        let mut orbit = Orbit::default();
        let bounds = Bounds {
            min: Vec3::new(-0.1, 0.0, -0.1),
            max: Vec3::new(0.1, 0.3, 0.1),
        };
        let home = Pose {
            azimuth: 0.5,
            elevation: 0.2,
            distance: 1.0,
            target: bounds.centre(),
        };
        orbit.look_at(bounds, home, true);
        orbit
    }

    #[test]
    fn hands_stay_within_the_limits() {
        let mut orbit = orbit_at_home();
        orbit.turn(20.0, 9.0);
        orbit.zoom(0.0001);
        orbit.zoom(0.0001);
        orbit.pan(500.0, 500.0, 1.0);
        for _ in 0..600 {
            orbit.advance(1.0 / 60.0, true);
        }
        assert!(orbit.now.elevation <= 88.1_f32.to_radians() && orbit.now.distance >= 0.219);
        assert!(orbit.now.target.distance(orbit.bounds.centre()) <= orbit.bounds.radius() * 0.81);
        let eye = orbit.transform(1.5).translation;
        assert!(eye.is_finite() && eye.y > 0.0);
        orbit.reset();
        for _ in 0..600 {
            orbit.advance(1.0 / 60.0, true);
        }
        assert!((orbit.now.distance - 1.0).abs() < 1e-3 && wrapped(orbit.now.azimuth - 0.5).abs() < 1e-3);
    }

    #[test]
    fn the_turntable_waits_three_seconds_and_stands_when_asked_to() {
        let mut orbit = orbit_at_home();
        let mut secs = 0.0;
        while !orbit.advance(0.1, false) {
            secs += 0.1;
            assert!(secs < 4.0);
        }
        assert!(secs > 2.8);
        for _ in 0..100 {
            orbit.advance(0.1, false);
        }
        assert!((orbit.turned - TURNTABLE_PER_SEC * 10.0).abs() < 0.15);
        orbit.turn(0.1, 0.0);
        assert!(!orbit.advance(0.1, false));
        let mut still = orbit_at_home();
        assert!((0..100).all(|_| !still.advance(0.1, true)));
    }

    #[test]
    fn the_whole_sphere_is_seen_in_any_shape() {
        let orbit = orbit_at_home();
        for aspect in [0.5, 1.0, 2.0] {
            let eye = orbit.transform(aspect).translation;
            let distance = eye.distance(orbit.bounds.centre());
            let half = (FOV_DEG * 0.5).to_radians();
            let narrow = half.min((half.tan() * aspect).atan());
            assert!(orbit.bounds.radius() / distance < narrow.sin());
        }
    }
}
