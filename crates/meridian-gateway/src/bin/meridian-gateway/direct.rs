//! `direct`: gives a gateway a director's command, and says how things stand then.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use meridian_client::socket::{ConnectError, Endpoint, connect};
use meridian_client::tls::Trust;
use meridian_core::say;
use meridian_gateway::SUBPROTOCOL_DESK;
use meridian_gateway::operate::director::{Command, FiguresMode};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::args::DirectTask;
use crate::secret::token_of;

/// Gives a gateway one command.
pub(crate) fn direct(
    gateway: &str,
    token_file: Option<&Path>,
    trust: &Trust,
    what: &DirectTask,
) -> anyhow::Result<()> {
    let token = token_of(token_file)?;
    let uri = gateway.parse().with_context(|| {
        format!("{gateway:?} isn't an address: one like wss://gateway.example:9016 is needed")
    })?;
    let way = Endpoint::new(&uri, token.as_deref(), trust)
        .map_err(|problem| anyhow::anyhow!("{gateway}: {problem}"))?;
    let command = command_of(what);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(10), ask(gateway, &way, &command))
            .await
            .with_context(|| format!("{gateway} doesn't answer"))?
    })?;
    print(gateway, what, &answer)
}

fn command_of(task: &DirectTask) -> Command {
    match task {
        DirectTask::Hold => Command::Hold,
        DirectTask::Release => Command::Release,
        DirectTask::Scene { scene } => Command::Scene { scene: scene.clone() },
        DirectTask::Mode { mode } => Command::Mode {
            mode: if mode == "rehearsal" {
                FiguresMode::Rehearsal
            } else {
                FiguresMode::Normal
            },
        },
        DirectTask::Delay { delay } => Command::Delay {
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        },
        DirectTask::Status => Command::Status,
    }
}

/// Sends a command and waits for its answer.
async fn ask(gateway: &str, way: &Endpoint, command: &Command) -> anyhow::Result<Value> {
    let (mut socket, _) = connect(way, &[SUBPROTOCOL_DESK])
        .await
        .map_err(|failed| match failed {
            ConnectError::Lost(reason) | ConnectError::NotYet(reason, _) => {
                anyhow::anyhow!("{gateway}: {reason}")
            }
            ConnectError::Refused(reason) | ConnectError::Later(reason, _) => {
                anyhow::anyhow!("{gateway} {reason}")
            }
        })?;
    socket
        .send(Message::Text(serde_json::to_string(command)?.into()))
        .await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            let _ = socket.close(None).await;
            return Ok(serde_json::from_str(&text)?);
        }
    }
    bail!("{gateway} closed the connection without an answer")
}

/// Prints the outcome of a command, and the current state.
fn print(gateway: &str, task: &DirectTask, answer: &Value) -> anyhow::Result<()> {
    let text = answer["text"].as_str().unwrap_or_default();
    let desk = &answer["desk"];
    let held = desk["held_by"]
        .as_str()
        .map_or("on air".to_owned(), |by| format!("held ({by})"));
    match answer["outcome"].as_str() {
        Some("refused") => bail!("{text}"),
        Some(outcome) => say!(
            "{}{held}, delay {} ms{}{}",
            match (task, outcome) {
                (DirectTask::Status, _) => String::new(),
                (_, "unchanged") => "unchanged; ".to_owned(),
                _ => format!("{text}; "),
            },
            desk["delay_ms"].as_u64().unwrap_or(0),
            if desk["rehearsal"].as_bool() == Some(true) {
                ", rehearsal"
            } else {
                ""
            },
            desk["scene"]
                .as_str()
                .map_or(String::new(), |scene| format!(", scene {scene}")),
        ),
        None => bail!("{gateway} answered something else: {answer}"),
    }
    Ok(())
}
