//! The answers to those who send orders.

use serde::Serialize;

use super::MAX_MESSAGE_BYTES;
use meridian_core::sales::{Catalogue, Currency, EventMs, Kind};
use meridian_wire::{Hello, Names};

/// Who sends: a token's id, and the source numbers that it names; none: any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// The token's id; empty without one.
    pub token: &'a str,
    /// The numbers.
    pub numbers: &'a [u32],
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is new; it is counted once this many batches are.
    Taken(u64),
    /// It came before; it is counted once this many batches are.
    Duplicate(u64),
    /// It can't be counted.
    Refused(String),
    /// It can't be counted now: it is to be sent again.
    Later(String),
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its source.
    pub source: u32,
    /// Its number there.
    pub sequence: u64,
    /// How many rows it has.
    pub rows: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What those who send are told at first.
#[derive(Debug, Serialize)]
struct Welcome<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a Names,
    synthetic: bool,
    start_ms: EventMs,
    end_ms: EventMs,
    currency: &'a Currency,
    gmv_counts: Kind,
    catalogue: &'a str,
    categories: Vec<&'a str>,
    products: Vec<&'a str>,
    max_message_bytes: usize,
}

/// The first message to those who send, as JSON: the day, and what its numbers mean.
pub(super) fn welcome(hello: &Hello, catalogue: &Catalogue) -> String {
    let welcome = Welcome {
        kind: "welcome",
        title: &hello.title,
        synthetic: hello.synthetic,
        start_ms: hello.day.start_ms,
        end_ms: hello.day.end_ms,
        currency: &hello.currency,
        gmv_counts: hello.gmv_counts,
        catalogue: catalogue.hash(),
        categories: hello.categories.iter().map(|names| names.en.as_str()).collect(),
        products: hello.products.iter().map(|product| product.id.as_str()).collect(),
        max_message_bytes: MAX_MESSAGE_BYTES,
    };
    serde_json::to_string(&welcome).unwrap_or_default()
}
