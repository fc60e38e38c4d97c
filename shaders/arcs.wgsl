// Parcels across borders: a cubic Bézier each, its trail as a thin ribbon that faces the eye, and a ring
// where it lands. What is behind the planet is hidden by the planet's depth (that of the limb's plane).

#import bevy_pbr::mesh_view_bindings::view
#import bevy_pbr::mesh_functions

struct Data {
    now_ms: u32,
    // Seconds of flight, seconds after it, 1 for reduced motion.
    flight: f32,
    after: f32,
    still: f32,
    // a: strength where many fly; how large the planet is, 1 as in a picture of 16:9.
    trail: vec4<f32>,
    head: vec4<f32>,
    // From, to, departure, parcels.
    arcs: array<vec4<u32>>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> data: Data;

struct Varying {
    @builtin(position) position: vec4<f32>,
    // Across the ribbon, or x and y of the ring's quad; z: 1 for the ring, w: the ring's radius.
    @location(0) at: vec4<f32>,
    @location(1) colour: vec3<f32>,
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
    // Number in the chunk, share of the trail or corner, side or 2.
    @location(0) number: vec3<f32>,
) -> Varying {
    var out: Varying;
    out.position = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    out.at = vec4<f32>(0.0);
    out.colour = vec3<f32>(0.0);
    let arc = data.arcs[mesh_functions::get_tag(instance) + u32(number.x + 0.5)];
    let parcels = bitcast<f32>(arc.w);
    let age = f32(bitcast<i32>(data.now_ms - arc.z)) * 0.001;
    if parcels <= 0.0 || age < 0.0 || age >= data.flight + data.after {
        return out;
    }
    let from_point = unpack_direction(arc.x);
    let to_point = unpack_direction(arc.y);
    let eye = view.world_position;
    let scale = view.viewport.w / 1080.0 * data.head.a;
    let pixel = 2.0 / (view.clip_from_view[1][1] * view.viewport.w);
    let size = min(log2(1.0 + parcels), 10.0);
    let after = clamp((age - data.flight) / data.after, 0.0, 1.0);

    if number.z > 1.5 {
        if age < data.flight {
            return out;
        }
        let facing = dot(to_point, normalize(eye - to_point));
        if facing <= 0.02 {
            return out;
        }
        // On the ground, so that it leans with the planet.
        let east = normalize(vec3<f32>(to_point.z, 0.0001, -to_point.x));
        let north = cross(to_point, east);
        let reach = pixel * length(eye - to_point) * (7.0 + 1.6 * size) * scale;
        var corner = vec2<f32>(-1.0, -1.0);
        if number.y > 2.5 {
            corner = vec2<f32>(-1.0, 1.0);
        } else if number.y > 1.5 {
            corner = vec2<f32>(1.0, 1.0);
        } else if number.y > 0.5 {
            corner = vec2<f32>(1.0, -1.0);
        }
        let world = to_point * 1.002 + (east * corner.x + north * corner.y) * reach;
        out.position = view.clip_from_world * vec4<f32>(world, 1.0);
        out.at = vec4<f32>(corner, 1.0, sqrt(after));
        out.colour = data.trail.rgb * (1.0 - after) * (1.0 - after) * 0.75 * data.trail.a
            * smoothstep(0.02, 0.3, facing);
        return out;
    }

    // Eased: the head leaves quickly and lands softly.
    let flown = clamp(age / data.flight, 0.0, 1.0);
    let head = flown * (2.0 - flown) * 0.5 + flown * 0.5;
    let tail = max(head - 0.45, after * after * 0.45 + 0.55 * step(1.0, flown));
    let first = select(max(head - 0.45, 0.0), max(tail, 0.0), flown >= 1.0);
    let t = mix(first, head, number.y);

    let angle = acos(clamp(dot(from_point, to_point), -0.9999, 0.9999));
    if angle < 0.004 {
        return out;
    }
    let inverse_sine = 1.0 / sin(angle);
    let third = sin(angle / 3.0) * inverse_sine;
    let two_thirds = sin(angle * 2.0 / 3.0) * inverse_sine;
    // The control points' radius for a middle at this height.
    let height = 0.010 + 0.072 * angle;
    let radius = (8.0 * (1.0 + height) - 2.0 * cos(angle * 0.5)) / (6.0 * cos(angle / 6.0));
    let c1 = (from_point * two_thirds + to_point * third) * radius;
    let c2 = (from_point * third + to_point * two_thirds) * radius;
    let u = 1.0 - t;
    let p = from_point * (u * u * u) + c1 * (3.0 * u * u * t) + c2 * (3.0 * u * t * t) + to_point * (t * t * t);
    let along = (c1 - from_point) * (u * u) + (c2 - c1) * (2.0 * u * t) + (to_point - c2) * (t * t);
    let to_eye = eye - p;
    let distance = length(to_eye);
    let across = normalize(cross(along, to_eye) + vec3<f32>(1e-9));
    let half_width = pixel * distance * max((0.60 + 0.10 * size) * scale, 0.8) * (0.45 + 0.55 * number.y);
    let world = p * 1.0015 + across * (number.z * half_width);
    out.position = view.clip_from_world * vec4<f32>(world, 1.0);
    out.at = vec4<f32>(number.z, 0.0, 0.0, 0.0);
    // Beyond the limb an arc dissolves: the sky above the planet belongs to the figures.
    let sight = to_eye / distance;
    let impact = length(p - sight * dot(p, sight));
    let in_air = 1.0 - smoothstep(1.0, 1.07, impact);
    let trail = number.y * number.y;
    let tip = smoothstep(0.90, 1.0, number.y) * (1.0 - after);
    out.colour = (data.trail.rgb * trail * 0.20 + data.head.rgb * tip * 0.9)
        * (1.0 - after) * data.trail.a * (0.55 + 0.10 * size) * in_air * in_air;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    if in.at.z > 0.5 {
        let d = length(in.at.xy) - in.at.w * 0.86;
        let line = max(1.0 - abs(d) / 0.14, 0.0);
        return vec4<f32>(in.colour * line * line, 0.0);
    }
    let fall = 1.0 - in.at.x * in.at.x;
    return vec4<f32>(in.colour * fall, 0.0);
}
