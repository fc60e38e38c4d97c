//! The showroom's cameras, and the pictures that they draw for the panels.

use bevy::anti_alias::fxaa::Fxaa;
use bevy::camera::visibility::RenderLayers;
use bevy::camera::{ImageRenderTarget, RenderTarget};
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::pbr::{ScreenSpaceTransmission, ScreenSpaceTransmissionQuality};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;

use super::ar::Ar;
use super::exhibit::Exhibits;
use super::eye::{Eyepiece, Side};
use super::orbit::Orbit;
use super::place::Place;
use super::{GROUND_LAYER, SHOWROOM_LAYER, Viewing, Way};
use crate::layout::Layout;
use crate::quality::{Budget, Quality};
use crate::view::View;

/// A camera of the showroom: for the left eye, or the only one; or for the right eye.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct ShowroomCamera(pub Side);

/// The product's picture for each eye, for the panels to lay over the globe.
#[derive(Resource, Debug, Clone, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct ProductPicture {
    /// The left eye's, or the only one; the right eye's.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub images: [Handle<Image>; 2],
    /// Their size in pixels; zero before there is any.
    pub size: UVec2,
}

pub(super) fn spawn_cameras(mut commands: Commands, mut images: ResMut<Assets<Image>>) {
    // A camera needs a target even while it rests.
    let nothing = images.add(Image::new_target_texture(
        4,
        4,
        TextureFormat::Rgba8UnormSrgb,
        None,
    ));
    for (side, order) in [(Side::Left, -3), (Side::Right, -2)] {
        commands.spawn((
            ShowroomCamera(side),
            Camera3d::default(),
            ScreenSpaceTransmission {
                steps: 2,
                quality: ScreenSpaceTransmissionQuality::Low,
            },
            Camera {
                order,
                is_active: false,
                clear_color: ClearColorConfig::Custom(Color::NONE),
                ..default()
            },
            RenderTarget::Image(ImageRenderTarget::from(nothing.clone())),
            Projection::custom(Eyepiece {
                clip_from_view: Mat4::perspective_infinite_reverse_rh(0.5, 1.0, 0.01),
            }),
            Transform::from_xyz(0.0, 0.0, 1.0),
            Msaa::Sample4,
            Tonemapping::None,
            DebandDither::Disabled,
            RenderLayers::from_layers(&[SHOWROOM_LAYER, GROUND_LAYER]),
        ));
    }
}

/// Something of the products is to be seen.
pub(super) fn is_pictured(way: Res<Way>, exhibits: Exhibits) -> bool {
    way.share > 0.0 && !exhibits.is_empty()
}

/// The pictures have the size of their places.
pub(super) fn size_pictures(
    mut commands: Commands,
    budget: Res<Budget>,
    layout: Res<Layout>,
    viewing: Res<Viewing>,
    ar: Res<Ar>,
    windows: Query<&Window, With<bevy::window::PrimaryWindow>>,
    mut picture: ResMut<ProductPicture>,
    mut images: ResMut<Assets<Image>>,
    cameras: Query<(Entity, &ShowroomCamera)>,
) {
    let per_point = windows.single().map_or(1.0, Window::scale_factor);
    let [rect, _] = Place::new(layout.size).pictures(viewing.stereo, ar.aspect());
    let size = Place::pixels(rect, per_point, budget.scale);
    if picture.size == size {
        return;
    }
    picture.size = size;
    picture.images = [(); 2].map(|()| {
        let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None);
        image.sampler = bevy::image::ImageSampler::linear();
        images.add(image)
    });
    let [left, right] = &picture.images;
    for (entity, ShowroomCamera(side)) in &cameras {
        let image = if *side == Side::Left { left } else { right };
        commands
            .entity(entity)
            .insert(RenderTarget::Image(ImageRenderTarget::from(image.clone())));
    }
}

/// The cameras are where the eyes are.
pub(super) fn aim_cameras(
    mut commands: Commands,
    view: Res<View>,
    way: Res<Way>,
    exhibits: Exhibits,
    viewing: Res<Viewing>,
    orbit: Res<Orbit>,
    ar: Res<Ar>,
    mut cameras: Query<(
        Entity,
        &ShowroomCamera,
        &mut Camera,
        &mut Transform,
        &mut Projection,
        &mut Msaa,
    )>,
) {
    let any = is_pictured(way, exhibits);
    let focus = viewing
        .eye
        .transform
        .translation
        .distance(if ar.on { Vec3::ZERO } else { orbit.now.target });
    for (entity, ShowroomCamera(side), mut camera, mut transform, mut projection, mut msaa) in &mut cameras {
        let active = any && (*side == Side::Left || viewing.stereo.is_some());
        if camera.is_active != active {
            camera.is_active = active;
        }
        if !active {
            continue;
        }
        // Where a CPU draws, edges are smoothed in the picture; elsewhere where they are drawn.
        let lean = view.quality == Quality::Software;
        let wanted = if lean { Msaa::Off } else { Msaa::Sample4 };
        if *msaa != wanted {
            *msaa = wanted;
            if lean {
                commands.entity(entity).insert(Fxaa::default());
            } else {
                commands.entity(entity).remove::<Fxaa>();
            }
        }
        let eye = match viewing.stereo {
            None => viewing.eye,
            Some(_) => viewing.eye.aside(*side, focus),
        };
        transform.set_if_neq(eye.transform);
        if let Projection::Custom(custom) = &mut *projection
            && let Some(eyepiece) = custom.get_mut::<Eyepiece>()
            && eyepiece.clip_from_view != eye.clip_from_view
        {
            eyepiece.clip_from_view = eye.clip_from_view;
        }
    }
}
