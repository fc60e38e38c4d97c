//! How much one address, and everybody together, may ask of the gateway; and what looks like an attack. Pure: the
//! clock is passed in, in milliseconds of one that is never set back.
//!
//! Two rules hold throughout. What a web page can make a browser do never locks an address out, so that a page that
//! somebody in an office looks at doesn't shut out the office. And being locked out is never the last word: at a
//! locked address handshakes are still read, a few a second, and whoever shows a token that holds is let in.

mod address;
mod alarm;
mod failure;
mod gatekeeper;
mod settings;

pub use failure::{Failure, IntrusionAlert, Limited};
pub use gatekeeper::{Entry, Gatekeeper};
pub use settings::Limits;

/// Whether a page of that origin may connect. Programs that aren't web pages say no origin.
pub fn origin_allowed(origin: Option<&str>, allowed: &[String]) -> bool {
    origin.is_none_or(|origin| {
        allowed.iter().any(|known| {
            known
                .trim_end_matches('/')
                .eq_ignore_ascii_case(origin.trim_end_matches('/'))
        })
    })
}

#[cfg(test)]
mod tests;
