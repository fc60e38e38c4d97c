//! What light falls on the sheet, so that the product can be lit to match.
//!
//! The sheet is a grey card that came with the product: its paper is white. Its colour in the picture is the light's
//! colour, its brightness says how the camera exposed, and the way it darkens across the sheet says where the light comes
//! from.

use glam::{DVec2, DVec3, Vec3};

use super::board::{CELLS, STAGE_RADIUS, TAGS};
use super::frame::Frame;
use super::geometry::{Normal, Pose};
use super::intrinsics::Intrinsics;

/// How far away the light is taken to be, metres. A nearer one darkens faster across the sheet; a window and a lamp over
/// a table are about this far.
const DISTANCE: f64 = 1.2;

/// How far light leans from straight above where nothing else is known, as a sine.
const LEAN: f64 = 0.45;

/// A change of brightness per metre (of its logarithm) that noise and blur may feign.
const UNSURE: f64 = 0.1;

/// The share of light that white paper throws back.
pub const PAPER: f32 = 0.85;

/// The light on the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LightEstimate {
    /// The light's colour, linear RGB, of luminance 1: what white paper looks like in the picture.
    pub colour: Vec3,
    /// The luminance of white paper in the picture, linear, 1 where the picture is full. A product lit so that its white
    /// has this luminance times its own share over [`PAPER`] matches.
    pub intensity: f32,
    /// Towards the light, a unit vector in the board's frame.
    pub direction: Vec3,
    /// How much of the light comes from one side rather than from everywhere, 0 to 1, by how the paper darkens.
    pub directed: f32,
}

impl LightEstimate {
    /// The light between this and a newer estimate; `share` of the newer, 0 to 1.
    pub fn lerp(&self, newer: &Self, share: f32) -> Self {
        let share = share.clamp(0.0, 1.0);
        Self {
            colour: self.colour.lerp(newer.colour, share),
            intensity: self.intensity + (newer.intensity - self.intensity) * share,
            direction: self
                .direction
                .lerp(newer.direction, share)
                .try_normalize()
                .unwrap_or(newer.direction),
            directed: self.directed + (newer.directed - self.directed) * share,
        }
    }
}

/// Places on the sheet that are white paper whatever is printed, metres right and towards the reader.
fn white_places() -> impl Iterator<Item = DVec2> {
    let around_tags = TAGS.iter().flat_map(|tag| {
        let cell = tag.size / CELLS as f64;
        let reach = tag.size / 2.0 + cell * 0.45;
        [-0.9, -0.45, 0.0, 0.45, 0.9].into_iter().flat_map(move |t| {
            [(t, -1.0), (t, 1.0), (-1.0, t), (1.0, t)]
                .map(move |(x, z)| tag.middle + DVec2::new(x, z) * reach)
        })
    });
    let around_stage = (0..12).map(|step| {
        DVec2::from_angle(f64::from(step) * std::f64::consts::FRAC_PI_6 + 0.13) * (STAGE_RADIUS * 0.87)
    });
    around_tags.chain(around_stage)
}

/// A byte of sRGB as linear light, 0 to 1.
pub fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn luminance(colour: DVec3) -> f64 {
    colour.dot(DVec3::new(0.2126, 0.7152, 0.0722))
}

/// The light by a frame in which the board was found. `None` where too little of its paper is in sight.
pub fn estimate(frame: &Frame, lens: &Intrinsics, pose: &Pose) -> Option<LightEstimate> {
    let mut seen: Vec<(DVec2, DVec3)> = white_places()
        .filter_map(|place| {
            let pixel = lens.project(pose, DVec3::new(place.x, 0.0, place.y))?;
            Some((place, mean(frame, pixel)?))
        })
        .collect();
    if seen.len() < 12 {
        return None;
    }
    let mut levels: Vec<f64> = seen.iter().map(|(_, colour)| luminance(*colour)).collect();
    levels.sort_by(f64::total_cmp);
    // What lies on the paper is mostly darker than it; blur mixes in some of the black.
    let bright = *levels.get(levels.len() * 3 / 4)?;
    seen.retain(|(_, colour)| luminance(*colour) > bright * 0.55);
    if seen.len() < 12 || bright < 1e-4 {
        return None;
    }
    let total: DVec3 = seen.iter().map(|(_, colour)| *colour).sum();
    let average = total / seen.len() as f64;
    let level = luminance(average);
    let colour = (average / level).as_vec3();

    // How the logarithm of brightness changes across the sheet, per metre.
    let mut normal = Normal::new(3);
    for (place, colour) in &seen {
        normal.add(&[1.0, place.x, place.y], luminance(*colour).ln(), 1.0);
    }
    let slope = match normal.solve(1e-9).as_deref() {
        Some([_, x, z]) => DVec2::new(*x, *z),
        _ => DVec2::ZERO,
    };
    // A small lamp at a distance R, at an angle a from straight above, darkens by 3 sin(a) / R per metre. A window is
    // wide and darkens less than that, so the light is taken to come from lower.
    let change = slope.length();
    let sine = (LEAN + (1.0 - LEAN) * change * DISTANCE / 3.0).min(0.85);
    // Where the paper hardly darkens, the side is a guess: from behind the sheet, the left.
    let sure = change * change / (change * change + UNSURE * UNSURE);
    let aside =
        (slope.normalize_or_zero() * sure + DVec2::new(-0.8, -0.6) * (1.0 - sure)).normalize_or_zero() * sine;
    let direction = DVec3::new(aside.x, (1.0 - sine * sine).sqrt(), aside.y);
    Some(LightEstimate {
        colour,
        intensity: level as f32,
        direction: direction.normalize().as_vec3(),
        directed: (0.4 + 0.6 * sure * sine / 0.85).min(1.0) as f32,
    })
}

/// The linear colour around a pixel; `None` outside the picture.
fn mean(frame: &Frame, at: DVec2) -> Option<DVec3> {
    if !(at.x >= 1.0 && at.y >= 1.0) {
        return None;
    }
    let (x, y, width) = (at.x as usize, at.y as usize, frame.width as usize);
    if x + 1 >= width || y + 1 >= frame.height as usize {
        return None;
    }
    let mut sum = DVec3::ZERO;
    for row in y - 1..=y + 1 {
        let start = (row * width + x - 1) * 3;
        let (triples, _) = frame.rgb.get(start..start + 9)?.as_chunks::<3>();
        for [r, g, b] in triples {
            sum += DVec3::new(linear(*r), linear(*g), linear(*b));
        }
    }
    Some(sum / 9.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{self, Look};
    use crate::sheet;

    #[test]
    fn white_places_are_white() {
        let sheet = sheet::fine();
        for place in white_places() {
            let x = (place.x * 1000.0 * sheet.scale + sheet.width as f64 / 2.0) as usize;
            let y = (place.y * 1000.0 * sheet.scale + sheet.height as f64 / 2.0) as usize;
            assert_eq!(sheet.shades[y * sheet.width + x], 255, "{place}");
        }
    }

    #[test]
    fn paper_tells_level_and_side() {
        let lens = Intrinsics::plain(960, 540, 900.0);
        let pose = Pose::looking_at(DVec3::new(0.0, 0.4, 0.35), DVec3::ZERO, DVec3::Y);
        let look = Look {
            levels: (30.0, 200.0),
            falloff: 0.4,
            ..Look::default()
        };
        let grey = render::grey(sheet::fine(), &lens, &pose, &look);
        let frame = Frame::from_grey(960, 540, grey, 0).unwrap();
        let light = estimate(&frame, &lens, &pose).unwrap();
        assert!(light.colour.distance(Vec3::ONE) < 0.01);
        assert!(
            (f64::from(light.intensity) - linear(182)).abs() < 0.06,
            "{light:?}"
        );
        assert!(light.direction.x < -0.1 && light.direction.y > 0.5, "{light:?}");
        assert!((light.direction.length() - 1.0).abs() < 1e-5);
        let away = Pose::looking_at(DVec3::new(0.0, 0.4, 0.35), DVec3::new(9.0, 0.0, 0.0), DVec3::Y);
        assert!(estimate(&frame, &lens, &away).is_none());
    }
}
