// Where something was sold a moment ago: one light for each place and kind, which flashes with what comes, holds and fades.
// An order is a filled dot, a payment a ring about it: they are told apart without their colours.

#import bevy_pbr::mesh_view_bindings::view
#import bevy_pbr::mesh_functions

struct Data {
    now_ms: u32,
    // Half-lives in seconds: of the flash, of the light, of what stays of it.
    flash: f32,
    light: f32,
    rest: f32,
    // a: gain of both; how large the planet is, 1 as in a picture of 16:9.
    order: vec4<f32>,
    payment: vec4<f32>,
    // Direction; kind, bucket of a sixteenth << 1, flash << 16; when; light and rest.
    embers: array<vec4<u32>>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> data: Data;

struct Varying {
    @builtin(position) position: vec4<f32>,
    @location(0) corner: vec2<f32>,
    // a: 1 for a ring.
    @location(1) @interpolate(flat) colour: vec4<f32>,
}

fn unpack_direction(bits: u32) -> vec3<f32> {
    let oct = unpack2x16snorm(bits);
    let y = 1.0 - abs(oct.x) - abs(oct.y);
    let fold = max(-y, 0.0);
    return normalize(vec3<f32>(
        oct.x - select(-fold, fold, oct.x >= 0.0),
        y,
        oct.y - select(-fold, fold, oct.y >= 0.0)));
}

@vertex
fn vertex(
    @builtin(instance_index) instance: u32,
    // Number in the chunk, corner.
    @location(0) number: vec3<f32>,
) -> Varying {
    var out: Varying;
    out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    out.corner = vec2<f32>(0.0);
    out.colour = vec4<f32>(0.0);
    let ember = data.embers[mesh_functions::get_tag(instance) + u32(number.x + 0.5)];
    let levels = unpack2x16float(ember.w);
    let age = max(f32(bitcast<i32>(data.now_ms - ember.z)) * 0.001, 0.0);
    let flash = unpack2x16float(ember.y).y * exp2(-age / data.flash);
    let light = levels.x * exp2(-age / data.light);
    let rest = levels.y * exp2(-age / data.rest);
    let level = flash + light + rest;
    if level <= 0.012 {
        return out;
    }
    let direction = unpack_direction(ember.x);
    let facing = dot(direction, normalize(view.world_position - direction));
    if facing <= 0.015 {
        return out;
    }
    let is_payment = (ember.y & 1u) == 1u;
    let bucket = f32((ember.y >> 1u) & 127u) * 0.0625;
    // What is brighter than white could show is larger instead: a city of thousands keeps its hue.
    let grown = pow(max(level, 1.0), 0.40);
    // In pixels of the picture; never less than what the middle of a drawn pixel can miss.
    let scale = view.viewport.w / 1080.0 * data.payment.a;
    let least = 1.2 * view.viewport.w / view.main_pass_viewport.w;
    let wanted = (1.30 + 0.26 * bucket) * scale * (1.0 + 0.5 * min(flash, 1.0)) * grown * select(1.0, 1.45, is_payment);
    let radius = max(wanted, least);
    // What had to grow is fainter, so that a small picture is no brighter than a large one.
    let strength = data.order.a * (wanted / radius) * level / (grown * grown) * (0.80 + 0.06 * bucket)
        * select(1.0, 0.42, is_payment) * smoothstep(0.015, 0.30, facing);
    let colour = select(data.order.rgb, data.payment.rgb, is_payment);
    var corner = vec2<f32>(0.0, 2.0);
    if number.y > 1.5 {
        corner = vec2<f32>(1.7320508, -1.0);
    } else if number.y > 0.5 {
        corner = vec2<f32>(-1.7320508, -1.0);
    }
    let clip = view.clip_from_world * vec4<f32>(direction * 1.0015, 1.0);
    out.position = vec4<f32>(clip.xy + corner * radius * 2.0 / view.viewport.zw * clip.w, clip.zw);
    out.corner = corner;
    // A flash is whiter at its first instant; then the hue holds.
    let white = 0.16 * clamp(flash / level, 0.0, 1.0);
    // Below two and a half pixels a ring is a dot.
    let ring = select(0.0, smoothstep(2.0, 3.2, radius), is_payment);
    out.colour = vec4<f32>(mix(colour, vec3<f32>(1.0, 0.92, 0.78), white) * strength, ring);
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let d2 = dot(in.corner, in.corner);
    let fall = max(1.0 - d2, 0.0);
    let dot_light = fall * fall;
    let off = (d2 - 0.62) * 3.6;
    let ring_light = max(1.0 - off * off, 0.0);
    return vec4<f32>(in.colour.rgb * mix(dot_light, ring_light, in.colour.a), 0.0);
}
