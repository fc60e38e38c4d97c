//! Maps of veneer, plywood and bouclé.

use std::f32::consts::TAU;

use anyhow::Result;
use glam::Vec3;

use super::shell::SHELL;
use crate::kit::curve::ramp;
use crate::kit::texture::{self, Canvas, Maps};

/// Veneer, its grain along u: broad figure, fine fibres and pores.
pub(super) fn veneer(name: &str, contrast: f32, pores: f32, seed: u32) -> Result<Maps> {
    let tile = 0.5;
    let look = move |u: f32, v: f32| -> (f32, f32, f32) {
        let drift = 0.9 * texture::noise(u, v, 1, 3, seed)
            + 0.32 * texture::noise(u, v, 2, 6, seed + 1)
            + 0.06 * texture::noise(u, v, 5, 21, seed + 2);
        let phase = 9.0 * v + 2.0 * drift;
        let saw = phase.rem_euclid(1.0);
        // Early wood fades into a dark line of late wood.
        let ring = saw.powf(2.2) * (1.0 - ramp(0.93, 1.0, saw));
        let fine = 31.0 * v + 6.4 * drift;
        let ring = 0.72 * ring + 0.28 * (0.5 + 0.5 * (fine * TAU).sin());
        let fibre =
            0.6 * texture::noise(u, v, 9, 300, seed + 3) + 0.4 * texture::noise(u, v, 24, 420, seed + 4);
        let pore = (texture::noise(u, v, 34, 460, seed + 5) - 0.38).max(0.0) * 3.2 * (0.35 + 0.65 * ring);
        (ring, fibre, pore.min(1.0))
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(1024, |u, v| {
                let (ring, fibre, pore) = look(u, v);
                let broad = texture::noise(u, v, 1, 5, seed + 9);
                // Chatoyance: bands across the grain.
                let flame = texture::noise(u, v, 14, 2, seed + 12) * texture::noise(u, v, 3, 4, seed + 13);
                let tone = 0.90 - contrast * 0.55 * ring + 0.07 * fibre - pores * pore
                    + 0.06 * broad
                    + contrast * 0.10 * flame;
                let warm = contrast * ring;
                Vec3::new(tone, tone * (1.0 - 0.06 * warm), tone * (1.0 - 0.13 * warm))
                    .clamp(Vec3::ZERO, Vec3::ONE)
            })
            .jpeg(&format!("{name} colour"), 84)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| {
                let (_, fibre, pore) = look(u, v);
                fibre * 0.000_10 - pore * 0.000_22
            })
            .png(&format!("{name} normals"))?,
        ),
        orm: Some(
            Canvas::paint(512, |u, v| {
                let (ring, fibre, pore) = look(u, v);
                Vec3::new(
                    1.0,
                    (0.80 + 0.14 * ring - 0.06 * fibre + 0.25 * pore).clamp(0.0, 1.0),
                    1.0,
                )
            })
            .jpeg(&format!("{name} roughness"), 80)?,
        ),
    })
}

/// The layers of plywood, seen from the edge: one tile is the plate's thickness.
pub(super) fn layers() -> Result<Maps> {
    let tile = SHELL * 1.02;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let n = 9.0;
        let y = v * n + 0.05 * texture::noise(u, v, 3, 9, 3);
        let k = (y.floor() as i32).rem_euclid(9);
        let f = y.fract();
        let glue = 1.0 - ramp(0.0, 0.09, f.min(1.0 - f));
        let across = k % 2 == 1;
        let grain = if across {
            texture::noise(u, v, 46, 60, 5) * 0.6 + texture::noise(u, v, 90, 90, 7) * 0.4
        } else {
            texture::noise(u, v, 4, 80, 6) * 0.8
        };
        let tone = if across { 0.60 } else { 0.95 };
        (tone + 0.16 * grain - 0.52 * glue, glue)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, |u, v| {
                let (t, _) = look(u, v);
                Vec3::new(t, t * 0.97, t * 0.92).clamp(Vec3::ZERO, Vec3::ONE)
            })
            .jpeg("Plywood layers", 88)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let (t, glue) = look(u, v);
                t * 0.000_05 - glue * 0.000_06
            })
            .png("Plywood layer normals")?,
        ),
        orm: None,
    })
}

/// Bouclé: loops of thick and thin yarn in a tangle.
pub(super) fn boucle() -> Result<Maps> {
    let tile = 0.045;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let (wu, wv) = (
            u + 0.02 * texture::fractal(u, v, 9, 2, 3),
            v + 0.02 * texture::fractal(u, v, 9, 2, 4),
        );
        let mut h = 0.0_f32;
        let mut shade = 0.0;
        for (n, seed, size) in [(11, 5, 1.0_f32), (15, 9, 0.8), (20, 13, 0.6)] {
            let (d, e) = texture::cells(wu, wv, n, seed);
            // Each loop is a ring of yarn.
            let ring = 1.0 - ((d - 0.30) / 0.21).powi(2);
            let x = ring.max(0.0).sqrt() * size * (0.75 + 0.25 * (e - d).min(1.0));
            if x > h {
                h = x;
                shade = d;
            }
        }
        let twist = ((u * 160.0 + v * 40.0 + shade * 9.0) * TAU * 0.5).sin();
        (h, twist)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(512, |u, v| {
                let (h, twist) = look(u, v);
                Vec3::splat((0.52 + 0.46 * h + 0.03 * twist).clamp(0.0, 1.0))
            })
            .jpeg("Bouclé shade", 80)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| {
                let (h, twist) = look(u, v);
                h * 0.001_0 + twist * 0.000_03
            })
            .jpeg("Bouclé normals", 90)?,
        ),
        orm: None,
    })
}
