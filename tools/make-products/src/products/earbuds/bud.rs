//! The buds: shell, housing, tip, and what is inside.

use glam::{Mat4, Quat, Vec3};

use super::Look;
use super::case::{DECK, SEAT};
use crate::kit::curve::mm;
use crate::kit::{Lathe, Mesh, Node, Shade, around, chamfered_box, circle, lift, path, tube};

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

/// Where a bud sits in the tray, and how it is turned there. Local +Y is the touch face, -Y the nozzle.
pub(super) fn seat(s: f32) -> (Vec3, Quat) {
    (
        Vec3::new(s * SEAT, DECK + 0.0008, 0.0),
        Quat::from_rotation_z(-s * 0.09),
    )
}

/// Where the right bud leans before the case: it touches the floor with its rim and its tip.
pub(super) fn stand() -> (Vec3, Quat) {
    let (shell_mesh, _, _) = bud_shell();
    let turn = Quat::from_rotation_arc(Vec3::Y, Vec3::new(0.84, 0.44, 0.30).normalize())
        * Quat::from_rotation_y(0.5);
    let lowest = [&shell_mesh, &bud_tip(), &bud_housing()]
        .iter()
        .flat_map(|m| m.vertices.iter().map(|v| (turn * v.position).y))
        .fold(f32::MAX, f32::min);
    (Vec3::new(0.0165, -lowest + 0.00002, 0.0282), turn)
}

pub(super) fn left_bud(look: &Look) -> Node {
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

pub(super) fn right_bud(look: &Look, (stand, turn): (Vec3, Quat)) -> Node {
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
