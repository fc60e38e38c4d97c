//! Counting, pure: columnar batches in; totals, rates, peaks and windows out.
