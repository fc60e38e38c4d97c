//! A generated day: orders and payments that follow a day file to the second, and are the same for the
//! same seed whatever the speed and wherever one joins.
//!
//! How it works. Cumulative value, payments and orders are curves over the day's seconds. Each cell
//! (region × category × channel) has a share of them that changes every quarter of an hour. How many
//! payments a cell has had at an instant is the whole part of its share of the curve (and a fraction of
//! its own, so that cells don't step together); the n-th payment of a cell has a place, an amount and so
//! on that depend on the seed, the cell and n alone. So any instant is found without going through the
//! day, and going through the day comes to the same figures, to the fen. Which rows have which product in
//! them is a function of the same kind (`products`).

mod build;
mod curve;
mod file;
mod model;
mod opening;
mod places;
mod products;
mod random;
mod rows;
mod search;
mod source;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod warmth;

pub use self::source::ScenarioSource;
