//! A lounge chair: two bent plywood shells, buttoned cushions with piping, plywood arms, a five-star base.

mod base;
mod cloth;
mod cushion;
mod shell;

use anyhow::Result;
use glam::{Vec2, Vec3};

use crate::kit::loft::table;
use crate::kit::{Material, MaterialId, Mesh, Node, Product, at, outline, rounded_rect, texture};
use base::{five_star, straps};
use cloth::{boucle, layers, veneer};
use cushion::Cushion;
use shell::{Bend, SHELL, arm_bend, arm_line, back_line, even, hollow, normal, plate, seat_line};

/// The materials, those of several variants in the variants' order.
struct Finish {
    wood: Vec<MaterialId>,
    edge: Vec<MaterialId>,
    cover: Vec<MaterialId>,
    piping: Vec<MaterialId>,
    star: Vec<MaterialId>,
    dark: MaterialId,
    rubber: MaterialId,
}

/// The seat or the back: how it is bent, and how long it is.
struct Rest<'a> {
    bend: Bend<'a>,
    long: f32,
}

/// Makes it.
pub fn make() -> Result<Product> {
    let mut product = Product::new("chair", "Lounge chair");
    product.bake.reach = 0.14;
    product.bake.rays = 96;
    product.variants = [
        "Walnut & black leather",
        "Oak & cognac",
        "Ash & bouclé",
        "Black & moss wool",
    ]
    .map(str::to_owned)
    .to_vec();
    let finish = finishes(&mut product)?;

    let seat_line = seat_line();
    let seat_bend = |a: f32, b: f32| {
        hollow(
            &seat_line,
            a,
            b,
            table(&[(0.0, 2.6), (0.10, 1.5), (0.35, 0.88), (0.75, 0.70)], b),
        )
    };
    let back_line = back_line();
    let back_bend = |a: f32, b: f32| {
        hollow(
            &back_line,
            a,
            b,
            table(&[(0.0, 0.62), (0.2, 0.50), (0.5, 0.56)], b),
        )
    };
    let seat = Rest {
        bend: &seat_bend,
        long: at(&seat_line, seat_line.len() - 1).0,
    };
    let back = Rest {
        bend: &back_bend,
        long: at(&back_line, back_line.len() - 1).0,
    };
    add_shells(&mut product, &finish, &seat, &back);
    add_cushions(&mut product, &finish, &seat, &back);
    add_arms(&mut product, &finish);
    Ok(product)
}

fn finishes(product: &mut Product) -> Result<Finish> {
    let figured = product.maps(veneer("Figured veneer", 0.95, 0.34, 11)?);
    let open = product.maps(veneer("Open-grain veneer", 0.42, 0.42, 47)?);
    let ply = product.maps(layers()?);
    let leather = product.maps(texture::leather()?);
    let loops = product.maps(boucle()?);
    let wool = product.maps(texture::weave(0.0128, 8)?);
    let satin = product.maps(texture::satin()?);
    let wood: Vec<MaterialId> = vec![
        product.material(
            Material::new("Walnut veneer", 0x8a5a3a)
                .rough(0.46)
                .coated(0.25, 0.32)
                .maps(figured),
        ),
        product.material(
            Material::new("Oak veneer", 0xc79a66)
                .rough(0.52)
                .coated(0.15, 0.4)
                .maps(open),
        ),
        product.material(
            Material::new("Ash veneer", 0xe0cda9)
                .rough(0.54)
                .coated(0.12, 0.42)
                .maps(open),
        ),
        product.material(
            Material::new("Black ash veneer", 0x1d1b1a)
                .rough(0.5)
                .coated(0.2, 0.36)
                .maps(open),
        ),
    ];
    let edge: Vec<MaterialId> = vec![
        product.material(Material::new("Walnut layers", 0xa8794f).rough(0.6).maps(ply)),
        product.material(Material::new("Oak layers", 0xcfa777).rough(0.6).maps(ply)),
        product.material(Material::new("Ash layers", 0xe2d0ae).rough(0.6).maps(ply)),
        product.material(Material::new("Black ash layers", 0x8a7052).rough(0.6).maps(ply)),
    ];
    let cover: Vec<MaterialId> = vec![
        product.material(Material::new("Black leather", 0x1c1b1b).rough(0.5).maps(leather)),
        product.material(Material::new("Cognac leather", 0xa9602c).rough(0.5).maps(leather)),
        product.material(
            Material::new("Bouclé", 0xe9e2d6)
                .rough(0.95)
                .sheen(0x8a857c, 0.6)
                .maps(loops),
        ),
        product.material(
            Material::new("Moss wool", 0x59633f)
                .rough(0.92)
                .sheen(0x5d664a, 0.55)
                .maps(wool),
        ),
    ];
    let piping: Vec<MaterialId> = vec![
        product.material(Material::new("Black piping", 0x171616).rough(0.42).maps(leather)),
        product.material(Material::new("Cognac piping", 0x8f4d20).rough(0.44).maps(leather)),
        product.material(
            Material::new("Cream piping", 0xd9d0c0)
                .rough(0.9)
                .sheen(0x7a756c, 0.6)
                .maps(wool),
        ),
        product.material(
            Material::new("Moss piping", 0x3f472c)
                .rough(0.9)
                .sheen(0x4a523a, 0.55)
                .maps(wool),
        ),
    ];
    let polished = Material::new("Polished aluminium", 0xd5d6d8).metal().rough(0.16);
    let star: Vec<MaterialId> = {
        let bright = product.material(polished);
        let black = product.material(Material::new("Black aluminium", 0x1b1b1d).rough(0.42).maps(satin));
        vec![bright, bright, bright, black]
    };
    let dark = product.material(Material::new("Black steel", 0x18191b).rough(0.45).maps(satin));
    let rubber = product.material(Material::new("Rubber", 0x131314).rough(0.75).maps(satin));
    Ok(Finish {
        wood,
        edge,
        cover,
        piping,
        star,
        dark,
        rubber,
    })
}

/// The base and the two shells on it.
fn add_shells(product: &mut Product, finish: &Finish, seat: &Rest<'_>, back: &Rest<'_>) {
    let seat_shape = even(
        &outline(&[
            (-0.255, 0.0, 0.085),
            (0.255, 0.0, 0.085),
            (0.312, seat.long * 0.5, 0.6),
            (0.262, seat.long, 0.105),
            (-0.262, seat.long, 0.105),
            (-0.312, seat.long * 0.5, 0.6),
        ]),
        144,
    );
    let back_shape = even(
        &outline(&[
            (-0.290, 0.0, 0.10),
            (0.290, 0.0, 0.10),
            (0.335, back.long * 0.45, 0.4),
            (0.262, back.long, 0.135),
            (-0.262, back.long, 0.135),
            (-0.335, back.long * 0.45, 0.4),
        ]),
        144,
    );
    let (seat_faces, seat_edge) = plate(&seat_shape, SHELL, 12, 20, seat.bend);
    let (back_faces, back_edge) = plate(&back_shape, SHELL, 14, 12, back.bend);
    let (star, column, glides) = five_star();
    let (strap, mounts) = straps();

    product.add(
        Node::new("Base")
            .explode(0.0, 0.0, 0.0)
            .part(star, &finish.star)
            .part(column, finish.dark)
            .part(glides, finish.rubber),
    );
    product.add(
        Node::new("Seat shell")
            .explode(0.0, 0.16, 0.0)
            .part(seat_faces, &finish.wood)
            .part(seat_edge, &finish.edge),
    );
    product.add(
        Node::new("Back shell")
            .explode(0.0, 0.24, -0.22)
            .part(back_faces, &finish.wood)
            .part(back_edge, &finish.edge)
            .part(strap, finish.dark)
            .part(mounts, finish.rubber),
    );
}

fn add_cushions(product: &mut Product, finish: &Finish, seat: &Rest<'_>, back: &Rest<'_>) {
    let seat_cushion = Cushion {
        shape: even(
            &outline(&[
                (-0.232, 0.034, 0.06),
                (0.232, 0.034, 0.06),
                (0.268, seat.long * 0.46, 0.6),
                (0.240, seat.long - 0.185, 0.07),
                (-0.240, seat.long - 0.185, 0.07),
                (-0.268, seat.long * 0.46, 0.6),
            ]),
            132,
        ),
        thickness: 0.066,
        edge: 1.0,
        rings: 18,
        buttons: vec![
            Vec2::new(-0.088, 0.215),
            Vec2::new(0.088, 0.215),
            Vec2::new(-0.088, 0.400),
            Vec2::new(0.088, 0.400),
        ],
        bend: &|a, b| (seat.bend)(a, b) + normal(seat.bend, a, b) * (SHELL * 0.5),
        seed: 3,
    };
    let back_cushion = Cushion {
        shape: even(
            &outline(&[
                (-0.250, 0.022, 0.07),
                (0.250, 0.022, 0.07),
                (0.290, back.long * 0.45, 0.4),
                (0.226, back.long - 0.036, 0.105),
                (-0.226, back.long - 0.036, 0.105),
                (-0.290, back.long * 0.45, 0.4),
            ]),
            132,
        ),
        thickness: 0.052,
        edge: 1.0,
        rings: 18,
        buttons: vec![
            Vec2::new(-0.092, 0.165),
            Vec2::new(0.092, 0.165),
            Vec2::new(-0.084, 0.335),
            Vec2::new(0.084, 0.335),
        ],
        bend: &|a, b| (back.bend)(a, b) + normal(back.bend, a, b) * (SHELL * 0.5),
        seed: 8,
    };
    for (name, cushion, way) in [
        ("Seat cushion", &seat_cushion, Vec3::new(0.0, 0.34, 0.06)),
        ("Back cushion", &back_cushion, Vec3::new(0.0, 0.30, -0.04)),
    ] {
        let (body, cord) = cushion.make();
        product.add(
            Node::new(name)
                .explode(way.x, way.y, way.z)
                .part(body, &finish.cover)
                .part(cushion.buttons(), &finish.piping)
                .part(cord, &finish.piping),
        );
    }
}

fn add_arms(product: &mut Product, finish: &Finish) {
    // Arms: the right one is made, the left its image.
    let arm_long = {
        let line = arm_line();
        at(&line, line.len() - 1).0
    };
    let arm_shape = even(
        &outline(&[
            (-0.055, 0.0, 0.02),
            (0.055, 0.0, 0.02),
            (0.058, arm_long * 0.45, 0.15),
            (0.130, arm_long * 0.82, 0.10),
            (0.135, arm_long, 0.035),
            (-0.135, arm_long, 0.035),
            (-0.125, arm_long * 0.82, 0.10),
            (-0.058, arm_long * 0.45, 0.15),
        ]),
        96,
    );
    let (arm_faces, arm_edge) = plate(&arm_shape, SHELL, 8, 10, &arm_bend);
    let pad = Cushion {
        shape: even(&rounded_rect(0.232, 0.052, 0.022), 60)
            .iter()
            .map(|p| *p + Vec2::new(0.0, arm_long - 0.034))
            .collect(),
        thickness: 0.016,
        edge: 0.3,
        rings: 4,
        buttons: vec![],
        bend: &|a, b| arm_bend(a, b) + normal(&arm_bend, a, b) * (SHELL * 0.5),
        seed: 5,
    };
    let (pad_body, _) = pad.make();
    for (name, s) in [("Right armrest", -1.0_f32), ("Left armrest", 1.0)] {
        let side = |m: &Mesh| if s < 0.0 { m.clone().mirrored() } else { m.clone() };
        product.add(
            Node::new(name)
                .explode(0.20 * s, 0.16, 0.0)
                .part(side(&arm_faces), &finish.wood)
                .part(side(&arm_edge), &finish.edge)
                .part(side(&pad_body), &finish.cover),
        );
    }
}
