//! Audit events, and the lines they are written as.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What happened. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The gateway started to serve.
    #[serde(rename = "meridian.gateway.started")]
    Started,
    /// The gateway stopped.
    #[serde(rename = "meridian.gateway.stopped")]
    Stopped,
    /// A client was let in.
    #[serde(rename = "meridian.client.joined")]
    Joined,
    /// A client left or was lost.
    #[serde(rename = "meridian.client.left")]
    Left,
    /// A client that asked to be let in was refused.
    #[serde(rename = "meridian.client.refused")]
    Refused,
    /// A token was shown that isn't one, or no longer.
    #[serde(rename = "meridian.login.failed")]
    LoginFailed,
    /// Somebody asked for what their role may not.
    #[serde(rename = "meridian.access.denied")]
    AccessDenied,
    /// Something looks like an attack.
    #[serde(rename = "meridian.intrusion.suspected")]
    Intrusion,
    /// A token was made.
    #[serde(rename = "meridian.token.made")]
    TokenMade,
    /// A token was taken back.
    #[serde(rename = "meridian.token.revoked")]
    TokenRevoked,
    /// A director asked for something.
    #[serde(rename = "meridian.desk.command")]
    Desk,
    /// Figures were found implausible, and held.
    #[serde(rename = "meridian.figures.held")]
    FiguresHeld,
    /// A file was reloaded: tokens or certificate.
    #[serde(rename = "meridian.files.reloaded")]
    Reloaded,
    /// The log's end was torn, and cut off.
    #[serde(rename = "meridian.audit.repaired")]
    Repaired,
    /// Somebody deleted, moved, replaced or changed the log's file.
    #[serde(rename = "meridian.audit.displaced")]
    Displaced,
    /// For a while nothing could be written.
    #[serde(rename = "meridian.audit.interrupted")]
    Interrupted,
    /// Some events were summed up or lost.
    #[serde(rename = "meridian.audit.lost")]
    Lost,
    /// The log goes on in another file.
    #[serde(rename = "meridian.audit.rotated")]
    Rotated,
    /// The log goes on from another file.
    #[serde(rename = "meridian.audit.continued")]
    Continued,
}

/// What else is known of it. There is no field for figures, tokens or people's data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The address that the other side comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The token's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whose token it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role that the token gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The class of data that is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Why it happened, or what exactly was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often, or how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// An event that isn't written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The kind of event.
    pub kind: Kind,
    /// Who or what it happened to.
    pub subject: String,
    /// What else is known of it.
    pub details: Details,
    /// When it happened.
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) specversion: String,
    pub(super) id: String,
    pub(super) source: String,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) subject: String,
    pub(super) time: DateTime<Utc>,
    pub(super) datacontenttype: String,
    pub(super) data: Details,
    pub(super) sequence: u64,
    pub(super) previous: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) hash: String,
}

impl Line {
    /// SHA-256 of the line as it is written without its hash.
    pub(super) fn digest(&self) -> String {
        let bare = Self {
            hash: String::new(),
            ..self.clone()
        };
        let bytes = serde_json::to_vec(&bare).unwrap_or_default();
        hex(&Sha256::digest(&bytes))
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line that is as it was written.
pub(super) fn whole_line(text: &[u8]) -> Option<Line> {
    let line: Line = serde_json::from_slice(text).ok()?;
    (line.digest() == line.hash).then_some(line)
}
