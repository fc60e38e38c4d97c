use super::*;
use crate::Opening;
use crate::{ScenarioSource, load_catalogue};
use meridian_wire::{Level, Lights, Reached, Tick};

fn publisher(at_ms: i64) -> (Publisher, EventMs) {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms;
    let publisher = Publisher::new(Box::new(source), catalogue, start_ms + at_ms, 1.0).unwrap();
    (wanted(publisher), start_ms)
}

fn wanted(mut publisher: Publisher) -> Publisher {
    publisher.want_internal(true);
    publisher
}

/// The exact frames of a step.
fn exact(step: Step) -> Vec<Body> {
    step.internal.into_iter().map(Internal::into_inner).collect()
}

fn lights(bodies: &[Body]) -> Option<&Lights> {
    bodies.iter().find_map(|body| match body {
        Body::Lights(lights) => Some(lights),
        _ => None,
    })
}

fn tick(bodies: &[Body]) -> &Tick {
    bodies
        .iter()
        .find_map(|body| match body {
            Body::Tick(tick) => Some(&**tick),
            _ => None,
        })
        .unwrap()
}

/// A source that breaks at an instant.
struct Breaks(ScenarioSource, EventMs);

impl Source for Breaks {
    fn hello(&self) -> Hello {
        self.0.hello()
    }

    fn seek(&mut self, to_ms: EventMs) -> Result<Opening, SourceError> {
        self.0.seek(to_ms)
    }

    fn pull(&mut self, to_ms: EventMs, out: &mut Pulled) -> Result<(), SourceError> {
        self.0.pull(to_ms.min(self.1), out)?;
        if to_ms > self.1 {
            return Err(SourceError::File {
                file: "orders.csv".to_owned(),
                problem: "the disk is gone".to_owned(),
            });
        }
        Ok(())
    }

    fn ended(&self) -> bool {
        self.0.ended()
    }
}

#[test]
fn a_source_that_breaks_leaves_the_last_good_figures_held() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + 60_000;
    let broken = Breaks(source, start_ms + 250);
    let mut publisher =
        wanted(Publisher::new(Box::new(broken), Arc::clone(&catalogue), start_ms, 1.0).unwrap());
    exact(publisher.step(start_ms + 200, 0));
    assert_eq!(publisher.mode(), Mode::Demo);
    let bodies = exact(publisher.step(start_ms + 300, 7));
    assert_eq!(tick(&bodies).mode, Mode::Held);
    let notice = bodies
        .iter()
        .find_map(|body| match body {
            Body::Notice(notice) => Some(notice),
            _ => None,
        })
        .unwrap();
    assert_eq!(
        (notice.code.as_str(), notice.level),
        ("source_failed", Level::Alert)
    );
    assert!(
        notice.text.en.contains("orders.csv: the disk is gone"),
        "{notice:?}"
    );
    // What came before the break counts, and then nothing changes any more.
    let mut whole = ScenarioSource::load("double11-2016", catalogue).unwrap();
    assert_eq!(publisher.totals(), whole.seek(start_ms + 250).unwrap().totals);
    assert!(exact(publisher.step(start_ms + 400, 0)).is_empty());
    assert_eq!(publisher.internal_snapshot(0).into_inner().mode, Mode::Held);
}

#[test]
fn the_first_rates_are_those_of_the_second_before() {
    let catalogue = load_catalogue().unwrap();
    let at = |into_ms: i64| {
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms + into_ms;
        Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap()
    };
    let mut played = at(240_000);
    let day_ms = played.event_ms() - 240_000;
    exact(played.step(day_ms + 243_400, 0));
    let joined = at(243_400).internal_snapshot(0).into_inner().rates;
    assert!(joined.orders_per_s > 100_000, "{joined:?}");
    let rates = played.internal_snapshot(0).into_inner().rates;
    assert_eq!(
        (rates.orders_per_s, rates.payments_per_s, rates.gmv_minor_per_s),
        (joined.orders_per_s, joined.payments_per_s, joined.gmv_minor_per_s)
    );
    assert_eq!(at(-5_000).internal_snapshot(0).into_inner().rates.orders_per_s, 0);
}

/// A leap comes to what going through comes to: totals to the fen, rates, peaks, curves, milestones.
#[test]
fn leaps_and_steps_come_to_the_same() {
    let catalogue = load_catalogue().unwrap();
    for (from_ms, to_ms) in [(-1_000, 61_300), (200_000, 260_000), (50_000_000, 50_400_500)] {
        let (mut steps, start_ms) = publisher(from_ms);
        let (mut leap, _) = publisher(from_ms);
        let mut events = 0;
        let mut at_ms = from_ms;
        let mut last = Vec::new();
        while at_ms < to_ms {
            // Two seconds at most, so that nothing is leapt over.
            at_ms = (at_ms + 1_700).min(to_ms);
            last = exact(steps.step(start_ms + at_ms, 0));
            events += lights(&last).map_or(0, |lights| lights.events);
        }
        let leapt = exact(leap.step(start_ms + to_ms, 0));
        assert_eq!(leap.totals(), steps.totals());
        assert_eq!(tick(&leapt).rates, tick(&last).rates);
        let (mut a, mut b) = (
            leap.internal_snapshot(0).into_inner(),
            steps.internal_snapshot(0).into_inner(),
        );
        // Regions stand in the order in which they first sold something.
        a.history.regions.sort_by_key(|region| region.region);
        b.history.regions.sort_by_key(|region| region.region);
        assert!(a.history == b.history, "{from_ms} to {to_ms}: the curves differ");
        assert!(a.regions == b.regions, "{from_ms} to {to_ms}: regions differ");
        assert!(a.cells == b.cells, "{from_ms} to {to_ms}: cells differ");
        assert!(a.channels == b.channels, "{from_ms} to {to_ms}: channels differ");
        assert!(a.products == b.products, "{from_ms} to {to_ms}: products differ");
        assert_eq!(a.products.products.len(), 6);
        let values = |list: &[Reached]| list.iter().map(|passed| passed.gmv_minor).collect::<Vec<_>>();
        assert_eq!(values(&a.reached), values(&b.reached));
        for (a, b) in a.reached.iter().zip(&b.reached) {
            assert!((a.at_ms - b.at_ms).abs() <= 1_000, "{a:?} {b:?}");
        }
        // Lights say how many they stand for, and that is all of them.
        let shown = lights(&leapt).unwrap();
        assert_eq!(shown.events, events);
        let stands_for = shown.place.len() as u64 * u64::from(shown.per_light);
        assert!(shown.per_light > 1 && stands_for >= events, "{}", shown.per_light);
        assert!(stands_for - events <= shown.place.len() as u64);
        // Warmth, within what its levels can tell.
        let heat = |snapshot: &Snapshot| {
            let mut levels = vec![0_u8; catalogue.places().len()];
            for (place, level) in snapshot.warmth.place.iter().zip(&snapshot.warmth.level) {
                levels[usize::from(*place)] = *level;
            }
            levels
        };
        let apart = heat(&a)
            .iter()
            .zip(heat(&b))
            .filter(|(a, b)| **a > 96 && a.abs_diff(*b) > 16)
            .count();
        assert!(apart < catalogue.places().len() / 50, "{apart} places");
    }
}

/// What a display would know from a snapshot and the frames after it.
fn applied(
    mut known: meridian_wire::Products,
    frames: &[meridian_wire::Products],
) -> meridian_wire::Products {
    for frame in frames {
        known.event_ms = frame.event_ms;
        for row in &frame.products {
            match known.products.iter_mut().find(|known| known.id == row.id) {
                Some(slot) => *slot = *row,
                None => known.products.push(*row),
            }
        }
        for cell in &frame.regions {
            let same = |known: &&mut meridian_wire::ProductCell| {
                (known.product, known.region) == (cell.product, cell.region)
            };
            match known.regions.iter_mut().find(same) {
                Some(slot) => *slot = *cell,
                None => known.regions.push(*cell),
            }
        }
        for curve in &frame.curves {
            match known
                .curves
                .iter_mut()
                .find(|known| known.product == curve.product)
            {
                Some(slot) => {
                    slot.gmv_minor.truncate(curve.from as usize);
                    assert_eq!(slot.gmv_minor.len(), curve.from as usize, "no point is missing");
                    slot.gmv_minor.extend(&curve.gmv_minor);
                }
                None => known.curves.push(curve.clone()),
            }
        }
        if frame.trends.is_some() {
            known.trends.clone_from(&frame.trends);
        }
    }
    known.regions.sort_by_key(|cell| (cell.product, cell.region));
    known
}

#[test]
fn product_frames_go_on_from_any_snapshot() {
    let (mut publisher, start_ms) = publisher(170_000);
    let first = publisher.internal_snapshot(0).into_inner().products;
    let (mut frames, mut later) = (Vec::new(), Vec::new());
    let mut joined = None;
    for step in 1..=1_700_i64 {
        for body in exact(publisher.step(start_ms + 170_000 + step * 100, 0)) {
            if let Body::Products(products) = body {
                assert!(!products.is_empty());
                frames.push((*products).clone());
                if joined.is_some() {
                    later.push(*products);
                }
            }
        }
        if step == 777 {
            joined = Some(publisher.internal_snapshot(0).into_inner().products);
        }
    }
    // Once a second, whatever the steps.
    assert_eq!(frames.len(), 170);
    let now = publisher.internal_snapshot(0).into_inner().products;
    assert_eq!(applied(first, &frames), now);
    assert_eq!(applied(joined.unwrap(), &later), now);
    // A surge began at 00:03; it is said with the curve's point at 00:05.
    let trends = now.trends.unwrap();
    let us = publisher.catalogue.by_iso2("US").unwrap().0;
    assert!(
        trends
            .iter()
            .any(|trend| (trend.product, trend.region) == (0, us) && trend.percent > 300),
        "{trends:?}"
    );
    assert_eq!(now.curves[0].gmv_minor.len(), 2);
    let row = now.products[0];
    assert!(
        row.orders_10s >= row.orders_per_s && row.orders_per_s > 0,
        "{row:?}"
    );
    let ranks: std::collections::BTreeSet<u16> = now.products.iter().map(|row| row.rank).collect();
    assert_eq!(ranks.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

/// What a restart goes on from is an instant: products, their curves and trends come from the source.
#[test]
fn a_restart_has_the_products_as_if_it_had_gone_on() {
    let catalogue = load_catalogue().unwrap();
    let orders = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/orders-dirty.csv"
    );
    let sources: [&dyn Fn() -> Box<dyn Source>; 2] = [
        &|| Box::new(ScenarioSource::load("example-day", Arc::clone(&catalogue)).unwrap()),
        &|| {
            let mapping = "uci-online-retail";
            Box::new(crate::OrdersSource::open(orders, mapping, Arc::clone(&catalogue)).unwrap())
        },
    ];
    for open in sources {
        let day = open().hello().day;
        let from_ms = day.start_ms - 1_500;
        let mut played = Publisher::new(open(), Arc::clone(&catalogue), from_ms, 1.0).unwrap();
        for minutes in [1, 37, 310, 526, 700] {
            let to_ms = day.start_ms + minutes * 60_000 + 4_321;
            exact(played.step(to_ms, 0));
            let joined = Publisher::new(open(), Arc::clone(&catalogue), to_ms, 1.0).unwrap();
            let (mut a, mut b) = (
                played.internal_snapshot(0).into_inner().products,
                joined.internal_snapshot(0).into_inner().products,
            );
            assert!(!a.products.is_empty());
            // Both say all regions of the same products; in a day's first steps few are ranked apart.
            a.regions.sort_by_key(|cell| (cell.product, cell.region));
            b.regions.sort_by_key(|cell| (cell.product, cell.region));
            assert_eq!(a, b, "{} after {minutes} minutes", open().hello().title.en);
        }
    }
}

#[test]
fn milestones_are_said_once_as_they_are_passed() {
    let (mut publisher, start_ms) = publisher(0);
    let mut said = Vec::new();
    for at_ms in (1_000..=60_000).step_by(1_000) {
        said.extend(tick(&exact(publisher.step(start_ms + at_ms, 0))).reached.clone());
    }
    // One billion yuan, 52 seconds after midnight.
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].gmv_minor, 100_000_000_000);
    assert!(
        (start_ms + 51_000..=start_ms + 53_000).contains(&said[0].at_ms),
        "{said:?}"
    );
}
