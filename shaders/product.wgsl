// A product's surface: glTF's metallic-roughness model, lit from all around by a studio, with the Khronos PBR Neutral
// tone curve. What a surface doesn't have isn't compiled.

#import bevy_pbr::forward_io::VertexOutput
#import bevy_pbr::mesh_view_bindings::view
#ifdef TRANSMISSION
#import bevy_pbr::mesh_view_bindings::{view_transmission_texture, view_transmission_sampler}
#endif

// Roughness levels of a studio's map, less one.
const LAST_LEVEL: f32 = 5.0;
// Places of the table of what surfaces give back, each way.
const ALBEDO: f32 = 32.0;

struct Params {
    base: vec4<f32>,
    // Light given off; the alpha that a mask asks for.
    emissive: vec4<f32>,
    // Metallic, roughness, normal scale, occlusion strength.
    surface: vec4<f32>,
    // Reflection straight on, without metal; its strength at grazing angles.
    f0: vec4<f32>,
    // Lacquer, its roughness, sheen's roughness, transmission.
    coat: vec4<f32>,
    // Sheen's colour; alpha that stands for transmission.
    sheen: vec4<f32>,
    // Colour after the attenuation distance; thickness.
    volume: vec4<f32>,
    // 1 / attenuation distance, index of refraction.
    glass: vec4<f32>,
    // Two for each texture: x and y columns; offset.
    uv: array<vec4<f32>, 10>,
    // Colour and brightness; turn about +Y.
    light: vec4<f32>,
    harmonics: array<vec4<f32>, 9>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> params: Params;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var base_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var base_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var rough_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(4) var rough_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(5) var normal_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(6) var normal_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(7) var occlusion_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(8) var occlusion_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(9) var emissive_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(10) var emissive_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(11) var light_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(12) var light_sampler: sampler;
@group(#{MATERIAL_BIND_GROUP}) @binding(13) var albedo_texture: texture_2d<f32>;

fn moved(uv: vec2<f32>, slot: u32) -> vec2<f32> {
    let columns = params.uv[slot * 2u];
    return columns.xy * uv.x + columns.zw * uv.y + params.uv[slot * 2u + 1u].xy;
}

fn turned(direction: vec3<f32>) -> vec3<f32> {
    let s = sin(params.light.w);
    let c = cos(params.light.w);
    return vec3<f32>(c * direction.x - s * direction.z, direction.y, s * direction.x + c * direction.z);
}

// Angle of (x, y), within 0.0005 radians.
fn angle(y: f32, x: f32) -> f32 {
    let ax = abs(x);
    let ay = abs(y);
    let a = min(ax, ay) / max(max(ax, ay), 1e-6);
    let s = a * a;
    var r = ((-0.0464964749 * s + 0.15931422) * s - 0.327622764) * s * a + a;
    if ay > ax { r = 1.57079637 - r; }
    if x < 0.0 { r = 3.14159274 - r; }
    return select(r, -r, y < 0.0);
}

fn arc(x: f32) -> f32 {
    let a = abs(x);
    let r = sqrt(max(1.0 - a, 0.0)) * (1.5707288 + a * (-0.2121144 + a * (0.0742610 - 0.0187293 * a)));
    return select(r, 3.14159274 - r, x < 0.0);
}

// The studio's light from a direction, as a surface of this roughness mirrors it.
fn radiance(direction: vec3<f32>, roughness: f32) -> vec3<f32> {
    let d = turned(direction);
    let uv = vec2<f32>(angle(d.x, -d.z) * 0.15915494 + 0.5, arc(d.y) * 0.31830989);
    return textureSampleLevel(light_texture, light_sampler, uv, roughness * LAST_LEVEL).rgb * params.light.rgb;
}

fn irradiance(direction: vec3<f32>) -> vec3<f32> {
    let n = turned(direction);
    let h = &params.harmonics;
    let sum = (*h)[0].rgb + (*h)[1].rgb * n.y + (*h)[2].rgb * n.z + (*h)[3].rgb * n.x
        + (*h)[4].rgb * (n.x * n.y) + (*h)[5].rgb * (n.y * n.z) + (*h)[6].rgb * (3.0 * n.z * n.z - 1.0)
        + (*h)[7].rgb * (n.x * n.z) + (*h)[8].rgb * (n.x * n.x - n.y * n.y);
    return max(sum, vec3<f32>(0.0)) * params.light.rgb;
}

// Where the table of what surfaces give back has a roughness and an angle: from the middle of its first place to that of its
// last.
fn table_at(roughness: f32, facing: f32) -> vec2<f32> {
    return vec2<f32>(sqrt(facing), roughness) * ((ALBEDO - 1.0) / ALBEDO) + 0.5 / ALBEDO;
}

// The share of an even light that a rough mirror gives back: a factor of f0, and what comes on top.
fn mirror_share(roughness: f32, facing: f32) -> vec2<f32> {
    return textureSampleLevel(albedo_texture, light_sampler, table_at(roughness, facing), 0.0).rg;
}

// Khronos PBR Neutral: colours of a product stay what they are, only what is too bright is compressed.
fn neutral(light: vec3<f32>) -> vec3<f32> {
    let start = 0.76;
    let least = min(light.r, min(light.g, light.b));
    let offset = select(0.04, least - 6.25 * least * least, least < 0.08);
    var colour = light - offset;
    let peak = max(colour.r, max(colour.g, colour.b));
    if peak < start {
        return colour;
    }
    let d = 1.0 - start;
    let lower = 1.0 - d * d / (peak + d - start);
    colour *= lower / peak;
    let g = 1.0 - 1.0 / (0.15 * (peak - lower) + 1.0);
    return mix(colour, vec3<f32>(lower), g);
}

@fragment
fn fragment(in: VertexOutput, @builtin(front_facing) front: bool) -> @location(0) vec4<f32> {
#ifdef VERTEX_UVS_A
    let uv_a = in.uv;
#else
    let uv_a = vec2<f32>(0.0);
#endif
#ifdef VERTEX_UVS_B
    let uv_b = in.uv_b;
#else
    let uv_b = uv_a;
#endif
    var base = params.base;
#ifdef BASE_TEXTURE
#ifdef BASE_UV_B
    base *= textureSample(base_texture, base_sampler, moved(uv_b, 0u));
#else
    base *= textureSample(base_texture, base_sampler, moved(uv_a, 0u));
#endif
#endif
    var open = 1.0;
#ifdef VERTEX_COLORS
#ifdef VERTEX_OCCLUSION
    base = vec4<f32>(base.rgb * in.color.rgb, base.a);
    open = in.color.a;
#else
    base *= in.color;
#endif
#endif
    var metallic = params.surface.x;
    var roughness = params.surface.y;
#ifdef METALLIC_ROUGHNESS_TEXTURE
#ifdef METALLIC_ROUGHNESS_UV_B
    let rough = textureSample(rough_texture, rough_sampler, moved(uv_b, 1u));
#else
    let rough = textureSample(rough_texture, rough_sampler, moved(uv_a, 1u));
#endif
    roughness *= rough.g;
    metallic *= rough.b;
#endif
    let geometric = normalize(in.world_normal) * select(-1.0, 1.0, front);
    var normal = geometric;
#ifdef NORMAL_TEXTURE
#ifdef VERTEX_TANGENTS
#ifdef NORMAL_UV_B
    let texel = textureSample(normal_texture, normal_sampler, moved(uv_b, 2u)).xyz;
#else
    let texel = textureSample(normal_texture, normal_sampler, moved(uv_a, 2u)).xyz;
#endif
    var bump = texel * 2.0 - 1.0;
    // Normals that were averaged away far off make the surface rougher instead.
    let bundle = clamp(length(bump), 0.05, 1.0);
    roughness = sqrt(clamp(roughness * roughness + (1.0 - bundle) * 0.6 * params.surface.z, 0.0, 1.0));
    bump = vec3<f32>(bump.xy * params.surface.z, max(bump.z, 0.05));
    let tangent = in.world_tangent.xyz;
    let bitangent = cross(in.world_normal, tangent) * in.world_tangent.w;
    normal = normalize(tangent * bump.x + bitangent * bump.y + normalize(in.world_normal) * bump.z) * select(-1.0, 1.0, front);
#endif
#endif
#ifdef OCCLUSION_TEXTURE
#ifdef OCCLUSION_UV_B
    let hole = textureSample(occlusion_texture, occlusion_sampler, moved(uv_b, 3u)).r;
#else
    let hole = textureSample(occlusion_texture, occlusion_sampler, moved(uv_a, 3u)).r;
#endif
    open *= 1.0 + params.surface.w * (hole - 1.0);
#endif
    var given = params.emissive.rgb;
#ifdef EMISSIVE_TEXTURE
#ifdef EMISSIVE_UV_B
    given *= textureSample(emissive_texture, emissive_sampler, moved(uv_b, 4u)).rgb;
#else
    given *= textureSample(emissive_texture, emissive_sampler, moved(uv_a, 4u)).rgb;
#endif
#endif
#ifdef MASK
    if base.a < params.emissive.a { discard; }
#endif
#ifdef UNLIT
#ifdef BLEND
    return vec4<f32>(base.rgb * base.a, base.a);
#else
    return vec4<f32>(base.rgb, 1.0);
#endif
#endif

    roughness = clamp(roughness, 0.03, 1.0);
    let to_eye = normalize(view.world_position - in.world_position.xyz);
    let facing = clamp(dot(normal, to_eye), 1e-3, 1.0);
    let away = reflect(-to_eye, normal);
    let diffuse_colour = base.rgb * (1.0 - metallic);
    let f0 = mix(params.f0.rgb, base.rgb, metallic);
    let f90 = mix(params.f0.a, 1.0, metallic);
    let share = mirror_share(roughness, facing);
    let single = f0 * share.x + f90 * share.y;
    // Light that bounces more than once between a rough surface's facets isn't lost.
    let mirrored = single * (1.0 + f0 * (1.0 / max(share.x + share.y, 0.05) - 1.0));
    let around = irradiance(normal);
    // Crevices are lit by their own walls too.
    let bounced = open / (open + (1.0 - open) * (1.0 - 0.7 * diffuse_colour * open));
    let seen = clamp(pow(facing + open, exp2(-16.0 * roughness - 1.0)) - 1.0 + open, 0.0, 1.0)
        * clamp(1.0 + 2.0 * dot(away, geometric), 0.0, 1.0);
    // Of the part that isn't metal, what its own face mirrors doesn't come in; metal's mirroring takes nothing from it.
    let kept_out = clamp(params.f0.rgb * share.x + params.f0.a * share.y, vec3<f32>(0.0), vec3<f32>(1.0));
    var diffuse = diffuse_colour * (1.0 - kept_out) * around * bounced;
    // A rough surface mirrors mostly what lies nearer to its normal.
    let lobe = normalize(mix(away, normal, roughness * roughness * roughness * roughness));
    var gloss = mirrored * radiance(lobe, roughness) * seen;

#ifdef SHEEN
    let velvet = textureSampleLevel(albedo_texture, light_sampler, table_at(max(params.coat.z, 0.07), facing), 0.0).b;
    let sheen = params.sheen.rgb * velvet;
    let under = 1.0 - max(sheen.r, max(sheen.g, sheen.b));
    diffuse = diffuse * under + sheen * around * bounced;
    gloss *= under;
#endif
    var alpha = 1.0;
#ifdef BLEND
    alpha = base.a;
#endif
#ifdef GLASS
    // Glass without what is behind it: it mirrors, tints what comes through by its thickness at this angle, and
    // lets the rest of the picture be.
    let way = params.volume.a / max(facing, 0.25);
    let tint = pow(max(params.volume.rgb, vec3<f32>(1e-3)), vec3<f32>(way * params.glass.x)) * base.rgb;
    let edge = pow(1.0 - facing, 3.0);
    alpha = mix(params.sheen.a, min(params.sheen.a + 0.55, 0.95), edge) * params.coat.w + (1.0 - params.coat.w);
    let through = refract(-to_eye, normal, 1.0 / params.glass.y);
    let behind = radiance(through, max(roughness, 0.35)) * tint;
    diffuse = mix(diffuse, behind * 0.9, params.coat.w) * alpha;
    alpha = clamp(alpha + max(gloss.r, max(gloss.g, gloss.b)), 0.0, 1.0);
#endif
#ifdef TRANSMISSION
    let through = refract(-to_eye, normal, 1.0 / params.glass.y);
    let exit = in.world_position.xyz + through * params.volume.a;
    let clip = view.clip_from_world * vec4<f32>(exit, 1.0);
    let at = clip.xy / clip.w * vec2<f32>(0.5, -0.5) + 0.5;
    let spread = roughness * clamp(params.glass.y * 2.0 - 2.0, 0.0, 1.0) * 0.06;
    var behind = vec4<f32>(0.0);
    if spread < 0.003 {
        behind = textureSampleLevel(view_transmission_texture, view_transmission_sampler, at, 0.0);
    } else {
        for (var tap = 0; tap < 9; tap++) {
            let turn = f32(tap) * 2.3999632;
            let radius = sqrt((f32(tap) + 0.5) / 9.0) * spread;
            behind += textureSampleLevel(view_transmission_texture, view_transmission_sampler,
                at + vec2<f32>(cos(turn), sin(turn)) * radius, 0.0) / 9.0;
        }
    }
    let tint = pow(max(params.volume.rgb, vec3<f32>(1e-3)), vec3<f32>(params.volume.a * params.glass.x)) * base.rgb;
    // The picture has its tone curve already: glass is laid over it in the same terms, and where nothing stands
    // behind, the room's light comes through faintly.
    let stain = 1.0 - min(tint.r, min(tint.g, tint.b));
    let room = radiance(through, max(roughness, 0.2)) * (0.16 + 0.6 * stain + 0.5 * pow(1.0 - facing, 2.0));
    let rest = neutral(diffuse * (1.0 - params.coat.w) + gloss + given + room * tint * (1.0 - behind.a));
    let kept = params.coat.w * (1.0 - max(single.r, max(single.g, single.b)));
    let body = 0.10 + 0.55 * pow(1.0 - facing, 3.0) + stain * 0.5;
    let cover = clamp(behind.a + (1.0 - behind.a) * body + max(rest.r, max(rest.g, rest.b)), 0.0, 1.0);
    return vec4<f32>(min(behind.rgb * tint * kept + rest, vec3<f32>(cover)), cover);
#endif

#ifdef COAT
    let coat_facing = clamp(dot(geometric, to_eye), 1e-3, 1.0);
    let fresnel = (0.04 + 0.96 * pow(1.0 - coat_facing, 5.0)) * params.coat.x;
    let coat_light = radiance(reflect(-to_eye, geometric), max(params.coat.y, 0.03)) * fresnel * mix(open, 1.0, 0.3);
    diffuse *= 1.0 - fresnel;
    gloss = gloss * (1.0 - fresnel) * (1.0 - fresnel) + coat_light;
#endif
#ifdef BLEND
#ifndef GLASS
    diffuse *= alpha;
    alpha = clamp(alpha + max(gloss.r, max(gloss.g, gloss.b)) * (1.0 - alpha), 0.0, 1.0);
#endif
#endif
    let shown = neutral(diffuse + gloss + given);
    return vec4<f32>(min(shown, vec3<f32>(1.0)), alpha);
}
