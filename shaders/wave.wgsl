// A milestone: one ring of light that goes round the planet, or a still glow about its hub.

#import bevy_pbr::mesh_view_bindings::view

struct Params {
    // The hub; progress 0 to 1.
    hub: vec4<f32>,
    // a: 1 for a still glow.
    colour: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> params: Params;

struct Varying {
    @builtin(position) position: vec4<f32>,
    // Across the band, 0 to 1; strength.
    @location(0) at: vec2<f32>,
}

@vertex
fn vertex(
    // Share of the way round; share across the band.
    @location(0) number: vec3<f32>,
) -> Varying {
    let progress = params.hub.w;
    let still = params.colour.a > 0.5;
    let hub = params.hub.xyz;
    let east = normalize(vec3<f32>(hub.z, 0.0001, -hub.x));
    let north = cross(hub, east);
    let front = progress * 3.14159265;
    var angle = max(front - 0.34 * (1.0 - number.y), 0.0);
    var strength = sin(progress * 3.14159265) * (1.0 - 0.45 * progress);
    if still {
        angle = 0.55 * (1.0 - number.y);
        strength = sin(progress * 3.14159265) * 0.7;
    }
    let round = number.x * 6.2831853;
    let direction = hub * cos(angle) + (east * cos(round) + north * sin(round)) * sin(angle);
    let facing = dot(direction, normalize(view.world_position - direction));
    var out: Varying;
    out.position = view.clip_from_world * vec4<f32>(direction * 1.004, 1.0);
    out.at = vec2<f32>(number.y, strength * smoothstep(0.0, 0.22, facing));
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let trail = in.at.x * in.at.x * in.at.x;
    var line = smoothstep(0.93, 0.97, in.at.x) * (1.0 - smoothstep(0.97, 1.0, in.at.x));
    var glow = 0.34 * trail * (1.0 - smoothstep(0.96, 1.0, in.at.x));
    if params.colour.a > 0.5 {
        line = 0.0;
        glow = 0.4 * in.at.x * in.at.x;
    }
    return vec4<f32>(params.colour.rgb * (glow + line * 1.1) * in.at.y, 0.0);
}
