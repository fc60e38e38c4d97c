//! A camera of Linux as a source, by V4L2's own calls.

use std::path::Path;
use std::time::{Duration, Instant};

use linuxvideo::format::{PixFormat, PixelFormat};
use linuxvideo::stream::ReadStream;
use linuxvideo::{BufType, Device};

use super::frame::{Frame, FrameSource, SourceError, Yuv};
use super::picture::decode;

/// How long to wait for a frame before the camera counts as lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often to poll the camera for a frame.
const ASK: Duration = Duration::from_millis(2);

/// The supported encodings, best first: compressed ones leave a USB cable room for full frame rates.
const ENCODINGS: [Encoding; 5] = [
    Encoding::Jpeg,
    Encoding::Nv12,
    Encoding::Yuyv,
    Encoding::Grey,
    Encoding::Rgb,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Jpeg,
    Nv12,
    Yuyv,
    Grey,
    Rgb,
}

impl Encoding {
    fn of(format: PixelFormat) -> Option<Self> {
        match &format.as_fourcc() {
            b"MJPG" | b"JPEG" => Some(Self::Jpeg),
            b"NV12" => Some(Self::Nv12),
            b"YUYV" => Some(Self::Yuyv),
            b"GREY" => Some(Self::Grey),
            b"RGB3" => Some(Self::Rgb),
            _ => None,
        }
    }

    /// The size to ask for where none was: what a USB cable carries at full rate.
    fn size(self) -> (u32, u32) {
        match self {
            Self::Yuyv | Self::Rgb => (640, 480),
            _ => (1280, 720),
        }
    }
}

/// A camera that is open, with the stream that it fills.
pub struct Camera {
    device: String,
    name: String,
    stream: ReadStream,
    encoding: Encoding,
    width: u32,
    height: u32,
    /// Bytes from one row to the next.
    pitch: usize,
    sequence: u64,
    last: Instant,
}

impl Camera {
    /// # Errors
    /// [`SourceError::Camera`] naming the device and what is wrong with it.
    pub fn open(path: &Path, size: Option<(u32, u32)>) -> Result<Self, SourceError> {
        let device = path.display().to_string();
        let wrong = |problem: String| SourceError::Camera {
            device: device.clone(),
            problem,
        };
        let io = |error: std::io::Error| {
            wrong(match error.kind() {
                std::io::ErrorKind::NotFound => "no such camera (is it plugged in?)".to_owned(),
                std::io::ErrorKind::PermissionDenied => {
                    "not allowed (is the user in the group video?)".to_owned()
                }
                std::io::ErrorKind::ResourceBusy => "in use by another program".to_owned(),
                _ => error.to_string(),
            })
        };
        let camera = Device::open(path).map_err(io)?;
        let name = camera.capabilities().map_err(io)?.card().to_owned();
        let offered: Vec<PixelFormat> = camera
            .formats(BufType::VIDEO_CAPTURE)
            .filter_map(|format| Some(format.ok()?.pixel_format()))
            .collect();
        let chosen = ENCODINGS.iter().find_map(|wanted| {
            offered
                .iter()
                .find(|format| Encoding::of(**format) == Some(*wanted))
                .map(|format| (*wanted, *format))
        });
        let Some((wanted, format)) = chosen else {
            let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
            return Err(wrong(if offered.is_empty() {
                "not a camera: it offers no pictures".to_owned()
            } else {
                format!(
                    "it offers {} only; MJPG, NV12, YUYV, GREY or RGB3 is needed",
                    offered.join(", ")
                )
            }));
        };
        let (width, height) = size.unwrap_or(wanted.size());
        let capture = camera
            .video_capture(PixFormat::new(width, height, format))
            .map_err(io)?;
        let given = capture.format();
        let encoding = Encoding::of(given.pixel_format()).ok_or_else(|| {
            wrong(format!(
                "it insists on {}, which isn't understood",
                given.pixel_format()
            ))
        })?;
        let (width, height, pitch) = (given.width(), given.height(), given.bytes_per_line() as usize);
        if !(16..=16_384).contains(&width) || !(16..=16_384).contains(&height) {
            return Err(wrong(format!(
                "its pictures have an impossible size, {width}×{height}"
            )));
        }
        let stream = capture.into_stream().map_err(io)?;
        Ok(Self {
            name,
            stream,
            encoding,
            width,
            height,
            pitch,
            sequence: 0,
            last: Instant::now(),
            device,
        })
    }
}

impl FrameSource for Camera {
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError> {
        let until = Instant::now() + wait;
        let device = self.device.clone();
        let gone = |error: std::io::Error| SourceError::Camera {
            device: device.clone(),
            problem: format!("the camera is gone ({error})"),
        };
        while self.stream.will_block().map_err(gone)? {
            if self.last.elapsed() > PATIENCE {
                return Err(SourceError::Silent {
                    source_name: self.describe(),
                    seconds: PATIENCE.as_secs(),
                });
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(ASK);
        }
        // Copied out, so that the camera has its buffer back while this one is decoded.
        let bytes = self
            .stream
            .dequeue(|buffer| Ok((!buffer.is_error()).then(|| buffer.to_vec())))
            .map_err(gone)?;
        self.last = Instant::now();
        let sequence = self.sequence;
        self.sequence += 1;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        convert(
            self.encoding,
            self.width,
            self.height,
            self.pitch,
            &bytes,
            sequence,
        )
        .map(Some)
        .map_err(|problem| SourceError::Frame {
            source_name: self.describe(),
            problem,
        })
    }

    fn describe(&self) -> String {
        format!("{} ({}, {}×{})", self.name, self.device, self.width, self.height)
    }
}

/// A buffer of the camera as a frame.
fn convert(
    encoding: Encoding,
    width: u32,
    height: u32,
    pitch: usize,
    bytes: &[u8],
    sequence: u64,
) -> Result<Frame, String> {
    let (w, h) = (width as usize, height as usize);
    if encoding == Encoding::Jpeg {
        return decode(bytes, sequence);
    }
    let least = match encoding {
        Encoding::Yuyv => w * 2,
        Encoding::Rgb => w * 3,
        _ => w,
    };
    let pitch = pitch.max(least).min(1 << 20);
    let short = || format!("{} bytes are too few for {width}×{height} pixels", bytes.len());
    let row = |start: usize, length: usize| bytes.get(start..start + length).ok_or_else(short);
    let yuv = Yuv {
        full: false,
        high: false,
    };
    let mut rgb = Vec::with_capacity(w * h * 3);
    let mut grey = Vec::with_capacity(w * h);
    for y in 0..h {
        match encoding {
            Encoding::Yuyv => {
                let (pairs, _) = row(y * pitch, w / 2 * 4)?.as_chunks::<4>();
                for [a, u, b, v] in pairs {
                    grey.extend([yuv.shade(*a), yuv.shade(*b)]);
                    rgb.extend(yuv.rgb(*a, *u, *v));
                    rgb.extend(yuv.rgb(*b, *u, *v));
                }
            }
            Encoding::Nv12 => {
                let colours = row(pitch * h + y / 2 * pitch, w / 2 * 2)?.as_chunks::<2>().0;
                let (pairs, _) = row(y * pitch, w / 2 * 2)?.as_chunks::<2>();
                for ([a, b], [u, v]) in pairs.iter().zip(colours) {
                    grey.extend([yuv.shade(*a), yuv.shade(*b)]);
                    rgb.extend(yuv.rgb(*a, *u, *v));
                    rgb.extend(yuv.rgb(*b, *u, *v));
                }
            }
            Encoding::Grey => grey.extend(row(y * pitch, w)?),
            Encoding::Rgb | Encoding::Jpeg => rgb.extend(row(y * pitch, w * 3)?),
        }
    }
    let frame = match encoding {
        Encoding::Grey => Frame::from_grey(width, height, grey, sequence),
        Encoding::Rgb | Encoding::Jpeg => Frame::from_rgb(width, height, rgb, sequence),
        // These come in pairs of pixels; an odd width loses its last column.
        Encoding::Yuyv | Encoding::Nv12 => Some(Frame::new(width / 2 * 2, height, rgb, grey, sequence)),
    };
    frame.ok_or_else(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_not_there_is_an_error() {
        for path in ["/dev/no-such-camera", "/dev/null", "/"] {
            let Err(error) = Camera::open(Path::new(path), None) else {
                panic!("{path} opened");
            };
            assert!(error.to_string().starts_with(path), "{error}");
        }
    }

    #[test]
    fn buffers_become_frames() {
        let frame = convert(Encoding::Yuyv, 4, 2, 0, &[235, 128, 16, 128].repeat(4), 7).unwrap();
        assert_eq!(frame.grey, [255, 0].repeat(4));
        assert_eq!(frame.rgb.len(), 24);
        let mut nv12 = [235_u8].repeat(8);
        nv12.extend([128; 4]);
        assert_eq!(convert(Encoding::Nv12, 4, 2, 4, &nv12, 0).unwrap().rgb, [255; 24]);
        assert_eq!(
            convert(Encoding::Grey, 2, 2, 3, &[1, 2, 0, 3, 4], 0)
                .unwrap()
                .grey,
            [1, 2, 3, 4]
        );
        assert_eq!(
            convert(Encoding::Rgb, 1, 1, 0, &[9, 8, 7], 0).unwrap().rgb,
            [9, 8, 7]
        );
    }

    #[test]
    fn short_buffers_are_errors() {
        for encoding in ENCODINGS {
            assert!(convert(encoding, 64, 64, 0, &[0; 10], 0).is_err());
            assert!(convert(encoding, 64, 64, usize::MAX / 128, &[0; 10], 0).is_err());
        }
    }
}
