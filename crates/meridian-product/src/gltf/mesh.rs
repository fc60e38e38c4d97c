//! Meshes: triangles and their vertex attributes.

use glam::{Vec2, Vec3, Vec4};
use gltf::mesh::Mode;
use serde_json::Value;

use super::accessor::{floats, wholes};
use super::{MAX_TRIANGLES, ModelError, Reader, remedy};
use crate::model::{Mapping, Mesh, Morph, Primitive};

impl Reader<'_> {
    pub(super) fn mesh(
        &self,
        mesh: &gltf::Mesh<'_>,
        variants: usize,
        triangles: &mut usize,
        remarks: &mut Vec<String>,
    ) -> Result<Mesh, ModelError> {
        let name = mesh
            .name()
            .map_or_else(|| format!("mesh {}", mesh.index()), str::to_owned);
        let mut primitives = Vec::new();
        for primitive in mesh.primitives() {
            let place = format!("mesh {} ({name}), primitive {}", mesh.index(), primitive.index());
            match self.primitive(mesh.index(), &primitive, &place, variants)? {
                Some(read) => {
                    *triangles += read.indices.len() / 3;
                    if *triangles > MAX_TRIANGLES {
                        return Err(self.wrong(
                            place,
                            format!("with it the model has more than {MAX_TRIANGLES} triangles"),
                        ));
                    }
                    primitives.push(read);
                }
                None => remarks.push(format!("{place}: points and lines aren't drawn")),
            }
        }
        Ok(Mesh { name, primitives })
    }

    fn primitive(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        variants: usize,
    ) -> Result<Option<Primitive>, ModelError> {
        let wrong = |problem: String| self.wrong(place, problem);
        if primitive.extension_value("KHR_draco_mesh_compression").is_some()
            && primitive
                .get(&gltf::Semantic::Positions)
                .is_none_or(|accessor| accessor.view().is_none())
        {
            return Err(ModelError::Extension {
                path: self.path.to_owned(),
                extension: "KHR_draco_mesh_compression".to_owned(),
                remedy: remedy("KHR_draco_mesh_compression", self.path),
            });
        }
        let mode = primitive.mode();
        if !matches!(mode, Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan) {
            return Ok(None);
        }
        let columns = |semantic: gltf::Semantic,
                       components: usize,
                       count: Option<usize>|
         -> Result<Vec<f32>, ModelError> {
            let Some(accessor) = primitive.get(&semantic) else {
                return Ok(Vec::new());
            };
            let label = semantic.to_string();
            if let Some(count) = count
                && accessor.count() != count
            {
                return Err(wrong(format!(
                    "{label} has {} elements for {count} vertices",
                    accessor.count()
                )));
            }
            floats(&accessor, &self.buffers, components)
                .map_err(|problem| wrong(format!("{label}: {problem}")))
        };
        let threes =
            |numbers: Vec<f32>| -> Vec<Vec3> { numbers.chunks_exact(3).map(Vec3::from_slice).collect() };
        let fours =
            |numbers: Vec<f32>| -> Vec<Vec4> { numbers.chunks_exact(4).map(Vec4::from_slice).collect() };
        let twos =
            |numbers: Vec<f32>| -> Vec<Vec2> { numbers.chunks_exact(2).map(Vec2::from_slice).collect() };
        let positions = threes(columns(gltf::Semantic::Positions, 3, None)?);
        if positions.is_empty() {
            return Err(wrong("has no POSITION".to_owned()));
        }
        let count = positions.len();
        let some = Some(count);
        let mut indices = match primitive.indices() {
            Some(accessor) => {
                wholes(&accessor, &self.buffers, 1).map_err(|problem| wrong(format!("indices: {problem}")))?
            }
            None => (0..count as u32).collect(),
        };
        if let Some(bad) = indices.iter().find(|index| **index as usize >= count) {
            return Err(wrong(format!("indices: vertex {bad} of {count}")));
        }
        indices = triangles(mode, indices);
        indices.truncate(indices.len() / 3 * 3);
        let colours = match primitive
            .get(&gltf::Semantic::Colors(0))
            .map(|accessor| accessor.dimensions().multiplicity())
        {
            Some(3) => threes(columns(gltf::Semantic::Colors(0), 3, some)?)
                .into_iter()
                .map(|rgb| rgb.extend(1.0))
                .collect(),
            Some(_) => fours(columns(gltf::Semantic::Colors(0), 4, some)?),
            None => Vec::new(),
        };
        let mut read = Primitive {
            normals: threes(columns(gltf::Semantic::Normals, 3, some)?),
            tangents: fours(columns(gltf::Semantic::Tangents, 4, some)?),
            uvs: [
                twos(columns(gltf::Semantic::TexCoords(0), 2, some)?),
                twos(columns(gltf::Semantic::TexCoords(1), 2, some)?),
            ],
            colours,
            occlusion: self.occlusion(mesh, primitive, place, count)?,
            material: primitive
                .material()
                .index()
                .unwrap_or(self.document.materials().len()),
            positions,
            indices,
            ..Primitive::default()
        };
        self.read_joints(primitive, place, count, &mut read)?;
        self.read_morphs(primitive, place, count, &mut read)?;
        self.read_mappings(mesh, primitive, place, variants, &mut read)?;
        if read.normals.is_empty() {
            flatten(&mut read);
        }
        for normal in &mut read.normals {
            *normal = normal.normalize_or(Vec3::Y);
        }
        Ok(Some(read))
    }

    /// The occlusion that Meridian's own models carry for each vertex, as `_OCCLUSION`.
    fn occlusion(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let at = self
            .raw
            .pointer(&format!(
                "/meshes/{mesh}/primitives/{}/attributes/_OCCLUSION",
                primitive.index()
            ))
            .and_then(Value::as_u64);
        let accessor = at.and_then(|at| self.document.accessors().nth(at as usize));
        match accessor {
            Some(accessor) if accessor.count() == count => floats(&accessor, &self.buffers, 1)
                .map(|list| list.into_iter().map(|value| value.clamp(0.0, 1.0)).collect())
                .map_err(|problem| self.wrong(place, format!("_OCCLUSION: {problem}"))),
            _ => Ok(Vec::new()),
        }
    }

    fn read_joints(
        &self,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        let (Some(joints), Some(weights)) = (
            primitive.get(&gltf::Semantic::Joints(0)),
            primitive.get(&gltf::Semantic::Weights(0)),
        ) else {
            return Ok(());
        };
        let wrong = |problem: String| self.wrong(place, problem);
        if joints.count() != count || weights.count() != count {
            return Err(wrong(format!(
                "JOINTS_0 and WEIGHTS_0 must have {count} elements, one for each vertex"
            )));
        }
        let joints =
            wholes(&joints, &self.buffers, 4).map_err(|problem| wrong(format!("JOINTS_0: {problem}")))?;
        let weights =
            floats(&weights, &self.buffers, 4).map_err(|problem| wrong(format!("WEIGHTS_0: {problem}")))?;
        read.joints = joints
            .chunks_exact(4)
            .map(|four| {
                let at = |index: usize| four.get(index).copied().unwrap_or(0).min(u32::from(u16::MAX)) as u16;
                [at(0), at(1), at(2), at(3)]
            })
            .collect();
        read.joint_weights = weights
            .chunks_exact(4)
            .map(|four| {
                let weights = Vec4::from_slice(four).max(Vec4::ZERO);
                let sum = weights.element_sum();
                if sum > 1e-6 { weights / sum } else { Vec4::X }
            })
            .collect();
        Ok(())
    }

    fn read_morphs(
        &self,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        count: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        for (at, target) in primitive.morph_targets().enumerate() {
            let column = |accessor: Option<gltf::Accessor<'_>>| -> Result<Vec<Vec3>, ModelError> {
                let Some(accessor) = accessor else {
                    return Ok(Vec::new());
                };
                if accessor.count() != count {
                    return Err(self.wrong(
                        place,
                        format!(
                            "morph target {at} has {} elements for {count} vertices",
                            accessor.count()
                        ),
                    ));
                }
                floats(&accessor, &self.buffers, 3)
                    .map(|numbers| numbers.chunks_exact(3).map(Vec3::from_slice).collect())
                    .map_err(|problem| self.wrong(place, format!("morph target {at}: {problem}")))
            };
            read.morphs.push(Morph {
                positions: column(target.positions())?,
                normals: column(target.normals())?,
                tangents: column(target.tangents())?,
            });
        }
        Ok(())
    }

    fn read_mappings(
        &self,
        mesh: usize,
        primitive: &gltf::Primitive<'_>,
        place: &str,
        variants: usize,
        read: &mut Primitive,
    ) -> Result<(), ModelError> {
        let list = self
            .raw
            .pointer(&format!(
                "/meshes/{mesh}/primitives/{}/extensions/KHR_materials_variants/mappings",
                primitive.index()
            ))
            .and_then(Value::as_array);
        let materials = self.document.materials().len();
        for mapping in list.into_iter().flatten() {
            let material = mapping
                .get("material")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX) as usize;
            if material >= materials {
                return Err(self.wrong(
                    place,
                    format!("a variant names material {material} of {materials}"),
                ));
            }
            for variant in mapping
                .get("variants")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let variant = variant.as_u64().unwrap_or(u64::MAX) as usize;
                if variant >= variants {
                    return Err(self.wrong(place, format!("names variant {variant} of {variants}")));
                }
                read.variants.push(Mapping { variant, material });
            }
        }
        Ok(())
    }
}

/// How many morph targets a mesh has.
pub(super) fn targets(mesh: &Mesh) -> usize {
    mesh.primitives
        .iter()
        .map(|primitive| primitive.morphs.len())
        .max()
        .unwrap_or(0)
}

/// A strip's or a fan's corners as those of single triangles.
fn triangles(mode: Mode, indices: Vec<u32>) -> Vec<u32> {
    match mode {
        Mode::TriangleStrip => indices
            .windows(3)
            .enumerate()
            .flat_map(|(at, corner)| match corner {
                [a, b, c] if at % 2 == 0 => [*a, *b, *c],
                [a, b, c] => [*b, *a, *c],
                _ => [0; 3],
            })
            .collect(),
        Mode::TriangleFan => {
            let hub = indices.first().copied().unwrap_or(0);
            indices
                .get(1..)
                .unwrap_or_default()
                .windows(2)
                .flat_map(|pair| match pair {
                    [b, c] => [hub, *b, *c],
                    _ => [0; 3],
                })
                .collect()
        }
        _ => indices,
    }
}

/// Gives each triangle its own vertices and normal, as glTF asks where a file has no normals.
fn flatten(primitive: &mut Primitive) {
    fn pick<T: Copy>(list: &[T], indices: &[u32]) -> Vec<T> {
        indices
            .iter()
            .filter_map(|index| list.get(*index as usize).copied())
            .collect()
    }
    let indices = std::mem::take(&mut primitive.indices);
    primitive.positions = pick(&primitive.positions, &indices);
    primitive.tangents.clear();
    primitive.colours = pick(&primitive.colours, &indices);
    primitive.occlusion = pick(&primitive.occlusion, &indices);
    primitive.joints = pick(&primitive.joints, &indices);
    primitive.joint_weights = pick(&primitive.joint_weights, &indices);
    for uvs in &mut primitive.uvs {
        *uvs = pick(uvs, &indices);
    }
    for morph in &mut primitive.morphs {
        morph.positions = pick(&morph.positions, &indices);
        morph.normals.clear();
        morph.tangents.clear();
    }
    primitive.normals = primitive
        .positions
        .chunks_exact(3)
        .flat_map(|corner| match corner {
            [a, b, c] => [(*b - *a).cross(*c - *a).normalize_or(Vec3::Y); 3],
            _ => [Vec3::Y; 3],
        })
        .collect();
    primitive.indices = (0..primitive.positions.len() as u32).collect();
}
