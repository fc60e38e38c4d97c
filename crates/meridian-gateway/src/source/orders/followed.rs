//! The products that are followed: those of the greatest value in the file.

use super::order::{Item, Order};
use super::plan::Plan;
use meridian_wire::{Names, ProductInfo};

/// A product in an order while its rows are gathered.
#[derive(Clone, Copy)]
pub(super) struct DraftItem {
    /// Its place among the products of the file.
    pub product: u32,
    pub value: i128,
    pub units: i128,
}

/// A product while the file is read.
pub(super) struct DraftProduct {
    pub id: String,
    /// How many rows call it what.
    pub names: Vec<(String, u32)>,
    /// How much of its value is in which category.
    pub categories: Vec<(u8, i128)>,
}

/// Chooses the products of the greatest value, and puts their items into the orders' order. `parts` are the
/// orders' items, each order's where its `items_end` says; afterwards that is where its own end.
pub(super) fn follow(
    products: Vec<DraftProduct>,
    plan: &Plan,
    per_minor: i128,
    orders: &mut [Order],
    parts: &[Vec<DraftItem>],
) -> (Vec<ProductInfo>, Vec<Item>) {
    let mut sums = vec![0_i128; products.len()];
    let of_order = |order: &Order| parts.get(order.items_end as usize).map_or(&[][..], Vec::as_slice);
    for item in orders.iter().flat_map(of_order) {
        if let Some(sum) = sums.get_mut(item.product as usize) {
            *sum = sum.saturating_add(item.value);
        }
    }
    let mut ranked: Vec<(i128, &DraftProduct, usize)> = products
        .iter()
        .zip(sums)
        .enumerate()
        .filter(|(_, (_, sum))| *sum > 0)
        .map(|(index, (product, sum))| (sum, product, index))
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    ranked.truncate(plan.mapping.product.as_ref().map_or(0, |product| product.most));
    let mut number_of = vec![None; products.len()];
    let mut out = Vec::with_capacity(ranked.len());
    for (number, (_, product, index)) in ranked.into_iter().enumerate() {
        if let Some(slot) = number_of.get_mut(index) {
            *slot = u16::try_from(number).ok();
        }
        let name = product
            .names
            .iter()
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
            .map_or_else(|| product.id.clone(), |(name, _)| name.clone());
        out.push(ProductInfo {
            id: product.id.clone(),
            names: Names {
                en: name.clone(),
                zh: name,
            },
            category: product
                .categories
                .iter()
                .max_by_key(|(number, sum)| (*sum, std::cmp::Reverse(*number)))
                .map_or(plan.otherwise, |(number, _)| *number),
        });
    }
    let mut items = Vec::new();
    for order in orders {
        for item in of_order(order) {
            let number = number_of.get(item.product as usize).copied().flatten();
            let amount = i64::try_from(rounded(item.value, per_minor));
            if let (Some(product), Ok(amount_minor)) = (number, amount) {
                let bound = i128::from(i32::MAX);
                items.push(Item {
                    product,
                    units: item.units.clamp(-bound, bound) as i32,
                    amount_minor,
                });
            }
        }
        order.items_end = items.len() as u32;
    }
    (out, items)
}

/// Division rounded to the nearest, halves away from zero.
pub(super) fn rounded(value: i128, divisor: i128) -> i128 {
    let half = divisor / 2;
    if value < 0 {
        -((-value + half) / divisor)
    } else {
        (value + half) / divisor
    }
}
