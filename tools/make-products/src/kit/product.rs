//! A product: its tree of nodes, materials, variants and animations.

use anyhow::{Result, ensure};
use glam::{Mat4, Quat, Vec3, Vec4};
use serde_json::{Map, Value};

use super::mesh::Mesh;
use super::occlusion::{Bake, Tree, bake};
use super::texture::{Maps, Picture};

/// A material of a product, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaterialId(pub usize);

/// A set of maps of a product, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapsId(pub usize);

/// What a part is made of: one material, or one for each variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paint {
    /// The same in all variants.
    One(MaterialId),
    /// One for each variant of the product, in their order; the first is the default.
    Each(Vec<MaterialId>),
}

impl From<MaterialId> for Paint {
    fn from(id: MaterialId) -> Self {
        Paint::One(id)
    }
}

impl From<&[MaterialId]> for Paint {
    fn from(ids: &[MaterialId]) -> Self {
        Paint::Each(ids.to_vec())
    }
}

impl From<&Vec<MaterialId>> for Paint {
    fn from(ids: &Vec<MaterialId>) -> Self {
        Paint::Each(ids.clone())
    }
}

/// A colour as it is written on screens (`0xRRGGBB`), in linear light.
pub fn srgb(hex: u32) -> Vec3 {
    let part = |shift: u32| {
        let c = ((hex >> shift) & 0xff) as f32 / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    Vec3::new(part(16), part(8), part(0))
}

/// How a surface looks.
#[derive(Clone, Debug)]
pub struct Material {
    /// In English.
    pub name: String,
    /// Linear.
    pub colour: Vec3,
    /// 0 or 1, seldom between.
    pub metallic: f32,
    /// Perceptual, multiplied with the map's.
    pub roughness: f32,
    /// Detail maps.
    pub maps: Option<MapsId>,
    /// Clear coat and its roughness.
    pub coat: Option<(f32, f32)>,
    /// Sheen colour and roughness.
    pub sheen: Option<(Vec3, f32)>,
    /// Linear emitted colour and strength.
    pub glow: Option<(Vec3, f32)>,
    /// A picture of what shines, laid once over texture coordinates from 0 to 1; not together with `maps`.
    pub glow_picture: Option<Picture>,
    /// How much light passes.
    pub transmission: f32,
    /// Index of refraction, when not 1.5.
    pub ior: Option<f32>,
    /// Thickness in metres, the colour that light takes and over what distance.
    pub volume: Option<(f32, Vec3, f32)>,
    /// Strength of the specular reflection, when not 1.
    pub specular: Option<f32>,
    /// Blended with what is behind, at that alpha.
    pub alpha: Option<f32>,
    /// Alpha for viewers without transmission.
    pub fallback_alpha: Option<f32>,
}

impl Material {
    /// A matt one of that colour on screen.
    pub fn new(name: &str, hex: u32) -> Self {
        Self {
            name: name.to_owned(),
            colour: srgb(hex),
            metallic: 0.0,
            roughness: 0.6,
            maps: None,
            coat: None,
            sheen: None,
            glow: None,
            glow_picture: None,
            transmission: 0.0,
            ior: None,
            volume: None,
            specular: None,
            alpha: None,
            fallback_alpha: None,
        }
    }

    /// Metal.
    #[must_use]
    pub fn metal(mut self) -> Self {
        self.metallic = 1.0;
        self
    }

    /// With that roughness.
    #[must_use]
    pub fn rough(mut self, roughness: f32) -> Self {
        self.roughness = roughness;
        self
    }

    /// With those detail maps.
    #[must_use]
    pub fn maps(mut self, maps: MapsId) -> Self {
        self.maps = Some(maps);
        self
    }

    /// Lacquered.
    #[must_use]
    pub fn coated(mut self, amount: f32, roughness: f32) -> Self {
        self.coat = Some((amount, roughness));
        self
    }

    /// With the soft rim of cloth.
    #[must_use]
    pub fn sheen(mut self, hex: u32, roughness: f32) -> Self {
        self.sheen = Some((srgb(hex), roughness));
        self
    }

    /// Shining of itself.
    #[must_use]
    pub fn glowing(mut self, hex: u32, strength: f32) -> Self {
        self.glow = Some((srgb(hex), strength));
        self
    }

    /// Shining by a picture.
    #[must_use]
    pub fn glowing_picture(mut self, picture: Picture) -> Self {
        self.glow_picture = Some(picture);
        self
    }

    /// Letting light through; `fallback_alpha` serves viewers that blend instead.
    #[must_use]
    pub fn glass(mut self, transmission: f32, ior: f32, fallback_alpha: f32) -> Self {
        self.transmission = transmission;
        self.ior = Some(ior);
        self.fallback_alpha = Some(fallback_alpha);
        self
    }

    /// Thick: tinted over a distance in metres.
    #[must_use]
    pub fn volume(mut self, thickness: f32, hex: u32, distance: f32) -> Self {
        self.volume = Some((thickness, srgb(hex), distance));
        self
    }

    /// With another specular strength.
    #[must_use]
    pub fn specular(mut self, strength: f32) -> Self {
        self.specular = Some(strength);
        self
    }

    /// Blended over what is behind.
    #[must_use]
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.alpha = Some(alpha);
        self
    }
}

/// What shades a node when its occlusion is baked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shade {
    /// The whole product.
    #[default]
    Whole,
    /// This node and those below it, and it shades nothing else: for what is seen only when the product is taken apart.
    Alone,
    /// Half the whole product, half itself: for what is seen both in its place and taken out.
    Between,
    /// Nothing.
    Open,
}

/// Triangles of one paint.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its shape, in the node's space.
    pub mesh: Mesh,
    /// Its materials.
    pub paint: Paint,
}

/// A named piece of a product that can move.
#[derive(Clone, Debug)]
pub struct Node {
    /// In English, unique in the product.
    pub name: String,
    /// In the parent's space.
    pub translation: Vec3,
    /// In the parent's space.
    pub rotation: Quat,
    /// In the parent's space.
    pub scale: Vec3,
    /// Where it goes, in the parent's space, when the product is taken apart.
    pub explode: Option<Vec3>,
    /// What shades it.
    pub shade: Shade,
    /// Anything else a viewer may read.
    pub extras: Map<String, Value>,
    /// What is drawn.
    pub parts: Vec<Part>,
    /// What moves along.
    pub children: Vec<Node>,
}

impl Node {
    /// An empty one at its parent's origin.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            translation: Vec3::ZERO,
            rotation: Quat::IDENTITY,
            scale: Vec3::ONE,
            explode: None,
            shade: Shade::Whole,
            extras: Map::new(),
            parts: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Standing there; give its meshes about that point.
    #[must_use]
    pub fn at(mut self, x: f32, y: f32, z: f32) -> Self {
        self.translation = Vec3::new(x, y, z);
        self
    }

    /// Turned.
    #[must_use]
    pub fn turned(mut self, q: Quat) -> Self {
        self.rotation = q;
        self
    }

    /// With a way to go when taken apart.
    #[must_use]
    pub fn explode(mut self, x: f32, y: f32, z: f32) -> Self {
        self.explode = Some(Vec3::new(x, y, z));
        self
    }

    /// Shaded by what `shade` says; holds for the nodes below too.
    #[must_use]
    pub fn shade(mut self, shade: Shade) -> Self {
        self.shade = shade;
        self
    }

    /// Marked as seen only when the product is taken apart (`extras.inner`): a viewer may leave it out until then.
    #[must_use]
    pub fn inner(mut self) -> Self {
        self.extras.insert("inner".to_owned(), Value::Bool(true));
        self.shade = Shade::Alone;
        self
    }

    /// With a mesh; parts of one paint become one.
    #[must_use]
    pub fn part(mut self, mesh: Mesh, paint: impl Into<Paint>) -> Self {
        let paint = paint.into();
        match self.parts.iter_mut().find(|p| p.paint == paint) {
            Some(part) => part.mesh.merge(&mesh),
            None => self.parts.push(Part { mesh, paint }),
        }
        self
    }

    /// With a node that moves along.
    #[must_use]
    pub fn child(mut self, node: Node) -> Self {
        self.children.push(node);
        self
    }

    fn matrix(&self) -> Mat4 {
        Mat4::from_scale_rotation_translation(self.scale, self.rotation, self.translation)
    }
}

/// What a track moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Metres, in xyz.
    Translation,
    /// A quaternion, xyzw.
    Rotation,
}

/// A node's movement.
#[derive(Clone, Debug)]
pub struct Track {
    /// The node's name.
    pub node: String,
    /// What moves.
    pub channel: Channel,
    /// Seconds and values, in order.
    pub keys: Vec<(f32, Vec4)>,
}

/// A named animation.
#[derive(Clone, Debug)]
pub struct Animation {
    /// In English, as a button says it.
    pub name: String,
    /// What moves.
    pub tracks: Vec<Track>,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Report {
    /// Triangles in all.
    pub triangles: usize,
    /// Corners in all.
    pub vertices: usize,
    /// The lowest corner.
    pub low: Vec3,
    /// The highest corner.
    pub high: Vec3,
}

/// Everything that becomes one file.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its folder's and file's name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Nodes without a parent.
    pub nodes: Vec<Node>,
    /// In the order of their ids.
    pub materials: Vec<Material>,
    /// In the order of their ids.
    pub maps: Vec<Maps>,
    /// The variants' names; none, or two and more.
    pub variants: Vec<String>,
    /// What can be played.
    pub animations: Vec<Animation>,
    /// How its occlusion is baked.
    pub bake: Bake,
}

impl Product {
    /// An empty one.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            nodes: Vec::new(),
            materials: Vec::new(),
            maps: Vec::new(),
            variants: Vec::new(),
            animations: Vec::new(),
            bake: Bake::default(),
        }
    }

    /// Takes a material in.
    pub fn material(&mut self, material: Material) -> MaterialId {
        self.materials.push(material);
        MaterialId(self.materials.len() - 1)
    }

    /// Takes a set of maps in.
    pub fn maps(&mut self, maps: Maps) -> MapsId {
        self.maps.push(maps);
        MapsId(self.maps.len() - 1)
    }

    /// One material for each variant: names and colours become variants if there are none yet.
    pub fn variant_materials(
        &mut self,
        of: &[(&str, u32)],
        make: impl Fn(&str, u32) -> Material,
    ) -> Vec<MaterialId> {
        if self.variants.is_empty() {
            self.variants = of.iter().map(|(name, _)| (*name).to_owned()).collect();
        }
        of.iter()
            .map(|(name, hex)| self.material(make(name, *hex)))
            .collect()
    }

    /// Takes a node in.
    pub fn add(&mut self, node: Node) {
        self.nodes.push(node);
    }

    /// Sets it down: its lowest corner comes to rest at height 0, in its animations too.
    fn ground(&mut self) {
        let (mut low, mut high) = (Vec3::splat(f32::MAX), Vec3::splat(f32::MIN));
        for n in &self.nodes {
            extent(n, Mat4::IDENTITY, &mut low, &mut high);
        }
        for n in &mut self.nodes {
            n.translation.y -= low.y;
        }
        let roots: Vec<&str> = self.nodes.iter().map(|n| n.name.as_str()).collect();
        let tracks = self.animations.iter_mut().flat_map(|a| &mut a.tracks);
        for track in tracks.filter(|t| t.channel == Channel::Translation && roots.contains(&t.node.as_str()))
        {
            track.keys.iter_mut().for_each(|(_, value)| value.y -= low.y);
        }
    }

    /// Bakes occlusion, finds tangents where a normal map asks for them, and counts.
    pub fn finish(&mut self) -> Result<Report> {
        let mut names: Vec<&str> = Vec::new();
        fn collect<'a>(nodes: &'a [Node], names: &mut Vec<&'a str>) {
            for n in nodes {
                names.push(&n.name);
                collect(&n.children, names);
            }
        }
        collect(&self.nodes, &mut names);
        names.sort_unstable();
        ensure!(
            names.windows(2).all(|w| w.first() != w.last()),
            "{}: two nodes of one name",
            self.id
        );
        self.ground();
        let clear: Vec<bool> = self
            .materials
            .iter()
            .map(|m| m.transmission > 0.0 || m.alpha.is_some())
            .collect();
        let bumpy: Vec<bool> = self
            .materials
            .iter()
            .map(|m| {
                m.maps
                    .and_then(|id| self.maps.get(id.0))
                    .is_some_and(|m| m.normal.is_some())
            })
            .collect();
        let mut all = Vec::new();
        let (mut low, mut high) = (Vec3::splat(f32::MAX), Vec3::splat(f32::MIN));
        for n in &self.nodes {
            if n.shade != Shade::Alone {
                occluders(n, Mat4::IDENTITY, &clear, &mut all);
            }
            extent(n, Mat4::IDENTITY, &mut low, &mut high);
        }
        let whole = Tree::new(all.into_iter());
        let mut report = Report {
            triangles: 0,
            vertices: 0,
            low,
            high,
        };
        let how = self.bake;
        for n in &mut self.nodes {
            settle(n, Mat4::IDENTITY, Some(&whole), &clear, &bumpy, &how, &mut report);
        }
        Ok(report)
    }
}

fn any(paint: &Paint, of: &[bool]) -> bool {
    let get = |id: &MaterialId| of.get(id.0).copied().unwrap_or_default();
    match paint {
        Paint::One(id) => get(id),
        Paint::Each(ids) => ids.iter().any(get),
    }
}

fn occluders(node: &Node, above: Mat4, clear: &[bool], out: &mut Vec<[Vec3; 3]>) {
    let m = above * node.matrix();
    for part in &node.parts {
        if !any(&part.paint, clear) && node.shade != Shade::Open {
            out.extend(
                part.mesh
                    .triangles
                    .iter()
                    .map(|t| part.mesh.corners(*t).map(|p| m.transform_point3(p))),
            );
        }
    }
    for c in node.children.iter().filter(|c| c.shade != Shade::Alone) {
        occluders(c, m, clear, out);
    }
}

fn extent(node: &Node, above: Mat4, low: &mut Vec3, high: &mut Vec3) {
    let m = above * node.matrix();
    for v in node.parts.iter().flat_map(|p| &p.mesh.vertices) {
        let p = m.transform_point3(v.position);
        *low = low.min(p);
        *high = high.max(p);
    }
    for c in &node.children {
        extent(c, m, low, high);
    }
}

fn settle(
    node: &mut Node,
    above: Mat4,
    tree: Option<&Tree>,
    clear: &[bool],
    bumpy: &[bool],
    how: &Bake,
    report: &mut Report,
) {
    let m = above * node.matrix();
    let own;
    let mut how = *how;
    let tree = match node.shade {
        Shade::Whole | Shade::Between => tree,
        Shade::Open => None,
        Shade::Alone => {
            let mut all = Vec::new();
            occluders(node, above, clear, &mut all);
            own = Tree::new(all.into_iter());
            how.floor = false;
            Some(&own)
        }
    };
    let alone = (node.shade == Shade::Between).then(|| {
        let mut all = Vec::new();
        occluders(node, above, clear, &mut all);
        Tree::new(all.into_iter())
    });
    for part in &mut node.parts {
        let mut mesh = std::mem::take(&mut part.mesh).welded(false);
        if let Some(tree) = tree {
            let mut world = mesh.clone().transformed(m);
            bake(&mut world, tree, &how);
            for (v, w) in mesh.vertices.iter_mut().zip(&world.vertices) {
                v.occlusion = w.occlusion;
            }
            if let Some(alone) = &alone {
                let free = Bake { floor: false, ..how };
                bake(&mut world, alone, &free);
                for (v, w) in mesh.vertices.iter_mut().zip(&world.vertices) {
                    v.occlusion = 0.5 * (v.occlusion + w.occlusion);
                }
            }
        }
        if any(&part.paint, bumpy) {
            mesh = mesh.with_tangents();
        }
        report.triangles += mesh.triangles.len();
        report.vertices += mesh.vertices.len();
        part.mesh = mesh;
    }
    for c in &mut node.children {
        settle(c, m, tree, clear, bumpy, &how, report);
    }
}
