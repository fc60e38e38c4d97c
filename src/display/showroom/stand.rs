//! What stands in the showroom: the camera, the ground, the products' nodes, and the light on them.

use std::collections::HashMap;
use std::sync::Arc;

use bevy::camera::visibility::{NoFrustumCulling, RenderLayers};
use bevy::camera::{ImageRenderTarget, RenderTarget};
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::ecs::system::SystemParam;
use bevy::mesh::morph::{MeshMorphWeights, MorphWeights};
use bevy::mesh::skinning::{SkinnedMesh, SkinnedMeshInverseBindposes};
use bevy::pbr::{ScreenSpaceTransmission, ScreenSpaceTransmissionQuality};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use crossbeam_channel::Receiver;

use super::material::{GroundMaterial, GroundParams, Lighting, ProductMaterial, Richness};
use super::orbit::FOV_DEG;
use super::place::Place;
use super::prepare::{PartKey, PictureKey, Prepared, light_map, shadow_map};
use super::{SHOWROOM_LAYER, Showroom};
use crate::display::DisplaySystems;
use crate::display::stage::keep::MayKeep;
use crate::display::theme::light;
use crate::display::view::{Budget, Layout, Quality, View};
use crate::product::model::Trs;
use crate::product::studio::{Lights, Name, Studio};
use crate::product::{Model, animate};

/// The ground reaches so many times as far as the product.
const GROUND_REACH: f32 = 2.6;

/// Where meshes and their like are put.
#[derive(SystemParam)]
pub struct Stores<'w> {
    meshes: ResMut<'w, Assets<Mesh>>,
    images: ResMut<'w, Assets<Image>>,
    surfaces: ResMut<'w, Assets<ProductMaterial>>,
    grounds: ResMut<'w, Assets<GroundMaterial>>,
    binds: ResMut<'w, Assets<SkinnedMeshInverseBindposes>>,
}

/// What was spawned for a product.
pub struct Spawned {
    /// Stands on the turntable; everything else is below it.
    pub root: Entity,
    /// For each of the model's nodes.
    pub nodes: Vec<Entity>,
    /// Each part that is drawn: the entity, its node, mesh and primitive.
    pub parts: Vec<(Entity, usize, usize, usize)>,
    /// For each of the model's materials, plain and with the openness of vertices.
    pub materials: Vec<[Option<Handle<ProductMaterial>>; 2]>,
    /// The ground's entity and surface.
    pub ground: Entity,
    /// See `ground`.
    pub ground_surface: Handle<GroundMaterial>,
    /// The variant that the parts are in.
    shown: Option<usize>,
}

impl Spawned {
    /// Takes it all away.
    pub fn despawn(&self, commands: &mut Commands) {
        commands.entity(self.root).despawn();
        commands.entity(self.ground).despawn();
    }
}

fn transform(trs: &Trs) -> Transform {
    Transform {
        translation: trs.translation,
        rotation: trs.rotation,
        scale: trs.scale,
    }
}

/// Puts a product up.
pub fn spawn(
    commands: &mut Commands,
    stores: &mut Stores,
    prepared: &Arc<Prepared>,
    lighting: &Lighting,
    richness: Richness,
) -> Spawned {
    let model = &prepared.model;
    let layer = RenderLayers::layer(SHOWROOM_LAYER);
    let pictures: HashMap<PictureKey, Handle<Image>> = prepared
        .pictures
        .iter()
        .map(|(key, image)| (*key, stores.images.add(image.clone())))
        .collect();
    let meshes: HashMap<PartKey, Handle<Mesh>> = prepared
        .parts
        .iter()
        .map(|(key, mesh)| (*key, stores.meshes.add(mesh.clone())))
        .collect();
    let opens = |wanted: bool| {
        model
            .meshes
            .iter()
            .flat_map(|mesh| &mesh.primitives)
            .any(|primitive| primitive.occlusion.is_empty() != wanted)
    };
    let (any_plain, any_open) = (opens(false), opens(true));
    let materials: Vec<[Option<Handle<ProductMaterial>>; 2]> = model
        .materials
        .iter()
        .map(|surface| {
            let mut make = |open: bool| {
                let image = |texture: &_, srgb| pictures.get(&PictureKey::of(texture, srgb)).cloned();
                stores
                    .surfaces
                    .add(ProductMaterial::new(surface, lighting, richness, open, image))
            };
            [any_plain.then(|| make(false)), any_open.then(|| make(true))]
        })
        .collect();
    let root = commands
        .spawn((Transform::default(), Visibility::Hidden, layer.clone()))
        .id();
    let worlds = model.worlds(&model.rest());
    let nodes: Vec<Entity> = model
        .nodes
        .iter()
        .map(|node| {
            commands
                .spawn((
                    Name_(node.name.clone()),
                    transform(&node.rest),
                    Visibility::Inherited,
                ))
                .id()
        })
        .collect();
    for (node, entity) in model.nodes.iter().zip(&nodes) {
        let parent = node
            .parent
            .and_then(|parent| nodes.get(parent))
            .copied()
            .unwrap_or(root);
        commands.entity(*entity).insert(ChildOf(parent));
    }
    let skins: Vec<SkinnedMesh> = model
        .skins
        .iter()
        .map(|skin| SkinnedMesh {
            inverse_bindposes: stores
                .binds
                .add(SkinnedMeshInverseBindposes::from(skin.inverse_bind.clone())),
            joints: skin
                .joints
                .iter()
                .filter_map(|joint| nodes.get(*joint))
                .copied()
                .collect(),
        })
        .collect();
    let mut parts = Vec::new();
    for (at, (node, world)) in model.nodes.iter().zip(&worlds).enumerate() {
        let (Some(mesh_at), Some(entity)) = (node.mesh, nodes.get(at)) else {
            continue;
        };
        let Some(mesh) = model.meshes.get(mesh_at) else {
            continue;
        };
        let mirrored = world.determinant() < 0.0 && node.skin.is_none();
        if !node.weights.is_empty()
            && let Ok(weights) = MorphWeights::new(node.weights.clone(), None)
        {
            commands.entity(*entity).insert(weights);
        }
        for (part, primitive) in mesh.primitives.iter().enumerate() {
            let (Some(handle), Some(surface)) = (
                meshes.get(&(mesh_at, part, mirrored)),
                material_of(&materials, primitive.material, !primitive.occlusion.is_empty()),
            ) else {
                continue;
            };
            let mut drawn = commands.spawn((
                Mesh3d(handle.clone()),
                MeshMaterial3d(surface),
                Transform::default(),
                NoFrustumCulling,
                layer.clone(),
                ChildOf(*entity),
            ));
            if let Some(skin) = node
                .skin
                .and_then(|skin| skins.get(skin))
                .filter(|_| !primitive.joints.is_empty())
            {
                drawn.insert(skin.clone());
            }
            if !primitive.morphs.is_empty() {
                drawn.insert(MeshMorphWeights::Reference(*entity));
            }
            parts.push((drawn.id(), at, mesh_at, part));
        }
    }
    let shadow = stores.images.add(shadow_map(&prepared.contact));
    let ground_surface = stores.grounds.add(GroundMaterial {
        params: GroundParams {
            pool: Vec4::ZERO,
            rim: Vec4::ZERO,
            shadow: Vec4::ONE,
            line: Vec4::ZERO,
        },
        shadow: Some(shadow),
    });
    let ground = commands
        .spawn((
            Mesh3d(stores.meshes.add(Plane3d::new(Vec3::Y, Vec2::ONE).mesh().build())),
            MeshMaterial3d(ground_surface.clone()),
            Transform::default(),
            Visibility::Hidden,
            NoFrustumCulling,
            layer,
        ))
        .id();
    Spawned {
        root,
        nodes,
        parts,
        materials,
        ground,
        ground_surface,
        shown: None,
    }
}

/// A node's name, for people who look into a running display.
#[derive(Component)]
#[expect(dead_code, reason = "read by those who look into a running display")]
struct Name_(String);

fn material_of(
    materials: &[[Option<Handle<ProductMaterial>>; 2]],
    at: usize,
    open: bool,
) -> Option<Handle<ProductMaterial>> {
    let [plain, opened] = materials.get(at).or_else(|| materials.last())?;
    if open { opened.clone() } else { plain.clone() }
}

/// The camera of the showroom.
#[derive(Component)]
pub struct ShowroomCamera;

/// The product's picture, for the panels to lay over the globe.
#[derive(Resource, Debug, Clone, Default)]
pub struct ProductPicture {
    /// The picture.
    pub image: Handle<Image>,
    /// Its size in pixels.
    pub size: UVec2,
}

fn spawn_camera(mut commands: Commands) {
    commands.spawn((
        ShowroomCamera,
        Camera3d::default(),
        ScreenSpaceTransmission {
            steps: 2,
            quality: ScreenSpaceTransmissionQuality::Low,
        },
        Camera {
            order: -2,
            is_active: false,
            clear_color: ClearColorConfig::Custom(Color::NONE),
            ..default()
        },
        RenderTarget::None {
            size: UVec2::splat(16),
        },
        Projection::Perspective(PerspectiveProjection {
            fov: FOV_DEG.to_radians(),
            ..default()
        }),
        Transform::from_xyz(0.0, 0.0, 1.0),
        Msaa::Off,
        Tonemapping::None,
        DebandDither::Disabled,
        RenderLayers::layer(SHOWROOM_LAYER),
    ));
}

/// The picture has the size of its place, and the camera is where the orbit has it.
fn aim_camera(
    mut commands: Commands,
    view: Res<View>,
    budget: Res<Budget>,
    layout: Res<Layout>,
    showroom: Res<Showroom>,
    windows: Query<&Window, With<bevy::window::PrimaryWindow>>,
    mut picture: ResMut<ProductPicture>,
    mut images: ResMut<Assets<Image>>,
    mut cameras: Query<
        (Entity, &mut Camera, &mut Transform, &mut Projection, &mut Msaa),
        With<ShowroomCamera>,
    >,
) {
    let Ok((entity, mut camera, mut transform, mut projection, mut msaa)) = cameras.single_mut() else {
        return;
    };
    let active = showroom.share > 0.0 && !showroom.stands.is_empty();
    if camera.is_active != active {
        camera.is_active = active;
    }
    if !active {
        return;
    }
    let per_point = windows.single().map_or(1.0, Window::scale_factor);
    let place = Place::new(layout.size);
    let size = place.pixels(per_point, budget.scale);
    if picture.size != size {
        let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None);
        image.sampler = bevy::image::ImageSampler::linear();
        picture.image = images.add(image);
        picture.size = size;
        commands
            .entity(entity)
            .insert(RenderTarget::Image(ImageRenderTarget::from(
                picture.image.clone(),
            )));
    }
    let wanted = if view.quality == Quality::Software {
        Msaa::Off
    } else {
        Msaa::Sample4
    };
    if *msaa != wanted {
        *msaa = wanted;
    }
    let aspect = size.x as f32 / size.y as f32;
    let placed = showroom.orbit.transform(aspect);
    transform.set_if_neq(placed);
    let reach = showroom.orbit.bounds.radius();
    let distance = placed.translation.distance(showroom.orbit.bounds.centre());
    if let Projection::Perspective(perspective) = &mut *projection {
        let near = (distance - reach * 3.2).max(reach * 0.02);
        let far = distance + reach * 8.0;
        if (perspective.near - near).abs() > near * 0.01 || (perspective.far - far).abs() > far * 0.01 {
            perspective.near = near;
            perspective.far = far;
        }
    }
}

/// Studios that were worked out, and the one on its way.
#[derive(Resource, Default)]
struct Studios {
    ready: HashMap<Name, Lighting>,
    coming: Option<(Name, Receiver<Studio>)>,
    /// The light that the products are in now.
    shown: Option<(Name, f32)>,
}

/// Works the wanted studio out beside the display, and puts the products into its light.
fn light_products(
    view: Res<View>,
    may: Option<Res<MayKeep>>,
    mut showroom: ResMut<Showroom>,
    mut studios: ResMut<Studios>,
    mut images: ResMut<Assets<Image>>,
    mut surfaces: ResMut<Assets<ProductMaterial>>,
) {
    if !view.showroom && showroom.share == 0.0 {
        return;
    }
    let wait = !may.is_some_and(|may| may.0);
    let wanted = showroom.studio;
    if !studios.ready.contains_key(&wanted) && studios.coming.is_none() {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let spawned = std::thread::Builder::new()
            .name("studio".to_owned())
            .spawn(move || {
                // The display may have ended meanwhile.
                let _ = sender.send(Studio::new(&Lights::of(wanted)));
            });
        if let Err(error) = spawned {
            error!("no thread for the studio: {error}");
        }
        studios.coming = Some((wanted, receiver));
    }
    let came = studios.coming.as_ref().and_then(|(name, receiver)| {
        let studio = if wait {
            receiver.recv().ok()
        } else {
            receiver.try_recv().ok()
        };
        studio.map(|studio| (*name, studio))
    });
    if let Some((name, studio)) = came {
        let lighting = Lighting {
            map: images.add(light_map(&studio)),
            harmonics: studio.harmonics.map(|sh| sh.extend(0.0)),
            intensity: 1.0,
            turn: 0.0,
        };
        studios.ready.insert(name, lighting);
        studios.coming = None;
    }
    let Some(lighting) = studios.ready.get(&wanted) else {
        return;
    };
    let state = (wanted, showroom.exposure);
    if studios.shown == Some(state) && showroom.lighting.is_some() {
        return;
    }
    let lighting = Lighting {
        intensity: showroom.exposure,
        ..lighting.clone()
    };
    for stand in &showroom.stands {
        for handle in stand.spawned.materials.iter().flatten().flatten() {
            if let Some(mut surface) = surfaces.get_mut(handle) {
                surface.light_by(&lighting);
            }
        }
    }
    showroom.lighting = Some(lighting);
    studios.shown = Some(state);
}

/// How a model's nodes stand now.
pub fn posed(model: &Model, showroom: &Showroom, first: bool) -> (Vec<Trs>, Vec<Vec<f32>>) {
    let mut local = model.rest();
    let mut weights: Vec<Vec<f32>> = model.nodes.iter().map(|node| node.weights.clone()).collect();
    if first && let Some(animation) = model.animations.get(showroom.playing.index) {
        let moves = showroom.playing.on || showroom.playing.secs > 0.0;
        if moves {
            animate::pose(animation, showroom.playing.secs, &mut local, &mut weights);
        }
    }
    let open = showroom.open;
    animate::explode(model, open * open * (3.0 - 2.0 * open), &mut local);
    (local, weights)
}

/// Nodes, surfaces and ground follow the showroom.
fn move_products(
    mut showroom: ResMut<Showroom>,
    mut grounds: ResMut<Assets<GroundMaterial>>,
    mut transforms: Query<&mut Transform, Without<ShowroomCamera>>,
    mut visibilities: Query<&mut Visibility>,
    mut weights: Query<&mut MorphWeights>,
    mut surfaces: Query<&mut MeshMaterial3d<ProductMaterial>>,
) {
    if showroom.share == 0.0 && showroom.stands.is_empty() {
        return;
    }
    let poses: Vec<_> = showroom
        .stands
        .iter()
        .enumerate()
        .map(|(at, stand)| posed(&stand.prepared.model, &showroom, at == 0))
        .collect();
    let turned = showroom.orbit.turned;
    let open = showroom.open;
    let single = showroom.stands.len() == 1;
    for (stand, (local, morphs)) in showroom.stands.iter_mut().zip(poses) {
        let model = &stand.prepared.model;
        // It comes up from a little below and turns in.
        let eased = stand.share * stand.share * (3.0 - 2.0 * stand.share);
        let arrival = Quat::from_rotation_y(turned - (1.0 - eased) * 0.9);
        let bounds = model.bounds;
        let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
        let size = 0.82 + 0.18 * eased;
        if let Ok(mut root) = transforms.get_mut(stand.spawned.root) {
            let placed = Transform {
                translation: stand.offset + pivot - arrival * (pivot * size),
                rotation: arrival,
                scale: Vec3::splat(size),
            };
            root.set_if_neq(placed);
        }
        for entity in [stand.spawned.root, stand.spawned.ground] {
            if let Ok(mut visibility) = visibilities.get_mut(entity) {
                visibility.set_if_neq(if stand.share > 0.0 {
                    Visibility::Inherited
                } else {
                    Visibility::Hidden
                });
            }
        }
        for ((entity, trs), morphs) in stand.spawned.nodes.iter().zip(&local).zip(&morphs) {
            if let Ok(mut place) = transforms.get_mut(*entity) {
                place.set_if_neq(transform(trs));
            }
            if !morphs.is_empty()
                && let Ok(mut weights) = weights.get_mut(*entity)
                && weights.weights() != morphs.as_slice()
            {
                weights.weights_mut().copy_from_slice(morphs);
            }
        }
        if stand.spawned.shown != stand.variant {
            stand.spawned.shown = stand.variant;
            for (entity, _, mesh, part) in &stand.spawned.parts {
                let Some(primitive) = model
                    .meshes
                    .get(*mesh)
                    .and_then(|mesh| mesh.primitives.get(*part))
                else {
                    continue;
                };
                let material = primitive
                    .variants
                    .iter()
                    .find(|mapping| Some(mapping.variant) == stand.variant)
                    .map_or(primitive.material, |mapping| mapping.material);
                if let (Ok(mut surface), Some(handle)) = (
                    surfaces.get_mut(*entity),
                    material_of(
                        &stand.spawned.materials,
                        material,
                        !primitive.occlusion.is_empty(),
                    ),
                ) {
                    surface.0 = handle;
                }
            }
        }
        let contact = &stand.prepared.contact;
        let size = bounds.size();
        let across = size.x.hypot(size.z) * 0.5;
        let reach = across.max(size.y * 0.30) * GROUND_REACH;
        if let Ok(mut ground) = transforms.get_mut(stand.spawned.ground) {
            let placed = Transform {
                translation: stand.offset + Vec3::new(pivot.x, bounds.min.y - reach * 2e-4, pivot.z),
                rotation: Quat::IDENTITY,
                scale: Vec3::new(reach, 1.0, reach),
            };
            ground.set_if_neq(placed);
        }
        let shift = (contact.centre - Vec2::new(pivot.x, pivot.z)) / reach;
        let params = GroundParams {
            pool: (light::ROOM * 26.0 + Vec3::new(0.022, 0.026, 0.032)).extend(0.92 * eased),
            rim: Vec4::new(
                (across * 1.22 / reach).min(0.9),
                if single { 0.55 * eased } else { 0.0 },
                turned,
                eased * (1.0 - 0.85 * open),
            ),
            shadow: Vec4::new(shift.x, shift.y, contact.half / reach, -turned),
            line: Vec4::new(1.0, 0.62, 0.22, 0.0),
        };
        if let Some(ground) = grounds.get(&stand.spawned.ground_surface)
            && ground.params != params
            && let Some(mut ground) = grounds.get_mut(&stand.spawned.ground_surface)
        {
            ground.params = params;
        }
    }
}

/// The stand.
pub fn plugin(app: &mut App) {
    app.init_resource::<ProductPicture>()
        .init_resource::<Studios>()
        .add_systems(Startup, spawn_camera)
        .add_systems(
            Update,
            (light_products, move_products, aim_camera)
                .chain()
                .after(DisplaySystems::Follow),
        );
}
