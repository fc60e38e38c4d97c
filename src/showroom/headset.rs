//! A headset, where the program was built for one (feature `xr`) and an OpenXR runtime is there: the product stands in front
//! of its viewer at true scale, and the screen goes on as before. Where there is none, people are told why, and nothing
//! else changes.

#[cfg(feature = "xr")]
pub use with::{plugin, plugins, probe};
#[cfg(not(feature = "xr"))]
pub use without::{plugin, plugins, probe};

/// The height of tables, in metres: a product lower than half of it stands on one, any other on the floor.
#[cfg_attr(not(feature = "xr"), allow(dead_code))]
const TABLE: f32 = 0.74;
/// Nearer than this to what they look at, people step back; in metres.
#[cfg_attr(not(feature = "xr"), allow(dead_code))]
const ARM: f32 = 0.65;

/// Where the floor under the viewer is, seen from a product that stands at the origin and looks along +Z.
#[cfg_attr(not(feature = "xr"), allow(dead_code))]
fn viewer(height: f32, radius: f32) -> bevy::math::Vec3 {
    let floor = if height < TABLE * 0.5 { -TABLE } else { 0.0 };
    bevy::math::Vec3::new(0.0, floor, ARM + radius * 1.4)
}

#[cfg(not(feature = "xr"))]
mod without {
    use bevy::app::{App, PluginGroupBuilder};

    /// The runtime's and the headset's name, or why there is none.
    ///
    /// # Errors
    /// Always: this program was built without headsets.
    pub fn probe() -> Result<String, String> {
        Err("this program was built without headsets: build it with --features xr".to_owned())
    }

    /// What draws, into a headset too.
    pub fn plugins(group: PluginGroupBuilder) -> PluginGroupBuilder {
        group
    }

    /// What a headset shows.
    pub fn plugin(_: &mut App) {}
}

#[cfg(feature = "xr")]
mod with {
    use bevy::app::PluginGroupBuilder;
    use bevy::camera::visibility::RenderLayers;
    use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
    use bevy::prelude::*;
    use bevy::winit::{UpdateMode, WinitSettings};
    use bevy_mod_openxr::add_xr_plugins;
    use bevy_mod_xr::camera::XrCamera;
    use bevy_mod_xr::session::{XrState, XrStateChanged, XrTrackingRoot};

    use super::super::exhibit::Exhibits;
    use super::super::{Exploded, GROUND_LAYER, SHOWROOM_LAYER};
    use super::viewer;
    use crate::DisplaySystems;
    use crate::link::Inbox;
    use meridian_wire::Level;

    /// The loader's file, as systems name it, and where it comes from.
    const LOADER: &str = if cfg!(target_os = "windows") {
        "openxr_loader.dll isn't there"
    } else if cfg!(target_os = "macos") {
        "libopenxr_loader.dylib isn't there"
    } else {
        "libopenxr_loader.so isn't there; Debian has it in libopenxr-dev"
    };

    /// The runtime's and the headset's name, or why there is none. Nothing is kept of either.
    ///
    /// # Errors
    /// What is missing, in a sentence.
    pub fn probe() -> Result<String, String> {
        // SAFETY: this runs the initialisers of the system's own OpenXR loader, a library that the person chose to install;
        // nothing of it is used after `entry` and what comes of it are dropped.
        #[allow(unsafe_code)]
        let entry = unsafe { openxr::Entry::load() }
            .map_err(|error| format!("no OpenXR loader is installed: {LOADER} ({error})"))?;
        let application = openxr::ApplicationInfo {
            application_name: "Meridian",
            ..Default::default()
        };
        let extensions = openxr::ExtensionSet::default();
        let instance = entry
            .create_instance(&application, &extensions, &[])
            .map_err(|error| format!("no OpenXR runtime answers ({error})"))?;
        let runtime = instance
            .properties()
            .map_err(|error| format!("the OpenXR runtime doesn't say what it is ({error})"))?;
        let system = instance
            .system(openxr::FormFactor::HEAD_MOUNTED_DISPLAY)
            .map_err(|error| format!("{} has no headset ({error})", runtime.runtime_name))?;
        let system = instance
            .system_properties(system)
            .map_err(|error| format!("{}'s headset doesn't answer ({error})", runtime.runtime_name))?;
        Ok(format!("{}, {}", runtime.runtime_name, system.system_name))
    }

    /// What draws, into a headset too.
    pub fn plugins(group: PluginGroupBuilder) -> PluginGroupBuilder {
        add_xr_plugins(group)
    }

    /// What a headset shows.
    pub fn plugin(app: &mut App) {
        // The headset sets the pace, whichever window has the keyboard.
        app.insert_resource(WinitSettings {
            focused_mode: UpdateMode::Continuous,
            unfocused_mode: UpdateMode::Continuous,
        })
        .add_observer(aim)
        .add_systems(Update, (stand, report).after(DisplaySystems::Follow));
    }

    /// A headset's eyes see the showroom, as its screen's camera does.
    fn aim(added: On<Add, XrCamera>, mut commands: Commands) {
        commands.entity(added.entity).insert((
            RenderLayers::from_layers(&[SHOWROOM_LAYER, GROUND_LAYER]),
            Tonemapping::None,
            DebandDither::Disabled,
            Msaa::Sample4,
        ));
    }

    /// The viewer stands before the product.
    fn stand(
        exploded: Res<Exploded>,
        exhibits: Exhibits,
        mut roots: Query<&mut Transform, With<XrTrackingRoot>>,
    ) {
        if exhibits.is_empty() {
            return;
        }
        let bounds = exhibits.bounds(&exploded);
        let goal = Transform::from_translation(viewer(bounds.size().y, bounds.radius()));
        for mut root in &mut roots {
            root.set_if_neq(goal);
        }
    }

    /// Says how the session stands.
    fn report(mut changes: MessageReader<XrStateChanged>, mut inbox: ResMut<Inbox>) {
        for XrStateChanged(state) in changes.read() {
            let key = match state {
                XrState::Running => "told-headset-shows",
                XrState::Unavailable => "told-headset-unavailable",
                XrState::Stopping | XrState::Exiting { .. } => "told-headset-ends",
                XrState::Available | XrState::Idle | XrState::Ready => continue,
            };
            inbox.tell(Level::Info, "headset", key, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_things_stand_on_a_table_and_chairs_on_the_floor() {
        let bottle = viewer(0.24, 0.13);
        assert!(bottle.y == -TABLE && bottle.z > 0.7 && bottle.z < 1.0);
        let chair = viewer(0.95, 0.65);
        assert!(chair.y == 0.0 && chair.z > 1.4 && chair.z < 2.0);
    }

    #[test]
    fn where_there_is_no_headset_a_reason_is_given() {
        if let Err(reason) = probe() {
            assert!(
                reason.contains("OpenXR") || reason.contains("headset"),
                "{reason}"
            );
        }
    }
}
