//! Exports a picture of the product alone, of any size, on a transparent background.

use std::path::{Path, PathBuf};

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{ImageRenderTarget, RenderTarget};
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::pbr::{ScreenSpaceTransmission, ScreenSpaceTransmissionQuality};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use crossbeam_channel::{Receiver, Sender};

use super::cameras::ProductPicture;
use super::eye::{Eye, Eyepiece};
use super::orbit::Orbit;
use super::{SHADOW_LAYER, SHOWROOM_LAYER, Wanted};
use crate::DisplaySystems;
use crate::link::Inbox;
use meridian_wire::Level;

/// How many frames it takes until everything that the picture needs is on the GPU.
const SETTLE_FRAMES: u32 = 3;
/// How many times the pixels of the screen a picture from it has.
const TIMES: u32 = 2;
/// The longest side of a picture, in pixels.
const MAX_PX: u32 = 8192;

/// A picture that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Pixels.
    pub size: UVec2,
    /// Where it goes.
    pub path: PathBuf,
    /// With the shadow beneath it.
    pub shadow: bool,
}

#[derive(Component)]
struct ExportCamera {
    order: Order,
    frames: u32,
    taken: bool,
}

/// Pictures that were asked for, and what became of them.
#[derive(Resource)]
pub struct Exports {
    /// To be made.
    pub orders: Vec<Order>,
    /// The picture on screen is asked for, once.
    pub(super) asked: bool,
    sender: Sender<Result<PathBuf, String>>,
    receiver: Receiver<Result<PathBuf, String>>,
    /// What became of each, until somebody takes it.
    pub done: Vec<Result<PathBuf, String>>,
}

impl Default for Exports {
    fn default() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self {
            orders: Vec::new(),
            asked: false,
            sender,
            receiver,
            done: Vec::new(),
        }
    }
}

/// An sRGB byte as light, 0 to 1.
pub fn linear(byte: u8) -> f32 {
    Srgba::gamma_function(f32::from(byte) / 255.0)
}

/// Light, 0 to 1, as an sRGB byte.
pub fn curved(light: f32) -> u8 {
    (Srgba::gamma_function_inverse(light.clamp(0.0, 1.0)) * 255.0 + 0.5) as u8
}

/// Light that was multiplied by its alpha, as files have it: not multiplied.
fn straight(premultiplied: &mut [u8]) {
    weigh(premultiplied, |light, alpha| light / alpha);
}

/// Light as files have it, multiplied by its alpha as what is drawn has it.
pub fn premultiply(straight: &mut [u8]) {
    weigh(straight, |light, alpha| light * alpha);
}

fn weigh(pixels: &mut [u8], change: impl Fn(f32, f32) -> f32) {
    for pixel in pixels.chunks_exact_mut(4) {
        if let [r, g, b, a] = pixel
            && *a < 255
        {
            let alpha = f32::from(*a) / 255.0;
            for channel in [r, g, b] {
                *channel = if *a == 0 {
                    0
                } else {
                    curved(change(linear(*channel), alpha))
                };
            }
        }
    }
}

fn save(image: Image, path: &Path) -> Result<(), String> {
    let mut picture = image
        .try_into_dynamic()
        .map_err(|error| error.to_string())?
        .to_rgba8();
    straight(&mut picture);
    picture
        .save(path)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn begin(
    mut commands: Commands,
    wanted: Res<Wanted>,
    orbit: Res<Orbit>,
    picture: Res<ProductPicture>,
    mut exports: ResMut<Exports>,
    mut images: ResMut<Assets<Image>>,
) {
    if exports.asked {
        exports.asked = false;
        let size = picture.size * TIMES;
        let most = size.max_element().max(1);
        let size = if most > MAX_PX { size * MAX_PX / most } else { size };
        let id = wanted.first().unwrap_or_default();
        let path = crate::folder::free_name(&format!("meridian-{id}"));
        exports.orders.push(Order {
            size,
            path,
            shadow: true,
        });
    }
    for order in std::mem::take(&mut exports.orders) {
        let image =
            Image::new_target_texture(order.size.x, order.size.y, TextureFormat::Rgba8UnormSrgb, None);
        let target = images.add(image);
        let aspect = order.size.x as f32 / order.size.y.max(1) as f32;
        let eye = Eye::orbiting(&orbit, aspect);
        let layers = RenderLayers::layer(SHOWROOM_LAYER);
        let layers = if order.shadow {
            layers.with(SHADOW_LAYER)
        } else {
            layers
        };
        commands.spawn((
            ExportCamera {
                order,
                frames: 0,
                taken: false,
            },
            Camera3d::default(),
            ScreenSpaceTransmission {
                steps: 2,
                quality: ScreenSpaceTransmissionQuality::High,
            },
            Camera {
                order: -4,
                clear_color: ClearColorConfig::Custom(Color::NONE),
                ..default()
            },
            RenderTarget::Image(ImageRenderTarget::from(target)),
            Projection::custom(Eyepiece {
                clip_from_view: eye.clip_from_view,
            }),
            eye.transform,
            Msaa::Sample4,
            Tonemapping::None,
            DebandDither::Disabled,
            layers,
        ));
    }
}

fn take(
    mut commands: Commands,
    mut exports: ResMut<Exports>,
    mut cameras: Query<(Entity, &mut ExportCamera, &mut Camera, &RenderTarget)>,
    mut inbox: ResMut<Inbox>,
) {
    for (entity, mut camera, mut drawn, target) in &mut cameras {
        camera.frames += 1;
        // A frame after the one that is taken it needn't be drawn again.
        if camera.taken && drawn.is_active {
            drawn.is_active = false;
        }
        if camera.taken || camera.frames < SETTLE_FRAMES {
            continue;
        }
        camera.taken = true;
        let RenderTarget::Image(target) = target else {
            continue;
        };
        let (sender, path) = (exports.sender.clone(), camera.order.path.clone());
        commands.spawn(Screenshot::image(target.handle.clone())).observe(
            move |taken: On<ScreenshotCaptured>, mut commands: Commands| {
                commands.entity(entity).try_despawn();
                let (image, sender, path) = (taken.image.clone(), sender.clone(), path.clone());
                // Compressing a large picture takes longer than a frame.
                // On a thread of its own: lights and warmth wait for Bevy's.
                std::thread::spawn(move || {
                    let outcome = save(image, &path).map(|()| path);
                    // The receiver is a resource: a closed channel means that the display is gone.
                    let _ = sender.send(outcome);
                });
            },
        );
    }
    while let Ok(outcome) = exports.receiver.try_recv() {
        match &outcome {
            Ok(path) => {
                let path = path.display().to_string();
                inbox.tell(
                    Level::Info,
                    "product_saved",
                    "told-product-saved",
                    vec![("path", path)],
                );
            }
            Err(problem) => inbox.tell(
                Level::Warning,
                "product_not_saved",
                "told-product-not-saved",
                vec![("problem", problem.clone())],
            ),
        }
        exports.done.push(outcome);
    }
    // Nobody takes them in a window.
    if exports.done.len() > 16 {
        exports.done.truncate(1);
    }
}

/// Makes the requested pictures.
pub fn plugin(app: &mut App) {
    app.init_resource::<Exports>()
        .add_systems(Update, (begin, take).chain().after(DisplaySystems::Follow));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_covered_white_is_white_in_the_file() {
        // Half of the light, in sRGB.
        let mut pixels = vec![188, 188, 188, 128, 10, 20, 30, 255, 0, 0, 0, 0];
        straight(&mut pixels);
        assert!(pixels.first().is_some_and(|red| *red >= 254), "{pixels:?}");
        assert_eq!(pixels.get(4..), Some([10, 20, 30, 255, 0, 0, 0, 0].as_slice()));
        premultiply(&mut pixels);
        assert!(
            pixels.first().is_some_and(|red| red.abs_diff(188) <= 1),
            "{pixels:?}"
        );
    }
}
