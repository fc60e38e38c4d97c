//! The camera's lens: pinhole and radial-tangential distortion, from a calibration file or a guess.
//!
//! A calibration file is TOML:
//!
//! ```toml
//! width = 1280      # the picture's size in pixels for which the figures hold
//! height = 720
//! fx = 912.4        # focal lengths in pixels
//! fy = 911.8
//! cx = 641.2        # where the lens looks, in pixels; the first pixel's middle is at 0.5
//! cy = 358.9
//! k1 = -0.04        # distortion, each 0 where it is left out
//! k2 = 0.02
//! p1 = 0.0
//! p2 = 0.0
//! k3 = 0.0
//! rms = 0.21        # pixels, what the calibration left over; may be left out
//! ```
//!
//! Files of OpenCV (`.yml`, `.yaml`, `.json` with `camera_matrix`) are read too; their pixel's middles are at whole
//! numbers, which is taken into account.

use std::path::{Path, PathBuf};

use glam::{DMat4, DVec2, DVec3, DVec4};
use serde::{Deserialize, Serialize};

use super::geometry::Pose;

/// The field of view over the picture's diagonal that is assumed of an unknown camera, degrees.
pub const GUESSED_VIEW: f64 = 60.0;

/// The most pixels a picture may have across or down.
pub const MAX_SIDE: u32 = 16_384;

/// A camera's lens at one picture size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intrinsics {
    /// The picture's width in pixels.
    pub width: u32,
    /// The picture's height in pixels.
    pub height: u32,
    /// The focal length across, pixels.
    pub fx: f64,
    /// The focal length down, pixels.
    pub fy: f64,
    /// Where the lens looks, pixels from the left edge (the first pixel's middle is at 0.5).
    pub cx: f64,
    /// Where the lens looks, pixels from the upper edge.
    pub cy: f64,
    /// Radial-tangential distortion: k1, k2, p1, p2, k3.
    pub distortion: [f64; 5],
    /// Guessed rather than measured: scale and place are then roughly right only.
    pub estimated: bool,
    /// What the calibration left over, pixels.
    pub rms: Option<f64>,
}

/// A calibration file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IntrinsicsError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a calibration.
    #[error("{path}: {problem}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// It can't be written.
    #[error("{path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The file's keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    width: u32,
    height: u32,
    fx: f64,
    fy: f64,
    cx: f64,
    cy: f64,
    #[serde(default)]
    k1: f64,
    #[serde(default)]
    k2: f64,
    #[serde(default)]
    p1: f64,
    #[serde(default)]
    p2: f64,
    #[serde(default)]
    k3: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rms: Option<f64>,
}

impl Intrinsics {
    /// A lens without distortion whose field of view over the picture's diagonal is given in degrees, marked as a guess.
    pub fn guess(width: u32, height: u32, degrees: f64) -> Self {
        let diagonal = f64::from(width).hypot(f64::from(height));
        let focal = diagonal / 2.0 / (degrees.clamp(5.0, 160.0).to_radians() / 2.0).tan();
        Self::plain(width, height, focal)
    }

    /// A lens without distortion that looks at the picture's middle, its focal length in pixels, marked as a guess.
    pub fn plain(width: u32, height: u32, focal: f64) -> Self {
        Self {
            width,
            height,
            fx: focal,
            fy: focal,
            cx: f64::from(width) / 2.0,
            cy: f64::from(height) / 2.0,
            distortion: [0.0; 5],
            estimated: true,
            rms: None,
        }
    }

    /// Reads a calibration file: TOML, or OpenCV's YAML or JSON by the name's ending.
    ///
    /// # Errors
    /// [`IntrinsicsError`] naming the file and the key.
    pub fn load(path: &Path) -> Result<Self, IntrinsicsError> {
        let text = std::fs::read_to_string(path).map_err(|source| IntrinsicsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_default();
        let parsed = match ending.as_str() {
            "yml" | "yaml" | "json" => Self::from_opencv(&text),
            _ => Self::from_toml(&text),
        };
        parsed.map_err(|problem| IntrinsicsError::Unusable {
            path: path.to_owned(),
            problem,
        })
    }

    /// Writes a calibration file (TOML).
    ///
    /// # Errors
    /// [`IntrinsicsError::Unwritable`].
    pub fn save(&self, path: &Path) -> Result<(), IntrinsicsError> {
        std::fs::write(path, self.to_toml()).map_err(|source| IntrinsicsError::Unwritable {
            path: path.to_owned(),
            source,
        })
    }

    /// The calibration file's text.
    pub fn to_toml(&self) -> String {
        let [k1, k2, p1, p2, k3] = self.distortion;
        let document = Document {
            width: self.width,
            height: self.height,
            fx: self.fx,
            fy: self.fy,
            cx: self.cx,
            cy: self.cy,
            k1,
            k2,
            p1,
            p2,
            k3,
            rms: self.rms,
        };
        toml::to_string(&document).unwrap_or_default()
    }

    /// From a calibration file's text.
    ///
    /// # Errors
    /// What is wrong, naming the key.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let read: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        Self {
            width: read.width,
            height: read.height,
            fx: read.fx,
            fy: read.fy,
            cx: read.cx,
            cy: read.cy,
            distortion: [read.k1, read.k2, read.p1, read.p2, read.k3],
            estimated: false,
            rms: read.rms,
        }
        .checked()
    }

    /// From the text of OpenCV's calibration file (YAML or JSON): `image_width`, `image_height`, `camera_matrix` and
    /// `distortion_coefficients`.
    ///
    /// # Errors
    /// What is wrong, naming the key.
    pub fn from_opencv(text: &str) -> Result<Self, String> {
        let plain = text.replace('"', " ");
        let size = |key: &str| -> Result<u32, String> {
            let after = plain
                .split_once(key)
                .ok_or_else(|| format!("{key} is missing"))?
                .1;
            let digits: String = after
                .chars()
                .skip_while(|c| c.is_whitespace() || *c == ':')
                .take_while(char::is_ascii_digit)
                .collect();
            digits
                .parse()
                .map_err(|_| format!("{key}: a whole number is needed"))
        };
        let numbers = |key: &str| -> Result<Vec<f64>, String> {
            let after = plain
                .split_once(key)
                .ok_or_else(|| format!("{key} is missing"))?
                .1;
            let after = after.split_once("data").map_or(after, |(_, rest)| rest);
            let list = after
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
                .ok_or_else(|| format!("{key}: data: [ … ] is needed"))?
                .0;
            list.split(',')
                .map(|number| {
                    number
                        .trim()
                        .parse::<f64>()
                        .map_err(|_| format!("{key}: {:?} isn't a number", number.trim()))
                })
                .collect()
        };
        let matrix = numbers("camera_matrix")?;
        let [fx, skew, cx, _, fy, cy, _, _, _] = matrix.as_slice() else {
            return Err(format!(
                "camera_matrix: nine numbers are needed, {} are there",
                matrix.len()
            ));
        };
        if skew.abs() > 1e-3 * fx.abs() {
            return Err(format!(
                "camera_matrix: a skew of {skew} can't be used, 0 is needed"
            ));
        }
        let read = numbers("distortion_coefficients").or_else(|error| {
            if plain.contains("distortion_coefficients") {
                Err(error)
            } else {
                Ok(Vec::new())
            }
        })?;
        if read.iter().skip(5).any(|value| *value != 0.0) {
            return Err(format!(
                "distortion_coefficients: {} of them can't be used, at most five are (k1, k2, p1, p2, k3)",
                read.len()
            ));
        }
        let mut distortion = [0.0; 5];
        for (slot, value) in distortion.iter_mut().zip(read) {
            *slot = value;
        }
        Self {
            width: size("image_width")?,
            height: size("image_height")?,
            fx: *fx,
            fy: *fy,
            cx: cx + 0.5,
            cy: cy + 0.5,
            distortion,
            estimated: false,
            rms: None,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, String> {
        for (key, size) in [("width", self.width), ("height", self.height)] {
            if !(16..=MAX_SIDE).contains(&size) {
                return Err(format!(
                    "{key}: {size} pixels is out of range: it must be 16 to {MAX_SIDE}"
                ));
            }
        }
        let wide = f64::from(self.width.max(self.height));
        for (key, focal) in [("fx", self.fx), ("fy", self.fy)] {
            if !(focal.is_finite() && (wide * 0.05..=wide * 100.0).contains(&focal)) {
                return Err(format!(
                    "{key}: {focal} pixels isn't a focal length of a picture {wide} pixels wide; about {wide:.0} is usual"
                ));
            }
        }
        for (key, value, size) in [("cx", self.cx, self.width), ("cy", self.cy, self.height)] {
            let size = f64::from(size);
            if !(value.is_finite() && (-size..=2.0 * size).contains(&value)) {
                return Err(format!(
                    "{key}: {value} is far outside the picture; about {} is usual",
                    size / 2.0
                ));
            }
        }
        for (key, value) in ["k1", "k2", "p1", "p2", "k3"].iter().zip(self.distortion) {
            if !(value.is_finite() && value.abs() <= 20.0) {
                return Err(format!("{key}: {value} is out of range: it must be -20 to 20"));
            }
        }
        if let Some(rms) = self.rms
            && !(rms.is_finite() && rms >= 0.0)
        {
            return Err(format!("rms: {rms} pixels; 0 or more is needed"));
        }
        Ok(self)
    }

    /// The same lens for another picture size. Where the shape differs, the larger picture's middle was cut out, as
    /// cameras do.
    pub fn scaled(&self, width: u32, height: u32) -> Self {
        if (width, height) == (self.width, self.height) {
            return *self;
        }
        let (old_w, old_h) = (f64::from(self.width), f64::from(self.height));
        let (new_w, new_h) = (f64::from(width), f64::from(height));
        // A camera scales to the size that covers, and cuts what reaches over.
        let scale = (new_w / old_w).max(new_h / old_h);
        Self {
            width,
            height,
            fx: self.fx * scale,
            fy: self.fy * scale,
            cx: (self.cx - old_w / 2.0) * scale + new_w / 2.0,
            cy: (self.cy - old_h / 2.0) * scale + new_h / 2.0,
            rms: self.rms.map(|rms| rms * scale),
            ..*self
        }
    }

    /// The field of view from the picture's upper to its lower edge, radians.
    pub fn vertical_view(&self) -> f64 {
        2.0 * (f64::from(self.height) / 2.0 / self.fy).atan()
    }

    /// A renderer's projection that draws as this lens sees, its distortion left out: for a camera with +Y up that looks
    /// along -Z, depth 1 at `near` metres and 0 at infinity.
    pub fn clip_from_view(&self, near: f64) -> DMat4 {
        let (w, h) = (f64::from(self.width), f64::from(self.height));
        DMat4::from_cols(
            DVec4::new(2.0 * self.fx / w, 0.0, 0.0, 0.0),
            DVec4::new(0.0, 2.0 * self.fy / h, 0.0, 0.0),
            DVec4::new(1.0 - 2.0 * self.cx / w, 2.0 * self.cy / h - 1.0, 0.0, -1.0),
            DVec4::new(0.0, 0.0, near, 0.0),
        )
    }

    /// Where in the camera's picture (pixels) that is found which a lens without distortion would see at `straight`
    /// (pixels). A backdrop drawn as a grid with these as its texture's coordinates fits [`Self::clip_from_view`].
    pub fn bent(&self, straight: DVec2) -> DVec2 {
        self.pixel(DVec2::new(
            (straight.x - self.cx) / self.fx,
            (straight.y - self.cy) / self.fy,
        ))
    }

    /// Whether lines that are straight in the scene are bent in the picture.
    pub fn is_distorted(&self) -> bool {
        self.distortion.iter().any(|value| *value != 0.0)
    }

    /// A direction (x and y where z is 1) with the lens's distortion.
    pub fn distort(&self, p: DVec2) -> DVec2 {
        let [k1, k2, p1, p2, k3] = self.distortion;
        let r2 = p.length_squared();
        let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        DVec2::new(
            p.x * radial + 2.0 * p1 * p.x * p.y + p2 * (r2 + 2.0 * p.x * p.x),
            p.y * radial + p1 * (r2 + 2.0 * p.y * p.y) + 2.0 * p2 * p.x * p.y,
        )
    }

    /// Where a direction (x and y where z is 1) falls in the picture, pixels.
    pub fn pixel(&self, direction: DVec2) -> DVec2 {
        let p = if self.is_distorted() {
            self.distort(direction)
        } else {
            direction
        };
        DVec2::new(self.fx * p.x + self.cx, self.fy * p.y + self.cy)
    }

    /// From where a pixel is seen: x and y where z is 1, the distortion undone.
    pub fn direction(&self, pixel: DVec2) -> DVec2 {
        let seen = DVec2::new((pixel.x - self.cx) / self.fx, (pixel.y - self.cy) / self.fy);
        if !self.is_distorted() {
            return seen;
        }
        let mut p = seen;
        for _ in 0..20 {
            let error = self.distort(p) - seen;
            p -= error;
            if error.length_squared() < 1e-24 {
                break;
            }
        }
        // Beyond the lens's reach the iteration runs away; what was seen is nearer then.
        if p.is_finite() && self.distort(p).distance(seen) < 1e-3 {
            p
        } else {
            seen
        }
    }

    /// Where a point of the board's frame (metres) is seen, pixels; `None` behind the camera.
    pub fn project(&self, pose: &Pose, point: DVec3) -> Option<DVec2> {
        let p = pose.apply(point);
        (p.z > 1e-6).then(|| self.pixel(p.truncate() / p.z))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent() -> Intrinsics {
        Intrinsics {
            distortion: [-0.21, 0.06, 0.001, -0.0007, 0.002],
            ..Intrinsics::plain(1280, 720, 910.0)
        }
    }

    #[test]
    fn distortion_is_undone() {
        let lens = bent();
        for (x, y) in [(5.0, 7.0), (640.0, 360.0), (1275.0, 12.0), (300.5, 700.0)] {
            let pixel = DVec2::new(x, y);
            assert!(
                lens.pixel(lens.direction(pixel)).distance(pixel) < 1e-6,
                "{pixel}"
            );
        }
    }

    #[test]
    fn a_file_is_read_as_written() {
        let lens = Intrinsics {
            estimated: false,
            rms: Some(0.2),
            ..bent()
        };
        assert_eq!(Intrinsics::from_toml(&lens.to_toml()).unwrap(), lens);
    }

    #[test]
    fn wrong_files_are_refused_by_name() {
        let good = bent().to_toml();
        for (from, to, said) in [
            ("fx =", "focal =", "focal"),
            ("fx = 910.0", "fx = nan", "fx"),
            ("fx = 910.0", "fx = 1.0", "fx"),
            ("width = 1280", "width = 0", "width"),
            ("width = 1280", "width = -4", "width"),
            ("k1 = -0.21", "k1 = 1e9", "k1"),
            ("cy = 360.0", "cy = inf", "cy"),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            let problem = Intrinsics::from_toml(&text).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn opencv_files_are_read() {
        let yaml = "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\ncamera_matrix: !!opencv-matrix\n   rows: 3\n   \
            cols: 3\n   dt: d\n   data: [ 500.5, 0., 319.5, 0.,\n       501., 239.5, 0., 0., 1. ]\n\
            distortion_coefficients: !!opencv-matrix\n   rows: 5\n   cols: 1\n   data: [ 0.1, -0.2, 0., 0., 0.05 ]\n";
        let lens = Intrinsics::from_opencv(yaml).unwrap();
        assert_eq!((lens.width, lens.cx, lens.fy), (640, 320.0, 501.0));
        assert_eq!(lens.distortion, [0.1, -0.2, 0.0, 0.0, 0.05]);
        let json = r#"{"image_width": 640, "image_height": 480, "camera_matrix": {"data": [500, 0, 320, 0, 500, 240, 0, 0, 1]}}"#;
        assert_eq!(Intrinsics::from_opencv(json).unwrap().fx, 500.0);
        assert!(
            Intrinsics::from_opencv("camera_matrix: 4")
                .unwrap_err()
                .contains("camera_matrix")
        );
        assert!(Intrinsics::from_opencv("").is_err());
    }

    #[test]
    fn scaling_keeps_directions() {
        let lens = bent();
        let half = lens.scaled(640, 360);
        let p = lens.direction(DVec2::new(900.0, 200.0));
        assert!(half.direction(DVec2::new(450.0, 100.0)).distance(p) < 1e-9);
        // 4:3 out of 16:9: the sides are cut off.
        let cut = lens.scaled(960, 720);
        assert!((cut.fx - lens.fx).abs() < 1e-9 && (cut.cx - 480.0).abs() < 1e-9);
    }

    #[test]
    fn a_guess_has_its_field_of_view() {
        let lens = Intrinsics::guess(1280, 720, 60.0);
        let corner = lens.direction(DVec2::ZERO);
        assert!((corner.length().atan().to_degrees() - 30.0).abs() < 1e-9);
        assert!(lens.estimated);
    }

    #[test]
    fn the_projection_draws_where_the_lens_sees() {
        let lens = Intrinsics {
            cx: 655.0,
            cy: 340.0,
            ..bent()
        };
        let pose = Pose::looking_at(DVec3::new(0.2, 0.4, 0.5), DVec3::ZERO, DVec3::Y);
        let point = DVec3::new(0.05, 0.1, -0.08);
        let (eye, turn) = pose.viewer();
        let view = turn.inverse() * (point - eye);
        let clip = lens.clip_from_view(0.05) * view.extend(1.0);
        let ndc = clip.truncate() / clip.w;
        let straight = DVec2::new((ndc.x + 1.0) * 640.0, (1.0 - ndc.y) * 360.0);
        assert!(lens.bent(straight).distance(lens.project(&pose, point).unwrap()) < 1e-9);
        assert!((ndc.z + 0.05 / view.z).abs() < 1e-12);
    }
}
