//! What may be told: the classes of data as types, the guard, the figures and steps of each class, and the gate that holds what can't be true. Pure: no clock, no files.

mod audience;
pub mod class;
mod figures;
pub mod gate;
pub mod guard;
mod lights;
mod notices;
mod opening;
mod products;
pub mod publisher;
pub mod sealed;
mod warmth;
