//! Buffers on the GPU that are written in place: only what is new goes over, and no asset is mutated.

use std::sync::Arc;

use bevy::asset::RenderAssetUsages;
use bevy::camera::visibility::NoFrustumCulling;
use bevy::mesh::MeshTag;
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{Extent3d, TexelCopyBufferLayout};
use bevy::render::renderer::RenderQueue;
use bevy::render::storage::{GpuShaderBuffer, ShaderBuffer};
use bevy::render::texture::GpuImage;
use bevy::render::{ExtractSchedule, MainWorld, Render, RenderApp, RenderSystems};
use bytemuck::{Pod, Zeroable};

/// Bytes before the first instance: three rows of sixteen.
pub const HEADER_BYTES: u64 = 48;
/// The most writes that wait for their buffer; while none is prepared, the oldest are dropped.
const WAITING: usize = 1024;

/// Done writes whose memory is kept for the next ones: more than a frame has.
const SPARE: usize = 8;

/// What is drawn from a ring: sixteen bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Instance {
    /// A direction, octahedral, two snorm16.
    pub a: u32,
    /// A second direction, or kind, bucket and seed.
    pub b: u32,
    /// App time of its birth in milliseconds, wrapping.
    pub birth_ms: u32,
    /// How bright.
    pub weight: f32,
}

/// What every shader of this family reads first.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Header {
    /// App time in milliseconds, wrapping.
    pub now_ms: u32,
    /// Own use of each shader.
    pub params: [f32; 3],
    /// First colour, and a parameter.
    pub first: [f32; 4],
    /// Second colour, and a parameter.
    pub second: [f32; 4],
}

/// A unit vector as two snorm16, octahedral: exact to about 400 m on the Earth.
pub fn pack_direction(direction: Vec3) -> u32 {
    let sum = direction.x.abs() + direction.y.abs() + direction.z.abs();
    let flat = direction / sum.max(1e-9);
    let mut oct = Vec2::new(flat.x, flat.z);
    if flat.y < 0.0 {
        let sign = Vec2::new(1.0_f32.copysign(oct.x), 1.0_f32.copysign(oct.y));
        oct = (Vec2::ONE - Vec2::new(oct.y.abs(), oct.x.abs())) * sign;
    }
    let snorm = |value: f32| u32::from(((value.clamp(-1.0, 1.0) * 32_767.0).round() as i16) as u16);
    snorm(oct.x) | snorm(oct.y) << 16
}

/// App time as the shaders count it.
pub fn wrapped_ms(time: &Time) -> u32 {
    (time.elapsed().as_millis() % (1 << 32)) as u32
}

/// One write into a GPU buffer or the whole of a texture.
enum Write {
    Buffer {
        buffer: AssetId<ShaderBuffer>,
        offset: u64,
        bytes: Vec<u8>,
    },
    Texture {
        image: AssetId<Image>,
        width: u32,
        height: u32,
        bytes: Arc<Vec<u8>>,
    },
}

/// Writes of this frame. Taken by the renderer.
#[derive(Resource, Default)]
pub struct Uploads {
    writes: Vec<Write>,
    /// Memory of writes that are done, for those to come.
    spare: Vec<Vec<u8>>,
}

impl Uploads {
    /// Writes the header of a buffer.
    pub fn header(&mut self, buffer: &Handle<ShaderBuffer>, header: &Header) {
        self.write(buffer, 0, bytemuck::bytes_of(header));
    }

    /// Writes instances from a slot on, within the buffer.
    pub fn instances(&mut self, buffer: &Handle<ShaderBuffer>, slot: usize, instances: &[Instance]) {
        if instances.is_empty() {
            return;
        }
        let offset = HEADER_BYTES + (slot * size_of::<Instance>()) as u64;
        self.write(buffer, offset, bytemuck::cast_slice(instances));
    }

    fn write(&mut self, buffer: &Handle<ShaderBuffer>, offset: u64, from: &[u8]) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(from);
        self.push(Write::Buffer {
            buffer: buffer.id(),
            offset,
            bytes,
        });
    }

    /// Writes a whole texture of four bytes a texel. Whoever keeps the bytes has them alone again when they are written.
    pub fn texture(&mut self, image: &Handle<Image>, width: u32, height: u32, bytes: Arc<Vec<u8>>) {
        self.push(Write::Texture {
            image: image.id(),
            width,
            height,
            bytes,
        });
    }

    fn push(&mut self, write: Write) {
        if self.writes.len() >= WAITING {
            self.writes.remove(0);
        }
        self.writes.push(write);
    }
}

/// A buffer for a number of instances.
pub fn instance_buffer(capacity: usize) -> ShaderBuffer {
    ShaderBuffer::with_size(
        HEADER_BYTES as usize + capacity * size_of::<Instance>(),
        RenderAssetUsages::RENDER_WORLD,
    )
}

/// A ring of instances, divided into chunks that are drawn while one in them lives.
#[derive(Debug, Clone)]
pub struct Ring {
    capacity: usize,
    chunk: usize,
    next: usize,
    life_ms: u32,
    /// Batches that live: when they die, how many.
    living: std::collections::VecDeque<(u64, usize)>,
    alive: usize,
    /// Until when each chunk has one that lives.
    until_ms: Vec<u64>,
    /// Written so far.
    pub written: u64,
    /// Overwritten while they lived.
    pub overwritten: u64,
}

impl Ring {
    /// An empty ring of `capacity` instances in chunks of `chunk`, each living `life_ms`.
    pub fn new(capacity: usize, chunk: usize, life_ms: u32) -> Self {
        Self {
            capacity,
            chunk,
            next: 0,
            life_ms,
            living: default(),
            alive: 0,
            until_ms: vec![0; capacity.div_ceil(chunk.max(1))],
            written: 0,
            overwritten: 0,
        }
    }

    /// Takes `count` slots; gives up to two runs of (slot, from, to), where from..to counts what is written.
    /// Of more than fits, the last are written.
    pub fn take(&mut self, count: usize, now_ms: u64) -> [(usize, usize, usize); 2] {
        self.forget(now_ms);
        self.written += count as u64;
        let lost = (self.alive + count).saturating_sub(self.capacity);
        self.overwritten += lost as u64;
        let from = count.saturating_sub(self.capacity);
        let count = count - from;
        let dies_ms = now_ms + u64::from(self.life_ms);
        let mut excess = lost.saturating_sub(from);
        // The oldest are the ones written over.
        while excess > 0 {
            let Some((_, oldest)) = self.living.front_mut() else {
                break;
            };
            let gone = excess.min(*oldest);
            *oldest -= gone;
            self.alive -= gone;
            excess -= gone;
            if *oldest == 0 {
                self.living.pop_front();
            }
        }
        self.living.push_back((dies_ms, count));
        self.alive += count;
        let first = count.min(self.capacity - self.next);
        let runs = [(self.next, from, from + first), (0, from + first, from + count)];
        for (slot, start, end) in runs {
            if end > start {
                for chunk in slot / self.chunk..=(slot + end - start - 1) / self.chunk {
                    if let Some(until_ms) = self.until_ms.get_mut(chunk) {
                        *until_ms = dies_ms;
                    }
                }
            }
        }
        self.next = (self.next + count) % self.capacity.max(1);
        runs
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some((_, count)) = self.living.pop_front_if(|(dies_ms, _)| *dies_ms <= now_ms) {
            self.alive -= count;
        }
    }

    /// How many live.
    pub fn alive(&mut self, now_ms: u64) -> usize {
        self.forget(now_ms);
        self.alive
    }

    /// Whether a chunk has one that lives.
    pub fn is_chunk_alive(&self, chunk: usize, now_ms: u64) -> bool {
        self.until_ms
            .get(chunk)
            .is_some_and(|until_ms| *until_ms > now_ms)
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.until_ms.len()
    }
}

/// Defines a material that draws from one storage buffer with one shader file, additively.
macro_rules! glow_material {
    ($(#[$doc:meta])* $name:ident, $uuid:literal, $path:literal) => {
        const SHADER: Handle<bevy::shader::Shader> = bevy::asset::uuid_handle!($uuid);
        const SHADER_FILE: &str = $path;

        $(#[$doc])*
        #[derive(Asset, TypePath, bevy::render::render_resource::AsBindGroup, Debug, Clone)]
        pub struct $name {
            #[storage(0, read_only)]
            data: Handle<bevy::render::storage::ShaderBuffer>,
        }

        impl Material for $name {
            fn vertex_shader() -> bevy::shader::ShaderRef {
                SHADER.into()
            }

            fn fragment_shader() -> bevy::shader::ShaderRef {
                SHADER.into()
            }

            fn alpha_mode(&self) -> AlphaMode {
                AlphaMode::Add
            }

            fn enable_prepass() -> bool {
                false
            }

            fn enable_shadows() -> bool {
                false
            }

            fn specialize(
                _pipeline: &bevy::pbr::MaterialPipeline,
                descriptor: &mut bevy::render::render_resource::RenderPipelineDescriptor,
                layout: &bevy::mesh::MeshVertexBufferLayoutRef,
                _key: bevy::pbr::MaterialPipelineKey<Self>,
            ) -> Result<(), bevy::render::render_resource::SpecializedMeshPipelineError> {
                $crate::globe::shader::vertex_only(
                    descriptor,
                    layout,
                    &[Mesh::ATTRIBUTE_POSITION.at_shader_location(0)],
                )
            }
        }
    };
}
pub(super) use glow_material;

/// Spawns what draws a buffer in chunks of so many instances, hidden; each is drawn or left out as one.
pub(super) fn spawn_chunks<M: Material, C: Component + Default>(
    commands: &mut Commands,
    mesh: &Handle<Mesh>,
    material: &Handle<M>,
    capacity: usize,
    chunk: usize,
) -> Vec<Entity> {
    (0..capacity.div_ceil(chunk))
        .map(|number| {
            commands
                .spawn((
                    C::default(),
                    Mesh3d(mesh.clone()),
                    MeshMaterial3d(material.clone()),
                    MeshTag((number * chunk) as u32),
                    NoFrustumCulling,
                    Visibility::Hidden,
                ))
                .id()
        })
        .collect()
}

/// A mesh of nothing but numbers for a vertex shader.
pub fn number_mesh(numbers: Vec<[f32; 3]>) -> Mesh {
    Mesh::new(
        bevy::mesh::PrimitiveTopology::TriangleList,
        RenderAssetUsages::RENDER_WORLD,
    )
    .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, numbers)
}

fn take_uploads(mut main: ResMut<MainWorld>, mut waiting: ResMut<Uploads>) {
    if let Some(mut uploads) = main.get_resource_mut::<Uploads>() {
        for write in uploads.writes.drain(..) {
            waiting.push(write);
        }
        uploads.spare.append(&mut waiting.spare);
        uploads.spare.truncate(SPARE);
    }
}

fn write_uploads(
    mut waiting: ResMut<Uploads>,
    buffers: Res<RenderAssets<GpuShaderBuffer>>,
    images: Res<RenderAssets<GpuImage>>,
    queue: Res<RenderQueue>,
) {
    let Uploads { writes, spare } = &mut *waiting;
    writes.retain_mut(|write| match write {
        Write::Buffer {
            buffer,
            offset,
            bytes,
        } => {
            let Some(gpu) = buffers.get(*buffer) else {
                return true;
            };
            if *offset + bytes.len() as u64 <= gpu.buffer.size() {
                queue.write_buffer(&gpu.buffer, *offset, bytes);
            }
            spare.push(std::mem::take(bytes));
            false
        }
        Write::Texture {
            image,
            width,
            height,
            bytes,
        } => {
            let Some(gpu) = images.get(*image) else {
                return true;
            };
            queue.write_texture(
                gpu.texture.as_image_copy(),
                bytes,
                TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(*width * 4),
                    rows_per_image: None,
                },
                Extent3d {
                    width: *width,
                    height: *height,
                    depth_or_array_layers: 1,
                },
            );
            false
        }
    });
}

/// Uploads the writes to the GPU.
pub fn plugin(app: &mut App) {
    app.init_resource::<Uploads>();
    let Some(render) = app.get_sub_app_mut(RenderApp) else {
        return;
    };
    render
        .init_resource::<Uploads>()
        .add_systems(ExtractSchedule, take_uploads)
        .add_systems(Render, write_uploads.in_set(RenderSystems::PrepareResources));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(packed: u32) -> Vec3 {
        let x = f32::from(packed as u16 as i16) / 32_767.0;
        let z = f32::from((packed >> 16) as u16 as i16) / 32_767.0;
        let y = 1.0 - x.abs() - z.abs();
        let fold = (-y).max(0.0);
        Vec3::new(x - fold.copysign(x), y, z - fold.copysign(z)).normalize()
    }

    #[test]
    fn directions_survive_packing() {
        for lat in -9..=9 {
            for lon in -18..=18 {
                let world = super::super::geo::world_from_lat_lon(lat as f32 * 10.0, lon as f32 * 10.0);
                assert!(
                    unpack(pack_direction(world)).distance(world) < 1e-4,
                    "{lat} {lon}"
                );
            }
        }
    }

    #[test]
    fn the_ring_wraps_in_two_runs_and_counts_what_it_writes_over() {
        let mut ring = Ring::new(10, 5, 100);
        assert_eq!(ring.take(7, 0), [(0, 0, 7), (0, 7, 7)]);
        assert_eq!(ring.overwritten, 0);
        assert_eq!(ring.take(6, 50), [(7, 0, 3), (0, 3, 6)]);
        assert_eq!((ring.overwritten, ring.alive(50)), (3, 10));
        // The first four of the first batch die of age, the rest of the second later.
        assert_eq!(ring.alive(100), 6);
        assert!(ring.is_chunk_alive(0, 149) && ring.is_chunk_alive(1, 149));
        assert!(!ring.is_chunk_alive(0, 150));
        assert_eq!(ring.alive(150), 0);
        assert_eq!(ring.take(25, 200), [(3, 15, 22), (0, 22, 25)]);
        assert_eq!((ring.overwritten, ring.written), (18, 38));
    }
}
