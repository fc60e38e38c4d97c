//! What directors decide for every display, and the rule that a release takes two of them. Pure.
//!
//! Anybody who directs may hold the figures at once. To let them go takes two: one asks, another one agrees
//! within [`AGREE_WITHIN_MS`]. Two are two tokens of two people: who has two tokens is one all the same.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::operate::names::folded;
use meridian_wire::{Direct, Scene};

/// How long a release waits for a second director.
pub const AGREE_WITHIN_MS: i64 = 300_000;
/// The longest delay that can be asked for.
pub const MAX_DELAY_MS: u64 = 600_000;

/// Commands with one token in a minute, however many connections it has: each is told to all displays, and a line of the audit log.
pub const MAX_COMMANDS_PER_MINUTE: u32 = 120;

/// How many commands each token gave within a minute.
#[derive(Debug, Default)]
pub struct Pace {
    since_ms: i64,
    counts: HashMap<String, u32>,
}

impl Pace {
    /// Whether one more is possible, at an instant of a clock that nobody sets. To hold and to ask how things stand always is.
    pub fn allows(&mut self, command: &Command, token: &str, mono_ms: i64) -> bool {
        if matches!(command, Command::Hold | Command::Status) {
            return true;
        }
        if mono_ms - self.since_ms >= 60_000 {
            (self.since_ms, self.counts) = (mono_ms, HashMap::new());
        }
        let count = self.counts.entry(token.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count <= MAX_COMMANDS_PER_MINUTE
    }
}

/// What a director asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The figures stand as they are until they are released.
    Hold,
    /// The figures go on; a second director has to ask for the same.
    Release,
    /// Every display shows this scene.
    Scene {
        /// The globe, a region, the showroom or one of its products.
        scene: Scene,
    },
    /// What the figures are called.
    Mode {
        /// A rehearsal, or what they are.
        mode: FiguresMode,
    },
    /// Orders are shown this much later than they happened.
    Delay {
        /// In milliseconds, 0 to [`MAX_DELAY_MS`].
        delay_ms: u64,
    },
    /// Changes nothing; the answer has the current state.
    Status,
}

/// What the figures can be called by directors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiguresMode {
    /// They belong to a rehearsal, and every display says so.
    Rehearsal,
    /// They are what they are: nothing is said of them.
    Normal,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to change.
    Unchanged,
    /// It was done; for people, what.
    Done(String),
    /// It waits for a second director.
    NeedsSecond,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectorError {
    /// A delay beyond what can be kept.
    #[error("a delay of {asked_ms} ms is too long: at most {MAX_DELAY_MS} ms")]
    TooLong {
        /// What was asked for.
        asked_ms: u64,
    },
    /// A region that the feed doesn't know.
    #[error("there is no region {0:?}: ISO 3166 letters of a country or region are needed, as in region:JP")]
    NoRegion(String),
    /// The same director can't agree with themselves.
    #[error(
        "{0} asked for the release: another director has to agree, another person with a token of their own"
    )]
    SamePerson(String),
    /// Too many commands in a minute.
    #[error(
        "too many commands with this token: at most {MAX_COMMANDS_PER_MINUTE} a minute, except for hold, which is always accepted"
    )]
    TooMany,
    /// A relay has no desk.
    #[error("this gateway passes another one's feed on: directing is done at that one")]
    Relay,
}

/// Who gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Director {
    /// The token's id; empty without one.
    pub token: String,
    /// What the token is called, for people.
    pub name: String,
    /// Who bears it, where the token says so.
    pub person: Option<String>,
    /// The mark of what the token allows.
    pub grant: String,
}

/// Whether two directors are two people: two tokens, and two persons. Where one of the tokens doesn't say whose it is,
/// its name has to be another than the other's too.
fn are_two(first: &Director, second: &Director) -> bool {
    let names = |director: &Director| {
        let person = director.person.as_deref().map(folded);
        (person, folded(&director.name))
    };
    let people = match (names(first), names(second)) {
        ((Some(first), _), (Some(second), _)) => first != second,
        ((None, first), (None, second)) => first != second,
        ((Some(person), name), (None, other)) | ((None, other), (Some(person), name)) => {
            other != person && other != name
        }
    };
    first.token != second.token && people
}

/// What directors decided, and what still needs a second one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorState {
    /// Whether the figures are held, and why: a director's name, or what was implausible.
    held_by: Option<String>,
    rehearsal: bool,
    delay_ms: u64,
    scene: Option<Scene>,
    scene_number: u64,
    /// Who asked for a release, by token and name, and when.
    asked: Option<(String, String, i64)>,
    /// The person that the token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_person: Option<String>,
    /// The mark of what the token allowed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_grant: Option<String>,
}

impl DirectorState {
    /// Nothing decided yet, with a delay from the start.
    pub fn with_delay(delay_ms: u64) -> Self {
        Self {
            delay_ms: delay_ms.min(MAX_DELAY_MS),
            ..Self::default()
        }
    }

    /// The state without a hold: for when the held figures themselves are lost.
    #[must_use]
    pub(crate) fn let_go(self) -> Self {
        let mut desk = Self {
            held_by: None,
            ..self
        };
        desk.forget_request();
        desk
    }

    /// Whether the figures are held.
    pub fn is_held(&self) -> bool {
        self.held_by.is_some()
    }

    /// Whether this is a rehearsal.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// How much later orders are shown, in milliseconds.
    pub fn delay_ms(&self) -> u64 {
        self.delay_ms
    }

    /// Who or what holds the figures.
    pub fn held_by(&self) -> Option<&str> {
        self.held_by.as_deref()
    }

    /// Holds the figures for what was found in them; not again while they are held.
    pub fn hold_for(&mut self, problem: &str) -> bool {
        if self.is_held() {
            return false;
        }
        self.held_by = Some(problem.to_owned());
        self.forget_request();
        true
    }

    fn forget_request(&mut self) {
        self.asked = None;
        self.asked_person = None;
        self.asked_grant = None;
    }

    /// Forgets a release that somebody asked for whose token ended since, or allows something else. Says who that was.
    pub fn forget_request_unless(&mut self, holds: impl FnOnce(&str, &str) -> bool) -> Option<String> {
        let (token, name, _) = self.asked.as_ref()?;
        // One that an older gateway kept says nothing of that.
        if self
            .asked_grant
            .as_deref()
            .is_some_and(|grant| holds(token, grant))
        {
            return None;
        }
        let name = name.clone();
        self.forget_request();
        Some(name)
    }

    /// Who asked for a release that still waits for a second director.
    fn waiting(&self, now_ms: i64) -> Option<Director> {
        let (token, name, at_ms) = self.asked.as_ref()?;
        (0..=AGREE_WITHIN_MS)
            .contains(&now_ms.saturating_sub(*at_ms))
            .then(|| Director {
                token: token.clone(),
                name: name.clone(),
                person: self.asked_person.clone(),
                grant: self.asked_grant.clone().unwrap_or_default(),
            })
    }

    /// Carries out what a director asks for.
    ///
    /// # Errors
    /// [`DirectorError`] saying what would be right; nothing is changed then.
    pub fn carry_out(
        &mut self,
        command: &Command,
        by: &Director,
        now_ms: i64,
    ) -> Result<Outcome, DirectorError> {
        let name = by.name.as_str();
        let done = |changed: bool, text: String| {
            if changed {
                Outcome::Done(text)
            } else {
                Outcome::Unchanged
            }
        };
        Ok(match command {
            Command::Status => Outcome::Unchanged,
            Command::Hold => {
                let changed = !self.is_held();
                if changed {
                    self.held_by = Some(name.to_owned());
                }
                // Whoever holds now takes back a release that somebody asked for.
                self.forget_request();
                done(changed, format!("held by {name}"))
            }
            Command::Release => {
                if !self.is_held() {
                    return Ok(Outcome::Unchanged);
                }
                match self.waiting(now_ms) {
                    Some(first) if !are_two(&first, by) => {
                        return Err(DirectorError::SamePerson(first.name));
                    }
                    Some(first) => {
                        let text = format!("released by {} and {name}", first.name);
                        self.held_by = None;
                        self.forget_request();
                        Outcome::Done(text)
                    }
                    None => {
                        self.asked = Some((by.token.clone(), by.name.clone(), now_ms));
                        self.asked_person.clone_from(&by.person);
                        self.asked_grant = Some(by.grant.clone());
                        Outcome::NeedsSecond
                    }
                }
            }
            Command::Scene { scene } => {
                self.scene = Some(scene.clone());
                // Higher than any before, those of a gateway whose state is lost too.
                let now = u64::try_from(now_ms).unwrap_or(0);
                self.scene_number = self.scene_number.saturating_add(1).max(now);
                Outcome::Done(format!("{name} shows {scene}"))
            }
            Command::Mode { mode } => {
                let rehearsal = *mode == FiguresMode::Rehearsal;
                let changed = self.rehearsal != rehearsal;
                self.rehearsal = rehearsal;
                let what = if rehearsal { "begins" } else { "ends" };
                done(changed, format!("{name} {what} a rehearsal"))
            }
            Command::Delay { delay_ms } => {
                if *delay_ms > MAX_DELAY_MS {
                    return Err(DirectorError::TooLong { asked_ms: *delay_ms });
                }
                let changed = self.delay_ms != *delay_ms;
                self.delay_ms = *delay_ms;
                done(changed, format!("{name} sets the delay to {delay_ms} ms"))
            }
        })
    }

    /// What displays are told.
    pub fn direct(&self, published_ms: i64) -> Direct {
        Direct {
            published_ms,
            held: self.is_held(),
            rehearsal: self.rehearsal,
            delay_ms: self.delay_ms,
            scene: self.scene.as_ref().map(ToString::to_string),
            scene_number: self.scene_number,
        }
    }

    /// Whether displays have to be told anything.
    pub fn is_plain(&self) -> bool {
        !self.is_held() && !self.rehearsal && self.delay_ms == 0 && self.scene.is_none()
    }
}

#[cfg(test)]
mod tests;
