//! The shape that everything is built on: the outline of the sole, its spring and its rim.

use glam::Vec3;

use crate::kit::at;
use crate::kit::curve::{ramp, resampled, spline};
use crate::kit::loft::table;

/// Points round the sole from the heel over the inner side to the toe and back over the outer side: (x, z) in millimetres.
const SOLE: [(f32, f32); 26] = [
    (0.0, -145.0),
    (-15.0, -142.5),
    (-27.5, -134.0),
    (-36.0, -118.0),
    (-39.5, -96.0),
    (-38.5, -68.0),
    (-35.5, -40.0),
    (-34.0, -14.0),
    (-36.5, 14.0),
    (-43.0, 42.0),
    (-47.5, 66.0),
    (-47.0, 88.0),
    (-41.0, 110.0),
    (-31.0, 128.0),
    (-19.0, 140.0),
    (-5.0, 145.0),
    (10.0, 142.5),
    (24.5, 133.5),
    (37.0, 117.0),
    (46.0, 94.0),
    (50.5, 66.0),
    (49.5, 38.0),
    (45.5, 8.0),
    (42.5, -36.0),
    (41.5, -92.0),
    (28.0, -133.5),
];

/// How many places the sole's edge is known at.
pub(super) const AROUND: usize = 1440;

/// The sole's edge, seen from above, and what hangs on it.
pub(super) struct Sole {
    pub(super) edge: Vec<Vec3>,
    pub(super) outward: Vec<Vec3>,
    pub(super) length: f32,
}

impl Sole {
    pub(super) fn new() -> Self {
        let corners: Vec<Vec3> = SOLE.iter().map(|&(x, z)| Vec3::new(x, 0.0, z) * 0.001).collect();
        let mut edge = resampled(&spline(&corners, 40, true), AROUND, true);
        // Rounded once more, so that the curve of the curve is smooth too.
        for _ in 0..60 {
            edge = (0..AROUND)
                .map(|i| {
                    let (a, b) = (at(&edge, (i + AROUND - 1) % AROUND), at(&edge, (i + 1) % AROUND));
                    at(&edge, i) * 0.5 + (a + b) * 0.25
                })
                .collect();
        }
        let outward = (0..AROUND)
            .map(|i| {
                let d = at(&edge, (i + 1) % AROUND) - at(&edge, (i + AROUND - 1) % AROUND);
                // Counter-clockwise from above: outwards is to the right of the way.
                Vec3::new(-d.z, 0.0, d.x).normalize_or(Vec3::X)
            })
            .collect();
        let length = (0..AROUND)
            .map(|i| at(&edge, i).distance(at(&edge, (i + 1) % AROUND)))
            .sum();
        Self {
            edge,
            outward,
            length,
        }
    }

    pub(super) fn read(&self, of: &[Vec3], u: f32) -> Vec3 {
        let x = u.rem_euclid(1.0) * AROUND as f32;
        let i = x.floor() as usize;
        at(of, i % AROUND).lerp(at(of, (i + 1) % AROUND), x.fract())
    }

    /// The edge at u, from 0 to 1 round.
    pub(super) fn point(&self, u: f32) -> Vec3 {
        self.read(&self.edge, u)
    }

    /// The level way out there.
    pub(super) fn out(&self, u: f32) -> Vec3 {
        self.read(&self.outward, u).normalize_or(Vec3::X)
    }

    /// Where on the inner (-1) or outer (1) side the edge passes z.
    pub(super) fn find(&self, z: f32, side: f32) -> f32 {
        let toe = (0..AROUND)
            .max_by(|a, b| at(&self.edge, *a).z.total_cmp(&at(&self.edge, *b).z))
            .unwrap_or(AROUND / 2);
        let heel = 0;
        let range = if side < 0.0 { heel..toe } else { toe..AROUND };
        range
            .min_by(|a, b| {
                (at(&self.edge, *a).z - z)
                    .abs()
                    .total_cmp(&(at(&self.edge, *b).z - z).abs())
            })
            .unwrap_or(0) as f32
            / AROUND as f32
    }

    /// Where the edge shrinks to when it goes inwards.
    pub(super) fn spine(&self, p: Vec3) -> Vec3 {
        let z = p.z.clamp(-0.108, 0.098);
        Vec3::new(table(&[(-0.11, 0.0), (0.0, 0.0035), (0.1, 0.0)], z), p.y, z)
    }
}

/// How far the sole lifts off the floor at z.
pub(super) fn spring(z: f32) -> f32 {
    table(
        &[
            (-0.146, 0.0085),
            (-0.125, 0.0035),
            (-0.1, 0.0004),
            (-0.085, 0.0),
            (0.035, 0.0),
            (0.06, 0.001),
            (0.09, 0.006),
            (0.12, 0.0135),
            (0.147, 0.0225),
        ],
        z,
    )
}

/// -1 on the inner, 1 on the outer side, soft between.
pub(super) fn side(p: Vec3) -> f32 {
    ramp(-0.02, 0.02, p.x) * 2.0 - 1.0
}

/// The foam's upper rim.
pub(super) fn rim(p: Vec3) -> f32 {
    let s = side(p) * 0.5 + 0.5;
    let outer = table(
        &[
            (-0.146, 0.0580),
            (-0.125, 0.0570),
            (-0.1, 0.0500),
            (-0.06, 0.0435),
            (-0.02, 0.0440),
            (0.02, 0.0425),
            (0.06, 0.0385),
            (0.1, 0.0385),
            (0.146, 0.0440),
        ],
        p.z,
    );
    let inner = table(
        &[
            (-0.146, 0.0580),
            (-0.125, 0.0575),
            (-0.1, 0.0515),
            (-0.06, 0.0460),
            (-0.02, 0.0500),
            (0.02, 0.0480),
            (0.06, 0.0395),
            (0.1, 0.0385),
            (0.146, 0.0440),
        ],
        p.z,
    );
    inner + (outer - inner) * s
}
