//! Carries out directors' commands: for the figures, for walls, and for other directors.

use std::time::Instant;

use super::show::Out;
use super::stream::Stream;
use crate::operate::audit::{Details, Kind as AuditKind};
use crate::operate::director::{Command, DirectorError, Outcome};
use crate::operate::limits::IntrusionAlert;
use crate::publish::gate::Implausible;
use crate::serve::control::{DeskAnswer, DeskRequest};
use crate::serve::hub::Announcement;
use crate::source::clock::mono_ms;
use meridian_wire::{Level, Names, Notice, Scene};

impl Stream {
    /// Holds figures that can't be true.
    pub(super) fn hold_for(&mut self, problem: &Implausible) {
        // Directors may see the figures that are wrong; walls and logs are told in words.
        if !self.desk.hold_for(&problem.to_string()) {
            return;
        }
        let (en, zh) = problem.in_words();
        let busiest = match problem {
            Implausible::TooFast { .. } => self.shared.intake.as_ref().and_then(|intake| intake.busiest()),
            _ => None,
        };
        match busiest {
            Some((source, percent)) => {
                tracing::error!(problem = en, source, percent, "the figures are held");
                self.notify_directors(Notice {
                    level: Level::Alert,
                    code: "busiest_source".to_owned(),
                    text: Names {
                        en: format!("{percent} % of what came last is from source {source}"),
                        zh: format!("最近的数据中 {percent}% 来自来源 {source}"),
                    },
                    published_ms: self.now_ms(),
                });
            }
            None => tracing::error!(problem = en, "the figures are held"),
        }
        let details = Details {
            reason: Some(en.to_owned()),
            ..Details::default()
        };
        self.shared
            .auditor
            .record(AuditKind::FiguresHeld, "figures", details);
        self.held_now();
        self.notify(Notice {
            level: Level::Alert,
            code: "implausible".to_owned(),
            text: Names {
                en: format!("The figures can't be right, the last good ones stay: {en}"),
                zh: format!("数据不合常理，保留最后的有效数据：{zh}"),
            },
            published_ms: self.now_ms(),
        });
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
            tracing::info!(
                by = first,
                "a release that was asked for is forgotten: the token holds no longer"
            );
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
        self.record(&request, &result);
        match &result {
            Ok(Outcome::Done(text)) => self.follow_up(&request, text, was_held),
            Ok(Outcome::NeedsSecond) => self.notify_directors(Notice {
                level: Level::Warning,
                code: "release_asked".to_owned(),
                text: Names {
                    en: format!(
                        "{} asks for the release: a second director has to agree",
                        request.by.name
                    ),
                    zh: format!("{} 请求恢复更新，需要另一位导播确认", request.by.name),
                },
                published_ms: self.now_ms(),
            }),
            Ok(Outcome::Unchanged) | Err(_) => {}
        }
        let _ = request.reply.send(result.map(|outcome| DeskAnswer {
            outcome,
            desk: self.desk.clone(),
        }));
    }

    /// Logs and audits what a director asked for and what came of it.
    fn record(&self, request: &DeskRequest, result: &Result<Outcome, DirectorError>) {
        if request.command == Command::Status {
            return;
        }
        let said = match result {
            Ok(Outcome::Done(text)) => text.clone(),
            Ok(Outcome::Unchanged) => "nothing changed".to_owned(),
            Ok(Outcome::NeedsSecond) => "release asked for, a second director has to agree".to_owned(),
            Err(error) => format!("refused: {error}"),
        };
        tracing::info!(by = request.by.name, command = ?request.command, said, "a director");
        let details = Details {
            token: Some(request.by.token.clone()),
            name: Some(request.by.name.clone()),
            reason: Some(format!("{:?}: {said}", request.command)),
            ..Details::default()
        };
        let auditor = &self.shared.auditor;
        match result {
            Ok(Outcome::Done(_) | Outcome::NeedsSecond) => auditor.record(AuditKind::Desk, "desk", details),
            Ok(Outcome::Unchanged) | Err(_) => auditor.record_vain(AuditKind::Desk, "desk", details),
        }
    }

    /// Shows what a command that was carried out changed, and says so.
    fn follow_up(&mut self, request: &DeskRequest, text: &str, was_held: bool) {
        let by = &request.by.name;
        let (level, code, en, zh) = match request.command {
            Command::Hold => (
                Level::Warning,
                "held",
                format!("Figures {text}"),
                format!("数据已由 {by} 暂停更新"),
            ),
            Command::Release => (
                Level::Info,
                "released",
                format!("Figures {text}"),
                "数据恢复更新".to_owned(),
            ),
            _ => (Level::Info, "directed", text.to_owned(), text.to_owned()),
        };
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
        let notice = Notice {
            level,
            code: code.to_owned(),
            text: Names { en, zh },
            published_ms: self.now_ms(),
        };
        // A wall that is filmed names nobody.
        if request.command == Command::Hold {
            let text = Names {
                en: "The figures are held for now".to_owned(),
                zh: "数据暂停更新".to_owned(),
            };
            let public = self.outlets.public.hub();
            public.announce(Announcement::Notice(Notice {
                text,
                ..notice.clone()
            }));
        }
        self.notify_directors(notice);
        self.save();
    }

    /// What directors are told of somebody who tries to come in.
    pub(super) fn notify_of_intrusion(&self, alert: &IntrusionAlert) {
        self.notify_directors(Notice {
            level: Level::Alert,
            code: "intrusion".to_owned(),
            text: alert.in_words(),
            published_ms: self.now_ms(),
        });
    }
}
