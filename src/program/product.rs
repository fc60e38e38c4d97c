//! `meridian product`: checks folders of products, and draws single products.

use meridian_core::say;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bevy::log::Level;
use bevy::prelude::{Entity, UVec2, With, World};
use meridian::quality::Quality;
use meridian::showroom::exhibit::{Exhibit, Playing, Variant};
use meridian::showroom::export::{self, Exports};
use meridian::showroom::lamps::Lamps;
use meridian::showroom::orbit::{FOV_DEG, Orbit, Pose};
use meridian::showroom::{Exploded, ProductShelf, Wanted};
use meridian::stage::picture::Studio;
use meridian::stage::{Output, Setup, adapter};
use meridian_product::shelf::Place;
use meridian_product::studio::{Lights, Name as StudioName};
use meridian_product::{Product, Shelf};
use serde_json::json;

use super::catalogue;
use super::cli::{Product as Order, Render};

/// How many frames a product may take to be shown, or a picture to come back.
const PATIENCE_FRAMES: u32 = 240;

/// Runs a command about products.
///
/// # Errors
/// When there is nothing to draw with, no such product, or its picture can't be written.
pub fn run(order: &Order) -> Result<ExitCode> {
    match order {
        Order::Check { folders } => Ok(check(folders)),
        Order::Render(order) => render(order).map(|()| ExitCode::SUCCESS),
        Order::Studio { name, output } => studio_light(*name, output).map(|()| ExitCode::SUCCESS),
    }
}

/// Writes a studio's light.
fn studio_light(name: StudioName, output: &Path) -> Result<()> {
    if output
        .extension()
        .is_none_or(|ending| !ending.eq_ignore_ascii_case("hdr"))
    {
        bail!(
            "{}: the name of a studio's light must end in .hdr",
            output.display()
        );
    }
    std::fs::write(output, Lights::of(name).to_hdr())
        .map_err(|error| anyhow!("{}: {error}", output.display()))
}

/// Prints what is in the folders; fails where something is wrong.
fn check(folders: &[PathBuf]) -> ExitCode {
    let (shelf, problems) = Shelf::load(folders);
    let mut wrong = problems.len();
    for problem in problems {
        eprintln!("meridian: {problem}");
    }
    // Those that were asked for; without a folder, all of them.
    let asked = |product: &&Product| {
        folders.is_empty()
            || matches!(&product.place, Place::Folder(place) if folders.iter().any(|folder| place.starts_with(folder)))
    };
    for product in shelf.products.iter().filter(asked) {
        match product.model() {
            Ok(model) => {
                let size = model.bounds.size();
                let line = json!({
                    "id": product.id,
                    "name": product.manifest.name,
                    "triangles": model.triangles(),
                    "size_m": [size.x, size.y, size.z],
                    "materials": model.materials.len() - 1,
                    "pictures": model.pictures.len(),
                    "animations": model.animations.iter().map(|animation| &animation.name).collect::<Vec<_>>(),
                    "variants": model.variants,
                    "hotspots": product.manifest.hotspots.len(),
                    "remarks": model.remarks,
                });
                say!("{line}");
                if let Some(Err(problem)) = product.poster() {
                    wrong += 1;
                    eprintln!("meridian: {problem}");
                }
                for hotspot in &product.manifest.hotspots {
                    if let Some(node) = &hotspot.node
                        && !model.nodes.iter().any(|known| known.name == *node)
                    {
                        wrong += 1;
                        eprintln!(
                            "meridian: {}: hotspot {:?} moves with node {node:?}, which the model hasn't",
                            product.id, hotspot.name.en
                        );
                    }
                }
                let named = product
                    .manifest
                    .animations
                    .keys()
                    .chain(&product.manifest.animation);
                for name in named {
                    if !model.animations.iter().any(|animation| animation.name == *name) {
                        wrong += 1;
                        let names: Vec<&str> = model
                            .animations
                            .iter()
                            .map(|animation| animation.name.as_str())
                            .collect();
                        eprintln!(
                            "meridian: {}: animation {name:?}: the model has {}",
                            product.id,
                            if names.is_empty() {
                                "none".to_owned()
                            } else {
                                names.join(", ")
                            }
                        );
                    }
                }
                for name in product.manifest.variants.keys() {
                    if !model.variants.contains(name) {
                        wrong += 1;
                        eprintln!(
                            "meridian: {}: variant.{name}: the model has {}",
                            product.id,
                            model.variants.join(", ")
                        );
                    }
                }
            }
            Err(error) => {
                wrong += 1;
                eprintln!("meridian: {}: {error}", product.id);
            }
        }
    }
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The eye, the studio, the variant and the animation as the order has them.
///
/// # Errors
/// When the product has no such variant or animation.
fn set_up(studio: &mut Studio, order: &Render) -> Result<()> {
    let world = studio.world_mut();
    let mut orbit = world.resource_mut::<Orbit>();
    let home = orbit.home;
    let pose = Pose {
        azimuth: order.azimuth.map_or(home.azimuth, f32::to_radians),
        elevation: order.elevation.map_or(home.elevation, f32::to_radians),
        distance: order.distance.unwrap_or(home.distance),
        target: home.target,
    };
    orbit.now = pose;
    orbit.goal = pose;
    if let Some(name) = order.studio {
        world.resource_mut::<Lamps>().studio = name;
    }
    world.resource_mut::<Exploded>().goal = order.open.clamp(0.0, 1.0);
    let exhibit = exhibit(world).ok_or_else(|| anyhow!("{}: didn't come", order.id))?;
    let model = world.entity(exhibit).get::<Exhibit>().map(Exhibit::model);
    let model = model.ok_or_else(|| anyhow!("{}: didn't come", order.id))?;
    let mut variant = None;
    if let Some(name) = &order.variant {
        variant = model.variants.iter().position(|known| known == name);
        if variant.is_none() {
            bail!(
                "{}: no variant {name:?}; there are: {}",
                order.id,
                model.variants.join(", ")
            );
        }
    }
    let mut index = None;
    if let Some(name) = &order.animation {
        let names: Vec<&str> = model.animations.iter().map(|known| known.name.as_str()).collect();
        index = names.iter().position(|known| known == name);
        if index.is_none() {
            bail!(
                "{}: no animation {name:?}; there are: {}",
                order.id,
                names.join(", ")
            );
        }
    }
    let mut exhibit = world.entity_mut(exhibit);
    if let Some(at) = variant {
        exhibit.insert(Variant(Some(at)));
    }
    let playing = exhibit.get::<Playing>().copied().unwrap_or_default();
    exhibit.insert(Playing {
        index: index.unwrap_or(playing.index),
        secs: order.at.max(0.0),
        on: false,
    });
    Ok(())
}

/// What stands there.
fn exhibit(world: &mut World) -> Option<Entity> {
    let mut exhibits = world.query_filtered::<Entity, With<Exhibit>>();
    exhibits.iter(world).next()
}

/// Draws a product alone into a file, and says from where it is seen.
fn render(order: &Render) -> Result<()> {
    let ending = order.output.extension().and_then(|ending| ending.to_str());
    if !ending.is_some_and(|ending| ["png", "webp"].contains(&ending.to_ascii_lowercase().as_str())) {
        bail!(
            "{}: the name of a product's picture must end in .png or .webp",
            order.output.display()
        );
    }
    let adapter = adapter::find()?;
    // The screen behind is never looked at.
    let screen = UVec2::new(640, 360);
    let setup = Setup {
        catalogue: catalogue()?,
        output: Output::Picture { size: screen },
        lang: order.looks.lang,
        quality: order.looks.quality.unwrap_or(Quality::High),
        worldview: order.looks.worldview,
        reduced_motion: true,
        products: order.looks.products.clone(),
        ar: order.looks.ar()?,
        stereo: None,
        headset: false,
        product: Some(order.id.clone()),
        begins_at_crown: false,
        trace: None,
        log_level: Level::WARN,
    };
    let mut studio = Studio::new(&setup, screen, &adapter);
    let frame = Duration::from_millis(33);
    for _ in 0..PATIENCE_FRAMES {
        let world = studio.world_mut();
        if let Some(problem) = &world.resource::<Wanted>().problem {
            bail!("{problem}");
        }
        let shelf = world.resource::<ProductShelf>();
        if shelf.product(&order.id).is_none() {
            let ids: Vec<&str> = shelf.products.iter().map(|product| product.id.as_str()).collect();
            bail!(
                "there is no product {:?}; there are: {}",
                order.id,
                ids.join(", ")
            );
        }
        if exhibit(world).is_some() {
            break;
        }
        studio.advance(frame);
    }
    set_up(&mut studio, order)?;
    for _ in 0..3 {
        studio.advance(frame);
    }
    studio
        .world_mut()
        .resource_mut::<Exports>()
        .orders
        .push(export::Order {
            size: UVec2::new(order.size.width, order.size.height),
            path: order.output.clone(),
            shadow: !order.no_shadow,
        });
    for _ in 0..PATIENCE_FRAMES {
        studio.advance(frame);
        // The picture is compressed on another thread.
        std::thread::sleep(Duration::from_millis(5));
        if let Some(outcome) = studio.world_mut().resource_mut::<Exports>().done.pop() {
            let path = outcome.map_err(|problem| anyhow!(problem))?;
            let world = studio.world_mut();
            let (orbit, lamps) = (world.resource::<Orbit>(), world.resource::<Lamps>());
            let aspect = order.size.width as f32 / order.size.height.max(1) as f32;
            let eye = orbit.transform(aspect).translation;
            let line = json!({
                "picture": path,
                "camera": {
                    "eye": eye.to_array(),
                    "target": orbit.now.target.to_array(),
                    "up": [0, 1, 0],
                    "fov_y_deg": FOV_DEG,
                    "aspect": aspect,
                },
                "studio": lamps.studio.id(),
                "exposure": lamps.exposure,
            });
            say!("{line}");
            return Ok(());
        }
    }
    bail!("the picture did not come back from the GPU within {PATIENCE_FRAMES} frames")
}
