//! Spawns the entities of a product, and those of the ground beneath it.

use std::collections::HashMap;
use std::sync::Arc;

use bevy::camera::visibility::{NoFrustumCulling, RenderLayers};
use bevy::ecs::system::SystemParam;
use bevy::mesh::morph::{MeshMorphWeights, MorphWeights};
use bevy::mesh::skinning::{SkinnedMesh, SkinnedMeshInverseBindposes};
use bevy::prelude::*;

use super::cameras::{self, ProductPicture};
use super::exhibit::{
    Exhibit, GroundLook, GroundOf, NodeOf, PartOf, Surfaces, Waits, anything_stands, surface_of,
};
use super::lamps::{self, Studios};
use super::material::{GroundMaterial, GroundParams, Lighting, ProductMaterial, Richness};
use super::prepare::{PartKey, PictureKey, Prepared, shadow_map};
use super::{GROUND_LAYER, SHADOW_LAYER, SHOWROOM_LAYER, motion, on_screen};
use crate::DisplaySystems;
use meridian_product::model::{Node, Primitive, Trs};

/// Where meshes and their like are put.
#[derive(SystemParam)]
pub struct Stores<'w> {
    meshes: ResMut<'w, Assets<Mesh>>,
    images: ResMut<'w, Assets<Image>>,
    surfaces: ResMut<'w, Assets<ProductMaterial>>,
    grounds: ResMut<'w, Assets<GroundMaterial>>,
    binds: ResMut<'w, Assets<SkinnedMeshInverseBindposes>>,
}

/// A node's place as the renderer takes it.
pub(super) fn transform(trs: &Trs) -> Transform {
    Transform {
        translation: trs.translation,
        rotation: trs.rotation,
        scale: trs.scale,
    }
}

/// Puts a product up, with the ground beneath it. `at_once`: nothing of it waits to be drawn.
pub(super) fn spawn(
    commands: &mut Commands,
    stores: &mut Stores,
    prepared: &Arc<Prepared>,
    lighting: &Lighting,
    richness: Richness,
    at_once: bool,
) -> Entity {
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
    let materials = make_surfaces(stores, prepared, &pictures, lighting, richness);
    let root = commands
        .spawn((
            Name::new(prepared.product.id.clone()),
            Transform::default(),
            Visibility::Hidden,
            RenderLayers::layer(SHOWROOM_LAYER),
        ))
        .id();
    let nodes = spawn_nodes(commands, prepared, root);
    spawn_parts(
        commands, stores, prepared, root, &nodes, &meshes, &materials, at_once,
    );
    commands.entity(root).insert(Exhibit {
        prepared: Arc::clone(prepared),
        materials,
    });
    spawn_ground(commands, stores, prepared, root);
    root
}

/// The model's materials, in the forms that its meshes need.
fn make_surfaces(
    stores: &mut Stores,
    prepared: &Prepared,
    pictures: &HashMap<PictureKey, Handle<Image>>,
    lighting: &Lighting,
    richness: Richness,
) -> Vec<Surfaces> {
    let model = &prepared.model;
    let opens = |wanted: bool| {
        model
            .meshes
            .iter()
            .flat_map(|mesh| &mesh.primitives)
            .any(|primitive| primitive.occlusion.is_empty() != wanted)
    };
    let (any_plain, any_open) = (opens(false), opens(true));
    model
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
        .collect()
}

/// The model's nodes, each below its parent.
fn spawn_nodes(commands: &mut Commands, prepared: &Prepared, root: Entity) -> Vec<Entity> {
    let model = &prepared.model;
    let nodes: Vec<Entity> = model
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            commands
                .spawn((
                    Name::new(node.name.clone()),
                    NodeOf {
                        exhibit: root,
                        node: at,
                    },
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
    nodes
}

/// The parts that are drawn, each below its node.
fn spawn_parts(
    commands: &mut Commands,
    stores: &mut Stores,
    prepared: &Prepared,
    root: Entity,
    nodes: &[Entity],
    meshes: &HashMap<PartKey, Handle<Mesh>>,
    materials: &[Surfaces],
    at_once: bool,
) {
    let model = &prepared.model;
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
    let worlds = model.worlds(&model.rest());
    for (node_at, ((node, world), entity)) in model.nodes.iter().zip(&worlds).zip(nodes).enumerate() {
        let Some((mesh_at, mesh)) = node.mesh.and_then(|at| Some((at, model.meshes.get(at)?))) else {
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
                surface_of(materials, primitive.material, !primitive.occlusion.is_empty()),
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
                RenderLayers::layer(SHOWROOM_LAYER),
                ChildOf(*entity),
                PartOf {
                    exhibit: root,
                    node: node_at,
                    primitive: part,
                },
            ));
            if let Some(skin) = skin_of(node, primitive, &skins) {
                drawn.insert(skin.clone());
            }
            if !primitive.morphs.is_empty() {
                drawn.insert(MeshMorphWeights::Reference(*entity));
            }
            if !at_once {
                drawn.insert(Waits((form, holds(primitive))));
            }
        }
    }
}

/// The skin that bends a primitive, if one does.
fn skin_of<'a>(node: &Node, primitive: &Primitive, skins: &'a [SkinnedMesh]) -> Option<&'a SkinnedMesh> {
    skins.get(node.skin?).filter(|_| !primitive.joints.is_empty())
}

/// What a mesh holds of what a shader may need.
fn holds(primitive: &Primitive) -> [bool; 6] {
    let [uv_a, uv_b] = &primitive.uvs;
    [
        !uv_a.is_empty(),
        !uv_b.is_empty(),
        !primitive.tangents.is_empty(),
        !primitive.colours.is_empty() || !primitive.occlusion.is_empty(),
        !primitive.joints.is_empty(),
        !primitive.morphs.is_empty(),
    ]
}

/// The ground under a product, and its shadow alone.
fn spawn_ground(commands: &mut Commands, stores: &mut Stores, prepared: &Prepared, exhibit: Entity) {
    let shadow = stores.images.add(shadow_map(&prepared.contact));
    let plane = stores.meshes.add(Plane3d::new(Vec3::Y, Vec2::ONE).mesh().build());
    let [surface, shadow] = [(); 2].map(|()| {
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
    commands
        .spawn((
            Mesh3d(plane.clone()),
            MeshMaterial3d(surface.clone()),
            Transform::default(),
            Visibility::Hidden,
            NoFrustumCulling,
            RenderLayers::layer(GROUND_LAYER),
            GroundOf(exhibit),
            GroundLook {
                surface,
                shadow: shadow.clone(),
            },
        ))
        .with_child((
            Mesh3d(plane),
            MeshMaterial3d(shadow),
            NoFrustumCulling,
            RenderLayers::layer(SHADOW_LAYER),
        ));
}

/// Spawning and removing products.
pub fn plugin(app: &mut App) {
    app.init_resource::<ProductPicture>()
        .init_resource::<Studios>()
        .add_systems(Startup, cameras::spawn_cameras)
        .add_systems(
            Update,
            (
                lamps::light_products.run_if(on_screen),
                motion::show_parts,
                (
                    motion::turn_tables,
                    motion::pose_nodes,
                    motion::dress_parts,
                    motion::lay_grounds,
                )
                    .chain()
                    .run_if(anything_stands),
                cameras::size_pictures.run_if(cameras::is_pictured),
                cameras::aim_cameras,
            )
                .chain()
                .after(DisplaySystems::Follow),
        );
}
