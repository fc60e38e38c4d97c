//! Filled shapes in millimetres, written as PDF or rasterised. What the sheet is drawn with.

use glam::DVec2;
use pdf_writer::{Content, Name, Pdf, Rect, Ref, TextStr};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};

/// Points of PDF in a millimetre.
const POINTS: f64 = 72.0 / 25.4;

/// A piece of an outline; millimetres, +X right, +Y down.
#[derive(Debug, Clone, Copy)]
pub enum Piece {
    /// Begin here.
    Move(DVec2),
    /// Straight on.
    Line(DVec2),
    /// A cubic curve: two handles and the end.
    Curve(DVec2, DVec2, DVec2),
    /// Back to the beginning.
    Close,
}

/// A filled figure (non-zero winding).
#[derive(Debug, Clone)]
pub struct Shape {
    pub pieces: Vec<Piece>,
    /// sRGB.
    pub colour: [u8; 3],
}

/// Where a text stands about its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Centre,
    Right,
}

/// A page.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// Millimetres.
    pub size: DVec2,
    pub shapes: Vec<Shape>,
}

impl Drawing {
    pub fn new(size: DVec2) -> Self {
        Self {
            size,
            shapes: Vec::new(),
        }
    }

    /// A figure of straight sides.
    pub fn polygon(&mut self, points: &[DVec2], colour: [u8; 3]) {
        let mut pieces: Vec<Piece> = points.iter().map(|point| Piece::Line(*point)).collect();
        if let (Some(first), Some(point)) = (pieces.first_mut(), points.first()) {
            *first = Piece::Move(*point);
        }
        pieces.push(Piece::Close);
        self.shapes.push(Shape { pieces, colour });
    }

    /// An upright rectangle: its corner and its size.
    pub fn rectangle(&mut self, corner: DVec2, size: DVec2, colour: [u8; 3]) {
        let (x, y) = (DVec2::new(size.x, 0.0), DVec2::new(0.0, size.y));
        self.polygon(&[corner, corner + x, corner + size, corner + y], colour);
    }

    /// A line of a width, cut square.
    pub fn line(&mut self, from: DVec2, to: DVec2, width: f64, colour: [u8; 3]) {
        let across = (to - from).normalize_or_zero().perp() * (width / 2.0);
        self.polygon(&[from + across, to + across, to - across, from - across], colour);
    }

    /// The outline of an ellipse, a width wide.
    pub fn ring(&mut self, middle: DVec2, radii: DVec2, width: f64, colour: [u8; 3]) {
        let mut pieces = ellipse(middle, radii + width / 2.0, false);
        pieces.extend(ellipse(middle, (radii - width / 2.0).max(DVec2::ZERO), true));
        self.shapes.push(Shape { pieces, colour });
    }

    /// A line of text: where its baseline begins (or its middle, or its end), its size in millimetres per em, and how
    /// much is added after each letter, in ems. Letters that the font lacks are left out.
    pub fn text(
        &mut self,
        font: &FontRef<'_>,
        text: &str,
        at: DVec2,
        size: f64,
        spacing: f64,
        align: Align,
        colour: [u8; 3],
    ) {
        let place = Size::new(size as f32);
        let (charmap, outlines) = (font.charmap(), font.outline_glyphs());
        let metrics = font.glyph_metrics(place, LocationRef::default());
        let glyphs: Vec<_> = text.chars().filter_map(|letter| charmap.map(letter)).collect();
        let advance = |glyph| f64::from(metrics.advance_width(glyph).unwrap_or(0.0)) + spacing * size;
        let width = glyphs.iter().map(|glyph| advance(*glyph)).sum::<f64>() - spacing * size;
        let mut pen = Pen {
            at: at
                - DVec2::X
                    * match align {
                        Align::Left => 0.0,
                        Align::Centre => width / 2.0,
                        Align::Right => width,
                    },
            last: DVec2::ZERO,
            pieces: Vec::new(),
        };
        for glyph in glyphs {
            if let Some(outline) = outlines.get(glyph) {
                let settings = DrawSettings::unhinted(place, LocationRef::default());
                if let Err(error) = outline.draw(settings, &mut pen) {
                    tracing::debug!("a letter of {text:?} can't be drawn: {error}");
                }
            }
            pen.at.x += advance(glyph);
        }
        self.shapes.push(Shape {
            pieces: pen.pieces,
            colour,
        });
    }

    /// One page of PDF, to scale.
    pub fn pdf(&self, title: &str) -> Vec<u8> {
        let at = |point: DVec2| {
            (
                (point.x * POINTS) as f32,
                ((self.size.y - point.y) * POINTS) as f32,
            )
        };
        let mut content = Content::new();
        for shape in &self.shapes {
            let [r, g, b] = shape.colour.map(|value| f32::from(value) / 255.0);
            if r == g && g == b {
                content.set_fill_gray(r);
            } else {
                content.set_fill_rgb(r, g, b);
            }
            for piece in &shape.pieces {
                match *piece {
                    Piece::Move(p) => {
                        let (x, y) = at(p);
                        content.move_to(x, y);
                    }
                    Piece::Line(p) => {
                        let (x, y) = at(p);
                        content.line_to(x, y);
                    }
                    Piece::Curve(a, b, c) => {
                        let ((ax, ay), (bx, by), (cx, cy)) = (at(a), at(b), at(c));
                        content.cubic_to(ax, ay, bx, by, cx, cy);
                    }
                    Piece::Close => {
                        content.close_path();
                    }
                }
            }
            content.fill_nonzero();
        }
        let content = content.finish();
        let (catalogue, pages, page, stream, info) =
            (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
        let mut pdf = Pdf::new();
        {
            // No scaling is what a viewer's print dialogue shall offer first.
            let mut root = pdf.catalog(catalogue);
            root.pages(pages);
            root.insert(Name(b"ViewerPreferences"))
                .dict()
                .pair(Name(b"PrintScaling"), Name(b"None"));
        }
        pdf.pages(pages).kids([page]).count(1);
        pdf.page(page)
            .parent(pages)
            .media_box(Rect::new(
                0.0,
                0.0,
                (self.size.x * POINTS) as f32,
                (self.size.y * POINTS) as f32,
            ))
            .contents(stream)
            .resources();
        pdf.stream(stream, content.as_slice());
        pdf.document_info(info)
            .title(TextStr(title))
            .creator(TextStr("Meridian"));
        pdf.finish()
    }

    /// The page as pixels, row by row, white where nothing is drawn; `scale` pixels in a millimetre. Its width and
    /// height in pixels, and three bytes (sRGB) a pixel.
    pub fn raster(&self, scale: f64) -> (usize, usize, Vec<[u8; 3]>) {
        let (width, height) = (
            (self.size.x * scale).round() as usize,
            (self.size.y * scale).round() as usize,
        );
        let mut picture = vec![[255_u8; 3]; width * height];
        for shape in &self.shapes {
            let lines = flatten(&shape.pieces, scale);
            let Some((low, high)) = bounds(&lines) else {
                continue;
            };
            let (x0, y0) = (low.x.floor().max(0.0) as usize, low.y.floor().max(0.0) as usize);
            let x1 = (high.x.ceil().max(0.0) as usize).min(width);
            let y1 = (high.y.ceil().max(0.0) as usize).min(height);
            if x0 >= x1 || y0 >= y1 {
                continue;
            }
            let mut cover = Cover::new(x1 - x0, y1 - y0);
            let corner = DVec2::new(x0 as f64, y0 as f64);
            for (from, to) in &lines {
                cover.line(*from - corner, *to - corner);
            }
            for (y, row) in cover.rows().enumerate() {
                let start = (y0 + y) * width + x0;
                let Some(pixels) = picture.get_mut(start..start + (x1 - x0)) else {
                    continue;
                };
                let mut sum = 0.0_f32;
                for (pixel, change) in pixels.iter_mut().zip(row) {
                    sum += change;
                    let part = sum.abs().min(1.0);
                    if part > 0.002 {
                        for (value, ink) in pixel.iter_mut().zip(shape.colour) {
                            let mixed = f32::from(*value) * (1.0 - part) + f32::from(ink) * part;
                            *value = mixed.round() as u8;
                        }
                    }
                }
            }
        }
        (width, height, picture)
    }
}

fn ellipse(middle: DVec2, radii: DVec2, backwards: bool) -> Vec<Piece> {
    const HANDLE: f64 = 0.552_284_75;
    let turn = if backwards { -1.0 } else { 1.0 };
    let at = |x: f64, y: f64| middle + radii * DVec2::new(x, y * turn);
    vec![
        Piece::Move(at(1.0, 0.0)),
        Piece::Curve(at(1.0, HANDLE), at(HANDLE, 1.0), at(0.0, 1.0)),
        Piece::Curve(at(-HANDLE, 1.0), at(-1.0, HANDLE), at(-1.0, 0.0)),
        Piece::Curve(at(-1.0, -HANDLE), at(-HANDLE, -1.0), at(0.0, -1.0)),
        Piece::Curve(at(HANDLE, -1.0), at(1.0, -HANDLE), at(1.0, 0.0)),
        Piece::Close,
    ]
}

/// Gathers a glyph's outline; fonts have +Y up.
struct Pen {
    at: DVec2,
    last: DVec2,
    pieces: Vec<Piece>,
}

impl Pen {
    fn point(&mut self, x: f32, y: f32) -> DVec2 {
        self.last = self.at + DVec2::new(f64::from(x), -f64::from(y));
        self.last
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let point = self.point(x, y);
        self.pieces.push(Piece::Move(point));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let point = self.point(x, y);
        self.pieces.push(Piece::Line(point));
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let from = self.last;
        let handle = self.point(cx, cy);
        let to = self.point(x, y);
        self.pieces.push(Piece::Curve(
            from.lerp(handle, 2.0 / 3.0),
            to.lerp(handle, 2.0 / 3.0),
            to,
        ));
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (a, b) = (self.point(ax, ay), self.point(bx, by));
        let to = self.point(x, y);
        self.pieces.push(Piece::Curve(a, b, to));
    }

    fn close(&mut self) {
        self.pieces.push(Piece::Close);
    }
}

/// The outline as straight lines in pixels.
fn flatten(pieces: &[Piece], scale: f64) -> Vec<(DVec2, DVec2)> {
    let mut lines = Vec::new();
    let (mut start, mut last) = (DVec2::ZERO, DVec2::ZERO);
    for piece in pieces {
        match *piece {
            Piece::Move(p) => {
                start = p * scale;
                last = start;
            }
            Piece::Line(p) => {
                lines.push((last, p * scale));
                last = p * scale;
            }
            Piece::Curve(a, b, c) => {
                let (a, b, c) = (a * scale, b * scale, c * scale);
                let length = last.distance(a) + a.distance(b) + b.distance(c);
                let steps = (length.sqrt() * 1.5).ceil().clamp(2.0, 64.0) as u32;
                let from = last;
                for step in 1..=steps {
                    let t = f64::from(step) / f64::from(steps);
                    let (p, q, r) = (from.lerp(a, t), a.lerp(b, t), b.lerp(c, t));
                    let next = p.lerp(q, t).lerp(q.lerp(r, t), t);
                    lines.push((last, next));
                    last = next;
                }
            }
            Piece::Close => {
                if last != start {
                    lines.push((last, start));
                }
                last = start;
            }
        }
    }
    lines
}

fn bounds(lines: &[(DVec2, DVec2)]) -> Option<(DVec2, DVec2)> {
    lines
        .iter()
        .map(|(from, to)| (from.min(*to), from.max(*to)))
        .reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))
}

/// Exact coverage of pixels by a figure: each cell holds the change of coverage against the one left of it.
struct Cover {
    width: usize,
    cells: Vec<f32>,
}

impl Cover {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width: width + 2,
            cells: vec![0.0; (width + 2) * height],
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.cells.chunks_exact(self.width)
    }

    fn add(&mut self, x: usize, y: usize, change: f64) {
        // A figure that reaches over the right edge changes nothing that is seen.
        let x = x.min(self.width - 1);
        if let Some(cell) = self.cells.get_mut(y * self.width + x) {
            *cell += change as f32;
        }
    }

    fn line(&mut self, from: DVec2, to: DVec2) {
        if from.y == to.y {
            return;
        }
        let (sign, top, bottom) = if from.y < to.y {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        let slope = (bottom.x - top.x) / (bottom.y - top.y);
        let height = self.cells.len() / self.width;
        let first = top.y.max(0.0) as usize;
        let last = (bottom.y.ceil().max(0.0) as usize).min(height);
        for row in first..last {
            let y0 = top.y.max(row as f64);
            let y1 = bottom.y.min((row + 1) as f64);
            if y1 <= y0 {
                continue;
            }
            let (xa, xb) = (top.x + (y0 - top.y) * slope, top.x + (y1 - top.y) * slope);
            let (left, right) = (xa.min(xb).max(0.0), xa.max(xb).max(0.0));
            let whole = sign * (y1 - y0);
            let (l, r) = (left.floor() as usize, right.ceil() as usize);
            if r <= l + 1 {
                let middle = (left + right) / 2.0 - left.floor();
                self.add(l, row, whole * (1.0 - middle));
                self.add(l + 1, row, whole * middle);
            } else {
                // The line crosses several pixels of this row: what lies right of it, pixel by pixel.
                let run = (right - left).recip();
                let covered = |x: f64| {
                    // The share of the row's part whose crossing lies left of x, integrated up to x.
                    let d = (x - left).clamp(0.0, right - left);
                    whole * (d * d * run / 2.0 + (x - right).max(0.0))
                };
                let mut before = 0.0;
                let mut level = 0.0;
                for x in l..=r {
                    let area = covered((x + 1) as f64) - before;
                    before = covered((x + 1) as f64);
                    self.add(x, row, area - level);
                    level = area;
                }
                self.add(r + 1, row, whole - level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_covers_its_area() {
        let mut page = Drawing::new(DVec2::new(10.0, 8.0));
        page.rectangle(DVec2::new(1.25, 2.5), DVec2::new(3.5, 2.25), [0; 3]);
        page.polygon(
            &[DVec2::new(6.0, 1.0), DVec2::new(9.5, 2.0), DVec2::new(7.0, 7.0)],
            [0; 3],
        );
        let (width, height, picture) = page.raster(4.0);
        assert_eq!((width, height), (40, 32));
        let dark: f64 = picture
            .iter()
            .map(|[r, ..]| 1.0 - f64::from(*r) / 255.0)
            .sum::<f64>()
            / 16.0;
        let triangle = (DVec2::new(3.5, 1.0)).perp_dot(DVec2::new(1.0, 6.0)) / 2.0;
        assert!((dark - 3.5 * 2.25 - triangle.abs()).abs() < 0.02, "{dark}");
    }

    #[test]
    fn a_ring_is_hollow_and_shapes_may_leave_the_page() {
        let mut page = Drawing::new(DVec2::new(20.0, 20.0));
        page.ring(DVec2::new(10.0, 10.0), DVec2::splat(5.0), 1.0, [0; 3]);
        page.rectangle(DVec2::new(-5.0, 18.0), DVec2::new(40.0, 9.0), [0; 3]);
        let (width, _, picture) = page.raster(3.0);
        assert_eq!(picture[30 * width + 30], [255; 3]);
        assert_eq!(picture[30 * width + 45], [0; 3]);
        assert_eq!(picture[56 * width + 59], [0; 3]);
    }
}
