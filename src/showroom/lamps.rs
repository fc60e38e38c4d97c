//! The light on the products: a studio's, or that which falls where the camera looks.

use std::collections::HashMap;

use bevy::prelude::*;
use crossbeam_channel::Receiver;

use super::ar::{Ar, matched};
use super::exhibit::Exhibit;
use super::material::{Lighting, ProductMaterial};
use super::prepare::{albedo_map, light_map};
use crate::view::Live;
use meridian_product::studio::{self, Lights, Name, Studio};

/// In what light the products are.
#[derive(Resource, Debug, Clone)]
#[cfg_attr(feature = "dev", derive(Reflect), reflect(Resource))]
pub struct Lamps {
    /// The studio that is wanted.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub studio: Name,
    /// A factor of its light.
    pub exposure: f32,
    /// The light, once it is there.
    #[cfg_attr(feature = "dev", reflect(ignore))]
    pub lighting: Option<Lighting>,
}

impl Default for Lamps {
    fn default() -> Self {
        Self {
            studio: Name::default(),
            exposure: 1.0,
            lighting: None,
        }
    }
}

/// Studios that were worked out, and the one on its way.
#[derive(Resource, Default)]
pub(super) struct Studios {
    ready: HashMap<Name, Lighting>,
    coming: Option<(Name, Receiver<Studio>)>,
    /// The light that the products are in now.
    shown: Option<(Name, Vec3, f32)>,
}

/// Works the wanted studio out beside the display, and puts the products into its light.
pub(super) fn light_products(
    live: Res<Live>,
    ar: Res<Ar>,
    mut lamps: ResMut<Lamps>,
    mut studios: ResMut<Studios>,
    mut images: ResMut<Assets<Image>>,
    mut surfaces: ResMut<Assets<ProductMaterial>>,
    exhibits: Query<&Exhibit>,
) {
    let wait = !live.0;
    let wanted = lamps.studio;
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
    let state = (wanted, colour * lamps.exposure, turn);
    // What can't be seen isn't worth writing every surface anew.
    let near = |shown: &(Name, Vec3, f32)| {
        let colour = (shown.1 - state.1).abs().max_element();
        shown.0 == state.0 && colour < 0.01 && (shown.2 - state.2).abs() < 0.03
    };
    if studios.shown.as_ref().is_some_and(near) && lamps.lighting.is_some() {
        return;
    }
    let lighting = Lighting {
        intensity: state.1,
        turn,
        ..lighting.clone()
    };
    for handle in exhibits.iter().flat_map(Exhibit::surfaces) {
        if let Some(mut surface) = surfaces.get_mut(handle) {
            surface.light_by(&lighting);
        }
    }
    lamps.lighting = Some(lighting);
    studios.shown = Some(state);
}
