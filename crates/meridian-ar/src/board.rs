//! The board: where the tags lie on the printed sheet.
//!
//! One layout serves both papers, so a tracker need not know which was printed. The sheet lies in landscape:
//!
//! ```text
//!  ┌──────────────────────────────────────────┐
//!  │  ┌──────┐        Meridian      ┌──────┐  │
//!  │  │  0   │       ·· · ··        │  1   │  │
//!  │  └──────┘     ·  ┌────┐  ·     └──────┘  │      +Z towards the reader,
//!  │              ·   │ 4  │   ·              │      +X right, +Y out of the paper
//!  │  ┌──────┐     ·  └────┘  ·     ┌──────┐  │
//!  │  │  2   │       ·· · ··        │  3   │  │
//!  │  └──────┘      ├ 100 mm ┤      └──────┘  │
//!  └──────────────────────────────────────────┘
//! ```
//!
//! Four large tags stand as far apart as both papers allow: far tags pin the rotation down, and any one of them is
//! enough when a hand or a box covers the rest. A smaller one lies where the product stands, for close-ups in which the
//! others are out of the picture.

use std::fmt;
use std::str::FromStr;

use glam::{DVec2, DVec3};
use kornia_apriltag::family::TagFamily;

/// How many cells a tag36h11 is wide, its black border included.
pub const CELLS: usize = 8;

/// A tag on the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tag {
    /// Its number in the family tag36h11.
    pub id: u16,
    /// Its middle: metres right and towards the reader from the sheet's middle.
    pub middle: DVec2,
    /// How wide its black square is, metres.
    pub size: f64,
}

impl Tag {
    /// Its corners in the board's frame, metres: far left, far right, near right, near left, as a reader sees them.
    pub fn corners(&self) -> [DVec3; 4] {
        CORNERS.map(|corner| self.point(corner))
    }

    /// A point given in the tag's own measure (-1 to 1, right and towards the reader) in the board's frame, metres.
    pub fn point(&self, at: DVec2) -> DVec3 {
        let p = self.middle + at * (self.size / 2.0);
        DVec3::new(p.x, 0.0, p.y)
    }
}

/// The corners of a tag in its own measure: far left, far right, near right, near left.
pub const CORNERS: [DVec2; 4] = [
    DVec2::new(-1.0, -1.0),
    DVec2::new(1.0, -1.0),
    DVec2::new(1.0, 1.0),
    DVec2::new(-1.0, 1.0),
];

/// The tags of the sheet. Every edge lies on a whole or half millimetre.
pub const TAGS: [Tag; 5] = [
    corner_tag(0, -1.0, -1.0),
    corner_tag(1, 1.0, -1.0),
    corner_tag(2, -1.0, 1.0),
    corner_tag(3, 1.0, 1.0),
    Tag {
        id: 4,
        middle: DVec2::ZERO,
        size: 0.048,
    },
];

/// How far the free circle reaches in which the product stands, metres.
pub const STAGE_RADIUS: f64 = 0.048;

const fn corner_tag(id: u16, right: f64, near: f64) -> Tag {
    Tag {
        id,
        middle: DVec2::new(right * 0.092, near * 0.058),
        size: 0.072,
    }
}

/// The tag of that number on the sheet.
pub fn tag(id: u16) -> Option<&'static Tag> {
    TAGS.iter().find(|tag| tag.id == id)
}

/// A tag's cells, row by row from its far left corner, `CELLS × CELLS`; true is white. `None` for a number that
/// tag36h11 doesn't have.
pub fn cells(id: u16) -> Option<[[bool; CELLS]; CELLS]> {
    let family = TagFamily::tag36_h11().ok()?;
    let code = *family.code_data.get(usize::from(id))?;
    let mut cells = [[false; CELLS]; CELLS];
    for (bit, (x, y)) in family.bit_x.iter().zip(&family.bit_y).enumerate() {
        let white = code >> (family.nbits.checked_sub(bit + 1)?) & 1 == 1;
        *cells
            .get_mut(usize::try_from(*y).ok()?)?
            .get_mut(usize::try_from(*x).ok()?)? = white;
    }
    Some(cells)
}

/// The papers it is printed on, in landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paper {
    /// 297 mm × 210 mm.
    #[default]
    A4,
    /// 279.4 mm × 215.9 mm.
    Letter,
}

impl Paper {
    /// Its width and height in landscape, metres.
    pub fn size(self) -> DVec2 {
        match self {
            Self::A4 => DVec2::new(0.297, 0.210),
            Self::Letter => DVec2::new(0.2794, 0.2159),
        }
    }

    /// Its name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::A4 => "A4",
            Self::Letter => "Letter",
        }
    }
}

impl fmt::Display for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A4 => "a4",
            Self::Letter => "letter",
        })
    }
}

impl FromStr for Paper {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "a4" => Ok(Self::A4),
            "letter" => Ok(Self::Letter),
            _ => Err(format!("{text:?} isn't a paper size: a4 or letter is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_fits_both_papers_with_its_white_margin() {
        for paper in [Paper::A4, Paper::Letter] {
            for tag in TAGS {
                let reach = tag.middle.abs() + tag.size / 2.0 + tag.size / CELLS as f64;
                assert!(reach.cmple(paper.size() / 2.0).all(), "{paper} {}", tag.id);
            }
        }
    }

    #[test]
    fn cells_have_a_black_border() {
        for tag in TAGS {
            let cells = cells(tag.id).unwrap();
            assert!(cells[0].iter().chain(&cells[7]).all(|white| !white));
            assert!(cells.iter().all(|row| !row[0] && !row[7]));
            assert!(cells.iter().flatten().filter(|white| **white).count() > 8);
        }
        assert!(cells(9999).is_none());
    }
}
