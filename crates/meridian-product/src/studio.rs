//! Studios: environment light from softboxes, prefiltered for rough surfaces.
//!
//! Radiance is linear; white paper that faces the main light is near 1. The maps are equirectangular, +Y is up, the
//! middle column looks along −Z (to the back), as a viewer at +Z sees the room behind the product.

use glam::{Vec2, Vec3};

/// How many roughness levels a studio's map has; level `n` is for roughness `n / (LEVELS − 1)`.
pub const LEVELS: usize = 6;
/// Width of the first level, in pixels; each next has half of it. Heights are half the widths.
pub const WIDTH: usize = 512;

/// How many places the table of [`albedo`] has each way.
pub const ALBEDO: usize = 32;

/// Which studio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Neutral: a large softbox above, strips at the sides.
    #[default]
    Studio,
    /// A tall window, warm wood, sky.
    Daylight,
    /// A dark stage with a gold and a cyan strip.
    Stage,
}

impl Name {
    /// All of them, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Studio, Self::Daylight, Self::Stage];

    /// Its word on the command line and in a `product.toml`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Studio => "studio",
            Self::Daylight => "daylight",
            Self::Stage => "stage",
        }
    }

    /// The next one.
    pub fn next(self) -> Self {
        match self {
            Self::Studio => Self::Daylight,
            Self::Daylight => Self::Stage,
            Self::Stage => Self::Studio,
        }
    }
}

/// A lamp with soft edges, infinitely far: a patch of the sphere.
#[derive(Debug, Clone, Copy)]
struct Softbox {
    towards: Vec3,
    up: Vec3,
    /// Half width and height as tangents of the angle.
    half: Vec2,
    /// Softness of the edge, as a share of the half size.
    edge: f32,
    light: Vec3,
}

/// Light from all around.
#[derive(Debug, Clone)]
pub struct Lights {
    /// Light from above, from the horizon, from below.
    sky: [Vec3; 3],
    boxes: Vec<Softbox>,
}

fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

fn softbox(azimuth_deg: f32, elevation_deg: f32, half: [f32; 2], edge: f32, light: [f32; 3]) -> Softbox {
    let (sin, cos) = azimuth_deg.to_radians().sin_cos();
    let (rise, flat) = elevation_deg.to_radians().sin_cos();
    // Azimuth 0 is the front (+Z), 90 the right (+X).
    let towards = Vec3::new(sin * flat, rise, cos * flat);
    let right = Vec3::Y.cross(towards).normalize_or(Vec3::X);
    Softbox {
        towards,
        up: towards.cross(right),
        half: Vec2::from_array(half),
        edge,
        light: Vec3::from_array(light),
    }
}

impl Lights {
    /// The light of a studio: its sky and its soft boxes.
    pub fn of(name: Name) -> Self {
        match name {
            Name::Studio => Self {
                sky: [Vec3::splat(0.34), Vec3::splat(0.17), Vec3::new(0.07, 0.07, 0.075)],
                boxes: vec![
                    softbox(15.0, 64.0, [0.85, 0.55], 0.28, [4.6, 4.55, 4.45]),
                    softbox(-78.0, 18.0, [0.22, 1.1], 0.35, [5.2, 5.3, 5.5]),
                    softbox(84.0, 12.0, [0.16, 1.0], 0.35, [3.4, 3.3, 3.1]),
                    softbox(176.0, 34.0, [1.1, 0.18], 0.4, [3.4, 3.5, 3.7]),
                    softbox(-22.0, 8.0, [0.55, 0.4], 0.6, [0.75, 0.75, 0.78]),
                ],
            },
            Name::Daylight => Self {
                sky: [
                    Vec3::new(0.42, 0.5, 0.62),
                    Vec3::new(0.36, 0.34, 0.31),
                    Vec3::new(0.16, 0.115, 0.075),
                ],
                boxes: vec![
                    softbox(-62.0, 30.0, [0.42, 0.78], 0.08, [7.4, 7.2, 6.7]),
                    softbox(-112.0, 28.0, [0.34, 0.7], 0.08, [4.4, 4.5, 4.7]),
                    softbox(70.0, 40.0, [0.9, 0.6], 0.8, [0.85, 0.74, 0.6]),
                    softbox(160.0, 16.0, [0.7, 0.5], 0.7, [0.5, 0.44, 0.36]),
                ],
            },
            Name::Stage => Self {
                sky: [
                    Vec3::new(0.05, 0.06, 0.085),
                    Vec3::new(0.035, 0.045, 0.07),
                    Vec3::new(0.015, 0.017, 0.022),
                ],
                boxes: vec![
                    softbox(0.0, 80.0, [0.5, 0.42], 0.4, [5.0, 4.9, 4.6]),
                    softbox(-104.0, 16.0, [0.16, 1.25], 0.3, [0.9, 5.4, 7.2]),
                    softbox(106.0, 20.0, [0.2, 1.2], 0.3, [8.0, 4.9, 1.7]),
                    softbox(-18.0, 20.0, [0.7, 0.28], 0.7, [0.85, 0.85, 0.9]),
                ],
            },
        }
    }

    /// A room of which only the mean light and where it comes from are known, as a camera's picture tells.
    ///
    /// `ambient` and `key` are linear colours; `towards` points to the light.
    pub fn estimated(ambient: Vec3, key: Vec3, towards: Vec3) -> Self {
        let towards = towards.normalize_or(Vec3::Y);
        let right = Vec3::Y.cross(towards).normalize_or(Vec3::X);
        Self {
            sky: [ambient * 1.25, ambient, ambient * 0.55],
            boxes: vec![Softbox {
                towards,
                up: towards.cross(right),
                half: Vec2::splat(0.55),
                edge: 0.6,
                light: key,
            }],
        }
    }

    /// Everything that shines, as an equirectangular Radiance picture (RGBE, not run-length coded): +Y is up, the middle
    /// column looks along −Z. 1024×512 pixels.
    pub fn to_hdr(&self) -> Vec<u8> {
        let (width, height) = (WIDTH * 2, WIDTH);
        let mut file = format!("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n").into_bytes();
        for y in 0..height {
            for x in 0..width {
                file.extend(rgbe(self.radiance(direction(x, y, width, height))));
            }
        }
        file
    }

    /// Radiance from a direction (a unit vector).
    pub fn radiance(&self, towards: Vec3) -> Vec3 {
        let [above, level, below] = self.sky;
        let height = towards.y;
        let mut light = if height >= 0.0 {
            level.lerp(above, smooth(0.0, 0.9, height))
        } else {
            level.lerp(below, smooth(0.0, 0.35, -height))
        };
        for lamp in &self.boxes {
            let facing = towards.dot(lamp.towards);
            if facing <= 0.05 {
                continue;
            }
            let right = lamp.up.cross(lamp.towards);
            let at = Vec2::new(towards.dot(right), towards.dot(lamp.up)) / facing;
            let inside = (at.abs() / lamp.half).max(Vec2::ZERO);
            let share = smooth(1.0 + lamp.edge, 1.0 - lamp.edge, inside.x)
                * smooth(1.0 + lamp.edge, 1.0 - lamp.edge, inside.y);
            // Brighter in the middle, as a lamp behind cloth is.
            light += lamp.light * share * (1.0 - 0.22 * inside.length_squared().min(2.0));
        }
        light
    }
}

/// A studio, ready for surfaces of any roughness.
#[derive(Debug, Clone)]
pub struct Studio {
    /// Irradiance over π in spherical harmonics: a diffuse white surface with normal n shows `Σ shₖ·Yₖ(n)` (constants folded in:
    /// 1, y, z, x, xy, yz, 3z²−1, xz, x²−y²).
    pub harmonics: [Vec3; 9],
    /// Radiance for each roughness level, row by row from the top, RGB.
    pub levels: Vec<Vec<Vec3>>,
    /// [`albedo`] and [`sheen_albedo`] in [`ALBEDO`]² places: along a row by the root of `facing`, row by row by roughness, both from 0 to 1.
    pub albedo: Vec<Vec3>,
}

/// A colour as three mantissas and the exponent that they share.
fn rgbe(colour: Vec3) -> [u8; 4] {
    let most = colour.max_element();
    if most < 1e-32 {
        return [0; 4];
    }
    let exponent = most.log2().floor() as i32 + 1;
    let scale = 256.0 / (exponent as f32).exp2();
    let [r, g, b] = (colour.max(Vec3::ZERO) * scale)
        .to_array()
        .map(|part| part.min(255.0) as u8);
    [r, g, b, u8::try_from(exponent + 128).unwrap_or(255)]
}

/// The direction of a map's pixel.
pub fn direction(x: usize, y: usize, width: usize, height: usize) -> Vec3 {
    let longitude = ((x as f32 + 0.5) / width as f32 - 0.5) * std::f32::consts::TAU;
    let polar = (y as f32 + 0.5) / height as f32 * std::f32::consts::PI;
    let (sin, cos) = longitude.sin_cos();
    Vec3::new(sin * polar.sin(), polar.cos(), -cos * polar.sin())
}

/// The `at`-th of `count` points spread evenly over a square (Hammersley).
fn spread(at: u32, count: u32) -> Vec2 {
    Vec2::new(
        (at as f32 + 0.5) / count as f32,
        at.reverse_bits() as f32 * 2.328_306_4e-10,
    )
}

/// How much light a surface of facets gives back that is lit evenly from all around and seen at an angle whose cosine is
/// `facing`: the factor of its reflectance straight on, and what comes on top of it (GGX, height-correlated shadowing).
pub fn albedo(roughness: f32, facing: f32) -> Vec2 {
    const COUNT: u32 = 256;
    let (facing, alpha) = (facing.max(1e-3), (roughness * roughness).max(1e-3));
    let eye = Vec3::new((1.0 - facing * facing).max(0.0).sqrt(), 0.0, facing);
    let squared = alpha * alpha;
    let mut sum = Vec2::ZERO;
    for at in 0..COUNT {
        let random = spread(at, COUNT);
        let (sin, cos) = (random.x * std::f32::consts::TAU).sin_cos();
        let rise = ((1.0 - random.y) / (1.0 + (squared - 1.0) * random.y)).sqrt();
        let flat = (1.0 - rise * rise).max(0.0).sqrt();
        let half = Vec3::new(cos * flat, sin * flat, rise);
        let towards = eye.dot(half).max(0.0);
        let out = (half * (2.0 * towards) - eye).z;
        if out > 0.0 && rise > 0.0 {
            let shadowed = out * (facing * facing * (1.0 - squared) + squared).sqrt()
                + facing * (out * out * (1.0 - squared) + squared).sqrt();
            let seen = 2.0 * out * towards / (shadowed * rise);
            let grazing = (1.0 - towards).powi(5);
            sum += Vec2::new(seen * (1.0 - grazing), seen * grazing);
        }
    }
    sum / COUNT as f32
}

/// How much light the fibres of a cloth give back that is lit evenly from all around and seen at an angle whose cosine is
/// `facing` (Charlie's fibres, Neubelt's shadowing, as `KHR_materials_sheen` has them).
pub fn sheen_albedo(roughness: f32, facing: f32) -> f32 {
    const COUNT: u32 = 512;
    let facing = facing.max(0.01);
    let sharp = 1.0 / (roughness * roughness).max(0.005);
    let eye = Vec3::new((1.0 - facing * facing).max(0.0).sqrt(), 0.0, facing);
    let sum: f32 = (0..COUNT)
        .map(|at| {
            let random = spread(at, COUNT);
            let (sin, cos) = (random.x * std::f32::consts::TAU).sin_cos();
            let rise = random.y;
            let flat = (1.0 - rise * rise).max(0.0).sqrt();
            let towards = Vec3::new(cos * flat, sin * flat, rise);
            let half = (towards + eye).normalize_or(Vec3::Z);
            let slant = (1.0 - half.z * half.z).max(0.0).sqrt();
            let fibres = (2.0 + sharp) * slant.powf(sharp) / std::f32::consts::TAU;
            fibres * rise / (4.0 * (rise + facing - rise * facing)).max(1e-4)
        })
        .sum();
    (sum / COUNT as f32 * std::f32::consts::TAU).min(1.0)
}

/// Light that a surface of some roughness mirrors when seen straight on.
fn mirrored(lights: &Lights, normal: Vec3, roughness: f32, count: u32) -> Vec3 {
    let alpha = roughness * roughness;
    let (tangent, bitangent) = normal.any_orthonormal_pair();
    let (mut sum, mut weight) = (Vec3::ZERO, 0.0);
    for at in 0..count {
        let random = spread(at, count);
        let (sin, cos) = (random.x * std::f32::consts::TAU).sin_cos();
        let rise = ((1.0 - random.y) / (1.0 + (alpha * alpha - 1.0) * random.y)).sqrt();
        let flat = (1.0 - rise * rise).max(0.0).sqrt();
        let half = tangent * (cos * flat) + bitangent * (sin * flat) + normal * rise;
        let towards = half * (2.0 * normal.dot(half)) - normal;
        let facing = towards.dot(normal);
        if facing > 0.0 {
            sum += lights.radiance(towards) * facing;
            weight += facing;
        }
    }
    if weight > 0.0 {
        sum / weight
    } else {
        lights.radiance(normal)
    }
}

impl Studio {
    /// Works a studio out; about half a second of one core.
    pub fn new(lights: &Lights) -> Self {
        let mut levels = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            let (width, height) = (WIDTH >> level, WIDTH >> (level + 1));
            let roughness = level as f32 / (LEVELS - 1) as f32;
            let count = [1, 48, 96, 192, 384, 768].get(level).copied().unwrap_or(768);
            let mut map = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    let normal = direction(x, y, width, height);
                    map.push(match level {
                        0 => lights.radiance(normal),
                        _ => mirrored(lights, normal, roughness, count),
                    });
                }
            }
            levels.push(map);
        }
        let place = |at: usize| at as f32 / (ALBEDO - 1) as f32;
        let albedo = (0..ALBEDO * ALBEDO)
            .map(|at| {
                let (roughness, facing) = (place(at / ALBEDO), place(at % ALBEDO).powi(2));
                albedo(roughness, facing).extend(sheen_albedo(roughness, facing))
            })
            .collect();
        Self {
            harmonics: harmonics(lights),
            levels,
            albedo,
        }
    }
}

/// Irradiance over π as spherical harmonics of the second degree.
fn harmonics(lights: &Lights) -> [Vec3; 9] {
    const BASIS: [f32; 9] = [
        0.282_095, 0.488_603, 0.488_603, 0.488_603, 1.092_548, 1.092_548, 0.315_392, 1.092_548, 0.546_274,
    ];
    // The cosine lobe's weight in each degree, over π.
    const LOBE: [f32; 9] = [1.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.25, 0.25, 0.25, 0.25, 0.25];
    let (width, height) = (96, 48);
    let mut sums = [Vec3::ZERO; 9];
    for y in 0..height {
        let polar = (y as f32 + 0.5) / height as f32 * std::f32::consts::PI;
        let solid = polar.sin() * std::f32::consts::PI / height as f32 * std::f32::consts::TAU / width as f32;
        for x in 0..width {
            let towards = direction(x, y, width, height);
            let light = lights.radiance(towards) * solid;
            for ((sum, terms), basis) in sums.iter_mut().zip(terms(towards)).zip(BASIS) {
                *sum += light * (terms * basis);
            }
        }
    }
    for ((sum, basis), lobe) in sums.iter_mut().zip(BASIS).zip(LOBE) {
        *sum *= basis * lobe;
    }
    sums
}

/// The polynomials that [`Studio::harmonics`] are weights of.
pub fn terms(n: Vec3) -> [f32; 9] {
    [
        1.0,
        n.y,
        n.z,
        n.x,
        n.x * n.y,
        n.y * n.z,
        3.0 * n.z * n.z - 1.0,
        n.x * n.z,
        n.x * n.x - n.y * n.y,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_white_room_lights_white() {
        let room = Lights {
            sky: [Vec3::ONE; 3],
            boxes: Vec::new(),
        };
        let studio = Studio::new(&room);
        for normal in [Vec3::X, Vec3::Y, Vec3::NEG_Z, Vec3::new(0.6, -0.8, 0.0)] {
            let shown: Vec3 = studio
                .harmonics
                .iter()
                .zip(terms(normal))
                .map(|(sh, term)| *sh * term)
                .sum();
            assert!((shown - Vec3::ONE).abs().max_element() < 0.01, "{shown}");
        }
        for level in &studio.levels {
            assert!(
                level
                    .iter()
                    .all(|light| (*light - Vec3::ONE).abs().max_element() < 1e-3)
            );
        }
    }

    #[test]
    fn a_studios_picture_says_what_the_studio_is() {
        let lights = Lights::of(Name::Studio);
        let file = lights.to_hdr();
        let head = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 512 +X 1024\n";
        let pixels = file.strip_prefix(head).expect("a Radiance head");
        assert_eq!(pixels.len(), 1024 * 512 * 4);
        for (x, y) in [(3, 7), (512, 140), (900, 300)] {
            let at = (y * 1024 + x) * 4;
            let [r, g, b, e] = [0, 1, 2, 3].map(|part| f32::from(pixels[at + part]));
            let said = Vec3::new(r, g, b) * (e - 136.0).exp2();
            let meant = lights.radiance(direction(x, y, 1024, 512));
            let error = (said - meant).abs().max_element();
            assert!(error < meant.max_element() * 0.01, "{said} {meant}");
        }
    }

    #[test]
    fn surfaces_give_back_what_physics_lets_them() {
        // Smooth: all of it straight on, Fresnel's share at an angle. Never more than came.
        let smooth = albedo(0.05, 1.0);
        assert!((smooth.x - 1.0).abs() < 0.01 && smooth.y < 0.001, "{smooth}");
        let slanted = albedo(0.05, 0.5);
        assert!((slanted.y - 0.5_f32.powi(5)).abs() < 0.01, "{slanted}");
        // Rough: Heitz (2014) gives about 0.3 for one bounce straight on at alpha 1.
        let rough = albedo(1.0, 1.0);
        assert!((0.25..0.40).contains(&(rough.x + rough.y)), "{rough}");
        // A cloth's edge is brighter than its middle, and never brighter than what lights it.
        assert!(sheen_albedo(0.4, 0.1) > 3.0 * sheen_albedo(0.4, 1.0));
        assert!((0.2..=1.0).contains(&sheen_albedo(1.0, 0.05)));
        for (roughness, facing) in [(0.2, 0.1), (0.5, 0.5), (0.8, 0.9), (1.0, 0.05)] {
            let back = albedo(roughness, facing);
            assert!(back.min_element() >= 0.0 && back.x + back.y <= 1.01, "{back}");
        }
    }

    #[test]
    fn light_comes_from_where_the_lamp_is() {
        let lamp = Lights::estimated(Vec3::splat(0.05), Vec3::splat(5.0), Vec3::new(1.0, 1.0, 0.0));
        let sh = harmonics(&lamp);
        let shown =
            |normal: Vec3| -> f32 { sh.iter().zip(terms(normal)).map(|(sh, term)| sh.x * term).sum() };
        assert!(shown(Vec3::new(0.7, 0.7, 0.0)) > 3.0 * shown(Vec3::new(-0.7, -0.7, 0.0)).max(0.01));
    }

    #[test]
    fn every_studio_exposes_white_paper_alike() {
        for name in Name::ALL {
            let sh = harmonics(&Lights::of(name));
            let shown =
                |normal: Vec3| -> f32 { sh.iter().zip(terms(normal)).map(|(sh, term)| sh.y * term).sum() };
            // Over all directions, paper shows the light's mean; what faces the key light is brighter.
            let mean = sh[0].y;
            assert!((0.6..1.3).contains(&mean), "{name:?}: {mean}");
            let up = shown(Vec3::new(0.0, 0.8, 0.6));
            assert!((1.0..2.5).contains(&up), "{name:?}: {up}");
        }
    }
}
