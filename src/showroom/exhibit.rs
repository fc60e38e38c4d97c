//! What stands in the showroom, as components: an [`Exhibit`] is the root of a product's nodes, and these of its parts.

use std::sync::Arc;

use bevy::ecs::query::QueryData;
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::Exploded;
use super::material::{GroundMaterial, ProductMaterial};
use super::orbit::Orbit;
use super::prepare::Prepared;
use crate::theme::ease;
use meridian_product::model::{Animation, Bounds};
use meridian_product::{Model, Product, animate};

/// How large a product is as it begins to come, as a share of its size.
const SMALL: f32 = 0.82;
/// How far it turns into place as it comes, in radians.
const SWING: f32 = 0.9;

/// A material, plain and with the openness of vertices.
pub(super) type Surfaces = [Option<Handle<ProductMaterial>>; 2];

/// A product that stands in the showroom; everything of it but the ground is below it.
#[derive(Component)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component, from_reflect = false))]
#[require(Slot, Spot, Coming, Variant, Playing)]
pub struct Exhibit {
    /// What it is, and its model.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub prepared: Arc<Prepared>,
    /// For each of the model's materials.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub(super) materials: Vec<Surfaces>,
}

impl Exhibit {
    /// What it is.
    pub fn product(&self) -> &Product {
        &self.prepared.product
    }

    /// What its file holds.
    pub fn model(&self) -> &Model {
        &self.prepared.model
    }

    /// Whether it can be taken apart.
    pub fn opens(&self) -> bool {
        animate::explodes(self.model())
    }

    /// One that nobody draws.
    #[cfg(test)]
    pub fn undrawn(prepared: Prepared) -> Self {
        Self {
            prepared: Arc::new(prepared),
            materials: Vec::new(),
        }
    }

    /// Every surface of it.
    pub(super) fn surfaces(&self) -> impl Iterator<Item = &Handle<ProductMaterial>> {
        self.materials.iter().flatten().flatten()
    }

    /// The surface of a material; `open`: with the openness of vertices.
    pub(super) fn surface(&self, material: usize, open: bool) -> Option<Handle<ProductMaterial>> {
        surface_of(&self.materials, material, open)
    }
}

/// The surface of a material, or the last one where there is none by that number.
pub(super) fn surface_of(
    materials: &[Surfaces],
    material: usize,
    open: bool,
) -> Option<Handle<ProductMaterial>> {
    let [plain, opened] = materials.get(material).or_else(|| materials.last())?;
    if open { opened.clone() } else { plain.clone() }
}

/// The exhibit's place among those that are wanted: 0 is the product in view, 1 the one beside it.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct Slot(pub usize);

/// Where an exhibit stands in the room, in metres.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct Spot(pub Vec3);

/// An exhibit's coming and going.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct Coming {
    /// How far it has come in, 0 to 1.
    pub share: f32,
    /// It turns into place as it comes; not where its poster stood there already.
    pub swings: bool,
}

/// The variant that an exhibit is in; `None` is as the file has it.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct Variant(pub Option<usize>);

/// An exhibit's animation.
#[derive(Component, Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub struct Playing {
    /// Which.
    pub index: usize,
    /// Where it is, in seconds.
    pub secs: f32,
    /// It goes on.
    pub on: bool,
}

impl Playing {
    /// The animation, if the model has it.
    pub fn animation<'a>(&self, model: &'a Model) -> Option<&'a Animation> {
        model.animations.get(self.index)
    }

    /// The model isn't as it stands at rest.
    pub(super) fn moves(&self) -> bool {
        self.on || self.secs > 0.0
    }
}

/// A node of an exhibit's model.
#[derive(Component, Debug, Clone, Copy)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub(super) struct NodeOf {
    /// The exhibit.
    pub exhibit: Entity,
    /// Its number in the model.
    pub node: usize,
}

/// A part that is drawn: a primitive of the mesh of a node.
#[derive(Component, Debug, Clone, Copy)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub(super) struct PartOf {
    /// The exhibit.
    pub exhibit: Entity,
    /// The node's number in the model.
    pub node: usize,
    /// The primitive's number in the node's mesh.
    pub primitive: usize,
}

/// What decides which shader draws a part: the surface, and what the mesh holds.
pub(super) type Form = (u32, [bool; 6]);

/// On a part that isn't drawn yet: a form of shader that is new takes a driver a while, so that each gets frames of its own,
/// before the product is seen.
#[derive(Component, Debug, Clone, Copy)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
pub(super) struct Waits(pub Form);

/// The ground lies under this exhibit, and goes with it.
#[derive(Component, Debug)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
#[relationship(relationship_target = Ground)]
pub(super) struct GroundOf(pub Entity);

/// The ground under an exhibit. Not below it: the ground neither turns nor grows.
#[derive(Component, Debug)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Component))]
#[relationship_target(relationship = GroundOf, linked_spawn)]
pub(super) struct Ground(Entity);

impl Ground {
    /// The ground's entity.
    pub fn entity(&self) -> Entity {
        self.0
    }
}

/// How a ground looks.
#[derive(Component)]
pub(super) struct GroundLook {
    /// Its pool of light, its rim and the shadow on it.
    pub surface: Handle<GroundMaterial>,
    /// Its shadow alone.
    pub shadow: Handle<GroundMaterial>,
}

/// An exhibit, with what of it changes.
#[derive(QueryData)]
pub struct Standing {
    /// Its entity.
    pub entity: Entity,
    /// What it is.
    pub exhibit: &'static Exhibit,
    /// Which place is its.
    pub slot: &'static Slot,
    /// Where that is.
    pub spot: &'static Spot,
    /// How far it has come in.
    pub coming: &'static Coming,
    /// The variant that it is in.
    pub variant: &'static Variant,
    /// Its animation.
    pub playing: &'static Playing,
}

impl StandingItem<'_, '_> {
    /// How it stands in the room: turned by the table, or by a hand where it stands on the sheet.
    pub fn table(&self, orbit: &Orbit, in_ar: bool) -> Transform {
        let bounds = self.exhibit.model().bounds;
        let pivot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
        let (turn, place) = if in_ar {
            (orbit.home.azimuth - orbit.now.azimuth, Vec3::ZERO)
        } else {
            (orbit.turned, pivot)
        };
        // It comes in smaller, and turns into place.
        let eased = if self.coming.swings {
            ease::soft(self.coming.share)
        } else {
            1.0
        };
        let size = SMALL + (1.0 - SMALL) * eased;
        let rotation = Quat::from_rotation_y(turn - (1.0 - eased) * SWING);
        Transform {
            translation: self.spot.0 + place - rotation * (pivot * size),
            rotation,
            scale: Vec3::splat(size),
        }
    }
}

/// Every exhibit.
#[derive(SystemParam)]
pub struct Exhibits<'w, 's> {
    all: Query<'w, 's, Standing>,
}

impl Exhibits<'_, '_> {
    /// The exhibits, the one in view first.
    pub fn sorted(&self) -> Vec<StandingItem<'_, '_>> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|standing| (*standing.slot, standing.entity));
        all
    }

    /// The exhibit in view.
    pub fn first(&self) -> Option<StandingItem<'_, '_>> {
        self.all
            .iter()
            .min_by_key(|standing| (*standing.slot, standing.entity))
    }

    /// One of them.
    pub fn get(&self, exhibit: Entity) -> Option<StandingItem<'_, '_>> {
        self.all.get(exhibit).ok()
    }

    /// The one with this product.
    pub fn of(&self, id: &str) -> Option<StandingItem<'_, '_>> {
        self.all
            .iter()
            .find(|standing| standing.exhibit.product().id == id)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.iter().len()
    }

    /// Nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Everything that stands there, in metres.
    pub(super) fn bounds(&self, exploded: &Exploded) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        for standing in &self.all {
            add_bounds(&mut bounds, standing.exhibit, standing.spot.0, exploded);
        }
        bounds
    }
}

/// Adds an exhibit, as far apart as it is, to what is there.
pub(super) fn add_bounds(bounds: &mut Bounds, exhibit: &Exhibit, spot: Vec3, exploded: &Exploded) {
    let (own, apart) = (exhibit.model().bounds, exhibit.prepared.apart);
    bounds.add(own.min.lerp(apart.min, exploded.share) + spot);
    bounds.add(own.max.lerp(apart.max, exploded.share) + spot);
}

/// Something stands there.
pub(super) fn anything_stands(exhibits: Query<(), With<Exhibit>>) -> bool {
    !exhibits.is_empty()
}
