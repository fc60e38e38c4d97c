//! For developers (feature `dev`): the display's own components and resources, written to a file that can be watched.
//!
//! What derives `Reflect` is registered by Bevy itself. Fields whose types are other crates' (the feed's, the models') are
//! left out.

use std::any::TypeId;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bevy::ecs::reflect::AppTypeRegistry;
use bevy::prelude::*;
use bevy::world_serialization::{DynamicWorldBuilder, WorldFilter};

use crate::view::{Live, Screen};

/// In a window the file is written so often.
const EVERY: Duration = Duration::from_secs(1);

/// Where the world is written to.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Asks displays of this process to write their world to a file, once a second; those that draw pictures, after each.
pub fn dump_world_to(path: PathBuf) {
    // Only the first counts: there is one command line.
    let _ = FILE.set(path);
}

/// The world in RON, as far as it is the display's own: entities with their names, places and components, and resources.
///
/// # Errors
/// When a value can't be written as RON.
pub fn dump(world: &World) -> Result<String, String> {
    let registry = world.resource::<AppTypeRegistry>().read();
    let own = registry
        .iter()
        .filter(|known| known.type_info().type_path().contains("meridian::"))
        .map(|known| known.type_id())
        .chain([
            TypeId::of::<Name>(),
            TypeId::of::<Transform>(),
            TypeId::of::<ChildOf>(),
        ]);
    let own = own.fold(WorldFilter::deny_all(), WorldFilter::allow_by_id);
    let mut entities = world.try_query::<Entity>();
    let entities = entities.iter_mut().flat_map(|query| query.iter(world));
    DynamicWorldBuilder::from_world(world, &registry)
        .with_component_filter(own.clone())
        .with_resource_filter(own)
        .extract_entities(entities)
        .extract_resources()
        .remove_empty_entities()
        .build()
        .serialize(&registry)
        .map_err(|error| error.to_string())
}

/// Who watches the file never sees half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}

fn write_world(world: &mut World, mut last: Local<Option<Instant>>) {
    let Some(path) = FILE.get() else { return };
    let live = world.get_resource::<Live>().is_some_and(|live| live.0);
    if live && last.is_some_and(|last| last.elapsed() < EVERY) {
        return;
    }
    *last = Some(Instant::now());
    let outcome = dump(world).and_then(|text| write(path, &text).map_err(|error| error.to_string()));
    if let Err(problem) = outcome {
        error!("{}: {problem}", path.display());
    }
}

/// The file.
pub fn plugin(app: &mut App) {
    app.register_type::<State<Screen>>()
        .add_systems(Last, write_world);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::showroom::Exploded;
    use crate::showroom::exhibit::{Playing, Slot};

    #[test]
    fn the_worlds_own_components_and_resources_are_written() {
        let mut app = App::new();
        app.insert_resource(Exploded {
            share: 0.25,
            goal: 1.0,
        });
        let playing = Playing {
            secs: 1.5,
            ..default()
        };
        app.world_mut().spawn((Name::new("earbuds"), Slot(1), playing));
        let text = dump(app.world()).unwrap();
        for part in [
            "meridian::showroom::Exploded",
            "share: 0.25",
            "meridian::showroom::exhibit::Playing",
            "secs: 1.5",
            "earbuds",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    }
}
