//! Serves a [`Publisher`] over WebSocket.
//!
//! One thread owns the publisher and the directors' desk and steps them ten times a second; what comes out goes
//! through the gate and the delay into a stream for each class of data. A task per client follows its stream
//! (`connection`). Nobody who is slow, silent or hostile is waited for.

mod config;
mod director;
mod handle;
mod outlets;
mod runtime;
mod show;
mod start;
mod stream;
mod timing;

use std::sync::Arc;

pub use self::config::{GatewayConfig, GatewayError, check_anonymous};
use self::handle::Failure;
pub use self::handle::Gateway;
use self::outlets::Outlets;
pub(crate) use self::runtime::Runtime;
use self::start::Start;
use crate::Publisher;
use crate::operate::events::{GatewayEvent as _, LifeEvent};
use meridian_wire::DataClass;

/// Serves a publisher until it is stopped. What a live day's log has of it is gone through first, while whoever comes waits and
/// orders are answered `later`.
///
/// # Errors
/// [`GatewayError`] naming the address or file that can't be had.
pub fn serve(mut config: GatewayConfig, mut publisher: Publisher) -> Result<Gateway, GatewayError> {
    publisher.set_speed(config.speed);
    // Nobody can see exact figures where nobody can show a token.
    let anonymous = config
        .anonymous
        .is_some_and(|role| role.class() == DataClass::Internal);
    let wants_internal = config.tokens.is_some() || anonymous;
    publisher.want_internal(wants_internal);
    if let Some(intake) = &config.intake {
        intake.set_clock(Arc::clone(&config.clock));
    }
    let outlets = Outlets::new(&publisher, &config);
    let (state, desk) = (config.state.take(), config.desk.take());
    let runtime = Runtime::bind(&config, outlets.hubs())?;
    runtime.shared.metrics.set_starting(true);
    let failure = Failure::default();
    let failed = Arc::clone(&failure);
    let mut gateway = runtime.spawn("meridian-publisher", move |messages, shared| {
        let reporter = Arc::clone(&shared);
        let start = Start {
            publisher,
            outlets,
            wants_internal,
            state,
            desk,
            shared,
            config,
        };
        match start.open(&messages) {
            Ok(stream) => Some(stream?.run(&messages)),
            Err(error) => {
                let error = error.to_string();
                LifeEvent::ReplayFailed { error: &error }.emit(&*reporter);
                if let Ok(mut failed) = failed.lock() {
                    *failed = Some(error);
                }
                None
            }
        }
    })?;
    gateway.failure = failure;
    Ok(gateway)
}
