//! Drawing with egui's painter: text on baselines, hairlines, curves.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bevy_egui::egui::epaint::{Mesh, PathShape, PathStroke};
use bevy_egui::egui::{
    Align, Color32, FontFamily, FontId, Galley, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2,
};

use crate::theme::{colour, family, size};

/// The three weights of text, and figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Text, 400.
    Text,
    /// Text, 500.
    Medium,
    /// Text, 700.
    Bold,
    /// Tabular figures.
    Figures,
}

impl Face {
    fn family(self) -> FontFamily {
        use std::sync::LazyLock;
        static NAMES: LazyLock<[Arc<str>; 4]> = LazyLock::new(|| {
            [
                family::TEXT.into(),
                family::MEDIUM.into(),
                family::BOLD.into(),
                family::FIGURES.into(),
            ]
        });
        let [text, medium, bold, figures] = &*NAMES;
        FontFamily::Name(
            match self {
                Self::Text => text,
                Self::Medium => medium,
                Self::Bold => bold,
                Self::Figures => figures,
            }
            .clone(),
        )
    }
}

/// A painter that knows the picture's scale: `u` is one unit of the theme's sizes in points.
#[derive(Clone)]
pub struct Pen {
    /// Where it draws.
    pub painter: Painter,
    /// One unit of the theme's sizes.
    pub u: f32,
    /// Everything it draws is multiplied by this opacity.
    pub opacity: f32,
}

impl Pen {
    /// The same pen, fainter.
    pub fn faded(&self, opacity: f32) -> Self {
        Self {
            opacity: self.opacity * opacity.clamp(0.0, 1.0),
            ..self.clone()
        }
    }

    /// The same pen, inside a rectangle only.
    pub fn clipped(&self, rect: Rect) -> Self {
        Self {
            painter: self.painter.with_clip_rect(rect),
            ..self.clone()
        }
    }

    /// A colour at the pen's opacity.
    pub fn tint(&self, colour: Color32) -> Color32 {
        colour.gamma_multiply(self.opacity)
    }

    /// Without its colour: a text that is measured, drawn or fading is laid out once.
    fn layout(&self, text: &str, size: f32, face: Face) -> Arc<Galley> {
        self.painter.layout_no_wrap(
            text.to_owned(),
            FontId::new(size * self.u, face.family()),
            Color32::PLACEHOLDER,
        )
    }

    /// How wide a text is, in points.
    pub fn width(&self, text: &str, size: f32, face: Face) -> f32 {
        self.layout(text, size, face).size().x
    }

    /// Text whose baseline lies on `at`; its rectangle, from cap height to baseline.
    pub fn text(&self, at: Pos2, align: Align, text: &str, size: f32, face: Face, colour: Color32) -> Rect {
        let galley = self.layout(text, size, face);
        let width = galley.size().x;
        let left = match align {
            Align::Min => at.x,
            Align::Center => at.x - width * 0.5,
            Align::Max => at.x - width,
        };
        let baseline = galley
            .rows
            .first()
            .and_then(|row| row.glyphs.first().map(|glyph| row.pos.y + glyph.pos.y))
            .unwrap_or(0.0);
        if self.opacity > 0.004 {
            self.painter
                .galley(pos2(left, at.y - baseline), galley, self.tint(colour));
        }
        Rect::from_min_max(
            pos2(left, at.y - size * self.u * size::CAP),
            pos2(left + width, at.y),
        )
    }

    /// A text cut with an ellipsis to a width in points.
    pub fn fit(&self, text: &str, size: f32, face: Face, width: f32) -> String {
        if self.width(text, size, face) <= width {
            return text.to_owned();
        }
        let cut_at = |end: usize| format!("{}…", text.get(..end).unwrap_or_default().trim_end());
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let fitting = ends.partition_point(|end| self.width(&cut_at(*end), size, face) <= width);
        let last = fitting.checked_sub(1).and_then(|at| ends.get(at));
        last.map_or_else(String::new, |end| cut_at(*end))
    }

    /// Text in lines of at most a width, in points. Chinese breaks anywhere, English between words.
    pub fn wrap(&self, text: &str, size: f32, face: Face, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut word = String::new();
        let mut flush = |line: &mut String, word: &mut String| {
            let candidate = format!("{line}{word}");
            if !line.is_empty() && self.width(candidate.trim_end(), size, face) > width {
                lines.push(std::mem::take(line).trim_end().to_owned());
            }
            line.push_str(std::mem::take(word).as_str());
        };
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            word.push(letter);
            // What ends a clause stays with what it ends: Chinese punctuation is a rule of line breaking, no text.
            let ends = letters
                .peek()
                .is_some_and(|next| "，。、；：！？）》”".contains(*next));
            if letter == ' ' || (u32::from(letter) >= 0x2e80 && !ends) {
                flush(&mut line, &mut word);
            }
        }
        flush(&mut line, &mut word);
        lines.push(line.trim_end().to_owned());
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// A line of a list: what it is to the left, how much to the right.
    pub fn row(&self, column: &RangeInclusive<f32>, y: f32, label: &str, value: &str, ink: Color32) {
        let (left, right) = (pos2(*column.start(), y), pos2(*column.end(), y));
        self.text(left, Align::Min, label, size::BODY, Face::Text, colour::INK_SOFT);
        self.text(right, Align::Max, value, size::BODY, Face::Figures, ink);
    }

    /// A horizontal hairline.
    pub fn hairline(&self, from_x: f32, to_x: f32, y: f32) {
        let stroke = Stroke::new(size::HAIRLINE * self.u.max(1.0), self.tint(colour::LINE));
        self.painter.hline(from_x..=to_x, y, stroke);
    }

    /// A dotted line: nothing is known of it.
    pub fn dotted(&self, from_x: f32, to_x: f32, y: f32, colour: Color32) {
        let (spacing, radius) = (6.0 * self.u, 0.75 * self.u.max(1.0));
        let line = [pos2(from_x, y), pos2(to_x, y)];
        self.painter
            .extend(Shape::dotted_line(&line, self.tint(colour), spacing, radius));
    }

    /// A dashed line: it is known of the whole of it, and of no part.
    pub fn dashed(&self, from_x: f32, to_x: f32, y: f32, colour: Color32) {
        let stroke = Stroke::new(size::HAIRLINE * self.u.max(1.0), self.tint(colour));
        let line = [pos2(from_x, y), pos2(to_x, y)];
        self.painter
            .extend(Shape::dashed_line(&line, stroke, 8.0 * self.u, 6.0 * self.u));
    }

    /// A hollow point: the room shows through it.
    pub fn ring(&self, at: Pos2, radius: f32, width: f32, colour: Color32) {
        let stroke = Stroke::new(width * self.u, self.tint(colour));
        self.painter
            .circle(at, radius * self.u, self.tint(colour::ROOM), stroke);
    }

    /// A slim bar, filled to a share of the whole that its track stands for.
    pub fn bar(&self, rect: Rect, share: f32, fill: Color32) {
        let round = rect.height() * 0.5;
        self.painter.rect_filled(rect, round, self.tint(colour::LINE));
        self.strip(rect, share, fill);
    }

    /// A slim bar without a track: it is compared with its neighbours, not with a whole.
    pub fn strip(&self, rect: Rect, share: f32, fill: Color32) {
        let round = rect.height() * 0.5;
        let width = rect.width() * share.clamp(0.0, 1.0);
        if width > 0.0 {
            let filled = Rect::from_min_size(rect.min, vec2(width.max(rect.height()), rect.height()));
            self.painter.rect_filled(filled, round, self.tint(fill));
        }
    }

    /// An arrow head that points right: there is more behind it.
    pub fn chevron(&self, tip: Pos2, colour: Color32) {
        let arrow = [vec2(-5.0, -6.0), vec2(1.0, 0.0), vec2(-5.0, 6.0)].map(|offset| tip + offset * self.u);
        self.curve(arrow.to_vec(), 1.8, colour);
    }

    /// A curve through points.
    pub fn curve(&self, points: Vec<Pos2>, width: f32, colour: Color32) {
        if points.len() > 1 {
            let stroke = PathStroke::new((width * self.u).max(1.0), self.tint(colour));
            self.painter.add(Shape::Path(PathShape {
                points,
                closed: false,
                fill: Color32::TRANSPARENT,
                stroke,
            }));
        }
    }

    /// The area under a curve, fading to nothing at `floor_y`.
    pub fn area(&self, points: &[Pos2], floor_y: f32, colour: Color32, opacity: f32) {
        let Some(top) = points.iter().map(|point| point.y).reduce(f32::min) else {
            return;
        };
        let span = (floor_y - top).max(1.0);
        let mut mesh = Mesh::default();
        for point in points {
            let strength = opacity * (floor_y - point.y).max(0.0) / span;
            mesh.colored_vertex(*point, self.tint(colour).gamma_multiply(strength));
            mesh.colored_vertex(pos2(point.x, floor_y), Color32::TRANSPARENT);
        }
        for at in 1..points.len() as u32 {
            let (a, b) = (at * 2 - 2, at * 2);
            mesh.add_triangle(a, a + 1, b);
            mesh.add_triangle(b, a + 1, b + 1);
        }
        self.painter.add(Shape::mesh(mesh));
    }

    /// A rectangle of the room, dense inside and nothing at `fade` outside of it.
    pub fn veil(&self, rect: Rect, fade: f32, opacity: f32) {
        let core = self.tint(colour::ROOM).gamma_multiply(opacity);
        let mut mesh = Mesh::default();
        // Steps of a soft curve from nothing to all, from the outside in and out again.
        let steps = [(1.0, 0.0), (0.66, 0.2), (0.33, 0.75), (0.0, 1.0)];
        let along = |from: f32, to: f32| {
            let down = steps.map(|(share, strength)| (from - fade * share, strength));
            let mut up = steps.map(|(share, strength)| (to + fade * share, strength));
            up.reverse();
            down.into_iter().chain(up).collect::<Vec<(f32, f32)>>()
        };
        let (columns, rows) = (along(rect.left(), rect.right()), along(rect.top(), rect.bottom()));
        for (y, strong_y) in &rows {
            for (x, strong_x) in &columns {
                mesh.colored_vertex(pos2(*x, *y), core.gamma_multiply(strong_x * strong_y));
            }
        }
        let width = columns.len() as u32;
        for row in 0..rows.len() as u32 - 1 {
            for column in 0..width - 1 {
                let at = row * width + column;
                mesh.add_triangle(at, at + 1, at + width);
                mesh.add_triangle(at + 1, at + width, at + width + 1);
            }
        }
        self.painter.add(Shape::mesh(mesh));
    }

    /// A soft shade of the room behind text that stands over the planet: dense in the middle, nothing
    /// at its edges.
    pub fn shade(&self, rect: Rect, opacity: f32) {
        let mut mesh = Mesh::default();
        const RING: u32 = 48;
        let core = self.tint(colour::ROOM).gamma_multiply(opacity);
        let middle = rect.center();
        mesh.colored_vertex(middle, core);
        for (part, colour) in [(0.62_f32, core), (1.0, Color32::TRANSPARENT)] {
            for step in 0..RING {
                let angle = step as f32 / RING as f32 * std::f32::consts::TAU;
                // A superellipse: closer to the shape of a line of text than an ellipse.
                let squircle = |v: f32| v.signum() * v.abs().powf(0.6);
                mesh.colored_vertex(
                    middle
                        + vec2(
                            squircle(angle.cos()) * rect.width() * 0.5 * part,
                            squircle(angle.sin()) * rect.height() * 0.5 * part,
                        ),
                    colour,
                );
            }
        }
        for step in 0..RING {
            let next = (step + 1) % RING;
            mesh.add_triangle(0, 1 + step, 1 + next);
            mesh.add_triangle(1 + step, 1 + RING + step, 1 + next);
            mesh.add_triangle(1 + next, 1 + RING + step, 1 + RING + next);
        }
        self.painter.add(Shape::mesh(mesh));
    }
}
