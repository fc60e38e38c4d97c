//! The directors' protocol: one JSON command a message, one JSON answer each.

use std::time::Duration;

use chrono::Utc;
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::{oneshot, watch};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::client::{IDLE_TIMEOUT, MessageBudget, PING_EVERY, Socket, token_ended, write};
use super::end::{End, broken};
use super::shared::Shared;
use crate::operate::access::{Denied, Grant};
use crate::operate::director::{Command, Director, DirectorState, Outcome};
use crate::serve::control::{ControlMsg, DeskRequest};

/// Commands that one desk may give a minute.
const DESK_PER_MINUTE: u32 = 120;

/// What a director is answered, as JSON.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// `done`, `unchanged`, `needs_second` or `refused`.
    outcome: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<&'a DirectorState>,
}

/// Serves a director until either side ends it.
pub(super) async fn desk(
    socket: &mut Socket,
    shared: &Shared,
    grant: &Grant,
    mut ends: watch::Receiver<Option<Denied>>,
) -> Result<(), End> {
    let mut budget = MessageBudget::new();
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = tokio::time::Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ends.changed() => {
                return Err(token_ended(&ends));
            }
            _ = ping.tick() => {
                if heard.elapsed() > IDLE_TIMEOUT {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                write(socket, shared, vec![Message::Ping(Default::default())]).await?;
                continue;
            }
        };
        let Some(message) = message else { return Ok(()) };
        heard = tokio::time::Instant::now();
        budget.one_more(DESK_PER_MINUTE, Duration::from_secs(60))?;
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(_)) => return Ok(()),
            Ok(Message::Binary(_)) => {
                return Err(End::Message("the desk reads JSON text".to_owned()));
            }
            Err(error) => return broken(error),
        };
        let holds = shared
            .tokens
            .as_ref()
            .map_or(Ok(()), |tokens| tokens.load().still_holds(grant, Utc::now()));
        if !grant.id.is_empty()
            && let Err(denied) = holds
        {
            return Err(End::Lost("token", denied.to_string()));
        }
        let answer = match serde_json::from_str::<Command>(&text) {
            Err(error) => refused(format!("no command: {error}")),
            Ok(command) => ask(shared, grant, command).await?,
        };
        write(socket, shared, vec![Message::Text(answer.into())]).await?;
    }
}

fn refused(text: String) -> String {
    let answer = Answer {
        outcome: "refused",
        text,
        desk: None,
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

async fn ask(shared: &Shared, grant: &Grant, command: Command) -> Result<String, End> {
    let (reply, answered) = oneshot::channel();
    let request = DeskRequest {
        command,
        by: Director {
            token: grant.id.clone(),
            name: grant.name.clone(),
            person: grant.person.clone(),
            grant: grant.mark(),
        },
        reply,
    };
    let stops = || End::Lost("stops", "the gateway stops".to_owned());
    shared
        .control
        .send(ControlMsg::Desk(request))
        .map_err(|_| stops())?;
    let answer = match answered.await.map_err(|_| stops())? {
        Err(error) => return Ok(refused(error.to_string())),
        Ok(answer) => answer,
    };
    let (outcome, text) = match answer.outcome {
        Outcome::Done(text) => ("done", text),
        Outcome::Unchanged => ("unchanged", "nothing had to be changed".to_owned()),
        Outcome::NeedsSecond => (
            "needs_second",
            "a second director has to ask for the same within five minutes".to_owned(),
        ),
    };
    let answer = Answer {
        outcome,
        text,
        desk: Some(&answer.desk),
    };
    Ok(serde_json::to_string(&answer).unwrap_or_default())
}
