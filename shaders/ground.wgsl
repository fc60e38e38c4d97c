// The ground that a product stands on: a pool of light that ends in the dark, the turntable's rim, and the shadow.

#import bevy_pbr::forward_io::VertexOutput
#import bevy_pbr::mesh_view_bindings::view

struct Params {
    // Colour of the pool of light; its opacity.
    pool: vec4<f32>,
    // Radius of the rim, its brightness, where its mark is, darkness of the shadow.
    rim: vec4<f32>,
    // The shadow's square in the ground's coordinates: middle, half side, turn.
    shadow: vec4<f32>,
    line: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> params: Params;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var shadow_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var shadow_sampler: sampler;

@fragment
fn fragment(in: VertexOutput) -> @location(0) vec4<f32> {
    // −1 to 1 over the ground, +y to the front.
    let at = in.uv * 2.0 - 1.0;
    let radius = length(at);
    let s = sin(params.shadow.w);
    let c = cos(params.shadow.w);
    let own = vec2<f32>(c * at.x - s * at.y, s * at.x + c * at.y) - params.shadow.xy;
    let square = own / params.shadow.z * 0.5 + 0.5;
    let inside = step(0.0, min(min(square.x, square.y), min(1.0 - square.x, 1.0 - square.y)));
    let dark = textureSampleLevel(shadow_texture, shadow_sampler, square, 0.0).r * inside * params.rim.w;
    // It ends a little beyond the rim.
    let reach = radius / max(params.rim.x * 1.38, 1e-3);
    let fall = max(1.0 - reach * reach, 0.0);
    // The picture ends below and at its sides; the light ends before.
    let down = (in.position.y - view.viewport.y) / view.viewport.w;
    let aside = abs((in.position.x - view.viewport.x) / view.viewport.z * 2.0 - 1.0);
    let edge = (1.0 - smoothstep(0.86, 0.99, down)) * (1.0 - smoothstep(0.84, 0.99, aside));
    let pool = params.pool.a * fall * fall * edge;
    // A hairline, as wide as a pixel and a half at any distance.
    let pixel = max(fwidth(radius), 1e-5);
    let line = 1.0 - smoothstep(0.5, 1.5, abs(radius - params.rim.x) / pixel);
    let towards = cos(atan2(at.x, at.y) - params.rim.z);
    let mark = 0.22 + 0.78 * smoothstep(0.55, 1.0, towards);
    let glow = line * params.rim.y * mark * (1.0 - dark) * edge;
    let lit = params.pool.rgb * pool * (1.0 - dark) + params.line.rgb * glow;
    // What the shadow takes, it takes from whatever is below, too.
    let alpha = clamp(pool + dark * (1.0 - pool) + glow, 0.0, 1.0);
    return vec4<f32>(lit, alpha);
}
