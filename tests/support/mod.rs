//! What the program's tests share.

use meridian::stage::adapter;

/// Whether pictures can be drawn here; says so where they can't. With `MERIDIAN_REQUIRE_GPU=1` that fails the test.
pub fn can_draw() -> bool {
    match adapter::find() {
        Ok(_) => true,
        Err(problem) if std::env::var_os("MERIDIAN_REQUIRE_GPU").is_some_and(|value| value == "1") => {
            panic!("MERIDIAN_REQUIRE_GPU=1, and {problem}")
        }
        Err(problem) => {
            eprintln!("skipped: {problem}");
            false
        }
    }
}
