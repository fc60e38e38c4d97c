//! Who may see what: roles, and tokens that prove them.
//!
//! A token is 256 random bits that only its bearer has; the file keeps their SHA-256. A slow hash is for
//! passwords, which people choose; nobody can go through 2²⁵⁶ secrets, so a quick one is right here, and a
//! flood of false tokens costs nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use ring::rand::SecureRandom as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use meridian_core::files::private::{self, Lock, Stamp};
use meridian_wire::DataClass;

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
    /// It allows something else than when it was shown.
    #[error("changed token")]
    Changed,
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

/// What a token is to be.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Whose it is, for people.
    pub name: &'a str,
    /// Who bears it, where somebody may have several.
    pub person: Option<&'a str>,
    /// What it allows.
    pub role: Role,
    /// The source numbers that it sends orders under; none: any.
    pub numbers: &'a [u32],
    /// When its time is over; absent: never.
    pub expires: Option<DateTime<Utc>>,
}

/// What a bearer was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's id; empty for somebody without one.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// Who bears it, where the token says so.
    pub person: Option<String>,
    /// What it allows.
    pub role: Role,
    /// The source numbers that they send orders under; none: any.
    pub numbers: Vec<u32>,
    /// The secret's hash: the same id with another secret is another token.
    sha256: String,
}

impl Grant {
    /// Somebody without a token.
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

    /// What two grants have in common where nothing about them differs, and nothing can be learnt from.
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
struct TokenFile {
    #[serde(default)]
    token: Vec<TokenRecord>,
}

/// Tokens as they were read.
#[derive(Debug, Default)]
pub struct Tokens {
    list: Vec<TokenRecord>,
    /// Where each stands, by id.
    by_id: HashMap<String, usize>,
}

impl Tokens {
    fn new(list: Vec<TokenRecord>) -> Self {
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

/// The tokens of a file.
#[derive(Debug)]
pub struct TokenStore {
    path: PathBuf,
    tokens: Arc<Tokens>,
    /// What the file was when it was read; absent: it wasn't there.
    seen: Option<Stamp>,
    /// Whether the file had been left alone for a while then.
    settled: bool,
    /// Why it can't be read as it is now.
    problem: Option<String>,
    /// Kept by one who changes it.
    held: Option<Lock>,
}

impl TokenStore {
    /// Reads a file; one that isn't there has no tokens.
    ///
    /// # Errors
    /// [`AccessError`], for a file that others may read too.
    pub fn open(path: &Path) -> Result<Self, AccessError> {
        let mut it = Self {
            path: path.to_owned(),
            tokens: Arc::default(),
            seen: None,
            settled: false,
            problem: None,
            held: None,
        };
        it.read()?;
        Ok(it)
    }

    /// Reads a file for somebody who changes it: others who would wait until this is dropped.
    ///
    /// # Errors
    /// [`AccessError`], also when somebody else has been changing it for too long.
    pub fn open_to_change(path: &Path) -> Result<Self, AccessError> {
        let held = Lock::take(path).map_err(|error| AccessError {
            file: path.display().to_string(),
            problem: error.to_string(),
        })?;
        let mut it = Self::open(path)?;
        it.held = Some(held);
        Ok(it)
    }

    fn wrong(&self, problem: impl Into<String>) -> AccessError {
        AccessError {
            file: self.path.display().to_string(),
            problem: problem.into(),
        }
    }

    /// Reads the file; says whether it is another than the one that was read last.
    fn read(&mut self) -> Result<bool, AccessError> {
        let (text, seen) = match private::read_text(&self.path) {
            Ok((text, stamp)) => (text, Some(stamp)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (String::new(), None),
            Err(error) => return Err(self.wrong(error.to_string())),
        };
        let tokens = parse(&text).map_err(|problem| self.wrong(problem))?;
        let is_other = seen != self.seen || tokens != self.tokens.list;
        self.seen = seen;
        self.settled = seen.is_none_or(|stamp| stamp.is_settled(SystemTime::now()));
        if is_other {
            self.tokens = Arc::new(Tokens::new(tokens));
        }
        Ok(is_other)
    }

    /// Reads the file again if it isn't what it was, or couldn't be read; says whether anything is new.
    ///
    /// # Errors
    /// [`AccessError`], once for each problem; the tokens stay what they were, and it is tried again each time.
    pub fn reload_if_changed(&mut self) -> Result<bool, AccessError> {
        let is_as_seen = Stamp::at(&self.path).is_ok_and(|stamp| stamp == self.seen);
        if is_as_seen && self.settled && self.problem.is_none() {
            return Ok(false);
        }
        let known = self.problem.take();
        match self.read() {
            Ok(is_other) => Ok(is_other || known.is_some()),
            Err(error) => {
                self.problem = Some(error.problem.clone());
                if known == self.problem {
                    Ok(false)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Why the file can't be read as it is now, if it can't: what was changed in it doesn't arrive.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
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
        let wanted = NewToken {
            name,
            person: None,
            role,
            numbers: &[],
            expires,
        };
        self.make_as(&wanted, now)
    }

    /// The same, with all that a token can say.
    ///
    /// # Errors
    /// [`AccessError`] when the file can't be written, or for numbers with another role.
    pub fn make_as(
        &mut self,
        wanted: &NewToken<'_>,
        now: DateTime<Utc>,
    ) -> Result<(TokenRecord, String), AccessError> {
        if !wanted.numbers.is_empty() && !wanted.role.sends() {
            return Err(self.wrong(NUMBERS_OF_SOURCES));
        }
        let called = |name: &str| {
            let name = name.trim();
            if name.is_empty() || name.len() > 80 || name.chars().any(char::is_control) {
                return Err(self.wrong(format!(
                    "{name:?} is no name for a token: 1 to 80 letters that say whose it is are needed"
                )));
            }
            if let Some(word) = crate::operate::names::mixed_word(name) {
                return Err(self.wrong(format!(
                    "{name:?} is no name for a token: {word:?} has letters of two alphabets that look alike, and could be taken for another's"
                )));
            }
            Ok(name.to_owned())
        };
        let (name, person) = (called(wanted.name)?, wanted.person.map(called).transpose()?);
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
            name,
            person,
            role: wanted.role,
            numbers: wanted.numbers.to_vec(),
            sha256: hash(&secret),
            made: now,
            expires: wanted.expires,
            revoked: None,
        };
        let made = record.clone();
        self.change(|tokens| {
            if tokens.len() >= MAX_TOKENS {
                return Err(format!("{MAX_TOKENS} tokens are in it already"));
            }
            tokens.push(record);
            Ok(())
        })?;
        Ok((made, format!("{PREFIX}_{id}_{secret}")))
    }

    /// Takes a token back, by its id.
    ///
    /// # Errors
    /// [`AccessError`] when there is none, or the file can't be written.
    pub fn revoke(&mut self, id: &str, now: DateTime<Utc>) -> Result<TokenRecord, AccessError> {
        self.change(|tokens| {
            let Some(record) = tokens.iter_mut().find(|record| record.id == id) else {
                return Err(format!(
                    "there is no token {id:?}; `token list` says which there are"
                ));
            };
            record.revoked.get_or_insert(now);
            Ok(record.clone())
        })
    }

    /// Reads, changes and writes the file, one at a time: whoever wrote last would undo the others otherwise.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Vec<TokenRecord>) -> Result<T, String>,
    ) -> Result<T, AccessError> {
        let _held = match &self.held {
            Some(_) => None,
            None => Some(Lock::take(&self.path).map_err(|error| self.wrong(error.to_string()))?),
        };
        self.read()?;
        let mut tokens = self.tokens.list.clone();
        let changed = change(&mut tokens).map_err(|problem| self.wrong(problem))?;
        let file = TokenFile { token: tokens };
        let text = toml::to_string(&file).map_err(|error| self.wrong(error.to_string()))?;
        private::write(&self.path, text.as_bytes()).map_err(|error| self.wrong(error.to_string()))?;
        self.tokens = Arc::new(Tokens::new(file.token));
        self.seen = Stamp::at(&self.path).ok().flatten();
        self.settled = false;
        Ok(changed)
    }

    /// All tokens, oldest first.
    pub fn list(&self) -> &[TokenRecord] {
        &self.tokens.list
    }

    /// The tokens as they were read last.
    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// [`Tokens::still_holds`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn still_holds(&self, grant: &Grant, now: DateTime<Utc>) -> Result<(), Denied> {
        self.tokens.still_holds(grant, now)
    }

    /// [`Tokens::check`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Grant, Denied> {
        self.tokens.check(token, now)
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
            return Err(twice(text, &record.id, [first, number]));
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

/// Says where the two tokens of one id stand.
fn twice(text: &str, id: &str, numbers: [usize; 2]) -> String {
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
        let grant = served.check(&token, at(4)).unwrap();
        assert_eq!(served.still_holds(&grant, at(4)), Ok(()));
        desk.revoke(&record.id, at(5)).unwrap();
        assert!(served.reload_if_changed().unwrap());
        assert_eq!(served.check(&token, at(6)), Err(Denied::Revoked));
        assert_eq!(served.still_holds(&grant, at(6)), Err(Denied::Revoked));
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
        assert!(served.problem().is_some());
    }

    /// What a token allows is looked at in full, whichever way it changed.
    #[test]
    fn a_token_that_allows_something_else_holds_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut store = TokenStore::open(&path).unwrap();
        let wanted = NewToken {
            name: "Job",
            person: None,
            role: Role::Source,
            numbers: &[7],
            expires: Some(at(60)),
        };
        let (_, token) = store.make_as(&wanted, at(0)).unwrap();
        let grant = store.check(&token, at(1)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, denied) in [
            ("numbers = [7]", "numbers = [8]", Denied::Changed),
            ("numbers = [7]\n", "", Denied::Changed),
            (
                "numbers = [7]\nsha256 = \"",
                "numbers = [7]\nsha256 = \"0",
                Denied::Changed,
            ),
            ("\"Job\"", "\"Job\"\nperson = \"Bo\"", Denied::Changed),
            ("\"source\"\nnumbers = [7]", "\"viewer\"", Denied::Changed),
            ("id = \"", "id = \"0", Denied::Unknown),
            (
                "expires = ",
                "expires = \"2001-01-01T00:00:00Z\"\n#",
                Denied::Expired,
            ),
        ] {
            let mut changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            if to.ends_with("sha256 = \"0") {
                // One digit more in front, one less at the end.
                let start = changed.find("sha256 = \"").unwrap() + 10;
                changed.remove(start + 64);
            }
            std::fs::write(&path, &changed).unwrap();
            assert!(store.reload_if_changed().unwrap(), "{changed}");
            assert_eq!(store.still_holds(&grant, at(1)), Err(denied), "{changed}");
        }
        std::fs::write(&path, &text).unwrap();
        assert!(store.reload_if_changed().unwrap());
        assert_eq!(store.still_holds(&grant, at(1)), Ok(()));
    }

    /// The file is put in place unreadable and made readable afterwards: neither its time nor its length tells of that.
    #[cfg(unix)]
    #[test]
    fn a_revocation_that_could_not_be_read_arrives_once_it_can() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut desk = TokenStore::open(&path).unwrap();
        let (record, token) = desk.make("Hall 3", Role::Director, None, at(0)).unwrap();
        let mut served = TokenStore::open(&path).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        desk.revoke(&record.id, at(5)).unwrap();
        mode(0o644);
        let error = served.reload_if_changed().unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        assert!(served.check(&token, at(6)).is_ok() && served.problem().is_some());
        // Said once, tried each time.
        assert!(!served.reload_if_changed().unwrap());
        mode(0o600);
        assert!(served.reload_if_changed().unwrap());
        assert_eq!(
            (served.check(&token, at(6)), served.problem()),
            (Err(Denied::Revoked), None)
        );
    }

    /// Each of them opened the file before the others changed it.
    #[test]
    fn those_who_change_the_file_at_once_undo_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut first = TokenStore::open(&path).unwrap();
        let old: Vec<String> = (0..8)
            .map(|_| first.make("Old", Role::Viewer, None, at(0)).unwrap().0.id)
            .collect();
        std::thread::scope(|threads| {
            for half in old.chunks(4) {
                let (mut makes, mut revokes) =
                    (TokenStore::open(&path).unwrap(), TokenStore::open(&path).unwrap());
                threads.spawn(move || {
                    for _ in 0..4 {
                        makes.make("New", Role::Viewer, None, at(1)).unwrap();
                    }
                });
                threads.spawn(move || {
                    for id in half {
                        revokes.revoke(id, at(2)).unwrap();
                    }
                });
            }
        });
        let store = TokenStore::open(&path).unwrap();
        let valid = store.list().iter().filter(|token| token.state(at(3)) == "valid");
        assert_eq!((store.list().len(), valid.count()), (16, 8));
    }

    #[test]
    fn names_that_could_be_taken_for_anothers_and_ids_that_are_there_twice_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let mut store = TokenStore::open(&path).unwrap();
        let problem = store
            .make("Аnna", Role::Director, None, at(0))
            .unwrap_err()
            .to_string();
        assert!(problem.contains("two alphabets"), "{problem}");
        for name in ["Анна", "José", "Anna"] {
            store.make(name, Role::Director, None, at(0)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let [first, _, third] = [0, 1, 2].map(|at| store.list()[at].id.clone());
        let twice = text.replace(&third, &first);
        let line = |nth: usize| {
            let mut lines = (1..).zip(twice.lines()).filter(|(_, line)| line.contains(&first));
            lines.nth(nth).unwrap().0
        };
        let problem = parse(&twice).unwrap_err();
        let wanted = format!("line {} and line {}", line(0), line(1));
        assert!(problem.contains(&first) && problem.contains(&wanted), "{problem}");
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
