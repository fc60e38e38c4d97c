//! A smart speaker: a knitted shell, a touch disc with a ring of light, a woofer above six tweeters.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use anyhow::Result;
use glam::{Quat, Vec2, Vec3, Vec4};

use crate::kit::texture::{Canvas, Maps};
use crate::kit::{
    Animation, CREASE, Cap, Channel, Figure, Lathe, Material, MaterialId, Mesh, Node, Product, Shade, Track,
    Vertex, around, circle, extrude, inset, loft, mm, outline, path, ramp, rounded_box, srgb, stamp, stepped,
    texture, tube,
};

const FABRICS: &[(&str, u32)] = &[
    ("Chalk", 0xf2ede4),
    ("Graphite", 0x585b61),
    ("Terracotta", 0xc86d4d),
];

/// The shell's inside, downwards, in millimetres.
const LINING: &[(f32, f32, f32)] = &[
    (57.3, 158.0, 0.0),
    (63.6, 154.0, 12.0),
    (67.2, 136.0, 60.0),
    (67.2, 31.0, 50.0),
    (64.0, 13.5, 10.0),
    (56.0, 9.4, 0.0),
];

fn turned(corners: &[(f32, f32, f32)]) -> Vec<Vec2> {
    stepped(&path(&mm(corners)), 0.02)
}

/// The dished top's height at a distance from its middle, all in millimetres.
fn dish(r: f32) -> f32 {
    162.7 + 1.5 * (r / 51.6).powi(2)
}

/// Laid on the dished top, read from the front.
fn on_top(mesh: Mesh, lift: f32) -> Mesh {
    mesh.wrapped(|p| {
        let r = p.length() * 1000.0;
        let slope = 2.0 * 1.5 * r / (51.6 * 51.6);
        let out = Vec3::new(p.x, 0.0, -p.y).normalize_or_zero();
        let normal = (Vec3::Y - out * slope).normalize();
        let flat = Quat::from_rotation_x(-FRAC_PI_2);
        (
            Vec3::new(p.x, dish(r) * 0.001 + lift, -p.y),
            Quat::from_rotation_arc(Vec3::Y, normal) * flat,
        )
    })
}

struct Look {
    fabric: Vec<MaterialId>,
    plastic: MaterialId,
    gloss: MaterialId,
    trim: MaterialId,
    rubber: MaterialId,
    steel: MaterialId,
    dark: MaterialId,
    cast: MaterialId,
    cone: MaterialId,
    silk: MaterialId,
    board: MaterialId,
    gold: MaterialId,
    icons: MaterialId,
    print: MaterialId,
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("speaker", "Smart speaker");
    product.bake.rays = 96;
    let knit = product.maps(texture::knit(0.028, 18)?);
    let grain = product.maps(texture::satin()?);
    let paper = product.maps(Maps {
        tile: 0.02,
        colour: None,
        normal: Some(
            Canvas::normals(256, 0.02, |u, v| texture::fractal(u, v, 24, 3, 2) * 0.000_03)
                .png("Paper cone normals")?,
        ),
        orm: None,
    });
    let brush = product.maps(texture::brushed()?);
    let weave = product.maps(texture::weave(0.006, 12)?);
    let fabric = product.variant_materials(FABRICS, |name, hex| {
        Material::new(&format!("Knit {name}"), hex)
            .rough(0.92)
            .maps(knit)
            .specular(0.5)
            .sheen(hex, 0.45)
    });
    let mut add = |m: Material| product.material(m);
    let look = Look {
        fabric,
        plastic: add(Material::new("Chassis polymer", 0x4a4c50).rough(0.55).maps(grain)),
        gloss: add(Material::new("Touch disc", 0x0d0e10)
            .rough(0.24)
            .coated(0.5, 0.12)),
        trim: add(Material::new("Anodised trim", 0xa8a5a0)
            .metal()
            .rough(0.32)
            .maps(brush)),
        rubber: add(Material::new("Rubber foot", 0x191a1b)
            .rough(0.8)
            .specular(0.6)
            .maps(grain)),
        steel: add(Material::new("Zinc plated steel", 0xbfbdb8).metal().rough(0.36)),
        dark: add(Material::new("Black steel", 0x1c1c1e)
            .rough(0.42)
            .coated(0.3, 0.3)),
        cast: add(Material::new("Cast aluminium", 0xa6a7a8)
            .metal()
            .rough(0.42)
            .maps(grain)),
        cone: add(Material::new("Paper cone", 0x303134).rough(0.8).maps(paper)),
        silk: add(Material::new("Silk dome", 0x35302c)
            .rough(0.65)
            .maps(weave)
            .sheen(0x6a625c, 0.4)),
        board: add(Material::new("Circuit board", 0x12503c)
            .rough(0.4)
            .coated(0.7, 0.2)),
        gold: add(Material::new("Gold contacts", 0xd8b061).metal().rough(0.28)),
        icons: add(Material::new("Lit icons", 0xe8eaec)
            .rough(0.6)
            .glowing(0xdfe8f2, 1.4)),
        print: add(Material::new("Grey print", 0x8b8e92).rough(0.55)),
    };
    // What runs round the ring: a bright head, a long tail through blue to violet, and a breath of light all round.
    let comet = Canvas::paint(128, |u, _| {
        let tail = (1.0 - u).powf(2.6) * ramp(0.03, 0.075, u);
        let head = (-((u - 0.075) / 0.028).powi(2)).exp();
        let hue = srgb(0x1fb6ff).lerp(srgb(0x7a3dff), ramp(0.08, 0.55, u));
        let light = Vec3::new(0.10, 0.13, 0.2) * 0.1 + hue * tail * 0.8 + Vec3::splat(head);
        // Written as a screen shows it.
        light.clamp(Vec3::ZERO, Vec3::ONE).powf(1.0 / 2.2)
    })
    .png("LED comet")?;
    let led = product.material(
        Material::new("LED diffuser", 0x1a1c20)
            .rough(0.45)
            .glowing(0xffffff, 5.0)
            .glowing_picture(comet),
    );

    product.add(foot(&look));
    product.add(chassis(&look));
    product.add(woofer(&look));
    product.add(board(&look));
    for node in shell(&look) {
        product.add(node);
    }
    for node in top(&look, led) {
        product.add(node);
    }
    product.animations.push(Animation {
        name: "LED ring".to_owned(),
        tracks: vec![Track {
            node: "LED light".to_owned(),
            channel: Channel::Rotation,
            keys: (0..=8)
                .map(|k| {
                    let q = Quat::from_rotation_y(-TAU * k as f32 / 8.0);
                    (0.3 * k as f32, Vec4::from(q))
                })
                .collect(),
        }],
    });
    Ok(product)
}

fn shell(look: &Look) -> Vec<Node> {
    let skin = turned(&[
        (56.0, 9.4, 0.0),
        (55.4, 6.2, 0.8),
        (58.5, 5.2, 3.0),
        (66.6, 11.5, 16.0),
        (70.0, 30.0, 60.0),
        (70.0, 138.0, 70.0),
        (66.2, 156.5, 18.0),
        (58.2, 164.4, 2.0),
        (57.3, 163.0, 0.8),
        (57.3, 158.0, 0.0),
    ]);
    let lining = turned(LINING);
    let mut section = skin.clone();
    section.extend(turned(LINING));
    let section = inset(&section, 0.000_04);
    let skin = stepped(&skin, 0.011);
    let (right, left) = Lathe::full(128).tile(0.028).spin(&skin).split(|p| p.x > 0.0);
    let (right_in, left_in) = Lathe::full(40).tile(0.01).spin(&lining).split(|p| p.x > 0.0);
    let under: Vec<Vec2> = skin.iter().map(|p| Vec2::new(p.x - 0.000_08, p.y)).collect();
    let lip = Lathe::arc(1, -0.3, 0.3)
        .spin(&under)
        .with(&Lathe::arc(1, 179.7, 180.3).spin(&under));
    let halves = Lathe::arc(2, 0.0, 180.0);
    let other = Lathe::arc(2, 180.0, 360.0);
    let cut = |l: &Lathe| l.section(&section, false).with(&l.section(&section, true));

    // A folded tag with the mark, sewn into the bottom seam.
    let tag = rounded_box(0.009_5, 0.012, 0.001, 0.000_35).uv_box();
    let mark = Figure::mark(0.0052, 0.000_7)
        .stamp(0.000_26, 0.000_12, 0.000_12)
        .moved(0.0, 0.001, 0.000_48);
    let seat = |m: Mesh| m.moved(0.0, 0.034, 0.0701).turned(Quat::from_rotation_y(0.42));
    vec![
        Node::new("Fabric shell right")
            .explode(0.098, 0.012, 0.0)
            .part(right, &look.fabric)
            .part(seat(tag), look.rubber)
            .part(seat(mark), look.print)
            .child(
                Node::new("Shell lining right")
                    .inner()
                    .part(right_in, look.plastic)
                    .part(cut(&halves), look.plastic),
            ),
        Node::new("Fabric shell left")
            .explode(-0.098, 0.012, 0.0)
            .part(left, &look.fabric)
            .part(lip, &look.fabric)
            .child(
                Node::new("Shell lining left")
                    .inner()
                    .part(left_in, look.plastic)
                    .part(cut(&other), look.plastic),
            ),
    ]
}

fn top(look: &Look, led: MaterialId) -> Vec<Node> {
    let mut disc: Vec<Vec2> = turned(&[(50.4, 158.5, 0.0), (51.4, 159.0, 0.5)]);
    disc.extend(path(&mm(&[
        (51.6, 160.0, 0.0),
        (51.6, 164.3, 0.5),
        (49.6, dish(49.6), 0.0),
    ])));
    disc.extend((0..8).map(|k| {
        let r = 48.6 * (1.0 - k as f32 / 7.0);
        Vec2::new(r, dish(r)) * 0.001
    }));
    let disc = Lathe::full(128).spin(&disc);
    let below = Lathe::full(48).tile(0.01).spin(&turned(&[
        (0.0, 160.2, 0.0),
        (44.0, 160.2, 0.8),
        (45.0, 157.0, 0.5),
        (47.0, 157.0, 0.5),
        (47.6, 158.5, 0.4),
        (50.4, 158.5, 0.0),
    ]));

    let l = |points: &[(f32, f32)]| {
        points
            .iter()
            .map(|&(x, y)| Vec2::new(x, y) * 0.001)
            .collect::<Vec<_>>()
    };
    let bend = |cx: f32, cy: f32, r: f32, a: f32, b: f32| {
        (0..=16)
            .map(|k| {
                (Vec2::new(cx, cy) + Vec2::from_angle((a + (b - a) * k as f32 / 16.0).to_radians()) * r)
                    * 0.001
            })
            .collect::<Vec<_>>()
    };
    let mut capsule = bend(0.0, -26.2, 1.9, 0.0, 180.0);
    capsule.extend(bend(0.0, -30.0, 1.9, 180.0, 360.0));
    capsule.push(Vec2::new(1.9, -26.2) * 0.001);
    let icons = Figure::strokes(
        &[
            l(&[(26.4, 0.0), (33.6, 0.0)]),
            l(&[(30.0, -3.6), (30.0, 3.6)]),
            l(&[(-33.6, 0.0), (-26.4, 0.0)]),
            capsule,
            bend(0.0, -30.0, 4.3, 185.0, 355.0),
            l(&[(0.0, -34.3), (0.0, -36.4)]),
            l(&[(-2.2, -36.4), (2.2, -36.4)]),
            l(&[(5.4, -24.6), (-5.4, -35.4)]),
        ],
        0.000_85,
    );
    let icons = on_top(icons.stamp(0.000_35, 0.000_1, -0.000_02), 0.000_04);
    let mark = on_top(
        Figure::mark(0.009, 0.000_9).stamp(0.000_34, 0.000_1, -0.000_02),
        0.000_04,
    );
    let mut holes = Mesh::new();
    for i in 0..6 {
        let a = around(i, 6) + 0.3;
        let at = Vec2::from_angle(a) * 0.044;
        holes.merge(&stamp(
            |p| p.distance(at) - 0.000_8,
            at - Vec2::splat(0.001),
            at + Vec2::splat(0.001),
            0.000_25,
            0.000_35,
            -0.000_3,
        ));
    }
    let holes = on_top(holes, 0.000_04);

    let trim = Lathe::full(112).tile(0.03).around().spin(&turned(&[
        (55.3, 158.0, 0.0),
        (57.6, 158.0, 0.4),
        (57.6, 164.7, 0.0),
        (57.5, 165.0, 0.25),
        (54.9, 165.0, 0.45),
        (54.7, 161.0, 0.0),
    ]));
    let ring = Lathe::full(112).around().spin(&path(&mm(&[
        (51.3, 160.5, 0.0),
        (54.9, 160.5, 0.0),
        (54.9, 164.55, 0.6),
        (51.5, 164.3, 0.6),
        (51.4, 160.5, 0.0),
    ])));
    // The head runs clockwise seen from above; u counts the way round from it.
    let ring = ring.map(|v| {
        let a = v.uv.x / (0.0549 * TAU) + 0.5;
        Vertex {
            uv: Vec2::new(a, 0.5),
            ..v
        }
    });
    vec![
        Node::new("Touch disc")
            .explode(0.0, 0.152, 0.0)
            .part(disc, look.gloss)
            .part(icons, look.icons)
            .part(mark, look.print)
            .part(holes, look.rubber)
            .child(
                Node::new("Touch disc underside")
                    .inner()
                    .part(below, look.plastic),
            ),
        Node::new("LED ring")
            .explode(0.0, 0.128, 0.0)
            .part(trim, look.trim)
            .child(Node::new("LED light").shade(Shade::Open).part(ring, led)),
    ]
}

fn foot(look: &Look) -> Node {
    let pad = Lathe::full(64).tile(0.01).spin(&turned(&[
        (0.0, 1.2, 0.0),
        (43.0, 1.2, 0.6),
        (44.5, 0.0, 0.8),
        (52.0, 0.0, 1.6),
        (54.0, 3.0, 1.2),
        (54.0, 5.0, 0.5),
        (50.0, 5.2, 0.0),
    ]));
    let plate = Lathe::full(64).tile(0.01).spin(&turned(&[
        (50.0, 4.6, 0.0),
        (56.0, 4.8, 0.6),
        (56.2, 7.6, 0.6),
        (52.0, 8.2, 0.4),
        (50.0, 10.4, 0.6),
        (8.0, 10.4, 0.4),
        (0.0, 10.4, 0.0),
    ]));
    let down = Quat::from_rotation_x(FRAC_PI_2);
    let mut words = Figure::text("MERIDIAN", 0.0052, 0.000_8, 0.002)
        .stamp(0.000_75, 0.000_15, 0.000_25)
        .turned(down);
    words = words.moved(0.0, 0.001_2, 0.0);
    Node::new("Foot")
        .part(pad, look.rubber)
        .part(words, look.rubber)
        .child(
            Node::new("Foot plate")
                .shade(Shade::Alone)
                .part(plate, look.plastic),
        )
}

/// A socket-head screw, upright, its head's underside at the origin.
fn screw(radius: f32, segments: usize) -> Mesh {
    let r = radius;
    let profile = [
        (1.0, -0.3),
        (1.0, 0.62),
        (0.6, 0.76),
        (0.55, 0.7),
        (0.52, 0.25),
        (0.0, 0.2),
    ];
    Lathe::full(segments).spin(&profile.map(|(x, y)| Vec2::new(x, y) * r))
}

fn chassis(look: &Look) -> Node {
    let low = path(&mm(&[
        (30.0, 9.6, 0.0),
        (49.0, 9.6, 1.0),
        (50.0, 14.0, 1.0),
        (52.5, 15.0, 1.0),
        (52.5, 57.0, 1.0),
        (50.0, 60.0, 2.0),
        (50.0, 62.0, 0.0),
    ]));
    let band = path(&mm(&[
        (50.0, 62.0, 0.0),
        (50.0, 63.5, 0.0),
        (50.0, 65.0, 0.0),
        (50.0, 72.5, 0.0),
        (50.0, 80.0, 0.0),
        (50.0, 81.5, 0.0),
        (50.0, 83.0, 0.0),
    ]));
    let high = path(&mm(&[
        (50.0, 83.0, 0.0),
        (50.0, 84.5, 1.2),
        (55.5, 86.0, 1.0),
        (55.5, 90.0, 0.8),
        (46.0, 90.0, 0.6),
        (45.0, 70.0, 1.0),
        (20.0, 62.0, 1.0),
        (0.0, 62.0, 0.0),
    ]));
    // Upright ribs between the flange and the tweeters.
    let ribs = Lathe::full(192)
        .tile(0.01)
        .spin(&band)
        .bend(|p| {
            let band = ramp(0.062, 0.065, p.y) * (1.0 - ramp(0.080, 0.083, p.y));
            let wave = (0.5 + 0.5 * (p.x.atan2(p.z) * 48.0).cos()).powi(2);
            let k = 1.0 + band * wave * 0.001_6 / 0.05;
            Vec3::new(p.x * k, p.y, p.z * k)
        })
        .smooth(CREASE);
    let plain = Lathe::full(56).tile(0.01);
    let body = plain
        .spin(&stepped(&low, 0.02))
        .with(&ribs)
        .with(&plain.spin(&stepped(&high, 0.02)));
    let mut node = Node::new("Chassis")
        .explode(0.0, 0.016, 0.0)
        .shade(Shade::Alone)
        .part(body, look.plastic);
    let face = Lathe::full(30).tile(0.01).spin(&path(&mm(&[
        (15.2, -4.0, 0.0),
        (15.2, 1.6, 0.7),
        (12.2, 1.6, 0.4),
        (10.2, -0.4, 0.5),
        (9.8, -0.4, 0.0),
    ])));
    let surround = Lathe::full(30).spin(&path(&mm(&[
        (10.1, -0.6, 0.0),
        (9.9, 0.5, 0.3),
        (8.4, 0.5, 0.5),
        (8.0, -0.3, 0.0),
    ])));
    let dome: Vec<Vec2> = (0..=9)
        .map(|k| {
            let a = FRAC_PI_2 * k as f32 / 9.0;
            Vec2::new(8.2 * a.cos(), -0.4 + 3.2 * a.sin()) * 0.001
        })
        .collect();
    let dome = Lathe::full(30).tile(0.006).spin(&dome);
    let bolt = screw(0.001_1, 9);
    for i in 0..6 {
        let turn = Quat::from_rotation_y(around(i, 6)) * Quat::from_rotation_x(FRAC_PI_2);
        let seat = |m: &Mesh| {
            m.clone().turned(turn).transformed(glam::Mat4::from_translation(
                turn * Vec3::new(0.0, 0.052_2, 0.0) + Vec3::Y * 0.036,
            ))
        };
        node = node
            .part(seat(&face), look.cast)
            .part(seat(&surround), look.rubber)
            .part(seat(&dome), look.silk);
        for k in 0..4 {
            let a = around(k, 4) + PI / 4.0;
            node = node.part(
                seat(&bolt.clone().moved(0.0137 * a.cos(), 0.001_3, 0.0137 * a.sin())),
                look.steel,
            );
        }
    }
    for i in 0..6 {
        let a = around(i, 6) + 0.4;
        node = node.part(
            screw(0.001_9, 16).moved(0.0532 * a.sin(), 0.0899, 0.0532 * a.cos()),
            look.steel,
        );
    }
    node
}

/// The roll of the surround: a half round from the cone's rim to the flange.
fn surround() -> Mesh {
    let mut roll: Vec<Vec2> = path(&mm(&[(50.5, 92.6, 0.0), (50.2, 93.7, 0.3), (48.8, 93.8, 0.2)]));
    roll.extend((0..=16).map(|k| {
        let a = PI * k as f32 / 16.0;
        Vec2::new(44.6 + 4.1 * a.cos(), 93.7 + 4.4 * a.sin()) * 0.001
    }));
    roll.extend(path(&mm(&[
        (40.3, 93.4, 0.0),
        (38.6, 92.9, 0.2),
        (38.0, 92.2, 0.0),
    ])));
    Lathe::full(72).tile(0.01).spin(&roll)
}

/// The cone, with ribs that fade out at its rim and its middle.
fn cone() -> Mesh {
    let mut cone: Vec<Vec2> = (0..=24)
        .map(|k| {
            let t = k as f32 / 24.0;
            let r = 39.6 - 24.6 * t;
            let rib = 0.16
                * (1.0 - (2.0 * (r * 0.22).fract() - 1.0).abs()).powi(2)
                * ramp(0.05, 0.15, t)
                * (1.0 - ramp(0.6, 0.8, t));
            Vec2::new(r, 92.8 - 15.0 * t.powf(0.92) + rib) * 0.001
        })
        .collect();
    cone.push(Vec2::new(14.2, 77.0) * 0.001);
    Lathe::full(80).tile(0.02).around().spin(&cone)
}

/// The mark on the dust cap.
fn cap_mark() -> Mesh {
    let mark = Figure::mark(0.011, 0.001_1).stamp(0.000_5, 0.000_3, 0.000_2);
    mark.wrapped(|p| {
        let s = (1.0 - (p.length() / 0.0176).powi(2)).max(0.0).sqrt();
        let n = Vec3::new(p.x / 0.0176 / 0.0176, s / 0.0054, -p.y / 0.0176 / 0.0176).normalize();
        let flat = Quat::from_rotation_x(-FRAC_PI_2);
        (
            Vec3::new(p.x, 0.0792 + 0.0054 * s, -p.y),
            Quat::from_rotation_arc(Vec3::Y, n) * flat,
        )
    })
}

/// The basket: six spokes from the flange down to the magnet.
fn basket() -> Mesh {
    let mut basket = Mesh::new();
    for i in 0..6 {
        let spoke: Vec<Vec3> = (0..=10)
            .map(|k| {
                let t = k as f32 / 10.0;
                Vec3::new(
                    0.0,
                    (91.6 - 17.5 * t.powf(0.9)) * 0.001,
                    (46.6 - 22.0 * t) * 0.001,
                )
            })
            .collect();
        let rings: Vec<Vec<Vec3>> = spoke
            .iter()
            .enumerate()
            .map(|(k, p)| {
                let w = 0.0052 - 0.001 * (k as f32 / 10.0);
                let dir = Vec3::new(0.0, -17.5, -22.0).normalize();
                let up = dir.cross(Vec3::X).normalize();
                crate::kit::rounded_rect_even(w * 2.0, 0.002_4, 0.000_9, 3)
                    .into_iter()
                    .map(|q| *p + Vec3::X * -q.x + up * q.y)
                    .collect()
            })
            .collect();
        basket.merge(
            &loft(&rings, true, Cap::Flat, Cap::Flat).turned(Quat::from_rotation_y(around(i, 6) + 0.2)),
        );
    }
    basket.merge(&Lathe::full(72).spin(&turned(&[
        (0.0, 71.6, 0.0),
        (27.0, 71.6, 0.4),
        (27.0, 75.2, 0.8),
        (16.0, 75.8, 0.5),
        (14.0, 77.4, 0.0),
    ])));
    basket
}

fn woofer(look: &Look) -> Node {
    let flange = Lathe::full(72).spin(&turned(&[
        (44.0, 91.0, 0.0),
        (54.0, 91.0, 0.4),
        (54.0, 93.2, 0.7),
        (47.2, 93.2, 0.6),
        (46.0, 92.0, 0.5),
        (44.0, 91.4, 0.0),
    ]));
    let cap: Vec<Vec2> = (0..=9)
        .map(|k| {
            let a = FRAC_PI_2 * k as f32 / 9.0;
            Vec2::new(17.6 * a.cos(), 79.2 + 5.4 * a.sin()) * 0.001
        })
        .collect();
    let cap = Lathe::full(72).tile(0.02).spin(&cap);
    let back = Lathe::full(64).spin(&turned(&[
        (14.5, 76.6, 0.0),
        (39.2, 91.8, 0.0),
        (43.9, 92.4, 0.0),
    ]));
    let spider = Lathe::full(64).spin(
        &(0..=24)
            .map(|k| {
                let t = k as f32 / 24.0;
                Vec2::new(14.5 + 14.0 * t, 79.0 + 0.7 * (t * TAU * 3.0).sin()) * 0.001
            })
            .collect::<Vec<_>>(),
    );
    let ferrite = Lathe::full(72).tile(0.01).spin(&turned(&[
        (0.0, 63.4, 0.0),
        (29.0, 63.4, 0.9),
        (29.0, 69.8, 0.9),
        (10.0, 69.8, 0.0),
    ]));
    let plates = Lathe::full(72)
        .tile(0.03)
        .spin(&turned(&[
            (24.0, 69.4, 0.0),
            (27.4, 69.4, 0.4),
            (27.4, 72.0, 0.5),
            (20.0, 72.0, 0.0),
        ]))
        .with(&Lathe::full(72).spin(&turned(&[
            (0.0, 61.0, 0.0),
            (6.0, 61.0, 0.4),
            (8.0, 60.0, 0.4),
            (25.6, 60.0, 0.8),
            (26.4, 63.6, 0.5),
            (20.0, 63.6, 0.0),
        ])));
    let mut node = Node::new("Woofer")
        .explode(0.0, 0.062, 0.0)
        .shade(Shade::Alone)
        .part(flange, look.cast)
        .part(surround(), look.rubber)
        .part(cone(), look.cone)
        .part(cap, look.cone)
        .part(cap_mark(), look.print)
        .part(basket(), look.cast)
        .part(back.with(&spider), look.cone)
        .part(ferrite, look.rubber)
        .part(plates, look.steel);
    for i in 0..6 {
        let a = around(i, 6) + 0.2;
        node = node.part(
            screw(0.001_7, 16).moved(0.0523 * a.sin(), 0.0932, 0.0523 * a.cos()),
            look.steel,
        );
    }
    for s in [-1.0_f32, 1.0] {
        let lead = crate::kit::spline(
            &[
                Vec3::new(s * 4.0, 71.0, -28.5),
                Vec3::new(s * 4.5, 76.0, -31.5),
                Vec3::new(s * 4.0, 78.6, -27.0),
                Vec3::new(s * 3.0, 79.6, -22.5),
            ]
            .map(|p| p * 0.001),
            8,
            false,
        );
        node = node.part(tube(&lead, 0.000_55, 10, false), look.gold);
    }
    node
}

fn board(look: &Look) -> Node {
    let disc = extrude(&circle(0.043, 64), 0.001_6, 0.000_2, 0.000_25).moved(0.0, 0.141, 0.0);
    let mut parts = Mesh::new();
    let mut pads = Mesh::new();
    let level = 0.1426;
    let chip =
        |x: f32, z: f32, w: f32, d: f32, h: f32| rounded_box(w, h, d, 0.000_25).moved(x, level + h * 0.5, z);
    for (x, z, w, d, h) in [
        (0.0, 0.004, 0.015, 0.015, 0.0016),
        (0.020, 0.012, 0.011, 0.008, 0.0014),
        (-0.021, 0.010, 0.009, 0.012, 0.0014),
        (0.013, -0.021, 0.007, 0.007, 0.0012),
        (-0.014, -0.02, 0.008, 0.006, 0.0012),
    ] {
        parts.merge(&chip(x, z, w, d, h));
        let n = (w / 0.0011) as i32;
        for k in 0..n {
            for s in [-1.0, 1.0] {
                let px = x - w * 0.5 + w * (k as f32 + 0.5) / n as f32;
                let pin = outline(&mm(&[
                    (-0.25, -0.5, 0.0),
                    (0.25, -0.5, 0.0),
                    (0.25, 0.5, 0.0),
                    (-0.25, 0.5, 0.0),
                ]));
                pads.merge(&extrude(&pin, 0.000_25, 0.0, 0.0).moved(px, level, z + s * (d * 0.5 + 0.000_35)));
            }
        }
    }
    for i in 0..24 {
        let a = around(i, 24) + 0.13;
        let (s, c) = a.sin_cos();
        let led = outline(&mm(&[
            (-1.4, -0.8, 0.0),
            (1.4, -0.8, 0.0),
            (1.4, 0.8, 0.0),
            (-1.4, 0.8, 0.0),
        ]));
        let led = extrude(&led, 0.000_9, 0.0, 0.0).turned(Quat::from_rotation_y(a));
        pads.merge(&led.moved(0.0405 * s, level, 0.0405 * c));
    }
    let mut cans = Mesh::new();
    for (x, z) in [(0.028, -0.008), (0.029, -0.017), (-0.03, -0.006)] {
        cans.merge(
            &Lathe::full(24)
                .spin(&path(&mm(&[
                    (3.2, 0.0, 0.0),
                    (3.2, 0.8, 0.2),
                    (3.0, 1.2, 0.2),
                    (3.2, 1.6, 0.2),
                    (3.2, 6.4, 0.5),
                    (0.0, 6.4, 0.0),
                ])))
                .moved(x, level, z),
        );
    }
    Node::new("Control board")
        .explode(0.0, 0.092, 0.0)
        .shade(Shade::Alone)
        .part(disc, look.board)
        .part(parts, look.dark)
        .part(pads, look.gold)
        .part(cans, look.steel)
}
