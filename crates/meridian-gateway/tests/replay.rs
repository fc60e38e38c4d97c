//! Recordings of signed frames, played to a display that knows the key: none is shown.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meridian_client::recall::file_for;
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_gateway::{Publisher, ScenarioSource, Source, load_catalogue, wall_ms};
use meridian_wire::codec::{body_json, frame_json, seal_json};
use meridian_wire::{
    Body, Direct, Heartbeat, Level, Lights, Mode, Names, Notice, SUBPROTOCOL_JSON, SigningKey,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

const WAIT: Duration = Duration::from_secs(30);
const HOUR_MS: i64 = 3_600_000;

/// Says a gateway's frames with its key, whenever they are from.
struct Player {
    key: Arc<SigningKey>,
    publisher: Publisher,
    epoch: u64,
}

impl Player {
    fn new(epoch: u64) -> Self {
        let catalogue = load_catalogue().unwrap();
        let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
        let start_ms = source.hello().day.start_ms + 60_000;
        Self {
            key: Arc::new(SigningKey::ephemeral().unwrap()),
            publisher: Publisher::new(Box::new(source), catalogue, start_ms, 1.0).unwrap(),
            epoch,
        }
    }

    fn say(&self, seq: u64, base: u64, mut body: Body, at_ms: i64) -> String {
        body.stamp(at_ms);
        self.say_as_it_is(seq, base, &body)
    }

    fn say_as_it_is(&self, seq: u64, base: u64, body: &Body) -> String {
        let sealed = seal_json(self.epoch, seq, base, &body_json(body).unwrap(), &self.key);
        frame_json(self.epoch, seq, if base == 0 { 0 } else { seq - 1 }, &sealed).unwrap()
    }

    fn hello(&self) -> Body {
        Body::Hello(Box::new(self.publisher.hello()))
    }

    fn snapshot(&self) -> Body {
        Body::Snapshot(self.publisher.public_snapshot(0).into_inner())
    }

    /// What comes first, from an instant.
    fn beginning(&self, at_ms: i64) -> Vec<String> {
        vec![
            self.say(1, 0, self.hello(), at_ms),
            self.say(1, 0, self.snapshot(), at_ms),
        ]
    }

    fn link(&self, url: String) -> LinkConfig {
        LinkConfig {
            key: Some(self.key.public()),
            retry_min: Duration::from_millis(20),
            retry_max: Duration::from_millis(100),
            ..LinkConfig::new(url)
        }
    }
}

/// A server that says this to whoever comes, one each so often, the last one over and over.
fn play(messages: Vec<String>, every: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, messages) = (stream.unwrap(), messages.clone());
            std::thread::spawn(move || {
                #[allow(clippy::result_large_err)]
                let choose = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
                    response
                        .headers_mut()
                        .insert("sec-websocket-protocol", SUBPROTOCOL_JSON.parse().unwrap());
                    Ok(response)
                };
                let Ok(mut socket) = tokio_tungstenite::tungstenite::accept_hdr(stream, choose) else {
                    return;
                };
                let last = messages.last().cloned();
                let begun = Instant::now();
                for message in messages
                    .into_iter()
                    .chain(std::iter::repeat_with(|| last.clone().unwrap()))
                {
                    if begun.elapsed() > WAIT || socket.send(Message::text(message)).is_err() {
                        return;
                    }
                    std::thread::sleep(every);
                }
            });
        }
    });
    url
}

/// What the link makes of it first, and the kinds of what was shown before.
fn outcome(link: &Link) -> (LinkEvent, Vec<&'static str>) {
    let mut shown = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        match link.events().recv_timeout(Duration::from_millis(100)) {
            Ok(LinkEvent::Frame(frame, _)) => shown.push(match frame.body {
                Body::Hello(_) => "hello",
                Body::Snapshot(_) => "snapshot",
                _ => "other",
            }),
            Ok(LinkEvent::Connecting { .. } | LinkEvent::Connected) | Err(_) => {}
            Ok(event) => return (event, shown),
        }
    }
    panic!("nothing was made of it within {WAIT:?}");
}

#[test]
fn an_old_hello_or_snapshot_is_refused_and_said_in_its_own_words() {
    let player = Player::new(8);
    let now_ms = wall_ms();
    let old_ms = now_ms - 3 * HOUR_MS;
    let fresh_hello = player.say(1, 0, player.hello(), now_ms);
    let old_snapshot = player.say(1, 0, player.snapshot(), old_ms);
    for (messages, shown) in [
        (player.beginning(old_ms), vec![]),
        // A gateway of before says no instant in its hello; a snapshot always had one.
        (
            vec![player.say_as_it_is(1, 0, &player.hello()), old_snapshot.clone()],
            vec!["hello"],
        ),
        (vec![fresh_hello, old_snapshot], vec!["hello"]),
    ] {
        let link = Link::start(player.link(play(messages, Duration::from_millis(5)))).unwrap();
        let (event, seen) = outcome(&link);
        let LinkEvent::Stale { reason, off_ms } = event else {
            panic!("{event:?}")
        };
        assert!(
            reason.contains("3 h in the past") && off_ms < -2 * HOUR_MS,
            "{reason}"
        );
        assert_eq!(seen, shown);
    }
    // A clock that is behind says so too.
    let ahead = player.beginning(now_ms + 3 * HOUR_MS + 300_000);
    let link = Link::start(player.link(play(ahead, Duration::from_millis(5)))).unwrap();
    let (event, seen) = outcome(&link);
    assert!(
        matches!(&event, LinkEvent::Stale { reason, .. } if reason.contains("3 h in the future")),
        "{event:?}"
    );
    assert!(seen.is_empty());
}

#[test]
fn old_notices_directions_and_lights_are_refused() {
    let player = Player::new(8);
    let now_ms = wall_ms();
    let notice = Notice {
        level: Level::Alert,
        code: "held".to_owned(),
        text: Names::default(),
        published_ms: 0,
        args: std::collections::BTreeMap::new(),
    };
    let products = Body::Products(Box::default());
    for body in [
        Body::Notice(notice),
        Body::Direct(Direct::default()),
        Body::Lights(Lights::default()),
        products,
    ] {
        let mut messages = player.beginning(now_ms);
        messages.push(player.say(2, 1, body.clone(), now_ms - HOUR_MS));
        let link = Link::start(player.link(play(messages, Duration::from_millis(5)))).unwrap();
        let (event, seen) = outcome(&link);
        assert!(matches!(event, LinkEvent::Stale { .. }), "{body:?}: {event:?}");
        assert_eq!(seen, ["hello", "snapshot"]);
        // And so is one whose instant somebody left out.
        if matches!(body, Body::Lights(_) | Body::Products(_)) {
            let mut messages = player.beginning(now_ms);
            messages.push(player.say_as_it_is(2, 1, &body));
            let link = Link::start(player.link(play(messages, Duration::from_millis(5)))).unwrap();
            assert!(matches!(outcome(&link).0, LinkEvent::Forged { .. }));
        }
    }
}

/// Snapshots of now, over and over, are no sign that the gateway lives.
#[test]
fn only_ticks_and_heartbeats_are_a_sign_of_life() {
    let player = Player::new(8);
    let url = play(player.beginning(wall_ms()), Duration::from_millis(50));
    let link = Link::start(LinkConfig {
        idle: Duration::from_millis(600),
        ..player.link(url)
    })
    .unwrap();
    let (event, seen) = outcome(&link);
    assert!(
        matches!(&event, LinkEvent::Lost { reason, .. } if reason.contains("neither a tick nor a heartbeat")),
        "{event:?}"
    );
    assert!(seen.len() > 3, "{seen:?}");
    // A heartbeat is.
    let beat = Heartbeat {
        event_ms: 0,
        published_ms: 0,
        mode: Mode::Demo,
        paused: false,
    };
    let mut messages = player.beginning(wall_ms());
    messages.extend((2..40).map(|seq| player.say(seq, seq - 1, Body::Heartbeat(beat), wall_ms())));
    let begun = Instant::now();
    let link = Link::start(LinkConfig {
        idle: Duration::from_secs(1),
        ..player.link(play(messages, Duration::from_millis(50)))
    })
    .unwrap();
    // Until the last one is said again.
    let (event, seen) = outcome(&link);
    assert!(matches!(event, LinkEvent::Forged { .. }), "{event:?}");
    assert!(
        seen.len() == 40 && begun.elapsed() > Duration::from_secs(1),
        "{seen:?}"
    );
}

/// A wall that is switched on anew: its clock was put back to the day of the recording.
#[test]
fn a_day_that_was_over_is_not_believed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let player = Player::new(8);
    let memory = file_for(folder.path(), &player.key.public());
    let remembering = |url: String| LinkConfig {
        memory: Some(memory.clone()),
        ..player.link(url)
    };
    let now_ms = wall_ms();
    let first = Link::start(remembering(play(
        player.beginning(now_ms),
        Duration::from_millis(20),
    )))
    .unwrap();
    let begun = Instant::now();
    while !matches!(first.events().recv_timeout(WAIT).unwrap(), LinkEvent::Frame(frame, _) if matches!(frame.body, Body::Snapshot(_)))
    {
        assert!(begun.elapsed() < WAIT);
    }
    drop(first);
    let yesterday = Player {
        key: Arc::clone(&player.key),
        epoch: 6,
        ..Player::new(6)
    };
    // Published within the minute, as far as its clock knows.
    let link = Link::start(remembering(play(
        yesterday.beginning(now_ms - 30_000),
        Duration::from_millis(20),
    )))
    .unwrap();
    let (event, seen) = outcome(&link);
    assert!(
        matches!(&event, LinkEvent::Forged { reason } if reason.contains("older stream 6")),
        "{event:?}"
    );
    assert!(seen.is_empty());
    // A broken memory is said, and the feed is followed.
    std::fs::write(&memory, "nonsense").unwrap();
    let link = Link::start(remembering(play(
        player.beginning(now_ms),
        Duration::from_millis(20),
    )))
    .unwrap();
    let (event, _) = outcome(&link);
    assert!(
        matches!(&event, LinkEvent::Forgetful { reason } if reason.contains("can't be read")),
        "{event:?}"
    );
    let frame = link.events().recv_timeout(WAIT).unwrap();
    assert!(matches!(frame, LinkEvent::Frame(..)), "{frame:?}");
}
