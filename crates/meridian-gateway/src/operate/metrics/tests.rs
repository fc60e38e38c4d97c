use hyper::Request;

use super::*;
use crate::operate::metrics::http::respond;

#[test]
fn only_this_machines_names_are_answered_and_those_that_are_listed() {
    let listed = ["Metrics.internal".to_owned(), "10.0.0.5:9017".to_owned()];
    for (host, allowed) in [
        ("localhost", true),
        ("LOCALHOST:9017", true),
        ("127.0.0.1:9017", true),
        ("127.0.0.9", true),
        ("[::1]", true),
        ("[::1]:9017", true),
        ("metrics.internal:9017", true),
        ("10.0.0.5:9017", true),
        ("10.0.0.5:9018", false),
        ("evil.example:9017", false),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("0.0.0.0:9017", false),
        ("", false),
        ("?", false),
    ] {
        assert_eq!(host_allowed(host, &listed), allowed, "{host}");
    }
}

fn asked(metrics: &Metrics, host: &[&str], token: Option<&str>, path: &str) -> (u16, String) {
    use http_body_util::BodyExt as _;
    let asker = Asker {
        hosts: Vec::new(),
        sees: Box::new(|header| match header {
            None => Sees::Released,
            Some("Bearer chief") => Sees::Everything,
            Some(_) => Sees::Nothing,
        }),
    };
    let mut request = Request::builder().uri(path);
    for host in host {
        request = request.header("host", *host);
    }
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let response = respond(&request.body(()).unwrap(), metrics, &asker, 0);
    let status = response.status().as_u16();
    let body = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(response.into_body().collect());
    (
        status,
        String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap(),
    )
}

/// An alert on "no walls" needs the nought.
#[test]
fn what_is_watched_is_there_before_it_happens() {
    let text = Metrics::new().public_text();
    for line in [
        "clients{class=\"public\"} 0",
        "clients{class=\"internal\"} 0",
        "clients_lost_total{why=\"too_slow\"} 0",
        "clients_lost_total{why=\"token\"} 0",
        "intrusion_signs_total{why=\"failed_logins\"} 0",
        "intrusion_signs_total{why=\"flood\"} 0",
        "storage_failing{what=\"orders\"} 0",
    ] {
        assert!(
            text.contains(&format!("meridian_gateway_{line}\n")),
            "{line}: {text}"
        );
    }
}

#[test]
fn exact_figures_are_for_those_who_may_see_them() {
    let metrics = Metrics::new();
    let counts = |orders, payments| Counts {
        orders,
        payments,
        gmv_minor: 0,
    };
    metrics.told(&counts(10, 0));
    metrics.counted(&counts(19, 7));
    for why in ["taken", "duplicate", "refused"] {
        metrics.batches.get_or_create(&Why { why }).inc();
    }
    let (status, text) = asked(&metrics, &["localhost"], None, "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("meridian_gateway_orders 10\n") && text.contains("meridian_gateway_payments 0\n"));
    assert!(
        !text.contains(" 19\n") && !text.contains("taken") && !text.contains("duplicate"),
        "{text}"
    );
    assert!(text.contains("order_batches_total{why=\"refused\"} 1") && text.ends_with("# EOF\n"));
    let (_, text) = asked(&metrics, &["localhost"], Some("Bearer chief"), "/metrics");
    assert!(text.contains("meridian_gateway_orders 19\n") && text.contains("meridian_gateway_payments 7\n"));
    assert!(text.contains("order_batches_total{why=\"taken\"} 1") && text.ends_with("# EOF\n"));
    assert_eq!(
        asked(&metrics, &["localhost"], Some("Bearer nobody"), "/metrics").0,
        401
    );
    // Each batch is answered by a message: only those of the public stream are everybody's to count.
    let totals = |token| {
        let text = asked(&metrics, &["localhost"], token, "/metrics").1;
        ["messages_sent", "bytes_sent", "frames_received"].map(|name| {
            let name = format!("meridian_gateway_{name}_total ");
            let mut values = text.lines().filter_map(|line| line.strip_prefix(&name));
            values.next().unwrap().parse::<u64>().unwrap()
        })
    };
    metrics.wrote(true, 500);
    metrics.heard(true, 3);
    let before = totals(None);
    for _ in 0..7 {
        metrics.wrote(false, 80);
        metrics.heard(false, 1);
    }
    assert_eq!((before, totals(None)), ([1, 500, 3], [1, 500, 3]));
    assert_eq!(totals(Some("Bearer chief")), [8, 1_060, 10]);
    for path in ["/metrics", "/health", "/"] {
        assert_eq!(asked(&metrics, &["evil.example:9017"], None, path).0, 403);
        assert_eq!(asked(&metrics, &[], None, path).0, 403);
    }
    assert_eq!(
        asked(&metrics, &["localhost"], None, "http://evil.example/metrics").0,
        403
    );
}
