// The planet and its air, found per pixel on two flat meshes that face the eye.
//
// The disc: a ray meets the unit sphere; the ocean's gradient, dots of land on a spherical Fibonacci lattice, the
// terminator, the air before them. Its depth is that of the limb's plane: what lies behind it is hidden, what lies
// before it isn't. The ring around it (AIR): the air's glow, infinitely far away, so that the disc wins where both are.
//
// PLAIN leaves out what a rasteriser on the CPU pays dearly: it runs both sides of every branch in every pixel, so
// there the second lattice and the filtered ground are gone for good, not skipped.

#import bevy_pbr::mesh_view_bindings::view

struct Params {
    // Towards the sun; w: 1 for relief.
    sun: vec4<f32>,
    // Dots of the coarser and of the finer lattice; how much the finer counts; height of the picture in pixels.
    dots: vec4<f32>,
    // Hovered region + 1, selected region + 1, choropleth's strength, warmth's strength.
    marks: vec4<f32>,
    land: vec4<f32>,
    air: vec4<f32>,
    warmth: vec4<f32>,
    gold: vec4<f32>,
    room: vec4<f32>,
    // Intensity by region + 1.
    regions: array<vec4<f32>, 64>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> params: Params;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var earth_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var earth_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var region_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(4) var near_land_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(5) var warmth_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(6) var warmth_sampler: sampler;

const PI: f32 = 3.14159265;
const TAU: f32 = 6.2831853;
// The air reaches this far, in radii of the disc.
const REACH: f32 = 1.32;
const LOG2_PHI: f32 = 0.69424191;
const SQRT5: f32 = 2.23606798;

struct Varying {
    @builtin(position) position: vec4<f32>,
    // From the eye to the point on the quad, in world axes.
    @location(0) ray: vec3<f32>,
    // A soft light from the upper left, that makes the night side round.
    @location(1) @interpolate(flat) key: vec3<f32>,
}

@vertex
// x, y: the mesh's corner; z: 1 on the ring's outer edge.
fn vertex(@location(0) position: vec3<f32>) -> Varying {
    let eye = view.world_position;
    let distance = length(eye);
    let back = eye / distance;
    let right = normalize(cross(vec3<f32>(0.0, 1.0, 0.0), back));
    let up = cross(back, right);
    let limb_radius = sqrt(max(1.0 - 1.0 / (distance * distance), 0.0));
#ifdef AIR
    let reach = mix(0.999, REACH, position.z);
#else
    // Two pixels beyond the limb, for its soft edge.
    let reach = 1.0 + 4.0 * sqrt(max(distance * distance - 1.0, 1e-4)) / (view.clip_from_view[1][1] * view.viewport.w);
#endif
    let world = back / distance + (right * position.x + up * position.y) * limb_radius * reach;
    var out: Varying;
    out.position = view.clip_from_world * vec4<f32>(world, 1.0);
#ifdef AIR
    out.position.z = 0.0;
#endif
    out.ray = world - eye;
    out.key = normalize(back * 0.75 + up * 0.55 - right * 0.45);
    return out;
}

struct Dot {
    // How much of the pixel the dot covers, 0 to 1.
    cover: f32,
    // Texture coordinates of the dot's middle.
    uv: vec2<f32>,
}

// The nearest point of a spherical Fibonacci lattice of `n` points (Keinert et al. 2015), in longitude's turns
// and height, with the golden angle's multiples exact in integers.
fn nearest_dot(turn: f32, v: f32, y: f32, n: f32, footprint: f32, tilt: vec2<f32>) -> Dot {
    let sin2 = max(1.0 - y * y, 1e-5);
    let sin1 = sqrt(sin2);
    let k = max(2.0, floor(log2(n * PI * SQRT5 * sin2) / (2.0 * LOG2_PHI)));
    let phi_k = exp2(k * LOG2_PHI);
    let f0 = round(phi_k / SQRT5);
    let f1 = round(phi_k * 1.6180339887 / SQRT5);
    let odd = fract(k * 0.5) * 2.0;
    let sign_k = 1.0 - 2.0 * odd;
    // psi = -1/phi to the powers k and k + 1.
    let psi0 = sign_k / phi_k;
    let psi1 = -psi0 * 0.6180339887;
    let index = (1.0 - 1.0 / n - y) * n * 0.5;
    let signed_turn = turn - round(turn);
    let p = -psi0;
    let q = -psi1;
    let det = -sign_k;
    let a = floor((signed_turn * f1 - q * index) * det);
    let b = floor((p * index - signed_turn * f0) * det);

    var best = vec3<f32>(1e9, 0.0, 0.0);
    var best_turn = 0.0;
    for (var s = 0u; s < 4u; s++) {
        let i = i32(f0) * (i32(a) + i32(s & 1u)) + i32(f1) * (i32(b) + i32(s >> 1u));
        let bounded = clamp(i, 0, i32(n) - 1);
        let dot_turn = f32(u32(bounded) * 2654435769u) * (1.0 / 4294967296.0);
        let dot_y = 1.0 - (2.0 * f32(bounded) + 1.0) / n;
        let across = turn - dot_turn;
        let east = (across - round(across)) * TAU * sin1;
        let north = (y - dot_y) / sin1;
        let d2 = east * east + north * north;
        if d2 < best.x {
            best = vec3<f32>(d2, east, north);
            best_turn = dot_turn;
        }
    }
    let spacing = sqrt(4.0 * PI / n);
    let radius = spacing * 0.32;
    let distance = sqrt(best.x);
    let towards = best.yz / max(distance, 1e-6);
    let lean = dot(towards, tilt);
    let soft = footprint * sqrt(1.0 + lean * lean);
    let crisp = clamp((radius - distance) / soft + 0.5, 0.0, 1.0);
    // Where dots are finer than pixels (at the limb), their mean.
    let mean = radius * radius * n * 0.25;
    let widest = footprint * sqrt(1.0 + dot(tilt, tilt));
    var out: Dot;
    out.cover = mix(crisp, mean, smoothstep(0.32, 0.75, widest / spacing));
    out.uv = vec2<f32>(fract(best_turn + 0.5), v + best.z / PI);
    return out;
}

fn region_at(uv: vec2<f32>) -> u32 {
    let size = vec2<f32>(textureDimensions(region_texture));
    let texel = vec2<i32>(clamp(uv * size, vec2<f32>(0.0), size - 1.0));
    return u32(textureLoad(region_texture, texel, 0).r * 255.0 + 0.5);
}

// The dots' light of one lattice: rgb, and cover where there is land.
fn land_dots(
    turn: f32, v: f32, y: f32, n: f32, footprint: f32, tilt: vec2<f32>,
    base: vec3<f32>, warm: vec3<f32>,
) -> vec3<f32> {
    let found = nearest_dot(turn, v, y, n, footprint, tilt);
    if found.cover <= 0.0 {
        return vec3<f32>(0.0);
    }
    let region = region_at(found.uv);
    if region == 0u {
        return vec3<f32>(0.0);
    }
    var colour = base;
    let intensity = params.regions[region >> 2u][region & 3u] * params.marks.z;
    colour = mix(colour, params.gold.rgb * (0.25 + 0.75 * intensity), min(intensity * 1.2, 0.92));
    let number = f32(region);
    if number == params.marks.y {
        colour = colour * 1.3 + vec3<f32>(0.20, 0.30, 0.42);
    } else if number == params.marks.x {
        colour = colour * 1.2 + vec3<f32>(0.08, 0.13, 0.20);
    }
    return (colour + warm) * found.cover;
}

fn interleaved_noise(pixel: vec2<f32>) -> f32 {
    return fract(52.9829189 * fract(dot(pixel, vec2<f32>(0.06711056, 0.00583715))));
}

// How much the air beside this ray is lit: on the sun's side, and from behind by grazing light.
fn air_light(limb_normal: vec3<f32>, ray: vec3<f32>) -> f32 {
    let sun = params.sun.xyz;
    let limb_sun = dot(limb_normal, sun);
    let behind = max(dot(ray, sun), 0.0);
    return 0.035 + 1.05 * smoothstep(-0.22, 0.75, limb_sun)
        + 0.85 * behind * behind * smoothstep(-0.30, 0.30, limb_sun);
}

// A thin bright line that falls off fast, and a wide breath.
fn air_glow(height: f32, lit: f32) -> vec3<f32> {
    let edge = clamp((REACH - 1.0 - height) / (REACH - 1.0), 0.0, 1.0);
    let glow = 0.62 * exp2(-height * 100.0) + 0.12 * exp2(-height * 26.0) + 0.040 * exp2(-height * 8.0);
    return params.room.rgb + params.air.rgb * glow * lit * edge * edge
        + vec3<f32>(0.30, 0.42, 0.55) * exp2(-height * 190.0) * lit * 0.35;
}

// Half a step of the screen's eight bits, so that the dark gradients don't band.
fn dithered(colour: vec3<f32>, pixel: vec2<f32>) -> vec4<f32> {
    let luma = max(max(colour.r, colour.g), colour.b);
    let noise = (interleaved_noise(pixel) - 0.5) * (2.0 * sqrt(luma) + 0.05) / 255.0;
    return vec4<f32>(max(colour + noise, vec3<f32>(0.0)), 1.0);
}

#ifdef AIR

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let eye = view.world_position;
    let ray = normalize(in.ray);
    let closest = eye - ray * dot(eye, ray);
    let impact = length(closest);
    let lit = air_light(closest / impact, ray);
    return dithered(air_glow(max(impact - 1.0, 0.0), lit), in.position.xy);
}

#else

fn ground_at(uv: vec2<f32>) -> vec3<f32> {
#ifdef PLAIN
    let size = vec2<f32>(textureDimensions(earth_texture));
    return textureLoad(earth_texture, vec2<i32>(clamp(uv * size, vec2<f32>(0.0), size - 1.0)), 0).rgb;
#else
    return textureSampleLevel(earth_texture, earth_sampler, uv, 0.0).rgb;
#endif
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let eye = view.world_position;
    let ray = normalize(in.ray);
    let sun = params.sun.xyz;
    let distance2 = dot(eye, eye);
    let half_b = dot(eye, ray);
    let closest = eye - ray * half_b;
    let impact = length(closest);
    // World size of a pixel per distance.
    let pixel = 2.0 / (view.clip_from_view[1][1] * view.viewport.w);
    let limb_pixel = pixel * sqrt(max(distance2 - 1.0, 1e-4));
    let inside = clamp(0.5 - (impact - 1.0) / limb_pixel, 0.0, 1.0);
    let lit = air_light(closest / max(impact, 1e-4), ray);

    let discriminant = max(half_b * half_b - (distance2 - 1.0), 0.0);
    let reach = -half_b - sqrt(discriminant);
    let p = eye + ray * reach;
    let facing = clamp(-dot(p, ray), 0.0, 1.0);
    let sun_dot = dot(p, sun);
    let sunny = max(sun_dot, 0.0);
    // Eighteen degrees of dusk: civil to astronomical.
    let day = smoothstep(-0.20, 0.16, sun_dot);
    let night = 1.0 - day;
    let key = 0.5 + 0.5 * dot(p, in.key);

    let turn = atan2(p.x, p.z) / TAU;
    let v = 0.5 - asin(clamp(p.y, -1.0, 1.0)) / PI;
    let uv = vec2<f32>(turn + 0.5, v);

    // Ocean: deep blue by day, a breath of it by night, lighter to the upper left, with a broad sheen under the sun.
    let roundness = 0.45 + 0.55 * facing;
    var surface = mix(vec3<f32>(0.0020, 0.0050, 0.0135) * (0.50 + 1.00 * key * key),
                      vec3<f32>(0.0056, 0.0262, 0.0900) * (0.34 + 0.76 * sunny), day) * roundness;
    let sheen = max(dot(reflect(ray, p), sun), 0.0);
    let sheen2 = sheen * sheen;
    let sheen4 = sheen2 * sheen2;
    let sheen8 = sheen4 * sheen4;
    let sheen16 = sheen8 * sheen8;
    surface += (vec3<f32>(0.008, 0.020, 0.036) * sheen4 * sheen
        + vec3<f32>(0.024, 0.036, 0.048) * sheen16 * sheen16) * day;

    let ground = ground_at(uv);

    // Warmth that orders left.
    let root = textureSampleLevel(warmth_texture, warmth_sampler, uv, 0.0).rgb;
    let warm = root * root * params.marks.w * smoothstep(0.02, 0.30, facing);
    surface += warm * 0.40;

    // Land: a faint ground under the dots so that continents hold together.
    let shore = ground.b;
    surface += params.land.rgb * shore * (mix(0.020 + 0.026 * key, 0.150 * (0.35 + 0.8 * sunny), day)) * roundness;
    let cities = ground.r * ground.r;
    surface += vec3<f32>(0.50, 0.55, 0.62) * cities * night * 0.16 * facing;

    var is_near_land = true;
#ifndef PLAIN
    let size = vec2<f32>(textureDimensions(near_land_texture));
    let near = textureLoad(near_land_texture, vec2<i32>(clamp(uv * size, vec2<f32>(0.0), size - 1.0)), 0).r;
    is_near_land = near > 0.5;
#endif
    if is_near_land {
        let footprint = pixel * reach;
        // The way to the eye along the surface (east, north), over the cosine: how pixels stretch.
        let east = vec3<f32>(p.z, 0.0, -p.x) / max(sqrt(p.x * p.x + p.z * p.z), 1e-4);
        let north = cross(p, east);
        let tilt = -vec2<f32>(dot(ray, east), dot(ray, north)) / max(facing, 0.06);
        let relief = 0.74 + 1.1 * ground.g;
        let by_night = params.land.rgb * vec3<f32>(0.62, 0.92, 1.25) * (0.110 + 0.20 * key * key * key);
        let by_day = params.land.rgb * vec3<f32>(1.22, 1.12, 1.0) * (0.34 + 0.80 * sunny) + vec3<f32>(0.012, 0.016, 0.016);
        let base = (mix(by_night, by_day, day) * relief
            + vec3<f32>(0.60, 0.66, 0.74) * cities * night * 0.80)
            * (0.35 + 0.65 * smoothstep(0.0, 0.55, facing));
#ifdef PLAIN
        let n = select(params.dots.x, params.dots.y, params.dots.z > 0.5);
        surface += land_dots(turn, v, p.y, n, footprint, tilt, base, warm);
#else
        if params.dots.z < 0.999 {
            surface += (1.0 - params.dots.z) * land_dots(turn, v, p.y, params.dots.x, footprint, tilt, base, warm);
        }
        if params.dots.z > 0.001 {
            surface += params.dots.z * land_dots(turn, v, p.y, params.dots.y, footprint, tilt, base, warm);
        }
#endif
    }

    // The air before the surface: thick at the limb.
    let rim = 1.0 - facing;
    let rim2 = rim * rim;
    let veil = 0.050 * rim2 + 0.52 * rim2 * rim2 * rim2;
    surface = surface * (1.0 - 0.35 * rim2 * rim2) + params.air.rgb * veil * lit;
    // Within two pixels of the limb the air's height is nothing.
    let outside = params.room.rgb + (params.air.rgb * 0.78 + vec3<f32>(0.105, 0.147, 0.1925)) * lit;
    return dithered(mix(outside, surface, inside), in.position.xy);
}

#endif
