//! Who may see what: roles, and tokens that prove them.
//!
//! A token is 256 random bits that only its bearer has; the file keeps their SHA-256. A slow hash is for
//! passwords, which people choose; nobody can go through 2²⁵⁶ secrets, so a quick one is right here, and a
//! flood of false tokens costs nothing.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::wire::DataClass;

/// What stands before a token's parts.
const PREFIX: &str = "mrd";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;
/// The most tokens in one file.
const MAX_TOKENS: usize = 100_000;

const NUMBERS_OF_SOURCES: &str = "numbers are for those who send orders: the role source is needed";

/// What a bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what a wall shows.
    Viewer,
    /// Sees every tally by product and region too.
    Executive,
    /// Sees what an executive sees, and directs.
    Director,
    /// Sees no figures beyond a wall's; reads metrics and audits.
    Auditor,
    /// Sends orders, and sees nothing.
    Source,
}

impl Role {
    /// The class of data that the role's feed holds.
    pub fn class(self) -> DataClass {
        match self {
            Self::Viewer | Self::Auditor | Self::Source => DataClass::Public,
            Self::Executive | Self::Director => DataClass::Internal,
        }
    }

    /// Whether the role may direct.
    pub fn directs(self) -> bool {
        self == Self::Director
    }

    /// Whether the role may follow a feed.
    pub fn follows(self) -> bool {
        self != Self::Source
    }

    /// Whether the role may send orders.
    pub fn sends(self) -> bool {
        self == Self::Source
    }

    /// The role's name, as in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Executive => "executive",
            Self::Director => "director",
            Self::Auditor => "auditor",
            Self::Source => "source",
        }
    }
}

/// Why a token file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct AccessError {
    /// The file.
    pub file: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Why a bearer isn't let in. For the log; the bearer is only told that it isn't allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token was shown.
    #[error("no token")]
    Missing,
    /// What was shown has not the form of a token.
    #[error("malformed token")]
    Malformed,
    /// No such token, or another secret.
    #[error("unknown token")]
    Unknown,
    /// Its time is over.
    #[error("expired token")]
    Expired,
    /// It was taken back.
    #[error("revoked token")]
    Revoked,
}

impl Denied {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
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
    /// What it allows.
    pub role: Role,
    /// The source numbers that it sends orders under; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<u32>,
    /// SHA-256 of the secret, in hexadecimal.
    pub sha256: String,
    /// When it was made.
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
}

/// What a bearer was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's id; empty for somebody without one.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The source numbers that they send orders under; none: any.
    pub numbers: Vec<u32>,
}

impl Grant {
    /// Somebody without a token.
    pub fn anonymous(role: Role) -> Self {
        Self {
            id: String::new(),
            name: "anonymous".to_owned(),
            role,
            numbers: Vec::new(),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    #[serde(default)]
    token: Vec<TokenRecord>,
}

/// The tokens of a file.
#[derive(Debug)]
pub struct TokenStore {
    path: PathBuf,
    tokens: Vec<TokenRecord>,
    /// What the file was when it was read.
    seen: Option<(SystemTime, u64)>,
}

impl TokenStore {
    /// Reads a file; one that isn't there has no tokens.
    ///
    /// # Errors
    /// [`AccessError`], for a file that others may read too.
    pub fn open(path: &Path) -> Result<Self, AccessError> {
        let mut it = Self {
            path: path.to_owned(),
            tokens: Vec::new(),
            seen: None,
        };
        it.read()?;
        Ok(it)
    }

    fn wrong(&self, problem: impl Into<String>) -> AccessError {
        AccessError {
            file: self.path.display().to_string(),
            problem: problem.into(),
        }
    }

    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let data = std::fs::metadata(&self.path).ok()?;
        Some((data.modified().ok()?, data.len()))
    }

    fn read(&mut self) -> Result<(), AccessError> {
        let seen = self.stamp();
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.wrong(error.to_string())),
        };
        #[cfg(unix)]
        if let Ok(data) = std::fs::metadata(&self.path) {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = data.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(self.wrong(format!(
                    "its mode is {mode:o}: others could read it or change it; chmod 600 is needed"
                )));
            }
        }
        self.tokens = parse(&text).map_err(|problem| self.wrong(problem))?;
        self.seen = seen;
        Ok(())
    }

    /// Reads the file again if it isn't what it was; says whether it was read.
    ///
    /// # Errors
    /// [`AccessError`]; the tokens stay what they were.
    pub fn reload_if_changed(&mut self) -> Result<bool, AccessError> {
        let stamp = self.stamp();
        if stamp == self.seen {
            return Ok(false);
        }
        // Said once: not again before the file changes again.
        self.seen = stamp;
        self.read()?;
        Ok(true)
    }

    /// Makes a token and keeps its hash. The token itself is given back and nowhere kept.
    ///
    /// # Errors
    /// [`AccessError`] when the file can't be written.
    pub fn make(
        &mut self,
        name: &str,
        role: Role,
        expires: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(TokenRecord, String), AccessError> {
        self.make_for(name, role, &[], expires, now)
    }

    /// The same, for a source that sends orders under its own numbers alone.
    ///
    /// # Errors
    /// [`AccessError`] when the file can't be written, or for numbers with another role.
    pub fn make_for(
        &mut self,
        name: &str,
        role: Role,
        numbers: &[u32],
        expires: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(TokenRecord, String), AccessError> {
        if !numbers.is_empty() && !role.sends() {
            return Err(self.wrong(NUMBERS_OF_SOURCES));
        }
        let name = name.trim();
        if name.is_empty() || name.len() > 80 || name.chars().any(char::is_control) {
            return Err(self.wrong(format!(
                "{name:?} is no name for a token: 1 to 80 letters that say whose it is are needed"
            )));
        }
        if self.tokens.len() >= MAX_TOKENS {
            return Err(self.wrong(format!("{MAX_TOKENS} tokens are in it already")));
        }
        let random = ring::rand::SystemRandom::new();
        let (mut id, mut secret) = ([0_u8; ID_BYTES], [0_u8; SECRET_BYTES]);
        random
            .fill(&mut id)
            .and_then(|()| random.fill(&mut secret))
            .map_err(|_| self.wrong("the system gives no random numbers"))?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = BASE64.encode(secret);
        let record = TokenRecord {
            id: id.clone(),
            name: name.to_owned(),
            role,
            numbers: numbers.to_vec(),
            sha256: hash(&secret),
            made: now,
            expires,
            revoked: None,
        };
        self.tokens.push(record.clone());
        self.write()?;
        Ok((record, format!("{PREFIX}_{id}_{secret}")))
    }

    /// Takes a token back, by its id.
    ///
    /// # Errors
    /// [`AccessError`] when there is none, or the file can't be written.
    pub fn revoke(&mut self, id: &str, now: DateTime<Utc>) -> Result<TokenRecord, AccessError> {
        let Some(record) = self.tokens.iter_mut().find(|record| record.id == id) else {
            return Err(self.wrong(format!(
                "there is no token {id:?}; `token list` says which there are"
            )));
        };
        record.revoked.get_or_insert(now);
        let record = record.clone();
        self.write()?;
        Ok(record)
    }

    fn write(&mut self) -> Result<(), AccessError> {
        let file = TokenFile {
            token: self.tokens.clone(),
        };
        let text = toml::to_string(&file).map_err(|error| self.wrong(error.to_string()))?;
        crate::files::write_private(&self.path, text.as_bytes())
            .map_err(|error| self.wrong(error.to_string()))?;
        self.seen = self.stamp();
        Ok(())
    }

    /// All tokens, oldest first.
    pub fn list(&self) -> &[TokenRecord] {
        &self.tokens
    }

    /// Whether a token that was granted still holds.
    pub fn still_holds(&self, id: &str, now: DateTime<Utc>) -> Result<(), Denied> {
        let record = self.tokens.iter().find(|record| record.id == id);
        match record {
            Some(record) => record.denied(now).map_or(Ok(()), Err),
            None => Err(Denied::Unknown),
        }
    }

    /// What the bearer of a token may do.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Grant, Denied> {
        let (id, secret) = split(token).ok_or(Denied::Malformed)?;
        let hashed = hash(secret);
        let record = self.tokens.iter().find(|record| record.id == id);
        let same = record.is_some_and(|record| {
            subtle::ConstantTimeEq::ct_eq(record.sha256.as_bytes(), hashed.as_bytes()).into()
        });
        match record {
            Some(record) if same => match record.denied(now) {
                Some(denied) => Err(denied),
                None => Ok(Grant {
                    id: record.id.clone(),
                    name: record.name.clone(),
                    role: record.role,
                    numbers: record.numbers.clone(),
                }),
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
    for record in &file.token {
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

fn hash(secret: &str) -> String {
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
            "{text:?} is no time to end at: 90d, 12h or an instant such as 2026-11-12T00:00:00Z is needed"
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
    }

    #[test]
    fn a_token_opens_what_its_role_may_see_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut store = TokenStore::open(&path).unwrap();
        let (wall, wall_token) = store.make("Hall 3", Role::Viewer, None, at(0)).unwrap();
        let (_, chief) = store.make("CFO", Role::Executive, Some(at(60)), at(0)).unwrap();
        // What is on the disk is no token.
        let text = std::fs::read_to_string(&path).unwrap();
        let (id, secret) = split(&wall_token).unwrap();
        assert!(text.contains(id) && !text.contains(secret));
        let kept = TokenStore::open(&path).unwrap();
        let grant = kept.check(&wall_token, at(1_000_000)).unwrap();
        assert_eq!((grant.role, grant.name.as_str()), (Role::Viewer, "Hall 3"));
        assert_eq!(grant.role.class(), DataClass::Public);
        assert_eq!(
            kept.check(&chief, at(59)).unwrap().role.class(),
            DataClass::Internal
        );
        assert_eq!(kept.check(&chief, at(60)), Err(Denied::Expired));
        // One letter else, another's id, no token at all.
        let mut altered = wall_token.clone().into_bytes();
        altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
        assert_eq!(
            kept.check(std::str::from_utf8(&altered).unwrap(), at(0)),
            Err(Denied::Unknown)
        );
        let mixed = format!("mrd_{}_{}", wall.id, split(&chief).unwrap().1);
        assert_eq!(kept.check(&mixed, at(0)), Err(Denied::Unknown));
        for text in ["", "mrd", "mrd__", "mrd_0_1", "hello", "mrd_zzzzzzzzzzzz_AAAA"] {
            assert_eq!(kept.check(text, at(0)), Err(Denied::Malformed), "{text}");
        }
    }

    #[test]
    fn a_revoked_token_is_noticed_by_whoever_reads_the_file_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut desk = TokenStore::open(&path).unwrap();
        let (record, token) = desk.make("Hall 3", Role::Director, None, at(0)).unwrap();
        let mut served = TokenStore::open(&path).unwrap();
        assert!(!served.reload_if_changed().unwrap());
        desk.revoke(&record.id, at(5)).unwrap();
        assert!(served.reload_if_changed().unwrap());
        assert_eq!(served.check(&token, at(6)), Err(Denied::Revoked));
        assert_eq!(served.still_holds(&record.id, at(6)), Err(Denied::Revoked));
        assert!(
            desk.revoke("nobody", at(6))
                .unwrap_err()
                .to_string()
                .contains("token list")
        );
        // A file that is broken meanwhile changes nothing, and is said once.
        std::fs::write(&path, "token = 3").unwrap();
        assert!(served.reload_if_changed().is_err());
        assert!(!served.reload_if_changed().unwrap());
        assert_eq!(served.list().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = TokenStore::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("tokens.toml") && error.contains("chmod 600"),
            "{error}"
        );
    }

    #[test]
    fn times_to_end_at() {
        assert_eq!(parse_expiry("12h", at(0)).unwrap(), at(43_200));
        assert_eq!(parse_expiry("2d", at(0)).unwrap(), at(172_800));
        assert_eq!(parse_expiry("2023-11-14T22:13:21Z", at(0)).unwrap(), at(1));
        for text in [
            "",
            "d",
            "-1d",
            "0h",
            "tomorrow",
            "5",
            "9999999999999d",
            "9000000d",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert!(parse_expiry(text, at(0)).unwrap_err().contains("90d"), "{text}");
        }
    }

    #[test]
    fn the_header_is_read_as_it_is_written() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
