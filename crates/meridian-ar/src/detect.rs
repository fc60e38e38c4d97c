//! The board's tags in a grey picture, their corners to a fraction of a pixel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use glam::DVec2;
use kornia_apriltag::decoder::Detection;
use kornia_apriltag::family::TagFamilyKind;
use kornia_apriltag::{AprilTagDecoder, DecodeTagsConfig};
use kornia_image::{Image, ImageSize};

use super::board::{self, CELLS, CORNERS};
use super::geometry::{area, convex};
use super::intrinsics::Intrinsics;
use super::light;

/// A picture larger than this isn't searched, pixels.
pub const MAX_PIXELS: usize = 64_000_000;

/// A tag of the board that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its number.
    pub id: u16,
    /// How many of its 36 bits were read wrong and corrected.
    pub hamming: u8,
    /// How clearly its bits were black and white: shades (of 255) from the threshold, on average.
    pub margin: f32,
    /// Its corners in pixels (the first pixel's middle is at 0.5): far left, far right, near right, near left as a
    /// reader of the sheet sees them, whichever way the picture is turned.
    pub corners: [DVec2; 4],
}

/// When a tag is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gates {
    /// The most wrong bits. tag36h11 could correct more, but each one makes a false detection likelier.
    pub hamming: u8,
    /// The smallest margin, in shades of 255.
    pub margin: f32,
    /// The smallest length of its shortest side, in pixels.
    pub side: f64,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            hamming: 1,
            margin: 12.0,
            side: 10.0,
        }
    }
}

/// Why a picture can't be searched.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// Its bytes are not its size.
    #[error("a picture of {width}×{height} pixels has {length} bytes; {} are needed", width * height)]
    Length {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// Bytes given.
        length: usize,
    },
    /// It is too small or too large.
    #[error("a picture of {width}×{height} pixels can't be searched; 32×32 to {MAX_PIXELS} pixels can")]
    Size {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
    /// The tag detector failed.
    #[error("the tag detector failed: {0}")]
    Failed(String),
}

/// Finds the board's tags. Reuses its buffers for pictures of the same size.
pub struct Detector {
    gates: Gates,
    size: (usize, usize),
    /// By how much the picture is made smaller before it is searched; the one that did best comes first.
    scales: Vec<(usize, AprilTagDecoder)>,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new(Gates::default())
    }
}

impl Detector {
    /// How much smaller a picture is made, in the order of trying: half is quick and steady; whole finds tags that are
    /// far or steep; a quarter finds those that fill the picture, blurred.
    const SCALES: [usize; 3] = [2, 1, 4];

    /// With this many tags no other scale is tried.
    const ENOUGH: usize = 3;

    /// With gates of one's own.
    pub fn new(gates: Gates) -> Self {
        Self {
            gates,
            size: (0, 0),
            scales: Vec::new(),
        }
    }

    /// The board's tags in a picture of `width × height` shades, row by row, sorted by number, each at most once. A lens
    /// lets edges be straight where its distortion bends them.
    ///
    /// # Errors
    /// [`DetectError`] when the picture's size is impossible or the detector failed.
    pub fn detect(
        &mut self,
        width: usize,
        height: usize,
        grey: &[u8],
        lens: Option<&Intrinsics>,
    ) -> Result<Vec<Found>, DetectError> {
        if grey.len() != width.saturating_mul(height) {
            return Err(DetectError::Length {
                width,
                height,
                length: grey.len(),
            });
        }
        if width < 32 || height < 32 || grey.len() > MAX_PIXELS || width > 32_768 {
            return Err(DetectError::Size { width, height });
        }
        if self.size != (width, height) {
            self.scales.clear();
            self.size = (width, height);
        }
        let picture = Image::<u8, 1>::from_size_slice(ImageSize { width, height }, grey)
            .map_err(|error| DetectError::Failed(error.to_string()))?;
        let shades = Shades {
            width,
            height,
            grey,
            light: lights(),
        };

        let mut best: Vec<Found> = Vec::new();
        let order: Vec<usize> = if self.scales.is_empty() {
            Self::SCALES.to_vec()
        } else {
            let tried: Vec<usize> = self.scales.iter().map(|(scale, _)| *scale).collect();
            let rest = Self::SCALES.into_iter().filter(|scale| !tried.contains(scale));
            tried.iter().copied().chain(rest).collect()
        };
        let mut winner = None;
        for scale in order {
            let before = best.len();
            for found in self.search(&picture, scale)? {
                if let Some(found) = self.believe(&found, &shades, lens) {
                    merge(&mut best, found);
                }
            }
            if best.len() > before {
                winner = Some(scale);
            }
            if best.len() >= Self::ENOUGH {
                break;
            }
        }
        if let Some(winner) = winner {
            self.scales.sort_by_key(|(scale, _)| *scale != winner);
        }
        best.sort_by_key(|found| found.id);
        Ok(best)
    }

    fn search(&mut self, picture: &Image<u8, 1>, scale: usize) -> Result<Vec<Detection>, DetectError> {
        let failed = |error: kornia_apriltag::errors::AprilTagError| DetectError::Failed(error.to_string());
        let index = match self.scales.iter().position(|(known, _)| *known == scale) {
            Some(index) => index,
            None => {
                let mut config = DecodeTagsConfig::new(vec![TagFamilyKind::Tag36H11]).map_err(failed)?;
                config.downscale_factor = scale;
                let decoder = AprilTagDecoder::new(config, picture.size()).map_err(failed)?;
                self.scales.push((scale, decoder));
                self.scales.len() - 1
            }
        };
        let Some((_, decoder)) = self.scales.get_mut(index) else {
            return Ok(Vec::new());
        };
        // A foreign library, fed by whatever a camera delivers: should it panic, one picture is lost, no thread.
        match catch_unwind(AssertUnwindSafe(|| {
            decoder.clear();
            decoder.decode(picture)
        })) {
            Ok(found) => found.map_err(failed),
            Err(_) => {
                self.scales.clear();
                Err(DetectError::Failed("it panicked".to_owned()))
            }
        }
    }

    /// The find with refined corners, if it is one of the board's and passes the gates.
    fn believe(&self, found: &Detection, shades: &Shades<'_>, lens: Option<&Intrinsics>) -> Option<Found> {
        board::tag(found.id)?;
        if found.hamming > self.gates.hamming
            || found.decision_margin.is_nan()
            || found.decision_margin < self.gates.margin
        {
            return None;
        }
        let rough = CORNERS.map(|corner| {
            let p = found.quad.homography_project(corner.x as f32, corner.y as f32);
            DVec2::new(f64::from(p.x), f64::from(p.y))
        });
        if !rough.iter().all(|corner| corner.is_finite()) || convex(rough) != 1 {
            return None;
        }
        let corners = refine(shades, rough, lens);
        let corners = if convex(corners) == 1 { corners } else { rough };
        let [a, b, c, d] = corners;
        let shortest = a
            .distance(b)
            .min(b.distance(c))
            .min(c.distance(d))
            .min(d.distance(a));
        (shortest >= self.gates.side).then_some(Found {
            id: found.id,
            hamming: found.hamming,
            margin: found.decision_margin,
            corners,
        })
    }
}

/// Adds a find; of two with one number the clearer stays, of two equally clear the larger.
fn merge(finds: &mut Vec<Found>, new: Found) {
    match finds.iter_mut().find(|old| old.id == new.id) {
        Some(old) => {
            let apart = old
                .corners
                .iter()
                .zip(&new.corners)
                .any(|(a, b)| a.distance(*b) > 4.0);
            let better = if apart {
                area(&new.corners) > area(&old.corners)
            } else {
                (new.hamming, -new.margin) < (old.hamming, -old.margin)
            };
            if better {
                *old = new;
            }
        }
        None => finds.push(new),
    }
}

/// A grey picture to sample. Shades are taken back to light: a lens blurs light, before the camera makes shades of it, and
/// an edge seen in shades would lie up to half a pixel inside the black.
struct Shades<'a> {
    width: usize,
    height: usize,
    grey: &'a [u8],
    light: &'static [f64; 256],
}

/// The light of each shade, 0 to 255 (sRGB's curve, which cameras follow about).
fn lights() -> &'static [f64; 256] {
    static LIGHTS: OnceLock<[f64; 256]> = OnceLock::new();
    LIGHTS.get_or_init(|| std::array::from_fn(|shade| light::linear(shade as u8) * 255.0))
}

impl Shades<'_> {
    /// The shade at a point in pixels, interpolated; `None` outside.
    fn at(&self, p: DVec2) -> Option<f64> {
        let (x, y) = (p.x - 0.5, p.y - 0.5);
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.width || row + 1 >= self.height {
            return None;
        }
        let (fx, fy) = (x - column as f64, y - row as f64);
        let start = row * self.width + column;
        let upper = self.grey.get(start..start + 2)?;
        let lower = self.grey.get(start + self.width..start + self.width + 2)?;
        let (&[a, b], &[c, d]) = (
            <&[u8; 2]>::try_from(upper).ok()?,
            <&[u8; 2]>::try_from(lower).ok()?,
        );
        let [a, b, c, d] =
            [a, b, c, d].map(|shade| self.light.get(usize::from(shade)).copied().unwrap_or(0.0));
        Some((a + (b - a) * fx) * (1.0 - fy) + (c + (d - c) * fx) * fy)
    }
}

/// Corners as crossings of lines fitted to the black square's four edges.
///
/// Across each edge the shades are summed: how much of a stretch is white says where the edge is, to a few
/// hundredths of a pixel, whether it is sharp or blurred. The levels of black and white are taken from either end.
fn refine(shades: &Shades<'_>, rough: [DVec2; 4], lens: Option<&Intrinsics>) -> [DVec2; 4] {
    let bent = lens.filter(|lens| lens.is_distorted());
    // Lines are straight where the lens's distortion is undone; scaled by the focal length to stay in pixels.
    let straight = |p: DVec2| match bent {
        Some(lens) => lens.direction(p) * lens.fx,
        None => p,
    };
    let back = |p: DVec2| match bent {
        Some(lens) => lens.pixel(p / lens.fx),
        None => p,
    };
    let mut corners = rough;
    for _ in 0..2 {
        let middle = corners.iter().sum::<DVec2>() / 4.0;
        let [a, b, c, d] = corners;
        let lines = [(a, b), (b, c), (c, d), (d, a)].map(|(from, to)| {
            let points = edge(shades, from, to, middle, straight, back);
            fit(&points)
        });
        let [ab, bc, cd, da] = lines;
        let crossings = [(da, ab), (ab, bc), (bc, cd), (cd, da)];
        let mut next = corners;
        for ((corner, old), (p, q)) in next.iter_mut().zip(corners).zip(crossings) {
            if let Some(crossing) = p.zip(q).and_then(|(p, q)| cross(p, q)).map(back)
                && crossing.is_finite()
                && crossing.distance(old) < 3.0
            {
                *corner = crossing;
            }
        }
        corners = next;
    }
    corners
}

/// Points on an edge of a black square, made straight.
fn edge(
    shades: &Shades<'_>,
    from: DVec2,
    to: DVec2,
    middle: DVec2,
    straight: impl Fn(DVec2) -> DVec2,
    back: impl Fn(DVec2) -> DVec2,
) -> Vec<DVec2> {
    /// Samples in a pixel across the edge.
    const FINE: f64 = 4.0;
    let (from, to) = (straight(from), straight(to));
    let middle = straight(middle);
    let along = (to - from).normalize_or_zero();
    let mut out = along.perp();
    if out.dot((from + to) / 2.0 - middle) < 0.0 {
        out = -out;
    }
    let length = from.distance(to);
    // How far the next white cell inside may be: less than a cell, however steep the view.
    let depth = 2.0 * (middle - from).perp_dot(along).abs();
    let cell = depth / CELLS as f64;
    let reach = (cell * 0.75).clamp(1.25, 5.0);
    let steps = (reach * FINE).round() as i32;
    let count = (length * 0.8).clamp(8.0, 96.0) as usize;

    let mut profiles: Vec<(DVec2, Vec<f64>)> = Vec::with_capacity(count);
    for index in 0..count {
        let t = 0.06 + 0.88 * (index as f64 + 0.5) / count as f64;
        let at = from.lerp(to, t);
        let shades: Option<Vec<f64>> = (-steps..=steps)
            .map(|step| shades.at(back(at + out * (f64::from(step) / FINE))))
            .collect();
        if let Some(shades) = shades {
            profiles.push((at, shades));
        }
    }
    // Levels from the ends of the profiles nearby: light varies slowly along an edge, noise doesn't.
    let ends: Vec<(f64, f64)> = profiles
        .iter()
        .map(|(_, profile)| {
            let share = (profile.len() / 6).max(1);
            let mean =
                |values: &mut dyn Iterator<Item = &f64>| values.take(share).sum::<f64>() / share as f64;
            (mean(&mut profile.iter()), mean(&mut profile.iter().rev()))
        })
        .collect();
    let around = (count / 4).max(3);
    let mut points = Vec::with_capacity(profiles.len());
    for (index, (at, profile)) in profiles.iter().enumerate() {
        let near = ends
            .iter()
            .skip(index.saturating_sub(around))
            .take(2 * around + 1);
        let (mut black, mut white, mut number) = (0.0, 0.0, 0.0);
        for (b, w) in near {
            black += b;
            white += w;
            number += 1.0;
        }
        let (black, white) = (black / number, white / number);
        if white - black < 3.0 {
            continue;
        }
        let last = profile.len() - 1;
        let whole: f64 = profile
            .iter()
            .enumerate()
            .map(|(i, shade)| if i == 0 || i == last { shade / 2.0 } else { *shade })
            .sum::<f64>();
        let span = 2.0 * f64::from(steps) / FINE;
        let light = (whole / FINE - black * span) / (white - black);
        let offset = f64::from(steps) / FINE - light;
        if offset.abs() < reach {
            points.push(*at + out * offset);
        }
    }
    points
}

/// A line through points, as a point of it and its direction; those far off are left out.
fn fit(points: &[DVec2]) -> Option<(DVec2, DVec2)> {
    let mut kept: Vec<DVec2> = points.to_vec();
    for _ in 0..3 {
        if kept.len() < 5 {
            return None;
        }
        let mean = kept.iter().sum::<DVec2>() / kept.len() as f64;
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for point in &kept {
            let d = *point - mean;
            xx += d.x * d.x;
            xy += d.x * d.y;
            yy += d.y * d.y;
        }
        let along = DVec2::from_angle(0.5 * (2.0 * xy).atan2(xx - yy));
        let mut off: Vec<f64> = kept
            .iter()
            .map(|point| along.perp_dot(*point - mean).abs())
            .collect();
        off.sort_by(f64::total_cmp);
        let median = off.get(off.len() / 2).copied().unwrap_or(0.0);
        let limit = (median * 3.0).max(0.15);
        let before = kept.len();
        kept.retain(|point| along.perp_dot(*point - mean).abs() <= limit);
        if kept.len() == before {
            return Some((mean, along));
        }
    }
    let mean = kept.iter().sum::<DVec2>() / kept.len().max(1) as f64;
    let spread: DVec2 = kept.iter().map(|point| (*point - mean) * (*point - mean)).sum();
    let xy: f64 = kept
        .iter()
        .map(|point| (point.x - mean.x) * (point.y - mean.y))
        .sum();
    (kept.len() >= 5).then(|| {
        (
            mean,
            DVec2::from_angle(0.5 * (2.0 * xy).atan2(spread.x - spread.y)),
        )
    })
}

/// Where two lines cross.
fn cross(p: (DVec2, DVec2), q: (DVec2, DVec2)) -> Option<DVec2> {
    let turn = p.1.perp_dot(q.1);
    (turn.abs() > 0.05).then(|| p.0 + p.1 * ((q.0 - p.0).perp_dot(q.1) / turn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_pictures_are_refused() {
        let mut detector = Detector::default();
        assert!(matches!(
            detector.detect(100, 100, &[0; 5], None),
            Err(DetectError::Length { .. })
        ));
        assert!(matches!(
            detector.detect(3, 3, &[0; 9], None),
            Err(DetectError::Size { .. })
        ));
        assert!(matches!(
            detector.detect(0, 0, &[], None),
            Err(DetectError::Size { .. })
        ));
        assert!(detector.detect(usize::MAX, 2, &[0; 9], None).is_err());
    }

    #[test]
    fn pictures_without_tags_have_none() {
        let mut detector = Detector::default();
        let stripes: Vec<u8> = (0..200 * 120).map(|i| if i % 2 == 0 { 0 } else { 255 }).collect();
        assert!(detector.detect(200, 120, &stripes, None).unwrap().is_empty());
        assert!(
            detector
                .detect(200, 120, &vec![128; 200 * 120], None)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn noise_of_any_size_does_no_harm() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut detector = Detector::default();
        for (width, height) in [(32, 32), (33, 47), (64, 32), (127, 333), (500, 33), (641, 481)] {
            for kind in 0..4 {
                let grey: Vec<u8> = (0..width * height)
                    .map(|i| match kind {
                        0 => random(),
                        1 => random() / 128 * 255,
                        2 => ((i % width / 3 + i / width / 3) % 2 * 255) as u8,
                        _ => (i * 255 / (width * height)) as u8,
                    })
                    .collect();
                assert!(detector.detect(width, height, &grey, None).unwrap().is_empty());
            }
        }
    }
}
