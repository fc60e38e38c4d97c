//! Earbuds in their case: the lid stands open, one bud is seated, the other leans before the case.

use std::f32::consts::PI;

use anyhow::Result;
use glam::{Mat4, Quat, Vec2, Vec3, Vec4};

use crate::kit::curve::{mm, ramp};
use crate::kit::loft::{Grid, facing};
use crate::kit::texture;
use crate::kit::{
    Animation, Channel, Lathe, Material, MaterialId, Mesh, Node, Product, Shade, Track, around, at,
    chamfered_box, circle, lift, path, rounded_rect, superellipse, tube,
};

/// Half the case's width, height, depth.
const CASE: Vec3 = Vec3::new(0.031, 0.024, 0.013);
/// Where lid and body part.
const SPLIT: f32 = 0.0312;
/// The hinge's axis.
const HINGE: Vec3 = Vec3::new(0.0, SPLIT, -0.0126);
/// How far the lid opens.
const OPEN: f32 = 105.0;
/// The tray's deck.
const DECK: f32 = 0.0296;
/// How far the buds stand from the middle.
const SEAT: f32 = 0.0139;

/// The pebble's half width and half depth at a height.
fn girth(y: f32) -> Vec2 {
    let t = ((y - CASE.y) / CASE.y).abs().min(0.9999);
    Vec2::new(
        CASE.x * (1.0 - t.powf(2.9)).powf(1.0 / 2.9),
        CASE.z * (1.0 - t.powf(2.5)).powf(1.0 / 2.5),
    )
}

/// A ring of the pebble, drawn in by `d`.
fn ring(y: f32, d: f32, n: usize) -> Vec<Vec3> {
    let g = girth(y);
    lift(
        &superellipse(2.0 * (g.x - d).max(1.0e-5), 2.0 * (g.y - d).max(1.0e-5), 2.55, n),
        y,
    )
}

/// The pebble's face at an angle round it (0 is the front) and a height: a place, and the way out.
fn face(angle: f32, y: f32) -> (Vec3, Vec3) {
    let spot = |a: f32, y: f32| {
        let g = girth(y);
        let (s, c) = a.sin_cos();
        let e = 2.0 / 2.55;
        Vec3::new(
            g.x * s.signum() * s.abs().powf(e),
            y,
            g.y * c.signum() * c.abs().powf(e),
        )
    };
    let e = 1.0e-3;
    let da = spot(angle + e, y) - spot(angle - e, y);
    let dy = spot(angle, y + 1.0e-4) - spot(angle, y - 1.0e-4);
    (spot(angle, y), da.cross(dy).normalize_or(Vec3::Z))
}

const AROUND: usize = 104;

fn skin(rings: &[Vec<Vec3>]) -> Mesh {
    Grid::new(AROUND, rings.len() - 1, true, |i, j| {
        let p = rings.get(j).map(|r| at(r, i % AROUND)).unwrap_or_default();
        (p, Vec2::new(p.x, p.y + p.z))
    })
    .mesh()
}

/// The body: outside up to the split, over a bevel, and down within to the deck.
fn case_body() -> Mesh {
    let flat = 0.0004;
    let mut rings: Vec<Vec<Vec3>> = Vec::new();
    // A small flat to stand on.
    let foot = ring(flat, 0.0, AROUND);
    for k in 0..4 {
        let s = k as f32 / 4.0;
        rings.push(foot.iter().map(|p| Vec3::new(p.x * s, 0.0, p.z * s)).collect());
    }
    rings.push(
        foot.iter()
            .map(|p| Vec3::new(p.x * 0.97, 0.0, p.z * 0.97))
            .collect(),
    );
    let steps = 30;
    for k in 0..=steps {
        let t = k as f32 / steps as f32;
        let y = flat + (SPLIT - 0.00055 - flat) * (1.0 - (t * PI * 0.5).cos()).powf(0.9);
        rings.push(ring(y, 0.0, AROUND));
    }
    let top = SPLIT - 0.0001;
    for k in 1..=5 {
        let (s, c) = (PI * 0.5 * k as f32 / 5.0).sin_cos();
        rings.push(
            ring(top, 0.00045 * (1.0 - c), AROUND)
                .iter()
                .map(|p| Vec3::new(p.x, top - 0.00045 * (1.0 - s), p.z))
                .collect(),
        );
    }
    rings.push(ring(top, 0.0013, AROUND));
    for k in 1..=4 {
        let (s, c) = (PI * 0.5 * k as f32 / 4.0).sin_cos();
        rings.push(
            ring(top, 0.0013 + 0.0003 * s, AROUND)
                .iter()
                .map(|p| Vec3::new(p.x, top - 0.0003 * (1.0 - c), p.z))
                .collect(),
        );
    }
    rings.push(ring(DECK - 0.001, 0.00162, AROUND));
    skin(&rings)
}

/// The lid, about the hinge's axis, closed.
fn lid() -> (Mesh, Mesh) {
    let low = SPLIT + 0.0001;
    let wall = 0.0017;
    let top = 2.0 * CASE.y;
    let mut inside: Vec<Vec<Vec3>> = Vec::new();
    let steps = 18;
    let heights = |k: usize, from: f32, to: f32| {
        let t = k as f32 / steps as f32;
        from + (to - from) * (t * PI * 0.5).sin().powf(0.9)
    };
    for k in (0..=steps).rev() {
        let y = heights(k, low + 0.0006, top - 0.00002);
        let sink = wall * ramp(low, top, y) * 0.9;
        inside.push(
            ring(y, wall * 0.9, AROUND)
                .iter()
                .map(|p| *p - Vec3::Y * sink)
                .collect(),
        );
    }
    inside.push(
        ring(low, 0.0016, AROUND)
            .iter()
            .map(|p| *p + Vec3::Y * 0.0002)
            .collect(),
    );
    let mut outside: Vec<Vec<Vec3>> = vec![
        ring(low, 0.0016, AROUND)
            .iter()
            .map(|p| *p + Vec3::Y * 0.0002)
            .collect(),
        ring(low, 0.0013, AROUND),
        ring(low, 0.0006, AROUND),
    ];
    for k in 0..=5 {
        let (s, c) = (PI * 0.5 * k as f32 / 5.0).sin_cos();
        outside.push(
            ring(low, 0.00045 * (1.0 - s), AROUND)
                .iter()
                .map(|p| Vec3::new(p.x, low + 0.00045 * (1.0 - c), p.z))
                .collect(),
        );
    }
    for k in 1..=steps {
        outside.push(ring(heights(k, low + 0.00055, top - 0.00001), 0.0, AROUND));
    }
    let shift = |m: Mesh| m.moved(-HINGE.x, -HINGE.y, -HINGE.z);
    // Rings that go down face inwards, as an inside must.
    (shift(skin(&outside)), shift(skin(&inside)))
}

/// How deep the well of a bud is at (x, z) from its middle: 0 at the deck.
fn well(x: f32, z: f32) -> f32 {
    let k = (x / 0.0103).hypot(z / 0.0090);
    let wall = 0.0032 * (1.0 - ramp(0.965, 1.02, k));
    let bowl = 0.0108 * (1.0 - (k / 0.97).min(1.0).powf(2.4)).max(0.0).powf(0.62);
    wall + bowl
}

fn deck_height(x: f32, z: f32) -> f32 {
    DECK - well(x - SEAT, z) - well(x + SEAT, z)
}

/// The tray: a deck with two wells.
fn tray() -> Mesh {
    let (columns, rows) = (110, 50);
    let g = girth(DECK) - Vec2::splat(0.0015);
    Grid::new(columns, rows, false, |i, j| {
        let (p, q) = (
            -1.0 + 2.0 * i as f32 / columns as f32,
            1.0 - 2.0 * j as f32 / rows as f32,
        );
        let disc = Vec2::new(p * (1.0 - q * q * 0.5).sqrt(), q * (1.0 - p * p * 0.5).sqrt());
        let a = disc.y.atan2(disc.x);
        let (s, c) = a.sin_cos();
        let reach = (c.abs().powf(2.55) + s.abs().powf(2.55)).powf(-1.0 / 2.55);
        let (x, z) = (disc.x * reach * g.x, disc.y * reach * g.y);
        (Vec3::new(x, deck_height(x, z), z), Vec2::new(x, -z))
    })
    .mesh()
}

/// A bud's shape from a lathe: an oval, a little egg-shaped, its nozzle leaning.
fn oval(mesh: Mesh) -> Mesh {
    mesh.scaled(1.07, 1.0, 0.93)
        .bend(|p| {
            let lean = (-p.y - 0.0035).max(0.0);
            Vec3::new(p.x * (1.0 - 5.0 * p.x) + lean * 0.22, p.y, p.z - lean * 0.08)
        })
        .smooth(40.0)
}

/// The bud's outer shell, its touch face and the ring round it.
fn bud_shell() -> (Mesh, Mesh, Mesh) {
    let shell = Lathe::full(72).spin(&path(&mm(&[
        (0.0, 4.6, 0.0),
        (6.6, 4.5, 1.6),
        (8.0, 1.5, 2.0),
        (8.15, 0.05, 0.1),
        (8.95, 0.05, 0.22),
        (9.0, 0.6, 0.5),
        (8.75, 3.4, 3.2),
        (7.3, 5.9, 2.6),
        (5.9, 6.55, 0.25),
        (5.75, 6.25, 0.08),
        (0.0, 6.1, 0.0),
    ])));
    let ring = Lathe::full(72).spin(&path(&mm(&[
        (5.2, 6.1, 0.0),
        (5.72, 6.1, 0.0),
        (5.72, 6.52, 0.12),
        (5.32, 6.46, 0.12),
        (5.25, 6.1, 0.0),
    ])));
    let touch = Lathe::full(72).spin(&path(&mm(&[
        (5.3, 6.0, 0.0),
        (5.3, 6.42, 0.14),
        (4.6, 6.42, 2.0),
        (2.0, 6.22, 4.0),
        (0.0, 6.2, 0.0),
    ])));
    (oval(shell), oval(ring), oval(touch))
}

/// The driver housing with its nozzle.
fn bud_housing() -> Mesh {
    oval(Lathe::full(72).spin(&path(&mm(&[
        (2.1, -10.6, 0.0),
        (2.75, -10.6, 0.2),
        (2.95, -10.0, 0.2),
        (2.6, -9.2, 0.3),
        (2.65, -7.8, 1.4),
        (4.4, -6.4, 2.0),
        (7.6, -4.3, 3.2),
        (8.85, -1.4, 1.5),
        (8.95, -0.05, 0.22),
        (7.9, -0.05, 0.1),
        (7.8, -1.6, 1.0),
        (6.6, -3.6, 2.5),
        (3.6, -5.6, 1.5),
        (2.1, -7.2, 1.0),
        (2.1, -10.6, 0.0),
    ]))))
}

/// The ear tip: a soft bell over the nozzle.
fn bud_tip() -> Mesh {
    oval(
        Lathe::full(64)
            .spin(&path(&mm(&[
                (2.35, -7.4, 0.2),
                (3.35, -7.4, 0.3),
                (3.4, -9.0, 0.6),
                (4.9, -7.6, 0.5),
                (5.35, -6.55, 0.2),
                (5.75, -6.7, 0.2),
                (5.95, -8.0, 1.0),
                (5.3, -10.6, 2.6),
                (3.9, -12.5, 1.8),
                (2.7, -13.1, 0.4),
                (2.15, -12.6, 0.3),
                (2.1, -10.9, 0.1),
                (2.6, -10.7, 0.1),
                (2.35, -7.4, 0.2),
            ])))
            .flipped(),
    )
}

/// The mesh over the nozzle.
fn bud_mesh() -> Mesh {
    oval(Lathe::full(40).spin(&path(&mm(&[
        (0.0, -10.95, 0.0),
        (1.7, -10.75, 1.0),
        (2.3, -10.35, 0.2),
        (2.2, -10.0, 0.1),
        (0.0, -10.0, 0.0),
    ]))))
}

/// The driver: frame, magnet, coil, diaphragm.
fn driver() -> (Mesh, Mesh, Mesh, Mesh) {
    let frame = Lathe::full(56).spin(&path(&mm(&[
        (4.6, -4.2, 0.2),
        (5.9, -4.2, 0.25),
        (6.1, -3.4, 0.2),
        (6.1, -2.4, 0.3),
        (5.0, -2.2, 0.3),
        (4.5, -2.6, 0.2),
        (4.6, -4.2, 0.2),
    ])));
    let magnet = Lathe::full(64).spin(&path(&mm(&[
        (0.0, -3.0, 0.0),
        (2.5, -3.0, 0.2),
        (2.5, -1.9, 0.1),
        (4.7, -1.9, 0.15),
        (4.7, -0.2, 0.35),
        (3.4, 0.0, 0.2),
        (0.0, 0.0, 0.0),
    ])));
    let mut coil = Mesh::new();
    for k in 0..6 {
        coil.merge(&tube(
            &lift(&circle(0.0031, 48), -0.0038 + 0.00026 * k as f32),
            0.00014,
            6,
            true,
        ));
    }
    let cone = Lathe::full(56).around().spin(&path(&mm(&[
        (0.0, -5.15, 0.0),
        (1.9, -4.75, 1.6),
        (2.9, -4.1, 0.3),
        (3.5, -4.45, 0.4),
        (4.1, -4.1, 0.3),
        (4.7, -4.4, 0.4),
        (5.2, -4.15, 0.2),
        (5.2, -3.9, 0.1),
        (2.9, -3.85, 0.2),
        (0.0, -4.9, 0.0),
    ])));
    (frame, magnet, coil, cone)
}

/// The cell and the board: steel, a sealing ring, the board, its parts, its gold.
fn electronics() -> (Mesh, Mesh, Mesh, Mesh, Mesh) {
    let can = Lathe::full(56).around().spin(&path(&mm(&[
        (0.0, 0.15, 0.0),
        (5.3, 0.15, 0.3),
        (5.5, 0.5, 0.2),
        (5.5, 2.6, 0.35),
        (5.15, 2.85, 0.2),
        (0.0, 2.85, 0.0),
    ])));
    let seal = Lathe::full(56).spin(&path(&mm(&[
        (4.6, 2.8, 0.0),
        (5.1, 2.8, 0.05),
        (5.05, 2.98, 0.06),
        (4.65, 2.98, 0.06),
        (4.6, 2.8, 0.0),
    ])));
    let board = Lathe::full(56).spin(&path(&mm(&[
        (0.0, 3.25, 0.0),
        (6.1, 3.25, 0.08),
        (6.1, 3.75, 0.08),
        (0.0, 3.75, 0.0),
    ])));
    let mut parts = Mesh::new();
    let mut gold = Mesh::new();
    let chip = |x: f32, z: f32, w: f32, d: f32, h: f32| {
        chamfered_box(w * 0.001, h * 0.001, d * 0.001, 0.00006).moved(
            x * 0.001,
            0.00375 + h * 0.0005,
            z * 0.001,
        )
    };
    parts.merge(&chip(-1.2, 0.4, 3.0, 3.0, 0.62));
    parts.merge(&chip(2.6, 1.6, 1.7, 1.9, 0.5));
    parts.merge(&chip(2.4, -1.7, 2.2, 1.2, 0.55));
    for i in 0..14 {
        let a = around(i, 14) + 0.13;
        let r = if i % 3 == 0 { 4.4 } else { 4.95 };
        let (s, c) = a.sin_cos();
        let body = chamfered_box(0.00042, 0.0003, 0.00026, 0.00004)
            .turned(Quat::from_rotation_y(a))
            .moved(r * 0.001 * s, 0.0039, r * 0.001 * c);
        parts.merge(&body);
        for e in [-1.0_f32, 1.0] {
            gold.merge(
                &chamfered_box(0.00018, 0.00032, 0.0003, 0.00004)
                    .moved(e * 0.0003, 0.0, 0.0)
                    .turned(Quat::from_rotation_y(a))
                    .moved(r * 0.001 * s, 0.0039, r * 0.001 * c),
            );
        }
    }
    // Two tabs join cell and board.
    for x in [-1.0_f32, 1.0] {
        gold.merge(&chamfered_box(0.0014, 0.0007, 0.0003, 0.0001).moved(x * 0.0020, 0.0031, 0.0050));
    }
    (can, seal, board, parts, gold)
}

/// Gold dots on the housing that meet the pins, and the dark window of a sensor.
fn contacts() -> (Mesh, Mesh) {
    let mut gold = Mesh::new();
    for s in [-1.0_f32, 1.0] {
        let dot = Lathe::full(28).spin(&path(&mm(&[
            (0.0, -0.3, 0.0),
            (0.75, -0.3, 0.1),
            (0.75, 0.1, 0.15),
            (0.0, 0.16, 0.0),
        ])));
        let n = Vec3::new(s * 0.34, -0.86, 0.38).normalize();
        gold.merge(&dot.transformed(Mat4::from_rotation_translation(
            Quat::from_rotation_arc(Vec3::Y, n),
            Vec3::new(s * 0.0024 - 0.0005, -0.00505, 0.0042),
        )));
    }
    let window = Lathe::full(28)
        .spin(&path(&mm(&[
            (0.0, -0.3, 0.0),
            (1.1, -0.3, 0.1),
            (1.1, 0.08, 0.12),
            (0.0, 0.12, 0.0),
        ])))
        .scaled(1.5, 1.0, 1.0);
    let n = Vec3::new(0.0, -0.72, -0.69).normalize();
    let window = window.transformed(Mat4::from_rotation_translation(
        Quat::from_rotation_arc(Vec3::Y, n),
        Vec3::new(-0.0005, -0.0040, -0.0062),
    ));
    (gold, window)
}

/// A slot of light or a port on the case: an outline laid on its face.
fn on_case(angle: f32, y: f32, out: f32, shape: &[Vec2], depth: f32, bevel: f32) -> Mesh {
    let (p, n) = face(angle, y);
    let turn = facing(Vec3::Y.cross(n), n);
    // Drawn up along y, then turned to look out.
    crate::kit::extrude(shape, depth, bevel * 0.5, bevel)
        .uv_box()
        .turned(Quat::from_rotation_x(PI * 0.5))
        .transformed(Mat4::from_rotation_translation(turn, p + n * (out - depth)))
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

fn case(look: &Look) -> Node {
    let hinge = tube(
        &[
            Vec3::new(-0.0105, HINGE.y, HINGE.z),
            Vec3::new(-0.004, HINGE.y, HINGE.z),
            Vec3::new(0.004, HINGE.y, HINGE.z),
            Vec3::new(0.0105, HINGE.y, HINGE.z),
        ],
        0.00115,
        20,
        false,
    );
    let (usb, usb_rim) = (
        rounded_rect(0.0086, 0.0028, 0.0014),
        rounded_rect(0.0100, 0.0042, 0.0021),
    );
    Node::new("Case body")
        .part(case_body(), &look.case)
        .part(hinge, look.steel)
        .part(
            on_case(
                0.0,
                0.0205,
                0.00004,
                &rounded_rect(0.0034, 0.0011, 0.00055),
                0.0006,
                0.00004,
            ),
            look.light,
        )
        .part(on_case(PI, 0.0075, 0.00012, &usb_rim, 0.0012, 0.0002), look.steel)
        .part(on_case(PI, 0.0075, 0.00016, &usb, 0.0012, 0.00002), look.port)
        .part(
            on_case(
                PI,
                0.0075,
                0.00022,
                &rounded_rect(0.0060, 0.0007, 0.0003),
                0.0012,
                0.00002,
            ),
            look.gold,
        )
}

/// The tray with its pins and magnets.
fn tray_with_pins(look: &Look) -> Node {
    let mut pins = Mesh::new();
    for bud in [-1.0_f32, 1.0] {
        for s in [-1.0_f32, 1.0] {
            let (x, z) = (bud * SEAT + s * 0.0024, 0.0042);
            let pin = Lathe::full(18).spin(&path(&mm(&[
                (0.0, -1.5, 0.0),
                (0.85, -1.5, 0.0),
                (0.85, 0.15, 0.1),
                (0.55, 0.2, 0.05),
                (0.5, 0.9, 0.3),
                (0.0, 1.0, 0.0),
            ])));
            pins.merge(&pin.moved(x, deck_height(x, z), z));
        }
    }
    let mut magnets = Mesh::new();
    for (x, z, r) in [
        (-0.0265, 0.0, 1.0),
        (0.0265, 0.0, 1.0),
        (0.0, 0.0083, 0.8),
        (0.0, -0.0083, 0.8),
    ] {
        magnets.merge(
            &Lathe::full(28)
                .around()
                .spin(&path(&mm(&[
                    (0.0, -1.0, 0.0),
                    (1.25 * r, -1.0, 0.0),
                    (1.25 * r, 0.14, 0.1),
                    (0.0, 0.14, 0.0),
                ])))
                .moved(x, DECK, z),
        );
    }
    Node::new("Tray")
        .explode(0.0, 0.022, 0.0)
        .part(tray(), &look.inner)
        .part(pins, look.gold)
        .part(magnets, look.magnet)
}

fn open_lid(look: &Look) -> Node {
    let (outside, inside) = lid();
    let open = Quat::from_rotation_x(-OPEN.to_radians());
    Node::new("Lid")
        .at(HINGE.x, HINGE.y, HINGE.z)
        .turned(open)
        .explode(0.0, 0.012, -0.022)
        .part(outside, &look.case)
        .part(inside, &look.inner)
}

/// Where a bud sits in the tray, and how it is turned there. Local +Y is the touch face, -Y the nozzle.
fn seat(s: f32) -> (Vec3, Quat) {
    (
        Vec3::new(s * SEAT, DECK + 0.0008, 0.0),
        Quat::from_rotation_z(-s * 0.09),
    )
}

/// Where the right bud leans before the case: it touches the floor with its rim and its tip.
fn stand() -> (Vec3, Quat) {
    let (shell_mesh, _, _) = bud_shell();
    let turn = Quat::from_rotation_arc(Vec3::Y, Vec3::new(0.84, 0.44, 0.30).normalize())
        * Quat::from_rotation_y(0.5);
    let lowest = [&shell_mesh, &bud_tip(), &bud_housing()]
        .iter()
        .flat_map(|m| m.vertices.iter().map(|v| (turn * v.position).y))
        .fold(f32::MAX, f32::min);
    (Vec3::new(0.0165, -lowest + 0.00002, 0.0282), turn)
}

fn left_bud(look: &Look) -> Node {
    let (shell_mesh, ring_mesh, touch_mesh) = bud_shell();
    let (gold_dots, window) = contacts();
    let (at_left, turn_left) = seat(-1.0);
    let mirror = |m: &Mesh| m.clone().mirrored();
    Node::new("Left bud")
        .at(at_left.x, at_left.y, at_left.z)
        .turned(turn_left)
        .explode(0.0, 0.045, 0.0)
        .part(mirror(&shell_mesh), &look.shell)
        .part(mirror(&ring_mesh), look.trim)
        .part(mirror(&touch_mesh), &look.touch)
        .part(mirror(&bud_housing()), &look.housing)
        .part(mirror(&bud_tip()), &look.tip)
        .part(mirror(&bud_mesh()), look.mesh_metal)
        .part(mirror(&gold_dots), look.gold)
        .part(mirror(&window), look.dark)
}

fn right_bud(look: &Look, (stand, turn): (Vec3, Quat)) -> Node {
    let (shell_mesh, ring_mesh, touch_mesh) = bud_shell();
    let (gold_dots, window) = contacts();
    let (frame_mesh, magnet_mesh, coil_mesh, cone_mesh) = driver();
    let (can, seal, board_mesh, parts, board_gold) = electronics();
    let inside_alone = |n: Node| n.shade(Shade::Alone);
    Node::new("Right bud")
        .at(stand.x, stand.y, stand.z)
        .turned(turn)
        .explode(0.012, 0.030, 0.030)
        .child(
            Node::new("Ear tip")
                .explode(0.0, -0.022, 0.0)
                .part(bud_tip(), &look.tip),
        )
        .child(
            Node::new("Nozzle mesh")
                .explode(0.0, -0.0155, 0.0)
                .part(bud_mesh(), look.mesh_metal),
        )
        .child(
            Node::new("Driver housing")
                .explode(0.0, -0.006, 0.0)
                .part(bud_housing(), &look.housing)
                .part(gold_dots, look.gold)
                .part(window, look.dark),
        )
        .child(inside_alone(
            Node::new("Speaker driver")
                .explode(0.0, 0.0055, 0.0)
                .part(frame_mesh, look.frame)
                .part(magnet_mesh, look.magnet)
                .part(coil_mesh, look.copper)
                .part(cone_mesh, look.cone),
        ))
        .child(inside_alone(
            Node::new("Battery and board")
                .explode(0.0, 0.0155, 0.0)
                .part(can, look.steel)
                .part(seal, look.frame)
                .part(board_mesh, look.board)
                .part(parts, look.chips)
                .part(board_gold, look.gold),
        ))
        .child(
            Node::new("Outer shell")
                .explode(0.0, 0.028, 0.0)
                .part(shell_mesh, &look.shell)
                .part(ring_mesh, look.trim)
                .part(touch_mesh, &look.touch),
        )
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
