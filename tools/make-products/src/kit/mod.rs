//! The kit that products are made with: shapes, surfaces, and the file they go into.
//!
//! # How a product is made
//!
//! A product is a module in `products` with `pub fn make() -> Result<Product>`, named in `main.rs`'s list.
//!
//! ```ignore
//! let mut product = Product::new("mug", "Mug");
//! // Surfaces. Colours are what a screen shows (0xRRGGBB); maps are detail pictures that tile, sized in metres.
//! let grain = product.maps(texture::powder_coat()?);
//! let clay = product.variant_materials(&[("Sand", 0xcbb89d), ("Ink", 0x20242c)], |name, hex| {
//!     Material::new(&format!("Glaze {name}"), hex).rough(0.5).coated(0.6, 0.1).maps(grain)
//! });
//! let steel = product.material(Material::new("Steel", 0xc8c5c0).metal().rough(0.3));
//! // Shapes. Profiles and outlines are tables of corners (x, y, fillet radius), or [`mm`] of one: give every edge a
//! // fillet.
//! let body = Lathe::full(128).tile(0.012).spin(&path(&[
//!     (0.0, 0.0, 0.0), (0.04, 0.0, 0.003), (0.04, 0.09, 0.0012), (0.037, 0.09, 0.0012), (0.037, 0.004, 0.004), (0.0, 0.004, 0.0),
//! ]));
//! // Nodes: what moves apart is a node of its own, with the way it goes in the exploded view.
//! product.add(Node::new("Body").part(body, &clay));
//! product.add(Node::new("Ring").explode(0.0, 0.05, 0.0).part(ring, steel));
//! Ok(product)
//! ```
//!
//! `main.rs` then calls [`Product::finish`], which bakes occlusion and finds tangents, and [`glb::write`].
//!
//! # Conventions
//!
//! - Metres, +Y up, the front looks to +Z, the middle of the bottom at the origin, resting on y = 0.
//! - Triangles are counter-clockwise from the front. [`Lathe`] profiles face to the right of their way: up the outside, down
//!   an inside, outwards (growing radius) along a bottom, inwards along a top. Outlines run counter-clockwise. Rings of a
//!   [`loft`] run counter-clockwise seen from where it goes to.
//! - Every shape comes with normals ([`Mesh::smooth`] at [`CREASE`] degrees). After [`Mesh::bend`] or a merge of touching
//!   pieces call `smooth` again. Bevels need no more than a fillet: large faces keep flat normals, the bevel bends.
//! - Texture coordinates are metres, v upwards; the writer turns v and repeats maps by `KHR_texture_transform`.
//!   [`Lathe::tile`] makes a map meet itself; [`Mesh::uv_box`] and [`Mesh::uv_planar`] suit flat pieces.
//! - Occlusion is per corner (`_OCCLUSION`): long faces need corners where shadows fall, so run [`Mesh::refined`] on them
//!   (6 to 10 mm). What is seen only when taken apart is [`Shade::Alone`]; what glows or is glass is [`Shade::Open`].
//!   [`Node::inner`] also tells viewers that they may leave the node out while the product is whole.
//! - Marks and letters are [`Figure`]s, stamped (raised or engraved) and laid on with [`Mesh::wrapped`]; lift them 0.03 to
//!   0.06 mm off the surface, else they flicker.
//! - Parts that touch: let them sink into each other by a few tenths of a millimetre rather than end in the same plane.
//! - Budget: 100,000 triangles and 5 MB a product; 128 segments round a lathe are round at 4K.
//! - Nothing random but [`texture::random`], nothing from a clock, no order taken from a hash map.

pub mod curve;
pub mod glb;
pub mod loft;
pub mod mesh;
pub mod occlusion;
pub mod product;
pub mod relief;
pub mod shape;
pub mod texture;

#[cfg(test)]
mod tests;

pub use curve::{
    circle, inset, lift, mm, outline, path, ramp, rounded_rect, rounded_rect_even, spline, stepped,
    superellipse,
};
pub use mesh::{Mesh, Vertex};
pub use product::{Animation, Channel, Material, MaterialId, Node, Product, Shade, Track, srgb};
pub use relief::{Figure, around, stamp};
pub use shape::{
    CREASE, Cap, Lathe, chamfered_box, extrude, extrude_rings, fill, frames, loft, rounded_box, sweep, tube,
};

/// The item at an index, or the default when there is none.
pub fn at<T: Copy + Default>(items: &[T], index: usize) -> T {
    items.get(index).copied().unwrap_or_default()
}
