//! What people want of the showroom, carried out.

use bevy::prelude::*;

use super::ar::{self, Ar, ArSetup};
use super::lamps::Lamps;
use super::orbit::{Orbit, Pose};
use super::{Measure, Playing, Showroom, Stereo, Tour, points};
use crate::command::{Command, ShowroomCommand};
use crate::link::Inbox;
use crate::view::{Screen, View};
use meridian_wire::{Level, Scene};

/// Carries out what concerns the showroom.
pub(super) fn apply_showroom_commands(
    mut asked: MessageReader<Command>,
    mut view: ResMut<View>,
    state: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
    mut showroom: ResMut<Showroom>,
    mut orbit: ResMut<Orbit>,
    mut tour: ResMut<Tour>,
    mut lamps: ResMut<Lamps>,
    setup: Res<ArSetup>,
    mut ar: ResMut<Ar>,
    mut inbox: ResMut<Inbox>,
) {
    let mut desk = Desk {
        showroom: &mut showroom,
        orbit: &mut orbit,
        tour: &mut tour,
        lamps: &mut lamps,
    };
    let before = Screen::asked(&state, &next);
    let mut screen = before;
    for command in asked.read() {
        let here = screen == Screen::Showroom;
        match command {
            Command::Enter(id) | Command::Show(Scene::Showroom(id)) => {
                desk.enter(&mut view, &mut screen, &mut inbox, id.as_deref());
            }
            Command::Nudge { east, north, zoom } if here => {
                if *zoom == 1.0 || *east != 0.0 || *north != 0.0 {
                    desk.orbit.turn(*east, *north);
                }
                if *zoom != 1.0 {
                    desk.orbit.zoom(*zoom);
                }
            }
            Command::Showroom(ShowroomCommand::ToggleAr) if here => {
                if ar.on {
                    ar.stop();
                } else if let Err(problem) = ar.start(&setup) {
                    ar.stop();
                    inbox.tell(Level::Warning, "camera", problem.clone(), problem);
                }
            }
            Command::Showroom(ShowroomCommand::Corner(at)) if here => {
                let size = ar.size.as_dvec2();
                if let Some(still) = &mut ar.still {
                    ar::click(still, at.as_dvec2() * size, setup.calibration.as_ref());
                }
            }
            Command::Showroom(command) if here => desk.apply(command),
            _ => {}
        }
    }
    if screen != before {
        next.set(screen);
    }
    // Somebody left it by another way.
    let showroom = desk.showroom;
    if screen == Screen::Globe && showroom.share == 0.0 && !showroom.wanted.is_empty() {
        showroom.wanted.clear();
        showroom.problem = None;
    }
}

/// What commands change.
struct Desk<'a> {
    showroom: &'a mut Showroom,
    orbit: &'a mut Orbit,
    tour: &'a mut Tour,
    lamps: &'a mut Lamps,
}

impl Desk<'_> {
    fn enter(&mut self, view: &mut View, screen: &mut Screen, inbox: &mut Inbox, id: Option<&str>) {
        let known = match id {
            Some(id) => self.showroom.shelf.product(id),
            None => self
                .showroom
                .wanted
                .first()
                .and_then(|id| self.showroom.shelf.product(id))
                .or_else(|| self.showroom.shelf.products.first()),
        };
        let Some(product) = known else {
            let ids: Vec<&str> = self
                .showroom
                .shelf
                .products
                .iter()
                .map(|product| product.id.as_str())
                .collect();
            let (en, zh) = match id {
                Some(id) => (
                    format!("There is no product {id:?}; there are: {}", ids.join(", ")),
                    format!("没有商品“{id}”；现有：{}", ids.join("、")),
                ),
                None => (
                    "There is no product: put a folder with a product.toml into assets/products.".to_owned(),
                    "没有商品：请在 assets/products 中放入含 product.toml 的文件夹。".to_owned(),
                ),
            };
            inbox.tell(Level::Warning, "no_such_product", en, zh);
            return;
        };
        let id = product.id.clone();
        *screen = Screen::Showroom;
        view.help_open = false;
        view.search = None;
        if self.showroom.wanted.first() != Some(&id) {
            self.show(vec![id]);
        }
    }

    /// Shows other products, the first in its own studio and view.
    fn show(&mut self, ids: Vec<String>) {
        if self.showroom.wanted.first() != ids.first() {
            self.showroom.open_goal = 0.0;
            self.showroom.playing = Playing::default();
            self.tour.point = None;
            self.tour.secs = None;
        }
        self.showroom.wanted = ids;
        self.showroom.problem = None;
        self.showroom.fresh_view = true;
    }

    /// The product that is so many places further on the shelf than the one in view; the shelf goes round.
    fn further(&self, steps: i32) -> Option<String> {
        let products = &self.showroom.shelf.products;
        let first = self.showroom.wanted.first();
        let at = first.and_then(|id| products.iter().position(|product| product.id == *id));
        let count = products.len() as i32;
        (count > 0)
            .then(|| products.get((at.unwrap_or(0) as i32 + steps).rem_euclid(count) as usize))
            .flatten()
            .map(|product| product.id.clone())
    }

    /// Puts another product beside the one in view, or none any more.
    fn compare(&mut self, other: Option<String>) {
        let mut ids: Vec<String> = self.showroom.wanted.iter().take(1).cloned().collect();
        ids.extend(other.filter(|other| self.showroom.shelf.product(other).is_some()));
        self.show(ids);
    }

    /// The variant with this number, or the next one.
    fn choose_variant(&mut self, wanted: Option<usize>) {
        if let Some(stand) = self.showroom.stands.first_mut() {
            let count = stand.prepared.model.variants.len();
            if count > 0 {
                let next = stand.variant.map_or(0, |at| at + 1) % count;
                stand.variant = Some(wanted.unwrap_or(next).min(count - 1));
            }
        }
    }

    /// How long the animation in view is, in seconds; 0 where there is none.
    fn animation_secs(&self) -> f32 {
        self.showroom
            .animation()
            .map_or(0.0, |animation| animation.duration_secs)
    }

    fn next_animation(&mut self) {
        let count = self
            .showroom
            .first()
            .map_or(0, |stand| stand.prepared.model.animations.len());
        if count > 0 {
            self.showroom.playing = Playing {
                index: (self.showroom.playing.index + 1) % count,
                secs: 0.0,
                on: true,
            };
        }
    }

    fn toggle_tour(&mut self) {
        let any = self
            .showroom
            .first()
            .is_some_and(|stand| !stand.prepared.product.manifest.hotspots.is_empty());
        if self.tour.secs.take().is_none() && any {
            self.tour.secs = Some(0.0);
            self.go_to(Some(0));
        } else {
            self.go_to(None);
        }
    }

    fn apply(&mut self, command: &ShowroomCommand) {
        match command {
            ShowroomCommand::Next(steps) => {
                if let Some(id) = self.further(*steps) {
                    self.show(vec![id]);
                }
            }
            ShowroomCommand::Compare(other) => self.compare(other.clone()),
            ShowroomCommand::ToggleCompare => {
                let alone = self.showroom.wanted.len() < 2 && self.showroom.product().is_some();
                let other = alone.then(|| self.further(1)).flatten();
                self.compare(other);
            }
            ShowroomCommand::Variant(wanted) => self.choose_variant(*wanted),
            ShowroomCommand::Studio(name) => self.lamps.studio = name.unwrap_or(self.lamps.studio.next()),
            ShowroomCommand::Exposure(factor) => {
                self.lamps.exposure = (self.lamps.exposure * factor).clamp(0.25, 4.0)
            }
            ShowroomCommand::ToggleOpen => {
                self.showroom.open_goal = if self.showroom.open_goal > 0.5 { 0.0 } else { 1.0 }
            }
            ShowroomCommand::TogglePlay => {
                self.showroom.playing.on = !self.showroom.playing.on && self.animation_secs() > 0.0;
            }
            ShowroomCommand::NextAnimation => self.next_animation(),
            ShowroomCommand::Scrub(share) => {
                self.showroom.playing.secs = self.animation_secs() * share.clamp(0.0, 1.0);
                self.showroom.playing.on = false;
            }
            ShowroomCommand::NextMeasure => {
                self.showroom.measure = match self.showroom.measure {
                    None => Some(Measure::Metric),
                    Some(Measure::Metric) => Some(Measure::Imperial),
                    Some(Measure::Imperial) => None,
                }
            }
            ShowroomCommand::Point(at) => {
                self.tour.secs = None;
                self.go_to(*at);
            }
            ShowroomCommand::ToggleTour => self.toggle_tour(),
            ShowroomCommand::Reset => {
                self.orbit.reset();
                self.tour.point = None;
                self.tour.secs = None;
            }
            ShowroomCommand::Turn(round, up) => self.orbit.turn(*round, *up),
            ShowroomCommand::Zoom(factor) => self.orbit.zoom(*factor),
            ShowroomCommand::Pan(right, up) => {
                let aspect = self.showroom.aspect;
                self.orbit.pan(*right, *up, aspect);
            }
            ShowroomCommand::NextStereo => {
                self.showroom.stereo = match self.showroom.stereo {
                    None => Some(Stereo::Anaglyph),
                    Some(Stereo::Anaglyph) => Some(Stereo::SideBySide),
                    Some(Stereo::SideBySide) => Some(Stereo::Halves),
                    Some(Stereo::Halves) => None,
                }
            }
            ShowroomCommand::Export => self.showroom.export = true,
            ShowroomCommand::ToggleAr | ShowroomCommand::Corner(_) => {}
        }
    }

    fn go_to(&mut self, at: Option<usize>) {
        go_to(self.showroom, self.orbit, self.tour, at);
    }
}

/// Flies to a point of interest, or back.
pub(super) fn go_to(showroom: &mut Showroom, orbit: &mut Orbit, tour: &mut Tour, at: Option<usize>) {
    tour.point = at;
    let Some(stand) = showroom.stands.first() else {
        return;
    };
    let Some(hotspot) = at.and_then(|at| stand.prepared.product.manifest.hotspots.get(at)) else {
        orbit.reset();
        showroom.open_goal = 0.0;
        return;
    };
    showroom.open_goal = hotspot.open;
    // The view is of the product as it stands on the turntable: the table is brought back.
    let (place, normal) = points::at_rest(&stand.prepared.model, hotspot);
    let mut pose = match &hotspot.camera {
        Some(camera) => Pose::of(camera, place + stand.offset),
        None => Pose {
            azimuth: normal.x.atan2(normal.z),
            elevation: normal.y.clamp(-1.0, 1.0).asin().clamp(-0.1, 1.2) * 0.8 + 0.12,
            distance: 0.55,
            target: place + stand.offset,
        },
    };
    pose.azimuth += orbit.turned;
    orbit.fly_to(pose);
}

#[cfg(test)]
mod tests {
    use super::*;
    use meridian_product::Shelf;
    use meridian_product::manifest::Manifest;
    use meridian_product::{Product, shelf};

    #[derive(Default)]
    struct Room {
        showroom: Showroom,
        orbit: Orbit,
        tour: Tour,
        lamps: Lamps,
    }

    impl Room {
        fn desk(&mut self) -> Desk<'_> {
            Desk {
                showroom: &mut self.showroom,
                orbit: &mut self.orbit,
                tour: &mut self.tour,
                lamps: &mut self.lamps,
            }
        }
    }

    fn room() -> Room {
        let product = |id: &str| Product {
            id: id.to_owned(),
            manifest: Manifest::parse("p", "model = \"x.glb\"\nname = { en = \"X\", zh = \"X\" }")
                .expect("good"),
            place: shelf::Place::Shipped(String::new()),
        };
        let shelf = Shelf {
            products: vec![product("a"), product("b"), product("c")],
        };
        Room {
            showroom: Showroom { shelf, ..default() },
            ..default()
        }
    }

    #[test]
    fn the_shelf_goes_round_and_compares_with_the_next() {
        let mut room = room();
        let mut view = View::default();
        let mut screen = Screen::default();
        let mut inbox = Inbox::default();
        room.desk().enter(&mut view, &mut screen, &mut inbox, Some("c"));
        assert!(screen == Screen::Showroom && room.showroom.wanted == ["c"]);
        room.desk().apply(&ShowroomCommand::Next(1));
        assert_eq!(room.showroom.wanted, ["a"]);
        room.desk().apply(&ShowroomCommand::Next(-1));
        room.desk().apply(&ShowroomCommand::ToggleCompare);
        assert_eq!(room.showroom.wanted, ["c", "a"]);
        room.desk().apply(&ShowroomCommand::ToggleCompare);
        assert_eq!(room.showroom.wanted, ["c"]);
    }

    #[test]
    fn a_product_that_isnt_there_is_told_and_nothing_changes() {
        let mut room = room();
        let mut view = View::default();
        let mut screen = Screen::default();
        let mut inbox = Inbox::default();
        room.desk().enter(&mut view, &mut screen, &mut inbox, Some("tv"));
        assert!(screen == Screen::Globe && room.showroom.wanted.is_empty());
        assert!(
            inbox
                .local
                .iter()
                .any(|notice| notice.text.en.contains("a, b, c"))
        );
    }
}
