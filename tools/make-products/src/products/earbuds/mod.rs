//! Earbuds in their case: the lid stands open, one bud is seated, the other leans before the case.

mod bud;
mod case;

use anyhow::Result;
use glam::{Quat, Vec3, Vec4};

use crate::kit::curve::ramp;
use crate::kit::{Animation, Channel, Material, MaterialId, Product, Track, texture};
use bud::{left_bud, right_bud, seat, stand};
use case::{OPEN, case, open_lid, tray_with_pins};

/// The materials; those of several variants in the variants' order.
struct Look {
    case: Vec<MaterialId>,
    inner: Vec<MaterialId>,
    shell: Vec<MaterialId>,
    housing: Vec<MaterialId>,
    touch: Vec<MaterialId>,
    tip: Vec<MaterialId>,
    gold: MaterialId,
    steel: MaterialId,
    trim: MaterialId,
    magnet: MaterialId,
    copper: MaterialId,
    cone: MaterialId,
    frame: MaterialId,
    board: MaterialId,
    chips: MaterialId,
    mesh_metal: MaterialId,
    dark: MaterialId,
    port: MaterialId,
    light: MaterialId,
}

/// Makes them.
pub fn make() -> Result<Product> {
    let mut product = Product::new("earbuds", "Wireless earbuds");
    product.bake.reach = 0.014;
    let look = look(&mut product)?;
    product.add(case(&look));
    product.add(tray_with_pins(&look));
    product.add(open_lid(&look));
    product.add(left_bud(&look));
    let stand = stand();
    product.add(right_bud(&look, stand));
    product.animations.push(opening(stand));
    Ok(product)
}

fn look(product: &mut Product) -> Result<Look> {
    let satin = product.maps(texture::satin()?);
    let grille = product.maps(texture::perforated(0.0012, 4)?);
    let brushed = product.maps(texture::brushed()?);
    let colours: [(&str, u32, u32, u32); 4] = [
        ("Pearl", 0xf1efea, 0xe3e0da, 0xd8d6d2),
        ("Onyx", 0x1d1e21, 0x141517, 0x2a2b2e),
        ("Sky", 0xa9c8e4, 0x94b5d3, 0x7f9fbd),
        ("Rose", 0xe9bdb8, 0xd8a7a2, 0xc9948f),
    ];
    product.variants = colours.iter().map(|c| c.0.to_owned()).collect();
    let mut each = |make: &dyn Fn(&str, u32, u32, u32) -> Material| {
        colours
            .iter()
            .map(|c| product.material(make(c.0, c.1, c.2, c.3)))
            .collect::<Vec<_>>()
    };
    let case = each(&|n, a, _, _| {
        Material::new(&format!("Case {n}"), a)
            .rough(0.34)
            .coated(0.5, 0.12)
            .maps(satin)
    });
    let inner = each(&|n, _, b, _| Material::new(&format!("Tray {n}"), b).rough(0.5).maps(satin));
    let shell = each(&|n, a, _, _| {
        Material::new(&format!("Bud shell {n}"), a)
            .rough(0.26)
            .coated(0.8, 0.06)
    });
    let housing = each(&|n, _, b, _| Material::new(&format!("Housing {n}"), b).rough(0.42).maps(satin));
    let touch = each(&|n, _, _, c| {
        Material::new(&format!("Touch face {n}"), c)
            .rough(0.2)
            .coated(1.0, 0.04)
    });
    let tip = each(&|n, a, _, _| {
        let hex = if n == "Onyx" { 0x3a3b3f } else { a };
        Material::new(&format!("Silicone {n}"), hex)
            .rough(0.45)
            .glass(0.35, 1.41, 0.92)
            .volume(0.0008, hex, 0.002)
            .sheen(0x30302f, 0.5)
    });
    let gold = product.material(Material::new("Gold", 0xe8c27a).metal().rough(0.24));
    let steel = product.material(Material::new("Steel", 0xc5c7ca).metal().rough(0.28).maps(brushed));
    let trim = product.material(Material::new("Trim ring", 0xd9d9da).metal().rough(0.18));
    let magnet = product.material(Material::new("Magnet", 0x6d6f73).metal().rough(0.38));
    let copper = product.material(Material::new("Copper", 0xc9713d).metal().rough(0.3));
    let cone = product.material(Material::new("Diaphragm", 0xcfc7b4).rough(0.3).coated(0.5, 0.15));
    let frame = product.material(Material::new("Frame", 0x1b1c1e).rough(0.5).maps(satin));
    let board = product.material(Material::new("Board", 0x12382a).rough(0.4).coated(0.6, 0.2));
    let chips = product.material(Material::new("Chips", 0x161618).rough(0.55));
    let mesh_metal = product.material(
        Material::new("Speaker mesh", 0x8d8f93)
            .metal()
            .rough(0.4)
            .maps(grille),
    );
    let dark = product.material(
        Material::new("Dark glass", 0x0c0c0e)
            .rough(0.12)
            .coated(1.0, 0.05),
    );
    let port = product.material(Material::new("Port", 0x0a0a0b).rough(0.7));
    let light = product.material(Material::new("Light", 0xbfeedd).rough(0.4).glowing(0x63ffc2, 2.2));
    Ok(Look {
        case,
        inner,
        shell,
        housing,
        touch,
        tip,
        gold,
        steel,
        trim,
        magnet,
        copper,
        cone,
        frame,
        board,
        chips,
        mesh_metal,
        dark,
        port,
        light,
    })
}

/// The lid opens, the buds rise; the right one steps out and leans before the case.
fn opening((stand, turn): (Vec3, Quat)) -> Animation {
    let (at_left, _) = seat(-1.0);
    let (at_right, turn_right) = seat(1.0);
    let xyz = |v: Vec3| v.extend(0.0);
    let quat = |q: Quat| Vec4::from_array(q.to_array());
    let right_at = move |t: f32| {
        let rise = ease((t - 1.2) / 0.6);
        let go = ease((t - 1.7) / 1.1);
        let up = at_right + Vec3::Y * (0.024 * rise);
        let arc = Vec3::new(0.004, 0.014, 0.010) * (4.0 * go * (1.0 - go));
        up.lerp(stand, go) + arc
    };
    let right_turn = move |t: f32| turn_right.slerp(turn, ease((t - 1.75) / 1.0));
    Animation {
        name: "Open lid".to_owned(),
        tracks: vec![
            Track {
                node: "Lid".to_owned(),
                channel: Channel::Rotation,
                keys: keys(0.0, 3.0, |t| {
                    // A spring at the end: a little too far and back.
                    let e = ease(t / 1.1);
                    let swing = if t > 0.95 {
                        2.2 * (-(t - 0.95) * 5.0).exp() * ((t - 0.95) * 16.0).sin()
                    } else {
                        0.0
                    };
                    quat(Quat::from_rotation_x(-(OPEN * e + swing).to_radians()))
                }),
            },
            Track {
                node: "Left bud".to_owned(),
                channel: Channel::Translation,
                keys: keys(0.0, 3.0, |t| {
                    xyz(at_left + Vec3::Y * (0.004 * ease((t - 1.2) / 0.6)))
                }),
            },
            Track {
                node: "Right bud".to_owned(),
                channel: Channel::Translation,
                keys: keys(0.0, 3.0, |t| xyz(right_at(t))),
            },
            Track {
                node: "Right bud".to_owned(),
                channel: Channel::Rotation,
                keys: keys(0.0, 3.0, |t| quat(right_turn(t))),
            },
        ],
    }
}

fn ease(t: f32) -> f32 {
    ramp(0.0, 1.0, t)
}

/// Keys from `from` to `to` seconds, twenty-four a second.
fn keys(from: f32, to: f32, f: impl Fn(f32) -> Vec4) -> Vec<(f32, Vec4)> {
    let n = ((to - from) * 24.0).ceil().max(1.0) as usize;
    (0..=n)
        .map(|k| {
            let t = from + (to - from) * k as f32 / n as f32;
            (t, f(t))
        })
        .collect()
}
