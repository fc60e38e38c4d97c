//! What the program says and does when its files are wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use meridian_gateway::{ScenarioSource, Source, load_catalogue};

/// `meridian shot` of the opening, with these arguments, where the user's own files lie in `home`.
fn shot(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args([
            "shot",
            "--at",
            "00:00:05",
            "--size",
            "480x270",
            "--quality",
            "software",
            "-o",
        ])
        .arg(home.join("out.png"))
        .args(args)
        .env("MERIDIAN_HOME", home)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

/// Puts a file among the user's own.
fn put(home: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = home.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// That it ends with an error that says all of these.
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in {said}");
    }
}

#[test]
fn a_scenario_that_is_missing_is_named() {
    let home = tempfile::tempdir().unwrap();
    refused(
        &shot(home.path(), &["--scenario", "no-such-day"]),
        &["no-such-day", "no such file", "double11-2016"],
    );
}

#[test]
fn a_scenario_with_a_key_that_nobody_knows_is_refused_by_file_and_key() {
    let home = tempfile::tempdir().unwrap();
    let day =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/example-day.toml")).unwrap();
    put(home.path(), "config/mine.toml", format!("sed = 3\n{day}"));
    refused(
        &shot(home.path(), &["--scenario", "mine"]),
        &["mine.toml", "sed", "seed"],
    );
}

#[test]
fn a_region_with_a_wrong_code_is_refused_by_line_and_column() {
    let home = tempfile::tempdir().unwrap();
    let regions =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/data/regions.csv")).unwrap();
    let mut lines: Vec<String> = regions.lines().map(str::to_owned).collect();
    let (_, rest) = lines[4].split_once(',').unwrap();
    lines[4] = format!("Q9,{rest}");
    put(home.path(), "assets/data/regions.csv", lines.join("\n"));
    refused(
        &shot(home.path(), &[]),
        &["assets/data/regions.csv", "line 5", "Q9"],
    );
}

#[test]
fn files_that_only_look_wrong_dont_darken_the_display() {
    if !support::can_draw() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let wrong = [
        "assets/fonts/NotoSansSC-400Regular-full.ttf",
        "assets/fonts/BarlowCondTab-SemiBold.ttf",
        "assets/textures/region_ids_4k.png",
        "assets/textures/earth_2k.png",
        "assets/data/stars_mag6.bin",
        "assets/locales/en.ftl",
    ];
    for path in wrong {
        put(
            home.path(),
            path,
            b"\0\x01\0\0 what an editor left behind".repeat(99),
        );
    }
    // Not even a file.
    std::fs::create_dir_all(home.path().join("assets/fonts/NotoSansSC-700Bold-full.ttf")).unwrap();
    let output = shot(home.path(), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for path in wrong.iter().chain(&["assets/fonts/NotoSansSC-700Bold-full.ttf"]) {
        assert!(said.contains(path), "{path} is missing in {said}");
    }
    // The figures are none the worse.
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut source = ScenarioSource::load("double11-2016", load_catalogue().unwrap()).unwrap();
    let at_ms = source.hello().day.start_ms + 5_000;
    assert_eq!(
        line["gmv_minor"],
        source.seek(at_ms).unwrap().totals.counts.gmv_minor
    );
    // And the picture is that of the shipped files, but for the notice.
    let picture = image::open(home.path().join("out.png")).unwrap().to_luma8();
    let lit = picture.pixels().filter(|pixel| pixel[0] > 60).count();
    assert!(lit > 2_000, "{lit} bright pixels");
}
