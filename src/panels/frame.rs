//! The layout of the panels: wide, ultrawide, portrait.

use bevy::math::Vec2;
use bevy_egui::egui::{Pos2, Rect, pos2, vec2};

use crate::layout::Layout;
use crate::theme::size;

/// The three layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 16:9 and its like.
    Wide,
    /// 21:9 and wider: two columns to each side, the day's curve in one of them.
    Ultrawide,
    /// Higher than wide.
    Portrait,
}

/// Places of the panels, in points.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Which layout.
    pub shape: Shape,
    /// One unit of the theme's sizes.
    pub u: f32,
    /// The whole picture.
    pub whole: Rect,
    /// Baseline of the odometer, at its middle.
    pub hero: Pos2,
    /// Size of the odometer's type, in units.
    pub hero_size: f32,
    /// Baseline of the line under it.
    pub under: f32,
    /// Orders a second.
    pub orders: Rect,
    /// Payments a second.
    pub payments: Rect,
    /// Share of mobile.
    pub mobile: Rect,
    /// Regions reached.
    pub reached: Rect,
    /// Leaderboard.
    pub board: Rect,
    /// Categories.
    pub categories: Rect,
    /// The pinned region, in place of the two.
    pub region: Rect,
    /// The day's curve, its axis' figures included.
    pub curve: Rect,
    /// Baseline of the feed's line.
    pub feed: f32,
}

/// Half of the odometer's width at twelve digits, and the sign that hangs to the left of them, in cap heights.
const HALF: f32 = 4.55;
/// See [`HALF`].
const SIGN: f32 = 0.62;

/// The layout for a picture of this size.
pub fn shape_of(size: Vec2) -> Shape {
    let aspect = size.x / size.y.max(1.0);
    if aspect < Layout::PORTRAIT {
        Shape::Portrait
    } else if aspect > Layout::ULTRAWIDE {
        Shape::Ultrawide
    } else {
        Shape::Wide
    }
}

/// One unit of the theme's sizes, in points.
pub fn unit(size: Vec2) -> f32 {
    let aspect = size.x / size.y.max(1.0);
    let by_height = size.y / 1080.0;
    match shape_of(size) {
        // Narrower than 16:9: the sides must still clear the planet.
        Shape::Wide => by_height * (aspect / (16.0 / 9.0)).clamp(0.5, 1.0),
        Shape::Ultrawide => by_height * (aspect / 3.0).clamp(1.0, 1.5),
        Shape::Portrait => (size.x / 1080.0 * 1.28).min(size.y / 1920.0 * 1.28),
    }
}

impl Frame {
    /// Where the panels are: left, right, below and above.
    pub fn areas(&self) -> [Rect; 4] {
        let left = self
            .orders
            .union(self.payments)
            .union(self.mobile)
            .union(self.reached);
        let right = self.board.union(self.region);
        let line = Rect::from_min_max(
            pos2(self.whole.left(), self.feed - 20.0 * self.u),
            self.whole.right_bottom(),
        );
        let right = right.union(self.categories);
        let below = self.curve.union(line);
        // With the line that sets the day against an earlier one.
        let high = self.under + 46.0 * self.u;
        let above = Rect::from_center_size(pos2(self.hero.x, high * 0.5), vec2(900.0 * self.u, high));
        [left, right, below, above]
    }

    /// The places in a picture of this layout's size.
    pub fn new(layout: &Layout) -> Self {
        let (w, h) = (layout.size.x, layout.size.y);
        let shape = shape_of(layout.size);
        let u = unit(layout.size);
        let m = size::MARGIN * u;
        let column = size::COLUMN * u;
        let whole = Rect::from_min_max(Pos2::ZERO, pos2(w, h));
        let rect = |left: f32, top: f32, right: f32, bottom: f32| {
            Rect::from_min_max(pos2(left, top), pos2(right.max(left), bottom.max(top)))
        };
        let feed = h - m * 0.62;
        match shape {
            Shape::Wide => {
                // Cap height 9 % of the picture's height, or what leaves room beside the columns; 0.7 of the type's
                // size is cap height.
                let room = w * 0.5 - m - column - 24.0 * u;
                let cap = (0.09 * h).min(room / (HALF + SIGN));
                let hero_size = cap / 0.7 / u;
                let hero = pos2(w * 0.5, m * 0.9 + cap);
                let under = hero.y + 44.0 * u;
                let top = m;
                let curve = rect(m, h - 156.0 * u, w - m, h - 52.0 * u);
                let bottom = curve.top() - 44.0 * u;
                let span = bottom - top;
                let at = |part: f32| top + span * part;
                let (l, r) = (m, w - m);
                Self {
                    shape,
                    u,
                    whole,
                    hero,
                    hero_size,
                    under,
                    orders: rect(l, at(0.0), l + column, at(0.33)),
                    payments: rect(l, at(0.37), l + column, at(0.70)),
                    mobile: rect(l, at(0.745), l + column, at(0.865)),
                    reached: rect(l, at(0.88), l + column, at(1.0)),
                    board: rect(r - column, at(0.0), r, at(0.55)),
                    categories: rect(r - column, at(0.60), r, at(1.0)),
                    region: rect(r - column, at(0.0), r, at(1.0)),
                    curve,
                    feed,
                }
            }
            Shape::Ultrawide => {
                let aspect = w / h.max(1.0);
                // From two columns beside a whole planet to four round a horizon.
                let share = ((aspect - Layout::ULTRAWIDE) / 1.0).clamp(0.0, 1.0);
                let cap = h * (0.085 + 0.07 * share);
                let hero_size = cap / 0.7 / u;
                let hero = pos2(w * 0.5, m * 0.75 + cap);
                let under = hero.y + 40.0 * u;
                let top = m;
                let foot = h * (0.16 + 0.06 * share);
                let curve = rect(m, h - m * 0.9 - foot, w - m, h - m * 0.9);
                let bottom = curve.top() - 56.0 * u;
                let span = bottom - top;
                let at = |part: f32| top + span * part;
                let globe_left = layout.globe_centre.x - layout.globe_radius * 1.04;
                // Two columns in what is left, the gap between them and to the globe alike.
                let inner = globe_left.min(w * 0.5 - (HALF + SIGN) * cap - 24.0 * u);
                let gap = (72.0 * u).min(w * 0.02);
                let wide = ((inner - m - gap * 1.6) * 0.5).min(column * 1.75);
                let (l1, l2) = (m, m + wide + gap);
                let r2 = w - m;
                let r1 = r2 - wide - gap;
                Self {
                    shape,
                    u,
                    whole,
                    hero,
                    hero_size,
                    under,
                    orders: rect(l1, at(0.0), l1 + wide, at(0.62)),
                    payments: rect(l2, at(0.0), l2 + wide, at(0.62)),
                    mobile: rect(l1, at(0.76), l1 + wide, at(1.0)),
                    reached: rect(l2, at(0.76), l2 + wide, at(1.0)),
                    board: rect(r1 - wide, at(0.0), r1, at(1.0)),
                    categories: rect(r2 - wide, at(0.0), r2, at(1.0)),
                    region: rect(r1 - wide, at(0.0), r1, at(1.0)),
                    curve,
                    feed,
                }
            }
            Shape::Portrait => {
                // 12 digits must fit between the margins: 6.9 digit widths of Barlow Condensed.
                let cap = (0.047 * h).min((w - 2.0 * m) / 8.6);
                let hero_size = cap / 0.7 / u;
                let hero = pos2(w * 0.5, m * 1.1 + cap);
                let under = hero.y + 58.0 * u;
                let top = layout.globe_centre.y + layout.globe_radius + 40.0 * u;
                let bottom = h - 60.0 * u;
                let span = bottom - top;
                let at = |part: f32| top + span * part;
                let gap = 44.0 * u;
                let half = (w - 2.0 * m - gap) * 0.5;
                let (l, r) = (m, w - m);
                Self {
                    shape,
                    u,
                    whole,
                    hero,
                    hero_size,
                    under,
                    orders: rect(l, at(0.0), l + half, at(0.24)),
                    payments: rect(r - half, at(0.0), r, at(0.24)),
                    mobile: rect(l, at(0.27), l + half, at(0.345)),
                    reached: rect(r - half, at(0.27), r, at(0.345)),
                    board: rect(l, at(0.385), l + half, at(0.70)),
                    categories: rect(r - half, at(0.385), r, at(0.70)),
                    region: rect(l, at(0.285), r, at(0.70)),
                    curve: rect(l, at(0.74), r, at(1.0)),
                    feed,
                }
            }
        }
    }

    /// The odometer with what stands beside it, at its widest.
    fn hero_rect(&self) -> Rect {
        let cap = self.hero_size * 0.7 * self.u;
        Rect::from_min_max(
            pos2(self.hero.x - (HALF + SIGN) * cap, self.hero.y - cap),
            pos2(self.hero.x + HALF * cap, self.hero.y),
        )
    }

    /// Every panel that must not touch another, by name.
    pub fn panels(&self) -> [(&'static str, Rect); 8] {
        [
            ("odometer", self.hero_rect()),
            ("orders", self.orders),
            ("payments", self.payments),
            ("mobile", self.mobile),
            ("reached", self.reached),
            ("board", self.board),
            ("categories", self.categories),
            ("curve", self.curve),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_at_any_shape() {
        for (w, h) in [
            (1920.0, 1080.0),
            (3840.0, 860.0),
            (1080.0, 1920.0),
            (1280.0, 720.0),
            (2560.0, 1080.0),
            (3840.0, 2160.0),
            (1440.0, 900.0),
            (1024.0, 768.0),
            (7680.0, 1080.0),
            (3440.0, 1440.0),
            (5120.0, 1440.0),
            (1000.0, 1000.0),
            (1440.0, 1400.0),
            (800.0, 600.0),
            (1200.0, 1920.0),
        ] {
            let layout = Layout::for_size(Vec2::new(w, h));
            let frame = Frame::new(&layout);
            let panels = frame.panels();
            for (at, (name, rect)) in panels.iter().enumerate() {
                assert!(
                    frame.whole.contains_rect(*rect) && rect.width() > 0.0 && rect.height() > 0.0,
                    "{w}×{h}: {name} {rect:?} is inside the picture"
                );
                for (other_name, other) in &panels[at + 1..] {
                    assert!(
                        !rect.shrink(0.5).intersects(other.shrink(0.5)),
                        "{w}×{h}: {name} {rect:?} touches {other_name} {other:?}"
                    );
                }
                if *name != "curve" {
                    let nearest = rect.clamp(pos2(layout.globe_centre.x, layout.globe_centre.y));
                    let distance = (nearest - pos2(layout.globe_centre.x, layout.globe_centre.y)).length();
                    assert!(
                        distance >= layout.globe_radius,
                        "{w}×{h}: {name} {rect:?} stands over the planet"
                    );
                }
            }
            assert!(frame.hero_size * frame.u * 0.7 >= h * 0.045, "{w}×{h}: odometer");
            assert!(frame.under < layout.globe_centre.y - layout.globe_radius + 12.0 * frame.u);
        }
    }
}
