use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rand::{Rng, SeedableRng};

use crate::source::intake::{MAX_AMOUNT_MINOR, Outcome, Sender};
use crate::source::live::{LiveDay, LiveSource};
use crate::*;
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Catalogue, Channel, Currency, EventMs, Kind};
use meridian_core::tally::Tally;
use meridian_wire::{Body, Mode, Snapshot, Tick};

pub(crate) const START_MS: EventMs = 1_762_790_400_000;

pub(crate) fn day(more: &str) -> String {
    format!(
        "gmv_counts = 'order'\ncurrency = 'EUR'\ncelebrate = [1]\n[title]\nen = 'T'\nzh = 'T'\n\
         [day]\nstart = '2025-11-10T16:00:00+00:00'\nhours = 1\n{more}\n\
         [[category]]\nname = {{ en = 'A', zh = 'A' }}\n[[category]]\nname = {{ en = 'B', zh = 'B' }}\n\
         [[product]]\nid = 'shoe'\nname = {{ en = 'Shoe', zh = '鞋' }}\ncategory = 'B'\n"
    )
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    load_catalogue().unwrap()
}

pub(crate) fn open(folder: Option<&Path>, catalogue: &Arc<Catalogue>) -> (Publisher, Arc<Intake>) {
    open_day(&day("lag_s = 1\nlate_s = 30\nsilent_s = 5"), folder, catalogue)
}

fn open_day(text: &str, folder: Option<&Path>, catalogue: &Arc<Catalogue>) -> (Publisher, Arc<Intake>) {
    let day = LiveDay::parse(text, catalogue, 0).unwrap();
    let (source, privacy) = LiveSource::open(day, folder, catalogue, Privacy::default()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let publisher = Publisher::new(Box::new(source), Arc::clone(catalogue), start_ms, 1.0)
        .unwrap()
        .with_privacy(privacy)
        .unwrap();
    (publisher, intake)
}

/// Rows at random, a few of them corrections, some with the product.
pub(crate) fn batch(random: &mut impl Rng, kind: Kind, from_ms: EventMs, rows: usize) -> Batch {
    let mut batch = Batch::new(kind, from_ms, from_ms + 100);
    for row in 0..rows {
        let place = [0_u16, 5_000, 12_345, 33_000, Batch::UNPLACED][random.random_range(0..5)];
        let amount = if random.random_range(0..40) == 0 {
            -random.random_range(1..5_000)
        } else {
            random.random_range(0..90_000)
        };
        let category = random.random_range(0..2);
        let channel = random.random_range(0..Channel::COUNT as u8);
        batch.push(place, category, channel, amount, Batch::DOMESTIC);
        if category == 1 && random.random_range(0..2) == 0 {
            batch.items.row.push(row as u32);
            batch.items.product.push(0);
            batch.items.units.push(1);
            batch.items.amount_minor.push(amount / 2);
        }
    }
    batch
}

pub(crate) fn offered(intake: &Intake, bytes: &[u8], now_ms: i64) -> Outcome {
    let (receipts, read) = intake.offer(bytes, now_ms);
    read.unwrap();
    receipts.into_iter().next().unwrap().outcome
}

pub(crate) fn public(publisher: &Publisher) -> Snapshot {
    *publisher.public_snapshot(0).into_inner()
}

fn tick(step: Step) -> Tick {
    step.public_bodies()
        .into_iter()
        .find_map(|body| match body {
            Body::Tick(tick) => Some(*tick),
            _ => None,
        })
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A gateway that is killed at any step and started again has the figures that it had, public ones too, and says the
    /// same as one that went on: what it releases doesn't depend on when it was stopped.
    #[test]
    fn a_restart_releases_what_was_released(seed in any::<u64>(), steps in 20..120_usize, stop in 0..120_usize) {
        let stop = stop % steps;
        let catalogue = catalogue();
        let folder = tempfile::tempdir().unwrap();
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let (mut publisher, mut intake) = open(Some(folder.path()), &catalogue);
        prop_assert_eq!(publisher.replay().unwrap(), 0);
        let mut said = Vec::new();
        let mut sequence = 0;
        let mut all = Tally::new(
            catalogue.region_of_place(), catalogue.regions().len(), 2, Kind::Order,
        );
        for step in 0..steps {
            let now_ms = START_MS - 2_000 + step as i64 * 700;
            for _ in 0..random.random_range(0..3) {
                let kind = if random.random_range(0..3) == 0 { Kind::Payment } else { Kind::Order };
                let from_ms = now_ms - random.random_range(0..900);
                let rows = random.random_range(0..60);
                let batch = batch(&mut random, kind, from_ms, rows);
                let bytes = encode(&batch, 7, sequence).unwrap();
                sequence += 1;
                match offered(&intake, &bytes, now_ms) {
                    Outcome::Taken(_) => all.add(&batch).unwrap(),
                    Outcome::Refused(problem) => prop_assert!(from_ms < START_MS, "{}", problem),
                    other => prop_assert!(false, "{:?}", other),
                }
                prop_assert!(!matches!(offered(&intake, &bytes, now_ms), Outcome::Taken(_)));
            }
            said.push(tick(publisher.step(now_ms, 0)));
            if step == stop {
                let (before, exact) = (public(&publisher), publisher.internal_snapshot(0).into_inner());
                drop((publisher, intake));
                (publisher, intake) = open(Some(folder.path()), &catalogue);
                prop_assert_eq!(publisher.replay().unwrap(), step as u64 + 1);
                prop_assert!(public(&publisher) == before, "public figures differ");
                prop_assert!(publisher.internal_snapshot(0).into_inner() == exact, "exact figures differ");
            }
        }
        prop_assert_eq!(publisher.totals(), all.totals());
        // Once more from the beginning: every tick is what it was.
        drop((publisher, intake));
        let (mut publisher, _) = open(Some(folder.path()), &catalogue);
        publisher.replay().unwrap();
        let last = public(&publisher);
        prop_assert_eq!(last.totals, said.last().unwrap().totals);
        prop_assert_eq!(last.rates, said.last().unwrap().rates);
    }
}

#[test]
fn what_cannot_be_counted_is_refused_by_name() {
    let catalogue = catalogue();
    let (mut publisher, intake) = open(None, &catalogue);
    let now_ms = START_MS + 60_000;
    publisher.step(now_ms, 0);
    let with = |change: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new(Kind::Order, now_ms, now_ms + 100);
        batch.push(3, 1, 0, 500, Batch::DOMESTIC);
        change(&mut batch);
        offered(&intake, &encode(&batch, 1, 1).unwrap(), now_ms)
    };
    for (change, words) in [
        (
            &(|batch: &mut Batch| batch.category[0] = 2) as &dyn Fn(&mut Batch),
            "category 2 doesn't exist",
        ),
        (&|batch| batch.place[0] = 40_000, "place 40000 doesn't exist"),
        (&|batch| batch.channel[0] = 3, "channel 3 doesn't exist"),
        (&|batch| batch.ships_from[0] = 250, "ships_from 250 doesn't exist"),
        (&|batch| batch.from_ms = START_MS - 1, "the day is from"),
        (
            &|batch| (batch.from_ms, batch.to_ms) = (START_MS + 3_600_000, START_MS + 3_600_001),
            "the day is from",
        ),
        (&|batch| batch.to_ms = now_ms + 3_600_001, "it spans 3600001 ms"),
        (
            &|batch| batch.amount_minor[0] = MAX_AMOUNT_MINOR as i64 + 1,
            "can be at most",
        ),
        (&|batch| batch.amount_minor[0] = i64::MIN, "can be at most"),
        (
            &|batch| {
                batch.items.row.push(0);
                batch.items.product.push(1);
                batch.items.units.push(1);
                batch.items.amount_minor.push(1);
            },
            "product 1 doesn't exist",
        ),
        (
            &|batch| {
                batch.items.row.push(1);
                batch.items.product.push(0);
                batch.items.units.push(1);
                batch.items.amount_minor.push(1);
            },
            "row 1 doesn't exist",
        ),
    ] {
        match with(change) {
            Outcome::Refused(problem) => assert!(problem.contains(words), "{problem}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    // A clock that is ahead loses nothing.
    match with(&|batch| (batch.from_ms, batch.to_ms) = (now_ms + 5_001, now_ms + 5_002)) {
        Outcome::Later(problem) => assert!(problem.contains("5001 ms after"), "{problem}"),
        other => panic!("{other:?}"),
    }
    // A refused number isn't used up.
    assert!(matches!(with(&|_| ()), Outcome::Taken(1)));
    assert!(matches!(with(&|_| ()), Outcome::Duplicate(1)));
    // Another batch of the same name is no duplicate.
    match with(&|batch| batch.amount_minor[0] = 501) {
        Outcome::Refused(problem) => assert!(problem.contains("other orders in it"), "{problem}"),
        other => panic!("{other:?}"),
    }
    assert!(intake.offer(b"MOB1", now_ms).1.is_err());
    publisher.step(now_ms + 100, 0);
    assert_eq!(publisher.totals().counts.orders, 1);
    let mut batch = Batch::new(Kind::Order, now_ms, now_ms + 100);
    batch.push(3, 1, 0, 500, Batch::DOMESTIC);
    // What comes late is taken until the day is closed, by its steps and not by whoever reads a clock.
    let bytes = encode(&batch, 1, 2).unwrap();
    let late = offered(&intake, &bytes, START_MS + 3_630_000);
    assert!(matches!(late, Outcome::Taken(2)), "{late:?}");
    publisher.step(START_MS + 3_629_999, 0);
    assert_eq!(
        (publisher.totals().counts.orders, publisher.is_over()),
        (2, false)
    );
    publisher.step(START_MS + 3_630_000, 0);
    assert!(publisher.is_over());
    let late = |sequence, now_ms| offered(&intake, &encode(&batch, 1, sequence).unwrap(), now_ms);
    assert_eq!(
        late(3, START_MS + 3_630_000),
        Outcome::Refused("the day is over".to_owned())
    );
    // One that is sent again after that is known still.
    assert_eq!(late(2, START_MS + 3_630_000), Outcome::Duplicate(2));
    // A log that ends after the clock turns nothing away for good.
    assert!(matches!(late(3, START_MS + 5_000), Outcome::Later(_)));
}

/// What came in is counted where event time has to wait, and a restart comes to the same.
#[test]
fn orders_are_counted_while_event_time_waits() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
    publisher.replay().unwrap();
    let at_ms = START_MS + 3_600_000;
    publisher.step(at_ms, 0);
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(11);
    for sequence in 0..50 {
        assert!(publisher.step(at_ms, 0).public.is_empty(), "nothing waits");
        let from_ms = START_MS + 60_000 + sequence as i64;
        let bytes = encode(&batch(&mut random, Kind::Order, from_ms, 30), 1, sequence).unwrap();
        let Outcome::Taken(ticket) = offered(&intake, &bytes, at_ms) else {
            panic!("not taken")
        };
        publisher.step(at_ms, 0);
        assert!(*intake.counted().borrow() >= ticket);
    }
    assert_eq!(publisher.event_ms(), at_ms);
    let exact = publisher.totals();
    assert!(exact.counts.orders > 1_400);
    publisher.step(at_ms + 100, 0);
    let shown = public(&publisher);
    assert!(shown.totals.counts.orders > 1_300);
    drop((publisher, intake));
    let (mut publisher, _) = open(Some(folder.path()), &catalogue);
    assert_eq!(publisher.replay().unwrap(), 52);
    assert_eq!(publisher.totals(), exact);
    assert!(public(&publisher) == shown);
}

/// However the rows of a day are split and whenever they come, no sum leaves 64 bits; and whoever sends the most there can be
/// leaves the others what is theirs.
#[test]
fn greatest_amounts_use_up_what_one_source_has_and_no_more() {
    let catalogue = catalogue();
    let (mut publisher, intake) = open_day(&day("").replace("EUR", "JPY"), None, &catalogue);
    let most = i64::try_from(source::budget::max_amount_minor(
        &Currency::from_code("JPY").unwrap(),
    ))
    .unwrap();
    let now_ms = START_MS + 60_000;
    let of = |kind, source, sequence| {
        let mut batch = Batch::new(kind, now_ms - 500, now_ms);
        for _ in 0..8_000 {
            batch.push(3, 1, 0, most, Batch::DOMESTIC);
        }
        encode(&batch, source, sequence).unwrap()
    };
    let mut sent = Vec::new();
    for source in 0..20_u32 {
        let mut taken = 0_u64;
        let problem = loop {
            match offered(&intake, &of(Kind::Order, source, taken), now_ms) {
                Outcome::Taken(_) => taken += 1,
                Outcome::Later(problem) => break problem,
                other => panic!("{other:?}"),
            }
            publisher.step(now_ms + i64::from(source) * 1_000 + taken as i64, 0);
            assert_eq!(publisher.mode(), Mode::Live);
        };
        sent.push(taken);
        let words = if taken > 1 { "of source" } else { "no number" };
        assert!(problem.contains(words), "{source}: {problem}");
        // What carries no value is counted all the same.
        let payments = of(Kind::Payment, source, taken + 1);
        assert!(matches!(offered(&intake, &payments, now_ms), Outcome::Taken(_)));
    }
    assert_eq!(sent[..15], [9; 15]);
    assert_eq!(sent.last(), Some(&0), "all who send as anybody have a half");
    // Those who are bound to a number have theirs.
    let (receipts, _) = intake.offer_as(&of(Kind::Order, 77, 1), numbered(&[77]), now_ms);
    assert!(matches!(receipts[0].outcome, Outcome::Taken(_)), "{receipts:?}");
    let told = intake.beyond();
    assert_eq!(told.len(), 20, "each is told of once: {told:?}");
    assert!(intake.beyond().is_empty());
}

/// Batches of nothing wait, cost and are answered like others.
#[test]
fn batches_of_nothing_have_a_most() {
    let catalogue = catalogue();
    let (mut publisher, intake) = open(None, &catalogue);
    let now_ms = START_MS + 60_000;
    let empty = Batch::new(Kind::Order, now_ms - 1, now_ms);
    let message = |from: u64, many: u64, source| -> Vec<u8> {
        (from..from + many)
            .flat_map(|number| encode(&empty, source, number * 2).unwrap())
            .collect()
    };
    let taken = |bytes: &[u8]| {
        let (receipts, read) = intake.offer(bytes, now_ms);
        read.unwrap();
        let taken = |receipt: &&source::intake::Receipt| matches!(receipt.outcome, Outcome::Taken(_));
        let later = |receipt: &&source::intake::Receipt| matches!(receipt.outcome, Outcome::Later(_));
        let counts = (
            receipts.iter().filter(taken).count(),
            receipts.iter().filter(later).count(),
        );
        assert_eq!(counts.0 + counts.1, receipts.len());
        counts
    };
    // A message has a most.
    assert_eq!(taken(&message(0, 5_000, 1)), (4_096, 904));
    let mut all = 4_096;
    for part in 1..10 {
        all += taken(&message(part * 10_000, 4_000, 1)).0;
    }
    assert_eq!(all, 20_000, "and so has a source");
    assert_eq!(taken(&message(500_000, 10, 1)), (0, 10));
    assert_eq!(taken(&message(0, 10, 2)), (10, 0), "others go on");
    publisher.step(now_ms, 0);
    assert_eq!(
        taken(&message(500_000, 300, 1)),
        (200, 100),
        "with each step it may send some more"
    );
    // A step takes no more of them than of rows.
    publisher.step(now_ms + 100, 0);
    let source = |number: u64| message(0, 4_000, 10 + number as u32);
    let mut waiting = 0;
    for number in 0..100 {
        waiting += taken(&source(number)).0;
    }
    assert!((300_000..320_000).contains(&waiting), "{waiting} wait");
    let before = *intake.counted().borrow();
    publisher.step(now_ms + 200, 0);
    let step = *intake.counted().borrow() - before;
    assert!((30_000..33_000).contains(&step), "{step} in a step");
    // The day isn't over before all that came was counted.
    publisher.step(START_MS + 3_700_000, 0);
    assert!(!publisher.is_over());
    for more in 0..20 {
        publisher.step(START_MS + 3_700_100 + more * 100, 0);
    }
    assert!(publisher.is_over());
    assert_eq!(*intake.counted().borrow(), before + waiting as u64);
}

#[test]
fn silence_is_said_and_ends() {
    let catalogue = catalogue();
    let (mut publisher, intake) = open(None, &catalogue);
    let mut codes = Vec::new();
    for step in 0..200_i64 {
        let now_ms = START_MS + step * 100;
        if step == 5 || step == 100 {
            let mut batch = Batch::new(Kind::Order, now_ms - 100, now_ms);
            batch.push(3, 1, 0, 500, Batch::DOMESTIC);
            offered(&intake, &encode(&batch, 1, step as u64).unwrap(), now_ms);
        }
        for body in publisher.step(now_ms, 0).public_bodies() {
            if let Body::Notice(notice) = body {
                codes.push((step, notice.code));
            }
        }
    }
    let expected = [
        (55, "source_silent"),
        (100, "source_back"),
        (150, "source_silent"),
    ];
    assert_eq!(codes.len(), 3, "{codes:?}");
    for ((step, code), (at, name)) in codes.iter().zip(expected) {
        assert_eq!((*step, code.as_str()), (at, name));
    }
}

/// Ten seconds of orders that come at once, after the network was gone, are no peak of ten times as many.
#[test]
fn a_backlog_makes_no_peak() {
    let catalogue = catalogue();
    let (mut publisher, intake) = open(None, &catalogue);
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
    let mut kept = Vec::new();
    for step in 0..400_i64 {
        let now_ms = START_MS + step * 100;
        let mut batch = batch(&mut random, Kind::Order, now_ms - 100, 50);
        batch
            .amount_minor
            .iter_mut()
            .for_each(|amount| *amount = amount.abs());
        if batch.from_ms >= START_MS {
            kept.push(encode(&batch, 1, step as u64).unwrap());
        }
        if !(150..250).contains(&step) {
            for bytes in kept.drain(..) {
                assert!(matches!(offered(&intake, &bytes, now_ms), Outcome::Taken(_)));
            }
        }
        publisher.step(now_ms, 0);
    }
    // More in a second than can be is known in the step in which it comes.
    let mut flood = Batch::new(Kind::Order, START_MS + 39_900, START_MS + 40_000);
    for _ in 0..1_200 {
        flood.push(3, 1, 0, 5, Batch::DOMESTIC);
    }
    let (exact, shown) = (publisher.rates(), public(&publisher).rates);
    offered(&intake, &encode(&flood, 2, 1).unwrap(), START_MS + 40_000);
    publisher.step(START_MS + 40_000, 0);
    assert!(publisher.fullest().0 >= 1_200, "{:?}", publisher.fullest());
    assert_eq!((exact.orders_per_s, exact.peak_orders_per_s), (500, 500));
    assert!((450..=550).contains(&shown.orders_per_s), "{shown:?}");
    assert!((450..=550).contains(&shown.peak_orders_per_s), "{shown:?}");
}

#[test]
fn walls_are_told_how_many_are_told_together() {
    let catalogue = catalogue();
    let (publisher, _) = open(None, &catalogue);
    assert_eq!(publisher.hello().k, Some(Privacy::default().k()));
    assert_eq!(publisher.hello_to(DataClass::Internal).k, None);
    let publisher = publisher.with_privacy(Privacy::new(37).unwrap()).unwrap();
    assert_eq!(publisher.hello().k, Some(37));
    let publisher = publisher.with_privacy(Privacy::off()).unwrap();
    assert_eq!(publisher.hello().k, None);
    // A generated day's orders are nobody's.
    let day = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = day.hello().day.start_ms;
    let publisher = Publisher::new(Box::new(day), catalogue, start_ms, 1.0).unwrap();
    assert_eq!(publisher.hello().k, None);
}

#[test]
fn a_day_that_is_joined_late_has_no_peak_before_that() {
    let catalogue = catalogue();
    let joined_ms = START_MS + 50 * 60_000 + 300;
    let day = LiveDay::parse(&day("lag_s = 1"), &catalogue, joined_ms).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, privacy) =
        LiveSource::open(day, Some(folder.path()), &catalogue, Privacy::default()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
    let mut publisher = publisher.with_privacy(privacy).unwrap();
    publisher.replay().unwrap();
    // Long enough for a group of any size that the guard may wait for.
    for second in 1..60 {
        let now_ms = joined_ms + second * 1_000;
        let mut batch = Batch::new(Kind::Order, now_ms - 100, now_ms);
        batch.push(3, 1, 0, 500, Batch::DOMESTIC);
        offered(&intake, &encode(&batch, 1, second as u64).unwrap(), now_ms);
        publisher.step(now_ms, 0);
    }
    let shown = public(&publisher);
    assert!(shown.totals.counts.orders >= 10, "{:?}", shown.totals);
    let rates = shown.rates;
    assert_eq!(rates.peak_orders_per_s, 1);
    assert!(rates.peak_orders_at_ms >= start_ms, "{rates:?}");
}

fn numbered(numbers: &[u32]) -> Sender<'_> {
    Sender { token: "1", numbers }
}

/// A token without a number sends empty batches under all numbers that there are: over a restart, too, another's are taken.
#[test]
fn a_token_without_a_number_keeps_no_source_out() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = catalogue();
    let empty = |source| encode(&Batch::new(Kind::Order, START_MS, START_MS + 100), source, 1).unwrap();
    for run in 0..2_u32 {
        let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
        publisher.replay().unwrap();
        let first = run * 66_000;
        let all: Vec<u8> = (first..first + 1_100).flat_map(empty).collect();
        let anybody = Sender {
            token: "1",
            numbers: &[],
        };
        let (receipts, read) = intake.offer_as(&all, anybody, START_MS);
        read.unwrap();
        let taken = receipts
            .iter()
            .filter(|receipt| matches!(receipt.outcome, Outcome::Taken(_)));
        assert_eq!(taken.count(), 1_024);
        assert_eq!(intake.beyond().len(), 1, "it is told of once");
        let other = 4_000_000 + run;
        let (receipts, _) = intake.offer_as(&empty(other), numbered(&[other]), START_MS);
        assert!(matches!(receipts[0].outcome, Outcome::Taken(_)), "{receipts:?}");
        publisher.step(START_MS + 1_000, START_MS);
    }
}

#[test]
fn nobody_takes_another_sources_place() {
    let (mut publisher, intake) = open(None, &catalogue());
    publisher.replay().unwrap();
    let mut batch = Batch::new(Kind::Order, START_MS, START_MS + 100);
    batch.push(3, 1, 0, 500, Batch::DOMESTIC);
    let as_two = [encode(&batch, 2, 9).unwrap(), encode(&batch, 3, 9).unwrap()].concat();
    let (receipts, read) = intake.offer_as(&as_two, numbered(&[3, 4]), START_MS);
    read.unwrap();
    let outcomes: Vec<&Outcome> = receipts.iter().map(|receipt| &receipt.outcome).collect();
    let Outcome::Refused(problem) = outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        problem,
        "the token is for source 3, 4, not for 2: send with --number 3 or 4"
    );
    assert!(!matches!(outcomes[1], Outcome::Refused(_)), "{outcomes:?}");
    assert_eq!(intake.busiest(), Some((3, 100)));
    // The place is free for whose it is.
    let (receipts, _) = intake.offer_as(&as_two, numbered(&[2]), START_MS);
    assert!(
        !matches!(receipts[0].outcome, Outcome::Refused(_) | Outcome::Duplicate(_)),
        "{receipts:?}"
    );
    for sequence in 20..22 {
        offered(&intake, &encode(&batch, 2, sequence).unwrap(), START_MS);
    }
    assert_eq!(intake.busiest(), Some((2, 75)));
    publisher.step(START_MS + 200, 0);
    publisher.step(START_MS + 300, 0);
    assert_eq!(intake.busiest(), None);
}

#[test]
fn a_day_file_that_is_wrong_says_what_and_where() {
    let catalogue = catalogue();
    assert!(LiveDay::parse(&day(""), &catalogue, 0).is_ok());
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/live-day.toml")).unwrap();
    let today = LiveDay::parse(&shipped, &catalogue, START_MS + 7_200_000).unwrap();
    // 19:00 in Berlin: the day began at 23:00 UTC the day before.
    assert_eq!(today.start_ms(), START_MS + 7_200_000);
    // One that begins, or began a minute ago, has all of itself.
    let midnight_ms = START_MS + 7 * 3_600_000;
    for into_ms in [0, 60_000, 300_000] {
        let day = LiveDay::parse(&shipped, &catalogue, midnight_ms + into_ms).unwrap();
        assert_eq!(day.start_ms(), midnight_ms - 10_000);
    }
    assert_eq!(today.name(), "live 2025-11-10.orders");
    assert!(today.is_daily());
    // What comes at midnight waits for the next day.
    let (source, _) = LiveSource::open(today, None, &catalogue, Privacy::default()).unwrap();
    let mut batch = Batch::new(Kind::Order, midnight_ms, midnight_ms + 100);
    batch.push(3, 1, 0, 500, Batch::DOMESTIC);
    let answer = offered(
        &source.intake(),
        &encode(&batch, 1, 1).unwrap(),
        midnight_ms + 100,
    );
    assert!(matches!(answer, Outcome::Later(_)), "{answer:?}");
    // Where clocks are changed a day has 25 or 23 hours, and the next one follows it.
    for (instant, hours) in [
        ("2026-10-25T21:59:00Z", 25),
        ("2026-03-29T21:59:00Z", 23),
        ("2026-03-30T10:00:00Z", 24),
    ] {
        let now_ms = chrono::DateTime::parse_from_rfc3339(instant)
            .unwrap()
            .timestamp_millis();
        let day = LiveDay::parse(&shipped, &catalogue, now_ms).unwrap();
        let (source, _) = LiveSource::open(day.clone(), None, &catalogue, Privacy::default()).unwrap();
        let span = source.hello().day;
        assert_eq!(span.end_ms - span.start_ms, hours * 3_600_000, "{instant}");
        assert!((span.start_ms..span.end_ms).contains(&now_ms));
        let next = LiveDay::parse(&shipped, &catalogue, span.end_ms + 60_000).unwrap();
        assert!(next.name() != day.name() && next.day_start_ms() == span.end_ms);
    }
    for (from, to, words) in [
        ("currency", "currenzy", "unknown field `currenzy`"),
        ("'EUR'", "'EURO'", "currency"),
        ("hours = 1", "hours = 100", "day.hours: 100"),
        (
            "start = '2025-11-10T16:00:00+00:00'",
            "zone = 'UTC'",
            "day.hours: 1 needs a day.start",
        ),
        ("2025-11-10T16:00:00+00:00", "tomorrow", "day.start"),
        (
            "2025-11-10T16:00:00+00:00",
            "2025-11-10T16:00:09+00:00",
            "begin with a minute",
        ),
        ("hours = 1", "hours = 1\nzone = 'UTC'", "leave out start or zone"),
        ("hours = 1", "hours = 1\nlag_s = 11", "day.lag_s: 11"),
        ("id = 'shoe'", "id = 'Shoe!'", "product[0].id"),
        ("category = 'B'", "category = 'C'", "product[0].category"),
        ("celebrate = [1]", "celebrate = [2, 1]", "celebrate[1]"),
        ("en = 'B'", "en = 'A'", "appears twice"),
    ] {
        let text = day("").replacen(from, to, 1);
        let problem = LiveDay::parse(&text, &catalogue, 0).unwrap_err();
        assert!(problem.contains(words), "{problem}");
    }
}

/// Orders that wait are restricted: nothing that is written of the intake has any of them.
#[test]
fn what_waits_is_not_written_down() {
    let catalogue = catalogue();
    let (_publisher, intake) = open(None, &catalogue);
    let mut batch = Batch::new(Kind::Order, START_MS, START_MS + 100);
    batch.push(3, 1, 0, 987_654_321, Batch::DOMESTIC);
    let bytes = encode(&batch, 1, 1).unwrap();
    assert!(matches!(offered(&intake, &bytes, START_MS), Outcome::Taken(_)));
    let pulled = Pulled {
        batches: vec![Restricted::new(batch)],
        ..Pulled::default()
    };
    let written = format!("{intake:?} {pulled:?} {:?}", Restricted::new(987_654_321));
    assert!(
        written.contains("Intake") && !written.contains("987654321"),
        "{written}"
    );
}

/// An order file that is played goes on after a restart as if there had been none, public figures included.
#[test]
fn an_order_file_is_retraced() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("gateway.journal");
    let open = |privacy| {
        let orders = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/orders-dirty.csv"
        );
        let source = OrdersSource::open(orders, "uci-online-retail", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms - 500;
        let (source, privacy) = ReplayLog::open(Box::new(source), &state, start_ms, privacy)?;
        let start_ms = source.start_ms();
        let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
        Ok::<_, store::journal::JournalError>(publisher.with_privacy(privacy).unwrap())
    };
    let privacy = Privacy::new(3).unwrap();
    let mut publisher = open(privacy).unwrap();
    assert_eq!(publisher.replay().unwrap(), 0);
    let start_ms = publisher.event_ms();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(9);
    let mut steps = 0;
    while !publisher.ended() {
        let before = (publisher.totals(), public(&publisher));
        if random.random_range(0..6) == 0 {
            drop(publisher);
            publisher = open(privacy).unwrap();
            assert_eq!(publisher.replay().unwrap(), steps);
            assert!((publisher.totals(), public(&publisher)) == before);
        }
        publisher.step(publisher.event_ms() + random.random_range(60_000..4_000_000), 0);
        steps += 1;
    }
    assert!(steps > 10 && publisher.event_ms() > start_ms && public(&publisher).totals.counts.orders >= 3);
    drop(publisher);
    let error = open(Privacy::new(4).unwrap()).err().unwrap().to_string();
    assert!(error.contains("privacy.k 3, and now it is 4"), "{error}");
}

/// What a step without orders takes: `cargo test --release -p meridian-gateway --lib live::tests::measure -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn measure_quiet_steps() {
    let catalogue = catalogue();
    let folder = tempfile::tempdir().unwrap();
    let (mut publisher, intake) = open(Some(folder.path()), &catalogue);
    publisher.replay().unwrap();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
    for step in 0..20_000_i64 {
        let now_ms = START_MS + step * 100;
        if step % 10 == 0 {
            let batch = batch(&mut random, Kind::Order, now_ms, 3);
            offered(&intake, &encode(&batch, 1, step as u64).unwrap(), now_ms);
        }
        publisher.step(now_ms, 0);
    }
    drop((publisher, intake));
    let (mut publisher, _) = open(Some(folder.path()), &catalogue);
    let began = std::time::Instant::now();
    let steps = publisher.replay().unwrap();
    println!(
        "{:.1} µs a step",
        began.elapsed().as_secs_f64() * 1e6 / steps as f64
    );
}

/// What a start takes that goes through a million batches of a row each, or of nothing.
#[test]
#[ignore = "measures"]
fn measure_many_batches() {
    let catalogue = catalogue();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
    for rows in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(Some(folder.path()), &catalogue));
        let path = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let file = std::fs::read(&path).unwrap();
        let mut bytes = file;
        let record = |kind: u8, payload: &[u8], out: &mut Vec<u8>| {
            let length = (payload.len() as u32).to_le_bytes();
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&[kind]);
            hasher.update(&length);
            hasher.update(payload);
            out.push(kind);
            out.extend_from_slice(&length);
            out.extend_from_slice(&hasher.finalize().to_le_bytes());
            out.extend_from_slice(payload);
        };
        for step in 0..10_000_i64 {
            let now_ms = START_MS + 1_000 + step * 100;
            for number in 0..100_u64 {
                let batch = batch(&mut random, Kind::Order, now_ms - 100, rows);
                let sequence = (step as u64 * 100 + number) * 2;
                record(1, &encode(&batch, 1, sequence).unwrap(), &mut bytes);
            }
            let mut payload = now_ms.to_le_bytes().to_vec();
            payload.extend_from_slice(&100_u32.to_le_bytes());
            record(2, &payload, &mut bytes);
        }
        std::fs::write(&path, &bytes).unwrap();
        let (mut publisher, _) = open(Some(folder.path()), &catalogue);
        let began = std::time::Instant::now();
        assert_eq!(publisher.replay().unwrap(), 10_000);
        println!(
            "{rows} rows: {:.2} s for a million batches",
            began.elapsed().as_secs_f64()
        );
    }
}
