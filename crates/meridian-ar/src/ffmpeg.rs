//! What ffmpeg reads as a source: files, network cameras, the cameras of Windows and macOS.
//!
//! ffmpeg runs as a process of its own and writes YUV4MPEG2 into a pipe, whose header says the size. A thread reads
//! the pipe and keeps the latest frame only.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Frame, FrameSource, Pace, SourceError, Yuv};
use super::intrinsics::MAX_SIDE;

/// The widest picture, in pixels: ffmpeg scales larger ones down.
const MAX_WIDTH_PX: u32 = 1920;

/// How long to wait for a frame before the stream counts as lost. A network camera may take a few seconds to begin.
const PATIENCE: Duration = Duration::from_secs(12);

/// An ffmpeg that runs beside this program and writes frames into a pipe.
pub struct Ffmpeg {
    name: String,
    child: Child,
    shared: Arc<Shared>,
    pace: Pace,
    last: Instant,
    sequence: u64,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
    /// The end of ffmpeg's error output.
    said: Mutex<String>,
}

#[derive(Default)]
struct Slot {
    frame: Option<Planes>,
    ended: Option<String>,
    /// Whether the reader has gone away.
    closed: bool,
}

/// A frame as it comes through the pipe: brightness, and the two colours at half the size.
struct Planes {
    width: usize,
    height: usize,
    full: bool,
    bytes: Vec<u8>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ffmpeg {
    /// Starts ffmpeg with its arguments up to and with `-i …`.
    ///
    /// # Errors
    /// [`SourceError::Ffmpeg`] when it can't be started.
    pub fn open(arguments: &[String], pace: Pace) -> Result<Self, SourceError> {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-loglevel", "error", "-nostdin"]);
        let file = match arguments {
            [flag, input] if flag == "-i" => Path::new(input).is_file(),
            _ => false,
        };
        if pace == Pace::Live {
            if file {
                // A film plays at its own speed, again and again.
                command.args(["-re", "-stream_loop", "-1"]);
            } else {
                command.args(["-fflags", "nobuffer", "-flags", "low_delay"]);
            }
        }
        command.args(arguments).args([
            "-an",
            "-sn",
            "-dn",
            "-vf",
            &format!("scale=w='min({MAX_WIDTH_PX},iw)':h=-2"),
            "-pix_fmt",
            "yuv420p",
            "-f",
            "yuv4mpegpipe",
            "pipe:1",
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| SourceError::Ffmpeg {
            problem: if error.kind() == std::io::ErrorKind::NotFound {
                "it is not installed, or not on the PATH".to_owned()
            } else {
                format!("it can't be started: {error}")
            },
        })?;
        let shared = Arc::new(Shared::default());
        if let Some(stderr) = child.stderr.take() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).trim().to_owned();
                    if !line.is_empty() {
                        *lock(&shared.said) = line.chars().take(300).collect();
                    }
                }
            });
        }
        if let Some(stdout) = child.stdout.take() {
            let shared = Arc::clone(&shared);
            let latest = pace == Pace::Live;
            std::thread::spawn(move || {
                let why = read(stdout, &shared, latest);
                lock(&shared.slot).ended = Some(why);
                shared.changed.notify_all();
            });
        }
        Ok(Self {
            name: arguments.join(" "),
            child,
            shared,
            pace,
            last: Instant::now(),
            sequence: 0,
        })
    }

    fn ended(&self, why: &str) -> SourceError {
        // What it said may come a moment after the pipe's end.
        std::thread::sleep(Duration::from_millis(60));
        let said = lock(&self.shared.said).clone();
        SourceError::Ffmpeg {
            problem: if said.is_empty() {
                format!("{why} ({})", self.name)
            } else {
                format!("{why}; it said: {said}")
            },
        }
    }
}

/// Reads the pipe until it ends; says why it did.
fn read(stdout: ChildStdout, shared: &Shared, latest: bool) -> String {
    let mut pipe = BufReader::with_capacity(1 << 20, stdout);
    let header = match header_line(&mut pipe) {
        Ok(line) if line.is_empty() => return "it gave no picture".to_owned(),
        Ok(line) => line,
        Err(error) => return format!("its output can't be read: {error}"),
    };
    let (width, height, full) = match header_size(&header) {
        Ok(size) => size,
        Err(problem) => return problem,
    };
    let half = width.div_ceil(2) * height.div_ceil(2);
    loop {
        match header_line(&mut pipe) {
            Ok(line) if line.starts_with("FRAME") => {}
            Ok(line) if line.is_empty() => return "the stream ended".to_owned(),
            Ok(line) => return format!("a frame was expected where {line:?} came"),
            Err(error) => return format!("its output can't be read: {error}"),
        }
        let mut bytes = vec![0; width * height + 2 * half];
        if let Err(error) = pipe.read_exact(&mut bytes) {
            return format!("the stream ended within a frame ({error})");
        }
        let mut slot = lock(&shared.slot);
        while !latest && slot.frame.is_some() && !slot.closed {
            slot = shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        if slot.closed {
            return "it was closed".to_owned();
        }
        slot.frame = Some(Planes {
            width,
            height,
            full,
            bytes,
        });
        drop(slot);
        shared.changed.notify_all();
    }
}

/// A line of at most 1024 bytes, without its end; empty at the end of the stream.
fn header_line(pipe: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    pipe.take(1024).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Width, height and whether brightness uses all of 0 to 255.
fn header_size(header: &str) -> Result<(usize, usize, bool), String> {
    let mut fields = header.split(' ');
    if fields.next() != Some("YUV4MPEG2") {
        return Err("its output is no YUV4MPEG2".to_owned());
    }
    let (mut width, mut height, mut full) = (0, 0, false);
    for field in fields {
        let number = |text: &str| {
            text.parse::<u32>()
                .ok()
                .filter(|side| (16..=MAX_SIDE).contains(side))
        };
        if let Some(text) = field.strip_prefix('W') {
            width = number(text).unwrap_or(0);
        } else if let Some(text) = field.strip_prefix('H') {
            height = number(text).unwrap_or(0);
        } else if let Some(text) = field.strip_prefix('C') {
            if !text.starts_with("420") || text.starts_with("420p") && text != "420paldv" {
                return Err(format!("its output has the colours {text}; 420 is needed"));
            }
        } else if field == "XCOLORRANGE=FULL" {
            full = true;
        }
    }
    if width == 0 || height == 0 {
        return Err(format!("its output has an impossible size: {header}"));
    }
    Ok((width as usize, height as usize, full))
}

impl Planes {
    fn frame(self, sequence: u64) -> Option<Frame> {
        let (width, height) = (self.width, self.height);
        let yuv = Yuv {
            full: self.full,
            high: height >= 720,
        };
        let half = width.div_ceil(2);
        let (brightness, colours) = self.bytes.split_at_checked(width * height)?;
        let (us, vs) = colours.split_at_checked(half * height.div_ceil(2))?;
        let grey: Vec<u8> = brightness.iter().map(|y| yuv.shade(*y)).collect();
        let mut rgb = Vec::with_capacity(width * height * 3);
        for (y, row) in brightness.chunks_exact(width).enumerate() {
            let start = y / 2 * half;
            let (u, v) = (us.get(start..start + half)?, vs.get(start..start + half)?);
            for (pair, (u, v)) in row.chunks(2).zip(u.iter().zip(v)) {
                for y in pair {
                    rgb.extend(yuv.rgb(*y, *u, *v));
                }
            }
        }
        Some(Frame::new(width as u32, height as u32, rgb, grey, sequence))
    }
}

impl FrameSource for Ffmpeg {
    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, SourceError> {
        let until = Instant::now() + wait;
        let mut slot = lock(&self.shared.slot);
        let planes = loop {
            if let Some(planes) = slot.frame.take() {
                break planes;
            }
            if let Some(why) = slot.ended.clone() {
                drop(slot);
                return Err(self.ended(&why));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(slot);
                if self.last.elapsed() > PATIENCE {
                    return Err(SourceError::Silent {
                        source_name: format!("ffmpeg {}", self.name),
                        seconds: PATIENCE.as_secs(),
                    });
                }
                return Ok(None);
            }
            slot = self
                .shared
                .changed
                .wait_timeout(slot, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        drop(slot);
        if self.pace == Pace::AtOnce {
            self.shared.changed.notify_all();
        }
        self.last = Instant::now();
        let sequence = self.sequence;
        self.sequence += 1;
        Ok(planes.frame(sequence))
    }

    fn describe(&self) -> String {
        format!("ffmpeg {}", self.name)
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // The pipe closes with it, and the threads that read it end.
        if let Err(error) = self.child.kill() {
            tracing::debug!("ffmpeg can't be stopped: {error}");
        }
        if let Err(error) = self.child.wait() {
            tracing::debug!("ffmpeg's end can't be awaited: {error}");
        }
        lock(&self.shared.slot).closed = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts ffmpeg, or says that the test is skipped where there is none; with `MERIDIAN_REQUIRE_FFMPEG=1` that fails.
    fn open(arguments: &[String], pace: Pace) -> Option<Ffmpeg> {
        match Ffmpeg::open(arguments, pace) {
            Ok(source) => Some(source),
            Err(problem) if std::env::var_os("MERIDIAN_REQUIRE_FFMPEG").is_some_and(|value| value == "1") => {
                panic!("MERIDIAN_REQUIRE_FFMPEG=1, and {problem}")
            }
            Err(problem) => {
                eprintln!("skipped: {problem}");
                None
            }
        }
    }

    #[test]
    fn headers_are_read_and_hostile_ones_refused() {
        assert_eq!(
            header_size("YUV4MPEG2 W640 H480 F25:1 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL"),
            Ok((640, 480, true))
        );
        for bad in [
            "",
            "RIFF",
            "YUV4MPEG2",
            "YUV4MPEG2 W0 H480",
            "YUV4MPEG2 W99999999 H480",
            "YUV4MPEG2 W64 H64 C444",
            "YUV4MPEG2 W64 H64 C420p10",
        ] {
            assert!(header_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_file_is_an_error_with_ffmpegs_words() {
        let arguments = ["-i", "/nowhere/film.mp4"].map(str::to_owned);
        let Some(mut source) = open(&arguments, Pace::Live) else {
            return;
        };
        let start = Instant::now();
        loop {
            match source.next(Duration::from_millis(100)) {
                Ok(None) if start.elapsed() < Duration::from_secs(10) => {}
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(error.to_string().contains("No such file"), "{error}");
                    assert!(!error.is_passing());
                    break;
                }
            }
        }
    }

    #[test]
    fn frames_come_through_the_pipe() {
        let arguments = ["-f", "lavfi", "-i", "color=c=red:size=321x201:rate=10"].map(str::to_owned);
        let Some(mut source) = open(&arguments, Pace::AtOnce) else {
            return;
        };
        let mut seen = 0;
        let start = Instant::now();
        while seen < 5 && start.elapsed() < Duration::from_secs(10) {
            if let Some(frame) = source.next(Duration::from_millis(100)).unwrap() {
                assert_eq!(frame.sequence, seen);
                assert_eq!(frame.grey.len(), (frame.width * frame.height) as usize);
                assert!(frame.rgb[0] > 240 && frame.rgb[1] < 12, "{:?}", &frame.rgb[..3]);
                seen += 1;
            }
        }
        assert_eq!(seen, 5);
    }
}
