//! What a model's rows are worth: each cell's value follows the day's curve, and its rows' amounts add up to it.

use super::curve::at;
use super::model::{BLOCK_SECS, CellKey, GROUP, Model};
use super::random::mix;
use meridian_core::sales::{EventMs, Kind};

/// How many different ways there are for a group's amounts to differ.
pub(super) const SPREADS: usize = 64;
/// Buckets of the look-up from a payment's number to its second.
pub(super) const LOOKUP_BUCKETS: usize = 1 << 17;

/// A cell's progress on one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lane {
    pub count: u64,
    pub group: u64,
    pub group_from: i64,
    pub group_value: i64,
    pub spread: usize,
    pub known: bool,
}

impl Model {
    /// The total value when this many payments (a fraction of one included) have been made.
    fn value_of_payments(&self, payments: f64) -> f64 {
        let bucket = (payments / self.payments_per_bucket) as usize;
        let mut second = self
            .second_of_payment
            .get(bucket.min(LOOKUP_BUCKETS - 1))
            .map_or(0, |second| *second as usize);
        while second + 1 < self.secs && at(&self.payments, second + 1) <= payments {
            second += 1;
        }
        let (from, to) = (at(&self.payments, second), at(&self.payments, second + 1));
        let (value, until) = (at(&self.value, second), at(&self.value, second + 1));
        if to > from {
            value + (until - value) * ((payments - from) / (to - from))
        } else {
            value
        }
    }

    /// A cell's cumulative value when it has had `count` payments, before spreading.
    fn payment_value(&self, index: usize, cell: &CellKey, count: u64, near: usize) -> i64 {
        if count == 0 {
            return 0;
        }
        // Half a payment on: a count is a whole part, on average half a payment short of the curve.
        let target = count as f64 - cell.payment_phase + 0.5;
        let cells = self.cells.len();
        let mut block = near.min(self.blocks - 1);
        // Whatever block the search begins at, it ends at the same: figures must not depend on the way there.
        while block > 0 && at(&self.cell_payments, block * cells + index) >= target {
            block -= 1;
        }
        while block < self.blocks && at(&self.cell_payments, (block + 1) * cells + index) < target {
            block += 1;
        }
        let here = block * cells + index;
        let beyond = target - at(&self.cell_payments, here);
        let value = if block == self.blocks {
            // Past the day's end (the rest of a last group): as in the last block.
            let last = here - cells;
            let counted = at(&self.cell_payments, here) - at(&self.cell_payments, last);
            let gained = at(&self.cell_value, here) - at(&self.cell_value, last);
            let mean = if counted > 0.0 { gained / counted } else { 0.0 };
            at(&self.cell_value, here) + beyond * mean
        } else {
            let share = at(&self.share, here);
            let from = at(&self.payments, block * BLOCK_SECS);
            let payments = if share > 0.0 { from + beyond / share } else { from };
            let gained = self.value_of_payments(payments) - at(&self.value, block * BLOCK_SECS);
            at(&self.cell_value, here) + share * cell.ticket * gained
        };
        value.max(0.0) as i64
    }

    /// A cell's cumulative value of orders when it has had `count`, before spreading.
    fn order_value(&self, cell: &CellKey, count: u64) -> i64 {
        (count as f64 * self.mean_order_minor * cell.ticket) as i64
    }

    /// Makes a lane stand in a group of its cell.
    pub(super) fn enter_group(
        &self,
        kind: Kind,
        index: usize,
        cell: &CellKey,
        group: u64,
        near: usize,
        lane: &mut Lane,
    ) {
        if lane.known && lane.group == group {
            return;
        }
        let (key, bound) = match kind {
            Kind::Payment => (cell.payment_key, [group * GROUP, (group + 1) * GROUP]),
            Kind::Order => (cell.order_key, [group * GROUP, (group + 1) * GROUP]),
        };
        let value = |count| match kind {
            Kind::Payment => self.payment_value(index, cell, count, near),
            Kind::Order => self.order_value(cell, count),
        };
        let [from, to] = bound;
        lane.group = group;
        lane.group_from = value(from);
        lane.group_value = (value(to) - lane.group_from).max(0);
        lane.spread = (mix(key ^ mix(group)) % SPREADS as u64) as usize;
        lane.known = true;
    }

    /// The part of the lane's group's value that its first `rows` rows have.
    pub(super) fn part_of_group(&self, lane: &Lane, rows: u64) -> i64 {
        let part = self
            .spreads
            .get(lane.spread)
            .and_then(|spread| spread.get(rows as usize))
            .copied()
            .unwrap_or(0);
        ((lane.group_value as i128 * i128::from(part)) >> 32) as i64
    }

    /// A cell's cumulative value when it has had `count` of a kind: what its rows' amounts add up to.
    pub(super) fn value_at(&self, kind: Kind, index: usize, cell: &CellKey, count: u64, near: usize) -> i64 {
        if count == 0 {
            return 0;
        }
        self.value_along(kind, index, cell, count, near, &mut Lane::default())
    }

    /// [`value_at`](Self::value_at) for many instants one after the other: the lane remembers the group.
    fn value_along(
        &self,
        kind: Kind,
        index: usize,
        cell: &CellKey,
        count: u64,
        near: usize,
        lane: &mut Lane,
    ) -> i64 {
        if count == 0 {
            return 0;
        }
        self.enter_group(kind, index, cell, count / GROUP, near, lane);
        lane.group_from + self.part_of_group(lane, count % GROUP)
    }

    /// A lane for each cell.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        vec![Lane::default(); self.cells.len()]
    }

    /// The total value before an instant: the sum of the cells.
    pub(super) fn total_at(&self, ms: EventMs, lanes: &mut [Lane]) -> i64 {
        self.value_by(ms, lanes, |_, _| {})
    }

    /// The same, and the value of each cell.
    pub(super) fn value_by(
        &self,
        ms: EventMs,
        lanes: &mut [Lane],
        mut each: impl FnMut(&CellKey, i64),
    ) -> i64 {
        let (near, _, _) = self.curve_at(ms);
        let mut total = 0;
        self.counts_at(ms, |index, payments, _| {
            if let (Some(cell), Some(lane)) = (self.cells.get(index), lanes.get_mut(index)) {
                let value = self.value_along(Kind::Payment, index, cell, payments, near, lane);
                total += value;
                each(cell, value);
            }
        });
        total
    }
}
