//! A room that is computed: a wooden table by a window, the printed sheet on it, a camera that moves slowly. For trying
//! AR where there is no camera; every frame says that it is synthetic.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use glam::{DMat3, DVec2, DVec3, Vec3};

use super::board::Paper;
use super::frame::{Frame, FrameSource, Pace, SourceError};
use super::geometry::Pose;
use super::intrinsics::Intrinsics;
use super::sheet;

/// Width of the synthetic camera's picture, in pixels.
pub const WIDTH: u32 = 960;
/// Height of the synthetic camera's picture, in pixels.
pub const HEIGHT: u32 = 540;
/// Frames a second of the synthetic camera.
pub const RATE: f64 = 15.0;

/// How far the table reaches: left and right, back (to the wall) and front, metres.
const TABLE: (f64, f64, f64) = (1.5, -0.62, 1.1);
/// How high the wall is, metres.
const WALL: f64 = 1.1;
/// Pixels in a metre of the table and of the wall.
const FINENESS: (f64, f64) = (1000.0, 250.0);

/// The lens that the synthetic room is seen through.
pub fn lens() -> Intrinsics {
    Intrinsics {
        estimated: false,
        ..Intrinsics::plain(WIDTH, HEIGHT, 920.0)
    }
}

/// The camera at a time, seconds: it swings about the sheet, slowly, and never repeats exactly.
pub fn camera(at: f64) -> Pose {
    let side = 0.42 * (at * 0.23).sin() + 0.1 * (at * 0.071).sin();
    let height = 0.66 + 0.09 * (at * 0.17 + 0.6).sin();
    let distance = 0.70 + 0.07 * (at * 0.13 + 2.0).sin();
    let eye = DVec3::new(height.cos() * side.sin(), height.sin(), height.cos() * side.cos()) * distance;
    // A hand is never quite still.
    let tremble = DVec3::new((at * 2.3).sin(), (at * 1.9 + 1.0).sin(), (at * 2.7).cos()) * 0.0012;
    Pose::looking_at(eye + tremble, DVec3::new(0.0, 0.075, 0.0), DVec3::Y)
}

/// Where the room's light comes from: a unit vector in the board's frame.
pub fn light() -> Vec3 {
    Vec3::new(-0.62, 0.66, -0.42).normalize()
}

/// A picture and smaller versions of itself, each half as large.
struct Texture {
    levels: Vec<Level>,
}

/// A colour of 0 to 1 each as bytes.
fn pack(colour: Vec3) -> [u8; 4] {
    let [r, g, b] = (colour * 255.0 + 0.5)
        .to_array()
        .map(|value| value.clamp(0.0, 255.0) as u8);
    [r, g, b, 0]
}

struct Level {
    width: usize,
    height: usize,
    /// sRGB and nothing.
    pixels: Vec<[u8; 4]>,
}

impl Texture {
    /// `colour` of each pixel.
    fn new(width: usize, height: usize, colour: impl Fn(usize, usize) -> Vec3) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                pixels.push(pack(colour(x, y)));
            }
        }
        let mut levels = vec![Level {
            width,
            height,
            pixels,
        }];
        while let Some(last) = levels.last()
            && last.width.min(last.height) > 16
        {
            let (width, height) = (last.width / 2, last.height / 2);
            let mut pixels = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    let mut sum = Vec3::ZERO;
                    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                        sum += last.at(2 * x + dx, 2 * y + dy);
                    }
                    pixels.push(pack(sum / (4.0 * 255.0)));
                }
            }
            levels.push(Level {
                width,
                height,
                pixels,
            });
        }
        Self { levels }
    }

    /// The colour at a point in pixels of the largest version, of a spot `wide` such pixels wide.
    fn sample(&self, x: f32, y: f32, wide: f32) -> Vec3 {
        let level = wide.max(1.0).log2();
        let last = self.levels.len().saturating_sub(1);
        let lower = (level as usize).min(last);
        let part = (level - lower as f32).clamp(0.0, 1.0);
        let of = |index: usize| {
            let shrunk = 1.0 / (1_u32 << index.min(31)) as f32;
            self.levels.get(index).map_or(Vec3::ZERO, |level| {
                level.smooth(x * shrunk - 0.5, y * shrunk - 0.5)
            })
        };
        if part < 0.2 || lower == last {
            of(lower)
        } else if part > 0.8 {
            of(lower + 1)
        } else {
            of(lower).lerp(of(lower + 1), (part - 0.2) / 0.6)
        }
    }
}

impl Level {
    fn at(&self, x: usize, y: usize) -> Vec3 {
        let index = y.min(self.height - 1) * self.width + x.min(self.width - 1);
        match self.pixels.get(index) {
            Some([r, g, b, _]) => Vec3::new(f32::from(*r), f32::from(*g), f32::from(*b)),
            None => Vec3::ZERO,
        }
    }

    fn smooth(&self, x: f32, y: f32) -> Vec3 {
        let (x, y) = (
            x.clamp(0.0, (self.width - 1) as f32),
            y.clamp(0.0, (self.height - 1) as f32),
        );
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let upper = self.at(column, row).lerp(self.at(column + 1, row), fx);
        let lower = self.at(column, row + 1).lerp(self.at(column + 1, row + 1), fx);
        upper.lerp(lower, fy)
    }
}

struct Room {
    table: Texture,
    wall: Texture,
    sheet: Texture,
    /// The paper's size, metres, and its pixels in a metre.
    paper: (DVec2, f64),
}

/// A number of 0 to 1 that looks random.
fn hash(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h = (h ^ h >> 15).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ h >> 12).wrapping_mul(0x297A_2D39);
    (h ^ h >> 15) as f32 / u32::MAX as f32
}

/// Smooth noise of 0 to 1.
fn noise(x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - column), ease(y - row));
    let (i, j) = (column as i32, row as i32);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    mix(
        mix(hash(i, j), hash(i + 1, j), fx),
        mix(hash(i, j + 1), hash(i + 1, j + 1), fx),
        fy,
    )
}

fn step(from: f32, to: f32, at: f32) -> f32 {
    let t = ((at - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The light on the table, metres right and towards the reader: daylight that fades from the window at the left, and the
/// window's panes thrown over the table's edge, blurred.
fn daylight(x: f32, z: f32) -> Vec3 {
    let (dx, dz) = (x + 0.95, z + 0.55);
    let fade = 0.50 + 0.86 / (1.0 + 0.75 * (dx * dx + dz * dz));
    // The panes' own measure: slanted, since the sun stands aside.
    let (u, v) = (x + 0.5 * z + 0.86, z - 0.22 * x + 0.3);
    let pane = |t: f32, from: f32, to: f32| step(from - 0.05, from + 0.05, t) - step(to - 0.05, to + 0.05, t);
    let across = pane(u, -0.30, 0.05) + pane(u, 0.13, 0.48);
    let along = pane(v, -0.42, -0.05) + pane(v, 0.03, 0.40);
    let sun = (across * along).clamp(0.0, 1.0);
    Vec3::new(1.0, 0.985, 0.96) * fade + Vec3::new(1.0, 0.88, 0.70) * (0.62 * sun)
}

/// Oiled oak: boards along X, each with its own shade and grain.
fn wood(x: f32, z: f32) -> Vec3 {
    const BOARD: f32 = 0.142;
    let row = (z / BOARD).floor();
    let within = z / BOARD - row;
    let own = hash(row as i32, 17);
    let along = x + own * 9.0;
    // Rings stretched along the board, bent by slow noise.
    let bend = noise(along * 1.3, z * 5.0 + own * 40.0);
    let rings = ((z * 46.0 + bend * 5.5 + own * 30.0) * 1.7).sin() * 0.5 + 0.5;
    let fibre = noise(along * 9.0, z * 900.0) * 0.6 + noise(along * 34.0, z * 1700.0 + 50.0) * 0.4;
    let pores = step(0.72, 0.9, noise(along * 26.0, z * 620.0 + 9.0));
    let base = Vec3::new(0.44, 0.27, 0.145).lerp(Vec3::new(0.36, 0.205, 0.10), own);
    let shade = 0.86 + 0.16 * rings * (0.4 + 0.6 * bend) + 0.14 * (fibre - 0.5) - 0.13 * pores;
    let seam = step(0.0, 0.014, within) * step(0.0, 0.014, 1.0 - within);
    base * shade * (0.45 + 0.55 * seam)
}

/// Linear to sRGB's 0 to 1, bright light rolled off.
fn tone(light: Vec3) -> Vec3 {
    let shoulder = |v: f32| {
        if v < 0.7 {
            v
        } else {
            0.7 + 0.3 * (1.0 - (-(v - 0.7) / 0.3).exp())
        }
    };
    let curve = |v: f32| {
        let v = shoulder(v.max(0.0));
        if v <= 0.003_130_8 {
            v * 12.92
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        }
    };
    Vec3::new(curve(light.x), curve(light.y), curve(light.z))
}

impl Room {
    fn get() -> &'static Self {
        static ROOM: OnceLock<Room> = OnceLock::new();
        ROOM.get_or_init(Self::new)
    }

    fn new() -> Self {
        let paper = Paper::A4.size();
        let half = paper.as_vec2() / 2.0;
        let (side, back, front) = TABLE;
        let fine = FINENESS.0;
        let table = Texture::new(
            ((2.0 * side) * fine) as usize,
            ((front - back) * fine) as usize,
            |column, row| {
                let x = ((column as f64 + 0.5) / fine - side) as f32;
                let z = ((row as f64 + 0.5) / fine + back) as f32;
                // The paper lies close: a thin shadow away from the window.
                let outside = |x: f32, z: f32| (x.abs() - half.x).max(0.0).hypot((z.abs() - half.y).max(0.0));
                let shadow = 0.35 * (1.0 - step(0.0, 0.006, outside(x - 0.0022, z - 0.0016)))
                    + 0.10 * (1.0 - step(0.0, 0.03, outside(x - 0.004, z - 0.003)));
                // Less light reaches the corner below the wall.
                let corner = 0.62 + 0.38 * step(0.0, 0.22, z - back as f32);
                tone(wood(x, z) * daylight(x, z) * (1.0 - shadow) * corner * 1.02)
            },
        );
        let fine = FINENESS.1;
        let wall = Texture::new(
            (2.0 * side * fine) as usize,
            (WALL * fine) as usize,
            |column, row| {
                let x = ((column as f64 + 0.5) / fine - side) as f32;
                let y = ((row as f64 + 0.5) / fine) as f32;
                let fade = 0.40 + 0.66 / (1.0 + 0.8 * (x + 1.1) * (x + 1.1));
                let plaster = 0.985 + 0.03 * noise(x * 60.0, y * 60.0);
                let corner = 0.58 + 0.42 * step(-0.02, 0.25, y);
                tone(Vec3::new(0.80, 0.775, 0.735) * fade * plaster * corner)
            },
        );
        let raster = sheet::raster(Paper::A4, 4.0);
        let metre = raster.scale * 1000.0;
        let sheet = Texture::new(raster.width, raster.height, |column, row| {
            let x = ((column as f64 + 0.5) / metre) as f32 - half.x;
            let z = ((row as f64 + 0.5) / metre) as f32 - half.y;
            let ink = raster
                .colours
                .get(row * raster.width + column)
                .copied()
                .unwrap_or([255; 3]);
            let own = Vec3::from_array(ink.map(|value| super::light::linear(value) as f32));
            tone((own * 0.80 + 0.028) * daylight(x, z))
        });
        Self {
            table,
            wall,
            sheet,
            paper: (paper, metre),
        }
    }

    /// The colour that a ray meets, and a spot's width there for one of a pixel.
    fn meet(&self, eye: DVec3, ray: DVec3, pixel: f64) -> Vec3 {
        let (side, back, front) = TABLE;
        if ray.y < -1e-9 {
            let far = -eye.y / ray.y;
            let at = eye + ray * far;
            if at.z > back {
                let wide = far * ray.length() * pixel;
                let (paper, metre) = self.paper;
                let half = paper / 2.0;
                if at.x.abs() < half.x && at.z.abs() < half.y {
                    return self.sheet.sample(
                        ((at.x + half.x) * metre) as f32,
                        ((at.z + half.y) * metre) as f32,
                        (wide * metre) as f32,
                    );
                }
                return self.table.sample(
                    ((at.x.clamp(-side, side) + side) * FINENESS.0) as f32,
                    ((at.z.min(front) - back) * FINENESS.0) as f32,
                    (wide * FINENESS.0) as f32,
                );
            }
        }
        let far = (back - eye.z) / ray.z.min(-1e-9);
        let at = eye + ray * far;
        let wide = far * ray.length() * pixel;
        self.wall.sample(
            ((at.x.clamp(-side, side) + side) * FINENESS.1) as f32,
            (at.y.clamp(0.0, WALL) * FINENESS.1) as f32,
            (wide * FINENESS.1) as f32,
        )
    }
}

/// The room from a camera: three bytes a pixel, with a camera's grain drawn from `grain`.
pub fn render(lens: &Intrinsics, pose: &Pose, grain: u64) -> Vec<u8> {
    let room = Room::get();
    let eye = pose.eye();
    let turn = DMat3::from_quat(pose.rotation.inverse());
    let (width, height) = (lens.width as usize, lens.height as usize);
    // Two samples a pixel, aslant; a spot as wide as half a pixel and a little more.
    let pixel = 0.62 / lens.fx;
    let mut state = grain.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut picture = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let mut colour = Vec3::ZERO;
            for (dx, dy) in [(0.25, 0.25), (0.75, 0.75)] {
                let u = (x as f64 + dx - lens.cx) / lens.fx;
                let v = (y as f64 + dy - lens.cy) / lens.fy;
                colour += room.meet(eye, turn * DVec3::new(u, v, 1.0), pixel);
            }
            let (u, v) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.5);
            let vignette = 1.0 - 0.22 * (u * u + v * v);
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [a, b, c, ..] = state.to_le_bytes().map(|byte| (f32::from(byte) - 127.5) / 128.0);
            let noise = Vec3::new(a, b, c) * 1.3 + (a + b + c) * 0.8;
            let value = colour * (0.5 * vignette) + noise + 0.5;
            picture.extend(value.to_array().map(|value| value.clamp(0.0, 255.0) as u8));
        }
    }
    picture
}

/// The room as a source.
pub struct Synthetic {
    pace: Pace,
    start: Instant,
    due: Instant,
    sequence: u64,
}

impl Synthetic {
    /// Frames at [`RATE`], or as fast as they are asked for.
    pub fn new(pace: Pace) -> Self {
        let now = Instant::now();
        Self {
            pace,
            start: now,
            due: now,
            sequence: 0,
        }
    }
}

impl FrameSource for Synthetic {
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError> {
        let at = match self.pace {
            Pace::AtOnce => self.sequence as f64 / RATE,
            Pace::Live => {
                let now = Instant::now();
                let left = self.due.saturating_duration_since(now);
                std::thread::sleep(left.min(wait));
                if left > wait {
                    return Ok(None);
                }
                self.due = self.due.max(now) + Duration::from_secs_f64(1.0 / RATE);
                self.start.elapsed().as_secs_f64()
            }
        };
        let lens = lens();
        let pose = camera(at);
        let sequence = self.sequence;
        self.sequence += 1;
        let Some(mut frame) = Frame::from_rgb(WIDTH, HEIGHT, render(&lens, &pose, sequence + 1), sequence)
        else {
            return Ok(None);
        };
        frame.synthetic = true;
        frame.lens = Some(lens);
        frame.truth = Some(pose);
        Ok(Some(frame))
    }

    fn describe(&self) -> String {
        "a synthetic room".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detector;
    use crate::pose;

    #[test]
    fn the_sheet_is_found_in_the_room_and_frames_say_what_they_are() {
        let mut room = Synthetic::new(Pace::AtOnce);
        let mut detector = Detector::default();
        for _ in 0..5 {
            let frame = room.next(Duration::from_millis(10)).unwrap().unwrap();
            assert!(frame.synthetic);
            let (lens, truth) = (frame.lens.unwrap(), frame.truth.unwrap());
            let tags = detector.detect(960, 540, &frame.grey, None).unwrap();
            assert_eq!(tags.len(), 5);
            let found = pose::solve(&tags, &lens, None).unwrap();
            let (metres, radians) = found.pose.distance(&truth);
            assert!(metres < 0.004 && radians < 0.01, "{metres} {radians}");
            let seen = crate::light::estimate(&frame, &lens, &found.pose).unwrap();
            assert!(seen.direction.dot(light()) > 0.85, "{seen:?}");
            assert!(seen.colour.x > seen.colour.z && seen.intensity > 0.4, "{seen:?}");
        }
    }
}
