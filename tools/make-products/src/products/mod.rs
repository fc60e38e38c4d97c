//! The products.

pub mod bottle;
pub mod chair;
pub mod earbuds;
pub mod perfume;
pub mod shoe;
pub mod speaker;

#[cfg(test)]
mod tests;
