//! Products come and go: what is wanted is loaded, what has come is put up, what isn't wanted any more is taken away.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;

use super::lamps::Lamps;
use super::material::{Lighting, Richness};
use super::orbit::{Orbit, Pose};
use super::prepare::{Loading, Prepared};
use super::stand::{self, PartOf, Waits};
use super::{Playing, Showroom, Stand};
use crate::link::Inbox;
use crate::quality::Quality;
use crate::view::{Live, Screen, View};
use meridian_wire::Level;

/// How long a product takes to come or go, in seconds.
const CHANGE_SECS: f32 = 0.5;
/// Distance of two products side by side, as a share of their widths together.
const APART: f32 = 0.62;

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

/// Products on their way.
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
}

/// How what has come is put up.
struct Looks {
    lighting: Lighting,
    richness: Richness,
    /// It may come into view over several frames.
    live: bool,
    /// It is there at once, and doesn't grow.
    at_once: bool,
}

fn richness(view: &View) -> Richness {
    if view.quality >= Quality::High {
        Richness::Full
    } else {
        Richness::Lean
    }
}

/// Loads what is wanted and not there, and takes what has come.
pub(super) fn bring_products(
    view: Res<View>,
    live: Res<Live>,
    time: Res<Time>,
    adapter: Option<Res<RenderAdapterInfo>>,
    mut showroom: ResMut<Showroom>,
    mut arrivals: ResMut<Arrivals>,
    mut inbox: ResMut<Inbox>,
    mut images: ResMut<Assets<Image>>,
) {
    // A rasteriser on the CPU walks every texel under a slanted pixel: minutes, where a texture is stretched.
    let by_cpu = adapter
        .as_ref()
        .is_some_and(|adapter| adapter.device_type == wgpu::DeviceType::Cpu);
    load_wanted(
        &showroom,
        &mut arrivals,
        view.quality != Quality::Software && !by_cpu,
    );
    show_poster(&showroom, &mut arrivals, time.delta_secs(), &mut images);
    take_arrived(&mut showroom, &mut arrivals, !live.0, &mut inbox);
}

/// Begins to load what is wanted and not there. `sharp`: pictures are filtered finely where they are seen at an angle.
fn load_wanted(showroom: &Showroom, arrivals: &mut Arrivals, sharp: bool) {
    let wanted = &showroom.wanted;
    arrivals.loading.retain(|loading| wanted.contains(&loading.id));
    arrivals
        .arrived
        .retain(|prepared| wanted.contains(&prepared.product.id));
    for id in wanted {
        let there = showroom
            .stands
            .iter()
            .any(|stand| stand.prepared.product.id == *id)
            || arrivals.loading.iter().any(|loading| loading.id == *id)
            || arrivals.arrived.iter().any(|prepared| prepared.product.id == *id);
        if !there
            && showroom.problem.is_none()
            && let Some(product) = showroom.shelf.product(id)
        {
            arrivals.loading.push(Loading::start(product.clone(), sharp));
        }
    }
}

/// A product's poster comes in, and goes once the product stands there.
fn show_poster(showroom: &Showroom, arrivals: &mut Arrivals, delta_secs: f32, images: &mut Assets<Image>) {
    let wanted = showroom.wanted.as_slice();
    // One beside another has no poster: where it will stand isn't known before it is there.
    if let [only] = wanted {
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
        let stand = showroom.stands.first();
        stand.is_some_and(|stand| stand.prepared.product.id == *id && stand.share >= 1.0)
    };
    let step = delta_secs / CHANGE_SECS;
    arrivals.poster = arrivals
        .poster
        .take()
        .filter(|poster| wanted == [poster.id.as_str()] && !stands(&poster.id) && showroom.problem.is_none())
        .map(|poster| Poster {
            share: (poster.share + step).min(1.0),
            ..poster
        });
}

/// Takes what was loaded. `wait`: not before it is.
fn take_arrived(showroom: &mut Showroom, arrivals: &mut Arrivals, wait: bool, inbox: &mut Inbox) {
    let mut arrived = Vec::new();
    let mut problem = None;
    arrivals.loading.retain(|loading| match loading.take(wait) {
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
            format!("The product can't be shown: {problem}"),
            format!("无法展示该商品：{problem}"),
        );
        showroom.problem = Some(problem);
        showroom.wanted.truncate(1);
    }
}

/// Takes away what isn't wanted any more, puts up what has come.
pub(super) fn change_stands(
    mut commands: Commands,
    time: Res<Time>,
    view: Res<View>,
    screen: Res<State<Screen>>,
    live: Res<Live>,
    waiting: Query<&PartOf, With<Waits>>,
    mut showroom: ResMut<Showroom>,
    mut arrivals: ResMut<Arrivals>,
    mut lamps: ResMut<Lamps>,
    mut orbit: ResMut<Orbit>,
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
            if !waiting.iter().any(|part| part.stand == stand.entity) {
                stand.share = (stand.share + delta).min(1.0);
            }
            return true;
        }
        stand.share -= delta;
        if stand.share <= 0.0 || gone_for_good {
            commands.entity(stand.entity).despawn();
            commands.entity(stand.ground).despawn();
            return false;
        }
        true
    });
    let all_there = wanted.iter().all(|id| {
        showroom
            .stands
            .iter()
            .any(|stand| stand.prepared.product.id == *id)
            || arrivals.arrived.iter().any(|prepared| prepared.product.id == *id)
    });
    let clear = showroom
        .stands
        .iter()
        .all(|stand| wanted.contains(&stand.prepared.product.id));
    let Some(lighting) = lamps.lighting.clone().filter(|_| all_there && clear) else {
        return;
    };
    put_up(
        showroom,
        &mut arrivals,
        &mut commands,
        &mut assets,
        &Looks {
            lighting,
            richness: richness(&view),
            live: live.0,
            at_once,
        },
    );
    if showroom.fresh_view && !showroom.stands.is_empty() {
        showroom.fresh_view = false;
        set_side_by_side(showroom);
        look_from_home(showroom, &mut orbit, &mut lamps, at_once);
    }
}

/// Puts up what has come, in the order in which it is wanted.
fn put_up(
    showroom: &mut Showroom,
    arrivals: &mut Arrivals,
    commands: &mut Commands,
    assets: &mut stand::Stores,
    looks: &Looks,
) {
    if arrivals.arrived.is_empty() {
        return;
    }
    for prepared in std::mem::take(&mut arrivals.arrived) {
        let (entity, ground) = stand::spawn(
            commands,
            assets,
            &prepared,
            &looks.lighting,
            looks.richness,
            !looks.live,
        );
        showroom.stands.push(Stand {
            prepared,
            entity,
            ground,
            variant: None,
            offset: Vec3::ZERO,
            share: if looks.at_once { 1.0 } else { 0.0 },
            swings: arrivals.poster.is_none(),
        });
    }
    let wanted = &showroom.wanted;
    showroom
        .stands
        .sort_by_key(|stand| wanted.iter().position(|id| *id == stand.prepared.product.id));
}

/// What stands there anew is seen from its home, in its own studio and with its own animation.
fn look_from_home(showroom: &mut Showroom, orbit: &mut Orbit, lamps: &mut Lamps, at_once: bool) {
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
        lamps.studio = manifest.environment;
        lamps.exposure = manifest.exposure;
    }
    orbit.turned = 0.0;
    orbit.look_at(bounds, home, showroom.share < 0.5 || at_once);
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

/// One stands in the middle, two beside each other.
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
