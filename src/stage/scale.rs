//! Render scale: the globe drawn with fewer pixels than the picture has, and stretched before the panels are
//! drawn over it, so that figures stay crisp.

use bevy::asset::uuid_handle;
use bevy::camera::MainPassResolutionOverride;
use bevy::core_pipeline::fullscreen_material::{FullscreenMaterial, FullscreenMaterialPlugin};
use bevy::prelude::*;
use bevy::render::extract_component::ExtractComponent;
use bevy::render::render_resource::ShaderType;
use bevy::render::sync_world::RenderEntity;
use bevy::render::{Extract, ExtractSchedule, RenderApp};
use bevy::shader::{Shader, ShaderRef};

use crate::DisplaySystems;
use crate::globe::{GlobeCamera, shader};
use crate::quality::Budget;

const SHADER: Handle<Shader> = uuid_handle!("e1b6b4d9-65a0-4c1e-9d3c-0a5a64f0c8b7");

/// On a camera that draws with fewer pixels than its picture has.
#[derive(Component, ExtractComponent, ShaderType, Debug, Clone, Copy, Default, PartialEq)]
pub struct RenderScale {
    /// Pixels that are drawn.
    drawn: Vec2,
    /// Pixels of the picture.
    picture: Vec2,
}

impl FullscreenMaterial for RenderScale {
    fn fragment_shader() -> ShaderRef {
        SHADER.into()
    }
}

impl RenderScale {
    /// For a picture's size; `None` where nothing is saved.
    fn new(picture: UVec2, share: f32) -> Option<Self> {
        let picture = picture.as_vec2();
        let drawn = (picture * share).round().max(Vec2::ONE);
        (drawn.x < picture.x && drawn.y < picture.y).then_some(Self { drawn, picture })
    }
}

/// Follows the budget and the window.
fn scale_camera(
    mut commands: Commands,
    budget: Res<Budget>,
    cameras: Query<(Entity, &Camera, Option<&RenderScale>), With<GlobeCamera>>,
) {
    for (entity, camera, has) in &cameras {
        let wanted = camera
            .physical_target_size()
            .and_then(|size| RenderScale::new(size, budget.scale));
        match wanted {
            Some(wanted) if has != Some(&wanted) => {
                commands.entity(entity).insert(wanted);
            }
            None if has.is_some() => {
                commands.entity(entity).remove::<RenderScale>();
            }
            _ => {}
        }
    }
}

/// The renderer's own word for it.
fn override_resolution(
    mut commands: Commands,
    cameras: Extract<Query<(RenderEntity, Option<&RenderScale>), With<GlobeCamera>>>,
) {
    for (entity, scale) in &cameras {
        let Ok(mut camera) = commands.get_entity(entity) else {
            continue;
        };
        match scale {
            Some(scale) => camera.insert(MainPassResolutionOverride(scale.drawn.as_uvec2())),
            None => camera.remove::<MainPassResolutionOverride>(),
        };
    }
}

/// Render scale.
pub fn plugin(app: &mut App) {
    shader::load(app, &SHADER, "shaders/scale.wgsl");
    app.add_plugins(FullscreenMaterialPlugin::<RenderScale>::default())
        .add_systems(Update, scale_camera.in_set(DisplaySystems::Follow));
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        render.add_systems(ExtractSchedule, override_resolution);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stretched_at_full_scale() {
        assert_eq!(RenderScale::new(UVec2::new(1280, 720), 1.0), None);
        assert_eq!(
            RenderScale::new(UVec2::new(1280, 720), 0.5).map(|scale| scale.drawn),
            Some(Vec2::new(640.0, 360.0))
        );
    }
}
