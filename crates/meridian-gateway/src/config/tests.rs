use super::*;
use crate::config::values::{is_itself, parse_start};

#[test]
fn the_shipped_file_says_every_key_and_its_default() {
    let text = include_str!("../../../../config/gateway.toml");
    assert_eq!(
        Config::parse(text).unwrap(),
        Config {
            listen: Some("127.0.0.1:9016".parse().unwrap()),
            ..Config::default()
        }
    );
    // With every example uncommented it is still one.
    let every: String = text
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("#: ").unwrap_or(line);
            format!("{bare}\n")
        })
        .filter(|line| {
            !["scenario", "orders", "mapping", "live", "order_log"]
                .iter()
                .any(|key| line.starts_with(&format!("{key} =")))
        })
        .collect();
    let config = Config::parse(&every).unwrap();
    assert!(config.tls.is_some() && config.signing.is_some() && config.audit.is_some());
    assert!(config.proxy.is_some() && config.admin.is_some());
    // Every key of the structures is explained.
    for key in [
        "listen",
        "allow_plain",
        "state",
        "delay_s",
        "scenario",
        "orders",
        "mapping",
        "live",
        "order_log",
        "start",
        "speed",
        "upstream",
        "upstream_token",
        "upstream_key",
        "upstream_ca",
        "k",
        "certificate",
        "key",
        "tokens",
        "anonymous",
        "origins",
        "connections",
        "connections_per_address",
        "connections_per_token",
        "connections_per_source",
        "unfinished_mib",
        "handshakes",
        "handshakes_per_address",
        "handshakes_reserved",
        "handshakes_per_address_per_s",
        "handshakes_per_address_burst",
        "failures_per_minute",
        "lockout_s",
        "most_per_s",
        "most_ahead_s",
        "most_behind_s",
        "file",
        "format",
        "trusted",
        "header",
        "hosts",
    ] {
        assert!(
            text.lines()
                .any(|line| line.trim_start_matches("#: ").starts_with(&format!("{key} ="))),
            "{key}"
        );
    }
}

#[test]
fn one_file_is_not_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string())
    };
    std::fs::create_dir(folder.path().join("a")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
    for (text, words) in [
        ("state = 'x'\n[audit]\nfile = 'x'", ["state", "audit.file"]),
        ("state = 'x'\n[signing]\nkey = './x'", ["state", "signing.key"]),
        (
            "[audit]\nfile = 'a/../x'\n[access]\ntokens = 'x'",
            ["audit.file", "access.tokens"],
        ),
        (
            "[audit]\nfile = 'tokens.audit.jsonl'\n[access]\ntokens = 'tokens.toml'",
            ["audit.file", "beside access.tokens"],
        ),
        (
            "[signing]\nkey = 'a/x'\n[tls]\ncertificate = 'c'\nkey = 'b/x'",
            ["signing.key", "tls.key"],
        ),
        (
            "[access]\ntokens = 'gateway.toml'",
            ["access.tokens", "this file"],
        ),
        (
            "state = 'x'\n[source]\nlive = 'd'\norder_log = 'x'",
            ["state", "source.order_log"],
        ),
        (
            "[access]\ntokens = 't'\n[source]\nupstream = 'ws://h:1'\nupstream_token = 't'",
            ["access.tokens", "source.upstream_token"],
        ),
    ] {
        let problem = read(text).unwrap_err();
        let said = words.iter().all(|word| problem.contains(word)) && problem.contains("one file");
        assert!(said, "{problem}");
    }
    // What is only read may be one, and what isn't one is two.
    read("[tls]\ncertificate = 'both.pem'\nkey = 'both.pem'").unwrap();
    read("state = 'a/x'\n[audit]\nfile = 'x'\n[signing]\nkey = 'y'\n[access]\ntokens = 'tokens.toml'")
        .unwrap();
}

#[test]
fn a_gateway_is_known_by_its_own_address() {
    for (upstream, listen, itself) in [
        ("ws://127.0.0.1:9016", "127.0.0.1:9016", true),
        ("ws://localhost:9016/", "127.0.0.1:9016", true),
        ("wss://[::1]:9016", "[::1]:9016", true),
        ("ws://localhost:9016", "[::1]:9016", true),
        ("ws://127.0.0.1:9016", "0.0.0.0:9016", true),
        ("ws://127.0.0.1:9016", "[::]:9016", true),
        ("wss://127.0.0.1", "0.0.0.0:443", true),
        ("ws://127.0.0.1:9018", "127.0.0.1:9016", false),
        ("ws://192.0.2.7:9016", "0.0.0.0:9016", false),
        ("ws://gateway.example:9016", "0.0.0.0:9016", false),
    ] {
        assert_eq!(
            is_itself(upstream, listen.parse().unwrap()),
            itself,
            "{upstream} {listen}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, words) in [
        ("lisen = '127.0.0.1:1'", "unknown field `lisen`"),
        ("[tls]\ncertificate = 'a'", "missing field `key`"),
        (
            "[source]\nscenario = 'a'\nupstream = 'ws://b'",
            "only one can be served",
        ),
        ("[source]\norders = 'a.csv'", "belong together"),
        ("[source]\norder_log = 'a'", "for a live day"),
        ("[source]\nlive = 'a'\nspeed = 2.0", "follows the clock"),
        ("[source]\nspeed = 0.5", "source.speed is 0.5"),
        ("[source]\nstart = '25:00'", "source.start"),
        ("[source]\nupstream_key = 'x'", "there is none"),
        ("[privacy]\nk = 0", "privacy.k is 0: 2 to"),
        ("listen = 'localhost'", "as in \"127.0.0.1:9016\""),
        ("listen = 9016", "as in \"127.0.0.1:9016\""),
        ("[admin]\nlisten = '9017'", "as in \"127.0.0.1:9016\""),
        ("delay_s = 601", "delay_s is 601"),
        ("[admin]\nlisten = '0.0.0.0:9017'", "loopback address only"),
        (
            "listen = '0.0.0.0:9017'\nallow_plain = true\n[admin]\nlisten = '127.0.0.1:9017'",
            "port 9017 is the gateway's own",
        ),
        (
            "[admin]\nlisten = '127.0.0.1:9016'",
            "port 9016 is the gateway's own",
        ),
        ("[access]\norigins = ['wall']", "one like https://wall.example"),
        ("[access]\nanonymous = 'king'", "unknown variant `king`"),
        ("[limits]\nconnections = 0", "at least 1"),
        ("[limits]\nhandshakes_per_address = 0", "at least 1"),
        ("[proxy]\ntrusted = ['10.0.0.1']", "missing field `header`"),
        (
            "[proxy]\ntrusted = ['10.0.0.1']\nheader = 'x-real-ip'",
            "unknown variant `x-real-ip`",
        ),
        (
            "[proxy]\ntrusted = ['nginx']\nheader = 'forwarded'",
            "one like 10.0.0.1",
        ),
        (
            "[admin]\nlisten = '127.0.0.1:9017'\nhosts = ['http://x']",
            "admin.hosts",
        ),
    ] {
        let problem = Config::parse(text).unwrap_err();
        assert!(problem.contains(words), "{problem}");
    }
}

#[test]
fn a_day_begins_before_midnight_too_and_its_seconds_may_be_left_out() {
    for (text, start_ms) in [
        ("00:06:58", 418_000),
        ("00:06", 360_000),
        ("-00:00:10", -10_000),
        ("-00:01", -60_000),
    ] {
        assert_eq!(parse_start(text), Ok(start_ms), "{text}");
        Config::parse(&format!("[source]\nstart = '{text}'")).unwrap();
    }
    assert!(parse_start("noon").unwrap_err().contains("HH:MM:SS"));
}
