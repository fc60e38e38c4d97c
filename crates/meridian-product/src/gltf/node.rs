//! The tree of nodes, and the skins that move meshes by its joints.

use std::collections::BTreeSet;

use glam::{Mat4, Quat, Vec3};
use serde_json::Value;

use super::accessor::floats;
use super::mesh::targets;
use super::{MAX_NODES, ModelError, Reader, member, vector};
use crate::model::{Mesh, Node, Skin, Trs};

impl Reader<'_> {
    /// The scene's nodes, parents first, and for each of the file's nodes its place among them.
    pub(super) fn nodes(&self, meshes: &[Mesh]) -> Result<(Vec<Node>, Vec<Option<usize>>), ModelError> {
        let count = self.document.nodes().len();
        if count > MAX_NODES {
            return Err(self.wrong("nodes", format!("{count} of them; at most {MAX_NODES} are taken")));
        }
        let all: Vec<gltf::Node<'_>> = self.document.nodes().collect();
        let roots: Vec<usize> = match self
            .document
            .default_scene()
            .or_else(|| self.document.scenes().next())
        {
            Some(scene) => scene.nodes().map(|node| node.index()).collect(),
            None => {
                let children: BTreeSet<usize> = all
                    .iter()
                    .flat_map(|node| node.children().map(|child| child.index()))
                    .collect();
                (0..count).filter(|at| !children.contains(at)).collect()
            }
        };
        let mut nodes = Vec::new();
        let mut place_of: Vec<Option<usize>> = vec![None; count];
        let mut stack: Vec<(usize, Option<usize>)> =
            roots.into_iter().rev().map(|root| (root, None)).collect();
        while let Some((at, parent)) = stack.pop() {
            let Some(node) = all.get(at) else { continue };
            let name = node.name().map_or_else(|| format!("node {at}"), str::to_owned);
            let place = format!("node {at} ({name})");
            if place_of.get(at).copied().flatten().is_some() {
                return Err(self.wrong(place, "is reached twice: a scene is a tree, each node has one parent and none is its own ancestor"));
            }
            if let Some(slot) = place_of.get_mut(at) {
                *slot = Some(nodes.len());
            }
            let (translation, rotation, scale) = node.transform().decomposed();
            let rest = Trs {
                translation: Vec3::from_array(translation),
                rotation: Quat::from_array(rotation).normalize(),
                scale: Vec3::from_array(scale),
            };
            if !(rest.translation.is_finite() && rest.rotation.is_finite() && rest.scale.is_finite()) {
                return Err(self.wrong(
                    place,
                    "stands nowhere: its translation, rotation or scale isn't finite",
                ));
            }
            let raw = self
                .raw
                .get("nodes")
                .and_then(|list| list.get(at))
                .unwrap_or(&Value::Null);
            let hidden =
                member(raw, &["extensions", "KHR_node_visibility", "visible"]) == Some(&Value::Bool(false));
            let mesh = node.mesh().map(|mesh| mesh.index()).filter(|_| !hidden);
            let weights = node
                .weights()
                .or_else(|| node.mesh().and_then(|mesh| mesh.weights()))
                .map_or_else(Vec::new, <[f32]>::to_vec);
            let targets = mesh.and_then(|mesh| meshes.get(mesh)).map_or(0, targets);
            let mut weights = weights;
            weights.resize(targets, 0.0);
            let here = nodes.len();
            nodes.push(Node {
                name,
                parent,
                rest,
                mesh,
                skin: node.skin().map(|skin| skin.index()),
                weights,
                inner: member(raw, &["extras", "inner"]) == Some(&Value::Bool(true)),
                explode: vector(raw, &["extras", "explode"]).unwrap_or(Vec3::ZERO),
            });
            let children: Vec<usize> = node.children().map(|child| child.index()).collect();
            stack.extend(children.into_iter().rev().map(|child| (child, Some(here))));
        }
        Ok((nodes, place_of))
    }

    pub(super) fn skins(&self, place_of: &[Option<usize>]) -> Result<Vec<Skin>, ModelError> {
        let mut skins = Vec::new();
        for skin in self.document.skins() {
            let place = format!("skin {}", skin.index());
            let mut joints = Vec::new();
            for joint in skin.joints() {
                let at = place_of.get(joint.index()).copied().flatten().ok_or_else(|| {
                    self.wrong(&place, format!("joint {} isn't in the scene", joint.index()))
                })?;
                joints.push(at);
            }
            let inverse_bind = match skin.inverse_bind_matrices() {
                Some(accessor) => floats(&accessor, &self.buffers, 16)
                    .map_err(|problem| self.wrong(&place, problem))?
                    .chunks_exact(16)
                    .map(Mat4::from_cols_slice)
                    .collect(),
                None => vec![Mat4::IDENTITY; joints.len()],
            };
            if inverse_bind.len() < joints.len() {
                return Err(self.wrong(
                    &place,
                    format!(
                        "has {} bind matrices for {} joints",
                        inverse_bind.len(),
                        joints.len()
                    ),
                ));
            }
            let mut inverse_bind = inverse_bind;
            inverse_bind.truncate(joints.len());
            skins.push(Skin { joints, inverse_bind });
        }
        Ok(skins)
    }

    /// Vertices follow only joints that their node's skin has.
    pub(super) fn check_skins(
        &self,
        nodes: &[Node],
        meshes: &[Mesh],
        skins: &[Skin],
    ) -> Result<(), ModelError> {
        for node in nodes {
            let (Some(mesh), Some(skin)) = (
                node.mesh.and_then(|at| meshes.get(at)),
                node.skin.and_then(|at| skins.get(at)),
            ) else {
                continue;
            };
            for primitive in &mesh.primitives {
                let worst = primitive.joints.iter().flatten().max().copied().unwrap_or(0);
                if usize::from(worst) >= skin.joints.len() && !primitive.joints.is_empty() {
                    return Err(self.wrong(
                        format!("node {} with mesh {}", node.name, mesh.name),
                        format!(
                            "a vertex follows joint {worst} of a skin of {}",
                            skin.joints.len()
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}
