//! Where things are in the showroom: wide, ultrawide, portrait. In points.

use bevy::math::Vec2;
use bevy_egui::egui::{Rect, pos2, vec2};

use crate::layout::Layout;
use crate::panels::frame::{Frame, Shape};
use crate::theme::size;

use super::Stereo;

/// The layout of the showroom on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The product's picture.
    pub product: Rect,
    /// The small globe's middle and radius.
    pub globe: (Vec2, f32),
    /// What is sold.
    pub sales: Rect,
    /// What it is, and what can be done with it.
    pub card: Rect,
    /// The shelf's line.
    pub shelf: Rect,
    /// All of it.
    pub whole: Rect,
    /// How it stands.
    pub shape: Shape,
    /// One unit of the theme's sizes.
    pub u: f32,
}

impl Place {
    /// For a picture of this size.
    pub fn new(picture: Vec2) -> Self {
        let layout = Layout::for_size(picture);
        let frame = Frame::new(&layout);
        let u = frame.u;
        let (w, h) = (picture.x, picture.y);
        let margin = size::MARGIN * u;
        let top = frame.under + 30.0 * u;
        let shelf_y = frame.feed - 96.0 * u;
        let shelf = Rect::from_min_max(pos2(margin, shelf_y), pos2(w - margin, frame.feed - 36.0 * u));
        match frame.shape {
            Shape::Wide => {
                let column = size::COLUMN * u;
                let radius = 104.0 * u;
                let globe = Vec2::new(margin + column * 0.5, top + radius + 6.0 * u);
                Self {
                    product: Rect::from_min_max(
                        pos2(margin + column + 8.0 * u, top - 12.0 * u),
                        pos2(w - margin - column - 8.0 * u, shelf.top()),
                    ),
                    globe: (globe, radius),
                    sales: Rect::from_min_max(
                        pos2(margin, globe.y + radius + 34.0 * u),
                        pos2(margin + column, shelf.top() - 10.0 * u),
                    ),
                    card: Rect::from_min_max(
                        pos2(w - margin - column, top),
                        pos2(w - margin, shelf.top() - 10.0 * u),
                    ),
                    shelf,
                    whole: frame.whole,
                    shape: frame.shape,
                    u,
                }
            }
            Shape::Ultrawide => {
                let column = (size::COLUMN * 1.15 * u).min(w * 0.14);
                let top = 40.0 * u;
                let radius = ((h - 150.0 * u) * 0.27).min(column * 0.5);
                let globe = Vec2::new(margin + column * 0.5, top + (shelf.top() - top) * 0.5);
                let sales_left = margin + column + 56.0 * u;
                Self {
                    product: Rect::from_min_max(
                        pos2(sales_left + column + 20.0 * u, frame.under + 8.0 * u),
                        pos2(w - margin - column * 1.25 - 20.0 * u, shelf.top()),
                    ),
                    globe: (globe, radius),
                    sales: Rect::from_min_max(
                        pos2(sales_left, top),
                        pos2(sales_left + column, shelf.top() - 10.0 * u),
                    ),
                    card: Rect::from_min_max(
                        pos2(w - margin - column * 1.25, top),
                        pos2(w - margin, shelf.top() - 10.0 * u),
                    ),
                    shelf,
                    whole: frame.whole,
                    shape: frame.shape,
                    u,
                }
            }
            Shape::Portrait => {
                let radius = 100.0 * u;
                let globe = Vec2::new(margin + radius + 10.0 * u, top + radius + 26.0 * u);
                let sales = Rect::from_min_max(
                    pos2(globe.x + radius + 50.0 * u, top + 10.0 * u),
                    pos2(w - margin, globe.y + radius + 70.0 * u),
                );
                let card_height = 400.0 * u;
                let card = Rect::from_min_max(
                    pos2(margin, shelf.top() - card_height - 10.0 * u),
                    pos2(w - margin, shelf.top() - 10.0 * u),
                );
                Self {
                    product: Rect::from_min_max(
                        pos2(0.0, sales.bottom() + 8.0 * u),
                        pos2(w, card.top() - 8.0 * u),
                    ),
                    globe: (globe, radius),
                    sales,
                    card,
                    shelf,
                    whole: frame.whole,
                    shape: frame.shape,
                    u,
                }
            }
        }
    }

    /// Width over height of the product's picture; `behind` is that of the picture behind it, if there is one.
    pub fn picture_aspect(&self, stereo: Option<Stereo>, behind: Option<f32>) -> f32 {
        let whole = self.whole.width() / self.whole.height().max(1.0);
        match (behind, stereo) {
            (Some(behind), _) => behind,
            (None, Some(Stereo::SideBySide)) => whole,
            (None, Some(Stereo::Halves)) => whole * 0.5,
            _ => self.product.width() / self.product.height().max(1.0),
        }
    }

    /// Where the product's picture is drawn, for each eye that has a place of its own.
    pub fn pictures(&self, stereo: Option<Stereo>, behind: Option<f32>) -> [Rect; 2] {
        let within = |rect: Rect, aspect: f32| {
            let width = rect.width().min(rect.height() * aspect);
            Rect::from_center_size(rect.center(), vec2(width, width / aspect))
        };
        let halves = [
            Rect::from_min_max(self.whole.min, pos2(self.whole.center().x, self.whole.bottom())),
            Rect::from_min_max(pos2(self.whole.center().x, self.whole.top()), self.whole.max),
        ];
        match (stereo, behind) {
            (Some(Stereo::SideBySide), None) => halves,
            // Squeezed, a picture of its own shape is half as wide.
            (Some(Stereo::SideBySide), Some(behind)) => halves.map(|half| within(half, behind * 0.5)),
            (Some(Stereo::Halves), behind) => {
                let aspect = self.picture_aspect(stereo, behind);
                halves.map(|half| within(half, aspect))
            }
            (_, Some(behind)) => [within(self.product, behind); 2],
            (_, None) => [self.product; 2],
        }
    }

    /// The layout on the way from the globe to here.
    pub fn toward(&self, from: &Layout, share: f32) -> Layout {
        let (centre, radius) = self.globe;
        Layout {
            globe_centre: from.globe_centre.lerp(centre, share),
            // Evenly in size, not in radius: it withdraws.
            globe_radius: from.globe_radius.powf(1.0 - share) * radius.max(1.0).powf(share),
            // In the corner it is whole.
            tilt_deg: from.tilt_deg * (1.0 - share),
            ..*from
        }
    }

    /// A picture in physical pixels, at a scale.
    pub fn pixels(rect: Rect, per_point: f32, scale: f32) -> bevy::math::UVec2 {
        let size = rect.size() * per_point * scale;
        bevy::math::UVec2::new(
            (size.x.round() as u32).clamp(16, 8192),
            (size.y.round() as u32).clamp(16, 8192),
        )
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
            (3840.0, 2160.0),
            (1440.0, 900.0),
            (1024.0, 768.0),
            (3440.0, 1440.0),
        ] {
            let place = Place::new(Vec2::new(w, h));
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(w, h));
            let (centre, radius) = place.globe;
            let globe = Rect::from_center_size(pos2(centre.x, centre.y), vec2(radius, radius) * 2.0);
            let all = [
                ("product", place.product),
                ("globe", globe),
                ("sales", place.sales),
                ("card", place.card),
                ("shelf", place.shelf),
            ];
            for (at, (name, rect)) in all.iter().enumerate() {
                assert!(
                    whole.contains_rect(*rect) && rect.width() > 40.0 && rect.height() > 20.0,
                    "{w}×{h}: {name} {rect:?}"
                );
                for (other_name, other) in all.iter().skip(at + 1) {
                    assert!(
                        !rect.shrink(0.5).intersects(other.shrink(0.5)),
                        "{w}×{h}: {name} {rect:?} touches {other_name} {other:?}"
                    );
                }
            }
            assert!(
                place.product.area() > w * h * 0.16,
                "{w}×{h}: the product has {:?}",
                place.product
            );
        }
    }
}
