//! Merges a later frame into a snapshot or tick.

use std::collections::BTreeMap;

use crate::frame::{Body, Cell, Keyed, MAX_CURVE_POINTS, ProductCell, Products, Snapshot, Tick};

/// Takes a later tick's figures into a snapshot or a tick.
macro_rules! take_figures {
    ($known:ident, $later:ident) => {{
        $known.event_ms = $later.event_ms;
        $known.published_ms = $later.published_ms;
        $known.mode = $later.mode;
        $known.totals = $later.totals;
        $known.rates = $later.rates;
        put_rows(&mut $known.regions, &$later.regions);
        put_rows(&mut $known.categories, &$later.categories);
        put_rows(&mut $known.channels, &$later.channels);
        put_cells(&mut $known.cells, &$later.cells);
        $known.reached.extend_from_slice(&$later.reached);
    }};
}

impl Snapshot {
    /// Takes over what a later frame says. Rows are kept in order of their numbers. The history's curves and the
    /// warmth stay what they were.
    pub fn apply(&mut self, later: &Body) {
        match later {
            Body::Tick(tick) => take_figures!(self, tick),
            Body::Products(products) => self.products.take(products),
            Body::Direct(direct) => self.direct = Some(direct.clone()),
            Body::Snapshot(snapshot) => self.clone_from(snapshot),
            Body::Heartbeat(beat) => self.mode = beat.mode,
            Body::Hello(_) | Body::Lights(_) | Body::Notice(_) | Body::Bye(_) | Body::Unknown(_) => {}
        }
    }
}

impl Tick {
    /// Adds a later tick to this one: its rows take the place of the same rows.
    pub fn take(&mut self, later: &Self) {
        take_figures!(self, later);
    }
}

impl Products {
    /// Takes over what a later frame says: its rows take the place of the same rows.
    pub fn take(&mut self, later: &Self) {
        self.event_ms = later.event_ms;
        self.step_ms = later.step_ms;
        for row in &later.products {
            match self.products.iter_mut().find(|known| known.id == row.id) {
                Some(known) => *known = *row,
                None => self.products.push(*row),
            }
        }
        let key = |cell: &ProductCell| (cell.product, cell.region);
        let mut cells: BTreeMap<(u16, u8), ProductCell> =
            self.regions.iter().map(|cell| (key(cell), *cell)).collect();
        cells.extend(later.regions.iter().map(|cell| (key(cell), *cell)));
        self.regions = cells.into_values().collect();
        for curve in &later.curves {
            match self
                .curves
                .iter_mut()
                .find(|known| known.product == curve.product)
            {
                Some(known) => {
                    let level = known.gmv_minor.last().copied().unwrap_or(0);
                    let from = (curve.from.saturating_sub(known.from) as usize).min(MAX_CURVE_POINTS);
                    known.gmv_minor.resize(from, level);
                    known.gmv_minor.extend_from_slice(&curve.gmv_minor);
                }
                None => self.curves.push(curve.clone()),
            }
        }
        if later.trends.is_some() {
            self.trends.clone_from(&later.trends);
        }
    }
}

/// Replaces rows or inserts them, in order of their numbers.
fn put_rows(known: &mut Vec<Keyed>, rows: &[Keyed]) {
    for row in rows {
        match known.binary_search_by_key(&row.id, |known| known.id) {
            Ok(at) => {
                if let Some(slot) = known.get_mut(at) {
                    *slot = *row;
                }
            }
            Err(at) => known.insert(at, *row),
        }
    }
}

/// Replaces cells or inserts them, in order of region and category.
fn put_cells(known: &mut Vec<Cell>, rows: &[Cell]) {
    if rows.is_empty() {
        return;
    }
    let key = |cell: &Cell| (cell.region, cell.category);
    let mut map: BTreeMap<(u8, u8), Cell> = known.iter().map(|cell| (key(cell), *cell)).collect();
    map.extend(rows.iter().map(|cell| (key(cell), *cell)));
    *known = map.into_values().collect();
}
