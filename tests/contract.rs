//! What the gateway says is what the AsyncAPI document says, and what a client in another language understands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use meridian::gateway::access::{Role, TokenStore};
use meridian::gateway::{
    Gateway, GatewayConfig, OrdersSource, Publisher, SUBPROTOCOL_DESK, ScenarioSource, Source,
    load_catalogue, serve,
};
use meridian::wire::SigningKey;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

fn document() -> Value {
    serde_norway::from_str(include_str!("../docs/asyncapi.yaml")).unwrap()
}

/// A validator for each type of frame, by its name.
fn validators(document: &Value) -> BTreeMap<String, jsonschema::Validator> {
    let messages = document["components"]["messages"].as_object().unwrap();
    messages
        .iter()
        .map(|(name, message)| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": message["payload"]["$ref"],
                "components": document["components"],
            });
            (name.clone(), jsonschema::validator_for(&schema).unwrap())
        })
        .collect()
}

fn check(validators: &BTreeMap<String, jsonschema::Validator>, frame: &Value) {
    let kind = frame["type"].as_str().unwrap();
    let validator = validators
        .get(kind)
        .unwrap_or_else(|| panic!("{kind} isn't in the document"));
    if let Some(error) = validator.iter_errors(frame).next() {
        panic!("{kind}: {error} at {}", error.instance_path());
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
    let validators = validators(&document);
    for message in document["components"]["messages"].as_object().unwrap().values() {
        for example in message["examples"].as_array().unwrap() {
            check(&validators, &example["payload"]);
        }
    }
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
    let validators = validators(&document());
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    let token = TokenStore::open(&tokens)
        .unwrap()
        .make("Anna", Role::Director, None, Utc::now())
        .unwrap()
        .1;
    let catalogue = load_catalogue().unwrap();
    let scenario = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let orders = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/orders-dirty.csv");
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
        check(&validators, &subscribe);
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
                    check(&validators, &frame);
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
    let known: BTreeSet<String> = validators
        .keys()
        .filter(|kind| *kind != "subscribe")
        .cloned()
        .collect();
    assert_eq!(seen, known, "every type was heard, and no other");
}

#[test]
fn a_client_in_python_adds_up_the_same_total() {
    let catalogue = load_catalogue().unwrap();
    let source = ScenarioSource::load("double11-2016", Arc::clone(&catalogue)).unwrap();
    let start_ms = source.hello().day.start_ms + 60_000;
    let publisher = Publisher::new(Box::new(source), Arc::clone(&catalogue), start_ms, 1.0).unwrap();
    let gateway = serve(GatewayConfig::default(), publisher).unwrap();
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/feed_total.py"))
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
