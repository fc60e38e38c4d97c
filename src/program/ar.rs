//! AR without a window: the sheet to print, the camera's lens, and tracking as lines of JSON.

use meridian_core::say;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use meridian_ar::board::Paper;
use meridian_ar::calibrate::{Calibrator, Offer};
use meridian_ar::detect::Detector;
use meridian_ar::frame::{Frame, Pace};
use meridian_ar::intrinsics::{GUESSED_VIEW, Intrinsics};
use meridian_ar::source::SourceSpec;
use meridian_ar::{pose, sheet};
use serde_json::{Value, json};

/// The sheet to print.
#[derive(Debug, Clone, Args)]
pub struct Marker {
    /// a4 or letter.
    #[arg(long, value_name = "PAPER", default_value_t)]
    pub paper: Paper,
    /// The file to write: .pdf, or .png with 300 dots an inch.
    #[arg(short, long, value_name = "FILE", default_value = "meridian-marker.pdf")]
    pub out: PathBuf,
}

/// The sheet's pose in a source's frames, one line of JSON each.
#[derive(Debug, Clone, Args)]
pub struct Track {
    /// v4l2:/dev/video0, ffmpeg:FILE|URL|ARGUMENTS, images:DIR or synthetic.
    #[arg(value_name = "SOURCE")]
    pub source: SourceSpec,
    /// The camera's lens (TOML, or OpenCV's YAML or JSON); without it, a guess.
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// How many frames.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Give up when the camera gives no frame for this long, in seconds.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub patience: u64,
}

/// The camera's lens, found from views of the printed sheet.
#[derive(Debug, Clone, Args)]
pub struct Calibrate {
    /// v4l2:/dev/video0, ffmpeg:FILE|URL|ARGUMENTS or images:DIR.
    #[arg(value_name = "SOURCE")]
    pub source: SourceSpec,
    /// The calibration file to write (TOML).
    #[arg(short, long, value_name = "FILE", default_value = "camera.toml")]
    pub out: PathBuf,
    /// Stop after this many seconds and use what was found by then.
    #[arg(long, value_name = "N", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
}

/// Writes the sheet.
///
/// # Errors
/// When the file's ending is unknown or it can't be written.
pub fn marker(args: &Marker) -> Result<()> {
    let ending = args
        .out
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    match ending.as_str() {
        "pdf" => sheet::write_pdf(args.paper, &args.out)?,
        "png" => sheet::write_png(args.paper, &args.out)?,
        _ => bail!("{}: the name has to end in .pdf or .png", args.out.display()),
    }
    say!(
        "{}: {}, landscape. Print at 100 % and check that the ruler is 100 mm long.",
        args.out.display(),
        args.paper.name()
    );
    Ok(())
}

/// Tracks and prints.
///
/// # Errors
/// When the calibration or the source can't be used.
pub fn track(args: &Track) -> Result<()> {
    let calibration = args.calibration.as_deref().map(Intrinsics::load).transpose()?;
    // Pictures in a folder are measured one by one; a camera can't be hurried.
    let pace = match args.source {
        SourceSpec::Images { .. } | SourceSpec::Synthetic => Pace::AtOnce,
        _ => Pace::Live,
    };
    let mut source = args.source.open(pace)?;
    let mut detector = Detector::default();
    let mut out = std::io::stdout().lock();
    let patience = Duration::from_secs(args.patience);
    let mut last = Instant::now();
    let mut count = 0;
    while args.frames.is_none_or(|frames| count < frames) {
        let line = match source.next(Duration::from_millis(200)) {
            Ok(Some(frame)) => found(&frame, calibration, &mut detector),
            Ok(None) => {
                if last.elapsed() > patience {
                    bail!("{}: no frame for {} s", source.describe(), args.patience);
                }
                continue;
            }
            Err(error) if error.is_passing() => {
                json!({ "seq": count, "found": false, "error": error.to_string() })
            }
            Err(_)
                if count > 0 && args.frames.is_none() && matches!(args.source, SourceSpec::Images { .. }) =>
            {
                break;
            }
            Err(error) => return Err(error.into()),
        };
        last = Instant::now();
        count += 1;
        if let Err(error) = writeln!(out, "{line}") {
            // Whoever read has seen enough.
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return Ok(());
            }
            return Err(error).context("the lines can't be written");
        }
    }
    Ok(())
}

/// Asks for views of the sheet, and writes the lens.
///
/// # Errors
/// When the source can't be used, or its views determine no lens.
pub fn calibrate(args: &Calibrate) -> Result<()> {
    let photos = matches!(args.source, SourceSpec::Images { .. });
    if args.source == SourceSpec::Synthetic {
        bail!("the synthetic room knows its lens; a camera or pictures of the sheet are needed");
    }
    let mut source = args.source.open(if photos { Pace::AtOnce } else { Pace::Live })?;
    say!("{}", source.describe());
    let mut detector = Detector::default();
    let mut calibrator: Option<Calibrator> = None;
    let mut size = (0, 0);
    let mut asked = None;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    while photos || Instant::now() < until {
        let frame = match source.next(Duration::from_millis(200)) {
            Ok(Some(frame)) => frame,
            Ok(None) => continue,
            Err(error) if error.is_passing() => {
                say!("{error}");
                continue;
            }
            Err(_) if photos && calibrator.is_some() => break,
            Err(error) => return Err(error.into()),
        };
        if calibrator.is_none() {
            size = (frame.width, frame.height);
        } else if size != (frame.width, frame.height) {
            say!(
                "a picture of {}×{} is left out: the others have {}×{}",
                frame.width,
                frame.height,
                size.0,
                size.1
            );
            continue;
        }
        let calibrator = calibrator.get_or_insert_with(|| Calibrator::new(size.0, size.1));
        let tags = detector.detect(frame.width as usize, frame.height as usize, &frame.grey, None)?;
        let offer = if photos {
            calibrator.offer_photo(&tags)
        } else {
            calibrator.offer(&tags)
        };
        let (have, need) = calibrator.progress();
        match offer {
            Offer::Taken(_) => say!("{have} of {need} views taken"),
            Offer::Complete => break,
            Offer::TooFewTags(_) | Offer::Moving | Offer::NotWanted(_) => {}
        }
        match calibrator.wants().first().copied() {
            Some(next) if !photos && asked != Some(next) => {
                say!("{next}, and still");
                asked = Some(next);
            }
            Some(_) => {}
            None => break,
        }
    }
    let calibrator = calibrator.context("no frame came")?;
    let lens = calibrator.solve()?;
    lens.save(&args.out)?;
    say!(
        "{}: focal length {:.1} × {:.1} px of {}×{}, left over {:.2} px",
        args.out.display(),
        lens.fx,
        lens.fy,
        lens.width,
        lens.height,
        lens.rms.unwrap_or(0.0),
    );
    Ok(())
}

/// What is found in a frame.
fn found(frame: &Frame, calibration: Option<Intrinsics>, detector: &mut Detector) -> Value {
    let lens = match calibration {
        Some(lens) => lens.scaled(frame.width, frame.height),
        None => frame
            .lens
            .unwrap_or_else(|| Intrinsics::guess(frame.width, frame.height, GUESSED_VIEW)),
    };
    let file = frame
        .file
        .as_ref()
        .and_then(|file| file.file_name())
        .map(|name| name.to_string_lossy());
    let begin = Instant::now();
    let detected = detector.detect(
        frame.width as usize,
        frame.height as usize,
        &frame.grey,
        Some(&lens),
    );
    let (tags, error) = match detected {
        Ok(tags) => (tags, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let solved = pose::solve(&tags, &lens, None);
    let millis = begin.elapsed().as_secs_f64() * 1000.0;
    let mut line = json!({
        "seq": frame.sequence,
        "file": file,
        "found": solved.is_ok(),
        "tags": tags.iter().map(|tag| tag.id).collect::<Vec<_>>(),
        "synthetic": frame.synthetic,
        "lens_estimated": lens.estimated,
        "search_ms": (millis * 100.0).round() / 100.0,
    });
    match solved {
        Ok(solved) => {
            // From the board's frame to the camera's: metres, and x, y, z, w.
            line["translation"] = json!(solved.pose.translation.to_array());
            line["rotation"] = json!(solved.pose.rotation.to_array());
            line["rms_px"] = json!(solved.rms);
            line["rejected"] = json!(solved.rejected);
        }
        Err(problem) => line["error"] = json!(error.unwrap_or_else(|| problem.to_string())),
    }
    line
}
