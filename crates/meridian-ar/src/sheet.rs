//! The printed sheet: the board's tags, a ruler that shows whether the printer kept the scale, and a few words in
//! English and Chinese. Letters are drawn as outlines, so no printer lacks a font.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use glam::DVec2;
use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use skrifa::FontRef;

use super::board::{self, CELLS, Paper, STAGE_RADIUS, TAGS};
use super::drawing::{Align, Drawing, Piece, Shape};
use meridian_core::files;
use meridian_core::texts::{FluentFile, Texts};

/// The PNG's pixels in an inch.
pub const DPI: f64 = 300.0;

const INK: [u8; 3] = [0; 3];
const TEXT: [u8; 3] = [34, 38, 46];
const SOFT: [u8; 3] = [112, 118, 128];
const FAINT: [u8; 3] = [176, 181, 189];
const ACCENT: [u8; 3] = [224, 138, 20];

/// The sheet can't be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// A font is missing.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// A font can't be read.
    #[error("{path}: not a font ({problem})")]
    Font {
        /// The font's file.
        path: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The PNG can't be made.
    #[error("the sheet can't be written as PNG: {0}")]
    Png(#[from] image::ImageError),
    /// The file can't be written.
    #[error("{path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The sheet as a PDF of one page in landscape, to scale.
///
/// # Errors
/// [`SheetError`] when a font can't be used.
pub fn pdf(paper: Paper) -> Result<Vec<u8>, SheetError> {
    Ok(draw(paper)?.pdf("Meridian AR marker sheet"))
}

/// The sheet as a PNG at [`DPI`], which it says in its pHYs chunk, so that it prints to scale.
///
/// # Errors
/// [`SheetError`] when a font can't be used.
pub fn png(paper: Paper) -> Result<Vec<u8>, SheetError> {
    let (width, height, pixels) = draw(paper)?.raster(DPI / 25.4);
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive).write_image(
        pixels.as_flattened(),
        width as u32,
        height as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(with_scale(bytes, (DPI / 0.0254).round() as u32))
}

/// Writes the sheet as PDF.
///
/// # Errors
/// [`SheetError`] naming the file.
pub fn write_pdf(paper: Paper, path: &Path) -> Result<(), SheetError> {
    write(path, &pdf(paper)?)
}

/// Writes the sheet as PNG.
///
/// # Errors
/// [`SheetError`] naming the file.
pub fn write_png(paper: Paper, path: &Path) -> Result<(), SheetError> {
    write(path, &png(paper)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SheetError> {
    std::fs::File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|source| SheetError::Unwritable {
            path: path.to_owned(),
            source,
        })
}

/// The sheet as shades, row by row from its far left corner: what a renderer samples.
#[derive(Debug, Clone)]
pub struct Raster {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Pixels in a millimetre.
    pub scale: f64,
    /// 0 is black ink, 255 is white paper.
    pub shades: Vec<u8>,
    /// sRGB.
    pub colours: Vec<[u8; 3]>,
}

/// The sheet as pixels, `scale` of them in a millimetre. Where no font can be used it has no letters.
pub fn raster(paper: Paper, scale: f64) -> Raster {
    let drawing = draw(paper).unwrap_or_else(|error| {
        tracing::warn!("{error}; the sheet is drawn without letters");
        plain(paper)
    });
    let (width, height, colours) = drawing.raster(scale);
    let shades = colours
        .iter()
        .map(|[r, g, b]| {
            ((u32::from(*r) * 299 + u32::from(*g) * 587 + u32::from(*b) * 114 + 500) / 1000) as u8
        })
        .collect();
    Raster {
        width,
        height,
        scale,
        shades,
        colours,
    }
}

/// The sheet of A4 at 12 pixels in a millimetre, on which every edge of a tag lies between two pixels. Drawn once.
pub fn fine() -> &'static Raster {
    static FINE: OnceLock<Raster> = OnceLock::new();
    FINE.get_or_init(|| raster(Paper::A4, 12.0))
}

/// Tags, ring and ruler, without a letter.
fn plain(paper: Paper) -> Drawing {
    let size = paper.size() * 1000.0;
    let mut page = Drawing::new(size);
    let middle = size / 2.0;
    for tag in TAGS {
        let Some(cells) = board::cells(tag.id) else {
            continue;
        };
        let cell = tag.size * 1000.0 / CELLS as f64;
        let corner = middle + (tag.middle - tag.size / 2.0) * 1000.0;
        page.rectangle(corner, DVec2::splat(tag.size * 1000.0), INK);
        // All white cells are one figure, so that no hairline shows between them.
        let mut pieces = Vec::new();
        for (y, row) in cells.iter().enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, white)| **white) {
                let at = corner + DVec2::new(x as f64, y as f64) * cell;
                let (across, down) = (DVec2::new(cell, 0.0), DVec2::new(0.0, cell));
                pieces.extend([
                    Piece::Move(at),
                    Piece::Line(at + across),
                    Piece::Line(at + across + down),
                    Piece::Line(at + down),
                    Piece::Close,
                ]);
            }
        }
        page.shapes.push(Shape {
            pieces,
            colour: [255; 3],
        });
    }
    ring(&mut page, middle);
    ruler(&mut page, middle + DVec2::new(0.0, RULER));
    page
}

/// A turntable's edge: a tick every five degrees, and an arrow at the front.
fn ring(page: &mut Drawing, middle: DVec2) {
    let outer = STAGE_RADIUS * 1000.0;
    page.ring(middle, DVec2::splat(outer), 0.2, FAINT);
    for step in 0..72 {
        let long = if step % 18 == 0 {
            4.0
        } else if step % 6 == 0 {
            2.6
        } else {
            1.4
        };
        let out = DVec2::from_angle(f64::from(step) * 5.0_f64.to_radians());
        let colour = if step % 6 == 0 { SOFT } else { FAINT };
        page.line(middle + out * outer, middle + out * (outer - long), 0.2, colour);
    }
    let tip = middle + DVec2::new(0.0, outer + 4.4);
    page.polygon(
        &[tip, tip + DVec2::new(-2.4, -3.4), tip + DVec2::new(2.4, -3.4)],
        ACCENT,
    );
}

/// How far below the sheet's middle the ruler's line is, millimetres.
const RULER: f64 = 70.0;

/// A ruler of 100 mm about a point, with a tick every millimetre.
fn ruler(page: &mut Drawing, middle: DVec2) {
    let left = middle - DVec2::new(50.0, 0.0);
    page.line(left, left + DVec2::new(100.0, 0.0), 0.25, TEXT);
    for millimetre in 0..=100 {
        let (long, width) = match millimetre {
            0 | 100 => (6.0, 0.25),
            _ if millimetre % 10 == 0 => (4.0, 0.25),
            _ if millimetre % 5 == 0 => (2.8, 0.18),
            _ => (1.8, 0.12),
        };
        // The outer edges of the two end ticks are what is measured.
        let x = match millimetre {
            0 => width / 2.0,
            100 => 100.0 - width / 2.0,
            _ => f64::from(millimetre),
        };
        let foot = left + DVec2::new(x, 0.0);
        page.line(foot, foot - DVec2::new(0.0, long), width, TEXT);
    }
}

/// The sheet's fonts.
struct Faces<'a> {
    regular: FontRef<'a>,
    bold: FontRef<'a>,
    figures: FontRef<'a>,
}

/// Draws the sheet: tags, wordmark, ruler and instructions.
fn draw(paper: Paper) -> Result<Drawing, SheetError> {
    const REGULAR: &str = "assets/fonts/NotoSansSC-400Regular-full.ttf";
    const BOLD: &str = "assets/fonts/NotoSansSC-700Bold-full.ttf";
    const FIGURES: &str = "assets/fonts/BarlowCondTab-SemiBold.ttf";
    let load = |path: &'static str| -> Result<Cow<'static, [u8]>, SheetError> {
        let bytes = files::read(path)?;
        match FontRef::new(&bytes) {
            Ok(_) => Ok(bytes),
            Err(_) => Ok(files::read_shipped(path)?),
        }
    };
    let (regular, bold, figures) = (load(REGULAR)?, load(BOLD)?, load(FIGURES)?);
    let font = |path: &'static str, bytes| {
        FontRef::new(bytes).map_err(|error| SheetError::Font {
            path,
            problem: error.to_string(),
        })
    };
    let faces = Faces {
        regular: font(REGULAR, &regular)?,
        bold: font(BOLD, &bold)?,
        figures: font(FIGURES, &figures)?,
    };

    let mut page = plain(paper);
    let words = Words::read();
    draw_wordmark(&mut page, &faces, &words);
    draw_ruler(&mut page, &faces, &words, paper);
    draw_instructions(&mut page, &faces, &words);
    Ok(page)
}

/// What the sheet says in both languages. It is part of the board, and always the shipped text.
struct Words {
    en: Texts,
    zh: Texts,
}

impl Words {
    fn read() -> Self {
        let read = |language, source: &str| {
            let mut texts = Texts::new(language);
            // A test reads them.
            if let Ok(file) = FluentFile::parse(source.to_owned()) {
                texts.add(file);
            }
            texts
        };
        Self {
            en: read("en", ENGLISH),
            zh: read("zh-Hans", CHINESE),
        }
    }

    fn en(&self, key: &str) -> String {
        self.en.with(key, [])
    }

    fn zh(&self, key: &str) -> String {
        self.zh.with(key, [])
    }
}

const ENGLISH: &str = include_str!("../../../assets/locales/sheet-en.ftl");
const CHINESE: &str = include_str!("../../../assets/locales/sheet-zh.ftl");

/// The wordmark: a globe of three meridians, and the name. Below the tags, which side is the front.
fn draw_wordmark(page: &mut Drawing, faces: &Faces<'_>, words: &Words) {
    let middle = page.size / 2.0;
    let at = |x: f64, y: f64| middle + DVec2::new(x, y);
    let globe = at(0.0, -85.6);
    for radii in [(4.2, 4.2), (1.9, 4.2)] {
        page.ring(globe, DVec2::from(radii), 0.42, TEXT);
    }
    page.line(
        globe - DVec2::new(4.2, 0.0),
        globe + DVec2::new(4.2, 0.0),
        0.42,
        TEXT,
    );
    page.text(
        &faces.bold,
        "MERIDIAN",
        at(0.9, -72.4),
        6.4,
        0.28,
        Align::Centre,
        TEXT,
    );
    page.text(
        &faces.regular,
        &format!("{}  ·  {}", words.en("sheet-title"), words.zh("sheet-title")),
        at(0.25, -65.8),
        3.1,
        0.06,
        Align::Centre,
        SOFT,
    );

    page.text(
        &faces.bold,
        &format!("{}  {}", words.en("sheet-front"), words.zh("sheet-front")),
        at(0.1, 57.8),
        2.9,
        0.1,
        Align::Centre,
        TEXT,
    );
}

/// The ruler's figures, and what it is for.
fn draw_ruler(page: &mut Drawing, faces: &Faces<'_>, words: &Words, paper: Paper) {
    let middle = page.size / 2.0;
    let at = |x: f64, y: f64| middle + DVec2::new(x, y);
    for centimetre in 0..=10 {
        let x = -50.0 + f64::from(centimetre) * 10.0;
        let (x, align) = match centimetre {
            0 => (x, Align::Left),
            10 => (x, Align::Right),
            _ => (x, Align::Centre),
        };
        let label = (centimetre * 10).to_string();
        page.text(&faces.figures, &label, at(x, RULER + 4.1), 3.6, 0.0, align, TEXT);
    }
    page.text(
        &faces.bold,
        &words.en("sheet-print"),
        at(0.0, RULER + 11.2),
        3.5,
        0.0,
        Align::Centre,
        TEXT,
    );
    page.text(
        &faces.regular,
        &words.zh("sheet-print"),
        at(0.0, RULER + 16.6),
        3.3,
        0.0,
        Align::Centre,
        TEXT,
    );
    let corner = TAGS.first().map_or(0.0, |tag| tag.size * 1000.0);
    let inner = TAGS.last().map_or(0.0, |tag| tag.size * 1000.0);
    page.text(
        &faces.regular,
        &format!(
            "{}  ·  tag36h11 0–4  ·  {corner:.0} mm, {inner:.0} mm",
            paper.name()
        ),
        at(0.0, RULER + 23.2),
        2.3,
        0.04,
        Align::Centre,
        FAINT,
    );
}

/// What to do, between the tags: English left, Chinese right.
fn draw_instructions(page: &mut Drawing, faces: &Faces<'_>, words: &Words) {
    let middle = page.size / 2.0;
    let at = |x: f64, y: f64| middle + DVec2::new(x, y);
    let edge = (TAGS
        .first()
        .map_or(0.0, |tag| tag.middle.x.abs() - tag.size / 2.0))
        * 1000.0;
    let wide = TAGS.first().map_or(0.0, |tag| tag.size * 1000.0);
    let steps = ["sheet-flat", "sheet-stand", "sheet-keep"];
    let columns = [
        (-edge - wide, steps.map(|key| words.en(key))),
        (edge, steps.map(|key| words.zh(key))),
    ];
    for (x, lines) in columns {
        for (index, line) in lines.iter().enumerate() {
            let y = -5.4 + index as f64 * 6.6;
            page.text(
                &faces.figures,
                &(index + 1).to_string(),
                at(x, y),
                4.2,
                0.0,
                Align::Left,
                ACCENT,
            );
            page.text(
                &faces.regular,
                line,
                at(x + 4.6, y - 0.1),
                3.5,
                0.0,
                Align::Left,
                TEXT,
            );
        }
    }
}

/// The PNG with a pHYs chunk after its header: pixels in a metre.
fn with_scale(png: Vec<u8>, per_metre: u32) -> Vec<u8> {
    // Eight bytes of signature; the header's length, name, 13 bytes and checksum.
    const HEADER: usize = 8 + 4 + 4 + 13 + 4;
    let Some((head, rest)) = png.split_at_checked(HEADER) else {
        return png;
    };
    let mut chunk = Vec::from(*b"pHYs");
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    chunk.push(1);
    let mut out = Vec::from(head);
    out.extend(9_u32.to_be_bytes());
    out.extend(&chunk);
    out.extend(checksum(&chunk).to_be_bytes());
    out.extend(rest);
    out
}

/// PNG's checksum (CRC-32).
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_there_in_both_languages() {
        let words = Words::read();
        for source in [ENGLISH, CHINESE] {
            let keys = source.lines().filter_map(|line| line.split_once(" = "));
            let keys: Vec<&str> = keys.map(|(key, _)| key).collect();
            assert_eq!(keys.len(), 6);
            for key in keys {
                assert!(words.en(key) != key && words.zh(key) != key, "{key}");
                assert_ne!(words.en(key), words.zh(key));
            }
        }
    }

    #[test]
    fn the_png_says_its_scale_and_decodes() {
        let bytes = png(Paper::A4).unwrap();
        assert_eq!(&bytes[37..41], b"pHYs");
        assert_eq!(u32::from_be_bytes(bytes[41..45].try_into().unwrap()), 11811);
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (3508, 2480));
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum(b"IEND"), 0xAE42_6082);
    }

    #[test]
    fn the_pdf_is_a_page_of_the_papers_size() {
        for (paper, size) in [(Paper::A4, "841.8898 595.2756"), (Paper::Letter, "792 612")] {
            let bytes = pdf(paper).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(text.starts_with("%PDF-1."));
            assert!(text.contains(size), "{paper}");
        }
    }

    #[test]
    fn the_ruler_is_a_hundred_millimetres() {
        let sheet = fine();
        let row = (sheet.height as f64 / 2.0 + (RULER - 5.5) * sheet.scale) as usize;
        let middle = sheet.width / 2;
        let dark: Vec<usize> = (middle - 640..middle + 640)
            .filter(|x| sheet.shades[row * sheet.width + x] < 128)
            .collect();
        let span = (dark.last().unwrap() + 1 - dark.first().unwrap()) as f64 / sheet.scale;
        assert!((span - 100.0).abs() < 0.1, "{span}");
    }
}
