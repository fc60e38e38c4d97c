//! The one-euro filter: a pose at rest is held still, a pose in motion is followed without lag.
//!
//! Casiez, Roussel, Vogel, “1 € Filter”, CHI 2012: an exponential average whose cut-off frequency grows with speed.

use glam::{DQuat, DVec3};

use super::geometry::Pose;

/// How strongly poses are smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// The cut-off frequency at rest, hertz. Lower is steadier.
    pub rest: f64,
    /// By how many hertz the cut-off grows with each metre a second.
    pub per_metre: f64,
    /// By how many hertz the cut-off grows with each radian a second.
    pub per_radian: f64,
    /// The cut-off frequency of the speed itself, hertz.
    pub speed: f64,
}

impl Default for Constants {
    /// At rest the board's noise (a tenth of a millimetre, a tenth of a degree) is averaged over a fifth of a second. A
    /// hand that moves the camera at 0.2 m/s is followed within a frame of thirty a second.
    fn default() -> Self {
        Self {
            rest: 0.8,
            per_metre: 120.0,
            per_radian: 40.0,
            speed: 2.0,
        }
    }
}

/// After a pause longer than this, in seconds, the next pose isn't smoothed.
pub const PAUSE: f64 = 0.5;

/// The one-euro filter of one board's pose.
#[derive(Debug, Clone, Default)]
pub struct OneEuro {
    constants: Constants,
    state: Option<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    at: f64,
    pose: Pose,
    /// Metres a second.
    velocity: DVec3,
    /// Radians a second, a rotation vector in the camera's frame.
    spin: DVec3,
}

impl OneEuro {
    /// With other constants.
    pub fn new(constants: Constants) -> Self {
        Self {
            constants,
            state: None,
        }
    }

    /// Forgets the poses so far: the next one isn't smoothed.
    pub fn reset(&mut self) {
        self.state = None;
    }

    /// The steadied pose of one measured at `at`, seconds on any clock. A pose that isn't finite is ignored where one
    /// is known already.
    pub fn filter(&mut self, at: f64, measured: Pose) -> Pose {
        let fresh = State {
            at,
            pose: measured,
            velocity: DVec3::ZERO,
            spin: DVec3::ZERO,
        };
        let Some(last) = self.state else {
            if measured.is_finite() {
                self.state = Some(fresh);
            }
            return measured;
        };
        if !measured.is_finite() {
            return last.pose;
        }
        let dt = at - last.at;
        if !(1e-6..=PAUSE).contains(&dt) {
            if dt.abs() > 1e-6 {
                self.state = Some(fresh);
                return measured;
            }
            return last.pose;
        }
        let shift = measured.translation - last.pose.translation;
        let turn = difference(last.pose.rotation, measured.rotation);
        let pace = share(self.constants.speed, dt);
        let velocity = last.velocity.lerp(shift / dt, pace);
        let spin = last.spin.lerp(turn / dt, pace);
        // Motion of either kind sets both free: a board that turns without shifting looks as if it were torn.
        let cutoff = self.constants.rest
            + self.constants.per_metre * velocity.length()
            + self.constants.per_radian * spin.length();
        let part = share(cutoff, dt);
        let pose = Pose::new(
            (DQuat::from_scaled_axis(turn * part) * last.pose.rotation).normalize(),
            last.pose.translation + shift * part,
        );
        self.state = Some(State {
            at,
            pose,
            velocity,
            spin,
        });
        pose
    }
}

/// How much of the new value an exponential average with a cut-off frequency takes after `dt` seconds.
fn share(cutoff: f64, dt: f64) -> f64 {
    let slow = (std::f64::consts::TAU * cutoff).recip();
    dt / (dt + slow)
}

/// The rotation vector from one rotation to another, the short way round.
fn difference(from: DQuat, to: DQuat) -> DVec3 {
    let turn = to * from.inverse();
    let turn = if turn.w < 0.0 { -turn } else { turn };
    turn.to_scaled_axis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn noisy(rng: &mut rand_pcg::Pcg64Mcg, pose: Pose) -> Pose {
        let mut jolt = || {
            DVec3::new(
                rng.random_range(-1.0..1.0),
                rng.random_range(-1.0..1.0),
                rng.random_range(-1.0..1.0),
            )
        };
        let turn = jolt() * 0.002;
        let shift = jolt() * 0.0005;
        pose.nudged(turn, shift)
    }

    #[test]
    fn rest_is_steadied() {
        let truth = Pose::looking_at(DVec3::new(0.0, 0.5, 0.5), DVec3::ZERO, DVec3::Y);
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(3);
        let mut filter = OneEuro::default();
        let (mut raw, mut smooth) = (0.0, 0.0);
        let mut last: Option<(Pose, Pose)> = None;
        for frame in 0..300 {
            let measured = noisy(&mut rng, truth);
            let steady = filter.filter(f64::from(frame) / 30.0, measured);
            if let Some((old_raw, old_steady)) = last
                && frame > 60
            {
                raw += measured.distance(&old_raw).0;
                smooth += steady.distance(&old_steady).0;
            }
            last = Some((measured, steady));
        }
        assert!(smooth < raw / 3.0, "{smooth} {raw}");
    }

    #[test]
    fn motion_is_followed() {
        let mut filter = OneEuro::default();
        let mut lag: f64 = 0.0;
        for frame in 0..60 {
            let at = f64::from(frame) / 30.0;
            let truth = Pose::new(DQuat::IDENTITY, DVec3::new(at * 0.2, 0.0, 0.6));
            let steady = filter.filter(at, truth);
            if frame > 15 {
                lag = lag.max(steady.distance(&truth).0);
            }
        }
        assert!(lag < 0.2 / 30.0, "{lag}");
    }

    #[test]
    fn odd_clocks_and_poses_do_no_harm() {
        let mut filter = OneEuro::default();
        let pose = Pose::new(DQuat::IDENTITY, DVec3::Z);
        let bad = Pose::new(DQuat::IDENTITY, DVec3::NAN);
        filter.filter(0.0, bad);
        filter.filter(0.0, pose);
        assert!(filter.filter(0.0, bad).is_finite());
        for at in [0.0, -5.0, f64::NAN, 1e300, 0.1] {
            assert!(filter.filter(at, pose).is_finite());
        }
    }
}
