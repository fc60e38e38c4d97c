use meridian_core::insight::MAX_TRENDS;
use meridian_core::sales::MAX_PRODUCTS;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use super::convert::hello::put_hello;
use super::convert::products::put_products;
use super::convert::snapshot::get_snapshot;
use super::envelope::{Head, MAX_KIND, bytes_field, uint64};
use super::error::unknown;
use super::strategies::frame;
use super::*;
use crate::frame::{
    Body, Compression, Counts, Direct, Frame, Hello, Lights, MAX_DETAILED_PRODUCTS, MAX_FRAME_BYTES,
    Position, ProductCell, ProductCounts, ProductCurve, ProductRow, Products, Subscribe, Trend,
};
use crate::sign::SigningKey;

proptest! {
    #[test]
    fn what_was_encoded_comes_back(frame in frame()) {
        let json = encode_json(&frame).unwrap();
        prop_assert_eq!(decode_json(json.as_bytes()).unwrap(), frame.clone());
        // The serde form of the types is the JSON encoding, whichever way it is read.
        prop_assert_eq!(serde_json::from_str::<Frame>(&json).unwrap(), frame.clone());
        let bin = encode_bin(&frame).unwrap();
        prop_assert_eq!(decode_bin(&bin).unwrap(), frame);
    }

    #[test]
    fn no_part_of_a_frame_is_a_frame(frame in frame(), at in 0.0..1.0_f64) {
        let json = encode_json(&frame).unwrap();
        let cut = &json.as_bytes()[..(json.len() as f64 * at) as usize];
        prop_assert!(decode_json(cut).is_err());
        let bin = encode_bin(&frame).unwrap();
        let cut = &bin[..(bin.len() as f64 * at) as usize];
        prop_assert!(decode_bin(cut).is_err());
    }

    #[test]
    fn garbage_is_refused_in_peace(bytes in vec(any::<u8>(), 0..400)) {
        let _ = decode_bin(&bytes);
        prop_assert!(decode_json(&bytes).is_err());
        let _ = decode_subscribe_bin(&bytes);
        prop_assert!(decode_subscribe_json(&bytes).is_err());
    }

    #[test]
    fn a_flipped_byte_never_panics(frame in frame(), at in any::<prop::sample::Index>(), with in 1..=255_u8) {
        let mut bin = encode_bin(&frame).unwrap();
        let at = at.index(bin.len());
        bin[at] ^= with;
        let _ = decode_bin(&bin);
    }

    #[test]
    fn subscribe_comes_back(
        epoch in any::<Option<(u64, u64)>>(),
        lights_per_s in any::<Option<u32>>(),
        (zstd, relay) in any::<(bool, bool)>(),
    ) {
        let subscribe = Subscribe {
            resume: epoch.map(|(epoch, seq)| Position { epoch, seq }),
            lights_per_s,
            compression: zstd.then_some(Compression::Zstd),
            relay,
        };
        let json = encode_subscribe_json(&subscribe);
        prop_assert_eq!(decode_subscribe_json(json.as_bytes()).unwrap(), subscribe);
        prop_assert_eq!(decode_subscribe_bin(&encode_subscribe_bin(&subscribe)).unwrap(), subscribe);
    }
}

fn lights(code: Vec<u8>) -> Frame {
    Frame {
        epoch: 7,
        seq: 2,
        prev: 1,
        body: Body::Lights(Lights {
            place: vec![1, 2, 3],
            code,
            per_light: 1,
            ..Lights::default()
        }),
    }
}

/// A frame around any message, checked by nobody.
fn raw(kind: u32, body: &impl prost::Message) -> Vec<u8> {
    frame_bin(
        7,
        2,
        1,
        &Packed::from_signed(kind, body.encode_to_vec()).tail(None, false),
    )
    .unwrap()
}

#[test]
fn a_signed_frame_is_its_gateways_or_none() {
    let key = SigningKey::ephemeral().unwrap();
    let (public, stranger) = (key.public(), SigningKey::ephemeral().unwrap().public());
    let body = Body::Lights(Lights {
        place: vec![7; 4_000],
        code: vec![1; 4_000],
        per_light: 1,
        ..Lights::default()
    });
    let mut packed = Packed::new(&body).unwrap();
    packed.compress();
    let signature = packed.sign(7, 12, 10, &key);
    let frame = Frame {
        epoch: 7,
        seq: 12,
        prev: 11,
        body: body.clone(),
    };
    let plain = frame_bin(7, 12, 11, &packed.tail(Some((10, &signature)), false)).unwrap();
    let small = frame_bin(7, 12, 11, &packed.tail(Some((10, &signature)), true)).unwrap();
    assert!(small.len() * 10 < plain.len(), "{} {}", small.len(), plain.len());
    let json = frame_json(7, 12, 11, &seal_json(7, 12, 10, &body_json(&body).unwrap(), &key)).unwrap();
    let opened = Opened {
        frame,
        base: Some(10),
    };
    for bytes in [&plain, &small] {
        assert_eq!(open_bin(bytes, Some(&public)).unwrap(), opened);
        assert_eq!(open_bin(bytes, None).unwrap(), opened);
        assert!(matches!(
            open_bin(bytes, Some(&stranger)),
            Err(CodecError::Signature { seq: 12, .. })
        ));
        let relayed = split_bin(bytes).unwrap();
        assert_eq!(relayed.signed, Some((10, signature)));
        assert_eq!(relayed.packed.bytes(), packed.bytes());
    }
    assert_eq!(open_json(json.as_bytes(), Some(&public)).unwrap(), opened);
    assert!(open_json(json.as_bytes(), Some(&stranger)).is_err());
    let altered = json.replace("\"per_light\":1", "\"per_light\":2");
    assert!(open_json(altered.as_bytes(), Some(&public)).is_err());
    assert!(open_json(altered.as_bytes(), None).is_ok());
    // Any flipped bit of what is signed is noticed; prev is the connection's own.
    for at in 0..plain.len() {
        let mut bytes = plain.clone();
        bytes[at] ^= 1;
        if let Ok(read) = open_bin(&bytes, Some(&public)) {
            let same = Frame {
                prev: opened.frame.prev,
                ..read.frame
            };
            assert_eq!(
                (same, read.base),
                (opened.frame.clone(), opened.base),
                "byte {at}"
            );
        }
    }
    // No signature is none.
    let unsigned = encode_bin(&opened.frame).unwrap();
    assert!(open_bin(&unsigned, Some(&public)).is_err());
    assert!(open_json(encode_json(&opened.frame).unwrap().as_bytes(), Some(&public)).is_err());
}

#[test]
fn a_key_before_a_signed_type_says_nothing() {
    let key = SigningKey::ephemeral().unwrap();
    for (body, stranger) in [
        (Body::Direct(Direct::default()), "\"scene\":\"showroom:shoe\","),
        (
            lights(vec![0, 1, 2]).body,
            "\"arcs\":{\"from_region\":[1],\"to_place\":[2],\"parcels\":[3]},",
        ),
    ] {
        let text = frame_json(7, 2, 1, &seal_json(7, 2, 1, &body_json(&body).unwrap(), &key)).unwrap();
        let altered = text.replacen("\"type\":", &format!("{stranger}\"type\":"), 1);
        let opened = open_json(altered.as_bytes(), Some(&key.public())).unwrap();
        assert_eq!(opened.frame.body, body);
        // Without a key to go by, it is what it says.
        assert_ne!(decode_json(altered.as_bytes()).unwrap().body, body);
    }
}

#[test]
fn what_only_one_encoding_can_say_is_refused() {
    let mut hello = Hello::unknown();
    for speed in [f64::NAN, f64::INFINITY] {
        hello.speed = speed;
        let error = decode_bin(&raw(1, &put_hello(&hello))).unwrap_err();
        assert!(error.to_string().starts_with("hello.speed is "), "{error}");
    }
    // No field of protobuf's is left for a body of these kinds.
    for kind in [MAX_KIND + 1, u32::MAX] {
        let mut bytes = Head::default().encode_to_vec();
        uint64(4, u64::from(kind), &mut bytes);
        assert_eq!(split_bin(&bytes), Err(unknown("kind", kind)));
    }
    // A table without rows keeps the distance of its points.
    let products = Products {
        step_ms: 300_000,
        ..Products::default()
    };
    let mut snapshot = get_snapshot(proto::Snapshot {
        mode: 1,
        totals: Some(proto::Totals::default()),
        rates: Some(proto::Rates::default()),
        ..proto::Snapshot::default()
    })
    .unwrap();
    snapshot.products = products.clone();
    let frame = Frame {
        body: Body::Snapshot(Box::new(snapshot)),
        ..lights(vec![])
    };
    assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).as_ref(), Ok(&frame));
    assert_eq!(decode_json(encode_json(&frame).unwrap().as_bytes()), Ok(frame));
}

#[test]
fn a_small_frame_that_would_unpack_to_a_huge_one_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; MAX_FRAME_BYTES + 1], 19).unwrap();
    let mut bytes = Head {
        epoch: 1,
        seq: 1,
        prev: 0,
    }
    .encode_to_vec();
    uint64(4, 4, &mut bytes);
    bytes_field(7, &bomb, &mut bytes);
    assert!(bytes.len() < 10_000);
    assert!(matches!(decode_bin(&bytes), Err(CodecError::Malformed(_))));
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let wrong = CodecError::Columns {
        column: "code",
        len: 2,
        expected: 3,
    };
    assert_eq!(encode_bin(&lights(vec![0, 1])), Err(wrong.clone()));
    let json = r#"{"epoch":7,"seq":2,"prev":1,"type":"lights","from_ms":0,"to_ms":1,"per_light":1,"events":3,"place":[1,2,3],"code":[0,1]}"#;
    assert_eq!(decode_json(json.as_bytes()), Err(wrong.clone()));
    let short = proto::Lights {
        place_u16: vec![1, 0, 2, 0, 3, 0],
        code_u8: vec![0, 1],
        ..proto::Lights::default()
    };
    assert_eq!(decode_bin(&raw(4, &short)), Err(wrong));
    let ragged = proto::Lights {
        place_u16: vec![1, 0, 2],
        ..proto::Lights::default()
    };
    let error = decode_bin(&raw(4, &ragged)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column place: 3 bytes aren't a whole number of values of 2 bytes"
    );
}

fn framed(products: Products) -> Frame {
    Frame {
        epoch: 7,
        seq: 2,
        prev: 1,
        body: Body::Products(Box::new(products)),
    }
}

#[test]
fn products_beyond_their_bounds_are_refused() {
    let row = ProductRow::default();
    let curve = |from, points| ProductCurve {
        product: 0,
        from,
        gmv_minor: vec![0; points],
    };
    for (products, words) in [
        (
            Products {
                products: vec![row; MAX_PRODUCTS + 1],
                ..Products::default()
            },
            "products.products: 4097, at most 4096",
        ),
        (
            Products {
                products: vec![ProductRow { id: 4_096, ..row }],
                ..Products::default()
            },
            "products.id is 4096",
        ),
        (
            Products {
                curves: vec![curve(u32::MAX, 2)],
                ..Products::default()
            },
            "products.curves.gmv_minor",
        ),
        (
            Products {
                curves: vec![curve(0, 0); MAX_DETAILED_PRODUCTS + 1],
                ..Products::default()
            },
            "products.curves: 65",
        ),
    ] {
        let frame = framed(products.clone());
        let error = encode_bin(&frame).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        // What another sender lets through isn't taken either.
        let json = serde_json::to_string(&frame).unwrap();
        assert!(
            decode_json(json.as_bytes())
                .unwrap_err()
                .to_string()
                .contains(words)
        );
        let error = decode_bin(&raw(8, &put_products(&products)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    // Columns of different lengths.
    let mut columns = put_products(&Products {
        products: vec![row; 3],
        ..Products::default()
    });
    if let Some(columns) = &mut columns.products {
        columns.rank_u16.truncate(4);
    }
    assert_eq!(
        decode_bin(&raw(8, &columns)),
        Err(CodecError::Columns {
            column: "products.rank",
            len: 2,
            expected: 3
        })
    );
}

#[test]
fn the_fullest_products_stay_a_frame() {
    let counts = ProductCounts {
        counts: Counts {
            orders: u64::MAX,
            payments: u64::MAX,
            gmv_minor: i64::MIN,
        },
        units: i64::MIN,
    };
    let products = Products {
        event_ms: i64::MAX,
        published_ms: Some(i64::MIN),
        products: (0..MAX_PRODUCTS as u16)
            .map(|id| ProductRow {
                id,
                counts,
                orders_per_s: u64::MAX,
                orders_10s: u64::MAX,
                rank: id,
            })
            .collect(),
        regions: (0..MAX_DETAILED_PRODUCTS as u16)
            .flat_map(|product| {
                (0..235).map(move |region| ProductCell {
                    product,
                    region,
                    counts,
                })
            })
            .collect(),
        step_ms: 300_000,
        curves: (0..MAX_DETAILED_PRODUCTS as u16)
            .map(|product| ProductCurve {
                product,
                from: 0,
                gmv_minor: vec![i64::MIN; 1_000],
            })
            .collect(),
        trends: Some(vec![
            Trend {
                product: 1,
                region: 2,
                percent: 420
            };
            MAX_DETAILED_PRODUCTS * MAX_TRENDS
        ]),
    };
    let frame = framed(products);
    // Room for the rest of a snapshot is left.
    assert!(encode_bin(&frame).unwrap().len() < MAX_FRAME_BYTES / 4);
    assert!(encode_json(&frame).unwrap().len() < MAX_FRAME_BYTES * 3 / 4);
    assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).unwrap(), frame);
}

#[test]
fn the_examples_of_the_specification_are_frames() {
    let text = include_str!("../../../../docs/feed.md");
    let mut types = Vec::new();
    for block in text.split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap();
        if json.contains("\"epoch\"") && !json.contains("\"subscribe\"") {
            let frame = decode_json(json.as_bytes()).unwrap();
            assert_eq!(decode_bin(&encode_bin(&frame).unwrap()).unwrap(), frame);
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            types.push(value["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        types,
        [
            "hello",
            "snapshot",
            "tick",
            "lights",
            "products",
            "direct",
            "heartbeat",
            "notice",
            "bye"
        ]
    );
}

#[test]
fn a_feed_of_before_there_were_products_is_still_understood() {
    let hello = r#"{"epoch":7,"seq":2,"prev":1,"type":"hello","version":1,"server":"","mode":"demo","synthetic":true,
        "title":{"en":"","zh":""},"currency":"CNY","gmv_counts":"payment","speed":1.0,"catalogue":"","categories":[],
        "day":{"start_ms":0,"end_ms":1,"utc_offset_min":0},"comparisons":[],"milestones_minor":[]}"#;
    let Body::Hello(hello) = decode_json(hello.as_bytes()).unwrap().body else {
        panic!("a hello");
    };
    assert_eq!(hello.products, []);
    // And a feed without products says nothing of them that an older reader would have to pass over.
    let text = encode_json(&Frame {
        epoch: 1,
        seq: 1,
        prev: 0,
        body: Body::Hello(hello),
    });
    assert!(!text.unwrap().contains("products"));
}

#[test]
fn oversized_frames_are_refused_before_they_are_read() {
    let bytes = vec![b' '; MAX_FRAME_BYTES + 1];
    let wrong = CodecError::TooLarge {
        bytes: MAX_FRAME_BYTES + 1,
        limit: MAX_FRAME_BYTES,
    };
    assert_eq!(decode_json(&bytes), Err(wrong.clone()));
    assert_eq!(decode_bin(&bytes), Err(wrong));
    let huge = Frame {
        body: Body::Lights(Lights {
            place: vec![0; MAX_FRAME_BYTES / 2],
            code: vec![0; MAX_FRAME_BYTES / 2],
            ..Lights::default()
        }),
        ..lights(vec![])
    };
    assert!(matches!(encode_bin(&huge), Err(CodecError::TooLarge { .. })));
    assert!(matches!(encode_json(&huge), Err(CodecError::TooLarge { .. })));
}

#[test]
fn types_of_tomorrow_keep_their_place_in_the_stream() {
    let unknown = |kind: &str| Frame {
        epoch: 7,
        seq: 2,
        prev: 1,
        body: Body::Unknown(kind.to_owned()),
    };
    let json = br#"{"epoch":7,"seq":2,"prev":1,"type":"forecast","curve":[1,2]}"#;
    assert_eq!(decode_json(json), Ok(unknown("forecast")));
    let mut bin = Head {
        epoch: 7,
        seq: 2,
        prev: 1,
    }
    .encode_to_vec();
    // Kind 29; field 39, length-delimited, three bytes.
    bin.extend([0x20, 29, 0xba, 0x02, 3, 1, 2, 3]);
    assert_eq!(decode_bin(&bin), Ok(unknown("29")));
    // What isn't understood isn't passed on.
    assert!(encode_bin(&unknown("29")).is_err() && encode_json(&unknown("forecast")).is_err());
    // A new key in a type that is known is skipped.
    let json = br#"{"epoch":7,"seq":2,"prev":1,"type":"heartbeat","event_ms":1,"published_ms":2,"mode":"live","load":0.5}"#;
    assert!(matches!(decode_json(json).unwrap().body, Body::Heartbeat(_)));
}

#[test]
fn an_empty_frame_is_truncated() {
    assert!(matches!(decode_bin(&[]), Err(CodecError::Truncated { .. })));
    assert!(matches!(decode_json(&[]), Err(CodecError::Truncated { .. })));
}
