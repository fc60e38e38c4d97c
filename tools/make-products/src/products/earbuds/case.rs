//! The case: its body, the tray with two wells, the lid.

use std::f32::consts::PI;

use glam::{Mat4, Quat, Vec2, Vec3};

use super::Look;
use crate::kit::curve::{mm, ramp};
use crate::kit::loft::{Grid, facing};
use crate::kit::{Lathe, Mesh, Node, at, lift, path, rounded_rect, superellipse, tube};

/// Half the case's width, height, depth.
const CASE: Vec3 = Vec3::new(0.031, 0.024, 0.013);
/// Where lid and body part.
const SPLIT: f32 = 0.0312;
/// The hinge's axis.
const HINGE: Vec3 = Vec3::new(0.0, SPLIT, -0.0126);
/// How far the lid opens.
pub(super) const OPEN: f32 = 105.0;
/// The tray's deck.
pub(super) const DECK: f32 = 0.0296;
/// How far the buds stand from the middle.
pub(super) const SEAT: f32 = 0.0139;

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

pub(super) fn case(look: &Look) -> Node {
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
pub(super) fn tray_with_pins(look: &Look) -> Node {
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

pub(super) fn open_lid(look: &Look) -> Node {
    let (outside, inside) = lid();
    let open = Quat::from_rotation_x(-OPEN.to_radians());
    Node::new("Lid")
        .at(HINGE.x, HINGE.y, HINGE.z)
        .turned(open)
        .explode(0.0, 0.012, -0.022)
        .part(outside, &look.case)
        .part(inside, &look.inner)
}
