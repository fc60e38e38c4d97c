//! The bridge from the feed into the ECS, the only one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy::prelude::*;

use super::DisplaySystems;
use super::command::Command;
use super::ledger::{
    Applied, FeedHealth, FeedStatus, Ledger, LightsArrived, MilestoneReached, Regions, WarmthArrived,
};
use super::own_files::FileUnusable;
use super::text::Texts;
use meridian_client::recall::span;
use meridian_client::{Link, LinkEvent};
use meridian_core::sales::EventMs;
use meridian_wire::{Body, Level, Names, Notice, Scene};

/// How many notices are kept.
const NOTICES: usize = 20;

/// Bodies that wait to be applied, with the wall clock at which they were received. The subscriber's
/// thread, or a picture's own driver, fills it.
#[derive(Resource, Default)]
pub struct Inbox {
    /// In order.
    pub bodies: Vec<(Body, i64)>,
    /// Changes of the connection's state, in order, with the problem if there is one.
    pub status: Vec<(FeedStatus, Option<String>)>,
    /// What this display itself has to tell people.
    pub local: Vec<Told>,
    /// Lights that end before this event time are counted and not drawn: those of a past that is caught up with.
    pub drawn_from_ms: EventMs,
}

/// Something that this display itself has to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How much it matters.
    pub level: Level,
    /// What it is about: news of the same is shown in its place.
    pub code: &'static str,
    /// What is said.
    pub words: Words,
}

/// What is said of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// The text of a key, with its arguments.
    Key(&'static str, Vec<(&'static str, String)>),
    /// These.
    Said(Names),
}

impl Inbox {
    /// Says something to the people in front of the display: the text of a key.
    pub fn tell(
        &mut self,
        level: Level,
        code: &'static str,
        key: &'static str,
        args: Vec<(&'static str, String)>,
    ) {
        let words = Words::Key(key, args);
        self.local.push(Told { level, code, words });
    }
}

/// The wall clock, milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The subscriber that this display listens to.
#[derive(Resource)]
pub struct Subscription {
    link: Link,
    url: String,
}

impl Subscription {
    /// Listens to a subscriber; the address is for people.
    pub fn new(link: Link, url: String) -> Self {
        Self { link, url }
    }

    /// How many orders and payments were in lights that this display was too slow for.
    pub fn lights_dropped(&self) -> u64 {
        self.link.lights_dropped()
    }
}

/// A connection counts as stalled after this long without a frame, in seconds.
const STALLED_SECS: f64 = 2.5;

/// Takes what the subscriber's thread brought into the inbox.
pub fn drain_feed(subscription: Res<Subscription>, mut inbox: ResMut<Inbox>, mut feed: ResMut<FeedHealth>) {
    if feed.address != subscription.url {
        feed.address.clone_from(&subscription.url);
    }
    for event in subscription.link.events().try_iter() {
        match event {
            LinkEvent::Frame(frame, received_ms) => inbox.bodies.push((frame.body, received_ms)),
            LinkEvent::Connecting { .. } | LinkEvent::Relayed(..) => {}
            LinkEvent::Connected => inbox.status.push((FeedStatus::Up, None)),
            LinkEvent::Gap => {
                inbox
                    .status
                    .push((FeedStatus::Lost, Some("frames are missing".to_owned())));
            }
            LinkEvent::Lost { reason, .. } => inbox.status.push((FeedStatus::Lost, Some(reason))),
            LinkEvent::Refused { reason } => inbox.status.push((FeedStatus::Refused, Some(reason))),
            LinkEvent::Forged { reason } => {
                error!("{}: {reason}", subscription.url);
                inbox.tell(Level::Alert, "forged", "told-forged", Vec::new());
                inbox.status.push((FeedStatus::Lost, Some(reason)));
            }
            LinkEvent::Stale { reason, off_ms } => {
                error!("{}: {reason}", subscription.url);
                let key = if off_ms < 0 {
                    "told-stale-past"
                } else {
                    "told-stale-future"
                };
                inbox.tell(Level::Alert, "stale", key, vec![("span", span(off_ms))]);
                inbox.status.push((FeedStatus::Lost, Some(reason)));
            }
            LinkEvent::Forgetful { reason } => {
                warn!("{}: {reason}", subscription.url);
                inbox.tell(
                    Level::Warning,
                    "feed_forgotten",
                    "told-forgotten",
                    vec![("reason", reason)],
                );
            }
            LinkEvent::Garbage { reason } => {
                warn!("{}: {reason}", subscription.url);
                inbox.status.push((FeedStatus::Lost, Some(reason)));
            }
        }
    }
    let lives = inbox.bodies.iter().any(|(body, _)| shows_life(body));
    if feed.status == FeedStatus::Up && feed.age_secs > STALLED_SECS {
        inbox.status.push((FeedStatus::Stalled, None));
    } else if feed.status == FeedStatus::Stalled && lives {
        inbox.status.push((FeedStatus::Up, None));
    }
}

/// Whether a body shows that figures come: notices and lights alone don't.
fn shows_life(body: &Body) -> bool {
    body.is_alive() || matches!(body, Body::Snapshot(_))
}

/// Tells people of the files of theirs that can't be used.
pub fn tell_of_files(mut problems: MessageReader<FileUnusable>, mut inbox: ResMut<Inbox>) {
    for FileUnusable(problem) in problems.read() {
        error!("{problem}; the shipped file stands in for it");
        let problem = problem.to_string();
        inbox.tell(
            Level::Warning,
            "file_unusable",
            "told-file",
            vec![("problem", problem)],
        );
    }
}

/// Goes where the directors want every display to be.
fn show(scene: Scene, regions: &Regions, commands_out: &mut MessageWriter<Command>) {
    let region = match &scene {
        Scene::Region(iso2) => regions.0.by_iso2(iso2),
        Scene::Globe | Scene::Showroom(_) => None,
    };
    commands_out.write(Command::Show(scene));
    commands_out.write_batch(region.map(Command::FlyTo));
}

/// Applies what waits in the inbox.
pub fn drain_inbox(
    time: Res<Time<Real>>,
    mut inbox: ResMut<Inbox>,
    mut ledger: ResMut<Ledger>,
    mut feed: ResMut<FeedHealth>,
    mut lights_out: MessageWriter<LightsArrived>,
    mut warmth_out: MessageWriter<WarmthArrived>,
    mut milestones_out: MessageWriter<MilestoneReached>,
    mut commands_out: MessageWriter<Command>,
    regions: Res<Regions>,
    texts: Res<Texts>,
) {
    let now_secs = time.elapsed_secs_f64();
    for (status, problem) in std::mem::take(&mut inbox.status) {
        if status == FeedStatus::Lost && feed.status == FeedStatus::Up {
            feed.reconnects += 1;
        }
        feed.status = status;
        feed.problem = problem;
    }
    for (body, received_ms) in std::mem::take(&mut inbox.bodies) {
        if shows_life(&body) {
            feed.last_frame_secs = now_secs;
        }
        if let Body::Tick(tick) = &body {
            let latency_ms = (received_ms - tick.published_ms) as f64;
            feed.latency_ms += (latency_ms - feed.latency_ms) * 0.1;
        }
        match ledger.apply(body) {
            Applied::Nothing => {}
            Applied::Snapshot(warmth, scene) => {
                ledger.guess_minute(&warmth, &regions.0);
                warmth_out.write(WarmthArrived(Arc::new(warmth)));
                if let Some(scene) = scene {
                    show(scene, &regions, &mut commands_out);
                }
            }
            Applied::Scene(scene) => {
                show(scene, &regions, &mut commands_out);
            }
            Applied::Tick(reached) => {
                milestones_out.write_batch(reached.into_iter().map(MilestoneReached));
            }
            Applied::Lights(lights) if lights.to_ms <= inbox.drawn_from_ms => {}
            Applied::Lights(lights) => {
                feed.lights_received += lights.events;
                feed.per_light = lights.per_light;
                lights_out.write(LightsArrived(Arc::new(lights)));
            }
            Applied::Heartbeat { paused } => feed.paused = paused,
            Applied::Bye(text) => feed.problem = Some(text),
            Applied::Notice(mut notice) => {
                let class = ledger.hello.as_ref().map(|hello| hello.class);
                texts.word(&mut notice, class.unwrap_or_default());
                let notices = &mut feed.notices;
                notices.push_back((now_secs, notice));
                while notices.len() > NOTICES {
                    notices.pop_front();
                }
            }
        }
    }
    for Told { level, code, words } in std::mem::take(&mut inbox.local) {
        let notice = Notice {
            level,
            code: code.to_owned(),
            text: match words {
                Words::Key(key, args) => texts.both(key, &args),
                Words::Said(text) => text,
            },
            published_ms: now_ms(),
            args: BTreeMap::new(),
        };
        // What this display last did takes the place of what it did before, and nothing is said twice.
        let said = |known: &Notice| {
            known.code == notice.code && (notice.level == Level::Info || known.text == notice.text)
        };
        feed.notices.retain(|(_, known)| !said(known));
        feed.notices.push_back((now_secs, notice));
        while feed.notices.len() > NOTICES {
            feed.notices.pop_front();
        }
    }
    feed.age_secs = now_secs - feed.last_frame_secs;
}

/// The inbox and its drain.
pub fn plugin(app: &mut App) {
    app.init_resource::<Inbox>().add_systems(
        Update,
        (
            drain_feed.run_if(resource_exists::<Subscription>),
            tell_of_files,
            drain_inbox,
        )
            .chain()
            .in_set(DisplaySystems::Drain),
    );
}
