//! An insulated bottle: powder-coated steel with a double wall, a screw cap with a carry loop, a silicone boot.
//!
//! A quarter of the body is a node of its own; taken away it shows both walls and the vacuum between.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use anyhow::Result;
use glam::{Quat, Vec2, Vec3};

use crate::kit::curve::{along, lengths};
use crate::kit::{
    CREASE, Cap, Figure, Lathe, Material, MaterialId, Mesh, Node, Product, Shade, at, inset, loft, mm, path,
    ramp, rounded_rect_even, stepped, sweep, texture,
};

const SEGMENTS: usize = 128;
/// Of the thread, to one turn.
const THREAD: i32 = 64;
const COAT_RADIUS: f32 = 0.0348;
const COLOURS: &[(&str, u32)] = &[
    ("Glacier", 0x9fbcc9),
    ("Night", 0x1c2536),
    ("Ember", 0xb8472a),
    ("Moss", 0x5d6b4b),
];
const TRIMS: &[(&str, u32)] = &[
    ("Glacier", 0x5f7f8e),
    ("Night", 0x11161f),
    ("Ember", 0x7a2a17),
    ("Moss", 0x38432d),
];

fn turned(corners: &[(f32, f32, f32)]) -> Vec<Vec2> {
    stepped(&path(&mm(corners)), 0.011)
}

/// Whether a point lies in the front quarter.
fn front(p: Vec3) -> bool {
    p.x.atan2(p.z).abs() < FRAC_PI_4
}

/// The thread round the neck between two angles in steps of the lathe's.
fn thread(from: i32, to: i32) -> Mesh {
    let rings: Vec<Vec<Vec3>> = (from..=to)
        .map(|i| {
            let a = i as f32 / THREAD as f32 * TAU;
            let turns = i as f32 / THREAD as f32;
            let (s, c) = a.sin_cos();
            let full = ramp(0.12, 0.32, turns) * (1.0 - ramp(2.0, 2.2, turns));
            let y = 215.9 + 4.4 * turns;
            [
                (22.2, -1.5),
                (22.3, -1.5),
                (22.6, -1.35),
                (23.5, -0.55),
                (23.75, -0.3),
                (23.75, 0.1),
                (23.55, 0.35),
                (22.6, 0.85),
                (22.3, 0.95),
                (22.2, 0.95),
            ]
            .iter()
            .rev()
            .map(|&(r, dy): &(f32, f32)| {
                let r = 0.001 * (22.2 + (r - 22.2) * full);
                Vec3::new(r * s, 0.001 * (y + dy * (0.4 + 0.6 * full)), r * c)
            })
            .collect()
        })
        .collect();
    loft(&rings, true, Cap::Flat, Cap::Flat)
}

/// A row of letters or a mark laid on the coat at that height.
fn engraved(figure: &Figure, cell: f32, y: f32) -> Mesh {
    figure
        .stamp(cell, 0.000_25, -0.000_12)
        .moved(0.0, y, 0.0)
        .wrapped_cylinder(COAT_RADIUS + 0.000_04)
}

/// The materials; those of several variants in the variants' order.
struct Look {
    coat: Vec<MaterialId>,
    silicone: Vec<MaterialId>,
    steel: MaterialId,
    polished: MaterialId,
    cut: MaterialId,
    copper: MaterialId,
    laser: MaterialId,
    polymer: MaterialId,
    seal: MaterialId,
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("bottle", "Insulated bottle");
    let look = look(&mut product)?;
    product.add(body(&wall(), &look));
    product.add(boot(&look.silicone));
    product.add(cap(&look));
    Ok(product)
}

fn look(product: &mut Product) -> Result<Look> {
    let grain = product.maps(texture::powder_coat()?);
    let brush = product.maps(texture::brushed()?);
    let fine = product.maps(texture::satin()?);
    let coat = product.variant_materials(COLOURS, |name, hex| {
        Material::new(&format!("Powder coat {name}"), hex)
            .rough(0.58)
            .maps(grain)
    });
    let silicone = product.variant_materials(TRIMS, |name, hex| {
        Material::new(&format!("Silicone {name}"), hex)
            .rough(0.72)
            .specular(0.7)
            .maps(fine)
    });
    let steel = product.material(
        Material::new("Brushed steel", 0xcfccc8)
            .metal()
            .rough(0.34)
            .maps(brush),
    );
    let polished = product.material(
        Material::new("Polished steel", 0xd6d3ce)
            .metal()
            .rough(0.2)
            .maps(brush),
    );
    let cut = product.material(
        Material::new("Cut steel", 0xdedbd6)
            .metal()
            .rough(0.42)
            .maps(fine),
    );
    let copper = product.material(
        Material::new("Copper lining", 0xd9926b)
            .metal()
            .rough(0.32)
            .maps(brush),
    );
    let laser = product.material(Material::new("Laser mark", 0xd3d1cd).metal().rough(0.38));
    let polymer = product.material(Material::new("Cap polymer", 0x24262a).rough(0.5).maps(fine));
    let seal = product.material(Material::new("Seal silicone", 0xd8d9d6).rough(0.6).specular(0.7));
    Ok(Look {
        coat,
        silicone,
        steel,
        polished,
        cut,
        copper,
        laser,
        polymer,
        seal,
    })
}

/// The wall's lines, and all of them as one round its section.
struct Wall {
    bottom: Vec<Vec2>,
    outside: Vec<Vec2>,
    collar: Vec<Vec2>,
    neck: Vec<Vec2>,
    inside: Vec<Vec2>,
    lining: Vec<Vec2>,
    shell: Vec<Vec2>,
    section: Vec<Vec2>,
}

/// The wall: outside upwards, lip, inside downwards, then the vacuum's side.
fn wall() -> Wall {
    let bottom = turned(&[
        (0.0, 6.6, 0.0),
        (22.0, 6.6, 1.5),
        (23.6, 5.0, 1.2),
        (33.8, 5.0, 3.2),
        (34.45, 15.5, 0.0),
    ]);
    let outside = turned(&[
        (34.45, 15.5, 0.0),
        (34.8, 15.8, 0.15),
        (34.8, 176.0, 52.0),
        (25.5, 199.5, 40.0),
        (25.5, 207.0, 0.45),
        (24.5, 207.05, 0.0),
    ]);
    let collar = turned(&[
        (24.5, 207.05, 0.0),
        (24.5, 207.6, 0.3),
        (24.95, 208.0, 0.3),
        (24.95, 212.8, 0.5),
        (24.2, 212.85, 0.0),
    ]);
    let neck = turned(&[
        (24.2, 212.85, 0.0),
        (22.5, 213.0, 0.7),
        (22.5, 229.6, 1.0),
        (20.4, 229.6, 1.0),
        (20.4, 222.0, 0.0),
    ]);
    let inside = turned(&[
        (20.4, 222.0, 0.0),
        (20.4, 203.0, 36.0),
        (29.4, 179.0, 50.0),
        (29.4, 12.0, 7.0),
        (0.0, 12.0, 0.0),
    ]);
    let lining = turned(&[
        (0.0, 10.8, 0.0),
        (30.6, 10.8, 8.0),
        (30.6, 179.4, 50.0),
        (21.7, 203.2, 36.0),
        (21.7, 208.6, 0.0),
    ]);
    let shell = turned(&[
        (21.7, 208.6, 0.0),
        (22.3, 209.4, 0.5),
        (23.9, 206.2, 1.2),
        (24.0, 199.2, 38.0),
        (33.5, 175.6, 50.0),
        (33.5, 6.4, 2.2),
        (23.9, 6.4, 1.0),
        (22.4, 8.0, 1.0),
        (0.0, 8.0, 0.0),
    ]);
    // Drawn in a little, so that its rim doesn't flicker along the seam.
    let mut section: Vec<Vec2> = Vec::new();
    for line in [&bottom, &outside, &collar, &neck, &inside, &lining, &shell] {
        for p in line {
            if section.last().is_none_or(|q| q.distance(*p) > 2.0e-6) {
                section.push(*p);
            }
        }
    }

    let section = inset(&section, 0.000_03);
    Wall {
        bottom,
        outside,
        collar,
        neck,
        inside,
        lining,
        shell,
        section,
    }
}

/// The body, a quarter of it to be taken off.
fn body(wall: &Wall, look: &Look) -> Node {
    let lathe = Lathe::full(SEGMENTS).tile(0.012);
    let hidden = Lathe::full(48).tile(0.03).around();
    let metal = Lathe::full(SEGMENTS).tile(0.03).around();
    let within = Lathe::full(96).tile(0.03).around();
    let (bottom_front, bottom_back) = within.spin(&wall.bottom).split(front);
    let (outside_front, outside_back) = lathe.spin(&wall.outside).split(front);
    let (collar_front, collar_back) = metal.spin(&wall.collar).split(front);
    let (neck_front, neck_back) = within.spin(&wall.neck).split(front);
    let (inside_front, inside_back) = within.spin(&wall.inside).split(front);
    let (lining_front, lining_back) = hidden.spin(&wall.lining).split(front);
    let (shell_front, shell_back) = hidden.spin(&wall.shell).split(front);
    let (eighth, whole) = (THREAD / 8, THREAD);
    let quarter = Lathe::arc(8, -45.0, 45.0);
    let rest = Lathe::arc(8, 45.0, 315.0);

    let mark = engraved(&Figure::mark(0.015, 0.0017), 0.000_3, 0.132);
    let words = engraved(
        &Figure::text("MERIDIAN", 0.003_4, 0.000_48, 0.001_5),
        0.000_2,
        0.030,
    );

    // A lip of coat under the quarter's edges, lest light shines through the seam.
    let under: Vec<Vec2> = wall
        .outside
        .iter()
        .map(|p| Vec2::new(p.x - 0.000_06, p.y))
        .collect();
    let lip = Lathe::arc(1, 44.5, 45.5)
        .spin(&under)
        .with(&Lathe::arc(1, -45.5, -44.5).spin(&under));

    Node::new("Body")
        .explode(0.0, 0.045, 0.0)
        .child(
            Node::new("Body shell")
                .part(outside_back, &look.coat)
                .part(lip, &look.coat)
                .part(collar_back, look.steel),
        )
        .child(
            Node::new("Body interior")
                .inner()
                .part(bottom_back, look.steel)
                .part(neck_back, look.steel)
                .part(thread(eighth, whole - eighth), look.steel)
                .part(thread(whole + eighth, 2 * whole - eighth), look.steel)
                .part(thread(2 * whole + eighth, 2 * whole + whole / 4), look.steel)
                .part(inside_back, look.polished)
                .part(lining_back, look.copper)
                .part(shell_back, look.steel)
                .part(
                    rest.section(&wall.section, false)
                        .with(&rest.section(&wall.section, true)),
                    look.cut,
                ),
        )
        .child(
            Node::new("Front quarter")
                .explode(-0.072, 0.0, 0.046)
                .part(outside_front, &look.coat)
                .part(mark.with(&words), look.laser)
                .part(collar_front, look.steel)
                .child(
                    Node::new("Front quarter interior")
                        .inner()
                        .part(bottom_front, look.steel)
                        .part(neck_front, look.steel)
                        .part(thread(0, eighth), look.steel)
                        .part(thread(whole - eighth, whole + eighth), look.steel)
                        .part(thread(2 * whole - eighth, 2 * whole + eighth), look.steel)
                        .part(inside_front, look.polished)
                        .part(lining_front, look.copper)
                        .part(shell_front, look.steel)
                        .part(
                            quarter
                                .section(&wall.section, false)
                                .with(&quarter.section(&wall.section, true)),
                            look.cut,
                        ),
                ),
        )
}

fn boot(silicone: &[MaterialId]) -> Node {
    let outside = turned(&[
        (0.0, 1.5, 0.0),
        (25.0, 1.5, 0.8),
        (26.6, 0.0, 0.8),
        (35.5, 0.0, 3.4),
        (35.5, 4.6, 0.3),
        (35.15, 5.0, 0.25),
        (35.15, 5.5, 0.25),
        (35.5, 5.9, 0.3),
        (35.5, 15.0, 0.75),
        (34.72, 15.0, 0.3),
        (34.6, 13.0, 0.0),
    ]);
    let inside = turned(&[
        (34.6, 13.0, 0.0),
        (34.3, 5.4, 3.0),
        (24.2, 4.4, 0.8),
        (22.4, 5.8, 0.8),
        (0.0, 5.8, 0.0),
    ]);
    let inside = Lathe::full(96).tile(0.01).spin(&inside);
    let mut mesh = Lathe::full(SEGMENTS).tile(0.01).spin(&outside);
    let below = Quat::from_rotation_x(FRAC_PI_2);
    for (words, height, z) in [
        ("MERIDIAN", 0.003_4, -0.004),
        ("600 ML  18-8 STAINLESS", 0.001_9, 0.003),
    ] {
        let letters =
            Figure::text(words, height, height * 0.15, height * 0.32).stamp(height * 0.15, 0.000_12, 0.000_2);
        mesh.merge(&letters.turned(below).moved(0.0, 0.001_5, z));
    }
    Node::new("Silicone boot")
        .part(mesh, silicone)
        .child(Node::new("Silicone boot inside").inner().part(inside, silicone))
}

/// The cap's ribbed side; the ribs fade out at both ends of the grip.
fn grip() -> Mesh {
    let side = path(&mm(&[
        (24.4, 0.0, 0.0),
        (25.3, 0.0, 0.5),
        (25.45, 2.6, 0.0),
        (25.45, 3.4, 0.0),
        (25.45, 4.1, 0.0),
        (25.45, 4.8, 0.0),
        (25.45, 5.6, 0.0),
        (25.45, 11.0, 0.0),
        (25.45, 17.0, 0.0),
        (25.45, 17.9, 0.0),
        (25.45, 18.8, 0.0),
        (25.45, 19.6, 0.0),
        (25.45, 22.0, 0.0),
        (25.45, 29.4, 2.6),
        (21.4, 29.4, 0.5),
        (21.4, 28.6, 0.25),
        (20.9, 28.6, 0.0),
    ]));
    let ribs = 50.0;
    Lathe::full(250)
        .tile(0.01)
        .spin(&side)
        .bend(|p| {
            let r = p.x.hypot(p.z);
            if r < 0.025_2 {
                return p;
            }
            let a = p.x.atan2(p.z);
            let band = ramp(0.003_4, 0.005_6, p.y) * (1.0 - ramp(0.017, 0.019_6, p.y));
            let wave = 0.5 - 0.5 * (a * ribs).cos();
            let k = 1.0 - band * wave.powf(1.5) * 0.000_62 / r;
            Vec3::new(p.x * k, p.y, p.z * k)
        })
        .smooth(CREASE)
}

/// The loop: a strap from one pivot over the top to the other, its ends half round.
fn carry_loop() -> Mesh {
    let arch: Vec<Vec3> = path(&mm(&[
        (-27.3, 8.0, 0.0),
        (-28.0, 28.0, 60.0),
        (-26.8, 47.6, 17.0),
        (0.0, 50.7, 200.0),
        (26.8, 47.6, 17.0),
        (28.0, 28.0, 60.0),
        (27.3, 8.0, 0.0),
    ]))
    .into_iter()
    .map(|p| p.extend(0.0))
    .collect();
    let length = lengths(&arch, false).last().copied().unwrap_or_default();
    let half = 0.006_6;
    let mut stations: Vec<f32> = (0..=12)
        .map(|k| half * (1.0 - (FRAC_PI_2 * k as f32 / 12.0).cos()))
        .collect();
    let middle = 110;
    stations.extend((1..middle).map(|k| half + (length - 2.0 * half) * k as f32 / middle as f32));
    stations.extend(
        (0..=12)
            .map(|k| length - half * (FRAC_PI_2 * k as f32 / 12.0).sin())
            .rev()
            .map(|s| s.min(length)),
    );
    stations.sort_by(f32::total_cmp);
    let points: Vec<Vec3> = stations.iter().map(|s| along(&arch, *s)).collect();
    let n = points.len();
    sweep(
        &points,
        false,
        |t| {
            let s = at(&stations, (t * (n - 1) as f32).round() as usize);
            let end = s.min(length - s);
            let wide = if end < half {
                (half * half - (half - end).powi(2)).max(0.0).sqrt()
            } else {
                half
            };
            // A touch narrower overhead; the rim of its ends is rounded too.
            let wide = (wide * (1.0 - 0.1 * ramp(0.02, 0.05, end))).max(0.000_2);
            let rim = (1.0 - end / 0.001).clamp(0.0, 1.0);
            rounded_rect_even(wide * 2.0, 0.001_4 + 0.003 * (1.0 - rim * rim).sqrt(), 0.001_6, 6)
        },
        Cap::Flat,
    )
}

fn cap(look: &Look) -> Node {
    // The cap is turned about its own foot, 212.75 mm up.
    const FOOT: f32 = 212.75;
    let within = Lathe::full(96).tile(0.01).spin(&turned(&[
        (23.95, 16.0, 0.0),
        (23.95, 0.8, 0.4),
        (24.4, 0.0, 0.0),
    ]));
    let plate = Lathe::full(96).tile(0.03).spin(&turned(&[
        (21.25, 28.0, 0.0),
        (21.25, 29.05, 0.35),
        (20.6, 29.15, 0.0),
        (0.0, 29.15, 0.0),
    ]));
    let up = Quat::from_rotation_x(-FRAC_PI_2);
    let mark = Figure::mark(0.012, 0.001_3)
        .stamp(0.000_25, 0.000_25, -0.000_12)
        .turned(up)
        .moved(0.0, 0.029_2, 0.0);
    let plug = Lathe::full(72).tile(0.01).spin(&turned(&[
        (0.0, -9.0, 0.0),
        (16.0, -9.0, 1.2),
        (17.2, -10.2, 0.8),
        (19.3, -10.2, 0.9),
        (19.6, 4.0, 0.5),
        (18.6, 5.0, 0.5),
        (18.6, 8.6, 0.4),
        (19.8, 9.4, 0.4),
        (19.8, 15.6, 0.5),
        (24.2, 15.7, 0.0),
    ]));
    let ring = Lathe::full(72).spin(&turned(&[
        (18.5, 6.9, 0.0),
        (18.5, 5.6, 0.0),
        (20.2, 5.6, 0.7),
        (20.35, 6.9, 0.7),
        (20.2, 8.2, 0.7),
        (18.5, 8.2, 0.0),
        (18.5, 6.9, 0.0),
    ]));

    let mut pins = Mesh::new();
    let pin = Lathe::full(48).tile(0.03).spin(&path(&mm(&[
        (3.5, -4.0, 0.0),
        (3.5, 0.25, 0.35),
        (2.9, 0.5, 0.2),
        (2.2, 0.5, 0.15),
        (1.9, 0.2, 0.1),
        (0.0, 0.2, 0.0),
    ])));
    for s in [1.0_f32, -1.0] {
        let q = Quat::from_rotation_z(-s * FRAC_PI_2);
        pins.merge(&pin.clone().turned(q).moved(s * 0.029_6, 0.0146, 0.0));
    }
    Node::new("Cap")
        .at(0.0, FOOT * 0.001, 0.0)
        .explode(0.0, 0.115, 0.0)
        .part(grip(), look.polymer)
        .part(plate, look.steel)
        .part(mark, look.laser)
        .child(
            Node::new("Carry loop")
                .part(carry_loop(), &look.silicone)
                .part(pins, look.steel),
        )
        .child(
            Node::new("Cap plug")
                .inner()
                .part(plug.with(&within), look.polymer),
        )
        .child(
            Node::new("Cap seal")
                .shade(Shade::Alone)
                .explode(0.0, -0.02, 0.0)
                .part(ring, look.seal),
        )
}
