//! The metrics in Prometheus' text format, with public or exact figures.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;

use crate::operate::metrics::{Metrics, PREFIX};

impl Metrics {
    /// What anybody on this machine may read: of orders and payments what walls are told, and not how many batches they came in.
    pub fn public_text(&self) -> String {
        let counts_batches = |line: &&str| {
            ["taken", "duplicate"]
                .iter()
                .any(|why| line.starts_with(&format!("{PREFIX}_order_batches_total{{why=\"{why}\"}}")))
        };
        let text = self.everything();
        let lines = text.lines().filter(|line| !counts_batches(line));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// Everything, in the text format, with exact figures.
    pub fn text(&self) -> String {
        let [orders, payments] = &self.exact;
        let exact = |name: &str, count: &AtomicI64| {
            (
                format!("{PREFIX}_{name} "),
                count.load(Ordering::Relaxed).to_string(),
            )
        };
        let [messages, bytes, frames] = &self.of_others;
        let both = |name: &str, public: &Counter, others: &AtomicU64| {
            let all = public.get().saturating_add(others.load(Ordering::Relaxed));
            (format!("{PREFIX}_{name}_total "), all.to_string())
        };
        let exact = [
            exact("orders", orders),
            exact("payments", payments),
            both("messages_sent", &self.messages, messages),
            both("bytes_sent", &self.bytes, bytes),
            both("frames_received", &self.frames_in, frames),
        ];
        let mut text = String::new();
        for line in self.everything().lines() {
            match exact.iter().find(|(name, _)| line.starts_with(name)) {
                Some((name, count)) => text.extend([name, count.as_str(), "\n"]),
                None => text.extend([line, "\n"]),
            }
        }
        text
    }

    fn everything(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encode(&mut text, &self.registry);
        let head = self
            .audit_head
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !head.is_empty() {
            let end = "# EOF\n";
            let body = text.strip_suffix(end).map_or(text.len(), str::len);
            text.truncate(body);
            text.push_str("# HELP meridian_gateway_audit_head The audit log's newest hash.\n# TYPE meridian_gateway_audit_head gauge\n");
            text.push_str(&format!(
                "meridian_gateway_audit_head{{hash=\"{head}\"}} 1\n{end}"
            ));
        }
        text
    }
}
