use tokio_tungstenite::tungstenite::protocol::Message;

use super::follower::RELAY_SNAPSHOT_MS;
use super::frame::thin;
use super::*;
use crate::publish::sealed::{Known, PublicClass};
use crate::source::clock::{Reading, mono_us};
use crate::{Publisher, ScenarioSource, Source, load_catalogue, wall_ms};
use meridian_wire::codec::{Packed, Relayed, frame_bin, split_bin};
use meridian_wire::{
    Cell, Frame, Heartbeat, Keyed, Lights, Mode, PublicKey, Published, Sequencer, Totals, Verdict, open_bin,
    open_json,
};

/// A day that is published into a hub, and what a client knows of it.
struct Stage {
    publisher: Publisher,
    outlet: Outlet<PublicClass>,
    key: Arc<SigningKey>,
}

impl Stage {
    fn new() -> Self {
        let catalogue = load_catalogue().unwrap();
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms + 60_000;
        let publisher = Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap();
        let key = Arc::new(SigningKey::ephemeral().unwrap());
        let outlet = Outlet::new(6, 0, publisher.hello(), Some(Arc::clone(&key)), Clock::system());
        outlet.set_snapshot(Known::new(publisher.public_snapshot(0)));
        Self {
            publisher,
            outlet,
            key,
        }
    }

    fn step(&mut self) {
        let to_ms = self.publisher.event_ms() + 10;
        let step = self.publisher.step(to_ms, 0);
        self.outlet.publish(step.public);
    }

    fn client(&self, form: Form) -> Client {
        let wants = Wants {
            form,
            lights_per_s: None,
            relay: false,
        };
        Client {
            follower: self.hub().follow(DataClass::Internal, wants),
            key: self.key.public(),
            sequencer: Sequencer::new(),
            known: None,
            frames: 0,
        }
    }

    fn hub(&self) -> &Arc<Hub> {
        self.outlet.hub()
    }

    fn truth(&self) -> Snapshot {
        *self.publisher.public_snapshot(0).into_inner()
    }

    /// Keeps what is known now for those who come.
    fn keep(&self) {
        self.outlet
            .set_snapshot(Known::new(self.publisher.public_snapshot(0)));
    }
}

struct Client {
    follower: Follower,
    key: PublicKey,
    sequencer: Sequencer,
    known: Option<Snapshot>,
    frames: usize,
}

impl Client {
    fn read(&mut self, messages: Vec<Message>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for message in messages {
            let opened = match &message {
                Message::Text(text) => open_json(text.as_bytes(), Some(&self.key)),
                Message::Binary(bytes) => open_bin(bytes, Some(&self.key)),
                other => panic!("{other:?}"),
            }
            .unwrap();
            let verdict = self.sequencer.accept_after(&opened.frame, opened.base);
            assert!(
                matches!(verdict, Verdict::Apply | Verdict::NewEpoch),
                "{verdict:?} {}",
                opened.frame.seq
            );
            match &opened.frame.body {
                Body::Snapshot(snapshot) => self.known = Some((**snapshot).clone()),
                body => {
                    if let Some(known) = &mut self.known {
                        known.apply(body);
                    }
                }
            }
            frames.push(opened.frame);
        }
        self.frames += frames.len();
        frames
    }

    fn begin(&mut self, resume: Option<Position>) -> Vec<Frame> {
        let messages = self.follower.begin(resume).unwrap();
        self.read(messages)
    }

    fn next(&mut self) -> Vec<Frame> {
        let messages = self.follower.lacking().unwrap();
        self.read(messages)
    }

    /// Rows, in one order.
    fn figures(&self) -> (Totals, Vec<Keyed>, Vec<Keyed>, Vec<Cell>) {
        figures(self.known.as_ref().unwrap())
    }
}

fn figures(snapshot: &Snapshot) -> (Totals, Vec<Keyed>, Vec<Keyed>, Vec<Cell>) {
    let mut cells = snapshot.cells.clone();
    cells.sort_by_key(|cell| (cell.region, cell.category));
    let mut regions = snapshot.regions.clone();
    regions.sort_by_key(|row| row.id);
    (snapshot.totals, regions, snapshot.categories.clone(), cells)
}

/// What a client knows once cells were sent: they come with every tenth tick.
fn settle(stage: &mut Stage) {
    while stage.publisher.event_ms() % 100 != 0 {
        stage.step();
    }
}

fn notice(code: &str) -> Announcement {
    Announcement::Notice(Notice {
        level: meridian_wire::Level::Warning,
        code: code.to_owned(),
        text: meridian_wire::Names::default(),
        published_ms: 0,
        args: std::collections::BTreeMap::new(),
    })
}

/// What holds is told with the snapshot until it is taken back, in every form; what only happened isn't.
#[test]
fn what_still_holds_is_told_to_whoever_comes() {
    let mut stage = Stage::new();
    let told = |stage: &Stage| {
        let seen = [Form::Json, Form::Bin, Form::BinZstd].map(|form| {
            let mut client = stage.client(form);
            client.begin(None);
            let notices = client.known.unwrap().notices.into_iter();
            notices.map(|notice| notice.code).collect::<Vec<_>>()
        });
        assert!(seen[0] == seen[1] && seen[1] == seen[2], "{seen:?}");
        seen[0].join(" ")
    };
    let direct = |held| {
        Announcement::Direct(Direct {
            held,
            ..Direct::default()
        })
    };
    for (body, expected) in [
        (notice("directed"), ""),
        (notice("source_silent"), "source_silent"),
        (notice("source_silent"), "source_silent"),
        (notice("storage_failing"), "source_silent storage_failing"),
        (direct(true), "source_silent storage_failing"),
        (notice("held"), "source_silent storage_failing held"),
        (notice("source_back"), "storage_failing held"),
        (notice("storage_back"), "held"),
        (direct(false), ""),
        (notice("clock_jumped"), "clock_jumped"),
        (notice("clock_set"), ""),
        (notice("implausible"), "implausible"),
    ] {
        stage.step();
        stage.hub().announce(body);
        stage.keep();
        assert_eq!(told(&stage), expected);
    }
    // Held figures are what they were after a restart, and why; all else is looked at anew.
    stage.hub().announce(notice("source_silent"));
    stage.hub().announce(direct(true));
    let kept = stage.outlet.known().unwrap();
    stage.outlet.set_snapshot(kept);
    let kept = stage.outlet.known().unwrap();
    let again = Stage::new();
    again.outlet.open(8, 5, kept);
    assert_eq!(told(&again), "implausible");
    assert!(again.hub().stands("implausible") && !again.hub().stands("source_silent"));
}

#[test]
fn whoever_keeps_up_gets_every_frame_and_whoever_does_not_gets_the_same_figures() {
    let mut stage = Stage::new();
    let mut quick = stage.client(Form::BinZstd);
    let mut text = stage.client(Form::Json);
    let mut slow = stage.client(Form::Bin);
    let mut slower = stage.client(Form::Bin);
    let mut gone = stage.client(Form::Bin);
    for client in [&mut quick, &mut text, &mut slow, &mut slower, &mut gone] {
        let first = client.begin(None);
        assert!(matches!(first[0].body, Body::Hello(_)) && matches!(first[1].body, Body::Snapshot(_)));
    }
    for step in 1..=200 {
        stage.step();
        if step % 10 == 0 {
            stage.keep();
        }
        quick.next();
        text.next();
        if step % 7 == 0 {
            let frames = slow.next();
            let ticks = frames
                .iter()
                .filter(|frame| matches!(frame.body, Body::Tick(_)))
                .count();
            let lights = frames
                .iter()
                .filter(|frame| matches!(frame.body, Body::Lights(_)))
                .count();
            assert_eq!((ticks, lights), (1, 1), "seven ticks are one, and fewer lights");
        }
        if step % 20 == 0 {
            slower.next();
        }
    }
    settle(&mut stage);
    let truth = figures(&stage.truth());
    for client in [&mut quick, &mut text, &mut slow, &mut slower] {
        client.next();
        assert_eq!(client.figures(), truth);
    }
    assert!(slow.follower.frames_left_out() > 0 && quick.follower.frames_left_out() == 0);
    assert!(slower.frames < slow.frames && slow.frames < quick.frames);
    // It fell out of the ring: everything anew, without a new connection.
    let frames = gone.next();
    assert!(matches!(frames[0].body, Body::Snapshot(_)));
    assert_eq!(gone.figures(), truth);
}

#[test]
fn whoever_comes_back_goes_on_where_it_was_if_that_is_still_there() {
    let mut stage = Stage::new();
    let mut client = stage.client(Form::Bin);
    client.begin(None);
    stage.step();
    client.next();
    let position = client.sequencer.position().unwrap();
    for _ in 0..40 {
        stage.step();
    }
    let mut back = stage.client(Form::Bin);
    back.sequencer = client.sequencer.clone();
    back.known.clone_from(&client.known);
    let frames = back.begin(Some(position));
    assert!(
        frames
            .iter()
            .all(|frame| !matches!(frame.body, Body::Snapshot(_)))
    );
    let totals = back.known.as_ref().unwrap().totals;
    assert_eq!(totals, stage.truth().totals);
    // Another stream's position, one that never was, and one that is long gone.
    for (epoch, seq) in [(7, position.seq), (6, position.seq + 10_000)] {
        let mut stranger = stage.client(Form::Bin);
        let frames = stranger.begin(Some(Position { epoch, seq }));
        assert!(matches!(frames[1].body, Body::Snapshot(_)));
    }
    for _ in 0..200 {
        stage.step();
    }
    stage.keep();
    let frames = stage.client(Form::Bin).begin(Some(position));
    assert!(matches!(frames[1].body, Body::Snapshot(_)));
}

#[test]
fn what_is_known_of_a_stream_is_what_was_published() {
    let mut stage = Stage::new();
    for _ in 0..47 {
        stage.step();
    }
    settle(&mut stage);
    let known = stage.outlet.known().unwrap().into_snapshot();
    assert_eq!(figures(&known), figures(&stage.truth()));
    assert_eq!(known.reached, stage.truth().reached);
}

/// Through a relay, and another behind it, a display still believes the source's key alone.
#[test]
fn a_relayed_frame_is_its_sources() {
    let mut stage = Stage::new();
    let relays: Vec<RelayOutlet> = (0..2).map(|_| RelayOutlet::new(Clock::system())).collect();
    let relay_wants = Wants {
        form: Form::BinZstd,
        lights_per_s: None,
        relay: true,
    };
    let mut links = [stage.hub(), relays[0].hub()].map(|hub| hub.follow(DataClass::Public, relay_wants));
    let pass = |messages: Vec<Message>, relay: &RelayOutlet| {
        for message in messages {
            let Message::Binary(bytes) = message else {
                panic!("binary")
            };
            let frame = open_bin(&bytes, None).unwrap().frame;
            let relayed = split_bin(&bytes).unwrap();
            match frame.body {
                Body::Hello(hello) => relay.restart(frame.epoch, frame.seq, *hello, relayed),
                body => relay.pass_on(frame.epoch, frame.seq, body, relayed),
            }
        }
    };
    for (link, relay) in links.iter_mut().zip(&relays) {
        pass(link.begin(None).unwrap(), relay);
    }
    let wants = |lights_per_s| Wants {
        form: Form::Bin,
        lights_per_s,
        relay: false,
    };
    let key = stage.key.public();
    let client = |wants| Client {
        follower: relays[1].hub().follow(DataClass::Public, wants),
        key,
        sequencer: Sequencer::new(),
        known: None,
        frames: 0,
    };
    let (mut quick, mut slow) = (client(wants(None)), client(wants(Some(0))));
    quick.begin(None);
    slow.begin(None);
    for step in 1..=300 {
        stage.step();
        if step % 10 == 0 {
            stage.keep();
        }
        for (link, relay) in links.iter_mut().zip(&relays) {
            pass(link.lacking().unwrap(), relay);
        }
        quick.next();
        if step % 60 == 0 {
            slow.next();
        }
    }
    slow.next();
    let truth = stage.truth();
    for client in [&quick, &slow] {
        assert_eq!(client.known.as_ref().unwrap().totals, truth.totals);
    }
    // Those who come late find a snapshot that isn't far behind.
    let mut late = client(wants(None));
    let frames = late.begin(None);
    assert!(matches!(frames[1].body, Body::Snapshot(_)));
    assert_eq!(late.known.as_ref().unwrap().totals, truth.totals);
}

/// What it takes for another gateway's frames to be passed on.
fn relayed(epoch: u64, seq: u64, body: &Body) -> Relayed {
    let packed = Packed::new(body).unwrap();
    let bytes = frame_bin(epoch, seq, 0, &packed.tail(None, false)).unwrap();
    split_bin(&bytes).unwrap()
}

/// A relay's stream has no class before its hello came, and may have another one after its source's restart.
#[test]
fn whoever_may_not_see_a_relayed_stream_is_told_nothing_of_it() {
    let mut stage = Stage::new();
    stage.step();
    let wants = Wants {
        form: Form::Bin,
        lights_per_s: None,
        relay: false,
    };
    let relay = RelayOutlet::new(Clock::system());
    let hub = relay.hub();
    assert_eq!(hub.class(), None);
    let mut wall = hub.follow(DataClass::Public, wants);
    let mut chief = hub.follow(DataClass::Internal, wants);
    let begin = |follower: &mut Follower| follower.begin(None).unwrap().len();
    let lacking = |follower: &mut Follower| follower.lacking().unwrap().len();
    assert_eq!((begin(&mut wall), begin(&mut chief)), (0, 0));
    let snapshot = Body::Snapshot(Box::new(stage.truth()));
    // Figures without a hello are nobody's.
    relay.pass_on(0, 1, snapshot.clone(), relayed(0, 1, &snapshot));
    assert_eq!((lacking(&mut wall), lacking(&mut chief)), (0, 0));
    let say = |epoch: u64, class: DataClass| {
        let hello = Hello {
            class,
            ..stage.publisher.hello()
        };
        let body = Body::Hello(Box::new(hello.clone()));
        relay.restart(epoch, 1, hello, relayed(epoch, 1, &body));
        relay.pass_on(epoch, 1, snapshot.clone(), relayed(epoch, 1, &snapshot));
    };
    say(4, DataClass::Public);
    assert_eq!((lacking(&mut wall), lacking(&mut chief)), (2, 2));
    assert!(!wall.is_barred());
    // The source came back and lets this relay see more.
    say(7, DataClass::Internal);
    assert_eq!(hub.class(), Some(DataClass::Internal));
    assert_eq!((lacking(&mut wall), lacking(&mut chief)), (0, 2));
    assert!(wall.is_barred() && !chief.is_barred());
    // For good: it has to come anew, and be judged anew.
    say(8, DataClass::Public);
    assert_eq!(lacking(&mut wall), 0);
    let mut late = hub.follow(DataClass::Public, wants);
    assert_eq!(begin(&mut late), 2);
}

/// Whoever looks for recordings takes nothing for one that a gateway gives out now.
#[test]
fn what_is_given_out_says_that_it_is_of_now_however_long_figures_stand_still() {
    let mut stage = Stage::new();
    let is_fresh =
        |body: &Body| matches!(body.published(), Published::At(at_ms) if (wall_ms() - at_ms).abs() < 30_000);
    let relay = Wants {
        form: Form::Bin,
        lights_per_s: None,
        relay: true,
    };
    let mut client = stage.client(Form::Bin);
    let mut passing = Client {
        follower: stage.hub().follow(DataClass::Public, relay),
        ..stage.client(Form::Bin)
    };
    // As a delay does, the publisher said another time.
    stage.step();
    for frame in client.begin(None).iter().chain(&passing.begin(None)) {
        assert!(is_fresh(&frame.body), "{:?}", frame.body);
    }
    let position = client.sequencer.position().unwrap();
    stage.step();
    for frame in client.next().iter().chain(&passing.next()) {
        assert!(is_fresh(&frame.body), "{:?}", frame.body);
    }
    // Held for an hour: what was known then becomes old, frames that were missed too.
    let age = |stage: &Stage| {
        let mut inner = stage.hub().inner.write().unwrap();
        let old = |item: &Arc<Item>| {
            let mut body = item.body.clone();
            body.stamp(wall_ms() - 3_600_000);
            Arc::new(Item::new(item.epoch, item.seq, item.base, body, item.key.clone()))
        };
        let snapshot = inner.snapshot.as_ref().map(&old);
        inner.snapshot = snapshot;
        inner.ring = inner.ring.iter().map(old).collect();
    };
    age(&stage);
    // It has been five seconds for the relay, too.
    passing.follower.snapshot_ms = passing.follower.snapshot_ms.map(|ms| ms - RELAY_SNAPSHOT_MS);
    stage.hub().renew();
    let beat = Heartbeat {
        event_ms: 0,
        published_ms: 0,
        mode: Mode::Held,
        paused: false,
    };
    stage.hub().announce(Announcement::Heartbeat(beat));
    let mut back = stage.client(Form::Bin);
    let mut late = stage.client(Form::Bin);
    for frames in [back.begin(Some(position)), late.begin(None)] {
        assert!(matches!(frames[1].body, Body::Snapshot(_)));
        for frame in &frames {
            assert!(is_fresh(&frame.body), "{:?}", frame.body);
        }
    }
    assert_eq!(late.figures(), figures(stage.outlet.known().unwrap().snapshot()));
    // A relay is told anew, hello too, for those who come to it.
    let kinds: Vec<&str> = passing
        .next()
        .iter()
        .map(|frame| match &frame.body {
            Body::Hello(_) => "hello",
            Body::Snapshot(_) => "snapshot",
            Body::Heartbeat(_) => "heartbeat",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["hello", "snapshot", "heartbeat"]);
    // Once.
    stage.hub().announce(Announcement::Heartbeat(beat));
    assert_eq!(passing.next().len(), 1);
}

/// A gateway's clock that leaps makes no recording of what it says: displays have clocks of their own.
#[test]
fn what_is_given_out_is_of_the_time_that_is_believed() {
    let by_us = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let leap = Arc::clone(&by_us);
    let clock = Clock::with(move || Reading {
        wall_us: wall_ms() * 1_000 + leap.load(std::sync::atomic::Ordering::Relaxed),
        mono_us: mono_us(),
    });
    let mut stage = Stage::new();
    stage.outlet = Outlet::new(6, 0, stage.publisher.hello(), Some(Arc::clone(&stage.key)), clock);
    by_us.store(3_600_000_000, std::sync::atomic::Ordering::Relaxed);
    stage.keep();
    let mut client = stage.client(Form::Bin);
    let mut frames = client.begin(None);
    stage.step();
    frames.extend(client.next());
    assert!(frames.len() > 2, "{}", frames.len());
    for frame in frames {
        let published = frame.body.published();
        assert!(
            matches!(published, Published::At(at_ms) if (wall_ms() - at_ms).abs() < 30_000),
            "{:?}",
            frame.body
        );
    }
}

#[test]
fn one_message_is_shared_by_everybody_whom_it_follows_the_same() {
    let beat = Body::Heartbeat(Heartbeat {
        event_ms: 0,
        published_ms: 0,
        mode: Mode::Demo,
        paused: false,
    });
    let item = Item::new(1, 5, 4, beat, None);
    let pointer = |message: &Message| match message {
        Message::Binary(bytes) => bytes.as_ptr(),
        other => panic!("{other:?}"),
    };
    let first = item.message(Form::Bin, 4).unwrap();
    assert_eq!(pointer(&first), pointer(&item.message(Form::Bin, 4).unwrap()));
    assert_ne!(pointer(&first), pointer(&item.message(Form::Bin, 3).unwrap()));
}

#[test]
fn fewer_lights_stand_for_more() {
    let lights = Lights {
        per_light: 2,
        events: 2_000,
        place: vec![7; 1_000],
        code: vec![1; 1_000],
        ..Lights::default()
    };
    let few = thin(&lights, 1_000);
    assert_eq!((few.place.len(), few.code.len(), few.per_light), (100, 100, 20));
    assert_eq!(few.events, 2_000);
    assert_eq!(thin(&lights, 100_000), lights);
    assert_eq!(thin(&lights, 1).place.len(), 1);
}
