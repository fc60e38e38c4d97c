//! The vocabulary of sales, and counting. Pure except for [`files`]: no clock, no network, no graphics.
//!
//! | module | what lives there |
//! |---|---|
//! | [`files`] | where shipped and user files are found |
//! | [`sales`] | the vocabulary: money, regions, places, channels, categories, products, batches of orders and payments |
//! | [`tally`] | counting: batches in; totals, rates, peaks and windows out |
//! | [`texts`] | texts for people, from Fluent files |
//! | [`insight`] | small models over tallies: what sells more than usual |

pub mod files;
pub mod insight;
pub mod sales;
pub mod tally;
pub mod texts;

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
