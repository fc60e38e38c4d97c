//! Looks at what the program draws: golden pictures, and figures to the fen.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --test pictures` draws the golden pictures anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::RgbImage;
use meridian_gateway::{ScenarioSource, Source, load_catalogue};

/// Side of the tiles that golden pictures are compared by, in pixels. The worst tile counts, so that a fault of the size of a word
/// can't hide in a picture that is right elsewhere.
const TILE: u32 = 32;
/// Least likeness of any tile to the golden picture's, 0 to 1.
const LIKENESS: f64 = 0.8;

fn meridian(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

fn shot(args: &[&str], path: &Path) -> serde_json::Value {
    let output = meridian(&[&["shot", "-o", path.to_str().unwrap()], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line of JSON: {text:?}");
    serde_json::from_str(&text).unwrap()
}

/// Structural similarity (SSIM) of two windows of 8×8 pixels, the least of the three channels'.
fn alike(a: &RgbImage, b: &RgbImage, left: u32, top: u32) -> f64 {
    let (c1, c2) = ((0.01_f64 * 255.0).powi(2), (0.03_f64 * 255.0).powi(2));
    let of = |channel: usize| {
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
        (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    };
    (0..3).map(of).fold(1.0, f64::min)
}

const WINDOW: u32 = 8;

/// The likeness of the tile that is least alike, and where it lies. A tile's is the mean over its windows.
fn worst_tile(a: &RgbImage, b: &RgbImage) -> (f64, (u32, u32)) {
    assert_eq!(a.dimensions(), b.dimensions());
    let mut worst = (1.0, (0, 0));
    // Tiles overlap by half, so that what lies across an edge counts as much.
    for top in (0..=a.height() - TILE).step_by(TILE as usize / 2) {
        for left in (0..=a.width() - TILE).step_by(TILE as usize / 2) {
            let steps = (0..=TILE - WINDOW).step_by(4);
            let windows = steps.clone().flat_map(|y| steps.clone().map(move |x| (x, y)));
            let (sum, count) = windows.fold((0.0, 0.0), |(sum, count), (x, y)| {
                (sum + alike(a, b, left + x, top + y), count + 1.0)
            });
            if sum / count < worst.0 {
                worst = (sum / count, (left, top));
            }
        }
    }
    worst
}

#[test]
fn likeness_tells_pictures_apart() {
    let striped = |shift| RgbImage::from_fn(64, 64, |x, _| image::Rgb([((x + shift) * 16 % 256) as u8; 3]));
    assert!(worst_tile(&striped(0), &striped(0)).0 > 0.999);
    assert!(worst_tile(&striped(0), &striped(5)).0 < 0.5);
}

#[test]
fn a_word_that_is_missing_does_not_hide_in_a_picture() {
    let wanted = image::open(golden_file("afternoon-zh")).unwrap().to_rgb8();
    let mut faulty = wanted.clone();
    // "每秒下单", four characters of a label.
    for y in 8..24 {
        for x in 12..56 {
            faulty.put_pixel(x, y, *wanted.get_pixel(2, 2));
        }
    }
    let (likeness, _) = worst_tile(&faulty, &wanted);
    assert!(likeness < LIKENESS, "{likeness}");
}

fn golden_file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("{name}.png"))
}

fn golden(name: &str, args: &[&str]) {
    if !support::can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let actual = folder.path().join("actual.png");
    shot(&[&["--quality", "software"], args].concat(), &actual);
    let golden = golden_file(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::copy(&actual, &golden).unwrap();
        return;
    }
    let drawn = image::open(&actual).unwrap().to_rgb8();
    let wanted = image::open(&golden)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 draws it", golden.display()))
        .to_rgb8();
    let (likeness, (left, top)) = worst_tile(&drawn, &wanted);
    if likeness < LIKENESS {
        let beside = golden.with_file_name(format!("{name}.actual.png"));
        std::fs::copy(&actual, &beside).unwrap();
        panic!(
            "{name}: at {left}, {top} the likeness is {likeness:.3}, below {LIKENESS}; the picture is in {}",
            beside.display()
        );
    }
}

#[test]
fn three_billion_in_english() {
    golden(
        "opening-en",
        &["--at", "00:06:58", "--lang", "en", "--size", "640x360"],
    );
}

#[test]
fn the_afternoon_in_chinese() {
    golden(
        "afternoon-zh",
        &["--at", "15:19:13", "--lang", "zh", "--size", "640x360"],
    );
}

#[test]
fn the_countdown() {
    golden(
        "countdown-en",
        &["--at", "-00:00:05", "--lang", "en", "--size", "640x360"],
    );
}

#[test]
fn a_portrait_in_chinese() {
    golden(
        "portrait-zh",
        &["--at", "00:00:30", "--lang", "zh", "--size", "360x640"],
    );
}

#[test]
fn the_wall_in_english() {
    golden(
        "wall-en",
        &["--at", "00:06:58", "--lang", "en", "--size", "1280x286"],
    );
}

#[test]
fn a_region_in_chinese() {
    golden(
        "region-zh",
        &[
            "--at", "15:19:13", "--lang", "zh", "--size", "640x360", "--select", "JP",
        ],
    );
}

#[test]
fn the_search_in_english() {
    golden(
        "search-en",
        &[
            "--at", "15:19:13", "--lang", "en", "--size", "640x360", "--search", "ja",
        ],
    );
}

#[test]
fn near_the_planet() {
    golden(
        "near-en",
        &[
            "--at",
            "15:19:13",
            "--lang",
            "en",
            "--size",
            "640x360",
            "--look",
            "35,138,0.2",
        ],
    );
}

#[test]
fn the_showroom_in_chinese() {
    golden(
        "room-zh",
        &[
            "--at",
            "15:19:13",
            "--lang",
            "zh",
            "--size",
            "640x360",
            "--scene",
            "showroom:shoe",
        ],
    );
}

#[test]
fn the_showroom_on_a_wall() {
    golden(
        "room-wall-en",
        &[
            "--at",
            "15:19:13",
            "--lang",
            "en",
            "--size",
            "1280x286",
            "--scene",
            "showroom:bottle",
        ],
    );
}

/// Mean colours of a picture's cells of 1/32 of its width and 1/18 of its height, as they look: the root of light.
fn cells(picture: &RgbImage) -> Vec<[f64; 3]> {
    let (columns, rows) = (32, 18);
    let (width, height) = picture.dimensions();
    let mut cells = vec![[0.0; 3]; columns * rows];
    for (x, y, pixel) in picture.enumerate_pixels() {
        let cell = (y as usize * rows / height as usize) * columns + x as usize * columns / width as usize;
        for (sum, value) in cells[cell].iter_mut().zip(pixel.0) {
            *sum += f64::from(value);
        }
    }
    let each = f64::from(width * height) / (columns * rows) as f64;
    cells.into_iter().map(|cell| cell.map(|sum| sum / each)).collect()
}

/// README's pictures are what the program draws: the same light in the same places.
#[test]
fn readme_shows_what_is_drawn() {
    if !support::can_draw() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, at) in [("000030", "00:00:30"), ("151913", "15:19:13")] {
        let actual = folder.path().join("actual.png");
        shot(&["--at", at, "--size", "1920x1080"], &actual);
        let drawn = cells(&image::open(&actual).unwrap().to_rgb8());
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/pictures/{name}.jpg"));
        let shown = cells(&image::open(&file).unwrap().to_rgb8());
        let apart = |a: &[f64; 3], b: &[f64; 3]| (0..3).map(|i| (a[i] - b[i]).abs()).fold(0.0, f64::max);
        let all: Vec<f64> = drawn.iter().zip(&shown).map(|(a, b)| apart(a, b)).collect();
        let (most, mean) = (
            all.iter().copied().fold(0.0, f64::max),
            all.iter().sum::<f64>() / all.len() as f64,
        );
        eprintln!("{name}: cells differ by {mean:.2} of 255, at most {most:.1}");
        assert!(
            most < MAX_README_DIFFERENCE && mean < MAX_README_MEAN,
            "{}: cells differ by {mean:.2} of 255, at most {most:.1}: it isn't what is drawn; scripts/pictures.sh draws it anew",
            file.display()
        );
    }
}

/// How far README's cells may be from what is drawn, of 255.
const MAX_README_DIFFERENCE: f64 = 12.0;
const MAX_README_MEAN: f64 = 1.0;

#[test]
fn figures_are_the_scenarios_to_the_fen() {
    if !support::can_draw() {
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
        let said = shot(
            &["--at", at, "--size", "320x180", "--quality", "software"],
            &folder.path().join("a.png"),
        );
        assert_eq!(said["size"], serde_json::json!([320, 180]));
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
