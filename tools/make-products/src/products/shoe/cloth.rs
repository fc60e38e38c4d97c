//! Maps of knit, foam, rib, braid and spacer mesh.

use std::f32::consts::{PI, TAU};

use anyhow::Result;
use glam::{Vec2, Vec3};

use crate::kit::curve::ramp;
use crate::kit::texture::{self, Canvas, Maps};

/// Engineered knit: ribs of stitches with open eyelets in a lozenge.
pub(super) fn knit() -> Result<Maps> {
    let tile = 0.0144;
    let n = 18.0_f32;
    let look = move |u: f32, v: f32| -> (f32, f32) {
        let (x, y) = (u * n, v * n);
        // Stitches: two slanting legs in each.
        let (ix, fx) = (x.floor(), x.fract());
        let leg = (fx - 0.5).abs() * 2.0;
        let slant = y + leg * 0.55;
        let (iy, fy) = (slant.floor(), slant.fract());
        let across = 1.0 - ((leg - 0.5) / 0.52).powi(2);
        let round = 1.0 - ((fy - 0.5) / 0.56).powi(2);
        let h = (across.max(0.0) * round.max(0.0)).sqrt();
        // Ribs rise in every sixth pair of wales; holes between them.
        let (cu, cv) = ((u * 3.0).fract() - 0.5, (v * 3.0).fract() - 0.5);
        let near = [(0.0, 0.0), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)]
            .iter()
            .map(|(a, b)| Vec2::new((cu - a) * 1.15, cv - b).length())
            .fold(f32::MAX, f32::min);
        let hole = ramp(0.10, 0.17, near);
        let mound = ramp(0.12, 0.34, near);
        let chance = texture::random((ix as i32).rem_euclid(18), (iy as i32).rem_euclid(18), 41);
        (
            (h * 0.62 + mound * 0.75 + 0.10 * chance)
                * (0.25 + 0.75 * hole)
                * if hole < 0.5 { 0.5 } else { 1.0 },
            hole * (0.55 + 0.45 * h) * (0.93 + 0.14 * (chance - 0.5)),
        )
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(512, |u, v| {
                let (_, shade) = look(u, v);
                Vec3::splat((0.22 + 0.78 * shade).clamp(0.0, 1.0))
            })
            .jpeg("Engineered knit shade", 82)?,
        ),
        normal: Some(
            Canvas::normals(512, tile, |u, v| look(u, v).0 * 0.00034).png("Engineered knit normals")?,
        ),
        orm: None,
    })
}

/// Moulded foam: a fine skin over beads.
pub(super) fn foam() -> Result<Maps> {
    let tile = 0.012;
    let bead = |u: f32, v: f32| {
        let (d, _) = texture::cells(u, v, 13, 17);
        (1.0 - d * d * 1.3).max(0.0)
    };
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                bead(u, v) * 0.000_030 + texture::fractal(u, v, 30, 2, 6) * 0.000_016
            })
            .png("Foam normals")?,
        ),
        orm: Some(
            Canvas::paint(128, |u, v| Vec3::new(1.0, 1.0 - 0.14 * bead(u, v), 1.0))
                .jpeg("Foam roughness", 80)?,
        ),
    })
}

/// Fine ribs that run along, for the lower foam.
pub(super) fn ribbed() -> Result<Maps> {
    let tile = 0.012;
    Ok(Maps {
        tile,
        colour: None,
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let wave = (v * TAU * 8.0).cos() * 0.5 + 0.5;
                wave.powf(0.6) * 0.000_16 + texture::fractal(u, v, 36, 2, 6) * 0.000_012
            })
            .png("Ribbed foam normals")?,
        ),
        orm: None,
    })
}

/// The braid of a lace: strands that cross slantwise, one over one.
pub(super) fn braid() -> Result<Maps> {
    let tile = 0.003;
    let look = |u: f32, v: f32| -> f32 {
        let n = 4.0;
        let (a, b) = ((u + v) * n, (u - v) * n);
        let over = (a.floor() as i32 + b.floor() as i32).rem_euclid(2) == 0;
        let (across, along) = if over {
            (a.fract(), b.rem_euclid(1.0))
        } else {
            (b.rem_euclid(1.0), a.fract())
        };
        let round = (1.0 - ((across - 0.5) * 2.0).powi(2)).max(0.0).sqrt();
        let crown = (along * PI).sin().max(0.0);
        round * (0.5 + 0.5 * crown)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(128, |u, v| Vec3::splat(0.70 + 0.30 * look(u, v).sqrt()))
                .jpeg("Braid shade", 84)?,
        ),
        normal: Some(Canvas::normals(128, tile, |u, v| look(u, v) * 0.000_11).png("Braid normals")?),
        orm: None,
    })
}

/// Spacer mesh, for collar, tongue and insole: round pores in staggered rows.
pub(super) fn spacer() -> Result<Maps> {
    let tile = 0.0072;
    let look = |u: f32, v: f32| -> (f32, f32) {
        let (cu, cv) = ((u * 4.0).fract() - 0.5, (v * 4.0).fract() - 0.5);
        let near = [(0.0, 0.0), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)]
            .iter()
            .map(|(a, b)| Vec2::new(cu - a, (cv - b) * 1.2).length())
            .fold(f32::MAX, f32::min);
        let yarn = ((u + v) * TAU * 16.0).sin() * ((u - v) * TAU * 16.0).sin();
        (ramp(0.10, 0.30, near), yarn)
    };
    Ok(Maps {
        tile,
        colour: Some(
            Canvas::paint(256, |u, v| {
                let (h, yarn) = look(u, v);
                Vec3::splat((0.42 + 0.5 * h + 0.08 * yarn).clamp(0.0, 1.0))
            })
            .jpeg("Spacer mesh shade", 82)?,
        ),
        normal: Some(
            Canvas::normals(256, tile, |u, v| {
                let (h, yarn) = look(u, v);
                h * 0.000_22 + yarn * 0.000_03
            })
            .png("Spacer mesh normals")?,
        ),
        orm: None,
    })
}
