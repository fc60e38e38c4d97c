//! The token file: reloaded when it changes, and changed by one process at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Utc};
use ring::rand::SecureRandom as _;

use crate::operate::access::role::Role;
use crate::operate::access::token::{
    Denied, Grant, ID_BYTES, MAX_TOKENS, NUMBERS_OF_SOURCES, NewToken, PREFIX, SECRET_BYTES, TokenFile,
    TokenRecord, Tokens, hash, parse,
};
use crate::operate::names::mixed_word;
use meridian_core::files::private::{self, Lock, Stamp};

/// Why a token file can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct AccessError {
    /// The token file.
    pub file: String,
    /// What is wrong, and what would be right.
    pub problem: String,
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
                    "{name:?} isn't a name for a token: 1 to 80 letters that say whose it is are needed"
                )));
            }
            if let Some(word) = mixed_word(name) {
                return Err(self.wrong(format!(
                    "{name:?} isn't a name for a token: {word:?} has letters of two alphabets that look alike, and could be taken for another's"
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

    /// Revokes a token by its id.
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
