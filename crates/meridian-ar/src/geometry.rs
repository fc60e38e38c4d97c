//! Rigid motions, homographies and the little linear algebra they need.

use glam::{DMat3, DQuat, DVec2, DVec3};

/// A rigid motion from the board's frame to the camera's: `camera = rotation × board + translation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Board to camera, a unit quaternion.
    pub rotation: DQuat,
    /// The board's middle in the camera's frame, in metres.
    pub translation: DVec3,
}

impl Pose {
    /// From a rotation and a translation in metres.
    pub fn new(rotation: DQuat, translation: DVec3) -> Self {
        Self {
            rotation,
            translation,
        }
    }

    /// A camera at `eye` that looks at `target`, with the board's `up` upwards in the picture (all in the board's
    /// frame, metres). Where `up` is along the line of sight, the board's -Z is upwards.
    pub fn looking_at(eye: DVec3, target: DVec3, up: DVec3) -> Self {
        let forward = (target - eye).try_normalize().unwrap_or(DVec3::NEG_Y);
        let right = forward
            .cross(up)
            .try_normalize()
            .or_else(|| forward.cross(DVec3::NEG_Z).try_normalize())
            .unwrap_or(DVec3::X);
        let down = forward.cross(right);
        let rotation = DQuat::from_mat3(&DMat3::from_cols(right, down, forward).transpose());
        Self::new(rotation, -(rotation * eye))
    }

    /// A point of the board's frame in the camera's, metres.
    pub fn apply(&self, point: DVec3) -> DVec3 {
        self.rotation * point + self.translation
    }

    /// The motion the other way.
    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.inverse();
        Self::new(rotation, -(rotation * self.translation))
    }

    /// Where the camera is in the board's frame, metres.
    pub fn eye(&self) -> DVec3 {
        -(self.rotation.inverse() * self.translation)
    }

    /// The camera as a renderer's transform in the board's frame: its place in metres, and its rotation for a camera
    /// with +X right, +Y up that looks along -Z.
    pub fn viewer(&self) -> (DVec3, DQuat) {
        let flip = DQuat::from_rotation_x(std::f64::consts::PI);
        (self.eye(), (self.rotation.inverse() * flip).normalize())
    }

    /// From a renderer's camera in the board's frame, the inverse of [`Pose::viewer`].
    pub fn from_viewer(eye: DVec3, rotation: DQuat) -> Self {
        let flip = DQuat::from_rotation_x(std::f64::consts::PI);
        let rotation = (rotation * flip).inverse().normalize();
        Self::new(rotation, -(rotation * eye))
    }

    /// How far two poses are apart: metres between translations, radians between rotations.
    pub fn distance(&self, other: &Self) -> (f64, f64) {
        let turn = self.rotation.inverse() * other.rotation;
        let angle = 2.0 * turn.xyz().length().atan2(turn.w.abs());
        (self.translation.distance(other.translation), angle)
    }

    /// Whether every number in it is finite.
    pub fn is_finite(&self) -> bool {
        self.rotation.is_finite() && self.translation.is_finite()
    }

    /// The pose after a small motion in the camera's frame: `turn` a rotation vector in radians, `shift` in metres.
    pub fn nudged(&self, turn: DVec3, shift: DVec3) -> Self {
        Self::new(
            (DQuat::from_scaled_axis(turn) * self.rotation).normalize(),
            self.translation + shift,
        )
    }
}

/// A projective map of the plane, row by row; the last entry is what the other eight leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography(pub DMat3);

impl Homography {
    /// The map that takes four points to four others; `None` where three of either lie on a line.
    pub fn from_four(from: [DVec2; 4], to: [DVec2; 4]) -> Option<Self> {
        let pairs: Vec<(DVec2, DVec2)> = from.into_iter().zip(to).collect();
        Self::fit(&pairs)
    }

    /// The map that takes the first of each pair to the second, in the least-squares sense; at least four pairs.
    /// `None` where they don't determine one.
    pub fn fit(pairs: &[(DVec2, DVec2)]) -> Option<Self> {
        if pairs.len() < 4 {
            return None;
        }
        let from = Normaliser::of(pairs.iter().map(|pair| pair.0))?;
        let to = Normaliser::of(pairs.iter().map(|pair| pair.1))?;
        let mut normal = Normal::new(8);
        for (source, target) in pairs {
            let (p, q) = (from.apply(*source), to.apply(*target));
            normal.add(&[p.x, p.y, 1.0, 0.0, 0.0, 0.0, -q.x * p.x, -q.x * p.y], q.x, 1.0);
            normal.add(&[0.0, 0.0, 0.0, p.x, p.y, 1.0, -q.y * p.x, -q.y * p.y], q.y, 1.0);
        }
        let h = normal.solve(0.0)?;
        let [a, b, c, d, e, f, g, i] = <[f64; 8]>::try_from(h).ok()?;
        let inner = DMat3::from_cols(DVec3::new(a, d, g), DVec3::new(b, e, i), DVec3::new(c, f, 1.0));
        let whole = to.inverse() * inner * from.matrix();
        let scale = whole.z_axis.z;
        let whole = if scale.abs() > 1e-12 {
            whole * scale.recip()
        } else {
            whole
        };
        (whole.is_finite() && whole.determinant().abs() > 1e-18).then_some(Self(whole))
    }

    /// Where a point goes.
    pub fn apply(&self, point: DVec2) -> DVec2 {
        let p = self.0 * point.extend(1.0);
        p.truncate() / p.z
    }

    /// The map that undoes this one.
    pub fn inverse(&self) -> Self {
        Self(self.0.inverse())
    }
}

/// Moves points to mean zero and spread one, so that equations are well conditioned.
struct Normaliser {
    mean: DVec2,
    scale: f64,
}

impl Normaliser {
    fn of(points: impl Iterator<Item = DVec2> + Clone) -> Option<Self> {
        let count = points.clone().count() as f64;
        let mean = points.clone().sum::<DVec2>() / count;
        let spread = (points.map(|point| point.distance_squared(mean)).sum::<f64>() / count).sqrt();
        (mean.is_finite() && spread.is_finite() && spread > 1e-12).then(|| Self {
            mean,
            scale: spread.recip(),
        })
    }

    fn apply(&self, point: DVec2) -> DVec2 {
        (point - self.mean) * self.scale
    }

    fn matrix(&self) -> DMat3 {
        DMat3::from_cols(
            DVec3::new(self.scale, 0.0, 0.0),
            DVec3::new(0.0, self.scale, 0.0),
            DVec3::new(-self.mean.x * self.scale, -self.mean.y * self.scale, 1.0),
        )
    }

    fn inverse(&self) -> DMat3 {
        let wide = self.scale.recip();
        DMat3::from_cols(
            DVec3::new(wide, 0.0, 0.0),
            DVec3::new(0.0, wide, 0.0),
            DVec3::new(self.mean.x, self.mean.y, 1.0),
        )
    }
}

/// Normal equations of a least-squares problem, gathered one row at a time.
#[derive(Debug, Clone)]
pub struct Normal {
    size: usize,
    /// Lower triangle, row by row, `size × size`.
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl Normal {
    /// For `size` unknowns.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            matrix: vec![0.0; size * size],
            right: vec![0.0; size],
        }
    }

    /// Adds `row · x = value` with a weight. Entries beyond the number of unknowns are ignored.
    pub fn add(&mut self, row: &[f64], value: f64, weight: f64) {
        let entries: Vec<(usize, f64)> = row
            .iter()
            .copied()
            .enumerate()
            .take(self.size)
            .filter(|(_, entry)| *entry != 0.0)
            .collect();
        self.add_sparse(&entries, value, weight);
    }

    /// The same, of the row's entries that aren't zero: (column, entry), columns ascending.
    pub fn add_sparse(&mut self, row: &[(usize, f64)], value: f64, weight: f64) {
        for (index, (i, a)) in row.iter().enumerate() {
            if let Some(right) = self.right.get_mut(*i) {
                *right += weight * a * value;
            }
            for (j, b) in row.iter().take(index + 1) {
                if let Some(entry) = self.matrix.get_mut(i * self.size + j) {
                    *entry += weight * a * b;
                }
            }
        }
    }

    /// The solution, each diagonal entry made larger by the factor `1 + damping` (Marquardt's); `None` where the
    /// equations don't determine one.
    pub fn solve(&self, damping: f64) -> Option<Vec<f64>> {
        let n = self.size;
        let mut lower = self.matrix.clone();
        let at = |matrix: &[f64], i: usize, j: usize| matrix.get(i * n + j).copied().unwrap_or(0.0);
        for i in 0..n {
            for j in 0..=i {
                let mut sum = at(&lower, i, j);
                if i == j {
                    sum += sum * damping;
                }
                let whole = sum;
                for k in 0..j {
                    sum -= at(&lower, i, k) * at(&lower, j, k);
                }
                let entry = if i == j {
                    if sum.is_nan() || sum <= whole.abs() * 1e-14 || sum < 1e-280 {
                        return None;
                    }
                    sum.sqrt()
                } else {
                    sum / at(&lower, j, j)
                };
                if let Some(slot) = lower.get_mut(i * n + j) {
                    *slot = entry;
                }
            }
        }
        let mut x = self.right.clone();
        for i in 0..n {
            let known: f64 = x
                .iter()
                .take(i)
                .enumerate()
                .map(|(j, y)| at(&lower, i, j) * y)
                .sum();
            if let Some(y) = x.get_mut(i) {
                *y = (*y - known) / at(&lower, i, i);
            }
        }
        for i in (0..n).rev() {
            let known: f64 = x
                .iter()
                .enumerate()
                .skip(i + 1)
                .map(|(j, y)| at(&lower, j, i) * y)
                .sum();
            if let Some(y) = x.get_mut(i) {
                *y = (*y - known) / at(&lower, i, i);
            }
        }
        x.iter().all(|entry| entry.is_finite()).then_some(x)
    }
}

/// Whether four points, in order, bound a convex figure: 1 where they turn clockwise in a picture (+Y down), -1 the
/// other way, 0 where the figure is not convex or has a corner without an angle.
pub fn convex(corners: [DVec2; 4]) -> i32 {
    let [a, b, c, d] = corners;
    let turns = [(a, b, c), (b, c, d), (c, d, a), (d, a, b)]
        .map(|(p, q, r)| (q - p).normalize_or_zero().perp_dot((r - q).normalize_or_zero()));
    if turns.iter().all(|turn| *turn > 0.01) {
        1
    } else if turns.iter().all(|turn| *turn < -0.01) {
        -1
    } else {
        0
    }
}

/// The area of the figure that points bound, in order, in square pixels (never negative).
pub fn area(corners: &[DVec2]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    corners
        .iter()
        .zip(next)
        .map(|(p, q)| p.perp_dot(*q))
        .sum::<f64>()
        .abs()
        / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_and_its_inverse_cancel() {
        let pose = Pose::looking_at(DVec3::new(0.3, 0.5, 0.7), DVec3::ZERO, DVec3::Y);
        let point = DVec3::new(0.1, 0.02, -0.05);
        assert!(pose.inverse().apply(pose.apply(point)).distance(point) < 1e-12);
        assert!(pose.eye().distance(DVec3::new(0.3, 0.5, 0.7)) < 1e-12);
        assert!((pose.apply(DVec3::ZERO).truncate()).length() < 1e-12);
        assert!(pose.apply(DVec3::Y * 0.1).y < 0.0, "up is up in the picture");
    }

    #[test]
    fn the_viewer_looks_along_minus_z() {
        let eye = DVec3::new(0.0, 0.4, 0.6);
        let pose = Pose::looking_at(eye, DVec3::ZERO, DVec3::Y);
        let (place, rotation) = pose.viewer();
        assert!(place.distance(eye) < 1e-12);
        assert!((rotation * DVec3::NEG_Z).distance(-eye.normalize()) < 1e-12);
        assert!((rotation * DVec3::X).distance(DVec3::X) < 1e-12);
        let (metres, radians) = Pose::from_viewer(place, rotation).distance(&pose);
        assert!(metres < 1e-12 && radians < 1e-7);
    }

    #[test]
    fn four_points_give_their_homography() {
        let from = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(DVec2::from);
        let to = [(100.0, 80.0), (420.0, 95.0), (390.0, 330.0), (120.0, 300.0)].map(DVec2::from);
        let map = Homography::from_four(from, to).unwrap();
        for (p, q) in from.into_iter().zip(to) {
            assert!(map.apply(p).distance(q) < 1e-9);
            assert!(map.inverse().apply(q).distance(p) < 1e-9);
        }
        assert!(Homography::from_four(from, [DVec2::ONE; 4]).is_none());
    }

    #[test]
    fn normal_equations_are_solved() {
        let mut normal = Normal::new(3);
        let truth = [1.5, -2.0, 0.25];
        for row in [
            [1.0, 2.0, 3.0],
            [0.0, 1.0, -1.0],
            [2.0, 0.5, 0.0],
            [1.0, 1.0, 1.0],
        ] {
            normal.add(&row, row.iter().zip(truth).map(|(a, b)| a * b).sum(), 1.0);
        }
        let x = normal.solve(0.0).unwrap();
        assert!(x.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(Normal::new(2).solve(0.0).is_none());
    }

    #[test]
    fn convexity() {
        let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(DVec2::from);
        assert_eq!(convex(square), 1);
        let [a, b, c, d] = square;
        assert_eq!(convex([a, d, c, b]), -1);
        assert_eq!(convex([a, c, b, d]), 0);
        assert_eq!(convex([a, b, DVec2::new(0.2, 0.2), d]), 0);
        assert!((area(&square) - 1.0).abs() < 1e-12);
    }
}
