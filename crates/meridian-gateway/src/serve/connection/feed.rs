//! The feed's protocol: a client follows a stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::client::{IDLE_TIMEOUT, MessageBudget, PING_EVERY, Socket, token_ended, write};
use super::end::{End, TOKEN_ENDED, broken};
use super::shared::Shared;
use crate::operate::access::Denied;
use crate::serve::hub::{Follower, Form, Item, Wants};
use meridian_wire::codec::{decode_subscribe_bin, decode_subscribe_json};
use meridian_wire::{Body, Bye, Compression, SUBPROTOCOL_BIN, Subscribe};

/// How long to wait for a client's `subscribe`; after that it gets the whole feed.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(1);
/// Messages of any kind that a client may send in ten seconds.
const MESSAGES_IN_TEN_S: u32 = 100;

/// Follows a stream until somebody ends it.
pub(super) async fn feed(
    socket: &mut Socket,
    shared: &Shared,
    mut follower: Follower,
    form: Form,
    mut ends: watch::Receiver<Option<Denied>>,
) -> Result<(), End> {
    let unwritable = |error: meridian_wire::CodecError| End::Lost("unwritable", error.to_string());
    let (mut subscribed, mut joined) = (false, false);
    let mut budget = MessageBudget::new();
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
    let wait = tokio::time::sleep(SUBSCRIBE_WAIT);
    tokio::pin!(wait);
    let mut left_out = 0;
    loop {
        let out = tokio::select! {
            message = socket.next() => {
                let Some(message) = message else { return Ok(()) };
                heard = tokio::time::Instant::now();
                budget.one_more(MESSAGES_IN_TEN_S, Duration::from_secs(10))?;
                let message = match message {
                    Ok(message) => message,
                    Err(error) => return broken(error),
                };
                let read = match message {
                    Message::Text(text) => decode_subscribe_json(text.as_bytes()),
                    Message::Binary(bytes) => decode_subscribe_bin(&bytes),
                    Message::Close(_) => return Ok(()),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                let problem = match read {
                    Ok(subscribe) if !subscribed => match wanted(form, &subscribe) {
                        Ok(wants) => {
                            (subscribed, joined) = (true, true);
                            follower.set_wants(wants);
                            let first = follower.begin(subscribe.resume).map_err(unwritable)?;
                            write(socket, shared, first).await?;
                            barred(socket, shared, &follower, form).await?;
                            continue;
                        }
                        Err(problem) => problem,
                    },
                    Ok(_) => "subscribe was said before: it is said once on each connection".to_owned(),
                    Err(error) => error.to_string(),
                };
                goodbye(socket, shared, form, "bad_subscribe", &problem).await?;
                return Err(End::Message(problem));
            }
            () = &mut wait, if !joined => {
                joined = true;
                follower.begin(None).map_err(unwritable)?
            }
            more = follower.wait(), if joined => {
                if !more {
                    return Ok(());
                }
                follower.lacking().map_err(unwritable)?
            }
            _ = ping.tick() => {
                if heard.elapsed() > IDLE_TIMEOUT {
                    return Err(End::Lost("idle", "it didn't answer pings".to_owned()));
                }
                vec![Message::Ping(Default::default())]
            }
            _ = ends.changed() => {
                goodbye(socket, shared, form, "token_ended", TOKEN_ENDED).await?;
                return Err(token_ended(&ends));
            }
        };
        write(socket, shared, out).await?;
        let spared = follower.frames_left_out();
        shared.metrics.left_out.inc_by(spared - left_out);
        left_out = spared;
        barred(socket, shared, &follower, form).await?;
        if follower.has_ended() || joined && shared.ended.load(Ordering::Acquire) && follower.is_current() {
            return Ok(());
        }
    }
}

/// Ends a connection whose stream came to hold more than its client may see.
async fn barred(socket: &mut Socket, shared: &Shared, follower: &Follower, form: Form) -> Result<(), End> {
    if !follower.is_barred() {
        return Ok(());
    }
    let text = "the feed holds more now than the token allows";
    goodbye(socket, shared, form, "class_changed", text).await?;
    Err(End::Lost("class", text.to_owned()))
}

/// What a subscription means for a form.
fn wanted(form: Form, subscribe: &Subscribe) -> Result<Wants, String> {
    let form = match (form, subscribe.compression) {
        (form, None) => form,
        (Form::Json, Some(Compression::Zstd)) => {
            return Err(format!(
                "compression is for {SUBPROTOCOL_BIN}: JSON comes as text"
            ));
        }
        (Form::Bin | Form::BinZstd, Some(Compression::Zstd)) => Form::BinZstd,
    };
    Ok(Wants {
        form,
        lights_per_s: subscribe.lights_per_s,
        relay: subscribe.relay,
    })
}

async fn goodbye(
    socket: &mut Socket,
    shared: &Shared,
    form: Form,
    code: &str,
    text: &str,
) -> Result<(), End> {
    let bye = Body::Bye(Bye {
        code: code.to_owned(),
        text: text.to_owned(),
        retry_after_ms: None,
    });
    let message = Item::detached(bye)
        .message(form, 0)
        .map_err(|error| End::Lost("unwritable", error.to_string()))?;
    write(socket, shared, vec![message]).await
}
