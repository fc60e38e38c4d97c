//! `token`: makes, lists and revokes tokens, and notes each change in a log beside the token file.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use meridian_core::files::private;
use meridian_core::say;
use meridian_gateway::operate::access::{NewToken, TokenRecord, TokenStore, instant, parse_expiry};
use meridian_gateway::operate::audit::{self, AuditLog, Details};

use crate::args::TokenTask;
use crate::setup::read_config;

/// Makes, lists or revokes tokens.
pub(crate) fn token(tokens: Option<&Path>, config: Option<&Path>, what: &TokenTask) -> anyhow::Result<()> {
    let config = read_config(config)?;
    let path = tokens
        .map(Path::to_owned)
        .or(config.access.tokens)
        .context("which tokens? --tokens FILE, or --config FILE with [access] tokens in it, is needed")?;
    let mut store = match what {
        TokenTask::List => TokenStore::open(&path)?,
        TokenTask::Make { .. } | TokenTask::Revoke { .. } => TokenStore::open_to_change(&path)?,
    };
    match what {
        TokenTask::Make {
            name,
            person,
            role,
            number,
            expires,
        } => {
            let now = Utc::now();
            let expires = expires
                .as_deref()
                .map(|text| parse_expiry(text, now))
                .transpose()
                .map_err(anyhow::Error::msg)?;
            let wanted = NewToken {
                name,
                person: person.as_deref(),
                role: *role,
                numbers: number,
                expires,
            };
            make(&path, &mut store, &wanted, now)
        }
        TokenTask::Revoke { id } => revoke(&path, &mut store, id, Utc::now()),
        TokenTask::List => {
            list(&store, Utc::now());
            Ok(())
        }
    }
}

fn make(path: &Path, store: &mut TokenStore, wanted: &NewToken, now: DateTime<Utc>) -> anyhow::Result<()> {
    let log = open_log(path, now)?;
    let (made, token) = store.make_as(wanted, now)?;
    record(log, audit::Kind::TokenMade, &made, now)?;
    eprintln!(
        "token {} for {} ({}): it is shown once",
        made.id,
        made.name,
        made.role.name()
    );
    say!("{token}");
    Ok(())
}

fn revoke(path: &Path, store: &mut TokenStore, id: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
    let log = open_log(path, now)?;
    let revoked = store.revoke(id, now)?;
    record(log, audit::Kind::TokenRevoked, &revoked, now)?;
    say!("token {} of {} is revoked", revoked.id, revoked.name);
    Ok(())
}

fn list(store: &TokenStore, now: DateTime<Utc>) {
    for token in store.list() {
        let expires = token.expires.map_or_else(|| "never".to_owned(), instant);
        say!(
            "{}  {:<9}  {:<8}  made {}  expires {:<20}  {}{}{}",
            token.id,
            token.role.name(),
            token.state(now),
            instant(token.made),
            expires,
            token.name,
            token
                .person
                .as_deref()
                .map_or(String::new(), |person| format!("  borne by {person}")),
            match token.numbers.as_slice() {
                [] => String::new(),
                numbers => format!("  sends as {numbers:?}"),
            }
        );
    }
}

/// The log of changes beside the token file: a running gateway writes its own log itself, and a second writer would break its chain.
/// It is opened before anything is changed, so that no change goes unnoted.
fn open_log(tokens: &Path, now: DateTime<Utc>) -> anyhow::Result<AuditLog> {
    let beside = tokens.with_extension("audit.jsonl");
    private::make_if_absent(&beside).with_context(|| beside.display().to_string())?;
    Ok(AuditLog::open(&beside, "urn:meridian:token", now)?)
}

fn record(
    mut log: AuditLog,
    kind: audit::Kind,
    token: &TokenRecord,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let details = Details {
        token: Some(token.id.clone()),
        name: Some(token.name.clone()),
        role: Some(token.role.name().to_owned()),
        ..Details::default()
    };
    Ok(log.record(kind, "token", details, now)?)
}
