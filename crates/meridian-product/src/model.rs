//! A glTF model as the showroom takes it: everything checked, nothing left to look up.
//!
//! Lengths are metres, +Y is up, the front faces +Z. Colours are linear RGB.

use glam::{Mat4, Quat, Vec2, Vec3, Vec4};

/// Place, turn and size of a node in its parent's space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trs {
    /// Metres.
    pub translation: Vec3,
    /// A unit quaternion.
    pub rotation: Quat,
    /// A factor for each axis.
    pub scale: Vec3,
}

impl Trs {
    /// Where it is, as it is, as large as it is.
    pub const IDENTITY: Self = Self {
        translation: Vec3::ZERO,
        rotation: Quat::IDENTITY,
        scale: Vec3::ONE,
    };

    /// The same as a matrix.
    pub fn matrix(&self) -> Mat4 {
        Mat4::from_scale_rotation_translation(self.scale, self.rotation, self.translation)
    }
}

/// A node of the scene. A parent always stands before its children.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name, or `node 7` where the file has none.
    pub name: String,
    /// Its parent's place in [`Model::nodes`].
    pub parent: Option<usize>,
    /// Where it is at rest.
    pub rest: Trs,
    /// Its mesh's place in [`Model::meshes`].
    pub mesh: Option<usize>,
    /// Its skin's place in [`Model::skins`].
    pub skin: Option<usize>,
    /// Weights of the mesh's morph targets at rest.
    pub weights: Vec<f32>,
    /// Hidden while the product is whole (`extras.inner`): what nobody could see isn't drawn.
    pub inner: bool,
    /// How far it moves in the exploded view, in its parent's space (`extras.explode`, metres).
    pub explode: Vec3,
}

/// What a primitive looks like under a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The variant's place in [`Model::variants`].
    pub variant: usize,
    /// The material's place in [`Model::materials`].
    pub material: usize,
}

/// The displacement of a morph target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Morph {
    /// For each vertex, metres.
    pub positions: Vec<Vec3>,
    /// For each vertex, or empty.
    pub normals: Vec<Vec3>,
    /// For each vertex, or empty.
    pub tangents: Vec<Vec3>,
}

/// Triangles with one material. The columns are as long as `positions`, or empty where the file has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Primitive {
    /// Metres, in the node's space.
    pub positions: Vec<Vec3>,
    /// Unit vectors; never empty.
    pub normals: Vec<Vec3>,
    /// Unit vectors, and the handedness.
    pub tangents: Vec<Vec4>,
    /// First and second texture coordinates.
    pub uvs: [Vec<Vec2>; 2],
    /// Linear colours that the base colour is multiplied with.
    pub colours: Vec<Vec4>,
    /// How open each vertex is to light from around, 0 to 1 (`_OCCLUSION`).
    pub occlusion: Vec<f32>,
    /// Joints of the skin that each vertex follows, and how much.
    pub joints: Vec<[u16; 4]>,
    /// See `joints`; each sums to 1.
    pub joint_weights: Vec<Vec4>,
    /// Three for each triangle; each below `positions.len()`.
    pub indices: Vec<u32>,
    /// Its material's place in [`Model::materials`].
    pub material: usize,
    /// Other materials under variants.
    pub variants: Vec<Mapping>,
    /// Morph targets.
    pub morphs: Vec<Morph>,
}

/// A mesh.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mesh {
    /// Its name, or `mesh 3`.
    pub name: String,
    /// Its parts.
    pub primitives: Vec<Primitive>,
}

/// A picture, decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its name or address, for people.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Four bytes a pixel, rows from the top.
    pub rgba: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} {}×{})", self.name, self.width, self.height)
    }
}

/// What a texture does beyond its edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wrap {
    /// Begins anew.
    #[default]
    Repeat,
    /// Begins anew, mirrored.
    Mirror,
    /// Stays as at the edge.
    Clamp,
}

/// A picture on a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Texture {
    /// The picture's place in [`Model::pictures`].
    pub picture: usize,
    /// Which of the primitive's coordinates, 0 or 1.
    pub uv: usize,
    /// Texture coordinates are turned, scaled and moved: the first two rows of the matrix, as columns x, y, moved.
    pub transform: [Vec2; 3],
    /// Beyond the edges, along u and v.
    pub wrap: [Wrap; 2],
    /// Blocks instead of a blend between pixels.
    pub nearest: bool,
}

/// How a surface covers what is behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alpha {
    /// Wholly.
    Opaque,
    /// Wholly, where its alpha is at least this.
    Mask(f32),
    /// By its alpha.
    Blend,
}

/// A surface, in glTF's metallic-roughness model.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    /// Its name, or `material 2`.
    pub name: String,
    /// Linear colour and alpha.
    pub base: Vec4,
    /// sRGB picture that it is multiplied with.
    pub base_texture: Option<Texture>,
    /// 0 to 1.
    pub metallic: f32,
    /// 0 to 1, perceptual.
    pub roughness: f32,
    /// Roughness in green, metal in blue.
    pub metallic_roughness_texture: Option<Texture>,
    /// Tangent-space normals.
    pub normal_texture: Option<Texture>,
    /// How strong they are.
    pub normal_scale: f32,
    /// Openness in red.
    pub occlusion_texture: Option<Texture>,
    /// How strong it is.
    pub occlusion_strength: f32,
    /// Linear light that it gives by itself, factor and strength together.
    pub emissive: Vec3,
    /// sRGB picture that it is multiplied with.
    pub emissive_texture: Option<Texture>,
    /// How it covers.
    pub alpha: Alpha,
    /// Both sides are seen.
    pub double_sided: bool,
    /// Its colour is all there is: no light falls on it.
    pub unlit: bool,
    /// Index of refraction.
    pub ior: f32,
    /// Strength of the dielectric reflection, 0 to 1, and its colour.
    pub specular: (f32, Vec3),
    /// A lacquer's strength, 0 to 1, and roughness.
    pub clearcoat: (f32, f32),
    /// Colour of a fabric's sheen, and roughness.
    pub sheen: (Vec3, f32),
    /// Share of light that goes through, 0 to 1.
    pub transmission: f32,
    /// Thickness of what it goes through, in metres.
    pub thickness: f32,
    /// Colour of light that went [`Self::attenuation_distance`] through it.
    pub attenuation: Vec3,
    /// Metres; infinite where light isn't tinted.
    pub attenuation_distance: f32,
    /// Alpha that stands for transmission where that isn't drawn (`extras.fallback_alpha`).
    pub fallback_alpha: f32,
}

impl Default for Material {
    /// What glTF has a primitive without a material look like: white, metallic and rough.
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            base: Vec4::ONE,
            base_texture: None,
            metallic: 1.0,
            roughness: 1.0,
            metallic_roughness_texture: None,
            normal_texture: None,
            normal_scale: 1.0,
            occlusion_texture: None,
            occlusion_strength: 1.0,
            emissive: Vec3::ZERO,
            emissive_texture: None,
            alpha: Alpha::Opaque,
            double_sided: false,
            unlit: false,
            ior: 1.5,
            specular: (1.0, Vec3::ONE),
            clearcoat: (0.0, 0.0),
            sheen: (Vec3::ZERO, 0.0),
            transmission: 0.0,
            thickness: 0.0,
            attenuation: Vec3::ONE,
            attenuation_distance: f32::INFINITY,
            fallback_alpha: 0.3,
        }
    }
}

/// Joints that vertices follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Skin {
    /// Places in [`Model::nodes`].
    pub joints: Vec<usize>,
    /// As many: from the mesh's space into each joint's.
    pub inverse_bind: Vec<Mat4>,
}

/// What moves.
#[derive(Debug, Clone, PartialEq)]
pub enum Track {
    /// Metres.
    Translation(Vec<Vec3>),
    /// Unit quaternions.
    Rotation(Vec<Quat>),
    /// Factors.
    Scale(Vec<Vec3>),
    /// Weights of morph targets: so many for each key.
    Weights {
        /// How many targets.
        targets: usize,
        /// `targets` for each key (three times that for a cubic one).
        values: Vec<f32>,
    },
}

/// How values between keys are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Easing {
    /// The key before counts.
    Step,
    /// Straight, rotations along the arc.
    Linear,
    /// Hermite splines: each key has an in-tangent, a value and an out-tangent.
    Cubic,
}

/// One node's movement.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The node's place in [`Model::nodes`].
    pub node: usize,
    /// How values between keys are found.
    pub easing: Easing,
    /// Seconds, rising.
    pub at_secs: Vec<f32>,
    /// The values.
    pub track: Track,
}

/// A movement with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Animation {
    /// Its name, or `animation 1`.
    pub name: String,
    /// Time of the last key, in seconds.
    pub duration_secs: f32,
    /// What moves.
    pub channels: Vec<Channel>,
}

/// A box along the axes, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least coordinates.
    pub min: Vec3,
    /// Greatest coordinates.
    pub max: Vec3,
}

impl Bounds {
    /// A box that holds no point yet; [`add`](Self::add) makes it larger.
    pub const EMPTY: Self = Self {
        min: Vec3::INFINITY,
        max: Vec3::NEG_INFINITY,
    };

    /// Holds the point too.
    pub fn add(&mut self, point: Vec3) {
        self.min = self.min.min(point);
        self.max = self.max.max(point);
    }

    /// Width, height and depth in metres; zero where it holds nothing.
    pub fn size(&self) -> Vec3 {
        (self.max - self.min).max(Vec3::ZERO)
    }

    /// The point halfway between the two corners.
    pub fn centre(&self) -> Vec3 {
        (self.max + self.min) * 0.5
    }

    /// Radius of the sphere round the middle that holds it all.
    pub fn radius(&self) -> f32 {
        self.size().length() * 0.5
    }
}

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Parents before children.
    pub nodes: Vec<Node>,
    /// Meshes.
    pub meshes: Vec<Mesh>,
    /// Materials; the last is glTF's default one.
    pub materials: Vec<Material>,
    /// Pictures that materials use.
    pub pictures: Vec<Picture>,
    /// Skins.
    pub skins: Vec<Skin>,
    /// Animations.
    pub animations: Vec<Animation>,
    /// Names of the material variants.
    pub variants: Vec<String>,
    /// Everything at rest.
    pub bounds: Bounds,
    /// What was passed over, for people: extensions that aren't drawn, lights, cameras.
    pub remarks: Vec<String>,
}

impl Model {
    /// From each node's space to the scene's, by how nodes stand now; `local` has one for each node.
    pub fn worlds(&self, local: &[Trs]) -> Vec<Mat4> {
        let mut worlds: Vec<Mat4> = Vec::with_capacity(self.nodes.len());
        for (node, trs) in self.nodes.iter().zip(local) {
            let parent = node
                .parent
                .and_then(|parent| worlds.get(parent).copied())
                .unwrap_or(Mat4::IDENTITY);
            worlds.push(parent * trs.matrix());
        }
        worlds
    }

    /// How nodes stand at rest.
    pub fn rest(&self) -> Vec<Trs> {
        self.nodes.iter().map(|node| node.rest).collect()
    }

    /// How many triangles are drawn, each mesh as often as nodes show it.
    pub fn triangles(&self) -> usize {
        self.nodes
            .iter()
            .filter_map(|node| self.meshes.get(node.mesh?))
            .flat_map(|mesh| &mesh.primitives)
            .map(|primitive| primitive.indices.len() / 3)
            .sum()
    }

    /// Where each vertex of a node's primitive is in the scene (skins included, morph targets at rest not).
    pub fn placed(&self, node: usize, primitive: &Primitive, worlds: &[Mat4]) -> Vec<Vec3> {
        let world = worlds.get(node).copied().unwrap_or(Mat4::IDENTITY);
        let skin = self
            .nodes
            .get(node)
            .and_then(|node| self.skins.get(node.skin?))
            .filter(|_| !primitive.joints.is_empty());
        let Some(skin) = skin else {
            return primitive
                .positions
                .iter()
                .map(|position| world.transform_point3(*position))
                .collect();
        };
        let matrices: Vec<Mat4> = skin
            .joints
            .iter()
            .zip(&skin.inverse_bind)
            .map(|(joint, bind)| worlds.get(*joint).copied().unwrap_or(Mat4::IDENTITY) * *bind)
            .collect();
        primitive
            .positions
            .iter()
            .zip(primitive.joints.iter().zip(&primitive.joint_weights))
            .map(|(position, (joints, weights))| {
                joints
                    .iter()
                    .zip(weights.to_array())
                    .filter_map(|(joint, weight)| {
                        Some(matrices.get(usize::from(*joint))?.transform_point3(*position) * weight)
                    })
                    .sum()
            })
            .collect()
    }

    /// The box of everything, as nodes stand now.
    pub fn bounds_of(&self, local: &[Trs]) -> Bounds {
        let worlds = self.worlds(local);
        let mut bounds = Bounds::EMPTY;
        for (at, node) in self.nodes.iter().enumerate() {
            for primitive in node
                .mesh
                .and_then(|mesh| self.meshes.get(mesh))
                .iter()
                .flat_map(|mesh| &mesh.primitives)
            {
                for point in self.placed(at, primitive, &worlds) {
                    bounds.add(point);
                }
            }
        }
        bounds
    }
}
