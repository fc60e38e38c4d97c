//! The saved state that a restart continues from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::operate::director::DirectorState;
use crate::publish::sealed::{InternalClass, Known, PublicClass};
use crate::store::journal::{Journal, JournalError};
use meridian_core::files::private;
use meridian_core::sales::EventMs;
use meridian_wire::Totals;

/// A stream's numbers go on this much higher after a restart: more than were given out since the last save.
const SEQ_MARGIN: u64 = 1_000;

/// Everything that a gateway continues from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState {
    /// The scenario or order file; another one starts anew.
    pub source: String,
    /// Event time when it was written.
    pub event_ms: EventMs,
    /// The wall clock when it was written.
    pub wall_ms: i64,
    /// Event time per wall time.
    pub speed: f64,
    /// Whether event time stood still.
    pub paused: bool,
    /// The epoch of the stream that goes on.
    pub epoch: u64,
    /// The newest frame in it.
    pub seq: u64,
    /// The totals that were told last: what goes on isn't lower.
    pub totals: Totals,
    /// What the directors decided.
    pub desk: DirectorState,
    /// The figures that are shown while others are held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldSnapshots>,
}

/// The last good figures, by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSnapshots {
    /// The figures that walls see.
    pub public: Known<PublicClass>,
    /// The figures that executives see.
    pub internal: Known<InternalClass>,
}

impl SavedState {
    /// Where event time would stand now had the gateway gone on.
    pub fn event_ms_at(&self, wall_ms: i64) -> EventMs {
        if self.paused {
            return self.event_ms;
        }
        let passed_ms = wall_ms.saturating_sub(self.wall_ms).max(0) as f64;
        self.event_ms.saturating_add((passed_ms * self.speed) as i64)
    }

    /// Whether figures can go on from these: none is lower, and time didn't run back.
    pub fn is_before(&self, event_ms: EventMs, totals: &Totals) -> bool {
        let (then, now) = (&self.totals, totals);
        self.event_ms <= event_ms
            && then.counts.orders <= now.counts.orders
            && then.counts.payments <= now.counts.payments
            && then.corrections <= now.corrections
            && (then.counts.gmv_minor <= now.counts.gmv_minor || then.corrections < now.corrections)
    }

    /// The number that the stream goes on with.
    pub fn next_seq(&self) -> u64 {
        self.seq.saturating_add(SEQ_MARGIN)
    }
}

/// The journal of a gateway's states, and what was found in it.
#[derive(Debug)]
pub struct State {
    journal: Journal<SavedState>,
    source: String,
    saved: Option<SavedState>,
    /// Of another source or day.
    other: Option<SavedState>,
    damaged_bytes: u64,
    failing: Option<String>,
}

/// What a journal has, for whoever only looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Whether a gateway of this source could go on from it.
    pub goes_on: bool,
    /// How many bytes before its newest state can't be read.
    pub damaged_bytes: u64,
}

impl State {
    /// Opens a journal. What it holds of another source isn't gone on from.
    ///
    /// # Errors
    /// [`JournalError`] naming the file and what is wrong with it.
    pub fn open(path: &Path, source: &str) -> Result<Self, JournalError> {
        let ready = private::refuse_pipe(path).and_then(|()| private::make_folder_of(path));
        ready.map_err(|error| JournalError {
            file: path.display().to_string(),
            problem: error.to_string(),
        })?;
        let (journal, found) = Journal::<SavedState>::open(path)?;
        if found.torn_bytes > 0 {
            tracing::warn!(
                file = %path.display(),
                bytes = found.torn_bytes,
                "the state's last record was torn; the one before it counts"
            );
        }
        if found.damaged_bytes > 0 {
            tracing::error!(
                file = %path.display(),
                bytes = found.damaged_bytes,
                "a part of the state can't be read; the newest whole record counts"
            );
        }
        let (saved, other) = match found.newest {
            Some(newest) if newest.source == source => (Some(newest), None),
            newest => (None, newest),
        };
        Ok(Self {
            journal,
            source: source.to_owned(),
            saved,
            other,
            damaged_bytes: found.damaged_bytes,
            failing: None,
        })
    }

    /// Whether a journal has what a gateway of this source could go on from. It may be in use: nothing is changed.
    ///
    /// # Errors
    /// [`JournalError`] naming the file and what is wrong with it.
    pub fn look(path: &Path, source: &str) -> Result<Looked, JournalError> {
        let found = Journal::<SavedState>::look(path)?;
        Ok(Looked {
            goes_on: found.newest.is_some_and(|saved| saved.source == source),
            damaged_bytes: found.damaged_bytes,
        })
    }

    /// The state to continue from.
    pub fn saved(&self) -> Option<&SavedState> {
        self.saved.as_ref()
    }

    /// What there is of another source or day.
    pub fn other(&self) -> Option<&SavedState> {
        self.other.as_ref()
    }

    /// How many bytes before the newest state couldn't be read.
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// Why states can't be kept now.
    pub fn failing(&self) -> Option<&str> {
        self.failing.as_deref()
    }

    /// What was done to the file since this was asked last.
    pub fn displaced(&mut self) -> Option<crate::store::record_log::Displaced> {
        self.journal.displaced()
    }

    /// Writes a state to the journal. Where the disk refuses, [`failing`](Self::failing) says so, and the next is tried.
    pub fn save(&mut self, mut state: SavedState) {
        state.source.clone_from(&self.source);
        self.failing = self.journal.append(&state).err().map(|error| error.to_string());
    }
}
