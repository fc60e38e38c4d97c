//! What stands in the showroom follows it: the table turns, nodes are posed, parts take on their variant, the ground its
//! light and shadow.

use std::collections::HashSet;

use bevy::mesh::morph::MorphWeights;
use bevy::prelude::*;

use super::Exploded;
use super::ar::Ar;
use super::cameras::ShowroomCamera;
use super::exhibit::{
    Exhibit, Exhibits, Form, Ground, GroundLook, GroundOf, NodeOf, PartOf, Playing, Standing, StandingItem,
    Variant, Waits,
};
use super::material::{GroundMaterial, GroundParams, ProductMaterial};
use super::orbit::Orbit;
use super::stand::transform;
use crate::theme::{ease, light};
use meridian_product::model::{Primitive, Trs};
use meridian_product::{Model, animate};

/// How many times as far as the product the ground reaches.
const GROUND_REACH: f32 = 2.6;
/// Frames from one new form of shader to the next.
const FORM_FRAMES: u32 = 3;

/// How a model's nodes stand now.
pub fn posed(model: &Model, playing: &Playing, exploded: &Exploded) -> (Vec<Trs>, Vec<Vec<f32>>) {
    let mut local = model.rest();
    let mut weights: Vec<Vec<f32>> = model.nodes.iter().map(|node| node.weights.clone()).collect();
    if let Some(animation) = playing.animation(model).filter(|_| playing.moves()) {
        animate::pose(animation, playing.secs, &mut local, &mut weights);
    }
    animate::explode(model, ease::soft(exploded.share), &mut local);
    (local, weights)
}

/// Lets parts be drawn that wait for it: those of a form that was drawn before at once, a new form every few frames, in the
/// order in which the models have them.
pub(super) fn show_parts(
    mut commands: Commands,
    exhibits: Exhibits,
    mut waiting: Query<(Entity, &PartOf, &Waits, &mut Visibility)>,
    mut known: Local<HashSet<Form>>,
    mut frame: Local<u32>,
) {
    *frame = frame.wrapping_add(1);
    if waiting.is_empty() {
        return;
    }
    let mut another = frame.is_multiple_of(FORM_FRAMES);
    let slot = |exhibit| exhibits.get(exhibit).map(|standing| *standing.slot);
    let mut parts: Vec<_> = waiting.iter_mut().collect();
    parts.sort_by_cached_key(|(_, of, ..)| (slot(of.exhibit), of.exhibit, of.node, of.primitive));
    for (part, _, Waits(form), mut visibility) in parts {
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
    orbit: Res<Orbit>,
    waiting: Query<&PartOf, With<Waits>>,
    mut exhibits: Query<(Standing, &Ground, &mut Transform)>,
    mut visibilities: Query<&mut Visibility, Or<(With<Exhibit>, With<GroundOf>)>>,
) {
    // Lost from the camera's sight, it isn't drawn.
    let in_sight = !ar.on || ar.lost_secs == 0.0 && ar.eye().is_some();
    for (standing, ground, mut root) in &mut exhibits {
        root.set_if_neq(standing.table(&orbit, ar.on));
        let exhibit = standing.entity;
        let drawn = standing.coming.share > 0.0 || waiting.iter().any(|part| part.exhibit == exhibit);
        for entity in [exhibit, ground.entity()] {
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
    exploded: Res<Exploded>,
    exhibits: Exhibits,
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
    let poses: Vec<_> = exhibits
        .sorted()
        .into_iter()
        .map(|standing| {
            let closed = exploded.share <= 0.0 && !standing.playing.moves();
            let model = standing.exhibit.model();
            let pose = posed(model, standing.playing, &exploded);
            (standing.entity, model, closed, pose)
        })
        .collect();
    for (of, mut place, mut visibility, weights) in &mut nodes {
        let found = poses.iter().find(|(exhibit, ..)| *exhibit == of.exhibit);
        let Some((_, model, closed, (local, morphs))) = found else {
            continue;
        };
        if let Some(trs) = local.get(of.node) {
            place.set_if_neq(transform(trs));
        }
        let inner = model.nodes.get(of.node).is_some_and(|node| node.inner);
        visibility.set_if_neq(if inner && *closed {
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
    exhibits: Query<(&Exhibit, &Variant), Changed<Variant>>,
    mut parts: Query<(&PartOf, &mut MeshMaterial3d<ProductMaterial>)>,
) {
    if exhibits.is_empty() {
        return;
    }
    for (of, mut surface) in &mut parts {
        let Ok((exhibit, variant)) = exhibits.get(of.exhibit) else {
            continue;
        };
        let Some(primitive) = primitive_of(exhibit.model(), of) else {
            continue;
        };
        let material = primitive
            .variants
            .iter()
            .find(|mapping| Some(mapping.variant) == variant.0)
            .map_or(primitive.material, |mapping| mapping.material);
        if let Some(handle) = exhibit.surface(material, !primitive.occlusion.is_empty()) {
            surface.set_if_neq(MeshMaterial3d(handle));
        }
    }
}

/// What a part draws.
fn primitive_of<'a>(model: &'a Model, of: &PartOf) -> Option<&'a Primitive> {
    let mesh = model.nodes.get(of.node)?.mesh?;
    model.meshes.get(mesh)?.primitives.get(of.primitive)
}

/// The ground is where the product is, and shows its shadow.
pub(super) fn lay_grounds(
    ar: Res<Ar>,
    orbit: Res<Orbit>,
    exploded: Res<Exploded>,
    exhibits: Exhibits,
    mut grounds: Query<(&GroundOf, &GroundLook, &mut Transform)>,
    mut surfaces: ResMut<Assets<GroundMaterial>>,
) {
    let rimmed = exhibits.count() == 1 && !ar.on;
    for (of, look, mut place) in &mut grounds {
        let Some(standing) = exhibits.get(of.0) else {
            continue;
        };
        let (placed, params) = ground_under(&standing, &orbit, &exploded, ar.on, rimmed);
        place.set_if_neq(placed);
        let shadow = GroundParams {
            pool: Vec4::ZERO,
            rim: params.rim.with_y(0.0),
            ..params
        };
        for (handle, params) in [(&look.surface, params), (&look.shadow, shadow)] {
            if let Some(surface) = surfaces.get(handle)
                && surface.params != params
                && let Some(mut surface) = surfaces.get_mut(handle)
            {
                surface.params = params;
            }
        }
    }
}

/// Where the ground under an exhibit is, and how it looks.
fn ground_under(
    standing: &StandingItem,
    orbit: &Orbit,
    exploded: &Exploded,
    in_ar: bool,
    rimmed: bool,
) -> (Transform, GroundParams) {
    let turned = if in_ar {
        orbit.home.azimuth - orbit.now.azimuth
    } else {
        orbit.turned
    };
    let eased = ease::soft(standing.coming.share);
    let bounds = standing.exhibit.model().bounds;
    let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
    let contact = &standing.exhibit.prepared.contact;
    let size = bounds.size();
    let across = size.x.hypot(size.z) * 0.5;
    let reach = across.max(size.y * 0.30) * GROUND_REACH;
    let placed = Transform {
        translation: standing.spot.0 + if in_ar { Vec3::ZERO } else { pivot } - Vec3::Y * reach * 2e-4,
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
            if rimmed { 0.55 * eased } else { 0.0 },
            turned,
            eased * (1.0 - 0.85 * exploded.share),
        ),
        shadow: Vec4::new(shift.x, shift.y, contact.half / reach, turned),
        line: light::RIM.extend(0.0),
    };
    (placed, params)
}
