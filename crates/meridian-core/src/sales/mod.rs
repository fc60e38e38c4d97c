//! The vocabulary of a sale. Pure: no clock, no files, no network, no picture.

pub mod batch;
pub mod catalogue;
pub mod category;
pub mod channel;
pub mod columns;
pub mod money;
pub mod product;

pub use batch::{Batch, Items, Kind};
pub use catalogue::{Catalogue, CatalogueError, Place, PlaceId, Region, RegionId};
pub use category::CategoryId;
pub use channel::Channel;
pub use money::{Currency, Money, MoneySum};
pub use product::{MAX_PRODUCTS, ProductId};

/// Event time: milliseconds since the Unix epoch (UTC).
pub type EventMs = i64;

#[cfg(test)]
mod tests;
