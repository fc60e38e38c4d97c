//! A running shoe: lofted foam, knit upper over a last, welded films, laces tied in a bow. A left one.

mod closure;
mod cloth;
mod last;
mod midsole;
mod outsole;
mod ribs;
mod trim;
mod upper;

use anyhow::Result;

use crate::kit::texture;
use crate::kit::{Material, Node, Product, Shade};
use closure::{aglets, eyelets, laces, tongue};
use cloth::{braid, foam, knit, ribbed, spacer};
use midsole::midsole;
use outsole::{outsole, tread};
use trim::{insole, labels, pull_tab};
use upper::{Upper, films, side_mark, upper};

/// A colourway: name, knit, film, mark, foam, lower foam, laces, outsole, lining.
type Colourway = (&'static str, u32, u32, u32, u32, u32, u32, u32, u32);

const COLOURWAYS: [Colourway; 5] = [
    (
        "Aurora", 0x6fd0bd, 0x2c2f7a, 0xd6f25c, 0xf5f2ea, 0xb4a6f0, 0xf4f6f2, 0x25275a, 0x34367f,
    ),
    (
        "Graphite", 0x45494f, 0x16171a, 0xc3c8cd, 0x2b2d31, 0x1b1c1f, 0x33363b, 0x121314, 0x1e2023,
    ),
    (
        "Ember", 0xe5452b, 0x6f1320, 0xffb54a, 0xf6efe4, 0xff7d45, 0xf8efe4, 0x2a1a1c, 0x4a141c,
    ),
    (
        "Lagoon", 0x2279bd, 0x0b2c58, 0x86ece6, 0xf0f4f4, 0x3cc3ca, 0xeaf5f6, 0xa5693d, 0x123a68,
    ),
    (
        "Bone", 0xe7dfd0, 0xcbbfa9, 0x8d7c64, 0xf2ecdf, 0xe0d5c2, 0xf4eee2, 0xb58552, 0xd3c7b2,
    ),
];

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("shoe", "Running shoe");
    product.bake.reach = 0.045;
    product.variants = COLOURWAYS.iter().map(|c| c.0.to_owned()).collect();
    let knit = product.maps(knit()?);
    let foam = product.maps(foam()?);
    let ribbed = product.maps(ribbed()?);
    let braid = product.maps(braid()?);
    let mesh_cloth = product.maps(spacer()?);
    let rubber = product.maps(texture::satin()?);
    let each = |product: &mut Product, of: fn(&Colourway) -> u32, make: &dyn Fn(&str, u32) -> Material| {
        COLOURWAYS
            .iter()
            .map(|c| product.material(make(c.0, of(c))))
            .collect::<Vec<_>>()
    };
    let soft = |hex: u32| -> u32 {
        // Sheen in a paler shade of the cloth's own colour.
        let part = |s: u32| (((hex >> s) & 0xff) + 0x40).min(0xff) / 2;
        part(16) << 16 | part(8) << 8 | part(0)
    };
    let cloth = each(&mut product, |c| c.1, &|n, hex| {
        Material::new(&format!("Knit {n}"), hex)
            .rough(0.82)
            .sheen(soft(hex), 0.55)
            .maps(knit)
    });
    let film = each(&mut product, |c| c.2, &|n, hex| {
        Material::new(&format!("Welded film {n}"), hex)
            .rough(0.42)
            .maps(rubber)
    });
    let mark = each(&mut product, |c| c.3, &|n, hex| {
        Material::new(&format!("Mark {n}"), hex).rough(0.34).maps(rubber)
    });
    let upper_foam = each(&mut product, |c| c.4, &|n, hex| {
        Material::new(&format!("Foam {n}"), hex).rough(0.72).maps(foam)
    });
    let lower_foam = each(&mut product, |c| c.5, &|n, hex| {
        Material::new(&format!("Carrier foam {n}"), hex)
            .rough(0.7)
            .maps(ribbed)
    });
    let lace = each(&mut product, |c| c.6, &|n, hex| {
        Material::new(&format!("Lace {n}"), hex)
            .rough(0.8)
            .sheen(soft(hex), 0.6)
            .maps(braid)
    });
    let sole_rubber = each(&mut product, |c| c.7, &|n, hex| {
        Material::new(&format!("Outsole rubber {n}"), hex)
            .rough(0.58)
            .maps(rubber)
    });
    let lining = each(&mut product, |c| c.8, &|n, hex| {
        Material::new(&format!("Lining {n}"), hex)
            .rough(0.88)
            .sheen(soft(hex), 0.6)
            .maps(mesh_cloth)
    });
    let metal = product.material(Material::new("Eyelet", 0x8d9196).metal().rough(0.35));
    let dark = product.material(Material::new("Eyelet hole", 0x0b0b0c).rough(0.9));
    let clear = product.material(Material::new("Aglet", 0xd9dbdd).rough(0.22).coated(0.6, 0.1));

    let up = Upper::new();
    let (low, high, bed) = midsole(&up.sole);
    let (label, name) = labels(&up);
    product.add(
        Node::new("Outsole")
            .shade(Shade::Alone)
            .part(outsole(&up.sole), &sole_rubber)
            .part(tread(&up.sole), &sole_rubber),
    );
    product.add(
        Node::new("Midsole")
            .explode(0.0, 0.055, 0.0)
            .part(high, &upper_foam)
            .part(low, &lower_foam)
            .part(name, &lower_foam)
            .child(Node::new("Foot bed").shade(Shade::Alone).part(bed, &upper_foam)),
    );
    product.add(
        Node::new("Insole")
            .shade(Shade::Between)
            .explode(0.0, 0.115, 0.0)
            .part(insole(&up.sole), &lining),
    );
    let (outside, inside) = upper(&up);
    let (rings, holes) = eyelets(&up);
    product.add(
        Node::new("Upper")
            .explode(0.0, 0.165, 0.0)
            .part(outside, &cloth)
            .part(inside, &lining)
            .part(films(&up), &film)
            .part(rings, metal)
            .part(holes, dark)
            .part(pull_tab(&up), &mark)
            .child(
                Node::new("Side mark")
                    .part(side_mark(&up, 1.0), &mark)
                    .part(side_mark(&up, -1.0), &mark),
            )
            .child(
                Node::new("Tongue")
                    .shade(Shade::Between)
                    .explode(0.0, 0.035, -0.010)
                    .part(tongue(), &lining)
                    .part(label, &mark),
            )
            .child(
                Node::new("Laces")
                    .explode(0.0, 0.075, 0.018)
                    .part(laces(&up), &lace)
                    .part(aglets(), clear),
            ),
    );
    Ok(product)
}
