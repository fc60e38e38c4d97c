//! Shaders from files into the renderer, each under a handle that never changes, and what their pipelines have in common.

use bevy::mesh::{MeshVertexBufferLayoutRef, VertexAttributeDescriptor};
use bevy::prelude::*;
use bevy::render::render_resource::{RenderPipelineDescriptor, SpecializedMeshPipelineError};
use bevy::shader::Shader;

/// Puts the shader file `path` under `handle`. A file that can't be read is logged; what it draws stays dark.
pub fn load(app: &mut App, handle: &Handle<Shader>, path: &'static str) {
    let Some(mut shaders) = app.world_mut().get_resource_mut::<Assets<Shader>>() else {
        return;
    };
    match meridian_core::files::read(path) {
        Ok(bytes) => {
            let source = String::from_utf8_lossy(&bytes).into_owned();
            if let Err(error) = shaders.insert(handle, Shader::from_wgsl(source, path)) {
                error!("{path}: {error}");
            }
        }
        Err(error) => error!("{error}"),
    }
}

/// A pipeline whose own vertex shader gets these attributes of the mesh and no others, and which draws both sides.
///
/// # Errors
/// When the mesh lacks one of them.
pub fn vertex_only(
    descriptor: &mut RenderPipelineDescriptor,
    layout: &MeshVertexBufferLayoutRef,
    attributes: &[VertexAttributeDescriptor],
) -> Result<(), SpecializedMeshPipelineError> {
    descriptor.vertex.buffers = vec![layout.0.get_layout(attributes)?];
    descriptor.primitive.cull_mode = None;
    Ok(())
}
