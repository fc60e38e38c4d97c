//! What each happening does, variant by variant: this list is to be read beside the groups. Whatever is counted, audited or told
//! is in the documentation.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;
use crate::operate::access::{Grant, Role};
use crate::operate::director::{Command, Director, Outcome};
use crate::operate::limits::{Failure, IntrusionAlert, Limited};
use crate::publish::gate::Implausible;
use crate::source::budget::Beyond;
use crate::source::clock::ClockChange;
use crate::source::intake::Outcome as Taken;
use crate::store::Store;
use crate::store::record_log::Displaced;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn documented(file: &str) -> String {
    let path = format!("{}/../../docs/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// What a happening did.
struct Did {
    name: String,
    counts: BTreeSet<String>,
    audits: Option<Kind>,
    tells: Vec<(To, &'static str)>,
}

/// Lets something happen, and compares what it did. `counts`: metrics without their prefix.
#[track_caller]
fn happens<E: GatewayEvent + std::fmt::Debug>(
    metrics: &Metrics,
    event: &E,
    counts: &[&str],
    audits: Option<Kind>,
    tells: &[(To, &str)],
) {
    let lines = || -> BTreeSet<String> {
        let text = metrics.text();
        let values = text.lines().filter(|line| !line.starts_with('#'));
        values.map(str::to_owned).collect()
    };
    let before = lines();
    event.note(metrics);
    let name_of = |line: &String| {
        let name = line.split(['{', ' ']).next().unwrap();
        name.trim_start_matches("meridian_gateway_").to_owned()
    };
    let did = Did {
        name: format!("{event:?}"),
        counts: lines().difference(&before).map(name_of).collect(),
        audits: event.audit().map(|entry| entry.kind),
        tells: event
            .notices()
            .into_iter()
            .map(|(to, notice)| (to, notice.code()))
            .collect(),
    };
    let Did { name, .. } = &did;
    assert_eq!(
        did.counts,
        counts.iter().map(|name| (*name).to_owned()).collect(),
        "{name}"
    );
    assert_eq!(did.audits, audits, "{name}");
    assert_eq!(did.tells, tells, "{name}");
    let (gateway, feed) = (documented("gateway.md"), documented("feed.md"));
    for metric in counts {
        assert!(
            gateway.contains(&format!("_{metric}")),
            "docs/gateway.md lacks {metric}"
        );
    }
    for (_, code) in tells {
        assert!(feed.contains(&format!("`{code}`")), "docs/feed.md lacks {code}");
    }
}

/// Fails where an event of a group is in no example. Doesn't compile where a variant isn't named.
macro_rules! all_of {
    ($events:expr, $group:ident { $($variant:ident),+ $(,)? }) => {
        let name = |event: &$group| match event {
            $($group::$variant { .. } => stringify!($variant),)+
        };
        let names: Vec<_> = $events.iter().map(|(event, ..)| name(event)).collect();
        for variant in [$(stringify!($variant)),+] {
            assert!(names.contains(&variant), "no example of {variant}");
        }
        let metrics = Metrics::new();
        for (event, counts, audits, tells) in &$events {
            happens(&metrics, event, counts, *audits, tells);
        }
    };
}

/// A happening, and what it has to do.
type Example<E> = (
    E,
    &'static [&'static str],
    Option<Kind>,
    &'static [(To, &'static str)],
);

#[test]
fn connections_report_what_happens_to_them() {
    let grant = Grant::anonymous(Role::Viewer);
    let error = std::io::Error::other("out of files");
    let peer = SocketAddr::new(HERE, 9);
    let limited = Limited::TooQuick;
    let alert = IntrusionAlert {
        failure: Failure::Login,
        address: HERE,
        token: None,
        count: 20,
        locked: true,
    };
    let refused = |failure| ConnectionEvent::Refused {
        address: HERE,
        why: "role",
        reason: "the role doesn't allow that",
        failure,
        token: None,
        answered: true,
    };
    let lost = |failure| ConnectionEvent::Lost {
        address: HERE,
        why: "message",
        reason: "no message",
        failure,
        answered: false,
    };
    let grant = &grant;
    let events: Vec<Example<ConnectionEvent>> = vec![
        (ConnectionEvent::NotAccepted { error: &error }, &[], None, &[]),
        (
            ConnectionEvent::Closed { peer, limited },
            &["clients_refused_total"],
            None,
            &[],
        ),
        (
            ConnectionEvent::LookedIn {
                address: HERE,
                why: "probe",
                reason: "it said nothing",
            },
            &["clients_refused_total"],
            None,
            &[],
        ),
        (refused(None), &["clients_refused_total"], None, &[]),
        (
            refused(Some(Failure::Role)),
            &["clients_refused_total"],
            Some(Kind::AccessDenied),
            &[],
        ),
        (
            refused(Some(Failure::EndedToken)),
            &["clients_refused_total"],
            Some(Kind::LoginFailed),
            &[],
        ),
        (
            refused(Some(Failure::Flood)),
            &["clients_refused_total"],
            None,
            &[],
        ),
        (lost(None), &["clients_lost_total"], None, &[]),
        (
            lost(Some(Failure::Message)),
            &["clients_lost_total"],
            Some(Kind::Refused),
            &[],
        ),
        (
            ConnectionEvent::Joined { address: HERE, grant },
            &["clients_joined_total"],
            Some(Kind::Joined),
            &[],
        ),
        (
            ConnectionEvent::Left {
                address: HERE,
                grant,
                reason: None,
            },
            &[],
            Some(Kind::Left),
            &[],
        ),
        (
            ConnectionEvent::Intrusion(&alert),
            &["intrusion_signs_total"],
            Some(Kind::Intrusion),
            &[(To::Directors, "intrusion")],
        ),
    ];
    all_of!(
        events,
        ConnectionEvent {
            NotAccepted,
            Closed,
            LookedIn,
            Refused,
            Lost,
            Joined,
            Left,
            Intrusion
        }
    );
}

#[test]
fn the_desk_reports_what_happens_at_it() {
    let by = &Director {
        token: "a1".to_owned(),
        name: "Anna".to_owned(),
        person: None,
        grant: String::new(),
    };
    let problem = &Implausible::BackInTime { by_ms: 1 };
    let asked = |command, result| DirectorEvent::Asked { by, command, result };
    let directed = |command| DirectorEvent::Directed {
        by,
        command,
        text: "done",
    };
    let done = Ok(Outcome::Done("held".to_owned()));
    let delay = Command::Delay { delay_ms: 1 };
    let events: Vec<Example<DirectorEvent>> = vec![
        (asked(&Command::Hold, &done), &[], Some(Kind::Desk), &[]),
        (
            asked(&Command::Hold, &Ok(Outcome::Unchanged)),
            &[],
            Some(Kind::Desk),
            &[],
        ),
        (
            asked(&Command::Release, &Ok(Outcome::NeedsSecond)),
            &[],
            Some(Kind::Desk),
            &[(To::Directors, "release_asked")],
        ),
        (directed(&Command::Hold), &[], None, &[(To::Everybody, "held")]),
        (
            directed(&Command::Release),
            &[],
            None,
            &[(To::Directors, "released")],
        ),
        (directed(&delay), &[], None, &[(To::Directors, "directed")]),
        (DirectorEvent::ReleaseForgotten { by: "Anna" }, &[], None, &[]),
        (
            DirectorEvent::BusiestSource {
                source: 3,
                percent: 75,
            },
            &[],
            None,
            &[(To::Directors, "busiest_source")],
        ),
        (
            DirectorEvent::FiguresHeld {
                problem,
                busiest: Some((3, 75)),
            },
            &[],
            Some(Kind::FiguresHeld),
            &[],
        ),
        (
            DirectorEvent::HoldShown { problem },
            &[],
            None,
            &[(To::Everybody, "implausible")],
        ),
    ];
    all_of!(
        events,
        DirectorEvent {
            Asked,
            Directed,
            ReleaseForgotten,
            BusiestSource,
            FiguresHeld,
            HoldShown
        }
    );
    let in_vain = |event: &DirectorEvent| event.audit().is_some_and(|entry| entry.in_vain);
    assert_eq!(
        events
            .iter()
            .map(|(event, ..)| in_vain(event))
            .collect::<Vec<_>>()[..3],
        [false, true, false]
    );
}

#[test]
fn the_clock_and_the_intake_report_what_happens_to_them() {
    let turned = |turn| ClockEvent::Turned { turn, is_live: true };
    let played = ClockEvent::Turned {
        turn: ClockChange::Leapt { by_ms: 9_000 },
        is_live: false,
    };
    let events: Vec<Example<ClockEvent>> = vec![
        (
            turned(ClockChange::Leapt { by_ms: 9_000 }),
            &["clock_jumps_total"],
            None,
            &[(To::Everybody, "clock_jumped")],
        ),
        (played, &["clock_jumps_total"], None, &[]),
        (
            turned(ClockChange::Right),
            &[],
            None,
            &[(To::Everybody, "clock_right")],
        ),
        (
            turned(ClockChange::Believed { by_ms: -9_000 }),
            &[],
            None,
            &[(To::Everybody, "clock_set")],
        ),
        (
            ClockEvent::Behind { ahead_ms: 9_000 },
            &[],
            None,
            &[(To::Everybody, "clock_behind")],
        ),
        (
            ClockEvent::ClosedEarly,
            &[],
            None,
            &[(To::Everybody, "closed_early")],
        ),
    ];
    all_of!(
        events,
        ClockEvent {
            Turned,
            Behind,
            ClosedEarly
        }
    );
    let untaken = IntakeEvent::Untaken {
        by: "till",
        source: 1,
        sequence: 2,
        batches: 3,
        problem: "wrong",
    };
    let batches: &[&str] = &["order_batches_total"];
    let outcomes = [
        Taken::Taken(1),
        Taken::Duplicate(1),
        Taken::Refused(String::new()),
        Taken::Later(String::new()),
    ];
    let mut events: Vec<Example<IntakeEvent>> = outcomes
        .iter()
        .map(|outcome| -> Example<IntakeEvent> { (IntakeEvent::Answered(outcome), batches, None, &[]) })
        .collect();
    events.extend::<[Example<IntakeEvent>; 4]>([
        (untaken, &[], None, &[]),
        (
            IntakeEvent::OverBudget(Beyond::Day),
            &[],
            None,
            &[(To::Directors, "source_over_budget")],
        ),
        (IntakeEvent::Silent, &["source_silent"], None, &[]),
        (IntakeEvent::Heard, &["source_silent"], None, &[]),
    ]);
    all_of!(
        events,
        IntakeEvent {
            Answered,
            Untaken,
            OverBudget,
            Silent,
            Heard
        }
    );
}

#[test]
fn what_is_kept_reports_what_happens_to_it() {
    let refused = |store| StorageEvent::Refused {
        store,
        error: "full".to_owned(),
    };
    let failing = |store, repeated| StorageEvent::Failing {
        store,
        problem: "full".to_owned(),
        repeated,
    };
    let displaced = |store| StorageEvent::Displaced {
        store,
        how: Displaced::Deleted,
        failing: false,
        lost_bytes: 0,
    };
    let (orders, state, audit) = (Store::Orders, Store::State, Store::Audit);
    let is_failing: &[&str] = &["storage_failing"];
    let was_displaced: &[&str] = &["storage_displaced_total"];
    let directors: &[(To, &str)] = &[(To::Directors, "storage_failing")];
    let mut events: Vec<Example<StorageEvent>> = Vec::new();
    for store in Store::ALL {
        events.push((refused(store), is_failing, None, &[]));
        events.push((StorageEvent::Restored { store }, is_failing, None, &[]));
    }
    events.extend::<[Example<StorageEvent>; 10]>([
        (
            failing(orders, false),
            &[],
            None,
            &[
                (To::Everybody, "storage_failing"),
                (To::Directors, "storage_failing"),
            ],
        ),
        (failing(orders, true), &[], None, directors),
        (failing(state, false), &[], None, directors),
        (failing(audit, false), &[], None, directors),
        (
            StorageEvent::Back { store: orders },
            &[],
            None,
            &[(To::Everybody, "storage_back")],
        ),
        (
            StorageEvent::Back { store: audit },
            &[],
            None,
            &[(To::Directors, "storage_back")],
        ),
        (
            displaced(orders),
            was_displaced,
            None,
            &[(To::Directors, "storage_displaced")],
        ),
        (
            displaced(state),
            was_displaced,
            None,
            &[(To::Directors, "storage_displaced")],
        ),
        (displaced(audit), was_displaced, None, &[]),
        (
            StorageEvent::StateDamaged,
            &[],
            None,
            &[(To::Directors, "state_damaged")],
        ),
    ]);
    all_of!(
        events,
        StorageEvent {
            Refused,
            Restored,
            Failing,
            Back,
            Displaced,
            StateDamaged
        }
    );
}

#[test]
fn the_gateway_reports_what_happens_to_itself() {
    let address = SocketAddr::new(HERE, 9016);
    let error = "gone";
    let (upstream, reason) = ("wss://gateway.example", "reset");
    let events: Vec<Example<LifeEvent>> = vec![
        (
            LifeEvent::Serves { address, tls: true },
            &[],
            Some(Kind::Started),
            &[],
        ),
        (LifeEvent::Replaying { steps: 1 }, &[], None, &[]),
        (
            LifeEvent::Replayed {
                steps: 1,
                seconds: 1.0,
            },
            &[],
            None,
            &[],
        ),
        (LifeEvent::ReplayFailed { error }, &[], None, &[]),
        (
            LifeEvent::ReadAgain { file: "tokens" },
            &[],
            Some(Kind::Reloaded),
            &[],
        ),
        (
            LifeEvent::Unreadable {
                file: "tokens",
                error,
            },
            &[],
            Some(Kind::Reloaded),
            &[],
        ),
        (LifeEvent::Stopped, &[], Some(Kind::Stopped), &[]),
    ];
    all_of!(
        events,
        LifeEvent {
            Serves,
            Replaying,
            Replayed,
            ReplayFailed,
            ReadAgain,
            Unreadable,
            Stopped
        }
    );
    let events: Vec<Example<UpstreamEvent>> = vec![
        (UpstreamEvent::Connected { upstream }, &[], None, &[]),
        (UpstreamEvent::Lost { upstream, reason }, &[], None, &[]),
        (UpstreamEvent::Forgetful { upstream, reason }, &[], None, &[]),
        (UpstreamEvent::Gap { upstream }, &[], None, &[]),
    ];
    all_of!(
        events,
        UpstreamEvent {
            Connected,
            Lost,
            Forgetful,
            Gap
        }
    );
}

#[test]
fn every_metric_and_every_kind_of_audit_event_is_documented() {
    let docs = documented("gateway.md");
    let text = Metrics::new().text();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE meridian_gateway"))
    {
        let name = line.split(' ').next().unwrap();
        assert!(docs.contains(name), "docs/gateway.md lacks {name}");
    }
    let kinds = include_str!("../audit/event.rs")
        .split("rename = \"meridian.")
        .skip(1);
    for kind in kinds.map(|rest| rest.split('"').next().unwrap()) {
        assert!(
            docs.contains(&format!("| `meridian.{kind}` |")),
            "docs/gateway.md lacks {kind}"
        );
    }
}
