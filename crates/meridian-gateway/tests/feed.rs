//! The feed over real sockets: totals, restarts, and servers that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_gateway::{
    Gateway, GatewayConfig, GatewayError, OrdersSource, Privacy, Publisher, SavedState, ScenarioSource,
    Source, State, load_catalogue, operate::director::DirectorState, serve,
};
use meridian_wire::{
    Body, DataClass, Frame, Heartbeat, Mode, Products, Sequencer, Totals, Verdict, decode_json, encode_bin,
    encode_json,
};
use sha2::{Digest, Sha256};
use support::until;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;

const WAIT: Duration = Duration::from_secs(20);

fn publisher(into_ms: i64) -> Publisher {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", catalogue.clone()).unwrap();
    let start_ms = source.hello().day.start_ms + into_ms;
    // Every figure as it is: what is held back from walls is tested elsewhere.
    Publisher::new(Box::new(source), catalogue, start_ms, 1.0)
        .unwrap()
        .with_privacy(Privacy::off())
        .unwrap()
}

fn gateway(listen: SocketAddr, into_ms: i64) -> Gateway {
    let config = GatewayConfig {
        listen,
        ..GatewayConfig::default()
    };
    serve(config, publisher(into_ms)).unwrap()
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn link(url: String) -> Link {
    let mut config = LinkConfig::new(url);
    config.idle = Duration::from_millis(1_500);
    config.retry_max = Duration::from_millis(500);
    Link::start(config).unwrap()
}

fn figures(event: &LinkEvent) -> Option<(i64, Totals)> {
    match event {
        LinkEvent::Frame(frame, _) => match &frame.body {
            Body::Snapshot(snapshot) => Some((snapshot.event_ms, snapshot.totals)),
            Body::Tick(tick) => Some((tick.event_ms, tick.totals)),
            _ => None,
        },
        _ => None,
    }
}

/// What the day's own account says at an instant.
fn truth(event_ms: i64) -> Totals {
    let catalogue = load_catalogue().unwrap();
    let mut source = ScenarioSource::load("double11-2016", catalogue).unwrap();
    source.seek(event_ms).unwrap().totals
}

#[test]
fn a_client_has_the_gateways_totals() {
    let gateway = gateway(any_port(), 9_000);
    let link = link(gateway.url());
    let mut seen = 0;
    let (event_ms, totals) = until(&link, |event| {
        let figures = figures(&event)?;
        seen += 1;
        (seen > 8).then_some(figures)
    });
    assert!(totals.counts.gmv_minor > 0);
    assert_eq!(totals, truth(event_ms));
    assert!(gateway.stop().is_some());
    until(&link, |event| match event {
        LinkEvent::Lost { reason, .. } => reason.contains("goodbye").then_some(()),
        _ => None,
    });
}

#[test]
fn a_gateway_that_was_killed_comes_back_with_complete_totals() {
    let first = gateway(any_port(), 9_000);
    let address = first.address();
    let link = link(first.url());
    let (before_ms, before) = until(&link, |event| {
        figures(&event).filter(|(_, totals)| totals.counts.orders > 0)
    });
    let stopped = first.kill().unwrap().event_ms();
    until(&link, |event| {
        matches!(event, LinkEvent::Lost { .. }).then_some(())
    });
    let start_ms = truth_start();
    let second = gateway(address, stopped - start_ms + 2_000);
    // A new stream begins with a snapshot that holds what happened in between.
    let (after_ms, after) = until(&link, |event| {
        figures(&event).filter(|(at, _)| *at >= stopped + 2_000)
    });
    assert!(after_ms > before_ms && after.counts.gmv_minor > before.counts.gmv_minor);
    assert_eq!(after, truth(after_ms));
    second.stop();
}

fn truth_start() -> i64 {
    let catalogue = load_catalogue().unwrap();
    ScenarioSource::load("double11-2016", catalogue)
        .unwrap()
        .hello()
        .day
        .start_ms
}

#[test]
fn a_restart_goes_on_where_the_day_would_be_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.journal");
    let open = || State::open(&path, "double11-2016").unwrap();
    assert!(open().saved().is_none());
    let totals = truth(truth_start() + 1_000);
    let state = SavedState {
        source: String::new(),
        event_ms: truth_start() + 1_000,
        wall_ms: 5_000,
        speed: 60.0,
        paused: false,
        epoch: 8,
        seq: 100,
        totals,
        desk: DirectorState::default(),
        held: None,
    };
    open().save(state.clone());
    let kept = open().saved().unwrap().clone();
    assert_eq!((kept.epoch, kept.totals), (8, totals));
    assert_eq!(kept.event_ms_at(7_000), truth_start() + 121_000);
    let paused = SavedState {
        paused: true,
        ..state.clone()
    };
    assert_eq!(paused.event_ms_at(7_000), truth_start() + 1_000);
    // Another source's state is none to go on from, and neither are figures that would fall.
    assert!(State::open(&path, "example-day").unwrap().saved().is_none());
    assert!(kept.is_before(truth_start() + 2_000, &truth(truth_start() + 2_000)));
    assert!(!kept.is_before(truth_start() + 500, &totals));
    assert!(!kept.is_before(truth_start() + 2_000, &truth(truth_start() + 500)));
    drop(kept);
    std::fs::write(&path, b"hello").unwrap();
    let error = State::open(&path, "double11-2016").unwrap_err().to_string();
    assert!(
        error.contains("gateway.journal") && error.contains("delete it"),
        "{error}"
    );
}

#[test]
fn an_address_that_is_taken_or_open_is_refused_by_name() {
    let taken = TcpListener::bind(any_port()).unwrap();
    let listen = taken.local_addr().unwrap();
    let refused = |listen: SocketAddr| {
        let config = GatewayConfig {
            listen,
            ..GatewayConfig::default()
        };
        serve(config, publisher(0)).err().expect("a refusal")
    };
    let error = refused(listen);
    assert!(matches!(error, GatewayError::Bind { .. }) && error.to_string().contains(&listen.to_string()));
    let error = refused("0.0.0.0:9016".parse().unwrap());
    assert!(error.to_string().contains("0.0.0.0:9016"), "{error}");
}

#[test]
fn subprotocols_that_nobody_knows_get_a_sentence() {
    let gateway = gateway(any_port(), 0);
    let request =
        tungstenite::ClientRequestBuilder::new(gateway.url().parse().unwrap()).with_sub_protocol("mqtt");
    let Err(tungstenite::Error::Http(response)) = tungstenite::connect(request) else {
        panic!("an HTTP refusal was due");
    };
    assert_eq!(response.status(), 400);
    let said = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
    assert!(
        said.contains("meridian.v1+json") && said.contains("meridian.v1+bin"),
        "{said}"
    );
    gateway.stop();
}

/// A server that says these things to each client, as JSON, and then nothing more.
fn odd_server(messages: Vec<String>) -> String {
    let listener = TcpListener::bind(any_port()).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let messages = messages.clone();
            std::thread::spawn(move || {
                #[allow(clippy::result_large_err)]
                let json =
                    |_: &tungstenite::handshake::server::Request,
                     mut response: tungstenite::handshake::server::Response| {
                        response
                            .headers_mut()
                            .insert("sec-websocket-protocol", "meridian.v1+json".parse().unwrap());
                        Ok(response)
                    };
                let Ok(mut socket) = tungstenite::accept_hdr(socket, json) else {
                    return;
                };
                for message in messages {
                    if socket.send(Message::text(message)).is_err() {
                        return;
                    }
                }
                while socket.read().is_ok() {}
            });
        }
    });
    url
}

/// A real gateway's hello and snapshot, to tell lies with.
fn beginning(into_ms: i64) -> (Frame, Frame) {
    let publisher = publisher(into_ms);
    let frame = |prev, body| Frame {
        epoch: 7,
        seq: 1,
        prev,
        body,
    };
    (
        frame(0, Body::Hello(Box::new(publisher.hello()))),
        frame(1, Body::Snapshot(publisher.public_snapshot(0).into_inner())),
    )
}

#[test]
fn a_wrong_version_is_refused_in_words() {
    let (mut hello, _) = beginning(0);
    if let Body::Hello(hello) = &mut hello.body {
        hello.version = 2;
    }
    let link = link(odd_server(vec![encode_json(&hello).unwrap()]));
    let reason = until(&link, |event| match event {
        LinkEvent::Refused { reason } => Some(reason),
        LinkEvent::Frame(..) => panic!("nothing may be applied"),
        _ => None,
    });
    assert!(
        reason.contains("version 2") && reason.contains("version 1"),
        "{reason}"
    );
}

#[test]
fn garbage_and_oversized_messages_are_never_applied() {
    for garbage in ["{\"type\":\"tick\"".to_owned(), " ".repeat((8 << 20) + 1)] {
        let link = link(odd_server(vec![garbage]));
        until(&link, |event| match event {
            LinkEvent::Garbage { .. } => Some(()),
            LinkEvent::Frame(..) => panic!("nothing may be applied"),
            _ => None,
        });
    }
}

#[test]
fn a_feed_that_stalls_is_left() {
    let (hello, snapshot) = beginning(5_000);
    let link = link(odd_server(vec![
        encode_json(&hello).unwrap(),
        encode_json(&snapshot).unwrap(),
    ]));
    let reason = until(&link, |event| match event {
        LinkEvent::Lost { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(reason.contains("neither a tick nor a heartbeat came"), "{reason}");
}

#[test]
fn figures_that_go_back_in_time_are_refused() {
    let (hello, now) = beginning(9_000);
    let (_, earlier) = beginning(4_000);
    let back = Frame {
        seq: 2,
        prev: 1,
        ..earlier
    };
    let messages = [&hello, &now, &back].map(|frame| encode_json(frame).unwrap());
    let link = link(odd_server(messages.to_vec()));
    let mut applied = 0;
    let reason = until(&link, |event| match event {
        LinkEvent::Garbage { reason } => Some(reason),
        LinkEvent::Frame(..) => {
            applied += 1;
            None
        }
        _ => None,
    });
    assert_eq!(applied, 2);
    assert!(reason.contains("back in time"), "{reason}");
}

#[test]
fn a_gap_is_reported_and_asked_for() {
    let (hello, snapshot) = beginning(9_000);
    let beat = Frame {
        epoch: 7,
        seq: 9,
        prev: 8,
        body: Body::Heartbeat(Heartbeat {
            event_ms: 0,
            published_ms: 0,
            mode: Mode::Demo,
            paused: false,
        }),
    };
    let messages = [&hello, &snapshot, &beat].map(|frame| encode_json(frame).unwrap());
    let link = link(odd_server(messages.to_vec()));
    until(&link, |event| (event == LinkEvent::Gap).then_some(()));
    until(&link, |event| {
        matches!(event, LinkEvent::Connecting { .. }).then_some(())
    });
}

#[test]
fn a_type_of_tomorrow_is_passed_over_without_a_gap() {
    let (hello, snapshot) = beginning(9_000);
    let beat = Frame {
        epoch: 7,
        seq: 3,
        prev: 2,
        body: Body::Heartbeat(Heartbeat {
            event_ms: 0,
            published_ms: 0,
            mode: Mode::Demo,
            paused: true,
        }),
    };
    let messages = vec![
        encode_json(&hello).unwrap(),
        encode_json(&snapshot).unwrap(),
        r#"{"epoch":7,"seq":2,"prev":1,"type":"forecast","curve":[1,2]}"#.to_owned(),
        encode_json(&beat).unwrap(),
    ];
    let link = link(odd_server(messages));
    until(&link, |event| match event {
        LinkEvent::Frame(frame, _) => matches!(frame.body, Body::Heartbeat(_)).then_some(()),
        LinkEvent::Gap | LinkEvent::Garbage { .. } => panic!("{event:?}"),
        _ => None,
    });
}

/// A client of the JSON feed that reads only when it is told to.
struct Raw(tungstenite::WebSocket<tungstenite::stream::MaybeTlsStream<std::net::TcpStream>>);

impl Raw {
    fn connect(url: &str, subscribe: &str) -> Self {
        let request = tungstenite::ClientRequestBuilder::new(url.parse().unwrap())
            .with_sub_protocol("meridian.v1+json");
        let (mut socket, _) = tungstenite::connect(request).unwrap();
        socket.send(Message::text(subscribe)).unwrap();
        Self(socket)
    }

    fn frame(&mut self) -> Frame {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return decode_json(text.as_bytes()).unwrap();
            }
        }
    }
}

/// Every product that a frame names has what the day's own account says.
fn assert_products(products: &Products) {
    let catalogue = load_catalogue().unwrap();
    let mut source = ScenarioSource::load("double11-2016", catalogue).unwrap();
    let truth = source.seek(products.event_ms).unwrap().products.cells;
    for row in &products.products {
        let units: i64 = truth
            .iter()
            .filter(|(product, _, _)| *product == row.id)
            .map(|(_, _, counts)| counts.units)
            .sum();
        assert_eq!(row.counts.units, units, "product {}", row.id);
    }
    for cell in &products.regions {
        let here = truth
            .iter()
            .find(|(product, region, _)| (*product, *region) == (cell.product, Some(cell.region)));
        assert_eq!(Some(&cell.counts), here.map(|(_, _, counts)| counts));
    }
}

#[test]
fn a_client_that_comes_back_in_time_goes_on_where_it_was() {
    let gateway = gateway(any_port(), 9_000);
    let mut client = Raw::connect(&gateway.url(), r#"{"type":"subscribe","lights_per_s":0}"#);
    let mut ticks = 0;
    let last = loop {
        let frame = client.frame();
        ticks += usize::from(matches!(frame.body, Body::Tick(_)));
        if ticks == 3 {
            break frame;
        }
    };
    drop(client);
    std::thread::sleep(Duration::from_millis(700));
    let resume = format!(
        r#"{{"type":"subscribe","resume":{{"epoch":{},"seq":{}}}}}"#,
        last.epoch, last.seq
    );
    let mut client = Raw::connect(&gateway.url(), &resume);
    let hello = client.frame();
    assert!(matches!(hello.body, Body::Hello(_)));
    assert_eq!((hello.epoch, hello.seq), (last.epoch, last.seq));
    let (mut seq, mut ticks, mut product_frames) = (last.seq, 0, 0);
    while ticks < 12 {
        let frame = client.frame();
        assert_eq!(frame.prev, seq, "nothing is missing");
        seq = frame.seq;
        match frame.body {
            Body::Tick(tick) => {
                ticks += 1;
                assert_eq!(tick.totals, truth(tick.event_ms));
            }
            Body::Products(products) => {
                product_frames += 1;
                assert_products(&products);
            }
            Body::Snapshot(_) => panic!("what was missing is still there: no snapshot is needed"),
            _ => {}
        }
    }
    assert!(product_frames > 0, "products are resumed with the rest");
    drop(client);
    // Another stream's position, and one that is long gone, get everything anew.
    for resume in [
        r#"{"type":"subscribe","resume":{"epoch":1,"seq":1}}"#.to_owned(),
        format!(
            r#"{{"type":"subscribe","resume":{{"epoch":{},"seq":999999}}}}"#,
            last.epoch
        ),
    ] {
        let mut client = Raw::connect(&gateway.url(), &resume);
        assert!(matches!(client.frame().body, Body::Hello(_)));
        assert!(matches!(client.frame().body, Body::Snapshot(_)));
    }
    gateway.stop();
}

#[test]
fn a_client_that_stops_reading_loses_lights_and_no_figure() {
    let catalogue = load_catalogue().unwrap();
    let config = GatewayConfig {
        speed: 3_600.0,
        ..GatewayConfig::default()
    };
    let noon = truth_start() + 12 * 3_600_000;
    let source = ScenarioSource::load("double11-2016", catalogue.clone()).unwrap();
    let publisher = Publisher::new(Box::new(source), catalogue, noon, 3_600.0)
        .unwrap()
        .with_privacy(Privacy::off())
        .unwrap();
    let gateway = serve(config, publisher).unwrap();
    let mut slow = Raw::connect(&gateway.url(), r#"{"type":"subscribe"}"#);
    assert!(matches!(slow.frame().body, Body::Hello(_)));
    assert!(matches!(slow.frame().body, Body::Snapshot(_)));
    // Everybody else is served as ever.
    let mut quick = Raw::connect(&gateway.url(), r#"{"type":"subscribe","lights_per_s":0}"#);
    let (mut ticks, mut now_ms) = (0, 0);
    while ticks < 80 {
        if let Body::Tick(tick) = quick.frame().body {
            ticks += 1;
            now_ms = tick.event_ms;
        }
    }
    // Frames chain on, whether what waited was all of it or a snapshot took its place.
    let mut sequencer = Sequencer::new();
    let mut last = None;
    let begun = Instant::now();
    while last.is_none_or(|(event_ms, _)| event_ms < now_ms) {
        assert!(begun.elapsed() < WAIT, "it catches up");
        let frame = slow.frame();
        if sequencer.position().is_some() {
            assert_eq!(sequencer.accept(&frame), Verdict::Apply);
        } else {
            // The hello was read above.
            sequencer.accept(&frame);
        }
        match frame.body {
            Body::Snapshot(snapshot) => {
                assert_products(&snapshot.products);
                assert_eq!(snapshot.products.products.len(), 6);
                last = Some((snapshot.event_ms, snapshot.totals));
            }
            Body::Tick(tick) => last = Some((tick.event_ms, tick.totals)),
            // What waited and what took its place are right, whichever it was.
            Body::Products(products) => assert_products(&products),
            _ => {}
        }
    }
    let (event_ms, totals) = last.unwrap();
    assert_eq!(totals, truth(event_ms));
    gateway.stop();
}

#[test]
fn the_program_killed_and_started_again_goes_on_with_every_order_counted() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let start = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_meridian-gateway"))
            .args(["--start", "00:00:10", "--listen", &address.to_string(), "--state"])
            .arg(folder.path().join("gateway.journal"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut first = start();
    let link = link(format!("ws://{address}"));
    let began = Instant::now();
    let (before_ms, before) = until(&link, |event| {
        figures(&event).filter(|_| began.elapsed() > Duration::from_millis(2_500))
    });
    assert_eq!(before.counts, truth(before_ms).counts);
    first.kill().unwrap();
    first.wait().unwrap();
    until(&link, |event| {
        matches!(event, LinkEvent::Lost { .. }).then_some(())
    });
    let mut second = start();
    let (after_ms, after) = until(&link, |event| figures(&event).filter(|(at, _)| *at > before_ms));
    assert!(after.counts.orders > before.counts.orders);
    assert_eq!(after.counts, truth(after_ms).counts);
    second.kill().unwrap();
    second.wait().unwrap();
}

/// Ten seconds of a feed, both classes, both encodings: what comes out is known by its hash.
fn ten_seconds(mut publisher: Publisher) -> String {
    let mut hash = Sha256::new();
    publisher.want_internal(true);
    let mut seq = 0;
    let mut say = |body: Body| {
        let body = match body {
            Body::Hello(mut hello) => {
                hello.server = String::new();
                Body::Hello(hello)
            }
            body => body,
        };
        seq += 1;
        let frame = Frame {
            epoch: 1,
            seq,
            prev: seq - 1,
            body,
        };
        hash.update(encode_bin(&frame).unwrap());
        hash.update(encode_json(&frame).unwrap());
    };
    for class in [DataClass::Public, DataClass::Internal] {
        say(Body::Hello(Box::new(publisher.hello_to(class))));
    }
    let start_ms = publisher.event_ms();
    for tick in 0..=100 {
        let at_ms = start_ms + tick * 100;
        let step = publisher.step(at_ms, at_ms);
        step.public.into_iter().for_each(|body| say(body.into_inner()));
        step.internal.into_iter().for_each(|body| say(body.into_inner()));
    }
    say(Body::Snapshot(publisher.public_snapshot(0).into_inner()));
    say(Body::Snapshot(publisher.internal_snapshot(0).into_inner()));
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Who changes what is counted, guarded or told on purpose puts the new value here, and says in the commit what changed.
#[test]
fn the_feed_is_what_it_was_byte_for_byte() {
    let [midnight, afternoon] =
        [30_000, (15 * 60 + 19) * 60_000].map(|into_ms| ten_seconds(publisher(into_ms)));
    // A shop's orders, through the guard: one each second, of three countries and seven prices.
    let mut rows =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_owned();
    for order in 0..3_600_u32 {
        let (minute, price) = (
            order / 60,
            [255, 339, 125, 495, 85, 195, 1000][(order * order % 7) as usize],
        );
        let country = ["United Kingdom", "France", "EIRE"][(order % 17 % 3) as usize];
        let (number, units) = (536_365 + order, 1 + order % 4);
        let price = format!("{}.{:02}", price / 100, price % 100);
        rows += &format!("{number},85123A,WHITE LANTERN,{units},12/1/10 8:{minute:02},{price},,{country}\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.csv");
    std::fs::write(&file, rows).unwrap();
    let catalogue = load_catalogue().unwrap();
    let source = OrdersSource::open(&file, "uci-online-retail", catalogue.clone()).unwrap();
    let start_ms = source.hello().day.start_ms + 8 * 3_600_000 + 20 * 60_000;
    let shop = Publisher::new(Box::new(source), catalogue, start_ms, 1.0)
        .unwrap()
        .with_privacy(Privacy::default().with_seed(7))
        .unwrap();
    assert_eq!(shop.hello().k, Some(10));
    assert!(shop.public_snapshot(0).get().totals.counts.gmv_minor > 0);
    assert_eq!(
        [midnight, afternoon, ten_seconds(shop)],
        ["6cf180650fd81373", "cc1beb9a62574e57", "988a5d39d4bf41b8"]
    );
}
