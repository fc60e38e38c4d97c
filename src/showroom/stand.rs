//! What stands in the showroom: the camera, the ground, the products' nodes, and the light on them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bevy::anti_alias::fxaa::Fxaa;
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

use super::ar::{Ar, matched};
use super::eye::{Eyepiece, Side};
use super::material::{GroundMaterial, GroundParams, Lighting, ProductMaterial, Richness};
use super::place::Place;
use super::prepare::{PartKey, PictureKey, Prepared, albedo_map, light_map, shadow_map};
use super::{GROUND_LAYER, SHADOW_LAYER, SHOWROOM_LAYER, Showroom, on_screen};
use crate::DisplaySystems;
use crate::layout::Layout;
use crate::quality::{Budget, Quality};
use crate::theme::light;
use crate::view::{Live, View};
use meridian_product::model::Trs;
use meridian_product::studio::{self, Lights, Name, Studio};
use meridian_product::{Model, animate};

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
    /// The ground's shadow alone.
    pub shadow_surface: Handle<GroundMaterial>,
    /// The variant that the parts are in.
    shown: Option<usize>,
    /// Parts that aren't drawn yet, and by which form of shader they will be: a form that is new takes a driver a while, so
    /// that each gets frames of its own, before the product is seen.
    waiting: Vec<(Entity, Form)>,
}

/// What decides which shader draws a part: the surface, and what the mesh holds.
type Form = (u32, [bool; 6]);

/// Frames from one new form of shader to the next.
const FORM_FRAMES: u32 = 3;

impl Spawned {
    /// Takes it all away.
    pub fn despawn(&self, commands: &mut Commands) {
        commands.entity(self.root).despawn();
        commands.entity(self.ground).despawn();
    }

    /// Every part of it has been drawn.
    pub fn is_ready(&self) -> bool {
        self.waiting.is_empty()
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
    at_once: bool,
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
    let mut waiting = Vec::new();
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
            let form = stores.surfaces.get(&surface).map_or(0, ProductMaterial::form);
            let mut drawn = commands.spawn((
                if at_once {
                    Visibility::Inherited
                } else {
                    Visibility::Hidden
                },
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
            if !at_once {
                let [uv_a, uv_b] = &primitive.uvs;
                let holds = [
                    !uv_a.is_empty(),
                    !uv_b.is_empty(),
                    !primitive.tangents.is_empty(),
                    !primitive.colours.is_empty() || !primitive.occlusion.is_empty(),
                    !primitive.joints.is_empty(),
                    !primitive.morphs.is_empty(),
                ];
                waiting.push((drawn.id(), (form, holds)));
            }
        }
    }
    let shadow = stores.images.add(shadow_map(&prepared.contact));
    let plane = stores.meshes.add(Plane3d::new(Vec3::Y, Vec2::ONE).mesh().build());
    let [ground_surface, shadow_surface] = [(); 2].map(|()| {
        stores.grounds.add(GroundMaterial {
            params: GroundParams {
                pool: Vec4::ZERO,
                rim: Vec4::ZERO,
                shadow: Vec4::ONE,
                line: Vec4::ZERO,
            },
            shadow: Some(shadow.clone()),
        })
    });
    let ground = commands
        .spawn((
            Mesh3d(plane.clone()),
            MeshMaterial3d(ground_surface.clone()),
            Transform::default(),
            Visibility::Hidden,
            NoFrustumCulling,
            RenderLayers::layer(GROUND_LAYER),
        ))
        .with_child((
            Mesh3d(plane),
            MeshMaterial3d(shadow_surface.clone()),
            NoFrustumCulling,
            RenderLayers::layer(SHADOW_LAYER),
        ))
        .id();
    Spawned {
        root,
        nodes,
        parts,
        materials,
        ground,
        ground_surface,
        shadow_surface,
        shown: None,
        waiting,
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

/// A camera of the showroom: for the left eye, or the only one; or for the right eye.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShowroomCamera(pub Side);

/// The product's picture for each eye, for the panels to lay over the globe.
#[derive(Resource, Debug, Clone, Default)]
pub struct ProductPicture {
    /// The left eye's, or the only one; the right eye's.
    pub images: [Handle<Image>; 2],
    /// Their size in pixels; zero before there is any.
    pub size: UVec2,
}

fn spawn_cameras(mut commands: Commands, mut images: ResMut<Assets<Image>>) {
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

/// The pictures have the size of their places, and the cameras are where the eyes are.
fn aim_cameras(
    mut commands: Commands,
    view: Res<View>,
    budget: Res<Budget>,
    layout: Res<Layout>,
    showroom: Res<Showroom>,
    ar: Res<Ar>,
    windows: Query<&Window, With<bevy::window::PrimaryWindow>>,
    mut picture: ResMut<ProductPicture>,
    mut images: ResMut<Assets<Image>>,
    mut cameras: Query<(
        Entity,
        &ShowroomCamera,
        &mut Camera,
        &mut Transform,
        &mut Projection,
        &mut Msaa,
    )>,
) {
    let any = showroom.share > 0.0 && !showroom.stands.is_empty();
    let place = Place::new(layout.size);
    let per_point = windows.single().map_or(1.0, Window::scale_factor);
    let [rect, _] = place.pictures(showroom.stereo, ar.aspect());
    let size = Place::pixels(rect, per_point, budget.scale);
    let resized = any && picture.size != size;
    if resized {
        picture.size = size;
        picture.images = [(); 2].map(|()| {
            let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None);
            image.sampler = bevy::image::ImageSampler::linear();
            images.add(image)
        });
    }
    let focus = showroom.eye.transform.translation.distance(if showroom.in_ar {
        Vec3::ZERO
    } else {
        showroom.orbit.now.target
    });
    for (entity, ShowroomCamera(side), mut camera, mut transform, mut projection, mut msaa) in &mut cameras {
        let active = any && (*side == Side::Left || showroom.stereo.is_some());
        if camera.is_active != active {
            camera.is_active = active;
        }
        if resized {
            let [left, right] = &picture.images;
            let image = if *side == Side::Left { left } else { right };
            commands
                .entity(entity)
                .insert(RenderTarget::Image(ImageRenderTarget::from(image.clone())));
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
        let eye = match showroom.stereo {
            None => showroom.eye,
            Some(_) => showroom.eye.aside(*side, focus),
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

/// Studios that were worked out, and the one on its way.
#[derive(Resource, Default)]
struct Studios {
    ready: HashMap<Name, Lighting>,
    coming: Option<(Name, Receiver<Studio>)>,
    /// The light that the products are in now.
    shown: Option<(Name, Vec3, f32)>,
}

/// Works the wanted studio out beside the display, and puts the products into its light.
fn light_products(
    live: Res<Live>,
    ar: Res<Ar>,
    mut showroom: ResMut<Showroom>,
    mut studios: ResMut<Studios>,
    mut images: ResMut<Assets<Image>>,
    mut surfaces: ResMut<Assets<ProductMaterial>>,
) {
    let wait = !live.0;
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
            albedo: images.add(albedo_map(&studio)),
            harmonics: studio.harmonics.map(|sh| sh.extend(0.0)),
            intensity: Vec3::ONE,
            turn: 0.0,
        };
        studios.ready.insert(name, lighting);
        studios.coming = None;
    }
    let Some(lighting) = studios.ready.get(&wanted) else {
        return;
    };
    let (colour, turn) = match ar.light.as_ref().filter(|_| ar.on) {
        None => (Vec3::ONE, 0.0),
        Some(estimate) => {
            let at = |index: usize| lighting.harmonics.get(index).map_or(0.0, |sh| sh.y);
            let up: f32 = studio::terms(Vec3::Y)
                .iter()
                .enumerate()
                .map(|(index, term)| at(index) * term)
                .sum();
            matched(estimate, up, at(3).atan2(at(2)))
        }
    };
    let state = (wanted, colour * showroom.exposure, turn);
    // What can't be seen isn't worth writing every surface anew.
    let near = |shown: &(Name, Vec3, f32)| {
        let colour = (shown.1 - state.1).abs().max_element();
        shown.0 == state.0 && colour < 0.01 && (shown.2 - state.2).abs() < 0.03
    };
    if studios.shown.as_ref().is_some_and(near) && showroom.lighting.is_some() {
        return;
    }
    let lighting = Lighting {
        intensity: state.1,
        turn,
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

/// Lets parts be drawn that wait for it: those of a form that was drawn before at once, a new form every few frames.
fn show_parts(
    mut showroom: ResMut<Showroom>,
    mut visibilities: Query<&mut Visibility>,
    mut known: Local<HashSet<Form>>,
    mut frame: Local<u32>,
) {
    *frame = frame.wrapping_add(1);
    let mut another = frame.is_multiple_of(FORM_FRAMES);
    for stand in &mut showroom.bypass_change_detection().stands {
        stand.spawned.waiting.retain(|(part, form)| {
            let draw = known.contains(form) || std::mem::take(&mut another);
            if draw {
                known.insert(*form);
                if let Ok(mut visibility) = visibilities.get_mut(*part) {
                    *visibility = Visibility::Inherited;
                }
            }
            !draw
        });
    }
}

/// Nodes, surfaces and ground follow the showroom.
fn move_products(
    ar: Res<Ar>,
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
        .map(|(at, stand)| {
            (
                posed(&stand.prepared.model, &showroom, at == 0),
                showroom.table(stand),
            )
        })
        .collect();
    // Lost from the camera's sight, it isn't drawn.
    let in_ar = showroom.in_ar;
    let in_sight = !in_ar || ar.lost_secs == 0.0 && ar.eye().is_some();
    let turned = if in_ar {
        showroom.orbit.home.azimuth - showroom.orbit.now.azimuth
    } else {
        showroom.orbit.turned
    };
    let open = showroom.open;
    let at_rest = showroom.playing.secs == 0.0 && !showroom.playing.on;
    let single = showroom.stands.len() == 1;
    for (stand, ((local, morphs), table)) in showroom.stands.iter_mut().zip(poses) {
        let model = &stand.prepared.model;
        let eased = stand.share * stand.share * (3.0 - 2.0 * stand.share);
        let bounds = model.bounds;
        let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
        if let Ok(mut root) = transforms.get_mut(stand.spawned.root) {
            root.set_if_neq(table);
        }
        for entity in [stand.spawned.root, stand.spawned.ground] {
            if let Ok(mut visibility) = visibilities.get_mut(entity) {
                let drawn = stand.share > 0.0 || !stand.spawned.waiting.is_empty();
                visibility.set_if_neq(if drawn && in_sight {
                    Visibility::Inherited
                } else {
                    Visibility::Hidden
                });
            }
        }
        let inner = model.nodes.iter().map(|node| node.inner);
        for (((entity, trs), morphs), inner) in stand.spawned.nodes.iter().zip(&local).zip(&morphs).zip(inner)
        {
            if let Ok(mut place) = transforms.get_mut(*entity) {
                place.set_if_neq(transform(trs));
            }
            if let Ok(mut visibility) = visibilities.get_mut(*entity) {
                visibility.set_if_neq(if inner && open <= 0.0 && at_rest {
                    Visibility::Hidden
                } else {
                    Visibility::Inherited
                });
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
                translation: stand.offset + if in_ar { Vec3::ZERO } else { pivot } - Vec3::Y * reach * 2e-4,
                rotation: Quat::IDENTITY,
                scale: Vec3::new(reach, 1.0, reach),
            };
            ground.set_if_neq(placed);
        }
        let shift = (contact.centre - Vec2::new(pivot.x, pivot.z)) / reach;
        let params = GroundParams {
            // On the sheet there is the shadow alone.
            pool: if in_ar {
                Vec4::ZERO
            } else {
                (light::ROOM * 26.0 + Vec3::new(0.022, 0.026, 0.032)).extend(0.92 * eased)
            },
            rim: Vec4::new(
                (across * 1.14 / reach).min(0.9),
                if single && !in_ar { 0.55 * eased } else { 0.0 },
                turned,
                eased * (1.0 - 0.85 * open),
            ),
            shadow: Vec4::new(shift.x, shift.y, contact.half / reach, turned),
            line: Vec4::new(1.0, 0.62, 0.22, 0.0),
        };
        let shadow = GroundParams {
            pool: Vec4::ZERO,
            rim: params.rim.with_y(0.0),
            ..params
        };
        let grounds_of = [
            (&stand.spawned.ground_surface, params),
            (&stand.spawned.shadow_surface, shadow),
        ];
        for (surface, params) in grounds_of {
            if let Some(ground) = grounds.get(surface)
                && ground.params != params
                && let Some(mut ground) = grounds.get_mut(surface)
            {
                ground.params = params;
            }
        }
    }
}

/// The stand.
pub fn plugin(app: &mut App) {
    app.init_resource::<ProductPicture>()
        .init_resource::<Studios>()
        .add_systems(Startup, spawn_cameras)
        .add_systems(
            Update,
            (
                light_products.run_if(on_screen),
                show_parts,
                move_products,
                aim_cameras,
            )
                .chain()
                .after(DisplaySystems::Follow),
        );
}
