//! What stands in the showroom follows it: the table turns, nodes are posed, parts take on their variant, the ground its
//! light and shadow.

use std::collections::HashSet;

use bevy::mesh::morph::MorphWeights;
use bevy::prelude::*;

use super::ar::Ar;
use super::cameras::ShowroomCamera;
use super::material::{GroundMaterial, GroundParams, ProductMaterial};
use super::orbit::Orbit;
use super::stand::{Exhibit, Form, GroundOf, NodeOf, PartOf, Variant, Waits, transform};
use super::{Showroom, Stand};
use crate::theme::{ease, light};
use meridian_product::model::Trs;
use meridian_product::{Model, animate};

/// The ground reaches so many times as far as the product.
const GROUND_REACH: f32 = 2.6;
/// Frames from one new form of shader to the next.
const FORM_FRAMES: u32 = 3;

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
    animate::explode(model, ease::soft(showroom.open), &mut local);
    (local, weights)
}

/// Lets parts be drawn that wait for it: those of a form that was drawn before at once, a new form every few frames.
pub(super) fn show_parts(
    mut commands: Commands,
    mut waiting: Query<(Entity, &Waits, &mut Visibility)>,
    mut known: Local<HashSet<Form>>,
    mut frame: Local<u32>,
) {
    *frame = frame.wrapping_add(1);
    let mut another = frame.is_multiple_of(FORM_FRAMES);
    for (part, Waits(form), mut visibility) in &mut waiting {
        if known.contains(form) || std::mem::take(&mut another) {
            known.insert(*form);
            *visibility = Visibility::Inherited;
            commands.entity(part).remove::<Waits>();
        }
    }
}

/// The table turns, and what stands on it is drawn while there is anything of it to see or to make ready.
pub(super) fn turn_tables(
    ar: Res<Ar>,
    showroom: Res<Showroom>,
    orbit: Res<Orbit>,
    waiting: Query<&PartOf, With<Waits>>,
    mut transforms: Query<&mut Transform, With<Exhibit>>,
    mut visibilities: Query<&mut Visibility, Or<(With<Exhibit>, With<GroundOf>)>>,
) {
    // Lost from the camera's sight, it isn't drawn.
    let in_sight = !showroom.in_ar || ar.lost_secs == 0.0 && ar.eye().is_some();
    for stand in &showroom.stands {
        if let Ok(mut root) = transforms.get_mut(stand.entity) {
            root.set_if_neq(showroom.table(&orbit, stand));
        }
        let drawn = stand.share > 0.0 || waiting.iter().any(|part| part.stand == stand.entity);
        for entity in [stand.entity, stand.ground] {
            if let Ok(mut visibility) = visibilities.get_mut(entity) {
                visibility.set_if_neq(if drawn && in_sight {
                    Visibility::Inherited
                } else {
                    Visibility::Hidden
                });
            }
        }
    }
}

/// Nodes stand as the animation and the exploded view have them; what is inside is drawn only where it can be seen.
pub(super) fn pose_nodes(
    showroom: Res<Showroom>,
    mut nodes: Query<
        (
            &NodeOf,
            &mut Transform,
            &mut Visibility,
            Option<&mut MorphWeights>,
        ),
        Without<ShowroomCamera>,
    >,
) {
    let closed = showroom.open <= 0.0 && showroom.playing.secs == 0.0 && !showroom.playing.on;
    let poses: Vec<_> = showroom
        .stands
        .iter()
        .enumerate()
        .map(|(at, stand)| (stand, posed(&stand.prepared.model, &showroom, at == 0)))
        .collect();
    for (of, mut place, mut visibility, weights) in &mut nodes {
        let Some((stand, (local, morphs))) = poses.iter().find(|(stand, _)| stand.entity == of.stand) else {
            continue;
        };
        if let Some(trs) = local.get(of.node) {
            place.set_if_neq(transform(trs));
        }
        let inner = stand
            .prepared
            .model
            .nodes
            .get(of.node)
            .is_some_and(|node| node.inner);
        visibility.set_if_neq(if inner && closed {
            Visibility::Hidden
        } else {
            Visibility::Inherited
        });
        if let (Some(mut weights), Some(morphs)) = (weights, morphs.get(of.node))
            && !morphs.is_empty()
            && weights.weights() != morphs.as_slice()
        {
            weights.weights_mut().copy_from_slice(morphs);
        }
    }
}

/// Parts take on the variant that was chosen.
pub(super) fn dress_parts(
    showroom: Res<Showroom>,
    mut exhibits: Query<(&Exhibit, &mut Variant)>,
    mut parts: Query<(&PartOf, &mut MeshMaterial3d<ProductMaterial>)>,
) {
    for stand in &showroom.stands {
        let Ok((exhibit, mut variant)) = exhibits.get_mut(stand.entity) else {
            continue;
        };
        if !variant.set_if_neq(Variant(stand.variant)) {
            continue;
        }
        for (of, mut surface) in parts.iter_mut().filter(|(of, _)| of.stand == stand.entity) {
            let Some(primitive) = stand
                .prepared
                .model
                .meshes
                .get(of.mesh)
                .and_then(|mesh| mesh.primitives.get(of.primitive))
            else {
                continue;
            };
            let material = primitive
                .variants
                .iter()
                .find(|mapping| Some(mapping.variant) == stand.variant)
                .map_or(primitive.material, |mapping| mapping.material);
            if let Some(handle) = exhibit.surface(material, !primitive.occlusion.is_empty()) {
                surface.0 = handle;
            }
        }
    }
}

/// The ground is where the product is, and shows its shadow.
pub(super) fn lay_grounds(
    showroom: Res<Showroom>,
    orbit: Res<Orbit>,
    mut grounds: Query<(&GroundOf, &mut Transform)>,
    mut surfaces: ResMut<Assets<GroundMaterial>>,
) {
    for stand in &showroom.stands {
        let Ok((ground, mut place)) = grounds.get_mut(stand.ground) else {
            continue;
        };
        let (placed, params) = ground_of(&showroom, &orbit, stand);
        place.set_if_neq(placed);
        let shadow = GroundParams {
            pool: Vec4::ZERO,
            rim: params.rim.with_y(0.0),
            ..params
        };
        for (handle, params) in [(&ground.surface, params), (&ground.shadow, shadow)] {
            if let Some(surface) = surfaces.get(handle)
                && surface.params != params
                && let Some(mut surface) = surfaces.get_mut(handle)
            {
                surface.params = params;
            }
        }
    }
}

/// Where the ground under a product is, and how it looks.
fn ground_of(showroom: &Showroom, orbit: &Orbit, stand: &Stand) -> (Transform, GroundParams) {
    let in_ar = showroom.in_ar;
    let turned = if in_ar {
        orbit.home.azimuth - orbit.now.azimuth
    } else {
        orbit.turned
    };
    let single = showroom.stands.len() == 1;
    let eased = ease::soft(stand.share);
    let bounds = stand.prepared.model.bounds;
    let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
    let contact = &stand.prepared.contact;
    let size = bounds.size();
    let across = size.x.hypot(size.z) * 0.5;
    let reach = across.max(size.y * 0.30) * GROUND_REACH;
    let placed = Transform {
        translation: stand.offset + if in_ar { Vec3::ZERO } else { pivot } - Vec3::Y * reach * 2e-4,
        rotation: Quat::IDENTITY,
        scale: Vec3::new(reach, 1.0, reach),
    };
    let shift = (contact.centre - Vec2::new(pivot.x, pivot.z)) / reach;
    let params = GroundParams {
        // On the sheet there is the shadow alone.
        pool: if in_ar {
            Vec4::ZERO
        } else {
            light::POOL.extend(0.92 * eased)
        },
        rim: Vec4::new(
            (across * 1.14 / reach).min(0.9),
            if single && !in_ar { 0.55 * eased } else { 0.0 },
            turned,
            eased * (1.0 - 0.85 * showroom.open),
        ),
        shadow: Vec4::new(shift.x, shift.y, contact.half / reach, turned),
        line: light::RIM.extend(0.0),
    };
    (placed, params)
}
