//! The warmth that lights leave behind: an equirectangular map that cools over minutes of event time.
//!
//! Counting and painting take milliseconds: in a window another thread does both, and the map comes when it is done. A
//! picture waits for it.

use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::ecs::system::SystemParam;
use bevy::image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor};
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::tasks::futures::check_ready;
use bevy::tasks::{AsyncComputeTaskPool, Task};

use super::PlanetLook;
use super::earth::SurfaceGlow;
use super::ring::Uploads;
use crate::DisplaySystems;
use crate::ledger::{Ledger, LightsArrived, Regions, WarmthArrived};
use crate::quality::Quality;
use crate::theme::light;
use crate::view::{Live, View};
use meridian_core::sales::{Catalogue, EventMs};
use meridian_wire::{Lights, WARMTH_HALF_LIFE_MS, Warmth};

/// Seconds between two paintings: a GPU's, and those of a rasteriser on the CPU, which cost a frame.
const PAINT_SECS: [f64; 2] = [0.4, 1.0];
/// The number of orders and payments at a texel that is as warm as the picture can show, as log2.
const HOTTEST_LOG2: f32 = 19.0;
/// Batches of lights that wait at most to be counted while nothing is painted.
const UNCOUNTED: usize = 64;
/// A count that has cooled to less is none: one more would be the same with it and without it. Cooling on for ever, it would
/// come to numbers so small that a processor is slow with them.
const COLD: f32 = 1e-9;
/// How strongly the Earth's shader adds the map.
const GAIN: f32 = 1.15;

/// Decayed numbers of orders and payments by place.
#[derive(Debug, Clone, Default)]
pub struct WarmthField {
    counts: Vec<f32>,
    at_ms: Option<EventMs>,
}

impl WarmthField {
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
                let left = *count * keep;
                *count = if left < COLD { 0.0 } else { left };
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

    /// Paints the map's texels, square roots of linear light, over an earlier map's or into nothing.
    pub fn paint(&mut self, heat: &WarmthField, texels: &mut Vec<u8>) {
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
        texels.resize(self.width * self.height * 4, 0);
        for (texel, sum) in self.reached.iter().zip(&self.sums) {
            let at = *texel as usize * 4;
            let level = ((1.0 + sum).log2() / HOTTEST_LOG2 * 255.0).min(255.0) as usize;
            let warm = self.palette.get(level).filter(|_| *sum > 0.0);
            if let Some(slot) = texels.get_mut(at..at + 4) {
                slot.copy_from_slice(warm.unwrap_or(&[0; 4]));
            }
        }
    }
}

/// What came and isn't counted yet.
enum Arrival {
    Preset(Arc<Warmth>, EventMs),
    Lights(Arc<Lights>),
}

/// Counts and paints, on whichever thread.
struct Kiln {
    catalogue: Arc<Catalogue>,
    heat: WarmthField,
    painter: Option<Painter>,
    /// The last maps: their memory is painted over when the GPU has them.
    maps: [Arc<Vec<u8>>; 2],
}

/// A map that is wanted.
#[derive(Clone, Copy)]
struct Order {
    event_ms: EventMs,
    width: usize,
    height: usize,
}

/// A map that is done.
struct Painted {
    order: Order,
    texels: Arc<Vec<u8>>,
}

impl Kiln {
    fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            heat: WarmthField::new(catalogue.places().len()),
            catalogue,
            painter: None,
            maps: default(),
        }
    }

    /// Counts what came, and paints if a map is wanted.
    fn work(&mut self, arrivals: Vec<Arrival>, order: Option<Order>) -> Option<Painted> {
        for arrival in arrivals {
            match arrival {
                Arrival::Preset(warmth, event_ms) => self.heat.set(&warmth, event_ms),
                Arrival::Lights(lights) => self.heat.add(&lights),
            }
        }
        order.map(|order| self.paint(order))
    }

    fn paint(&mut self, order: Order) -> Painted {
        self.heat.cool(order.event_ms);
        let fits = |painter: &Painter| painter.width == order.width && painter.height == order.height;
        if !self.painter.as_ref().is_some_and(fits) {
            self.painter = Some(Painter::new(&self.catalogue, order.width, order.height));
            self.maps = default();
        }
        let [last, map] = &mut self.maps;
        std::mem::swap(last, map);
        if Arc::get_mut(map).is_none() {
            *map = default();
        }
        if let (Some(painter), Some(texels)) = (&mut self.painter, Arc::get_mut(map)) {
            painter.paint(&self.heat, texels);
        }
        Painted {
            order,
            texels: Arc::clone(map),
        }
    }
}

/// What is at work on the map.
#[derive(Resource, Default)]
struct Surface {
    /// `None` while another thread has it.
    kiln: Option<Kiln>,
    away: Option<Task<(Kiln, Option<Painted>)>>,
    arrivals: Vec<Arrival>,
    painted_secs: Option<f64>,
    /// The size of the map on the Earth.
    size: Option<(usize, usize)>,
}

impl Surface {
    /// Lets what came be counted, and a map be painted: at once in a picture, and else in `away`.
    fn begin(&mut self, catalogue: &Arc<Catalogue>, order: Option<Order>, live: bool) -> Option<Painted> {
        let arrivals = std::mem::take(&mut self.arrivals);
        let mut kiln = self
            .kiln
            .take()
            .unwrap_or_else(|| Kiln::new(Arc::clone(catalogue)));
        if live {
            self.away = Some(AsyncComputeTaskPool::get().spawn(async move {
                let painted = kiln.work(arrivals, order);
                (kiln, painted)
            }));
            return None;
        }
        let painted = kiln.work(arrivals, order);
        self.kiln = Some(kiln);
        painted
    }

    /// What has come back.
    fn take_back(&mut self) -> Option<Painted> {
        let (kiln, painted) = check_ready(self.away.as_mut()?)?;
        self.away = None;
        self.kiln = Some(kiln);
        painted
    }
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

/// Takes in what came.
fn count_warmth(
    ledger: Res<Ledger>,
    mut lights: MessageReader<LightsArrived>,
    mut preset: MessageReader<WarmthArrived>,
    mut surface: ResMut<Surface>,
) {
    for WarmthArrived(warmth) in preset.read() {
        surface.arrivals.clear();
        let preset = Arrival::Preset(Arc::clone(warmth), ledger.event_ms);
        surface.arrivals.push(preset);
        surface.painted_secs = None;
    }
    for LightsArrived(batch) in lights.read() {
        surface.arrivals.push(Arrival::Lights(Arc::clone(batch)));
    }
}

/// Lets what came be counted and painted now and then.
fn paint_surface(
    time: Res<Time>,
    view: Res<View>,
    live: Res<Live>,
    ledger: Res<Ledger>,
    regions: Res<Regions>,
    mut surface: ResMut<Surface>,
    mut show: Show,
) {
    if let Some(painted) = surface.take_back() {
        show.map(&mut surface, painted);
    }
    if surface.away.is_some() {
        return;
    }
    let now_secs = time.elapsed_secs_f64();
    let [often, seldom] = PAINT_SECS;
    let every_secs = if view.quality == Quality::Software {
        seldom
    } else {
        often
    };
    let is_fresh = surface
        .painted_secs
        .is_some_and(|then| now_secs - then < every_secs);
    let order = (view.layers.warmth && !is_fresh).then(|| {
        let (width, height) = map_size(view.quality);
        Order {
            event_ms: ledger.event_ms,
            width,
            height,
        }
    });
    if order.is_none() && surface.arrivals.len() < UNCOUNTED {
        return;
    }
    if order.is_some() {
        surface.painted_secs = Some(now_secs);
    }
    if let Some(painted) = surface.begin(&regions.0, order, live.0) {
        show.map(&mut surface, painted);
    }
}

/// Where a map goes.
#[derive(SystemParam)]
struct Show<'w> {
    uploads: ResMut<'w, Uploads>,
    images: ResMut<'w, Assets<Image>>,
    glow: ResMut<'w, SurfaceGlow>,
    look: ResMut<'w, PlanetLook>,
}

impl Show<'_> {
    /// Puts a map on the Earth.
    fn map(&mut self, surface: &mut Surface, painted: Painted) {
        let Order { width, height, .. } = painted.order;
        self.look.revision += 1;
        if surface.size != Some((width, height)) {
            surface.size = Some((width, height));
            self.glow.texture = Some(self.images.add(map_image(width, height)));
            self.glow.gain = GAIN;
        }
        if let Some(texture) = self.glow.texture.as_ref() {
            self.uploads
                .texture(texture, width as u32, height as u32, painted.texels);
        }
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
        let mut heat = WarmthField::new(3);
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

    fn kiln() -> Kiln {
        let catalogue = meridian_gateway::load_catalogue().unwrap();
        Kiln::new(catalogue)
    }

    fn lights(place: u16, count: usize) -> Vec<Arrival> {
        let lights = Lights {
            per_light: 1,
            place: vec![place; count],
            ..Lights::default()
        };
        vec![Arrival::Lights(Arc::new(lights))]
    }

    #[test]
    fn a_map_painted_over_an_earlier_one_is_the_same_as_one_painted_into_nothing() {
        let order = |event_ms| {
            Some(Order {
                event_ms,
                width: 128,
                height: 64,
            })
        };
        let late_ms = 40 * WARMTH_HALF_LIFE_MS as i64;
        let mut over = kiln();
        // Each map's memory is painted over by the one after the next. The third is cold.
        for (event_ms, place, count) in [(0, 0, 9_000), (1, 5_000, 9_000), (late_ms, 0, 0)] {
            let _ = over.work(lights(place, count), order(event_ms)).unwrap();
        }
        let over = over.work(lights(9_000, 50), order(late_ms)).unwrap();
        let mut anew = kiln();
        anew.heat.at_ms = Some(late_ms);
        let anew = anew.work(lights(9_000, 50), order(late_ms)).unwrap();
        assert!(anew.texels.iter().any(|byte| *byte > 0));
        assert!(over.texels == anew.texels);
    }
}
