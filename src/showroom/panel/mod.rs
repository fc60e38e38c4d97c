//! The showroom's panels: what the product is, what can be done with it, what of it is sold.

mod camera;
mod card;
mod points;
mod shelf;

use bevy::ecs::system::SystemParam;
use bevy::prelude::Res;
use bevy_egui::egui::{Align, Color32, Painter, Pos2, Rect, TextureId, pos2, vec2};

use super::ar::Ar;
use super::arrive::{Arrivals, Poster};
use super::cameras::ProductPicture;
use super::exhibit::Exhibits;
use super::lamps::Lamps;
use super::orbit::Orbit;
use super::place::Place;
use super::{Exploded, Measuring, ProductShelf, Stereo, Tour, Viewing, Wanted, Way};
use crate::panels::controls::Controls;
use crate::panels::pen::Face;
use crate::panels::scene::Scene;
use crate::theme::{colour, size};
use meridian_product::{Product, Shelf};

/// The pictures that the panels lay over the globe.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pictures {
    /// The product, for each eye.
    pub product: Option<[TextureId; 2]>,
    /// The camera's picture behind it.
    pub behind: Option<TextureId>,
    /// The product's poster until it is there.
    pub poster: Option<TextureId>,
}

/// What of the showroom the panels show.
#[derive(SystemParam)]
pub struct Room<'w, 's> {
    shelf: Res<'w, ProductShelf>,
    wanted: Res<'w, Wanted>,
    exhibits: Exhibits<'w, 's>,
    way: Res<'w, Way>,
    exploded: Res<'w, Exploded>,
    measuring: Res<'w, Measuring>,
    viewing: Res<'w, Viewing>,
    /// What is on its way.
    pub arrivals: Res<'w, Arrivals>,
    /// The product's picture.
    pub picture: Res<'w, ProductPicture>,
    /// In front of a camera.
    pub ar: Res<'w, Ar>,
    orbit: Res<'w, Orbit>,
    tour: Res<'w, Tour>,
    lamps: Res<'w, Lamps>,
}

impl Room<'_, '_> {
    /// How far the way there is gone, 0 to 1.
    pub fn share(&self) -> f32 {
        self.way.share
    }

    /// Every product that there is.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The product in view or on its way.
    pub fn product(&self) -> Option<&Product> {
        self.wanted.product(&self.shelf)
    }

    /// The pictures for both eyes are apart.
    fn is_parted(&self) -> bool {
        matches!(self.viewing.stereo, Some(Stereo::SideBySide | Stereo::Halves))
    }

    /// The whole screen is two pictures, one for each eye.
    pub fn two_pictures(&self) -> bool {
        self.share() > 0.5 && self.is_parted()
    }
}

/// Draws the product's picture, then everything about it.
pub fn draw(scene: &Scene, room: &Room, pictures: Pictures, controls: &mut Controls) {
    let (share, ar) = (room.share(), &*room.ar);
    let stereo = room.viewing.stereo;
    if share <= 0.0 {
        return;
    }
    let place = Place::new(bevy::math::Vec2::new(
        scene.frame.whole.width(),
        scene.frame.whole.height(),
    ));
    let seen = ((share - 0.35) / 0.5).clamp(0.0, 1.0);
    let come = room.exhibits.first().map_or(0.0, |first| first.coming.share);
    let both = place.pictures(stereo, ar.aspect());
    let two = room.is_parted();
    if two {
        // Nothing else is seen: what lies between the two pictures would tear them apart.
        let dark = scene.pen.tint(colour::ROOM).gamma_multiply(seen);
        scene.pen.painter.rect_filled(place.whole, 0.0, dark);
    }
    let pasted = Pasted {
        painter: &scene.pen.painter,
        both,
        two,
        seen,
    };
    pasted.behind(pictures.behind);
    if let Some((poster, texture)) = room
        .arrivals
        .poster
        .as_ref()
        .zip(pictures.poster)
        .filter(|_| !ar.on)
    {
        pasted.poster(texture, poster, come);
    }
    if let Some(product) = pictures.product.filter(|_| !room.exhibits.is_empty()) {
        pasted.product(product, stereo, ar.on, come);
    }
    if two {
        for half in both {
            draw_caption(&scene.faded(seen), room, half);
        }
        return;
    }
    let faded = scene.faded(((share - 0.6) / 0.4).clamp(0.0, 1.0));
    controls.set_live(share > 0.6);
    let [picture, _] = both;
    let in_sight = !ar.on || ar.eye().is_some() && ar.lost_secs == 0.0;
    if come > 0.95 && share > 0.95 && in_sight && stereo.is_none() {
        points::draw_measure(&faded, room, picture);
        points::draw(&faded, room, picture, controls);
    }
    if ar.on {
        camera::draw(&faded, ar, picture);
    }
    draw_coming(&faded, room, &place);
    card::draw(&faded, room, &place, controls);
    shelf::draw(&faded, room, &place, controls);
    super::sales::draw(&faded, room.product(), &place);
}

/// Pictures laid over the globe, for each eye.
struct Pasted<'a> {
    painter: &'a Painter,
    both: [Rect; 2],
    /// The two are apart.
    two: bool,
    /// How far the showroom is seen, 0 to 1.
    seen: f32,
}

impl Pasted<'_> {
    /// All of a texture.
    const WHOLE: Rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));

    /// The camera's picture.
    fn behind(&self, texture: Option<TextureId>) {
        let Some(behind) = texture else { return };
        let tint = Color32::WHITE.gamma_multiply(self.seen);
        let [left, right] = self.both;
        self.painter.image(behind, left, Self::WHOLE, tint);
        if self.two {
            self.painter.image(behind, right, Self::WHOLE, tint);
        }
    }

    /// The product's poster, until it is there.
    fn poster(&self, texture: TextureId, poster: &Poster, come: f32) {
        let level = self.seen * (1.0 - come) * poster.share;
        for rect in self.both.iter().take(if self.two { 2 } else { 1 }) {
            // The first view shows the sphere round the product, whatever the picture's shape; so does a poster.
            let side = rect.width().min(rect.height());
            let size = vec2(poster.aspect.min(1.0), (1.0 / poster.aspect).min(1.0)) * side;
            let at = Rect::from_center_size(rect.center(), size);
            self.painter
                .image(texture, at, Self::WHOLE, Color32::WHITE.gamma_multiply(level));
        }
    }

    /// The product, as far as it has come.
    fn product(&self, [left, right]: [TextureId; 2], stereo: Option<Stereo>, in_ar: bool, come: f32) {
        let opacity = self.seen * come;
        // Grows out of the dark as the planet leaves.
        let grown = if in_ar { 1.0 } else { 0.86 + 0.14 * self.seen };
        let place_of = |rect: Rect| Rect::from_center_size(rect.center(), rect.size() * grown);
        let [at_left, at_right] = self.both.map(place_of);
        let tint = Color32::WHITE.gamma_multiply(opacity);
        let level = tint.r();
        let (painter, whole) = (self.painter, Self::WHOLE);
        match stereo {
            None => {
                painter.image(left, at_left, whole, tint);
            }
            // The left eye's red covers what is behind; the right eye's green and blue are added to it.
            Some(Stereo::Anaglyph) => {
                let red = Color32::from_rgba_premultiplied(level, 0, 0, level);
                let cyan = Color32::from_rgba_premultiplied(0, level, level, 0);
                painter.image(left, at_left, whole, red);
                painter.image(right, at_left, whole, cyan);
            }
            Some(Stereo::SideBySide | Stereo::Halves) => {
                painter.image(left, at_left, whole, tint);
                painter.image(right, at_right, whole, tint);
            }
        }
    }
}

/// What stands in each eye's picture: the product, the sale's value, and what the figures are.
fn draw_caption(scene: &Scene, room: &Room, half: Rect) {
    let pen = &scene.pen;
    let u = pen.u;
    let name = room
        .product()
        .map_or("", |product| scene.lang().pick(&product.manifest.name));
    let mode = scene.t(crate::panels::header::mode_key(scene.ledger.mode));
    let value = scene.money_total(scene.ledger.totals.counts.gmv_minor);
    let at = pos2(half.center().x, half.bottom() - 54.0 * u);
    pen.text(at, Align::Center, name, size::BODY, Face::Medium, colour::INK);
    let line = format!("{mode}  ·  {value}");
    let at = at + vec2(0.0, 26.0 * u);
    pen.text(
        at,
        Align::Center,
        &line,
        size::SMALL,
        Face::Medium,
        colour::INK_SOFT,
    );
}

/// On its way, or why not.
fn draw_coming(scene: &Scene, room: &Room, place: &Place) {
    let pen = &scene.pen;
    let u = place.u;
    let middle = place.product.center();
    if let Some(problem) = &room.wanted.problem {
        let width = place.product.width() * 0.8;
        pen.text(
            middle,
            Align::Center,
            &scene.t("showroom-refused"),
            size::TITLE,
            Face::Medium,
            colour::WARN,
        );
        let mut y = middle.y + 34.0 * u;
        for line in pen.wrap(problem, size::BODY, Face::Text, width) {
            pen.text(
                pos2(middle.x, y),
                Align::Center,
                &line,
                size::BODY,
                Face::Text,
                colour::INK_SOFT,
            );
            y += size::LINE * u;
        }
        return;
    }
    let Some(share) = room.arrivals.progress() else {
        return;
    };
    let mut middle = middle;
    if room.arrivals.poster.is_some() {
        middle.y = place.product.bottom() - 30.0 * u;
    } else {
        let name = room
            .product()
            .map_or("", |product| scene.lang().pick(&product.manifest.name));
        pen.text(
            pos2(middle.x, middle.y - 18.0 * u),
            Align::Center,
            name,
            size::TITLE,
            Face::Medium,
            colour::INK_SOFT,
        );
    }
    let bar = Rect::from_center_size(pos2(middle.x, middle.y + 10.0 * u), vec2(220.0 * u, 3.0 * u));
    pen.bar(bar, share, colour::GOLD);
}

/// A place in a picture that is drawn there, from shares of its width and height.
fn in_picture(picture: Rect, at: bevy::math::Vec2) -> Pos2 {
    picture.min + vec2(at.x * picture.width(), at.y * picture.height())
}
