//! The welded ribs on the sides of the upper.

use glam::{Vec2, Vec3};

/// The upper's ribs: keyed by where they stand on the sole, from the foot (x, y, z out of the sole's edge) to the top.
pub(super) struct Rib {
    /// Where it stands: z in metres, and which side.
    pub(super) z: f32,
    pub(super) side: f32,
    /// The top edge.
    pub(super) top: Vec3,
    /// How it leaves the sole: upwards, outwards.
    pub(super) rise: Vec2,
    /// From the top edge to the last handle.
    pub(super) fall: Vec3,
    /// 1 where the edge is padded, 0 where it is a cut edge.
    pub(super) pad: f32,
}

fn rib(z: f32, side: f32, top: [f32; 3], rise: [f32; 2], fall: [f32; 3], pad: f32) -> Rib {
    Rib {
        z: z * 0.001,
        side,
        top: Vec3::from_array(top) * 0.001,
        rise: Vec2::from_array(rise) * 0.001,
        fall: Vec3::from_array(fall) * 0.001,
        pad,
    }
}

#[expect(clippy::too_many_lines, reason = "a table of ribs")]
pub(super) fn ribs() -> Vec<Rib> {
    // One side, from heel to toe; x is how far out.
    let half = |s: f32| -> Vec<Rib> {
        let m = |x: f32| x * s;
        // The outer ankle sits lower.
        let low = if s > 0.0 { -2.0 } else { 0.0 };
        vec![
            rib(
                -126.0,
                s,
                [m(19.0), 119.0, -122.0],
                [27.0, 5.0],
                [m(-1.0), -24.0, 3.0],
                1.0,
            ),
            rib(
                -104.0,
                s,
                [m(32.5), 107.0 + low, -103.0],
                [26.0, 3.0],
                [m(1.0), -22.0, 1.0],
                1.0,
            ),
            rib(
                -80.0,
                s,
                [m(37.0), 95.0 + low, -81.0],
                [22.0, 2.0],
                [m(2.5), -19.0, 0.0],
                1.0,
            ),
            rib(
                -58.0,
                s,
                [m(38.0), 90.5 + low, -60.0],
                [20.0, 2.0],
                [m(4.0), -18.0, 0.0],
                1.0,
            ),
            rib(
                -38.0,
                s,
                [m(36.5), 95.0 + low * 0.5, -40.0],
                [20.0, 2.0],
                [m(6.5), -19.0, 0.0],
                1.0,
            ),
            rib(
                -20.0,
                s,
                [m(33.0), 105.5, -23.5],
                [22.0, 2.0],
                [m(10.0), -20.0, 1.0],
                0.9,
            ),
            rib(
                -6.0,
                s,
                [m(28.5), 114.0, -10.5],
                [23.0, 2.0],
                [m(13.5), -18.0, 1.0],
                0.55,
            ),
            rib(
                6.0,
                s,
                [m(24.0), 116.5, 1.5],
                [23.0, 2.0],
                [m(16.0), -14.0, 1.0],
                0.15,
            ),
            rib(
                20.0,
                s,
                [m(20.5), 112.0, 15.0],
                [22.0, 2.5],
                [m(17.5), -10.0, 1.5],
                0.0,
            ),
            rib(
                40.0,
                s,
                [m(18.0), 102.5, 35.0],
                [20.0, 3.0],
                [m(19.0), -7.0, 2.5],
                0.0,
            ),
            rib(
                60.0,
                s,
                [m(15.5), 93.0, 53.0],
                [18.0, 3.5],
                [m(20.0), -6.0, 5.0],
                0.0,
            ),
            rib(
                84.0,
                s,
                [m(12.5), 86.0, 66.5],
                [17.0, 4.0],
                [m(18.0), -4.5, 12.0],
                0.0,
            ),
            rib(
                112.0,
                s,
                [m(8.0), 82.0, 74.5],
                [18.0, 4.0],
                [m(12.0), -4.0, 24.0],
                0.0,
            ),
        ]
    };
    let mut out = vec![rib(
        -145.0,
        0.0,
        [0.0, 123.0, -126.0],
        [30.0, 6.0],
        [0.0, -26.0, 6.0],
        1.0,
    )];
    out.extend(half(-1.0));
    out.push(rib(
        145.0,
        0.0,
        [-1.5, 80.5, 77.0],
        [20.0, 3.5],
        [-3.0, -2.5, 34.0],
        0.0,
    ));
    out.extend(half(1.0).into_iter().rev());
    out
}
