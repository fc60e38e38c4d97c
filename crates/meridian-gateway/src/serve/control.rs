//! Messages to the thread that fills the streams, and its answers.

use crossbeam_channel::Sender;
use tokio::sync::oneshot;

use crate::operate::director::{Command, Director, DirectorError, DirectorState, Outcome};
use crate::operate::events::To;
use meridian_wire::NoticeKind;

/// A message to the thread that fills the streams.
pub(crate) enum ControlMsg {
    Pause(bool),
    Speed(f64),
    Desk(DeskRequest),
    /// Something that those who follow the streams are to be told.
    Notice(To, NoticeKind),
    Stop,
}

/// Something that a director asks for.
pub(crate) struct DeskRequest {
    pub command: Command,
    pub by: Director,
    pub reply: oneshot::Sender<Result<DeskAnswer, DirectorError>>,
}

/// What a director is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskAnswer {
    /// What became of it.
    pub outcome: Outcome,
    /// How things stand now.
    pub desk: DirectorState,
}

/// Steers a running gateway.
#[derive(Clone)]
pub struct GatewayControl(Sender<ControlMsg>);

impl GatewayControl {
    /// Steers the thread that these messages go to.
    pub(crate) fn new(messages: Sender<ControlMsg>) -> Self {
        Self(messages)
    }

    /// Lets event time stand still.
    pub fn pause(&self) {
        let _ = self.0.send(ControlMsg::Pause(true));
    }

    /// Lets event time go on.
    pub fn resume(&self) {
        let _ = self.0.send(ControlMsg::Pause(false));
    }

    /// Changes how fast event time runs, 1 to 3600.
    pub fn set_speed(&self, speed: f64) {
        let _ = self.0.send(ControlMsg::Speed(speed.clamp(1.0, 3600.0)));
    }

    /// Says goodbye to every client and stops.
    pub fn stop(&self) {
        let _ = self.0.send(ControlMsg::Stop);
    }
}
