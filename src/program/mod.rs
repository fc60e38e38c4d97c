//! The program `meridian`: its command line, and its commands.

pub mod ar;
pub mod cli;
pub mod live;
pub mod offscreen;
pub mod pictures;
pub mod player;
pub mod product;

use std::sync::Arc;

use anyhow::{Context, Result};
use meridian_core::sales::Catalogue;
use meridian_gateway::load_catalogue;

/// The shipped catalogue, or the user's own.
///
/// # Errors
/// When a file is missing or a row is wrong.
pub fn catalogue() -> Result<Arc<Catalogue>> {
    load_catalogue().context("the catalogue of regions and cities can't be used")
}
