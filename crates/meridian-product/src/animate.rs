//! What an animation and the exploded view make of a model's nodes at a time. Pure: no clock.

use glam::{Quat, Vec3};

use super::model::{Animation, Channel, Easing, Model, Track, Trs};

/// Between which keys a time lies, and how far along, 0 to 1; the seconds between them.
fn span(at_secs: &[f32], secs: f32) -> (usize, usize, f32, f32) {
    let after = at_secs.partition_point(|key| *key <= secs);
    let last = at_secs.len().saturating_sub(1);
    let (from, to) = (after.saturating_sub(1), after.min(last));
    match (at_secs.get(from), at_secs.get(to)) {
        (Some(a), Some(b)) if b > a && secs > *a => (from, to, ((secs - a) / (b - a)).clamp(0.0, 1.0), b - a),
        _ => (from, from, 0.0, 0.0),
    }
}

fn hermite(share: f32) -> [f32; 4] {
    let (s, s2, s3) = (share, share * share, share * share * share);
    [
        2.0 * s3 - 3.0 * s2 + 1.0,
        s3 - 2.0 * s2 + s,
        -2.0 * s3 + 3.0 * s2,
        s3 - s2,
    ]
}

fn sample<T: Copy>(
    channel: &Channel,
    values: &[T],
    secs: f32,
    linear: impl Fn(T, T, f32) -> T,
    weigh: impl Fn([(T, f32); 4]) -> T,
) -> Option<T> {
    let (from, to, share, span_secs) = span(&channel.at_secs, secs);
    match channel.easing {
        Easing::Step => values.get(from).copied(),
        Easing::Linear => Some(linear(*values.get(from)?, *values.get(to)?, share)),
        Easing::Cubic => {
            let [a, b, c, d] = hermite(share);
            Some(weigh([
                (*values.get(from * 3 + 1)?, a),
                (*values.get(from * 3 + 2)?, b * span_secs),
                (*values.get(to * 3 + 1)?, c),
                (*values.get(to * 3)?, d * span_secs),
            ]))
        }
    }
}

fn vector(channel: &Channel, values: &[Vec3], secs: f32) -> Option<Vec3> {
    sample(channel, values, secs, Vec3::lerp, |terms| {
        terms.iter().map(|(value, weight)| *value * *weight).sum()
    })
}

/// Moves nodes (and their morph weights) to where an animation has them at a time, in seconds.
pub fn pose(animation: &Animation, secs: f32, local: &mut [Trs], weights: &mut [Vec<f32>]) {
    for channel in &animation.channels {
        let Some(node) = local.get_mut(channel.node) else {
            continue;
        };
        match &channel.track {
            Track::Translation(values) => {
                if let Some(value) = vector(channel, values, secs) {
                    node.translation = value;
                }
            }
            Track::Scale(values) => {
                if let Some(value) = vector(channel, values, secs) {
                    node.scale = value;
                }
            }
            Track::Rotation(values) => {
                let weigh = |terms: [(Quat, f32); 4]| {
                    terms
                        .into_iter()
                        .fold(Quat::from_xyzw(0.0, 0.0, 0.0, 0.0), |sum, (value, weight)| {
                            sum + value * weight
                        })
                };
                if let Some(value) = sample(channel, values, secs, |a, b, s| a.slerp(b, s), weigh) {
                    node.rotation = if value.length_squared() > 1e-12 {
                        value.normalize()
                    } else {
                        Quat::IDENTITY
                    };
                }
            }
            Track::Weights { targets, values } => {
                let Some(now) = weights.get_mut(channel.node) else {
                    continue;
                };
                for (at, weight) in now.iter_mut().enumerate().take(*targets) {
                    let column: Vec<f32> = values
                        .iter()
                        .skip(at)
                        .step_by((*targets).max(1))
                        .copied()
                        .collect();
                    let weigh =
                        |terms: [(f32, f32); 4]| terms.iter().map(|(value, weight)| value * weight).sum();
                    if let Some(value) = sample(channel, &column, secs, |a, b, s| a + (b - a) * s, weigh) {
                        *weight = value;
                    }
                }
            }
        }
    }
}

/// Moves nodes apart: by their own `explode` times `share`, 0 to 1.
pub fn explode(model: &Model, share: f32, local: &mut [Trs]) {
    for (node, trs) in model.nodes.iter().zip(local) {
        trs.translation += node.explode * share;
    }
}

/// Whether a model has an exploded view.
pub fn explodes(model: &Model) -> bool {
    model.nodes.iter().any(|node| node.explode != Vec3::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(easing: Easing, track: Track) -> Animation {
        Animation {
            name: "a".to_owned(),
            duration_secs: 2.0,
            channels: vec![Channel {
                node: 0,
                easing,
                at_secs: vec![0.0, 2.0],
                track,
            }],
        }
    }

    fn at(animation: &Animation, secs: f32) -> Trs {
        let mut local = [Trs::IDENTITY];
        pose(animation, secs, &mut local, &mut [Vec::new()]);
        local[0]
    }

    #[test]
    fn keys_are_met_and_the_ends_hold() {
        let line = channel(
            Easing::Linear,
            Track::Translation(vec![Vec3::ZERO, Vec3::X * 4.0]),
        );
        for (secs, x) in [(-1.0, 0.0), (0.0, 0.0), (0.5, 1.0), (2.0, 4.0), (9.0, 4.0)] {
            assert!((at(&line, secs).translation.x - x).abs() < 1e-6, "{secs}");
        }
        let step = channel(Easing::Step, Track::Translation(vec![Vec3::ZERO, Vec3::X * 4.0]));
        assert_eq!(at(&step, 1.9).translation.x, 0.0);
        assert_eq!(at(&step, 2.0).translation.x, 4.0);
    }

    #[test]
    fn cubic_passes_through_its_values_with_its_tangents() {
        let values = [
            Vec3::ZERO,
            Vec3::ZERO,
            Vec3::X,
            Vec3::X,
            Vec3::X * 2.0,
            Vec3::ZERO,
        ];
        let curve = channel(Easing::Cubic, Track::Translation(values.to_vec()));
        assert!((at(&curve, 2.0).translation.x - 2.0).abs() < 1e-6);
        // Tangents of one metre a second and a way of two metres in two seconds: a straight line.
        assert!((at(&curve, 1.0).translation.x - 1.0).abs() < 1e-6);
    }

    #[test]
    fn rotations_take_the_short_way_and_stay_unit() {
        let turn = channel(
            Easing::Linear,
            Track::Rotation(vec![Quat::IDENTITY, -Quat::from_rotation_y(1.0)]),
        );
        let half = at(&turn, 1.0).rotation;
        assert!(half.is_normalized() && half.angle_between(Quat::from_rotation_y(0.5)) < 1e-3);
    }
}
