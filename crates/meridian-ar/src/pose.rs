//! Where the board is, from all corners of all its tags that were found.
//!
//! SQPnP gives the best pose without a first guess; Levenberg-Marquardt then makes the error in the picture least,
//! distortion and all. A flat board seen from afar looks nearly alike in two poses, mirrored about the line of sight: both
//! are refined, and where the picture can't tell them apart the one nearer to the frame before wins.

use glam::{DMat3, DQuat, DVec2, DVec3};
use sqpnp::{DefaultParameters, Solver};

use super::board;
use super::detect::Found;
use super::geometry::{Normal, Pose};
use super::intrinsics::Intrinsics;

/// The largest error of a pose that is accepted, in pixels (root mean square).
pub const MAX_RMS_PX: f64 = 4.0;

/// Below this ratio of errors the mirrored pose explains the picture about as well.
pub const AMBIGUOUS: f64 = 1.5;

/// Where the board is.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardPose {
    /// From the board's frame to the camera's.
    pub pose: Pose,
    /// How far corners are from where the pose puts them, pixels (root mean square).
    pub rms: f64,
    /// The numbers of the tags it rests on.
    pub tags: Vec<u16>,
    /// The numbers of tags that contradicted the others and were left out.
    pub rejected: Vec<u16>,
    /// The mirrored pose's error over this one's: near 1 the picture can't tell them apart.
    pub certainty: f64,
}

/// Why there is no pose.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PoseError {
    /// No tag of the board was found.
    #[error("no tag of the sheet is in sight")]
    NoTags,
    /// The corners determine none.
    #[error("the tags' corners determine no pose")]
    NoSolution,
    /// Even the best pose fits badly.
    #[error("the best pose misses the tags' corners by {rms:.1} px; at most {MAX_RMS_PX} is believed")]
    Unlikely {
        /// Root mean square, pixels.
        rms: f64,
    },
}

/// A point of the scene and where it is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The board's frame, metres.
    pub point: DVec3,
    /// Pixels.
    pub pixel: DVec2,
    /// How much it counts.
    pub weight: f64,
}

/// The pose of the board by its tags. `before` is the pose a moment ago, if one is known.
///
/// # Errors
/// [`PoseError`] where the tags are too few, or no pose explains where they are seen.
pub fn solve(tags: &[Found], lens: &Intrinsics, before: Option<&Pose>) -> Result<BoardPose, PoseError> {
    let mut used: Vec<(u16, [Sight; 4])> = tags.iter().filter_map(sights).collect();
    let mut rejected = Vec::new();
    loop {
        if used.is_empty() {
            return Err(PoseError::NoTags);
        }
        let all: Vec<Sight> = used.iter().flat_map(|(_, sights)| *sights).collect();
        let (pose, rms, certainty) = solve_points(&all, lens, before)?;
        // With three tags or more, one that says something else than the rest is another sheet's or misread.
        let errors: Vec<f64> = used
            .iter()
            .map(|(_, sights)| rms_of(sights, lens, &pose))
            .collect();
        let worst = errors.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        if let Some((index, error)) = worst
            && used.len() >= 3
            && *error > 1.5
        {
            let others: Vec<Sight> = used
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .flat_map(|(_, (_, sights))| *sights)
                .collect();
            if let Ok((_, without, _)) = solve_points(&others, lens, before)
                && without < rms / 3.0
            {
                rejected.push(used.remove(index).0);
                continue;
            }
        }
        if rms > MAX_RMS_PX {
            return Err(PoseError::Unlikely { rms });
        }
        return Ok(BoardPose {
            pose,
            rms,
            tags: used.iter().map(|(id, _)| *id).collect(),
            rejected,
            certainty,
        });
    }
}

/// A tag's corners as sights; larger tags have steadier edges.
pub fn sights(found: &Found) -> Option<(u16, [Sight; 4])> {
    let tag = board::tag(found.id)?;
    let [a, b, c, d] = found.corners;
    let side = (a.distance(b) + b.distance(c) + c.distance(d) + d.distance(a)) / 4.0;
    let weight = (side / 60.0).clamp(0.3, 2.0);
    let mut sights = [Sight {
        point: DVec3::ZERO,
        pixel: DVec2::ZERO,
        weight,
    }; 4];
    for ((sight, point), pixel) in sights.iter_mut().zip(tag.corners()).zip(found.corners) {
        sight.point = point;
        sight.pixel = pixel;
    }
    Some((found.id, sights))
}

/// The pose by points of a plane: the pose, its error in pixels, and the mirrored pose's error over it.
///
/// # Errors
/// [`PoseError::NoSolution`].
pub fn solve_points(
    sights: &[Sight],
    lens: &Intrinsics,
    before: Option<&Pose>,
) -> Result<(Pose, f64, f64), PoseError> {
    let first = by_sqpnp(sights, lens).ok_or(PoseError::NoSolution)?;
    let (pose, rms) = refine(sights, lens, first);
    let mut best = (pose, rms);
    let mut certainty = f64::INFINITY;
    if let Some(mirrored) = mirror(&pose) {
        let (other, other_rms) = refine(sights, lens, mirrored);
        // Often the mirrored pose slides back into the first.
        if other.distance(&pose).1 > 0.02 && in_front(sights, &other) {
            let (better, worse) = if other_rms < rms {
                ((other, other_rms), (pose, rms))
            } else {
                ((pose, rms), (other, other_rms))
            };
            best = better;
            certainty = (worse.1 + 0.02) / (better.1 + 0.02);
            if certainty < AMBIGUOUS
                && let Some(before) = before
                && worse.0.distance(before).1 < better.0.distance(before).1
            {
                best = worse;
                certainty = certainty.recip();
            }
        }
    }
    if let Some(before) = before {
        // A start from the frame before costs little, and saves what SQPnP misses.
        let (other, other_rms) = refine(sights, lens, *before);
        if other_rms < best.1 * 0.9 && in_front(sights, &other) {
            best = (other, other_rms);
        }
    }
    if best.0.is_finite() && best.1.is_finite() && in_front(sights, &best.0) {
        Ok((best.0, best.1, certainty))
    } else {
        Err(PoseError::NoSolution)
    }
}

fn in_front(sights: &[Sight], pose: &Pose) -> bool {
    sights.iter().all(|sight| pose.apply(sight.point).z > 0.0)
}

fn by_sqpnp(sights: &[Sight], lens: &Intrinsics) -> Option<Pose> {
    let directions: Vec<DVec2> = sights.iter().map(|sight| lens.direction(sight.pixel)).collect();
    let sound = |p: &DVec2| p.is_finite() && p.length() < 100.0;
    if sights.len() < 4 || !directions.iter().all(sound) {
        return None;
    }
    // The solver is written in another version of glam than ours: its types are inferred, never named.
    let points: Vec<_> = sights
        .iter()
        .map(|sight| sight.point.as_vec3().to_array().into())
        .collect();
    let seen: Vec<_> = directions.iter().map(|p| p.as_vec2().to_array().into()).collect();
    let mut solver = Solver::<DefaultParameters>::new();
    if !solver.solve(&points, &seen, None) {
        return None;
    }
    let solution = solver.best_solution()?;
    let columns = solution.rotation_matrix().to_cols_array().map(f64::from);
    let matrix = DMat3::from_cols_array(&columns);
    let translation = DVec3::from_array(solution.translation().to_array().map(f64::from));
    let pose = Pose::new(DQuat::from_mat3(&matrix).normalize(), translation);
    pose.is_finite().then_some(pose)
}

/// The pose with the board's normal mirrored about the line of sight to its middle.
fn mirror(pose: &Pose) -> Option<Pose> {
    let sight = pose.translation.try_normalize()?;
    let normal = pose.rotation * DVec3::Y;
    let mirrored = sight * (2.0 * normal.dot(sight)) - normal;
    let turn = DQuat::from_rotation_arc(normal, mirrored);
    (normal.angle_between(mirrored) > 0.01)
        .then(|| Pose::new((turn * pose.rotation).normalize(), pose.translation))
}

/// The pose nearby that makes the error in the picture least, and that error, pixels. Points far off count less.
pub fn refine(sights: &[Sight], lens: &Intrinsics, start: Pose) -> (Pose, f64) {
    /// Points further off than this many pixels count less.
    const HUBER: f64 = 1.0;
    let cost = |pose: &Pose| -> f64 {
        sights
            .iter()
            .map(|sight| match lens.project(pose, sight.point) {
                Some(pixel) => {
                    let error = pixel.distance(sight.pixel);
                    sight.weight
                        * if error <= HUBER {
                            error * error
                        } else {
                            HUBER * (2.0 * error - HUBER)
                        }
                }
                None => 1e9,
            })
            .sum()
    };
    let mut pose = start;
    let mut now = cost(&pose);
    let mut damping = 1e-4;
    for _ in 0..30 {
        let mut normal = Normal::new(6);
        for sight in sights {
            let Some((pixel, [across, down])) = slope(lens, &pose, sight.point) else {
                continue;
            };
            let error = sight.pixel - pixel;
            let size = error.length();
            let weight = sight.weight * if size <= HUBER { 1.0 } else { HUBER / size };
            normal.add(&across, error.x, weight);
            normal.add(&down, error.y, weight);
        }
        let Some(step) = normal.solve(damping) else {
            break;
        };
        let Ok([a, b, c, x, y, z]) = <[f64; 6]>::try_from(step) else {
            break;
        };
        let next = pose.nudged(DVec3::new(a, b, c), DVec3::new(x, y, z));
        let then = cost(&next);
        if then < now {
            let gain = now - then;
            pose = next;
            now = then;
            damping = (damping * 0.2).max(1e-9);
            if gain < 1e-9 * now + 1e-12 {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e4 {
                break;
            }
        }
    }
    (pose, rms_of(sights, lens, &pose))
}

/// Where a point is seen, and how that changes with a small turn and shift of the pose in the camera's frame (in this
/// order, as [`Pose::nudged`] takes them): the rows across and down.
fn slope(lens: &Intrinsics, pose: &Pose, point: DVec3) -> Option<(DVec2, [[f64; 6]; 2])> {
    let turned = pose.rotation * point;
    let p = turned + pose.translation;
    if p.z <= 1e-6 {
        return None;
    }
    let direction = p.truncate() / p.z;
    let pixel = lens.pixel(direction);
    // How the pixel moves with the direction; distortion is smooth, so a small difference is exact enough.
    let (along_x, along_y) = if lens.is_distorted() {
        const STEP: f64 = 1e-6;
        let by = |d: DVec2| (lens.pixel(direction + d) - lens.pixel(direction - d)) / (2.0 * STEP);
        (by(DVec2::new(STEP, 0.0)), by(DVec2::new(0.0, STEP)))
    } else {
        (DVec2::new(lens.fx, 0.0), DVec2::new(0.0, lens.fy))
    };
    let moved = |d: DVec3| (along_x * (d.x - direction.x * d.z) + along_y * (d.y - direction.y * d.z)) / p.z;
    let columns = [
        moved(DVec3::X.cross(turned)),
        moved(DVec3::Y.cross(turned)),
        moved(DVec3::Z.cross(turned)),
        moved(DVec3::X),
        moved(DVec3::Y),
        moved(DVec3::Z),
    ];
    Some((pixel, [columns.map(|c| c.x), columns.map(|c| c.y)]))
}

/// How far points are from where a pose puts them, pixels (root mean square); a point behind the camera counts as
/// 1000 px off.
pub fn rms_of(sights: &[Sight], lens: &Intrinsics, pose: &Pose) -> f64 {
    let sum: f64 = sights
        .iter()
        .map(|sight| {
            lens.project(pose, sight.point)
                .map_or(1e6, |pixel| pixel.distance_squared(sight.pixel))
        })
        .sum();
    (sum / sights.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::TAGS;

    fn seen(pose: &Pose, lens: &Intrinsics) -> Vec<Found> {
        TAGS.iter()
            .map(|tag| Found {
                id: tag.id,
                hamming: 0,
                margin: 90.0,
                corners: tag.corners().map(|corner| lens.project(pose, corner).unwrap()),
            })
            .collect()
    }

    fn lens() -> Intrinsics {
        Intrinsics {
            distortion: [-0.1, 0.02, 0.001, 0.0, 0.0],
            ..Intrinsics::plain(1280, 720, 1000.0)
        }
    }

    #[test]
    fn exact_corners_give_the_exact_pose() {
        for (x, y, z) in [
            (0.0, 0.5, 0.5),
            (0.3, 0.9, -0.2),
            (-0.4, 0.3, 0.5),
            (0.0, 0.6, 0.001),
        ] {
            let truth = Pose::looking_at(DVec3::new(x, y, z), DVec3::ZERO, DVec3::Y);
            let found = solve(&seen(&truth, &lens()), &lens(), None).unwrap();
            let (metres, radians) = found.pose.distance(&truth);
            assert!(metres < 1e-5 && radians < 1e-4, "{metres} {radians}");
            assert!(found.rms < 1e-3 && found.rejected.is_empty());
        }
    }

    #[test]
    fn one_tag_is_enough() {
        let truth = Pose::looking_at(DVec3::new(0.1, 0.4, 0.4), DVec3::ZERO, DVec3::Y);
        for tag in seen(&truth, &lens()) {
            let found = solve(&[tag], &lens(), None).unwrap();
            let (metres, radians) = found.pose.distance(&truth);
            assert!(metres < 1e-3 && radians < 1e-2, "{metres} {radians}");
        }
    }

    #[test]
    fn a_tag_that_contradicts_the_rest_is_left_out() {
        let truth = Pose::looking_at(DVec3::new(0.1, 0.4, 0.4), DVec3::ZERO, DVec3::Y);
        let mut tags = seen(&truth, &lens());
        for corner in &mut tags[1].corners {
            *corner += DVec2::new(90.0, 40.0);
        }
        let found = solve(&tags, &lens(), None).unwrap();
        assert_eq!(found.rejected, [1]);
        assert!(found.pose.distance(&truth).0 < 1e-5);
    }

    #[test]
    fn nonsense_gives_an_error() {
        assert_eq!(solve(&[], &lens(), None), Err(PoseError::NoTags));
        let truth = Pose::looking_at(DVec3::new(0.1, 0.4, 0.4), DVec3::ZERO, DVec3::Y);
        for corner in [DVec2::NAN, DVec2::ZERO, DVec2::splat(1e12)] {
            let mut tags = seen(&truth, &lens());
            tags.truncate(1);
            tags[0].corners = [corner; 4];
            assert!(solve(&tags, &lens(), None).is_err());
        }
        let mut tags = seen(&truth, &lens());
        tags.truncate(1);
        tags[0].corners.swap(0, 2);
        let turned = solve(&tags, &lens(), None);
        assert!(turned.is_err() || turned.unwrap().pose.is_finite());
    }
}
