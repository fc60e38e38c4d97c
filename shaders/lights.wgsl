// Every order and payment: one triangle each, pulled from a ring in a storage buffer.

#import bevy_pbr::mesh_view_bindings::view
#import bevy_pbr::mesh_functions

struct Data {
    now_ms: u32,
    // Seconds of life, seconds of flash, radians of jitter.
    life: f32,
    flash: f32,
    jitter: f32,
    // a: gain of both; how large the planet is, 1 as in a picture of 16:9.
    order: vec4<f32>,
    payment: vec4<f32>,
    // Direction; kind, bucket << 1, seed << 16; birth; weight.
    lights: array<vec4<u32>>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> data: Data;

struct Varying {
    @builtin(position) position: vec4<f32>,
    @location(0) corner: vec2<f32>,
    @location(1) @interpolate(flat) colour: vec3<f32>,
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
    out.colour = vec3<f32>(0.0);
    let light = data.lights[mesh_functions::get_tag(instance) + u32(number.x + 0.5)];
    let weight = bitcast<f32>(light.w);
    let age = f32(bitcast<i32>(data.now_ms - light.z)) * 0.001;
    if weight <= 0.0 || age < 0.0 || age >= data.life {
        return out;
    }
    let seed = light.y >> 16u;
    var direction = unpack_direction(light.x);
    let eye = view.world_position;
    let facing = dot(direction, normalize(eye - direction));
    if facing <= 0.015 {
        return out;
    }
    if data.jitter > 0.0 {
        let angle = f32(seed & 255u) * (6.2831853 / 256.0);
        let reach = data.jitter * sqrt(f32(seed >> 8u) / 256.0);
        let east = normalize(vec3<f32>(direction.z, 0.0001, -direction.x));
        direction = normalize(direction + (east * cos(angle) + cross(direction, east) * sin(angle)) * reach);
    }
    let t = age / data.life;
    let flash = max(1.0 - age / data.flash, 0.0);
    let ember = (1.0 - t) * (1.0 - t);
    let bucket = f32((light.y >> 1u) & 7u);
    // In pixels of the picture; never less than what the middle of a drawn pixel can miss.
    let scale = view.viewport.w / 1080.0 * data.payment.a;
    let least = 1.2 * view.viewport.w / view.main_pass_viewport.w;
    let wanted = (1.15 + 0.26 * bucket) * scale * (1.0 + 0.9 * flash);
    let radius = max(wanted, least);
    // What had to grow is fainter, so that a small picture is no brighter than a large one.
    let strength = data.order.a * (wanted / radius) * (2.2 * flash + 0.75 * ember) * weight * (0.55 + 0.09 * bucket)
        * smoothstep(0.015, 0.30, facing);
    let colour = select(data.order.rgb, data.payment.rgb, (light.y & 1u) == 1u);
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
    out.colour = mix(colour, vec3<f32>(1.0, 0.92, 0.78), 0.22 * flash) * strength;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let fall = max(1.0 - dot(in.corner, in.corner), 0.0);
    return vec4<f32>(in.colour * fall * fall, 0.0);
}
