//! Loads products that are wanted, shows those that are ready, and removes those that aren't wanted any more.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;

use super::exhibit::{Coming, Exhibit, Exhibits, PartOf, Playing, Slot, Spot, Waits, add_bounds};
use super::lamps::Lamps;
use super::material::Richness;
use super::orbit::{Orbit, Pose};
use super::prepare::{Loading, Prepared};
use super::stand;
use super::{Exploded, ProductShelf, Wanted, Way};
use crate::link::Inbox;
use crate::quality::Quality;
use crate::view::{Live, Screen, View};
use meridian_product::model::Bounds;
use meridian_wire::Level;

/// How long a product takes to appear or disappear, in seconds.
const CHANGE_SECS: f32 = 0.5;
/// Distance between two products side by side, as a share of their combined widths.
const APART: f32 = 0.62;

/// A product's picture until its model is there.
pub struct Poster {
    /// The product's id.
    pub id: String,
    /// The picture.
    pub image: Handle<Image>,
    /// Width over height.
    pub aspect: f32,
    /// How far it has come in, 0 to 1.
    pub share: f32,
}

/// Products that are being loaded.
#[derive(Resource, Default)]
pub struct Arrivals {
    loading: Vec<Loading>,
    /// What is shown of it until it is there.
    pub poster: Option<Poster>,
    arrived: Vec<Arc<Prepared>>,
}

impl Arrivals {
    /// How far the slowest of them is, 0 to 1; `None` where none is loaded.
    pub fn progress(&self) -> Option<f32> {
        self.loading.iter().map(Loading::share).reduce(f32::min)
    }

    /// Whether a product has come and isn't put up yet.
    fn has(&self, id: &str) -> bool {
        self.arrived.iter().any(|prepared| prepared.product.id == id)
    }
}

fn richness(view: &View) -> Richness {
    if view.quality >= Quality::High {
        Richness::Full
    } else {
        Richness::Lean
    }
}

/// Begins to load what is wanted and not there.
pub(super) fn load_wanted(
    view: Res<View>,
    adapter: Option<Res<RenderAdapterInfo>>,
    shelf: Res<ProductShelf>,
    wanted: Res<Wanted>,
    exhibits: Exhibits,
    mut arrivals: ResMut<Arrivals>,
) {
    arrivals.loading.retain(|loading| wanted.has(&loading.id));
    arrivals
        .arrived
        .retain(|prepared| wanted.has(&prepared.product.id));
    // A rasteriser on the CPU walks every texel under a slanted pixel: minutes, where a texture is stretched.
    let by_cpu = adapter.is_some_and(|adapter| adapter.device_type == wgpu::DeviceType::Cpu);
    let sharp = view.quality != Quality::Software && !by_cpu;
    for id in &wanted.ids {
        let there = exhibits.of(id).is_some()
            || arrivals.loading.iter().any(|loading| loading.id == *id)
            || arrivals.has(id);
        if !there
            && wanted.problem.is_none()
            && let Some(product) = shelf.product(id)
        {
            arrivals.loading.push(Loading::start(product.clone(), sharp));
        }
    }
}

/// A product's poster comes in, and goes once the product stands there.
pub(super) fn show_poster(
    time: Res<Time>,
    wanted: Res<Wanted>,
    exhibits: Exhibits,
    mut arrivals: ResMut<Arrivals>,
    mut images: ResMut<Assets<Image>>,
) {
    // One beside another has no poster: where it will stand isn't known before it is there.
    if let [only] = wanted.ids.as_slice() {
        let come = arrivals.loading.iter().find(|loading| loading.id == *only);
        if let Some(image) = come.and_then(Loading::take_poster) {
            let size = image.size_f32();
            arrivals.poster = Some(Poster {
                id: only.clone(),
                image: images.add(image),
                aspect: size.x / size.y.max(1.0),
                share: 0.0,
            });
        }
    }
    let stands = |id: &str| {
        let first = exhibits.first();
        first.is_some_and(|first| first.exhibit.product().id == *id && first.coming.share >= 1.0)
    };
    let step = time.delta_secs() / CHANGE_SECS;
    arrivals.poster = arrivals
        .poster
        .take()
        .filter(|poster| {
            wanted.ids == [poster.id.as_str()] && !stands(&poster.id) && wanted.problem.is_none()
        })
        .map(|poster| Poster {
            share: (poster.share + step).min(1.0),
            ..poster
        });
}

/// Takes what was loaded; where each picture stands for itself, not before it is.
pub(super) fn take_arrived(
    live: Res<Live>,
    mut wanted: ResMut<Wanted>,
    mut arrivals: ResMut<Arrivals>,
    mut inbox: ResMut<Inbox>,
) {
    let mut arrived = Vec::new();
    let mut problem = None;
    arrivals.loading.retain(|loading| match loading.take(!live.0) {
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
    arrivals.arrived.extend(arrived);
    if let Some(problem) = problem {
        error!("{problem}");
        inbox.tell(
            Level::Warning,
            "product_refused",
            "told-product-unshown",
            vec![("problem", problem.clone())],
        );
        wanted.problem = Some(problem);
        wanted.ids.truncate(1);
    }
}

/// It doesn't grow and shrink as it comes and goes.
fn comes_at_once(live: &Live, view: &View) -> bool {
    !live.0 || view.reduced_motion
}

/// What stands there comes in, and what isn't wanted any more is taken away.
pub(super) fn come_and_go(
    mut commands: Commands,
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    live: Res<Live>,
    wanted: Res<Wanted>,
    way: Res<Way>,
    waiting: Query<&PartOf, With<Waits>>,
    mut exhibits: Query<(Entity, &Exhibit, &mut Coming)>,
) {
    let gone_for_good = *screen == Screen::Globe && way.share == 0.0;
    let delta = if comes_at_once(&live, &view) {
        1.0
    } else {
        time.delta_secs() / CHANGE_SECS
    };
    for (entity, exhibit, mut coming) in &mut exhibits {
        let before = *coming;
        let share = if wanted.has(&exhibit.product().id) && !gone_for_good {
            // Its poster stays until all of it has been drawn.
            let waits = waiting.iter().any(|part| part.exhibit == entity);
            if waits {
                before.share
            } else {
                (before.share + delta).min(1.0)
            }
        } else if gone_for_good || before.share <= delta {
            commands.entity(entity).despawn();
            continue;
        } else {
            before.share - delta
        };
        coming.set_if_neq(Coming { share, ..before });
    }
}

/// Everything that is wanted has come, and nothing else stands there.
fn all_there(wanted: &Wanted, arrivals: &Arrivals, exhibits: &Exhibits) -> bool {
    wanted
        .ids
        .iter()
        .all(|id| arrivals.has(id) || exhibits.of(id).is_some())
        && exhibits
            .sorted()
            .iter()
            .all(|standing| wanted.has(&standing.exhibit.product().id))
}

/// Puts up what has come, once all of it has and there is light.
pub(super) fn put_up(
    mut commands: Commands,
    view: Res<View>,
    live: Res<Live>,
    wanted: Res<Wanted>,
    lamps: Res<Lamps>,
    exhibits: Exhibits,
    mut arrivals: ResMut<Arrivals>,
    mut assets: stand::Stores,
) {
    if arrivals.arrived.is_empty() || !all_there(&wanted, &arrivals, &exhibits) {
        return;
    }
    let Some(lighting) = &lamps.lighting else { return };
    let coming = Coming {
        share: if comes_at_once(&live, &view) { 1.0 } else { 0.0 },
        swings: arrivals.poster.is_none(),
    };
    for prepared in std::mem::take(&mut arrivals.arrived) {
        // In a window a product may come into view over several frames.
        let exhibit = stand::spawn(
            &mut commands,
            &mut assets,
            &prepared,
            lighting,
            richness(&view),
            !live.0,
        );
        commands.entity(exhibit).insert(coming);
    }
}

/// What stands there anew has its place, and is seen from its home, in its own studio and with its own animation.
pub(super) fn view_afresh(
    view: Res<View>,
    live: Res<Live>,
    way: Res<Way>,
    exploded: Res<Exploded>,
    arrivals: Res<Arrivals>,
    mut wanted: ResMut<Wanted>,
    mut lamps: ResMut<Lamps>,
    mut orbit: ResMut<Orbit>,
    mut exhibits: ParamSet<(Exhibits, Query<(&Exhibit, &mut Slot, &mut Spot, &mut Playing)>)>,
) {
    let nothing = exhibits.p0().is_empty();
    if !wanted.fresh_view || nothing || lamps.lighting.is_none() {
        return;
    }
    if !all_there(&wanted, &arrivals, &exhibits.p0()) {
        return;
    }
    wanted.fresh_view = false;
    let place_of = |id: &str| wanted.ids.iter().position(|wanted| wanted == id);
    let mut query = exhibits.p1();
    let mut ordered: Vec<_> = query.iter_mut().collect();
    ordered.sort_by_key(|(exhibit, ..)| place_of(&exhibit.product().id));
    let spots = side_by_side(ordered.iter().map(|(exhibit, ..)| {
        let size = exhibit.model().bounds.size();
        size.x.max(size.z)
    }));
    let mut bounds = Bounds::EMPTY;
    for (at, ((exhibit, slot, spot, playing), place)) in ordered.iter_mut().zip(spots).enumerate() {
        slot.set_if_neq(Slot(at));
        spot.set_if_neq(Spot(place));
        playing.set_if_neq(if at == 0 {
            plays_of_itself(exhibit)
        } else {
            Playing::default()
        });
        add_bounds(&mut bounds, exhibit, place, &exploded);
    }
    let single = ordered.len() == 1;
    let Some((first, ..)) = ordered.first() else {
        return;
    };
    let manifest = &first.product().manifest;
    let mut home = Pose::of(&manifest.camera, bounds.centre());
    if single {
        lamps.studio = manifest.environment;
        lamps.exposure = manifest.exposure;
    } else {
        home = Pose {
            azimuth: 0.0,
            distance: 1.0,
            target: bounds.centre(),
            ..home
        };
    }
    orbit.turned = 0.0;
    orbit.look_at(bounds, home, way.share < 0.5 || comes_at_once(&live, &view));
}

/// The animation that a product shows from the start, if it has one.
fn plays_of_itself(exhibit: &Exhibit) -> Playing {
    let wanted = exhibit.product().manifest.animation.as_ref();
    let mut animations = exhibit.model().animations.iter();
    let index = wanted.and_then(|name| animations.position(|animation| animation.name == *name));
    index.map_or_else(Playing::default, |index| Playing {
        index,
        secs: 0.0,
        on: true,
    })
}

/// Where exhibits of these widths stand: one in the middle, two beside each other.
fn side_by_side(widths: impl Iterator<Item = f32>) -> Vec<Vec3> {
    let widths: Vec<f32> = widths.collect();
    match widths.as_slice() {
        [one, other] => {
            let gap = (one + other) * APART;
            vec![Vec3::X * -gap * 0.5, Vec3::X * gap * 0.5]
        }
        _ => vec![Vec3::ZERO; widths.len()],
    }
}
