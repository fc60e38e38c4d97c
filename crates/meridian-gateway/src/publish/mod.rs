//! What may be told: the classes of data as types, the guard, the figures and steps of each class, and the gate that holds what can't be true. Pure: no clock, no files.

pub mod class;
pub mod gate;
pub mod guard;
pub(crate) mod products;
pub mod publisher;
