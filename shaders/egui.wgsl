// The panels on a rasteriser that runs on the CPU: what bevy_egui draws, without its six powers in every pixel.
//
// Colours are multiplied in gamma space, as egui wants it; the curves between gamma and linear light are
// polynomials in roots, less than a step of eight bits away from the exact ones.

struct Transform {
    scale: vec2<f32>,
    translation: vec2<f32>,
}

@group(0) @binding(0) var<uniform> transform: Transform;
@group(1) @binding(0) var image_texture: texture_2d<f32>;
@group(1) @binding(1) var image_sampler: sampler;

struct Varying {
    @builtin(position) position: vec4<f32>,
    @location(0) colour: vec4<f32>,
    @location(1) uv: vec2<f32>,
}

@vertex
fn vs_main(
    @location(0) position: vec2<f32>,
    @location(1) uv: vec2<f32>,
    @location(2) colour: vec4<f32>,
) -> Varying {
    var out: Varying;
    out.position = vec4<f32>(position * transform.scale + transform.translation, 0.0, 1.0);
    out.colour = colour;
    out.uv = uv;
    return out;
}

@fragment
fn fs_main(in: Varying) -> @location(0) vec4<f32> {
    let texel = textureSampleLevel(image_texture, image_sampler, in.uv, 0.0);
    let root = sqrt(texel.rgb);
    let root2 = sqrt(root);
    let gamma = 0.66200269 * root + 0.68412206 * root2 - 0.32358360 * sqrt(root2) - 0.02254115 * texel.rgb;
    let product = vec4<f32>(gamma, texel.a) * in.colour;
    let linear = product.rgb * (product.rgb * (product.rgb * 0.30530601 + 0.68217111) + 0.01252288);
    return vec4<f32>(linear, product.a);
}
