//! What may be published: classes of data as types, the guard, the figures of each class, and the gate. Pure: no clock, no files.

mod audience;
pub mod class;
mod figures;
pub mod gate;
pub mod guard;
mod lights;
mod opening;
mod products;
pub mod publisher;
pub mod sealed;
mod warmth;
