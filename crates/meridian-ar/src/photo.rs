//! AR without a marker: the four corners of a sheet of paper, clicked in a still photo.
//!
//! The paper's size is known, so its four corners give the camera's pose, and mostly the focal length too: where both pairs
//! of edges run together in the picture, the two vanishing points are at right angles. Seen straight on, or with two
//! edges in parallel, they tell nothing; a focal length has to be known or guessed then.

use glam::{DVec2, DVec3};

use super::board::Paper;
use super::geometry::{Homography, Pose, area, convex};
use super::intrinsics::{GUESSED_VIEW, Intrinsics};
use super::pose::{self, Sight};

/// Which way the paper lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lie {
    /// Its long edges left and right, as the reader sees it.
    #[default]
    Portrait,
    /// Its long edges near and far.
    Landscape,
    /// Whichever fits the corners better.
    Either,
}

/// From where the focal length comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focal {
    /// The camera's calibration was given.
    Known,
    /// The paper's edges told it.
    Paper,
    /// They don't tell, so it was guessed: the place is right, the height of things may be off.
    Guessed,
}

/// Where the paper is.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoPose {
    /// From the paper's frame to the camera's: the origin at the paper's middle, as with the printed sheet.
    pub pose: Pose,
    /// The lens that goes with it.
    pub lens: Intrinsics,
    /// From where its focal length comes.
    pub focal: Focal,
    /// How far the clicked corners are from where the pose puts them, pixels (root mean square).
    pub rms: f64,
    /// Portrait or landscape.
    pub lie: Lie,
}

/// The corners can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhotoError {
    /// A corner is no point of the photo.
    #[error("corner {number} is outside the photo of {width}×{height} pixels")]
    Outside {
        /// 1 to 4.
        number: usize,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The four corners don't bound a convex figure.
    #[error("the four corners don't go round the paper: click them one after the other along its edges")]
    NotConvex,
    /// The paper is too small in the photo.
    #[error("the paper is too small in the photo: its shortest edge has {side:.0} px, {least:.0} are needed")]
    TooSmall {
        /// Pixels.
        side: f64,
        /// Pixels.
        least: f64,
    },
    /// The corners determine no pose.
    #[error(
        "the corners are not those of a flat sheet: they miss it by {rms:.1} px. Is each on the paper's corner?"
    )]
    NotPaper {
        /// Root mean square, pixels.
        rms: f64,
    },
    /// The photo is too small or too large.
    #[error("a photo of {width}×{height} pixels can't be used")]
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// Where the paper is whose corners were clicked, one after the other along its edges, in either direction, in pixels
/// (the first pixel's middle is at 0.5). The first two bound the edge that is far from the reader; where the clicks
/// began elsewhere the product faces another edge, which a caller mends by turning the list.
///
/// # Errors
/// [`PhotoError`] saying what is wrong with the corners.
pub fn solve(
    width: u32,
    height: u32,
    corners: [DVec2; 4],
    paper: Paper,
    lie: Lie,
    known: Option<&Intrinsics>,
) -> Result<PhotoPose, PhotoError> {
    if width < 32 || height < 32 || width > 65_536 || height > 65_536 {
        return Err(PhotoError::Size { width, height });
    }
    let size = DVec2::new(f64::from(width), f64::from(height));
    for (index, corner) in corners.iter().enumerate() {
        // A corner may lie a little outside: one can click into the margin.
        if !(corner.is_finite() && corner.cmpge(-0.25 * size).all() && corner.cmple(1.25 * size).all()) {
            return Err(PhotoError::Outside {
                number: index + 1,
                width,
                height,
            });
        }
    }
    let [a, b, c, d] = corners;
    let corners = match convex(corners) {
        1 => corners,
        -1 => [b, a, d, c],
        _ => return Err(PhotoError::NotConvex),
    };
    let [a, b, c, d] = corners;
    let side = a
        .distance(b)
        .min(b.distance(c))
        .min(c.distance(d))
        .min(d.distance(a));
    let least = (size.max_element() * 0.02).max(16.0);
    if side < least || area(&corners) < least * least {
        return Err(PhotoError::TooSmall { side, least });
    }
    let long = paper.size();
    let ways = match lie {
        Lie::Portrait => vec![(Lie::Portrait, DVec2::new(long.y, long.x))],
        Lie::Landscape => vec![(Lie::Landscape, long)],
        Lie::Either => vec![
            (Lie::Portrait, DVec2::new(long.y, long.x)),
            (Lie::Landscape, long),
        ],
    };
    let mut best: Option<PhotoPose> = None;
    for (lie, paper) in ways {
        let half = paper / 2.0;
        let points = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
            .map(|(x, z)| DVec3::new(x * half.x, 0.0, z * half.y));
        let sights: Vec<Sight> = points
            .into_iter()
            .zip(corners)
            .map(|(point, pixel)| Sight {
                point,
                pixel,
                weight: 1.0,
            })
            .collect();
        let (lens, focal) = match known {
            Some(known) => (known.scaled(width, height), Focal::Known),
            None => match focal_by_edges(&sights, size) {
                Some(length) => (Intrinsics::plain(width, height, length), Focal::Paper),
                None => (Intrinsics::guess(width, height, GUESSED_VIEW), Focal::Guessed),
            },
        };
        let Ok((pose, rms, _)) = pose::solve_points(&sights, &lens, None) else {
            continue;
        };
        let better = best.as_ref().is_none_or(|best| {
            // With a focal length of its own either way may fit; the usual lens is likelier then.
            let usual = |lens: &Intrinsics| {
                (lens.fx / Intrinsics::guess(width, height, GUESSED_VIEW).fx)
                    .ln()
                    .abs()
            };
            if best.focal == Focal::Paper && focal == Focal::Paper {
                usual(&lens) < usual(&best.lens)
            } else {
                rms < best.rms
            }
        });
        // Paper lies face up: its back is never seen.
        if better && (pose.rotation * DVec3::Y).dot(pose.translation) < 0.0 {
            best = Some(PhotoPose {
                pose,
                lens,
                focal,
                rms,
                lie,
            });
        }
    }
    let most = size.max_element() * 0.02;
    match best {
        Some(found) if found.rms <= most => Ok(found),
        Some(found) => Err(PhotoError::NotPaper { rms: found.rms }),
        None => Err(PhotoError::NotPaper { rms: f64::NAN }),
    }
}

/// The focal length in pixels for which the paper's edges are at right angles and as long as they are; `None` where the
/// view doesn't tell.
fn focal_by_edges(sights: &[Sight], size: DVec2) -> Option<f64> {
    let wide = size.max_element();
    let pairs: Vec<(DVec2, DVec2)> = sights
        .iter()
        .map(|sight| {
            (
                DVec2::new(sight.point.x, sight.point.z),
                (sight.pixel - size / 2.0) / wide,
            )
        })
        .collect();
    let h = Homography::fit(&pairs)?.0;
    let (a, b) = (h.x_axis, h.y_axis);
    let norm = (a.length() * b.length()).max(1e-12);
    // Two equations for 1/f²: the axes are at right angles; they are of one length.
    let equations = [
        (a.x * b.x + a.y * b.y, a.z * b.z),
        (
            a.x * a.x + a.y * a.y - b.x * b.x - b.y * b.y,
            a.z * a.z - b.z * b.z,
        ),
    ]
    .map(|(p, q)| (p / norm, q / norm));
    let told: f64 = equations.iter().map(|(_, q)| q * q).sum::<f64>().sqrt();
    if told < 0.004 {
        return None;
    }
    let square = equations.iter().map(|(p, _)| p * p).sum::<f64>()
        / -equations.iter().map(|(p, q)| p * q).sum::<f64>();
    let focal = square.sqrt() * wide;
    // From a fisheye's to a long lens's.
    (focal.is_finite() && (0.35 * wide..6.0 * wide).contains(&focal)).then_some(focal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::viewpoint;

    fn clicked(lens: &Intrinsics, pose: &Pose, paper: DVec2) -> [DVec2; 4] {
        let half = paper / 2.0;
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, z)| {
            lens.project(pose, DVec3::new(x * half.x, 0.0, z * half.y))
                .unwrap()
        })
    }

    const PORTRAIT: DVec2 = DVec2::new(0.210, 0.297);

    #[test]
    fn the_paper_tells_pose_and_focal_length() {
        let lens = Intrinsics::plain(4000, 3000, 3100.0);
        for (tilt, side) in [(0.8, 0.4), (1.0, -0.6), (0.6, 2.5)] {
            let truth = viewpoint(0.9, tilt, side, 0.1, DVec2::new(0.03, 0.05));
            let found = solve(
                4000,
                3000,
                clicked(&lens, &truth, PORTRAIT),
                Paper::A4,
                Lie::Portrait,
                None,
            )
            .unwrap();
            let (metres, radians) = found.pose.distance(&truth);
            assert_eq!(found.focal, Focal::Paper);
            assert!(metres < 1e-4 && radians < 1e-3, "{metres} {radians}");
            assert!((found.lens.fx - 3100.0).abs() < 1.0);
        }
    }

    #[test]
    fn clicks_a_pixel_or_two_off_do_little_harm() {
        let lens = Intrinsics::plain(4000, 3000, 3100.0);
        let truth = viewpoint(0.9, 0.9, 0.5, 0.0, DVec2::ZERO);
        let mut corners = clicked(&lens, &truth, PORTRAIT);
        for (corner, off) in corners
            .iter_mut()
            .zip([(2.0, -1.0), (-2.0, 1.5), (1.0, 2.0), (-1.0, -2.0)])
        {
            *corner += DVec2::from(off);
        }
        let found = solve(4000, 3000, corners, Paper::A4, Lie::Either, None).unwrap();
        assert_eq!(found.lie, Lie::Portrait);
        let (metres, radians) = found.pose.distance(&truth);
        assert!(metres < 0.05 && radians < 0.03, "{metres} {radians}");
    }

    #[test]
    fn straight_on_the_focal_length_is_guessed_or_given() {
        let lens = Intrinsics::plain(1600, 1200, 1500.0);
        let truth = viewpoint(0.8, 0.0, 0.0, 0.0, DVec2::ZERO);
        let corners = clicked(&lens, &truth, PORTRAIT);
        let found = solve(1600, 1200, corners, Paper::A4, Lie::Portrait, None).unwrap();
        assert_eq!(found.focal, Focal::Guessed);
        let found = solve(1600, 1200, corners, Paper::A4, Lie::Portrait, Some(&lens)).unwrap();
        assert_eq!(found.focal, Focal::Known);
        assert!(found.pose.distance(&truth).0 < 1e-4);
    }

    #[test]
    fn either_direction_of_clicking_will_do() {
        let lens = Intrinsics::plain(1600, 1200, 1500.0);
        let truth = viewpoint(0.8, 0.8, 0.3, 0.0, DVec2::ZERO);
        let [a, b, c, d] = clicked(&lens, &truth, PORTRAIT);
        let found = solve(1600, 1200, [b, a, d, c], Paper::A4, Lie::Portrait, None).unwrap();
        assert!(found.pose.distance(&truth).0 < 1e-3);
    }

    #[test]
    fn bad_corners_are_refused() {
        let p = |x: f64, y: f64| DVec2::new(x, y);
        let good = [p(300.0, 200.0), p(700.0, 210.0), p(800.0, 600.0), p(200.0, 590.0)];
        let of = |corners| solve(1000, 800, corners, Paper::A4, Lie::Portrait, None).unwrap_err();
        let [a, b, c, d] = good;
        assert_eq!(of([a, c, b, d]), PhotoError::NotConvex);
        assert_eq!(of([a, a, a, a]), PhotoError::NotConvex);
        assert!(matches!(
            of([a, b, c, p(f64::NAN, 0.0)]),
            PhotoError::Outside { number: 4, .. }
        ));
        assert!(matches!(
            of([a, b, p(1e9, 1e9), d]),
            PhotoError::Outside { number: 3, .. }
        ));
        assert!(matches!(of(good.map(|q| q / 100.0)), PhotoError::TooSmall { .. }));
        assert!(matches!(
            solve(1, 1, good, Paper::A4, Lie::Portrait, None),
            Err(PhotoError::Size { .. })
        ));
        assert!(
            solve(
                1000,
                800,
                [p(1.0, 1.0), p(999.0, 1.0), p(500.0, 20.0), p(499.0, 20.0)],
                Paper::A4,
                Lie::Either,
                None
            )
            .is_err()
        );
    }
}
