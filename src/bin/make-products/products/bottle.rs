//! An insulated bottle.

use anyhow::Result;

use crate::kit::{Lathe, Material, Node, Product, path, texture};

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("bottle", "Insulated bottle");
    let grain = product.maps(texture::powder_coat()?);
    let coat = product.variant_materials(&[("Glacier", 0xa9c3cf), ("Night", 0x1b2434)], |name, hex| {
        Material::new(&format!("Powder coat {name}"), hex)
            .rough(0.7)
            .maps(grain)
    });
    let body = Lathe::full(128).tile(0.012).spin(&path(&[
        (0.0, 0.0, 0.0),
        (0.035, 0.0, 0.003),
        (0.035, 0.2, 0.02),
        (0.02, 0.24, 0.003),
        (0.0, 0.24, 0.0),
    ]));
    product.add(Node::new("Body").part(body, &coat));
    Ok(product)
}
