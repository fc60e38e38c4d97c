//! The corpora of `tests/fuzz` once through every decoder: what was found there stays found, without a fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../../tests/fuzz/src/lib.rs"]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/../../tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder} is empty");
    for path in paths {
        // A panic names its input.
        eprintln!("{}", path.display());
        check(&std::fs::read(&path).unwrap());
    }
}

macro_rules! replays {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), checks::$target);
        }
    )*};
}

replays! {
    frame_bin frame_json signed subscribe orders_csv orders_ndjson mapping scenario config access desk journal audit batch
    counted live_day live_orders order_log
}
