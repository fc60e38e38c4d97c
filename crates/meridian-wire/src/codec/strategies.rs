//! Proptest strategies: arbitrary frames.

use meridian_core::sales::{Currency, Kind, MAX_PRODUCTS};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::frame::{
    Arcs, Body, Bye, Cell, Comparison, Counts, DataClass, Day, Direct, Frame, Heartbeat, Hello, History,
    Keyed, Level, Lights, Mode, Names, Notice, ProductCell, ProductCounts, ProductCurve, ProductInfo,
    ProductRow, Products, Rates, Reached, RegionHistory, Snapshot, Tick, Totals, Trend, Warmth,
};

fn counts() -> impl Strategy<Value = Counts> {
    (0..=u64::MAX, 0..=u64::MAX, i64::MIN..=i64::MAX).prop_map(|(orders, payments, gmv_minor)| Counts {
        orders,
        payments,
        gmv_minor,
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Live),
        Just(Mode::Delayed),
        Just(Mode::Held),
        Just(Mode::Replay),
        Just(Mode::Demo),
        Just(Mode::Rehearsal)
    ]
}

fn totals() -> impl Strategy<Value = Totals> {
    (counts(), counts(), any::<u64>(), any::<i64>()).prop_map(
        |(counts, unplaced, corrections, corrected_minor)| Totals {
            counts,
            unplaced,
            corrections,
            corrected_minor,
        },
    )
}

fn rates() -> impl Strategy<Value = Rates> {
    (any::<[u64; 4]>(), any::<[i64; 3]>()).prop_map(|(u, i)| Rates {
        orders_per_s: u[0],
        payments_per_s: u[1],
        gmv_minor_per_s: i[0],
        peak_orders_per_s: u[2],
        peak_orders_at_ms: i[1],
        peak_payments_per_s: u[3],
        peak_payments_at_ms: i[2],
    })
}

fn keyed() -> impl Strategy<Value = Vec<Keyed>> {
    vec(
        (any::<u8>(), counts()).prop_map(|(id, counts)| Keyed { id, counts }),
        0..8,
    )
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let cell = (any::<u8>(), any::<u8>(), counts()).prop_map(|(region, category, counts)| Cell {
        region,
        category,
        counts,
    });
    vec(cell, 0..8)
}

fn reached() -> impl Strategy<Value = Vec<Reached>> {
    vec(
        (any::<i64>(), any::<i64>()).prop_map(|(gmv_minor, at_ms)| Reached { gmv_minor, at_ms }),
        0..4,
    )
}

fn names() -> impl Strategy<Value = Names> {
    (any::<String>(), any::<String>()).prop_map(|(en, zh)| Names { en, zh })
}

fn product_counts() -> impl Strategy<Value = ProductCounts> {
    (counts(), any::<i64>()).prop_map(|(counts, units)| ProductCounts { counts, units })
}

fn products() -> impl Strategy<Value = Products> {
    let number = || 0..MAX_PRODUCTS as u16;
    let row =
        (number(), product_counts(), any::<(u64, u64, u16)>()).prop_map(|(id, counts, more)| ProductRow {
            id,
            counts,
            orders_per_s: more.0,
            orders_10s: more.1,
            rank: more.2,
        });
    let cell = (number(), any::<u8>(), product_counts()).prop_map(|(product, region, counts)| ProductCell {
        product,
        region,
        counts,
    });
    let curve = (number(), 0..9_000_u32, vec(any::<i64>(), 0..5)).prop_map(|(product, from, gmv_minor)| {
        ProductCurve {
            product,
            from,
            gmv_minor,
        }
    });
    let trend = (number(), any::<(u8, u32)>()).prop_map(|(product, (region, percent))| Trend {
        product,
        region,
        percent,
    });
    (
        any::<(i64, i64, Option<i64>)>(),
        vec(row, 0..6),
        vec(cell, 0..6),
        vec(curve, 0..3),
        proptest::option::of(vec(trend, 0..4)),
    )
        .prop_map(
            |((event_ms, step_ms, published_ms), products, regions, curves, trends)| Products {
                event_ms,
                published_ms,
                products,
                regions,
                step_ms,
                curves,
                trends,
            },
        )
}

fn notice() -> impl Strategy<Value = Notice> {
    let args = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4);
    (0..3_u8, any::<String>(), names(), any::<i64>(), args).prop_map(
        |(level, code, text, published_ms, args)| Notice {
            level: [Level::Info, Level::Warning, Level::Alert][usize::from(level)],
            code,
            text,
            published_ms,
            args,
        },
    )
}

fn direct() -> impl Strategy<Value = Direct> {
    (
        any::<(i64, bool, bool)>(),
        any::<u64>(),
        any::<Option<String>>(),
        any::<u64>(),
    )
        .prop_map(
            |((published_ms, held, rehearsal), delay_ms, scene, scene_number)| Direct {
                published_ms,
                held,
                rehearsal,
                delay_ms,
                scene,
                scene_number,
            },
        )
}

fn tick() -> impl Strategy<Value = Tick> {
    (
        any::<(i64, i64)>(),
        mode(),
        totals(),
        rates(),
        (keyed(), keyed(), keyed()),
        cells(),
        reached(),
    )
        .prop_map(
            |(
                (event_ms, published_ms),
                mode,
                totals,
                rates,
                (regions, categories, channels),
                cells,
                reached,
            )| {
                Tick {
                    event_ms,
                    published_ms,
                    mode,
                    totals,
                    rates,
                    regions,
                    categories,
                    channels,
                    cells,
                    reached,
                }
            },
        )
}

fn history() -> impl Strategy<Value = History> {
    (
        any::<(i64, i64)>(),
        vec(any::<i64>(), 0..6),
        vec((any::<u8>(), vec(any::<i64>(), 0..4)), 0..3),
    )
        .prop_map(|((step_ms, region_step_ms), gmv_minor, regions)| History {
            step_ms,
            gmv_minor,
            region_step_ms,
            regions: regions
                .into_iter()
                .map(|(region, gmv_minor)| RegionHistory { region, gmv_minor })
                .collect(),
        })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let desk = (proptest::option::of(direct()), vec(notice(), 0..3));
    (tick(), history(), vec(any::<(u16, u8)>(), 0..6), products(), desk).prop_map(
        |(tick, history, warmth, products, (direct, notices))| {
            let (place, level) = warmth.into_iter().unzip();
            // A feed without products says nothing of them.
            let products = if products.is_empty() {
                Products::default()
            } else {
                products
            };
            Snapshot {
                event_ms: tick.event_ms,
                published_ms: tick.published_ms,
                mode: tick.mode,
                totals: tick.totals,
                rates: tick.rates,
                regions: tick.regions,
                categories: tick.categories,
                channels: tick.channels,
                cells: tick.cells,
                history,
                reached: tick.reached,
                warmth: Warmth { place, level },
                products,
                direct,
                notices,
            }
        },
    )
}

fn lights() -> impl Strategy<Value = Lights> {
    (
        any::<(i64, i64, u32, u64, Option<i64>)>(),
        vec(any::<(u16, u8)>(), 0..50),
        vec(any::<(u8, u16, u32)>(), 0..8),
    )
        .prop_map(
            |((from_ms, to_ms, per_light, events, published_ms), rows, arcs)| {
                let (place, code) = rows.into_iter().unzip();
                Lights {
                    from_ms,
                    to_ms,
                    per_light,
                    events,
                    place,
                    code,
                    arcs: Arcs {
                        from_region: arcs.iter().map(|arc| arc.0).collect(),
                        to_place: arcs.iter().map(|arc| arc.1).collect(),
                        parcels: arcs.iter().map(|arc| arc.2).collect(),
                    },
                    published_ms,
                }
            },
        )
}

fn hello() -> impl Strategy<Value = Hello> {
    (
        (any::<u32>(), any::<String>(), mode(), any::<bool>(), names()),
        (
            any::<bool>(),
            0.001..3600.0_f64,
            any::<String>(),
            vec(names(), 0..4),
        ),
        (
            any::<(i64, i64, i32)>(),
            vec((names(), vec(any::<(i64, i64)>(), 0..4)), 0..2),
        ),
        vec(any::<i64>(), 0..5),
        vec((any::<String>(), names(), any::<u8>()), 0..4),
        (
            any::<bool>(),
            any::<Option<String>>(),
            any::<Option<i64>>(),
            any::<Option<u32>>(),
        ),
    )
        .prop_map(
            |(a, b, c, milestones_minor, products, (internal, key, published_ms, k))| Hello {
                version: a.0,
                server: a.1,
                mode: a.2,
                synthetic: a.3,
                title: a.4,
                currency: Currency::from_code("EUR").unwrap(),
                gmv_counts: if b.0 { Kind::Order } else { Kind::Payment },
                speed: (b.1 * 8.0).round() / 8.0,
                catalogue: b.2,
                categories: b.3,
                day: Day {
                    start_ms: c.0.0,
                    end_ms: c.0.1,
                    utc_offset_min: c.0.2,
                },
                comparisons: c
                    .1
                    .into_iter()
                    .map(|(label, points)| {
                        let (at_ms, gmv_minor) = points.into_iter().unzip();
                        Comparison {
                            label,
                            at_ms,
                            gmv_minor,
                        }
                    })
                    .collect(),
                milestones_minor,
                products: products
                    .into_iter()
                    .map(|(id, names, category)| ProductInfo { id, names, category })
                    .collect(),
                class: if internal {
                    DataClass::Internal
                } else {
                    DataClass::Public
                },
                key,
                published_ms,
                k,
            },
        )
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    (any::<(i64, i64, bool)>(), mode()).prop_map(|(a, mode)| Heartbeat {
        event_ms: a.0,
        published_ms: a.1,
        mode,
        paused: a.2,
    })
}

fn bye() -> impl Strategy<Value = Bye> {
    (any::<String>(), any::<String>(), any::<Option<u64>>()).prop_map(|(code, text, retry_after_ms)| Bye {
        code,
        text,
        retry_after_ms,
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        hello().prop_map(|hello| Body::Hello(Box::new(hello))),
        snapshot().prop_map(|snapshot| Body::Snapshot(Box::new(snapshot))),
        tick().prop_map(|tick| Body::Tick(Box::new(tick))),
        lights().prop_map(Body::Lights),
        products().prop_map(|products| Body::Products(Box::new(products))),
        direct().prop_map(Body::Direct),
        heartbeat().prop_map(Body::Heartbeat),
        notice().prop_map(Body::Notice),
        bye().prop_map(Body::Bye),
    ]
}

/// A frame of any body but an unknown one.
pub(super) fn frame() -> impl Strategy<Value = Frame> {
    (any::<(u64, u64, u64)>(), body()).prop_map(|((epoch, seq, prev), body)| Frame {
        epoch,
        seq,
        prev,
        body,
    })
}
