//! Which source of frames a text names, and opening it.
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

use super::frame::{FrameSource, Pace, SourceError};
use super::intrinsics::MAX_SIDE;
use super::{ffmpeg, images, synthetic};

/// Frames a second of a folder of pictures, where the text names no other rate.
pub const PICTURE_RATE: f64 = 25.0;

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
                "{text:?} isn't a source ({problem}); one of these is: v4l2:/dev/video0, v4l2:/dev/video0@1280x720, \
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
                        let fits = |side: &u32| (64..=MAX_SIDE).contains(side);
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
                        Ok(_) => return Err(wrong("the rate must be 0.1 to 240 frames a second")),
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

#[cfg(test)]
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
}
