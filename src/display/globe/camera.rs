//! The camera that looks at the planet.

use bevy::prelude::*;

/// Marks the camera that looks at the planet. It exists from `PreStartup` on; the stage sets where it draws.
#[derive(Component, Debug, Clone, Copy, Default)]
pub struct GlobeCamera;

fn spawn_camera(mut commands: Commands) {
    commands.spawn((
        GlobeCamera,
        Camera3d::default(),
        Msaa::Off,
        Transform::from_xyz(0.0, 0.0, 6.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
}

/// The camera.
pub fn plugin(app: &mut App) {
    app.add_systems(PreStartup, spawn_camera);
}
