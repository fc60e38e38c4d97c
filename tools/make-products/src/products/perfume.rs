//! A perfume flacon: heavy glass, a tinted liquid, a gold pump under a gold cap, a gold plate.
//!
//! The glass is six sides, each a node, and the liquid stands in their middle: a viewer that draws what lets light
//! through from back to front in two steps always draws three sides and the liquid before the three that face it.

use std::f32::consts::FRAC_PI_2;

use anyhow::Result;
use glam::{Quat, Vec2, Vec3};

use crate::kit::{
    CREASE, Cap, Figure, Lathe, Material, MaterialId, Mesh, Node, Product, Shade, circle, extrude_rings,
    inset, lift, loft, mm, path, ramp, rounded_rect, spline, superellipse, texture, tube,
};

/// The liquid's name, its colour over 20 mm, and the breath of it that the glass takes on.
const LIQUIDS: &[(&str, u32, u32)] = &[
    ("Amber", 0xdf8f2e, 0xf6e3c4),
    ("Rose", 0xe58a94, 0xf8dfe2),
    ("Verbena", 0xa9c46a, 0xe8f0d2),
];

/// A rounded rectangle whose sides are cut into even numbers of pieces, so that both axes pass through corners.
fn slab(width: f32, depth: f32, radius: f32) -> Vec<Vec2> {
    let corners = rounded_rect(width, depth, radius);
    let n = corners.len();
    let mut out = Vec::new();
    for (i, p) in corners.iter().enumerate() {
        let next = crate::kit::at(&corners, (i + 1) % n);
        let pieces = match p.distance(next) {
            d if d > 0.03 => 16,
            d if d > 0.01 => 8,
            _ => 1,
        };
        out.extend((0..pieces).map(|k| p.lerp(next, k as f32 / pieces as f32)));
    }
    out
}

/// Broad faces swell a little, as blown glass does.
fn swollen(mesh: Mesh) -> Mesh {
    mesh.bend(|p| {
        let x = (p.x / 0.03).clamp(-1.0, 1.0);
        let y = ((p.y - 0.038) / 0.042).clamp(-1.0, 1.0);
        let k = 1.0 + 0.045 * (1.0 - x * x) * (1.0 - y * y);
        Vec3::new(p.x * (1.0 + 0.012 * (1.0 - y * y)), p.y, p.z * k)
    })
    .smooth(CREASE)
}

/// The greatest depth of the glass's front at a point of it.
fn front(p: Vec2) -> f32 {
    let (x, y) = (p.x / 0.03, (p.y - 0.038) / 0.042);
    0.015 * (1.0 + 0.045 * (1.0 - x * x) * (1.0 - y * y))
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("perfume", "Perfume flacon");
    let grain = product.maps(texture::satin()?);
    product.variants = LIQUIDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let glass: Vec<MaterialId> = LIQUIDS
        .iter()
        .map(|(name, _, breath)| {
            product.material(
                Material::new(&format!("Glass {name}"), 0xffffff)
                    .rough(0.02)
                    .glass(1.0, 1.5, 0.16)
                    .volume(0.010, *breath, 0.05),
            )
        })
        .collect();
    let liquid: Vec<MaterialId> = LIQUIDS
        .iter()
        .map(|(name, tint, _)| {
            product.material(
                Material::new(&format!("Liquid {name}"), 0xffffff)
                    .rough(0.04)
                    .glass(1.0, 1.36, 0.62)
                    .volume(0.014, *tint, 0.026),
            )
        })
        .collect();
    let mut add = |m: Material| product.material(m);
    let gold = add(Material::new("Polished gold", 0xf6d9a6).metal().rough(0.16));
    let satin = add(Material::new("Satin gold", 0xefd3a2)
        .metal()
        .rough(0.34)
        .maps(grain));
    let brass = add(Material::new("Cap gold", 0xf0cf92)
        .metal()
        .rough(0.24)
        .maps(grain));
    let lacquer = add(Material::new("Black lacquer", 0x0b0b0d)
        .rough(0.3)
        .coated(1.0, 0.03));
    // The plate is blended though it's opaque: what is drawn before the glass shows in it twice.
    let label = add(Material::new("Plate gold", 0xefd3a2)
        .metal()
        .rough(0.34)
        .maps(grain)
        .alpha(1.0));
    let line = add(Material::new("Plate line", 0xf6d9a6)
        .metal()
        .rough(0.16)
        .alpha(1.0));
    let enamel = add(Material::new("Plate enamel", 0x17130f)
        .rough(0.35)
        .coated(0.4, 0.15)
        .alpha(1.0));
    let pipe = add(Material::new("Dip tube", 0xf1f1ee).rough(0.35));
    let dark = add(Material::new("Nozzle", 0x141414).rough(0.5));

    product.add(flacon(&glass, &liquid));
    product.add(plate([label, line, enamel, satin]));
    product.add(pump(gold, satin, pipe, dark));
    product.add(cap([brass, gold, satin, lacquer]));
    Ok(product)
}

fn flacon(glass: &[MaterialId], liquid: &[MaterialId]) -> Node {
    let outline = slab(0.06, 0.03, 0.0062);
    // A shallow hollow below, as heavy bases have.
    let mut rings = vec![
        lift(&inset(&outline, 0.0058), 0.001_3),
        lift(&inset(&outline, 0.0052), 0.001_2),
        lift(&inset(&outline, 0.0046), 0.000_9),
        lift(&inset(&outline, 0.0039), 0.000_35),
        lift(&inset(&outline, 0.0034), 0.000_05),
        lift(&inset(&outline, 0.0029), 0.0),
    ];
    let mut side = extrude_rings(&outline, 0.076, 0.002_4, 0.0048);
    // Long sides in pieces, so that they can swell.
    let tall: Vec<Vec<Vec3>> = {
        let (low, high) = (0.002_4, 0.0712);
        (1..14)
            .map(|k| lift(&outline, low + (high - low) * k as f32 / 14.0))
            .collect()
    };
    let half = side
        .iter()
        .filter(|r| r.first().is_some_and(|p| p.y < 0.01))
        .count();
    let top = side.split_off(half);
    rings.extend(side);
    rings.extend(tall);
    rings.extend(top);
    let hull = swollen(loft(&rings, true, Cap::Rings(5), Cap::Rings(5)));
    let neck = Lathe::full(64).spin(&path(&mm(&[
        (9.6, 75.4, 0.0),
        (8.2, 76.2, 0.8),
        (8.2, 79.0, 0.5),
        (6.0, 79.0, 0.3),
        (6.0, 76.5, 0.0),
    ])));
    let hull = hull.with(&neck);

    let inner = slab(0.0512, 0.0212, 0.0042);
    let mut rings = extrude_rings(&inner, 0.05, 0.0036, 0.0)
        .into_iter()
        .filter(|r| r.first().is_some_and(|p| p.y < 0.01))
        .collect::<Vec<_>>();
    rings.extend((1..=12).map(|k| lift(&inner, 0.0036 + 0.0464 * k as f32 / 12.0)));
    // The meniscus climbs the wall.
    rings.extend(
        [
            (0.0, 0.0502),
            (0.000_25, 0.0499),
            (0.000_6, 0.0496),
            (0.001_1, 0.049_35),
            (0.001_8, 0.0492),
            (0.002_8, 0.049_15),
        ]
        .map(|(d, y)| lift(&inset(&inner, d), y)),
    );
    let fill = swollen(loft(&rings, true, Cap::Rings(3), Cap::Rings(3)).moved(0.0, 0.0135, 0.0));

    let mut node = Node::new("Flacon")
        .shade(Shade::Open)
        .child(Node::new("Liquid").shade(Shade::Open).part(fill, liquid));
    let sides: [(&str, fn(Vec3) -> bool); 5] = [
        ("top", |n| n.y > 0.707),
        ("bottom", |n| n.y < -0.707),
        ("right", |n| n.x > n.z.abs()),
        ("left", |n| -n.x > n.z.abs()),
        ("front", |n| n.z > 0.0),
    ];
    let (neck, mut rest) = hull.split(|p| p.y > 0.076_3);
    for (name, faces) in sides {
        let (mut side, others) = rest.split_facing(|_, n| faces(n));
        if name == "top" {
            side.merge(&neck);
        }
        node = node.child(
            Node::new(&format!("Glass {name}"))
                .shade(Shade::Open)
                .part(side, glass),
        );
        rest = others;
    }
    node.child(Node::new("Glass back").shade(Shade::Open).part(rest, glass))
}

fn plate([label, line, enamel, satin]: [MaterialId; 4]) -> Node {
    // Built flat about its middle, then bent to the glass.
    let middle = 0.037;
    let (width, height) = (0.0285, 0.0215);
    let back = Quat::from_rotation_x(FRAC_PI_2);
    let rings = extrude_rings(&slab(width, height, 0.0012), 0.000_55, 0.0, 0.000_2);
    let body = loft(&rings, true, Cap::Open, Cap::Rings(6)).turned(back);
    // Its back is what shows through the flacon from behind.
    let rear = crate::kit::fill(&slab(width - 0.0002, height - 0.0002, 0.0012))
        .flipped()
        .refined(0.004);
    let lay = |m: Mesh, lift: f32| {
        m.wrapped(|p| {
            let at = Vec2::new(p.x, p.y + middle);
            let e = 0.000_2;
            let slope = Vec2::new(
                front(at + Vec2::X * e) - front(at - Vec2::X * e),
                front(at + Vec2::Y * e) - front(at - Vec2::Y * e),
            ) / (2.0 * e);
            let normal = Vec3::new(-slope.x, -slope.y, 1.0).normalize();
            (
                Vec3::new(at.x, at.y, front(at) + lift),
                Quat::from_rotation_arc(Vec3::Z, normal),
            )
        })
    };
    let frame = {
        let (x, y) = (width * 0.5 - 0.0015, height * 0.5 - 0.0015);
        let line = [(-x, -y), (x, -y), (x, y), (-x, y), (-x, -y)]
            .map(|(x, y)| Vec2::new(x, y))
            .to_vec();
        Figure::strokes(&[line], 0.000_26).stamp(0.000_3, 0.000_12, 0.000_1)
    };
    let engrave = |f: Figure, cell: f32, y: f32| f.stamp(cell, 0.000_07, -0.000_06).moved(0.0, y, 0.0);
    let words = engrave(
        Figure::text("MERIDIAN", 0.0029, 0.000_36, 0.000_8),
        0.000_2,
        0.002_4,
    )
    .with(&engrave(
        Figure::text("ZERO DEGREES", 0.001_35, 0.000_18, 0.000_42),
        0.000_12,
        -0.002_6,
    ))
    .with(&engrave(
        Figure::text("EAU DE PARFUM", 0.001_05, 0.000_14, 0.000_36),
        0.000_1,
        -0.006_4,
    ));
    let rule = Figure::strokes(&[vec![Vec2::new(-0.004, 0.0), Vec2::new(0.004, 0.0)]], 0.000_16);
    let rule = engrave(rule, 0.000_15, -0.000_3);
    Node::new("Plate")
        .explode(0.0, 0.0, 0.03)
        .part(lay(body, -0.000_12), label)
        .part(lay(rear, -0.000_1), satin)
        .part(lay(frame, 0.000_42), line)
        .part(lay(words.with(&rule), 0.000_46), enamel)
}

fn pump(gold: MaterialId, satin: MaterialId, pipe: MaterialId, dark: MaterialId) -> Node {
    let collar = Lathe::full(96).spin(&path(&mm(&[
        (8.4, 75.7, 0.0),
        (10.6, 75.7, 0.35),
        (10.6, 77.0, 0.35),
        (10.0, 77.2, 0.15),
        (10.0, 77.7, 0.15),
        (10.5, 77.9, 0.3),
        (10.5, 82.6, 0.8),
        (7.4, 83.2, 0.6),
        (7.2, 84.4, 0.3),
        (5.2, 84.4, 0.0),
    ])));
    let ribs = 40.0;
    let actuator = Lathe::full(200)
        .tile(0.03)
        .spin(&path(&mm(&[
            (6.2, 84.0, 0.0),
            (6.4, 84.8, 0.4),
            (6.4, 85.6, 0.0),
            (6.4, 86.3, 0.0),
            (6.4, 90.0, 0.0),
            (6.4, 93.6, 0.0),
            (6.4, 94.4, 0.0),
            (6.4, 98.6, 1.0),
            (4.6, 98.6, 0.6),
            (3.8, 98.0, 0.8),
            (0.0, 97.8, 0.0),
        ])))
        .bend(|p| {
            let r = p.x.hypot(p.z);
            let band = ramp(0.0856, 0.0863, p.y) * (1.0 - ramp(0.0936, 0.0944, p.y));
            if r < 0.006 {
                return p;
            }
            let wave = 0.5 - 0.5 * (p.x.atan2(p.z) * ribs).cos();
            let k = 1.0 - band * wave * 0.000_28 / r;
            Vec3::new(p.x * k, p.y, p.z * k)
        })
        .smooth(CREASE);
    let nozzle = Lathe::full(32)
        .spin(&path(&mm(&[
            (1.9, -1.0, 0.0),
            (1.9, 0.35, 0.25),
            (1.2, 0.35, 0.2),
            (0.35, -0.3, 0.1),
            (0.3, -0.8, 0.0),
        ])))
        .turned(Quat::from_rotation_x(FRAC_PI_2))
        .moved(0.0, 0.0962, 0.0062);
    let chamber = Lathe::full(48).spin(&path(&mm(&[
        (0.0, 62.0, 0.0),
        (1.6, 62.0, 0.3),
        (2.1, 64.5, 0.5),
        (3.6, 65.5, 0.5),
        (3.6, 76.0, 0.0),
    ])));
    let fall = spline(
        &[(0.2, 70.0), (0.1, 58.0), (0.6, 42.0), (2.4, 28.0), (6.4, 17.6)]
            .map(|(x, y)| Vec3::new(x, y, 0.0) * 0.001),
        14,
        false,
    );
    let dip = tube(&fall, 0.001_25, 20, false);
    Node::new("Pump")
        .explode(0.0, 0.034, 0.0)
        .part(collar, gold)
        .child(
            Node::new("Actuator")
                .shade(Shade::Alone)
                .part(actuator, satin)
                .part(nozzle, dark)
                .part(dip.with(&chamber), pipe),
        )
}

fn cap([brass, gold, satin, lacquer]: [MaterialId; 4]) -> Node {
    let outline = superellipse(0.027, 0.0255, 5.0, 160);
    let mut rings = extrude_rings(&outline, 0.0294, 0.000_35, 0.001_6);
    let flat = rings.split_off(rings.len() / 2);
    rings.extend((1..6).map(|k| lift(&outline, 0.0048 * k as f32)));
    rings.extend(flat);
    let block = loft(&rings, true, Cap::Open, Cap::Rings(6)).moved(0.0, 0.0806, 0.0);
    // A gold foot with a shadow gap, and the hollow within.
    let foot: Vec<Vec<Vec3>> = [
        (0.0012, 0.0),
        (0.000_45, 0.0),
        (0.000_12, 0.000_1),
        (0.0, 0.000_4),
        (0.0, 0.001_9),
        (0.000_12, 0.002_2),
        (0.000_5, 0.002_3),
        (0.000_75, 0.002_45),
        (0.000_75, 0.003_2),
    ]
    .map(|(d, y)| lift(&inset(&outline, d), 0.0778 + y))
    .to_vec();
    let foot = loft(&foot, true, Cap::Open, Cap::Open);
    let hollow = Lathe::full(64).tile(0.03).spin(
        &path(&mm(&[(11.0, 77.8, 0.4), (11.0, 100.5, 1.0), (0.0, 100.5, 0.0)]))
            .into_iter()
            .rev()
            .collect::<Vec<_>>(),
    );
    let hollow = hollow.flipped();
    let under = {
        let outer = lift(&inset(&outline, 0.0012), 0.0778);
        let n = outer.len();
        // From the outline to the hollow's round mouth.
        let round: Vec<Vec3> = lift(&circle(0.011, n), 0.0778)
            .into_iter()
            .zip(&outer)
            .map(|(_, p)| Vec3::new(p.x, 0.0, p.z).normalize_or_zero() * 0.011 + Vec3::Y * 0.0778)
            .collect();
        loft(&[round, outer], true, Cap::Open, Cap::Open)
    };
    let up = Quat::from_rotation_x(-FRAC_PI_2);
    let mark = Figure::mark(0.0094, 0.000_85)
        .stamp(0.000_15, 0.000_12, 0.000_09)
        .turned(up)
        .moved(0.0, 0.109_99, 0.0);
    let ring = Lathe::full(128).spin(&path(&mm(&[
        (8.34, 109.9, 0.0),
        (8.34, 110.08, 0.06),
        (8.06, 110.08, 0.06),
        (8.06, 109.9, 0.0),
    ])));
    Node::new("Cap")
        .explode(0.0, 0.072, 0.0)
        .part(block, brass)
        .part(foot, gold)
        .part(mark.with(&ring), lacquer)
        .child(
            Node::new("Cap inside")
                .shade(Shade::Alone)
                .part(hollow.with(&under), satin),
        )
}
