//! Looks at what the program draws: golden pictures, and figures to the fen.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --test pictures` draws the golden pictures anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use meridian::stage::adapter;
use meridian_gateway::{ScenarioSource, Source, load_catalogue};

/// Least likeness to the golden picture, 0 to 1.
const LIKENESS: f64 = 0.9;

fn meridian(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

/// Whether pictures can be drawn here; says so where they can't.
fn can_draw() -> bool {
    match adapter::find() {
        Ok(_) => true,
        Err(problem) => {
            eprintln!("skipped: {problem}");
            false
        }
    }
}

fn shot(at: &str, lang: &str, size: &str, path: &Path) -> serde_json::Value {
    let output = meridian(&[
        "shot",
        "--at",
        at,
        "--lang",
        lang,
        "--size",
        size,
        "--quality",
        "software",
        "-o",
        path.to_str().unwrap(),
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{at}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line of JSON: {text:?}");
    serde_json::from_str(&text).unwrap()
}

/// Mean structural similarity (SSIM) over windows of 8×8 pixels, the least of the three channels'.
fn likeness(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    const WINDOW: u32 = 8;
    let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
    (0..3)
        .map(|channel| {
            let mut total = 0.0;
            let mut windows = 0.0;
            for top in (0..a.height() - WINDOW).step_by(4) {
                for left in (0..a.width() - WINDOW).step_by(4) {
                    let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0, 0.0, 0.0);
                    for y in top..top + WINDOW {
                        for x in left..left + WINDOW {
                            let va = f64::from(a.get_pixel(x, y)[channel]);
                            let vb = f64::from(b.get_pixel(x, y)[channel]);
                            sa += va;
                            sb += vb;
                            saa += va * va;
                            sbb += vb * vb;
                            sab += va * vb;
                        }
                    }
                    let n = f64::from(WINDOW * WINDOW);
                    let (ma, mb) = (sa / n, sb / n);
                    let (va, vb, cov) = (saa / n - ma * ma, sbb / n - mb * mb, sab / n - ma * mb);
                    total +=
                        (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
                    windows += 1.0;
                }
            }
            total / windows
        })
        .fold(1.0, f64::min)
}

#[test]
fn likeness_tells_pictures_apart() {
    let size = (64, 64);
    let stripes = image::RgbImage::from_fn(size.0, size.1, |x, _| image::Rgb([(x * 16 % 256) as u8; 3]));
    let shifted =
        image::RgbImage::from_fn(size.0, size.1, |x, _| image::Rgb([((x + 5) * 16 % 256) as u8; 3]));
    assert!(likeness(&stripes, &stripes) > 0.999);
    assert!(likeness(&stripes, &shifted) < 0.5);
}

fn golden(name: &str, at: &str, lang: &str) {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let actual = folder.path().join("actual.png");
    let said = shot(at, lang, "640x360", &actual);
    assert_eq!(said["size"], serde_json::json!([640, 360]));
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.png"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::copy(&actual, &golden).unwrap();
        return;
    }
    let drawn = image::open(&actual).unwrap().to_rgb8();
    let wanted = image::open(&golden)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 draws it", golden.display()))
        .to_rgb8();
    let alike = likeness(&drawn, &wanted);
    if alike < LIKENESS {
        let beside = golden.with_file_name(format!("{name}.actual.png"));
        std::fs::copy(&actual, &beside).unwrap();
        panic!(
            "{name}: likeness {alike:.3} is below {LIKENESS}; the picture is in {}",
            beside.display()
        );
    }
}

#[test]
fn three_billion_in_english() {
    golden("opening-en", "00:06:58", "en");
}

#[test]
fn the_afternoon_in_chinese() {
    golden("afternoon-zh", "15:19:13", "zh");
}

#[test]
fn the_countdown() {
    golden("countdown-en", "-00:00:05", "en");
}

#[test]
fn figures_are_the_scenarios_to_the_fen() {
    if !can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let catalogue = load_catalogue().unwrap();
    let mut source = ScenarioSource::load("double11-2016", catalogue).unwrap();
    let start_ms = source.hello().day.start_ms;
    for (at, secs) in [
        ("00:00:30", 30),
        ("00:06:58", 418),
        ("15:19:13", 55_153),
        ("23:59:59", 86_399),
    ] {
        let said = shot(at, "en", "320x180", &folder.path().join("a.png"));
        let totals = source.seek(start_ms + secs * 1000).unwrap().totals;
        assert_eq!(said["gmv_minor"], totals.counts.gmv_minor, "{at}");
        assert_eq!(said["orders"], totals.counts.orders, "{at}");
        assert_eq!(said["payments"], totals.counts.payments, "{at}");
        assert_eq!(said["mode"], "DEMO", "{at}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_sentence_with_the_right_status() {
    let output = meridian(&["shot", "--at", "noon", "-o", "a.png"]);
    assert_eq!(output.status.code(), Some(2));
    let output = meridian(&["shot", "--at", "12:00:00", "-o", "a.bmp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(".png"));
    let output = meridian(&[
        "shot",
        "--at",
        "12:00:00",
        "--scenario",
        "no-such-day",
        "-o",
        "a.png",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-day"));
}

#[test]
fn without_a_driver_one_sentence_names_the_package() {
    let output = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["shot", "--at", "12:00:00", "-o", "a.png"])
        .env("VK_DRIVER_FILES", "/nowhere.json")
        .env("VK_ICD_FILENAMES", "/nowhere.json")
        .env("WGPU_BACKEND", "vulkan")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("mesa-vulkan-drivers"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}
