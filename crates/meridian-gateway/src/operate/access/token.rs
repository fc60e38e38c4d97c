//! Tokens as stored in the file, and what they allow.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::operate::access::role::Role;

/// The prefix of every token.
pub(super) const PREFIX: &str = "mrd";
pub(super) const ID_BYTES: usize = 6;
pub(super) const SECRET_BYTES: usize = 32;
/// The most tokens in one file.
pub(super) const MAX_TOKENS: usize = 100_000;

pub(super) const NUMBERS_OF_SOURCES: &str =
    "numbers are for those who send orders: the role source is needed";

/// Why a token was rejected. For the log; the client is only told that it isn't allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token was shown.
    #[error("no token")]
    Missing,
    /// It isn't formed like a token.
    #[error("malformed token")]
    Malformed,
    /// No such token, or another secret.
    #[error("unknown token")]
    Unknown,
    /// The instant at which it ended is past.
    #[error("expired token")]
    Expired,
    /// It was revoked.
    #[error("revoked token")]
    Revoked,
    /// What it allows has changed since it was shown.
    #[error("changed token")]
    Changed,
}

impl Denied {
    /// The reason as it stands in the audit log and the metrics; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Changed => "changed",
        }
    }
}

/// One token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Stands in the token, and in the audit log.
    pub id: String,
    /// Whose it is, for people.
    pub name: String,
    /// Who bears it, where somebody may have several; absent: whom the name says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The role that it gives its bearer.
    pub role: Role,
    /// The source numbers that it sends orders under; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<u32>,
    /// SHA-256 of the secret, in hexadecimal.
    pub sha256: String,
    /// The instant at which it was made.
    pub made: DateTime<Utc>,
    /// When its time is over; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// When it was taken back; absent: it wasn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<DateTime<Utc>>,
}

impl TokenRecord {
    /// How it stands, for people: `valid`, `expired` or `revoked`.
    pub fn state(&self, now: DateTime<Utc>) -> &'static str {
        match self.denied(now) {
            None => "valid",
            Some(Denied::Revoked) => "revoked",
            Some(_) => "expired",
        }
    }

    fn denied(&self, now: DateTime<Utc>) -> Option<Denied> {
        if self.revoked.is_some() {
            return Some(Denied::Revoked);
        }
        self.expires
            .is_some_and(|expires| expires <= now)
            .then_some(Denied::Expired)
    }

    fn grant(&self) -> Grant {
        Grant {
            id: self.id.clone(),
            name: self.name.clone(),
            person: self.person.clone(),
            role: self.role,
            numbers: self.numbers.clone(),
            sha256: self.sha256.clone(),
        }
    }
}

/// A token to make.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Whose it is, for people.
    pub name: &'a str,
    /// Who bears it, where somebody may have several.
    pub person: Option<&'a str>,
    /// The role that it gives its bearer.
    pub role: Role,
    /// The source numbers that it sends orders under; none: any.
    pub numbers: &'a [u32],
    /// When its time is over; absent: never.
    pub expires: Option<DateTime<Utc>>,
}

/// What a client's token was found to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's id; empty for somebody without one.
    pub id: String,
    /// Who it was made for, for people.
    pub name: String,
    /// Who bears it, where the token says so.
    pub person: Option<String>,
    /// The role that it gives its bearer.
    pub role: Role,
    /// The source numbers that they send orders under; none: any.
    pub numbers: Vec<u32>,
    /// The secret's hash: the same id with another secret is another token.
    sha256: String,
}

impl Grant {
    /// The grant of somebody who shows no token.
    pub fn anonymous(role: Role) -> Self {
        Self {
            id: String::new(),
            name: "anonymous".to_owned(),
            person: None,
            role,
            numbers: Vec::new(),
            sha256: String::new(),
        }
    }

    /// A fingerprint that changes with anything about the grant and reveals nothing of it.
    pub fn mark(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(ToString::to_string).collect();
        let numbers = numbers.join(",");
        let person = self.person.as_deref().unwrap_or_default();
        let all = [
            &self.id,
            &self.name,
            person,
            self.role.name(),
            &numbers,
            &self.sha256,
        ];
        // No part has a control character in it.
        hash(&all.join("\n"))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenFile {
    #[serde(default)]
    pub(super) token: Vec<TokenRecord>,
}

/// Tokens as they were read.
#[derive(Debug, Default)]
pub struct Tokens {
    pub(super) list: Vec<TokenRecord>,
    /// Where each stands, by id.
    pub(super) by_id: HashMap<String, usize>,
}

impl Tokens {
    pub(super) fn new(list: Vec<TokenRecord>) -> Self {
        let by_id = list.iter().enumerate();
        let by_id = by_id.map(|(at, record)| (record.id.clone(), at)).collect();
        Self { list, by_id }
    }

    fn find(&self, id: &str) -> Option<&TokenRecord> {
        self.by_id.get(id).and_then(|at| self.list.get(*at))
    }

    /// Whether all that was granted still holds.
    ///
    /// # Errors
    /// [`Denied`]; also when the token allows something else now, more as well as less.
    pub fn still_holds(&self, grant: &Grant, now: DateTime<Utc>) -> Result<(), Denied> {
        let record = self.find(&grant.id).ok_or(Denied::Unknown)?;
        match record.denied(now) {
            Some(denied) => Err(denied),
            None if record.grant() != *grant => Err(Denied::Changed),
            None => Ok(()),
        }
    }

    /// What a token allows now, by its id, if it allows anything.
    pub fn granted(&self, id: &str, now: DateTime<Utc>) -> Option<Grant> {
        self.find(id)
            .filter(|record| record.denied(now).is_none())
            .map(TokenRecord::grant)
    }

    /// What the bearer of a token may do.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Grant, Denied> {
        let (id, secret) = split(token).ok_or(Denied::Malformed)?;
        let hashed = hash(secret);
        let record = self.find(id);
        let same = record.is_some_and(|record| {
            subtle::ConstantTimeEq::ct_eq(record.sha256.as_bytes(), hashed.as_bytes()).into()
        });
        match record {
            Some(record) if same => match record.denied(now) {
                Some(denied) => Err(denied),
                None => Ok(record.grant()),
            },
            _ => Err(Denied::Unknown),
        }
    }
}

/// Reads the text of a token file.
///
/// # Errors
/// What is wrong.
pub fn parse(text: &str) -> Result<Vec<TokenRecord>, String> {
    let file: TokenFile = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.token.len() > MAX_TOKENS {
        return Err(format!("more than {MAX_TOKENS} tokens"));
    }
    let mut known = HashMap::new();
    for (number, record) in (1_usize..).zip(&file.token) {
        // One of them would be believed, and the other could neither be used nor taken back.
        if let Some(first) = known.insert(record.id.as_str(), number) {
            return Err(duplicate_id(text, &record.id, [first, number]));
        }
        if record.sha256.len() != 64 || !record.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!(
                "token {:?}: sha256 has to be 64 hexadecimal digits",
                record.id
            ));
        }
        if !record.numbers.is_empty() && !record.role.sends() {
            return Err(format!("token {:?}: {NUMBERS_OF_SOURCES}", record.id));
        }
    }
    Ok(file.token)
}

/// The error for two tokens with the same id.
fn duplicate_id(text: &str, id: &str, numbers: [usize; 2]) -> String {
    let says_id = |line: &str| {
        line.trim_start()
            .strip_prefix("id")
            .is_some_and(|rest| rest.contains(id))
    };
    let lines = (1_usize..).zip(text.lines());
    let lines: Vec<usize> = lines
        .filter(|(_, line)| says_id(line))
        .map(|(at, _)| at)
        .collect();
    let [first, second] = match lines.as_slice() {
        [first, second, ..] => [first, second].map(|at| format!("line {at}")),
        _ => numbers.map(|number| format!("token number {number}")),
    };
    format!("two tokens have the id {id:?} ({first} and {second}): take one of them out")
}

/// A token's id and secret, if it has the form of one.
pub fn split(token: &str) -> Option<(&str, &str)> {
    let mut parts = token.splitn(3, '_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = id.len() == 2 * ID_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let decoded = BASE64.decode(secret).ok()?;
    (prefix == PREFIX && hex && decoded.len() == SECRET_BYTES).then_some((id, secret))
}

/// The token in an `Authorization` header.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An instant, or how long from now: `2026-11-12T00:00:00Z`, `90d`, `12h`.
///
/// # Errors
/// What would be right.
pub fn parse_expiry(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let wrong = || {
        format!(
            "{text:?} isn't a time to end at: 90d, 12h or an instant such as 2026-11-12T00:00:00Z is needed"
        )
    };
    // Later years have no form that every reader of a token file takes.
    let written = |at: &DateTime<Utc>| (0..=9_999).contains(&at.year());
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc)).filter(written).ok_or_else(wrong);
    }
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let span = match unit {
        "d" => chrono::Duration::try_days(number),
        "h" => chrono::Duration::try_hours(number),
        _ => None,
    };
    span.filter(|_| number > 0)
        .and_then(|span| now.checked_add_signed(span))
        .filter(written)
        .ok_or_else(wrong)
}

/// An instant, for people and files.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
