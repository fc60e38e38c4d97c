//! Carries out the showroom's commands.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::ar::{self, Ar, ArSetup};
use super::exhibit::{Exhibit, Playing, Slot, Spot, Variant};
use super::export::Exports;
use super::lamps::Lamps;
use super::orbit::{Orbit, Pose};
use super::{Exploded, Measure, Measuring, ProductShelf, Stereo, Tour, Viewing, Wanted, Way, points};
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
    setup: Res<ArSetup>,
    mut ar: ResMut<Ar>,
    mut inbox: ResMut<Inbox>,
    way: Res<Way>,
    mut desk: Desk,
) {
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
                    inbox.tell(
                        Level::Warning,
                        "camera",
                        "told-camera-unstarted",
                        vec![("problem", problem)],
                    );
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
    if screen == Screen::Globe && way.share == 0.0 && !desk.wanted.ids.is_empty() {
        desk.wanted.ids.clear();
        desk.wanted.problem = None;
    }
}

/// What commands change.
#[derive(SystemParam)]
pub(super) struct Desk<'w, 's> {
    shelf: Res<'w, ProductShelf>,
    wanted: ResMut<'w, Wanted>,
    exploded: ResMut<'w, Exploded>,
    measuring: ResMut<'w, Measuring>,
    viewing: ResMut<'w, Viewing>,
    orbit: ResMut<'w, Orbit>,
    tour: ResMut<'w, Tour>,
    lamps: ResMut<'w, Lamps>,
    exports: ResMut<'w, Exports>,
    exhibits: Query<
        'w,
        's,
        (
            &'static Exhibit,
            &'static Slot,
            &'static Spot,
            &'static mut Variant,
            &'static mut Playing,
        ),
    >,
}

impl Desk<'_, '_> {
    fn enter(&mut self, view: &mut View, screen: &mut Screen, inbox: &mut Inbox, id: Option<&str>) {
        let known = match id {
            Some(id) => self.shelf.product(id),
            None => self
                .wanted
                .product(&self.shelf)
                .or_else(|| self.shelf.products.first()),
        };
        let Some(product) = known else {
            let ids: Vec<&str> = self
                .shelf
                .products
                .iter()
                .map(|product| product.id.as_str())
                .collect();
            let (key, args) = match id {
                Some(id) => {
                    let args = vec![("id", id.to_owned()), ("ids", ids.join(", "))];
                    ("told-no-such-product", args)
                }
                None => ("told-no-products", Vec::new()),
            };
            inbox.tell(Level::Warning, "no_such_product", key, args);
            return;
        };
        let id = product.id.clone();
        *screen = Screen::Showroom;
        view.help_open = false;
        view.search = None;
        if self.wanted.first() != Some(&id) {
            self.show(vec![id]);
        }
    }

    /// Shows other products, the first in its own studio and view.
    fn show(&mut self, ids: Vec<String>) {
        if self.wanted.ids.first() != ids.first() {
            self.exploded.goal = 0.0;
            for (.., mut playing) in &mut self.exhibits {
                playing.set_if_neq(Playing::default());
            }
            self.tour.point = None;
            self.tour.secs = None;
        }
        *self.wanted = Wanted {
            ids,
            ..Wanted::default()
        };
    }

    /// The product this many places further on the shelf than the one in view; the shelf wraps around.
    fn further(&self, steps: i32) -> Option<String> {
        let products = &self.shelf.products;
        let first = self.wanted.first();
        let at = first.and_then(|id| products.iter().position(|product| product.id == *id));
        let count = products.len() as i32;
        (count > 0)
            .then(|| products.get((at.unwrap_or(0) as i32 + steps).rem_euclid(count) as usize))
            .flatten()
            .map(|product| product.id.clone())
    }

    /// Puts another product beside the one in view, or none any more.
    fn compare(&mut self, other: Option<String>) {
        let mut ids: Vec<String> = self.wanted.ids.iter().take(1).cloned().collect();
        ids.extend(other.filter(|other| self.shelf.product(other).is_some()));
        self.show(ids);
    }

    /// The exhibit in view.
    fn first(&self) -> Option<(&Exhibit, &Spot, &Playing)> {
        self.exhibits
            .iter()
            .min_by_key(|(_, slot, ..)| **slot)
            .map(|(exhibit, _, spot, _, playing)| (exhibit, spot, playing))
    }

    /// The exhibit in view, with what people choose of it.
    fn first_mut(&mut self) -> Option<(&Exhibit, Mut<'_, Variant>, Mut<'_, Playing>)> {
        self.exhibits
            .iter_mut()
            .min_by_key(|(_, slot, ..)| **slot)
            .map(|(exhibit, _, _, variant, playing)| (exhibit, variant, playing))
    }

    /// The variant with this number, or the next one.
    fn choose_variant(&mut self, wanted: Option<usize>) {
        if let Some((exhibit, mut variant, _)) = self.first_mut() {
            let count = exhibit.model().variants.len();
            if count > 0 {
                let next = variant.0.map_or(0, |at| at + 1) % count;
                variant.set_if_neq(Variant(Some(wanted.unwrap_or(next).min(count - 1))));
            }
        }
    }

    /// How long the animation in view is, in seconds; 0 where there is none.
    fn animation_secs(&self) -> f32 {
        self.first()
            .and_then(|(exhibit, _, playing)| playing.animation(exhibit.model()))
            .map_or(0.0, |animation| animation.duration_secs)
    }

    fn toggle_play(&mut self) {
        let any = self.animation_secs() > 0.0;
        if let Some((.., mut playing)) = self.first_mut() {
            playing.on = !playing.on && any;
        }
    }

    fn next_animation(&mut self) {
        if let Some((exhibit, _, mut playing)) = self.first_mut() {
            let count = exhibit.model().animations.len();
            if count > 0 {
                *playing = Playing {
                    index: (playing.index + 1) % count,
                    secs: 0.0,
                    on: true,
                };
            }
        }
    }

    fn scrub(&mut self, share: f32) {
        let secs = self.animation_secs() * share.clamp(0.0, 1.0);
        if let Some((.., mut playing)) = self.first_mut() {
            playing.secs = secs;
            playing.on = false;
        }
    }

    fn toggle_tour(&mut self) {
        let any = self
            .first()
            .is_some_and(|(exhibit, ..)| !exhibit.product().manifest.hotspots.is_empty());
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
                let alone = self.wanted.ids.len() < 2 && self.wanted.product(&self.shelf).is_some();
                let other = alone.then(|| self.further(1)).flatten();
                self.compare(other);
            }
            ShowroomCommand::Variant(wanted) => self.choose_variant(*wanted),
            ShowroomCommand::Studio(name) => self.lamps.studio = name.unwrap_or(self.lamps.studio.next()),
            ShowroomCommand::Exposure(factor) => {
                self.lamps.exposure = (self.lamps.exposure * factor).clamp(0.25, 4.0)
            }
            ShowroomCommand::ToggleOpen => {
                self.exploded.goal = if self.exploded.goal > 0.5 { 0.0 } else { 1.0 }
            }
            ShowroomCommand::TogglePlay => self.toggle_play(),
            ShowroomCommand::NextAnimation => self.next_animation(),
            ShowroomCommand::Scrub(share) => self.scrub(*share),
            ShowroomCommand::NextMeasure => {
                self.measuring.0 = match self.measuring.0 {
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
                let aspect = self.viewing.aspect;
                self.orbit.pan(*right, *up, aspect);
            }
            ShowroomCommand::NextStereo => {
                self.viewing.stereo = match self.viewing.stereo {
                    None => Some(Stereo::Anaglyph),
                    Some(Stereo::Anaglyph) => Some(Stereo::SideBySide),
                    Some(Stereo::SideBySide) => Some(Stereo::Halves),
                    Some(Stereo::Halves) => None,
                }
            }
            ShowroomCommand::Export => self.exports.asked = true,
            ShowroomCommand::ToggleAr | ShowroomCommand::Corner(_) => {}
        }
    }

    fn go_to(&mut self, at: Option<usize>) {
        let first = self
            .exhibits
            .iter()
            .min_by_key(|(_, slot, ..)| **slot)
            .map(|(exhibit, _, spot, ..)| (exhibit, *spot));
        go_to(first, &mut self.exploded, &mut self.orbit, &mut self.tour, at);
    }
}

/// Flies to a point of interest of the exhibit in view, or back.
pub(super) fn go_to(
    first: Option<(&Exhibit, Spot)>,
    exploded: &mut Exploded,
    orbit: &mut Orbit,
    tour: &mut Tour,
    at: Option<usize>,
) {
    tour.point = at;
    let Some((exhibit, Spot(spot))) = first else {
        return;
    };
    let Some(hotspot) = at.and_then(|at| exhibit.product().manifest.hotspots.get(at)) else {
        orbit.reset();
        exploded.goal = 0.0;
        return;
    };
    exploded.goal = hotspot.open;
    // The view is of the product as it stands on the turntable: the table is brought back.
    let (place, normal) = points::at_rest(exhibit.model(), hotspot);
    let mut pose = match &hotspot.camera {
        Some(camera) => Pose::of(camera, place + spot),
        None => Pose {
            azimuth: normal.x.atan2(normal.z),
            elevation: normal.y.clamp(-1.0, 1.0).asin().clamp(-0.1, 1.2) * 0.8 + 0.12,
            distance: 0.55,
            target: place + spot,
        },
    };
    pose.azimuth += orbit.turned;
    orbit.fly_to(pose);
}

#[cfg(test)]
mod tests {
    use bevy::ecs::system::SystemState;

    use super::*;
    use crate::link::Words;
    use meridian_product::Shelf;
    use meridian_product::manifest::Manifest;
    use meridian_product::{Product, shelf};

    /// A world with what commands change, and three products on the shelf.
    fn room() -> World {
        let product = |id: &str| Product {
            id: id.to_owned(),
            manifest: Manifest::parse("p", "model = \"x.glb\"\nname = { en = \"X\", zh = \"X\" }")
                .expect("good"),
            place: shelf::Place::Shipped(String::new()),
        };
        let mut world = World::new();
        world.insert_resource(ProductShelf(Shelf {
            products: vec![product("a"), product("b"), product("c")],
        }));
        world.init_resource::<Wanted>();
        world.init_resource::<Exploded>();
        world.init_resource::<Measuring>();
        world.init_resource::<Viewing>();
        world.init_resource::<Orbit>();
        world.init_resource::<Tour>();
        world.init_resource::<Lamps>();
        world.init_resource::<Exports>();
        world
    }

    fn apply(world: &mut World, command: &ShowroomCommand) {
        let mut state = SystemState::<Desk>::new(world);
        state.get_mut(world).expect("everything is there").apply(command);
    }

    /// Asks for a product; the screen then, and what people were told.
    fn enter(world: &mut World, id: &str) -> (Screen, Inbox) {
        let mut screen = Screen::default();
        let mut inbox = Inbox::default();
        let mut state = SystemState::<Desk>::new(world);
        let mut desk = state.get_mut(world).expect("everything is there");
        desk.enter(&mut View::default(), &mut screen, &mut inbox, Some(id));
        (screen, inbox)
    }

    fn wanted(world: &World) -> &[String] {
        &world.resource::<Wanted>().ids
    }

    #[test]
    fn the_shelf_goes_round_and_compares_with_the_next() {
        let mut room = room();
        let (screen, _) = enter(&mut room, "c");
        assert!(screen == Screen::Showroom && wanted(&room) == ["c"]);
        apply(&mut room, &ShowroomCommand::Next(1));
        assert_eq!(wanted(&room), ["a"]);
        apply(&mut room, &ShowroomCommand::Next(-1));
        apply(&mut room, &ShowroomCommand::ToggleCompare);
        assert_eq!(wanted(&room), ["c", "a"]);
        apply(&mut room, &ShowroomCommand::ToggleCompare);
        assert_eq!(wanted(&room), ["c"]);
    }

    #[test]
    fn a_product_that_isnt_there_is_told_and_nothing_changes() {
        let mut room = room();
        let (screen, inbox) = enter(&mut room, "tv");
        assert!(screen == Screen::Globe && wanted(&room).is_empty());
        assert!(
            inbox
                .local
                .iter()
                .any(|notice| matches!(&notice.words, Words::Key(_, args) if args.contains(&("ids", "a, b, c".to_owned()))))
        );
    }
}
