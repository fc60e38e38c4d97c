//! Animations: nodes moved and morphs blended over time.

use glam::{Quat, Vec3};
use gltf::animation::{Interpolation, Property};

use super::accessor::floats;
use super::mesh::targets;
use super::{ModelError, Reader};
use crate::model::{Animation, Channel, Easing, Mesh, Node, Track};

impl Reader<'_> {
    /// The file's animations, without channels that move nothing shown.
    pub(super) fn animations(
        &self,
        place_of: &[Option<usize>],
        meshes: &[Mesh],
        nodes: &[Node],
    ) -> Result<Vec<Animation>, ModelError> {
        let mut animations = Vec::new();
        for animation in self.document.animations() {
            let name = animation
                .name()
                .map_or_else(|| format!("animation {}", animation.index()), str::to_owned);
            let mut channels = Vec::new();
            for (at, channel) in animation.channels().enumerate() {
                let place = format!("animation {} ({name}), channel {at}", animation.index());
                channels.extend(self.channel(&channel, &place, place_of, meshes, nodes)?);
            }
            let duration_secs = channels
                .iter()
                .filter_map(|channel| channel.at_secs.last().copied())
                .fold(0.0, f32::max);
            if !channels.is_empty() {
                animations.push(Animation {
                    name,
                    duration_secs,
                    channels,
                });
            }
        }
        Ok(animations)
    }

    /// One channel; `None` where it moves a node that the scene doesn't show.
    fn channel(
        &self,
        channel: &gltf::animation::Channel<'_>,
        place: &str,
        place_of: &[Option<usize>],
        meshes: &[Mesh],
        nodes: &[Node],
    ) -> Result<Option<Channel>, ModelError> {
        let wrong = |problem: String| self.wrong(place, problem);
        let Some(node) = place_of.get(channel.target().node().index()).copied().flatten() else {
            return Ok(None);
        };
        let sampler = channel.sampler();
        let at_secs = floats(&sampler.input(), &self.buffers, 1)
            .map_err(|problem| wrong(format!("times: {problem}")))?;
        if at_secs.is_empty() || at_secs.windows(2).any(|pair| matches!(pair, [a, b] if b < a)) {
            return Err(wrong("its times must rise".to_owned()));
        }
        let easing = match sampler.interpolation() {
            Interpolation::Step => Easing::Step,
            Interpolation::Linear => Easing::Linear,
            Interpolation::CubicSpline => Easing::Cubic,
        };
        let keys = at_secs.len() * if easing == Easing::Cubic { 3 } else { 1 };
        let output = sampler.output();
        let list = |components: usize| {
            floats(&output, &self.buffers, components).map_err(|problem| wrong(format!("values: {problem}")))
        };
        let threes =
            |numbers: Vec<f32>| -> Vec<Vec3> { numbers.chunks_exact(3).map(Vec3::from_slice).collect() };
        let (track, has) = match channel.target().property() {
            Property::Translation => {
                let values = threes(list(3)?);
                let has = values.len();
                (Track::Translation(values), has)
            }
            Property::Scale => {
                let values = threes(list(3)?);
                let has = values.len();
                (Track::Scale(values), has)
            }
            Property::Rotation => {
                let values: Vec<Quat> = list(4)?.chunks_exact(4).map(Quat::from_slice).collect();
                let has = values.len();
                (Track::Rotation(values), has)
            }
            Property::MorphTargetWeights => {
                let targets = nodes
                    .get(node)
                    .and_then(|node| node.mesh)
                    .and_then(|mesh| meshes.get(mesh))
                    .map_or(0, targets);
                let values = list(1)?;
                let has = values.len() / targets.max(1);
                (Track::Weights { targets, values }, has)
            }
        };
        if has < keys {
            return Err(wrong(format!("has {has} values for {keys} keys")));
        }
        Ok(Some(Channel {
            node,
            easing,
            at_secs,
            track,
        }))
    }
}
