//! A perfume flacon.

use anyhow::Result;

use crate::kit::Product;

/// Makes it.
pub fn make() -> Result<Product> {
    Ok(Product::new("perfume", "Perfume flacon"))
}
