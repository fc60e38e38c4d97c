//! Numbers that follow from the seed: the same on every machine and whatever the way to them.

/// A number that looks like chance and depends on `value` alone (splitmix64).
pub(super) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 0 to 1, 1 excluded.
pub(super) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A normally distributed number.
pub(super) fn normal(hash: u64) -> f64 {
    let (a, b) = (unit(mix(hash)), unit(mix(hash ^ 0x5bd1_e995)));
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
