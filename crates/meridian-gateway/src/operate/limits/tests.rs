use std::net::IpAddr;

use tokio::sync::oneshot;

use super::*;
use crate::operate::limits::address::*;
use crate::operate::limits::alarm::*;
use crate::operate::limits::gatekeeper::*;

fn v4(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn limits() -> Limits {
    Limits {
        connections: 5,
        connections_per_address: 3,
        connections_per_token: 2,
        connections_per_source: 1,
        handshakes: 4,
        handshakes_per_address: 4,
        handshakes_reserved: 0,
        handshakes_per_address_per_s: 1.0,
        handshakes_per_address_burst: 10.0,
        failures_per_minute: 3,
        lockout_s: 60,
        unfinished_mib: 1,
    }
}

fn is_dropped(entry: &mut Entry) -> bool {
    matches!(
        entry.dropped.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    )
}

#[test]
fn nobody_takes_more_than_their_share() {
    let mut gate = Gatekeeper::new(limits());
    let first: Vec<Entry> = (0..3).map(|_| gate.connect(v4(1), 0).unwrap()).collect();
    assert_eq!(gate.connect(v4(1), 0).unwrap_err(), Limited::PerAddress);
    for entry in &first {
        gate.shaken_hands(entry);
    }
    let other = gate.connect(v4(2), 0).unwrap();
    gate.connect(v4(3), 0).unwrap();
    assert_eq!(gate.connect(v4(4), 0).unwrap_err(), Limited::Full);
    assert_eq!(gate.inside(), (5, 2));
    gate.disconnect(&first[0]);
    gate.connect(v4(4), 0).unwrap();
    gate.enter(&other, "a", true, 0).unwrap();
    assert_eq!(gate.enter(&other, "a", true, 0), Err(Limited::PerToken));
    gate.leave("a");
    gate.enter(&other, "a", true, 0).unwrap();
    // A display's token may come more often than a source's, and those without one are counted by address alone.
    gate.enter(&other, "b", false, 0).unwrap();
    gate.enter(&other, "b", false, 0).unwrap();
    assert_eq!(gate.enter(&other, "b", false, 0), Err(Limited::PerToken));
    gate.enter(&other, "", false, 0).unwrap();
    gate.enter(&other, "", false, 0).unwrap();
}

#[test]
fn a_flood_is_slowed_and_others_are_not() {
    let mut gate = Gatekeeper::new(limits());
    let mut refused = 0;
    for _ in 0..50 {
        match gate.connect(v4(1), 0) {
            Ok(entry) => gate.disconnect(&entry),
            Err(limited) => {
                assert_eq!(limited, Limited::TooQuick);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 40);
    gate.connect(v4(2), 0).unwrap();
    // A second later there is one more.
    gate.connect(v4(1), 1_000).unwrap();
    assert_eq!(gate.connect(v4(1), 1_000).unwrap_err(), Limited::TooQuick);
}

#[test]
fn one_address_does_not_keep_the_handshakes_of_all() {
    let mut gate = Gatekeeper::new(Limits {
        handshakes_per_address: 2,
        connections: 100,
        connections_per_address: 100,
        ..limits()
    });
    let mut first = gate.connect(v4(1), 0).unwrap();
    let mut second = gate.connect(v4(1), 500).unwrap();
    // A third waits until the first had its second.
    assert_eq!(gate.connect(v4(1), 900).unwrap_err(), Limited::Handshakes);
    gate.connect(v4(1), 1_000).unwrap();
    assert!(is_dropped(&mut first) && !is_dropped(&mut second));
    gate.connect(v4(2), 1_000).unwrap();
    gate.connect(v4(3), 1_000).unwrap();
    // All four are taken: of the address with the most, the oldest gives way at once.
    gate.connect(v4(4), 1_000).unwrap();
    assert!(is_dropped(&mut second));
    assert_eq!(gate.inside().1, 4);
    // Where each has one, nobody does before a second has passed.
    assert_eq!(gate.connect(v4(5), 1_100).unwrap_err(), Limited::Handshakes);
    gate.connect(v4(5), 2_000).unwrap();
    assert_eq!(gate.inside().1, 4);
}

#[test]
fn where_a_token_was_shown_there_is_room_when_strangers_fill_the_rest() {
    let mut gate = Gatekeeper::new(Limits {
        handshakes_reserved: 2,
        connections: 100,
        ..limits()
    });
    let wall = gate.connect(v4(9), 0).unwrap();
    gate.shaken_hands(&wall);
    gate.enter(&wall, "hall", false, 0).unwrap();
    gate.disconnect(&wall);
    gate.connect(v4(1), 0).unwrap();
    gate.connect(v4(2), 0).unwrap();
    assert_eq!(gate.connect(v4(3), 0).unwrap_err(), Limited::Handshakes);
    gate.connect(v4(9), 0).unwrap();
    gate.connect(v4(9), 0).unwrap();
    assert_eq!(gate.inside().1, 4);
    // With all four taken, it is a stranger who makes room.
    gate.connect(v4(9), 1_000).unwrap();
    assert_eq!(gate.inside().1, 4);
    // A day later it is a stranger's address again.
    let mut gate_later = Gatekeeper::new(Limits {
        handshakes_reserved: 2,
        ..limits()
    });
    let wall = gate_later.connect(v4(9), 0).unwrap();
    gate_later.enter(&wall, "hall", false, 0).unwrap();
    gate_later.disconnect(&wall);
    gate_later.connect(v4(1), KNOWN_MS).unwrap();
    gate_later.connect(v4(2), KNOWN_MS).unwrap();
    assert_eq!(
        gate_later.connect(v4(9), KNOWN_MS + 1).unwrap_err(),
        Limited::Handshakes
    );
}

#[test]
fn who_guesses_too_often_is_locked_out_for_a_while_and_is_still_listened_to() {
    let mut gate = Gatekeeper::new(Limits {
        handshakes_per_address_burst: 1_000.0,
        ..limits()
    });
    assert_eq!(gate.fail(v4(1), Failure::Login, 0), None);
    assert_eq!(gate.fail(v4(1), Failure::Login, 10), None);
    let sign = gate.fail(v4(1), Failure::Login, 20).unwrap();
    assert_eq!((sign.count, sign.failure, sign.locked), (3, Failure::Login, true));
    assert_eq!(gate.fail(v4(1), Failure::Login, 30), None);
    let (mut read, mut shut) = (0, 0);
    for _ in 0..100 {
        match gate.connect(v4(1), 30) {
            Ok(entry) => {
                assert!(entry.locked);
                gate.disconnect(&entry);
                read += 1;
            }
            Err(limited) => {
                assert_eq!(limited, Limited::LockedOut);
                shut += 1;
            }
        }
    }
    assert_eq!((read, shut), (20, 80));
    assert!(gate.connect(v4(1), 1_030).unwrap().locked);
    assert!(!gate.connect(v4(1), 60_021).unwrap().locked);
    // Failures far apart are none.
    for minute in 0..10 {
        assert_eq!(gate.fail(v4(2), Failure::Message, minute * 60_000), None);
    }
}

#[test]
fn what_a_web_page_can_bring_about_is_said_and_locks_nobody_out() {
    for failure in [Failure::Origin, Failure::Handshake, Failure::Slow, Failure::Role] {
        let mut gate = Gatekeeper::new(limits());
        let signs: Vec<IntrusionAlert> = (0..50).filter_map(|at| gate.fail(v4(1), failure, at)).collect();
        assert_eq!(signs.len(), 1, "once a minute");
        assert!(!signs[0].locked && signs[0].failure == failure);
        assert!(!gate.connect(v4(1), 60).unwrap().locked);
        assert!(gate.is_pressing(v4(1), 60) && !gate.is_pressing(v4(2), 60));
    }
    // This machine isn't locked out by anything; other addresses of its network are.
    let mut gate = Gatekeeper::new(limits());
    for (address, locked) in [("127.0.0.1", false), ("::1", false), ("127.0.0.2", true)] {
        let address: IpAddr = address.parse().unwrap();
        let signs: Vec<IntrusionAlert> = (0..5)
            .filter_map(|at| gate.fail(address, Failure::Login, at))
            .collect();
        assert_eq!((signs.len(), signs[0].locked), (1, locked));
        assert_eq!(gate.connect(address, 10).unwrap().locked, locked);
    }
}

#[test]
fn connections_that_are_refused_are_a_sign_when_there_are_very_many() {
    let mut gate = Gatekeeper::new(limits());
    let signs: Vec<IntrusionAlert> = (0..100)
        .filter_map(|at| gate.fail(v4(1), Failure::Flood, at))
        .collect();
    assert_eq!(signs.len(), 1);
    assert_eq!((signs[0].count, signs[0].locked), (30, false));
    // Of very many addresses at once, not of each.
    let signs = (0..200_u8)
        .flat_map(|last| (0..3).map(move |_| last))
        .filter_map(|last| gate.fail(v4(last), Failure::Slow, 100))
        .count();
    assert_eq!(signs, MAX_ALERTS as usize - 1);
}

#[test]
fn a_token_that_ended_is_counted_for_itself() {
    let mut gate = Gatekeeper::new(limits());
    let signs: Vec<IntrusionAlert> = (0..50)
        .filter_map(|at| gate.ended_token("old", v4(1), at))
        .collect();
    assert_eq!(signs.len(), 1);
    assert_eq!(signs[0].token.as_deref(), Some("old"));
    assert!(!gate.connect(v4(1), 60).unwrap().locked);
    for number in 0..20_000 {
        gate.ended_token(&number.to_string(), v4(1), 0);
    }
    assert!(gate.ended_tokens.len() <= MAX_ENDED);
}

#[test]
fn addresses_are_not_remembered_without_end_and_lockouts_are_the_last_to_go() {
    let mut gate = Gatekeeper::new(limits());
    let locked = v4(1);
    for _ in 0..3 {
        gate.fail(locked, Failure::Login, 0);
    }
    let known = gate.connect(v4(2), 0).unwrap();
    gate.enter(&known, "hall", false, 0).unwrap();
    gate.disconnect(&known);
    for number in 0..200_000_u32 {
        let address = IpAddr::from((0x0b00_0000 + number).to_be_bytes());
        gate.fail(address, Failure::Handshake, i64::from(number) / 100);
    }
    assert!(gate.addresses.len() <= MAX_ADDRESSES);
    assert!(gate.connect(locked, 3_000).unwrap().locked);
    assert!(gate.is_known([Some(Scope::of(v4(2))), None], 3_000));
}

#[test]
fn of_ipv6_a_64_is_one_and_a_48_has_a_share_of_its_own() {
    let one = |text: &str| Scope::of(text.parse().unwrap());
    assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
    assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
    assert_eq!(one("::ffff:10.0.0.1"), one("10.0.0.1"));
    assert_eq!(one("2001:db8::1").net(), one("2001:db8:0:1::1").net());
    assert_ne!(one("2001:db8::1").net(), one("2001:db8:1::1").net());
    // Whoever has a /48 has 65,536 addresses, and as much as eight.
    let mut gate = Gatekeeper::new(Limits {
        connections: 1_000,
        handshakes: 1_000,
        ..limits()
    });
    let host = |number: u32| -> IpAddr { format!("2001:db8:7:{number:x}::1").parse().unwrap() };
    let inside = (0..1_000)
        .filter(|number| gate.connect(host(*number), 0).is_ok())
        .count();
    assert_eq!(inside, 24);
    let signs: Vec<IntrusionAlert> = (0..5_000)
        .filter_map(|number| gate.fail(host(number), Failure::Login, 0))
        .collect();
    assert!(!signs.is_empty() && signs.len() < 10, "{signs:?}");
    assert!(signs.iter().any(|sign| sign.locked));
    assert!(gate.addresses.len() < 1_000, "{}", gate.addresses.len());
    assert!(gate.connect(host(60_000), 2_000).is_err());
    gate.connect("2001:db8:8::1".parse().unwrap(), 2_000).unwrap();
}

#[test]
fn behind_a_proxy_each_is_counted_where_they_are() {
    let mut gate = Gatekeeper::new(Limits {
        connections: 100,
        handshakes: 100,
        ..limits()
    });
    for _ in 0..3 {
        let mut entry = gate.connect_proxy(0).unwrap();
        gate.arrive(&mut entry, v4(1), 0).unwrap();
    }
    let mut entry = gate.connect_proxy(0).unwrap();
    assert_eq!(gate.arrive(&mut entry, v4(1), 0), Err(Limited::PerAddress));
    gate.disconnect(&entry);
    let mut entry = gate.connect_proxy(0).unwrap();
    gate.arrive(&mut entry, v4(2), 0).unwrap();
    assert_eq!(gate.inside(), (4, 4));
    gate.shaken_hands(&entry);
    gate.disconnect(&entry);
    assert_eq!(gate.inside(), (3, 3));
}

#[test]
fn pages_of_others_are_refused() {
    let allowed = ["https://wall.example".to_owned()];
    assert!(origin_allowed(None, &allowed));
    assert!(origin_allowed(Some("https://wall.example"), &allowed));
    assert!(!origin_allowed(Some("https://wall.example.evil"), &allowed));
    assert!(!origin_allowed(Some("null"), &[]));
}
