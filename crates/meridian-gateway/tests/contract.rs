//! What the gateway says is what the AsyncAPI document says, and what a client in another language understands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian_core::sales::columns::encode;
use meridian_core::sales::{Batch, Kind};
use meridian_gateway::operate::access::{Role, TokenStore};
use meridian_gateway::{
    Gateway, GatewayConfig, LiveDay, LiveSource, OrdersSource, Privacy, Publisher, SUBPROTOCOL_DESK,
    ScenarioSource, Source, load_catalogue, serve, wall_ms,
};
use meridian_wire::SigningKey;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

fn document() -> Value {
    serde_norway::from_str(include_str!("../../../docs/asyncapi.yaml")).unwrap()
}

/// The schema of each type of frame, by its name.
fn schemas(document: &Value) -> BTreeMap<String, Value> {
    let messages = document["components"]["messages"].as_object().unwrap();
    let schema = |(name, message): (&String, &Value)| (name.clone(), message["payload"].clone());
    messages.iter().map(schema).collect()
}

/// Whether a value is what a schema says: the part of JSON Schema that the document uses, and no more than that. A word of another
/// part is an error, so that nothing is taken for checked that isn't.
fn judge(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |problem: String| Err(format!("{at}: {problem}"));
    for (word, says) in schema.as_object().unwrap() {
        match word.as_str() {
            "$ref" => {
                let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
                judge(document, document.pointer(pointer).unwrap(), value, at)?;
            }
            "description" | "title" | "examples" => {}
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("{other} isn't a type"),
                };
                let fits = says
                    .as_array()
                    .map_or_else(|| is(says), |kinds| kinds.iter().any(is));
                if !fits {
                    return wrong(format!("{value} is no {says}"));
                }
            }
            "const" if value != says => return wrong(format!("{value} isn't {says}")),
            "enum" if !says.as_array().unwrap().contains(value) => {
                return wrong(format!("{value} is none of {says}"));
            }
            "const" | "enum" => {}
            "minimum" | "maximum" => {
                let number =
                    |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
                if let (Some(bound), Some(number)) = (number(says), number(value))
                    && (word == "minimum" && number < bound || word == "maximum" && number > bound)
                {
                    return wrong(format!("{number} is beyond the {word} of {bound}"));
                }
            }
            "maxItems" | "maxLength" | "minLength" => {
                let length = value
                    .as_array()
                    .map(Vec::len)
                    .or(value.as_str().map(str::len))
                    .unwrap_or(0) as u64;
                let bound = says.as_u64().unwrap();
                if word.starts_with("max") && length > bound || word.starts_with("min") && length < bound {
                    return wrong(format!("{length} is beyond the {word} of {bound}"));
                }
            }
            "pattern" => {
                let text = value.as_str().unwrap();
                if !matches_pattern(says.as_str().unwrap(), text) {
                    return wrong(format!("{text:?} doesn't match {says}"));
                }
            }
            "properties" => {
                for (key, schema) in says.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        judge(document, schema, value, &format!("{at}/{key}"))?;
                    }
                }
            }
            "required" => {
                for key in says.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return wrong(format!("{key} is missing"));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                for (key, other) in value.as_object().unwrap() {
                    if known.is_some_and(|known| known.contains_key(key)) {
                        continue;
                    }
                    if *says == false {
                        return wrong(format!("{key} isn't known"));
                    }
                    judge(document, says, other, &format!("{at}/{key}"))?;
                }
            }
            "items" => {
                for (number, item) in value.as_array().unwrap().iter().enumerate() {
                    judge(document, says, item, &format!("{at}/{number}"))?;
                }
            }
            "oneOf" => {
                let fits = says
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|schema| judge(document, schema, value, at).is_ok());
                if fits.count() != 1 {
                    return wrong(format!("{value} isn't one of {says}"));
                }
            }
            other => panic!("{at}: this test doesn't know {other}"),
        }
    }
    Ok(())
}

/// The patterns of the document: literal text, and sets of letters with how often they come.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap();
    let mut text = text;
    while !pattern.is_empty() {
        if let Some(rest) = pattern.strip_prefix('[') {
            let (set, rest) = rest.split_once(']').unwrap();
            let set: Vec<char> = set.chars().collect();
            let is_in = |letter: char| {
                let ranges = set
                    .windows(3)
                    .any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&letter));
                ranges || set.contains(&letter) && letter != '-' || letter == '-' && set.last() == Some(&'-')
            };
            let (least, most, rest) = match rest.strip_prefix('{') {
                Some(counts) => {
                    let (counts, rest) = counts.split_once('}').unwrap();
                    let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
                    (least.parse().unwrap(), most.parse().unwrap_or(usize::MAX), rest)
                }
                None if rest.starts_with('+') => (1, usize::MAX, &rest[1..]),
                None => (1, 1, rest),
            };
            let found = text
                .chars()
                .take(most)
                .take_while(|letter| is_in(*letter))
                .count();
            if found < least {
                return false;
            }
            (pattern, text) = (rest, &text[found..]);
        } else {
            let Some(rest) = text.strip_prefix(&pattern[..1]) else {
                return false;
            };
            (pattern, text) = (&pattern[1..], rest);
        }
    }
    text.is_empty()
}

fn check(document: &Value, schemas: &BTreeMap<String, Value>, frame: &Value) {
    let kind = frame["type"].as_str().unwrap();
    let schema = schemas
        .get(kind)
        .unwrap_or_else(|| panic!("{kind} isn't in the document"));
    if let Err(problem) = judge(document, schema, frame, kind) {
        panic!("{problem}");
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_its_examples_are_right() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 40);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let schemas = schemas(&document);
    for message in document["components"]["messages"].as_object().unwrap().values() {
        // Bytes have none.
        for example in message["examples"].as_array().into_iter().flatten() {
            check(&document, &schemas, &example["payload"]);
        }
    }
    // The test can fail.
    let mut frame = document["components"]["messages"]["tick"]["examples"][0]["payload"].clone();
    frame["totals"]["orders"] = json!(-1);
    let problem = judge(&document, &schemas["tick"], &frame, "tick").unwrap_err();
    assert!(problem.contains("tick/totals/orders"), "{problem}");
    frame["totals"].as_object_mut().unwrap().remove("orders");
    assert!(judge(&document, &schemas["tick"], &frame, "tick").is_err());
    let key = r"^ed25519:[A-Za-z0-9+/]{43}=$";
    assert!(matches_pattern(
        key,
        &format!("ed25519:{}=", "a/".repeat(21) + "Z")
    ));
    assert!(!matches_pattern(
        key,
        &format!("ed25519:{}=", "a-".repeat(21) + "Z")
    ));
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if key == "$ref" => references.push(text.to_owned()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

fn connect(
    gateway: &Gateway,
    protocol: &str,
    token: Option<&str>,
) -> tungstenite::WebSocket<impl std::io::Read + std::io::Write + use<>> {
    let mut request =
        tungstenite::ClientRequestBuilder::new(gateway.url().parse().unwrap()).with_sub_protocol(protocol);
    if let Some(token) = token {
        request = request.with_header("Authorization", format!("Bearer {token}"));
    }
    tungstenite::connect(request).unwrap().0
}

#[test]
fn every_frame_is_what_the_document_says() {
    let document = document();
    let schemas = schemas(&document);
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let token = TokenStore::open(&tokens)
        .unwrap()
        .make("Anna", Role::Director, None, Utc::now())
        .unwrap()
        .1;
    let catalogue = load_catalogue().unwrap();
    let scenario = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let orders = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/orders-dirty.csv"
    );
    let orders = OrdersSource::open(orders, "uci-online-retail", Arc::clone(&catalogue)).unwrap();
    // A busy day for lights and products; a file with unreadable rows for notices.
    let sources: [(Box<dyn Source>, i64, f64); 2] = [
        (Box::new(scenario), 238_000, 1.0),
        (Box::new(orders), -1_000, 3_600.0),
    ];
    let mut seen = BTreeSet::new();
    for (source, into_ms, speed) in sources {
        let start_ms = source.hello().day.start_ms + into_ms;
        let publisher = Publisher::new(source, Arc::clone(&catalogue), start_ms, speed).unwrap();
        let config = GatewayConfig {
            speed,
            tokens: Some(tokens.clone()),
            signing: Some(Arc::new(SigningKey::ephemeral().unwrap())),
            ..GatewayConfig::default()
        };
        let gateway = serve(config, publisher).unwrap();
        let mut feed = connect(&gateway, "meridian.v1+json", Some(&token));
        let subscribe = json!({"type": "subscribe", "lights_per_s": 1_000});
        check(&document, &schemas, &subscribe);
        feed.send(Message::text(subscribe.to_string())).unwrap();
        let mut desk = connect(&gateway, SUBPROTOCOL_DESK, Some(&token));
        desk.send(Message::text(r#"{"action":"scene","scene":"showroom:shoe"}"#))
            .unwrap();
        let begun = Instant::now();
        let mut stopping = None;
        let mut running = Some(gateway);
        loop {
            match feed.read() {
                Ok(Message::Text(text)) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    check(&document, &schemas, &frame);
                    let kind = frame["type"].as_str().unwrap().to_owned();
                    let last = kind == "bye";
                    seen.insert(kind);
                    if last {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
            if begun.elapsed() > Duration::from_secs(3)
                && let Some(gateway) = running.take()
            {
                stopping = Some(std::thread::spawn(move || gateway.stop()));
            }
        }
        stopping.unwrap().join().unwrap();
    }
    assert_eq!(
        seen,
        published(&document, "publish"),
        "every type was heard, and no other"
    );
}

/// What the gateway sends in an operation.
fn published(document: &Value, operation: &str) -> BTreeSet<String> {
    let messages = document["operations"][operation]["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| {
            message["$ref"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn sources_are_answered_as_the_document_says() {
    let document = document();
    let schemas = schemas(&document);
    let catalogue = load_catalogue().unwrap();
    let hour_ago = Utc::now() - chrono::Duration::hours(1);
    let start = format!("start = \"{}\"", hour_ago.format("%Y-%m-%dT%H:%M:00Z"));
    let text = include_str!("../../../config/live-day.toml").replace("zone = \"Europe/Berlin\"", &start);
    let day = LiveDay::parse(&text, &catalogue, wall_ms()).unwrap();
    let (source, privacy) = LiveSource::open(day, None, &catalogue, Privacy::default()).unwrap();
    let (intake, start_ms) = (source.intake(), source.start_ms());
    let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
    let config = GatewayConfig {
        intake: Some(intake),
        ..GatewayConfig::default()
    };
    let gateway = serve(config, publisher.with_privacy(privacy).unwrap()).unwrap();
    let mut source = connect(&gateway, "meridian.v1.orders", None);
    let now_ms = wall_ms();
    let mut batch = Batch::new(Kind::Payment, now_ms - 1_000, now_ms - 900);
    batch.push(3, 1, 0, 500, Batch::DOMESTIC);
    let good = encode(&batch, 1, 1).unwrap();
    batch.category[0] = 7;
    let bad = encode(&batch, 1, 2).unwrap();
    // Several in one message.
    for message in [[good.clone(), bad].concat(), good] {
        source.send(Message::binary(message)).unwrap();
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        if let Message::Text(text) = source.read().unwrap() {
            let answer: Value = serde_json::from_str(&text).unwrap();
            check(&document, &schemas, &answer);
            seen.insert(answer["type"].as_str().unwrap().to_owned());
        }
    }
    // "later" is for a gateway that starts or whose disk is full.
    seen.insert("later".to_owned());
    assert_eq!(seen, published(&document, "answer_orders"));
    source.send(Message::binary(&b"no batch at all"[..])).unwrap();
    loop {
        match source.read() {
            Ok(Message::Close(frame)) => {
                let reason = frame.unwrap().reason.to_string();
                assert!(reason.contains("order batch"), "{reason}");
                break;
            }
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
    drop(gateway);
}

#[test]
fn a_client_in_python_adds_up_the_same_total() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + 60_000;
    let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
    let gateway = serve(GatewayConfig::default(), publisher).unwrap();
    let output = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/feed_total.py"
        ))
        .args([&gateway.url(), "--seconds", "3"])
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 runs the example client");
    gateway.stop();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(said["gmv_minor"], said["regions_gmv_minor"], "{said}");
    assert!(
        said["orders"].as_u64() > Some(7_600_000) && said["lights_events"].as_u64() > Some(100_000),
        "{said}"
    );
}

/// Behind a proxy the gateway lies at a path.
#[test]
fn the_examples_ask_for_the_path_that_they_are_given() {
    use std::io::BufRead as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/meridian/?hall=3", listener.local_addr().unwrap());
    let mut child = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/feed_total.py"
        ))
        .args([&url, "--seconds", "3"])
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 runs the example client");
    let (socket, _) = listener.accept().unwrap();
    let mut asked = String::new();
    std::io::BufReader::new(socket).read_line(&mut asked).unwrap();
    assert_eq!(asked, "GET /meridian/?hall=3 HTTP/1.1\r\n");
    let _ = child.kill();
    child.wait().unwrap();
}

/// What docs/threats.md says is tested by a test of that name is.
#[test]
fn the_tests_that_threats_are_tested_by_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = ["crates", "src", "tests"]
        .map(|folder| root.join(folder))
        .to_vec();
    let mut functions = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let named = text.split("fn ").skip(1);
                functions
                    .extend(named.filter_map(|rest| rest.split_once('(').map(|(name, _)| name.to_owned())));
            }
        }
    }
    let threats = std::fs::read_to_string(root.join("docs/threats.md")).unwrap();
    let mut known = 0;
    for row in threats.lines().filter(|line| line.starts_with("| T")) {
        let column = row.split('|').nth(4).unwrap();
        assert!(!column.trim().is_empty(), "{row}");
        for name in column.split('`').skip(1).step_by(2) {
            let name = name.rsplit("::").next().unwrap();
            // Files and modules stand there too.
            if name.matches('_').count() >= 3 {
                assert!(functions.contains(name), "no test {name}: {row}");
                known += 1;
            }
        }
    }
    assert!(known > 40, "{known}");
}
