//! Makes the products of the showroom: one glTF file each, from nothing but this program.
//!
//! `make-products [--out assets/products] [--only bottle]`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;

mod kit;
mod products;

use kit::Product;

/// Every product's name and maker.
const PRODUCTS: &[(&str, fn() -> Result<Product>)] = &[
    ("bottle", products::bottle::make),
    ("chair", products::chair::make),
    ("earbuds", products::earbuds::make),
    ("perfume", products::perfume::make),
    ("shoe", products::shoe::make),
    ("speaker", products::speaker::make),
];

#[derive(Parser)]
#[command(about = "Makes the products of the showroom")]
struct Arguments {
    /// The folder they go into, one folder each.
    #[arg(long, default_value = "assets/products")]
    out: PathBuf,
    /// Only this one.
    #[arg(long)]
    only: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut made = 0;
    for (id, make) in PRODUCTS {
        if arguments.only.as_deref().is_some_and(|only| only != *id) {
            continue;
        }
        let mut product = make().with_context(|| format!("making {id}"))?;
        let report = product.finish()?;
        let bytes = kit::glb::write(&product)?;
        let folder = arguments.out.join(id);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = folder.join(format!("{id}.glb"));
        std::fs::write(&file, &bytes).with_context(|| file.display().to_string())?;
        let size = report.high - report.low;
        println!(
            "{}: {} triangles, {} corners, {} bytes, {:.4} x {:.4} x {:.4} m",
            file.display(),
            report.triangles,
            report.vertices,
            bytes.len(),
            size.x,
            size.y,
            size.z
        );
        made += 1;
    }
    if made == 0 {
        bail!(
            "no such product; there are: {}",
            PRODUCTS.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(())
}
