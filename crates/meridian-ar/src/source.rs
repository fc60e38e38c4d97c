//! Where frames come from, behind one trait.
//!
//! | text | source |
//! |---|---|
//! | `v4l2:/dev/video0`, `v4l2:/dev/video0@1280x720` | a camera of Linux |
//! | `ffmpeg:FILE`, `ffmpeg:URL`, `ffmpeg:-f dshow -i "video=Integrated Camera"` | whatever ffmpeg reads |
//! | `images:DIR`, `images:DIR@15` | the pictures in a folder, in the order of their names, again and again |
//! | `synthetic` | a room that is computed; its frames say so |

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use image::ImageReader;

use super::geometry::Pose;
use super::intrinsics::{Intrinsics, LARGEST_SIDE};
use super::{ffmpeg, images, synthetic};

/// Frames a second of a folder of pictures, where the text names no other rate.
pub const PICTURE_RATE: f64 = 25.0;

/// One picture of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Three bytes a pixel (sRGB), row by row, `width × height × 3`.
    pub rgb: Vec<u8>,
    /// One byte a pixel, row by row, `width × height`.
    pub grey: Vec<u8>,
    /// When it came.
    pub at: Instant,
    /// Counts the source's frames, from 0.
    pub sequence: u64,
    /// Computed rather than seen: a display has to say so.
    pub synthetic: bool,
    /// The lens, where the source knows it.
    pub lens: Option<Intrinsics>,
    /// The board's true pose, where the source knows it.
    pub truth: Option<Pose>,
    /// The file it was read from.
    pub file: Option<PathBuf>,
}

impl Frame {
    /// From three bytes a pixel. `None` where their number isn't `width × height × 3`, or a side is 0.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>, sequence: u64) -> Option<Self> {
        let pixels = pixels(width, height)?;
        if rgb.len() != pixels * 3 {
            return None;
        }
        let (triples, _) = rgb.as_chunks::<3>();
        let grey = triples.iter().map(|[r, g, b]| luma(*r, *g, *b)).collect();
        Some(Self::new(width, height, rgb, grey, sequence))
    }

    /// From one byte a pixel. `None` where their number isn't `width × height`, or a side is 0.
    pub fn from_grey(width: u32, height: u32, grey: Vec<u8>, sequence: u64) -> Option<Self> {
        if grey.len() != pixels(width, height)? {
            return None;
        }
        let rgb = grey.iter().flat_map(|shade| [*shade; 3]).collect();
        Some(Self::new(width, height, rgb, grey, sequence))
    }

    pub(super) fn new(width: u32, height: u32, rgb: Vec<u8>, grey: Vec<u8>, sequence: u64) -> Self {
        Self {
            width,
            height,
            rgb,
            grey,
            at: Instant::now(),
            sequence,
            synthetic: false,
            lens: None,
            truth: None,
            file: None,
        }
    }

    /// Four bytes a pixel (sRGB and an opaque alpha), as textures want them.
    pub fn rgba(&self) -> Vec<u8> {
        let (triples, _) = self.rgb.as_chunks::<3>();
        triples.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
    }
}

fn pixels(width: u32, height: u32) -> Option<usize> {
    let fits = (1..=LARGEST_SIDE).contains(&width) && (1..=LARGEST_SIDE).contains(&height);
    fits.then(|| width as usize * height as usize)
}

fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8
}

/// A source gives no frame.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// One picture can't be used; the next may.
    #[error("{path}: {problem}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// One frame of a stream can't be used; the next may.
    #[error("{source_name}: a frame can't be used: {problem}")]
    Frame {
        /// The camera or stream.
        source_name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder can't be used.
    #[error("{path}: {problem}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A camera can't be used, or vanished.
    #[error("{device}: {problem}")]
    Camera {
        /// The camera.
        device: String,
        /// What is wrong with it.
        problem: String,
    },
    /// ffmpeg can't be started, or ended.
    #[error("ffmpeg: {problem}")]
    Ffmpeg {
        /// What happened, and the last that it said.
        problem: String,
    },
    /// Nothing came for a while.
    #[error("{source_name}: no frame for {seconds} s")]
    Silent {
        /// The camera or stream.
        source_name: String,
        /// How long, seconds.
        seconds: u64,
    },
    /// It failed in a way that it shouldn't.
    #[error("{source_name}: failed within; please report it")]
    Broken {
        /// The camera or stream.
        source_name: String,
    },
}

impl SourceError {
    /// Whether only this frame is lost: the source itself goes on.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Picture { .. } | Self::Frame { .. })
    }
}

/// Something that gives frames.
pub trait FrameSource: Send {
    /// The next frame, or `None` when none came within `wait`. It waits no longer than that (and what decoding takes), so
    /// that a thread which reads it can be stopped.
    ///
    /// # Errors
    /// [`SourceError`]; where [`SourceError::is_passing`] says so the source goes on, else it has to be opened anew.
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError>;

    /// What it is, for people.
    fn describe(&self) -> String;
}

/// Which source, as text on a command line names it.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSpec {
    /// A camera of Linux, and the picture size to ask it for.
    V4l2 {
        /// As in `/dev/video0`.
        device: PathBuf,
        /// Pixels across and down.
        size: Option<(u32, u32)>,
    },
    /// What ffmpeg reads: its arguments up to and with `-i …`.
    Ffmpeg(Vec<String>),
    /// A folder of pictures.
    Images {
        /// The folder.
        folder: PathBuf,
        /// Frames a second.
        rate: f64,
    },
    /// The synthetic room.
    Synthetic,
}

/// Whether frames come as they are due, or as fast as they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At the source's own rate; pictures in a folder begin again after the last.
    Live,
    /// At once, each one time; after the last comes an error. For measuring.
    AtOnce,
}

impl SourceSpec {
    /// Opens it.
    ///
    /// # Errors
    /// [`SourceError`] saying what is wrong with it.
    pub fn open(&self, pace: Pace) -> Result<Box<dyn FrameSource>, SourceError> {
        match self {
            Self::V4l2 { device, size } => open_camera(device, *size),
            Self::Ffmpeg(arguments) => Ok(Box::new(ffmpeg::Ffmpeg::open(arguments, pace)?)),
            Self::Images { folder, rate } => Ok(Box::new(images::Images::open(folder, *rate, pace)?)),
            Self::Synthetic => Ok(Box::new(synthetic::Synthetic::new(pace))),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_camera(device: &Path, size: Option<(u32, u32)>) -> Result<Box<dyn FrameSource>, SourceError> {
    Ok(Box::new(super::v4l2::Camera::open(device, size)?))
}

#[cfg(not(target_os = "linux"))]
fn open_camera(device: &Path, _: Option<(u32, u32)>) -> Result<Box<dyn FrameSource>, SourceError> {
    Err(SourceError::Camera {
        device: device.display().to_string(),
        problem: "V4L2 is Linux's; here a camera is read by ffmpeg: \
                  ffmpeg:-f dshow -i \"video=NAME\" (Windows), ffmpeg:-f avfoundation -i 0 (macOS)"
            .to_owned(),
    })
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4l2 { device, size } => {
                write!(f, "v4l2:{}", device.display())?;
                size.map_or(Ok(()), |(width, height)| write!(f, "@{width}x{height}"))
            }
            Self::Ffmpeg(arguments) => write!(f, "ffmpeg:{}", arguments.join(" ")),
            Self::Images { folder, rate } => {
                write!(f, "images:{}", folder.display())?;
                if *rate == PICTURE_RATE {
                    Ok(())
                } else {
                    write!(f, "@{rate}")
                }
            }
            Self::Synthetic => f.write_str("synthetic"),
        }
    }
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| {
            format!(
                "{text:?} is no source ({problem}); one of these is: v4l2:/dev/video0, v4l2:/dev/video0@1280x720, \
                 ffmpeg:FILE|URL, ffmpeg:-f FORMAT -i INPUT, images:DIR, images:DIR@FPS, synthetic"
            )
        };
        if text == "synthetic" {
            return Ok(Self::Synthetic);
        }
        let (kind, rest) = text.split_once(':').ok_or_else(|| wrong("its kind is missing"))?;
        if rest.is_empty() || rest.contains('\0') {
            return Err(wrong("nothing usable follows the colon"));
        }
        match kind {
            "v4l2" => {
                let (device, size) = match rest.rsplit_once('@') {
                    Some((device, size)) => {
                        let parsed = size.split_once('x').and_then(|(width, height)| {
                            Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?))
                        });
                        let fits = |side: &u32| (64..=LARGEST_SIDE).contains(side);
                        let size = parsed
                            .filter(|(width, height)| fits(width) && fits(height))
                            .ok_or_else(|| wrong("after @ a size is needed, as in 1280x720"))?;
                        (device, Some(size))
                    }
                    None => (rest, None),
                };
                Ok(Self::V4l2 {
                    device: PathBuf::from(device),
                    size,
                })
            }
            "ffmpeg" => {
                let arguments = if rest.trim_start().starts_with('-') {
                    let words = words(rest).ok_or_else(|| wrong("a quotation mark is not closed"))?;
                    if !words.iter().any(|word| word == "-i") {
                        return Err(wrong("ffmpeg's arguments need -i INPUT"));
                    }
                    words
                } else {
                    vec!["-i".to_owned(), rest.to_owned()]
                };
                Ok(Self::Ffmpeg(arguments))
            }
            "images" => {
                let (folder, rate) = match rest.rsplit_once('@') {
                    // A folder's name may hold an @ of its own.
                    Some((folder, rate)) if !folder.is_empty() => match rate.parse::<f64>() {
                        Ok(rate) if (0.1..=240.0).contains(&rate) => (folder, rate),
                        Ok(_) => return Err(wrong("0.1 to 240 frames a second are possible")),
                        Err(_) => (rest, PICTURE_RATE),
                    },
                    _ => (rest, PICTURE_RATE),
                };
                Ok(Self::Images {
                    folder: PathBuf::from(folder),
                    rate,
                })
            }
            _ => Err(wrong(&format!("the kind {kind:?} is unknown"))),
        }
    }
}

/// Words as a shell splits them: blanks part them, quotation marks of either kind hold them together. `None` where one
/// is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(mark), _) if letter == mark => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Reads one picture: PNG, JPEG, WebP or binary PGM/PPM, of at most 64 million pixels.
///
/// # Errors
/// [`SourceError::Picture`] naming the file and what is wrong with it.
pub fn read_picture(path: &Path, sequence: u64) -> Result<Frame, SourceError> {
    let wrong = |problem: String| SourceError::Picture {
        path: path.to_owned(),
        problem,
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut frame = decode(&bytes, sequence).map_err(wrong)?;
    frame.file = Some(path.to_owned());
    Ok(frame)
}

/// Decodes one picture.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8], sequence: u64) -> Result<Frame, String> {
    if bytes.starts_with(b"P5") || bytes.starts_with(b"P6") {
        return decode_netpbm(bytes, sequence);
    }
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("not a picture that can be read (PNG, JPEG, WebP, PGM or PPM)".to_owned());
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(512 << 20);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let (width, height) = (picture.width(), picture.height());
    let many = || format!("{width}×{height} pixels are too many or too few");
    if width as usize * height as usize > super::detect::MOST_PIXELS {
        return Err(many());
    }
    match picture {
        image::DynamicImage::ImageLuma8(grey) => Frame::from_grey(width, height, grey.into_raw(), sequence),
        other => Frame::from_rgb(width, height, other.into_rgb8().into_raw(), sequence),
    }
    .ok_or_else(many)
}

/// Binary PGM and PPM with 8 bits.
fn decode_netpbm(bytes: &[u8], sequence: u64) -> Result<Frame, String> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut number = || -> Option<u32> {
        while let [first, after @ ..] = rest {
            if *first == b'#' {
                let end = after.iter().position(|byte| *byte == b'\n')?;
                rest = after.get(end..)?;
            } else if first.is_ascii_whitespace() {
                rest = after;
            } else {
                break;
            }
        }
        let digits = rest
            .iter()
            .take(9)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (text, after) = rest.split_at_checked(digits)?;
        rest = after;
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    let (width, height, most) = (number(), number(), number());
    let (Some(width), Some(height), Some(255)) = (width, height, most) else {
        return Err("a PGM or PPM with a width, a height and 255 shades is needed".to_owned());
    };
    let size = pixels(width, height)
        .filter(|pixels| *pixels <= super::detect::MOST_PIXELS)
        .ok_or_else(|| format!("{width}×{height} pixels are too many or too few"))?;
    let data = rest.get(1..).unwrap_or_default();
    let colour = bytes.starts_with(b"P6");
    let needed = if colour { size * 3 } else { size };
    let data = data
        .get(..needed)
        .ok_or_else(|| format!("cut short: {} bytes of pixels, {needed} are needed", data.len()))?
        .to_vec();
    let frame = if colour {
        Frame::from_rgb(width, height, data, sequence)
    } else {
        Frame::from_grey(width, height, data, sequence)
    };
    frame.ok_or_else(|| "its size is impossible".to_owned())
}

/// YUV to RGB: how values are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Yuv {
    /// 0 to 255 rather than 16 to 235.
    pub full: bool,
    /// The matrix of high definition (BT.709) rather than BT.601's.
    pub high: bool,
}

impl Yuv {
    /// One pixel.
    pub fn rgb(self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (i32::from(y), i32::from(u) - 128, i32::from(v) - 128);
        // 16 bits of fraction.
        let (y, chroma) = if self.full {
            (y << 16, 65536)
        } else {
            ((y - 16) * 76309, 74606)
        };
        let (rv, gu, gv, bu) = if self.high {
            (103_206, -12_276, -30_679, 121_609)
        } else {
            (91_881, -22_554, -46_802, 116_130)
        };
        let part = |factor: i32| ((i64::from(factor) * i64::from(chroma)) >> 16) as i32;
        let clip = |value: i32| ((value + 32768) >> 16).clamp(0, 255) as u8;
        [
            clip(y + part(rv) * v),
            clip(y + part(gu) * u + part(gv) * v),
            clip(y + part(bu) * u),
        ]
    }

    /// A brightness alone, as a shade of 0 to 255.
    pub fn shade(self, y: u8) -> u8 {
        if self.full {
            y
        } else {
            (((i32::from(y) - 16) * 76309 + 32768) >> 16).clamp(0, 255) as u8
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_sources() {
        for text in [
            "v4l2:/dev/video0",
            "v4l2:/dev/video2@1280x720",
            "ffmpeg:-f dshow -i video=Cam",
            "images:/tmp/x",
            "images:/tmp/x@15",
            "images:/tmp/a@b",
            "synthetic",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
        assert_eq!(
            "ffmpeg:-f dshow -i \"video=Integrated Camera\"".parse(),
            Ok(SourceSpec::Ffmpeg(
                ["-f", "dshow", "-i", "video=Integrated Camera"]
                    .map(str::to_owned)
                    .to_vec()
            ))
        );
        assert_eq!(
            "ffmpeg:rtsp://host/a b".parse(),
            Ok(SourceSpec::Ffmpeg(vec![
                "-i".to_owned(),
                "rtsp://host/a b".to_owned()
            ]))
        );
    }

    #[test]
    fn bad_texts_are_told_what_is_right() {
        for text in [
            "",
            "webcam",
            "v4l2:",
            "v4l2:/dev/video0@big",
            "images:",
            "images:/x@0",
            "ffmpeg:-f \"x",
            "ffmpeg:-f x",
            "usb:0",
        ] {
            let problem = text.parse::<SourceSpec>().unwrap_err();
            assert!(
                problem.contains("synthetic") && problem.contains("v4l2:/dev/video0"),
                "{problem}"
            );
        }
    }

    #[test]
    fn yuv_white_black_and_colours() {
        for high in [false, true] {
            let limited = Yuv { full: false, high };
            assert_eq!(limited.rgb(235, 128, 128), [255; 3]);
            assert_eq!(limited.rgb(16, 128, 128), [0; 3]);
            let full = Yuv { full: true, high };
            assert_eq!(full.rgb(77, 128, 128), [77; 3]);
        }
        let [r, g, b] = Yuv {
            full: false,
            high: false,
        }
        .rgb(81, 90, 240);
        assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    }

    #[test]
    fn hostile_pictures_are_errors() {
        let mut png = Vec::new();
        image::DynamicImage::new_rgb8(64, 64)
            .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
            .unwrap();
        assert!(decode(&png, 0).is_ok());
        assert!(decode(&png[..png.len() / 2], 0).is_err());
        let mut huge = png.clone();
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(decode(&huge, 0).is_err());
        for bytes in [
            &b""[..],
            b"P5",
            b"P5 4 4 255\nabc",
            b"P5 99999 99999 255\n",
            b"P5 0 4 255\n",
            b"P6 1 1 65535\n",
            b"GIF89a",
            b"\xff\xd8\xff",
        ] {
            assert!(decode(bytes, 0).is_err());
        }
        assert_eq!(decode(b"P5\n# a remark\n2 1\n255\nab", 0).unwrap().grey, b"ab");
        assert_eq!(decode(b"P6 1 1 255\nabc", 0).unwrap().rgb, b"abc");
    }
}
