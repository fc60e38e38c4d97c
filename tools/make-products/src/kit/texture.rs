//! Small tiling pictures made by formula: the grain of powder coat, the loops of a knit, the streaks of brushed steel.

use std::f32::consts::TAU;
use std::io::Cursor;

use anyhow::Result;
use glam::{Vec2, Vec3};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::at;

/// An encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is called in the file.
    pub name: String,
    /// `image/png` or `image/jpeg`.
    pub mime: &'static str,
    /// The encoded bytes.
    pub bytes: Vec<u8>,
}

/// Three channels from 0 to 1, `size` × `size`.
#[derive(Clone, Debug)]
pub struct Canvas {
    size: usize,
    texels: Vec<Vec3>,
}

impl Canvas {
    /// Painted by `f(u, v)`: from 0 to 1, v downwards. It tiles when `f` does.
    pub fn paint(size: usize, f: impl Fn(f32, f32) -> Vec3) -> Self {
        let s = 1.0 / size as f32;
        let texels = (0..size * size)
            .map(|i| f(((i % size) as f32 + 0.5) * s, ((i / size) as f32 + 0.5) * s))
            .collect();
        Self { size, texels }
    }

    /// The normals of a height field that tiles: `height(u, v)` in metres, over a tile of `metres`.
    pub fn normals(size: usize, metres: f32, height: impl Fn(f32, f32) -> f32) -> Self {
        let field: Vec<f32> = Canvas::paint(size, |u, v| Vec3::splat(height(u, v)))
            .texels
            .iter()
            .map(|h| h.x)
            .collect();
        let step = metres / size as f32;
        let pick = |x: usize, y: usize| at(&field, (y % size) * size + x % size);
        let texels = (0..size * size)
            .map(|i| {
                let (x, y) = (i % size, i / size);
                let (w, n) = (x + size - 1, y + size - 1);
                // Sobel, so that the grain isn't biased to the axes.
                let dx = (pick(x + 1, n) + 2.0 * pick(x + 1, y) + pick(x + 1, y + 1))
                    - (pick(w, n) + 2.0 * pick(w, y) + pick(w, y + 1));
                let dy = (pick(w, y + 1) + 2.0 * pick(x, y + 1) + pick(x + 1, y + 1))
                    - (pick(w, n) + 2.0 * pick(x, n) + pick(x + 1, n));
                // Green points up the picture, so a rise downwards turns it up.
                Vec3::new(-dx / (8.0 * step), dy / (8.0 * step), 1.0).normalize() * 0.5 + 0.5
            })
            .collect();
        Self { size, texels }
    }

    fn raw(&self) -> Vec<u8> {
        self.texels
            .iter()
            .flat_map(|t| t.to_array())
            .map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8)
            .collect()
    }

    /// Without loss: for normals.
    pub fn png(&self, name: &str) -> Result<Picture> {
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(
            Cursor::new(&mut bytes),
            CompressionType::Best,
            FilterType::Adaptive,
        )
        .write_image(
            &self.raw(),
            self.size as u32,
            self.size as u32,
            ExtendedColorType::Rgb8,
        )?;
        Ok(Picture {
            name: name.to_owned(),
            mime: "image/png",
            bytes,
        })
    }

    /// Smaller, at that quality from 1 to 100: for colours and roughness.
    pub fn jpeg(&self, name: &str, quality: u8) -> Result<Picture> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(Cursor::new(&mut bytes), quality).write_image(
            &self.raw(),
            self.size as u32,
            self.size as u32,
            ExtendedColorType::Rgb8,
        )?;
        Ok(Picture {
            name: name.to_owned(),
            mime: "image/jpeg",
            bytes,
        })
    }
}

fn hash(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = seed.wrapping_mul(0x9e37_79b9)
        ^ (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    for _ in 0..2 {
        h ^= h >> 15;
        h = h.wrapping_mul(0x2c1b_3c6d);
        h ^= h >> 12;
        h = h.wrapping_mul(0x297a_2d39);
    }
    h ^ (h >> 15)
}

/// A number from 0 to 1 for a lattice point, the same at every run.
pub fn random(x: i32, y: i32, seed: u32) -> f32 {
    (hash(x, y, seed) >> 8) as f32 / 16_777_216.0
}

/// Gradient noise about 0 (−1 to 1) that tiles: `nx` × `ny` lattice cells over u, v from 0 to 1.
pub fn noise(u: f32, v: f32, nx: i32, ny: i32, seed: u32) -> f32 {
    let (x, y) = (u * nx as f32, v * ny as f32);
    let (ix, iy) = (x.floor() as i32, y.floor() as i32);
    let (fx, fy) = (x - x.floor(), y - y.floor());
    let slope = |dx: i32, dy: i32| {
        let a = TAU * random((ix + dx).rem_euclid(nx), (iy + dy).rem_euclid(ny), seed);
        Vec2::from_angle(a).dot(Vec2::new(fx - dx as f32, fy - dy as f32))
    };
    let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (a, b) = (fade(fx), fade(fy));
    let (low, high) = (
        slope(0, 0) * (1.0 - a) + slope(1, 0) * a,
        slope(0, 1) * (1.0 - a) + slope(1, 1) * a,
    );
    1.4 * (low * (1.0 - b) + high * b)
}

/// Noise with finer and finer octaves, each half as strong.
pub fn fractal(u: f32, v: f32, cells: i32, octaves: i32, seed: u32) -> f32 {
    (0..octaves)
        .map(|o| noise(u, v, cells << o, cells << o, seed + o as u32) * 0.5_f32.powi(o))
        .sum()
}

/// Distances to the nearest and second nearest scattered point, in cells; it tiles.
pub fn cells(u: f32, v: f32, n: i32, seed: u32) -> (f32, f32) {
    let (x, y) = (u * n as f32, v * n as f32);
    let (ix, iy) = (x.floor() as i32, y.floor() as i32);
    let mut best = (f32::MAX, f32::MAX);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (cx, cy) = (ix + dx, iy + dy);
            let (wx, wy) = (cx.rem_euclid(n), cy.rem_euclid(n));
            let p = Vec2::new(
                cx as f32 + random(wx, wy, seed),
                cy as f32 + random(wx, wy, seed ^ 0x55aa),
            );
            let d = p.distance(Vec2::new(x, y));
            if d < best.0 {
                best = (d, best.0);
            } else if d < best.1 {
                best.1 = d;
            }
        }
    }
    best
}

/// A material's maps; each is optional.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// How many metres one tile covers.
    pub tile: f32,
    /// Base colour, multiplied with the material's.
    pub colour: Option<Picture>,
    /// Tangent-space normals.
    pub normal: Option<Picture>,
    /// Occlusion, roughness, metallic; multiplied with the material's.
    pub orm: Option<Picture>,
}

/// Powder coat: a fine, soft orange peel with a grain on it.
pub fn powder_coat() -> Result<Maps> {
    let tile = 0.012;
    let peel = |u: f32, v: f32| noise(u, v, 26, 26, 9) * 0.65 + noise(u, v, 53, 53, 10) * 0.35;
    let height = move |u: f32, v: f32| peel(u, v) * 0.000_011 + noise(u, v, 90, 90, 3) * 0.000_001_6;
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(Canvas::normals(256, tile, height).png("Powder coat normals")?),
        orm: Some(
            Canvas::paint(256, move |u, v| {
                Vec3::new(1.0, (0.92 - 0.12 * peel(u, v)).clamp(0.0, 1.0), 1.0)
            })
            .jpeg("Powder coat roughness", 80)?,
        ),
    })
}

/// Brushed metal: streaks along u.
pub fn brushed() -> Result<Maps> {
    let tile = 0.03;
    let streak = |u: f32, v: f32| {
        noise(u, v, 3, 128, 1) * 0.5 + noise(u, v, 5, 256, 2) * 0.35 + noise(u, v, 2, 48, 3) * 0.4
    };
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(Canvas::normals(512, tile, |u, v| streak(u, v) * 0.000_007).png("Brushed normals")?),
        orm: Some(
            Canvas::paint(512, |u, v| {
                Vec3::new(1.0, (0.8 + 0.35 * streak(u, v)).clamp(0.0, 1.0), 1.0)
            })
            .jpeg("Brushed roughness", 82)?,
        ),
    })
}

/// The fine, even grain of moulded satin plastic.
pub fn satin() -> Result<Maps> {
    let tile = 0.01;
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(
            Canvas::normals(256, tile, |u, v| fractal(u, v, 40, 2, 5) * 0.000_003)
                .png("Satin grain normals")?,
        ),
        orm: None,
    })
}

/// Leather: pebbles parted by creases, pores within.
pub fn leather() -> Result<Maps> {
    let tile = 0.03;
    let height = |u: f32, v: f32| {
        let (wu, wv) = (
            u + 0.012 * fractal(u, v, 6, 2, 31),
            v + 0.012 * fractal(u, v, 6, 2, 37),
        );
        let (a, b) = cells(wu, wv, 26, 7);
        let pebble = ((b - a) * 2.4).min(1.0).powf(0.6);
        let (c, d) = cells(wu, wv, 11, 21);
        let fold = ((d - c) * 3.0).min(1.0).powf(0.7);
        pebble * 0.000_11 + fold * 0.000_09 + fractal(u, v, 48, 2, 5) * 0.000_012
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, |u, v| {
                let h = height(u, v) / 0.000_2;
                Vec3::splat(0.82 + 0.18 * h.clamp(0.0, 1.0))
            })
            .jpeg("Leather shade", 85)?,
        ),
        normal: Some(Canvas::normals(512, tile, height).jpeg("Leather normals", 92)?),
        orm: Some(
            Canvas::paint(256, |u, v| {
                Vec3::new(1.0, 1.0 - 0.22 * (height(u, v) / 0.000_2).clamp(0.0, 1.0), 1.0)
            })
            .jpeg("Leather roughness", 82)?,
        ),
    })
}

/// One stocking stitch: the height, from 0 to 1, at (x, y) within a stitch one wide and one high, y upwards.
fn stitch(x: f32, y: f32) -> (f32, f32) {
    // Two legs lean towards the foot in the middle; the next row's feet stand in this row's heads.
    let mut best = 0.0_f32;
    let mut shade = 0.0_f32;
    for row in -1..=1 {
        for leg in [-1.0_f32, 1.0] {
            let ly = y - row as f32;
            // The leg runs from (0.5, -0.25) at the foot to (0.5 ± 0.33, 1.1) at the head.
            let t = ((ly + 0.3) / 1.45).clamp(0.0, 1.0);
            let lean = 0.10 + 0.27 * t.powf(0.8);
            let cx = 0.5 + leg * lean;
            let dx = (x - cx) / 0.25;
            let end = ((t - 0.5).abs() * 2.0).powf(4.0);
            let r2 = dx * dx + end * 0.9;
            if r2 < 1.0 && (-0.3..=1.15).contains(&ly) {
                let h = (1.0 - r2).sqrt() * (0.75 + 0.25 * (1.0 - (t - 0.45).abs() * 2.0));
                if h > best {
                    best = h;
                    // Which ply of the twisted yarn this is.
                    shade = (ly * 3.2 + leg * dx * 0.55).fract().abs();
                }
            }
        }
    }
    (best, shade)
}

/// A fine stocking knit of twisted yarn; `stitches` to the tile in each way.
pub fn knit(tile: f32, stitches: i32) -> Result<Maps> {
    let n = stitches as f32;
    let look = move |u: f32, v: f32| {
        let (x, y) = (u * n, (1.0 - v) * n);
        let (ix, iy) = (x.floor() as i32, y.floor() as i32);
        let wob = 0.05 * noise(u, v, stitches, stitches, 4);
        let (h, ply) = stitch((x.fract() + wob).clamp(0.0, 1.0), y.fract());
        let yarn = 0.88 + 0.12 * (ply * TAU).cos();
        (
            h,
            yarn,
            random(ix.rem_euclid(stitches), iy.rem_euclid(stitches), 77),
        )
    };
    let height = move |u: f32, v: f32| {
        let (h, yarn, _) = look(u, v);
        (h * yarn) * tile / n * 0.30
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(512, move |u, v| {
                let (h, yarn, chance) = look(u, v);
                let melange = 0.93 + 0.11 * (chance - 0.5) + 0.08 * fractal(u, v, 64, 2, 8);
                Vec3::splat(((0.30 + 0.70 * h.powf(0.8)) * yarn * melange).clamp(0.0, 1.0))
            })
            .jpeg("Knit shade", 82)?,
        ),
        normal: Some(Canvas::normals(512, tile, height).png("Knit normals")?),
        orm: None,
    })
}

/// A plain weave of `threads` to the tile in each way.
pub fn weave(tile: f32, threads: i32) -> Result<Maps> {
    let n = threads as f32;
    let look = move |u: f32, v: f32| {
        let (x, y) = (u * n, v * n);
        let over = (x.floor() as i32 + y.floor() as i32).rem_euclid(2) == 0;
        let (fx, fy) = (x.fract() - 0.5, y.fract() - 0.5);
        let (across, along) = if over { (fx, fy) } else { (fy, fx) };
        let round = (1.0 - (across * 2.1).powi(2)).max(0.0).sqrt();
        let crown = (along * std::f32::consts::PI).cos().max(0.0);
        (round * (0.45 + 0.55 * crown), along)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, move |u, v| {
                let (h, _) = look(u, v);
                Vec3::splat(((0.45 + 0.55 * h) * (0.95 + 0.1 * fractal(u, v, 32, 2, 4))).clamp(0.0, 1.0))
            })
            .jpeg("Weave shade", 84)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, move |u, v| {
                let (h, along) = look(u, v);
                (h + 0.06 * (along * 18.0).sin()) * tile / n * 0.22
            })
            .png("Weave normals")?,
        ),
        orm: None,
    })
}

/// Round holes in offset rows, `holes` to the tile's width: dark and sunk, for grilles.
pub fn perforated(tile: f32, holes: i32) -> Result<Maps> {
    let n = holes as f32;
    let depth = move |u: f32, v: f32| {
        let mut best = f32::MAX;
        let (x, y) = (u * n, v * n);
        for (ox, oy) in [(0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            best = best.min(Vec2::new(x.fract() - ox, y.fract() - oy).length());
        }
        ((best - 0.2) / 0.06).clamp(0.0, 1.0)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, move |u, v| Vec3::splat(0.04 + 0.96 * depth(u, v)))
                .jpeg("Grille shade", 86)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, move |u, v| depth(u, v) * tile / n * 0.12).png("Grille normals")?,
        ),
        orm: None,
    })
}
