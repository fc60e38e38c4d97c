//! A relay: passes another gateway's feed on, so that fan-out grows with the number of machines.
//!
//! Frames are passed on as they came, signatures and all, so that a display believes the gateway at the source
//! and nobody between. What a relay can't sign it doesn't make: a client that falls behind gets the source's last
//! snapshot, not a merged tick.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::operate::director::DirectorError;
use crate::operate::events::{GatewayEvent as _, UpstreamEvent};
use crate::serve::connection::Hubs;
use crate::serve::control::ControlMsg;
use crate::serve::hub::RelayOutlet;
use crate::serve::server::Runtime;
use crate::source::clock::mono_ms;
use crate::{Gateway, GatewayConfig, GatewayError};
use meridian_client::{Link, LinkConfig, LinkEvent};
use meridian_wire::{Body, DataClass, Frame};

/// How often messages and the feed are checked.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// Passes a feed on until it is stopped. Until the feed has said who may see it, viewers are asked to come again, and
/// those who may see anything wait.
///
/// # Errors
/// [`GatewayError`] naming the address or file that can't be had.
pub fn relay(config: GatewayConfig, upstream: LinkConfig) -> Result<Gateway, GatewayError> {
    let url = upstream.url.clone();
    let link = Link::start(LinkConfig {
        relay: true,
        lights_per_s: None,
        ..upstream
    })?;
    let outlet = RelayOutlet::new(Arc::clone(&config.clock));
    let hubs = Hubs {
        public: Arc::clone(outlet.hub()),
        internal: Arc::clone(outlet.hub()),
    };
    let runtime = Runtime::bind(&config, hubs)?;
    runtime.spawn("meridian-relay", move |messages, shared| {
        // What walls are told is told by the public stream alone.
        let mut public = false;
        let upstream = url.as_str();
        loop {
            // Without a feed it waits, and lives: nobody has to start it anew for that.
            shared.metrics.turned();
            match next(&messages, &link) {
                Next::Stop => break,
                Next::Nothing => {}
                Next::Event(LinkEvent::Relayed(frame, relayed)) => {
                    shared.metrics.stepped(mono_ms(), 0.0);
                    if let Body::Tick(tick) = &frame.body {
                        shared.metrics.counted(&tick.totals.counts);
                        if public {
                            shared.metrics.told(&tick.totals.counts);
                        }
                        shared.metrics.event_ms.set(tick.event_ms);
                    }
                    if let Body::Hello(hello) = &frame.body {
                        public = hello.class == DataClass::Public;
                    }
                    let Frame { epoch, seq, body, .. } = *frame;
                    match body {
                        Body::Hello(hello) => outlet.restart(epoch, seq, *hello, *relayed),
                        // The source's goodbye is to this relay; its clients are told nothing and see their feed age.
                        Body::Bye(_) => {}
                        body => outlet.pass_on(epoch, seq, body, *relayed),
                    }
                }
                Next::Event(LinkEvent::Connected) => UpstreamEvent::Connected { upstream }.emit(&*shared),
                Next::Event(
                    LinkEvent::Lost { reason, .. }
                    | LinkEvent::Refused { reason }
                    | LinkEvent::Garbage { reason }
                    | LinkEvent::Forged { reason }
                    | LinkEvent::Stale { reason, .. },
                ) => {
                    let reason = &reason;
                    UpstreamEvent::Lost { upstream, reason }.emit(&*shared);
                }
                Next::Event(LinkEvent::Forgetful { reason }) => {
                    let reason = &reason;
                    UpstreamEvent::Forgetful { upstream, reason }.emit(&*shared);
                }
                Next::Event(LinkEvent::Gap) => UpstreamEvent::Gap { upstream }.emit(&*shared),
                Next::Event(LinkEvent::Connecting { .. } | LinkEvent::Frame(..)) => {}
            }
        }
        None
    })
}

enum Next {
    Event(LinkEvent),
    Nothing,
    Stop,
}

fn next(messages: &Receiver<ControlMsg>, link: &Link) -> Next {
    loop {
        match messages.try_recv() {
            Ok(ControlMsg::Stop) | Err(crossbeam_channel::TryRecvError::Disconnected) => return Next::Stop,
            Err(crossbeam_channel::TryRecvError::Empty) => break,
            // Time and desk are the source's, and only it can sign a notice.
            Ok(ControlMsg::Desk(request)) => {
                let _ = request.reply.send(Err(DirectorError::Relay));
            }
            Ok(ControlMsg::Pause(_) | ControlMsg::Speed(_) | ControlMsg::Notice(..)) => {}
        }
    }
    match link.events().recv_timeout(POLL_EVERY) {
        Ok(event) => Next::Event(event),
        Err(RecvTimeoutError::Timeout) => Next::Nothing,
        Err(RecvTimeoutError::Disconnected) => Next::Stop,
    }
}
