//! `src/codec/proto.rs` is made of `docs/feed.proto`, which is published, so that neither changes alone.
//! `UPDATE_PROTO=1 cargo test -p meridian-wire --test proto` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use meridian_wire::{decode_json, encode_bin};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

const SCHEMA: &str = include_str!("../../../docs/feed.proto");
const MADE: &str = include_str!("../src/codec/proto.rs");
const SPECIFICATION: &str = include_str!("../../../docs/feed.md");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Plain,
    Optional,
    Repeated,
    /// Of the message's `oneof`.
    OneOf,
}

#[derive(Debug)]
struct Field<'a> {
    label: Label,
    of: &'a str,
    name: &'a str,
    number: u32,
}

#[derive(Debug)]
struct Message<'a> {
    name: &'a str,
    fields: Vec<Field<'a>>,
}

/// The messages of a schema that uses no more of the language than this one.
fn parse(text: &str) -> Vec<Message<'_>> {
    let mut messages: Vec<Message> = Vec::new();
    let mut one_of = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap().trim();
        if let Some(rest) = line.strip_prefix("message ") {
            let name = rest.strip_suffix(" {").unwrap();
            let fields = Vec::new();
            messages.push(Message { name, fields });
        } else if line.starts_with("oneof ") {
            one_of = true;
        } else if line == "}" {
            one_of = false;
        } else if let Some((left, number)) = line.split_once('=').filter(|_| !messages.is_empty()) {
            let words: Vec<&str> = left.split_whitespace().collect();
            let (label, of, name) = match words[..] {
                [of, name] if one_of => (Label::OneOf, of, name),
                [of, name] => (Label::Plain, of, name),
                ["optional", of, name] => (Label::Optional, of, name),
                ["repeated", of, name] => (Label::Repeated, of, name),
                _ => panic!("what is {line:?}?"),
            };
            messages.last_mut().unwrap().fields.push(Field {
                label,
                of,
                name,
                number: number.trim().strip_suffix(';').unwrap().parse().unwrap(),
            });
        } else {
            let known = line.is_empty() || line.starts_with("syntax ") || line.starts_with("package ");
            assert!(known, "what is {line:?}?");
        }
    }
    messages
}

/// The attribute's word for a type, and the type in Rust; a message is its own.
fn rust(of: &str) -> (&str, &str) {
    match of {
        "bool" => ("bool", "bool"),
        "double" => ("double", "f64"),
        "uint32" => ("uint32", "u32"),
        "uint64" => ("uint64", "u64"),
        "int64" => ("int64", "i64"),
        "sint32" => ("sint32", "i32"),
        "sint64" => ("sint64", "i64"),
        "string" => ("string", "String"),
        "bytes" => ("bytes = \"vec\"", "Vec<u8>"),
        message => {
            assert!(
                message.starts_with(|first: char| first.is_ascii_uppercase()),
                "{message}"
            );
            ("message", message)
        }
    }
}

/// The module that a schema makes. The envelope isn't in it: the codec writes and reads it field by field.
fn render(messages: &[Message]) -> String {
    let mut out = String::from(
        "//! The binary encoding's messages, made of `docs/feed.proto`, which says what they mean. Only the codec sees\n\
         //! them. Don't edit this: `tests/proto.rs` says how it is made.\n\
         //!\n\
         //! Bulk columns are little-endian fixed-width `bytes`, so that a reader in any language can lay a\n\
         //! typed array over them.\n",
    );
    for message in messages.iter().filter(|message| message.name != "Envelope") {
        out.push_str("\n#[derive(Clone, PartialEq, prost::Message)]\n");
        writeln!(out, "pub(super) struct {} {{", message.name).unwrap();
        for field in &message.fields {
            let (word, of) = rust(field.of);
            let (label, of) = match field.label {
                Label::Repeated => (", repeated", format!("Vec<{of}>")),
                Label::Optional => (", optional", format!("Option<{of}>")),
                // A message is there or not, whether the schema says so or doesn't.
                Label::Plain if word == "message" => (", optional", format!("Option<{of}>")),
                Label::Plain => ("", of.to_owned()),
                Label::OneOf => panic!("{}: only the envelope has a oneof", message.name),
            };
            let Field { name, number, .. } = field;
            writeln!(
                out,
                "    #[prost({word}{label}, tag = \"{number}\")]\n    pub {name}: {of},"
            )
            .unwrap();
        }
        out.push_str("}\n");
    }
    out
}

#[test]
fn the_messages_are_those_of_the_published_schema() {
    let made = render(&parse(SCHEMA));
    if std::env::var_os("UPDATE_PROTO").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/codec/proto.rs");
        std::fs::write(path, &made).unwrap();
        return;
    }
    let differs = made
        .lines()
        .zip(MADE.lines())
        .find(|(made, checked_in)| made != checked_in);
    assert!(
        made == MADE,
        "docs/feed.proto and src/codec/proto.rs differ, first in {differs:?}: is that meant? Then see tests/proto.rs"
    );
}

/// The fields of a message by number: what a varint says, or nothing for bytes.
fn fields(mut bytes: &[u8]) -> BTreeMap<u32, Option<u64>> {
    let mut found = BTreeMap::new();
    while !bytes.is_empty() {
        let (field, wire) = decode_key(&mut bytes).unwrap();
        let value = if wire == WireType::Varint {
            Some(decode_varint(&mut bytes).unwrap())
        } else {
            skip_field(wire, field, &mut bytes, DecodeContext::default()).unwrap();
            None
        };
        found.insert(field, value);
    }
    found
}

#[test]
fn the_envelope_is_that_of_the_published_schema() {
    let messages = parse(SCHEMA);
    let envelope = messages
        .iter()
        .find(|message| message.name == "Envelope")
        .unwrap();
    let number = |name: &str| {
        let field = envelope.fields.iter().find(|field| field.name == name);
        field.unwrap_or_else(|| panic!("no {name}")).number
    };
    let bodies = envelope
        .fields
        .iter()
        .filter(|field| field.label == Label::OneOf)
        .count();
    let mut seen = Vec::new();
    for block in SPECIFICATION.split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap();
        if !json.contains("\"epoch\"") || json.contains("\"subscribe\"") {
            continue;
        }
        let frame = decode_json(json.as_bytes()).unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let body = number(value["type"].as_str().unwrap());
        let found = fields(&encode_bin(&frame).unwrap());
        for (name, said) in [("epoch", frame.epoch), ("seq", frame.seq), ("prev", frame.prev)] {
            assert_eq!(
                found.get(&number(name)).copied().flatten().unwrap_or(0),
                said,
                "{name} of {json}"
            );
        }
        assert_eq!(
            found.get(&number("kind")),
            Some(&Some(u64::from(body - 10))),
            "{json}"
        );
        assert_eq!(found.get(&body), Some(&None), "{json}");
        seen.push(body);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), bodies, "docs/feed.md has an example of each body");
}
