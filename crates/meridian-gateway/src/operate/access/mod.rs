//! Who may see what: roles, and tokens that prove them.
//!
//! A token is 256 random bits that only its bearer has; the file keeps their SHA-256. A slow hash is for
//! passwords, which people choose; nobody can go through 2²⁵⁶ secrets, so a quick one is right here, and a
//! flood of false tokens costs nothing.

mod role;
mod store;
mod token;

pub use role::Role;
pub use store::{AccessError, TokenStore};
pub use token::{Denied, Grant, NewToken, TokenRecord, Tokens, bearer, instant, parse, parse_expiry, split};

#[cfg(test)]
mod tests;
