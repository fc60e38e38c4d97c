//! Camera calibration: guides the user through several views of the sheet and fits the lens to them.
//!
//! The sheet is held before the camera in a few ways; each [`Calibrator::offer`] says what is still wanted. A first focal
//! length comes from Zhang's equations; then lens and poses together are fitted to all corners that were seen.

use std::fmt;

use glam::{DVec2, DVec3};

use super::detect::Found;
use super::geometry::{Homography, Normal, Pose};
use super::intrinsics::Intrinsics;
use super::pose::{self, Sight};

/// A way of holding the sheet, as seen in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    /// Facing the camera.
    Facing,
    /// Its left side nearer to the camera than its right.
    LeftNearer,
    /// Its right side nearer.
    RightNearer,
    /// Its upper side nearer.
    TopNearer,
    /// Its lower side nearer.
    BottomNearer,
    /// In the picture's left part, tilted any way.
    AtLeft,
    /// In the picture's right part, tilted any way.
    AtRight,
    /// So close that it fills most of the picture.
    Close,
}

impl Want {
    /// All, in the order in which they are asked for.
    pub const ALL: [Self; 8] = [
        Self::Facing,
        Self::LeftNearer,
        Self::RightNearer,
        Self::TopNearer,
        Self::BottomNearer,
        Self::AtLeft,
        Self::AtRight,
        Self::Close,
    ];
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Facing => "hold the sheet so that it faces the camera",
            Self::LeftNearer => "tilt the sheet: its left side nearer to the camera",
            Self::RightNearer => "tilt the sheet: its right side nearer to the camera",
            Self::TopNearer => "tilt the sheet: its upper side nearer to the camera",
            Self::BottomNearer => "tilt the sheet: its lower side nearer to the camera",
            Self::AtLeft => "hold the sheet, tilted, in the left part of the picture",
            Self::AtRight => "hold the sheet, tilted, in the right part of the picture",
            Self::Close => "bring the sheet closer until it fills the picture",
        })
    }
}

/// What became of a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offer {
    /// It was taken, for this.
    Taken(Want),
    /// Too few tags are in sight: how many were found; three are needed.
    TooFewTags(usize),
    /// The sheet moves: hold it still for a moment.
    Moving,
    /// It is like one that was taken already; this is wanted next.
    NotWanted(Want),
    /// All views have been taken.
    Complete,
}

/// Why no lens could be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrateError {
    /// More views are needed.
    #[error("{have} views of the sheet are too few: {need} are needed")]
    TooFew {
        /// Taken so far.
        have: usize,
        /// Needed.
        need: usize,
    },
    /// The views don't determine a lens.
    #[error("the views determine no lens: tilt the sheet more, in several directions")]
    Degenerate,
    /// Even the best lens fits badly.
    #[error(
        "the best lens misses the tags' corners by {rms:.1} px; at most {max_rms_px} is believed. Is the sheet flat?"
    )]
    Unlikely {
        /// Root mean square, pixels.
        rms: f64,
        /// Pixels.
        max_rms_px: f64,
    },
}

/// The fewest views that determine a lens reasonably well.
pub const MIN_VIEWS: usize = 5;

/// The largest error of a lens that is accepted, in pixels (root mean square).
const MAX_RMS_PX: f64 = 2.5;

/// Collects views and fits the lens.
#[derive(Debug, Clone)]
pub struct Calibrator {
    size: (u32, u32),
    views: Vec<(Want, Vec<Sight>)>,
    last: Vec<Found>,
}

impl Calibrator {
    /// For pictures of this size in pixels.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            size: (width, height),
            views: Vec::new(),
            last: Vec::new(),
        }
    }

    /// How many views were taken, and how many are asked for.
    pub fn progress(&self) -> (usize, usize) {
        (self.views.len(), Want::ALL.len())
    }

    /// What is still wanted, the next first.
    pub fn wants(&self) -> Vec<Want> {
        let missing = |want: &Want| self.views.iter().all(|(taken, _)| taken != want);
        Want::ALL.into_iter().filter(missing).collect()
    }

    /// Offers the tags found in a frame of a film. It takes them when the sheet is held still in a way that is wanted.
    pub fn offer(&mut self, tags: &[Found]) -> Offer {
        let still = self.is_still(tags);
        self.take(tags, still)
    }

    /// Offers the tags found in a photo, in which nothing moves.
    pub fn offer_photo(&mut self, tags: &[Found]) -> Offer {
        self.take(tags, true)
    }

    fn take(&mut self, tags: &[Found], still: bool) -> Offer {
        let wants = self.wants();
        let Some(next) = wants.first().copied() else {
            return Offer::Complete;
        };
        if tags.len() < 3 {
            self.last.clear();
            return Offer::TooFewTags(tags.len());
        }
        self.last = tags.to_vec();
        let sights: Vec<Sight> = tags
            .iter()
            .filter_map(pose::sights)
            .flat_map(|(_, sights)| sights)
            .collect();
        let Some(shown) = self.shown(&sights) else {
            return Offer::NotWanted(next);
        };
        match wants.into_iter().find(|want| shown.contains(want)) {
            Some(_) if !still => Offer::Moving,
            Some(want) => {
                self.views.push((want, sights));
                Offer::Taken(want)
            }
            None => Offer::NotWanted(next),
        }
    }

    /// Whether no corner moved by more than a pixel and a half since the frame before.
    fn is_still(&self, tags: &[Found]) -> bool {
        let mut both = 0;
        for tag in tags {
            if let Some(old) = self.last.iter().find(|old| old.id == tag.id) {
                both += 1;
                if tag
                    .corners
                    .iter()
                    .zip(old.corners)
                    .any(|(a, b)| a.distance(b) > 1.5)
                {
                    return false;
                }
            }
        }
        both >= 2
    }

    /// What a view shows, judged with a guessed lens.
    fn shown(&self, sights: &[Sight]) -> Option<Vec<Want>> {
        let (width, height) = self.size;
        let lens = Intrinsics::guess(width, height, super::intrinsics::GUESSED_VIEW);
        let (pose, rms, _) = pose::solve_points(sights, &lens, None).ok()?;
        if rms > f64::from(width) * 0.01 {
            return None;
        }
        let normal = pose.rotation * DVec3::Y;
        let lean = (-normal.z).clamp(-1.0, 1.0).acos().to_degrees();
        let middle = pose.translation.truncate() / pose.translation.z * lens.fx;
        let reach = sights
            .iter()
            .fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(low, high), sight| {
                (low.min(sight.pixel), high.max(sight.pixel))
            });
        let share = (reach.1 - reach.0) / DVec2::new(f64::from(width), f64::from(height));
        let mut shown = Vec::new();
        if lean < 15.0 {
            shown.push(Want::Facing);
        }
        // A side is nearer when the paper's face turns away from it.
        let tilted = (22.0..70.0).contains(&lean);
        if tilted && normal.x.abs() > 1.4 * normal.y.abs() {
            shown.push(if normal.x > 0.0 {
                Want::LeftNearer
            } else {
                Want::RightNearer
            });
        }
        if tilted && normal.y.abs() > 1.4 * normal.x.abs() {
            shown.push(if normal.y > 0.0 {
                Want::TopNearer
            } else {
                Want::BottomNearer
            });
        }
        if lean > 15.0 && middle.x < -0.1 * f64::from(width) {
            shown.push(Want::AtLeft);
        }
        if lean > 15.0 && middle.x > 0.1 * f64::from(width) {
            shown.push(Want::AtRight);
        }
        if share.x > 0.6 || share.y > 0.8 {
            shown.push(Want::Close);
        }
        Some(shown)
    }

    /// The lens. [`MIN_VIEWS`] views will do; all that are asked for do better.
    ///
    /// # Errors
    /// [`CalibrateError`] where the views are too few or don't tell the lens.
    pub fn solve(&self) -> Result<Intrinsics, CalibrateError> {
        let views: Vec<&[Sight]> = self.views.iter().map(|(_, sights)| sights.as_slice()).collect();
        solve_views(self.size.0, self.size.1, &views)
    }
}

/// The lens by views of known points of a plane.
///
/// # Errors
/// [`CalibrateError`] where the views are too few or don't tell the lens.
pub fn solve_views(width: u32, height: u32, views: &[&[Sight]]) -> Result<Intrinsics, CalibrateError> {
    if views.len() < MIN_VIEWS {
        return Err(CalibrateError::TooFew {
            have: views.len(),
            need: MIN_VIEWS,
        });
    }
    let focal = zhang(width, height, views).ok_or(CalibrateError::Degenerate)?;
    let mut lens = Intrinsics::plain(width, height, focal);
    let mut poses = Vec::with_capacity(views.len());
    for sights in views {
        let (pose, ..) = pose::solve_points(sights, &lens, None).map_err(|_| CalibrateError::Degenerate)?;
        poses.push(pose);
    }
    adjust(&mut lens, &mut poses, views).ok_or(CalibrateError::Degenerate)?;
    let (mut sum, mut count) = (0.0, 0.0);
    for (sights, pose) in views.iter().zip(&poses) {
        sum += pose::rms_of(sights, &lens, pose).powi(2) * sights.len() as f64;
        count += sights.len() as f64;
    }
    let rms = (sum / count).sqrt();
    let wide = f64::from(width.max(height));
    if !(wide * 0.2..wide * 20.0).contains(&lens.fx) || !rms.is_finite() {
        return Err(CalibrateError::Degenerate);
    }
    if rms > MAX_RMS_PX {
        return Err(CalibrateError::Unlikely {
            rms,
            max_rms_px: MAX_RMS_PX,
        });
    }
    lens.estimated = false;
    lens.rms = Some(rms);
    Ok(lens)
}

/// The focal length by Zhang's equations, the lens taken to look at the picture's middle.
fn zhang(width: u32, height: u32, views: &[&[Sight]]) -> Option<f64> {
    let middle = DVec2::new(f64::from(width), f64::from(height)) / 2.0;
    let scale = f64::from(width.max(height));
    let (mut ata, mut atb, mut size) = (0.0, 0.0, 0.0);
    for sights in views {
        let pairs: Vec<(DVec2, DVec2)> = sights
            .iter()
            .map(|sight| {
                (
                    DVec2::new(sight.point.x, sight.point.z),
                    (sight.pixel - middle) / scale,
                )
            })
            .collect();
        let h = Homography::fit(&pairs)?.0;
        let (a, b) = (h.x_axis, h.y_axis);
        let norm = a.length() * b.length();
        // The plane's two axes are at right angles and of one length.
        for (known, unknown) in [
            (a.z * b.z, a.x * b.x + a.y * b.y),
            (
                a.z * a.z - b.z * b.z,
                a.x * a.x + a.y * a.y - b.x * b.x - b.y * b.y,
            ),
        ] {
            let (known, unknown) = (known / norm, unknown / norm);
            ata += unknown * unknown;
            atb -= unknown * known;
            size += known * known;
        }
    }
    let square = ata / atb;
    let focal = square.sqrt();
    let told = size.sqrt() > 1e-3 && focal.is_finite() && (0.2..20.0).contains(&focal);
    // Views that all face the camera tell nothing; the usual lens is a start then.
    Some(if told { focal * scale } else { scale })
}

/// How many numbers of the lens are fitted: fx, fy, cx, cy, k1, k2.
const OWN: usize = 6;

fn own_of(lens: &Intrinsics) -> [f64; OWN] {
    let [k1, k2, ..] = lens.distortion;
    [lens.fx, lens.fy, lens.cx, lens.cy, k1, k2]
}

fn with_own(lens: &Intrinsics, [fx, fy, cx, cy, k1, k2]: [f64; OWN]) -> Intrinsics {
    Intrinsics {
        fx,
        fy,
        cx,
        cy,
        distortion: [k1, k2, 0.0, 0.0, 0.0],
        ..*lens
    }
}

/// Adds the two rows of one sight: how its pixel moves with each number of the lens and of its view's pose.
fn add_sight(
    normal: &mut Normal,
    lens: &Intrinsics,
    steps: [f64; OWN],
    (view, pose): (usize, &Pose),
    sight: &Sight,
) {
    let Some(here) = lens.project(pose, sight.point) else {
        return;
    };
    let own = own_of(lens);
    let mut rows: [Vec<(usize, f64)>; 2] = [Vec::with_capacity(12), Vec::with_capacity(12)];
    let [across, down] = &mut rows;
    let mut push = |column: usize, there: Option<DVec2>, step: f64| {
        if let Some(there) = there {
            across.push((column, (there.x - here.x) / step));
            down.push((column, (there.y - here.y) / step));
        }
    };
    for (column, step) in steps.iter().enumerate() {
        let mut moved = own;
        if let Some(value) = moved.get_mut(column) {
            *value += step;
        }
        push(column, with_own(lens, moved).project(pose, sight.point), *step);
    }
    for column in 0..6 {
        const STEP: f64 = 1e-6;
        let mut motion = [0.0; 6];
        if let Some(value) = motion.get_mut(column) {
            *value = STEP;
        }
        let [a, b, c, x, y, z] = motion;
        let moved = pose.nudged(DVec3::new(a, b, c), DVec3::new(x, y, z));
        push(OWN + view * 6 + column, lens.project(&moved, sight.point), STEP);
    }
    let error = sight.pixel - here;
    normal.add_sparse(across, error.x, 1.0);
    normal.add_sparse(down, error.y, 1.0);
}

/// Fits lens and poses together.
fn adjust(lens: &mut Intrinsics, poses: &mut [Pose], views: &[&[Sight]]) -> Option<()> {
    let wide = f64::from(lens.width.max(lens.height));
    let middle = DVec2::new(f64::from(lens.width), f64::from(lens.height)) / 2.0;
    let steps = [wide * 1e-6, wide * 1e-6, wide * 1e-6, wide * 1e-6, 1e-6, 1e-6];
    // What is known of lenses before any view, as rows: pixels nearly square, the middle nearly in the middle, little
    // distortion. A few corners' worth.
    let beliefs = |own: [f64; OWN]| -> [(Vec<(usize, f64)>, f64); 5] {
        let [fx, fy, cx, cy, k1, k2] = own;
        let (square, centre) = (300.0 / wide, 20.0 / wide);
        [
            (vec![(0, square), (1, -square)], (fy - fx) * square),
            (vec![(2, centre)], (middle.x - cx) * centre),
            (vec![(3, centre)], (middle.y - cy) * centre),
            (vec![(4, 3.0)], -k1 * 3.0),
            (vec![(5, 5.0)], -k2 * 5.0),
        ]
    };
    let cost = |lens: &Intrinsics, poses: &[Pose]| -> f64 {
        let seen: f64 = views
            .iter()
            .zip(poses)
            .map(|(sights, pose)| pose::rms_of(sights, lens, pose).powi(2) * sights.len() as f64)
            .sum();
        seen + beliefs(own_of(lens))
            .iter()
            .map(|(_, error)| error * error)
            .sum::<f64>()
    };
    let mut now = cost(lens, poses);
    let mut damping = 1e-3;
    for _ in 0..60 {
        let own = own_of(lens);
        let mut normal = Normal::new(OWN + 6 * poses.len());
        for (row, error) in beliefs(own) {
            normal.add_sparse(&row, error, 1.0);
        }
        for (view, (sights, pose)) in views.iter().zip(poses.iter()).enumerate() {
            for sight in *sights {
                add_sight(&mut normal, lens, steps, (view, pose), sight);
            }
        }
        let Some(step) = normal.solve(damping) else {
            damping *= 10.0;
            if damping > 1e6 {
                return None;
            }
            continue;
        };
        let mut next = own;
        for (value, change) in next.iter_mut().zip(&step) {
            *value += change;
        }
        let next_lens = with_own(lens, next);
        let next_poses: Vec<Pose> = poses
            .iter()
            .zip(step.get(OWN..)?.chunks_exact(6))
            .map(|(pose, change)| match *change {
                [a, b, c, x, y, z] => pose.nudged(DVec3::new(a, b, c), DVec3::new(x, y, z)),
                _ => *pose,
            })
            .collect();
        let then = cost(&next_lens, &next_poses);
        if then < now {
            let gain = now - then;
            *lens = next_lens;
            poses.copy_from_slice(&next_poses);
            now = then;
            damping = (damping * 0.2).max(1e-9);
            if gain < 1e-7 * now + 1e-9 {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e6 {
                break;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::TAGS;
    use crate::render::viewpoint;
    use rand::{Rng, SeedableRng};

    fn view(lens: &Intrinsics, pose: &Pose, rng: &mut rand_pcg::Pcg64Mcg) -> Vec<Found> {
        TAGS.iter()
            .map(|tag| Found {
                id: tag.id,
                hamming: 0,
                margin: 90.0,
                corners: tag.corners().map(|corner| {
                    let jolt = DVec2::new(rng.random_range(-0.1..0.1), rng.random_range(-0.1..0.1));
                    lens.project(pose, corner).unwrap() + jolt
                }),
            })
            .collect()
    }

    #[test]
    fn the_lens_is_found_from_the_views_it_asks_for() {
        let truth = Intrinsics {
            cx: 650.0,
            cy: 352.0,
            distortion: [-0.08, 0.05, 0.0, 0.0, 0.0],
            ..Intrinsics::plain(1280, 720, 930.0)
        };
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(11);
        let mut calibrator = Calibrator::new(1280, 720);
        assert!(matches!(calibrator.solve(), Err(CalibrateError::TooFew { .. })));
        let mut tries = 0;
        while !calibrator.wants().is_empty() && tries < 3000 {
            tries += 1;
            let pose = viewpoint(
                rng.random_range(0.3..0.6),
                rng.random_range(0.0..1.0),
                rng.random_range(0.0..6.2),
                rng.random_range(-3.1..3.1),
                DVec2::new(rng.random_range(-0.3..0.3), rng.random_range(-0.1..0.1)),
            );
            for _ in 0..2 {
                let seen = view(&truth, &pose, &mut rng);
                calibrator.offer(&seen);
            }
        }
        assert!(calibrator.wants().is_empty(), "{:?}", calibrator.wants());
        assert_eq!(calibrator.offer(&[]), Offer::Complete);
        let found = calibrator.solve().unwrap();
        assert!((found.fx / truth.fx - 1.0).abs() < 0.01, "{found:?}");
        assert!(
            (found.cx - truth.cx).abs() < 8.0 && (found.cy - truth.cy).abs() < 8.0,
            "{found:?}"
        );
        assert!(found.rms.unwrap() < 0.2 && !found.estimated);
    }

    #[test]
    fn the_same_view_is_not_taken_twice_and_motion_is_waited_out() {
        let lens = Intrinsics::plain(1280, 720, 1000.0);
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(5);
        let mut calibrator = Calibrator::new(1280, 720);
        let pose = viewpoint(0.6, 0.0, 0.0, 0.0, DVec2::ZERO);
        let seen = view(&lens, &pose, &mut rng);
        assert_eq!(calibrator.offer(&seen), Offer::Moving);
        assert_eq!(calibrator.offer(&seen), Offer::Taken(Want::Facing));
        assert_eq!(calibrator.offer(&seen), Offer::NotWanted(Want::LeftNearer));
        assert_eq!(calibrator.offer(&seen[..2]), Offer::TooFewTags(2));
        assert_eq!(calibrator.progress(), (1, 8));
    }

    #[test]
    fn views_that_tell_nothing_do_no_harm() {
        let sights = [Sight {
            point: DVec3::ZERO,
            pixel: DVec2::ONE,
            weight: 1.0,
        }; 12];
        let views = [sights.as_slice(); 6];
        assert_eq!(solve_views(640, 480, &views), Err(CalibrateError::Degenerate));
    }
}
