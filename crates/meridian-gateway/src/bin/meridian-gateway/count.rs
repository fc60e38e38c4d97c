//! `count`: says what order logs come to.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use meridian_core::sales::columns::Columns;
use meridian_core::say;
use meridian_core::tally::{Counted, Of, Partial, Window};
use meridian_gateway::operate::access::instant;
use meridian_gateway::{LiveDay, OrderLog, Record, load_catalogue, wall_ms};

/// Counts order logs, independently of a running gateway.
pub(crate) fn count(live: &Path, logs: &[PathBuf]) -> anyhow::Result<()> {
    let catalogue = load_catalogue()?;
    let day = LiveDay::read(live, &catalogue, wall_ms())?;
    let mut all = Counted::new(day.tally(&catalogue));
    let mut damaged = Vec::new();
    for path in logs {
        let mut partial = Partial::new(day.tally(&catalogue));
        let mut records = OrderLog::look(path)?;
        while let Some(record) = records.next_record()? {
            let bytes = match record {
                Record::Batch(bytes) => bytes,
                Record::Step { .. } => continue,
                // All the rest is worth knowing.
                Record::Damaged(damage) => {
                    eprintln!("{}: {damage}", path.display());
                    damaged.push(path.display().to_string());
                    continue;
                }
            };
            let (columns, _) = Columns::read(&bytes).with_context(|| path.display().to_string())?;
            partial
                .take(&columns)
                .with_context(|| format!("{}: not of this day", path.display()))?;
        }
        if records.torn_bytes() > 0 {
            eprintln!(
                "{}: {} bytes at its end are torn",
                path.display(),
                records.torn_bytes()
            );
        }
        all.merge(&partial.drain())
            .with_context(|| path.display().to_string())?;
    }
    let line = |value: serde_json::Value| say!("{value}");
    line(serde_json::json!({
        "currency": day.currency(),
        "totals": all.tally().totals(),
        "batches": all.seen().iter().map(|(source, seen)| (source.to_string(), seen.count())).collect::<std::collections::BTreeMap<_, _>>(),
    }));
    for window in Window::ALL {
        let peak = all.windows().peak(Of::Total, window);
        let at = |second_ms: i64| chrono::DateTime::from_timestamp_millis(second_ms).map(instant);
        line(serde_json::json!({
            "window_s": window.seconds(),
            "most_orders": peak.orders,
            "orders_at": at(peak.orders_at_ms),
            "most_payments": peak.payments,
            "payments_at": at(peak.payments_at_ms),
        }));
    }
    damaged.dedup();
    if !damaged.is_empty() {
        bail!(
            "damaged, and counted without what can't be read: {}",
            damaged.join(", ")
        );
    }
    Ok(())
}
