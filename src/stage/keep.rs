//! The planet kept: where a rasteriser on the CPU draws, the planet and the sky are drawn again only when that
//! could be seen, and copied into the frames between.
//!
//! A second camera draws them, on a layer of their own, into the texture that the globe's camera then goes on with. What
//! glows on the planet is drawn in every frame.

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{CameraMainTextureUsages, CameraOutputMode, RenderTarget};
use bevy::core_pipeline::Core3dSystems;
use bevy::core_pipeline::schedule::Core3d;
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::extract_component::{ExtractComponent, ExtractComponentPlugin};
use bevy::render::render_resource::{
    BlendState, Texture, TextureDescriptor, TextureDimension, TextureFormat, TextureUsages,
};
use bevy::render::renderer::{RenderContext, ViewQuery};
use bevy::render::view::ViewTarget;

use crate::DisplaySystems;
use crate::globe::camera::Sight;
use crate::globe::{GlobeCamera, PLANET_LAYER, PlanetLook};
use crate::quality::{Budget, Quality};
use crate::view::{Live, View};

/// The planet is drawn again when a point of it moved so far, in pixels.
const MOVED_PX: f32 = 0.4;
/// The planet is drawn again after this long in any case, in seconds.
const MAX_AGE_SECS: f32 = 1.0;

/// What a camera does with the cached planet.
#[derive(Component, ExtractComponent, Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    /// Draws the planet, for others to go on with.
    Draw,
    /// Goes on from the planet that was drawn in this frame.
    Continue,
    /// Goes on from the planet that was drawn earlier.
    Copy,
}

/// What the kept planet shows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    sight: Sight,
    look: u64,
    at_secs: f32,
    size: UVec2,
}

impl Shown {
    /// Whether one could tell a planet like this from one like `now`.
    fn differs(&self, now: &Self) -> bool {
        self.look != now.look
            || self.size != now.size
            || now.at_secs - self.at_secs >= MAX_AGE_SECS
            || moved_px(&self.sight, &now.sight) >= MOVED_PX
    }
}

/// How far the planet's nearest points moved on the screen.
fn moved_px(then: &Sight, now: &Sight) -> f32 {
    [now.back, now.right, now.up, -now.right, -now.up]
        .into_iter()
        // Points a little this side of the limb, and the middle.
        .map(|towards| (towards + now.back * 0.5).normalize_or_zero())
        .map(|point| then.project(point).0.distance(now.project(point).0))
        .fold(0.0, f32::max)
}

/// Decides which camera draws what in this frame.
fn keep_planet(
    mut commands: Commands,
    time: Res<Time<Real>>,
    live: Res<Live>,
    view: Res<View>,
    budget: Res<Budget>,
    look: Res<PlanetLook>,
    sight: Res<Sight>,
    mut shown: Local<Option<Shown>>,
    mut globes: Query<
        (
            Entity,
            &mut Camera,
            &Transform,
            &Projection,
            Option<&RenderTarget>,
            Option<&Reuse>,
        ),
        (With<GlobeCamera>, Without<PlanetCamera>),
    >,
    mut planets: Query<(Entity, &mut Camera, &mut Transform), (With<PlanetCamera>, Without<GlobeCamera>)>,
) {
    let Ok((globe, mut globe_camera, transform, projection, target, kept)) = globes.single_mut() else {
        return;
    };
    let wanted = live.0 && view.quality == Quality::Software && budget.scale >= 1.0;
    let planet = planets.single_mut().ok();
    if !wanted {
        if kept.is_some() {
            *shown = None;
            globe_camera.clear_color = ClearColorConfig::Default;
            globe_camera.output_mode = CameraOutputMode::default();
            commands
                .entity(globe)
                .remove::<Reuse>()
                .insert(RenderLayers::from_layers(&[0, PLANET_LAYER]));
        }
        if let Some((planet, ..)) = planet {
            commands.entity(planet).despawn();
        }
        return;
    }
    let Some((_, mut planet_camera, mut planet_transform)) = planet else {
        let usages = CameraMainTextureUsages::default().with(TextureUsages::COPY_DST);
        commands.spawn((
            PlanetCamera,
            Reuse::Draw,
            Camera3d::default(),
            Camera {
                order: -1,
                is_active: false,
                output_mode: CameraOutputMode::Skip,
                sub_camera_view: globe_camera.sub_camera_view,
                ..default()
            },
            target.cloned().unwrap_or_default(),
            projection.clone(),
            *transform,
            Msaa::Off,
            Tonemapping::None,
            DebandDither::Disabled,
            RenderLayers::layer(PLANET_LAYER),
            usages,
        ));
        commands.entity(globe).insert(usages);
        return;
    };
    let now = Shown {
        sight: *sight,
        look: look.revision,
        at_secs: time.elapsed_secs(),
        size: globe_camera.physical_target_size().unwrap_or_default(),
    };
    let draw = shown.is_none_or(|shown| shown.differs(&now));
    if draw {
        *shown = Some(now);
        planet_transform.set_if_neq(*transform);
        if planet_camera.sub_camera_view != globe_camera.sub_camera_view {
            planet_camera.sub_camera_view = globe_camera.sub_camera_view;
        }
    }
    if planet_camera.is_active != draw {
        planet_camera.is_active = draw;
    }
    let role = if draw { Reuse::Continue } else { Reuse::Copy };
    if kept.is_none() {
        globe_camera.clear_color = ClearColorConfig::None;
        globe_camera.output_mode = CameraOutputMode::Write {
            blend_state: Some(BlendState::REPLACE),
            clear_color: ClearColorConfig::None,
        };
        commands.entity(globe).insert(RenderLayers::layer(0));
    }
    if kept != Some(&role) {
        commands.entity(globe).insert(role);
    }
}

/// The camera that draws the planet.
#[derive(Component)]
struct PlanetCamera;

/// The planet as it was drawn last.
#[derive(Resource, Default)]
struct Kept(Option<(Texture, TextureFormat)>);

/// Keeps what the planet's camera drew.
fn keep(view: ViewQuery<(&ViewTarget, &Reuse)>, mut kept: ResMut<Kept>, mut context: RenderContext) {
    let (target, role) = view.into_inner();
    if *role != Reuse::Draw {
        return;
    }
    let (from, format) = (target.main_texture(), target.main_texture_format());
    let fits = |(texture, of): &(Texture, TextureFormat)| texture.size() == from.size() && *of == format;
    if !kept.0.as_ref().is_some_and(fits) {
        let texture = context.render_device().create_texture(&TextureDescriptor {
            label: Some("kept planet"),
            size: from.size(),
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format,
            usage: TextureUsages::COPY_SRC | TextureUsages::COPY_DST,
            view_formats: &[],
        });
        kept.0 = Some((texture, format));
    }
    if let Some((to, _)) = &kept.0 {
        let size = from.size();
        context
            .command_encoder()
            .copy_texture_to_texture(from.as_image_copy(), to.as_image_copy(), size);
    }
}

/// Puts the kept planet under what is drawn next.
fn put(view: ViewQuery<(&ViewTarget, &Reuse)>, kept: Res<Kept>, mut context: RenderContext) {
    let (target, role) = view.into_inner();
    let to = target.main_texture();
    if *role == Reuse::Copy
        && let Some((from, format)) = &kept.0
        && from.size() == to.size()
        && *format == target.main_texture_format()
    {
        let size = to.size();
        context
            .command_encoder()
            .copy_texture_to_texture(from.as_image_copy(), to.as_image_copy(), size);
    }
}

/// The kept planet.
pub fn plugin(app: &mut App) {
    app.add_plugins(ExtractComponentPlugin::<Reuse>::default())
        .add_systems(Update, keep_planet.after(DisplaySystems::Follow));
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        render.init_resource::<Kept>().add_systems(
            Core3d,
            (
                put.before(Core3dSystems::Prepass),
                keep.after(Core3dSystems::MainPass)
                    .before(Core3dSystems::EarlyPostProcess),
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::globe::camera::Pose;
    use crate::layout::Layout;

    #[test]
    fn a_planet_is_drawn_again_when_it_could_be_seen() {
        let layout = Layout::for_size(Vec2::new(1280.0, 720.0));
        let shown = |lon_deg: f32, look: u64, at_secs: f32| Shown {
            sight: Sight::new(
                Pose {
                    lon_deg,
                    ..Pose::HOME
                },
                &layout,
            ),
            look,
            at_secs,
            size: UVec2::new(1280, 720),
        };
        let then = shown(100.0, 1, 0.0);
        assert!(!then.differs(&shown(100.0, 1, 0.5)));
        assert!(!then.differs(&shown(100.02, 1, 0.5)));
        assert!(then.differs(&shown(100.2, 1, 0.5)));
        assert!(then.differs(&shown(100.0, 2, 0.5)));
        assert!(then.differs(&shown(100.0, 1, 1.5)));
        let wider = Shown {
            size: UVec2::new(1920, 720),
            ..then
        };
        assert!(then.differs(&wider));
    }
}
