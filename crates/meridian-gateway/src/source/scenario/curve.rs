//! Curves of a day: monotone interpolation, and rates that follow a slope.

/// A table's entry; 0 beyond its end.
pub(super) fn at(table: &[f64], index: usize) -> f64 {
    table.get(index).copied().unwrap_or(0.0)
}

/// A monotone cubic (Fritsch–Carlson, harmonic means) through rising points, at each whole second from
/// 0 to `secs`. Passes every point exactly and never falls where they don't.
pub(super) fn monotone(points: &[(f64, f64)], secs: usize) -> Vec<f64> {
    let slopes: Vec<(f64, f64)> = points
        .windows(2)
        .filter_map(|pair| match pair {
            [(x0, y0), (x1, y1)] => Some((x1 - x0, (y1 - y0) / (x1 - x0))),
            _ => None,
        })
        .collect();
    let end = |near: Option<&(f64, f64)>, far: Option<&(f64, f64)>| match (near, far) {
        (Some((h0, d0)), Some((h1, d1))) => {
            let tangent = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
            tangent.clamp(0.0, 3.0 * d0)
        }
        (Some((_, d0)), None) => *d0,
        _ => 0.0,
    };
    let mut tangents = vec![end(slopes.first(), slopes.get(1))];
    for pair in slopes.windows(2) {
        if let [(h0, d0), (h1, d1)] = pair {
            let tangent = if *d0 <= 0.0 || *d1 <= 0.0 {
                0.0
            } else {
                let (w0, w1) = (2.0 * h1 + h0, h1 + 2.0 * h0);
                (w0 + w1) / (w0 / d0 + w1 / d1)
            };
            tangents.push(tangent);
        }
    }
    tangents.push(end(
        slopes.last(),
        slopes.len().checked_sub(2).and_then(|at| slopes.get(at)),
    ));

    let mut out = Vec::with_capacity(secs + 1);
    let mut segments = points.windows(2).zip(tangents.windows(2)).peekable();
    for second in 0..=secs {
        let x = second as f64;
        let value = loop {
            match segments.peek() {
                Some(([(x0, y0), (x1, y1)], [m0, m1])) => {
                    if x > *x1 {
                        segments.next();
                        continue;
                    }
                    let h = x1 - x0;
                    let t = (x - x0) / h;
                    let (t2, t3) = (t * t, t * t * t);
                    break (2.0 * t3 - 3.0 * t2 + 1.0) * y0
                        + (t3 - 2.0 * t2 + t) * h * m0
                        + (3.0 * t2 - 2.0 * t3) * y1
                        + (t3 - t2) * h * m1;
                }
                _ => break out.last().copied().unwrap_or(0.0),
            }
        };
        let before = out.last().copied().unwrap_or(0.0);
        // Rounding alone could make it fall.
        out.push(value.max(before));
    }
    out
}

/// Why no rates can be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NoRates {
    /// Even the peak rate all day long gives less than the total.
    PeakTooLow {
        /// What the peak rate all day long would give.
        most: f64,
    },
    /// Even a single spike gives more than the total.
    PeakTooHigh,
}

/// Cumulative counts at each whole second whose rate is `peak × (slope ÷ steepest slope)^a`, with `a`
/// such that they come to `total`. `value` is the cumulative value at each whole second.
pub(super) fn counts_along(value: &[f64], peak: f64, total: f64) -> Result<Vec<f64>, NoRates> {
    let slopes: Vec<f64> = value
        .windows(2)
        .map(|pair| match pair {
            [a, b] => (b - a).max(0.0),
            _ => 0.0,
        })
        .collect();
    let steepest = slopes.iter().fold(0.0_f64, |high, slope| high.max(*slope));
    let logs: Vec<f64> = slopes.iter().map(|slope| (slope / steepest).ln()).collect();
    let rate = |log: f64, exponent: f64| {
        if log == f64::NEG_INFINITY {
            0.0
        } else {
            peak * (log * exponent).exp()
        }
    };
    let sum = |exponent: f64| logs.iter().map(|log| rate(*log, exponent)).sum::<f64>();
    let (mut low, mut high) = (0.0, 32.0);
    if sum(low) < total {
        return Err(NoRates::PeakTooLow { most: sum(low) });
    }
    if sum(high) > total {
        return Err(NoRates::PeakTooHigh);
    }
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if sum(middle) > total {
            low = middle;
        } else {
            high = middle;
        }
    }
    let exponent = 0.5 * (low + high);
    let mut counted = 0.0;
    let mut out = Vec::with_capacity(value.len());
    out.push(counted);
    for log in &logs {
        counted += rate(*log, exponent);
        out.push(counted);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn passes_every_point_and_never_falls(steps in prop::collection::vec((1_u32..500, 0_u32..10_000), 1..12)) {
            let mut points = vec![(0.0, 0.0)];
            let (mut x, mut y) = (0.0, 0.0);
            for (dx, dy) in steps {
                x += f64::from(dx);
                y += f64::from(dy);
                points.push((x, y));
            }
            let curve = monotone(&points, x as usize);
            prop_assert_eq!(curve.len(), x as usize + 1);
            prop_assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]));
            for (x, y) in points {
                prop_assert!((curve[x as usize] - y).abs() <= 1e-9 * y.max(1.0));
            }
        }
    }

    #[test]
    fn counts_reach_peak_and_total_or_say_why_not() {
        let value: Vec<f64> = monotone(&[(0.0, 0.0), (100.0, 50.0), (1_000.0, 100.0)], 1_000);
        let counts = counts_along(&value, 10.0, 2_000.0).unwrap();
        assert!((counts[1_000] - 2_000.0).abs() < 1e-6);
        let fastest = counts
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(0.0, f64::max);
        assert!((fastest - 10.0).abs() < 1e-9);
        assert!(matches!(
            counts_along(&value, 1.0, 2_000.0),
            Err(NoRates::PeakTooLow { most }) if most <= 1_000.0
        ));
        assert_eq!(counts_along(&value, 1e9, 10.0), Err(NoRates::PeakTooHigh));
    }
}
