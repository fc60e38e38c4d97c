// Value that stands up: a beam along the normal of each place, a line of light that faces the eye. What the planet hides of
// it is cut off here, so that it is hidden where the planet's depth isn't kept too.

#import bevy_pbr::mesh_view_bindings::view
#import bevy_pbr::mesh_functions

struct Data {
    now_ms: u32,
    // How far the bloom reaches in pixels of a picture 1,080 high, 0 for none; seconds of a pulse; 1 for reduced motion.
    bloom: f32,
    pulse: f32,
    still: f32,
    // a: gain.
    beam: vec4<f32>,
    // Towards the sun; how large the planet is, 1 as in a picture of 16:9.
    sun: vec4<f32>,
    // Direction; 1 with a pulse; when it left; height.
    beams: array<vec4<u32>>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> data: Data;

// Half of its width at the base and at the tip, in pixels of a picture 1,080 high.
const BASE: f32 = 1.5;
const TIP: f32 = 0.5;
const BASE_ALPHA: f32 = 0.95;
const BLOOM_ALPHA: f32 = 0.25;
const BY_DAY: f32 = 0.6;
// The height of the tallest, in radii of the planet.
const TALLEST: f32 = 0.32;

struct Varying {
    @builtin(position) position: vec4<f32>,
    // Pixels across and along from the base; how far up, 0 to 1; a pixel of 1,080 in pixels.
    @location(0) at: vec4<f32>,
    // How bright it is; where its pulse is, 2 for nowhere; how bright that is; how much of the bloom it has.
    @location(1) @interpolate(flat) light: vec4<f32>,
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
    // Number, up 0 or 1, side.
    @location(0) number: vec3<f32>,
) -> Varying {
    var out: Varying;
    out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    out.at = vec4<f32>(0.0);
    out.light = vec4<f32>(0.0, 2.0, 0.0, 0.0);
    let beam = data.beams[mesh_functions::get_tag(instance) + u32(number.x + 0.5)];
    let height = bitcast<f32>(beam.w);
    if height <= 0.0005 {
        return out;
    }
    let direction = unpack_direction(beam.x);
    let eye = view.world_position;
    let distance = length(eye);
    // Beyond the limb only what rises over the line of sight that touches it.
    let limb = acos(clamp(1.0 / distance, 0.0, 1.0));
    let angle = acos(clamp(dot(direction, eye) / distance, -1.0, 1.0));
    var hidden = 0.0;
    if angle > limb {
        hidden = 1.0 / max(cos(angle - limb), 0.01) - 1.0;
    }
    if hidden >= height {
        return out;
    }
    let foot = view.clip_from_world * vec4<f32>(direction * (1.0015 + hidden), 1.0);
    let head = view.clip_from_world * vec4<f32>(direction * (1.0015 + height), 1.0);
    let half = view.viewport.zw * 0.5;
    let foot_px = foot.xy / foot.w * half;
    let head_px = head.xy / head.w * half;
    let way = head_px - foot_px;
    let length_px = length(way);
    let along = select(vec2<f32>(0.0, 1.0), way / max(length_px, 1e-4), length_px > 0.5);
    let across = vec2<f32>(along.y, -along.x);

    let scale = view.viewport.w / 1080.0 * sqrt(data.sun.a);
    let bloom = data.bloom * scale;
    // Half a pixel more for a soft edge.
    let reach = max(bloom, BASE * scale) + 0.5;
    // A beam that is cut off by the limb has no round foot.
    let below = select(0.0, bloom, hidden == 0.0);
    let up = number.y;
    let y = mix(-below, length_px, up);
    let px = foot_px + along * y + across * (number.z * reach);
    let depth = mix(foot.z / foot.w, head.z / head.w, up);
    // Already divided, so that what is passed on goes evenly over the picture.
    out.position = vec4<f32>(px / half, depth, 1.0);
    let start = hidden / height;
    let slope = (1.0 - start) / max(length_px, 1e-4);
    out.at = vec4<f32>(number.z * reach, y, select(start - below * slope, 1.0, up > 0.5), scale);

    // Small ones stand close together: they are fainter and have less bloom, or all of them would be one glare.
    let tall = clamp(height / TALLEST, 0.0, 1.0);
    let lit = mix(1.0, BY_DAY, smoothstep(-0.10, 0.20, dot(direction, data.sun.xyz))) * mix(0.45, 1.0, smoothstep(0.0, 0.6, tall));
    let age = f32(bitcast<i32>(data.now_ms - beam.z)) * 0.001 / data.pulse;
    if beam.y != 0u && age >= 0.0 && age < 1.0 {
        let fade = 1.0 - age * age;
        // Where motion is unwanted, all of it brightens.
        out.light = vec4<f32>(lit * (1.0 + 0.35 * fade * data.still), age * (2.0 - age), fade * lit * (1.0 - data.still), tall);
    } else {
        out.light = vec4<f32>(lit, 2.0, 0.0, tall);
    }
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let up = clamp(in.at.z, 0.0, 1.0);
    let down = 1.0 - up;
    let scale = in.at.w;
    // Below the foot the distance to it counts, so that the foot is round.
    let off = length(vec2<f32>(in.at.x, min(in.at.y, 0.0)));
    let half_width = mix(BASE, TIP, up) * scale;
    let core = clamp(half_width - off + 0.5, 0.0, 1.0);
    let alpha = BASE_ALPHA * down * core;
    let colour = data.beam.rgb * data.beam.a;
    let near = (up - in.light.y) * 7.0;
    let pulse = max(1.0 - near * near, 0.0) * in.light.z;
    var glow = 0.0;
    if data.bloom > 0.0 {
        let spread = max(1.0 - off / (data.bloom * scale), 0.0);
        glow = spread * spread * (BLOOM_ALPHA * down * down + 0.4 * pulse * down) * in.light.w;
    }
    let light = colour * (alpha * in.light.x + glow * in.light.x)
        + (colour * 0.5 + vec3<f32>(0.5)) * data.beam.a * (pulse * core * sqrt(down));
    // Where motion is unwanted it may be brighter than 1: nothing covers more than all.
    return vec4<f32>(light, min(alpha * in.light.x * 0.85, 1.0));
}
