//! Meridian, the live sales globe.
//!
//! One library, two binaries. A room may use only what stands above it:
//!
//! | room | what lives there |
//! |---|---|
//! | [`files`] | where shipped and user files are found |
//! | [`sales`] | the vocabulary: money, regions, places, channels, categories, products, orders, payments |
//! | [`tally`] | counting: columnar batches in; totals, rates, peaks and windows out |
//! | [`insight`] | small models over tallies: what sells more than usual |
//! | [`wire`] | the feed's frames and their encodings |
//! | [`gateway`] | sources → tally → publish, served over WebSocket |
//! | [`link`] | the subscriber: follows a feed on its own thread |
//! | `product` | products and their models: what a retailer's folder says, glTF read without trust (feature `display`) |
//! | `ar` | a camera's frames, the printed sheet in them, its pose (feature `display`) |
//! | `display` | everything with Bevy (feature `display`) |
//!
//! See `ARCHITECTURE.md` for the data-flow picture.

#[cfg(feature = "display")]
pub mod ar;
#[cfg(feature = "display")]
pub mod display;
pub mod files;
pub mod gateway;
pub mod insight;
pub mod link;
#[cfg(feature = "display")]
pub mod product;
pub mod sales;
pub mod tally;
pub mod wire;

/// Prints a line, as `println!` does. Where nobody reads on (`| head`), the program ends instead of panicking.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::print_line(::std::format_args!($($line)*))
    };
}

#[doc(hidden)]
pub fn print_line(line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}
