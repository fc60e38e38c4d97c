// A globe that was drawn into the upper left part of the picture, stretched over all of it: bilinear, within that part.

#import bevy_core_pipeline::fullscreen_vertex_shader::FullscreenVertexOutput

struct Scale {
    drawn: vec2<f32>,
    picture: vec2<f32>,
}

@group(0) @binding(0) var source: texture_2d<f32>;
@group(0) @binding(1) var source_sampler: sampler;
@group(0) @binding(2) var<uniform> scale: Scale;

fn texel(at: vec2<f32>) -> vec4<f32> {
    return textureLoad(source, vec2<i32>(clamp(at, vec2<f32>(0.0), scale.drawn - 1.0)), 0);
}

@fragment
fn fragment(in: FullscreenVertexOutput) -> @location(0) vec4<f32> {
    let at = in.position.xy * scale.drawn / scale.picture - 0.5;
    let corner = floor(at);
    let share = at - corner;
    let upper = mix(texel(corner), texel(corner + vec2<f32>(1.0, 0.0)), share.x);
    let lower = mix(texel(corner + vec2<f32>(0.0, 1.0)), texel(corner + 1.0), share.x);
    return mix(upper, lower, share.y);
}
