//! AR measured: the app's own sheet at 300 known poses, tracked by a process of its own; and what goes wrong with cameras.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glam::{DQuat, DVec2, DVec3};
use image::codecs::jpeg::JpegEncoder;
use meridian_ar::board::{Paper, TAGS};
use meridian_ar::geometry::Pose;
use meridian_ar::intrinsics::Intrinsics;
use meridian_ar::render::{Look, grey, viewpoint};
use meridian_ar::sheet;
use meridian_ar::source::SourceSpec;
use meridian_ar::tracker::{Options, Tracker, Tracking};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

const POSES: usize = 300;

/// A usual webcam, with a little of a usual webcam's distortion.
fn lens() -> Intrinsics {
    Intrinsics {
        cx: 644.0,
        cy: 356.5,
        distortion: [-0.06, 0.03, 0.0004, -0.0003, 0.0],
        estimated: false,
        ..Intrinsics::plain(1280, 720, 960.0)
    }
}

/// A pose from which the sheet is mostly in the picture, and how the picture looks.
fn draw(index: usize) -> (Pose, Look) {
    let mut rng = Pcg64Mcg::seed_from_u64(20_161_111 + index as u64);
    loop {
        let pose = viewpoint(
            rng.random_range(0.35..1.6),
            rng.random_range(0.0..60.0_f64).to_radians(),
            rng.random_range(0.0..std::f64::consts::TAU),
            rng.random_range(0.0..std::f64::consts::TAU),
            DVec2::new(rng.random_range(-0.45..0.45), rng.random_range(-0.25..0.25)),
        );
        let look = Look {
            samples: 3,
            blur: rng.random_range(0.0..1.0),
            noise: rng.random_range(2.5..5.5),
            levels: (rng.random_range(15.0..60.0), rng.random_range(150.0..235.0)),
            table: rng.random_range(30.0..190.0),
            falloff: rng.random_range(-0.2..0.3),
            seed: index as u64,
        };
        let half = Paper::A4.size() / 2.0;
        let inside = (-6..=6)
            .flat_map(|x| {
                (-6..=6).map(move |z| DVec3::new(f64::from(x) * half.x, 0.0, f64::from(z) * half.y) / 6.0)
            })
            .filter(|point| {
                lens()
                    .project(&pose, *point)
                    .is_some_and(|pixel| (0.0..1280.0).contains(&pixel.x) && (0.0..720.0).contains(&pixel.y))
            })
            .count();
        if inside >= 13 * 13 * 6 / 10 {
            return (pose, look);
        }
    }
}

fn jpeg(path: &Path, picture: &[u8], width: u32, height: u32) {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode(picture, width, height, image::ExtendedColorType::L8)
        .unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Does `work` for each index on every core.
fn parallel(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    work(index);
                }
            });
        }
    });
}

fn track(folder: &Path, frames: usize) -> Output {
    let calibration = folder.join("lens.toml");
    lens().save(&calibration).unwrap();
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .arg("track")
        .arg(format!("images:{}", folder.display()))
        .arg("--calibration")
        .arg(&calibration)
        .args(["--frames", &frames.to_string()])
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn pose(line: &Value) -> Option<Pose> {
    let numbers =
        |key: &str| -> Option<Vec<f64>> { line[key].as_array()?.iter().map(Value::as_f64).collect() };
    let translation = DVec3::from_slice(&numbers("translation")?);
    Some(Pose::new(DQuat::from_slice(&numbers("rotation")?), translation))
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Not a check: pictures to try `--ar images:DIR` on, as docs/ar.md says.
#[test]
#[ignore = "writes pictures into the folder that MERIDIAN_WALK names"]
fn a_walk_round_the_sheet() {
    let folder =
        std::path::PathBuf::from(std::env::var("MERIDIAN_WALK").expect("MERIDIAN_WALK names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    let count = 150;
    parallel(count, |index| {
        let way = index as f64 / count as f64 * std::f64::consts::TAU;
        let pose = viewpoint(
            0.85 + 0.2 * (2.0 * way).sin(),
            (38.0 + 12.0 * way.cos()).to_radians(),
            0.9 * way.sin(),
            0.06 * (3.0 * way).sin(),
            DVec2::new(0.08 * way.cos(), 0.05 * (2.0 * way).cos()),
        );
        // One lamp all the way, the noise of each picture its own.
        let look = Look {
            samples: 3,
            blur: 0.6,
            noise: 3.5,
            levels: (40.0, 205.0),
            table: 120.0,
            falloff: 0.15,
            seed: index as u64,
        };
        let picture = grey(sheet::fine(), &lens(), &pose, &look);
        jpeg(&folder.join(format!("{index:03}.jpg")), &picture, 1280, 720);
    });
    let lens = lens();
    let [k1, k2, p1, p2, k3] = lens.distortion;
    let text = format!(
        "width = 1280\nheight = 720\nfx = {:.1}\nfy = {:.1}\ncx = {}\ncy = {}\nk1 = {k1}\nk2 = {k2}\np1 = {p1}\np2 = {p2}\nk3 = {k3:.1}\n",
        lens.fx, lens.fy, lens.cx, lens.cy
    );
    std::fs::write(folder.join("lens.toml"), text).unwrap();
}

#[test]
fn three_hundred_poses_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    parallel(POSES, |index| {
        let (pose, look) = draw(index);
        let picture = grey(sheet::fine(), &lens(), &pose, &look);
        jpeg(
            &folder.path().join(format!("{index:03}.jpg")),
            &picture,
            1280,
            720,
        );
    });
    let rendered = start.elapsed();
    let start = Instant::now();
    let output = track(folder.path(), POSES);
    let tracked = start.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = lines(&output);
    assert_eq!(lines.len(), POSES);

    let (mut shifts, mut turns, mut search) = (Vec::new(), Vec::new(), Vec::new());
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], index);
        search.push(line["search_ms"].as_f64().unwrap());
        let (truth, look) = draw(index);
        let Some(found) = pose(line) else {
            println!(
                "pose {index} was not found at {:.2} m: {look:?}",
                truth.translation.length()
            );
            continue;
        };
        let (metres, radians) = found.distance(&truth);
        let share = metres / truth.translation.length();
        if share > 0.01 || radians.to_degrees() > 2.0 {
            println!(
                "pose {index} is off by {:.2} % and {:.2}° at {:.2} m, tags {}",
                share * 100.0,
                radians.to_degrees(),
                truth.translation.length(),
                line["tags"]
            );
        }
        shifts.push(share * 100.0);
        turns.push(radians.to_degrees());
    }
    let detection = shifts.len() as f64 / POSES as f64 * 100.0;
    shifts.sort_by(f64::total_cmp);
    turns.sort_by(f64::total_cmp);
    search.sort_by(f64::total_cmp);
    println!(
        "AR: {detection:.1} % of {POSES} poses found; translation p50 {:.3} %, p95 {:.3} %, worst {:.3} % of the distance; \
         rotation p50 {:.3}°, p95 {:.3}°, worst {:.3}°; search p50 {:.1} ms, p95 {:.1} ms; rendered in {:.1} s, tracked in {:.1} s",
        percentile(&shifts, 0.5),
        percentile(&shifts, 0.95),
        percentile(&shifts, 1.0),
        percentile(&turns, 0.5),
        percentile(&turns, 0.95),
        percentile(&turns, 1.0),
        percentile(&search, 0.5),
        percentile(&search, 0.95),
        rendered.as_secs_f64(),
        tracked.as_secs_f64(),
    );
    assert!(detection >= 98.0, "{detection}");
    assert!(percentile(&shifts, 0.95) < 1.0);
    assert!(percentile(&turns, 0.95) < 2.0);
}

#[test]
fn a_half_covered_sheet_is_still_found() {
    let folder = tempfile::tempdir().unwrap();
    // What covers the sheet, as rectangles of the board's plane in metres: left, far, right, near.
    let covers = [
        [-0.2, -0.2, 0.0, 0.2],
        [0.0, -0.2, 0.2, 0.2],
        [-0.2, -0.2, 0.2, 0.0],
        [-0.2, 0.0, 0.2, 0.2],
        [-0.05, -0.2, 0.2, 0.2],
    ];
    let truths: Vec<Pose> = (0..covers.len())
        .map(|index| viewpoint(0.6, 0.6, 0.4 * index as f64, 0.3, DVec2::ZERO))
        .collect();
    for (index, (truth, [left, far, right, near])) in truths.iter().zip(covers).enumerate() {
        let look = Look {
            blur: 0.6,
            noise: 4.0,
            ..Look::default()
        };
        let mut picture = grey(sheet::fine(), &lens(), truth, &look);
        let (eye, back) = (truth.eye(), truth.rotation.inverse());
        for y in 0..720 {
            for x in 0..1280 {
                let direction = lens().direction(DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5));
                let ray = back * direction.extend(1.0);
                let at = eye + ray * (-eye.y / ray.y);
                if (left..right).contains(&at.x) && (far..near).contains(&at.z) {
                    picture[(y * 1280 + x) as usize] = 110 + ((x * 7 + y * 13) % 23) as u8;
                }
            }
        }
        jpeg(&folder.path().join(format!("{index}.jpg")), &picture, 1280, 720);
    }
    // Covered whole: no tag, no pose, no harm.
    jpeg(&folder.path().join("9.jpg"), &vec![120; 1280 * 720], 1280, 720);
    let output = track(folder.path(), covers.len() + 1);
    assert!(output.status.success());
    let lines = lines(&output);
    for (line, truth) in lines.iter().zip(&truths) {
        let tags = line["tags"].as_array().unwrap().len();
        assert!((1..TAGS.len()).contains(&tags), "{line}");
        let (metres, radians) = pose(line).unwrap().distance(truth);
        assert!(
            metres / 0.6 < 0.01 && radians.to_degrees() < 2.0,
            "{metres} {radians} {line}"
        );
    }
    assert_eq!(lines.last().unwrap()["found"], false);
}

#[test]
fn the_lens_is_found_from_pictures_of_the_sheet() {
    let folder = tempfile::tempdir().unwrap();
    // As a hand holds the sheet: distance, tilt, side, roll (degrees), off the middle.
    let held = [
        (0.45, 4.0, 0.0, 0.0, 0.0),
        (0.42, 38.0, 0.0, 0.0, 0.0),
        (0.42, 38.0, 90.0, 90.0, 0.0),
        (0.42, 38.0, -90.0, -90.0, 0.0),
        (0.42, 38.0, 180.0, 180.0, 0.0),
        (0.5, 32.0, 30.0, 10.0, -0.3),
        (0.5, 32.0, -30.0, -10.0, 0.3),
        (0.34, 20.0, 45.0, 0.0, 0.0),
    ];
    parallel(held.len(), |index| {
        let (distance, tilt, side, roll, off) = held[index];
        let pose = viewpoint(
            distance,
            f64::to_radians(tilt),
            f64::to_radians(side),
            f64::to_radians(roll),
            DVec2::new(off, 0.0),
        );
        let look = Look {
            blur: 0.6,
            noise: 3.0,
            seed: index as u64,
            ..Look::default()
        };
        let picture = grey(sheet::fine(), &lens(), &pose, &look);
        jpeg(&folder.path().join(format!("{index}.jpg")), &picture, 1280, 720);
    });
    let file = folder.path().join("camera.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .arg("calibrate")
        .arg(format!("images:{}", folder.path().display()))
        .arg("--out")
        .arg(&file)
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = Intrinsics::load(&file).unwrap();
    assert!((found.fx / lens().fx - 1.0).abs() < 0.01, "{found:?}");
    assert!(
        (found.cx - lens().cx).abs() < 8.0 && (found.cy - lens().cy).abs() < 8.0,
        "{found:?}"
    );
}

#[test]
fn hostile_pictures_are_lines_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, look) = draw(1);
    let picture = grey(sheet::fine(), &lens(), &truth, &look);
    jpeg(&folder.path().join("0.jpg"), &picture, 1280, 720);
    let mut png = Vec::new();
    image::DynamicImage::new_luma8(1280, 720)
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    std::fs::write(folder.path().join("1.png"), &png[..png.len() / 2]).unwrap();
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    std::fs::write(folder.path().join("2.png"), huge).unwrap();
    std::fs::write(folder.path().join("3.pgm"), "P5 60000 60000 255\n").unwrap();
    std::fs::write(folder.path().join("4.jpg"), "").unwrap();
    image::DynamicImage::new_luma8(3, 5)
        .save(folder.path().join("5.png"))
        .unwrap();
    jpeg(&folder.path().join("6.jpg"), &picture, 1280, 720);
    let output = track(folder.path(), 7);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = lines(&output);
    let found: Vec<bool> = lines
        .iter()
        .map(|line| line["found"].as_bool().unwrap())
        .collect();
    assert_eq!(found, [true, false, false, false, false, false, true]);
    assert!(
        lines[1]["error"].as_str().unwrap().contains("1.png"),
        "{}",
        lines[1]
    );
}

#[test]
fn what_cannot_be_opened_is_said() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(args)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        said
    };
    assert!(run(&["track", "images:/no/such/folder"]).contains("/no/such/folder"));
    assert!(run(&["track", "v4l2:/dev/no-such-camera"]).contains("/dev/no-such-camera"));
    assert!(run(&["track", "webcam"]).contains("synthetic"));
    assert!(run(&["track", "synthetic", "--calibration", "/no/lens.toml"]).contains("/no/lens.toml"));
    assert!(run(&["marker", "--out", "/tmp/marker.gif"]).contains(".pdf"));
    assert!(run(&["marker", "--paper", "a3"]).contains("letter"));
}

#[test]
fn the_sheet_is_written_for_the_printer() {
    let folder = tempfile::tempdir().unwrap();
    for (name, paper, begins) in [("a.pdf", "a4", &b"%PDF-"[..]), ("b.png", "letter", b"\x89PNG")] {
        let path = folder.path().join(name);
        let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
            .args(["marker", "--paper", paper, "--out"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(std::fs::read(&path).unwrap().starts_with(begins));
    }
}

#[test]
fn a_folder_that_vanishes_is_said_and_its_return_is_noticed() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, aside) = (parent.path().join("camera"), parent.path().join("aside"));
    std::fs::create_dir(&folder).unwrap();
    let truth = viewpoint(0.6, 0.6, 0.4, 0.0, DVec2::ZERO);
    let picture = grey(sheet::fine(), &lens(), &truth, &Look::default());
    for index in 0..3 {
        jpeg(&folder.join(format!("{index}.jpg")), &picture, 1280, 720);
    }
    let spec: SourceSpec = format!("images:{}", folder.display()).parse().unwrap();
    let options = Options {
        lens: Some(lens()),
        ..Options::default()
    };
    let tracker = Tracker::start(spec, options).unwrap();
    let wait = |what: fn(&Tracking) -> bool| {
        let until = Instant::now() + Duration::from_secs(10);
        while !what(&tracker.latest().tracking) {
            assert!(Instant::now() < until, "{:?}", tracker.latest().tracking);
            std::thread::sleep(Duration::from_millis(5));
        }
        tracker.latest()
    };
    let seen = wait(|tracking| matches!(tracking, Tracking::Found { .. }));
    let (metres, _) = seen.tracking.pose().unwrap().distance(&truth);
    assert!(metres < 0.006);
    std::fs::rename(&folder, &aside).unwrap();
    let gone = wait(|tracking| matches!(tracking, Tracking::NoCamera { .. }));
    assert!(gone.frame.is_some());
    std::fs::rename(&aside, &folder).unwrap();
    wait(|tracking| matches!(tracking, Tracking::Found { .. }));
}
