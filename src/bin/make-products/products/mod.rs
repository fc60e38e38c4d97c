//! The products.

pub mod bottle;
