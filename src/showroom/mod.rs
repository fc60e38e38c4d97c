//! The showroom: one product on a turntable, the sale going on around it.
//!
//! The product is drawn by a camera of its own into a picture that the panels lay over the globe; the globe itself
//! withdraws to a small one beside it and goes on living. [`Showroom`] says what is shown; [`ShowroomCommand`]s change it.

pub mod ar;
pub mod export;
pub mod eye;
pub mod hands;
pub mod headset;
pub mod material;
pub mod orbit;
pub mod panel;
pub mod place;
pub mod points;
pub mod prepare;
pub mod sales;
pub mod stand;

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;

pub use place::Place;

use self::ar::{Ar, ArSetup};
use self::eye::Eye;
use self::material::{Lighting, Richness};
use self::orbit::{Orbit, Pose};
use self::prepare::{Loading, Prepared};
use crate::DisplaySystems;
use crate::command::{Command, ShowroomCommand};
use crate::layout::Layout;
use crate::link::Inbox;
use crate::quality::Quality;
use crate::view::{Live, Screen, View};
use meridian_product::model::Bounds;
use meridian_product::{Shelf, animate, studio};
use meridian_wire::{Level, Scene};

/// The layer of what stands in the showroom.
pub const SHOWROOM_LAYER: usize = 2;
/// The layer of the ground beneath it: the pool of light, the turntable's rim, the shadow.
pub const GROUND_LAYER: usize = 3;
/// The layer of the shadow alone, for pictures of the product on nothing.
pub const SHADOW_LAYER: usize = 4;
/// How long the way from the globe to the showroom takes, in seconds.
const WAY_SECS: f32 = 1.4;
/// How long a product takes to come or go, in seconds.
const CHANGE_SECS: f32 = 0.5;
/// How long the exploded view takes to open, in seconds.
const OPEN_SECS: f32 = 1.2;
/// How long the tour stays at a point of interest, in seconds.
const TOUR_SECS: f32 = 6.0;
/// Distance of two products side by side, as a share of their widths together.
const APART: f32 = 0.62;

/// Lengths drawn on the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Centimetres and metres.
    Metric,
    /// Inches and feet.
    Imperial,
}

/// How a picture for two eyes is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stereo {
    /// Red for the left eye, cyan for the right.
    Anaglyph,
    /// Half the screen for each eye, squeezed to half the width, as 3D walls and televisions take it.
    SideBySide,
    /// Half the screen for each eye as it is, for a viewer with two lenses.
    Halves,
}

/// A product that stands in the showroom.
pub struct Stand {
    /// What it is, and its model.
    pub prepared: Arc<Prepared>,
    /// What was spawned for it.
    pub spawned: stand::Spawned,
    /// The variant it is in; `None` is as the file has it.
    pub variant: Option<usize>,
    /// Where it stands.
    pub offset: Vec3,
    /// How far it has come in, 0 to 1.
    pub share: f32,
    /// It turns into place as it comes; not where its poster stood there already.
    pub swings: bool,
}

/// A product's picture until its model is there.
pub struct Poster {
    /// Whose.
    pub id: String,
    /// The picture.
    pub image: Handle<Image>,
    /// Width over height.
    pub aspect: f32,
    /// How far it has come in, 0 to 1.
    pub share: f32,
}

/// An animation's state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Playing {
    /// Which.
    pub index: usize,
    /// Where it is, in seconds.
    pub secs: f32,
    /// It goes on.
    pub on: bool,
}

/// What is shown.
#[derive(Resource)]
pub struct Showroom {
    /// Every product that there is.
    pub shelf: Shelf,
    /// The products to show: one, or two side by side.
    pub wanted: Vec<String>,
    /// The way from the globe, 0 to 1, eased.
    pub share: f32,
    way: f32,
    /// What stands there.
    pub stands: Vec<Stand>,
    /// What is on its way.
    pub loading: Vec<Loading>,
    /// What is shown of it until then.
    pub poster: Option<Poster>,
    arrived: Vec<Arc<Prepared>>,
    /// Why the product isn't there, for people.
    pub problem: Option<String>,
    /// The eye.
    pub orbit: Orbit,
    /// The studio.
    pub studio: studio::Name,
    /// A factor of the light.
    pub exposure: f32,
    /// The light, once it is there.
    pub lighting: Option<Lighting>,
    /// How far it is open, 0 to 1, and wanted to be.
    pub open: f32,
    /// See `open`.
    pub open_goal: f32,
    /// The animation.
    pub playing: Playing,
    /// Lengths.
    pub measure: Option<Measure>,
    /// The point of interest that is explained.
    pub point: Option<usize>,
    /// Seconds that the tour has been at its point; `None` without a tour.
    pub tour_secs: Option<f32>,
    /// Width over height of the product's picture.
    pub aspect: f32,
    /// From where it is seen in this frame.
    pub eye: Eye,
    /// In front of a camera: nothing of the room is drawn, the product stands on the sheet.
    pub in_ar: bool,
    /// Two eyes.
    pub stereo: Option<Stereo>,
    /// How far down the product's picture is asked to be exported, once.
    pub export: bool,
    fresh_view: bool,
}

impl Default for Showroom {
    fn default() -> Self {
        Self {
            shelf: Shelf::default(),
            wanted: Vec::new(),
            share: 0.0,
            way: 0.0,
            stands: Vec::new(),
            loading: Vec::new(),
            poster: None,
            arrived: Vec::new(),
            problem: None,
            orbit: Orbit::default(),
            studio: studio::Name::default(),
            exposure: 1.0,
            lighting: None,
            open: 0.0,
            open_goal: 0.0,
            playing: Playing::default(),
            measure: None,
            point: None,
            tour_secs: None,
            aspect: 1.4,
            eye: Eye::orbiting(&Orbit::default(), 1.4),
            in_ar: false,
            stereo: None,
            export: false,
            fresh_view: true,
        }
    }
}

impl Showroom {
    /// The product in view, once it stands there.
    pub fn first(&self) -> Option<&Stand> {
        self.stands.first()
    }

    /// The product in view or on its way.
    pub fn product(&self) -> Option<&meridian_product::Product> {
        self.shelf.product(self.wanted.first()?)
    }

    /// Whether it can be taken apart.
    pub fn opens(&self) -> bool {
        self.first()
            .is_some_and(|stand| animate::explodes(&stand.prepared.model))
    }

    /// The animation in view.
    pub fn animation(&self) -> Option<&meridian_product::model::Animation> {
        self.first()?.prepared.model.animations.get(self.playing.index)
    }

    /// How far the products on their way are, 0 to 1; `None` where none is.
    pub fn progress(&self) -> Option<f32> {
        let least = self.loading.iter().map(Loading::share).reduce(f32::min);
        least.or_else(|| {
            (self.stands.is_empty() && self.problem.is_none() && !self.wanted.is_empty()).then_some(1.0)
        })
    }

    /// The whole screen is two pictures, one for each eye.
    pub fn two_pictures(&self) -> bool {
        self.share > 0.5 && matches!(self.stereo, Some(Stereo::SideBySide | Stereo::Halves))
    }

    /// How a product stands in the room: turned by the table, or by a hand where it stands on the sheet.
    pub fn table(&self, stand: &Stand) -> Transform {
        let bounds = stand.prepared.model.bounds;
        let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
        let (turn, place) = if self.in_ar {
            (self.orbit.home.azimuth - self.orbit.now.azimuth, Vec3::ZERO)
        } else {
            (self.orbit.turned, pivot)
        };
        // It comes in smaller, and turns into place.
        let eased = if stand.swings {
            stand.share * stand.share * (3.0 - 2.0 * stand.share)
        } else {
            1.0
        };
        let size = 0.82 + 0.18 * eased;
        let rotation = Quat::from_rotation_y(turn - (1.0 - eased) * 0.9);
        Transform {
            translation: stand.offset + place - rotation * (pivot * size),
            rotation,
            scale: Vec3::splat(size),
        }
    }

    /// What is looked at grows as it is taken apart; who looks at its middle goes on doing so.
    fn fit(&mut self) {
        let bounds = self.bounds();
        let moved = bounds.centre() - self.orbit.bounds.centre();
        if bounds != self.orbit.bounds {
            self.orbit.bounds = bounds;
            if self.point.is_none() {
                self.orbit.now.target += moved;
                self.orbit.goal.target += moved;
            }
        }
    }

    /// Everything that stands there, in metres.
    fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        for stand in &self.stands {
            let (own, apart) = (stand.prepared.model.bounds, stand.prepared.apart);
            bounds.add(own.min.lerp(apart.min, self.open) + stand.offset);
            bounds.add(own.max.lerp(apart.max, self.open) + stand.offset);
        }
        bounds
    }
}

/// The shelf is read at the start; what is wrong on it is told.
fn read_shelf(
    folders: Option<Res<ProductFolders>>,
    mut showroom: ResMut<Showroom>,
    mut inbox: ResMut<Inbox>,
) {
    let extra = folders.map(|folders| folders.0.clone()).unwrap_or_default();
    let (shelf, problems) = Shelf::load(&extra);
    showroom.shelf = shelf;
    for problem in problems {
        warn!("{problem}");
        inbox.tell(
            Level::Warning,
            "product_refused",
            problem.to_string(),
            format!("商品未载入：{problem}"),
        );
    }
}

/// Folders of products beside the shipped ones and the user's.
#[derive(Resource, Debug, Clone, Default)]
pub struct ProductFolders(pub Vec<std::path::PathBuf>);

/// Carries out what concerns the showroom.
fn apply_showroom_commands(
    mut asked: MessageReader<Command>,
    mut view: ResMut<View>,
    state: Res<State<Screen>>,
    mut next: ResMut<NextState<Screen>>,
    mut showroom: ResMut<Showroom>,
    setup: Res<ArSetup>,
    mut ar: ResMut<Ar>,
    mut inbox: ResMut<Inbox>,
) {
    let showroom = &mut *showroom;
    let before = Screen::asked(&state, &next);
    let mut screen = before;
    for command in asked.read() {
        let here = screen == Screen::Showroom;
        match command {
            Command::Enter(id) | Command::Show(Scene::Showroom(id)) => {
                enter(showroom, &mut view, &mut screen, &mut inbox, id.as_deref());
            }
            Command::Nudge { east, north, zoom } if here => {
                if *zoom == 1.0 || *east != 0.0 || *north != 0.0 {
                    showroom.orbit.turn(*east, *north);
                }
                if *zoom != 1.0 {
                    showroom.orbit.zoom(*zoom);
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
            Command::Showroom(command) if here => apply(showroom, command),
            _ => {}
        }
    }
    if screen != before {
        next.set(screen);
    }
    // Somebody left it by another way.
    if screen == Screen::Globe && showroom.share == 0.0 && !showroom.wanted.is_empty() {
        showroom.wanted.clear();
        showroom.problem = None;
    }
}

fn enter(showroom: &mut Showroom, view: &mut View, screen: &mut Screen, inbox: &mut Inbox, id: Option<&str>) {
    let known = match id {
        Some(id) => showroom.shelf.product(id),
        None => showroom
            .wanted
            .first()
            .and_then(|id| showroom.shelf.product(id))
            .or_else(|| showroom.shelf.products.first()),
    };
    let Some(product) = known else {
        let ids: Vec<&str> = showroom
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
    if showroom.wanted.first() != Some(&id) {
        show(showroom, vec![id]);
    }
}

/// Shows other products, the first in its own studio and view.
fn show(showroom: &mut Showroom, ids: Vec<String>) {
    if showroom.wanted.first() != ids.first() {
        showroom.open_goal = 0.0;
        showroom.playing = Playing::default();
        showroom.point = None;
        showroom.tour_secs = None;
    }
    showroom.wanted = ids;
    showroom.problem = None;
    showroom.fresh_view = true;
}

fn apply(showroom: &mut Showroom, command: &ShowroomCommand) {
    match command {
        ShowroomCommand::Next(steps) => {
            let count = showroom.shelf.products.len() as i32;
            let at = showroom
                .wanted
                .first()
                .and_then(|id| {
                    showroom
                        .shelf
                        .products
                        .iter()
                        .position(|product| product.id == *id)
                })
                .unwrap_or(0) as i32;
            if count > 0
                && let Some(product) = showroom
                    .shelf
                    .products
                    .get((at + steps).rem_euclid(count) as usize)
            {
                let id = product.id.clone();
                show(showroom, vec![id]);
            }
        }
        ShowroomCommand::Compare(other) => {
            let mut ids: Vec<String> = showroom.wanted.iter().take(1).cloned().collect();
            ids.extend(
                other
                    .clone()
                    .filter(|other| showroom.shelf.product(other).is_some()),
            );
            show(showroom, ids);
        }
        ShowroomCommand::ToggleCompare => {
            let other = (showroom.wanted.len() < 2).then(|| {
                let at = showroom.wanted.first().and_then(|id| {
                    showroom
                        .shelf
                        .products
                        .iter()
                        .position(|product| product.id == *id)
                })?;
                let next = (at + 1) % showroom.shelf.products.len();
                showroom
                    .shelf
                    .products
                    .get(next)
                    .map(|product| product.id.clone())
            });
            apply(showroom, &ShowroomCommand::Compare(other.flatten()));
        }
        ShowroomCommand::Variant(wanted) => {
            if let Some(stand) = showroom.stands.first_mut() {
                let count = stand.prepared.model.variants.len();
                if count > 0 {
                    let next = stand.variant.map_or(0, |at| at + 1) % count;
                    stand.variant = Some(wanted.unwrap_or(next).min(count - 1));
                }
            }
        }
        ShowroomCommand::Studio(name) => showroom.studio = name.unwrap_or(showroom.studio.next()),
        ShowroomCommand::Exposure(factor) => {
            showroom.exposure = (showroom.exposure * factor).clamp(0.25, 4.0)
        }
        ShowroomCommand::ToggleOpen => showroom.open_goal = if showroom.open_goal > 0.5 { 0.0 } else { 1.0 },
        ShowroomCommand::TogglePlay => {
            let end = showroom
                .animation()
                .map_or(0.0, |animation| animation.duration_secs);
            showroom.playing.on = !showroom.playing.on && end > 0.0;
        }
        ShowroomCommand::NextAnimation => {
            let count = showroom
                .first()
                .map_or(0, |stand| stand.prepared.model.animations.len());
            if count > 0 {
                showroom.playing = Playing {
                    index: (showroom.playing.index + 1) % count,
                    secs: 0.0,
                    on: true,
                };
            }
        }
        ShowroomCommand::Scrub(share) => {
            let end = showroom
                .animation()
                .map_or(0.0, |animation| animation.duration_secs);
            showroom.playing.secs = end * share.clamp(0.0, 1.0);
            showroom.playing.on = false;
        }
        ShowroomCommand::NextMeasure => {
            showroom.measure = match showroom.measure {
                None => Some(Measure::Metric),
                Some(Measure::Metric) => Some(Measure::Imperial),
                Some(Measure::Imperial) => None,
            }
        }
        ShowroomCommand::Point(at) => {
            showroom.tour_secs = None;
            go_to(showroom, *at);
        }
        ShowroomCommand::ToggleTour => {
            let any = showroom
                .first()
                .is_some_and(|stand| !stand.prepared.product.manifest.hotspots.is_empty());
            if showroom.tour_secs.take().is_none() && any {
                showroom.tour_secs = Some(0.0);
                go_to(showroom, Some(0));
            } else {
                go_to(showroom, None);
            }
        }
        ShowroomCommand::Reset => {
            showroom.orbit.reset();
            showroom.point = None;
            showroom.tour_secs = None;
        }
        ShowroomCommand::Turn(round, up) => showroom.orbit.turn(*round, *up),
        ShowroomCommand::Zoom(factor) => showroom.orbit.zoom(*factor),
        ShowroomCommand::Pan(right, up) => {
            let aspect = showroom.aspect;
            showroom.orbit.pan(*right, *up, aspect);
        }
        ShowroomCommand::NextStereo => {
            showroom.stereo = match showroom.stereo {
                None => Some(Stereo::Anaglyph),
                Some(Stereo::Anaglyph) => Some(Stereo::SideBySide),
                Some(Stereo::SideBySide) => Some(Stereo::Halves),
                Some(Stereo::Halves) => None,
            }
        }
        ShowroomCommand::Export => showroom.export = true,
        ShowroomCommand::ToggleAr | ShowroomCommand::Corner(_) => {}
    }
}

/// Flies to a point of interest, or back.
fn go_to(showroom: &mut Showroom, at: Option<usize>) {
    showroom.point = at;
    let Some(stand) = showroom.stands.first() else {
        return;
    };
    let Some(hotspot) = at.and_then(|at| stand.prepared.product.manifest.hotspots.get(at)) else {
        showroom.orbit.reset();
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
    pose.azimuth += showroom.orbit.turned;
    showroom.orbit.fly_to(pose);
}

fn richness(view: &View) -> Richness {
    if view.quality >= Quality::High {
        Richness::Full
    } else {
        Richness::Lean
    }
}

/// Loads what is wanted and not there, and takes what has come.
fn bring_products(
    view: Res<View>,
    live: Res<Live>,
    time: Res<Time>,
    adapter: Option<Res<RenderAdapterInfo>>,
    mut showroom: ResMut<Showroom>,
    mut inbox: ResMut<Inbox>,
    mut images: ResMut<Assets<Image>>,
) {
    let showroom = &mut *showroom;
    let wait = !live.0;
    let wanted = showroom.wanted.clone();
    showroom.loading.retain(|loading| wanted.contains(&loading.id));
    showroom
        .arrived
        .retain(|prepared| wanted.contains(&prepared.product.id));
    for id in &wanted {
        let there = showroom
            .stands
            .iter()
            .any(|stand| stand.prepared.product.id == *id)
            || showroom.loading.iter().any(|loading| loading.id == *id)
            || showroom.arrived.iter().any(|prepared| prepared.product.id == *id);
        if !there
            && showroom.problem.is_none()
            && let Some(product) = showroom.shelf.product(id)
        {
            // A rasteriser on the CPU walks every texel under a slanted pixel: minutes, where a texture is stretched.
            let by_cpu = adapter
                .as_ref()
                .is_some_and(|adapter| adapter.device_type == wgpu::DeviceType::Cpu);
            let sharp = view.quality != Quality::Software && !by_cpu;
            showroom.loading.push(Loading::start(product.clone(), sharp));
        }
    }
    // One beside another has no poster: where it will stand isn't known before it is there.
    if let [only] = wanted.as_slice() {
        let come = showroom.loading.iter().find(|loading| loading.id == *only);
        if let Some(image) = come.and_then(Loading::take_poster) {
            let size = image.size_f32();
            showroom.poster = Some(Poster {
                id: only.clone(),
                image: images.add(image),
                aspect: size.x / size.y.max(1.0),
                share: 0.0,
            });
        }
    }
    let stands = |id: &str| {
        let stand = showroom.stands.first();
        stand.is_some_and(|stand| stand.prepared.product.id == *id && stand.share >= 1.0)
    };
    let step = time.delta_secs() / CHANGE_SECS;
    showroom.poster = showroom
        .poster
        .take()
        .filter(|poster| wanted == [poster.id.as_str()] && !stands(&poster.id) && showroom.problem.is_none())
        .map(|poster| Poster {
            share: (poster.share + step).min(1.0),
            ..poster
        });
    let mut arrived = Vec::new();
    let mut problem = None;
    showroom.loading.retain(|loading| match loading.take(wait) {
        None => true,
        Some(Ok(prepared)) => {
            for remark in &prepared.model.remarks {
                info!("{}: {remark}", loading.id);
            }
            arrived.push(Arc::from(prepared));
            false
        }
        Some(Err(error)) => {
            problem = Some(error.to_string());
            false
        }
    });
    showroom.arrived.extend(arrived);
    if let Some(problem) = problem {
        error!("{problem}");
        inbox.tell(
            Level::Warning,
            "product_refused",
            format!("The product can't be shown: {problem}"),
            format!("无法展示该商品：{problem}"),
        );
        showroom.problem = Some(problem);
        showroom.wanted.truncate(1);
    }
}

/// Takes away what isn't wanted any more, puts up what has come.
fn change_stands(
    mut commands: Commands,
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    live: Res<Live>,
    mut showroom: ResMut<Showroom>,
    mut assets: stand::Stores,
) {
    let showroom = &mut *showroom;
    let at_once = !live.0 || view.reduced_motion;
    let gone_for_good = *screen == Screen::Globe && showroom.share == 0.0;
    let delta = if at_once {
        1.0
    } else {
        time.delta_secs() / CHANGE_SECS
    };
    let wanted = showroom.wanted.clone();
    showroom.stands.retain_mut(|stand| {
        if wanted.contains(&stand.prepared.product.id) && !gone_for_good {
            // Its poster stays until all of it has been drawn.
            if stand.spawned.is_ready() {
                stand.share = (stand.share + delta).min(1.0);
            }
            return true;
        }
        stand.share -= delta;
        if stand.share <= 0.0 || gone_for_good {
            stand.spawned.despawn(&mut commands);
            return false;
        }
        true
    });
    let all_there = wanted.iter().all(|id| {
        showroom
            .stands
            .iter()
            .any(|stand| stand.prepared.product.id == *id)
            || showroom.arrived.iter().any(|prepared| prepared.product.id == *id)
    });
    let clear = showroom
        .stands
        .iter()
        .all(|stand| wanted.contains(&stand.prepared.product.id));
    let Some(lighting) = showroom.lighting.clone() else {
        return;
    };
    if all_there && clear && !showroom.arrived.is_empty() {
        for prepared in std::mem::take(&mut showroom.arrived) {
            let spawned = stand::spawn(
                &mut commands,
                &mut assets,
                &prepared,
                &lighting,
                richness(&view),
                !live.0,
            );
            showroom.stands.push(Stand {
                prepared,
                spawned,
                variant: None,
                offset: Vec3::ZERO,
                share: if at_once { 1.0 } else { 0.0 },
                swings: showroom.poster.is_none(),
            });
        }
        showroom
            .stands
            .sort_by_key(|stand| wanted.iter().position(|id| *id == stand.prepared.product.id));
    }
    if clear && all_there && showroom.fresh_view && !showroom.stands.is_empty() {
        showroom.fresh_view = false;
        set_side_by_side(showroom);
        let bounds = showroom.bounds();
        let (manifest, single) = match showroom.stands.first() {
            Some(stand) => (
                stand.prepared.product.manifest.clone(),
                showroom.stands.len() == 1,
            ),
            None => return,
        };
        let mut home = Pose::of(&manifest.camera, bounds.centre());
        if !single {
            home = Pose {
                azimuth: 0.0,
                distance: 1.0,
                target: bounds.centre(),
                ..home
            };
        }
        if single {
            showroom.studio = manifest.environment;
            showroom.exposure = manifest.exposure;
        }
        showroom.orbit.turned = 0.0;
        showroom
            .orbit
            .look_at(bounds, home, showroom.share < 0.5 || at_once);
        showroom.playing = Playing::default();
        if let (Some(name), Some(stand)) = (&manifest.animation, showroom.stands.first())
            && let Some(index) = stand
                .prepared
                .model
                .animations
                .iter()
                .position(|animation| animation.name == *name)
        {
            showroom.playing = Playing {
                index,
                secs: 0.0,
                on: true,
            };
        }
    }
}

fn set_side_by_side(showroom: &mut Showroom) {
    let widths: Vec<f32> = showroom
        .stands
        .iter()
        .map(|stand| {
            let size = stand.prepared.model.bounds.size();
            size.x.max(size.z)
        })
        .collect();
    match (widths.as_slice(), showroom.stands.as_mut_slice()) {
        (_, [only]) => only.offset = Vec3::ZERO,
        ([one, other], [left, right]) => {
            let gap = (one + other) * APART;
            left.offset = Vec3::X * -gap * 0.5;
            right.offset = Vec3::X * gap * 0.5;
        }
        _ => {}
    }
}

/// The eye, the way in and out, the animation, the tour.
fn advance_showroom(
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    layout: Res<Layout>,
    live: Res<Live>,
    ar: Res<Ar>,
    mut showroom: ResMut<Showroom>,
) {
    let delta = time.delta_secs();
    let showroom = &mut *showroom;
    let at_once = !live.0;
    let goal = if *screen == Screen::Showroom { 1.0 } else { 0.0 };
    let way_secs = if view.reduced_motion { 0.3 } else { WAY_SECS };
    let step = if at_once { 1.0 } else { delta / way_secs };
    showroom.way += (goal - showroom.way).clamp(-step, step);
    let way = showroom.way;
    let share = way * way * way * (way * (way * 6.0 - 15.0) + 10.0);
    if showroom.share != share {
        showroom.share = share;
    }
    if share == 0.0 && *screen == Screen::Globe {
        return;
    }
    showroom.in_ar = ar.on;
    showroom.aspect = Place::new(layout.size).picture_aspect(showroom.stereo, ar.aspect());
    let step = if at_once || view.reduced_motion {
        1.0
    } else {
        delta / OPEN_SECS
    };
    showroom.open += (showroom.open_goal - showroom.open).clamp(-step, step);
    if !showroom.fresh_view && !showroom.stands.is_empty() {
        showroom.fit();
    }
    let end = showroom
        .animation()
        .map_or(0.0, |animation| animation.duration_secs);
    if showroom.playing.on && end > 0.0 {
        showroom.playing.secs = (showroom.playing.secs + delta).rem_euclid(end);
    }
    let touched = showroom.orbit.idle_secs == 0.0 && showroom.tour_secs.is_some_and(|secs| secs > 0.2);
    if let Some(secs) = showroom.tour_secs {
        let count = showroom
            .first()
            .map_or(0, |stand| stand.prepared.product.manifest.hotspots.len());
        if touched {
            showroom.tour_secs = None;
        } else if secs + delta >= TOUR_SECS {
            match showroom.point.map(|at| at + 1).filter(|next| *next < count) {
                Some(next) => {
                    showroom.tour_secs = Some(0.0);
                    go_to(showroom, Some(next));
                }
                None => {
                    showroom.tour_secs = None;
                    go_to(showroom, None);
                }
            }
        } else {
            showroom.tour_secs = Some(secs + delta);
        }
    }
    let still = view.reduced_motion || showroom.point.is_some() || at_once || ar.on;
    showroom.orbit.advance(delta, still);
    let orbiting = Eye::orbiting(&showroom.orbit, showroom.aspect);
    showroom.eye = match (ar.on, ar.eye()) {
        (false, _) => orbiting,
        (true, Some(eye)) => eye,
        // Where it was last seen, until it is found again.
        (true, None) => showroom.eye,
    };
}

/// Anything of the showroom can be seen, or is about to be.
fn on_screen(screen: Res<State<Screen>>, showroom: Res<Showroom>) -> bool {
    *screen == Screen::Showroom || showroom.share != 0.0
}

/// The showroom.
pub fn plugin(app: &mut App) {
    app.init_resource::<Showroom>()
        .add_plugins((
            material::plugin,
            ar::plugin,
            export::plugin,
            hands::plugin,
            stand::plugin,
        ))
        .add_systems(Startup, read_shelf)
        .add_systems(
            Update,
            (
                apply_showroom_commands.in_set(DisplaySystems::Apply),
                (bring_products, change_stands, advance_showroom)
                    .chain()
                    .in_set(DisplaySystems::Follow),
            ),
        );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use meridian_product::manifest::Manifest;
    use meridian_product::{Product, shelf};

    fn showroom() -> Showroom {
        let product = |id: &str| Product {
            id: id.to_owned(),
            manifest: Manifest::parse("p", "model = \"x.glb\"\nname = { en = \"X\", zh = \"X\" }")
                .expect("good"),
            place: shelf::Place::Shipped(String::new()),
        };
        Showroom {
            shelf: Shelf {
                products: vec![product("a"), product("b"), product("c")],
            },
            ..default()
        }
    }

    #[test]
    fn the_shelf_goes_round_and_compares_with_the_next() {
        let mut room = showroom();
        let mut view = View::default();
        let mut screen = Screen::default();
        let mut inbox = Inbox::default();
        enter(&mut room, &mut view, &mut screen, &mut inbox, Some("c"));
        assert!(screen == Screen::Showroom && room.wanted == ["c"]);
        apply(&mut room, &ShowroomCommand::Next(1));
        assert_eq!(room.wanted, ["a"]);
        apply(&mut room, &ShowroomCommand::Next(-1));
        apply(&mut room, &ShowroomCommand::ToggleCompare);
        assert_eq!(room.wanted, ["c", "a"]);
        apply(&mut room, &ShowroomCommand::ToggleCompare);
        assert_eq!(room.wanted, ["c"]);
    }

    #[test]
    fn a_product_that_isnt_there_is_told_and_nothing_changes() {
        let mut room = showroom();
        let mut view = View::default();
        let mut screen = Screen::default();
        let mut inbox = Inbox::default();
        enter(&mut room, &mut view, &mut screen, &mut inbox, Some("tv"));
        assert!(screen == Screen::Globe && room.wanted.is_empty());
        assert!(
            inbox
                .local
                .iter()
                .any(|notice| notice.text.en.contains("a, b, c"))
        );
    }
}
