//! What lights leave behind: an equirectangular map of warmth that cools over minutes of event time.

use bevy::asset::RenderAssetUsages;
use bevy::image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

use super::PlanetLook;
use super::earth::SurfaceGlow;
use super::ring::Uploads;
use crate::DisplaySystems;
use crate::ledger::{Ledger, LightsArrived, Regions, WarmthArrived};
use crate::quality::Quality;
use crate::theme::light;
use crate::view::View;
use meridian_core::sales::{Catalogue, EventMs};
use meridian_wire::{Lights, WARMTH_HALF_LIFE_MS, Warmth};

/// Seconds between two paintings: a GPU's, and those of a rasteriser on the CPU, which cost a frame.
const PAINT_SECS: [f64; 2] = [0.4, 1.0];
/// The number of orders and payments at a texel that is as warm as the picture can show, as log2.
const HOTTEST_LOG2: f32 = 19.0;
/// How strongly the Earth's shader adds the map.
const GAIN: f32 = 1.15;

/// Decayed numbers of orders and payments by place.
#[derive(Debug, Clone, Default)]
pub struct Heat {
    counts: Vec<f32>,
    at_ms: Option<EventMs>,
}

impl Heat {
    /// Cold places.
    pub fn new(places: usize) -> Self {
        Self {
            counts: vec![0.0; places],
            at_ms: None,
        }
    }

    /// Cools to an event time. Time that goes back cools nothing.
    pub fn cool(&mut self, event_ms: EventMs) {
        let passed_ms = self.at_ms.map_or(0, |at_ms| event_ms - at_ms);
        self.at_ms = Some(event_ms);
        if passed_ms > 0 {
            let keep = (-(passed_ms as f64) / WARMTH_HALF_LIFE_MS).exp2() as f32;
            for count in &mut self.counts {
                *count *= keep;
            }
        }
    }

    /// Adds a batch of lights.
    pub fn add(&mut self, lights: &Lights) {
        let per_light = lights.per_light.max(1) as f32;
        for place in &lights.place {
            if let Some(count) = self.counts.get_mut(usize::from(*place)) {
                *count += per_light;
            }
        }
    }

    /// Takes a snapshot's warmth for what is known.
    pub fn set(&mut self, warmth: &Warmth, event_ms: EventMs) {
        self.counts.fill(0.0);
        self.at_ms = Some(event_ms);
        for (place, number) in warmth.numbers() {
            if let Some(count) = self.counts.get_mut(usize::from(place)) {
                *count = number as f32;
            }
        }
    }
}

/// Paints heat into texels.
#[derive(Debug, Clone)]
pub struct Painter {
    width: usize,
    height: usize,
    /// By place: its texels, as numbers into `reached`, and their shares.
    kernels: Vec<[(u32, f32); 9]>,
    /// The texels that any place can warm, in order, and their sums.
    reached: Vec<u32>,
    sums: Vec<f32>,
    palette: Vec<[u8; 4]>,
}

impl Painter {
    /// For a catalogue's places and a map's size.
    pub fn new(catalogue: &Catalogue, width: usize, height: usize) -> Self {
        let mut kernels: Vec<[(u32, f32); 9]> = catalogue
            .places()
            .iter()
            .map(|place| {
                let x = (place.lon + 180.0) / 360.0 * width as f32;
                let y = (90.0 - place.lat) / 180.0 * height as f32;
                let (column, row) = (x.floor(), y.floor());
                let mut kernel = [(0, 0.0); 9];
                for (at, slot) in kernel.iter_mut().enumerate() {
                    let (dx, dy) = ((at % 3) as f32 - 1.0, (at / 3) as f32 - 1.0);
                    let (off_x, off_y) = (column + dx + 0.5 - x, row + dy + 0.5 - y);
                    let texel_x = (column + dx).rem_euclid(width as f32) as usize % width;
                    let texel_y = ((row + dy).max(0.0) as usize).min(height - 1);
                    // A bell a texel wide; the middle is near 1 so that what is lone stays visible.
                    let share = (-(off_x * off_x + off_y * off_y) * 1.3).exp();
                    *slot = ((texel_y * width + texel_x) as u32, share);
                }
                kernel
            })
            .collect();
        // Most of the map is sea: only what can be warm is summed and coloured.
        let mut reached: Vec<u32> = kernels.iter().flatten().map(|(texel, _)| *texel).collect();
        reached.sort_unstable();
        reached.dedup();
        for (texel, _) in kernels.iter_mut().flatten() {
            *texel = reached.binary_search(texel).unwrap_or(0) as u32;
        }
        let palette = (0..=255)
            .map(|level| {
                // Dull ember red when barely warm, gold, then pale gold.
                let warm = level as f32 / 255.0;
                let colour = (light::WARMTH * Vec3::new(1.0, 0.62, 0.45)).lerp(light::WARMTH, warm)
                    * warm.powf(2.1)
                    + Vec3::new(0.0, 0.22, 0.20) * warm.powi(5);
                // As square roots: a gamma that the shader undoes with one multiplication.
                let byte = |value: f32| (value.clamp(0.0, 1.0).sqrt() * 255.0).round() as u8;
                [byte(colour.x), byte(colour.y), byte(colour.z), 255]
            })
            .collect();
        Self {
            width,
            height,
            kernels,
            sums: vec![0.0; reached.len()],
            reached,
            palette,
        }
    }

    /// The map's texels: square roots of linear light.
    pub fn paint(&mut self, heat: &Heat) -> Vec<u8> {
        self.sums.fill(0.0);
        for (count, kernel) in heat.counts.iter().zip(&self.kernels) {
            if *count > 0.05 {
                for (texel, share) in kernel {
                    if let Some(sum) = self.sums.get_mut(*texel as usize) {
                        *sum += count * share;
                    }
                }
            }
        }
        let mut texels = vec![0; self.width * self.height * 4];
        for (texel, sum) in self.reached.iter().zip(&self.sums) {
            let at = *texel as usize * 4;
            if *sum > 0.0
                && let Some(slot) = texels.get_mut(at..at + 4)
            {
                let level = ((1.0 + sum).log2() / HOTTEST_LOG2 * 255.0).min(255.0) as usize;
                if let Some(colour) = self.palette.get(level) {
                    slot.copy_from_slice(colour);
                }
            }
        }
        texels
    }
}

/// The map's texture.
#[derive(Resource, Debug, Clone)]
pub struct WarmthMap(pub Handle<Image>);

#[derive(Resource, Default)]
struct Surface {
    heat: Option<Heat>,
    painter: Option<Painter>,
    painted_secs: Option<f64>,
}

fn map_size(quality: Quality) -> (usize, usize) {
    if quality <= Quality::Low {
        (1024, 512)
    } else {
        (2048, 1024)
    }
}

fn map_image(width: usize, height: usize) -> Image {
    let mut image = Image::new_fill(
        Extent3d {
            width: width as u32,
            height: height as u32,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        &[0, 0, 0, 255],
        TextureFormat::Rgba8Unorm,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
        address_mode_u: ImageAddressMode::Repeat,
        address_mode_v: ImageAddressMode::ClampToEdge,
        mag_filter: ImageFilterMode::Linear,
        min_filter: ImageFilterMode::Linear,
        ..default()
    });
    image
}

/// Counts what came.
fn count_warmth(
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    mut lights: MessageReader<LightsArrived>,
    mut preset: MessageReader<WarmthArrived>,
    mut surface: ResMut<Surface>,
) {
    let Surface {
        heat, painted_secs, ..
    } = &mut *surface;
    let heat = heat.get_or_insert_with(|| Heat::new(regions.0.places().len()));
    for WarmthArrived(warmth) in preset.read() {
        heat.set(warmth, ledger.event_ms);
        *painted_secs = None;
    }
    for LightsArrived(batch) in lights.read() {
        heat.add(batch);
    }
}

/// Paints now and then what was counted.
fn paint_surface(
    time: Res<Time>,
    view: Res<View>,
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    mut commands: Commands,
    mut surface: ResMut<Surface>,
    mut uploads: ResMut<Uploads>,
    mut images: ResMut<Assets<Image>>,
    mut glow: ResMut<SurfaceGlow>,
    mut look: ResMut<PlanetLook>,
) {
    let Surface {
        heat,
        painter,
        painted_secs,
    } = &mut *surface;
    let Some(heat) = heat else { return };
    let now_secs = time.elapsed_secs_f64();
    let [often, seldom] = PAINT_SECS;
    let every_secs = if view.quality == Quality::Software {
        seldom
    } else {
        often
    };
    if !view.layers.warmth || painted_secs.is_some_and(|then| now_secs - then < every_secs) {
        return;
    }
    *painted_secs = Some(now_secs);
    look.revision += 1;
    heat.cool(ledger.event_ms);
    let (width, height) = map_size(view.quality);
    if painter
        .as_ref()
        .is_none_or(|painter| painter.width != width || painter.height != height)
    {
        *painter = Some(Painter::new(&regions.0, width, height));
        let handle = images.add(map_image(width, height));
        commands.insert_resource(WarmthMap(handle.clone()));
        glow.texture = Some(handle);
        glow.gain = GAIN;
    }
    if let (Some(painter), Some(texture)) = (painter, glow.texture.as_ref()) {
        uploads.texture(texture, width as u32, height as u32, painter.paint(heat));
    }
}

/// The warmth.
pub fn plugin(app: &mut App) {
    app.init_resource::<Surface>().add_systems(
        Update,
        (count_warmth, paint_surface)
            .chain()
            .run_if(resource_exists::<Regions>)
            .in_set(DisplaySystems::Follow),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmth_halves_in_its_half_life_and_a_preset_gives_its_counts_back() {
        let mut heat = Heat::new(3);
        heat.set(
            &Warmth {
                place: vec![1, 9],
                level: vec![160, 3],
            },
            1000,
        );
        assert_eq!(heat.counts, vec![0.0, 1023.0, 0.0]);
        heat.cool(1000 + WARMTH_HALF_LIFE_MS as i64);
        assert!((heat.counts[1] - 511.5).abs() < 0.01);
        heat.cool(0);
        assert!((heat.counts[1] - 511.5).abs() < 0.01);
        heat.add(&Lights {
            per_light: 4,
            place: vec![0, 0, 7],
            ..Lights::default()
        });
        assert_eq!(heat.counts[0], 8.0);
    }
}
