// The finished picture into the window, texel for texel: on a rasteriser that runs on the CPU this takes the place of
// Bevy's own blit, which asks a sampler for each of them. (Camera and window are of one size here.)

#import bevy_core_pipeline::fullscreen_vertex_shader::FullscreenVertexOutput

@group(0) @binding(0) var in_texture: texture_2d<f32>;
@group(0) @binding(1) var in_sampler: sampler;

@fragment
fn fs_main(in: FullscreenVertexOutput) -> @location(0) vec4<f32> {
    return textureLoad(in_texture, vec2<i32>(in.position.xy), 0);
}
