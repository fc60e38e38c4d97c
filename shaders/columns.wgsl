// Value by region: slim columns of light that face the eye.

#import bevy_pbr::mesh_view_bindings::view
#import bevy_pbr::mesh_functions

struct Data {
    unused: vec4<u32>,
    gold: vec4<f32>,
    unused_too: vec4<f32>,
    // Direction; height in w.
    columns: array<vec4<u32>>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> data: Data;

struct Varying {
    @builtin(position) position: vec4<f32>,
    // Across; up, 0 to 1.
    @location(0) at: vec2<f32>,
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
    // Number, height 0 or 1, side.
    @location(0) number: vec3<f32>,
) -> Varying {
    var out: Varying;
    out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    out.at = number.zy;
    out.colour = vec3<f32>(0.0);
    let column = data.columns[mesh_functions::get_tag(instance) + u32(number.x + 0.5)];
    let height = bitcast<f32>(column.w);
    if height <= 0.0005 {
        return out;
    }
    let direction = unpack_direction(column.x);
    let p = direction * (1.001 + height * number.y);
    let to_eye = view.world_position - p;
    let pixel = 2.0 / (view.clip_from_view[1][1] * view.viewport.w);
    let half_width = pixel * length(to_eye) * max(3.4 * view.viewport.w / 1080.0, 1.6);
    let across = normalize(cross(direction, to_eye) + vec3<f32>(1e-9));
    out.position = view.clip_from_world * vec4<f32>(p + across * (number.z * half_width), 1.0);
    out.colour = data.gold.rgb;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let fall = 1.0 - in.at.x * in.at.x;
    let up = 0.30 + 0.70 * in.at.y * in.at.y;
    let tip = smoothstep(0.94, 1.0, in.at.y);
    return vec4<f32>((in.colour * up + vec3<f32>(0.6, 0.55, 0.45) * tip) * fall, 0.0);
}
