//! Carries out directors' commands: for the figures, for walls, and for other directors.

use std::time::Instant;

use super::show::Out;
use super::stream::Stream;
use crate::operate::director::{Command, DirectorError, Outcome};
use crate::operate::events::{DirectorEvent, GatewayEvent as _};
use crate::publish::gate::Implausible;
use crate::serve::control::{DeskAnswer, DeskRequest};
use crate::serve::hub::Announcement;
use crate::source::clock::mono_ms;
use meridian_wire::Scene;

impl Stream {
    /// Holds figures that can't be true.
    pub(super) fn hold_for(&mut self, problem: &Implausible) {
        // Directors may see the figures that are wrong; walls and logs are told in words.
        if !self.desk.hold_for(&problem.to_string()) {
            return;
        }
        let busiest = match problem {
            Implausible::TooFast { .. } => self.shared.intake.as_ref().and_then(|intake| intake.busiest()),
            _ => None,
        };
        if let Some((source, percent)) = busiest {
            DirectorEvent::BusiestSource { source, percent }.emit(self);
        }
        // Logged and audited before anything is written that may take its time.
        DirectorEvent::FiguresHeld { problem, busiest }.emit(self);
        self.held_now();
        DirectorEvent::HoldShown { problem }.emit(self);
    }

    /// Those who come from now on are shown what was shown last.
    fn held_now(&mut self) {
        self.resyncing = false;
        self.hold_shown();
        self.publish_direct();
        self.save();
    }

    fn publish_direct(&mut self) {
        self.shared.metrics.held.set(i64::from(self.desk.is_held()));
        let direct = self.desk.direct(self.now_ms());
        self.shared.hubs.announce(&Announcement::Direct(direct));
        self.beat();
    }

    /// Carries a command out, where there is what it asks for.
    fn carry_out(&mut self, request: &DeskRequest) -> Result<Outcome, DirectorError> {
        if let Command::Scene {
            scene: Scene::Region(iso2),
        } = &request.command
            && !self.publisher.has_region(iso2)
        {
            return Err(DirectorError::NoRegion(iso2.clone()));
        }
        if !self.pace.allows(&request.command, &request.by.token, mono_ms()) {
            return Err(DirectorError::TooMany);
        }
        let still_directs = |token: &str, mark: &str| self.shared.still_directs(token, mark);
        if request.command == Command::Release
            && let Some(first) = self.desk.forget_request_unless(still_directs)
        {
            DirectorEvent::ReleaseForgotten { by: &first }.emit(self);
        }
        let outcome = self
            .desk
            .carry_out(&request.command, &request.by, self.now_ms())?;
        Ok(match (outcome, &request.command) {
            // Displays may have models of products that the feed doesn't sell.
            (
                Outcome::Done(text),
                Command::Scene {
                    scene: Scene::Showroom(Some(id)),
                },
            ) if !self
                .publisher
                .hello()
                .products
                .iter()
                .any(|product| product.id == *id) =>
            {
                Outcome::Done(format!(
                    "{text}, which the feed doesn't sell: displays without a model of it stay where they are"
                ))
            }
            (outcome, _) => outcome,
        })
    }

    /// Answers a director, and tells whom it concerns.
    pub(super) fn direct(&mut self, request: DeskRequest) {
        let was_held = self.desk.is_held();
        let result = self.carry_out(&request);
        if request.command != Command::Status {
            let (by, command) = (&request.by, &request.command);
            let result = &result;
            DirectorEvent::Asked { by, command, result }.emit(self);
        }
        if let Ok(Outcome::Done(text)) = &result {
            self.follow_up(&request, text, was_held);
        }
        let _ = request.reply.send(result.map(|outcome| DeskAnswer {
            outcome,
            desk: self.desk.clone(),
        }));
    }

    /// Shows what a command that was carried out changed, and says so.
    fn follow_up(&mut self, request: &DeskRequest, text: &str, was_held: bool) {
        if self.desk.is_held() && !was_held {
            self.held_now();
        } else {
            if was_held && !self.desk.is_held() {
                self.gate.trust();
                self.resyncing = true;
                self.show_later(Out::Resync(self.snapshots()));
            }
            self.publish_direct();
            self.show_due(Instant::now());
        }
        let (by, command) = (&request.by, &request.command);
        DirectorEvent::Directed { by, command, text }.emit(self);
        self.save();
    }
}
