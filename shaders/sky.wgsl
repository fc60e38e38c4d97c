// Stars: one triangle each, of a size in pixels, infinitely far.

#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings::view

struct Params {
    // Radius of the faintest in pixels, brightness, unused.
    look: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> params: Params;

struct Varying {
    @builtin(position) position: vec4<f32>,
    @location(0) colour: vec3<f32>,
    @location(1) corner: vec2<f32>,
}

@vertex
fn vertex(
    @builtin(instance_index) instance: u32,
    // Direction.
    @location(0) position: vec3<f32>,
    // x, y of the corner in star radii.
    @location(1) corner: vec2<f32>,
    // Colour; a: size.
    @location(2) colour: vec4<f32>,
) -> Varying {
    let world_from_local = mesh_functions::get_world_from_local(instance);
    let direction = (world_from_local * vec4<f32>(position, 0.0)).xyz;
    let view_direction = (view.view_from_world * vec4<f32>(direction, 0.0)).xyz;
    var clip = view.clip_from_view * vec4<f32>(view_direction, 0.0);
    let radius = params.look.x * colour.a;
    clip = vec4<f32>(clip.xy + corner * radius * 2.0 / view.viewport.zw * clip.w, 0.0, clip.w);
    var out: Varying;
    out.position = clip;
    out.colour = colour.rgb * params.look.y;
    out.corner = corner;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let d2 = dot(in.corner, in.corner);
    // Alpha 0: light is added, nothing is covered.
    return vec4<f32>(in.colour * exp2(-d2 * 4.0) * max(1.0 - d2, 0.0), 0.0);
}
