//! The products.

pub mod bottle;
pub mod chair;
pub mod perfume;
pub mod shoe;
pub mod speaker;
