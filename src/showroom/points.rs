//! Points of interest: where they are now, whether they face the eye, whether something hides them.

use bevy::prelude::*;

use super::exhibit::{Exhibit, StandingItem};
use super::orbit::Orbit;
use super::{Exploded, Viewing};
use meridian_product::Model;
use meridian_product::manifest::Hotspot;
use meridian_product::model::Trs;

/// Where a point is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// In the product's picture: shares of its width and height from the top left.
    pub at: Vec2,
    /// Cosine between its normal and the way to the eye.
    pub facing: f32,
    /// Something stands before it.
    pub hidden: bool,
}

fn node_of(model: &Model, hotspot: &Hotspot) -> Option<usize> {
    let name = hotspot.node.as_ref()?;
    model.nodes.iter().position(|node| node.name == *name)
}

fn placed(model: &Model, hotspot: &Hotspot, local: &[Trs]) -> (Vec3, Vec3) {
    let (at, normal) = (Vec3::from_array(hotspot.at), Vec3::from_array(hotspot.normal));
    match node_of(model, hotspot).and_then(|node| model.worlds(local).get(node).copied()) {
        Some(world) => (
            world.transform_point3(at),
            world.transform_vector3(normal).normalize_or(Vec3::Z),
        ),
        None => (at, normal.normalize_or(Vec3::Z)),
    }
}

/// Where a point is in the model's space at rest (or as far open as the point asks), and where its surface faces.
pub fn at_rest(model: &Model, hotspot: &Hotspot) -> (Vec3, Vec3) {
    let mut local = model.rest();
    meridian_product::animate::explode(model, hotspot.open, &mut local);
    placed(model, hotspot, &local)
}

/// Where each point of interest of an exhibit is seen.
pub fn seen(
    standing: &StandingItem,
    orbit: &Orbit,
    in_ar: bool,
    exploded: &Exploded,
    viewing: &Viewing,
) -> Vec<Option<Seen>> {
    let exhibit = standing.exhibit;
    let model = exhibit.model();
    let (local, _) = super::motion::posed(model, standing.playing, exploded);
    let worlds = model.worlds(&local);
    let table = standing.table(orbit, in_ar).to_matrix();
    let eye = table
        .inverse()
        .transform_point3(viewing.eye.transform.translation);
    exhibit
        .product()
        .manifest
        .hotspots
        .iter()
        .map(|hotspot| {
            let (point, normal) = placed(model, hotspot, &local);
            let at = viewing.eye.project(table.transform_point3(point))?;
            let way = eye - point;
            let facing = normal.dot(way.normalize_or(Vec3::Y));
            // From a little before the surface, so that it doesn't hide its own point.
            let from = point + normal * model.bounds.radius() * 0.01;
            let hidden = facing > 0.0 && is_hidden(exhibit, &worlds, from, eye - from);
            Some(Seen { at, facing, hidden })
        })
        .collect()
}

/// Whether something of the product lies between a point and the eye, in the model's space.
fn is_hidden(exhibit: &Exhibit, worlds: &[Mat4], from: Vec3, way: Vec3) -> bool {
    let model = exhibit.model();
    model.nodes.iter().zip(worlds).any(|(node, world)| {
        let Some(mesh) = node.mesh else { return false };
        let parts = model.meshes.get(mesh).map_or(0, |mesh| mesh.primitives.len());
        let into = world.inverse();
        let (origin, direction) = (into.transform_point3(from), into.transform_vector3(way));
        (0..parts).any(|part| {
            let glass = model
                .meshes
                .get(mesh)
                .and_then(|mesh| mesh.primitives.get(part))
                .and_then(|primitive| model.materials.get(primitive.material))
                .is_some_and(|material| material.transmission > 0.0);
            !glass
                && exhibit
                    .prepared
                    .trees
                    .get(&(mesh, part))
                    .is_some_and(|tree| tree.hit(origin, direction, 1.0).is_some())
        })
    })
}

/// The box round an exhibit as it stands now, in the room: its eight corners, bottom four first; and its size.
pub fn corners(standing: &StandingItem, orbit: &Orbit, in_ar: bool) -> ([Vec3; 8], Vec3) {
    let bounds = standing.exhibit.model().bounds;
    let table = standing.table(orbit, in_ar).to_matrix();
    let corner = |x: f32, y: f32, z: f32| table.transform_point3(Vec3::new(x, y, z));
    let (min, max) = (bounds.min, bounds.max);
    (
        [
            corner(min.x, min.y, min.z),
            corner(max.x, min.y, min.z),
            corner(max.x, min.y, max.z),
            corner(min.x, min.y, max.z),
            corner(min.x, max.y, min.z),
            corner(max.x, max.y, min.z),
            corner(max.x, max.y, max.z),
            corner(min.x, max.y, max.z),
        ],
        bounds.size(),
    )
}
