//! The stage: what draws and where to, keys, quality, pictures.

pub mod adapter;
pub mod input;
pub mod keep;
pub mod picture;
pub mod quality;
pub mod scale;
pub mod screenshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bevy::animation::AnimationPlugin;
use bevy::app::{PluginGroupBuilder, ScheduleRunnerPlugin, TerminalCtrlCHandlerPlugin};
use bevy::asset::AssetEventSystems;
use bevy::asset::io::embedded::EmbeddedAssetRegistry;
use bevy::camera::RenderTarget;
use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::light::cluster::GlobalClusterSettings;
use bevy::log::{Level, LogPlugin};
use bevy::prelude::*;
use bevy::render::error_handler::{ErrorType, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_asset::RenderAssetBytesPerFrame;
use bevy::render::render_resource::TextureFormat;
use bevy::render::settings::{RenderCreation, WgpuSettings};
use bevy::render::{RenderApp, RenderPlugin};
use bevy::text::TextPlugin;
use bevy::transform::systems::StaticTransformOptimizations;
use bevy::window::{ExitCondition, MonitorSelection, OnMonitor, PresentMode, WindowMode, WindowResolution};
use bevy::winit::WinitPlugin;
use bevy::world_serialization::WorldSerializationPlugin;
use bevy_egui::{EguiGlobalSettings, EguiPlugin, EguiPostUpdateSet};

use super::command::Command;
use super::globe::GlobeCamera;
use super::globe::camera::Rig;
use super::ledger::Regions;
use super::link::Inbox;
use super::quality::Quality;
use super::showroom::ar::ArSetup;
use super::showroom::headset;
use super::showroom::{ProductFolders, Stereo, Viewing};
use super::text::Lang;
use super::view::{Live, View, Worldview};
use meridian_core::sales::Catalogue;
use meridian_wire::Level as NoticeLevel;

/// Where Bevy keeps its blit among its embedded assets.
const BLIT: &str = "bevy_core_pipeline/blit/blit.wgsl";

/// The most bytes of meshes and textures that go to the GPU in a frame: a texture of 1024 pixels with its smaller copies.
const UPLOAD_BYTES: usize = 6 << 20;

/// How often what has a pace of its own is done, as nothing does.
const NEVER: Duration = Duration::from_secs(1 << 32);

/// Exit status that asks a supervisor to start the display again: the GPU was lost.
pub const EXIT_RESTART: u8 = 75;

/// Where the picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A window.
    Window {
        /// Its size in pixels; the default is 1600×900.
        size: Option<UVec2>,
        /// It fills its monitor from the start.
        fullscreen: bool,
    },
    /// An image, without a screen; time moves only when it is told to.
    Picture {
        /// Its size in pixels.
        size: UVec2,
    },
}

/// What a display is made of.
#[derive(Clone)]
pub struct Setup {
    /// The regions and places.
    pub catalogue: Arc<Catalogue>,
    /// Where the picture goes.
    pub output: Output,
    /// The language at the start.
    pub lang: Lang,
    /// How much is spent on a frame.
    pub quality: Quality,
    /// Whose borders.
    pub worldview: Worldview,
    /// No motion that carries no information.
    pub reduced_motion: bool,
    /// Folders of products beside the shipped ones and the user's.
    pub products: Vec<PathBuf>,
    /// How AR was asked for.
    pub ar: ArSetup,
    /// Two eyes from the start.
    pub stereo: Option<Stereo>,
    /// A headset is wanted.
    pub headset: bool,
    /// A product that is looked at from the start; an empty id is the first on the shelf.
    pub product: Option<String>,
    /// The camera begins where the crown stands against the sky.
    pub begins_at_crown: bool,
    /// Frame statistics go to this file.
    pub trace: Option<PathBuf>,
    /// The log level on standard error.
    pub log_level: Level,
}

/// The image that the camera draws into where there is no window.
#[derive(Resource, Clone)]
pub struct PictureTarget(pub Handle<Image>);

/// Pauses and resumes event time of the display's own gateway.
#[derive(Resource)]
pub struct PauseControl(pub Box<dyn Fn() + Send + Sync>);

fn plugins(setup: &Setup, backends: wgpu::Backends, headset: bool) -> PluginGroupBuilder {
    let picture = matches!(setup.output, Output::Picture { .. });
    let render = RenderPlugin {
        render_creation: RenderCreation::Automatic(Box::new(WgpuSettings {
            backends: Some(backends),
            ..default()
        })),
        synchronous_pipeline_compilation: picture,
        ..default()
    };
    let log = LogPlugin {
        level: setup.log_level,
        filter: "wgpu=error,naga=warn,bevy_render=warn,bevy_render::renderer=error,bevy_pbr=warn,bevy_app=warn,bevy_egui=error,bevy_winit=error,winit=error,offset_allocator=error,bevy_diagnostic=warn"
            .to_owned(),
        ..default()
    };
    let primary_window = match setup.output {
        Output::Picture { .. } => None,
        Output::Window { size, fullscreen } => {
            let size = size.unwrap_or(UVec2::new(1600, 900));
            Some(Window {
                title: "Meridian".to_owned(),
                name: Some("meridian".to_owned()),
                resolution: WindowResolution::new(size.x, size.y),
                mode: window_mode(fullscreen),
                present_mode: if headset {
                    PresentMode::AutoNoVsync
                } else {
                    PresentMode::default()
                },
                ..default()
            })
        }
    };
    let window = WindowPlugin {
        exit_condition: if picture {
            ExitCondition::DontExit
        } else {
            ExitCondition::OnAllClosed
        },
        primary_window,
        ..default()
    };
    let group = idle_plugins(DefaultPlugins.build().set(render).set(log).set(window));
    if picture {
        group
            .disable::<WinitPlugin>()
            .disable::<PipelinedRenderingPlugin>()
            .add(ScheduleRunnerPlugin::run_once())
    } else if headset {
        headset::plugins(group)
    } else {
        group
    }
}

/// Leaves out what nothing here uses: its systems would run in every frame.
fn idle_plugins(group: PluginGroupBuilder) -> PluginGroupBuilder {
    group
        .disable::<AnimationPlugin>()
        .disable::<TextPlugin>()
        .disable::<WorldSerializationPlugin>()
}

/// Borderless only: exclusive full screen panics where there is no monitor.
fn window_mode(fullscreen: bool) -> WindowMode {
    if fullscreen {
        WindowMode::BorderlessFullscreen(MonitorSelection::Current)
    } else {
        WindowMode::Windowed
    }
}

/// egui, drawn from one texture at a time where our own shader draws it.
fn egui_plugin(quality: Quality) -> EguiPlugin {
    let mut plugin = EguiPlugin::default();
    if quality == Quality::Software {
        plugin.bindless_mode_array_size = None;
    }
    plugin
}

/// Bevy's own blit gives way to ours.
fn replace_blit(app: &mut App) {
    let Some(embedded) = app.world_mut().get_resource_mut::<EmbeddedAssetRegistry>() else {
        return;
    };
    match meridian_core::files::read("shaders/blit.wgsl") {
        Ok(bytes) => embedded.insert_asset(PathBuf::new(), BLIT.as_ref(), bytes.into_owned()),
        Err(error) => error!("{error}"),
    }
}

/// Puts a display together.
pub fn build(setup: &Setup, adapter: &adapter::Adapter) -> App {
    let mut app = App::new();
    let in_window = matches!(setup.output, Output::Window { .. });
    let headset = (setup.headset && in_window).then(headset::probe);
    let with_headset = matches!(headset, Some(Ok(_)));
    app.add_plugins(plugins(setup, adapter.backends, with_headset))
        .add_plugins(egui_plugin(setup.quality))
        .insert_resource(Regions(Arc::clone(&setup.catalogue)))
        .insert_resource(ProductFolders(setup.products.clone()))
        .insert_resource(setup.ar.clone())
        .insert_resource(Live(in_window))
        .insert_resource(RenderErrorHandler(leave_on_render_error));
    if in_window {
        // A product's textures come over several frames, so that none of them is long.
        app.insert_resource(RenderAssetBytesPerFrame::new(UPLOAD_BYTES));
    }
    if let Output::Picture { size } = setup.output {
        let image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None);
        let handle = app.world_mut().resource_mut::<Assets<Image>>().add(image);
        app.insert_resource(PictureTarget(handle));
    }
    if setup.quality == Quality::Software {
        super::globe::shader::load(
            &mut app,
            &bevy_egui::render::EGUI_SHADER_HANDLE,
            "shaders/egui.wgsl",
        );
        replace_blit(&mut app);
    }
    // The globe's camera has the panels; the showroom's come first in no way.
    if let Some(mut settings) = app.world_mut().get_resource_mut::<EguiGlobalSettings>() {
        settings.auto_create_primary_context = false;
    }
    // A new glyph goes to the GPU in the frame that shows it first, or that frame lacks it.
    app.configure_sets(
        PostUpdate,
        EguiPostUpdateSet::PostProcessOutput.before(AssetEventSystems),
    );
    app.add_observer(aim_camera)
        .add_observer(forget_monitor)
        .add_plugins((
            super::plugin,
            input::plugin,
            keep::plugin,
            scale::plugin,
            screenshot::plugin,
        ));
    if with_headset {
        app.add_plugins(headset::plugin);
    }
    if let Some(headset) = headset
        && let Some(mut inbox) = app.world_mut().get_resource_mut::<Inbox>()
    {
        say_headset(&mut inbox, headset);
    }
    app.add_plugins(quality::Plugin {
        govern: in_window,
        trace: setup.trace.clone(),
    });
    // Looking for what hasn't moved takes longer than to move the few things that hang on others; and nothing waits for a
    // fixed pace, which is stepped through several times where frames are slow.
    app.insert_resource(StaticTransformOptimizations::Disabled)
        .insert_resource(Time::<Fixed>::from_duration(NEVER));
    // There are no lamps in this room, and clustering them on the GPU costs a frame's start.
    if let Some(mut settings) = app.world_mut().get_resource_mut::<GlobalClusterSettings>() {
        settings.gpu_clustering = None;
    }
    if setup.quality == Quality::Software {
        run_on_one_thread(app.world_mut());
        if let Some(render) = app.get_sub_app_mut(RenderApp) {
            run_on_one_thread(render.world_mut());
        }
    }
    if let Some(mut viewing) = app.world_mut().get_resource_mut::<Viewing>() {
        viewing.stereo = setup.stereo;
    }
    if let Some(id) = &setup.product {
        app.world_mut()
            .write_message(Command::Enter(Some(id.clone()).filter(|id| !id.is_empty())));
    }
    if setup.begins_at_crown
        && let Some(mut rig) = app.world_mut().get_resource_mut::<Rig>()
    {
        rig.begin_at_crown();
    }
    if let Some(mut view) = app.world_mut().get_resource_mut::<View>() {
        view.lang = setup.lang;
        view.quality = setup.quality;
        view.worldview = setup.worldview;
        view.reduced_motion = setup.reduced_motion;
        if matches!(setup.output, Output::Picture { .. }) {
            view.hint_until_secs = 0.0;
        }
    }
    app
}

/// Runs each schedule on the thread that it is called from: where a CPU draws, handing hundreds of small systems from
/// core to core costs more than they do, and the cores have pixels to fill.
fn run_on_one_thread(world: &mut World) {
    let Some(mut schedules) = world.get_resource_mut::<Schedules>() else {
        return;
    };
    for (_, schedule) in schedules.iter_mut() {
        schedule.set_executor(SingleThreadedExecutor::new());
    }
}

/// Which headset there is, or why there is none.
fn say_headset(inbox: &mut Inbox, headset: Result<String, String>) {
    match headset {
        Ok(name) => {
            info!("headset: {name}");
            inbox.tell(NoticeLevel::Info, "headset", "told-headset", vec![("name", name)]);
        }
        Err(problem) => {
            info!("no headset: {problem}");
            inbox.tell(
                NoticeLevel::Warning,
                "headset",
                "told-no-headset",
                vec![("problem", problem)],
            );
        }
    }
}

/// Quits as soon as possible, as after Ctrl+C. For a process's own signal handling.
pub fn leave() {
    TerminalCtrlCHandlerPlugin::gracefully_exit();
}

/// The globe's camera draws into the picture where there is one.
fn aim_camera(added: On<Add, GlobeCamera>, target: Option<Res<PictureTarget>>, mut commands: Commands) {
    if let Some(target) = target {
        commands
            .entity(added.entity)
            .insert(RenderTarget::Image(target.0.clone().into()));
    }
}

/// A window that belongs to a monitor closes when the monitor is unplugged.
fn forget_monitor(inserted: On<Insert, OnMonitor>, mut commands: Commands) {
    commands.entity(inserted.entity).try_remove::<OnMonitor>();
}

fn leave_on_render_error(
    error: &bevy::render::error_handler::RenderError,
    main_world: &mut World,
    _: &mut World,
) -> RenderErrorPolicy {
    let exit = if error.ty == ErrorType::DeviceLost {
        error!(
            "the GPU was lost ({}); leaving with status {EXIT_RESTART} to be started again",
            error.description
        );
        AppExit::from_code(EXIT_RESTART)
    } else {
        error!("drawing failed: {}", error.description);
        AppExit::error()
    };
    main_world.write_message(exit);
    RenderErrorPolicy::StopRendering
}
